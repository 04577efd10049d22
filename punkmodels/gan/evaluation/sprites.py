"""Evaluation of generated punks against real ones.

evaluation/generated/metrics.json
evaluation/generated/metrics.md       the same scores as a table
evaluation/generated/nearest_neighbors.png
                            generated sprites, each above its nearest training punk, in three bands:
                            the closest that are not copies, the middle ones, and the farthest
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from punkdata.errors import DataError
from punkdata.files import translate_os_errors, write_atomic
from punkdata.traits import TYPES
from punkmodels.classifier.evaluate import predict_logits
from punkmodels.classifier.features import embed
from punkmodels.classifier.networks import logits_to_labels
from punkmodels.classifier.pretrained import BUNDLED_CLASSIFIER, load_classifier
from punkmodels.data.palette import quantize
from punkmodels.data.splits import SplitTensors, load_split
from punkmodels.gan.config import export_generator, load_generator, read_dcgan_config
from punkmodels.gan.evaluation.report import (
    GeneratorEvaluation,
    format_markdown,
    render_nearest_neighbors,
)
from punkmodels.gan.generate import generate_sprites
from punkmodels.gan.metrics.fidelity import (
    NearestNeighborIndex,
    SampleStatistics,
    average_scores,
    compute_alpha_error,
    expected_copy_rate,
    fidelity_scores,
    label_frequencies,
)
from punkmodels.training.run_dir import read_config, write_json

Progress = Callable[..., None]
MAX_SUBSETS = 5
"""Maximum number of subsets over which scores are averaged."""
MIN_SPRITES = 100
"""Minimum number of sprites for an evaluation."""


@dataclass(frozen=True)
class SampleSizes:
    """Numbers of generated sprites; scores can be compared only if these numbers are equal."""

    subset: int = 2000
    """Number of sprites in each subset."""
    total: int = 2000 * MAX_SUBSETS
    """Number of sprites in all subsets together."""
    conditional: int = 2000
    """Number of sprites for unseen label sets, and also for seen ones."""


STANDARD_SIZES = SampleSizes()


def evaluate_sprites(
    source: str,
    raw: torch.Tensor,
    root: Path,
    *,
    version: str = "latest",
    device: torch.device | None = None,
    out: Path | None = None,
    subset_size: int = STANDARD_SIZES.subset,
    progress: Progress = lambda done, total: None,
) -> GeneratorEvaluation:
    """Compare generated sprites with the real punks of a snapshot.

    Args:
        source: Name of the generator or of the images.
        raw: Generated sprites before quantization, RGBA in [-1, 1], float32 (N, 4, 24, 24). N
            should be 10,000, that is five subsets; an incomplete last subset is ignored.
        root: Data root with the snapshot.
        version: Version of the snapshot.
        device: Device to compute on; the CPU by default.
        out: Folder to write to; None writes nothing.
        subset_size: Sprites in a subset. With fewer sprites in total, the distances are None.
        progress: Called with the number of finished parts and their total.

    Returns:
        The scores, as means over the subsets, with those of the reference columns.

    Raises:
        UsageError: The snapshot does not exist.
        DataError: The snapshot is damaged, or there are too few sprites.
    """
    if len(raw) < MIN_SPRITES:
        raise DataError(
            f"{source} contains {len(raw)} sprites; at least {MIN_SPRITES} are needed for scores"
        )
    device = device or torch.device("cpu")
    num_subsets = max(1, min(MAX_SUBSETS, len(raw) // subset_size))
    size = min(subset_size, len(raw))
    raw = raw[: num_subsets * size]
    num_parts = 2 * num_subsets + 2
    progress(0, num_parts)
    # Compute the statistics of generated and real sprites.
    train, val, test = (
        load_split(root, version, "default", name) for name in ("train", "val", "test")
    )
    measure = StatisticsExtractor(train, device)
    sprites, palette_error = quantize(raw)
    samples = replace(
        measure(sprites), palette_error=palette_error, alpha_error=compute_alpha_error(raw)
    )
    real_train = measure(train.images, train.visible)
    progress(1, num_parts)
    real_val, real_test = (measure(split.images, split.visible) for split in (val, test))
    held_out = measure(torch.cat([val.images, test.images]), torch.cat([val.visible, test.visible]))
    # Score each subset, and as many random training punks.
    with_distances = size == subset_size
    scores, train_scores = [], []
    random = torch.Generator().manual_seed(0)
    for i in range(num_subsets):
        subset = samples.take(slice(i * size, (i + 1) * size))
        scores.append(fidelity_scores(held_out, subset, with_distances=with_distances))
        progress(2 * i + 2, num_parts)
        real_subset = real_train.take(torch.randperm(len(train), generator=random)[:size])
        train_scores.append(fidelity_scores(held_out, real_subset, with_distances=with_distances))
        progress(2 * i + 3, num_parts)
    test_scores = [
        fidelity_scores(reference, split, with_distances=False)
        for split, reference in ((real_val, real_test), (real_test, real_val))
    ]
    frechet = [s.frechet_distance for s in scores if s.frechet_distance is not None]
    copy_rates = [expected_copy_rate(train, split) for split in (val, test)]
    result = GeneratorEvaluation(
        source=source,
        version=train.version,
        num_samples=len(sprites),
        num_subsets=num_subsets,
        scores=average_scores(scores),
        frechet_std=statistics.stdev(frechet) if len(frechet) > 1 else 0.0,
        test_reference=average_scores(test_scores),
        train_reference=average_scores(train_scores),
        expected_copy_rate=statistics.mean(copy_rates),
        label_frequencies=label_frequencies(held_out.labels, samples.labels),
    )
    progress(num_parts, num_parts)
    if out:
        neighbors = render_nearest_neighbors(sprites, *measure.index.nearest(sprites), train)
        with translate_os_errors(out):
            out.mkdir(parents=True, exist_ok=True)
            write_json(out / "metrics.json", result.to_json())
            write_atomic(out / "metrics.md", format_markdown(result).encode())
            neighbors.save(out / "nearest_neighbors.png")
    return result


class StatisticsExtractor:
    """Callable that computes the `SampleStatistics` of sprites.

    Args:
        train: Training punks, among which nearest neighbors are searched.
        device: Device of the networks.
    """

    def __init__(self, train: SplitTensors, device: torch.device) -> None:
        self.index = NearestNeighborIndex(train.images)
        self.classifier = load_classifier(BUNDLED_CLASSIFIER, device)
        self.device = device

    def __call__(
        self, sprites: torch.Tensor, labels: torch.Tensor | None = None
    ) -> SampleStatistics:
        """Return the statistics of sprites, with palette and alpha errors of 0.

        Args:
            sprites: Palette indices, uint8 (N, 24, 24).
            labels: Visible labels (N, 92); None to predict them with the bundled classifier.
        """
        if labels is None:
            labels = logits_to_labels(predict_logits(self.classifier, sprites))
        no_error = torch.zeros(sprites.shape)
        return SampleStatistics(
            sprites,
            embed(sprites, self.device),
            labels.bool(),
            self.index.nearest(sprites)[1],
            no_error,
            no_error,
        )


def generate_for_evaluation(
    run: Path,
    root: Path,
    version: str,
    device: torch.device,
    progress: Progress = lambda done, total: None,
    num_samples: int = STANDARD_SIZES.total,
) -> torch.Tensor:
    """Generate the input of `evaluate_sprites`, float32 (num_samples, 4, 24, 24).

    A conditional generator receives the types of random training punks.

    Args:
        run: A run or exported weights.
        root: Data root with the snapshot.
        version: Version of the snapshot.
        device: Device to compute on.
        progress: Called with the number of generated sprites and the total.
        num_samples: Number of sprites.

    Raises:
        UsageError: The run or the snapshot does not exist.
        DataError: The run or the snapshot is damaged.
    """
    config, condition = read_dcgan_config(run).options, None
    if config.conditional != "none":
        train = load_split(root, version, "default", "train")
        random = torch.Generator().manual_seed(0)
        rows = torch.randint(len(train), (num_samples,), generator=random)
        condition = train.labels[rows, : len(TYPES)]
    model = load_generator(run, device)
    return generate_sprites(model, num_samples, 0, progress, condition=condition)[1]


def export_with_scores(
    run: Path,
    root: Path,
    out: Path,
    *,
    version: str | None = None,
    sizes: SampleSizes = STANDARD_SIZES,
    progress: Progress = lambda done, total: None,
) -> GeneratorEvaluation:
    """Export a generator with its scores in config.json.

    Nothing is written unless the generator can be exported and scored.

    Args:
        run: The run.
        root: Data root with the snapshot.
        out: Folder to write to.
        version: Version of the snapshot; by default the one that the run was trained on.
        sizes: Numbers of generated sprites.
        progress: See `evaluate_sprites`.

    Raises:
        UsageError: The snapshot does not exist.
        DataError: The run or the snapshot is damaged.
        StorageError: The folder cannot be written.
    """
    cpu = torch.device("cpu")
    with tempfile.TemporaryDirectory() as folder:
        exported = Path(folder)
        export_generator(run, exported)
        saved = read_dcgan_config(run)
        version = version or saved.data.version
        raw = generate_for_evaluation(exported, root, version, cpu, num_samples=sizes.total)
        result = evaluate_sprites(
            out.name, raw, root, version=version, subset_size=sizes.subset, progress=progress
        )
        facts = result.to_json()
        del facts["source"], facts["label_frequencies"]
        write_json(exported / "config.json", read_config(exported) | {"scores": facts})
        with translate_os_errors(out):
            out.mkdir(parents=True, exist_ok=True)
            for file in exported.iterdir():
                write_atomic(out / file.name, file.read_bytes())
    return result
