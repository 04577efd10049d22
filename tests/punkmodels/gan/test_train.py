from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from punkdata.errors import DataError
from punkdata.snapshots.reader import open_snapshot
from punkmodels.data.palette import color_counts, quantize
from punkmodels.data.splits import load_split
from punkmodels.gan import networks, objective
from punkmodels.gan import train as training
from punkmodels.gan.config import DcganConfig, build_generator, load_generator, make_config
from punkmodels.gan.metrics.fidelity import NearestNeighborIndex
from punkmodels.gan.networks import Generator
from punkmodels.gan.palette_head import PaletteHead
from punkmodels.gan.train import train_dcgan
from punkmodels.training.checkpoint import CheckpointMetadata, load_checkpoint
from punkmodels.training.run_dir import read_config, read_metrics

CPU = torch.device("cpu")
SMALL = {
    "width": 4,
    "z_dim": 8,
    "w_dim": 6,
    "head_channels": 3,
    "total_images": 16 * 16,
    "batch_size": 16,
}
TINY = make_config(**SMALL)
OF = {"modern": {"batch_size": 8}, "classic": {"batch_size": 8, "w_dim": 0}}


@pytest.fixture(scope="module", autouse=True)
def quick_looks() -> Iterator[None]:
    """Four looks at 64 sprites, instead of twenty at 2,000."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "LOOKS", 4)
        patch.setattr(training, "DRAWN", 64)
        patch.setattr(networks, "BATCHES", 5)
        yield


@pytest.fixture(scope="module")
def trained(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_dcgan(built_root, tmp_path_factory.mktemp("runs"), TINY, threads=1)


def tensors_of(run: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(run, CheckpointMetadata)[0]


def test_the_run_folder_is_as_the_contract_says(trained: Path, built_root: Path) -> None:
    assert trained.name == "00001-dcgan-modern-quick"
    config = read_config(trained)
    assert config["task"] == "dcgan"
    assert config["options"]["images"] == 256
    assert config["data"]["labels_hash"] == open_snapshot(built_root).manifest.labels_hash
    lines = read_metrics(trained)
    assert len(lines) == 4
    assert lines[-1]["images_seen"] == 256
    assert all(line["frechet_distance_to_training"] > 0 for line in lines)
    assert all(line["images_per_s"] > 0 for line in lines)
    judged = [line["loss_D"] is not None for line in lines]
    assert judged == [False, False, True, True], "the encoder teaches first"
    assert 0.3 < lines[-1]["loss_D"] < 1.5, "a mean over the steps that were judged"
    assert all(line["loss_E"] > 0 for line in lines)
    assert load_checkpoint(trained, CheckpointMetadata)[1] == CheckpointMetadata(
        step=16, finished=True
    )
    assert len(list((trained / "samples").glob("*.png"))) == 4
    for name, height in (("reals.png", 6 * 96), ("fakes_init.png", 8 * 96)):  # of 48 and 64
        with Image.open(trained / name) as picture:
            assert picture.size == (768, height)
    with Image.open(trained / "training.gif") as film:
        assert film.n_frames >= 2
    with Image.open(trained / "curves.png") as picture:
        picture.load()


def test_untrained_and_trained_samples_are_of_the_same_noise(trained: Path) -> None:
    model = load_generator(trained, CPU)
    drawn, off = quantize(model(torch.randn(20, model.noise_dim)).detach())
    assert off.max() < 0.01
    assert len(drawn.flatten(1).unique(dim=0)) > 1


@pytest.mark.parametrize("recipe", ["modern", "classic"])
def test_training_brings_the_drawn_nearer_to_the_real(
    recipe: str, built_root: Path, tmp_path: Path
) -> None:
    """By how often each color stands at each place."""
    part = load_split(built_root, "latest", "default", "train")
    real = color_counts(part.images) / len(part)

    def variation(model: Generator) -> float:
        with torch.inference_mode():
            drawn = color_counts(quantize(model(torch.randn(200, 16)))[0]) / 200
        return float((real - drawn).abs().sum(dim=1).mean() / 2)

    sizes = {"head": "rgba", "width": 8, "z_dim": 16, "batch_size": 16, "lr": 1e-3}
    config = make_config(recipe=recipe, total_images=16 * 120, **sizes)
    before = variation(build_generator(config, color_counts(part.images)).eval())
    run = train_dcgan(built_root, tmp_path, config, threads=1)
    assert variation(load_generator(run, CPU)) < 0.7 * before


@pytest.mark.parametrize("recipe", ["modern", "classic"])
def test_the_same_seed_makes_the_same_weights_and_another_does_not(
    recipe: str, built_root: Path, tmp_path: Path
) -> None:
    config = make_config(recipe=recipe, **SMALL | OF[recipe] | {"total_images": 64})
    first, same, other = (
        tensors_of(train_dcgan(built_root, tmp_path, replace(config, seed=seed), threads=1))
        for seed in (3, 3, 4)
    )
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["D.layers.0.weight"], other["D.layers.0.weight"])
    assert not torch.equal(first["ema.layers.0.weight"], other["ema.layers.0.weight"])


def test_the_classic_recipe_is_the_tutorials(built_root: Path, tmp_path: Path) -> None:
    config = make_config(recipe="classic", **SMALL | OF["classic"] | {"total_images": 64})
    run = train_dcgan(built_root, tmp_path, config, threads=1)
    tensors = tensors_of(run)
    assert "D.layers.3.running_mean" in tensors
    assert torch.equal(tensors["G.layers.0.weight"], tensors["ema.layers.0.weight"])
    assert load_generator(run, CPU)(torch.randn(1, 8)).shape == (1, 4, 24, 24)


KILLED = """
import sys
from pathlib import Path
from punkmodels.gan import networks, train as t
save = t.save_checkpoint
def slow(run, tensors, facts):
    path = save(run, tensors, facts)
    print("saved", facts.step, flush=True)
    sys.stdin.readline()
    return path
t.save_checkpoint, t.LOOKS, t.DRAWN, networks.BATCHES = slow, 4, 64, 5
config = t.DcganConfig(**eval(sys.argv[3]))
t.train_dcgan(Path(sys.argv[1]), Path(sys.argv[2]), config, threads=1)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_killed_and_resumed_it_ends_bit_for_bit_where_it_would_have(
    trained: Path, built_root: Path, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    command = [sys.executable, "-c", KILLED, str(built_root), str(runs), str(asdict(TINY))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        for _ in range(2):
            process.stdout.readline()
            process.stdin.write(b"\n")
            process.stdin.flush()
        os.kill(process.pid, signal.SIGKILL)
    (run,) = runs.iterdir()
    with (run / "metrics.jsonl").open("a") as file:  # killed between a line and its checkpoint
        file.write(json.dumps({"images_seen": 0}) + "\n")
    train_dcgan(built_root, runs, DcganConfig(), resume=run)
    whole, resumed = tensors_of(trained), tensors_of(run)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    told = [[line["loss_D"] for line in read_metrics(r)] for r in (trained, run)]
    assert told[0] == told[1]
    samples = [sorted(p.name for p in (r / "samples").iterdir()) for r in (trained, run)]
    assert samples[0] == samples[1]


@pytest.mark.parametrize(
    "condition", [{"conditional": "type"}, {"conditional": "labels", "skin_tone": True, "w_dim": 0}]
)
def test_a_conditional_run_goes_on_where_it_was_stopped(
    condition: dict[str, Any], built_root: Path, tmp_path: Path
) -> None:
    config = make_config(**SMALL | condition)
    whole = train_dcgan(built_root, tmp_path / "whole", config, threads=1)

    def stop(done: int, total: int, note: str = "") -> None:
        if done > 0.8 * total:  # the discriminator has joined
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_dcgan(built_root, tmp_path / "stopped", config, threads=1, progress=stop)
    (run,) = (tmp_path / "stopped").iterdir()
    train_dcgan(built_root, tmp_path, config, resume=run)
    of_whole, resumed = tensors_of(whole), tensors_of(run)
    assert all(torch.equal(of_whole[name], resumed[name]) for name in of_whole)


@pytest.mark.parametrize(("label_dropout", "fewer"), [(0.0, 1.0), (0.5, 0.5), (1.0, 0.0)])
def test_training_leaves_out_a_share_of_the_accessories(
    label_dropout: float,
    fewer: float,
    built_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    condition: list[torch.Tensor] = []
    teach = objective.GANObjective.auxiliary_loss

    def watch(
        self: objective.GANObjective, indices: torch.Tensor, of: torch.Tensor
    ) -> torch.Tensor:
        condition.append(of)
        return teach(self, indices, of)

    monkeypatch.setattr(objective.GANObjective, "teaching_loss", watch)
    labels = {"conditional": "labels", "split_female_accessories": False, "class_balance": 0.0}
    config = make_config(**SMALL | labels | {"total_images": 640, "label_dropout": label_dropout})
    train_dcgan(built_root, tmp_path, config, threads=1)
    found = torch.cat(condition)
    assert (found[:, :5].sum(dim=1) == 1).all(), "types stay"
    usual = load_split(built_root, "latest", "default", "train").visible[:, 5:].float().mean()
    assert found[:, 5:].mean().item() == pytest.approx(fewer * usual.item(), rel=0.15)


def test_resuming_a_finished_run_changes_nothing(
    trained: Path, built_root: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(trained, tmp_path / trained.name)
    before = tensors_of(run)
    (run / "training.gif").unlink()  # as if killed after the last checkpoint
    said: list[str] = []
    train_dcgan(built_root, tmp_path, TINY, resume=run, log=said.append)
    assert "finished already" in said[-1]
    assert (run / "training.gif").exists()
    assert all(torch.equal(before[name], t) for name, t in tensors_of(run).items())


def test_a_run_that_was_stopped_before_its_first_step_begins_anew(
    trained: Path, built_root: Path, tmp_path: Path
) -> None:
    run = tmp_path / trained.name
    (run / "checkpoints").mkdir(parents=True)
    shutil.copy(trained / "config.json", run)
    train_dcgan(built_root, tmp_path, TINY, resume=run)
    assert (run / "training.gif").exists()
    whole, again = tensors_of(trained), tensors_of(run)
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_a_run_is_not_resumed_on_other_data(trained: Path, root: Path, tmp_path: Path) -> None:
    run = shutil.copytree(trained, tmp_path / trained.name)
    config = read_config(run)
    config["data"]["labels_hash"] = "0" * 64
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(DataError, match="other labels"):
        train_dcgan(root, tmp_path, TINY, resume=run)


def test_threads_and_precision_are_measured_and_kept(built_root: Path, tmp_path: Path) -> None:
    config = make_config(**SMALL | {"total_images": 32})
    run = train_dcgan(built_root, tmp_path, config)
    reason = read_config(run)["device"]["reason"]
    assert "benchmarked: 1 thread" in reason
    assert "bfloat16" in reason
    torch.set_num_threads(1)


def test_an_encoder_teaches_what_punks_look_like(built_root: Path, tmp_path: Path) -> None:
    """Without a discriminator, noise becomes punks that training knows, or nearly."""
    part = load_split(built_root, "latest", "default", "train")
    sizes = {"width": 8, "z_dim": 8, "w_dim": 8, "batch_size": 16, "total_images": 16 * 200}
    config = make_config(adversarial_start=1.0, lr=3e-3, **sizes)
    drawn = []
    for model in (
        build_generator(config, color_counts(part.images)).eval(),
        load_generator(train_dcgan(built_root, tmp_path, config, threads=1), CPU),
    ):
        with torch.inference_mode():
            drawn.append(quantize(model(torch.randn(100, 16)))[0])
    untrained, taught = (
        NearestNeighborIndex(part.images).nearest(x)[1].float().mean() for x in drawn
    )
    assert taught < untrained / 2
    assert len(drawn[1].flatten(1).unique(dim=0)) > 20, "not one punk again and again"


def test_the_palette_head_knows_the_training_part_only(trained: Path, built_root: Path) -> None:
    part = load_split(built_root, "latest", "default", "train")
    head = load_generator(trained, CPU).layers[-1]
    assert isinstance(head, PaletteHead)
    assert head.known.sum() == (color_counts(part.images) > 0).sum()
