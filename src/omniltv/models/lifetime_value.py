"""Lifetime value: the discounted margin that customers will bring within a horizon.

Posterior draws of purchases and of spend meet draw by draw and are never averaged
before: what is not known of either is in the interval. Two questions have two answers.
How much will customers like this one bring *on average* (`LifetimeValue.draws`)? How
much will *this customer* bring (`LifetimeValue.predictive`), where chance has its say?
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from omniltv._frames import Backend, Table
from omniltv.data.history import PurchaseHistory
from omniltv.draws import Draws, Totals
from omniltv.errors import ConfigError, DataError, UnitError
from omniltv.models._forecast import Forecast, States
from omniltv.models.fits import ProbAlive, PurchaseFit, SpendFit, Unseen
from omniltv.units import Discount, Span

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

__all__ = ["LifetimeValue", "lifetime_value"]

_CHANNEL_COLUMNS = ("channel", "acquisition_channel")


@dataclass(frozen=True, eq=False, repr=False)
class LifetimeValue:
    """The lifetime value of each row of a history; made by `lifetime_value`.

    Nothing is computed before it is asked for, and then in blocks: memory does not grow
    with customers times draws.

    Attributes:
        customer_id: Customer of each row, of shape (n_rows,).
        groups: Group columns (channel …) by name, each of shape (n_rows,).
        horizon: How far ahead.
        draws: Draws of the *expected* discounted margin of each row.
        predictive: Draws of the discounted margin that each row will *really* bring:
            one simulated future under each posterior draw. Adds up over rows.
        prob_alive: Draws of P(alive) of each row.
        expected_purchases: Draws of each row's expected purchases within the horizon.
    """

    customer_id: NDArray[np.object_]
    groups: Mapping[str, NDArray[np.str_]]
    horizon: Span
    draws: Draws
    predictive: Draws
    prob_alive: ProbAlive
    expected_purchases: Draws
    _forecast: Forecast = field(kw_only=True)

    def __len__(self) -> int:
        return len(self.customer_id)

    def __repr__(self) -> str:
        return (
            f"LifetimeValue({len(self):,} rows, {self.horizon}, {self.draws.n_states:,} states, "
            f"{self.draws.n_draws:,} draws)"
        )

    def mean(self) -> NDArray[np.float64]:
        """Return the expected discounted margin of each row, of shape (n_rows,)."""
        return self.draws.mean()

    def interval(self, level: float = 0.9) -> NDArray[np.float64]:
        """Return the interval of the expected margin, of shape (n_rows, 2).

        It says how well customers with this history are known *on average*. What one
        customer will bring varies far more: see `predictive_interval`.
        """
        return self.draws.interval(level)

    def predictive_interval(self, level: float = 0.9) -> NDArray[np.float64]:
        """Return the interval of what each row will really bring, of shape (n_rows, 2).

        Equal-tailed: at most (1 - level) / 2 of the futures fall beyond each end. Many
        customers never buy again, so the lower end is often exactly 0, and then the
        interval holds more than ``level`` of the futures, not less.
        """
        return self.predictive.interval(level)

    def total(self, by: str | ArrayLike | None = None) -> Totals:
        """Return the expected margin summed over rows, draw by draw.

        Args:
            by: Name of a group column, or a label per row, or None for one total.

        Raises:
            DataError: If there is no such group column.
        """
        if not isinstance(by, str):
            return self.draws.total(by)
        if by not in self.groups:
            has = ", ".join(self.groups) or "none"
            raise DataError(f"no such group column; there is: {has}", column=by)
        return self.draws.total(self.groups[by])

    def per_customer(self) -> "LifetimeValue":
        """Return the value of customers over all their rows, in order of first appearance.

        Margins and purchases add up, draw by draw. P(alive) becomes the probability of
        being alive in at least one of the rows.
        """
        forecast = self._forecast
        first = forecast.order[forecast.starts[:-1]]
        quantities = forecast.per_customer()
        ids = forecast.customer_id[first]
        return LifetimeValue(ids, {}, self.horizon, *quantities, _forecast=forecast)

    def columns(self, level: float = 0.9) -> Mapping[str, NDArray[np.generic]]:
        """Return the columns of `to_frame` by name, each of shape (n_rows,)."""
        interval, future = self.interval(level), self.predictive_interval(level)
        return {
            "customer_id": self.customer_id,
            **self.groups,
            "value": self.mean(),
            "value_lower": interval[:, 0],
            "value_upper": interval[:, 1],
            "predictive_lower": future[:, 0],
            "predictive_upper": future[:, 1],
            "expected_purchases": self.expected_purchases.mean(),
            "prob_alive": self.prob_alive.mean(),
        }

    @overload
    def to_frame(
        self, *, level: float = 0.9, backend: Literal["pandas"] = "pandas"
    ) -> "pd.DataFrame": ...
    @overload
    def to_frame(self, *, level: float = 0.9, backend: Literal["polars"]) -> "pl.DataFrame": ...
    @overload
    def to_frame(self, *, level: float = 0.9, backend: Literal["pyarrow"]) -> "pa.Table": ...
    def to_frame(
        self, *, level: float = 0.9, backend: Backend = "pandas"
    ) -> "pd.DataFrame | pl.DataFrame | pa.Table":
        """Return one row per row of the history, as a frame of the kind asked for.

        The columns: ``customer_id``, the group columns, ``value`` (the mean) with its
        interval ``value_lower`` and ``value_upper``, ``predictive_lower`` and
        ``predictive_upper``, ``expected_purchases`` and ``prob_alive``.
        """
        return Table(self.columns(level)).to_frame(backend)


def lifetime_value(
    purchases: PurchaseFit,
    spend: SpendFit,
    history: PurchaseHistory,
    *,
    horizon: Span,
    discount: Discount,
    margin: float | Mapping[str, float] = 1.0,
    seed: int,
    unseen: Unseen = "error",
) -> LifetimeValue:
    """Return the discounted margin that each row will bring within the horizon.

    Expected value is discounted expected transactions (Fader, Hardie and Lee 2005, RFM
    and CLV: Using Iso-Value Curves for Customer Base Analysis, Journal of Marketing
    Research 42(4), 415-430) times the customer's expected value per purchase times the
    margin. Value per purchase is taken as independent of how often a customer buys.

    Args:
        purchases: The posterior of a purchase model.
        spend: The posterior of a spend model, with as many draws. It may pool other
            groups than ``purchases`` does.
        history: With the group columns of both fits.
        horizon: How far ahead of the end of observation.
        discount: What money later is worth now.
        margin: Share of the value that is margin: one for all, or one per label of the
            column ``channel`` (else ``acquisition_channel``, else the only group column).
        seed: Of the simulated futures behind `LifetimeValue.predictive`. They do not
            depend on how the work is cut into blocks.
        unseen: What to do with a group that a fit did not see.

    Raises:
        DataError: If a group was not seen, or a channel has no margin.
        UnitError: If history and fit count time in different units.
        ConfigError: If the fits have different numbers of draws, or a margin is not finite.
    """
    if history.unit is not purchases.unit:
        message = f"the history counts in {history.unit}s, the fit in {purchases.unit}s"
        raise UnitError(f'{message}. Hint: log.history(unit="{purchases.unit}")')
    if purchases.n_draws != spend.n_draws:
        counts = f"{purchases.n_draws:,} and {spend.n_draws:,}"
        message = f"purchases and spend have {counts} draws, but are paired draw by draw"
        raise ConfigError(f"{message}. Hint: fit both with the same draws and chains")
    margins = _margins(history, margin)
    states = States.of(history, purchases, spend, unseen)
    per_state = np.empty(len(states.states))
    per_state[states.index] = margins
    forecast = Forecast(
        purchases=purchases,
        spend=spend,
        customer_id=history.customer_id,
        states=states,
        margin=per_state,
        horizon=horizon.to(purchases.unit),
        rate=discount.rate(purchases.unit),
        seed=seed,
    )
    quantities = forecast.per_row()
    groups = dict(history.groups)
    return LifetimeValue(history.customer_id, groups, horizon, *quantities, _forecast=forecast)


def _margins(history: PurchaseHistory, margin: float | Mapping[str, float]) -> NDArray[np.float64]:
    """Return the margin of each row, of shape (n_rows,)."""
    rates = margin.values() if isinstance(margin, Mapping) else [margin]
    if not all(isfinite(rate) for rate in rates):
        raise ConfigError("a margin is a finite number. Hint: margin=0.3")
    if not isinstance(margin, Mapping):
        return np.full(len(history), float(margin))
    column = _channel_column(history)
    labels, code = np.unique(history.groups[column], return_inverse=True)
    missing = sorted({str(label) for label in labels} - set(margin))
    if missing:
        rows = history.customer_id[np.isin(history.groups[column], missing)].tolist()
        hint = f'margin={{"{missing[0]}": 0.3, ...}}'
        raise DataError(f"no margin for: {', '.join(missing)}", column=column, rows=rows, hint=hint)
    return np.array([margin[str(label)] for label in labels])[code]


def _channel_column(history: PurchaseHistory) -> str:
    """Return the group column that margins are looked up by."""
    named = [name for name in _CHANNEL_COLUMNS if name in history.groups]
    names = named or list(history.groups)
    if not names or (not named and len(names) > 1):
        has = ", ".join(history.groups) or "none"
        hint = 'log.history(by="channel"), or one margin for all: margin=0.3'
        problem = f"margins per channel need a channel column; groups: {has}"
        raise DataError(problem, column="channel", hint=hint)
    return names[0]
