"""Trained models by name: bundled ones, runs, folders of exported weights, and those on the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from punkdata.arguments import choice_error
from punkdata.errors import UsageError
from punkdata.paths import expand_name, expand_user
from punkdata.progress import write_stderr
from punkmodels.hub import download_model, find_repository, is_hub_name
from punkmodels.training.run_dir import (
    DEFAULT_RUNS,
    TASKS,
    Task,
    describe_unfinished,
    find_run,
    join_tasks,
)

if TYPE_CHECKING:
    import torch

    from punkmodels.classifier.classifier import Classifier

WEIGHTS = Path(__file__).with_name("weights")
"""Folder of the bundled models."""
BUNDLED_FOLDERS = {
    "bundled-classifier": "classifier",
    "bundled-label-sets": "label-sets",
    "bundled-gan": "dcgan",
    "bundled-vae-gan": "vae-gan",
    "bundled-conditional": "renderer",
}
"""Subfolders of `WEIGHTS`: that of each bundled model by its name."""
GENERATOR_TASKS: tuple[Task, ...] = ("label-sets", "dcgan", "renderer")
"""Tasks of the models that generate punks; the bundled model of the first one is the default."""


def find_model(model: str | int | Path, runs: str | Path, *tasks: str) -> Path:
    """Return the folder of a run, of exported weights, or of a bundled model of one of the tasks.

    `model` is the name of a bundled model, where "bundled" is that of the first task, a path, the
    number of a run, "latest", or the name of a model on the Hugging Face Hub. Raises UsageError if
    there is no such model, and the errors of `download_model`.
    """
    name, runs = expand_name(str(model)), expand_user(runs)
    if name == "bundled":
        return WEIGHTS / tasks[0]
    if folder := BUNDLED_FOLDERS.get(name):
        # All other folders are named after their tasks.
        task = "dcgan" if folder == "vae-gan" else folder
        if task in tasks:
            return WEIGHTS / folder
        raise UsageError(f"{name} is a {task}, but a {join_tasks(tasks)} is needed")
    if name.startswith("bundled") and not Path(name).exists():
        raise choice_error("the name of a bundled model", name, ("bundled", *BUNDLED_FOLDERS))
    if isinstance(model, str) and is_hub_name(name) and not (runs / name).exists():
        return download_model(name, tasks)
    return find_run(runs, name, trained=True, tasks=tuple(t for t in TASKS if t in tasks))


def is_bundled(folder: Path) -> bool:
    """Return whether a folder of weights is part of punkmodels."""
    return folder.parent == WEIGHTS


def is_shared(folder: Path) -> bool:
    """Return whether a model is bundled or from the Hub, so that nothing is written next to it."""
    return is_bundled(folder) or find_repository(folder) is not None


def warn_if_unfinished(folder: Path) -> None:
    """Write a line to stderr if the training of a model was stopped."""
    if text := describe_unfinished(folder):
        line = f"the training of '{folder}' is {text}"
        write_stderr(f"[bold yellow]warning:[/] {escape(line)}")


def load_classifier(
    model: str | int | Path = "bundled",
    *,
    runs: str | Path = DEFAULT_RUNS,
    device: str | torch.device = "auto",
) -> Classifier:
    """Load a trained classifier, in evaluation mode.

    Its weights can be fine-tuned, so its outputs have gradients, except within
    `torch.inference_mode()`.

    Args:
        model: "bundled" for the classifier that is part of punkmodels, a run (its path, its number,
            or "latest"), a folder of exported weights, or a model on the Hugging Face Hub
            ("owner/name" or "owner/name@revision").
        runs: Folder of all runs.
        device: "auto" for a GPU if there is one, "cpu", "cuda", "mps", or a torch device.

    Raises:
        UsageError: There is no such model or device, or the model is not a classifier.
        DataError: The weights are damaged or belong to another version.

    Example:
        >>> classifier = punkmodels.load_classifier()
        >>> classifier.predict("punk.png").type
        'Zombie'
    """
    from punkmodels.classifier import pretrained
    from punkmodels.training.device import pick_device

    folder = find_model(model, runs, "classifier")
    warn_if_unfinished(folder)
    return pretrained.load_classifier(folder, pick_device(device)[0])
