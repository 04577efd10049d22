"""Home folders in paths are expanded or refused; a folder named "~" is never created."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.cli import run
from support.punkmodels_cli import run as run_punkmodels

from punkdata import PunkDataset, open_snapshot
from punkdata.errors import SetupError, UsageError
from punkdata.files import default_root, write_atomic
from punkdata.paths import expand_name, expand_user, find_cache, find_home, require_home

Capture = pytest.CaptureFixture[str]
posix_only = pytest.mark.skipif(os.name == "nt", reason="HOME has no meaning on Windows")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder; the current folder is another, empty one."""
    (tmp_path / "home").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "home"


def test_home_folder_replaces_a_leading_tilde_only(home: Path) -> None:
    assert expand_user("~") == expand_user(Path("~")) == home
    assert expand_user("~/a/b") == expand_user(Path("~/a/b")) == home / "a" / "b"
    for path in ("a/~/b", "./~/a", "/~", "s3://bucket/~"):
        assert expand_user(path) == Path(path)
    assert expand_name("s3://bucket/~") == "s3://bucket/~"
    assert expand_name("~/runs/1") == str(home / "runs" / "1")


@posix_only
def test_home_folder_of_another_user_is_found() -> None:
    import pwd

    user = pwd.getpwall()[0]
    assert expand_user(f"~{user.pw_name}/x") == Path(user.pw_dir, "x")


def test_unknown_user_is_refused() -> None:
    with pytest.raises(UsageError, match="the user no-such-user has no home folder; use"):
        expand_user("~no-such-user/data")


@posix_only
@pytest.mark.parametrize("value", ["", "relative", "~"])
def test_home_that_is_no_absolute_path_is_refused(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", value)
    assert find_home() is None
    with pytest.raises(UsageError, match="this user has no home folder; set HOME"):
        expand_user("~/x")
    with pytest.raises(SetupError, match="set PUNKDATA_CACHE, XDG_CACHE_HOME or HOME"):
        find_cache()


def test_cache_follows_its_variables(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_cache().is_relative_to(home)
    monkeypatch.setenv("PUNKDATA_CACHE", "~/elsewhere")
    assert find_cache() == home / "elsewhere"


@posix_only
def test_cache_that_is_relative_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    with pytest.raises(SetupError, match="no folder for the cache of snapshots"):
        find_cache()
    monkeypatch.setenv("XDG_CACHE_HOME", "")  # The same as unset.
    require_home("something", "XDG_CACHE_HOME")


def test_data_root_in_the_environment_is_expanded(
    home: Path, built_root: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("PUNKDATA_ROOT", "~/data")
    assert default_root() == home / "data"
    (home / "data").symlink_to(built_root)
    assert open_snapshot().version == open_snapshot("~/data").version
    assert PunkDataset("~/data").version == PunkDataset(built_root).version
    assert run("list") == 0
    assert open_snapshot().version in capsys.readouterr().out
    monkeypatch.setenv("PUNKDATA_ROOT", "~no-such-user/data")
    assert run("list") == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_options_with_a_tilde_write_into_the_home_folder(
    home: Path, built_root: Path, capsys: Capture
) -> None:
    name = "~/snapshot"
    (home / "snapshot").symlink_to(open_snapshot(built_root).path)
    assert run("gallery", name, "--out=~/page.html") == 0
    assert run("plot", "first-100", "--version", name, "--out=~/plots") == 0
    assert run("export", "npz", "--root", built_root, "~/punks.npz") == 0
    assert run("export", "imagefolder", "--root", built_root, "~/images") == 0
    assert run_punkmodels("generate", "--type", "Ape", "--out=~/ape.png") == 0
    assert run_punkmodels("runs", "--runs=~/runs") == 0
    written = {"page.html", "plots", "punks.npz", "images", "ape.png"}
    assert written <= {path.name for path in home.iterdir()}
    assert list(Path.cwd().iterdir()) == []


def test_folder_named_tilde_is_never_written(home: Path) -> None:
    with pytest.raises(UsageError, match="use an absolute path without ~"):
        write_atomic(Path("~") / "file", b"")
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize(
    ("program", "args"),
    [
        (run, ("gallery", "--out", "new/page.html")),
        (run, ("plot", "first-100", "--out", "new")),
        (run, ("export", "npz", "new/punks.npz")),
        (run, ("export", "imagefolder", "new")),
        (run_punkmodels, ("generate", "--type", "Ape", "--out", "new/ape.png")),
        (run_punkmodels, ("generate", "--type", "Ape", "--out", "new")),
        (run_punkmodels, ("export", "bundled", "--out", "new")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_output_creates_one_folder_and_says_so(
    program: object, args: tuple[str, ...], home: Path, built_root: Path, capsys: Capture
) -> None:
    assert callable(program)
    deep = [arg.replace("new", "missing/new") for arg in args]
    root = () if program is run_punkmodels else ("--root", built_root)
    assert program(*deep, *root) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "there is no folder 'missing" in error
    assert "create it, or choose another path" in error
    assert list(Path.cwd().iterdir()) == []
    assert program(*args, *root) == 0
    assert "creating the folder 'new'" in capsys.readouterr().err
    program(*args, *root)  # Some of these commands refuse a folder that exists.
    assert "creating the folder" not in capsys.readouterr().err
