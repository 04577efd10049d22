"""How much drawn punks resemble real ones: every score of a generator. Pure.

The reference are the 2,000 punks of the validation and test parts, which no generator saw. Scores
are means over draws of 2,000 sprites, because most of them depend on that number.
"""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch

from punkdata.images.palette import PALETTE
from punkdata.traits import LABELS, TYPES
from punkmodels.data.palette import build_pair_table
from punkmodels.data.skin_tones import SKIN_TONE_PIXEL
from punkmodels.data.splits import SplitTensors
from punkmodels.gan.metrics.distances import frechet_distance, kernel_distance, neighbors

NEAR = 8
"""steps of 1/255 within which a pixel's channels count as one of the palette's colors"""


@dataclass(frozen=True)
class FidelityScores:
    """Of one draw, or means over several."""

    frechet_distance: float | None
    kernel_distance: float | None
    precision: float
    recall: float
    density: float
    coverage: float
    train_copy_rate: float
    """share of sprites that are a training punk, pixel by pixel"""
    duplicate_rate: float
    """share of sprites that are drawn again in the same draw"""
    nn_distance_px_mean: float
    """pixels that differ from the nearest training punk"""
    nn_distance_px_median: float
    palette_validity: float
    """share of pixels within 8/255 of a palette color in every channel, before snapping"""
    alpha_validity: float
    """share of pixels with an alpha within 8/255 of 0, 128 or 255, before snapping"""
    type_total_variation: float
    """total variation between the types drawn and those of the reference, 0 to 1"""
    label_total_variation: float
    """total variation between all labels drawn and all those of the reference, 0 to 1: each
    counts by its share of all labels"""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def average_scores(draws: list[FidelityScores]) -> FidelityScores:
    """Each score's mean."""
    rows = [draw.to_json() for draw in draws]
    means: dict[str, Any] = {
        name: None if value is None else statistics.mean(row[name] for row in rows)
        for name, value in rows[0].items()
    }
    return FidelityScores(**means)


@dataclass(frozen=True)
class SampleStatistics:
    """Sprites, and all that scores are made of; each tensor has a row a sprite."""

    sprites: torch.Tensor
    """palette indices uint8 (N, 24, 24)"""
    features: torch.Tensor
    """float32 (N, D)"""
    labels: torch.Tensor
    """bool (N, 92), visible ones"""
    nearest: torch.Tensor
    """int64 (N,), pixels that differ from the nearest training punk"""
    off: torch.Tensor
    """float32 (N, 24, 24), how far a pixel was from the palette, in steps of 1/255"""
    off_alpha: torch.Tensor
    """the same of its alpha"""

    def __len__(self) -> int:
        return len(self.sprites)

    def take(self, rows: torch.Tensor | slice) -> SampleStatistics:
        """Some of them."""
        return SampleStatistics(
            **{field.name: getattr(self, field.name)[rows] for field in fields(self)}
        )


def fidelity_scores(
    reference: SampleStatistics, drawn: SampleStatistics, *, distances: bool = True
) -> FidelityScores:
    """All scores of one draw.

    Args:
        distances: False leaves out what would mean nothing, because N is another than usual.
    """
    near = neighbors(reference.features, drawn.features)
    both = (reference.features, drawn.features)
    kinds = len(TYPES)
    return FidelityScores(
        frechet_distance=frechet_distance(*both) if distances else None,
        kernel_distance=kernel_distance(*both) if distances else None,
        precision=near.precision,
        recall=near.recall,
        density=near.density,
        coverage=near.coverage,
        train_copy_rate=float((drawn.nearest == 0).double().mean()),
        duplicate_rate=1 - len(torch.unique(drawn.sprites.flatten(1), dim=0)) / len(drawn),
        nn_distance_px_mean=float(drawn.nearest.double().mean()),
        nn_distance_px_median=float(drawn.nearest.double().quantile(0.5)),
        palette_validity=float((drawn.off <= NEAR).double().mean()),
        alpha_validity=float((drawn.off_alpha <= NEAR).double().mean()),
        type_total_variation=total_variation(reference.labels[:, :kinds], drawn.labels[:, :kinds]),
        label_total_variation=total_variation(reference.labels, drawn.labels),
    )


def total_variation(real: torch.Tensor, drawn: torch.Tensor) -> float:
    """Half the sum over labels of |share of all real labels − share of all drawn ones|, of bool
    (R, L) and (N, L): 0 is the same mix, 1 nothing in common.
    """
    p, q = (t.double().sum(dim=0) / t.sum().clamp(min=1) for t in (real, drawn))
    return float((p - q).abs().sum() / 2)


def label_shares(real: torch.Tensor, drawn: torch.Tensor) -> list[tuple[str, float, float]]:
    """Every label, how often it is real and how often drawn, the farthest apart first."""
    shares = zip(
        LABELS, real.double().mean(dim=0).tolist(), drawn.double().mean(dim=0).tolist(), strict=True
    )
    return sorted(shares, key=lambda row: -abs(row[1] - row[2]))


def off_alpha(images: torch.Tensor) -> torch.Tensor:
    """float (N, 24, 24): how far alpha is from the nearest one of the palette, in 1/255.

    Args:
        images: float32 (N, 4, 24, 24) in [-1, 1].
    """
    known = torch.tensor(sorted({int(alpha) for alpha in PALETTE[:, 3]}), device=images.device)
    alpha = (images[:, 3, ..., None] + 1) * 127.5
    return (alpha - known).abs().amin(dim=-1)


class NearestNeighborIndex:
    """Real sprites, palette indices uint8 (R, 24, 24), to look for the nearest in."""

    def __init__(self, sprites: torch.Tensor) -> None:
        self.pairs = build_pair_table(sprites).to(sprites.device)
        self.columns = int(self.pairs.max()) + 1
        self.known = self._one_hot(sprites).T.contiguous()

    def _one_hot(self, sprites: torch.Tensor) -> torch.Tensor:
        """float32 (N, pairs of place and color that real sprites have)."""
        places = torch.arange(len(self.pairs), device=sprites.device)
        rows = self.pairs[places, sprites.flatten(1).long()].long()
        flat = torch.zeros(len(rows), self.columns, device=rows.device)
        return flat.scatter_(1, rows, 1)[:, 1:]  # column 0: colors that no real one has there

    def nearest(self, sprites: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """For each sprite (N, 24, 24), which real one has the fewest differing pixels, and how
        many: int64 (N,).
        """
        best = [(self._one_hot(part) @ self.known).max(dim=1) for part in torch.split(sprites, 500)]
        alike, which = (torch.cat(values) for values in zip(*best, strict=True))
        return which, len(self.pairs) - alike.long()


def expected_copy_rate(train: SplitTensors, held_out: SplitTensors) -> float:
    """How often a perfect sampler would draw a training punk again.

    It draws visible labels as held-out punks have them, and a skin tone anew, as frequent as in
    that type. Labels and tone determine every pixel, so it is a copy if a training punk has both.
    """
    y, x = SKIN_TONE_PIXEL
    tones = [part.images[:, y, x].tolist() for part in (train, held_out)]
    labels = [[tuple(row) for row in part.visible.bool().tolist()] for part in (train, held_out)]
    kinds = [[row[: len(TYPES)] for row in part] for part in labels]
    of_kind: dict[tuple[bool, ...], dict[int, int]] = {}
    of_labels: dict[tuple[bool, ...], set[int]] = {}
    for kind, label, skin_tone in zip(kinds[0], labels[0], tones[0], strict=True):
        counts = of_kind.setdefault(kind, {})
        counts[skin_tone] = counts.get(skin_tone, 0) + 1
        of_labels.setdefault(label, set()).add(skin_tone)
    chances = []
    for kind, label in zip(kinds[1], labels[1], strict=True):
        counts = of_kind.get(kind, {})
        known = sum(counts[skin_tone] for skin_tone in of_labels.get(label, ()))
        chances.append(known / max(1, sum(counts.values())))
    return statistics.mean(chances)
