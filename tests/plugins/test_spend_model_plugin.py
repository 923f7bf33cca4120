"""A spend model as a stranger would write it: one file, checked by the laws, then used."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from omniltv.data import PurchaseHistory
from omniltv.models import BgNbd, GammaGamma, fit, lifetime_value, load_fit
from omniltv.models.processes import (
    Array,
    ArrayNamespace,
    Coordinate,
    Parameters,
    SpendState,
)
from omniltv.testing import check_spend_model
from omniltv.units import Discount, TimeUnit, weeks


@dataclass(frozen=True)
class ExponentialGamma:
    """Values Exponential(nu) at rates nu ~ Gamma(q, v): the gamma-gamma model with p = 1."""

    name = "exponential_gamma"
    version = 1
    coordinates = (
        Coordinate("log_mean", mean=0.0, sd=1.0, scale="value"),
        Coordinate("log_tail", mean=1.0, sd=1.0),
    )

    def parameters(
        self, xp: ArrayNamespace, coordinates: Mapping[str, Array]
    ) -> Mapping[str, Array]:
        tail = xp.exp(coordinates["log_tail"])
        return {"q": 1 + tail, "v": xp.exp(coordinates["log_mean"]) * tail}

    def loglik(
        self, xp: ArrayNamespace, parameters: Mapping[str, Array], state: SpendState
    ) -> Array:
        (q, v), (x, mean) = (parameters["q"], parameters["v"]), state
        shapes = xp.gammaln(q + x) - xp.gammaln(q) - xp.gammaln(x)
        return shapes - q * xp.log1p(x * mean / v) - x * xp.log1p(v / (x * mean)) - xp.log(mean)

    def _posterior(self, parameters: Parameters, state: SpendState) -> tuple[Array, Array]:
        total = np.where(state.frequency > 0, state.frequency * state.monetary_value, 0.0)
        return parameters["q"] + state.frequency, parameters["v"] + total

    def expected_value(self, parameters: Parameters, state: SpendState) -> NDArray[np.float64]:
        shape, rate = self._posterior(parameters, state)
        return np.asarray(rate / (shape - 1))

    def simulate(
        self, parameters: Parameters, frequency: NDArray[np.int64], rng: np.random.Generator
    ) -> NDArray[np.float64]:
        rate = rng.gamma(parameters["q"], 1 / parameters["v"], frequency.shape)
        some = np.maximum(frequency, 1)
        return np.where(frequency > 0, rng.gamma(some) / (rate * some), np.nan)

    def simulate_future(
        self,
        parameters: Parameters,
        state: SpendState,
        row: NDArray[np.intp],
        rng: np.random.Generator,
    ) -> NDArray[np.float64]:
        shape, rate = self._posterior(parameters, state)
        own = rng.gamma(shape) / rate
        return np.asarray(rng.exponential(1 / own[row]))


@dataclass(frozen=True)
class ForgetsTheCustomer(ExponentialGamma):
    """Says the population's mean of everybody."""

    def expected_value(self, parameters: Parameters, state: SpendState) -> NDArray[np.float64]:
        mean = parameters["v"] / (parameters["q"] - 1)
        return np.asarray(mean + 0 * np.asarray(state.frequency, dtype=float))


def test_it_keeps_the_laws() -> None:
    check_spend_model(ExponentialGamma())


def test_the_laws_catch_a_broken_one() -> None:
    with pytest.raises(AssertionError):
        check_spend_model(ForgetsTheCustomer())


def test_it_is_the_gamma_gamma_model_with_p_one() -> None:
    buyers = SpendState(np.array([1.0, 2.0, 30.0]), np.array([5.0, 40.0, 12.0]))
    ours = {"q": np.array(3.5), "v": np.array(30.0)}
    theirs = {"p": np.array(1.0), **ours}
    from_us = ExponentialGamma().expected_value(ours, buyers)
    np.testing.assert_allclose(from_us, GammaGamma().expected_value(theirs, buyers))


def test_it_is_fitted_saved_and_used_like_the_built_in_ones(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    values = {"r": 0.8, "alpha": 6.0, "a": 0.7, "b": 2.5}
    purchases = {name: np.array(value) for name, value in values.items()}
    x, recency, T = BgNbd().simulate(purchases, np.full(600, 40.0), rng)
    mean = ExponentialGamma().simulate({"q": np.array(4.0), "v": np.array(60.0)}, x, rng)
    ids = np.array([f"c{k}" for k in range(600)], dtype=object)
    history = PurchaseHistory(ids, x, recency, T, mean, TimeUnit.WEEK)
    bought = fit(BgNbd(), history, seed=1, method="laplace")
    spent = fit(ExponentialGamma(), history, seed=1, method="laplace")
    spent.save(tmp_path / "spend")
    again = load_fit(tmp_path / "spend", model=ExponentialGamma())
    value = lifetime_value(
        bought, again, history, horizon=weeks(26), discount=Discount(per_year=0.1), seed=1
    )
    assert (value.mean() > 0).all()
    np.testing.assert_array_equal(
        spent.expected_value(history).mean(), again.expected_value(history).mean()
    )
