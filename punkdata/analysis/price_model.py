"""A price model that predicts intervals, from a punk's traits and the sales before a moment.

`fit_price_model` fits it to the sales of a snapshot, and measures on the last fifth of them whether
the intervals contain as many prices as they promise, and how wide they are next to those around
three simple predictions: the punk's last sale, the median of its type, and the floor.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from punkdata.analysis.price_baselines import compare_intervals, predict_baselines
from punkdata.analysis.price_history import (
    MAX_AGE,
    MIN_SALES_OF_TYPE,
    PunkTraits,
    SaleHistory,
    arrange_sales,
    load_traits,
)
from punkdata.analysis.price_intervals import (
    Floats,
    Ints,
    WalkForward,
    count_required_sales,
    count_required_scores,
    find_score_limits,
    predict_intervals,
    walk_forward,
)
from punkdata.analysis.prices import DEFAULT_MARKET, load_sales
from punkdata.arguments import describe
from punkdata.errors import DataError, UsageError
from punkdata.snapshots.manifest import root_option_of
from punkdata.snapshots.reader import Snapshot
from punkdata.traits import ACCESSORIES, LABELS, TYPES

INTERVAL_COLUMNS = ["low_eth", "median_eth", "high_eth"]
MIN_FACTOR_SALES = 10
TEST_PARTS = 5  # The last of so many parts of the sales evaluates.


@dataclass(frozen=True, repr=False, eq=False)
class PriceModel:
    """Price intervals of punks; created by `fit_price_model`."""

    coverage: float
    """Share of the sales whose price the intervals are to contain."""
    market: str
    """Market of the sales, for example "cryptopunks"."""
    evaluation: pd.DataFrame
    """Intervals of the model and of three simple predictions on the last fifth of the sales.

    One row for each method: `method`; `sales`, the number of sales that it has an interval for;
    `coverage`, the share of them whose price is in the interval; `width`, the median of the highest
    by the lowest price of an interval; `median_error`, the median factor between the prediction and
    the price, at least 1; and `model_width`, the width of the model's intervals on the same sales.
    """
    test_sales: pd.DataFrame
    """The last fifth of the sales, with the interval that the model predicted before each.

    Columns `punk_id`, `sold_at`, `price_eth`, `low_eth`, `median_eth` and `high_eth`; NaN without
    an interval.
    """
    factors: pd.DataFrame
    """Price factor of each accessory with at least 10 sales, all else being equal.

    Columns `accessory`, `factor` and `sales`; the highest factor first.
    """
    _punks: PunkTraits
    _history: SaleHistory
    _fit: WalkForward
    _scores: Floats

    def __repr__(self) -> str:
        model = self.evaluation.iloc[0]
        return (
            f"PriceModel({len(self._scores):,} sales, market {self.market!r}, coverage "
            f"{self.coverage:g}: {model['coverage']:.3f} of the last {model['sales']:,} sales, "
            f"width {model['width']:.2f})"
        )

    def predict(self, punk_ids: int | Iterable[int], at: str | date | None = None) -> pd.DataFrame:
        """Return the price interval of each punk, from the sales before a moment alone.

        Args:
            punk_ids: One punk or several.
            at: The moment, in UTC unless it has a time zone; by default right after the last sale.

        Returns one row for each punk: `punk_id`, `low_eth`, `median_eth` and `high_eth`, which are
        NaN if there is no prediction, and `reason`, which says why there is none, or is None.

        Raises UsageError if the snapshot has no such punk, or if `at` is not a time.
        """
        ids = [punk_ids] if isinstance(punk_ids, int | np.integer) else punk_ids
        rows, history = self._punks.find_rows(ids), self._history
        moment = None if at is None else _parse_moment(at)
        total = len(history.sold_at)
        num_known = total if moment is None else int(history.sold_at.searchsorted(moment))
        limits = find_score_limits(self._scores, num_known, self.coverage)
        reasons = [self._find_reason(row, num_known, moment, limits) for row in rows]
        intervals = np.full((len(rows), 3), np.nan)
        if limits is not None:
            known = np.full(len(rows), num_known)
            features = history.get_features(self._punks, rows, known)
            center, size = self._fit.predict(features, num_known)
            log_price = history.level[num_known] + center[:, None] + size[:, None] * limits
            is_predicted = np.array([reason is None for reason in reasons], bool)
            intervals[is_predicted] = np.exp(log_price[is_predicted])
        found = pd.DataFrame(intervals, columns=INTERVAL_COLUMNS)
        found.insert(0, "punk_id", self._punks.ids[rows])
        return found.assign(reason=pd.Series(reasons, dtype=object))

    def _find_reason(
        self, row: int, num_known: int, moment: pd.Timestamp | None, limits: Floats | None
    ) -> str | None:
        """Return why a punk's price cannot be predicted at a moment, or None."""
        before = "" if moment is None else f" before {moment:%Y-%m-%d %H:%M}"
        if limits is None:
            found = np.isfinite(self._scores[:num_known]).sum()
            needed = count_required_scores(self.coverage)
            return f"too few predicted sales{before}: {found:,}; {needed:,} are needed"
        if moment is not None:
            moments = pd.DatetimeIndex([moment])
            if not self._history.are_recent(np.array([num_known]), moments)[0]:
                return f"no sale in the {MAX_AGE.days} days{before}"
        type_id = self._punks.types[row]
        if (count := self._history.type_counts[num_known, type_id]) < MIN_SALES_OF_TYPE:
            of_type = f"too few sales of type {TYPES[type_id]}{before}"
            return f"{of_type}: {count}; {MIN_SALES_OF_TYPE} are needed"
        return None


def fit_price_model(
    snapshot: Snapshot,
    *,
    market: str = DEFAULT_MARKET,
    coverage: float = 0.9,
    sales: pd.DataFrame | None = None,
) -> PriceModel:
    """Fit a model of sale prices to the sales of a snapshot, and evaluate it.

    The model predicts each sale from earlier sales alone: from the punk's type, its accessories and
    their number, and from the last 30 sales of any punks. It calibrates the interval on the errors
    of the last 250 predictions before it. The last fifth of the sales evaluates the intervals.

    Args:
        snapshot: A snapshot with sales.
        market: Market whose sales are used, without those that are flagged or not paid in ETH.
        coverage: Share of the sales whose price the intervals are to contain, between 0 and 1.
        sales: Sales to use in place of the snapshot's: a table with the columns `punk_id`,
            `sold_at` (in UTC unless it has a time zone) and `price_eth` (above 0).

    Raises UsageError if an argument is invalid, and DataError if there are too few sales, or if a
    file is missing or damaged.
    """
    if not isinstance(coverage, float | int) or not 0 < coverage < 1:
        raise UsageError(f"coverage must be between 0 and 1, not {describe(coverage)}")
    punks = load_traits(snapshot)
    found = load_sales(snapshot, market) if sales is None else _check_sales(sales)
    history = arrange_sales(found, punks)
    hint = _suggest_sales(snapshot, sales)
    _check_count(history, market, coverage, hint)
    # Predict each sale from earlier ones. Sales that the model refuses do not calibrate it, either.
    rows, num_known = history.punk_rows, history.num_known
    level = history.level[num_known]
    features = history.get_features(punks, rows, num_known)
    fit = walk_forward(features, history.log_price - level, num_known)
    is_predicted = history.are_recent(num_known, history.sold_at)
    is_predicted &= history.are_of_frequent_types(punks.types[rows], num_known)
    center = np.where(is_predicted, level + fit.center, np.nan)
    # Compare the intervals with those of simple predictions on the last fifth of the sales.
    floor = _load_floor(snapshot) if market == DEFAULT_MARKET and sales is None else None
    test = np.arange(len(rows) - len(rows) // TEST_PARTS, len(rows))
    methods = {
        "model": (center, fit.size),
        **predict_baselines(history, punks, floor, history.sold_at[test[0]]),
    }
    intervals = {
        name: predict_intervals(history.log_price, *method, num_known, test, coverage)
        for name, method in methods.items()
    }
    if np.isnan(intervals["model"]).all():
        raise DataError(
            f"none of the last {len(test):,} sales can be predicted (market: {market}): too many "
            f"are of types with fewer than {MIN_SALES_OF_TYPE} sales before, or follow no other "
            f"sale in {MAX_AGE.days} days",
            hint=hint,
        )
    return PriceModel(
        coverage=coverage,
        market=market,
        evaluation=compare_intervals(history.log_price[test], intervals),
        test_sales=_list_test_sales(history, punks, test, intervals["model"]),
        factors=_list_factors(fit.weights[-1, 0], punks.features[rows]),
        _punks=punks,
        _history=history,
        _fit=fit,
        _scores=(history.log_price - center) / fit.size,
    )


def _check_sales(sales: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of sales that the model needs; raise UsageError if one is wrong."""
    columns = ["punk_id", "sold_at", "price_eth"]
    if missing := [name for name in columns if name not in sales]:
        raise UsageError(f"the sales have no column {missing[0]}")
    sales = sales[columns].copy()
    try:
        sales["sold_at"] = pd.to_datetime(sales["sold_at"], utc=True)
        sales["price_eth"] = sales["price_eth"].astype("float64")
    except (TypeError, ValueError) as error:
        raise UsageError(f"the sales cannot be read ({error})") from None
    price = sales["price_eth"]
    if sales.isna().to_numpy().any() or not (np.isfinite(price) & (price > 0)).all():
        raise UsageError("the sales must have a time, and a price above 0, in each row")
    return sales


def _check_count(history: SaleHistory, market: str, coverage: float, hint: str) -> None:
    """Raise DataError if there are too few sales for intervals of this coverage."""
    found, needed = len(history.sold_at), count_required_sales(coverage)
    if found < needed:
        raise DataError(
            f"a price model of coverage {coverage:g} needs at least {needed:,} sales, but there "
            f"are {found:,} priced sales (market: {market})",
            hint=hint,
        )


def _load_floor(snapshot: Snapshot) -> pd.Series | None:
    """Return OpenSea's floor price in ETH by time, oldest first, or None if it is unknown."""
    if (table := snapshot.floor_prices(["time", "price_eth"])) is None:
        return None
    floor: pd.Series = table.to_pandas().set_index("time")["price_eth"]
    return floor[floor > 0]


def _suggest_sales(snapshot: Snapshot, sales: pd.DataFrame | None) -> str:
    """Return how to get more sales."""
    if sales is not None:
        return "pass a table with more sales of the snapshot's punks"
    option = root_option_of(snapshot.path)
    return f"get all with: punkdata fetch --instant-key{option} && punkdata build-dataset{option}"


def _list_test_sales(
    history: SaleHistory, punks: PunkTraits, test: Ints, intervals: Floats
) -> pd.DataFrame:
    """Return sales with their intervals, in ETH."""
    found = pd.DataFrame(np.exp(intervals), columns=INTERVAL_COLUMNS)
    found.insert(0, "punk_id", punks.ids[history.punk_rows[test]])
    found.insert(1, "sold_at", history.sold_at[test])
    found.insert(2, "price_eth", np.exp(history.log_price[test]))
    return found


def _list_factors(weights: Floats, features: Floats) -> pd.DataFrame:
    """Return the price factor of each accessory that enough sales have, highest first."""
    columns = slice(len(TYPES), len(LABELS))
    sales = features[:, columns].sum(axis=0).astype(int)
    factor = np.exp(weights[columns])
    factors = pd.DataFrame({"accessory": ACCESSORIES, "factor": factor, "sales": sales})
    factors = factors[factors["sales"] >= MIN_FACTOR_SALES]
    return factors.sort_values("factor", ascending=False, ignore_index=True)


def _parse_moment(at: str | date) -> pd.Timestamp:
    moment = None
    with suppress(ValueError):  # for example of "tomorrow"
        moment = pd.Timestamp(at) if isinstance(at, str | date) else None
    if moment is None or pd.isna(moment):
        raise UsageError(f"at must be a time such as 2024-06-01, not {describe(at)}")
    return moment.tz_localize("UTC") if moment.tzinfo is None else moment.tz_convert("UTC")
