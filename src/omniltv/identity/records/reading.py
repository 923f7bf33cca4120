"""Raw values read once per distinct value, and the number that could not be read by reason."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from omniltv._arrays import Codes, Flags, Objects
from omniltv.identity.records._codes import MISSING, factorized
from omniltv.identity.records.normalise._address import read_address, read_postcode
from omniltv.identity.records.normalise._contact import read_card_number, read_email
from omniltv.identity.records.normalise._date import UNCLEAR, order_of, read_birth_date
from omniltv.identity.records.normalise._name import read_gender
from omniltv.identity.records.normalise._phone import read_phone
from omniltv.identity.records.normalise._spelling import Spelling
from omniltv.identity.records.normalise._text import Read, read_plain

__all__ = ["ReadColumn", "counted", "read_fields", "read_values", "reader_of"]

type Reader = Callable[[object], Read]

_READERS: Mapping[str, Reader] = {
    "postcode": read_postcode,
    "address": read_address,
    "gender": read_gender,
    "card_number": read_card_number,
}
_SPELT: Mapping[str, Callable[[object, Spelling], Read]] = {
    "email": read_email,
    "phone": read_phone,
    "birth_date": read_birth_date,
}


@dataclass(frozen=True, eq=False, repr=False)
class ReadColumn:
    """A column of a list, read.

    Attributes:
        codes: Number of the distinct raw value of each record; `MISSING` if the cell is empty.
        found: Normalised value of each distinct raw value, None if there is none.
        reasons: Why a distinct raw value was not read, or not all of it, by its number.

    Examples:
        >>> column = ReadColumn(np.array([0, 1, 0]), np.array(["a", None], object), {1: "not a b"})
        >>> column.values.tolist(), dict(column.unread)
        (['a', None, 'a'], {'not a b': 1})
    """

    codes: Codes
    found: Objects
    reasons: Mapping[int, str]

    @cached_property
    def values(self) -> Objects:
        """The normalised value of each record, None if there is none."""
        return np.append(self.found, np.array([None], dtype=object))[self.codes]

    @cached_property
    def filled(self) -> Flags:
        """Which records have a value, or one that could not be read."""
        filled = np.append(pd.notna(self.found), np.False_)
        filled[list(self.reasons)] = True
        return filled[self.codes]

    @property
    def unread(self) -> Counter[str]:
        """Number of records by reason why their value was not read, or not all of it."""
        count = np.bincount(self.codes[self.codes != MISSING], minlength=len(self.found))
        found: Counter[str] = Counter()
        for number, reason in self.reasons.items():
            found[reason] += int(count[number])
        return +found


def read_values(function: Reader, values: Iterable[object]) -> ReadColumn:
    """Return values as a function reads them; it is called once per distinct value.

    Examples:
        >>> read_values(reader_of("gender", Spelling()), ["女", "female", "女"]).values.tolist()
        ['f', 'f', 'f']
    """
    codes, distinct = factorized(values)
    found, reasons = np.empty(len(distinct), dtype=object), {}
    for number, value in enumerate(distinct.tolist()):
        found[number], reason = function(value)
        if reason:
            reasons[number] = reason
    return ReadColumn(codes, found, reasons)


def read_fields(
    raw: Mapping[str, Objects], source: Objects, spelling: Spelling
) -> dict[str, ReadColumn]:
    """Return the personal fields of records, except names.

    Args:
        raw: The raw columns.
        source: Source of each record; the order of day and month is found for each source.
        spelling: How values are read.

    Examples:
        >>> raw = {"birth_date": np.array(["25/12/1980", "01/02/1980"], dtype=object)}
        >>> cells = read_fields(raw, np.array(["ec", "ec"], dtype=object), Spelling())
        >>> cells["birth_date"].values.tolist()
        ['1980-12-25', '1980-02-01']
    """
    cells = {
        name: read_values(reader_of(name, spelling), raw[name])
        for name in (*_SPELT, *_READERS)
        if name in raw
    }
    if "birth_date" in cells and spelling.date_order == "inferred":
        cells["birth_date"] = _in_order(cells["birth_date"], raw["birth_date"], source, spelling)
    return cells


def reader_of(name: str, spelling: Spelling) -> Reader:
    """Return how a value of a field is read in lists; names are only folded.

    Examples:
        >>> reader_of("phone", Spelling())("03-1234-5678").value
        '+81312345678'
    """
    spelt = _SPELT.get(name)
    if spelt is None:
        return _READERS.get(name, read_plain)
    return lambda value: spelt(value, spelling)


def counted(cells: Mapping[str, ReadColumn]) -> Counter[str]:
    """Return the number of values that were not read, by field and reason.

    Examples:
        >>> cells = {"birth_date": read_values(reader_of("birth_date", Spelling()), ["soon", None])}
        >>> dict(counted(cells))
        {'birth_date: not a date': 1}
    """
    return Counter(
        {
            f"{name}: {reason}": n
            for name, column in sorted(cells.items())
            for reason, n in sorted(column.unread.items())
        }
    )


def _in_order(cells: ReadColumn, raw: Objects, source: Objects, spelling: Spelling) -> ReadColumn:
    """Return dates whose order of day and month is that of other dates of their source."""
    unclear = np.zeros(len(cells.found) + 1, dtype=np.bool_)
    unclear[[number for number, why in cells.reasons.items() if why == UNCLEAR.reason]] = True
    where = factorized(source)[0]
    for number in np.unique(where[unclear[cells.codes]]).tolist():
        rows = np.flatnonzero(where == number)
        order = order_of(factorized(raw[rows])[1].tolist())
        rows = rows[unclear[cells.codes[rows]]]
        known = spelling.model_copy(update={"date_order": order})
        cells = _replaced(cells, rows, read_values(reader_of("birth_date", known), raw[rows]))
        unclear = np.append(unclear, np.zeros(len(cells.found) + 1 - len(unclear), np.bool_))
    return cells


def _replaced(cells: ReadColumn, rows: Codes, other: ReadColumn) -> ReadColumn:
    """Return a column with some cells of another one."""
    codes, n = cells.codes.copy(), len(cells.found)
    codes[rows] = other.codes + n
    reasons = {number + n: reason for number, reason in other.reasons.items()}
    return ReadColumn(
        codes, np.concatenate([cells.found, other.found]), {**cells.reasons, **reasons}
    )
