"""Spend by all purchases, given the purchase rate, and at a fixed price."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import digamma
from tests.models.test_selection import WORLDS, everybody, quiet

from omniltv.data.history import PurchaseHistory
from omniltv.errors import ConfigError, DataError, DataWarning, FitError, FitWarning
from omniltv.models import (
    BgBb,
    BgNbd,
    CnbdK,
    FixedPrice,
    GammaGamma,
    LogNormalSpend,
    MbgNbd,
    ModelError,
    ParetoNbd,
    PurchaseFit,
    ShiftedBetaGeometric,
    SpendFit,
    acquisition_value,
    fit,
    lifetime_value,
    load_fit,
    with_purchase_rate,
)
from omniltv.models.checks import coverage
from omniltv.models.processes.protocols import PurchaseState, RateModel
from omniltv.units import Discount, weeks

made: Any = PurchaseHistory  # it converts lists, other numbers and names of units

RATE = {"log_mean": ["purchase_rate"]}
NONE = Discount(per_year=0.0)


def spenders(*, n: int = 1_500, seed: int = 2) -> tuple[PurchaseHistory, np.ndarray]:
    """MBG/NBD customers whose mean value is the square root of their rate, and that value."""
    rng = np.random.default_rng(seed)
    rate, leaves = rng.gamma(0.7, 1 / 8, n), rng.beta(0.6, 2.0, n)
    own = np.sqrt(rate / 0.1) * 20
    x, recency, T = np.zeros(n, dtype=np.int64), np.zeros(n), rng.uniform(40, 120, n)
    now, active = np.zeros(n), np.flatnonzero(rng.random(n) > leaves)
    while len(active):
        now[active] += rng.exponential(1 / np.maximum(rate[active], 1e-12))
        active = active[now[active] <= T[active]]
        x[active] += 1
        recency[active] = now[active]
        active = active[rng.random(len(active)) > leaves[active]]
    count = np.maximum(x, 1)
    mean = np.where(x > 0, own * rng.gamma(3.0 * count) / (3.0 * count), np.nan)
    ids = np.arange(n).astype(object)
    first = own * rng.gamma(3.0, 1 / 3, n)
    return made(ids, x, recency, T, mean, "week", first_value=first), own


@pytest.fixture(scope="module")
def world() -> tuple[PurchaseHistory, np.ndarray]:
    return spenders()


@pytest.fixture(scope="module")
def bought(world: tuple[PurchaseHistory, np.ndarray]) -> PurchaseFit:
    return quiet(MbgNbd(), world[0])


@pytest.fixture(scope="module")
def spent(world: tuple[PurchaseHistory, np.ndarray], bought: PurchaseFit) -> SpendFit:
    known = with_purchase_rate(world[0].counting_first(), bought)
    return fit(GammaGamma(), known, seed=1, method="map", covariates=RATE)


# ---------------------------------------------------------------------------------------
# All purchases


def test_the_first_purchase_counts_if_asked_for() -> None:
    history = made(
        ["a", "b"], [2, 0], [3.0, 0.0], [9.0, 9.0], [6.0, np.nan], "week", first_value=[3.0, 8.0]
    )
    assert [values.tolist() for values in history.counting_first().spending()] == [
        [3, 1],
        [5.0, 8.0],
    ]
    assert history.spending()[0].tolist() == [2, 0]
    assert history.counting_first().take([1]).spending()[1].tolist() == [8.0]
    assert history.to_frame()["first_value"].tolist() == [3.0, 8.0]
    again = PurchaseHistory.from_frame(history.to_frame(), unit="week")
    assert again.first_value is not None
    assert again.first_value.tolist() == [3.0, 8.0]
    with pytest.raises(DataError, match="first purchase is not known"):
        replace(history, first_value=None).counting_first()
    with pytest.raises(DataError, match="missing or negative") as error:
        replace(history, first_value=np.array([3.0, -1.0])).counting_first()
    assert error.value.rows == ("b",)


def test_a_one_time_buyer_has_a_value_of_their_own(
    world: tuple[PurchaseHistory, np.ndarray],
) -> None:
    history = world[0].counting_first()
    with pytest.warns(FitWarning, match="frequent buyers spend more"):
        found = fit(GammaGamma(), history, seed=1, method="map")
    once = np.flatnonzero(history.frequency == 0)
    own = found.expected_value(history).mean()[once]
    assert history.first_value is not None
    order = np.argsort(history.first_value[once])
    assert (np.diff(own[order]) >= 0).all()
    assert own.std() > 0
    loglik = found.log_likelihood(history.take(once[:3])).mean()
    assert (loglik != 0).all()


def test_values_of_one_time_buyers_do_not_count_as_repeat_purchases() -> None:
    """Some tables have 0 instead of a missing value; others the value of the first purchase."""
    history = everybody(*WORLDS[1], n=300)
    once = history.frequency == 0
    usual = fit(GammaGamma(), history, seed=1, method="map")
    for value in (0.0, 999.0):
        filled = replace(history, monetary_value=np.where(once, value, history.monetary_value))
        assert np.isnan(filled.spending()[1][once]).all()
        found = fit(GammaGamma(), filled, seed=1, method="map")
        np.testing.assert_array_equal(found.draws.coordinates, usual.draws.coordinates)


def test_first_purchases_that_count_are_not_few() -> None:
    history = everybody(*WORLDS[1], n=200)
    once = history.take(history.frequency == 0)
    first = np.asarray(9.0 + np.arange(len(once)) % 7, dtype=np.float64)
    counted = replace(once, first_value=first).counting_first()
    fit(GammaGamma(), counted, seed=1, method="map")


def test_free_first_purchases_are_left_out_of_the_fit() -> None:
    history = everybody(*WORLDS[1], n=200)
    once = history.take(history.frequency == 0)
    first = np.where(np.arange(len(once)) < 5, 0.0, 9.0 + np.arange(len(once)) % 7)
    once = replace(once, first_value=first).counting_first()
    with pytest.warns(DataWarning) as given:
        fit(GammaGamma(), once, seed=1, method="map")
    assert any("purchases were all free" in str(one.message) for one in given)


# ---------------------------------------------------------------------------------------
# Given the rate


@pytest.mark.parametrize("model", [BgNbd(), MbgNbd(), CnbdK(1)])
def test_the_log_rate_is_that_of_the_posterior(model: RateModel) -> None:
    """E[log lambda] of a gamma posterior, mixed over whether the customer is alive."""
    names = ("r", "alpha", "a", "b")
    parameters = dict(zip(names, map(np.asarray, (0.8, 6.0, 0.7, 2.5)), strict=True))
    state = PurchaseState(np.array([0.0, 3.0]), np.array([0.0, 20.0]), np.array([39.0, 39.0]))
    assert isinstance(model, BgNbd | MbgNbd | CnbdK)
    alive = model.prob_alive(parameters, state)
    exposed = alive * np.log(6.0 + 39.0) + (1 - alive) * np.log(6.0 + state.recency)
    expected = digamma(0.8 + state.frequency) - exposed
    np.testing.assert_allclose(model.log_rate(parameters, state), expected)
    ahead = digamma(1.8 + state.frequency) - np.log(45.0)
    np.testing.assert_allclose(model.log_rate(parameters, state, ahead=True), ahead)


@pytest.mark.parametrize("model", [ParetoNbd(), CnbdK(3), BgBb()])
def test_the_log_rate_grows_with_purchases(model: RateModel) -> None:
    assert isinstance(model, ParetoNbd | CnbdK | BgBb)
    named = {item.name: np.asarray(item.mean) for item in model.coordinates}
    from omniltv.models.processes.numpy_namespace import NUMPY

    parameters = {k: np.asarray(v) for k, v in model.parameters(NUMPY, named).items()}
    state = PurchaseState(np.arange(1.0, 7.0), np.full(6, 6.0), np.full(6, 8.0))
    for ahead in (False, True):
        assert (np.diff(model.log_rate(parameters, state, ahead=ahead)) > 0).all()


def test_one_time_buyers_are_valued_by_their_rate(
    world: tuple[PurchaseHistory, np.ndarray], bought: PurchaseFit, spent: SpendFit
) -> None:
    """Convention: far above what one-time buyers spend; given the rate: within a quarter."""
    history, own = world
    once = history.frequency == 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        plain = fit(GammaGamma(), history, seed=1, method="map")
    usual = plain.expected_value(history).mean()[once].mean() / own[once].mean()
    known = with_purchase_rate(history.counting_first(), bought)
    given = spent.expected_value(known).mean()[once].mean() / own[once].mean()
    assert usual > 1.4
    assert abs(given - 1) < 0.25


def test_lifetime_value_computes_the_rate_of_future_purchases(
    world: tuple[PurchaseHistory, np.ndarray],
    bought: PurchaseFit,
    spent: SpendFit,
    tmp_path: Path,
) -> None:
    history = world[0].counting_first().take(np.arange(60))
    spent.save(tmp_path / "spend.fit")
    again = load_fit(tmp_path / "spend.fit", model=GammaGamma())

    def valued(rows: PurchaseHistory, spend: SpendFit) -> np.ndarray:
        value = lifetime_value(
            bought, spend, rows, horizon=weeks(52), discount=NONE, seed=1,
            model_error=ModelError.none(),
        )  # fmt: skip
        return value.mean()

    plain = valued(history, spent)
    np.testing.assert_array_equal(plain, valued(with_purchase_rate(history, bought), again))
    np.testing.assert_array_equal(plain[7:9], valued(history.take([7, 8]), spent))
    parameters = {name: each[0, 0] for name, each in bought.parameters.items()}
    state = PurchaseState(history.frequency, history.recency, history.T)
    ahead = MbgNbd().log_rate(parameters, state, ahead=True)
    known = history.with_covariate("purchase_rate", np.round(ahead / 0.05) * 0.05)
    by_hand = (
        bought.expected_purchases(known, weeks(52)).mean() * spent.expected_value(known).mean()
    )
    np.testing.assert_allclose(plain, by_hand, rtol=1e-6)


def test_what_does_not_know_rates_is_refused(
    bought: PurchaseFit, spent: SpendFit, world: tuple[PurchaseHistory, np.ndarray]
) -> None:
    x = np.arange(40) % 4
    yearly = made(np.arange(40), x, x, np.full(40, 6.0), x * np.nan, "year")
    renewals = fit(ShiftedBetaGeometric(), yearly, seed=1, method="map")
    with pytest.raises(ConfigError, match="does not know the purchase rate"):
        with_purchase_rate(yearly, renewals)
    with pytest.raises(ConfigError, match="does not depend on the rate"):
        acquisition_value(
            bought, spent, horizon=weeks(52), discount=NONE, acquisition_cost=1.0, margin=0.3
        )
    with pytest.raises(DataError, match="purchase_rate"):
        spent.expected_value(world[0])


# ---------------------------------------------------------------------------------------
# A fixed price


def subscribers(prices: tuple[float, ...], *, n: int = 300) -> PurchaseHistory:
    x, rng = np.arange(n) % 6, np.random.default_rng(1)
    price = rng.choice(prices, n)
    history: PurchaseHistory = made(
        np.arange(n), x, x * 1.0, np.full(n, 8.0), np.where(x > 0, price, np.nan), "month",
        first_value=price,
    )  # fmt: skip
    return history


@pytest.mark.parametrize("model", [GammaGamma(), LogNormalSpend()])
def test_one_price_is_refused_with_a_hint_that_works(model: GammaGamma | LogNormalSpend) -> None:
    history = subscribers((980.0,))
    with pytest.raises(FitError, match=r"every purchase costs 980.*FixedPrice\(\)"):
        fit(model, history, seed=1)
    found = fit(FixedPrice(), history, seed=1, method="laplace")
    assert found.diagnostics.ok
    assert found.expected_value(history).mean().round().tolist() == [980.0] * len(history)


def test_plans_keep_their_price_and_newcomers_have_the_mean() -> None:
    history = subscribers((500.0, 980.0, 1_980.0))
    found = fit(FixedPrice(), history, seed=1, method="laplace")
    values = found.expected_value(history).mean()
    paid = history.frequency > 0
    np.testing.assert_allclose(values[paid], history.monetary_value[paid])
    assert 500 < values[~paid].min() < 1_980
    counted = fit(FixedPrice(), history.counting_first(), seed=1, method="laplace")
    every = counted.expected_value(history.counting_first()).mean()
    assert history.first_value is not None
    np.testing.assert_allclose(every, history.first_value)


def test_subscriptions_with_a_price_have_a_lifetime_value() -> None:
    history = subscribers((980.0,))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        renewals = fit(ShiftedBetaGeometric(), history, seed=1, method="laplace")
    price = fit(FixedPrice(), history, seed=1, method="laplace")
    value = lifetime_value(
        renewals, price, history, horizon=weeks(52), discount=NONE, margin=0.5, seed=1
    )
    expected = renewals.expected_purchases(history, weeks(52)).mean() * 980 * 0.5
    np.testing.assert_allclose(value.mean(), expected, rtol=2e-3)
    outcome = value.predictive.to_array() / (980 * 0.5)
    assert np.abs(outcome - outcome.round()).max() < 0.05, "whole numbers of renewals"


def test_coverage_of_spend_given_the_rate(bought: PurchaseFit, spent: SpendFit) -> None:
    from omniltv.data import CalibrationHoldout

    history = spenders(n=200)[0].counting_first()
    bought_later = np.zeros(200, dtype=np.int64)
    split = CalibrationHoldout(history, bought_later, np.zeros(200), weeks(26), 0)
    covered = coverage(bought, split, spend=spent, seed=1, draws=20)
    assert set(covered.pit) == {"purchases", "value"}
