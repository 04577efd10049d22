"""Output layer of the generator that selects one palette color at each pixel."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from punkmodels.data.palette import color_table

INITIAL_MAX_LOGIT = 10.0
"""Initial bound of the contribution of one condition to the logit of a color, in nats."""


class PaletteHead(nn.Module):
    """Output layer that selects, at each pixel, one of the colors that occur there in training.

    Maps features, float32 (N, channels, 24, 24), to RGBA in [-1, 1], followed by the color
    embedding: float32 (N, 4 + color_embedding_dim, 24, 24).

    Each pixel position has its own weights, because the possible colors depend on the position.
    The forward pass takes the most likely color, and the backward pass uses the gradient of the
    expected color (straight-through estimator; Bengio et al., "Estimating or Propagating
    Gradients", 2013), so the discriminator never sees a mixture of colors.

    Args:
        channels: Channels of the features.
        counts: int64 (576, 222), how often each color occurs at each position in training. The
            biases start at the logarithms of these frequencies.
        color_embedding_dim: Dimension of the frozen color embedding, see `color_table`.
        condition_dim: Dimension of the condition, which has weights of its own at each pixel;
            0 for an unconditional head.
        use_z_order: Bound the weights of each condition by a learned `z_order` of that condition.
            Where accessories overlap, the topmost one is visible. Adding logits reproduces this
            if higher accessories have larger bounds, and one bound per accessory also holds for
            combinations that never occur in training.
    """

    colors: torch.Tensor
    """Palette indices of the valid colors at each position, most frequent first, uint8
    (576, max_colors); padded."""
    valid: torch.Tensor
    """Whether an entry of `colors` is a color that occurs there, bool (576, max_colors)."""
    table: torch.Tensor
    """Color of each palette index, followed by its embedding, see `color_table`."""
    pairs: torch.Tensor
    """Row of `condition_weight` for each entry of `colors`, int64 (576, max_colors)."""
    varying_positions: torch.Tensor
    """Indices of the positions with more than one color, int64 (P,)."""

    def __init__(
        self,
        channels: int,
        counts: torch.Tensor,
        color_embedding_dim: int = 0,
        condition_dim: int = 0,
        *,
        use_z_order: bool = True,
    ) -> None:
        super().__init__()
        num_positions = len(counts)
        max_colors = int((counts > 0).sum(dim=1).max())
        frequency, order = (counts / counts.sum(dim=1, keepdim=True)).sort(dim=1, descending=True)
        frequency, order = frequency[:, :max_colors], order[:, :max_colors]
        self.register_buffer("colors", order.to(torch.uint8))
        self.register_buffer("valid", frequency > 0)
        # A position with a single color has a likelihood of 1 and needs no loss.
        varying = (self.valid.sum(dim=1) > 1).nonzero()[:, 0]
        self.register_buffer("varying_positions", varying, persistent=False)
        self.register_buffer(
            "table", color_table(color_embedding_dim=color_embedding_dim), persistent=False
        )
        self.weight = nn.Parameter(torch.randn(num_positions, channels, max_colors) * 0.02)
        self.bias = nn.Parameter(frequency.clamp(min=1e-4).log()[:, None])
        num_pairs = int(self.valid.sum())
        pairs = self.valid.flatten().cumsum(0).view(self.valid.shape) - 1
        self.register_buffer("pairs", pairs.clamp(min=0), persistent=False)
        self.condition_weight = (
            nn.Parameter(torch.zeros(num_pairs, condition_dim)) if condition_dim else None
        )
        self.z_order = (
            nn.Parameter(torch.zeros(condition_dim)) if condition_dim and use_z_order else None
        )
        """Log of each condition's bound relative to `INITIAL_MAX_LOGIT`, (condition_dim,)."""

    def forward(
        self, features: torch.Tensor, condition: torch.Tensor | None = None
    ) -> torch.Tensor:
        n, _, height, width = features.shape
        probabilities = self.logits(features, condition, slice(None)).softmax(dim=2)
        most_likely = probabilities.argmax(dim=2, keepdim=True)
        one_hot = torch.zeros_like(probabilities).scatter_(2, most_likely, 1.0)
        selected = (one_hot + probabilities - probabilities.detach()).float()
        with torch.autocast(features.device.type, enabled=False):  # Colors must be exact.
            images = torch.bmm(selected, self.table[self.colors.int()])
        if images.requires_grad:
            # The gradient arrives permuted, which would slow down the backward pass of bmm.
            images.register_hook(torch.Tensor.contiguous)  # type: ignore[no-untyped-call]
        return images.permute(1, 2, 0).reshape(n, -1, height, width)

    def logits(
        self,
        features: torch.Tensor,
        condition: torch.Tensor | None,
        positions: slice | torch.Tensor,
    ) -> torch.Tensor:
        """Return the logits of `colors` at some positions.

        Args:
            features: float32 (N, channels, 24, 24).
            condition: float32 (N, condition_dim), or None.
            positions: The P positions, as a slice or as int64 (P,).

        Returns:
            float32 (P, N, max_colors); -1e9 for padding.
        """
        # On a CPU, batched products of non-contiguous tensors are computed one by one.
        at_positions = features.flatten(2).permute(2, 0, 1)[positions].contiguous()
        logits = torch.baddbmm(self.bias[positions], at_positions, self.weight[positions])
        if condition is not None and self.condition_weight is not None:
            pair_logits = self.condition_logits() @ condition.mT
            logits = logits + F.embedding(self.pairs[positions], pair_logits).mT
        return logits.masked_fill(~self.valid[positions][:, None], -1e9)

    def condition_logits(self) -> torch.Tensor:
        """Return the contribution of each condition to the logit of each valid color.

        Returns:
            float32 (pairs, condition_dim); empty (0, 0) for an unconditional head.
        """
        if self.condition_weight is None:
            return self.bias.new_zeros(0, 0)
        if self.z_order is None:
            return self.condition_weight
        return self.condition_weight.tanh() * (INITIAL_MAX_LOGIT * self.z_order.exp())

    def pixel_nll(
        self, features: torch.Tensor, indices: torch.Tensor, condition: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the negative log-likelihood of sprites, summed over their pixels.

        Args:
            features: float32 (N, channels, 24, 24).
            indices: Palette indices uint8 (N, 24, 24); each color must be valid at its position.
            condition: float32 (N, condition_dim), or None.

        Returns:
            float32 (N,), in nats.
        """
        positions = self.varying_positions
        logits = self.logits(features, condition, positions).float()
        colors, target = self.colors[positions], indices.flatten(1).T[positions]
        target_entry = (colors[:, None] == target[:, :, None]).to(torch.uint8).argmax(dim=2)
        nll = F.cross_entropy(logits.flatten(0, 1), target_entry.flatten(), reduction="none")
        return nll.view(target_entry.shape).sum(dim=0)
