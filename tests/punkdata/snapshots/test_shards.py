from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest
from support.sprites import make_punks

from punkdata.errors import DataError
from punkdata.images.sprite import encode_png
from punkdata.snapshots.reader import open_snapshot
from punkdata.snapshots.shards import Sample, extract_samples, read_shard, write_shard


def make_samples() -> list[Sample]:
    return [
        {
            "punk_id": p.punk_id,
            "type": p.type,
            "accessories": p.accessories,
            "labels": [0, 1],
            "png": encode_png(p.sprite),
        }
        for p in make_punks(5)
    ]


def test_read_shard_returns_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    write_shard(path, make_samples())
    assert list(read_shard(path)) == make_samples()


def test_same_samples_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_shard(tmp_path / name, make_samples())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_members_follow_the_webdataset_layout(tmp_path: Path) -> None:
    write_shard(tmp_path / "x.tar", make_samples())
    with tarfile.open(tmp_path / "x.tar") as tar:
        members = tar.getmembers()
        assert [m.name for m in members[:2]] == ["0000.png", "0000.json"]
        assert {m.mtime for m in members} == {0}
        assert not any(m.pax_headers for m in members)
        fields = [json.load(tar.extractfile(m)) for m in members if m.name.endswith("json")]  # type: ignore[arg-type]
    assert len({tuple(f) for f in fields}) == 1
    assert None not in fields[0].values()


def test_extract_samples_returns_rows_without_nulls(built_root: Path) -> None:
    rows = open_snapshot(built_root).punks("val")
    samples = extract_samples(rows)
    assert [sample["punk_id"] for sample in samples] == rows.column("punk_id").to_pylist()
    assert None not in samples[0].values()


def make_member(name: str, **fields: object) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(member, field, value)
    return member


@pytest.mark.parametrize(
    "member",
    [
        make_member("0000.png", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        make_member("0000.png", type=tarfile.LNKTYPE, linkname="0000.png"),
        make_member("0000.png", type=tarfile.DIRTYPE),
        make_member("0000.png", type=tarfile.FIFOTYPE),
        make_member("0000.png", size=2_000_000),
        make_member("0000.png", type=tarfile.CHRTYPE),
        # A sparse file that claims to expand to a terabyte of zeros.
        make_member(
            "0000.png",
            pax_headers={
                "GNU.sparse.major": "0",
                "GNU.sparse.map": "0,0",
                "GNU.sparse.size": f"{10**12}",
            },
        ),
    ],
)
def test_read_shard_rejects_links_and_large_members(
    tmp_path: Path, member: tarfile.TarInfo
) -> None:
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for one in (member, make_member("0000.json")):
            tar.addfile(one, io.BytesIO(bytes(one.size)))
    with pytest.raises(DataError, match="not a shard of punkdata .* is not a small regular file"):
        list(read_shard(path))


@pytest.mark.parametrize("cut", [100, 1024, 3000])
def test_damaged_shard_error_names_the_file(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "x.tar"
    write_shard(path, make_samples())
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DataError, match=r"x\.tar"):
        list(read_shard(path))


@pytest.mark.parametrize("stem", ["../../0000", "0001", "0", "\u202e0000"])
def test_read_shard_rejects_members_with_other_names(tmp_path: Path, stem: str) -> None:
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as tar:
        for name, data in ((f"{stem}.png", b"x"), (f"{stem}.json", b'{"punk_id": 0}')):
            tar.addfile(make_member(name, size=len(data)), io.BytesIO(data))
    with pytest.raises(DataError, match="is not named after its punk"):
        list(read_shard(path))


def test_read_shard_rejects_a_member_without_labels(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as tar:
        tar.addfile(make_member("0000.png"))
    with pytest.raises(DataError, match="no JSON member for '0000.png'"):
        list(read_shard(path))


def test_read_shard_rejects_other_archives(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as tar:
        for name in ("pyproject.toml", "Makefile"):
            tar.addfile(tarfile.TarInfo(name))
    with pytest.raises(DataError, match="no JSON member for"):
        list(read_shard(path))
