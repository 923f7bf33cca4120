"""The reader at the touchpoint: one customer in one call."""

import json
import sqlite3
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

from omniltv._options import checked
from omniltv.errors import StoreError
from omniltv.segmentation.counter._folder import key_of, newest, open_file
from omniltv.segmentation.counter.view import MANY, ONE, CounterView, Row

__all__ = ["CounterDesk"]


@checked
class CounterDesk:
    """Looks up customers in what the nightly job has left.

    A lookup reads a handful of rows by primary key, whatever the number of customers. When the
    nightly job has written a new file, the next call reads it. Threads may share a desk. Ids are
    neither logged nor part of errors.

    Args:
        folder: The folder that `write_counter` writes.

    Raises:
        StoreError: If there is no counter in the folder, or it is damaged.

    Examples:
        >>> from tempfile import TemporaryDirectory
        >>> import pandas as pd
        >>> from omniltv.segmentation.counter import write_counter
        >>> people = pd.DataFrame({"customer_id": ["a"], "name": ["Ann"]})
        >>> carts = pd.DataFrame({"customer_id": ["a", "a"], "item": ["tea", "cup"]})
        >>> with TemporaryDirectory() as folder:
        ...     write_counter(Path(folder), as_of="2026-01-05", profile=people, cart=carts)
        ...     with CounterDesk(Path(folder)) as desk:
        ...         view = desk.of("a")
        >>> view.profile["name"], [line["item"] for line in view.cart]
        ('Ann', ['tea', 'cup'])
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()
        self._path: Path | None = None
        self._connection: sqlite3.Connection | None = None
        self._as_of = ""
        self._columns: dict[str, tuple[str, ...]] = {}
        with self._lock:
            self._refreshed()

    def of(self, customer_id: int | str) -> CounterView | None:
        """Return what is known about a customer; None if there is no such customer.

        Args:
            customer_id: The id, of the type that the tables have.

        Raises:
            StoreError: If the file is damaged.
        """
        with self._lock:
            connection, key = self._refreshed(), key_of(customer_id)
            try:
                found = {
                    name: _rows(connection, name, self._columns[name], key)
                    for name in (*ONE, *MANY)
                    if name in self._columns
                }
            except sqlite3.Error as error:
                raise StoreError(_DAMAGED.format(type(error).__name__)) from error
            as_of = self._as_of
        if not found["profile"]:
            return None
        one = {name: found[name][0] for name in ONE if found.get(name)}
        many = {name: found.get(name, ()) for name in MANY}
        return CounterView(as_of, one["profile"], one.get("tier", {}), **many)

    def close(self) -> None:
        """Close the file. A later call opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = self._path = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()

    def _refreshed(self) -> sqlite3.Connection:
        """Return a connection to the newest file."""
        path = newest(self._folder)
        if path is None:
            raise StoreError(f"no counter in {self._folder}. Hint: write_counter(folder, ...)")
        if self._connection is None or path != self._path:
            connection = open_file(path)
            try:
                as_of, columns = _about(connection)
            except StoreError:
                connection.close()
                raise
            if self._connection is not None:
                self._connection.close()
            self._path, self._connection = path, connection
            self._as_of, self._columns = as_of, columns
        return self._connection


_DAMAGED = "the counter is damaged: {}. Hint: write it again with write_counter"


def _about(connection: sqlite3.Connection) -> tuple[str, dict[str, tuple[str, ...]]]:
    """Return the day of the tables, and the columns of each section."""
    try:
        (as_of,) = connection.execute("SELECT as_of FROM about").fetchone()
        known = dict(connection.execute("SELECT name, columns FROM sections").fetchall())
        return as_of, {name: tuple(json.loads(text)) for name, text in known.items()}
    except (sqlite3.Error, TypeError, ValueError) as error:
        raise StoreError(_DAMAGED.format(type(error).__name__)) from error


def _rows(
    connection: sqlite3.Connection, name: str, columns: tuple[str, ...], customer: int | str
) -> tuple[Row, ...]:
    """Return the rows of a customer in a section."""
    statement = f"SELECT * FROM {name} WHERE customer = ? ORDER BY number"  # noqa: S608 - our own
    found = connection.execute(statement, (customer,)).fetchall()
    return tuple(dict(zip(columns, row[2:], strict=True)) for row in found)
