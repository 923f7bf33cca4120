"""Lift on lifetime value, on a model whose posterior is known in closed form.

Customer i has a mean mu_i ~ N(phi, 1) and one observation x_i ~ N(mu_i, 1). Given phi
the forecast of mu_i is (x_i + phi) / 2, and the posterior of phi is N(mean x, 2 / n).
So the mean forecast of an arm is the arm's mean of x, with sampling variance 2 / n,
while its posterior variance is 0.5 / n: the usual interval is half as wide as it should be.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.typing import NDArray
from scipy import stats
from tests._statistics import sigmas

from omniltv.draws import Draws, RowDraws
from omniltv.errors import ConfigError, DataError, DataWarning
from omniltv.experiments import (
    Assignment,
    Baseline,
    Compliers,
    Difference,
    Forecast,
    LiftRow,
    Outcome,
    Persistence,
    assign,
    difference,
    lift,
    ltv_lift,
)
from omniltv.units import days, weeks

N, DRAWS = 400, 4000
ARMS = ("control", "treated")
YEAR = Persistence.full(weeks(52))
# Relative Monte-Carlo errors of a standard error with so many draws, found over 60 seeds.
ERROR_OF_ERROR = 0.013
ERROR_OF_BOUND = 0.024


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
    logs_of_rows = (RowDraws.from_array(logs),)
    forecast = _forecast(ids, Draws.from_array(value), log_likelihood=logs_of_rows)
    return Assignment(ids, arm), forecast, pd.DataFrame({"customer_id": ids, "x": x, "past": past})


def _forecast(ids: NDArray[np.object_], value: Draws, **options: Any) -> Forecast:
    return Forecast(customer_id=ids, value=value, span=weeks(52), arms=ARMS, **options)


def test_the_influences_give_the_true_sampling_error() -> None:
    arms, forecast, seen = world(1)
    row = ltv_lift(arms, control="control", persistence=YEAR, forecast=forecast).overall()
    welch = difference(Outcome(seen, "x"), arms, control="control").overall()
    # The mean forecast of an arm is off by half the error of the mean of its draws of phi.
    error = np.sqrt(2 * (2 / (N / 2)) / DRAWS) / 2
    assert row.estimate == pytest.approx(welch.estimate, abs=sigmas() * error)
    assert row.standard_error == pytest.approx(welch.standard_error, rel=sigmas() * ERROR_OF_ERROR)


def test_without_log_likelihoods_the_error_is_a_bound() -> None:
    arms, forecast, _ = world(1)
    bare = _forecast(forecast.customer_id, forecast.value)
    sharp, wide = (
        ltv_lift(arms, control="control", persistence=YEAR, forecast=found).overall()
        for found in (forecast, bare)
    )
    assert wide.estimate == pytest.approx(sharp.estimate)
    reach = sigmas() * ERROR_OF_BOUND
    assert wide.standard_error == pytest.approx(sharp.standard_error, rel=reach)


@pytest.mark.slow
def test_aa_tests_reject_as_rarely_as_stated() -> None:
    """False-alarm probability 5e-6: the misses are binomial with probability 0.05."""
    rows = []
    for seed in range(150):
        arms, forecast, _ = world(seed)
        rows.append(
            ltv_lift(arms, control="control", persistence=YEAR, forecast=forecast).overall()
        )
        means = forecast.value.total(arms.arm).per_row().values
    misses = sum(not row.low <= 0 <= row.high for row in rows)
    assert misses <= stats.binom.isf(5e-6, 150, 0.05)
    posterior = (means[1] - means[0]).std()
    # Why the posterior alone will not do: the ratio is 0.5 with an error of 0.019.
    assert posterior < (0.5 + sigmas() * 0.019) * rows[-1].standard_error


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
            baseline=Baseline(seen, covariates=covariates),
        ).overall()
        for covariates in ((), ("past",))
    )
    x, past = (
        seen[name].to_numpy() - seen[name].groupby(arms.arm).transform("mean").to_numpy()
        for name in ("x", "past")
    )
    kept = np.sqrt(1 - np.corrcoef(x, past)[0, 1] ** 2)
    assert adjusted.standard_error / plain.standard_error == pytest.approx(kept, rel=0.01)
    # 0.5 in the window, 0.5 beyond
    assert abs(adjusted.estimate - 1.0) < sigmas() * adjusted.standard_error


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
    assert none == pytest.approx(difference(observed, arms, control="control").overall().estimate)
    assert some == pytest.approx(none + half.share * (full - none))
    lift = ltv_lift(arms, control="control", persistence=half, forecast=forecast)
    assert "the effect is assumed to halve every 52 weeks" in repr(lift)


def test_groups_and_parts_add_up() -> None:
    arms, forecast, seen = world(5)
    part = np.where(np.arange(N) % 3 == 0, "store", "ec")
    split = replace(forecast, part=part)
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
        observed=Outcome(observed, parts="channel"),
        baseline=Baseline(before, by="tier"),
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
    twice = _forecast(
        forecast.customer_id[rows],
        forecast.value.take(rows),
        log_likelihood=(forecast.log_likelihood[0].take(rows),),
    )
    one, two = (
        ltv_lift(arms, control="control", persistence=YEAR, forecast=found).overall()
        for found in (forecast, twice)
    )
    assert two.estimate == pytest.approx(2 * one.estimate)


def test_a_fit_that_did_not_know_the_arms_is_warned_about() -> None:
    arms, forecast, _ = world(7)
    blind = replace(forecast, arms=("",))
    with pytest.warns(DataWarning, match="the fit has no group control, treated"):
        lift = ltv_lift(arms, control="control", persistence=YEAR, forecast=blind)
    assert any("shrunk towards zero" in note for note in lift.notes)
    combined = replace(forecast, arms=("ec|control", "ec|treated"))
    assert ltv_lift(arms, control="control", persistence=YEAR, forecast=combined).rows


def test_what_is_missing_is_said() -> None:
    arms, forecast, _ = world(8)
    with pytest.raises(ConfigError, match="needs forecast="):
        ltv_lift(arms, control="control", persistence=YEAR)
    with pytest.raises(ConfigError, match="nothing to compare"):
        ltv_lift(arms, control="control", persistence=Persistence.none(), forecast=forecast)
    some = np.arange(3, N)
    fewer = _forecast(forecast.customer_id[some], forecast.value.take(some))
    with pytest.raises(DataError, match="without an expected value") as caught:
        ltv_lift(arms, control="control", persistence=YEAR, forecast=fewer)
    assert caught.value.rows == (0, 1, 2)
    zero = ltv_lift(
        arms, control="control", persistence=YEAR, forecast=replace(fewer, missing="zero")
    )
    assert "3 assigned customers without an expected value count as zero" in zero.notes
    values = forecast.value.to_array()
    values[9] = np.inf
    broken = _forecast(forecast.customer_id, Draws.from_array(values))
    with pytest.raises(DataError, match="not finite") as caught:
        ltv_lift(arms, control="control", persistence=YEAR, forecast=broken)
    assert caught.value.rows == (9,)
    with pytest.raises(DataError, match="397 rows for 400 rows of value"):
        _forecast(forecast.customer_id[some], forecast.value)
    two_draws = (RowDraws.from_array(np.ones((N, 2))),)
    with pytest.raises(DataError, match="not the same draws"):
        _forecast(forecast.customer_id, forecast.value, log_likelihood=two_draws)
    with pytest.raises(ConfigError, match="above zero"):
        Persistence.half_life(weeks(0), span=weeks(4))
    others = assign([str(k) for k in range(N)], arms={"control": 0.5, "treated": 0.5}, salt="x")
    with pytest.raises(DataError, match="no assigned customer"):
        ltv_lift(others, control="control", persistence=YEAR, forecast=forecast)


def test_persistence_and_forecast_have_one_span() -> None:
    arms, forecast, _ = world(9)
    for span in (weeks(1), weeks(5200)):
        with pytest.raises(ConfigError, match="the forecast looks 52 weeks ahead"):
            ltv_lift(arms, control="control", persistence=Persistence.full(span), forecast=forecast)
    same = Persistence.full(days(364))
    assert ltv_lift(arms, control="control", persistence=same, forecast=forecast).rows


def test_the_default_estimator_adjusts_and_a_plain_one_does_not() -> None:
    arms, forecast, seen = world(10)
    baseline = Baseline(seen, covariates="past")
    plain, adjusted, bare = (
        ltv_lift(arms, control="control", persistence=YEAR, forecast=forecast, **options).overall()
        for options in (
            {"baseline": baseline, "estimator": Difference()},
            {"baseline": baseline},
            {},
        )
    )
    assert plain[3:] == bare[3:]
    assert adjusted.standard_error < plain.standard_error


def test_customers_of_other_groups_and_arms_count_through_the_fit() -> None:
    """A customer outside a comparison moves its forecasts through the parameters."""
    arms, forecast, seen = world(11)
    before = seen.assign(tier=np.where(seen["past"] > 0, "high", "general"))
    lift = ltv_lift(
        arms,
        control="control",
        persistence=YEAR,
        forecast=forecast,
        baseline=Baseline(before, by="tier"),
    )
    high = next(row for row in lift.rows if row.group == "high")
    side = (seen["past"] > 0).to_numpy()
    x = seen["x"].to_numpy()
    members = [side & (arms.arm == arm) for arm in ARMS]
    # The mean forecast of the group is (its mean x + phi) / 2, and phi is near the mean x of
    # the arm: a member counts 1 / (2 n) + 1 / (2 N), another customer of the arm 1 / (2 N).
    variance = sum(
        x[own].var() * own.sum() * (0.5 / own.sum() + 1 / N) ** 2
        + x[(arms.arm == arm) & ~side].var() * (N / 2 - own.sum()) / N**2
        for own, arm in zip(members, ARMS, strict=True)
    )
    # 0.7 % too large, for phi is only near that mean; the Monte-Carlo error is 0.9 %.
    assert high.standard_error == pytest.approx(np.sqrt(variance), rel=0.007 + sigmas() * 0.01)


# By hand: two customers in each arm, three draws

FOUR = Assignment(np.arange(4).astype(object), np.array(["control", "treated"] * 2))
VALUES = np.array([[1.0, 2.0, 6.0], [4.0, 4.0, 7.0], [3.0, 3.0, 3.0], [0.0, 9.0, 3.0]])
SEEN = pd.DataFrame({"customer_id": range(4), "value": [10.0, 20.0, 12.0, 30.0]})
HALF = Persistence.half_life(weeks(26), span=weeks(52))
SIDES = (np.array([1, 3]), np.array([0, 2]))  # treated, control


def by_hand(**options: Any) -> LiftRow:
    forecast = _forecast(FOUR.customer_id, Draws.from_array(VALUES), **options)
    return ltv_lift(
        FOUR, control="control", persistence=HALF, forecast=forecast, observed=SEEN
    ).overall()


def test_a_bound_adds_the_posterior_error_to_the_error_of_the_sample() -> None:
    value = SEEN["value"].to_numpy() + HALF.share * VALUES.mean(axis=1)
    row = by_hand()
    means = [value[side].mean() for side in SIDES]
    assert (row.mean, row.control_mean) == pytest.approx(means)
    errors = [
        value[side].std(ddof=1) / np.sqrt(2) + HALF.share * VALUES[side].mean(axis=0).std(ddof=1)
        for side in SIDES
    ]
    assert row.standard_error == pytest.approx(np.hypot(*errors))


def test_influences_are_covariances_with_the_log_likelihoods_of_all_fits() -> None:
    rng = np.random.default_rng(2)
    logs = rng.normal(size=(2, 4, 3))
    row = by_hand(log_likelihood=tuple(RowDraws.from_array(part) for part in logs))
    means = np.stack([VALUES[side].mean(axis=0) for side in SIDES])
    deviation = means - means.mean(axis=1, keepdims=True)
    influence = HALF.share * (logs.sum(axis=0) @ deviation.T) / 2
    gap = influence[:, 0] - influence[:, 1]
    value = SEEN["value"].to_numpy() + HALF.share * VALUES.mean(axis=1)
    variance = 0.0
    for side, sign in zip(SIDES, (1, -1), strict=True):
        pseudo = value[side] + sign * 2 * (gap[side] - gap[side].mean())
        variance += pseudo.var(ddof=1) / 2
    assert row.estimate == pytest.approx(value[SIDES[0]].mean() - value[SIDES[1]].mean())
    assert row.standard_error == pytest.approx(np.sqrt(variance))


def test_an_outcome_that_is_not_split_does_not_split_the_forecast() -> None:
    split = _forecast(FOUR.customer_id, Draws.from_array(VALUES), part=np.array(list("xyxy")))
    options: dict[str, Any] = {"control": "control", "persistence": YEAR, "forecast": split}
    whole = ltv_lift(FOUR, observed=SEEN, **options)
    assert [row.group for row in whole.rows] == [""]
    alone = ltv_lift(FOUR, **options)
    assert [(row.by, row.group) for row in alone.rows] == [("", ""), ("part", "x"), ("part", "y")]
    assert alone.rows[1].estimate == -(3 + 3) / 2  # of the control alone
    assert alone.rows[2].estimate == (5 + 4) / 2
    by_channel = Outcome(SEEN.assign(channel=list("xyyy")), parts="channel")
    both = ltv_lift(FOUR, observed=by_channel, **options)
    assert [row.by for row in both.rows] == ["", "channel", "channel"]
    assert both.rows[1].estimate == -(10 + 3 + 3) / 2
    bare = _forecast(FOUR.customer_id, Draws.from_array(VALUES))
    with pytest.raises(ConfigError, match=r"forecast is not. Hint: Forecast.of\(value, part=...\)"):
        ltv_lift(FOUR, observed=by_channel, **{**options, "forecast": bare})


def test_columns_of_a_forecast_have_one_length() -> None:
    value = Draws.from_array(VALUES)
    logs = RowDraws.from_array(VALUES)
    for column, options in (
        ("part", {"part": np.array(["x"])}),
        ("log_likelihood", {"log_likelihood": (logs, logs.take([0]))}),
        ("log_likelihood", {"log_likelihood": (logs, RowDraws.from_array(VALUES[:, :2]))}),
    ):
        with pytest.raises(DataError) as caught:
            _forecast(FOUR.customer_id, value, **options)
        assert caught.value.column == column
    with pytest.raises(DataError) as caught:
        _forecast(FOUR.customer_id[:3], value)
    assert caught.value.column == "customer_id"
    assert repr(_forecast(FOUR.customer_id, value)) == (
        "Forecast(4 rows over 52 weeks; arms control, treated)"
    )


def test_assumptions_about_persistence_in_words() -> None:
    assert str(Persistence.none()) == "no effect is assumed after the window"
    assert repr(HALF) == (
        "Persistence: the effect is assumed to halve every 26 weeks after the window, "
        "over 52 weeks (54 % of the undiminished lift)"
    )
    assert HALF.share == pytest.approx((1 - 2**-2) / (2 * np.log(2)))
    Persistence.none().require_span(weeks(3))
    for spans in ((weeks(1), weeks(0)), (weeks(0), weeks(1))):
        with pytest.raises(ConfigError, match="above zero"):
            Persistence.half_life(spans[0], span=spans[1])
    assert Persistence.half_life(weeks(0.5), span=weeks(0.5)).share == pytest.approx(
        0.5 / np.log(2)
    )


def test_the_effect_on_compliers_is_that_of_the_window_alone() -> None:
    row = np.arange(N)
    frame = pd.DataFrame({"customer_id": row, "arm": np.resize(ARMS, N), "value": row % 7 + 0.0})
    arms = Assignment.from_frame(frame)
    seen = Outcome(frame.assign(opened=row % 4 == 1), received="opened")
    found = ltv_lift(
        arms, control="control", persistence=Persistence.none(), observed=seen,
        estimator=Compliers(),
    )  # fmt: skip
    assert found.rows == lift(seen, arms, estimator=Compliers(), control="control").rows
    _, forecast, _ = world(1)
    for observed in (seen, None):
        with pytest.raises(ConfigError, match="compliers is that of the window alone"):
            ltv_lift(arms, control="control", persistence=YEAR, observed=observed,
                     forecast=forecast, estimator=Compliers())  # fmt: skip
