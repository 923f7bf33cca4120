"""Simulated customers for timing: four channels, days as the unit, up to ten million rows.

Customers buy by BG/NBD and pay by gamma-gamma, with parameters of their channel, observed
for 30 to 730 days. Purchases are known to the day, as a till knows them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniltv.data.history import PurchaseHistory
from omniltv.models import BgNbd, GammaGamma
from omniltv.models.processes.protocols import Parameters
from omniltv.units import TimeUnit

__all__ = ["CHANNELS", "POPULATION", "Channel", "simulate"]

SHORTEST, LONGEST = 30, 730  # days
_CHUNK = 500_000  # customers simulated at once: of ten million, memory is for the columns
_CENT = 100.0


@dataclass(frozen=True)
class Channel:
    """A channel, or a whole population.

    Attributes:
        name: Its label.
        share: Its share of the customers.
        purchases: r, alpha (in days), a, b.
        spend: p, q, v.
    """

    name: str
    share: float
    purchases: tuple[float, float, float, float]
    spend: tuple[float, float, float]

    @property
    def buying(self) -> Parameters:
        """Parameters of BG/NBD by name."""
        return _named(("r", "alpha", "a", "b"), self.purchases)

    @property
    def spending(self) -> Parameters:
        """Parameters of gamma-gamma by name."""
        return _named(("p", "q", "v"), self.spend)


POPULATION = (Channel("all", 1.0, (0.45, 70.0, 0.8, 3.0), (6.0, 4.0, 15.0)),)
CHANNELS = (
    Channel("store", 0.4, (0.5, 80.0, 0.7, 3.2), (6.0, 4.0, 15.0)),
    Channel("web", 0.3, (0.35, 60.0, 1.0, 2.4), (5.0, 3.6, 18.0)),
    Channel("app", 0.2, (0.6, 60.0, 0.6, 3.6), (7.0, 4.4, 12.0)),
    Channel("market", 0.1, (0.3, 65.0, 1.1, 2.2), (5.5, 4.0, 20.0)),
)


def simulate(n: int, channels: Sequence[Channel], *, seed: int) -> PurchaseHistory:
    """Return ``n`` customers; their channel is the group ``channel`` where there are several."""
    rng = np.random.default_rng(seed)
    code = rng.choice(len(channels), n, p=[channel.share for channel in channels])
    T = rng.integers(SHORTEST, LONGEST, n, endpoint=True).astype(np.float64)
    x, recency, value = np.zeros(n, dtype=np.int64), np.zeros(n), np.full(n, np.nan)
    for k, channel in enumerate(channels):
        members = np.flatnonzero(code == k)
        for rows in np.array_split(members, max(1, -(-len(members) // _CHUNK))):
            x[rows], recency[rows], value[rows] = _bought(channel, T[rows], rng)
    names = np.array([channel.name for channel in channels])
    return PurchaseHistory(
        customer_id=np.arange(n).astype(object),
        frequency=x,
        recency=recency,
        T=T,
        monetary_value=value,
        unit=TimeUnit.DAY,
        groups={"channel": names[code]} if len(channels) > 1 else {},
    )


def _bought(
    channel: Channel, T: NDArray[np.float64], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return frequency, the day of the last purchase and the mean value to the cent."""
    x, recency, _ = BgNbd().simulate(channel.buying, T, rng)
    frequency = np.asarray(x, dtype=np.int64)
    value = GammaGamma().simulate(channel.spending, frequency, rng)
    cents = np.maximum(np.round(value * _CENT), 1.0) / _CENT
    return frequency, np.ceil(np.asarray(recency)), cents


def _named(names: Sequence[str], values: Sequence[float]) -> Parameters:
    return {name: np.asarray(value) for name, value in zip(names, values, strict=True)}
