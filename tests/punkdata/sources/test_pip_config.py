"""The package index that pip would use is found without starting pip."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from punkdata.errors import SetupError
from punkdata.sources.pip_config import PYPI_URL, find_index_url


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home folder without configuration, in an environment without any."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "system"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / ".config"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("sys.prefix", str(tmp_path / "environment"))
    return tmp_path / "home"


def configure(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def index_of(name: str, section: str = "global") -> str:
    return f"[{section}]\nindex-url = https://{name}.test/simple\n"


def test_later_files_and_the_environment_take_precedence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: Path
) -> None:
    # A file of /etc on the machine that runs this test comes after "system" and before the others.
    for name, path in {
        "legacy": home / ".pip",
        "user": home / ".config" / "pip",
        "environment": tmp_path / "environment",
    }.items():
        configure(path / "pip.conf", index_of(name))
        assert find_index_url() == f"https://{name}.test/simple"
    configure(tmp_path / "named.conf", index_of("named"))
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "named.conf"))
    assert find_index_url() == "https://named.test/simple"
    monkeypatch.setenv("PIP_INDEX_URL", "https://first.test/simple")
    assert find_index_url() == "https://first.test/simple"
    monkeypatch.delenv("PIP_INDEX_URL")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    assert find_index_url() == PYPI_URL


def test_section_of_pip_install_precedes_the_global_one(home: Path) -> None:
    text = index_of("install", "install") + index_of("global") + "[freeze]\nindex-url = x\n"
    configure(home / ".config" / "pip" / "pip.conf", text)
    assert find_index_url() == "https://install.test/simple"


def test_password_with_a_percent_sign_is_kept(home: Path) -> None:
    url = "https://user:a%40%b@mirror.test/simple"  # pragma: allowlist secret
    configure(home / ".config" / "pip" / "pip.conf", f"[global]\nindex_url = {url}")
    assert find_index_url() == url


def test_local_folders_and_empty_values_are_skipped(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    configure(home / ".config" / "pip" / "pip.conf", index_of("mirror"))
    for value in ("", "file:///somewhere"):
        monkeypatch.setenv("PIP_INDEX_URL", value)
        assert find_index_url() == "https://mirror.test/simple"
    configure(home / ".config" / "pip" / "pip.conf", "[global]\nindex-url = file:///somewhere\n")
    assert find_index_url() == PYPI_URL


def test_no_index_is_refused_with_the_way_to_do_without(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    text = index_of("mirror") + "no-index = true\n"
    configure(home / ".config" / "pip" / "pip.conf", text)
    with pytest.raises(SetupError, match="no package index .*--sdist FILE"):
        find_index_url()
    monkeypatch.setenv("PIP_NO_INDEX", "0")
    assert find_index_url() == "https://mirror.test/simple"


@pytest.mark.parametrize(
    "content",
    [
        b"index-url = https://u:hush@x",  # pragma: allowlist secret
        b"[global]\n\xff\xfe = 1",
    ],
)
def test_damaged_file_is_named_without_its_content(home: Path, content: bytes) -> None:
    path = home / ".config" / "pip" / "pip.conf"
    configure(path, "")
    path.write_bytes(content)
    with pytest.raises(SetupError, match="pip.conf' is damaged") as caught:
        find_index_url()
    assert "hush" not in str(caught.value)


def test_nothing_in_the_current_folder_is_executed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("pip", "configparser", "netrc"):
        (tmp_path / f"{name}.py").write_text("open('executed', 'w')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "")  # A relative home folder must not lead here, either.
    find_index_url()
    assert not (tmp_path / "executed").exists()


@pytest.mark.slow
def test_pip_itself_reads_the_same_index(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: Path
) -> None:
    monkeypatch.setattr("sys.prefix", sys.exec_prefix)  # That of the process that runs pip.
    places = {
        "system": tmp_path / "system" / "pip",
        "legacy": home / ".pip",
        "user": home / ".config" / "pip",
    }
    for name, folder in places.items():
        configure(folder / "pip.conf", index_of(name))
        assert find_index_url() == ask_pip()
    configure(tmp_path / "named.conf", "[install]\nno-color = true\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "named.conf"))
    assert find_index_url() == ask_pip()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    assert find_index_url() == ask_pip()


def ask_pip() -> str:
    command = [sys.executable, "-P", "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    values = dict(line.split("=", 1) for line in listed.splitlines())
    return values.get("global.index-url", repr(PYPI_URL)).strip("'")
