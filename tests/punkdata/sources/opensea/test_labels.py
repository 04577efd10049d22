from __future__ import annotations

from typing import Any

import pytest

from punkdata.sources.opensea.api.schemas import Nft
from punkdata.sources.opensea.labels import ParsedTraits, find_trait_label, parse_traits
from punkdata.traits import ACCESSORIES, LABELS, TYPES


def parse(*traits: tuple[Any, Any]) -> ParsedTraits:
    pairs = [{"trait_type": kind, "value": value} for kind, value in traits]
    nft = Nft.model_validate({"identifier": "7", "traits": pairs})
    return parse_traits(nft.traits or ())


def test_case_and_order_do_not_matter() -> None:
    parsed = parse(("Accessory", "vr"), ("TYPE", "zombie"), ("accessory", "3d glasses"))
    assert parsed == ParsedTraits(("Zombie", ("3D Glasses", "VR")), "", ())


@pytest.mark.parametrize("kind", ["accessory", "Attribute", "Trait", "Wearable 1", "", None, 5, []])
def test_known_value_is_resolved_under_any_trait_type(kind: Any) -> None:
    for name in ACCESSORIES:
        parsed = parse(("type", "Ape"), (kind, name), (kind, name.upper()))
        assert parsed == ParsedTraits(("Ape", (name,)), "", ())
    for name in TYPES:
        assert parse((kind, name)).labels == (name, ())


@pytest.mark.parametrize("kind", ["type", "Gender", None])
@pytest.mark.parametrize("tone", ["{} 1", "{} 4", "{}2", "{} #3", "{}_12", " {}\t1 "])
def test_type_may_carry_its_skin_tone(kind: Any, tone: str) -> None:
    for name in TYPES:
        assert parse((kind, tone.format(name)), (kind, name)).labels == (name, ())


@pytest.mark.parametrize("value", ["Earring 2", "Male 123", "Male two", "2", "", "-" * 5000 + "1"])
def test_other_values_with_numbers_are_no_labels(value: str) -> None:
    assert find_trait_label(value) is None


def test_every_label_means_itself() -> None:
    assert [find_trait_label(name) for name in LABELS] == list(LABELS)


def test_attribute_count_is_compared_with_the_accessories() -> None:
    parsed = parse(("type", "Ape"), ("accessory", "2 attributes"), ("accessory", "Cap"))
    assert (parsed.labels, parsed.problem) == (None, "has 2 attributes but lists 1")
    assert parse(("type", "Ape"), ("", "1 Attributes"), ("x", "Cap")).labels == ("Ape", ("Cap",))


def test_unknown_values_of_other_trait_types_are_ignored_and_kept() -> None:
    parsed = parse(("type", "Ape"), ("level", 3), ("rank", None), ("", "x"), ("B" * 99, "y" * 99))
    assert parsed.labels == ("Ape", ())
    assert parsed.ignored == (("level", "3"), ("rank", ""), ("", "x"), ("B" * 40, "y" * 40))


def test_trait_type_decides_between_two_types() -> None:
    parsed = parse(("Gender", "Male"), ("Type", "Zombie"))
    assert parsed == ParsedTraits(("Zombie", ()), "", (("Gender", "Male"),))


@pytest.mark.parametrize(
    ("traits", "problem"),
    [
        ((), "has no type among its traits"),
        ((("type", "Cap"),), "has no type among its traits"),
        (
            (("Fur", "red"), ("x", "Cap")),
            "has no type among its traits; unknown trait types: 'Fur'",
        ),
        ((("type", "Ape"), ("type", "Alien")), "has 2 types among its traits (Alien, Ape)"),
        ((("x", "Ape"), ("y", "Alien")), "has 2 types among its traits (Alien, Ape)"),
        ((("type", "Robot"),), "has the unknown type 'Robot'"),
        ((("type", "Ape"), ("accessory", "Sword")), "has the unknown accessory 'Sword'"),
        ((("type", "Ape"), ("Attribute", None)), "has the unknown attribute ''"),
        ((("type", "Ape"), ("attribute", 10**50)), f"has the unknown attribute '1{'0' * 39}'"),
    ],
)
def test_traits_that_are_not_one_punk_are_a_problem(traits: Any, problem: str) -> None:
    parsed = parse(*traits)
    assert (parsed.labels, parsed.problem) == (None, problem)
