"""BG/NBD's forecasts stay exact where the printed formulas break down."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import betaln, expit, log_expit
from tests._statistics import assert_mean

from omniltv.models.processes.bg_nbd import BgNbd
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import PurchaseState

CDNOW = {
    key: np.asarray(v) for key, v in (("r", 0.243), ("alpha", 4.414), ("a", 0.793), ("b", 2.426))
}


def by_integration(shape: float, scale: float, a: float, b: float, horizon: float) -> float:
    """E[(1 - exp(-lambda p t)) / p], integrated adaptively over logit p."""

    def integrand(logit: float) -> float:
        p = max(float(expit(logit)), 1e-300)
        inner = -np.expm1(-shape * np.log1p(p * horizon / scale)) / p
        log_density = a * log_expit(logit) + b * log_expit(-logit) - betaln(a, b)
        return float(inner * np.exp(log_density))

    centre = float(np.log(a / b))
    parts = [(centre - 40 / a - 5, centre), (centre, centre + 40 / b + 5)]
    return sum(quad(integrand, *part, limit=500, epsabs=0, epsrel=1e-10)[0] for part in parts)


@pytest.mark.parametrize("seed", range(30))
def test_expected_purchases_equals_integration_over_latent_rate_and_dropout(seed: int) -> None:
    rng = np.random.default_rng(seed)
    r, a, b = np.exp(rng.normal([-0.5, 0.0, 1.0], 1.0))
    alpha, horizon = np.exp(rng.normal([1.0, 2.0], 1.5))
    x = float(np.floor(np.exp(rng.uniform(-1, np.log(10_000)))))
    T = float(rng.choice([0.01, 10.0, 40.0]))
    parameters = {"r": r, "alpha": alpha, "a": a, "b": b}
    state = PurchaseState(np.asarray(x), np.asarray(0.9 * T * (x > 0)), np.asarray(T))
    alive = float(BgNbd().prob_alive(parameters, state))
    expected = float(BgNbd().expected_purchases(parameters, state, np.asarray(horizon)))
    exact = alive * by_integration(r + x, alpha + T, a, b + x, horizon)
    assert expected == pytest.approx(exact, rel=1e-7)


@pytest.mark.parametrize("a", [1.0, 1 - 1e-12, 1 + 1e-6, 0.9999, 1.0001])
@pytest.mark.parametrize("x", [0.0, 5.0, 3_000.0])
def test_nothing_happens_at_the_removable_pole(a: float, x: float) -> None:
    parameters = {**CDNOW, "a": np.asarray(a)}
    state = PurchaseState(np.asarray(x), np.asarray(20.0 * (x > 0)), np.asarray(30.0))
    alive = float(BgNbd().prob_alive(parameters, state))
    expected = float(BgNbd().expected_purchases(parameters, state, np.asarray(52.0)))
    exact = alive * by_integration(0.243 + x, 34.414, a, 2.426 + x, 52.0)
    assert expected == pytest.approx(exact, rel=1e-8)


def test_new_customer_at_the_pole_of_a_plus_b() -> None:
    parameters = {**CDNOW, "a": np.asarray(0.4), "b": np.asarray(0.6)}
    expected = float(BgNbd().expected_purchases_new(parameters, np.asarray(52.0)))
    assert expected == pytest.approx(by_integration(0.243, 4.414, 0.4, 0.6, 52.0), rel=1e-8)


@pytest.mark.parametrize(
    ("x", "recency", "T"),
    [
        (0.0, 0.0, 0.0),
        (0.0, 0.0, 39.0),
        (10_000.0, 39.0, 39.0),
        (10_000.0, 1e-6, 39.0),
        (3.0, 39.0, 39.0),
    ],
)
def test_loglik_is_finite_at_the_edges(x: float, recency: float, T: float) -> None:
    state = PurchaseState(np.asarray(x), np.asarray(recency), np.asarray(T))
    assert np.isfinite(BgNbd().loglik(NUMPY, CDNOW, state))
    assert 0 <= BgNbd().prob_alive(CDNOW, state) <= 1


def test_without_repeat_purchase_nobody_has_tossed_the_coin() -> None:
    state = PurchaseState(np.zeros(3), np.zeros(3), np.array([0.0, 10.0, 1e6]))
    assert BgNbd().prob_alive(CDNOW, state).tolist() == [1.0, 1.0, 1.0]


def test_simulation_takes_extreme_dropout() -> None:
    rng = np.random.default_rng(1)
    T = np.full(2_000, 52.0)
    base = {"r": np.asarray(2.0), "alpha": np.asarray(4.0)}
    never = BgNbd().simulate({**base, "a": np.asarray(1e-8), "b": np.asarray(1.0)}, T, rng)
    at_once = BgNbd().simulate({**base, "a": np.asarray(1.0), "b": np.asarray(1e-8)}, T, rng)
    assert_mean(never.frequency, 26)
    assert at_once.frequency.max() == 1


def test_parameters_and_coordinates_agree() -> None:
    point = {
        "log_rate": np.log(np.asarray(0.243 / 4.414)),
        "log_shape": np.log(np.asarray(0.243)),
        "logit_dropout": np.log(np.asarray(0.793 / 2.426)),
        "log_concentration": np.log(np.asarray(0.793 + 2.426)),
    }
    found = BgNbd().parameters(NUMPY, point)
    assert {k: float(v) for k, v in found.items()} == pytest.approx(
        {k: float(v) for k, v in CDNOW.items()}
    )
