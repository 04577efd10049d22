"""The files that describe a snapshot to readers who have only its folder.

README.md is the data set card. Its YAML header declares the configurations and splits for the
Hugging Face Hub and the library `datasets`. croissant.json follows MLCommons Croissant 1.1,
http://mlcommons.org/croissant/1.1. What is the same for every snapshot is in `punkdata/data/`.
"""

import json
from importlib import resources
from typing import Any

from punkdata.schema import COLUMNS
from punkdata.snapshots.manifest import FileEntry, Manifest
from punkdata.splits import SPLITS
from punkdata.traits import TYPES

_MEDIA_TYPES = {
    "parquet": "application/x-parquet",
    "tar": "application/x-tar",
    "md": "text/markdown",
}
_DATA_TYPES = {
    "bool": "sc:Boolean",
    "float64": "sc:Float",
    "string": "sc:Text",
    "list of string": "sc:Text",
    "timestamp, UTC": "sc:DateTime",
    "struct of bytes and path": "sc:ImageObject",
}
"""schema.org types by the type in `data/columns.toml`; all others are integers."""
_TABLE_ROWS = {
    "sales": "one row per sale",
    "listings": "one row per punk and currency in which the punk was for sale on OpenSea",
    "eth_usd": "one row per day",
    "floor_prices": "one row per time",
    "trait_floors": "one row per label and currency",
}
_SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M"}
"""Size categories of the Hugging Face Hub by their largest number of rows, exclusive."""


def render_dataset_card(manifest: Manifest) -> str:
    """Return the Markdown text that describes a snapshot.

    The `files` of the manifest are not used, because the card is one of them.
    """
    template = resources.files("punkdata").joinpath("data/dataset_card.md").read_text("utf-8")
    # `datasets` cannot infer the columns of an empty split or table, so these are left out.
    splits = [split for split in SPLITS if manifest.splits["default"][split]]
    files = [{"split": split, "path": f"punks/{split}-*.parquet"} for split in splits]
    configs: list[dict[str, Any]] = [
        {"config_name": "default", "default": True, "data_files": files}
    ]
    for table in [name for name, count in manifest.tables.items() if count]:
        entry = {"split": "train", "path": f"{table}/train-*.parquet"}
        configs.append({"config_name": table, "data_files": [entry]})
    sales, load_sales = "not provided by this source", ""
    if manifest.sales is not None:
        sales = f"{manifest.sales.count:,}"
        load_sales = '\nsales = load_dataset("path/to/this/folder", "sales")'
    notes = ""
    if manifest.missing:
        missing = f"{len(manifest.missing)} of {manifest.expected:,} punks are missing"
        notes += f"\n\n**Partial: {missing}**; `manifest.json` lists them."
    if manifest.lost_sales:
        notes += f"\n\n**Partial: {manifest.lost_sales:,} sales could not be read.**"
    if manifest.limit is not None:
        notes += f"\n\n**Sample: only the first {manifest.limit:,} punks were requested.**"
    return template.format(
        manifest=manifest,
        configs=json.dumps(configs),  # JSON is valid YAML.
        size_category=next(name for limit, name in _SIZES.items() if manifest.punks < limit),
        at=f" at {manifest.base_url}" if manifest.base_url else "",
        notes=notes,
        splits="\n".join(
            f"| {scheme} | " + " | ".join(f"{n:,}" for n in sizes.values()) + " |"
            for scheme, sizes in manifest.splits.items()
        ),
        types=", ".join(f"{manifest.labels[name]:,} {name}" for name in TYPES),
        sales=sales,
        load_sales=load_sales,
        punk_columns=_describe_columns("punks"),
        other_tables="".join(
            f"\n`{table}/` has {_TABLE_ROWS[table]}:\n\n{_describe_columns(table)}\n"
            for table in manifest.tables
        ),
        price_notes="".join(f"\n- {note}" for note in _describe_prices(manifest)),
        provenance_columns=_describe_columns("provenance"),
    )


def _describe_prices(manifest: Manifest) -> list[str]:
    """Return sentences on what the prices of a snapshot are, for the section on its making."""
    sales = manifest.sales
    if sales is None:
        return []
    markets = ", ".join(f"{n:,} in {name}" for name, n in sales.markets.items())
    notes = [
        f"Sales by market: {markets or 'none'}. The price columns of the punks count the market "
        "cryptopunks, and only priced sales: those in ETH, WETH or BETH without a flag."
    ]
    if flagged := ", ".join(f"`{name}` {n:,}" for name, n in sales.flagged.items() if n):
        notes.append(f"Flagged sales, which price statistics leave out: {flagged}.")
    if sales.usd_from:
        notes.append(
            f"Rates of ETH in USD are known from {sales.usd_from} on; earlier sales have no price "
            "in USD."
        )
    return notes


def _describe_columns(table: str) -> str:
    """Return a Markdown table of the columns of a table, with type and description."""
    lines = [f"| `{name}` | {kind} | {text} |" for name, (kind, text) in COLUMNS[table].items()]
    return "\n".join(["| column | type | description |", "|---|---|---|", *lines])


def build_croissant(manifest: Manifest, files: tuple[FileEntry, ...]) -> dict[str, Any]:
    """Return the JSON-LD document that describes a snapshot.

    `files` are all files of the snapshot except croissant.json and the manifest, whose own list of
    files is not complete yet.
    """
    text = resources.files("punkdata").joinpath("data/croissant.json").read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    distribution = [
        {
            "@type": "cr:FileObject",
            "@id": entry.path,
            "name": entry.path,
            "contentUrl": entry.path,
            "contentSize": f"{entry.bytes} B",
            "encodingFormat": _MEDIA_TYPES[entry.path.rpartition(".")[2]],
            "sha256": entry.sha256,
        }
        for entry in files
    ]
    return document | {
        "description": f"{manifest.punks:,} CryptoPunks as 24x24 RGBA sprites with their type and "
        "accessories, in splits stratified over all labels.",
        "datePublished": manifest.created_at,
        # Validators expect MAJOR.MINOR.PATCH; any text may follow a plus sign.
        "version": f"{manifest.schema_version}.0.0+{manifest.version}",
        "citeAs": f"CryptoPunks, snapshot {manifest.version}, built by {manifest.created_by}",
        "distribution": distribution,
        "recordSet": [
            _record_set(entry.path)
            for entry in files
            if entry.path.endswith(".parquet") and "/" in entry.path
        ],
    }


def _record_set(path: str) -> dict[str, Any]:
    """Describe a Parquet file: punks/train-….parquet, sales/train-….parquet and so on."""
    table, _, name = path.partition("/")
    split = name.partition("-")[0]
    record_set = split if table == "punks" else table
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"{record_set}/{name}",
            "name": name,
            "description": description,
            "dataType": _DATA_TYPES.get(kind, "sc:Integer"),
            **_describe_shape(kind),
            "source": {
                "fileObject": {"@id": path},
                "extract": {"column": name},
                **({"transform": {"jsonPath": "bytes"}} if name == "image" else {}),
            },
        }
        for name, (kind, description) in COLUMNS[table].items()
    ]
    return {"@type": "cr:RecordSet", "@id": record_set, "name": record_set, "field": fields}


def _describe_shape(kind: str) -> dict[str, Any]:
    """Return how Croissant describes the length of a list; nothing for other types."""
    length, is_list, _ = kind.partition(" of ")
    if not is_list or length.startswith("struct"):
        return {}
    return {"isArray": True, "arrayShape": "-1" if length == "list" else length}
