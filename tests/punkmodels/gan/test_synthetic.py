from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from punkdata.cli import console
from punkdata.errors import DataError, UsageError
from punkdata.trait_rules import ACCESSORY_KINDS, ACCESSORY_SLOTS, allowed_accessories, check_traits
from punkdata.traits import ACCESSORIES, LABELS, TYPES, encode_labels
from punkmodels.classifier.config import (
    BUNDLED_CLASSIFIER,
    ClassifierMetadata,
    load_classifier,
    make_config,
)
from punkmodels.classifier.evaluate import predict_logits
from punkmodels.classifier.networks import logits_to_labels
from punkmodels.classifier.train import train_classifier
from punkmodels.cli import app
from punkmodels.data.splits import SplitTensors, load_split
from punkmodels.data.synthetic_examples import EXAMPLES_FILE, load_examples, save_examples
from punkmodels.gan.config import BUNDLED_CONDITIONAL, BUNDLED_DCGAN
from punkmodels.gan.synthetic import (
    examples_from_config,
    generate_labeled_examples,
    sample_new_label_sets,
)
from punkmodels.training.checkpoint import load_checkpoint
from punkmodels.training.run_dir import read_config

CPU = torch.device("cpu")
TINY = make_config(epochs=2, batch_size=16, width=4, hidden=16, color_embedding_dim=4)
AUGMENTED = replace(TINY, augment_with=str(BUNDLED_CONDITIONAL), augment_fraction=0.5)


@pytest.fixture(scope="module")
def part(built_root: Path) -> SplitTensors:
    return load_split(built_root, "latest", "default", "train")


def worn_by_chance(count: int, rare: str) -> torch.Tensor:
    """Outfits that punks can wear, a rare one among three of them: (count, 92)."""
    rng = random.Random(0)
    rows = []
    for i in range(count):
        kind = rng.choice(TYPES) if i > 2 else "Female"
        worn = [rare] if i < 3 else []
        for place in rng.sample(ACCESSORY_SLOTS, 3):
            names = [
                n
                for k in place
                for n in ACCESSORY_KINDS[k]
                if n in allowed_accessories(kind) and n != rare
            ]
            if names and not any(rare in ACCESSORY_KINDS[k] for k in place):
                worn.append(rng.choice(names))
        rows.append(encode_labels(kind, worn))
    return torch.from_numpy(np.stack(rows))


def test_outfits_are_new_and_can_be_worn() -> None:
    labels = worn_by_chance(400, "Tiara")
    made = sample_new_label_sets(labels, 300, seed=0)
    known = {row.tobytes() for row in labels.bool().numpy()}
    assert sum(row.tobytes() in known for row in made) < 10
    for row in made:
        (kind,) = np.flatnonzero(row[: len(TYPES)])
        check_traits(TYPES[kind], [LABELS[i] for i in np.flatnonzero(row) if i >= len(TYPES)])


def test_only_what_training_knows_is_worn_and_the_rare_more_often_than_before() -> None:
    labels = worn_by_chance(400, "Tiara")
    made = sample_new_label_sets(labels, 3000, seed=0).sum(axis=0)
    there = labels.sum(dim=0).numpy()
    assert not made[there == 0].any()
    tiara, others = LABELS.index("Tiara"), (there > 3) & (np.arange(92) >= len(TYPES))
    before, after = (many[tiara] / many[others].mean() for many in (there, made))
    assert after > 2 * before


def test_a_seed_means_the_same_examples(part: SplitTensors) -> None:
    one, same, other = (
        generate_labeled_examples(BUNDLED_CONDITIONAL, part, 20, seed, CPU, visible_only=True)
        for seed in (0, 0, 1)
    )
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert not torch.equal(one[0], other[0])


def test_what_no_pixel_shows_is_left_out(part: SplitTensors) -> None:
    """Without an accessory that is told, the same noise gives another punk."""
    seen = generate_labeled_examples(BUNDLED_CONDITIONAL, part, 200, 0, CPU, visible_only=True)
    every = generate_labeled_examples(BUNDLED_CONDITIONAL, part, 200, 0, CPU, visible_only=False)
    assert torch.equal(seen[0], every[0])
    assert not (seen[1].bool() & ~every[1].bool()).any()
    hidden = (seen[1] != every[1]).any(dim=0).nonzero()[:, 0].tolist()
    assert all(LABELS[i] in ACCESSORIES for i in hidden)
    assert (seen[1][:, : len(TYPES)].sum(dim=1) == 1).all()


def test_a_run_keeps_its_examples_and_goes_on_with_them(
    part: SplitTensors, built_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train_classifier(
        built_root, tmp_path / "whole", AUGMENTED, threads=1, generate_examples=examples_from_config
    )
    images, labels = load_examples(whole)
    assert (len(images), labels.shape) == (len(part) // 2, (len(part) // 2, 92))
    with Image.open(whole / "synthetic.png") as picture:
        picture.load()
    assert read_config(whole)["options"]["augment_fraction"] == 0.5

    class StoppedError(Exception):
        pass

    def stop(line: dict[str, object]) -> None:
        raise StoppedError

    with pytest.raises(StoppedError):
        train_classifier(
            built_root,
            tmp_path / "two",
            AUGMENTED,
            threads=1,
            on_epoch_end=stop,
            generate_examples=examples_from_config,
        )
    (run,) = (tmp_path / "two").iterdir()
    # The generator is not needed again: no `synthesize` is given.
    train_classifier(built_root, tmp_path / "two", AUGMENTED, resume=run)
    one, other = (load_checkpoint(r, ClassifierMetadata)[0] for r in (whole, run))
    assert all(torch.equal(one[name], other[name]) for name in one)
    plain = train_classifier(built_root, tmp_path / "plain", TINY, threads=1)
    without = load_checkpoint(plain, ClassifierMetadata)[0]
    assert any(not torch.equal(one[name], without[name]) for name in one)


@pytest.mark.parametrize("kept", [0, 1, 300, -1, -30])
def test_damaged_examples_are_named(kept: int, tmp_path: Path) -> None:
    save_examples(tmp_path, (torch.zeros(9, 24, 24, dtype=torch.uint8), torch.ones(9, len(LABELS))))
    assert load_examples(tmp_path)[1].sum() == 9 * len(LABELS)
    whole = (tmp_path / EXAMPLES_FILE).read_bytes()
    (tmp_path / EXAMPLES_FILE).write_bytes(whole[:kept])
    with pytest.raises(DataError, match=r"synthetic\.npz is missing or damaged"):
        load_examples(tmp_path)


def test_a_generator_that_knows_no_labels_is_refused(
    part: SplitTensors, built_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UsageError, match="cannot be asked for accessories"):
        generate_labeled_examples(BUNDLED_DCGAN, part, 5, 0, CPU, visible_only=True)
    options = ["--root", str(built_root), "--runs", str(tmp_path), "--augment-with", "bundled"]
    assert console.run(app.app, "punkmodels", ["train", "classifier", *options]) == 2
    assert "train dcgan --conditional labels" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_what_is_drawn_is_what_its_labels_say(part: SplitTensors) -> None:
    """As a network that never saw the generator tells it."""
    images, labels = generate_labeled_examples(
        BUNDLED_CONDITIONAL, part, 100, 0, CPU, visible_only=True
    )
    told = logits_to_labels(predict_logits(load_classifier(BUNDLED_CLASSIFIER, CPU), images, CPU))
    agree = (told == labels.bool()).float().mean(dim=0)
    assert agree.mean() > 0.97
    assert len({image.numpy().tobytes() for image in images}) > 80
