"""Evaluation of a generator that was trained on images other than punks.

evaluation/generated/metrics.json
evaluation/generated/nearest_neighbors.png   samples, each above its nearest training image

No images are held out: the train reference compares one half of the training images with the other.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from punkdata.errors import DataError
from punkdata.files import translate_os_errors
from punkmodels.data.image_grid import make_grid
from punkmodels.gan.config import load_generator, read_dcgan_config
from punkmodels.gan.generate import generate_sprites
from punkmodels.gan.metrics.distances import frechet_distance, neighbors
from punkmodels.gan.training_images import TrainingImages, from_image_dir
from punkmodels.training.run_dir import write_json

MAX_SAMPLES = 2000
"""Maximum number of generated images, and of real ones."""
NEIGHBOR_COLUMNS = 16
"""Columns of nearest_neighbors.png."""
NAMES = {
    "frechet_distance": "Fréchet distance",
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
    "train_copy_rate": "train copy rate",
    "duplicate_rate": "duplicate rate",
}
"""Names of the scores in tables."""


@dataclass(frozen=True)
class ImageScores:
    """Scores of a set of images."""

    frechet_distance: float
    """Fréchet distance between the principal components of real and generated images."""
    precision: float
    """See `Neighbors`."""
    recall: float
    """See `Neighbors`."""
    density: float
    """See `Neighbors`."""
    coverage: float
    """See `Neighbors`."""
    train_copy_rate: float
    """Fraction of images that equal a training image in every pixel."""
    duplicate_rate: float
    """Fraction of images that repeat another one: 1 - number of distinct images / number of
    images."""


@dataclass(frozen=True)
class ImageEvaluation:
    """Scores of a generator that was trained on images other than punks."""

    run: str
    """The run folder."""
    image_dir: str
    """Path of the training images."""
    num_samples: int
    """Number of generated images, and of real ones."""
    scores: ImageScores
    """Scores against one half of the training images."""
    train_reference: ImageScores
    """Scores of the other half of the training images."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def evaluate_images(
    run: Path, *, device: torch.device | None = None, out: Path | None = None
) -> ImageEvaluation:
    """Generate images, and compare their principal components with those of the training images.

    Args:
        run: A run that was trained with --image-dir.
        device: Device to compute on; the CPU by default.
        out: Folder to write to; None writes nothing.

    Raises:
        UsageError: The training images do not exist.
        DataError: The training images have changed, or the run is damaged.
    """
    device = device or torch.device("cpu")
    saved = read_dcgan_config(run)
    image_dir = Path(saved.data.image_dir or "")
    train = from_image_dir(image_dir)
    if train.data_config["labels_hash"] != saved.data.labels_hash:
        raise DataError(
            f"the images of {image_dir} are not those that {run} was trained on",
            hint="restore the original images",
        )
    count = min(MAX_SAMPLES, len(train) // 2)
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))
    half, other_half = train.images[order[:count]], train.images[order[count : 2 * count]]
    model = load_generator(run, device)
    generated, _ = generate_sprites(model, count, 0, keep_raw=False, is_punks=False)
    result = ImageEvaluation(
        str(run),
        str(image_dir),
        count,
        score_images(train, half, generated),
        score_images(train, half, other_half),
    )
    if out:
        shown = generated[: 2 * NEIGHBOR_COLUMNS]
        with translate_os_errors(out):
            out.mkdir(parents=True, exist_ok=True)
            write_json(out / "metrics.json", result.to_json())
            nearest = train.images[_nearest_rows(train.images, shown)]
            rows = [
                images[i : i + NEIGHBOR_COLUMNS]
                for i in range(0, len(shown), NEIGHBOR_COLUMNS)
                for images in (shown, nearest)
            ]
            grid = make_grid(torch.cat(rows), min(NEIGHBOR_COLUMNS, len(shown)))
            grid.save(out / "nearest_neighbors.png")
    return result


def score_images(train: TrainingImages, real: torch.Tensor, generated: torch.Tensor) -> ImageScores:
    """Return the scores of generated images.

    Args:
        train: The training images, among which copies are searched.
        real: Real images, uint8 (N, channels, size, size).
        generated: Generated images of the same shape.
    """
    cpu = torch.device("cpu")
    features = [train.embed(images, cpu) for images in (real, generated)]
    near = neighbors(*features)
    train_bytes = {image.tobytes() for image in train.images.numpy()}
    generated_bytes = [image.tobytes() for image in generated.numpy()]
    count = len(generated_bytes)
    return ImageScores(
        frechet_distance=frechet_distance(*features),
        precision=near.precision,
        recall=near.recall,
        density=near.density,
        coverage=near.coverage,
        train_copy_rate=sum(image in train_bytes for image in generated_bytes) / count,
        duplicate_rate=1 - len(set(generated_bytes)) / count,
    )


def score_table(result: ImageEvaluation) -> list[tuple[str, str, str]]:
    """Return name, score and train reference as text, one row per score."""
    return [
        (name, f"{getattr(result.scores, key):.4f}", f"{getattr(result.train_reference, key):.4f}")
        for key, name in NAMES.items()
    ]


def _nearest_rows(images: torch.Tensor, queries: torch.Tensor) -> torch.Tensor:
    """Return the row of the nearest image to each query, by Euclidean distance of pixels."""
    distances = torch.cdist(queries.flatten(1).float(), images.flatten(1).float())
    return distances.argmin(dim=1)
