"""BG/BB: every answer follows from the probability of a sequence."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import betaln, logsumexp

from omniltv.models.processes.bg_bb import BgBb
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import (
    Array,
    ArrayNamespace,
    Parameters,
    PurchaseModel,
    PurchaseState,
)
from omniltv.testing.model_laws.purchase import (
    PURCHASE_LAWS,
    check_loglik_sums_to_one,
    check_simulation,
    check_time_scale,
    check_tower,
    laws_of,
)

DONATIONS = {
    key: np.asarray(v)
    for key, v in (("alpha", 1.204), ("beta", 0.750), ("gamma", 0.657), ("delta", 2.783))
}


def some(seed: int) -> dict[str, float]:
    """Return parameters at random."""
    rng = np.random.default_rng(seed)
    return {name: float(np.exp(rng.normal(0.3, 1.0))) for name in DONATIONS}


def one(x: float, recency: float, T: float) -> PurchaseState:
    """Return one customer."""
    return PurchaseState(np.asarray(x), np.asarray(recency), np.asarray(T))


def as_printed(parameters: Mapping[str, float], x: int, recency: int, n: int) -> float:
    """Return the log of eq. 5 term by term."""
    a, b, c, d = (parameters[key] for key in DONATIONS)
    i = np.arange(n - recency)
    alive = betaln(a + x, b + n - x) + betaln(c, d + n)
    dead = betaln(a + x, b + recency - x + i) + betaln(c + 1, d + recency + i)
    return float(logsumexp(np.append(dead, alive)) - betaln(a, b) - betaln(c, d))


def ahead(parameters: Parameters, x: int, recency: int, n: int, horizon: int) -> float:
    """Return the expected purchases by following both outcomes of every opportunity."""
    if horizon == 0:
        return 0.0
    now, bought, not_bought = (
        float(BgBb().loglik(NUMPY, parameters, one(*state)))
        for state in ((x, recency, n), (x + 1, n + 1, n + 1), (x, recency, n + 1))
    )
    after_it = 1 + ahead(parameters, x + 1, n + 1, n + 1, horizon - 1)
    without = ahead(parameters, x, recency, n + 1, horizon - 1)
    return float(np.exp(bought - now) * after_it + np.exp(not_bought - now) * without)


def test_discrete_time_is_under_every_law_but_that_of_its_unit() -> None:
    assert set(PURCHASE_LAWS) - set(laws_of(BgBb())) == {check_time_scale}


@pytest.mark.parametrize("seed", range(20))
def test_loglik_is_the_printed_sum(seed: int) -> None:
    n = int(np.random.default_rng(seed).integers(0, 101))
    recency = int(np.random.default_rng(seed + 1).integers(0, n + 1))
    x = int(np.random.default_rng(seed + 2).integers(recency > 0, recency + 1))
    found = float(BgBb().loglik(NUMPY, some(seed), one(x, recency, n)))
    assert found == pytest.approx(as_printed(some(seed), x, recency, n), rel=1e-10, abs=1e-10)


@pytest.mark.parametrize(("x", "recency"), [(0, 0), (1, 1), (3, 4), (6, 6), (2, 6)])
@pytest.mark.parametrize("seed", range(3))
def test_what_is_expected_follows_from_the_sequences(x: int, recency: int, seed: int) -> None:
    parameters = {name: np.asarray(value) for name, value in some(seed).items()}
    for horizon in (1, 4):
        found = BgBb().expected_purchases(parameters, one(x, recency, 6), np.asarray(horizon * 1.0))
        exact = ahead(parameters, x, recency, 6, horizon)
        assert float(found) == pytest.approx(exact, rel=1e-9)
    new = float(BgBb().expected_purchases_new(parameters, np.asarray(4.0)))
    assert new == pytest.approx(ahead(parameters, 0, 0, 0, 4), rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_p_alive_is_the_share_of_the_term_without_dropout(seed: int) -> None:
    a, b, c, d = some(seed).values()
    alive = betaln(a + 2, b + 9 - 2) - betaln(a, b) + betaln(c, d + 9) - betaln(c, d)
    exact = np.exp(alive - as_printed(some(seed), 2, 5, 9))
    parameters = {name: np.asarray(value) for name, value in some(seed).items()}
    assert float(BgBb().prob_alive(parameters, one(2, 5, 9))) == pytest.approx(exact, rel=1e-10)


def test_who_bought_at_the_last_opportunity_is_alive() -> None:
    state = PurchaseState(np.array([0.0, 1.0, 9.0]), np.array([0.0, 9.0, 9.0]), np.array([0, 9, 9]))
    assert BgBb().prob_alive(DONATIONS, state) == pytest.approx(np.ones(3))


def test_a_horizon_counts_its_whole_opportunities() -> None:
    state, horizons = one(3, 4, 6), np.array([0.9, 2.0, 2.7, 3.0 - 1e-12, 3.0])
    none, two, part, nearly, three = BgBb().expected_purchases(DONATIONS, state, horizons)
    assert (none, part, nearly) == (0.0, two, three)
    many = PurchaseState(np.full(500, 3.0), np.full(500, 4.0), np.full(500, 6.0))
    future = BgBb().simulate_future(DONATIONS, many, 2.7, np.random.default_rng(1))
    assert set(future.time.tolist()) == {1.0, 2.0}


@pytest.mark.parametrize("n", [100, 1_000])
def test_answers_are_finite_and_right_for_many_opportunities(n: int) -> None:
    for x, recency in ((0, 0), (1, 1), (n // 2, n // 2), (n // 2, n), (n, n)):
        found = float(BgBb().loglik(NUMPY, DONATIONS, one(x, recency, n)))
        plain = {name: float(value) for name, value in DONATIONS.items()}
        assert found == pytest.approx(as_printed(plain, x, recency, n), rel=1e-9)
        assert 0 <= float(BgBb().prob_alive(DONATIONS, one(x, recency, n))) <= 1


class ForgetsDropout(BgBb):
    """A wrong model: its likelihood is only that of who never dropped out."""

    def loglik(
        self, xp: ArrayNamespace, parameters: Mapping[str, Array], state: PurchaseState
    ) -> Array:
        return super().loglik(xp, parameters, PurchaseState(state.frequency, state.T, state.T))


class NeverDropsOut(BgBb):
    """A wrong model: it simulates customers who live for ever."""

    def simulate(
        self, parameters: Parameters, T: NDArray[np.float64], rng: np.random.Generator
    ) -> PurchaseState:
        return super().simulate({**parameters, "gamma": np.asarray(1e-6)}, T, rng)


@pytest.mark.parametrize(
    ("model", "law"),
    [
        (ForgetsDropout(), check_loglik_sums_to_one),
        (NeverDropsOut(), check_simulation),
        (NeverDropsOut(), check_tower),
    ],
)
def test_laws_find_wrong_models(model: BgBb, law: Callable[[PurchaseModel], None]) -> None:
    with pytest.raises(AssertionError, match="law broken"):
        law(model)
