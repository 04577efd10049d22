from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from punkdata.errors import UsageError
from punkmodels.gan.config import make_config
from punkmodels.gan.networks import GhostBatchNorm
from punkmodels.gan.objective import build_objective
from punkmodels.training.checkpoint import CheckpointMetadata, load_checkpoint
from punkmodels.training.distributed import SINGLE_PROCESS, ProcessGroup, RandomStream
from punkmodels.training.run_dir import read_config, read_metrics

TORCHRUN = ("-m", "torch.distributed.run", "--nproc-per-node", "2")


@pytest.fixture
def driver(tmp_path: Path) -> Path:
    (tmp_path / "driver.py").write_text(DRIVER)
    return tmp_path / "driver.py"


def launch(*args: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *(str(part) for part in args)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


DRIVER = """
import json, sys
from pathlib import Path
from punkmodels.classifier import config as classifier_run, train as train_classifier
from punkmodels.gan import config as dcgan_run, networks as dcgan, train as train_dcgan
from punkmodels.training.distributed import process_group
tasks, root, runs, *resume = sys.argv[1:]
train_dcgan.LOOKS, train_dcgan.DRAWN, dcgan.BATCHES = 4, 64, 5
going_on = Path(resume[0]) if resume else None
with process_group() as ranks:
    for task, options in json.loads(tasks):
        if task == "dcgan":
            train, config = train_dcgan.train_dcgan, dcgan_run.make_config(**options)
        else:
            train = train_classifier.train_classifier
            config = classifier_run.make_config(**options)
        run = train(Path(root), Path(runs), config, threads=1, resume=going_on, ranks=ranks)
        if ranks.is_main:
            print(run)
names = [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]
assert not [name for name in names if "gloo" in name], names
"""
"""short trainings, with four quick looks instead of twenty, that leave none of the threads behind
by which ranks talk: one that outlives Python's end aborts the process"""


def finish(process: subprocess.Popen[str]) -> list[Path]:
    """The run folders of trainings that went well."""
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    return [Path(line) for line in out.splitlines()]


def test_the_ranks_share_one_stream_of_random_numbers() -> None:
    def stream(process_group: ProcessGroup) -> RandomStream:
        return RandomStream(torch.Generator().manual_seed(3), process_group)

    one, *two = stream(SINGLE_PROCESS), *(stream(ProcessGroup(rank, 2)) for rank in (0, 1))
    for draw in (
        lambda s, n: s.normal(n, 4),
        lambda s, n: s.uniform(n),
        lambda s, n: s.integers(-2, 3, n, 2, 1),
    ):
        assert torch.equal(draw(one, 6), torch.cat([draw(s, 3) for s in two]))


def test_two_groups_of_a_batch_are_normalized_like_two_batches() -> None:
    norm = GhostBatchNorm(3)
    torch.nn.init.normal_(norm.weight)
    features = torch.randn(8, 3, 5, 5) * torch.arange(1, 9)[:, None, None, None]
    alone = torch.cat([norm(half) for half in features.chunk(2)])
    norm.groups = 2
    assert torch.allclose(norm(features), alone, atol=1e-5)
    assert not torch.allclose(norm.eval()(features), alone, atol=1e-2)


@pytest.mark.parametrize(("groups", "world"), [(1, 2), (2, 4), (3, 3)])
def test_a_batch_that_cannot_be_shared_is_refused(groups: int, world: int) -> None:
    images = torch.randint(0, 9, (4, 24, 24)).to(torch.uint8)
    config = make_config(width=4, batch_size=32, norm_groups=groups)
    with pytest.raises(UsageError, match=f"{world} ranks cannot share"):
        build_objective(config, images, torch.device("cpu"), ProcessGroup(0, world))


def test_two_ranks_train_the_models_that_one_trains(
    driver: Path, built_root: Path, tmp_path: Path
) -> None:
    tasks = [
        ("dcgan", {"total_images": 128, "width": 4, "norm_groups": 2, "conditional": "labels"}),
        ("dcgan", {"recipe": "classic", "total_images": 512, "width": 4, "norm_groups": 2}),
        ("classifier", {"epochs": 2}),
    ]
    rest = (driver, json.dumps(tasks), built_root)
    launched_world_size = [
        launch(*TORCHRUN, *rest, tmp_path / "together"),
        launch(*rest, tmp_path / "alone"),
    ]
    runs = [finish(process) for process in launched_world_size]
    assert len(runs[0]) == len(runs[1]) == 3
    for together, alone in zip(*runs, strict=True):
        assert_same_training(together, alone)


def assert_same_training(together: Path, alone: Path) -> None:
    """Weights and losses of two runs are equal, but for the order in which floats are added."""
    first, second = (load_checkpoint(run, CheckpointMetadata)[0] for run in (together, alone))
    compared = 0
    for name, tensor in second.items():
        if name.startswith("optimizer") or "running" in name or not tensor.is_floating_point():
            continue
        assert torch.allclose(first[name], tensor, rtol=1e-3, atol=1e-4), (alone.name, name)
        compared += 1
    assert compared > 10
    assert torch.equal(first.get("random", torch.ones(1)), second.get("random", torch.ones(1)))
    for one, other in zip(read_metrics(together), read_metrics(alone), strict=True):
        for name in one.keys() & {"loss_D", "loss_E", "train_loss", "val_loss"}:
            if other[name] is not None:
                assert one[name] == pytest.approx(other[name], rel=1e-3), (alone.name, name)


def test_a_killed_rank_ends_the_run_which_goes_on_with_another_number(
    driver: Path, built_root: Path, tmp_path: Path
) -> None:
    tasks = [("dcgan", {"total_images": 320 * 32, "width": 4, "norm_groups": 2})]
    rest = (driver, json.dumps(tasks), built_root, tmp_path / "runs")
    process = launch(*TORCHRUN, *rest)
    run = tmp_path / "runs" / "00001-dcgan-modern-quick"
    deadline = time.monotonic() + 120
    while not list(run.glob("checkpoints/*.safetensors")) and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    os.kill(rank_one(process.pid), signal.SIGKILL)
    _, err = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "SIGKILL" in err
    assert "distributed.all_reduce" not in err, "the other rank ends without a traceback of its own"
    assert len(read_metrics(run)) < 4
    assert finish(launch(*rest, run)) == [run]
    assert [line["step"] for line in read_metrics(run)] == [80, 160, 240, 320]


def test_the_command_trains_on_two_ranks_of_which_one_speaks(
    built_root: Path, tmp_path: Path
) -> None:
    train = (
        "-m",
        "punkmodels",
        "train",
        "dcgan",
        "--total-images",
        32,
        "--width",
        4,
        "--threads",
        1,
    )
    process = launch(*TORCHRUN, *train, "--root", built_root, "--runs", tmp_path)
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert out.strip() == str(tmp_path / "00001-dcgan-modern-quick")
    assert err.count("next: punkmodels generate") == 1
    assert read_config(Path(out.strip()))["options"]["norm_groups"] == 2


def rank_one(of: int) -> int:
    """The process of rank 1 among the children of torchrun."""
    for child in Path(f"/proc/{of}/task/{of}/children").read_text().split():
        if b"\0RANK=1\0" in b"\0" + Path(f"/proc/{child}/environ").read_bytes() + b"\0":
            return int(child)
    raise AssertionError("there is no rank 1")
