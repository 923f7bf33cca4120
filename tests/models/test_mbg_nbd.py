"""MBG/NBD: the coin of the first purchase is in every answer."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import beta, betaln, expit, gamma, log_expit
from tests._statistics import assert_mean

from omniltv.models.processes.bg_nbd import BgNbd
from omniltv.models.processes.mbg_nbd import MbgNbd
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import PurchaseState

CDNOW = {
    key: np.asarray(v) for key, v in (("r", 0.525), ("alpha", 6.183), ("a", 0.891), ("b", 1.614))
}


def one(x: float, recency: float, T: float) -> PurchaseState:
    """Return one customer."""
    return PurchaseState(np.asarray(x), np.asarray(recency), np.asarray(T))


def over_dropout(a: float, b: float, of: Callable[[float], float]) -> float:
    """Return E[of(p)] with p ~ Beta(a, b), integrated adaptively over logit p."""

    def integrand(logit: float) -> float:
        log_density = a * log_expit(logit) + b * log_expit(-logit) - betaln(a, b)
        return of(max(float(expit(logit)), 1e-300)) * float(np.exp(log_density))

    centre = float(np.log(a / b))
    parts = [(centre - 40 / a - 5, centre), (centre, centre + 40 / b + 5)]
    return float(
        sum(quad(integrand, *part, limit=500, epsabs=0, epsrel=1e-10)[0] for part in parts)
    )


def in_words(parameters: Mapping[str, float], x: float, recency: float, T: float) -> float:
    """Return the likelihood of a history as the mean over latent rate and dropout.

    The rate is integrated in closed form: E[lambda^x exp(-lambda t)].
    """
    r, alpha, a, b = (parameters[key] for key in ("r", "alpha", "a", "b"))

    def bought(until: float) -> float:
        return float(gamma(r + x) / gamma(r) * alpha**r / (alpha + until) ** (r + x))

    def given(p: float) -> float:
        return float((1 - p) ** (x + 1) * bought(T) + (1 - p) ** x * p * bought(recency))

    return over_dropout(a, b, given)


@pytest.mark.parametrize("seed", range(20))
def test_loglik_is_the_mean_over_latent_rate_and_dropout(seed: int) -> None:
    rng = np.random.default_rng(seed)
    r, alpha, a, b = np.exp(rng.normal([-0.5, 1.0, 0.0, 0.5], 0.7))
    parameters = {"r": r, "alpha": alpha, "a": a, "b": b}
    x = float(rng.integers(0, 8))
    recency, T = 20.0 * (x > 0) * rng.random(), 25.0
    found = float(MbgNbd().loglik(NUMPY, parameters, one(x, recency, T)))
    assert found == pytest.approx(np.log(in_words(parameters, x, recency, T)), abs=1e-8)


@pytest.mark.parametrize("seed", range(20))
def test_expected_purchases_is_the_mean_over_latent_rate_and_dropout(seed: int) -> None:
    rng = np.random.default_rng(seed)
    r, alpha, a, b = np.exp(rng.normal([-0.5, 1.0, 0.0, 0.5], 0.7))
    parameters = {"r": r, "alpha": alpha, "a": a, "b": b}
    x, T, horizon = float(rng.integers(0, 60)), 25.0, float(np.exp(rng.normal(2.0, 1.5)))
    state = one(x, 20.0 * (x > 0), T)

    def ahead(p: float) -> float:
        gone = np.expm1(-(r + x) * np.log1p(p * horizon / (alpha + T)))
        return float((1 - p) ** (x + 1) * -gone / p)

    survived = beta(a, b + x + 1) / beta(a, b)
    exact = float(MbgNbd().prob_alive(parameters, state)) * over_dropout(a, b, ahead) / survived
    found = float(MbgNbd().expected_purchases(parameters, state, np.asarray(horizon)))
    assert found == pytest.approx(exact, rel=1e-7)


@pytest.mark.parametrize("a", [1.0, 1 + 1e-6, 0.4])
def test_a_new_customer_has_survived_the_first_purchase_or_buys_nothing(a: float) -> None:
    parameters = {**CDNOW, "a": np.asarray(a)}

    def ahead(p: float) -> float:
        return float((1 - p) * -np.expm1(-0.525 * np.log1p(p * 52 / 6.183)) / p)

    found = float(MbgNbd().expected_purchases_new(parameters, np.asarray(52.0)))
    assert found == pytest.approx(over_dropout(a, 1.614, ahead), rel=1e-8)


def test_who_never_came_back_may_be_gone() -> None:
    state = PurchaseState(np.zeros(3), np.zeros(3), np.array([0.0, 10.0, 1e9]))
    alive = MbgNbd().prob_alive(CDNOW, state)
    assert BgNbd().prob_alive(CDNOW, state).tolist() == [1.0, 1.0, 1.0]
    assert alive[0] == pytest.approx(1.614 / (0.891 + 1.614))
    assert alive[0] > alive[1] > 0.2
    assert alive[2] < 1e-3


@pytest.mark.parametrize(
    ("x", "recency", "T"),
    [(0.0, 0.0, 1e6), (10_000.0, 39.0, 39.0), (10_000.0, 1e-6, 39.0), (3.0, 39.0, 39.0)],
)
def test_answers_are_finite_at_the_edges(x: float, recency: float, T: float) -> None:
    state = one(x, recency, T)
    assert np.isfinite(MbgNbd().loglik(NUMPY, CDNOW, state))
    assert 0 <= MbgNbd().prob_alive(CDNOW, state) <= 1
    assert np.isfinite(MbgNbd().expected_purchases(CDNOW, state, np.asarray(520.0)))


def test_simulation_takes_extreme_dropout() -> None:
    rng = np.random.default_rng(1)
    T = np.full(2_000, 52.0)
    base = {"r": np.asarray(2.0), "alpha": np.asarray(4.0)}
    never = MbgNbd().simulate({**base, "a": np.asarray(1e-8), "b": np.asarray(1.0)}, T, rng)
    at_once = MbgNbd().simulate({**base, "a": np.asarray(1.0), "b": np.asarray(1e-8)}, T, rng)
    assert_mean(never.frequency, 26)
    assert at_once.frequency.max() == 0
