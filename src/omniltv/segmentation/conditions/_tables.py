"""Conditions on tables: columns that kinds need are added, then the expression is computed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.exceptions import NarwhalsError
from numpy.typing import NDArray

from omniltv._columns import read_ids, require
from omniltv._frames import (
    Eager,
    EagerOrLazy,
    IntoTable,
    SupportsToFrame,
    collect,
    open_frame,
    refuse_unknown,
    unused_name,
)
from omniltv.errors import DataError
from omniltv.segmentation.conditions.context import Context
from omniltv.segmentation.conditions.kind import AmountPerCustomer, ConditionKind, Scope, walk

__all__ = [
    "answers",
    "as_floats",
    "collected",
    "kept",
    "marked",
    "opened",
    "same_engine",
    "schema_of",
    "with_array",
]

_WHAT = "the frame"


def opened(frame: IntoTable, what: str) -> EagerOrLazy:
    """Return any table with columns of Python days and decimals in a type that is compared.

    Examples:
        >>> from datetime import date
        >>> opened(pd.DataFrame({"d": [date(2026, 1, 31)]}), "a table").schema["d"]
        Date
    """
    if isinstance(frame, SupportsToFrame) and callable(frame.columns):
        return collect(frame, what)
    table = open_frame(frame, what)
    return table if isinstance(table, nw.LazyFrame) else _typed(collect(frame, what))


def collected(table: EagerOrLazy) -> Eager:
    """Return a table in memory.

    Examples:
        >>> import polars as pl
        >>> collected(nw.from_native(pl.LazyFrame({"a": [1]})))["a"].to_list()
        [1]
    """
    return table.collect() if isinstance(table, nw.LazyFrame) else table


def _typed(table: Eager) -> Eager:
    """Return a pandas table with objects that are all days, decimals or booleans converted."""
    if not table.implementation.is_pandas():
        return table
    frame = cast("pd.DataFrame", table.to_native())
    found = {name: _converted(frame[name]) for name in _objects(frame)}
    new = {name: column for name, column in found.items() if column is not None}
    return nw.from_native(frame.assign(**new), eager_only=True) if new else table


def _converted(column: "pd.Series[Any]") -> "pd.Series[Any] | None":
    kind = pd.api.types.infer_dtype(column, skipna=True)
    if kind == "date":
        return _days(column)
    if kind == "boolean":
        return column.astype("boolean")
    return pd.to_numeric(column).astype(np.float64) if kind == "decimal" else None


def _days(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return Python days as a column of days; of midnights if PyArrow is not installed."""
    try:
        return column.astype(cast("Any", "date32[pyarrow]"))
    except ImportError:
        return pd.Series(pd.to_datetime(column)).astype("datetime64[us]")


def _rankable(table: Eager, columns: list[str], ranked: set[str]) -> Eager:
    """Return a table whose columns can be ranked within groups, which PyArrow cannot do."""
    if table.implementation.is_pyarrow():
        given = cast("Any", table.select(*columns).to_native()).to_pandas()
        return _typed(nw.from_native(given, eager_only=True))
    return as_floats(table, ranked) if table.implementation.is_pandas() else table


def as_floats(table: Eager, names: Iterable[str]) -> Eager:
    """Return a pandas table with numbers of nullable types as floats, missing ones as NaN.

    pandas gives missing values of nullable types a rank.

    Examples:
        >>> table = nw.from_native(pd.DataFrame({"n": [1, None]}, dtype="Int64"), eager_only=True)
        >>> as_floats(table, ["n"]).to_native()["n"].tolist()
        [1.0, nan]
    """
    frame = cast("pd.DataFrame", table.to_native())
    wide = {
        name: _float(frame[name])
        for name in names
        if table.schema[name].is_numeric() and not isinstance(frame[name].dtype, np.dtype)
    }
    return nw.from_native(frame.assign(**wide), eager_only=True)


def _float(column: "pd.Series[Any]") -> "pd.Series[Any]":
    arrow = isinstance(column.dtype, pd.ArrowDtype)  # possibly decimals
    numbers = column.astype(cast("Any", "double[pyarrow]")) if arrow else column
    values = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
    return pd.Series(values, index=column.index)


def answers(frame: IntoTable, kind: ConditionKind, context: Context) -> NDArray[np.bool_]:
    """Return for each row whether a condition holds, of shape (n_rows,).

    Examples:
        >>> from omniltv.segmentation import Condition
        >>> old = Condition.where("age", "ge", 30).root
        >>> answers(pd.DataFrame({"age": [25, 35]}), old, Context()).tolist()
        [False, True]
    """
    table = opened(frame, _WHAT)
    columns = _columns(kind, context)
    if isinstance(table, nw.LazyFrame):
        require(list(table.collect_schema()), sorted(columns), _WHAT)
        table = table.select(*sorted(columns)).collect()
    refuse_unknown(table, columns, _WHAT)
    ranked = {name for _, each in walk(kind) if each.windowed for name in each.needed}
    if ranked:
        require(table.columns, sorted(columns), _WHAT)
        table = _rankable(table, sorted(columns), ranked)
    prepared = _prepared(table, kind, context)
    answer = _run(prepared, prepared.scope.compiled(kind))
    return np.asarray(cast("Eager", answer)["holds"].to_numpy(), dtype=np.bool_)


def kept(table: EagerOrLazy, kind: ConditionKind, context: Context) -> EagerOrLazy:
    """Return the rows of a table for which a condition holds, with the columns of the table.

    Examples:
        >>> from omniltv.segmentation import Condition
        >>> table = nw.from_native(pd.DataFrame({"age": [25, 35]}), eager_only=True)
        >>> kept(table, Condition.where("age", "ge", 30).root, Context())["age"].to_list()
        [35]
    """
    if not isinstance(table, nw.LazyFrame):
        chosen = np.flatnonzero(answers(table.to_native(), kind, context))
        return table[chosen, :]
    names = list(table.collect_schema())
    prepared = _prepared(table, kind, context)
    rows = prepared.table.filter(prepared.scope.compiled(kind))
    return rows.select(*names) if prepared.scope.prepared else rows


def marked(
    table: EagerOrLazy, conditions: Mapping[str, ConditionKind], context: Context
) -> EagerOrLazy:
    """Return a table with one more column per condition: whether it holds.

    Examples:
        >>> from omniltv.segmentation import Condition
        >>> table = nw.from_native(pd.DataFrame({"age": [25, 35]}), eager_only=True)
        >>> old = {"old": Condition.where("age", "ge", 30).root}
        >>> marked(table, old, Context())["old"].to_list()
        [False, True]
    """
    names = list(table.collect_schema())
    if not isinstance(table, nw.LazyFrame):
        native = table.to_native()
        for name, kind in conditions.items():
            table = with_array(table, name, answers(native, kind, context))
        return table
    holds = {}
    for name, kind in conditions.items():
        prepared = _prepared(table, kind, context)
        table, holds[name] = prepared.table, prepared.scope.compiled(kind)
    return table.with_columns(**holds).select(*names, *holds)


def _columns(kind: ConditionKind, context: Context) -> set[str]:
    every = [each for _, each in walk(kind)]
    columns = {name for each in every for name in each.columns}
    return columns | {context.customer_id} if any(k.needs_tables for k in every) else columns


def schema_of(table: EagerOrLazy) -> Mapping[str, nw.dtypes.DType]:
    """Return the types of columns; one without any value has no type, also in pandas.

    Examples:
        >>> schema_of(nw.from_native(pd.DataFrame({"a": [None]}, dtype=object), eager_only=True))
        {'a': Unknown}
    """
    schema = dict(table.collect_schema())
    if isinstance(table, nw.LazyFrame) or not table.implementation.is_pandas():
        return schema
    frame = cast("pd.DataFrame", table.to_native())
    empty = [name for name in _objects(frame) if frame[name].isna().all()]
    return schema | dict.fromkeys(empty, nw.Unknown())


def _objects(frame: pd.DataFrame) -> list[str]:
    """Return the columns of Python objects."""
    return [name for name in frame.columns if frame[name].dtype == object]


@dataclass(frozen=True)
class _Prepared:
    """A table with the columns that kinds need, and the scope that names them."""

    table: EagerOrLazy
    scope: Scope


def _prepared(table: EagerOrLazy, kind: ConditionKind, context: Context) -> _Prepared:
    schema = schema_of(table)
    names: dict[str, tuple[str, ...]] = {}
    for path, each in walk(kind):
        in_pandas, lazy = table.implementation.is_pandas(), isinstance(table, nw.LazyFrame)
        scope = Scope(schema, context, path, in_pandas=in_pandas)
        if scope.empty_column(each) is not None:
            continue
        try:
            amounts, helpers = each.amounts(context), () if lazy else each.helpers(scope)
        except DataError as error:
            raise scope.placed(error) from error
        if amounts is not None:
            names[path] = (_unused(table),)
            table = _with_amounts(table, names[path][0], amounts, context)
        else:
            for helper in helpers:
                names[path] = (*names.get(path, ()), _unused(table))
                table = table.with_columns(helper.alias(names[path][-1]))
    return _Prepared(table, Scope(schema, context, "", names, table=table))


def _unused(table: EagerOrLazy) -> str:
    return unused_name(list(table.collect_schema()), "_amount")


def _run(prepared: _Prepared, holds: nw.Expr) -> object:
    try:
        return prepared.table.select(holds=holds)
    except (NotImplementedError, NarwhalsError) as error:  # what an engine lacks, by Narwhals
        problem = f"this kind of table cannot compute the condition: {error}"
        raise DataError(problem, hint="convert the table to Polars or pandas") from error


def _with_amounts(
    table: EagerOrLazy, name: str, amounts: AmountPerCustomer, context: Context
) -> EagerOrLazy:
    """Return a table with a number per customer; 0 for customers without one."""
    if isinstance(amounts, np.ndarray):
        return with_array(table, name, amounts)
    if not isinstance(table, nw.LazyFrame):
        return with_array(table, name, _looked_up(table, collected(amounts), context))
    key = unused_name(list(table.collect_schema()), "_customer")
    right = amounts.select(
        nw.col(context.customer_id).alias(key), nw.col("amount").cast(nw.Float64).alias(name)
    )
    joined = table.join(
        same_engine(right, table), left_on=context.customer_id, right_on=key, how="left"
    )
    return joined.with_columns(nw.col(name).fill_null(0.0))


def same_engine(right: EagerOrLazy, table: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Return a table as a lazy one, to be joined to another one of the same engine.

    Raises:
        DataError: If the engines differ.

    Examples:
        >>> import polars as pl
        >>> lazy = nw.from_native(pl.LazyFrame({"a": [1]}))
        >>> same_engine(lazy, lazy).collect()["a"].to_list()
        [1]
    """
    if right.implementation == table.implementation:
        return right.lazy()
    hint = "pass all tables as frames of one library"
    problem = f"customers in {table.implementation}, another table in {right.implementation}"
    raise DataError(problem, hint=hint)


def with_array(
    table: EagerOrLazy, name: str, values: NDArray[np.float64] | NDArray[np.bool_]
) -> EagerOrLazy:
    """Return a table in memory with one more column.

    Raises:
        DataError: If the table is lazy, or of another length.

    Examples:
        >>> table = nw.from_native(pd.DataFrame({"a": [1, 2]}), eager_only=True)
        >>> with_array(table, "b", np.array([0.5, 1.5])).columns
        ['a', 'b']
    """
    if isinstance(table, nw.LazyFrame):
        hint = "pass draws as a table with a row per customer and draw, or collect the customers"
        raise DataError("draws in memory and customers in a lazy table", hint=hint)
    if len(values) != len(table):
        problem = f"draws of {len(values):,} rows for {len(table):,} customers"
        raise DataError(problem, hint="draws.take(rows) in the order of the frame")
    if table.implementation.is_pandas():
        native = cast("pd.DataFrame", table.to_native())
        return nw.from_native(native.assign(**{name: values}), eager_only=True)
    return table.with_columns(nw.new_series(name, values, backend=table.implementation))


def _looked_up(table: Eager, known: Eager, context: Context) -> NDArray[np.float64]:
    ids = read_ids(table, context.customer_id, _WHAT)
    amounts: Mapping[object, float] = dict(
        zip(known[context.customer_id].to_list(), known["amount"].to_list(), strict=True)
    )
    return np.array([amounts.get(customer, 0.0) for customer in ids], dtype=np.float64)
