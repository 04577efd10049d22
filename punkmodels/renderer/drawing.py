"""Drawings of label sets with a renderer: how certain they are, and which labels they show."""

from collections.abc import Callable

import torch

from punkdata.images.sprite import SIDE_PX
from punkdata.traits import TYPES
from punkmodels.renderer.network import BATCH_SIZE, Renderer


@torch.no_grad()
def draw_with_certainty(
    renderer: Renderer, condition: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return sprites, uint8 (N, 24, 24), and their certainty, float32 (N,).

    The certainty of a sprite is the lowest probability, over its pixels, of the color drawn there.
    """
    sprites, certainties = [], []
    for batch in torch.split(condition, BATCH_SIZE):
        probability, most_likely = renderer.logits(batch).softmax(dim=2).max(dim=2)
        sprites.append(renderer.colors.gather(1, most_likely).T.to(torch.uint8))
        certainties.append(probability.amin(dim=0).float())
    return torch.cat(sprites).view(-1, SIDE_PX, SIDE_PX), torch.cat(certainties)


def find_visible(
    labels: torch.Tensor, render: Callable[[torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    """Return label sets, bool (N, 92), without the accessories that change no pixel.

    `render` returns the sprites, (N, 24, 24), of other labels of the same punks.
    """
    labels = labels.bool()
    images, visible, accessories = render(labels), labels.clone(), labels.clone()
    accessories[:, : len(TYPES)] = False
    # Remove the n-th accessory of all punks at the same time, for each n.
    for n in range(int(accessories.sum(dim=1).max())):
        is_nth = accessories & (accessories.cumsum(dim=1) == n + 1)
        is_unchanged = (render(labels & ~is_nth) == images).flatten(1).all(dim=1)
        visible &= ~(is_nth & is_unchanged[:, None])
    return visible
