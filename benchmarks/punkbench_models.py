"""Baselines of PunkBench that answer questions about images; punkbench.py runs them.

Each function named `score_...` trains a baseline with each seed, or finds what was trained before,
and returns the scores of each training.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from classifier import get_trained_run
from numpy.typing import NDArray
from vision_transformer import load_or_train, predict

import punkmodels
from punkdata.images.palette import palette_indices
from punkmodels.bench.floors import constant_answers, floor_name
from punkmodels.bench.inputs import load_inputs, sprites_of, visible_labels
from punkmodels.bench.tracks import NUM_FOLDS, NUM_GENERATED, Track
from punkmodels.classifier.classifier import predict_logits
from punkmodels.classifier.metrics import joint_confidence
from punkmodels.classifier.networks import logits_to_labels
from punkmodels.renderer.comparison import correct_labels

ROOT = Path("data")
Scores = dict[str, float | None]
CLASSIFIERS: dict[str, dict[str, Any]] = {
    "ridge regression": {"model": "ridge", "composed_share": 0.0},
    "CNN": {"model": "cnn"},
    "MLP": {"preset": "best", "model": "mlp", "composed_share": 0.0},
    "MLP, composed punks": {"preset": "best", "model": "mlp"},
    "CNN, composed punks": {"model": "cnn", "composed_share": 0.5},
    "published CNN": {"model": "published"},
}
"""Options of the networks of this project; layers of composed punks come from training punks."""


class Bench:
    """Folder of trained models and scores, and evaluators, which are made once."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self._evaluators: dict[str, punkmodels.Evaluator] = {}

    def evaluator(self, track: Track) -> punkmodels.Evaluator:
        """Return the evaluator of a track on the test split."""
        if track.name not in self._evaluators:
            self._evaluators[track.name] = punkmodels.Evaluator(track.name, ROOT)
        return self._evaluators[track.name]

    def score(self, track: Track, *answers: Any) -> list[Scores]:
        """Score the answers of each training."""
        found = [self.evaluator(track).score(answer, progress=False) for answer in answers]
        return [
            {key: summary["mean"] for key, summary in evaluation.scores["scores"].items()}
            for evaluation in found
        ]


def train_classifiers(
    options: dict[str, Any], bench: Bench, track: Track, seeds: range
) -> list[list[Path]]:
    """Return the runs of each seed: one, or one for each fold of the track long-tail."""
    schemes = [track.scheme]
    if track.name == "long-tail":
        schemes = [f"fold-{fold}" for fold in range(1, NUM_FOLDS + 1)]  # type: ignore[misc]
    return [
        [
            get_trained_run(bench.out / "runs", **options, split_scheme=scheme, seed=seed)[0]
            for scheme in schemes
        ]
        for seed in seeds
    ]


def score_classifier(
    options: dict[str, Any], bench: Bench, track: Track, seeds: range
) -> list[Scores]:
    """Train and score a network of this project."""
    runs = [run for training in train_classifiers(options, bench, track, seeds) for run in training]
    found = bench.evaluator(track).score_models(*runs, device="cpu", progress=False)
    columns = {key: summary["values"] for key, summary in found.scores["scores"].items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def score_transformer(bench: Bench, track: Track, seeds: range) -> list[Scores]:
    """Train and score the vision transformer, which sees RGB pictures."""
    evaluator = bench.evaluator(track)
    answers: list[NDArray[Any]] = []
    for seed in seeds:
        path = bench.out / "vit" / f"{track.scheme}-{seed}.safetensors"
        train = evaluator.train
        model = load_or_train(path, sprites_of(train), visible_labels(train), seed)
        logits = predict(model, evaluator.inputs["images"])
        is_open_set = track.answer == "realness"
        answers.append(joint_confidence(torch.from_numpy(logits)) if is_open_set else logits)
    return bench.score(track, *answers)


def score_without_model(bench: Bench, track: Track, _seeds: range) -> list[Scores]:
    """Score the floor of a track; in the track generate, real training punks."""
    evaluator = bench.evaluator(track)
    answers: NDArray[Any]
    if track.name == "generate":
        sprites = sprites_of(evaluator.train)
        answers = np.resize(sprites, (NUM_GENERATED, *sprites.shape[1:]))
    else:
        inputs = load_inputs(track, evaluator.path, "test")
        answers = constant_answers(track, inputs, evaluator.train)
    bounds: dict[str, Scores] = evaluator.score(answers, progress=False).scores["bounds"]
    return [bounds[floor_name(track)]]


def score_nearest(bench: Bench, track: Track, _seeds: range) -> list[Scores]:
    """Score the number of pixels in which an image differs from the nearest training punk."""
    evaluator = bench.evaluator(track)
    train = torch.from_numpy(palette_indices(sprites_of(evaluator.train))).flatten(1)
    images = torch.from_numpy(palette_indices(evaluator.inputs["images"])).flatten(1)
    distances = [int((train != image).sum(dim=1).min()) for image in images]
    return bench.score(track, -np.array(distances))


def score_redrawing(bench: Bench, track: Track, seeds: range) -> list[Scores]:
    """Score the number of pixels in which a punk with the predicted labels differs.

    The bundled renderer draws it, after a search for labels that draw the image; both were trained
    on the training split alone.
    """
    answers = []
    images = bench.evaluator(track).inputs["images"]
    for (run,) in train_classifiers(CLASSIFIERS["MLP, composed punks"], bench, track, seeds):
        model = punkmodels.load_classifier(run, device="cpu")
        logits = predict_logits(model, torch.from_numpy(palette_indices(images)))
        _, different = correct_labels(images, logits_to_labels(logits).numpy())
        answers.append(-different.sum(axis=(1, 2)))
    return bench.score(track, *answers)
