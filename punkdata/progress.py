"""Signature of the progress callbacks that long-running functions accept."""

from collections.abc import Callable

Progress = Callable[..., None]
"""Callback `progress(done, total, note="", unit=...)`, which several threads may call.

`total` is None while it is unknown. `note` is a short text about the current step. Functions that
count several things at once name each by `unit`, in the plural, for example "images"."""
