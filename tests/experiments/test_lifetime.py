"""Lift on lifetime value, on a model whose posterior is known in closed form.

Customer i has a mean mu_i ~ N(phi, 1) and one observation x_i ~ N(mu_i, 1). Given phi
the forecast of mu_i is (x_i + phi) / 2, and the posterior of phi is N(mean x, 2 / n).
So the mean forecast of an arm is the arm's mean of x, with sampling variance 2 / n,
while its posterior variance is 0.5 / n: the usual interval is half as wide as it should be.
"""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from omniltv.draws import Draws, RowDraws
from omniltv.errors import ConfigError, DataError, DataWarning
from omniltv.experiments import Assignment, Forecast, Persistence, assign, difference, ltv_lift
from omniltv.units import weeks

N, DRAWS = 400, 4000
ARMS = ("control", "treated")
YEAR = Persistence.full(weeks(52))


def world(seed: int, effect: float = 0.0) -> tuple[Assignment, Forecast, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    arm = rng.permuted(np.repeat(ARMS, N // 2))
    past = rng.normal(size=N)
    mu = past / 2 + rng.normal(size=N) * np.sqrt(0.75) + effect * (arm == "treated")
    x = mu + rng.normal(size=N)
    value, logs = np.empty((N, DRAWS)), np.empty((N, DRAWS))
    for name in ARMS:
        own = arm == name
        phi = rng.normal(x[own].mean(), np.sqrt(2 / own.sum()), DRAWS)
        value[own] = (x[own, None] + phi) / 2
        logs[own] = -((x[own, None] - phi) ** 2) / 4
    ids = np.arange(N).astype(object)
    forecast = Forecast(ids, Draws.from_array(value), ARMS, (RowDraws.from_array(logs),))
    return Assignment(ids, arm), forecast, pd.DataFrame({"customer_id": ids, "x": x, "past": past})


def test_the_influences_give_the_true_sampling_error() -> None:
    arms, forecast, seen = world(1)
    row = ltv_lift(arms, control="control", persistence=YEAR, forecast=forecast).overall()
    welch = difference(seen, arms, outcome="x", control="control").overall()
    assert row.estimate == pytest.approx(welch.estimate, abs=0.02)
    assert row.standard_error == pytest.approx(welch.standard_error, rel=0.05)


def test_without_log_likelihoods_the_error_is_a_bound() -> None:
    arms, forecast, _ = world(1)
    bare = Forecast(forecast.customer_id, forecast.value, ARMS)
    sharp, wide = (
        ltv_lift(arms, control="control", persistence=YEAR, forecast=found).overall()
        for found in (forecast, bare)
    )
    assert wide.estimate == sharp.estimate
    assert wide.standard_error == pytest.approx(sharp.standard_error, rel=0.05)


def test_aa_tests_cry_wolf_as_rarely_as_stated() -> None:
    rows = []
    for seed in range(150):
        arms, forecast, _ = world(seed)
        rows.append(
            ltv_lift(arms, control="control", persistence=YEAR, forecast=forecast).overall()
        )
        means = forecast.value.total(arms.arm).per_row().values
    misses = np.mean([not row.low <= 0 <= row.high for row in rows])
    assert abs(misses - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 150)
    posterior = (means[1] - means[0]).std()
    assert posterior < 0.6 * rows[-1].standard_error  # why the posterior alone will not do


def test_what_was_known_before_sharpens_the_estimate() -> None:
    arms, forecast, seen = world(3, effect=0.5)
    observed = seen.rename(columns={"x": "value"})
    plain, adjusted = (
        ltv_lift(
            arms,
            control="control",
            persistence=YEAR,
            forecast=forecast,
            observed=observed,
            before=seen,
            covariates=covariates,
        ).overall()
        for covariates in ((), ("past",))
    )
    assert adjusted.standard_error < 0.96 * plain.standard_error
    assert adjusted.low < 1.0 < adjusted.high  # 0.5 in the window, 0.5 beyond


def test_persistence_says_how_much_of_the_forecast_counts() -> None:
    arms, forecast, seen = world(4, effect=0.5)
    observed = seen.rename(columns={"x": "value"})

    def estimate(persistence: Persistence) -> float:
        return (
            ltv_lift(
                arms,
                control="control",
                persistence=persistence,
                forecast=forecast,
                observed=observed,
            )
            .overall()
            .estimate
        )

    half = Persistence.half_life(weeks(52), span=weeks(52))
    assert half.share == pytest.approx(0.5 / np.log(2))
    none, some, full = (estimate(p) for p in (Persistence.none(), half, YEAR))
    assert none == pytest.approx(
        difference(observed, arms, outcome="value", control="control").overall().estimate
    )
    assert some == pytest.approx(none + half.share * (full - none))
    lift = ltv_lift(arms, control="control", persistence=half, forecast=forecast)
    assert "the effect halves every 52 weeks" in repr(lift)


def test_groups_and_parts_add_up() -> None:
    arms, forecast, seen = world(5)
    part = np.where(np.arange(N) % 3 == 0, "store", "ec")
    split = Forecast(forecast.customer_id, forecast.value, ARMS, forecast.log_likelihood, part)
    observed = pl.DataFrame(
        {"customer_id": np.tile(np.arange(N), 2), "value": np.tile(seen["x"], 2),
         "channel": np.repeat(["app", "ec"], N)}
    )  # fmt: skip
    before = seen.assign(tier=np.where(seen["past"] > 0, "high", "general"))
    lift = ltv_lift(
        arms,
        control="control",
        persistence=YEAR,
        forecast=split,
        observed=observed,
        before=before,
        by="tier",
        parts="channel",
    )
    rows = {row.group: row for row in lift.rows}
    assert list(rows) == ["", "general", "high", "app", "ec", "store"]
    added = sum(rows[name].estimate for name in ("app", "ec", "store"))
    assert added == pytest.approx(rows[""].estimate)
    assert rows["high"].n + rows["general"].n == rows[""].n
    assert all(row.standard_error > 0 for row in lift.rows)


def test_customers_with_several_rows_add_up() -> None:
    arms, forecast, _ = world(6)
    rows = np.tile(np.arange(N), 2)
    twice = Forecast(
        forecast.customer_id[rows],
        forecast.value.take(rows),
        ARMS,
        (forecast.log_likelihood[0].take(rows),),
    )
    one, two = (
        ltv_lift(arms, control="control", persistence=YEAR, forecast=found).overall()
        for found in (forecast, twice)
    )
    assert two.estimate == pytest.approx(2 * one.estimate)


def test_a_fit_that_did_not_know_the_arms_is_warned_about() -> None:
    arms, forecast, _ = world(7)
    blind = Forecast(forecast.customer_id, forecast.value, ("",), forecast.log_likelihood)
    with pytest.warns(DataWarning, match="did not know the arm control, treated"):
        lift = ltv_lift(arms, control="control", persistence=YEAR, forecast=blind)
    assert any("drawn towards zero" in note for note in lift.notes)
    combined = Forecast(forecast.customer_id, forecast.value, ("ec|control", "ec|treated"))
    assert ltv_lift(arms, control="control", persistence=YEAR, forecast=combined).rows


def test_what_is_missing_is_said() -> None:
    arms, forecast, _ = world(8)
    with pytest.raises(ConfigError, match="needs forecast="):
        ltv_lift(arms, control="control", persistence=YEAR)
    with pytest.raises(ConfigError, match="nothing to compare"):
        ltv_lift(arms, control="control", persistence=Persistence.none(), forecast=forecast)
    some = np.arange(3, N)
    fewer = Forecast(forecast.customer_id[some], forecast.value.take(some), ARMS)
    with pytest.raises(DataError, match="without an expected value") as caught:
        ltv_lift(arms, control="control", persistence=YEAR, forecast=fewer)
    assert caught.value.rows == (0, 1, 2)
    zero = ltv_lift(arms, control="control", persistence=YEAR, forecast=fewer, missing="zero")
    assert "3 assigned customers without an expected value count as zero" in zero.notes
    values = forecast.value.to_array()
    values[9] = np.inf
    broken = Forecast(forecast.customer_id, Draws.from_array(values), ARMS)
    with pytest.raises(DataError, match="not finite") as caught:
        ltv_lift(arms, control="control", persistence=YEAR, forecast=broken)
    assert caught.value.rows == (9,)
    with pytest.raises(DataError, match="397 rows for 400 rows of value"):
        Forecast(forecast.customer_id[some], forecast.value, ARMS)
    with pytest.raises(DataError, match="not the same draws"):
        Forecast(
            forecast.customer_id, forecast.value, ARMS, (RowDraws.from_array(np.ones((N, 2))),)
        )
    with pytest.raises(ConfigError, match="above zero"):
        Persistence.half_life(weeks(0), span=weeks(4))
    strangers = assign([str(k) for k in range(N)], arms={"control": 0.5, "treated": 0.5}, salt="x")
    with pytest.raises(DataError, match="no assigned customer"):
        ltv_lift(strangers, control="control", persistence=YEAR, forecast=forecast)
