"""The label sets of all 10,000 real punks, which are part of punkmodels, to recognize new ones.

Both the published and the visible label sets are listed, without skin tones, as one integer each;
`docs/make_real_label_sets.py` writes the list.
"""

import functools
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from punkmodels.label_sets.encoding import NUM_VALUES, SKIN_TONE, encode_label_sets
from punkmodels.renderer.drawing import find_visible
from punkmodels.renderer.network import Renderer, encode_condition

REAL_LABEL_SETS = Path(__file__).with_name("real_label_sets.npz")


def find_codes(labels: torch.Tensor, skin_tones: torch.Tensor) -> NDArray[np.int64]:
    """Return an integer for each label set (N, 92), int64 (N,), which ignores the skin tone."""
    values = encode_label_sets(labels, skin_tones).cpu().numpy()
    values[:, SKIN_TONE] = 0
    codes: NDArray[np.int64] = np.ravel_multi_index(tuple(values.T), NUM_VALUES)
    return codes.astype(np.int64)


def save_real_codes(codes: NDArray[np.int64], path: Path = REAL_LABEL_SETS) -> None:
    """Write integers of label sets, in any order, to a file for `load_real_codes`."""
    ascending = np.unique(codes)
    np.savez_compressed(path, steps=np.diff(ascending, prepend=0))


@functools.cache
def load_real_codes() -> NDArray[np.int64]:
    """Return the integers of the label sets of all real punks, int64, in ascending order."""
    with np.load(REAL_LABEL_SETS) as file:
        codes: NDArray[np.int64] = file["steps"].cumsum()
    return codes


def is_new(labels: torch.Tensor, skin_tones: torch.Tensor, renderer: Renderer) -> torch.Tensor:
    """Return whether no real punk has these label sets (N, 92), bool (N,).

    Neither the label sets nor, where accessories are covered by others, what is visible of them may
    be the published or the visible label set of a real punk, in any skin tone.
    """
    device = renderer.weight.device

    def render(labels: torch.Tensor) -> torch.Tensor:
        sprites: torch.Tensor = renderer(encode_condition(labels, skin_tones).to(device))
        return sprites.cpu()

    visible = find_visible(labels, render)
    is_real = [
        np.isin(find_codes(each, skin_tones), load_real_codes()) for each in (labels, visible)
    ]
    return torch.from_numpy(~(is_real[0] | is_real[1]))
