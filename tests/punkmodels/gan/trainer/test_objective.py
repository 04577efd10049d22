from __future__ import annotations

from typing import Any

import pytest
import torch
from support.gan import CPU

from punkmodels.data.palette import quantize, to_rgba
from punkmodels.gan.config import make_config
from punkmodels.gan.palette_head import PaletteHead
from punkmodels.gan.trainer.objective import GANObjective, build_objective

SMALL = {"width": 4, "z_dim": 8, "head_channels": 3}
INDICES = torch.randint(0, 9, (12, 24, 24), generator=torch.Generator().manual_seed(0)).to(
    torch.uint8
)


def make_objective(recipe: str = "modern", **chosen: Any) -> GANObjective:
    return build_objective(make_config(recipe=recipe, **SMALL | chosen), INDICES, CPU)


def one_hot_conditions(objective: GANObjective) -> torch.Tensor:
    """Return a different condition for each of the 12 images."""
    return torch.eye(objective.config.condition_spec.dim)[:12]


def test_seed_determines_the_networks() -> None:
    first, same, other = (make_objective(seed=seed).G.state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["layers.0.weight"], other["layers.0.weight"])


def test_only_modern_trainings_with_a_palette_head_have_an_encoder() -> None:
    assert set(make_objective().networks) == {"G", "D", "E"}
    for other in (make_objective("classic"), make_objective(w_dim=0), make_objective(head="rgba")):
        assert set(other.networks) == {"G", "D"}
        assert other.auxiliary_loss(INDICES) == 0


@pytest.mark.parametrize("recipe", ["modern", "classic"])
def test_training_the_discriminator_raises_the_generator_loss(recipe: str) -> None:
    objective = make_objective(recipe, translate_px=0, cutout_px=0)
    generated = objective.generate(12).detach()
    optimizer = torch.optim.Adam(objective.D.parameters(), 1e-2)
    losses = []
    for _ in range(30):
        loss, real_logits = objective.discriminator_loss(INDICES, generated, None)
        losses.append((loss.item(), objective.generator_loss(generated, real_logits).item()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert losses[-1][0] < losses[0][0] - 0.1
    assert losses[-1][1] > losses[0][1] + 0.1


def test_penalty_is_proportional_to_gamma_and_trains_d_only() -> None:
    objective = make_objective(translate_px=0, cutout_px=0)
    generated = objective.generate(12)
    none, once, twice = (
        objective.discriminator_loss(INDICES, generated, gamma)[0] for gamma in (None, 1, 2)
    )
    assert once > none
    assert (twice - none).item() == pytest.approx(2 * (once - none).item(), rel=1e-3)
    twice.backward()
    assert all(p.grad is not None for p in objective.D.parameters())
    assert all(p.grad is None for p in objective.G.parameters())


@pytest.mark.parametrize("options", [{}, {"conditional": "labels"}], ids=str)
def test_param_groups_cover_generator_and_encoder_once(options: dict[str, Any]) -> None:
    objective = make_objective(**options)
    assert objective.E
    layers, head = (group["params"] for group in objective.generator_param_groups())
    expected = [*objective.G.parameters(), *objective.E.parameters()]
    assert {id(p) for p in layers + head} == {id(p) for p in expected}
    assert len(layers + head) == len(expected)
    assert isinstance(objective.G.layers[-1], PaletteHead)
    assert {id(p) for p in head} == {id(p) for p in objective.G.layers[-1].parameters()}


def test_only_a_palette_head_has_a_higher_learning_rate() -> None:
    assert make_objective().generator_param_groups()[1]["lr_mult"] == 3
    assert make_objective("classic").generator_param_groups()[1]["lr_mult"] == 1


def test_pixel_loss_trains_the_ground_truth_sprite_for_any_noise() -> None:
    objective = make_objective(conditional="labels", skin_tone=True)
    assert objective.config.pixel_loss
    assert not objective.E
    condition = one_hot_conditions(objective)
    optimizer = torch.optim.Adam(objective.G.parameters(), 3e-2)
    losses = []
    for _ in range(150):
        loss = objective.auxiliary_loss(INDICES, condition)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]
    for _ in range(3):
        generated = quantize(objective.generate(12, condition))[0]
        assert (generated == INDICES).float().mean() > 0.99
        assert (generated == INDICES.roll(1, 0)).float().mean() < 0.5


def test_discriminator_learns_to_reject_wrong_conditions() -> None:
    """The "generated" images are real ones with the condition of another image."""
    objective = make_objective(conditional="labels", translate_px=0, cutout_px=0)
    condition = one_hot_conditions(objective)
    mismatched = to_rgba(INDICES.roll(1, 0), objective.table)
    optimizer = torch.optim.Adam(objective.D.parameters(), 1e-2)
    losses = []
    for _ in range(60):
        loss, _ = objective.discriminator_loss(INDICES, mismatched, None, condition)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # torch reads it while compiling
def test_compiled_losses_and_gradients_equal_eager_ones() -> None:
    results = []
    for is_compiled in (False, True):
        objective = make_objective(conditional="type")
        if is_compiled:
            objective.compile("aot_eager")
        condition = torch.eye(objective.config.condition_spec.dim).repeat(3, 1)[:12]
        generated = objective.generate(12, condition)
        loss, real_logits = objective.discriminator_loss(INDICES, generated, 2.0, condition)
        loss = loss + objective.discriminator_loss(INDICES, generated, None, condition)[0]
        loss = loss + objective.generator_loss(generated, real_logits, condition)
        loss.backward()
        results.append([loss.detach(), *(p.grad for p in objective.D.parameters())])
    for one, other in zip(*results, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-6)
