"""The command `punkdata key`, and the lookup or creation of the API key for `punkdata fetch`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from punkdata.cli import console
from punkdata.cli.options import ROOT, Json
from punkdata.errors import RefusedError, RetryableError, SetupError, UsageError
from punkdata.files import root_option
from punkdata.sources.recording_format import OPENSEA_URL

if TYPE_CHECKING:
    from punkdata.sources.opensea.api_key import ApiKey

EXAMPLES = "Example: punkdata key\n\nA new free key, no account needed: punkdata key --new"

BaseUrl = Annotated[
    str,
    typer.Option(envvar="OPENSEA_BASE_URL", help="Base URL of the API, for tests and mirrors."),
]
KeyFile = Annotated[
    Path | None,
    typer.Option("--api-key-file", help="File that contains the API key and nothing else."),
]


def key(
    context: typer.Context,
    renew: Annotated[
        bool, typer.Option("--new", "--renew", help="Create a new free key and store it.")
    ] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Remove the stored key.")] = False,
    key_file: KeyFile = None,
    base_url: BaseUrl = OPENSEA_URL,
    as_json: Json = False,
) -> None:
    """Show the origin and expiry of the API key, create a new key, or remove the stored one.

    The key itself is never printed.
    """
    from punkdata.sources.opensea import api_key
    from punkdata.sources.opensea.url_rules import check_base_url

    base_url = check_base_url(base_url)
    if renew and forget:
        raise UsageError("--new and --forget contradict each other")
    if forget and key_file is not None:
        raise UsageError("--forget removes the stored key and cannot be used with --api-key-file")
    if forget:
        _forget_key(base_url, as_json)
        return
    if renew:
        create_key(base_url, None, context.obj, may_create=True, root=ROOT)
    found = find_key(base_url, key_file)
    if found is None:
        raise SetupError(
            f"no API key for {urlsplit(base_url).hostname}",
            hint="get a free one, no account needed: punkdata key --new "
            f"(or set {api_key.API_KEY_VARIABLE})",
        )
    if renew and api_key.API_KEY_VARIABLE in found.origin:
        console.warn(
            f"{api_key.API_KEY_VARIABLE} is set and takes precedence over the stored key; unset "
            "it to use the stored one"
        )
    if as_json:
        console.emit_json(
            {
                "origin": found.origin,
                "expires_at": found.expires_at.isoformat() if found.expires_at else None,
                "is_expired": found.is_expired,
                "read_limit": found.read_limit,
            }
        )
        return
    console.emit(f"{'key':12}{found.origin}")
    console.emit(f"{'expires':12}{format_expiry(found)}{' (expired)' * found.is_expired}")
    console.emit(f"{'limit':12}{found.read_limit or 'unknown'}")


def _forget_key(base_url: str, as_json: bool) -> None:
    from punkdata.sources.opensea import api_key

    removed = api_key.remove_stored_key(base_url, console.config_dir())
    if as_json:
        console.emit_json({"removed": removed})
        return
    host = urlsplit(base_url).hostname
    console.say(f"removed the stored key for {host}" if removed else f"no stored key for {host}")


def find_key(base_url: str, key_file: Path | None) -> ApiKey | None:
    """Return the key from the environment, --api-key-file or the key store, or None."""
    from punkdata.sources.opensea import api_key

    found = api_key.find_key(base_url, console.config_dir(), key_file)
    if found is not None and key_file is not None and api_key.API_KEY_VARIABLE in found.origin:
        console.warn(f"{api_key.API_KEY_VARIABLE} is set and takes precedence over --api-key-file")
    return found


def ensure_valid_key(
    base_url: str, found: ApiKey | None, settings: console.Settings, *, may_create: bool, root: Path
) -> ApiKey:
    """Return a key that has not expired; create or renew an instant key if necessary.

    Raises:
        SetupError: There is no key, and the user does not want a free one.
    """
    if found is None or found.is_expired:
        return create_key(base_url, found, settings, may_create=may_create, root=root)
    if found.expires_soon:
        try:
            return create_key(base_url, found, settings, may_create=True, root=root)
        except (RefusedError, RetryableError) as error:
            console.warn(
                f"no new key: {error.message}; the old one is valid until {format_expiry(found)}"
            )
    return found


def create_key(
    base_url: str, old: ApiKey | None, settings: console.Settings, *, may_create: bool, root: Path
) -> ApiKey:
    """Create and store a free key.

    Args:
        old: The key that has expired or expires soon.
        may_create: Whether to create a key without asking. If False, the user is asked, unless
            an old key is replaced.
        root: Data root to name in the suggested command.

    Raises:
        SetupError: The user declines, or the command does not run on a terminal.
        RefusedError, NetworkError, LimitError: The server does not issue a key.
    """
    from punkdata.sources.opensea import api_key

    host = urlsplit(base_url).hostname
    if old is not None:
        state = "has expired" if old.is_expired else "expires soon"
        console.say(f"the stored key {state} ({format_expiry(old)}): getting a new one")
    elif not may_create:
        question = f"No API key is set. Get a free one from {host} now? No account is needed."
        if not console.confirm(question):
            raise api_key.missing_key_error(root_option(root))
    from punkdata.sources.opensea.client import create_instant_key
    from punkdata.sources.opensea.http_client import make_http_client
    from punkdata.sources.opensea.retry import RetryTransport
    from punkdata.sources.opensea.transport import NetworkTransport

    network = NetworkTransport(make_http_client(), base_url, None, sleep=settings.sleep)
    try:
        sender = RetryTransport(network, sleep=network.sleep, on_retry=console.report_retry)
        created = create_instant_key(sender, base_url)
    finally:
        network.close()
    new = api_key.store_key(console.config_dir(), base_url, created)
    validity = f", valid until {format_expiry(new)}" if new.expires_at else ""
    console.say(f"stored a free key from {host}{validity}")
    return new


def format_expiry(key: ApiKey) -> str:
    return f"{key.expires_at:%Y-%m-%d %H:%M} UTC" if key.expires_at else "no expiry date known"
