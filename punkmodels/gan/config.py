"""A DCGAN's run: its options, and its generator back from disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field

from punkdata.errors import DataError
from punkdata.images.palette import PALETTE
from punkmodels.data.palette import NUM_PIXELS
from punkmodels.gan.conditioning import Conditional, condition_size
from punkmodels.gan.mlp import AnyGenerator, MLPGenerator
from punkmodels.gan.networks import ConditionComposition, Generator
from punkmodels.training.checkpoint import (
    CheckpointMetadata,
    load_checkpoint,
    read_tensors,
    strip_prefix,
)
from punkmodels.training.pretrained import (
    WEIGHTS_FILE,
    Count,
    Dim,
    Fraction,
    SavedRun,
    export_model,
    read_run_config,
    restore_model,
)
from punkmodels.training.run_dir import read_config

Recipe = Literal["modern", "classic"]
Head = Literal["palette", "rgba"]
Network = Literal["dcgan", "mlp"]
BUNDLED_DCGAN = Path(__file__).parents[1] / "weights" / "dcgan"
BUNDLED_CONDITIONAL = BUNDLED_DCGAN.with_name("dcgan-conditional")
Rate = Annotated[float, Field(gt=0, le=1)]


@dataclass(frozen=True)
class DcganConfig:
    """Options of a DCGAN's training; the defaults are the preset `quick`, recipe `modern`."""

    preset: str = "quick"
    recipe: Recipe = "modern"
    network: Network = "dcgan"
    """mlp: fully connected layers, see plain.py; it draws any color, and nothing that is asked"""
    total_images: Annotated[int, Field(ge=1, le=10**10)] = 100_000
    """real images that encoder and discriminator see in all"""
    channels: Annotated[int, Field(ge=1, le=4)] = 4
    """of the images, and"""
    side: Annotated[int, Field(ge=8, le=64)] = 24
    """their side in pixels"""
    trains_on_punks: bool = True
    """or of other pictures, see subjects.py; these have Radford's head, and cannot be asked for"""
    conditional: Conditional = "none"
    """what one can ask for: nothing, a type, or type and accessories"""
    skin_tone: bool = False
    """whether one can ask for a skin tone, too"""
    pixel_loss: bool = False
    """whether the generator is told, beside the discriminator's judgment, the very punk that has
    what it was asked for; of the palette head"""
    condition_composition: ConditionComposition = "z_order"
    """how what is asked for has a say in every pixel, by weights of its own; of the palette head,
    see `PaletteHead`. sums: without heights"""
    l1_weight: Annotated[float, Field(ge=0)] = 1e-5
    """of that say's absolute values in the loss: what does not touch a pixel is to say nothing
    there"""
    split_female_accessories: bool = True
    """whether accessories of women are asked for apart, see `conditions`"""
    label_dropout: Fraction = 0.0
    """of the accessories that a punk has, those that training does not ask for"""
    class_balance: Fraction = 0.0
    """of punks drawn so that rare labels are as frequent as common ones"""
    batch_size: Count = 32
    """of all ranks together"""
    norm_groups: Count = 1
    """parts of a batch that are normalized each by itself; as many ranks can share a training"""
    width: Dim = 32
    """channels of the map of 12x12; 6x6 has twice, 3x3 four times as many"""
    z_dim: Dim = 100
    w_dim: Annotated[int, Field(ge=0, le=4096)] = 64
    """numbers by which an encoder describes a punk, see `Encoder`; 0 for none: the discriminator
    alone teaches. Of the palette head"""
    kl_weight: Annotated[float, Field(ge=0)] = 0.1
    """of what w tells of a punk"""
    encoder_weight: Annotated[float, Field(ge=0)] = 0.03
    """of the encoder's loss, and that of matching, in nats, beside the discriminator's judgment"""
    adversarial_start: Fraction = 0.7
    """share of the training after which the discriminator joins the encoder, or matching"""
    head: Head = "palette"
    """palette: one of the colors known at each place. rgba: any color, by tanh, as Radford's"""
    head_channels: Dim = 16
    """channels of the largest map, from which the palette's colors are chosen"""
    color_embedding_dim: Annotated[int, Field(ge=0, le=64)] = 8
    """numbers by which the discriminator tells colors apart, beside RGBA; of the palette head"""
    lr: Rate = 1e-3
    head_lr_mult: float = 3.0
    """how many times as fast the palette head learns"""
    final_lr_fraction: Fraction = 0.1
    """what is left of the learning rate at the end, along a cosine"""
    beta_1: Fraction = 0.9
    """of the generator's Adam, and the encoder's"""
    beta_1_D: Fraction = 0.0
    beta_2: Fraction = 0.99
    r1_gamma: Annotated[float, Field(ge=0)] = 2.0
    """weight of the gradient penalties R1 and R2"""
    final_r1_gamma_fraction: Fraction = 0.3
    d_reg_interval: Count = 4
    """steps; the penalties count as many times as much"""
    translate_px: Annotated[int, Field(ge=0, le=8)] = 2
    """pixels by which images are moved before the discriminator sees them"""
    cutout_px: Annotated[int, Field(ge=0, le=16)] = 6
    """side in pixels of the square that is cut out of them"""
    ema_half_life: Fraction = 0.05
    """half-life of the averaged generator, as a share of the images seen so far"""
    torch_compile: bool = False
    """whether torch.compile makes kernels of what the discriminator does"""
    seed: int = 0


PRESETS: dict[str, dict[str, Any]] = {
    "quick": {},
    "best": {"total_images": 540_000, "batch_size": 64, "width": 48, "head_channels": 24},
    "gpu": {"total_images": 10_000_000, "batch_size": 256, "width": 64, "head_channels": 32},
    "gpu-long": {"total_images": 20_000_000, "batch_size": 256, "width": 64, "head_channels": 32},
}
RECIPES: dict[Recipe, dict[str, Any]] = {
    "modern": {},
    # The tutorials' DCGAN: Radford's options and one-sided label smoothing.
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
"""what differs from `DcganConfig`"""


def make_config(preset: str = "quick", recipe: Recipe = "modern", **chosen: Any) -> DcganConfig:
    """The options of a preset and a recipe, and those chosen, which are stronger."""
    options = {"preset": preset, "recipe": recipe, **PRESETS[preset], **RECIPES[recipe], **chosen}
    if options.get("conditional") == "labels":
        options = {"class_balance": 0.5} | options
        if options.get("skin_tone") and recipe == "modern" and options.get("head") != "rgba":
            # Labels and tone leave nothing open that an encoder could describe.
            options = {"pixel_loss": True} | options
    if options.get("pixel_loss"):
        # The head soon holds what single accessories do, and leaves the layers below the rest.
        options |= {"w_dim": 0, "beta_1": 0.9, "head_lr_mult": 10.0} | chosen
    if options.get("network") == "mlp" or not options.get("trains_on_punks", True):
        options |= {"head": "rgba"} | chosen
    if options.get("head") == "rgba":  # these are of the palette's colors
        options |= {"color_embedding_dim": 0, "w_dim": 0} | chosen
    has_auxiliary_loss = options.get("w_dim", DcganConfig.w_dim) or options.get("pixel_loss")
    if recipe == "modern" and not has_auxiliary_loss:
        options |= {"beta_1": 0.0} | chosen  # as R3GAN has it, without an encoder
    return DcganConfig(**options)


def build_generator(config: DcganConfig, counts: torch.Tensor) -> AnyGenerator:
    """A new generator; see `Generator` for `counts`.

    Raises:
        DataError: the options contradict each other.
    """
    is_palette = config.head == "palette"
    shape = {"channels": config.channels, "side": config.side}
    if not config.trains_on_punks and (is_palette or config.conditional != "none"):
        raise DataError("of other pictures than punks no palette and no labels are known")
    if config.network == "mlp" and (is_palette or config.conditional != "none"):
        raise DataError("an mlp has no palette head, and cannot be asked for anything")
    if config.w_dim and not is_palette:
        raise DataError("an encoder (w_size) teaches a palette head only")
    if config.pixel_loss and (not is_palette or config.conditional == "none"):
        raise DataError("matching is of a palette head that can be asked for something")
    if config.network == "mlp":
        return MLPGenerator(config.z_dim, config.width, **shape)
    return Generator(
        config.z_dim,
        config.width,
        counts if is_palette else None,
        config.head_channels,
        config.color_embedding_dim,
        config.w_dim,
        condition_size(
            config.conditional,
            skin_tone=config.skin_tone,
            split_female_accessories=config.split_female_accessories,
        ),
        condition_composition=config.condition_composition,
        **shape,
    )


class SavedDcgan(SavedRun):
    """What is read again of a DCGAN's config.json."""

    task: Literal["dcgan"]
    options: DcganConfig


def read_dcgan_config(run: Path) -> SavedDcgan:
    """The config.json of a DCGAN's run; raises as `read_saved`."""
    return read_run_config(run, SavedDcgan, "DCGAN")


def load_generator(run: Path, device: torch.device) -> AnyGenerator:
    """The averaged generator of a run or of exported weights, ready to draw.

    Raises:
        DataError: the run has no whole checkpoint, or is no DCGAN's.
    """
    options = read_dcgan_config(run).options
    file = run / WEIGHTS_FILE
    if file.exists():
        tensors = read_tensors(file)
    else:
        tensors = strip_prefix("ema", load_checkpoint(run, CheckpointMetadata)[0])
    counts = torch.zeros(NUM_PIXELS, len(PALETTE), dtype=torch.int64)
    known = [tensors.get(f"layers.12.{name}", counts[:, :0]) for name in ("colors", "valid")]
    try:
        counts.scatter_(1, *(t.long() for t in known))  # a head of the shape of the weights
    except (RuntimeError, TypeError) as error:
        raise DataError(f"the weights of {run} do not fit ({error})") from None
    model = build_generator(options, counts)
    restore_model(run, model, tensors)
    return model.eval().to(device)


def is_finished(run: Path) -> bool:
    """Whether all of its training is done, of a run or of exported weights; raises as
    `load_generator`.
    """
    if (run / WEIGHTS_FILE).exists():
        return bool(read_config(run).get("trained", {}).get("finished"))
    return load_checkpoint(run, CheckpointMetadata)[1].finished


def export_generator(run: Path, out: Path) -> None:
    """Write what drawing needs of a run: weights in half precision, and config.json.

    Raises:
        DataError: as `load_generator`.
        StorageError: the disk is full or refuses.
    """
    model = load_generator(run, torch.device("cpu"))
    export_model(run, model, {"finished": is_finished(run)}, out)
