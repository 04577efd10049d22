from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from support.layered_punks import SKINS, LayeredPunks

from punkdata.analysis.layers import SKIN_PIXEL
from punkdata.traits import TYPES
from punkmodels.classifier.config import ClassifierConfig, make_config
from punkmodels.classifier.evaluate import SUITES, make_suites_table, score_suites
from punkmodels.classifier.train_data import TrainData, compose_examples, prepare_train_data
from punkmodels.classifier.train_state import TrainState
from punkmodels.data.splits import SplitTensors
from punkmodels.renderer.compositions import Composer
from punkmodels.renderer.suites import load_suites


def make_split(punks: LayeredPunks, count: int) -> SplitTensors:
    """Synthetic punks with one skin for each type, because these skins are no skin tones."""
    images, labels = punks.generate(count)
    first = np.array([SKINS[TYPES[row]][0] for row in labels[:, : len(TYPES)].argmax(axis=1)])
    rows = images[:, SKIN_PIXEL] == first
    tensor = torch.from_numpy(labels[rows]).float()
    sprites = torch.from_numpy(images[rows]).view(-1, 24, 24)
    return SplitTensors(np.arange(len(sprites)), sprites, tensor, tensor, True, "v", "hash", Path())


@pytest.fixture(scope="module")
def splits() -> list[SplitTensors]:
    punks = LayeredPunks()
    return [make_split(punks, count) for count in (1500, 150, 150)]


def prepare(splits: list[SplitTensors], config: ClassifierConfig) -> TrainData:
    return prepare_train_data(splits[0], splits[1], config, torch.device("cpu"))


def test_ridge_regression_recognizes_outfits_that_no_punk_has(splits: list[SplitTensors]) -> None:
    data = prepare(splits, make_config(model="ridge"))
    model = TrainState.create(make_config(model="ridge"), data).model.eval()
    scores = score_suites(model, load_suites(*splits, count=20, names=SUITES))
    assert {"new_sets", "many_accessories"} <= scores.keys()
    assert all(suite["exact_match"] > 0.6 for suite in scores.values())
    table = make_suites_table(scores).to_markdown()
    assert table.splitlines()[0].startswith("| legal outfits | new sets |")


def test_epochs_mix_composed_punks_with_real_ones(splits: list[SplitTensors]) -> None:
    config = make_config(composed_share=0.5)
    data = prepare(splits, config)
    state = TrainState.create(config, data)

    def sample(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        torch.manual_seed(0)
        return data.sample(200, config, seed, state.ema)

    images, labels = sample(1)
    assert (images.shape, labels.shape) == ((200, 24, 24), (200, 92))
    real = {image.numpy().tobytes() for image in splits[0].images}
    num_real = sum(image.numpy().tobytes() in real for image in images)
    assert 100 <= num_real < 150
    assert torch.equal(images, sample(1)[0])
    assert not torch.equal(images, sample(2)[0])
    assert state.steps_per_epoch == math.ceil(2 * len(splits[0]) / config.batch_size)


def test_composed_examples_have_visible_labels(splits: list[SplitTensors]) -> None:
    composer = Composer.fit(splits[0])
    assert composer is not None
    visible, raw = (
        compose_examples(composer, 100, make_config(visible_only=visible_only), seed=0)
        for visible_only in (True, False)
    )
    assert torch.equal(visible[0], raw[0])
    assert (visible[1] <= raw[1]).all()
    types, _ = compose_examples(composer, 100, make_config(task="type"), seed=0)[1].max(dim=1)
    assert (types == 1).all()
