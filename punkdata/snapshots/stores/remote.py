"""Snapshots at a URL, read through a local cache of their files.

Any URL that fsspec supports works, for example s3://, gs://, file:// or memory://. The layout
below the URL is that of a data root. Files are cached on demand and verified against the manifest:

    <cache>/cryptopunks/<version>-<first 12 hex digits of the manifest's SHA-256>/

fsspec's own caches (simplecache, filecache) would not do: they download straight to the final
name, where other processes find incomplete files, and they do not limit the size of a download.
"""

import hashlib
import re
import uuid
from pathlib import Path

import fsspec

from punkdata.errors import DataError, UsageError
from punkdata.files import DEFAULT_COLLECTION, translate_os_errors, write_atomic
from punkdata.paths import find_cache
from punkdata.safe_text import redact_url
from punkdata.snapshots.manifest import (
    VERSION_PATTERN,
    FileEntry,
    Manifest,
    parse_latest,
    parse_manifest,
)
from punkdata.snapshots.stores.urls import REPUBLISH_HINT, read_optional, read_url, url_errors


def open_remote(url: str, version: str) -> tuple[Path, Manifest, str]:
    """Locate a snapshot at the URL of a data root or of its own folder.

    Returns its folder in the cache, which contains only the manifest until files are downloaded,
    the manifest, and the URL of its own folder. Raises the errors of `open_snapshot`.
    """
    url = url.rstrip("/")
    if url.startswith("hf://"):
        from punkdata.snapshots.stores.hub import find_on_hub

        url, data = find_on_hub(url, version)
    else:
        url, data = _find_below_root(url, version)
    manifest = parse_manifest(data, f"{redact_url(url)}/manifest.json", REPUBLISH_HINT)
    manifest.check_version(version, redact_url(url))
    # Two builds of the same version may differ in the bytes of their files, so the name of the
    # cache folder also contains the hash of the manifest.
    digest = hashlib.sha256(data).hexdigest()[:12]
    folder = find_cache() / DEFAULT_COLLECTION / f"{manifest.version}-{digest}"
    file = folder / "manifest.json"
    try:
        with translate_os_errors(file):
            if not file.is_file() or file.read_bytes() != data:
                write_atomic(file, data)
    except UsageError as error:
        hint = "set PUNKDATA_CACHE to a folder that can be written"
        raise UsageError(f"{error.message} (the cache of snapshots)", hint=hint) from None
    return folder, manifest, url


def _find_below_root(url: str, version: str) -> tuple[str, bytes]:
    """Return the URL of a snapshot's folder, and its manifest, below a data root or at the URL."""
    is_snapshot = re.fullmatch(VERSION_PATTERN, url.rpartition("/")[2])
    read = read_url if is_snapshot else read_optional
    if data := read(f"{url}/manifest.json"):
        return url, data
    home, found = f"{url}/snapshots/{DEFAULT_COLLECTION}", version
    if version == "latest" and not is_snapshot:
        found = _read_latest(home)
    data = None
    if re.fullmatch(VERSION_PATTERN, found) and not is_snapshot:
        data = read_url(f"{home}/{found}/manifest.json")
    if data is None:
        raise UsageError(f"there is no snapshot {found} at {redact_url(url)}")
    return f"{home}/{found}", data


def _read_latest(home: str) -> str:
    """Return the version that `latest` names in a remote snapshots folder."""
    url = redact_url(home).removesuffix(f"/snapshots/{DEFAULT_COLLECTION}")
    data = read_url(f"{home}/latest")
    if data is None:
        raise UsageError(
            f"no complete snapshot found at {url}: there is no file {redact_url(home)}/latest",
            hint=f"publish one with: punkdata publish {url}",
        )
    version = parse_latest(data)
    if version is None:
        problem = "does not name a version" if data.strip() else "is empty"
        raise DataError(f"{redact_url(home)}/latest {problem}", hint=REPUBLISH_HINT)
    return version


def download_file(snapshot_url: str, entry: FileEntry, folder: Path) -> None:
    """Copy a file of a snapshot to its folder, where it appears once it is complete and verified.

    Raises DataError if it is missing or differs from its manifest entry.
    """
    url, path = f"{snapshot_url}/{entry.path}", folder / entry.path
    not_found = DataError(
        f"{redact_url(url)} is missing, although its manifest lists it", hint=REPUBLISH_HINT
    )
    # Each process writes a temporary file of its own, and the last rename wins. It is outside the
    # snapshot's folder, because it stays there if the process is killed.
    temporary = folder.parent / f".downloading-{uuid.uuid4().hex}"
    with translate_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with (
                temporary.open("xb") as file,
                url_errors(url, not_found),
                fsspec.open(url, "rb") as source,
            ):
                while file.tell() <= entry.bytes and (chunk := source.read(1 << 20)):
                    file.write(chunk)
            if entry.find_damage(temporary):
                raise DataError(
                    f"{redact_url(url)} differs from its manifest ({entry.bytes:,} bytes with the "
                    f"SHA-256 {entry.sha256[:12]}…)",
                    hint=REPUBLISH_HINT,
                )
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
