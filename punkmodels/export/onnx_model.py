"""Conversion of models to ONNX, for programs without PyTorch.

The file converts between pixels and palette indices itself:

| model | inputs | output |
|---|---|---|
| classifier | `images`, uint8 RGBA (N, 4, 24, 24) | `logits`, float32 (N, 92) or (N, 5) |
| GAN | `noise`, float32 (N, noise_dim); `condition`, one-hot types, float32 (N, 5) | `images` |
| renderer | `condition`, float32 (N, 183), see `encode_condition` | `images` |
| label sets | `values`, int64 (N, 11); `is_known`, bool (N, 11) | `log_probs`, float32 (N, 106) |

The `images` of a generator are uint8 RGBA (N, 24, 24, 4), or (N, side, side, channels) if it was
not trained on punks; `condition` is only an input of conditional ones. `LabelSetModel.sample` calls
the graph of a model of label sets once for each variable. The metadata properties of
the file name the labels, in the order of the logits or of the condition.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from punkdata.errors import SetupError
from punkdata.extras import require_packages
from punkdata.images.palette import PALETTE
from punkdata.traits import ACCESSORIES, LABELS, TYPES
from punkmodels.classifier.classifier import Classifier
from punkmodels.classifier.pretrained import load_classifier
from punkmodels.data.palette import SKIN_TONE_COLORS, color_table
from punkmodels.gan.generate import load_generator, read_dcgan_config
from punkmodels.gan.networks import AnyGenerator
from punkmodels.label_sets.encoding import NUM_VARIABLES, VALUE_NAMES
from punkmodels.label_sets.network import load_label_sets
from punkmodels.renderer.network import CONDITION_DIM, Renderer, load_renderer
from punkmodels.training.run_dir import read_config

CPU = torch.device("cpu")
CLASSIFIER_MEANING = (
    "The labels of the logits are in the metadata property `labels`, a JSON list. The type is that "
    "of the highest of the first five logits; an accessory is present if its logit is positive."
)
CONDITION_MEANING = (
    "The entries of a condition, 0 or 1, are in the metadata property `condition`, a JSON list."
)
VARIABLES_MEANING = (
    "The log-probabilities of each variable's values are given the variables before it, and those "
    "that are known. The names of the values of all 11 variables are in the metadata property "
    "`variables`, a JSON list of lists."
)
CONDITION_NAMES = (
    *LABELS,
    *(f"Female, {name}" for name in ACCESSORIES),
    *(f"skin tone {i + 1}" for i in range(len(SKIN_TONE_COLORS))),
)
"""What each entry of a renderer's condition stands for."""


class Graph(NamedTuple):
    """A module to convert, with an example of each input by its name, and what to record."""

    module: nn.Module
    inputs: dict[str, torch.Tensor]
    output: str
    metadata: dict[str, object]
    meaning: str


def convert_to_onnx(folder: Path) -> tuple[bytes, str]:
    """Convert the model in a folder; return the content of the file, and sentences that explain it.

    The batch size is dynamic.

    Raises MissingExtraError if a package is missing, SetupError if PyTorch is too old, and the
    errors of loading the model.
    """
    require_packages("exporting to ONNX", "onnx", "onnxscript")
    import onnx

    graph = _build_graph(folder)
    model = convert_graph(graph)
    for name, value in graph.metadata.items():
        text = value if isinstance(value, str) else json.dumps(value)
        model.metadata_props.add(key=name, value=text)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(), _describe(graph)


def convert_graph(graph: Graph) -> Any:
    """Return the ONNX model of a graph; raises SetupError if this version of PyTorch cannot."""
    batch = torch.export.Dim("batch")
    model = None
    with torch.no_grad(), _silence(), suppress(torch.onnx.OnnxExporterError):
        program = torch.onnx.export(
            graph.module.eval(),
            tuple(graph.inputs.values()),
            input_names=list(graph.inputs),
            output_names=[graph.output],
            dynamic_shapes=tuple({0: batch} for _ in graph.inputs),
            dynamo=True,
            verbose=False,
        )
        assert program is not None  # It is None only if a file name is given and dynamo is off.
        model = program.model_proto
    # If it cannot convert code that depends on the batch size, the exporter assumes a fixed one.
    if model and all(i.type.tensor_type.shape.dim[0].dim_param for i in model.graph.input):
        return model
    raise SetupError(
        f"PyTorch {torch.__version__} cannot convert this model to ONNX",
        hint="install a newer version: pip install --upgrade torch onnxscript",
    )


@contextmanager
def _silence() -> Iterator[None]:
    """Hide warnings and logging, which concern the exporter's own code."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def _describe(graph: Graph) -> str:
    """Return the sentences of the model card that explain the ONNX file of a model."""
    inputs = "; ".join(_describe_tensor(name, x) for name, x in graph.inputs.items())
    output = _describe_tensor(graph.output, graph.module(*graph.inputs.values()))
    text = f"`model.onnx` is the same model for ONNX Runtime. Input: {inputs}. Output: {output}."
    return f"{text} {graph.meaning}"


def _describe_tensor(name: str, example: torch.Tensor) -> str:
    dtype = str(example.dtype).removeprefix("torch.")
    return f"`{name}`, {dtype} (N, {', '.join(map(str, example.shape[1:]))})"


def _build_graph(folder: Path) -> Graph:
    """Load the model in a folder, and describe its conversion."""
    config = read_config(folder)
    facts = {"task": config.get("task"), "data_version": config.get("data", {}).get("version")}
    if config.get("task") == "classifier":
        classifier = _ImageClassifier(load_classifier(folder, CPU))
        images = torch.zeros(2, 4, 24, 24, dtype=torch.uint8)
        num_outputs = classifier(images).shape[1]
        facts |= {"labels": LABELS[:num_outputs]}
        return Graph(classifier, {"images": images}, "logits", facts, CLASSIFIER_MEANING)
    if config.get("task") == "renderer":
        renderer = _SpriteRenderer(load_renderer(folder, CPU))
        condition = {"condition": torch.zeros(2, CONDITION_DIM)}
        facts["condition"] = CONDITION_NAMES
        return Graph(renderer, condition, "images", facts, CONDITION_MEANING)
    if config.get("task") == "label-sets":
        label_sets, facts["variables"] = load_label_sets(folder, CPU), VALUE_NAMES
        is_known = torch.zeros(2, NUM_VARIABLES, dtype=torch.bool)
        inputs = {"values": is_known.long(), "is_known": is_known}
        return Graph(label_sets, inputs, "log_probs", facts, VARIABLES_MEANING)
    options, model = read_dcgan_config(folder).options, load_generator(folder, CPU)
    inputs = {"noise": torch.zeros(2, model.noise_dim)}
    if options.condition_dim:
        inputs["condition"] = torch.zeros(2, options.condition_dim)
        facts["condition"] = TYPES
    generator = _ImageGenerator(model, is_punks=not options.image_dir)
    meaning = CONDITION_MEANING if options.condition_dim else ""
    return Graph(generator, inputs, "images", facts, f"The noise is standard normal. {meaning}")


class _ImageClassifier(nn.Module):
    """Maps RGBA, uint8 (N, 4, 24, 24), to logits; colors outside the palette to the nearest."""

    colors: torch.Tensor

    def __init__(self, model: Classifier) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("colors", _premultiply(torch.tensor(PALETTE)))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        indices = _nearest_colors(_premultiply(images.permute(0, 2, 3, 1)), self.colors)
        logits: torch.Tensor = self.model.logits_from_indices(indices)
        return logits


class _ImageGenerator(nn.Module):
    """Maps noise, and types if it is conditional, to images, uint8 (N, side, side, channels)."""

    palette: torch.Tensor
    table: torch.Tensor

    def __init__(self, model: AnyGenerator, *, is_punks: bool) -> None:
        super().__init__()
        self.model, self.is_punks = model, is_punks
        self.register_buffer("palette", torch.tensor(PALETTE))
        self.register_buffer("table", color_table())

    def forward(self, noise: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        images = self.model.sample(noise, condition)
        if images.dtype == torch.uint8:
            return self.palette[images.long()]
        channels_last = images.permute(0, 2, 3, 1)
        if self.is_punks:
            return self.palette[_nearest_colors(channels_last, self.table)]
        return ((channels_last + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


class _SpriteRenderer(nn.Module):
    """Maps conditions, float32 (N, 183), to RGBA, uint8 (N, 24, 24, 4)."""

    palette: torch.Tensor

    def __init__(self, model: Renderer) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("palette", torch.tensor(PALETTE))

    def forward(self, condition: torch.Tensor) -> torch.Tensor:
        # `Renderer.forward` splits the batch, which a graph of any batch size cannot.
        most_likely = self.model.logits(condition).argmax(dim=2)
        indices = self.model.colors.gather(1, most_likely).T
        return self.palette[indices.reshape(-1, 24, 24)]


def _nearest_colors(pixels: torch.Tensor, colors: torch.Tensor) -> torch.Tensor:
    """Return the row of the nearest of `colors`, (222, 4), for pixels (..., 4), int64."""
    # |p - c|² without |p|², which is the same for all colors; this needs no (..., 222, 4) tensor.
    # PyTorch 2.6 cannot convert a product of more than two dimensions.
    products = pixels.reshape(-1, 4) @ colors.T
    nearest = (colors.square().sum(dim=1) - 2 * products).argmin(dim=-1)
    return nearest.reshape(pixels.shape[:-1])


def _premultiply(rgba: torch.Tensor) -> torch.Tensor:
    """Return colors, uint8 (..., 4), with premultiplied alpha, float32 (..., 4)."""
    rgba = rgba.float()
    alpha = rgba[..., 3:]
    return torch.cat([rgba[..., :3] * (alpha / 255), alpha], dim=-1)
