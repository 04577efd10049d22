"""The model of label sets: a masked autoregressive network, and its weights.

MADE (Germain et al. 2015, https://arxiv.org/abs/1502.03509) over the 11 variables of
`punkmodels.label_sets.encoding`, in their order: the logits of a variable depend on the variables
before it. They also depend on a second input, the known values of any subset of the variables, with
a mask of which are known. Training chooses such subsets at random, so the model samples the other
variables given known ones that come before *or after* them in the order. Values that are impossible
given the other ones have no probability.
"""

from pathlib import Path
from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from punkmodels.label_sets.config import LabelSetsConfig
from punkmodels.label_sets.encoding import (
    NUM_VALUES,
    NUM_VARIABLES,
    VALUE_DIM,
    VALUE_SLICES,
    encode_one_hot,
    find_allowed_in_order,
)
from punkmodels.training.pretrained import (
    SavedRun,
    export_model,
    is_finished,
    load_weights,
    read_run_config,
    restore_model,
)


class MaskedLinear(nn.Linear):
    """A linear layer whose weights are multiplied by a constant mask, bool (out, in)."""

    mask: torch.Tensor

    def __init__(self, mask: torch.Tensor) -> None:
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer("mask", mask.to(self.weight.dtype), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(x, self.weight * self.mask, self.bias)


class LabelSetModel(nn.Module):
    """Maps values of label sets to the log-probabilities of each variable's values.

    `width` is the number of units in each of the two hidden layers.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        # Each entry has a degree, and a unit depends on entries of at most its own degree: on that
        # many of the first variables. Known values have no degree, all units depend on them.
        variable = torch.arange(NUM_VARIABLES).repeat_interleave(torch.tensor(NUM_VALUES))
        known = torch.zeros(VALUE_DIM + NUM_VARIABLES, dtype=torch.int64)
        inputs, hidden = torch.cat([variable + 1, known]), torch.arange(width) % NUM_VARIABLES
        before_output = torch.cat([inputs, hidden, hidden])
        self.first: MaskedLinear = MaskedLinear(hidden[:, None] >= inputs)
        self.second: MaskedLinear = MaskedLinear(hidden[:, None] >= hidden)
        self.output: MaskedLinear = MaskedLinear(variable[:, None] >= before_output)

    def forward(self, values: torch.Tensor, is_known: torch.Tensor) -> torch.Tensor:
        """Return log-probabilities, float (N, 106), of the values of each variable.

        Those of variable i are given the variables before i, and those that are known; they mean
        nothing if i itself is known. Impossible values have -inf.

        Args:
            values: int64 (N, 11).
            is_known: bool (N, 11).
        """
        one_hot = encode_one_hot(values).to(self.output.weight.dtype)
        known = is_known.to(one_hot.dtype)
        repeats = torch.tensor(NUM_VALUES, device=values.device)
        known_values = one_hot * known.repeat_interleave(repeats, dim=1)
        x = torch.cat([one_hot, known_values, known], dim=1)
        first = self.first(x).relu()
        second = self.second(first).relu()
        logits = self.output(torch.cat([x, first, second], dim=1))
        logits = logits.masked_fill(~find_allowed_in_order(values, is_known), -torch.inf)
        return torch.cat([logits[:, part].log_softmax(dim=1) for part in VALUE_SLICES], dim=1)

    def nll(self, values: torch.Tensor, is_known: torch.Tensor | None = None) -> torch.Tensor:
        """Return the negative log-likelihood of label sets, float (N,) in nats.

        It is that of the values that are not known, given the known ones; by default of all values.
        """
        if is_known is None:
            is_known = torch.zeros_like(values, dtype=torch.bool)
        log_probs = self(values, is_known)
        parts = [
            log_probs[:, part].gather(1, values[:, i, None]) for i, part in enumerate(VALUE_SLICES)
        ]
        return -torch.cat(parts, dim=1).masked_fill(is_known, 0).sum(dim=1)

    @torch.no_grad()
    def sample(
        self, values: torch.Tensor, is_known: torch.Tensor, uniform: torch.Tensor
    ) -> torch.Tensor:
        """Return label sets, int64 (N, 11), with the known values, and the others sampled.

        Each label set depends on its own row of `uniform`, numbers in [0, 1), float64 (N, 11).
        Known values that no punk can have together lead to values of no meaning.
        """
        values = torch.where(is_known, values, 0)
        for i, part in enumerate(VALUE_SLICES):
            # The first value whose cumulative probability exceeds the random number.
            cumulative = self(values, is_known)[:, part].double().exp().cumsum(dim=1)
            threshold = uniform[:, i, None].to(values.device) * cumulative[:, -1:]
            sampled = (cumulative <= threshold).sum(dim=1)
            values[:, i] = torch.where(is_known[:, i], values[:, i], sampled)
        return values


BUNDLED_LABEL_SETS = Path(__file__).parents[1] / "weights" / "label-sets"


class SavedLabelSets(SavedRun):
    task: Literal["label-sets"]
    options: LabelSetsConfig


def read_label_sets_config(run: Path) -> SavedLabelSets:
    """Read the config.json of a run or of exported weights; raises as `read_run_config`."""
    return read_run_config(run, SavedLabelSets, "model of label sets")


def load_label_sets(run: Path, device: torch.device) -> LabelSetModel:
    """Load the averaged model of a run or of exported weights, in evaluation mode.

    Raises DataError if the folder has no weights, or if they are damaged or of another model.
    """
    model = LabelSetModel(read_label_sets_config(run).options.width)
    restore_model(run, model, load_weights(run, "ema"))
    return model.eval().to(device)


def export_label_sets(run: Path, out: Path) -> None:
    """Write weights in half precision, and config.json."""
    num_steps = read_label_sets_config(run).options.num_steps
    model = load_label_sets(run, torch.device("cpu"))
    export_model(run, model, {"finished": is_finished(run, num_steps)}, out)
