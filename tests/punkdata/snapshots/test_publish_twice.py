"""Uploads of the same version with different files, at the same time or one after the other."""

from __future__ import annotations

import subprocess
from pathlib import Path

import fsspec
import pytest
from support.cli import punkdata_command, run
from support.interleaving import Interleaving
from support.s3_server import Fault, StartProxy, clear_connection_cache
from support.snapshots import build_again, publish

from punkdata import open_snapshot
from punkdata.errors import BusyError, PunkError, UsageError
from punkdata.files import lock_root
from punkdata.snapshots.reader import Snapshot, find_damaged_files

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def other(snapshot: Snapshot, tmp_path: Path) -> Snapshot:
    """A snapshot of the same version as `snapshot`, with other files."""
    return build_again(snapshot, tmp_path / "other" / snapshot.version)


def read_published_manifest(url: str) -> bytes | None:
    """Return the manifest at a URL after checking that all files are those that it describes."""
    try:
        remote = open_snapshot(url)
    except UsageError:
        return None
    assert find_damaged_files(remote) == []
    return (remote.path / "manifest.json").read_bytes()


def publish_together(
    snapshots: list[Snapshot], url: str, forced: tuple[bool, ...], interleaving: Interleaving
) -> list[object]:
    """Publish from one thread each; return the results, or the errors."""
    results: list[object] = [None] * len(snapshots)

    def publish_one(i: int) -> None:
        try:
            results[i] = publish(snapshots[i], url, force=forced[i])
        except PunkError as error:
            results[i] = error

    threads = [interleaving.run(lambda i=i: publish_one(i)) for i in range(len(snapshots))]  # type: ignore[misc]
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("forced", [(False, False), (False, True), (True, True)])
@pytest.mark.parametrize("seed", range(2))
def test_uploads_at_the_same_time_never_mix_their_files(
    seed: int,
    forced: tuple[bool, bool],
    snapshot: Snapshot,
    other: Snapshot,
    s3: str,
    start_proxy: StartProxy,
) -> None:
    interleaving: Interleaving | None = Interleaving(2, seed)
    start_proxy(lambda method, path: interleaving and interleaving.wait_for_turn())
    results = publish_together([snapshot, other], s3, forced, interleaving)
    interleaving = None
    clear_connection_cache()
    found = read_published_manifest(s3)
    for result, published in zip(results, (snapshot, other), strict=True):
        manifest = (published.path / "manifest.json").read_bytes()
        if isinstance(result, tuple):
            assert any(forced) or not result[1] or found == manifest
        else:
            assert isinstance(result, BusyError)
            assert found != manifest
    if not any(forced):
        assert found is not None
    if found is None:
        assert publish(other, s3, force=True)[1]
        assert read_published_manifest(s3) is not None


def test_uploads_of_the_same_files_at_the_same_time_succeed(
    snapshot: Snapshot, s3: str, start_proxy: StartProxy
) -> None:
    interleaving: Interleaving | None = Interleaving(2, seed=0)
    start_proxy(lambda method, path: interleaving and interleaving.wait_for_turn())
    results = publish_together([snapshot, snapshot], s3, (False, False), interleaving)
    interleaving = None
    assert all(isinstance(result, tuple) for result in results), results
    assert read_published_manifest(s3) == (snapshot.path / "manifest.json").read_bytes()


def test_upload_that_another_one_replaces_is_noticed_without_conditional_writes(
    snapshot: Snapshot, other: Snapshot, s3: str, start_proxy: StartProxy
) -> None:
    entry = snapshot.manifest.files[2]
    target = f"{s3}/snapshots/cryptopunks/{snapshot.version}"
    fs = fsspec.filesystem("s3")

    def interfere(method: str, path: str) -> Fault | None:
        if method == "PUT" and path.endswith("shards/punks-val-000000.tar"):
            fs.pipe_file(f"{target}/{entry.path}", (other.path / entry.path).read_bytes())
        return "ignore conditions"

    start_proxy(interfere)
    with pytest.raises(BusyError, match=f"{entry.path} did not arrive, or another upload has"):
        publish(snapshot, s3)
    assert read_published_manifest(s3) is None


@pytest.mark.parametrize("kind", ["s3", "memory"])
def test_interrupted_upload_of_another_build_needs_force(
    kind: str, snapshot: Snapshot, other: Snapshot, s3: str, tmp_path: Path
) -> None:
    url = s3 if kind == "s3" else f"memory://{tmp_path.name}"
    first = snapshot.manifest.files[0].path
    left = f"{url}/snapshots/cryptopunks/{snapshot.version}/{first}"
    fs, path = fsspec.core.url_to_fs(left)
    fs.pipe_file(path, (other.path / first).read_bytes())
    with pytest.raises(BusyError, match=f"{first} belongs to another build .* with --force"):
        publish(snapshot, url)
    assert publish(snapshot, url, force=True)[1:] == (True, snapshot.version)
    assert read_published_manifest(url) == (snapshot.path / "manifest.json").read_bytes()
    assert publish(other, url)[1:] == (False, snapshot.version)
    assert read_published_manifest(url) == (snapshot.path / "manifest.json").read_bytes()


def test_local_folder_is_locked_and_what_an_interrupted_upload_left_is_replaced(
    snapshot: Snapshot, other: Snapshot, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, first = f"file://{tmp_path}/www", snapshot.manifest.files[0].path
    with lock_root(tmp_path / "www"):
        assert run("publish", url, "--version", snapshot.path) == 5
        assert "another command is writing" in capsys.readouterr().err
    left = tmp_path / "www" / "snapshots" / "cryptopunks" / snapshot.version / first
    left.parent.mkdir(parents=True)
    left.write_bytes((other.path / first).read_bytes())
    assert publish(snapshot, url)[1]
    assert read_published_manifest(url) == (snapshot.path / "manifest.json").read_bytes()


def test_processes_that_publish_to_a_folder_at_the_same_time_do_not_mix_files(
    snapshot: Snapshot, other: Snapshot, tmp_path: Path
) -> None:
    url = f"file://{tmp_path}/www"
    processes = [
        subprocess.Popen(
            punkdata_command("publish", url, "--force", "--version", published.path),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for published in (snapshot, other)
    ]
    for process in processes:
        process.communicate()
    assert {process.returncode for process in processes} <= {0, 5}
    assert read_published_manifest(url) is not None
