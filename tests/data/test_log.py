"""The purchase log: refunds, calendars, histories and splits, against a count by hand."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniltv.data import PurchaseHistory, PurchaseLog
from omniltv.errors import ConfigError, DataError, UnitError
from omniltv.units import Discount, TimeUnit

type Columns = Mapping[str, Sequence[Any]]
type Constructor = Callable[[Columns], Any]
type Contents = Callable[[Any], dict[str, list[Any]]]


def table(rows: Sequence[tuple[object, str, str, float]]) -> dict[str, list[Any]]:
    names = ("customer_id", "channel", "time", "value")
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def by_customer(history: PurchaseHistory, *names: str) -> dict[object, tuple[Any, ...]]:
    frame = history.to_frame()
    picked = frame[list(names)].itertuples(index=False, name=None)
    return dict(zip(frame["customer_id"], picked, strict=True))


VISITS = table(
    [
        ("ann", "store", "2026-01-05T10:00", 10.0),  # a Monday
        ("ann", "ec", "2026-01-05T21:00", 2.0),
        ("ann", "ec", "2026-01-11T09:00", 30.0),  # the Sunday of the same week
        ("ann", "store", "2026-02-02T09:00", 50.0),
        ("bob", "ec", "2026-01-31T23:59", 8.0),
        ("bob", "ec", "2026-02-01T00:01", 6.0),
    ]
)


def test_days_weeks_and_months_are_calendar_periods(constructor: Constructor) -> None:
    log = PurchaseLog.from_frame(constructor(VISITS))
    names = ("frequency", "recency", "T", "monetary_value")
    assert by_customer(log.history(end="2026-02-15"), *names) == {
        "ann": (2, 28.0, 41.0, 40.0),
        "bob": (1, 1.0, 15.0, 6.0),
    }
    assert by_customer(log.history(period="week", end="2026-02-15"), *names[:3]) == {
        "ann": (1, 4.0, 5.0),
        "bob": (0, 0.0, 2.0),
    }
    assert by_customer(log.history(period="month", end="2026-02-15"), *names[:3]) == {
        "ann": (1, 1.0, 1.0),
        "bob": (1, 1.0, 1.0),
    }
    assert by_customer(log.history(period="year", end="2027-02-15"), *names[:3]) == {
        "ann": (0, 0.0, 1.0),
        "bob": (0, 0.0, 1.0),
    }


def test_the_unit_is_only_how_periods_are_told(constructor: Constructor) -> None:
    log = PurchaseLog.from_frame(constructor(VISITS))
    days, weeks = log.history(), log.history(unit="week")
    assert weeks.unit is TimeUnit.WEEK
    np.testing.assert_array_equal(weeks.frequency, days.frequency)
    np.testing.assert_allclose(weeks.recency * 7, days.recency)
    np.testing.assert_allclose(weeks.T * 7, days.T)


def test_the_end_is_the_last_purchase_and_its_day_counts() -> None:
    log = PurchaseLog.from_frame(pd.DataFrame(VISITS))
    assert by_customer(log.history(), "T") == {"ann": (28.0,), "bob": (2.0,)}
    early = log.history(end="2026-01-31")
    assert by_customer(early, "frequency", "T") == {"ann": (1, 26.0), "bob": (0, 0.0)}


def test_rows_per_customer_and_channel_open_on_that_channel(constructor: Constructor) -> None:
    history = PurchaseLog.from_frame(constructor(VISITS)).history(by="channel")
    frame = history.to_frame()
    assert frame[["customer_id", "channel", "frequency", "recency", "T"]].values.tolist() == [
        ["ann", "ec", 1, 6.0, 28.0],
        ["ann", "store", 1, 28.0, 28.0],
        ["bob", "ec", 1, 1.0, 2.0],
    ]


def test_the_acquisition_channel_is_that_of_the_earliest_ticket(constructor: Constructor) -> None:
    ec_first = {name: [values[2], *values[:2], *values[3:]] for name, values in VISITS.items()}
    assert ec_first["channel"][0] == "ec"
    for rows in (VISITS, ec_first):
        history = PurchaseLog.from_frame(constructor(rows)).history(by="acquisition_channel")
        groups = dict(zip(history.customer_id, history.groups["acquisition_channel"], strict=True))
        assert groups == {"ann": "store", "bob": "ec"}


def test_of_tickets_at_one_moment_the_first_row_opens_the_account() -> None:
    rows = [("a", "store", "2026-01-01", 1.0), ("a", "ec", "2026-01-01", 1.0)]
    for order in (rows, rows[::-1]):
        log = PurchaseLog.from_frame(pd.DataFrame(table(order)))
        history = log.history(by="acquisition_channel")
        assert history.groups["acquisition_channel"].tolist() == [order[0][1]]


def test_counts_per_channel_are_occasions(constructor: Constructor) -> None:
    for by in (None, "acquisition_channel"):
        history = PurchaseLog.from_frame(constructor(VISITS)).history(by=by)
        counts = {name: values.tolist() for name, values in history.counts.items()}
        assert counts == {"ec": [2, 2], "store": [2, 0]}


def test_a_purchase_of_value_zero_is_an_occasion() -> None:
    rows = [("a", "ec", "2026-01-01", 5.0), ("a", "ec", "2026-01-03", 0.0)]
    log = PurchaseLog.from_frame(pd.DataFrame(table(rows)))
    history = log.history()
    assert (log.n_rejected, history.frequency.tolist()) == (0, [1])
    assert history.monetary_value.tolist() == [0.0]


@pytest.mark.parametrize("ids", [[3, 10], ["3", "10"], [2**60 + 1, 2**60 + 3]])
def test_ids_stay_what_they_are(ids: list[object], constructor: Constructor) -> None:
    rows = [(name, "ec", "2026-01-01", 1.0) for name in ids]
    history = PurchaseLog.from_frame(constructor(table(rows))).history()
    assert sorted(history.customer_id.tolist(), key=str) == sorted(ids, key=str)
    assert {type(name) for name in history.customer_id.tolist()} == {type(ids[0])}


# Refunds

BOUGHT: dict[str, list[Any]] = {
    "transaction_id": ["t1", "t2", "t3"],
    "refund_of": [None, None, None],
    **table(
        [
            ("a", "store", "2026-01-01", 10.0),
            ("a", "store", "2026-01-05", 20.0),
            ("b", "ec", "2026-01-05", 30.0),
        ]
    ),
}


def refunded(*refunds: tuple[str, str, float]) -> dict[str, list[Any]]:
    """Return the purchases, and refunds of a customer's purchase by so much."""
    rows = {name: list(values) for name, values in BOUGHT.items()}
    for place, (customer, target, value) in enumerate(refunds):
        new = (f"r{place}", target, customer, "call", "2026-01-20", value)
        for name, entry in zip(rows, new, strict=True):
            rows[name].append(entry)
    return rows


def test_a_part_refund_lowers_the_value(constructor: Constructor) -> None:
    log = PurchaseLog.from_frame(constructor(refunded(("a", "t2", -5.0), ("a", "t2", -6.0))))
    history = log.history()
    assert (len(log), log.n_rejected) == (3, 0)
    assert by_customer(history, "frequency", "monetary_value")["a"] == (1, 9.0)
    assert history.counts.keys() == {"ec", "store"}


def test_a_purchase_refunded_in_full_is_no_occasion(constructor: Constructor) -> None:
    for parts in ([-20.0], [-12.5, -7.5]):
        rows = refunded(*(("a", "t2", part) for part in parts))
        log = PurchaseLog.from_frame(constructor(rows))
        assert (len(log), log.n_rejected) == (2, 0)
        assert by_customer(log.history(), "frequency")["a"] == (0,)


def test_cents_that_floats_cannot_hold_add_up_to_a_full_refund() -> None:
    rows = refunded(("b", "t3", -29.7), ("b", "t3", -0.1), ("b", "t3", -0.1), ("b", "t3", -0.1))
    log = PurchaseLog.from_frame(pd.DataFrame(rows))
    assert (log.n_rejected, sorted(log.value.tolist())) == (0, [10.0, 20.0])


def test_refunds_of_more_than_the_purchase_leave_it_whole(contents: Contents) -> None:
    log = PurchaseLog.from_frame(pd.DataFrame(refunded(("a", "t1", -6.0), ("a", "t1", -6.0))))
    assert sorted(log.value.tolist()) == [10.0, 20.0, 30.0]
    assert contents(log.rejected)["transaction_id"] == ["r0", "r1"]


@pytest.mark.parametrize("refund", [("a", "t3", -5.0), ("a", "t9", -5.0), ("a", "r1", -5.0)])
def test_a_refund_of_no_purchase_of_the_customer_is_set_aside(
    refund: tuple[str, str, float], constructor: Constructor, contents: Contents
) -> None:
    log = PurchaseLog.from_frame(constructor(refunded(refund, ("a", "t2", -5.0))))
    assert contents(log.rejected)["transaction_id"] == ["r0"]
    assert sorted(log.value.tolist()) == [10.0, 15.0, 30.0]


def test_refunds_alone_are_all_set_aside(constructor: Constructor) -> None:
    rows = {name: values[3:] for name, values in refunded(("a", "t1", -6.0)).items()}
    log = PurchaseLog.from_frame(constructor(rows))
    assert (len(log), log.n_rejected) == (0, 1)


def test_refunds_can_be_set_aside(constructor: Constructor, contents: Contents) -> None:
    rows = refunded(("a", "t2", -20.0), ("b", "t9", -1.0))
    log = PurchaseLog.from_frame(constructor(rows), refunds=())
    rejected = contents(log.rejected)
    assert rejected["transaction_id"] == ["r0", "r1"]
    assert rejected["reason"] == ["refund, set aside by refunds=()"] * 2
    assert len(log) == 3


def test_rejected_rows_are_as_they_came_in_their_own_order(
    constructor: Constructor, contents: Contents
) -> None:
    rows = refunded(("b", "t9", -1.0))
    rows["value"] = ["10", "x", "30", "-1"]
    log = PurchaseLog.from_frame(constructor(rows))
    rejected = contents(log.rejected)
    assert list(rejected) == [*rows, "reason"]
    assert rejected["value"] == ["x", "-1"]
    assert rejected["reason"] == ["value: not a number", "refund without its purchase"]
    assert log.n_rejected == 2


amounts = st.integers(-40, 40).map(float)
tickets = st.lists(
    st.tuples(st.sampled_from("ab"), amounts, st.integers(0, 7)), min_size=1, max_size=8
)


@settings(max_examples=60, deadline=None)
@given(tickets=tickets)
def test_no_money_is_lost(tickets: list[tuple[str, float, int]]) -> None:
    frame = pd.DataFrame(
        {
            "transaction_id": range(len(tickets)),
            "customer_id": [ticket[0] for ticket in tickets],
            "channel": "ec",
            "time": pd.Timestamp("2026-01-01"),
            "value": [ticket[1] for ticket in tickets],
            "refund_of": [ticket[2] for ticket in tickets],
        }
    )
    log = PurchaseLog.from_frame(frame)
    aside = log.rejected["value"].sum()
    assert log.value.sum() + aside == pytest.approx(frame["value"].sum())
    assert (log.value >= 0).all()


# Time zones


def test_the_stated_zone_says_whose_day_it_is(constructor: Constructor) -> None:
    late = table([("a", "ec", "2026-01-31T16:00:00Z", 1.0), ("a", "ec", "2026-02-01T01:00Z", 1.0)])
    tokyo = PurchaseLog.from_frame(constructor(late), timezone="Asia/Tokyo")
    london = PurchaseLog.from_frame(constructor(late), timezone="Europe/London")
    assert tokyo.history().frequency.tolist() == [0]
    assert london.history().frequency.tolist() == [1]


def test_zoned_moments_are_as_good_as_text(constructor: Constructor) -> None:
    moments = [datetime.fromisoformat(f"2026-01-{day}T23:30:00+00:00") for day in ("01", "02")]
    rows = {**table([("a", "ec", "", 1.0)] * 2), "time": moments}
    log = PurchaseLog.from_frame(constructor(rows), timezone="Asia/Tokyo")
    days = log.time.astype("datetime64[D]").astype(str).tolist()
    assert days == ["2026-01-02", "2026-01-03"]


def test_times_without_zone_are_local_already(constructor: Constructor) -> None:
    rows = {**table([("a", "ec", "", 1.0)] * 2), "time": [date(2026, 3, 29), date(2026, 3, 30)]}
    for timezone in (None, "Europe/Berlin"):
        log = PurchaseLog.from_frame(constructor(rows), timezone=timezone)
        assert log.history().recency.tolist() == [1.0]


def test_an_hour_that_clocks_skip_or_repeat_counts_on_its_day(constructor: Constructor) -> None:
    skipped, repeated = "2026-03-29T02:30", "2026-10-25T02:30"
    rows = table([("a", "ec", skipped, 1.0), ("a", "ec", repeated, 1.0)])
    now = "2027-01-01"
    log = PurchaseLog.from_frame(constructor(rows), timezone="Europe/Berlin", now=now)
    assert (log.n_rejected, log.history().recency.tolist()) == (0, [210.0])


@pytest.mark.parametrize("now", ["2026-01-20", datetime(2026, 1, 20), np.datetime64("2026-01-20")])  # noqa: DTZ001 - local
def test_what_is_later_than_now_is_set_aside(now: Any) -> None:
    log = PurchaseLog.from_frame(pd.DataFrame(VISITS), now=now)
    assert log.rejected["reason"].tolist() == ["time: in the future"] * 3


# Arguments


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"timezone": "Asia/Tokio"}, "Asia/Tokio"), ({"refunds": "ignore"}, "ignore")],
)
def test_an_unknown_zone_or_rule_is_an_error(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        PurchaseLog.from_frame(pd.DataFrame(VISITS), **arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"end": "soon"}, "soon"),
        ({"end": "NaT"}, "not a moment"),
        ({"end": "2026-01-05T00:00+09:00"}, "without an offset"),
        ({"by": "store"}, "store"),
        ({"unit": "fortnight"}, "fortnight"),
        ({"period": "hour"}, "day, week, month, year"),
    ],
)
def test_a_history_that_nobody_can_count_is_an_error(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        PurchaseLog.from_frame(pd.DataFrame(VISITS)).history(**arguments)


def test_an_unknown_unit_is_an_error_of_units() -> None:
    with pytest.raises(UnitError, match="Hint: one of day"):
        TimeUnit("hour")


# History and split, against a count with plain Python

DAY0 = date(2026, 1, 1)
purchases = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["ec", "store"]),
        st.integers(0, 80),
        st.integers(0, 9),
    ),
    min_size=1,
    max_size=25,
)


def _frame(rows: list[tuple[str, str, int, int]]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": [row[0] for row in rows],
            "channel": [row[1] for row in rows],
            "time": [str(DAY0 + timedelta(days=row[2])) for row in rows],
            "value": [float(row[3]) for row in rows],
        }
    )


def _number(day: date, period: str) -> int:
    if period == "day":
        return day.toordinal()
    if period == "week":
        return (day - timedelta(days=day.weekday())).toordinal() // 7
    return 12 * day.year + day.month


def _by_hand(
    rows: list[tuple[str, str, int, int]], period: str, by: str | None, end: date
) -> dict[tuple[str, ...], tuple[int, int, int, float]]:
    found: dict[tuple[str, ...], dict[int, float]] = {}
    last = _number(end, period)
    for customer, channel, day, value in rows:
        when = _number(DAY0 + timedelta(days=day), period)
        if when <= last:
            key = (customer, channel) if by == "channel" else (customer,)
            found.setdefault(key, {}).setdefault(when, 0.0)
            found[key][when] += value
    return {key: _statistics(occasions, last) for key, occasions in found.items()}


def _statistics(occasions: dict[int, float], last: int) -> tuple[int, int, int, float]:
    first, x = min(occasions), len(occasions) - 1
    repeat = sum(value for when, value in occasions.items() if when > first)
    return x, max(occasions) - first, last - first, repeat / x if x else -1.0


def _counted(history: PurchaseHistory) -> dict[tuple[str, ...], tuple[int, int, int, float]]:
    keys = zip(history.customer_id.tolist(), *history.groups.values(), strict=True)
    mean = np.nan_to_num(history.monetary_value, nan=-1.0)
    rows = zip(history.frequency, history.recency, history.T, mean, strict=True)
    return {
        tuple(str(part) for part in key): (int(x), int(recency), int(T), float(value))
        for key, (x, recency, T, value) in zip(keys, rows, strict=True)
    }


@settings(max_examples=60, deadline=None)
@given(
    rows=purchases,
    period=st.sampled_from(["day", "week", "month"]),
    by=st.sampled_from([None, "channel"]),
    after=st.integers(0, 90),
)
def test_histories_agree_with_a_count_by_hand(
    rows: list[tuple[str, str, int, int]], period: Any, by: Any, after: int
) -> None:
    first = min(row[2] for row in rows)
    end = DAY0 + timedelta(days=first + after)
    history = PurchaseLog.from_frame(_frame(rows)).history(period=period, by=by, end=str(end))
    counted, by_hand = _counted(history), _by_hand(rows, period, by, end)
    assert counted.keys() == by_hand.keys()
    for key, statistics in by_hand.items():
        assert counted[key] == pytest.approx(statistics)


@settings(max_examples=60, deadline=None)
@given(rows=purchases, by=st.sampled_from([None, "channel", "acquisition_channel"]))
def test_a_split_loses_no_purchase(rows: list[tuple[str, str, int, int]], by: Any) -> None:
    first, last = min(row[2] for row in rows), max(row[2] for row in rows)
    if first == last:
        return
    at = DAY0 + timedelta(days=(first + last) // 2)
    log = PurchaseLog.from_frame(_frame(rows))
    split, whole = log.split(at=str(at), by=by), log.history(by=by)
    later = [row for row in rows if DAY0 + timedelta(days=row[2]) > at]
    known = {key[0] if by != "channel" else key for key in _counted_keys(split.calibration, by)}
    kept = [row for row in later if (row[:2] if by == "channel" else row[0]) in known]
    days = {(row[:2] if by == "channel" else row[0], row[2]) for row in kept}
    assert split.holdout_frequency.sum() == len(days)
    assert split.holdout_value.sum() == pytest.approx(sum(row[3] for row in kept))
    assert len(split.calibration) + split.newcomers == len(whole)
    assert split.holdout_span.amount == last - (first + last) // 2


def _counted_keys(history: PurchaseHistory, by: str | None) -> list[tuple[str, ...]]:
    groups = [history.groups["channel"]] if by == "channel" else []
    parts = zip(history.customer_id.tolist(), *groups, strict=True)
    return [tuple(str(part) for part in key) for key in parts]


def test_a_split_is_the_same_for_every_kind_of_frame(constructor: Constructor) -> None:
    split = PurchaseLog.from_frame(constructor(VISITS)).split(at="2026-01-20", unit="week")
    assert split.calibration.customer_id.tolist() == ["ann"]
    assert split.holdout_frequency.tolist() == [1]
    assert split.holdout_value.tolist() == [50.0]
    assert split.newcomers == 1
    assert (split.holdout_span.amount, split.holdout_span.unit) == (13.0, TimeUnit.DAY)


def test_the_log_is_a_frame_again() -> None:
    log = PurchaseLog.from_frame(pd.DataFrame(VISITS))
    again = PurchaseLog.from_frame(log.to_frame())
    assert by_customer(again.history(), "frequency", "T") == by_customer(
        log.history(), "frequency", "T"
    )
    assert repr(log) == (
        "PurchaseLog(6 purchases of 2 customers, 2026-01-05 to 2026-02-02; 0 rejected rows)"
    )


# Summaries, and parts of a log


@settings(max_examples=60, deadline=None)
@given(rows=purchases)
def test_a_summary_agrees_with_a_count_by_hand(rows: list[tuple[str, str, int, int]]) -> None:
    frame = PurchaseLog.from_frame(_frame(rows)).summary_by_customer().to_frame()
    assert sorted(frame["customer_id"]) == sorted({row[0] for row in rows})
    for name, found in frame.set_index("customer_id").iterrows():
        own = [row for row in rows if row[0] == name]
        assert found["realised_value"] == sum(row[3] for row in own)
        assert found["purchases"] == len({row[2] for row in own})
        for channel in {row[1] for row in rows}:
            days = {row[2] for row in own if row[1] == channel}
            assert found[f"purchases_{channel}"] == len(days)
        first = min(own, key=lambda row: row[2])
        assert found["acquisition_channel"] == first[1]
        last = max(row[2] for row in own)
        assert found["first_purchase"] == pd.Timestamp(DAY0 + timedelta(days=first[2]))
        assert found["last_purchase"] == pd.Timestamp(DAY0 + timedelta(days=last))


@settings(max_examples=60, deadline=None)
@given(rows=purchases, at=st.integers(-5, 90))
def test_a_moment_parts_a_log(rows: list[tuple[str, str, int, int]], at: int) -> None:
    log, moment = PurchaseLog.from_frame(_frame(rows)), str(DAY0 + timedelta(days=at))
    early, late = log.before(moment), log.since(moment)
    assert sorted([*early.value, *late.value]) == sorted(log.value)
    assert set(early.customer_id) == {row[0] for row in rows if row[2] < at}
    assert set(late.customer_id) == {row[0] for row in rows if row[2] >= at}
    both = sorted(set(log.customer_id))
    total = early.realised_value(both) + late.realised_value(both)
    assert total.tolist() == log.realised_value(both).tolist()


def test_realised_value_is_discounted_as_lifetime_value_is() -> None:
    rows = [("a", "ec", "2026-01-31T12:00", 100.0), ("b", "ec", "2025-12-31", 7.0)]
    log = PurchaseLog.from_frame(pd.DataFrame(table(rows)))
    rate = Discount(per_year=0.1)
    found = log.realised_value(["b", "a", "c"], discount=rate, start="2026-01-01")
    assert found == pytest.approx([7.0 * 1.1 ** (1 / 365.25), 100 * 1.1 ** (-30.5 / 365.25), 0.0])
    with pytest.raises(ConfigError, match="needs start="):
        log.realised_value(["a"], discount=rate)
    with pytest.raises(DataError, match="repeated customers") as caught:
        log.realised_value(["a", "b", "a"])
    assert caught.value.rows == ("a",)


def test_margins_are_of_channels() -> None:
    log = PurchaseLog.from_frame(pd.DataFrame(VISITS))
    margins = {"store": 0.5, "ec": 0.1, "app": 0.9}
    by_channel = log.with_margin(margins)
    assert by_channel.value.tolist() == pytest.approx([5.0, 0.2, 3.0, 25.0, 0.8, 0.6])
    assert log.with_margin(0.3).value.tolist() == pytest.approx((0.3 * log.value).tolist())


def test_a_moment_with_an_offset_is_one_of_the_logs_zone() -> None:
    rows = table([("a", "ec", "2026-01-31T16:00:00Z", 1.0), ("a", "ec", "2026-02-03T01:00Z", 1.0)])
    log = PurchaseLog.from_frame(pd.DataFrame(rows), timezone="Asia/Tokyo")
    assert log.timezone == "Asia/Tokyo"
    for end in ("2026-02-02", "2026-02-01T15:30Z", "2026-02-02T00:30+09:00"):
        assert log.history(end=end).T.tolist() == [1.0]
    assert len(log.before("2026-01-31T16:00Z")) == 0
    assert len(log.since("2026-02-01T01:00:00")) == 2


def test_a_history_with_a_start_knows_it() -> None:
    log = PurchaseLog.from_frame(pd.DataFrame(VISITS))
    window = log.history(start="2026-01-06", end="2026-02-28", period="month", customers=["bob"])
    assert window.start == datetime(2026, 1, 6)  # noqa: DTZ001 - local
    assert log.history().start is None
    assert window.take([0]).start == window.start
    assert by_customer(window, "frequency", "recency", "T") == {"bob": (2, 2.0, 2.0)}
    everybody = log.history(start="2026-01-06")
    assert by_customer(everybody, "frequency", "monetary_value")["ann"] == (2, 40.0)


def test_a_log_without_channels_and_values_is_one_channel_without_values() -> None:
    frame = pd.DataFrame(
        {"customer_id": ["b", "a", "b"], "time": ["2026-01-01"] * 2 + ["2026-01-09"]}
    )
    log = PurchaseLog.from_frame(frame)
    assert log.channels == ("all",)
    history = log.history(by="channel")
    assert by_customer(history, "channel", "frequency") == {"b": ("all", 1), "a": ("all", 0)}
    assert np.isnan(history.monetary_value).all()
    assert np.isnan(log.to_frame("polars")["value"].to_numpy()).all()


def test_an_empty_log_says_so_and_where_its_rows_are() -> None:
    log = PurchaseLog.from_frame(pd.DataFrame(VISITS), now="2025-01-01")
    assert repr(log) == "PurchaseLog(no purchases; 6 rejected rows worth 106)"
    assert (log.channels, log.columns()["channel"].tolist()) == ((), [])
    with pytest.raises(DataError, match=r"no purchases.*\n?.*look at log.report") as caught:
        log.history()
    assert caught.value.column == "time"


def test_purchases_come_out_as_they_went_in() -> None:
    frame = PurchaseLog.from_frame(pd.DataFrame(VISITS)).to_frame("polars")
    assert frame.columns == ["customer_id", "channel", "time", "value"]
    assert frame["customer_id"].to_list() == VISITS["customer_id"]
    assert frame["channel"].to_list() == VISITS["channel"]
    assert frame["time"].to_list() == [datetime.fromisoformat(at) for at in VISITS["time"]]
    assert frame["value"].to_list() == VISITS["value"]


def test_a_full_refund_of_much_money_may_be_off_by_rounding() -> None:
    rows = refunded(("b", "t3", -1e8), *[("b", "t3", -0.1)] * 3, ("a", "t1", -9.99))
    rows["value"][2] = 1e8 + 0.3
    log = PurchaseLog.from_frame(pd.DataFrame(rows))
    assert log.value.tolist() == pytest.approx([0.01, 20.0])
    assert log.n_rejected == 0


def test_refunds_are_subtracted_from_the_purchase_they_name(contents: Contents) -> None:
    rows = refunded(("a", "t1", -4.0), ("a", "t2", -21.0), ("b", "t3", -30.0), ("b", "t9", -1.0))
    log = PurchaseLog.from_frame(pd.DataFrame(rows))
    assert log.value.tolist() == [6.0, 20.0]
    assert log.customer_id.tolist() == ["a"]
    rejected = contents(log.rejected)
    assert rejected["transaction_id"] == ["r1", "r3"]
    assert rejected["reason"] == [
        "refunds of more than the purchase",
        "refund without its purchase",
    ]


def test_a_split_at_the_end_is_refused_with_the_day() -> None:
    log = PurchaseLog.from_frame(pd.DataFrame(VISITS))
    cases: tuple[dict[str, Any], ...] = (
        {"at": "2026-02-02"},
        {"at": "2026-02-01", "period": "month"},
    )
    for arguments in cases:
        with pytest.raises(
            DataError, match=r"no purchase after.*\n?.*ends on 2026-02-02"
        ) as caught:
            log.split(**arguments)
        assert caught.value.column == "time"
    with pytest.raises(DataError, match="no purchase until 2026-01-04") as caught:
        log.history(end="2026-01-04T23:00")
    assert caught.value.column == "time"
    assert len(log.history(end="2026-01-05T00:00")) == 1


@pytest.mark.parametrize(
    ("by", "frequency", "value", "newcomers"),
    [
        (None, [1, 2], [50.0, 14.0], 0),
        ("channel", [0, 1, 2], [0.0, 50.0, 14.0], 0),
        ("acquisition_channel", [1, 2], [50.0, 14.0], 0),
    ],
)
def test_a_split_counts_per_row_of_the_history(
    by: Any, frequency: list[int], value: list[float], newcomers: int
) -> None:
    rows = {name: [*values, new] for (name, values), new in zip(
        VISITS.items(), ("bob", "ec", "2026-01-08T08:00", 1.0), strict=True)}  # fmt: skip
    split = PurchaseLog.from_frame(pd.DataFrame(rows)).split(at="2026-01-20", by=by)
    channel = split.calibration.groups.get("channel", np.full(len(frequency), ""))
    order = np.lexsort((channel.astype(str), split.calibration.customer_id.astype(str)))
    assert split.holdout_frequency[order].tolist() == frequency
    assert split.holdout_value[order].tolist() == value
    assert split.newcomers == newcomers


def test_a_summary_of_customers_in_a_given_order() -> None:
    log = PurchaseLog.from_frame(pd.DataFrame(VISITS)).of_customers(["bob", "cem", "ann"])
    summary = log.summary_by_customer().to_frame("polars")
    assert summary.to_dict(as_series=False) == {
        "customer_id": ["bob", "cem", "ann"],
        "acquisition_channel": ["ec", "", "store"],
        "realised_value": [14.0, 0.0, 92.0],
        "purchases": [2, 0, 3],
        "first_purchase": [datetime(2026, 1, 31, 23, 59), None, datetime(2026, 1, 5, 10)],  # noqa: DTZ001 - local
        "last_purchase": [datetime(2026, 2, 1, 0, 1), None, datetime(2026, 2, 2, 9)],  # noqa: DTZ001 - local
        "purchases_ec": [2, 0, 2],
        "purchases_store": [0, 0, 2],
    }


def test_errors_of_logs_carry_the_column_and_what_to_do() -> None:
    log = PurchaseLog.from_frame(pd.DataFrame(VISITS))
    with pytest.raises(
        DataError, match=r'no margin for: ec, store.*\n?.*margin=\{"ec": 0.3'
    ) as caught:
        log.with_margin({})
    assert caught.value.column == "channel"
    with pytest.raises(ConfigError, match=r"got -1\. Hint: 0.3"):
        log.with_margin({"ec": 0.0, "store": -1})
    assert log.with_margin(0).value.tolist() == [0.0] * 6
    with pytest.raises(DataError, match="give every customer once") as caught:
        log.of_customers(["ann", "ann"])
    assert caught.value.column == "customer_id"
    zoned = table([("a", "ec", "2026-01-31T16:00:00Z", 1.0)])
    with pytest.raises(DataError, match="no time zone is given") as caught:
        PurchaseLog.from_frame(pd.DataFrame(zoned))
    assert caught.value.column == "time"
    with pytest.raises(ConfigError, match="give end=, not earlier than start"):
        log.history(start="2026-02-03")
    with pytest.raises(ConfigError, match='Hint: a local moment such as "2026-01-31"'):
        log.before("soon")
