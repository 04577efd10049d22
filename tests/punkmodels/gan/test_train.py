from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from support.gan import CPU, interrupt_training, small_config, train_quickly

from punkdata.errors import DataError, UsageError
from punkdata.snapshots.reader import open_snapshot
from punkmodels.data.palette import color_counts
from punkmodels.data.splits import load_split
from punkmodels.gan.generate import generate_images, load_generator
from punkmodels.gan.metrics import nearest_neighbors
from punkmodels.gan.networks import AnyGenerator, ImageShape, build_generator
from punkmodels.gan.palette_head import PaletteHead
from punkmodels.gan.train import train_dcgan
from punkmodels.training.checkpoint import load_checkpoint
from punkmodels.training.run_dir import read_config, read_metrics

TINY = small_config()
EVALUATED_STEPS = [4, 8, 12, 16]


@pytest.fixture(scope="module")
def trained(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of 16 steps, with the discriminator from step 11. Read-only."""
    runs = tmp_path_factory.mktemp("runs")
    return train_quickly(built_root, runs, TINY, num_evaluations=4)


@pytest.fixture
def restore_num_threads() -> Iterator[None]:
    """Restore the number of CPU threads, which a benchmark changes."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_run_config_names_options_and_data(trained: Path, built_root: Path) -> None:
    assert trained.name == "00001-vae-gan-quick"
    config = read_config(trained)
    assert config["task"] == "dcgan"
    assert config["options"] == TINY.model_dump()
    assert config["data"]["labels_hash"] == open_snapshot(built_root).manifest.labels_hash


def test_run_metrics_are_means_over_the_steps_of_each_loss(trained: Path) -> None:
    lines = read_metrics(trained)
    assert [line["step"] for line in lines] == EVALUATED_STEPS
    assert lines[-1]["images_seen"] == 256
    assert all(line["frechet_distance_to_training"] > 0 for line in lines)
    assert all(line["images_per_s"] > 0 for line in lines)
    is_adversarial = [line["loss_D"] is not None for line in lines]
    assert is_adversarial == [False, False, True, True], "at first, only the encoder is trained"
    assert 0.3 < lines[-1]["loss_D"] < 1.5
    assert all(line["loss_E"] > 0 for line in lines)


def test_run_folder_contains_checkpoint_grids_and_plots(trained: Path) -> None:
    assert load_checkpoint(trained)["step"] == 16
    samples = sorted(path.name for path in (trained / "samples").iterdir())
    assert samples == [f"step_{step:06d}.png" for step in EVALUATED_STEPS]
    for name, height in (("reals.png", 6 * 96), ("fakes_init.png", 8 * 96)):  # 48 and 64 sprites
        with Image.open(trained / name) as grid:
            assert grid.size == (768, height)
    with Image.open(trained / "training.gif") as animation:
        assert animation.n_frames >= 2
    with Image.open(trained / "curves.png") as plot:
        plot.load()


def test_palette_head_has_the_colors_of_the_training_split(trained: Path, built_root: Path) -> None:
    train = load_split(built_root, "latest", "default", "train")
    head = load_generator(trained, CPU).layers[-1]
    assert isinstance(head, PaletteHead)
    assert head.valid.sum() == (color_counts(train.images) > 0).sum()


@pytest.mark.parametrize("recipe", ["adversarial", "dcgan"])
def test_training_improves_the_color_distribution(
    recipe: str, built_root: Path, tmp_path: Path
) -> None:
    train = load_split(built_root, "latest", "default", "train")
    real = color_counts(train.images) / len(train)

    def total_variation(model: AnyGenerator) -> float:
        """Return the mean total variation of the colors at each position."""
        counts = color_counts(generate_images(model, 200, 0))
        return float((real - counts / 200).abs().sum(dim=1).mean() / 2)

    rgba = {"head": "rgba", "color_embedding_dim": 0}
    config = small_config(
        recipe,
        total_images=16 * 120,
        model=rgba | {"width": 8, "z_dim": 16},
        optimizer={"lr": 1e-3},
    )
    before = total_variation(build_generator(config, ImageShape(), None).eval())
    run = train_quickly(built_root, tmp_path, config)
    assert total_variation(load_generator(run, CPU)) < 0.7 * before


def test_mlp_learns_that_the_top_row_is_transparent(built_root: Path, tmp_path: Path) -> None:
    assert not load_split(built_root, "latest", "default", "train").images[:, 0].any()
    config = small_config("mlp", total_images=16 * 300, model={"width": 16}, optimizer={"lr": 1e-3})
    untrained = build_generator(config, ImageShape(), None).eval()
    trained = load_generator(train_quickly(built_root, tmp_path, config), CPU)
    before, after = (
        (generate_images(model, 32, 0)[:, 0] == 0).float().mean() for model in (untrained, trained)
    )
    assert before < 0.5 < 0.9 < after


def test_encoder_alone_trains_the_generator(built_root: Path, tmp_path: Path) -> None:
    train = load_split(built_root, "latest", "default", "train")
    config = small_config(
        total_images=16 * 200,
        model={"width": 8, "w_dim": 8, "head_channels": 16},
        schedule={"adversarial_start": 1.0},
        optimizer={"lr": 3e-3},
    )
    untrained = build_generator(config, ImageShape(), color_counts(train.images)).eval()
    trained = load_generator(train_quickly(built_root, tmp_path, config), CPU)
    sprites = [generate_images(model, 100, 0) for model in (untrained, trained)]
    before, after = (nearest_neighbors(train.images, i)[1].float().mean() for i in sprites)
    assert after < before / 2
    assert len(sprites[1].flatten(1).unique(dim=0)) > 20, "no mode collapse"


def test_threads_and_precision_are_benchmarked(
    built_root: Path, tmp_path: Path, restore_num_threads: None
) -> None:
    run = train_quickly(built_root, tmp_path, small_config(total_images=32), threads=None)
    reason = read_config(run)["device"]["reason"]
    assert "benchmarked: 1 thread" in reason
    assert "bfloat16" in reason


TRAIN_UNTIL_KILLED = """
import json, os, signal, sys
from pathlib import Path
from punkmodels.gan.config import DcganConfig
from punkmodels.gan.train import train_dcgan

def progress(done, total, note=""):
    if total and note:  # The first checkpoint has been written.
        os.kill(os.getpid(), signal.SIGKILL)

root, runs, options = sys.argv[1:]
config = DcganConfig.model_validate_json(options)
options = {"threads": 1, "num_evaluations": 4, "num_samples": 64}
train_dcgan(Path(root), Path(runs), config, progress=progress, **options)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_killed_run_resumes_from_its_checkpoint(built_root: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    command = [sys.executable, "-c", TRAIN_UNTIL_KILLED, built_root, runs, TINY.model_dump_json()]
    subprocess.run([str(arg) for arg in command], check=False)
    (run,) = runs.iterdir()
    with (run / "metrics.jsonl").open("a") as file:  # a line without a checkpoint
        file.write(json.dumps({"step": 8}) + "\n")
    train_quickly(built_root, runs, TINY, num_evaluations=4, resume=run)
    assert [line["step"] for line in read_metrics(run)] == EVALUATED_STEPS
    assert len(list((run / "samples").iterdir())) == 4
    assert load_checkpoint(run)["step"] == 16


@pytest.mark.parametrize("options", [{"recipe": "dcgan"}, {"conditional": "type"}], ids=str)
def test_interrupted_run_resumes_with_its_options(
    options: dict[str, Any], built_root: Path, tmp_path: Path
) -> None:
    config = small_config(**options)
    run = interrupt_training(built_root, tmp_path, config)
    assert load_checkpoint(run)["step"] == 8
    train_quickly(built_root, tmp_path, TINY, resume=run)
    assert read_config(run)["options"] == config.model_dump()
    weights = load_checkpoint(run)["G"].values()
    assert all(tensor.isfinite().all() for tensor in weights)


def test_resuming_a_finished_run_only_restores_its_plots(
    trained: Path, built_root: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(trained, tmp_path / trained.name)
    (run / "training.gif").unlink()  # as if killed after the last checkpoint
    lines: list[str] = []
    train_quickly(built_root, tmp_path, TINY, num_evaluations=4, resume=run, log=lines.append)
    assert "already finished" in lines[-1]
    assert (run / "training.gif").exists()
    before, after = (load_checkpoint(each)["ema"] for each in (trained, run))
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_run_without_a_checkpoint_restarts(trained: Path, built_root: Path, tmp_path: Path) -> None:
    run = tmp_path / trained.name
    (run / "checkpoints").mkdir(parents=True)
    shutil.copy(trained / "config.json", run)
    train_quickly(built_root, tmp_path, TINY, num_evaluations=4, resume=run)
    assert (run / "fakes_init.png").exists()
    assert [line["step"] for line in read_metrics(run)] == EVALUATED_STEPS


def test_resuming_on_other_labels_is_refused(
    trained: Path, built_root: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(trained, tmp_path / trained.name)
    config = read_config(run)
    config["data"]["labels_hash"] = "0" * 64
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(DataError, match="differ from those that"):
        train_dcgan(built_root, tmp_path, TINY, resume=run)


def test_batch_that_processes_cannot_share_is_refused(
    built_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("punkmodels.training.distributed.get_world_size", lambda: 3)
    with pytest.raises(UsageError, match="a batch of 16 cannot be divided among 3 processes"):
        train_dcgan(built_root, tmp_path, TINY)
