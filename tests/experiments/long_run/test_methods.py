"""The long-run methods: their formulas, their laws, and worlds that they must not be fooled by."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from omniltv.errors import ConfigError
from omniltv.experiments import Persistence
from omniltv.experiments.learning import Register
from omniltv.experiments.long_run import (
    ArmWeeks,
    CohortWeeks,
    DecayPrior,
    LongRunMethod,
    LongRunSample,
    SurrogateIndex,
    WeeklyDecay,
)
from omniltv.experiments.long_run.gaps import gaps
from omniltv.experiments.long_run.incoming import Incoming, leaving
from omniltv.testing.long_run_laws import laws
from omniltv.units import weeks

METHODS = (WeeklyDecay(), SurrogateIndex())
HORIZON, WINDOW = 60, 8

type Array = NDArray[np.float64]


def sample(
    rng: np.random.Generator, effect: Array, *, n: int = 2_000, hazard: float = 1.0
) -> LongRunSample:
    """Return customers who leave at exponential hazards, with an effect by week on the rate."""

    def orders(weeks_: int, factor: Array | float = 1.0, leaves: float = 1.0) -> Array:
        life = rng.exponential(50.0 / leaves, (n, 1))
        return rng.poisson(0.5 * factor * (life > np.arange(weeks_))).astype(float)

    def arm(name: str, bought: Array) -> ArmWeeks:
        ids = np.arange(n).astype(object)
        return ArmWeeks(name, ids, bought, 10 * bought, np.empty((n, 0)), np.ones(n))

    past = [orders(HORIZON) for _ in range(2)]
    return LongRunSample(
        arm("mail", orders(WINDOW, effect, hazard)),
        arm("control", orders(WINDOW)),
        tuple(CohortWeeks(str(k), own, 10 * own, np.empty((n, 0))) for k, own in enumerate(past)),
        np.ones(HORIZON), np.ones(HORIZON), Persistence.full(weeks(HORIZON - WINDOW)),
    )  # fmt: skip


def window_of(sides: list[ArmWeeks]) -> LongRunSample:
    """Return two arms without anything beyond the window."""
    ones = np.ones(sides[0].orders.shape[1])
    return LongRunSample(sides[0], sides[1], (), ones, ones, Persistence.none())


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
@pytest.mark.parametrize("law", laws()[:-1], ids=lambda law: law.__name__)
def test_laws(law: Callable[[LongRunMethod], None], method: LongRunMethod) -> None:
    law(method)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_no_effect_is_rarely_called_one(method: LongRunMethod) -> None:
    laws()[-1](method)


def test_a_lasting_effect_is_carried_on_and_a_fading_one_is_not() -> None:
    """The intervals at 1 - 1e-6 hold the truth; each start of a seed fails below 1e-5."""
    week = np.arange(WINDOW)
    base = 5.0 * np.exp(-np.arange(HORIZON) / 50).sum()
    lasting = sample(np.random.default_rng(1), np.full(WINDOW, 1.3), n=4_000)
    fading = sample(np.random.default_rng(2), 1 + 0.6 * np.exp(-week / 2), n=4_000)
    long, short = (WeeklyDecay().estimate(one, seed=1).total for one in (lasting, fading))
    assert abs(long.mean() - 0.3 * base) < 5 * long.std()
    assert abs(short.mean() - 5.0 * 0.6 * np.exp(-week / 2).sum()) < 5 * short.std()
    assert np.quantile(long, 0.025) > 0.1 * base
    assert short.mean() < 0.5 * long.mean()


def test_purchases_that_are_pulled_forward_are_not_a_gain() -> None:
    """More orders for three weeks, as many fewer in the next five: nothing is left to carry on."""
    effect = np.array([1.5, 1.5, 1.5, 0.7, 0.7, 0.7, 0.7, 0.7])
    total = WeeklyDecay().estimate(sample(np.random.default_rng(3), effect), seed=1).total
    assert np.quantile(total, 0.025) < 0 < np.quantile(total, 0.975)


def test_a_discount_counts_in_full_for_the_weeks_of_a_campaign() -> None:
    """The interval at 1 - 1e-6 holds the loss of the window."""
    one = sample(np.random.default_rng(9), np.ones(WINDOW), n=6_000)
    paid = np.repeat([0.8, 1.0], WINDOW // 2)  # of the price, four weeks of the campaign
    cheap = one.treated._replace(value=one.treated.value * paid)
    on = (np.arange(HORIZON) < WINDOW // 2).astype(float)
    window = WeeklyDecay().estimate(replace(one, treated=cheap, strength=on), seed=1).window
    loss = -0.2 * one.control.value[:, : WINDOW // 2].sum(axis=1).mean()
    assert abs(window.mean() - loss) < 5 * window.std()
    assert abs(window.mean() - loss) < 0.35 * abs(loss)


def test_more_covariance_between_arms_and_outcome_means_less_error() -> None:
    rng = np.random.default_rng(4)
    before = rng.gamma(1, 1, (2, 500, 1))
    arms = [
        ArmWeeks(name, np.arange(500).astype(object), bought, bought, own, np.ones(500))
        for name, own in zip(("mail", "control"), before, strict=True)
        for bought in [rng.poisson(own * np.ones(4)).astype(float)]
    ]
    given = window_of(arms)
    bare = window_of([side._replace(covariates=np.empty((500, 0))) for side in arms])
    sums = [side.orders.sum(axis=1, keepdims=True) for side in arms]
    sharp, wide = gaps(given, *sums), gaps(bare, *sums)
    assert sharp.covariance[0, 0] < 0.5 * wide.covariance[0, 0]
    assert wide.gap == pytest.approx(sums[0].mean() - sums[1].mean())
    assert wide.covariance[0, 0] == pytest.approx(sum(s.var(ddof=1) / 500 for s in sums))


def test_gaps_equal_least_squares_with_one_slope() -> None:
    rng = np.random.default_rng(5)
    one = sample(rng, np.ones(WINDOW), n=300)
    covariates = rng.normal(size=(2, 300, 2))
    sides = [side._replace(covariates=x)
             for side, x in zip((one.treated, one.control), covariates, strict=True)]  # fmt: skip
    given = window_of(sides)
    found = gaps(given, *(side.orders for side in sides))
    design = np.column_stack([np.repeat([1.0, 0.0], 300), np.ones(600), np.concatenate(covariates)])
    both = np.concatenate([side.orders for side in sides])
    assert found.gap == pytest.approx(np.linalg.lstsq(design, both, rcond=None)[0][0])


def test_the_hazard_of_a_cohort_is_that_of_its_decline() -> None:
    week = np.arange(150) + 0.5
    assert leaving(7.0 * (1 + week / 40) ** -0.8) == pytest.approx(0.8 / (40 + week), rel=0.05)
    assert leaving(np.full(20, 3.0)) == pytest.approx(np.zeros(20), abs=1e-6)


def test_the_baseline_is_corrected_by_its_error_in_earlier_cohorts() -> None:
    flat = np.ones((10, 4))
    later = flat * [1.0, 1.0, 2.0, 2.0]
    arm = ArmWeeks("a", np.arange(10).astype(object), flat[:, :2], flat[:, :2], np.empty((10, 0)),
                   np.ones(10))  # fmt: skip
    cohorts = tuple(
        CohortWeeks(str(k), v, v, np.empty((10, 0))) for k, v in enumerate((flat, later))
    )
    given = LongRunSample(arm, arm, cohorts, np.ones(4), np.ones(4), Persistence.none())
    found = Incoming.of(given, drift=0.1)
    assert found.ratios == pytest.approx((2.0,))
    assert found.log_factor == pytest.approx(np.log(2.0) / 2)
    assert found.log_sd > 0.3
    assert "realised / forecast 2.00; corrected by 1.41" in found.corrected[0]


def test_the_index_equals_the_regression_of_later_value() -> None:
    one = sample(np.random.default_rng(6), np.full(WINDOW, 1.2), n=800)
    drawn = SurrogateIndex(ridge=0.0).estimate(one, seed=1)

    def summaries(bought: Array) -> Array:
        first = bought[:, :WINDOW]
        orders = first.sum(axis=1)
        since = [WINDOW if not row.any() else WINDOW - 1 - np.flatnonzero(row)[-1] for row in first]
        late = first[:, WINDOW // 2 :].sum(axis=1)
        return np.column_stack([np.ones(len(orders)), orders, np.sqrt(orders), late, since])

    past = np.concatenate([cohort.orders for cohort in one.earlier])
    later = 10.0 * past[:, WINDOW:].sum(axis=1)
    slopes = np.linalg.lstsq(summaries(past), later, rcond=None)[0]
    gap = summaries(one.treated.orders).mean(axis=0) - summaries(one.control.orders).mean(axis=0)
    error = drawn.beyond.std() / np.sqrt(len(drawn.beyond))
    assert abs(drawn.beyond.mean() - gap @ slopes) < 6 * error


def test_an_index_needs_more_customers_than_summaries() -> None:
    few = sample(np.random.default_rng(7), np.ones(WINDOW), n=3)
    with pytest.raises(ConfigError, match="6 customers of earlier cohorts are too few"):
        SurrogateIndex().estimate(few, seed=1)


def test_priors_are_learnt_from_the_register() -> None:
    rng = np.random.default_rng(8)
    effects = np.where(np.arange(200) % 4 < 3, 0.03, 0.3) * rng.standard_normal(200)
    rows = pd.DataFrame({"measurement": [f"m{k}" for k in range(200)], "treatment": "mail",
                         "tier": "all", "channel": "ec", "estimate": 100 * effects,
                         "standard_error": 0.5, "control_mean": 100.0})  # fmt: skip
    learnt = WeeklyDecay.from_register(Register.read(rows)).prior
    assert learnt.level == learnt.novelty
    assert learnt.level[0] > 0.55
    assert 0.1 < learnt.level[2] < 0.4
    assert DecayPrior().level == pytest.approx((1 / 3, 1 / 3, 1 / 3))
