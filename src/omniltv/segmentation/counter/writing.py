"""The nightly job: tables of customers, carts, contacts, tiers and plans, indexed for lookup."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from omniltv._arrays import Codes, Objects
from omniltv._columns import none_if_missing, numbers, read_ids, repeated, require
from omniltv._frames import Eager, collect
from omniltv._log import logged
from omniltv._options import checked
from omniltv.errors import DataError
from omniltv.segmentation.counter._folder import key_of, new_file
from omniltv.segmentation.counter.view import MANY, ONE

__all__ = ["write_counter"]

_BLOCK = 100_000  # rows
_LONG = 2**63
_STORED = (str, float, type(None))
_ORDERS: Mapping[str, tuple[str, ...]] = {"contacts": ("time",), "offers": ("net_gain", "gain")}


@logged("counter written")
@checked
def write_counter(
    folder: Path,
    *,
    as_of: str,
    profile: IntoFrame,
    tier: IntoFrame | None = None,
    cart: IntoFrame | None = None,
    contacts: IntoFrame | None = None,
    offers: IntoFrame | None = None,
) -> None:
    """Write the tables that `CounterDesk` looks customers up in.

    The folder gets a new SQLite file, completely or not at all. Readers go on meanwhile, and
    find the new file at their next call. Only the owner can read it, as it has personal data.

    Every table has ``customer_id`` and any other columns. Times are kept as ISO text, booleans
    as 0 and 1.

    Args:
        folder: The folder; it is made if it is not there.
        as_of: Day or moment of the tables, for display.
        profile: One row per customer. Only these customers are found.
        tier: One row per customer: tier, progress to the next one.
        cart: Lines of open carts.
        contacts: Last contacts, with ``time``: the latest is shown first.
        offers: Planned treatments with reasons, with ``net_gain`` or ``gain``: the highest is
            shown first.

    Raises:
        DataError: If a column is absent, ids are missing, a customer has two profiles or tiers,
            or a value is neither a number of 64 bits with a sign, a text, a time nor missing.
        StoreError: If the folder cannot be written.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> from omniltv.segmentation.counter import CounterDesk
        >>> people = pd.DataFrame({"customer_id": [7], "name": ["Ann"]})
        >>> with TemporaryDirectory() as folder:
        ...     write_counter(Path(folder), as_of="2026-01-05", profile=people)
        ...     with CounterDesk(Path(folder)) as desk:
        ...         print(desk.of(7).profile["name"], desk.of(8))
        Ann None
    """
    given = {"profile": profile, "tier": tier, "cart": cart, "contacts": contacts, "offers": offers}
    tables = {
        name: _Section.read(name, collect(frame, f"the table {name!r}"))
        for name, frame in given.items()
        if frame is not None
    }
    with new_file(folder) as connection:
        connection.execute("CREATE TABLE about (as_of TEXT)")
        connection.execute("INSERT INTO about VALUES (?)", (as_of,))
        connection.execute("CREATE TABLE sections (name TEXT, columns TEXT)")
        for name in (*ONE, *MANY):
            if name in tables:
                tables[name].write(connection)


@dataclass(frozen=True, eq=False)
class _Section:
    """A table of the counter: rows sorted by customer, in the order in which they are shown."""

    name: str
    rows: Eager
    ids: Objects
    order: Codes

    @classmethod
    def read(cls, name: str, rows: Eager) -> "_Section":
        what = f"the table {name!r}"
        require(rows.columns, ("customer_id",), what)
        ids = read_ids(rows, "customer_id", what)
        twice = repeated(ids) if name in ONE else []
        if twice:
            hint = "one row per customer"
            raise DataError(
                f"customers twice in {what}", column="customer_id", rows=twice, hint=hint
            )
        return cls(name, rows, ids, _order(name, rows, ids))

    def write(self, connection: sqlite3.Connection) -> None:
        """Write the rows: customer, number of the row, and the values."""
        names = [column for column in self.rows.columns if column != "customer_id"]
        columns = "".join(f", c{number}" for number in range(len(names)))
        key = "PRIMARY KEY (customer, number)"
        connection.execute(
            f"CREATE TABLE {self.name} (customer, number INTEGER{columns}, {key}) WITHOUT ROWID"
        )
        connection.execute("INSERT INTO sections VALUES (?, ?)", (self.name, json.dumps(names)))
        marks = ", ".join("?" * (len(names) + 2))
        statement = f"INSERT INTO {self.name} VALUES ({marks})"  # noqa: S608 - our own names
        connection.executemany(statement, self._values(names))
        connection.commit()

    def _values(self, names: list[str]) -> Iterator[tuple[object, ...]]:
        number = pd.Series(self.ids[self.order], dtype=object).groupby(
            pd.factorize(self.ids[self.order])[0]
        ).cumcount()  # fmt: skip
        for first in range(0, len(self.ids), _BLOCK):
            block = self.order[first : first + _BLOCK]
            part = self.rows[block, :]
            columns = [_plain(part, name, self.ids[block]) for name in names]
            ids = [key_of(one) for one in self.ids[block].tolist()]
            numbered = number.iloc[first : first + _BLOCK].tolist()
            yield from zip(ids, numbered, *columns, strict=True)


def _order(name: str, rows: Eager, ids: Objects) -> Codes:
    """Return rows by customer id, then as they are shown."""
    code = _ranks(ids)
    by = next((column for column in _ORDERS.get(name, ()) if column in rows.columns), None)
    if by is None:
        return np.argsort(code, kind="stable")
    column = rows[by]
    if isinstance(column.dtype, (nw.Date, nw.Datetime)):
        shown = -pd.to_datetime(pd.Series(column.to_list())).rank().fillna(0).to_numpy()
    else:
        shown = -numbers(rows, by, f"the table {name!r}", ids=ids)
    return np.lexsort((shown, code)).astype(np.int64)


def _ranks(ids: Objects) -> Codes:
    """Return the rank of each id: rows that are written in the order of the key take less time."""
    keys = np.array([key_of(one) for one in ids.tolist()], dtype=object)
    try:
        return pd.factorize(keys, sort=True)[0].astype(np.int64)
    except TypeError:  # numbers and texts
        return pd.factorize(keys)[0].astype(np.int64)


def _is_stored(value: object) -> bool:
    """Return whether SQLite holds a value."""
    if isinstance(value, int):
        return -_LONG <= value < _LONG
    return isinstance(value, _STORED)


def _plain(rows: Eager, name: str, ids: Objects) -> list[object]:
    """Return a column as values that SQLite holds."""
    column = rows[name]
    plain: list[Any] = list(map(none_if_missing, column.to_list()))
    if isinstance(column.dtype, (nw.Date, nw.Datetime, nw.Time)):
        return [None if value is None else value.isoformat() for value in plain]
    bad = [row for row, value in enumerate(plain) if not _is_stored(value)]
    if bad:
        problem, hint = "values of a type that is not stored", "convert them to numbers or text"
        raise DataError(problem, column=name, rows=list(ids[bad]), hint=hint)
    return plain
