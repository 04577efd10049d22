"""The file croissant.json of a snapshot: its description in MLCommons Croissant 1.1.

Specification: http://mlcommons.org/croissant/1.1. The JSON-LD context that it prescribes is in
`punkdata/data/croissant_context.json`.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import pyarrow as pa

from punkdata.schema import PUNK_COLUMN_DESCRIPTIONS, PUNKS, SALE_COLUMN_DESCRIPTIONS, SALES
from punkdata.snapshots.dataset_card import LICENSE_TERMS
from punkdata.snapshots.manifest import FileEntry, Manifest

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
descriptions that lack them, so the tests check this list."""
URL = "https://cryptopunks.app"
_MEDIA_TYPES = {
    "parquet": "application/x-parquet",
    "tar": "application/x-tar",
    "md": "text/markdown",
}


def build_croissant(manifest: Manifest, files: tuple[FileEntry, ...]) -> dict[str, Any]:
    """Return the JSON-LD document that describes a snapshot.

    Args:
        manifest: Manifest of the snapshot; its `files` are not used.
        files: All files of the snapshot except croissant.json and the manifest.
    """
    context = resources.files("punkdata").joinpath("data/croissant_context.json").read_text("utf-8")
    names = [entry.path for entry in files]
    punks = [name for name in names if name.startswith("data/punks-")]
    sales = [name for name in names if name.startswith("data/sales-")]
    records = [
        _record_set(name.split("-")[1], name, PUNKS, PUNK_COLUMN_DESCRIPTIONS) for name in punks
    ]
    records += [_record_set("sales", name, SALES, SALE_COLUMN_DESCRIPTIONS) for name in sales]
    return {
        "@context": json.loads(context),
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": "CryptoPunks",
        "description": f"{manifest.punks:,} CryptoPunks as 24x24 RGBA sprites with their type and "
        "accessories, in splits stratified over all labels.",
        "url": URL,
        "license": LICENSE_TERMS,
        "creator": {"@type": "sc:Organization", "name": "Larva Labs", "url": URL},
        "datePublished": manifest.created_at,
        # Validators expect MAJOR.MINOR.PATCH; any text may follow a plus sign.
        "version": f"{manifest.schema_version}.0.0+{manifest.version}",
        "keywords": ["cryptopunks", "pixel art", "multi-label classification"],
        "citeAs": f"CryptoPunks, snapshot {manifest.version}, built by {manifest.created_by}",
        "isLiveDataset": False,
        "distribution": [_file_object(entry) for entry in files],
        "recordSet": records,
    }


def _file_object(entry: FileEntry) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": entry.path,
        "name": entry.path,
        "contentUrl": entry.path,
        "contentSize": f"{entry.bytes} B",
        "encodingFormat": _MEDIA_TYPES[entry.path.rpartition(".")[2]],
        "sha256": entry.sha256,
    }


def _record_set(
    name: str, file: str, schema: pa.Schema, descriptions: dict[str, str]
) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "field": [_field(name, file, field, descriptions[field.name]) for field in schema],
    }


def _field(record_set: str, file: str, field: pa.Field, description: str) -> dict[str, Any]:
    source: dict[str, Any] = {"fileObject": {"@id": file}, "extract": {"column": field.name}}
    if field.name == "image":
        source["transform"] = {"jsonPath": "bytes"}
    value_type = field.type.value_type if _is_list(field.type) else field.type
    shape = getattr(field.type, "list_size", -1) if _is_list(field.type) else None
    return {
        "@type": "cr:Field",
        "@id": f"{record_set}/{field.name}",
        "name": field.name,
        "description": description,
        "dataType": "sc:ImageObject" if field.name == "image" else _data_type(value_type),
        **({} if shape is None else {"isArray": True, "arrayShape": f"{shape}"}),
        "source": source,
    }


def _is_list(arrow_type: pa.DataType) -> bool:
    return bool(pa.types.is_list(arrow_type) or pa.types.is_fixed_size_list(arrow_type))


def _data_type(arrow_type: pa.DataType) -> str:
    """Return the schema.org type of an Arrow type."""
    if pa.types.is_boolean(arrow_type):
        return "sc:Boolean"
    if pa.types.is_timestamp(arrow_type):
        return "sc:DateTime"
    if pa.types.is_integer(arrow_type) or pa.types.is_decimal(arrow_type):
        return "sc:Integer"
    return "sc:Float" if pa.types.is_floating(arrow_type) else "sc:Text"
