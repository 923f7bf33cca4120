"""Transactions to customers: the crosswalk, read and applied."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame, IntoFrameT
from numpy.typing import NDArray

from omniltv._columns import require
from omniltv._frames import Eager, read_frame, unused_name
from omniltv._options import checked
from omniltv.data.checking import lost_labels, readable_values, row_ids
from omniltv.data.report import IntakeReport, Tolerance, entries_of, entry_of
from omniltv.errors import DataError
from omniltv.identity.records import normalise
from omniltv.identity.records.columns import RecordKey

__all__ = [
    "GUEST",
    "Attached",
    "attach",
    "attached",
    "customers_of",
    "customers_of_rows",
    "ids_of",
    "keys_of",
    "typed_customers_of",
]


GUEST = "record_id: missing"
"""The reason of rows of guests, whose loss is expected."""
_UNKNOWN = "record_id: not in the crosswalk"
_CUSTOMER = ("source", "record_id", "customer_id")


@checked
@dataclass(frozen=True, eq=False, repr=False)
class Attached[FrameT]:
    """Transactions with the customer they belong to.

    Attributes:
        valid: The rows of known records, with ``customer_id``.
        report: Rows and money attached and set aside, by reason.

    Examples:
        >>> import pandas as pd
        >>> crosswalk = pd.DataFrame({"source": ["ec"], "record_id": ["1"], "customer_id": ["a"]})
        >>> bought = pd.DataFrame({"source": ["ec", "ec"], "record_id": ["1", "2"]})
        >>> attach(bought, crosswalk).rejected["reason"].tolist()
        ['record_id: not in the crosswalk']
    """

    valid: FrameT
    report: IntakeReport[FrameT]

    @property
    def rejected(self) -> FrameT:
        """The other rows as given, with ``reason``."""
        return self.report.rejected

    def __repr__(self) -> str:
        return f"Attached({self.report.line()})"


@checked
def attach(
    transactions: IntoFrameT, crosswalk: IntoFrame, *, tolerance: Tolerance | None = None
) -> Attached[IntoFrameT]:
    """Return transactions with the ``customer_id`` of a crosswalk; rows without one are rejected.

    A ``customer_id`` that the transactions have already is replaced. Customer ids keep the
    type that they have in the crosswalk. Record ids match as text, so 7 matches "7".

    Args:
        transactions: A frame with ``source`` and ``record_id``. Guests have no record id.
        crosswalk: A frame with these columns and ``customer_id``: the crosswalk of a
            resolution, one of its draws, or a stored one.
        tolerance: How much may be rejected before there is a warning or an error;
            ``Tolerance()`` if None. Rows without a record id, which are those of guests, do
            not count.

    Raises:
        IntakeError: If more rows or value have no customer than ``tolerance`` allows.
        DataError: If a column is missing, or the crosswalk has missing values or two rows for
            one record.

    Examples:
        >>> import pandas as pd
        >>> keys = {"source": ["ec", "store"], "record_id": ["E1", "S1"]}
        >>> stored = pd.DataFrame(keys | {"customer_id": ["a", "a"]})
        >>> bought = pd.DataFrame({"source": ["ec", "ec"], "record_id": ["E1", None]})
        >>> attach(bought, stored)
        Attached(transactions: 1 of 2 rows kept; set aside: 1 record_id: missing)
    """
    found = attached(transactions, typed_customers_of(crosswalk, "crosswalk"))
    found.report.judge(tolerance)
    return found


def typed_customers_of(crosswalk: IntoFrame, what: str) -> dict[RecordKey, object]:
    """Return the customer id of each record of a crosswalk, in the type that ids have there.

    Raises:
        DataError: As `ids_of`.

    Examples:
        >>> import pandas as pd
        >>> known = pd.DataFrame({"source": ["ec"], "record_id": [1], "customer_id": [11]})
        >>> typed_customers_of(known, "crosswalk")
        {('ec', '1'): 11}
    """
    texts = customers_of(crosswalk, what)
    given = read_frame(crosswalk, what)[0]["customer_id"]
    if not given.dtype.is_integer():
        return dict(texts)
    return {key: int(customer) for key, customer in texts.items()}


def customers_of(crosswalk: IntoFrame, what: str) -> dict[RecordKey, str]:
    """Return the customer id of each record of a crosswalk, as text.

    Raises:
        DataError: As `ids_of`.

    Examples:
        >>> stored = pd.DataFrame({"source": ["ec"], "record_id": [1], "customer_id": ["a"]})
        >>> customers_of(stored, "crosswalk")
        {('ec', '1'): 'a'}
    """
    return {
        (key[0], key[1]): customer for key, customer in ids_of(crosswalk, what, _CUSTOMER).items()
    }


def ids_of(frame: IntoFrame, what: str, names: Sequence[str]) -> dict[tuple[str, ...], str]:
    """Return the last of some columns by the others.

    Raises:
        DataError: If a column is missing, an id is missing, or two rows have the same key.

    Examples:
        >>> homes = pd.DataFrame({"customer_id": ["a", "b"], "household_id": ["h", "h"]})
        >>> ids_of(homes, "households", ("customer_id", "household_id"))
        {('a',): 'h', ('b',): 'h'}
    """
    table, _ = read_frame(frame, what)
    require(table.columns, names, what, f"{what} needs the columns {', '.join(names)}")
    texts = [list(map(normalise.key, table[name].to_list())) for name in names]
    keys = list(zip(*texts[:-1], strict=True))
    for name, values in zip(names, texts, strict=True):
        if "" in values:
            lacking = [row for row, value in enumerate(values) if not value]
            rows = [keys[row] for row in lacking] if name == names[-1] else lacking
            hint = f"remove the rows of {what} without {name}, or fill it in"
            raise DataError(f"missing ids in {what}", column=name, rows=rows, hint=hint)
    found = dict(zip(keys, texts[-1], strict=True))
    if len(found) < len(keys):
        again = [key for key, n in Counter(keys).items() if n > 1]
        hint = f"keep one row per {' and '.join(names[:-1])}"
        raise DataError(f"repeated rows in {what}", column=names[-2], rows=again, hint=hint)
    return found


def keys_of(table: Eager, what: str) -> list[RecordKey]:
    """Return (source, record_id) of each row as text, missing ids as ``""``.

    Raises:
        DataError: If a column is missing.

    Examples:
        >>> bought = pd.DataFrame({"source": ["ec", "ec"], "record_id": [1.0, None]})
        >>> keys_of(read_frame(bought, "transactions")[0], "transactions")
        [('ec', '1'), ('ec', '')]
    """
    names = ("source", "record_id")
    require(table.columns, names, what, f"{what} needs source and record_id of every row")
    source, record_id = (list(map(normalise.key, table[name].to_list())) for name in names)
    return list(zip(source, record_id, strict=True))


def customers_of_rows(
    table: Eager, what: str, customer_of: Mapping[RecordKey, object]
) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Return the customer of each row, and the reason why a row has none, ``""`` if it has one.

    Examples:
        >>> bought = pd.DataFrame({"source": ["ec", "ec"], "record_id": ["1", "2"]})
        >>> table, _ = read_frame(bought, "transactions")
        >>> customer, reason = customers_of_rows(table, "transactions", {("ec", "1"): "a"})
        >>> customer.tolist(), reason.tolist()
        (['a', None], ['', 'record_id: not in the crosswalk'])
    """
    keys = keys_of(table, what)
    customer, reason = np.empty(len(keys), dtype=object), np.full(len(keys), "", dtype=object)
    customer[:] = [customer_of.get(key) for key in keys]
    for row in np.flatnonzero(pd.isna(customer)).tolist():
        reason[row] = _UNKNOWN if keys[row][1] else GUEST
    return customer, reason


def attached(
    rows: IntoFrameT, customer_of: Mapping[RecordKey, object], what: str = "transactions"
) -> Attached[IntoFrameT]:
    """Return rows of a table with their customer, given the customer of each record.

    Examples:
        >>> bought = pd.DataFrame({"source": ["ec", "ec"], "record_id": ["1", "2"]})
        >>> attached(bought, {("ec", "1"): "a"}).valid["customer_id"].tolist()
        ['a']
    """
    table, kind = read_frame(rows, what)
    customer, reason = customers_of_rows(table, what, customer_of)
    known = reason == ""
    value = readable_values(table)
    kept, aside = np.flatnonzero(known), np.flatnonzero(~known)
    report = IntakeReport(
        table=what,
        given=entry_of("", len(table), value),
        kept=entry_of("", len(kept), None if value is None else value[kept]),
        rejected=kind.extend(table, unused_name(table.columns, "reason"), reason, ~known),
        asides=entries_of(reason, value, expected=[GUEST]),
        lost=lost_labels(table, aside[reason[aside] != GUEST], kept),
        ids=row_ids(table, aside),
    )
    return Attached(kind.extend(table, "customer_id", customer, known), report)
