"""A DCGAN's run: its options, and its generator back from disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, Field, ValidationError

from punkdata.disk import storage_errors
from punkdata.errors import DataError
from punkdata.palette import PALETTE
from punkmodels.checkpoint import (
    CheckpointFacts,
    load_checkpoint,
    read_tensors,
    unprefixed,
    write_tensors,
)
from punkmodels.classifier import PLACES
from punkmodels.classifier_run import WEIGHTS, Count, Share, Size, restore_model
from punkmodels.dcgan import Generator
from punkmodels.runs import read_config, write_json

Recipe = Literal["modern", "classic"]
Head = Literal["palette", "rgba"]
BUNDLED_DCGAN = Path(__file__).parent / "weights" / "dcgan"
Rate = Annotated[float, Field(gt=0, le=1)]


@dataclass(frozen=True)
class DcganConfig:
    """Options of a DCGAN's training; the defaults are the preset `quick`, recipe `modern`."""

    preset: str = "quick"
    recipe: Recipe = "modern"
    images: Annotated[int, Field(ge=1, le=10**10)] = 100_000
    """real images that the discriminator sees in all"""
    batch_size: Count = 16
    width: Size = 32
    """channels of the map of 12x12; 6x6 has twice, 3x3 four times as many"""
    z_size: Size = 100
    head: Head = "palette"
    """palette: one of the colours known at each place. rgba: any colour, by tanh, as Radford's"""
    last: Size = 16
    """channels of the largest map, from which the palette's colours are chosen"""
    code: Annotated[int, Field(ge=0, le=64)] = 8
    """numbers by which the discriminator tells colours apart, beside RGBA; of the palette head"""
    lr: Rate = 1e-3
    head_lr_times: float = 3.0
    """how many times as fast the palette head learns"""
    final_lr_share: Share = 0.2
    """what is left of the learning rate at the end, along a cosine"""
    beta_1: Share = 0.0
    beta_2: Share = 0.99
    gamma: Annotated[float, Field(ge=0)] = 2.0
    """weight of the gradient penalties R1 and R2"""
    final_gamma_share: Share = 0.3
    penalty_every: Count = 4
    """steps; the penalties count as many times as much"""
    shift: Annotated[int, Field(ge=0, le=8)] = 2
    """pixels by which images are moved before the discriminator sees them"""
    hole: Annotated[int, Field(ge=0, le=16)] = 6
    """side in pixels of the square that is cut out of them"""
    ema_share: Share = 0.05
    """half-life of the averaged generator, as a share of the images seen so far"""
    seed: int = 0


PRESETS: dict[str, dict[str, Any]] = {"quick": {}, "best": {"images": 1_500_000}}
RECIPES: dict[Recipe, dict[str, Any]] = {
    "modern": {},
    # The tutorials' DCGAN: Radford's options and one-sided label smoothing.
    "classic": {
        "batch_size": 128,
        "width": 64,
        "head": "rgba",
        "code": 0,
        "lr": 2e-4,
        "final_lr_share": 1.0,
        "beta_1": 0.5,
        "beta_2": 0.999,
        "gamma": 0.0,
        "shift": 0,
        "hole": 0,
        "ema_share": 0.0,
    },
}
"""what differs from `DcganConfig`"""


def make_config(preset: str = "quick", recipe: Recipe = "modern", **chosen: Any) -> DcganConfig:
    """The options of a preset and a recipe, and those chosen, which are stronger."""
    options = {"preset": preset, "recipe": recipe, **PRESETS[preset], **RECIPES[recipe], **chosen}
    if options.get("head") == "rgba" and "code" not in chosen:
        options["code"] = 0  # a code is of the palette's colours
    return DcganConfig(**options)


def build_generator(config: DcganConfig, counts: torch.Tensor) -> Generator:
    """A new generator; see `Generator` for `counts`."""
    is_palette = config.head == "palette"
    return Generator(
        config.z_size, config.width, counts if is_palette else None, config.last, config.code
    )


class _Data(BaseModel):
    version: str
    labels_hash: str


class _Device(BaseModel):
    name: str
    threads: Annotated[int, Field(ge=1, le=1024)]
    half_precision: bool = False


class SavedDcganConfig(BaseModel):
    """What is read again of a DCGAN's config.json."""

    task: Literal["dcgan"]
    options: DcganConfig
    data: _Data
    device: _Device


def read_dcgan_config(run: Path) -> SavedDcganConfig:
    """The config.json of a DCGAN's run.

    Raises:
        DataError: it is missing, damaged, or not a DCGAN's.
    """
    try:
        return SavedDcganConfig.model_validate(read_config(run))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise DataError(
            f"{run} is not a DCGAN of this punkmodels (config.json, {where}: {first['msg']})"
        ) from None


def load_generator(run: Path, device: torch.device) -> Generator:
    """The averaged generator of a run or of exported weights, ready to draw.

    Raises:
        DataError: the run has no whole checkpoint, or is no DCGAN's.
    """
    options = read_dcgan_config(run).options
    file = run / WEIGHTS
    if file.exists():
        tensors = read_tensors(file)
    else:
        tensors = unprefixed("ema", load_checkpoint(run, CheckpointFacts)[0])
    colours = tensors.get("layers.12.colours", torch.empty(0, 0))
    most = min(colours.shape[-1], len(PALETTE))
    counts = (torch.arange(len(PALETTE)) < most).expand(PLACES, -1)  # of the shape of the weights
    model = build_generator(options, counts)
    restore_model(run, model, tensors)
    return model.eval().to(device)


def is_finished(run: Path) -> bool:
    """Whether all of its training is done, of a run or of exported weights; raises as
    `load_generator`.
    """
    if (run / WEIGHTS).exists():
        return bool(read_config(run).get("trained", {}).get("finished"))
    return load_checkpoint(run, CheckpointFacts)[1].finished


def export_generator(run: Path, out: Path) -> None:
    """Write what drawing needs of a run: weights in half precision, and config.json.

    Raises:
        DataError: as `load_generator`.
        StorageError: the disk is full or refuses.
    """
    tensors = load_generator(run, torch.device("cpu")).state_dict()
    floats = {name: t.half() if t.is_floating_point() else t for name, t in tensors.items()}
    with storage_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        write_tensors(out / WEIGHTS, floats)
        trained = {"trained": {"finished": is_finished(run)}}
        write_json(out / "config.json", read_config(run) | trained)
