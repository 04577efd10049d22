"""Metrics of a training run: metrics.jsonl, and TensorBoard or Weights & Biases if requested."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from punkdata.extras import translate_missing_package
from punkdata.files import lock_root, translate_os_errors, write_atomic
from punkmodels.training.distributed import is_main
from punkmodels.training.run_dir import to_json
from punkmodels.training.wandb_logger import check_wandb, open_wandb

log = logging.getLogger(__name__)

LogMetrics = Callable[[dict[str, Any]], None]


def check_logger(name: str | None) -> None:
    """Raise MissingExtraError if a logger is missing, and the errors of `check_wandb`."""
    with translate_missing_package(f"the logger {name}"):
        if name == "tensorboard":
            import torch.utils.tensorboard  # noqa: F401
        if name == "wandb":
            import wandb  # noqa: F401

            check_wandb()


@contextmanager
def open_metrics(run: Path, num_lines: int, logger: str | None = None) -> Iterator[LogMetrics]:
    """Lock a run during training, and yield a function that logs a line of metrics.jsonl.

    Lines after the first `num_lines` are dropped: a process can be killed before it writes the
    checkpoint that belongs to a line. A resumed run continues the folder or run of its `logger`,
    "tensorboard" or "wandb". On other ranks than 0, nothing is locked or written.

    Raises BusyError if another process is training this run, and as `check_logger`. A value that
    is not finite becomes null.
    """
    if not is_main():
        yield lambda line: None
        return
    path = run / "metrics.jsonl"
    with lock_root(run), _open_logger(run, logger) as log_elsewhere:
        lines = path.read_text("utf-8").splitlines(keepends=True) if path.exists() else []
        write_atomic(path, "".join(lines[:num_lines]).encode())

        def log_metrics(line: dict[str, Any]) -> None:
            text = to_json(line)
            with translate_os_errors(path), path.open("a", encoding="utf-8") as file:
                file.write(text + "\n")
            log.info("%s: %s", run.name, text)
            log_elsewhere(json.loads(text))

        yield log_metrics


@contextmanager
def _open_logger(run: Path, name: str | None) -> Iterator[LogMetrics]:
    """Open a logger for a run, in the folder `tensorboard` or `wandb` of the run."""
    check_logger(name)
    if name == "tensorboard":
        from torch.utils.tensorboard import SummaryWriter

        with SummaryWriter(str(run / "tensorboard")) as writer:

            def log_scalars(line: dict[str, Any]) -> None:
                for key, value in _scalars(line).items():
                    writer.add_scalar(key, value, line["images_seen"])
                writer.flush()

            yield log_scalars
    elif name == "wandb":
        with open_wandb(run) as log_to_wandb:
            yield lambda line: log_to_wandb(_scalars(line), line["images_seen"])
    else:
        yield lambda line: None


def _scalars(line: dict[str, Any]) -> dict[str, float]:
    """Return the metrics that have a value."""
    return {k: v for k, v in line.items() if k != "images_seen" and v is not None}
