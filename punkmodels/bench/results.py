"""Results of PunkBench: means over trainings, the official rules, and published baselines."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from punkdata.report import Report, Row
from punkmodels.bench.scores import Scores
from punkmodels.bench.tracks import BENCH_VERSION, MIN_TRAININGS, NUM_GENERATED, Track

BASELINES_FILE = resources.files("punkmodels.bench").joinpath("baselines.json")
ZERO_IS_BEST = ("joint_calibration_error", "fpr_at_95_tpr", "wrong_pixels_mean")
"""Scores whose best value is 0; that of other scores is 1."""
RULES = (
    "An official entry also follows the rules that no file shows: the models were trained on the "
    "training split alone, and their options were chosen on the validation split."
)


def load_baselines() -> dict[str, dict[str, Any]]:
    """Return the published results by track and model: `official`, `num_trainings` and `scores`.

    Those of the floor have no training.
    """
    baselines: dict[str, dict[str, Any]] = json.loads(BASELINES_FILE.read_text("utf-8"))
    return baselines


def best_scores(track: Track) -> Scores:
    """Return the scores of perfect answers."""
    return {name: 0.0 if name in ZERO_IS_BEST else 1.0 for name in track.scores}


def summarize(values: Sequence[float | None]) -> dict[str, Any]:
    """Return mean and sample standard deviation of the scores of several trainings."""
    defined = [value for value in values if value is not None]
    if not defined or len(defined) < len(values):
        return {"mean": None, "std": None, "values": list(values)}
    std = statistics.stdev(defined) if len(defined) > 1 else None
    return {"mean": statistics.fmean(defined), "std": std, "values": list(values)}


def find_obstacles(
    split: str, num_trainings: int, has_known_inputs: bool, num_sprites: int = NUM_GENERATED
) -> list[str]:
    """Return why a result cannot be an official entry, as far as the evaluation can tell."""
    obstacles = []
    if split != "test":
        obstacles.append("it is on the validation split")
    if num_trainings < MIN_TRAININGS:
        obstacles.append(f"it needs at least {MIN_TRAININGS} trainings with different seeds")
    if num_sprites < NUM_GENERATED:
        obstacles.append(f"it needs {NUM_GENERATED:,} sprites of each training")
    if not has_known_inputs:
        obstacles.append(
            f"its inputs differ from those of version {BENCH_VERSION}: the snapshot has other "
            "punks, or the image codecs of Pillow are others"
        )
    return obstacles


def format_score(summary: Mapping[str, Any]) -> str:
    """Return mean and standard deviation as text."""
    if summary["mean"] is None:
        return "-"
    if summary["std"] is None:
        return f"{summary['mean']:.4f}"
    return f"{summary['mean']:.4f} ± {summary['std']:.4f}"


def make_table(
    track: Track, name: str, result: Mapping[str, Any], bounds: Mapping[str, Scores]
) -> Report:
    """Return a table with the answers, their intervals, floor and ceiling, and the baselines.

    `result` is the content of metrics.json, and `bounds` are scores by name.
    """

    def cells(scores: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(format_score(scores.get(key, {"mean": None})) for key in track.scores)

    def interval(key: str) -> str:
        found = result["scores"][key]["interval_95"]
        return "{:.4f} to {:.4f}".format(*found) if found else "-"

    rows = [
        Row(name, cells(result["scores"])),
        Row("95% interval", tuple(map(interval, track.scores))),
    ]
    rows += [
        Row(title, cells({key: {"mean": value, "std": None} for key, value in scores.items()}))
        for title, scores in bounds.items()
    ]
    baselines = load_baselines().get(track.name, {})
    for title, entry in sort_baselines(track, baselines):
        if title in bounds:
            continue
        mark = "" if entry["official"] else ", unofficial"
        rows.append(Row(f"{title} ({entry['num_trainings']}{mark})", cells(entry["scores"])))
    return Report(rows, (track.name, *track.scores.values()), _notes(track, result))


def sort_baselines(track: Track, baselines: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the baselines by their main score, the best first."""
    sign = 1 if track.lower_is_better else -1
    return sorted(
        baselines.items(), key=lambda item: sign * item[1]["scores"][track.main_score]["mean"]
    )


def _notes(track: Track, result: Mapping[str, Any]) -> list[str]:
    trainings = result["num_trainings"]
    count = "one training" if trainings == 1 else f"{trainings} trainings (mean ± deviation)"
    first = (
        f"PunkBench {BENCH_VERSION}, track {track.name}, {result['split']} split of "
        f"{result['version']}: {count}. In parentheses: the number of trainings of a baseline."
    )
    if result["obstacles"]:
        return [track.question, first, f"Not an official entry: {'; '.join(result['obstacles'])}."]
    return [track.question, first, RULES]
