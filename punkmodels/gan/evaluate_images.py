"""Score a generator of other pictures than punks, beside those that it learned from.

evaluation/generated/metrics.json
evaluation/generated/nearest_neighbors.png   samples, and below each the nearest picture of training

Nothing is held out, as nothing is known of them but pixels: the floor says what a draw of training
pictures themselves would reach.
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
from punkmodels.gan.training_images import TrainingImages, pictures
from punkmodels.training.run_dir import write_json

DRAW = 2000
COLUMNS = 16
NAMES = {
    "frechet_distance": "Fréchet distance",
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
    "train_copy_rate": "exact copies of training pictures",
    "duplicate_rate": "repeats within the draw",
}


@dataclass(frozen=True)
class ImageScores:
    frechet_distance: float
    precision: float
    recall: float
    density: float
    coverage: float
    train_copy_rate: float
    duplicate_rate: float


@dataclass(frozen=True)
class ImageEvaluation:
    run: str
    pictures: str
    drawn: int
    scores: ImageScores
    train_reference: ImageScores
    """of one half of the training pictures beside the other"""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def evaluate_images(
    run: Path, *, device: torch.device | None = None, out: Path | None = None
) -> ImageEvaluation:
    """Draw and compare, by principal components of the pixels.

    Raises:
        UsageError, DataError: the pictures are not there any more, or are others.
    """
    device = device or torch.device("cpu")
    saved = read_dcgan_config(run)
    where = Path(saved.data.pictures or "")
    train = pictures(where)
    if train.about["labels_hash"] != saved.data.labels_hash:
        raise DataError(
            f"{where} holds other pictures than {run} was trained on", hint="put those back"
        )
    half = min(DRAW, len(train) // 2)
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))
    one, other = train.images[order[:half]], train.images[order[half : 2 * half]]
    drawn, _ = generate_sprites(
        load_generator(run, device), half, 0, keep_raw=False, of_punks=False
    )
    result = ImageEvaluation(
        str(run), str(where), half, compare(train, one, drawn), compare(train, one, other)
    )
    if out:
        some = drawn[: 2 * COLUMNS]
        with translate_os_errors(out):
            out.mkdir(parents=True, exist_ok=True)
            write_json(out / "metrics.json", result.to_json())
            nearest = train.images[nearest_of(train.images, some)]
            rows = [
                rows[i : i + COLUMNS]
                for i in range(0, len(some), COLUMNS)
                for rows in (some, nearest)
            ]
            make_grid(torch.cat(rows), min(COLUMNS, len(some))).save(out / "nearest_neighbors.png")
    return result


def compare(train: TrainingImages, real: torch.Tensor, drawn: torch.Tensor) -> ImageScores:
    """Drawn pictures beside as many real ones."""
    cpu = torch.device("cpu")
    features = [train.embed(images, cpu) for images in (real, drawn)]
    near = neighbors(*features)
    known = {image.tobytes() for image in train.images.numpy()}
    bytes_of = [image.tobytes() for image in drawn.numpy()]
    return ImageScores(
        frechet_distance=frechet_distance(*features),
        precision=near.precision,
        recall=near.recall,
        density=near.density,
        coverage=near.coverage,
        train_copy_rate=sum(one in known for one in bytes_of) / len(bytes_of),
        duplicate_rate=1 - len(set(bytes_of)) / len(bytes_of),
    )


def nearest_of(images: torch.Tensor, some: torch.Tensor) -> torch.Tensor:
    """Rows of `images`, by the sum of squared differences of pixels."""
    gaps = torch.cdist(some.flatten(1).float(), images.flatten(1).float())
    return gaps.argmin(dim=1)


def rows(result: ImageEvaluation) -> list[tuple[str, str, str]]:
    """A table of text."""
    return [
        (name, f"{getattr(result.scores, key):.4f}", f"{getattr(result.train_reference, key):.4f}")
        for key, name in NAMES.items()
    ]
