"""Builds from a recording that a failing server left unfinished."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.cli import run
from support.network import Fetch
from support.opensea_documents import json_reply
from support.opensea_oddities import BROKEN
from support.opensea_server import OpenSeaServer

from punkdata.build import build_dataset
from punkdata.errors import DataError, NetworkError, RefusedError, UsageError
from punkdata.snapshots.reader import open_snapshot
from punkdata.sources.recording import list_recordings


@pytest.fixture
def root(tmp_path: Path, server: OpenSeaServer, fetch: Fetch) -> Path:
    """A root whose only fetch stopped at sales that always fail."""
    server.oddities.replies = {"/events/": BROKEN}
    with pytest.raises(NetworkError):
        fetch(root=tmp_path)
    return tmp_path


def test_unfinished_recording_is_built_without_sales(root: Path, fetch: Fetch) -> None:
    with pytest.raises(
        UsageError, match="or build a partial snapshot with: punkdata build-dataset --all"
    ):
        build_dataset(root)
    result = build_dataset(root, allow_partial=True)
    (recording,) = list_recordings(root)
    assert result.recording == result.unfinished == recording.path
    manifest = result.snapshot.manifest
    assert (manifest.sales, manifest.tables, manifest.expected) == (None, {}, 60)
    assert set(manifest.missing.values()) <= {"has an image that has not been downloaded yet"}
    with pytest.raises(DataError, match="is unfinished; finish it with: punkdata fetch"):
        build_dataset(root, recording.path)


@pytest.mark.parametrize("path", ["/listings/", "/stats"])
def test_recording_that_a_refused_key_stopped_is_built(
    new_root: Path, server: OpenSeaServer, fetch: Fetch, path: str
) -> None:
    server.oddities.replies = {path: json_reply(401, {"errors": ["Unauthorized"]})}
    with pytest.raises(RefusedError, match="status 401"):
        fetch(root=new_root)
    manifest = build_dataset(new_root, allow_partial=True).snapshot.manifest
    assert manifest.tables["sales"] == 299
    assert "trait_floors" not in manifest.tables


def test_fetch_goes_on_after_a_build_of_what_it_has(
    root: Path, server: OpenSeaServer, fetch: Fetch
) -> None:
    build_dataset(root, allow_partial=True)
    server.oddities.replies = {}
    assert fetch(root=root).resumed
    snapshot = build_dataset(root).snapshot
    assert snapshot.manifest.status == "complete"
    assert snapshot.sales() is not None


def test_command_says_what_an_unfinished_recording_lacks(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("build-dataset", "--allow-partial", "--root", root) == 0
    err = capsys.readouterr().err
    assert "which is unfinished: " in err
    assert "punks and all sales are missing" in err
    assert run("verify", open_snapshot(root).version, "--root", root) == 0


def test_recording_without_the_list_of_punks_is_refused(
    tmp_path: Path, server: OpenSeaServer, fetch: Fetch
) -> None:
    server.oddities.replies = {"/collection/": BROKEN}
    with pytest.raises(NetworkError):
        fetch(root=tmp_path)
    with pytest.raises(DataError, match="the list of punks is incomplete: .*; finish it with"):
        build_dataset(tmp_path, allow_partial=True)
    assert not (tmp_path / "snapshots").exists()
