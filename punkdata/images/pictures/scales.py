"""The possible numbers of picture pixels per sprite pixel, from the distances between edges."""

import numpy as np
from numpy.typing import NDArray

MIN_STEP = 20  # Smallest change of color, in one channel, that counts as an edge, 0 to 255.
MAX_LINES = 800  # Number of rows and of columns of the picture that are examined.
MAX_SCALE = 100.0
MIN_SCORE = 0.3
MAX_SCALES = 5

_STEP = 0.005  # Relative distance of neighboring candidates.


def candidate_scales(rgb: NDArray[np.uint8]) -> list[float]:
    """Return possible scales of the sprites in a picture (height, width, 3), the likeliest first.

    The edges of an enlarged sprite are multiples of the scale apart from each other, wherever it
    is. A scale is scored by the mean of cos(2 pi distance / scale).
    """
    limit = int(min(MAX_SCALE, max(rgb.shape[:2]) / 8))
    counts = np.zeros(8 * limit + 1)
    for lines in (rgb, rgb.swapaxes(0, 1)):
        step = -(-len(lines) // MAX_LINES)
        counts += _count_distances(lines[::step], len(counts))
    if not counts.sum() or limit < 2:
        return [1.0]
    scales = np.geomspace(1.5, limit, int(np.log(limit / 1.5) / _STEP) + 1)
    distances = np.arange(len(counts))
    # Distances of many sprite pixels would require an exact scale.
    waves = np.cos(2 * np.pi * distances / scales[:, None])
    is_near = distances <= 8.5 * scales[:, None]
    total = is_near @ counts
    scores = (waves * is_near) @ counts / np.maximum(total, 1) * np.sqrt(total / counts.sum())
    is_peak = (scores >= np.r_[-1, scores[:-1]]) & (scores > np.r_[scores[1:], -1])
    peaks = np.flatnonzero(is_peak & (scores > MIN_SCORE))
    # A divisor of the scale has the same score; so a larger scale wins unless it is much worse.
    best = sorted(peaks, key=lambda i: -scores[i] * scales[i] ** 0.15)[:MAX_SCALES]
    return [*dict.fromkeys(_round_scale(float(scales[i])) for i in best), 1.0]


def _round_scale(scale: float) -> float:
    """Return an integer that is as near as the next candidate; most scales are integers."""
    nearest = round(scale)
    return float(nearest) if abs(scale - nearest) < 1.5 * _STEP * scale else scale


def _count_distances(lines: NDArray[np.uint8], size: int) -> NDArray[np.float64]:
    """Return how often consecutive edges in the lines are 0, 1, 2, … pixels apart."""
    steps = np.abs(np.diff(lines.astype(np.int16), axis=1)).max(axis=2)
    padded = np.pad(steps, ((0, 0), (1, 1)))
    is_edge = (steps >= MIN_STEP) & (steps >= padded[:, :-2]) & (steps > padded[:, 2:])
    line, position = np.nonzero(is_edge)
    distances = np.diff(position)[np.diff(line) == 0]
    return np.bincount(distances[distances < size], minlength=size).astype(float)
