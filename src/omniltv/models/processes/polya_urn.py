"""The Pólya urn: over which channels the purchases of a customer split.

Eggenberger and Pólya (1923), Über die Statistik verketteter Vorgänge, ZAMM 3(4). Each
customer has an urn. It starts with kappa balls in the proportions m of the customer's
acquisition channel, each purchase adds a ball of its channel, and the channel of the next
purchase is a ball drawn at random. The channels of a customer's purchases then follow the
Dirichlet-multinomial distribution. With a half-life, balls lose weight as they age, so the
model follows customers whose habits change.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniltv._options import checked_init
from omniltv.errors import ConfigError
from omniltv.models.processes.protocols import (
    Array,
    ArrayNamespace,
    ChannelState,
    Coordinate,
    Parameters,
)
from omniltv.units import Span

__all__ = ["PolyaUrn"]


@checked_init
@dataclass(frozen=True, slots=True)
class PolyaUrn:
    """The Pólya urn of channels, with reported parameters kappa and ``share[channel]``.

    ``kappa`` is the number of purchases that the habits of the acquisition channel count
    for. ``share[channel]`` are its proportions m. They are sampled as log kappa and as the
    log odds of each channel against the first.

    Attributes:
        channels: The channels, sorted.
        half_life: Time after which a purchase counts half; None if all count fully.

    Raises:
        ConfigError: If there is no channel, or a channel appears twice.

    Examples:
        >>> urn = PolyaUrn(("ec", "store"))
        >>> parameters = {"kappa": 2.0, "share[ec]": 0.75, "share[store]": 0.25}
        >>> urn.expected_share(parameters, np.array([3.0]), np.array([4.0]), "store").round(2)
        array([0.58])
    """

    channels: tuple[str, ...]
    half_life: Span | None = None

    name = "polya_urn"
    version = 1

    def __post_init__(self) -> None:
        if not self.channels or len(set(self.channels)) < len(self.channels):
            message = f"an urn needs channels, each once, got {self.channels!r}"
            raise ConfigError(f"{message}. Hint: PolyaUrn(log.channels)")

    @property
    def coordinates(self) -> tuple[Coordinate, ...]:
        """The log of kappa, and the log odds of each channel against the first."""
        odds = (Coordinate(_odds(name), mean=0.0, sd=1.5, group_sd=1.0) for name in self._others)
        return (Coordinate("log_concentration", mean=0.5, sd=1.0), *odds)

    def parameters(
        self, xp: ArrayNamespace, coordinates: Mapping[str, Array]
    ) -> Mapping[str, Array]:
        """Return kappa and the shares from the sampled coordinates."""
        kappa = xp.exp(coordinates["log_concentration"])
        one = kappa / kappa  # has the shape of the draws even if there is only one channel
        odds = [one, *(xp.exp(coordinates[_odds(name)]) for name in self._others)]
        whole = sum(odds[1:], start=one)
        shares = {
            _share(name): item / whole for name, item in zip(self.channels, odds, strict=True)
        }
        return {"kappa": kappa, **shares}

    def loglik(
        self, xp: ArrayNamespace, parameters: Mapping[str, Array], state: ChannelState
    ) -> Array:
        """Return the log probability of the channel of each purchase."""
        kappa, drawn = parameters["kappa"], np.asarray(state.channel)
        start = sum(
            parameters[_share(name)] * (drawn == place).astype(np.float64)
            for place, name in enumerate(self.channels)
        )
        return xp.log(kappa * start + state.own) - xp.log(kappa + state.total)

    def expected_share(
        self,
        parameters: Parameters,
        own: NDArray[np.float64],
        total: NDArray[np.float64],
        channel: str,
    ) -> NDArray[np.float64]:
        """Return the share of the channel among the balls of the urn."""
        kappa = parameters["kappa"]
        return np.asarray((kappa * parameters[_share(channel)] + own) / (kappa + total))

    @property
    def _others(self) -> tuple[str, ...]:
        return self.channels[1:]


def _odds(channel: str) -> str:
    return f"log_odds[{channel}]"


def _share(channel: str) -> str:
    return f"share[{channel}]"
