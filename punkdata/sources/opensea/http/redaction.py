"""Removal of the API key from what a server sends back, before anything is stored or shown.

A server may quote the key in an encoding that a later step decodes, for example as "\\u0061" in
JSON, so the encoded forms are recognized, too.
"""

import base64
import re
from collections.abc import Callable

SHOWN_LENGTH = 12
"""Number of characters of the key from which on its beginning is removed, too."""


def make_redactor(key: str) -> Callable[[bytes], bytes]:
    """Return a function that replaces the key by "***" in the bytes of a text.

    The key, which has only URL-safe characters, is found in upper and lower case, with escapes of
    JSON, URLs and HTML, in hexadecimal and Base64, in UTF-16, wrapped, and if its end is cut off.
    """
    if not key:
        return lambda text: text
    characters = [_match_character(character) for character in key]
    gap = r"[\0\s]{0,40}"
    beginning = gap.join(characters[:SHOWN_LENGTH])
    rest = "".join(f"(?:{gap}{pattern})?" for pattern in characters[SHOWN_LENGTH:])
    forms = [beginning + rest, key.encode().hex(), *_base64_forms(key)]
    pattern = re.compile("|".join(forms).encode(), re.IGNORECASE)
    return lambda text: pattern.sub(b"***", text)


def _match_character(character: str) -> str:
    """Return a pattern for one character of the key in all encodings.

    Repetitions are bounded, so that no text takes longer than one pass over it.
    """
    codes = {ord(character.lower()), ord(character.upper())}
    hexadecimal = "|".join(f"{code:02x}" for code in codes)
    decimal = "|".join(map(str, codes))
    backslashes = r"\\{1,8}"
    percent = rf"(?:%|{backslashes}u0025|{backslashes}x25)(?:25){{0,4}}"
    # The character itself comes last, because the "u" of an escape is no letter of the key.
    return (
        rf"(?:{backslashes}(?:u00|u\{{0{{0,4}}|x)(?:{hexadecimal})\}}?"
        rf"|{percent}(?:{hexadecimal})"
        rf"|&(?:amp;){{0,4}}#(?:0{{0,4}}(?:{decimal})|x0{{0,4}}(?:{hexadecimal}));?"
        rf"|\\{{0,8}}{re.escape(character)})"
    )


def _base64_forms(key: str) -> list[str]:
    """Return patterns for the key inside of a longer text in Base64, at each of three offsets."""
    forms = []
    for offset in range(3):
        text = base64.b64encode(bytes(offset) + key.encode()).decode().rstrip("=")
        # The first and the last characters also depend on what surrounds the key.
        text = text[(0, 2, 3)[offset] : -1]
        forms.append(re.sub(r"[+/]", lambda match: "[+-]" if match[0] == "+" else "[/_]", text))
    return forms
