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

from punkdata.errors import DataError, SetupError, UsageError
from punkdata.snapshots.reader import open_snapshot
from punkmodels.classifier import train as training
from punkmodels.classifier.config import (
    ClassifierConfig,
    ClassifierMetadata,
    load_classifier,
    make_config,
)
from punkmodels.classifier.networks import Classifier, logits_to_labels
from punkmodels.classifier.train import (
    augment,
    one_cycle,
    sampling_weights,
    train_classifier,
)
from punkmodels.data.palette import build_pair_table
from punkmodels.data.splits import load_split
from punkmodels.training import device
from punkmodels.training.checkpoint import load_checkpoint
from punkmodels.training.run_dir import read_config

TINY = make_config(
    epochs=3, batch_size=16, width=4, hidden=16, color_embedding_dim=4, ema_half_life_epochs=0.1
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
    with Image.open(trained / "reals.png") as grid:
        assert grid.width == 8 * 24 * 4
    _, facts = load_checkpoint(trained, ClassifierMetadata)
    assert facts.finished is True


def test_training_learns_what_sprites_show(built_root: Path, tmp_path: Path) -> None:
    config = replace(TINY, epochs=60, width=16, hidden=64, color_embedding_dim=8, pixel_noise=0.0)
    run = train_classifier(built_root, tmp_path, config, device_name="cpu")
    part = load_split(built_root, "latest", "default", "train")
    with torch.inference_mode():
        told = logits_to_labels(load_classifier(run, torch.device("cpu"))(part.images))
    right = told == part.labels.bool()
    assert right.all(dim=1).float().mean() > 0.9


def test_the_same_seed_makes_the_same_weights_and_another_does_not(
    trained: Path, built_root: Path, tmp_path: Path
) -> None:
    first, _ = load_checkpoint(trained, ClassifierMetadata)
    same, _ = load_checkpoint(
        train_classifier(built_root, tmp_path, TINY, threads=1), ClassifierMetadata
    )
    other, _ = load_checkpoint(
        train_classifier(built_root, tmp_path, replace(TINY, seed=1), threads=1), ClassifierMetadata
    )
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["ema.network.head.weight"], other["ema.network.head.weight"])


KILLED = """
import sys
from pathlib import Path
from punkmodels.classifier import train as t
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
    whole, _ = load_checkpoint(trained, ClassifierMetadata)
    resumed, _ = load_checkpoint(run, ClassifierMetadata)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert (run / "metrics.jsonl").read_text() == (trained / "metrics.jsonl").read_text()


def test_resuming_a_finished_run_changes_nothing(
    trained: Path, built_root: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(trained, tmp_path / trained.name)
    before = load_checkpoint(run, ClassifierMetadata)[0]
    train_classifier(built_root, tmp_path, TINY, resume=run)
    assert all(
        torch.equal(before[name], t)
        for name, t in load_checkpoint(run, ClassifierMetadata)[0].items()
    )


def test_a_run_is_not_resumed_on_other_data(trained: Path, root: Path, tmp_path: Path) -> None:
    run = shutil.copytree(trained, tmp_path / "00001-classifier-quick")
    config = read_config(run)
    config["data"]["labels_hash"] = "0" * 64
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(DataError, match="other labels"):
        train_classifier(root, tmp_path, TINY, resume=run)


@pytest.mark.parametrize("model", ["linear", "published"])
def test_other_models_learn_too(built_root: Path, tmp_path: Path, model: str) -> None:
    config = make_config(model=model, task="type", epochs=30, batch_size=16, width=8, peak_lr=0.005)
    run = train_classifier(built_root, tmp_path, config, threads=1)
    assert run.name == f"00001-classifier-{model}-quick"
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["train_loss"] < 0.7 * lines[0]["train_loss"]


def test_the_types_alone_are_learnt_as_one_choice(built_root: Path, tmp_path: Path) -> None:
    config = replace(TINY, task="type", epochs=20, peak_lr=0.01)
    run = train_classifier(built_root, tmp_path, config, threads=1)
    model = load_classifier(run, torch.device("cpu"))
    part = load_split(built_root, "latest", "default", "train")
    with torch.inference_mode():
        logits = model(part.images)
    assert logits.shape == (len(part), 5)
    assert (logits.argmax(1) == part.labels[:, :5].argmax(1)).float().mean() > 0.9


def test_training_ends_early_and_keeps_what_was_best(
    built_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([0.5, 0.3, 0.4, 0.35, 0.1])
    monkeypatch.setattr(training, "validate", lambda *args: (next(losses), 0.0))
    run = train_classifier(built_root, tmp_path, replace(TINY, epochs=5, patience=2), threads=1)
    tensors, facts = load_checkpoint(run, ClassifierMetadata)
    assert (facts.epoch, facts.finished, facts.best_epoch) == (3, True, 1)
    assert not torch.equal(tensors["best.network.head.weight"], tensors["ema.network.head.weight"])
    train_classifier(built_root, tmp_path, TINY, resume=run)
    assert load_checkpoint(run, ClassifierMetadata)[1] == facts


def test_half_precision_is_kept_when_a_run_is_resumed(
    built_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "benchmark_bf16", lambda work, on: (True, "told so"))
    monkeypatch.setattr(device, "benchmark_threads", lambda work: (1, "told so"))
    run = train_classifier(built_root, tmp_path, replace(TINY, epochs=1))
    config = read_config(run)
    assert config["device"]["bf16"] is True
    whole = load_checkpoint(run, ClassifierMetadata)[0]
    single = load_checkpoint(
        train_classifier(built_root, tmp_path, replace(TINY, epochs=1)), ClassifierMetadata
    )[0]
    assert all(torch.equal(whole[name], single[name]) for name in whole)
    monkeypatch.undo()
    for file in run.glob("checkpoints/*"):
        file.unlink()
    train_classifier(built_root, tmp_path, ClassifierConfig(), resume=run)
    resumed = load_checkpoint(run, ClassifierMetadata)[0]
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_metrics_go_to_tensorboard_too(built_root: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    run = train_classifier(
        built_root, tmp_path, replace(TINY, epochs=1), threads=1, logger="tensorboard"
    )
    assert list((run / "tensorboard").glob("events.*"))


def test_what_the_temperature_is_for(built_root: Path) -> None:
    part = load_split(built_root, "latest", "default", "train")

    class Sure(torch.nn.Module):
        def forward(self, indices: torch.Tensor) -> torch.Tensor:
            flip = torch.arange(len(indices)) % 4 == 0
            right = torch.where(part.visible > 0, 20.0, -20.0)
            return torch.where(flip[:, None], -right, right)

    model = Classifier(Sure(), build_pair_table(part.images)).eval()
    loss, exact = training.validate(model, part.images, part.visible, TINY)
    assert model.temperature == 4  # the end of the grid: it is far too sure
    assert exact == pytest.approx((torch.arange(len(part)) % 4 != 0).float().mean().item())
    assert loss < 2


def test_what_a_snapshot_does_not_tell_is_not_learnt(old_root: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not tell which labels no pixel shows.*all-labels"):
        train_classifier(old_root, tmp_path / "runs", TINY)
    assert not (tmp_path / "runs").exists()
    config = replace(TINY, epochs=1, visible_only=False)
    assert train_classifier(old_root, tmp_path / "runs", config, threads=1).is_dir()


def test_a_missing_sink_is_told_before_anything_is_made(
    built_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(SetupError, match="pip install tensorboard"):
        train_classifier(built_root, tmp_path / "runs", TINY, logger="tensorboard")
    assert not (tmp_path / "runs").exists()


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
    weights = sampling_weights(labels, class_balance=1.0)
    assert weights.sum() == pytest.approx(1)
    assert weights @ labels[:, 0] == pytest.approx(0.5)
    assert sampling_weights(labels, class_balance=0.0) == pytest.approx(torch.full((100,), 0.01))


def test_a_label_that_nobody_carries_does_not_break_sampling() -> None:
    labels = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    assert sampling_weights(labels, 0.5).isfinite().all()


def test_the_learning_rate_rises_to_its_peak_and_falls_to_0() -> None:
    assert one_cycle(0) == pytest.approx(0.04)
    assert one_cycle(0.25) == pytest.approx(1)
    assert one_cycle(1) == pytest.approx(0)
    assert one_cycle(0.1) < one_cycle(0.2)
    assert one_cycle(0.5) > one_cycle(0.8)
