"""Changes of customers between two crosswalks: new, gone, merged, split."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from narwhals.typing import IntoFrame, IntoFrameT

from omniltv._frames import read_frame
from omniltv._options import checked
from omniltv.identity.customers.attachment import customers_of
from omniltv.identity.records.columns import RecordKey

__all__ = ["changes_between", "crosswalk_changes"]


_COLUMNS = ("source", "record_id", "before", "after", "change")


@checked
def crosswalk_changes(before: IntoFrame, after: IntoFrameT) -> IntoFrameT:
    """Return one row per record whose customer changed, with the kind of change.

    Args:
        before: The crosswalk of one run: ``source``, ``record_id``, ``customer_id``.
        after: The crosswalk of a later run.

    Returns:
        ``source``, ``record_id``, ``before``, ``after`` (None if there is none) and
        ``change``: ``"new record"``, ``"record gone"``, ``"merged"`` (all remaining records of
        the customer moved to one other customer) or ``"split"`` (some stayed, or moved
        elsewhere), ordered by source and record. A frame of the kind of ``after``.

    Raises:
        DataError: If a column is missing, or a crosswalk has missing values or two rows for
            one record.

    Examples:
        >>> import pandas as pd
        >>> keys = {"source": ["ec", "ec", "store"], "record_id": ["1", "2", "1"]}
        >>> monday = pd.DataFrame(keys | {"customer_id": ["a", "a", "b"]})
        >>> friday = pd.DataFrame(keys | {"customer_id": ["a", "a", "a"]})
        >>> crosswalk_changes(monday, friday)[["record_id", "before", "after", "change"]]
          record_id before after  change
        0         1      b     a  merged
    """
    rows, kind = read_frame(after, "after")
    now = customers_of(rows.to_native(), "after")
    return kind.build(changes_between(customers_of(before, "before"), now))


def changes_between(
    before: Mapping[RecordKey, str], after: Mapping[RecordKey, str]
) -> dict[str, list[object]]:
    """Return the columns of `crosswalk_changes`, given customer ids by record.

    Examples:
        >>> changes_between({("ec", "1"): "a"}, {("ec", "1"): "a", ("ec", "2"): "b"})["change"]
        ['new record']
    """
    moved = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    went = _went(before, after)
    rows = [
        (*key, before.get(key), after.get(key), _change(key, before, after, went)) for key in moved
    ]
    return {name: [row[k] for row in rows] for k, name in enumerate(_COLUMNS)}


def _went(old: Mapping[RecordKey, str], new: Mapping[RecordKey, str]) -> Mapping[str, set[str]]:
    """Return the customers that the records of each customer moved to."""
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
