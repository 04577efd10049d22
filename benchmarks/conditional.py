"""Ablation of the renderer: python benchmarks/conditional.py [--total-images N]

Trains the renderer several times, each time with one change, on the latest snapshot of ./data, on
one thread. Prints how many of the held-out punks with unseen label sets each one draws exactly.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from measure import describe_machine

from punkdata.traits import LABELS
from punkmodels.data.palette import color_counts
from punkmodels.data.splits import load_split
from punkmodels.renderer.config import RendererConfig, make_config
from punkmodels.renderer.network import Renderer
from punkmodels.renderer.train import (
    BatchSampler,
    TrainState,
    count_wrong_pixels,
    find_seen,
    training_step,
)


class SharedAccessories(Renderer):
    """Renderer without separate conditions for the accessories of Female punks."""

    def logits(self, condition: torch.Tensor) -> torch.Tensor:
        shared = condition.clone()
        shared[:, len(LABELS) : -4] = 0  # The last four conditions are skin tones.
        return super().logits(shared)


class PlainSum(Renderer):
    """Renderer whose weights are logits, not bounded by a z-order."""

    def condition_logits(self) -> torch.Tensor:
        return self.weight


class SharedPlainSum(SharedAccessories, PlainSum):
    """Renderer with both changes."""


VARIANTS: dict[str, tuple[type[Renderer], dict[str, Any]]] = {
    "default": (Renderer, {}),
    "seed 1": (Renderer, {"seed": 1}),
    "seed 2": (Renderer, {"seed": 2}),
    "no separate female accessories": (SharedAccessories, {}),
    "no z-order": (PlainSum, {}),
    "no L1 penalty": (Renderer, {"l1_weight": 0.0}),
    "none of these three": (SharedPlainSum, {"l1_weight": 0.0}),
    "no label-balanced sampling": (Renderer, {"class_balance": 0.0}),
    "three times the images": (Renderer, {}),
}


def train(model: Renderer, config: RendererConfig, root: Path) -> Renderer:
    """Return the averaged renderer after training."""
    state = TrainState.create(config, model)
    sampler = BatchSampler(load_split(root, "latest", "default", "train"), config)
    while state.step < config.num_steps:
        training_step(state, *sampler.sample(state.random), config)
    return state.ema


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--root", type=Path, default=Path("data"))
    parser.add_argument("--total-images", type=int, default=30_000)
    args = parser.parse_args()
    torch.set_num_threads(1)
    train_split = load_split(args.root, "latest", "default", "train")
    counts = color_counts(train_split.images)
    held_out = [load_split(args.root, "latest", "default", name) for name in ("val", "test")]
    images, labels = (
        torch.cat([getattr(split, name) for split in held_out]) for name in ("images", "labels")
    )
    is_unseen = ~find_seen(labels, train_split.labels)
    colors = images[is_unseen].flatten(1).long()
    is_possible = (counts > 0)[torch.arange(colors.shape[1]), colors].all(dim=1)
    print(f"{describe_machine()}, one thread; {args.total_images:,} images")
    print(
        f"{len(colors):,} held-out punks have unseen label sets; {int(is_possible.sum()):,} of "
        "them have only colors that occur at the same positions in the training split"
    )
    print("| variant | pixel-exact match | wrong pixels, mean |\n|---|---|---|")
    for name, (variant, changes) in VARIANTS.items():
        total_images = args.total_images * (3 if name == "three times the images" else 1)
        config = make_config(**{"total_images": total_images, **changes})
        model = train(variant(counts), config, args.root)
        wrong = torch.cat([count_wrong_pixels(model, split) for split in held_out])[is_unseen]
        exact, mean = (values.double().mean().item() for values in (wrong == 0, wrong))
        print(f"| {name} | {exact:.4f} | {mean:.2f} |", flush=True)


if __name__ == "__main__":
    main()
