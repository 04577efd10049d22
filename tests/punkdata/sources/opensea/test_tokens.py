from __future__ import annotations

import json
from typing import Any

import pytest
from support.network import collect, expected_labels
from support.opensea_server import OpenSeaServer
from support.sales_events import CHAIN, CONTRACT
from support.sprites import FakePunk, make_punks

from punkdata.errors import DataError

NO_COUNTS = "the API provides no trait counts, so the labels cannot be compared with them"


@pytest.mark.parametrize("blank_style", ["absent", "null", "empty"])
@pytest.mark.parametrize("inline", [True, False])
@pytest.mark.parametrize("max_batch_size", [100, 7, 0])
def test_labels_are_complete_whatever_the_token_list_omits(
    server: OpenSeaServer, blank_style: str, inline: bool, max_batch_size: int
) -> None:
    server.blank_style, server.inline_traits, server.max_batch_size = (
        blank_style,
        inline,
        max_batch_size,
    )
    server.overlapping_pages = server.pseudo_accessories = True
    punks = collect(server)
    assert punks.labels == expected_labels(server)
    assert (punks.missing, punks.warnings) == ({}, [])
    assert not (inline and server.requests_to("/nfts/batch"))
    assert bool(server.requests_to("/chain/")) == (not inline and not max_batch_size)


def test_unlisted_tokens_are_requested_by_id(server: OpenSeaServer) -> None:
    server.unlisted_ids = frozenset({3, 59})
    punks = collect(server)
    assert punks.labels == expected_labels(server)
    assert punks.missing == {}
    assert len(server.requests_to("/nfts/batch")) == 1


def test_unavailable_tokens_are_missing_with_a_reason(server: OpenSeaServer) -> None:
    server.unavailable_ids = frozenset({3, 59})
    punks = collect(server)
    assert punks.missing.keys() == {3, 59}
    assert "was not found by its id" in punks.missing[3]
    assert punks.labels.keys() == set(range(60)) - {3, 59}


@pytest.mark.parametrize("phantom", [10_000, 123_456])
def test_phantom_token_is_ignored(server: OpenSeaServer, phantom: int) -> None:
    server.phantom_ids = (phantom,)
    punks = collect(server)
    assert punks.labels == expected_labels(server)
    assert punks.missing == {}
    assert punks.warnings == [f"ignored token '{phantom}': it is not part of the collection"]


def test_listed_token_beyond_the_total_is_missing_without_traits(server: OpenSeaServer) -> None:
    server.phantom_ids = (60,)
    punks = collect(server)
    assert punks.labels == expected_labels(server)
    assert punks.missing.keys() == {60}
    assert punks.warnings == ["the API reports 60 tokens, but there are 61"]


def test_phantom_token_included_in_the_total_is_ignored(server: OpenSeaServer) -> None:
    server.punks = make_punks(60)
    server.phantom_ids, server.total_supply = (10_000,), 10_001
    server.trait_counts = {"counts": {}}
    punks = collect(server)
    assert len(punks.labels) == 60
    assert 10_000 not in punks.missing
    assert len(punks.missing) == 9_940
    assert "the API reports 10,001 tokens, but there are 10,000" in punks.warnings


def test_token_without_traits_is_missing(server: OpenSeaServer) -> None:
    server.punks = server.punks[:-1]
    server.phantom_ids, server.total_supply = (59,), 60
    server.trait_counts = {"counts": {}}
    assert collect(server).missing == {59: "has no type among its traits"}


def test_more_tokens_than_reported_give_a_warning(server: OpenSeaServer) -> None:
    server.total_supply = 58
    server.trait_counts = {"counts": {}}
    punks = collect(server)
    assert punks.labels == expected_labels(server)
    assert punks.warnings == [NO_COUNTS, "the API reports 58 tokens, but there are 60"]


def test_known_size_replaces_missing_totals_and_counts(server: OpenSeaServer) -> None:
    server.total_supply = 0
    server.trait_counts = {}
    punks = collect(server)
    assert punks.labels == expected_labels(server)
    assert punks.missing.keys() == set(range(60, 10_000))
    assert punks.warnings == [NO_COUNTS]
    assert server.requests_to("/chain/") == []


@pytest.mark.parametrize(("limit", "num_pages"), [(1, 1), (150, 1), (201, 2), (9999, 3)])
def test_limit_requests_no_more_pages_than_needed(
    server: OpenSeaServer, limit: int, num_pages: int
) -> None:
    server.punks = make_punks(450)
    assert len(collect(server, limit).labels) == min(limit, 450)
    assert len(server.requests_to("/collection/")) == num_pages


def test_limit_takes_the_first_listed_tokens(server: OpenSeaServer) -> None:
    server.unlisted_ids = frozenset({1})
    punks = collect(server, limit=10)
    assert list(punks.labels) == [0, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert punks.missing == {}


def test_differing_trait_counts_give_warnings(server: OpenSeaServer) -> None:
    counts = server.make_trait_counts()
    counts["counts"]["accessory"]["VR"] += 1
    counts["counts"]["type"]["Alien"] -= 1
    counts["counts"]["accessory"]["Halo"] = 3
    moles = counts["counts"]["accessory"].pop("Mole")
    server.trait_counts = counts
    punks = collect(server)
    assert punks.labels == expected_labels(server)
    vr = counts["counts"]["accessory"]["VR"]
    assert sorted(punks.warnings) == [
        f"the API counts 0 punks with Mole, but lists {moles}",
        "the API counts 11 punks with Alien, but lists 12",
        f"the API counts {vr} punks with VR, but lists {vr - 1}",
        "unknown values of 'accessory' in the API's trait counts: 1, for example 'Halo'",
    ]


@pytest.mark.parametrize("is_complete_alone", [True, False])
def test_punk_with_incomplete_traits_is_requested_again(
    server: OpenSeaServer, monkeypatch: pytest.MonkeyPatch, is_complete_alone: bool
) -> None:
    punk = server.punks[7]
    incomplete = FakePunk(7, punk.type, punk.accessories[1:])
    server.trait_counts = server.make_trait_counts()
    expected = expected_labels(server)
    list_tokens = server.list_tokens

    def list_incomplete_tokens(query: dict[str, str]) -> list[Any]:
        if punk.accessories[0] in query.get("traits", ""):
            return [*list_tokens(query), server.make_token(punk)]
        tokens = list_tokens(query)
        return [server.make_token(incomplete) if t["identifier"] == "7" else t for t in tokens]

    monkeypatch.setattr(server, "list_tokens", list_incomplete_tokens)
    if not is_complete_alone:
        server.punks = [incomplete if p.punk_id == 7 else p for p in server.punks]
        del expected[7]
    punks = collect(server)
    assert punks.labels == expected
    assert bool(punks.missing) == (not is_complete_alone)
    assert punks.warnings == []
    assert [json.loads(r.body)["identifiers"] for r in server.requests_to("/batch")] == [
        [{"chain": CHAIN, "contract_address": CONTRACT, "token_id": "7"}]
    ]


@pytest.mark.parametrize("max_tokens", [1000, 2])
def test_ignored_trait_filter_moves_no_punk_to_missing(
    server: OpenSeaServer, monkeypatch: pytest.MonkeyPatch, max_tokens: int
) -> None:
    counts = server.make_trait_counts()
    counts["counts"]["accessory"]["VR"] += 1
    server.trait_counts = counts
    list_tokens = server.list_tokens

    def list_any_tokens(query: dict[str, str]) -> list[Any]:
        return list_tokens({})[: max_tokens if "traits" in query else None]

    monkeypatch.setattr(server, "list_tokens", list_any_tokens)
    punks = collect(server)
    assert (punks.labels, punks.missing) == (expected_labels(server), {})
    assert len(punks.warnings) == 1
    assert server.requests_to("/chain/") == []


def test_tokens_of_another_contract_are_ignored(
    server: OpenSeaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    list_tokens = server.list_tokens
    wrapped = {"identifier": "5", "contract": "0xwrapped", "traits": []}
    monkeypatch.setattr(server, "list_tokens", lambda query: [wrapped, *list_tokens(query)])
    punks = collect(server)
    assert punks.labels == expected_labels(server)
    assert len(punks.warnings) == 1


def test_limited_token_list_is_completed_by_ids(server: OpenSeaServer) -> None:
    server.unlisted_ids = frozenset(range(5, 60))
    punks = collect(server, limit=20)
    assert len(punks.labels) == 20
    server.unavailable_ids = frozenset(range(5, 60))
    punks = collect(server, limit=20)
    assert (len(punks.labels), len(punks.missing)) == (5, 15)


def test_empty_collection_is_an_error(server: OpenSeaServer) -> None:
    server.punks, server.trait_counts = [], {}
    with pytest.raises(DataError, match="lists no token"):
        collect(server)


def test_type_counts_beyond_the_total_add_no_missing_punks(server: OpenSeaServer) -> None:
    counts = server.make_trait_counts()
    counts["counts"]["type"]["Male"] += 3
    server.trait_counts = counts
    punks = collect(server)
    assert punks.labels == expected_labels(server)
    assert punks.missing == {}
    assert punks.warnings == ["the API counts 15 punks with Male, but lists 12"]


def test_total_that_is_too_low_hides_no_unlisted_punk(server: OpenSeaServer) -> None:
    server.total_supply, server.unlisted_ids = 58, frozenset({59})
    assert collect(server).labels == expected_labels(server)


def test_type_counts_replace_missing_totals(server: OpenSeaServer) -> None:
    server.total_supply, server.unavailable_ids = 0, frozenset({59})
    punks = collect(server)
    assert list(punks.missing) == [59]
    assert not any("tokens" in warning for warning in punks.warnings)
