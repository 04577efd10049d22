"""Score drawn punks, of our generators or of anybody's, beside real ones.

evaluation/generated/metrics.json
evaluation/generated/metrics.md       the same as a table
evaluation/generated/nearest_neighbors.png  samples above, the nearest training punk below each: the
                                     nearest that are no copies, some in between, the farthest
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from punkdata.errors import DataError
from punkdata.files import translate_os_errors, write_atomic
from punkdata.images.sprite import SIDE_PX
from punkmodels.classifier.config import BUNDLED_CLASSIFIER, load_classifier
from punkmodels.classifier.evaluate import predict_logits
from punkmodels.classifier.features import embed
from punkmodels.classifier.networks import logits_to_labels
from punkmodels.data.image_grid import make_grid
from punkmodels.data.palette import quantize
from punkmodels.data.splits import SplitTensors, load_split
from punkmodels.gan.config import export_generator, load_generator, read_dcgan_config
from punkmodels.gan.evaluate_conditional import evaluate_conditional
from punkmodels.gan.generate import generate_sprites
from punkmodels.gan.label_conditions import conditions_from_split
from punkmodels.gan.metrics.fidelity import (
    FidelityScores,
    NearestNeighborIndex,
    SampleStatistics,
    average_scores,
    expected_copy_rate,
    fidelity_scores,
    label_shares,
    off_alpha,
)
from punkmodels.training.run_dir import read_config, write_json

DRAW = 2000
"""sprites of a draw"""
DRAWS = 5
NAMES = {
    "frechet_distance": "Fréchet distance",
    "kernel_distance": "kernel distance",
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
    "train_copy_rate": "exact copies of training punks",
    "duplicate_rate": "repeats within a draw",
    "nn_distance_px_mean": "pixels to the nearest training punk, mean",
    "nn_distance_px_median": "the same, median",
    "palette_validity": "pixels within 8/255 of the palette",
    "alpha_validity": "the same of alpha alone",
    "type_total_variation": "total variation of types",
    "label_total_variation": "total variation of labels",
}


@dataclass(frozen=True)
class GeneratorEvaluation:
    source: str
    version: str
    """of the snapshot that the real punks are from"""
    sprites: int
    draws: int
    scores: FidelityScores
    frechet_std: float
    """over draws; 0 of one draw"""
    test_reference: FidelityScores
    """of the validation part beside the test part and the reverse, without distances, which
    depend on the number of sprites; its nearest punks are training punks"""
    train_reference: FidelityScores
    """of draws of training punks: what a perfect generator would reach"""
    expected_copy_rate: float
    """the share of copies that a perfect generator would draw"""
    label_shares: list[tuple[str, float, float]]
    """label, how often real, how often drawn; the farthest apart first"""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def evaluate_sprites(
    source: str,
    raw: torch.Tensor,
    root: Path,
    *,
    version: str = "latest",
    device: torch.device | None = None,
    out: Path | None = None,
    progress: Callable[..., None] = lambda done, total: None,
) -> GeneratorEvaluation:
    """Score sprites.

    Args:
        source: what they are from, for the reader.
        raw: float32 (N, 4, 24, 24) in [-1, 1]; N should be 10,000, that is five draws. Of fewer
            than 2,000 the distances are left out.
        root, version: the snapshot with the real punks.
        out: the folder to write to; by default nothing is written.

    Raises:
        UsageError, DataError: there is no such snapshot, or it is damaged.
        DataError: there are too few sprites.
    """
    device = device or torch.device("cpu")
    if len(raw) < 100:
        raise DataError(
            f"{source} has {len(raw)} sprites; their scores would mean nothing below 100"
        )
    train, val, test = (
        load_split(root, version, "default", part) for part in ("train", "val", "test")
    )
    real = NearestNeighborIndex(train.images)
    classifier = load_classifier(BUNDLED_CLASSIFIER, device)
    draws = max(1, min(DRAWS, len(raw) // DRAW))
    size = min(DRAW, len(raw))
    raw = raw[: draws * size]

    def describe(sprites: torch.Tensor, labels: torch.Tensor | None = None) -> SampleStatistics:
        if labels is None:
            labels = logits_to_labels(predict_logits(classifier, sprites, device))
        perfect = torch.zeros(sprites.shape)
        nearest = real.nearest(sprites)[1]
        features = embed(sprites, device)
        return SampleStatistics(sprites, features, labels.bool(), nearest, perfect, perfect)

    progress(0, 2 * draws + 2)
    sprites, off = quantize(raw)
    drawn = replace(describe(sprites), off=off, off_alpha=off_alpha(raw))
    trained = describe(train.images, train.visible)
    progress(1, 2 * draws + 2)
    parts = [describe(part.images, part.visible) for part in (val, test)]
    held_out = describe(
        torch.cat([val.images, test.images]), torch.cat([val.visible, test.visible])
    )
    found, floors = [], []
    random = torch.Generator().manual_seed(0)
    for i in range(draws):
        draw = drawn.take(slice(i * size, (i + 1) * size))
        found.append(fidelity_scores(held_out, draw, distances=size == DRAW))
        progress(2 * i + 2, 2 * draws + 2)
        again = trained.take(torch.randperm(len(train), generator=random)[:size])
        floors.append(fidelity_scores(held_out, again, distances=size == DRAW))
        progress(2 * i + 3, 2 * draws + 2)
    halves = [fidelity_scores(b, a, distances=False) for a, b in (parts, parts[::-1])]
    frechet = [draw.frechet_distance for draw in found if draw.frechet_distance is not None]
    result = GeneratorEvaluation(
        source=source,
        version=train.version,
        sprites=len(sprites),
        draws=draws,
        scores=average_scores(found),
        frechet_std=statistics.stdev(frechet) if len(frechet) > 1 else 0.0,
        test_reference=average_scores(halves),
        train_reference=average_scores(floors),
        expected_copy_rate=statistics.mean(expected_copy_rate(train, part) for part in (val, test)),
        label_shares=label_shares(held_out.labels, drawn.labels),
    )
    progress(2 * draws + 2, 2 * draws + 2)
    if out:
        with translate_os_errors(out):
            out.mkdir(parents=True, exist_ok=True)
            write_json(out / "metrics.json", result.to_json())
            write_atomic(out / "metrics.md", markdown(result).encode())
            render_nearest_neighbors(sprites, *real.nearest(sprites), train).save(
                out / "nearest_neighbors.png"
            )
    return result


def generate_for_evaluation(
    run: Path,
    root: Path,
    version: str,
    device: torch.device,
    progress: Callable[..., None] = lambda done, total: None,
) -> torch.Tensor:
    """What `evaluate_sprites` wants of a run, or of exported weights: `raw` of five draws.

    A conditional generator is asked for what training punks have, as frequent as they are; so its
    copies tell of obedience.

    Raises:
        UsageError, DataError: there is no such run or snapshot, or it is damaged.
    """
    config = read_dcgan_config(run).options
    count, condition = DRAW * DRAWS, None
    if config.conditional != "none":
        train = load_split(root, version, "default", "train")
        random = torch.Generator().manual_seed(0)
        some = torch.randint(len(train), (count,), generator=random)
        condition = conditions_from_split(config, train, len(train))[some]
    return generate_sprites(load_generator(run, device), count, 0, progress, condition=condition)[1]


def export_with_scores(
    run: Path,
    root: Path,
    out: Path,
    *,
    version: str | None = None,
    progress: Callable[..., None] = lambda done, total: None,
) -> GeneratorEvaluation:
    """Export a run's generator (see `export_generator`) with its scores; all or nothing. Raises as
    that and `evaluate_sprites`.
    """
    with tempfile.TemporaryDirectory() as folder:
        exported = Path(folder)
        export_generator(run, exported)
        version = version or read_dcgan_config(run).data.version
        raw = generate_for_evaluation(exported, root, version, torch.device("cpu"))
        result = evaluate_sprites(out.name, raw, root, version=version, progress=progress)
        facts = result.to_json()
        del facts["source"], facts["label_shares"]
        scores = {"scores": facts}
        if read_dcgan_config(run).options.conditional == "labels":
            obeyed = evaluate_conditional(exported, root, version=version).to_json()
            del obeyed["labels"]
            scores["conditional"] = obeyed
        write_json(exported / "config.json", read_config(exported) | scores)
        with translate_os_errors(out):
            out.mkdir(parents=True, exist_ok=True)
            for file in exported.iterdir():
                write_atomic(out / file.name, file.read_bytes())
    return result


def rows(*results: GeneratorEvaluation) -> list[tuple[str, ...]]:
    """A table of text: a row a score, a column a source, then the held-out and the training punks.

    These two are of the first result.
    """
    first = results[0]
    columns = [(result.source, result.scores) for result in results]
    columns += [
        ("test reference", first.test_reference),
        ("train reference", first.train_reference),
    ]
    table = [("score", *(name for name, _ in columns))]
    for key, name in NAMES.items():
        table.append((name, *(_cell(getattr(scores, key)) for _, scores in columns)))
    return table


def markdown(*results: GeneratorEvaluation) -> str:
    """The same for a page, with what must be known to read it."""
    head, *body = rows(*results)
    lines = [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *body)]
    first = results[0]
    lines += [
        "",
        "Held out: the 1,000 punks of the validation part beside the 1,000 of the test part, and "
        "the reverse. Floor: as many training punks as were drawn. A perfect generator would draw "
        f"{first.expected_copy_rate:.4f} copies. Means over "
        + ", ".join(f"{r.draws} x {r.sprites // r.draws:,} of {r.source}" for r in results)
        + f"; snapshot {first.version}.",
        "",
    ]
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}" if abs(value) >= 10 else f"{value:.4f}"


def render_nearest_neighbors(
    sprites: torch.Tensor, which: torch.Tensor, distance: torch.Tensor, train: SplitTensors
) -> Image.Image:
    """Three bands of samples, each with the nearest training punk below it: the nearest ones that
    are no copies, those in the middle, and the farthest.
    """
    columns = 16
    order = torch.argsort(distance, stable=True)
    order = order[distance[order] > 0]
    middle = max(0, len(order) // 2 - columns // 2)
    bands = [order[:columns], order[middle : middle + columns], order[-columns:].flip(0)]
    rows = [row for band in bands for row in (sprites[band], train.images[which[band]])]
    padded = [
        torch.cat([row, row.new_zeros(columns - len(row), SIDE_PX, SIDE_PX)])
        for row in rows
    ]
    return make_grid(torch.cat(padded), columns)
