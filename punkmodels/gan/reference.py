"""Real punks that generated ones are compared with, and what judges both."""

from pathlib import Path

import torch

from punkdata.analysis.layers import recover_layers
from punkdata.analysis.nearest_outfits import find_nearest_outfits
from punkdata.analysis.outfits import Compositor
from punkdata.errors import DataError
from punkmodels.choices import HeldOutSplit
from punkmodels.classifier.classifier import predict_logits
from punkmodels.classifier.networks import logits_to_labels
from punkmodels.classifier.pretrained import BUNDLED_CLASSIFIER, embed, load_classifier
from punkmodels.data.splits import SplitTensors, load_split
from punkmodels.gan.metrics import (
    Samples,
    Scores,
    average_scores,
    fidelity_scores,
    nearest_neighbors,
    project_pixels,
)

CPU = torch.device("cpu")
MIN_REAL = 6  # An image and its five nearest neighbors.


class RealPunks:
    """Real punks of a snapshot, and the networks that judge generated ones; loaded once.

    Generated punks are compared with the punks of the validation split, of the test split, or of
    both (`held-out`), which no generator was trained on. Raises as `load_split`, and DataError if
    one of the three splits has fewer than 6 punks.
    """

    def __init__(
        self,
        root: Path,
        version: str = "latest",
        device: torch.device = CPU,
        split: HeldOutSplit = "held-out",
    ) -> None:
        train, val, test = (
            load_split(root, version, "default", name) for name in ("train", "val", "test")
        )
        for punks, name in ((train, "train"), (val, "val"), (test, "test")):
            if len(punks) < MIN_REAL:
                raise DataError(
                    f"the {name} split of '{train.path}' has too few punks ({len(punks)}); nearest "
                    f"neighbors need at least {MIN_REAL} in each split",
                    hint="choose a larger snapshot with version=",
                )
        self.split: SplitTensors = train
        self.reference_split: HeldOutSplit = split
        self.device: torch.device = device
        self.classifier = load_classifier(BUNDLED_CLASSIFIER, device)
        # Which punks could exist follows from all of them: it is a property of the collection.
        sprites, labels = (
            torch.cat([getattr(punks, name) for punks in (train, val, test)])
            for name in ("images", "labels")
        )
        layers = recover_layers(sprites.flatten(1).numpy(), labels.bool().numpy())
        self.compositor = Compositor(layers)
        # Punks that the layers draw from their labels are legal; a search would take ten seconds.
        legal_distance = torch.zeros(len(sprites), dtype=torch.int64)
        others = torch.from_numpy(~layers.is_exact)
        legal_distance[others] = self._legal_distances(sprites[others])
        held_out = sprites[len(train) :]
        self._held_out_bytes = {sprite.tobytes() for sprite in held_out.numpy()}
        self.num_held_out: int = len(held_out)
        self.train: Samples = self._measure_train(legal_distance[: len(train)])
        visible = torch.cat([val.visible, test.visible]).bool()
        both = self.measure(held_out, visible, legal_distance[len(train) :])
        halves = both[: len(val)], both[len(val) :]
        self.reference: Samples = {"val": halves[0], "test": halves[1], "held-out": both}[split]
        # Each half is compared with the other one; of the reference, with what is left.
        pairs = {"val": [halves], "test": [halves[::-1]], "held-out": [halves, halves[::-1]]}
        self.test_reference: Scores = average_scores(
            [fidelity_scores(*pair, with_distances=False) for pair in pairs[split]]
        )

    def measure(
        self,
        sprites: torch.Tensor,
        labels: torch.Tensor | None = None,
        legal_distance: torch.Tensor | None = None,
    ) -> Samples:
        """Compute what scores depend on.

        Labels that are not given are predicted by the bundled classifier, and distances to legal
        punks are searched for.
        """
        if labels is None:
            labels = logits_to_labels(predict_logits(self.classifier, sprites))
        if legal_distance is None:
            legal_distance = self._legal_distances(sprites)
        rows, distance = nearest_neighbors(self.split.images, sprites)
        is_held_out = [sprite.tobytes() in self._held_out_bytes for sprite in sprites.numpy()]
        return Samples(
            sprites=sprites,
            features=embed(sprites, self.device),
            projections=project_pixels(sprites),
            labels=labels,
            nearest=rows,
            nn_distance_px=distance,
            legal_distance_px=legal_distance,
            is_held_out=torch.tensor(is_held_out),
        )

    def _measure_train(self, legal_distance: torch.Tensor) -> Samples:
        """Do the same for the training punks, whose nearest neighbors are themselves."""
        images, rows = self.split.images, torch.arange(len(self.split))
        return Samples(
            sprites=images,
            features=embed(images, self.device),
            projections=project_pixels(images),
            labels=self.split.visible.bool(),
            nearest=rows,
            nn_distance_px=torch.zeros_like(rows),
            legal_distance_px=legal_distance,
            is_held_out=torch.zeros_like(rows, dtype=torch.bool),
        )

    def _legal_distances(self, sprites: torch.Tensor) -> torch.Tensor:
        nearest = find_nearest_outfits(self.compositor, sprites.flatten(1).numpy())
        return torch.from_numpy(nearest.distance_px)
