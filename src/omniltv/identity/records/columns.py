"""Normalised records: each field as integer codes into its distinct values."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Codes, Flags, Objects
from omniltv._options import checked
from omniltv.identity.records._codes import MISSING, factorized
from omniltv.identity.records._copies import equal_groups

__all__ = ["MISSING", "Column", "RecordKey", "Records", "columns_of", "with_values"]

_GROUPS = 16  # of characters, by their number

type RecordKey = tuple[str, str]
"""The source of a record and its id there."""

_FULL_NAME = (("family_written", "family_reading"), ("given_written", "given_reading"))
_CONTACTS = ("phone", "email", "card_number", "birth_date", "address", "postcode")


@checked
@dataclass(frozen=True, eq=False, repr=False)
class Column:
    """One field of all records as codes into its distinct values.

    Attributes:
        codes: Shape (n_records,); `MISSING` if the record has no value.
        values: The distinct normalised values, shape (n_values,), str.
        counted: Number of records with each value in the longer list that this is part of.

    Examples:
        >>> column = Column.of(["a", None, "a"])
        >>> column.codes.tolist(), column.count.tolist()
        ([0, -1, 0], [2])
    """

    codes: Codes
    values: NDArray[np.object_]
    counted: Codes | None = None

    @classmethod
    def of(cls, values: Iterable[str | None]) -> "Column":
        """Return a column from plain values; the distinct ones are sorted."""
        codes, distinct = factorized(values)
        known = distinct.tolist()
        order = np.array(sorted(range(len(known)), key=known.__getitem__), dtype=np.int64)
        rank = np.full(len(known) + 1, MISSING, dtype=np.int64)  # the last is that of MISSING
        rank[order] = np.arange(len(order))
        return cls(rank[codes], distinct[order])

    def derive(self, function: Callable[[str], str | None]) -> "Column":
        """Return a column of a function of the values, computed once per distinct value.

        Examples:
            >>> Column.of(["taro@a.jp", None, "taro@b.jp"]).derive(lambda v: v[:4]).codes.tolist()
            [0, -1, 0]
        """
        column = Column.of([function(value) for value in self.values.tolist()])
        place = np.append(column.codes, MISSING)  # the last is that of MISSING, which is -1
        return Column(place[self.codes], column.values)

    def rows_of(self, codes: Codes) -> list[NDArray[np.intp]]:
        """Return the positions of the records with each of some values."""
        order = np.argsort(self.codes, kind="stable")
        ends = [np.searchsorted(self.codes[order], codes, side) for side in ("left", "right")]
        return [order[low:high] for low, high in zip(*ends, strict=True)]

    def taken(self, rows: Codes) -> "Column":
        """Return the column of some records; the counts of values stay those of all records.

        Examples:
            >>> Column.of(["a", None, "a"]).taken(np.array([1, 2])).count.tolist()
            [2]
        """
        return Column(self.codes[rows], self.values, self.count)

    @cached_property
    def count(self) -> Codes:
        """Number of records with each value, of shape (n_values,)."""
        if self.counted is not None:
            return self.counted
        known = self.codes[self.codes != MISSING]
        return np.bincount(known, minlength=len(self.values)).astype(np.int64)

    @cached_property
    def characters(self) -> NDArray[np.uint8]:
        """How many characters of each of 16 groups a value has, of shape (n_values, 16)."""
        values = self.values.tolist()
        size = np.fromiter(map(len, values), np.int64, len(values))
        text = "".join(values).encode("utf-32-le", "surrogatepass")
        group = np.frombuffer(text, np.uint32) % _GROUPS
        place = np.repeat(np.arange(len(values)) * _GROUPS, size) + group
        count = np.bincount(place, minlength=len(values) * _GROUPS)
        return np.minimum(count, 255).astype(np.uint8).reshape(-1, _GROUPS)

    def __repr__(self) -> str:
        return f"Column({len(self.codes):,} records, {len(self.values):,} distinct values)"


@checked
@dataclass(frozen=True, eq=False, repr=False)
class Records:
    """Normalised source records, sorted by (source, record_id).

    Attributes:
        source: Source of each record, of shape (n_records,), str.
        record_id: Id of each record in its source, of shape (n_records,), str.
        columns: Normalised fields by name. Fields without any value are absent.

    Examples:
        >>> phone = Column.of(["1", None])
        >>> records = Records(np.array(["ec", "pos"]), np.array(["7", "9"]), {"phone": phone})
        >>> records.ids()
        [('ec', '7'), ('pos', '9')]
    """

    source: NDArray[np.object_]
    record_id: NDArray[np.object_]
    columns: Mapping[str, Column]

    def __len__(self) -> int:
        return len(self.source)

    def ids(self) -> list[tuple[str, str]]:
        """Return (source, record_id) of each record."""
        return list(zip(self.source.tolist(), self.record_id.tolist(), strict=True))

    def taken(self, rows: Codes) -> "Records":
        """Return some of the records; `Column.count` stays that of all records."""
        columns = {name: column.taken(rows) for name, column in self.columns.items()}
        return Records(self.source[rows], self.record_id[rows], columns)

    def without(self, rows: Flags) -> "Records":
        """Return the records without some of them; `Column.count` does not count these."""
        kept = np.flatnonzero(~rows)
        columns = {
            name: Column(column.codes[kept], column.values, column.counted)
            for name, column in self.columns.items()
        }
        return Records(self.source[kept], self.record_id[kept], columns)

    @cached_property
    def copies(self) -> Codes:
        """Number of the group of equal records that each record is in, `MISSING` for none.

        Groups have three records or more of one source with the same values in all columns,
        among them a full name and a contact, card or birth date. Shape (n_records,).
        """
        someone = np.all([self._any_of(names) for names in (*_FULL_NAME, _CONTACTS)], axis=0)
        by_variety = sorted(self.columns.values(), key=lambda column: -len(column.values))
        codes = [*(column.codes for column in by_variety), factorized(self.source)[0]]
        return equal_groups(codes, someone)

    def _any_of(self, names: Iterable[str]) -> Flags:
        known = [self.columns[name].codes != MISSING for name in names if name in self.columns]
        return np.any([np.zeros(len(self), dtype=np.bool_), *known], axis=0)

    @cached_property
    def position(self) -> Mapping[tuple[str, str], int]:
        """Position of each record by (source, record_id)."""
        return {key: row for row, key in enumerate(self.ids())}

    def __repr__(self) -> str:
        return f"Records({len(self):,} records, columns {', '.join(self.columns) or 'none'})"


def columns_of(fields: Mapping[str, Objects]) -> dict[str, Column]:
    """Return the filled fields as columns; family and given names share their distinct values.

    Examples:
        >>> nothing = np.array([None], dtype=object)
        >>> kinds = ("written", "reading", "sound")
        >>> names = {f"{part}_{kind}": nothing for part in ("family", "given") for kind in kinds}
        >>> names["given_written"] = np.array(["ken"], dtype=object)
        >>> list(columns_of(names | {"email": nothing}))
        ['given_written']
    """
    columns = {}
    for kind in ("written", "reading", "sound"):
        both = Column.of(np.concatenate([fields[f"family_{kind}"], fields[f"given_{kind}"]]))
        half = len(both.codes) // 2
        columns[f"family_{kind}"] = Column(both.codes[:half], both.values)
        columns[f"given_{kind}"] = Column(both.codes[half:], both.values)
    columns |= {name: Column.of(v) for name, v in fields.items() if name not in columns}
    return with_values(columns)


def with_values(columns: Mapping[str, Column]) -> dict[str, Column]:
    """Return the columns in which at least one record has a value.

    Examples:
        >>> list(with_values({"email": Column.of(["ann@y.jp"]), "phone": Column.of([None])}))
        ['email']
    """
    return {name: column for name, column in columns.items() if (column.codes != MISSING).any()}
