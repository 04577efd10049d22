"""Fidelity and diversity: how closely generated punks match the distribution of real ones.

The reference is the union of the validation and the test split: 2,000 punks that no generator was
trained on. Most scores depend on the number of samples, so they are means over subsets of 2,000
sprites.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch

from punkdata.images.palette import PALETTE
from punkdata.traits import LABELS, TYPES
from punkmodels.data.palette import build_pair_table
from punkmodels.data.skin_tones import SKIN_TONE_PIXEL
from punkmodels.data.splits import SplitTensors
from punkmodels.gan.metrics.distances import frechet_distance, kernel_distance, neighbors

VALIDITY_TOLERANCE = 8
"""Maximum difference from a palette color at which a channel is valid, in steps of 1/255."""


@dataclass(frozen=True)
class FidelityScores:
    """Scores of a set of sprites, or means over several sets."""

    frechet_distance: float | None
    """Fréchet distance of features to the reference; None if there is no complete subset."""
    kernel_distance: float | None
    """Kernel distance of features to the reference; None if there is no complete subset."""
    precision: float
    """See `Neighbors`."""
    recall: float
    """See `Neighbors`."""
    density: float
    """See `Neighbors`."""
    coverage: float
    """See `Neighbors`."""
    train_copy_rate: float
    """Fraction of sprites that equal a training punk in every pixel."""
    duplicate_rate: float
    """Fraction of sprites that repeat another one: 1 - number of distinct sprites / number of
    sprites."""
    nn_distance_px_mean: float
    """Mean number of pixels that differ from the nearest training punk."""
    nn_distance_px_median: float
    """Median number of pixels that differ from the nearest training punk."""
    palette_validity: float
    """Fraction of pixels with all channels within 8/255 of a palette color, before quantization."""
    alpha_validity: float
    """Fraction of pixels with alpha within 8/255 of 0, 128 or 255, before quantization."""
    type_total_variation: float
    """Total variation distance between the types of the sprites and the reference, 0 to 1."""
    label_total_variation: float
    """Total variation distance between all labels of the sprites and the reference, 0 to 1; a
    label's probability is its share of all labels."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def average_scores(scores: list[FidelityScores]) -> FidelityScores:
    """Return the mean of each score; None remains None."""
    rows = [row.to_json() for row in scores]
    means: dict[str, Any] = {
        name: None if value is None else statistics.mean(row[name] for row in rows)
        for name, value in rows[0].items()
    }
    return FidelityScores(**means)


@dataclass(frozen=True)
class SampleStatistics:
    """Sprites and the statistics from which scores are computed; one row per sprite."""

    sprites: torch.Tensor
    """Palette indices, uint8 (N, 24, 24)."""
    features: torch.Tensor
    """Features of the bundled feature network, float32 (N, D)."""
    labels: torch.Tensor
    """Visible labels, bool (N, 92)."""
    nn_distance_px: torch.Tensor
    """Number of pixels that differ from the nearest training punk, int64 (N,)."""
    palette_error: torch.Tensor
    """Largest channel difference of each pixel from its nearest palette color before quantization,
    in steps of 1/255, float32 (N, 24, 24)."""
    alpha_error: torch.Tensor
    """Distance of each alpha value from the nearest alpha of the palette before quantization, in
    steps of 1/255, float32 (N, 24, 24)."""

    def __len__(self) -> int:
        return len(self.sprites)

    def take(self, rows: torch.Tensor | slice) -> SampleStatistics:
        """Return the statistics of the given rows."""
        return SampleStatistics(
            **{field.name: getattr(self, field.name)[rows] for field in fields(self)}
        )


def fidelity_scores(
    reference: SampleStatistics, samples: SampleStatistics, *, with_distances: bool = True
) -> FidelityScores:
    """Return the scores of a set of sprites.

    Args:
        reference: Real punks.
        samples: The sprites to score.
        with_distances: Compute the Fréchet and kernel distances. They depend on the number of
            sprites, so they can be compared only between sets of equal size.
    """
    near = neighbors(reference.features, samples.features)
    features = (reference.features, samples.features)
    num_types = len(TYPES)
    num_unique = len(torch.unique(samples.sprites.flatten(1), dim=0))
    return FidelityScores(
        frechet_distance=frechet_distance(*features) if with_distances else None,
        kernel_distance=kernel_distance(*features) if with_distances else None,
        precision=near.precision,
        recall=near.recall,
        density=near.density,
        coverage=near.coverage,
        train_copy_rate=_mean(samples.nn_distance_px == 0),
        duplicate_rate=1 - num_unique / len(samples),
        nn_distance_px_mean=_mean(samples.nn_distance_px),
        nn_distance_px_median=float(samples.nn_distance_px.double().quantile(0.5)),
        palette_validity=_mean(samples.palette_error <= VALIDITY_TOLERANCE),
        alpha_validity=_mean(samples.alpha_error <= VALIDITY_TOLERANCE),
        type_total_variation=total_variation(
            reference.labels[:, :num_types], samples.labels[:, :num_types]
        ),
        label_total_variation=total_variation(reference.labels, samples.labels),
    )


def total_variation(real: torch.Tensor, generated: torch.Tensor) -> float:
    """Return the total variation distance between two label distributions, 0 to 1.

    Args:
        real: Labels, bool (R, L). A label's probability is its share of all labels in the set.
        generated: Labels, bool (N, L).
    """
    p, q = (t.double().sum(dim=0) / t.sum().clamp(min=1) for t in (real, generated))
    return float((p - q).abs().sum() / 2)


def label_frequencies(
    real: torch.Tensor, generated: torch.Tensor
) -> list[tuple[str, float, float]]:
    """Return each label with its frequency in real and in generated punks.

    The most misrepresented labels come first.

    Args:
        real: Labels, bool (R, 92).
        generated: Labels, bool (N, 92).
    """
    real_frequencies, generated_frequencies = (
        labels.double().mean(dim=0).tolist() for labels in (real, generated)
    )
    rows = zip(LABELS, real_frequencies, generated_frequencies, strict=True)
    return sorted(rows, key=lambda row: -abs(row[1] - row[2]))


def compute_alpha_error(images: torch.Tensor) -> torch.Tensor:
    """Return the distance of alpha from the nearest alpha of the palette, in steps of 1/255.

    Args:
        images: RGBA in [-1, 1], float32 (N, 4, 24, 24).

    Returns:
        float32 (N, 24, 24)
    """
    alphas = torch.tensor(sorted({int(alpha) for alpha in PALETTE[:, 3]}), device=images.device)
    alpha = (images[:, 3, ..., None] + 1) * 127.5
    return (alpha - alphas).abs().amin(dim=-1)


class NearestNeighborIndex:
    """Search for the real sprite with the fewest differing pixels.

    Args:
        sprites: Real sprites as palette indices, uint8 (R, 24, 24).
    """

    def __init__(self, sprites: torch.Tensor) -> None:
        self.pairs = build_pair_table(sprites).to(sprites.device)
        self.num_pairs = int(self.pairs.max())
        self.one_hot = self._one_hot(sprites).T.contiguous()

    def nearest(self, sprites: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the row of the nearest real sprite, and the number of differing pixels.

        Args:
            sprites: Palette indices, uint8 (N, 24, 24).

        Returns:
            Two int64 tensors (N,).
        """
        batches = [(self._one_hot(b) @ self.one_hot).max(dim=1) for b in torch.split(sprites, 500)]
        equal_pixels, rows = (torch.cat(values) for values in zip(*batches, strict=True))
        return rows, len(self.pairs) - equal_pixels.long()

    def _one_hot(self, sprites: torch.Tensor) -> torch.Tensor:
        """Return one column per pair of position and color in real sprites, float32 (N, pairs)."""
        positions = torch.arange(len(self.pairs), device=sprites.device)
        columns = self.pairs[positions, sprites.flatten(1).long()].long()
        one_hot = torch.zeros(len(columns), self.num_pairs + 1, device=columns.device)
        return one_hot.scatter_(1, columns, 1)[:, 1:]  # Column 0 is for all other pairs.


def expected_copy_rate(train: SplitTensors, held_out: SplitTensors) -> float:
    """Return the train copy rate of a perfect generator, 0 to 1.

    A perfect generator samples visible labels like those of held-out punks, and then a skin tone
    with its frequency among training punks of the same type. Labels and skin tone determine every
    pixel, so the result is a copy if a training punk has both.
    """
    tone_counts: defaultdict[_Labels, Counter[int]] = defaultdict(Counter)  # by type
    known_tones: defaultdict[_Labels, set[int]] = defaultdict(set)  # by all visible labels
    for labels, tone in zip(_visible_labels(train), _tone_colors(train), strict=True):
        tone_counts[labels[: len(TYPES)]][tone] += 1
        known_tones[labels].add(tone)
    probabilities = []
    for labels in _visible_labels(held_out):
        counts = tone_counts[labels[: len(TYPES)]]
        copies = sum(counts[tone] for tone in known_tones.get(labels, ()))
        probabilities.append(copies / max(1, counts.total()))
    return statistics.mean(probabilities)


_Labels = tuple[bool, ...]


def _visible_labels(split: SplitTensors) -> list[_Labels]:
    return [tuple(row) for row in split.visible.bool().tolist()]


def _tone_colors(split: SplitTensors) -> list[int]:
    """Return the palette index of the pixel that identifies the skin tone."""
    row, column = SKIN_TONE_PIXEL
    colors: list[int] = split.images[:, row, column].tolist()
    return colors


def _mean(values: torch.Tensor) -> float:
    return float(values.double().mean())
