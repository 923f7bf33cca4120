"""Histories of a purchase log, by calendar period and channel, against a count by hand."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.data._purchases import DAY0, VISITS, Constructor, by_customer, frame_of, purchases, table

from omniltv.data import PurchaseHistory, PurchaseLog
from omniltv.errors import ConfigError, UnitError
from omniltv.units import TimeUnit


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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"end": "soon"}, "soon"),
        ({"end": "NaT"}, "not a moment"),
        ({"end": "2026-01-05T00:00+09:00"}, "without an offset"),
        ({"by": "store"}, "store"),
        ({"unit": "fortnight"}, "fortnight"),
        ({"period": "hour"}, "'day', 'week', 'month' or 'year'"),
    ],
)
def test_a_history_that_nobody_can_count_is_an_error(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        PurchaseLog.from_frame(pd.DataFrame(VISITS)).history(**arguments)


def test_an_unknown_unit_is_an_error_of_units() -> None:
    with pytest.raises(UnitError, match="Hint: one of day"):
        TimeUnit("hour")


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
    history = PurchaseLog.from_frame(frame_of(rows)).history(period=period, by=by, end=str(end))
    counted, by_hand = _counted(history), _by_hand(rows, period, by, end)
    assert counted.keys() == by_hand.keys()
    for key, statistics in by_hand.items():
        assert counted[key] == pytest.approx(statistics)
