from __future__ import annotations

import pickle

import pytest

from punkdata.errors import DataError
from punkdata.report import Report, Row
from punkdata.safe_text import escape_control_characters, make_line_safe, redact_url, redact_urls


@pytest.mark.parametrize(
    ("url", "shown"),
    [  # pragma: allowlist secret
        ("sftp://me:secret@host/punks", "sftp://host/punks"),  # pragma: allowlist secret
        ("s3://user:se@cret@bucket/punks", "s3://bucket/punks"),  # pragma: allowlist secret
        ("http:/me:secret@host/punks", "http:/host/punks"),
        ("http://me:sec/ret@host:8080/punks", "http://host:8080/punks"),
        ("https://secret@host/punks", "https://host/punks"),
        ("https://host/punks?X-Amz-Signature=secret", "https://host/punks"),
        ("https://host/punks?a\nsecret", "https://host/punks"),
        ("https://host/punks#token=secret", "https://host/punks"),
        (
            "simplecache::http://me:secret@host/punks",  # pragma: allowlist secret
            "simplecache::http://host/punks",
        ),
        ("hf://datasets/me:secret@you/punks", "hf://datasets/you/punks"),
        ("ftp//me:secret@host", "ftp//host"),
        ("s3://bucket/a@b", "s3://bucket/a@b"),
        ("http://[::1]:80/a@b", "http://[::1]:80/a@b"),
        ("hf://datasets/you/punks@s3-0123456789ab", "hf://datasets/you/punks@s3-0123456789ab"),
        ("file:///srv/punks", "file:///srv/punks"),
        ("C:/Users/a@b", "C:/Users/a@b"),
    ],
)
def test_redact_url_removes_user_password_and_query(url: str, shown: str) -> None:
    assert redact_url(url) == shown


def test_redact_urls_finds_the_urls_in_a_text() -> None:
    text = (
        "cannot read 'http:/me:secret@host/x?sig=secret': no; see https://host/a?b=secret, "
        "https://host/#secret, 's3://bucket/a@b "
        "(hf://me:secret@x). "  # pragma: allowlist secret
        "Did you mean a?b, a#b or a@b.org? "
        '--root="ftp://a:secret@x"'  # pragma: allowlist secret
    )
    assert redact_urls(text) == (
        "cannot read 'http:/host/x': no; see https://host/a, https://host/, "
        "'s3://bucket/a@b (hf://x). Did you mean a?b, a#b or a@b.org? "
        '--root="ftp://x"'
    )


def test_errors_and_reports_show_no_credentials() -> None:
    url = "https://me:secret@host/punks?token=secret"  # pragma: allowlist secret
    error = DataError(f"'{url}' is damaged", hint=f"see {url}")
    assert str(error) == "'https://host/punks' is damaged; see https://host/punks"
    for text in (repr(error), repr(error.args), str(pickle.loads(pickle.dumps(error)))):
        assert "secret" not in text
    assert "secret" not in Report([Row("url", url)]).to_text()


def test_control_characters_and_those_that_reorder_text_are_escaped() -> None:
    text = "\x1b[2J\x07\x9b \u202etxt.exe \u2066\u200b\ufeff\u2028 \ud800 \r"
    shown = r"\x1b[2J\x07\x9b \u202etxt.exe \u2066\u200b\ufeff\u2028 \ud800 \r"
    assert escape_control_characters(text) == shown
    for kept in ("Café 日本 🎉 10\u00a0000", "a\tb\nc"):
        assert escape_control_characters(kept) == kept
    assert make_line_safe("a\nok\tb") == r"a\nok\tb"
    report = Report([Row("a\nfile ok", "b\u202e\udcff")], notes=["c\x1b"])
    assert report.to_text().split("\n") == [r"a\nfile ok  b\u202e\udcff", "", r"c\x1b"]
    for text in (report.to_markdown(), report.to_html()):
        assert r"b\u202e\udcff" in text.encode().decode()
