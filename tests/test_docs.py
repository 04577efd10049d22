"""The README and docs/ agree with the commands, options, messages and files that exist."""

from __future__ import annotations

import re
import runpy
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

DOCS = REPOSITORY / "docs"
PAGES = [
    *(
        REPOSITORY / name
        for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
    ),
    *sorted(DOCS.rglob("*.md")),
]
PROGRAMS = {
    "punkdata": typer.main.get_command(punkdata.cli.app.app),
    "punkmodels": typer.main.get_command(punkmodels.cli.app.app),
}


def all_commands(command: Any, path: str) -> dict[str, Any]:
    """Return a command and all of its subcommands, by the words that invoke them."""
    found = {path: command}
    for name, subcommand in getattr(command, "commands", {}).items():
        found |= all_commands(subcommand, f"{path} {name}")
    return found


COMMANDS = {
    path: command
    for name, program in PROGRAMS.items()
    for path, command in all_commands(program, name).items()
}
LEAF_COMMANDS = [path for path, command in COMMANDS.items() if not hasattr(command, "commands")]


def option_names(command: Any) -> set[str]:
    return {"--help", "-h"} | {
        name for option in command.params for name in [*option.opts, *option.secondary_opts]
    }


def read(page: Path) -> str:
    return page.read_text("utf-8")


def name(page: Path) -> str:
    return page.relative_to(REPOSITORY).as_posix()


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_and_option_is_documented(path: str) -> None:
    text = read(DOCS / "commands.md")
    section = re.search(rf"^#+ `{path}`\n(.*?)(?=^#+ `|\Z)", text, re.DOTALL | re.MULTILINE)
    assert section, f"docs/commands.md lacks {path}; run: make docs"
    missing = {
        name
        for option in COMMANDS[path].params
        if not option.hidden and option.param_type_name == "option"
        for name in option.opts
        if f"`{name}" not in section[1] and f", {name}" not in section[1]
    }
    assert not missing, "run: make docs"


def test_generated_pages_match_the_code() -> None:
    pinned = re.search(r"^typer==(.*)$", read(REPOSITORY / "constraints.txt"), re.MULTILINE)
    assert pinned
    if version("typer") != pinned[1]:
        pytest.skip(f"the reference was generated with typer {pinned[1]}")
    pages = runpy.run_path(str(DOCS / "make_reference.py"))["render_all"]()
    stale = [path.name for path, text in pages.items() if text != read(path)]
    assert not stale, "run: make docs, or: python docs/make_reference.py"


def test_generated_pages_contain_no_html_entities() -> None:
    for page in (DOCS / "commands.md", *(DOCS / "reference").glob("*.md")):
        assert not re.search(r"&[a-z#0-9]+;", read(page)), page.name


@pytest.mark.parametrize("path", LEAF_COMMANDS)
def test_every_help_ends_with_an_example(path: str) -> None:
    assert re.search(rf"Example.*{path}", COMMANDS[path].epilog or "", re.DOTALL), path


# CONTRIBUTING.md adds a command that does not exist, and the changelog quotes old names.
@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.name not in ("CONTRIBUTING.md", "CHANGELOG.md")],
    ids=name,
)
def test_every_quoted_command_line_is_valid(page: Path) -> None:
    text = re.sub(r"\\\n\s*", " ", read(page))  # join continued lines
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    # The first column of the troubleshooting table quotes messages, not commands.
    prose = re.sub(r"^\| `[^`]*`", "", text, flags=re.MULTILINE)
    inline = re.findall(r"`((?:punkdata|punkmodels) [a-z][^`]*)`", prose)
    lines = [line for block in blocks for line in block.splitlines()]
    for line in re.split(r"&&|\|\||\n", "\n".join([*lines, *inline])):
        words = shlex.split(line.replace("…", ""), comments=True)
        start = next((i for i, word in enumerate(words) if word in PROGRAMS), None)
        if start is None or ("-m" in words[:start] and words[start - 1] != "-m"):
            continue
        path = words[start]
        rest = words[start + 1 :]
        while rest and f"{path} {rest[0]}" in COMMANDS:
            path = f"{path} {rest.pop(0)}"
        if default := getattr(COMMANDS[path], "default_command", None):
            path = f"{path} {default}"
        if hasattr(COMMANDS[path], "commands") and rest and not rest[0].startswith("-"):
            assert re.fullmatch(r"A|DIR|FILE|utils", rest[0]), f"{line!r}: no command {rest[0]}"
        used = {word.split("=")[0] for word in rest if word.startswith("-")}
        unknown = used - option_names(COMMANDS[path])
        assert not unknown, f"{line!r} in {page.name} uses {unknown}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_relative_link_has_a_target(page: Path) -> None:
    for link in re.findall(r"\]\(\s*([^)\s]+)\s*\)", read(page)):
        if link.startswith("http"):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page.name} links to {link}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", read(target), re.MULTILINE)
            anchors = {re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-") for h in headings}
            assert anchor in anchors, f"{page.name} links to {link}"


def test_troubleshooting_quotes_messages_that_exist() -> None:
    table = read(DOCS / "howto" / "troubleshooting.md")
    quoted = re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)
    assert len(quoted) >= 10
    # Join string literals that span several lines, and let each part in braces match any text.
    source = "\n".join(read(path) for path in REPOSITORY.glob("punk*/**/*.py"))
    source = re.sub(r"\{[^{}]*\}", "…", re.sub(r'"\s*\n\s*f?"', "", source))
    source += read(REPOSITORY / "Makefile")
    for message in quoted:
        for part in filter(None, (part.strip() for part in message.split("…"))):
            pattern = re.sub(r"api\\\.opensea\\\.io|cuda", "…", re.escape(part))
            assert re.search(pattern, source), f"no error message contains {part!r}"


def test_readme_is_short_and_lists_every_folder() -> None:
    text = read(REPOSITORY / "README.md")
    assert len(text.splitlines()) <= 150
    folders = {path.parent.name for path in REPOSITORY.glob("punk*/**/__init__.py")}
    missing = {name for name in folders if f"{name}/" not in text}
    assert not missing, "add a line to the layout"


@pytest.mark.slow
def test_site_builds_without_warnings(tmp_path: Path) -> None:
    pytest.importorskip("sphinx")
    makefile = read(REPOSITORY / "Makefile")
    options = re.search(
        r"^SPHINX = .* sphinx (-c docs --fail-on-warning.*) --doctree", makefile, re.MULTILINE
    )
    assert options
    out = tmp_path / "site"
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *options[1].split(), "-d", tmp_path / "trees", ".", out],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    pages = {page: page.read_text("utf-8") for page in out.rglob("*.html")}
    reference = pages[out / "docs" / "reference" / "python.html"]
    for package in (punkdata, punkmodels):
        for public in set(getattr(package, "__all__", [])) - {"__version__"}:
            assert f'id="{package.__name__}.' in reference
            assert re.search(rf'id="{package.__name__}(\.errors)?\.{public}"', reference), public
    assert "_SupportsArray" not in reference, "signatures have ArrayLike, not its definition"
    assert "plain_requirement" not in reference
    commands = pages[out / "docs" / "commands.html"]
    assert "punkmodels runs --json" in re.sub("<[^>]*>", "", commands)  # With two hyphens.
    for page, text in pages.items():
        loaded = re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"(https?:[^\"]*)", text)
        assert not loaded, f"{page.name} loads {loaded} from the network"
