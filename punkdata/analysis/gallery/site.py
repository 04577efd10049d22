"""What a published gallery needs besides the page: a link preview with a picture."""

import io
from html import escape
from urllib.parse import urljoin, urlsplit

import numpy as np
from PIL import Image

from punkdata.errors import UsageError
from punkdata.images.image_grid import compose_grid
from punkdata.images.sprite import BACKGROUND_COLOR
from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.tables import extract_sprites

CARD_NAME = "card.png"
CARD_SIZE = (1200, 630)
"""Width and height of the picture in pixels, as the Open Graph protocol's readers expect it."""
CARD_COLUMNS, CARD_ROWS, CARD_SCALE = 10, 5, 5


def describe_preview(snapshot: Snapshot, url: str | None) -> str:
    """Return the elements for the page's head that describe it to search engines and messengers.

    `url` is the address of the published folder. Without it, the picture's address is relative,
    which many readers of link previews ignore. Raises UsageError for other addresses than HTTP.
    """
    if url is not None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise UsageError(
                f"--site-url {url!r} is not an address of a website",
                hint="write it as https://example.org/punks/",
            )
        url = url if url.endswith("/") else f"{url}/"
    count = f"{snapshot.manifest.punks:,} CryptoPunks"
    about = "Search, filter, map and compare them, in one page that works offline."
    graph = {
        "og:type": "website",
        "og:title": count,
        "og:description": about,
        "og:image": urljoin(url or "", CARD_NAME),
        "og:image:width": f"{CARD_SIZE[0]}",
        "og:image:height": f"{CARD_SIZE[1]}",
        "og:image:alt": f"Some of the {count}",
        **({"og:url": url} if url else {}),
    }
    names = {"description": f"{count}. {about}", "twitter:card": "summary_large_image"}
    lines = [f'<meta name="{name}" content="{escape(text)}">' for name, text in names.items()]
    lines += [f'<meta property="{name}" content="{escape(text)}">' for name, text in graph.items()]
    return "\n".join(lines)


def draw_card(snapshot: Snapshot) -> bytes:
    """Return the picture of a link preview as PNG: fifty punks with evenly spaced numbers."""
    punks = snapshot.punks().sort_by("punk_id")
    count = min(len(punks), CARD_COLUMNS * CARD_ROWS)
    chosen = punks.take(np.linspace(0, len(punks) - 1, count).astype(int))
    grid = compose_grid(extract_sprites(chosen), CARD_COLUMNS, CARD_SCALE)
    card = Image.new("RGB", CARD_SIZE, BACKGROUND_COLOR)
    card.paste(grid, ((CARD_SIZE[0] - grid.width) // 2, (CARD_SIZE[1] - grid.height) // 2))
    data = io.BytesIO()
    card.save(data, "PNG", optimize=True)
    return data.getvalue()
