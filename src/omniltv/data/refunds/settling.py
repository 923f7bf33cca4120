"""Refunds subtracted from purchases by rules, in the order of the rules."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from omniltv.data.refunds.protocol import CENT, Orders, RefundRule
from omniltv.errors import ConfigError

__all__ = ["NOT_WANTED", "Settled", "check_rules", "settle"]

NOT_WANTED = "refund, set aside by refunds=()"
"""The reason of refunds that the caller sets aside."""

_UNKNOWN = "refund without its purchase"
_TOO_MUCH = "refunds of more than the purchase"


@dataclass(frozen=True, eq=False)
class Settled:
    """Orders after refunds.

    Attributes:
        value: Value after refunds, of shape (n_orders,).
        bought: Which orders are purchases that were not refunded in full, same shape.
        reason: Why a refund is set aside, ``""`` for all others, same shape.
        rule: Name of the rule that matched a refund, ``""`` for all others, same shape.
        undone: Which purchases were refunded in full, same shape.
    """

    value: NDArray[np.float64]
    bought: NDArray[np.bool_]
    reason: NDArray[np.object_]
    rule: NDArray[np.object_]
    undone: NDArray[np.bool_]


def check_rules(rules: object) -> tuple[RefundRule, ...]:
    """Return the rules as a tuple.

    Raises:
        ConfigError: If this is not a sequence of rules.
    """
    hint = "Hint: refunds=[ByReference(), EqualAmount(within=days(30))], or refunds=()"
    if isinstance(rules, str) or not isinstance(rules, Sequence):
        raise ConfigError(f"refunds are a sequence of rules, got {rules!r}. {hint}")
    wrong = [rule for rule in rules if isinstance(rule, type) or not isinstance(rule, RefundRule)]
    if wrong:
        raise ConfigError(f"not a rule for refunds: {wrong[0]!r}. {hint}")
    return tuple(rules)


def settle(value: NDArray[np.float64], orders: Orders, rules: Sequence[RefundRule]) -> Settled:
    """Return the orders after their refunds.

    Args:
        value: Value of each order, refunds below 0, of shape (n_orders,).
        orders: The orders, of which nothing has been subtracted yet.
        rules: The rules, applied in this order.
    """
    refund = value < 0
    reason, rule = np.full((2, len(value)), "", dtype=object)
    for each in rules if refund.any() else ():
        found = each.match(orders)
        rule[found.refund] = each.name
        back = np.bincount(found.purchase, weights=found.amount, minlength=len(value))
        orders = replace(
            orders,
            left=_rounded(orders.left - back, orders.left),
            refund=np.where(rule == "", orders.refund, 0.0),
        )
    open_ = orders.refund > 0
    reason[open_] = _UNKNOWN if rules else NOT_WANTED
    if rules:
        reason[open_ & (orders.named >= 0)] = _TOO_MUCH
    net = np.where(refund, 0.0, np.where(np.isnan(value), value, orders.left))
    undone = ~refund & (value > 0) & (net == 0)
    return Settled(net, ~refund & ~undone, reason, rule, undone)


def _rounded(left: NDArray[np.float64], before: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what is left, as 0 where the difference is only one of rounding."""
    return np.where(np.abs(left) <= CENT * np.abs(before), 0.0, left)
