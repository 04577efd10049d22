"""`Evaluator`, which asks the questions of a track of PunkBench and scores the answers."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike

from punkdata.arguments import choice_error
from punkdata.benchmark_splits import few_shot_accessories, held_out_pairs
from punkdata.dataset import PunkDataset
from punkdata.errors import UsageError
from punkdata.progress import Progress
from punkdata.report import Report
from punkdata.snapshots.reader import open_snapshot
from punkdata.traits import LABELS
from punkmodels.bench.answers import make_scorer, name_in_errors
from punkmodels.bench.details import describe_parts, select_generated
from punkmodels.bench.floors import constant_answers, floor_name
from punkmodels.bench.inputs import (
    SEEDS,
    Arrays,
    BenchSplit,
    TrackInputs,
    known_hash,
    load_inputs,
    open_split,
)
from punkmodels.bench.own_models import answer_with_models
from punkmodels.bench.results import best_scores, find_obstacles, make_table, summarize
from punkmodels.bench.scores import LARGEST, MeanScorer, Scores, TrackScorer
from punkmodels.bench.tracks import BENCH_VERSION, NUM_GENERATED, Track, TrackName, find_track
from punkmodels.classifier.metrics import estimate_intervals
from punkmodels.evaluation import load_sprites
from punkmodels.gan.evaluate import evaluate_sprites
from punkmodels.gan.reference import RealPunks
from punkmodels.models import GENERATOR_TASKS, find_model
from punkmodels.runs import data_root, show_progress
from punkmodels.training.device import pick_device
from punkmodels.training.run_dir import DEFAULT_RUNS, Evaluation

if TYPE_CHECKING:
    import torch

    from punkmodels.bench.answers import AnswersLike

RARE_PUNKS = 60
"""Number of punks below which a label is rare in the track long-tail."""


class Evaluator:
    """Asks the questions of a track of PunkBench, and scores the answers of any model.

    Attributes:
        track: The track: its question, split scheme and scores.
        path: Folder of the snapshot.
        split: "test", or "val" to choose the options of a model.
        inputs: What a model gets, arrays by name, each with a row for each answer:

            - labels (compositional, few-5, few-10, few-20): `punk_ids` and `images`, RGBA uint8
              (N, 24, 24, 4); long-tail also has `fold`, the number k of the split scheme "fold-k"
              whose model answers.
            - corruptions: `image_ids` and `images`, RGB uint8 (N, 24, 24, 3).
            - open-set: `image_ids` and `images`, RGBA.
            - generate-unseen: `punk_ids`, `labels`, bool (N, 92), and `skin_tones`, 1 (darkest) to
              4, or 0 for Aliens, Apes and Zombies.
            - explain: `punk_ids`, `label_ids` (an index of `punkdata.LABELS`) and `images`.
            - generate: nothing.

    Example:
        >>> bench = punkmodels.Evaluator("compositional")
        >>> images = bench.train.data.permute(0, 2, 3, 1).numpy()
        >>> model = train_my_model(images, bench.train.labels.numpy())
        >>> bench.score(model.predict(bench.inputs["images"]))
    """

    def __init__(
        self,
        track: TrackName,
        root: str | Path | None = None,
        *,
        version: str = "latest",
        split: BenchSplit = "test",
    ) -> None:
        """Open a snapshot, and make the inputs.

        Args:
            track: Name of the track.
            root: Data root, or a snapshot folder; by default $PUNKDATA_ROOT or `./data`.
            version: Version of the snapshot, or "latest".
            split: "test" to report scores, or "val" to choose options.

        Raises:
            UsageError: There is no such track, split or snapshot.
            DataError: The snapshot is damaged, or has too few punks for the track.
        """
        if split not in tuple(SEEDS):
            raise choice_error("split", split, tuple(SEEDS))
        self.track: Track = find_track(track)
        self.split: BenchSplit = split
        snapshot = open_snapshot(data_root(root), version)
        self.path: Path = snapshot.path
        self._version: str = snapshot.version
        self._inputs: TrackInputs = load_inputs(self.track, self.path, split)

    @property
    def inputs(self) -> Arrays:
        """What a model gets, see the class."""
        return self._inputs.arrays

    @cached_property
    def train(self) -> PunkDataset:
        """The training punks of the track; of long-tail, those of the first fold."""
        return self.load("train")

    @cached_property
    def val(self) -> PunkDataset:
        """The validation punks of the track, to choose options; of long-tail, as `train`."""
        return self.load("val")

    def load(self, split: str, fold: int = 1) -> PunkDataset:
        """Return the punks of a split, "train", "val" or "test"; `fold` is for long-tail."""
        scheme = f"fold-{fold}" if self.track.name == "long-tail" else None
        return open_split(self.track, self.path, split, scheme)

    def score(
        self,
        *answers: AnswersLike,
        ids: ArrayLike | None = None,
        name: str = "these answers",
        progress: bool | Progress = True,
    ) -> Evaluation:
        """Score the answers of one training or, better, of several with different seeds.

        Args:
            answers: For each training: an array or a tensor, or the path of a file.

                - labels: probabilities or logits, (N, 92) in the order of `punkdata.LABELS`, or a
                  DataFrame, .csv or .parquet with a column for each label and `punk_id` (in the
                  track corruptions `image_id`), or a .npz with `scores` and `punk_ids` (in
                  corruptions `image_ids`). Values from 0 to 1 are probabilities, and values of
                  which some are negative are logits.
                - open-set: a score of each image, (N,), higher for real punks; or a DataFrame, .csv
                  or .parquet with `score` and `image_id`, or a .npz with `scores` and `image_ids`.
                - generate: 10,000 sprites, as for `evaluate_images`.
                - generate-unseen: sprites, RGBA uint8 (N, 24, 24, 4), in the order of `inputs`, or
                  a .npy or a .npz with `images`.
                - explain: saliency maps, (N, 24, 24), in the order of `inputs`, or a .npy or a .npz
                  with `saliency`.
            ids: Punk or image of each row of arrays, for labels and open-set; by default the rows
                are in the order of `inputs`, as are those of files without ids.
            name: Name in the table.
            progress: Whether to show a progress bar, or a callback that is called instead.

        Returns:
            Mean scores of the trainings with bootstrap intervals over punks or images, next to the
            floor, the ceiling and the published baselines. For generate, the floor and the ceiling
            are replaced by real training punks, and only a single training has intervals. The
            attribute `scores` is what `punkmodels bench --json` prints.

        Raises:
            UsageError: The answers have another shape, type or range, or belong to other rows.
            DataError: A file is damaged.
        """
        if not answers:
            raise UsageError("there are no answers to score")
        unit = "trainings" if self.track.name == "generate" else "resamples"
        with show_progress("scoring", unit, progress) as (report, _):
            if self.track.name == "generate":
                if ids is not None:
                    raise UsageError("sprites of a generator have no ids", hint="remove ids=")
                return self._score_generated(answers, name, report)
            scorers = []
            for number, answer in enumerate(answers, start=1):
                with name_in_errors(answer, number, len(answers)):
                    scorers.append(self._make_scorer(answer, ids))
            mean = MeanScorer(scorers)
            intervals = estimate_intervals(mean, mean.num_rows, report, LARGEST)
        floor = self._make_scorer(constant_answers(self.track, self._inputs, self.train))
        once = np.ones(mean.num_rows, int)
        found = [scorer.score(once) for scorer in scorers]
        bounds = {floor_name(self.track): floor.score(once), "ceiling": best_scores(self.track)}
        notes = ["This table is about the first training."] if len(scorers) > 1 else []
        detail = describe_parts(scorers[0], self._rare, notes)
        return self._make_evaluation(name, found, intervals, bounds, detail)

    def score_models(
        self,
        *models: str | int | Path,
        runs: str | Path = DEFAULT_RUNS,
        device: str | torch.device = "auto",
        progress: bool | Progress = True,
    ) -> Evaluation:
        """Score trained models of this project: runs, exported weights, or bundled models.

        Their training split must be that of the track. Raises UsageError if it is not, or if there
        is no such model or it cannot answer.
        """
        if not models:
            raise UsageError("there are no models to score")
        tasks = {
            "labels": ("classifier",),
            "saliency": ("classifier",),
            "realness": ("classifier",),
        }
        generators = ("renderer",) if self.track.name == "generate-unseen" else GENERATOR_TASKS
        kinds = tasks.get(self.track.answer, generators)
        folders = [find_model(model, runs, *kinds) for model in models]
        with show_progress("answering", "rows", progress) as (report, _):
            answers = answer_with_models(
                self.track, self._inputs, folders, pick_device(device)[0], report
            )
        title = folders[0].name if len(answers) == 1 else f"{len(answers)} trainings"
        return self.score(*answers, name=title, progress=progress)

    @cached_property
    def _real(self) -> RealPunks:
        """Real punks that generated ones are compared with."""
        return RealPunks(self.path, device=pick_device("auto")[0], split=self.split)

    @cached_property
    def _rare(self) -> list[int]:
        """Labels that the track averages over, as indices of LABELS."""
        if self.track.name.startswith("few-"):
            return [LABELS.index(name) for name in few_shot_accessories()]
        if self.track.name != "long-tail":
            return []
        support = self.load("all").labels.sum(dim=0)
        return [i for i, count in enumerate(support.tolist()) if 0 < count < RARE_PUNKS]

    def _make_scorer(self, answers: AnswersLike, ids: ArrayLike | None = None) -> TrackScorer:
        pairs = []
        if self.track.name == "compositional":
            pairs = [(LABELS.index(a), LABELS.index(b)) for a, b in held_out_pairs()]
        return make_scorer(self.track, self._inputs, answers, ids, self._rare, pairs)

    def _score_generated(
        self, answers: tuple[AnswersLike, ...], name: str, report: Progress
    ) -> Evaluation:
        found: list[Scores] = []
        num_sprites = NUM_GENERATED
        bounds: dict[str, Scores] = {}
        intervals: dict[str, tuple[float, float]] = {}
        for number, images in enumerate(answers):
            with name_in_errors(images, number + 1, len(answers)):
                source, sprites = load_sprites(cast("Any", images))
                report(number, len(answers), "comparing with real punks")
                scores = evaluate_sprites(source, sprites, self._real).scores
            found.append(select_generated(scores["generated"]))
            num_sprites = min(num_sprites, scores["num_samples"])
            bounds = {floor_name(self.track): select_generated(scores["train_reference"])}
            intervals = {} if len(answers) > 1 else scores["generated_95"]
        report(len(answers), len(answers))
        return self._make_evaluation(name, found, intervals, bounds, None, num_sprites)

    def _make_evaluation(
        self,
        name: str,
        found: list[Scores],
        intervals: dict[str, tuple[float, float]],
        bounds: dict[str, Scores],
        detail: Report | None,
        num_sprites: int = NUM_GENERATED,
    ) -> Evaluation:
        scores = {
            key: {**summarize([one.get(key) for one in found]), "interval_95": intervals.get(key)}
            for key in self.track.scores
        }
        sha256 = self._inputs.sha256
        result: dict[str, Any] = {
            "benchmark": "PunkBench",
            "benchmark_version": BENCH_VERSION,
            "track": self.track.name,
            "split": self.split,
            "version": self._version,
            "num_trainings": len(found),
            "scores": scores,
            "bounds": bounds,
            "obstacles": find_obstacles(
                self.split, len(found), sha256 == known_hash(self.track, self.split), num_sprites
            ),
            "inputs_sha256": sha256,
        }
        if detail:
            result["details"] = detail.to_json()
        tables = [make_table(self.track, name, result, bounds), *([detail] if detail else [])]
        return Evaluation(result, tables)
