"""Tokens and totals as the real API may send them, besides what its document says."""

from __future__ import annotations

from typing import Any

import pytest
from support.network import collect, expected_labels
from support.opensea_oddities import Oddities
from support.opensea_server import OpenSeaServer
from support.sales_events import CONTRACT, Json
from support.sprites import FakePunk, make_punks

WRAPPER = {"address": "0x" + "ab" * 20, "chain": "ethereum"}


# -- Trait types and values ----------------------------------------------------------------


@pytest.mark.parametrize("inline", [True, False])
@pytest.mark.parametrize(
    "trait_types",
    [{"accessory": "Attribute"}, {"accessory": "attribute", "type": "Type"}, {"type": "Species"}],
)
def test_renamed_trait_types_and_skin_tones_change_nothing(
    server: OpenSeaServer, inline: bool, trait_types: dict[str, str]
) -> None:
    server.inline_traits = inline
    server.oddities = Oddities(trait_types=trait_types, skin_tones=True)
    punks = collect(server)
    assert punks.labels == expected_labels(server)
    assert (punks.missing, punks.warnings) == ({}, [])


def test_counts_with_skin_tones_complete_the_labels(server: OpenSeaServer) -> None:
    male = next(p for p in server.punks if p.type == "Male" and p.accessories)
    name = male.accessories[0]

    def drop_accessory(token: Json) -> Json:
        traits = [t for t in token["traits"] if t["value"] != name]
        return token | {"traits": traits} if token["identifier"] == str(male.punk_id) else token

    server.oddities = Oddities(skin_tones=True, change_token=drop_accessory)
    punks = collect(server)
    assert punks.missing == {
        male.punk_id: f"is listed with {name}, which its own traits do not include"
    }


def test_unknown_trait_types_give_one_warning_each(server: OpenSeaServer) -> None:
    server.oddities.more_traits = [
        {"trait_type": "Background", "value": "blue"},
        {"trait_type": "Rank", "value": 12},
    ]
    punks = collect(server)
    assert punks.labels == expected_labels(server)
    assert punks.warnings == [
        "ignored traits of the unknown type 'Background': 60, for example 'blue'",
        "ignored traits of the unknown type 'Rank': 60, for example '12'",
    ]


def test_unknown_trait_type_is_reported_once(server: OpenSeaServer) -> None:
    counts = server.make_trait_counts()
    counts["counts"] |= {"Background": {"blue": 60}, "Rank": {"min": 1, "max": 60}}
    server.trait_counts = counts
    server.oddities.more_traits = [{"trait_type": "Background", "value": "blue"}]
    assert collect(server).warnings == [
        "ignored traits of the unknown type 'Background': 60, for example 'blue'",
        "unknown values of 'Rank' in the API's trait counts: 2, for example 'min'",
    ]


def test_many_unknown_trait_types_give_few_warnings(server: OpenSeaServer) -> None:
    server.oddities.more_traits = [{"trait_type": f"x{i}", "value": "\x1b[31m"} for i in range(99)]
    warnings = collect(server).warnings
    assert len(warnings) == 6
    assert warnings[-1] == "further unknown trait types that were ignored: 94"
    assert all(warning.isprintable() for warning in warnings)


@pytest.mark.parametrize("counts", [None, {"counts": None}, {"counts": {"x": {"y": 1}}}])
@pytest.mark.parametrize("limit", [None, 9, 40])
def test_accessories_of_unknown_values_make_all_punks_missing(
    server: OpenSeaServer, counts: Json | None, limit: int | None
) -> None:
    server.trait_counts = counts
    server.oddities = Oddities(
        trait_types={"accessory": None}, more_traits=[{"trait_type": "Wearable", "value": "Halo"}]
    )
    punks = collect(server, limit)
    assert (punks.labels, punks.image_urls) == ({}, {})
    assert punks.missing.keys() == set(range(limit or 60))
    assert set(punks.missing.values()) < set(punks.warnings)
    assert "'Wearable'" in punks.missing[0]
    assert "no punk has any accessory" in punks.missing[0]


def test_accessories_that_only_the_counts_have_make_all_punks_missing(
    server: OpenSeaServer,
) -> None:
    server.punks = server.punks[:5]
    server.trait_counts = server.make_trait_counts()
    server.oddities.trait_types = {"accessory": None}
    assert collect(server, limit=4).missing == {}  # Four punks without accessories exist.
    missing = collect(server).missing
    assert missing == dict.fromkeys(range(5), missing[0])
    assert missing[0] == "no punk has any accessory"
    assert server.requests_to("/collection/")[-1].query.get("traits") is None


def test_few_punks_may_have_no_accessory(server: OpenSeaServer) -> None:
    server.punks = [FakePunk(i, "Male") for i in range(8)] + make_punks(60)[8:]
    assert len(collect(server, limit=8).labels) == 8
    assert collect(server).labels == expected_labels(server)


def test_unknown_trait_type_hides_no_accessory_if_its_values_are_counted(
    server: OpenSeaServer,
) -> None:
    server.punks = [FakePunk(0, "Male"), *server.punks[1:]]
    server.oddities.more_traits = [{"trait_type": "Background", "value": "blue"}]
    assert "no punk has any accessory" in collect(server, limit=1).missing[0]
    counts = server.make_trait_counts()
    counts["counts"]["Background"] = {"blue": 60}
    server.trait_counts = counts
    assert collect(server, limit=1).labels == {0: ("Male", ())}


def test_missing_types_name_the_unknown_trait_types(server: OpenSeaServer) -> None:
    server.oddities = Oddities(
        trait_types={"type": None}, more_traits=[{"trait_type": "Species", "value": "Human"}]
    )
    punks = collect(server)
    assert punks.labels == {}
    assert punks.missing == dict.fromkeys(
        range(60), "has no type among its traits; unknown trait types: 'Species'"
    )
    assert server.requests_to("/chain/") == []


# -- Rows that cannot be read --------------------------------------------------------------


@pytest.mark.parametrize("identifier", [None, [5], "five"])
@pytest.mark.parametrize("limit", [None, 10])
def test_row_without_an_id_is_refilled(
    server: OpenSeaServer, identifier: Any, limit: int | None
) -> None:
    row = {"identifier": identifier, "traits": "many"}
    server.max_batch_size = 0
    server.oddities.change_token = lambda token: row if token["identifier"] == "5" else token
    punks = collect(server, limit)
    if limit is None:
        assert punks.labels == expected_labels(server)
        assert [r.path[-2:] for r in server.requests_to("/chain/")] == ["/5"]
    assert (len(punks.labels), punks.missing) == (limit or 60, {})
    assert punks.warnings == [
        "unreadable rows in the token list: 1 (the first: "
        + ("traits: must be a list)" if identifier == "five" else "identifier: must be a string)")
    ]


def test_unreadable_token_of_a_batch_is_not_requested_alone(server: OpenSeaServer) -> None:
    ids = {str(i) for i in range(5, 60, 5)}

    def damage(token: Json) -> Json:
        return token | {"traits": "many"} if token["identifier"] in ids else token

    server.oddities.change_token = damage
    punks = collect(server)
    assert punks.missing == dict.fromkeys(
        range(5, 60, 5), "has a row that cannot be read (traits: must be a list)"
    )
    assert len(server.requests_to("/nfts/batch")) == 1
    assert server.requests_to("/chain/") == []


def test_many_tokens_with_unknown_types_need_few_requests(server: OpenSeaServer) -> None:
    server.punks = [FakePunk(i, "Robot") for i in range(900)]
    server.trait_counts = {}
    punks = collect(server)
    assert punks.missing == dict.fromkeys(range(900), "has the unknown type 'Robot'")
    assert len(server.requests_to()) < 30


# -- Contracts -----------------------------------------------------------------------------


@pytest.mark.parametrize("chain", ["ethereum", "Ethereum", "eth mainnet", None, 1])
@pytest.mark.parametrize("inline", [True, False])
def test_contract_is_chosen_by_value(server: OpenSeaServer, chain: Any, inline: bool) -> None:
    server.inline_traits = inline
    known = {"address": CONTRACT.upper().replace("X", "x"), "chain": chain}
    server.oddities.contracts = ["odd", {"address": "0x/../y"}, WRAPPER, known]
    punks = collect(server)
    assert (punks.contract, punks.chain) == (CONTRACT, "ethereum")
    assert (punks.labels, punks.warnings) == (expected_labels(server), [])


def test_other_contract_is_used_if_no_token_has_the_known_one(server: OpenSeaServer) -> None:
    server.oddities.contracts = [WRAPPER, WRAPPER | {"address": "0xcd"}]
    server.oddities.change_token = lambda token: token | {"contract": WRAPPER["address"]}
    punks = collect(server)
    assert punks.labels == expected_labels(server)
    assert punks.warnings == [
        f"no token has the contract {CONTRACT}; {WRAPPER['address']} is used instead"
    ]


def test_other_contract_is_not_used_if_the_tokens_have_the_known_one(server: OpenSeaServer) -> None:
    server.oddities.contracts = [WRAPPER]
    punks = collect(server)
    assert (punks.contract, punks.labels) == (CONTRACT, expected_labels(server))
    assert punks.warnings == []
