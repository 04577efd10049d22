"""Generators of punks, of any kind, as objects."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from punkdata.images.sprite import SIDE_PX
from punkdata.progress import Progress, progress_bar
from punkdata.traits import TYPES
from punkmodels.arguments import NUM_SKIN_TONES, require_int, to_labels, to_skin_tones
from punkmodels.conditions import Conditional, check_condition, generator_name, read_conditional
from punkmodels.data.image_grid import check_grid_size, square_grid, to_hwc_pixels
from punkmodels.gan import generate as gan
from punkmodels.gan.networks import AnyGenerator
from punkmodels.label_sets.names import find_fixed_traits
from punkmodels.label_sets.network import load_label_sets
from punkmodels.label_sets.sampling import PunkSampler, fix_values
from punkmodels.models import GENERATOR_TASKS, find_model, warn_if_unfinished
from punkmodels.renderer.names import HUMAN_TYPES
from punkmodels.renderer.network import (
    BUNDLED_RENDERER,
    Renderer,
    conditions_from_labels,
    labels_from_names,
    load_renderer,
)
from punkmodels.training.device import pick_device
from punkmodels.training.run_dir import DEFAULT_RUNS

MAX_COUNT = 10**6
DEFAULT_COUNT, DEFAULT_COUNT_OF_A_TYPE = 64, 4


def load_generator(
    model: str | int | Path = "bundled",
    *,
    runs: str | Path = DEFAULT_RUNS,
    device: str | torch.device = "auto",
) -> Generator:
    """Load a trained generator: a model of label sets, a renderer, or a GAN.

    Args:
        model: "bundled" for the generator that is part of punkmodels: a model samples label sets,
            and a renderer draws them. "bundled-conditional" for this renderer alone, "bundled-gan"
            or "bundled-vae-gan" for a GAN. Or a run (its path, its number, or "latest"), a folder
            of exported weights, or a model on the Hugging Face Hub ("owner/name" or
            "owner/name@revision").
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
    folder = find_model(model, runs, *GENERATOR_TASKS)
    warn_if_unfinished(folder)
    return Generator(folder, pick_device(device)[0])


class Generator:
    """A trained generator of images, which `load_generator` returns.

    Attributes:
        path: Folder of its weights.
        conditional: What it is conditioned on: "none", "type", "labels" (type, accessories and
            skin tone), or "traits" (any of these, while the others are sampled).
        device: Device on which it computes; a model of label sets is always on the CPU.
        network: The PyTorch module. That of a model of label sets has float64 weights.

    Example:
        >>> generator = punkmodels.load_generator()
        >>> generator.grid(type="Zombie", novel=True).show()
        >>> generator.grid(1, type="Ape", accessories=["Cap", "Pipe"], only=True).show()
    """

    path: Path
    conditional: Conditional
    device: torch.device
    network: torch.nn.Module
    _renderer: Renderer

    def __init__(self, path: Path, device: torch.device) -> None:
        """Load the weights in a folder; raises DataError if they are damaged."""
        self.path, self.device = path, device
        self._is_punks = True
        self.conditional = read_conditional(path)
        if self.conditional == "labels":
            self.network = self._renderer = load_renderer(path, device)
        elif self.conditional == "traits":
            self.network = load_label_sets(path, torch.device("cpu"))
            self._renderer = load_renderer(BUNDLED_RENDERER, device)
            self._sampler = PunkSampler(self.network, self._renderer)
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
        only: bool = False,
        novel: bool = False,
        allow_impossible: bool = False,
        progress: bool = False,
    ) -> NDArray[np.uint8]:
        """Generate images.

        Args:
            count: Number of images, at most a million. By default 64; or one for each row of
                `labels`, which are repeated if there are fewer. With a `type`, 4 from a GAN, and
                all different ones from a renderer or with `only`: one, or 4 in all skin tones.
            seed: Random seed. A larger count extends the images of a smaller one. A renderer is not
                random.
            type: "Alien", "Ape", "Female", "Male" or "Zombie".
            accessories: Names of accessories. The case of all names is ignored.
            skin_tone: Skin tone of Female and Male punks, 1 (darkest) to 4; or one for each row of
                `labels`, where 0 stands for punks without one. By default, a model of label sets
                samples it, and a renderer alternates the four.
            labels: Label vectors of 0 and 1, (N, 92), instead of `type` and `accessories`, to draw
                exactly these label sets.
            only: Whether the punks have exactly these traits, as those of a renderer. Otherwise, a
                model of label sets samples the other traits given these.
            novel: Whether to sample only label sets that no real punk has, in any skin tone, for a
                model of label sets.
            allow_impossible: Whether to accept traits that no real punk can have together, for a
                renderer or with `only`.
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
            only=only,
            novel=novel,
            allow_impossible=allow_impossible,
        )
        if self.conditional == "traits" and labels is None and not only:
            fixed = _fix_traits(type, names, skin_tone)
            with _show_progress(show=progress) as report:
                punks = self._sampler.sample(
                    count or DEFAULT_COUNT, seed, fixed, novel=novel, progress=report
                )
            return to_hwc_pixels(punks.sprites)
        vectors = None
        if labels is not None:
            vectors = to_labels(labels)
            count = count or len(vectors)
        elif self.conditional != "none":
            vectors = labels_from_names(type, names, allow_impossible=allow_impossible)[None]
            human = vectors[:, [TYPES.index(name) for name in HUMAN_TYPES]].any()
            is_alone = self.conditional != "type" and (skin_tone is not None or not human)
            count = count or (1 if is_alone else DEFAULT_COUNT_OF_A_TYPE)
        count = count or DEFAULT_COUNT
        with _show_progress(show=progress) as report:
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
        kinds = {"labels": "renderer", "traits": "label sets and renderer"}
        kind = kinds.get(self.conditional, "GAN")
        condition = {
            "none": "unconditional",
            "type": "conditioned on the type",
            "labels": "conditioned on type, accessories and skin tone",
            "traits": "conditioned on any traits",
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
        return to_hwc_pixels(self._renderer(condition.to(self.device)))


def _fix_traits(
    punk_type: str | None, accessories: Sequence[str], skin_tone: int | ArrayLike | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the result of `fix_values`; raises UsageError as `find_fixed_traits`."""
    tone = None
    if skin_tone is not None:
        tone = cast("int", skin_tone)
        require_int("skin_tone", tone, 1, NUM_SKIN_TONES)
    found_type, names = find_fixed_traits(punk_type, accessories, has_skin_tone=tone is not None)
    return fix_values(found_type, names, tone)


def _show_progress(*, show: bool) -> AbstractContextManager[Progress]:
    return progress_bar("generating", "punks") if show else nullcontext(_ignore)


def _ignore(done: int, total: int | None, note: str = "") -> None:
    """Show no progress."""
