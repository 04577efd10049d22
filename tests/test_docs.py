"""What the README and docs/ say is so."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import typer
from support.paths import REPOSITORY

import punkdata.cli.app
import punkmodels.cli.app
from punkdata.snapshots.reader import Snapshot

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
PROGRAMS = {
    "punkdata": typer.main.get_command(punkdata.cli.app.app),
    "punkmodels": typer.main.get_command(punkmodels.cli.app.app),
}


def walk(command: Any, path: str) -> dict[str, Any]:
    """Every command below one, by what a person types."""
    found = {path: command}
    for name, below in getattr(command, "commands", {}).items():
        found |= walk(below, f"{path} {name}")
    return found


COMMANDS = {
    path: command
    for name, program in PROGRAMS.items()
    for path, command in walk(program, name).items()
}


def options(command: Any) -> set[str]:
    return {"--help", "-h"} | {
        name for option in command.params for name in [*option.opts, *option.secondary_opts]
    }


def prose(page: Path) -> str:
    return page.read_text("utf-8")


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_and_option_is_documented(path: str) -> None:
    text = prose(REPOSITORY / "docs" / "commands.md")
    section = re.search(rf"^#+ `{path}`\n(.*?)(?=^#+ `|\Z)", text, re.DOTALL | re.MULTILINE)
    assert section, f"docs/commands.md lacks {path}; type: make docs"
    missing = {
        name
        for option in COMMANDS[path].params
        if not option.hidden and option.param_type_name == "option"
        for name in option.opts
        if f"`{name}" not in section[1] and f", {name}" not in section[1]
    }
    assert not missing, "type: make docs"


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_reference_is_what_the_help_says(program: str) -> None:
    pinned = re.search(r"^typer==(.*)$", prose(REPOSITORY / "constraints.txt"), re.MULTILINE)
    assert pinned
    if version("typer") != pinned[1]:
        pytest.skip(f"another typer than {pinned[1]} words it otherwise")
    made = subprocess.run(
        [sys.executable, "-m", "typer", f"{program}.cli.app", "utils", "docs", "--name", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
    )
    # What typer generates for one program ends where the next begins.
    assert made.stdout.strip() in prose(REPOSITORY / "docs" / "commands.md"), "type: make docs"


@pytest.mark.parametrize(
    "path", [path for path, c in COMMANDS.items() if not hasattr(c, "commands")]
)
def test_every_help_ends_with_an_example(path: str) -> None:
    assert re.search(rf"Example.*{path}", COMMANDS[path].epilog or "", re.DOTALL), path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_line_in_the_text_can_be_typed(page: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", prose(page), re.DOTALL)
    said = re.sub(r"^\| `[^`]*`", "", prose(page), flags=re.MULTILINE)  # messages, not commands
    inline = re.findall(r"`((?:punkdata|punkmodels) [a-z][^`]*)`", said)
    lines = [part for block in blocks for line in block.splitlines() for part in line.split("&&")]
    for line in [*lines, *inline]:
        words = shlex.split(line.replace("…", ""), comments=True)
        at = next((i for i, word in enumerate(words) if word in PROGRAMS), None)
        if at is None or ("-m" in words[:at] and words[at - 1] != "-m"):
            continue
        path = words[at]
        rest = words[at + 1 :]
        while rest and f"{path} {rest[0]}" in COMMANDS:
            path = f"{path} {rest.pop(0)}"
        if hasattr(COMMANDS[path], "commands") and rest and not rest[0].startswith("-"):
            assert re.fullmatch(r"A|DIR|FILE|utils", rest[0]), f"{line!r}: no command {rest[0]}"
        known = options(COMMANDS[path])
        used = {word.split("=")[0] for word in rest if word.startswith("-")}
        assert used <= known, f"{line!r} in {page.name} uses {used - known}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(\s*([^)\s]+)\s*\)", prose(page)):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        assert there.exists(), f"{page.name} links to {target}"
        headings = re.findall(r"^#+ (.*)$", prose(there), re.MULTILINE)
        anchors = {re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-") for h in headings}
        assert not anchor or anchor in anchors, f"{page.name} links to {target}"


def test_errors_in_the_troubleshooting_are_those_that_appear() -> None:
    table = prose(REPOSITORY / "README.md").split("## If something goes wrong")[1]
    said = re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)
    assert len(said) >= 10
    # Strings that go over several lines are joined, and what stands in braces is any text.
    text = "\n".join(prose(path) for path in REPOSITORY.glob("punk*/**/*.py"))
    text = re.sub(r"\{[^{}]*\}", "…", re.sub(r'"\s*\n\s*f?"', "", text))
    text += prose(REPOSITORY / "Makefile")
    for message in said:
        for part in filter(None, (part.strip() for part in message.split("…"))):
            plain = re.sub(r"api\\\.opensea\\\.io|cuda", "…", re.escape(part))
            assert re.search(plain, text), f"no error says {part!r}"


def test_the_readme_is_read_in_five_minutes() -> None:
    text = prose(REPOSITORY / "README.md").split("## Repository layout")[0]
    words = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    assert len(words.split()) < 5 * 240


def test_the_python_in_the_text_runs(root: Path, priced: Snapshot, tmp_path: Path) -> None:
    bare, sold = [tmp_path / name for name in ("bare", "sold")]
    for folder, data in ((bare, root), (sold, priced.path.parents[2])):
        folder.mkdir()
        (folder / "data").symlink_to(data)
    ran = 0
    for page in PAGES:
        for code in re.findall(r"```python\n(.*?)```", prose(page), re.DOTALL):
            if '("data"' not in code:  # of pictures and stores that are not here
                continue
            done = subprocess.run(
                [sys.executable, "-c", code],
                cwd=sold if "sales" in code else bare,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{page.name}: {done.stderr}"
            ran += 1
    assert ran >= 2
