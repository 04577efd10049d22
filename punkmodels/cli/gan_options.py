"""Options of `punkmodels train dcgan`, and their conversion to a training configuration."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from punkdata.errors import UsageError

if TYPE_CHECKING:
    from punkmodels.gan.config import DcganConfig


class Recipe(StrEnum):
    MODERN = "modern"
    CLASSIC = "classic"


class Conditional(StrEnum):
    NONE = "none"
    TYPE = "type"


class Preset(StrEnum):
    QUICK = "quick"
    BEST = "best"
    GPU = "gpu"
    GPU_LONG = "gpu-long"


class Network(StrEnum):
    DCGAN = "dcgan"
    MLP = "mlp"


class Head(StrEnum):
    PALETTE = "palette"
    RGBA = "rgba"


def config_from_options(
    *,
    recipe: Recipe | None = None,
    network: Network = Network.DCGAN,
    preset: Preset = Preset.QUICK,
    conditional: Conditional = Conditional.NONE,
    head: Head | None = None,
    encoder: bool | None = None,
    image_dir: Path | None = None,
    total_images: int | None = None,
    width: int | None = None,
    r1_gamma: float | None = None,
    torch_compile: bool = False,
    norm_groups: int | None = None,
    seed: int | None = None,
    world_size: int = 1,
) -> DcganConfig:
    """Return the configuration for the options of the command.

    None means that an option was not given.

    Args:
        world_size: Number of processes, which is the default of `norm_groups`.

    Raises:
        UsageError: Options contradict each other.
    """
    from punkmodels.gan.config import DcganConfig, make_config

    is_conditional = conditional is not Conditional.NONE
    is_mlp = network is Network.MLP
    recipe = recipe or (Recipe.CLASSIC if is_mlp else Recipe.MODERN)
    palette_options = {
        "--conditional": is_conditional,
        "--head palette": head is Head.PALETTE,
        "--encoder": encoder,
    }
    needs_palette = " and ".join(name for name, is_given in palette_options.items() if is_given)
    if is_mlp and needs_palette:
        raise UsageError(
            f"{needs_palette} cannot be combined with --network mlp",
            hint=f"remove {needs_palette}, or --network mlp",
        )
    if image_dir and needs_palette:
        raise UsageError(
            f"{needs_palette} cannot be combined with --image-dir: only punks have labels and a "
            "palette",
            hint=f"remove {needs_palette}, or --image-dir",
        )
    if encoder and (recipe is Recipe.CLASSIC or head is Head.RGBA):
        rgba_options = {
            "--recipe classic": recipe is Recipe.CLASSIC,
            "--head rgba": head is Head.RGBA,
        }
        conflict = " and ".join(name for name, is_given in rgba_options.items() if is_given)
        raise UsageError(
            "--encoder requires the palette head", hint=f"remove --encoder, or {conflict}"
        )
    if recipe is Recipe.CLASSIC and r1_gamma:
        raise UsageError("the classic recipe has no gradient penalties", hint="remove --r1-gamma")
    if norm_groups is None and world_size > 1:
        norm_groups = world_size
    options = {
        "conditional": conditional.value if is_conditional else None,
        "network": network.value if is_mlp else None,
        "head": head.value if head else None,
        "w_dim": {None: None, True: DcganConfig.w_dim, False: 0}[encoder],
        "total_images": total_images,
        "trains_on_punks": False if image_dir else None,
        "width": width,
        "r1_gamma": r1_gamma,
        "torch_compile": torch_compile or None,
        "norm_groups": norm_groups,
        "seed": seed,
    }
    chosen = {name: value for name, value in options.items() if value is not None}
    return make_config(preset.value, recipe.value, **chosen)
