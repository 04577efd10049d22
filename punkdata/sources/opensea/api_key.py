"""The OpenSea API key: from the environment, a file, or the configuration folder.

In memory, the key is always a SecretStr. On disk, free "instant" keys are written to one file
only, which no other user can read.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile

from pydantic import SecretStr, TypeAdapter, ValidationError

from punkdata.errors import DataError, UsageError
from punkdata.files import translate_os_errors, utc_now
from punkdata.sources.opensea.schemas import InstantKey

API_KEY_VARIABLE = "OPENSEA_API_KEY"  # pragma: allowlist secret
"""Name of the environment variable that holds the key."""


@dataclass(frozen=True)
class ApiKey:
    """An API key, where it comes from, and its expiry date, if that is known."""

    secret: SecretStr
    origin: str
    expires_at: datetime | None = None

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= utc_now()


_StoredKeys = TypeAdapter(dict[str, InstantKey])
"""Content of the key file: a mapping from base URL to key."""


def key_path(config_dir: Path) -> Path:
    return config_dir / "key.json"


def find_key(base_url: str, config_dir: Path, key_file: Path | None = None) -> ApiKey | None:
    """Return the key for the API at `base_url`, or None if there is none.

    Raises UsageError if the key is malformed or `key_file` (--api-key-file) cannot be read, and
    DataError if the file with the stored keys is damaged.
    """
    if text := os.environ.get(API_KEY_VARIABLE, "").strip():
        origin = f"the environment variable {API_KEY_VARIABLE}"
        return ApiKey(_check_format(text, origin), origin)
    if key_file is not None:
        origin = f"--api-key-file {key_file}"
        try:
            text = key_file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise UsageError(f"cannot read {origin} as text") from None
        return ApiKey(_check_format(text, origin), origin)
    path = key_path(config_dir)
    stored = _read_stored_keys(path).get(base_url)
    return _to_api_key(stored, path) if stored else None


def store_key(config_dir: Path, base_url: str, created: InstantKey) -> ApiKey:
    """Store a new instant key in the configuration folder, in a file that only this user can read.

    Raises UsageError or StorageError if the folder cannot be written, and DataError if the new key
    is malformed or the file with the stored keys is damaged.
    """
    path = key_path(config_dir)
    try:
        key = _to_api_key(created, path)
    except UsageError as error:
        raise DataError(error.message) from None
    keys = _read_stored_keys(path) | {base_url: created}
    plain = {
        url: stored.model_dump(mode="json") | {"api_key": stored.api_key.get_secret_value()}
        for url, stored in keys.items()
    }
    with translate_os_errors(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Only this user can read a temporary file.
        with NamedTemporaryFile("w", dir=path.parent, encoding="utf-8", delete=False) as file:
            file.write(json.dumps(plain, indent=2) + "\n")
        Path(file.name).replace(path)
    return key


def _check_format(text: str, where: str) -> SecretStr:
    # Only URL-safe characters, so the key can be redacted verbatim from server replies; and
    # long enough not to occur in other text by chance.
    if not re.fullmatch(r"[A-Za-z0-9._~-]{16,200}", text):
        raise UsageError(
            f"{where} does not contain a valid API key, which has 16 to 200 letters, digits "
            "and the characters . _ ~ -"
        )
    return SecretStr(text)


def _read_stored_keys(path: Path) -> dict[str, InstantKey]:
    try:
        return _StoredKeys.validate_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    # The original error is not shown, because its message would contain the key.
    except (OSError, ValidationError):
        raise DataError(
            f"cannot read the stored API keys in {path}",
            hint="remove that file, then run: punkdata key --new",
        ) from None


def _to_api_key(stored: InstantKey, path: Path) -> ApiKey:
    secret = _check_format(stored.api_key.get_secret_value(), str(path))
    return ApiKey(secret, f"the instant key stored in {path}", stored.expires_at)
