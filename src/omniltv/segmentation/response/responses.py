"""From a contact history to probabilities of response, and to the best time of a contact."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import narwhals as nw
import numpy as np
from annotated_types import Interval
from narwhals.typing import IntoFrame, IntoFrameT

from omniltv._arrays import Matrix, Vector
from omniltv._frames import collect, read_frame, with_column
from omniltv._log import logged
from omniltv._options import Positive, checked
from omniltv.errors import DataError
from omniltv.segmentation.response._reading import Pressure, read_contacts, read_history
from omniltv.segmentation.response.contacts import ContactTable
from omniltv.segmentation.response.pooled import PooledResponse
from omniltv.segmentation.response.protocol import FittedResponse, ResponseModel

__all__ = ["Responses", "fit_response"]

type Hours = Sequence[Annotated[int, Interval(ge=0, le=23)]]
type Weekdays = Sequence[Annotated[int, Interval(ge=0, le=6)]]

_BLOCK = 200_000  # contacts


@checked
@dataclass(frozen=True, eq=False)
class Responses:
    """A fitted response model; created by `fit_response`.

    Attributes:
        model: Name of the model.
        fitted: The fitted model.
        pressure: Recent contacts of each customer at the end of the history.
        propensities: Whether the history has propensities.

    Examples:
        >>> import pandas as pd
        >>> history = pd.DataFrame({
        ...     "customer_id": ["ann", "ann", "ben", "ben"], "channel": ["ec", "call"] * 2,
        ...     "time": pd.to_datetime("2026-01-05 20:00"), "responded": [1, 0, 1, 1]})
        >>> fit_response(history)
        Responses(partial pooling)
    """

    model: str
    fitted: FittedResponse
    pressure: Pressure
    propensities: bool

    def __repr__(self) -> str:
        return f"Responses({self.model})"

    def predict(self, contacts: IntoFrameT) -> IntoFrameT:
        """Return planned contacts with ``p_response``, the probability of a response.

        Customers without history get the probability of their channel and tier. Recent contacts
        are those of the history: contacts of the plan do not count for each other.

        Args:
            contacts: ``customer_id``, ``channel``, and ``time``, or ``hour`` and ``weekday``
                (Monday is 0); ``tier`` and ``propensity`` as in the history.

        Raises:
            DataError: If a column is absent, or the history has no contact on a channel.

        Examples:
            >>> import pandas as pd
            >>> history = pd.DataFrame({
            ...     "customer_id": ["ann", "ben"] * 20, "channel": "ec",
            ...     "time": pd.date_range("2026-01-05 20:00", periods=40, freq="D"),
            ...     "responded": [1, 0] * 20})
            >>> asked = pd.DataFrame({
            ...     "customer_id": ["ann", "cem", "ben"], "channel": "ec", "hour": 20,
            ...     "weekday": 4})
            >>> fit_response(history).predict(asked)["p_response"].is_monotonic_decreasing
            True
        """
        rows, kind = read_frame(contacts, "the table of planned contacts")
        chance = self._chance(self._known(read_contacts(rows, self.pressure)))
        return kind.native(with_column(rows, "p_response", chance, nw.Float64))

    def best_time(
        self,
        customers: IntoFrameT,
        *,
        hours: Hours = tuple(range(8, 22)),
        weekdays: Weekdays = tuple(range(7)),
    ) -> IntoFrameT:
        """Return the hour and the weekday with the highest probability of a response.

        The columns ``weekday``, ``hour``, ``p_response`` and ``p_mean`` (the mean over all
        times) are added. Ties go to the earlier time.

        Args:
            customers: One row per customer and channel: ``customer_id``, ``channel``; ``tier``
                and ``propensity`` as in the history.
            hours: Hours that are allowed.
            weekdays: Weekdays that are allowed; Monday is 0.

        Raises:
            DataError: If a column is absent, or the history has no contact on a channel.

        Examples:
            >>> import pandas as pd
            >>> evening = pd.date_range("2026-01-05 20:00", periods=60, freq="D")
            >>> morning = pd.date_range("2026-01-05 08:00", periods=60, freq="D")
            >>> history = pd.DataFrame({
            ...     "customer_id": "ann", "channel": "ec", "time": [*evening, *morning],
            ...     "responded": [1, 1, 0] * 20 + [0, 0, 1] * 20})
            >>> asked = pd.DataFrame({"customer_id": ["ann"], "channel": ["ec"]})
            >>> int(fit_response(history).best_time(asked)["hour"].iloc[0]) > 16
            True
        """
        rows, kind = read_frame(customers, "the table of customers")
        if not hours or not weekdays:
            raise DataError("no time is allowed", hint="hours=range(9, 21), weekdays=range(5)")
        taken = {"time", "hour", "weekday"} & set(rows.columns)
        if taken:
            hint = "drop the column: the time is the result"
            raise DataError("a time is given already", column=min(taken), hint=hint)
        at = [(day, hour) for day in sorted(set(weekdays)) for hour in sorted(set(hours))]
        asked = rows.with_columns(nw.lit(0).alias("hour"), nw.lit(0).alias("weekday"))
        chance = self._grid(self._known(read_contacts(asked, self.pressure)), np.array(at))
        best = np.argmax(chance, axis=1)
        rows = with_column(rows, "weekday", np.array(at)[best, 0], nw.Int64)
        rows = with_column(rows, "hour", np.array(at)[best, 1], nw.Int64)
        rows = with_column(rows, "p_response", chance.max(axis=1), nw.Float64)
        return kind.native(with_column(rows, "p_mean", chance.mean(axis=1), nw.Float64))

    def _grid(self, contacts: ContactTable, at: Matrix) -> Matrix:
        """Return the probability of each contact at each time, of shape (n_contacts, n_times)."""
        chance = np.empty((len(contacts), len(at)))
        step = max(1, _BLOCK // len(at))
        for first in range(0, len(contacts), step):
            block = np.arange(first, min(first + step, len(contacts)))
            many = contacts.take(np.repeat(block, len(at)))
            day, hour = np.tile(at, (len(block), 1)).T
            many = replace(many, hour=hour.astype(np.float64), weekday=day)
            chance[block] = self._chance(many).reshape(len(block), len(at))
        return chance

    def _known(self, contacts: ContactTable) -> ContactTable:
        """Return the contacts if they have propensities in case that the history has them."""
        if self.propensities and len(contacts) and np.isnan(contacts.propensity).any():
            hint = "add the propensity of each customer, as in the history"
            raise DataError("the history has propensities", column="propensity", hint=hint)
        return contacts

    def _chance(self, contacts: ContactTable) -> Vector:
        chance = np.asarray(self.fitted.probability(contacts), dtype=np.float64)
        if chance.shape != (len(contacts),) or not ((chance >= 0) & (chance <= 1)).all():
            problem = f"{self.model} does not return one probability per contact"
            raise DataError(problem, hint="numbers from 0 to 1, of shape (n_contacts,)")
        return chance


@logged("response model fitted")
@checked
def fit_response(
    history: IntoFrame, *, model: ResponseModel | None = None, rest_days: Positive = 10.0
) -> Responses:
    """Return a response model fitted to a contact history.

    A response is what the caller counts as one: opened, answered, clicked.

    Args:
        history: One row per delivered contact: ``customer_id``, ``channel``, ``time`` (in the
            zone of the customers) and ``responded`` (true or false); if wanted ``tier``, and
            ``propensity``, the probability with which the customer was chosen for contacts.
        model: The model; `PooledResponse` by default.
        rest_days: Days after which an earlier contact counts 1/e as a recent one.

    Raises:
        DataError: If a column is absent or has missing or wrong values.

    Examples:
        >>> import pandas as pd
        >>> history = pd.DataFrame({
        ...     "customer_id": ["ann", "ben", "cem", "dee"], "channel": "ec",
        ...     "time": pd.to_datetime("2026-01-05 20:00"), "responded": [1, 0, 0, 0]})
        >>> asked = history[["customer_id", "channel", "time"]]
        >>> bool(fit_response(history).predict(asked)["p_response"].between(0.1, 0.5).all())
        True
    """
    rows = collect(history, "the contact history")
    contacts, pressure = read_history(rows, rest=rest_days)
    chosen = PooledResponse() if model is None else model
    known = "propensity" in rows.columns
    return Responses(chosen.name, chosen.fit(contacts), pressure, known)
