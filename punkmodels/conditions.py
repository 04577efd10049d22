"""What generators can be conditioned on. Commands check it before they load PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from punkdata.errors import UsageError
from punkmodels.hub import find_repository
from punkmodels.models import BUNDLED_FOLDERS, GENERATOR_TASKS, is_bundled
from punkmodels.training.run_dir import read_config

Conditional = Literal["none", "type", "labels", "traits"]


def read_conditional(folder: Path) -> Conditional:
    """Return what the generator in a folder is conditioned on.

    "labels" includes the skin tone; "traits" are any of the labels and the skin tone.
    """
    config = read_config(folder)
    if config.get("task") == "renderer":
        return "labels"
    if config.get("task") == "label-sets":
        return "traits"
    return "type" if config.get("options", {}).get("conditional") == "type" else "none"


def generator_name(folder: Path) -> str:
    """Return the name of a bundled generator or of one on the Hub, or else its folder."""
    if is_bundled(folder):
        # The bundled model of the first task is simply called "bundled".
        names = {folder: name for name, folder in BUNDLED_FOLDERS.items()}
        return "bundled" if folder.name == GENERATOR_TASKS[0] else names[folder.name]
    return find_repository(folder) or str(folder)


def check_condition(
    folder: Path,
    *,
    has_type: bool,
    has_accessories: bool,
    has_skin_tone: bool,
    has_labels: bool,
    only: bool,
    novel: bool,
    allow_impossible: bool,
) -> None:
    """Raise UsageError if a generator needs a condition that is missing, or supports no such one.

    The arguments are those of `Generator.generate`, or whether they are given.
    """
    name, conditional = generator_name(folder), read_conditional(folder)
    is_given = has_type or has_accessories or has_skin_tone or has_labels
    if conditional == "traits":
        is_exact = only or has_labels
        _check_sampling(is_exact=is_exact, novel=novel, allow_impossible=allow_impossible)
    elif novel or (only and conditional != "labels"):
        option = "novel" if novel else "only"
        raise UsageError(
            f"{name} does not sample label sets, which {option}=True needs",
            hint='use model="bundled"',
        )
    elif conditional == "none" and is_given:
        raise UsageError(
            f"{name} is unconditional", hint='use model="bundled" to choose a type or accessories'
        )
    elif conditional != "none" and not is_given:
        raise UsageError(f"{name} is conditional", hint="add type= or labels=")
    if conditional == "type" and (has_accessories or has_skin_tone):
        raise UsageError(
            f"{name} is conditioned on the type only", hint="leave out accessories= and skin_tone="
        )
    if has_labels and (has_type or has_accessories):
        raise UsageError(
            "labels= already sets type and accessories",
            hint="leave out type= and accessories=, or labels=",
        )


def _check_sampling(*, is_exact: bool, novel: bool, allow_impossible: bool) -> None:
    """Raise UsageError for options of a model of label sets that exclude each other."""
    if novel and is_exact:
        raise UsageError(
            "novel=True samples traits, but all of them are given",
            hint="leave out novel=True, or only=True and labels=",
        )
    if allow_impossible and not is_exact:
        raise UsageError(
            "only possible traits are sampled", hint="add only=True, or leave out allow_impossible="
        )
