"""The training loop that renderers and models of label sets share."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from support.gan import flatten_tensors
from support.label_sets import build_rendered_snapshot

import punkmodels.label_sets.config
import punkmodels.renderer.config
from punkdata.errors import DataError
from punkmodels.label_sets.train import train_label_sets
from punkmodels.renderer.train import train_renderer
from punkmodels.training.checkpoint import load_checkpoint
from punkmodels.training.run_dir import read_config, read_metrics
from punkmodels.training.train_loop import learning_rate

OPTIONS = {"total_images": 400, "batch_size": 10}
RENDERER = punkmodels.renderer.config.make_config(**OPTIONS)
LABEL_SETS = punkmodels.label_sets.config.make_config(**OPTIONS, width=22)
Train = Callable[..., Path]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with 60 punks whose label sets are possible. Read-only."""
    return build_rendered_snapshot(tmp_path_factory.mktemp("rendered"))


@pytest.fixture(scope="module", params=["renderer", "label-sets"])
def train(request: pytest.FixtureRequest) -> Train:
    """A function that trains for 40 steps, or resumes a run, which keeps its seed."""

    def start(root: Path, runs: Path, seed: int = 0, **options: Any) -> Path:
        change = {"seed": seed}
        if request.param == "renderer":
            return train_renderer(root, runs, RENDERER.model_copy(update=change), **options)
        return train_label_sets(root, runs, LABEL_SETS.model_copy(update=change), **options)

    return start


@pytest.fixture(scope="module")
def trained(train: Train, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run. Read-only."""
    return train(root, tmp_path_factory.mktemp("runs"))


def test_killed_run_resumes_as_an_uninterrupted_one(
    train: Train, trained: Path, root: Path, tmp_path: Path
) -> None:
    def stop(done: int, total: int | None, note: str = "") -> None:
        if total and done > 0.6 * total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(root, tmp_path, progress=stop)
    (run,) = tmp_path.iterdir()
    assert load_checkpoint(run)["step"] == 24
    with (run / "metrics.jsonl").open("a") as file:  # a line without a checkpoint
        file.write(json.dumps({"step": 99}) + "\n")
    train(root, tmp_path, seed=5, resume=run)
    expected, actual = (flatten_tensors(load_checkpoint(each)) for each in (trained, run))
    assert [name for name in expected if not torch.equal(expected[name], actual[name])] == []
    steps = [[line["step"] for line in read_metrics(each)] for each in (trained, run)]
    assert steps[0] == steps[1] == list(range(2, 41, 2))


def test_resuming_a_finished_run_changes_nothing(
    trained: Path, train: Train, root: Path, tmp_path: Path
) -> None:
    lines: list[str] = []
    before = flatten_tensors(load_checkpoint(trained))
    assert train(root, tmp_path, resume=trained, log=lines.append) == trained
    assert lines[-1] == f"{trained} is already finished"
    after = flatten_tensors(load_checkpoint(trained))
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_resuming_on_other_labels_is_refused(
    trained: Path, train: Train, root: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(trained, tmp_path / trained.name)
    config = read_config(run)
    config["data"]["labels_hash"] = "0" * 64
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(DataError, match="differ from those that"):
        train(root, tmp_path, resume=run)


def test_learning_rate_falls_along_a_cosine() -> None:
    assert learning_rate(0, RENDERER) == RENDERER.lr
    assert learning_rate(20, RENDERER) == pytest.approx(RENDERER.lr * (1 + 0.1) / 2)
    assert learning_rate(40, RENDERER) == pytest.approx(RENDERER.lr * 0.1)
