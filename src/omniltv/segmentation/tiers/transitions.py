"""Transitions of customers between tiers, from one date to another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniltv._columns import numbers, positions
from omniltv._frames import Eager, IntoTable, Table, Tabular, collect
from omniltv._options import Natural, checked
from omniltv.errors import ConfigError
from omniltv.segmentation.tiers._state import tier_codes, unique_ids

__all__ = ["Passage", "Transitions", "transitions"]

_NEW, _GONE = "(new)", "(gone)"


@checked
@dataclass(frozen=True)
class Passage:
    """How many customers of a tier are in a tier at the second date.

    Attributes:
        customers: Customers who are in it at the second date.
        of: Customers of the tier at the first date.
        value: Value, at the second date, of these customers; NaN without values.

    Examples:
        >>> Passage(customers=3, of=4, value=90.0).share
        0.75
    """

    customers: Natural
    of: Natural
    value: float

    @property
    def share(self) -> float:
        """Share of the customers of the first date; NaN if there were none."""
        return self.customers / self.of if self.of else float("nan")


@checked
@dataclass(frozen=True, eq=False, repr=False)
class Transitions(Tabular):
    """Customers and value by tier before and after; created by `transitions`.

    Attributes:
        tiers: Names of the tiers, best first.
        customers: Customers by tier before (rows, the last is new customers) and after
            (columns, the last is customers who are gone), of shape (n_tiers + 1, n_tiers + 1).
        value_before: Their value at the first date, same shape; NaN without values.
        value_after: Their value at the second date, same shape; NaN without values.

    Examples:
        >>> import pandas as pd
        >>> spring = pd.DataFrame({"customer_id": ["a", "b", "c"],
        ...                        "tier": ["high", "potential", "potential"]})
        >>> autumn = pd.DataFrame({"customer_id": ["a", "b", "d"],
        ...                        "tier": ["high", "high", "potential"]})
        >>> found = transitions(spring, autumn, tiers=("high", "potential"))
        >>> found.kept("high").share, found.nurtured("potential", "high").share
        (1.0, 0.5)
        >>> found
         from_tier   to_tier  customers  share
              high      high          1      1
         potential      high          1    0.5
         potential    (gone)          1    0.5
             (new) potential          1      1
    """

    tiers: tuple[str, ...]
    customers: NDArray[np.int64]
    value_before: NDArray[np.float64]
    value_after: NDArray[np.float64]

    def __repr__(self) -> str:
        return repr(Table(self.columns()))

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return one row per pair of tiers that occurs: customers, share of the first, values.

        Examples:
            >>> import pandas as pd
            >>> tiers = pd.DataFrame({"customer_id": ["a"], "tier": ["high"], "value": [9.0]})
            >>> list(transitions(tiers, tiers, tiers=("high", "general")).columns())
            ['from_tier', 'to_tier', 'customers', 'share', 'value_before', 'value_after']
        """
        before, after = np.nonzero(self.customers)
        count = self.customers[before, after]
        columns: dict[str, NDArray[np.generic]] = {
            "from_tier": np.array([*self.tiers, _NEW])[before],
            "to_tier": np.array([*self.tiers, _GONE])[after],
            "customers": count,
            "share": count / self.customers.sum(axis=1)[before],
        }
        values = {"value_before": self.value_before, "value_after": self.value_after}
        known = {name: value for name, value in values.items() if not np.isnan(value).all()}
        return {**columns, **{name: value[before, after] for name, value in known.items()}}

    def kept(self, tier: str) -> Passage:
        """Return how many customers of a tier are in it, or in a better one, at the second date.

        Raises:
            ConfigError: If there is no such tier.

        Examples:
            >>> import pandas as pd
            >>> tiers = pd.DataFrame({"customer_id": ["a"], "tier": ["high"]})
            >>> transitions(tiers, tiers, tiers=("high", "general")).kept("high").customers
            1
        """
        return self.nurtured(tier, tier)

    def nurtured(self, tier: str, into: str) -> Passage:
        """Return how many customers of a tier are in ``into``, or better, at the second date.

        Raises:
            ConfigError: If there is no such tier.

        Examples:
            >>> import pandas as pd
            >>> before = pd.DataFrame({"customer_id": ["a"], "tier": ["potential"]})
            >>> after = pd.DataFrame({"customer_id": ["a"], "tier": ["high"]})
            >>> transitions(before, after, tiers=("high", "potential")).nurtured(
            ...     "potential", into="high").customers
            1
        """
        row, column = self._code(tier), self._code(into)
        there = slice(0, column + 1)
        return Passage(
            customers=int(self.customers[row, there].sum()),
            of=int(self.customers[row].sum()),
            value=float(self.value_after[row, there].sum()),
        )

    def _code(self, tier: str) -> int:
        if tier not in self.tiers:
            raise ConfigError(f"no such tier. Hint: the tiers are {', '.join(self.tiers)}")
        return self.tiers.index(tier)


@checked
def transitions(
    before: IntoTable, after: IntoTable, *, tiers: Sequence[str], value: str = "value"
) -> Transitions:
    """Return how many customers went from which tier to which, and their value.

    Args:
        before: One row per customer at the first date: ``customer_id``, ``tier`` and, if
            wanted, the value. A `Tiering`, or the state of a `TierMemory`.
        after: The same at the second date.
        tiers: Names of the tiers, best first (`TierScheme.names`).
        value: Column of the value. Without it in a table, that table has no values.

    Raises:
        DataError: If a column is absent, a customer has two rows, a tier is unknown, or values
            are not finite numbers.

    Examples:
        >>> import pandas as pd
        >>> before = pd.DataFrame({"customer_id": ["a"], "tier": ["high"], "value": [30.0]})
        >>> after = pd.DataFrame({"customer_id": ["a"], "tier": ["low"], "value": [20.0]})
        >>> transitions(before, after, tiers=("high", "low")).to_frame("polars").rows()
        [('high', 'low', 1, 1.0, 30.0, 20.0)]
    """
    names = tuple(tiers)
    one = _Side.read(collect(before, "the table before"), names, value, "the table before")
    two = _Side.read(collect(after, "the table after"), names, value, "the table after")
    place = positions(one.id, two.id)
    fresh = np.flatnonzero(positions(two.id, one.id) < 0)
    n, size = len(names), len(fresh)
    row = np.concatenate([one.code, np.full(size, n)])
    column = np.concatenate([np.append(two.code, n)[place], two.code[fresh]])
    later = np.concatenate([np.append(two.value, two.absent)[place], two.value[fresh]])
    earlier = np.concatenate([one.value, np.full(size, one.absent)])

    def summed(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        cells = np.bincount(row * (n + 1) + column, weights=weights, minlength=(n + 1) ** 2)
        return cells.reshape(n + 1, n + 1).astype(np.float64)

    counts = summed(np.ones(len(row))).astype(np.int64)
    return Transitions(names, counts, one.filled(summed(earlier)), two.filled(summed(later)))


@dataclass(frozen=True, eq=False)
class _Side:
    """One of the two dates; a last row stands for customers who are not there."""

    id: NDArray[np.object_]
    code: NDArray[np.int64]
    value: NDArray[np.float64]
    absent: float

    @classmethod
    def read(cls, table: Eager, tiers: Sequence[str], value: str, what: str) -> "_Side":
        ids = unique_ids(table, what)
        known = value in table.columns
        worth = numbers(table, value, what, ids=ids) if known else np.full(len(ids), np.nan)
        code = tier_codes(table, "tier", tiers, what, ids)
        return cls(ids, code, worth, 0.0 if known else np.nan)

    def filled(self, cells: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return sums as they are, or NaN everywhere if the table has no values."""
        return np.full(cells.shape, np.nan) if np.isnan(self.absent) else cells
