"""Printed numbers of the MBG/NBD and MBG/CNBD-k models, to the digit that was printed.

CDNOW: the maximum-likelihood estimates of the MBG/NBD model on the 1/10 sample, weeks 1 to
39, as lifetimes prints them from BTYDplus (github.com/CamDavidsonPilon/lifetimes,
tests/test_estimation.py, TestModifiedBetaGammaFitter, test_params_out_is_close_to_BTYDplus).
No log-likelihood is printed with them.

Groceries: Platzer, Customer Base Analysis with BTYDplus, vignette of BTYDplus 1.2.0 of
2021-01-20 (cran.r-project.org/package=BTYDplus), pages 16 to 18: estimates of the MBG/CNBD-k
model, k = 2, on data that come with that package, and what they say of customers with 1 to
5 repeat purchases, the last in week 12 of 52.
"""

import os

import numpy as np
import pytest
from scipy.optimize import minimize

from omniltv.data import PurchaseLog, load_cdnow
from omniltv.models.processes.cnbd_k import CnbdK
from omniltv.models.processes.mbg_nbd import MbgNbd
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import Parameters, PurchaseModel, PurchaseState
from omniltv.testing.reference import (
    MBG_CNBD_2_CUSTOMERS,
    MBG_CNBD_2_GROCERIES,
    MBG_NBD_CDNOW,
)

pytestmark = pytest.mark.reference
needs_data = pytest.mark.skipif(
    "OMNILTV_DATA" not in os.environ, reason="OMNILTV_DATA does not name a folder with CDNOW"
)

CDNOW = dict(MBG_NBD_CDNOW.parameters)
GROCERIES = dict(MBG_CNBD_2_GROCERIES.parameters)
PERCENT_ALIVE = [round(100 * (case.prob_alive or 0), 2) for case in MBG_CNBD_2_CUSTOMERS]
EXPECTED_BY_APPROXIMATION = [case.expected_purchases for case in MBG_CNBD_2_CUSTOMERS]
FIVE = PurchaseState(np.arange(1.0, 6.0), np.full(5, 12.0), np.full(5, 52.0))


def arrays(values: dict[str, float]) -> Parameters:
    """Return reported parameters as a model takes them."""
    return {name: np.asarray(value) for name, value in values.items()}


def maximum(model: PurchaseModel, state: PurchaseState) -> Parameters:
    """Return the maximum-likelihood estimates."""
    names = [coordinate.name for coordinate in model.coordinates]

    def loss(point: np.ndarray) -> float:
        parameters = model.parameters(NUMPY, dict(zip(names, point, strict=True)))
        return -float(np.asarray(model.loglik(NUMPY, parameters, state)).sum())

    start = [coordinate.mean for coordinate in model.coordinates]
    best = minimize(loss, start, method="L-BFGS-B", jac="3-point", tol=1e-15)
    assert best.success
    return model.parameters(NUMPY, dict(zip(names, best.x, strict=True)))


@needs_data
@pytest.mark.parametrize("model", [MbgNbd(), CnbdK(1)], ids=lambda model: model.name)
def test_maximum_likelihood_on_cdnow_is_the_printed_one(model: PurchaseModel) -> None:
    history = PurchaseLog.from_frame(load_cdnow()).history(unit="week", end="1997-09-30")
    found = maximum(model, PurchaseState(history.frequency, history.recency, history.T))
    assert {name: round(float(found[name]), 3) for name in CDNOW} == CDNOW


def test_printed_p_alive_of_five_grocery_customers() -> None:
    alive = CnbdK(2).prob_alive(arrays(GROCERIES), FIVE)
    assert (100 * alive).round(2).tolist() == PERCENT_ALIVE


def test_printed_approximation_of_purchases_of_five_grocery_customers() -> None:
    """The printed forecast is that of MBG/NBD at the same mean rate, times P(alive) of k = 2."""
    horizon, same_rate = np.asarray(52.0), arrays({**GROCERIES, "alpha": 2 * 2.813})
    if_alive = MbgNbd().expected_purchases(same_rate, FIVE, horizon)
    if_alive /= MbgNbd().prob_alive(same_rate, FIVE)
    approximate = CnbdK(2).prob_alive(arrays(GROCERIES), FIVE) * if_alive
    assert approximate.round(3).tolist() == EXPECTED_BY_APPROXIMATION


def test_exact_purchases_of_five_grocery_customers_are_near_the_printed_approximation() -> None:
    exact = CnbdK(2).expected_purchases(arrays(GROCERIES), FIVE, np.asarray(52.0))
    assert exact == pytest.approx(np.array(EXPECTED_BY_APPROXIMATION), abs=0.004)
