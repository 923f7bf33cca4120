"""Forecasts under many draws, worked out exactly at a few of them."""

from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

from omniltv.data.history import PurchaseHistory
from omniltv.models import BgNbd, GammaGamma, Pooling, Sampling, fit, lifetime_value
from omniltv.models.posterior import _interpolate as module
from omniltv.models.processes.protocols import Parameters, PurchaseState
from omniltv.units import Discount, weeks

from .conftest import simulated


class Both(NamedTuple):
    quick: NDArray[np.float64]
    exact: NDArray[np.float64]


def both(
    monkeypatch: pytest.MonkeyPatch, history: PurchaseHistory, pooling: Pooling
) -> dict[str, Both]:
    """Draws of everything that is forecast, by the polynomials and at every draw."""
    method = Sampling("laplace", draws=250)
    purchases = fit(BgNbd(), history, seed=1, pooling=pooling, method=method)
    spend = fit(GammaGamma(), history, seed=1, method=method)
    found: dict[str, list[NDArray[np.float64]]] = {}
    for degrees in (module._DEGREES, ()):
        monkeypatch.setattr(module, "_DEGREES", degrees)
        value = lifetime_value(
            purchases, spend, history, horizon=weeks(52), discount=Discount(per_year=0.1), seed=1
        )
        module._ladder.cache_clear()
        every = {
            "value": value.draws,
            "alive": value.prob_alive,
            "purchases": purchases.expected_purchases(history, weeks(52)),
        }
        for name, draws in every.items():
            found.setdefault(name, []).append(draws.to_array())
    return {name: Both(*values) for name, values in found.items()}


def _chance(tail: float, n_draws: int) -> float:
    """Return the standard error of a Normal's quantile in n draws, in standard deviations."""
    return float(np.sqrt(tail * (1 - tail) / n_draws) / norm.pdf(norm.ppf(tail)))


@pytest.mark.parametrize("pooling", [Pooling.complete(), Pooling.partial("channel")], ids=str)
def test_a_polynomial_in_the_draws_is_all_but_exact(
    monkeypatch: pytest.MonkeyPatch, pooling: Pooling
) -> None:
    history = simulated({"app": 60, "ec": 500, "store": 1500}, seed=5)
    for name, (quick, exact) in both(monkeypatch, history, pooling).items():
        assert not np.array_equal(quick, exact), name  # a polynomial was at work
        sd = exact.std(axis=1, keepdims=True)
        assert np.sqrt(np.square((quick - exact) / np.maximum(sd, 1e-9)).mean()) < 0.01, name
        for tail in (0.05, 0.95):
            ends = (np.quantile(values, tail, axis=1) for values in (quick, exact))
            off = np.abs(np.subtract(*ends)) / np.maximum(sd[:, 0], 1e-9)
            assert (off < 0.05).mean() > 0.99, name
            assert (off < _chance(tail, exact.shape[1])).all(), name


def test_what_no_polynomial_follows_is_worked_out_exactly() -> None:
    rng = np.random.default_rng(0)
    theta = rng.normal(0, 3.0, (400, 1, 4))
    cells = module.Cells(
        model=BgNbd(),
        by_group=theta,
        group=np.zeros(5000, dtype=np.intp),
        slopes=np.empty((400, 0)),
        target=(),
        covariates=np.empty((5000, 0)),
    )

    def exact(parameters: Parameters, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        two = np.full((len(rows), 1), 2.0)
        return BgNbd().prob_alive(parameters, PurchaseState(two, two / 2, two))

    rows = np.arange(3)
    values = module.over_draws(exact, cells, 400)(rows, slice(None))
    np.testing.assert_array_equal(values, exact(cells.take(rows).parameters(), rows))


def made(n_draws: int, *, sd: float, seed: int = 0) -> module.Cells:
    theta = np.random.default_rng(seed).normal(0, sd, (n_draws, 1, 4))
    return module.Cells(
        model=BgNbd(),
        by_group=theta,
        group=np.zeros(50, dtype=np.intp),
        slopes=np.empty((n_draws, 0)),
        target=(),
        covariates=np.empty((50, 0)),
    )


def alive(parameters: Parameters, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    x = 1.0 + rows[:, None] % 7
    return BgNbd().prob_alive(parameters, PurchaseState(x, x / 9, 1.0 + x / (1 + rows[:, None])))


@pytest.mark.parametrize("sd", [1e-12, 0.02, 0.2, 0.6])
def test_values_of_a_row_are_the_same_bytes_in_any_block(sd: float) -> None:
    values = module.over_draws(alive, made(1_000, sd=sd), 1_000)
    rows = np.arange(50)
    whole = values(rows, slice(None))
    assert values(rows[::-1], slice(None))[::-1].tobytes() == whole.tobytes()
    for row in rows:
        assert values(rows[row : row + 1], slice(None)).tobytes() == whole[row].tobytes()
        some = values(rows[row : row + 3], slice(100, 107))
        assert some.tobytes() == whole[row : row + 3, 100:107].tobytes()


def test_nodes_depend_on_the_draws_alone_and_a_degree_keeps_those_below() -> None:
    points = np.random.default_rng(1).normal(size=(1_000, 4))
    one, two = (module._Ladder(points, np.array([3, 5])) for _ in range(2))
    assert one.level(3) is not None
    assert two.level(0) is not None
    assert two.nodes == one.nodes[: len(two.nodes)]
    assert not {3, 5} & set(one.nodes)
    assert one.level(len(module._DEGREES)) is None


def test_draws_that_repeat_have_no_node_twice() -> None:
    points = np.repeat(np.random.default_rng(1).normal(size=(9, 4)), 200, axis=0)
    ladder = module._Ladder(points, np.empty(0, dtype=np.intp))
    assert ladder.level(0) is not None
    assert len(ladder.nodes) <= 9
    assert len(np.unique(points[ladder.nodes], axis=0)) == len(ladder.nodes)


@pytest.mark.parametrize("n_rows", [1, 2, 3, 17, 300])
def test_the_product_of_matrices_is_exact(n_rows: int) -> None:
    """Its sums, one by one in whole numbers, are those of the product."""
    rng = np.random.default_rng(n_rows)
    values = rng.normal(size=(n_rows, 35)) * 10.0 ** rng.integers(-9, 9, (n_rows, 1))
    weights = module._rounded(rng.normal(size=(35, 40)), np.asarray(4.0), 53 - 24 - 6)
    rise = values - values[:, :1]
    cut = module._rounded(rise, np.abs(rise).max(axis=1, keepdims=True), 24)
    by_hand = np.zeros((n_rows, 40))
    for k in rng.permutation(35):
        by_hand += cut[:, k, None] * weights[k]
    np.testing.assert_array_equal(module._product(values, weights), by_hand + values[:, :1])
    exact = rise @ weights + values[:, :1]
    scale = np.abs(rise).max(axis=1, keepdims=True) * np.abs(weights).sum(axis=0)
    assert (np.abs(by_hand + values[:, :1] - exact) <= 1e-7 * scale).all()
