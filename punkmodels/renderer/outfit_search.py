"""Outfits as the bundled renderer draws them, and the search for the cheapest drawing.

Each pair of position and color has a cost, for example how much the color differs from that in a
picture. A hill climb changes one accessory after the other as long as the drawing becomes cheaper.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from punkdata.images.palette import PALETTE
from punkdata.traits import ACCESSORIES, ACCESSORY_SLOTS, TYPES, allowed_accessories
from punkmodels.data.palette import NUM_PIXELS, SKIN_TONE_COLORS
from punkmodels.renderer.names import HUMAN_TYPES
from punkmodels.renderer.network import CONDITION_DIM, load_bundled_renderer

Floats = NDArray[np.float32]
NUM_ACCESSORIES = len(ACCESSORIES)
FEMALE = TYPES.index("Female")
MAX_COST = 50.0  # of one pixel; a single wrong pixel must not hide all others
GOOD_COST = 9.0  # largest cost of a pixel that is right
HOPELESS_PIXELS = 60  # wrong pixels of a picture that shows no punk


@dataclass(frozen=True)
class Outfit:
    """A type, a skin tone from 1 to 4 (0 for types without one), and accessories by index."""

    type: int
    skin_tone: int
    accessories: frozenset[int] = frozenset()

    @property
    def labels(self) -> tuple[int, frozenset[int]]:
        return self.type, self.accessories


BASES = tuple(
    Outfit(i, tone)
    for i, name in enumerate(TYPES)
    for tone in (range(1, len(SKIN_TONE_COLORS) + 1) if name in HUMAN_TYPES else (0,))
)
_SLOTS = tuple(frozenset(ACCESSORIES.index(name) for name in slot) for slot in ACCESSORY_SLOTS)
_SLOT_OF = {accessory: slot for slot in _SLOTS for accessory in slot}
_ALLOWED = tuple(
    frozenset(ACCESSORIES.index(name) for name in allowed_accessories(punk_type))
    for punk_type in TYPES
)


@dataclass(frozen=True)
class PairTable:
    """The pairs of position and color that the renderer can draw, sorted by position.

    `colors` and `positions` are (P,), `starts` (576,) the first pair of each position, `weights`
    (P, 183) what each condition adds to the logit of a pair, and `bias` (P,) its initial logit.
    """

    colors: NDArray[np.int64]
    positions: NDArray[np.int64]
    starts: NDArray[np.int64]
    weights: Floats
    bias: Floats

    def draw(self, outfits: list[Outfit]) -> NDArray[np.bool_]:
        """Return which pairs the drawings of N outfits consist of, bool (P, N)."""
        logits = self.bias[:, None] + self.weights @ _conditions(outfits).T
        highest = np.maximum.reduceat(logits, self.starts, axis=0)
        drawn: NDArray[np.bool_] = logits == highest[self.positions]
        return drawn


@functools.cache
def load_pair_table() -> PairTable:
    renderer = load_bundled_renderer()
    positions, colors = np.nonzero(renderer.occurs.numpy())
    return PairTable(
        colors,
        positions,
        np.searchsorted(positions, np.arange(NUM_PIXELS)),
        renderer.condition_logits().detach().float().numpy(),
        renderer.bias.detach().float().numpy()[:, 0],
    )


def _conditions(outfits: list[Outfit]) -> Floats:
    """Return condition vectors, float32 (N, 183), as `encode_condition` computes them."""
    rows = np.zeros((len(outfits), CONDITION_DIM), np.float32)
    for row, outfit in zip(rows, outfits, strict=True):
        row[outfit.type] = 1
        for accessory in outfit.accessories:
            row[len(TYPES) + accessory] = 1
            if outfit.type == FEMALE:
                row[len(TYPES) + NUM_ACCESSORIES + accessory] = 1
        if outfit.skin_tone:
            row[len(TYPES) + 2 * NUM_ACCESSORIES + outfit.skin_tone - 1] = 1
    return rows


def accessory_changes(outfit: Outfit) -> list[Outfit]:
    """Return all outfits with one accessory more, one less, or another one in its slot."""
    worn = outfit.accessories
    sets = [worn - {accessory} for accessory in worn]
    sets += [worn - _SLOT_OF[added] | {added} for added in _ALLOWED[outfit.type] - worn]
    return [Outfit(outfit.type, outfit.skin_tone, others) for others in sets]


def base_changes(outfit: Outfit) -> list[Outfit]:
    """Return the outfits of all types and skin tones with the accessories that they can have."""
    worn = outfit.accessories
    return [Outfit(b.type, b.skin_tone, worn & _ALLOWED[b.type]) for b in BASES]


def exchanges(outfit: Outfit) -> list[Outfit]:
    """Return all outfits in which one accessory is exchanged for one of another slot."""
    return [
        Outfit(outfit.type, outfit.skin_tone, (outfit.accessories - {old}) - _SLOT_OF[new] | {new})
        for old in outfit.accessories
        for new in _ALLOWED[outfit.type] - outfit.accessories - _SLOT_OF[old]
    ]


def climb(start: Outfit, costs: Floats) -> tuple[Outfit, float]:
    """Change an outfit until no change makes its drawing cheaper; return it and its cost.

    `costs` (P,) is the cost of each pair. Stops early if it finds no punk.
    """
    table = load_pair_table()
    best, best_cost = start, float(costs @ table.draw([start])[:, 0])
    kinds = (accessory_changes, base_changes, exchanges)
    kind = 0
    while kind < len(kinds) and costs[table.draw([best])[:, 0]].max() > GOOD_COST:
        options = kinds[kind](best)
        totals = costs @ table.draw(options) if options else np.array([np.inf])
        i = int(totals.argmin())
        if totals[i] < best_cost - 1e-3:
            best, best_cost, kind = options[i], float(totals[i]), 0
        elif kind == 0 and best_cost > HOPELESS_PIXELS * MAX_COST:
            break
        else:
            kind += 1
    return _without_hidden(best, table), best_cost


def _without_hidden(outfit: Outfit, table: PairTable) -> Outfit:
    """Return an outfit without the accessories that change no pixel."""
    for accessory in sorted(outfit.accessories):
        less = Outfit(outfit.type, outfit.skin_tone, outfit.accessories - {accessory})
        drawn = table.draw([outfit, less])
        if (drawn[:, 0] == drawn[:, 1]).all():
            outfit = less
    return outfit


def draw_outfit(outfit: Outfit) -> NDArray[np.uint8]:
    """Return the sprite of an outfit, RGBA, uint8 (24, 24, 4)."""
    table = load_pair_table()
    drawn = table.draw([outfit])[:, 0]
    # Of equal logits the first counts, as in the renderer.
    _, first = np.unique(table.positions[drawn], return_index=True)
    return PALETTE[table.colors[drawn][first]].reshape(24, 24, 4)
