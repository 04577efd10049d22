from __future__ import annotations

import torch
from drawing import draw_punks

from punkdata.palette import PALETTE
from punkmodels.classifier import PunkCNN, decide, to_indices


def test_palette_indices_become_92_logits() -> None:
    model = PunkCNN(width=4, hidden=8)
    images = torch.randint(0, 222, (3, 24, 24), dtype=torch.uint8)
    assert model(images).shape == (3, 92)


def test_an_untrained_network_guesses_each_label_s_share() -> None:
    prior = torch.linspace(0.001, 0.6, 92)
    model = PunkCNN(width=4, hidden=8, prior=prior).eval()
    with torch.no_grad():
        model.head.weight.zero_()
        guess = model(torch.zeros(1, 24, 24, dtype=torch.uint8)).sigmoid()[0]
    assert torch.allclose(guess, prior, atol=1e-5)


def test_rgba_becomes_the_index_of_its_colour() -> None:
    sprite = torch.from_numpy(draw_punks(1)[0].sprite)
    indices = to_indices(sprite.permute(2, 0, 1)[None])
    assert (indices.shape, indices.dtype) == ((1, 24, 24), torch.uint8)
    assert (torch.tensor(PALETTE)[indices[0].long()] == sprite).all()


def test_exactly_one_type_is_decided_and_any_number_of_accessories() -> None:
    logits = torch.full((2, 92), -1.0)
    logits[0, [1, 3]] = torch.tensor([2.0, 3.0])  # two types seem likely
    logits[0, [10, 91]] = 0.5
    chosen = decide(logits)
    assert chosen[0].nonzero().flatten().tolist() == [3, 10, 91]
    assert chosen[1, :5].sum() == 1
    assert chosen[1, 5:].sum() == 0
