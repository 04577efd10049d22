"""The command `punkmodels generate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from punkdata.cli import console
from punkdata.cli.options import ROOT, Json, Root
from punkdata.errors import UsageError
from punkdata.files import shell_quote
from punkmodels.cli.options import DeviceOption, Runs, arguments_as_options
from punkmodels.runs import load_torch
from punkmodels.training.run_dir import DEFAULT_RUNS

EXAMPLES = (
    "Example: punkmodels generate --count 64 --out grid.png\n\n"
    "Zombies with a pipe: punkmodels generate --type Zombie --accessory Pipe\n\n"
    'Exactly this one: punkmodels generate --type Zombie --accessory "3D Glasses" --only\n\n'
    "Punks that do not exist yet: punkmodels generate --novel\n\n"
    "Single files: punkmodels generate --count 10000 --out generated"
)
ARGUMENTS = ("model", "type", "skin_tone", "count", "scale", "allow_impossible", "only", "novel")
"""Arguments of the Python API that errors can name."""


def generate(
    count: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=10**6,
            help="Number of punks. (default: 64; with --labels-from, one for each real punk; with "
            "--only, 4, or 1 if all would be equal)",
        ),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            help="A .png file for a grid of all punks, which is overwritten if it exists, or an "
            "empty or new folder for one 24x24 RGBA PNG each."
        ),
    ] = Path("grid.png"),
    punk_type: Annotated[
        str | None,
        typer.Option("--type", help="Type: Alien, Ape, Female, Male or Zombie. (default: any)"),
    ] = None,
    accessory: Annotated[
        list[str] | None,
        typer.Option(help="Accessory, such as Pipe; can be repeated. (default: any)"),
    ] = None,
    skin_tone: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=4,
            help="Skin tone of Female and Male punks, 1 (darkest) to 4. (default: any)",
        ),
    ] = None,
    labels_from: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION:SPLIT",
            help="Draw punks with the labels of the real punks of a snapshot and a split "
            "(train, val, test or all), for example latest:test. (default: off)",
        ),
    ] = None,
    only: Annotated[
        bool,
        typer.Option(
            "--only",
            help="Draw exactly the given traits. (default: sample the other traits given these)",
        ),
    ] = False,
    novel: Annotated[
        bool,
        typer.Option(
            "--novel",
            help="Sample only combinations of traits that no real punk has. (default: off)",
        ),
    ] = False,
    allow_impossible: Annotated[
        bool,
        typer.Option(
            "--allow-impossible",
            help="With --only, accept traits that no real punk can have together. (default: off)",
        ),
    ] = False,
    root: Root = ROOT,
    seed: Annotated[
        int,
        typer.Option(
            min=0, max=10**9, help="Random seed; a larger count extends the punks of a smaller one."
        ),
    ] = 0,
    scale: Annotated[int, typer.Option(min=1, max=40, help="Upscaling factor of the grid.")] = 4,
    model: Annotated[
        str,
        typer.Option(
            help='A run (its path, its number, or "latest"), a folder of exported weights, '
            'owner/name on the Hugging Face Hub, "bundled", "bundled-conditional", which draws '
            'exactly the given traits, "bundled-gan" or "bundled-vae-gan".'
        ),
    ] = "bundled",
    runs: Runs = DEFAULT_RUNS,
    device: DeviceOption = "auto",
    as_json: Json = False,
) -> None:
    """Generate punks: one model samples their traits, unless they are given, another draws them."""
    names = ("type", "accessories", "skin_tone", "labels_from", "only", "novel")
    values = (punk_type, accessory, skin_tone, labels_from, only, novel)
    traits: dict[str, Any] = {n: v for n, v in zip(names, values, strict=True) if v}
    is_grid = _is_grid(out)
    console.check_output(out, is_folder=not is_grid)
    if labels_from and (punk_type or accessory):
        raise UsageError(
            "--labels-from already sets type and accessories",
            hint="remove --type and --accessory, or --labels-from",
        )
    _check_accessories(traits.get("accessories", []))
    condition = {name: traits[name] for name in names[:3] if name in traits}
    from punkdata.images.sprite import SIDE_PX
    from punkmodels.conditions import check_condition
    from punkmodels.data.image_grid import check_grid_size
    from punkmodels.models import GENERATOR_TASKS, find_model

    with arguments_as_options(*ARGUMENTS, accessories="--accessory", labels="--labels-from"):
        if is_grid:
            check_grid_size(count or 1, SIDE_PX, scale)
        labels_source = _parse_labels_from(labels_from, root) if labels_from else None
        folder = find_model(model, runs, *GENERATOR_TASKS)
        check_condition(
            folder,
            has_type=bool(punk_type),
            has_accessories=bool(accessory),
            has_skin_tone=bool(skin_tone),
            has_labels=bool(labels_from),
            only=only,
            novel=novel,
            allow_impossible=allow_impossible,
        )
        if punk_type or accessory or skin_tone:
            _check_traits(folder, traits, allow_impossible=allow_impossible)
        load_torch()
        from punkmodels.data.image_files import write_grid, write_sprites
        from punkmodels.generator import load_generator

        if labels_source:
            condition = _read_labels(root, *labels_source) | condition
        generator = load_generator(folder, runs=runs, device=device)
        images = generator.generate(
            count,
            seed=seed,
            **condition,
            only=only,
            novel=novel,
            allow_impossible=allow_impossible,
            progress=True,
        )
    metadata = {"model": str(generator.path), "seed": seed, **traits}
    if is_grid:
        write_grid(images, out, scale)
    else:
        write_sprites(images, out, metadata)
    if as_json:
        console.emit_json({"path": str(out), "count": len(images), **metadata})
    else:
        console.emit(str(out))
        noun = "punk" if len(images) == 1 else "punks"
        console.say(f"generated {len(images):,} {noun} with the model {model}")


def _is_grid(out: Path) -> bool:
    """Return whether --out is a PNG file; raise UsageError unless it is that or an empty folder."""
    is_grid = out.suffix.lower() == ".png"
    if out.suffix and not is_grid:
        raise UsageError(
            f"{out} is not a .png file", hint="name a .png file for a grid, or a folder"
        )
    if not is_grid and out.is_dir() and any(out.iterdir()):
        raise UsageError(f"the folder {out} is not empty", hint="choose another one with --out")
    return is_grid


def _check_accessories(names: list[str]) -> None:
    for name in names:
        if "," in name:
            parts = [part.strip() for part in name.split(",")]
            options = " ".join(f"--accessory {shell_quote(part)}" for part in parts)
            raise UsageError(
                f'there is no accessory "{name}"', hint=f"repeat the option for each: {options}"
            )


def _check_traits(folder: Path, traits: dict[str, Any], *, allow_impossible: bool) -> None:
    """Raise the errors of `Generator.generate` before PyTorch is loaded."""
    from punkmodels.conditions import read_conditional
    from punkmodels.label_sets.names import find_fixed_traits
    from punkmodels.renderer.names import HUMAN_TYPES, find_traits, skin_tone_error

    if traits.get("labels_from"):
        return
    has_skin_tone = "skin_tone" in traits
    punk_type, accessories = traits.get("type"), traits.get("accessories", [])
    if read_conditional(folder) == "traits" and not traits.get("only"):
        find_fixed_traits(punk_type, accessories, has_skin_tone=has_skin_tone)
        return
    found, _ = find_traits(punk_type, accessories, allow_impossible=allow_impossible)
    if has_skin_tone and found not in HUMAN_TYPES:
        raise skin_tone_error()


def _parse_labels_from(labels_from: str, root: Path) -> tuple[str, str]:
    """Return the version and the split that --labels-from names; check that they exist."""
    from punkdata.snapshots.reader import open_snapshot

    version, _, split = labels_from.rpartition(":")
    if not version or split not in ("train", "val", "test", "all"):
        raise UsageError(
            f"--labels-from {labels_from} does not name a snapshot and a split",
            hint="choose train, val, test or all, for example latest:test",
        )
    open_snapshot(root, version)
    return version, split


def _read_labels(root: Path, version: str, split: str) -> dict[str, Any]:
    """Return the labels and skin tones of the punks of a split."""
    from punkmodels.data.palette import detect_skin_tones
    from punkmodels.data.splits import load_split

    punks = load_split(root, version, "default", split)
    return {"labels": punks.labels, "skin_tone": detect_skin_tones(punks.images)}
