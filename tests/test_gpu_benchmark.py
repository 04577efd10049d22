"""The script of `make gpu`, without a GPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.paths import REPOSITORY

TRAINED = ["vae-gan", "adversarial", "dcgan"]
HEADINGS = {
    "setup": "Setup",
    "tests": "Tests",
    **{f"speed-{recipe}": f"Speed: {recipe}" for recipe in (*TRAINED, "mlp")},
    "classifier": "Classifier",
    **{f"training-{recipe}": f"Training: {recipe}" for recipe in TRAINED},
}
"""Headings on the page, by the name of the section."""


@pytest.mark.slow
def test_dry_run_passes_all_sections_without_data(tmp_path: Path) -> None:
    out, runs = tmp_path / "out", tmp_path / "runs"
    options = ("--dry-run", "--root", tmp_path / "none", "--out", out, "--runs", runs)
    done = subprocess.run(
        [sys.executable, REPOSITORY / "benchmarks/gpu.py", *map(str, options)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((out / "gpu.json").read_text())
    assert list(report["sections"]) == list(HEADINGS)
    results = {}
    for name, section in report["sections"].items():
        assert section["status"] == "ok", section
        results[name] = section["results"]
    assert "100 synthetic punks" in results["setup"]["machine"]["data"]
    assert results["setup"]["memory"]["vae-gan"]["data set"] == 8000 * 576
    assert "skipped" in results["tests"]["output"] or "passed" in results["tests"]["output"]
    for recipe in (*TRAINED, "mlp"):
        speed = results[f"speed-{recipe}"]
        assert {line["loop"] for line in speed["measured"]} == {"eager", "captured", "compiled"}
        assert {line["precision"] for line in speed["measured"]} == {"float32", "bfloat16"}
        assert not speed["failed"] + speed["not_measured"]
    assert results["classifier"]["trained"][0]["epochs"] == 1
    assert all(results[f"training-{name}"]["trained"][0]["images"] == 16 for name in TRAINED)
    page = (out / "gpu.md").read_text("utf-8")
    assert all(f"## {heading}\n" in page for heading in HEADINGS.values())
    names = {"vae-gan-gpu", "adversarial-gpu", "dcgan-gpu", "classifier-batch-16"}
    assert {file.stem for file in out.glob("*.zip")} == names
    with zipfile.ZipFile(out / "vae-gan-gpu.zip") as archive:
        assert {"vae-gan-gpu/config.json", "vae-gan-gpu/model.safetensors"} <= {*archive.namelist()}


@pytest.mark.parametrize(
    ("max_file_bytes", "max_total_bytes", "reason"),
    [(5_000, 50_000, "a file may have"), (50_000, 5_000, "all may have"), (50_000, 50_000, None)],
)
def test_weights_beyond_the_limits_are_left_out(
    max_file_bytes: int,
    max_total_bytes: int,
    reason: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(REPOSITORY / "benchmarks")
    from gpu_report import Report

    weights = tmp_path / "weights" / "dcgan-gpu"
    weights.mkdir(parents=True)
    (weights / "model.safetensors").write_bytes(os.urandom(10_000))
    report = Report(tmp_path / "out", max_file_bytes, max_total_bytes)
    report.keep_weights(weights)
    assert (tmp_path / "out" / "dcgan-gpu.zip").exists() == (reason is None)
    assert [reason in line for line in report.data["left_out"]] == [True] * (reason is not None)


CRASH_AND_HANG = """
import argparse, os, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import gpu
from gpu_report import Report

def run_section(name, args, deadline_s):
    report = Report(args.out)
    report.section(name)["results"] = {"output": "before"}
    report.save()
    if name == "setup":
        os._exit(7)
    if name == "tests":
        time.sleep(600)
    report.section(name)["status"] = "ok"
    report.save()

gpu.run_section = run_section
only = ["setup", "tests", "speed-mlp"]
args = argparse.Namespace(out=Path(sys.argv[2]), only=only, minutes=0.0, dry_run=False)
assert gpu.run_all(args, grace_s=3.0) == 2
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_sections_that_crash_or_hang_do_not_stop_others(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CRASH_AND_HANG, REPOSITORY / "benchmarks", tmp_path]
    subprocess.run([str(arg) for arg in command], check=True, capture_output=True, timeout=300)
    sections = json.loads((tmp_path / "gpu.json").read_text())["sections"]
    assert sections["setup"]["reason"] == "exit code 7"
    assert sections["tests"]["reason"].startswith("killed")
    assert sections["tests"]["results"] == {"output": "before"}
    assert sections["speed-mlp"]["status"] == "ok"
    assert "**failed**: exit code 7" in (tmp_path / "gpu.md").read_text("utf-8")
