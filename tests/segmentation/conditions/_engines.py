"""One table on every engine, and the rows that a condition keeps on each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import duckdb
import narwhals as nw
import pandas as pd
import polars as pl
import pyarrow as pa
from sqlframe.duckdb import DuckDBSession

from omniltv.segmentation import (
    ColumnComparison,
    Condition,
    ConditionKind,
    Context,
    Happened,
    OnWeekday,
    Within,
)
from omniltv.segmentation.conditions.kind import walk

ZONE = "Europe/Berlin"

type Build = Callable[[pa.Table], Any]

_NULLABLE = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}


@dataclass(frozen=True)
class Tables:
    """The tables of one example, as PyArrow tables."""

    customers: pa.Table
    events: pa.Table
    draws: pa.Table


class _Sql:
    """Tables of one DuckDB connection: as relations, or as frames of the API of Spark.

    The connection is in UTC: other time zones need the extension ICU, which is downloaded.
    """

    def __init__(self, *, spark: bool) -> None:
        self.connection = duckdb.connect(config={"threads": 1})
        self.session = DuckDBSession(self.connection) if spark else None
        self.count = 0

    def __call__(self, table: pa.Table) -> Any:
        self.count += 1
        name = f"given_{self.count}"
        self.connection.register("arrow_table", table)
        self.connection.execute(f"create table {name} as from arrow_table")
        return self.connection.table(name) if self.session is None else self.session.table(name)


def _of_pandas(table: pa.Table) -> pd.DataFrame:
    return cast("pd.DataFrame", table.to_pandas(types_mapper=_NULLABLE.get))


def _of_arrow_pandas(table: pa.Table) -> pd.DataFrame:
    return cast("pd.DataFrame", table.to_pandas(types_mapper=pd.ArrowDtype))


def _of_polars(table: pa.Table) -> pl.DataFrame:
    return cast("pl.DataFrame", pl.from_arrow(table))


ENGINES: Mapping[str, Build] = {
    "pandas": _of_pandas,
    "pandas on PyArrow": _of_arrow_pandas,
    "polars": _of_polars,
    "polars lazy": lambda table: _of_polars(table).lazy(),
    "pyarrow": lambda table: table,
    "duckdb": _Sql(spark=False),
    "sqlframe": _Sql(spark=True),
}
SQL = ("duckdb", "sqlframe")


def needs_local_days(condition: Condition) -> bool:
    """Return whether a condition reads the local day of moments with a time zone."""
    moments = {"moment", "time"}
    return any(
        moments & kind.columns and (isinstance(kind, OnWeekday) or _of_parts(kind))
        for _, kind in walk(condition.root)
    )


def _of_parts(kind: ConditionKind) -> bool:
    anniversary = isinstance(kind, Within) and kind.anniversary
    return anniversary or (isinstance(kind, ColumnComparison) and kind.columns == {"day", "moment"})


def needs(condition: Condition) -> bool:
    """Return whether a condition, or one on events inside it, needs local days."""
    inner = [k.where for _, k in walk(condition.root) if isinstance(k, Happened) and k.where]
    return any(map(needs_local_days, (condition, *inner)))


def rows_kept(condition: Condition, tables: Tables, build: Build, context: Context) -> list[int]:
    """Return the rows that a condition keeps on an engine, in order."""
    given = Context(
        today=context.today,
        time_zone=context.time_zone,
        events=build(tables.events),
        draws={"value": build(tables.draws)},
    )
    kept = nw.from_native(condition.filter(build(tables.customers), given)).select("row")
    rows = kept.collect() if isinstance(kept, nw.LazyFrame) else kept
    return sorted(int(row) for row in rows["row"].to_list())
