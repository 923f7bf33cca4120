"""The purchase log: checked purchases, and the history that they come down to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, overload
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrameT
from numpy.typing import NDArray

from omniltv._frames import Backend, Eager, Table, collect, read_frame, unused_name
from omniltv.data.checking import check
from omniltv.data.history import PurchaseHistory
from omniltv.errors import ConfigError, DataError
from omniltv.units import Span, TimeUnit

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

__all__ = ["By", "CalibrationHoldout", "PurchaseLog", "Refunds"]

type By = Literal["channel", "acquisition_channel"]
type Refunds = Literal["net", "set_aside"]
type UnitName = TimeUnit | Literal["day", "week", "month", "year"]
type Moment = str | np.datetime64 | pd.Timestamp

_CENT = 1e-9


@dataclass(frozen=True, eq=False, repr=False)
class PurchaseLog[FrameT]:
    """Purchases that can be counted, and the rows that cannot, with the reason.

    Make one with `from_frame`. Times are local calendar times: which day a purchase
    counts on is settled here, once.

    Attributes:
        customer_id: The customers, of shape (n_customers,).
        channels: The channels, sorted.
        customer: Customer of each purchase, by position, of shape (n_purchases,).
        channel: Channel of each purchase, by position, same shape.
        time: Local calendar time, same shape.
        value: Value after refunds, same shape, not below 0.
        rejected: Rows set aside, as they came, with ``reason``; a frame of the kind given.
        n_rejected: How many they are.
    """

    customer_id: NDArray[np.object_]
    channels: tuple[str, ...]
    customer: NDArray[np.intp]
    channel: NDArray[np.intp]
    time: NDArray[np.datetime64]
    value: NDArray[np.float64]
    rejected: FrameT
    n_rejected: int

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
            frame: With ``customer_id``, ``channel``, ``time``, ``value`` and, if there are
                refunds, ``transaction_id`` and ``refund_of``. A refund is a row of
                negative value. A row of value 0 (paid with points or a coupon) is a purchase.
                Without ``channel``, all purchases are on one channel, ``"all"``; without
                ``value``, values are NaN.
            timezone: Whose calendar counts, such as ``"Asia/Tokyo"``. Needed where times
                carry an offset; times without one are local already.
            refunds: ``"net"`` takes a refund off the purchase it names; a purchase that is
                refunded in full is no purchase. ``"set_aside"`` leaves all refunds out.
            now: Purchases later than this are set aside (see `check`).

        Raises:
            DataError: If the table as a whole cannot be used (see `check`), or times carry
                an offset and no time zone is given.
            ConfigError: If there is no such time zone, or no such rule for refunds.

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
            PurchaseLog(4 purchases of 2 customers, 2026-01-01 to 2026-02-01; 0 rows set aside)
            >>> history = log.history()
            >>> history.frequency.tolist(), history.T.tolist(), history.monetary_value[0].item()
            ([1, 0], [31.0, 0.0], 25.0)
        """
        if refunds not in ("net", "set_aside"):
            raise ConfigError(f'no such rule for refunds: {refunds!r}. Hint: refunds="net"')
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
        )

    def __len__(self) -> int:
        return len(self.value)

    def __repr__(self) -> str:
        aside = f"{self.n_rejected:,} rows set aside"
        if not len(self):
            return f"PurchaseLog(no purchases; {aside})"
        return (
            f"PurchaseLog({len(self):,} purchases of {len(self.customer_id):,} customers, "
            f"{self.time.min().astype('datetime64[D]')} to "
            f"{self.time.max().astype('datetime64[D]')}; {aside})"
        )

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return the columns of one row per purchase: customer, channel, time, value."""
        return {
            "customer_id": self.customer_id[self.customer],
            "channel": np.asarray(self.channels, dtype=str)[self.channel],
            "time": self.time,
            "value": self.value,
        }

    @overload
    def to_frame(self, *, backend: Literal["pandas"] = "pandas") -> pd.DataFrame: ...
    @overload
    def to_frame(self, *, backend: Literal["polars"]) -> "pl.DataFrame": ...
    @overload
    def to_frame(self, *, backend: Literal["pyarrow"]) -> "pa.Table": ...
    def to_frame(self, *, backend: Backend = "pandas") -> "pd.DataFrame | pl.DataFrame | pa.Table":
        """Return the purchases, refunds netted, times local, as a frame of the kind asked for."""
        return Table(self.columns()).to_frame(backend)

    def history(
        self,
        *,
        unit: UnitName | None = None,
        period: UnitName = TimeUnit.DAY,
        by: By | None = None,
        end: Moment | None = None,
    ) -> PurchaseHistory:
        """Return the history of each customer, or of each customer on each channel.

        All purchases of one period are one purchase occasion, their values summed. Time
        is counted in whole calendar periods from the period of the first purchase.

        Args:
            unit: The unit in which recency and T are given; the period where None.
            period: Days, weeks from Monday, or calendar months or years.
            by: ``"channel"`` gives a row per customer and channel, and the first purchase
                on a channel opens its row. ``"acquisition_channel"`` gives a row per
                customer, grouped by the channel of the first purchase (of several in the
                first period, the earliest). None gives a row per customer.
            end: The last moment observed, its period included; the last purchase of the
                log where None. Later purchases are left out.

        Raises:
            DataError: If the log has no purchase until ``end``.

        Examples:
            >>> import pandas as pd
            >>> days = ["2026-01-01", "2026-01-15", "2026-02-12"]
            >>> frame = pd.DataFrame({"customer_id": "a", "channel": "ec", "time": days})
            >>> log = PurchaseLog.from_frame(frame.assign(value=9.0))
            >>> history = log.history(unit="week", end="2026-01-31")
            >>> history.recency.tolist(), history.T.round(2).tolist()
            ([2.0], [4.29])
        """
        grain = TimeUnit(period)
        last = self._last(end)
        rows = np.flatnonzero(_periods(self.time, grain) <= _period(last, grain))
        if not len(rows):
            hint = "the log begins later; give a later end, or more purchases"
            raise DataError(
                f"no purchase until {last.astype('datetime64[D]')}", column="time", hint=hint
            )
        return _history(self, rows, grain, TimeUnit(unit or grain), by, last)

    def split(
        self,
        *,
        at: Moment,
        unit: UnitName | None = None,
        period: UnitName = TimeUnit.DAY,
        by: By | None = None,
    ) -> "CalibrationHoldout":
        """Return the history until ``at`` (its period included), and what came after.

        Args:
            at: End of calibration.
            unit: As in `history`.
            period: As in `history`.
            by: As in `history`.

        Raises:
            DataError: If there is no purchase until ``at``, or none after it.
        """
        grain, last = TimeUnit(period), self._last(None)
        calibration = self.history(unit=unit, period=grain, by=by, end=at)
        ahead = _period(last, grain) - _period(_moment(at), grain)
        if ahead <= 0:
            hint = f"the log ends on {last.astype('datetime64[D]')}"
            raise DataError(f"nothing to hold out after {at}", column="time", hint=hint)
        later = np.flatnonzero(_periods(self.time, grain) > _period(_moment(at), grain))
        frequency, value, newcomers = _holdout(self, later, grain, by, calibration)
        return CalibrationHoldout(
            calibration, frequency, value, Span(float(ahead), grain), newcomers
        )

    def _last(self, end: Moment | None) -> np.datetime64:
        if end is not None:
            return _moment(end)
        if not len(self):
            raise DataError("the log has no purchases", column="time", hint="look at log.rejected")
        last: np.datetime64 = self.time.max()
        return last


@dataclass(frozen=True, eq=False)
class CalibrationHoldout:
    """A history to fit on, and what its rows really did afterwards.

    Attributes:
        calibration: The history until the split.
        holdout_frequency: Purchases after it, of shape (n_rows,).
        holdout_value: Their summed value, of shape (n_rows,).
        holdout_span: From the split to the end of the log.
        newcomers: Rows left out because their first purchase came after the split.
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
        key: What has a row in the history, of shape (n_occasions,).
        period: Number of the period.
        value: Summed value.
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
        start = np.flatnonzero(new)
        total = np.add.reduceat(value[order], start) if len(start) else np.empty(0)
        return cls(key[start], period[start], total)


def _history(
    log: PurchaseLog[object],
    rows: NDArray[np.intp],
    grain: TimeUnit,
    unit: TimeUnit,
    by: By | None,
    last: np.datetime64,
) -> PurchaseHistory:
    key = _keys(log, rows, by)
    occasions = _Occasions.of(key, _periods(log.time[rows], grain), log.value[rows])
    start = np.flatnonzero(np.r_[True, occasions.key[1:] != occasions.key[:-1]])
    stop = np.r_[start[1:], len(occasions.key)]
    first, x = occasions.period[start], stop - start - 1
    repeat_value = np.add.reduceat(occasions.value, start) - occasions.value[start]
    with np.errstate(invalid="ignore"):
        mean = np.where(x > 0, repeat_value / np.maximum(x, 1), np.nan)
    scale = 1.0 if unit is grain else grain.in_days / unit.in_days
    keys = occasions.key[start]
    customer = keys // len(log.channels) if by == "channel" else keys
    return PurchaseHistory(
        customer_id=log.customer_id[customer],
        frequency=x.astype(np.int64),
        recency=np.asarray((occasions.period[stop - 1] - first) * scale, dtype=np.float64),
        T=np.asarray((_period(last, grain) - first) * scale, dtype=np.float64),
        monetary_value=mean,
        unit=unit,
        groups=_groups(log, rows, keys, by),
        counts={} if by == "channel" else _counts(log, rows, keys, grain),
    )


def _holdout(
    log: PurchaseLog[object],
    later: NDArray[np.intp],
    grain: TimeUnit,
    by: By | None,
    calibration: PurchaseHistory,
) -> tuple[NDArray[np.int64], NDArray[np.float64], int]:
    """Return purchases and value per row of the calibration, and how many rows are new."""
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
    """Return what each purchase counts towards: its customer, or customer and channel."""
    if by == "channel":
        return (log.customer[rows] * len(log.channels) + log.channel[rows]).astype(np.int64)
    if by not in (None, "acquisition_channel"):
        raise ConfigError(f'no such grouping: {by!r}. Hint: by="acquisition_channel"')
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
    log: PurchaseLog[object], rows: NDArray[np.intp], keys: NDArray[np.int64], by: By | None
) -> dict[str, NDArray[np.str_]]:
    channels = np.array(log.channels)
    if by is None:
        return {}
    if by == "channel":
        return {"channel": channels[keys % len(channels)]}
    order = rows[np.lexsort((log.time[rows], log.customer[rows]))]
    customer = log.customer[order]
    earliest = order[np.r_[True, customer[1:] != customer[:-1]]]
    return {"acquisition_channel": channels[log.channel[earliest]]}


def _counts(
    log: PurchaseLog[object], rows: NDArray[np.intp], keys: NDArray[np.int64], grain: TimeUnit
) -> dict[str, NDArray[np.int64]]:
    """Return purchase occasions per channel, each of shape (n_rows,)."""
    occasions = _Occasions.of(
        _keys(log, rows, "channel"), _periods(log.time[rows], grain), log.value[rows]
    )
    row = np.searchsorted(keys, occasions.key // len(log.channels))
    channel = occasions.key % len(log.channels)
    table = np.zeros((len(keys), len(log.channels)), dtype=np.int64)
    np.add.at(table, (row, channel), 1)
    return {name: table[:, place] for place, name in enumerate(log.channels)}


def _periods(time: NDArray[np.datetime64], grain: TimeUnit) -> NDArray[np.int64]:
    """Return the number of the calendar period that each time is in."""
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


def _moment(value: Moment) -> np.datetime64:
    hint = 'Hint: a local moment such as "2026-01-31"'
    try:
        stamp = pd.Timestamp(value)
    except ValueError as error:
        raise ConfigError(f"not a moment: {value!r}. {hint}") from error
    if stamp.tzinfo is not None or bool(pd.isna(stamp)):
        raise ConfigError(f"not a moment without an offset: {value!r}. {hint}")
    return np.datetime64(stamp.isoformat(), "us")


def _local_time(table: Eager, timezone: str | None) -> Eager:
    """Return the table with local times that carry no offset."""
    dtype = table.schema["time"]
    aware = isinstance(dtype, nw.Datetime) and dtype.time_zone is not None
    if timezone is not None:
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ConfigError(f'no such time zone: {timezone!r}. Hint: "Asia/Tokyo"') from error
    if not aware:
        return table
    if timezone is None:
        hint = 'PurchaseLog.from_frame(..., timezone="Asia/Tokyo") says whose calendar counts'
        raise DataError(
            "times carry an offset, and no time zone is given", column="time", hint=hint
        )
    local = nw.col("time").dt.convert_time_zone(timezone).dt.replace_time_zone(None)
    return table.with_columns(local)


def _settle(
    table: Eager, refunds: Refunds
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.object_]]:
    """Return value after refunds, whether a row is a purchase, and why it is set aside."""
    value = np.full(len(table), np.nan)
    if "value" in table.columns:
        value = table["value"].to_numpy().astype(np.float64)
    reason = np.full(len(value), "", dtype=object)
    refund = value < 0
    if refunds == "set_aside":
        reason[refund] = "a refund, set aside as told"
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
    """Return the row of the purchase that each refund names; -1 where there is none."""
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
