from __future__ import annotations

from typing import Any

import pytest
import torch

from punkdata.errors import UsageError
from punkmodels.gan.config import make_config
from punkmodels.gan.layers import GhostBatchNorm
from punkmodels.gan.trainer.objective import build_objective
from punkmodels.training.legacy_distributed import SINGLE_PROCESS, ProcessGroup

CPU = torch.device("cpu")
BATCH_SIZE = 8


def gradients(options: dict[str, Any], process_group: ProcessGroup) -> torch.Tensor:
    """Return the gradients of all losses on this rank's shard of a batch, in one vector."""
    config = make_config(width=4, batch_size=BATCH_SIZE, norm_groups=2, **options)
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 222, (BATCH_SIZE, 24, 24), generator=generator).to(torch.uint8)
    condition = None
    if config.conditional == "labels":
        condition_dim = config.condition_spec.dim
        condition = torch.rand(BATCH_SIZE, condition_dim, generator=generator).round()
        condition = process_group.local_shard(condition)
    objective = build_objective(config, images, CPU, process_group)
    shard = process_group.local_shard(images)
    generated = objective.generate(len(shard), condition)
    d_loss, real_logits = objective.discriminator_loss(shard, generated, 2.0, condition)
    g_loss = objective.generator_loss(generated, real_logits, condition)
    (d_loss + g_loss + objective.auxiliary_loss(shard, condition)).backward()
    parameters = [p for network in objective.networks.values() for p in network.parameters()]
    return torch.cat([p.grad.flatten() for p in parameters if p.grad is not None])


@pytest.mark.parametrize("options", [{}, {"conditional": "labels"}, {"recipe": "classic"}], ids=str)
def test_averaged_gradients_of_two_ranks_equal_those_of_one(options: dict[str, Any]) -> None:
    single = gradients(options, SINGLE_PROCESS)
    averaged = sum(gradients(options, ProcessGroup(rank, 2)) for rank in range(2)) / 2
    assert single.norm() > 0
    assert (averaged - single).norm() < 1e-3 * single.norm()


def test_ghost_batch_norm_normalizes_groups_separately() -> None:
    norm = GhostBatchNorm(3)
    torch.nn.init.normal_(norm.weight)
    features = torch.randn(8, 3, 5, 5) * torch.arange(1, 9)[:, None, None, None]
    separately = torch.cat([norm(half) for half in features.chunk(2)])
    norm.groups = 2
    assert torch.allclose(norm(features), separately, atol=1e-5)
    assert not torch.allclose(norm.eval()(features), separately, atol=1e-2)


@pytest.mark.parametrize(("groups", "world_size"), [(1, 2), (2, 4), (3, 3)])
def test_batch_that_ranks_cannot_share_is_refused(groups: int, world_size: int) -> None:
    images = torch.zeros(4, 24, 24, dtype=torch.uint8)
    config = make_config(width=4, batch_size=32, norm_groups=groups)
    with pytest.raises(UsageError):
        build_objective(config, images, CPU, ProcessGroup(0, world_size))
