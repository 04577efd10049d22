"""Ablation of the renderer: python benchmarks/conditional.py [--total-images N]

Trains the renderer several times, each time with one change, on the latest snapshot of ./data, on
one thread. Prints how many of the validation punks with unseen label sets, and of the legal outfits
that no punk has, each one draws exactly.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import torch
from measure import describe_machine

from punkdata.analysis.outfit_suites import SUITE_NAMES
from punkdata.traits import LABELS
from punkmodels.data.palette import color_counts
from punkmodels.data.splits import SplitTensors, load_split
from punkmodels.renderer.compositions import compose_punks
from punkmodels.renderer.config import RendererConfig, make_config
from punkmodels.renderer.network import Renderer, conditions_from_labels
from punkmodels.renderer.suites import SUITE_SEEDS, load_suites, score_suites
from punkmodels.renderer.train import (
    BatchSampler,
    count_wrong_pixels,
    create_state,
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
    "no composed punks": (Renderer, {"composed_share": 0.0}),
}


def train(variant: type[Renderer], config: RendererConfig, split: SplitTensors) -> Renderer:
    """Return the averaged renderer after training."""
    composed = compose_punks(split, config.seed) if config.composed_share else None
    images = torch.cat([split.images, composed.images]) if composed else split.images
    state = create_state(config, variant(color_counts(images)))
    sampler = BatchSampler(split, config, composed)
    while state.step < config.num_steps:
        training_step(state, *sampler.sample(state.random), config)
    return state.ema


def render(model: Renderer, labels: torch.Tensor, skin_tones: torch.Tensor) -> torch.Tensor:
    sprites: torch.Tensor = model(conditions_from_labels(labels, skin_tones))
    return sprites


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--root", type=Path, default=Path("data"))
    parser.add_argument("--total-images", type=int, default=30_000)
    args = parser.parse_args()
    torch.set_num_threads(1)
    split, val, test = (
        load_split(args.root, "latest", "default", name) for name in ("train", "val", "test")
    )
    suites = load_suites(split, val, test, seed=SUITE_SEEDS["val"])
    is_unseen = ~find_seen(val.labels, split.labels)
    print(f"{describe_machine()}, one thread; {args.total_images:,} images\n")
    names = ("variant", "unseen", *(SUITE_NAMES[name] for name in suites))
    print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}")
    for name, (variant, changes) in VARIANTS.items():
        config = make_config(**{"total_images": args.total_images, **changes})
        model = train(variant, config, split)
        wrong = count_wrong_pixels(model, val)[is_unseen]
        shares = [(wrong == 0).double().mean().item()]
        scores = score_suites(partial(render, model), suites, split)
        shares += [suite["pixel_exact_match"] for suite in scores.values()]
        print(f"| {name} | {' | '.join(f'{share:.4f}' for share in shares)} |", flush=True)


if __name__ == "__main__":
    main()
