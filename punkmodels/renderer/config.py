"""Training options of a renderer, and their presets."""

import math
from typing import Annotated, Any, ClassVar

from pydantic import Field

from punkdata.split_names import SplitScheme
from punkmodels.choices import RendererPreset
from punkmodels.training.config import (
    Count,
    Fraction,
    Seed,
    TotalImages,
    TrainingConfig,
    validate_config,
)


class RendererConfig(TrainingConfig):
    """Training options of a renderer; the defaults are those of the preset `quick`."""

    command: ClassVar[str] = "renderer"

    preset: RendererPreset = "quick"
    """Preset whose defaults are used."""
    split_scheme: SplitScheme = "default"
    """Split scheme of the training punks."""
    total_images: TotalImages = 50_000
    """Total number of punks to train on, real and composed ones, with repetitions."""
    batch_size: Count = 32
    """Number of punks in a batch."""
    lr: Annotated[float, Field(gt=0, le=1)] = 0.01
    """Initial learning rate."""
    final_lr_fraction: Fraction = 0.1
    """Final learning rate as a fraction of the initial one, at the end of a cosine schedule."""
    l1_weight: Annotated[float, Field(ge=0)] = 1e-5
    """Weight of the L1 penalty on the logits of the conditions, which keeps an accessory from
    affecting pixels that it does not change."""
    class_balance: Fraction = 0.5
    """Share of label-balanced sampling; 0 samples all punks equally often."""
    invisible_label_dropout: Fraction = 0.5
    """Probability that an invisible label is left out of a condition; the renderer learns from the
    others that such labels have no effect."""
    composed_share: Annotated[float, Field(ge=0, lt=1)] = 0.75
    """Share of composed punks in a batch: random legal outfits, drawn from the sprite layers that
    the training split shows. 0 trains on real punks only."""
    ema_half_life: Annotated[float, Field(gt=0, le=1)] = 0.05
    """Half-life of the exponential moving average of the weights, as a fraction of the images seen
    so far."""
    seed: Seed = 0
    """Random seed."""

    @property
    def num_steps(self) -> int:
        return math.ceil(self.total_images / self.batch_size)


PRESETS: dict[RendererPreset, dict[str, Any]] = {
    "quick": {},
    "best": {"total_images": 100_000, "batch_size": 64, "lr": 0.02},
}


def make_config(preset: RendererPreset = "quick", **overrides: Any) -> RendererConfig:
    """Return the options of a preset, overridden by others; raises as `validate_config`."""
    return validate_config(
        RendererConfig, {"preset": preset, **PRESETS.get(preset, {}), **overrides}
    )
