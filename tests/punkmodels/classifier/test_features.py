from __future__ import annotations

from pathlib import Path

import pytest
import torch

from punkdata.errors import DataError
from punkmodels.classifier import features
from punkmodels.classifier.features import BUNDLED_FEATURES, embed, load_feature_extractor
from punkmodels.training.run_dir import read_config

CPU = torch.device("cpu")


def test_sprites_become_128_numbers_each_by_itself() -> None:
    sprites = torch.randint(0, 222, (1200, 24, 24), dtype=torch.uint8)
    found = embed(sprites, CPU)
    assert found.shape == (1200, 128)
    assert found.dtype == torch.float32
    assert found.min() >= 0
    assert torch.allclose(found[1100:], embed(sprites[1100:], CPU), atol=1e-4)


def test_the_network_was_trained_on_the_training_part_of_the_default_split() -> None:
    options = read_config(BUNDLED_FEATURES)["options"]
    assert (options["model"], options["split_scheme"]) == ("features", "default")
    assert (BUNDLED_FEATURES / "model.safetensors").stat().st_size < 1e6


@pytest.mark.parametrize("damage", [b"", b"another network"])
def test_another_network_is_refused(
    damage: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "BUNDLED_FEATURES", tmp_path)
    load_feature_extractor.cache_clear()
    if damage:
        (tmp_path / "model.safetensors").write_bytes(damage)
    with pytest.raises(DataError, match="not the network" if damage else "missing"):
        embed(torch.zeros(1, 24, 24, dtype=torch.uint8), CPU)
    load_feature_extractor.cache_clear()
