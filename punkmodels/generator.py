"""Generated punks: the bundled renderer as a function, and generators of any kind as objects."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from punkdata.images.palette import PALETTE
from punkdata.images.sprite import SIDE_PX
from punkdata.progress import Progress, progress_bar
from punkdata.traits import TYPES
from punkmodels.arguments import NUM_SKIN_TONES, require_int, to_labels, to_skin_tones
from punkmodels.conditions import Conditional, check_condition, generator_name, read_conditional
from punkmodels.data.image_grid import check_grid_size, square_grid, to_hwc_pixels
from punkmodels.gan import generate as gan
from punkmodels.gan.networks import AnyGenerator
from punkmodels.models import find_model, warn_if_unfinished
from punkmodels.renderer.names import HUMAN_TYPES
from punkmodels.renderer.network import (
    conditions_from_labels,
    labels_from_names,
    load_bundled_renderer,
    load_renderer,
)
from punkmodels.training.device import pick_device
from punkmodels.training.run_dir import DEFAULT_RUNS

MAX_COUNT = 10**6
DEFAULT_COUNT, DEFAULT_COUNT_OF_A_TYPE = 64, 4


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


def load_generator(
    model: str | int | Path = "bundled",
    *,
    runs: str | Path = DEFAULT_RUNS,
    device: str | torch.device = "auto",
) -> Generator:
    """Load a trained generator: a GAN, or a renderer.

    Args:
        model: "bundled" for the GAN that is part of punkmodels, "bundled-conditional" for its
            renderer, a run (its path, its number, or "latest"), a folder of exported weights, or a
            model on the Hugging Face Hub ("owner/name" or "owner/name@revision").
        runs: Folder of all runs.
        device: "auto" for a GPU if there is one, "cpu", "cuda", "mps", or a torch device.

    Raises:
        UsageError: There is no such model or device, or the model is not a generator.
        DataError: The weights are damaged or belong to another version.

    Example:
        >>> generator = punkmodels.load_generator()
        >>> generator.generate(64, seed=0).shape
        (64, 24, 24, 4)
    """
    folder = find_model(model, runs, "dcgan", "renderer")
    warn_if_unfinished(folder)
    return Generator(folder, pick_device(device)[0])


class Generator:
    """A trained generator of images, which `load_generator` returns.

    Attributes:
        path: Folder of its weights.
        conditional: What it is conditioned on: "none", "type", or "labels" (type, accessories and
            skin tone).
        device: Device on which it computes.
        network: The PyTorch module.

    Example:
        >>> generator = punkmodels.load_generator("bundled-conditional")
        >>> generator.grid(type="Ape", accessories=["Cap", "Pipe"]).show()
    """

    path: Path
    conditional: Conditional
    device: torch.device
    network: torch.nn.Module

    def __init__(self, path: Path, device: torch.device) -> None:
        """Load the weights in a folder; raises DataError if they are damaged."""
        self.path, self.device = path, device
        self._is_punks = True
        self.conditional = read_conditional(path)
        if self.conditional == "labels":
            self.network = load_renderer(path, device)
        else:
            self._is_punks = not gan.read_dcgan_config(path).options.image_dir
            self.network = gan.load_generator(path, device)

    def generate(
        self,
        count: int | None = None,
        *,
        seed: int = 0,
        type: str | None = None,  # noqa: A002  # the field's word
        accessories: Sequence[str] = (),
        skin_tone: int | ArrayLike | None = None,
        labels: ArrayLike | torch.Tensor | None = None,
        allow_impossible: bool = False,
        progress: bool = False,
    ) -> NDArray[np.uint8]:
        """Generate images.

        Args:
            count: Number of images, at most a million. By default 64; or one for each row of
                `labels`, which are repeated if there are fewer; or with a `type`, 4 from a GAN, and
                all different ones from a renderer: one, or 4 in all skin tones.
            seed: Random seed of the latent noise. A larger count extends the images of a smaller
                one. A renderer uses no noise.
            type: "Alien", "Ape", "Female", "Male" or "Zombie", for a conditional generator.
            accessories: Names of accessories, for a renderer. The case of all names is ignored.
            skin_tone: Skin tone of Female and Male punks, 1 (darkest) to 4, for a renderer; or one
                for each row of `labels`, where 0 stands for punks without one. By default the four
                skin tones alternate.
            labels: Label vectors of 0 and 1, (N, 92), instead of `type` and `accessories`.
            allow_impossible: Whether to accept a type with accessories that no real punk can have.
            progress: Whether to show a progress bar.

        Returns:
            RGBA sprites, uint8 (count, 24, 24, 4). A GAN that was trained on other images returns
            them in their own size, with 1, 3 or 4 channels.

        Raises:
            UsageError: The generator does not support or needs a condition, or a value is wrong.
        """
        if count is not None:
            require_int("count", count, 1, MAX_COUNT)
        require_int("seed", seed, 0, 10**9)
        names = [accessories] if isinstance(accessories, str) else list(accessories)
        check_condition(
            self.path,
            has_type=type is not None,
            has_accessories=bool(names),
            has_skin_tone=skin_tone is not None,
            has_labels=labels is not None,
        )
        vectors = None
        if labels is not None:
            vectors = to_labels(labels)
            count = count or len(vectors)
        elif self.conditional != "none":
            vectors = labels_from_names(type, names, allow_impossible=allow_impossible)[None]
            human = vectors[:, [TYPES.index(name) for name in HUMAN_TYPES]].any()
            is_alone = self.conditional == "labels" and (skin_tone is not None or not human)
            count = count or (1 if is_alone else DEFAULT_COUNT_OF_A_TYPE)
        count = count or DEFAULT_COUNT
        with progress_bar("generating", "punks") if progress else nullcontext(_ignore) as report:
            if vectors is None or self.conditional == "type":
                return self._sample(count, seed, vectors, report)
            return self._render(count, vectors, skin_tone)

    def grid(
        self,
        count: int | None = None,
        *,
        columns: int | None = None,
        scale: int = 4,
        **options: Any,
    ) -> Image.Image:
        """Generate images, and return them in a grid.

        Args:
            count: Number of images, see `generate`.
            columns: Number of columns; by default the grid is almost square.
            scale: Factor of nearest-neighbor upscaling.
            options: Other arguments of `generate`, for example `seed` or `type`.

        Returns:
            An RGB image, row by row, with the background color of the collection.

        Raises:
            UsageError: As `generate`, or the image would have more than 100 million pixels.
        """
        require_int("scale", scale, 1, 100)
        if columns is not None:
            require_int("columns", columns, 1, MAX_COUNT)
        check_grid_size(count or 1, SIDE_PX, scale)
        return square_grid(self.generate(count, **options), scale, columns)

    def __repr__(self) -> str:
        """Return its kind, its name, and what it is conditioned on."""
        kind = "renderer" if self.conditional == "labels" else "GAN"
        condition = {
            "none": "unconditional",
            "type": "conditioned on the type",
            "labels": "conditioned on type, accessories and skin tone",
        }[self.conditional]
        return f"Generator({self.name!r}: {kind}, {condition}, on {self.device})"

    @property
    def name(self) -> str:
        """The name of a bundled generator or of one on the Hub, or else the path of its folder."""
        return generator_name(self.path)

    def _sample(
        self, count: int, seed: int, labels: torch.Tensor | None, progress: Progress
    ) -> NDArray[np.uint8]:
        """Return images of a GAN, which uses only the type in labels (M, 92)."""
        condition = None
        if labels is not None:
            condition = labels[torch.arange(count) % len(labels), : len(TYPES)].float()
        network = cast("AnyGenerator", self.network)
        return to_hwc_pixels(
            gan.generate_images(
                network, count, seed, progress, condition=condition, is_punks=self._is_punks
            )
        )

    def _render(
        self, count: int, labels: torch.Tensor, skin_tone: int | ArrayLike | None
    ) -> NDArray[np.uint8]:
        """Return sprites of a renderer; labels (M, 92) and their skin tones are repeated."""
        rows = torch.arange(count) % len(labels)
        skin_tones: int | torch.Tensor | None = None
        if isinstance(skin_tone, int):
            require_int("skin_tone", skin_tone, 1, NUM_SKIN_TONES)
            skin_tones = skin_tone
        elif skin_tone is not None:
            skin_tones = to_skin_tones(skin_tone, len(labels))[rows]
        condition = conditions_from_labels(labels[rows], skin_tones)
        return to_hwc_pixels(self.network(condition.to(self.device)))


def _ignore(done: int, total: int | None, note: str = "") -> None:
    """Show no progress."""
