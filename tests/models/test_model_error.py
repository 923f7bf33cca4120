"""The error of the model itself: its factors, its limits, and what totals make of it."""

import pickle
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from tests._statistics import assert_mean, correlation_error, sigmas
from tests.models.conftest import diagnostics, posterior, simulated

from omniltv.data.history import PurchaseHistory
from omniltv.errors import ConfigError
from omniltv.models import (
    BgNbd,
    GammaGamma,
    LifetimeValue,
    ModelError,
    Pooling,
    PurchaseFit,
    SpendFit,
    lifetime_value,
)
from omniltv.units import Discount, Span, TimeUnit, weeks, years

HALF = weeks(26)
SOUND = diagnostics()
type Score = Callable[..., LifetimeValue]


@pytest.fixture(scope="module")
def score() -> Score:
    """Return a function that scores customers of three channels under made-up fits."""
    history = simulated({"app": 5, "ec": 10, "store": 15}, seed=3)
    pooled = Pooling.partial("channel")
    groups = ("app", "ec", "store")
    buying = PurchaseFit(BgNbd(), pooled, posterior(BgNbd(), groups), SOUND, TimeUnit.WEEK)
    spending = SpendFit(GammaGamma(), pooled, posterior(GammaGamma(), groups), SOUND)

    def of(
        error: ModelError, *, rows: PurchaseHistory = history, cost: float = 0.0, seed: int = 1
    ) -> LifetimeValue:
        return lifetime_value(
            buying,
            spending,
            rows,
            horizon=HALF,
            discount=Discount(per_year=0.0),
            retention_cost=cost,
            seed=seed,
            model_error=error,
        )

    return of


def factors(error: ModelError, *channels: str, n: int = 20_000, seed: int = 1) -> np.ndarray:
    return error.factors(channels, horizon=HALF, n_draws=n, seed=seed)


def test_factors_are_log_normal_with_mean_one_and_the_correlation() -> None:
    error = ModelError((HALF,), (0.3,), correlation=0.4)
    found = factors(error, "ec", "store")
    np.testing.assert_allclose(found.mean(axis=1), 1, rtol=1e-12)
    logs = np.log(found)
    z = (logs - logs.mean(axis=1, keepdims=True)) / 0.3
    assert_mean(z.T**2, 1, comparisons=3)
    seen = np.corrcoef(logs)[0, 1]
    assert abs(seen - 0.4) < sigmas(3) * correlation_error(*logs)


@pytest.mark.parametrize(("correlation", "alike"), [(0.0, False), (1.0, True)])
def test_channels_are_alike_at_most_if_they_correlate(correlation: float, *, alike: bool) -> None:
    one, other = factors(ModelError((HALF,), (0.3,), correlation=correlation), "ec", "store")
    assert np.allclose(one, other) is alike


def test_factors_of_a_channel_depend_on_its_name_and_the_seed_only() -> None:
    error = ModelError.default()
    several, alone = factors(error, "app", "ec", "store"), factors(error, "ec")
    np.testing.assert_array_equal(several[1], alone[0])
    assert (factors(error, "ec", seed=2) != alone).all()


def test_one_draw_has_no_error_and_many_have_a_huge_one() -> None:
    np.testing.assert_array_equal(factors(ModelError.default(), "ec", n=1), [[1.0]])
    huge = factors(ModelError((HALF,), (50.0,)), "ec", n=1_000)
    assert np.isfinite(huge).all()
    np.testing.assert_allclose(huge.mean(), 1)
    assert np.median(huge) < 1e-9


def test_variance_grows_with_time_up_to_two_years() -> None:
    error = ModelError((weeks(13), HALF), (0.1, 0.3))
    known = np.array([error.at(weeks(n)) for n in (0, 13 / 4, 13, 26, 52)])
    np.testing.assert_allclose(known, [0, 0.05, 0.1, 0.3, 0.3 * np.sqrt(2)])
    assert error.at(weeks(19.5)) == pytest.approx(np.sqrt(0.05))
    assert error.at(years(2)) == error.at(years(70))


@pytest.mark.parametrize(
    ("horizons", "sd"),
    [((), ()), ((HALF,), (0.1, 0.2)), ((HALF, weeks(13)), (0.1, 0.2)), ((weeks(0),), (0.1,))],
)
def test_an_error_has_one_sd_per_increasing_horizon(
    horizons: tuple[Span, ...], sd: tuple[float, ...]
) -> None:
    with pytest.raises(ConfigError, match="horizons"):
        ModelError(horizons, sd)


def test_without_an_error_totals_are_sums_of_draws(score: Score) -> None:
    value = score(ModelError.none())
    assert value.draws.in_total is None
    assert "no error of totals" in repr(value)
    total = value.draws.to_array().sum(axis=0)
    np.testing.assert_allclose(value.total().values[0], total, rtol=1e-12)


def test_single_customers_do_not_change(score: Score) -> None:
    none, huge = score(ModelError.none()), score(ModelError((HALF,), (3.0,)))
    for one, other in ((none, huge), (none.per_customer(), huge.per_customer())):
        for name in ("draws", "predictive", "expected_purchases", "prob_alive"):
            amounts = (getattr(value, name).to_array() for value in (one, other))
            np.testing.assert_array_equal(*amounts)
        for column, values in one.columns().items():
            np.testing.assert_array_equal(values, other.columns()[column])


def test_every_total_is_multiplied_by_the_factor_of_its_channel(score: Score) -> None:
    error = ModelError((HALF,), (0.4,), correlation=0.2)
    none, value = score(ModelError.none()), score(error)
    factor = factors(error, "app", "ec", "store", n=value.draws.n_draws)
    for name in ("draws", "predictive", "expected_purchases"):
        before, after = (getattr(v, name).total(v.groups["channel"]) for v in (none, value))
        np.testing.assert_allclose(after.values, before.values * factor, rtol=1e-9)
    by_channel = value.total("channel").values
    np.testing.assert_allclose(by_channel.sum(axis=0), value.total().values[0], rtol=1e-9)
    np.testing.assert_allclose(
        value.per_customer().predictive_total().values, value.predictive_total().values, rtol=1e-9
    )


def test_a_total_of_some_rows_carries_the_same_factors(score: Score) -> None:
    value, plain = score(ModelError.default()), score(ModelError.none())
    some = np.flatnonzero(value.groups["channel"] == "ec")[:7]
    factor = factors(ModelError.default(), "ec", n=value.draws.n_draws)
    found, before = value.draws.take(some).total(), plain.draws.take(some).total()
    np.testing.assert_allclose(found.values, before.values * factor, rtol=1e-9)
    alone = score(ModelError.default(), rows=value.history.take(some))
    np.testing.assert_allclose(alone.total().values, found.values, rtol=1e-9)


def test_a_certain_cost_has_no_error(score: Score) -> None:
    error = ModelError((HALF,), (0.4,))
    free, kept = score(error), score(error, cost=8.0)
    paid = 8.0 * HALF.to(TimeUnit.YEAR) * len(free)
    for one, other in (
        (free.total(), kept.total()),
        (free.predictive.total(), kept.predictive.total()),
    ):
        np.testing.assert_allclose(one.values - other.values, paid, rtol=1e-9)


def test_the_mean_stays_and_the_interval_grows(score: Score) -> None:
    none, value = score(ModelError.none()).total(), score(ModelError((HALF,), (0.3,))).total()
    spread = none.values.std() * 0.3 / np.sqrt(none.values.shape[1])
    assert abs(value.mean() - none.mean())[0] < sigmas() * spread
    assert np.diff(value.interval())[0] > 2 * np.diff(none.interval())[0]


def test_the_arms_of_an_experiment_have_a_common_error(score: Score) -> None:
    error = ModelError((HALF,), (0.4,))
    history = simulated({"treated": 20, "control": 20}, seed=4)
    labels = {"arm": history.groups["channel"]}
    plain, value = (scored(history, labels, each) for each in (ModelError.none(), error))
    before, after = plain.total("arm").values, value.total("arm").values
    np.testing.assert_allclose(after[0] / after[1], before[0] / before[1], rtol=1e-9)


def scored(
    history: PurchaseHistory, labels: dict[str, NDArray[np.str_]], error: ModelError
) -> LifetimeValue:
    """Return the value of customers in groups of any name, under complete pooling."""
    whole = Pooling.complete()
    rows = PurchaseHistory(
        history.customer_id, history.frequency, history.recency, history.T,
        history.monetary_value, history.unit, groups=labels,
    )  # fmt: skip
    buying = PurchaseFit(BgNbd(), whole, posterior(BgNbd(), ("",)), SOUND, TimeUnit.WEEK)
    spending = SpendFit(GammaGamma(), whole, posterior(GammaGamma(), ("",)), SOUND)
    return lifetime_value(
        buying, spending, rows, horizon=HALF, discount=Discount(per_year=0.0), seed=1,
        model_error=error,
    )  # fmt: skip


def test_a_total_in_another_process_carries_the_error(score: Score) -> None:
    value = score(ModelError.default())
    for draws in (value.draws, value.per_customer().predictive):
        sent = pickle.loads(pickle.dumps(draws))  # noqa: S301 - our own bytes
        np.testing.assert_array_equal(sent.total().values, draws.total().values)
