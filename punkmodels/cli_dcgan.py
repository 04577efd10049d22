"""The commands of the DCGAN: train dcgan, generate, and evaluate of what is drawn."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from punkdata import terminal
from punkdata.errors import UsageError
from punkmodels.options import (
    DeviceName,
    DeviceOption,
    Log,
    Preset,
    Resume,
    Runs,
    Seed,
    Threads,
    refuse_options,
    stoppable,
)
from punkmodels.runs import DEFAULT_RUNS, find_run, read_config

TRAIN_EXAMPLES = (
    "Example: punkmodels train dcgan --preset quick\n\n"
    "After a stop: punkmodels train dcgan --resume latest"
)
GENERATE_EXAMPLES = (
    "Example: punkmodels generate --count 64 --out grid.png\n\n"
    "Single files: punkmodels generate --count 1000 --out drawings"
)
BUNDLED = "bundled"
MAX_GRID_PIXELS = 10**8


class Recipe(StrEnum):
    MODERN = "modern"
    CLASSIC = "classic"


class Head(StrEnum):
    PALETTE = "palette"
    RGBA = "rgba"


def train_dcgan(
    root: terminal.Root = terminal.ROOT,
    version: terminal.Version = "latest",
    runs: Runs = DEFAULT_RUNS,
    recipe: Annotated[
        Recipe,
        typer.Option(
            help="modern: relativistic loss, gradient penalties, an encoder, an averaged "
            "generator. classic: the tutorials', for comparison."
        ),
    ] = Recipe.MODERN,
    preset: Annotated[
        Preset,
        typer.Option(help="quick: some minutes on a core. best: about 40 minutes. Of modern."),
    ] = Preset.QUICK,
    head: Annotated[
        Head | None,
        typer.Option(
            help="palette: choose among the colours known at each place. rgba: any colour. "
            "(default: the recipe's)"
        ),
    ] = None,
    encoder: Annotated[
        bool,
        typer.Option(
            help="Whether an encoder teaches it to redraw real punks. Of modern and palette."
        ),
    ] = True,
    images: Annotated[
        int | None,
        typer.Option(
            min=1, help="Real images to see in all. (default: the preset's)", show_default=False
        ),
    ] = None,
    width: Annotated[
        int | None,
        typer.Option(min=1, max=1024, help="Channels of a 12x12 map. (default: the recipe's)"),
    ] = None,
    gamma: Annotated[
        float | None,
        typer.Option(min=0, help="Weight of the gradient penalties. (default: the recipe's)"),
    ] = None,
    seed: Seed = None,
    device: DeviceOption = DeviceName.AUTO,
    threads: Threads = None,
    resume: Resume = None,
    log: Log = None,
    as_json: terminal.Json = False,
) -> None:
    """Train a DCGAN that draws punks."""
    from punkmodels import train_dcgan as training
    from punkmodels.dcgan_run import make_config

    going_on = find_run(runs, resume, task="dcgan") if resume else None
    given = {
        "head": head.value if head else None,
        "w_size": None if encoder else 0,
        "images": images,
        "width": width,
        "gamma": gamma,
        "seed": seed,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    if recipe is Recipe.CLASSIC and gamma:
        raise UsageError("the classic recipe has no penalties", try_next="leave out --gamma")
    config = make_config(preset.value, recipe.value, **chosen)
    if going_on:
        is_plain = (config, version, device) == (make_config(), "latest", DeviceName.AUTO)
        refuse_options(is_plain and not chosen and threads is None)
    with stoppable("dcgan", root, runs, going_on):  # noqa: SIM117  # the bar ends first
        with terminal.progress("training", "images") as report:
            run = training.train_dcgan(
                root,
                runs,
                config,
                version=version,
                device_name=device.value,
                threads=threads,
                resume=going_on,
                log=log.value if log else None,
                report=report,
                say=terminal.say,
            )
    if as_json:
        terminal.emit_json({"run": str(run), "config": read_config(run)["options"]})
        return
    terminal.emit(str(run))
    terminal.say(f"next: punkmodels generate --model {run}, or punkmodels evaluate {run}")


def generate(
    count: Annotated[int, typer.Option(min=1, max=10**6, help="How many.")] = 64,
    out: Annotated[
        Path,
        typer.Option(help="grid.png: one picture of all. A folder: a 24x24 RGBA PNG of each."),
    ] = Path("grid.png"),
    seed: Annotated[int, typer.Option(min=0, max=10**9, help="Of the noise.")] = 0,
    scale: Annotated[
        int, typer.Option(min=1, max=40, help="Pixels of a grid to a pixel of a punk.")
    ] = 4,
    model: Annotated[
        str,
        typer.Option(
            "--model",
            help='A run (a path, a number, or "latest"), a folder of exported weights, or '
            '"bundled", those that come with punkmodels.',
        ),
    ] = BUNDLED,
    runs: Runs = DEFAULT_RUNS,
    device: DeviceOption = DeviceName.AUTO,
    as_json: terminal.Json = False,
) -> None:
    """Draw punks that never existed."""
    from punkmodels.dcgan_run import load_generator
    from punkmodels.device import pick_device
    from punkmodels.generate import draw_sprites, write_grid, write_sprites

    is_grid = out.suffix.lower() == ".png"
    if out.suffix and not is_grid:
        raise UsageError(f"{out} is no .png", try_next="name a .png for a grid, or a folder")
    if is_grid and count * (24 * scale) ** 2 > MAX_GRID_PIXELS:
        raise UsageError(
            f"a grid of {count:,} punks would be too large",
            try_next="name a folder with --out, or take a smaller --count or --scale",
        )
    if not is_grid and out.is_dir() and any(out.iterdir()):
        raise UsageError(f"{out} is not empty", try_next="choose another folder with --out")
    folder = _weights(model, runs)
    torch_device, _ = pick_device(device.value)
    generator = load_generator(folder, torch_device)
    with terminal.progress("drawing", "punks") as report:
        sprites, _ = draw_sprites(generator, count, seed, report, keep_raw=False)
    if is_grid:
        write_grid(sprites, out, scale)
    else:
        write_sprites(sprites, out, {"model": str(folder), "seed": seed})
    if as_json:
        terminal.emit_json({"path": str(out), "count": count, "seed": seed, "model": str(folder)})
        return
    terminal.emit(str(out))


def is_drawn(what: str, runs: Path) -> bool:
    """Whether a person means drawn punks, and not a classifier's run."""
    path = Path(what)
    if what == BUNDLED or (path.exists() and not (path / "config.json").exists()):
        return True
    return read_config(find_run(runs, what, trained=True)).get("task") == "dcgan"


def evaluate_drawn(
    what: str,
    tile: int | None,
    out: Path | None,
    root: Path,
    version: str | None,
    runs: Path,
    device: DeviceName,
    *,
    as_json: bool,
) -> None:
    from punkmodels.dcgan_run import is_finished, load_generator, read_dcgan_config
    from punkmodels.device import pick_device
    from punkmodels.evaluate_gan import DRAW, DRAWS, evaluate_sprites, read_sprites, rows
    from punkmodels.generate import draw_sprites

    path = Path(what)
    torch_device, _ = pick_device(device.value)
    if what != BUNDLED and path.exists() and not (path / "config.json").exists():
        with terminal.progress("reading", "pictures") as report:
            raw = read_sprites(path, tile or 24, report)
    else:
        path = _weights(what, runs)
        if tile:
            raise UsageError(f"{path} draws punks of 24x24", try_next="leave out --tile")
        if not is_finished(path):
            terminal.warn(f"the training of {path} is unfinished")
        version = version or read_dcgan_config(path).data.version
        with terminal.progress("drawing", "punks") as report:
            _, raw = draw_sprites(load_generator(path, torch_device), DRAW * DRAWS, 0, report)
        out = out or (None if what == BUNDLED else path / "evaluation" / "generated")
    with terminal.progress("scoring", "steps") as report:
        result = evaluate_sprites(
            path.stem,
            raw,
            root,
            version=version or "latest",
            device=torch_device,
            out=out,
            report=report,
        )
    if as_json:
        terminal.emit_json(result.to_json())
        return
    for cells in rows(result):
        first, *scores = cells
        terminal.emit(f"{first:42}" + "".join(f"{score[-24:]:>26}" for score in scores))
    terminal.emit("")
    terminal.emit(f"copies that a perfect generator would draw: {result.chance_of_copies:.4f}")
    label, real, drawn = result.label_shares[0]
    terminal.emit(f"label farthest from its share: {label}, {drawn:.3f} instead of {real:.3f}")
    if result.scores.frechet_distance is None:
        terminal.warn(
            f"{result.sprites:,} are fewer than {DRAW:,}: compare with the same number only"
        )
    if out:
        terminal.say(f"written to {out}: scores.json, scores.md, neighbours.png")


def export_drawn(run: Path, out: Path, root: Path, version: str | None, *, as_json: bool) -> None:
    from punkmodels.dcgan_run import is_finished
    from punkmodels.evaluate_gan import export_with_scores
    from punkmodels.saved import WEIGHTS

    with terminal.progress("scoring", "steps") as report:
        result = export_with_scores(run, root, out, version=version, report=report)
    size_bytes = (out / WEIGHTS).stat().st_size
    if not is_finished(run):
        terminal.warn("its training was stopped before the end")
    if as_json:
        terminal.emit_json({"path": str(out), "bytes": size_bytes, "scores": result.to_json()})
        return
    terminal.emit(str(out))
    terminal.say(f"{size_bytes / 1e6:.1f} MB; next: punkmodels generate --model {out}")


def _weights(model: str, runs: Path) -> Path:
    from punkmodels.dcgan_run import BUNDLED_DCGAN

    return BUNDLED_DCGAN if model == BUNDLED else find_run(runs, model, trained=True, task="dcgan")
