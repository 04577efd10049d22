"""What the sections of `gpu.py` share: their data, their results, and their time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from gpu_report import Report

from punkdata.errors import PunkError
from punkdata.snapshots.reader import open_snapshot
from punkmodels.gan.config import DcganConfig, make_config
from punkmodels.training.config import merge_options

TINY_GAN: dict[str, Any] = {"model": {"width": 4, "z_dim": 8}}


@dataclass(frozen=True)
class Job:
    """A section that is being run: where its data and results are, and when it has to end."""

    report: Report
    results: dict[str, Any]
    root: Path
    runs: Path
    deadline_s: float
    """Time of `time.monotonic()` after which nothing more is started."""
    dry_run: bool

    @property
    def device(self) -> torch.device:
        return torch.device("cpu" if self.dry_run else "cuda")

    @property
    def time_left_s(self) -> float:
        return self.deadline_s - time.monotonic()

    @property
    def data_root(self) -> Path:
        """The given data root, or that of the synthetic punks if it has no snapshot."""
        try:
            open_snapshot(self.root)
        except PunkError:
            return self.runs / "synthetic-punks"
        return self.root

    def log(self, line: str) -> None:
        """Print a line, and store what was measured so far."""
        print(line, flush=True)
        self.report.save()

    def gan_config(self, recipe: Any, **options: Any) -> DcganConfig:
        """Return the options of the preset `gpu`; a dry run makes the networks tiny."""
        tiny = TINY_GAN if self.dry_run else {}
        return make_config("gpu", recipe, **merge_options({}, tiny, options))
