"""JSON documents of the fake OpenSea server, in the schemas of the API's OpenAPI document."""

from __future__ import annotations

import json
import time
from typing import Any

from support.opensea_faults import Reply
from support.sales_events import CHAIN, CONTRACT, SLUG, WETH, ZERO, Json


def json_reply(status: int, data: Any) -> Reply:
    return status, json.dumps(data).encode(), {"content-type": "application/json"}


def error_reply(status: int, text: str, **headers: str) -> Reply:
    """Return an error in the newer form of the API; underscores in header names become hyphens."""
    document = {"error": {"message": text, "status": status, "code": "error"}}
    status, body, content_type = json_reply(status, document)
    return status, body, content_type | {k.replace("_", "-"): v for k, v in headers.items()}


def not_found_reply() -> Reply:
    return json_reply(404, {"errors": ["Not found"]})


def collection_document(total: int) -> Json:
    """Return a document in the schema CollectionDetailed."""
    return {
        "collection": SLUG,
        "name": "CryptoPunks",
        "contracts": [{"address": CONTRACT, "chain": CHAIN}],
        "total_supply": total,
        "unique_item_count": total,
        "created_date": "2017-06-23",
        "opensea_url": f"https://opensea.io/collection/{SLUG}",
        "safelist_status": "verified",
        "is_disabled": False,
        "is_nsfw": False,
        "trait_offers_enabled": True,
        "collection_offers_enabled": True,
        "editors": [],
        "fees": [{"fee": 0.5, "recipient": ZERO, "required": True}],
        "pricing_currencies": {
            "listing_currency": _currency_document("ETH"),
            "offer_currency": _currency_document("WETH"),
        },
    }


def _currency_document(symbol: str) -> Json:
    return {
        "symbol": symbol,
        "address": ZERO if symbol == "ETH" else WETH,
        "chain": CHAIN,
        "image": "https://static.seadn.io/eth.png",
        "name": symbol,
        "decimals": 18,
        "eth_price": "1.0",
        "usd_price": "3000.0",
    }


def token_document(punk_id: int, traits: list[Json], base_url: str, blank: Any) -> Json:
    """Return a document in the schema Nft. `blank` is the value of empty optional fields."""
    return {
        "identifier": str(punk_id),
        "collection": SLUG,
        "contract": CONTRACT,
        "token_standard": "cryptopunks",
        "name": f"CryptoPunk #{punk_id}",
        "description": blank,
        "image_url": f"{base_url}/images/{punk_id}.png",
        "display_image_url": blank,
        "original_image_url": blank,
        "metadata_url": blank,
        "opensea_url": f"https://opensea.io/assets/{CHAIN}/{CONTRACT}/{punk_id}",
        "updated_at": "2026-01-01T00:00:00",
        "is_disabled": False,
        "is_nsfw": False,
        "traits": traits,
        "unknown_new_field": {"x": 1},
    }


def owner_document(punk_id: int, quantity: int = 1) -> Json:
    """Return a document in the schema Owner, with an address of its own for each punk."""
    return {
        "address": f"0x{0xABC000 + punk_id:040X}",
        "quantity": quantity,
        "quantity_string": str(quantity),
    }


def key_document(key: str, limit: str, lifetime_s: float) -> Json:
    """Return a document in the schema InstantApiKeyResponse."""
    expires = time.gmtime(time.time() + lifetime_s)
    return {
        "api_key": key,
        "name": "instant",
        "expires_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", expires),
        "rate_limits": {"read": limit, "write": "30/h", "fulfillment": "5/m"},
        "upgrade_url": "https://opensea.io/settings/developer",
    }
