"""Fuzz tests of the other parts of OpenSea's replies: totals, keys, headers and error bodies."""

from __future__ import annotations

import email.utils
import math
import random
from typing import Any

from support.fuzzing import for_each_seed
from support.opensea_api import FakeOpenSea
from support.row_damage import ODD_VALUES, catch, check_message, damage_row, dump_json
from support.sprites import make_punks

from punkdata.errors import LimitError, NetworkError
from punkdata.sources.opensea.api import schemas
from punkdata.sources.opensea.api.schemas import parse_body
from punkdata.sources.opensea.http.error_replies import check_no_error, describe_error_body
from punkdata.sources.opensea.http.rate_limit import RateLimiter, announces_wait
from punkdata.sources.opensea.trait_counts import read_label_counts

NOW_S = 1_790_000_000.0
MAX_WAIT_S = 900.0


def test_totals_are_read_as_far_as_they_can_be() -> None:
    """Check that odd values in the counts, the collection and its contracts cost nothing else."""
    api = FakeOpenSea(make_punks(12))

    def check(rng: random.Random) -> None:
        counts = {"counts": damage_row(rng, api.make_trait_counts()["counts"])}
        reply = catch(lambda: parse_body(schemas.TraitCounts, "x", dump_json(counts)))
        for label, number in read_label_counts(reply).by_label.items() if reply else ():
            assert 0 <= number < schemas.MAX_COUNT, label
        collection = damage_row(rng, api.make_collection())
        found = catch(lambda: parse_body(schemas.Collection, "x", dump_json(collection)))
        for contract in found.contracts if found else ():
            assert contract.address.isalnum()

    for_each_seed(check)


def test_replies_with_a_new_key_are_read_or_refused() -> None:
    document = {"api_key": "a" * 32, "expires_at": "2026-12-09T00:00:00Z", "name": "x"}

    def check(rng: random.Random) -> None:
        reply = damage_row(rng, document)
        found = catch(lambda: parse_body(schemas.InstantKey, "x", dump_json(reply)))
        if found:
            text = found.api_key.get_secret_value()
            assert text.isascii()
            assert text.isprintable()
            assert text not in repr(found)

    for_each_seed(check)


# -- Headers ---------------------------------------------------------------------------------


def make_header(rng: random.Random) -> str:
    """Return a number, a time or something else that a header of a rate limit may contain."""
    near_s = NOW_S + rng.choice([-3600, -1, 0, 1, 2, 30, 890, 3000, 10**6])
    number = rng.choice([0, 1, 2, 60, 600, near_s, near_s * 1000, rng.uniform(-1e3, 1e3)])
    forms = [
        *(str(number), str(int(number)), f" {number} ", f"{number:e}", f"{number};w=60"),
        email.utils.formatdate(near_s, usegmt=True),
        email.utils.formatdate(near_s),
        *(str(value)[:500] for value in rng.sample(ODD_VALUES, 3)),
        *("inf", "nan", "-inf", "1e400", "0x10", "Wed, 99 Foo 2026 99:99:99 GMT", "never", "٣"),
    ]
    return rng.choice(forms)


def test_rate_limits_end_whatever_the_headers_say() -> None:
    """Check that each wait is finite and allowed, and that its end lets a request through."""

    def check(rng: random.Random) -> None:
        now_s, sleeps = NOW_S, []

        def sleep(seconds: float) -> None:
            nonlocal now_s
            assert 0 < seconds <= MAX_WAIT_S
            sleeps.append(seconds)
            now_s += seconds

        warned: list[str] = []
        limiter = RateLimiter("api.test", MAX_WAIT_S, sleep, warned.append, lambda: now_s)
        names = ["retry-after", "date"]
        names += [f"x-ratelimit-{part}" for part in ("limit", "remaining", "reset")]
        for _ in range(rng.randint(1, 8)):
            headers = {n: make_header(rng) for n in names if rng.random() < 0.6}
            status = rng.choice([200, 404, 429, 429, 503, 599])
            announces_wait(headers)
            limiter.update(status, headers, rng.choice(["events", "listings", ""]))
            num_before = len(sleeps)
            try:
                limiter.acquire(rng.choice(["events", "listings", ""]))
            except LimitError as error:
                check_message(str(error))
            assert len(sleeps) - num_before <= 3
            now_s += rng.choice([0.0, 0.01, 5.0, 4000.0])
        assert math.isclose(limiter.waited_s, sum(sleeps))
        for text in warned:
            check_message(text)

    for_each_seed(check)


# -- Error bodies ------------------------------------------------------------------------------


def make_error(rng: random.Random) -> bytes:
    """Return the body of an error in one of the known forms, often damaged."""
    text = rng.choice(["Too many requests", "x" * 300, "a\x00b\x1b[31m\u202e", "", "trouble\n\n"])
    forms: list[Any] = [
        *({"errors": [text, text]}, {"errors": text}, {"detail": text}, {"message": text}),
        *({"error": {"message": text, "status": 500, "code": "x"}}, {"error": text}, [text], text),
        *({"errors": [{"message": text}, {"detail": [text]}]}, {"title": text, "nfts": []}),
    ]
    form = rng.choice(forms)
    body = dump_json(damage_row(rng, form) if rng.random() < 0.7 else form)
    match rng.randrange(6):
        case 0:
            return b"<html><title>" + body + b"</title>"
        case 1:
            return body[: rng.randrange(len(body) + 1)]
        case 2:
            return text.encode("utf-16")
        case 3:
            return rng.randbytes(rng.randrange(40)) + body
    return body


def test_errors_are_described_in_one_short_line() -> None:
    def check(rng: random.Random) -> None:
        body = make_error(rng)
        reason = describe_error_body(body)
        if reason:
            check_message(reason, 250)
            assert reason.startswith(": ")
        try:
            check_no_error("GET /events", body, {"asset_events"})
        except NetworkError as error:
            check_message(str(error))

    for_each_seed(check)


def test_rows_that_have_errors_beside_them_are_still_read() -> None:
    def check(rng: random.Random) -> None:
        beside = rng.choice([*ODD_VALUES[:-2], "x", ["x"], {"message": "x"}])
        fields = rng.sample(["errors", "error", "detail", "message", "title"], 2)
        body = dump_json({"nfts": [{"identifier": "7"}]} | dict.fromkeys(fields, beside))
        assert len(parse_body(schemas.NftsPage, "x", body).rows) == 1

    for_each_seed(check, 500)
