"""PunkDataset: a PyTorch Dataset of the images and labels in a snapshot."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from PIL import Image
from torch.utils.data import Dataset

from punkdata.errors import UsageError
from punkdata.extras import translate_missing_package
from punkdata.files import default_root
from punkdata.images.image_grid import compose_grid
from punkdata.images.sprite import BACKGROUND_COLOR, SIDE_PX
from punkdata.schema import PUNKS
from punkdata.snapshots import tables
from punkdata.snapshots.reader import open_snapshot
from punkdata.splits import SPLIT_COLUMNS, SPLITS
from punkdata.traits import ACCESSORIES, LABELS, TYPES

if TYPE_CHECKING:
    import pandas as pd

_CLASSES = {"labels": LABELS, "type": TYPES, "accessories": ACCESSORIES}


class PunkDataset(Dataset[tuple[Any, Any]]):
    """The images and targets of one split, read into memory as uint8 (23 MB for all 10,000 punks).

    Reading an item needs no disk access, and forked workers share the memory.

    Args:
        root: Data root, or the folder of a snapshot, or the URL of either (for example
            s3://bucket/punks); by default $PUNKDATA_ROOT or `./data`.
        version: Version of the snapshot, or "latest".
        split: "train", "val", "test" or "all".
        split_scheme: "default" is stratified over all labels; "by_id" splits at ids 8000 and
            9000.
        target: "labels" is float32 (92,) of 0 and 1; "type" is an int64 scalar; "accessories"
            is float32 (87,) of 0 and 1.
        visible_only: Set the labels of hidden accessories to 0. An accessory is hidden if it
            changes no pixel of its punk, like an earring under long hair.
        transform: Function of a PIL image (RGBA, 24x24). Without it, an image is a float32
            tensor (4, 24, 24) in [0, 1].
        target_transform: Function of the target.

    Attributes:
        classes: Names of the target's classes, in the order of their indices.
        class_to_idx: Index of each class by name.
        punk_ids: Punk numbers, int32 (N,), ascending.
        hidden: Labels that change no pixel of their punk, bool (N, 92); None for a snapshot of
            schema 1, which does not contain this information.
        path, version, manifest: Folder, version and manifest of the snapshot.

    Raises:
        UsageError: An argument is invalid, or `visible_only` is used with schema 1.
        DataError: The snapshot is damaged, or was written by a newer punkdata.
    """

    def __init__(
        self,
        root: str | Path | None = None,
        version: str = "latest",
        split: Literal["train", "val", "test", "all"] = "train",
        split_scheme: Literal["default", "by_id"] = "default",
        target: Literal["labels", "type", "accessories"] = "labels",
        visible_only: bool = False,
        transform: Callable[[Image.Image], Any] | None = None,
        target_transform: Callable[[torch.Tensor], Any] | None = None,
    ) -> None:
        _require("split", split, (*SPLITS, "all"))
        _require("split_scheme", split_scheme, SPLIT_COLUMNS)
        _require("target", target, _CLASSES)
        self._snapshot = open_snapshot(default_root() if root is None else root, version)
        self.path, self.manifest = self._snapshot.path, self._snapshot.manifest
        self.split, self.split_scheme, self.target = split, split_scheme, target
        self.visible_only = visible_only
        self.transform, self.target_transform = transform, target_transform
        self.classes = _CLASSES[target]
        self._decode(self._read_rows())

    def _read_rows(self) -> pa.Table:
        """Return the rows of the split, in any order."""
        column = SPLIT_COLUMNS[self.split_scheme]
        columns = ["punk_id", "image", "labels", column, "hidden_accessories"]
        # There is one file per split of the default scheme; other schemes need all files.
        if self.split == "all" or self.split_scheme == "default":
            return self._snapshot.punks(self.split, columns)
        punks = self._snapshot.punks("all", columns)
        return punks.filter(pc.equal(punks.column(column), self.split))

    def _decode(self, punks: pa.Table) -> None:
        """Set the arrays of ids, images and labels from these rows, sorted by punk_id."""
        ids = tables.column_to_numpy(punks.column("punk_id"))
        order = np.argsort(ids)
        self.punk_ids = ids[order]
        # The array is channels-first, so that as_tensors need not copy it. Sprites are decoded in
        # batches straight into their final rows, to avoid a second full copy.
        self._images = np.empty((len(punks), 4, SIDE_PX, SIDE_PX), np.uint8)
        rows = np.argsort(order)
        for start in range(0, len(punks), 250):
            sprites = tables.extract_sprites(punks.slice(start, 250))
            self._images[rows[start : start + 250]] = sprites.transpose(0, 3, 1, 2)
        self._labels = tables.extract_labels(punks)[order].astype(np.float32)
        has_hidden = "hidden_accessories" in punks.column_names
        self.hidden = tables.extract_hidden_labels(punks)[order] > 0 if has_hidden else None
        if self.visible_only:
            if self.hidden is None:
                raise UsageError(
                    f"visible_only: the snapshot '{self.path}' does not list hidden accessories",
                    hint="build it again with: punkdata build-dataset",
                )
            self._labels[self.hidden] = 0

    @property
    def version(self) -> str:
        return self.manifest.version

    @property
    def class_to_idx(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.classes)}

    def __len__(self) -> int:
        return len(self.punk_ids)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        index = operator.index(index)  # raises TypeError for a slice or a list
        if self.transform is None:
            image: Any = torch.from_numpy(self._images[index]).float().div_(255)
        else:
            image = self.transform(self.image(index))
        # This is a copy, because target_transform may change it in place.
        target: Any = self._select_target(torch.from_numpy(self._labels[index])[None])[0].clone()
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def image(self, index: int) -> Image.Image:
        """Return one image as a PIL image, RGBA, 24x24."""
        return Image.fromarray(np.ascontiguousarray(self._images[index].transpose(1, 2, 0)))

    def _select_target(self, labels: torch.Tensor) -> torch.Tensor:
        """Return the targets of label vectors (N, 92)."""
        if self.target == "type":
            return labels[:, : len(TYPES)].argmax(dim=1)
        return labels[:, len(TYPES) :] if self.target == "accessories" else labels

    def as_tensors(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return all images, uint8 (N, 4, 24, 24), and labels, float32 (N, 92).

        They are in the order of `punk_ids`, without transforms and regardless of `target`, and
        share their memory with the data set.
        """
        return torch.from_numpy(self._images), torch.from_numpy(self._labels)

    def to_pandas(self) -> pd.DataFrame:
        """Return the rows of the split as a DataFrame, without images, indexed by punk_id."""
        columns = [name for name in PUNKS.names if name != "image"]
        punks = self._snapshot.punks("all", columns)
        with translate_missing_package("to_pandas()"):
            frame: pd.DataFrame = punks.to_pandas().set_index("punk_id")
        return frame.loc[self.punk_ids]

    def batches(
        self, batch_size: int = 256, *, shuffle: bool = True, seed: int | None = None
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Return one epoch of batches, without transforms, much faster than a DataLoader.

        Args:
            batch_size: Number of images in a batch; the last batch may be smaller.
            shuffle: Whether to use a random order; otherwise the order of `punk_ids`.
            seed: Seed of the random order; None uses a different order in every call.

        Yields images, float32 (B, 4, 24, 24) in [0, 1], and targets, float32 (B, K), or int64 (B,)
        with `target="type"`.
        """
        if batch_size < 1:
            raise UsageError(f"batch_size must be positive, not {batch_size}")
        order = torch.arange(len(self))
        if shuffle:
            generator = torch.Generator()
            generator.manual_seed(generator.seed() if seed is None else seed)
            order = torch.randperm(len(self), generator=generator)
        images, labels = self.as_tensors()
        targets = self._select_target(labels)
        # images[rows] would copy single values and take three times as long.
        return (
            (images.index_select(0, rows).float().div_(255), targets.index_select(0, rows))
            for rows in torch.split(order, batch_size)
            if len(rows)  # torch.split returns one empty chunk for an empty split
        )

    def montage(
        self, n: int = 100, columns: int = 10, scale: int = 2, background: str = BACKGROUND_COLOR
    ) -> Image.Image:
        """Return a grid of the first n images, as an RGB image.

        `scale` is the factor of nearest-neighbor upscaling, and `background` a color that PIL
        knows, by default that of the images that Larva Labs published. Raises UsageError if there
        is no image to show.
        """
        if not len(self._images[:n]):
            raise UsageError(f"no image to show: n is {n} and the split has {len(self)} punks")
        sprites = self._images[:n].transpose(0, 2, 3, 1)
        return compose_grid(sprites, columns, scale, background)

    def __repr__(self) -> str:
        visible = ", visible only" if self.visible_only else ""
        return (
            f"PunkDataset of {len(self):,} punks\n"
            f"    Snapshot: {self.version} ({self.manifest.status}), {self.path}\n"
            f"    Split: {self.split} ({self.split_scheme})\n"
            f"    Image: 4x{SIDE_PX}x{SIDE_PX} RGBA\n"
            f"    Target: {self.target}, {len(self.classes)} classes{visible}\n"
            f"    Transform: {self.transform}"
        )


def _require(name: str, value: str, known: Collection[str]) -> None:
    """Raise UsageError unless the argument `name` has one of the known values."""
    if value not in known:
        raise UsageError(f"{name} must be one of {', '.join(known)}, not {value!r}")
