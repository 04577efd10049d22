from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from support.classifiers import tiny_config
from support.gan import CPU
from support.punkmodels_cli import run as run_cli

from punkdata.errors import DataError
from punkdata.traits import (
    ACCESSORIES,
    ACCESSORY_SLOTS,
    LABELS,
    TYPES,
    allowed_accessories,
    check_traits,
    encode_labels,
)
from punkmodels.classifier.classifier import predict_logits
from punkmodels.classifier.networks import logits_to_labels
from punkmodels.classifier.pretrained import BUNDLED_CLASSIFIER, load_classifier
from punkmodels.classifier.train import train_classifier
from punkmodels.data.splits import Examples, SplitTensors
from punkmodels.gan.generate import BUNDLED_DCGAN
from punkmodels.renderer.network import BUNDLED_RENDERER
from punkmodels.renderer.synthetic import (
    examples_from_config,
    render_labeled_examples,
    sample_new_label_sets,
)
from punkmodels.training.checkpoint import load_checkpoint
from punkmodels.training.run_dir import read_metrics

AUGMENTED = tiny_config(epochs=2, augment_with=str(BUNDLED_RENDERER), augment_fraction=0.5)


def random_labels(count: int, rare: str) -> torch.Tensor:
    """Return possible label sets, (count, 92), of which only three have the rare accessory."""
    rng = random.Random(0)
    rows = []
    for i in range(count):
        punk_type = rng.choice(TYPES) if i > 2 else "Female"
        accessories = [rare] if i < 3 else []
        for names in rng.sample(ACCESSORY_SLOTS, 3):
            allowed = [n for n in names if n in allowed_accessories(punk_type) and n != rare]
            if allowed and rare not in names:
                accessories.append(rng.choice(allowed))
        rows.append(encode_labels(punk_type, accessories))
    return torch.from_numpy(np.stack(rows))


def test_sampled_label_sets_are_new_and_possible() -> None:
    labels = random_labels(400, "Tiara")
    sampled = sample_new_label_sets(labels, 300, seed=0)
    known = {row.tobytes() for row in labels.bool().numpy()}
    assert sum(row.tobytes() in known for row in sampled) < 10
    for row in sampled:
        (punk_type,) = np.flatnonzero(row[: len(TYPES)])
        accessories = [LABELS[i] for i in np.flatnonzero(row) if i >= len(TYPES)]
        check_traits(TYPES[punk_type], accessories)


def test_sampled_label_sets_have_rare_accessories_more_often() -> None:
    labels = random_labels(400, "Tiara")
    sampled_counts = sample_new_label_sets(labels, 3000, seed=0).sum(axis=0)
    train_counts = labels.sum(dim=0).numpy()
    assert not sampled_counts[train_counts == 0].any(), "unknown accessories are not sampled"
    tiara = LABELS.index("Tiara")
    is_common = (train_counts > 3) & (np.arange(92) >= len(TYPES))
    before, after = (
        counts[tiara] / counts[is_common].mean() for counts in (train_counts, sampled_counts)
    )
    assert after > 2 * before


def test_seed_determines_the_examples(train: SplitTensors) -> None:
    first, same, other = (
        render_labeled_examples(BUNDLED_RENDERER, train, 20, seed, CPU, visible_only=True)
        for seed in (0, 0, 1)
    )
    assert all(torch.equal(a, b) for a, b in zip(first, same, strict=True))
    assert not torch.equal(first[0], other[0])


def test_visible_only_removes_accessories_that_change_no_pixel(train: SplitTensors) -> None:
    (images, visible), (same_images, labels) = (
        render_labeled_examples(BUNDLED_RENDERER, train, 200, 0, CPU, visible_only=only)
        for only in (True, False)
    )
    assert torch.equal(images, same_images)
    assert not (visible.bool() & ~labels.bool()).any()
    removed = (visible != labels).any(dim=0).nonzero()[:, 0].tolist()
    assert all(LABELS[i] in ACCESSORIES for i in removed)
    assert (visible[:, : len(TYPES)].sum(dim=1) == 1).all()


def test_a_resumed_run_generates_the_same_examples_again(
    train: SplitTensors, built_root: Path, tmp_path: Path
) -> None:
    images = []

    def generate(*args: Any) -> Examples:
        images.append(examples_from_config(*args))
        return images[-1]

    def stop(line: dict[str, object]) -> None:
        raise KeyboardInterrupt

    options = {"threads": 1, "generate_examples": generate}
    with pytest.raises(KeyboardInterrupt):
        train_classifier(built_root, tmp_path, AUGMENTED, on_epoch_end=stop, **options)
    (run,) = tmp_path.iterdir()
    with Image.open(run / "synthetic.png") as grid:
        grid.load()
    train_classifier(built_root, tmp_path, AUGMENTED, resume=run, generate_examples=generate)
    assert len(read_metrics(run)) == 2
    assert len(images[0][0]) == len(train) // 2
    assert all(torch.equal(one, other) for one, other in zip(*images, strict=True))


def test_classifier_trains_on_the_generated_examples(built_root: Path, tmp_path: Path) -> None:
    weights = []
    for config in (AUGMENTED, tiny_config(epochs=2)):
        run = train_classifier(
            built_root, tmp_path, config, threads=1, generate_examples=examples_from_config
        )
        weights.append(load_checkpoint(run)["model"])
    assert any(not torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_run_of_another_model_is_refused(train: SplitTensors) -> None:
    with pytest.raises(DataError, match="is not a renderer"):
        render_labeled_examples(BUNDLED_DCGAN, train, 5, 0, CPU, visible_only=True)


def test_command_refuses_a_gan(
    built_root: Path, generator_runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--root", built_root, "--runs", generator_runs, "--augment-with", 1)
    assert run_cli("train", "classifier", *options) == 2
    assert (
        "a renderer run is needed; train one with: punkmodels train renderer"
        in capsys.readouterr().err
    )


def test_classifier_predicts_the_labels_of_the_examples(train: SplitTensors) -> None:
    images, labels = render_labeled_examples(
        BUNDLED_RENDERER, train, 100, 0, CPU, visible_only=True
    )
    logits = predict_logits(load_classifier(BUNDLED_CLASSIFIER, CPU), images)
    accuracy = (logits_to_labels(logits) == labels.bool()).float().mean(dim=0)
    assert accuracy.mean() > 0.97
    assert len({image.numpy().tobytes() for image in images}) > 60
