"""ONNX files, run by ONNX Runtime and compared with the models that they were converted from."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from punkdata.errors import SetupError
from punkdata.images.palette import PALETTE, palette_indices
from punkdata.traits import LABELS, TYPES
from punkmodels.classifier import config as classifiers
from punkmodels.classifier.classifier import build_model
from punkmodels.classifier.pretrained import BUNDLED_CLASSIFIER, load_classifier
from punkmodels.data.palette import build_pair_table
from punkmodels.export.folder import export_model
from punkmodels.export.onnx_model import CONDITION_NAMES, Graph, convert_graph, convert_to_onnx
from punkmodels.gan import config as gans
from punkmodels.gan.generate import BUNDLED_DCGAN, load_generator
from punkmodels.gan.networks import ImageShape, build_generator
from punkmodels.gan.training_images import to_uint8
from punkmodels.label_sets.network import BUNDLED_LABEL_SETS, load_label_sets
from punkmodels.renderer.network import (
    BUNDLED_RENDERER,
    conditions_from_labels,
    labels_from_names,
    load_renderer,
)
from punkmodels.training.pretrained import WEIGHTS_FILE, write_tensors
from punkmodels.training.run_dir import write_json

onnxruntime = pytest.importorskip("onnxruntime")
CPU = torch.device("cpu")
Run = Callable[..., NDArray[Any]]
"""Function from the inputs of an ONNX file, by their names, to its output."""


def start(data: bytes) -> Run:
    session = onnxruntime.InferenceSession(data)
    return lambda **inputs: session.run(None, inputs)[0]


def save_untrained(
    folder: Path, task: str, options: Any, model: torch.nn.Module, **data: Any
) -> Path:
    """Write exported weights of a model that was not trained."""
    folder.mkdir()
    config = {
        "task": task,
        "options": options.model_dump(),
        "data": {"version": "s3-0", "labels_hash": "0", "punks": 1} | data,
        "device": {"name": "cpu", "threads": 1},
        "trained": {"finished": True},
    }
    write_json(folder / "config.json", config)
    write_tensors(folder / WEIGHTS_FILE, model.state_dict())
    return folder


def random_sprites(n: int) -> torch.Tensor:
    """Return palette indices, uint8 (N, 24, 24)."""
    generator = torch.Generator().manual_seed(n)
    return torch.randint(0, len(PALETTE), (n, 24, 24), generator=generator).to(torch.uint8)


def to_images(indices: torch.Tensor) -> NDArray[np.uint8]:
    """Return RGBA, uint8 (N, 4, 24, 24)."""
    return PALETTE[indices.numpy()].transpose(0, 3, 1, 2)


def assert_almost_all_pixels_equal(images: NDArray[np.uint8], expected: NDArray[np.uint8]) -> None:
    """Allow one pixel in 200 to differ, because rounding decides between two equal logits."""
    assert images.shape == expected.shape
    assert (images != expected).any(axis=-1).mean() < 0.005


@pytest.fixture(scope="module")
def classifier() -> Run:
    return start(convert_to_onnx(BUNDLED_CLASSIFIER)[0])


@pytest.mark.parametrize("n", [1, 3])
def test_classifier_gives_the_same_logits(classifier: Run, n: int) -> None:
    indices = random_sprites(n)
    expected = (
        load_classifier(BUNDLED_CLASSIFIER, CPU).logits_from_indices(indices).detach().numpy()
    )
    logits = classifier(images=to_images(indices))
    assert logits.shape == (n, len(LABELS))
    np.testing.assert_allclose(logits, expected, atol=1e-4)


def test_classifier_maps_other_colors_to_the_nearest(classifier: Run) -> None:
    """As `palette_indices` does; the color of a transparent pixel does not count."""
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 24, 24), np.uint8)
    images[1, 3] = 255
    images[2, 3] = 0
    indices = palette_indices(images.transpose(0, 2, 3, 1))
    expected = load_classifier(BUNDLED_CLASSIFIER, CPU).logits_from_indices(
        torch.from_numpy(indices)
    )
    np.testing.assert_allclose(classifier(images=images), expected.detach().numpy(), atol=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        {"task": "type", "hidden": 8},
        {"model": "cnn", "width": 4, "hidden": 8},
        {"model": "ridge"},
        {"model": "published"},
    ],
    ids=str,
)
def test_every_classifier_is_converted(options: dict[str, Any], tmp_path: Path) -> None:
    config = classifiers.make_config(**options)
    model = build_model(config, build_pair_table(random_sprites(4)))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0, 0.1)
    folder = save_untrained(tmp_path / "model", "classifier", config, model)
    run = start(convert_to_onnx(folder)[0])
    for n in (1, 3):
        indices = random_sprites(n)
        expected = model.eval().logits_from_indices(indices).detach().numpy()
        np.testing.assert_allclose(run(images=to_images(indices)), expected, atol=1e-4)


def test_generator_gives_the_same_sprites() -> None:
    model = load_generator(BUNDLED_DCGAN, CPU)
    run = start(convert_to_onnx(BUNDLED_DCGAN)[0])
    for n in (1, 3):
        noise = torch.randn(n, model.noise_dim, generator=torch.Generator().manual_seed(n))
        with torch.no_grad():
            expected = PALETTE[model.sample(noise).numpy()]
        images = run(noise=noise.numpy())
        assert (images.shape, images.dtype) == ((n, 24, 24, 4), np.uint8)
        assert_almost_all_pixels_equal(images, expected)


@pytest.mark.parametrize("recipe", ["dcgan", "mlp"])
@pytest.mark.parametrize("image_dir", [None, "digits"])
def test_rgba_generator_gives_the_same_images(
    recipe: gans.Recipe, image_dir: str | None, tmp_path: Path
) -> None:
    config = gans.make_config(
        recipe=recipe, image_dir=image_dir, model={"width": 4, "z_dim": 8}, total_images=64
    )
    shape = ImageShape(1, 12, 12) if image_dir else ImageShape()
    model = build_generator(config, shape, None).eval()
    folder = tmp_path / "model"
    save_untrained(folder, "dcgan", config, model, image_shape=list(shape))
    run = start(convert_to_onnx(folder)[0])
    for n in (1, 3):
        noise = torch.randn(n, model.noise_dim, generator=torch.Generator().manual_seed(n))
        with torch.no_grad():
            expected = to_uint8(model.sample(noise), is_punks=not image_dir).numpy()
        images = run(noise=noise.numpy())
        if image_dir:
            assert images.shape == (n, 12, 12, 1)
            expected = expected.transpose(0, 2, 3, 1)
        else:
            expected = PALETTE[expected]
        assert_almost_all_pixels_equal(images, expected)


def test_conditional_generator_takes_a_type(tmp_path: Path) -> None:
    config = gans.make_config(
        recipe="vae-gan", conditional="type", model={"width": 4, "z_dim": 8, "w_dim": 6}
    )
    counts = torch.ones(576, len(PALETTE), dtype=torch.int64)
    model = build_generator(config, ImageShape(), counts).eval()
    with torch.no_grad():
        model.layers[-1].weight.mul_(1000)  # Otherwise, many colors would be equally likely.
    folder = save_untrained(tmp_path / "model", "dcgan", config, model)
    run = start(convert_to_onnx(folder)[0])
    for n in (1, 3):
        noise = torch.randn(n, model.noise_dim, generator=torch.Generator().manual_seed(n))
        condition = torch.eye(len(TYPES))[:n]
        with torch.no_grad():
            expected = PALETTE[model.sample(noise, condition).numpy()]
        images = run(noise=noise.numpy(), condition=condition.numpy())
        assert_almost_all_pixels_equal(images, expected)


def test_renderer_gives_the_same_sprites() -> None:
    model = load_renderer(BUNDLED_RENDERER, CPU)
    run = start(convert_to_onnx(BUNDLED_RENDERER)[0])
    labels = torch.stack(
        [
            labels_from_names("Zombie", ["3D Glasses"]),
            labels_from_names("Female", ["Tiara", "Pipe"]),
            labels_from_names("Male", []),
        ]
    )
    condition = conditions_from_labels(labels)
    for n in (1, 3):
        images = run(condition=condition[:n].numpy())
        np.testing.assert_array_equal(images, PALETTE[model(condition[:n]).numpy()])


def test_condition_names_describe_the_condition() -> None:
    labels = labels_from_names("Female", ["Tiara"])[None]
    (condition,) = conditions_from_labels(labels, 4)
    names = [CONDITION_NAMES[i] for i in condition.nonzero()[:, 0].tolist()]
    assert names == ["Female", "Tiara", "Female, Tiara", "skin tone 4"]


def test_exported_file_names_its_labels_and_is_explained_in_the_card(tmp_path: Path) -> None:
    export_model(BUNDLED_CLASSIFIER, tmp_path / "out", onnx=True)
    session = onnxruntime.InferenceSession(tmp_path / "out" / "model.onnx")
    properties = session.get_modelmeta().custom_metadata_map
    assert tuple(json.loads(properties["labels"])) == LABELS
    saved = json.loads((BUNDLED_CLASSIFIER / "config.json").read_text("utf-8"))
    assert properties["data_version"] == saved["data"]["version"]
    card = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert "Input: `images`, uint8 (N, 4, 24, 24). Output: `logits`, float32 (N, 92)." in card
    export_model(BUNDLED_CLASSIFIER, tmp_path / "out")
    assert not (tmp_path / "out" / "model.onnx").exists()
    assert "onnx" not in (tmp_path / "out" / "README.md").read_text("utf-8")


class Branching(nn.Module):
    """Takes a branch that depends on the values of its input, which no graph can."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images if images.sum() > 0 else -images


class FixedBatch(nn.Module):
    """Uses the batch size as a number."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.reshape(len(images), -1)


@pytest.mark.parametrize("module", [Branching(), FixedBatch()], ids=["branching", "fixed batch"])
def test_model_that_cannot_be_converted_is_a_setup_error(module: nn.Module) -> None:
    graph = Graph(module, {"images": torch.zeros(2, 3, 4)}, "output", {}, "")
    with pytest.raises(SetupError, match="cannot convert this model to ONNX; install a newer"):
        convert_graph(graph)


@pytest.mark.parametrize("package", ["onnx", "onnxscript"])
def test_missing_extra_is_one_line_and_nothing_is_written(package: str, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        f"sys.modules[{package!r}] = None\n"
        "from punkmodels.cli.app import main\n"
        f"sys.argv[1:] = ['export', 'bundled', '--onnx', '--out', {str(tmp_path / 'out')!r}]\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    message = f"error: exporting to ONNX needs {package}, which is not installed; install it with: "
    assert done.stderr == f'{message}pip install "punkdata[onnx]"\n'
    assert not (tmp_path / "out").exists()


def test_model_of_label_sets_gives_the_same_log_probabilities() -> None:
    data, note = convert_to_onnx(BUNDLED_LABEL_SETS)
    values = torch.tensor([[3, 2, *([0] * 9)], [2, 1, *([1] * 9)], [4, *([0] * 10)]])
    is_known = torch.rand(values.shape, generator=torch.Generator().manual_seed(0)) < 0.3
    expected = load_label_sets(BUNDLED_LABEL_SETS, CPU)(values, is_known).detach()
    log_probs = start(data)(values=values.numpy(), is_known=is_known.numpy())
    np.testing.assert_allclose(log_probs, expected, atol=1e-4)
    assert "`log_probs`, float32 (N, 106)" in note
