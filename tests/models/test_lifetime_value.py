"""Lifetime value: integrals, joint draws, futures, coverage, and what it refuses."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import quad

from omniltv.data.history import PurchaseHistory
from omniltv.errors import ConfigError, DataError, UnitError
from omniltv.models import (
    BgNbd,
    Diagnostics,
    GammaGamma,
    LifetimeValue,
    Pooling,
    Posterior,
    PurchaseFit,
    SpendFit,
    lifetime_value,
)
from omniltv.models._forecast import discounting
from omniltv.models.protocols import (
    Parameters,
    PurchaseModel,
    PurchaseState,
    SpendModel,
    SpendState,
)
from omniltv.units import Discount, TimeUnit, months, weeks

CHANNELS = ("ec", "store")
PURCHASE_POINT = np.array([[-2.6, -0.9, -1.1, 1.2], [-2.2, -0.5, -1.4, 1.5]])
SPEND_POINT = np.array([[3.4, 1.6, 1.5], [3.9, 1.4, 1.8]])
DISCOUNT = Discount(per_year=0.12)
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
) -> Posterior:
    noise = sd * np.random.default_rng(seed).normal(size=(1, draws, *point.shape))
    return Posterior(tuple(c.name for c in model.coordinates), CHANNELS, point + noise)


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


def value(history: PurchaseHistory, *, seed: int = 7, draws: int = 200) -> LifetimeValue:
    buying, spending = fits(draws=draws)
    return lifetime_value(
        buying, spending, history, horizon=weeks(52), discount=DISCOUNT, margin=0.4, seed=seed
    )


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
    assert abs(by_row.mean()) < 4.5 * by_row.std() / np.sqrt(len(by_row))


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
    ltv = value(shop(400, seed=5))
    total = ltv.total(by="channel")
    assert total.labels == CHANNELS
    draws = ltv.draws.to_array()
    in_store = ltv.groups["channel"] == "store"
    np.testing.assert_allclose(total.values[1], draws[in_store].sum(axis=0))
    with pytest.raises(DataError) as caught:
        ltv.total(by="region")
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
    above = np.mean(real > high)
    assert above == pytest.approx(0.05, abs=4.5 * np.sqrt(0.05 * 0.95 / 6_000))
    certain = low > 0
    assert np.mean(real[certain] < low[certain]) < 0.05 + 4.5 * np.sqrt(0.05 / certain.sum())
    total = ltv.predictive.total().interval(0.98)[0]
    assert total[0] < real.sum() < total[1]


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
    history: PurchaseHistory, *, margin: float | dict[str, float] = 1.0, draws: int = 200
) -> None:
    buying, _ = fits()
    _, spending = fits(draws=draws)
    lifetime_value(
        buying, spending, history, horizon=weeks(4), discount=DISCOUNT, margin=margin, seed=1
    )


def test_refuses_what_it_cannot_value() -> None:
    history = shop(10, seed=13)
    with pytest.raises(UnitError, match="counts in days"):
        refused(replace(history, unit=TimeUnit.DAY))
    with pytest.raises(ConfigError, match="200 and 50 draws"):
        refused(history, draws=50)
    with pytest.raises(ConfigError, match="finite"):
        refused(history, margin=float("nan"))
    with pytest.raises(DataError, match="no margin for: store") as caught:
        refused(history, margin={"ec": 0.3})
    assert caught.value.column == "channel"
    assert caught.value.rows == tuple(history.customer_id[1::2])
    with pytest.raises(DataError, match="did not see: app"):
        refused(replace(history.take(np.arange(0, 10, 2)), groups={"channel": np.full(5, "app")}))
