from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from support.classifiers import save_exact_classifier, tiny_config

import punkmodels
from punkdata.errors import DataError, UsageError
from punkmodels.classifier.evaluate import evaluate_classifier
from punkmodels.classifier.pretrained import load_classifier
from punkmodels.classifier.train import train_classifier
from punkmodels.export.folder import export_model
from punkmodels.training.pretrained import WEIGHTS_FILE, hash_weights
from punkmodels.training.run_dir import read_config

CPU = torch.device("cpu")
FILES = {"README.md", "config.json", "model.safetensors"}


@pytest.fixture(scope="module")
def evaluated(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with the scores of its test split. Read-only."""
    run = train_classifier(built_root, tmp_path_factory.mktemp("runs"), tiny_config(), threads=1)
    evaluate_classifier(run, built_root).save(run / "evaluation" / "test")
    return run


@pytest.fixture
def run(evaluated: Path, tmp_path: Path) -> Path:
    """A copy of `evaluated` that a test may change."""
    return shutil.copytree(evaluated, tmp_path / "runs" / evaluated.name)


def list_names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_export_has_the_scores_of_the_evaluation(run: Path, tmp_path: Path) -> None:
    config = export_model(run, tmp_path / "out")
    assert list_names(tmp_path / "out") == FILES
    assert read_config(tmp_path / "out") == config
    saved = json.loads((run / "evaluation/test/metrics.json").read_text())
    assert config["scores"]["visible"] == saved["visible"]
    assert not config["scores"].keys() & {"labels", "weights_sha256"}


def test_scores_of_other_weights_are_not_used(run: Path, tmp_path: Path) -> None:
    file = run / "evaluation/test/metrics.json"
    scores = json.loads(file.read_text()) | {"weights_sha256": "0" * 64}
    file.write_text(json.dumps(scores))
    assert "scores" not in export_model(run, tmp_path / "out")


def test_damaged_scores_raise_data_error(run: Path, tmp_path: Path) -> None:
    (run / "evaluation/test/metrics.json").write_text("[1")
    with pytest.raises(DataError, match=r"metrics\.json' is damaged"):
        export_model(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_exporting_exported_weights_changes_nothing(run: Path, tmp_path: Path) -> None:
    export_model(run, tmp_path / "first")
    export_model(tmp_path / "first", tmp_path / "second")
    for name in FILES:
        first, second = (tmp_path / folder / name for folder in ("first", "second"))
        assert first.read_bytes() == second.read_bytes(), name


def test_hash_of_weights_survives_half_precision(run: Path, tmp_path: Path) -> None:
    export_model(run, tmp_path / "out")
    original, exported = (load_classifier(f, CPU) for f in (run, tmp_path / "out"))
    assert hash_weights(original) == hash_weights(exported)
    with torch.no_grad():
        next(original.parameters()).mul_(2)
    assert hash_weights(original) != hash_weights(exported)


def test_earlier_export_is_replaced_and_other_files_stay(
    run: Path, built_root: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    export_model(run, out)
    before = (out / WEIGHTS_FILE).read_bytes()
    for name in ("README.md", "model.onnx", "notes.txt"):
        (out / name).write_text("of the user")
    weights = save_exact_classifier(built_root, tmp_path / "exact")
    export_model(weights, out)
    assert (out / WEIGHTS_FILE).read_bytes() != before
    assert list_names(out) == FILES | {"notes.txt"}
    assert (out / "README.md").read_text("utf-8").startswith("---\n")


def test_failed_export_leaves_the_folder_as_it_was(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_model(run, out)
    before = {name: (out / name).read_bytes() for name in FILES}
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(DataError):
        export_model(run, out)
    assert {name: (out / name).read_bytes() for name in list_names(out)} == before


def test_config_is_missing_while_files_are_replaced(run: Path, tmp_path: Path) -> None:
    """A file that cannot be replaced stops an export; what remains is not taken for a model."""
    out = tmp_path / "out"
    export_model(run, out)
    (out / "README.md").unlink()
    (out / "README.md").mkdir()
    with pytest.raises(UsageError, match=r"cannot write .*README\.md"):
        export_model(run, out)
    assert not (out / "config.json").exists()
    (out / "README.md").rmdir()
    export_model(run, out)
    assert list_names(out) == FILES


def test_a_folder_with_other_files_is_not_written_to(
    run: Path, tmp_path: Path, built_root: Path
) -> None:
    (tmp_path / "README.md").write_text("of the user")
    for folder, name in ((tmp_path, r"README\.md"), (built_root, "raw")):
        before = list_names(folder)
        with pytest.raises(UsageError, match=f"contains files of something else, such as {name}"):
            export_model(run, folder)
        assert list_names(folder) == before
    assert (tmp_path / "README.md").read_text() == "of the user"
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".gitattributes").touch()
    export_model(run, tmp_path / "empty")
    assert list_names(tmp_path / "empty") == FILES | {".gitattributes"}


def test_folders_of_runs_are_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is the folder of the run itself"):
        export_model(run, run)
    other = shutil.copytree(run, tmp_path / "other")
    with pytest.raises(UsageError, match="is the folder of a run"):
        export_model(run, other)


def test_run_is_exported_with_a_given_evaluation(
    run: Path, built_root: Path, tmp_path: Path
) -> None:
    opened = punkmodels.open_run(run, root=built_root)
    shutil.rmtree(run / "evaluation")
    evaluation = opened.evaluate("test")
    assert opened.export(str(tmp_path / "out"), evaluation=evaluation) == tmp_path / "out"
    assert read_config(tmp_path / "out")["scores"]["visible"] == evaluation.scores["visible"]
    other = save_exact_classifier(built_root, tmp_path / "exact")
    with pytest.raises(UsageError, match="the evaluation is not one of the weights in"):
        punkmodels.open_run(other).export(tmp_path / "other", evaluation=evaluation)
    assert not (tmp_path / "other").exists()
