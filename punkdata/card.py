"""The README.md inside a snapshot, for a reader who has only the folder."""

from __future__ import annotations

from punkdata.manifest import Manifest

_TEXT = """\
# CryptoPunks, snapshot {version}

{punks:,} punks as 24x24 RGBA sprites with their type and accessories, made by
{created_by} from `{source}`{at} on {created_at}.{partial}

| split | train | val | test |
|---|---|---|---|
{splits}

Types: {types}. Sales: {sales}.

- `data/punks-*.parquet`: one row a punk; `image.bytes` is a PNG, `labels` the 92-vector of
  the types and accessories in alphabetical order. Not known is null, known to be none is 0.
  `hidden_accessories` are those of a punk that change none of its pixels.
- `data/sales-*.parquet`: one row a sale; absent when the source knows no sales.
- `shards/*.tar`: the same images and labels as WebDataset samples.
- `provenance.parquet`: where each image came from.
- `manifest.json`: size and SHA-256 of every file; `punkdata verify` recomputes them.

```python
from punkdata import PunkDataset
train = PunkDataset("path/to/this/folder", split="train")
```

The `split` columns differ: `split` is stratified over all labels; `split_by_id` cuts at
ids 8000 and 9000 as earlier work did, and leaves no Alien outside training.

The artwork belongs to its owners; no licence to it is given here.
"""


def snapshot_card(manifest: Manifest) -> str:
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
    sales = "not known to this source" if manifest.sales is None else f"{manifest.sales.count:,}"
    return _TEXT.format(
        version=manifest.version,
        punks=manifest.punks,
        created_by=manifest.created_by,
        source=manifest.source,
        at=f" at {manifest.base_url}" if manifest.base_url else "",
        created_at=manifest.created_at,
        partial=partial,
        splits=splits,
        types=types,
        sales=sales,
    )
