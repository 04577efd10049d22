"""Ways to draw the punk that was asked for: python benchmarks/conditional.py [--images N]

Trains the conditional generator several times, each with one thing changed, on the newest snapshot
of ./data, asks each for what held-out punks have, and prints a table. Finished runs stay in --out.
"""

from __future__ import annotations

import argparse
import platform
from pathlib import Path
from typing import Any

import torch
from dcgan import seconds_of, trained

from punkmodels.dcgan_run import make_config
from punkmodels.evaluate_asked import evaluate_asked

ROOT = Path("data")
WAYS: dict[str, dict[str, Any]] = {
    "as it ships": {},
    "discriminator alone": {"matching": False, "w_size": 0},
    "matching alone": {"judged_from": 1.0},
    "encoder instead of matching": {"matching": False},
    "labels as often as they are": {"balanced_share": 0.0},
    "no say in single pixels": {"composing": False},
    "that say learned a third as fast": {"head_lr_times": 3.0},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("runs/conditional-benchmark"))
    parser.add_argument("--images", type=int, default=30_000)
    args = parser.parse_args()
    print(f"{platform.machine()}, one thread, torch {torch.__version__}; {args.images:,} images")
    print("| way | all visible labels right | the very punk | pixels beside it, mean | minutes |")
    print("|---|---|---|---|---|")
    for name, changed in WAYS.items():
        config = make_config(conditional="labels", tone=True, images=args.images, **changed)
        run = trained(args.out, name, config)
        scores = evaluate_asked(run, ROOT, out=run / "evaluation" / "asked").unseen
        cells = [f"{scores.right_by_net:.4f}", f"{scores.exact:.4f}"]
        cells += [f"{scores.off_pixels_mean:.2f}", f"{seconds_of(run) / 60:.1f}"]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
