"""Cases D2 to D10: experiments that are wrong, and what the library says."""

from datetime import datetime

import numpy as np
import pandas as pd
import pytest

from omniltv.draws import Draws
from omniltv.errors import ConfigError, DataWarning
from omniltv.experiments import (
    Assignment,
    Baseline,
    Forecast,
    Outcome,
    Persistence,
    cuped,
    difference,
    ltv_lift,
)
from omniltv.units import weeks

START = datetime(2026, 4, 1)  # noqa: DTZ001 - a local time
N = 400
FRAME = pd.DataFrame({
    "customer_id": range(N), "arm": ["a", "b"] * (N // 2),
    "value": np.random.default_rng(4).gamma(2, 5, N),
})  # fmt: skip
ARMS = Assignment.from_frame(FRAME, start=START)


def test_d2_outcomes_before_the_start_are_left_out_and_said() -> None:
    before = FRAME.assign(time="2026-03-01", value=1e6).iloc[:3]
    after = FRAME.assign(time="2026-04-20")
    found = difference(Outcome(pd.concat([before, after]), time="time"), ARMS, control="a")
    assert found.overall() == difference(FRAME, ARMS, control="a").overall()
    assert "note (early_outcomes): 3 outcomes before the start are left out" in repr(found)


def test_d3_an_arm_observed_longer_is_refused_or_compared_by_rates() -> None:
    observed = np.where(FRAME["arm"] == "b", 12.0, 8.0)
    table = FRAME.assign(value=FRAME["value"] / 10 * observed, weeks=observed)
    with pytest.warns(DataWarning, match="mean weeks a 8, b 12"):
        held = difference(Outcome(table, exposure="weeks"), ARMS, control="a")
    assert held.withheld == ("windows",)
    rates = difference(Outcome(table, exposure="weeks", per="weeks"), ARMS, control="a")
    flat = difference(FRAME.assign(value=FRAME["value"] / 10), ARMS, control="a").overall()
    assert rates.overall()[3:7] == pytest.approx(flat[3:7])
    assert rates.findings[0].severity == "note"
    assert "the outcome is a rate per weeks" in repr(rates)


def test_d3_times_of_outcomes_show_it_too() -> None:
    day = np.arange(N) % 56 + 28 * ((FRAME["arm"] == "b") & (np.arange(N) % 3 == 0))
    table = FRAME.assign(time=pd.Timestamp(START) + pd.to_timedelta(day, unit="D"))
    with pytest.warns(DataWarning, match="outcomes of the arm 'a' end earlier"):
        held = difference(Outcome(table, time="time"), ARMS, control="a")
    assert held.withheld == ("windows",)


def test_d4_stores_that_were_assigned_are_stopped_or_declared() -> None:
    store = np.repeat([f"s{k}" for k in range(40)], N // 40)
    frame = FRAME.assign(store=store, arm=np.repeat(["a", "b"] * 20, N // 40))
    with pytest.warns(DataWarning, match=r"stores were assigned.*cluster='store'"):
        held = difference(
            frame, Assignment.from_frame(frame), control="a", baseline=Baseline(frame)
        )
    assert held.withheld == ("clusters",)
    declared = Assignment.from_frame(frame, cluster="store")
    found = difference(frame, declared, control="a", baseline=Baseline(frame))
    assert np.isfinite(found.overall().estimate)
    assert found.findings == ()


def test_d5_value_per_order_is_sum_over_sum_by_the_delta_method() -> None:
    rng = np.random.default_rng(7)
    orders = rng.poisson(1.5, N)
    table = FRAME.assign(orders=orders, value=orders * rng.gamma(3, 4, N))
    assert (orders == 0).any()
    row = difference(Outcome(table, per="orders"), ARMS, control="a").overall()
    error = 0.0
    for arm, mean in (("a", row.control_mean), ("b", row.mean)):
        y, d = (table.loc[table["arm"] == arm, name] for name in ("value", "orders"))
        ratio = y.sum() / d.sum()
        assert mean == pytest.approx(ratio)
        spread = np.cov(y, d)
        gradient = np.array([1, -ratio]) / d.mean()
        error += float(gradient @ spread @ gradient) / len(y)
    assert row.standard_error == pytest.approx(np.sqrt(error))
    assert (row.n, row.control_n) == (200, 200)


def test_d6_a_covariate_from_after_the_start_stops_the_estimate() -> None:
    treated = FRAME["arm"] == "b"
    visits = np.random.default_rng(3).normal(10, 1, N) + 2 * treated
    after = FRAME.assign(value=visits + 1, visits=visits, measured="2026-04-20")
    baseline = Baseline(after, covariates="visits", known_at="measured")
    with pytest.warns(DataWarning) as caught:
        held = cuped(after, ARMS, control="a", baseline=baseline, despite=("balance",))
    assert "400 customers were measured after the start" in str(caught[0].message)
    assert held.withheld == ("covariate_time",)
    unknown = Baseline(FRAME.assign(x=np.arange(N) // 2), covariates="x")
    asked = cuped(FRAME, ARMS, control="a", baseline=unknown)
    assert "note (covariate_time): it is not known whether" in repr(asked)
    assert "known_at=" in asked.findings[0].hint


def test_d7_the_span_of_persistence_is_that_of_the_forecast() -> None:
    forecast = Forecast(
        customer_id=ARMS.customer_id,
        value=Draws.from_array(np.ones((N, 3))),
        span=weeks(52),
        arms=("a", "b"),
    )
    for span in (weeks(1), weeks(5200)):
        with pytest.raises(ConfigError, match="but the forecast looks 52 weeks ahead"):
            ltv_lift(ARMS, control="a", persistence=Persistence.full(span), forecast=forecast)


def test_d8_arms_that_differ_by_case_or_blanks_are_warned_of() -> None:
    arm = np.where(np.arange(N) % 3 == 0, "Control", np.where(ARMS.arm == "a", "control ", "b"))
    arms = Assignment.from_frame(FRAME.assign(arm=arm))
    with pytest.warns(DataWarning, match=r"separate arms: 'Control', 'control '"):
        found = difference(FRAME, arms, control="Control")
    assert found.withheld == ()


def test_d10_a_failed_ratio_check_withholds_the_lift_on_lifetime_value_too() -> None:
    lost = (FRAME["arm"] == "a") | (np.arange(N) % 4 == 1)
    arms = Assignment.from_frame(FRAME[lost], shares={"a": 0.5, "b": 0.5})
    none = Persistence.none()
    with pytest.warns(DataWarning, match="sample ratio mismatch"):
        held = ltv_lift(arms, control="a", persistence=none, observed=FRAME)
    assert np.isnan(held.columns()["estimate"]).all()
    with pytest.warns(DataWarning, match="sample ratio mismatch"):
        shown = ltv_lift(arms, control="a", persistence=none, observed=FRAME, despite=("srm",))
    assert np.isfinite(shown.overall().estimate)
