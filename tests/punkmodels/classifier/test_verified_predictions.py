from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.classifiers import tiny_config
from support.sprites import png_bytes

import punkmodels
from punkdata.images.palette import PALETTE
from punkdata.traits import LABELS, TYPES
from punkmodels.classifier.classifier import Classifier, build_model


@pytest.fixture(scope="module")
def bundled() -> Classifier:
    return punkmodels.load_classifier(device="cpu")


def drawn_punk(*traits: str, skin_tone: int | None = None) -> np.ndarray:
    return np.array(punkmodels.draw(*traits, skin_tone=skin_tone, scale=1))


DRAWN = [
    (("Female", "Blonde Bob", "Green Eye Shadow"), 4),
    (("Male", "Mohawk", "Smile"), 1),
    (("Male", "Top Hat", "VR", "Pipe"), 2),
    (("Zombie", "3D Glasses"), None),
    (("Ape", "Cap", "Pipe"), None),
    (("Alien", "Bandana"), None),
]


@pytest.mark.parametrize("scale", [1, 14])
def test_drawn_punks_are_verified(bundled: Classifier, tmp_path: Path, scale: int) -> None:
    for i, (traits, skin_tone) in enumerate(DRAWN):
        sprite = drawn_punk(*traits, skin_tone=skin_tone)
        (tmp_path / f"{i}.png").write_bytes(png_bytes(sprite, scale))
    for (traits, _), found in zip(DRAWN, bundled.predict(tmp_path), strict=True):
        assert set(found.labels) == set(traits)
        assert (found.different_pixels, found.verified) == (0, True)


@pytest.mark.parametrize("as_tensor", [False, True])
def test_a_changed_pixel_is_reported(bundled: Classifier, as_tensor: bool) -> None:
    changed = drawn_punk("Male", "Mohawk", skin_tone=2)
    changed[2, 2] = PALETTE[7]  # Outside of the head.
    almost = drawn_punk("Male", "Mohawk", skin_tone=2)
    almost[12, 12, 0] ^= 1  # A color that is not in the palette, whose nearest one is as drawn.
    batch: Any = np.stack([changed, almost])
    if as_tensor:
        batch = torch.from_numpy(batch).movedim(-1, 1) / 255
    predictions = bundled.predict(batch)
    for found in predictions:
        assert found.labels == ("Male", "Mohawk")
        assert (found.different_pixels, found.verified) == (1, False)
    assert [p.different_positions for p in predictions] == [((2, 2),), ((12, 12),)]


@pytest.mark.parametrize(
    ("traits", "skin_tone", "step"),
    [
        (("Male", "Chinstrap", "Frumpy Hair"), 2, 1),
        (("Female", "Black Lipstick", "Straight Hair Dark"), 4, -1),
    ],
)
def test_a_punk_moved_by_a_row_is_not_verified(
    bundled: Classifier, traits: tuple[str, ...], skin_tone: int, step: int
) -> None:
    sprite = drawn_punk(*traits, skin_tone=skin_tone)
    found = bundled.predict(np.roll(sprite, step, axis=0))
    assert (found.different_pixels or 0) > 50
    assert not found.verified


@pytest.mark.parametrize(
    ("upper", "lower"),
    [
        (("Male", "Mohawk"), ("Male", "Big Beard")),
        (("Female", "Tiara"), ("Female", "Choker", "Hot Lipstick")),
    ],
)
def test_a_chimera_is_not_verified_although_the_scores_are_high(
    bundled: Classifier, upper: tuple[str, ...], lower: tuple[str, ...]
) -> None:
    chimera = drawn_punk(*upper, skin_tone=1)
    chimera[14:] = drawn_punk(*lower, skin_tone=4)[14:]
    found = bundled.predict(chimera)
    assert min(found.scores[name] for name in found.labels) > 0.9
    assert (found.different_pixels or 0) > 10
    assert not found.verified


@pytest.mark.parametrize("punk_type", ["Alien", "Ape"])
def test_a_drawn_punk_with_a_bare_head_is_accepted(bundled: Classifier, punk_type: str) -> None:
    """All real ones of the training split wear something on it, but composed ones do not."""
    found = bundled.predict(drawn_punk(punk_type))
    assert found.unknown_pixels == 0
    assert found.verified
    assert found.type == punk_type


def test_a_classifier_of_types_compares_nothing(bundled: Classifier) -> None:
    model = build_model(tiny_config(task="type"), bundled.pairs).eval()
    found = model.predict(drawn_punk("Alien", "Cap"))
    assert found.type in TYPES
    assert (found.different_pixels, found.different_positions) == (None, None)
    assert not found.verified
    assert "different" not in repr(found)


def biased(bundled: Classifier, label: str | None, bias: float) -> Classifier:
    """Return an untrained classifier that predicts a label, or all of them, in any case."""
    model = build_model(tiny_config(), bundled.pairs).eval()
    columns = slice(None) if label is None else LABELS.index(label)
    with torch.no_grad():
        model.network.head.bias[columns] += bias
    return model


def test_a_wrong_prediction_is_replaced_by_the_punk_that_the_sprite_shows(
    bundled: Classifier,
) -> None:
    sprites = np.stack([drawn_punk(*traits, skin_tone=tone) for traits, tone in DRAWN])
    for label, bias in ((None, 100.0), ("Mohawk", 100.0), ("Smile", -100.0), ("Ape", 100.0)):
        found = biased(bundled, label, bias).predict(sprites)
        assert all(p.verified for p in found)
        assert [set(p.labels) for p in found] == [set(traits) for traits, _ in DRAWN]


def test_a_replaced_prediction_keeps_the_scores_of_the_network(bundled: Classifier) -> None:
    found = biased(bundled, "Mohawk", 100.0).predict(drawn_punk("Male", "Smile"))
    assert found.labels == ("Male", "Smile")
    assert found.scores["Mohawk"] > 0.99


def test_a_replaced_prediction_can_have_different_pixels(bundled: Classifier) -> None:
    sprite = drawn_punk("Female", "Tiara", "Pipe", skin_tone=3)
    sprite[0, 0] = sprite[1, 5] = PALETTE[7]
    found = biased(bundled, None, 100.0).predict(sprite)
    assert found.labels == ("Female", "Pipe", "Tiara")
    assert found.different_positions == ((0, 0), (1, 5))


def test_a_replaced_prediction_has_no_hidden_accessory(bundled: Classifier) -> None:
    """Wild Hair covers earrings."""
    sprite = drawn_punk("Female", "Earring", "Wild Hair", skin_tone=1)
    found = biased(bundled, "Mohawk", 100.0).predict(sprite)
    assert found.labels == ("Female", "Wild Hair")
    assert found.verified
