"""Training options of a GAN, their presets and recipes."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from punkmodels.choices import DEFAULT_RECIPE, DcganConditional, DcganPreset, DcganRecipe
from punkmodels.training import config as training
from punkmodels.training.config import Count, Dim, Fraction, Seed, TotalImages, TrainingConfig

Weight = Annotated[float, Field(ge=0)]


class ModelOptions(TrainingConfig):
    width: Annotated[int, Field(ge=1, le=1024)] = 32
    """Channels of the 12x12 feature map; 6x6 has twice and 3x3 four times as many. In the recipe
    mlp, a quarter of the units in the first hidden layer of the generator."""
    z_dim: Dim = 100
    """Dimension of the noise z."""
    w_dim: Annotated[int, Field(ge=0, le=4096)] = 64
    """Dimension of the latent w of the encoder, which only the recipe vae-gan has; 0 for the
    others."""
    head: Literal["palette", "rgba"] = "palette"
    """Output layer: palette selects one of the colors that occur at each position; rgba generates
    any color through tanh, as in Radford et al. (2015)."""
    head_channels: Dim = 16
    """Channels of the 24x24 feature map before the palette head."""
    color_embedding_dim: Annotated[int, Field(ge=0, le=64)] = 8
    """Dimension of the frozen color embedding that the discriminator sees in addition to RGBA.
    Needs the palette head."""
    width_D: Annotated[int, Field(ge=0, le=1024)] = 0
    """Channels of the 12x12 feature map of the discriminator; 0 for those of the generator."""
    dense_units_D: Annotated[int, Field(ge=0, le=4096)] = 0
    """Units in each hidden layer of a fully connected branch of the discriminator, which sees all
    pixels and statistics of the batch; 0 for none."""


class LossOptions(TrainingConfig):
    encoder_weight: Weight = 0.03
    """Weight of the encoder loss, in nats per image, relative to the adversarial loss."""
    kl_weight: Weight = 0.1
    """Weight of the KL divergence of w from N(0, 1) in the encoder loss."""
    r1_gamma: Weight = 2.0
    """Initial weight of the gradient penalties R1 and R2; 0 for none."""
    d_reg_interval: Count = 4
    """Steps between two gradient penalties, whose weight is multiplied by this number."""


class OptimizerOptions(TrainingConfig):
    lr: Annotated[float, Field(gt=0, le=1)] = 1e-3
    """Initial learning rate of all networks."""
    head_lr_mult: Weight = 3.0
    """Multiplier of the learning rate for the palette head."""
    beta_1: Fraction = 0.9
    """Beta 1 for the generator and the encoder."""
    beta_1_D: Fraction = 0.0
    """Beta 1 for the discriminator."""
    beta_2: Fraction = 0.99
    """Beta 2 for all networks."""


class AugmentationOptions(TrainingConfig):
    """Augmentation in the discriminator; sizes are for 24x24 pixels, and scale with the images."""

    translate_px: Annotated[int, Field(ge=0, le=8)] = 2
    """Largest translation, in pixels of a 24x24 image; 0 for none."""
    cutout_px: Annotated[int, Field(ge=0, le=16)] = 6
    """Side of the square that is cut out, in pixels of a 24x24 image; 0 for none."""


class ScheduleOptions(TrainingConfig):
    adversarial_start: Fraction = 0.7
    """Fraction of the training after which the adversarial loss is added to the encoder loss of
    the recipe vae-gan; in the others, training is adversarial from the start."""
    final_lr_fraction: Fraction = 0.1
    """Final learning rate as a fraction of the initial one, at the end of a cosine."""
    final_r1_gamma_fraction: Fraction = 0.3
    """Final penalty weight as a fraction of the initial one, at the end of a cosine."""
    ema_half_life: Fraction = 0.05
    """Half-life of the exponential moving average of the generator's weights, as a fraction of the
    images seen so far; 0 for no averaging."""


class DcganConfig(TrainingConfig):
    """Training options of a GAN; the defaults are those of preset `quick` and recipe `vae-gan`."""

    command: ClassVar[str] = "dcgan"

    preset: DcganPreset = "quick"
    """Preset whose defaults are used."""
    recipe: DcganRecipe = "vae-gan"
    """Networks and losses: vae-gan (a variational autoencoder and a GAN, as in Larsen et al.),
    adversarial (no encoder; a discriminator with statistics of the batch), dcgan
    (Radford et al., with the settings of the PyTorch tutorial), or mlp (fully connected networks
    with the losses of dcgan)."""
    conditional: DcganConditional = "none"
    """Labels that the generator is conditioned on: none, or the type."""
    image_dir: str | None = None
    """Folder or array of training images other than punks."""
    image_array: str | None = None
    """Name of the array to read, if image_dir is a .npz with several."""
    total_images: TotalImages = 100_000
    """Total number of real images to train on, with repetitions."""
    batch_size: Count = 32
    """Number of real images in a batch, of all processes together."""
    model: ModelOptions = ModelOptions()
    loss: LossOptions = LossOptions()
    optimizer: OptimizerOptions = OptimizerOptions()
    augmentation: AugmentationOptions = AugmentationOptions()
    schedule: ScheduleOptions = ScheduleOptions()
    compile: bool = False
    """Whether to compile the discriminator with torch.compile."""
    seed: Seed = 0
    """Random seed."""

    @property
    def num_steps(self) -> int:
        return math.ceil(self.total_images / self.batch_size)

    @property
    def condition_dim(self) -> int:
        """Dimension of the condition, a one-hot type; 0 for none."""
        from punkdata.traits import TYPES  # Imports numpy, which --help does not need.

        return len(TYPES) if self.conditional == "type" else 0

    @property
    def is_relativistic(self) -> bool:
        """Whether losses are relativistic; the others are cross-entropies, as in Radford et al."""
        return self.recipe in ("vae-gan", "adversarial")

    @model_validator(mode="after")
    def _check_consistency(self) -> DcganConfig:
        has_palette = self.model.head == "palette"
        if self.recipe != "vae-gan" and self.model.w_dim:
            raise ValueError(f"the recipe {self.recipe} has no encoder: model.w_dim must be 0")
        if self.recipe == "vae-gan" and not self.model.w_dim:
            raise ValueError("without an encoder (model.w_dim=0), choose recipe=adversarial")
        if self.recipe == "mlp" and (has_palette or self.conditional != "none"):
            raise ValueError("the recipe mlp has neither a palette head nor conditions")
        if self.recipe == "mlp" and (self.model.width_D or self.model.dense_units_D):
            raise ValueError("the recipe mlp has neither model.width_D nor model.dense_units_D")
        if self.image_dir and (has_palette or self.conditional != "none"):
            raise ValueError(
                "image_dir= cannot be combined with conditional=, recipe=vae-gan or the palette "
                "head: only punks have labels and a palette"
            )
        if not has_palette and (self.model.w_dim or self.model.color_embedding_dim):
            raise ValueError(
                "recipe=vae-gan and a color embedding need the palette head: choose "
                "recipe=adversarial and model.color_embedding_dim=0"
            )
        if self.image_array is not None and not self.image_dir:
            raise ValueError("image_array= requires image_dir=")
        if not self.is_relativistic and self.loss.r1_gamma:
            raise ValueError(f"the recipe {self.recipe} has no gradient penalties")
        return self


PRESETS: dict[DcganPreset, dict[str, Any]] = {
    "quick": {},
    "best": {
        "total_images": 540_000,
        "batch_size": 64,
        "model": {"width": 48, "head_channels": 24},
    },
    "gpu": {
        "total_images": 10_000_000,
        "batch_size": 256,
        "model": {"width": 64, "head_channels": 32},
    },
}
ADVERSARIAL: dict[str, Any] = {
    "model": {"w_dim": 0, "width_D": 16, "dense_units_D": 256},
    "optimizer": {"beta_1": 0.0},
    "augmentation": {"translate_px": 0},
}
"""Options of the recipe `adversarial`; beta 1 as in R3GAN, which has no encoder either. Images are
not translated, because the fully connected branch knows each position by itself."""
RGBA: dict[str, Any] = {"model": {"head": "rgba", "color_embedding_dim": 0}}
"""Options of the recipe `adversarial` for images other than punks."""
DCGAN: dict[str, Any] = {
    "batch_size": 128,
    "model": RGBA["model"] | {"width": 64, "w_dim": 0},
    "loss": {"r1_gamma": 0.0},
    "optimizer": {"lr": 2e-4, "beta_1": 0.5, "beta_1_D": 0.5, "beta_2": 0.999},
    "augmentation": {"translate_px": 0, "cutout_px": 0},
    "schedule": {"final_lr_fraction": 1.0, "ema_half_life": 0.0},
}
"""Options of the recipes `dcgan` and `mlp`, as in Radford et al. and the PyTorch tutorial."""
RECIPES: dict[DcganRecipe, dict[str, Any]] = {
    "vae-gan": {},
    "adversarial": ADVERSARIAL,
    "dcgan": DCGAN,
    "mlp": DCGAN,
}


def make_config(
    preset: DcganPreset = "quick", recipe: DcganRecipe | None = None, **overrides: Any
) -> DcganConfig:
    """Return the options of a preset, overridden by those of a recipe, and by others.

    Without `recipe`, it is `DEFAULT_RECIPE` for punks, and `adversarial` for other images. Options
    of a group are nested: `model={"width": 64}`. Raises UsageError if options do not exist, are not
    allowed, or contradict each other.
    """
    image_dir = overrides.get("image_dir")
    recipe = recipe or ("adversarial" if image_dir else DEFAULT_RECIPE)
    options = training.merge_options(
        {"preset": preset, "recipe": recipe},
        PRESETS.get(preset, {}),
        RECIPES.get(recipe, {}),
        RGBA if image_dir and recipe == "adversarial" else {},
        overrides,
    )
    return training.validate_config(DcganConfig, options)
