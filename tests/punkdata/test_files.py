from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from punkdata.errors import BusyError, UsageError
from punkdata.files import (
    fsync_tree,
    is_hidden,
    lock_root,
    parse_root_url,
    root_option,
    sha256_file,
    shell_quote,
    write_atomic,
)

HOLD_LOCK = """
import sys, time
from pathlib import Path
from punkdata.files import lock_root
with lock_root(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""


def test_lock_root_rejects_a_file(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    for root in (tmp_path / "notes", tmp_path / "notes" / "root"):
        with (
            pytest.raises(UsageError, match="notes.*choose a folder that can be written"),
            lock_root(root),
        ):
            pass


def test_lock_root_is_busy_until_the_other_process_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD_LOCK, str(tmp_path)], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        holder.stdout.readline()
        with pytest.raises(BusyError, match="another command is writing"), lock_root(tmp_path):
            pass
        holder.kill()
        holder.wait()
    with lock_root(tmp_path):
        pass


def test_lock_root_creates_the_root_and_releases_it_after_an_error(tmp_path: Path) -> None:
    root = tmp_path / "new" / "root"
    with pytest.raises(ZeroDivisionError), lock_root(root):
        _ = 1 / 0
    with lock_root(root):
        assert root.is_dir()


@pytest.fixture
def shared_root() -> Iterator[Path]:
    """A folder that everybody may write to, with the lock file of somebody else.

    Root may write to every file, so the test then runs as another user.
    """
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        (Path(folder) / ".lock").touch()
        (Path(folder) / ".lock").chmod(0o444)
        is_root = os.geteuid() == 0
        if is_root:
            os.seteuid(65534)
        try:
            yield Path(folder)
        finally:
            if is_root:
                os.seteuid(0)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX permissions")
def test_lock_root_uses_the_lock_file_of_another_user(shared_root: Path) -> None:
    with pytest.raises(PermissionError):
        (shared_root / ".lock").open("r+")
    with lock_root(shared_root):
        with pytest.raises(BusyError, match="another command is writing"), lock_root(shared_root):
            pass
        (shared_root / "file").touch()
    with lock_root(shared_root):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX permissions")
def test_lock_root_and_a_lock_for_writing_exclude_each_other(tmp_path: Path) -> None:
    import fcntl

    (tmp_path / ".lock").touch()
    with (tmp_path / ".lock").open("rb") as reader:
        fcntl.flock(reader, fcntl.LOCK_EX)
        with pytest.raises(BusyError), lock_root(tmp_path):
            pass
    with (
        lock_root(tmp_path),
        (tmp_path / ".lock").open("rb") as reader,
        pytest.raises(BlockingIOError),
    ):
        fcntl.flock(reader, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX permissions")
@pytest.mark.parametrize(("folder", "lock"), [(0o775, 0o664), (0o700, 0o600), (0o777, 0o666)])
def test_whoever_may_write_to_a_root_may_lock_it(tmp_path: Path, folder: int, lock: int) -> None:
    root = tmp_path / "root"
    root.mkdir()
    root.chmod(folder)
    with lock_root(root):
        assert (root / ".lock").stat().st_mode & 0o777 == lock


def test_hidden_files_are_recognized_in_any_folder() -> None:
    for name in (".DS_Store", "a/._0042.png", ".ipynb_checkpoints/a.png", "a/Thumbs.db", "Icon\r"):
        assert is_hidden(Path(name)), name
    for name in ("a.png", "data/a.b", "thumbs.db.png", "a/b..c"):
        assert not is_hidden(Path(name)), name


def test_write_atomic_replaces_a_file_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    write_atomic(path, b"old")
    write_atomic(path, b"new")
    fsync_tree(tmp_path)
    assert path.read_bytes() == b"new"
    assert [p.name for p in path.parent.iterdir()] == ["file"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs links and named pipes")
def test_write_atomic_with_symlinks_pipes_and_folders(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_atomic(tmp_path / "link", b"text")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"text"
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE) as reader:
        write_atomic(tmp_path / "pipe", b"text")
        assert reader.communicate(timeout=60)[0] == b"text"
    assert (tmp_path / "pipe").is_fifo()
    with pytest.raises(UsageError, match=re.escape(f"cannot write '{tmp_path}': ")):
        write_atomic(tmp_path, b"text")


def test_write_atomic_names_the_file_of_the_user_in_errors(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 254)  # Valid, but the longer name of the temporary file is not.
    with pytest.raises(UsageError, match=re.escape(f"cannot write '{path}': ")):
        write_atomic(path, b"text")


def test_root_option_is_quoted_for_a_shell() -> None:
    assert root_option(Path("data")) == ""
    assert root_option(Path("my data")) == " --root 'my data'"


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize("name", [b"a b", b"x\xff'y\\z\n\x1b q", b"caf\xc3\xa9", b"plain"])
def test_shell_quote_is_read_by_a_shell_as_the_same_bytes(name: bytes) -> None:
    quoted = shell_quote(os.fsdecode(name))
    assert "\n" not in quoted
    command = ["bash", "-c", f"printf %s {quoted}"]
    assert subprocess.run(command, capture_output=True, check=True).stdout == name


@pytest.mark.skipif(sys.platform == "win32", reason="needs RLIMIT_FSIZE")
def test_write_atomic_keeps_the_old_file_when_the_disk_is_full(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomic(path, b"old")
    code = (
        "import resource, sys; from pathlib import Path; from punkdata.files import write_atomic\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "write_atomic(Path(sys.argv[1]), bytes(5000))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert "StorageError: cannot write" in done.stderr
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"old"


def test_sha256_file_returns_the_hash_in_hex(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_file(tmp_path / "abc").startswith("ba7816bf8f01cfea")


def test_parse_root_url_restores_slashes_that_path_removed() -> None:
    for text in ("s3://bucket/punks", "memory://punks", "file:///srv/punks"):
        assert parse_root_url(text) == parse_root_url(Path(text)) == text
    assert parse_root_url(Path("file://srv/punks")) == "file:///srv/punks"
    with pytest.raises(
        UsageError, match=r"has a host name instead of a path; write it as file:///.*/srv/punks"
    ):
        parse_root_url("file://srv/punks")
    with pytest.raises(UsageError, match="is a chain of URLs"):
        parse_root_url(Path("simplecache::s3://bucket/punks"))
    assert parse_root_url("s3://bucket//punks") == "s3://bucket/punks"
    for folder in ("data", "/srv/data", "C:/data", "s3:", "s3://", "a:b"):
        assert parse_root_url(folder) is None
