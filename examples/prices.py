"""What explains a punk's price: python examples/prices.py [ROOT]

A small, honest baseline on whatever sales a snapshot holds. A sale's price is told by the market of
the 30 days before it, its punk's type and accessories, and how many of these it has: a ridge
regression of the logarithm of the price. It learns from the earlier four fifths of the sales
and is scored on the last fifth, beside the obvious guess: the median of its type in the 30 days
before. Nothing that was not known before a sale is used to tell its price.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
import pandas as pd

from punkdata import open_snapshot
from punkdata.errors import PunkError
from punkdata.snapshots.tables import column_to_numpy, extract_labels
from punkdata.traits import LABELS, TYPES

LEAST_SALES = 500
LEAST_ETH = 0.001  # for less, punks are given away
DAYS = 30
RIDGE = 3.0  # as strong as three sales that say that a feature does not matter
COUNTS = [f"accessories: {n}" for n in range(8)]
FEATURES = [*LABELS, *COUNTS]


def read_sales(root: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Priced sales, oldest first, and what is known of their punks: (N, 100) of 0 and 1."""
    snapshot = open_snapshot(root)
    table = snapshot.sales(["punk_id", "sold_at", "price_eth"])
    sales = pd.DataFrame() if table is None else table.to_pandas()
    if not sales.empty:
        sales = sales[sales["price_eth"] >= LEAST_ETH]
    if len(sales) < LEAST_SALES:
        sys.exit(
            f"error: {snapshot.path} holds {len(sales):,} sales with a price, too few to learn "
            f"from: {LEAST_SALES:,} are needed; get more with: punkdata fetch --instant-key "
            f"--root {root} && punkdata build-dataset --root {root}"
        )
    punks = snapshot.punks(columns=["punk_id", "type", "labels", "accessory_count"])
    row_of = {punk_id: row for row, punk_id in enumerate(column_to_numpy(punks.column("punk_id")))}
    sales = sales[sales["punk_id"].isin(row_of)].sort_values("sold_at", kind="stable")
    rows = sales["punk_id"].map(row_of).to_numpy()
    sales["type"] = np.array(punks.column("type").to_pylist())[rows]
    counts = np.eye(len(COUNTS))[column_to_numpy(punks.column("accessory_count"))]
    known = np.hstack([extract_labels(punks), counts])[rows]
    return sales.reset_index(drop=True), known


def medians_before(sales: pd.DataFrame, *, of_type: bool) -> np.ndarray:
    """For each sale the median of log10(ETH) in the 30 days before it, of its type or of all.

    Where there was no such sale, the last median before; before the very first, NaN.
    """
    log = np.log10(sales["price_eth"]).set_axis(pd.DatetimeIndex(sales["sold_at"]))
    found = np.full(len(sales), np.nan)
    groups = sales.groupby("type").indices.values() if of_type else [np.arange(len(sales))]
    for rows in groups:
        # "left": the sale itself, and others of the same second, stand outside.
        before = log.iloc[rows].rolling(f"{DAYS}D", closed="left").median()
        found[rows] = before.ffill().to_numpy()
    return found


def fit(known: np.ndarray, goal: np.ndarray) -> np.ndarray:
    """Weights (100,) of a ridge regression without intercept: the types stand for it."""
    gram = known.T @ known + RIDGE * np.eye(known.shape[1])
    return np.linalg.solve(gram, known.T @ goal)


def tell(name: str, log: np.ndarray, told: np.ndarray) -> None:
    error = np.abs(log - told)
    explained = 1 - np.square(log - told).sum() / np.square(log - log.mean()).sum()
    within = (error < np.log10(1.25)).mean()
    print(f"{name:44}{10 ** np.median(error):12.2f}{within:14.1%}{explained:12.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[2])
    parser.add_argument("root", nargs="?", default="data", help="the data root, or a snapshot")
    try:
        sales, known = read_sales(parser.parse_args().root)
    except PunkError as error:
        sys.exit(f"error: {error}")
    log = np.log10(sales["price_eth"].to_numpy())
    market, of_type = (medians_before(sales, of_type=kind) for kind in (False, True))
    cut = len(sales) * 4 // 5
    first_day, last_day = (f"{sales['sold_at'].iloc[i]:%Y-%m-%d}" for i in (cut, -1))
    learnt = np.flatnonzero(~np.isnan(market[:cut]))
    weights = fit(known[learnt], (log - market)[learnt])

    test = slice(cut, None)
    told = market + known @ weights
    guess = np.where(np.isnan(of_type), market, of_type)
    print(f"{len(sales):,} sales; told: the last {len(sales) - cut:,}, {first_day} to {last_day}")
    print(f"\n{'':44}{'off by times':>12}{'within 25 %':>14}{'R2 of log':>12}")
    tell(f"median of all in the {DAYS} days before", log[test], market[test])
    tell(f"median of its type in the {DAYS} days before", log[test], guess[test])
    tell("the market, type, accessories, their number", log[test], told[test])

    seen = known[:cut].sum(axis=0)
    worn = [i for i in range(len(TYPES), len(FEATURES)) if seen[i] >= 10]
    order = sorted(worn, key=lambda i: -weights[i])
    print("\ntimes the price, all else being equal (of what 10 learnt sales or more have):")
    for i in [*order[:8], *order[-4:]]:
        print(f"  {FEATURES[i]:22}{10 ** weights[i]:6.2f}   {seen[i]:5.0f} sales")
    print("\noff by times: the median of told / paid or paid / told, whichever is larger")


if __name__ == "__main__":
    main()
