"""Trained GANs: loading, exporting, and generation of images."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import torch

from punkdata.errors import DataError
from punkdata.images.palette import PALETTE
from punkdata.progress import Progress
from punkmodels.data.palette import NUM_PIXELS
from punkmodels.gan.config import DcganConfig
from punkmodels.gan.networks import PUNK_SHAPE, AnyGenerator, ImageShape, build_generator
from punkmodels.gan.training_images import to_uint8
from punkmodels.training.pretrained import (
    SavedData,
    SavedRun,
    Tensors,
    export_model,
    is_finished,
    load_weights,
    read_run_config,
    restore_model,
)

BUNDLED_DCGAN = Path(__file__).parents[1] / "weights" / "dcgan"
BUNDLED_VAE_GAN = BUNDLED_DCGAN.with_name("vae-gan")


class SavedImages(SavedData):
    image_shape: ImageShape = PUNK_SHAPE


class SavedDcgan(SavedRun):
    task: Literal["dcgan"]
    options: DcganConfig
    data: SavedImages


def read_dcgan_config(run: Path) -> SavedDcgan:
    """Read the config.json of a run or of exported weights; raises as `read_run_config`."""
    return read_run_config(run, SavedDcgan, "GAN")


def load_generator(run: Path, device: torch.device) -> AnyGenerator:
    """Load the averaged generator of a run or of exported weights, in evaluation mode.

    Raises DataError if the run is not a GAN or has no complete checkpoint, or if its weights do not
    fit its options.
    """
    saved = read_dcgan_config(run)
    tensors = load_weights(run, "ema")
    counts = None
    if saved.options.model.head == "palette":
        counts = _counts_like(tensors, run)
    model = build_generator(saved.options, saved.data.image_shape, counts)
    restore_model(run, model, tensors)
    return model.eval().to(device)


def _counts_like(tensors: Tensors, run: Path) -> torch.Tensor:
    """Return color counts that give a palette head the shape of the saved tensors."""
    counts = torch.zeros(NUM_PIXELS, len(PALETTE), dtype=torch.int64)
    try:  # Layer 12 of a generator with a palette head is that head.
        colors, valid = (tensors[f"layers.12.{name}"] for name in ("colors", "valid"))
        return counts.scatter_(1, colors.long(), valid.long())
    except (KeyError, RuntimeError, TypeError):
        raise DataError(f"the weights of '{run}' do not fit its options") from None


def export_generator(run: Path, out: Path) -> None:
    """Write weights in half precision, and config.json."""
    num_steps = read_dcgan_config(run).options.num_steps
    model = load_generator(run, torch.device("cpu"))
    export_model(run, model, {"finished": is_finished(run, num_steps)}, out)


def sample_batches(
    model: AnyGenerator,
    count: int,
    seed: int,
    condition: torch.Tensor | None = None,
    batch_size: int = 500,
) -> Iterator[torch.Tensor]:
    """Yield batches of the output of `Generator.sample`, on the CPU.

    A larger count extends the images of a smaller one; another batch size changes the images of a
    seed. `condition` is float32 (count, condition_dim).
    """
    device = next(model.parameters()).device
    # A generator on the CPU gives the same noise on every device.
    random = torch.Generator().manual_seed(seed)
    for start in range(0, count, batch_size):
        # Sample a complete batch, because a shorter one would get different random numbers.
        noise = torch.randn(batch_size, model.noise_dim, generator=random)[: count - start]
        batch = None if condition is None else condition[start : start + batch_size].to(device)
        with torch.inference_mode():
            yield model.sample(noise.to(device), batch).cpu()


def generate_images(
    model: AnyGenerator,
    count: int,
    seed: int,
    progress: Progress = lambda done, total: None,
    *,
    condition: torch.Tensor | None = None,
    is_punks: bool = True,
) -> torch.Tensor:
    """Generate images from a seed, see `sample_batches`, in the format of `TrainingImages`."""
    images = []
    for done, batch in enumerate(sample_batches(model, count, seed, condition), 1):
        images.append(to_uint8(batch, is_punks=is_punks))
        progress(min(count, 500 * done), count)
    return torch.cat(images)
