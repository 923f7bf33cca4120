"""The protocols of models: what a purchase, spend or channel model must implement.

A model is mathematics only. Tables, pooling and sampling are implemented once and work
for every model. One log-likelihood serves the kernel, NumPy and PyTensor, because the
array functions that it uses are passed in (`ArrayNamespace`).
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from omniltv._options import checked
from omniltv.units import Span

__all__ = [
    "Array",
    "ArrayNamespace",
    "ChannelModel",
    "ChannelState",
    "Coordinate",
    "CountModel",
    "Future",
    "LifetimeModel",
    "Model",
    "Parameters",
    "PurchaseModel",
    "PurchaseState",
    "RateModel",
    "SpendModel",
    "SpendState",
]

type Array = Any
"""A NumPy array, a traced value or a PyTensor variable, depending on the namespace."""

type Parameters = Mapping[str, NDArray[np.float64]]
"""Reported parameters by name; arrays that broadcast against the states."""


class ArrayNamespace(Protocol):
    """The array functions that a log-likelihood may use.

    `NUMPY` implements them on NumPy arrays. The fit passes in a namespace that records the
    operations.

    Examples:
        >>> from omniltv.models.processes import NUMPY
        >>> def log_odds(xp: ArrayNamespace, share: Array) -> Array:
        ...     return xp.log(share) - xp.log1p(-share)
        >>> log_odds(NUMPY, np.array([0.5]))
        array([0.])
    """

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
        """Return log of the gamma function; fast if x depends on no statistic but frequency."""
        ...

    def sigmoid(self, x: Array) -> Array:
        """Return 1 / (1 + exp(-x))."""
        ...

    def logaddexp(self, x: Array, y: Array) -> Array:
        """Return log(exp(x) + exp(y)) without overflow."""
        ...

    def where(self, condition: Array, x: Array, y: Array) -> Array:
        """Return x where the condition holds and y elsewhere; both must be finite."""
        ...

    def maximum(self, x: Array, y: Array) -> Array:
        """Return the elementwise maximum."""
        ...


@checked
@dataclass(frozen=True, slots=True)
class Coordinate:
    """An unconstrained coordinate that is sampled, with its default prior.

    The prior of the coordinate (of its population mean under partial pooling) is
    Normal(mean, sd). The mean is relative to the scale of the data: a coordinate with
    ``scale="time"`` is shifted by -log of the mean observation time, and one with
    ``scale="value"`` by +log of the mean value. The prior therefore means the same in days
    and in years, in yen and in euros.

    Attributes:
        name: Such as ``log_rate``.
        mean: Prior mean.
        sd: Prior standard deviation.
        group_sd: Prior median of the standard deviation between groups under partial
            pooling. The prior is log-normal; its 95 % interval is a factor of 4.4 in both
            directions. It excludes a standard deviation of zero, where a hierarchy is hard
            to sample and which real channels do not have (Chung et al. 2013).
        scale: How the coordinate changes with the units of the data.

    Examples:
        >>> Coordinate("log_rate", mean=0.0, sd=1.5, scale="time").group_sd
        0.3
    """

    name: str
    mean: float
    sd: float
    group_sd: float = 0.3
    scale: Literal["none", "time", "value"] = "none"


class PurchaseState(NamedTuple):
    """The statistics that a purchase model uses: one entry per state, all of the same shape.

    Attributes:
        frequency: Repeat purchases x, of shape (n,).
        recency: Time of the last one t_x, counted from the first purchase, of shape (n,).
        T: Observation time since the first purchase, of shape (n,).

    Examples:
        >>> PurchaseState(np.array([2.0]), np.array([30.4]), np.array([38.9])).frequency
        array([2.])
    """

    frequency: Array
    recency: Array
    T: Array


class SpendState(NamedTuple):
    """The statistics that a spend model uses: one entry per state, all of the same shape.

    Attributes:
        frequency: Repeat purchases, of shape (n,).
        monetary_value: Their mean value, of shape (n,); NaN where there are none.

    Examples:
        >>> SpendState(np.array([2.0]), np.array([11.5])).monetary_value
        array([11.5])
    """

    frequency: Array
    monetary_value: Array


class ChannelState(NamedTuple):
    """The statistics that a channel model uses: one entry per purchase after a customer's first.

    Attributes:
        channel: Position of the channel of the purchase, of shape (n,).
        own: Weight of the customer's earlier purchases on that channel, of shape (n,); the
            first purchase does not count.
        total: Weight of the customer's earlier purchases on all channels, of shape (n,).

    Examples:
        >>> ChannelState(np.array([1.0]), np.array([2.0]), np.array([3.0])).total
        array([3.])
    """

    channel: Array
    own: Array
    total: Array


class Future(NamedTuple):
    """Simulated futures: one entry per simulated purchase, in no particular order.

    Attributes:
        row: Which state (position in the simulated batch) bought.
        time: Time of the purchase, counted from the end of observation, in the unit of the
            history.

    Examples:
        >>> future = Future(row=np.array([0, 0, 2]), time=np.array([0.5, 3.0, 1.0]))
        >>> np.bincount(future.row, minlength=3)
        array([2, 0, 1])
    """

    row: NDArray[np.intp]
    time: NDArray[np.float64]


class Model(Hashable, Protocol):
    """The members that all models have: a name, coordinates and a log-likelihood.

    Examples:
        >>> from omniltv.models import BgNbd
        >>> model: Model = BgNbd()
        >>> model.name, [item.name for item in model.coordinates]
        ('bg_nbd', ['log_rate', 'log_shape', 'logit_dropout', 'log_concentration'])
    """

    @property
    def name(self) -> str:
        """Stable name; checked when a saved fit is loaded."""
        ...

    @property
    def version(self) -> int:
        """Version; increased when the meaning of a parameter changes."""
        ...

    @property
    def coordinates(self) -> tuple[Coordinate, ...]:
        """The sampled coordinates: unconstrained and nearly independent."""
        ...

    def parameters(
        self, xp: ArrayNamespace, coordinates: Mapping[str, Array]
    ) -> Mapping[str, Array]:
        """Return the reported parameters from the sampled coordinates."""
        ...

    def loglik(self, xp: ArrayNamespace, parameters: Mapping[str, Array], state: Array) -> Array:
        """Return the log-likelihood of each state; parameters broadcast against it."""
        ...


@runtime_checkable
class PurchaseModel(Model, Protocol):
    """A model of purchases and dropout; `omniltv.testing` has the laws that it must satisfy.

    Examples:
        >>> from omniltv.models import BgNbd, GammaGamma
        >>> isinstance(BgNbd(), PurchaseModel), isinstance(GammaGamma(), PurchaseModel)
        (True, False)
    """

    @property
    def discrete(self) -> bool:
        """Whether time is discrete (opportunities to buy) instead of continuous."""
        ...

    def loglik(
        self, xp: ArrayNamespace, parameters: Mapping[str, Array], state: PurchaseState
    ) -> Array:
        """Return the log-likelihood of each state; parameters broadcast against it."""
        ...

    def prob_alive(self, parameters: Parameters, state: PurchaseState) -> NDArray[np.float64]:
        """Return the probability that the customer is still active."""
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
        """Return simulated histories of new customers observed for ``T``, in the shape of ``T``."""
        ...

    def simulate_future(
        self,
        parameters: Parameters,
        state: PurchaseState,
        horizon: float,
        rng: np.random.Generator,
    ) -> Future:
        """Return simulated purchases of each customer within ``horizon``.

        The customer's rate and dropout are drawn from their posterior given the parameters.
        Parameters have the shape of the states, or are scalars.
        """
        ...


@runtime_checkable
class RateModel(Protocol):
    """A purchase model that knows the rate of a customer; spend can then depend on it.

    Examples:
        >>> from omniltv.models import BgNbd, ShiftedBetaGeometric
        >>> isinstance(BgNbd(), RateModel), isinstance(ShiftedBetaGeometric(), RateModel)
        (True, False)
    """

    def log_rate(
        self, parameters: Parameters, state: PurchaseState, *, ahead: bool = False
    ) -> NDArray[np.float64]:
        """Return the expected log of each customer's purchase rate given the history.

        Args:
            parameters: Reported parameters; they broadcast against the states.
            state: The histories.
            ahead: The expectation over the future purchases of a customer who is alive,
                instead of over what is known of the customer: if more frequent buyers spend
                more, the next purchase is more likely one of a frequent buyer.
        """
        ...


@runtime_checkable
class CountModel(Protocol):
    """A purchase model with a formula for the number of future purchases.

    It is optional: without it, the probabilities follow from the likelihood, or from simulated
    futures if the likelihood cannot give them (`PurchaseFit.prob_purchases`).

    Examples:
        >>> from omniltv.models import BgNbd, ParetoNbd
        >>> isinstance(BgNbd(), CountModel), isinstance(ParetoNbd(), CountModel)
        (True, False)
    """

    def prob_purchases(
        self,
        parameters: Parameters,
        state: PurchaseState,
        horizon: NDArray[np.float64],
        count: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """Return the probability of exactly ``count`` purchases within ``horizon``.

        Args:
            parameters: Reported parameters; they broadcast against the states.
            state: The histories.
            horizon: Time after the end of observation.
            count: Numbers of purchases; they broadcast against the states.
        """
        ...


@runtime_checkable
class LifetimeModel(Protocol):
    """A purchase model with a formula for P(alive) at a future moment.

    It is optional: without it, the probability is the mean of `PurchaseModel.prob_alive` over
    simulated futures (`PurchaseFit.prob_alive`).

    Examples:
        >>> from omniltv.models import BgNbd, GammaGamma
        >>> isinstance(BgNbd(), LifetimeModel), isinstance(GammaGamma(), LifetimeModel)
        (True, False)
    """

    def prob_alive_after(
        self, parameters: Parameters, state: PurchaseState, after: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the probability that the customer is still active ``after`` the observation."""
        ...


@runtime_checkable
class SpendModel(Model, Protocol):
    """A model of the value of a purchase, independent of the purchase frequency.

    Examples:
        >>> from omniltv.models import GammaGamma
        >>> isinstance(GammaGamma(), SpendModel)
        True
    """

    def loglik(
        self, xp: ArrayNamespace, parameters: Mapping[str, Array], state: SpendState
    ) -> Array:
        """Return the log-likelihood of each state with at least one repeat purchase."""
        ...

    def expected_value(self, parameters: Parameters, state: SpendState) -> NDArray[np.float64]:
        """Return the customer's expected value per purchase given the history.

        For a customer without repeat purchases (frequency 0, monetary value NaN) it is the
        population mean.
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

        The customer's mean is drawn once from its posterior given the parameters. Each
        purchase is then drawn around that mean.
        """
        ...


@runtime_checkable
class ChannelModel(Model, Protocol):
    """A model of the channel of each purchase, given the customer's earlier purchases.

    Examples:
        >>> from omniltv.models import PolyaUrn
        >>> isinstance(PolyaUrn(("ec", "store")), ChannelModel)
        True
    """

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels, sorted."""
        ...

    @property
    def half_life(self) -> Span | None:
        """Time after which a purchase counts half; None if all purchases count fully."""
        ...

    def loglik(
        self, xp: ArrayNamespace, parameters: Mapping[str, Array], state: ChannelState
    ) -> Array:
        """Return the log probability of the channel of each purchase."""
        ...

    def expected_share(
        self,
        parameters: Parameters,
        own: NDArray[np.float64],
        total: NDArray[np.float64],
        channel: str,
    ) -> NDArray[np.float64]:
        """Return the expected share of a channel in a customer's next purchases.

        Args:
            parameters: Reported parameters; they broadcast against the weights.
            own: Weight of the customer's purchases on that channel.
            total: Weight of the customer's purchases on all channels.
            channel: The channel.
        """
        ...
