"""Text that is safe to show: without credentials, and without characters that control a terminal.

Paths, URLs and the content of files that somebody else has written all end up in messages. Every
text that leaves the program passes `make_safe`.
"""

import re
import unicodedata

_UNSAFE_CATEGORIES = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories of control characters, of invisible ones, which can reorder text, of bytes
that are not UTF-8, and of line ends."""


def make_safe(text: str) -> str:
    """Return a text without credentials in URLs, and with control characters escaped."""
    return escape_control_characters(redact_urls(text))


def make_line_safe(text: str) -> str:
    """Return a text as `make_safe` does, with line ends and tabs escaped as well."""
    return make_safe(text).replace("\n", "\\n").replace("\t", "\\t")


def escape_control_characters(text: str) -> str:
    """Escape characters that control a terminal or reorder text, except line ends and tabs."""
    return re.sub(r"[^\x20-\x7e\n\t]", _escape, text)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if unicodedata.category(character) in _UNSAFE_CATEGORIES:
        return character.encode("unicode_escape", "surrogatepass").decode()
    return character


def redact_url(url: str) -> str:
    """Return a URL without user, password, query and fragment, so that it can be shown."""
    start, rest = _split_scheme(re.sub(r"[?#].*", "", url, flags=re.DOTALL))
    host, _, path = rest.partition("/")
    if start and "@" in host:
        rest = rest[host.rindex("@") + 1 :]
    elif start and "@" in path and re.search(r":(?!\d*$)", re.sub(r"\[.*\]", "", host)):
        rest = rest.rpartition("@")[2]  # The password contains a slash.
    # A later part of a path can hold a user and a password by mistake.
    return start + re.sub(r"[^/:@]+:[^/]*@", "", rest)


def _split_scheme(url: str) -> tuple[str, str]:
    """Return the beginning of a URL, such as "s3://" or "zip::s3:/", and the rest."""
    match = re.match(r".*?[A-Za-z][A-Za-z0-9+.-]+:/+", url)
    return (match[0], url[match.end() :]) if match else ("", url)


def redact_urls(text: str) -> str:
    """Return a text in which `redact_url` has been applied to every URL."""
    if not re.search(r"[@?#]", text):
        return text
    return re.sub(r"(?<![^\s'\"])[^\s'\"]+", _redact_word, text)


def _redact_word(match: re.Match[str]) -> str:
    word = match[0]
    if not _split_scheme(word)[0] and not re.search(r":.*@", word):
        return word
    url = word.rstrip(".,;:)")
    return redact_url(url) + word[len(url) :]
