import numpy as np
import pytest
from tests._statistics import assert_mean, sigmas

from omniltv.data.history import PurchaseHistory
from omniltv.models import GammaGamma, LogNormalSpend, fit
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import SpendState
from omniltv.units import TimeUnit

TRUTH = {"mu": np.array(3.0), "omega": np.array(0.6), "sigma": np.array(0.9)}


def spenders(n: int, *, seed: int) -> PurchaseHistory:
    """Customers each of whose purchases is drawn, and the mean then taken."""
    rng = np.random.default_rng(seed)
    x = rng.poisson(3, n) + 1
    zeta = np.exp(3.0 + 0.6 * rng.standard_normal(n))
    owner = np.repeat(np.arange(n), x)
    value = zeta[owner] * np.exp(0.9 * rng.standard_normal(len(owner)) - 0.9**2 / 2)
    mean = np.bincount(owner, weights=value) / x
    T = np.full(n, 30.0)
    return PurchaseHistory(np.arange(n).astype(object), x, T / 2, T, mean, TimeUnit.WEEK)


def test_one_purchase_is_log_normal_exactly() -> None:
    value = np.array([5.0, 20.0, 90.0])
    found = LogNormalSpend().loglik(NUMPY, TRUTH, SpendState(np.ones(3), value))
    spread = np.sqrt(0.6**2 + 0.9**2)
    z = (np.log(value) - (3.0 - 0.9**2 / 2)) / spread
    expected = -(z**2) / 2 - np.log(spread * value) - np.log(2 * np.pi) / 2
    np.testing.assert_allclose(found, expected)


def test_the_mean_of_purchases_has_the_mean_and_variance_of_a_mean() -> None:
    rng = np.random.default_rng(1)
    x = np.full(400_000, 4)
    alike = TRUTH | {"omega": np.array(1e-6)}
    mean = LogNormalSpend().simulate(alike, x, rng)
    zeta = np.exp(3.0)
    assert_mean(mean, zeta, comparisons=2)
    assert_mean((mean - zeta) ** 2, zeta**2 * (np.exp(0.9**2) - 1) / 4, comparisons=2)


@pytest.mark.sampling
def test_what_purchases_were_drawn_from_is_found() -> None:
    """Although the mean of several is only taken to be log-normal."""
    found = fit(LogNormalSpend(), spenders(4000, seed=3), seed=1, method="laplace")
    for name, truth in TRUTH.items():
        draws = found.parameters[name][:, 0]
        assert abs(draws.mean() - truth) < sigmas(3) * draws.std(), name
        assert draws.std() < 0.06, name


def test_heavy_tails_are_fitted_better_than_by_the_gamma_gamma() -> None:
    rows = spenders(4000, seed=5)
    logliks = [
        fit(model, rows, seed=1, method="map").log_likelihood(rows).to_array().sum()
        for model in (LogNormalSpend(), GammaGamma())
    ]
    assert logliks[0] > logliks[1] + 5
