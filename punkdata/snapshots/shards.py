"""The tar shards of a snapshot: writing samples, and reading archives that anyone may have written.

A sample of a tar shard is two consecutive members, `0042.png` and `0042.json`: the layout of
WebDataset. The JSON of every sample has the same keys and contains no null, because some loaders
infer the types from the first samples. `Sample` has these fields and the bytes of the PNG as `png`.
"""

import io
import json
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from punkdata.errors import DataError

Sample = dict[str, Any]
SAMPLE_COLUMNS = (
    *("punk_id", "type", "type_id", "accessories", "accessory_ids", "labels", "split"),
    *("split_by_id", "pixels_sha256", "hidden_accessories"),
)
"""Columns of the punks table in the JSON of a sample."""
_MAX_MEMBER_BYTES = 1_000_000
"""Size limit of a PNG or JSON file in a shard, which usually has about 1 kB."""


def extract_samples(punks: pa.Table) -> list[Sample]:
    """Return the rows of a punks table as samples."""
    columns = [name for name in SAMPLE_COLUMNS if name in punks.column_names]
    samples: list[Sample] = punks.select([*columns, "image"]).to_pylist()
    for sample in samples:
        sample["png"] = sample.pop("image")["bytes"]
    return samples


def write_shard(path: Path, samples: Iterable[Sample]) -> None:
    """Write one archive. The same samples give the same bytes: times and owners are constant."""
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for sample in samples:
            fields = {name: value for name, value in sample.items() if name != "png"}
            text = json.dumps(fields, separators=(",", ":")).encode()
            for suffix, data in (("png", sample["png"]), ("json", text)):
                info = tarfile.TarInfo(f"{sample['punk_id']:04d}.{suffix}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))


def read_shard(path: Path) -> Iterator[Sample]:
    """Yield the samples of one archive, in order; raises DataError if it is damaged."""
    try:
        with tarfile.open(path, "r:") as tar:
            members = iter(tar)
            for png in members:
                fields = next(members, None)
                if fields is None or fields.name != png.name.removesuffix("png") + "json":
                    raise ValueError(f"no JSON member for {png.name!r}")
                sample = {"png": _read_member(tar, png)} | json.loads(_read_member(tar, fields))
                # Other programs use the names, also as the paths of extracted files.
                if png.name != f"{sample['punk_id']:04d}.png":
                    raise ValueError(f"the member {png.name!r} is not named after its punk")
                yield sample
    except Exception as error:  # noqa: BLE001  # a damaged archive can cause many kinds
        raise DataError(f"'{path}' is damaged or not a shard of punkdata ({error})") from None


def _read_member(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    # Links could point outside the archive, and sparse files can expand to terabytes of zeros.
    if not member.isreg() or member.issparse() or member.size > _MAX_MEMBER_BYTES:
        raise ValueError(f"the member {member.name!r} is not a small regular file")
    file = tar.extractfile(member)
    assert file is not None
    return file.read()
