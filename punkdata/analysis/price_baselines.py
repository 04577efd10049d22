"""Simple predictions of prices, whose intervals are compared with those of the price model.

Prices are natural logarithms.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from punkdata.analysis.price_history import PunkTraits, SaleHistory
from punkdata.analysis.price_intervals import Floats
from punkdata.analysis.prices import MIN_PRICE_ETH

TYPE_DAYS = 30
FLOOR_DAYS = 7


def predict_baselines(
    history: SaleHistory, punks: PunkTraits, floor: pd.Series | None, needed_at: pd.Timestamp
) -> dict[str, tuple[Floats, Floats]]:
    """Return three predictions of each sale from earlier sales, and the size of their errors, 1.

    By the name of the prediction, (N,) each; NaN if there is none.

    Args:
        floor: Floor prices in ETH by time.
        needed_at: If they begin at this time or later, the floor is the lowest sale of a week.
    """
    sales = pd.DataFrame(
        {
            "sold_at": history.sold_at,
            "punk": history.punk_rows,
            "type": punks.types[history.punk_rows],
            "log_price": history.log_price,
        }
    )
    # An exact match would be the sale itself, or one in the same second.
    last = pd.merge_asof(
        sales[["sold_at", "punk"]], sales, on="sold_at", by="punk", allow_exact_matches=False
    )["log_price"]
    of_type = np.full(len(sales), np.nan)
    for rows in sales.groupby("type").indices.values():
        of_type[rows] = _summarize_days_before(sales.iloc[rows], TYPE_DAYS, "median")
    floor_name, lowest = _predict_floor(sales, floor, needed_at)
    predictions = {
        "last sale": last.to_numpy(np.float64),
        f"median of its type, {TYPE_DAYS} days": of_type,
        floor_name: lowest,
    }
    return {name: (center, np.ones(len(sales))) for name, center in predictions.items()}


def _predict_floor(
    sales: pd.DataFrame, floor: pd.Series | None, needed_at: pd.Timestamp
) -> tuple[str, Floats]:
    """Return what the floor is, and its log before each sale, (N,)."""
    if floor is None or floor.empty or floor.index[0] >= needed_at:
        log_price = sales["log_price"]
        without_gifts = sales.assign(log_price=log_price.where(log_price >= np.log(MIN_PRICE_ETH)))
        lowest = _summarize_days_before(without_gifts, FLOOR_DAYS, "min")
        return f"floor: lowest sale, {FLOOR_DAYS} days", lowest
    quotes = pd.DataFrame({"sold_at": floor.index, "floor": np.log(floor.to_numpy(np.float64))})
    quotes["sold_at"] = quotes["sold_at"].astype(sales["sold_at"].dtype)
    quoted = pd.merge_asof(
        sales[["sold_at"]],
        quotes,
        on="sold_at",
        allow_exact_matches=False,
        tolerance=pd.Timedelta(days=FLOOR_DAYS),
    )
    return "floor: OpenSea's", quoted["floor"].to_numpy(np.float64)


def compare_intervals(price: Floats, intervals: Mapping[str, Floats]) -> pd.DataFrame:
    """Return the coverage and width of the intervals of each method.

    Args:
        price: Prices, (T,).
        intervals: Low, median and high of each price, (T, 3), by name of the method; NaN if there
            is none. The first method is the model; prices that it does not predict are left out.

    Returns a table as `PriceModel.evaluation` describes it.
    """
    model = next(iter(intervals.values()))
    rows = []
    for name, found in intervals.items():
        chosen = np.isfinite(model[:, 0]) & np.isfinite(found[:, 0])
        paid, (low, median, high) = price[chosen], found[chosen].T
        columns = {
            "is_inside": (low <= paid) & (paid <= high),
            "width": np.exp(high - low),
            "error": np.exp(np.abs(paid - median)),
            "model_width": np.exp(model[chosen, 2] - model[chosen, 0]),
        }
        of_sales = pd.DataFrame(columns)
        rows.append(
            {
                "method": name,
                "sales": len(of_sales),
                "coverage": of_sales["is_inside"].mean(),
                "width": of_sales["width"].median(),
                "median_error": of_sales["error"].median(),
                "model_width": of_sales["model_width"].median(),
            }
        )
    return pd.DataFrame(rows)


def _summarize_days_before(sales: pd.DataFrame, days: int, statistic: str) -> Floats:
    """Return the median or the min of the log prices in the days before each sale; NaN if none."""
    # "left" leaves out sales in the same second.
    window = sales.set_index("sold_at")["log_price"].rolling(f"{days}D", closed="left")
    return window.agg(statistic).to_numpy(np.float64)
