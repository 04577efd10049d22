"""The examples that read a snapshot with other people's tools, run as a person would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from punkdata import PunkDataset, open_snapshot
from punkdata.snapshots.publish import publish_snapshot
from punkdata.snapshots.writer import write_snapshot

pytestmark = pytest.mark.compat
EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
def url(built_root: Path, tmp_path: Path) -> str:
    """Of a published snapshot with several shards."""
    whole = open_snapshot(built_root)
    tables = (whole.punks(), None, whole.provenance())
    snapshot, _ = write_snapshot(
        tmp_path / "root", whole.manifest, *tables, samples_per_shard=7
    )
    publish_snapshot(snapshot.path, snapshot.manifest, f"file://{tmp_path}/there")
    return f"file://{tmp_path}/there"


def run(command: list[str], cache: Path) -> str:
    usual = {"OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}
    done = subprocess.run(
        command,
        env=os.environ | usual | {"PUNKDATA_CACHE": str(cache)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def counts(out: str) -> list[tuple[int, int]]:
    return [(int(a), int(b)) for a, b in re.findall(r"(\d+) punks, (\d+) of them Female", out)]


def expected(root: Path) -> tuple[int, int]:
    _, labels = PunkDataset(root, split="train").as_tensors()
    return len(labels), int(labels[:, 2].sum())


def test_webdataset_reads_all_shards_by_one_rank_or_by_two(
    url: str, built_root: Path, tmp_path: Path
) -> None:
    pytest.importorskip("webdataset")
    script = str(EXAMPLES / "shards_by_rank.py")
    alone = run([sys.executable, script, url], tmp_path / "cache")
    assert counts(alone) == [expected(built_root)]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", script, url]
    found = counts(run(torchrun, tmp_path / "cache"))
    assert len(found) == 2
    assert tuple(map(sum, zip(*found, strict=True))) == expected(built_root)


def test_ray_data_reads_the_parquet(url: str, built_root: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    out = run([sys.executable, str(EXAMPLES / "parquet_by_ray.py"), url], tmp_path / "cache")
    assert counts(out) == [expected(built_root)]
