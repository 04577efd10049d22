"""The OpenSea API key: from the environment, a file, or the configuration folder.

In memory, the key is always a SecretStr. On disk, free "instant" keys are written to one file
only, which no other user can read.
"""

import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile

from pydantic import SecretStr, TypeAdapter, ValidationError

from punkdata.errors import DataError, UsageError
from punkdata.files import translate_os_errors, utc_now
from punkdata.sources.opensea.schemas import InstantKey

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


def find_key(base_url: str, config_dir: Path, key_file: Path | None = None) -> ApiKey | None:
    """Return the key for the API at `base_url`, or None if there is none.

    Raises UsageError if the key is malformed or `key_file` (--api-key-file) cannot be read, and
    DataError if the file with the stored keys is damaged.
    """
    if text := os.environ.get("OPENSEA_API_KEY", "").strip():
        return _parse_key(text, "the environment variable OPENSEA_API_KEY")
    if key_file is not None:
        origin = f"--api-key-file {key_file}"
        try:
            return _parse_key(key_file.read_text("utf-8").strip(), origin)
        except (OSError, UnicodeDecodeError):
            raise UsageError(f"cannot read {origin} as text") from None
    path = key_path(config_dir)
    stored = _read_stored_keys(path).get(base_url)
    return _to_api_key(stored, path) if stored else None


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


def _parse_key(text: str, origin: str) -> ApiKey:
    try:
        return ApiKey(InstantKey(api_key=SecretStr(text)).api_key, origin)
    except ValidationError as error:  # Its message would contain the key.
        reason = error.errors(include_input=False)[0]["ctx"]["error"]
        raise UsageError(f"{origin} does not contain a valid API key, which {reason}") from None


def _read_stored_keys(path: Path) -> dict[str, InstantKey]:
    try:
        return _StoredKeys.validate_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError):  # Its message would contain the key.
        raise DataError(
            f"cannot read the stored API keys in '{path}'",
            hint="remove that file, then run: punkdata key --new",
        ) from None


def _to_api_key(stored: InstantKey, path: Path) -> ApiKey:
    return ApiKey(stored.api_key, f"the instant key stored in '{path}'", stored.expires_at)
