from __future__ import annotations

import numpy as np
import torch

from punkmodels.classifier.classifier import build_model
from punkmodels.classifier.config import make_config
from punkmodels.classifier.networks import set_ridge
from punkmodels.classifier.ridge import (
    LOGIT_SCALE,
    RidgeSolution,
    fit_ridge,
    group_features,
    group_pairs,
    group_sizes,
)
from punkmodels.data.palette import build_pair_table

GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.randint(0, 3, (40, 24, 24), generator=GENERATOR).to(torch.uint8)
IMAGES[:, :12] = IMAGES[:, 12:]  # Each pixel of the upper half equals one of the lower half.
LABELS = torch.rand(40, 92, generator=GENERATOR).round()
PAIRS = build_pair_table(IMAGES)
NUM_PAIRS = int(PAIRS.max())
NUMBERS = PAIRS[torch.arange(576), IMAGES.flatten(1).long()].long()


def fit(penalty: float) -> RidgeSolution:
    return fit_ridge(NUMBERS, LABELS, NUM_PAIRS, penalty)


def test_pairs_of_the_same_images_are_one_group() -> None:
    groups = group_pairs(NUMBERS, NUM_PAIRS)
    sizes = group_sizes(groups)
    assert groups[0] == 0
    assert (sizes[1:] == 2).all()
    table = groups[PAIRS.long()]
    assert torch.equal(table[:288], table[288:])
    features = group_features(NUMBERS, groups, sizes)
    assert features.unique().tolist() == [0, 1]
    damaged = NUMBERS[:1].clone()
    damaged[0, 7] = 0  # an unknown pixel
    changed = (group_features(damaged, groups, sizes) != features[:1]).nonzero()
    assert changed[:, 1].tolist() == [int(groups[NUMBERS[0, 7]]) - 1]


def test_solution_equals_that_of_all_pairs_without_groups() -> None:
    penalty = 3.0
    one_hot = torch.zeros(len(IMAGES), NUM_PAIRS, dtype=torch.float64)
    one_hot.scatter_(1, NUMBERS - 1, 1.0)
    targets = 2 * LABELS.double() - 1
    centered, mean = one_hot - one_hot.mean(0), targets.mean(0)
    system = centered.T @ centered + penalty * torch.eye(NUM_PAIRS, dtype=torch.float64)
    weight = np.linalg.solve(system.numpy(), (centered.T @ (targets - mean)).numpy())
    expected = LOGIT_SCALE * (centered @ torch.from_numpy(weight) + mean)
    for model in ("ridge", "mlp"):
        solution = fit(penalty)
        classifier = build_model(make_config(model=model), PAIRS, groups=solution.groups)
        set_ridge(classifier.network, solution)
        with torch.no_grad():
            logits = classifier.eval().logits_from_indices(IMAGES)
        torch.testing.assert_close(logits, expected.float(), atol=1e-3, rtol=1e-3)


def test_a_larger_penalty_gives_smaller_weights() -> None:
    norms = [fit(penalty).weight.norm().item() for penalty in (1.0, 10.0, 100.0)]
    assert norms[0] > norms[1] > norms[2]
