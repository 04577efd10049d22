"""The renderer of the gallery's page: its file, and that it draws what the PyTorch one draws."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from punkdata.analysis.gallery.page_renderer import (
    RENDERER_FILE,
    describe_outfits,
    read_page_renderer,
)
from punkdata.traits import ACCESSORIES, TYPES
from punkmodels.label_sets.encoding import (
    NUM_VARIABLES,
    SLOTS,
    VALUE_SLICES,
    decode_label_sets,
    find_allowed,
)
from punkmodels.renderer.network import encode_condition, load_bundled_renderer

ROOT = Path(__file__).parents[3]
NODE = shutil.which("node")


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "make_page_renderer", ROOT / "docs" / "make_page_renderer.py"
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sample_legal_label_sets(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return labels, uint8 (N, 92), and skin tones, (N,): half with all slots that fit filled."""
    random = torch.Generator().manual_seed(0)
    values = torch.zeros(count, NUM_VARIABLES, dtype=torch.int64)
    is_known = torch.zeros_like(values, dtype=torch.bool)
    for i, part in enumerate(VALUE_SLICES):
        allowed = find_allowed(values, is_known)[:, part].float()
        values[:, i] = torch.multinomial(allowed, 1, generator=random)[:, 0]
        is_known[:, i] = True
    is_emptied = torch.rand(count, NUM_VARIABLES, generator=random) < 0.6
    is_emptied[:, : SLOTS.start] = False
    is_emptied[: count // 2] = False
    return decode_label_sets(values.masked_fill(is_emptied, 0))


def test_file_is_what_the_script_writes(script: ModuleType) -> None:
    written = script.pack_renderer(load_bundled_renderer())
    with np.load(str(RENDERER_FILE)) as packed:
        assert (packed["num_colors"] == written["num_colors"]).all()
        assert (packed["colors"] == written["colors"]).all()
        # Another processor may round a logit that is halfway between two steps to the other one.
        steps = written["steps"].astype(int) - packed["steps"]
    assert np.abs(steps).max() <= 1, "run: python docs/make_page_renderer.py"
    assert np.count_nonzero(steps) <= 5


@pytest.mark.skipif(NODE is None, reason="needs Node.js 20: nodejs.org, or: apt-get install nodejs")
def test_page_draws_the_same_pixels_as_pytorch(tmp_path: Path) -> None:
    labels, tones = sample_legal_label_sets(1000)
    outfits = [
        {
            "type": int(row[: len(TYPES)].argmax()),
            "tone": int(tone),
            "accessories": row[len(TYPES) :].nonzero()[:, 0].tolist(),
        }
        for row, tone in zip(labels, tones, strict=True)
    ]
    names = {"typeNames": TYPES, "accessoryNames": ACCESSORIES, **describe_outfits()}
    files = [tmp_path / name for name in ("renderer.bin", "outfits.json", "sprites.bin")]
    files[0].write_bytes(read_page_renderer())
    files[1].write_text(json.dumps({"names": names, "outfits": outfits}), "utf-8")
    draw = ROOT / "tests" / "support" / "draw_outfits.mjs"
    assert NODE
    subprocess.run([NODE, str(draw), *map(str, files)], check=True, timeout=60)
    drawn = np.fromfile(files[2], np.uint8).reshape(1000, 24, 24)
    expected = load_bundled_renderer()(encode_condition(labels, tones)).numpy()
    assert (drawn == expected).all()
    assert len(np.unique(drawn.reshape(1000, -1), axis=0)) > 900
