"""Models on the Hugging Face Hub, with a local server."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.classifiers import save_exact_classifier
from support.hub_client import HubClient
from support.hub_server import TOKEN, Hub

from punkdata.snapshots.reader import Snapshot
from punkmodels.export.folder import export_model
from punkmodels.gan.generate import BUNDLED_DCGAN
from punkmodels.hub import find_repository, is_hub_name
from punkmodels.training.run_dir import read_config

pytest.importorskip("huggingface_hub")


def read_folder(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def weights(built_root: Path, tmp_path: Path) -> Path:
    """The exported weights of a classifier."""
    export_model(save_exact_classifier(built_root, tmp_path / "exact"), tmp_path / "weights")
    return tmp_path / "weights"


@pytest.fixture
def image(snapshot: Snapshot, tmp_path: Path) -> Path:
    from punkdata import PunkDataset

    path = tmp_path / "punk.png"
    PunkDataset(snapshot.path, split="test").image(0).save(path)
    return path


def test_classifier_is_downloaded_once_and_used_without_the_server(
    hub: Hub, client: HubClient, weights: Path, image: Path
) -> None:
    files = read_folder(weights) | {"pytorch_model.bin": b"a pickle"}
    hub.add("models/you/punks", files, "v1")
    code, out, err = client.punkmodels("predict", image, "--model", "you/punks@v1")
    assert code == 0, err
    assert f"Bearer {TOKEN}" in hub.authorizations
    assert not [request for request in hub.requests if "pytorch_model" in request]
    # A new commit changes main, but not the tag.
    hub.add("models/you/punks", {"config.json": b"{}"})
    hub.requests.clear()
    assert client.punkmodels("predict", image, "--model", "hf://you/punks@v1")[:2] == (0, out)
    assert not [request for request in hub.requests if request.startswith("GET /you")]
    code, _, err = client.punkmodels("predict", image, "--model", "you/punks")
    assert (code, "is not a model of punkmodels" in err) == (2, True)
    hub.failures[""] = 503
    assert client.punkmodels("predict", image, "--model", "you/punks@v1")[:2] == (0, out)


def test_generator_is_loaded_by_the_api_and_the_commands(
    hub: Hub, client: HubClient, tmp_path: Path
) -> None:
    hub.add("models/you/gan", read_folder(BUNDLED_DCGAN))
    code = """
import json
import punkmodels
generator = punkmodels.load_generator("you/gan", device="cpu")
same = punkmodels.load_generator("bundled-gan", device="cpu").generate(2, seed=1)
print(json.dumps([repr(generator), bool((generator.generate(2, seed=1) == same).all())]))
"""
    name = "Generator('you/gan': GAN, unconditional, on cpu)"
    assert client.evaluate(code) == [name, True]
    status, _, err = client.punkmodels("export", "you/gan", "--out", tmp_path / "out")
    assert status == 0, err
    assert read_config(tmp_path / "out") == read_config(BUNDLED_DCGAN)
    status, _, err = client.punkmodels("predict", tmp_path, "--model", "you/gan")
    assert (status, err) == (2, "error: you/gan is a dcgan, but a classifier is needed\n")


def test_scores_of_a_model_from_the_hub_are_not_written_into_the_cache(
    hub: Hub, client: HubClient, weights: Path, built_root: Path
) -> None:
    hub.add("models/you/punks", read_folder(weights))
    code, out, err = client.punkmodels("evaluate", "you/punks", "--root", built_root)
    assert code == 0, err
    assert "exact match" in out
    assert "wrote" not in err
    assert not list(client.home.rglob("metrics.json"))


@pytest.mark.parametrize(
    ("files", "name", "code", "message"),
    [
        (None, "you/none", 2, "there is no folder you/none, and no model you/none on"),
        ({"model.bin": b"a pickle"}, "you/m", 2, "has no config.json and model.safetensors"),
        ({"config.json": b'{"model_type": "bert"}'}, "you/m", 2, "is not a model of punkmodels"),
        ({"config.json": b'{"task": "classifier"}'}, "you/m", 2, "has no config.json and model"),
        ({"config.json": b"[["}, "you/m", 6, "is damaged"),
        ({"config.json": b"{}"}, "you/m@v2", 2, "you/m on the Hugging Face Hub"),
    ],
)
def test_missing_or_other_model_is_one_line(
    files: dict[str, bytes] | None,
    name: str,
    code: int,
    message: str,
    hub: Hub,
    client: HubClient,
    image: Path,
) -> None:
    if files is not None:
        hub.add("models/you/m", files)
    status, _, err = client.punkmodels("predict", image, "--model", name)
    assert (status, err.count("\n")) == (code, 1), err
    assert message in err


def test_denied_access_is_one_line(hub: Hub, client: HubClient, image: Path) -> None:
    hub.failures["HEAD"] = 403
    status, _, err = client.punkmodels("predict", image, "--model", "you/private")
    assert (status, err.count("\n")) == (4, 1)
    assert "denied access to you/private; for a private model, log in with: hf auth login" in err


def test_missing_package_is_one_line(client: HubClient, image: Path) -> None:
    code = (
        "import sys; sys.modules['huggingface_hub'] = None; from punkmodels.cli.app import main; "
        f"sys.argv[1:] = ['predict', {str(image)!r}, '--model', 'you/punks']; main()"
    )
    status, _, err = client.python("-c", code)
    assert (status, err.count("\n")) == (3, 1)
    assert "there is no folder you/punks, and loading it from the Hugging Face Hub needs" in err
    assert 'pip install "punkdata[hub]"' in err


def test_names_of_folders_are_not_names_of_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    assert is_hub_name("you/punks")
    assert is_hub_name("you/punks@v1.0")
    assert is_hub_name("hf://runs/punks")
    for name in ("latest", "3", "runs/punks", "../you/punks", "/you/punks", "you/punks/x", "you/"):
        assert not is_hub_name(name), name
    (tmp_path / "you" / "punks").mkdir(parents=True)
    assert not is_hub_name("you/punks")


def test_repository_of_a_folder_in_the_cache_is_recognized() -> None:
    folder = Path("/home/me/.cache/huggingface/hub/models--you--my--punks/snapshots/0123")
    assert find_repository(folder) == "you/my--punks"
    assert find_repository(Path("runs/00001-classifier-quick")) is None
    assert find_repository(Path("weights")) is None
