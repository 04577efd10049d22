"""Signatures of the progress callbacks that long-running functions accept."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int | None], None]
"""Callback `progress(done, total)`; total is None while it is unknown."""

StageProgress = Callable[[str, int, int | None], None]
"""Callback `progress(stage, done, total)`; a stage is named by what it counts, for example
"images". It may be called from several threads."""
