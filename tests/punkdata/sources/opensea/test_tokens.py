from __future__ import annotations

import pytest
from support.network import open_network
from support.opensea_server import OpenSeaServer, draw_punks
from support.sprites import DrawnPunk

from punkdata.errors import DataError
from punkdata.sources.opensea.client import OpenSeaClient
from punkdata.sources.opensea.retry import RetryTransport
from punkdata.sources.opensea.collected_punks import CollectedPunks
from punkdata.sources.opensea.tokens import collect_punks

NO_COUNTS = "the API gives no trait counts to hold the labels against"


def client(server: OpenSeaServer) -> OpenSeaClient:
    network = open_network(server)
    return OpenSeaClient(RetryTransport(network, sleep=network.sleep), server.base_url)


def drawn(server: OpenSeaServer) -> dict[int, tuple[str, tuple[str, ...]]]:
    return {p.punk_id: (p.type, tuple(p.accessories)) for p in server.punks}


def collect(server: OpenSeaServer, limit: int | None = None) -> CollectedPunks:
    return collect_punks(client(server), limit)


@pytest.mark.parametrize("blanks", ["absent", "null", "empty"])
@pytest.mark.parametrize("inline", [True, False])
@pytest.mark.parametrize("batch_most", [100, 7, 0])
def test_all_labels_come_whatever_the_api_leaves_out(
    server: OpenSeaServer, blank_style: str, inline: bool, max_batch_size: int
) -> None:
    server.blank_style, server.inline_traits, server.max_batch_size = (
        blank_style,
        inline,
        max_batch_size,
    )
    server.overlapping_pages = server.pseudo_accessories = True
    punks = collect(server)
    assert punks.labels == drawn(server)
    assert (punks.missing, punks.warnings) == ({}, [])
    assert not (inline and server.requests_to("/nfts/batch"))
    assert bool(server.requests_to("/chain/")) == (not inline and not max_batch_size)


def test_tokens_that_no_page_lists_are_asked_for(server: OpenSeaServer) -> None:
    server.unlisted_ids = frozenset({3, 59})
    punks = collect(server)
    assert punks.labels == drawn(server)
    assert punks.missing == {}
    assert len(server.requests_to("/nfts/batch")) == 1


def test_tokens_that_cannot_be_had_are_missing_with_a_reason(server: OpenSeaServer) -> None:
    server.unavailable_ids = frozenset({3, 59})
    punks = collect(server)
    assert punks.missing.keys() == {3, 59}
    assert "not found when asked for alone" in punks.missing[3]
    assert punks.labels.keys() == set(range(60)) - {3, 59}


@pytest.mark.parametrize("phantom", [60, 10_000, 123_456])
def test_a_phantom_is_refused_and_does_not_count(server: OpenSeaServer, phantom: int) -> None:
    server.phantom_ids = (phantom,)
    punks = collect(server)
    assert punks.labels == drawn(server)
    assert punks.missing == {}
    assert punks.warnings == [f"refused token '{phantom}': it is not of this collection"]


def test_a_phantom_that_the_total_counts_is_refused_too(server: OpenSeaServer) -> None:
    server.punks = draw_punks(60)
    server.phantom_ids, server.total_supply = (10_000,), 10_001
    server.trait_counts = {"counts": {}}
    punks = collect(server)
    assert len(punks.labels) == 60
    assert 10_000 not in punks.missing
    assert len(punks.missing) == 9_940  # 10,000 are announced, whatever the phantom says
    assert "the API announces 10,001 tokens (total_supply), but there are 10,000" in punks.warnings


def test_a_known_id_without_traits_is_missing_not_a_phantom(server: OpenSeaServer) -> None:
    server.punks = server.punks[:-1]
    server.phantom_ids, server.total_supply = (59,), 60
    server.trait_counts = {"counts": {}}
    assert collect(server).missing == {59: "has no type among its traits"}


def test_more_tokens_than_announced_are_kept_and_told(server: OpenSeaServer) -> None:
    server.total_supply = 58
    server.trait_counts = {"counts": {}}
    punks = collect(server)
    assert punks.labels == drawn(server)
    assert punks.warnings == [
        NO_COUNTS,
        "the API announces 58 tokens (total_supply), but there are 60",
        "the API announces 58 tokens (unique_item_count), but there are 60",
    ]


def test_an_api_without_totals_is_told(server: OpenSeaServer) -> None:
    server.total_supply = 0
    server.trait_counts = {}
    punks = collect(server)
    assert len(punks.labels) == 60
    assert punks.warnings == [
        NO_COUNTS,
        "the API announces no total to hold the tokens against",
    ]


def test_a_limit_takes_the_first_so_many(server: OpenSeaServer) -> None:
    server.unlisted_ids = frozenset({1})
    punks = collect(server, limit=10)
    assert list(punks.labels) == [0, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert punks.missing == {}


def test_a_punk_whose_traits_lack_one_that_it_is_listed_under_is_completed(
    server: OpenSeaServer,
) -> None:
    whole = server.punks[7]
    assert whole.accessories
    told = whole.accessories

    class Forgetful(DrawnPunk):
        """Tells all of its traits only when asked for alone."""

    server.trait_counts = server._counts()
    forgetful = Forgetful(7, whole.type, told[1:])
    listed, known = server._listed, server._known
    server._listed = lambda query: (  # type: ignore[method-assign]
        listed(query)
        if "traits" in query
        else [server.token(forgetful) if r["identifier"] == "7" else r for r in listed(query)]
    )
    assert known()[7] is whole
    punks = collect(server)
    assert punks.labels[7] == (whole.type, tuple(told))
    assert (punks.missing, punks.warnings) == ({}, [])
    assert [r.path[-2:] for r in server.requests_to("/chain/")] == ["/7"]


def test_a_count_that_nobody_can_explain_is_told(server: OpenSeaServer) -> None:
    counts = server._counts()
    counts["counts"]["accessory"]["VR"] += 1
    counts["counts"]["type"]["Alien"] -= 1
    counts["counts"]["accessory"]["Halo"] = 3
    server.trait_counts = counts
    punks = collect(server)
    assert punks.labels == drawn(server)
    vr = counts["counts"]["accessory"]["VR"]
    assert sorted(punks.warnings) == [
        "the API counts 11 punks with Alien, but lists 12",
        f"the API counts {vr} punks with VR, but lists {vr - 1}",
        "the API counts an unknown accessory 'Halo'",
    ]


def test_tokens_of_another_contract_are_refused(server: OpenSeaServer) -> None:
    rows = server._listed
    wrapped = {"identifier": "5", "contract": "0xwrapped", "traits": []}
    server._listed = lambda query: [wrapped, *rows(query)]  # type: ignore[method-assign]
    punks = collect(server)
    assert punks.labels == drawn(server)
    assert len(punks.warnings) == 1


def test_a_listing_that_ends_early_is_filled_even_for_a_sample(server: OpenSeaServer) -> None:
    server.unlisted_ids = frozenset(range(5, 60))
    punks = collect(server, limit=20)
    assert len(punks.labels) == 20
    server.unavailable_ids = frozenset(range(5, 60))
    punks = collect(server, limit=20)
    assert (len(punks.labels), len(punks.missing)) == (5, 15)


def test_no_token_at_all_is_an_error(server: OpenSeaServer) -> None:
    server.punks, server.trait_counts = [], {}
    with pytest.raises(DataError, match="lists no token"):
        collect(server)


def test_type_counts_beyond_the_total_are_looked_after_but_nothing_is_missed(
    server: OpenSeaServer,
) -> None:
    counts = server._counts()
    counts["counts"]["type"]["Male"] += 3
    server.trait_counts = counts
    punks = collect(server)
    assert punks.labels == drawn(server)
    assert punks.missing == {}
    assert punks.warnings == ["the API counts 15 punks with Male, but lists 12"]


def test_a_total_that_is_too_low_hides_no_unlisted_punk(server: OpenSeaServer) -> None:
    server.total_supply, server.unlisted_ids = 58, frozenset({59})
    assert collect(server).labels == drawn(server)


def test_without_totals_the_type_counts_tell_how_many_there_are(server: OpenSeaServer) -> None:
    server.total_supply, server.unavailable_ids = 0, frozenset({59})
    punks = collect(server)
    assert list(punks.missing) == [59]
    assert "the API announces no total to hold the tokens against" in punks.warnings


def test_a_filter_that_the_api_ignores_proves_nothing(server: OpenSeaServer) -> None:
    counts = server._counts()
    counts["counts"]["accessory"]["VR"] += 1
    server.trait_counts = counts
    listed = server._listed
    server._listed = lambda query: listed({})  # type: ignore[method-assign]
    punks = collect(server)
    assert punks.labels == drawn(server)
    assert punks.missing == {}
    assert len(punks.warnings) == 1
    assert server.requests_to("/chain/") == []
