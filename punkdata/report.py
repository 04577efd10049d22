"""Tables of results that both command lines print, save as Markdown, or print as JSON."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from punkdata.safe_text import make_line_safe, make_safe

if TYPE_CHECKING:
    from PIL import Image

Cell = str | int | float | None
"""A value in a table. Numbers are formatted by `format_cell`; other formats are passed as text."""


class Row(NamedTuple):
    """A row: its label, its value (a tuple if there are several columns), and a remark."""

    label: str
    value: Cell | tuple[Cell, ...]
    note: str = ""


@dataclass(frozen=True)
class Report:
    """A table with its rows, the headings of its columns, and lines of text below it.

    Without a header, the columns are aligned to the left: usually, the rows are facts with a single
    value. With a header, for example `("score", "generated", "test reference")`, each row has a
    tuple of values, which are aligned to the right. `data` is what JSON shows instead of the rows.
    A terminal shows only the first `num_brief_rows` rows, if given; Markdown shows all.

    >>> Report([Row("recall", (0.79, 0.9))], ("score", "bundled", "real")).to_json()
    {'recall': {'bundled': 0.79, 'real': 0.9}}
    """

    rows: Sequence[Row]
    header: tuple[str, ...] = ()
    notes: Sequence[str] = ()
    data: Any = None
    num_brief_rows: int | None = None

    def __repr__(self) -> str:
        """Return the table as text."""
        return self.to_text()

    def _repr_html_(self) -> str:
        return self.to_html()

    def to_text(self, width: int | None = None) -> str:
        """Return the table for a terminal; a width folds the cells of wider tables."""
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, show_header=bool(self.header))
        head, *rows = self._format_cells()
        rows = rows[: self.num_brief_rows]
        for i, name in enumerate(head):
            is_number = self.header and 0 < i < len(self.header)
            table.add_column(Text(name), justify="right" if is_number else "left", overflow="fold")
        for row in rows:
            table.add_row(*map(Text, row))
        console = Console(width=width or 10_000, color_system=None, force_terminal=False)
        with console.capture() as capture:
            console.print(table)
        lines = [line.rstrip() for line in capture.get().splitlines()]
        return "\n".join([*lines, "", *map(make_safe, self.notes)] if self.notes else lines)

    def to_markdown(self) -> str:
        """Return the table in the syntax of GitHub, with the notes below it."""
        head, *rows = self._format_cells()
        lines = [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]
        return "\n".join([*lines, *(f"\n{make_safe(note)}" for note in self.notes)]) + "\n"

    def to_html(self) -> str:
        """Return the table as HTML, for a notebook, with the notes below it."""
        head, *rows = ([html.escape(cell) for cell in row] for row in self._format_cells())
        align = "right" if self.header else "left"

        def format_row(cells: list[str], tag: str) -> str:
            first, *others = cells
            values = (f'<{tag} style="text-align: {align}">{cell}</{tag}>' for cell in others)
            return f'<tr><th style="text-align: left">{first}</th>{"".join(values)}</tr>'

        body = "".join(format_row(row, "td") for row in rows)
        notes = "".join(f"<p>{html.escape(make_safe(note))}</p>" for note in self.notes)
        header = f"<thead>{format_row(head, 'th')}</thead>" if self.header else ""
        return f"<table>{header}<tbody>{body}</tbody></table>{notes}"

    def to_json(self) -> Any:
        """Return `data`, or else the value of each row by its label."""
        if self.data is not None:
            return self.data
        return {
            label: dict(zip(self.header[1:], value, strict=True))
            if isinstance(value, tuple)
            else value
            for label, value, _ in self.rows
        }

    def _format_cells(self) -> list[list[str]]:
        """Return the header and all rows as safe text; the last column has the notes, if any."""
        cells = [list(self.header)]
        has_notes = any(row.note for row in self.rows)
        for label, value, note in self.rows:
            values = value if isinstance(value, tuple) else (value,)
            row = [label, *map(format_cell, values), *[note] * has_notes]
            # rich drops control characters, which would hide what a hostile file contains.
            cells.append([make_line_safe(cell) for cell in row])
        cells[0] += [""] * (max(map(len, cells)) - len(cells[0]))
        return cells


def facts_to_html(title: str, facts: Mapping[str, str], image: Image.Image | None = None) -> str:
    """Return facts by name, and an image of sprites below them, as HTML for notebooks.

    The image is shown at twice its size with sharp pixels.
    """
    rows = "".join(
        f'<tr><th style="text-align: left">{html.escape(name)}</th>'
        f'<td style="text-align: left">{html.escape(make_safe(value))}</td></tr>'
        for name, value in facts.items()
    )
    picture = ""
    if image is not None:
        image.save(buffer := io.BytesIO(), "PNG")
        data = base64.b64encode(buffer.getvalue()).decode()
        picture = (
            f'<img src="data:image/png;base64,{data}" width="{2 * image.width}" '
            f'style="image-rendering: pixelated; max-width: 100%" alt="the first punks">'
        )
    return f"<div><strong>{html.escape(title)}</strong><table>{rows}</table>{picture}</div>"


def format_cell(value: Cell) -> str:
    """Return a value as text: floats with 4 decimals, or 2 from 10 on; None as "-"."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.2f}" if abs(value) >= 10 else f"{value:.4f}"
    return f"{value:,}" if isinstance(value, int) else value
