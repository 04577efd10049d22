"""croissant.json inside a snapshot: the data set described in MLCommons' Croissant 1.1.

http://mlcommons.org/croissant/1.1; what each field must have stands in its specification, and in
`REQUIRED`, because validators forgive some of it.
"""

from __future__ import annotations

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
URL = "https://cryptopunks.app"
_FORMATS = {
    "parquet": "application/x-parquet",
    "tar": "application/x-tar",
    "md": "text/markdown",
}
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""as the specification prints it"""


def build_croissant(manifest: Manifest, files: tuple[FileEntry, ...]) -> dict[str, Any]:
    """The JSON-LD of a snapshot.

    Args:
        files: that the snapshot holds, but for this description and the manifest.
    """
    names = [entry.path for entry in files]
    punks = [name for name in names if name.startswith("data/punks-")]
    sales = [name for name in names if name.startswith("data/sales-")]
    records = [
        _records(name.split("-")[1], name, PUNKS, PUNK_COLUMN_DESCRIPTIONS) for name in punks
    ]
    records += [_records("sales", name, SALES, SALE_COLUMN_DESCRIPTIONS) for name in sales]
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": "CryptoPunks",
        "description": f"{manifest.punks:,} CryptoPunks as 24x24 RGBA sprites with their type and "
        "accessories, in parts stratified over all labels.",
        "url": URL,
        "license": LICENSE_TERMS,
        "creator": {"@type": "sc:Organization", "name": "Larva Labs", "url": URL},
        "datePublished": manifest.created_at,
        # A validator wants MAJOR.MINOR.PATCH; what stands behind a + is free.
        "version": f"{manifest.schema_version}.0.0+{manifest.version}",
        "keywords": ["cryptopunks", "pixel art", "multi-label classification"],
        "citeAs": f"CryptoPunks, snapshot {manifest.version}, made by {manifest.created_by}",
        "isLiveDataset": False,
        "distribution": [_file(entry) for entry in files],
        "recordSet": records,
    }


def _file(entry: FileEntry) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": entry.path,
        "name": entry.path,
        "contentUrl": entry.path,
        "contentSize": f"{entry.bytes} B",
        "encodingFormat": _FORMATS[entry.path.rpartition(".")[2]],
        "sha256": entry.sha256,
    }


def _records(name: str, file: str, schema: pa.Schema, about: dict[str, str]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "field": [_field(name, file, field, about[field.name]) for field in schema],
    }


def _field(records: str, file: str, field: pa.Field, about: str) -> dict[str, Any]:
    source: dict[str, Any] = {"fileObject": {"@id": file}, "extract": {"column": field.name}}
    if field.name == "image":
        source["transform"] = {"jsonPath": "bytes"}
    kind = field.type.value_type if _is_list(field.type) else field.type
    shape = getattr(field.type, "list_size", -1) if _is_list(field.type) else None
    return {
        "@type": "cr:Field",
        "@id": f"{records}/{field.name}",
        "name": field.name,
        "description": about,
        "dataType": "sc:ImageObject" if field.name == "image" else _data_type(kind),
        **({} if shape is None else {"isArray": True, "arrayShape": f"{shape}"}),
        "source": source,
    }


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind))


def _data_type(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_timestamp(kind):
        return "sc:DateTime"
    if pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        return "sc:Integer"
    return "sc:Float" if pa.types.is_floating(kind) else "sc:Text"
