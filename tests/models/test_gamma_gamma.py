"""Gamma-gamma against the formulas of the note."""

from math import lgamma, log

import numpy as np
import pytest
from scipy.special import polygamma
from tests._statistics import correlation_error, sigmas

from omniltv.models.processes.gamma_gamma import GammaGamma
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import SpendState

CDNOW = {"p": np.asarray(6.25), "q": np.asarray(3.74), "v": np.asarray(15.44)}


@pytest.mark.parametrize(("x", "mean"), [(1, 12.5), (2, 22.35), (40, 300.0)])
def test_loglik_is_equation_1a(x: int, mean: float) -> None:
    p, q, v = 6.25, 3.74, 15.44
    printed = (
        lgamma(p * x + q) - lgamma(p * x) - lgamma(q) + q * log(v)
        + (p * x - 1) * log(mean) + p * x * log(x) - (p * x + q) * log(v + x * mean)
    )  # fmt: skip
    state = SpendState(np.asarray(float(x)), np.asarray(mean))
    assert float(GammaGamma().loglik(NUMPY, CDNOW, state)) == pytest.approx(printed, rel=1e-12)


def test_expected_value_is_a_weighted_mean_of_own_and_population() -> None:
    p, q, v = 6.25, 3.74, 15.44
    population, weight = p * v / (q - 1), (q - 1) / (p * 2 + q - 1)
    state = SpendState(np.array([0.0, 2.0]), np.array([np.nan, 22.35]))
    expected = GammaGamma().expected_value(CDNOW, state)
    assert expected.tolist() == pytest.approx(
        [population, weight * population + (1 - weight) * 22.35]
    )


def test_future_values_come_from_one_own_mean_per_customer() -> None:
    n = 4_000
    state = SpendState(np.zeros(n), np.full(n, np.nan))
    row = np.repeat(np.arange(n), 2)
    value = GammaGamma().simulate_future(CDNOW, state, row, np.random.default_rng(3))
    first, second = np.log(value.reshape(n, 2)).T
    # log z = log Gamma(p) - log nu: the shared part is trigamma(q) of trigamma(p) + trigamma(q).
    shared, own = polygamma(1, 3.74), polygamma(1, 6.25)
    off = np.corrcoef(first, second)[0, 1] - shared / (shared + own)
    assert abs(off) < sigmas() * correlation_error(first, second)


def test_no_states_have_no_values() -> None:
    parameters = {"p": np.full((1, 3), 6.0), "q": np.full((1, 3), 4.0), "v": np.full((1, 3), 15.0)}
    none = SpendState(np.empty((0, 1)), np.empty((0, 1)))
    assert GammaGamma().expected_value(parameters, none).shape == (0, 3)
