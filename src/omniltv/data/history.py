"""The purchase history: sufficient statistics of purchases, and its distinct states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Literal, overload

import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame
from numpy.typing import ArrayLike, NDArray

from omniltv._columns import as_labels, as_numbers, first_rows, labels, numbers, read_ids
from omniltv._frames import Backend, Table, collect
from omniltv._options import Natural, checked
from omniltv.data._calendar import UnitName, local_moment
from omniltv.data._summaries import SameDay, ValueOf, summary_statistics
from omniltv.data.calendar_time import Clock
from omniltv.data.checking import Moment
from omniltv.data.distinct import distinct_rows
from omniltv.data.quarters import QuarterCounts
from omniltv.data.report import IntakeReport, Tolerance
from omniltv.errors import DataError
from omniltv.units import TimeUnit

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

__all__ = ["DistinctStates", "PurchaseHistory"]

_NUMBERS = "give numbers, of shape (n_rows,)"
_ZERO_ONE = "code a label as 0/1 columns, one per value: (region == 'north').astype(float)"
_STATISTICS = ("frequency", "recency", "T", "monetary_value")


@checked
@dataclass(frozen=True, eq=False, repr=False)
class PurchaseHistory:
    """Sufficient statistics of purchases, one row per customer or per customer and channel.

    The convention is that of Fader, Hardie and Lee (2005): time and purchases are counted from
    the first purchase, which opens the account and is not itself a repeat purchase.

    Attributes:
        customer_id: Shape (n_rows,); unique among the rows of one combination of groups.
        frequency: Repeat purchases x.
        recency: Time of the last purchase t_x, from the first, in ``unit``.
        T: Observation length from the first purchase, in ``unit``.
        monetary_value: Mean value of the repeat purchases; NaN if there are none.
        unit: The unit of ``recency`` and ``T``.
        groups: Group columns by name (``channel``, ``arm`` …), each of shape (n_rows,).
        counts: Purchases per channel by name, each of shape (n_rows,).
        covariates: Numeric covariates of customers by name, each of shape (n_rows,).
        start: Moment at which all accounts opened, if they opened together; all purchases are
            then repeat purchases. None if each account opened with its first purchase.
        report: What was counted and what was left out, if it was counted from a table.
        at_least: Repeat purchases that a customer needed to be in the data, see `selected`;
            0 if nobody was left out.
        clock: The clock of ``recency`` and ``T``, if the history is in calendar time; None if
            all days count alike.
        first_value: Value of the first purchase, of shape (n_rows,); NaN or None if it is not
            known.
        counts_first: Whether the first purchase counts for spend, see `counting_first`.
        quarters: Repeat purchases of all rows by calendar quarter, if they were counted from a
            log; None after `take`, and in calendar time.

    Raises:
        DataError: If columns differ in length, values are not numbers, ids are missing or
            repeated, or a row is impossible: negative or infinite times, recency beyond T, a
            repeat purchase at time 0, or a recency without a repeat purchase.

    Examples:
        >>> history = PurchaseHistory(["a", "b"], [2, 0], [30.43, 0.0], [38.86, 38.86],
        ...                           [11.5, float("nan")], TimeUnit.WEEK)
        >>> history
        PurchaseHistory(2 rows, 2 repeat purchases, in weeks)
    """

    customer_id: NDArray[np.object_]
    frequency: NDArray[np.int64]
    recency: NDArray[np.float64]
    T: NDArray[np.float64]
    monetary_value: NDArray[np.float64]
    unit: TimeUnit
    groups: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    counts: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    covariates: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    start: datetime | None = None
    report: IntakeReport[object] | None = None
    at_least: Natural = 0
    clock: Clock | None = None
    first_value: NDArray[np.float64] | None = None
    counts_first: bool = False
    quarters: QuarterCounts | None = None

    def __post_init__(self) -> None:
        ids = np.empty(len(self.customer_id), dtype=object)
        ids[:] = self.customer_id
        columns: dict[str, object] = {"customer_id": ids, "unit": TimeUnit(self.unit)}
        columns["frequency"] = _whole(self.frequency, "frequency", ids)
        for name in ("recency", "T", "monetary_value"):
            columns[name] = as_numbers(getattr(self, name), name, ids=ids, hint=_NUMBERS)
        groups = {name: as_labels(values, name, ids=ids) for name, values in self.groups.items()}
        counts = {name: _whole(values, name, ids) for name, values in self.counts.items()}
        known = {name: _finite(values, name, ids) for name, values in self.covariates.items()}
        columns |= {"groups": groups, "counts": counts, "covariates": known}
        if self.first_value is not None:
            columns["first_value"] = as_numbers(
                self.first_value, "first_value", ids=ids, hint=_NUMBERS
            )
        for name, value in columns.items():
            object.__setattr__(self, name, value)
        _check_lengths(self)
        _check_rows(self)
        _check_ids(self)

    def __len__(self) -> int:
        return len(self.customer_id)

    def __repr__(self) -> str:
        by = f" by {', '.join(self.groups)}" if self.groups else ""
        repeats = int(self.frequency.sum())
        size = f"{len(self):,} rows{by}, {repeats:,} repeat purchases"
        clock = ", in calendar time" if self.clock else ""
        return f"PurchaseHistory({size}, in {self.unit}s{clock})"

    @classmethod
    def from_frame(
        cls,
        frame: IntoFrame,
        *,
        unit: UnitName,
        groups: Sequence[str] = (),
        covariates: Sequence[str] = (),
    ) -> "PurchaseHistory":
        """Return a history from a frame of the statistics.

        Args:
            frame: A frame with ``customer_id``, ``frequency``, ``recency``, ``T``, the group
                columns and, to fit spend, ``monetary_value``. ``first_value``, if it is there,
                is the value of the first purchase.
            unit: The unit of ``recency`` and ``T``.
            groups: Names of the group columns.
            covariates: Names of the covariate columns: numbers without missing values.

        Raises:
            DataError: If a column is missing, or its values are not numbers or impossible.

        Examples:
            >>> import pandas as pd
            >>> frame = pd.DataFrame({"customer_id": ["a"], "frequency": [1],
            ...                       "recency": [2.0], "T": [9.0], "channel": ["ec"]})
            >>> PurchaseHistory.from_frame(frame, unit="week", groups=["channel"])
            PurchaseHistory(1 rows by channel, 1 repeat purchases, in weeks)
        """
        table = collect(frame, "a history")
        ids = read_ids(table, "customer_id", "a history")
        statistics = {
            name: numbers(table, name, "a history", ids=ids)
            for name in ("frequency", "recency", "T")
        }
        value = np.full(len(ids), np.nan)
        if "monetary_value" in table.columns:
            value = numbers(table, "monetary_value", "a history", ids=ids, allow_missing=True)
        first = None
        if "first_value" in table.columns:
            first = numbers(table, "first_value", "a history", ids=ids, allow_missing=True)
        return cls(
            customer_id=ids,
            frequency=_whole(statistics["frequency"], "frequency", ids),
            recency=statistics["recency"],
            T=statistics["T"],
            monetary_value=value,
            unit=TimeUnit(unit),
            groups={name: labels(table, name, "a history", ids=ids) for name in groups},
            covariates={name: numbers(table, name, "a history", ids=ids) for name in covariates},
            first_value=first,
        )

    @classmethod
    def from_summaries(
        cls,
        frame: IntoFrame,
        *,
        end: Moment,
        unit: UnitName = TimeUnit.DAY,
        value: ValueOf | None = None,
        same_day: SameDay = "merge",
        groups: Sequence[str] = (),
        tolerance: Tolerance | None = None,
    ) -> "PurchaseHistory":
        """Return a history from customer summaries, if there are no single purchases.

        A summary has the first and the last order, the number of orders and, to fit spend,
        their value. Summaries do not tell two orders of one day from orders on two days, so
        orders count as occasions as long as there are days for them.

        Args:
            frame: One row per customer, or per customer and group: ``customer_id``,
                ``first_purchase``, ``last_purchase``, ``orders``, the group columns and,
                to fit spend, ``value``. With ``first_value``, the value of the first order,
                the mean of the others is exact; without it, all orders stand for them.
            end: Last moment of observation.
            unit: Unit of recency and T.
            value: What ``value`` is: the ``"total"`` of all orders, their ``"mean"``, or the
                ``"mean_of_repeats"``, which leaves out the first order. Required if the
                frame has ``value``.
            same_day: Customers with more orders than days from the first to the last: those
                of one day are one occasion (``"merge"``), or the row is ``"set_aside"``.
            groups: Names of the group columns, such as ``"channel"``.
            tolerance: How much may be rejected before there is a warning or an error;
                ``Tolerance()`` if None.

        Raises:
            IntakeError: If more is rejected than ``tolerance`` allows.
            DataError: If a column is missing, or a customer has two rows in one group.
            ConfigError: If ``end`` is not a local moment, or another option is unknown or
                missing.

        Examples:
            >>> import pandas as pd
            >>> frame = pd.DataFrame({
            ...     "customer_id": ["a", "b", "c"], "orders": [3, 1, 2], "value": [60, 9, 8],
            ...     "first_purchase": ["2026-01-05", "2026-01-09", "2026-01-09"],
            ...     "last_purchase": ["2026-02-02", "2026-01-09", "2026-01-09"],
            ... })
            >>> history = PurchaseHistory.from_summaries(
            ...     frame, end="2026-03-02", unit="week", value="total")
            >>> history.frequency.tolist(), history.recency.tolist(), history.T.round(1).tolist()
            ([2, 0, 0], [4.0, 0.0, 0.0], [8.0, 7.4, 7.4])
            >>> history.monetary_value.tolist()
            [20.0, nan, nan]
            >>> history.report.changes[0].reason
            'more orders than days, merged by day'
        """
        last, scale = local_moment(end, None), TimeUnit(unit).in_days
        found = summary_statistics(frame, last, value=value, same_day=same_day)
        found.report.judge(tolerance)
        ids = read_ids(found.table, "customer_id", "summaries")
        return cls(
            customer_id=ids,
            frequency=found.frequency,
            recency=found.recency / scale,
            T=found.length / scale,
            monetary_value=found.mean,
            unit=TimeUnit(unit),
            groups={name: labels(found.table, name, "summaries", ids=ids) for name in groups},
            report=found.report,
        )

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return the columns by name, each of shape (n_rows,)."""
        counts = {f"purchases_{name}": values for name, values in self.counts.items()}
        statistics = {name: getattr(self, name) for name in _STATISTICS}
        keys = {"customer_id": self.customer_id, **self.groups}
        first = {} if self.first_value is None else {"first_value": self.first_value}
        return {**keys, **statistics, **first, **counts, **self.covariates}

    @overload
    def to_frame(self, backend: Literal["pandas"] = "pandas") -> pd.DataFrame: ...
    @overload
    def to_frame(self, backend: Literal["polars"]) -> "pl.DataFrame": ...
    @overload
    def to_frame(self, backend: Literal["pyarrow"]) -> "pa.Table": ...
    def to_frame(self, backend: Backend = "pandas") -> "pd.DataFrame | pl.DataFrame | pa.Table":
        """Return the columns as a frame of the kind asked for."""
        return Table(self.columns()).to_frame(backend)

    def with_group(self, name: str, values: ArrayLike) -> "PurchaseHistory":
        """Return the history with one more group column, such as the arm of an experiment.

        Raises:
            DataError: If there is not one label per row.

        Examples:
            >>> history = PurchaseHistory(["a", "b"], [2, 0], [30.0, 0.0], [39.0, 39.0],
            ...                           [11.5, float("nan")], TimeUnit.WEEK)
            >>> history.with_group("arm", ["control", "treated"])
            PurchaseHistory(2 rows by arm, 2 repeat purchases, in weeks)
        """
        return replace(
            self, groups={**self.groups, name: as_labels(values, name, ids=self.customer_id)}
        )

    def with_covariate(self, name: str, values: ArrayLike) -> "PurchaseHistory":
        """Return the history with one more covariate: one number per row, none missing.

        A covariate is constant while a customer is observed, such as the size of the first
        order, or 1 for members and 0 for others. Code labels (a region) as 0/1 columns.

        Raises:
            DataError: If there is not one finite number per row.

        Examples:
            >>> history = PurchaseHistory(["a", "b"], [2, 0], [30.0, 0.0], [39.0, 39.0],
            ...                           [11.5, float("nan")], TimeUnit.WEEK)
            >>> history.with_covariate("member", [1, 0]).covariates["member"]
            array([1., 0.])
        """
        column = as_numbers(values, name, ids=self.customer_id, hint=_ZERO_ONE)
        return replace(self, covariates={**self.covariates, name: column})

    def selected(self, *, at_least: Natural) -> "PurchaseHistory":
        """Return the history marked as a sample: nobody with fewer repeat purchases is in it.

        `fit` then uses the likelihood given at least so many purchases, so that the posterior
        is that of all customers. It does not remove rows.

        Args:
            at_least: Repeat purchases that a customer needed to be in the data.

        Raises:
            DataError: If a row has fewer repeat purchases.
            ConfigError: If ``at_least`` is negative.

        Examples:
            >>> history = PurchaseHistory(["a", "b"], [2, 0], [30.0, 0.0], [39.0, 39.0],
            ...                           [11.5, float("nan")], TimeUnit.WEEK)
            >>> repeaters = history.take(history.frequency >= 1)
            >>> repeaters.selected(at_least=1).at_least
            1
        """
        few = self.frequency < at_least
        if few.any():
            problem = f"customers with fewer than {at_least} repeat purchases in a selected sample"
            hint = f"history.take(history.frequency >= {at_least}) leaves them out"
            rows = self.customer_id[few].tolist()
            raise DataError(problem, column="frequency", rows=rows, hint=hint)
        return replace(self, at_least=at_least)

    def counting_first(self) -> "PurchaseHistory":
        """Return the history in which the first purchase counts for spend, too.

        By convention, spend models see the repeat purchases only. One-time buyers then inform
        nothing, and their value per purchase is the population mean. If the first purchase
        counts, everybody has a value. The frequency stays the number of repeat purchases.

        Raises:
            DataError: If the value of the first purchase is not known.

        Examples:
            >>> history = PurchaseHistory(["a", "b"], [2, 0], [30.0, 0.0], [39.0, 39.0],
            ...     [11.5, float("nan")], TimeUnit.WEEK, first_value=[7.0, 3.0])
            >>> count, mean = history.counting_first().spending()
            >>> count.tolist(), mean.tolist()
            ([3, 1], [10.0, 3.0])
        """
        if self.first_value is None:
            problem = "the value of the first purchase is not known"
            hint = "PurchaseLog.from_frame(...).history(), or a column first_value in from_frame"
            raise DataError(problem, column="first_value", hint=hint)
        bad = ~(self.first_value >= 0)
        if bad.any():
            rows = self.customer_id[bad].tolist()
            hint = "net refunds against their purchases"
            raise DataError(
                "missing or negative values", column="first_value", rows=rows, hint=hint
            )
        return replace(self, counts_first=True)

    def spending(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the number of purchases that count for spend, and their mean value.

        These are the repeat purchases, and the first one after `counting_first`. The mean is
        NaN if there are none.

        Examples:
            >>> history = PurchaseHistory(["a", "b"], [2, 0], [30.0, 0.0], [39.0, 39.0],
            ...                           [11.5, float("nan")], TimeUnit.WEEK)
            >>> history.spending()[0].tolist()
            [2, 0]
        """
        return self._spending

    @cached_property
    def _spending(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        repeats = np.where(self.frequency > 0, self.monetary_value, np.nan)
        if self.first_value is None or not self.counts_first:
            return self.frequency, repeats
        count = self.frequency + 1
        total = np.where(self.frequency > 0, self.frequency * repeats, 0.0) + self.first_value
        return count, np.asarray(total / count, dtype=np.float64)

    def take(self, rows: ArrayLike) -> "PurchaseHistory":
        """Return some rows, by position or by boolean mask.

        Examples:
            >>> history = PurchaseHistory(["a", "b"], [2, 0], [30.0, 0.0], [39.0, 39.0],
            ...                           [11.5, float("nan")], TimeUnit.WEEK)
            >>> history.take(history.frequency > 0).customer_id.tolist()
            ['a']
        """
        pick = np.asarray(rows)
        return _unchecked(
            self,
            customer_id=self.customer_id[pick],
            groups={name: values[pick] for name, values in self.groups.items()},
            counts={name: values[pick] for name, values in self.counts.items()},
            covariates={name: values[pick] for name, values in self.covariates.items()},
            report=None,
            quarters=None,
            first_value=None if self.first_value is None else self.first_value[pick],
            **{name: getattr(self, name)[pick] for name in _STATISTICS},
        )

    def distinct(self, *, spend: bool = False) -> "DistinctStates":
        """Return the distinct states, their counts, and the state of each row.

        Args:
            spend: Whether the mean value of `spending` is part of the state, beside groups,
                covariates, frequency, recency and T.
        """
        columns: list[NDArray[np.generic]] = [*self.groups.values(), *self.covariates.values()]
        columns += [self.frequency, self.recency, self.T]
        columns += [np.nan_to_num(self.spending()[1], nan=-np.inf)] if spend else []
        index, first = distinct_rows(columns, len(self))
        states = self.take(first)
        return DistinctStates(states, np.bincount(index, minlength=len(states)), index)


@checked
@dataclass(frozen=True, eq=False)
class DistinctStates:
    """The distinct states of a history, their counts, and the state of each row.

    Attributes:
        states: One row per distinct state, with the id of one of its customers.
        count: Number of rows of the history with the state, of shape (n_states,).
        index: State of each row of the history, of shape (n_rows,).

    Examples:
        >>> history = PurchaseHistory(["a", "b", "c"], [0, 1, 0], [0.0, 3.0, 0.0],
        ...                           [9.0, 9.0, 9.0], [float("nan")] * 3, TimeUnit.WEEK)
        >>> distinct = history.distinct()
        >>> sorted(distinct.count.tolist()), len(distinct.expand(distinct.count))
        ([1, 2], 3)
    """

    states: PurchaseHistory
    count: NDArray[np.int64]
    index: NDArray[np.intp]

    def expand[Kind: np.generic](self, values: NDArray[Kind]) -> NDArray[Kind]:
        """Return values per state, of shape (n_states, ...), as values per row."""
        return values[self.index]


def _unchecked(history: PurchaseHistory, **columns: object) -> PurchaseHistory:
    """Return a copy with other columns, without checking them again."""
    copy = object.__new__(PurchaseHistory)
    own = {each.name: getattr(history, each.name) for each in fields(history)}
    for name, value in {**own, **columns}.items():
        object.__setattr__(copy, name, value)
    return copy


def _whole(values: ArrayLike, name: str, ids: NDArray[np.object_]) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.dtype.kind in "iub":
        return array.astype(np.int64)
    numeric = as_numbers(values, name, ids=ids, hint=_NUMBERS)
    bad = ~np.isfinite(numeric) | (numeric != np.floor(numeric))
    if bad.any():
        rows = ids[bad].tolist() if len(ids) == len(bad) else ()
        raise DataError("not whole numbers", column=name, rows=rows)
    return numeric.astype(np.int64)


def _finite(values: ArrayLike, name: str, ids: NDArray[np.object_]) -> NDArray[np.float64]:
    array = as_numbers(values, name, ids=ids, hint=_ZERO_ONE)
    bad = ~np.isfinite(array)
    if bad.any():
        rows = ids[bad].tolist() if len(ids) == len(bad) else ()
        hint = "fill in missing values, and add a 0/1 column that marks them"
        raise DataError("missing or infinite covariates", column=name, rows=rows, hint=hint)
    return array


def _check_lengths(history: PurchaseHistory) -> None:
    n = len(history)
    columns = {name: getattr(history, name) for name in _STATISTICS}
    columns |= {} if history.first_value is None else {"first_value": history.first_value}
    every = {**columns, **history.groups, **history.counts, **history.covariates}
    for name, values in every.items():
        if values.shape != (n,):
            raise DataError(f"shape {values.shape} for {n:,} customers", column=name)


def _check_rows(history: PurchaseHistory) -> None:
    x, recency, T = history.frequency, history.recency, history.T
    problems = (
        ("frequency", x < 0, "negative counts of repeat purchases"),
        ("T", ~(np.isfinite(T) & (T >= 0)), "negative or infinite observation lengths"),
        ("recency", ~(np.isfinite(recency) & (recency >= 0)), "negative or infinite times"),
        ("recency", recency > T, "the last purchase is later than the end of observation"),
        ("recency", (x == 0) & (recency != 0), "a recency without a repeat purchase"),
        ("recency", (x > 0) & (recency == 0), "repeat purchases at the time of the first"),
        ("monetary_value", np.isinf(history.monetary_value), "infinite values"),
        ("monetary_value", (x > 0) & (history.monetary_value < 0), "negative mean values"),
    )
    for column, bad, problem in problems:
        if bad.any():
            hint = "PurchaseLog.from_frame(...).history() counts them from purchases"
            rows = history.customer_id[bad].tolist()
            raise DataError(problem, column=column, rows=rows, hint=hint)


def _check_ids(history: PurchaseHistory) -> None:
    missing = np.asarray(pd.isna(history.customer_id), dtype=bool)
    if missing.any():
        rows = np.flatnonzero(missing).tolist()
        raise DataError("missing ids", column="customer_id", rows=rows)
    key = first_rows(history.customer_id)[0].astype(np.int64)
    for values in history.groups.values():
        codes = np.unique(values, return_inverse=True)[1]
        key = np.unique(key * (codes.max(initial=0) + 1) + codes, return_inverse=True)[1]
    again = pd.Series(key).duplicated().to_numpy()
    if again.any():
        hint = "give one row per customer, or name the group columns: groups=['channel']"
        rows = history.customer_id[again].tolist()
        raise DataError("repeated customers", column="customer_id", rows=rows, hint=hint)
