"""The command `punkmodels page`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from punkdata.cli.gallery import (
    Generator,
    OpenBrowser,
    Out,
    SiteUrl,
    Transactions,
    check_target,
    write_gallery,
)
from punkdata.cli.options import ROOT, Root
from punkmodels.cli.options import DeviceOption, Runs, Snapshot
from punkmodels.models import find_model, is_shared, warn_if_unfinished
from punkmodels.runs import load_torch
from punkmodels.training.run_dir import DEFAULT_RUNS, read_config

EXAMPLES = (
    "Example: punkmodels page latest --open\n\n"
    "The bundled classifier on the newest snapshot: punkmodels page bundled-classifier"
)
RUN_HELP = (
    'A run of a classifier (its path, its number, or "latest"), a folder of exported weights, '
    '"bundled-classifier", or owner/name on the Hugging Face Hub.'
)


def page(
    run: Annotated[str, typer.Argument(metavar="RUN", help=RUN_HELP)] = "latest",
    root: Root = ROOT,
    version: Snapshot = None,
    out: Out = Path("gallery.html"),
    site_url: SiteUrl = None,
    open_browser: OpenBrowser = False,
    generator: Generator = True,
    transactions: Transactions = False,
    runs: Runs = DEFAULT_RUNS,
    device: DeviceOption = "auto",
) -> None:
    """Write the gallery with a classifier's predictions for all punks.

    The page of `punkdata gallery` then also filters the punks that the classifier gets wrong, sorts
    by its confidence, colors the map by both, and says which punks the training used.
    """
    from punkdata.snapshots.reader import open_snapshot

    check_target(out, site_url)
    folder = find_model(run, runs, "classifier")
    is_run = not is_shared(folder)
    trained_on = read_config(folder)["data"]["version"] if is_run else "latest"
    snapshot = open_snapshot(root, version or trained_on)
    load_torch()
    from punkmodels.classifier.collection import predict_collection
    from punkmodels.training.device import pick_device

    warn_if_unfinished(folder)
    predictions = predict_collection(
        folder,
        root,
        snapshot.version,
        name=folder.name if is_run else run,
        device=pick_device(device)[0],
    )
    write_gallery(
        snapshot,
        out,
        site_url,
        open_browser=open_browser,
        generator=generator,
        transactions=transactions,
        predictions=predictions,
    )
