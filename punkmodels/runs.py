"""Runs as objects: their metrics, their evaluation and their models."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from punkdata.arguments import describe
from punkdata.errors import DataError, UsageError
from punkdata.files import default_root
from punkdata.paths import expand_user
from punkdata.progress import Progress, announce, progress_bar, write_stderr
from punkmodels.choices import HELD_OUT_SPLITS, HeldOutSplit
from punkmodels.models import (
    GENERATOR_TASKS,
    find_model,
    is_shared,
    load_classifier,
    warn_if_unfinished,
)
from punkmodels.training.run_dir import (
    DEFAULT_RUNS,
    TASKS,
    Evaluation,
    Task,
    describe_unfinished,
    read_config,
    read_metrics,
)

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from punkmodels.classifier.classifier import Classifier
    from punkmodels.generator import Generator


@dataclass(frozen=True)
class Run:
    """A training run, or a folder of exported weights.

    Attributes:
        path: The folder of the run.
        root: Data root of the snapshot it was trained on; None for $PUNKDATA_ROOT or `./data`.

    Example:
        >>> run = punkmodels.open_run("latest")
        >>> run.metrics["val_loss"].min()
        >>> run.evaluate().scores["visible"]["exact_match"]
    """

    path: Path
    root: Path | None = None

    @property
    def config(self) -> dict[str, Any]:
        """The content of config.json: task, options, data, device and versions."""
        return read_config(self.path)

    @property
    def task(self) -> Task:
        """The kind of model; raises DataError if config.json names none."""
        task = self.config.get("task")
        for known in TASKS:
            if task == known:
                return known
        raise DataError(f"'{self.path}' is not a run of punkmodels (task: {task!r} in config.json)")

    @property
    def metrics(self) -> pd.DataFrame:
        """The metrics of the training, one row for each evaluation on validation or training data.

        Raises UsageError if there are none, as for exported weights.
        """
        import pandas as pd

        if not (self.path / "metrics.jsonl").exists():
            raise UsageError(f"'{self.path}' has no training metrics")
        return pd.DataFrame(read_metrics(self.path))

    def load(self, device: str | torch.device = "auto") -> Classifier | Generator:
        """Load the trained model: a `Classifier` or a `Generator`.

        Raises DataError if the run has no checkpoint yet, or its files are damaged.
        """
        if self.task == "classifier":
            return load_classifier(self.path, device=device)
        from punkmodels.generator import load_generator

        return load_generator(self.path, device=device)

    def evaluate(
        self,
        split: HeldOutSplit | None = None,
        *,
        root: str | Path | None = None,
        version: str | None = None,
        image_dir: str | Path | None = None,
        device: str | torch.device = "auto",
        progress: bool = True,
    ) -> Evaluation:
        """Compare the model with real punks that it was not trained on.

        Args:
            split: Real punks to compare with: "val" to choose options of a model, "test" to report
                its scores, or for generators and renderers "held-out", both splits together. By
                default "test" for a classifier, and "held-out" for other models.
            root: Data root, or a snapshot folder; by default that of the training.
            version: Version of the snapshot; by default that of the training, or the latest for
                a model that is bundled or from the Hub.
            image_dir: New place of the training images of a GAN that was trained on other images
                than punks, if they were moved.
            device: "auto" for a GPU if there is one, "cpu", "cuda", "mps", or a torch device.
            progress: Whether to show a progress bar.

        Returns:
            The scores, with tables and pictures. Nothing is written; see `Evaluation.save`.

        Raises:
            UsageError: The snapshot, the device or the training images do not exist.
            DataError: The run or the snapshot is damaged, or they do not belong together.
        """
        if image_dir is not None and self.task != "dcgan":
            raise UsageError(f"'{self.path}' was trained on punks", hint="remove image_dir=")
        if split not in (None, *HELD_OUT_SPLITS):
            raise UsageError(f"split must be {', '.join(HELD_OUT_SPLITS)}, not {split!r}")
        if split == "held-out" and self.task == "classifier":
            hint = "choose split=val or split=test"
            raise UsageError("classifiers are evaluated on one split at a time", hint=hint)
        folder = data_root(root if root is not None else self.root)
        version = version or ("latest" if is_shared(self.path) else None)
        if progress:
            load_torch()
        from punkmodels.training.device import pick_device

        torch_device, _ = pick_device(device)
        warn_if_unfinished(self.path)
        unit = "resamples" if self.task == "classifier" else "subsets"
        with show_progress("evaluating", unit, progress) as (report, _):
            report(0, None, "loading the model and the real punks")
            if self.task == "classifier":
                from punkmodels.classifier.evaluate import evaluate_classifier

                return evaluate_classifier(
                    *(self.path, folder, "val" if split == "val" else "test"),
                    version=version,
                    device=torch_device,
                    progress=report,
                )
            if self.task == "label-sets":
                from punkmodels.label_sets.evaluate import evaluate_label_sets

                return evaluate_label_sets(
                    *(self.path, folder),
                    version=version,
                    split=split or "held-out",
                    device=torch_device,
                    progress=report,
                )
            if self.task == "renderer":
                from punkmodels.renderer.evaluate import evaluate_renderer

                return evaluate_renderer(
                    *(self.path, folder),
                    version=version,
                    split=split or "held-out",
                    device=torch_device,
                )
            from punkmodels.gan.evaluate import evaluate_generator

            return evaluate_generator(
                *(self.path, folder),
                version=version,
                split=split,
                image_dir=None if image_dir is None else expand_user(image_dir).resolve(),
                device=torch_device,
                progress=report,
            )

    def export(
        self, out: str | Path, *, onnx: bool = False, evaluation: Evaluation | None = None
    ) -> Path:
        """Write a folder with weights in half precision, config.json and a model card.

        Every function that accepts a run accepts this folder, and it can be uploaded to the Hugging
        Face Hub as it is. Files of an earlier export are replaced.

        Args:
            out: The folder.
            onnx: Whether to write model.onnx for ONNX Runtime as well.
            evaluation: Result of `evaluate` on the test split, whose scores the card shows; by
                default those that `punkmodels evaluate` has saved, if any.

        Raises:
            UsageError: The folder is a run, or contains files of something else.
            DataError: The run has no checkpoint yet, or its files are damaged.
            MissingExtraError: `onnx` needs the extra `onnx`.

        Example:
            >>> run.export("weights", evaluation=run.evaluate())
        """
        from punkmodels.export.folder import export_model

        out = expand_user(out)
        export_model(self.path, out, onnx=onnx, evaluation=evaluation)
        return out

    def __repr__(self) -> str:
        """Return the path, the kind of model, the preset, and whether it is unfinished."""
        facts = [self.task, f"preset {self.config['options']['preset']}"]
        facts += filter(None, [describe_unfinished(self.path)])
        return f"Run({str(self.path)!r}: {', '.join(facts)})"


def open_run(
    run: str | int | Path = "latest",
    runs: str | Path = DEFAULT_RUNS,
    *,
    root: str | Path | None = None,
) -> Run:
    """Open a run.

    Args:
        run: Its path, its number, "latest", a folder of exported weights, or a bundled model:
            "bundled-classifier", "bundled-label-sets", "bundled-conditional" (the renderer),
            "bundled-gan", or "bundled-vae-gan".
        runs: Folder of all runs.
        root: Data root on which to evaluate it; by default $PUNKDATA_ROOT or `./data`.

    Raises:
        UsageError: There is no such run.
    """
    folder = find_model(run, runs, "classifier", *GENERATOR_TASKS)
    return Run(folder, None if root is None else expand_user(root))


def load_torch() -> None:
    """Import PyTorch, and say so, because that takes seconds; once for all processes."""
    is_main = not int(os.environ.get("RANK", "0"))  # torchrun sets it.
    if "torch" not in sys.modules:
        # Nothing is announced if it is not installed.
        has_torch = importlib.util.find_spec("torch") is not None
        with announce("loading PyTorch") if is_main and has_torch else nullcontext():
            import torch  # noqa: F401


@contextmanager
def show_progress(
    label: str, unit: str, progress: bool | Progress
) -> Iterator[tuple[Progress, Callable[[str], None]]]:
    """Yield callbacks for progress and for lines of text.

    `progress` is whether to show both, or a callback for the former.
    """
    if progress is True:
        with progress_bar(label, unit) as report:
            yield report, lambda text: write_stderr(escape(text))
    elif progress:
        yield progress, lambda text: None
    else:
        yield lambda done, total, note="": None, lambda text: None


def data_root(root: str | Path | None) -> Path:
    """Return a data root, by default $PUNKDATA_ROOT or `./data`; raise UsageError for no path."""
    if root is not None and not isinstance(root, str | os.PathLike):
        hint = "pass the path of the data: its attribute root" if hasattr(root, "root") else None
        raise UsageError(f"root must be a path, not {describe(root)}", hint=hint)
    return default_root() if root is None else expand_user(root)
