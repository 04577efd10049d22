"""PNG tar shards: writer and reader side by side.

A sample is two neighbors in a USTAR archive, `0042.png` and `0042.json`, as WebDataset
and many loaders of large collections read them. The JSON holds the same keys in every
sample and no null, because readers infer its shape from the first samples.
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
MAX_MEMBER_BYTES = 1_000_000
"""of a sprite's PNG or JSON, which have some 1,000"""


@dataclass(frozen=True)
class Sample:
    png: bytes
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
    """None in a snapshot of schema 1, which does not know them"""


def shard_name(split: str, number: int) -> str:
    return f"punks-{split}-{number:06d}.tar"


def write_shard(path: Path, samples: Iterable[Sample]) -> None:
    """Write one archive. The same samples make the same bytes: no clock, no user, no mode.

    Raises:
        StorageError: the disk is full or refuses.
    """
    with translate_os_errors(path), tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for sample in samples:
            facts = dict(vars(sample))  # asdict would copy every list
            png = facts.pop("png")
            if sample.hidden_accessories is None:
                del facts["hidden_accessories"]
            text = json.dumps(facts, separators=(",", ":")).encode()
            for suffix, data in (("png", png), ("json", text)):
                info = tarfile.TarInfo(f"{sample.punk_id:04d}.{suffix}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))


def read_shard(path: Path) -> Iterator[Sample]:
    """The samples of one archive, in order.

    Raises:
        DataError: the archive is damaged or not one of ours.
    """
    try:
        with tarfile.open(path, "r:") as tar:
            members = iter(tar)
            for png in members:
                facts = next(members)
                if not (png.name.endswith(".png") and facts.name == png.name[:-3] + "json"):
                    raise DataError(f"{path} has {png.name} without its JSON")
                yield Sample(png=_body(tar, png), **json.loads(_body(tar, facts)))
    except (
        tarfile.TarError,
        StopIteration,
        ValueError,
        TypeError,
        KeyError,
        OSError,
        RecursionError,
    ) as error:
        raise DataError(f"{path} is not a whole shard of punkdata ({error})") from None


def _body(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    # No links, and no sparse files, of which a few bytes become any number of zeros.
    if not member.isreg() or member.issparse() or member.size > MAX_MEMBER_BYTES:
        raise ValueError(f"{member.name!r} is not a small file")
    file = tar.extractfile(member)
    assert file
    return file.read()
