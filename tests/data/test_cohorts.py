"""The period of the first purchase as a group of customers."""

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from omniltv.data import PurchaseLog
from omniltv.errors import ConfigError, DataError
from omniltv.models import BgNbd, Pooling
from omniltv.testing.value_laws import invented
from omniltv.units import weeks

ROWS = pd.DataFrame(
    [
        ("ann", "store", "2025-11-30"),
        ("ann", "ec", "2026-02-01"),
        ("ann", "ec", "2026-04-09"),
        ("bob", "ec", "2026-01-01"),
        ("bob", "store", "2026-06-30"),
        ("cid", "ec", "2026-04-01"),
    ],
    columns=["customer_id", "channel", "time"],
).assign(value=1.0)


@pytest.fixture
def log() -> PurchaseLog[pd.DataFrame]:
    return PurchaseLog.from_frame(ROWS)


@pytest.mark.parametrize(
    ("cohort", "labels"),
    [
        ("month", ["2025-11", "2026-01", "2026-04"]),
        ("quarter", ["2025Q4", "2026Q1", "2026Q2"]),
        ("year", ["2025", "2026", "2026"]),
    ],
)
def test_a_cohort_is_the_period_of_the_first_purchase(
    log: PurchaseLog[pd.DataFrame], cohort: Any, labels: list[str]
) -> None:
    history = log.history(cohort=cohort)
    assert history.customer_id.tolist() == ["ann", "bob", "cid"]
    assert history.groups["cohort"].tolist() == labels
    assert history.T.tolist() == log.history().T.tolist()


def test_all_rows_of_a_customer_have_the_customers_cohort(log: PurchaseLog[pd.DataFrame]) -> None:
    by_channel = log.history(by="channel", cohort="quarter")
    found = set(
        zip(
            by_channel.customer_id.tolist(),
            by_channel.groups["channel"].tolist(),
            by_channel.groups["cohort"].tolist(),
            strict=True,
        )
    )
    assert found == {
        ("ann", "store", "2025Q4"),
        ("ann", "ec", "2025Q4"),
        ("bob", "ec", "2026Q1"),
        ("bob", "store", "2026Q1"),
        ("cid", "ec", "2026Q2"),
    }
    acquired = log.history(by="acquisition_channel", cohort="year")
    assert list(acquired.groups) == ["acquisition_channel", "cohort"]


def test_a_split_has_cohorts_and_the_same_holdout(log: PurchaseLog[pd.DataFrame]) -> None:
    split = log.split(at="2026-03-31", by="channel", cohort="quarter")
    plain = log.split(at="2026-03-31", by="channel")
    assert set(split.calibration.groups["cohort"].tolist()) == {"2025Q4", "2026Q1"}
    assert split.holdout_frequency.tolist() == plain.holdout_frequency.tolist()
    assert split.newcomers == plain.newcomers


def test_a_window_needs_a_first_purchase(log: PurchaseLog[pd.DataFrame]) -> None:
    window = log.history(start="2026-03-01", cohort="quarter", customers=["cid", "ann"])
    assert window.groups["cohort"].tolist() == ["2026Q2", "2025Q4"]
    with pytest.raises(DataError, match="have no cohort") as caught:
        log.history(start="2026-03-01", cohort="quarter", customers=["cid", "eve"])
    assert caught.value.rows == ("eve",)
    with pytest.raises(ConfigError, match="cohort"):
        log.history(cohort="week")  # type: ignore[arg-type] # the mistake under test


def test_cohorts_are_pooled_and_a_new_one_is_forecast(log: PurchaseLog[pd.DataFrame]) -> None:
    case = invented(BgNbd(), Pooling.partial("channel"), customers=5, draws=40).purchases
    seen = ("2025Q3", "2025Q4", "2026Q1")
    draws = replace(case.draws, groups=seen, levels=(seen,))
    found = replace(case, pooling=Pooling.partial("cohort"), draws=draws)
    history = log.history(unit="week", cohort="quarter")
    with pytest.raises(DataError, match="did not see: 2026Q2") as caught:
        found.expected_purchases(history, weeks(4))
    assert caught.value.column == "cohort"
    assert caught.value.rows == ("cid",)
    later = found.expected_purchases(history, weeks(4), unseen="population")
    assert later.total(history.groups["cohort"]).labels == ("2025Q4", "2026Q1", "2026Q2")
    assert (later.mean() > 0).all()
