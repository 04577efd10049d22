"""The 222 RGBA colors of the collection, in a fixed order.

`PALETTE[0]` is transparent; the others are sorted by red, green and blue. Two colors (smoke and
glass) are half transparent, with alpha 128; all others are opaque and are written without alpha.
"""

import numpy as np
from numpy.typing import NDArray

_HEX = """
    00000000 000000 0040ff 005580 0060c3 142c7c 1637a4 1a43c8 1a6ed5 1c1a00 229000 251409 26314a
    281b09 2858b1 28b143 293e64 296434 2a2a2a 2c5195 2c9541 2d190c 2d6b62 311b0d 32412a 328dfd
    352410 353535 36462d 382d1f 392312 3b210f 3c2413 3c5659 3c6827 3cc300 3d2f1e 42503a 43513b
    463827 473929 485d5d 486f2b 4a1201 4b3c2a 4c4c4c 4f2c14 4f4538 502f05 506a65 507c33 51360c
    515151 52321a 52422f 534c00 552f16 555555 562600 577149 584733 595959 596570 596d48 5b4933
    5c390f 5c736b 5c7f91 5c8539 5c915f 5d2310 5d5d5d 5d7975 5d8b43 5e4c37 5e5757 5e7253 5f1d09
    636363 645849 65523c 655e5e 683c08 68461f 690c45 692f08 6a563f 6a8ea0 6aa06e 6b6361 6e6e6e
    6e867f 6e984d 6f6f6f 710cc7 711010 713f1d 723709 725d43 75bdbd 763b1a 765f43 794b11 796144
    7da269 7f4d36 80dbda 8119b7 825032 826849 83c790 853217 855114 85561e 856f56 86581e 868377
    897a70 8b532c 8c0d5b 8d8d8d 8ea59f 8f0f69 8f8254 917656 933709 949593 988880 997c59 998475
    999999 9a8e8b 9b166d 9b6f4d 9bbc88 9be0e0 9fc0ab a32375 a39797 a48560 a49681 a4a3a0 a58d8d
    a66e2c a77c47 a98c6b aa7b54 ad2160 ad7e59 ae8b61 af2c7b af38a1 afa3a3 b03285 b0a39b b1b1b1
    b261dc b38e7d b4b4b4 b66f4e b69f82 b6a389 b6b4bf b7ab98 b8b4ac b9b9b980 baaca2 bbb3a6 bd47b0
    c13f8f c28946 c42110 c6c6c6 c77514 c8fbfb c9b2b2 c9c9c9 ca4e11 cac9d4 cad6e1 cd00cb cfbda6
    d09c6e d29d60 d4c8b8 d60000 d60404 d7d7d7 da8e66 dacdbb dbb180 dc1d1d dcd8a4 dcdcdc dcdfea
    ddbeba dddddd80 dfdfdf e08282 e22626 e25b26 e4eb17 e65700 e6aeae e7cba9 e86570 e8efc0 e8f4ff
    ead9d9 eeeab6 eeeeee f0f0f0 fd3232 ff0000 ff2a00 ff8ebe ffba00 ffc926 ffd800 ffd926 fff68e
    ffffff
"""

_BYTES = b"".join(bytes.fromhex(color.ljust(8, "f")) for color in _HEX.split())
PALETTE: NDArray[np.uint8] = np.frombuffer(_BYTES, np.uint8).reshape(-1, 4)
"""The colors as uint8 (222, 4), RGBA; read-only."""

# Each color packed into one integer, so that exact matches are found by binary search.
_KEY_WEIGHTS = np.array([1 << 24, 1 << 16, 1 << 8, 1], np.uint32)
_KEYS = PALETTE.astype(np.uint32) @ _KEY_WEIGHTS  # In ascending order.


def palette_indices(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the index in `PALETTE` of the color of each of the pixels (..., 4), or the nearest.

    The nearest color has the smallest squared distance in premultiplied color and alpha.
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
