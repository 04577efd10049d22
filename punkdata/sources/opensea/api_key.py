"""The OpenSea API key: from the environment, a file, or the configuration folder.

In memory, the key is always a SecretStr. On disk, free "instant" keys are written to one file
only, which no other user can read.
"""

import codecs
import json
import os
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile

from pydantic import SecretStr, TypeAdapter, ValidationError

from punkdata.errors import DataError, SetupError, UsageError
from punkdata.files import translate_os_errors, utc_now
from punkdata.sources.opensea.api.schemas import InstantKey

VARIABLE = "OPENSEA_API_KEY"
MAX_FILE_BYTES = 64_000
"""Largest file that may contain a key. Other files were named by mistake."""

_CONFIG_HINT = (
    "set HOME or XDG_CONFIG_HOME to a folder that can be written, or set OPENSEA_API_KEY to a key "
    "of your own"
)
_ASSIGNMENT = re.compile(
    r"(?:(?:export|set)\s+|\$env:)?([A-Za-z][\w-]*)\s*[=:]\s*(.*)", re.IGNORECASE
)
"""A line such as "export OPENSEA_API_KEY=…" or "x-api-key: …". Keys contain no "=" or ":"."""
_QUOTES = "\"'`\u2018\u2019\u201c\u201d"

_StoredKeys = TypeAdapter(dict[str, InstantKey])
"""Content of the key file: a mapping from base URL to key."""


@dataclass(frozen=True)
class ApiKey:
    """An API key, where it comes from, and its expiry date, if that is known."""

    secret: SecretStr
    origin: str
    expires_at: datetime | None = None

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= utc_now()


def key_path(config_dir: Path) -> Path:
    return config_dir / "key.json"


def find_key(base_url: str, config_dir: Path | None, key_file: Path | None = None) -> ApiKey | None:
    """Return the key for the API at `base_url`, or None if there is none.

    `config_dir` is None if this user has no configuration folder. Raises UsageError if the key is
    malformed or `key_file` (--api-key-file) cannot be read, SetupError if the stored keys cannot be
    read, and DataError if they are damaged.
    """
    if text := os.environ.get(VARIABLE, "").strip():
        return _parse_key(_unquote(text), f"the environment variable {VARIABLE}")
    if key_file is not None:
        origin = f"--api-key-file {key_file}"
        return _parse_key(_find_key_text(_read_text(key_file, origin), origin), origin)
    if config_dir is None:
        return None
    path = key_path(config_dir)
    stored = _read_stored_keys(path).get(base_url)
    return _to_api_key(stored, path) if stored else None


def check_key_store(config_dir: Path | None) -> Path:
    """Return the configuration folder, after checking that a new key can be stored there.

    A key that cannot be stored would be lost, so this is checked before one is created. Raises
    SetupError if there is no folder or it cannot be written, and DataError or StorageError like
    `store_key`.
    """
    if config_dir is None:
        raise SetupError("there is no home folder to store an API key in", hint=_CONFIG_HINT)
    _read_stored_keys(key_path(config_dir))
    try:
        with translate_os_errors(config_dir):
            config_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            with NamedTemporaryFile(dir=config_dir):
                pass
    except UsageError as error:
        raise SetupError(f"no API key can be stored: {error.message}", hint=_CONFIG_HINT) from None
    return config_dir


def store_key(config_dir: Path, base_url: str, created: InstantKey) -> ApiKey:
    """Store a new instant key in the configuration folder, in a file that only this user can read.

    Raises UsageError or StorageError if the folder cannot be written, and DataError if the file
    with the stored keys is damaged.
    """
    path = key_path(config_dir)
    plain = {
        url: key.model_dump(mode="json") | {"api_key": key.api_key.get_secret_value()}
        for url, key in (_read_stored_keys(path) | {base_url: created}).items()
    }
    with translate_os_errors(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Only this user can read a temporary file.
        with NamedTemporaryFile("w", dir=path.parent, encoding="utf-8", delete=False) as file:
            file.write(json.dumps(plain, indent=2) + "\n")
        Path(file.name).replace(path)
    return _to_api_key(created, path)


def _read_text(path: Path, origin: str) -> str:
    """Return the text of a file as editors and shells write it: in UTF-8 or UTF-16."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read {origin}: {error.strerror}") from None
    if len(data) > MAX_FILE_BYTES:
        raise UsageError(f"{origin} is too large to be a file with an API key")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif (position := data.find(b"\0")) >= 0:  # The other half of a Latin letter.
        encoding = "utf-16-le" if position % 2 else "utf-16-be"
    else:
        encoding = "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise UsageError(f"{origin} is not a text file in UTF-8 or UTF-16") from None


def _find_key_text(text: str, origin: str) -> str:
    """Return the key in a text: its only line, or the line that assigns it to its variable.

    Quotation marks, comments and empty lines are ignored. An error does not show the text.
    """
    lines = [line for line in map(str.strip, text.splitlines()) if line and line[0] != "#"]
    values, named = set(), set()
    for line in lines:
        assignment = _ASSIGNMENT.fullmatch(line)
        value = _unquote(assignment[2] if assignment else line)
        values.add(value)
        if assignment and assignment[1].upper() == VARIABLE:
            named.add(value)
    keys = named or values
    if len(keys) == 1:
        return keys.pop()
    problem = f"has {len(lines):,} lines" if lines else "is empty"
    if named:
        problem = f"has several lines that set {VARIABLE}"
    raise UsageError(f"{origin} {problem}; it must contain the API key alone, or {VARIABLE}=…")


def _unquote(value: str) -> str:
    """Remove a comment, a separator and quotation marks around a value; keys have none of them."""
    value = re.split(r"\s#", value)[0].strip("\ufeff\u200b").strip().rstrip(";,")
    is_quoted = len(value) > 1 and value[0] in _QUOTES and value[-1] in _QUOTES
    return value[1:-1].strip() if is_quoted else value


def _parse_key(text: str, origin: str) -> ApiKey:
    try:
        return ApiKey(InstantKey(api_key=SecretStr(text)).api_key, origin)
    except ValidationError as error:  # Its message would contain the key.
        reason = error.errors(include_input=False)[0]["ctx"]["error"]
    problem = f"it has {len(text):,} characters"
    if re.search(r"\s", text):
        problem = "it contains white space"
    elif re.search(r"[^A-Za-z0-9._~-]", text):
        problem = "it contains other characters"
    raise UsageError(f"{origin} is not a valid API key, which {reason}; {problem}")


def _read_stored_keys(path: Path) -> dict[str, InstantKey]:
    try:
        return _StoredKeys.validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise SetupError(
            f"cannot read the stored API keys in '{path}': {error.strerror}", hint=_CONFIG_HINT
        ) from None
    except ValidationError:  # Its message would contain the key.
        raise DataError(
            f"cannot read the stored API keys in '{path}'",
            hint="remove that file, then run: punkdata key --new",
        ) from None


def _to_api_key(stored: InstantKey, path: Path) -> ApiKey:
    return ApiKey(stored.api_key, f"the instant key stored in '{path}'", stored.expires_at)
