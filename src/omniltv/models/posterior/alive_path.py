"""P(alive) along the history of customers, as it was known at each moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from omniltv._arrays import Floats
from omniltv._columns import positions
from omniltv._frames import Table, Tabular
from omniltv._options import Level, checked
from omniltv.data.calendar_time import CalendarTime
from omniltv.data.checking import Moment
from omniltv.data.log import By, PurchaseLog
from omniltv.errors import ConfigError, DataError
from omniltv.models.posterior.fits import PurchaseFit
from omniltv.units import Span, TimeUnit, weeks

__all__ = ["AlivePath", "alive_path"]

_WEEK = weeks(1)


@checked
@dataclass(frozen=True, eq=False, repr=False)
class AlivePath(Tabular):
    """P(alive) of customers at many moments; made by `alive_path`.

    Attributes:
        customer_id: Customer of each row, of shape (n_rows,).
        groups: Group columns by name, each of shape (n_rows,).
        time: The day, at its end, same shape.
        mean: Posterior mean of P(alive) given the purchases until then, same shape.
        lower: Lower end of its interval, same shape.
        upper: Upper end of its interval, same shape.

    Examples:
        >>> ends = np.array(["2026-01-04", "2026-01-11"], dtype="datetime64[D]")
        >>> path = AlivePath(np.array(["a", "a"]), {}, ends, np.array([1.0, 0.8]),
        ...                  np.array([1.0, 0.7]), np.array([1.0, 0.9]))
        >>> path.columns()["prob_alive"].tolist()
        [1.0, 0.8]
    """

    customer_id: NDArray[np.object_]
    groups: Mapping[str, NDArray[np.str_]]
    time: NDArray[np.datetime64]
    mean: Floats
    lower: Floats
    upper: Floats

    def __repr__(self) -> str:
        return repr(Table(self.columns()))

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return one row per customer and moment: the mean and the interval of P(alive)."""
        return {
            "customer_id": self.customer_id,
            **self.groups,
            "time": self.time.astype("datetime64[s]"),
            "prob_alive": self.mean,
            "lower": self.lower,
            "upper": self.upper,
        }


@checked
def alive_path(
    fit: PurchaseFit,
    log: PurchaseLog[object],
    customers: ArrayLike,
    *,
    every: Span = _WEEK,
    end: Moment | None = None,
    by: By | None = None,
    calendar: CalendarTime | None = None,
    level: Level = 0.9,
) -> AlivePath:
    """Return P(alive) of customers along time: it falls in silence and rises at purchases.

    At each moment, only the purchases until then are used, with the parameters of the fit. The
    path of a customer starts at the first of the moments after the first purchase.

    Args:
        fit: The posterior of a purchase model, fitted to a history in days of purchase.
        log: The purchases.
        customers: Ids, of shape (n_customers,).
        every: Time between two moments, in whole days; the last one is ``end``.
        end: Last day; the last purchase of the log if None. After the last purchase, the path
            shows what P(alive) will be if there are no more purchases.
        by: As in `PurchaseLog.history`, for the fit's groups.
        calendar: As in `PurchaseLog.history`, for a fit in calendar time.
        level: Level of the intervals.

    Raises:
        DataError: If a customer has no purchase until ``end``, or a group was not seen.
        ConfigError: If ``every`` is shorter than a day.
        UnitError: If the fit is in another calendar time.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.models import BgNbd, fit
        >>> rng = np.random.default_rng(4)
        >>> day = pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 180, 300), "D")
        >>> table = {"customer_id": rng.integers(0, 60, 300), "channel": "ec", "time": day}
        >>> log = PurchaseLog.from_frame(pd.DataFrame(table).assign(value=1.0))
        >>> found = fit(BgNbd(), log.history(unit="week"), seed=1, method="map")
        >>> path = alive_path(found, log, [7], every=weeks(4), end="2026-12-31")
        >>> bool(path.mean[-1] < path.mean[0])
        True
    """
    step = int(np.rint(every.to(TimeUnit.DAY)))
    if step < 1:
        message = f"moments are whole days apart, got {every}"
        raise ConfigError(f"{message}. Hint: every=weeks(1)", parameter="every")
    theirs = log.of_customers(customers)
    parts = []
    for day in _moments(theirs, log.time.max() if end is None and len(log) else end, step):
        known = theirs.history(unit=fit.unit, by=by, end=day, calendar=calendar)
        summary = fit.prob_alive(known).summary(level)
        days = np.full(len(known), day)
        parts.append(AlivePath(known.customer_id, known.groups, days, *summary))
    return _joined(parts, theirs.customer_id)


def _moments(theirs: PurchaseLog[object], end: Moment | None, step: int) -> list[np.datetime64]:
    """Return the days of a path, ascending, from the first purchase on.

    Raises:
        DataError: If a customer has no purchase until the end.
    """
    seen = theirs.history(end=end) if len(theirs) else None
    known = theirs.customer_id[:0] if seen is None else seen.customer_id
    late = positions(theirs.customer_id, known) < 0
    if seen is None or late.any():
        rows = theirs.customer_id[late].tolist()
        hint = "give customers of the log, and an end after their first purchase"
        raise DataError("no purchase until the end", column="customer_id", rows=rows, hint=hint)
    days = int(seen.T.max())  # from the first of all purchases
    last = np.datetime64(theirs.time.min(), "D") + np.timedelta64(days, "D")
    return [last - np.timedelta64(step * k, "D") for k in range(days // step, -1, -1)]


def _joined(parts: Sequence[AlivePath], customers: NDArray[np.object_]) -> AlivePath:
    """Return the paths of moments as one, customer by customer."""
    names = parts[0].groups
    path = AlivePath(
        np.concatenate([part.customer_id for part in parts]),
        {name: np.concatenate([part.groups[name] for part in parts]) for name in names},
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("time", "mean", "lower", "upper")
        ),
    )
    place = positions(path.customer_id, customers)
    order = np.lexsort((path.time, *path.groups.values(), place))
    groups = {name: values[order] for name, values in path.groups.items()}
    columns = {name: getattr(path, name)[order] for name in ("time", "mean", "lower", "upper")}
    return AlivePath(path.customer_id[order], groups, **columns)
