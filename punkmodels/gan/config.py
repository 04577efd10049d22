"""Training options of a GAN, with functions that load and export trained generators."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field

from punkdata.errors import DataError
from punkdata.images.palette import PALETTE
from punkmodels.data.palette import NUM_PIXELS
from punkmodels.gan.conditioning import Conditional, ConditionSpec
from punkmodels.gan.mlp import AnyGenerator, MLPGenerator
from punkmodels.gan.networks import ConditionComposition, Generator
from punkmodels.training.config import Count, Dim, Fraction
from punkmodels.training.legacy_checkpoint import (
    CheckpointMetadata,
    load_checkpoint,
    strip_prefix,
)
from punkmodels.training.pretrained import (
    WEIGHTS_FILE,
    SavedRun,
    export_model,
    read_run_config,
    read_tensors,
    restore_model,
)
from punkmodels.training.run_dir import read_config

Recipe = Literal["modern", "classic"]
Head = Literal["palette", "rgba"]
Network = Literal["dcgan", "mlp"]
BUNDLED_DCGAN = Path(__file__).parents[1] / "weights" / "dcgan"
Rate = Annotated[float, Field(gt=0, le=1)]


@dataclass(frozen=True)
class DcganConfig:
    """Options of a GAN training; the defaults are the preset `quick` of the recipe `modern`."""

    preset: str = "quick"
    """Name of the preset that the options started from."""
    recipe: Recipe = "modern"
    """Name of the loss and regularization recipe, see `punkmodels.gan.trainer.losses`."""
    network: Network = "dcgan"
    """Architecture: dcgan, or the mlp baseline, which is unconditional and has an RGBA head."""
    total_images: Annotated[int, Field(ge=1, le=10**10)] = 100_000
    """Total number of real images to train on, with repetitions."""
    channels: Annotated[int, Field(ge=1, le=4)] = 4
    """Channels of the training images."""
    image_size: Annotated[int, Field(ge=8, le=64)] = 24
    """Side of the training images in pixels."""
    trains_on_punks: bool = True
    """Whether the training images are punks; others require an unconditional RGBA head."""
    conditional: Conditional = "none"
    """Labels that the generator is conditioned on: none, the type, or type and accessories."""
    skin_tone: bool = False
    """Whether the generator is also conditioned on the skin tone."""
    pixel_loss: bool = False
    """Whether to add a per-pixel cross-entropy loss against the ground-truth sprite; requires the
    palette head and a condition."""
    condition_composition: ConditionComposition = "z_order"
    """How the palette head combines several conditions, see `Generator`."""
    l1_weight: Annotated[float, Field(ge=0)] = 1e-5
    """Weight of the L1 penalty on the palette head's condition weights, which keeps a label from
    affecting pixels that it does not change."""
    split_female_accessories: bool = True
    """Whether accessories of female punks have condition entries of their own."""
    label_dropout: Fraction = 0.0
    """Probability that training removes an accessory from the condition."""
    class_balance: Fraction = 0.0
    """Weight of label-balanced sampling, 0 (uniform) to 1, see `sampling_weights`."""
    batch_size: Count = 32
    """Number of real images in a batch, over all processes."""
    norm_groups: Count = 1
    """Number of groups of `GhostBatchNorm`; a multiple of the number of processes."""
    width: Dim = 32
    """Channels of the 12x12 feature map; 6x6 has twice and 3x3 four times as many. For the mlp
    network, see `MLPGenerator`."""
    z_dim: Dim = 100
    """Dimension of the noise z."""
    w_dim: Annotated[int, Field(ge=0, le=4096)] = 64
    """Dimension of the latent w of the `Encoder`; 0 trains without an encoder. Requires the
    palette head."""
    kl_weight: Annotated[float, Field(ge=0)] = 0.1
    """Weight of the KL divergence of w from N(0, 1) in the encoder loss."""
    encoder_weight: Annotated[float, Field(ge=0)] = 0.03
    """Weight of the encoder loss and the pixel loss, which are in nats per image, relative to the
    adversarial loss."""
    adversarial_start: Fraction = 0.7
    """Fraction of the training after which the adversarial loss is added to the encoder loss or the
    pixel loss; if neither is used, training is adversarial from the start."""
    head: Head = "palette"
    """Output layer: palette selects one of the colors that occur at each position; rgba generates
    any color through tanh, as in Radford et al. (2015)."""
    head_channels: Dim = 16
    """Channels of the 24x24 feature map before the palette head."""
    color_embedding_dim: Annotated[int, Field(ge=0, le=64)] = 8
    """Dimension of the frozen color embedding that the discriminator sees in addition to RGBA;
    requires the palette head."""
    lr: Rate = 1e-3
    """Initial learning rate of all networks."""
    head_lr_mult: float = 3.0
    """Multiplier of the learning rate for the palette head."""
    final_lr_fraction: Fraction = 0.1
    """Final learning rate as a fraction of the initial one, at the end of a cosine schedule."""
    beta_1: Fraction = 0.9
    """Adam's beta 1 for the generator and the encoder."""
    beta_1_D: Fraction = 0.0
    """Adam's beta 1 for the discriminator."""
    beta_2: Fraction = 0.99
    """Adam's beta 2 for all networks."""
    r1_gamma: Annotated[float, Field(ge=0)] = 2.0
    """Initial weight of the gradient penalties R1 and R2; 0 for none."""
    final_r1_gamma_fraction: Fraction = 0.3
    """Final penalty weight as a fraction of the initial one, at the end of a cosine schedule."""
    d_reg_interval: Count = 4
    """Steps between two gradient penalties, whose weight is multiplied by this number."""
    translate_px: Annotated[int, Field(ge=0, le=8)] = 2
    """Largest translation of images by the augmentation, in pixels; 0 for none."""
    cutout_px: Annotated[int, Field(ge=0, le=16)] = 6
    """Side of the square that the augmentation cuts out of images, in pixels; 0 for none."""
    ema_half_life: Fraction = 0.05
    """Half-life of the exponential moving average of the generator's weights, as a fraction of the
    images seen so far; 0 for no averaging."""
    torch_compile: bool = False
    """Whether to compile the discriminator with torch.compile."""
    seed: int = 0
    """Random seed."""

    @property
    def condition_spec(self) -> ConditionSpec:
        """Layout of the generator's condition."""
        return ConditionSpec(self.conditional, self.skin_tone, self.split_female_accessories)

    @property
    def has_auxiliary_loss(self) -> bool:
        """Whether the generator has an encoder loss or a pixel loss."""
        return self.w_dim > 0 or self.pixel_loss


PRESETS: dict[str, dict[str, Any]] = {
    "quick": {},
    "best": {"total_images": 540_000, "batch_size": 64, "width": 48, "head_channels": 24},
    "gpu": {"total_images": 10_000_000, "batch_size": 256, "width": 64, "head_channels": 32},
    "gpu-long": {"total_images": 20_000_000, "batch_size": 256, "width": 64, "head_channels": 32},
}
"""Options of each preset that differ from the defaults of `DcganConfig`."""
RECIPES: dict[Recipe, dict[str, Any]] = {
    "modern": {},
    # The DCGAN of common tutorials: the options of Radford et al., and one-sided label smoothing.
    "classic": {
        "batch_size": 128,
        "width": 64,
        "head": "rgba",
        "color_embedding_dim": 0,
        "w_dim": 0,
        "lr": 2e-4,
        "final_lr_fraction": 1.0,
        "beta_1": 0.5,
        "beta_1_D": 0.5,
        "beta_2": 0.999,
        "r1_gamma": 0.0,
        "translate_px": 0,
        "cutout_px": 0,
        "ema_half_life": 0.0,
    },
}
"""Options of each recipe that differ from the defaults of `DcganConfig`."""


def make_config(preset: str = "quick", recipe: Recipe = "modern", **chosen: Any) -> DcganConfig:
    """Return the options of a preset and a recipe, overridden by those in `chosen`.

    The defaults of the remaining options depend on `chosen`: for example, an RGBA head has no color
    embedding and no encoder. `preset` is a key of `PRESETS`.
    """
    options = {"preset": preset, "recipe": recipe, **PRESETS[preset], **RECIPES[recipe], **chosen}
    if options.get("conditional") == "labels":
        options = {"class_balance": 0.5} | options
        if options.get("skin_tone") and recipe == "modern" and options.get("head") != "rgba":
            # Labels and skin tone determine every pixel, so there is nothing left to encode.
            options = {"pixel_loss": True} | options
    if options.get("pixel_loss"):
        # With a high learning rate, the palette head soon learns what each accessory looks like.
        options |= {"w_dim": 0, "beta_1": 0.9, "head_lr_mult": 10.0} | chosen
    if options.get("network") == "mlp" or not options.get("trains_on_punks", True):
        options |= {"head": "rgba"} | chosen
    if options.get("head") == "rgba":  # These two options require the palette head.
        options |= {"color_embedding_dim": 0, "w_dim": 0} | chosen
    has_auxiliary_loss = options.get("w_dim", DcganConfig.w_dim) or options.get("pixel_loss")
    if recipe == "modern" and not has_auxiliary_loss:
        options |= {"beta_1": 0.0} | chosen  # As in R3GAN, which has no encoder.
    return DcganConfig(**options)


def build_generator(config: DcganConfig, counts: torch.Tensor) -> AnyGenerator:
    """Return an untrained generator.

    Args:
        config: The training options.
        counts: Color frequencies for the palette head, see `PaletteHead`.

    Raises:
        DataError: The options contradict each other.
    """
    _check_options(config)
    shape = {"channels": config.channels, "image_size": config.image_size}
    if config.network == "mlp":
        return MLPGenerator(config.z_dim, config.width, **shape)
    return Generator(
        config.z_dim,
        config.width,
        counts if config.head == "palette" else None,
        config.head_channels,
        config.color_embedding_dim,
        config.w_dim,
        config.condition_spec.dim,
        condition_composition=config.condition_composition,
        **shape,
    )


def _check_options(config: DcganConfig) -> None:
    is_palette = config.head == "palette"
    needs_punks = is_palette or config.conditional != "none"
    if not config.trains_on_punks and needs_punks:
        raise DataError("a palette head and conditions need punks as training images")
    if config.network == "mlp" and needs_punks:
        raise DataError("the mlp network has no palette head and no conditions")
    if config.w_dim and not is_palette:
        raise DataError("an encoder (w_dim) requires the palette head")
    if config.pixel_loss and (not is_palette or config.conditional == "none"):
        raise DataError("the pixel loss requires the palette head and a condition")


class SavedDcgan(SavedRun):
    """Sections of a GAN's config.json that are needed to load it or to resume its training."""

    task: Literal["dcgan"]
    options: DcganConfig


def read_dcgan_config(run: Path) -> SavedDcgan:
    """Read the config.json of a run or of exported weights; raises as `read_run_config`."""
    return read_run_config(run, SavedDcgan, "DCGAN")


def load_generator(run: Path, device: torch.device) -> AnyGenerator:
    """Load the averaged generator of a run or of exported weights, in evaluation mode.

    Raises:
        DataError: The run is not a GAN or has no complete checkpoint, or its weights do not fit its
            options.
    """
    options = read_dcgan_config(run).options
    file = run / WEIGHTS_FILE
    if file.exists():
        tensors = read_tensors(file)
    else:
        tensors = strip_prefix("ema", load_checkpoint(run, CheckpointMetadata)[0])
    model = build_generator(options, _counts_like(tensors, run))
    restore_model(run, model, tensors)
    return model.eval().to(device)


def _counts_like(tensors: dict[str, torch.Tensor], run: Path) -> torch.Tensor:
    """Return color counts that give a palette head the shape of the saved tensors."""
    counts = torch.zeros(NUM_PIXELS, len(PALETTE), dtype=torch.int64)
    # Layer 12 of a generator with a palette head is that head.
    colors, valid = (tensors.get(f"layers.12.{n}", counts[:, :0]) for n in ("colors", "valid"))
    try:
        return counts.scatter_(1, colors.long(), valid.long())
    except (RuntimeError, TypeError) as error:
        raise DataError(f"the weights of {run} do not fit its options ({error})") from None


def is_finished(run: Path) -> bool:
    """Return whether a training was completed, from a checkpoint or from exported weights."""
    if (run / WEIGHTS_FILE).exists():
        return bool(read_config(run).get("trained", {}).get("finished"))
    return load_checkpoint(run, CheckpointMetadata)[1].finished


def export_generator(run: Path, out: Path) -> None:
    """Write the weights of a generator in half precision, and its config.json.

    Raises:
        DataError: See `load_generator`.
        StorageError: The folder cannot be written.
    """
    model = load_generator(run, torch.device("cpu"))
    export_model(run, model, {"finished": is_finished(run)}, out)
