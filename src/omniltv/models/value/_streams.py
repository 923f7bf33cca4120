"""Names of random streams: a row is keyed by the customer and its group labels.

The upper half of the counter of a stream (`omniltv._streams`) is a hash of the customer's id
and the group labels of the row. The numbers of a row therefore depend only on the seed and
the row.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniltv._streams import BITS, digest

__all__ = ["RowNames"]


@dataclass(frozen=True, eq=False)
class RowNames:
    """Names of the streams of rows: the customer's id and the row's group labels.

    Ids are compared as text: the customer 17 is the customer "17".

    Attributes:
        customer_id: Customer of each row, of shape (n_rows,).
        groups: Group columns by name, each of shape (n_rows,).

    Examples:
        >>> ids = np.array([17, "17", 18], dtype=object)
        >>> first, same, other = RowNames(ids, {}).counters(np.arange(3)).tolist()
        >>> first == same, first == other
        (True, False)
    """

    customer_id: NDArray[np.object_]
    groups: Mapping[str, NDArray[np.str_]]

    def counters(self, rows: NDArray[np.intp]) -> NDArray[np.uint64]:
        """Return the upper half of the counter of each row's stream, of shape (len(rows), 2)."""
        columns = [(name, self.groups[name]) for name in sorted(self.groups)]
        digests = []
        for row in rows.tolist():
            parts = [str(self.customer_id[row])]
            for name, labels in columns:
                parts += [name, str(labels[row])]
            digests.append(digest(*parts))
        return np.frombuffer(b"".join(digests), BITS).reshape(-1, 2).astype(np.uint64)
