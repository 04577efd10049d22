"""Regenerate the recordings in this folder: python cassettes/make.py [FOLDER]

The real client records them from the tests' own OpenSea server, which serves synthetic sprites.
Nothing in them comes from OpenSea or shows a CryptoPunk.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import SecretStr

from punkdata.fetch import fetch_opensea
from punkdata.sources.opensea.http.transport import NetworkTransport

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from support.opensea_documents import not_found_reply  # noqa: E402
from support.opensea_market import WRAPPERS, wrapped_sale  # noqa: E402
from support.opensea_oddities import Oddities  # noqa: E402
from support.opensea_server import KEY, Faults, OpenSeaServer  # noqa: E402
from support.sales_events import listing, make_sales, paid  # noqa: E402
from support.sprites import make_punks  # noqa: E402

PORT = 18765  # fixed, because recordings contain the server's address


def inline() -> OpenSeaServer:
    """Return a server with traits inline: 60 punks on 3 pages, 300 sales on 12, and faults."""
    punks = make_punks(60)
    listings = [listing(3, "70"), listing(3, "65.5"), listing(17, "58.25", "WETH")]
    faults = Faults(rate_limited=0.08, unavailable=0.08, drop=0.04, truncate=0.04, seed=2)
    server = OpenSeaServer(
        punks,
        make_sales(punks, 300),
        listings,
        faults,
        max_page_size=25,
        port=PORT,
        overlapping_pages=True,
        lists_owners=True,
    )
    for number, slug in enumerate(WRAPPERS, 1):
        sales = [wrapped_sale(i, 1_600_000_000 + i, paid("3"), slug) for i in range(4 * number)]
        server.market.wrapped[slug] = sales
    return server


def bare() -> OpenSeaServer:
    """Return a server with rows without traits, a rejected cursor and a missing image.

    It has no owners and no prices but those of sales.
    """
    punks = make_punks(15)
    market = {
        "price_history": not_found_reply(),
        "floor": not_found_reply(),
        "stats": not_found_reply(),
    }
    return OpenSeaServer(
        punks,
        make_sales(punks, 40),
        faults=Faults(rejected_cursors=1),
        inline_traits=False,
        max_batch_size=6,
        blank_style="null",
        phantom_ids=(10_000,),
        images={4: 404},
        image_scale=14,
        image_background="#638596",
        max_page_size=10,
        port=PORT,
        owners=lambda punk_id: [],
        oddities=Oddities(replies=market),
    )


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    for make in (inline, bare):
        with make() as server, TemporaryDirectory() as root:
            network = NetworkTransport(server.base_url, SecretStr(KEY))
            result = fetch_opensea(Path(root), network, server.base_url)
            network.close()
            target = folder / make.__name__
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(result.recording.path, target)
            info = result.recording.info
            print(f"{target}: {info.status}, {result.punks} punks, {result.sales} sales")


if __name__ == "__main__":
    main()
