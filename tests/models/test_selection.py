"""Samples selected by purchases: a truncated likelihood allows for them."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from tests._statistics import sigmas

from omniltv.data.history import PurchaseHistory
from omniltv.data.log import PurchaseLog
from omniltv.errors import ConfigError, DataError, FitWarning
from omniltv.models import (
    BgNbd,
    MbgNbd,
    ParetoNbd,
    Pooling,
    PurchaseFit,
    Sampling,
    fit,
    load_fit,
    to_pymc,
)
from omniltv.models.checks import frequency_histogram, loo, tracking
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import Parameters, PurchaseModel, PurchaseState

WORLDS: tuple[tuple[PurchaseModel, dict[str, float]], ...] = (
    (BgNbd(), {"r": 0.6, "alpha": 8.0, "a": 0.8, "b": 2.5}),
    (MbgNbd(), {"r": 0.8, "alpha": 8.0, "a": 0.6, "b": 2.0}),
    (ParetoNbd(), {"r": 0.6, "alpha": 8.0, "s": 0.6, "beta": 12.0}),
)
LAPLACE = Sampling("laplace", draws=500)


def everybody(
    model: PurchaseModel, truth: dict[str, float], *, n: int = 3_000, seed: int = 1
) -> PurchaseHistory:
    """Customers of half a year to three years, whose last purchase is known to the week."""
    rng = np.random.default_rng(seed)
    T = rng.integers(26, 157, n).astype(np.float64)
    own = {name: np.full(n, value) for name, value in truth.items()}
    x, recency, _ = model.simulate(own, T, rng)
    recency = np.where(x > 0, np.minimum(np.floor(recency) + 0.5, T), 0.0)
    value = np.where(x > 0, rng.gamma(4.0, 10.0, n), np.nan)
    return PurchaseHistory(np.arange(n), x, recency, T, value, "week")  # type: ignore[arg-type]


def at_least(history: PurchaseHistory, count: int) -> PurchaseHistory:
    return history.take(history.frequency >= count)


def quiet(model: PurchaseModel, history: PurchaseHistory) -> PurchaseFit:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)
        return fit(model, history, seed=1, method="map")


def prob_none(model: PurchaseModel, parameters: Parameters, T: NDArray[np.float64]) -> NDArray[Any]:
    """The probability of no repeat purchase: the likelihood of nothing seen."""
    nothing = np.zeros(T.shape)
    return np.asarray(np.exp(model.loglik(NUMPY, parameters, PurchaseState(nothing, nothing, T))))


# ---------------------------------------------------------------------------------------
# The truncated likelihood


@pytest.mark.sampling
@pytest.mark.parametrize(("model", "truth"), WORLDS, ids=[m.name for m, _ in WORLDS])
@pytest.mark.parametrize("count", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_truncated_likelihood_finds_the_parameters_of_all_customers(
    model: PurchaseModel, truth: dict[str, float], count: int
) -> None:
    """Posteriors of log parameters are nearly Normal; 24 numbers are compared in all."""
    some = at_least(everybody(model, truth), count)
    with pytest.warns(FitWarning, match="look selected"):
        plain = fit(model, some, seed=1, method=LAPLACE, progress=False)
    allowed = fit(model, some.selected(at_least=count), seed=1, method=LAPLACE, progress=False)
    off = {
        name: [
            abs(np.log(found.parameters[name]).mean() - np.log(value))
            / np.log(found.parameters[name]).std()
            for found in (allowed, plain)
        ]
        for name, value in truth.items()
    }
    assert max(one for one, _ in off.values()) < sigmas(24)
    assert max(other for _, other in off.values()) > sigmas(24), "the plain fit is far off"


def test_a_model_of_pymc_has_the_truncated_likelihood() -> None:
    from pytensor.compile.mode import Mode

    some = at_least(everybody(*WORLDS[0], n=100), 1)
    some = some.with_group("channel", np.where(np.arange(len(some)) % 3, "ec", "store"))
    densities = []
    for history in (some, some.selected(at_least=1)):
        graph = to_pymc(BgNbd(), history, pooling=Pooling.none("channel"))
        at = {item.name: np.full(2, item.mean) for item in BgNbd.coordinates}
        densities.append(graph.compile_logp(mode=Mode(linker="py", optimizer=None))(at))
    middle = {item.name: np.asarray(item.mean) for item in BgNbd.coordinates}
    share = prob_none(BgNbd(), BgNbd().parameters(NUMPY, middle), some.T)
    np.testing.assert_allclose(densities[1] - densities[0], -np.log(1 - share).sum(), rtol=1e-8)


def test_checks_are_those_of_the_selected_customers(tmp_path: Path) -> None:
    some = at_least(everybody(*WORLDS[1], n=600), 1).selected(at_least=1)
    found = fit(MbgNbd(), some, seed=1, method=LAPLACE, progress=False)
    shown = frequency_histogram(found, some, seed=1, most=5, draws=100)
    assert shown.predicted[0].max() == shown.actual[0] == 0
    off = np.abs(shown.actual - shown.predicted.mean(axis=1))[1:]
    assert (off < sigmas(5) * shown.predicted.std(axis=1)[1:]).all()
    every = replace(some, at_least=0)
    parameters = {name: values[:, 0] for name, values in found.parameters.items()}
    share = prob_none(MbgNbd(), parameters, some.T[:1, None])
    given, plain = (found.log_likelihood(rows).to_array()[0] for rows in (some, every))
    np.testing.assert_allclose(given, plain - np.log(1 - share[0]))
    assert np.isfinite(loo(found, some).elpd)
    found.save(tmp_path / "fit.npz")
    assert load_fit(tmp_path / "fit.npz").findings.severe == ()


def test_a_selected_history_cannot_be_tracked() -> None:
    day = pd.Timestamp("2026-01-05") + pd.to_timedelta(np.arange(90) % 41, "D")
    table = pd.DataFrame({"customer_id": np.arange(90) % 30, "channel": "ec", "time": day})
    log = PurchaseLog.from_frame(table.assign(value=1.0))
    history = log.history(unit="week")
    found = quiet(BgNbd(), history)
    with pytest.raises(ConfigError, match="cannot be tracked"):
        tracking(found, history.selected(at_least=1), log=log)


def test_a_sample_that_is_not_so_selected_is_refused() -> None:
    history = everybody(*WORLDS[0], n=50)
    with pytest.raises(DataError, match="fewer than 1 repeat") as error:
        history.selected(at_least=1)
    assert error.value.rows == tuple(history.customer_id[history.frequency < 1])
    with pytest.raises(ConfigError, match="at least 0"):
        history.selected(at_least=-1)
    kept = at_least(history, 2).selected(at_least=2)
    assert kept.take([0, 1]).with_group("arm", ["a", "b"]).at_least == 2
