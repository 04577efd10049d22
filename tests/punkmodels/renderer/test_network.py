from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from punkdata.errors import DataError, UsageError
from punkdata.images.palette import PALETTE
from punkdata.traits import LABELS, decode_labels, encode_labels
from punkmodels.classifier.classifier import predict_logits
from punkmodels.classifier.networks import logits_to_labels
from punkmodels.classifier.pretrained import BUNDLED_CLASSIFIER, load_classifier
from punkmodels.data.palette import (
    SKIN_TONE_COLORS,
    SKIN_TONE_PIXEL,
    color_counts,
    detect_skin_tones,
)
from punkmodels.data.splits import SplitTensors
from punkmodels.renderer.evaluate import SCORE_NAMES
from punkmodels.renderer.network import (
    BUNDLED_RENDERER,
    CONDITION_DIM,
    Renderer,
    conditions_from_labels,
    encode_condition,
    export_renderer,
    labels_from_names,
    load_renderer,
    read_renderer_config,
)
from punkmodels.training.pretrained import WEIGHTS_FILE, write_tensors
from punkmodels.training.run_dir import read_config

MALE, FEMALE = (
    torch.from_numpy(encode_labels(punk_type, ["Pipe", "VR"]))[None]
    for punk_type in ("Male", "Female")
)


def make_renderer() -> Renderer:
    """Return a renderer of two colors, of which 3 is more frequent, at position 7 only."""
    images = torch.full((4, 24, 24), 5, dtype=torch.uint8)
    images[:3, 0, 7] = 3
    return Renderer(color_counts(images))


def test_condition_has_an_entry_for_each_trait() -> None:
    condition = encode_condition(MALE, torch.tensor([2]))
    assert condition.shape == (1, CONDITION_DIM) == (1, 92 + 87 + 4)
    assert condition.dtype == torch.float32
    entries = condition[0].nonzero()[:, 0].tolist()
    assert entries == [*(LABELS.index(name) for name in ("Male", "Pipe", "VR")), 92 + 87 + 1]


def test_female_accessories_are_repeated() -> None:
    condition = encode_condition(FEMALE, torch.tensor([0]))[0]
    assert torch.equal(condition[:92], FEMALE[0].float())
    assert torch.equal(condition[92:-4], FEMALE[0, 5:].float())
    assert not condition[-4:].any(), "skin tone 0 sets no entry"


def test_skin_tone_is_detected_by_the_neck() -> None:
    sprites = torch.zeros(5, 24, 24, dtype=torch.uint8)
    row, column = SKIN_TONE_PIXEL
    for i, rgb in enumerate(SKIN_TONE_COLORS):
        sprites[i, row, column] = PALETTE.tolist().index([*rgb, 255])
    assert detect_skin_tones(sprites).tolist() == [1, 2, 3, 4, 0]


def test_untrained_renderer_draws_the_most_frequent_color() -> None:
    sprites = make_renderer()(torch.ones(2, CONDITION_DIM))
    assert (sprites.shape, sprites.dtype) == ((2, 24, 24), torch.uint8)
    assert sprites[0, 0, 7] == 3
    sprites[:, 0, 7] = 5
    assert (sprites == 5).all()


def test_nll_is_that_of_the_color_frequencies() -> None:
    images = torch.full((2, 24, 24), 5, dtype=torch.uint8)
    images[0, 0, 7] = 3
    nll = make_renderer().nll(torch.zeros(2, CONDITION_DIM), images)
    assert nll.exp().tolist() == pytest.approx([4 / 3, 4])


def test_condition_with_the_highest_z_order_decides_the_color() -> None:
    model = make_renderer()
    pairs = [int(model.pairs[7, entry]) for entry in range(2)]
    assert model.colors[7, :2].tolist() == [3, 5]
    with torch.no_grad():
        for condition in (0, 1):  # Condition 0 wants color 3, and condition 1 wants color 5.
            model.weight[pairs[condition], condition] = 3.0
            model.weight[pairs[1 - condition], condition] = -3.0
    both = torch.zeros(1, CONDITION_DIM)
    both[0, :2] = 1
    for top, color in ((0, 3), (1, 5)):
        with torch.no_grad():
            model.z_order[:2] = 0
            model.z_order[top] = 1
        assert model(both)[0, 0, 7] == color


def test_renderer_learns_to_draw_conditions(train: SplitTensors) -> None:
    images = train.images[:8]
    condition = torch.eye(CONDITION_DIM)[:8]
    model = Renderer(color_counts(train.images))
    optimizer = torch.optim.Adam(model.parameters(), 0.1)
    for _ in range(40):
        optimizer.zero_grad()
        model.nll(condition, images).mean().backward()
        optimizer.step()
    assert torch.equal(model(condition), images)
    assert not torch.equal(model(condition.roll(1, 0)), images)


PLAIN_MALE, ZOMBIE = (labels_from_names(name, [])[None] for name in ("Male", "Zombie"))


def test_names_match_in_any_case() -> None:
    labels = labels_from_names("zombie", ["3d glasses", " PIPE"])
    names = [LABELS[i] for i in labels.nonzero()[:, 0].tolist()]
    assert names == ["Zombie", "3D Glasses", "Pipe"]


@pytest.mark.parametrize(
    ("skin_tones", "expected"),
    [(None, [1, 2, 3, 4, 1]), (3, [3] * 5), (torch.tensor([4, 4, 1, 2, 3]), [4, 4, 1, 2, 3])],
)
def test_skin_tones_alternate_unless_they_are_given(
    skin_tones: torch.Tensor | int | None, expected: list[int]
) -> None:
    condition = conditions_from_labels(PLAIN_MALE.expand(5, -1), skin_tones)
    assert (condition[:, -4:].argmax(dim=1) + 1).tolist() == expected
    assert (condition[:, -4:].sum(dim=1) == 1).all()


def test_only_humans_have_a_skin_tone() -> None:
    condition = conditions_from_labels(torch.cat([PLAIN_MALE, ZOMBIE]), 2)
    assert condition[:, -4:].tolist() == [[0, 1, 0, 0], [0, 0, 0, 0]]
    with pytest.raises(UsageError, match="only Female and Male punks have a skin tone"):
        conditions_from_labels(ZOMBIE, 2)


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ((None, ["Pipe"]), r"the type is missing; add type= with one of: Alien, Ape"),
        (("Robot", []), r'there is no type "Robot"; choose from: Alien, Ape'),
        (("Male", ["Mohawc"]), r'no accessory "Mohawc"; did you mean Mohawk'),
        (("Female", ["Goat"]), r"Goat; .* add allow_impossible=True"),
    ],
)
def test_unsupported_traits_are_refused(traits: tuple[str | None, list[str]], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        labels_from_names(*traits)


def test_impossible_combinations_can_be_allowed() -> None:
    assert labels_from_names("Female", ["Goat", "Big Beard"], allow_impossible=True).sum() == 3


CPU = torch.device("cpu")


@pytest.fixture
def exported(trained: Path, tmp_path: Path) -> Path:
    export_renderer(trained, tmp_path / "weights")
    return tmp_path / "weights"


def test_exported_weights_draw_like_the_run(trained: Path, exported: Path) -> None:
    condition = conditions_from_labels(labels_from_names("Male", ["Pipe"]).expand(4, -1))
    run, weights = (load_renderer(folder, CPU) for folder in (trained, exported))
    assert torch.allclose(weights.logits(condition), run.logits(condition), atol=0.1)
    assert read_config(exported)["trained"] == {"finished": True}


@pytest.mark.parametrize("damage", ["missing table", "empty position", "shape", "nan"])
def test_weights_that_do_not_fit_are_refused(damage: str, exported: Path) -> None:
    tensors = load_file(exported / WEIGHTS_FILE)
    if damage == "missing table":
        del tensors["occurs"]
    if damage == "empty position":
        tensors["occurs"][7] = False
    if damage == "shape":
        tensors["weight"] = tensors["weight"][:, :92]
    if damage == "nan":
        tensors["weight"][0, 0] = torch.nan
    write_tensors(exported / WEIGHTS_FILE, tensors)
    with pytest.raises(DataError, match="the weights of"):
        load_renderer(exported, CPU)


@pytest.mark.parametrize(
    "change", [{"task": "dcgan"}, {"options": {"conditional": "labels"}}], ids=str
)
def test_run_of_another_model_is_refused(
    change: dict[str, object], trained: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(trained, tmp_path / "run")
    (run / "config.json").write_text(json.dumps(read_config(run) | change))
    with pytest.raises(DataError, match="is not a renderer of this version of punkmodels"):
        read_renderer_config(run)


def test_bundled_renderer_follows_its_conditions() -> None:
    traits = [("Zombie", ["3D Glasses"]), ("Female", ["Pipe", "Tiara"]), ("Alien", ["Hoodie"])]
    labels = torch.stack([labels_from_names(*punk) for punk in traits]).repeat_interleave(4, dim=0)
    sprites = load_renderer(BUNDLED_RENDERER, CPU)(conditions_from_labels(labels))
    predicted = logits_to_labels(
        predict_logits(load_classifier(BUNDLED_CLASSIFIER, CPU), sprites)
    ).numpy()
    for i, (punk_type, accessories) in enumerate(traits):
        for row in predicted[4 * i : 4 * i + 4]:
            assert decode_labels(row) == (punk_type, tuple(accessories))
    assert detect_skin_tones(sprites)[4:8].tolist() == [1, 2, 3, 4]


def test_bundled_weights_are_small_and_have_scores() -> None:
    assert (BUNDLED_RENDERER / WEIGHTS_FILE).stat().st_size < 2e6
    scores = read_config(BUNDLED_RENDERER)["scores"]
    assert set(scores["unseen"]) == set(scores["seen"]) == set(SCORE_NAMES)
    assert scores["unseen"]["pixel_exact_match"] >= 0.985
    assert scores["seen"]["pixel_exact_match"] == 1
