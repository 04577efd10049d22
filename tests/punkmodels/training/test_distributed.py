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
from punkmodels.training.distributed import SINGLE_PROCESS, ProcessGroup, RandomStream
from punkmodels.training.run_dir import list_runs, read_config, read_metrics

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


def test_local_shards_are_equal_parts_of_a_batch() -> None:
    rows = torch.arange(6)
    shards = [ProcessGroup(rank, 3).local_shard(rows) for rank in range(3)]
    assert [shard.tolist() for shard in shards] == [[0, 1], [2, 3], [4, 5]]


def test_only_rank_0_is_main() -> None:
    assert [ProcessGroup(rank, 2).is_main for rank in range(2)] == [True, False]


def test_random_streams_of_all_ranks_are_shards_of_one_stream() -> None:
    def stream(process_group: ProcessGroup) -> RandomStream:
        return RandomStream(torch.Generator().manual_seed(3), process_group)

    single = stream(SINGLE_PROCESS)
    ranks = [stream(ProcessGroup(rank, 2)) for rank in range(2)]
    for generate in (
        lambda s, n: s.normal(n, 4),
        lambda s, n: s.uniform(n),
        lambda s, n: s.integers(-2, 3, n, 2, 1),
    ):
        assert torch.equal(generate(single, 6), torch.cat([generate(s, 3) for s in ranks]))


def test_a_lost_process_is_a_network_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("Connection closed by peer")

    monkeypatch.setattr(distributed.distributed, "all_reduce", fail)
    monkeypatch.setattr(distributed.distributed, "broadcast_object_list", fail)
    group = ProcessGroup(0, 2)
    for communicate in (lambda: group.all_reduce_mean([torch.ones(2)]), lambda: group.broadcast(1)):
        with pytest.raises(NetworkError, match="another process .* ended; .* --resume latest"):
            communicate()


# -- with two processes --------------------------------------------------------------------

COLLECTIVES = """
import json, sys
from pathlib import Path
import torch
from punkmodels.classifier.config import build_model, make_config
from punkmodels.classifier.train_state import TrainEnv, TrainState, training_step
from punkmodels.data.palette import build_pair_table
from punkmodels.training.distributed import init_process_group

with init_process_group() as group:
    tensors = [torch.full((3,), float(group.rank)), None, torch.tensor([[2.0 + group.rank]])]
    group.all_reduce_mean(tensors)

    config = make_config(epochs=1, batch_size=8, width=2, hidden=4, color_embedding_dim=2)
    torch.manual_seed(0)
    images = torch.randint(0, 222, (8, 24, 24), dtype=torch.uint8)
    labels = torch.rand(8, 92).round()
    model = build_model(config, build_pair_table(images))
    state, env = TrainState.create(model, config), TrainEnv(torch.device("cpu"), False, group)
    for step in range(3):
        shard = group.local_shard(images), group.local_shard(labels)
        training_step(state, *shard, config, env, step=step, steps_per_epoch=3)
    weights = torch.cat([p.detach().flatten() for p in state.model.parameters()])
    result = {
        "means": [t.flatten().tolist() for t in tensors if t is not None],
        "broadcast": group.broadcast(f"from rank {group.rank}"),
        "weights": weights.tolist(),
    }
    Path(sys.argv[1], f"rank{group.rank}.json").write_text(json.dumps(result))
# A thread of the process group that is still running would abort the process at exit.
threads = [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]
assert not [name for name in threads if "gloo" in name], threads
"""


@pytest.mark.slow
def test_two_ranks_average_gradients_and_keep_equal_weights(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(COLLECTIVES)
    done = run_two_ranks(tmp_path / "script.py", tmp_path)
    assert done.returncode == 0, done.stderr
    first, second = (json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in range(2))
    assert first["means"] == second["means"] == [[0.5, 0.5, 0.5], [2.5]]
    assert first["broadcast"] == second["broadcast"] == "from rank 0"
    weights = torch.tensor(first["weights"])
    assert weights.isfinite().all()
    assert torch.allclose(weights, torch.tensor(second["weights"]), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "run_name"),
    [
        (("classifier", "--epochs", 2), "00001-classifier-quick"),
        (("dcgan", "--total-images", 32, "--width", 4), "00001-dcgan-modern-quick"),
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
    if command[0] == "dcgan":
        assert read_config(tmp_path / run_name)["options"]["norm_groups"] == 2


KILLED = """
import os, signal, sys
from pathlib import Path
from punkmodels.classifier.config import make_config
from punkmodels.classifier.train import train_classifier
from punkmodels.training.distributed import init_process_group

def progress(done, total, note=""):
    if group.rank == 1 and done > total / 2:
        os.kill(os.getpid(), signal.SIGKILL)

config = make_config(epochs=4, batch_size=16, width=4, hidden=16, color_embedding_dim=4)
with init_process_group() as group:
    root, runs = map(Path, sys.argv[1:])
    train_classifier(root, runs, config, threads=1, progress=progress, process_group=group)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_run_with_a_killed_rank_fails_and_resumes_in_one_process(
    built_root: Path, tmp_path: Path
) -> None:
    (tmp_path / "script.py").write_text(KILLED)
    done = run_two_ranks(tmp_path / "script.py", built_root, tmp_path / "runs")
    assert done.returncode != 0
    (run,) = list_runs(tmp_path / "runs")
    assert has_checkpoint(run)
    train_classifier(built_root, tmp_path / "runs", make_config(), resume=run)
    assert [line["epoch"] for line in read_metrics(run)] == [0, 1, 2, 3]
