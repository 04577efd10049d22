from __future__ import annotations

from pathlib import Path

import pytest

from punkdata.errors import DataError, UsageError
from punkmodels.training.run_dir import create_run, find_run, list_runs, read_config, write_json


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder with three runs."""
    for name in ("classifier-quick", "dcgan-quick", "classifier-quick"):
        run = create_run(tmp_path / "runs", name)
        write_json(run / "config.json", {"task": name.partition("-")[0]})
    return tmp_path / "runs"


def test_create_run_numbers_runs_consecutively(runs: Path) -> None:
    names = ["00001-classifier-quick", "00002-dcgan-quick", "00003-classifier-quick"]
    assert [p.name for p in list_runs(runs)] == names


@pytest.mark.parametrize(
    ("run", "name"),
    [
        ("2", "00002-dcgan-quick"),
        ("00002", "00002-dcgan-quick"),
        ("00002-dcgan-quick", "00002-dcgan-quick"),
        ("latest", "00003-classifier-quick"),
    ],
)
def test_find_run_accepts_numbers_names_latest_and_paths(runs: Path, run: str, name: str) -> None:
    assert find_run(runs, run) == runs / name
    assert find_run(runs / "other", str(runs / name)) == runs / name


def test_find_run_latest_can_require_a_checkpoint(runs: Path) -> None:
    with pytest.raises(UsageError, match="punkmodels train"):
        find_run(runs, "latest", trained=True)
    (runs / "00002-dcgan-quick" / "checkpoints" / "step_000001.pt").touch()
    assert find_run(runs, "latest", trained=True).name == "00002-dcgan-quick"


def test_find_run_latest_skips_other_tasks_and_folders_without_config(runs: Path) -> None:
    create_run(runs, "classifier-quick")
    assert find_run(runs, "latest").name == "00003-classifier-quick"
    assert find_run(runs, "latest", tasks=("dcgan",)).name == "00002-dcgan-quick"


@pytest.mark.parametrize("run", ["7", "nowhere", "runs/00009-x"])
def test_find_run_names_a_run_that_does_not_exist(runs: Path, run: str) -> None:
    with pytest.raises(UsageError, match=f"no run '{run}' found in"):
        find_run(runs, run)


def test_find_run_without_any_run_suggests_training(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run found in .*; train one with: punkmodels train"):
        find_run(tmp_path, "latest")


def test_find_run_latest_ignores_runs_of_another_task(tmp_path: Path) -> None:
    write_json(create_run(tmp_path, "classifier-quick") / "config.json", {"task": "classifier"})
    message = r"no dcgan run found in .*; train one with: punkmodels train dcgan"
    with pytest.raises(UsageError, match=message):
        find_run(tmp_path, "latest", tasks=("dcgan",))


@pytest.mark.parametrize(
    ("run", "task", "message"),
    [
        ("1", "dcgan", "is a classifier run, but a dcgan run is needed; .* train dcgan"),
        ("00002-dcgan-quick", "classifier", "is a dcgan run, but a classifier run is needed"),
    ],
)
def test_find_run_refuses_a_run_of_another_task(
    runs: Path, run: str, task: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        find_run(runs, run, tasks=(task,))


@pytest.mark.parametrize("text", ["", "7", "{"])
def test_read_config_names_a_damaged_file(runs: Path, text: str) -> None:
    run = find_run(runs, "1")
    (run / "config.json").write_text(text)
    with pytest.raises(DataError, match=r"config\.json' is damaged: .*; restore the file"):
        read_config(run)


def test_read_config_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"config\.json' cannot be read"):
        read_config(tmp_path)


def test_create_run_below_a_file_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UsageError):
        create_run(tmp_path / "file", "classifier-quick")
