"""The command `punkdata audit`, which finds occluded labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from punkdata.cli import console
from punkdata.cli.options import ROOT, Json, Root, VersionArgument
from punkdata.cli.progress import progress_bar
from punkdata.cli.snapshot_argument import open_snapshot_argument
from punkdata.errors import DataError
from punkdata.files import translate_os_errors

if TYPE_CHECKING:
    from punkdata.analysis.occlusion import OcclusionReport

EXAMPLES = (
    "Example: punkdata audit\n\n"
    "With images of the occluded accessories and of the layers: punkdata audit --out audit/\n\n"
    "For scripts: punkdata audit --json"
)


def audit(
    version: VersionArgument = "latest",
    root: Root = ROOT,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder in which to save occluded.png (occluded accessories) and layers.png. "
            "(default: no images)"
        ),
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option(
            help="JSON file in which to save the occluded accessories, like the one that ships "
            "with punkdata. Requires the whole collection. (default: no file)"
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Find occluded accessories by decomposing the punks into layers.

    An accessory of a punk is occluded if it changes no pixel of the image.
    """
    from punkdata.analysis.occlusion import (
        analyze_occlusion,
        render_layers,
        render_occluded_labels,
    )

    snapshot = open_snapshot_argument(root, version)
    with progress_bar("decomposing", "pixels") as report:
        analysis = analyze_occlusion(snapshot, report)
    is_complete = snapshot.manifest.is_full_collection
    if not is_complete:
        console.warn(
            f"this snapshot has only {len(analysis.punk_ids):,} punks, too few to determine all "
            "layers; the result is an estimate"
        )
    if write:
        _write(write, analysis, snapshot.manifest.labels_hash, is_complete=is_complete)
    if out:
        with translate_os_errors(out):
            out.mkdir(parents=True, exist_ok=True)
            render_occluded_labels(analysis).save(out / "occluded.png")
            render_layers(analysis).save(out / "layers.png")
        console.say(f"images: {out / 'occluded.png'}, {out / 'layers.png'}")
    if as_json:
        console.emit_json(_as_json(snapshot.version, analysis))
    else:
        _print(analysis)


def _as_json(version: str, analysis: OcclusionReport) -> dict[str, Any]:
    """Return the analysis as JSON values.

    "mismatched" lists the ids of the punks that the layers do not reconstruct exactly.
    """
    return {
        "version": version,
        "punks": len(analysis.punk_ids),
        "mismatched": analysis.mismatched_ids,
        "labels": [
            {
                "label": count.label,
                "punks": count.punks,
                "hidden": count.occluded,
                "undecidable": count.undecidable,
            }
            for count in analysis.label_counts()
        ],
        "hidden": {str(punk_id): names for punk_id, names in analysis.occluded_accessories.items()},
    }


def _print(analysis: OcclusionReport) -> None:
    """Print a summary, and one line for each accessory that is occluded or undecidable."""
    total = len(analysis.punk_ids)
    exact = total - len(analysis.mismatched_ids)
    num_bases = sum(len(bases) for bases in analysis.layers.bases)
    male, female = (len(z_order) for z_order in analysis.layers.z_orders)
    console.emit(
        f"reconstructed from {num_bases} bases and {male} male + {female} female accessory layers: "
        f"{exact:,} of {total:,} images are identical"
    )
    console.emit(f"\n{'accessory':24}{'punks':>8}{'occluded':>10}{'share':>8}")
    for label, punks, occluded, undecidable in analysis.label_counts():
        note = f"   and {undecidable} undecidable" if undecidable else ""
        console.emit(f"{label:24}{punks:8,}{occluded:10,}{occluded / punks:8.1%}{note}")
    num_labels = int(analysis.has_accessory.sum())
    num_occluded = sum(len(names) for names in analysis.occluded_accessories.values())
    console.emit(
        f"{'total':24}{num_labels:8,}{num_occluded:10,}   "
        f"on {len(analysis.occluded_accessories):,} punks"
    )


def _write(path: Path, analysis: OcclusionReport, labels_hash: str, *, is_complete: bool) -> None:
    """Write the list of occluded accessories, in the format of the one that punkdata ships.

    Raises:
        DataError: The collection is incomplete, or an image is not reconstructed exactly.
        StorageError: The file cannot be written.
    """
    from punkdata.hidden_labels import write_hidden_accessories

    if not is_complete:
        raise DataError(
            f"{path} was not written: the list requires the whole collection, and this snapshot "
            f"has only {len(analysis.punk_ids):,} punks",
            hint="choose a complete snapshot; list them with: punkdata list",
        )
    if analysis.mismatched_ids:
        raise DataError(
            f"{path} was not written: {len(analysis.mismatched_ids):,} images are not "
            "reconstructed exactly",
            hint='see "mismatched" in the output of: punkdata audit --json',
        )
    sha256 = dict(zip(analysis.punk_ids.tolist(), analysis.pixels_sha256, strict=True))
    occluded = analysis.occluded_accessories
    write_hidden_accessories(
        path,
        labels_hash,
        [(punk_id, sha256[punk_id], names) for punk_id, names in occluded.items()],
    )
    console.say(f"{path}: {len(occluded):,} punks")
