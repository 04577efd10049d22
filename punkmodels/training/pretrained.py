"""The config.json of runs, and weights that are restored from runs or exported from them."""

import hashlib
import logging
import platform
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from punkdata._version import __version__
from punkdata.errors import DataError, UsageError
from punkdata.files import translate_os_errors, write_atomic
from punkmodels.training.checkpoint import load_checkpoint
from punkmodels.training.config import NumThreads, describe_problem
from punkmodels.training.device import TrainEnv
from punkmodels.training.distributed import broadcast, is_main
from punkmodels.training.run_dir import RESTORE_HINT, create_run, read_config, write_json

logger = logging.getLogger(__name__)

Tensors = dict[str, torch.Tensor]
WEIGHTS_FILE = "model.safetensors"


class SavedData(BaseModel):
    """The section `data` of config.json, with a hash of pixels, labels and splits."""

    version: str
    labels_hash: str


class SavedDevice(BaseModel):
    """The section `device` of config.json."""

    name: str
    threads: NumThreads
    bf16: bool = False


class SavedRun(BaseModel):
    """The parts of config.json that all models share; each narrows `task` and `options`."""

    data: SavedData
    device: SavedDevice
    task: str
    options: Any


Saved = TypeVar("Saved", bound=SavedRun)


def start_run(
    runs: Path,
    name: str,
    task: str,
    options: dict[str, Any],
    data: dict[str, Any],
    env: TrainEnv,
    reason: str,
) -> Path:
    """Create a run folder with its config.json on rank 0, and return its path on all ranks.

    `reason` says why the device, the number of threads and the precision were chosen.
    """
    run = runs
    if is_main():
        run = create_run(runs, name)
        device = {"name": env.device.type, "threads": torch.get_num_threads(), "bf16": env.use_bf16}
        about = {
            "task": task,
            "options": options,
            "data": data,
            "device": device | {"reason": reason},
            "versions": {
                "punkdata": __version__,
                "torch": torch.__version__,
                "python": platform.python_version(),
            },
        }
        write_json(run / "config.json", about)
        logger.info("training %s with %s", run, reason)
    return broadcast(run)


def read_run_config(run: Path, kind: type[Saved], name: str) -> Saved:
    """Read the config.json of a run or of exported weights of the model `name`.

    Raises DataError if the file is missing, damaged, or belongs to another kind of model.
    """
    config = read_config(run)
    try:
        return kind.model_validate(config)
    except ValidationError as error:
        raise DataError(
            f"'{run}' is not a {name} of this version of punkmodels "
            f"(config.json: {describe_problem(error)})"
        ) from None


def read_resumed_run(run: Path, kind: type[Saved], name: str) -> Saved:
    """Do as `read_run_config`; raises UsageError for exported weights, which lack an optimizer."""
    if (run / WEIGHTS_FILE).exists():
        raise UsageError(
            f"'{run}' contains exported weights, which cannot be trained further",
            hint="resume the run from which they were exported",
        )
    return read_run_config(run, kind, name)


def check_same_data(saved: SavedRun, data: dict[str, Any]) -> None:
    """Raise DataError unless `data`, a section of config.json, is what a run was trained on."""
    if data["labels_hash"] != saved.data.labels_hash:
        raise DataError(
            f"the pixels, labels or splits of {data['version']} differ from those that the run was "
            "trained on",
            hint="use the original data, or train a new run: punkmodels train",
        )


def load_weights(run: Path, key: str) -> Tensors:
    """Return exported weights, or the state dict `key` of a run's newest checkpoint."""
    file = run / WEIGHTS_FILE
    if file.exists():
        try:
            return load_file(file)
        except (OSError, ValueError, SafetensorError):
            raise DataError(
                f"'{file}' is damaged or not a safetensors file", hint=RESTORE_HINT
            ) from None
    weights = load_checkpoint(run).get(key)
    if not isinstance(weights, dict):
        raise DataError(f"the checkpoint of '{run}' has no weights named {key}")
    return weights


def restore_model(run: Path, model: nn.Module, tensors: Tensors) -> None:
    """Load a state dict; raises DataError if names or shapes differ or a value is not finite."""
    if not all(tensor.isfinite().all() for tensor in tensors.values()):
        raise DataError(f"the weights of '{run}' contain NaN or infinite values")
    try:
        model.load_state_dict(tensors)
    except RuntimeError:  # Its message lists every tensor.
        raise DataError(
            f"the weights of '{run}' do not match the network that its config.json describes"
        ) from None


def is_finished(run: Path, num_steps: int) -> bool:
    """Return whether all steps of a training were taken, for a run or exported weights."""
    if (run / WEIGHTS_FILE).exists():
        return bool(read_config(run).get("trained", {}).get("finished"))
    return bool(load_checkpoint(run)["step"] == num_steps)


def hash_weights(model: nn.Module) -> str:
    """Return a SHA-256 (hex) of weights that is the same for a run and for its exported weights."""
    digest = hashlib.sha256()
    for name, tensor in sorted(_halve(model.state_dict()).items()):
        digest.update(name.encode())
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _halve(tensors: Tensors) -> Tensors:
    """Convert floating-point tensors to half precision."""
    return {name: t.half() if t.is_floating_point() else t for name, t in tensors.items()}


def export_model(run: Path, model: nn.Module, trained: dict[str, Any], out: Path) -> None:
    """Write weights in half precision, and the run's config.json with the section `trained`."""
    with translate_os_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        write_tensors(out / WEIGHTS_FILE, _halve(model.state_dict()))
        write_json(out / "config.json", read_config(run) | {"trained": trained})


def write_tensors(path: Path, tensors: Tensors) -> None:
    """Write tensors atomically to a safetensors file."""
    # safetensors refuses tensors that share memory or are not contiguous.
    copies = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    write_atomic(path, save(copies))
