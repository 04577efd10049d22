"""Values that training options can have, for configurations, commands and the Python API.

The command line needs them for `--help`, which must not load pydantic and build the configurations.
"""

from typing import Literal

SplitScheme = Literal["default", "by_id", "fold-1", "fold-2", "fold-3", "fold-4", "fold-5"]

ClassifierModel = Literal["cnn", "linear", "published", "features"]
ClassifierTask = Literal["labels", "type"]
ClassifierPreset = Literal["quick", "best"]

DcganRecipe = Literal["modern", "classic", "mlp"]
DcganPreset = Literal["quick", "best", "gpu", "gpu-long"]
DcganConditional = Literal["none", "type"]

RendererPreset = Literal["quick", "best"]
