"""Neural networks trained on the CryptoPunks: classifiers of traits, and image generators.

>>> import punkmodels
>>> punkmodels.draw("Zombie", "3D Glasses").show()
>>> punkmodels.load_classifier().predict("punk.png")

The names in `__all__` are the public Python API. They are imported on first use, because torch
takes seconds to load. The command line `punkmodels` does the same; see `punkmodels.cli`.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING

from punkdata._version import __version__
from punkdata.extras import require_packages, translate_missing_package

if TYPE_CHECKING:
    from punkmodels.bench.evaluator import Evaluator
    from punkmodels.bundled_renderer import draw
    from punkmodels.classifier.classifier import Classifier
    from punkmodels.classifier.prediction import Prediction
    from punkmodels.evaluation import evaluate_images, evaluate_predictions
    from punkmodels.generator import Generator, load_generator
    from punkmodels.models import load_classifier
    from punkmodels.options import list_options
    from punkmodels.runs import Run, open_run
    from punkmodels.train_cpu_models import train_label_sets, train_renderer
    from punkmodels.train_models import train_classifier, train_dcgan
    from punkmodels.training.run_dir import Evaluation
    from punkmodels.tune_models import tune_classifier

# Without a configuration of logging, nothing is shown.
logging.getLogger(__name__).addHandler(logging.NullHandler())

__all__ = [
    "Classifier",
    "Evaluation",
    "Evaluator",
    "Generator",
    "Prediction",
    "Run",
    "__version__",
    "draw",
    "evaluate_images",
    "evaluate_predictions",
    "list_options",
    "load_classifier",
    "load_generator",
    "open_run",
    "train_classifier",
    "train_dcgan",
    "train_label_sets",
    "train_renderer",
    "tune_classifier",
]

_MODULES = {
    "Classifier": "classifier.classifier",
    "Evaluation": "training.run_dir",
    "Evaluator": "bench.evaluator",
    "Generator": "generator",
    "Prediction": "classifier.prediction",
    "draw": "bundled_renderer",
    "evaluate_images": "evaluation",
    "evaluate_predictions": "evaluation",
    "list_options": "options",
    "load_classifier": "models",
    "load_generator": "generator",
    "Run": "runs",
    "open_run": "runs",
    "train_label_sets": "train_cpu_models",
    "train_renderer": "train_cpu_models",
    "tune_classifier": "tune_models",
}


if not TYPE_CHECKING:  # Type checkers would accept any name.

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        # Some modules import PyTorch only when it is needed, which is too late for this error.
        require_packages(f"punkmodels.{name}", "torch")
        with translate_missing_package(f"punkmodels.{name}"):
            module = importlib.import_module(f"punkmodels.{_MODULES.get(name, 'train_models')}")
        return getattr(module, name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__doc__", "__file__", "__name__", "__path__"])
