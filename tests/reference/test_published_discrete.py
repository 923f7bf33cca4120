"""Printed numbers of the BG/BB and shifted beta-geometric models, to the digit that was printed.

What was printed where: `omniltv.testing.reference`. Here besides, of the workbook of the BG/BB
model: the sheets "In-Sample Fit" and "Conditional Expectations (II)".
"""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from omniltv.data.history import PurchaseHistory
from omniltv.models.processes.bg_bb import BgBb
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import Parameters, PurchaseModel, PurchaseState
from omniltv.models.processes.shifted_beta_geometric import ShiftedBetaGeometric
from omniltv.testing.reference import (
    BG_BB_DONATIONS,
    BG_BB_DONORS,
    BG_BB_NEW_DONORS,
    SHIFTED_BETA_GEOMETRIC,
    SURVIVAL_HIGH_END,
    donations,
    subscribers,
)

pytestmark = pytest.mark.reference

DONATIONS = dict(BG_BB_DONATIONS.parameters)
CHURN = {name: dict(published.parameters) for name, published in SHIFTED_BETA_GEOMETRIC.items()}


def arrays(values: dict[str, float]) -> Parameters:
    """Return reported parameters as a model takes them."""
    return {name: np.asarray(value) for name, value in values.items()}


def distinct(history: PurchaseHistory) -> tuple[PurchaseState, NDArray[np.float64]]:
    """Return the distinct histories, and how many have each."""
    found = history.distinct()
    states = found.states
    state = PurchaseState(states.frequency.astype(float), states.recency, states.T)
    return state, found.count.astype(float)


def donors() -> tuple[PurchaseState, NDArray[np.float64]]:
    """Return the 22 histories of six years, and how many donors have each."""
    return distinct(donations())


def loglik(
    model: PurchaseModel,
    parameters: Parameters,
    data: tuple[PurchaseState, NDArray[np.float64]],
) -> float:
    """Return the log-likelihood of all customers."""
    return float(np.asarray(model.loglik(NUMPY, parameters, data[0])) @ data[1])


def maximum(model: PurchaseModel, data: tuple[PurchaseState, NDArray[np.float64]]) -> Parameters:
    """Return the maximum-likelihood estimates."""
    names = [coordinate.name for coordinate in model.coordinates]

    def parameters(point: NDArray[np.float64]) -> Parameters:
        return model.parameters(NUMPY, dict(zip(names, point, strict=True)))

    def loss(point: NDArray[np.float64]) -> float:
        return -loglik(model, parameters(point), data)

    start = [coordinate.mean for coordinate in model.coordinates]
    best = minimize(loss, start, jac="3-point", tol=1e-2)
    assert best.success
    return parameters(best.x)


def rounded(parameters: Parameters) -> dict[str, float]:
    """Return estimates to three decimals."""
    return {name: round(float(value), 3) for name, value in parameters.items()}


@pytest.fixture(scope="module")
def estimates() -> Parameters:
    """Return the maximum-likelihood estimates on the donations, as the workbook has them."""
    return maximum(BgBb(), donors())


def test_the_table_of_donors_is_whole() -> None:
    state, count = donors()
    assert [float(count.sum()), float(state.frequency @ count)] == [11_104, 24_615]


def test_maximum_likelihood_on_donations_is_the_printed_one(estimates: Parameters) -> None:
    assert rounded(estimates) == DONATIONS


def test_printed_loglik_of_donations() -> None:
    assert round(loglik(BgBb(), arrays(DONATIONS), donors()), 1) == BG_BB_DONATIONS.loglik


def test_printed_p_alive_of_donors_at_the_next_opportunity() -> None:
    """Table 6 is of 2002, the opportunity after the end of observation."""
    state = PurchaseState(np.array([0.0, 2.0, 6.0]), np.array([0.0, 4.0, 6.0]), np.full(3, 6.0))
    at_end = BgBb().prob_alive(arrays(DONATIONS), state)
    survives = (2.783 + 6) / (0.657 + 2.783 + 6)
    assert (at_end * survives).round(2).tolist() == [case.prob_alive for case in BG_BB_DONORS]


def test_printed_expected_donations_of_two_donors() -> None:
    state = PurchaseState(np.array([0.0, 6.0]), np.array([0.0, 6.0]), np.full(2, 6.0))
    expected = BgBb().expected_purchases(arrays(DONATIONS), state, np.asarray(5.0))
    assert expected.round(2).tolist() == [BG_BB_DONORS[k].expected_purchases for k in (0, 2)]


def test_printed_expected_donations_of_all_donors(estimates: Parameters) -> None:
    state, count = donors()
    expected = BgBb().expected_purchases(estimates, state, np.asarray(5.0))
    assert round(float(expected @ count), 1) == 12_884.2


def test_printed_expected_donations_of_new_donors(estimates: Parameters) -> None:
    expected = BgBb().expected_purchases_new(estimates, np.arange(1.0, 12.0))
    assert expected.round(4).tolist() == list(BG_BB_NEW_DONORS)


def test_printed_fit_of_donors_who_gave_never_or_always(estimates: Parameters) -> None:
    state = PurchaseState(np.array([0.0, 6.0]), np.array([0.0, 6.0]), np.full(2, 6.0))
    probability = np.exp(np.asarray(BgBb().loglik(NUMPY, estimates, state)))
    assert (11_104 * probability).round(1).tolist() == [3_454.9, 1_253.1]


@pytest.mark.parametrize("name", CHURN)
def test_maximum_likelihood_of_churn_is_the_printed_one(name: str) -> None:
    assert rounded(maximum(ShiftedBetaGeometric(), distinct(subscribers(name)))) == CHURN[name]


def test_printed_loglik_of_churn_per_subscriber() -> None:
    total = loglik(
        ShiftedBetaGeometric(), arrays(CHURN["high end"]), distinct(subscribers("high end"))
    )
    assert round(total) == SHIFTED_BETA_GEOMETRIC["high end"].loglik


def test_printed_projection_of_survival() -> None:
    projected = ShiftedBetaGeometric().survival(arrays(CHURN["high end"]), np.arange(8, 13))
    assert projected.round(3).tolist() == list(SURVIVAL_HIGH_END)


@pytest.mark.parametrize(
    ("name", "actual", "percent"), [("regular", 17.3, 2), ("high end", 39.4, 4)]
)
def test_printed_error_of_survival_in_year_12(name: str, actual: float, percent: int) -> None:
    projected = float(ShiftedBetaGeometric().survival(arrays(CHURN[name]), 12))
    assert round(abs(100 * projected / actual - 1) * 100) == percent
