"""Output of `punkmodels evaluate` for renderers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from punkdata.cli import console
from punkdata.cli.progress import progress_bar

if TYPE_CHECKING:
    import torch


def evaluate_renderer(
    run: Path,
    out: Path | None,
    root: Path,
    version: str,
    device: torch.device,
    *,
    as_json: bool,
) -> None:
    from punkmodels.renderer.evaluate import evaluate_conditional, score_table

    with progress_bar("scoring", "steps") as progress:
        result = evaluate_conditional(
            run,
            root,
            version=version,
            device=device,
            out=out,
            progress=progress,
        )
    if as_json:
        console.emit_json(result.to_json())
        return
    for name, *scores in score_table(result):
        console.emit(f"{name:48}" + "".join(f"{score:>12}" for score in scores))
    label, count, recall = result.labels[0]
    console.emit(f"label with the lowest recall: {label}, {recall:.3f} of {count:,} samples")
    if out:
        console.say(f"wrote metrics.json, metrics.md and conditional_samples.png to {out}")
