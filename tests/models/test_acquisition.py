"""New customers, whole lives and what keeping customers costs."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.special import roots_sh_legendre
from tests._statistics import assert_mean

from omniltv.data.history import PurchaseHistory
from omniltv.errors import ConfigError, DataError
from omniltv.models import (
    BgBb,
    BgNbd,
    CnbdK,
    Diagnostics,
    GammaGamma,
    ParetoNbd,
    Pooling,
    PosteriorDraws,
    PurchaseFit,
    SpendFit,
    lifetime_value,
)
from omniltv.models.processes.protocols import Parameters, PurchaseModel, PurchaseState, SpendState
from omniltv.models.value.acquisition import AcquisitionValue, acquisition_value
from omniltv.units import Discount, Span, TimeUnit, months, weeks, years

from .conftest import CHANNELS

YEARLY = Discount(per_year=0.1)
COSTS = {"app": 0.2, "ec": 0.7, "store": 400.0}
DISCOUNT, TWO_YEARS, PLAIN = Discount(per_year=0.12), years(2), BgNbd()
SOUND = Diagnostics({}, {}, {}, divergences=0, draws=1, bfmi=1.0, steps=1.0, seconds=0.0)
BUYING = {
    BgNbd(): (-2.2, -0.5, -1.4, 1.5),
    ParetoNbd(): (-2.2, -0.4, -4.5, 0.1),
    CnbdK(k=2): (-2.2, -0.4, -1.4, 1.5),
    BgBb(): (-0.5, 1.0, -2.0, 1.2),
}
SPENDING = (3.0, 1.6, 1.5)


def found(purchase_fit: PurchaseFit, spend_fit: SpendFit, **changes: object) -> AcquisitionValue:
    options = {"horizon": weeks(104), "discount": YEARLY, "margin": 0.3, "acquisition_cost": COSTS}
    return acquisition_value(purchase_fit, spend_fit, **(options | changes))  # type: ignore[arg-type]


def discounted(
    model: PurchaseModel, own: Parameters, until: float, rate: float
) -> NDArray[np.float64]:
    """Return the discounted repeat purchases of a new customer, by parts, in 13 panels."""
    if model.discrete:
        n = np.arange(1.0, until + 1)
        steps = np.diff(model.expected_purchases_new(own, n), prepend=0.0)
        return np.asarray(np.exp(-rate * n) @ steps)
    node, weight = roots_sh_legendre(30)
    ends = until * np.exp2(-np.arange(13.0))
    starts = np.append(ends[1:], 0.0)
    t = (starts + np.outer(node, ends - starts)).ravel()
    w = np.outer(weight, ends - starts).ravel() * rate * np.exp(-rate * t)
    expected = model.expected_purchases_new(own, np.append(t, until))
    return np.asarray(np.append(w, np.exp(-rate * until)) @ expected)


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
    each = np.bincount(future.row, weights=np.exp(-rate * future.time), minlength=n)
    named = {name: np.asarray(value) for name, value in truth.items()}
    assert_mean(each, discounted(BgNbd(), named, 52.0, rate))


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
        ({"acquisition_cost": -1.0}, ConfigError, "a number of at least 0"),
        ({"margin": float("nan")}, ConfigError, "a number of at most 1"),
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
        type(draws)(draws.names, ("ec",), draws.coordinates),
        spend_fit.diagnostics,
    )
    with pytest.raises(ConfigError, match="no group app, store"):
        found(purchase_fit, other)


def posterior(
    point: Sequence[float], groups: tuple[str, ...], *, names: int, sd: float, draws: int
) -> PosteriorDraws:
    """Draws around a point; each further group buys or spends a fifth more."""
    each = np.array([np.add(point, [0.2 * k] + [0.0] * (names - 1)) for k in range(len(groups))])
    noise = sd * np.random.default_rng(names).normal(size=(2, draws // 2, *each.shape))
    return PosteriorDraws(tuple(f"c{k}" for k in range(names)), groups, each + noise)


def named(found: PosteriorDraws, model: PurchaseModel | GammaGamma) -> PosteriorDraws:
    names = tuple(coordinate.name for coordinate in model.coordinates)
    return PosteriorDraws(names, found.groups, found.coordinates)


def buyers(
    groups: tuple[str, ...] = ("ec", "store"),
    *,
    model: PurchaseModel = PLAIN,
    sd: float = 0.1,
    draws: int = 100,
) -> PurchaseFit:
    around = posterior(BUYING[model], groups, names=4, sd=sd, draws=draws)
    pooling = Pooling.none("channel") if groups != ("",) else Pooling.complete()
    return PurchaseFit(model, pooling, named(around, model), SOUND, TimeUnit.WEEK)


def spenders(
    groups: tuple[str, ...] = ("ec", "store"), *, sd: float = 0.1, draws: int = 100
) -> SpendFit:
    around = posterior(SPENDING, groups, names=3, sd=sd, draws=draws)
    pooling = Pooling.none("channel") if groups != ("",) else Pooling.complete()
    return SpendFit(GammaGamma(), pooling, named(around, GammaGamma()), SOUND)


def worth(
    fits: tuple[PurchaseFit, SpendFit] | None = None,
    *,
    cost: float | Mapping[str, float] = 20.0,
    horizon: Span | None = TWO_YEARS,
    margin: float | Mapping[str, float] = 0.4,
    retention_cost: float | Mapping[str, float] = 0.0,
    discount: Discount = DISCOUNT,
) -> AcquisitionValue:
    return acquisition_value(
        *(fits or (buyers(), spenders())),
        horizon=horizon,
        discount=discount,
        margin=margin,
        acquisition_cost=cost,
        retention_cost=retention_cost,
    )


def brought(
    fit: PurchaseFit,
    spend: SpendFit,
    time: NDArray[np.float64],
    *,
    group: int = 0,
    rate: float = DISCOUNT.rate(TimeUnit.WEEK),
    yearly: float = 0.0,
) -> NDArray[np.float64]:
    """What each draw of a group has brought until a time of its own, at a margin of 0.4."""
    parameters = {name: values[:, group] for name, values in fit.parameters.items()}
    p, q, v = (spend.parameters[name][:, group] for name in ("p", "q", "v"))
    found = []
    for draw, until in enumerate(time):
        own = {name: values[draw] for name, values in parameters.items()}
        repeats = discounted(fit.model, own, float(until), rate)
        paid = -np.expm1(-rate * until) / rate if rate else until
        found.append(
            0.4 * p[draw] * v[draw] / (q[draw] - 1) * (1 + repeats) - yearly * 7 / 365.25 * paid
        )
    return np.array(found)


@pytest.mark.parametrize("horizon", [years(2), None])
@pytest.mark.parametrize("model", [BgNbd(), ParetoNbd(), CnbdK(k=2)])
def test_value_is_the_first_purchase_and_the_integral_of_the_rest(
    model: PurchaseModel, horizon: Span | None
) -> None:
    fit, spend = buyers(model=model, draws=4), spenders(draws=4)
    found = worth((fit, spend), horizon=horizon, retention_cost={"ec": 3.0, "store": 0.0})
    rate = DISCOUNT.rate(TimeUnit.WEEK)
    end = 40 / rate if horizon is None else horizon.to(TimeUnit.WEEK)
    spent = (1 - np.exp(-rate * end)) / DISCOUNT.rate(TimeUnit.YEAR)
    for group, cost in enumerate((3.0, 0.0)):
        p, q, v = (spend.parameters[name][0, group] for name in ("p", "q", "v"))
        own = {name: values[0, group] for name, values in fit.parameters.items()}

        def integrand(log_time: float, own: Mapping[str, NDArray[np.float64]] = own) -> float:
            time = np.exp(log_time)
            bought = model.expected_purchases_new(own, np.asarray(time))
            return float(rate * time * np.exp(-rate * time) * bought)

        inner = quad(integrand, -20, np.log(end), epsrel=1e-7, limit=500)[0]
        last = np.exp(-rate * end) * float(model.expected_purchases_new(own, np.asarray(end)))
        exact = 0.4 * p * v / (q - 1) * (1 + inner + last) - cost * spent
        assert found.value[group, 0] == pytest.approx(exact, rel=1e-4)


def test_value_is_what_simulated_customers_bring_on_average() -> None:
    fit, spend = buyers(sd=0.0, draws=2), spenders(sd=0.0, draws=2)
    found = worth((fit, spend), horizon=weeks(100))
    rng, n = np.random.default_rng(3), 60_000
    new = PurchaseState(np.zeros(n), np.zeros(n), np.zeros(n))
    own = {name: values[0, 1] for name, values in fit.parameters.items()}
    future = fit.model.simulate_future(own, new, 100.0, rng)
    row = np.concatenate([np.arange(n), future.row])
    time = np.concatenate([np.zeros(n), future.time])
    taste = {name: np.full(n, values[0, 1]) for name, values in spend.parameters.items()}
    nobody = SpendState(np.zeros(n), np.full(n, np.nan))
    value = 0.4 * spend.model.simulate_future(taste, nobody, row, rng)
    each = np.bincount(row, weights=value * DISCOUNT.factor(time, TimeUnit.WEEK), minlength=n)
    assert_mean(each, found.value[1, 0])


@pytest.mark.parametrize("per_year", [0.0, 0.12])
@pytest.mark.parametrize("yearly", [0.0, 4.0])
@pytest.mark.parametrize("model", [BgNbd(), ParetoNbd(), CnbdK(k=2)])
def test_at_payback_the_cost_has_just_been_brought(
    model: PurchaseModel, yearly: float, per_year: float
) -> None:
    fit, spend = buyers(model=model, draws=40), spenders(draws=40)
    discount = Discount(per_year=per_year)
    rate = discount.rate(TimeUnit.WEEK)
    found = worth((fit, spend), cost=25.0, retention_cost=yearly, discount=discount)
    assert found.unit is TimeUnit.WEEK
    for group in (0, 1):
        time = found.payback[group]
        assert np.isfinite(time).sum() >= 30
        ends = np.where(np.isfinite(time), time, 104.0)
        at, before = (
            brought(fit, spend, ends * part, group=group, rate=rate, yearly=yearly)
            for part in (1.0, 0.99)
        )
        paid = np.isfinite(time) & (time > 0)
        np.testing.assert_allclose(at[paid], 25.0, rtol=2e-4)
        assert (before[paid] < 25.0).all()
        assert (at[np.isinf(time)] < 25.0).all()


def test_payback_within_the_horizon_is_a_value_above_the_cost() -> None:
    for horizon in (weeks(60), years(30), None):
        found = worth(cost={"ec": 30.0, "store": 40.0}, horizon=horizon)
        np.testing.assert_array_equal(np.isfinite(found.payback), found.net >= 0)
        np.testing.assert_allclose(found.prob_payback, (found.net >= 0).mean(axis=1))
        np.testing.assert_allclose(found.ratio * [[30.0], [40.0]], found.value)
    assert 0 < worth(cost=40.0, horizon=weeks(60)).prob_payback[0] < 1


def test_the_first_purchase_may_pay_back_at_once() -> None:
    found = worth(cost={"ec": 1.0, "store": 0.0})
    assert (found.payback == 0).all()
    assert np.isinf(found.ratio[1]).all()
    assert np.isfinite(found.ratio[0]).all()


def test_upkeep_may_eat_up_what_had_been_paid_back() -> None:
    fit, spend = buyers(sd=0.0, draws=2), spenders(sd=0.0, draws=2)
    grid = np.arange(1.0, 1_000.0, 4.0)
    curve = np.array([brought(fit, spend, np.full(2, time), yearly=10.0)[0] for time in grid])
    peak = curve.max()
    assert 5 < grid[curve.argmax()] < 900
    just = worth((fit, spend), cost=peak - 1e-3, horizon=None, retention_cost=10.0)
    never = worth((fit, spend), cost=peak + 1e-2, horizon=None, retention_cost=10.0)
    assert just.net[0, 0] < 0
    assert just.payback[0, 0] <= grid[curve.argmax()] + 4
    assert just.payback[0, 0] > 0.8 * grid[curve.argmax()]
    assert np.isinf(never.payback[0]).all()


@pytest.mark.parametrize("yearly", [0.0, 20.0])
@pytest.mark.parametrize("horizon", [weeks(150), None])
def test_discrete_customers_pay_back_at_an_opportunity(horizon: Span | None, yearly: float) -> None:
    fit, spend = buyers(model=BgBb(), draws=20), spenders(draws=20)
    rate = DISCOUNT.rate(TimeUnit.WEEK)
    found = worth((fit, spend), cost=90.0, horizon=horizon, retention_cost=yearly)
    n = np.arange(0.0, 151 if horizon else 6_000)
    p, q, v = (spend.parameters[name][:, 1] for name in ("p", "q", "v"))
    own = {name: values[:, 1] for name, values in fit.parameters.items()}
    steps = np.diff(BgBb().expected_purchases_new(own, n[:, None]), axis=0, prepend=0)
    repeats = np.cumsum(np.exp(-rate * n)[:, None] * steps, axis=0)
    spent = yearly * 7 / 365.25 * -np.expm1(-rate * n) / rate
    curve = 0.4 * p * v / (q - 1) * (1 + repeats) - spent[:, None]
    reached = curve >= 90.0
    first = np.where(reached.any(axis=0), n[reached.argmax(axis=0)], np.inf)
    np.testing.assert_array_equal(found.payback[1], first)
    assert np.isfinite(first).any()
    if horizon:
        np.testing.assert_allclose(found.value[1], curve[-1], rtol=1e-5)


def test_groups_are_matched_by_label() -> None:
    apart = worth((buyers(("ec", "store")), spenders(("app", "ec", "store"))))
    assert apart.labels == ("ec", "store")
    p, q, v = (spenders(("app", "ec", "store")).parameters[name][:, 1] for name in ("p", "q", "v"))
    once = worth((buyers(("ec", "store")), spenders(("app", "ec", "store"))), horizon=weeks(0))
    np.testing.assert_allclose(once.value[0], 0.4 * p * v / (q - 1))


def test_spend_of_one_population_serves_all_groups() -> None:
    found = worth((buyers(), spenders(("",))), horizon=weeks(0))
    np.testing.assert_array_equal(found.value[0], found.value[1])
    assert worth((buyers(("",)), spenders(("",)))).labels == ("all",)


def test_amounts_are_looked_up_by_label() -> None:
    plain = worth(margin=1.0)
    found = worth(margin={"store": 0.5, "ec": 0.2}, cost={"store": 9.0, "ec": 7.0, "app": 1.0})
    np.testing.assert_allclose(found.value, plain.value * [[0.2], [0.5]])
    assert found.acquisition_cost.tolist() == [7.0, 9.0]


def test_horizon_is_counted_in_the_unit_of_the_fit() -> None:
    year, twelve = worth(horizon=weeks(365.25 / 7)), worth(horizon=months(12))
    np.testing.assert_allclose(year.value, twelve.value)
    np.testing.assert_allclose(year.payback, twelve.payback, rtol=1e-6)


def test_frame_has_means_intervals_and_the_median_of_payback() -> None:
    found = worth(cost={"ec": 40.0, "store": 0.0}, horizon=weeks(60))
    frame = found.to_frame(level=0.8)
    assert list(frame.columns) == [
        "group", "value", "value_lower", "value_upper", "net", "net_lower", "net_upper",
        "ratio", "ratio_lower", "ratio_upper", "payback", "payback_lower", "payback_upper",
        "prob_payback",
    ]  # fmt: skip
    assert frame["group"].tolist() == ["ec", "store"]
    assert frame["value"].tolist() == found.value.mean(axis=1).tolist()
    assert frame["payback"][1] == 0
    assert frame["payback_upper"][0] == np.inf
    assert np.isinf(frame["ratio_lower"][1])
    assert not frame.isna().to_numpy().any()
    for name in ("value", "net", "ratio"):
        assert (frame[f"{name}_lower"] <= frame[name]).all()
        assert (frame[name] <= frame[f"{name}_upper"]).all()
    inside = (found.value[0] >= frame["value_lower"][0]) & (
        found.value[0] <= frame["value_upper"][0]
    )
    assert inside.mean() == pytest.approx(0.8, abs=0.03)
    assert found.to_frame(backend="polars").shape == (2, 14)
    assert len(found) == 2
    assert "prob_payback" in repr(found)
    with pytest.raises(ConfigError, match="between 0 and 1, got 1"):
        found.to_frame(level=1)


def test_refuses_fits_that_do_not_go_together() -> None:
    with pytest.raises(ConfigError, match="100 and 50 draws"):
        worth((buyers(), spenders(draws=50)))
    with pytest.raises(ConfigError, match=r"no group store; it has: ec\. Hint: pool both"):
        worth((buyers(), spenders(("ec",))))
    with pytest.raises(ConfigError, match="no group all; it has: ec, store"):
        worth((buyers(("",)), spenders()))


def test_refuses_costs_that_are_none() -> None:
    with pytest.raises(ConfigError, match="acquisition_cost is a number of at least 0"):
        worth(cost=-1.0)
    with pytest.raises(ConfigError, match="margin is a number of at most 1"):
        worth(margin={"ec": float("nan"), "store": 0.3})
    with pytest.raises(DataError, match="no acquisition cost for: store") as caught:
        worth(cost={"ec": 3.0})
    assert caught.value.hint == 'acquisition_cost={"store": ..., ...}'
    with pytest.raises(ConfigError, match="whole life needs a discount rate above 0"):
        worth(horizon=None, discount=Discount(per_year=0.0))
