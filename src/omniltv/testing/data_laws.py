"""Laws that every rule for refunds keeps, yours included."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from omniltv._options import checked
from omniltv.data.refunds import Orders, RefundMatches, RefundRule

__all__ = ["check_refund_rule", "random_orders"]

_ROUNDS = 50
_CENT = 1e-6


@checked
def check_refund_rule(rule: RefundRule, orders: Iterable[Orders] | None = None) -> None:
    """Raise AssertionError if a rule for refunds breaks a law.

    The laws: a refund is matched with purchases of its customer; it is matched in full; no
    purchase loses more than is left of it; refunds that another rule has matched are left
    alone; a table without orders is allowed.

    Args:
        rule: The rule.
        orders: The orders to try it on; random ones if None.

    Examples:
        >>> from omniltv.data import EqualAmount
        >>> check_refund_rule(EqualAmount())
    """
    for each in random_orders() if orders is None else orders:
        _check(rule, each)
        none = replace(each, refund=np.zeros(len(each.refund)))
        assert not len(rule.match(none).refund), f"{rule.name} matches a refund twice"


def random_orders() -> Iterator[Orders]:
    """Return random orders of a few customers, from none to a dozen.

    Examples:
        >>> len(next(random_orders()).customer)
        0
    """
    rng = np.random.default_rng(16)
    for n in range(_ROUNDS):
        size = n % 13
        value = rng.integers(-6, 9, size).astype(np.float64)
        named = np.where(value < 0, rng.integers(-1, max(size, 1), size), -1)
        customer = rng.integers(0, 3, size).astype(np.intp)
        known = (named >= 0) & (value[named] > 0) & (customer[named] == customer)
        yield Orders(
            customer=customer,
            time=np.datetime64("2026-01-01", "us")
            + rng.integers(0, 7, size) * np.timedelta64(1, "D"),
            left=np.maximum(value, 0.0),
            refund=np.maximum(-value, 0.0),
            named=np.where(known, named, -1).astype(np.intp),
            names=named >= 0,
        )


def _check(rule: RefundRule, orders: Orders) -> None:
    found: RefundMatches = rule.match(orders)
    n, name = len(orders.customer), rule.name
    same = orders.customer[found.refund] == orders.customer[found.purchase]
    assert same.all(), f"{name} matches another customer's purchase"
    assert (found.amount > 0).all(), f"{name} matches amounts that are not above 0"
    taken = np.bincount(found.purchase, weights=found.amount, minlength=n)
    assert (taken <= orders.left + _CENT).all(), f"{name} takes more than is left of a purchase"
    back = np.bincount(found.refund, weights=found.amount, minlength=n)
    matched = np.unique(found.refund)
    full = np.abs(back[matched] - orders.refund[matched]) <= _CENT
    assert full.all(), f"{name} matches a refund only in part"
