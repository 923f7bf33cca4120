"""The purchase log: checked purchases, and the histories counted from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, overload

import numpy as np
import pandas as pd
from narwhals.typing import IntoFrameT
from numpy.typing import ArrayLike, NDArray

from omniltv._columns import check_ids, positions, repeated
from omniltv._frames import Backend, Table
from omniltv._options import Seed, Share, checked
from omniltv.data._calendar import UnitName, local_moment
from omniltv.data._calendar_counts import event_days, learn
from omniltv.data._counting import (
    By,
    Counting,
    Occasions,
    count_history,
    count_holdout,
    counts_by_channel,
    first_and_last,
    period_number,
    period_numbers,
    row_keys,
)
from omniltv.data._intake import enter
from omniltv.data._lines import IdenticalLines, RowKind, RowRule
from omniltv.data._windows import window_report
from omniltv.data.calendar_time import CalendarTime
from omniltv.data.checking import Moment
from omniltv.data.cohorts import Cohort
from omniltv.data.history import PurchaseHistory
from omniltv.data.holdout import CalibrationHoldout
from omniltv.data.items import OrderItems
from omniltv.data.refunds import REFUND_RULES, RefundRule
from omniltv.data.refunds._settling import check_rules
from omniltv.data.report import IntakeReport, Tolerance, money
from omniltv.data.spelling import Formats
from omniltv.errors import ConfigError, DataError
from omniltv.units import Discount, Span, TimeUnit

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

__all__ = ["By", "Cohort", "PurchaseLog", "UnitName"]


@checked
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
        report: Rows and money kept, changed and set aside by `from_frame`, by reason.
        timezone: Time zone of the calendar, where `from_frame` was given one.
        items: The rows of each purchase with ``item`` and ``category``, if the table has one
            of these columns.

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
    report: IntakeReport[FrameT]
    timezone: str | None = None
    items: OrderItems | None = None

    @classmethod
    def from_frame(
        cls,
        frame: IntoFrameT,
        *,
        timezone: str | None = None,
        rows: RowKind = "auto",
        identical_lines: IdenticalLines = "keep",
        refunds: Sequence[RefundRule] = REFUND_RULES,
        now: Moment | None = None,
        formats: Formats | None = None,
        tolerance: Tolerance | None = None,
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
            rows: What a row is: one of the ``"lines"`` of an order, which share a
                ``transaction_id``, or a whole order (``"tickets"``). ``"auto"`` finds out (see
                `check`). Lines are summed to orders, negative lines included. If lines are
                asked for, rows without an id are one order per customer, channel and moment.
            identical_lines: What happens to identical lines of an order (see `check`).
            refunds: The rules that find the purchase of a refund, in this order. By default,
                a refund reduces the purchase that it names; one of the same amount within 90
                days; or, if it names none, the largest earlier purchases of the customer. A
                purchase that is refunded in full is removed. Other refunds are rejected;
                ``()`` rejects all.
            now: Later purchases are rejected (see `check`).
            formats: How dates and amounts are written, as far as the values do not say it.
            tolerance: How much may be rejected before there is a warning or an error;
                ``Tolerance()`` if None.

        Raises:
            IntakeError: If more is rejected than ``tolerance`` allows.
            DataError: If the table as a whole cannot be used (see `check`), or times have
                an offset and no time zone is given.
            ConfigError: If the time zone, a rule for refunds or another option is unknown.

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
        entered = enter(
            frame,
            timezone=timezone,
            refunds=check_rules(refunds),
            now=now,
            rule=RowRule(rows, identical_lines),
            formats=formats,
        )
        entered.report.judge(tolerance)
        return PurchaseLog(
            customer_id=entered.customers.labels,
            channels=tuple(map(str, entered.channels.labels)),
            customer=entered.customers.code,
            channel=entered.channels.code,
            time=entered.time,
            value=entered.value,
            report=entered.report,
            timezone=timezone,
            items=entered.items,
        )

    @property
    def rejected(self) -> FrameT:
        """Rejected rows as given, with ``reason``; a frame of the kind given."""
        return self.report.rejected

    @property
    def n_rejected(self) -> int:
        """Number of rejected rows."""
        return self.report.set_aside.rows

    def __len__(self) -> int:
        return len(self.value)

    def __repr__(self) -> str:
        value = self.report.set_aside.value
        worth = "" if np.isnan(value) else f" worth {money(value)}"
        aside = f"{self.n_rejected:,} rejected rows{worth}"
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
            items=None if self.items is None else self.items.of_purchases(mask),
        )

    def with_margin(self, margin: Share | Mapping[str, Share]) -> "PurchaseLog[FrameT]":
        """Return the log with each value multiplied by the margin of its channel.

        Args:
            margin: Margin as a share of the value: one number, or one per channel.

        Raises:
            ConfigError: If a margin is not a number from 0 to 1.
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
        lacking = [name for name in self.channels if name not in shares]
        if lacking:
            hint = f'margin={{"{lacking[0]}": 0.3, ...}}'
            raise DataError(f"no margin for: {', '.join(lacking)}", column="channel", hint=hint)
        per_channel = np.array([shares[name] for name in self.channels], dtype=np.float64)
        factor = per_channel[self.channel]
        items = None if self.items is None else self.items.times(factor)
        return replace(self, value=self.value * factor, items=items)

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
        day = period_numbers(self.time, TimeUnit.DAY)
        days = Occasions.of(row_keys(self, rows, None), day, self.value)
        first, last = first_and_last(self)
        channels = np.array([*self.channels, ""], dtype=str)
        time = np.append(self.time, np.datetime64("NaT", "us"))
        counts = counts_by_channel(self, rows, TimeUnit.DAY)
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
        cohort: Cohort | None = None,
        end: Moment | None = None,
        start: Moment | None = None,
        customers: ArrayLike | None = None,
        calendar: CalendarTime | None = None,
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
            cohort: Adds the group column ``cohort``: the calendar month, quarter or year of the
                customer's first purchase in the log, such as ``"2026-01"``, ``"2026Q1"`` or
                ``"2026"``.
            end: Last moment of observation, its whole period included; the last purchase of
                the log if None. Later purchases are left out.
            start: Moment at which all accounts open. Earlier purchases are left out.
            customers: Ids of the customers to include, of shape (n_customers,), in this
                order. Only with ``start``; all customers of the log if None.
            calendar: Calendar time, see `calendar_time`. Recency and T are then operational
                times, from the end of the first day to that of the last. The number of
                distinct states does not change.

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
            >>> log.history(cohort="quarter").groups["cohort"].tolist()
            ['2026Q1']
            >>> window = log.history(start="2026-01-11", end="2026-01-31", customers=["a", "b"])
            >>> window.frequency.tolist(), window.recency.tolist(), window.T.tolist()
            ([1, 0], [5.0, 0.0], [21.0, 21.0])
        """
        grain, last = TimeUnit(period), self._last(end)
        counting = Counting(grain, TimeUnit(unit or grain), by, last, calendar, cohort)
        late = period_numbers(self.time, grain) > period_number(last, grain)
        seen = self._take(~late)
        if start is not None:
            opens = self._moment(start)
            counting.require_window(opens, self.channels)
            theirs = seen.of_customers(self.customer_id if customers is None else customers)
            report = window_report(self, late, start=opens, customers=theirs.customer_id)
            return replace(count_history(theirs, counting, opens), report=report)
        if customers is not None:
            raise ConfigError("customers= needs start=. Hint: history.take(rows) selects rows")
        if not len(seen):
            raise self._nothing_until(last)
        return replace(count_history(seen, counting, None), report=window_report(self, late))

    def calendar_time(
        self,
        *,
        seed: Seed,
        by: By | None = None,
        end: Moment | None = None,
        events: Mapping[str, Sequence[Moment]] | None = None,
    ) -> CalendarTime:
        """Return season, weekdays, trend and events, learnt from the repeat purchases.

        The mean number of repeat purchases in a week is the number of customers of each age,
        times a factor of the age, in operational time, times the intensity of the week. The
        variance is that between customers, since purchases of one customer belong together.
        The logarithm of the intensity has six harmonics of the year, a slope, a random walk in
        steps of four weeks, and events. Groups deviate from common effects. The size of season,
        walk and deviations is estimated, with priors that hold if the log is short: a season of
        15 %, steps of 3 %, deviations of 5 % and 2 %. Weekdays have their share of the repeat
        purchases.

        Less than two years of purchases do not tell a season from other changes. The draws of
        a forecast include this uncertainty.

        Args:
            seed: Seed of the draws of later forecasts.
            by: The groups, as in `history`; None for one calendar of all purchases.
            end: Last day to learn from; the last purchase if None.
            events: Days of each event by name, past and future ones. All days of an event have
                one factor per group.

        Raises:
            DataError: If there are fewer than eight weeks, or nobody bought twice.
            ConfigError: If an argument is unknown.

        Examples:
            >>> import pandas as pd
            >>> rng = np.random.default_rng(2)
            >>> day = pd.Timestamp("2025-01-06") + pd.to_timedelta(rng.integers(0, 365, 900), "D")
            >>> table = {"customer_id": rng.integers(0, 90, 900), "channel": "ec", "time": day}
            >>> log = PurchaseLog.from_frame(pd.DataFrame(table).assign(value=1.0))
            >>> calendar = log.calendar_time(events={"sale": ["2025-11-28"]}, seed=1)
            >>> log.history(unit="week", calendar=calendar)
            PurchaseHistory(90 rows, 801 repeat purchases, in weeks, in calendar time)
        """
        last = self._last(end)
        seen = self._take(
            period_numbers(self.time, TimeUnit.DAY) <= period_number(last, TimeUnit.DAY)
        )
        if not len(seen):
            raise self._nothing_until(last)
        days = {name: [self._moment(day) for day in each] for name, each in (events or {}).items()}
        return learn(seen, by, period_number(last, TimeUnit.DAY), event_days(days), seed)

    def split(
        self,
        *,
        at: Moment,
        end: Moment | None = None,
        unit: UnitName | None = None,
        period: UnitName = TimeUnit.DAY,
        by: By | None = None,
        cohort: Cohort | None = None,
        calendar: CalendarTime | None = None,
    ) -> CalibrationHoldout:
        """Return the history until ``at``, its period included, and the purchases after it.

        The holdout lasts until ``end``, its period included.

        Args:
            at: End of calibration.
            end: End of the holdout; the last purchase of the log if None.
            unit: As in `history`.
            period: As in `history`.
            by: As in `history`.
            cohort: As in `history`.
            calendar: As in `history`; learn it from the purchases until ``at``.

        Raises:
            DataError: If there is no purchase until ``at``, or none after it.
            ConfigError: If the holdout ends before it begins, or an argument is unknown.

        Examples:
            >>> import pandas as pd
            >>> days = ["2026-01-01", "2026-01-15", "2026-02-12"]
            >>> frame = pd.DataFrame({"customer_id": "a", "channel": "ec", "time": days})
            >>> split = PurchaseLog.from_frame(frame.assign(value=9.0)).split(at="2026-01-31")
            >>> split.calibration.frequency.tolist(), split.holdout_frequency.tolist()
            ([1], [1])
            >>> log = PurchaseLog.from_frame(frame.assign(value=9.0))
            >>> short = log.split(at="2026-01-05", end="2026-01-31")
            >>> short.holdout_frequency.tolist(), str(short.holdout_span)
            ([1], '26 days')
        """
        grain, last = TimeUnit(period), self._last(None)
        calibration = self.history(
            unit=unit, period=grain, by=by, cohort=cohort, end=at, calendar=calendar
        )
        border = period_number(self._moment(at), grain)
        if period_number(last, grain) <= border:
            hint = f"the log ends on {last.astype('datetime64[D]')}"
            raise DataError(f"no purchase after {at}", column="time", hint=hint)
        until = period_number(self._last(end), grain)
        if until <= border:
            message = f"the holdout from {at} to {end} is empty"
            raise ConfigError(f"{message}. Hint: a later end=", parameter="end")
        number = period_numbers(self.time, grain)
        later = np.flatnonzero((number > border) & (number <= until))
        frequency, value, newcomers = count_holdout(self, later, grain, by, calibration)
        return CalibrationHoldout(
            calibration, frequency, value, Span(float(until - border), grain), newcomers
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
            items=None if self.items is None else self.items.of_purchases(mask),
        )

    def _nothing_until(self, last: np.datetime64) -> DataError:
        """Return the error that the log has no purchase until a moment."""
        if not len(self):
            return self._empty()
        day, first = last.astype("datetime64[D]"), self.time.min().astype("datetime64[D]")
        hint = f"the log begins on {first}; give a later end"
        return DataError(f"no purchase until {day}", column="time", hint=hint)

    def _empty(self) -> DataError:
        """Return the error that the log has no purchases: none was given, or none was kept."""
        if not self.report.given.rows:
            hint = "give a table with rows; from_frame got none"
            problem = "the log has no purchases: its table is empty"
            return DataError(problem, column="time", hint=hint)
        return DataError("the log has no purchases", column="time", hint="look at log.report")

    def _last(self, end: Moment | None) -> np.datetime64:
        if end is not None:
            return self._moment(end)
        if not len(self):
            raise self._empty()
        last: np.datetime64 = self.time.max()
        return last

    def _moment(self, value: Moment) -> np.datetime64:
        return local_moment(value, self.timezone)
