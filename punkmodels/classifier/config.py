"""A classifier's run: its options, and its network back from disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, Field

from punkdata.errors import DataError
from punkdata.images.palette import PALETTE
from punkdata.traits import LABELS, TYPES
from punkmodels.classifier.networks import Classifier, LinearPixels, PublishedCNN, PunkCNN
from punkmodels.data.palette import NUM_PIXELS
from punkmodels.training.checkpoint import (
    CheckpointMetadata,
    load_checkpoint,
    read_tensors,
    strip_prefix,
)
from punkmodels.training.pretrained import (
    WEIGHTS_FILE,
    Count,
    Dim,
    Fraction,
    SavedRun,
    export_model,
    read_run_config,
    restore_model,
)

Model = Literal["cnn", "linear", "published", "features"]
Task = Literal["labels", "type"]
_TABLE = (NUM_PIXELS, len(PALETTE))
BUNDLED_CLASSIFIER = Path(__file__).parents[1] / "weights" / "classifier"
Scheme = Literal["default", "by_id", "fold-1", "fold-2", "fold-3", "fold-4", "fold-5"]


@dataclass(frozen=True)
class ClassifierConfig:
    """Options of a classifier's training; the defaults are the preset `quick`."""

    preset: str = "quick"
    model: Model = "cnn"
    task: Task = "labels"
    split_scheme: Scheme = "default"
    visible_only: bool = True
    """leave out of the labels what no pixel shows"""
    epochs: Count = 8
    patience: Annotated[int, Field(ge=0)] = 0
    """epochs without a lower validation loss after which training ends; 0: it never does"""
    batch_size: Count = 64
    color_embedding_dim: Dim = 16
    width: Dim = 32
    depth: Annotated[int, Field(ge=1, le=5)] = 3
    """blocks of `published`; each halves the map and doubles the filters"""
    hidden: Dim = 256
    dropout: Fraction = 0.2
    skip: bool = True
    """a linear layer from the pixels beside the network"""
    peak_lr: float = 3e-3
    weight_decay: float = 0.02
    ema_half_life_epochs: float = 0.5
    class_balance: Fraction = 0.5
    """share of a batch that is drawn so that rare labels come as often as common ones"""
    pixel_noise: Fraction = 0.01
    """share of pixels that are taken from another punk"""
    augment_with: str | None = None
    """a generator's run, whose drawings are further examples, see synthetic.py"""
    augment_fraction: Annotated[float, Field(ge=0, le=10)] = 0.0
    """of them, for each real one"""
    seed: int = 0

    @property
    def outputs(self) -> int:
        return len(TYPES) if self.task == "type" else len(LABELS)


PRESETS: dict[str, dict[str, Any]] = {"quick": {}, "best": {"epochs": 24, "patience": 8}}
MODELS: dict[Model, dict[str, Any]] = {
    "cnn": {},
    "linear": {"peak_lr": 0.02, "weight_decay": 0.0, "epochs": 15},
    # What generators are measured with: all that it knows of a sprite lies in 128 numbers.
    "features": {"width": 16, "hidden": 128, "skip": False, "epochs": 24, "patience": 8},
    # As such networks are usually trained: on whole images, each as often as any other.
    "published": {
        "width": 64,
        "batch_size": 32,
        "peak_lr": 1e-3,
        "class_balance": 0.0,
        "pixel_noise": 0.0,
        "epochs": 14,
    },
}
"""what differs from `ClassifierConfig`"""


def make_config(preset: str = "quick", model: Model = "cnn", **chosen: Any) -> ClassifierConfig:
    """The options of a model, of a preset if it is `cnn`, and those chosen, which are stronger."""
    of_preset = PRESETS[preset] if model == "cnn" else {}
    options = {"preset": preset, "model": model, **of_preset, **MODELS[model], **chosen}
    return ClassifierConfig(**options)


def build_model(
    config: ClassifierConfig, pairs: torch.Tensor, prior: torch.Tensor | None = None
) -> Classifier:
    """A new network.

    Args:
        pairs: see `Classifier`.
        prior: float (outputs,), how often each label occurs in training. The last bias starts
            at its logit, so that the first steps do not go into learning that labels are rare.
    """
    network: PunkCNN | LinearPixels | PublishedCNN
    if config.model == "linear":
        network = LinearPixels(config.outputs, int(pairs.max()))
    elif config.model == "published":
        network = PublishedCNN(config.outputs, config.width, config.dropout, config.depth)
    else:
        network = PunkCNN(
            config.outputs,
            config.color_embedding_dim,
            config.width,
            config.hidden,
            config.dropout,
            skip=config.skip,
        )
    if prior is not None:
        bias = network.bias if isinstance(network, LinearPixels) else network.head.bias
        with torch.no_grad():
            bias.copy_(prior.clamp(1e-4, 1 - 1e-4).logit())
    return Classifier(network, pairs)


class _Trained(BaseModel):
    epochs: int = 0
    finished: bool = False


class ClassifierMetadata(CheckpointMetadata):
    """The JSON beside a checkpoint's tensors."""

    epoch: int = Field(ge=0)
    """the last one that was finished, from 0"""
    best_epoch: int = Field(ge=0)
    """the one with the lowest validation loss so far, whose average is kept as best.*"""
    best_val_loss: float


class SavedClassifier(SavedRun):
    """What is read again of a classifier's config.json."""

    task: Literal["classifier"]
    options: ClassifierConfig
    trained: _Trained = _Trained()
    """of exported weights"""


def read_classifier_config(run: Path) -> SavedClassifier:
    """The config.json of a classifier's run; raises as `read_saved`."""
    return read_run_config(run, SavedClassifier, "classifier")


def load_classifier(run: Path, device: torch.device) -> Classifier:
    """The averaged network of a run as it was best, ready to predict.

    Raises:
        DataError: the run has no whole checkpoint, or is no classifier's.
    """
    config = read_classifier_config(run).options
    file = run / WEIGHTS_FILE
    tensors = (
        read_tensors(file)
        if file.exists()
        else strip_prefix("best", load_checkpoint(run, ClassifierMetadata)[0])
    )
    pairs = tensors.get("pairs")
    is_table = pairs is not None and (pairs.shape, pairs.dtype) == (_TABLE, torch.int16)
    if pairs is None or not is_table or pairs.min() < 0:
        raise DataError(f"the checkpoint of {run} does not fit (it has no table of pixels)")
    model = build_model(config, pairs)
    restore_model(run, model, tensors)
    if not model.temperature > 0:
        raise DataError(f"the checkpoint of {run} has a temperature of {model.temperature}")
    return model.eval().to(device)


def trained_epochs(run: Path) -> tuple[int, bool]:
    """How many epochs a run was trained, and whether that is all; raises as `load_classifier`."""
    if (run / WEIGHTS_FILE).exists():
        trained = read_classifier_config(run).trained
        return trained.epochs, trained.finished
    _, facts = load_checkpoint(run, ClassifierMetadata)
    return facts.epoch + 1, facts.finished


def export_classifier(run: Path, out: Path) -> None:
    """Write what predicting needs of a run: weights in half precision, and config.json.

    Raises:
        DataError: as `load_classifier`.
        StorageError: the disk is full or refuses.
    """
    epochs, finished = trained_epochs(run)
    trained = {"epochs": epochs, "finished": finished}
    export_model(run, load_classifier(run, torch.device("cpu")), trained, out)
