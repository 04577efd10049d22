"""Fidelity and diversity: how closely generated images match the distribution of real ones.

Most scores are computed from features, (N, D) of real and (M, D) of generated images, in float64.
They depend on the feature network and on the numbers of images, so only scores with the same
network and numbers can be compared. `project_pixels` gives features without a network.
"""

from __future__ import annotations

import functools
import statistics
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch

from punkdata.images.palette import PALETTE
from punkdata.traits import LABELS, TYPES
from punkmodels.data.palette import NUM_PIXELS, build_pair_table, quantize

Scores = dict[str, float]
NUM_PROJECTIONS = 128
VALIDITY_TOLERANCE = 8  # difference of a channel from a palette color, in steps of 1/255


def frechet_distance(real: torch.Tensor, generated: torch.Tensor) -> float:
    """Return the Fréchet distance between normal distributions that are fitted to the features.

    |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁Σ₂)^½), as in Heusel et al., "GANs Trained by a Two Time-Scale
    Update Rule" (2017), who use the features of another network.
    """
    real, generated = real.double(), generated.double()
    cov_1, cov_2 = real.T.cov(), generated.T.cov()
    # The trace of the matrix root is the sum of the roots of the eigenvalues.
    trace_of_root = torch.linalg.eigvals(cov_1 @ cov_2).sqrt().real.sum()
    squared_gap = (real.mean(dim=0) - generated.mean(dim=0)).square().sum()
    return float(squared_gap + cov_1.trace() + cov_2.trace() - 2 * trace_of_root)


@functools.cache
def _random_signs() -> torch.Tensor:
    """Return a fixed random sign for each position, color and feature, int8 (576 * 222, 128)."""
    shape = (NUM_PIXELS * len(PALETTE), NUM_PROJECTIONS)
    signs = np.random.default_rng(0).integers(0, 2, shape, np.int8)
    return torch.from_numpy(2 * signs - 1)


def project_pixels(sprites: torch.Tensor) -> torch.Tensor:
    """Project the one-hot palette pixels of sprites, uint8 (N, 24, 24), to float32 (N, 128).

    Random signs (Achlioptas, "Database-friendly random projections", 2003) preserve distances: the
    expected squared distance between two sprites is the number of pixels that differ.
    """
    signs, offsets = _random_signs(), torch.arange(NUM_PIXELS) * len(PALETTE)
    batches = torch.split(sprites.flatten(1).int() + offsets, 100)
    sums = torch.cat([signs[rows].sum(dim=1, dtype=torch.float32) for rows in batches])
    return sums.div((2 * NUM_PROJECTIONS) ** 0.5)


def kernel_distance(real: torch.Tensor, generated: torch.Tensor) -> float:
    """Return the unbiased squared maximum mean discrepancy with the kernel (x·y / D + 1)³.

    The expected value for two samples of one distribution is 0, so small negative values occur.
    See Bińkowski et al., "Demystifying MMD GANs" (2018), who average it over subsets.
    """

    def kernel(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (x.double() @ y.double().T / x.shape[1] + 1) ** 3

    within = [
        (k.sum() - k.trace()) / (len(k) * (len(k) - 1))
        for k in (kernel(real, real), kernel(generated, generated))
    ]
    return float(within[0] + within[1] - 2 * kernel(real, generated).mean())


def feature_scores(
    real: torch.Tensor, generated: torch.Tensor, *, with_distances: bool = True
) -> Scores:
    """Return precision, recall, density and coverage, and both distances.

    Distances between sets of unusual sizes are not comparable, and can be left out.

    The neighborhood of an image has the radius of the distance to its k-th nearest neighbor in its
    own set. Precision is the fraction of generated images in the neighborhood of any real one,
    recall the reverse (k = 3; Kynkäänniemi et al., "Improved Precision and Recall Metric for
    Assessing Generative Models", 2019). Density is the mean number of neighborhoods of real images
    that a generated one is in, divided by k, and can exceed 1; coverage is the fraction of real
    images with a generated one in their neighborhood (k = 5; Naeem et al., "Reliable Fidelity and
    Diversity Metrics for Generative Models", 2020).
    """
    distances, real_distances = _distances(real, generated), _distances(real, real)
    # The nearest neighbor of an image in its own set is the image itself.
    radius_3, radius_5 = (real_distances.kthvalue(k + 1).values[:, None] for k in (3, 5))
    generated_radius = _distances(generated, generated).kthvalue(4).values
    is_near_real = distances <= radius_5
    scores = {
        "precision": _mean((distances <= radius_3).any(dim=0)),
        "recall": _mean((distances <= generated_radius).any(dim=1)),
        "density": _mean(is_near_real.sum(dim=0)) / 5,
        "coverage": _mean(is_near_real.any(dim=1)),
    }
    if with_distances:
        scores["frechet_distance"] = frechet_distance(real, generated)
        scores["kernel_distance"] = kernel_distance(real, generated)
    return scores


@dataclass(frozen=True)
class Samples:
    """Sprites and what their scores are computed from.

    `sprites` are palette indices, uint8 (N, 24, 24); `features` float32 (N, D); `projections` those
    of `project_pixels`; `labels` visible labels, bool (N, 92); `nearest` the row of the nearest
    training punk, and `nn_distance_px` the number of pixels that differ from it, int64 (N,);
    `legal_distance_px` the number of pixels that differ from the nearest legal punk, see
    `punkdata.analysis.nearest_outfits`; `is_held_out`, bool (N,), is True for sprites that equal a
    punk of the validation or test split.
    """

    sprites: torch.Tensor
    features: torch.Tensor
    projections: torch.Tensor
    labels: torch.Tensor
    nearest: torch.Tensor
    nn_distance_px: torch.Tensor
    legal_distance_px: torch.Tensor
    is_held_out: torch.Tensor

    def __getitem__(self, rows: torch.Tensor | slice) -> Samples:
        return Samples(*(getattr(self, field.name)[rows] for field in fields(self)))


def fidelity_scores(reference: Samples, samples: Samples, *, with_distances: bool = True) -> Scores:
    """Return the scores of sprites, compared with real punks."""
    types, pixel_distance = slice(len(TYPES)), {}
    if with_distances:
        distance = frechet_distance(reference.projections, samples.projections)
        pixel_distance["frechet_distance_pixels"] = distance
    return {
        **feature_scores(reference.features, samples.features, with_distances=with_distances),
        **pixel_distance,
        "train_copy_rate": _mean(samples.nn_distance_px == 0),
        "held_out_copy_rate": _mean(samples.is_held_out),
        "duplicate_rate": duplicate_rate(samples.sprites),
        "nn_distance_px_mean": _mean(samples.nn_distance_px),
        "nn_distance_px_median": float(samples.nn_distance_px.double().quantile(0.5)),
        "legal_rate": _mean(samples.legal_distance_px == 0),
        "legal_distance_px_mean": _mean(samples.legal_distance_px),
        # Palette indices are valid; `snap_to_palette` measures other images.
        "palette_validity": 1.0,
        "alpha_validity": 1.0,
        "type_total_variation": total_variation(
            reference.labels[:, types], samples.labels[:, types]
        ),
        "label_total_variation": total_variation(reference.labels, samples.labels),
    }


def average_scores(scores: list[Scores]) -> Scores:
    return {name: statistics.mean(row[name] for row in scores) for name in scores[0]}


def snap_to_palette(images: torch.Tensor) -> tuple[torch.Tensor, Scores]:
    """Return sprites as palette indices, and the validity of RGBA images, float32 (N, 4, 24, 24).

    Palette validity is the fraction of pixels with all channels within 8/255 of a palette color,
    alpha validity the same for alpha alone. Palette indices are returned without validity.
    """
    if images.dtype == torch.uint8:
        return images, {}
    sprites, palette_error = quantize(images)
    alpha = (images[:, 3, ..., None] + 1) * 127.5
    alpha_error = (alpha - torch.unique(torch.tensor(PALETTE[:, 3]))).abs().amin(dim=-1)
    return sprites, {
        "palette_validity": _mean(palette_error <= VALIDITY_TOLERANCE),
        "alpha_validity": _mean(alpha_error <= VALIDITY_TOLERANCE),
    }


def duplicate_rate(images: torch.Tensor) -> float:
    """Return 1 - number of distinct images / number of images."""
    return 1 - len(torch.unique(images.flatten(1), dim=0)) / len(images)


def total_variation(real: torch.Tensor, generated: torch.Tensor) -> float:
    """Return the total variation distance, 0 to 1, between the distributions of labels, (N, L).

    The probability of a label is its share of all labels in the set.
    """
    p, q = (t.double().sum(dim=0) / t.sum().clamp(min=1) for t in (real, generated))
    return float((p - q).abs().sum() / 2)


def label_frequencies(real: torch.Tensor, generated: torch.Tensor) -> list[dict[str, Any]]:
    """Return the frequencies of each label, (N, 92), the most misrepresented ones first."""
    frequencies = [labels.double().mean(dim=0).tolist() for labels in (real, generated)]
    rows = sorted(zip(LABELS, *frequencies, strict=True), key=lambda row: -abs(row[1] - row[2]))
    return [dict(zip(("label", "held_out", "generated"), row, strict=True)) for row in rows]


def nearest_neighbors(
    train: torch.Tensor, sprites: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Find the training sprite with the fewest differing pixels for each sprite.

    Returns the rows of the nearest training sprites, and the numbers of these pixels, int64 (N,).
    """
    pairs = build_pair_table(train)
    positions = torch.arange(len(pairs))

    def one_hot(sprites: torch.Tensor) -> torch.Tensor:
        columns = pairs[positions, sprites.flatten(1).long()].long()
        one_hot = torch.zeros(len(columns), int(pairs.max()) + 1).scatter_(1, columns, 1)
        return one_hot[:, 1:]  # Column 0 is for pairs that do not occur.

    train_one_hot = one_hot(train).T.contiguous()
    batches = [(one_hot(batch) @ train_one_hot).max(dim=1) for batch in torch.split(sprites, 500)]
    equal_pixels, rows = (torch.cat(values) for values in zip(*batches, strict=True))
    return rows, len(pairs) - equal_pixels.long()


def _mean(values: torch.Tensor) -> float:
    return float(values.double().mean())


def _distances(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    # The default, a matrix product, is faster but inaccurate for small distances.
    return torch.cdist(a.double(), b.double(), compute_mode="donot_use_mm_for_euclid_dist")
