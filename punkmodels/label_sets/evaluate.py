"""Evaluation of a model of label sets, and of the punks that the bundled renderer draws of them.

evaluation/generated/metrics.json
evaluation/generated/metrics.md     the same scores as tables
evaluation/generated/nearest_neighbors.png
                                    see `punkmodels.gan.evaluate`

A label set is here the type, the accessories and the skin tone of a punk, which determine all of
its pixels. So the negative log-likelihood of a label set, in bits, is what an ideal code needs for
the image of the punk, or more if another label set draws the same image, too.
"""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from punkdata.progress import Progress
from punkdata.report import Report, Row
from punkmodels.choices import HeldOutSplit
from punkmodels.data.palette import color_table, to_rgba
from punkmodels.data.splits import load_split
from punkmodels.gan.evaluate import MAX_SUBSETS, SUBSET_SIZE, evaluate_sprites
from punkmodels.gan.reference import RealPunks
from punkmodels.label_sets.encoding import encode_label_sets
from punkmodels.label_sets.network import load_label_sets, read_label_sets_config
from punkmodels.label_sets.sampling import PunkSampler, SampledPunks, fix_values
from punkmodels.label_sets.train import encode_split, mean_nll
from punkmodels.renderer.network import BUNDLED_RENDERER, load_renderer
from punkmodels.training.pretrained import hash_weights
from punkmodels.training.run_dir import Evaluation

CPU = torch.device("cpu")
SPLITS = ("train", "val", "test")


def evaluate_label_sets(
    run: Path,
    root: Path,
    *,
    version: str | None = None,
    split: HeldOutSplit = "held-out",
    device: torch.device = CPU,
    subset_size: int = SUBSET_SIZE,
    progress: Progress = lambda done, total, note="": None,
) -> Evaluation:
    """Compare a run or exported weights with the label sets and the images of real punks.

    The images are those of `PunkSampler`, which are compared with the real ones of `split`; see
    `evaluate_sprites` for their scores, for `subset_size` and `progress`. `version` is by default
    the snapshot of the training. Raises UsageError if the run or the snapshot does not exist, and
    DataError if they are damaged or there are too few punks.
    """
    version = version or read_label_sets_config(run).data.version
    model = load_label_sets(run, CPU)
    weights_sha256 = hash_weights(model)
    values = {name: encode_split(load_split(root, version, "default", name)) for name in SPLITS}
    nats = {name: mean_nll(model, each) for name, each in values.items()}
    sampler = PunkSampler(model, load_renderer(BUNDLED_RENDERER, device))
    punks = sampler.sample(subset_size * MAX_SUBSETS, 0, fix_values(None, [], None))
    scores = score_label_sets(nats, values, punks)
    images = to_rgba(punks.sprites, color_table())
    evaluation = evaluate_sprites(
        run.stem,
        images,
        RealPunks(root, version, device, split),
        subset_size=subset_size,
        progress=progress,
    )
    return replace(
        evaluation,
        scores=evaluation.scores | {"label_sets": scores, "weights_sha256": weights_sha256},
        tables=[_make_table(scores, run.stem), *evaluation.tables],
    )


def score_label_sets(
    nats: dict[str, float], values: dict[str, torch.Tensor], punks: SampledPunks
) -> dict[str, Any]:
    """Return scores of a model, given its nats per label set and the label sets of each split.

    A copy rate is the share of samples with the label set and skin tone of a punk of the split. A
    model that does not memorize has training copies in proportion to the size of the split.
    """
    sampled = [row.tobytes() for row in encode_label_sets(punks.labels, punks.skin_tones).numpy()]
    scores: dict[str, Any] = {}
    for name in SPLITS:
        real = {row.tobytes() for row in values[name].numpy()}
        scores[name] = {
            "punks": len(values[name]),
            "nats": nats[name],
            "bits": nats[name] / math.log(2),
            "copy_rate": sum(each in real for each in sampled) / len(sampled),
        }
    return scores


def _make_table(scores: dict[str, Any], source: str) -> Report:
    rows = [
        Row("nats per label set", tuple(scores[name]["nats"] for name in SPLITS)),
        Row("bits per punk", tuple(scores[name]["bits"] for name in SPLITS)),
        Row("copy rate", tuple(scores[name]["copy_rate"] for name in SPLITS)),
    ]
    counts = ", ".join(f"{scores[name]['punks']:,}" for name in SPLITS)
    notes = [
        "Negative log-likelihood of the label sets, skin tone included, of real punks; lower is "
        f"better. Copy rate: share of samples that equal a punk of the split ({counts} punks); "
        "those of a model that does not memorize are proportional to the sizes of the splits."
    ]
    return Report(rows, (source, *SPLITS), notes)
