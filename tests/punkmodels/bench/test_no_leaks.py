"""Nothing that a track tests reaches a training, neither directly nor through what is derived.

The tests use punks with known layers, of which some have the held-out pairs of the benchmark.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support.layered_punks import SKINS

from punkdata import LABELS
from punkdata.analysis.layers import SKIN_PIXEL
from punkdata.benchmark_splits import held_out_pairs
from punkdata.errors import UsageError
from punkdata.images.palette import PALETTE
from punkdata.traits import decode_labels
from punkmodels import Evaluator
from punkmodels.bench.own_models import answer_with_models
from punkmodels.classifier.config import make_config
from punkmodels.classifier.train_data import TrainData, prepare_train_data
from punkmodels.data.splits import SplitTensors, load_split
from punkmodels.renderer.compositions import compose_punks
from punkmodels.renderer.config import make_config as make_renderer_config
from punkmodels.renderer.layers import fit_layers
from punkmodels.renderer.train import kept_out

CPU = torch.device("cpu")
PAIRS = [[LABELS.index(name) for name in pair] for pair in held_out_pairs()]


@pytest.fixture(scope="module")
def splits(layered_root: Path) -> dict[str, SplitTensors]:
    """The punks with the first skin of their type, which skin tones of real punks do not tell."""
    found = {}
    for name in ("train", "val", "test"):
        split = load_split(layered_root, "latest", "compositional", name)
        skins = split.images.flatten(1)[:, SKIN_PIXEL]
        first = torch.tensor([SKINS[decode_labels(row)[0]][0] for row in split.labels.numpy()])
        rows = (skins == first).nonzero()[:, 0]
        found[name] = replace(
            split,
            punk_ids=split.punk_ids[rows.numpy()],
            images=split.images[rows],
            labels=split.labels[rows],
            visible=split.visible[rows],
        )
    return found


def has_held_out_pair(labels: torch.Tensor) -> torch.Tensor:
    return torch.stack([labels[:, pair].bool().all(dim=1) for pair in PAIRS]).any(dim=0)


def prepare(splits: dict[str, SplitTensors]) -> TrainData:
    config = make_config(split_scheme="compositional", composed_share=0.5)
    return prepare_train_data(splits["train"], splits["val"], config, CPU)


def test_only_test_punks_have_a_held_out_pair(splits: dict[str, SplitTensors]) -> None:
    assert len(splits["test"]) > 50
    assert has_held_out_pair(splits["test"].labels).all()
    for name in ("train", "val"):
        assert not has_held_out_pair(splits[name].labels).any()


def test_no_test_image_is_a_training_image(splits: dict[str, SplitTensors]) -> None:
    known = {image.tobytes() for name in ("train", "val") for image in splits[name].images.numpy()}
    assert not any(image.tobytes() in known for image in splits["test"].images.numpy())


def test_no_composed_punk_of_a_classifier_has_a_held_out_pair(
    splits: dict[str, SplitTensors],
) -> None:
    data = prepare(splits)
    assert data.composer is not None
    config = make_config(split_scheme="compositional", composed_share=0.9, difficult_share=0.0)
    _, labels = data.sample(3000, config, 0, None)  # type: ignore[arg-type]  # no difficult ones
    assert labels.bool().sum(dim=1).max() > 4
    assert not has_held_out_pair(labels).any()
    # Without the exclusion, composed punks would have these pairs.
    everything = data.composer.compose(3000, np.random.default_rng(0)).labels
    assert has_held_out_pair(everything).any()


def test_no_composed_punk_of_a_renderer_has_a_held_out_pair(
    splits: dict[str, SplitTensors],
) -> None:
    config = make_renderer_config(split_scheme="compositional")
    composed = compose_punks(splits["train"], 0, 3000, kept_out(config))
    assert composed is not None
    assert not has_held_out_pair(composed.labels).any()


def test_what_is_learned_does_not_depend_on_test_punks(splits: dict[str, SplitTensors]) -> None:
    """Layers draw training punks exactly, and no color is known that only test punks show."""
    data, train = prepare(splits), splits["train"]
    assert data.composer is not None
    layers = fit_layers(train.images.flatten(1).numpy(), train.labels.bool().numpy())
    drawn = layers.draw(train.labels.bool().numpy(), np.zeros(len(train), int))
    assert np.array_equal(drawn, train.images.flatten(1).numpy())
    composed = data.composer.compose(5000, np.random.default_rng(1)).images
    shown = torch.cat([train.images, composed]).flatten(1).long()
    can_be_known = torch.zeros(576, len(PALETTE), dtype=torch.bool)
    can_be_known[torch.arange(576), shown] = True
    assert not (data.pairs.bool() & ~can_be_known).any()


def test_few_shot_training_has_only_the_listed_punks(layered_root: Path) -> None:
    for count in (5, 10, 20):
        evaluator = Evaluator(f"few-{count}", layered_root)  # type: ignore[arg-type]
        rare = evaluator._rare
        train, test = evaluator.train, evaluator.load("test")
        assert train.labels[:, rare].sum() <= count * len(rare)
        assert not np.isin(test.punk_ids, train.punk_ids).any()
        assert not np.isin(evaluator.val.punk_ids, train.punk_ids).any()


def test_models_of_other_splits_are_refused(layered_root: Path) -> None:
    weights = Path(__file__).parents[3] / "punkmodels" / "weights"
    for name, folder in (("compositional", "classifier"), ("generate-unseen", "renderer")):
        evaluator = Evaluator(name, layered_root)  # type: ignore[arg-type]
        with pytest.raises(UsageError, match="has seen punks that the track"):
            answer_with_models(evaluator.track, evaluator._inputs, [weights / folder], CPU)


def test_inputs_do_not_tell_the_answers(layered_root: Path) -> None:
    allowed = {"punk_ids", "image_ids", "images", "fold"}
    for name in ("compositional", "few-5", "long-tail", "corruptions", "open-set"):
        evaluator = Evaluator(name, layered_root)  # type: ignore[arg-type]
        assert set(evaluator.inputs) <= allowed
    assert set(Evaluator("generate-unseen", layered_root).inputs) == {
        "punk_ids",
        "labels",
        "skin_tones",
    }
