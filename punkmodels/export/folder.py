"""Exported models: folders that contain all that is needed to use or to publish a model.

model.safetensors   weights in half precision
config.json         options of the training, and scores
README.md           model card, for readers and for the Hugging Face Hub
model.onnx          optional, see `punkmodels.export.onnx_model`
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

from punkdata.errors import DataError, UsageError
from punkdata.files import translate_os_errors, write_atomic
from punkmodels.classifier.pretrained import export_classifier, load_classifier
from punkmodels.export.card import CARD_FILE, render_model_card
from punkmodels.gan.generate import export_generator, load_generator
from punkmodels.label_sets.network import export_label_sets, load_label_sets
from punkmodels.renderer.network import export_renderer, load_renderer
from punkmodels.training.pretrained import WEIGHTS_FILE, hash_weights
from punkmodels.training.run_dir import Evaluation, read_config

CONFIG_FILE = "config.json"
ONNX_FILE = "model.onnx"
EVALUATIONS = {
    "classifier": "test",
    "label-sets": "generated",
    "dcgan": "generated",
    "renderer": "conditional",
}
"""Name of the folder in evaluation/ with the scores of a card, by task."""


def export_model(
    run: Path, out: Path, *, onnx: bool = False, evaluation: Evaluation | None = None
) -> dict[str, Any]:
    """Export a run, or exported weights, to a folder; return the content of its config.json.

    Scores are those of an evaluation, by default the one that `punkmodels evaluate` has saved for
    the same weights; there are none if the model was not evaluated. Files of an earlier export are
    replaced, and an ONNX file of one is removed unless `onnx` is set.

    Nothing is written before everything is computed, and config.json, without which a folder is no
    model, is removed first and written last.

    Raises UsageError if the folder is a run or contains files of something else, or if the
    evaluation is not one of these weights, MissingExtraError if `onnx` is set and its packages are
    missing, and DataError if the run is damaged or has no weights.
    """
    _check_folder(run, out)
    with tempfile.TemporaryDirectory() as temporary:
        staged = Path(temporary)
        model = _export_weights(run, staged)
        config = {k: v for k, v in read_config(staged).items() if k != "scores"}
        digest = hash_weights(model)
        if evaluation and evaluation.scores.get("weights_sha256") != digest:
            raise UsageError(f"the evaluation is not one of the weights in '{run}'")
        scores = evaluation.scores if evaluation else _find_scores(run, config["task"], digest)
        if scores:
            config["scores"] = {
                name: value
                for name, value in scores.items()
                if name != "weights_sha256" and not isinstance(value, list)
            }
        note = ""
        files = {WEIGHTS_FILE: (staged / WEIGHTS_FILE).read_bytes()}
        if onnx:
            from punkmodels.export.onnx_model import convert_to_onnx

            files[ONNX_FILE], note = convert_to_onnx(staged)
    files[CARD_FILE] = render_model_card(config, note).encode()
    files[CONFIG_FILE] = (json.dumps(config, indent=2) + "\n").encode()
    with translate_os_errors(out):
        for name in (CONFIG_FILE, ONNX_FILE):
            (out / name).unlink(missing_ok=True)
        for name, data in files.items():
            write_atomic(out / name, data)
    return config


def _check_folder(run: Path, out: Path) -> None:
    hint = "choose another folder"
    if out.resolve() == run.resolve():
        raise UsageError(f"'{out}' is the folder of the run itself", hint=hint)
    if (out / "checkpoints").exists():
        raise UsageError(f"'{out}' is the folder of a run", hint=hint)
    names = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
    others = [name for name in names if not name.startswith(".")]
    if others and WEIGHTS_FILE not in others:
        raise UsageError(
            f"'{out}' contains files of something else, such as {others[0]}", hint=hint
        )


def _export_weights(run: Path, out: Path) -> nn.Module:
    """Write weights and config.json, and return the model with these weights."""
    cpu = torch.device("cpu")
    match read_config(run).get("task"):
        case "classifier":
            export_classifier(run, out)
            return load_classifier(out, cpu)
        case "renderer":
            export_renderer(run, out)
            return load_renderer(out, cpu)
        case "label-sets":
            export_label_sets(run, out)
            return load_label_sets(out, cpu)
        case _:
            export_generator(run, out)
            return load_generator(out, cpu)


def _find_scores(run: Path, task: str, digest: str) -> dict[str, Any] | None:
    """Return the saved scores of the weights with this hash, or None if there are none."""
    path = run / "evaluation" / EVALUATIONS[task] / "metrics.json"
    if path.exists():
        try:
            scores = dict(json.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError):
            hint = "evaluate the model again with: punkmodels evaluate"
            raise DataError(f"'{path}' is damaged: it is not a JSON object", hint=hint) from None
        if scores.get("weights_sha256") == digest:
            return scores
    # The scores of exported weights were found when they were exported.
    old = read_config(run).get("scores")
    return old if isinstance(old, dict) and (run / WEIGHTS_FILE).exists() else None
