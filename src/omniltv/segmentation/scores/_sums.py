"""Sums over the events of each customer, as columns of the table of customers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
from narwhals.exceptions import NarwhalsError

from omniltv._columns import positions, read_ids, require
from omniltv._frames import Eager, EagerOrLazy, unused_name
from omniltv.errors import DataError
from omniltv.segmentation.conditions._tables import (
    collected,
    opened,
    same_engine,
    schema_of,
    with_array,
)
from omniltv.segmentation.conditions._values import family
from omniltv.segmentation.conditions.context import Context
from omniltv.segmentation.conditions.kind import Scope

__all__ = ["TableWithSums", "with_sums"]

_WHAT = "the table of customers"
_EVENTS = "the table of events"


@dataclass(frozen=True)
class TableWithSums:
    """A table of customers with sums, and their types by name."""

    table: EagerOrLazy
    types: Mapping[str, nw.dtypes.DType]


def with_sums(
    table: EagerOrLazy,
    sums: Callable[[Scope], Mapping[str, nw.Expr]],
    columns: frozenset[str],
    context: Context,
) -> TableWithSums:
    """Return a table of customers with the sums of numbers per event; 0 without events.

    Args:
        table: One row per customer.
        sums: Returns a number per event by the name of its sum.
        columns: The columns of events that are read.
        context: The events, the day and the time zone.

    Raises:
        DataError: If a column is absent or of the wrong type, the ids of the two tables are
            of different types, or the engine cannot compute the numbers.
        ConfigError: If there are no events.

    Examples:
        >>> import pandas as pd
        >>> customers = nw.from_native(pd.DataFrame({"customer_id": ["a", "b"]}), eager_only=True)
        >>> events = pd.DataFrame({"customer_id": ["a", "a"], "amount": [1.0, 2.0]})
        >>> amounts = lambda scope: {"_sum": nw.col("amount")}
        >>> found = with_sums(customers, amounts, frozenset({"amount"}), Context(events=events))
        >>> found.table["_sum"].to_list()
        [3.0, 0.0]
    """
    customer = context.customer_id
    events = opened(context.table_of_events(), _EVENTS)
    types = schema_of(events)
    require(list(types), [customer, *sorted(columns)], _EVENTS)
    names = list(table.collect_schema())
    require(names, [customer], _WHAT)
    _require_alike(table.collect_schema()[customer], types[customer], customer)
    each = sums(Scope(types, context, table=events))
    taken = sorted(set(each) & set(names))
    if taken:
        problem = "the table has a column with the name of a sum of events"
        raise DataError(problem, column=taken[0], hint="rename or drop the column")
    totals = _totals(events, customer, each)
    joined = _joined(table, totals, customer, list(each))
    return TableWithSums(joined, dict.fromkeys(each, nw.Float64()))


def _require_alike(ours: nw.dtypes.DType, theirs: nw.dtypes.DType, customer: str) -> None:
    unknown = nw.Unknown in (ours, theirs)
    if not unknown and family(ours) != family(theirs):
        problem = f"ids of customers are {ours}, ids of events are {theirs}"
        raise DataError(problem, column=customer, hint="read both as text or as whole numbers")


def _totals(events: EagerOrLazy, customer: str, each: Mapping[str, nw.Expr]) -> EagerOrLazy:
    numbers = {name: number.cast(nw.Float64) for name, number in each.items()}
    known: Any = events.filter(~nw.col(customer).is_null())
    try:
        rows = known.select(nw.col(customer), **numbers)
    except (NotImplementedError, NarwhalsError) as error:  # what an engine lacks, by Narwhals
        problem = f"this kind of table cannot compute the score: {error}"
        raise DataError(problem, hint="convert the table to Polars or pandas") from error
    totals: EagerOrLazy = rows.group_by(customer).agg(*(nw.col(name).sum() for name in each))
    return totals


def _joined(
    table: EagerOrLazy, totals: EagerOrLazy, customer: str, names: list[str]
) -> EagerOrLazy:
    if not isinstance(table, nw.LazyFrame):
        return _looked_up(table, collected(totals), customer, names)
    key = unused_name(list(table.collect_schema()), "_customer")
    right: Any = same_engine(totals.rename({customer: key}), table)
    joined = table.join(right, left_on=customer, right_on=key, how="left")
    return joined.with_columns(*(nw.col(name).fill_null(0.0) for name in names))


def _looked_up(table: Eager, totals: Eager, customer: str, names: list[str]) -> EagerOrLazy:
    ids = read_ids(table, customer, _WHAT)
    place = positions(ids, np.array([*totals[customer].to_list(), None], dtype=object)[:-1])
    found: EagerOrLazy = table
    for name in names:
        values = np.append(totals[name].to_numpy(), 0.0)  # the last one is found by -1
        found = with_array(found, name, values[place])
    return found
