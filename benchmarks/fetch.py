"""Time and requests of a fetch from a local OpenSea server: python benchmarks/fetch.py

1. Fetching 10,000 punks with 50 ms latency, compared with a sequential script (20 tokens per page,
   one image after the other), which is timed on a sample in the same run and extrapolated.
2. Fetching and building with 22,000 sales and no latency: the time that punkdata itself needs.
3. Fetching at a rate limit: the measured time, compared with the least time that the limit allows.

The server runs in its own process on the same cores. The times exclude imports. In the first table,
the waits for the rate limit of a key are computed, not measured.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path

import httpx
from measure import describe_machine

TESTS = Path(__file__).parent.parent / "tests"
KEY = "test-key-0123456789abcdef"
LATENCY_S = 0.05
PUNKS, SALES = 10_000, 22_000
SAMPLE = 400
SEQUENTIAL_PAGE_SIZE = 20
"""Tokens or sales per page in the sequential script."""
KEY_LIMIT, KEY_WINDOW_MIN = 60, 1
"""Requests and minutes of the computed rate limit; a free key had 60 per minute until July 2026."""

PUNKDATA_FETCH = """
import json, resource, sys, time
from pathlib import Path
from pydantic import SecretStr
from punkdata.build import build_dataset
from punkdata.fetch import fetch_opensea
from punkdata.sources.opensea.http.transport import NetworkTransport
root, base_url, key = Path(sys.argv[1]), sys.argv[2], SecretStr(sys.argv[3])
network = NetworkTransport(base_url, key)
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
def run_server(*options: object) -> Iterator[str]:
    """Run the OpenSea server of the tests in its own process, and yield its base URL."""
    command = [sys.executable, "-m", "support.opensea_server", *map(str, options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=TESTS) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.kill()


def time_punkdata(base_url: str) -> tuple[float, float, float, int, int]:
    """Return fetch seconds, peak MiB, build seconds, API requests and image requests."""
    with tempfile.TemporaryDirectory() as root:
        command = [sys.executable, "-c", PUNKDATA_FETCH, root, base_url, KEY]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        shutil.rmtree(root, ignore_errors=True)
        Path(root).mkdir()
    fetch_s, peak_mib, build_s, api_requests, image_requests = json.loads(done.stdout)
    return fetch_s, peak_mib, build_s, api_requests, image_requests


def time_sequential(base_url: str, folder: Path) -> tuple[float, int, int]:
    """Return seconds, API requests and image requests of the sequential script."""
    start = time.perf_counter()
    pages, images = 0, 0
    params = {"limit": "20"}
    headers = {"x-api-key": KEY, "connection": "close"}  # One connection for each request.
    with httpx.Client(headers=headers, timeout=30) as client:
        while True:
            url = f"{base_url}/api/v2/collection/cryptopunks/nfts"
            page = client.get(url, params=params).json()
            pages += 1
            for token in page["nfts"]:
                image = client.get(token["image_url"]).content
                (folder / f"{token['identifier']}.png").write_bytes(image)
                images += 1
            if not page.get("next"):
                return time.perf_counter() - start, pages, images
            params["next"] = page["next"]


def rate_limit_wait_min(requests_sent: int) -> int:
    """Return the least time that this number of requests waits for the rate limit, in minutes."""
    return max(0, ceil(requests_sent / KEY_LIMIT) - 1) * KEY_WINDOW_MIN


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    print(f"{describe_machine()}\n")
    factor = PUNKS // SAMPLE
    with run_server("--punks", PUNKS, "--sales", 0, "--latency", LATENCY_S) as base_url:
        new_s, _, _, new_api, new_images = time_punkdata(base_url)
    with (
        run_server("--punks", SAMPLE, "--sales", 0, "--latency", LATENCY_S) as base_url,
        tempfile.TemporaryDirectory() as folder,
    ):
        sample_s, sample_api, sample_images = time_sequential(base_url, Path(folder))
    old_s, old_api, old_images = (factor * n for n in (sample_s, sample_api, sample_images))
    with_sales = new_api + SALES // 200, old_api + SALES // SEQUENTIAL_PAGE_SIZE
    print(f"| {PUNKS:,} punks, {1000 * LATENCY_S:.0f} ms latency | seconds | ratio | ", end="")
    print("API requests | image requests | minutes of rate-limit waits, with all sales |")
    print("|---|---|---|---|---|---|")
    for name, seconds, api, images, full in (
        ("punkdata", new_s, new_api, new_images, with_sales[0]),
        (
            f"sequential script, {SAMPLE} punks x {factor}",
            old_s,
            old_api,
            old_images,
            with_sales[1],
        ),
    ):
        cells = f"{seconds:.0f} | {seconds / new_s:.1f} | {api:,} | {images:,}"
        print(f"| {name} | {cells} | {rate_limit_wait_min(full)} of {full:,} requests |")
    print(
        f"\nRate-limit waits are computed for {KEY_LIMIT} requests per {KEY_WINDOW_MIN} min.",
        flush=True,
    )

    with run_server("--punks", PUNKS, "--sales", SALES) as base_url:
        fetch_s, fetch_mib, build_s, api, images = time_punkdata(base_url)
    print(f"\n| {PUNKS:,} punks, {SALES:,} sales, no latency | seconds | peak MiB, in total |")
    print("|---|---|---|")
    print(f"| fetch, {api + images:,} requests | {fetch_s:.1f} | {fetch_mib:.0f} |")
    print(f"| build-dataset | {build_s:.1f} | - |", flush=True)

    print("\n| rate limit, 60 punks and 4,000 sales | requests | seconds | waits, s | ratio |")
    print("|---|---|---|---|---|")
    for limit, window_s in ((6, 4), (11, 4)):
        options = ("--punks", 60, "--sales", 4000, "--limit", limit, "--window", window_s)
        with run_server(*options) as base_url:
            time.sleep(window_s - time.time() % window_s)  # start of a window
            seconds, _, _, n, _ = time_punkdata(base_url)
        cost_s = max(0, ceil(n / limit) - 1) * window_s
        print(f"| {limit} per {window_s} s | {n} | {seconds:.1f} | {cost_s} ", end="")
        print(f"| {seconds / cost_s:.2f} |", flush=True)


if __name__ == "__main__":
    main()
