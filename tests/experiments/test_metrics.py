"""Metrics: what each one measures on tables small enough to count by hand."""

from datetime import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest

from omniltv.errors import ConfigError, DataError
from omniltv.experiments import Assignment, Baseline
from omniltv.experiments.metrics import (
    KPIS,
    Mean,
    Metric,
    Quantile,
    Ratio,
    Reached,
    Retention,
    Weekly,
    measure,
)

START = datetime(2026, 4, 1)  # noqa: DTZ001 - a local time
PEOPLE = pd.DataFrame({
    "customer_id": range(8), "arm": ["a", "b"] * 4, "tier": ["high", "potential"] * 2 + ["high"] * 4
})  # fmt: skip
ARMS = Assignment.from_frame(PEOPLE, start=START)
BOUGHT = pd.DataFrame({
    "customer_id": [1, 1, 3, 0, 5],
    "value": [10.0, 20.0, 6.0, 4.0, 8.0],
    "time": ["2026-04-02", "2026-04-09", "2026-05-06", "2026-04-02", "2026-03-30"],
    "contact_channel": ["mail", "store", "mail", "mail", "mail"],
})  # fmt: skip


@pytest.mark.parametrize("backend", [pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize(
    ("metric", "treated", "control"),
    [
        (Mean("spend", column="value"), 44 / 4, 4 / 4),
        (Mean("spend", column="value", time="time"), 36 / 4, 4 / 4),
        (Mean("purchases"), 4 / 4, 1 / 4),
        (Ratio("basket", column="value", per="orders"), 44 / 8, 4 / 2),
        (Retention(after=28, until=56), 1 / 4, 0.0),
        (Weekly("purchases", weeks=2), 2 / 4, 1 / 4),
        (Weekly("spend", column="value", weeks=8), 36 / 4, 4 / 4),
        (Reached("high", column="contact_channel", label="store", table="once"), 1 / 4, 0.0),
    ],
)
def test_each_metric_is_what_it_says(
    metric: Metric, treated: float, control: float, backend: type
) -> None:
    rows = BOUGHT.assign(orders=2)
    once = rows.drop_duplicates("customer_id", keep="last")
    tables = {"purchases": backend(rows.to_dict("list")), "once": backend(once.to_dict("list"))}
    row = measure([metric], tables, ARMS, control="a").lifts[metric.name].overall()
    assert (row.mean, row.control_mean) == (treated, control)


def test_weeks_add_up_to_the_whole() -> None:
    metric = Weekly("spend by week", column="value", weeks=8)
    rows = measure([metric], {"purchases": BOUGHT}, ARMS, control="a").lifts[metric.name].rows
    assert [row.group for row in rows] == ["", "week 01", "week 02", "week 06"]
    assert sum(row.estimate for row in rows[1:]) == pytest.approx(rows[0].estimate)


def test_every_indicator_of_a_retailer_is_measured_by_tier() -> None:
    values = PEOPLE[["customer_id"]].assign(value=range(8), acquisition_cost=2.0)
    tables = {
        "values": values, "purchases": BOUGHT, "tiers": PEOPLE[["customer_id", "tier"]],
        "visits": pd.DataFrame({"customer_id": [1, 1, 2]}),
        "sessions": values.assign(sessions=4, orders=1),
    }  # fmt: skip
    before = Baseline(PEOPLE, by="tier", known_at=None)
    found = measure(list(KPIS.values()), tables, ARMS, control="a", baseline=before)
    assert list(found.lifts) == list(KPIS)
    frame = found.to_frame()
    assert set(frame["metric"]) == set(KPIS)
    assert {"unit", "estimate", "low", "high", "adjusted_p_value"} <= set(frame.columns)
    assert all(metric.definition and metric.unit for metric in KPIS.values())
    assert found.lifts["EC conversion"].overall().mean == 0.25
    assert found.lifts["store visits"].overall().mean == 0.5
    by_tier = {row.group for row in found.lifts["nurtured"].rows}
    assert by_tier == {"", "high", "potential"}
    contacts = found.lifts["contribution of contacts"].rows
    assert {row.group for row in contacts if row.by == "contact_channel"} == {"mail", "store"}


def test_a_quantile_has_an_estimator_of_its_own() -> None:
    people = pd.DataFrame({"customer_id": range(400), "arm": ["a", "b"] * 200})
    spend = people.assign(value=np.arange(400) // 2)
    metric = Quantile("top", quantile=0.9, column="value")
    found = measure([metric], {"purchases": spend}, Assignment.from_frame(people), control="a")
    assert found.lifts["top"].estimator == "quantile"
    assert found.lifts["top"].overall().mean == 179.0


def test_the_family_is_all_rows_of_all_metrics() -> None:
    rng = np.random.default_rng(4)
    people = pd.DataFrame({"customer_id": range(400), "arm": ["a", "b"] * 200})
    rows = people.assign(value=rng.normal(size=400), visits=rng.normal(size=400))
    rows["value"] += 0.4 * (rows["arm"] == "b")
    metrics = [Mean("value", column="value"), Mean("visits", column="visits")]
    holm, none = (
        measure(metrics, {"purchases": rows}, Assignment.from_frame(people), control="a",
                correction=correction).to_frame()
        for correction in ("holm", "none")
    )  # fmt: skip
    lowest = int(none["p_value"].argmin())
    plain = none["p_value"].iloc[lowest]
    assert holm["adjusted_p_value"].iloc[lowest] == pytest.approx(2 * plain)
    assert (none["adjusted_p_value"] == none["p_value"]).all()


def test_what_cannot_be_measured_is_said() -> None:
    with pytest.raises(DataError, match="no table 'visits'"):
        measure([KPIS["store visits"]], {}, ARMS, control="a")
    unknown = Assignment.from_frame(PEOPLE)
    with pytest.raises(ConfigError, match="start of the treatment is not known"):
        measure([Retention(after=1, until=2)], {"purchases": BOUGHT}, unknown, control="a")
    with pytest.raises(ConfigError, match="different names"):
        measure([Mean("x"), Mean("x")], {"purchases": BOUGHT}, ARMS, control="a")
    with pytest.raises(ConfigError, match="empty interval"):
        Retention(after=9, until=9)


def test_a_customer_with_two_labels_is_refused() -> None:
    twice = pd.DataFrame({"customer_id": [1, 1], "tier": "high"})
    with pytest.raises(DataError, match="several rows"):
        Reached("nurtured", column="tier", label="high").outcome({"tiers": twice}, ARMS)
