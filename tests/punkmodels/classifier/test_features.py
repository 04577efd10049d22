from __future__ import annotations

from pathlib import Path

import pytest
import torch

from punkdata.errors import DataError
from punkmodels.classifier.pretrained import BUNDLED_FEATURES, embed, load_feature_extractor
from punkmodels.training.run_dir import read_config

CPU = torch.device("cpu")


def test_embed_returns_128_features_independent_of_the_batch() -> None:
    sprites = torch.randint(0, 222, (1200, 24, 24), dtype=torch.uint8)
    features = embed(sprites, CPU)
    assert features.shape == (1200, 128)
    assert features.dtype == torch.float32
    assert features.min() >= 0
    assert torch.allclose(features[1100:], embed(sprites[1100:], CPU), atol=1e-4)


def test_feature_extractor_was_trained_on_the_default_split() -> None:
    options = read_config(BUNDLED_FEATURES)["options"]
    assert (options["model"], options["split_scheme"]) == ("features", "default")
    assert (BUNDLED_FEATURES / "model.safetensors").stat().st_size < 1e6


@pytest.mark.parametrize("content", [None, b"another network"])
def test_a_missing_or_changed_feature_extractor_is_an_error(
    content: bytes | None, tmp_path: Path
) -> None:
    if content:
        (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(DataError, match="is not the feature extractor"):
        load_feature_extractor(CPU, tmp_path)
