"""Laws that every tier rule and every score must satisfy."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import isclose
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame
from numpy.typing import NDArray

from omniltv._frames import Eager, collect
from omniltv._options import checked
from omniltv.errors import DataError
from omniltv.segmentation import Context, TierRule
from omniltv.segmentation.scores import CustomerScore, EventScore, scored

__all__ = ["check_score", "check_tier_rule"]

_ALONE = 20


@checked
def check_tier_rule(rule: TierRule, customers: IntoFrame) -> None:
    """Raise AssertionError if a rule breaks a law on a table of customers.

    The laws: one boolean per row; the order of rows does not matter; a customer alone gets
    the same answer as among the others; an empty table is allowed.

    Args:
        rule: The rule.
        customers: A table for which the rule holds for some rows and not for others.

    Examples:
        >>> import pandas as pd
        >>> class Big:
        ...     name = "big"
        ...     def holds(self, customers):
        ...         return customers["value"].to_numpy() > 10
        >>> check_tier_rule(Big(), pd.DataFrame({"value": [5.0, 15.0, 25.0]}))
    """
    table = collect(customers, "the table of customers")
    answer = _answer(rule, table)
    assert answer.any(), f"{rule.name} holds for no row of this table: try another one"
    assert not answer.all(), f"{rule.name} holds for every row of this table: try another one"
    order = np.random.default_rng(16).permutation(len(table))
    shuffled = _answer(rule, table[order, :])
    assert np.array_equal(shuffled, answer[order]), f"{rule.name} depends on the order of rows"
    for row in order[:_ALONE]:
        alone = _answer(rule, table[np.array([row]), :])
        assert alone[0] == answer[row], f"{rule.name} changes its answer for a customer alone"
    _answer(rule, table[order[:0], :])


def _answer(rule: TierRule, table: Eager) -> NDArray[np.bool_]:
    answer = np.asarray(rule.holds(table))
    assert answer.shape == (len(table),), f"{rule.name} does not return one boolean per row"
    assert answer.dtype == np.bool_, f"{rule.name} does not return one boolean per row"
    return answer


@checked
def check_score(
    score: CustomerScore,
    customers: IntoFrame,
    context: Context | None = None,
    *,
    relative: bool = False,
) -> None:
    """Raise AssertionError if a score breaks a law on a table of customers.

    The laws: the score adds columns and changes no other; two runs agree; the order of rows
    does not matter; pandas, Polars, a lazy frame and PyArrow give the same values; a customer
    alone gets the same values as among the others, unless the score is relative; an empty table
    is allowed; an absent column is a DataError.

    Args:
        score: The score.
        customers: A table with the columns of the score and the customer id.
        context: The day, the time zone and the events.
        relative: Whether the score compares customers with each other, as quantiles do.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.segmentation.scores import Rfm
        >>> frame = pd.DataFrame({"customer_id": ["a", "b"], "purchases": [1, 7],
        ...     "last_purchase": pd.to_datetime(["2026-01-05", "2026-03-01"]),
        ...     "realised_value": [10.0, 80.0]})
        >>> check_score(Rfm(levels=2), frame, relative=True)
    """
    name = type(score).__name__
    known = context or Context()
    table = collect(customers, "the table of customers")
    given, values = _columns(table), _scores(score, table, known)
    found = _columns(collect(scored(table.to_native(), score, known), "the scores"))
    assert values, f"{name} adds no column"
    assert {k: found[k] for k in given} == given, f"{name} changes a column of the table"
    assert _same(found, values), f"{name} gives other values in a second run"
    order = np.random.default_rng(15).permutation(len(table))
    shuffled = _scores(score, table[order, :], known)
    expected = {column: [each[row] for row in order] for column, each in values.items()}
    assert _same(shuffled, expected), f"{name} depends on the order of rows"
    for kind, convert in _KINDS.items():
        other = _scores(score, convert(table), _converted(known, convert))
        assert _same(other, values), f"{name} gives other values in {kind}"
    for row in order[:_ALONE] if not relative else ():
        alone = _scores(score, table[np.array([row]), :], known)
        one = {column: [each[row]] for column, each in values.items()}
        assert _same(alone, one), f"{name} changes its values for a customer alone"
    _scores(score, table[order[:0], :], known)
    _check_absent(score, table, known)


def _check_absent(score: CustomerScore, table: Eager, context: Context) -> None:
    """Check that an absent column is an error of this package."""
    needed = set(score.columns) | (
        {context.customer_id} if isinstance(score, EventScore) else set()
    )
    name = type(score).__name__
    for column in sorted(needed):
        found = _error(score, table.drop(column), context)
        assert found is not None, f"{name} does not read the column {column!r}"
        assert found.column == column, f"{name} names another column than {column!r}"


def _error(score: CustomerScore, table: Eager, context: Context) -> DataError | None:
    try:
        scored(table.to_native(), score, context)
    except DataError as error:
        return error
    return None


def _lazy(table: Eager) -> Any:  # noqa: ANN401 - a frame of any kind
    return nw.from_native(table.to_polars().lazy())


_KINDS: Mapping[str, Callable[[Eager], Any]] = {
    "pandas": lambda table: nw.from_native(table.to_pandas(), eager_only=True),
    "Polars": lambda table: nw.from_native(table.to_polars(), eager_only=True),
    "a lazy frame": _lazy,
    "PyArrow": lambda table: nw.from_native(table.to_arrow(), eager_only=True),
}


def _converted(context: Context, convert: Callable[[Eager], Any]) -> Context:
    if context.events is None:
        return context
    return replace(context, events=convert(collect(context.events, "the events")).to_native())


def _scores(score: CustomerScore, table: Any, context: Context) -> dict[str, list[Any]]:  # noqa: ANN401 - as above
    """Return the columns that a score adds, in the order of the rows."""
    before = list(table.collect_schema())
    columns = _columns(collect(scored(table.to_native(), score, context), "the scores"))
    own = {name: values for name, values in columns.items() if name not in before}
    if not isinstance(table, nw.LazyFrame) or context.customer_id not in before:
        return own
    # A lazy table has no order: its rows are found by the id.
    place = {customer: row for row, customer in enumerate(columns[context.customer_id])}
    rows = [place[customer] for customer in collect(table.to_native(), "")[context.customer_id]]
    return {name: [values[row] for row in rows] for name, values in own.items()}


def _columns(table: Eager) -> dict[str, list[Any]]:
    """Return columns as lists, missing values as None."""
    return {
        name: [None if pd.isna(value) else value for value in table[name].to_list()]
        for name in table.columns
    }


def _same(found: Mapping[str, list[Any]], expected: Mapping[str, list[Any]]) -> bool:
    return all(
        name in found
        and len(found[name]) == len(values)
        and all(_alike(*pair) for pair in zip(found[name], values, strict=True))
        for name, values in expected.items()
    )


def _alike(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    return one == other
