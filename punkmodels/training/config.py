"""Training configurations: their base class, validation with short errors, and lists of options.

A key such as `optimizer.lr` names an option of a nested one. Modules that define configurations
import no torch, so that commands can list the options fast.
"""

import difflib
import operator
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from punkdata.arguments import describe
from punkdata.errors import UsageError, plain_requirement
from punkmodels.choices import COUNT, SEED, THREADS, TOTAL_IMAGES, Bounds

Count = Annotated[int, Field(ge=COUNT.low, le=COUNT.high)]
TotalImages = Annotated[int, Field(ge=TOTAL_IMAGES.low, le=TOTAL_IMAGES.high)]
Seed = Annotated[int, Field(ge=SEED.low, le=SEED.high)]
NumThreads = Annotated[int, Field(ge=THREADS.low, le=THREADS.high)]
Dim = Annotated[int, Field(ge=1, le=4096)]
Fraction = Annotated[float, Field(ge=0, le=1)]
MAX_SHOWN = 80  # characters of a value in a message
_BOUNDS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}


class TrainingConfig(BaseModel):
    """Base class of training configurations; attribute docstrings describe the options to users."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )
    command: ClassVar[str] = ""
    """Argument of `punkmodels options` that lists the options."""


Config = TypeVar("Config", bound=TrainingConfig)


class Option(NamedTuple):
    """An option; `type` has bounds or values, `variants` other defaults by the names of presets."""

    key: str
    type: str
    default: Any
    variants: dict[str, Any]
    description: str


def merge_options(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Merge nested dictionaries of options; later ones take precedence."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            if isinstance(value, dict) and isinstance(old := merged.get(key), dict):
                merged[key] = merge_options(old, value)
            else:
                merged[key] = value
    return merged


def nest_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options with keys such as `optimizer.lr` as nested dictionaries."""
    nested: dict[str, Any] = {}
    for key, value in options.items():
        *groups, name = key.split(".")
        option: dict[str, Any] = {name: value}
        for group in reversed(groups):
            option = {group: option}
        nested = merge_options(nested, option)
    return nested


def validate_config(kind: type[Config], options: Mapping[str, Any]) -> Config:
    """Return the configuration with these options, nested dictionaries of values or strings.

    Raises UsageError with one line that names the key, the value, and what is allowed.
    """
    try:
        return kind.model_validate(options)
    except ValidationError as caught:
        error = caught
    first = error.errors()[0]
    key = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        similar = _similar_keys(key, list(dict(walk_fields(kind))))
        question = f"did you mean {' or '.join(similar)}? " if similar else ""
        raise UsageError(
            f"there is no training option {key}",
            hint=f"{question}list all: punkmodels options {kind.command}".strip(),
        )
    if first["type"] == "model_type":
        raise UsageError(
            f"{key} is a group of options, which cannot be {describe(first['input'])}",
            hint=f"list its options: punkmodels options {kind.command}".strip(),
        )
    raise UsageError(describe_problem(error))


def describe_problem(error: ValidationError) -> str:
    """Return the first problem of an invalid configuration in plain words.

    For example "optimizer.lr = 2: must be at most 1", or "data.version is missing".
    """
    first = error.errors()[0]
    key, message = ".".join(map(str, first["loc"])), plain_requirement(first["msg"])
    if first["type"] in ("missing", "extra_forbidden") or not key:
        return f"{key} {message}".strip()
    value = str(first["input"])
    shown = value if len(value) <= MAX_SHOWN else f"{value[:MAX_SHOWN]}…"
    return f"{key} = {shown}: {message}"


def require_in_bounds(name: str, value: int | None, bounds: Bounds) -> None:
    """Raise UsageError unless an argument is None or an integer within its bounds."""
    is_int = isinstance(value, int) and not isinstance(value, bool)
    if value is not None and not (is_int and bounds.low <= value <= bounds.high):
        raise UsageError(
            f"{name} must be an integer from {bounds.low:,} to {bounds.high:,}, not "
            f"{describe(value)}"
        )


def _similar_keys(key: str, keys: Sequence[str]) -> list[str]:
    """Return the keys with the same name, or with all of its words, or the most similar one."""
    name = key.replace("learning_rate", "lr").rpartition(".")[2]
    same = [other for other in keys if other.rpartition(".")[2] == name]
    words = set(name.split("_"))
    matches = same or [other for other in keys if words <= set(re.split(r"[._]", other))]
    return matches[:3] or difflib.get_close_matches(key, keys, n=1)


def list_options(defaults: TrainingConfig, variants: Mapping[str, TrainingConfig]) -> list[Option]:
    """Return all options of a configuration, with their defaults there and in its variants."""
    options = []
    for key, field in walk_fields(type(defaults)):
        get = operator.attrgetter(key)
        default, others = get(defaults), {name: get(config) for name, config in variants.items()}
        different = {name: v for name, v in others.items() if v not in (default, name)}
        description = " ".join((field.description or "").split())
        options.append(Option(key, _describe_type(field), default, different, description))
    return options


def walk_fields(kind: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Yield the key and the field of each option, those of groups included."""
    for name, field in kind.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from walk_fields(field.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name, field


def _describe_type(field: FieldInfo) -> str:
    annotation = field.annotation
    if get_origin(annotation) is Literal:
        return " | ".join(map(str, get_args(annotation)))
    name = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    bounds = [
        f"{symbol} {getattr(constraint, bound):,}"
        for constraint in field.metadata
        for bound, symbol in _BOUNDS.items()
        if hasattr(constraint, bound)
    ]
    return ", ".join([name, *bounds])
