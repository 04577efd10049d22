from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from punkdata.errors import NetworkError
from punkmodels.classifier.config import make_config
from punkmodels.classifier.train import train_classifier
from punkmodels.training import distributed
from punkmodels.training.checkpoint import has_checkpoint
from punkmodels.training.distributed import random_seed
from punkmodels.training.run_dir import list_runs, read_metrics

TORCHRUN = ("-m", "torch.distributed.run", "--nproc-per-node", "2")
TIMEOUT_S = 600


def run_two_ranks(*args: object) -> subprocess.CompletedProcess[str]:
    """Run a script or module with torchrun, in two processes."""
    return subprocess.run(
        [sys.executable, *TORCHRUN, *(str(arg) for arg in args)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


# -- in a single process -------------------------------------------------------------------


def test_a_single_process_is_main_and_does_not_communicate() -> None:
    tensor = torch.ones(2)
    distributed.all_reduce_mean([tensor, None])
    assert tensor.tolist() == [1, 1]
    assert distributed.broadcast("value") == "value"
    assert (distributed.get_rank(), distributed.get_world_size()) == (0, 1)
    assert distributed.is_main()
    assert distributed.threads_per_process() is None


def test_random_numbers_differ_between_seeds_and_steps() -> None:
    numbers = {
        torch.rand((), generator=torch.Generator().manual_seed(random_seed(seed, step))).item()
        for seed in range(3)
        for step in range(3)
    }
    assert len(numbers) == 9
    assert random_seed(1, 2) == random_seed(1, 2)


def test_a_lost_process_is_a_network_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("Connection closed by peer")

    monkeypatch.setattr(distributed, "get_world_size", lambda: 2)
    for name in ("all_reduce", "broadcast_object_list"):
        monkeypatch.setattr(distributed.distributed, name, fail)
    for communicate in (
        lambda: distributed.all_reduce_mean([torch.ones(2)]),
        lambda: distributed.broadcast(1),
    ):
        with pytest.raises(NetworkError, match="another process .* ended; resume the latest run"):
            communicate()


# -- with two processes --------------------------------------------------------------------

COLLECTIVES = """
import json, sys
from pathlib import Path
import torch
from punkmodels.training import distributed

with distributed.init_process_group():
    rank = distributed.get_rank()
    tensors = [torch.full((3,), float(rank)), None, torch.tensor([[2.0 + rank]])]
    distributed.all_reduce_mean(tensors)
    torch.optim.Adam([torch.nn.Parameter(torch.ones(1))])
    result = {
        "means": [t.flatten().tolist() for t in tensors if t is not None],
        "broadcast": distributed.broadcast(f"from rank {rank}"),
        "seed": distributed.random_seed(7),
    }
    Path(sys.argv[1], f"rank{rank}.json").write_text(json.dumps(result))
# A thread of the process group that is still running would abort the process at exit.
threads = [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]
assert not [name for name in threads if "gloo" in name], threads
"""


@pytest.mark.slow
def test_two_ranks_communicate_and_have_their_own_seeds(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(COLLECTIVES)
    done = run_two_ranks(tmp_path / "script.py", tmp_path)
    assert done.returncode == 0, done.stderr
    first, second = (json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in range(2))
    assert first["means"] == second["means"] == [[0.5, 0.5, 0.5], [2.5]]
    assert first["broadcast"] == second["broadcast"] == "from rank 0"
    assert first["seed"] != second["seed"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "run_name"),
    [
        (("classifier", "--epochs", 2), "00001-classifier-quick"),
        (("dcgan", "--total-images", 32, "--set", "model.width=4"), "00001-vae-gan-quick"),
    ],
    ids=["classifier", "dcgan"],
)
def test_torchrun_trains_one_run_and_only_rank_0_prints(
    command: tuple[object, ...], run_name: str, built_root: Path, tmp_path: Path
) -> None:
    options = ("--threads", 1, "--root", built_root, "--runs", tmp_path)
    done = run_two_ranks("-m", "punkmodels", "train", *command, *options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / run_name)
    assert done.stderr.count("next: punkmodels") == 1
    assert list_runs(tmp_path) == [tmp_path / run_name]
    lines = read_metrics(tmp_path / run_name)
    assert lines
    for line in lines:
        numbers = [value for value in line.values() if value is not None]
        assert torch.tensor(numbers).isfinite().all(), line


TRAIN = """
import os, signal, sys
from pathlib import Path
import torch
from punkmodels.classifier.config import make_config
from punkmodels.classifier.train import train_classifier
from punkmodels.training import distributed
from punkmodels.training.checkpoint import load_checkpoint

def on_epoch_end(line):
    if mode == "kill" and distributed.get_rank() == 1 and line["epoch"] == 1:
        os.kill(os.getpid(), signal.SIGKILL)

mode, root, runs = sys.argv[1:]
config = make_config(epochs=4, batch_size=16, width=4, hidden=16, color_embedding_dim=4)
with distributed.init_process_group():
    resume = Path(runs, "00001-classifier-quick") if mode == "resume" else None
    train_classifier(
        Path(root), Path(runs), config, threads=1, resume=resume, on_epoch_end=on_epoch_end
    )
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
@pytest.mark.parametrize("resume_with", [1, 2])
def test_a_run_with_a_killed_rank_fails_and_resumes(
    resume_with: int, built_root: Path, tmp_path: Path
) -> None:
    (tmp_path / "script.py").write_text(TRAIN)
    runs = tmp_path / "runs"
    done = run_two_ranks(tmp_path / "script.py", "kill", built_root, runs)
    assert done.returncode != 0
    (run,) = list_runs(runs)
    assert has_checkpoint(run)
    if resume_with == 1:
        train_classifier(built_root, runs, make_config(), resume=run)
    else:
        done = run_two_ranks(tmp_path / "script.py", "resume", built_root, runs)
        assert done.returncode == 0, done.stderr
    assert [line["epoch"] for line in read_metrics(run)] == [0, 1, 2, 3]
