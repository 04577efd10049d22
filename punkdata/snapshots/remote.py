"""Snapshots at a URL, and the local cache of their files.

Any URL that fsspec supports works, for example s3://, gs://, file:// or memory://. The layout
below the URL is that of a data root:

    <URL>/snapshots/cryptopunks/latest
    <URL>/snapshots/cryptopunks/s2-0123456789ab/manifest.json, data/, shards/ ...

Files are cached on demand and verified against the manifest (size and SHA-256):

    <cache>/cryptopunks/<version>-<first 12 hex digits of the manifest's SHA-256>/
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import Path

import fsspec
from platformdirs import user_cache_dir

from punkdata.errors import DataError, PunkError, UsageError
from punkdata.files import (
    parse_root_url,
    redact_url,
    sha256_file,
    translate_os_errors,
    write_atomic,
)
from punkdata.snapshots.manifest import (
    VERSION_PATTERN,
    FileEntry,
    Manifest,
    check_version,
    read_manifest,
)
from punkdata.snapshots.url_io import read_url, url_errors

CHUNK_BYTES = 1 << 20
"""Number of bytes that a download reads at a time."""
_REPUBLISH_HINT = "upload it again with: punkdata publish URL --force"


def get_cache_dir() -> Path:
    """Return the cache folder: $PUNKDATA_CACHE, by default the one of this user.

    Raises:
        UsageError: PUNKDATA_CACHE is a URL.
    """
    folder = os.environ.get("PUNKDATA_CACHE") or user_cache_dir("punkdata", appauthor=False)
    if parse_root_url(folder):
        raise UsageError(
            f"PUNKDATA_CACHE is the URL {redact_url(folder)}", hint="set it to a local folder"
        )
    return Path(folder).expanduser()


@dataclass(frozen=True)
class RemoteSnapshot:
    """The location of a snapshot at a URL, and the folder of its local copy."""

    url: str
    """URL of the snapshot's own folder."""
    folder: Path
    """Folder in the cache, which is filled file by file."""
    manifest: Manifest
    """Parsed manifest.json."""

    def download(self, name: str, *, force: bool = False) -> Path:
        """Return the path of a cached file, after downloading it if it is missing or damaged.

        Args:
            name: Path of the file relative to the snapshot.
            force: Download it even if the cached copy matches the manifest.

        Raises:
            UsageError: The snapshot has no such file.
            DataError: The remote file is damaged or missing.
            NetworkError: The server cannot be reached.
            RefusedError: The server denies access.
            StorageError: The cache cannot be written.
        """
        entry = next((e for e in self.manifest.files if e.path == name), None)
        if entry is None:
            raise UsageError(f"the snapshot at {redact_url(self.url)} has no file {name}")
        path = self.folder / name
        with translate_os_errors(path):
            if force or not matches_entry(path, entry):
                self._download(entry, path)
        return path

    def _download(self, entry: FileEntry, path: Path) -> None:
        url = f"{self.url}/{entry.path}"
        not_found_error = DataError(
            f"{redact_url(url)} is missing, although its manifest lists it", hint=_REPUBLISH_HINT
        )
        # Another process may download the same file at the same time: each writes a temporary
        # file of its own, and the last rename wins.
        temporary = self.folder.parent / f".downloading-{uuid.uuid4().hex}"
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            digest, size = hashlib.sha256(), 0
            with (
                temporary.open("xb") as file,
                url_errors(url, not_found_error),
                fsspec.open(url, "rb") as source,
            ):
                while size <= entry.bytes and (chunk := source.read(CHUNK_BYTES)):
                    digest.update(chunk)
                    size += len(chunk)
                    file.write(chunk)
            if (size, digest.hexdigest()) != (entry.bytes, entry.sha256):
                raise DataError(
                    f"{redact_url(url)} differs from its manifest ({entry.bytes:,} bytes with the "
                    f"SHA-256 {entry.sha256[:12]}…)",
                    hint=_REPUBLISH_HINT,
                )
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def matches_entry(path: Path, entry: FileEntry) -> bool:
    """Return True if a file exists with the size and SHA-256 of its manifest entry."""
    return (
        path.is_file() and path.stat().st_size == entry.bytes and sha256_file(path) == entry.sha256
    )


def open_remote(url: str, version: str, collection: str) -> RemoteSnapshot:
    """Locate a snapshot at a URL and download its manifest; other files follow on demand.

    Args:
        url: URL of a data root, or of a snapshot's own folder.
        version: Version of the snapshot, or "latest".
        collection: Collection below the data root.

    Raises:
        UsageError: There is no such snapshot, or fsspec does not support the URL.
        SetupError: A package or credentials are missing.
        RefusedError: The server denies access.
        NetworkError: The server cannot be reached.
        DataError: The manifest is damaged.
    """
    url = url.rstrip("/")
    text = read_url(f"{url}/manifest.json")
    if text is None:
        url = _find_remote_folder(url, version, collection)
        text = read_url(f"{url}/manifest.json")
    if text is None:
        raise UsageError(f"there is no snapshot at {redact_url(url)}")
    manifest = _parse_manifest(text, url)
    check_version(manifest, version, redact_url(url))
    # Two builds of the same version may differ in the bytes of their files, so the name of the
    # cache folder also contains the hash of the manifest.
    digest = hashlib.sha256(text).hexdigest()[:12]
    folder = get_cache_dir() / manifest.collection / f"{manifest.version}-{digest}"
    file = folder / "manifest.json"
    with translate_os_errors(file):
        if not file.is_file() or file.read_bytes() != text:
            write_atomic(file, text)
    return RemoteSnapshot(url, folder, manifest)


def _find_remote_folder(root_url: str, version: str, collection: str) -> str:
    """Return the URL of a version's folder below the URL of a data root."""
    home = f"{root_url}/snapshots/{collection}"
    if version == "latest":
        latest = read_remote_latest(home)
        if latest is None:
            raise UsageError(
                f"no complete snapshot found at {redact_url(root_url)}",
                hint=f"publish one with: punkdata publish {redact_url(root_url)}",
            )
        version = latest
    elif not re.fullmatch(VERSION_PATTERN, version):
        raise UsageError(f"{version!r} is not the version of a snapshot")
    return f"{home}/{version}"


def read_remote_latest(home: str) -> str | None:
    """Return the version that `latest` names in a remote snapshots folder, or None."""
    version = (read_url(f"{home}/latest") or b"").decode("utf-8", "replace").strip()
    return version if re.fullmatch(VERSION_PATTERN, version) else None


def parse_manifest_or_none(text: bytes | None, url: str) -> Manifest | None:
    """Parse the bytes of a manifest; return None if there are none or they are damaged."""
    try:
        return None if text is None else _parse_manifest(text, url)
    except DataError:
        return None


def _parse_manifest(text: bytes, url: str) -> Manifest:
    """Parse the bytes of a manifest, with its URL in error messages."""
    # Validate a temporary copy, so that a damaged manifest never reaches the cache.
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "manifest.json").write_bytes(text)
        try:
            return read_manifest(Path(folder) / "manifest.json", hint=_REPUBLISH_HINT)
        except PunkError as error:
            message = error.message.replace(folder, redact_url(url))
            raise type(error)(message, hint=error.hint) from None
