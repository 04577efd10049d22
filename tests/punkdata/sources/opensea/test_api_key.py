from __future__ import annotations

import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from punkdata.errors import DataError, SetupError, UsageError
from punkdata.sources.opensea.api.schemas import InstantKey
from punkdata.sources.opensea.api_key import check_key_store, find_key, key_path, store_key

BASE_URL = "https://api.test"
OTHER_URL = "https://api.other"
SECRET = "s3cret-key-0123456789"  # pragma: allowlist secret


def instant_key(hours: float = 100.0, secret: str = SECRET) -> InstantKey:
    """Return a key that expires in `hours` hours."""
    expires_at = datetime.now(UTC) + timedelta(hours=hours)
    return InstantKey(api_key=SecretStr(secret), expires_at=expires_at)


def test_key_precedence_is_environment_then_file_then_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_key(tmp_path, BASE_URL, instant_key())
    file = tmp_path / "key.txt"
    file.write_text("from-file-0123456789\n")
    for variable, key_file, secret, origin in [
        (" from-env-0123456789 ", file, "from-env-0123456789", "environment"),
        ("", file, "from-file-0123456789", "key.txt"),
        ("", None, SECRET, "stored in"),
    ]:
        monkeypatch.setenv("OPENSEA_API_KEY", variable)
        key = find_key(BASE_URL, tmp_path, key_file)
        assert key is not None
        assert key.secret.get_secret_value() == secret
        assert origin in key.origin
        assert secret not in repr(key)
    assert find_key(BASE_URL, tmp_path / "elsewhere", None) is None


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX file modes")
def test_stored_key_is_readable_by_this_user_only(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "config"
    store_key(folder, BASE_URL, instant_key())
    path = key_path(folder)
    path.chmod(0o644)  # A file that others can read is replaced.
    store_key(folder, BASE_URL, instant_key())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(folder.iterdir()) == [path]


def test_stored_key_belongs_to_one_api(tmp_path: Path) -> None:
    store_key(tmp_path, BASE_URL, instant_key())
    assert find_key(OTHER_URL, tmp_path, None) is None
    other = instant_key(secret="another-key-0123456789")  # pragma: allowlist secret
    store_key(tmp_path, OTHER_URL, other)
    for base_url, secret in [(BASE_URL, SECRET), (OTHER_URL, "another-key-0123456789")]:
        key = find_key(base_url, tmp_path, None)
        assert key is not None
        assert key.secret.get_secret_value() == secret


@pytest.mark.parametrize(("hours", "is_expired"), [(1, False), (-5, True)])
def test_key_is_expired_after_its_date(tmp_path: Path, hours: float, is_expired: bool) -> None:
    assert store_key(tmp_path, BASE_URL, instant_key(hours)).is_expired is is_expired


def test_key_without_expiry_date_does_not_expire(tmp_path: Path) -> None:
    key = store_key(tmp_path, BASE_URL, InstantKey(api_key=SecretStr(SECRET)))
    assert (key.is_expired, key.expires_at) == (False, None)


@pytest.mark.parametrize(
    "text",
    ["two words", "line\nbreak", "schlüssel", "", "1", "with/slash/0123456789", "x" * 600, "\x00"],
)
def test_malformed_key_is_rejected_without_showing_it(tmp_path: Path, text: str) -> None:
    file = tmp_path / "key.txt"
    file.write_text(text, "utf-8")
    with pytest.raises(UsageError) as caught:
        find_key(BASE_URL, tmp_path, file)
    assert len(text) < 2 or text not in str(caught.value).replace(str(file), "")
    with pytest.raises(ValidationError):
        instant_key(secret=text)


def test_unreadable_key_file_is_reported_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="missing-file"):
        find_key(BASE_URL, tmp_path, tmp_path / "missing-file")
    (tmp_path / "binary").write_bytes(b"\xfe\xdc")
    with pytest.raises(UsageError, match="binary is not a text file"):
        find_key(BASE_URL, tmp_path, tmp_path / "binary")
    (tmp_path / "large").write_bytes(b"a" * 64_001)
    with pytest.raises(UsageError, match="large is too large"):
        find_key(BASE_URL, tmp_path, tmp_path / "large")


@pytest.mark.parametrize(
    "template",
    [
        "{}\r\n",
        "\n\n  {}  \n",
        "'{}'",
        '"{}"\n',
        "\u201c{}\u201d",
        "OPENSEA_API_KEY={}",
        "API_KEY = {}\n",
        "export OPENSEA_API_KEY='{}'; # of July\n",
        'set opensea_api_key="{}"',
        '$env:OPENSEA_API_KEY = "{}"',
        "x-api-key: {}",
        "# my keys\nOTHER_TOKEN=0123456789abcdef\nOPENSEA_API_KEY={}\n",
        "{0}\n{0}\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_key_file_may_be_written_by_any_editor_or_shell(
    tmp_path: Path, template: str, encoding: str
) -> None:
    file = tmp_path / "key.txt"
    file.write_bytes(template.format(SECRET).encode(encoding))
    key = find_key(BASE_URL, tmp_path, file)
    assert key is not None
    assert key.secret.get_secret_value() == SECRET


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        ("\ufeff# only a comment\n", "is empty"),
        (f"{SECRET}\n{SECRET}2\n", "has 2 lines; it must contain the API key alone"),
        (f"A={SECRET}\nB={SECRET}2\nC=3", "has 3 lines; it must contain"),
        (f"OPENSEA_API_KEY={SECRET}\nOPENSEA_API_KEY={SECRET}2", "several lines that set OPENSEA"),
        (f"my key {SECRET}", "it contains white space"),
        (f"'{SECRET}", "it contains other characters"),
        (f'{{"api_key": "{SECRET}"}}', "it contains white space"),
        (SECRET[:9], "it has 9 characters"),
    ],
)
def test_ambiguous_key_file_is_refused_without_showing_it(
    tmp_path: Path, text: str, problem: str
) -> None:
    file = tmp_path / "key.txt"
    file.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=problem) as caught:
        find_key(BASE_URL, tmp_path, file)
    assert "key.txt" in str(caught.value)
    assert SECRET[:9] not in str(caught.value)


def test_key_in_the_environment_may_be_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENSEA_API_KEY", f'"{SECRET}"')
    key = find_key(BASE_URL, tmp_path)
    assert key is not None
    assert key.secret.get_secret_value() == SECRET


def test_missing_configuration_folder_is_no_error_until_a_key_is_stored(tmp_path: Path) -> None:
    assert find_key(BASE_URL, None) is None
    file = tmp_path / "a file"
    file.touch()
    assert find_key(BASE_URL, file / "config") is None
    for folder in (None, file / "config"):
        with pytest.raises(SetupError, match="set HOME or XDG_CONFIG_HOME to a folder"):
            check_key_store(folder)
    assert check_key_store(tmp_path / "deep" / "config") == tmp_path / "deep" / "config"
    assert list((tmp_path / "deep" / "config").iterdir()) == []


@pytest.mark.parametrize("text", ["", "[]", SECRET, f'{{"api_key": "{SECRET}"}}'])
def test_damaged_key_store_is_reported_without_its_content(tmp_path: Path, text: str) -> None:
    key_path(tmp_path).write_text(text)
    with pytest.raises(
        DataError, match="key.json'; remove that file, then run: punkdata key --new"
    ) as caught:
        find_key(BASE_URL, tmp_path, None)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "expires_at", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00", "9999-12-31T23:59:59-23:00"]
)
def test_expiry_date_at_the_end_of_the_calendar_is_accepted(
    tmp_path: Path, expires_at: str
) -> None:
    created = InstantKey.model_validate({"api_key": SECRET, "expires_at": expires_at})
    key = store_key(tmp_path, BASE_URL, created)
    assert key.is_expired is expires_at.startswith("0001")


@pytest.mark.parametrize("expires_at", ["in 7 days", "99999-01-01T00:00:00Z", {}, ["x"], False])
def test_key_with_an_unreadable_expiry_date_is_kept(tmp_path: Path, expires_at: object) -> None:
    created = InstantKey.model_validate({"api_key": SECRET, "expires_at": expires_at})
    key = store_key(tmp_path, BASE_URL, created)
    assert (key.expires_at, key.secret.get_secret_value()) == (None, SECRET)


def test_key_store_that_cannot_be_read_names_the_variables(tmp_path: Path) -> None:
    key_path(tmp_path).mkdir()
    for look_up in (lambda: find_key(BASE_URL, tmp_path), lambda: check_key_store(tmp_path)):
        with pytest.raises(SetupError, match="cannot read the stored API keys.*XDG_CONFIG_HOME"):
            look_up()
