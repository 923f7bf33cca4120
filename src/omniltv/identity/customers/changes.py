"""What became of customers between two crosswalks: new, gone, merged, split."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from narwhals.typing import IntoFrame, IntoFrameT

from omniltv.identity._frames import read
from omniltv.identity.customers.attachment import customers_of
from omniltv.identity.records.columns import RecordKey

__all__ = ["changes_between", "crosswalk_changes"]


_COLUMNS = ("source", "record_id", "before", "after", "change")


def crosswalk_changes(before: IntoFrame, after: IntoFrameT) -> IntoFrameT:
    """Return one row for each record whose customer is another one now, and why.

    Args:
        before: The crosswalk of one run: ``source``, ``record_id``, ``customer_id``.
        after: That of a later one.

    Returns:
        ``source``, ``record_id``, ``before``, ``after`` (None where there is none) and
        ``change``: ``"new record"``, ``"record gone"``, ``"merged"`` (all that is left of the
        customer went to another), ``"split"`` (some of it stayed, or went elsewhere), ordered
        by source and record. A frame of the kind of ``after``.

    Raises:
        DataError: If a column is missing.

    Examples:
        >>> import pandas as pd
        >>> keys = {"source": ["ec", "ec", "store"], "record_id": ["1", "2", "1"]}
        >>> monday = pd.DataFrame(keys | {"customer_id": ["a", "a", "b"]})
        >>> friday = pd.DataFrame(keys | {"customer_id": ["a", "a", "a"]})
        >>> crosswalk_changes(monday, friday)[["record_id", "before", "after", "change"]]
          record_id before after  change
        0         1      b     a  merged
    """
    changes = changes_between(customers_of(before, "before"), customers_of(after, "after"))
    _, kind = read(after, "after")
    return kind.build(changes, {})


def changes_between(
    before: Mapping[RecordKey, str], after: Mapping[RecordKey, str]
) -> dict[str, list[object]]:
    """Return the columns of `crosswalk_changes`, of customer ids by record."""
    moved = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    went = _went(before, after)
    rows = [
        (*key, before.get(key), after.get(key), _change(key, before, after, went)) for key in moved
    ]
    return {name: [row[k] for row in rows] for k, name in enumerate(_COLUMNS)}


def _went(old: Mapping[RecordKey, str], new: Mapping[RecordKey, str]) -> Mapping[str, set[str]]:
    """Return to which customers the records of each customer went."""
    both: Iterable[RecordKey] = old.keys() & new.keys()
    went: dict[str, set[str]] = defaultdict(set)
    for key in both:
        went[old[key]].add(new[key])
    return went


def _change(
    key: RecordKey,
    old: Mapping[RecordKey, str],
    new: Mapping[RecordKey, str],
    went: Mapping[str, set[str]],
) -> str:
    if key not in old:
        return "new record"
    if key not in new:
        return "record gone"
    return "merged" if len(went[old[key]]) == 1 else "split"
