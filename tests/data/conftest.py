"""Every kind of frame, made from and turned back into plain columns."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import duckdb
import narwhals as nw
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

type Columns = Mapping[str, Sequence[Any]]
type Constructor = Callable[[Columns], Any]


def _duckdb(columns: Columns) -> Any:
    connection = duckdb.connect()
    connection.register("given", pa.table(dict(columns)))
    return connection.sql("select * from given")


MAKERS: dict[str, Constructor] = {
    "pandas": lambda columns: pd.DataFrame(dict(columns)),
    "polars": lambda columns: pl.DataFrame(dict(columns)),
    "polars_lazy": lambda columns: pl.LazyFrame(dict(columns)),
    "pyarrow": lambda columns: pa.table(dict(columns)),
    "duckdb": _duckdb,
}


@pytest.fixture(params=list(MAKERS))
def constructor(request: pytest.FixtureRequest) -> Constructor:
    """Return what makes a frame of one kind from columns."""
    return MAKERS[request.param]


@pytest.fixture(scope="session")
def contents() -> Callable[[Any], dict[str, list[Any]]]:
    """Return what turns a frame of any kind into lists by column."""

    def columns(frame: Any) -> dict[str, list[Any]]:
        wrapped = nw.from_native(frame)
        eager = wrapped.collect() if isinstance(wrapped, nw.LazyFrame) else wrapped
        return cast("dict[str, list[Any]]", eager.to_dict(as_series=False))

    return columns
