"""The command `punkmodels runs`."""

from punkdata.cli import console
from punkdata.cli.options import Json
from punkdata.errors import DataError
from punkdata.files import shell_quote
from punkdata.report import Report, Row
from punkmodels.cli.options import Runs
from punkmodels.training.run_dir import (
    DEFAULT_RUNS,
    describe_status,
    find_score,
    list_runs,
    read_config,
    read_metrics,
)

EXAMPLES = "Example: punkmodels runs --json"


def show_runs(runs: Runs = DEFAULT_RUNS, as_json: Json = False) -> None:
    """List all runs, oldest first: number, model, preset, status, validation score and path."""
    rows, data = [], []
    for run in list_runs(runs):
        try:
            config = read_config(run)
            metrics = read_metrics(run) if (run / "metrics.jsonl").exists() else []
            status = describe_status(config, metrics)
            name, value = find_score(config["task"], metrics) or (None, None)
            facts = {"model": config["task"], "preset": config["options"]["preset"]}
        except (DataError, KeyError, TypeError, ValueError):
            console.warn(f"skipped {shell_quote(run)}: config.json or metrics.jsonl is damaged")
            continue
        number, score = int(run.name[:5]), "no score" if name is None else f"{name} {value:.3f}"
        rows.append(Row(str(number), (*facts.values(), status, score, str(run))))
        scores = {"score_name": name, "score": value}
        data.append({"number": number, **facts, "status": status, **scores, "path": str(run)})
    if rows or as_json:
        console.emit_report(Report(rows, data=data), as_json=as_json)
    else:
        console.say(f"no runs in '{runs}'; train a model with: punkmodels train")
