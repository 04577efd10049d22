"""Output of `punkdata fetch`: the plan of a dry run, and the result of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from punkdata.cli import console
from punkdata.errors import DataError
from punkdata.files import DEFAULT_COLLECTION, root_option
from punkdata.report import Report, Row

if TYPE_CHECKING:
    from punkdata.fetch import OpenSeaResult
    from punkdata.sources.opensea.transport import NetworkTransport


def report_fetch(
    result: OpenSeaResult, live: NetworkTransport | None, root: Path, as_json: bool
) -> None:
    """Print the recording's path and content, and the traffic; raise DataError if it is partial."""
    info, path = result.recording.info, result.recording.path
    data: dict[str, Any] = {
        "recording": str(path),
        "resumed": result.resumed,
        "status": info.status,
        "punks": result.punks,
        "sales": result.sales,
        "listed": result.listed,
        "api_requests": live.api_requests if live else 0,
        "image_requests": live.image_requests if live else 0,
        "waited_s": round(live.waited_s, 1) if live else 0.0,
        "missing": info.missing,
        "warnings": info.warnings,
    }
    if as_json:
        console.emit_json(data)
    else:
        console.emit(str(path))
        console.say(
            f"recorded {result.punks:,} punks with {result.sales:,} sales, {result.listed:,} "
            f"listed for sale; {data['api_requests']:,} API requests and "
            f"{data['image_requests']:,} image requests, "
            f"{data['waited_s']:,.0f} s waiting for rate limits"
        )
    for warning in info.warnings:
        console.warn(warning)
    if info.missing:
        punk_id, reason = next(iter(info.missing.items()))
        raise DataError(
            f"{path} is partial: {len(info.missing):,} missing, the first is punk {punk_id} "
            f"({reason})",
            hint="run the same command again to retry them, or build an incomplete snapshot with: "
            f"punkdata build-dataset --allow-partial{root_option(root)}",
        )
    if not as_json:
        console.say(f"next: punkdata build-dataset{root_option(root)}")


def show_plan(root: Path, base_url: str, limit: int | None, as_json: bool) -> None:
    """Print how many requests, how much time and how many bytes a fetch needs."""
    from punkdata.sources.find_recording import find_parent, find_unfinished, open_parent
    from punkdata.sources.opensea.client import SOURCE
    from punkdata.sources.opensea.estimate import REQUESTS_PER_HOUR, estimate_fetch
    from punkdata.sources.recording_format import RecordingInfo

    wanted = RecordingInfo(
        source=SOURCE, collection=DEFAULT_COLLECTION, limit=limit, base_url=base_url
    )
    unfinished = find_unfinished(root, wanted)
    parent = open_parent(unfinished) if unfinished else find_parent(root, wanted)
    plan = estimate_fetch(limit, unfinished, parent)
    requests = f"about {plan.api_requests:,} to the API, {plan.image_requests:,} for images"
    wait = f"{plan.wait_s / 60:,.0f} min of waiting" if plan.wait_s else "no waiting"
    rows = [
        Row("requests", requests),
        Row("limit", f"{REQUESTS_PER_HOUR}/h with a free key, so {wait}"),
        Row("bytes", f"about {max(plan.bytes / 1e6, 1):,.0f} MB"),
    ]
    if unfinished is not None:
        rows.append(Row("resumes", f"{unfinished.path}, with {plan.recorded:,} recorded replies"))
    elif parent is not None:
        rows.append(Row("refreshes", str(parent.path)))
    console.emit_report(Report(rows, data=vars(plan)), as_json=as_json)
    if not as_json:
        console.say("nothing was sent; omit --dry-run to fetch")
