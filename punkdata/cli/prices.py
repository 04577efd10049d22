"""The command `punkdata prices`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from punkdata.cli import console
from punkdata.cli.options import ROOT, Json, Root, SnapshotArgument, open_snapshot_argument
from punkdata.errors import UsageError
from punkdata.report import Report, Row

if TYPE_CHECKING:
    import pandas as pd

EXAMPLES = (
    "Example: punkdata prices\n\n"
    "By accessory, in one year: punkdata prices --by accessory --since 2021-01-01 "
    "--until 2021-12-31\n\n"
    "For a spreadsheet, with wrapped punks: punkdata prices --market all --csv"
)


def prices(
    version: SnapshotArgument = "latest",
    root: Root = ROOT,
    by: Annotated[
        Literal["type", "accessory"], typer.Option(help="Traits to compare: type or accessory.")
    ] = "type",
    since: Annotated[
        str | None,
        typer.Option(
            metavar="DATE",
            help="First day of the period, UTC, for example 2021-08-31. (default: first sale)",
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="Last day of the period, UTC. (default: last sale)"),
    ] = None,
    market: Annotated[
        str,
        typer.Option(
            help="Market whose sales count: cryptopunks, wrapped, another one of the snapshot, or "
            "all."
        ),
    ] = "cryptopunks",
    as_json: Json = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV to stdout, for spreadsheets.")
    ] = False,
) -> None:
    """Print sale prices by type or accessory: medians, floors, and premiums.

    The premium is the median of how much more was paid for a punk with the accessory than for
    others of its type in the same month, or for a punk of the type than for others of all types.
    Its 95% interval comes from a bootstrap. Sales that are no market prices, such as bundles and
    self-trades, are left out, and counted below the table.
    """
    if as_json and as_csv:
        raise UsageError("--json and --csv exclude each other", hint="use one of them")
    from punkdata.analysis.prices import describe_sales, parse_day, price_table

    first, last = parse_day(since, "--since"), parse_day(until, "--until")
    snapshot = open_snapshot_argument(root, version)
    table = price_table(snapshot, by, since=first, until=last, market=market)
    notes = describe_sales(table.attrs)
    if table.attrs["sales_usd"] not in (0, table.attrs["sales"]):
        notes.append(f"median USD: of the {table.attrs['sales_usd']:,} sales whose rate is known")
    if not as_csv:
        console.emit_report(_report(snapshot.version, table, notes), as_json=as_json)
        return
    console.emit(table.to_csv(lineterminator="\n").rstrip())
    for note in notes:
        console.say(note)


def _report(version: str, table: pd.DataFrame, notes: list[str]) -> Report:
    known = table.astype(object).where(table.notna(), None).reset_index()
    data = known.to_dict("records")
    rows = [
        Row(
            row[table.index.name],
            (
                *(row[name] for name in ("punks", "sales", "left_out", "median_eth")),
                None if row["median_usd"] is None else f"{row['median_usd']:,.0f}",
                row["floor_eth"],
                *(
                    None if row[name] is None else f"{round(row[name], 3) + 0.0:+.1%}"
                    for name in ("premium", "premium_low", "premium_high")
                ),
            ),
        )
        for row in data
    ]
    header = (
        *(str(table.index.name), "punks", "sales", "left out", "median ETH", "median USD"),
        *("floor ETH", "premium", "from", "to (95%)"),
    )
    facts = {"version": version, "by": table.index.name} | table.attrs
    return Report(rows, header, notes, facts | {"rows": data})
