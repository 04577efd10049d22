from __future__ import annotations

from pathlib import Path

from support.network import Fetch
from support.opensea_market import WRAPPERS, wrapped_sale
from support.opensea_server import OpenSeaServer
from support.sales_events import paid

from punkdata.estimate import REQUESTS_PER_HOUR, estimate_opensea
from punkdata.files import utc_now
from punkdata.sources.recording import create_recording
from punkdata.sources.recording_format import RecordingInfo

API = "https://api.test"


def count_years() -> int:
    """Return the number of requests for prices of ETH, one for each year since 2017."""
    return utc_now().year - 2016


def test_estimate_counts_pages_and_excludes_recorded_replies(tmp_path: Path) -> None:
    full = estimate_opensea(tmp_path, API)
    assert full.api_requests == 2 + 50 + 125 + 1 + count_years() + 3 + 2 * 15
    assert full.api_requests < REQUESTS_PER_HOUR
    assert full.api_requests_with_batches == full.api_requests + 400
    assert (full.image_requests, full.wait_s, full.recorded) == (10_000, 0, 0)
    assert full.wait_s_with_batches == 3600
    without = estimate_opensea(tmp_path, API, wrapped=())
    assert without.api_requests == full.api_requests - 2 * 15
    other = estimate_opensea(tmp_path, API, wrapped=["v1-punks"])
    assert other.api_requests == full.api_requests - 15
    assert (full.resumes, full.refreshes) == (None, None)
    info = RecordingInfo(source="opensea", collection="cryptopunks", base_url=API)
    info.wrapped_sales_after = {slug: [] for slug in WRAPPERS}
    unfinished = create_recording(tmp_path, info)
    unfinished.add(f"{API}/api/v2/collection/c/nfts?limit=200", b"{}", compress=True)
    unfinished.add("https://i.seadn.io/1.png", b"png")
    estimate = estimate_opensea(tmp_path, API)
    assert estimate.api_requests == full.api_requests - 1
    assert estimate.api_requests_with_batches == full.api_requests_with_batches - 1
    assert estimate.image_requests == full.image_requests - 1
    assert (estimate.resumes, estimate.recorded) == (unfinished.path, 2)


def test_estimate_needs_no_second_plan_once_batches_are_recorded(
    fetch: Fetch, server: OpenSeaServer, new_root: Path
) -> None:
    server.inline_traits = False
    server.market.wrapped = {
        slug: [wrapped_sale(1, 1_600_000_000, paid("1"), slug)] for slug in WRAPPERS
    }
    fetch(root=new_root)
    refresh = estimate_opensea(new_root, server.base_url, 60)
    assert refresh.api_requests == refresh.api_requests_with_batches == 3 + 1 + 1 + 3 + 4
    with_wrapped = estimate_opensea(new_root, server.base_url, 60, WRAPPERS)
    assert with_wrapped.api_requests == refresh.api_requests + 2
    sample = estimate_opensea(new_root / "other", server.base_url, 60)
    assert sample.api_requests == 3 + 1 + 60 + 3 + count_years()
    assert sample.api_requests_with_batches == sample.api_requests + 3


def test_refresh_asks_only_whether_images_have_changed(
    fetch: Fetch, server: OpenSeaServer, new_root: Path
) -> None:
    parent = fetch(root=new_root).recording
    estimate = estimate_opensea(new_root, server.base_url, 60)
    assert (estimate.image_requests, estimate.image_checks) == (0, 0)
    assert estimate.refreshes == parent.path
    server.image_validators = ("etag",)
    fetch(root=new_root / "other")
    checked = estimate_opensea(new_root / "other", server.base_url, 60)
    assert (checked.image_requests, checked.image_checks) == (60, 60)
    assert checked.bytes == estimate.bytes


def test_small_sample_is_estimated_by_its_own_sales(tmp_path: Path) -> None:
    for limit, sales_requests in [(1, 1), (124, 124), (125, 125), (500, 125)]:
        pages = -(-limit // 200)
        others = 3 + count_years() + (2 * 15 if limit >= 125 else 0)
        estimate = estimate_opensea(tmp_path, API, limit)
        assert estimate.api_requests == 3 + pages + sales_requests + others
