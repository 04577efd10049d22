"""PunkDataset: the torch Dataset of a snapshot.

>>> train = PunkDataset("data", split="train")
>>> image, labels = train[0]          # float32 (4, 24, 24) in [0, 1], float32 (92,)
>>> images, labels = train.as_tensors()   # the whole split at once
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import Dataset

from punkdata.errors import UsageError
from punkdata.files import default_root
from punkdata.images.image_grid import montage
from punkdata.images.sprite import BACKGROUND_COLOR, SIDE_PX
from punkdata.schema import ADDED_IN_SCHEMA, PUNKS
from punkdata.snapshots.manifest import Manifest
from punkdata.snapshots.reader import open_snapshot
from punkdata.snapshots.tables import (
    column_to_numpy,
    extract_hidden_labels,
    extract_labels,
    extract_sprites,
)
from punkdata.splits import SPLIT_COLUMNS, SPLITS
from punkdata.traits import ACCESSORIES, LABELS, TYPES

if TYPE_CHECKING:
    import pandas as pd

Split = Literal["train", "val", "test", "all"]
SplitScheme = Literal["default", "by_id"]
Target = Literal["labels", "type", "accessories"]

AT_ONCE = 250
"""sprites that are decoded together"""
_CLASSES: dict[str, tuple[str, ...]] = {
    "labels": LABELS,
    "type": TYPES,
    "accessories": ACCESSORIES,
}


class PunkDataset(Dataset[tuple[Any, Any]]):
    """The punks of one split, as images and targets.

    The whole split is read at once (23 MB for all 10,000 punks) and held as uint8, so an
    item costs no disk access, and forked workers share it.

    Args:
        root: the data root, or a snapshot's own folder, or the URL of either, as
            s3://bucket/punks; by default PUNKDATA_ROOT or `./data`.
        version: a snapshot's name, or "latest".
        split: "train", "val", "test", or "all".
        split_scheme: "default" is stratified; "by_id" cuts at ids 8000 and 9000.
        target: "labels", float32 (92,) of 0 and 1; "type", an int64 scalar;
            "accessories", float32 (87,) of 0 and 1.
        visible_only: leave out the accessories of a punk that change none of its pixels, such
            as an earring under long hair: their labels are 0.
        transform: gets a PIL image, RGBA, 24x24. Without one an image is a float32
            tensor (4, 24, 24) in [0, 1].
        target_transform: gets the target.

    Attributes:
        classes: the names of the target's values or positions, in order.
        class_to_idx: name -> position in `classes`.
        punk_ids: int32 (N,), ascending.
        hidden: bool (N, 92), the labels that no pixel shows; None of a snapshot of schema 1.
        manifest: what the snapshot says of itself.

    Raises:
        UsageError: there is no such snapshot, split, scheme or target; `visible_only` of a
            snapshot of schema 1, which does not tell.
        DataError: the snapshot is damaged, or a newer punkdata wrote it.
    """

    classes: tuple[str, ...]
    manifest: Manifest
    punk_ids: NDArray[np.int32]
    hidden: NDArray[np.bool_] | None

    def __init__(
        self,
        root: str | Path | None = None,
        version: str = "latest",
        split: Split = "train",
        split_scheme: SplitScheme = "default",
        target: Target = "labels",
        visible_only: bool = False,
        transform: Callable[[Image.Image], Any] | None = None,
        target_transform: Callable[[torch.Tensor], Any] | None = None,
    ) -> None:
        _require("split", split, get_args(Split))
        _require("split_scheme", split_scheme, tuple(SPLIT_COLUMNS))
        _require("target", target, tuple(_CLASSES))
        snapshot = open_snapshot(default_root() if root is None else root, version)
        column = SPLIT_COLUMNS[split_scheme]
        # The files are cut by the default scheme; only another scheme needs them all.
        files = split if split_scheme == "default" else "all"
        columns = ["punk_id", "image", "labels", column]
        if snapshot.manifest.schema_version >= ADDED_IN_SCHEMA["hidden_accessories"]:
            columns.append("hidden_accessories")
        elif visible_only:
            raise UsageError(
                f"{snapshot.path} does not tell which accessories are hidden",
                hint="build it anew with: punkdata build-dataset",
            )
        punks = snapshot.punks(files, columns)
        if split in SPLITS and split_scheme != "default":
            punks = punks.filter(pc.equal(punks.column(column), split))
        self.path = snapshot.path
        self._snapshot = snapshot
        self.manifest = snapshot.manifest
        self.split, self.split_scheme, self.target = split, split_scheme, target
        self.visible_only = visible_only
        self.transform, self.target_transform = transform, target_transform
        self.classes = _CLASSES[target]
        ids = column_to_numpy(punks.column("punk_id"))
        order = np.argsort(ids)
        self.punk_ids = ids[order]
        # (N, 4, 24, 24) as torch counts axes, and contiguous, for as_tensors. Some at a time and
        # each to its place, so that all of them stand in memory only once.
        self._images = np.empty((len(punks), 4, SIDE_PX, SIDE_PX), np.uint8)
        places = np.argsort(order)
        for start in range(0, len(punks), AT_ONCE):
            some = extract_sprites(punks.slice(start, AT_ONCE))
            self._images[places[start : start + AT_ONCE]] = some.transpose(0, 3, 1, 2)
        self._labels = extract_labels(punks)[order].astype(np.float32)
        knows_hidden = "hidden_accessories" in columns
        self.hidden = extract_hidden_labels(punks)[order] > 0 if knows_hidden else None
        if visible_only:
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
        index = operator.index(index)  # a slice would mix up punks and labels
        image: Any
        if self.transform is not None:
            image = self.transform(self.image(index))
        else:
            image = torch.from_numpy(self._images[index]).float().div_(255)
        target: Any = self._target(index)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return image, target

    def image(self, index: int) -> Image.Image:
        """The image as PIL, RGBA, 24x24."""
        return Image.fromarray(np.ascontiguousarray(self._images[index].transpose(1, 2, 0)))

    def _target(self, index: int) -> torch.Tensor:
        # A copy, because a transform may change it in place.
        return self._targets(torch.from_numpy(self._labels[index])[None])[0].clone()

    def _targets(self, labels: torch.Tensor) -> torch.Tensor:
        """Of label vectors (N, 92)."""
        if self.target == "type":
            return labels[:, : len(TYPES)].argmax(dim=1)
        return labels[:, len(TYPES) :] if self.target == "accessories" else labels

    def as_tensors(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Everything at once, without transforms, in the order of `punk_ids`.

        Returns:
            uint8 (N, 4, 24, 24), and float32 (N, 92) whatever the target is. Both share
            their memory with the data set.
        """
        return torch.from_numpy(self._images), torch.from_numpy(self._labels)

    def to_pandas(self) -> pd.DataFrame:
        """The split's rows with every column but the image, indexed by punk_id."""
        snapshot = self._snapshot
        schema = snapshot.manifest.schema_version
        columns = [
            name
            for name in PUNKS.names
            if name != "image" and ADDED_IN_SCHEMA.get(name, 1) <= schema
        ]
        frame: pd.DataFrame = snapshot.punks("all", columns).to_pandas().set_index("punk_id")
        return frame.loc[self.punk_ids]

    def batches(
        self, batch_size: int = 256, *, shuffle: bool = True, seed: int | None = None
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """One epoch as ready batches, without transforms; benchmarks/reading.py compares it.

        A batch is an index into one tensor; nothing is done sample by sample.

        Args:
            shuffle: in a new order each time, else in the order of `punk_ids`.
            seed: of that order, for one that repeats.

        Returns:
            Images, float32 (B, 4, 24, 24) in [0, 1], and their targets: float32 (B, K), or int64
            (B,) of types. The last batch may be smaller.

        Raises:
            UsageError: the batch size is not positive.
        """
        if batch_size < 1:
            raise UsageError(f"a batch of {batch_size} holds nothing")
        order = torch.arange(len(self))
        if shuffle:
            generator = torch.Generator()
            if seed is None:
                generator.seed()
            else:
                generator.manual_seed(seed)
            order = torch.randperm(len(self), generator=generator)
        images, labels = self.as_tensors()
        targets = self._targets(labels)
        # Whole rows at a time: images[index] goes value by value, and takes three times as long.
        return (
            (images.index_select(0, rows).float().div_(255), targets.index_select(0, rows))
            for rows in torch.split(order, batch_size)
            if len(rows)  # an empty part has no batches, where torch makes one of none
        )

    def montage(
        self, n: int = 100, columns: int = 10, scale: int = 2, background: str = BACKGROUND_COLOR
    ) -> Image.Image:
        """A contact sheet of the first n punks.

        Args:
            columns: punks in a row.
            scale: sheet pixels for each sprite pixel.
            background: any color that PIL understands; the default is Larva Labs' own.

        Returns:
            PIL RGB.

        Raises:
            UsageError: there is no punk to show.
        """
        if not len(self._images[:n]):
            raise UsageError(f"there is no punk to show: the part has {len(self)}")
        sprites = self._images[:n].transpose(0, 2, 3, 1)
        return montage(sprites, columns, scale, background)

    def __repr__(self) -> str:
        return "\n".join(
            [
                f"PunkDataset of {len(self):,} punks",
                f"    Snapshot: {self.version} ({self.manifest.status}), {self.path}",
                f"    Split: {self.split} ({self.split_scheme})",
                f"    Image: 4x{SIDE_PX}x{SIDE_PX} RGBA",
                f"    Target: {self.target}, {len(self.classes)} classes"
                + (", of what can be seen" if self.visible_only else ""),
                f"    Transform: {self.transform}",
            ]
        )


def _require(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(f"{name} is {value!r}, not one of {', '.join(known)}")
