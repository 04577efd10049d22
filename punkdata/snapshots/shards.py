"""Tar shards of PNG images with JSON labels: writer and reader.

A sample is two consecutive members of a USTAR archive, `0042.png` and `0042.json`: the layout of
WebDataset. The JSON of every sample has the same keys and contains no null, because some loaders
infer the types from the first samples.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from punkdata.errors import DataError
from punkdata.files import translate_os_errors

SAMPLES_PER_SHARD = 1000
"""Default maximum number of samples in one shard."""
MAX_MEMBER_BYTES = 1_000_000
"""Size limit of a PNG or JSON member, which usually has about 1 kB."""


@dataclass(frozen=True)
class Sample:
    """One punk in a shard. All fields except `png` are columns of the punks table."""

    png: bytes
    """PNG file of the sprite."""
    punk_id: int
    type: str
    type_id: int
    accessories: list[str]
    accessory_ids: list[int]
    labels: list[int]
    split: str
    split_by_id: str
    pixels_sha256: str
    hidden_accessories: list[str] | None = None
    """Accessories that change no pixel; None in a snapshot of schema 1, which has no such
    column."""


def shard_name(split: str, number: int) -> str:
    """Return the file name of a split's shard, counted from 0."""
    return f"punks-{split}-{number:06d}.tar"


def write_shard(path: Path, samples: Iterable[Sample]) -> None:
    """Write one archive.

    The same samples always give the same bytes: times, owners and modes are constant.

    Raises:
        StorageError: The disk is full or cannot be written.
    """
    with translate_os_errors(path), tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for sample in samples:
            fields = dict(vars(sample))  # dataclasses.asdict would copy every list
            png = fields.pop("png")
            if sample.hidden_accessories is None:
                del fields["hidden_accessories"]
            text = json.dumps(fields, separators=(",", ":")).encode()
            for suffix, data in (("png", png), ("json", text)):
                info = tarfile.TarInfo(f"{sample.punk_id:04d}.{suffix}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))


def read_shard(path: Path) -> Iterator[Sample]:
    """Yield the samples of one archive, in order.

    Raises:
        DataError: The archive is damaged, or was not written by punkdata.
    """
    try:
        with tarfile.open(path, "r:") as tar:
            members = iter(tar)
            for png in members:
                fields = next(members)
                if not (png.name.endswith(".png") and fields.name == png.name[:-3] + "json"):
                    raise DataError(f"'{path}' has no JSON member for {png.name}")
                yield Sample(png=_read_member(tar, png), **json.loads(_read_member(tar, fields)))
    except (
        tarfile.TarError,
        StopIteration,
        ValueError,
        TypeError,
        KeyError,
        OSError,
        RecursionError,
    ) as error:
        raise DataError(f"'{path}' is damaged or not a shard of punkdata ({error})") from None


def _read_member(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    # Links could point outside the archive, and a sparse file of a few bytes can expand to
    # terabytes of zeros.
    if not member.isreg() or member.issparse() or member.size > MAX_MEMBER_BYTES:
        raise ValueError(f"the member {member.name!r} is not a small regular file")
    file = tar.extractfile(member)
    assert file
    return file.read()
