"""The results of `gpu.py`: one JSON file, the same as a Markdown page, and archives of weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from punkdata.files import write_atomic

MB = 2**20
MAX_FILE_BYTES, MAX_TOTAL_BYTES = 16 * MB, 64 * MB
SPEED_COLUMNS = ("eager", "captured", "compiled")


class Report:
    """The results of all sections, which are stored in gpu.json and gpu.md after each change.

    Each section has a status ("running", "ok", "failed" or "skipped"), seconds, a traceback if it
    failed, a reason if it was skipped, and its results.
    """

    def __init__(
        self,
        folder: Path,
        max_file_bytes: int = MAX_FILE_BYTES,
        max_total_bytes: int = MAX_TOTAL_BYTES,
    ) -> None:
        self.folder = folder
        self.max_file_bytes, self.max_total_bytes = max_file_bytes, max_total_bytes
        self.json = folder / "gpu.json"
        self.data: dict[str, Any] = {"sections": {}, "left_out": []}
        if self.json.exists():
            self.data = json.loads(self.json.read_text("utf-8"))

    def section(self, name: str) -> dict[str, Any]:
        return self.data["sections"].setdefault(name, {})

    def save(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomic(self.json, (json.dumps(self.data, indent=1) + "\n").encode())
        write_atomic(self.folder / "gpu.md", render_page(self.data).encode())

    def keep_weights(self, weights: Path) -> None:
        """Pack a folder of exported weights into an archive, if it fits.

        Otherwise, the folder stays where it is, and the report names it.
        """
        archive = Path(shutil.make_archive(str(weights), "zip", weights.parent, weights.name))
        size = archive.stat().st_size
        others = [file for file in self.folder.glob("*") if file.name != archive.name]
        total = size + sum(file.stat().st_size for file in others)
        if size > self.max_file_bytes:
            self._leave_out(weights, size, f"a file may have {self.max_file_bytes / MB:g} MB")
        elif total > self.max_total_bytes:
            self._leave_out(weights, size, f"all may have {self.max_total_bytes / MB:g} MB")
        else:
            self.folder.mkdir(parents=True, exist_ok=True)
            shutil.move(archive, self.folder / archive.name)

    def _leave_out(self, weights: Path, size: int, limit: str) -> None:
        self.data["left_out"].append(f"{weights}, packed {size / MB:.1f} MB: {limit}")
        self.save()


def render_page(data: dict[str, Any]) -> str:
    """Return the Markdown page with the results of all sections."""
    title = "# Dry run on a CPU" if data.get("dry_run") else "# GPU benchmark"
    parts = [title, f"`{data.get('command', '')}`, {data.get('started', '')}"]
    if data.get("dry_run"):
        parts.append("All sizes are tiny: these figures show only that every section runs.")
    for name, section in data["sections"].items():
        kind, _, recipe = name.partition("-")
        heading = f"## {kind.capitalize()}" + (f": {recipe}" if recipe else "")
        parts += [heading, _describe_status(section)]
        parts += RENDERERS[kind](section.get("results", {}))
        if "traceback" in section:
            parts.append(f"```\n{section['traceback'].strip()}\n```")
    if data["left_out"]:
        parts += ["## Left out", *(f"- {line}" for line in data["left_out"])]
    return "\n\n".join(part for part in parts if part) + "\n"


def _describe_status(section: dict[str, Any]) -> str:
    status = section.get("status", "")
    text = f"**{status}**" if status != "ok" else status
    if "seconds" in section:
        text += f", {section['seconds']:.0f} s"
    return text + (f": {section['reason']}" if "reason" in section else "")


def render_table(header: list[str], rows: list[list[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def _render_setup(results: dict[str, Any]) -> list[str]:
    machine = [f"- {name}: {value}" for name, value in results.get("machine", {}).items()]
    memory = results.get("memory", {})
    rows: list[list[object]] = [
        [recipe, *(f"{value / MB:.1f}" for value in sizes.values())]
        for recipe, sizes in memory.items()
    ]
    parts = ["\n".join(machine)]
    if rows:
        header = ["MB, preset gpu", *next(iter(memory.values()))]
        parts += ["Memory on the device, counted, without activations:", render_table(header, rows)]
    return parts


def _render_tests(results: dict[str, Any]) -> list[str]:
    output = results.get("output", "")
    return [f"```\n{output}\n```"] if output else []


def _render_speed(results: dict[str, Any]) -> list[str]:
    cells: dict[tuple[Any, ...], dict[str, float]] = {}
    peaks: dict[tuple[Any, ...], float] = {}
    for line in results.get("measured", []):
        key = (line["recipe"], line["precision"], line["batch_size"])
        cells.setdefault(key, {})[line["loop"]] = line["images_per_s"]
        peaks[key] = max(peaks.get(key, 0), line["peak_mb"] or 0)
    rows: list[list[object]] = []
    for key in sorted(cells):
        row = cells[key]
        speeds = [f"{row[loop]:,.0f}" if loop in row else "-" for loop in SPEED_COLUMNS]
        both = "eager" in row and "captured" in row
        ratio = f"{row['captured'] / row['eager']:.1f}" if both else "-"
        rows.append([*key, *speeds, ratio, f"{peaks[key]:,.0f}" if peaks[key] else "-"])
    header = ["recipe", "precision", "batch", *SPEED_COLUMNS, "captured / eager", "peak, MB"]
    parts = ["Images per second; compiled steps are captured, too.", render_table(header, rows)]
    if failed := results.get("failed"):
        parts.append("Failed:\n\n" + "\n".join(f"- {line}" for line in failed))
    if missing := results.get("not_measured"):
        parts.append("Not measured, for lack of time: " + "; ".join(missing) + ".")
    return parts


def _render_classifier(results: dict[str, Any]) -> list[str]:
    rows: list[list[object]] = [
        [
            line["batch_size"],
            line["epochs"],
            f"{line['seconds']:.1f}",
            f"{line['val_exact_match']:.4f}",
            "not reached" if line["seconds_to_99"] is None else f"{line['seconds_to_99']:.1f}",
        ]
        for line in results.get("trained", [])
    ]
    header = ["batch", "epochs", "seconds", "exact match, validation", "seconds to 99 %"]
    return [render_table(header, rows)]


def _render_training(results: dict[str, Any]) -> list[str]:
    rows: list[list[object]] = [
        [
            line["recipe"],
            f"{line['images']:,} of {line['total_images']:,}",
            f"{line['seconds']:.0f}",
            f"{line['images_per_s']:,.0f}",
            "-" if line["frechet_distance"] is None else f"{line['frechet_distance']:.2f}",
            line["device"],
        ]
        for line in results.get("trained", [])
    ]
    header = ["recipe", "images", "seconds", "images/s", "Fréchet distance to training", "device"]
    return [render_table(header, rows)]


RENDERERS = {
    "setup": _render_setup,
    "tests": _render_tests,
    "speed": _render_speed,
    "classifier": _render_classifier,
    "training": _render_training,
}
