"""Published numbers, with their sources.

CDNOW is the systematic 1/10 sample of the cohort of January to March 1997: 2,357
customers, calibrated on weeks 1 to 39 (time in weeks). The amounts of the gamma-gamma
model are those of the 946 customers with at least one repeat purchase.

Donations are those of 11,104 supporters who first gave in 1995, over the six years to
2001 (one opportunity a year). Fader, Hardie and Shang (2010), Marketing Science 29(6),
1086-1108, and the workbook of Fader and Hardie (2011), Implementing the BG/BB Model for
Customer-Base Analysis in Excel, note 010. Counts by x and t_x as lifetimes has them
(github.com/CamDavidsonPilon/lifetimes, lifetimes/datasets/donations.csv), which also
quotes the workbook, in tests/test_estimation.py.

Subscribers are two cohorts of 1,000 over seven years, of Berry and Linoff. Fader and
Hardie (2007), How to Project Customer Retention, Journal of Interactive Marketing 21(1),
76-90, Table 1 and Appendix B.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from omniltv.data.history import PurchaseHistory
from omniltv.units import TimeUnit

__all__ = [
    "BG_BB_DONATIONS",
    "BG_BB_DONORS",
    "BG_BB_NEW_DONORS",
    "BG_NBD_CDNOW",
    "BG_NBD_CUSTOMER",
    "CDNOW_BY_FREQUENCY",
    "GAMMA_GAMMA_CDNOW",
    "MBG_CNBD_2_CUSTOMERS",
    "MBG_CNBD_2_GROCERIES",
    "MBG_NBD_CDNOW",
    "PARETO_NBD_CDNOW",
    "PARETO_NBD_CUSTOMER",
    "PARETO_NBD_NEW_CUSTOMER",
    "PARETO_NBD_QUIET",
    "SHIFTED_BETA_GEOMETRIC",
    "SURVIVAL_HIGH_END",
    "Published",
    "PublishedByFrequency",
    "PublishedCustomer",
    "donations",
    "subscribers",
]


@dataclass(frozen=True)
class Published:
    """Published estimates.

    Attributes:
        source: Where they were printed.
        parameters: Maximum-likelihood estimates by reported parameter.
        decimals: Number of printed decimals.
        loglik: Log-likelihood at the estimates; None if it was not printed.
        customers: Number of customers; None if it was not printed.
        loglik_decimals: Number of printed decimals of the log-likelihood.
    """

    source: str
    parameters: Mapping[str, float]
    decimals: int
    loglik: float | None
    customers: int | None
    loglik_decimals: int = 1


@dataclass(frozen=True)
class PublishedCustomer:
    """A published example: the forecast of one customer given the estimates.

    Attributes:
        source: Where it was printed.
        frequency: Repeat purchases x.
        recency: Time of the last one t_x, in the unit of the estimates.
        T: Observation length.
        horizon: Length of the forecast.
        expected_purchases: Expected purchases within the horizon; None if not printed.
        decimals: Number of printed decimals of the expected purchases.
        prob_alive: P(alive) at the end of observation; None if not printed.
        alive_decimals: Number of printed decimals of P(alive).
    """

    source: str
    frequency: int
    recency: float
    T: float
    horizon: float
    expected_purchases: float | None
    decimals: int = 3
    prob_alive: float | None = None
    alive_decimals: int = 4


@dataclass(frozen=True)
class PublishedByFrequency:
    """Repeat purchases of weeks 40 to 78 per customer, by frequency in weeks 1 to 39.

    Attributes:
        source: Where they were printed.
        customers: Number of customers with 0, 1 … 6, and 7 or more.
        actual: Actual mean purchases.
        expected: Purchases that the Pareto/NBD model predicted.

    Examples:
        >>> sum(CDNOW_BY_FREQUENCY.customers)
        2357
    """

    source: str
    customers: tuple[int, ...]
    actual: tuple[float, ...]
    expected: tuple[float, ...]


_FHL_2005 = "Fader, Hardie and Lee (2005), Marketing Science 24(2), Table 2"
_BTYD = "McCarthy and Wadsworth, Buy 'Til You Die - A Walkthrough, vignette of BTYD 2.4.3"
_BTYDPLUS = "Platzer, Customer Base Analysis with BTYDplus, vignette of 2021-01-20, pages 16 to 18"
_WORKBOOK = "Fader and Hardie (2011), Implementing the BG/BB Model in Excel, note 010"
_RETENTION = "Fader and Hardie (2007), Journal of Interactive Marketing 21(1), 76-90, Appendix B"

BG_NBD_CDNOW = Published(
    source=_FHL_2005,
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

MBG_NBD_CDNOW = Published(
    source="BTYDplus, as lifetimes quotes it (tests/test_estimation.py, "
    "test_params_out_is_close_to_BTYDplus)",
    parameters=MappingProxyType({"r": 0.525, "alpha": 6.183, "a": 0.891, "b": 1.614}),
    decimals=3,
    loglik=None,
    customers=2_357,
)

MBG_CNBD_2_GROCERIES = Published(
    source=_BTYDPLUS,
    parameters=MappingProxyType({"r": 1.329, "alpha": 2.813, "a": 0.425, "b": 0.790}),
    decimals=3,
    loglik=None,
    customers=None,
)
"""The MBG/CNBD-k model, k = 2, on groceries that come with BTYDplus."""

_ALIVE_OF_GROCERIES = (0.1564, 0.0292, 0.0039, 0.0004, 0.0000)
_PURCHASES_OF_GROCERIES = (0.282, 0.075, 0.013, 0.002, 0.000)
MBG_CNBD_2_CUSTOMERS = tuple(
    PublishedCustomer(_BTYDPLUS, x, 12.0, 52.0, 52.0, purchases, prob_alive=alive)
    for x, (purchases, alive) in enumerate(
        zip(_PURCHASES_OF_GROCERIES, _ALIVE_OF_GROCERIES, strict=True), start=1
    )
)
"""Customers with 1 to 5 repeat purchases, the last in week 12 of 52. The printed purchases
are approximate: those of MBG/NBD at the same mean rate, times P(alive) of k = 2."""

PARETO_NBD_CDNOW = Published(
    source=_FHL_2005,
    parameters=MappingProxyType({"r": 0.553, "alpha": 10.578, "s": 0.606, "beta": 11.669}),
    decimals=3,
    loglik=-9595.0,
    customers=2_357,
)

PARETO_NBD_CUSTOMER = PublishedCustomer(
    source=f"{_BTYD}, section 3.2",
    frequency=26,
    recency=30 + 6 / 7,
    T=31.0,
    horizon=52.0,
    expected_purchases=25.46,
    decimals=2,
    prob_alive=0.997874,
    alive_decimals=6,
)
"""Customer 1516. The first edition (BTYD 1.0) prints 25.46, the later one 25.45647: its own
estimates, 0.553, 10.580, 0.606 and 11.656, are a less exact maximum, and forecasts move
from the fourth digit on."""

PARETO_NBD_NEW_CUSTOMER = PublishedCustomer(
    source=f"{_BTYD}, section 3.2",
    frequency=0,
    recency=0.0,
    T=0.0,
    horizon=52.0,
    expected_purchases=1.473,
)
"""A customer at the moment of the first purchase; printed as 1.473434."""

PARETO_NBD_QUIET = tuple(
    PublishedCustomer(f"{_BTYD}, section 3.2", x, 20.0, 39.0, 52.0, purchases, decimals=7)
    for x, purchases in ((10, 0.7062289), (15, 0.1442396), (20, 0.02250658), (25, 0.00309267))
)
"""The paradox of increasing frequency: among customers without purchases since week 20 of 39,
those who bought more often are expected to buy less. At BTYD's own estimates."""

CDNOW_BY_FREQUENCY = PublishedByFrequency(
    source=f"{_BTYD}, section 3.4",
    customers=(1411, 439, 214, 100, 62, 38, 29, 64),
    actual=(0.237, 0.697, 1.393, 1.560, 2.532, 2.947, 3.862, 6.359),
    expected=(0.138, 0.600, 1.196, 1.714, 2.399, 2.907, 3.819, 6.403),
)

GAMMA_GAMMA_CDNOW = Published(
    source="Fader and Hardie (2013), The Gamma-Gamma Model of Monetary Value, note 025",
    parameters=MappingProxyType({"p": 6.25, "q": 3.74, "v": 15.44}),
    decimals=2,
    loglik=None,
    customers=946,
)

BG_BB_DONATIONS = Published(
    source=_WORKBOOK,
    parameters=MappingProxyType({"alpha": 1.204, "beta": 0.750, "gamma": 0.657, "delta": 2.783}),
    decimals=3,
    loglik=-33_225.6,
    customers=11_104,
)

BG_BB_DONORS = (
    PublishedCustomer(_WORKBOOK, 0, 0.0, 6.0, 5.0, 0.07, 2, prob_alive=0.11, alive_decimals=2),
    PublishedCustomer(_WORKBOOK, 2, 4.0, 6.0, 5.0, None, prob_alive=0.59, alive_decimals=2),
    PublishedCustomer(_WORKBOOK, 6, 6.0, 6.0, 5.0, 3.75, 2, prob_alive=0.93, alive_decimals=2),
)
"""P(alive) is printed for 2002, the opportunity after the end of observation (Table 6).
Purchases of donors who never gave again and of those who gave every year: Fader, Predictive
Customer Analytics (slides)."""

BG_BB_NEW_DONORS = (
    *(0.4985, 0.9233, 1.2969, 1.6323, 1.9381, 2.2202),
    *(2.4826, 2.7285, 2.9603, 3.1798, 3.3887),
)
"""Expected donations of a new donor within 1 to 11 years, at the unrounded estimates: the
workbook's sheet "Tracking Plot", as pymc-marketing quotes it."""

SHIFTED_BETA_GEOMETRIC = MappingProxyType(
    {
        "regular": Published(
            _RETENTION, MappingProxyType({"alpha": 0.704, "beta": 1.182}), 3, None, 1_000
        ),
        "high end": Published(
            _RETENTION, MappingProxyType({"alpha": 0.668, "beta": 3.806}), 3, -1_611.0, 1_000, 0
        ),
    }
)
"""By cohort of `subscribers`. The log-likelihood is printed per subscriber, as -1.611."""

SURVIVAL_HIGH_END = (0.460, 0.436, 0.414, 0.395, 0.378)
"""Projected survival of the high-end cohort in years 8 to 12, as
github.com/jdmaturen/shifted_beta_geometric_py prints it."""

_NEVER = 3464
_DONORS = (  # x = 1 to 6, and in each row t_x = x to 6
    (1091, 277, 129, 78, 119, 129),
    (613, 255, 155, 173, 234),
    (322, 181, 225, 357),
    (240, 284, 512),
    (335, 728),
    (1203,),
)
_SUBSCRIBERS = {
    "regular": (1000, 631, 468, 382, 326, 289, 262, 241),
    "high end": (1000, 869, 743, 653, 593, 551, 517, 491),
}


def donations() -> PurchaseHistory:
    """Return the donors of 1995, one row each: the number of six years with a donation.

    Examples:
        >>> donations()
        PurchaseHistory(11,104 rows, 24,615 repeat purchases, in years)
    """
    later = [
        (x, recency, count)
        for x, counts in enumerate(_DONORS, start=1)
        for recency, count in enumerate(counts, start=x)
    ]
    return _opportunities([(0, 0, _NEVER), *later], 6)


def subscribers(cohort: str) -> PurchaseHistory:
    """Return a cohort of subscribers, one row each: the number of renewals out of seven.

    Args:
        cohort: ``"regular"`` or ``"high end"``.

    Examples:
        >>> subscribers("regular")
        PurchaseHistory(1,000 rows, 2,599 repeat purchases, in years)
    """
    left = _SUBSCRIBERS[cohort]
    lost = np.append(-np.diff(left), left[-1])
    return _opportunities([(x, x, int(count)) for x, count in enumerate(lost)], len(left) - 1)


def _opportunities(rows: Sequence[tuple[int, int, int]], T: int) -> PurchaseHistory:
    """Return rows of x, t_x and counts as a history of ``T`` yearly opportunities."""
    x, recency, count = np.array(rows).T
    n = int(count.sum())
    return PurchaseHistory(
        customer_id=np.arange(n).astype(object),
        frequency=np.repeat(x, count),
        recency=np.repeat(recency, count).astype(np.float64),
        T=np.full(n, float(T)),
        monetary_value=np.full(n, np.nan),
        unit=TimeUnit.YEAR,
    )
