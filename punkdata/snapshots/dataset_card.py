"""The data set card of a snapshot: its README.md, for readers who have only the folder.

The template is `punkdata/data/dataset_card.md`. The YAML header declares the configurations, splits
and features for the Hugging Face Hub and the library `datasets`.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from punkdata.schema import columns_to_markdown, get_features
from punkdata.snapshots.manifest import Manifest
from punkdata.splits import SPLITS
from punkdata.traits import TYPES

LICENSE_TERMS = "https://licenseterms.cryptopunks.app/"
"""URL of the artwork's license terms, as linked by the collection's site."""
_SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M"}
"""Size categories of the Hugging Face Hub by their largest number of rows, exclusive."""


def render_dataset_card(manifest: Manifest) -> str:
    """Return the Markdown text that describes a snapshot.

    The `files` of the manifest are not used, because the card is one of them.
    """
    template = resources.files("punkdata").joinpath("data/dataset_card.md").read_text("utf-8")
    configs, features = _describe_configs(manifest)
    sales, load_sales, sales_table = "not provided by this source", "", ""
    if manifest.sales is not None:
        sales = f"{manifest.sales.count:,}"
        load_sales = '\nsales = load_dataset("path/to/this/folder", "sales")'
        columns = columns_to_markdown("sales")
        sales_table = f"\n`data/sales-*.parquet` has one row per sale:\n\n{columns}\n"
    notes = ""
    if manifest.status == "partial":
        notes += (
            f"\n\n**Partial: {len(manifest.missing)} of {manifest.expected:,} punks are missing**; "
            "`manifest.json` lists them."
        )
    if manifest.limit is not None:
        notes += f"\n\n**Sample: only the first {manifest.limit:,} punks were requested.**"
    return template.format(
        # JSON is valid YAML.
        configs=json.dumps(configs),
        features=json.dumps(features),
        size_category=next(name for limit, name in _SIZES.items() if manifest.punks < limit),
        version=manifest.version,
        terms=LICENSE_TERMS,
        punks=manifest.punks,
        created_by=manifest.created_by,
        source=manifest.source,
        at=f" at {manifest.base_url}" if manifest.base_url else "",
        created_at=manifest.created_at,
        notes=notes,
        splits="\n".join(
            f"| {scheme} | " + " | ".join(f"{n:,}" for n in sizes.values()) + " |"
            for scheme, sizes in manifest.splits.items()
        ),
        types=", ".join(f"{manifest.labels[name]:,} {name}" for name in TYPES),
        sales=sales,
        load_sales=load_sales,
        punk_columns=columns_to_markdown("punks"),
        sales_table=sales_table,
        provenance_columns=columns_to_markdown("provenance"),
    )


def _describe_configs(manifest: Manifest) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the configurations with their files, and the features of each."""
    # `datasets` cannot infer the columns of an empty split, so empty splits are left out.
    splits = [split for split in SPLITS if manifest.splits["default"][split]]
    files = [{"split": split, "path": f"data/punks-{split}-*.parquet"} for split in splits]
    configs = [{"config_name": "default", "default": True, "data_files": files}]
    features = [{"config_name": "default", "features": _yaml_features("punks")}]
    if manifest.sales is not None:
        files = [{"split": "train", "path": "data/sales-*.parquet"}]
        configs.append({"config_name": "sales", "data_files": files})
        features.append({"config_name": "sales", "features": _yaml_features("sales")})
    return configs, features


def _yaml_features(table: str) -> list[dict[str, Any]]:
    """Return the features of a table in the notation of a card's header."""
    features = get_features(table).items()
    return [{"name": name} | _yaml_feature(feature) for name, feature in features]


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
