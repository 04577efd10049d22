"""What comes from outside, spoilt at random: `make fuzz`. No part of the tests, being long.

Whatever the bytes are, a reader gives its result or raises an error of ours, within bounds of time
and memory. FUZZ_EXAMPLES says how many inputs each reader gets.
"""

from __future__ import annotations

import base64
import copy
import gzip
import io
import json
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import SecretStr
from support.sales_events import CHAIN, CONTRACT, listing, make_sales
from support.sprites import draw_punks, frame_pickle

from punkdata.errors import DataError, PunkError
from punkdata.images.decode import decode_image
from punkdata.images.sprite_png import encode_png
from punkdata.snapshots.manifest import read_manifest
from punkdata.snapshots.reader import Snapshot, open_snapshot
from punkdata.snapshots.shards import read_shard
from punkdata.sources.cpunks10k import _read_images
from punkdata.sources.opensea import schemas
from punkdata.sources.opensea.parsing import (
    parse_image_urls,
    parse_labels,
    parse_listing,
    parse_punk_id,
    parse_sale,
)
from punkdata.sources.opensea.transport import NetworkTransport
from punkdata.sources.recording import open_recording

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "2000"))
LIMIT_MIB = 1500
"""of the whole process, imports included"""
some = settings(
    max_examples=EXAMPLES,
    deadline=60_000,  # ms; on a busy machine the slowest, of half a second, took ten
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

Edit = tuple[str, float, bytes]
edits: st.SearchStrategy[list[Edit]] = st.lists(
    st.tuples(
        st.sampled_from(["replace", "insert", "delete", "repeat", "cut"]),
        st.floats(0, 1),
        st.binary(min_size=1, max_size=8),
    ),
    min_size=1,
    max_size=6,
)


def spoilt(data: bytes, changes: list[Edit]) -> bytes:
    """A copy with some bytes replaced, put in, left out or repeated, or with its end cut off."""
    made = bytearray(data)
    for kind, where, piece in changes:
        at = int(where * len(made))
        if kind == "replace":
            made[at : at + len(piece)] = piece
        elif kind == "insert":
            made[at:at] = piece
        elif kind == "delete":
            del made[at : at + len(piece)]
        elif kind == "repeat":
            made[at:at] = made[at : at + 4 * len(piece)]
        else:
            del made[at + 1 :]
    return bytes(made)


leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
    | st.sampled_from(["../../x", "0x0", "1e9", "-1", "9" * 400, "\ud800", "\x00", "https://[x"])
)
values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
Change = tuple[float, str, Any]
changes_of_json: st.SearchStrategy[list[Change]] = st.lists(
    st.tuples(st.floats(0, 1), st.sampled_from(["exchange", "remove", "double"]), values),
    min_size=1,
    max_size=4,
)


def changed(data: Any, changes: list[Change]) -> bytes:
    """JSON of which some parts are others, gone, or there twice."""
    made = copy.deepcopy(data)
    for where, kind, value in changes:
        places = list(parts_of(made))
        if not places:
            break
        inside, at = places[min(int(where * len(places)), len(places) - 1)]
        if kind == "exchange":
            inside[at] = value
        elif kind == "remove":
            del inside[at]
        elif isinstance(inside, list):
            inside.append(inside[at])
        else:
            inside[f"{at} "] = inside[at]
    return json.dumps(made).encode()


def parts_of(data: Any) -> Iterator[tuple[Any, Any]]:
    """Every part as what holds it, and its name or place there."""
    inside = data.items() if isinstance(data, dict) else enumerate(data)
    for at, value in inside:
        yield data, at
        if isinstance(value, dict | list):
            yield from parts_of(value)


def stands(read: Callable[[], Any]) -> None:
    """It returns, or raises an error of ours, and memory stays within bounds."""
    said = "read"
    try:
        result = read()
        if hasattr(result, "__next__"):
            list(result)
    except PunkError as error:
        said = str(error)
    assert said.strip()
    assert "\n" not in said
    used_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    assert used_mib < LIMIT_MIB


def pictures() -> dict[str, bytes]:
    """A drawn punk in every format that is read."""
    sprite = draw_punks(3)[2].sprite
    large = Image.fromarray(sprite).resize((336, 336), Image.Resampling.NEAREST)
    behind = Image.new("RGBA", large.size, "#638596")
    behind.alpha_composite(large)
    found = {"png": encode_png(sprite)}
    formats: dict[str, dict[str, Any]] = {
        "png-336": {},
        "webp": {"quality": 90},
        "webp-lossless": {"lossless": True},
        "jpeg": {"quality": 90},
        "jpeg-progressive": {"quality": 90, "progressive": True},
        "avif": {"quality": 90},
    }
    for name, options in formats.items():
        file = io.BytesIO()
        behind.convert("RGB").save(file, name.partition("-")[0], **options)
        found[name] = file.getvalue()
    rects = "".join(
        f'<rect x="{x}" y="{y}" width="1" height="1" fill="#{bytes(sprite[y, x, :3]).hex()}"/>'
        for y in range(24)
        for x in range(24)
        if sprite[y, x, 3]
    )
    head = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">'
    found["svg"] = f"{head}{rects}</svg>".encode()
    found["svg in a data URI"] = b"data:image/svg+xml;utf8," + quote(found["svg"]).encode()
    found["png in a data URI"] = b"data:image/png;base64," + base64.b64encode(found["png"])
    return found


PICTURES = pictures()


@pytest.mark.parametrize("name", PICTURES)
def test_pictures(name: str) -> None:
    @some
    @given(edits)
    def fuzz(changes: list[Edit]) -> None:
        stands(lambda: decode_image(spoilt(PICTURES[name], changes)))

    fuzz()


@some
@given(st.binary(max_size=400))
def test_anything_as_a_picture(data: bytes) -> None:
    stands(lambda: decode_image(data))


REPLIES = {
    schemas.EventsPage: {"asset_events": make_sales(draw_punks(8), 40), "next": "abc"},
    schemas.ListingsPage: {"listings": [listing(3, "70")], "next": None},
    schemas.NftsPage: {
        "nfts": [
            {
                "identifier": "3",
                "collection": "cryptopunks",
                "contract": CONTRACT,
                "token_standard": "cryptopunks",
                "name": "CryptoPunk #3",
                "image_url": "https://i.seadn.io/3.png",
                "traits": [{"trait_type": "type", "value": "Male"}],
            }
        ]
    },
}


def parse(model: Any, body: bytes) -> None:
    """What a fetch makes of a reply. One entry that is refused does not keep the others away."""
    page = schemas.parse_body(model, body, "the endpoint")
    for nft in getattr(page, "nfts", None) or ():
        parse_punk_id(nft.identifier)
        parse_image_urls(nft)
        with suppress(DataError):
            parse_labels(nft)
    for event in getattr(page, "asset_events", None) or ():
        with suppress(DataError):
            parse_sale(event, CONTRACT, CHAIN)
    for one in getattr(page, "listings", None) or ():
        with suppress(DataError):
            parse_listing(one, CONTRACT)


def test_whole_replies_are_read_to_the_end() -> None:
    """Or the tests below would spoil what nobody looks at."""
    found = {
        model: schemas.parse_body(model, json.dumps(body).encode(), "the endpoint")
        for model, body in REPLIES.items()
    }
    (nft,) = found[schemas.NftsPage].nfts
    assert parse_labels(nft) == ("Male", ())
    sales = 0
    for event in found[schemas.EventsPage].asset_events:
        with suppress(DataError):
            sales += parse_sale(event, CONTRACT, CHAIN).punk_id >= 0
    assert sales > 20
    assert parse_listing(found[schemas.ListingsPage].listings[0], CONTRACT)


@pytest.mark.parametrize("model", REPLIES)
def test_replies(model: Any) -> None:
    body = json.dumps(REPLIES[model]).encode()

    @some
    @given(edits)
    def fuzz(changes: list[Edit]) -> None:
        stands(lambda: parse(model, spoilt(body, changes)))

    fuzz()


@pytest.mark.parametrize("model", REPLIES)
def test_replies_of_another_shape(model: Any) -> None:
    @some
    @given(changes_of_json)
    def fuzz(changes: list[Change]) -> None:
        stands(lambda: parse(model, changed(REPLIES[model], changes)))

    fuzz()


def test_packed_replies() -> None:
    pack_chunk = gzip.compress(json.dumps(REPLIES[schemas.EventsPage]).encode())
    base = "https://api.opensea.io"

    @some
    @given(edits)
    def fuzz(changes: list[Edit]) -> None:
        def answer(_: httpx.Request) -> httpx.Response:
            body = httpx.ByteStream(spoilt(pack_chunk, changes))
            return httpx.Response(200, headers={"content-encoding": "gzip"}, stream=body)

        def ask() -> None:
            http = httpx.Client(transport=httpx.MockTransport(answer))
            request = httpx.Request("GET", f"{base}/api/v2/events", extensions={"check": len})
            with suppress(httpx.RequestError):  # what `retry` tries again
                NetworkTransport(http, base, SecretStr("k" * 20)).handle_request(request)

        stands(ask)

    fuzz()


def test_pickled_frames() -> None:
    data = frame_pickle({i: np.zeros((24, 24, 4), np.float32) for i in range(3)})

    @some
    @given(edits)
    def fuzz(changes: list[Edit]) -> None:
        stands(lambda: _read_images(io.BytesIO(spoilt(data, changes))))

    fuzz()


def test_manifests_of_another_shape(built_root: Path, tmp_path: Path) -> None:
    file = open_snapshot(built_root).path / "manifest.json"
    data = json.loads(file.read_bytes())

    @some
    @given(changes_of_json)
    def fuzz(changes: list[Change]) -> None:
        (tmp_path / "manifest.json").write_bytes(changed(data, changes))
        stands(lambda: read_manifest(tmp_path / "manifest.json"))

    fuzz()


def test_manifests(built_root: Path, tmp_path: Path) -> None:
    text = (open_snapshot(built_root).path / "manifest.json").read_bytes()

    @some
    @given(edits)
    def fuzz(changes: list[Edit]) -> None:
        (tmp_path / "manifest.json").write_bytes(spoilt(text, changes))
        stands(lambda: read_manifest(tmp_path / "manifest.json"))

    fuzz()


def test_recordings(built_root: Path, tmp_path: Path) -> None:
    (source,) = (built_root / "raw").iterdir()

    @some
    @given(st.sampled_from(["recording.json", "index.jsonl"]), edits)
    def fuzz(name: str, changes: list[Edit]) -> None:
        for file in ("recording.json", "index.jsonl"):
            data = (source / file).read_bytes()
            (tmp_path / file).write_bytes(spoilt(data, changes) if file == name else data)
        stands(lambda: list(open_recording(tmp_path).replies()))

    fuzz()


def test_shards(built_root: Path, tmp_path: Path) -> None:
    (shard,) = (open_snapshot(built_root).path / "shards").glob("punks-val-*.tar")
    data = shard.read_bytes()

    @some
    @given(edits)
    def fuzz(changes: list[Edit]) -> None:
        (tmp_path / "a.tar").write_bytes(spoilt(data, changes))
        stands(lambda: read_shard(tmp_path / "a.tar"))

    fuzz()


def test_parquet(snapshot: Snapshot, tmp_path: Path) -> None:
    (source,) = (snapshot.path / "data").glob("punks-val-*")
    data = source.read_bytes()
    there = Snapshot(tmp_path, snapshot.manifest)
    (tmp_path / "data").mkdir()

    @some
    @given(edits)
    def fuzz(changes: list[Edit]) -> None:
        (tmp_path / "data" / source.name).write_bytes(spoilt(data, changes))
        stands(lambda: there.punks("val"))

    fuzz()


@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_arrays_of_pictures(suffix: str, tmp_path: Path) -> None:
    from punkmodels.gan.training_images import pictures

    pixels = np.random.default_rng(0).integers(0, 99, (20, 8, 8), np.uint16)
    file = tmp_path / f"a.{suffix}"
    with file.open("wb") as to:
        (np.save if suffix == "npy" else np.savez_compressed)(to, pixels)
    data = file.read_bytes()

    @some
    @given(edits)
    def fuzz(changes: list[Edit]) -> None:
        file.write_bytes(spoilt(data, changes))
        stands(lambda: pictures(file))

    fuzz()
