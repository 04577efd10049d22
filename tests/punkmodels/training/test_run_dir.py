from __future__ import annotations

from pathlib import Path

import pytest

from punkdata.errors import BusyError, DataError, UsageError
from punkmodels.training.run_dir import (
    append_metrics,
    create_run,
    find_run,
    list_runs,
    lock_run,
    read_config,
    read_metrics,
    write_json,
)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for name in ("classifier-quick", "dcgan-modern", "classifier-quick"):
        write_json(create_run(tmp_path / "runs", name) / "config.json", {"name": name})
    return tmp_path / "runs"


def test_runs_are_numbered_one_after_the_other(runs: Path) -> None:
    names = ["00001-classifier-quick", "00002-dcgan-modern", "00003-classifier-quick"]
    assert [p.name for p in list_runs(runs)] == names


def test_a_run_is_found_by_number_by_path_and_as_the_latest(runs: Path) -> None:
    assert find_run(runs, "2").name == "00002-dcgan-modern"
    assert find_run(runs, "00002").name == "00002-dcgan-modern"
    assert find_run(runs, "latest").name == "00003-classifier-quick"
    assert find_run(runs, str(runs / "00001-classifier-quick")).name == "00001-classifier-quick"


def test_a_run_is_found_by_its_name(runs: Path) -> None:
    assert find_run(runs, "00002-dcgan-modern") == runs / "00002-dcgan-modern"


def test_the_latest_trained_run_has_a_checkpoint(runs: Path) -> None:
    with pytest.raises(UsageError, match="punkmodels train"):
        find_run(runs, "latest", trained=True)
    (runs / "00002-dcgan-modern" / "checkpoints" / "step_000001.safetensors").touch()
    assert find_run(runs, "latest", trained=True).name == "00002-dcgan-modern"


def test_a_folder_without_a_config_is_not_the_latest_run(runs: Path) -> None:
    create_run(runs, "classifier-quick")
    assert find_run(runs, "latest").name == "00003-classifier-quick"


@pytest.mark.parametrize("run", ["7", "nowhere", "runs/00009-x"])
def test_a_run_that_is_not_there_is_a_usage_error(runs: Path, run: str) -> None:
    with pytest.raises(UsageError, match=f"no run {run}"):
        find_run(runs, run)


def test_before_the_first_run_the_command_for_it_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="punkmodels train"):
        find_run(tmp_path, "latest")


def test_metrics_can_be_cut_back_to_a_checkpoint(runs: Path) -> None:
    run = find_run(runs, "1")
    for epoch in range(3):
        append_metrics(run, {"epoch": epoch})
    with lock_run(run, 2, is_main=False):
        assert len(read_metrics(run)) == 3
    with lock_run(run, 2, is_main=True):
        pass
    assert (run / "metrics.jsonl").read_text() == '{"epoch": 0}\n{"epoch": 1}\n'
    with lock_run(run, 0, is_main=True):
        assert (run / "metrics.jsonl").read_text() == ""


def test_a_run_is_trained_by_one_process_at_a_time(runs: Path) -> None:
    run = find_run(runs, "1")
    append_metrics(run, {"epoch": 0})
    with lock_run(run, 1, is_main=True):
        append_metrics(run, {"epoch": 1})
        with pytest.raises(BusyError, match="is writing to"), lock_run(run, 1, is_main=True):
            pass
        assert len(read_metrics(run)) == 2


@pytest.mark.parametrize("text", ["", "7", "{"])
def test_a_damaged_config_is_named(runs: Path, text: str) -> None:
    run = find_run(runs, "1")
    (run / "config.json").write_text(text)
    with pytest.raises(DataError, match=r"config\.json is missing or damaged"):
        read_config(run)


def test_a_folder_that_cannot_be_made_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError, match="choose a folder"):
        create_run(tmp_path / "file", "classifier-quick")
