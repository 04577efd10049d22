"""Baselines that model pixels: python benchmarks/pixel_models.py [made] [diffusion]

Trains two models of the palette indices of a sprite on the training split, each in some minutes
on one thread, generates 10,000 sprites, and prints their scores. Neither uses labels.

    made       autoregressive in reading order: a masked autoencoder (Germain et al., "MADE: Masked
               Autoencoder for Distribution Estimation", 2015)
    diffusion  masked discrete diffusion: predicts hidden pixels from visible ones, in any order
               (Hoogeboom et al., "Autoregressive Diffusion Models", 2022; Sahoo et al., "Simple and
               Effective Masked Diffusion Language Models", 2024)

Both are small fully connected networks: sprites are aligned, so what a pixel means depends on its
position, and 410 of the 576 positions with 11 colors each on average are all that ever varies.
Checkpoints lie in --out; an interrupted training is resumed.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
from torch import nn
from torch.nn import functional as F

from punkmodels.data.palette import color_counts
from punkmodels.data.splits import load_split

MODELS = ("made", "diffusion")
BATCH_SIZE = 128
NAMES = {"made": "autoregressive pixels (MADE)", "diffusion": "masked diffusion of pixels"}


class Tokens:
    """Numbering of the N pairs of a position and a color that occur in training.

    `positions` (P,) are the positions that vary, in reading order; `owner` (N,) has the index of
    the position of each pair; `choices` (P, K) lists the pairs of a position, padded with N.
    """

    def __init__(self, images: torch.Tensor) -> None:
        occurs = color_counts(images) > 0
        self.constant = images[0].flatten().long()
        self.positions = (occurs.sum(dim=1) > 1).nonzero()[:, 0]
        occurs = occurs[self.positions]
        self.numbers = (occurs.flatten().cumsum(0).view_as(occurs) - 1).masked_fill(~occurs, -1)
        self.owner, self.colors = occurs.nonzero().unbind(1)
        counts = occurs.sum(dim=1, keepdim=True)
        columns = torch.arange(int(counts.max()))
        first = counts.cumsum(0) - counts
        self.choices = torch.where(columns < counts, first + columns, len(self.owner))

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """Return the pair at each position, int64 (B, P); -1 if it does not occur in training."""
        colors = images.flatten(1)[:, self.positions].long()
        return self.numbers[torch.arange(len(self.positions)), colors]

    def decode(self, pairs: torch.Tensor) -> torch.Tensor:
        """Return palette indices, uint8 (B, 24, 24), of pairs (B, P)."""
        images = self.constant.repeat(len(pairs), 1)
        images[:, self.positions] = self.colors[pairs]
        return images.view(-1, 24, 24).to(torch.uint8)


class PixelNetwork(nn.Module):
    """Maps visible pairs, one-hot (B, N), to logits of all pairs, (B, N).

    A causal network predicts each position from earlier ones: hidden unit j has a degree d, sees
    positions up to d, and is seen by positions after d. Hidden pixels are zeros in the input.
    """

    def __init__(self, tokens: Tokens, causal: bool, width: int = 1024, blocks: int = 1) -> None:
        super().__init__()
        self.tokens, self.causal, num_pairs = tokens, causal, len(tokens.owner)
        self.input = nn.Linear(num_pairs, width)
        self.blocks = nn.ModuleList(nn.Linear(width, width) for _ in range(blocks))
        self.output = nn.Linear(width, num_pairs)
        self.dropout = nn.Dropout(0.1 if causal else 0.0)
        nn.init.normal_(self.input.weight, std=0.05)
        nn.init.normal_(self.output.weight, std=0.01)
        self.degrees = torch.arange(width) * (len(tokens.positions) - 1) // width
        self.masks = [
            (self.degrees[:, None] >= tokens.owner).float(),
            (self.degrees[:, None] >= self.degrees).float(),
            (tokens.owner[:, None] > self.degrees).float(),
        ]

    def weights(self, layer: nn.Linear, kind: int) -> torch.Tensor:
        return layer.weight * self.masks[kind] if self.causal else layer.weight

    def forward(self, visible: torch.Tensor) -> torch.Tensor:
        h = F.relu(F.linear(visible, self.weights(self.input, 0), self.input.bias))
        h = self.dropout(h)
        for block in self.blocks:
            h = h + self.dropout(F.relu(F.linear(h, self.weights(block, 1), block.bias)))
        return F.linear(h, self.weights(self.output, 2), self.output.bias)

    def nll(self, pairs: torch.Tensor, hidden: torch.Tensor | None = None) -> torch.Tensor:
        """Return the negative log-likelihood of each pair, (B, P), in nats.

        `hidden`, bool (B, P), marks those that the network does not see.
        """
        visible = torch.zeros(len(pairs), len(self.tokens.owner))
        shown = torch.ones_like(pairs) if hidden is None else (~hidden).long()
        visible.scatter_(1, pairs, shown.to(visible.dtype))
        # Pairs first, so that each sum over the colors of a position adds contiguous rows.
        logits = self(visible).T.float()
        owner, shape = self.tokens.owner, pairs.T.shape
        rows = owner[:, None].expand_as(logits)
        largest = logits.new_full(shape, -torch.inf)
        largest = largest.scatter_reduce(0, rows, logits.detach(), "amax")
        logits = logits - largest[owner]  # No sum of exponentials underflows.
        sums = logits.new_zeros(shape).index_add(0, owner, logits.exp())
        return (sums.log() - logits.gather(0, pairs.T)).T


def nats_per_image(model: PixelNetwork, pairs: torch.Tensor, random: torch.Generator) -> Any:
    """Return the negative log-likelihood of each image, or an unbiased estimate of its bound, (B,).

    Diffusion hides n random positions of P, n uniform from 1 to P, and scales the loss of the
    hidden ones by P / n: this estimates the mean over all orders, an upper bound.
    """
    if model.causal:
        return model.nll(pairs).sum(dim=1)
    batch, num_positions = pairs.shape
    # Stratified: each batch has evenly spaced numbers of hidden positions.
    shares = (torch.arange(batch) + torch.rand(batch, generator=random)) / batch
    num_hidden = (shares * num_positions).long() + 1
    ranks = torch.rand(pairs.shape, generator=random).argsort(dim=1)
    hidden = ranks < num_hidden[:, None]
    return (model.nll(pairs, hidden) * hidden).sum(dim=1) * num_positions / num_hidden


def train(
    model: PixelNetwork,
    images: torch.Tensor,
    seed: int,
    total_images: int,
    folder: Path,
    *,
    bfloat16: bool,
) -> tuple[PixelNetwork, float]:
    """Return the moving average of the trained network, and the training time in seconds."""
    ema, random = copy.deepcopy(model), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, betas=(0.9, 0.99), fused=True)
    pairs, step, seconds = model.tokens.encode(images), 0, 0.0
    num_steps, path = total_images // BATCH_SIZE, folder / "checkpoint.pt"
    if path.exists():
        state = torch.load(path, weights_only=True)
        model.load_state_dict(state["model"])
        ema.load_state_dict(state["ema"])
        optimizer.load_state_dict(state["optimizer"])
        random.set_state(state["random"])
        step, seconds = state["step"], state["seconds"]
    start, nats = time.process_time() - seconds, []
    while step < num_steps:
        optimizer.param_groups[0]["lr"] = 2e-3 * min(1, step / 20) * (1 - step / num_steps)
        batch = pairs[torch.randint(len(pairs), (BATCH_SIZE,), generator=random)]
        with torch.autocast("cpu", enabled=bfloat16):
            loss = nats_per_image(model, batch, random).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
        with torch.no_grad():
            for average, value in zip(ema.parameters(), model.parameters(), strict=True):
                average.lerp_(value, max(0.003, 1 / step))
        nats.append(loss.item())
        if step % 200 == 0 or step == num_steps:
            seconds = time.process_time() - start
            bits = to_bits(torch.tensor(nats))
            print(f"{step * BATCH_SIZE:,} images, {seconds:.0f} s: {bits:.1f} bits", flush=True)
            nats.clear()
            state = {"model": model.state_dict(), "ema": ema.state_dict(), "step": step}
            state |= {"optimizer": optimizer.state_dict(), "random": random.get_state()}
            torch.save(state | {"seconds": seconds}, path)
    return ema.eval(), seconds


@torch.no_grad()
def bits_per_punk(model: PixelNetwork, images: torch.Tensor) -> float:
    """Return the mean bits of held-out images; those with unknown colors are left out and named."""
    pairs = model.tokens.encode(images)
    is_known = (pairs >= 0).all(dim=1)
    if not is_known.all():
        print(f"{int((~is_known).sum())} images have colors that training lacks: infinite bits")
    random = torch.Generator().manual_seed(0)
    rounds = 1 if model.causal else 20
    batches = [batch for batch in pairs[is_known].split(100) for _ in range(rounds)]
    return to_bits(torch.cat([nats_per_image(model, batch, random) for batch in batches]))


@torch.no_grad()
def generate(model: PixelNetwork, count: int, random: torch.Generator) -> torch.Tensor:
    """Return sprites as palette indices, (count, 24, 24), sampled position by position.

    Positions are in reading order for a causal network, else in a random order for each batch. The
    input layer sums over the pixels sampled so far, so each new one is added to the previous sum.
    """
    tokens, num_positions = model.tokens, len(model.tokens.positions)
    columns = model.weights(model.input, 0).T
    blocks = [(model.weights(block, 1), block.bias) for block in model.blocks]
    output = model.weights(model.output, 2)
    batches = []
    for size in [len(part) for part in torch.empty(count).split(250)]:
        pairs = torch.zeros(size, num_positions, dtype=torch.int64)
        order = torch.randperm(num_positions, generator=random)
        inputs = model.input.bias.repeat(size, 1)
        for position in range(num_positions) if model.causal else order.tolist():
            choices = tokens.choices[position]
            choices = choices[choices < len(tokens.owner)]
            h = F.relu(inputs)
            for weight, bias in blocks:
                h = h + F.relu(F.linear(h, weight, bias))
            logits = F.linear(h, output[choices], model.output.bias[choices])
            chosen = choices[
                torch.multinomial(logits.float().softmax(1), 1, generator=random)[:, 0]
            ]
            pairs[:, position] = chosen
            inputs += columns[chosen]
        batches.append(tokens.decode(pairs))
    return torch.cat(batches)


def train_all(
    root: Path,
    out: Path,
    num_seeds: int,
    num_samples: int,
    *,
    names: Sequence[str] = MODELS,
    total_images: int = 500_000,
    bfloat16: bool = False,
) -> list[Path]:
    """Train the models with each seed, write their samples, and return the folders of samples.

    Finished trainings are not repeated.
    """
    torch.set_flush_denormal(True)
    train_images = load_split(root, "latest", "default", "train").images
    test_images = load_split(root, "latest", "default", "test").images
    folders = []
    for seed, name in itertools.product(range(num_seeds), names):
        folder = seed_folder(out, NAMES[name], seed)
        folders.append(folder)
        if is_finished(folder):
            continue
        print(f"{NAMES[name]}, seed {seed}")
        torch.manual_seed(seed)
        is_causal = name == "made"
        model = PixelNetwork(Tokens(train_images), is_causal, blocks=1 if is_causal else 2)
        model, seconds = train(model, train_images, seed, total_images, folder, bfloat16=bfloat16)
        random = torch.Generator().manual_seed(seed)
        with torch.autocast("cpu", enabled=bfloat16):
            sprites = generate(model, num_samples, random)
        bits = bits_per_punk(model, test_images)
        save_result(folder, sprites, bits_per_punk=bits, minutes=seconds / 60)
    return folders


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add_options(parser)
    parser.add_argument("models", nargs="*", metavar="MODEL", help="made, diffusion; default: both")
    parser.add_argument("--total-images", type=int, default=500_000, help="images per training")
    parser.add_argument("--seeds", type=int, default=1, help="number of trainings of each")
    parser.add_argument("--bfloat16", action="store_true", help="faster on some processors")
    args = parser.parse_args()
    if set(args.models) - set(MODELS):
        parser.error(f"MODEL is one of: {', '.join(MODELS)}")
    torch.set_num_threads(1)
    train_all(
        args.root,
        args.out,
        args.seeds,
        args.num_samples,
        names=args.models or MODELS,
        total_images=args.total_images,
        bfloat16=args.bfloat16,
    )
    print_table(args.out, Scorer(args.root, args.num_samples), models=list(NAMES.values()))


if __name__ == "__main__":
    main()
