"""Configuration of a classifier, and loading and exporting of trained classifiers."""

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
from punkmodels.training.checkpoint import load_checkpoint
from punkmodels.training.pretrained import (
    WEIGHTS_FILE,
    Count,
    Dim,
    Fraction,
    SavedRun,
    export_model,
    load_weights,
    read_run_config,
    restore_model,
)

ModelName = Literal["cnn", "linear", "published", "features"]
Task = Literal["labels", "type"]
SplitScheme = Literal["default", "by_id", "fold-1", "fold-2", "fold-3", "fold-4", "fold-5"]

BUNDLED_CLASSIFIER = Path(__file__).parents[1] / "weights" / "classifier"
"""Folder of the weights that are part of the package."""


@dataclass(frozen=True)
class ClassifierConfig:
    """Training options of a classifier; the defaults are the preset `quick`."""

    preset: str = "quick"
    """Name of the preset, a key of `PRESETS`."""
    model: ModelName = "cnn"
    """Name of the network, a key of `MODELS`."""
    task: Task = "labels"
    """"labels" for all 92 labels, "type" for the 5 types only."""
    split_scheme: SplitScheme = "default"
    """Split scheme or cross-validation fold, see `load_split`."""
    visible_only: bool = True
    """Whether labels that no pixel shows are left out of the targets."""
    epochs: Count = 8
    patience: Annotated[int, Field(ge=0)] = 0
    """Epochs without a lower validation loss after which training stops; 0 disables this."""
    batch_size: Count = 64
    """Number of images in a batch, of all processes together."""
    color_embedding_dim: Dim = 16
    """Dimension of the learned color embedding."""
    width: Dim = 32
    """Channels of the first convolution."""
    depth: Annotated[int, Field(ge=1, le=5)] = 3
    """Number of blocks of the model `published`."""
    hidden: Dim = 256
    """Units of the fully connected layer."""
    dropout: Fraction = 0.2
    """Dropout probability."""
    skip: bool = True
    """Whether a linear layer from the pixels to the logits is added."""
    peak_lr: float = 3e-3
    """Highest learning rate of the one-cycle schedule."""
    weight_decay: float = 0.02
    """Weight decay of AdamW."""
    ema_half_life_epochs: float = 0.5
    """Half-life, in epochs, of the exponential moving average of the weights."""
    class_balance: Fraction = 0.5
    """Share of label-balanced sampling, see `sampling_weights`; 0 samples uniformly."""
    pixel_noise: Fraction = 0.01
    """Probability that a pixel is replaced by that of another punk."""
    augment_with: str | None = None
    """Run folder of the generator that provides additional training examples; None for none."""
    augment_fraction: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Number of generated examples for each real one."""
    seed: int = 0
    """Random seed."""

    @property
    def num_outputs(self) -> int:
        """Number of logits: 92 labels or 5 types."""
        return len(TYPES) if self.task == "type" else len(LABELS)


PRESETS: dict[str, dict[str, Any]] = {"quick": {}, "best": {"epochs": 24, "patience": 8}}
"""Options of each preset that differ from `ClassifierConfig`; for the model `cnn` only."""

MODELS: dict[ModelName, dict[str, Any]] = {
    "cnn": {},
    "linear": {"peak_lr": 0.02, "weight_decay": 0.0, "epochs": 15},
    # The feature extractor for generator metrics. Without the skip layer, all information about a
    # sprite passes through the 128 hidden units.
    "features": {"width": 16, "hidden": 128, "skip": False, "epochs": 24, "patience": 8},
    # Uniform sampling without augmentation; learning rate, batch size and number of epochs are
    # those of the public script that `PublishedCNN` describes.
    "published": {
        "width": 64,
        "batch_size": 32,
        "peak_lr": 1e-3,
        "class_balance": 0.0,
        "pixel_noise": 0.0,
        "epochs": 14,
    },
}
"""Options of each model that differ from `ClassifierConfig`."""


def make_config(
    preset: str = "quick", model: ModelName = "cnn", **overrides: Any
) -> ClassifierConfig:
    """Return a configuration: defaults, then the preset, then the model, then overrides."""
    preset_options = PRESETS[preset] if model == "cnn" else {}
    options = {"preset": preset, "model": model, **preset_options, **MODELS[model], **overrides}
    return ClassifierConfig(**options)


def build_model(
    config: ClassifierConfig, pairs: torch.Tensor, prior: torch.Tensor | None = None
) -> Classifier:
    """Build an untrained classifier.

    Args:
        config: The configuration.
        pairs: See `Classifier`.
        prior: Frequency of each label in the training data, float (num_outputs,). The output bias
            starts at its logit, so that training need not first learn that labels are rare.
    """
    network: PunkCNN | LinearPixels | PublishedCNN
    if config.model == "linear":
        network = LinearPixels(config.num_outputs, int(pairs.max()))
    elif config.model == "published":
        network = PublishedCNN(config.num_outputs, config.width, config.dropout, config.depth)
    else:
        network = PunkCNN(
            config.num_outputs,
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


class _TrainingStatus(BaseModel):
    """The section `trained` of config.json, in a folder of exported weights."""

    epochs: int = 0
    finished: bool = False


class SavedClassifier(SavedRun):
    """The config.json of a classifier's run or exported weights."""

    task: Literal["classifier"]
    options: ClassifierConfig
    trained: _TrainingStatus = _TrainingStatus()
    """Training status of exported weights; defaults for a run."""


def read_classifier_config(run: Path) -> SavedClassifier:
    """Read and validate the config.json of a classifier.

    Raises:
        DataError: See `read_run_config`.
    """
    return read_run_config(run, SavedClassifier, "classifier")


def load_classifier(run: Path, device: torch.device) -> Classifier:
    """Load a trained classifier in evaluation mode: the averaged weights of the best epoch.

    Args:
        run: A run folder, or a folder of exported weights.
        device: The device to load to.

    Raises:
        DataError: The folder has no weights, they are damaged, or belong to another model.
    """
    config = read_classifier_config(run).options
    tensors = load_weights(run, "best")
    pairs = tensors.get("pairs")
    if pairs is None or not _is_pair_table(pairs):
        raise DataError(f"the weights of {run} have no valid table of colors per position")
    model = build_model(config, pairs)
    restore_model(run, model, tensors)
    if not model.temperature > 0:
        raise DataError(f"the weights of {run} have an invalid temperature ({model.temperature})")
    return model.eval().to(device)


def _is_pair_table(tensor: torch.Tensor) -> bool:
    is_int16_table = tensor.dtype == torch.int16 and tensor.shape == (NUM_PIXELS, len(PALETTE))
    return is_int16_table and bool((tensor >= 0).all())


def read_training_status(run: Path) -> tuple[int, bool]:
    """Return the number of completed epochs, and whether training is complete.

    Raises:
        DataError: See `load_classifier`.
    """
    if (run / WEIGHTS_FILE).exists():
        trained = read_classifier_config(run).trained
        return trained.epochs, trained.finished
    state = load_checkpoint(run)
    return state["epoch"], state["finished"]


def export_classifier(run: Path, out: Path) -> None:
    """Write the files that prediction needs: weights in half precision, and config.json.

    Raises:
        DataError: See `load_classifier`.
        StorageError: The disk is full or not writable.
    """
    epochs, finished = read_training_status(run)
    trained = {"epochs": epochs, "finished": finished}
    export_model(run, load_classifier(run, torch.device("cpu")), trained, out)
