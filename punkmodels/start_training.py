"""Steps that all training functions of the Python API share, before and around a training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from punkdata.errors import NetworkError, PunkError, StorageError, UsageError
from punkdata.paths import expand_name, expand_user
from punkdata.progress import Progress
from punkdata.snapshots.reader import open_snapshot
from punkmodels.choices import THREADS
from punkmodels.runs import Run, data_root, load_torch, show_progress
from punkmodels.training.config import require_in_bounds
from punkmodels.training.run_dir import find_run, list_runs, naming_run, stopped_run

if TYPE_CHECKING:
    import torch


def prepare(
    root: str | Path | None,
    version: str,
    threads: int | None,
    progress: bool | Progress,
    *,
    needs_snapshot: bool,
) -> None:
    """Load PyTorch, after arguments and snapshot were checked: errors should not take seconds."""
    require_in_bounds("threads", threads, THREADS)
    if needs_snapshot:
        open_snapshot(data_root(root), version)
    if progress is True:
        load_torch()


def find_resumed_run(
    resume: str | int | Path | None,
    task: str,
    runs: str | Path,
    version: str,
    device: str | torch.device,
    given: dict[str, Any],
) -> Path | None:
    """Return the run to resume, if any; raises UsageError for options that a run keeps.

    Those are the version, the device, and the values of `given` that are not false.
    """
    if resume is None:
        return None
    if version != "latest" or device != "auto" or any(given.values()):
        raise UsageError(
            "a resumed run keeps its own options",
            hint="leave out all arguments except resume=, root=, runs=, logger= and progress=",
        )
    return find_run(expand_user(runs), expand_name(str(resume)), tasks=(task,))


def resume_hint(error: PunkError, command: str) -> str:
    """Return the hint of an error after which a run can be resumed with a command or a call."""
    first = "free some disk space, then " if isinstance(error, StorageError) else ""
    return f"{first}resume with: {command}"


def is_out_of_memory(error: Exception) -> bool:
    """Return whether an exception of PyTorch means that memory cannot be allocated."""
    texts = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, MemoryError) or any(text in str(error) for text in texts)


def run_training(
    task: str,
    start: Callable[..., Path],
    root: str | Path | None,
    runs: str | Path,
    resumed: Path | None,
    progress: bool | Progress,
) -> Run:
    """Train in the processes that torchrun started, or in this one.

    If Ctrl-C, a full disk or a lost process ends the training, the error says how to resume the run
    and stores it for `stopped_run`.
    """
    from punkmodels.training.distributed import init_process_group, is_main

    runs, folder = expand_user(runs), data_root(root)
    before = set(list_runs(runs))
    try:
        with (
            init_process_group(),
            show_progress("training", "images", progress if is_main() else False) as (report, log),
        ):
            path = start(folder, runs, resume=resumed, progress=report, log=log)
    except (KeyboardInterrupt, StorageError, NetworkError) as error:
        run = stopped_run(error) or resumed or max(set(list_runs(runs)) - before, default=None)
        if run is None or not (run / "config.json").exists():
            raise
        arguments = "" if root is None else f"{str(root)!r}, "
        function = f"punkmodels.train_{task.replace('-', '_')}"
        call = f"{function}({arguments}resume={str(run)!r})"
        with naming_run(run):
            if isinstance(error, KeyboardInterrupt):
                raise KeyboardInterrupt(f"stopped; resume with: {call}") from None
            error.hint = resume_hint(error, call)
            raise
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise UsageError(
            "there is not enough memory for this training",
            hint="choose a smaller batch_size or a smaller model",
        ) from None
    return Run(path, None if root is None else folder)
