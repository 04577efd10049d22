"""The notebooks: pairs of scripts and .ipynb files, the names that they use, and runs of them."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient
from support.paths import REPOSITORY

import punkdata
import punkmodels
from punkdata.snapshots.reader import Snapshot

SCRIPTS = sorted((REPOSITORY / "notebooks").glob("[0-9]*.py"))
CELL_TIMEOUT_S = 600

every_notebook = pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)


def script(name: str) -> Path:
    return REPOSITORY / "notebooks" / f"{name}.py"


def execute(script: Path, folder: Path) -> nbformat.NotebookNode:
    """Run a notebook in a fresh kernel, in an empty folder, and return it with its outputs."""
    notebook = nbformat.read(script.with_suffix(".ipynb"), as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(
        notebook, timeout=CELL_TIMEOUT_S, kernel_name="python3", resources=resources
    ).execute()
    return notebook


def outputs(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def output_text(notebook: nbformat.NotebookNode) -> str:
    """Return everything that the cells of a notebook printed or showed as text."""
    return "\n".join(
        o.get("text") or o.get("data", {}).get("text/plain", "") for o in outputs(notebook)
    )


def count_pictures(notebook: nbformat.NotebookNode) -> int:
    return sum("image/png" in output.get("data", {}) for output in outputs(notebook))


@every_notebook
def test_notebook_equals_its_script_and_has_no_outputs(script: Path) -> None:
    expected = jupytext.read(script)
    notebook = nbformat.read(script.with_suffix(".ipynb"), as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata == expected.metadata
    assert [(cell.cell_type, cell.source, cell.metadata) for cell in notebook.cells] == [
        (cell.cell_type, cell.source, cell.metadata) for cell in expected.cells
    ], "run: make notebooks"
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def used_names(code: str) -> Iterator[tuple[str, str]]:
    """Yield (package, name) for each name of our packages that a script uses.

    An import of a submodule yields its path instead of the package, so that it is never public.
    """
    packages = ("punkdata", "punkmodels")
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Import(names):
                paths = [alias.name for alias in names if "." in alias.name]
                yield from ((path, "") for path in paths if path.startswith(packages))
            case ast.ImportFrom(str(path), names) if path.startswith(packages):
                yield from ((path, alias.name) for alias in names)
            case ast.Attribute(ast.Name(package), name) if package in packages:
                yield package, name


@every_notebook
def test_notebook_uses_public_names_only(script: Path) -> None:
    public = {(p.__name__, name) for p in (punkdata, punkmodels) for name in p.__all__}
    names = set(used_names(script.read_text("utf-8")))
    assert ("punkmodels", "__version__") in names
    assert names <= public


def test_used_names_finds_private_imports() -> None:
    code = "import punkdata.files\nfrom punkmodels.gan import x\npunkdata.a.b\nother.punkdata"
    assert sorted(used_names(code)) == [
        ("punkdata", "a"),
        ("punkdata.files", ""),
        ("punkmodels.gan", "x"),
    ]


def test_notebook_of_the_data_shows_real_sales_if_there_are_any(
    priced_snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUNKDATA_ROOT", str(priced_snapshot.path))
    notebook = execute(script("01_data_and_prices"), tmp_path)
    text = output_text(notebook)
    assert "sales on OpenSea" in text
    assert "invented" not in text
    assert count_pictures(notebook) >= 8


def test_notebook_that_draws_runs_offline(
    built_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUNKDATA_ROOT", str(built_root))
    notebook = execute(script("04_ask_for_a_punk"), tmp_path)
    assert "60 punks have" in output_text(notebook)
    assert (tmp_path / "alien.png").exists()


@pytest.mark.parametrize("has_sales", [True, False])
def test_notebook_of_the_price_model_runs_offline(
    has_sales: bool,
    priced_snapshot: Snapshot,
    built_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PUNKDATA_ROOT", str(priced_snapshot.path if has_sales else built_root))
    notebook = execute(script("06_price_model"), tmp_path)
    assert ("punkdata fetch --instant-key" in output_text(notebook)) is not has_sales
    assert "PriceModel(" in output_text(notebook)
    assert count_pictures(notebook) == 4


@pytest.fixture(scope="module")
def download_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data root of the notebooks: the first one to run downloads the data set."""
    return tmp_path_factory.mktemp("download")


@pytest.mark.slow
@pytest.mark.network
@every_notebook
def test_notebook_runs_with_the_real_data(
    script: Path, download_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PUNKDATA_ROOT", str(download_root))
    assert count_pictures(execute(script, tmp_path)) >= 1


@pytest.mark.slow
@pytest.mark.network
def test_first_cell_installs_the_packages(tmp_path: Path) -> None:
    """In an environment with a kernel but without PyTorch; a folder with the wheel is the index."""
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), "."]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True)
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    tools = ["ipykernel", "nbclient"]
    subprocess.run([python, "-m", "pip", "install", "-q", *tools], check=True, capture_output=True)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment |= {"PIP_FIND_LINKS": str(tmp_path), "PUNKDATA_ROOT": str(tmp_path / "data")}
    code = "from nbclient.cli import main; main()"
    notebook = script("04_ask_for_a_punk").with_suffix(".ipynb")
    command = [python, "-c", code, str(notebook), f"--timeout={CELL_TIMEOUT_S}"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
