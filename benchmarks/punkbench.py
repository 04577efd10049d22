"""Baselines of PunkBench: python benchmarks/punkbench.py [--tracks compositional few-5] [--seeds 5]

Trains every baseline with several seeds, scores it on the test split of each track of the latest
snapshot in ./data, and writes punkmodels/bench/baselines.json, from which the command line and
docs/make_punkbench.py take their tables. Trained models and scores are kept in --out, so a stopped
run goes on where it was; --publish only writes the results that are there.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from classifier import get_trained_run
from numpy.typing import NDArray
from vision_transformer import load_or_train, predict

import punkmodels
from punkdata.images.palette import palette_indices
from punkmodels.bench.inputs import sprites_of, visible_labels
from punkmodels.bench.results import BASELINES_FILE, summarize
from punkmodels.bench.tracks import MIN_TRAININGS, NUM_FOLDS, TRACKS, Track
from punkmodels.classifier.classifier import predict_logits
from punkmodels.classifier.metrics import joint_confidence
from punkmodels.classifier.networks import logits_to_labels
from punkmodels.renderer.comparison import correct_labels

ROOT = Path("data")
Score = Callable[["Bench", Track, range], list[dict[str, float | None]]]
"""Trains and scores a baseline with each seed, and returns its scores."""
CLASSIFIERS: dict[str, dict[str, Any]] = {
    "ridge regression": {"model": "ridge", "composed_share": 0.0},
    "CNN": {"model": "cnn"},
    "MLP, composed punks": {"preset": "best", "model": "mlp"},
    "CNN, composed punks": {"model": "cnn", "composed_share": 0.5},
    "published CNN": {"model": "published"},
}
"""Options of the networks of this project; layers of composed punks come from training punks."""
TRANSFORMER = "vision transformer"
BUNDLED = {"GAN, bundled": "bundled-gan", "VAE-GAN, bundled": "bundled-vae-gan"}
NEAREST = "distance to a training punk"


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

    def score(self, track: Track, *answers: Any) -> list[dict[str, float | None]]:
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
) -> list[dict[str, float | None]]:
    """Train and score a network of this project."""
    runs = [run for training in train_classifiers(options, bench, track, seeds) for run in training]
    found = bench.evaluator(track).score_models(*runs, device="cpu", progress=False)
    columns = {key: summary["values"] for key, summary in found.scores["scores"].items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def score_transformer(bench: Bench, track: Track, seeds: range) -> list[dict[str, float | None]]:
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


def score_nearest(bench: Bench, track: Track, _seeds: range) -> list[dict[str, float | None]]:
    """Score the number of pixels in which an image differs from the nearest training punk."""
    evaluator = bench.evaluator(track)
    train = torch.from_numpy(palette_indices(sprites_of(evaluator.train))).flatten(1)
    images = torch.from_numpy(palette_indices(evaluator.inputs["images"])).flatten(1)
    distances = [int((train != image).sum(dim=1).min()) for image in images]
    return bench.score(track, -np.array(distances))


def score_redrawing(bench: Bench, track: Track, seeds: range) -> list[dict[str, float | None]]:
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


def score_renderer(
    composed_share: float, bench: Bench, track: Track, seeds: range
) -> list[dict[str, float | None]]:
    """Train and score the renderer."""
    runs = [
        _trained(
            bench.out / "renderers",
            f"{composed_share}-{seed}",
            partial(
                punkmodels.train_renderer,
                split_scheme=track.scheme,
                composed_share=composed_share,
                seed=seed,
            ),
        )
        for seed in seeds
    ]
    return [_score_run(bench, track, run) for run in runs]


def score_label_sets(bench: Bench, track: Track, seeds: range) -> list[dict[str, float | None]]:
    """Train and score the model of label sets, whose punks the bundled renderer draws."""
    runs = [
        _trained(
            bench.out / "label-sets",
            f"{seed}",
            partial(punkmodels.train_label_sets, preset="best", seed=seed),
        )
        for seed in seeds
    ]
    return [_score_run(bench, track, run) for run in runs]


def score_bundled(
    name: str, bench: Bench, track: Track, _seeds: range
) -> list[dict[str, float | None]]:
    """Score a bundled generator, which is one training."""
    return [_score_run(bench, track, name)]


def _score_run(bench: Bench, track: Track, run: str | Path) -> dict[str, float | None]:
    found = bench.evaluator(track).score_models(run, device="cpu", progress=False)
    return {key: summary["mean"] for key, summary in found.scores["scores"].items()}


def _trained(folder: Path, name: str, train: Callable[..., punkmodels.Run]) -> Path:
    """Return the run whose number a file names, or train one."""
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / f"{name}.txt"
    if not note.exists():
        note.write_text(train(ROOT, runs=folder, progress=False).path.name)
    return folder / note.read_text()


def list_baselines(track: Track) -> dict[str, Score]:
    """Return the baselines of a track by name."""
    networks = {name: partial(score_classifier, options) for name, options in CLASSIFIERS.items()}
    if track.name == "compositional":
        return {**networks, TRANSFORMER: score_transformer}
    del networks["CNN, composed punks"], networks["published CNN"]  # They train for long.
    if track.name == "corruptions":
        return {**networks, TRANSFORMER: score_transformer}
    if track.name == "open-set":
        confidence = {f"confidence of {name}": score for name, score in networks.items()}
        return {
            **confidence,
            f"confidence of {TRANSFORMER}": score_transformer,
            NEAREST: score_nearest,
            "drawn again by the renderer": score_redrawing,
        }
    if track.name == "generate":
        return {
            "label sets, drawn by the renderer": score_label_sets,
            **{title: partial(score_bundled, name) for title, name in BUNDLED.items()},
        }
    if track.name == "generate-unseen":
        return {
            "renderer, composed punks": partial(score_renderer, 0.75),
            "renderer": partial(score_renderer, 0.0),
        }
    if track.name == "explain":
        return {f"occlusion, {name}": score for name, score in networks.items()}
    return networks


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tracks", nargs="+", default=list(TRACKS), choices=list(TRACKS))
    parser.add_argument("--seeds", type=int, default=5, help="trainings of each baseline")
    parser.add_argument("--baselines", nargs="+", help="only those with these names")
    parser.add_argument("--out", type=Path, default=Path("runs/punkbench"), help="folder to keep")
    parser.add_argument("--publish", action="store_true", help="train and score nothing")
    options = parser.parse_args()
    bench, results = Bench(options.out), options.out / "scores.json"
    (options.out / "runs").mkdir(parents=True, exist_ok=True)
    scores: dict[str, dict[str, Any]] = json.loads(results.read_text()) if results.exists() else {}
    for name in [] if options.publish else options.tracks:
        for baseline, score in list_baselines(TRACKS[name]).items():
            known = scores.setdefault(name, {})
            chosen = not options.baselines or baseline in options.baselines
            num_trainings = 1 if baseline in (*BUNDLED, NEAREST) else options.seeds
            if chosen and len(known.get(baseline, [])) < num_trainings:
                known[baseline] = score(bench, TRACKS[name], range(options.seeds))
                results.write_text(json.dumps(scores, indent=1) + "\n")
                print(f"{name}: {baseline}: {known[baseline][0]}", flush=True)
    publish(scores)


def publish(scores: dict[str, dict[str, list[dict[str, float | None]]]]) -> None:
    """Write baselines.json."""
    published = {
        name: {
            baseline: {
                "official": len(found) >= MIN_TRAININGS or baseline == NEAREST,
                "num_trainings": len(found),
                "scores": {
                    key: _round(summarize([one.get(key) for one in found])) for key in track.scores
                },
            }
            for baseline, found in scores.get(name, {}).items()
        }
        for name, track in TRACKS.items()
    }
    Path(str(BASELINES_FILE)).write_text(json.dumps(published, indent=1) + "\n")


def _round(summary: dict[str, Any]) -> dict[str, float | None]:
    return {
        key: None if summary[key] is None else round(summary[key], 5) for key in ("mean", "std")
    }


if __name__ == "__main__":
    main()
