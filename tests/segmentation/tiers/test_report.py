"""What becomes of customers who are in the table of customers or in the log, but not in both."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniltv.data import PurchaseLog, Tolerance
from omniltv.draws import RowDraws
from omniltv.errors import IntakeError, IntakeWarning
from omniltv.segmentation import Cut, Tier, Tiering, TierScheme

SCHEME = TierScheme(tiers=(Tier(name="gold", value_at_least=Cut(amount=5)), Tier(name="rest")))
NO_TIER = "customer_id: not in the table of customers"


def log_of(spent: dict[str, float], channel: dict[str, str] | None = None) -> PurchaseLog[object]:
    """Return the log of customers who each bought once."""
    rows = {
        "customer_id": list(spent),
        "channel": [(channel or {}).get(name, "ec") for name in spent],
        "time": "2026-01-05",
        "value": list(spent.values()),
    }
    return PurchaseLog.from_frame(pd.DataFrame(rows))


def table_of(ids: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"customer_id": ids, "value": np.arange(1.0, len(ids) + 1)})


def names(numbers: Iterator[int] | range) -> list[str]:
    return [f"c{number}" for number in numbers]


def spent_by(ids: list[str]) -> dict[str, float]:
    return {name: 10.0 + place for place, name in enumerate(ids)}


def test_customers_of_one_table_only_are_said_with_their_money() -> None:
    log = log_of({"ann": 10.0, "ben": 200.0, "dan": 30.5})
    report = SCHEME.assign(table_of(["ben", "cho", "ann"]), log).report
    assert (report.given.rows, report.kept.rows, report.set_aside.rows) == (4, 3, 1)
    assert (report.given.value, report.kept.value, report.set_aside.value) == (240.5, 210.0, 30.5)
    assert [entry.reason for entry in report.asides] == [NO_TIER]
    assert [(entry.reason, entry.rows) for entry in report.changes] == [
        ("customer_id: without a purchase in the log", 1)
    ]
    assert report.rejected.to_dict("records") == [
        {"customer_id": "dan", "realised_value": 30.5, "reason": NO_TIER}
    ]
    assert report.ids == ("dan",)
    assert report.asides[0].column == "customer_id"


def test_nothing_is_set_aside_where_the_tables_agree_or_there_is_no_log() -> None:
    ids = names(range(20))
    with_log = SCHEME.assign(table_of(ids), log_of(spent_by(ids))).report
    without = SCHEME.assign(pl.from_pandas(table_of(ids))).report
    for report in (with_log, without):
        assert (report.given.rows, report.kept.rows) == (20, 20)
        assert not report.asides
        assert not report.changes
        assert len(report.rejected) == 0
        assert list(report.rejected.columns) == ["customer_id", "realised_value", "reason"]
    assert np.isnan(without.given.value)
    assert repr(without).splitlines() == [
        "customers: 20 rows in",
        "  kept       20 rows (100.0 %) -> 20 customers with a tier",
    ]


def test_customers_of_a_log_without_purchases_count_for_no_money() -> None:
    log = log_of(spent_by(["ann", "ben"])).of_customers(["ann", "ben", "cho", "dan"])
    report = SCHEME.assign(table_of(["ann", "cho"]), log).report
    assert report.rejected["customer_id"].tolist() == ["ben", "dan"]
    assert report.rejected["realised_value"].tolist() == [11.0, 0.0]
    assert [entry.rows for entry in report.changes] == [1]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("n_known", "verdict"), [(96, "ok"), (94, "warn"), (51, "warn"), (49, "stop")]
)
def test_customers_who_lose_their_tier_warn_and_stop(n_known: int, verdict: str) -> None:
    log, table = log_of(dict.fromkeys(names(range(100)), 1.0)), table_of(names(range(n_known)))
    if verdict == "ok":
        assert SCHEME.assign(table, log).report.set_aside.rows == 100 - n_known
    elif verdict == "warn":
        with pytest.warns(IntakeWarning, match=f"{100 - n_known} of 100 rows set aside"):
            SCHEME.assign(table, log)
    else:
        with pytest.raises(IntakeError, match="tolerance=") as caught:
            SCHEME.assign(table, log)
        assert caught.value.column == "customer_id"
        assert len(caught.value.report.rejected) == 100 - n_known
    assert len(SCHEME.assign(table, log, tolerance=Tolerance.anything())) == n_known
    assert len(SCHEME.assign(table, log.of_customers(table["customer_id"]))) == n_known


def test_money_counts_as_much_as_customers() -> None:
    log = log_of({**dict.fromkeys(names(range(99)), 1.0), "whale": 900.0})
    with pytest.raises(IntakeError, match=r"90\.1 % of the turnover"):
        SCHEME.assign(table_of(names(range(99))), log)


def test_a_channel_of_which_nobody_has_a_tier_is_a_warning() -> None:
    ids = names(range(40))
    log = log_of(dict.fromkeys(ids, 1.0), {"c39": "catalogue", "c0": "store"})
    with pytest.warns(IntakeWarning, match="no row is left of 'catalogue'"):
        SCHEME.assign(table_of(ids[:-1]), log)


def test_draws_change_nothing_in_the_report() -> None:
    log, table = log_of(spent_by(["ann", "ben"])), table_of(["ann"])
    draws = RowDraws.from_array([[1.0, 9.0]])
    assert repr(SCHEME.assign(table, log, draws=draws).report) == repr(
        SCHEME.assign(table, log).report
    )


@given(
    st.sets(st.integers(0, 12), min_size=1),
    st.dictionaries(st.integers(0, 12), st.integers(1, 1000), min_size=1),
)
def test_rows_and_money_in_are_those_kept_and_set_aside(
    table: set[int], spent: dict[int, int]
) -> None:
    if not table & spent.keys():
        table.add(next(iter(spent)))
    ids = sorted(table)
    log = log_of({f"c{number}": float(value) for number, value in spent.items()})
    tiering: Tiering = SCHEME.assign(
        table_of(names(iter(ids))), log, tolerance=Tolerance.anything()
    )
    report = tiering.report
    assert report.given.rows == len(table | spent.keys())
    assert report.kept.rows == len(tiering) == len(table)
    assert report.kept.rows + report.set_aside.rows == report.given.rows
    aside = sum(value for number, value in spent.items() if number not in table)
    assert np.nan_to_num(report.kept.value) + aside == report.given.value == sum(spent.values())
    assert np.nan_to_num(report.set_aside.value) == aside
