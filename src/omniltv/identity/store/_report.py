"""The result of an update of a store, and the rows that it rejects."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from omniltv._frames import Eager, FrameKind, unused_name
from omniltv._options import checked

__all__ = ["RejectedRows", "StoreUpdate", "rejected_rows"]


@checked
@dataclass(frozen=True, eq=False, repr=False)
class StoreUpdate[FrameT]:
    """The changes made by an update of the store. All frames are of the kind given.

    Attributes:
        run: Number of the run.
        crosswalk: ``source``, ``record_id``, ``customer_id`` of the given records that are
            in the store now, in the order given.
        changes: The rows added to the audit.
        rejected: The rejected rows as given, with ``reason``.

    Examples:
        >>> import tempfile
        >>> import pandas as pd
        >>> from omniltv.identity import IdentityStore, stitch
        >>> records = pd.DataFrame(
        ...     {"source": "ec", "record_id": ["1", "2"], "phone": ["03-1234-5678", "03-8765-4321"]}
        ... )
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = IdentityStore.create(folder, stitch(records.iloc[:1]))
        ...     store.update(records.iloc[1:])
        StoreUpdate(run 2: changes: 1 new record; rejected rows: none)
    """

    run: int
    crosswalk: FrameT
    changes: FrameT
    rejected: FrameT
    _counts: Mapping[str, int]
    _rejected: Mapping[str, int]

    def summary(self) -> str:
        """Return the number of changes by kind, and of rejected rows by reason."""
        counts = "; ".join(f"{n:,} {change}" for change, n in self._counts.items()) or "none"
        aside = "; ".join(f"{n:,} {reason}" for reason, n in self._rejected.items()) or "none"
        return f"run {self.run}: changes: {counts}; rejected rows: {aside}"

    def __repr__(self) -> str:
        return f"StoreUpdate({self.summary()})"


@dataclass(frozen=True, eq=False, repr=False)
class RejectedRows[FrameT]:
    """The rejected rows of an update, with their reasons, and the kind of frame to report in."""

    kind: FrameKind[FrameT]
    rejected: FrameT
    reasons: Mapping[str, int]


def rejected_rows[FrameT](
    kind: FrameKind[FrameT], table: Eager, reasons: Sequence[str]
) -> RejectedRows[FrameT]:
    """Return the rows of a table that have a reason, each with it."""
    reason = np.array(reasons, dtype=object)
    frame = kind.extend(table, unused_name(table.columns, "reason"), reason, reason != "")
    return RejectedRows(kind, frame, Counter(sorted(filter(None, reasons))))
