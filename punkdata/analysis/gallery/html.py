"""The gallery: one HTML file that shows all punks, and loads nothing from the network.

The files in `page/` are joined with the data of the punks as JSON columns and their sprites, as
layers or as palette indices, all gzipped and encoded in base64. The content security policy of the
page allows its one script and its one style, by their hashes, and no connections.
"""

import base64
import gzip
import hashlib
import json
import posixpath
import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from string import Template

import numpy as np

from punkdata.analysis.gallery.page_data import build_page_data, index_colors
from punkdata.analysis.gallery.page_layers import describe_layers
from punkdata.analysis.gallery.page_predictions import ModelPredictions, describe_predictions
from punkdata.analysis.gallery.page_renderer import describe_outfits, read_page_renderer
from punkdata.analysis.gallery.punk_map import pack_map
from punkdata.progress import Progress
from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.tables import extract_labels, extract_sprites

IMPORT = re.compile(r'^import \{[^}]*\} from "([^"]+)";\n', re.MULTILINE)
"""An import statement in a module of the page; only named imports without `as` are supported."""

EXPORT = re.compile(r"^export (?:async )?(?:function|const|class) (\w+)", re.MULTILINE)
"""The start of an exported definition; the only form of export that is supported."""


def render_gallery(
    snapshot: Snapshot,
    *,
    generator: bool = True,
    with_transactions: bool = False,
    predictions: ModelPredictions | None = None,
    head: str = "",
    progress: Progress = lambda done, total: None,
) -> str:
    """Return the HTML; raises DataError for damaged files and for more than 256 colors.

    With `generator`, the page draws punks with any traits, by a renderer of about 50 kB.
    `with_transactions` embeds the hash of each sale's transaction, about 50 bytes a sale.
    `predictions` are those of a classifier, which the page compares with the labels. `head` is HTML
    to add to the head of the page. `progress` is called with the number of pixels whose layers are
    known.
    """
    punks, sales = snapshot.punks(), snapshot.sales()
    # Sorting by labels places similar sprites side by side, which halves their compressed size.
    punks = punks.take(np.lexsort(extract_labels(punks).T[::-1]))
    indices, palette = index_colors(extract_sprites(punks))
    data = build_page_data(snapshot, punks, sales, with_transactions=with_transactions)
    data |= {"palette": palette, "map": pack_map(punks["punk_id"])}
    layers = data["layers"] = describe_layers(punks, indices, progress)
    if predictions is not None:
        data["predictions"] = describe_predictions(predictions, punks)
    if generator:
        data |= describe_outfits()
    page = files("punkdata.analysis.gallery") / "page"
    style = join_styles(page)
    script = join_modules(page)
    return Template((page / "page.html").read_text("utf-8")).substitute(
        version=snapshot.version,
        head=head,
        policy=f"default-src 'none'; script-src '{_csp_hash(script)}'; "
        f"style-src '{_csp_hash(style)}'; base-uri 'none'; form-action 'none'",
        style=style,
        script=script,
        data=_pack(json.dumps(data, separators=(",", ":")).encode()),
        sprites=_pack(indices.tobytes() if layers is None else b""),
        renderer=_pack(read_page_renderer() if generator else b""),
    )


def join_modules(page: Traversable) -> str:
    """Return `main.js` and all modules that it imports as one script without imports and exports.

    Each module is a function that returns what it exports, so that its other names are its own.
    The exported names of all modules must differ.
    """
    return "\n".join(_wrap_module(source) for source in read_modules(page).values())


def _wrap_module(source: str) -> str:
    names = ", ".join(EXPORT.findall(source))
    body = re.sub(r"^export (?=\w)", "", IMPORT.sub("", source), flags=re.MULTILINE).strip()
    return f"const {{ {names} }} = (() => {{\n{body}\nreturn {{ {names} }};\n}})();"


def read_modules(page: Traversable) -> dict[str, str]:
    """Return the source of each module by its path, a module after those that it imports."""
    modules: dict[str, str] = {}

    def visit(path: str, importers: tuple[str, ...]) -> None:
        if path in importers:
            raise ValueError(f"the modules import each other: {' -> '.join((*importers, path))}")
        if path in modules:
            return
        source = (page / path).read_text("utf-8")
        for imported in IMPORT.findall(source):
            visit(
                posixpath.normpath(posixpath.join(posixpath.dirname(path), imported)),
                (*importers, path),
            )
        modules[path] = source

    visit("main.js", ())
    return modules


def join_styles(page: Traversable) -> str:
    """Return the style sheets as one: `base.css`, and then the others by name."""
    sheets = sorted(
        (page / "styles").iterdir(), key=lambda file: (file.name != "base.css", file.name)
    )
    return "".join(sheet.read_text("utf-8") for sheet in sheets)


def _pack(data: bytes) -> str:
    """Compress bytes with gzip, reproducibly, and encode them in base64."""
    return base64.b64encode(gzip.compress(data, 9, mtime=0)).decode()


def _csp_hash(text: str) -> str:
    """Return the source expression of an inline script or style for a content security policy."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
