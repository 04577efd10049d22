from __future__ import annotations

from typing import Any

import pytest
import torch

from punkmodels.data.palette import quantize, to_rgba
from punkmodels.gan.conditioning import condition_size
from punkmodels.gan.config import make_config
from punkmodels.gan.objective import GANObjective, build_objective
from punkmodels.gan.palette_head import PaletteHead

CPU = torch.device("cpu")
SMALL = {"width": 4, "z_dim": 8, "head_channels": 3}
INDICES = torch.randint(0, 9, (12, 24, 24), generator=torch.Generator().manual_seed(0)).to(
    torch.uint8
)


def game_of(recipe: str = "modern", **chosen: Any) -> GANObjective:
    return build_objective(make_config(recipe=recipe, **SMALL | chosen), INDICES, CPU)


def test_the_seed_makes_the_networks() -> None:
    first, same, other = (game_of(seed=seed).G.state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["layers.0.weight"], other["layers.0.weight"])


def test_only_the_modern_palette_has_an_encoder() -> None:
    assert set(game_of().networks) == {"G", "D", "E"}
    for other in (game_of("classic"), game_of(w_dim=0), game_of(head="rgba")):
        assert set(other.networks) == {"G", "D"}
        assert other.auxiliary_loss(INDICES) == 0


@pytest.mark.parametrize("recipe", ["modern", "classic"])
def test_the_two_pull_in_opposite_directions(recipe: str) -> None:
    """After the discriminator's steps its loss is lower, and the generator's higher."""
    game = game_of(recipe, translate_px=0, cutout_px=0)
    drawn = game.draw(12).detach()
    optimizer = torch.optim.Adam(game.D.parameters(), 1e-2)
    losses = []
    for _ in range(30):
        loss, of_real = game.discriminator_loss(INDICES, drawn, None)
        losses.append((loss.item(), game.generator_loss(drawn, of_real).item()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1][0] < losses[0][0] - 0.1
    assert losses[-1][1] > losses[0][1] + 0.1


def test_penalties_grow_with_gamma_and_can_be_learned_from() -> None:
    game = game_of(translate_px=0, cutout_px=0)
    drawn = game.draw(12)
    none, once, twice = (game.discriminator_loss(INDICES, drawn, g)[0] for g in (None, 1, 2))
    assert once > none
    assert (twice - none).item() == pytest.approx(2 * (once - none).item(), rel=1e-3)
    twice.backward()
    assert all(p.grad is not None for p in game.D.parameters())
    assert all(p.grad is None for p in game.G.parameters()), "drawn images are not to change"


@pytest.mark.parametrize("condition", [{}, {"conditional": "labels"}])
def test_everything_that_learns_is_in_one_group_and_the_palette_learns_faster(
    condition: dict[str, Any],
) -> None:
    game = game_of(**condition)
    assert game.E
    others, head = (group["params"] for group in game.groups())
    wanted = [*game.G.parameters(), *game.E.parameters()]
    assert {id(p) for p in others + head} == {id(p) for p in wanted}
    assert len(others + head) == len(wanted)
    assert isinstance(game.G.layers[-1], PaletteHead)
    assert {id(p) for p in head} == {id(p) for p in game.G.layers[-1].parameters()}
    assert game.groups()[1]["times"] == 3
    assert game_of("classic").groups()[1]["times"] == 1


def test_matching_teaches_the_very_punk_whatever_the_noise() -> None:
    game = game_of(conditional="labels", skin_tone=True)
    assert game.has_auxiliary_loss
    assert not game.E
    condition = torch.eye(condition_size("labels", skin_tone=True))[:12]
    optimizer = torch.optim.Adam(game.G.parameters(), 3e-2)
    losses = []
    for _ in range(150):
        loss = game.auxiliary_loss(INDICES, condition)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
    for _ in range(3):
        drawn = quantize(game.draw(12, condition))[0]
        assert (drawn == INDICES).float().mean() > 0.99
        assert (drawn == INDICES.roll(1, 0)).float().mean() < 0.5


def test_the_judge_learns_who_is_not_what_was_asked_for() -> None:
    """Real images with the wrong condition, as drawn ones: only the condition tells."""
    game = game_of(conditional="labels", translate_px=0, cutout_px=0)
    condition = torch.eye(condition_size("labels", skin_tone=False))[:12]
    wrong = to_rgba(INDICES.roll(1, 0), game.table)
    optimizer = torch.optim.Adam(game.D.parameters(), 1e-2)
    losses = []
    for _ in range(60):
        loss, _ = game.discriminator_loss(INDICES, wrong, None, condition)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # torch looks at it while it compiles
def test_a_compiled_game_is_the_same_game() -> None:
    found = []
    for is_compiled in (False, True):
        game = game_of(conditional="type")
        if is_compiled:
            game.compile("aot_eager")
        condition = torch.eye(condition_size("type", skin_tone=False)).repeat(3, 1)[:12]
        drawn = game.draw(12, condition)
        loss, of_real = game.discriminator_loss(INDICES, drawn, 2.0, condition)
        loss = loss + game.discriminator_loss(INDICES, drawn, None, condition)[0]
        loss = loss + game.generator_loss(drawn, of_real, condition)
        loss.backward()
        found.append([loss.detach(), *(p.grad for p in game.D.parameters())])
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-6)
