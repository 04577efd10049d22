"""Output layer of the generator that chooses, at each pixel, one of the palette's colors."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from punkmodels.data.palette import color_table

INITIAL_MAX_LOGIT = 10.0
"""nats, which what is asked for can add to the logit of a color at first"""


class PaletteHead(nn.Module):
    """Features, float32 (N, channels, 24, 24), to one of the colors that training knows at each
    place: RGBA and code in [-1, 1], float32 (N, 4 + code, 24, 24).

    Every place has weights of its own: what a pixel can be depends on where it is. The likeliest
    color is drawn, and the gradient is that of the mean color (Bengio and others, "Estimating or
    Propagating Gradients", 2013), so that the discriminator never sees a mixture.

    Args:
        counts: int64 (576, 222), how often training has each color at each place. Colors start
            as likely as they are.
        code: numbers of each color beside RGBA, see `color_table`.
        asked: size of the condition, see `conditions`, which has a say in every pixel by weights
            of its own, `of_asked`; 0 for none.
        by_height: those weights are at most as large as the `height` of what is asked for. Where
            accessories lie on each other the highest shows, and a sum of weights tells which: so
            one height each, learned wherever two meet, holds where they have never met.
    """

    colors: torch.Tensor
    valid: torch.Tensor
    table: torch.Tensor
    pairs: torch.Tensor
    varied: torch.Tensor

    def __init__(
        self,
        channels: int,
        counts: torch.Tensor,
        color_embedding_dim: int = 0,
        condition: int = 0,
        *,
        by_z_order: bool = True,
    ) -> None:
        super().__init__()
        places = len(counts)
        most = int((counts > 0).sum(dim=1).max())
        share, order = (counts / counts.sum(dim=1, keepdim=True)).sort(dim=1, descending=True)
        share, order = share[:, :most], order[:, :most]
        self.register_buffer("colors", order.to(torch.uint8))
        self.register_buffer("valid", share > 0)
        varied = (self.valid.sum(dim=1) > 1).nonzero()[:, 0]  # the others are no surprise
        self.register_buffer("varied", varied, persistent=False)
        self.register_buffer(
            "table", color_table(color_embedding_dim=color_embedding_dim), persistent=False
        )
        self.weight = nn.Parameter(torch.randn(places, channels, most) * 0.02)
        self.bias = nn.Parameter(share.clamp(min=1e-4).log()[:, None])
        pairs = int(self.valid.sum())
        numbers = self.valid.flatten().cumsum(0).view(self.valid.shape) - 1
        self.register_buffer("pairs", numbers.clamp(min=0), persistent=False)
        self.condition_weight = nn.Parameter(torch.zeros(pairs, condition)) if condition else None
        self.z_order = nn.Parameter(torch.zeros(condition)) if condition and by_z_order else None
        """the logarithm of it, in units of `MIDDLE_HEIGHT`"""

    def forward(
        self, features: torch.Tensor, condition: torch.Tensor | None = None
    ) -> torch.Tensor:
        n, _, height, width = features.shape
        share = self.logits(features, condition, slice(None)).softmax(dim=2)
        likeliest = torch.zeros_like(share).scatter_(2, share.argmax(dim=2, keepdim=True), 1.0)
        chosen = (likeliest + share - share.detach()).float()
        with torch.autocast(features.device.type, enabled=False):  # colors are exact
            drawn = torch.bmm(chosen, self.table[self.colors.int()])
        if drawn.requires_grad:
            drawn.register_hook(torch.Tensor.contiguous)  # type: ignore[no-untyped-call]
        return drawn.permute(1, 2, 0).reshape(n, -1, height, width)

    def logits(
        self, features: torch.Tensor, condition: torch.Tensor | None, places: slice | torch.Tensor
    ) -> torch.Tensor:
        """(places, N, most): of each color in `colors`."""
        # Batched products of what is not laid out in order are done one by one on a CPU.
        at_places = features.flatten(2).permute(2, 0, 1)[places].contiguous()
        logits = torch.baddbmm(self.bias[places], at_places, self.weight[places])
        if condition is not None and self.condition_weight is not None:
            of_pairs = self.condition_logits() @ condition.mT
            logits = logits + F.embedding(self.pairs[places], of_pairs).mT
        return logits.masked_fill(~self.valid[places][:, None], -1e9)

    def condition_logits(self) -> torch.Tensor:
        """float32 (pairs, asked): what each thing that can be asked for adds to the logit of each
        color known at a place; (0, 0) if it has no say.
        """
        if self.condition_weight is None:
            return self.bias.new_zeros(0, 0)
        if self.z_order is None:
            return self.condition_weight
        return self.condition_weight.tanh() * (INITIAL_MAX_LOGIT * self.z_order.exp())

    def pixel_nll(
        self, features: torch.Tensor, indices: torch.Tensor, condition: torch.Tensor | None = None
    ) -> torch.Tensor:
        """float32 (N,): cross-entropy of palette indices uint8 (N, 24, 24), summed over the places,
        in nats. Every color must be known at its place.
        """
        varied = self.varied
        logits = self.logits(features, condition, varied).float()
        valid, real = self.colors[varied], indices.flatten(1).T[varied]
        right = (valid[:, None] == real[:, :, None]).to(torch.uint8).argmax(dim=2)
        of_places = F.cross_entropy(logits.flatten(0, 1), right.flatten(), reduction="none")
        return of_places.view(right.shape).sum(dim=0)
