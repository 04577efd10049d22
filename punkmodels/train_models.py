"""Training of classifiers and GANs from Python; `punkmodels train` calls these functions."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from punkdata.errors import NoFileError, UsageError
from punkdata.paths import expand_user
from punkdata.progress import Progress
from punkmodels.models import find_model
from punkmodels.runs import Run
from punkmodels.start_training import find_resumed_run, prepare, run_training
from punkmodels.training.config import nest_options
from punkmodels.training.run_dir import DEFAULT_RUNS

if TYPE_CHECKING:
    import torch


def train_classifier(
    root: str | Path | None = None,
    *,
    preset: Literal["quick", "best"] = "quick",
    model: Literal["mlp", "ridge", "cnn", "published", "features"] = "mlp",
    runs: str | Path = DEFAULT_RUNS,
    version: str = "latest",
    device: str | torch.device = "auto",
    threads: int | None = None,
    resume: str | int | Path | None = None,
    logger: Literal["tensorboard", "wandb"] | None = None,
    progress: bool | Progress = True,
    **options: Any,
) -> Run:
    """Train a classifier of types and accessories.

    Args:
        root: Data root, or a snapshot folder; by default $PUNKDATA_ROOT or `./data`.
        preset: "quick" takes half a minute on one core, "best" a minute; for the model mlp only.
        model: "mlp", ridge regression plus a fully connected layer, the most accurate; "ridge",
            without epochs; "cnn", a convolutional network; "published", a baseline modeled on a
            public Keras script; or "features", the small network for metrics of generators.
        runs: Folder in which the folder of the run is created.
        version: Version of the snapshot, or "latest".
        device: "auto" for a GPU if there is one, "cpu", "cuda", "mps", or a torch device.
        threads: Number of CPU threads; a given number makes a run reproducible. By default, it is
            benchmarked.
        resume: A stopped run to resume: its path, its number, or "latest". It keeps its own
            options, so only `root`, `runs`, `logger` and `progress` can be combined with it.
        logger: Also log to "tensorboard" or "wandb".
        progress: Whether to show a progress bar and messages; or a function that is called as
            `progress(images_seen, total_images, note)`, with total_images=None before the first
            step.
        options: Other training options, for example `epochs=12` or `split_scheme="fold-1"`;
            `list_options("classifier")` lists them. `augment_with` is the name or path
            of a renderer.

    Returns:
        The run, with its metrics and its model.

    Raises:
        UsageError: An option or the device does not exist, or a value is not allowed.
        DataError: The snapshot is damaged, or differs from that of the run to resume.
        KeyboardInterrupt: The training was interrupted. Its message says how to resume the run.

    Example:
        >>> run = punkmodels.train_classifier("data", epochs=2)
        >>> run.load().predict("punk.png")
    """
    given = {"preset": preset != "quick", "model": model != "mlp", "threads": threads, **options}
    resumed = find_resumed_run(resume, "classifier", runs, version, device, given)
    from punkmodels.classifier.config import make_config

    if preset == "best" and model != "mlp":
        raise UsageError(
            "preset=best is only available for model=mlp", hint="remove one of the two"
        )
    if options.get("augment_with") is not None:
        renderer = find_model(options["augment_with"], runs, "renderer")
        options["augment_with"] = str(renderer.resolve())
    elif options.get("augment_fraction") is not None:
        hint = "add augment_with=bundled-conditional"
        raise UsageError("augment_fraction= requires augment_with=", hint=hint)
    config = make_config(preset, model, **nest_options(options))
    prepare(root, version, threads, progress, needs_snapshot=resumed is None)
    from punkmodels.classifier.train import train_classifier as train
    from punkmodels.renderer.synthetic import examples_from_config

    start = functools.partial(
        train,
        config=config,
        version=version,
        device_name=str(device),
        threads=threads,
        logger=logger,
        generate_examples=examples_from_config,
    )
    return run_training("classifier", start, root, runs, resumed, progress)


def train_dcgan(
    root: str | Path | None = None,
    *,
    preset: Literal["quick", "best", "gpu"] = "quick",
    recipe: Literal["vae-gan", "adversarial", "dcgan", "mlp"] | None = None,
    runs: str | Path = DEFAULT_RUNS,
    version: str = "latest",
    device: str | torch.device = "auto",
    threads: int | None = None,
    resume: str | int | Path | None = None,
    logger: Literal["tensorboard", "wandb"] | None = None,
    progress: bool | Progress = True,
    **options: Any,
) -> Run:
    """Train a GAN that generates punks or other small images.

    Args:
        root: Data root, or a snapshot folder; by default $PUNKDATA_ROOT or `./data`.
        preset: "quick" takes a few minutes on one CPU core, and "best" about 40; "gpu" is for one
            large GPU.
        recipe: "vae-gan", the default for punks, a GAN combined with a variational autoencoder
            (Larsen et al. 2016); "adversarial", a GAN without an encoder, the default for other
            images; "dcgan" (Radford et al. 2015); or "mlp", fully connected networks.
        runs: Folder in which the folder of the run is created.
        version: Version of the snapshot, or "latest".
        device: "auto" for a GPU if there is one, "cpu", "cuda", "mps", or a torch device.
        threads: Number of CPU threads; a given number makes a run reproducible. By default, it is
            benchmarked.
        resume: A stopped run to resume: its path, its number, or "latest". It keeps its own
            options, so only `root`, `runs`, `logger` and `progress` can be combined with it.
        logger: Also log to "tensorboard" or "wandb".
        progress: Whether to show a progress bar and messages; or a function that is called as
            `progress(images_seen, total_images, note)`, with total_images=None before the first
            step.
        options: Other training options, for example `total_images=50_000`, `conditional="type"`,
            `image_dir="digits"` or `model={"width": 48}`; `list_options("dcgan")` lists
            them. With `resume`, `image_dir` is the new location of images that were moved.

    Returns:
        The run, with its metrics and its model.

    Raises:
        UsageError: An option or the device does not exist, or a value is not allowed.
        DataError: The snapshot is damaged, or differs from that of the run to resume.
        KeyboardInterrupt: The training was interrupted. Its message says how to resume the run.

    Example:
        >>> run = punkmodels.train_dcgan("data", total_images=20_000)
        >>> run.load().grid().show()
    """
    place = options.get("image_dir")
    image_dir = None if place is None else expand_user(place).resolve()
    options["image_dir"] = image_dir and str(image_dir)
    given = {"preset": preset != "quick", "recipe": recipe, "threads": threads, **options}
    moved = {"image_dir": None} if resume is not None else {}
    resumed = find_resumed_run(resume, "dcgan", runs, version, device, given | moved)
    from punkmodels.gan.config import make_config

    config = make_config(preset, recipe, **nest_options(options))
    if image_dir and not image_dir.exists():
        raise NoFileError(f"there is no file or folder '{image_dir}'")
    needs_snapshot = resumed is None and not config.image_dir
    prepare(root, version, threads, progress, needs_snapshot=needs_snapshot)
    from punkmodels.gan.train import train_dcgan as train

    start = functools.partial(
        train,
        config=config,
        version=version,
        device_name=str(device),
        threads=threads,
        image_dir=image_dir if resumed else None,
        logger=logger,
    )
    return run_training("dcgan", start, root, runs, resumed, progress)
