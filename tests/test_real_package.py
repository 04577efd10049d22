"""The real data set; these tests need a package index."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import features

from punkdata import LABELS, PunkDataset
from punkdata.analysis.layers import recover_layers
from punkdata.analysis.nearest_outfits import find_nearest_outfits
from punkdata.analysis.outfits import Compositor
from punkdata.analysis.part_masks import recover_parts
from punkdata.build import build_dataset
from punkdata.fetch import fetch_cpunks10k
from punkdata.snapshots.known_totals import KNOWN_TYPES
from punkdata.snapshots.reader import open_snapshot
from punkdata.snapshots.tables import extract_labels
from punkdata.splits import MIN_SUPPORT, load_published_split, stratify
from punkdata.verify import verify_snapshot
from punkmodels.bench.inputs import HASHES_FILE, known_hash, load_inputs
from punkmodels.bench.tracks import TRACKS
from punkmodels.classifier.pretrained import embed
from punkmodels.data.splits import load_split
from punkmodels.gan.metrics import frechet_distance

pytestmark = pytest.mark.network

SPLITS: tuple[str, ...] = ("train", "val", "test")


@pytest.fixture(scope="module")
def real_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("real")
    assert fetch_cpunks10k(root).created
    assert build_dataset(root).created
    return root


def test_real_punks_build_the_known_version(real_root: Path) -> None:
    snapshot = open_snapshot(real_root)
    assert snapshot.version == "s3-07e92be5b82d"
    checks = list(verify_snapshot(snapshot))
    assert [c.problem for c in checks] == [None] * 8
    assert checks[-1].note.startswith("10,000 distinct images")


def test_download_builds_the_data_set_in_an_empty_folder(tmp_path: Path) -> None:
    data = PunkDataset(tmp_path / "data", split="test", download=True)
    assert (len(data), data.version) == (1000, "s3-07e92be5b82d")


def test_inputs_of_punkbench_are_those_of_its_version(real_root: Path) -> None:
    known = json.loads(HASHES_FILE.read_text("utf-8"))
    snapshot = open_snapshot(real_root).path
    for name, track in TRACKS.items():
        found = load_inputs(track, snapshot, "test").sha256
        codecs = [features.version(codec) for codec in ("libjpeg_turbo", "webp")]
        has_same_codecs = codecs == [known["codec libjpeg_turbo"], known["codec webp"]]
        if has_same_codecs or name != "corruptions":
            assert found == known[f"{name} test"] == known_hash(track, "test"), name


def test_published_split_is_reproducible_from_the_labels(real_root: Path) -> None:
    rows = open_snapshot(real_root).punks().sort_by("punk_id")
    labels = extract_labels(rows)
    assert (stratify(np.arange(10_000), labels) == load_published_split()).all()
    for split, share in ((1, 0.1), (2, 0.1)):
        positives = labels[load_published_split() == split].sum(axis=0)
        support = labels.sum(axis=0)
        assert (positives[support >= MIN_SUPPORT] >= 1).all()
        assert np.abs(positives - support * share).max() < 2


def test_by_id_split_has_no_alien_outside_training(real_root: Path) -> None:
    everyone = PunkDataset(real_root, split="all").to_pandas()
    assert everyone["type"].value_counts().to_dict() == KNOWN_TYPES
    for split in ("val", "test"):
        by_id = PunkDataset(real_root, split=split, split_scheme="by_id")  # type: ignore[arg-type]
        assert "Alien" not in set(by_id.to_pandas()["type"])
        default = PunkDataset(real_root, split=split)  # type: ignore[arg-type]
        assert "Alien" in set(default.to_pandas()["type"])


def test_feature_network_gives_the_published_train_reference(real_root: Path) -> None:
    train, val, test = (load_split(real_root, "latest", "default", name) for name in SPLITS)
    cpu = torch.device("cpu")
    features = embed(train.images, cpu)
    assert features.square().mean().sqrt().item() == pytest.approx(1, abs=1e-3)
    held_out = embed(torch.cat([val.images, test.images]), cpu)
    distances = [
        frechet_distance(held_out, features[torch.randperm(8000, generator=generator)[:2000]])
        for generator in [torch.Generator().manual_seed(0)]
        for _ in range(5)
    ]
    assert sum(distances) / 5 == pytest.approx(0.7298, abs=0.002)


def test_all_punks_are_legal_and_found_near_changed_sprites(real_root: Path) -> None:
    everyone = load_split(real_root, "latest", "default", "all")
    sprites = everyone.images.flatten(1).numpy()
    compositor = Compositor(recover_layers(sprites, everyone.labels.bool().numpy()))
    nearest = find_nearest_outfits(compositor, sprites)
    assert not nearest.distance_px.any()
    labels = compositor.labels(nearest.base, nearest.slots)
    assert (labels == everyone.visible.bool().numpy()).all()
    changed, rng = sprites[::10].copy(), np.random.default_rng(0)
    for sprite in changed:
        count = rng.integers(1, 60)
        sprite[rng.choice(len(sprite), count, replace=False)] = rng.integers(0, 222, count)
    num_changed = np.count_nonzero(changed != sprites[::10], axis=1)
    assert (find_nearest_outfits(compositor, changed).distance_px <= num_changed).all()


def test_every_punk_has_a_mask_of_its_labels(real_root: Path) -> None:
    everyone = PunkDataset(real_root, split="all")
    recovered = recover_parts(open_snapshot(real_root)).masks(everyone.punk_ids)
    assert (everyone.masks.numpy() == recovered).all()
    column = open_snapshot(real_root).punks(columns=["part_mask"]).column("part_mask")
    assert not column.null_count
    masks = everyone.masks.flatten(1)
    has_pixels = torch.stack([(masks == i).any(dim=1) for i in range(len(LABELS))], dim=1)
    labels = everyone.labels.bool()
    assert not (has_pixels & ~labels).any()
    assert everyone.hidden is not None
    uncovered = labels & ~everyone.hidden & ~has_pixels
    names = {LABELS[i] for i in uncovered.any(dim=0).nonzero().flatten().tolist()}
    assert names == {"Mole", "Buck Teeth"}, "what shows through translucent beards"
