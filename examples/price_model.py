"""Predict sale prices from traits: python examples/price_model.py [ROOT]

A simple baseline for any snapshot with sales. The market price at a sale is the median of all sales
in the 30 days before it. Ridge regression predicts the ratio of the price to the market price, on a
logarithmic scale, from the punk's type, accessories and number of accessories. The model is fitted
on the earlier four fifths of the sales and scored on the last fifth, and is compared with two
baselines: the market price, and the median of sales of the same type in the same 30 days. A
prediction uses only what was known before the sale.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
import pandas as pd

from punkdata import LABELS, TYPES, PunkError, open_snapshot

MIN_SALES = 500
MIN_ETH = 0.001  # lower amounts are gifts
WINDOW_DAYS = 30
RIDGE = 3.0  # equivalent to three sales in which a feature has no effect
COUNTS = [f"accessories: {n}" for n in range(8)]
FEATURES = [*LABELS, *COUNTS]


def read_sales(root: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the sales with a price, oldest first, and their features: (N, 100) of 0 and 1."""
    snapshot = open_snapshot(root)
    table = snapshot.sales(["punk_id", "sold_at", "price_eth"])
    sales = pd.DataFrame() if table is None else table.to_pandas()
    if not sales.empty:
        sales = sales[sales["price_eth"] >= MIN_ETH]
    if len(sales) < MIN_SALES:
        sys.exit(
            f"error: {snapshot.path} has {len(sales):,} sales with a price, but at least "
            f"{MIN_SALES:,} are needed; get more with: punkdata fetch --instant-key "
            f"--root {root} && punkdata build-dataset --root {root}"
        )
    punks = snapshot.punks(columns=["punk_id", "type", "labels", "accessory_count"]).to_pandas()
    sales = sales.merge(punks, on="punk_id").sort_values("sold_at", kind="stable")
    counts = np.eye(len(COUNTS))[sales["accessory_count"]]
    features = np.hstack([np.stack(sales["labels"]), counts])
    return sales.reset_index(drop=True), features


def trailing_medians(sales: pd.DataFrame, *, by_type: bool) -> np.ndarray:
    """Return, for each sale, the median of log10(ETH) over the sales in the 30 days before it.

    Without a sale in that window, the previous median is used; before the first sale, NaN.

    Args:
        by_type: Use only sales of punks of the same type.
    """
    log_price = np.log10(sales["price_eth"]).set_axis(pd.DatetimeIndex(sales["sold_at"]))
    medians = np.full(len(sales), np.nan)
    groups = sales.groupby("type").indices.values() if by_type else [np.arange(len(sales))]
    for rows in groups:
        # "left" excludes the sale itself and others in the same second.
        window = log_price.iloc[rows].rolling(f"{WINDOW_DAYS}D", closed="left")
        medians[rows] = window.median().ffill().to_numpy()
    return medians


def fit(features: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return ridge regression weights (100,); the types take the place of an intercept."""
    gram = features.T @ features + RIDGE * np.eye(features.shape[1])
    return np.linalg.solve(gram, features.T @ target)


def print_scores(name: str, log_price: np.ndarray, predicted: np.ndarray) -> None:
    error = np.abs(log_price - predicted)
    r2 = 1 - np.square(error).sum() / np.square(log_price - log_price.mean()).sum()
    within = (error < np.log10(1.25)).mean()
    print(f"{name:44}{10 ** np.median(error):12.2f}{within:14.1%}{r2:12.3f}")


def print_effects(weights: np.ndarray, counts: np.ndarray) -> None:
    """Print the price factor of the most and least valuable accessories."""
    frequent = [i for i in range(len(TYPES), len(FEATURES)) if counts[i] >= 10]
    order = sorted(frequent, key=lambda i: -weights[i])
    print("\nprice factor, all else being equal (features with at least 10 sales in training):")
    for i in [*order[:8], *order[-4:]]:
        print(f"  {FEATURES[i]:22}{10 ** weights[i]:6.2f}   {counts[i]:5.0f} sales")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[2])
    parser.add_argument("root", nargs="?", default="data", help="data root, or a snapshot folder")
    try:
        sales, features = read_sales(parser.parse_args().root)
    except PunkError as error:
        sys.exit(f"error: {error}")
    log_price = np.log10(sales["price_eth"].to_numpy())
    market, same_type = (trailing_medians(sales, by_type=flag) for flag in (False, True))
    cut = len(sales) * 4 // 5
    train_rows = np.flatnonzero(~np.isnan(market[:cut]))
    weights = fit(features[train_rows], (log_price - market)[train_rows])

    test = slice(cut, None)
    predicted = market + features @ weights
    baseline = np.where(np.isnan(same_type), market, same_type)
    first_day, last_day = (f"{sales['sold_at'].iloc[i]:%Y-%m-%d}" for i in (cut, -1))
    print(
        f"{len(sales):,} sales; tested on the last {len(sales) - cut:,}, {first_day} to {last_day}"
    )
    print(f"\n{'':44}{'median error':>12}{'within 25 %':>14}{'R2 of log':>12}")
    print_scores(f"median of all sales, {WINDOW_DAYS} days before", log_price[test], market[test])
    print_scores(f"median of its type, {WINDOW_DAYS} days before", log_price[test], baseline[test])
    print_scores("market, type, accessories and their number", log_price[test], predicted[test])
    print_effects(weights, features[:cut].sum(axis=0))
    print("\nmedian error: the median of predicted / paid or paid / predicted, whichever is larger")


if __name__ == "__main__":
    main()
