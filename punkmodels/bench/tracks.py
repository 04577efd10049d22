"""The tracks of PunkBench: what each asks, its split scheme, and its scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from punkdata.arguments import choice_error
from punkdata.split_names import SplitScheme

BENCH_VERSION = 1
"""Version of PunkBench. Scores of different versions are not comparable."""
MIN_TRAININGS = 3
"""Smallest number of trainings, with different seeds, of an official entry."""
NUM_FOLDS = 5
NUM_GENERATED = 10_000
"""Sprites that a generator is scored on in an official entry."""

TrackName = Literal[
    "compositional",
    "few-5",
    "few-10",
    "few-20",
    "long-tail",
    "corruptions",
    "open-set",
    "generate",
    "generate-unseen",
    "explain",
]
Answer = Literal["labels", "realness", "sprites", "saliency"]
"""What a model returns: scores of labels, one score for each image, sprites, or saliency maps."""


@dataclass(frozen=True)
class Track:
    """A task of PunkBench.

    Attributes:
        name: Name of the track.
        question: What the track asks of a model.
        scheme: Split scheme of the training punks; of "long-tail" that of the first of five folds.
        answer: What a model returns.
        scores: Names of the scores by key, the one that ranks models first.
        lower_is_better: Whether smaller values of the first score are better.
    """

    name: TrackName
    question: str
    scheme: SplitScheme
    answer: Answer
    scores: dict[str, str]
    lower_is_better: bool = False

    @property
    def main_score(self) -> str:
        """Key of the score that ranks models."""
        return next(iter(self.scores))


_LABELS = {"exact_match": "all labels right", "joint_calibration_error": "calibration error"}
_RARE = {"rare_recall": "rare recall", "rare_average_precision": "rare AP"}


def _few(name: TrackName, scheme: SplitScheme) -> Track:
    count = name.removeprefix("few-")
    question = f"Are ten rare accessories recognized after {count} training punks of each?"
    return Track(name, question, scheme, "labels", _RARE | _LABELS)


TRACKS: dict[str, Track] = {
    track.name: track
    for track in (
        Track(
            "compositional",
            "Are both accessories of a pair recognized that no training punk wears together?",
            "compositional",
            "labels",
            {
                "exact_match": _LABELS["exact_match"],
                "pair_recall": "pairs found",
                "macro_average_precision": "macro-AP",
                **_LABELS,
            },
        ),
        _few("few-5", "few-5"),
        _few("few-10", "few-10"),
        _few("few-20", "few-20"),
        Track(
            "long-tail",
            "How well are labels recognized that fewer than 60 of the 10,000 punks have?",
            "fold-1",
            "labels",
            {**_RARE, "rare_f1": "rare F1", **_LABELS},
        ),
        Track(
            "corruptions",
            "Are labels still right after JPEG, WebP, blur, noise, shifts or other backgrounds?",
            "default",
            "labels",
            {"exact_match": "all labels right", "micro_f1": "micro-F1"},
        ),
        Track(
            "open-set",
            "Are real punks told from sprites that differ from every possible punk?",
            "default",
            "realness",
            {"auroc": "AUROC", "fpr_at_95_tpr": "false positives"},
        ),
        Track(
            "generate",
            "Are generated punks diverse, legal, and not copied from training?",
            "default",
            "sprites",
            {
                "frechet_distance": "Fréchet distance",
                "frechet_distance_pixels": "Fréchet distance, pixels",
                "legal_rate": "legal punks",
                "recall": "recall",
                "copy_ratio": "training copies per held-out copy",
            },
            lower_is_better=True,
        ),
        Track(
            "generate-unseen",
            "Is every pixel right when a label set with an unseen pair is drawn?",
            "compositional",
            "sprites",
            {"pixel_exact_match": "pixel-exact", "wrong_pixels_mean": "wrong pixels, mean"},
        ),
        Track(
            "explain",
            "Do saliency maps point at the pixels that an accessory paints?",
            "default",
            "saliency",
            {"overlap": "overlap", "pointing_game": "pointing game"},
        ),
    )
}
"""All tracks by name."""


def find_track(name: str) -> Track:
    """Return a track by its name; raises UsageError if there is none."""
    if name not in tuple(TRACKS):
        raise choice_error("track", name, get_args(TrackName))
    return TRACKS[name]
