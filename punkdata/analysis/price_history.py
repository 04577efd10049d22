"""What is known before each sale: the traits of its punk, and the state of the market.

Prices are natural logarithms.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from punkdata.analysis.price_intervals import Floats, Ints
from punkdata.arguments import describe
from punkdata.errors import UsageError
from punkdata.snapshots.reader import Snapshot
from punkdata.snapshots.tables import extract_labels
from punkdata.traits import TYPES

LEVEL_SIZE = 30  # sales whose median is the level of the market
LOW_SIZE, LOW_QUANTILE = 20, 0.3  # sales whose lower part says for how little punks sell
MIN_SALES_OF_TYPE = 10
MAX_AGE = pd.Timedelta(days=30)  # of the last sale before a prediction


@dataclass(frozen=True)
class PunkTraits:
    """The traits of the P punks of a snapshot."""

    ids: Ints
    """Their numbers, (P,), ascending."""
    types: Ints
    """Positions of their types in `TYPES`, (P,)."""
    features: Floats
    """Their 92 labels, and a column for each number of accessories, (P, F); 0 and 1."""

    def find_rows(self, punk_ids: Iterable[int]) -> Ints:
        """Return the positions of punks; raise UsageError if there is no such punk."""
        try:
            wanted = np.array([operator.index(punk_id) for punk_id in punk_ids], np.intp)
        except TypeError:
            raise UsageError(f"punk_ids must be integers, not {describe(punk_ids)}") from None
        rows = np.searchsorted(self.ids, wanted).clip(max=len(self.ids) - 1)
        if len(missing := wanted[self.ids[rows] != wanted]):
            raise UsageError(f"this snapshot has no punk {missing[0]}")
        return rows


@dataclass(frozen=True)
class SaleHistory:
    """N sales, oldest first, and the market once the first n of them are known, n from 0 to N."""

    sold_at: pd.DatetimeIndex
    """Times of the sales in UTC, (N,)."""
    log_price: Floats
    """Their prices, (N,)."""
    punk_rows: Ints
    """Positions of their punks, (N,)."""
    num_known: Ints
    """Number of sales at earlier times than each sale, (N,)."""
    level: Floats
    """Median of the last prices, (N + 1,); NaN before the first 20 sales."""
    low: Floats
    """A low quantile of the last prices, (N + 1,)."""
    type_counts: Ints
    """Number of sales of each type, (N + 1, 5)."""

    def get_features(self, punks: PunkTraits, rows: Ints, num_known: Ints) -> Floats:
        """Return the features of punks at moments with so many known sales, (M, F + 1)."""
        return np.column_stack([punks.features[rows], (self.low - self.level)[num_known]])

    def are_recent(self, num_known: Ints, moments: pd.DatetimeIndex) -> NDArray[np.bool_]:
        """Return whether the last known sale at each moment is recent; there must be one."""
        return np.asarray(moments - self.sold_at[num_known - 1] <= MAX_AGE)

    def are_of_frequent_types(self, types: Ints, num_known: Ints) -> NDArray[np.bool_]:
        """Return whether enough sales of each type are known."""
        enough: NDArray[np.bool_] = self.type_counts[num_known, types] >= MIN_SALES_OF_TYPE
        return enough


def load_traits(snapshot: Snapshot) -> PunkTraits:
    """Return the traits of all punks of a snapshot."""
    table = snapshot.punks(columns=["punk_id", "labels"]).sort_by("punk_id")
    labels = extract_labels(table)
    counts = labels[:, len(TYPES) :].sum(axis=1, dtype=np.intp)
    features = np.hstack([labels, np.eye(counts.max(initial=0) + 1)[counts]])
    ids = table.column("punk_id").to_numpy().astype(np.intp)
    return PunkTraits(ids, labels[:, : len(TYPES)].argmax(axis=1), features)


def arrange_sales(sales: pd.DataFrame, punks: PunkTraits) -> SaleHistory:
    """Sort sales by time, and compute the state of the market before each.

    Args:
        sales: `punk_id`, `sold_at` (UTC) and `price_eth` (above 0).
        punks: Sales of other punks are left out.
    """
    sales = sales[sales["punk_id"].isin(punks.ids)].sort_values("sold_at", kind="stable")
    sold_at = pd.DatetimeIndex(sales["sold_at"])
    rows = np.searchsorted(punks.ids, sales["punk_id"].to_numpy(np.intp))
    log_price = pd.Series(np.log(sales["price_eth"].to_numpy(np.float64)))
    level = log_price.rolling(LEVEL_SIZE, min_periods=LOW_SIZE).median()
    low = log_price.rolling(LOW_SIZE).quantile(LOW_QUANTILE)
    type_counts = np.zeros((len(sales) + 1, len(TYPES)), np.intp)
    type_counts[np.arange(len(sales)) + 1, punks.types[rows]] = 1
    return SaleHistory(
        sold_at=sold_at,
        log_price=log_price.to_numpy(),
        punk_rows=rows,
        num_known=sold_at.searchsorted(sold_at),
        level=np.append(np.nan, level),
        low=np.append(np.nan, low),
        type_counts=type_counts.cumsum(axis=0),
    )
