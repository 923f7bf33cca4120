"""The purchase log: checked purchases, and the histories counted from them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal, overload
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrameT
from numpy.typing import ArrayLike, NDArray

from omniltv._frames import (
    Backend,
    Eager,
    Table,
    check_ids,
    collect,
    positions,
    read_frame,
    repeated,
    unused_name,
)
from omniltv.data.checking import Moment, check
from omniltv.data.history import PurchaseHistory
from omniltv.errors import ConfigError, DataError
from omniltv.units import Discount, Span, TimeUnit

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

__all__ = ["By", "CalibrationHoldout", "PurchaseLog", "Refunds"]

type By = Literal["channel", "acquisition_channel"]
type Refunds = Literal["net", "set_aside"]
type UnitName = TimeUnit | Literal["day", "week", "month", "year"]

_CENT = 1e-9


@dataclass(frozen=True, eq=False, repr=False)
class PurchaseLog[FrameT]:
    """Valid purchases, and the rejected rows with the reason for each.

    Create one with `from_frame`. Times are local calendar times, so every method agrees
    on the day of a purchase.

    Attributes:
        customer_id: The customers, of shape (n_customers,).
        channels: The channels, sorted.
        customer: Customer of each purchase, by position, of shape (n_purchases,).
        channel: Channel of each purchase, by position, same shape.
        time: Local calendar time, same shape.
        value: Value after refunds, same shape, not below 0.
        rejected: Rejected rows as given, with ``reason``; a frame of the kind given.
        n_rejected: Number of rejected rows.
        timezone: Time zone of the calendar, where `from_frame` was given one.

    Examples:
        >>> import pandas as pd
        >>> log = PurchaseLog.from_frame(pd.DataFrame({
        ...     "customer_id": ["a", "b", "b"], "channel": ["store", "ec", "store"],
        ...     "time": ["2026-01-01", "2026-01-15", "2026-02-01"], "value": [10.0, 20.0, 5.0],
        ... }))
        >>> log
        PurchaseLog(3 purchases of 2 customers, 2026-01-01 to 2026-02-01; 0 rejected rows)
        >>> log.channels, len(log)
        (('ec', 'store'), 3)
    """

    customer_id: NDArray[np.object_]
    channels: tuple[str, ...]
    customer: NDArray[np.intp]
    channel: NDArray[np.intp]
    time: NDArray[np.datetime64]
    value: NDArray[np.float64]
    rejected: FrameT
    n_rejected: int
    timezone: str | None = None

    @classmethod
    def from_frame(
        cls,
        frame: IntoFrameT,
        *,
        timezone: str | None = None,
        refunds: Refunds = "net",
        now: Moment | None = None,
    ) -> "PurchaseLog[IntoFrameT]":
        """Return the log of a table of purchases.

        Args:
            frame: With the columns ``customer_id``, ``channel``, ``time`` and ``value`` and,
                if there are refunds, ``transaction_id`` and ``refund_of``. A refund is a row
                with a negative value. A row with value 0 (paid with points or a coupon) is a
                purchase. Without ``channel``, all purchases are on one channel, ``"all"``;
                without ``value``, values are NaN.
            timezone: Time zone of the calendar, such as ``"Asia/Tokyo"``. Required if times
                have an offset. Times without an offset are taken as local times.
            refunds: ``"net"`` subtracts a refund from the purchase it names; a purchase that
                is refunded in full is removed. ``"set_aside"`` rejects all refunds.
            now: Later purchases are rejected (see `check`).

        Raises:
            DataError: If the table as a whole cannot be used (see `check`), or times have
                an offset and no time zone is given.
            ConfigError: If the time zone or the rule for refunds is unknown.

        Examples:
            >>> import pandas as pd
            >>> frame = pd.DataFrame({
            ...     "customer_id": ["a", "a", "a", "b"],
            ...     "channel": ["store", "ec", "ec", "ec"],
            ...     "time": ["2026-01-01", "2026-01-15", "2026-01-15", "2026-02-01"],
            ...     "value": [10.0, 20.0, 5.0, 8.0],
            ... })
            >>> log = PurchaseLog.from_frame(frame)
            >>> log
            PurchaseLog(4 purchases of 2 customers, 2026-01-01 to 2026-02-01; 0 rejected rows)
            >>> history = log.history()
            >>> history.frequency.tolist(), history.T.tolist(), history.monetary_value[0].item()
            ([1, 0], [31.0, 0.0], 25.0)
        """
        if refunds not in ("net", "set_aside"):
            raise ConfigError(f'unknown rule for refunds: {refunds!r}. Hint: refunds="net"')
        given, kind = read_frame(frame, "purchases")
        checked = check(given.to_native(), "purchases", now=now)
        table = _local_time(collect(checked.valid, "purchases"), timezone)
        value, bought, reason = _settle(table, refunds)
        customer, ids = _codes(table, "customer_id", bought)
        channel, names = _codes(table, "channel", bought)
        order = np.argsort(names.astype(str), kind="stable")
        why = checked.row_reasons.copy()
        why[why == ""] = reason
        rejected = kind.extend(given, unused_name(given.columns, "reason"), why, why != "")
        return PurchaseLog(
            customer_id=ids,
            channels=tuple(str(names[place]) for place in order),
            customer=customer,
            channel=np.argsort(order)[channel],
            time=table["time"].to_numpy().astype("datetime64[us]")[bought],
            value=value[bought],
            rejected=rejected,
            n_rejected=int((why != "").sum()),
            timezone=timezone,
        )

    def __len__(self) -> int:
        return len(self.value)

    def __repr__(self) -> str:
        aside = f"{self.n_rejected:,} rejected rows"
        if not len(self):
            return f"PurchaseLog(no purchases; {aside})"
        return (
            f"PurchaseLog({len(self):,} purchases of {len(self.customer_id):,} customers, "
            f"{self.time.min().astype('datetime64[D]')} to "
            f"{self.time.max().astype('datetime64[D]')}; {aside})"
        )

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return the columns of one row per purchase: customer, channel, time, value.

        Examples:
            >>> import pandas as pd
            >>> frame = pd.DataFrame({"customer_id": ["a"], "channel": ["ec"],
            ...                       "time": ["2026-01-01"], "value": [10.0]})
            >>> list(PurchaseLog.from_frame(frame).columns())
            ['customer_id', 'channel', 'time', 'value']
        """
        return {
            "customer_id": self.customer_id[self.customer],
            "channel": np.asarray(self.channels, dtype=str)[self.channel],
            "time": self.time,
            "value": self.value,
        }

    @overload
    def to_frame(self, backend: Literal["pandas"] = "pandas") -> pd.DataFrame: ...
    @overload
    def to_frame(self, backend: Literal["polars"]) -> "pl.DataFrame": ...
    @overload
    def to_frame(self, backend: Literal["pyarrow"]) -> "pa.Table": ...
    def to_frame(self, backend: Backend = "pandas") -> "pd.DataFrame | pl.DataFrame | pa.Table":
        """Return the purchases, refunds subtracted, times local, as a frame.

        Examples:
            >>> import pandas as pd
            >>> frame = pd.DataFrame({"customer_id": ["a"], "channel": ["ec"],
            ...                       "time": ["2026-01-01"], "value": ["1,200"]})
            >>> PurchaseLog.from_frame(frame).to_frame()["value"].tolist()
            [1200.0]
        """
        return Table(self.columns()).to_frame(backend)

    def before(self, moment: Moment) -> "PurchaseLog[FrameT]":
        """Return the log of the purchases before a moment; its customers are their buyers.

        Args:
            moment: A local moment, or one with an offset if the log has a time zone.

        Raises:
            ConfigError: If ``moment`` is not a moment, or has an offset and the log has no
                time zone.

        Examples:
            >>> import pandas as pd
            >>> days = ["2026-01-01", "2026-01-15", "2026-02-12"]
            >>> frame = pd.DataFrame({"customer_id": "a", "channel": "ec", "time": days})
            >>> log = PurchaseLog.from_frame(frame.assign(value=9.0))
            >>> len(log.before("2026-01-15")), len(log.since("2026-01-15"))
            (1, 2)
        """
        return self._take(self.time < self._moment(moment))

    def since(self, moment: Moment) -> "PurchaseLog[FrameT]":
        """Return the log of the purchases at or after a moment; its customers are their buyers.

        Args:
            moment: A local moment, or one with an offset if the log has a time zone.

        Raises:
            ConfigError: As `before`.

        Examples:
            >>> import pandas as pd
            >>> days = ["2026-01-01", "2026-01-15", "2026-02-12"]
            >>> frame = pd.DataFrame({"customer_id": "a", "channel": "ec", "time": days})
            >>> PurchaseLog.from_frame(frame.assign(value=9.0)).since("2026-01-15T00:00")
            PurchaseLog(2 purchases of 1 customers, 2026-01-15 to 2026-02-12; 0 rejected rows)
        """
        return self._take(self.time >= self._moment(moment))

    def of_customers(self, customers: ArrayLike) -> "PurchaseLog[FrameT]":
        """Return the log of the given customers, in this order, with or without purchases.

        Args:
            customers: Ids, of shape (n_customers,).

        Raises:
            DataError: If an id is missing or repeated.

        Examples:
            >>> import pandas as pd
            >>> log = PurchaseLog.from_frame(pd.DataFrame({
            ...     "customer_id": ["a", "b"], "channel": "ec",
            ...     "time": ["2026-01-01", "2026-01-15"], "value": [10.0, 20.0],
            ... }))
            >>> log.of_customers(["c", "b"]).summary_by_customer().to_frame()["purchases"].tolist()
            [0, 1]
        """
        ids = check_ids(list(np.asarray(customers, dtype=object)), "customer_id")
        twice = repeated(ids)
        if twice:
            hint = "give every customer once"
            raise DataError("repeated customers", column="customer_id", rows=twice, hint=hint)
        place = positions(self.customer_id, ids)
        mask = place[self.customer] >= 0
        return replace(
            self,
            customer_id=ids,
            customer=place[self.customer[mask]],
            channel=self.channel[mask],
            time=self.time[mask],
            value=self.value[mask],
        )

    def with_margin(self, margin: float | Mapping[str, float]) -> "PurchaseLog[FrameT]":
        """Return the log with each value multiplied by the margin of its channel.

        Args:
            margin: Margin as a share of the value: one number, or one per channel.

        Raises:
            ConfigError: If a margin is negative or not finite.
            DataError: If a channel of the log has no margin.

        Examples:
            >>> import pandas as pd
            >>> log = PurchaseLog.from_frame(pd.DataFrame({
            ...     "customer_id": ["a", "a"], "channel": ["store", "ec"],
            ...     "time": ["2026-01-01", "2026-01-15"], "value": [10.0, 20.0],
            ... }))
            >>> log.with_margin({"store": 0.25, "ec": 0.5}).value.tolist()
            [2.5, 10.0]
        """
        shares = margin if isinstance(margin, Mapping) else dict.fromkeys(self.channels, margin)
        bad = [share for share in shares.values() if not (np.isfinite(share) and share >= 0)]
        if bad:
            raise ConfigError(f"a margin is finite and not negative, got {bad[0]}. Hint: 0.3")
        lacking = [name for name in self.channels if name not in shares]
        if lacking:
            hint = f'margin={{"{lacking[0]}": 0.3, ...}}'
            raise DataError(f"no margin for: {', '.join(lacking)}", column="channel", hint=hint)
        per_channel = np.array([shares[name] for name in self.channels], dtype=np.float64)
        return replace(self, value=self.value * per_channel[self.channel])

    def realised_value(
        self,
        customers: ArrayLike,
        *,
        discount: Discount | None = None,
        start: Moment | None = None,
    ) -> NDArray[np.float64]:
        """Return the total value of each customer, of shape (n_customers,); 0 without purchases.

        Args:
            customers: Ids, of shape (n_customers,).
            discount: Discounts each purchase to ``start``, as `lifetime_value` does.
            start: Moment that values are discounted to; required with ``discount``.

        Raises:
            ConfigError: If ``discount`` is given without ``start``.
            DataError: If an id is missing or repeated.

        Examples:
            >>> import pandas as pd
            >>> log = PurchaseLog.from_frame(pd.DataFrame({
            ...     "customer_id": ["a", "a", "b"], "channel": "ec",
            ...     "time": ["2026-01-01", "2027-01-01", "2026-02-01"], "value": [10.0, 22.0, 8.0],
            ... }), now="2028-01-01")
            >>> log.realised_value(["b", "c", "a"]).tolist()
            [8.0, 0.0, 32.0]
            >>> ten_percent = Discount(per_year=0.10)
            >>> log.realised_value(["a"], discount=ten_percent, start="2026-01-01").round(1)
            array([30.])
        """
        value = self.value
        if discount is not None:
            if start is None:
                raise ConfigError('discount= needs start=. Hint: start="2026-04-01"')
            days = (self.time - self._moment(start)) / np.timedelta64(1, "D")
            value = value * discount.factor(days, TimeUnit.DAY)
        theirs = replace(self, value=value).of_customers(customers)
        n = len(theirs.customer_id)
        return np.bincount(theirs.customer, weights=theirs.value, minlength=n)

    def summary_by_customer(self) -> Table:
        """Return one row per customer: realised value, purchases by channel, first and last one.

        The columns:

        - ``customer_id``
        - ``acquisition_channel``: channel of the first purchase; empty without purchases
        - ``realised_value``: value of all purchases, refunds subtracted
        - ``purchases``: days with a purchase
        - ``first_purchase`` and ``last_purchase``: local times; missing without purchases
        - ``purchases_<channel>``: days with a purchase on the channel, for each channel

        For the margin instead of the value, start from `with_margin`. For the state at a
        date, start from `before`.

        Examples:
            >>> import pandas as pd
            >>> log = PurchaseLog.from_frame(pd.DataFrame({
            ...     "customer_id": ["a", "a", "b"], "channel": ["store", "ec", "ec"],
            ...     "time": ["2026-01-01", "2026-01-15", "2026-02-01"], "value": [10.0, 20.0, 8.0],
            ... }))
            >>> summary = log.summary_by_customer().to_frame()
            >>> summary[["customer_id", "acquisition_channel", "realised_value"]].values.tolist()
            [['a', 'store', 30.0], ['b', 'ec', 8.0]]
            >>> summary[["purchases", "purchases_ec", "purchases_store"]].values.tolist()
            [[2, 1, 1], [1, 1, 0]]
        """
        n, rows = len(self.customer_id), np.arange(len(self))
        day = _periods(self.time, TimeUnit.DAY)
        days = _Occasions.of(_keys(self, rows, None), day, self.value)
        first, last = _first_and_last(self)
        channels = np.array([*self.channels, ""], dtype=str)
        time = np.append(self.time, np.datetime64("NaT", "us"))
        counts = _counts(self, rows, TimeUnit.DAY)
        return Table(
            {
                "customer_id": self.customer_id,
                "acquisition_channel": channels[np.append(self.channel, -1)[first]],
                "realised_value": np.bincount(self.customer, weights=self.value, minlength=n),
                "purchases": np.bincount(days.key, minlength=n),
                "first_purchase": time[first],
                "last_purchase": time[last],
                **{f"purchases_{name}": values for name, values in counts.items()},
            }
        )

    def history(
        self,
        *,
        unit: UnitName | None = None,
        period: UnitName = TimeUnit.DAY,
        by: By | None = None,
        end: Moment | None = None,
        start: Moment | None = None,
        customers: ArrayLike | None = None,
    ) -> PurchaseHistory:
        """Return the history of each customer, or of each customer on each channel.

        All purchases in one period are one purchase occasion; their values are added. Time
        is counted in whole calendar periods from the period of the first purchase.

        With ``start`` all accounts open at one moment instead, as at the start of a
        treatment. Every customer then has a row, with or without purchases. All occasions
        since ``start`` are repeat purchases, and each is dated at the end of its period, so
        the time since ``start`` is never zero.

        Args:
            unit: Unit of recency and T; the period if None.
            period: Days, weeks from Monday, or calendar months or years.
            by: ``"channel"`` gives a row per customer and channel, and the first purchase
                on a channel opens its row. ``"acquisition_channel"`` gives a row per
                customer, grouped by the channel of the customer's first purchase in the
                log. None gives a row per customer.
            end: Last moment of observation, its whole period included; the last purchase of
                the log if None. Later purchases are left out.
            start: Moment at which all accounts open. Earlier purchases are left out.
            customers: Ids of the customers to include, of shape (n_customers,), in this
                order. Only with ``start``; all customers of the log if None.

        Raises:
            DataError: If the log has no purchase until ``end``, or no channel, or if
                ``customers`` has missing or repeated ids.
            ConfigError: If an argument is unknown, or ``start`` is later than ``end``.

        Examples:
            >>> import pandas as pd
            >>> days = ["2026-01-01", "2026-01-15", "2026-02-12"]
            >>> frame = pd.DataFrame({"customer_id": "a", "channel": "ec", "time": days})
            >>> log = PurchaseLog.from_frame(frame.assign(value=9.0))
            >>> history = log.history(unit="week", end="2026-01-31")
            >>> history.recency.tolist(), history.T.round(2).tolist()
            ([2.0], [4.29])
            >>> window = log.history(start="2026-01-11", end="2026-01-31", customers=["a", "b"])
            >>> window.frequency.tolist(), window.recency.tolist(), window.T.tolist()
            ([1, 0], [5.0, 0.0], [21.0, 21.0])
        """
        grain, last = TimeUnit(period), self._last(end)
        counting = _Counting(grain, TimeUnit(unit or grain), by, last)
        if start is not None:
            opens = self._moment(start)
            counting.require_window(opens, self.channels)
            everybody = self.customer_id if customers is None else customers
            seen = self._take(_periods(self.time, grain) <= _period(last, grain))
            return _history(seen.of_customers(everybody), counting, opens)
        if customers is not None:
            raise ConfigError("customers= needs start=. Hint: history.take(rows) selects rows")
        seen = self._take(_periods(self.time, grain) <= _period(last, grain))
        if not len(seen):
            hint = "the log begins later; give a later end, or more purchases"
            day = last.astype("datetime64[D]")
            raise DataError(f"no purchase until {day}", column="time", hint=hint)
        return _history(seen, counting, None)

    def split(
        self,
        *,
        at: Moment,
        unit: UnitName | None = None,
        period: UnitName = TimeUnit.DAY,
        by: By | None = None,
    ) -> "CalibrationHoldout":
        """Return the history until ``at``, its period included, and the purchases after it.

        Args:
            at: End of calibration.
            unit: As in `history`.
            period: As in `history`.
            by: As in `history`.

        Raises:
            DataError: If there is no purchase until ``at``, or none after it.

        Examples:
            >>> import pandas as pd
            >>> days = ["2026-01-01", "2026-01-15", "2026-02-12"]
            >>> frame = pd.DataFrame({"customer_id": "a", "channel": "ec", "time": days})
            >>> split = PurchaseLog.from_frame(frame.assign(value=9.0)).split(at="2026-01-31")
            >>> split.calibration.frequency.tolist(), split.holdout_frequency.tolist()
            ([1], [1])
        """
        grain, last = TimeUnit(period), self._last(None)
        calibration = self.history(unit=unit, period=grain, by=by, end=at)
        border = _period(self._moment(at), grain)
        ahead = _period(last, grain) - border
        if ahead <= 0:
            hint = f"the log ends on {last.astype('datetime64[D]')}"
            raise DataError(f"no purchase after {at}", column="time", hint=hint)
        later = np.flatnonzero(_periods(self.time, grain) > border)
        frequency, value, newcomers = _holdout(self, later, grain, by, calibration)
        return CalibrationHoldout(
            calibration, frequency, value, Span(float(ahead), grain), newcomers
        )

    def _take(self, mask: NDArray[np.bool_]) -> "PurchaseLog[FrameT]":
        """Return the log of some purchases and the customers who made them."""
        codes, customer = np.unique(self.customer[mask], return_inverse=True)
        return replace(
            self,
            customer_id=self.customer_id[codes],
            customer=customer.astype(np.intp),
            channel=self.channel[mask],
            time=self.time[mask],
            value=self.value[mask],
        )

    def _last(self, end: Moment | None) -> np.datetime64:
        if end is not None:
            return self._moment(end)
        if not len(self):
            raise DataError("the log has no purchases", column="time", hint="look at log.rejected")
        last: np.datetime64 = self.time.max()
        return last

    def _moment(self, value: Moment) -> np.datetime64:
        hint = 'Hint: a local moment such as "2026-01-31"'
        try:
            stamp = pd.Timestamp(value)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"not a moment: {value!r}. {hint}") from error
        if bool(pd.isna(stamp)):
            raise ConfigError(f"not a moment: {value!r}. {hint}")
        if stamp.tzinfo is not None and self.timezone is None:
            message = f"{value!r} has an offset, but the log has no time zone"
            advice = 'a moment without an offset, or PurchaseLog.from_frame(..., timezone="UTC")'
            raise ConfigError(f"{message}. Hint: {advice}")
        local = stamp if stamp.tzinfo is None else stamp.tz_convert(self.timezone).tz_localize(None)
        return np.datetime64(local.isoformat(), "us")


@dataclass(frozen=True, eq=False)
class CalibrationHoldout:
    """A history until a split, and the purchases of its rows after the split.

    Create one with `PurchaseLog.split`.

    Attributes:
        calibration: The history until the split.
        holdout_frequency: Purchase occasions after the split, of shape (n_rows,).
        holdout_value: Total value of these purchases, of shape (n_rows,).
        holdout_span: Time from the split to the end of the log.
        newcomers: Number of rows left out because their first purchase is after the split.

    Examples:
        >>> import pandas as pd
        >>> days = ["2026-01-01", "2026-01-15", "2026-02-12"]
        >>> frame = pd.DataFrame({"customer_id": ["a", "a", "b"], "channel": "ec", "time": days})
        >>> split = PurchaseLog.from_frame(frame.assign(value=9.0)).split(at="2026-01-10")
        >>> split.holdout_value.tolist(), split.newcomers, str(split.holdout_span)
        ([9.0], 1, '33 days')
    """

    calibration: PurchaseHistory
    holdout_frequency: NDArray[np.int64]
    holdout_value: NDArray[np.float64]
    holdout_span: Span
    newcomers: int


@dataclass(frozen=True, eq=False)
class _Occasions:
    """Purchase occasions, sorted by key and period.

    Attributes:
        key: Number of the customer, or of the customer and channel, of shape (n_occasions,).
        period: Number of the period, same shape.
        value: Total value, same shape.
    """

    key: NDArray[np.int64]
    period: NDArray[np.int64]
    value: NDArray[np.float64]

    @classmethod
    def of(
        cls, key: NDArray[np.int64], period: NDArray[np.int64], value: NDArray[np.float64]
    ) -> "_Occasions":
        order = np.lexsort((period, key))
        key, period = key[order], period[order]
        new = np.ones(len(key), dtype=bool)
        new[1:] = (key[1:] != key[:-1]) | (period[1:] != period[:-1])
        begin = np.flatnonzero(new)
        return cls(key[begin], period[begin], _sums(value[order], begin))


@dataclass(frozen=True)
class _Counting:
    """How a history is counted: period, unit, rows, and the last moment."""

    grain: TimeUnit
    unit: TimeUnit
    by: By | None
    last: np.datetime64

    def require_window(self, start: np.datetime64, channels: tuple[str, ...]) -> None:
        """Raise ConfigError if the window is empty, DataError if there is no channel."""
        if _period(start, self.grain) > _period(self.last, self.grain):
            message = f"the window from {start} to {self.last} is empty"
            raise ConfigError(f"{message}. Hint: give end=, not earlier than start")
        if self.by == "channel" and not channels:
            hint = "look at log.rejected, or count without by="
            raise DataError("a log without purchases has no channels", column="channel", hint=hint)

    def periods(self, time: NDArray[np.datetime64]) -> NDArray[np.int64]:
        return _periods(time, self.grain)


def _history(
    log: PurchaseLog[object], counting: _Counting, start: np.datetime64 | None
) -> PurchaseHistory:
    """Return the history of a log that ends with the observation."""
    by, grain = counting.by, counting.grain
    rows = np.arange(len(log)) if start is None else np.flatnonzero(log.time >= start)
    key, period, value = _keys(log, rows, by), counting.periods(log.time[rows]), log.value[rows]
    if start is not None:  # every account opens with an occasion of its own, worth nothing
        every = np.arange(len(log.customer_id) * (len(log.channels) if by == "channel" else 1))
        opening = np.full(len(every), _period(start, grain) - 1)
        key, period = np.concatenate([every, key]), np.concatenate([opening, period])
        value = np.concatenate([np.zeros(len(every)), value])
    occasions = _Occasions.of(key, period, value)
    begin = np.flatnonzero(np.diff(occasions.key, prepend=-1))
    stop = np.r_[begin[1:], len(occasions.key)] if len(begin) else begin
    first, x = occasions.period[begin], stop - begin - 1
    repeat_value = _sums(occasions.value, begin) - occasions.value[begin]
    scale = 1.0 if counting.unit is grain else grain.in_days / counting.unit.in_days
    keys = occasions.key[begin]
    return PurchaseHistory(
        customer_id=log.customer_id[keys // len(log.channels) if by == "channel" else keys],
        frequency=x.astype(np.int64),
        recency=np.asarray((occasions.period[stop - 1] - first) * scale, dtype=np.float64),
        T=np.asarray((_period(counting.last, grain) - first) * scale, dtype=np.float64),
        monetary_value=np.where(x > 0, repeat_value / np.maximum(x, 1), np.nan),
        unit=counting.unit,
        groups=_groups(log, keys, by),
        counts={} if by == "channel" else _counts(log, rows, grain),
        start=None if start is None else start.astype(datetime),
    )


def _sums(values: NDArray[np.float64], begin: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the sum of each run of values, by the places where runs begin."""
    return np.add.reduceat(values, begin) if len(begin) else np.empty(0)


def _holdout(
    log: PurchaseLog[object],
    later: NDArray[np.intp],
    grain: TimeUnit,
    by: By | None,
    calibration: PurchaseHistory,
) -> tuple[NDArray[np.int64], NDArray[np.float64], int]:
    """Return purchases and value per row of the calibration, and the number of new rows."""
    occasions = _Occasions.of(
        _keys(log, later, by), _periods(log.time[later], grain), log.value[later]
    )
    known = _row_keys(log, calibration, by)
    order = np.argsort(known)
    place = np.searchsorted(known[order], occasions.key).clip(max=len(known) - 1)
    row = order[place]
    seen = known[row] == occasions.key
    frequency = np.bincount(row[seen], minlength=len(known)).astype(np.int64)
    value = np.bincount(row[seen], weights=occasions.value[seen], minlength=len(known))
    return frequency, value, len(np.unique(occasions.key[~seen]))


def _keys(log: PurchaseLog[object], rows: NDArray[np.intp], by: By | None) -> NDArray[np.int64]:
    """Return the number of the customer, or of the customer and channel, of each purchase."""
    if by == "channel":
        return (log.customer[rows] * len(log.channels) + log.channel[rows]).astype(np.int64)
    if by not in (None, "acquisition_channel"):
        raise ConfigError(f'unknown grouping: {by!r}. Hint: by="acquisition_channel"')
    return log.customer[rows].astype(np.int64)


def _row_keys(
    log: PurchaseLog[object], history: PurchaseHistory, by: By | None
) -> NDArray[np.int64]:
    customer = pd.Index(log.customer_id).get_indexer(pd.Index(history.customer_id))
    if by != "channel":
        return customer.astype(np.int64)
    channel = np.searchsorted(np.array(log.channels), history.groups["channel"])
    return (customer * len(log.channels) + channel).astype(np.int64)


def _groups(
    log: PurchaseLog[object], keys: NDArray[np.int64], by: By | None
) -> dict[str, NDArray[np.str_]]:
    channels = np.array(log.channels, dtype=str)
    if by is None:
        return {}
    if by == "channel":
        return {"channel": channels[keys % len(channels)]}
    first, _ = _first_and_last(log)
    never = log.customer_id[first < 0]
    if len(never):
        hint = 'history.with_group("acquisition_channel", labels), from another source'
        problem = "customers without a purchase have no acquisition channel"
        raise DataError(problem, column="customer_id", rows=never.tolist(), hint=hint)
    return {"acquisition_channel": channels[log.channel[first]]}


def _first_and_last(log: PurchaseLog[object]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the positions of each customer's first and last purchase; -1 if there is none."""
    order = np.lexsort((log.time, log.customer))
    customer = log.customer[order]
    first, last = np.full((2, len(log.customer_id)), -1, dtype=np.intp)
    last[customer] = order  # of repeated places the last one is kept
    first[customer[::-1]] = order[::-1]
    return first, last


def _counts(
    log: PurchaseLog[object], rows: NDArray[np.intp], grain: TimeUnit
) -> dict[str, NDArray[np.int64]]:
    """Return purchase occasions per channel, each of shape (n_customers,)."""
    n, key = len(log.channels), _keys(log, rows, "channel")
    occasions = _Occasions.of(key, _periods(log.time[rows], grain), log.value[rows])
    table = np.bincount(occasions.key, minlength=len(log.customer_id) * n)
    return {name: table.reshape(-1, n)[:, place] for place, name in enumerate(log.channels)}


def _periods(time: NDArray[np.datetime64], grain: TimeUnit) -> NDArray[np.int64]:
    """Return the number of the calendar period of each time."""
    match grain:
        case TimeUnit.WEEK:  # weeks begin on Monday; day 0, 1 January 1970, was a Thursday
            return (time.astype("datetime64[D]").astype(np.int64) + 3) // 7
        case TimeUnit.DAY:
            return time.astype("datetime64[D]").astype(np.int64)
        case TimeUnit.MONTH:
            return time.astype("datetime64[M]").astype(np.int64)
        case TimeUnit.YEAR:
            return time.astype("datetime64[Y]").astype(np.int64)


def _period(time: np.datetime64, grain: TimeUnit) -> int:
    return int(_periods(np.array([time]), grain)[0])


def _local_time(table: Eager, timezone: str | None) -> Eager:
    """Return the table with local times without an offset."""
    dtype = table.schema["time"]
    aware = isinstance(dtype, nw.Datetime) and dtype.time_zone is not None
    if timezone is not None:
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ConfigError(f'unknown time zone: {timezone!r}. Hint: "Asia/Tokyo"') from error
    if not aware:
        return table
    if timezone is None:
        hint = 'PurchaseLog.from_frame(..., timezone="Asia/Tokyo")'
        raise DataError("times have an offset, but no time zone is given", column="time", hint=hint)
    local = nw.col("time").dt.convert_time_zone(timezone).dt.replace_time_zone(None)
    return table.with_columns(local)


def _settle(
    table: Eager, refunds: Refunds
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.object_]]:
    """Return value after refunds, whether a row is a purchase, and why it is rejected."""
    value = np.full(len(table), np.nan)
    if "value" in table.columns:
        value = table["value"].to_numpy().astype(np.float64)
    reason = np.full(len(value), "", dtype=object)
    refund = value < 0
    if refunds == "set_aside":
        reason[refund] = "refund, rejected by refunds='set_aside'"
    if refunds == "set_aside" or not refund.any():
        return value, ~refund, reason
    target = _refunded(table, refund)
    reason[refund & (target < 0)] = "refund without its purchase"
    matched = refund & (target >= 0)
    back = np.bincount(target[matched], weights=-value[matched], minlength=len(value))
    too_much = back > np.maximum(value, 0) * (1 + _CENT) + _CENT
    over = matched & too_much[target]
    reason[over] = "refunds of more than the purchase"
    net = np.where(too_much, value, value - back)
    net[np.abs(net) <= _CENT * np.abs(value)] = 0.0
    undone = (net == 0) & (back > 0)
    return net, ~refund & ~undone, reason


def _refunded(table: Eager, refund: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the row of the purchase that each refund names; -1 if there is none."""
    target = np.full(len(refund), -1, dtype=np.intp)
    if not {"transaction_id", "refund_of"} <= set(table.columns):
        return target
    ids = np.array(table["transaction_id"].to_list(), dtype=object)
    bought = np.flatnonzero(~refund & ~pd.isna(ids))
    if not len(bought):
        return target
    named = np.array(table["refund_of"].to_list(), dtype=object)[refund]
    found = pd.Index(ids[bought]).get_indexer(pd.Index(named))
    customer = pd.factorize(np.array(table["customer_id"].to_list(), dtype=object))[0]
    place = np.where(found >= 0, bought[found], -1)
    same = (place >= 0) & (customer[place] == customer[refund])
    target[refund] = np.where(same, place, -1)
    return target


def _codes(
    table: Eager, column: str, rows: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], NDArray[np.object_]]:
    everything = ["all"] * len(table)  # of a table without channels
    given = table[column].to_list() if column in table.columns else everything
    values = np.array(given, dtype=object)[rows]
    codes, labels = pd.factorize(values)
    return codes.astype(np.intp), np.asarray(labels, dtype=object)
