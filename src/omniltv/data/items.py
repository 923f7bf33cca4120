"""What was bought: the article and category of each row, beside the purchases of a log."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from omniltv._frames import Tabular
from omniltv._options import checked

__all__ = ["OrderItems"]


@checked
@dataclass(frozen=True, eq=False)
class OrderItems(Tabular):
    """One row per row of the table whose value is in a purchase of the log.

    Values are those written: refunds are subtracted from purchases, not from articles.

    Attributes:
        purchase: Position of the purchase in the log, of shape (n_items,).
        value: Value as written, same shape.
        labels: ``item`` and ``category``, if the table has them, each of the same shape.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.data import PurchaseLog
        >>> log = PurchaseLog.from_frame(pd.DataFrame({
        ...     "transaction_id": ["t1", "t1", "t2"], "customer_id": "a", "channel": "ec",
        ...     "time": ["2026-01-05", "2026-01-05", "2026-01-09"], "value": [3.0, 4.0, 5.0],
        ...     "item": ["pen", "ink", "pen"],
        ... }))
        >>> log.items.to_frame()[["purchase", "item", "value"]].values.tolist()
        [[0, 'pen', 3.0], [0, 'ink', 4.0], [1, 'pen', 5.0]]
    """

    purchase: NDArray[np.intp]
    value: NDArray[np.float64]
    labels: Mapping[str, NDArray[np.object_]]

    def __len__(self) -> int:
        return len(self.purchase)

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return the columns ``purchase``, ``item`` and ``category`` if known, and ``value``."""
        return {"purchase": self.purchase, **self.labels, "value": self.value}

    def of_purchases(self, kept: NDArray[np.bool_]) -> "OrderItems":
        """Return the items of some purchases, numbered as these are.

        Args:
            kept: Which purchases, of shape (n_purchases,).
        """
        mine = kept[self.purchase]
        place = np.cumsum(kept) - 1
        return replace(
            self,
            purchase=place[self.purchase[mine]],
            value=self.value[mine],
            labels={name: values[mine] for name, values in self.labels.items()},
        )

    def times(self, factor: NDArray[np.float64]) -> "OrderItems":
        """Return the items with each value multiplied by a factor of its purchase.

        Args:
            factor: Factor of each purchase, of shape (n_purchases,).
        """
        return replace(self, value=self.value * factor[self.purchase])
