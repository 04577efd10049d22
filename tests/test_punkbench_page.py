"""The page of PunkBench shows the published baselines."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys

from support.paths import REPOSITORY

from punkmodels.bench.inputs import HASHES_FILE, SEEDS
from punkmodels.bench.open_set import GENERATED_FILE, load_generated
from punkmodels.bench.results import load_baselines
from punkmodels.bench.tracks import TRACKS

PAGE = (REPOSITORY / "docs" / "punkbench.md").read_text("utf-8")


def test_tables_are_those_of_the_baselines() -> None:
    code = (
        "import make_punkbench; print(make_punkbench.make_tables(make_punkbench.load_baselines()))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY / "docs",
        capture_output=True,
        encoding="utf-8",
        env={"PYTHONPATH": str(REPOSITORY), "PYTHONIOENCODING": "utf-8"},
        check=True,
    )
    assert result.stdout.strip() in PAGE, "run: python docs/make_punkbench.py"


def test_each_track_is_explained_and_has_baselines() -> None:
    baselines = load_baselines()
    for name, track in TRACKS.items():
        assert f"`{name}`" in PAGE
        assert track.question in PAGE
        assert baselines[name], name
        for entry in baselines[name].values():
            assert set(entry["scores"]) == set(track.scores)
            assert entry["official"] <= (entry["num_trainings"] not in (1, 2))


def test_pictures_of_the_page_exist() -> None:
    names = re.findall(r"\]\((images/punkbench[^)]*)\)", PAGE)
    assert len(names) == 9
    assert all((REPOSITORY / "docs" / name).is_file() for name in names)


def test_inputs_are_fixed() -> None:
    """Other inputs are another version of PunkBench."""
    digest = hashlib.sha256(HASHES_FILE.read_bytes() + GENERATED_FILE.read_bytes()).hexdigest()
    assert digest == "4b7d6b28f6c1c4cdb1c6fe775a1e38c78220b4f993e21f8b2712cafc853f992e"
    assert len(SEEDS) * len(TRACKS) + 2 == HASHES_FILE.read_text("utf-8").count(":")
    assert load_generated().shape == (500, 576)
