"""New customers, whole lives and what keeping customers costs."""

import numpy as np
import pytest
from scipy.integrate import quad

from omniltv.data.history import PurchaseHistory
from omniltv.errors import ConfigError, DataError
from omniltv.models import BgNbd, ParetoNbd, Pooling, PurchaseFit, SpendFit, lifetime_value
from omniltv.models._forecast import discounting
from omniltv.models.acquisition import AcquisitionValue, acquisition_value
from omniltv.models.protocols import PurchaseModel, PurchaseState
from omniltv.units import Discount, Span, TimeUnit, weeks

from .conftest import CHANNELS

YEARLY = Discount(per_year=0.1)
COSTS = {"app": 0.2, "ec": 0.7, "store": 400.0}


def found(purchase_fit: PurchaseFit, spend_fit: SpendFit, **changes: object) -> AcquisitionValue:
    options = {"horizon": weeks(104), "discount": YEARLY, "margin": 0.3, "acquisition_cost": COSTS}
    return acquisition_value(purchase_fit, spend_fit, **(options | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        (BgNbd(), {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}),
        (BgNbd(), {"r": 2.0, "alpha": 1.5, "a": 0.3, "b": 9.0}),
        (ParetoNbd(), {"r": 0.553, "alpha": 10.578, "s": 0.606, "beta": 11.669}),
    ],
)
@pytest.mark.parametrize("rate", [0.002, 0.01])
def test_a_whole_life_is_the_integral_over_it(
    model: PurchaseModel, parameters: dict[str, float], rate: float
) -> None:
    """Against adaptive quadrature of rate exp(-rate t) E[X(t)] to infinity."""
    named = {name: np.asarray(value) for name, value in parameters.items()}
    state = PurchaseState(np.array([3.0]), np.array([30.0]), np.array([39.0]))

    def expected(t: float) -> float:
        return float(model.expected_purchases(named, state, np.asarray(t))[0])

    exact = quad(lambda u: np.exp(-u) * expected(u / rate), 0, 40, limit=400)[0]
    times, weights = discounting(np.log(1000) / rate, rate)
    ours = sum(w * expected(t) for t, w in zip(times, weights, strict=True))
    assert ours == pytest.approx(exact, rel=2e-3)
    assert ours < exact  # what comes after money is worth a thousandth is left out
    up_to = np.log(1000) / rate
    until = quad(lambda t: rate * np.exp(-rate * t) * expected(t), 0, up_to, limit=400)[0]
    assert ours == pytest.approx(until + expected(up_to) / 1000, rel=1e-5)


def test_discrete_time_is_summed_opportunity_by_opportunity() -> None:
    times, weights = discounting(5.0, 0.1, discrete=True)
    curve = np.sqrt(times)
    steps = np.diff(curve, prepend=0.0)
    assert weights @ curve == pytest.approx(np.exp(-0.1 * times) @ steps)


def test_whole_lives_are_worth_more_than_a_year(
    purchase_fit: PurchaseFit, spend_fit: SpendFit, history: PurchaseHistory
) -> None:
    whole, year = (
        lifetime_value(
            purchase_fit, spend_fit, history, horizon=horizon, discount=YEARLY, seed=1
        ).mean()
        for horizon in (None, weeks(52))
    )
    assert (whole > year).all()
    with pytest.raises(ConfigError, match="discount rate above 0"):
        lifetime_value(
            purchase_fit, spend_fit, history,
            horizon=None, discount=Discount(per_year=0.0), seed=1,
        )  # fmt: skip


def test_keeping_customers_costs_what_it_costs(
    purchase_fit: PurchaseFit, spend_fit: SpendFit, history: PurchaseHistory
) -> None:
    def value(**cost: object) -> tuple[np.ndarray, np.ndarray]:
        worth = lifetime_value(
            purchase_fit, spend_fit, history, horizon=weeks(52.1775), discount=YEARLY,
            seed=1, **cost,  # type: ignore[arg-type]
        )  # fmt: skip
        return worth.mean(), worth.predictive.mean()

    free, dear = value(), value(retention_cost={"app": 0.0, "ec": 5.0, "store": 12.0})
    yearly = np.select([history.groups["channel"] == name for name in CHANNELS], [0.0, 5.0, 12.0])
    today = yearly * (1 - 1 / 1.1) / np.log(1.1)
    for before, after in zip(free, dear, strict=True):
        np.testing.assert_allclose(before - after, today, rtol=1e-4, atol=1e-9)
    with pytest.raises(DataError, match="no retention cost for: app"):
        value(retention_cost={"ec": 1.0, "store": 1.0})


def test_a_new_customer_is_worth_what_a_simulation_says() -> None:
    """Purchases of new customers, discounted one by one, against the expectation."""
    truth = {"r": 0.8, "alpha": 6.0, "a": 0.7, "b": 2.5}
    rng = np.random.default_rng(1)
    n = 200_000
    nobody = PurchaseState(np.zeros(n), np.zeros(n), np.zeros(n))
    future = BgNbd().simulate_future(
        {k: np.full(n, v) for k, v in truth.items()}, nobody, 52.0, rng
    )
    rate = YEARLY.rate(TimeUnit.WEEK)
    simulated = 1 + np.exp(-rate * future.time).sum() / n
    times, weights = discounting(52.0, rate)
    named = {name: np.asarray(value) for name, value in truth.items()}
    expected = 1 + weights @ BgNbd().expected_purchases_new(named, times)
    assert expected == pytest.approx(simulated, rel=0.01)


def test_value_ratio_and_payback(purchase_fit: PurchaseFit, spend_fit: SpendFit) -> None:
    value = found(purchase_fit, spend_fit)
    assert value.labels == CHANNELS
    np.testing.assert_allclose(value.ratio, value.value / np.array([[0.2], [0.7], [400.0]]))
    np.testing.assert_allclose(value.net, value.value - np.array([[0.2], [0.7], [400.0]]))
    assert value.prob_payback[0] == 1
    assert value.prob_payback[2] < 1
    assert np.median(value.payback[0]) < np.median(value.payback[1])
    frame = value.to_frame()
    assert list(frame["group"]) == list(CHANNELS)
    assert (frame["value_lower"] <= frame["value"]).all()


def test_payback_is_where_the_curve_meets_the_cost(
    purchase_fit: PurchaseFit, spend_fit: SpendFit
) -> None:
    value = found(purchase_fit, spend_fit)
    draw = 7
    when = float(value.payback[1, draw])
    assert 0 < when < 104
    until = found(purchase_fit, spend_fit, horizon=Span(when, TimeUnit.WEEK))
    assert until.value[1, draw] == pytest.approx(0.7, rel=1e-3)


def test_what_costs_nothing_is_paid_back_at_once(
    purchase_fit: PurchaseFit, spend_fit: SpendFit
) -> None:
    value = found(purchase_fit, spend_fit, acquisition_cost=0.0)
    assert (value.payback == 0).all()
    assert np.isinf(value.ratio).all()


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"acquisition_cost": {"app": 1.0}}, DataError, "no acquisition cost for: ec, store"),
        ({"acquisition_cost": -1.0}, ConfigError, "not below 0"),
        ({"margin": float("nan")}, ConfigError, "finite"),
        ({"horizon": None, "discount": Discount(per_year=0.0)}, ConfigError, "above 0"),
    ],
)
def test_wrong_amounts_are_refused(
    purchase_fit: PurchaseFit,
    spend_fit: SpendFit,
    changes: dict[str, object],
    error: type[Exception],
    says: str,
) -> None:
    with pytest.raises(error, match=says):
        found(purchase_fit, spend_fit, **changes)


def test_groups_without_spend_are_refused(purchase_fit: PurchaseFit, spend_fit: SpendFit) -> None:
    draws = spend_fit.draws
    other = SpendFit(
        spend_fit.model,
        Pooling.none("channel"),
        type(draws)(draws.names, ("ec",), draws.theta),
        spend_fit.diagnostics,
    )
    with pytest.raises(ConfigError, match="no group app, store"):
        found(purchase_fit, other)
