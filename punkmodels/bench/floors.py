"""Answers that need no model, whose scores are the floor of a track."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from punkdata.dataset import PunkDataset
from punkmodels.bench.inputs import TrackInputs, sprites_of, visible_labels
from punkmodels.bench.tracks import Track
from punkmodels.data.palette import detect_skin_tones, to_indices

_FLOOR_NAMES = {
    "labels": "floor: label frequencies",
    "realness": "floor: equal scores",
    "saliency": "floor: equal maps",
    "sprites": "floor: most similar training punk",
}


def floor_name(track: Track) -> str:
    """Return what the floor answers; the track generate has real training punks instead."""
    return "real training punks" if track.name == "generate" else _FLOOR_NAMES[track.answer]


def constant_answers(track: Track, inputs: TrackInputs, train: PunkDataset) -> NDArray[Any]:
    """Return the answers of the floor; not for the track generate, which has none.

    The floor predicts the share of training punks with each label, gives the same score to all
    images or pixels, or copies the training punk with the most similar labels and skin tone.
    """
    if track.answer == "labels":
        shares = visible_labels(train).mean(axis=0)
        return np.repeat(shares[None], len(inputs.ids), axis=0)
    if track.answer == "realness":
        return np.zeros(len(inputs.ids))
    if track.answer == "saliency":
        return np.zeros(inputs.truth["masks"].shape)
    return _copy_similar(inputs, train)


def _copy_similar(inputs: TrackInputs, train: PunkDataset) -> NDArray[np.uint8]:
    tones = detect_skin_tones(to_indices(train.data)).numpy()
    known = np.hstack([train.labels.numpy(), np.eye(5)[tones]])
    asked = np.hstack([inputs.arrays["labels"], np.eye(5)[inputs.arrays["skin_tones"]]])
    different = known.sum(axis=1) - 2 * asked @ known.T
    copies: NDArray[np.uint8] = sprites_of(train)[different.argmin(axis=1)]
    return copies
