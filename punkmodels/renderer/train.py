"""Training of a renderer on the training split of a snapshot."""

from __future__ import annotations

from functools import partial

import torch

from punkdata.benchmark_splits import COMPOSITIONAL, held_out_pairs
from punkdata.errors import DataError
from punkdata.progress import Progress
from punkmodels.data.palette import color_counts, detect_skin_tones
from punkmodels.data.splits import SplitTensors, sampling_weights
from punkmodels.renderer.compositions import ComposedPunks, compose_punks
from punkmodels.renderer.config import RendererConfig
from punkmodels.renderer.network import (
    Renderer,
    SavedRenderer,
    conditions_from_labels,
    encode_condition,
)
from punkmodels.training.train_loop import Log, Training, TrainState, train_on_cpu, update


class BatchSampler:
    """Sampler of punks of a split, and of composed ones if there are any, with replacement."""

    def __init__(
        self, split: SplitTensors, config: RendererConfig, composed: ComposedPunks | None = None
    ) -> None:
        self.split: SplitTensors = split
        self.config: RendererConfig = config
        self.composed: ComposedPunks | None = composed
        self.skin_tones: torch.Tensor = detect_skin_tones(split.images)
        self.weights: torch.Tensor = sampling_weights(split.visible, config.class_balance)

    def sample(self, random: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Return conditions, from which invisible labels are removed at random, and sprites."""
        size = self.config.batch_size
        composed = self.composed
        if composed:
            num_composed = int(size * self.config.composed_share)
            chosen = torch.randint(len(composed.images), (num_composed,), generator=random)
            size -= num_composed
        rows = torch.multinomial(self.weights, size, replacement=True, generator=random)
        labels, visible = self.split.labels[rows], self.split.visible[rows]
        is_kept = torch.rand(labels.shape, generator=random) >= self.config.invisible_label_dropout
        labels = torch.where(is_kept, labels, visible)
        skin_tones, images = self.skin_tones[rows], self.split.images[rows]
        if composed:
            labels = torch.cat([labels, composed.labels[chosen]])
            skin_tones = torch.cat([skin_tones, composed.skin_tones[chosen]])
            images = torch.cat([images, composed.images[chosen]])
        return encode_condition(labels, skin_tones), images


def create_state(config: RendererConfig, model: Renderer) -> TrainState[Renderer]:
    optimizer = torch.optim.Adam(model.parameters(), config.lr, betas=(0.9, 0.99), fused=True)
    return TrainState.create(model, optimizer, config.seed)


def training_step(
    state: TrainState[Renderer],
    condition: torch.Tensor,
    images: torch.Tensor,
    config: RendererConfig,
) -> torch.Tensor:
    """Take an optimizer step, update the moving average, and return the loss in nats per punk."""
    nll = state.model.nll(condition, images).mean()
    update(state, nll + config.l1_weight * state.model.condition_logits().abs().sum(), config)
    return nll.detach()


def count_wrong_pixels(model: Renderer, split: SplitTensors) -> torch.Tensor:
    """Render all punks of a split, and return how many pixels of each differ, int64 (N,)."""
    conditions = conditions_from_labels(split.labels, detect_skin_tones(split.images))
    rendered: torch.Tensor = model(conditions)
    return (rendered != split.images).flatten(1).sum(dim=1)


def find_seen(labels: torch.Tensor, train_labels: torch.Tensor) -> torch.Tensor:
    """Return which label sets (N, 92) some training punk has, bool (N,)."""
    train_sets = {row.tobytes() for row in train_labels.bool().numpy()}
    return torch.tensor([row.tobytes() in train_sets for row in labels.bool().numpy()])


def validate(model: Renderer, val: SplitTensors, is_unseen: torch.Tensor) -> dict[str, float]:
    """Return the metrics of validation punks, and of those whose label sets are not trained on."""
    is_exact = count_wrong_pixels(model, val) == 0
    return {
        "val_pixel_exact_match": is_exact.double().mean().item(),
        "val_pixel_exact_match_unseen": is_exact[is_unseen].double().mean().item(),
    }


def kept_out(config: RendererConfig) -> tuple[tuple[str, str], ...]:
    """Return the pairs of accessories that no composed punk may have."""
    return held_out_pairs() if config.split_scheme == COMPOSITIONAL else ()


def prepare_training(
    train: SplitTensors, val: SplitTensors, config: RendererConfig, progress: Progress, log: Log
) -> Training:
    """Return a training before its first step; raises DataError if a split is empty."""
    if len(train) < 2 or not len(val):
        raise DataError(f"the training or validation split of '{train.path}' is empty")
    composed = None
    if config.composed_share:
        progress(0, None, "composing punks")
        composed = compose_punks(train, config.seed, excluded_pairs=kept_out(config))
        if not composed:
            log("no sprite layers draw all of these punks: training on these punks alone")
    images = torch.cat([train.images, composed.images]) if composed else train.images
    state = create_state(config, Renderer(color_counts(images)))
    sampler = BatchSampler(train, config, composed)
    is_unseen = ~find_seen(val.labels, train.labels)
    return Training(
        state,
        "nll",
        lambda: training_step(state, *sampler.sample(state.random), config),
        lambda: validate(state.ema, val, is_unseen),
    )


train_renderer = partial(
    train_on_cpu,
    task="renderer",
    name="renderer",
    kind=SavedRenderer,
    prepare=prepare_training,
    scheme_of=lambda config: config.split_scheme,
)
