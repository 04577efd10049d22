"""Output layer of the generator that selects one palette color at each pixel."""

import torch
from torch import nn
from torch.nn import functional as F

from punkmodels.data.palette import color_table


class PaletteHead(nn.Module):
    """Output layer that selects, at each pixel, one of the colors that occur there in training.

    Maps features, float32 (N, channels, 24, 24), to RGBA in [-1, 1], followed by the color
    embedding (see `color_table`): float32 (N, 4 + color_embedding_dim, 24, 24). `counts`, int64
    (576, 222), is how often each color occurs at each position in training; the biases start at the
    logarithms of these frequencies.

    Each pixel position has its own weights, because the possible colors depend on the position.
    The forward pass takes the most likely color, and the backward pass uses the gradient of the
    expected color (straight-through estimator; Bengio et al., "Estimating or Propagating
    Gradients", 2013), so the discriminator never sees a mixture of colors.
    """

    colors: torch.Tensor  # Palette indices, most frequent first, padded, uint8 (576, max_colors).
    valid: torch.Tensor  # Whether an entry of `colors` is not padding, bool (576, max_colors).
    table: torch.Tensor  # Color of each palette index, followed by its embedding.
    varying_positions: torch.Tensor  # Positions with more than one color, int64 (P,).

    def __init__(self, channels: int, counts: torch.Tensor, color_embedding_dim: int = 0) -> None:
        super().__init__()
        max_colors = int((counts > 0).sum(dim=1).max())
        frequency, order = (counts / counts.sum(dim=1, keepdim=True)).sort(dim=1, descending=True)
        frequency, order = frequency[:, :max_colors], order[:, :max_colors]
        self.register_buffer("colors", order.to(torch.uint8))
        self.register_buffer("valid", frequency > 0)
        # A position with a single color has a likelihood of 1 and needs no loss.
        varying = (self.valid.sum(dim=1) > 1).nonzero()[:, 0]
        self.register_buffer("varying_positions", varying, persistent=False)
        table = color_table(color_embedding_dim=color_embedding_dim)
        self.register_buffer("table", table, persistent=False)
        self.weight: nn.Parameter = nn.Parameter(
            torch.randn(len(counts), channels, max_colors) * 0.02
        )
        self.bias: nn.Parameter = nn.Parameter(frequency.clamp(min=1e-4).log()[:, None])

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        n, _, height, width = features.shape
        probabilities = self.logits(features, slice(None)).softmax(dim=2)
        most_likely = probabilities.argmax(dim=2, keepdim=True)
        one_hot = torch.zeros_like(probabilities).scatter_(2, most_likely, 1.0)
        selected = (one_hot + probabilities - probabilities.detach()).float()
        with torch.autocast(features.device.type, enabled=False):  # Colors must be exact.
            images = torch.bmm(selected, self.table[self.colors.int()])
        if images.requires_grad:
            # The gradient arrives permuted, which would slow down the backward pass of bmm.
            images.register_hook(torch.Tensor.contiguous)  # type: ignore[no-untyped-call]
        return images.permute(1, 2, 0).reshape(n, -1, height, width)

    def sample(self, features: torch.Tensor) -> torch.Tensor:
        """Return the most likely colors as palette indices, uint8 (N, 24, 24)."""
        most_likely = self.logits(features, slice(None)).softmax(dim=2).argmax(dim=2)
        n, _, height, width = features.shape  # len() would fix the batch size of an ONNX file.
        return self.colors.gather(1, most_likely).T.reshape(n, height, width)

    def logits(self, features: torch.Tensor, positions: slice | torch.Tensor) -> torch.Tensor:
        """Return the logits of `colors` at P positions, float32 (P, N, max_colors)."""
        # On a CPU, batched products of non-contiguous tensors are computed one by one.
        at_positions = features.flatten(2).permute(2, 0, 1)[positions].contiguous()
        logits = torch.baddbmm(self.bias[positions], at_positions, self.weight[positions])
        return logits.masked_fill(~self.valid[positions][:, None], -1e9)

    def pixel_nll(self, features: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
        """Return the negative log-likelihood of sprites, summed over pixels, float32 (N,) in nats.

        `indices` are palette indices, uint8 (N, 24, 24); each color must be valid at its position.
        """
        positions = self.varying_positions
        logits = self.logits(features, positions).float()
        colors, target = self.colors[positions], indices.flatten(1).T[positions]
        target_entry = (colors[:, None] == target[:, :, None]).to(torch.uint8).argmax(dim=2)
        nll = F.cross_entropy(logits.flatten(0, 1), target_entry.flatten(), reduction="none")
        return nll.view(target_entry.shape).sum(dim=0)
