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
    for few in (0, 10**9):
        monkeypatch.setattr(module, "_FEW", few)
        value = lifetime_value(
            purchases, spend, history, horizon=weeks(52), discount=Discount(per_year=0.1), seed=1
        )
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
