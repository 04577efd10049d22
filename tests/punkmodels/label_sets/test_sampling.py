from __future__ import annotations

import pytest
import torch

from punkdata.errors import UsageError
from punkdata.traits import encode_labels
from punkmodels.label_sets.encoding import encode_label_sets, is_possible
from punkmodels.label_sets.network import LabelSetModel
from punkmodels.label_sets.real import is_new, load_real_codes
from punkmodels.label_sets.sampling import PunkSampler, fix_values
from punkmodels.renderer.network import Renderer, conditions_from_labels, load_bundled_renderer

ANYTHING = fix_values(None, [], None)


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return load_bundled_renderer()


@pytest.fixture(scope="module")
def sampler(model: LabelSetModel, renderer: Renderer) -> PunkSampler:
    return PunkSampler(model, renderer)


def test_sprites_are_those_of_the_labels(sampler: PunkSampler, renderer: Renderer) -> None:
    punks = sampler.sample(20, 0, ANYTHING)
    assert is_possible(encode_label_sets(punks.labels, punks.skin_tones)).all()
    drawn = renderer(conditions_from_labels(punks.labels, punks.skin_tones))
    assert torch.equal(punks.sprites, drawn)


@pytest.mark.parametrize("novel", [False, True])
def test_a_larger_count_extends_the_punks_of_a_smaller_one(
    sampler: PunkSampler, novel: bool
) -> None:
    few, many = (sampler.sample(count, 3, ANYTHING, novel=novel) for count in (5, 30))
    assert torch.equal(few.sprites, many.sprites[:5])
    assert not torch.equal(sampler.sample(5, 4, ANYTHING).sprites, few.sprites)


def test_uncertain_sprites_are_sampled_again(model: LabelSetModel, renderer: Renderer) -> None:
    first = PunkSampler(model, renderer, 0).sample(60, 0, ANYTHING)
    limit = first.certainty.median().item()
    second = PunkSampler(model, renderer, limit).sample(60, 0, ANYTHING)
    is_certain = first.certainty >= limit
    assert 0 < is_certain.sum() < 60
    assert torch.equal(first.sprites[is_certain], second.sprites[is_certain])
    assert (second.certainty >= first.certainty).all()
    assert second.certainty.min() > first.certainty.min()


def test_the_most_certain_punk_is_kept_if_none_is_certain_enough(
    model: LabelSetModel, renderer: Renderer
) -> None:
    first, best = (PunkSampler(model, renderer, at).sample(9, 0, ANYTHING) for at in (0, 1.1))
    assert (best.certainty >= first.certainty).all()
    assert (best.certainty > first.certainty).any()


def test_novel_punks_are_new(sampler: PunkSampler, renderer: Renderer) -> None:
    punks = sampler.sample(40, 0, ANYTHING, novel=True)
    assert is_new(punks.labels, punks.skin_tones, renderer).all()
    plain = sampler.sample(40, 0, ANYTHING)
    assert 0 < is_new(plain.labels, plain.skin_tones, renderer).sum() < 40


def test_no_novel_punk_is_found_if_all_of_its_traits_are_fixed(
    model: LabelSetModel, renderer: Renderer
) -> None:
    values, is_fixed = fix_values("Male", [], 1)
    is_fixed[:] = True  # A Male without accessories, which real punks are.
    with pytest.raises(UsageError, match="no new punk with these traits; fix fewer traits"):
        PunkSampler(model, renderer).sample(1, 0, (values, is_fixed), novel=True)


def test_real_label_sets_are_not_new(renderer: Renderer) -> None:
    traits = [
        ("Alien", ["Cap Forward", "Pipe", "Small Shades"]),  # Punk 7804.
        ("Alien", ["Cap Forward", "Pipe"]),
        ("Female", []),
    ]
    labels = torch.stack([torch.from_numpy(encode_labels(*each)) for each in traits])
    assert is_new(labels, torch.tensor([0, 0, 3]), renderer).tolist() == [False, True, False]


def test_covered_accessories_do_not_make_a_punk_new(renderer: Renderer) -> None:
    """An earring under long hair changes no pixel, so the punk without it is the same."""
    outfits = ["Straight Hair"], ["Straight Hair", "Earring"]
    labels = torch.stack([torch.from_numpy(encode_labels("Female", each)) for each in outfits])
    plain, with_earring = renderer(conditions_from_labels(labels, 1))
    assert torch.equal(plain, with_earring)
    first, second = is_new(labels, torch.tensor([1, 1]), renderer).tolist()
    assert first == second


def test_real_label_sets_are_distinct_and_ascending() -> None:
    codes = load_real_codes()
    assert 6000 < len(codes) < 10_000
    assert (codes[1:] > codes[:-1]).all()
