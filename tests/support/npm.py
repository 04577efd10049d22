"""Download of files from npm packages. Nothing in a package is executed."""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
from pathlib import Path


def npm_file(package: str, sha256: str, member: str, folder: Path) -> bytes:
    """Return a file from a package whose archive has this SHA-256.

    Args:
        member: Path of the file in the archive.
        folder: Folder in which to store the archive.
    """
    packed = subprocess.run(
        ["npm", "pack", package, "--ignore-scripts", "--silent"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    archive = folder / packed.stdout.split()[-1]
    assert hashlib.sha256(archive.read_bytes()).hexdigest() == sha256
    with tarfile.open(archive) as tar:
        file = tar.extractfile(member)
        assert file
        return file.read()
