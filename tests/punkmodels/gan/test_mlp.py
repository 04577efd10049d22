from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from punkdata.errors import DataError
from punkmodels.data.palette import quantize
from punkmodels.data.splits import load_split
from punkmodels.gan import train as training
from punkmodels.gan.config import build_generator, load_generator, make_config
from punkmodels.gan.generate import generate_sprites
from punkmodels.gan.mlp import MLPDiscriminator, MLPGenerator
from punkmodels.gan.train import train_dcgan
from punkmodels.training.checkpoint import CheckpointMetadata, load_checkpoint

CPU = torch.device("cpu")
SMALL = {"network": "mlp", "width": 4, "total_images": 16 * 16, "batch_size": 16}
TINY = make_config("quick", "classic", **SMALL)


@pytest.fixture(autouse=True)
def quick_looks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "LOOKS", 4)
        patch.setattr(training, "DRAWN", 64)
        yield


def test_noise_becomes_pictures_and_pictures_numbers() -> None:
    noise = torch.randn(5, 7)
    images = MLPGenerator(7, width=2)(noise)
    assert images.shape == (5, 4, 24, 24)
    assert images.abs().max() <= 1
    logits = MLPDiscriminator(width=2)(images)
    assert (logits.shape, logits.dtype) == ((5,), torch.float32)


def test_sizes_are_those_of_the_tutorials() -> None:
    sizes = [p.shape for p in MLPGenerator().parameters() if p.ndim == 2]
    assert [tuple(s) for s in sizes] == [(256, 100), (512, 256), (1024, 512), (2304, 1024)]
    sizes = [p.shape for p in MLPDiscriminator().parameters() if p.ndim == 2]
    assert [tuple(s) for s in sizes] == [(512, 2304), (256, 512), (1, 256)]


@pytest.mark.parametrize("recipe", ["classic", "modern"])
def test_it_trains_by_both_recipes_and_draws(recipe: str, built_root: Path, tmp_path: Path) -> None:
    config = make_config("quick", recipe, **SMALL)  # type: ignore[arg-type]
    run = train_dcgan(built_root, tmp_path, config, threads=1)
    assert run.name == f"00001-mlp-{recipe}-quick"
    model = load_generator(run, CPU)
    assert isinstance(model, MLPGenerator)
    sprites, raw = generate_sprites(model, 6, seed=0)
    assert (sprites.shape, raw.shape) == ((6, 24, 24), (6, 4, 24, 24))
    assert len({bytes(s.numpy().tobytes()) for s in sprites}) == 6


def test_a_stopped_run_ends_where_it_would_have(
    built_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train_dcgan(built_root, tmp_path / "whole", TINY, threads=1)
    real, lines = training.append_metrics, []

    def stop_at_the_third(run: Path, line: dict[str, object]) -> None:
        lines.append(line)
        if len(lines) == 3:
            raise KeyboardInterrupt
        real(run, line)

    with monkeypatch.context() as patch:
        patch.setattr(training, "append_metrics", stop_at_the_third)
        with pytest.raises(KeyboardInterrupt):
            train_dcgan(built_root, tmp_path / "runs", TINY, threads=1)
    (run,) = (tmp_path / "runs").iterdir()
    train_dcgan(built_root, tmp_path / "runs", TINY, resume=run)
    one, other = (load_checkpoint(r, CheckpointMetadata)[0] for r in (whole, run))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_it_learns_what_is_the_same_in_all_punks(built_root: Path, tmp_path: Path) -> None:
    """The edge, which no punk touches, becomes transparent."""
    config = make_config(
        "quick", "classic", **SMALL | {"width": 16, "total_images": 16 * 120, "lr": 1e-3}
    )
    run = train_dcgan(built_root, tmp_path, config, threads=1)
    raw = generate_sprites(load_generator(run, CPU), 32, seed=0)[1]
    real = load_split(built_root, "latest", "default", "train").images
    assert not real[:, 0].any()
    assert (quantize(raw)[0][:, 0] == 0).float().mean() > 0.9
    untrained = MLPGenerator()(torch.randn(32, 100)).detach()
    assert (quantize(untrained)[0][:, 0] == 0).float().mean() < 0.9


def test_what_it_cannot_do_is_said() -> None:
    for other in ({"head": "palette"}, {"conditional": "labels"}):
        config = replace(TINY, **other)  # type: ignore[arg-type]
        with pytest.raises(DataError, match="mlp has no palette head"):
            build_generator(config, torch.zeros(576, 222, dtype=torch.int64))
