"""Snapshots as earlier versions of punkdata wrote them."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from punkdata.files import sha256_file
from punkdata.schema import ADDED_IN_SCHEMA, OPTIONAL_COLUMNS, OPTIONAL_TABLES
from punkdata.snapshots.layout import renamed_columns, table_file
from punkdata.snapshots.prices import PRICE_COLUMNS, summarize_sales
from punkdata.snapshots.reader import Snapshot, open_snapshot
from punkdata.snapshots.shards import extract_samples, write_shard
from punkdata.snapshots.tables import summarize_tables
from punkdata.splits import SPLITS


def write_old_snapshot(snapshot: Snapshot, root: Path, schema: int) -> Snapshot:
    """Write the content of a snapshot below a root in schema 1 or 2, as far as it had it."""
    tables = {"punks": snapshot.punks(), "provenance": snapshot.provenance()}
    for name in ("sales", "listings") if schema > 1 else ():
        table = getattr(snapshot, name)()
        if table is not None:
            tables[name] = table
    if "sales" in tables:
        tables["punks"] = _count_flagged_sales(tables["punks"], tables["sales"], schema)
    facts = summarize_tables(tables, schema=schema)
    folder = root / "snapshots" / "cryptopunks" / facts["version"]
    (folder / "data").mkdir(parents=True)
    (folder / "shards").mkdir()
    for split in SPLITS:
        rows = tables["punks"].filter(pa.compute.field("split") == split)
        _write_table(folder / table_file("punks", split, schema), "punks", rows, schema)
        known = [c for c in rows.column_names if ADDED_IN_SCHEMA.get(c, 1) <= schema]
        shard = folder / f"shards/punks-{split}-000000.tar"
        write_shard(shard, extract_samples(rows.select(known)))
    for name in ("provenance", *OPTIONAL_TABLES):
        if name in tables:
            _write_table(folder / table_file(name, schema=schema), name, tables[name], schema)
    (folder / "README.md").write_text("# CryptoPunks\n")
    manifest = snapshot.manifest.model_dump(mode="json", exclude={"market_stats", "tables"})
    manifest |= {name: value for name, value in facts.items() if name not in ("tables", "sales")}
    manifest |= {"schema_version": schema, "listings": facts["tables"].get("listings")}
    if facts["sales"] is not None:
        fields = {"count", "first_sold_at", "last_sold_at"}
        manifest["sales"] = facts["sales"].model_dump(include=fields)
    manifest["files"] = [
        {
            "path": file.relative_to(folder).as_posix(),
            "bytes": file.stat().st_size,
            "sha256": sha256_file(file),
        }
        for file in sorted(folder.rglob("*.*"))
    ]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder.parent / "latest").write_text(f"{facts['version']}\n")
    return open_snapshot(root)


def _count_flagged_sales(punks: pa.Table, sales: pa.Table, schema: int) -> pa.Table:
    """Return the punks with the price columns as they were before sales had flags."""
    rows = sales.to_pylist()
    found = [
        summarize_sales([row for row in rows if row["punk_id"] == punk_id], schema)
        for punk_id in punks.column("punk_id").to_pylist()
    ]
    for name in PRICE_COLUMNS:
        field = punks.schema.field(name)
        values = pa.array([prices.get(name) for prices in found], field.type)
        punks = punks.set_column(punks.schema.get_field_index(name), field, values)
    return punks


def _write_table(path: Path, table: str, rows: pa.Table, schema: int) -> None:
    former = {current: name for name, current in renamed_columns(table, schema).items()}
    stored = [name for name in rows.column_names if name not in OPTIONAL_COLUMNS]
    names = [name for name in stored if ADDED_IN_SCHEMA.get(name, 1) <= schema]
    rows = rows.select(names).rename_columns([former.get(name, name) for name in names])
    pq.write_table(rows, path)
