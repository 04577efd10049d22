"""What the charts of a snapshot share: colors and empty figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from punkdata.traits import TYPES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The gallery uses the same colors on a light background.
TYPE_COLORS = dict(zip(TYPES, ("#0d8a92", "#b5530b", "#b8508f", "#2b5fb8", "#2d8a3d"), strict=True))


def create_figure(
    width: float, height: float, *titles: str, **options: Any
) -> tuple[Figure, list[Axes]]:
    """Create a figure, in inches, with empty axes of these titles from the top to the bottom."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=140, layout="constrained")
    figure.subplots(len(titles), **options)
    for axes, title in zip(figure.axes, titles, strict=True):
        axes.set_title(title)
        axes.spines[["top", "right"]].set_visible(False)
    return figure, figure.axes
