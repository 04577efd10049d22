"""Predictions of a classifier for all punks of a snapshot, those of its training included."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from punkdata.analysis.gallery.page_predictions import ModelPredictions
from punkdata.splits import SPLITS
from punkmodels.classifier.classifier import predict_logits
from punkmodels.classifier.networks import logits_to_labels, logits_to_probabilities
from punkmodels.classifier.pretrained import load_classifier, read_classifier_config
from punkmodels.data.splits import load_split
from punkmodels.training.pretrained import check_same_data

CPU = torch.device("cpu")


def predict_collection(
    run: Path, root: Path, version: str, *, name: str, device: torch.device = CPU
) -> ModelPredictions:
    """Predict the labels of all punks with a run or exported weights, which the result names.

    Raises UsageError if the snapshot does not exist, and DataError if it has other pixels, labels
    or splits than that of the training, or a file is damaged.
    """
    model = load_classifier(run, device)
    saved = read_classifier_config(run)
    scheme = saved.options.split_scheme
    punks = load_split(root, version, "default", "all")
    check_same_data(saved, punks.data_config)
    splits = np.full(len(punks), -1, np.int8)
    for number, split in enumerate(SPLITS):
        ids = load_split(root, version, scheme, split).punk_ids
        splits[np.searchsorted(punks.punk_ids, ids)] = number
    logits = predict_logits(model, punks.images)
    labels = logits_to_labels(logits)
    probabilities = logits_to_probabilities(logits)
    certainty = torch.where(labels, probabilities, 1 - probabilities).amin(dim=1)
    return ModelPredictions(name, punks.punk_ids, labels.numpy(), certainty.numpy(), splits, scheme)
