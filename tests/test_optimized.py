"""`python -OO`, which removes docstrings and assert statements, changes nothing."""

from __future__ import annotations

import ast
import json
import subprocess
import sys

import pytest
from support.paths import REPOSITORY

LIST_HELP = """
import importlib, json, sys, typer

def walk(command, path):
    yield path, command.help
    for name, child in getattr(command, "commands", {}).items():
        yield from walk(child, f"{path} {name}")

app = importlib.import_module(f"{sys.argv[1]}.cli.app").app
print(json.dumps(dict(walk(typer.main.get_command(app), sys.argv[1]))))
"""


@pytest.mark.parametrize(("program", "command"), [("punkdata", "fetch"), ("punkmodels", "predict")])
def test_every_command_keeps_its_help(program: str, command: str) -> None:
    texts = [
        json.loads(subprocess.check_output([sys.executable, *flags, "-c", LIST_HELP, program]))
        for flags in ([], ["-OO"])
    ]
    assert texts[0] == texts[1]
    assert f"{program} {command}" in texts[0]
    assert all(texts[0].values())


def test_asserts_only_help_type_checkers() -> None:
    for package in ("punkdata", "punkmodels"):
        for file in (REPOSITORY / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Assert):
                    check = ast.unparse(node.test)
                    is_narrowing = "is not None" in check or check.startswith("isinstance(")
                    assert is_narrowing, f"{file}: {check} would not be checked"
