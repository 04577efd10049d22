"""A fetch, its replay and the build agree, whatever the API fails to send."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.network import Fetch
from support.opensea_faults import Faults
from support.opensea_market import without_market
from support.opensea_oddities import BROKEN, NOT_JSON, REFUSED, WEB_PAGE, Oddities
from support.opensea_server import OpenSeaServer
from support.sales_events import CONTRACT, Json, paid, sale_event
from support.sprites import make_punks

from punkdata.build import build_dataset
from punkdata.errors import DataError, NetworkError, RefusedError
from punkdata.fetch import OpenSeaResult, fetch_opensea
from punkdata.snapshots.reader import Snapshot
from punkdata.sources.recording import open_recording
from punkdata.sources.recording_transport import RecordingTransport

Change = Callable[[OpenSeaServer], None]


@pytest.fixture(autouse=True)
def _undamaged_sales(server: OpenSeaServer) -> None:
    server.sales = [sale_event(i, 1_600_000_000 + i, paid("2")) for i in range(0, 60, 7)]


def replay(result: OpenSeaResult, root: Path) -> OpenSeaResult:
    recording = open_recording(result.recording.path)
    transport = RecordingTransport(recording)
    base_url = str(recording.info.base_url)
    return fetch_opensea(root, transport, base_url, limit=recording.info.limit)


def build_both(fetch: Fetch, root: Path) -> tuple[OpenSeaResult, Snapshot]:
    """Fetch, replay and build; check that all of them agree, and return the first and the last."""
    result = fetch(root=root)
    replayed = replay(result, root.with_name("replayed"))
    info, same = result.recording.info, replayed.recording.info
    assert (same.status, same.missing) == (info.status, info.missing)
    assert (replayed.punks, replayed.sales) == (result.punks, result.sales)
    assert info.status == ("partial" if info.missing else "complete")
    built = [
        build_dataset(root, result.recording.path, allow_partial=True),
        build_dataset(root.with_name("replayed"), allow_partial=True),
    ]
    manifests = [b.snapshot.manifest for b in built]
    assert manifests[0].version == manifests[1].version
    assert [manifest.missing for manifest in manifests] == [info.missing] * 2
    assert manifests[0].punks == result.punks
    return result, built[0].snapshot


def fail_totals(server: OpenSeaServer) -> None:
    server.oddities.replies = {"/collections/": REFUSED, "/traits/": NOT_JSON}
    server.oddities.change_token = lambda token: None if token["identifier"] == "59" else token


def fail_filters(server: OpenSeaServer) -> None:
    counts = server.make_trait_counts()
    counts["counts"]["accessory"]["VR"] += 1
    server.trait_counts = counts
    server.oddities.replies = {"?traits": BROKEN}


def fail_batches(server: OpenSeaServer) -> None:
    server.inline_traits = False
    server.oddities.replies = {"/batch": WEB_PAGE, "/nfts/7": BROKEN, "/nfts/8": NOT_JSON}


def fail_one_batch(server: OpenSeaServer) -> None:
    server.inline_traits, server.max_batch_size = False, 20

    def damage(token: Json) -> object:
        return token | {"traits": 5} if token["identifier"] in ("21", "59") else token

    server.oddities.change_token = damage


def fail_batches_for_now(server: OpenSeaServer) -> None:
    server.inline_traits, server.punks = False, make_punks(230)
    server.oddities.replies = {"/batch": (408, b"", {})}


def fail_one_token(server: OpenSeaServer) -> None:
    server.inline_traits, server.max_batch_size = False, 25
    server.oddities = Oddities(poison_ids=frozenset({31}), replies={"/nfts/31": BROKEN})


def use_odd_spellings(server: OpenSeaServer) -> None:
    wrapper = {"address": "0xab", "chain": "ethereum"}
    server.oddities = Oddities(
        trait_types={"type": "Kind", "accessory": "attribute"},
        skin_tones=True,
        more_traits=[{"trait_type": "Background", "value": "blue"}],
        contracts=[wrapper, {"address": CONTRACT, "chain": "Ethereum mainnet"}],
    )


def send_empty_pages(server: OpenSeaServer) -> None:
    server.max_page_size = 20
    server.faults = Faults(empty_pages=2, last_cursor_repeats=True)


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        (fail_filters, set()),
        (fail_batches, {"7", "8"}),
        (fail_one_batch, {"21", "59"}),
        (fail_one_token, {"31"}),
        (fail_batches_for_now, {str(i) for i in range(200, 230)}),
        (use_odd_spellings, set()),
        (send_empty_pages, set()),
    ],
)
def test_fetch_replay_and_build_agree(
    fetch: Fetch, server: OpenSeaServer, tmp_path: Path, change: Change, missing: set[str]
) -> None:
    change(server)
    result, snapshot = build_both(fetch, tmp_path / "data")
    assert result.recording.info.missing.keys() == missing
    rows = snapshot.punks().sort_by("punk_id")
    expected = [p for p in server.punks if str(p.punk_id) not in missing]
    assert rows.column("type").to_pylist() == [p.type for p in expected]
    assert rows.column("accessories").to_pylist() == [p.accessories for p in expected]


def test_known_size_finds_gaps_if_all_totals_fail(
    fetch: Fetch, server: OpenSeaServer, tmp_path: Path
) -> None:
    fail_totals(server)
    result, snapshot = build_both(fetch, tmp_path / "data")
    assert set(result.recording.info.missing) == {str(i) for i in range(59, 10_000)}
    assert snapshot.manifest.punks == 59
    # Three of them concern the totals, and three floor prices and statistics.
    assert len(result.recording.info.warnings) == 6
    assert without_market(server.requests_to("/chain/")) == []


def test_gap_is_filled_by_the_next_run(fetch: Fetch, server: OpenSeaServer, tmp_path: Path) -> None:
    fail_batches(server)
    assert fetch().recording.info.status == "partial"
    server.oddities.replies = {}
    info = fetch().recording.info
    assert (info.status, info.missing, info.warnings) == ("complete", {}, [])


def test_endpoint_that_failed_is_requested_again_on_resume(
    fetch: Fetch, server: OpenSeaServer
) -> None:
    server.oddities.replies = {"/traits/": BROKEN, "/events/": BROKEN}
    with pytest.raises(NetworkError, match="/events/"):
        fetch()
    server.oddities.replies = {}
    result = fetch()
    assert result.resumed
    assert (result.recording.info.status, result.recording.info.warnings) == ("complete", [])


def test_labels_without_any_accessory_are_refused_everywhere(
    fetch: Fetch, server: OpenSeaServer, tmp_path: Path
) -> None:
    server.oddities = Oddities(
        trait_types={"accessory": None}, more_traits=[{"trait_type": "Wearable", "value": "Halo"}]
    )
    result = fetch()
    info = result.recording.info
    assert (info.status, len(info.missing), result.punks) == ("partial", 60, 0)
    assert replay(result, tmp_path / "other").recording.info.missing == info.missing
    with pytest.raises(DataError, match="is partial: .*no punk has any accessory.*'Wearable'"):
        build_dataset(tmp_path / "data")
    with pytest.raises(DataError, match="no punks.*no punk has any accessory.*'Wearable'"):
        build_dataset(tmp_path / "data", allow_partial=True)
    assert not (tmp_path / "data/snapshots").exists()


@pytest.mark.parametrize("reply", [REFUSED, WEB_PAGE])
def test_refusal_of_everything_is_no_partial_recording(
    fetch: Fetch, server: OpenSeaServer, tmp_path: Path, reply: tuple[int, bytes, dict[str, str]]
) -> None:
    server.oddities.replies = {"/": reply}
    with pytest.raises(RefusedError):
        fetch()
    assert len(server.requests_to()) == 3
