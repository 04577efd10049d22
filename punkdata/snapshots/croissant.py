"""The file croissant.json of a snapshot: its description in MLCommons Croissant 1.1.

Specification: http://mlcommons.org/croissant/1.1. The JSON-LD context that it prescribes is in
`punkdata/data/croissant_context.json`.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import pyarrow as pa

from punkdata.schema import COLUMNS, PUNKS, SALES
from punkdata.snapshots.dataset_card import LICENSE_TERMS
from punkdata.snapshots.manifest import FileEntry, Manifest

URL = "https://cryptopunks.app"
_MEDIA_TYPES = {
    "parquet": "application/x-parquet",
    "tar": "application/x-tar",
    "md": "text/markdown",
}


def build_croissant(manifest: Manifest, files: tuple[FileEntry, ...]) -> dict[str, Any]:
    """Return the JSON-LD document that describes a snapshot.

    `files` are all files of the snapshot except croissant.json and the manifest, whose own list of
    files is not complete yet.
    """
    context = resources.files("punkdata").joinpath("data/croissant_context.json").read_text("utf-8")
    tables = [entry.path for entry in files if entry.path.startswith("data/")]
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
        "recordSet": [_record_set(path) for path in tables],
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


def _record_set(path: str) -> dict[str, Any]:
    """Describe a Parquet file: data/punks-train-….parquet or data/sales-….parquet."""
    table, second, *_ = path.removeprefix("data/").split("-")
    name, schema = (second, PUNKS) if table == "punks" else ("sales", SALES)
    fields = [_field(name, path, field, COLUMNS[table][field.name][1]) for field in schema]
    return {"@type": "cr:RecordSet", "@id": name, "name": name, "field": fields}


def _field(record_set: str, path: str, field: pa.Field, description: str) -> dict[str, Any]:
    source: dict[str, Any] = {"fileObject": {"@id": path}, "extract": {"column": field.name}}
    if field.name == "image":
        source["transform"] = {"jsonPath": "bytes"}
    value_type = getattr(field.type, "value_type", None)
    is_array = {"isArray": True, "arrayShape": str(getattr(field.type, "list_size", -1))}
    return {
        "@type": "cr:Field",
        "@id": f"{record_set}/{field.name}",
        "name": field.name,
        "description": description,
        "dataType": _data_type(value_type or field.type),
        **(is_array if value_type else {}),
        "source": source,
    }


def _data_type(arrow_type: pa.DataType) -> str:
    """Return the schema.org type of an Arrow type; the only struct is an image."""
    if pa.types.is_integer(arrow_type) or pa.types.is_decimal(arrow_type):
        return "sc:Integer"
    names = {"bool": "sc:Boolean", "double": "sc:Float", "timestamp[ms, tz=UTC]": "sc:DateTime"}
    return (
        "sc:ImageObject"
        if pa.types.is_struct(arrow_type)
        else names.get(str(arrow_type), "sc:Text")
    )
