"""The probability of n purchases by integration is that of closed forms and of simulation."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.special import betaln, comb
from scipy.stats import nbinom

from omniltv.errors import OmniltvError
from omniltv.models import _counts
from omniltv.models._counts import prob_purchases
from omniltv.models._numpy import NUMPY
from omniltv.models.bg_bb import BgBb
from omniltv.models.bg_nbd import BgNbd
from omniltv.models.built_in import PURCHASE_MODELS
from omniltv.models.pareto_nbd import ParetoNbd
from omniltv.models.protocols import Parameters, PurchaseModel

COUNTS = np.array([0, 1, 2, 3, 7, 20, 150, 1_000])
NARROW = {"r": 5_000.0, "alpha": 50.0, "s": 0.6, "beta": 1.0}


def given(parameters: dict[str, float]) -> Parameters:
    return {name: np.asarray(value) for name, value in parameters.items()}


def centre(model: PurchaseModel) -> Parameters:
    """The centre of the model's own prior."""
    return model.parameters(NUMPY, {c.name: np.asarray(c.mean) for c in model.coordinates})


def bg_nbd(parameters: dict[str, float], n: int, T: float) -> float:
    """Fader, Hardie and Lee (2005), eq. 8: the sum in it is that of a negative binomial."""
    r, alpha, a, b = (parameters[key] for key in ("r", "alpha", "a", "b"))
    arrivals = nbinom(r, alpha / (alpha + T))
    alive = np.exp(betaln(a, b + n) - betaln(a, b)) * arrivals.pmf(n)
    if n == 0:
        return float(alive)
    stopped = np.exp(betaln(a + 1, b + n - 1) - betaln(a, b)) * arrivals.sf(n - 1)
    return float(alive + stopped)


def pareto_nbd(parameters: dict[str, float], n: int, T: float) -> float:
    """The negative binomial of the part of T that was lived, averaged over lifetimes."""
    r, alpha, s, beta = (parameters[key] for key in ("r", "alpha", "s", "beta"))

    def at(log_life: float) -> float:
        life = np.exp(log_life)
        density = s / (beta + life) * (beta / (beta + life)) ** s
        return float(density * life * nbinom.pmf(n, r, alpha / (alpha + life)))

    peak = np.log(min(T, (n + 1) * alpha / r))
    edges = [np.log(T) - 60, *(e for e in (peak - 1, peak - 0.1) if e < np.log(T)), np.log(T)]
    parts = [quad(at, *pair, epsabs=1e-15, epsrel=1e-11, limit=500)[0] for pair in pairwise(edges)]
    return float(sum(parts) + (beta / (beta + T)) ** s * nbinom.pmf(n, r, alpha / (alpha + T)))


def bg_bb(parameters: dict[str, float], n: int, T: int) -> float:
    """Over the number of opportunities lived through: beta-binomial purchases in each."""
    alpha, beta, gamma, delta = (parameters[key] for key in ("alpha", "beta", "gamma", "delta"))
    lived = np.arange(T + 1)
    dead = np.exp(betaln(gamma + 1, delta + lived) - betaln(gamma, delta))
    dead[T] = np.exp(betaln(gamma, delta + T) - betaln(gamma, delta))
    bought = np.exp(betaln(alpha + n, beta + np.maximum(lived - n, 0)) - betaln(alpha, beta))
    return float((dead * np.where(lived >= n, comb(lived, n) * bought, 0.0)).sum())


@pytest.mark.parametrize("T", [0.01, 2.0, 39.0, 5_000.0])
@pytest.mark.parametrize(
    "parameters",
    [
        {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426},
        {"r": 0.05, "alpha": 0.01, "a": 0.1, "b": 0.2},
        {"r": 30.0, "alpha": 20.0, "a": 2.0, "b": 40.0},
        {"r": 2.0, "alpha": 100.0, "a": 5.0, "b": 0.05},
    ],
)
def test_bg_nbd_is_that_of_its_closed_form(parameters: dict[str, float], T: float) -> None:
    exact = np.array([bg_nbd(parameters, int(n), T) for n in COUNTS])
    found = prob_purchases(BgNbd(), given(parameters), COUNTS, T)
    assert found == pytest.approx(exact, abs=1e-9, rel=1e-6)


@pytest.mark.parametrize("T", [0.01, 2.0, 39.0, 5_000.0])
@pytest.mark.parametrize(
    "parameters",
    [
        {"r": 0.553, "alpha": 10.578, "s": 0.606, "beta": 11.669},
        {"r": 3.0, "alpha": 0.2, "s": 2.0, "beta": 0.02},
        {"r": 200.0, "alpha": 40.0, "s": 0.1, "beta": 300.0},
        NARROW,
    ],
)
def test_pareto_nbd_is_the_mean_over_lifetimes(parameters: dict[str, float], T: float) -> None:
    """The likelihood has a quadrature of its own, which is less exact far above alpha and beta."""
    exact = np.array([pareto_nbd(parameters, int(n), T) for n in COUNTS])
    found = prob_purchases(ParetoNbd(), given(parameters), COUNTS, T)
    far = 20 * min(parameters["alpha"], parameters["beta"]) < T
    assert found == pytest.approx(exact, abs=2e-7 if far else 1e-9)


@pytest.mark.parametrize("T", [1, 6, 60])
def test_bg_bb_is_the_mean_over_lifetimes(T: int) -> None:
    parameters = {"alpha": 1.204, "beta": 0.750, "gamma": 0.657, "delta": 2.783}
    n = np.arange(T + 2)
    exact = np.array([bg_bb(parameters, int(k), T) for k in n])
    found = prob_purchases(BgBb(), given(parameters), n, float(T))
    assert found == pytest.approx(exact, abs=1e-12)
    assert found.sum() == pytest.approx(1, abs=1e-12)
    assert found[-1] == 0


@pytest.mark.parametrize("model", PURCHASE_MODELS, ids=lambda model: model.name)
def test_simulated_customers_make_so_many_purchases(model: PurchaseModel) -> None:
    size, T, n = 50_000, 6.0 if model.discrete else 1.7, np.arange(6)
    state = model.simulate(centre(model), np.full(size, T), np.random.default_rng(3))
    seen = np.array([np.mean(np.asarray(state.frequency) == k) for k in n])
    share = prob_purchases(model, centre(model), n, T)
    error = np.sqrt(np.maximum(share * (1 - share), 1 / size) / size)
    assert (abs(seen - share) < 4.5 * error).all()


@pytest.mark.parametrize("model", PURCHASE_MODELS, ids=lambda model: model.name)
def test_draws_and_counts_broadcast(model: PurchaseModel) -> None:
    draws = {
        name: np.multiply.outer([0.5, 1.0, 2.0], value)[:, None]
        for name, value in centre(model).items()
    }
    n = np.array([0, 1, 5])
    grid = prob_purchases(model, draws, n, 4.0)
    assert grid.shape == (3, 3)
    assert grid[1] == pytest.approx(prob_purchases(model, centre(model), n, 4.0), abs=1e-9)
    alone = prob_purchases(model, centre(model), np.asarray(5), 4.0)
    assert alone.shape == ()
    assert alone == pytest.approx(grid[1, 2], abs=1e-9)


@pytest.mark.parametrize("model", PURCHASE_MODELS, ids=lambda model: model.name)
def test_nobody_has_bought_again_at_once(model: PurchaseModel) -> None:
    at_once = prob_purchases(model, centre(model), np.array([0, 1, 2]), 0.0)
    assert at_once == pytest.approx(np.array([1.0, 0.0, 0.0]), abs=1e-12)


def test_an_integral_that_does_not_settle_is_not_handed_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def probability() -> NDArray[np.float64]:
        return prob_purchases(ParetoNbd(), given(NARROW), np.array([20]), 5_000.0)

    assert 0 < probability()[0] < 1
    monkeypatch.setattr(_counts, "_HALVINGS", 2)
    with pytest.raises(OmniltvError, match="up to 20 purchases by pareto_nbd does not settle"):
        probability()
