"""Publishing snapshots to data set repositories of the Hugging Face Hub.

A repository contains the files of one snapshot at its top level, where the library `datasets` looks
for them. Its branch main is the latest snapshot, and each published version is a tag:

    hf://datasets/you/punks                   the latest snapshot
    hf://datasets/you/punks@s3-0123456789ab   this snapshot
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import fsspec

from punkdata.errors import SetupError, UsageError
from punkdata.extras import translate_missing_package
from punkdata.progress import Progress
from punkdata.safe_text import redact_url
from punkdata.snapshots.manifest import Manifest, parse_manifest
from punkdata.snapshots.stores.publish import read_remote_manifest
from punkdata.snapshots.stores.urls import REPUBLISH_HINT, read_optional, read_url, url_errors

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import DatasetInfo

LOGIN_HINT = "log in with: hf auth login, or set HF_TOKEN"
_KEPT_FILES = {".gitattributes"}
"""Files of a repository that say which of the others are large."""


def find_on_hub(url: str, version: str) -> tuple[str, bytes]:
    """Return the URL of a snapshot at hf://datasets/OWNER/NAME[@REVISION], and its manifest.

    The URL names the tag of the version, if there is one, so that later commits have no effect.
    Raises as `open_snapshot`.
    """
    with url_errors(url):  # Otherwise, commits since the last access would be overlooked.
        fsspec.core.url_to_fs(url)[0].invalidate_cache()
    if version != "latest" and "@" not in url:
        url = f"{url}@{version}"
    data = read_url(f"{url}/manifest.json")
    if data is None:
        raise UsageError(
            f"there is no snapshot at {redact_url(url)}",
            hint=f"check the name; for a private repository, {LOGIN_HINT}",
        )
    if "@" not in url:
        tagged = f"{url}@{parse_manifest(data, redact_url(url), REPUBLISH_HINT).version}"
        if read_optional(f"{tagged}/manifest.json") == data:
            url = tagged
    return url, data


def publish_to_hub(
    folder: Path, manifest: Manifest, url: str, progress: Progress, *, force: bool = False
) -> tuple[str, bool, str | None]:
    """Upload a snapshot to hf://datasets/OWNER/NAME, which is created (private) if necessary.

    One commit replaces all files, so readers never see a mixture of two snapshots. Large files are
    uploaded before it, and are not uploaded again if the function is called again after a stop.
    Returns and raises as `publish_snapshot`, and UsageError for a snapshot that may not become the
    latest one.
    """
    repository = _parse_repository(url)
    with translate_missing_package("publishing to hf://"):
        import huggingface_hub as hub
    if hub.get_token() is None:
        raise SetupError("no Hugging Face token found", hint=LOGIN_HINT)
    if manifest.status != "complete":
        raise _refuse(manifest, "partial", url)
    api = hub.HfApi(library_name="punkdata")
    with url_errors(url), _hide_progress_bars():
        api.create_repo(repository, repo_type="dataset", private=True, exist_ok=True)
        # All further steps refer to this commit, so that somebody else's commit is detected.
        head = api.dataset_info(repository)
        latest = read_remote_manifest(f"{url}@{head.sha}")
        is_outdated = force or latest is None or latest.version != manifest.version
        if is_outdated and not manifest.may_replace(latest):
            raise _refuse(manifest, "smaller than the latest snapshot", url)
        commit = head.sha
        if is_outdated:
            commit = _commit_files(api, repository, folder, manifest, head, progress)
        tags = {ref.name for ref in api.list_repo_refs(repository, repo_type="dataset").tags}
        is_tagged = manifest.version in tags
        if force and is_tagged:
            api.delete_tag(repository, repo_type="dataset", tag=manifest.version)
        if force or not is_tagged:
            api.create_tag(
                repository,
                repo_type="dataset",
                tag=manifest.version,
                revision=commit,
                exist_ok=True,
            )
    is_changed = is_outdated or not is_tagged
    return f"{url}@{manifest.version}", is_changed, manifest.version


def _refuse(manifest: Manifest, what: str, url: str) -> UsageError:
    return UsageError(
        f"{manifest.version} is {what}, and would become the latest one at {redact_url(url)}",
        hint="publish it to another repository",
    )


def _parse_repository(url: str) -> str:
    """Return OWNER/NAME of hf://datasets/OWNER/NAME; raises UsageError for other URLs."""
    match = re.fullmatch(r"hf://datasets/([\w.-]+/[\w.-]+)", url)
    if match is None:
        raise UsageError(
            f"cannot publish to {redact_url(url)}",
            hint="write the URL as hf://datasets/OWNER/NAME; the version of the snapshot becomes "
            "a tag",
        )
    return match[1]


def _commit_files(
    api: HfApi,
    repository: str,
    folder: Path,
    manifest: Manifest,
    head: DatasetInfo,
    progress: Progress,
) -> str:
    """Replace all files of a repository by those of a snapshot, in one commit on top of `head`.

    Returns the hash of the commit.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    found = {sibling.rfilename for sibling in head.siblings or ()}
    names = {entry.path: entry.bytes for entry in manifest.files} | {"manifest.json": 0}
    operations: list[CommitOperationAdd | CommitOperationDelete] = [
        CommitOperationDelete(name) for name in sorted(found - names.keys() - _KEPT_FILES)
    ]
    done = 0
    progress(0, manifest.bytes)
    for name, size in names.items():
        addition = CommitOperationAdd(name, str(folder / name))
        api.preupload_lfs_files(repository, [addition], repo_type="dataset")
        operations.append(addition)
        done += size
        progress(done, manifest.bytes)
    created = api.create_commit(
        repository,
        operations,
        repo_type="dataset",
        commit_message=f"Snapshot {manifest.version}",
        parent_commit=head.sha,
    )
    return created.oid


@contextmanager
def _hide_progress_bars() -> Iterator[None]:
    """Hide the progress bars of huggingface_hub, because there is one already."""
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    if are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()
