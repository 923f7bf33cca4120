"""The window of an experiment as a history, made by the purchase log."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniltv.data import PurchaseLog
from omniltv.errors import ConfigError, DataError
from omniltv.experiments import Assignment, Baseline, Outcome, difference, window_history

START, LAST = pd.Timestamp("2025-03-03"), pd.Timestamp("2025-03-30")  # four weeks from a Monday
ARMS = Assignment.from_frame(pd.DataFrame({"customer_id": [1, 2, 3], "arm": ["a", "b", "a"]}))

purchase = st.tuples(
    st.integers(1, 4), st.integers(-10, 40), st.integers(0, 23), st.sampled_from(["ec", "store"])
)
type Row = tuple[int, int, int, str]


def log_of(rows: list[Row], make: Callable[..., object] = pl.DataFrame) -> PurchaseLog[object]:
    """Return the log of (customer, day after the start, hour, channel)."""
    frame = make(
        {
            "customer_id": [row[0] for row in rows],
            "time": [START + timedelta(days=row[1], hours=row[2]) for row in rows],
            "channel": [row[3] for row in rows],
            "value": [1.0 + row[1] % 5 for row in rows],
        }
    )
    return PurchaseLog.from_frame(frame)  # type: ignore[type-var]  # any kind


rows_of_customer_1 = st.lists(purchase, max_size=40).map(lambda rows: [(1, 0, 9, "ec"), *rows])


@given(rows=rows_of_customer_1)
def test_every_assigned_customer_is_in_and_every_occasion_counted(rows: list[Row]) -> None:
    history = window_history(log_of(rows), ARMS, start=START, end=LAST)
    assert history.customer_id.tolist() == [1, 2, 3]
    for k, customer in enumerate([1, 2, 3]):
        inside = [row for row in rows if row[0] == customer and 0 <= row[1] < 28]
        days = {row[1] for row in inside}
        assert history.frequency[k] == len(days)
        assert history.recency[k] == (max(days) + 1 if days else 0)
        spent = sum(1.0 + row[1] % 5 for row in inside)
        assert np.nan_to_num(history.monetary_value[k]) * len(days) == pytest.approx(spent)
    assert history.groups["arm"].tolist() == ["a", "b", "a"]
    assert set(history.T) == {28.0}
    in_pandas = window_history(log_of(rows, pd.DataFrame), ARMS, start=START, end=LAST)
    assert in_pandas.recency.tolist() == history.recency.tolist()


@given(rows=rows_of_customer_1)
def test_split_by_channel_every_customer_has_a_row_for_each_channel_of_the_log(
    rows: list[Row],
) -> None:
    log = log_of(rows)
    history = window_history(log, ARMS, start=START, end=LAST, period="week", by="channel")
    assert len(history) == 3 * len(log.channels)
    assert (history.T == 4).all()
    whole = window_history(log, ARMS, start=START, end=LAST, period="week")
    spent = pd.Series(history.frequency * np.nan_to_num(history.monetary_value))
    by_customer = spent.groupby(history.customer_id).sum().to_numpy()
    assert by_customer == pytest.approx(whole.frequency * np.nan_to_num(whole.monetary_value))


def test_the_window_is_the_history_of_the_log_with_another_start() -> None:
    log = log_of([(1, -5, 9, "ec"), (1, 3, 9, "store"), (3, 9, 9, "ec"), (9, 9, 9, "ec")])
    window = window_history(log, ARMS, start=START, end=LAST, unit="week")
    own = log.history(start=START, end=LAST, unit="week", customers=[1, 2, 3])
    pd.testing.assert_frame_equal(window.to_frame().drop(columns="arm"), own.to_frame())
    assert {name: counts.tolist() for name, counts in window.counts.items()} == {
        "ec": [0, 0, 1],
        "store": [1, 0, 0],
    }
    assert window.start == START


def test_without_a_purchase_in_the_window_everybody_is_there_with_zero() -> None:
    log = log_of([(1, -20, 9, "ec"), (2, -9, 9, "store")])
    for by, n in ((None, 3), ("channel", 6)):
        window = window_history(log, ARMS, start=START, end=LAST, by=by)  # type: ignore[arg-type]
        assert len(window) == n
        assert not window.frequency.any()
        assert (window.T == 28).all()


def test_rows_that_cannot_be_used_are_rejected_with_the_reason() -> None:
    frame = pd.DataFrame(
        {
            "customer_id": [1, 1, 2, None],
            "time": ["2025-03-04", None, "someday", "2025-03-05"],
            "channel": "ec",
            "value": [1.0, 2.0, 3.0, 4.0],
        }
    ).astype({"customer_id": "Int64"})
    log = PurchaseLog.from_frame(frame)
    assert log.rejected["reason"].tolist() == [
        "time: missing",
        "time: not a time",
        "customer_id: missing",
    ]
    window = window_history(log, ARMS, start=START, end=LAST)
    assert window.frequency.tolist() == [1, 0, 0]


def test_the_acquisition_channel_is_that_of_the_first_purchase_in_the_log() -> None:
    log = log_of([(1, -20, 9, "store"), (1, 3, 9, "ec"), (2, 4, 9, "ec"), (3, 30, 9, "ec")])
    with pytest.raises(DataError, match="no acquisition channel") as caught:
        window_history(log, ARMS, start=START, end=LAST, by="acquisition_channel")
    assert caught.value.rows == (3,)
    later = window_history(log, ARMS, start=START, by="acquisition_channel")
    assert later.groups["acquisition_channel"].tolist() == ["store", "ec", "ec"]


def test_purchases_before_the_start_never_count() -> None:
    log = log_of([(1, 0, 9, "ec"), (1, 0, 15, "ec"), (2, 0, 9, "ec")])
    noon = window_history(log, ARMS, start=START + timedelta(hours=12), end=LAST)
    assert noon.frequency.tolist() == [1, 0, 0]
    assert noon.monetary_value[0] == 1.0


def test_one_rule_for_time_zones() -> None:
    frame = pd.DataFrame(
        {
            "customer_id": [1, 2],
            "time": ["2025-03-02T14:30Z", "2025-03-02T15:30Z"],  # 23:30 and 00:30 in Tokyo
            "channel": "ec",
            "value": 1.0,
        }
    )
    log = PurchaseLog.from_frame(frame, timezone="Asia/Tokyo")
    local = window_history(log, ARMS, start="2025-03-03", end="2025-03-30")
    aware = window_history(
        log, ARMS, start=datetime(2025, 3, 2, 15, tzinfo=UTC), end="2025-03-30T23:00+09:00"
    )
    assert local.frequency.tolist() == aware.frequency.tolist() == [0, 1, 0]
    assert aware.T.tolist() == [28.0] * 3
    naive = log_of([(1, 1, 0, "ec")])
    with pytest.raises(ConfigError, match="has an offset, but the log has no time zone"):
        window_history(naive, ARMS, start=datetime(2025, 3, 3, tzinfo=UTC), end=LAST)


def test_the_start_of_the_assignment_is_the_start_of_the_window() -> None:
    log = log_of([(1, -1, 0, "ec"), (1, 1, 0, "ec")])
    dated = Assignment(ARMS.customer_id, ARMS.arm, start=START.to_pydatetime())
    assert window_history(log, dated, end=LAST).frequency.tolist() == [1, 0, 0]
    with pytest.raises(ConfigError, match="start of the treatment is not known"):
        window_history(log, ARMS)


def test_bad_windows() -> None:
    log = log_of([(1, 1, 0, "ec")])
    with pytest.raises(ConfigError, match="is empty"):
        window_history(log, ARMS, start=START, end=START - timedelta(days=3))
    others = Assignment.from_frame(pd.DataFrame({"customer_id": ["1", "2"], "arm": ["a", "b"]}))
    with pytest.raises(DataError, match="no assigned customer"):
        window_history(log, others, start=START, end=LAST)
    with pytest.raises(ConfigError, match="needs start="):
        log.history(customers=[1])
    with pytest.raises(DataError, match="repeated customers") as caught:
        log.history(start=START, customers=[1, 2, 1])
    assert caught.value.rows == (1,)
    empty = PurchaseLog.from_frame(log.to_frame().iloc[:0])
    assert window_history(empty, ARMS, start=START, end=LAST).frequency.tolist() == [0, 0, 0]
    with pytest.raises(DataError, match="has no channels"):
        window_history(empty, ARMS, start=START, end=LAST, by="channel")


def test_a_window_is_an_outcome_and_another_history_is_not() -> None:
    arms = Assignment.from_frame(
        pd.DataFrame({"customer_id": [1, 2, 3, 4], "arm": ["a", "b", "a", "b"]})
    )
    log = log_of([(1, -4, 0, "ec"), (2, 3, 9, "ec"), (2, 9, 9, "store"), (3, 2, 9, "ec")])
    window = window_history(log, arms, start=START, end=LAST, by="channel")
    spent, bought = (
        difference(Outcome(window, column, parts="channel"), arms, control="a")
        for column in ("value", "purchases")
    )
    assert bought.overall().estimate == 0.5
    assert spent.overall().mean == (4 + 5) / 2
    assert [row.group for row in spent.rows] == ["", "ec", "store"]
    before = Baseline(log.before(START).of_customers([1, 2, 3, 4]).summary_by_customer(), by=())
    assert difference(window, arms, control="a", baseline=before).overall().mean == 4.5
    with pytest.raises(ConfigError, match="leaves out the first purchase"):
        difference(log.history(), arms, control="a")


def test_purchases_without_values_have_no_value_to_compare() -> None:
    frame = log_of([(1, 3, 9, "ec"), (2, 4, 9, "ec"), (3, 5, 9, "ec"), (4, 6, 9, "ec")]).to_frame()
    arms = Assignment.from_frame(
        pd.DataFrame({"customer_id": [1, 2, 3, 4, 5], "arm": ["a", "b", "a", "b", "b"]})
    )
    log = PurchaseLog.from_frame(frame.drop(columns="value"))
    window = window_history(log, arms, start=START, end=LAST)
    bought = difference(Outcome(window, "purchases"), arms, control="a").overall()
    assert bought.estimate == pytest.approx(-1 / 3)
    with pytest.raises(DataError, match="missing or infinite") as caught:
        difference(window, arms, control="a")
    assert caught.value.rows == (1, 2, 3, 4)


def test_a_window_of_one_moment_is_open() -> None:
    log = log_of([(1, 0, 9, "ec"), (2, 1, 9, "ec")])
    window = window_history(log, ARMS, start=START, end=START)
    assert window.frequency.tolist() == [1, 0, 0]
    assert window.T.tolist() == [1.0] * 3


@given(rows=rows_of_customer_1)
def test_rows_and_money_of_the_log_are_those_in_the_window_and_left_out(rows: list[Row]) -> None:
    log = log_of(rows)
    report = window_history(log, ARMS, start=START, end=LAST).report
    assert report is not None
    assert report.given.rows == len(log) == report.kept.rows + report.set_aside.rows
    money = np.nansum([report.kept.value, report.set_aside.value])
    assert money == pytest.approx(log.value.sum())
    assert report.verdict() == "ok"  # what is left out is left out on purpose
    lost: pd.DataFrame = report.rejected  # type: ignore[assignment]  # always pandas here
    assert len(lost) == report.set_aside.rows
    inside = lost["time"].between(START, LAST + timedelta(days=1), inclusive="left")
    assert (lost["reason"][inside] == "not one of the customers").all()
