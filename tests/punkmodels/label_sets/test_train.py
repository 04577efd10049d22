from __future__ import annotations

from pathlib import Path

import pytest
import torch

from punkmodels.data.splits import load_split
from punkmodels.label_sets.config import make_config
from punkmodels.label_sets.network import load_label_sets
from punkmodels.label_sets.train import (
    create_state,
    encode_split,
    mean_nll,
    sample_batch,
    train_label_sets,
)
from punkmodels.training.pretrained import hash_weights
from punkmodels.training.run_dir import read_config, read_metrics

CPU = torch.device("cpu")
CONFIG = make_config(total_images=400, batch_size=10, width=22)


def test_run_describes_options_data_and_progress(trained: Path, train: torch.Tensor) -> None:
    assert trained.name == "00001-label-sets-quick"
    config = read_config(trained)
    assert (config["task"], config["data"]["punks"]) == ("label-sets", len(train))
    lines = read_metrics(trained)
    assert [line["step"] for line in lines] == list(range(3, 61, 3))
    assert lines[-1]["train_nll"] < lines[0]["train_nll"]
    assert lines[-1]["val_nll"] > 0


def test_metrics_are_those_of_the_saved_weights(trained: Path, train: torch.Tensor) -> None:
    model = load_label_sets(trained, CPU)
    assert read_metrics(trained)[-1]["train_nll"] == mean_nll(model, train)


def test_equal_seeds_give_identical_weights(rendered_root: Path, tmp_path: Path) -> None:
    runs = [
        train_label_sets(rendered_root, tmp_path, CONFIG.model_copy(update={"seed": seed}))
        for seed in (1, 1, 2)
    ]
    first, second, other = (hash_weights(load_label_sets(run, CPU)) for run in runs)
    assert first == second != other


def test_some_values_of_some_punks_are_known(train: torch.Tensor) -> None:
    config = make_config(batch_size=4000, known_share=0.5)
    values, is_known = sample_batch(train, config, torch.Generator().manual_seed(0))
    assert values.shape == is_known.shape == (4000, 11)
    assert 0.5 < (~is_known.any(dim=1)).double().mean() < 0.6
    assert is_known.double().mean() == pytest.approx(0.25, abs=0.02)


def test_impossible_label_sets_are_left_out(built_root: Path, rendered_root: Path) -> None:
    fakes, punks = (
        load_split(root, "latest", "default", "train") for root in (built_root, rendered_root)
    )
    assert len(encode_split(punks)) == len(punks)
    assert 0 < len(encode_split(fakes)) < len(fakes)


def test_biases_have_no_weight_decay() -> None:
    state = create_state(CONFIG)
    weights, biases = state.optimizer.param_groups
    assert (weights["weight_decay"], biases["weight_decay"]) == (CONFIG.weight_decay, 0)
    assert len(weights["params"]) == len(biases["params"]) == 3
