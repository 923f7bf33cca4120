"""Which pairs are worth comparing: several independent views, each with a name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from omniltv.identity.protocols import MISSING, Blocker, Candidates, Column, Proposal, Records

__all__ = ["DEFAULT_BLOCKERS", "KeyBlocker", "candidates", "united"]


@dataclass(frozen=True)
class KeyBlocker:
    """Proposes the records that have the same values in all of some columns.

    Args:
        name: Name of the rule.
        columns: The columns; a record that lacks one of them is in no block.
        decides: Comparisons that agreement in these columns forces.

    Examples:
        >>> from omniltv.identity.protocols import Column
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

    def propose(
        self, records: Records, *, max_block: int, new: NDArray[np.bool_] | None = None
    ) -> Proposal:
        """Return all pairs within the blocks of at most ``max_block`` records."""
        from omniltv.identity._recordlinkage import pairs_within  # noqa: PLC0415 - slow to load

        small, oversized = self.blocks(records, max_block=max_block, new=new)
        left, right = pairs_within(small)
        if new is not None:
            left, right = left[new[left] | new[right]], right[new[left] | new[right]]
        return Proposal(left, right, oversized)

    def blocks(
        self, records: Records, *, max_block: int, new: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], tuple[NDArray[np.int64], ...]]:
        """Return the number of each record's block, and the records of those too large to pair.

        Args:
            records: The records.
            max_block: Records that one block may hold.
            new: Of the records, of shape (n_records,); then blocks without a new one are none.

        Returns:
            Shape (n_records,), `MISSING` for none; and the large blocks, largest first.
        """
        block = _blocks(records, self.columns)
        if new is not None:
            block = np.where(np.isin(block, block[new]), block, MISSING)
        size = np.bincount(block[block != MISSING], minlength=1)
        large = np.flatnonzero(size > max_block)
        oversized = Column(block, np.empty(0, dtype=object)).rows_of(large)
        small = np.where(np.isin(block, large), MISSING, block)
        return small, tuple(sorted(oversized, key=len, reverse=True))


def candidates(
    records: Records,
    blockers: Sequence[Blocker],
    *,
    max_block: int,
    new: NDArray[np.bool_] | None = None,
) -> Candidates:
    """Return the union of all rules' pairs, and which rule proposed which pair."""
    proposals = {
        rule.name: rule.propose(records, max_block=max_block, new=new) for rule in blockers
    }
    return united(proposals, n_records=len(records))


def united(proposals: Mapping[str, Proposal], *, n_records: int) -> Candidates:
    """Return the union of proposals by rule, and which rule proposed which pair."""
    n = max(1, n_records)
    keys = [proposal.left * n + proposal.right for proposal in proposals.values()]
    distinct = np.unique(np.concatenate([np.empty(0, dtype=np.int64), *keys]))
    proposed = np.zeros((len(distinct), len(keys)), dtype=np.bool_)
    for rule, key in enumerate(keys):
        proposed[np.searchsorted(distinct, key), rule] = True
    left, right = np.divmod(distinct, n)
    oversized = {name: proposal.oversized for name, proposal in proposals.items()}
    return Candidates(left, right, tuple(proposals), proposed, oversized)


def _blocks(records: Records, columns: Sequence[str]) -> NDArray[np.int64]:
    """Return the number of each record's block, `MISSING` for none; shape (n_records,)."""
    if not all(name in records.columns for name in columns):
        return np.full(len(records), MISSING, dtype=np.int64)
    return reduce(_refine, (records.columns[name].codes for name in columns))


def _refine(block: NDArray[np.int64], codes: NDArray[np.int64]) -> NDArray[np.int64]:
    known = (block != MISSING) & (codes != MISSING)
    result = np.full(len(block), MISSING, dtype=np.int64)
    width = int(codes.max(initial=0)) + 1
    result[known] = np.unique(block[known] * width + codes[known], return_inverse=True)[1]
    return result


_NAMES = ("family_name", "given_name")
DEFAULT_BLOCKERS: tuple[Blocker, ...] = (
    KeyBlocker("card", ("card_number",), ("card_number",)),
    KeyBlocker("email", ("email",), ("email",)),
    KeyBlocker("phone", ("phone",), ("phone",)),
    KeyBlocker("name", ("family_written", "given_written"), _NAMES),
    KeyBlocker("reading", ("full_reading",), _NAMES),
    KeyBlocker("birth+given", ("birth_date", "given_written"), ("birth_date", "given_name")),
    KeyBlocker(
        "birth+given reading", ("birth_date", "given_reading"), ("birth_date", "given_name")
    ),
    KeyBlocker("birth+family", ("birth_date", "family_reading"), ("birth_date", "family_name")),
    KeyBlocker("birth+postcode", ("birth_date", "postcode"), ("birth_date", "address")),
    KeyBlocker("address", ("address",), ("address",)),
    KeyBlocker("address+given", ("address", "given_reading"), ("address", "given_name")),
    KeyBlocker("postcode+given", ("postcode", "given_written"), ("address", "given_name")),
    KeyBlocker("postcode+given reading", ("postcode", "given_reading"), ("address", "given_name")),
    KeyBlocker("postcode+family", ("postcode", "family_reading"), ("address", "family_name")),
    KeyBlocker("mailbox+given", ("mailbox", "given_reading"), ("email", "given_name")),
    KeyBlocker("phone tail+given", ("phone_tail", "given_reading"), ("phone", "given_name")),
)
"""The rules that `stitch` uses unless told otherwise."""
