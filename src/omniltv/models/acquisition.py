"""What a new customer is worth: against the cost of winning one, and when it is paid back."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from omniltv._frames import Tabular
from omniltv.draws import Totals
from omniltv.errors import ConfigError, DataError
from omniltv.models._forecast import discounting
from omniltv.models.fits import PurchaseFit, SpendFit
from omniltv.models.lifetime_value import paid_yearly, remaining_life
from omniltv.models.protocols import SpendState
from omniltv.units import Discount, Span, TimeUnit

__all__ = ["AcquisitionValue", "acquisition_value"]

type Floats = NDArray[np.float64]

_GRID = 400


@dataclass(frozen=True, eq=False)
class AcquisitionValue(Tabular):
    """The value of a new customer per group; made by `acquisition_value`.

    Attributes:
        labels: The groups (acquisition channels), as the fit of purchases has them.
        cost: Acquisition cost of each, of shape (n_groups,).
        value: Draws of the discounted margin of a new customer, the first purchase
            included, less retention cost, of shape (n_groups, n_draws).
        payback: Draws of the time until that margin has reached the acquisition cost, in
            ``unit``, same shape; infinite where it does not within the horizon.
        horizon: How far ahead.
        unit: Unit of ``payback``.
        level: Level of the intervals of `columns`.
    """

    labels: tuple[str, ...]
    cost: Floats
    value: Floats
    payback: Floats
    horizon: Span
    unit: TimeUnit
    level: float = 0.9

    @property
    def net(self) -> Totals:
        """Value less acquisition cost, draw by draw."""
        size = np.ones(len(self.labels))
        return Totals(self.labels, self.value - self.cost[:, None], size, "net value")

    @property
    def ratio(self) -> Floats:
        """Draws of value over acquisition cost, (n_groups, n_draws); infinite where it is 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.cost[:, None] > 0, self.value / self.cost[:, None], np.inf)

    @property
    def prob_payback(self) -> Floats:
        """Probability that the cost is paid back within the horizon, of shape (n_groups,)."""
        return np.asarray(np.isfinite(self.payback).mean(axis=1))

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return one row per group: value, ratio and payback time with their intervals.

        Payback is the median over draws: it is infinite where most do not pay back.
        """
        tails = [(1 - self.level) / 2, (1 + self.level) / 2]
        told: dict[str, NDArray[np.generic]] = {
            "group": np.array(self.labels),
            "acquisition_cost": self.cost,
        }
        for name, draws in (("value", self.value), ("net", self.net.values), ("ratio", self.ratio)):
            told[name] = draws.mean(axis=1)
            told[f"{name}_lower"], told[f"{name}_upper"] = np.quantile(
                draws, tails, axis=1, method="nearest"
            )
        times = np.quantile(self.payback, [0.5, *tails], axis=1, method="nearest")
        told["payback"], told["payback_lower"], told["payback_upper"] = times
        return {**told, "prob_payback": self.prob_payback}


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
    """Return what a new customer of each group is worth, and when the cost is paid back.

    The customer makes the first purchase now; repeat purchases are those that the model
    expects of a new customer, each worth the population's mean value.

    Args:
        purchases: The posterior of a purchase model; its groups are the acquisition channels.
        spend: The posterior of a spend model, with as many draws, of the same groups or of
            one population.
        horizon: How far ahead; None is the whole life, see `lifetime_value`.
        discount: What money later is worth now.
        margin: Share of the value that is margin, one for all or one per group.
        acquisition_cost: What winning a customer costs, one for all or one per group.
        retention_cost: What keeping a customer costs per year, likewise.

    Raises:
        ConfigError: If the fits have different numbers of draws, an amount is not finite or
            a cost negative, or a whole life is asked for without a discount.
        DataError: If a group has no spend, margin or cost.

    Examples:
        >>> from omniltv.data import PurchaseHistory
        >>> from omniltv.models import BgNbd, GammaGamma, fit
        >>> rng = np.random.default_rng(1)
        >>> truth = {"r": 0.8, "alpha": 6.0, "a": 0.7, "b": 2.5}
        >>> x, recency, T = BgNbd().simulate(truth, np.full(300, 40.0), rng)
        >>> value = GammaGamma().simulate({"p": 4.0, "q": 4.0, "v": 20.0}, x, rng)
        >>> history = PurchaseHistory(np.arange(300), x, recency, T, value, "week")
        >>> found = acquisition_value(
        ...     fit(BgNbd(), history, seed=1, method="laplace"),
        ...     fit(GammaGamma(), history, seed=1, method="laplace"),
        ...     horizon=Span(52, TimeUnit.WEEK), discount=Discount(per_year=0.1),
        ...     margin=0.3, acquisition_cost=20.0)
        >>> bool(1 < found.ratio.mean() < 3), bool(0 < np.median(found.payback) < 52)
        (True, True)
    """
    if purchases.n_draws != spend.n_draws:
        counts = f"{purchases.n_draws:,} and {spend.n_draws:,}"
        message = f"purchases and spend have {counts} draws, but are paired draw by draw"
        raise ConfigError(f"{message}. Hint: fit both with the same draws and chains")
    ahead = remaining_life(discount, purchases.unit) if horizon is None else horizon
    labels = purchases.groups
    rates = {
        name: _amounts(labels, amount, name)
        for name, amount in (
            ("margin", margin),
            ("acquisition_cost", acquisition_cost),
            ("retention_cost", retention_cost),
        )
    }
    per_purchase = _mean_value(spend, labels) * rates["margin"][:, None]
    times = ahead.to(purchases.unit) * (np.arange(1, _GRID + 1) / _GRID) ** 2
    earned = np.stack([_earned(purchases, float(t), discount, per_purchase) for t in times])
    spans = [Span(float(t), purchases.unit) for t in times]
    kept = np.array([paid_yearly(span, discount) for span in spans])
    curve = earned - kept[:, None, None] * rates["retention_cost"][:, None]
    payback = _payback(times, curve, per_purchase, rates["acquisition_cost"])
    return AcquisitionValue(
        labels, rates["acquisition_cost"], curve[-1], payback, ahead, purchases.unit
    )


def _earned(
    purchases: PurchaseFit, length: float, discount: Discount, per_purchase: Floats
) -> Floats:
    """Return draws of the discounted margin until a time, the first purchase included."""
    model = purchases.model
    nodes, weights = discounting(length, discount.rate(purchases.unit), discrete=model.discrete)
    parameters = {name: values.T[None] for name, values in purchases.parameters.items()}
    expected = model.expected_purchases_new(parameters, nodes[:, None, None])
    return per_purchase * (1 + np.tensordot(weights, expected, axes=1))


def _payback(times: Floats, curve: Floats, start: Floats, cost: Floats) -> Floats:
    """Return when each draw's curve first reaches the cost, by linear interpolation."""
    whole = np.concatenate([start[None], curve])
    at = np.concatenate([[0.0], times])
    reached = whole >= cost[:, None]
    first = reached.argmax(axis=0)
    before = np.maximum(first - 1, 0)
    low = np.take_along_axis(whole, before[None], axis=0)[0]
    high = np.take_along_axis(whole, first[None], axis=0)[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where(first > 0, (cost[:, None] - low) / (high - low), 0.0)
    when = at[before] + part * (at[first] - at[before])
    return np.where(reached.any(axis=0), when, np.inf)


def _mean_value(spend: SpendFit, labels: tuple[str, ...]) -> Floats:
    """Return draws of the population's mean value per purchase, of shape (n_groups, n_draws)."""
    nobody = SpendState(np.zeros((1, 1)), np.full((1, 1), np.nan))
    mean = spend.model.expected_value(spend.parameters, nobody).T
    if spend.groups == ("",):
        return np.repeat(mean, len(labels), axis=0)
    missing = sorted(set(labels) - set(spend.groups))
    if missing:
        problem = f"the fit of spend has no such groups: {', '.join(missing)}"
        raise DataError(problem, column="group", hint="fit spend with the same pooling, or none")
    return mean[[spend.groups.index(label) for label in labels]]


def _amounts(labels: tuple[str, ...], amount: float | Mapping[str, float], name: str) -> Floats:
    given = amount if isinstance(amount, Mapping) else dict.fromkeys(labels, amount)
    missing = sorted(set(labels) - set(given))
    if missing:
        hint = f'{name}={{"{missing[0]}": 0.3, ...}}'
        raise DataError(f"no {name} for: {', '.join(missing)}", column="group", hint=hint)
    values = np.array([given[label] for label in labels], dtype=np.float64)
    if not all(isfinite(value) for value in values) or (name != "margin" and (values < 0).any()):
        raise ConfigError(f"a {name} is a finite number, a cost not below 0. Hint: {name}=0.3")
    return values
