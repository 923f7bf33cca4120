"""Any frame in, the same kind out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import narwhals as nw
from narwhals.exceptions import DuplicateError
from narwhals.typing import IntoFrameT

from omniltv.errors import DataError

__all__ = ["Kind", "Table", "columns_of", "read"]

type Table = nw.DataFrame[Any]
type _Type = type[nw.dtypes.DType] | nw.dtypes.DType


@dataclass(frozen=True)
class Kind[FrameT]:
    """Which kind of frame the caller uses, and how to give one back."""

    eager: nw.Implementation
    lazy: nw.Implementation | None

    def build(self, data: Mapping[str, Sequence[object]], types: Mapping[str, _Type]) -> FrameT:
        """Return plain columns as a frame of the caller's kind; text unless typed."""
        schema: dict[str, _Type | None] = {
            name: types.get(name, self._text(values)) for name, values in data.items()
        }
        frame = nw.from_dict(dict(data), schema, backend=self.eager)  # type: ignore[arg-type]  # any eager one
        return self.native(frame)

    def _text(self, values: Sequence[object]) -> _Type | None:
        """Return the type of a column of text; pandas would write a missing one as "None"."""
        return None if self.eager.is_pandas() and None in values else nw.String

    def extend(
        self, table: Table, name: str, values: Sequence[str | None], keep: Sequence[bool]
    ) -> FrameT:
        """Return the rows to keep with one more column of text."""
        chosen = [value for value, wanted in zip(values, keep, strict=True) if wanted]
        rows = [row for row, wanted in enumerate(keep) if wanted]
        column = nw.new_series(name, chosen, nw.String, backend=self.eager)  # type: ignore[arg-type]  # any eager one
        part = nw.maybe_reset_index(table[rows, :])
        return self.native(part.with_columns(column))

    def native(self, table: Table) -> FrameT:
        """Return a table in memory as a frame of the caller's kind."""
        if self.lazy is None:
            return cast("FrameT", table.to_native())
        return cast("FrameT", table.lazy(backend=self.lazy).to_native())  # type: ignore[arg-type]  # any lazy one


def columns_of(table: Table) -> dict[str, list[object]]:
    """Return the columns whose names are text, as plain values."""
    names: Sequence[object] = table.columns
    return {name: table[name].to_list() for name in names if isinstance(name, str)}


def read(frame: IntoFrameT, what: str) -> tuple[Table, Kind[IntoFrameT]]:
    """Return the frame in memory and its kind.

    Raises:
        DataError: If it is no frame, or two of its columns have one name.
    """
    try:
        wrapped: Table | nw.LazyFrame[Any] = nw.from_native(cast("Any", frame))
    except TypeError as error:
        problem = f"{what} must be a dataframe, got {type(frame).__name__}"
        raise DataError(problem, hint="pandas.DataFrame(...) or polars.DataFrame(...)") from error
    except DuplicateError as error:
        names = getattr(frame, "column_names", getattr(frame, "columns", ()))
        twice = next((str(name) for name, count in Counter(names).items() if count > 1), None)
        problem = f"{what} has two columns of one name"
        raise DataError(problem, column=twice, hint="rename one of them") from error
    if isinstance(wrapped, nw.DataFrame):
        return wrapped, Kind(wrapped.implementation, None)
    eager = wrapped.collect()
    return eager, Kind(eager.implementation, wrapped.implementation)
