"""Exported models: folders that contain all that is needed to use or to publish a model.

model.safetensors   weights in half precision
config.json         options of the training, and scores
README.md           model card, for readers and for the Hugging Face Hub
model.onnx          optional, see `punkmodels.export.onnx_model`
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from punkdata.errors import DataError, UsageError
from punkdata.files import translate_os_errors, write_atomic
from punkmodels.classifier.pretrained import export_classifier, load_classifier
from punkmodels.export.card import CARD_FILE, render_model_card
from punkmodels.gan.generate import export_generator, load_generator
from punkmodels.renderer.network import export_renderer, load_renderer
from punkmodels.training.pretrained import WEIGHTS_FILE, hash_weights
from punkmodels.training.run_dir import read_config

CONFIG_FILE = "config.json"
ONNX_FILE = "model.onnx"
EVALUATIONS = {"classifier": "test", "dcgan": "generated", "renderer": "conditional"}
"""Name of the folder in evaluation/ with the scores of a card, by task."""


def export_model(run: Path, out: Path, *, onnx: bool = False) -> dict[str, Any]:
    """Export a run, or exported weights, to a folder; return the content of its config.json.

    Scores are those that `punkmodels evaluate` has saved for the same weights; there are none if
    the model was not evaluated. Nothing is written before everything is computed, and config.json,
    without which a folder is no model, is removed first and written last. Files of an earlier
    export are replaced, and an ONNX file of one is removed unless `onnx` is set.

    Raises UsageError if the folder is a run or has another README.md, MissingExtraError if `onnx`
    is set and its packages are missing, and DataError if the run is damaged or has no weights.
    """
    _check_folder(run, out)
    with tempfile.TemporaryDirectory() as temporary:
        staged = Path(temporary)
        model = _export_weights(run, staged)
        config = {k: v for k, v in read_config(staged).items() if k != "scores"}
        if scores := _find_scores(run, config["task"], model):
            config["scores"] = scores
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
    hint = "choose another folder with --out"
    if out.resolve() == run.resolve():
        raise UsageError(f"'{out}' is the folder of the run itself", hint=hint)
    if (out / "checkpoints").exists():
        raise UsageError(f"'{out}' is the folder of a run", hint=hint)
    if (out / CARD_FILE).exists() and not (out / WEIGHTS_FILE).exists():
        raise UsageError(f"'{out}' has a {CARD_FILE} that is not a model card", hint=hint)


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
        case _:
            export_generator(run, out)
            return load_generator(out, cpu)


def _find_scores(run: Path, task: str, model: nn.Module) -> Mapping[str, Any] | None:
    """Return the scores of these weights without lists, or None if they were not evaluated."""
    path = run / "evaluation" / EVALUATIONS[task] / "metrics.json"
    if path.exists():
        try:
            scores = dict(json.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError) as error:
            hint = "evaluate the model again with: punkmodels evaluate"
            raise DataError(f"'{path}' is damaged ({error})", hint=hint) from None
        if scores.pop("weights_sha256", None) == hash_weights(model):
            return {name: value for name, value in scores.items() if not isinstance(value, list)}
    # The scores of exported weights were found when they were exported.
    old = read_config(run).get("scores")
    return old if isinstance(old, dict) and (run / WEIGHTS_FILE).exists() else None
