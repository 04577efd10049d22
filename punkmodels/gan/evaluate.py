"""Evaluation of generators and of generated images against real ones.

evaluation/generated/metrics.json
evaluation/generated/metrics.md     the same scores as a table
evaluation/generated/nearest_neighbors.png
                            generated images, each above its nearest training image: the 16 closest
                            that are not copies, 16 in the middle, and the 16 farthest

Most scores depend on the number of samples, so they are means over subsets of 2,000 sprites.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from punkdata.errors import DataError, UsageError
from punkdata.progress import Progress
from punkdata.report import Report, Row
from punkdata.traits import TYPES
from punkmodels.choices import HELD_OUT_SPLITS, HeldOutSplit
from punkmodels.data.image_grid import make_grid
from punkmodels.gan.generate import (
    generate_images,
    load_generator,
    read_dcgan_config,
    sample_batches,
)
from punkmodels.gan.metrics import (
    Scores,
    average_scores,
    duplicate_rate,
    feature_scores,
    fidelity_scores,
    label_frequencies,
    snap_to_palette,
)
from punkmodels.gan.networks import AnyGenerator
from punkmodels.gan.reference import CPU, RealPunks
from punkmodels.gan.training_images import TrainingImages, read_images_again
from punkmodels.training.pretrained import hash_weights
from punkmodels.training.run_dir import Evaluation

SUBSET_SIZE = 2000  # sprites; scores of subsets of other sizes are not comparable
MAX_SUBSETS = 5
MIN_SPRITES = 100
SCORE_NAMES = {
    "frechet_distance": "Fréchet distance",
    "frechet_distance_pixels": "Fréchet distance, pixels",
    "kernel_distance": "kernel distance",
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
    "train_copy_rate": "train copy rate",
    "held_out_copy_rate": "held-out copy rate",
    "duplicate_rate": "duplicate rate",
    "nn_distance_px_mean": "nearest-neighbor distance (px), mean",
    "nn_distance_px_median": "nearest-neighbor distance (px), median",
    "legal_rate": "legal punks",
    "legal_distance_px_mean": "distance to a legal punk (px), mean",
    "palette_validity": "palette validity",
    "alpha_validity": "alpha validity",
    "type_total_variation": "total variation of types",
    "label_total_variation": "total variation of labels",
    "type_accuracy": "type accuracy",
}


def evaluate_generator(
    run: Path,
    root: Path,
    *,
    version: str | None = None,
    split: HeldOutSplit | None = None,
    image_dir: Path | None = None,
    device: torch.device = CPU,
    subset_size: int = SUBSET_SIZE,
    progress: Progress = lambda done, total, note="": None,
) -> Evaluation:
    """Compare samples of a run or of exported weights with real images.

    `version` is by default the snapshot of the training, `split` the validation and test splits,
    and `image_dir` the place of training images other than punks, which have no splits. See
    `evaluate_sprites` for `subset_size` and `progress`. Raises UsageError if the run, the snapshot
    or the training images do not exist, and DataError if they are damaged or the training images
    have changed.
    """
    saved = read_dcgan_config(run)
    model = load_generator(run, device)
    if saved.options.image_dir or image_dir:
        if split:
            hint = f"remove split={split}"
            raise UsageError(f"'{run}' was trained on images that have no splits", hint=hint)
        images = read_images_again(run, saved.options, saved.data.labels_hash, image_dir)
        count = min(SUBSET_SIZE, len(images) // 2)
        generated = generate_images(model, count, 0, is_punks=False)
        return _add_weights(evaluate_other_images(generated, images), model)
    real = RealPunks(root, version or saved.data.version, device, split or "held-out")
    count, condition = subset_size * MAX_SUBSETS, None
    if saved.options.conditional == "type":
        random = torch.Generator().manual_seed(0)
        rows = torch.randint(len(real.split), (count,), generator=random)
        condition = real.split.labels[rows, : len(TYPES)]
    evaluation = evaluate_sprites(
        run.stem,
        torch.cat(list(sample_batches(model, count, 0, condition))),
        real,
        requested_types=condition,
        subset_size=subset_size,
        progress=progress,
    )
    return _add_weights(evaluation, model)


def _add_weights(evaluation: Evaluation, model: AnyGenerator) -> Evaluation:
    """Add the hash of the weights that the scores belong to."""
    scores = evaluation.scores | {"weights_sha256": hash_weights(model)}
    return replace(evaluation, scores=scores)


def evaluate_sprites(
    source: str,
    images: torch.Tensor,
    real: RealPunks,
    *,
    requested_types: torch.Tensor | None = None,
    subset_size: int = SUBSET_SIZE,
    progress: Progress = lambda done, total, note="": None,
) -> Evaluation:
    """Compare generated punks, as in `snap_to_palette`, with real ones.

    There should be 10,000, that is five subsets; an incomplete last subset is ignored. With fewer
    than one subset, there are no distances. `requested_types` are types that the generator was
    conditioned on, one-hot (N, 5). `progress` is called with the number of scored subsets and their
    total. Raises DataError if there are fewer than 100 sprites.
    """
    if len(images) < MIN_SPRITES:
        raise DataError(
            f"scores need at least {MIN_SPRITES} sprites; number of sprites in {source}: "
            f"{len(images)}"
        )
    num_subsets = max(1, min(MAX_SUBSETS, len(images) // subset_size))
    size = min(subset_size, len(images))
    sprites, validity = snap_to_palette(images[: num_subsets * size])
    # Score each subset, and as many random training punks.
    subsets, scores, train_scores = [], [], []
    random = torch.Generator().manual_seed(0)
    score = partial(fidelity_scores, real.reference, with_distances=size == subset_size)
    for i, subset in enumerate(torch.split(sprites, size)):
        progress(i, num_subsets, "searching for the nearest punks")
        subsets.append(real.measure(subset))
        progress(i, num_subsets, "computing scores")
        scores.append(score(subsets[-1]))
        rows = torch.randperm(len(real.split), generator=random)[:size]
        train_scores.append(score(real.train[rows]))
    progress(num_subsets, num_subsets)
    labels, nearest, distance = (
        torch.cat([getattr(subset, name) for subset in subsets])
        for name in ("labels", "nearest", "nn_distance_px")
    )
    generated = average_scores(scores) | validity
    if requested_types is not None:
        is_right = labels[:, : len(TYPES)].int().argmax(dim=1) == requested_types.argmax(dim=1)
        generated["type_accuracy"] = float(is_right.double().mean())
    result = {
        "version": real.split.version,
        "split": real.reference_split,
        "num_samples": len(sprites),
        "num_subsets": num_subsets,
        "generated": generated,
        "generated_95": _subset_intervals(scores),
        "test_reference": real.test_reference,
        "train_reference": average_scores(train_scores),
        "num_train": len(real.split),
        "num_held_out": real.num_held_out,
        "label_frequencies": label_frequencies(real.reference.labels, labels),
    }
    grid = draw_nearest_neighbors(sprites, real.split.images, nearest, distance)
    return Evaluation(result, [_punk_table(source, result)], {"nearest_neighbors.png": grid})


def _subset_intervals(subsets: Sequence[Scores]) -> dict[str, tuple[float, float]]:
    """Return the 95% interval of the mean over subsets of each score; none for a single subset."""
    intervals = {}
    for name in subsets[0] if len(subsets) > 1 else ():
        values = [scores[name] for scores in subsets]
        margin = 1.96 * statistics.stdev(values) / len(values) ** 0.5
        mean = statistics.mean(values)
        intervals[name] = (mean - margin, mean + margin)
    return intervals


def _punk_table(source: str, result: dict[str, Any]) -> Report:
    label, real, generated = result["label_frequencies"][0].values()
    reference = HELD_OUT_SPLITS[result["split"]][0]
    other = {"val": "the test split", "test": "the validation split"}.get(result["split"])
    notes = [
        f"{result['num_samples']:,} sprites; subsets: {result['num_subsets']}. They are compared "
        f"with {reference} of {result['version']}. Test reference: "
        f"{other or 'each of these splits against the other'}. Train reference: random training "
        "punks.",
        _describe_copies(result),
        f"Most misrepresented label: {label}, frequency {generated:.3f} instead of {real:.3f}.",
    ]
    wanted = f"There should be {MAX_SUBSETS * SUBSET_SIZE:,} sprites"
    if "frechet_distance" not in result["generated"]:
        notes.append(
            f"{wanted}. There are no distances, because there are fewer than {SUBSET_SIZE:,}; "
            "compare the other scores only at the same number of sprites."
        )
    elif result["num_subsets"] < MAX_SUBSETS:
        notes.append(f"{wanted}: the mean over more subsets is more certain.")
    columns = {
        source: result["generated"],
        "test reference": result["test_reference"],
        "train reference": result["train_reference"],
    }
    return score_table(columns, notes)


def _describe_copies(result: dict[str, Any]) -> str:
    train, held_out = (
        round(result["generated"][f"{name}_copy_rate"] * result["num_samples"])
        for name in ("train", "held_out")
    )
    ratio = f" ({train / held_out:.1f} : 1)" if held_out else ""
    return (
        f"Train copies : held-out copies = {train:,} : {held_out:,}{ratio}. A generator that does "
        f"not memorize has about {result['num_train'] / result['num_held_out']:.1f} : 1, because "
        f"there are {result['num_train']:,} training punks and {result['num_held_out']:,} held-out "
        "ones; a higher ratio means memorizing, unless there are only a few copies."
    )


def score_table(columns: Mapping[str, Scores], notes: Sequence[str]) -> Report:
    """Return a table with one row per score, and one column per set of images."""
    rows = [
        Row(name, tuple(scores.get(key) for scores in columns.values()))
        for key, name in SCORE_NAMES.items()
        if any(key in scores for scores in columns.values())
    ]
    return Report(rows, ("score", *columns), notes)


def evaluate_other_images(generated: torch.Tensor, train: TrainingImages) -> Evaluation:
    """Compare generated images other than punks with as many training images.

    There are no held-out images: the train reference compares two halves of the training images.
    """
    count = len(generated)
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))
    half, other_half = train.images[order[:count]], train.images[order[count : 2 * count]]
    train_bytes = {image.tobytes() for image in train.images.numpy()}

    def score(images: torch.Tensor) -> Scores:
        is_copy = [image.tobytes() in train_bytes for image in images.numpy()]
        return {
            **feature_scores(train.embed(half, CPU), train.embed(images, CPU)),
            "train_copy_rate": statistics.mean(is_copy),
            "duplicate_rate": duplicate_rate(images),
        }

    scores, train_scores = score(generated), score(other_half)
    result = {"num_samples": count, "generated": scores, "train_reference": train_scores}
    notes = [
        f"{count:,} generated images, compared with one half of {train.description}. Train "
        "reference: the other half. All distances are between principal components."
    ]
    table = score_table({"generated": scores, "train reference": train_scores}, notes)
    shown = generated[:48]
    distances = torch.cdist(shown.flatten(1).float(), train.images.flatten(1).float())
    grid = draw_nearest_neighbors(shown, train.images, distances.argmin(1), distances.amin(1))
    return Evaluation(result, [table], {"nearest_neighbors.png": grid})


def draw_nearest_neighbors(
    images: torch.Tensor, train: torch.Tensor, nearest: torch.Tensor, distance: torch.Tensor
) -> Image.Image:
    """Return a grid of images, each above its nearest training image, see nearest_neighbors.png."""
    order = torch.argsort(distance, stable=True)
    last = len(order) - 1
    first = min(int((distance == 0).sum()), last)
    ranks = [start + torch.arange(16) for start in (first, (first + last) // 2 - 8, last - 15)]
    rows = order[torch.stack(ranks).clamp(first, last)]
    pairs = torch.stack([images[rows], train[nearest[rows]]], dim=1)
    return make_grid(pairs.flatten(0, 2), columns=16)
