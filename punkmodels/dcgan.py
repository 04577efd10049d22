"""The DCGAN: noise to punks, and punks to a judgement.

The shape is that of Radford, Metz and Chintala (2015) for pictures of 24x24: a first map of 3x3,
doubled three times by transposed convolutions of stride 2 (3, 6, 12, 24), batch normalisation and
ReLU in the generator, strided convolutions and LeakyReLU 0.2 in the discriminator.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from punkdata.palette import PALETTE

SIZE = 24
BATCHES = 50
"""of drawn noise, by which an averaged generator's normalisation is estimated"""


class PaletteHead(nn.Module):
    """Features, float32 (N, channels, 24, 24), to one of the colours that training knows at each
    place: RGBA and code in [-1, 1], float32 (N, 4 + code, 24, 24).

    Every place has weights of its own: what a pixel can be depends on where it is. The likeliest
    colour is drawn, and the gradient is that of the mean colour (Bengio and others, "Estimating or
    Propagating Gradients", 2013), so that the discriminator never sees a mixture.

    Args:
        counts: int64 (576, 222), how often training has each colour at each place. Colours start
            as likely as they are.
        code: numbers of each colour beside RGBA, see `colour_table`.
    """

    colours: torch.Tensor
    known: torch.Tensor
    table: torch.Tensor

    def __init__(self, channels: int, counts: torch.Tensor, code: int = 0) -> None:
        super().__init__()
        places = len(counts)
        most = int((counts > 0).sum(dim=1).max())
        share, order = (counts / counts.sum(dim=1, keepdim=True)).sort(dim=1, descending=True)
        share, order = share[:, :most], order[:, :most]
        self.register_buffer("colours", order.to(torch.uint8))
        self.register_buffer("known", share > 0)
        self.register_buffer("table", colour_table(code=code), persistent=False)
        self.weight = nn.Parameter(torch.randn(places, channels, most) * 0.02)
        self.bias = nn.Parameter(share.clamp(min=1e-4).log()[:, None])

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        n, _, height, width = features.shape
        share = self.logits(features, slice(None)).softmax(dim=2)
        likeliest = torch.zeros_like(share).scatter_(2, share.argmax(dim=2, keepdim=True), 1.0)
        chosen = (likeliest + share - share.detach()).float()
        with torch.autocast(features.device.type, enabled=False):  # colours are exact
            drawn = torch.bmm(chosen, self.table[self.colours.int()])
        if drawn.requires_grad:
            drawn.register_hook(torch.Tensor.contiguous)  # type: ignore[no-untyped-call]
        return drawn.permute(1, 2, 0).reshape(n, -1, height, width)

    def logits(self, features: torch.Tensor, places: slice | torch.Tensor) -> torch.Tensor:
        """(places, N, most): of each colour in `colours`."""
        # Batched products of what is not laid out in order are done one by one on a CPU.
        at_places = features.flatten(2).permute(2, 0, 1)[places].contiguous()
        logits = torch.baddbmm(self.bias[places], at_places, self.weight[places])
        return logits.masked_fill(~self.known[places][:, None], -1e9)

    def surprise(self, features: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
        """float32 (N,): cross-entropy of palette indices uint8 (N, 24, 24), summed over the places,
        in nats. Every colour must be known at its place.
        """
        varied = (self.known.sum(dim=1) > 1).nonzero()[:, 0]  # the others are no surprise
        logits = self.logits(features, varied).float()
        known, real = self.colours[varied], indices.flatten(1).T[varied]
        right = (known[:, None] == real[:, :, None]).to(torch.uint8).argmax(dim=2)
        of_places = F.cross_entropy(logits.flatten(0, 1), right.flatten(), reduction="none")
        return of_places.view(right.shape).sum(dim=0)


def perceptron(before: int, after: int, width: int = 384) -> nn.Sequential:
    """Numbers to numbers, by three layers of `width`."""
    layers: list[nn.Module] = []
    for size in (before, width, width):
        layers += [nn.Linear(size, width), nn.SiLU()]
    return nn.Sequential(*layers, nn.Linear(width, after))


class Mapping(nn.Module):
    """Noise, float32 (N, z_size + w_size), to w, float32 (N, w_size), from which punks are drawn.

    w lies where real punks do, and noise does not: between two hats there is none. The first
    z_size numbers tell the place, the others what is random about it.
    """

    def __init__(self, z_size: int, w_size: int) -> None:
        super().__init__()
        self.z_size = z_size
        self.layers = perceptron(z_size, w_size)
        self.log_spread = nn.Parameter(torch.zeros(w_size))

    def forward(self, noise: torch.Tensor) -> torch.Tensor:
        z, rest = noise[:, : self.z_size], noise[:, self.z_size :]
        w: torch.Tensor = self.layers(z) + self.log_spread.exp() * rest
        return w


class Generator(nn.Module):
    """Noise, float32 (N, noise_size), to RGBA in [-1, 1], float32 (N, 4, 24, 24); with a code, that
    follows RGBA as further channels.

    Args:
        width: channels of the map of 12x12; 6x6 has twice, 3x3 four times as many.
        counts: for a head that chooses among known colours, see `PaletteHead`; None for
            Radford's, which draws any RGBA.
        last: channels of the map of 24x24 before that head.
        code: of that head, see `colour_table`.
        w_size: of a `Mapping` between the noise and the first map; 0 for none, as Radford.
    """

    def __init__(
        self,
        z_size: int = 100,
        width: int = 64,
        counts: torch.Tensor | None = None,
        last: int = 16,
        code: int = 0,
        w_size: int = 0,
    ) -> None:
        super().__init__()
        self.noise_size = z_size + w_size
        self.mapping = Mapping(z_size, w_size) if w_size else None
        w = width
        layers: list[nn.Module] = [nn.ConvTranspose2d(w_size or z_size, 4 * w, 3, bias=False)]
        for before, after in ((4 * w, 2 * w), (2 * w, w)):
            layers += [nn.BatchNorm2d(before), nn.ReLU()]
            layers.append(nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False))
        layers += [nn.BatchNorm2d(w), nn.ReLU()]
        if counts is None:
            layers += [nn.ConvTranspose2d(w, 4, 4, 2, 1), nn.Tanh()]
        else:
            layers.append(nn.ConvTranspose2d(w, last, 4, 2, 1, bias=False))
            layers += [nn.BatchNorm2d(last), nn.ReLU(), PaletteHead(last, counts, code)]
        self.layers = nn.Sequential(*layers)

    def forward(self, noise: torch.Tensor) -> torch.Tensor:
        w = self.mapping(noise) if self.mapping else noise
        images: torch.Tensor = self.layers[-1](self.features(w))
        return images

    def features(self, w: torch.Tensor) -> torch.Tensor:
        """What the last layer draws from."""
        features: torch.Tensor = self.layers[:-1](w[:, :, None, None])
        return features


class Discriminator(nn.Module):
    """RGBA and code in [-1, 1], float32 (N, 4 + code, 24, 24), to logits (N,): higher looks more
    real.

    Args:
        normalise: batch normalisation as in the original. It makes the judgement of one image
            depend on the others, so gradient penalties want it off.
    """

    def __init__(self, width: int = 64, *, normalise: bool = False, code: int = 0) -> None:
        super().__init__()
        w = width
        layers: list[nn.Module] = [nn.Conv2d(4 + code, w, 4, 2, 1), nn.LeakyReLU(0.2)]
        for before, after in ((w, 2 * w), (2 * w, 4 * w)):
            layers.append(nn.Conv2d(before, after, 4, 2, 1, bias=not normalise))
            if normalise:
                layers.append(nn.BatchNorm2d(after))
            layers.append(nn.LeakyReLU(0.2))
        layers.append(nn.Conv2d(4 * w, 1, 3))
        self.layers = nn.Sequential(*layers)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layers(images).flatten().float()
        return logits


def initialise(network: nn.Module) -> None:
    """Radford's start: weights of N(0, 0.02), of batch normalisation N(1, 0.02)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1, 0.02)
            nn.init.zeros_(module.bias)


def colour_table(device: torch.device | None = None, code: int = 0) -> torch.Tensor:
    """float32 (222, 4 + code) in [-1, 1]: the palette, and a code of each colour.

    The code are fixed random numbers. In RGB, browns differ by a few steps, which a discriminator
    with a gradient penalty must overlook; in the code any two colours are far apart.
    """
    rgba = torch.tensor(PALETTE, dtype=torch.float32) / 127.5 - 1
    codes = 2 * torch.rand(len(PALETTE), code, generator=torch.Generator().manual_seed(0)) - 1
    codes[0] = -1  # transparent is -1 throughout
    return torch.cat([rgba, codes], dim=1).to(device)


def colour_counts(indices: torch.Tensor) -> torch.Tensor:
    """int64 (576, 222): how often each colour stands at each place, of palette indices uint8
    (N, 24, 24).
    """
    flat = indices.flatten(1).long()
    cells = flat + torch.arange(flat.shape[1]) * len(PALETTE)
    counts = torch.bincount(cells.flatten(), minlength=flat.shape[1] * len(PALETTE))
    return counts.view(flat.shape[1], len(PALETTE))


def to_rgba(indices: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """float32 (N, 4 + code, 24, 24) in [-1, 1], of palette indices uint8 (N, 24, 24)."""
    return table[indices.int()].permute(0, 3, 1, 2)


def augment(
    images: torch.Tensor, generator: torch.Generator, *, shift: int = 2, hole: int = 6
) -> torch.Tensor:
    """Move each image (N, 4 + code, 24, 24) by up to `shift` pixels and cut a square hole into it.

    What comes in is transparent.

    Real and drawn images are treated alike, so that the discriminator cannot learn the 8,000 real
    ones by heart (Zhao and others, "Differentiable Augmentation", 2020). Colours and sides stay:
    both tell a punk's labels, and a generator would learn the changed ones.
    """
    if not shift and not hole:
        return images
    n, _, size, _ = images.shape
    device = images.device
    place = torch.arange(size, device=device)
    ink = images + 1  # transparent is 0
    by = torch.randint(-shift, shift + 1, (2, n, 1, 1), generator=generator, device=device)
    # Products with 0 and 1 are exact, and cheaper to differentiate than indexing.
    down, right = ((place[:, None] + by == place).to(images.dtype)[:, :, None]).unbind(0)
    moved = down @ ink @ right.mT
    at = torch.randint(1 - hole, size, (2, n, 1), generator=generator, device=device)
    rows, columns = ((place >= at) & (place < at + hole)).unbind(0)
    kept = ~(rows[:, :, None] & columns[:, None])
    return moved * kept[:, None] - 1


def snap(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The nearest colour of the palette for each pixel, and how far away it was.

    Args:
        images: float32 (N, 4, H, W) in [-1, 1]; further channels are not looked at.

    Returns:
        Palette indices uint8 (N, H, W); and float32 (N, H, W), the largest difference of a
        channel, in steps of 1/255.
    """
    table = colour_table(images.device)
    found, distance = [], []
    for part in torch.split(images[:, :4].permute(0, 2, 3, 1).reshape(-1, 4), 1 << 16):
        difference = torch.cdist(part, table, p=2)
        nearest = difference.argmin(dim=1)
        found.append(nearest.to(torch.uint8))
        distance.append((part - table[nearest]).abs().amax(dim=1) * 127.5)
    n, _, height, width = images.shape
    return torch.cat(found).view(n, height, width), torch.cat(distance).view(n, height, width)


def reestimate_normalisation(model: Generator, seed: int, batch_size: int) -> None:
    """Set the means and variances of batch normalisation anew, by batches of drawn noise.

    An averaged generator has weights that no batch was normalised with, so those that training
    kept do not fit it. Leaves it in evaluation mode.
    """
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean
    device = next(model.parameters()).device
    random = torch.Generator(device).manual_seed(seed)
    model.train()
    with torch.no_grad():
        for _ in range(BATCHES):
            model(torch.randn(batch_size, model.noise_size, generator=random, device=device))
    model.eval()
