"""What comes from outside, spoilt at random: `make fuzz`. No part of the tests, being long.

Whatever the bytes are, a reader gives its result or raises an error of ours, within bounds of time
and memory. FUZZ_EXAMPLES says how many inputs each reader gets.
"""

from __future__ import annotations

import io
import json
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from drawing import draw_punks
from events import draw_sales, listing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from punkdata import wire
from punkdata.errors import PunkError
from punkdata.images import decode_image, encode_png
from punkdata.manifest import read_manifest
from punkdata.recording import open_recording
from punkdata.shards import read_shard
from punkdata.snapshot import Snapshot, open_snapshot

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "2000"))
LIMIT_MIB = 1500
"""of the whole process, imports included"""
some = settings(
    max_examples=EXAMPLES,
    deadline=10_000,
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
    for name, options in (("png336", {}), ("webp", {"quality": 90}), ("jpeg", {"quality": 90})):
        file = io.BytesIO()
        behind.convert("RGB").save(file, name.removesuffix("336"), **options)
        found[name] = file.getvalue()
    rects = "".join(
        f'<rect x="{x}" y="{y}" width="1" height="1" fill="#{bytes(sprite[y, x, :3]).hex()}"/>'
        for y in range(24)
        for x in range(24)
        if sprite[y, x, 3]
    )
    head = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">'
    found["svg"] = f"{head}{rects}</svg>".encode()
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
    wire.EventsPage: {"asset_events": draw_sales(draw_punks(8), 40), "next": "abc"},
    wire.ListingsPage: {"listings": [listing(3, "70")], "next": None},
    wire.NftsPage: {
        "nfts": [
            {
                "identifier": "3",
                "collection": "cryptopunks",
                "contract": "0x0",
                "token_standard": "cryptopunks",
                "name": "CryptoPunk #3",
                "image_url": "https://i.seadn.io/3.png",
                "traits": [{"trait_type": "type", "value": "Male"}],
            }
        ]
    },
}


@pytest.mark.parametrize("model", REPLIES)
def test_replies(model: Any) -> None:
    body = json.dumps(REPLIES[model]).encode()

    @some
    @given(edits)
    def fuzz(changes: list[Edit]) -> None:
        stands(lambda: wire.parse_body(model, spoilt(body, changes), "the endpoint"))

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
