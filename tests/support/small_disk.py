"""A small file system in memory that can be made full or read-only. Linux only."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

SIZE = "200m"
UNSHARE = ["unshare", "--map-root-user", "--mount"]
"""Command that runs another one in a namespace of its own, where it may mount file systems."""


def can_mount() -> bool:
    """Return whether this user can mount file systems in a namespace of their own."""
    command = [*UNSHARE, "mount", "-t", "tmpfs", "none", "/mnt"]
    with contextlib.suppress(OSError):
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    return False


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mount a small file system on a folder. The process must run under `UNSHARE`."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", folder]
    subprocess.run(command, check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=False)


@contextlib.contextmanager
def disk_fault(folder: Path, fault: str, rng: random.Random) -> Iterator[None]:
    """Make the file system on a folder "full" or "read-only" inside the block.

    A full one has less than 60 kB left. Other faults are ignored.
    """
    if fault == "full":
        status = os.statvfs(folder)
        used_bytes = (status.f_blocks - status.f_bfree) * status.f_frsize
        _remount(folder, f"size={used_bytes + rng.randrange(60_000)}")
    elif fault == "read-only":
        _remount(folder, "ro")
    try:
        yield
    finally:
        if fault in ("full", "read-only"):
            _remount(folder, f"rw,size={SIZE}")


def _remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)
