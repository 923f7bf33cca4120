"""Raw values read once per distinct value, and the number that could not be read by reason."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Codes, Flags
from omniltv.identity.records._codes import MISSING, factorized, objects
from omniltv.identity.records.normalise._address import read_address, read_postcode
from omniltv.identity.records.normalise._contact import read_card_number, read_email
from omniltv.identity.records.normalise._date import UNCLEAR, order_of, read_birth_date
from omniltv.identity.records.normalise._name import read_gender
from omniltv.identity.records.normalise._phone import read_phone
from omniltv.identity.records.normalise._spelling import Spelling
from omniltv.identity.records.normalise._text import Read, read_plain

__all__ = ["Cells", "counted", "read_fields", "read_values", "reader_of"]

type Values = NDArray[np.object_]

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
class Cells:
    """A column of a list, read.

    Attributes:
        codes: Number of the distinct raw value of each record; `MISSING` if the cell is empty.
        reads: What was read from each distinct raw value.
    """

    codes: Codes
    reads: tuple[Read, ...]

    @cached_property
    def values(self) -> Values:
        """The normalised value of each record, None if there is none."""
        return objects([*(read.value for read in self.reads), None])[self.codes]

    @cached_property
    def filled(self) -> Flags:
        """Which records have a value, or one that could not be read."""
        filled = [read.value is not None or bool(read.reason) for read in self.reads]
        return np.array([*filled, False])[self.codes]

    @property
    def unread(self) -> Counter[str]:
        """Number of records by reason why their value was not read, or not all of it."""
        count = np.bincount(self.codes[self.codes != MISSING], minlength=len(self.reads))
        found: Counter[str] = Counter()
        for read, n in zip(self.reads, count.tolist(), strict=True):
            if read.reason and n:
                found[read.reason] += n
        return found


def read_values(function: Callable[[object], Read], values: Iterable[object]) -> Cells:
    """Return values as a function reads them; it is called once per distinct value."""
    codes, distinct = factorized(values)
    return Cells(codes, tuple(map(function, distinct.tolist())))


def read_fields(raw: Mapping[str, Values], source: Values, spelling: Spelling) -> dict[str, Cells]:
    """Return the personal fields of records, except names.

    Args:
        raw: The raw columns.
        source: Source of each record; the order of day and month is found for each source.
        spelling: How values are read.
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
    if name in _SPELT:
        return partial(_SPELT[name], spelling=spelling)
    return _READERS.get(name, read_plain)


def counted(cells: Mapping[str, Cells]) -> Counter[str]:
    """Return the number of values that were not read, by field and reason."""
    return Counter(
        {
            f"{name}: {reason}": n
            for name, column in sorted(cells.items())
            for reason, n in sorted(column.unread.items())
        }
    )


def _in_order(cells: Cells, raw: Values, source: Values, spelling: Spelling) -> Cells:
    """Return dates whose order of day and month is that of other dates of their source."""
    unclear = np.array([*(read is UNCLEAR for read in cells.reads), False])
    if not unclear.any():
        return cells
    codes, reads = cells.codes.copy(), list(cells.reads)
    where = factorized(source)[0]
    for number in np.unique(where[unclear[cells.codes]]).tolist():
        rows = np.flatnonzero(where == number)
        order = order_of(factorized(raw[rows])[1].tolist())
        if order == "inferred":
            continue
        rows = rows[unclear[cells.codes[rows]]]
        known = spelling.model_copy(update={"date_order": order})
        found = read_values(partial(read_birth_date, spelling=known), raw[rows])
        codes[rows] = found.codes + len(reads)
        reads += found.reads
    return replace(cells, codes=codes, reads=tuple(reads))
