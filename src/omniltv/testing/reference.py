"""Numbers that the literature has printed, with their sources.

CDNOW is the systematic 1/10 sample of the cohort of January to March 1997: 2,357
customers, calibrated on weeks 1 to 39 (time in weeks). The amounts of the gamma-gamma
model are those of the 946 customers with at least one repeat purchase.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["BG_NBD_CDNOW", "BG_NBD_CUSTOMER", "GAMMA_GAMMA_CDNOW", "Published", "PublishedCustomer"]


@dataclass(frozen=True)
class Published:
    """Estimates as they were printed.

    Attributes:
        source: Where they were printed.
        parameters: Maximum-likelihood estimates by reported parameter.
        decimals: Digits after the point that were printed.
        loglik: Log-likelihood at the estimates; None where none was printed.
        customers: How many customers they were estimated on.
    """

    source: str
    parameters: Mapping[str, float]
    decimals: int
    loglik: float | None
    customers: int


@dataclass(frozen=True)
class PublishedCustomer:
    """A worked example: what the estimates say of one customer.

    Attributes:
        source: Where it was printed.
        frequency: Repeat purchases x.
        recency: Time of the last one t_x, in weeks.
        T: Observation length, in weeks.
        horizon: How far ahead, in weeks.
        expected_purchases: Expected purchases within the horizon, to three decimals.
    """

    source: str
    frequency: int
    recency: float
    T: float
    horizon: float
    expected_purchases: float


BG_NBD_CDNOW = Published(
    source="Fader, Hardie and Lee (2005), Marketing Science 24(2), Table 2",
    parameters=MappingProxyType({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}),
    decimals=3,
    loglik=-9582.4,
    customers=2_357,
)

BG_NBD_CUSTOMER = PublishedCustomer(
    source="Fader, Hardie and Lee (2005), Implementing the BG/NBD Model in Excel, note 004",
    frequency=2,
    recency=30.43,
    T=38.86,
    horizon=39.0,
    expected_purchases=1.226,
)

GAMMA_GAMMA_CDNOW = Published(
    source="Fader and Hardie (2013), The Gamma-Gamma Model of Monetary Value, note 025",
    parameters=MappingProxyType({"p": 6.25, "q": 3.74, "v": 15.44}),
    decimals=2,
    loglik=None,
    customers=946,
)
