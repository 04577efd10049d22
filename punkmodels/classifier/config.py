"""Training options of a classifier, their presets, and the defaults of each model."""

from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from punkdata.split_names import SplitScheme
from punkmodels.choices import (
    COUNT,
    MAX_AUGMENT_FRACTION,
    MIN_AUGMENT_FRACTION,
    ClassifierModel,
    ClassifierPreset,
    ClassifierTask,
)
from punkmodels.training.config import Count, Dim, Fraction, Seed, TrainingConfig, validate_config


def _replace_linear(model: Any) -> Any:
    return "ridge" if model == "linear" else model


class ClassifierConfig(TrainingConfig):
    """Training options of a classifier; the defaults are those of the preset `quick`.

    The model `linear` of earlier versions is read as `ridge`, which has the same network.
    """

    command: ClassVar[str] = "classifier"

    preset: ClassifierPreset = "quick"
    """Preset whose defaults are used; only for the model mlp."""
    model: Annotated[ClassifierModel, BeforeValidator(_replace_linear)] = "mlp"
    """Network."""
    task: ClassifierTask = "labels"
    """Whether to predict all 92 labels or only the 5 types."""
    split_scheme: SplitScheme = "default"
    """Split scheme, or fold of five-fold cross-validation."""
    visible_only: bool = True
    """Whether labels that no pixel shows are left out of the targets."""
    epochs: Count = 4
    """Number of epochs."""
    patience: Annotated[int, Field(ge=0, le=COUNT.high)] = 0
    """Epochs without a lower validation loss after which training stops; 0 disables this."""
    batch_size: Count = 512
    """Number of images in a batch, of all processes together."""
    color_embedding_dim: Dim = 16
    """Dimension of the learned color embedding of the models cnn and features."""
    width: Dim = 32
    """Channels of the first convolution of the models cnn, features and published."""
    depth: Annotated[int, Field(ge=1, le=5)] = 3
    """Number of blocks of the model published."""
    hidden: Dim = 256
    """Units of the fully connected layer of the models mlp, cnn and features."""
    dropout: Fraction = 0.5
    """Dropout probability."""
    skip: bool = True
    """Whether a linear layer from the pixels to the logits is added to the model cnn."""
    ridge_penalty: Annotated[float, Field(gt=0)] = 10.0
    """Penalty of the squared weights in the ridge regression of the models ridge and mlp."""
    peak_lr: Annotated[float, Field(ge=0)] = 4e-3
    """Highest learning rate of the one-cycle schedule."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.02
    """Weight decay of AdamW."""
    ema_half_life_epochs: Annotated[float, Field(gt=0)] = 0.5
    """Half-life, in epochs, of the exponential moving average of the weights."""
    class_balance: Fraction = 0.5
    """Share of label-balanced sampling; 0 samples all punks equally often."""
    pixel_noise: Fraction = 0.0
    """Probability that a pixel is replaced by that of another punk."""
    composed_share: Annotated[float, Field(ge=0, le=0.95)] = 0.7
    """Share of training examples that are composed: random outfits, drawn from recovered layers."""
    difficult_share: Fraction = 0.3
    """Share of composed examples that are chosen by their loss, among twice as many."""
    augment_with: str | None = None
    """Folder of the renderer that draws additional training examples."""
    augment_fraction: Annotated[float, Field(ge=MIN_AUGMENT_FRACTION, le=MAX_AUGMENT_FRACTION)] = (
        0.5
    )
    """Number of additional examples for each real one."""
    seed: Seed = 0
    """Random seed."""

    @property
    def num_outputs(self) -> int:
        """Number of logits: 92 labels or 5 types."""
        from punkdata.traits import LABELS, TYPES  # These load numpy, which --help need not.

        return len(TYPES) if self.task == "type" else len(LABELS)


PRESETS: dict[ClassifierPreset, dict[str, Any]] = {"quick": {}, "best": {"epochs": 8}}
"""Options of each preset that differ from `ClassifierConfig`; for the model `mlp` only."""
CNN_OPTIONS: dict[str, Any] = {
    "batch_size": 64,
    "peak_lr": 3e-3,
    "dropout": 0.2,
    "pixel_noise": 0.01,
    "composed_share": 0.0,
}

MODELS: dict[ClassifierModel, dict[str, Any]] = {
    "mlp": {},
    "ridge": {"epochs": 1},
    "cnn": CNN_OPTIONS | {"epochs": 8},
    # The feature extractor for generator metrics. Without the skip layer, all information about a
    # sprite passes through the 128 hidden units.
    "features": CNN_OPTIONS
    | {"width": 16, "hidden": 128, "skip": False, "epochs": 24, "patience": 8},
    # Uniform sampling without augmentation; learning rate, batch size and number of epochs are
    # those of the public script that `PublishedCNN` describes.
    "published": CNN_OPTIONS
    | {
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
    preset: ClassifierPreset = "quick", model: ClassifierModel = "mlp", **overrides: Any
) -> ClassifierConfig:
    """Return the options of a preset (of mlp only), overridden by those of a model, and by others.

    Raises UsageError if an option does not exist or a value is not allowed.
    """
    preset_options = PRESETS.get(preset, {}) if model == "mlp" else {}
    options = {
        "preset": preset,
        "model": model,
        **preset_options,
        **MODELS.get(model, {}),
        **overrides,
    }
    return validate_config(ClassifierConfig, options)
