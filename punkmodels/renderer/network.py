"""The renderer: an additive model of the color of each pixel, its conditions, and its weights.

Type, accessories and skin tone determine every pixel of a punk. At each position, the renderer
chooses among the colors that occur there in training, and each active condition adds to their
logits. Where accessories overlap, the topmost one must win. A sum of logits expresses this if
higher accessories have larger ones, so one learned z-order per condition bounds its logits at all
positions: an order that is learned where two accessories overlap also holds where they never
overlapped in training.
"""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from punkdata.errors import DataError
from punkdata.images.palette import PALETTE
from punkdata.images.sprite import SIDE_PX
from punkdata.traits import ACCESSORIES, TYPES, encode_labels
from punkmodels.data.palette import NUM_PIXELS, SKIN_TONE_COLORS
from punkmodels.renderer.config import RendererConfig
from punkmodels.renderer.names import HUMAN_TYPES, find_traits, skin_tone_error
from punkmodels.training.pretrained import (
    SavedRun,
    export_model,
    is_finished,
    load_weights,
    read_run_config,
    restore_model,
)

CONDITION_DIM = len(TYPES) + 2 * len(ACCESSORIES) + len(SKIN_TONE_COLORS)
INITIAL_MAX_LOGIT = 10.0  # of what one condition adds to the logit of a color, in nats
BATCH_SIZE = 500  # sprites that `forward` renders at a time; each needs about 100 kB


def encode_condition(labels: torch.Tensor, skin_tones: torch.Tensor) -> torch.Tensor:
    """Return condition vectors, float32 (N, 183).

    The entries are the 5 types, the 87 accessories, the same 87 accessories again for Female punks
    only, whose accessories have other sprites and another z-order, and the 4 skin tones. `labels`
    is (N, 92), 0 or 1; `skin_tones` is int64 (N,), 1 to 4, or 0 for punks without one.
    """
    labels = labels.float()
    female_accessories = labels[:, len(TYPES) :] * labels[:, TYPES.index("Female"), None]
    tones = torch.arange(1, len(SKIN_TONE_COLORS) + 1, device=skin_tones.device)
    return torch.cat([labels, female_accessories, (skin_tones[:, None] == tones).float()], dim=1)


class Renderer(nn.Module):
    """Maps conditions, float32 (N, 183), to sprites as palette indices, uint8 (N, 24, 24).

    The biases start at the logarithms of the frequencies of colors, see `color_counts`.
    """

    occurs: torch.Tensor  # Whether a color occurs at a position in training, bool (576, 222).
    colors: torch.Tensor  # Indices of the occurring colors, int64 (576, C), followed by padding.
    valid: torch.Tensor  # Whether an entry of `colors` is not padding, bool (576, C).
    pairs: torch.Tensor  # Row of `weight` for each entry of `colors`, int64 (576, C).

    def __init__(self, counts: torch.Tensor) -> None:
        super().__init__()
        occurs = counts > 0
        colors = occurs.byte().argsort(dim=1, descending=True, stable=True)
        colors = colors[:, : int(occurs.sum(dim=1).max())]
        valid = occurs.gather(1, colors)
        pairs = (valid.flatten().cumsum(0) - 1).view_as(valid)
        self.register_buffer("occurs", occurs)
        self.register_buffer("colors", colors, persistent=False)
        self.register_buffer("valid", valid, persistent=False)
        self.register_buffer("pairs", pairs, persistent=False)
        frequencies = counts / counts.sum(dim=1, keepdim=True)
        self.bias: nn.Parameter = nn.Parameter(frequencies[occurs].log()[:, None])
        self.weight: nn.Parameter = nn.Parameter(torch.zeros(len(self.bias), CONDITION_DIM))
        self.z_order: nn.Parameter = nn.Parameter(torch.zeros(CONDITION_DIM))

    @torch.no_grad()
    def forward(self, condition: torch.Tensor) -> torch.Tensor:
        sprites = []
        for batch in torch.split(condition, BATCH_SIZE):
            most_likely = self.logits(batch).argmax(dim=2)
            sprites.append(self.colors.gather(1, most_likely).T.to(torch.uint8))
        return torch.cat(sprites).view(-1, SIDE_PX, SIDE_PX)

    def logits(self, condition: torch.Tensor) -> torch.Tensor:
        """Return the logits of `colors`, float32 (576, N, C); -inf for padding."""
        # Weights have the default dtype of when they were loaded, which can be another one.
        pair_logits = self.bias + self.condition_logits() @ condition.mT.to(self.weight.dtype)
        logits = F.embedding(self.pairs, pair_logits).mT
        return logits.masked_fill(~self.valid[:, None], -torch.inf)

    def condition_logits(self) -> torch.Tensor:
        """Return what each condition adds to the logit of each pair, float32 (pairs, 183)."""
        return self.weight.tanh() * (INITIAL_MAX_LOGIT * self.z_order.exp())

    def nll(self, condition: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
        """Return the negative log-likelihood of sprites, summed over pixels, float32 (N,) in nats.

        Each color must occur at its position in training.
        """
        entries = self.occurs.cumsum(dim=1) - 1
        targets = entries.gather(1, images.flatten(1).long().T)
        losses = F.cross_entropy(
            self.logits(condition).flatten(0, 1), targets.flatten(), reduction="none"
        )
        return losses.view_as(targets).sum(dim=0)


def labels_from_names(
    punk_type: str | None, accessories: Sequence[str], *, allow_impossible: bool = False
) -> torch.Tensor:
    """Return the labels of one combination of traits, uint8 (92,); raises as `find_traits`."""
    traits = find_traits(punk_type, accessories, allow_impossible=allow_impossible)
    return torch.from_numpy(encode_labels(*traits))


def conditions_from_labels(
    labels: torch.Tensor, skin_tones: torch.Tensor | int | None = None
) -> torch.Tensor:
    """Return the conditions of punks with these labels, float32 (N, 183).

    Female and Male punks have the given skin tones, 1 to 4, one for all or int64 (N,); by default,
    the four skin tones alternate. Raises UsageError if one skin tone is given and no punk has any.
    """
    has_skin_tone = labels[:, [TYPES.index(name) for name in HUMAN_TYPES]].bool().any(dim=1)
    if skin_tones is None:
        skin_tones = torch.arange(len(labels)) % len(SKIN_TONE_COLORS) + 1
    elif isinstance(skin_tones, int) and not has_skin_tone.any():
        raise skin_tone_error()
    return encode_condition(labels, skin_tones * has_skin_tone)


BUNDLED_RENDERER = Path(__file__).parents[1] / "weights" / "renderer"


class SavedRenderer(SavedRun):
    task: Literal["renderer"]
    options: RendererConfig


def read_renderer_config(run: Path) -> SavedRenderer:
    """Read the config.json of a run or of exported weights; raises as `read_run_config`."""
    return read_run_config(run, SavedRenderer, "renderer")


def load_renderer(run: Path, device: torch.device) -> Renderer:
    """Load the averaged renderer of a run or of exported weights, in evaluation mode.

    Raises DataError if the folder has no weights, or if they are damaged or of another model.
    """
    read_renderer_config(run)
    tensors = load_weights(run, "ema")
    occurs = tensors.get("occurs")
    is_table = isinstance(occurs, torch.Tensor) and occurs.shape == (NUM_PIXELS, len(PALETTE))
    if occurs is None or not is_table or not occurs.any(dim=1).all():
        raise DataError(f"the weights of '{run}' have no valid table of colors per position")
    model = Renderer(occurs.long())
    restore_model(run, model, tensors)
    return model.eval().to(device)


@functools.cache
def load_bundled_renderer() -> Renderer:
    """Load the bundled renderer once, on the CPU."""
    return load_renderer(BUNDLED_RENDERER, torch.device("cpu"))


def export_renderer(run: Path, out: Path) -> None:
    """Write weights in half precision, and config.json."""
    num_steps = read_renderer_config(run).options.num_steps
    model = load_renderer(run, torch.device("cpu"))
    export_model(run, model, {"finished": is_finished(run, num_steps)}, out)
