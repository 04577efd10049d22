"""A GAN over label sets, compared with the autoregressive model: python benchmarks/label_gan.py

Trains both on the label sets of the training split, for each of five seeds, draws 10,000 samples of
each exactly, and prints their scores. The GAN takes about a minute on one thread, the
autoregressive model (`punkmodels train label-sets`) some seconds.

The generator maps noise to the logits of 11 categorical variables: type, skin tone, and nine slots
of accessories. Samples are one-hot vectors, with straight-through gradients (Jang et al.,
"Categorical Reparameterization with Gumbel-Softmax", 2017). The loss is that of the adversarial
recipe for images: the relativistic pairing loss with R1 and R2. The legal rate is that of the GAN's
label sets; those that no punk can have are then sampled again before they are drawn.

The table also has the negative log-likelihood of the samples under an autoregressive model of the
held-out label sets, those of the validation and test splits; that of the training punks is printed
above it.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import math
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from baselines import (
    Scorer,
    add_options,
    is_finished,
    print_table,
    save_result,
    seed_folder,
    to_bits,
)
from sampled_labels import ExactDrawing, Sample, load_label_sets
from torch import nn
from torch.nn import functional as F

from punkmodels.gan.losses import discriminate_with_gradients, relativistic_loss
from punkmodels.gan.networks import build_mlp
from punkmodels.label_sets.config import LabelSetsConfig, make_config
from punkmodels.label_sets.encoding import NUM_VARIABLES, VALUE_DIM, VALUE_SLICES, encode_one_hot
from punkmodels.label_sets.network import LabelSetModel
from punkmodels.label_sets.train import create_state, mean_nll, sample_batch, training_step

GAN, AUTOREGRESSIVE = "labels from a GAN, exact drawing", "autoregressive labels, exact drawing"
NOISE_DIM, WIDTH, BATCH_SIZE = 64, 128, 128
LEARNING_RATE, GAMMA, TEMPERATURE = 2e-3, 0.3, 1.0


class LabelGenerator(nn.Module):
    """Maps noise (N, 64) to label sets: one-hot vectors (N, 106), with gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = build_mlp(NOISE_DIM, WIDTH, WIDTH, WIDTH, VALUE_DIM)

    def forward(self, z: torch.Tensor, random: torch.Generator) -> torch.Tensor:
        logits = self.layers(z)
        noise = torch.empty_like(logits).exponential_(generator=random)
        scores = (logits - noise.log()) / TEMPERATURE
        parts = []
        for part in VALUE_SLICES:
            soft = scores[:, part].softmax(dim=1)
            hard = F.one_hot(soft.argmax(dim=1), soft.shape[1])
            parts.append(hard + soft - soft.detach())
        return torch.cat(parts, dim=1)

    @torch.no_grad()
    def sample(self, count: int, random: torch.Generator) -> torch.Tensor:
        """Return label sets, int64 (count, 11), which a punk cannot always wear."""
        one_hot = self(torch.randn(count, NOISE_DIM, generator=random), random)
        return torch.stack([one_hot[:, part].argmax(dim=1) for part in VALUE_SLICES], dim=1)


class LabelDiscriminator(nn.Module):
    """Maps one-hot vectors, shaped (N, 106, 1, 1) as the losses expect of images, to logits."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = build_mlp(VALUE_DIM, WIDTH, WIDTH, WIDTH, 1)

    def forward(self, images: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        assert condition is None
        logits: torch.Tensor = self.layers(images.flatten(1))[:, 0]
        return logits


def train_gan(values: torch.Tensor, seed: int, total_images: int) -> tuple[LabelGenerator, float]:
    """Return the moving average of the generator, and the training time in seconds."""
    torch.manual_seed(seed)
    G, D, random = LabelGenerator(), LabelDiscriminator(), torch.Generator().manual_seed(seed)
    ema, real = copy.deepcopy(G), encode_one_hot(values)
    optimizers = [
        torch.optim.Adam(network.parameters(), LEARNING_RATE, (0.0, 0.99), fused=True)
        for network in (G, D)
    ]
    num_steps, start = total_images // BATCH_SIZE, time.process_time()
    for step in range(num_steps):
        remaining = (1 + math.cos(math.pi * step / num_steps)) / 2
        for optimizer in optimizers:
            optimizer.param_groups[0]["lr"] = LEARNING_RATE * (0.1 + 0.9 * remaining)
        batch = real[torch.randint(len(real), (BATCH_SIZE,), generator=random)][:, :, None, None]
        generated = G(torch.randn(BATCH_SIZE, NOISE_DIM, generator=random), random)
        generated = generated[:, :, None, None]
        # Discriminator: real label sets win against generated ones; R1 and R2.
        real_logits, r1 = discriminate_with_gradients(D, batch)
        fake_logits, r2 = discriminate_with_gradients(D, generated.detach())
        gamma = GAMMA * (0.1 + 0.9 * remaining)
        loss = relativistic_loss(real_logits, fake_logits) + gamma / 2 * (r1 + r2).mean()
        take_step(optimizers[1], loss)
        # Generator: generated ones win.
        take_step(optimizers[0], relativistic_loss(D(generated), D(batch).detach()))
        with torch.no_grad():
            for average, current in zip(ema.parameters(), G.parameters(), strict=True):
                average.lerp_(current, max(0.002, 1 / (step + 1)))
    return ema, time.process_time() - start


def take_step(optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def train_autoregressive(
    values: torch.Tensor, config: LabelSetsConfig
) -> tuple[LabelSetModel, float]:
    """Return the averaged model, trained as by `punkmodels train label-sets`, and the seconds."""
    state, start = create_state(config), time.process_time()
    while state.step < config.num_steps:
        training_step(state, *sample_batch(values, config, state.random), config)
    return state.ema, time.process_time() - start


def sample_autoregressive(
    model: LabelSetModel, count: int, random: torch.Generator
) -> torch.Tensor:
    nothing = torch.zeros(count, NUM_VARIABLES, dtype=torch.int64)
    uniform = torch.rand(nothing.shape, generator=random, dtype=torch.float64)
    return model.sample(nothing, nothing.bool(), uniform)


def train_one(
    name: str, seed: int, values: dict[str, torch.Tensor], total_images: int
) -> tuple[Sample, float, float | None]:
    """Train one model; return what samples label sets, the seconds, and bits per test punk."""
    if name == GAN:
        generator, seconds = train_gan(values["train"], seed, total_images)
        return generator.sample, seconds, None
    model, seconds = train_autoregressive(values["train"], make_config("quick", seed=seed))
    with torch.no_grad():
        bits = to_bits(model.nll(values["test"]))
    return partial(sample_autoregressive, model), seconds, bits


def train_all(
    root: Path,
    out: Path,
    num_seeds: int,
    num_samples: int,
    *,
    names: Sequence[str] = (AUTOREGRESSIVE, GAN),
    total_images: int = 800_000,
) -> list[Path]:
    """Train the models with each seed, write their samples, and return the folders of samples.

    Finished trainings are not repeated.
    """
    jobs = {
        seed_folder(out, name, seed): (name, seed)
        for seed, name in itertools.product(range(num_seeds), names)
    }
    unfinished = {folder: job for folder, job in jobs.items() if not is_finished(folder)}
    if not unfinished:
        return list(jobs)
    values, drawing = load_label_sets(root), ExactDrawing(root)
    held_out = torch.cat([values["val"], values["test"]])
    held_out_model, _ = train_autoregressive(held_out, make_config("quick"))
    nats = mean_nll(held_out_model, values["train"])
    print(f"{nats:.2f} nats per training label set under the held-out model")
    for folder, (name, seed) in unfinished.items():
        sample, seconds, bits = train_one(name, seed, values, total_images)
        random = torch.Generator().manual_seed(seed)
        sets, sprites, shares = drawing.generate(sample, num_samples, random)
        info = {
            "bits_per_punk": bits,
            "held_out_nats": mean_nll(held_out_model, sets),
            "minutes": seconds / 60,
            **shares,
        }
        save_result(folder, sprites, **info)
        print(f"{name}, seed {seed}: {info}", flush=True)
    return list(jobs)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add_options(parser)
    parser.add_argument("--seeds", type=int, default=5, help="number of trainings of each")
    parser.add_argument("--total-images", type=int, default=800_000, help="of each GAN")
    args = parser.parse_args()
    torch.set_num_threads(1)
    train_all(args.root, args.out, args.seeds, args.num_samples, total_images=args.total_images)
    print_table(args.out, Scorer(args.root, args.num_samples), models=[AUTOREGRESSIVE, GAN])


if __name__ == "__main__":
    main()
