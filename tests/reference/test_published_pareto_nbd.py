"""Printed numbers of the Pareto/NBD model on CDNOW, to the digit that was printed.

Estimates and log-likelihood, on weeks 1 to 39 of the 1/10 sample: Fader, Hardie and Lee
(2005), "Counting Your Customers" the Easy Way, Marketing Science 24(2), Table 2.

What the estimates say: McCarthy and Wadsworth, Buy 'Til You Die - A Walkthrough, vignette of
the R package BTYD 2.4.3 (cran.r-project.org/package=BTYD), sections 3.2 to 3.4; the first
edition (BTYD 1.0) prints the customer's two numbers as 25.46 and 0.9979. Its own estimates,
printed as 0.553, 10.580, 0.606 and 11.656, are a less exact maximum: from them to those of
Fader, Hardie and Lee forecasts move in the fourth digit.
"""

import os

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from omniltv.data import PurchaseHistory, PurchaseLog, load_cdnow
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.pareto_nbd import ParetoNbd
from omniltv.models.processes.protocols import PurchaseState
from omniltv.testing.reference import (
    CDNOW_BY_FREQUENCY,
    PARETO_NBD_CDNOW,
    PARETO_NBD_CUSTOMER,
    PARETO_NBD_NEW_CUSTOMER,
    PARETO_NBD_QUIET,
    PublishedCustomer,
)

pytestmark = pytest.mark.reference
needs_data = pytest.mark.skipif(
    "OMNILTV_DATA" not in os.environ, reason="OMNILTV_DATA does not name a folder with CDNOW"
)

MODEL = ParetoNbd()
CDNOW = dict(PARETO_NBD_CDNOW.parameters)
LOGLIK_OF_BTYD = -9594.976
YEAR = np.asarray(52.0)


def history_until(end: str) -> PurchaseHistory:
    return PurchaseLog.from_frame(load_cdnow()).history(unit="week", end=end)


@pytest.fixture(scope="module")
def history() -> PurchaseHistory:
    return history_until("1997-09-30")


def state_of(history: PurchaseHistory) -> PurchaseState:
    return PurchaseState(history.frequency.astype(float), history.recency, history.T)


def states_of(*customers: PublishedCustomer) -> PurchaseState:
    rows = [(case.frequency, case.recency, case.T) for case in customers]
    return PurchaseState(*np.array(rows, dtype=np.float64).T)


def total_loglik(history: PurchaseHistory, parameters: dict[str, float]) -> float:
    given = {name: np.asarray(value) for name, value in parameters.items()}
    return float(np.asarray(MODEL.loglik(NUMPY, given, state_of(history))).sum())


def given_cdnow() -> dict[str, NDArray[np.float64]]:
    return {name: np.asarray(value) for name, value in CDNOW.items()}


@needs_data
def test_printed_loglik(history: PurchaseHistory) -> None:
    assert len(history.T) == sum(CDNOW_BY_FREQUENCY.customers)
    assert round(total_loglik(history, CDNOW), 1) == PARETO_NBD_CDNOW.loglik
    assert round(total_loglik(history, CDNOW), 3) == LOGLIK_OF_BTYD


@needs_data
def test_printed_estimates_are_the_maximum(history: PurchaseHistory) -> None:
    def reported(point: NDArray[np.float64]) -> dict[str, float]:
        names = [coordinate.name for coordinate in MODEL.coordinates]
        found = MODEL.parameters(NUMPY, dict(zip(names, point, strict=True)))
        return {name: float(value) for name, value in found.items()}

    def loss(point: NDArray[np.float64]) -> float:
        return -total_loglik(history, reported(point))

    start = np.array([coordinate.mean for coordinate in MODEL.coordinates])
    best = minimize(loss, start, method="L-BFGS-B", jac="3-point", tol=1e-15)
    assert best.success
    assert {name: round(value, 3) for name, value in reported(best.x).items()} == CDNOW


@needs_data
def test_printed_purchases_of_weeks_40_to_78_by_frequency(history: PurchaseHistory) -> None:
    """The vignette's table; expected to within what its own estimates move."""
    later = history_until("1998-06-30")
    assert (later.customer_id == history.customer_id).all()
    actual = later.frequency - history.frequency
    expected = MODEL.expected_purchases(given_cdnow(), state_of(history), np.asarray(39.0))
    bin_of = np.minimum(history.frequency, 7)
    customers = np.bincount(bin_of)
    assert customers.tolist() == list(CDNOW_BY_FREQUENCY.customers)
    per_customer = np.bincount(bin_of, weights=actual) / customers
    assert per_customer.round(3).tolist() == list(CDNOW_BY_FREQUENCY.actual)
    per_customer = np.bincount(bin_of, weights=expected) / customers
    assert per_customer == pytest.approx(np.array(CDNOW_BY_FREQUENCY.expected), abs=0.001)


def test_printed_customer() -> None:
    case, customer = PARETO_NBD_CUSTOMER, states_of(PARETO_NBD_CUSTOMER)
    alive = MODEL.prob_alive(given_cdnow(), customer)
    assert alive.round(case.alive_decimals) == case.prob_alive
    expected = MODEL.expected_purchases(given_cdnow(), customer, YEAR)
    assert expected.round(case.decimals) == case.expected_purchases
    assert expected == pytest.approx(25.45647, rel=1e-4)


def test_printed_new_customer() -> None:
    expected = MODEL.expected_purchases_new(given_cdnow(), YEAR)
    assert expected.round(3) == PARETO_NBD_NEW_CUSTOMER.expected_purchases
    assert expected == pytest.approx(1.473434, rel=4e-4)


def test_printed_paradox_of_increasing_frequency() -> None:
    expected = MODEL.expected_purchases(given_cdnow(), states_of(*PARETO_NBD_QUIET), YEAR)
    falling = [case.expected_purchases for case in PARETO_NBD_QUIET]
    assert expected == pytest.approx(np.array(falling), rel=2e-4)
