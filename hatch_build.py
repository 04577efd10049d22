"""Build hook: makes the links of README.md work on a package index, and adds the project's URLs.

A package index shows README.md without the other files of the repository. The release workflow sets
PUNKDATA_REPOSITORY, for example to https://github.com/owner/punkdata, and PUNKDATA_TAG, for example
to v0.2.0; relative links and images then point there. Without these variables, relative links
become plain text, and images are left out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_CODE = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(\s*(?![a-z]+:)([^)\s]+)\s*\)")
_IMAGE = re.compile(r'(<img\b[^>]*\bsrc=")(?![a-z]+:)([^"]+)("[^>]*>)')
_IMAGE_BLOCK = re.compile(r"<p\b[^>]*>(?:(?!</p>).)*<img\b.*?</p>\n*", re.DOTALL)


class ReadmeHook(MetadataHookInterface):
    """Sets the fields `readme` and `urls`, which pyproject.toml lists as dynamic."""

    def update(self, metadata: dict[str, Any]) -> None:
        repository = os.environ.get("PUNKDATA_REPOSITORY", "").rstrip("/")
        tag = os.environ.get("PUNKDATA_TAG", "main")
        text = Path(self.root, "README.md").read_text("utf-8")
        text = rewrite_links(text, f"{repository}/blob/{tag}") if repository else drop_links(text)
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
        metadata["urls"] = list_urls(repository, tag) if repository else {}


def list_urls(repository: str, tag: str) -> dict[str, str]:
    """Return the project links that a package index shows."""
    return {
        "Source": repository,
        "Documentation": f"{repository}/tree/{tag}/docs",
        "Changelog": f"{repository}/blob/{tag}/CHANGELOG.md",
        "Issues": f"{repository}/issues",
    }


def rewrite_links(text: str, base: str) -> str:
    """Return Markdown in which relative links and images point to files below the URL `base`."""

    def absolute(path: str, *, is_image: bool) -> str:
        # GitHub shows files at blob/ and headings of README.md, and serves images at raw/.
        path = f"README.md{path}" if path.startswith("#") else path
        return f"{base.replace('/blob/', '/raw/') if is_image else base}/{path}"

    def rewrite(part: str) -> str:
        part = _LINK.sub(lambda m: f"{m[1]}[{m[2]}]({absolute(m[3], is_image=bool(m[1]))})", part)
        return _IMAGE.sub(lambda m: m[1] + absolute(m[2], is_image=True) + m[3], part)

    return _outside_code(text, rewrite)


def drop_links(text: str) -> str:
    """Return Markdown in which relative links are plain text, without paragraphs of images."""

    def rewrite(part: str) -> str:
        part = _IMAGE_BLOCK.sub(lambda m: "" if _IMAGE.search(m[0]) else m[0], part)
        return _LINK.sub(lambda m: "" if m[1] else m[2], _IMAGE.sub("", part))

    return _outside_code(text, rewrite)


def _outside_code(text: str, rewrite: Callable[[str], str]) -> str:
    """Apply a function to the parts of Markdown text outside of fenced code blocks."""
    return "".join(part if _CODE.fullmatch(part) else rewrite(part) for part in _CODE.split(text))
