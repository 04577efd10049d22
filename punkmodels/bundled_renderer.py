"""The bundled renderer as a function that draws one punk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PIL import Image

from punkdata.images.palette import PALETTE
from punkmodels.arguments import NUM_SKIN_TONES, require_int
from punkmodels.renderer.network import (
    conditions_from_labels,
    labels_from_names,
    load_bundled_renderer,
)


def draw(
    type: str,  # noqa: A002  # the field's word
    *accessories: str | Sequence[str],
    skin_tone: int | None = None,
    scale: int = 16,
    allow_impossible: bool = False,
) -> Image.Image:
    """Draw the punk with these traits, with the bundled renderer.

    Args:
        type: "Alien", "Ape", "Female", "Male" or "Zombie". The case of all names is ignored.
        accessories: Names of accessories, see `punkdata.ACCESSORIES`, or a list of them.
        skin_tone: Skin tone of Female and Male punks, 1 (darkest, the default) to 4.
        scale: Factor of nearest-neighbor upscaling; 1 returns the sprite itself, 24x24.
        allow_impossible: Whether to accept combinations of traits that no real punk can have.

    Returns:
        An RGBA image of 24 * `scale` pixels squared, with a transparent background.

    Raises:
        UsageError: A name is unknown, no punk can have these traits, or a number is out of range.

    Example:
        >>> punkmodels.draw("Zombie", "3D Glasses").show()
    """
    require_int("scale", scale, 1, 100)
    names: list[Any] = []
    for item in accessories:
        names += item if isinstance(item, list | tuple) else [item]
    labels = labels_from_names(type, names, allow_impossible=allow_impossible)[None]
    if skin_tone is not None:
        require_int("skin_tone", skin_tone, 1, NUM_SKIN_TONES)
    indices = load_bundled_renderer()(conditions_from_labels(labels, skin_tone))[0]
    sprite = Image.fromarray(PALETTE[indices.numpy()])
    return sprite.resize((sprite.width * scale, sprite.height * scale), Image.Resampling.NEAREST)
