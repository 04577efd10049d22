"""Weights & Biases as a logger: its settings and errors.

A failure before the training is one error; a failure during it is a warning, because the metrics
are also in metrics.jsonl, and a training can take hours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import ValidationError
from rich.markup import escape

from punkdata.errors import NetworkError, PunkError, RefusedError, SetupError, plain_requirement
from punkdata.progress import write_stderr
from punkmodels.training.run_dir import read_config

LogScalars = Callable[[dict[str, float], int], None]
OFFLINE_HINT = "set WANDB_MODE=offline, and upload the run later with: wandb sync"


def check_wandb() -> None:
    """Raise SetupError, RefusedError or NetworkError if wandb cannot log with its settings."""
    import wandb

    with _translate_errors():
        is_online = wandb.setup().settings.mode in ("online", "shared")
        if is_online and not wandb.login(prompt=False):
            raise SetupError(
                "wandb is not logged in",
                hint="run: wandb login, or set WANDB_MODE=offline and sync the run later",
            )


@contextmanager
def open_wandb(run: Path) -> Iterator[LogScalars]:
    """Start or resume a wandb run in the folder `wandb` of a run, and yield its log function.

    Raises as `check_wandb`; later failures are warnings.
    """
    import wandb

    # wandb names its folders <mode>-run-<time>-<id>; the newest one has the id to resume.
    folders = sorted((run / "wandb").glob("*run-*-*"))
    with _translate_errors():
        wandb_run = wandb.init(
            # The environment variable WANDB_PROJECT takes precedence.
            project=None if wandb.setup().settings.project else "punkmodels",
            name=run.name,
            id=folders[-1].name.rpartition("-")[2] if folders else None,
            resume="allow",
            dir=run,
            config=read_config(run),
            settings=wandb.Settings(silent=True, console="off"),
        )
    is_working, exit_code = True, 1

    def attempt(action: Callable[[], object]) -> None:
        """Run an action unless an earlier one has failed; a failure is a warning."""
        nonlocal is_working
        try:
            if is_working:
                action()
        except Exception as error:  # noqa: BLE001  # wandb and its libraries raise many kinds
            is_working = False
            text = (
                f"wandb has stopped logging ({type(error).__name__}); metrics.jsonl has all metrics"
            )
            write_stderr(f"[bold yellow]warning:[/] {escape(text)}")
            # Otherwise it would be done at exit, and fail with a traceback.
            with suppress(Exception):
                wandb.teardown()

    try:
        yield lambda scalars, step: attempt(lambda: wandb_run.log(scalars, step=step))
        exit_code = 0
    finally:
        attempt(lambda: wandb_run.finish(exit_code))


@contextmanager
def _translate_errors() -> Iterator[None]:
    """Turn the exceptions of wandb into ours; none of them contains the API key."""
    from wandb import errors

    try:
        yield
    except PunkError:
        raise
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        name = ".".join(map(str, first["loc"]))
        raise SetupError(
            f"the setting {name} of wandb {plain_requirement(first['msg'])}",
            hint=f"change or unset the environment variable WANDB_{name.upper()}",
        ) from None
    except errors.AuthenticationError as error:
        if "Failed to execute API request" in str(error):
            raise NetworkError("wandb cannot be reached", hint=OFFLINE_HINT) from None
        if "Failed to authenticate" in str(error):
            hint = f"log in again with: wandb login --relogin; or {OFFLINE_HINT}"
            raise RefusedError("wandb refused the API key", hint=hint) from None
        raise SetupError(
            f"the API key of wandb is not valid: {_first_line(error)}",
            hint="correct WANDB_API_KEY, or run: wandb login --relogin",
        ) from None
    except errors.CommError as error:
        raise NetworkError(
            f"wandb cannot be reached: {_first_line(error)}", hint=OFFLINE_HINT
        ) from None
    except Exception as error:  # noqa: BLE001  # wandb and its libraries raise many kinds
        raise SetupError(
            f"wandb does not work with its settings: {_first_line(error)}",
            hint="correct the environment variables WANDB_…, or leave out the logger",
        ) from None


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
