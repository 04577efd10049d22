from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from punkdata import PunkDataset
from punkdata.errors import DataError, UsageError
from punkdata.snapshot import open_snapshot
from punkmodels.checkpoint import load_checkpoint
from punkmodels.classifier import decide
from punkmodels.classifier_run import PRESETS, ClassifierConfig, load_classifier
from punkmodels.runs import read_config
from punkmodels.train_classifier import (
    augment,
    load_split,
    one_cycle,
    sampling_weights,
    train_classifier,
)

TINY = replace(
    PRESETS["quick"], epochs=3, batch_size=16, width=4, hidden=16, code=4, ema_half_life_epochs=0.1
)


@pytest.fixture(scope="module")
def trained(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_classifier(built_root, tmp_path_factory.mktemp("runs"), TINY, threads=1)


def test_the_run_folder_is_as_the_contract_says(trained: Path, built_root: Path) -> None:
    assert trained.name == "00001-classifier-quick"
    config = read_config(trained)
    manifest = open_snapshot(built_root).manifest
    assert config["options"]["batch_size"] == 16
    assert config["data"]["version"] == manifest.version
    assert config["data"]["labels_hash"] == manifest.labels_hash
    assert config["device"]["threads"] >= 1
    lines = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [0, 1, 2]
    assert lines[-1]["train_loss"] < lines[0]["train_loss"]
    with Image.open(trained / "real.png") as grid:
        assert grid.width == 8 * 24 * 4
    _, facts = load_checkpoint(trained)
    assert facts.finished is True


def test_training_learns_what_sprites_show(built_root: Path, tmp_path: Path) -> None:
    config = replace(TINY, epochs=60, width=16, hidden=64, code=8, noise_share=0.0)
    run = train_classifier(built_root, tmp_path, config, device_name="cpu")
    images, labels = load_split(PunkDataset(built_root), torch.device("cpu"))
    with torch.inference_mode():
        right = decide(load_classifier(run, torch.device("cpu"))(images)) == labels.bool()
    assert right.all(dim=1).float().mean() > 0.9


def test_the_same_seed_makes_the_same_weights_and_another_does_not(
    trained: Path, built_root: Path, tmp_path: Path
) -> None:
    first, _ = load_checkpoint(trained)
    same, _ = load_checkpoint(train_classifier(built_root, tmp_path, TINY, threads=1))
    other, _ = load_checkpoint(
        train_classifier(built_root, tmp_path, replace(TINY, seed=1), threads=1)
    )
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["ema.head.weight"], other["ema.head.weight"])


KILLED = """
import sys
from pathlib import Path
from punkmodels import train_classifier as t
save = t.save_checkpoint
def slow(run, tensors, facts):
    path = save(run, tensors, facts)
    print("saved", facts.epoch, flush=True)
    sys.stdin.readline()
    return path
t.save_checkpoint = slow
config = t.ClassifierConfig(**eval(sys.argv[3]))
t.train_classifier(Path(sys.argv[1]), Path(sys.argv[2]), config, threads=1)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
@pytest.mark.parametrize("epochs_saved", [0, 2])
def test_killed_and_resumed_it_ends_bit_for_bit_where_it_would_have(
    trained: Path, built_root: Path, tmp_path: Path, epochs_saved: int
) -> None:
    from dataclasses import asdict

    runs = tmp_path / "runs"
    command = [sys.executable, "-c", KILLED, str(built_root), str(runs), str(asdict(TINY))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        if epochs_saved:
            for _ in range(epochs_saved):
                process.stdout.readline()
                process.stdin.write(b"\n")
                process.stdin.flush()
        else:
            while not list(runs.glob("*/config.json")):
                time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
    (run,) = runs.iterdir()
    train_classifier(built_root, runs, ClassifierConfig(), resume=run)
    whole, _ = load_checkpoint(trained)
    resumed, _ = load_checkpoint(run)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert (run / "metrics.jsonl").read_text() == (trained / "metrics.jsonl").read_text()


def test_resuming_a_finished_run_changes_nothing(
    trained: Path, built_root: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(trained, tmp_path / trained.name)
    before = load_checkpoint(run)[0]
    train_classifier(built_root, tmp_path, TINY, resume=run)
    assert all(torch.equal(before[name], t) for name, t in load_checkpoint(run)[0].items())


def test_a_run_is_not_resumed_on_other_data(trained: Path, root: Path, tmp_path: Path) -> None:
    run = shutil.copytree(trained, tmp_path / "00001-classifier-quick")
    config = read_config(run)
    config["data"]["labels_hash"] = "0" * 64
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(DataError, match="other labels"):
        train_classifier(root, tmp_path, TINY, resume=run)


def test_without_a_snapshot_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no complete snapshot"):
        train_classifier(tmp_path, tmp_path / "runs", TINY)
    assert not (tmp_path / "runs").exists()


# -- the small pure parts ----------------------------------------------------------------


def test_noise_takes_pixels_from_other_punks_at_the_same_place() -> None:
    images = torch.arange(8, dtype=torch.uint8)[:, None, None].expand(8, 24, 24).clone()
    images[:, 3, 3] = 100
    generator = torch.Generator().manual_seed(0)
    noisy = augment(images, 0.1, generator)
    assert (noisy[:, 3, 3] == 100).all()
    assert 0.03 < (noisy != images).float().mean() < 0.15
    assert torch.equal(augment(images, 0.0, generator), images)


def test_balanced_sampling_brings_every_label_in_equally_often() -> None:
    labels = torch.zeros(100, 2)
    labels[:4, 0] = 1
    labels[4:, 1] = 1
    weights = sampling_weights(labels, balanced_share=1.0)
    assert weights.sum() == pytest.approx(1)
    assert weights @ labels[:, 0] == pytest.approx(0.5)
    assert sampling_weights(labels, balanced_share=0.0) == pytest.approx(torch.full((100,), 0.01))


def test_a_label_that_nobody_carries_does_not_break_sampling() -> None:
    labels = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    assert sampling_weights(labels, 0.5).isfinite().all()


def test_the_learning_rate_rises_to_its_peak_and_falls_to_0() -> None:
    assert one_cycle(0) == pytest.approx(0.04)
    assert one_cycle(0.25) == pytest.approx(1)
    assert one_cycle(1) == pytest.approx(0)
    assert one_cycle(0.1) < one_cycle(0.2)
    assert one_cycle(0.5) > one_cycle(0.8)
