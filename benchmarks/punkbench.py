"""Baselines of PunkBench: python benchmarks/punkbench.py [--tracks compositional few-5] [--seeds 5]

Trains every baseline with several seeds, scores it on the test split of each track of the latest
snapshot in ./data, and writes the results to punkmodels/bench/baselines.json, from which the
command line and docs/make_punkbench.py take their tables. Trained models and scores are kept in
--out, so a stopped run goes on where it was. Published results that --out lacks are not removed.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from punkbench_generators import (
    score_bundled,
    score_label_gan,
    score_label_sets,
    score_pixel_model,
    score_recipe,
    score_renderer,
    score_sampled_labels,
)
from punkbench_models import (
    CLASSIFIERS,
    Bench,
    Scores,
    score_classifier,
    score_nearest,
    score_redrawing,
    score_transformer,
    score_without_model,
)

from punkmodels.bench.floors import floor_name
from punkmodels.bench.results import BASELINES_FILE, load_baselines, summarize
from punkmodels.bench.tracks import MIN_TRAININGS, TRACKS, Track
from punkmodels.gan.config import RECIPES

Score = Callable[[Bench, Track, range], list[Scores]]
"""Trains and scores a baseline with each seed, and returns its scores."""
TRANSFORMER = "vision transformer"
NEAREST = "distance to a training punk"
BUNDLED = {"GAN, bundled": "bundled-gan", "VAE-GAN, bundled": "bundled-vae-gan"}
RECIPE_TITLES = {
    "vae-gan": "VAE-GAN, preset quick",
    "adversarial": "GAN, preset quick",
    "dcgan": "DCGAN, preset quick",
    "mlp": "MLP GAN, preset quick",
}
FEW = ("few-5", "few-10", "few-20")
ONLY_ON = {
    "MLP": FEW,
    "CNN, composed punks": ("compositional",),
    "published CNN": ("compositional",),
    TRANSFORMER: ("compositional", "corruptions", "open-set"),
}
"""Tracks of the baselines that are not on all of them, mostly because they train for long."""


def list_baselines(track: Track) -> dict[str, Score]:
    """Return the baselines of a track by name, the floor first."""
    return {floor_name(track): score_without_model, **_list_models(track)}


def _list_models(track: Track) -> dict[str, Score]:
    if track.name == "generate":
        return {
            "label sets, drawn by the renderer": score_label_sets,
            "labels by type, drawn exactly": score_sampled_labels,
            "GAN of label sets, drawn exactly": score_label_gan,
            "MADE of pixels": partial(score_pixel_model, "made"),
            "masked diffusion of pixels": partial(score_pixel_model, "diffusion"),
            **{RECIPE_TITLES[name]: partial(score_recipe, name) for name in RECIPES},
            **{title: partial(score_bundled, name) for title, name in BUNDLED.items()},
        }
    if track.name == "generate-unseen":
        return {
            "renderer, composed punks": partial(score_renderer, 0.75),
            "renderer": partial(score_renderer, 0.0),
        }
    networks: dict[str, Score] = {
        name: partial(score_classifier, options) for name, options in CLASSIFIERS.items()
    }
    networks[TRANSFORMER] = score_transformer
    if track.name in FEW:
        # Their training punks do not determine the layers that composed punks are drawn from.
        del networks["MLP, composed punks"]
    for name, tracks in ONLY_ON.items():
        if track.name not in tracks:
            del networks[name]
    if track.name == "open-set":
        return {
            **{f"confidence of {name}": score for name, score in networks.items()},
            NEAREST: score_nearest,
            "drawn again by the renderer": score_redrawing,
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
    torch.set_num_threads(1)
    bench, results = Bench(options.out), options.out / "scores.json"
    (options.out / "runs").mkdir(parents=True, exist_ok=True)
    scores: dict[str, dict[str, list[Scores]]] = {}
    if results.exists():
        scores = json.loads(results.read_text())
    for name in [] if options.publish else options.tracks:
        for baseline, score in list_baselines(TRACKS[name]).items():
            known = scores.setdefault(name, {})
            chosen = not options.baselines or baseline in options.baselines
            is_single = baseline in (*BUNDLED, NEAREST, floor_name(TRACKS[name]))
            num_trainings = 1 if is_single else options.seeds
            if chosen and len(known.get(baseline, [])) < num_trainings:
                known[baseline] = score(bench, TRACKS[name], range(options.seeds))
                results.write_text(json.dumps(scores, indent=1) + "\n")
                print(f"{name}: {baseline}: {known[baseline][0]}", flush=True)
    publish(scores)


def publish(scores: dict[str, dict[str, list[Scores]]]) -> None:
    """Write these scores to baselines.json, and keep those of other baselines."""
    published = load_baselines()
    for name, track in TRACKS.items():
        found = published.setdefault(name, {}) | {
            baseline: _make_entry(track, baseline, trainings)
            for baseline, trainings in scores.get(name, {}).items()
        }
        published[name] = {
            baseline: found[baseline] for baseline in list_baselines(track) if baseline in found
        }
    Path(str(BASELINES_FILE)).write_text(json.dumps(published, indent=1) + "\n")


def _make_entry(track: Track, baseline: str, trainings: list[Scores]) -> dict[str, Any]:
    is_trained = baseline not in (NEAREST, floor_name(track))
    return {
        "official": len(trainings) >= MIN_TRAININGS or not is_trained,
        "num_trainings": len(trainings) if is_trained else 0,
        "scores": {
            key: _round(summarize([one.get(key) for one in trainings])) for key in track.scores
        },
    }


def _round(summary: dict[str, Any]) -> dict[str, float | None]:
    return {
        key: None if summary[key] is None else round(summary[key], 5) for key in ("mean", "std")
    }


if __name__ == "__main__":
    main()
