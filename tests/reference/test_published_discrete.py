"""Printed numbers of the BG/BB and shifted beta-geometric models, to the digit that was printed.

Donations: 11,104 supporters who first gave in 1995, over the six years to 2001. Fader, Hardie
and Shang (2010), Marketing Science 29(6), 1086-1108, and the workbook of Fader and Hardie
(2011), Implementing the BG/BB Model for Customer-Base Analysis in Excel, brucehardie.com/
notes/010. The counts by x and t_x are as lifetimes has them (github.com/CamDavidsonPilon/
lifetimes, lifetimes/datasets/donations.csv), which also quotes, in tests/test_estimation.py,
estimates, Table 6 (P(alive in 2002)), and the sheets "In-Sample Fit" and "Conditional
Expectations (II)". The sheet "Tracking Plot" is quoted by pymc-marketing
(tests/clv/models/test_beta_geo_beta_binom.py). Who never gave again, and who gave every year,
are two donors of Fader's slides Predictive Customer Analytics (Wharton Online).

Retention: two cohorts of subscribers over seven years, of Berry and Linoff. Fader and Hardie
(2007), How to Project Customer Retention, Journal of Interactive Marketing 21(1), 76-90,
Table 1 and Appendix B. Projections as github.com/jdmaturen/shifted_beta_geometric_py prints.
"""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from omniltv.models._numpy import NUMPY
from omniltv.models.bg_bb import BgBb
from omniltv.models.protocols import Parameters, PurchaseModel, PurchaseState
from omniltv.models.shifted_beta_geometric import ShiftedBetaGeometric

pytestmark = pytest.mark.reference

NEVER = 3464  # x = 0
DONORS = [  # x = 1 to 6, and in each row t_x = x to 6
    [1091, 277, 129, 78, 119, 129],
    [613, 255, 155, 173, 234],
    [322, 181, 225, 357],
    [240, 284, 512],
    [335, 728],
    [1203],
]
DONATIONS = {"alpha": 1.204, "beta": 0.750, "gamma": 0.657, "delta": 2.783}
NEW_DONORS = [0.4985, 0.9233, 1.2969, 1.6323, 1.9381, 2.2202]
NEW_DONORS += [2.4826, 2.7285, 2.9603, 3.1798, 3.3887]

COHORTS = {
    "regular": [1000, 631, 468, 382, 326, 289, 262, 241],
    "high end": [1000, 869, 743, 653, 593, 551, 517, 491],
}
CHURN = {
    "regular": {"alpha": 0.704, "beta": 1.182},
    "high end": {"alpha": 0.668, "beta": 3.806},
}


def arrays(values: dict[str, float]) -> Parameters:
    """Return reported parameters as a model takes them."""
    return {name: np.asarray(value) for name, value in values.items()}


def donors() -> tuple[PurchaseState, NDArray[np.float64]]:
    """Return the 22 histories of six years, and how many donors have each."""
    rows = [(0, 0, NEVER)]
    for x, counts in enumerate(DONORS, start=1):
        rows += [(x, recency, count) for recency, count in enumerate(counts, start=x)]
    x, recency, count = np.array(rows, dtype=np.float64).T
    return PurchaseState(x, recency, np.full(len(rows), 6.0)), count


def subscribers(name: str) -> tuple[PurchaseState, NDArray[np.float64]]:
    """Return the histories of a cohort by renewals made, and how many have each."""
    left = np.array(COHORTS[name], dtype=np.float64)
    renewals = np.arange(len(left)) * 1.0
    state = PurchaseState(renewals, renewals, np.full(len(left), renewals[-1]))
    return state, np.append(-np.diff(left), left[-1])


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
    assert round(loglik(BgBb(), arrays(DONATIONS), donors()), 1) == -33_225.6


def test_printed_p_alive_of_donors_at_the_next_opportunity() -> None:
    """Table 6 is of 2002, the opportunity after the end of observation."""
    state = PurchaseState(np.array([0.0, 2.0, 6.0]), np.array([0.0, 4.0, 6.0]), np.full(3, 6.0))
    at_end = BgBb().prob_alive(arrays(DONATIONS), state)
    survives = (2.783 + 6) / (0.657 + 2.783 + 6)
    assert (at_end * survives).round(2).tolist() == [0.11, 0.59, 0.93]


def test_printed_expected_donations_of_two_donors() -> None:
    state = PurchaseState(np.array([0.0, 6.0]), np.array([0.0, 6.0]), np.full(2, 6.0))
    expected = BgBb().expected_purchases(arrays(DONATIONS), state, np.asarray(5.0))
    assert expected.round(2).tolist() == [0.07, 3.75]


def test_printed_expected_donations_of_all_donors(estimates: Parameters) -> None:
    state, count = donors()
    expected = BgBb().expected_purchases(estimates, state, np.asarray(5.0))
    assert round(float(expected @ count), 1) == 12_884.2


def test_printed_expected_donations_of_new_donors(estimates: Parameters) -> None:
    expected = BgBb().expected_purchases_new(estimates, np.arange(1.0, 12.0))
    assert expected.round(4).tolist() == NEW_DONORS


def test_printed_fit_of_donors_who_gave_never_or_always(estimates: Parameters) -> None:
    state = PurchaseState(np.array([0.0, 6.0]), np.array([0.0, 6.0]), np.full(2, 6.0))
    probability = np.exp(np.asarray(BgBb().loglik(NUMPY, estimates, state)))
    assert (11_104 * probability).round(1).tolist() == [3_454.9, 1_253.1]


@pytest.mark.parametrize("name", COHORTS)
def test_maximum_likelihood_of_churn_is_the_printed_one(name: str) -> None:
    assert rounded(maximum(ShiftedBetaGeometric(), subscribers(name))) == CHURN[name]


def test_printed_loglik_of_churn_per_subscriber() -> None:
    total = loglik(ShiftedBetaGeometric(), arrays(CHURN["high end"]), subscribers("high end"))
    assert round(total / 1000, 3) == -1.611


def test_printed_projection_of_survival() -> None:
    projected = ShiftedBetaGeometric().survival(arrays(CHURN["high end"]), np.arange(8, 13))
    assert projected.round(3).tolist() == [0.460, 0.436, 0.414, 0.395, 0.378]


@pytest.mark.parametrize(
    ("name", "actual", "percent"), [("regular", 17.3, 2), ("high end", 39.4, 4)]
)
def test_printed_error_of_survival_in_year_12(name: str, actual: float, percent: int) -> None:
    projected = float(ShiftedBetaGeometric().survival(arrays(CHURN[name]), 12))
    assert round(abs(100 * projected / actual - 1) * 100) == percent
