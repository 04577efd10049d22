"""Punks whose label sets a model samples and a renderer draws."""

from dataclasses import dataclass, fields

import numpy as np
import torch

from punkdata.errors import UsageError
from punkdata.progress import Progress
from punkdata.traits import ACCESSORY_SLOTS, TYPES
from punkmodels.label_sets.encoding import NUM_VARIABLES, SKIN_TONE, SLOTS, TYPE, decode_label_sets
from punkmodels.label_sets.network import LabelSetModel
from punkmodels.label_sets.real import is_new
from punkmodels.renderer.drawing import draw_with_certainty
from punkmodels.renderer.network import Renderer, encode_condition

MIN_CERTAINTY = 0.8
MAX_ATTEMPTS, MAX_NEW_ATTEMPTS = 10, 100
BATCH_SIZE = 500
REFUSED = -1.0  # Certainty of a punk that is not new, below that of any sprite.


@dataclass(frozen=True)
class SampledPunks:
    """Labels, uint8 (N, 92), skin tones, int64 (N,), and palette indices, uint8 (N, 24, 24).

    `certainty`, float32 (N,), is that of `draw_with_certainty`.
    """

    labels: torch.Tensor
    skin_tones: torch.Tensor
    sprites: torch.Tensor
    certainty: torch.Tensor


FIELDS = tuple(field.name for field in fields(SampledPunks))


def fix_values(
    punk_type: str | None, accessories: list[str], skin_tone: int | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return values, int64 (11,), and which of them are fixed, bool (11,).

    Names are those of `find_fixed_traits`; slots without a fixed accessory are not fixed.
    """
    values = torch.zeros(NUM_VARIABLES, dtype=torch.int64)
    is_fixed = torch.zeros(NUM_VARIABLES, dtype=torch.bool)
    if punk_type is not None:
        values[TYPE], is_fixed[TYPE] = TYPES.index(punk_type), True
    if skin_tone is not None:
        values[SKIN_TONE], is_fixed[SKIN_TONE] = skin_tone, True
    for i, slot in enumerate(ACCESSORY_SLOTS, SLOTS.start):
        for name in set(slot) & set(accessories):
            values[i], is_fixed[i] = slot.index(name) + 1, True
    return values, is_fixed


class PunkSampler:
    """Samples label sets with a model, and draws them with a renderer.

    The renderer knows some combinations of accessories from no training punk. So a label set is
    sampled again if the certainty of its sprite is below `min_certainty`; after 10 attempts, the
    most certain one is kept. 0 keeps all first attempts.

    The model computes in double precision, so that the same seed gives the same punks in batches of
    any size.
    """

    def __init__(
        self, model: LabelSetModel, renderer: Renderer, min_certainty: float = MIN_CERTAINTY
    ) -> None:
        self.model: LabelSetModel = model.double()
        self.renderer: Renderer = renderer
        self.min_certainty: float = min_certainty

    def sample(
        self,
        count: int,
        seed: int,
        fixed: tuple[torch.Tensor, torch.Tensor],
        *,
        novel: bool = False,
        progress: Progress = lambda done, total, note="": None,
    ) -> SampledPunks:
        """Sample punks; a larger count extends the punks of a smaller one.

        `fixed` is the result of `fix_values`. With `novel`, no punk has a label set of `is_new`.
        Raises UsageError if no such label set is found.
        """
        batches = []
        for start in range(0, count, BATCH_SIZE):
            size = min(BATCH_SIZE, count - start)
            batches.append(self._sample_batch(size, (seed, start), fixed, novel=novel))
            progress(start + size, count)
        return SampledPunks(*(torch.cat([getattr(b, name) for b in batches]) for name in FIELDS))

    def _sample_batch(
        self,
        count: int,
        seed: tuple[int, int],
        fixed: tuple[torch.Tensor, torch.Tensor],
        *,
        novel: bool,
    ) -> SampledPunks:
        best, rows = None, torch.arange(count)
        for attempt in range(MAX_NEW_ATTEMPTS if novel else MAX_ATTEMPTS):
            # Each row of a batch has its own random numbers in each attempt.
            random = np.random.default_rng((*seed, attempt))
            uniform = torch.from_numpy(random.random((BATCH_SIZE, NUM_VARIABLES)))[rows]
            values, is_fixed = (each.expand(len(rows), -1) for each in fixed)
            punks = self._draw(self.model.sample(values, is_fixed, uniform))
            if novel:
                is_real = ~is_new(punks.labels, punks.skin_tones, self.renderer)
                punks.certainty[is_real] = REFUSED
            if best is None:
                best = punks
            else:
                is_better = punks.certainty > best.certainty[rows]
                for name in FIELDS:
                    getattr(best, name)[rows[is_better]] = getattr(punks, name)[is_better]
            # At last, any sprite will do.
            wanted = self.min_certainty if attempt + 1 < MAX_ATTEMPTS else 0
            rows = torch.nonzero(best.certainty < wanted)[:, 0]
            if not len(rows):
                return best
        raise UsageError(
            f"{MAX_NEW_ATTEMPTS} attempts have found no new punk with these traits",
            hint="fix fewer traits",
        )

    def _draw(self, values: torch.Tensor) -> SampledPunks:
        labels, skin_tones = decode_label_sets(values)
        condition = encode_condition(labels, skin_tones).to(self.renderer.weight.device)
        sprites, certainty = draw_with_certainty(self.renderer, condition)
        return SampledPunks(labels, skin_tones, sprites.cpu(), certainty.cpu())
