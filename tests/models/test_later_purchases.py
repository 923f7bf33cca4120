"""Purchases between two moments, their number, and P(alive) along time."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import beta, gammaln

from omniltv.data import PurchaseLog
from omniltv.data.history import PurchaseHistory
from omniltv.errors import ConfigError, DataError
from omniltv.models import (
    BgBb,
    BgNbd,
    CnbdK,
    ParetoNbd,
    Pooling,
    PurchaseFit,
    ShiftedBetaGeometric,
    alive_path,
    fit,
)
from omniltv.models.processes import (
    Array,
    ArrayNamespace,
    Future,
    Parameters,
    PurchaseModel,
    PurchaseState,
)
from omniltv.testing.model_laws.later import check_later_alive, check_later_purchases
from omniltv.testing.value_laws import invented
from omniltv.units import Span, days, weeks


@dataclass(frozen=True)
class Bare:
    """A model with the members of the protocol only."""

    model: PurchaseModel

    @property
    def name(self) -> str:
        return f"bare_{self.model.name}"

    @property
    def version(self) -> int:
        return 1

    @property
    def discrete(self) -> bool:
        return self.model.discrete

    @property
    def coordinates(self) -> Any:
        return self.model.coordinates

    def parameters(
        self, xp: ArrayNamespace, coordinates: Mapping[str, Array]
    ) -> Mapping[str, Array]:
        return self.model.parameters(xp, coordinates)

    def loglik(
        self, xp: ArrayNamespace, parameters: Mapping[str, Array], state: PurchaseState
    ) -> Array:
        return self.model.loglik(xp, parameters, state)

    def prob_alive(self, parameters: Parameters, state: PurchaseState) -> NDArray[np.float64]:
        return self.model.prob_alive(parameters, state)

    def expected_purchases(
        self, parameters: Parameters, state: PurchaseState, horizon: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        return self.model.expected_purchases(parameters, state, horizon)

    def expected_purchases_new(
        self, parameters: Parameters, horizon: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        return self.model.expected_purchases_new(parameters, horizon)

    def simulate(
        self, parameters: Parameters, T: NDArray[np.float64], rng: np.random.Generator
    ) -> PurchaseState:
        return self.model.simulate(parameters, T, rng)

    def simulate_future(
        self, parameters: Parameters, state: PurchaseState, horizon: float, rng: np.random.Generator
    ) -> Future:
        return self.model.simulate_future(parameters, state, horizon, rng)


@dataclass(frozen=True)
class Miscounted(BgNbd):
    """Swaps the probabilities of one and of two purchases."""

    def prob_purchases(
        self,
        parameters: Parameters,
        state: PurchaseState,
        horizon: NDArray[np.float64],
        count: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        swapped = np.where(count == 1, 2, np.where(count == 2, 1, count))
        return BgNbd().prob_purchases(parameters, state, horizon, swapped)


@dataclass(frozen=True)
class Immortal(BgNbd):
    """Forgets future dropout."""

    def prob_alive_after(
        self, parameters: Parameters, state: PurchaseState, after: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        return self.prob_alive(parameters, state) + 0.0 * after


def of(model: PurchaseModel, *, draws: int = 160) -> tuple[PurchaseFit, PurchaseHistory]:
    """Return an invented fit and a few customers."""
    case = invented(model, Pooling.complete(), customers=6, draws=draws)
    return case.purchases, case.history.take(case.history.frequency < 6)


def test_adjacent_periods_add_up() -> None:
    found, history = of(BgNbd())
    whole = found.expected_purchases(history, weeks(1.5)).to_array()
    first = found.expected_purchases(history, weeks(0.5)).to_array()
    rest = found.expected_purchases(history, weeks(1), after=days(3.5)).to_array()
    assert (rest > 0).all()
    # Interpolation over draws is accurate to 1 % of the posterior standard deviation.
    np.testing.assert_allclose(first + rest, whole, atol=0.05 * float(whole.std(axis=1).max()))
    now = found.expected_purchases(history, weeks(1.5), after=weeks(0)).to_array()
    np.testing.assert_allclose(now, whole, rtol=1e-6)


def test_periods_add_up_in_each_draw_of_calendar_time() -> None:
    rng = np.random.default_rng(2)
    day = pd.Timestamp("2025-01-06") + pd.to_timedelta(rng.integers(0, 80, 300), "D")
    table = {"customer_id": rng.integers(0, 90, 300), "channel": "ec", "time": day}
    log = PurchaseLog.from_frame(pd.DataFrame(table).assign(value=1.0))
    history = log.history(unit="week", calendar=log.calendar_time(seed=1)).take(np.arange(5))
    assert history.clock is not None
    found = replace(of(BgNbd())[0], clock=history.clock.calendar.name)
    whole = found.expected_purchases(history, weeks(20)).to_array()
    first = found.expected_purchases(history, weeks(8)).to_array()
    rest = found.expected_purchases(history, weeks(12), after=weeks(8)).to_array()
    # As above; the walk of the season makes draws differ by far more than the tolerance.
    np.testing.assert_allclose(first + rest, whole, atol=0.05 * float(whole.std(axis=1).max()))
    alive = found.prob_alive(history, after=weeks(20)).to_array()
    counts = found.prob_purchases(history, weeks(20), 1)
    assert ((alive >= 0) & (alive <= 1)).all()
    assert (counts.exactly(0).to_array() < 1).all()


def test_a_random_customer_of_bg_nbd_has_the_published_counts() -> None:
    """Fader, Hardie and Lee (2005), eq. 8."""
    r, alpha, a, b, t = 0.243, 4.414, 0.793, 2.426, 39.0
    given = {"r": r, "alpha": alpha, "a": a, "b": b}
    parameters = {name: np.asarray(value) for name, value in given.items()}
    x = np.arange(8.0)
    none = (alpha / (alpha + t)) ** r
    ways = np.exp(gammaln(r + x) - gammaln(r) - gammaln(x + 1)) * (t / (alpha + t)) ** x
    before = np.concatenate([[0.0], np.cumsum(ways)[:-1]])
    dead = np.zeros(8)
    dead[1:] = beta(a + 1, b + x[1:] - 1) / beta(a, b) * (1 - none * before[1:])
    published = beta(a, b + x) / beta(a, b) * none * ways + dead
    new = PurchaseState(*(np.zeros(8) for _ in range(3)))
    found = BgNbd().prob_purchases(parameters, new, np.asarray(t), x.astype(np.int64))
    np.testing.assert_allclose(found, published, rtol=1e-12)


@pytest.mark.parametrize("model", [BgNbd(), CnbdK(2), ParetoNbd()], ids=lambda model: model.name)
def test_probabilities_of_counts_sum_to_one_and_have_the_mean(model: PurchaseModel) -> None:
    found, history = of(model, draws=40)
    counts = found.prob_purchases(history, weeks(0.25), 12)
    means = counts.mean()
    assert counts.error == 0
    np.testing.assert_allclose(means.sum(axis=1), 1, atol=1e-3)
    expected = found.expected_purchases(history, weeks(0.25)).mean()
    np.testing.assert_allclose(means @ np.arange(13), expected, rtol=0.01)
    few = found.prob_purchases(history, weeks(0.25), 1)
    frame = few.to_frame()
    assert list(frame.columns) == ["customer_id", "channel", "prob_0", "prob_1", "prob_more"]
    np.testing.assert_allclose(few.more().mean(), frame["prob_more"], atol=1e-3)
    with pytest.raises(ConfigError, match="not of 2"):
        few.exactly(2)


@pytest.mark.parametrize("model", [ShiftedBetaGeometric(), BgBb()], ids=lambda model: model.name)
def test_discrete_models_count_whole_opportunities(model: PurchaseModel) -> None:
    purchases, history = of(model, draws=20)
    unit = purchases.unit
    whole = purchases.prob_purchases(history, Span(1.0, unit), 2)
    assert whole.mean()[:, 1].max() > 0.1
    for length in (1.0 + 1e-10, 1.5):
        longer = purchases.prob_purchases(history, Span(length, unit), 2)
        np.testing.assert_allclose(longer.mean(), whole.mean())
    none = purchases.prob_purchases(history, Span(0.5, unit), 2)
    np.testing.assert_allclose(none.mean()[:, 0], 1.0)


def test_counts_of_a_model_that_tells_neither_are_simulated() -> None:
    """The likelihood of regular purchases does not have the time of each."""
    true, history = of(CnbdK(2), draws=40)
    found = replace(true, model=Bare(CnbdK(2)))
    simulated = found.prob_purchases(history, weeks(1), 2)
    exact = true.prob_purchases(history, weeks(1), 2).mean()
    assert 0 < simulated.error < 0.004
    assert "simulated" in repr(simulated)
    # False alarm below 1e-6: 24 numbers, bounded by 6 standard errors.
    np.testing.assert_allclose(simulated.mean(), exact, atol=6 * simulated.error)
    alone = found.prob_purchases(history.take([2]), weeks(1), 2)
    np.testing.assert_array_equal(alone.mean()[0], simulated.mean()[2])
    alive = found.prob_alive(history, after=weeks(1))
    formula = true.prob_alive(history, after=weeks(1)).mean()
    np.testing.assert_allclose(alive.mean(), formula, atol=6 * simulated.error)
    one = found.prob_alive(history.take([2]), after=weeks(1)).mean()
    assert one[0] == alive.mean()[2]


def test_no_time_ahead_changes_nothing() -> None:
    found, history = of(ParetoNbd())
    now = found.prob_alive(history).mean()
    np.testing.assert_allclose(found.prob_alive(history, after=weeks(0)).mean(), now, rtol=1e-6)
    none = found.prob_purchases(history, weeks(0), 1).mean()
    np.testing.assert_allclose(none, np.tile([1.0, 0.0], (len(history), 1)), atol=1e-12)


def test_laws_catch_wrong_formulas() -> None:
    with pytest.raises(AssertionError, match="mean of P"):
        check_later_purchases(Miscounted())
    with pytest.raises(AssertionError, match="mean over futures"):
        check_later_alive(Immortal())
    check_later_purchases(Bare(CnbdK(2)))


@pytest.fixture(scope="module")
def log() -> PurchaseLog[pd.DataFrame]:
    rng = np.random.default_rng(4)
    day = pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 180, 300), "D")
    table = {"customer_id": rng.integers(0, 60, 300), "channel": "ec", "time": day}
    return PurchaseLog.from_frame(pd.DataFrame(table).assign(value=1.0))


def test_a_path_is_what_was_known_at_each_moment(log: PurchaseLog[pd.DataFrame]) -> None:
    found = fit(BgNbd(), log.history(unit="week", by="channel"), seed=1, method="map")
    path = alive_path(found, log, [7, 3], every=weeks(6), by="channel", end="2026-09-30")
    frame = path.to_frame()
    assert list(frame.columns) == [
        "customer_id", "channel", "time", "prob_alive", "lower", "upper",
    ]  # fmt: skip
    assert frame["customer_id"].drop_duplicates().tolist() == [7, 3]
    assert frame["time"].iloc[-1] == pd.Timestamp("2026-09-30")
    for _, row in frame.iloc[[2, -1]].iterrows():
        known = log.history(unit="week", by="channel", end=str(row["time"].date()))
        at = np.flatnonzero(known.customer_id == row["customer_id"])
        alive = found.prob_alive(known.take(at)).mean()[0]
        assert row["prob_alive"] == pytest.approx(alive, rel=1e-9)
    later = frame[(frame["customer_id"] == 3) & (frame["time"] > log.time.max())]
    assert (np.diff(later["prob_alive"]) < 0).all()


def test_a_path_needs_customers_who_have_bought(log: PurchaseLog[pd.DataFrame]) -> None:
    found = fit(BgNbd(), log.history(unit="week"), seed=1, method="map")
    with pytest.raises(DataError, match="no purchase until the end") as caught:
        alive_path(found, log, [7, 999])
    assert caught.value.rows == (999,)
    with pytest.raises(DataError, match="no purchase until the end") as caught:
        alive_path(found, log, [999])
    assert caught.value.rows == (999,)
    with pytest.raises(ConfigError, match="whole days"):
        alive_path(found, log, [7], every=days(0.2))
