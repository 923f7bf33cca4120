"""Reports on what is read: rows and money, thresholds, cases A6, A7 and A13."""

import pickle
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from omniltv.data import IntakeReport, PurchaseLog, Tolerance, check
from omniltv.data.report import IntakeEntry, entry_of, money
from omniltv.errors import ConfigError, DataError, IntakeError, IntakeWarning


def export(bad: int, good: int = 27, channel: str = "ec") -> pd.DataFrame:
    """Return rows of a store whose times cannot be read, and good rows of another channel."""
    n = bad + good
    return pd.DataFrame(
        {
            "customer_id": [f"c{row % 9}" for row in range(n)],
            "channel": ["store"] * bad + [channel] * good,
            "time": ["soon"] * bad + ["2026-01-05"] * good,
            "value": [10.0] * bad + [30.0] * good,
        }
    )


def test_a6_a_table_that_loses_most_rows_is_an_error_with_rows_and_money() -> None:
    with pytest.raises(IntakeError, match=r"280 of 307 rows.*2,800 of 3,610") as caught:
        PurchaseLog.from_frame(export(280))
    report = caught.value.report
    assert (caught.value.column, len(caught.value.rows)) == ("time", 280)
    assert len(report.rejected) == report.set_aside.rows == 280
    assert report.rejected["reason"].unique().tolist() == ["time: not a time"]
    assert (report.set_aside.value, report.kept.value, report.lost) == (2800.0, 810.0, ("store",))


@pytest.mark.parametrize(
    ("bad", "good", "channel", "verdict"),
    [
        (0, 27, "ec", "ok"),
        (1, 27, "store", "ok"),
        (1, 27, "ec", "warn"),  # a channel vanishes
        (4, 27, "store", "warn"),
        (27, 27, "store", "warn"),
        (28, 27, "store", "stop"),
    ],
)
def test_a6_verdicts(bad: int, good: int, channel: str, verdict: str) -> None:
    table = export(bad, good, channel)
    report = check(table, "purchases", tolerance=Tolerance.anything()).report
    assert report.verdict() == verdict
    if verdict == "warn":
        with pytest.warns(IntakeWarning, match="Hint"):
            check(table, "purchases")
        with pytest.warns(IntakeWarning, match="Hint"):
            PurchaseLog.from_frame(table)
    if verdict == "stop":
        with pytest.raises(IntakeError):
            check(table, "purchases")


def test_a6_money_counts_as_rows_do() -> None:
    table = export(0, 100)
    table.loc[0, "time"] = "soon"
    table.loc[0, "value"] = 1e6
    with pytest.raises(IntakeError, match=r"1 of 100 rows set aside \(1.0 %\).*99.7 %"):
        check(table, "purchases")


def test_a6_both_thresholds_can_be_set() -> None:
    table = export(4, 27, "store")
    with pytest.raises(IntakeError):
        check(table, "purchases", tolerance=Tolerance(0.01, 0.1))
    assert check(table, "purchases", tolerance=Tolerance(warn_above=0.2)).report.verdict() == "warn"
    assert len(PurchaseLog.from_frame(export(280), tolerance=Tolerance.anything())) == 27


def test_refunds_that_are_set_aside_on_request_do_not_count() -> None:
    table = export(0, 30)
    table.loc[:19, "value"] = -5.0
    log = PurchaseLog.from_frame(table, refunds=())
    assert (log.n_rejected, log.report.set_aside.value, log.report.verdict()) == (20, -100.0, "ok")


@pytest.mark.parametrize(
    "arguments",
    [{"warn_above": 1.5}, {"warn_above": -0.1}, {"stop_above": float("nan")}, {"min_rows": -1},
     {"warn_above": 0.6}, {"warn_above": "5 %"}, {"stop_above": True}, {"min_rows": 1.5},
     {"min_rows": True}, {"warn_above": None}],
)  # fmt: skip
def test_a_tolerance_that_makes_no_sense_is_an_error(arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="Hint"):
        Tolerance(**arguments)


def test_a_tolerance_is_no_number() -> None:
    wrong: Any = 0.05
    with pytest.raises(ConfigError, match=r"tolerance is a Tolerance or None, got 0.05"):
        check(export(0), "purchases", tolerance=wrong)


def test_a_report_is_a_table_of_any_kind() -> None:
    report = check(export(1, 27, "store"), "purchases").report
    frame = report.to_frame("polars")
    assert isinstance(frame, pl.DataFrame)
    assert frame.rows() == [
        ("in", "", 28, 820.0),
        ("kept", "", 27, 810.0),
        ("set aside", "time: not a time", 1, 10.0),
    ]


def test_the_repr_of_a_report_can_be_pasted() -> None:
    log = PurchaseLog.from_frame(export(1, 27, "store"))
    assert repr(log.report) == (
        "purchases: 28 rows in, value 820\n"
        "  kept       27 rows (96.4 %), value 810 (98.8 %) -> 27 purchases of 9 customers\n"
        "  set aside  1 row (3.6 %), value 10 (1.2 %)\n"
        "    1 row, value 10: time: not a time"
    )
    assert "no row left of: store" in repr(
        check(export(1), "purchases", tolerance=Tolerance.anything()).report
    )


def test_the_error_survives_a_process_pool() -> None:
    with pytest.raises(IntakeError) as caught:
        check(export(280), "purchases")
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own
    assert (str(again), again.rows) == (str(caught.value), caught.value.rows)
    assert isinstance(again.report, IntakeReport)


def test_values_that_cannot_be_read_are_unknown() -> None:
    assert money(entry_of("value: not a number", 2, np.array([np.nan, np.inf])).value) == "unknown"
    assert IntakeEntry("refund without its purchase", 1).column is None


def test_a7_no_hint_renames_a_column_that_is_needed() -> None:
    table = pd.DataFrame({"source": "ec", "record_id": ["1"], "time": "2026-01-05", "value": 3})
    assert check(table).n_valid == 1  # transactions need no transaction_id
    with pytest.raises(DataError, match="attach") as caught:
        PurchaseLog.from_frame(table)
    assert "rename" not in str(caught.value)
    for name in ("source", "record_id", "time"):
        with pytest.raises(DataError) as lacking:
            check(table.drop(columns=name))
        assert not any(f'"{kept}":' in lacking.value.hint for kept in table.columns)


def test_a13_an_empty_table_says_that_it_is_empty() -> None:
    log = PurchaseLog.from_frame(export(0).head(0))
    for end in (None, "2026-01-31"):
        with pytest.raises(DataError, match="its table is empty"):
            log.history(end=end)
    assert log.report.given.rows == 0


def test_a_history_says_what_it_leaves_out() -> None:
    table = export(0, 3).assign(time=["2026-01-05", "2026-01-10", "2026-02-01"])
    log = PurchaseLog.from_frame(table)
    report = log.history(end="2026-01-31").report
    assert report is not None
    assert (report.kept.rows, report.kept.value, report.set_aside.value) == (2, 60.0, 30.0)
    window = log.history(start="2026-01-06", end="2026-01-31", customers=["c1", "c2"]).report
    assert window is not None
    rejected: Any = window.rejected
    assert rejected["reason"].tolist() == ["before the start", "after the end"]
    others = log.history(start="2026-01-01", customers=["c1"]).report
    assert others is not None
    assert others.set_aside.rows == 2
