from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

import punkmodels
from punkdata.errors import DataError
from punkmodels.export.card import CARD_FILE, render_model_card, to_yaml
from punkmodels.renderer.network import BUNDLED_RENDERER
from punkmodels.training.run_dir import read_config

WEIGHTS = BUNDLED_RENDERER.parent
BUNDLED = sorted(path.parent.name for path in WEIGHTS.glob("*/config.json"))


def read_metadata(card: str) -> dict[str, Any]:
    _, block, _ = card.split("---\n", 2)
    metadata: dict[str, Any] = yaml.safe_load(block)
    return metadata


@pytest.fixture(params=BUNDLED)
def config(request: pytest.FixtureRequest) -> dict[str, Any]:
    return read_config(WEIGHTS / request.param)


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_card_is_up_to_date(name: str) -> None:
    card = render_model_card(read_config(WEIGHTS / name))
    committed = (WEIGHTS / name / CARD_FILE).read_text("utf-8")
    assert committed == card, "run: python docs/make_model_cards.py"


def test_metadata_is_what_the_hub_expects(config: dict[str, Any]) -> None:
    hub = pytest.importorskip("huggingface_hub")
    card = hub.ModelCard(render_model_card(config))
    data = card.data.to_dict()
    assert (data["license"], data["library_name"]) == ("mit", "punkmodels")
    assert len(card.data.eval_results) == len(data["metrics"])
    assert {result.dataset_revision for result in card.data.eval_results} == {
        config["scores"]["version"]
    }
    # The Hub itself writes the same block.
    assert read_metadata(card.content) == data


def test_scores_in_the_metadata_are_those_of_the_config() -> None:
    config = read_config(WEIGHTS / "classifier")
    metadata = read_metadata(render_model_card(config))
    assert metadata["pipeline_tag"] == "image-classification"
    (result,) = metadata["model-index"][0]["results"]
    values = {metric["type"]: metric["value"] for metric in result["metrics"]}
    assert values["exact_match"] == pytest.approx(config["scores"]["visible"]["exact_match"])
    assert values["f1"] == pytest.approx(config["scores"]["visible"]["micro_f1"], abs=1e-6)
    assert result["dataset"]["split"] == "test"


def test_card_without_scores_says_so(config: dict[str, Any]) -> None:
    del config["scores"]
    card = render_model_card(config)
    assert "has not been evaluated" in card
    assert not {"metrics", "model-index"} & read_metadata(card).keys()


def test_card_of_few_samples_leaves_out_distances() -> None:
    config = read_config(WEIGHTS / "dcgan")
    del config["scores"]["generated"]["frechet_distance"]
    card = render_model_card(config)
    assert "frechet_distance" not in read_metadata(card)["metrics"]
    assert "recall" in read_metadata(card)["metrics"]


def test_incomplete_scores_raise_data_error() -> None:
    config = read_config(WEIGHTS / "classifier")
    del config["scores"]["ceiling_visible_only"]
    with pytest.raises(DataError, match="scores in config.json are incomplete"):
        render_model_card(config)


@pytest.mark.parametrize(
    ("name", "option", "text"),
    [
        ("classifier", {"task": "type"}, "type of a CryptoPunk (Alien, Ape"),
        ("dcgan", {"conditional": "type"}, "of a chosen type"),
    ],
)
def test_variants_of_a_model_have_cards_of_their_own(
    name: str, option: dict[str, str], text: str
) -> None:
    config = read_config(WEIGHTS / name)
    assert text not in render_model_card(config)
    config["options"] |= option
    assert text in render_model_card(config)


def test_model_of_other_images_claims_nothing_about_punks() -> None:
    config = read_config(WEIGHTS / "dcgan")
    config["options"]["image_dir"] = "/home/somebody/digits"
    config["data"]["image_shape"] = [1, 16, 16]
    card = render_model_card(config)
    assert "16x16 pixels" in card
    assert "artwork of the CryptoPunks" not in card
    assert "somebody" not in card
    assert "datasets" not in read_metadata(card)


@pytest.mark.parametrize("name", BUNDLED)
def test_usage_in_a_card_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    punkmodels.draw("Zombie", "3D Glasses", scale=1).save("punk.png")
    card = render_model_card(read_config(WEIGHTS / name))
    code = card.partition("```python\n")[2].partition("```")[0]
    code = code.replace("path/to/this/folder", str(WEIGHTS / name))
    exec(compile(code, "card", "exec"), {})
    is_classifier = "load_classifier" in code
    assert ("Zombie ('3D Glasses',)" in capsys.readouterr().out) == is_classifier
    assert (tmp_path / "grid.png").exists() == (name in ("dcgan", "vae-gan"))


def test_yaml_of_nested_values_is_read_back() -> None:
    data = {
        "text": 'é "quoted": # - no',
        "answer": "yes",
        "number": 1.5,
        "list": ["a", {"b": [1, {"c": "d"}], "e": True}],
        "deep": {"f": {"g": "---"}},
    }
    assert yaml.safe_load(to_yaml(data)) == data
