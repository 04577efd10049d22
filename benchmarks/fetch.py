"""What a fetch costs, against a local OpenSea with drawn punks: python benchmarks/fetch.py

1. The whole collection without latency or limit: 10,000 punks and images, 22,000 sales.
2. Beside the plan of earlier scripts (20 tokens a page, one image after the other), on a
   sample of 400 punks with 50 ms of latency; both in the same run, by turns.
3. At a limit: the time beside that which the limit itself costs.

The server is a process of its own, on the same cores; imports are not counted.
"""

import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path

import requests

SERVER = Path(__file__).parent.parent / "tests" / "opensea_server.py"
KEY = "test-key-0123456789abcdef"
LATENCY_S = 0.05
SAMPLE = 400
ROUNDS = 3

OURS = """
import json, resource, sys, time
from pathlib import Path
from pydantic import SecretStr
from punkdata.build import build_dataset
from punkdata.fetch import fetch_opensea
from punkdata.network import NetworkTransport, open_http
root, base_url, key = Path(sys.argv[1]), sys.argv[2], SecretStr(sys.argv[3])
network = NetworkTransport(open_http(), base_url, key)
start = time.perf_counter()
result = fetch_opensea(root, network, base_url)
fetch_s = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
start = time.perf_counter()
build_dataset(root)
build_s = time.perf_counter() - start
assert result.recording.info.status == "complete"
print(json.dumps([fetch_s, peak, build_s, network.api_requests, network.image_requests]))
"""


@contextmanager
def opensea(*options: object) -> Iterator[str]:
    command = [sys.executable, str(SERVER), *map(str, options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.kill()


def ours(base_url: str) -> tuple[float, float, float, int, int]:
    """(fetch seconds, peak MiB, build seconds, API requests, image requests)."""
    with tempfile.TemporaryDirectory() as root:
        command = [sys.executable, "-c", OURS, root, base_url, KEY]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        shutil.rmtree(root, ignore_errors=True)
        Path(root).mkdir()
    a, b, c, d, e = json.loads(done.stdout)
    return a, b, c, d, e


def earlier_plan(base_url: str, folder: Path) -> tuple[float, int, int]:
    """(seconds, API requests, image requests) of 20 tokens a page, one image after the other."""
    start = time.perf_counter()
    headers, pages, images = {"x-api-key": KEY}, 0, 0
    params = {"limit": "20"}
    while True:
        url = f"{base_url}/api/v2/collection/cryptopunks/nfts"
        page = requests.get(url, headers=headers, params=params, timeout=30).json()
        pages += 1
        for token in page["nfts"]:
            image = requests.get(token["image_url"], timeout=30).content
            (folder / f"{token['identifier']}.png").write_bytes(image)
            images += 1
        if not page.get("next"):
            return time.perf_counter() - start, pages, images
        params["next"] = page["next"]


def main() -> None:
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs"
    print(f"{machine}, Python {platform.python_version()}")
    with opensea("--punks", 10_000, "--sales", 22_000) as base_url:
        rounds = [ours(base_url) for _ in range(ROUNDS)]
    fetch_s, peak, build_s = (sorted(row[i] for row in rounds) for i in range(3))
    print("\n10,000 punks, 22,000 sales, no latency, no limit:")
    print(f"  requests   {rounds[0][3]} to the API, {rounds[0][4]:,} for images")
    for name, values in (("fetch", fetch_s), ("build", build_s)):
        middle = statistics.median(values)
        print(f"  {name:9}  {middle:.1f} s ({values[0]:.1f} to {values[-1]:.1f})")
    print(f"  memory     {peak[-1]:.0f} MiB at the peak of fetch")

    print(f"\n{SAMPLE} punks, {1000 * LATENCY_S:.0f} ms of latency, median of {ROUNDS} by turns:")
    with opensea("--punks", SAMPLE, "--sales", 0, "--latency", LATENCY_S) as base_url:
        new, old = [], []
        for _ in range(ROUNDS):
            new.append(ours(base_url))
            with tempfile.TemporaryDirectory() as folder:
                old.append(earlier_plan(base_url, Path(folder)))
    new_s, old_s = (statistics.median(row[0] for row in rows) for rows in (new, old))
    print(f"  earlier    {old_s:.1f} s, {old[0][1]} requests to the API, {old[0][2]} for images")
    print(f"  punkdata   {new_s:.1f} s, {new[0][3]} requests to the API, {new[0][4]} for images")
    print(f"  factor     {old_s / new_s:.1f} in time; punkdata's counts sales and listings, too")

    print("\nat a limit, 60 punks and 4,000 sales:")
    for limit, window_s in ((6, 4), (11, 4)):
        options = ("--punks", 60, "--sales", 4000, "--limit", limit, "--window", window_s)
        with opensea(*options) as base_url:
            time.sleep(window_s - time.time() % window_s)  # a window begins
            seconds, _, _, n, _ = ours(base_url)
        cost_s = max(0, ceil(n / limit) - 1) * window_s
        print(
            f"  {limit} in {window_s} s   {n} requests, {seconds:.1f} s; the limit itself costs "
            f"{cost_s} s ({seconds / cost_s:.2f})"
        )


if __name__ == "__main__":
    main()
