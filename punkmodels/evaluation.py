"""Evaluation of anybody's results: generated images, and predictions of labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from punkdata.dataset import PunkDataset
from punkdata.errors import NoFileError, UsageError
from punkdata.images.sprite import SIDE_PX
from punkdata.paths import expand_user
from punkdata.progress import Progress
from punkdata.split_names import SplitScheme
from punkmodels.choices import HELD_OUT_SPLITS, HeldOutSplit
from punkmodels.classifier.evaluate import evaluate_logits
from punkmodels.data import array_files
from punkmodels.data.image_files import clear_background, read_sprites
from punkmodels.data.splits import load_split
from punkmodels.gan.evaluate import evaluate_sprites
from punkmodels.gan.reference import RealPunks
from punkmodels.predictions import align, read_predictions, to_logits
from punkmodels.runs import data_root, show_progress
from punkmodels.training.device import pick_device
from punkmodels.training.run_dir import Evaluation

if TYPE_CHECKING:
    import pandas as pd

MIN_AUROC = 0.6
"""Mean AUROC below which predictions may belong to other punks; that of random ones is 0.5."""


def evaluate_images(
    images: NDArray[np.uint8] | torch.Tensor | Sequence[Image.Image] | str | Path,
    *,
    root: str | Path | None = None,
    version: str = "latest",
    split: HeldOutSplit = "held-out",
    device: str | torch.device = "auto",
    tile_size: int = SIDE_PX,
    image_array: str | None = None,
    progress: bool | Progress = True,
) -> Evaluation:
    """Compare generated punks with real ones: distances, precision, recall, copies and validity.

    Pass 10,000 images if you can: the scores are means over subsets of 2,000, and with fewer than
    2,000 there are no distances.

    Args:
        images: At least 100 images of one of these kinds:

            - an array, (N, 24, 24, 4), uint8, or floating point in [0, 1]; with 3 channels, pixels
              of the color of an image's top left corner become transparent;
            - a tensor, (N, 4, 24, 24), with the same values;
            - a list of PIL images of 24x24 pixels;
            - the path of a folder of images, of an image file with a grid, or of a .npz or .npy
              with such an array.
        root: Data root, or a snapshot folder; by default $PUNKDATA_ROOT or `./data`.
        version: Version of the snapshot, or "latest".
        split: Real punks to compare with: "val" to choose options of a generator, "test" to report
            its scores, or "held-out" for both splits together.
        device: "auto" for a GPU if there is one, "cpu", "cuda", "mps", or a torch device.
        tile_size: Side of a punk in image files, in pixels, a multiple of 24.
        image_array: Name of the array in a .npz with several; by default "images".
        progress: Whether to show a progress bar.

    Returns:
        The scores, with a table and a picture of nearest training punks.

    Raises:
        UsageError: The images have another type, shape, dtype or range, or there is no snapshot; a
            file that does not exist is also a FileNotFoundError.
        DataError: There are fewer than 100 images, or a file is damaged.

    Example:
        >>> images = punkmodels.load_generator().generate(10_000)
        >>> punkmodels.evaluate_images(images).scores["generated"]["frechet_distance"]
    """
    if split not in HELD_OUT_SPLITS:
        raise UsageError(f"split must be {', '.join(HELD_OUT_SPLITS)}, not {split!r}")
    torch_device, _ = pick_device(device)
    name, sprites = load_sprites(images, tile_size, image_array, progress)
    with show_progress("evaluating", "subsets", progress) as (report, _):
        report(0, None, "loading real punks")
        real = RealPunks(data_root(root), version, torch_device, split)
        return evaluate_sprites(name, sprites, real, progress=report)


def load_sprites(
    images: NDArray[np.uint8] | torch.Tensor | Sequence[Image.Image] | str | Path,
    tile_size: int = SIDE_PX,
    image_array: str | None = None,
    progress: bool | Progress = False,
) -> tuple[str, torch.Tensor]:
    """Return a name for images, and these as float32 (N, 4, 24, 24) in [-1, 1].

    The arguments and the errors are those of `evaluate_images`.
    """
    path = expand_user(images) if isinstance(images, str | Path) else None
    if path and not path.exists():
        raise NoFileError(f"there is no file or folder '{images}'")
    name = path.name if path else "images"
    if path and path.is_file() and path.suffix.lower() in array_files.SUFFIXES:
        images, _ = array_files.load_images(path, image_array)
    elif image_array is not None:
        raise UsageError("image_array= requires a .npz file with several arrays")
    if isinstance(images, str | Path):
        with show_progress("reading", "images", progress) as (report, _):
            return name, read_sprites(expand_user(images), tile_size, report)
    return name, _to_sprites(images)


def evaluate_predictions(
    scores: ArrayLike | torch.Tensor | pd.DataFrame | str | Path,
    split: Literal["train", "val", "test", "all"] | PunkDataset = "test",
    *,
    root: str | Path | None = None,
    version: str = "latest",
    split_scheme: SplitScheme = "default",
    punk_ids: ArrayLike | None = None,
    kind: Literal["auto", "probabilities", "logits"] = "auto",
    progress: bool | Progress = True,
) -> Evaluation:
    """Compare the predictions of any classifier with the labels of real punks.

    The scores are those of `Run.evaluate`: on the labels that a pixel shows and on the labels as
    published, with confidence intervals and the ceiling of what an image can tell. The predicted
    type is that with the largest value, and the predicted accessories are those with a probability
    above 0.5, or a logit above 0.

    Args:
        scores: Values for each punk and label, in one of these forms:

            - an array or a tensor, (N, 92), in the order of `punkdata.LABELS`, or (N, 5) in the
              order of `punkdata.TYPES` for a classifier of types;
            - a pandas DataFrame with one column for each label, by name, and optionally a column or
              an index `punk_id`;
            - the path of a .csv or .parquet with such columns, or of a .npz with an array `scores`
              and optionally `punk_ids`.
        split: "test", "val", "train", or "all"; or a `PunkDataset`, which also replaces `root`,
            `version` and `split_scheme`.
        root: Data root, or a snapshot folder; by default $PUNKDATA_ROOT or `./data`.
        version: Version of the snapshot, or "latest".
        split_scheme: One of the schemes of `PunkDataset`.
        punk_ids: Punk of each row, in any order; by default the rows are in the order of
            `PunkDataset.punk_ids`.
        kind: "probabilities" or "logits". "auto" takes values from 0 to 1 as probabilities, and
            values of which some are below 0 as logits, and refuses others. The table says which.
        progress: Whether to show a progress bar, or a callback that is called instead, with the
            number of bootstrap resamples, their total, and a note.

    Returns:
        The scores, with tables and a picture of the errors. A note warns you if they are
        hardly better than chance; a common cause is that the rows are in the wrong order.

    Raises:
        UsageError: The predictions have another shape, or belong to other punks; it is unclear
            whether they are probabilities; or there is no snapshot.
        DataError: A file is damaged.

    Example:
        >>> test = punkdata.PunkDataset("data", split="test")
        >>> logits = my_network(test.as_tensors()[0] / 255)
        >>> punkmodels.evaluate_predictions(logits, test).scores["visible"]["exact_match"]
    """
    if isinstance(split, PunkDataset):
        root, version = split.path, "latest"
        scheme, name = split.split_scheme, split.split
    elif isinstance(split, str | Path) and Path(split).is_dir():
        raise UsageError(
            f"'{split}' is a folder, not a split", hint=f"pass it as root={str(split)!r}"
        )
    else:
        scheme, name = split_scheme, split
    predictions = read_predictions(scores, punk_ids)
    logits, found_kind = to_logits(predictions.values, kind)
    data = load_split(data_root(root), version, scheme, name)
    data.require_hidden_labels()
    where = f"the {name} split{'' if scheme == 'default' else f' ({scheme})'} of {data.version}"
    rows = align(predictions, data.punk_ids, where)
    title = f"Predictions of {len(data):,} punks, read as {found_kind}, in {where}"
    with show_progress("evaluating", "resamples", progress) as (report, _):
        evaluation = evaluate_logits(data, logits[torch.tensor(rows)], name, title, report)
    evaluation.scores.update(split_scheme=scheme, kind=found_kind)
    auroc = evaluation.scores["visible"]["macro_auroc"]
    if auroc is None or auroc >= MIN_AUROC:
        return evaluation
    note = f"These predictions are hardly better than chance (macro-AUROC {auroc:.2f})."
    if predictions.punk_ids is None:
        note += f" Are the rows in the order of PunkDataset.punk_ids of {where}?"
    first, *others = evaluation.tables
    return replace(evaluation, tables=[replace(first, notes=[*first.notes, note]), *others])


def _to_sprites(images: Any) -> torch.Tensor:
    """Return images in memory as float32 (N, 4, 24, 24) in [-1, 1]."""
    array: NDArray[Any]
    if isinstance(images, torch.Tensor):
        channels_last = images.movedim(1, -1) if images.ndim == 4 else images
        array, expected = channels_last.detach().cpu().numpy(), "a tensor (N, 4, 24, 24)"
    elif isinstance(images, np.ndarray):
        array, expected = images, "an array (N, 24, 24, 4)"
    else:
        images = array = _stack(images)
        expected = "a list of PIL images"
    if array.ndim != 4 or array.shape[1:3] != (SIDE_PX, SIDE_PX) or array.shape[3] not in (3, 4):
        shape, hint = tuple(images.shape), None
        if shape[-2:] == (SIDE_PX, SIDE_PX):
            hint = "convert channels-first arrays with: numpy.moveaxis(images, 1, -1)"
        elif shape[-3:-1] == (SIDE_PX, SIDE_PX):
            hint = "convert channels-last tensors with: images.movedim(-1, 1)"
        raise UsageError(f"expected images as {expected}, not of shape {shape}", hint=hint)
    pixels = _to_255(array)
    if pixels.shape[3] == 3:
        pixels = np.concatenate([pixels, np.full_like(pixels[..., :1], 255)], axis=3)
    pixels[pixels[..., 3] == 0] = 0  # The color of a transparent pixel is arbitrary.
    if len(pixels) and pixels[..., 3].min() == 255:
        clear_background(pixels)
    return torch.from_numpy(pixels).permute(0, 3, 1, 2) / 127.5 - 1


def _stack(images: Any) -> NDArray[np.uint8]:
    """Return PIL images of 24x24 pixels as an array (N, 24, 24, 4)."""
    is_list = isinstance(images, list | tuple)
    if not is_list or not all(isinstance(image, Image.Image) for image in images):
        raise UsageError(
            "images must be an array, a tensor, a list of PIL images, or a path, not "
            f"{type(images).__name__}"
        )
    for image in images:
        if image.size != (SIDE_PX, SIDE_PX):
            raise UsageError(
                f"PIL images must have {SIDE_PX}x{SIDE_PX} pixels, not {image.width}x"
                f"{image.height}",
                hint="reduce enlarged sprites with: image.resize((24, 24), resample=0)",
            )
    arrays = [np.asarray(image.convert("RGBA")) for image in images]
    return np.stack(arrays) if arrays else np.zeros((0, SIDE_PX, SIDE_PX, 4), np.uint8)


def _to_255(images: NDArray[Any]) -> NDArray[np.float32]:
    """Return a copy of uint8, or of floating-point images in [0, 1], as float32 in [0, 255]."""
    if images.dtype == np.uint8:
        array_files.check_byte_range(images, "the images")
        return images.astype(np.float32)
    if images.dtype.kind != "f":
        raise UsageError(f"images must be uint8 or floating point, not {images.dtype}")
    low, high = (float(images.min()), float(images.max())) if images.size else (0.0, 0.0)
    if not (low >= 0 and high <= 1):
        hint = None
        if -1 <= low < 0 and high <= 1:
            hint = "convert images in [-1, 1] with: (images + 1) / 2"
        elif low >= 0 and high <= 255:
            hint = "convert images in [0, 255] with: images / 255"
        raise UsageError(
            f"floating-point images must be in [0, 1], not from {low:g} to {high:g}", hint=hint
        )
    return images.astype(np.float32) * 255
