"""Splits whose truth is known, and fits that are wrong on purpose."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omniltv.data import CalibrationHoldout
from omniltv.data.history import PurchaseHistory
from omniltv.models import (
    GammaGamma,
    PurchaseFit,
    Sampling,
)
from omniltv.models.processes.protocols import PurchaseModel, SpendState
from omniltv.units import weeks

TRUTH = {"r": 0.9, "alpha": 4.0, "a": 0.8, "b": 2.5}
VALUE = {"p": 5.0, "q": 4.0, "v": 12.0}
SIZE, SPAN = 900, 26.0
SHORT = Sampling("laplace", draws=150)


def split_of(
    model: PurchaseModel,
    parameters: Mapping[str, Any],
    T: NDArray[np.float64],
    *,
    span: float = SPAN,
    seed: int = 3,
    unit: str = "week",
) -> CalibrationHoldout:
    """A split whose truth is known: of purchases by a model, of spend by gamma-gamma."""
    rng = np.random.default_rng(seed)
    state = model.simulate(parameters, T, rng)
    x = np.asarray(state.frequency).astype(np.int64)
    spent = GammaGamma().simulate({k: np.array(v) for k, v in VALUE.items()}, x, rng)
    future = model.simulate_future(parameters, state, span, rng)
    each = {name: np.full(len(T), value) for name, value in VALUE.items()}
    value = GammaGamma().simulate_future(each, SpendState(x, spent), future.row, rng)
    n = len(T)
    history = PurchaseHistory(np.arange(n), x, state.recency, T, spent, unit)  # type: ignore[arg-type]
    return CalibrationHoldout(
        history,
        np.bincount(future.row, minlength=n),
        np.bincount(future.row, weights=value, minlength=n),
        weeks(span),
        0,
    )


def moved(found: PurchaseFit, name: str, by: float) -> PurchaseFit:
    """A fit with one coordinate moved: a wrong one."""
    theta = found.draws.coordinates.copy()
    theta[..., found.draws.names.index(name)] += by
    return replace(found, draws=replace(found.draws, coordinates=theta))
