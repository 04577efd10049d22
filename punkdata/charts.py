"""Charts that look the same everywhere, whatever the user's matplotlib settings.

A matplotlibrc may ask for LaTeX or a dark style, and Jupyter sets MPLBACKEND to a backend that
other environments lack. Modules that draw import matplotlib inside `chart_style`, not at the top.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from punkdata.errors import SetupError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def load_matplotlib() -> None:
    """Import matplotlib, ignoring an unknown backend in MPLBACKEND, because no chart needs one.

    Raises SetupError if it cannot read its configuration file, and ImportError if it is missing.
    """
    if "matplotlib" in sys.modules:
        return
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib
    except (OSError, UnicodeError) as error:
        raise SetupError(
            f"matplotlib cannot read its configuration file ({type(error).__name__})",
            hint="correct or remove the file matplotlibrc: it is in the current folder, in your "
            "configuration folder, or at the path in MATPLOTLIBRC",
        ) from None
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    if backend:
        with suppress(ValueError):
            matplotlib.rcParams["backend"] = backend  # Notebooks rely on it.


@contextmanager
def chart_style() -> Iterator[None]:
    """Draw and save figures with the defaults of matplotlib; raises as `load_matplotlib`."""
    load_matplotlib()
    import matplotlib

    # rc_context would not restore the backend, and a figure that is saved as PNG needs none.
    names = set(matplotlib.rcParamsDefault) - {"backend"}
    with matplotlib.rc_context({name: matplotlib.rcParamsDefault[name] for name in names}):
        yield


def encode_figure(figure: Figure, dpi: int | None = None) -> bytes:
    """Return a figure as PNG, with its own resolution or another one in dots per inch."""
    figure.savefig(
        file := io.BytesIO(), format="png", dpi=dpi or figure.dpi, metadata={"Software": "punkdata"}
    )
    return file.getvalue()
