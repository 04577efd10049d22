"""The house itself: who may import whom, what the README says, what an import costs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent

# Each layer may import those before it, and modules of its own layer that stand before it.
PUNKDATA = [
    ["errors"],
    ["traits", "palette", "schema", "disk"],
    [
        "formats",
        "png",
        "svg",
        "cells",
        "background",
        "rendition",
        "jpeg",
        "avif",
        "raster",
        "search",
        "restoration",
        "images",
        "montage",
        "layers",
        "hidden",
        "split",
        "wardrobe",
        "shards",
        "unpickle",
        "version",
        "wire",
        "manifest",
        "places",
        "remote",
        "card",
        "croissant",
        "retry",
        "reply",
    ],
    ["parsed", "rows", "recording", "cassette", "network", "keys", "opensea", "cpunks10k"],
    ["snapshot", "tokens", "sales", "pictures", "plan"],
    [
        "verify",
        "fetch",
        "build",
        "dataset",
        "diff",
        "audit",
        "publish",
        "gallery",
        "plots",
        "export",
        "removal",
    ],
    ["terminal"],
    ["cli_fetch", "cli_audit", "cli_look", "cli_publish", "cli_rm", "cli"],
    ["__main__"],
]
PUNKMODELS = [
    [
        "ranks",
        "graphs",
        "device",
        "metrics",
        "runs",
        "losses",
        "distances",
        "sheets",
        "colours",
        "conditions",
    ],
    ["classifier", "checkpoint", "dcgan", "sinks"],
    ["saved", "plain", "encoder", "parts", "scores"],
    ["classifier_run", "dcgan_run"],
    ["features"],
    ["subjects"],
    ["game", "resemblance", "generate", "wishes", "obedience", "drawings"],
    ["synthetic"],
    ["train_classifier", "train_dcgan"],
    ["evaluate", "evaluate_asked", "evaluate_gan", "evaluate_pictures", "predict"],
    ["tune"],
    ["options", "cli_generate", "cli_dcgan", "cli_drawn", "cli_tune", "cli"],
    ["__main__"],
]
OF_PUNKDATA = {
    *("errors", "disk", "traits", "palette", "images", "split", "dataset", "terminal"),
    *("wardrobe", "layers"),
}
"""what punkmodels sees of punkdata"""

ONLY_IN = {
    "httpx": {f"punkdata.{name}" for name in ("cassette", "network", "opensea", "retry")},
    "tenacity": {"punkdata.retry"},
    "pypi_simple": {"punkdata.cpunks10k"},
    "requests": {"punkdata.cpunks10k"},
    "pickle": {"punkdata.unpickle"},
    "filelock": {"punkdata.disk"},
    "fsspec": {"punkdata.places", "punkdata.remote"},
    "safetensors": {"punkmodels.checkpoint"},
    "typer": {
        "punkdata.terminal",
        "punkdata.cli",
        "punkdata.cli_fetch",
        "punkdata.cli_audit",
        "punkdata.cli_look",
        "punkdata.cli_publish",
        "punkdata.cli_rm",
        "punkmodels.cli",
        "punkmodels.cli_dcgan",
        "punkmodels.cli_generate",
        "punkmodels.cli_tune",
        "punkmodels.options",
    },
    "matplotlib": {"punkdata.plots", "punkmodels.sheets", "punkmodels.tune"},
    "wandb": {"punkmodels.sinks"},
    "optuna": {"punkmodels.tune"},
    "tensorboard": set(),
    "rich": {"punkdata.terminal"},
    "click": set(),
}
"""library -> the only modules that import it"""


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            module = str(node.module)
            found.add(module)
            if module in ("punkdata", "punkmodels"):
                found |= {f"{module}.{alias.name}" for alias in node.names}
    return found


def modules(package: str) -> dict[str, set[str]]:
    paths = (REPOSITORY / package).glob("*.py")
    return {p.stem: imports(p) for p in sorted(paths) if p.stem != "__init__"}


@pytest.mark.parametrize(
    ("package", "layers"), [("punkdata", PUNKDATA), ("punkmodels", PUNKMODELS)]
)
def test_imports_point_one_way(package: str, layers: list[list[str]]) -> None:
    order = [name for layer in layers for name in layer]
    assert sorted(order) == sorted(modules(package)), "the table names every module"
    for name, imported in modules(package).items():
        before = {f"{package}.{m}" for m in order[: order.index(name)]}
        ours = {m for m in imported if m.startswith(f"{package}.")} & {
            f"{package}.{m}" for m in order
        }
        assert ours <= before, f"{name} imports {ours - before}, which stands above it"


def test_fetch_and_build_meet_on_disk_only() -> None:
    assert "punkdata.build" not in modules("punkdata")["fetch"]
    assert "punkdata.fetch" not in modules("punkdata")["build"]


def test_punkmodels_sees_only_the_front_rooms_of_punkdata() -> None:
    allowed = {f"punkdata.{name}" for name in OF_PUNKDATA}
    known = {f"punkdata.{name}" for name in modules("punkdata")}
    for name, imported in modules("punkmodels").items():
        seen = imported & known
        assert seen <= allowed, f"punkmodels.{name} imports {seen - allowed}"


def test_punkdata_does_not_know_punkmodels() -> None:
    for name, imported in modules("punkdata").items():
        assert not any(m.startswith("punkmodels") for m in imported), name


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_is_imported_where_it_belongs(library: str) -> None:
    users = {
        f"{package}.{name}"
        for package in ("punkdata", "punkmodels")
        for name, imported in modules(package).items()
        if any(m == library or m.startswith(f"{library}.") for m in imported)
    }
    assert users == ONLY_IN[library]


@pytest.mark.parametrize(
    "code",
    [
        "import punkdata",
        "import punkdata.cli",
        "import punkmodels.cli",
        "from punkdata.cli import main; sys.argv[1:] = ['--help']; main()",
        "from punkmodels.cli import main; sys.argv[1:] = ['--help']; main()",
        "from punkmodels.cli import main; sys.argv[1:] = ['train', 'classifier', '--help']; main()",
    ],
)
def test_an_import_or_help_loads_nothing_heavy(code: str) -> None:
    report = (
        "import sys, atexit\n"
        "heavy = {'torch', 'pyarrow', 'pandas', 'PIL', 'numpy'}\n"
        "atexit.register(lambda: print(sorted(heavy & set(sys.modules)), file=sys.stderr))\n"
    )
    command = [sys.executable, "-c", report + code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


def test_punk_dataset_comes_with_the_package_and_other_names_do_not() -> None:
    import punkdata

    assert punkdata.PunkDataset.__name__ == "PunkDataset"
    assert punkdata.open_snapshot.__name__ == "open_snapshot"
    with pytest.raises(AttributeError, match="punk_set"):
        _ = punkdata.punk_set


# -- the README and the pins -------------------------------------------------------------


def tracked() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [name for name in listed.stdout.splitlines() if (REPOSITORY / name).exists()]


def tree() -> list[str]:
    """The paths of the README's annotated tree."""
    text = (REPOSITORY / "README.md").read_text("utf-8")
    block = re.search(r"```tree\n(.*?)```", text, re.DOTALL)
    assert block
    paths, folder = [], ""
    for line in block[1].splitlines():
        name = line.split()[0]
        if line.startswith(" "):
            paths.append(folder + name)
        elif name.endswith("/"):
            folder = name
        else:
            paths.append(name)
            folder = ""
    return paths


def test_the_readme_s_tree_is_the_repository_s() -> None:
    # One line stands for all tests, and one for the many files of a recording.
    def short(names: list[str]) -> list[str]:
        kept = [name for name in names if not name.startswith("tests/")]
        return sorted({re.sub(r"^(cassettes/[a-z]+/).*", r"\1", name) for name in kept})

    listed, ours = short(tree()), short(tracked())
    assert listed == ours


def test_every_module_has_its_test_file() -> None:
    exempt = {"cli", "__main__", "__init__"}  # test_cli.py and test_models_cli.py
    names = {*modules("punkdata"), *modules("punkmodels")} - exempt
    tests = {p.stem for p in (REPOSITORY / "tests").glob("test_*.py")}
    assert {f"test_{name}" for name in names} <= tests


def test_every_dependency_is_pinned_open_and_explained() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    pins = {
        line.split("==")[0].lower(): line
        for line in (REPOSITORY / "constraints.txt").read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    }
    readme = (REPOSITORY / "README.md").read_text("utf-8")
    for requirement in project["dependencies"]:
        name, _, _ = requirement.partition(">=")
        assert name.lower() in pins, f"{name} is not in constraints.txt"
        assert f"| {name} |" in readme, f"the README gives no reason for {name}"
        assert not re.search(r"[<~!]|==", requirement), f"{requirement} is not open"
    for extra in project["optional-dependencies"].values():
        for requirement in extra:
            assert re.split(r"[>\[]", requirement)[0].lower() in pins
    assert "torch==2.13.0" in pins.values(), "without the local suffix of a CPU build"
