"""Models on the Hugging Face Hub: repositories that contain a folder of `punkmodels export`.

A model is named owner/name, hf://owner/name, or owner/name@revision for a branch, a tag or a
commit. Its config.json and model.safetensors are downloaded to the usual cache of huggingface_hub;
no other file is read, and nothing is unpickled.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from punkdata.errors import DataError, NetworkError, RefusedError, UsageError
from punkdata.extras import translate_missing_package
from punkdata.paths import require_home
from punkmodels.training.run_dir import TASKS, join_tasks, read_config

CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"
_PART = r"\w[\w.-]*"
_NAME = re.compile(rf"(hf://)?({_PART}/{_PART})(?:@(\w[\w./-]*))?")
LOGIN_HINT = "for a private model, log in with: hf auth login, or set HF_TOKEN"


def is_hub_name(name: str) -> bool:
    """Return whether a name can only be that of a model on the Hub.

    The name of a local folder never is, nor a path below one, unless it begins with hf://.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        return False
    return bool(match[1]) or not (Path(name).exists() or Path(name).parent.exists())


def download_model(name: str, tasks: Sequence[str]) -> Path:
    """Return the folder of a model in the cache, which is updated if the Hub can be reached.

    Raises UsageError if there is no such model or revision, or if it is of none of the tasks,
    MissingExtraError without huggingface_hub, RefusedError if access is denied, and NetworkError if
    the Hub cannot be reached and the model is not in the cache.
    """
    match = _NAME.fullmatch(name)
    assert match is not None  # `is_hub_name` was called before.
    repository, revision = match[2], match[3]
    what = f"there is no folder {name}, and loading it from the Hugging Face Hub"
    require_home("the cache of the Hugging Face Hub", "HF_HOME", "XDG_CACHE_HOME")
    with translate_missing_package(what):
        from huggingface_hub import hf_hub_download
    with _hub_errors(name, repository, revision):
        # A model of another library may have gigabytes of weights, so look at its config first.
        folder = Path(hf_hub_download(repository, CONFIG_FILE, revision=revision)).parent
        task = read_config(folder).get("task")
        if task not in TASKS:
            raise UsageError(f"{name} on the Hugging Face Hub is not a model of punkmodels")
        if task not in tasks:
            raise UsageError(f"{name} is a {task}, but a {join_tasks(tasks)} is needed")
        hf_hub_download(repository, WEIGHTS_FILE, revision=folder.name)
    return folder


def find_repository(folder: Path) -> str | None:
    """Return the owner/name of a model in the cache of huggingface_hub; None for other folders."""
    is_cached = len(folder.parts) > 2 and folder.parent.name == "snapshots"
    match = re.fullmatch(r"models--(.+?)--(.+)", folder.parents[1].name) if is_cached else None
    return f"{match[1]}/{match[2]}" if match else None


@contextmanager
def _hub_errors(name: str, repository: str, revision: str | None) -> Iterator[None]:
    """Translate the exceptions of huggingface_hub and of the libraries that it uses."""
    from huggingface_hub import constants, errors

    hub = f"the Hugging Face Hub ({constants.ENDPOINT})"
    try:
        yield
    except (UsageError, DataError):
        raise
    except errors.GatedRepoError:
        raise RefusedError(f"access to {name} is restricted", hint=LOGIN_HINT) from None
    except errors.RepositoryNotFoundError:
        raise UsageError(
            f"there is no folder {name}, and no model {repository} on {hub}", hint=LOGIN_HINT
        ) from None
    except errors.RevisionNotFoundError:
        raise UsageError(f"{repository} on {hub} has no revision {revision}") from None
    except errors.RemoteEntryNotFoundError:
        raise UsageError(
            f"{repository} on {hub} has no {CONFIG_FILE} and {WEIGHTS_FILE}",
            hint="upload a folder that punkmodels export has written",
        ) from None
    except Exception as error:  # noqa: BLE001  # the HTTP library of huggingface_hub varies
        # An error of the server can be the cause of another one: the model is not in the cache.
        responses = [getattr(e, "response", None) for e in (error, error.__cause__)]
        if any(getattr(response, "status_code", 0) in (401, 403) for response in responses):
            raise RefusedError(f"{hub} denied access to {name}", hint=LOGIN_HINT) from None
        raise NetworkError(
            f"there is no folder {name}, and {hub} cannot be reached ({type(error).__name__})",
            hint="check the name, or try again later",
        ) from None
