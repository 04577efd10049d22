"""Run folders: creation, lookup by number or name, metrics, and results of evaluations.

runs/00001-classifier-quick/
    config.json      all resolved options, the data, the device, and versions
    metrics.jsonl    one line per evaluation, for example after every epoch of a classifier
    reals.png        training images as the network sees them
    checkpoints/     see `punkmodels.training.checkpoint`
    evaluation/      results of `punkmodels evaluate`
    .lock            held during training
"""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from punkdata.errors import DataError, NoFileError, UsageError
from punkdata.files import shell_quote, translate_os_errors, write_atomic
from punkdata.paths import expand_user
from punkdata.report import Report

if TYPE_CHECKING:
    from PIL import Image

DEFAULT_RUNS = Path("runs")
Task = Literal["classifier", "label-sets", "dcgan", "renderer"]
"""A kind of model, as config.json and the commands `punkmodels train` name it."""
TASKS: tuple[Task, ...] = ("classifier", "label-sets", "dcgan", "renderer")
RESTORE_HINT = "restore the file, or train the run or export the weights again"


def create_run(runs: Path, name: str) -> Path:
    """Create and return a folder `<number>-<name>` in `runs`, with the next free number."""
    number = max((int(p.name[:5]) for p in list_runs(runs)), default=0) + 1
    with translate_os_errors(runs):
        while True:
            run = runs / f"{number:05d}-{name}"
            try:
                (run / "checkpoints").mkdir(parents=True)
                return run
            except FileExistsError:  # Another process has just taken the number.
                number += 1


def list_runs(runs: Path) -> list[Path]:
    """Return all run folders in `runs`, sorted by number."""
    return sorted(p for p in runs.glob("*") if re.match(r"\d{5}-", p.name) and p.is_dir())


def find_run(
    runs: Path, run: str, *, trained: bool = False, tasks: tuple[str, ...] = TASKS
) -> Path:
    """Return the run folder that a path, a name, a number or "latest" refers to.

    "latest" skips runs of other tasks than `tasks` and, with `trained`, runs without a checkpoint.
    Raises UsageError if there is no such run or it is of another task, and DataError if a
    config.json is damaged.
    """
    kinds = "run" if tasks == TASKS else f"{join_tasks(tasks)} run"
    hint = f"train one with: punkmodels train {tasks[0]}"
    if run == "latest":
        required = "checkpoints/step_*" if trained else "config.json"
        complete = [p for p in list_runs(runs) if any(p.glob(required))]
        matches = [p for p in complete if read_config(p).get("task") in tasks]
        if not matches:
            raise UsageError(f"no {kinds} found in '{runs}'", hint=hint)
        return matches[-1]
    found = [p for p in list_runs(runs) if run.isdecimal() and int(p.name[:5]) == int(run)]
    found += [p for p in (Path(run), runs / run) if (p / "config.json").exists()]
    if not found:
        raise _not_found_error(runs, run)
    task = read_config(found[0]).get("task")
    if task in TASKS and task not in tasks:
        raise UsageError(f"'{found[0]}' is a {task} run, but a {kinds} is needed", hint=hint)
    return found[0]


def join_tasks(tasks: Sequence[str]) -> str:
    """Return, for example, "label-sets, dcgan or renderer"."""
    return " or ".join(filter(None, [", ".join(tasks[:-1]), tasks[-1]]))


def _not_found_error(runs: Path, run: str) -> UsageError:
    path = Path(run)
    if path.is_file():
        folder = next((p for p in path.parents if (p / "config.json").exists()), None)
        hint = f"pass the folder of the model: '{folder}'" if folder else None
        return UsageError(f"'{run}' is a file, not the folder of a model", hint=hint)
    if path.is_dir():
        return UsageError(f"'{run}' is not the folder of a model: it has no config.json")
    if path.suffix:
        return NoFileError(f"there is no file '{run}', and no run of that name in '{runs}'")
    option = "" if runs == DEFAULT_RUNS else f" --runs {shell_quote(runs)}"
    hint = f"list the runs with: punkmodels runs{option}"
    return UsageError(f"no run '{run}' found in '{runs}'", hint=hint)


def read_metrics(run: Path) -> list[dict[str, Any]]:
    """Return the lines of metrics.jsonl, without a last one that was not written to its end.

    Raises DataError if the file cannot be read or another line is no JSON object.
    """
    path, lines = run / "metrics.jsonl", []
    try:
        text = path.read_bytes()
    except OSError as error:
        raise DataError(f"'{path}' cannot be read ({error.strerror})", hint=RESTORE_HINT) from None
    for number, line in enumerate(text.split(b"\n")[:-1], 1):
        try:
            lines.append(dict(json.loads(line)))
        except (ValueError, TypeError, RecursionError):
            raise DataError(
                f"'{path}' is damaged: line {number} is not a JSON object", hint=RESTORE_HINT
            ) from None
    return lines


def find_score(task: str, metrics: Sequence[Mapping[str, Any]]) -> tuple[str, float] | None:
    """Return the most important score of a run with its name, or None if it has no metrics."""
    if not metrics:
        return None
    if task == "classifier":  # It keeps the weights with the lowest validation loss.
        best = min(metrics, key=lambda line: float(line["val_loss"]))
        return "val exact match", float(best["val_exact_match"])
    if task == "renderer":
        return "val pixel-exact match", float(metrics[-1]["val_pixel_exact_match"])
    if task == "label-sets":
        return "val nats", float(metrics[-1]["val_nll"])
    return "Fréchet distance", float(metrics[-1]["frechet_distance_to_training"])


def describe_status(config: Mapping[str, Any], metrics: Sequence[Mapping[str, Any]]) -> str:
    """Return "finished", "stopped early", or for example "2 of 40 epochs"."""
    options = config["options"]
    if config["task"] != "classifier":
        seen, total = metrics[-1]["images_seen"] if metrics else 0, options["total_images"]
        return "finished" if seen >= total else f"{seen:,} of {total:,} images"
    losses = [float(line["val_loss"]) for line in metrics]
    if len(losses) == options["epochs"]:
        return "finished"
    if losses and 0 < options["patience"] < len(losses) - losses.index(min(losses)):
        return "stopped early"
    return f"{len(losses)} of {options['epochs']} epochs"


def describe_training(run: Path, task: str, amount: str, elapsed_s: float) -> str:
    """Return a line for the user, such as "trained 2 epochs in 1:03: val exact match 0.986"."""
    minutes, seconds = divmod(round(elapsed_s), 60)
    name, value = find_score(task, read_metrics(run)) or ("", 0)
    return f"trained {amount} in {minutes}:{seconds:02d}: {name} {value:.3f}"


def describe_unfinished(run: Path) -> str | None:
    """Return a text such as "unfinished: 1 of 40 epochs", or None if a training is complete.

    It is also None if config.json or metrics.jsonl is damaged.
    """
    try:
        config = read_config(run)
        if "trained" in config:  # Exported weights.
            return None if config["trained"].get("finished") else "unfinished"
        metrics = read_metrics(run) if (run / "metrics.jsonl").exists() else []
        status = describe_status(config, metrics)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return None
    return f"unfinished: {status}" if " of " in status else None


@contextmanager
def naming_run(run: Path) -> Iterator[None]:
    """Store the run in every error that ends its training, for `stopped_run`.

    Errors of the operating system become those of `translate_os_errors`.
    """
    try:
        with translate_os_errors(run):
            yield
    except BaseException as error:
        error.run = run  # type: ignore[attr-defined]  # exceptions accept attributes
        raise


def stopped_run(error: BaseException) -> Path | None:
    """Return the run whose training an error has ended, or None if there was none yet."""
    run = getattr(error, "run", None)
    return run if isinstance(run, Path) else None


def to_json(data: dict[str, Any], indent: int | None = None) -> str:
    """Return JSON in which numbers that are not finite are null, because JSON has none."""
    return json.dumps(_replace_nonfinite(data), indent=indent, allow_nan=False)


def _replace_nonfinite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _replace_nonfinite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_replace_nonfinite(item) for item in value]
    return value


def write_json(path: Path, data: dict[str, Any]) -> None:
    write_atomic(path, (to_json(data, indent=2) + "\n").encode())


def read_config(run: Path) -> dict[str, Any]:
    """Return the content of a run's config.json; raises DataError if it is missing or damaged."""
    path = run / "config.json"
    try:
        return _rename_recipe(dict(json.loads(path.read_bytes())))
    except OSError as error:
        raise DataError(f"'{path}' cannot be read ({error.strerror})", hint=RESTORE_HINT) from None
    except (ValueError, TypeError, RecursionError):
        raise DataError(
            f"'{path}' is damaged: it is not a JSON object", hint=RESTORE_HINT
        ) from None


def _rename_recipe(config: dict[str, Any]) -> dict[str, Any]:
    """Replace former names of the recipes of GANs, which older runs and weights have."""
    match config:
        case {"task": "dcgan", "options": {"recipe": "classic"}}:
            recipe = "dcgan"
        case {"task": "dcgan", "options": {"recipe": "modern", "model": {"w_dim": 0}}}:
            recipe = "adversarial"
        case {"task": "dcgan", "options": {"recipe": "modern"}}:
            recipe = "vae-gan"
        case _:
            return config
    return config | {"options": config["options"] | {"recipe": recipe}}


@dataclass(frozen=True, repr=False)
class Evaluation:
    """The results of an evaluation; a notebook shows its tables.

    Attributes:
        scores: All scores by name, the content of metrics.json; None for those without a value.
        tables: Tables of the scores, the most important one first.
        pictures: PIL images by file name, for example of the errors of a classifier.
    """

    scores: dict[str, Any]
    tables: Sequence[Report]
    pictures: Mapping[str, Image.Image] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "scores", _replace_nonfinite(self.scores))

    def __repr__(self) -> str:
        """Return the most important table as text."""
        return self.tables[0].to_text()

    def _repr_html_(self) -> str:
        """Return all tables as HTML; those after the first one are folded."""
        folded = [
            f"<details><summary>{html.escape(table.header[0])}: {len(table.rows)} rows</summary>"
            f"{table.to_html()}</details>"
            for table in self.tables[1:]
        ]
        return "".join([self.tables[0].to_html(), *folded])

    def save(self, folder: str | Path) -> None:
        """Write metrics.json, metrics.md and the pictures to a folder, which is created.

        Raises UsageError or StorageError if the folder cannot be written.
        """
        folder = expand_user(folder)
        with translate_os_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            write_json(folder / "metrics.json", self.scores)
            page = "\n".join(table.to_markdown() for table in self.tables)
            write_atomic(folder / "metrics.md", page.encode())
            for name, picture in self.pictures.items():
                picture.save(folder / name)
