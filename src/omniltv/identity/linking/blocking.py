"""Blocking: named rules that propose pairs of records to compare."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from omniltv._options import Count, checked
from omniltv.identity.linking.protocols import Blocker
from omniltv.identity.linking.values import Candidates, Proposal
from omniltv.identity.records._codes import joint
from omniltv.identity.records.columns import MISSING, Column, Records

__all__ = ["DEFAULT_BLOCKERS", "KeyBlocker", "candidates", "pairs_within", "united"]

_NONE = np.empty(0, dtype=np.int64)


@checked
@dataclass(frozen=True)
class KeyBlocker:
    """Proposes pairs of records with equal values in some columns.

    Args:
        name: Name of the rule.
        columns: The columns; a record without a value in one of them is in no block.
        decides: Comparisons that are decided by agreement in these columns.
        most_pairs: A rule with more pairs proposes none of them, for loose rules that only small
            lists can afford. No limit if None.

    Examples:
        >>> from omniltv.identity.records.columns import Column
        >>> phone = Column.of(["1", "1", None, "1"])
        >>> records = Records(np.array(["ec"] * 4), np.array(list("abcd")), {"phone": phone})
        >>> rule = KeyBlocker("phone", ("phone",), decides=("phone",))
        >>> proposal = rule.propose(records, max_block=10)
        >>> list(zip(proposal.left.tolist(), proposal.right.tolist()))
        [(0, 1), (0, 3), (1, 3)]
    """

    name: str
    columns: tuple[str, ...]
    decides: tuple[str, ...] = ()
    most_pairs: int | None = None

    def propose(
        self, records: Records, *, max_block: Count, new: NDArray[np.bool_] | None = None
    ) -> Proposal:
        """Return all pairs within the blocks of at most ``max_block`` records."""
        small, oversized = self.blocks(records, max_block=max_block, new=new)
        left, right = pairs_within(small)
        if new is not None:
            left, right = left[new[left] | new[right]], right[new[left] | new[right]]
        return Proposal(left, right, oversized)

    def blocks(
        self, records: Records, *, max_block: Count, new: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], tuple[NDArray[np.int64], ...]]:
        """Return the number of each record's block, and the records of blocks too large to pair.

        Args:
            records: The records.
            max_block: Maximum number of records in a block.
            new: Which records are new, of shape (n_records,); other blocks are left out.

        Returns:
            Shape (n_records,), `MISSING` if there is none; and the large blocks, largest first.
        """
        block = _blocks(records, self.columns)
        if self._unaffordable(block, max_block):
            return np.full_like(block, MISSING), ()
        if new is not None:
            block = np.where(np.isin(block, block[new]), block, MISSING)
        size = np.bincount(block[block != MISSING], minlength=1)
        large = np.flatnonzero(size > max_block)
        oversized = Column(block, np.empty(0, dtype=object)).rows_of(large)
        small = np.where(np.isin(block, large), MISSING, block)
        return small, tuple(sorted(oversized, key=len, reverse=True))

    def _unaffordable(self, block: NDArray[np.int64], max_block: int) -> bool:
        """Return whether the blocks have more pairs than the rule may propose."""
        size = np.bincount(block[block != MISSING], minlength=1)
        size = size[size <= max_block]
        return self.most_pairs is not None and int(size @ (size - 1)) > 2 * self.most_pairs


def candidates(
    records: Records,
    blockers: Sequence[Blocker],
    *,
    max_block: Count,
    new: NDArray[np.bool_] | None = None,
) -> Candidates:
    """Return the union of all rules' pairs, and which rule proposed which pair.

    Examples:
        >>> columns = {"phone": Column.of(["1", "1", None]), "email": Column.of(["x", "x", "x"])}
        >>> records = Records(np.array(["ec"] * 3), np.array(list("abc")), columns)
        >>> rules = [KeyBlocker(name, (name,)) for name in columns]
        >>> found = candidates(records, rules, max_block=10)
        >>> list(zip(found.left.tolist(), found.right.tolist()))
        [(0, 1), (0, 2), (1, 2)]
        >>> found.proposed.tolist()  # by phone, by email
        [[True, True], [False, True], [False, True]]
    """
    proposals = {
        rule.name: rule.propose(records, max_block=max_block, new=new) for rule in blockers
    }
    return united(proposals, n_records=len(records))


def united(proposals: Mapping[str, Proposal], *, n_records: int) -> Candidates:
    """Return the union of proposals by rule, and which rule proposed which pair.

    Examples:
        >>> phone = Proposal(np.array([0]), np.array([1]))
        >>> email = Proposal(np.array([0, 0]), np.array([1, 2]))
        >>> found = united({"phone": phone, "email": email}, n_records=3)
        >>> found.proposed.tolist()
        [[True, True], [False, True]]
    """
    n, rules = max(1, n_records), max(1, len(proposals))
    # One number per pair and rule: after sorting, the rules of a pair are adjacent.
    parts = [
        (found.left * n + found.right) * rules + rule
        for rule, found in enumerate(proposals.values())
    ]
    pair, rule = np.divmod(np.sort(np.concatenate([_NONE, *parts])), rules)
    begins = np.diff(pair, prepend=-1) != 0
    proposed = np.zeros((int(begins.sum()), len(proposals)), dtype=np.bool_)
    proposed[np.cumsum(begins) - 1, rule] = True
    left, right = np.divmod(pair[begins], n)
    oversized = {name: proposal.oversized for name, proposal in proposals.items()}
    return Candidates(left, right, tuple(proposals), proposed, oversized)


def pairs_within(block: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return all pairs of positions with the same block number (`MISSING` pairs with none).

    Examples:
        >>> left, right = pairs_within(np.array([7, MISSING, 7, MISSING, 7]))
        >>> list(zip(left.tolist(), right.tolist()))
        [(0, 2), (0, 4), (2, 4)]
    """
    rows = np.flatnonzero(block != MISSING)
    rows = rows[np.argsort(block[rows], kind="stable")]
    size = np.unique(block[rows], return_counts=True)[1]
    after = np.repeat(np.cumsum(size), size) - np.arange(len(rows)) - 1  # later ones of the block
    first = np.repeat(np.arange(len(rows)), after)
    step = np.arange(len(first)) - np.repeat(np.cumsum(after) - after, after)
    return rows[first], rows[first + 1 + step]


def _blocks(records: Records, columns: Sequence[str]) -> NDArray[np.int64]:
    """Return the number of each record's block, `MISSING` for none; shape (n_records,)."""
    if not all(name in records.columns for name in columns):
        return np.full(len(records), MISSING, dtype=np.int64)
    return reduce(joint, (records.columns[name].codes for name in columns))


_NAMES = ("family_name", "given_name")
_LOOSE = 1_000_000  # pairs that a loose rule may propose: they take a few seconds
DEFAULT_BLOCKERS: tuple[Blocker, ...] = (
    KeyBlocker("card", ("card_number",), ("card_number",)),
    KeyBlocker("email", ("email",), ("email",)),
    KeyBlocker("phone", ("phone",), ("phone",)),
    KeyBlocker("name", ("family_written", "given_written"), _NAMES),
    KeyBlocker("reading", ("full_sound",), _NAMES),
    KeyBlocker("birth+given", ("birth_date", "given_written"), ("birth_date", "given_name")),
    KeyBlocker("birth+given reading", ("birth_date", "given_sound"), ("birth_date", "given_name")),
    KeyBlocker("birth+family", ("birth_date", "family_sound"), ("birth_date", "family_name")),
    KeyBlocker("birth+postcode", ("birth_date", "postcode"), ("birth_date", "address")),
    KeyBlocker("address", ("house",), ("address",)),
    KeyBlocker("address+given", ("house", "given_sound"), ("address", "given_name")),
    KeyBlocker("postcode+given", ("postcode", "given_written"), ("address", "given_name")),
    KeyBlocker("postcode+given reading", ("postcode", "given_sound"), ("address", "given_name")),
    KeyBlocker("postcode+family", ("postcode", "family_sound"), ("address", "family_name")),
    KeyBlocker("mailbox+given", ("mailbox", "given_sound"), ("email", "given_name")),
    KeyBlocker("phone tail+given", ("phone_tail", "given_sound"), ("phone", "given_name")),
    KeyBlocker("birth date", ("birth_date",), ("birth_date",), _LOOSE),
    KeyBlocker("postcode", ("postcode",), most_pairs=_LOOSE),
)
"""The default rules of `stitch`."""
