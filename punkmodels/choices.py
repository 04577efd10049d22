"""Values that training options can have, for configurations, commands and the Python API.

The same bounds apply when a training starts and when its run is read, so every run can be read.
They are here because `--help` shows them, and must not import pydantic or the configurations.
"""

from typing import Literal, NamedTuple


class Bounds(NamedTuple):
    """The smallest and the largest integer that an option can have."""

    low: int
    high: int


THREADS = Bounds(1, 1024)
SEED = Bounds(0, 2**32 - 1)
COUNT = Bounds(1, 100_000)
"""Bounds of numbers of epochs, trials, steps and images in a batch."""
TRIAL_EPOCHS = Bounds(2, COUNT.high)
"""Bounds of the epochs of a trial of a search, which pruning needs at least two of."""
TOTAL_IMAGES = Bounds(1, 10**10)
MIN_AUGMENT_FRACTION, MAX_AUGMENT_FRACTION = 0.01, 10.0

HeldOutSplit = Literal["val", "test", "held-out"]
"""Real punks that no generator was trained on; "held-out" are those of both splits."""
HELD_OUT_SPLITS: dict[HeldOutSplit, tuple[str, tuple[str, ...]]] = {
    "val": ("the validation split", ("val",)),
    "test": ("the test split", ("test",)),
    "held-out": ("the validation and test splits", ("val", "test")),
}
"""What each choice of held-out punks is called in texts, and the splits it consists of."""

ClassifierModel = Literal["mlp", "ridge", "cnn", "published", "features"]
ClassifierTask = Literal["labels", "type"]
ClassifierPreset = Literal["quick", "best"]

DcganRecipe = Literal["vae-gan", "adversarial", "dcgan", "mlp"]
DEFAULT_RECIPE: DcganRecipe = "vae-gan"
"""Recipe of a GAN for punks; other images have no palette, and are trained with `adversarial`."""
DcganPreset = Literal["quick", "best", "gpu"]
DcganConditional = Literal["none", "type"]

RendererPreset = Literal["quick", "best"]

LabelSetsPreset = Literal["quick", "best"]
