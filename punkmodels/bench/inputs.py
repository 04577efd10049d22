"""What a model gets in each track of PunkBench, and the truth behind it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from punkdata.analysis.part_masks import recover_parts
from punkdata.dataset import PunkDataset
from punkdata.errors import DataError, UsageError
from punkdata.images.palette import PALETTE, palette_indices
from punkdata.images.sprite import SIDE_PX
from punkdata.schema import NO_LABEL
from punkdata.snapshots.reader import open_snapshot
from punkdata.traits import TYPES
from punkmodels.bench.corruptions import CORRUPTIONS, SEVERITIES, corrupt, flatten
from punkmodels.bench.open_set import make_impossible
from punkmodels.bench.tracks import NUM_FOLDS, Track
from punkmodels.data.palette import detect_skin_tones, to_indices

Arrays = dict[str, NDArray[Any]]
BenchSplit = Literal["val", "test"]
SEEDS: dict[BenchSplit, int] = {"val": 1, "test": 0}
"""Seeds of corruptions and edits."""
HASHES_FILE = resources.files("punkmodels.bench").joinpath("input_hashes.json")
REAL = "real"
"""Kind of the real punks in the track open-set."""


@dataclass(frozen=True)
class TrackInputs:
    """The questions of a track.

    Attributes:
        arrays: What a model gets, by name; all have a row for each answer.
        ids: Ids of the rows: punk numbers, or row numbers where a punk has several rows.
        truth: What answers are compared with, by name.
    """

    arrays: Arrays
    ids: NDArray[np.int64]
    truth: Arrays

    @cached_property
    def indices(self) -> torch.Tensor:
        """Palette indices of the images, uint8 (N, 24, 24); of RGB ones by the nearest color."""
        images = self.arrays["images"]
        is_rgb = images.shape[-1] == 3
        return to_palette(images) if is_rgb else torch.from_numpy(palette_indices(images))

    @property
    def sha256(self) -> str:
        """Hash of what a model gets, and of the truth."""
        digest = hashlib.sha256()
        for name, array in sorted({**self.arrays, **self.truth}.items()):
            digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def known_hash(track: Track, split: BenchSplit) -> str | None:
    """Return the hash of the inputs of this version of PunkBench, made from all 10,000 punks."""
    hashes: Mapping[str, str] = json.loads(HASHES_FILE.read_text("utf-8"))
    return hashes.get(f"{track.name} {split}")


def load_inputs(track: Track, snapshot: Path, split: BenchSplit) -> TrackInputs:
    """Make the inputs of a track from a snapshot folder.

    Raises DataError if the snapshot has too few punks for the track, and UsageError if it lists no
    hidden accessories.
    """
    load: Callable[[Track, Path, BenchSplit], TrackInputs] = {
        "long-tail": _load_folds,
        "corruptions": _load_corruptions,
        "open-set": _load_open_set,
        "generate": _load_reference,
        "generate-unseen": _load_label_sets,
        "explain": _load_cases,
    }.get(track.name, _load_punks)
    inputs = load(track, snapshot, split)
    if inputs.arrays and not len(inputs.ids):
        raise DataError(
            f"'{snapshot}' has too few punks for the track {track.name}",
            hint="use a snapshot with all 10,000 punks",
        )
    return inputs


def open_split(track: Track, snapshot: Path, split: str, scheme: str | None = None) -> PunkDataset:
    """Return the punks of a split; raises UsageError if their hidden labels are not known."""
    chosen: Any = {"split": split, "split_scheme": scheme or track.scheme}
    data = PunkDataset(snapshot, **chosen)
    if data.hidden is None:
        hint = "rebuild it with: punkdata build-dataset"
        raise UsageError(f"'{snapshot}' does not list hidden labels", hint=hint)
    return data


def visible_labels(data: PunkDataset) -> NDArray[np.bool_]:
    """Return the labels that at least one pixel shows, bool (N, 92)."""
    labels = data.labels.numpy() > 0
    visible: NDArray[np.bool_] = labels if data.hidden is None else labels & ~data.hidden.numpy()
    return visible


def sprites_of(data: PunkDataset) -> NDArray[np.uint8]:
    """Return RGBA sprites with the channels last, uint8 (N, 24, 24, 4)."""
    return np.ascontiguousarray(data.data.permute(0, 2, 3, 1).numpy())


def _load_punks(track: Track, snapshot: Path, split: BenchSplit) -> TrackInputs:
    data = open_split(track, snapshot, split)
    ids = data.punk_ids.astype(np.int64)
    arrays: Arrays = {"punk_ids": ids, "images": sprites_of(data)}
    return TrackInputs(arrays, ids, {"visible": visible_labels(data)})


def _load_folds(track: Track, snapshot: Path, split: BenchSplit) -> TrackInputs:
    folds = [open_split(track, snapshot, split, f"fold-{fold}") for fold in range(1, NUM_FOLDS + 1)]
    ids = np.concatenate([fold.punk_ids for fold in folds]).astype(np.int64)
    order = ids.argsort()
    numbers = np.repeat(np.arange(1, NUM_FOLDS + 1), [len(fold) for fold in folds])
    images = np.concatenate([sprites_of(fold) for fold in folds])
    visible = np.concatenate([visible_labels(fold) for fold in folds])
    ids = ids[order]
    arrays: Arrays = {"punk_ids": ids, "fold": numbers[order], "images": images[order]}
    return TrackInputs(arrays, ids, {"visible": visible[order]})


def _load_corruptions(track: Track, snapshot: Path, split: BenchSplit) -> TrackInputs:
    data = open_split(track, snapshot, split)
    sprites, seed = sprites_of(data), SEEDS[split]
    pictures = [
        corrupt(sprites, kind, severity, seed) for kind in CORRUPTIONS for severity in SEVERITIES
    ]
    ids = np.arange(len(sprites) * len(pictures))
    arrays: Arrays = {"image_ids": ids, "images": np.concatenate(pictures)}
    return TrackInputs(arrays, ids, {"visible": visible_labels(data)})


def _load_open_set(track: Track, snapshot: Path, split: BenchSplit) -> TrackInputs:
    data = open_split(track, snapshot, split)
    punks = to_indices(data.data).flatten(1).numpy()
    impossible = make_impossible(
        punks, visible_labels(data), recover_parts(open_snapshot(snapshot)).compositor, SEEDS[split]
    )
    sprites = np.concatenate([punks, *impossible.values()])
    kinds = np.repeat([REAL, *impossible], [len(punks), *map(len, impossible.values())])
    # The position of a sprite must not tell what it is.
    order = np.random.default_rng(SEEDS[split]).permutation(len(sprites))
    ids, images = np.arange(len(sprites)), PALETTE[sprites[order].reshape(-1, SIDE_PX, SIDE_PX)]
    return TrackInputs({"image_ids": ids, "images": images}, ids, {"kind": kinds[order]})


def _load_reference(track: Track, snapshot: Path, split: BenchSplit) -> TrackInputs:
    data = open_split(track, snapshot, split)
    return TrackInputs({}, np.zeros(0, np.int64), {"sprites": sprites_of(data)})


def _load_label_sets(track: Track, snapshot: Path, split: BenchSplit) -> TrackInputs:
    data = open_split(track, snapshot, split)
    ids, sprites = data.punk_ids.astype(np.int64), sprites_of(data)
    tones = detect_skin_tones(to_indices(data.data)).numpy()
    arrays: Arrays = {"punk_ids": ids, "labels": data.labels.numpy() > 0, "skin_tones": tones}
    return TrackInputs(arrays, ids, {"sprites": sprites})


def _load_cases(track: Track, snapshot: Path, split: BenchSplit) -> TrackInputs:
    """Return a case for each accessory of each punk that owns at least one pixel."""
    data = open_split(track, snapshot, split)
    masks = data.masks.numpy()
    cases = [
        (row, label)
        for row, mask in enumerate(masks)
        for label in np.unique(mask).tolist()
        if len(TYPES) <= label < NO_LABEL
    ]
    rows, labels = np.array(cases, np.int64).reshape(-1, 2).T
    arrays: Arrays = {
        "punk_ids": data.punk_ids[rows].astype(np.int64),
        "label_ids": labels,
        "images": sprites_of(data)[rows],
    }
    own = masks[rows] == labels[:, None, None]
    return TrackInputs(arrays, np.arange(len(rows)), {"masks": own})


def to_palette(pictures: NDArray[np.uint8]) -> torch.Tensor:
    """Return the palette indices of RGB pictures, uint8 (N, 24, 24), by the nearest color.

    Palette colors are put on the background of the collection first, so that a pixel in the color
    of the background becomes transparent.
    """
    colors = torch.from_numpy(flatten(PALETTE[None, None])[0, 0].astype(np.float32))
    norms = (colors**2).sum(dim=1)
    # The squared distance without the part that is the same for all colors; exact in float32.
    found = [
        (norms - 2 * pixels.float() @ colors.T).argmin(dim=1).to(torch.uint8)
        for pixels in torch.split(torch.from_numpy(pictures).view(-1, 3), 50_000)
    ]
    return torch.cat(found).view(pictures.shape[:3])
