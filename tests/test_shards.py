from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
from drawing import draw_punks

from punkdata.errors import DataError
from punkdata.images import encode_png
from punkdata.shards import Sample, read_shard, shard_name, write_shard


def samples() -> list[Sample]:
    return [
        Sample(
            encode_png(p.sprite),
            p.punk_id,
            p.type,
            0,
            p.accessories,
            [],
            [0, 1],
            "train",
            "val",
            "x",
        )
        for p in draw_punks(5)
    ]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / shard_name("train", 0)
    write_shard(path, samples())
    assert list(read_shard(path)) == samples()


def test_the_same_samples_make_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_shard(tmp_path / name, samples())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_members_are_as_other_readers_need_them(tmp_path: Path) -> None:
    write_shard(tmp_path / "x.tar", samples())
    with tarfile.open(tmp_path / "x.tar") as tar:
        members = tar.getmembers()
        assert [m.name for m in members[:2]] == ["0000.png", "0000.json"]
        assert {m.mtime for m in members} == {0}
        assert not any(m.pax_headers for m in members)
        facts = [json.load(tar.extractfile(m)) for m in members if m.name.endswith("json")]  # type: ignore[arg-type]
    assert len({tuple(f) for f in facts}) == 1
    assert None not in facts[0].values()


@pytest.mark.parametrize("cut", [100, 1024, 3000])
def test_a_damaged_archive_is_refused_by_name(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "x.tar"
    write_shard(path, samples())
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(DataError, match=r"x\.tar"):
        list(read_shard(path))


def test_a_strange_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as tar:
        for name in ("pyproject.toml", "Makefile"):
            tar.addfile(tarfile.TarInfo(name))
    with pytest.raises(DataError, match="without its JSON"):
        list(read_shard(path))
