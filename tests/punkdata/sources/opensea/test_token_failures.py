"""What is collected while endpoints of the API fail for good."""

from __future__ import annotations

import pytest
from support.network import collect, expected_labels, make_client
from support.opensea_faults import Reply
from support.opensea_oddities import BROKEN, NOT_JSON, REFUSED, WEB_PAGE
from support.opensea_server import OpenSeaServer
from support.sprites import make_punks

from punkdata.errors import ForbiddenError, RefusedError
from punkdata.sources.opensea.tokens import collect_punks

FAILURES = [REFUSED, BROKEN, WEB_PAGE, NOT_JSON, (418, b"", {}), (200, b'{"errors": ["x"]}', {})]


@pytest.mark.parametrize("reply", FAILURES)
def test_optional_endpoints_fail_into_one_warning_each(server: OpenSeaServer, reply: Reply) -> None:
    server.oddities.replies = {"/collections/": reply}
    punks = collect(server)
    assert (punks.labels, punks.missing) == (expected_labels(server), {})
    assert len(punks.warnings) == 1
    assert punks.warnings[0].startswith("the totals of the collection are not known: ")
    server.oddities.replies = {"/traits/": reply}
    punks = collect(server)
    assert (punks.labels, punks.missing) == (expected_labels(server), {})
    assert len(punks.warnings) == 1
    assert punks.warnings[0].startswith("the labels cannot be compared with trait counts: ")
    server.oddities.replies = {"/batch": reply}
    server.inline_traits = False
    punks = collect(server)
    assert (punks.labels, punks.missing) == (expected_labels(server), {})
    assert len(server.requests_to("/chain/")) == 60
    assert [w[:40] for w in punks.warnings] == (
        ["tokens could not be requested in batches"] if reply[0] != 418 else []
    )


@pytest.mark.parametrize("reply", FAILURES)
def test_failing_trait_filter_is_given_up_after_the_first(
    server: OpenSeaServer, reply: Reply
) -> None:
    counts = server.make_trait_counts()
    for name in counts["counts"]["accessory"]:
        counts["counts"]["accessory"][name] += 1
    server.trait_counts = counts
    server.oddities.replies = {"?traits": reply}
    punks = collect(server)
    assert (punks.labels, punks.missing) == (expected_labels(server), {})
    assert sum("cannot be listed by trait" in warning for warning in punks.warnings) == 1
    assert len([r for r in server.requests_to("/collection/") if "traits" in r.query]) <= 8


def test_token_that_always_fails_is_missing(server: OpenSeaServer) -> None:
    server.inline_traits, server.max_batch_size = False, 0
    server.oddities.replies = {"/nfts/31": BROKEN}
    punks = collect(server)
    reason = "has no type among its traits and could not be requested by its id"
    assert punks.missing == {31: reason}
    (warning,) = [w for w in punks.warnings if "individually" in w]
    assert warning.startswith(
        "tokens that could not be requested individually: 1, the first is punk 31: "
    )
    assert "status 500" in warning


def test_single_requests_end_after_failures_in_a_row(server: OpenSeaServer) -> None:
    server.inline_traits, server.max_batch_size = False, 0
    server.oddities.replies = {"/chain/": NOT_JSON}
    punks = collect(server)
    assert len(punks.missing) == 60
    assert len(server.requests_to("/chain/")) == 3 * 8
    assert any("not requested individually: 57" in warning for warning in punks.warnings)


@pytest.mark.parametrize("reply", [REFUSED, None])
def test_tokens_requested_one_by_one_are_limited(
    server: OpenSeaServer, reply: Reply | None
) -> None:
    server.punks = make_punks(230)
    server.inline_traits, server.max_batch_size = False, 0
    server.oddities.replies = {"/batch": reply} if reply else {}
    punks = collect(server)
    assert list(punks.labels) == list(range(200))
    assert punks.missing == dict.fromkeys(
        range(200, 230), "has no type among its traits and was not requested by its id"
    )
    assert len(server.requests_to("/chain/")) == 200
    assert sum("not requested individually: 30" in warning for warning in punks.warnings) == 1
    assert collect(server, limit=200).missing == {}


def test_refused_key_and_refused_token_list_stop_everything(server: OpenSeaServer) -> None:
    server.oddities.replies = {"/": REFUSED}
    with pytest.raises(ForbiddenError, match="/collection/cryptopunks/nfts with status 403"):
        collect(server)
    client = make_client(server)
    server.key = "another-key-0123456789"
    server.log.clear()
    with pytest.raises(RefusedError, match="status 401"):
        collect_punks(client)
    assert len(server.log) == 1
