"""Acquisition value: what a new customer of each channel brings, and when that pays back.

`lifetime_value` looks at customers who are there already. Here the customer is yet to be
won: the first purchase counts, and so does what it costs to make it happen.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, overload

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from omniltv._frames import Backend, Table
from omniltv.errors import ConfigError
from omniltv.models.posterior.fits import PurchaseFit, SpendFit
from omniltv.models.processes.protocols import Parameters, PurchaseModel, SpendState
from omniltv.models.value._forecast import discounting
from omniltv.models.value.lifetime_value import (
    check_amounts,
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

_NEVER_MATTERS = 1e-6  # of today's worth: payback is not looked for later than that
_PANELS = 18
_AT_ONCE = 64  # opportunities
_ROUNDING = 1e-9
_ORDER = 9
_CHEBYSHEV = (1 - np.cos(np.pi * np.arange(_ORDER) / (_ORDER - 1))) / 2
"""Nodes of the polynomial in a panel of time, from 0 to 1."""
_FINE = np.linspace(0, 1, 129)
"""Where a panel is looked at."""
_COEFFICIENTS = np.linalg.inv(chebyshev.chebvander(2 * _CHEBYSHEV - 1, _ORDER - 1))
_BETWEEN = chebyshev.chebval(2 * _FINE - 1, _COEFFICIENTS).T
"""The polynomial at the fine places from its values at the nodes, (fine, nodes)."""
_UNTIL = chebyshev.chebval(2 * _FINE - 1, chebyshev.chebint(_COEFFICIENTS, lbnd=-1)).T / 2
"""The integral of the polynomial from 0 to the fine places, (fine, nodes)."""


@dataclass(frozen=True, eq=False, repr=False)
class AcquisitionValue:
    """The value of a new customer per group; made by `acquisition_value`.

    Its repr is the table of `to_frame`.

    Attributes:
        labels: The groups (acquisition channels), sorted; ``("all",)`` where there are none.
        value: Draws of the discounted margin of a new customer, less what keeping the
            customer costs, before the acquisition cost; of shape (n_groups, n_draws).
        acquisition_cost: What winning a customer costs, of shape (n_groups,).
        payback: Draws of the time until a new customer has brought back the acquisition
            cost, of shape (n_groups, n_draws): in ``unit``, 0 where the first purchase
            does, infinite where it does not happen within the horizon.
        horizon: How far ahead; None is the whole life.
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
        """Draws of the value less the acquisition cost, of shape (n_groups, n_draws)."""
        return self.value - self.acquisition_cost[:, None]

    @property
    def ratio(self) -> NDArray[np.float64]:
        """Draws of value / acquisition cost, of shape (n_groups, n_draws); inf where free."""
        cost = np.broadcast_to(self.acquisition_cost[:, None], self.value.shape)
        ratio = np.full(cost.shape, np.inf)
        np.divide(self.value, cost, out=ratio, where=cost > 0)
        return ratio

    @property
    def prob_payback(self) -> NDArray[np.float64]:
        """Probability that a group's customers pay back within the horizon, (n_groups,).

        Of the average customer: a share of the posterior draws, not of customers.
        """
        return np.isfinite(self.payback).mean(axis=1)

    def columns(self, level: float = 0.9) -> Mapping[str, NDArray[np.generic]]:
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
        self, backend: Literal["pandas"] = "pandas", *, level: float = 0.9
    ) -> "pd.DataFrame": ...
    @overload
    def to_frame(self, backend: Literal["polars"], *, level: float = 0.9) -> "pl.DataFrame": ...
    @overload
    def to_frame(self, backend: Literal["pyarrow"], *, level: float = 0.9) -> "pa.Table": ...
    def to_frame(
        self, backend: Backend = "pandas", *, level: float = 0.9
    ) -> "pd.DataFrame | pl.DataFrame | pa.Table":
        """Return one row per group, as a frame of the kind asked for.

        The columns: ``group``; ``value``, ``net`` and ``ratio``, each the mean with its
        equal-tailed interval (``value_lower``, ``value_upper`` …); ``payback``, the median
        with its interval (a mean is infinite as soon as one draw is); ``prob_payback``.
        """
        return Table(self.columns(level)).to_frame(backend)


def acquisition_value(
    purchases: PurchaseFit,
    spend: SpendFit,
    *,
    horizon: Span | None,
    discount: Discount,
    margin: float | Mapping[str, float] = 1.0,
    acquisition_cost: float | Mapping[str, float],
    retention_cost: float | Mapping[str, float] = 0.0,
) -> AcquisitionValue:
    """Return what a new customer of each group of the purchase fit is worth.

    The first purchase, now, and the discounted expected repeat purchases, each worth the
    population's mean value, times the margin, less what keeping the customer costs; draw by
    draw. That the first purchase is worth as much as later ones is an assumption. Where a
    fit has covariates, the customer is one at their means.

    Args:
        purchases: The posterior of a purchase model.
        spend: The posterior of a spend model, with as many draws. Its groups are matched by
            label; under complete pooling it serves all groups of ``purchases``.
        horizon: How far ahead of the first purchase. None is the whole life.
        discount: What money later is worth now; above 0 where the horizon is None.
        margin: Share of the value that is margin, one for all or one per group label.
        acquisition_cost: What winning a customer costs, one for all or one per label.
        retention_cost: What keeping a customer costs per year, one for all or one per
            label; spent continuously over the whole horizon, dead or alive.

    Raises:
        DataError: If a group has no margin or cost.
        ConfigError: If the fits have different numbers of draws or no common groups, a
            margin or cost is not finite, a cost is below 0, or a whole life is asked for
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
    check_terms(purchases, spend, horizon, discount)
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


@dataclass(frozen=True, eq=False)
class _Newcomer:
    """A new customer of one group under each posterior draw.

    Attributes:
        model: How the customer buys.
        parameters: Its parameters, each of shape (n_draws,).
        worth: Margin of a purchase, of shape (n_draws,).
        upkeep: What keeping the customer costs per unit of time.
        rate: Continuous discount rate per unit.
    """

    model: PurchaseModel
    parameters: Parameters
    worth: NDArray[np.float64]
    upkeep: float
    rate: float

    def value(self, horizon: float) -> NDArray[np.float64]:
        """Return the discounted margin within a horizon, upkeep apart, of shape (n_draws,)."""
        times, weights = discounting(horizon, self.rate, discrete=self.model.discrete)
        repeats = self.model.expected_purchases_new(self.parameters, times[:, None])
        return np.asarray(self.worth * (1 + weights @ repeats))

    def payback(self, cost: float, until: float) -> NDArray[np.float64]:
        """Return when a cost is brought back: 0 at once, infinite not by then; (n_draws,).

        What has been brought is followed from panel to panel of time, as long as there are
        draws that have not paid back and would by the end if upkeep were free.
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
    """A stretch of continuous time, in which E[X(t)] is a polynomial through a few nodes.

    Attributes:
        low: Where it starts.
        high: Where it ends.
    """

    low: float
    high: float

    @property
    def nodes(self) -> NDArray[np.float64]:
        """Times at which purchases are worked out, the last one the end."""
        return self.low + (self.high - self.low) * _CHEBYSHEV

    @property
    def times(self) -> NDArray[np.float64]:
        """Times at which the curve is looked at, both ends among them."""
        return self.low + (self.high - self.low) * _FINE

    def discounted(self, each: NDArray[np.float64], rate: float) -> NDArray[np.float64]:
        """Return discounted purchases from the start until the times, (n_times, n_draws).

        By parts, see `discounting`.

        Args:
            each: E[X(t)] at the nodes, of shape (n_nodes, n_draws).
            rate: Continuous discount rate per unit.
        """
        ends = np.exp(-rate * self.times)[:, None] * (_BETWEEN @ each)
        held = rate * np.exp(-rate * self.nodes)[:, None] * each
        grown = (self.high - self.low) * (_UNTIL @ held)
        return np.asarray(ends - np.exp(-rate * self.low) * each[0] + grown)

    def first(self, above: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return when each draw is at or above 0 first, infinite where it is not, (n_draws,).

        Args:
            above: How far above it is at each time, of shape (n_times, n_draws).
        """
        reached = above >= 0
        after = reached.argmax(axis=0).clip(1)
        draw = np.arange(above.shape[1])
        short, over = -above[after - 1, draw], above[after, draw]
        step = self.times[after] - self.times[after - 1]
        with np.errstate(divide="ignore", invalid="ignore"):  # where it is not reached
            at = self.times[after] - step * over / (short + over)
        return np.where(reached.any(axis=0), at, np.inf)


@dataclass(frozen=True, eq=False)
class _OpportunityRun:
    """A run of whole opportunities, see `_Panel`.

    Attributes:
        nodes: The opportunities, after the one where the run starts.
    """

    nodes: NDArray[np.float64]

    @property
    def times(self) -> NDArray[np.float64]:
        """The opportunities of the run."""
        return self.nodes[1:]

    def discounted(self, each: NDArray[np.float64], rate: float) -> NDArray[np.float64]:
        """Return the sum of discounted purchases until each time, (n_times, n_draws)."""
        discount = np.exp(-rate * self.times)[:, None]
        return np.cumsum(discount * np.diff(each, axis=0), axis=0)

    def first(self, above: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the first opportunity at which each draw is at or above 0, (n_draws,)."""
        reached = above >= 0
        return np.where(reached.any(axis=0), self.times[reached.argmax(axis=0)], np.inf)


def _of_groups(
    labels: tuple[str, ...], amount: float | Mapping[str, float], name: str
) -> NDArray[np.float64]:
    """Return an amount for each group, of shape (n_groups,): one for all, or by label."""
    check_amounts(amount, name)
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
        ConfigError: If there is none of that label, and spend is not pooled completely.
    """
    if spend.groups == ("",):
        return [0] * len(purchases.groups)
    missing = [label or "all" for label in purchases.groups if label not in spend.groups]
    if missing:
        message = f"the spend fit has no group {', '.join(missing)}; it has: "
        hint = "Hint: pool both fits by the same column, or spend by Pooling.complete()"
        raise ConfigError(f"{message}{', '.join(spend.groups)}. {hint}")
    return [spend.groups.index(label) for label in purchases.groups]


def _quantiles(draws: NDArray[np.float64], level: float) -> NDArray[np.float64]:
    """Return median, lower and upper end, of shape (3, n_groups), each one of the draws.

    Between draws nothing is interpolated: some are infinite.
    """
    if not 0 < level < 1:
        raise ConfigError(f"the level of an interval is between 0 and 1, got {level}")
    tails = [0.5, (1 - level) / 2, (1 + level) / 2]
    return np.quantile(draws, tails, axis=1, method="inverted_cdf")
