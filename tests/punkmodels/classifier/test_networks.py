from __future__ import annotations

import pytest
import torch
from support.sprites import make_punks

from punkdata.images.palette import PALETTE
from punkmodels.classifier.classifier import Classifier, build_model
from punkmodels.classifier.config import MODELS, make_config
from punkmodels.classifier.networks import PublishedCNN, logits_to_labels
from punkmodels.data.palette import build_pair_table, to_indices

IMAGES = torch.randint(0, 222, (3, 24, 24), dtype=torch.uint8)
BLANK = torch.zeros(1, 24, 24, dtype=torch.uint8)


def build(model: str, prior: torch.Tensor | None = None) -> Classifier:
    config = make_config(model=model, width=4, hidden=8)
    return build_model(config, build_pair_table(IMAGES), prior)


@pytest.mark.parametrize("model", list(MODELS))
def test_classifiers_map_palette_indices_to_logits(model: str) -> None:
    assert build(model).logits_from_indices(IMAGES).shape == (3, 92)
    types = build_model(make_config(model=model, task="type"), build_pair_table(IMAGES))
    assert types.logits_from_indices(IMAGES).shape == (3, 5)


@pytest.mark.parametrize("model", list(MODELS))
def test_an_untrained_classifier_predicts_the_prior(model: str) -> None:
    prior = torch.linspace(0.001, 0.6, 92)
    classifier = build(model, prior).eval()
    with torch.no_grad():
        if model != "ridge":
            classifier.network.head.weight.zero_()
        predicted = classifier.logits_from_indices(BLANK).sigmoid()[0]
    assert torch.allclose(predicted, prior, atol=1e-5)


def test_unknown_pixels_counts_colors_not_in_the_training_data() -> None:
    classifier = build("cnn")
    assert classifier.unknown_pixels(IMAGES).tolist() == [0, 0, 0]
    other = IMAGES[:1].clone()
    known = set(IMAGES[:, 4, 7].tolist())
    other[0, 4, 7] = next(color for color in range(222) if color not in known)
    assert classifier.unknown_pixels(other).tolist() == [1]


def test_ridge_model_ignores_unknown_pixels() -> None:
    classifier = build("ridge").eval()
    with torch.no_grad():
        classifier.network.table.weight[1:] = 1.0
    others = ((IMAGES[:1].int() + 1) % 222).byte()
    unknown = classifier.unknown_pixels(others)
    assert classifier.logits_from_indices(others)[0, 0] == 576 - unknown


def test_temperature_applies_to_evaluation_but_not_to_training() -> None:
    classifier = build("ridge", torch.full((92,), 0.1))
    plain = classifier.train().logits_from_indices(IMAGES)
    classifier.temperature.fill_(2.0)
    assert torch.equal(classifier.logits_from_indices(IMAGES), plain)
    assert torch.allclose(classifier.eval().logits_from_indices(IMAGES), plain / 2)


def test_published_cnn_composites_sprites_on_the_background() -> None:
    network = PublishedCNN(make_config(model="published", width=4))
    assert (network.colors[0] * 255).round().tolist() == [0x63, 0x85, 0x96]
    assert (network.colors[221] * 255).round().tolist() == PALETTE[221, :3].tolist()


def test_to_indices_finds_the_palette_index_of_each_pixel() -> None:
    sprite = torch.from_numpy(make_punks(1)[0].sprite)
    indices = to_indices(sprite.permute(2, 0, 1)[None])
    assert (indices.shape, indices.dtype) == ((1, 24, 24), torch.uint8)
    assert (torch.tensor(PALETTE)[indices[0].long()] == sprite).all()


def test_logits_to_labels_predicts_exactly_one_type() -> None:
    logits = torch.full((2, 92), -1.0)
    logits[0, [1, 3]] = torch.tensor([2.0, 3.0])  # Two types have a positive logit.
    logits[0, [10, 91]] = 0.5
    labels = logits_to_labels(logits)
    assert labels[0].nonzero().flatten().tolist() == [3, 10, 91]
    assert labels[1, :5].sum() == 1
    assert labels[1, 5:].sum() == 0
