"""Result of an evaluation of any model: scores, tables and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from punkdata.files import translate_os_errors, write_atomic
from punkdata.report import Report
from punkmodels.training.run_dir import write_json


@dataclass(frozen=True)
class Evaluation:
    """Scores (the content of metrics.json), tables that show them, and pictures by file name."""

    scores: dict[str, Any]
    tables: Sequence[Report]
    pictures: Mapping[str, Image.Image] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        """Return the scores without lists of labels and punks, for config.json."""
        return {name: v for name, v in self.scores.items() if not isinstance(v, list)}

    def save(self, folder: Path) -> None:
        """Write metrics.json, metrics.md and the pictures to a folder."""
        with translate_os_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            write_json(folder / "metrics.json", self.scores)
            page = "\n".join(table.to_markdown() for table in self.tables)
            write_atomic(folder / "metrics.md", page.encode())
            for name, picture in self.pictures.items():
                picture.save(folder / name)
