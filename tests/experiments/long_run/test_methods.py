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
from omniltv.experiments.long_run.gaps import gaps, joint_covariance
from omniltv.experiments.long_run.incoming import Decline, Incoming, leaving
from omniltv.experiments.long_run.seen import Seen
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
    week = np.arange(150, dtype=np.float64) + 0.5
    found = leaving(7.0 * (1 + week / 40) ** -0.8).hazard(week)
    assert found == pytest.approx(0.8 / (40 + week), rel=0.05)
    assert leaving(np.full(20, 3.0)).hazard(week[:20]) == pytest.approx(np.zeros(20), abs=1e-6)


def test_one_week_shows_no_decline() -> None:
    assert leaving(np.ones(1)).shape == 0.0


def test_a_start_in_high_season_is_not_taken_for_customers_who_leave() -> None:
    week = np.arange(156, dtype=np.float64) + 0.5
    season = np.exp(0.3 * np.cos(2 * np.pi * week / (365.25 / 7)))
    falls = 7.0 * (1 + week / 40) ** -0.8
    assert leaving(season * falls).hazard(week) == pytest.approx(0.8 / (40 + week), rel=0.05)
    short = leaving((season * falls)[:52])  # less than two years: all of it counts as leaving
    assert short.hazard(week)[0] > 1.5 * 0.8 / 40


def test_a_cohort_whose_hazards_change_is_where_another_one_will_be_or_was() -> None:
    week = np.arange(60, dtype=np.float64) + 0.5
    done = np.minimum(week - 0.25, 8.0)
    hazard = np.random.default_rng(11).gamma(0.8, 1 / 40, 40_000)[:, None]
    plain = np.exp(-hazard * week).mean(axis=0)
    more, none = (np.exp(-hazard * (week + x * done)).mean(axis=0) for x in (0.6, -1.0))
    kept = Decline(0.8, 40.0).kept(np.array([0.6, -1.0, -2.0]), done, week).T
    # means over 40,000 hazards are off by less than 0.01 with a probability above 1 - 1e-6
    assert kept[0] == pytest.approx(np.log(more / plain), abs=0.01)
    assert kept[1] == pytest.approx(np.log(none / plain), abs=0.01)
    assert np.array_equal(kept[1], kept[2])


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


def factorial(rng: np.random.Generator, factors: dict[str, float]) -> list[LongRunSample]:
    """Return the arms mail, coupon and both, with a factor on orders each."""
    made = [sample(rng, np.full(WINDOW, own), n=3_000) for own in factors.values()]
    given = [tuple(name.split("+")) for name in factors]
    return [
        replace(made[0], treated=one.treated._replace(name="+".join(own), treatments=own))
        for one, own in zip(made, given, strict=True)
    ]


def test_arms_with_both_treatments_inform_those_with_one() -> None:
    """The intervals at 1 - 1e-6 hold the truth; each start of a seed fails below 1e-5."""
    factors = {"mail": 1.25, "coupon": 1.3, "mail+coupon": 1.25 * 1.3 * 1.2}
    samples = factorial(np.random.default_rng(12), factors)
    base = 5.0 * np.exp(-np.arange(HORIZON) / 50).sum()
    drawn = [one.total for one in WeeklyDecay().estimate_jointly(samples, seed=1)]
    for own, factor in zip(drawn, factors.values(), strict=True):
        assert abs(own.mean() - (factor - 1) * base) < 5 * own.std()
    pair = drawn[2] - drawn[1] - drawn[0]
    assert abs(pair.mean() - (1.95 - 1.25 - 1.3 + 1) * base) < 5 * pair.std()
    alone = WeeklyDecay(sharp()).estimate(samples[0], seed=1).total
    together = WeeklyDecay(sharp()).estimate_jointly(samples, seed=1)[0].total
    assert together.std() < 0.9 * alone.std()


def sharp() -> DecayPrior:
    """Return a prior under which the window says everything, and interactions are small."""
    tiny = 1e-3
    return DecayPrior(
        scales=(tiny, 0.3), level=(0.0, 1.0), novelty=(1.0, 0.0), dropout=tiny, spend=tiny,
        week=tiny, interaction=(0.05,), group=(0.05,), drift=tiny,
    )  # fmt: skip


def test_a_group_borrows_from_the_customers_outside_it_and_keeps_what_is_its_own() -> None:
    """The intervals at 1 - 1e-6 hold the truth; each start of a seed fails below 1e-5."""
    rng = np.random.default_rng(13)
    group, rest, other = (sample(rng, np.full(WINDOW, own), n=n)
                          for own, n in ((1.3, 500), (1.3, 4_000), (1.0, 4_000)))  # fmt: skip
    base = 5.0 * np.exp(-np.arange(HORIZON) / 50).sum()
    alone, alike, apart = (
        WeeklyDecay().estimate(replace(group, rest=one), seed=1).total
        for one in (None, rest, other)
    )
    own = WeeklyDecay(sharp()).estimate(group, seed=1).total
    borrowed = WeeklyDecay(sharp()).estimate(replace(group, rest=rest), seed=1).total
    assert borrowed.std() < 0.9 * own.std()
    assert apart.mean() < alone.mean() < alike.mean()
    assert all(abs(one.mean() - 0.3 * base) < 5 * one.std() for one in (alone, alike, apart))


def test_ratios_are_exact_where_the_arms_are_what_is_expected() -> None:
    one = sample(np.random.default_rng(14), np.ones(WINDOW), n=200)
    ones = np.ones((200, WINDOW))
    flat = tuple(one._replace(orders=np.ones((200, HORIZON))) for one in one.earlier)
    arms = [
        side._replace(orders=own, value=price * own)
        for side, own, price in ((one.treated, 1.5 * ones, 12.0), (one.control, ones, 10.0))
    ]
    seen = Seen.of([replace(one, treated=arms[0], control=arms[1], earlier=flat)], 0.1)  # fmt: skip
    ratio, error = seen.ratios(np.full((1, WINDOW), np.log(1.5)))
    assert ratio == pytest.approx(np.log(np.append(np.full(WINDOW, 1.5), 1.2)))
    assert np.allclose(error, 0.0)
    assert seen.ratios(np.zeros((1, WINDOW)))[0][:WINDOW] == pytest.approx(0.5)  # first order


def test_the_errors_of_orders_and_of_value_per_order_are_those_of_the_delta_method() -> None:
    one = sample(np.random.default_rng(15), np.full(WINDOW, 1.2), n=600)
    price = np.random.default_rng(16).gamma(4, 5, (600, 1))
    one = replace(one, treated=one.treated._replace(value=price * one.treated.orders))
    seen = Seen.of([one], 0.1)
    error = np.sqrt(np.diag(seen.ratios(np.full((1, WINDOW), np.log(1.2)))[1]))
    expected = seen.places[0].orders
    spread = [side.orders.std(axis=0, ddof=1) / np.sqrt(600) for side in (one.treated, one.control)]
    assert error[:-1] == pytest.approx(np.hypot(spread[0] / 1.2, spread[1]) / expected)
    paid, bought = one.treated.value.sum(axis=1), one.treated.orders.sum(axis=1)  # sum over sum
    residual = (paid - paid.sum() / bought.sum() * bought) / paid.mean()
    assert error[-1] == pytest.approx(residual.std(ddof=1) / np.sqrt(600))
    assert (bought == 0).any()


def test_the_error_of_the_control_s_value_counts_clusters() -> None:
    one = sample(np.random.default_rng(18), np.ones(WINDOW), n=200)
    same = np.repeat(np.arange(50), 4)  # four equal customers in each store
    sides = [
        side._replace(orders=side.orders[same], value=side.value[same], cluster=same)
        for side in (one.treated, one.control)
    ]
    single = [side._replace(cluster=None) for side in sides]
    found = [
        Seen.of([replace(one, treated=arms[0], control=arms[1])], 0.1).places[0].value_error
        for arms in (sides, single)
    ]
    assert found[0] / found[1] == pytest.approx(np.sqrt(4 * 50 / 49 * 199 / 200))


def test_clusters_with_customers_in_several_lists_tie_them() -> None:
    rng = np.random.default_rng(17)
    influence = [rng.normal(size=(60, 2)), rng.normal(size=(90, 2))]
    cluster = [np.arange(60) % 6, np.arange(90) % 6]
    found = joint_covariance(influence, cluster)
    sums = np.column_stack([
        [own[code == k].sum(axis=0) for k in range(6)]
        for own, code in zip(influence, cluster, strict=True)
    ])  # fmt: skip
    assert found == pytest.approx(sums.T @ sums * 6 / 5)
    apart = joint_covariance(influence, [None, None])
    assert np.allclose(apart[:2, 2:], 0.0)
    assert apart[:2, :2] == pytest.approx(influence[0].T @ influence[0] * 60 / 59)


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
