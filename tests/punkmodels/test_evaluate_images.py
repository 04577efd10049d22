from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import punkmodels
from punkdata.errors import DataError, UsageError


@pytest.fixture(scope="module")
def generated() -> np.ndarray[Any, Any]:
    renderer = punkmodels.load_generator("bundled-conditional", device="cpu")
    return np.concatenate(
        [renderer.generate(50, type=name, accessories=["Pipe"]) for name in ("Ape", "Male")]
    )


def test_images_of_any_form_have_the_same_scores(
    generated: np.ndarray[Any, Any], built_root: Path, tmp_path: Path
) -> None:
    tensor = torch.from_numpy(generated).movedim(-1, 1)
    np.savez_compressed(tmp_path / "a.npz", images=generated)
    np.save(tmp_path / "b.npy", generated / 255)
    folder = tmp_path / "folder"
    folder.mkdir()
    for i, image in enumerate(generated):
        Image.fromarray(image).save(folder / f"{i:03d}.png")
    forms = [
        generated,
        generated / 255,
        tensor,
        tensor.float() / 255,
        [Image.fromarray(image) for image in generated],
        tmp_path / "a.npz",
        str(tmp_path / "b.npy"),
        folder,
    ]
    options: dict[str, Any] = {"root": built_root, "device": "cpu", "progress": False}
    scores = [punkmodels.evaluate_images(form, **options).scores for form in forms]
    assert scores[0]["num_samples"] == 100
    assert scores[0]["generated"]["palette_validity"] == 1
    assert all(other == scores[0] for other in scores[1:])
    shown = repr(punkmodels.evaluate_images(generated, **options))
    assert "There should be 10,000 sprites" in shown


def test_the_background_of_opaque_images_is_cleared(
    generated: np.ndarray[Any, Any], built_root: Path
) -> None:
    opaque = np.where(generated[..., 3:] > 0, generated[..., :3], np.uint8(99))
    options: dict[str, Any] = {"root": built_root, "device": "cpu", "progress": False}
    expected = punkmodels.evaluate_images(generated, **options).scores["generated"]
    found = punkmodels.evaluate_images(opaque, **options).scores["generated"]
    # The pipe's smoke is half-transparent, which an opaque image cannot have.
    assert found["type_total_variation"] == expected["type_total_variation"]
    assert found["palette_validity"] == expected["palette_validity"] == 1


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((100, 4, 24, 24), np.uint8), r"numpy\.moveaxis\(images, 1, -1\)"),
        (torch.zeros(100, 24, 24, 4), r"images\.movedim\(-1, 1\)"),
        (np.zeros((100, 24, 24)), r"an array \(N, 24, 24, 4\), not of shape \(100, 24, 24\)"),
        (torch.zeros(100, 4, 24, 24) - 1, r"\(images \+ 1\) / 2"),
        (np.full((100, 24, 24, 4), 9.0), r"images / 255"),
        (np.zeros((100, 24, 24, 4), int), "uint8 or floating point, not int64"),
        ([Image.new("RGBA", (48, 48))], "24x24 pixels, not 48x48; reduce"),
        ([1, 2], "a list of PIL images, or a path, not list"),
        (3, "not int"),
        ("nofolder", "there is no file or folder 'nofolder'"),
    ],
)
def test_other_images_are_refused(images: Any, message: str, built_root: Path) -> None:
    with pytest.raises(UsageError, match=message):
        punkmodels.evaluate_images(images, root=built_root)


def test_images_are_compared_with_the_chosen_split(
    generated: np.ndarray[Any, Any], built_root: Path
) -> None:
    options: dict[str, Any] = {"root": built_root, "device": "cpu", "progress": False}
    assert punkmodels.evaluate_images(generated, split="val", **options).scores["split"] == "val"
    with pytest.raises(UsageError, match="split must be val, test, held-out, not 'train'"):
        punkmodels.evaluate_images(generated, split="train", **options)


def test_few_images_are_refused(built_root: Path) -> None:
    for few in ([], np.zeros((99, 24, 24, 4), np.uint8)):
        with pytest.raises(DataError, match="scores need at least 100 sprites; number of"):
            punkmodels.evaluate_images(few, root=built_root, progress=False)
