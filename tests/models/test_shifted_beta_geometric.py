"""Shifted beta-geometric: churn is seen, and what is left is survival."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import betaln

from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import PurchaseModel, PurchaseState
from omniltv.models.processes.shifted_beta_geometric import (
    ShiftedBetaGeometric,
    expected_renewals,
    simulate_renewals,
)
from omniltv.testing.model_laws import laws_of

MODEL = ShiftedBetaGeometric()
HIGH_END = {"alpha": np.asarray(0.668), "beta": np.asarray(3.806)}


@pytest.mark.parametrize("law", laws_of(MODEL), ids=lambda law: law.__name__)
def test_keeps(law: Callable[[PurchaseModel], None]) -> None:
    law(MODEL)


def test_loglik_is_the_printed_one() -> None:
    x, T = np.array([0.0, 3.0, 5.0, 5.0]), np.array([4.0, 4.0, 5.0, 6.0])
    found = np.exp(MODEL.loglik(NUMPY, HIGH_END, PurchaseState(x, x, T)))
    churned = np.exp(betaln(1.668, 3.806 + x) - betaln(0.668, 3.806))  # eq. 5 at t = x + 1
    alive = np.exp(betaln(0.668, 3.806 + T) - betaln(0.668, 3.806))  # eq. 6 at t = T
    assert found == pytest.approx(np.where(x < T, churned, alive), rel=1e-12)


def test_a_history_with_a_gap_or_beyond_its_end_cannot_happen() -> None:
    state = PurchaseState(np.array([2.0, 5.0]), np.array([3.0, 5.0]), np.array([4.0, 4.0]))
    loglik = MODEL.loglik(NUMPY, HIGH_END, state)
    assert np.isfinite(loglik).all()
    assert np.exp(loglik).tolist() == [0.0, 0.0]


def test_survival_is_the_product_of_the_retention_rates() -> None:
    rates = MODEL.retention_rate(HIGH_END, np.arange(1, 13))
    assert MODEL.survival(HIGH_END, np.arange(1, 13)) == pytest.approx(np.cumprod(rates))
    assert float(MODEL.survival(HIGH_END, 0)) == 1.0
    assert (np.diff(rates) > 0).all()  # who is left is more loyal


def test_alive_is_who_made_every_renewal() -> None:
    x = np.array([0.0, 0.0, 2.0, 4.0])
    state = PurchaseState(x, x, np.array([0.0, 4.0, 4.0, 4.0]))
    assert MODEL.prob_alive(HIGH_END, state).tolist() == [1, 0, 0, 1]
    expected = MODEL.expected_purchases(HIGH_END, state, np.asarray(3.0))
    ahead = MODEL.survival(HIGH_END, [1, 2, 3]).sum()
    later = MODEL.survival(HIGH_END, [5, 6, 7]).sum() / MODEL.survival(HIGH_END, 4)
    assert expected == pytest.approx(np.array([ahead, 0, 0, later]), rel=1e-12)


@pytest.mark.parametrize("beta", [0.01, 1.0, 300.0])
@pytest.mark.parametrize(
    "alpha", [1e-3, 0.5, 0.89, 0.91, 1 - 1e-9, 1.0, 1 + 1e-7, 1.09, 1.11, 7.0, 200.0]
)
def test_expected_renewals_are_the_sum_of_survival(alpha: float, beta: float) -> None:
    k = np.arange(2_000)
    summed = np.cumsum(np.cumprod((beta + k) / (alpha + beta + k)))
    horizon = np.array([1, 2, 10, 500, 2_000])
    assert expected_renewals(alpha, beta, horizon) == pytest.approx(summed[horizon - 1], rel=1e-9)


def test_future_renewals_run_from_the_first_opportunity_without_a_gap() -> None:
    x = np.array([3.0, 1.0, 3.0, 3.0])
    state = PurchaseState(x, x, np.full(4, 3.0))
    future = MODEL.simulate_future(HIGH_END, state, 12.5, np.random.default_rng(3))
    assert 1 not in future.row  # has churned
    for row in np.unique(future.row):
        times = np.sort(future.time[future.row == row])
        assert times.tolist() == list(range(1, len(times) + 1))
        assert len(times) <= 12


def test_simulation_takes_extreme_churn() -> None:
    rng, limit = np.random.default_rng(1), np.full(2_000, 30.0)
    assert (simulate_renewals(1e-9, 1.0, limit, rng) == 30).mean() > 0.99
    assert simulate_renewals(1.0, 1e-9, limit, rng).max() == 0
