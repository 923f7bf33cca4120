"""Lifetime value: the discounted margin of customers within a horizon.

Posterior draws of purchases and of spend are combined draw by draw and are not averaged first,
so intervals include the uncertainty of both. There are two kinds of results.
`LifetimeValue.draws` is the expected margin of a customer: the average over customers like this
one. `LifetimeValue.predictive` is the margin of this customer, including the randomness of
individual purchases.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from omniltv._frames import Backend, Table
from omniltv._options import Level, Margin, NotNegative, Seed, checked
from omniltv.data.history import PurchaseHistory
from omniltv.draws import Draws, RowDraws, Totals
from omniltv.errors import ConfigError, DataError
from omniltv.models.posterior.fits import ProbAlive, PurchaseFit, SpendFit
from omniltv.models.posterior.fitted import Unseen
from omniltv.models.posterior.model_error import ModelError
from omniltv.models.posterior.rate import rated
from omniltv.models.value._forecast import ValueForecast
from omniltv.models.value._states import States
from omniltv.models.value._streams import RowNames
from omniltv.units import Discount, Span, TimeUnit

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

__all__ = ["LifetimeValue", "ValuePerRow", "lifetime_value"]

_CHANNEL_COLUMNS = ("channel", "acquisition_channel")
_DEFAULT_ERROR = ModelError.default()


@checked
@dataclass(frozen=True, eq=False, repr=False)
class ValuePerRow[Amount: RowDraws]:
    """Draws of the margin of each row, and a table of them.

    Nothing is computed until it is used. It is then computed in blocks, so memory does not grow
    with customers times draws.

    Attributes:
        customer_id: Customer of each row, of shape (n_rows,).
        groups: Group columns (channel …) by name, each of shape (n_rows,).
        horizon: Length of the forecast. If the value is that of the whole remaining life: the
            horizon of `predictive` and `expected_purchases`.
        draws: Draws of the *expected* discounted margin of each row.
        predictive: Draws of the *actual* discounted margin of each row: one simulated future
            under each posterior draw.
        prob_alive: Draws of P(alive) of each row.
        expected_purchases: Draws of each row's expected purchases within the horizon.

    Examples:
        >>> from omniltv.models import BgNbd, GammaGamma, fit
        >>> from omniltv.units import weeks
        >>> history = PurchaseHistory(
        ...     ["a", "b"], [5, 6], [30.0, 11.0], [32.0, 25.0], [10.0, 40.0], "week")
        >>> fits = [fit(model, history, seed=1, method="map") for model in (BgNbd(), GammaGamma())]
        >>> value = lifetime_value(*fits, history, horizon=weeks(52),
        ...     discount=Discount(per_year=0.1), margin=0.3, seed=1)
        >>> isinstance(value, ValuePerRow), value.mean().shape, value.interval(0.8).shape
        (True, (2,), (2, 2))
    """

    customer_id: NDArray[np.object_]
    groups: Mapping[str, NDArray[np.str_]]
    horizon: Span
    draws: Amount
    predictive: Amount
    prob_alive: ProbAlive
    expected_purchases: Amount

    def __len__(self) -> int:
        return len(self.customer_id)

    def mean(self) -> NDArray[np.float64]:
        """Return the expected discounted margin of each row, of shape (n_rows,)."""
        return self.draws.mean()

    def interval(self, level: Level = 0.9) -> NDArray[np.float64]:
        """Return the interval of the expected margin, of shape (n_rows, 2).

        It contains the uncertainty of the mean over customers with this history. The margin of
        one customer varies far more: see `predictive_interval`.
        """
        return self.draws.interval(level)

    def predictive_interval(self, level: Level = 0.9) -> NDArray[np.float64]:
        """Return the interval of the actual margin of each row, of shape (n_rows, 2).

        It is equal-tailed: at most (1 - level) / 2 of the futures are beyond each end. Many
        customers never buy again, so the lower end is often exactly 0. The interval then
        contains more than ``level`` of the futures.
        """
        return self.predictive.interval(level)

    def columns(self, level: Level = 0.9) -> Mapping[str, NDArray[np.generic]]:
        """Return the columns of `to_frame` by name, each of shape (n_rows,)."""
        value, future = self.draws.summary(level), self.predictive_interval(level)
        return {
            "customer_id": self.customer_id,
            **self.groups,
            "value": value.mean,
            "value_lower": value.lower,
            "value_upper": value.upper,
            "predictive_lower": future[:, 0],
            "predictive_upper": future[:, 1],
            "expected_purchases": self.expected_purchases.mean(),
            "prob_alive": self.prob_alive.mean(),
        }

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
        """Return one row per row of the history, as a frame of the requested backend.

        The columns are ``customer_id``, the group columns, ``value`` (the mean) with its
        interval ``value_lower`` and ``value_upper``, ``predictive_lower`` and
        ``predictive_upper``, ``expected_purchases`` and ``prob_alive``.
        """
        return Table(self.columns(level)).to_frame(backend)


@checked
@dataclass(frozen=True, eq=False, repr=False)
class LifetimeValue(ValuePerRow[Draws]):
    """The lifetime value of each row of a history; made by `lifetime_value`.

    `ValuePerRow` has its attributes. Amounts add up over rows, draw by draw.

    Attributes:
        history: The history that was scored.
        model_error: The error of the model itself, which totals include: those of `total`,
            `predictive_total`, and of the draws of expected margin, actual margin and expected
            purchases. It is small for a single customer, whose intervals do not include it.

    Examples:
        >>> from omniltv.models import BgNbd, GammaGamma, fit
        >>> from omniltv.units import weeks
        >>> history = PurchaseHistory(
        ...     ["a", "b"], [3, 9], [20.0, 44.0], [52.0, 45.0], [25.0, 15.0], "week")
        >>> fits = [fit(model, history, seed=1, method="map") for model in (BgNbd(), GammaGamma())]
        >>> value = lifetime_value(*fits, history, horizon=weeks(52),
        ...     discount=Discount(per_year=0.1), margin=0.3, seed=1)
        >>> bool(np.isclose(value.total().mean()[0], value.mean().sum()))
        True
        >>> value.per_customer().customer_id.tolist()
        ['a', 'b']
    """

    history: PurchaseHistory = field(kw_only=True)
    model_error: ModelError = field(kw_only=True)
    _forecast: ValueForecast = field(kw_only=True)

    @property
    def fits(self) -> tuple[PurchaseFit, SpendFit]:
        """The fits that the value was computed from: purchases and spend."""
        return self._forecast.purchases, self._forecast.spend

    def __repr__(self) -> str:
        ahead = "whole remaining life" if self._forecast.whole else self.horizon
        size = f"{self.draws.n_states:,} states, {self.draws.n_draws:,} draws"
        sd = self.model_error.at(self.horizon)
        source = f"{self.model_error.origins} origins" if self.model_error.origins else "assumed"
        error = f"error of totals {100 * sd:.2g} %, {source}" if sd else "no error of totals"
        return f"LifetimeValue({len(self):,} rows, {ahead}, {size}; {error})"

    def total(self, by: str | ArrayLike | None = None) -> Totals:
        """Return the expected margin summed over rows, draw by draw, with the model error.

        Args:
            by: Name of a group column, a label per row, or None for one total.

        Raises:
            DataError: If there is no such group column.
        """
        return self.draws.total(self._labels(by))

    def predictive_total(self, by: str | ArrayLike | None = None) -> Totals:
        """Return the actual margin summed over rows, with the model error; see `total`.

        Raises:
            DataError: If there is no such group column.
        """
        return self.predictive.total(self._labels(by))

    def _labels(self, by: str | ArrayLike | None) -> ArrayLike | None:
        if not isinstance(by, str):
            return by
        if by not in self.groups:
            has = ", ".join(self.groups) or "none"
            raise DataError(f"no such group column; there is: {has}", column=by)
        return self.groups[by]

    def per_customer(self) -> "LifetimeValue":
        """Return the value of customers over all their rows, in order of first appearance.

        Margins and purchases are summed draw by draw. P(alive) becomes the probability of
        being alive in at least one of the rows.
        """
        forecast = self._forecast
        first = forecast.order[forecast.starts[:-1]]
        quantities = forecast.per_customer()
        ids = forecast.names.customer_id[first]
        return LifetimeValue(
            ids,
            {},
            self.horizon,
            *quantities,
            history=self.history,
            model_error=self.model_error,
            _forecast=forecast,
        )


@checked
def lifetime_value(
    purchases: PurchaseFit,
    spend: SpendFit,
    history: PurchaseHistory,
    *,
    horizon: Span | None,
    discount: Discount,
    margin: Margin | Mapping[str, Margin] = 1.0,
    retention_cost: NotNegative | Mapping[str, NotNegative] = 0.0,
    seed: Seed,
    unseen: Unseen = "error",
    model_error: ModelError = _DEFAULT_ERROR,
) -> LifetimeValue:
    """Return the discounted margin of each row within the horizon.

    The expected value is the product of discounted expected transactions (Fader, Hardie and Lee
    2005, RFM and CLV: Using Iso-Value Curves for Customer Base Analysis, Journal of Marketing
    Research 42(4), 415-430), the customer's expected value per purchase, and the margin. The
    value per purchase is assumed to be independent of the purchase frequency, unless spend was
    fitted with the covariate of `with_purchase_rate`.

    Args:
        purchases: The posterior of a purchase model.
        spend: The posterior of a spend model, with as many draws. It may pool other
            groups than ``purchases`` does.
        history: The history, with the group columns of both fits.
        horizon: Length of the forecast from the end of observation. None is the whole remaining
            life (residual value). The expected value is then based on discounted expected
            residual transactions (DERT), without a limit. Futures are simulated until the
            discount factor is 0.001, so `LifetimeValue.predictive` lacks at most this share of
            the margin; `LifetimeValue.horizon` is the simulated length.
        discount: Discount rate; above 0 if the horizon is None.
        margin: Margin as a share of value: one for all, or one per label of the column
            ``channel`` (else ``acquisition_channel``, else the only group column).
        retention_cost: Cost of keeping the customer of a row per year, one for all or one per
            label, like ``margin``. It applies continuously over the whole horizon, whether the
            customer is active or not, since dropout is not observed.
        seed: Seed of the simulated futures of `LifetimeValue.predictive`. They do not
            depend on the block size.
        unseen: How to treat a group that a fit did not see.
        model_error: The error of the model itself, which totals include. The channel of a row
            is its label of ``channel``, else of ``acquisition_channel``, else all rows are one
            channel. The default assumes 15 % over half a year; the result says so. To learn it
            from the log, pass ``checks.backtest(...).model_error()``.

    Raises:
        DataError: If a group was not seen, or a channel has no margin or cost.
        UnitError: If history and fit have different units of time.
        ConfigError: If the fits have different numbers of draws, a margin or cost is not
            finite, a cost is below 0, or the horizon is None without a discount.

    Examples:
        >>> from omniltv.models import BgNbd, GammaGamma, fit
        >>> from omniltv.units import weeks
        >>> history = PurchaseHistory(
        ...     ["a", "b"], [7, 4], [50.0, 41.0], [52.0, 45.0], [20.0, 30.0], "week")
        >>> fits = [fit(model, history, seed=1, method="map") for model in (BgNbd(), GammaGamma())]
        >>> value = lifetime_value(*fits, history, horizon=weeks(52),
        ...     discount=Discount(per_year=0.1), margin=0.3, seed=1)
        >>> value
        LifetimeValue(2 rows, 52 weeks, 2 states, 1 draws; error of totals 21 %, assumed)
        >>> value.to_frame()[["customer_id", "value", "prob_alive"]].shape
        (2, 3)
    """
    check_terms(purchases, spend)
    purchases.require_time(history)
    _require_values(history)
    ahead = remaining_life(discount, purchases.unit) if horizon is None else horizon
    known = rated(history, purchases, spend, unseen)
    states = States.of(known, purchases, spend, unseen, ahead)
    of_states = np.empty((2, len(states.states)))
    of_states[0, states.index] = _per_row(history, margin, "margin")
    of_states[1, states.index] = _per_row(history, retention_cost, "retention_cost")
    factors, channel = _factors(model_error, states.states, ahead, purchases.n_draws, seed)
    forecast = ValueForecast(
        purchases=purchases,
        spend=spend,
        names=RowNames(history.customer_id, history.groups),
        states=states,
        margin=of_states[0],
        cost=of_states[1] * paid_yearly(horizon, discount),
        horizon=ahead.to(purchases.unit),
        whole=horizon is None,
        rate=discount.rate(purchases.unit),
        seed=seed,
        error=factors,
        channel=channel,
    )
    return _valued(history, ahead, model_error, forecast)


def _valued(
    history: PurchaseHistory, ahead: Span, model_error: ModelError, forecast: ValueForecast
) -> LifetimeValue:
    return LifetimeValue(
        history.customer_id,
        dict(history.groups),
        ahead,
        *forecast.per_row(),
        history=history,
        model_error=model_error,
        _forecast=forecast,
    )


def _channels(states: PurchaseHistory) -> tuple[list[str], NDArray[np.intp]]:
    """Return the channels of a history and the channel of each row, for the model error.

    Other group columns, such as the arms of an experiment, have a common error.
    """
    for column in _CHANNEL_COLUMNS:
        if column in states.groups:
            labels, code = np.unique(states.groups[column], return_inverse=True)
            return [str(label) for label in labels], code.astype(np.intp)
    return ["all"], np.zeros(len(states), dtype=np.intp)


def _factors(
    error: ModelError, states: PurchaseHistory, horizon: Span, n_draws: int, seed: int
) -> tuple[NDArray[np.float64] | None, NDArray[np.intp]]:
    """Return the factors of totals by channel, None without an error; and each state's channel."""
    channels, code = _channels(states)
    if not error.at(horizon):
        return None, code
    return error.factors(channels, horizon=horizon, n_draws=n_draws, seed=seed), code


def check_terms(purchases: PurchaseFit, spend: SpendFit) -> None:
    """Raise ConfigError if the numbers of draws differ."""
    if purchases.n_draws != spend.n_draws:
        counts = f"{purchases.n_draws:,} and {spend.n_draws:,}"
        message = f"purchases and spend have {counts} draws, but are paired draw by draw"
        raise ConfigError(f"{message}. Hint: fit both with the same draws and chains")


def _require_values(history: PurchaseHistory) -> None:
    """Raise DataError if repeat customers have no mean value."""
    bad = (history.frequency > 0) & np.isnan(history.monetary_value)
    if bad.any():
        hint = "PurchaseHistory.from_frame reads it from the column monetary_value"
        rows = history.customer_id[bad].tolist()
        raise DataError("missing mean values", column="monetary_value", rows=rows, hint=hint)


def remaining_life(discount: Discount, unit: TimeUnit, *, left: float = 1e-3) -> Span:
    """Return the time until the discount factor is ``left``, in whole units.

    Raises:
        ConfigError: If the discount rate is 0.

    Examples:
        >>> print(remaining_life(Discount(per_year=0.10), TimeUnit.YEAR))
        73 years
    """
    rate = discount.rate(unit)
    if rate <= 0:
        message = "the value of a whole life needs a discount rate above 0"
        raise ConfigError(f"{message}. Hint: Discount(per_year=0.10), or a horizon")
    return Span(float(np.ceil(-np.log(left) / rate)), unit)


def paid_yearly(horizon: Span | None, discount: Discount) -> float:
    """Return the present value of 1 per year, paid continuously over the horizon (None: forever).

    Examples:
        >>> round(paid_yearly(Span(2, TimeUnit.YEAR), Discount(per_year=0.10)), 3)
        1.821
    """
    rate = discount.rate(TimeUnit.YEAR)
    if horizon is None:
        return 1 / rate
    length = horizon.to(TimeUnit.YEAR)
    return float(-np.expm1(-rate * length) / rate) if rate else length


def _per_row(
    history: PurchaseHistory, amount: float | Mapping[str, float], name: str
) -> NDArray[np.float64]:
    """Return an amount for each row, of shape (n_rows,): one for all, or by channel.

    Raises:
        ConfigError: If an amount is invalid.
        DataError: If a channel has no amount.
    """
    if not isinstance(amount, Mapping):
        return np.full(len(history), float(amount))
    column = _channel_column(history, name)
    labels, code = np.unique(history.groups[column], return_inverse=True)
    missing = sorted({str(label) for label in labels} - set(amount))
    if missing:
        rows = history.customer_id[np.isin(history.groups[column], missing)].tolist()
        raise lacking(missing, name, column=column, rows=rows)
    return np.array([amount[str(label)] for label in labels])[code]


def lacking(
    labels: Sequence[str], name: str, *, column: str, rows: Sequence[object] = ()
) -> DataError:
    """Return the error for labels without a margin or cost."""
    hint = f'{name}={{"{labels[0]}": ..., ...}}'
    problem = f"no {name.replace('_', ' ')} for: {', '.join(labels)}"
    return DataError(problem, column=column, rows=rows, hint=hint)


def _channel_column(history: PurchaseHistory, name: str) -> str:
    """Return the group column with the labels of margins and costs."""
    named = [column for column in _CHANNEL_COLUMNS if column in history.groups]
    columns = named or list(history.groups)
    if not columns or (not named and len(columns) > 1):
        has = ", ".join(history.groups) or "none"
        what = name.replace("_", " ")
        hint = f'log.history(by="channel"), or one {what} for all: {name}=...'
        problem = f"{what}s per channel need a channel column; groups: {has}"
        raise DataError(problem, column="channel", hint=hint)
    return columns[0]
