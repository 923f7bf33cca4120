"""The plug-in point for rules of your own, and the values that tiers are assigned from."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from omniltv._frames import Eager
from omniltv.draws import RowDraws
from omniltv.errors import DataError

__all__ = ["CustomerValue", "TierRule", "holds_for"]


@runtime_checkable
class TierRule(Protocol):
    """A requirement of a tier, written in Python; its laws are in `omniltv.testing`.

    A `Condition` compares columns with constants and can be stored as YAML. A rule can
    compute anything from the table. Whether it holds for a customer may depend only on the
    row of that customer.

    Examples:
        >>> class Lapsing:
        ...     name = "lapsing"
        ...     def holds(self, customers):
        ...         return customers["prob_alive"].to_numpy() < 0.3
        >>> isinstance(Lapsing(), TierRule)
        True
    """

    @property
    def name(self) -> str:
        """Name that errors show."""
        ...

    def holds(self, customers: Eager) -> NDArray[np.bool_]:
        """Return whether the rule holds for each row, of shape (n_rows,).

        Args:
            customers: The table as a Narwhals frame: ``customers["value"].to_numpy()``.
        """
        ...


@runtime_checkable
class CustomerValue(Protocol):
    """A value per customer with draws, such as a `LifetimeValue` or an `ImputedValue`.

    Examples:
        >>> from types import SimpleNamespace
        >>> isinstance(SimpleNamespace(columns=dict, predictive=None), CustomerValue)
        True
    """

    @property
    def predictive(self) -> RowDraws:
        """Draws of the value that each customer will bring."""
        ...

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return ``customer_id``, group columns, ``value``, its intervals and P(alive)."""
        ...


def holds_for(rule: TierRule, customers: Eager) -> NDArray[np.bool_]:
    """Return whether a rule holds for each row, of shape (n_rows,).

    Raises:
        DataError: If the rule does not return one boolean per row.

    Examples:
        >>> import narwhals as nw
        >>> import pandas as pd
        >>> class Big:
        ...     name = "big"
        ...     def holds(self, customers):
        ...         return customers["value"].to_numpy() > 10
        >>> table = nw.from_native(pd.DataFrame({"value": [5.0, 15.0]}), eager_only=True)
        >>> holds_for(Big(), table).tolist()
        [False, True]
    """
    answer = np.asarray(rule.holds(customers))
    if answer.shape != (len(customers),) or answer.dtype != np.bool_:
        got = f"{answer.dtype} of shape {answer.shape} for {len(customers):,} customers"
        hint = "return one boolean per row"
        raise DataError(f"the rule {rule.name!r} returned {got}", hint=hint)
    return answer
