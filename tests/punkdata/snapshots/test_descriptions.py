"""README.md and croissant.json, which describe a snapshot."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from punkdata.schema import OPTIONAL_TABLES, PROVENANCE, PUNKS, SALES
from punkdata.snapshots.descriptions import render_dataset_card
from punkdata.snapshots.reader import Snapshot, open_snapshot

REQUIRED = {
    "sc:Dataset": (
        *("@context", "@type", "conformsTo", "name", "description", "license", "url", "creator"),
        *("datePublished", "distribution", "recordSet"),
    ),
    "cr:FileObject": ("@id", "name", "contentUrl", "encodingFormat", "sha256"),
    "cr:RecordSet": ("@id", "name", "field"),
    "cr:Field": ("@id", "name", "description", "dataType", "source"),
}
"""Properties that the specification requires of each kind of node. Validators accept some
descriptions that lack them."""


def typed_nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object with a type in a JSON-LD document, at any depth."""
    if isinstance(value, dict):
        if "@type" in value and value["@type"] != "@json":
            yield value
        for child in value.values():
            yield from typed_nodes(child)
    if isinstance(value, list):
        for child in value:
            yield from typed_nodes(child)


def read_croissant(snapshot: Snapshot) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((snapshot.path / "croissant.json").read_text())
    return document


def test_all_required_properties_are_present(priced_snapshot: Snapshot) -> None:
    croissant = read_croissant(priced_snapshot)
    assert croissant["conformsTo"] == "http://mlcommons.org/croissant/1.1"
    counts = dict.fromkeys(REQUIRED, 0)
    for node in typed_nodes(croissant):
        if (kind := node["@type"]) in REQUIRED:
            counts[kind] += 1
            missing = [name for name in REQUIRED[kind] if not node.get(name)]
            assert not missing, (kind, node.get("@id"), missing)
    num_optional = sum(len(schema) for schema in OPTIONAL_TABLES.values())
    assert counts["cr:Field"] == 3 * len(PUNKS) + num_optional
    assert counts["cr:RecordSet"] == 3 + len(OPTIONAL_TABLES)
    for record_set in croissant["recordSet"]:
        for field in record_set["field"]:
            source = field["source"]
            schema = pq.read_schema(priced_snapshot.path / source["fileObject"]["@id"])
            assert source["extract"]["column"] in schema.names
            assert field["@id"] == f"{record_set['@id']}/{field['name']}"
    ids = [node["@id"] for node in typed_nodes(croissant) if "@id" in node]
    assert len(ids) == len(set(ids))


def test_distribution_lists_every_file_with_its_hash(priced_snapshot: Snapshot) -> None:
    files = read_croissant(priced_snapshot)["distribution"]
    for file in files:
        data = (priced_snapshot.path / file["contentUrl"]).read_bytes()
        assert file["sha256"] == hashlib.sha256(data).hexdigest()
        assert file["contentSize"] == f"{len(data)} B"
    paths = {
        p.relative_to(priced_snapshot.path).as_posix()
        for p in priced_snapshot.path.rglob("*")
        if p.is_file()
    }
    assert {f["contentUrl"] for f in files} == paths - {"croissant.json", "manifest.json"}


def test_card_describes_the_snapshot(built_root: Path) -> None:
    snapshot = open_snapshot(built_root)
    text = (snapshot.path / "README.md").read_text()
    assert text == render_dataset_card(snapshot.manifest)
    assert snapshot.version in text
    assert "60 punks" in text
    assert "12 Alien, 12 Ape" in text
    assert "Partial" not in text


def test_header_lists_configurations_and_splits(
    built_root: Path, priced_snapshot: Snapshot
) -> None:
    for snapshot, configs in (
        (open_snapshot(built_root), ["default"]),
        (priced_snapshot, ["default", *OPTIONAL_TABLES]),
    ):
        header = yaml.safe_load((snapshot.path / "README.md").read_text().split("---\n")[1])
        assert [config["config_name"] for config in header["configs"]] == configs
        files = {f["split"]: f["path"] for f in header["configs"][0]["data_files"]}
        assert list(files) == ["train", "val", "test"]
        assert all(len(list(snapshot.path.glob(path))) == 1 for path in files.values())
        assert header["size_categories"] == ["n<1K"]


def test_card_describes_every_column(priced_snapshot: Snapshot) -> None:
    text = (priced_snapshot.path / "README.md").read_text()
    for schema in (PUNKS, SALES, OPTIONAL_TABLES["listings"], PROVENANCE):
        for name in schema.names:
            line = re.search(rf"^\| `{name}` \| [^|]+ \| ([^|]+) \|$", text, re.MULTILINE)
            assert line, name
            assert len(line[1]) > 3


def test_card_of_a_partial_snapshot_says_so(built_root: Path) -> None:
    manifest = open_snapshot(built_root).manifest
    partial = {"status": "partial", "expected": 62, "missing": {"60": "x", "61": "y"}}
    assert "**Partial: 2 of 62 punks are missing**" in render_dataset_card(
        manifest.model_copy(update=partial)
    )
