"""Training of a model of label sets on the training split of a snapshot."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch

from punkdata.errors import DataError
from punkdata.progress import Progress
from punkmodels.data.palette import detect_skin_tones
from punkmodels.data.splits import SplitTensors
from punkmodels.label_sets.config import LabelSetsConfig
from punkmodels.label_sets.encoding import encode_label_sets, find_encodable, is_possible
from punkmodels.label_sets.network import LabelSetModel, SavedLabelSets
from punkmodels.training.train_loop import Log, Training, TrainState, train_on_cpu, update


def encode_split(split: SplitTensors) -> torch.Tensor:
    """Return the label sets of a split, with skin tones read from the pixels: int64 (N, 11).

    Punks with labels that exclude each other, which no real punk has, are left out. Raises
    DataError if none remain.
    """
    skin_tones = detect_skin_tones(split.images)
    rows = find_encodable(split.labels, skin_tones)
    values = encode_label_sets(split.labels[rows], skin_tones[rows])
    values = values[is_possible(values)]
    if not len(values):
        raise DataError(f"a split of '{split.path}' has no label sets that punks can have")
    return values


def sample_batch(
    values: torch.Tensor, config: LabelSetsConfig, random: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return random label sets, int64 (batch, 11), and which of their values are known.

    Nothing is known of some punks. Of the others, the share of known values is uniform in [0, 1].
    """
    rows = torch.randint(len(values), (config.batch_size,), generator=random)
    batch = values[rows]
    has_known = torch.rand(len(batch), 1, generator=random) < config.known_share
    share = torch.rand(len(batch), 1, generator=random) * has_known
    return batch, torch.rand(batch.shape, generator=random) < share


def create_state(config: LabelSetsConfig) -> TrainState[LabelSetModel]:
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        model = LabelSetModel(config.width)
    named = list(model.named_parameters())
    groups: list[dict[str, Any]] = [
        {"params": [p for name, p in named if name.endswith("weight")]},
        {"params": [p for name, p in named if name.endswith("bias")], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(
        groups, config.lr, betas=(0.9, 0.99), weight_decay=config.weight_decay, fused=True
    )
    return TrainState.create(model, optimizer, config.seed)


def training_step(
    state: TrainState[LabelSetModel],
    values: torch.Tensor,
    is_known: torch.Tensor,
    config: LabelSetsConfig,
) -> torch.Tensor:
    """Take an optimizer step, update the moving average, and return the loss in nats per punk."""
    loss = state.model.nll(values, is_known).mean()
    update(state, loss, config)
    return loss.detach()


@torch.no_grad()
def mean_nll(model: LabelSetModel, values: torch.Tensor) -> float:
    """Return the mean negative log-likelihood of label sets, int64 (N, 11), in nats."""
    nll = torch.cat([model.nll(batch) for batch in torch.split(values, 1000)])
    return nll.double().mean().item()


def prepare_training(
    train: SplitTensors, val: SplitTensors, config: LabelSetsConfig, _progress: Progress, _log: Log
) -> Training:
    """Return a training before its first step; raises as `encode_split`."""
    state, train_sets, val_sets = create_state(config), encode_split(train), encode_split(val)
    return Training(
        state,
        "loss",
        lambda: training_step(state, *sample_batch(train_sets, config, state.random), config),
        lambda: {
            "train_nll": mean_nll(state.ema, train_sets),
            "val_nll": mean_nll(state.ema, val_sets),
        },
    )


train_label_sets = partial(
    train_on_cpu,
    task="label-sets",
    name="model of label sets",
    kind=SavedLabelSets,
    prepare=prepare_training,
)
