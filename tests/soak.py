"""Soak test: ten minutes of random commands under random faults (`make soak`).

    python tests/soak.py [--seconds 600] [--seed 1]

The commands fetch from two local OpenSea servers that misbehave in every way that loses no data,
then build, verify, compare and delete. They run on a small disk that is sometimes full or
read-only, with kills, truncated files, clocks that jump, and two processes at once. After each
command:

- every finished recording and snapshot that was not deleted still exists, with correct hashes;
- no incomplete snapshot is visible, and `latest` refers to a complete one;
- every complete snapshot has the same version as one that was built without faults;
- a command that failed printed one line, and ended with a documented exit code.

At the end, fetching from both servers must succeed without faults. The test exits with 1 at the
first violation, and prints where the data is. The small disk needs Linux and the commands
`unshare` and `mount` of util-linux; without them, the disk faults are skipped.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from support.opensea_market import WRAPPERS, wrapped_sale
from support.opensea_server import KEY, OpenSeaServer
from support.opensea_worst import make_worst
from support.paths import TESTS
from support.sales_events import listing, make_sales, paid
from support.small_disk import UNSHARE, can_mount, disk_fault, small_disk
from support.soak_checks import (
    ViolationError,
    check_nothing_lost,
    measure_root,
    simulate_power_failure,
)
from support.sprites import make_punks

from punkdata.snapshots.reader import list_snapshots, open_snapshot
from punkdata.sources.recording import list_recordings

NUM_PUNKS = 40
LIMIT = 15
EXIT_CODES = {0, 2, 4, 5, 6, 7, 130}
HAS_DISK = "SOAK_HAS_DISK"
"""Environment variable of the process that may mount the small disk."""


@dataclass
class Soak:
    """A sequence of random commands in one data root."""

    root: Path
    urls: list[str]
    """Base URLs of the servers."""
    valid_versions: set[str]
    """Versions that complete snapshots may have."""
    rng: random.Random
    has_disk: bool
    """Whether the root is on a small disk."""
    torn: set[str] = field(default_factory=set)
    """Names of unfinished recordings that lost data in a power failure."""
    counts: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    """Number of commands by name, fault and exit code."""

    def choose_command(self) -> list[str]:
        """Return a random command that makes sense for the current content of the root."""
        rng = self.rng
        snapshots = [s.version for s in list_snapshots(self.root)]
        recordings = [r.name for r in list_recordings(self.root)]
        weights = {"fetch": 8, "build-dataset": 6, "verify": 3, "diff": 2, "info": 1}
        weights["list"] = 1
        name = rng.choices(list(weights), list(weights.values()))[0]
        if name == "fetch":
            limit = rng.choice([[], [], ["--limit", str(LIMIT)]])
            return ["fetch", "--base-url", rng.choice(self.urls), *limit]
        if name == "build-dataset" and recordings and rng.random() < 0.5:
            return ["build-dataset", str(self.root / "raw" / rng.choice(recordings))]
        if name == "verify" and snapshots:
            return ["verify", rng.choice(snapshots)]
        if name == "diff" and snapshots:
            return ["diff", rng.choice(snapshots), rng.choice(snapshots)]
        return [name] if name in ("build-dataset", "info", "list", "verify") else ["list"]

    def choose_fault(self) -> str:
        faults = ["none", "none", "kill", "power failure", "ctrl-c", "clock", "two at once"]
        return self.rng.choice([*faults, *(["full", "full", "read-only"] * self.has_disk)])

    def start(self, command: list[str], fault: str) -> subprocess.Popen[str]:
        """Start a command; with the fault "clock", its clock jumps."""
        ahead_s = after_s = 0.0
        if fault == "clock":
            ahead_s = self.rng.choice([-1, 1]) * 10 ** self.rng.uniform(1, 8)
            after_s = self.rng.uniform(0, 2)
        # With -P, the folder of the script does not hide other packages.
        script = [sys.executable, "-P", str(TESTS / "support" / "jumping_clock.py")]
        return subprocess.Popen(
            [*script, str(ahead_s), str(after_s), *command],
            env=os.environ | {"PUNKDATA_ROOT": str(self.root), "OPENSEA_API_KEY": KEY},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def step(self) -> None:
        """Run one random command with one random fault, and check the root.

        Raises:
            ViolationError: see the docstring of this module.
        """
        fault = self.choose_fault()
        commands = [self.choose_command() for _ in range(2 if fault == "two at once" else 1)]
        before = self.measure()
        with disk_fault(self.root.parent, fault, self.rng):
            processes = [self.start(command, fault) for command in commands]
            if fault in ("kill", "power failure", "ctrl-c"):
                time.sleep(self.rng.uniform(0.3, 3))
                is_ctrl_c = fault == "ctrl-c"
                processes[0].send_signal(signal.SIGINT if is_ctrl_c else signal.SIGKILL)
            for process, command in zip(processes, commands, strict=True):
                stderr = process.communicate(timeout=300)[1]
                self.counts[command[0], fault, process.returncode] += 1
                check_exit(command, fault, process.returncode, stderr)
        if fault == "power failure":
            self.torn |= simulate_power_failure(self.root, self.rng)
        check_nothing_lost(before, self.measure(), self.torn)

    def measure(self) -> dict[str, int]:
        return measure_root(self.root, self.valid_versions, self.torn)

    def run_without_faults(self, commands: list[list[str]]) -> None:
        """Run commands that must succeed.

        Raises:
            ViolationError: one of them failed.
        """
        for command in commands:
            process = self.start(command, "none")
            stderr = process.communicate(timeout=300)[1]
            if process.returncode:
                raise ViolationError(f"{command} ended with {process.returncode}: {stderr}")

    def finish(self) -> None:
        """Fetch and build from both servers without faults, and check the root."""
        for url in self.urls:
            self.run_without_faults([["fetch", "--base-url", url], ["build-dataset"], ["verify"]])
        self.measure()

    def print_counts(self) -> None:
        for name in sorted({key[0] for key in self.counts}):
            codes: dict[str, dict[int, int]] = {}
            for (command, fault, code), count in sorted(self.counts.items()):
                if command == name:
                    codes.setdefault(fault, {})[code] = count
            print(f"{name}: {'; '.join(f'{fault} {found}' for fault, found in codes.items())}")


def check_exit(command: list[str], fault: str, code: int, stderr: str) -> None:
    """Raise ViolationError unless a command ended with a documented exit code and one error."""
    description = f"{' '.join(command)} ({fault}) ended with {code}:\n{stderr}"
    # While Python imports punkdata, and after it has run, Ctrl-C ends Python itself.
    is_quiet = "error: " not in stderr and KEY not in stderr
    if code == -signal.SIGINT and fault == "ctrl-c" and is_quiet:
        return
    if "Traceback" in stderr or KEY in stderr:
        raise ViolationError(description)
    if code == -signal.SIGKILL and fault in ("kill", "power failure"):
        return
    errors = [line for line in stderr.splitlines() if line.startswith("error: ")]
    if code not in EXIT_CODES or (code != 0) != (len(errors) == 1):
        raise ViolationError(description)


def compute_valid_versions(urls: list[str], folder: Path, limit: int | None) -> set[str]:
    """Return the versions of snapshots, or of samples, that are built without kills."""
    versions = set()
    for number, url in enumerate(urls):
        soak = Soak(folder / str(number), urls, set(), random.Random(0), has_disk=False)
        options = ["--limit", str(limit)] if limit else []
        soak.run_without_faults([["fetch", "--base-url", url, *options], ["build-dataset"]])
        versions.add(open_snapshot(soak.root).version)
    return versions


def run_soak(soak: Soak, seconds: float) -> None:
    """Run random commands; at a violation, copy the data to a new folder and exit with 1."""
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            soak.step()
        soak.finish()
    except Exception as error:  # noqa: BLE001  # the data is copied after any failure
        copy = Path(tempfile.mkdtemp(prefix="soak-failed-")) / "data"
        shutil.copytree(soak.root, copy, dirs_exist_ok=True)
        soak.print_counts()
        sys.exit(f"after {soak.counts.total()} commands: {error!r}\n{error}\ndata: {copy}")
    soak.print_counts()
    print(f"{soak.counts.total()} commands; nothing was lost, and nothing incomplete was visible")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    args = parser.parse_args()
    if HAS_DISK not in os.environ and can_mount():
        command = [*UNSHARE, sys.executable, *sys.argv, "--seed", str(args.seed)]
        os.execvpe(command[0], command, os.environ | {HAS_DISK: "1"})
    has_disk = HAS_DISK in os.environ
    print(f"seed {args.seed}{'' if has_disk else '; disk faults are skipped'}", flush=True)

    punks = make_punks(NUM_PUNKS)
    offers = [listing(2, "9.5"), listing(4, "70"), listing(4, "65.5")]
    servers = [
        OpenSeaServer(punks, make_sales(punks, num_sales), list(offers), lists_owners=True)
        for num_sales in (150, 420)
    ]
    for server in servers:
        server.market.wrapped = {
            slug: [wrapped_sale(i, 1_600_000_000 + i, paid("2"), slug) for i in range(30)]
            for slug in WRAPPERS
        }
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        urls = [stack.enter_context(server).base_url for server in servers]
        valid_versions = compute_valid_versions(urls, folder / "calm", None)
        for number, server in enumerate(servers):
            make_worst(server, seed=number)
            server.faults.reply_delay_s = 0.004
        # Which tokens a sample has depends on the rows of the list that can be read.
        valid_versions |= compute_valid_versions(urls, folder / "samples", LIMIT)
        disk = folder / "disk"
        disk.mkdir()
        if has_disk:
            stack.enter_context(small_disk(disk))
        rng = random.Random(args.seed)
        run_soak(Soak(disk / "data", urls, valid_versions, rng, has_disk), args.seconds)


if __name__ == "__main__":
    main()
