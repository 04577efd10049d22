"""Ten minutes of commands in random order while everything around them fails: `make soak`.

    python tests/soak.py [--seconds 600] [--seed 1]

Fetches from two local OpenSeas that misbehave, builds, checks, compares and deletes, on a small
disk of its own that is full or read-only at times, with kills, torn files, clocks that jump, and
two processes at once. After each command:

- what had been finished and was not deleted is there, every hash of it right;
- no snapshot is half visible, and `latest` names a whole one;
- a complete snapshot has the version that its source's content has without any fault;
- whoever failed said so in one line, with an exit code that the README lists.

At the end the faults stop, and both sources must come through. Exits 1 at the first violation,
leaving the data where it tells. A real disk needs Linux and util-linux' unshare and mount; without
them the faults of disks are left out, and it says so.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from support.opensea_server import KEY, Faults, OpenSeaServer
from support.sales_events import make_sales
from support.sprites import make_punks

from punkdata.snapshots.reader import (
    find_damaged_files,
    get_latest_version,
    list_snapshots,
    open_snapshot,
)
from punkdata.sources.find_recording import list_recordings

PUNKS = 40
LIMIT = 15
EXIT_CODES = {0, 2, 4, 5, 6, 7, 130}
HAS_DISK = "SOAK_HAS_DISK"
"""set in the process that may mount"""

COMMAND = """
import sys, time
from datetime import UTC, datetime
ahead_s, from_s = float(sys.argv[1]), time.monotonic() + float(sys.argv[2])
real = time.time
def jumping():
    return real() + (ahead_s if time.monotonic() > from_s else 0)
class Jumping(datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.fromtimestamp(jumping(), tz)
time.time = jumping
from punkdata import files
from punkdata.sources import recording
files.utc_now = recording.utc_now = lambda: Jumping.now(UTC).replace(microsecond=0)
recording.datetime = Jumping
from punkdata.cli.app import main
sys.argv[1:3] = []
main()
"""
"""the command line, with a clock that jumps by argv[1] seconds after argv[2] of them"""


class ViolationError(Exception):
    pass


@dataclass
class Soak:
    root: Path
    urls: list[str]
    expected: set[str]
    """versions that complete snapshots may have"""
    dice: random.Random
    has_disk: bool
    torn: set[str] = field(default_factory=set)
    """unfinished recordings that have lost something by a power cut"""
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """(command, fault, how it ended) -> times"""

    def draw_command(self) -> list[str]:
        dice = self.dice
        snapshots = [s.version for s in list_snapshots(self.root)]
        recordings = [r.name for r in list_recordings(self.root)]
        kind = dice.choices(
            ["fetch", "build-dataset", "verify", "diff", "rm", "info", "list"],
            [8, 6, 3, 2, 3, 1, 1],
        )[0]
        if kind == "fetch":
            limit = dice.choice([[], [], ["--limit", str(LIMIT)]])
            return ["fetch", "--base-url", dice.choice(self.urls), *limit]
        if kind == "build-dataset" and recordings and dice.random() < 0.5:
            return ["build-dataset", str(self.root / "raw" / dice.choice(recordings))]
        if kind == "verify" and snapshots:
            return ["verify", dice.choice(snapshots)]
        if kind == "diff" and snapshots:
            return ["diff", dice.choice(snapshots), dice.choice(snapshots)]
        if kind == "rm" and snapshots + recordings:
            force = dice.choice([[], ["--force"]])
            return ["rm", dice.choice(snapshots + recordings), "--yes", *force]
        return [kind] if kind in ("build-dataset", "info", "list", "verify") else ["list"]

    def draw_fault(self) -> str:
        faults = ["none", "none", "kill", "power cut", "ctrl-c", "clock", "two at once"]
        return self.dice.choice([*faults, *(["full", "full", "read-only"] * self.has_disk)])

    def start(self, command: list[str], fault: str) -> subprocess.Popen[str]:
        ahead_s = after_s = 0.0
        if fault == "clock":
            ahead_s = self.dice.choice([-1, 1]) * 10 ** self.dice.uniform(1, 8)
            after_s = self.dice.uniform(0, 2)
        return subprocess.Popen(
            [sys.executable, "-c", COMMAND, str(ahead_s), str(after_s), *command],
            env=os.environ | {"PUNKDATA_ROOT": str(self.root), "OPENSEA_API_KEY": KEY},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def step(self) -> None:
        command, fault = self.draw_command(), self.draw_fault()
        removed = {command[1]} if command[0] == "rm" else set()
        others = []
        before = self.state()
        with self.disk(fault):
            running = [self.start(command, fault)]
            if fault == "two at once":
                others = self.draw_command()
                removed |= {others[1]} if others[0] == "rm" else set()
                running.append(self.start(others, fault))
            if fault in ("kill", "power cut", "ctrl-c"):
                time.sleep(self.dice.uniform(0.3, 3))
                running[0].send_signal(signal.SIGINT if fault == "ctrl-c" else signal.SIGKILL)
            for process, words in zip(running, (command, others), strict=False):
                said = process.communicate(timeout=300)[1]
                self.counts[words[0], fault, f"exit {process.returncode}"] += 1
                self.judge(words, fault, process.returncode, said)
        if fault == "power cut":
            self.cut_power()
        self.compare(before, self.state(), removed)

    @contextlib.contextmanager
    def disk(self, fault: str):  # type: ignore[no-untyped-def]
        if fault == "full":
            now = os.statvfs(self.root.parent)
            used = (now.f_blocks - now.f_bfree) * now.f_frsize
            remount(self.root.parent, f"size={used + self.dice.randrange(60_000)}")
        elif fault == "read-only":
            remount(self.root.parent, "ro")
        try:
            yield
        finally:
            if fault in ("full", "read-only"):
                remount(self.root.parent, "rw,size=200m")

    def judge(self, command: list[str], fault: str, code: int, said: str) -> None:
        what = f"{' '.join(command)} ({fault}) ended with {code}:\n{said}"
        if "Traceback" in said or KEY in said:
            raise ViolationError(what)
        if code == -signal.SIGKILL and fault in ("kill", "power cut"):
            return
        # Python itself dies of Ctrl-C before ours has begun, and after it has ended.
        if code == -signal.SIGINT and fault == "ctrl-c" and "error" not in said:
            return
        errors = [line for line in said.splitlines() if line.startswith("error: ")]
        if code not in EXIT_CODES or (code != 0) != (len(errors) == 1):
            raise ViolationError(what)

    def cut_power(self) -> None:
        """What was not forced onto the disk is lost in part: of unfinished recordings alone."""
        for recording in list_recordings(self.root):
            if recording.info.status != "running":
                continue
            self.torn.add(recording.name)
            if recording.index_path.exists():
                size = recording.index_path.stat().st_size
                os.truncate(recording.index_path, max(0, size - self.dice.randrange(400)))
            # Those that a finished recording shares are on the disk.
            bodies = [p for p in (recording.path / "bodies").glob("*") if p.stat().st_nlink == 1]
            bodies.sort(key=lambda path: path.stat().st_mtime)
            for body in bodies[-self.dice.randrange(1, 6) :]:
                os.truncate(body, self.dice.randrange(body.stat().st_size + 1))

    def state(self) -> dict[str, int]:
        """Everything that others may rely on, each by its name: how much of it there is."""
        found = {}
        for recording in list_recordings(self.root):
            replies = list(recording.replies())
            if recording.info.status == "running":
                if recording.name not in self.torn:
                    found[recording.name] = len(replies)
                continue
            for reply in replies:
                if reply.body is not None:
                    recording.read_body(reply)  # or raises
            found[recording.name] = len(replies)
        for snapshot in list_snapshots(self.root):
            if damage := find_damaged_files(snapshot):
                raise ViolationError(f"{snapshot.version} is half visible: {damage}")
            manifest = snapshot.manifest
            if manifest.status == "complete" and snapshot.version not in self.expected:
                raise ViolationError(f"{snapshot.version} has content that no source has")
            found[snapshot.version] = manifest.punks
        if get_latest_version(self.root):
            open_snapshot(self.root)
        return found

    def compare(self, before: dict[str, int], after: dict[str, int], removed: set[str]) -> None:
        for name, much in before.items():
            if name not in removed and name not in self.torn and after.get(name, -1) < much:
                raise ViolationError(f"{name} had {much} entries and has {after.get(name)}")

    def settle(self) -> None:
        """Without faults all goes through, whatever came before."""
        for url in self.urls:
            for command in (["fetch", "--base-url", url], ["build-dataset"], ["verify"]):
                process = self.start(command, "none")
                said = process.communicate(timeout=300)[1]
                if process.returncode:
                    raise ViolationError(
                        f"at the end {command} ended with {process.returncode}: {said}"
                    )
        self.state()


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)


def expected_versions(urls: list[str], folder: Path) -> set[str]:
    """Of what the sources have, in all and the first punks alone, without any fault."""
    found = set()
    for number, (url, limit) in enumerate((u, n) for u in urls for n in (None, LIMIT)):
        soak = Soak(folder / str(number), urls, set(), random.Random(0), has_disk=False)
        some = ["--limit", str(limit)] if limit else []
        for command in (["fetch", "--base-url", url, *some], ["build-dataset"]):
            process = soak.start(command, "none")
            said = process.communicate()[1]
            if process.returncode:
                raise ViolationError(said)
        found.add(open_snapshot(soak.root).version)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    args = parser.parse_args()
    if HAS_DISK not in os.environ and can_mount():
        command = ["unshare", "--map-root-user", "--mount", sys.executable, *sys.argv]
        command += ["--seed", str(args.seed)]
        os.execvpe("unshare", command, os.environ | {HAS_DISK: "1"})
    has_disk = HAS_DISK in os.environ
    without = "" if has_disk else "; no disk of its own can be mounted, so none is ever full"
    print(f"seed {args.seed}{without}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    punks = make_punks(PUNKS)
    faults = Faults(
        rate_limited=0.03, unavailable=0.03, drop=0.02, truncate=0.02, reply_delay_s=0.004
    )
    servers = [
        OpenSeaServer(punks, make_sales(punks, sales), faults=faults, limit=None)
        for sales in (150, 420)
    ]
    with contextlib.ExitStack() as stack:
        urls = [stack.enter_context(server).base_url for server in servers]
        expected = expected_versions(urls, folder)
        disk = folder / "disk"
        disk.mkdir()
        if has_disk:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "none", disk], check=True)
        soak = Soak(disk / "data", urls, expected, random.Random(args.seed), has_disk)
        until = time.monotonic() + args.seconds
        try:
            while time.monotonic() < until:
                soak.step()
            soak.settle()
        except Exception as error:  # noqa: BLE001 whatever it is, the data is wanted
            kept = Path(tempfile.mkdtemp(prefix="soak-failed-")) / "data"
            shutil.copytree(soak.root, kept, dirs_exist_ok=True)
            tell(soak.counts)
            sys.exit(
                f"after {sum(soak.counts.values())} commands: {error!r}\n{error}\ndata: {kept}"
            )
        finally:
            if has_disk:
                subprocess.run(["umount", disk], check=False)
    shutil.rmtree(folder)
    tell(soak.counts)
    print(f"{sum(soak.counts.values())} commands; nothing was lost, nothing half visible")


def can_mount() -> bool:
    tried = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    with contextlib.suppress(OSError):
        return subprocess.run(tried, capture_output=True, check=False).returncode == 0
    return False


def tell(counts: Counter[tuple[str, str, str]]) -> None:
    for command in sorted({key[0] for key in counts}):
        ends: dict[str, Counter[str]] = {}
        for (name, fault, end), times in counts.items():
            if name == command:
                ends.setdefault(fault, Counter())[re.sub("exit ", "", end)] += times
        told = (f"{fault} {dict(sorted(codes.items()))}" for fault, codes in sorted(ends.items()))
        print(f"{command}: {'; '.join(told)}")


if __name__ == "__main__":
    main()
