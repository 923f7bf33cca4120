"""The forecast of the time beyond the window, tied to the fits and the history behind it."""

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from omniltv._options import checked
from omniltv.data.history import PurchaseHistory
from omniltv.draws import Draws, RowDraws
from omniltv.errors import ConfigError, DataError
from omniltv.experiments.tables import Missing
from omniltv.units import Span

__all__ = ["FittedModel", "FittedValue", "Forecast", "PurchaseForecaster"]


class FittedModel(Protocol):
    """A fit, as a forecast needs it: a `PurchaseFit`, a `SpendFit`, or one of your own.

    Examples:
        >>> from types import SimpleNamespace
        >>> ones = Draws.from_array([[1.0, 1.0]])
        >>> fit: FittedModel = SimpleNamespace(groups=("control",), log_likelihood=lambda _: ones)
        >>> fit.groups
        ('control',)
    """

    @property
    def groups(self) -> tuple[str, ...]:
        """Labels of the groups that have parameters of their own."""
        ...

    def log_likelihood(self, history: PurchaseHistory) -> RowDraws:
        """Return draws of the log-likelihood of each row."""
        ...


class PurchaseForecaster(FittedModel, Protocol):
    """A fit that forecasts purchases, such as a `PurchaseFit`.

    Examples:
        >>> from types import SimpleNamespace
        >>> ones = Draws.from_array([[1.0, 1.0]])
        >>> fit: PurchaseForecaster = SimpleNamespace(
        ...     groups=("control",), log_likelihood=lambda _: ones,
        ...     expected_purchases=lambda history, horizon: ones)
        >>> fit.groups
        ('control',)
    """

    def expected_purchases(self, history: PurchaseHistory, horizon: Span) -> Draws:
        """Return draws of the expected purchases of each row within the horizon."""
        ...


class FittedValue(Protocol):
    """A value of each row that knows its fits and its history: a `LifetimeValue`.

    Examples:
        >>> from types import SimpleNamespace
        >>> from omniltv.units import weeks
        >>> history = PurchaseHistory(["a"], [0], [0.0], [39.0], [float("nan")], "week")
        >>> value: FittedValue = SimpleNamespace(
        ...     customer_id=history.customer_id, draws=Draws.from_array([[1.0, 2.0]]),
        ...     horizon=weeks(26), history=history, fits=())
        >>> print(value.horizon)
        26 weeks
    """

    @property
    def customer_id(self) -> NDArray[np.object_]:
        """Customer of each row, of shape (n_rows,)."""
        ...

    @property
    def draws(self) -> Draws:
        """Draws of the expected value of each row."""
        ...

    @property
    def horizon(self) -> Span:
        """How far ahead the value looks."""
        ...

    @property
    def history(self) -> PurchaseHistory:
        """The history that was scored."""
        ...

    @property
    def fits(self) -> tuple[FittedModel, ...]:
        """The fits that the value was made from."""
        ...


@checked
@dataclass(frozen=True, eq=False, kw_only=True)
class Forecast:
    """What a fit expects of each customer beyond the window.

    Create one with `of` or `of_purchases`, which take everything from the same fit and
    history. For a forecast from elsewhere, give all rows in one order and all draws in one
    order: draw 7 of each quantity belongs to the same parameters.

    Attributes:
        customer_id: Customer of each row, of shape (n_rows,); rows of a customer are added.
        value: Draws of the expected value beyond the window, each row under the parameters
            of its own arm.
        span: How far beyond the window the forecast looks.
        arms: The arms that were groups of the fit. A fit without them gives all arms the
            same parameters and hides part of the effect. Of groups combined by ``|`` each
            part counts.
        log_likelihood: Log-likelihood of the history of each row in each draw, one for each
            fit. The influence of a customer on the fit is computed from it. Without it the
            interval is a conservative bound.
        part: Label of each row, of shape (n_rows,), to split by (its channel); optional.
        missing: How to treat an assigned customer without a row.

    Raises:
        DataError: If the columns differ in length or the quantities in draws.

    Examples:
        >>> import numpy as np
        >>> from omniltv.units import weeks
        >>> ids = np.array(["a", "b"], dtype=object)
        >>> value = Draws.from_array([[1.0, 2.0], [3.0, 5.0]])
        >>> Forecast(customer_id=ids, value=value, span=weeks(52), arms=("control", "treated"))
        Forecast(2 rows over 52 weeks; arms control, treated)
    """

    customer_id: NDArray[np.object_]
    value: Draws
    span: Span
    arms: tuple[str, ...]
    log_likelihood: tuple[RowDraws, ...] = ()
    part: NDArray[np.str_] | None = None
    missing: Missing = "error"

    def __post_init__(self) -> None:
        n = len(self.value)
        sizes = [("customer_id", len(self.customer_id))]
        sizes += [("log_likelihood", len(rows)) for rows in self.log_likelihood]
        sizes += [] if self.part is None else [("part", len(self.part))]
        for name, size in sizes:
            if size != n:
                raise DataError(f"{size:,} rows for {n:,} rows of value", column=name)
        if any(rows.n_draws != self.value.n_draws for rows in self.log_likelihood):
            raise DataError("not the same draws as value", column="log_likelihood")

    def __repr__(self) -> str:
        arms = ", ".join(self.arms)
        return f"Forecast({len(self.value):,} rows over {self.span}; arms {arms})"

    @classmethod
    def of(cls, value: FittedValue, *, part: str | None = None) -> Self:
        """Return the forecast of the value of a window; fits and history come with the value.

        Args:
            value: The lifetime value of the history from `window_history`, by fits that have
                the arms as groups.
            part: Group column of the history to split the forecast by.

        Raises:
            ConfigError: If the value is not of the rows of its history, as after
                ``per_customer()``.
            DataError: If the history does not have the column ``part``.

        Examples:
            >>> from types import SimpleNamespace
            >>> from omniltv.units import weeks
            >>> history = PurchaseHistory(["a", "b"], [2, 0], [30.0, 0.0], [39.0, 39.0],
            ...                           [11.5, float("nan")], "week")
            >>> draws = Draws.from_array([[1.0, 2.0], [3.0, 5.0]])
            >>> fit = SimpleNamespace(groups=("control", "treated"), log_likelihood=lambda _: draws)
            >>> value = SimpleNamespace(customer_id=history.customer_id, draws=draws,
            ...                         horizon=weeks(26), history=history, fits=(fit,))
            >>> Forecast.of(value)  # as of a value from lifetime_value(...)
            Forecast(2 rows over 26 weeks; arms control, treated)
        """
        history = value.history
        if len(value.customer_id) != len(history):
            message = f"{len(value.customer_id):,} values for {len(history):,} rows of history"
            raise ConfigError(f"{message}. Hint: Forecast.of(value) adds the rows of a customer")
        return cls(
            customer_id=value.customer_id,
            value=value.draws,
            span=value.horizon,
            arms=_known_to_all(value.fits),
            log_likelihood=tuple(fit.log_likelihood(history) for fit in value.fits),
            part=_part(history, part),
        )

    @classmethod
    def of_purchases(
        cls,
        fit: PurchaseForecaster,
        history: PurchaseHistory,
        *,
        span: Span,
        part: str | None = None,
    ) -> Self:
        """Return the forecast of the purchases of a window, without values.

        Args:
            fit: A fit that has the arms as groups.
            history: The history from `window_history`.
            span: How far beyond the window to look.
            part: Group column of the history to split the forecast by.

        Raises:
            DataError: If the history does not have a group of the fit or the column ``part``.
            UnitError: If history and fit count time in different units.

        Examples:
            >>> from types import SimpleNamespace
            >>> from omniltv.units import weeks
            >>> history = PurchaseHistory(["a"], [2], [30.0], [39.0], [11.5], "week")
            >>> draws = Draws.from_array([[1.0, 2.0]])
            >>> fit = SimpleNamespace(groups=("control", "treated"), log_likelihood=lambda _: draws,
            ...                       expected_purchases=lambda *_: draws)
            >>> Forecast.of_purchases(fit, history, span=weeks(26))  # as of a fit from fit(...)
            Forecast(1 rows over 26 weeks; arms control, treated)
        """
        return cls(
            customer_id=history.customer_id,
            value=fit.expected_purchases(history, span),
            span=span,
            arms=_known_to_all((fit,)),
            log_likelihood=(fit.log_likelihood(history),),
            part=_part(history, part),
        )


def _known_to_all(fits: tuple[FittedModel, ...]) -> tuple[str, ...]:
    """Return the group labels that every fit has, sorted."""
    labels = [{name for label in fit.groups for name in label.split("|")} for fit in fits]
    return tuple(sorted(set.intersection(*labels)))


def _part(history: PurchaseHistory, part: str | None) -> NDArray[np.str_] | None:
    if part is None:
        return None
    if part not in history.groups:
        has = ", ".join(history.groups) or "none"
        hint = f'window_history(log, assignment, by="{part}")'
        raise DataError(f"not a group column; there are: {has}", column=part, hint=hint)
    return history.groups[part]
