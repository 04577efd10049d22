from __future__ import annotations

import pytest
import torch
from support.sprites import draw_punks

from punkdata.errors import DataError
from punkdata.images.palette import PALETTE
from punkmodels.classifier.config import MODELS, build_model, make_config
from punkmodels.classifier.networks import Classifier, PublishedCNN, logits_to_labels
from punkmodels.data.palette import build_pair_table, to_indices

IMAGES = torch.randint(0, 222, (3, 24, 24), dtype=torch.uint8)


def built(model: str, prior: torch.Tensor | None = None) -> Classifier:
    config = make_config(model=model, width=4, hidden=8)
    return build_model(config, build_pair_table(IMAGES), prior)


@pytest.mark.parametrize("model", list(MODELS))
def test_palette_indices_become_92_logits_or_5(model: str) -> None:
    assert built(model)(IMAGES).shape == (3, 92)
    types = build_model(make_config(model=model, task="type"), build_pair_table(IMAGES))
    assert types(IMAGES).shape == (3, 5)


@pytest.mark.parametrize("model", list(MODELS))
def test_an_untrained_network_guesses_each_label_s_share(model: str) -> None:
    prior = torch.linspace(0.001, 0.6, 92)
    network = built(model, prior).eval()
    with torch.no_grad():
        if model != "linear":
            network.network.head.weight.zero_()
        guess = network(torch.zeros(1, 24, 24, dtype=torch.uint8)).sigmoid()[0]
    assert torch.allclose(guess, prior, atol=1e-5)


def test_pixels_that_training_never_saw_are_counted() -> None:
    network = built("cnn")
    assert network.unknown_pixels(IMAGES).tolist() == [0, 0, 0]
    other = IMAGES[:1].clone()
    seen = set(IMAGES[:, 4, 7].tolist())
    other[0, 4, 7] = next(i for i in range(222) if i not in seen)
    assert network.unknown_pixels(other).tolist() == [1]


def test_images_far_more_varied_than_punks_are_refused() -> None:
    images = torch.randint(0, 222, (200, 24, 24), dtype=torch.uint8)
    with pytest.raises(DataError, match="too many"):
        build_pair_table(images)


def test_the_linear_model_makes_nothing_of_what_it_never_saw() -> None:
    network = built("linear").eval()
    with torch.no_grad():
        network.network.table.weight[1:] = 1.0
    others = (IMAGES[:1].int() + 1) % 222
    unknown = network.unknown_pixels(others.byte())
    assert network(others.byte())[0, 0] == 576 - unknown


def test_temperature_softens_predictions_and_not_training() -> None:
    network = built("linear", torch.full((92,), 0.1))
    plain = network.train()(IMAGES)
    network.temperature.fill_(2.0)
    assert torch.equal(network(IMAGES), plain)
    assert torch.allclose(network.eval()(IMAGES), plain / 2)


def test_the_published_network_sees_the_punk_on_blue() -> None:
    network = PublishedCNN(width=4)
    assert (network.colors[0] * 255).round().tolist() == [0x63, 0x85, 0x96]
    assert (network.colors[221] * 255).round().tolist() == PALETTE[221, :3].tolist()


def test_rgba_becomes_the_index_of_its_color() -> None:
    sprite = torch.from_numpy(draw_punks(1)[0].sprite)
    indices = to_indices(sprite.permute(2, 0, 1)[None])
    assert (indices.shape, indices.dtype) == ((1, 24, 24), torch.uint8)
    assert (torch.tensor(PALETTE)[indices[0].long()] == sprite).all()


def test_exactly_one_type_is_decided_and_any_number_of_accessories() -> None:
    logits = torch.full((2, 92), -1.0)
    logits[0, [1, 3]] = torch.tensor([2.0, 3.0])  # two types seem likely
    logits[0, [10, 91]] = 0.5
    chosen = logits_to_labels(logits)
    assert chosen[0].nonzero().flatten().tolist() == [3, 10, 91]
    assert chosen[1, :5].sum() == 1
    assert chosen[1, 5:].sum() == 0
