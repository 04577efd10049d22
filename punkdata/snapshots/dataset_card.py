"""The README.md inside a snapshot: the data set's card, for a reader who has only the folder.

Its head is YAML that Hugging Face's hub and `datasets` read: configurations, splits and features.
"""

from __future__ import annotations

import json
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
    features,
)
from punkdata.snapshots.manifest import Manifest
from punkdata.splits import SPLITS

LICENSE_TERMS = "https://licenseterms.cryptopunks.app/"
"""of the artwork, as the collection's own contracts and site link them"""
_TEXT = """\
---
{head}
---

# CryptoPunks, snapshot {version}

{punks:,} punks as 24x24 RGBA sprites with their type and accessories, made by
{created_by} from `{source}`{at} on {created_at}.{partial}

| split | train | val | test |
|---|---|---|---|
{splits}

Types: {types}. Sales: {sales}.

## Open it

```python
from punkdata import PunkDataset
train = PunkDataset("path/to/this/folder", split="train")

from datasets import load_dataset
punks = load_dataset("path/to/this/folder")  # PIL images and class names{load_sales}
```

The Parquet files open in pandas, polars and DuckDB, `shards/*.tar` in webdataset, `croissant.json`
in mlcroissant. `punkdata verify` recomputes every hash of `manifest.json`.

## What is in it

Not known is null; known to be none is 0 or empty.

`data/punks-*.parquet`, a row a punk:

{punk_columns}
{sales_table}
`provenance.parquet`, a row a punk:

{provenance_columns}

`shards/punks-*.tar` hold the same punks as `0042.png` and `0042.json`, without prices.

## How it was made

- Types and accessories are the traits as the source tells them, in on-chain spelling. `punkdata
  verify` checks the known totals of the whole collection: 5 types, 87 accessories, all counts.
- Sprites were read from the source's images; a picture that is not certainly one sprite makes the
  punk missing. `verify --official` compares them with the sheet whose hash the contract stores.
- `hidden_accessories` were worked out by taking all punks apart into layers.
- Prices follow from the sales. Sales in other currencies, and of amount 0, have none.

## Known issues

- Of 27,539 accessories of the whole collection no pixel shows 543 (Earring 376, Frown 45, Mole 44,
  Smile 32 and eight more), so no classifier can be right about them.
- A high price may be a loan with which somebody bought a punk from themselves, a low one a gift.
- The 9 Aliens and 24 Apes are few for any statistic. `split_by_id` has no Alien outside training.

## Rights, and how to cite

The artwork belongs to its owners; no license to it is given here. What holders of a punk may do
stands in the collection's own terms: {terms}
The tool that made this folder is MIT.

Cite the snapshot's name, `{version}`: it is a hash of the rows and pixels. The tool's own
`CITATION.cff` has the rest.
"""


def render_dataset_card(manifest: Manifest) -> str:
    """Markdown that describes the snapshot of `manifest` (whose files may be unlisted yet)."""
    partial = (
        f"\n\n**Partial: {len(manifest.missing)} of {manifest.expected:,} punks are missing**; "
        "`manifest.json` names them."
        if manifest.status == "partial"
        else ""
    )
    if manifest.limit is not None:
        partial += f"\n\n**A sample: only the first {manifest.limit:,} punks were asked for.**"
    splits = "\n".join(
        f"| {scheme} | " + " | ".join(f"{n:,}" for n in parts.values()) + " |"
        for scheme, parts in manifest.splits.items()
    )
    types = ", ".join(f"{n:,} {name}" for name, n in list(manifest.labels.items())[:5])
    has_sales = manifest.sales is not None
    sold = columns_to_markdown(SALES, SALE_COLUMN_DESCRIPTIONS)
    return _TEXT.format(
        head=_head(manifest),
        version=manifest.version,
        terms=LICENSE_TERMS,
        punks=manifest.punks,
        created_by=manifest.created_by,
        source=manifest.source,
        at=f" at {manifest.base_url}" if manifest.base_url else "",
        created_at=manifest.created_at,
        partial=partial,
        splits=splits,
        types=types,
        sales=f"{manifest.sales.count:,}" if manifest.sales else "not known to this source",
        load_sales='\nsales = load_dataset("path/to/this/folder", "sales")' if has_sales else "",
        punk_columns=columns_to_markdown(PUNKS, PUNK_COLUMN_DESCRIPTIONS),
        sales_table=f"\n`data/sales-*.parquet`, a row a sale:\n\n{sold}\n" if has_sales else "",
        provenance_columns=columns_to_markdown(PROVENANCE, PROVENANCE_COLUMN_DESCRIPTIONS),
    )


def _head(manifest: Manifest) -> str:
    """YAML; JSON is part of it, and needs no library."""
    sizes = manifest.splits["default"]
    # What has no row has no file that tells of it: an empty part is left out.
    parts = [part for part in SPLITS if sizes[part]]
    configs: list[dict[str, Any]] = [
        {
            "config_name": "default",
            "default": True,
            "data_files": [
                {"split": part, "path": f"data/punks-{part}-*.parquet"} for part in parts
            ],
        }
    ]
    info = [{"config_name": "default", "features": _yaml_features(PUNKS)}]
    if manifest.sales is not None:
        files = [{"split": "train", "path": "data/sales-*.parquet"}]
        configs.append({"config_name": "sales", "data_files": files})
        info.append({"config_name": "sales", "features": _yaml_features(SALES)})
    head = {
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
    return "\n".join(f"{name}: {json.dumps(value)}" for name, value in head.items())


def _size_category(rows: int) -> str:
    limits = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K"}
    return next((name for limit, name in limits.items() if rows < limit), "100K<n<1M")


def _yaml_features(schema: pa.Schema) -> list[dict[str, Any]]:
    """The features of a schema as a card's head spells them."""
    return [{"name": name} | _yaml_feature(kind) for name, kind in features(schema).items()]


def _yaml_feature(kind: dict[str, Any]) -> dict[str, Any]:
    match kind["_type"]:
        case "Image":
            return {"dtype": {"image": {"mode": kind["mode"]}}}
        case "ClassLabel":
            names = {str(i): name for i, name in enumerate(kind["names"])}
            return {"dtype": {"class_label": {"names": names}}}
        case "Sequence":
            length = {} if kind["length"] < 0 else {"length": kind["length"]}
            return {"sequence": _yaml_feature(kind["feature"])["dtype"], **length}
        case _:
            return {"dtype": kind["dtype"]}
