from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import pytest

from punkdata.errors import BusyError, DataError, MissingExtraError
from punkmodels.training import loggers
from punkmodels.training.loggers import check_logger, open_metrics
from punkmodels.training.run_dir import create_run, read_metrics, write_json


@pytest.fixture
def run(tmp_path: Path) -> Path:
    run = create_run(tmp_path / "runs", "vae-gan-quick")
    write_json(run / "config.json", {"options": {"lr": 0.125}})
    return run


def test_tensorboard_logs_only_metrics_with_a_value(run: Path) -> None:
    pytest.importorskip("tensorboard")
    with open_metrics(run, 0, "tensorboard") as log_metrics:
        log_metrics({"images_seen": 16, "loss_D": None, "loss_E": 1.0})
    (events,) = (run / "tensorboard").glob("events.*")
    assert b"loss_E" in events.read_bytes()
    assert b"loss_D" not in events.read_bytes()


def test_metrics_newer_than_the_checkpoint_are_dropped(run: Path) -> None:
    with open_metrics(run, 0) as log_metrics:
        for epoch in range(3):
            log_metrics({"epoch": epoch})
    with open_metrics(run, 2) as log_metrics:
        log_metrics({"epoch": "new"})
    assert [line["epoch"] for line in read_metrics(run)] == [0, 1, "new"]


def test_values_that_are_not_finite_become_null(run: Path) -> None:
    with open_metrics(run, 0) as log_metrics:
        log_metrics({"images_seen": 1, "loss": math.nan, "others": [math.inf, 0.5]})
    assert json.loads((run / "metrics.jsonl").read_text(), parse_constant=pytest.fail) == {
        "images_seen": 1,
        "loss": None,
        "others": [None, 0.5],
    }


def test_a_line_that_was_not_written_to_its_end_is_ignored(run: Path) -> None:
    (run / "metrics.jsonl").write_text('{"epoch": 0}\n{"epoch"')
    assert read_metrics(run) == [{"epoch": 0}]
    (run / "metrics.jsonl").write_text('{"epoch": 0}\n{"epoch"\n')
    with pytest.raises(DataError, match=r"metrics\.jsonl' is damaged: line 2 is not a JSON object"):
        read_metrics(run)


def test_a_second_process_cannot_train_a_run(run: Path) -> None:
    with open_metrics(run, 0) as log_metrics:
        log_metrics({"epoch": 0})
        with pytest.raises(BusyError), open_metrics(run, 0):
            pass
        assert len(read_metrics(run)) == 1


def test_other_ranks_write_no_metrics(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loggers, "is_main", lambda: False)
    with open_metrics(run, 0), open_metrics(run, 0, "tensorboard") as log_metrics:
        log_metrics({"epoch": 0})
    assert [path.name for path in run.iterdir() if path.is_file()] == ["config.json"]


@pytest.mark.parametrize(("name", "extra"), [("tensorboard", "log"), ("wandb", "wandb")])
def test_check_logger_names_the_missing_extra(
    name: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=rf"the logger {name} needs .*punkdata\[{extra}\]"):
        check_logger(name)
