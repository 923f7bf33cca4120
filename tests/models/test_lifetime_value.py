"""Lifetime value: integrals, joint draws, futures, coverage, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.special import gammaln, hyperu
from tests._statistics import assert_mean, assert_share, sigmas

from omniltv.data.history import PurchaseHistory
from omniltv.errors import ConfigError, DataError, UnitError
from omniltv.models import (
    BgBb,
    BgNbd,
    Diagnostics,
    GammaGamma,
    LifetimeValue,
    MbgNbd,
    ModelError,
    ParetoNbd,
    Pooling,
    PosteriorDraws,
    PurchaseFit,
    ShiftedBetaGeometric,
    SpendFit,
    lifetime_value,
)
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import (
    Parameters,
    PurchaseModel,
    PurchaseState,
    SpendModel,
    SpendState,
)
from omniltv.models.value import _forecast
from omniltv.models.value._discounting import discounting
from omniltv.units import Discount, Span, TimeUnit, months, weeks, years

CHANNELS = ("ec", "store")
PURCHASE_POINT = np.array([[-2.6, -0.9, -1.1, 1.2], [-2.2, -0.5, -1.4, 1.5]])
SPEND_POINT = np.array([[3.4, 1.6, 1.5], [3.9, 1.4, 1.8]])
DISCOUNT = Discount(per_year=0.12)
FOUR_WEEKS = weeks(4)
YEAR = weeks(52)
SOUND = Diagnostics(
    rhat={}, ess_bulk={}, ess_tail={}, divergences=0, draws=1, bfmi=1.0, steps=1.0, seconds=0.0
)


def around(
    model: PurchaseModel | SpendModel,
    point: NDArray[np.float64],
    *,
    sd: float,
    draws: int,
    seed: int,
) -> PosteriorDraws:
    noise = sd * np.random.default_rng(seed).normal(size=(1, draws, *point.shape))
    return PosteriorDraws(tuple(c.name for c in model.coordinates), CHANNELS, point + noise)


def fits(*, sd: float = 0.1, draws: int = 200) -> tuple[PurchaseFit, SpendFit]:
    buying = around(BgNbd(), PURCHASE_POINT, sd=sd, draws=draws, seed=1)
    spending = around(GammaGamma(), SPEND_POINT, sd=sd, draws=draws, seed=2)
    by_channel = Pooling.none("channel")
    return (
        PurchaseFit(BgNbd(), by_channel, buying, SOUND, TimeUnit.WEEK),
        SpendFit(GammaGamma(), by_channel, spending, SOUND),
    )


def truth(fit: PurchaseFit | SpendFit, group: NDArray[np.intp]) -> Parameters:
    return {name: values[0, group] for name, values in fit.parameters.items()}


def shop(n: int, *, seed: int) -> PurchaseHistory:
    """Two channels whose truth is the point that the posteriors lie around."""
    rng = np.random.default_rng(seed)
    group = np.arange(n) % 2
    buying, spending = fits(sd=0.0, draws=1)
    T = rng.integers(10, 53, n).astype(float)
    state = BgNbd().simulate(truth(buying, group), T, rng)
    return PurchaseHistory(
        customer_id=np.array([f"c{k // 2}" for k in range(n)], dtype=object),
        frequency=np.asarray(state.frequency),
        recency=np.asarray(state.recency),
        T=T,
        monetary_value=GammaGamma().simulate(truth(spending, group), state.frequency, rng),
        unit=TimeUnit.WEEK,
        groups={"channel": np.array(CHANNELS)[group]},
    )


def value(
    history: PurchaseHistory,
    *,
    seed: int = 7,
    draws: int = 200,
    horizon: Span | None = YEAR,
    retention_cost: float | dict[str, float] = 0.0,
    model_error: ModelError | None = None,
) -> LifetimeValue:
    buying, spending = fits(draws=draws)
    return lifetime_value(
        buying,
        spending,
        history,
        horizon=horizon,
        discount=DISCOUNT,
        margin=0.4,
        retention_cost=retention_cost,
        seed=seed,
        model_error=model_error or ModelError.default(),
    )


def arrays(**values: float) -> Parameters:
    return {name: np.asarray(value) for name, value in values.items()}


def customers(*rows: tuple[float, float, float]) -> PurchaseState:
    return PurchaseState(*np.array(rows).T)


def by_nodes(
    model: PurchaseModel, parameters: Parameters, state: PurchaseState, horizon: float, rate: float
) -> NDArray[np.float64]:
    times, weights = discounting(horizon, rate, discrete=model.discrete)
    return weights @ model.expected_purchases(parameters, state, times[:, None])


@pytest.mark.parametrize("rate", [0.0, 0.002, 0.01])
@pytest.mark.parametrize("alpha", [3.0, 40.0])
def test_discounting_equals_adaptive_integration(rate: float, alpha: float) -> None:
    parameters = {"r": 0.4, "alpha": alpha, "a": 0.8, "b": 2.5}
    state = PurchaseState(np.asarray(3.0), np.asarray(8.0), np.asarray(10.0))

    def expected(time: float) -> float:
        values = BgNbd().expected_purchases(
            {k: np.asarray(v) for k, v in parameters.items()}, state, np.asarray(time)
        )
        return float(values)

    inner = quad(lambda t: rate * np.exp(-rate * t) * expected(t), 0, 104, epsrel=1e-10)[0]
    exact = np.exp(-rate * 104) * expected(104) + inner
    times, weights = discounting(104.0, rate)
    found = sum(w * expected(t) for t, w in zip(times, weights, strict=True))
    assert found == pytest.approx(exact, rel=1e-5)


@pytest.mark.parametrize("rate", [0.0002, 0.002, 0.02])
@pytest.mark.parametrize("model", [BgNbd(), MbgNbd()])
@pytest.mark.parametrize(
    "parameters",
    [
        {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426},
        {"r": 3.0, "alpha": 0.2, "a": 0.3, "b": 4.0},
        {"r": 0.5, "alpha": 60.0, "a": 2.5, "b": 1.5},
    ],
)
def test_residual_transactions_equal_adaptive_integration(
    model: BgNbd | MbgNbd, parameters: dict[str, float], rate: float
) -> None:
    state = customers((0, 0, 40), (1, 0.5, 40), (4, 38, 39), (60, 51, 52))
    known = arrays(**parameters)
    exact = []
    for x, recency, T in zip(*state, strict=True):
        one = PurchaseState(x, recency, T)

        def integrand(v: float, one: PurchaseState = one) -> float:
            t = np.exp(v)
            bought = float(model.expected_purchases(known, one, np.asarray(t)))
            return float(rate * t * np.exp(-rate * t)) * bought

        exact.append(quad(integrand, -25, np.log(50 / rate), epsrel=1e-10, limit=500)[0])
    np.testing.assert_allclose(by_nodes(model, known, state, np.inf, rate), exact, rtol=1e-5)


@pytest.mark.parametrize("rate", [0.0002, 0.0027, 0.02])
@pytest.mark.parametrize(
    "parameters",
    [
        {"r": 0.553, "alpha": 10.578, "s": 0.606, "beta": 11.669},
        {"r": 2.0, "alpha": 0.5, "s": 1.4, "beta": 80.0},
        {"r": 0.2, "alpha": 30.0, "s": 3.0, "beta": 5.0},
    ],
)
def test_residual_transactions_equal_the_closed_form_of_fader_hardie_and_lee_2005(
    parameters: dict[str, float], rate: float
) -> None:
    """RFM and CLV: Using Iso-Value Curves, eq. for DERT, with Tricomi's function."""
    state = customers((0, 0, 40), (1, 0.5, 40), (4, 38, 39), (60, 51, 52))
    known = arrays(**parameters)
    r, alpha, s, beta = (parameters[name] for name in ("r", "alpha", "s", "beta"))
    x, T = state.frequency, state.T
    log_known = r * np.log(alpha) + s * np.log(beta) + (s - 1) * np.log(rate)
    bought = gammaln(r + x + 1) - gammaln(r) - (r + x + 1) * np.log(alpha + T)
    log_scale = log_known + bought - ParetoNbd().loglik(NUMPY, known, state)
    exact = np.exp(log_scale) * hyperu(s, s, rate * (beta + T))
    found = by_nodes(ParetoNbd(), known, state, np.inf, rate)
    np.testing.assert_allclose(found, exact, rtol=1e-5)


@pytest.mark.parametrize("rate", [0.0018, 0.008, 0.1])
@pytest.mark.parametrize("horizon", [0.0, 1.0, 7.0, 40.0, 333.0, np.inf])
def test_discrete_purchases_are_discounted_opportunity_by_opportunity(
    rate: float, horizon: float
) -> None:
    coins = arrays(alpha=1.2, beta=0.75, gamma=0.66, delta=2.8)
    churn = arrays(alpha=0.7, beta=3.8)
    for model, known in ((BgBb(), coins), (ShiftedBetaGeometric(), churn)):
        state = customers((0, 0, 0), (6, 6, 6))
        n = np.arange(0, 1 + min(horizon, np.ceil(25 / rate)))[:, None]
        curve = model.expected_purchases(known, state, n)
        exact = (np.exp(-rate * n[1:]) * np.diff(curve, axis=0)).sum(axis=0)
        np.testing.assert_allclose(by_nodes(model, known, state, horizon, rate), exact, rtol=1e-5)
    times, _ = discounting(horizon, rate, discrete=True)
    assert len(times) <= 120
    assert (times == np.round(times)).all()


def test_whole_life_is_the_limit_of_long_horizons() -> None:
    history = shop(60, seed=14)
    whole, long = value(history, horizon=None), value(history, horizon=years(150))
    np.testing.assert_allclose(whole.draws.to_array(), long.draws.to_array(), rtol=1e-5)
    assert "60 rows, whole remaining life" in repr(whole)
    assert whole.horizon.unit is TimeUnit.WEEK
    left = DISCOUNT.factor(whole.horizon.amount, TimeUnit.WEEK)
    assert 0.0009 < left <= 0.001
    assert "whole remaining life" in repr(whole.per_customer())
    assert "150 years" in repr(long)


def test_futures_of_a_whole_life_lack_a_thousandth_at_most() -> None:
    ltv = value(shop(300, seed=15), horizon=None, draws=60)
    expected = ltv.mean()
    gap = (ltv.predictive.to_array() - ltv.draws.to_array()).mean(axis=1)
    error = sigmas() * gap.std() / np.sqrt(len(gap))
    assert -error - 0.001 * expected.mean() < gap.mean() < error


def test_many_purchases_are_simulated_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    history = shop(1_000, seed=16)
    monkeypatch.setattr(_forecast, "_PURCHASES_AT_ONCE", 2_000)
    ltv = value(history)
    whole = ltv.predictive.to_array()
    parts = [ltv.predictive.evaluate(slice(k, k + 90), slice(0, 200)) for k in range(0, 1_000, 90)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert len(np.unique(whole[:, -1])) > 100
    by_row = (whole - ltv.draws.to_array()).mean(axis=1)
    assert_mean(by_row, 0)


def test_retention_cost_is_spent_over_the_whole_horizon() -> None:
    history = shop(40, seed=17)
    rate = DISCOUNT.rate(TimeUnit.YEAR)
    in_store = history.groups["channel"] == "store"
    cost = {"ec": 2.0, "store": 5.0}
    for horizon, length in ((weeks(104), 104 * 7 / 365.25), (None, np.inf)):
        free, kept = (
            value(history, horizon=horizon),
            value(history, horizon=horizon, retention_cost=cost),
        )
        spent = np.where(in_store, 5.0, 2.0) * (1 - np.exp(-rate * length)) / rate
        for before, after in ((free.draws, kept.draws), (free.predictive, kept.predictive)):
            gap = before.to_array() - after.to_array()
            np.testing.assert_allclose(gap, np.broadcast_to(spent[:, None], gap.shape), atol=1e-9)
    person = kept.per_customer().total().values
    np.testing.assert_allclose(person, kept.total().values, rtol=1e-9)


def test_retention_cost_without_a_discount_adds_up_over_time() -> None:
    history = shop(10, seed=18)
    options = {"horizon": years(3), "discount": Discount(per_year=0), "seed": 1}
    free, kept = (
        lifetime_value(*fits(), history, retention_cost=cost, **options)  # type: ignore[arg-type] # mixed
        for cost in (0.0, 4.0)
    )
    np.testing.assert_allclose(free.mean() - kept.mean(), 12.0)


def test_value_is_purchases_times_spend_draw_by_draw_without_discount() -> None:
    history = shop(40, seed=1)
    buying, spending = fits()
    ltv = lifetime_value(
        buying, spending, history, horizon=weeks(26), discount=Discount(per_year=0), seed=1
    )
    count = buying.expected_purchases(history, weeks(26)).to_array()
    spend = spending.expected_value(history).to_array()
    np.testing.assert_allclose(ltv.draws.to_array(), count * spend, rtol=1e-9)
    np.testing.assert_allclose(ltv.expected_purchases.to_array(), count, rtol=1e-12)
    alive = buying.prob_alive(history).to_array()
    np.testing.assert_allclose(ltv.prob_alive.to_array(), alive, rtol=1e-12)


def test_futures_agree_with_the_expected_value() -> None:
    ltv = value(shop(2_000, seed=2))
    gap = ltv.predictive.to_array() - ltv.draws.to_array()
    by_row = gap.mean(axis=1)
    assert_mean(by_row, 0)


def test_futures_do_not_depend_on_blocks_but_on_the_seed() -> None:
    ltv = value(shop(300, seed=3))
    whole = ltv.predictive.evaluate(slice(0, 300), slice(0, 200))
    parts = [ltv.predictive.evaluate(slice(k, k + 37), slice(0, 200)) for k in range(0, 300, 37)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    again, other = value(shop(300, seed=3)), value(shop(300, seed=3), seed=8)
    np.testing.assert_array_equal(again.predictive.to_array(), ltv.predictive.to_array())
    assert (other.predictive.to_array() != ltv.predictive.to_array()).any()


def test_customers_add_up_over_channels() -> None:
    history = shop(301, seed=4)
    mixed = history.take(np.random.default_rng(1).permutation(301))
    ltv = value(mixed)
    person = ltv.per_customer()
    assert person.customer_id.tolist() == list(dict.fromkeys(mixed.customer_id))
    code = np.array([person.customer_id.tolist().index(c) for c in mixed.customer_id])
    for rows, customers in (
        (ltv.draws, person.draws),
        (ltv.predictive, person.predictive),
        (ltv.expected_purchases, person.expected_purchases),
    ):
        summed = np.zeros((len(person), 200))
        np.add.at(summed, code, rows.to_array())
        np.testing.assert_allclose(customers.to_array(), summed, rtol=1e-9, atol=1e-12)
    dead = np.ones((len(person), 200))
    np.multiply.at(dead, code, 1 - ltv.prob_alive.to_array())
    np.testing.assert_allclose(person.prob_alive.to_array(), 1 - dead, atol=1e-12)
    np.testing.assert_allclose(person.total().values, ltv.total().values, rtol=1e-9)


def test_totals_add_draws_and_not_intervals() -> None:
    ltv = value(shop(400, seed=5), model_error=ModelError.none())
    total = ltv.total(by="channel")
    assert total.labels == CHANNELS
    draws = ltv.draws.to_array()
    in_store = ltv.groups["channel"] == "store"
    np.testing.assert_allclose(total.values[1], draws[in_store].sum(axis=0))
    with pytest.raises(DataError) as caught:
        ltv.total(by="region")
    real = ltv.predictive_total(by="channel")
    np.testing.assert_allclose(real.values, ltv.predictive.total(ltv.groups["channel"]).values)
    assert caught.value.column == "region"


def test_margin_per_channel() -> None:
    history = shop(40, seed=6)
    buying, spending = fits()
    options = {"horizon": weeks(52), "discount": DISCOUNT, "seed": 1}
    plain = lifetime_value(buying, spending, history, **options)  # type: ignore[arg-type] # mixed
    split = lifetime_value(
        buying,
        spending,
        history,
        margin={"ec": 0.2, "store": 0.5},
        **options,  # type: ignore[arg-type] # mixed
    )
    rate = np.where(history.groups["channel"] == "ec", 0.2, 0.5)
    np.testing.assert_allclose(split.mean(), rate * plain.mean())
    np.testing.assert_allclose(split.predictive.mean(), rate * plain.predictive.mean())


@pytest.mark.slow
def test_predictive_intervals_cover_what_customers_really_bring() -> None:
    history = shop(6_000, seed=8)
    buying, spending = fits(sd=0.0, draws=1)
    rng = np.random.default_rng(9)
    group = np.arange(6_000) % 2
    state = PurchaseState(history.frequency, history.recency, history.T)
    future = BgNbd().simulate_future(truth(buying, group), state, 52.0, rng)
    known = history.frequency, history.monetary_value
    worth = GammaGamma().simulate_future(
        truth(spending, group), SpendState(*known), future.row, rng
    ) * DISCOUNT.factor(future.time, TimeUnit.WEEK)
    real = 0.4 * np.bincount(future.row, weights=worth, minlength=6_000)
    buying, spending = fits(sd=0.0, draws=500)
    ltv = lifetime_value(
        buying, spending, history, horizon=weeks(52), discount=DISCOUNT, margin=0.4, seed=1
    )
    low, high = ltv.predictive_interval(0.9).T
    assert_share(real > high, 0.05, comparisons=3)
    certain = low > 0
    assert np.mean(real[certain] < low[certain]) < 0.05 + sigmas(3) * np.sqrt(0.05 / certain.sum())
    total = ltv.predictive.total().values[0]
    assert abs(real.sum() - total.mean()) < sigmas(3) * total.std()


def test_frame_has_the_value_and_both_intervals() -> None:
    history = shop(20, seed=10)
    frame = value(history).to_frame(level=0.8)
    assert list(frame.columns) == [
        "customer_id", "channel", "value", "value_lower", "value_upper", "predictive_lower",
        "predictive_upper", "expected_purchases", "prob_alive",
    ]  # fmt: skip
    assert frame["customer_id"].tolist() == history.customer_id.tolist()
    assert (frame["value_lower"] <= frame["value"]).all()
    assert (frame["predictive_upper"] >= frame["value_lower"]).all()
    polars = value(history).per_customer().to_frame(backend="polars")
    assert polars.shape == (10, 8)


def test_the_kind_of_frame_is_the_first_argument_as_everywhere() -> None:
    history = shop(20, seed=10)
    ltv = value(history)
    assert ltv.to_frame("polars").shape == (20, 9)
    assert ltv.to_frame("pyarrow", level=0.5).num_rows == 20
    wide, narrow = ltv.to_frame("polars", level=0.9), ltv.to_frame("polars", level=0.2)
    assert (wide["value_upper"] > narrow["value_upper"]).all()
    assert history.to_frame("polars").height == 20


def test_horizon_is_counted_in_the_unit_of_the_fit() -> None:
    history = shop(10, seed=11)
    buying, spending = fits()
    year, twelve = (
        lifetime_value(buying, spending, history, horizon=span, discount=DISCOUNT, seed=1)
        for span in (weeks(365.25 / 7), months(12))
    )
    np.testing.assert_allclose(year.mean(), twelve.mean())


def test_no_horizon_brings_nothing() -> None:
    buying, spending = fits()
    ltv = lifetime_value(
        buying, spending, shop(10, seed=12), horizon=weeks(0), discount=DISCOUNT, seed=1
    )
    assert ltv.mean().tolist() == [0.0] * 10
    assert ltv.predictive.mean().tolist() == [0.0] * 10


def refused(
    history: PurchaseHistory,
    *,
    margin: float | dict[str, float] = 1.0,
    retention_cost: float | dict[str, float] = 0.0,
    draws: int = 200,
    horizon: Span = FOUR_WEEKS,
    discount: Discount = DISCOUNT,
) -> None:
    buying, _ = fits()
    _, spending = fits(draws=draws)
    lifetime_value(
        buying,
        spending,
        history,
        horizon=horizon,
        discount=discount,
        margin=margin,
        retention_cost=retention_cost,
        seed=1,
    )


@pytest.mark.parametrize("cost", [float("inf"), -1.0, {"ec": 1.0, "store": float("nan")}])
def test_refuses_costs_that_are_none(cost: float | dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="retention_cost is a number of at least 0"):
        refused(shop(10, seed=13), retention_cost=cost)


def test_says_which_channel_has_no_cost() -> None:
    history = shop(10, seed=13)
    with pytest.raises(DataError, match="no retention cost for: ec") as caught:
        refused(history, retention_cost={"store": 3.0})
    assert caught.value.column == "channel"
    assert caught.value.hint == 'retention_cost={"ec": ..., ...}'
    assert caught.value.rows == tuple(history.customer_id[::2])


@pytest.mark.parametrize("per_year", [0.0, -0.05])
def test_a_whole_life_needs_a_discount(per_year: float) -> None:
    with pytest.raises(ConfigError, match=r"above 0. Hint: Discount\(per_year=0.10\)"):
        lifetime_value(
            *fits(),
            shop(10, seed=13),
            horizon=None,
            discount=Discount(per_year=per_year),
            seed=1,
        )


def test_refuses_what_it_cannot_value() -> None:
    history = shop(10, seed=13)
    with pytest.raises(UnitError, match="counts in days"):
        refused(replace(history, unit=TimeUnit.DAY))
    with pytest.raises(ConfigError, match=r"discount is a Discount, got 0\.1"):
        refused(history, discount=0.1)  # type: ignore[arg-type]
    with pytest.raises(
        ConfigError, match=r"horizon is a Span or None, got 52. Hint: horizon=weeks\(52\)"
    ):
        refused(history, horizon=52)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="200 and 50 draws"):
        refused(history, draws=50)
    with pytest.raises(ConfigError, match="margin is a number of at most 1"):
        refused(history, margin=float("nan"))
    with pytest.raises(DataError, match="no margin for: store") as caught:
        refused(history, margin={"ec": 0.3})
    assert caught.value.column == "channel"
    assert caught.value.rows == tuple(history.customer_id[1::2])
    with pytest.raises(DataError, match="did not see: app"):
        refused(replace(history.take(np.arange(0, 10, 2)), groups={"channel": np.full(5, "app")}))
