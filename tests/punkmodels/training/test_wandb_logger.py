"""wandb runs in processes of its own, because it keeps global settings and a service process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from punkmodels.training.run_dir import create_run, read_metrics, write_json

pytest.importorskip("wandb")
KEY = "k" * 40

LOG = """
import sys
from pathlib import Path
from punkdata.errors import PunkError
from punkmodels.training.loggers import open_metrics

try:
    with open_metrics(Path(sys.argv[1]), 0, "wandb") as log_metrics:
        log_metrics({"images_seen": int(sys.argv[2]), "loss_D": None, "loss_E": 1.0})
        BETWEEN
        log_metrics({"images_seen": int(sys.argv[2]) + 1, "loss_E": 2.0})
except PunkError as error:
    sys.exit(f"{error.exit_code}: {error}")
"""
STOP_SERVICE = """
        import psutil
        for process in psutil.Process().children():
            process.kill()
            process.wait()
"""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    run = create_run(tmp_path / "runs", "vae-gan-quick")
    write_json(run / "config.json", {"options": {"lr": 0.125}})
    return run


def log_to_wandb(
    run: Path, images_seen: int = 16, between: str = "pass", **environment: str
) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WANDB")}
    return subprocess.run(
        [sys.executable, "-c", LOG.replace("BETWEEN", between), run, str(images_seen)],
        env=clean | {"HOME": str(run), "WANDB_DATA_DIR": str(run)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def refusing_server() -> Iterator[str]:
    """Run a server that refuses every request, and yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_an_offline_run_is_stored_and_resumed(run: Path) -> None:
    for images_seen in (16, 32):
        done = log_to_wandb(run, images_seen, WANDB_MODE="offline")
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
    folders = sorted((run / "wandb").glob("offline-run-*"))
    assert len({folder.name.rpartition("-")[2] for folder in folders}) == 1
    logged = b"".join(file.read_bytes() for file in (run / "wandb").glob("offline-run-*/*.wandb"))
    for expected in (b"loss_E", b"00001-vae-gan-quick", b"punkmodels", b"0.125"):
        assert expected in logged
    assert b"loss_D" not in logged


# Each of them starts wandb, which takes seconds.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({}, "3: wandb is not logged in; run: wandb login, or set WANDB_MODE=offline and sync "),
        ({"WANDB_MODE": "of"}, "3: the setting mode of wandb must be 'online', 'offline', "),
        (
            {"WANDB_API_KEY": "kkk"},  # pragma: allowlist secret
            "3: the API key of wandb is not valid: ",
        ),
        ({"WANDB_BASE_URL": "nowhere"}, "3: the setting base_url of wandb must be a valid URL; "),
        (
            {"WANDB_PROJECT": "a/b", "WANDB_MODE": "offline"},
            "3: wandb does not work with its settings: Invalid project name",
        ),
    ],
    ids=str,
)
def test_wrong_settings_are_one_line_before_the_training(
    environment: dict[str, str], message: str, run: Path
) -> None:
    done = log_to_wandb(run, **environment)
    assert done.returncode == 1
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1
    assert "kkk" not in done.stderr
    assert not (run / "wandb").exists()


@pytest.mark.slow
def test_a_refused_key_is_told_apart_from_a_lost_network(run: Path) -> None:
    with refusing_server() as address:
        done = log_to_wandb(run, WANDB_BASE_URL=address, WANDB_API_KEY=KEY)
    assert done.stderr.startswith("4: wandb refused the API key; log in again with: wandb login")
    assert KEY not in done.stderr


@pytest.mark.slow  # wandb tries for ten seconds.
def test_without_a_network_an_offline_run_is_suggested(run: Path) -> None:
    done = log_to_wandb(run, WANDB_BASE_URL="http://127.0.0.1:9", WANDB_API_KEY=KEY)
    assert done.stderr.startswith("5: wandb cannot be reached; set WANDB_MODE=offline, and upload")


def test_a_failure_during_the_training_is_a_warning(run: Path) -> None:
    pytest.importorskip("psutil")
    done = log_to_wandb(run, between=STOP_SERVICE, WANDB_MODE="offline")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("warning: wandb has stopped logging (")
    assert [line["loss_E"] for line in read_metrics(run)] == [1.0, 2.0]
