"""Snapshots on the Hugging Face Hub: publishing and reading, with a local server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.hub_client import HubClient
from support.hub_server import TOKEN, Hub
from support.paths import iter_files
from support.snapshots import build_again

from punkdata.snapshots.reader import Snapshot

pytest.importorskip("huggingface_hub")
KEY = "datasets/you/punks"
URL = f"hf://{KEY}"


def read_files(snapshot: Snapshot) -> dict[str, bytes]:
    return dict(iter_files(snapshot.path))


def change_version(snapshot: Snapshot, folder: Path, **changes: Any) -> Path:
    """Write a snapshot folder with the same files and another manifest."""
    for name, data in read_files(snapshot).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    manifest = snapshot.manifest.model_copy(update=changes)
    (folder / "manifest.json").write_text(manifest.model_dump_json())
    return folder


def test_publish_commits_once_tags_and_does_nothing_again(
    hub: Hub, client: HubClient, snapshot: Snapshot
) -> None:
    old = hub.add(KEY, {"old.parquet": b"of an older upload", ".gitattributes": b"*.tar"})
    num_commits = len(old.commits)
    code, out, err = client.punkdata("publish", URL, "--version", snapshot.path)
    assert code == 0, err
    assert out.strip() == f"{URL}@{snapshot.version}"
    assert f"next: punkdata info {URL}\n" in err
    assert old.files() == read_files(snapshot) | {".gitattributes": b"*.tar"}
    assert old.files(snapshot.version) == old.files()
    assert len(old.commits) == num_commits + 1
    assert f"Bearer {TOKEN}" in hub.authorizations
    hub.requests.clear()
    code, out, err = client.punkdata("publish", URL, "--version", snapshot.path, "--json")
    assert code == 0, err
    report = json.loads(out)
    assert (report["created"], report["latest"]) == (False, True)
    assert not [r for r in hub.requests if "/commit/" in r or "/tag/" in r or r.startswith("PUT")]


def test_new_repository_is_private_and_an_interrupted_upload_is_completed(
    hub: Hub, client: HubClient, snapshot: Snapshot
) -> None:
    hub.failures[f"POST /api/{KEY}/commit"] = 403
    code, _, err = client.punkdata("publish", URL, "--version", snapshot.path)
    assert (code, err.count("\n")) == (4, 1)
    assert f"access to {URL} was denied" in err
    repository = hub.repositories[KEY]
    assert repository.private
    assert "manifest.json" not in repository.files()
    assert client.punkdata("info", URL)[0] == 2
    # Large files, which have arrived, are not uploaded again.
    hub.failures = {f"POST /api/{KEY}/tag": 403}
    hub.requests.clear()
    assert client.punkdata("publish", URL, "--version", snapshot.path)[0] == 4
    assert not [request for request in hub.requests if request.startswith("PUT")]
    assert (len(repository.commits), repository.tags) == (2, {})
    # The commit is complete, only its tag is missing.
    hub.failures = {}
    assert client.punkdata("publish", URL, "--version", snapshot.path)[0] == 0
    assert (len(repository.commits), list(repository.tags)) == (2, [snapshot.version])


def test_force_replaces_damaged_files_and_the_tag(
    hub: Hub, client: HubClient, snapshot: Snapshot
) -> None:
    damaged = read_files(snapshot) | {"provenance.parquet": b"damaged"}
    repository = hub.add(KEY, damaged, snapshot.version)
    code, _, err = client.punkdata("verify", URL)
    assert code == 6
    assert f"{URL}@{snapshot.version}/provenance.parquet differs from its manifest" in err
    assert client.punkdata("publish", URL, "--version", snapshot.path, "--force")[0] == 0
    assert repository.files(snapshot.version) == read_files(snapshot)
    assert client.punkdata("verify", URL)[0] == 0


def test_publish_notices_another_upload_at_the_same_time(
    hub: Hub, client: HubClient, snapshot: Snapshot
) -> None:
    repository = hub.add(KEY, {})
    other = read_files(build_again(snapshot, client.home / "other"))
    hub.interruptions[f"POST /api/{KEY}/commit"] = lambda: hub.add(KEY, other, snapshot.version)
    code, _, err = client.punkdata("publish", URL, "--version", snapshot.path)
    assert (code, err.count("\n")) == (5, 1)
    assert f"{URL} was changed by another upload at the same time; run the same command" in err
    assert repository.files() == repository.files(snapshot.version) == other
    code, out, _ = client.punkdata("publish", URL, "--version", snapshot.path, "--json")
    assert (code, json.loads(out)["created"]) == (0, False)
    assert repository.files() == other


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"status": "partial"}, "is partial, and would become the latest one"),
        ({"limit": 3, "expected": 3}, "is smaller than the latest snapshot"),
    ],
    ids=["partial", "sample"],
)
def test_partial_snapshot_or_smaller_sample_is_not_published(
    changes: dict[str, Any], message: str, hub: Hub, client: HubClient, snapshot: Snapshot
) -> None:
    repository = hub.add(KEY, read_files(snapshot))
    other = f"s3-{'0' * 12}"
    folder = change_version(snapshot, client.home / "other", version=other, **changes)
    code, _, err = client.punkdata("publish", URL, "--version", folder)
    assert code == 2
    assert message in err
    assert (len(repository.commits), repository.tags) == (1, {})


def test_versions_and_the_latest_are_read_from_tags_and_main(
    hub: Hub, client: HubClient, snapshot: Snapshot
) -> None:
    hub.add(KEY, read_files(snapshot), snapshot.version)
    newer = f"s3-{'1' * 12}"
    folder = change_version(snapshot, client.home / "newer", version=newer)
    files = {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    hub.add(KEY, files)
    code = f"""
import json
from punkdata import PunkDataset, open_snapshot
latest = open_snapshot("{URL}")
result = [(latest.version, latest.url)]
for snapshot in (open_snapshot("{URL}@{snapshot.version}"),
                 open_snapshot("{URL}", "{snapshot.version}")):
    result.append((snapshot.version, snapshot.url))
images, labels = PunkDataset("{URL}@{snapshot.version}", split="train").as_tensors()
result.append(list(images.shape))
print(json.dumps(result))
"""
    pinned = [snapshot.version, f"{URL}@{snapshot.version}"]
    num_train = snapshot.manifest.splits["default"]["train"]
    assert client.evaluate(code) == [[newer, URL], pinned, pinned, [num_train, 4, 24, 24]]


def test_open_snapshot_stays_what_it_is_when_main_changes(
    hub: Hub, client: HubClient, snapshot: Snapshot
) -> None:
    hub.add(KEY, read_files(snapshot), snapshot.version)
    code = f"""
import json, sys
from punkdata import open_snapshot
before = open_snapshot("{URL}")
print(before.version, flush=True)
sys.stdin.readline()
after = open_snapshot("{URL}")
print(json.dumps([before.punks().num_rows, after.version]))
"""
    environment = hub.environment(client.home) | {"PUNKDATA_CACHE": str(client.home / "cache")}
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline().strip() == snapshot.version
        newer = f"s3-{'1' * 12}"
        folder = change_version(snapshot, client.home / "newer", version=newer)
        manifest = {"manifest.json": (folder / "manifest.json").read_bytes()}
        hub.add(KEY, manifest)
        out, _ = process.communicate("go\n")
    assert json.loads(out) == [snapshot.manifest.punks, newer]


@pytest.mark.parametrize(
    ("url", "token", "code", "message"),
    [
        (URL, None, 3, "no Hugging Face token found; log in with: hf auth login, or set HF_TOKEN"),
        ("hf://you/punks", TOKEN, 2, "write the URL as hf://datasets/OWNER/NAME"),
        (f"{URL}@v1", TOKEN, 2, "the version of the snapshot becomes a tag"),
    ],
)
def test_publish_without_a_token_or_to_another_url_is_one_line(
    url: str, token: str | None, code: int, message: str, client: HubClient, snapshot: Snapshot
) -> None:
    status, _, err = client.punkdata("publish", url, "--version", snapshot.path, token=token)
    assert (status, err.count("\n")) == (code, 1), err
    assert message in err
    assert not client.hub.repositories


def test_missing_repository_and_missing_version_are_one_line(
    hub: Hub, client: HubClient, snapshot: Snapshot
) -> None:
    hint = "check the name; for a private repository, log in with: hf auth login, or set HF_TOKEN"
    expected = (2, "", f"error: there is no snapshot at {URL}; {hint}\n")
    assert client.punkdata("info", URL) == expected
    hub.add(KEY, read_files(snapshot), snapshot.version)
    code, _, err = client.punkdata("info", f"{URL}@s3-{'0' * 12}")
    assert (code, f"there is no snapshot at {URL}@s3-0000" in err) == (2, True)


def test_server_that_fails_is_a_network_error(hub: Hub, client: HubClient) -> None:
    hub.failures["GET"] = 503
    code, _, err = client.punkdata("info", URL)
    assert (code, err.count("\n")) == (5, 1)
    assert f"cannot reach {URL}" in err


@pytest.mark.parametrize("command", ["publish", "info"])
def test_missing_package_is_one_line(command: str, client: HubClient, snapshot: Snapshot) -> None:
    arguments = [command, URL, *(("--version", str(snapshot.path)) if command == "publish" else ())]
    code = (
        "import sys; sys.modules['huggingface_hub'] = None; from punkdata.cli.app import main; "
        f"sys.argv[1:] = {arguments!r}; main()"
    )
    status, _, err = client.python("-c", code)
    assert (status, err.count("\n")) == (3, 1)
    assert "needs huggingface_hub, which is not installed" in err
    assert 'pip install "punkdata[hub]"' in err


@pytest.mark.compat
def test_load_dataset_reads_a_published_snapshot(client: HubClient, snapshot: Snapshot) -> None:
    pytest.importorskip("datasets")
    assert client.punkdata("publish", URL, "--version", snapshot.path)[0] == 0
    code = f"""
import json
from datasets import load_dataset
punks = load_dataset("you/punks", revision="{snapshot.version}")
image = punks["train"][0]["image"]
print(json.dumps([{{name: len(split) for name, split in punks.items()}}, image.mode, image.size]))
"""
    sizes = {name: n for name, n in snapshot.manifest.splits["default"].items() if n}
    found, mode, size = client.evaluate(code)
    assert sum(found.values()) == sum(sizes.values())
    assert (mode, size) == ("RGBA", [24, 24])
