from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from support.classifiers import save_exact_classifier
from support.sprites import FakePunk, png_bytes

from punkdata import PunkDataset
from punkdata.errors import ImageError, UsageError
from punkdata.images.palette import PALETTE
from punkdata.traits import LABELS
from punkmodels.classifier.classifier import Classifier, predict_logits
from punkmodels.classifier.pretrained import load_classifier
from punkmodels.data.find_images import find_images
from punkmodels.data.palette import to_indices


@pytest.fixture(scope="module")
def model(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    folder = tmp_path_factory.mktemp("weights") / "exact"
    return load_classifier(save_exact_classifier(built_root, folder), torch.device("cpu"))


@pytest.fixture(scope="module")
def images(built_root: Path) -> torch.Tensor:
    return PunkDataset(built_root, split="train").as_tensors()[0]


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float16, torch.float32, torch.float64])
def test_logits_of_images_equal_those_of_palette_indices(
    model: Classifier, images: torch.Tensor, dtype: torch.dtype
) -> None:
    batch = images if dtype == torch.uint8 else images.to(dtype) / 255
    with torch.inference_mode():
        logits = model(batch)
    assert (logits.shape, logits.dtype) == ((len(images), 92), torch.float32)
    assert torch.equal(logits, predict_logits(model, to_indices(images)))


def test_items_of_a_data_set_are_classified(model: Classifier, built_root: Path) -> None:
    image, labels = PunkDataset(built_root, split="train")[0]
    logits = model(image)
    assert logits.shape == (92,)
    assert torch.equal(logits > 0, labels > 0)


def test_a_color_outside_the_palette_counts_as_the_nearest(
    model: Classifier, images: torch.Tensor
) -> None:
    rows = images[:4].clone()
    rows[:, :3] = torch.where(rows[:, 3:] == 255, rows[:, :3] ^ 1, rows[:, :3])
    near = to_indices(rows)
    assert torch.equal(model(rows), predict_logits(model, near))


CONVERSIONS: dict[str, tuple[Callable[[torch.Tensor], Any], str]] = {
    "channels last": (lambda x: x.movedim(1, -1), r"images\.movedim\(-1, -3\)"),
    "RGB": (lambda x: x[:, :3], "RGB images lack the transparency"),
    "other size": (lambda x: x.repeat(1, 1, 2, 2), "images of other sizes"),
    "palette indices": (to_indices, "logits_from_indices"),
    "0 to 255": (lambda x: x.float(), "images / 255"),
    "-1 to 1": (lambda x: x / 127.5 - 1, r"\(images \+ 1\) / 2"),
    "above 255": (lambda x: x.float() * 9, "range from 0 to"),
    "NaN": (lambda x: x * torch.nan, "range from nan to nan"),
    "int64": (lambda x: x.long(), r"images\.byte\(\)"),
    "bool": (lambda x: x > 0, r"not torch\.bool$"),
    "complex": (lambda x: x.to(torch.complex64), r"not torch\.complex64$"),
    "bfloat16": (lambda x: (x / 255).bfloat16(), "bfloat16 rounds colors"),
    "sparse": (lambda x: (x / 255).to_sparse(), r"images\.to_dense\(\)"),
    "sparse bytes": (lambda x: x.to_sparse(), r"images\.to_dense\(\)"),
    "mkldnn": (lambda x: (x / 255).to_mkldnn(), r"images\.to_dense\(\)"),
    "nested": (lambda x: torch.nested.nested_tensor(list(x), layout=torch.jagged), "in a list"),
    "meta": (lambda x: x.to("meta"), "meta tensors, which have no values"),
    "scalar": (lambda x: x.sum(), r"not of shape \(\)"),
    "five axes": (lambda x: x[None], r"not of shape \(1, 2, 4, 24, 24\)"),
    "array": (lambda x: x.numpy(), "classifier.predict"),
}


@pytest.mark.parametrize("name", list(CONVERSIONS))
def test_other_images_are_refused_with_a_conversion(
    model: Classifier, images: torch.Tensor, name: str
) -> None:
    convert, message = CONVERSIONS[name]
    with pytest.raises(UsageError, match=f"images must be RGBA tensors, .*{message}"):
        model(convert(images[:2]))


def test_images_of_bytes_0_and_1_are_refused(model: Classifier, images: torch.Tensor) -> None:
    with pytest.raises(UsageError, match="only the bytes 0 and 1, which look black"):
        model((images[:2] > 127).byte())


@pytest.mark.parametrize("scale", [1, 14])
@pytest.mark.parametrize("background", [None, "#638596"])
def test_predictions_do_not_depend_on_size_and_background(
    model: Classifier, punks: list[FakePunk], tmp_path: Path, scale: int, background: str | None
) -> None:
    path = tmp_path / "punk.png"
    for punk in punks[:8]:
        path.write_bytes(png_bytes(punk.sprite, scale, background, "RGB" if background else "RGBA"))
        (found,) = model.predict([path])
        assert (found.type, sorted(found.accessories)) == (punk.type, punk.accessories)
        assert found.labels == (found.type, *found.accessories)
        assert found.unknown_pixels == 0
        assert set(found.scores) == set(LABELS)
        assert all(0 <= p <= 1 for p in found.scores.values())
        assert list(found.scores.values()) == sorted(found.scores.values(), reverse=True)


@pytest.mark.parametrize("mode", ["RGBA", "RGB"])
@pytest.mark.parametrize("scale", [1, 4])
def test_all_kinds_of_input_give_the_same_prediction(
    model: Classifier, punks: list[FakePunk], tmp_path: Path, mode: str, scale: int
) -> None:
    path = tmp_path / "punk.png"
    data = png_bytes(punks[0].sprite, scale, None if mode == "RGBA" else "#638596", mode)
    path.write_bytes(data)
    image = Image.open(io.BytesIO(data))
    kinds: list[Any] = [str(path), path, data, image, np.asarray(image)]
    if mode == "RGBA" and scale == 1:
        tensor = torch.from_numpy(punks[0].sprite).movedim(-1, 0)
        kinds += [tensor, tensor / 255]
    expected = model.predict([path])[0]
    for kind in kinds:
        found = model.predict(kind)
        assert not isinstance(found, list)
        assert (found.labels, found.scores) == (expected.labels, expected.scores)
        assert found.path == (str(path) if isinstance(kind, str | Path) else None)
    assert [p.labels for p in model.predict(kinds)] == [expected.labels] * len(kinds)


def test_batches_and_folders_give_lists(
    model: Classifier, punks: list[FakePunk], tmp_path: Path
) -> None:
    sprites = np.stack([punk.sprite for punk in punks[:5]])
    for i, sprite in enumerate(sprites):
        (tmp_path / f"{i}.png").write_bytes(png_bytes(sprite))
    tensor = torch.from_numpy(sprites).movedim(-1, 1)
    for batch in (sprites, tensor, tmp_path, [tmp_path]):
        predictions = model.predict(batch)
        assert isinstance(predictions, list)
        assert [p.type for p in predictions] == [punk.type for punk in punks[:5]]
    assert model.predict([]) == []


def test_repr_of_a_prediction_is_short(model: Classifier, punks: list[FakePunk]) -> None:
    text = repr(model.predict(Image.fromarray(punks[0].sprite)))
    assert punks[0].type in text
    assert len(text) < 300


def test_error_for_an_unreadable_file_names_it(model: Classifier, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"\xff\xd8\xff")
    with pytest.raises(ImageError, match=r"bad\.png"):
        model.predict(bad)
    with pytest.raises(FileNotFoundError, match=r"there is no file '.*none\.png'"):
        model.predict(str(tmp_path / "none.png"))
    with pytest.raises(ImageError, match="^the image is "):
        model.predict(bad.read_bytes())


def test_pil_images_that_were_lossy_files_are_decoded_from_the_file(
    model: Classifier, punks: list[FakePunk]
) -> None:
    large = Image.open(io.BytesIO(png_bytes(punks[0].sprite, 14, "#638596", "RGB")))
    large.save(file := io.BytesIO(), "JPEG", quality=60)
    with pytest.raises(ImageError, match="pass the JPEG file itself: its path, or its bytes"):
        model.predict(Image.open(file))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I;16", "F", "CMYK", "YCbCr"])
def test_pil_images_of_every_mode_are_read(model: Classifier, mode: str) -> None:
    with pytest.raises(ImageError, match="the image is not a punk sprite: it has only one color"):
        model.predict(Image.new(mode, (48, 48)))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_truncated_pil_image_is_refused(
    model: Classifier, punks: list[FakePunk], mode: str
) -> None:
    data = png_bytes(punks[0].sprite, 1, None if mode == "RGBA" else "#638596", mode)
    with pytest.raises(ImageError, match="the image cannot be read"):
        model.predict(Image.open(io.BytesIO(data[:120])))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 0, 24, 4), np.uint8), r"have no pixels: their shape is \(2, 0, 24, 4\)"),
        (np.zeros((4, 24, 24), np.uint8), "channels-first"),
        (np.zeros((24, 24, 4)), r"\(images \* 255\)"),
        (np.zeros((24, 24), np.uint8), r"not uint8 \(1, 24, 24\)$"),
        (np.zeros((24, 24, 4), bool), r"not bool \(1, 24, 24, 4\)$"),
        (np.eye(24, dtype=np.uint8)[..., None].repeat(4, axis=2), "only the bytes 0 and 1"),
        (torch.eye(24).byte().expand(4, 24, 24), "only the bytes 0 and 1"),
        (torch.eye(48).byte().expand(2, 3, 48, 48), "only the bytes 0 and 1"),
        (3, "predict does not accept int"),
        ({"image": 1}, "predict does not accept dict"),
    ],
)
def test_unsupported_input_is_refused(model: Classifier, images: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        model.predict(images)


@pytest.mark.parametrize("scale", [1, 3])
@pytest.mark.parametrize("as_rgb", [True, False])
def test_every_image_of_a_data_set_is_predicted(
    model: Classifier, built_root: Path, as_rgb: bool, scale: int
) -> None:
    data = PunkDataset(built_root, split="val", as_rgb=as_rgb, scale=scale)
    images = torch.stack([image for image, _ in data])
    expected = model.predict(PunkDataset(built_root, split="val").data)
    found = model.predict(images.requires_grad_())
    assert [p.labels for p in found] == [p.labels for p in expected]
    assert model.predict((images[0] * 255).byte()).labels == expected[0].labels
    with pytest.raises(UsageError, match="range from 0 to"):
        model.predict((images * 255).round())


def test_a_prediction_shows_its_scores(model: Classifier, punks: list[FakePunk]) -> None:
    found = model.predict(Image.fromarray(punks[0].sprite))
    first, *others = found.labels
    assert repr(found).startswith(f"Prediction({first} {found.scores[first]:.2f}")
    assert all(f"{name} {found.scores[name]:.2f}" in repr(found) for name in others)
    assert "; unknown pixels: 3" in repr(replace(found, unknown_pixels=3))
    assert repr(replace(found, path="a.png")).startswith("Prediction('a.png': ")
    assert "image confidence 0.95" in repr(replace(found, image_confidence=0.95))
    assert "; different pixels: 9)" in repr(replace(found, different_pixels=9))
    assert "different" not in repr(replace(found, different_pixels=0))
    assert "different" not in repr(replace(found, different_pixels=None))
    assert "unknown_pixels:" in (type(found).__doc__ or "")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tracing_is_refused(model: Classifier, images: torch.Tensor) -> None:
    with pytest.raises(UsageError, match="cannot be traced.*punkmodels export --onnx"):
        torch.jit.trace(model, images[:1])  # type: ignore[no-untyped-call]


def test_a_classifier_can_be_fine_tuned(model: Classifier, images: torch.Tensor) -> None:
    assert not model.training
    model(images[:2]).sum().backward()
    assert any(parameter.grad is not None for parameter in model.parameters())
    model.zero_grad()


def test_a_folder_without_images_is_refused(model: Classifier, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="contains no images"):
        model.predict(tmp_path)


def test_a_sprite_with_unknown_pixels_is_not_a_punk(model: Classifier, tmp_path: Path) -> None:
    sprite = PALETTE[np.random.default_rng(0).integers(1, 222, (24, 24))]
    sprite[[0, 0, -1, -1], [0, -1, 0, -1]] = 0
    path = tmp_path / "noise.png"
    path.write_bytes(png_bytes(sprite))
    with pytest.raises(
        ImageError, match=r"noise\.png' is not a punk: \d+ of its 576 pixels have a"
    ):
        model.predict(path)
    with pytest.raises(ImageError, match="the image is not a punk"):
        model.predict(torch.from_numpy(sprite).movedim(-1, 0))


def test_hidden_files_of_a_folder_are_skipped_and_counted(
    model: Classifier, punks: list[FakePunk], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = png_bytes(punks[0].sprite)
    for folder in (".ipynb_checkpoints", "__MACOSX", "rejected"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.png").write_bytes(data)
    for name in ("._a.png", "Thumbs.db", "a.gif"):
        (tmp_path / name).write_bytes(b"x")
    for name in ("a.png", "B.PNG"):
        (tmp_path / name).write_bytes(data)
    assert [Path(str(p.path)).name for p in model.predict(tmp_path)] == ["B.PNG", "a.png"]
    assert capsys.readouterr().err == (
        f"skipped in '{tmp_path}': 4 hidden files or folders, 1 subfolder, 1 .gif file\n"
    )
    assert len(model.predict(tmp_path / ".ipynb_checkpoints")) == 1


def test_find_images_expands_folders(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    single = tmp_path / "notes.txt"
    assert find_images([single, tmp_path]) == [single, tmp_path / "a.jpg", tmp_path / "b.PNG"]
