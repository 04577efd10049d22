"""Optional packages, and the extra of punkdata that installs each one."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager

from punkdata.errors import MissingExtraError

EXTRAS = {
    "huggingface_hub": ("huggingface_hub", "hub"),
    "matplotlib": ("matplotlib", "plot"),
    "onnx": ("onnx", "onnx"),
    "onnxscript": ("onnxscript", "onnx"),
    "optuna": ("Optuna", "tune"),
    "pandas": ("pandas", "plot"),
    "s3fs": ("s3fs", "s3"),
    "safetensors": ("safetensors", "models"),
    "tensorboard": ("TensorBoard", "log"),
    "torch": ("PyTorch", "models"),
    "wandb": ("wandb", "wandb"),
}
"""Name of each optional package as people write it, and its extra, by the module it provides."""


@contextmanager
def translate_missing_package(what: str) -> Iterator[None]:
    """Raise MissingExtraError if a block imports an optional package that is not installed.

    `what` is what needs the package, for example "PunkDataset"; the message begins with it. Other
    exceptions pass unchanged.
    """
    try:
        yield
    except ImportError as error:
        if missing := find_missing_extra(what, error):
            raise missing from None
        raise


def require_packages(what: str, *modules: str) -> None:
    """Raise MissingExtraError if one of the modules is not installed, without importing them."""
    with translate_missing_package(what):
        for name in modules:
            if importlib.util.find_spec(name) is None:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def find_missing_extra(what: str, error: ImportError) -> MissingExtraError | None:
    """Return the error for users if the cause of `error` is a missing optional package."""
    # fsspec replaces the exception by one without the name of the package.
    for cause in (error, error.__cause__):
        if isinstance(cause, ModuleNotFoundError) and cause.name in EXTRAS:
            return MissingExtraError(what, *EXTRAS[cause.name])
    return None
