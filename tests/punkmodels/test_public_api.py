"""What `import punkmodels` offers."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import punkmodels

CLASSES = [name for name in punkmodels.__all__ if inspect.isclass(getattr(punkmodels, name))]


def test_import_and_dir_load_no_torch() -> None:
    code = "import punkmodels, sys; print(sorted(dir(punkmodels))); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names, has_torch = done.stdout.splitlines()
    assert has_torch == "False"
    assert all(repr(name) in names for name in punkmodels.__all__)
    assert "importlib" not in names


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'punkmodels' has no attribute 'draw_punk'"):
        _ = punkmodels.draw_punk


@pytest.mark.parametrize("name", [name for name in punkmodels.__all__ if name != "__version__"])
def test_every_public_name_has_a_docstring(name: str) -> None:
    doc = inspect.getdoc(getattr(punkmodels, name))
    assert doc
    assert doc[0].isupper()


@pytest.mark.parametrize("name", CLASSES)
def test_every_public_method_has_a_docstring(name: str) -> None:
    own = vars(getattr(punkmodels, name))
    members = [key for key, value in own.items() if callable(value) or isinstance(value, property)]
    public = [key for key in members if not key.startswith("_")]
    assert [key for key in public if not inspect.getdoc(own[key])] == []
