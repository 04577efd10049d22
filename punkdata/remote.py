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

import errno
import hashlib
import os
import re
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec

from punkdata.disk import sha256_file, shown, storage_errors, url_of, write_whole
from punkdata.errors import (
    DataError,
    NetworkError,
    PunkError,
    RefusedError,
    SetupError,
    StorageError,
    UsageError,
)
from punkdata.manifest import VERSION_PATTERN, FileEntry, Manifest, gives_way, read_manifest

CHUNK_BYTES = 1 << 20
OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "az", "abfs", "adl", "memory"}
"""where an object is there whole or not at all, and folders are but names"""


def default_cache() -> Path:
    """PUNKDATA_CACHE, else ~/.cache/punkdata.

    Raises:
        UsageError: it is a URL.
    """
    chosen = os.environ.get("PUNKDATA_CACHE") or "~/.cache/punkdata"
    if url_of(chosen):
        raise UsageError(f"PUNKDATA_CACHE is {shown(chosen)}, no folder")
    return Path(chosen).expanduser()


@dataclass(frozen=True)
class RemoteSnapshot:
    """A snapshot's folder elsewhere, and its copy in the cache, which grows file by file."""

    url: str
    folder: Path
    manifest: Manifest

    def bring(self, name: str, *, anew: bool = False) -> Path:
        """The copy of a file, checked against the manifest; brought `anew`, or if it is not right.

        Raises:
            UsageError: the snapshot has no such file.
            DataError: what lies elsewhere is damaged.
            NetworkError, RefusedError, StorageError: it cannot be brought.
        """
        entry = next((e for e in self.manifest.files if e.path == name), None)
        if entry is None:
            raise UsageError(f"{shown(self.url)} has no {name}")
        path = self.folder / name
        if anew or not is_right(path, entry):
            self._download(entry, path)
        return path

    def _download(self, entry: FileEntry, path: Path) -> None:
        url = f"{self.url}/{entry.path}"
        missing = DataError(
            f"{shown(url)} is missing, though its manifest names it",
            try_next="send the snapshot again with: punkdata publish URL --force",
        )
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            # Another process may be bringing the same: each writes beside, the last one wins.
            with tempfile.NamedTemporaryFile(
                dir=self.folder.parent, prefix=".bringing-", delete=False
            ) as file:
                beside = Path(file.name)
                try:
                    digest, size = hashlib.sha256(), 0
                    with talking(url, missing), fsspec.open(url, "rb") as source:
                        while chunk := source.read(CHUNK_BYTES):
                            digest.update(chunk)
                            size += len(chunk)
                            if size > entry.bytes:
                                break  # whatever else comes
                            file.write(chunk)
                    if (size, digest.hexdigest()) != (entry.bytes, entry.sha256):
                        raise DataError(
                            f"{shown(url)} is not what its manifest says ({entry.bytes:,} bytes of "
                            f"SHA-256 {entry.sha256[:12]}…)",
                            try_next="send the snapshot again with: punkdata publish URL --force",
                        )
                    file.close()
                    beside.replace(path)
                except BaseException:
                    file.close()
                    beside.unlink(missing_ok=True)
                    raise


def is_right(path: Path, entry: FileEntry) -> bool:
    """Whether a file is there as the manifest says."""
    return (
        path.is_file() and path.stat().st_size == entry.bytes and sha256_file(path) == entry.sha256
    )


def find_remote(url: str, version: str, collection: str) -> RemoteSnapshot:
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
    text = _read(f"{url}/manifest.json")
    if text is None:
        home = f"{url}/snapshots/{collection}"
        if version == "latest":
            named = _latest(home)
            if named is None:
                raise UsageError(
                    f"{shown(url)} has no complete snapshot",
                    try_next=f"publish one with: punkdata publish {shown(url)}",
                )
            version = named
        elif not re.fullmatch(VERSION_PATTERN, version):
            raise UsageError(f"{version!r} is not a version of a snapshot")
        url = f"{home}/{version}"
        text = _read(f"{url}/manifest.json")
    if text is None:
        raise UsageError(f"{shown(url)} is no snapshot")
    manifest = _parsed(text, url)
    # By its own hash, because files of the same content may differ in their bytes.
    digest = hashlib.sha256(text).hexdigest()[:12]
    cached = default_cache() / manifest.collection / f"{manifest.version}-{digest}"
    file = cached / "manifest.json"
    if not file.is_file() or file.read_bytes() != text:
        write_whole(cached / "manifest.json", text)
    return RemoteSnapshot(url, cached, manifest)


def publish(
    folder: Path,
    manifest: Manifest,
    url: str,
    report: Callable[[int, int], None] = lambda done, total: None,
    *,
    force: bool = False,
) -> tuple[str, bool, bool]:
    """Send a snapshot below a URL, manifest last.

    Args:
        folder: the snapshot's own, checked.
        report: bytes sent, and of all.
        force: send it even if it is there already, because what is there is damaged; until all has
            arrived, there is none.

    Returns:
        Its URL; whether it was sent now, False if it was there already; and whether `latest` names
        it, which partial snapshots and samples of what is there in full do not get.

    Raises:
        As `find_remote`, and StorageError.
    """
    home = f"{url.rstrip('/')}/snapshots/{manifest.collection}"
    target = f"{home}/{manifest.version}"
    text = _read(f"{target}/manifest.json")
    is_there = text is not None
    created = force or _parsed_or_none(text, target) is None
    with talking(target):
        fs, path = fsspec.core.url_to_fs(target)
    if created and "file" in _protocols(fs) and Path(path).resolve() == folder.resolve():
        raise UsageError(f"{folder} cannot be sent to itself", try_next="choose another URL")
    if created:
        if is_there:
            with talking(target):
                fs, path = fsspec.core.url_to_fs(f"{target}/manifest.json")
                fs.rm_file(path)
        total, sent = sum(entry.bytes for entry in manifest.files), 0
        report(0, total)
        for entry in manifest.files:
            _write(f"{target}/{entry.path}", folder / entry.path)
            sent += entry.bytes
            report(sent, total)
        with talking(target):
            fs, path = fsspec.core.url_to_fs(target)
            fs.invalidate_cache()
            sizes = {e.path: fs.info(f"{path}/{e.path}")["size"] for e in manifest.files}
        for entry in manifest.files:
            if sizes[entry.path] != entry.bytes:
                raise NetworkError(
                    f"{shown(target)}/{entry.path} arrived with {sizes[entry.path]:,} of "
                    f"{entry.bytes:,} bytes",
                    try_next="run the same command again",
                )
        _write(f"{target}/manifest.json", folder / "manifest.json")
    newest = _parsed_or_none(_read(f"{home}/{_latest(home)}/manifest.json"), home)
    if not gives_way(manifest, newest):
        with tempfile.TemporaryDirectory() as beside:
            (Path(beside) / "latest").write_text(f"{manifest.version}\n", "utf-8")
            _write(f"{home}/latest", Path(beside) / "latest")
    return target, created, _latest(home) == manifest.version


def _latest(home: str) -> str | None:
    """The version that `latest` names; None if there is none."""
    version = (_read(f"{home}/latest") or b"").decode("utf-8", "replace").strip()
    return version if re.fullmatch(VERSION_PATTERN, version) else None


def _parsed(text: bytes, url: str) -> Manifest:
    with tempfile.TemporaryDirectory() as folder:  # before it gets its place it must be right
        (Path(folder) / "manifest.json").write_bytes(text)
        try:
            return read_manifest(Path(folder) / "manifest.json")
        except PunkError as error:
            message = error.message.replace(folder, shown(url))
            raise type(error)(message, try_next=error.try_next) from None


def _parsed_or_none(text: bytes | None, url: str) -> Manifest | None:
    """None of a manifest that is not there, or damaged."""
    try:
        return None if text is None else _parsed(text, url)
    except DataError:
        return None


def _read(url: str) -> bytes | None:
    """A small file; None if there is none."""
    with talking(url):
        fs, path = fsspec.core.url_to_fs(url)
        try:
            data: bytes = fs.cat_file(path)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        return data


def _write(url: str, file: Path) -> None:
    """Send a file, so that it is there whole or not at all."""
    missing = UsageError(f"{shown(url)} cannot be written: there is no such bucket or place")
    with talking(url, missing):
        fs, path = fsspec.core.url_to_fs(url)
        if OBJECT_STORES & set(_protocols(fs)):
            fs.put_file(str(file), path)
            return
        parent = path.rpartition("/")[0]
        fs.makedirs(parent, exist_ok=True)
        # In no snapshot's folder: after a kill -9 it stays.
        head, found, _ = parent.partition("/snapshots/")
        beside = f"{head if found else parent}/.sending-{uuid.uuid4().hex}"
        try:
            fs.put_file(str(file), beside)
            fs.mv(beside, path)
        except BaseException:
            with suppress(Exception):
                fs.rm_file(beside)
            raise


def _protocols(fs: Any) -> tuple[str, ...]:
    return (fs.protocol,) if isinstance(fs.protocol, str) else tuple(fs.protocol)


@contextmanager
def talking(url: str, missing: PunkError | None = None) -> Iterator[None]:
    """Turn what other libraries raise about a URL into an error of ours.

    Args:
        missing: what is raised when there is no such file; without it FileNotFoundError.
    """
    scheme = url.partition("://")[0]
    try:
        yield
    except PunkError:
        raise
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        if missing is None:
            raise
        raise missing from None
    except ImportError as error:
        raise SetupError(
            f"{scheme}:// needs a package that is not installed ({error})",
            try_next='pip install "punkdata[s3]"' if scheme in ("s3", "s3a") else None,
        ) from None
    except PermissionError as error:
        raise RefusedError(
            f"{shown(url)} is refused ({_told(error)})", try_next="check your credentials for it"
        ) from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):  # the disk here, or where a file:// is
            raise StorageError(
                f"{shown(url)}: {error.strerror}", try_next="make room, then type the same again"
            ) from None
        raise _unreachable(url, error) from None
    except Exception as error:  # noqa: BLE001  # each file system has errors of its own
        if isinstance(error, ValueError) and "rotocol" in str(error):
            raise UsageError(f"{scheme}:// is no file system that fsspec knows") from None
        if "Credentials" in type(error).__name__:
            raise SetupError(
                f"there are no credentials for {shown(url)}",
                try_next="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or FSSPEC_S3_ANON=true "
                "if it is public",
            ) from None
        raise _unreachable(url, error) from None


def _unreachable(url: str, error: Exception) -> NetworkError:
    return NetworkError(
        f"{shown(url)} cannot be reached ({_told(error)})", try_next="try again later"
    )


def _told(error: Exception) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0][:200]}" if text else type(error).__name__
