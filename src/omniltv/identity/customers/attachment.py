"""Transactions to customers: the crosswalk, read and applied."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from narwhals.typing import IntoFrame, IntoFrameT

from omniltv.errors import DataError
from omniltv.identity._frames import read
from omniltv.identity.records import normalise
from omniltv.identity.records.columns import RecordKey

__all__ = ["Attached", "attach", "attached", "customers_of", "ids_of"]


_CUSTOMER = ("source", "record_id", "customer_id")


@dataclass(frozen=True, eq=False, repr=False)
class Attached[FrameT]:
    """Transactions with the customer they belong to.

    Attributes:
        valid: The rows of known records, with ``customer_id``.
        rejected: The other rows as they came, with ``reason``.
    """

    valid: FrameT
    rejected: FrameT
    _reasons: Mapping[str, int]
    _attached: int

    def summary(self) -> str:
        """Return how many rows were attached and why the others were not."""
        why = "; ".join(f"{n:,} {reason}" for reason, n in self._reasons.items()) or "none"
        return f"{self._attached:,} rows attached; set aside: {why}"

    def __repr__(self) -> str:
        return f"Attached({self.summary()})"


def attach(transactions: IntoFrameT, crosswalk: IntoFrame) -> Attached[IntoFrameT]:
    """Return transactions with the ``customer_id`` of a crosswalk; the others set aside.

    Args:
        transactions: A frame with ``source`` and ``record_id``.
        crosswalk: A frame with these and ``customer_id``: that of a resolution, one of its
            draws, or one that was stored.

    Raises:
        DataError: If a column is missing.

    Examples:
        >>> import pandas as pd
        >>> keys = {"source": ["ec", "store"], "record_id": ["E1", "S1"]}
        >>> stored = pd.DataFrame(keys | {"customer_id": ["a", "a"]})
        >>> bought = pd.DataFrame({"source": ["ec", "ec"], "record_id": ["E1", None]})
        >>> attach(bought, stored).summary()
        '1 rows attached; set aside: 1 no record_id (a guest)'
    """
    return attached(transactions, customers_of(crosswalk, "crosswalk"))


def customers_of(crosswalk: IntoFrame, what: str) -> dict[RecordKey, str]:
    """Return the customer id of each record of a crosswalk.

    Raises:
        DataError: If a column is missing.
    """
    return {
        (key[0], key[1]): customer for key, customer in ids_of(crosswalk, what, _CUSTOMER).items()
    }


def ids_of(frame: IntoFrame, what: str, names: Sequence[str]) -> dict[tuple[str, ...], str]:
    """Return the last of some columns by the others."""
    table, _ = read(frame, what)
    for name in names:
        if name not in table.columns:
            hint = f"{what} has {', '.join(names[:-1])} and {names[-1]}"
            raise DataError(f"the column is missing from {what}", column=name, hint=hint)
    texts = ([normalise.key(value) for value in table[name].to_list()] for name in names)
    return {row[:-1]: row[-1] for row in zip(*texts, strict=True)}


def attached(
    transactions: IntoFrameT, customer_of: Mapping[RecordKey, str]
) -> Attached[IntoFrameT]:
    """Return transactions with their customer, by the customer of each record."""
    table, kind = read(transactions, "transactions")
    for name in ("source", "record_id"):
        if name not in table.columns:
            hint = "transactions carry the id that their own source knows the customer by"
            raise DataError("the column is missing", column=name, hint=hint)
    columns = {name: table[name].to_list() for name in ("source", "record_id")}
    keys = [
        (normalise.key(source), normalise.key(record))
        for source, record in zip(columns["source"], columns["record_id"], strict=True)
    ]
    customer = [customer_of.get(key) for key in keys]
    reasons = [_why_not(key, customer_of) for key in keys]
    unknown = [reason for reason in reasons if reason]
    return Attached(
        kind.extend(table, "customer_id", customer, [not reason for reason in reasons]),
        kind.extend(table, "reason", reasons, [bool(reason) for reason in reasons]),
        {reason: unknown.count(reason) for reason in sorted(set(unknown))},
        len(keys) - len(unknown),
    )


def _why_not(key: RecordKey, customer_of: Mapping[RecordKey, str]) -> str:
    if key in customer_of:
        return ""
    return "no record_id (a guest)" if not key[1] else "no such record in the crosswalk"
