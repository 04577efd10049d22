"""The 222 RGBA colors of the collection, in a fixed order.

`PALETTE[0]` is transparent; the others are sorted by red, green and blue. Two colors (smoke and
glass) are half transparent, with alpha 128; all others are opaque.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_HEX = """
    00000000 000000ff 0040ffff 005580ff 0060c3ff 142c7cff 1637a4ff 1a43c8ff 1a6ed5ff
    1c1a00ff 229000ff 251409ff 26314aff 281b09ff 2858b1ff 28b143ff 293e64ff 296434ff
    2a2a2aff 2c5195ff 2c9541ff 2d190cff 2d6b62ff 311b0dff 32412aff 328dfdff 352410ff
    353535ff 36462dff 382d1fff 392312ff 3b210fff 3c2413ff 3c5659ff 3c6827ff 3cc300ff
    3d2f1eff 42503aff 43513bff 463827ff 473929ff 485d5dff 486f2bff 4a1201ff 4b3c2aff
    4c4c4cff 4f2c14ff 4f4538ff 502f05ff 506a65ff 507c33ff 51360cff 515151ff 52321aff
    52422fff 534c00ff 552f16ff 555555ff 562600ff 577149ff 584733ff 595959ff 596570ff
    596d48ff 5b4933ff 5c390fff 5c736bff 5c7f91ff 5c8539ff 5c915fff 5d2310ff 5d5d5dff
    5d7975ff 5d8b43ff 5e4c37ff 5e5757ff 5e7253ff 5f1d09ff 636363ff 645849ff 65523cff
    655e5eff 683c08ff 68461fff 690c45ff 692f08ff 6a563fff 6a8ea0ff 6aa06eff 6b6361ff
    6e6e6eff 6e867fff 6e984dff 6f6f6fff 710cc7ff 711010ff 713f1dff 723709ff 725d43ff
    75bdbdff 763b1aff 765f43ff 794b11ff 796144ff 7da269ff 7f4d36ff 80dbdaff 8119b7ff
    825032ff 826849ff 83c790ff 853217ff 855114ff 85561eff 856f56ff 86581eff 868377ff
    897a70ff 8b532cff 8c0d5bff 8d8d8dff 8ea59fff 8f0f69ff 8f8254ff 917656ff 933709ff
    949593ff 988880ff 997c59ff 998475ff 999999ff 9a8e8bff 9b166dff 9b6f4dff 9bbc88ff
    9be0e0ff 9fc0abff a32375ff a39797ff a48560ff a49681ff a4a3a0ff a58d8dff a66e2cff
    a77c47ff a98c6bff aa7b54ff ad2160ff ad7e59ff ae8b61ff af2c7bff af38a1ff afa3a3ff
    b03285ff b0a39bff b1b1b1ff b261dcff b38e7dff b4b4b4ff b66f4eff b69f82ff b6a389ff
    b6b4bfff b7ab98ff b8b4acff b9b9b980 baaca2ff bbb3a6ff bd47b0ff c13f8fff c28946ff
    c42110ff c6c6c6ff c77514ff c8fbfbff c9b2b2ff c9c9c9ff ca4e11ff cac9d4ff cad6e1ff
    cd00cbff cfbda6ff d09c6eff d29d60ff d4c8b8ff d60000ff d60404ff d7d7d7ff da8e66ff
    dacdbbff dbb180ff dc1d1dff dcd8a4ff dcdcdcff dcdfeaff ddbebaff dddddd80 dfdfdfff
    e08282ff e22626ff e25b26ff e4eb17ff e65700ff e6aeaeff e7cba9ff e86570ff e8efc0ff
    e8f4ffff ead9d9ff eeeab6ff eeeeeeff f0f0f0ff fd3232ff ff0000ff ff2a00ff ff8ebeff
    ffba00ff ffc926ff ffd800ff ffd926ff fff68eff ffffffff
"""

PALETTE: NDArray[np.uint8] = np.array(
    [tuple(bytes.fromhex(color)) for color in _HEX.split()], np.uint8
)
"""The colors as uint8 (222, 4), RGBA; read-only."""
PALETTE.setflags(write=False)

# Each color packed into one integer, so that exact matches are found by binary search.
_KEY_WEIGHTS = np.array([1 << 24, 1 << 16, 1 << 8, 1], np.uint32)
_KEYS = PALETTE.astype(np.uint32) @ _KEY_WEIGHTS  # In ascending order.


def palette_indices(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the index in `PALETTE` of each RGBA pixel's color, or of the nearest color.

    The nearest color has the smallest squared distance in premultiplied color and alpha. The
    result has the shape of `pixels` without the last axis.
    """
    keys = pixels.astype(np.uint32) @ _KEY_WEIGHTS
    indices = np.searchsorted(_KEYS, keys).clip(max=len(PALETTE) - 1)
    is_unknown = _KEYS[indices] != keys
    if is_unknown.any():
        colors, inverse = np.unique(pixels[is_unknown], axis=0, return_inverse=True)
        differences = _premultiply(colors)[:, None] - _premultiply(PALETTE)[None]
        nearest = (differences**2).sum(axis=-1).argmin(axis=1)
        indices[is_unknown] = nearest[inverse.reshape(-1)]
    result: NDArray[np.uint8] = indices.astype(np.uint8)
    return result


def _premultiply(colors: NDArray[np.uint8]) -> NDArray[np.float64]:
    alpha = colors[..., 3:].astype(np.float64)
    return np.concatenate([colors[..., :3] * (alpha / 255), alpha], axis=-1)
