"""What importing the packages costs, and what their front doors offer."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "code",
    [
        "import punkdata",
        "import punkdata.cli.app",
        "import punkmodels.cli.app",
        "from punkdata.cli.app import main; sys.argv[1:] = ['--help']; main()",
        "from punkmodels.cli.app import main; sys.argv[1:] = ['--help']; main()",
        "from punkmodels.cli.app import main; sys.argv[1:] = ['train', 'dcgan', '--help']; main()",
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
