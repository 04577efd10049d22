"""What evaluate and export do with drawn punks, a generator's or anybody's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from punkdata.cli import console
from punkdata.cli.progress import progress_bar
from punkdata.errors import UsageError
from punkmodels.cli.generate import BUNDLED_NAMES, resolve_generator
from punkmodels.cli.options import DeviceName
from punkmodels.training.run_dir import find_run, read_config

if TYPE_CHECKING:
    import torch


def is_generative(what: str, runs: Path) -> bool:
    """Whether a person means drawn punks, and not a classifier's run."""
    path = Path(what)
    if what in BUNDLED_NAMES or (path.exists() and not (path / "config.json").exists()):
        return True
    return read_config(find_run(runs, what, trained=True)).get("task") == "dcgan"


def evaluate_generated(
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
    from punkmodels.data.image_files import read_sprites
    from punkmodels.gan import evaluate_conditional
    from punkmodels.gan.config import is_finished, read_dcgan_config
    from punkmodels.gan.evaluate import DRAW, evaluate_sprites, generate_for_evaluation, rows
    from punkmodels.training.device import pick_device

    path = Path(what)
    torch_device, _ = pick_device(device.value)
    obeyed, types, asked_out = None, None, out / "conditional" if out else None
    if what not in BUNDLED_NAMES and path.exists() and not (path / "config.json").exists():
        with progress_bar("reading", "pictures") as progress:
            raw = read_sprites(path, tile or 24, progress)
    else:
        path = resolve_generator(what, runs)
        if tile:
            raise UsageError(f"{path} draws punks of 24x24", hint="leave out --tile-size")
        if not is_finished(path):
            console.warn(f"the training of {path} is unfinished")
        saved = read_dcgan_config(path)
        if not saved.options.trains_on_punks:
            _evaluate_pictures(path, out, torch_device, as_json=as_json)
            return
        if what not in BUNDLED_NAMES:  # which were trained on another machine's snapshot
            version = version or saved.data.version
            if not out:
                out, asked_out = (
                    path / "evaluation" / name for name in ("generated", "conditional")
                )
        version = version or "latest"
        if saved.options.conditional == "labels":
            with progress_bar("asking", "steps") as progress:
                obeyed = evaluate_conditional.evaluate_conditional(
                    path,
                    root,
                    version=version,
                    device=torch_device,
                    out=asked_out,
                    progress=progress,
                )
        if saved.options.conditional == "type":
            with progress_bar("asking", "punks") as progress:
                types = evaluate_conditional.types_right(
                    path, root, version=version, device=torch_device, progress=progress
                )
        with progress_bar("drawing", "punks") as progress:
            raw = generate_for_evaluation(path, root, version, torch_device, progress)
    with progress_bar("scoring", "steps") as progress:
        result = evaluate_sprites(
            path.stem,
            raw,
            root,
            version=version or "latest",
            device=torch_device,
            out=out,
            progress=progress,
        )
    if as_json:
        condition = {"conditional": obeyed.to_json()} if obeyed else {}
        console.emit_json(
            result.to_json() | condition | ({} if types is None else {"types_right": types})
        )
        return
    for first, *scores in rows(result):
        console.emit(f"{first:42}" + "".join(f"{score[-24:]:>26}" for score in scores))
    console.emit("")
    if obeyed:  # by labels and tones, which make up a punk
        console.emit("copies: it was asked for what training punks have")
    else:
        console.emit(f"copies that a perfect generator would draw: {result.expected_copy_rate:.4f}")
    label, real, drawn = result.label_shares[0]
    console.emit(f"label farthest from its share: {label}, {drawn:.3f} instead of {real:.3f}")
    if types is not None:
        console.emit(f"draws of the type that was asked for: {types:.4f}")
    if obeyed:
        console.emit("")
        for first, *scores in evaluate_conditional.rows(obeyed):
            console.emit(f"{first:48}" + "".join(f"{score:>12}" for score in scores))
        label, times, share = obeyed.labels[0]
        console.emit(f"label drawn worst: {label}, right in {share:.3f} of {times:,} draws")
    if result.scores.frechet_distance is None:
        console.warn(
            f"{result.sprites:,} are fewer than {DRAW:,}: compare with the same number only"
        )
    if out:
        console.say(f"written to {out}: metrics.json, metrics.md, nearest_neighbors.png")
    if obeyed and asked_out:
        console.say(f"and to {asked_out}: metrics.json, metrics.md, conditional_samples.png")


def _evaluate_pictures(run: Path, out: Path | None, device: torch.device, *, as_json: bool) -> None:
    from punkmodels.gan.evaluate_images import evaluate_images, rows

    out = out or run / "evaluation" / "generated"
    result = evaluate_images(run, device=device, out=out)
    if as_json:
        console.emit_json(result.to_json())
        return
    console.emit(f"{'':36}{'drawn':>10}{'floor':>10}")
    for name, score, floor in rows(result):
        console.emit(f"{name:36}{score:>10}{floor:>10}")
    console.emit("")
    console.emit(f"{result.drawn:,} drawn beside as many of {result.pictures}")
    console.emit("floor: one half of these beside the other; distances by principal components")
    console.say(f"written to {out}: metrics.json, nearest_neighbors.png")


def export_generated(
    run: Path, out: Path, root: Path, version: str | None, *, as_json: bool
) -> None:
    from punkmodels.gan.config import export_generator, is_finished, read_dcgan_config
    from punkmodels.gan.evaluate import export_with_scores
    from punkmodels.training.pretrained import WEIGHTS_FILE

    if not read_dcgan_config(run).options.trains_on_punks:  # its scores need the pictures
        export_generator(run, out)
        if as_json:
            console.emit_json({"path": str(out)})
            return
        console.emit(str(out))
        return
    with progress_bar("scoring", "steps") as progress:
        result = export_with_scores(run, root, out, version=version, progress=progress)
    size_bytes = (out / WEIGHTS_FILE).stat().st_size
    if not is_finished(run):
        console.warn("its training was stopped before the end")
    if as_json:
        console.emit_json({"path": str(out), "bytes": size_bytes, "scores": result.to_json()})
        return
    console.emit(str(out))
    console.say(f"{size_bytes / 1e6:.1f} MB; next: punkmodels generate --model {out}")
