"""The examples that read a published snapshot with webdataset and Ray, run as a user runs them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import REPOSITORY

from punkdata import PunkDataset, open_snapshot
from punkdata.snapshots.stores.publish import publish_snapshot
from punkdata.snapshots.writer import write_snapshot

pytestmark = pytest.mark.compat
EXAMPLES = REPOSITORY / "examples"


@pytest.fixture
def url(built_root: Path, tmp_path: Path) -> str:
    """Return the URL of a published snapshot that has several shards."""
    original = open_snapshot(built_root)
    tables = {"punks": original.punks(), "provenance": original.provenance()}
    snapshot, _ = write_snapshot(tmp_path / "root", original.manifest, tables, samples_per_shard=7)
    publish_snapshot(snapshot.path, snapshot.manifest, f"file://{tmp_path}/published")
    return f"file://{tmp_path}/published"


def run(command: list[str], cache: Path) -> str:
    environment = {"OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}
    done = subprocess.run(
        command,
        env=os.environ | environment | {"PUNKDATA_CACHE": str(cache)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def parse_counts(out: str) -> list[tuple[int, int]]:
    return [(int(a), int(b)) for a, b in re.findall(r"(\d+) punks, (\d+) of them Female", out)]


def expected_counts(root: Path) -> tuple[int, int]:
    _, labels = PunkDataset(root, split="train").as_tensors()
    return len(labels), int(labels[:, 2].sum())


def test_webdataset_example_reads_every_shard_once(
    url: str, built_root: Path, tmp_path: Path
) -> None:
    pytest.importorskip("webdataset")
    script = str(EXAMPLES / "shards_by_rank.py")
    single = run([sys.executable, script, url], tmp_path / "cache")
    assert parse_counts(single) == [expected_counts(built_root)]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", script, url]
    found = parse_counts(run(torchrun, tmp_path / "cache"))
    assert len(found) == 2
    assert tuple(map(sum, zip(*found, strict=True))) == expected_counts(built_root)


def test_ray_example_reads_every_row(url: str, built_root: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    out = run([sys.executable, str(EXAMPLES / "parquet_with_ray.py"), url], tmp_path / "cache")
    assert parse_counts(out) == [expected_counts(built_root)]
