from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from punkdata.snapshots.croissant import REQUIRED
from punkdata.snapshots.reader import Snapshot


def nodes(part: Any) -> Iterator[dict[str, Any]]:
    """Every object of a JSON-LD that has a type, itself included."""
    if isinstance(part, dict):
        if "@type" in part and part["@type"] != "@json":
            yield part
        for value in part.values():
            yield from nodes(value)
    if isinstance(part, list):
        for value in part:
            yield from nodes(value)


def described(snapshot: Snapshot) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((snapshot.path / "croissant.json").read_text())
    return found


def test_nothing_that_the_specification_requires_is_missing(priced: Snapshot) -> None:
    croissant = described(priced)
    assert croissant["conformsTo"] == "http://mlcommons.org/croissant/1.1"
    counted = dict.fromkeys(REQUIRED, 0)
    for node in nodes(croissant):
        if (kind := node["@type"]) in REQUIRED:
            counted[kind] += 1
            missing = [name for name in REQUIRED[kind] if not node.get(name)]
            assert not missing, (kind, node.get("@id"), missing)
    columns = 3 * len(priced.punks().column_names) + len((priced.sales() or priced.punks()).schema)
    assert counted["cr:Field"] == columns
    assert counted["cr:RecordSet"] == 4
    identities = [node["@id"] for node in nodes(croissant) if "@id" in node]
    assert len(identities) == len(set(identities))


def test_every_file_is_there_with_its_hash(priced: Snapshot) -> None:
    files = described(priced)["distribution"]
    for file in files:
        data = (priced.path / file["contentUrl"]).read_bytes()
        assert file["sha256"] == hashlib.sha256(data).hexdigest()
        assert file["contentSize"] == f"{len(data)} B"
    there = {p.relative_to(priced.path).as_posix() for p in priced.path.rglob("*") if p.is_file()}
    assert {f["contentUrl"] for f in files} == there - {"croissant.json", "manifest.json"}


def test_sources_name_files_and_columns_that_exist(priced: Snapshot) -> None:
    import pyarrow.parquet as pq

    for records in described(priced)["recordSet"]:
        for field in records["field"]:
            source = field["source"]
            schema = pq.read_schema(priced.path / source["fileObject"]["@id"])
            assert source["extract"]["column"] in schema.names
            assert field["@id"] == f"{records['@id']}/{field['name']}"


def test_without_prices_there_are_no_records_of_sales(snapshot: Snapshot) -> None:
    names = [records["name"] for records in described(snapshot)["recordSet"]]
    assert sorted(names) == ["test", "train", "val"]
