"""Answers of the models of this project to the questions of a track."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from punkdata.errors import UsageError
from punkdata.images.palette import PALETTE
from punkdata.progress import Progress
from punkdata.traits import LABELS
from punkmodels.bench.inputs import TrackInputs
from punkmodels.bench.tracks import NUM_FOLDS, NUM_GENERATED, Track
from punkmodels.classifier.classifier import Classifier, predict_logits
from punkmodels.classifier.metrics import joint_confidence
from punkmodels.classifier.pretrained import load_classifier, read_classifier_config
from punkmodels.generator import load_generator
from punkmodels.renderer.network import conditions_from_labels, load_renderer, read_renderer_config


def answer_with_models(
    track: Track,
    inputs: TrackInputs,
    folders: Sequence[Path],
    device: torch.device,
    progress: Progress = lambda done, total, note="": None,
) -> list[NDArray[Any]]:
    """Return the answers of each training, of a run or of exported weights.

    In the track long-tail, a training is a run of each of the five folds with the same seed.
    Raises UsageError if a model was trained on other punks than those of the track, or cannot
    answer its questions.
    """
    if track.name == "long-tail":
        return [_answer_folds(track, inputs, runs, device) for runs in _group_folds(folders)]
    answers = []
    for number, folder in enumerate(folders):
        progress(number, len(folders), folder.name)
        answers.append(_answer(track, inputs, folder, device, progress))
    progress(len(folders), len(folders))
    return answers


def _answer(
    track: Track, inputs: TrackInputs, folder: Path, device: torch.device, progress: Progress
) -> NDArray[Any]:
    if track.name == "generate":
        return load_generator(folder, device=device).generate(NUM_GENERATED, seed=0)
    if track.name == "generate-unseen":
        _check_scheme(track, read_renderer_config(folder).options.split_scheme, folder)
        labels, tones = (inputs.arrays[name] for name in ("labels", "skin_tones"))
        condition = conditions_from_labels(torch.from_numpy(labels), torch.from_numpy(tones))
        drawn: torch.Tensor = load_renderer(folder, device)(condition.to(device))
        sprites: NDArray[np.uint8] = PALETTE[drawn.cpu().numpy()]
        return sprites
    model = _load_labels_model(track, folder, device)
    if track.answer == "saliency":
        return occlusion_maps(model, inputs.indices, inputs.arrays["label_ids"], progress)
    logits = predict_logits(model, inputs.indices)
    return joint_confidence(logits) if track.answer == "realness" else logits.numpy()


def _load_labels_model(track: Track, folder: Path, device: torch.device) -> Classifier:
    _check_scheme(track, read_classifier_config(folder).options.split_scheme, folder)
    model = load_classifier(folder, device)
    if model.classes != LABELS:
        raise UsageError(f"'{folder}' predicts types only; the track {track.name} needs all labels")
    return model


def _check_scheme(track: Track, found: str, folder: Path) -> None:
    is_right = found.startswith("fold-") if track.name == "long-tail" else found == track.scheme
    if not is_right:
        raise UsageError(
            f"'{folder}' was trained on the split scheme {found}, so it has seen punks that the "
            f"track {track.name} tests",
            hint=f"train it with --set split_scheme={track.scheme}",
        )


def _group_folds(folders: Sequence[Path]) -> list[list[Path]]:
    """Return the runs of each seed, in the order of their folds."""
    by_seed: dict[int, dict[str, Path]] = {}
    for folder in folders:
        options = read_classifier_config(folder).options
        by_seed.setdefault(options.seed, {})[options.split_scheme] = folder
    folds = [f"fold-{fold}" for fold in range(1, NUM_FOLDS + 1)]
    for seed, runs in by_seed.items():
        if missing := [fold for fold in folds if fold not in runs]:
            raise UsageError(
                f"the track long-tail needs a run of each fold; of seed {seed}, there is none of "
                f"{', '.join(missing)}",
                hint=f"punkmodels train classifier --split-scheme {missing[0]} --seed {seed}",
            )
    return [[runs[fold] for fold in folds] for runs in by_seed.values()]


def _answer_folds(
    track: Track, inputs: TrackInputs, runs: Sequence[Path], device: torch.device
) -> NDArray[Any]:
    logits = np.zeros((len(inputs.ids), len(LABELS)))
    for fold, folder in enumerate(runs, start=1):
        rows = np.flatnonzero(inputs.arrays["fold"] == fold)
        model = _load_labels_model(track, folder, device)
        logits[rows] = predict_logits(model, inputs.indices[rows]).numpy()
    return logits


def occlusion_maps(
    model: Classifier,
    images: torch.Tensor,
    label_ids: NDArray[np.int64],
    progress: Progress = lambda done, total, note="": None,
) -> NDArray[np.float32]:
    """Return how much the logit of a label falls if a pixel becomes transparent, (N, 24, 24).

    `images` are palette indices, uint8 (N, 24, 24); equal ones in consecutive rows are computed
    together.
    """
    indices = images.flatten(1).numpy()
    maps = np.zeros(indices.shape, np.float32)
    is_new = np.r_[True, (indices[1:] != indices[:-1]).any(axis=1)]
    starts = np.flatnonzero(is_new).tolist()
    for start, end in zip(starts, [*starts[1:], len(images)], strict=True):
        progress(start, len(images))
        sprite = indices[start]
        opaque = np.flatnonzero(sprite)
        variants = np.repeat(sprite[None], len(opaque) + 1, axis=0)
        variants[np.arange(len(opaque)), opaque] = 0
        logits = predict_logits(model, torch.from_numpy(variants).view(-1, 24, 24)).numpy()
        chosen = logits[:, label_ids[start:end]]
        maps[start:end, opaque] = (chosen[-1] - chosen[:-1]).T
    return maps.reshape(images.shape[:3])
