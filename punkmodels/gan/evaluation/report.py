"""Result of an evaluation of generated punks, as JSON, tables and nearest neighbors."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from PIL import Image

from punkdata.images.sprite import SIDE_PX
from punkmodels.data.image_grid import make_grid
from punkmodels.data.splits import SplitTensors
from punkmodels.gan.metrics.fidelity import FidelityScores

NEIGHBOR_COLUMNS = 16
"""Columns of nearest_neighbors.png."""
NAMES = {
    "frechet_distance": "Fréchet distance",
    "kernel_distance": "kernel distance",
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
    "train_copy_rate": "train copy rate",
    "duplicate_rate": "duplicate rate",
    "nn_distance_px_mean": "nearest-neighbor distance (px), mean",
    "nn_distance_px_median": "nearest-neighbor distance (px), median",
    "palette_validity": "palette validity",
    "alpha_validity": "alpha validity",
    "type_total_variation": "total variation of types",
    "label_total_variation": "total variation of labels",
}
"""Names of the scores in tables."""


@dataclass(frozen=True)
class GeneratorEvaluation:
    """Scores of generated punks."""

    source: str
    """Name of the generator or of the images."""
    version: str
    """Version of the snapshot with the real punks."""
    num_samples: int
    """Number of generated sprites."""
    num_subsets: int
    """Number of subsets over which scores are averaged."""
    scores: FidelityScores
    """Mean scores over the subsets."""
    frechet_std: float
    """Standard deviation of the Fréchet distance over the subsets; 0 for a single subset."""
    test_reference: FidelityScores
    """Scores of the validation split against the test split and the reverse, averaged; without
    distances, which depend on the number of sprites."""
    train_reference: FidelityScores
    """Scores of random training punks, which a generator that only memorizes would reach."""
    expected_copy_rate: float
    """Train copy rate of a perfect generator."""
    label_frequencies: list[tuple[str, float, float]]
    """(label, frequency in held-out punks, frequency in generated punks), the most misrepresented
    label first."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def score_table(*results: GeneratorEvaluation) -> list[tuple[str, ...]]:
    """Return scores as text: a header, then one row per score.

    There is one column per result, followed by the test and train references of the first result.
    """
    first = results[0]
    columns = [(result.source, result.scores) for result in results]
    columns += [
        ("test reference", first.test_reference),
        ("train reference", first.train_reference),
    ]
    table = [("score", *(name for name, _ in columns))]
    for key, name in NAMES.items():
        table.append((name, *(_format_score(getattr(scores, key)) for _, scores in columns)))
    return table


def format_markdown(*results: GeneratorEvaluation) -> str:
    """Return scores as a Markdown table with notes."""
    head, *body = score_table(*results)
    lines = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *body)]
    first = results[0]
    sizes = ", ".join(
        f"{r.num_subsets} subset{'s' * (r.num_subsets > 1)} of "
        f"{r.num_samples // r.num_subsets:,} sprites of {r.source}"
        for r in results
    )
    lines += [
        "",
        "Test reference: the validation split against the test split, and the reverse. Train "
        "reference: random training punks. Expected copy rate of a perfect generator: "
        f"{first.expected_copy_rate:.4f}. Means over {sizes}; snapshot {first.version}.",
        "",
    ]
    return "\n".join(lines)


def render_nearest_neighbors(
    sprites: torch.Tensor, nearest: torch.Tensor, distance: torch.Tensor, train: SplitTensors
) -> Image.Image:
    """Return an image of sprites, with the nearest training punk below each.

    Three bands show the closest sprites that are not copies, those in the middle, and the farthest.

    Args:
        sprites: Generated sprites as palette indices, uint8 (N, 24, 24).
        nearest: Rows of the nearest training punks, int64 (N,).
        distance: Numbers of differing pixels, int64 (N,).
        train: Training punks.
    """
    columns = NEIGHBOR_COLUMNS
    order = torch.argsort(distance, stable=True)
    order = order[distance[order] > 0]
    middle = max(0, len(order) // 2 - columns // 2)
    bands = [order[:columns], order[middle : middle + columns], order[-columns:].flip(0)]
    rows = [row for band in bands for row in (sprites[band], train.images[nearest[band]])]
    padded = [torch.cat([row, row.new_zeros(columns - len(row), SIDE_PX, SIDE_PX)]) for row in rows]
    return make_grid(torch.cat(padded), columns)


def _format_score(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:.4f}"
