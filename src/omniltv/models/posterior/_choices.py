"""The channels of purchases in order, each with the weights of the customer's earlier ones."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from omniltv._arrays import Codes, Flags, Vector
from omniltv.data.log import PurchaseLog
from omniltv.errors import ConfigError, DataError, FitError
from omniltv.models.processes.protocols import ChannelState
from omniltv.units import Span, TimeUnit

__all__ = ["ACQUISITION", "Choices", "Habits"]

ACQUISITION = "acquisition_channel"
"""Name of the group column: the channel of a customer's first purchase."""

_LARGEST = 600.0  # exp of larger values overflows


@dataclass(frozen=True, eq=False)
class Habits:
    """What is known about the channels of customers at the end of a log.

    Attributes:
        customer_id: The customers, of shape (n_rows,).
        groups: Acquisition channel of each customer.
        weight: Weight of the purchases after the first, of shape (n_rows, n_channels).
    """

    customer_id: NDArray[np.object_]
    groups: Mapping[str, NDArray[np.str_]]
    weight: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.customer_id)

    @property
    def covariates(self) -> Mapping[str, Vector]:
        """No covariates: a log has none."""
        return {}

    def take(self, rows: NDArray[np.intp]) -> "Habits":
        """Return the habits of some rows."""
        groups = {name: values[rows] for name, values in self.groups.items()}
        return Habits(self.customer_id[rows], groups, self.weight[rows])


@dataclass(frozen=True, eq=False)
class Choices:
    """Purchases in order, customer by customer.

    Attributes:
        customer_id: The customers, of shape (n_customers,).
        acquired: Channel of the first purchase of each customer, by position, same shape.
        customer: Customer of each purchase, by position, ascending, of shape (n,).
        channel: Channel of each purchase, by position, same shape.
        when: Time in days, same shape; ascending within a customer.
        first: Whether it is the customer's first purchase, same shape.
        channels: The channels.
    """

    customer_id: NDArray[np.object_]
    acquired: Codes
    customer: NDArray[np.intp]
    channel: Codes
    when: Vector
    first: Flags
    channels: tuple[str, ...]

    @classmethod
    def of(cls, log: PurchaseLog[object], channels: tuple[str, ...]) -> "Choices":
        """Return the purchases of a log.

        Args:
            log: The purchases.
            channels: The channels of the model.

        Raises:
            DataError: If the log has a channel that the model does not have.
        """
        order = np.lexsort((log.time, log.customer))
        customer = log.customer[order]
        channel = _places(log.channels, channels)[log.channel[order]]
        when = log.time[order].astype("datetime64[s]").astype(np.float64) / 86_400
        first = np.ones(len(customer), dtype=bool)
        first[1:] = customer[1:] != customer[:-1]
        acquired = np.empty(len(log.customer_id), dtype=np.int64)
        acquired[customer[first]] = channel[first]
        return cls(log.customer_id, acquired, customer, channel, when, first, channels)

    @property
    def groups_of_purchases(self) -> Mapping[str, NDArray[np.str_]]:
        """Acquisition channel of the customer of each purchase after the first."""
        acquired = self.acquired[self.customer[~self.first]]
        return {ACQUISITION: np.asarray(self.channels, dtype=str)[acquired]}

    def states(self, half_life: Span | None) -> ChannelState:
        """Return each purchase after the first, given the earlier ones.

        Raises:
            FitError: If no customer bought twice.
            ConfigError: If the half-life is too short for the length of the log.
        """
        if self.first.all():
            raise FitError("no customer bought twice, so habits are unknown. Hint: a longer log")
        own, total = np.zeros((2, len(self.when)))
        for place in range(len(self.channels)):
            mine = self.channel == place
            before = self._before(mine, half_life)
            own[mine] = before[mine]
            total += before
        later = ~self.first
        return ChannelState(self.channel[later].astype(np.float64), own[later], total[later])

    def habits(self, customer_id: ArrayLike | None, half_life: Span | None) -> Habits:
        """Return the habits of customers at the end of the log.

        Args:
            customer_id: The customers, of shape (n_rows,); all if None.
            half_life: Time after which a purchase counts half.

        Raises:
            DataError: If a customer is not in the log.
        """
        wanted = self.customer_id if customer_id is None else customer_id
        ids = np.asarray(wanted, dtype=object)
        row = pd.Index(self.customer_id).get_indexer(pd.Index(ids))
        if (row < 0).any():
            rows = ids[row < 0].tolist()
            hint = "use the log that the history was made from"
            problem = "customers who are not in the log"
            raise DataError(problem, column="customer_id", rows=rows, hint=hint)
        acquired = np.asarray(self.channels, dtype=str)[self.acquired[row]]
        return Habits(ids, {ACQUISITION: acquired}, self._weights(half_life)[row])

    def _weights(self, half_life: Span | None) -> NDArray[np.float64]:
        rate, end = _rate(half_life), float(self.when.max())
        faded = np.exp(-rate * (end - self.when)) * ~self.first
        shape = (len(self.customer_id), len(self.channels))
        cell = self.customer * len(self.channels) + self.channel
        return np.bincount(cell, weights=faded, minlength=shape[0] * shape[1]).reshape(shape)

    def _before(self, mine: Flags, half_life: Span | None) -> Vector:
        """Return the weight of earlier purchases of a kind, except the first, at each purchase."""
        rate = _rate(half_life)
        since = self.when - self.when[self.first][np.cumsum(self.first) - 1]
        if rate * since.max(initial=0.0) > _LARGEST:
            raise ConfigError(f"a half-life of {half_life} is too short for a log of this length")
        grown = np.exp(rate * since) * (mine & ~self.first)
        summed = pd.Series(grown).groupby(self.customer).cumsum().to_numpy(dtype=np.float64)
        return np.asarray((summed - grown) * np.exp(-rate * since), dtype=np.float64)


def _places(names: tuple[str, ...], channels: tuple[str, ...]) -> Codes:
    """Return the position of each channel of a log among those of a model."""
    strange = [name for name in names if name not in channels]
    if strange:
        problem = f"channels that the model does not have: {', '.join(strange)}"
        raise DataError(problem, column="channel", hint="fit_channel_mix(log, seed=1)")
    return np.array([channels.index(name) for name in names], dtype=np.int64)


def _rate(half_life: Span | None) -> float:
    return 0.0 if half_life is None else float(np.log(2) / half_life.to(TimeUnit.DAY))
