"""A run is read with exactly the bounds with which training options were accepted."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
import torch
from pydantic.fields import FieldInfo
from support.punkmodels_cli import run

import punkmodels
from punkdata.errors import UsageError
from punkmodels.choices import TRIAL_EPOCHS
from punkmodels.classifier.config import ClassifierConfig
from punkmodels.classifier.pretrained import SavedClassifier
from punkmodels.cli import classifier, train_generators
from punkmodels.gan.config import DcganConfig
from punkmodels.gan.generate import SavedDcgan
from punkmodels.label_sets.config import LabelSetsConfig
from punkmodels.label_sets.network import SavedLabelSets
from punkmodels.renderer.config import RendererConfig
from punkmodels.renderer.network import SavedRenderer
from punkmodels.training.config import TrainingConfig, nest_options, validate_config, walk_fields
from punkmodels.training.device import TrainEnv
from punkmodels.training.pretrained import SavedRun, read_run_config, start_run

KINDS: dict[str, tuple[type[TrainingConfig], type[SavedRun]]] = {
    "classifier": (ClassifierConfig, SavedClassifier),
    "dcgan": (DcganConfig, SavedDcgan),
    "label-sets": (LabelSetsConfig, SavedLabelSets),
    "renderer": (RendererConfig, SavedRenderer),
}
EXTREMES = (-1, 0, 1, 2, 3, 1024, 1025, 100_000, 100_001, 2**32, 10**10, 2 * 10**10, 10**30)
TEXTS = ("", "x", "ä", "\udcff", "x\n", "latest", "None")


def candidates(field: FieldInfo) -> list[Any]:
    """Return allowed values of an option, forbidden ones, and those next to its bounds."""
    values: list[Any] = [*EXTREMES, *TEXTS, 0.5, 1e-300, 1e300, math.inf, math.nan, True, None]
    if get_origin(field.annotation) is Literal:
        values += get_args(field.annotation)
    for constraint in field.metadata:
        for name in ("ge", "gt", "le", "lt"):
            bound = getattr(constraint, name, None)
            values += [] if bound is None else [bound, bound - 1, bound + 1, bound / 3, bound * 3]
    return values + [str(value) for value in values]


def options() -> Iterator[Any]:
    for task, (kind, _) in KINDS.items():
        for key, field in walk_fields(kind):
            yield pytest.param(task, key, field, id=f"{task}-{key}")


@pytest.mark.parametrize(("task", "key", "field"), list(options()))
def test_every_accepted_value_can_be_read_again(
    task: str, key: str, field: FieldInfo, tmp_path: Path
) -> None:
    kind, saved = KINDS[task]
    accepted = refused = 0
    about = {"version": "s3-000000000000", "labels_hash": "0" * 64}
    env = TrainEnv(torch.device("cpu"))
    for value in candidates(field):
        try:
            config = validate_config(kind, nest_options({key: value}))
        except UsageError:
            refused += 1
            continue
        accepted += 1
        folder = start_run(tmp_path, "x", task, config.model_dump(), about, env, "test")
        text = (folder / "config.json").read_text("utf-8")
        json.loads(text, parse_constant=lambda name: pytest.fail(f"{key}: {name} in config.json"))
        assert read_run_config(folder, saved, task).model_dump()["options"] == config.model_dump()
    assert accepted, "one of the candidates must be allowed"
    assert refused, "one of the candidates must be refused"


COMMANDS: tuple[tuple[str, Callable[..., None]], ...] = (
    ("classifier", classifier.train_classifier),
    ("classifier", classifier.tune_classifier),
    ("dcgan", train_generators.train_dcgan),
    ("label-sets", train_generators.train_label_sets),
    ("renderer", train_generators.train_renderer),
)


def command_options() -> Iterator[Any]:
    """Yield the declarations of the commands' options that have the name of a training option."""
    for task, command in COMMANDS:
        fields = dict(walk_fields(KINDS[task][0]))
        for name, hint in get_type_hints(command, include_extras=True).items():
            if name in fields:
                option = next((m for m in hint.__metadata__ if hasattr(m, "min")), None)
                yield pytest.param(option, fields[name], id=f"{command.__name__}-{name}")


@pytest.mark.parametrize(("option", "field"), list(command_options()))
def test_options_of_commands_have_the_bounds_of_the_configuration(
    option: Any, field: FieldInfo
) -> None:
    bounds = {
        name: getattr(constraint, name)
        for constraint in field.metadata
        for name in ("ge", "le")
        if hasattr(constraint, name)
    }
    if option.min == TRIAL_EPOCHS.low:  # A search needs two epochs to prune a trial.
        bounds["ge"] = TRIAL_EPOCHS.low
    shown = {"ge": option.min, "le": option.max}
    assert {name: value for name, value in shown.items() if value is not None} == bounds


@pytest.mark.parametrize(
    "command", ["train classifier", "train label-sets", "train dcgan", "train renderer"]
)
@pytest.mark.parametrize("value", [0, 1025])
def test_threads_beyond_the_bounds_are_refused(
    command: str, value: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*command.split(), "--threads", value, "--runs", tmp_path) == 2
    assert "--threads must be at" in capsys.readouterr().err
    train = getattr(punkmodels, f"train_{command.split()[1].replace('-', '_')}")
    with pytest.raises(
        UsageError, match=f"threads must be an integer from 1 to 1,024, not {value}"
    ):
        train(tmp_path, runs=tmp_path, threads=value, progress=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [{"epochs": 1}, {"epochs": 100_001}, {"trials": 0}, {"seed": -1}, {"threads": 0}],
    ids=str,
)
def test_a_search_refuses_values_that_its_trials_could_not_have(
    arguments: dict[str, int], built_root: Path, tmp_path: Path
) -> None:
    ((name, value),) = arguments.items()
    with pytest.raises(UsageError, match=rf"{name} must be an integer from .*, not {value}"):
        punkmodels.tune_classifier(built_root, runs=tmp_path, progress=False, **arguments)  # type: ignore[arg-type]
    flags = ("--root", built_root, "--runs", tmp_path)
    assert run("tune", "classifier", f"--{name}", value, *flags) == 2
    assert list(tmp_path.iterdir()) == []
