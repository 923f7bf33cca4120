"""Laws that every tier rule must satisfy."""

import numpy as np
from narwhals.typing import IntoFrame
from numpy.typing import NDArray

from omniltv._frames import Eager, collect
from omniltv._options import checked
from omniltv.segmentation import TierRule

__all__ = ["check_tier_rule"]

_ALONE = 20


@checked
def check_tier_rule(rule: TierRule, customers: IntoFrame) -> None:
    """Raise AssertionError if a rule breaks a law on a table of customers.

    The laws: one boolean per row; the order of rows does not matter; a customer alone gets
    the same answer as among the others; an empty table is allowed.

    Args:
        rule: The rule.
        customers: A table for which the rule holds for some rows and not for others.

    Examples:
        >>> import pandas as pd
        >>> class Big:
        ...     name = "big"
        ...     def holds(self, customers):
        ...         return customers["value"].to_numpy() > 10
        >>> check_tier_rule(Big(), pd.DataFrame({"value": [5.0, 15.0, 25.0]}))
    """
    table = collect(customers, "the table of customers")
    answer = _answer(rule, table)
    assert answer.any(), f"{rule.name} holds for no row of this table: try another one"
    assert not answer.all(), f"{rule.name} holds for every row of this table: try another one"
    order = np.random.default_rng(16).permutation(len(table))
    shuffled = _answer(rule, table[order, :])
    assert np.array_equal(shuffled, answer[order]), f"{rule.name} depends on the order of rows"
    for row in order[:_ALONE]:
        alone = _answer(rule, table[np.array([row]), :])
        assert alone[0] == answer[row], f"{rule.name} changes its answer for a customer alone"
    _answer(rule, table[order[:0], :])


def _answer(rule: TierRule, table: Eager) -> NDArray[np.bool_]:
    answer = np.asarray(rule.holds(table))
    assert answer.shape == (len(table),), f"{rule.name} does not return one boolean per row"
    assert answer.dtype == np.bool_, f"{rule.name} does not return one boolean per row"
    return answer
