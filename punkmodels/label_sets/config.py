"""Training options of a model of label sets, and their presets."""

import math
from typing import Annotated, Any, ClassVar

from pydantic import Field

from punkmodels.choices import LabelSetsPreset
from punkmodels.training.config import (
    Count,
    Dim,
    Fraction,
    Seed,
    TotalImages,
    TrainingConfig,
    validate_config,
)


class LabelSetsConfig(TrainingConfig):
    """Training options of a model of label sets; the defaults are those of the preset `quick`."""

    command: ClassVar[str] = "label-sets"

    preset: LabelSetsPreset = "quick"
    """Preset whose defaults are used."""
    total_images: TotalImages = 80_000
    """Total number of real punks to train on, with repetitions."""
    batch_size: Count = 100
    """Number of punks in a batch."""
    width: Dim = 256
    """Number of units in each of the two hidden layers."""
    lr: Annotated[float, Field(gt=0, le=1)] = 0.003
    """Initial learning rate."""
    final_lr_fraction: Fraction = 0.05
    """Final learning rate as a fraction of the initial one, at the end of a cosine schedule."""
    weight_decay: Annotated[float, Field(ge=0)] = 3.0
    """Weight decay of AdamW, for all weights except biases; it keeps the model from memorizing the
    training punks."""
    known_share: Fraction = 0.5
    """Share of punks of which a random subset of values is known in training, so that the model
    learns to sample the other ones given these."""
    ema_half_life: Annotated[float, Field(gt=0, le=1)] = 0.05
    """Half-life of the exponential moving average of the weights, as a fraction of the punks seen
    so far."""
    seed: Seed = 0
    """Random seed."""

    @property
    def num_steps(self) -> int:
        return math.ceil(self.total_images / self.batch_size)


PRESETS: dict[LabelSetsPreset, dict[str, Any]] = {"quick": {}, "best": {"total_images": 160_000}}


def make_config(preset: LabelSetsPreset = "quick", **overrides: Any) -> LabelSetsConfig:
    """Return the options of a preset, overridden by others; raises as `validate_config`."""
    return validate_config(
        LabelSetsConfig, {"preset": preset, **PRESETS.get(preset, {}), **overrides}
    )
