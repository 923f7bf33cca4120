"""What a model has to say for itself: the plug-in points of the models room.

A purchase or spend model is maths only. It knows neither tables, nor pooling,
nor the sampler: those are written once and work for every model. One
log-likelihood serves NumPy and PyTensor, because the array functions that it
may use are handed to it (`ArrayNamespace`).
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ArrayNamespace",
    "Coordinate",
    "Future",
    "Model",
    "Parameters",
    "PurchaseModel",
    "PurchaseState",
    "SpendModel",
    "SpendState",
]

type Array = Any
"""A NumPy array or a PyTensor variable: whatever the namespace works on."""

type Parameters = Mapping[str, NDArray[np.float64]]
"""Reported parameters by name; arrays that broadcast against the states."""


class ArrayNamespace(Protocol):
    """The array functions that a log-likelihood may use, with NumPy's or PyTensor's inside."""

    def exp(self, x: Array) -> Array:
        """Return e to the x."""
        ...

    def log(self, x: Array) -> Array:
        """Return the natural logarithm."""
        ...

    def log1p(self, x: Array) -> Array:
        """Return log(1 + x), exact for small x."""
        ...

    def gammaln(self, x: Array) -> Array:
        """Return log of the gamma function; fast where x depends on no statistic but frequency."""
        ...

    def sigmoid(self, x: Array) -> Array:
        """Return 1 / (1 + exp(-x))."""
        ...

    def logaddexp(self, x: Array, y: Array) -> Array:
        """Return log(exp(x) + exp(y)) without overflow."""
        ...

    def where(self, condition: Array, x: Array, y: Array) -> Array:
        """Return x where the condition holds, else y; both must be finite."""
        ...

    def maximum(self, x: Array, y: Array) -> Array:
        """Return the larger of the two, entry by entry."""
        ...


@dataclass(frozen=True, slots=True)
class Coordinate:
    """One unconstrained coordinate that is sampled, with its default prior.

    The prior of the coordinate (of its population mean under partial pooling) is
    Normal(mean, sd), where ``mean`` is understood in the data's own scale: a
    coordinate with ``scale="time"`` is shifted by -log of the mean observation
    time, one with ``scale="value"`` by +log of the mean value, so that the prior
    says the same in days as in years, in yen as in euro.

    Attributes:
        name: Such as ``log_rate``.
        mean: Prior mean.
        sd: Prior standard deviation.
        group_sd: Prior median of the spread between groups under partial pooling. The
            prior is log-normal, a factor of 4.4 either way at 95 %: groups differ
            somewhat, and a spread of nought, where hierarchies are hard to sample and
            real channels are not, is left out (Chung et al. 2013).
        scale: How the coordinate moves with the units of the data.
    """

    name: str
    mean: float
    sd: float
    group_sd: float = 0.3
    scale: Literal["none", "time", "value"] = "none"


class PurchaseState(NamedTuple):
    """What a purchase model knows of customers: equal shapes, one entry per state.

    Attributes:
        frequency: Repeat purchases x, shape (n,).
        recency: Time of the last one t_x, counted from the first purchase, shape (n,).
        T: Observation length from the first purchase, shape (n,).
    """

    frequency: Array
    recency: Array
    T: Array


class SpendState(NamedTuple):
    """What a spend model knows: repeat purchases and their mean value, shape (n,) each."""

    frequency: Array
    monetary_value: Array


class Future(NamedTuple):
    """Simulated futures: one entry per simulated purchase, in no particular order.

    Attributes:
        row: Which state (position in the simulated batch) bought.
        time: When, counted from the end of observation, in the unit of the history.
    """

    row: NDArray[np.intp]
    time: NDArray[np.float64]


class Model(Hashable, Protocol):
    """What purchase and spend models have in common: a name, and what is sampled."""

    @property
    def name(self) -> str:
        """Stable name that a saved fit is checked against."""
        ...

    @property
    def version(self) -> int:
        """Raised whenever the meaning of the parameters changes."""
        ...

    @property
    def coordinates(self) -> tuple[Coordinate, ...]:
        """What is sampled, in near-independent unconstrained coordinates."""
        ...

    def parameters(
        self, xp: ArrayNamespace, coordinates: Mapping[str, Array]
    ) -> Mapping[str, Array]:
        """Return the reported parameters from the sampled coordinates."""
        ...


@runtime_checkable
class PurchaseModel(Model, Protocol):
    """A process of purchases and dropout. `omniltv.testing` has the laws it must keep."""

    @property
    def discrete(self) -> bool:
        """Whether time runs in whole opportunities to buy, rather than continuously."""
        ...

    def loglik(
        self, xp: ArrayNamespace, parameters: Mapping[str, Array], state: PurchaseState
    ) -> Array:
        """Return the log-likelihood of each state; parameters broadcast against it."""
        ...

    def prob_alive(self, parameters: Parameters, state: PurchaseState) -> NDArray[np.float64]:
        """Return the probability that the customer has not dropped out."""
        ...

    def expected_purchases(
        self, parameters: Parameters, state: PurchaseState, horizon: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the expected purchases within ``horizon`` after the end of observation."""
        ...

    def expected_purchases_new(
        self, parameters: Parameters, horizon: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the expected repeat purchases of a new customer within ``horizon``."""
        ...

    def simulate(
        self, parameters: Parameters, T: NDArray[np.float64], rng: np.random.Generator
    ) -> PurchaseState:
        """Return histories of new customers observed for ``T``, of the shape of ``T``."""
        ...

    def simulate_future(
        self,
        parameters: Parameters,
        state: PurchaseState,
        horizon: float,
        rng: np.random.Generator,
    ) -> Future:
        """Return the purchases within ``horizon`` of one draw of each customer.

        Latent rate and dropout are drawn from each customer's own posterior given
        the parameters. Parameters have the shape of the states, or are scalars.
        """
        ...


@runtime_checkable
class SpendModel(Model, Protocol):
    """A model of the value of a purchase, independent of how often it happens."""

    def loglik(
        self, xp: ArrayNamespace, parameters: Mapping[str, Array], state: SpendState
    ) -> Array:
        """Return the log-likelihood of each state with at least one repeat purchase."""
        ...

    def expected_value(self, parameters: Parameters, state: SpendState) -> NDArray[np.float64]:
        """Return the customer's expected value per purchase given the history.

        A customer without repeat purchases (frequency 0; monetary value NaN) gets the
        population's mean.
        """
        ...

    def simulate(
        self, parameters: Parameters, frequency: NDArray[np.int64], rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """Return the mean value of ``frequency`` purchases of new customers; NaN where 0."""
        ...

    def simulate_future(
        self,
        parameters: Parameters,
        state: SpendState,
        row: NDArray[np.intp],
        rng: np.random.Generator,
    ) -> NDArray[np.float64]:
        """Return the value of each future purchase of customer ``row``, shape of ``row``.

        The customer's own mean is drawn once per customer from the posterior given
        the parameters, then each purchase around it.
        """
        ...
