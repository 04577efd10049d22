"""Baselines of PunkBench that draw or generate punks; punkbench.py runs them.

Each function named `score_...` trains a baseline with each seed, or finds what was trained before,
and returns the scores of each training.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import dcgan
import label_gan
import numpy as np
import pixel_models
import sampled_labels
from punkbench_models import ROOT, Bench, Scores

import punkmodels
from punkmodels.bench.tracks import NUM_GENERATED, Track
from punkmodels.choices import DcganRecipe
from punkmodels.gan.config import make_config


def score_renderer(composed_share: float, bench: Bench, track: Track, seeds: range) -> list[Scores]:
    """Train and score the renderer."""
    train = partial(
        punkmodels.train_renderer, split_scheme=track.scheme, composed_share=composed_share
    )
    folder = bench.out / "renderers"
    return [
        _score_run(bench, track, _trained(folder, f"{composed_share}-{seed}", train, seed))
        for seed in seeds
    ]


def score_label_sets(bench: Bench, track: Track, seeds: range) -> list[Scores]:
    """Train and score the model of label sets, whose punks the bundled renderer draws."""
    train = partial(punkmodels.train_label_sets, preset="best")
    folder = bench.out / "label-sets"
    return [_score_run(bench, track, _trained(folder, f"{seed}", train, seed)) for seed in seeds]


def score_recipe(recipe: DcganRecipe, bench: Bench, track: Track, seeds: range) -> list[Scores]:
    """Train a recipe of the GAN with the preset `quick`, and score it."""
    configs = {recipe: make_config("quick", recipe)}
    runs = dcgan.train_all(ROOT, bench.out / "gan", configs, len(seeds))[recipe]
    return [_score_run(bench, track, run) for run in runs]


def score_bundled(name: str, bench: Bench, track: Track, _seeds: range) -> list[Scores]:
    """Score a bundled generator, which is one training."""
    return [_score_run(bench, track, name)]


def score_sampled_labels(bench: Bench, track: Track, seeds: range) -> list[Scores]:
    """Sample labels by their frequencies, draw them exactly, and score them."""
    sample = sampled_labels.sample_all
    return _score_samples(bench, track, sample(ROOT, _samples(bench), len(seeds), NUM_GENERATED))


def score_label_gan(bench: Bench, track: Track, seeds: range) -> list[Scores]:
    """Train a GAN of label sets, draw its samples exactly, and score them."""
    train = partial(label_gan.train_all, names=(label_gan.GAN,))
    return _score_samples(bench, track, train(ROOT, _samples(bench), len(seeds), NUM_GENERATED))


def score_pixel_model(name: str, bench: Bench, track: Track, seeds: range) -> list[Scores]:
    """Train and score a model of pixels."""
    train = partial(pixel_models.train_all, names=(name,), bfloat16=True)
    return _score_samples(bench, track, train(ROOT, _samples(bench), len(seeds), NUM_GENERATED))


def _samples(bench: Bench) -> Path:
    return bench.out / "samples"


def _score_samples(bench: Bench, track: Track, folders: list[Path]) -> list[Scores]:
    """Score the sprites that a script of a baseline has written."""
    scores: list[Scores] = []
    for folder in folders:
        with np.load(folder / "samples.npz") as arrays:
            scores += bench.score(track, arrays["images"])
    return scores


def _score_run(bench: Bench, track: Track, run: str | Path) -> Scores:
    found = bench.evaluator(track).score_models(run, device="cpu", progress=False)
    return {key: summary["mean"] for key, summary in found.scores["scores"].items()}


def _trained(folder: Path, name: str, train: Callable[..., punkmodels.Run], seed: int) -> Path:
    """Return the run whose number a file names, or train one."""
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / f"{name}.txt"
    if not note.exists():
        note.write_text(train(ROOT, runs=folder, seed=seed, progress=False).path.name)
    return folder / note.read_text()
