"""`punkmodels evaluate` and `punkmodels export` for generators and generated images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from punkdata.cli import console
from punkdata.cli.progress import progress_bar
from punkdata.errors import UsageError
from punkmodels.cli.evaluate_renderer import evaluate_renderer
from punkmodels.cli.generate import BUNDLED_NAMES, resolve_generator
from punkmodels.cli.options import DeviceName
from punkmodels.training.run_dir import find_run, read_config

if TYPE_CHECKING:
    import torch

    from punkmodels.gan.evaluation.report import GeneratorEvaluation
    from punkmodels.gan.evaluation.sprites import SampleSizes
    from punkmodels.renderer.evaluate import ConditionalEvaluation


def is_generative(source: str, runs: Path) -> bool:
    """Return whether the argument of `punkmodels evaluate` is a generator or images."""
    if source in BUNDLED_NAMES or _is_image_source(source):
        return True
    return read_config(find_run(runs, source, trained=True)).get("task") != "classifier"


def evaluate_generated(
    source: str,
    tile_size: int | None,
    out: Path | None,
    root: Path,
    version: str | None,
    runs: Path,
    device: DeviceName,
    *,
    as_json: bool,
    sizes: SampleSizes | None = None,
) -> None:
    """Evaluate a generator or generated images, print the scores, and write them to files.

    The arguments are those of the command. Without `out`, the results of a run are written to its
    folder evaluation/, and those of other sources are only printed.
    """
    from punkmodels.gan.config import read_dcgan_config
    from punkmodels.gan.evaluation.sprites import SampleSizes
    from punkmodels.renderer.pretrained import read_renderer_config
    from punkmodels.training.device import pick_device

    torch_device, _ = pick_device(device)
    sizes = sizes or SampleSizes()
    if _is_image_source(source):
        path = Path(source)
        _evaluate_files(path, tile_size, out, root, version, torch_device, sizes, as_json=as_json)
        return
    run = resolve_generator(source, runs)
    if tile_size:
        raise UsageError(
            f"--tile-size applies to image files, but {run} is a run", hint="remove --tile-size"
        )
    _warn_if_unfinished(run)
    is_renderer = _is_renderer(run)
    saved = read_renderer_config(run) if is_renderer else read_dcgan_config(run)
    if saved.data.image_dir:
        _evaluate_image_dir_run(run, out, torch_device, as_json=as_json)
        return
    if source not in BUNDLED_NAMES:
        # For a bundled generator, there is no run folder to write to, and the snapshot that it was
        # trained on may not exist here.
        version = version or saved.data.version
        out = out or run / "evaluation" / ("conditional" if is_renderer else "generated")
    version = version or "latest"
    if is_renderer:
        evaluate_renderer(run, out, root, version, torch_device, as_json=as_json)
    else:
        _evaluate_generator(run, out, root, version, torch_device, sizes, as_json=as_json)


def export_generated(
    run: Path,
    out: Path,
    root: Path,
    version: str | None,
    *,
    as_json: bool,
    sizes: SampleSizes | None = None,
) -> None:
    """Export a generator with its scores, and print the folder; see `export_with_scores`."""
    from punkmodels.gan.config import export_generator, read_dcgan_config
    from punkmodels.gan.evaluation.sprites import SampleSizes, export_with_scores
    from punkmodels.renderer import evaluate as renderer_evaluation
    from punkmodels.training.pretrained import WEIGHTS_FILE

    is_renderer = _is_renderer(run)
    if not is_renderer and not read_dcgan_config(run).options.trains_on_punks:
        # Scores for images other than punks are not exported.
        export_generator(run, out)
        if as_json:
            console.emit_json({"path": str(out)})
            return
        console.emit(str(out))
        return
    sizes = sizes or SampleSizes()
    result: ConditionalEvaluation | GeneratorEvaluation
    with progress_bar("scoring", "steps") as progress:
        if is_renderer:
            result = renderer_evaluation.export_with_scores(
                run, root, out, version=version, progress=progress
            )
        else:
            result = export_with_scores(
                run, root, out, version=version, sizes=sizes, progress=progress
            )
    size_bytes = (out / WEIGHTS_FILE).stat().st_size
    _warn_if_unfinished(run)
    if as_json:
        console.emit_json({"path": str(out), "bytes": size_bytes, "scores": result.to_json()})
        return
    console.emit(str(out))
    console.say(f"{size_bytes / 1e6:.1f} MB; next: punkmodels generate --model {out}")


def _is_image_source(source: str) -> bool:
    """Return whether a path is a PNG file or a folder of PNG files, not a run."""
    path = Path(source)
    return source not in BUNDLED_NAMES and path.exists() and not (path / "config.json").exists()


def _is_renderer(run: Path) -> bool:
    return read_config(run).get("task") == "renderer"


def _warn_if_unfinished(run: Path) -> None:
    from punkmodels.gan import config
    from punkmodels.renderer import pretrained

    is_finished = pretrained.is_finished if _is_renderer(run) else config.is_finished
    if not is_finished(run):
        console.warn(f"the training of {run} is unfinished")


def _evaluate_files(
    path: Path,
    tile_size: int | None,
    out: Path | None,
    root: Path,
    version: str | None,
    device: torch.device,
    sizes: SampleSizes,
    *,
    as_json: bool,
) -> None:
    from punkdata.images.sprite import SIDE_PX
    from punkmodels.data.image_files import read_sprites
    from punkmodels.gan.evaluation.sprites import evaluate_sprites

    with progress_bar("reading", "images") as progress:
        raw = read_sprites(path, tile_size or SIDE_PX, progress)
    with progress_bar("scoring", "steps") as progress:
        result = evaluate_sprites(
            path.name,
            raw,
            root,
            version=version or "latest",
            device=device,
            out=out,
            subset_size=sizes.subset,
            progress=progress,
        )
    if as_json:
        console.emit_json(result.to_json())
        return
    _print_scores(result)
    console.emit(
        f"expected train copy rate of a perfect generator: {result.expected_copy_rate:.4f}"
    )
    _print_most_misrepresented(result)
    _print_files(result, out, sizes)


def _evaluate_generator(
    run: Path,
    out: Path | None,
    root: Path,
    version: str,
    device: torch.device,
    sizes: SampleSizes,
    *,
    as_json: bool,
) -> None:
    from punkmodels.gan.config import read_dcgan_config
    from punkmodels.gan.evaluation.sprites import evaluate_sprites, generate_for_evaluation
    from punkmodels.gan.evaluation.types import measure_type_accuracy

    type_accuracy = None
    if read_dcgan_config(run).options.conditional == "type":
        with progress_bar("checking conditions", "punks") as progress:
            type_accuracy = measure_type_accuracy(
                run,
                root,
                version=version,
                device=device,
                num_samples=sizes.conditional,
                progress=progress,
            )
    # Compare samples with real punks.
    with progress_bar("generating", "punks") as progress:
        raw = generate_for_evaluation(run, root, version, device, progress, sizes.total)
    with progress_bar("scoring", "steps") as progress:
        result = evaluate_sprites(
            run.stem,
            raw,
            root,
            version=version,
            device=device,
            out=out,
            subset_size=sizes.subset,
            progress=progress,
        )
    if as_json:
        extra = {} if type_accuracy is None else {"type_accuracy": type_accuracy}
        console.emit_json(result.to_json() | extra)
        return
    _print_scores(result)
    console.emit(
        f"expected train copy rate of a perfect generator: {result.expected_copy_rate:.4f}"
    )
    _print_most_misrepresented(result)
    if type_accuracy is not None:
        console.emit(f"type accuracy: {type_accuracy:.4f}")
    _print_files(result, out, sizes)


def _evaluate_image_dir_run(
    run: Path, out: Path | None, device: torch.device, *, as_json: bool
) -> None:
    from punkmodels.gan.evaluation.images import evaluate_images, score_table

    out = out or run / "evaluation" / "generated"
    result = evaluate_images(run, device=device, out=out)
    if as_json:
        console.emit_json(result.to_json())
        return
    console.emit(f"{'':24}{'generated':>18}{'train reference':>18}")
    for name, score, reference in score_table(result):
        console.emit(f"{name:24}{score:>18}{reference:>18}")
    console.emit("")
    console.emit(
        f"{result.num_samples:,} generated images, compared with as many of {result.image_dir}"
    )
    console.emit(
        "train reference: one half of the training images, compared with the other; all distances "
        "are between principal components"
    )
    console.say(f"wrote metrics.json and nearest_neighbors.png to {out}")


def _print_scores(result: GeneratorEvaluation) -> None:
    from punkmodels.gan.evaluation.report import score_table

    for name, *scores in score_table(result):
        console.emit(f"{name:42}" + "".join(f"{score[-24:]:>26}" for score in scores))
    console.emit("")


def _print_most_misrepresented(result: GeneratorEvaluation) -> None:
    label, real, generated = result.label_frequencies[0]
    console.emit(
        f"most misrepresented label: {label}, frequency {generated:.3f} instead of {real:.3f}"
    )


def _print_files(result: GeneratorEvaluation, out: Path | None, sizes: SampleSizes) -> None:
    if result.scores.frechet_distance is None:
        console.warn(
            f"there are no distances, because {result.num_samples:,} sprites are fewer than "
            f"{sizes.subset:,}; compare the other scores only at the same number of sprites"
        )
    if out:
        console.say(f"wrote metrics.json, metrics.md and nearest_neighbors.png to {out}")
