"""Configuration of the documentation site, which `make site` builds with Sphinx.

The source folder is the root of the repository, so that pages in docs/ can link to the changelog,
the examples and the benchmark results with the same relative links as on the repository's web page.
The site works offline: it loads no script, style or font from elsewhere.
"""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import roles
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.domains.python import PyXRefRole
from sphinx.environment import BuildEnvironment

REPOSITORY = Path(__file__).parent.parent
sys.path.insert(0, str(REPOSITORY))

import punkdata  # noqa: E402
import punkmodels  # noqa: E402

project = "punkdata and punkmodels"
author = "The punkdata authors"
copyright = author  # noqa: A001
version = release = punkdata.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
root_doc = "docs/index"
include_patterns = [
    "docs/**",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "benchmarks/RESULTS.md",
    "punkdata/images/restoration/README.md",
]
nitpicky = True
highlight_language = "none"
default_role = "name"  # text in backticks in docstrings, see `render_name`
myst_heading_anchors = 3

# The reference of the Python API: types as in the source, members in the order of the source.
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_type_aliases = {name: name for name in ("ArrayLike", "NDArray")}
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80
napoleon_numpy_docstring = False
napoleon_use_ivar = False

smartquotes = False  # Quotes and dashes are often part of code, such as --json.

html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_extra_path = ["_extra"]  # index.html, which leads to docs/index.html
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True

linkcheck_timeout = 20
linkcheck_anchors_ignore_for_url = [r"https://github\.com/.*"]
linkcheck_ignore = [r"https://example\.org/.*"]

CONTENTS = {
    "Tutorial": ("tutorial", "notebooks"),
    "How-to guides": (
        "howto/fetch",
        "howto/gallery",
        "howto/prices",
        "howto/libraries",
        "howto/share",
        "howto/classifier",
        "howto/generator",
        "howto/by-label",
        "howto/score",
        "howto/export",
        "howto/frameworks",
        "howto/tune",
        "howto/synthetic-data",
        "howto/other-images",
        "howto/gpus",
        "howto/troubleshooting",
    ),
    "Reference": (
        "commands",
        "reference/python",
        "reference/data-format",
        "reference/columns",
        "reference/model-options",
        "reference/exit-codes",
        "reference/stability",
        "reference/citing",
    ),
    "Explanation": (
        "explanation/architecture",
        "explanation/sprites",
        "../punkdata/images/restoration/README",
        "explanation/occluded-labels",
        "explanation/rarity",
        "explanation/models",
        "explanation/results",
        "punkbench",
        "../benchmarks/RESULTS",
    ),
    "Project": ("../CHANGELOG", "../CONTRIBUTING", "../SECURITY"),
}
"""Pages in the sidebar, by caption, relative to docs/index.md, which stays free of directives."""

PUBLIC = {
    f"{value.__module__}.{value.__qualname__}": f"{module.__name__}.{name}"
    for module in (punkdata, punkmodels)
    for name in getattr(module, "__all__", ())
    if hasattr(value := getattr(import_module(module.__name__), name), "__qualname__")
}
"""Public name of each class and function, by the name of its definition."""


def link_public_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.Node | None:
    """Link a reference to the public name, for example of punkdata.dataset.PunkDataset.

    Other names of the domain Python, for example those of torch, are shown without a link, because
    the site is built without a network.
    """
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"]
    names = [name for name in (PUBLIC.get(target), *PUBLIC.values()) if name]
    for name in names:
        if target in (name, name.rpartition(".")[2]) or PUBLIC.get(target) == name:
            domain: Any = env.get_domain("py")
            return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", name, node, content)
    return content


def render_name(
    _role: str,
    raw: str,
    text: str,
    line: int,
    inliner: Any,
    options: dict[str, Any] | None = None,
    content: tuple[str, ...] = (),
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    """Show text in backticks as code, with a link if it is the name of something on the page."""
    if re.fullmatch(r"[A-Za-z_][\w.]*", text):
        return PyXRefRole()("py:obj", raw, text, line, inliner, options or {}, content)
    return [nodes.literal(raw, text)], []


def add_contents(_app: Sphinx, page: str, source: list[str]) -> None:
    """Append the table of contents to the first page."""
    if page == root_doc:
        for caption, pages in CONTENTS.items():
            lines = ["```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```"]
            source[0] += "\n" + "\n".join(lines) + "\n"


def keep_attribute_text(
    _app: Sphinx, what: str, _name: str, _value: Any, _options: Any, lines: list[str]
) -> None:
    """Keep napoleon from taking the text before a colon for the type of an attribute.

    It looks at the first line only, so that becomes an empty comment.
    """
    if what in ("attribute", "data", "property"):
        lines[:0] = ["..", ""]


SIMPLER = (
    (r"<function .*>>?", "..."),
    (r"\w*Path\(('.*?')\)", r"\1"),
    (r"~numpy\._typing\._array_like\._Buffer .*?\| bytes \| str\]", "ArrayLike"),
    (r"~numpy\.ndarray\[tuple.*?, ~numpy\.dtype\[~numpy\.(\w+)\]\]", r"NDArray[\1]"),
    (r"~collections\.abc\.Callable\[\[\.\.\.\], None\]", "Progress"),
)
"""Defaults that are paths or functions, and aliases of types that Python resolves."""


def simplify_signature(
    _app: Sphinx, _what: str, _name: str, _value: Any, _options: Any, signature: str, returned: str
) -> tuple[str, str] | None:
    if not signature:
        return None
    for pattern, simpler in SIMPLER:
        signature = re.sub(pattern, simpler, signature)
        returned = re.sub(pattern, simpler, returned or "")
    return signature, returned


def setup(app: Sphinx) -> None:
    app.connect("source-read", add_contents)
    app.connect("autodoc-process-docstring", keep_attribute_text, priority=400)
    app.connect("autodoc-process-signature", simplify_signature)
    roles.register_local_role("name", render_name)
    app.connect("missing-reference", link_public_name)
