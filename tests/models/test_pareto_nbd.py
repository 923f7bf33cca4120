"""Pareto/NBD: the quadrature holds on a wide grid, and so do the limits."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.special import hyp2f1, roots_sh_legendre
from scipy.stats import nbinom
from tests._statistics import assert_mean

from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.pareto_nbd import ParetoNbd
from omniltv.models.processes.protocols import Parameters, PurchaseState

MODEL = ParetoNbd()
NAMES = [coordinate.name for coordinate in MODEL.coordinates]
CDNOW = {
    key: np.asarray(value)
    for key, value in (("r", 0.553), ("alpha", 10.578), ("s", 0.606), ("beta", 11.669))
}


def grid(least: float) -> tuple[Parameters, PurchaseState]:
    """Every combination of small to large parameters with quiet to busy histories, T = 1."""
    shapes, scales = (0.05, 0.6, 3.0, 20.0), (least, 0.3, 1.0, 5.0, 50.0)
    histories = [(0.0, 0.0)] + [
        (x, recency)
        for x in (1.0, 3.0, 10.0, 100.0, 1_000.0, 10_000.0)
        for recency in (1e-6, 0.01, 0.1, 0.5, 0.9, 0.9999, 1.0)
    ]
    rows = [
        (*parameters, *history)
        for *parameters, history in itertools.product(shapes, scales, shapes, scales, histories)
    ]
    r, alpha, s, beta, x, recency = np.array(rows).T
    state = PurchaseState(x, recency, np.ones(len(x)))
    return {"r": r, "alpha": alpha, "s": s, "beta": beta}, state


def alive_and_dead(
    parameters: Parameters, state: PurchaseState
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log of f(T), and of the integral over the time of dropping out, less log f(t_x).

    By 12 panels of 30 nodes each over log(1 + t k), where k is how steeply the integrand
    falls at t_x: 30 times as many nodes as the model takes, laid otherwise.
    """
    r, alpha, s, beta = (parameters[key] for key in ("r", "alpha", "s", "beta"))
    x, recency, T = state
    steep = (r + x) / (alpha + recency) + (s + 1) / (beta + recency)
    width = np.log1p(steep * (T - recency)) / 12
    total = np.zeros(x.shape)
    for panel, (node, weight) in itertools.product(
        range(12), zip(*roots_sh_legendre(30), strict=True)
    ):
        z = (panel + node) * width
        t = np.expm1(z) / steep
        log_f = -(r + x) * np.log1p(t / (alpha + recency)) - s * np.log1p(t / (beta + recency))
        total += weight * width * s / (beta + recency + t) * np.exp(log_f + z) / steep
    rest = T - recency
    alive = -(r + x) * np.log1p(rest / (alpha + recency)) - s * np.log1p(rest / (beta + recency))
    with np.errstate(divide="ignore"):
        return alive, np.log(total)


@pytest.mark.parametrize(("least", "bound"), [(0.05, 1e-8), (0.01, 1e-7), (0.001, 2e-5)])
def test_loglik_and_p_alive_on_a_wide_grid(least: float, bound: float) -> None:
    parameters, state = grid(least)
    r, alpha, s, beta = (parameters[key] for key in ("r", "alpha", "s", "beta"))
    x, recency, _ = state
    alive, dead = alive_and_dead(parameters, state)
    bought = NUMPY.gammaln(r + x) - NUMPY.gammaln(r) - r * np.log1p(recency / alpha)
    at_last = bought - x * np.log(alpha + recency) - s * np.log1p(recency / beta)
    exact = at_last + np.logaddexp(alive, dead)
    rounding = 1e-15 * (abs(bought) + x * abs(np.log(alpha + recency)))
    error = abs(np.asarray(MODEL.loglik(NUMPY, parameters, state)) - exact)
    assert len(x) == 17_200
    assert (error - rounding).max() < bound
    p_alive = MODEL.prob_alive(parameters, state)
    assert abs(p_alive - np.exp(alive - np.logaddexp(alive, dead))).max() < bound


@pytest.mark.parametrize("seed", range(40))
def test_p_alive_against_adaptive_integration_where_scales_lie_far_apart(seed: int) -> None:
    rng = np.random.default_rng(seed)
    r, s = np.exp(rng.uniform(np.log(0.05), np.log(20), 2))
    alpha, beta = np.exp(rng.uniform(np.log(0.01), np.log(100), 2))
    x = float(np.floor(np.exp(rng.uniform(-1, np.log(10_000)))))
    recency = float((x > 0) * rng.uniform())

    def density(z: float) -> float:
        t = np.expm1(z) / steep
        log_f = (r + x) * np.log1p(t / (alpha + recency)) + s * np.log1p(t / (beta + recency))
        return float(s / (beta + recency + t) * np.exp(z - log_f) / steep)

    steep = (r + x) / (alpha + recency) + (s + 1) / (beta + recency)
    end = float(np.log1p(steep * (1 - recency)))
    dead = quad(density, 0, end, epsabs=0, epsrel=1e-12, limit=500)[0]
    alive = np.exp(
        -(r + x) * np.log((alpha + 1) / (alpha + recency))
        - s * np.log((beta + 1) / (beta + recency))
    )
    parameters = {"r": r, "alpha": alpha, "s": s, "beta": beta}
    state = PurchaseState(np.asarray(x), np.asarray(recency), np.asarray(1.0))
    assert MODEL.prob_alive(parameters, state) == pytest.approx(alive / (alive + dead), rel=1e-6)


def test_loglik_is_that_of_the_hypergeometric_formula_where_it_can_be_computed() -> None:
    """Schmittlein, Morrison and Colombo (1987), for alpha below beta."""
    r, alpha, s, beta = (float(CDNOW[key]) for key in ("r", "alpha", "s", "beta"))
    x, recency, T = np.array([0.0, 2.0, 7.0]), np.array([0.0, 30.43, 9.0]), np.full(3, 38.86)

    def part(t: NDArray[np.float64]) -> NDArray[np.float64]:
        power = r + s + x
        value = hyp2f1(power, r + x, power + 1, (beta - alpha) / (beta + t))
        return np.asarray(value / (beta + t) ** power)

    survived = (alpha + T) ** -(r + x) * (beta + T) ** -s
    both = survived + s / (r + s + x) * (part(recency) - part(T))
    scale = NUMPY.gammaln(r + x) - NUMPY.gammaln(r) + r * np.log(alpha) + s * np.log(beta)
    found = MODEL.loglik(NUMPY, CDNOW, PurchaseState(x, recency, T))
    assert found == pytest.approx(scale + np.log(both), abs=1e-9)


@pytest.mark.parametrize("x", [0, 3, 400])
def test_without_dropout_it_is_the_negative_binomial(x: int) -> None:
    r, alpha, T = 0.7, 5.0, 30.0
    parameters = {
        key: np.asarray(value)
        for key, value in (("r", r), ("alpha", alpha), ("s", 1e-13), ("beta", 5.0))
    }
    state = PurchaseState(np.asarray(float(x)), np.asarray(0.9 * T * (x > 0)), np.asarray(T))
    exact = nbinom.logpmf(x, r, alpha / (alpha + T)) + NUMPY.gammaln(x + 1.0) - x * np.log(T)
    alive = float(MODEL.prob_alive(parameters, state))
    assert MODEL.loglik(NUMPY, parameters, state) + np.log(alive) == pytest.approx(exact, abs=1e-8)
    if x < 400:
        assert alive == pytest.approx(1, abs=1e-9)
    expected = MODEL.expected_purchases(parameters, state, np.asarray(12.0))
    assert float(expected) == pytest.approx(alive * 12 * (r + x) / (alpha + T), rel=1e-9)


@pytest.mark.parametrize("s", [1.0, 1 - 1e-12, 1 + 1e-6, 0.05, 7.0])
def test_nothing_happens_at_the_pole_of_the_mean_lifetime(s: float) -> None:
    parameters = {**CDNOW, "s": np.asarray(s)}
    state = PurchaseState(np.asarray(4.0), np.asarray(20.0), np.asarray(30.0))
    lived = quad(lambda t: (41.669 / (41.669 + t)) ** s, 0, 52, epsrel=1e-13)[0]
    exact = float(MODEL.prob_alive(parameters, state)) * 4.553 / 40.578 * lived
    found = float(MODEL.expected_purchases(parameters, state, np.asarray(52.0)))
    assert found == pytest.approx(exact, rel=1e-11)
    new = quad(lambda t: (11.669 / (11.669 + t)) ** s, 0, 52, epsrel=1e-13)[0] * 0.553 / 10.578
    found = float(MODEL.expected_purchases_new(parameters, np.asarray(52.0)))
    assert found == pytest.approx(new, rel=1e-11)


def test_who_bought_a_moment_ago_is_alive_and_the_busy_silent_one_is_not() -> None:
    x = np.array([0.0, 10_000.0, 10_000.0, 1e6])
    state = PurchaseState(x, np.array([0.0, 39.0, 20.0, 39.0]), np.array([0.0, 39.0, 39.0, 39.0]))
    assert MODEL.prob_alive(CDNOW, state).tolist() == [1.0, 1.0, 0.0, 1.0]
    assert np.isfinite(MODEL.loglik(NUMPY, CDNOW, state)).all()


def test_simulation_takes_customers_who_never_or_at_once_drop_out() -> None:
    T, rng = np.full(2_000, 52.0), np.random.default_rng(1)
    base = {"r": np.asarray(2.0), "alpha": np.asarray(4.0), "beta": np.asarray(1.0)}
    never = MODEL.simulate({**base, "s": np.asarray(1e-12)}, T, rng)
    at_once = MODEL.simulate({**base, "s": np.asarray(1e12)}, T, rng)
    assert_mean(never.frequency, 26)
    assert at_once.frequency.max() == 0


def test_parameters_and_coordinates_agree() -> None:
    values = (0.553 / 10.578, 0.553, 0.606 / 11.669, 0.606)
    found = MODEL.parameters(NUMPY, dict(zip(NAMES, np.log(values), strict=True)))
    assert {k: float(v) for k, v in found.items()} == pytest.approx(
        {k: float(v) for k, v in CDNOW.items()}
    )
