"""Snapshots elsewhere: any URL that fsspec opens, as s3://, gs://, file:// or memory://.

Below the URL lies what lies below a data root:

    <URL>/snapshots/cryptopunks/latest
    <URL>/snapshots/cryptopunks/s2-0123456789ab/manifest.json, data/, shards/ ...

Files are sent first, the manifest last, then `latest`: so whoever finds a manifest finds a whole
snapshot, and an upload that was torn is not to be seen. What is read is kept in a cache, and a file
counts only if it has the size and the hash that the manifest says:

    <cache>/cryptopunks/<version>-<12 hex of the manifest's hash>/
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


def get_cache_dir() -> Path:
    """PUNKDATA_CACHE, else ~/.cache/punkdata.

    Raises:
        UsageError: it is a URL.
    """
    chosen = os.environ.get("PUNKDATA_CACHE") or "~/.cache/punkdata"
    if parse_root_url(chosen):
        raise UsageError(f"PUNKDATA_CACHE is {redact_url(chosen)}, no folder")
    return Path(chosen).expanduser()


@dataclass(frozen=True)
class RemoteSnapshot:
    """A snapshot's folder elsewhere, and its copy in the cache, which grows file by file."""

    url: str
    folder: Path
    manifest: Manifest

    def download(self, name: str, *, force: bool = False) -> Path:
        """The copy of a file, checked against the manifest; brought `anew`, or if it is not right.

        Raises:
            UsageError: the snapshot has no such file.
            DataError: what lies elsewhere is damaged.
            NetworkError, RefusedError, StorageError: it cannot be brought.
        """
        entry = next((e for e in self.manifest.files if e.path == name), None)
        if entry is None:
            raise UsageError(f"{redact_url(self.url)} has no {name}")
        path = self.folder / name
        with translate_os_errors(path):
            if force or not is_right(path, entry):
                self._download(entry, path)
        return path

    def _download(self, entry: FileEntry, path: Path) -> None:
        url, again = f"{self.url}/{entry.path}", "send it again with: punkdata publish URL --force"
        missing = DataError(
            f"{redact_url(url)} is missing, though its manifest names it", hint=again
        )
        # Another process may be bringing the same: each writes beside, the last one wins.
        beside = self.folder.parent / f".bringing-{uuid.uuid4().hex}"
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            digest, size = hashlib.sha256(), 0
            with (
                beside.open("xb") as file,
                url_errors(url, missing),
                fsspec.open(url, "rb") as source,
            ):
                while size <= entry.bytes and (chunk := source.read(CHUNK_BYTES)):
                    digest.update(chunk)
                    size += len(chunk)
                    file.write(chunk)
            if (size, digest.hexdigest()) != (entry.bytes, entry.sha256):
                raise DataError(
                    f"{redact_url(url)} is not what its manifest says ({entry.bytes:,} bytes of "
                    f"SHA-256 {entry.sha256[:12]}…)",
                    hint=again,
                )
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


def is_right(path: Path, entry: FileEntry) -> bool:
    """Whether a file is there as the manifest says."""
    return (
        path.is_file() and path.stat().st_size == entry.bytes and sha256_file(path) == entry.sha256
    )


def open_remote(url: str, version: str, collection: str) -> RemoteSnapshot:
    """A snapshot below a URL; its manifest is brought, its files when they are asked for.

    Args:
        url: a data root's, or a snapshot's own.
        version: a name, or "latest".

    Raises:
        UsageError: there is none, or fsspec knows no such URL.
        SetupError: a package or credentials are missing.
        RefusedError, NetworkError: the other side refuses, or is not there.
        DataError: the manifest is damaged.
    """
    url = url.rstrip("/")
    text = read_url(f"{url}/manifest.json")
    if text is None:
        home = f"{url}/snapshots/{collection}"
        if version == "latest":
            named = read_remote_latest(home)
            if named is None:
                raise UsageError(
                    f"{redact_url(url)} has no complete snapshot",
                    hint=f"publish one with: punkdata publish {redact_url(url)}",
                )
            version = named
        elif not re.fullmatch(VERSION_PATTERN, version):
            raise UsageError(f"{version!r} is not a version of a snapshot")
        url = f"{home}/{version}"
        text = read_url(f"{url}/manifest.json")
    if text is None:
        raise UsageError(f"{redact_url(url)} is no snapshot")
    manifest = _parsed(text, url)
    check_version(manifest, version, redact_url(url))
    # By its own hash, because files of the same content may differ in their bytes.
    digest = hashlib.sha256(text).hexdigest()[:12]
    cached = get_cache_dir() / manifest.collection / f"{manifest.version}-{digest}"
    file = cached / "manifest.json"
    with translate_os_errors(file):
        if not file.is_file() or file.read_bytes() != text:
            write_atomic(file, text)
    return RemoteSnapshot(url, cached, manifest)


def read_remote_latest(home: str) -> str | None:
    """The version that `latest` names; None if there is none."""
    version = (read_url(f"{home}/latest") or b"").decode("utf-8", "replace").strip()
    return version if re.fullmatch(VERSION_PATTERN, version) else None


def _parsed(text: bytes, url: str) -> Manifest:
    with tempfile.TemporaryDirectory() as folder:  # before it gets its place it must be right
        (Path(folder) / "manifest.json").write_bytes(text)
        try:
            return read_manifest(Path(folder) / "manifest.json")
        except PunkError as error:
            message = error.message.replace(folder, redact_url(url))
            raise type(error)(message, hint=error.hint) from None


def parse_manifest_or_none(text: bytes | None, url: str) -> Manifest | None:
    """None of a manifest that is not there, or damaged."""
    try:
        return None if text is None else _parsed(text, url)
    except DataError:
        return None
