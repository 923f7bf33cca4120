"""(M)BG/CNBD-k: against its special cases, and against sums and integrals written out."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special, stats
from scipy.integrate import quad
from tests._statistics import assert_mean, assert_share

from omniltv.errors import ConfigError
from omniltv.models.processes.bg_nbd import BgNbd
from omniltv.models.processes.built_in import PURCHASE_MODELS
from omniltv.models.processes.cnbd_k import CnbdK
from omniltv.models.processes.mbg_nbd import MbgNbd
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import Parameters, PurchaseModel, PurchaseState
from omniltv.testing import PURCHASE_LAWS

MODELS = [CnbdK(k, modified=modified) for k in (2, 3) for modified in (True, False)]
OTHERS = [model for model in MODELS if model not in PURCHASE_MODELS]  # of them: tests/laws
SIMPLE = [(CnbdK(1), MbgNbd()), (CnbdK(1, modified=False), BgNbd())]


def some_parameters(seed: int) -> dict[str, NDArray[np.float64]]:
    """Return parameters around those of a retailer in weeks."""
    drawn = np.exp(np.random.default_rng(seed).normal([-0.5, 1.0, 0.0, 0.5], 0.7))
    return dict(zip(("r", "alpha", "a", "b"), map(np.asarray, drawn), strict=True))


def some_states() -> PurchaseState:
    """Return histories from none to very many purchases, recent and long ago."""
    x, part, T = np.meshgrid([0.0, 1.0, 2.0, 7.0, 300.0], [0.1, 0.7, 1.0], [0.5, 30.0])
    return PurchaseState(x.ravel(), np.where(x > 0, part * T, 0.0).ravel(), T.ravel())


def one(x: float, recency: float, T: float) -> PurchaseState:
    """Return one customer."""
    return PurchaseState(np.asarray(x), np.asarray(recency), np.asarray(T))


def log_density(model: CnbdK, p: Parameters, state: PurchaseState) -> float:
    """Return the log density of (x, t_x), integrated over the rate with SciPy's laws."""
    x, recency, T = (float(value) for value in state)
    tossed = int(x) + model.modified
    last = stats.gamma(model.k * x) if x else None

    def lives(rate: float) -> float:
        seen = rate * last.pdf(rate * recency) if last else 1.0
        idle = stats.poisson.cdf(model.k - 1, rate * (T - recency))
        alive = idle * special.beta(p["a"], p["b"] + tossed)
        lost = special.beta(p["a"] + 1, p["b"] + tossed - 1) if tossed else 0.0
        return float(seen * (alive + lost) / special.beta(p["a"], p["b"]))

    def integrand(log_rate: float) -> float:
        rate = float(np.exp(log_rate))
        return lives(rate) * float(stats.gamma.pdf(rate, p["r"], scale=1 / p["alpha"])) * rate

    total = quad(integrand, -60, 8, points=[-6, -3, 0, 3], limit=1_000, epsabs=0, epsrel=1e-11)
    return float(np.log(total[0]))


def expected(model: CnbdK, p: Parameters, state: PurchaseState, horizon: float) -> float:
    """Return the mean purchases of who is alive: stage by stage, purchase by purchase.

    The sum over j stages passed and n purchases of P(j) P(N >= k n - j) E[(1 - p)^(n-1)].
    """
    x, recency, T = (float(value) for value in state)
    shape, scale = p["r"] + model.k * x, p["alpha"] + T
    b = p["b"] + x + model.modified
    stage = np.arange(model.k)
    weight = special.poch(shape, stage) / special.factorial(stage)
    weight *= ((T - recency) / scale) ** stage
    n = np.arange(1, 20_000)[:, None]
    reached = special.betainc(model.k * n - stage, shape + stage, horizon / (scale + horizon))
    may_buy = np.exp(special.betaln(p["a"], b + n - 1) - special.betaln(p["a"], b))
    return float((may_buy * reached * weight).sum() / weight.sum())


@pytest.mark.slow
@pytest.mark.parametrize("law", PURCHASE_LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("model", OTHERS, ids=lambda model: model.name)
def test_keeps(law: Callable[[PurchaseModel], None], model: CnbdK) -> None:
    law(model)


@pytest.mark.parametrize(("model", "simple"), SIMPLE, ids=lambda model: model.name)
@pytest.mark.parametrize("seed", range(5))
def test_with_one_stage_it_is_the_model_without_regularity(
    model: CnbdK, simple: PurchaseModel, seed: int
) -> None:
    p = some_parameters(seed)
    state, horizon = some_states(), np.array([[0.0], [1e-6], [3.0], [400.0]])
    for found, known in (
        (model.loglik(NUMPY, p, state), simple.loglik(NUMPY, p, state)),
        (model.prob_alive(p, state), simple.prob_alive(p, state)),
        (
            model.expected_purchases(p, state, horizon),
            simple.expected_purchases(p, state, horizon),
        ),
        (model.expected_purchases_new(p, horizon), simple.expected_purchases_new(p, horizon)),
    ):
        np.testing.assert_allclose(found, known, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
@pytest.mark.parametrize("x", [0, 1, 2, 9])
@pytest.mark.parametrize("seed", range(3))
def test_loglik_is_the_density_of_frequency_and_recency(model: CnbdK, x: int, seed: int) -> None:
    p = some_parameters(seed)
    recency = 14.0 * (x > 0)
    state = one(x, recency, 20.0)
    inner = (x - 1) * np.log(recency) - special.gammaln(x) if x else 0.0
    found = float(model.loglik(NUMPY, p, state)) + inner
    assert found == pytest.approx(log_density(model, p, state), abs=1e-7)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
@pytest.mark.parametrize("seed", range(4))
def test_expected_purchases_is_the_sum_over_stages_and_purchases(model: CnbdK, seed: int) -> None:
    p = some_parameters(seed)
    for state in (one(0, 0.0, 20.0), one(1, 3.0, 20.0), one(40, 19.5, 20.0)):
        for horizon in (1e-4, 2.0, 52.0):
            found = float(model.expected_purchases(p, state, np.asarray(horizon)))
            exact = float(model.prob_alive(p, state)) * expected(model, p, state, horizon)
            assert found == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_new_customer_is_one_seen_for_no_time(model: CnbdK) -> None:
    p = some_parameters(1)
    horizon = np.array([0.0, 0.5, 30.0])
    seen = model.expected_purchases(p, one(0, 0.0, 0.0), horizon)
    np.testing.assert_allclose(model.expected_purchases_new(p, horizon), seen, rtol=1e-12)
    assert seen[0] == 0


def test_hundreds_of_thousands_of_purchases_ahead_are_summed() -> None:
    p = some_parameters(2)
    state = one(10_000, 1.0, 1.0)
    known = float(MbgNbd().expected_purchases(p, state, np.asarray(100.0)))
    found = float(CnbdK(1).expected_purchases(p, state, np.asarray(100.0)))
    assert found == pytest.approx(known, rel=1e-8)
    assert found > 10_000


def test_many_customers_at_once_are_each_computed_for_themselves() -> None:
    p = some_parameters(3)
    rng = np.random.default_rng(3)
    x = rng.integers(0, 30, size=5_000)
    state = PurchaseState(x, np.where(x > 0, 20.0 * rng.random(5_000), 0.0), np.full(5_000, 20.0))
    together = CnbdK(2).expected_purchases(p, state, np.asarray(52.0))
    for row in (0, 2_047, 2_048, 4_999):
        alone = PurchaseState(*(np.asarray(values)[[row]] for values in state))
        apart = CnbdK(2).expected_purchases(p, alone, np.asarray(52.0))
        assert together[row] == pytest.approx(apart[0], rel=1e-11)


def test_regular_customers_are_missed_sooner() -> None:
    per_week = {"r": np.asarray(2.0), "a": np.asarray(0.5), "b": np.asarray(2.0)}
    state = one(10, 20.0, 26.0)
    alive = [
        float(CnbdK(k).prob_alive({**per_week, "alpha": np.asarray(4.0 / k)}, state))
        for k in (1, 2, 4, 8)
    ]
    assert alive == sorted(alive, reverse=True)
    assert alive[-1] < 0.1 < alive[0]


def test_simulated_futures_are_as_regular_as_the_model() -> None:
    """One rate, no dropout: of a renewal process the chance of n purchases is known."""
    n, horizon, k, rate, idle = 40_000, 2.0, 4, 4.0, 0.5
    p = {"r": 1e7, "alpha": 1e7 / rate, "a": 1e-9, "b": 1.0}
    state = PurchaseState(np.zeros(n), np.zeros(n), np.full(n, idle))
    parameters = {key: np.asarray(value) for key, value in p.items()}
    future = CnbdK(k, modified=False).simulate_future(
        parameters, state, horizon, np.random.default_rng(2)
    )
    count = np.bincount(future.row, minlength=n)
    stage = np.arange(k)
    weight = stats.poisson.pmf(stage, rate * idle) / stats.poisson.cdf(k - 1, rate * idle)
    for purchases in range(5):
        last = k * (purchases + 1) - 1 - stage
        reached = stats.poisson.cdf(last, rate * horizon) - stats.poisson.cdf(
            last - k, rate * horizon
        )
        assert_share(count == purchases, float(weight @ reached), comparisons=5)


def test_simulation_takes_extreme_dropout() -> None:
    T, rng = np.full(2_000, 52.0), np.random.default_rng(1)
    p = {"r": np.asarray(2.0), "alpha": np.asarray(1.0)}
    never = CnbdK(4).simulate({**p, "a": np.asarray(1e-8), "b": np.asarray(1.0)}, T, rng)
    gone = {**p, "a": np.asarray(1.0), "b": np.asarray(1e-8)}
    stays = {**p, "a": np.asarray(1e-8), "b": np.asarray(1.0)}
    expected = CnbdK(4).expected_purchases_new(stays, np.asarray(52.0))
    assert_mean(never.frequency, expected)
    assert CnbdK(4).simulate(gone, T, rng).frequency.max() == 0
    assert CnbdK(4, modified=False).simulate(gone, T, rng).frequency.max() == 1


def test_log_rate_is_that_of_purchases() -> None:
    point = {c.name: np.asarray(c.mean) for c in CnbdK(3).coordinates}
    found = CnbdK(3).parameters(NUMPY, {**point, "log_rate": np.log(np.asarray(0.25))})
    assert float(found["r"] / found["alpha"] / 3) == pytest.approx(0.25)


def test_regularity_and_coin_are_part_of_the_name() -> None:
    assert [model.name for model in MODELS] == [
        "mbg_cnbd_2",
        "bg_cnbd_2",
        "mbg_cnbd_3",
        "bg_cnbd_3",
    ]
    assert len({*MODELS, CnbdK(2)}) == len(MODELS)


@pytest.mark.parametrize("k", [0, -1, 21, 2.0, True, "2"])
def test_a_regularity_that_makes_no_sense_is_refused(k: object) -> None:
    with pytest.raises(ConfigError, match=r"(k|regularity) is a whole number"):
        CnbdK(k)  # type: ignore[arg-type]


@pytest.mark.parametrize("k", [1, 7, 20])
def test_answers_are_finite_at_the_edges(k: int) -> None:
    p = some_parameters(4)
    x, T = np.array([0.0, 10_000.0, 10_000.0, 3.0]), np.array([1e6, 39.0, 39.0, 39.0])
    state = PurchaseState(x, np.array([0.0, 39.0, 1e-6, 39.0]), T)
    alive = CnbdK(k).prob_alive(p, state)
    assert np.isfinite(CnbdK(k).loglik(NUMPY, p, state)).all()
    assert ((alive >= 0) & (alive <= 1)).all()
    assert np.isfinite(CnbdK(k).expected_purchases(p, state, np.array([[1e-30], [10.0]]))).all()
