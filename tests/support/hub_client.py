"""Helper that runs commands with a local server as the Hugging Face Hub.

They run in processes of their own, because huggingface_hub reads the address of the server when it
is imported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from support.hub_server import TOKEN, Hub


class HubClient:
    """Runs Python with the server as its Hub."""

    def __init__(self, hub: Hub, home: Path) -> None:
        self.hub, self.home = hub, home

    def python(self, *args: object, token: str | None = TOKEN) -> tuple[int, str, str]:
        """Run Python with these arguments; return its exit code, stdout and stderr."""
        environment = self.hub.environment(self.home / "hf", token)
        environment["PUNKDATA_CACHE"] = str(self.home / "punkdata")
        command = [sys.executable, *map(str, args)]
        done = subprocess.run(
            command, env=os.environ | environment, capture_output=True, text=True, check=False
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert TOKEN not in done.stdout + done.stderr
        return done.returncode, done.stdout, done.stderr

    def punkdata(self, *args: object, token: str | None = TOKEN) -> tuple[int, str, str]:
        return self.python("-m", "punkdata", *args, token=token)

    def punkmodels(self, *args: object, token: str | None = TOKEN) -> tuple[int, str, str]:
        return self.python("-m", "punkmodels", *args, token=token)

    def evaluate(self, code: str) -> Any:
        """Run Python code that prints JSON, and return it."""
        status, out, err = self.python("-c", code)
        assert status == 0, err
        return json.loads(out)
