"""Predictions of pictures as people have them: python benchmarks/pictures.py [--count N]

Makes pictures of each kind in benchmarks/picture_kinds.py from random punks of the test split of
the latest snapshot, and counts the answers of the bundled classifier. An answer is a verified
prediction; it is wrong if its labels are not those that the sprite shows. A sprite without an
answer is refused, or its prediction is not verified.
"""

from __future__ import annotations

import argparse
import io
import time
from collections import Counter

import numpy as np
from picture_kinds import KINDS, Kind, Sprite

import punkmodels
from punkdata import PunkDataset
from punkdata.errors import ImageError
from punkdata.traits import decode_labels
from punkmodels.classifier.classifier import Classifier, Prediction

Labels = frozenset[str]


def load_test_punks(root: str) -> list[tuple[Sprite, Labels]]:
    """Return the sprites of the test split, with the labels that they show."""
    test = PunkDataset(root, split="test", visible_only=True)
    _, labels = test.as_tensors()
    sprites = [np.asarray(test.image(i)) for i in range(len(test))]
    names = [decode_labels(row) for row in labels.numpy()]
    return [
        (sprite, frozenset([punk_type, *accessories]))
        for sprite, (punk_type, accessories) in zip(sprites, names, strict=True)
    ]


def predict(model: Classifier, image: bytes | list[Sprite]) -> list[Prediction]:
    """Return the predictions of all punks in an image file, or of sprites; none if refused."""
    try:
        return model.predict([image] if isinstance(image, bytes) else image)
    except ImageError:
        return []


def measure(
    model: Classifier, kind: Kind, punks: list[tuple[Sprite, Labels]], count: int
) -> tuple[Counter[str], float]:
    """Return the outcomes for `count` pictures, and the milliseconds of CPU time per picture."""
    rng = np.random.default_rng(0)
    outcomes: Counter[str] = Counter()
    seconds = 0.0
    for _ in range(count):
        chosen = [punks[i] for i in rng.choice(len(punks), kind.num_punks, replace=False)]
        sprites, truth = [sprite for sprite, _ in chosen], [labels for _, labels in chosen]
        if kind.spoil:
            sprites = kind.spoil(sprites, rng)
            clean = predict(model, sprites) if sprites else []
            truth = [frozenset(p.labels) for p in clean if p.verified]
        image, file = kind.make(sprites, rng), io.BytesIO()
        image.save(file, **{"format": "PNG"} | kind.save)
        start = time.process_time()
        found = predict(model, file.getvalue())
        seconds += time.process_time() - start
        answers = [frozenset(p.labels) for p in found if p.verified]
        num_expected = max(1, len(sprites))
        # Answers are in the order of the punks, row by row; some may be missing.
        wrong = sum((Counter(answers) - Counter(truth)).values())
        if len(answers) == len(truth):
            wrong = sum(a != b for a, b in zip(answers, truth, strict=True))
        outcomes += Counter(
            sprites=num_expected,
            right=len(answers) - wrong,
            wrong=wrong,
            unverified=len(found) - len(answers),
            refused=max(0, num_expected - len(found)),
        )
    return outcomes, 1000 * seconds / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", default="data", help="data root (default: data)")
    parser.add_argument("--count", type=int, default=200, help="sprites of each kind")
    parser.add_argument("--only", default="", help="use only kinds whose name contains this text")
    options = parser.parse_args()
    punks = load_test_punks(options.root)
    model = punkmodels.load_classifier(device="cpu")
    model.predict(punks[0][0])  # The first prediction loads the renderer.
    columns = ("sprites", "right", "wrong", "unverified", "refused")
    print(f"| picture | {' | '.join(columns)} | CPU ms per picture |\n|---|{'---|' * 6}")
    for name, kind in KINDS.items():
        if options.only in name:
            count = max(1, options.count // (1 if kind.spoil else kind.num_punks))
            outcomes, milliseconds = measure(model, kind, punks, count)
            cells = " | ".join(f"{outcomes[column]:,}" for column in columns)
            print(f"| {name} | {cells} | {milliseconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
