"""Print sale prices by type: python examples/price_table.py [ROOT]

Only payments in ETH, WETH or BETH above 0 count as prices. Prefer the median to the mean: some
"sales" are gifts, and in some flash-loan trades the buyer and the seller are the same person.
"""

from __future__ import annotations

import sys

from punkdata import PunkError, open_snapshot

root = sys.argv[1] if len(sys.argv) > 1 else "data"
try:
    snapshot = open_snapshot(root)
except PunkError as error:
    sys.exit(f"error: {error}")
sales = snapshot.sales()
if sales is None:
    sys.exit(
        f"error: {snapshot.path} has no sales; get them with: "
        "punkdata fetch --instant-key && punkdata build-dataset"
    )

types = snapshot.punks(columns=["punk_id", "type"]).to_pandas()
priced = sales.to_pandas().dropna(subset="price_eth").merge(types, on="punk_id", how="left")
table = priced.groupby("type")["price_eth"].agg(["count", "median", "mean", "max"])
table["last_sold"] = priced.groupby("type")["sold_at"].max().dt.strftime("%Y-%m-%d")
table = table.sort_values("median", ascending=False)

print(f"{len(priced):,} of {len(sales):,} sales have a price in ETH (snapshot {snapshot.version})")
print(table.to_string(float_format=lambda eth: f"{eth:,.2f}"))
