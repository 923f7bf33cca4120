"""Acquisition value: the value of a new customer of each channel, and the time to payback.

`lifetime_value` is about existing customers. Here the customer is new: the value includes the
first purchase and is compared with the acquisition cost.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, overload

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from omniltv._frames import Backend, Table
from omniltv._options import Level, Margin, NotNegative, checked
from omniltv.errors import ConfigError
from omniltv.models.posterior.fits import PurchaseFit, SpendFit
from omniltv.models.posterior.rate import depends_on_rate
from omniltv.models.processes.protocols import Parameters, PurchaseModel, SpendState
from omniltv.models.value._discounting import discounting
from omniltv.models.value.lifetime_value import (
    check_terms,
    lacking,
    paid_yearly,
    remaining_life,
)
from omniltv.units import Discount, Span, TimeUnit

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

__all__ = ["AcquisitionValue", "acquisition_value"]

_NEVER_MATTERS = 1e-6  # discount factor after which payback is not searched for
_PANELS = 18
_AT_ONCE = 64  # opportunities
_ROUNDING = 1e-9
_ORDER = 9
_CHEBYSHEV = (1 - np.cos(np.pi * np.arange(_ORDER) / (_ORDER - 1))) / 2
"""Nodes of the polynomial in a panel of time, from 0 to 1."""
_FINE = np.linspace(0, 1, 129)
"""Points of a panel at which payback is searched for."""
_COEFFICIENTS = np.linalg.inv(chebyshev.chebvander(2 * _CHEBYSHEV - 1, _ORDER - 1))
_BETWEEN = chebyshev.chebval(2 * _FINE - 1, _COEFFICIENTS).T
"""Interpolation from the nodes to the fine points, of shape (fine, nodes)."""
_UNTIL = chebyshev.chebval(2 * _FINE - 1, chebyshev.chebint(_COEFFICIENTS, lbnd=-1)).T / 2
"""Integration of the polynomial from 0 to the fine points, of shape (fine, nodes)."""


@checked
@dataclass(frozen=True, eq=False, repr=False)
class AcquisitionValue:
    """The value of a new customer per group; made by `acquisition_value`.

    Its repr is the table of `to_frame`.

    Attributes:
        labels: The groups (acquisition channels), sorted; ``("all",)`` if there are none.
        value: Draws of the discounted margin of a new customer after the retention cost and
            before the acquisition cost, of shape (n_groups, n_draws).
        acquisition_cost: Cost of acquiring a customer, of shape (n_groups,).
        payback: Draws of the time until the acquisition cost is recovered, in ``unit``, of
            shape (n_groups, n_draws). It is 0 if the first purchase recovers the cost, and
            infinite if the cost is not recovered within the horizon.
        horizon: Length of the forecast; None is the whole life.
        unit: The unit of ``payback``.

    Examples:
        >>> value, payback = np.array([[90.0, 110.0]]), np.array([[8.0, np.inf]])
        >>> won = AcquisitionValue(
        ...     ("ec",), value, np.array([50.0]), payback, None, TimeUnit.WEEK)
        >>> won.net.tolist(), won.ratio.tolist(), won.prob_payback.tolist()
        ([[40.0, 60.0]], [[1.8, 2.2]], [0.5])
    """

    labels: tuple[str, ...]
    value: NDArray[np.float64]
    acquisition_cost: NDArray[np.float64]
    payback: NDArray[np.float64]
    horizon: Span | None
    unit: TimeUnit

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return repr(Table(self.columns()))

    @property
    def net(self) -> NDArray[np.float64]:
        """Draws of the value after the acquisition cost, of shape (n_groups, n_draws)."""
        return self.value - self.acquisition_cost[:, None]

    @property
    def ratio(self) -> NDArray[np.float64]:
        """Draws of value / acquisition cost, of shape (n_groups, n_draws); inf if the cost is 0."""
        cost = np.broadcast_to(self.acquisition_cost[:, None], self.value.shape)
        ratio = np.full(cost.shape, np.inf)
        np.divide(self.value, cost, out=ratio, where=cost > 0)
        return ratio

    @property
    def prob_payback(self) -> NDArray[np.float64]:
        """Probability that the cost is recovered within the horizon, of shape (n_groups,).

        It is the share of posterior draws in which the average customer pays back, not a
        share of customers.
        """
        return np.isfinite(self.payback).mean(axis=1)

    def columns(self, level: Level = 0.9) -> Mapping[str, NDArray[np.generic]]:
        """Return the columns of `to_frame` by name, each of shape (n_groups,).

        Raises:
            ConfigError: If the level is not between 0 and 1.
        """
        table: dict[str, NDArray[np.generic]] = {"group": np.array(self.labels)}
        for name in ("value", "net", "ratio", "payback"):
            draws = getattr(self, name)
            middle, lower, upper = _quantiles(draws, level)
            table[name] = middle if name == "payback" else draws.mean(axis=1)
            table |= {f"{name}_lower": lower, f"{name}_upper": upper}
        return table | {"prob_payback": self.prob_payback}

    @overload
    def to_frame(
        self, backend: Literal["pandas"] = "pandas", *, level: Level = 0.9
    ) -> "pd.DataFrame": ...
    @overload
    def to_frame(self, backend: Literal["polars"], *, level: Level = 0.9) -> "pl.DataFrame": ...
    @overload
    def to_frame(self, backend: Literal["pyarrow"], *, level: Level = 0.9) -> "pa.Table": ...
    def to_frame(
        self, backend: Backend = "pandas", *, level: Level = 0.9
    ) -> "pd.DataFrame | pl.DataFrame | pa.Table":
        """Return one row per group, as a frame of the requested backend.

        The columns are ``group``; ``value``, ``net`` and ``ratio``, each as mean with its
        equal-tailed interval (``value_lower``, ``value_upper`` …); ``payback`` as median
        with its interval (the mean is infinite if one draw is); and ``prob_payback``.
        """
        return Table(self.columns(level)).to_frame(backend)


@checked
def acquisition_value(
    purchases: PurchaseFit,
    spend: SpendFit,
    *,
    horizon: Span | None,
    discount: Discount,
    margin: Margin | Mapping[str, Margin] = 1.0,
    acquisition_cost: NotNegative | Mapping[str, NotNegative],
    retention_cost: NotNegative | Mapping[str, NotNegative] = 0.0,
) -> AcquisitionValue:
    """Return the value of a new customer of each group of the purchase fit.

    The value is the first purchase, now, plus the discounted expected repeat purchases, times
    the population's mean value per purchase and the margin, minus the retention cost; it is
    computed draw by draw. The first purchase is assumed to have the same expected value as
    later ones. If a fit has covariates, they are set to their means.

    Args:
        purchases: The posterior of a purchase model.
        spend: The posterior of a spend model, with as many draws. Its groups are matched by
            label. Under complete pooling it is used for all groups of ``purchases``.
        horizon: Length of the forecast from the first purchase on. None is the whole life.
        discount: Discount rate; above 0 if the horizon is None.
        margin: Margin as a share of value, one for all or one per group label.
        acquisition_cost: Cost of acquiring a customer, one for all or one per label.
        retention_cost: Cost of keeping a customer per year, one for all or one per label. It
            applies continuously over the whole horizon, whether the customer is alive or not.

    Raises:
        DataError: If a group has no margin or cost.
        ConfigError: If the fits have different numbers of draws or no common groups, a
            margin or cost is not finite, a cost is below 0, or the horizon is None
            without a discount.

    Examples:
        >>> from omniltv.data.history import PurchaseHistory
        >>> from omniltv.models import BgNbd, GammaGamma, fit
        >>> rng, truth = np.random.default_rng(1), {"r": 0.8, "alpha": 6.0, "a": 0.7, "b": 2.5}
        >>> x, t, T = BgNbd().simulate(truth, np.full(300, 40.0), rng)
        >>> value = GammaGamma().simulate({"p": 6.0, "q": 4.0, "v": 15.0}, x, rng)
        >>> history = PurchaseHistory(np.arange(300), x, t, T, value, "week")
        >>> fits = [fit(m, history, seed=1, method="laplace") for m in (BgNbd(), GammaGamma())]
        >>> won = acquisition_value(*fits, horizon=Span(2, TimeUnit.YEAR),
        ...     discount=Discount(per_year=0.10), margin=0.4, acquisition_cost=20.0)
        >>> won.labels, bool(won.ratio.mean() > 1), won.prob_payback.tolist()
        (('all',), True, [1.0])
    """
    check_terms(purchases, spend)
    _refuse_calendar(purchases)
    _refuse_rate(spend)
    unit, rate = purchases.unit, discount.rate(purchases.unit)
    until = remaining_life(discount, unit, left=_NEVER_MATTERS) if horizon is None else horizon
    labels = tuple(label or "all" for label in purchases.groups)
    margins = _of_groups(labels, margin, "margin")
    costs = _of_groups(labels, acquisition_cost, "acquisition_cost")
    yearly = _of_groups(labels, retention_cost, "retention_cost")
    worth = margins[:, None] * _mean_value(spend)[_matched(purchases, spend)]
    bought = purchases.parameters
    newcomers = [
        _Newcomer(
            model=purchases.model,
            parameters={name: draws[:, group] for name, draws in bought.items()},
            worth=worth[group],
            upkeep=float(yearly[group] * Span(1, unit).to(TimeUnit.YEAR)),
            rate=rate,
        )
        for group in range(len(labels))
    ]
    length = np.inf if horizon is None else until.to(unit)
    value = np.array([newcomer.value(length) for newcomer in newcomers])
    payback = [
        newcomer.payback(float(cost), until.to(unit))
        for newcomer, cost in zip(newcomers, costs, strict=True)
    ]
    spent = yearly[:, None] * paid_yearly(horizon, discount)
    return AcquisitionValue(labels, value - spent, costs, np.array(payback), horizon, unit)


def _refuse_calendar(purchases: PurchaseFit) -> None:
    """Raise ConfigError for a fit in calendar time: new customers have no day of their start."""
    if purchases.clock:
        problem = "the value of new customers is in plain time, the fit in calendar time"
        raise ConfigError(f"{problem}. Hint: fit(model, log.history()) without calendar=")


def _refuse_rate(spend: SpendFit) -> None:
    """Raise ConfigError for spend that depends on the rate: new customers have a population's."""
    if depends_on_rate(spend):
        problem = "the value of new customers needs spend that does not depend on the rate"
        raise ConfigError(f"{problem}. Hint: fit(model, history) without purchase_rate")


@dataclass(frozen=True, eq=False)
class _Newcomer:
    """A new customer of one group under each posterior draw.

    Attributes:
        model: The purchase model.
        parameters: Its parameters, each of shape (n_draws,).
        worth: Margin per purchase, of shape (n_draws,).
        upkeep: Retention cost per unit of time.
        rate: Continuous discount rate per unit.
    """

    model: PurchaseModel
    parameters: Parameters
    worth: NDArray[np.float64]
    upkeep: float
    rate: float

    def value(self, horizon: float) -> NDArray[np.float64]:
        """Return the discounted margin within a horizon before upkeep, of shape (n_draws,)."""
        times, weights = discounting(horizon, self.rate, discrete=self.model.discrete)
        repeats = self.model.expected_purchases_new(self.parameters, times[:, None])
        return np.asarray(self.worth * (1 + weights @ repeats))

    def payback(self, cost: float, until: float) -> NDArray[np.float64]:
        """Return the time until a cost is recovered, of shape (n_draws,).

        It is 0 if the first purchase recovers the cost, and infinite if the cost is not
        recovered by the end. The search goes from panel to panel of time, until no draw is
        left that would pay back by the end if upkeep were free.
        """
        found = np.where(self.worth >= cost, 0.0, np.inf)
        left = np.flatnonzero((found > 0) & (self.value(until) >= cost))
        repeats = np.zeros(len(left))
        for panel in self._panels(until):
            if not len(left):
                break
            parameters = {name: values[left] for name, values in self.parameters.items()}
            each = self.model.expected_purchases_new(parameters, panel.nodes[:, None])
            ahead = repeats + panel.discounted(each, self.rate)
            brought = self.worth[left] * (1 + ahead) - self._spent(panel.times)[:, None]
            found[left] = panel.first(brought - cost)
            open_ = np.isinf(found[left])
            left, repeats = left[open_], ahead[-1, open_]
        return found

    def _panels(self, until: float) -> Iterator["_Panel | _OpportunityRun"]:
        if self.model.discrete:
            last = np.floor(until + _ROUNDING)
            for start in np.arange(0.0, last, _AT_ONCE):
                yield _OpportunityRun(np.arange(start, min(start + _AT_ONCE, last) + 1))
            return
        edges = [0.0, *(until * 0.5 ** np.arange(_PANELS - 1.0, -1.0, -1.0))]
        for low, high in pairwise(edges):
            yield _Panel(low, high)

    def _spent(self, time: NDArray[np.float64]) -> NDArray[np.float64]:
        paid = -np.expm1(-self.rate * time) / self.rate if self.rate else time
        return np.asarray(self.upkeep * paid)


@dataclass(frozen=True)
class _Panel:
    """A panel of continuous time, in which E[X(t)] is a polynomial through a few nodes.

    Attributes:
        low: Start of the panel.
        high: End of the panel.
    """

    low: float
    high: float

    @property
    def nodes(self) -> NDArray[np.float64]:
        """Times at which expected purchases are computed; the last one is the end."""
        return self.low + (self.high - self.low) * _CHEBYSHEV

    @property
    def times(self) -> NDArray[np.float64]:
        """Times at which payback is searched for, including both ends."""
        return self.low + (self.high - self.low) * _FINE

    def discounted(self, each: NDArray[np.float64], rate: float) -> NDArray[np.float64]:
        """Return discounted purchases from the start to each time, of shape (n_times, n_draws).

        Integrated by parts, see `discounting`.

        Args:
            each: E[X(t)] at the nodes, of shape (n_nodes, n_draws).
            rate: Continuous discount rate per unit.
        """
        ends = np.exp(-rate * self.times)[:, None] * (_BETWEEN @ each)
        held = rate * np.exp(-rate * self.nodes)[:, None] * each
        grown = (self.high - self.low) * (_UNTIL @ held)
        return np.asarray(ends - np.exp(-rate * self.low) * each[0] + grown)

    def first(self, above: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return when each draw first reaches 0, infinite if it does not, of shape (n_draws,).

        Args:
            above: Value of each draw at each time, of shape (n_times, n_draws).
        """
        reached = above >= 0
        after = reached.argmax(axis=0).clip(1)
        draw = np.arange(above.shape[1])
        short, over = -above[after - 1, draw], above[after, draw]
        step = self.times[after] - self.times[after - 1]
        with np.errstate(divide="ignore", invalid="ignore"):  # if 0 is not reached
            at = self.times[after] - step * over / (short + over)
        return np.where(reached.any(axis=0), at, np.inf)


@dataclass(frozen=True, eq=False)
class _OpportunityRun:
    """A run of whole opportunities, see `_Panel`.

    Attributes:
        nodes: The opportunity before the run, followed by those of the run.
    """

    nodes: NDArray[np.float64]

    @property
    def times(self) -> NDArray[np.float64]:
        """The opportunities of the run."""
        return self.nodes[1:]

    def discounted(self, each: NDArray[np.float64], rate: float) -> NDArray[np.float64]:
        """Return the sum of discounted purchases up to each time, of shape (n_times, n_draws)."""
        discount = np.exp(-rate * self.times)[:, None]
        return np.cumsum(discount * np.diff(each, axis=0), axis=0)

    def first(self, above: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the first opportunity at which each draw is at least 0, of shape (n_draws,)."""
        reached = above >= 0
        return np.where(reached.any(axis=0), self.times[reached.argmax(axis=0)], np.inf)


def _of_groups(
    labels: tuple[str, ...], amount: float | Mapping[str, float], name: str
) -> NDArray[np.float64]:
    """Return the amount of each group, of shape (n_groups,)."""
    if not isinstance(amount, Mapping):
        return np.full(len(labels), float(amount))
    missing = [label for label in labels if label not in amount]
    if missing:
        raise lacking(missing, name, column="group")
    return np.array([amount[label] for label in labels], dtype=np.float64)


def _mean_value(spend: SpendFit) -> NDArray[np.float64]:
    """Return the population's mean value per purchase, of shape (n_groups, n_draws)."""
    nobody = SpendState(np.zeros((1, 1)), np.full((1, 1), np.nan))
    return spend.model.expected_value(spend.parameters, nobody).T


def _matched(purchases: PurchaseFit, spend: SpendFit) -> list[int]:
    """Return the spend group of each purchase group.

    Raises:
        ConfigError: If a label is missing and spend is not pooled completely.
    """
    if spend.groups == ("",):
        return [0] * len(purchases.groups)
    missing = [label or "all" for label in purchases.groups if label not in spend.groups]
    if missing:
        message = f"the spend fit has no group {', '.join(missing)}; it has: "
        hint = "Hint: pool both fits by the same column, or spend by Pooling.complete()"
        raise ConfigError(f"{message}{', '.join(spend.groups)}. {hint}")
    return [spend.groups.index(label) for label in purchases.groups]


def _quantiles(draws: NDArray[np.float64], level: Level) -> NDArray[np.float64]:
    """Return median, lower and upper end, of shape (3, n_groups).

    They are not interpolated between draws, because some draws are infinite.
    """
    tails = [0.5, (1 - level) / 2, (1 + level) / 2]
    return np.quantile(draws, tails, axis=1, method="inverted_cdf")
