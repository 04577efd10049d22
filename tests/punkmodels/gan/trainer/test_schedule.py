from __future__ import annotations

import pytest

from punkmodels.gan.config import make_config
from punkmodels.gan.trainer.schedule import Phase, Schedule

SCHEDULE = Schedule.from_config(make_config(total_images=100 * 32 - 5))


def test_last_batch_may_be_incomplete() -> None:
    assert SCHEDULE.num_steps == 100
    assert SCHEDULE.images_seen(99) == 99 * 32
    assert SCHEDULE.images_seen(100) == 100 * 32 - 5


def test_phases_start_with_the_auxiliary_loss() -> None:
    assert SCHEDULE.adversarial_start == 70
    assert SCHEDULE.phase(68) == Phase(adversarial=False, penalty=False)
    assert SCHEDULE.phase(72) == Phase(adversarial=True, penalty=True)
    assert SCHEDULE.phase(73) == Phase(adversarial=True, penalty=False)


def test_training_without_an_auxiliary_loss_is_adversarial_at_once() -> None:
    schedule = Schedule.from_config(make_config(w_dim=0))
    assert schedule.phase(0) == Phase(adversarial=True, penalty=True)


def test_classic_recipe_has_no_penalties() -> None:
    schedule = Schedule.from_config(make_config(recipe="classic"))
    assert {schedule.phase(step) for step in range(9)} == {Phase(adversarial=True, penalty=False)}


def test_cosines_end_at_their_fractions() -> None:
    config = SCHEDULE.config
    assert SCHEDULE.lr(0) == config.lr
    assert SCHEDULE.lr(50) == pytest.approx(config.lr * (1 + config.final_lr_fraction) / 2)
    assert SCHEDULE.lr(100) == pytest.approx(config.lr * config.final_lr_fraction)
    final_gamma = config.r1_gamma * config.final_r1_gamma_fraction
    assert SCHEDULE.r1_gamma(100) == pytest.approx(final_gamma)


def test_ema_half_life_is_a_share_of_the_steps_so_far() -> None:
    assert SCHEDULE.ema_decay(99) ** (100 * SCHEDULE.config.ema_half_life) == pytest.approx(0.5)
    assert Schedule.from_config(make_config(recipe="classic")).ema_decay(5) == 0


@pytest.mark.parametrize(("count", "steps"), [(4, {25, 50, 75, 100}), (1, {100})])
def test_evaluations_are_evenly_spaced_and_include_the_end(count: int, steps: set[int]) -> None:
    assert SCHEDULE.evaluation_steps(count) == steps


def test_short_trainings_have_fewer_evaluations() -> None:
    schedule = Schedule.from_config(make_config(total_images=64))
    assert schedule.evaluation_steps(20) == {1, 2}
