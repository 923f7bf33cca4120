"""Decisions and audit rows of a store, as columns: added, withdrawn and forgotten."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from omniltv.errors import DataError
from omniltv.identity.linking.decisions import DECISION_COLUMNS, pairs_of
from omniltv.identity.records.columns import RecordKey
from omniltv.identity.store._state import AUDIT_COLUMNS, Plain

__all__ = [
    "audit_without",
    "customers_in_audit",
    "decisions_not_about",
    "decisions_with",
    "decisions_without",
]

type _Columns = dict[str, list[object]]


def decisions_with(
    old: Mapping[str, Sequence[object]], new: Mapping[str, Sequence[object]]
) -> dict[str, list[object]]:
    """Return all decisions; of two about the same pair, the newer one."""
    rows: dict[frozenset[RecordKey], tuple[object, ...]] = {}
    for columns in (old, new):
        told = zip(*(columns[name] for name in DECISION_COLUMNS), strict=True)
        for pair, row in zip(map(frozenset, pairs_of(columns)), told, strict=True):
            rows.pop(pair, None)
            rows[pair] = row
    return {name: [row[k] for row in rows.values()] for k, name in enumerate(DECISION_COLUMNS)}


def decisions_not_about(columns: Plain, keys: AbstractSet[RecordKey]) -> _Columns:
    """Return the decisions about none of the records."""
    return _chosen(columns, keys.isdisjoint)


def decisions_without(columns: Plain, pairs: AbstractSet[frozenset[RecordKey]]) -> _Columns:
    """Return the decisions about other pairs of records.

    Raises:
        DataError: If there is no decision about one of the pairs.
    """
    unknown = pairs - {*map(frozenset, pairs_of(columns))}
    if unknown:
        hint = "store.decisions has all decisions"
        rows = [key for pair in unknown for key in sorted(pair)]
        raise DataError("no such decision", column="record_id_a", rows=rows, hint=hint)
    return _chosen(columns, lambda pair: pair not in pairs)


def _chosen(columns: Plain, stays: Callable[[frozenset[RecordKey]], bool]) -> _Columns:
    kept = [row for row, pair in enumerate(pairs_of(columns)) if stays(frozenset(pair))]
    return {name: [columns[name][row] for row in kept] for name in DECISION_COLUMNS}


def audit_without(
    audit: Plain, keys: set[RecordKey], customers: set[str]
) -> dict[str, list[object]]:
    """Return the audit without the records, and without customers that no longer exist."""
    rows = [
        row
        for row in zip(*(audit[name] for name in AUDIT_COLUMNS), strict=True)
        if (str(row[2]), str(row[3])) not in keys
    ]
    shown = {name: [row[k] for row in rows] for k, name in enumerate(AUDIT_COLUMNS)}
    for name in ("before", "after"):
        shown[name] = [None if value in customers else value for value in shown[name]]
    return shown


def customers_in_audit(audit: Plain, keys: AbstractSet[RecordKey]) -> dict[RecordKey, set[str]]:
    """Return the customer ids that some records had, by record, of those in the audit."""
    names: dict[RecordKey, set[str]] = {}
    columns = (audit[name] for name in ("source", "record_id", "before", "after"))
    for source, record_id, *ids in zip(*columns, strict=True):
        key = (str(source), str(record_id))
        if key in keys:
            names.setdefault(key, set()).update(str(name) for name in ids if name)
    return names
