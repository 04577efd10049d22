"""What `punkdata fetch` prints about its plan and its result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from punkdata.cli import console
from punkdata.report import Report, Row

if TYPE_CHECKING:
    from punkdata.fetch import OpenSeaResult
    from punkdata.sources.opensea.http.transport import NetworkTransport

FIRST_SALE_DAY = "2017-06-23"
"""Day on which the punks were issued; nothing was sold before."""


def make_json(result: OpenSeaResult, live: NetworkTransport | None) -> dict[str, Any]:
    """Return the numbers that `--json` prints, null if unknown; `live` is None for a replay."""
    info, market = result.recording.info, result.market
    rates = market.eth_usd
    return {
        "recording": str(result.recording.path),
        "resumed": result.resumed,
        "status": info.status,
        "punks": result.punks,
        "sales": result.sales,
        "wrapped_sales": result.wrapped_sales or None,
        "listed": result.listed,
        "listed_other_currency": result.listed_other_currency,
        "owners": result.owners or None,
        "usd_days": len(rates) if rates else None,
        "usd_from": f"{rates[0].day:%Y-%m-%d}" if rates else None,
        "floor_prices": None if market.floor_prices is None else len(market.floor_prices),
        "trait_floors": None if market.trait_floors is None else len(market.trait_floors),
        "market_stats": vars(market.stats) if market.stats else None,
        "api_requests": live.api_requests if live else 0,
        "image_requests": live.image_requests if live else 0,
        "waited_s": round(live.waited_s, 1) if live else 0.0,
        "missing": info.missing,
        "warnings": info.warnings,
    }


def describe_result(result: OpenSeaResult, data: dict[str, Any]) -> list[str]:
    """Return lines about the result, whose numbers `data` has."""
    from punkdata.sources.opensea.sales import is_small_sample

    lines = [
        f"recorded {result.punks:,} punks with {result.sales:,} sales, "
        f"{_describe_listed(result)}; {data['api_requests']:,} API requests and "
        f"{data['image_requests']:,} image requests, "
        f"{data['waited_s']:,.0f} s waiting for rate limits"
    ]
    if others := _describe_others(data):
        lines.append(f"also recorded {', '.join(others)}")
    if (usd_from := data["usd_from"]) and usd_from > FIRST_SALE_DAY:
        lines.append(f"OpenSea has prices of ETH in US dollars from {usd_from} on, none before")
    if data["wrapped_sales"] is None and is_small_sample(result.recording.info.limit):
        lines.append(
            "sales of wrapped punks are read for a sample this small only with --wrapped-collection"
        )
    if data["owners"] is None:
        lines.append("owners are unknown, because OpenSea listed the tokens without them")
    return lines


def _describe_listed(result: OpenSeaResult) -> str:
    """Return a phrase with the number of punks that are for sale on OpenSea."""
    if result.listed is None:
        return "listings unknown"
    others = result.listed_other_currency
    note = f" ({others:,} of them not in ETH)" if others else ""
    return f"{result.listed:,} listed on OpenSea{note}"


def _describe_others(data: dict[str, Any]) -> list[str]:
    """Return phrases about what else was recorded."""
    known = {market: n for market, n in (data["wrapped_sales"] or {}).items() if n is not None}
    phrases = [f"{number:,} sales in the market {market}" for market, number in known.items()]
    names = {
        "usd_days": "days of ETH prices in US dollars",
        "floor_prices": "floor prices of the collection",
        "trait_floors": "floor prices of traits",
        "owners": "owners",
    }
    return phrases + [f"{data[key]:,} {name}" for key, name in names.items() if data[key]]


def show_plan(
    root: Path, base_url: str, limit: int | None, wrapped: list[str] | None, *, as_json: bool
) -> None:
    """Print what `fetch` would request."""
    from punkdata.estimate import REQUESTS_PER_HOUR, estimate_opensea

    plan = estimate_opensea(root, base_url, limit, wrapped)
    images = f"{plan.image_requests:,} for images"
    if plan.image_checks:
        images += f", of which {plan.image_checks:,} only check whether a known image has changed"
    rows = [
        Row("requests", f"about {plan.api_requests:,} to the API, {images}"),
        Row("limit", f"{REQUESTS_PER_HOUR}/h with a free key, so {_describe_wait(plan.wait_s)}"),
        Row("bytes", f"about {max(plan.bytes / 1e6, 1):,.0f} MB"),
    ]
    if plan.api_requests_with_batches > plan.api_requests:
        wait = _describe_wait(plan.wait_s_with_batches)
        text = f"about {plan.api_requests_with_batches:,} to the API, {wait}"
        rows.insert(2, Row("without traits", f"{text}, if OpenSea lists tokens without traits"))
    if plan.resumes:
        rows.append(Row("resumes", f"{plan.resumes}, with {plan.recorded:,} recorded replies"))
    elif plan.refreshes:
        rows.append(Row("refreshes", str(plan.refreshes)))
    console.emit_report(Report(rows, data=vars(plan)), as_json=as_json)
    if not as_json:
        console.say("nothing was sent; omit --dry-run to fetch")


def _describe_wait(wait_s: int) -> str:
    return f"{wait_s / 60:,.0f} min of waiting" if wait_s else "no waiting"
