from __future__ import annotations

import json

import pytest
from support.punkmodels_cli import run

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize("model", ["classifier", "dcgan", "renderer"])
def test_every_option_has_a_type_and_a_description(model: str, capsys: Capture) -> None:
    assert run("options", model, "--json") == 0
    options = json.loads(capsys.readouterr().out)
    assert len(options) > 5
    for key, option in options.items():
        assert option["key"] == key
        assert option["type"]
        assert option["description"].endswith(".")


def test_defaults_of_presets_and_models_are_listed(capsys: Capture) -> None:
    assert run("options", "classifier") == 0
    lines = capsys.readouterr().out.splitlines()
    (epochs,) = (line for line in lines if line.startswith("epochs"))
    assert "4 (best: 8, ridge: 1" in epochs
