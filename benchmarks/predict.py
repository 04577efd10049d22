"""Time to predict 1,000 sprites: python benchmarks/predict.py [--root data] [--rounds 3]

Uses the bundled classifier, on the test punks of the latest snapshot; each round runs in a fresh
process, so that it includes the recovery of the layers that mend wrong predictions.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from measure import describe_machine, measure

from punkdata import PunkDataset

SETUP = """
import punkdata, punkmodels, torch
from punkmodels.classifier.classifier import predict_logits
model = punkmodels.load_classifier(device="cpu")
sprites = punkdata.PunkDataset(sys.argv[1], split="test").as_tensors()[0]
"""
NETWORK = """
with Timer(), torch.inference_mode():
    assert (model(sprites).sigmoid() > 0.5).any()
"""
SPRITES = """
with Timer():
    assert all(prediction.verified for prediction in model.predict(sprites))
"""
FILES = """
with Timer():
    assert all(prediction.verified for prediction in model.predict(sys.argv[2]))
"""
SCALES = (1, 14)
"""Enlargements of the files; OpenSea's images have 14 times the side."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path("data"), help="data root (default: data)")
    parser.add_argument("--rounds", type=int, default=3, help="fresh processes (default: 3)")
    args = parser.parse_args()
    test = PunkDataset(args.root, split="test")
    print(f"{describe_machine()}; {len(test):,} punks; median of {args.rounds} fresh processes\n")
    print("| predictions | seconds | MiB beyond the imports |\n|---|---|---|")

    def print_row(name: str, job: str, *folder: Path) -> None:
        result = measure(SETUP + job, args.root, *folder, rounds=args.rounds)
        print(f"| {name} | {result.median_s:.1f} | {result.mib:.0f} |", flush=True)

    print_row("sprites in memory, the network alone", NETWORK)
    print_row("sprites in memory, with the proof", SPRITES)
    for scale in SCALES:
        with tempfile.TemporaryDirectory() as folder:
            for i in range(len(test)):
                image = test.image(i)
                image = image.resize((image.width * scale, image.height * scale), resample=0)
                image.save(Path(folder) / f"{i}.png")
            side = f"{image.width}x{image.height}"
            print_row(f"PNG files, {side}, with the proof", FILES, Path(folder))


if __name__ == "__main__":
    main()
