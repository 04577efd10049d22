from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from support.gan import small_config, train_quickly

import punkmodels
from punkdata.errors import UsageError
from punkdata.images.palette import PALETTE
from punkdata.traits import LABELS, encode_labels
from punkmodels.data.palette import detect_skin_tones, to_indices


@pytest.fixture(scope="module")
def renderer() -> punkmodels.Generator:
    return punkmodels.load_generator("bundled-conditional", device="cpu")


@pytest.fixture(scope="module")
def type_gan(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> punkmodels.Generator:
    runs = tmp_path_factory.mktemp("runs")
    train_quickly(built_root, runs, small_config(conditional="type"))
    return punkmodels.load_generator(1, runs=str(runs), device=torch.device("cpu"))


def skin_tones(images: np.ndarray[Any, Any]) -> list[int]:
    return detect_skin_tones(to_indices(torch.from_numpy(images).movedim(-1, 1))).tolist()


def test_draw_returns_an_enlarged_sprite() -> None:
    sprite = punkmodels.draw("zombie", "3d glasses", scale=1)
    large = punkmodels.draw("Zombie", "3D Glasses")
    assert (sprite.mode, sprite.size, large.size) == ("RGBA", (24, 24), (384, 384))
    assert large.resize((24, 24), Image.Resampling.NEAREST).tobytes() == sprite.tobytes()
    colors = {tuple(color) for color in PALETTE.tolist()}
    assert {color for _, color in sprite.getcolors()} <= colors
    assert sprite.getpixel((0, 0)) == (0, 0, 0, 0)


def test_the_bundled_classifier_predicts_a_drawn_punk() -> None:
    found = punkmodels.load_classifier().predict(punkmodels.draw("Ape", "Cowboy Hat", "Pipe"))
    assert found.labels == ("Ape", "Cowboy Hat", "Pipe")


def test_draw_takes_a_list_of_accessories() -> None:
    drawn = punkmodels.draw("Zombie", "3D Glasses", "Beanie")
    assert punkmodels.draw("Zombie", ["3D Glasses", "Beanie"]) == drawn


def test_draw_has_the_requested_skin_tone() -> None:
    sprites = [punkmodels.draw("Male", skin_tone=tone, scale=1) for tone in (1, 2, 3, 4)]
    assert skin_tones(np.stack([np.asarray(sprite) for sprite in sprites])) == [1, 2, 3, 4]
    assert punkmodels.draw("Male", scale=1) == sprites[0]


@pytest.mark.parametrize(
    ("traits", "options", "message"),
    [
        (["Zombei"], {}, r"did you mean Zombie\?"),
        (["Zombie", "3D Glasses,Pipe"], {}, '"3D Glasses,Pipe"; pass each name separately'),
        (["Zombie", np.zeros(9)], {}, "names of types and accessories are text, not ndarray"),
        (["Male", "3D Glases"], {}, r"did you mean 3D Glasses\?"),
        (["Male", "male"], {}, '"male" is a type, not an accessory'),
        (["Pipe"], {}, '"Pipe" is an accessory, not a type'),
        (["Ape", "Goat"], {}, 'no accessory of the kind "beards"'),
        (["Female", "Goat"], {}, "add allow_impossible=True"),
        (["Zombie"], {"skin_tone": 1}, "leave out skin_tone="),
        (["Male"], {"skin_tone": 5}, "skin_tone must be an integer from 1 to 4, not 5"),
        (["Male"], {"scale": 0}, "scale must be an integer"),
    ],
)
def test_draw_refuses_other_traits(traits: list[Any], options: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        punkmodels.draw(*traits, **options)
    if "allow_impossible" in message:
        assert punkmodels.draw(*traits, allow_impossible=True).size == (384, 384)


def test_gan_generates_the_same_images_for_a_seed() -> None:
    generator = punkmodels.load_generator("bundled-gan")
    images = generator.generate(3, seed=1)
    assert (images.shape, images.dtype) == ((3, 24, 24, 4), np.uint8)
    assert np.array_equal(images, generator.generate(3, seed=1))
    assert not np.array_equal(images, generator.generate(3, seed=2))
    assert generator.grid(10, scale=2).size == (3 * 48, 4 * 48)
    assert generator.grid(4, columns=4, scale=1).size == (96, 24)
    assert "bundled" in repr(generator)
    assert "unconditional" in repr(generator)


def test_renderer_alternates_skin_tones(renderer: punkmodels.Generator) -> None:
    assert skin_tones(renderer.generate(type="female")) == [1, 2, 3, 4]
    assert skin_tones(renderer.generate(type="female", skin_tone=2)) == [2]
    assert renderer.generate(type="Zombie").shape == (1, 24, 24, 4)
    assert skin_tones(renderer.generate(2, type="Male", skin_tone=3)) == [3, 3]
    drawn = punkmodels.draw("Ape", "Pipe", scale=1)
    assert np.array_equal(renderer.generate(1, type="Ape", accessories="Pipe")[0], drawn)


@pytest.mark.parametrize("kind", [np.asarray, torch.tensor, np.ndarray.tolist])
def test_renderer_takes_label_vectors(renderer: punkmodels.Generator, kind: Any) -> None:
    labels = np.stack([encode_labels("Ape", ["Pipe"]), encode_labels("Male", [])])
    images = renderer.generate(labels=kind(labels), skin_tone=[0, 4])
    assert np.array_equal(images[0], punkmodels.draw("Ape", "Pipe", scale=1))
    assert np.array_equal(images[1], punkmodels.draw("Male", skin_tone=4, scale=1))
    repeated = renderer.generate(3, labels=kind(labels), skin_tone=[0, 4])
    assert np.array_equal(repeated, images[[0, 1, 0]])


def test_gan_is_conditioned_on_the_type(type_gan: punkmodels.Generator) -> None:
    apes = type_gan.generate(type="Ape")
    assert apes.shape == (4, 24, 24, 4)
    labels = np.stack([encode_labels("Ape", ["Pipe"])] * 4)
    assert np.array_equal(apes, type_gan.generate(labels=labels))
    assert "conditioned on the type" in repr(type_gan)
    with pytest.raises(UsageError, match="is conditioned on the type only; leave out accessories="):
        type_gan.generate(type="Ape", accessories=["Pipe"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "bundled-conditional is conditional; add type= or labels="),
        ({"accessories": ["Pipe"]}, "the type is missing; add type="),
        ({"type": "Ape", "labels": np.zeros(92)}, "labels= already sets type"),
        ({"type": "Ape", "count": 0}, "count must be an integer from 1 to 1,000,000, not 0"),
        ({"type": "Ape", "count": 2.5}, "count must be an integer"),
        ({"type": "Ape", "seed": -1}, "seed must be"),
        ({"labels": np.zeros((3, 91))}, r"labels must have the shape \(N, 92\), not \(3, 91\)"),
        ({"labels": np.zeros((0, 92))}, "labels must have the shape"),
        ({"labels": np.full(92, 2)}, "labels must be 0 or 1"),
        ({"labels": np.zeros(92)}, "exactly one of the 5 types"),
        ({"type": "Male", "skin_tone": [1, 2]}, "skin_tone must be"),
        ({"type": "Male", "skin_tone": 9}, "skin_tone must be"),
    ],
)
def test_wrong_arguments_are_refused(
    renderer: punkmodels.Generator, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        renderer.generate(**options)


def test_unconditional_generator_refuses_a_condition() -> None:
    gan = punkmodels.load_generator("bundled-gan", device="cpu")
    with pytest.raises(UsageError, match='bundled-gan is unconditional; use model="bundled" to'):
        gan.generate(type="Ape")
    with pytest.raises(UsageError, match="bundled-gan does not sample label sets, which novel=Tr"):
        gan.generate(novel=True)


def test_a_grid_must_not_be_too_large(renderer: punkmodels.Generator) -> None:
    with pytest.raises(UsageError, match="a grid of 100,000 images would be too large; use a"):
        renderer.grid(100_000, type="Ape")


@pytest.mark.parametrize(
    ("load", "options", "message"),
    [
        (punkmodels.load_generator, {"model": 7}, "no run '7' found"),
        (punkmodels.load_classifier, {"model": "bundled-conditional"}, "is a renderer, but a clas"),
        (punkmodels.load_generator, {"model": "bundled-condtional"}, "did you mean 'bundled-cond"),
        (punkmodels.load_generator, {"model": "a.csv"}, "there is no file 'a.csv', and no run"),
        (
            punkmodels.load_generator,
            {"model": "latest"},
            "train one with: punkmodels train label-sets",
        ),
        (punkmodels.load_classifier, {"model": "latest"}, "punkmodels train classifier"),
        (punkmodels.load_classifier, {"device": "tpu"}, "device tpu is not available"),
        (punkmodels.load_classifier, {"device": "cpu:x"}, "device cpu:x is not available"),
    ],
)
def test_missing_models_and_devices_are_named(
    load: Any, options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        load(**options, runs=str(tmp_path))


def test_every_bundled_model_has_a_name() -> None:
    tasks = {
        "classifier": "classifier",
        "label-sets": "label-sets",
        "gan": "dcgan",
        "conditional": "renderer",
    }
    for name, task in tasks.items():
        assert punkmodels.open_run(f"bundled-{name}").task == task
    assert punkmodels.load_generator("bundled").conditional == "traits"
    assert punkmodels.load_generator("bundled-gan").conditional == "none"
    assert punkmodels.load_classifier("bundled-classifier").classes == LABELS


def test_a_file_or_another_folder_is_no_model(tmp_path: Path) -> None:
    folder = Path(punkmodels.__file__).parent / "weights" / "classifier"
    with pytest.raises(UsageError, match=r"is a file, .*; pass the folder of the model: '.*fier'"):
        punkmodels.load_classifier(folder / "model.safetensors")
    with pytest.raises(UsageError, match=r"is not the folder of a model: it has no config\.json"):
        punkmodels.load_classifier(tmp_path)


def test_a_classifier_is_no_generator() -> None:
    folder = Path(punkmodels.__file__).parent / "weights" / "classifier"
    with pytest.raises(
        UsageError, match="is a classifier run, but a label-sets, dcgan or renderer run is"
    ):
        punkmodels.load_generator(folder)
    assert punkmodels.load_classifier(str(folder)).classes == LABELS


def test_bundled_generator_samples_what_is_not_given() -> None:
    generator = punkmodels.load_generator(device="cpu")
    images = generator.generate(5, seed=1)
    assert (images.shape, images.dtype) == ((5, 24, 24, 4), np.uint8)
    assert np.array_equal(images[:3], generator.generate(3, seed=1))
    assert set(skin_tones(generator.generate(8, type="Male", skin_tone=3))) == {3}
    women = generator.generate(6, accessories="Tiara")
    assert len(np.unique(women, axis=0)) > 1
    predicted = punkmodels.load_classifier(device="cpu").predict(list(map(Image.fromarray, women)))
    assert {each.type for each in predicted} == {"Female"}
    assert all("Tiara" in each.accessories for each in predicted)
    assert "bundled" in repr(generator)


def test_bundled_generator_draws_exactly_given_traits_on_request() -> None:
    generator = punkmodels.load_generator(device="cpu")
    drawn = punkmodels.draw("Ape", "Pipe", scale=1)
    (image,) = generator.generate(type="Ape", accessories=["Pipe"], only=True)
    assert np.array_equal(image, drawn)
    assert np.array_equal(generator.generate(labels=encode_labels("Ape", ["Pipe"]))[0], drawn)
    assert skin_tones(generator.generate(type="Male", only=True)) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"type": "Robot"}, 'no type "Robot"'),
        ({"accessories": ["Tiara", "Goat"]}, "no punk can wear Tiara and Goat together"),
        ({"type": "Zombie", "skin_tone": 1}, "leave out skin_tone="),
        ({"skin_tone": [1, 2]}, "skin_tone must be an integer"),
        ({"only": True}, "the type is missing; add type="),
        ({"novel": True, "type": "Ape", "only": True}, "leave out novel=True, or only=True"),
        ({"novel": True, "labels": np.zeros(92)}, "leave out novel=True"),
        ({"type": "Female", "accessories": ["Goat"], "allow_impossible": True}, "add only=True"),
        ({"type": "Ape", "labels": np.zeros(92)}, "labels= already sets type"),
    ],
)
def test_bundled_generator_refuses_wrong_arguments(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        punkmodels.load_generator(device="cpu").generate(**options)
