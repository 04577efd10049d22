"""The data set card of a snapshot: its README.md, for readers who have only the folder.

The template is `punkdata/data/dataset_card.md`. The YAML header declares the configurations, splits
and features for the Hugging Face Hub and the library `datasets`.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import pyarrow as pa

from punkdata.schema import (
    PROVENANCE,
    PROVENANCE_COLUMN_DESCRIPTIONS,
    PUNK_COLUMN_DESCRIPTIONS,
    PUNKS,
    SALE_COLUMN_DESCRIPTIONS,
    SALES,
    columns_to_markdown,
    get_features,
)
from punkdata.snapshots.manifest import Manifest
from punkdata.splits import SPLITS
from punkdata.traits import TYPES

LICENSE_TERMS = "https://licenseterms.cryptopunks.app/"
"""URL of the artwork's license terms, as linked by the collection's site."""


def render_dataset_card(manifest: Manifest) -> str:
    """Return the Markdown text that describes a snapshot.

    Args:
        manifest: Manifest of the snapshot. Its `files` are not used, because the card is one of
            these files and is written before the list is complete.
    """
    template = resources.files("punkdata").joinpath("data/dataset_card.md").read_text("utf-8")
    splits = "\n".join(
        f"| {scheme} | " + " | ".join(f"{n:,}" for n in sizes.values()) + " |"
        for scheme, sizes in manifest.splits.items()
    )
    sales, load_sales, sales_table = "not provided by this source", "", ""
    if manifest.sales is not None:
        sales = f"{manifest.sales.count:,}"
        load_sales = '\nsales = load_dataset("path/to/this/folder", "sales")'
        columns = columns_to_markdown(SALES, SALE_COLUMN_DESCRIPTIONS)
        sales_table = f"\n`data/sales-*.parquet` has one row per sale:\n\n{columns}\n"
    return template.format(
        head=_render_header(manifest),
        version=manifest.version,
        terms=LICENSE_TERMS,
        punks=manifest.punks,
        created_by=manifest.created_by,
        source=manifest.source,
        at=f" at {manifest.base_url}" if manifest.base_url else "",
        created_at=manifest.created_at,
        notes=_render_notes(manifest),
        splits=splits,
        types=", ".join(f"{manifest.labels[name]:,} {name}" for name in TYPES),
        sales=sales,
        load_sales=load_sales,
        punk_columns=columns_to_markdown(PUNKS, PUNK_COLUMN_DESCRIPTIONS),
        sales_table=sales_table,
        provenance_columns=columns_to_markdown(PROVENANCE, PROVENANCE_COLUMN_DESCRIPTIONS),
    )


def _render_notes(manifest: Manifest) -> str:
    """Return notes on missing and unrequested punks; empty for the full collection."""
    notes = ""
    if manifest.status == "partial":
        notes += (
            f"\n\n**Partial: {len(manifest.missing)} of {manifest.expected:,} punks are missing**; "
            "`manifest.json` lists them."
        )
    if manifest.limit is not None:
        notes += f"\n\n**Sample: only the first {manifest.limit:,} punks were requested.**"
    return notes


def _render_header(manifest: Manifest) -> str:
    """Return the YAML header of the card. Its values are JSON, which is valid YAML."""
    sizes = manifest.splits["default"]
    # `datasets` cannot infer the columns of an empty split, so empty splits are left out.
    splits = [split for split in SPLITS if sizes[split]]
    configs: list[dict[str, Any]] = [
        {
            "config_name": "default",
            "default": True,
            "data_files": [
                {"split": split, "path": f"data/punks-{split}-*.parquet"} for split in splits
            ],
        }
    ]
    info = [{"config_name": "default", "features": _yaml_features(PUNKS)}]
    if manifest.sales is not None:
        files = [{"split": "train", "path": "data/sales-*.parquet"}]
        configs.append({"config_name": "sales", "data_files": files})
        info.append({"config_name": "sales", "features": _yaml_features(SALES)})
    header = {
        "pretty_name": "CryptoPunks",
        "license": "other",
        "license_name": "artwork-of-its-owners",
        "license_link": LICENSE_TERMS,
        "task_categories": ["image-classification", "unconditional-image-generation"],
        "tags": ["cryptopunks", "pixel-art", "multi-label", "nft"],
        "size_categories": [_size_category(manifest.punks)],
        "configs": configs,
        "dataset_info": info,
    }
    return "\n".join(f"{name}: {json.dumps(value)}" for name, value in header.items())


def _size_category(rows: int) -> str:
    """Return the size category of the Hugging Face Hub for a number of rows."""
    limits = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K"}
    return next((name for limit, name in limits.items() if rows < limit), "100K<n<1M")


def _yaml_features(schema: pa.Schema) -> list[dict[str, Any]]:
    """Return the features of a schema in the notation of a card's header."""
    return [
        {"name": name} | _yaml_feature(feature) for name, feature in get_features(schema).items()
    ]


def _yaml_feature(feature: dict[str, Any]) -> dict[str, Any]:
    match feature["_type"]:
        case "Image":
            return {"dtype": {"image": {"mode": feature["mode"]}}}
        case "ClassLabel":
            names = {str(i): name for i, name in enumerate(feature["names"])}
            return {"dtype": {"class_label": {"names": names}}}
        case "Sequence":
            length = {} if feature["length"] < 0 else {"length": feature["length"]}
            return {"sequence": _yaml_feature(feature["feature"])["dtype"], **length}
        case _:
            return {"dtype": feature["dtype"]}
