"""The result of an update of a store, and the rows that it rejects."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
        unread: Number of given values that could not be read, by ``field: reason``.

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
    unread: Mapping[str, int] = field(default_factory=dict)

    def summary(self) -> str:
        """Return the number of changes by kind, of rejected rows, and of values not read."""
        said = f"changes: {_said(self._counts)}; rejected rows: {_said(self._rejected)}"
        unread = f"; values not read: {_said(self.unread)}" if self.unread else ""
        return f"run {self.run}: {said}{unread}"

    def __repr__(self) -> str:
        return f"StoreUpdate({self.summary()})"


def _said(counts: Mapping[str, int]) -> str:
    return "; ".join(f"{n:,} {what}" for what, n in counts.items()) or "none"


@dataclass(frozen=True, eq=False, repr=False)
class RejectedRows[FrameT]:
    """The rejected rows and unread values of an update, and the kind of frame to report in."""

    kind: FrameKind[FrameT]
    rejected: FrameT
    reasons: Mapping[str, int]
    unread: Mapping[str, int] = field(default_factory=dict)


def rejected_rows[FrameT](
    kind: FrameKind[FrameT], table: Eager, reasons: Sequence[str]
) -> RejectedRows[FrameT]:
    """Return the rows of a table that have a reason, each with it."""
    reason = np.array(reasons, dtype=object)
    frame = kind.extend(table, unused_name(table.columns, "reason"), reason, reason != "")
    return RejectedRows(kind, frame, Counter(sorted(filter(None, reasons))))
