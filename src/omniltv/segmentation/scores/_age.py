"""Days since an event, and weights that fade with them, in any engine."""

from math import log

import narwhals as nw

from omniltv.segmentation.conditions._values import in_zone, known, plain
from omniltv.segmentation.conditions.kind import Scope

__all__ = ["age_in_days", "faded", "is_one_of"]


def age_in_days(scope: Scope, column: str) -> nw.Expr:
    """Return the days from the local day of each event to today; null if it is missing.

    Raises:
        DataError: If the column is not of days or moments.
        ConfigError: If the context has no day.

    Examples:
        >>> from datetime import date
        >>> import pandas as pd
        >>> from omniltv.segmentation import Context
        >>> frame = nw.from_native(pd.DataFrame({"t": pd.to_datetime(["2024-02-28"])}))
        >>> scope = Scope(frame.schema, Context(today=date(2025, 3, 1)))
        >>> frame.select(age=age_in_days(scope, "t"))["age"].to_list()
        [367.0]
    """
    if known(scope, column, ("day", "moment")) == nw.Unknown:  # no event has a time
        return nw.when(~nw.col(column).is_null()).then(nw.lit(0.0))
    local = in_zone(scope, column)
    before = local.dt.year().cast(nw.Float64) - 1
    leap = _whole(before, 4) - _whole(before, 100) + _whole(before, 400)
    ordinal = before * 365 + leap + local.dt.ordinal_day().cast(nw.Float64)
    return nw.lit(float(scope.context.day().toordinal())) - ordinal


def _whole(number: nw.Expr, divisor: int) -> nw.Expr:
    """Return how often a whole number contains a divisor; not every engine rounds down."""
    return (number / divisor - (0.5 - 0.5 / divisor)).round(0)


def faded(age: nw.Expr, half_life: float | None) -> nw.Expr:
    """Return the weight of events by age: 1 today, half after each half-life, 0 after today.

    Examples:
        >>> import pandas as pd
        >>> frame = nw.from_native(pd.DataFrame({"age": [-1.0, 0.0, 30.0]}))
        >>> frame.select(weight=faded(nw.col("age"), 30))["weight"].to_list()
        [0.0, 1.0, 0.5]
    """
    past = (age >= 0).fill_null(value=False)
    if half_life is None:
        return nw.when(past).then(nw.lit(1.0)).otherwise(nw.lit(0.0))
    since = nw.when(past).then(age).otherwise(nw.lit(0.0))
    return nw.when(past).then((since * (-log(2) / half_life)).exp()).otherwise(nw.lit(0.0))


def is_one_of(scope: Scope, column: str, names: tuple[str, ...]) -> nw.Expr:
    """Return whether a text is one of some names, never null.

    Raises:
        DataError: If the column is not of text.

    Examples:
        >>> import pandas as pd
        >>> frame = nw.from_native(pd.DataFrame({"kind": ["visit", None]}))
        >>> frame.select(is_one_of(Scope(frame.schema), "kind", ("visit",)))["kind"].to_list()
        [True, False]
    """
    dtype = known(scope, column, ("text",))
    if dtype == nw.Unknown:
        return nw.col(column).is_null() & ~nw.col(column).is_null()
    return plain(column, dtype).is_in(list(names)).fill_null(value=False)
