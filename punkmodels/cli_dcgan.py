"""The commands of the DCGAN: train dcgan, and evaluate and export of what is drawn."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from punkdata import terminal
from punkdata.errors import UsageError
from punkmodels.cli_generate import BUNDLED_NAMES, weights
from punkmodels.options import (
    DeviceName,
    DeviceOption,
    Log,
    Resume,
    Runs,
    Seed,
    Threads,
    refuse_options,
    shared_training,
    stoppable,
)
from punkmodels.runs import DEFAULT_RUNS, find_run, read_config

if TYPE_CHECKING:
    import torch

TRAIN_EXAMPLES = (
    "Example: punkmodels train dcgan --preset quick\n\n"
    "After a stop: punkmodels train dcgan --resume latest\n\n"
    "Other pictures: punkmodels train dcgan --images digits/\n\n"
    "On two GPUs: torchrun --nproc-per-node 2 -m punkmodels train dcgan"
)


class Recipe(StrEnum):
    MODERN = "modern"
    CLASSIC = "classic"


class Conditional(StrEnum):
    NONE = "none"
    TYPE = "type"
    LABELS = "labels"


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


def train_dcgan(
    root: terminal.Root = terminal.ROOT,
    version: terminal.Version = "latest",
    runs: Runs = DEFAULT_RUNS,
    recipe: Annotated[
        Recipe | None,
        typer.Option(
            help="modern: relativistic loss, gradient penalties, an encoder, an averaged "
            "generator. classic: the tutorials', for comparison. (default: modern; of mlp classic)"
        ),
    ] = None,
    network: Annotated[
        Network,
        typer.Option(
            help="dcgan: convolutions. mlp: fully connected layers, as the first tutorials', for "
            "comparison."
        ),
    ] = Network.DCGAN,
    preset: Annotated[
        Preset,
        typer.Option(
            help="quick: some minutes on a core. best: about 40 minutes. gpu, gpu-long: 10 and 20 "
            "million images, for one large GPU."
        ),
    ] = Preset.QUICK,
    conditional: Annotated[
        Conditional,
        typer.Option(
            help="What one can ask the generator for: nothing, a type, or type and accessories."
        ),
    ] = Conditional.NONE,
    tone: Annotated[
        bool, typer.Option("--tone", help="One can ask for a skin tone, too. Of --conditional.")
    ] = False,
    matching: Annotated[
        bool | None,
        typer.Option(
            help="Whether the generator is shown the very punk that has what it was asked for. "
            "(default: with labels and --tone, which leave nothing open)"
        ),
    ] = None,
    head: Annotated[
        Head | None,
        typer.Option(
            help="palette: choose among the colours known at each place. rgba: any colour. "
            "(default: the recipe's)"
        ),
    ] = None,
    encoder: Annotated[
        bool | None,
        typer.Option(
            help="Whether an encoder teaches it to redraw real punks. (default: of modern and "
            "palette, without --matching)"
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            help="Learn from other small pictures than punks: a folder of them, or a .npz or .npy; "
            "square, 8 to 64 pixels, all of one size."
        ),
    ] = None,
    images_seen: Annotated[
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
    compiled: Annotated[
        bool,
        typer.Option(
            "--compile", help="Let torch.compile make kernels; the first steps take minutes."
        ),
    ] = False,
    norm_groups: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Parts of a batch that are normalised each by itself; ranks must divide them. "
            "(default: a part for each rank of torchrun)",
        ),
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
    from punkmodels.dcgan_run import DcganConfig, make_config
    from punkmodels.ranks import processes

    going_on = find_run(runs, resume, task="dcgan") if resume else None
    is_asked = conditional is not Conditional.NONE
    if (tone or matching) and not is_asked:
        raise UsageError(
            f"{'--tone' if tone else '--matching'} is of a conditional generator",
            try_next="add --conditional labels or --conditional type",
        )
    is_plain_network = network is Network.MLP
    if is_plain_network and (is_asked or head is Head.PALETTE or encoder):
        raise UsageError(
            "an mlp draws any colour, and nothing that is asked for",
            try_next="leave out --conditional, --head and --encoder",
        )
    if images and (is_asked or head is Head.PALETTE or encoder):
        raise UsageError(
            "of other pictures than punks no palette and no labels are known",
            try_next="leave out --conditional, --head and --encoder",
        )
    recipe = recipe or (Recipe.CLASSIC if is_plain_network else Recipe.MODERN)
    if (matching or encoder) and (recipe is Recipe.CLASSIC or head is Head.RGBA):
        raise UsageError(
            f"{'--matching' if matching else '--encoder'} is of the palette head",
            try_next="leave one of them out",
        )
    given = {
        "conditional": conditional.value if is_asked else None,
        "tone": tone or None,
        "network": network.value if is_plain_network else None,
        "matching": matching,
        "head": head.value if head else None,
        "w_size": None if encoder is None else DcganConfig.w_size * encoder,
        "images": images_seen,
        "is_of_punks": False if images else None,
        "width": width,
        "gamma": gamma,
        "compiled": compiled or None,
        "norm_groups": norm_groups,
        "seed": seed,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    if recipe is Recipe.CLASSIC and gamma:
        raise UsageError("the classic recipe has no penalties", try_next="leave out --gamma")
    if not going_on and processes() > 1:
        chosen = {"norm_groups": processes()} | chosen
    config = make_config(preset.value, recipe.value, **chosen)
    if going_on:
        is_plain = (config, version, device) == (make_config(), "latest", DeviceName.AUTO)
        refuse_options(is_plain and not chosen and threads is None)
    with stoppable("dcgan", root, runs, going_on):  # noqa: SIM117  # the bar ends first
        with shared_training() as (ranks, report, say):
            run = training.train_dcgan(
                root,
                runs,
                config,
                version=version,
                device_name=device.value,
                threads=threads,
                resume=going_on,
                log=log.value if log else None,
                pictures=images,
                report=report,
                say=say,
                ranks=ranks,
            )
    if not ranks.is_first:
        return
    if as_json:
        terminal.emit_json({"run": str(run), "config": read_config(run)["options"]})
        return
    terminal.emit(str(run))
    terminal.say(f"next: punkmodels generate --model {run}, or punkmodels evaluate {run}")


def is_drawn(what: str, runs: Path) -> bool:
    """Whether a person means drawn punks, and not a classifier's run."""
    path = Path(what)
    if what in BUNDLED_NAMES or (path.exists() and not (path / "config.json").exists()):
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
    from punkmodels import evaluate_asked
    from punkmodels.dcgan_run import is_finished, read_dcgan_config
    from punkmodels.device import pick_device
    from punkmodels.drawings import read_sprites
    from punkmodels.evaluate_gan import DRAW, draw_for_scores, evaluate_sprites, rows

    path = Path(what)
    torch_device, _ = pick_device(device.value)
    obeyed, types, asked_out = None, None, out / "asked" if out else None
    if what not in BUNDLED_NAMES and path.exists() and not (path / "config.json").exists():
        with terminal.progress("reading", "pictures") as report:
            raw = read_sprites(path, tile or 24, report)
    else:
        path = weights(what, runs)
        if tile:
            raise UsageError(f"{path} draws punks of 24x24", try_next="leave out --tile")
        if not is_finished(path):
            terminal.warn(f"the training of {path} is unfinished")
        saved = read_dcgan_config(path)
        if not saved.options.is_of_punks:
            _evaluate_pictures(path, out, torch_device, as_json=as_json)
            return
        if what not in BUNDLED_NAMES:  # which were trained on another machine's snapshot
            version = version or saved.data.version
            if not out:
                out, asked_out = (path / "evaluation" / name for name in ("generated", "asked"))
        version = version or "latest"
        if saved.options.conditional == "labels":
            with terminal.progress("asking", "steps") as report:
                obeyed = evaluate_asked.evaluate_asked(
                    path, root, version=version, device=torch_device, out=asked_out, report=report
                )
        if saved.options.conditional == "type":
            with terminal.progress("asking", "punks") as report:
                types = evaluate_asked.types_right(
                    path, root, version=version, device=torch_device, report=report
                )
        with terminal.progress("drawing", "punks") as report:
            raw = draw_for_scores(path, root, version, torch_device, report)
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
        asked = {"asked": obeyed.to_json()} if obeyed else {}
        terminal.emit_json(
            result.to_json() | asked | ({} if types is None else {"types_right": types})
        )
        return
    for first, *scores in rows(result):
        terminal.emit(f"{first:42}" + "".join(f"{score[-24:]:>26}" for score in scores))
    terminal.emit("")
    terminal.emit(f"copies that a perfect generator would draw: {result.chance_of_copies:.4f}")
    label, real, drawn = result.label_shares[0]
    terminal.emit(f"label farthest from its share: {label}, {drawn:.3f} instead of {real:.3f}")
    if types is not None:
        terminal.emit(f"draws of the type that was asked for: {types:.4f}")
    if obeyed:
        terminal.emit("")
        for first, *scores in evaluate_asked.rows(obeyed):
            terminal.emit(f"{first:48}" + "".join(f"{score:>12}" for score in scores))
        label, times, share = obeyed.labels[0]
        terminal.emit(f"label drawn worst: {label}, right in {share:.3f} of {times:,} draws")
    if result.scores.frechet_distance is None:
        terminal.warn(
            f"{result.sprites:,} are fewer than {DRAW:,}: compare with the same number only"
        )
    if out:
        terminal.say(f"written to {out}: scores.json, scores.md, neighbours.png")
    if obeyed and asked_out:
        terminal.say(f"and to {asked_out}: scores.json, scores.md, drawn.png")


def _evaluate_pictures(run: Path, out: Path | None, device: torch.device, *, as_json: bool) -> None:
    from punkmodels.evaluate_pictures import evaluate_pictures, rows

    out = out or run / "evaluation" / "generated"
    result = evaluate_pictures(run, device=device, out=out)
    if as_json:
        terminal.emit_json(result.to_json())
        return
    terminal.emit(f"{'':36}{'drawn':>10}{'floor':>10}")
    for name, score, floor in rows(result):
        terminal.emit(f"{name:36}{score:>10}{floor:>10}")
    terminal.emit("")
    terminal.emit(f"{result.drawn:,} drawn beside as many of {result.pictures}")
    terminal.emit("floor: one half of these beside the other; distances by principal components")
    terminal.say(f"written to {out}: scores.json, neighbours.png")


def export_drawn(run: Path, out: Path, root: Path, version: str | None, *, as_json: bool) -> None:
    from punkmodels.dcgan_run import export_generator, is_finished, read_dcgan_config
    from punkmodels.evaluate_gan import export_with_scores
    from punkmodels.saved import WEIGHTS

    if not read_dcgan_config(run).options.is_of_punks:  # its scores need the pictures
        export_generator(run, out)
        if as_json:
            terminal.emit_json({"path": str(out)})
            return
        terminal.emit(str(out))
        return
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
