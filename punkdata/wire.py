"""What a source tells us of a punk, in our own terms.

Every source, whatever it sends, is parsed into these before `build` sees it.
"""

from __future__ import annotations

from dataclasses import dataclass

from punkdata.images import Sprite


@dataclass(frozen=True)
class ParsedPunk:
    punk_id: int
    punk_type: str
    """one of `traits.TYPES`"""
    accessories: tuple[str, ...]
    """in the order of `traits.ACCESSORIES`"""
    image: Sprite
    """uint8 (24, 24, 4)"""
    image_url: str
    """where the image was read; within a package, `pkg:…#path/inside`"""
    image_body: str
    """SHA-256 of the recorded body that the image was read from"""
    image_scale: int
    """image pixels for each sprite pixel, as received"""
    background: str | None
    """the plain colour found behind the punk and removed, "#rrggbb"; None if none was"""
