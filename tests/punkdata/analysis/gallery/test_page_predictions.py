"""The predictions of a classifier in the gallery's page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.gallery_page import OpenPage, read_ids, read_status

from punkdata.analysis.gallery.html import render_gallery
from punkdata.analysis.gallery.page_predictions import ModelPredictions, describe_predictions
from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.tables import extract_hidden_labels, extract_labels
from punkdata.traits import ACCESSORY_IDS, TYPES

EARRING = len(TYPES) + ACCESSORY_IDS["Earring"]


def make_predictions(snapshot: Snapshot) -> ModelPredictions:
    """Return the visible labels, but the opposite of Earring for punks 3 and 5."""
    punks = snapshot.punks().sort_by("punk_id")
    labels = (extract_labels(punks) - extract_hidden_labels(punks)) > 0
    labels[[3, 5], EARRING] ^= True
    confidence = np.linspace(1, 0.5, len(punks))
    splits = np.zeros(len(punks), int)
    splits[5:] = 2
    ids = punks["punk_id"].to_numpy()
    return ModelPredictions("00007-classifier-quick", ids, labels, confidence, splits, "default")


def test_predictions_list_only_mistakes(snapshot: Snapshot) -> None:
    punks = snapshot.punks().sort_by([("punk_id", "descending")])
    data = describe_predictions(make_predictions(snapshot), punks)
    has_earring = extract_labels(punks)[::-1, EARRING] > 0
    for name, expects in (("wrong", ~has_earring), ("missed", has_earring)):
        found = data[name][::-1]
        assert [i for i, labels in enumerate(found) if labels] == [i for i in (3, 5) if expects[i]]
        assert all(labels in ([], [EARRING]) for labels in found)
    assert data["confidence"][-1] == 1
    assert data["split"][::-1][4:6] == [0, 2]
    assert not data["typesOnly"]


def test_hidden_labels_are_no_mistakes(snapshot_with_hidden: Snapshot) -> None:
    predictions = make_predictions(snapshot_with_hidden)
    punks = snapshot_with_hidden.punks().sort_by("punk_id")
    data = describe_predictions(predictions, punks)
    assert [i for i in range(60) if data["missed"][i] or data["wrong"][i]] == [3, 5]
    predictions.labels[extract_hidden_labels(punks) > 0] = True
    predictions.labels[[3, 5], EARRING] ^= True
    data = describe_predictions(predictions, punks)
    assert not any(data["wrong"])


def test_classifier_of_types_is_not_compared_with_accessories(snapshot: Snapshot) -> None:
    full = make_predictions(snapshot)
    types = full.labels[:, : len(TYPES)].copy()
    types[0] = ~types[0]
    predictions = ModelPredictions(
        "types", full.punk_ids, types, full.confidence, full.splits, "by_id"
    )
    data = describe_predictions(predictions, snapshot.punks().sort_by("punk_id"))
    assert len(data["wrong"][0]) == 4
    assert len(data["missed"][0]) == 1
    assert not any(data["missed"][1:])
    assert data["typesOnly"]


@pytest.mark.browser
def test_page_selects_and_shows_mistakes(
    open_page: OpenPage, gallery_folder: Path, priced_snapshot: Snapshot
) -> None:
    expect = pytest.importorskip("playwright.sync_api").expect
    page_html = render_gallery(priced_snapshot, predictions=make_predictions(priced_snapshot))
    (gallery_folder / "predicted.html").write_text(page_html, "utf-8")
    page = open_page("predicted")
    expect(page.locator("#model-accuracy")).to_contain_text("4 of 5 in train, 54 of 55 in test")
    choice = page.get_by_label("Predictions of 00007-classifier-quick")
    choice.select_option("wrong")
    assert read_ids(page) == [3, 5]
    choice.select_option("wrong, not in training")
    assert read_ids(page) == [5]
    page.keyboard.press("Enter")
    detail = page.locator("#detail")
    expect(detail).to_contain_text("Prediction")
    expect(detail).to_contain_text("00007-classifier-quick")
    expect(detail).to_contain_text("no (test in the split scheme default)")
    page.get_by_role("button", name="Clear filters").click()
    page.get_by_label("Sort").select_option("Confidence of the model")
    assert read_status(page) == "60 punks"
    assert read_ids(page)[0] == 59
    page.get_by_role("button", name="Map").click()
    page.get_by_label("Color").select_option("Mistakes of the model")
    expect(page.locator(".map-legend")).to_contain_text("wrong, not in training")


@pytest.mark.browser
def test_page_without_predictions_does_not_mention_them(open_page: OpenPage) -> None:
    page = open_page(address="#model=wrong&view=map&color=model&punk=3")
    assert read_status(page) == "60 punks"
    assert page.get_by_label("Color").input_value() == "type"
    for text in ("Prediction", "Model"):
        assert not page.get_by_text(text, exact=True).count()
