from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import punkmodels
from punkdata import PunkDataset
from punkdata.errors import UsageError

TINY: dict[str, Any] = {"batch_size": 16, "width": 4, "hidden": 16, "color_embedding_dim": 4}
QUIET: dict[str, Any] = {"threads": 1, "device": "cpu", "progress": False}


@pytest.fixture(scope="module")
def run(built_root: Path, tmp_path_factory: pytest.TempPathFactory) -> punkmodels.Run:
    runs = str(tmp_path_factory.mktemp("runs"))
    return punkmodels.train_classifier(str(built_root), runs=runs, epochs=2, **TINY, **QUIET)


def test_a_trained_run_has_its_path_config_and_metrics(run: punkmodels.Run) -> None:
    assert run.path.name == "00001-classifier-quick"
    assert run.task == "classifier"
    assert run.config["options"]["width"] == 4
    assert run.metrics["epoch"].tolist() == [0, 1]
    assert "val_loss" in run.metrics.columns
    assert repr(run) == f"Run({str(run.path)!r}: classifier, preset quick)"


def test_a_run_is_loaded_and_evaluated(run: punkmodels.Run, built_root: Path) -> None:
    assert isinstance(run.load("cpu"), punkmodels.Classifier)
    evaluation = run.evaluate("val")
    assert evaluation.scores["split"] == "val"
    reopened = punkmodels.open_run(1, str(run.path.parent), root=built_root)
    assert reopened.evaluate("val").scores == evaluation.scores
    assert not (run.path / "evaluation").exists()


def test_classifiers_are_evaluated_on_one_split(run: punkmodels.Run) -> None:
    with pytest.raises(UsageError, match="on one split at a time"):
        run.evaluate("held-out")
    with pytest.raises(UsageError, match="split must be val, test, held-out, not 'train'"):
        run.evaluate("train")  # type: ignore[arg-type]


def test_a_finished_run_is_resumed_without_training(run: punkmodels.Run, built_root: Path) -> None:
    runs = run.path.parent
    for name in ("latest", 1, run.path, str(run.path)):
        again = punkmodels.train_classifier(built_root, runs=runs, resume=name, progress=False)
        assert again == punkmodels.Run(run.path, built_root)
    with pytest.raises(UsageError, match="a resumed run keeps its own options; leave out all"):
        punkmodels.train_classifier(built_root, runs=runs, resume="latest", epochs=3)


def test_generators_are_trained(built_root: Path, tmp_path: Path) -> None:
    options = {"model.width": 4, "model": {"head_channels": 4}, "total_images": 64}
    gan = punkmodels.train_dcgan(built_root, runs=tmp_path, **options, **QUIET)
    assert gan.config["options"]["model"]["width"] == 4
    assert gan.config["options"]["model"]["head_channels"] == 4
    renderer = punkmodels.train_renderer(built_root, runs=tmp_path, total_images=64, progress=False)
    for run, condition in ((gan, {}), (renderer, {"type": "Ape"})):
        generator = punkmodels.open_run(run.path).load()
        assert isinstance(generator, punkmodels.Generator)
        assert generator.generate(2, **condition).shape == (2, 24, 24, 4)
    assert renderer.task == "renderer"
    assert "unseen" in renderer.evaluate().scores
    assert renderer.evaluate("test").scores["split"] == "test"


@pytest.mark.parametrize(
    ("train", "options", "message"),
    [
        ("classifier", {"epoch": 3}, "no training option epoch; did you mean epochs?"),
        ("classifier", {"lr": 0.1}, "did you mean peak_lr.* punkmodels options classifier"),
        ("classifier", {"epochs": "ten"}, "epochs = ten"),
        ("classifier", {"preset": "fast"}, "preset = fast"),
        ("classifier", {"model": "resnet"}, "model = resnet"),
        ("classifier", {"preset": "best", "model": "ridge"}, "only available for model=mlp"),
        ("classifier", {"augment_fraction": 0.5}, "augment_fraction= requires augment_with="),
        ("classifier", {"augment_with": "7"}, "no run '7'"),
        ("classifier", {"device": "tpu"}, "device tpu is not available"),
        ("dcgan", {"recipe": "old"}, "recipe = old"),
        ("dcgan", {"image_dir": "nothing"}, "there is no file or folder '.*nothing'"),
        ("dcgan", {"model": {"depth": 3}}, "no training option model.depth"),
        ("label_sets", {"preset": "fast"}, "preset = fast"),
        ("label_sets", {"width": 0}, "width = 0: must be at least 1"),
        ("label_sets", {"resume": "latest"}, "no label-sets run found"),
        ("renderer", {"preset": "fast"}, "preset = fast"),
        ("renderer", {"device": "cuda"}, "a renderer is trained on the CPU, not on cuda"),
        ("renderer", {"resume": "latest"}, "no renderer run found"),
    ],
)
def test_wrong_options_are_refused_before_a_run_is_created(
    train: str, options: dict[str, Any], message: str, built_root: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        getattr(punkmodels, f"train_{train}")(built_root, runs=tmp_path, **options)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_shows_how_to_resume(
    built_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tmp_path / "runs"

    def interrupt_after_first_epoch(done: int, total: int, note: str = "") -> None:
        if list(runs.glob("*/checkpoints/step_*")):
            raise KeyboardInterrupt

    options = {"runs": runs, "epochs": 3, **TINY, **QUIET, "progress": interrupt_after_first_epoch}
    with pytest.raises(KeyboardInterrupt) as stopped:
        punkmodels.train_classifier(built_root, **options)
    (run,) = runs.iterdir()
    call = f"punkmodels.train_classifier({str(built_root)!r}, resume={str(run)!r})"
    assert str(stopped.value) == f"stopped; resume with: {call}"
    assert repr(punkmodels.open_run(run)).endswith("preset quick, unfinished: 1 of 3 epochs)")
    punkmodels.load_classifier(run)
    exported = punkmodels.open_run(punkmodels.open_run(run).export(tmp_path / "weights"))
    assert repr(exported).endswith("preset quick, unfinished)")
    warning = f"warning: the training of '{run}' is unfinished: 1 of 3 epochs\n"
    assert capsys.readouterr().err == warning
    resumed = eval(call, {"punkmodels": punkmodels})
    assert resumed.path == run
    assert resumed.metrics["epoch"].tolist() == [0, 1, 2]
    assert "unfinished" not in repr(resumed)


def test_a_data_set_is_no_root(built_root: Path, tmp_path: Path) -> None:
    data = PunkDataset(built_root)
    with pytest.raises(UsageError, match="root must be a path, not PunkDataset; pass the path of"):
        punkmodels.train_classifier(data, runs=tmp_path)  # type: ignore[arg-type]


def test_options_are_listed() -> None:
    table = punkmodels.list_options("classifier")
    assert "peak_lr" in repr(table)
    assert "<table>" in table._repr_html_()
    with pytest.raises(UsageError, match="model must be one of classifier, label-sets, dcgan"):
        punkmodels.list_options("gan")  # type: ignore[arg-type]
