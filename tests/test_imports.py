"""What importing the packages costs, and what their front doors offer."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"torch", "pyarrow", "pandas", "numpy", "PIL", "matplotlib", "httpx"}
RUN = "from {0}.cli.app import main; sys.argv[1:] = {1}; main()"


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import punkdata", HEAVY | {"pydantic", "typer", "rich"}),
        ("import punkmodels", HEAVY | {"pydantic", "typer", "rich"}),
        (RUN.format("punkdata", ["--help"]), HEAVY | {"pydantic"}),
        (RUN.format("punkmodels", ["--help"]), HEAVY | {"pydantic"}),
        # Recent versions of typer load pydantic to parse the options of a command.
        (RUN.format("punkdata", ["export", "imagefolder", "--help"]), HEAVY),
        (RUN.format("punkdata", ["export", "npz", "--help"]), HEAVY),
        (RUN.format("punkmodels", ["train", "dcgan", "--help"]), HEAVY),
    ],
)
def test_an_import_or_help_loads_nothing_heavy(code: str, heavy: set[str]) -> None:
    report = (
        "import sys, atexit\n"
        f"heavy = {heavy}\n"
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
