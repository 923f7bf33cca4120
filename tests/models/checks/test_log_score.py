from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from tests._statistics import assert_shares, sigmas
from tests.models.checks._splits import SHORT, TRUTH, moved, split_of

from omniltv.data import CalibrationHoldout
from omniltv.errors import FitWarning
from omniltv.models import (
    BgBb,
    BgNbd,
    CnbdK,
    MbgNbd,
    PurchaseFit,
    ShiftedBetaGeometric,
    fit,
)
from omniltv.models.checks import (
    _log_score,
    holdout_log_score,
)
from omniltv.models.processes.protocols import PurchaseModel, PurchaseState
from omniltv.units import weeks

DISCRETE = {"alpha": 1.2, "beta": 0.8, "gamma": 0.7, "delta": 2.8}
PROCESSES = [
    (BgNbd(), TRUTH, 30.0, 20.0),
    (MbgNbd(), TRUTH, 30.0, 20.0),
    (BgBb(), DISCRETE, 6.0, 5.0),
]


@pytest.mark.parametrize(
    ("model", "truth", "T", "span"), PROCESSES, ids=lambda v: getattr(v, "name", "")
)
def test_probabilities_of_holdouts_are_those_of_simulated_futures(
    model: PurchaseModel, truth: Mapping[str, float], T: float, span: float
) -> None:
    split = split_of(model, truth, np.full(300, T), span=span)
    found = fit(model, split.calibration, seed=1, method=SHORT)
    busiest = int(np.argmax(split.calibration.frequency))
    state = split.calibration.take(np.full(6, busiest))
    alike = replace(state, customer_id=np.arange(6).astype(object))
    counts = np.array([0, 1, 2, 3, 4, 5])
    scored = holdout_log_score(
        found, CalibrationHoldout(alike, counts, counts * 1.0, weeks(span), 0), seed=1
    )
    n, m = 400, found.n_draws
    parameters = {k: np.tile(v[:, 0], n) for k, v in found.parameters.items()}
    many = PurchaseState(
        *(np.full(n * m, c[0], dtype=float) for c in (state.frequency, state.recency, state.T))
    )
    future = model.simulate_future(parameters, many, span, np.random.default_rng(4))
    seen = np.bincount(np.bincount(future.row, minlength=n * m), minlength=6)[:6] / (n * m)
    prob = np.exp(scored.values)
    assert_shares(seen, prob, n=n * m, comparisons=18)


def test_whether_a_likelihood_is_a_density_of_times_is_seen() -> None:
    T = np.full(200, 30.0)
    split = split_of(BgNbd(), TRUTH, T)
    right = fit(BgNbd(), split.calibration, seed=1, method=SHORT)
    assert _log_score._Nodes.of(right, split).exact()
    for model, exact in ((CnbdK(1), True), (CnbdK(3), False)):
        with pytest.warns(FitWarning, match="more or less often than expected"):
            wrong = fit(model, split.calibration, seed=1, method=SHORT)
        assert _log_score._Nodes.of(wrong, split).exact() is exact
    renewed = split_of(
        ShiftedBetaGeometric(), {"alpha": 0.7, "beta": 1.8}, np.full(200, 5.0), span=4
    )
    found = fit(ShiftedBetaGeometric(), renewed.calibration, seed=1, method=SHORT)
    assert _log_score._Nodes.of(found, renewed).exact()


def test_the_simulated_score_is_near_the_exact_one(
    found: PurchaseFit, split: CalibrationHoldout, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = holdout_log_score(found, split, seed=1)
    monkeypatch.setattr(_log_score._Nodes, "exact", lambda _: False)
    by_simulation = holdout_log_score(found, split, seed=1, draws=1000)
    assert (exact.exact, by_simulation.exact) == (True, False)
    assert "simulated" in repr(by_simulation)
    none = split.holdout_frequency == 0
    np.testing.assert_array_equal(exact.values[none], by_simulation.values[none])
    p = np.maximum(np.exp(exact.values), 1e-3)  # rarer ones are smoothed
    error = np.sqrt((1 / p - 1).sum() / 1000)
    assert abs(exact.total - by_simulation.total) < sigmas() * error + 0.005 * abs(exact.total)


def test_the_smoothed_share_is_a_probability() -> None:
    mean, later = 3.0, np.arange(1, 200_001, dtype=np.float64)
    nothing = np.zeros(len(later))
    futures = SimpleNamespace(
        actual={"purchases": later},
        equal={"purchases": nothing},
        buying=nothing + 1,
        bought=nothing + 2 * mean - 1,
    )
    prior = 2 * _log_score._share(futures)  # type: ignore[arg-type] # as much as it looks at
    np.testing.assert_allclose(prior.sum(), 1.0, atol=1e-4)


def test_the_log_score_prefers_the_truth(found: PurchaseFit, split: CalibrationHoldout) -> None:
    right = holdout_log_score(found, split, seed=1)
    for by in (-2.0, 2.0):
        wrong = holdout_log_score(moved(found, "logit_dropout", by), split, seed=1)
        gain = right.values - wrong.values
        assert gain.sum() > sigmas(2) * np.sqrt(len(gain)) * gain.std()
    assert right.error > 0
