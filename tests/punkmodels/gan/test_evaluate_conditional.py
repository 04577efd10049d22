from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from punkmodels.data.splits import load_split
from punkmodels.gan import evaluate_conditional, networks
from punkmodels.gan import train as training
from punkmodels.gan.config import make_config
from punkmodels.gan.evaluate_conditional import (
    ConditionalEvaluation,
    markdown,
    render_conditional_samples,
    rows,
)
from punkmodels.gan.train import train_dcgan

SMALL = {"width": 4, "z_dim": 8, "head_channels": 4}


@pytest.fixture(scope="module", autouse=True)
def quick_looks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "LOOKS", 1)
        patch.setattr(training, "DRAWN", 64)
        patch.setattr(networks, "BATCHES", 20)
        yield


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("asked")


@pytest.fixture(scope="module")
def result(built_root: Path, out: Path) -> ConditionalEvaluation:
    """Of a generator that was shown the very punks, a hundred times each."""
    options = {"total_images": 8000, "adversarial_start": 1.0, "lr": 5e-3, **SMALL}
    config = make_config(conditional="labels", skin_tone=True, **options)
    run = train_dcgan(built_root, out / "runs", config, threads=1)
    return evaluate_conditional.evaluate_conditional(run, built_root, draws=40, out=out / "asked")


def test_a_generator_that_was_shown_the_punks_draws_what_it_is_asked_for(
    result: ConditionalEvaluation,
) -> None:
    assert (result.unseen.draws, result.seen.draws) == (40, 40)
    assert result.unseen.label_sets <= 40
    assert result.skin_tone
    assert result.unseen.wrong_pixels_mean < 120, "of 576"
    assert 0 <= result.unseen.exact <= 1
    names = [label for label, _, _ in result.labels]
    assert len(set(names)) == len(names)


def test_it_is_written_as_json_table_and_picture(result: ConditionalEvaluation, out: Path) -> None:
    told = json.loads((out / "asked" / "metrics.json").read_text())
    assert told["unseen"]["exact"] == result.unseen.exact
    page = (out / "asked" / "metrics.md").read_text()
    assert page == markdown(result)
    assert "| score | unseen | seen |" in page
    assert "The tone was asked for, too." in page
    assert all(len(row) == 3 for row in rows(result))
    with Image.open(out / "asked" / "conditional_samples.png") as picture:
        assert picture.height % 96 == 0


def test_without_a_tone_the_nearest_of_four_counts(built_root: Path, tmp_path: Path) -> None:
    config = make_config(conditional="labels", total_images=64, **SMALL)
    run = train_dcgan(built_root, tmp_path, config, threads=1)
    result = evaluate_conditional.evaluate_conditional(run, built_root, draws=20)
    assert not result.skin_tone
    assert "Of the four tones the nearest counts" in markdown(result)


def test_the_picture_shows_what_differs_in_red(built_root: Path) -> None:
    part = load_split(built_root, "latest", "default", "val")
    exact = part.images[:2]
    drawn = exact.clone()
    drawn[1, 3, 4] = 9 if exact[1, 3, 4] != 9 else 8
    picture = render_conditional_samples(part.labels[:2].bool(), torch.tensor([0, 3]), drawn, exact)
    tiles = picture.crop((picture.width - 96, 0, picture.width, picture.height))
    red = torch.from_numpy(np.asarray(tiles).astype(int))
    is_red = (red[..., 0] > 150) & (red[..., 1] < 80)
    assert not is_red[:96].any()
    assert is_red[96:].nonzero().tolist() == [[12 + y, 16 + x] for y in range(4) for x in range(4)]
