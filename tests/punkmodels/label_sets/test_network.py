from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from punkdata.errors import DataError
from punkdata.traits import TYPES
from punkmodels.label_sets.encoding import NUM_VARIABLES, SKIN_TONE, TYPE, VALUE_SLICES, is_possible
from punkmodels.label_sets.network import BUNDLED_LABEL_SETS, LabelSetModel, load_label_sets
from punkmodels.label_sets.sampling import fix_values

CPU = torch.device("cpu")


def uniform(count: int, seed: int = 0) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.rand(count, NUM_VARIABLES, dtype=torch.float64, generator=random)


def sample(model: LabelSetModel, count: int, *fixed: object) -> torch.Tensor:
    values, is_fixed = fix_values(*(fixed or (None, [], None)))  # type: ignore[arg-type]
    return model.sample(values.expand(count, -1), is_fixed.expand(count, -1), uniform(count))


def test_variables_depend_on_those_before_them_and_on_known_ones(model: LabelSetModel) -> None:
    values = sample(model, 40)
    nothing = torch.zeros_like(values, dtype=torch.bool)
    others = values.flip(0)
    for i in range(NUM_VARIABLES):
        changed = torch.cat([values[:, :i], others[:, i:]], dim=1)
        before, part = VALUE_SLICES[i].stop, VALUE_SLICES[i]
        assert torch.equal(model(values, nothing)[:, :before], model(changed, nothing)[:, :before])
        if i + 1 < NUM_VARIABLES:
            known = nothing.clone()
            known[:, -1] = True
            given = model(values, known)[:, part], model(others, known)[:, part]
            assert not torch.equal(*given), "a known later variable matters"


def test_log_probabilities_sum_to_one_for_each_variable(model: LabelSetModel) -> None:
    values = sample(model, 40)
    known = uniform(40, 1) < 0.3
    probabilities = model(values, known).exp()
    for i, part in enumerate(VALUE_SLICES):
        unknown = ~known[:, i]
        assert torch.allclose(probabilities[unknown, part].sum(dim=1), torch.ones(1).double())


def test_samples_are_possible_whatever_is_fixed(model: LabelSetModel) -> None:
    for fixed in [(None, [], None), ("Ape", ["Pipe"], None), (None, ["Tiara", "Mole"], 4)]:
        values, is_fixed = fix_values(*fixed)
        sampled = sample(model, 200, *fixed)
        assert is_possible(sampled).all()
        assert (sampled == values)[:, is_fixed].all()


def test_frequencies_of_samples_are_the_probabilities(model: LabelSetModel) -> None:
    sampled = sample(model, 4000)
    nothing = torch.zeros(1, NUM_VARIABLES, dtype=torch.bool)
    expected = model(torch.zeros(1, NUM_VARIABLES).long(), nothing).exp()[0, VALUE_SLICES[TYPE]]
    found = torch.bincount(sampled[:, TYPE], minlength=len(TYPES)) / 4000
    assert torch.allclose(found.double(), expected, atol=0.03)


def test_traits_later_in_the_order_change_the_earlier_ones(model: LabelSetModel) -> None:
    # 315 of the 317 punks with a Medical Mask or a Vape... are humans; beanies are worn by males.
    types = sample(model, 200, None, ["Beanie"], None)[:, TYPE]
    assert (types == TYPES.index("Male")).float().mean() > 0.9
    tones = sample(model, 200, None, ["Tiara"], 2)
    assert (tones[:, TYPE] == TYPES.index("Female")).all()
    assert (tones[:, SKIN_TONE] == 2).all()


def test_conditional_sampling_agrees_with_the_joint_distribution(model: LabelSetModel) -> None:
    """Fixing an accessory gives the frequencies that rejection sampling finds, approximately."""
    values, is_fixed = fix_values(None, ["Earring"], None)
    (column,) = torch.nonzero(is_fixed)[:, 0].tolist()
    joint = sample(model, 4000)
    accepted = joint[joint[:, column] == values[column]]
    fixed = sample(model, 2000, None, ["Earring"], None)
    for i in range(NUM_VARIABLES):
        size = VALUE_SLICES[i].stop - VALUE_SLICES[i].start
        found, expected = (
            torch.bincount(each[:, i], minlength=size) / len(each) for each in (fixed, accepted)
        )
        assert (found - expected).abs().sum() / 2 < 0.15


def test_a_sample_depends_only_on_its_own_random_numbers(model: LabelSetModel) -> None:
    values = torch.zeros(50, NUM_VARIABLES, dtype=torch.int64)
    numbers = uniform(50)
    whole = model.sample(values, values.bool(), numbers)
    assert torch.equal(model.sample(values[:7], values[:7].bool(), numbers[:7]), whole[:7])


def test_nll_of_known_values_is_zero(model: LabelSetModel) -> None:
    values = sample(model, 10)
    everything = torch.ones_like(values, dtype=torch.bool)
    assert (model.nll(values, everything) == 0).all()
    assert (model.nll(values) > 0).all()


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    folder = shutil.copytree(BUNDLED_LABEL_SETS, tmp_path / "weights")
    config = (folder / "config.json").read_text()
    (folder / "config.json").write_text(config.replace('"width": 256', '"width": 100'))
    with pytest.raises(DataError, match="do not match the network"):
        load_label_sets(folder, CPU)
    (folder / "config.json").write_text(config.replace("label-sets", "renderer"))
    with pytest.raises(DataError, match="is not a model of label sets of this version"):
        load_label_sets(folder, CPU)
