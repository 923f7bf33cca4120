"""The CDNOW numbers of Fader, Hardie and Lee, to the digit that was printed."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from omniltv.data.cdnow import load_cdnow
from omniltv.data.history import PurchaseHistory
from omniltv.models import BgNbd, GammaGamma, MbgNbd, ParetoNbd, fit
from omniltv.models.posterior.priors import Flat
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import (
    Parameters,
    PurchaseModel,
    PurchaseState,
    SpendModel,
    SpendState,
)
from omniltv.testing.reference import (
    BG_NBD_CDNOW,
    BG_NBD_CUSTOMER,
    GAMMA_GAMMA_CDNOW,
    MBG_NBD_CDNOW,
    PARETO_NBD_CDNOW,
    Published,
)
from omniltv.units import TimeUnit

pytestmark = pytest.mark.reference

_END_OF_WEEK_39 = pd.Timestamp("1997-09-30")


@pytest.fixture(scope="module")
def cdnow() -> pd.DataFrame:
    """One row per customer of the 1/10 sample: x, recency and T in weeks, mean value."""
    folder = os.environ.get("OMNILTV_DATA")
    if folder is None or not (Path(folder) / "CDNOW_master.txt").exists():
        pytest.skip("CDNOW_master.txt is not there: set OMNILTV_DATA to its folder")
    sample = load_cdnow()
    sample = sample[sample["time"] <= _END_OF_WEEK_39]
    days = sample.groupby(["customer_id", "time"])["value"].sum().reset_index()
    first = days.groupby("customer_id")["time"].transform("min")
    repeat = days[days["time"] > first].groupby("customer_id")
    table = pd.DataFrame({"first": days.groupby("customer_id")["time"].min()})
    table["x"] = repeat.size().reindex(table.index, fill_value=0)
    last = days.groupby("customer_id")["time"].max()
    table["recency"] = (last - table["first"]).dt.days / 7
    table["T"] = (_END_OF_WEEK_39 - table["first"]).dt.days / 7
    table["value"] = repeat["value"].mean().reindex(table.index)
    return table


def test_loglik_at_the_published_estimates(cdnow: pd.DataFrame) -> None:
    state = _purchases(cdnow)
    loglik = np.asarray(BgNbd().loglik(NUMPY, BG_NBD_CDNOW.parameters, state))
    assert len(loglik) == BG_NBD_CDNOW.customers
    assert round(float(loglik.sum()), 1) == BG_NBD_CDNOW.loglik


def test_maximum_likelihood_is_the_published_one(cdnow: pd.DataFrame) -> None:
    model, state = BgNbd(), _purchases(cdnow)
    found = _maximise(model, lambda p: np.asarray(model.loglik(NUMPY, p, state)))
    _matches(found, BG_NBD_CDNOW.parameters, BG_NBD_CDNOW.decimals)


def test_published_customer() -> None:
    case = BG_NBD_CUSTOMER
    state = PurchaseState(np.array([case.frequency]), np.array([case.recency]), np.array([case.T]))
    parameters = {name: np.asarray(value) for name, value in BG_NBD_CDNOW.parameters.items()}
    expected = BgNbd().expected_purchases(parameters, state, np.asarray(case.horizon))
    assert round(float(expected[0]), 3) == case.expected_purchases


def test_gamma_gamma_maximum_likelihood_is_the_published_one(cdnow: pd.DataFrame) -> None:
    buyers = cdnow[cdnow["value"] > 0]
    model = GammaGamma()
    state = SpendState(buyers["x"].to_numpy(float), buyers["value"].to_numpy(float))
    assert len(buyers) == GAMMA_GAMMA_CDNOW.customers
    found = _maximise(model, lambda p: np.asarray(model.loglik(NUMPY, p, state)), scale=35.0)
    _matches(found, GAMMA_GAMMA_CDNOW.parameters, GAMMA_GAMMA_CDNOW.decimals)


@pytest.mark.parametrize(
    ("model", "published"),
    [
        pytest.param(BgNbd(), BG_NBD_CDNOW, id="bg_nbd"),
        pytest.param(MbgNbd(), MBG_NBD_CDNOW, id="mbg_nbd"),
        pytest.param(ParetoNbd(), PARETO_NBD_CDNOW, id="pareto_nbd"),
    ],
)
def test_the_mode_of_purchases_under_flat_priors_is_the_published_one(
    model: PurchaseModel, published: Published, cdnow: pd.DataFrame
) -> None:
    flat = {item.name: Flat() for item in model.coordinates}
    found = fit(model, _history(cdnow), seed=1, method="map", priors=flat, progress=False)
    _matches(_first(found.parameters), published.parameters, published.decimals)


def test_the_mode_of_spend_under_flat_priors_is_the_published_one(cdnow: pd.DataFrame) -> None:
    model, paid = GammaGamma(), cdnow[cdnow["value"] > 0]
    flat = {item.name: Flat() for item in model.coordinates}
    found = fit(model, _history(paid), seed=1, method="map", priors=flat, progress=False)
    published = GAMMA_GAMMA_CDNOW
    _matches(_first(found.parameters), published.parameters, published.decimals)


def _history(table: pd.DataFrame) -> PurchaseHistory:
    ids = table.index.to_numpy(object)
    x, recency, T, value = (table[name].to_numpy() for name in ("x", "recency", "T", "value"))
    return PurchaseHistory(ids, x, recency, T, value, TimeUnit.WEEK)


def _first(parameters: Parameters) -> Parameters:
    return {name: values[0, 0] for name, values in parameters.items()}


def _purchases(table: pd.DataFrame) -> PurchaseState:
    return PurchaseState(*(table[name].to_numpy(float) for name in ("x", "recency", "T")))


def _maximise(
    model: PurchaseModel | SpendModel,
    loglik: Callable[[Mapping[str, NDArray[np.float64]]], NDArray[np.float64]],
    *,
    scale: float = 1.0,
) -> Mapping[str, NDArray[np.float64]]:
    names = [coordinate.name for coordinate in model.coordinates]
    start = [c.mean + float(np.log(scale)) * (c.scale == "value") for c in model.coordinates]

    def parameters(point: NDArray[np.float64]) -> Mapping[str, NDArray[np.float64]]:
        return model.parameters(NUMPY, dict(zip(names, point, strict=True)))

    def loss(point: NDArray[np.float64]) -> float:
        return -float(loglik(parameters(point)).sum())

    best = minimize(loss, start, method="L-BFGS-B", jac="3-point", tol=1e-15)
    assert best.success
    return parameters(best.x)


def _matches(
    found: Mapping[str, NDArray[np.float64]], published: Mapping[str, float], decimals: int
) -> None:
    assert {name: round(float(found[name]), decimals) for name in published} == dict(published)
