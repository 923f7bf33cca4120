"""A link engine that compares two of many equal records; the others are linked like these."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from omniltv._arrays import Codes, Flags
from omniltv._options import Count, Seed, checked
from omniltv.identity.linking.protocols import Blocker, Comparison, LinkEngine
from omniltv.identity.linking.values import Candidates, LinkModel, ScoredPairs
from omniltv.identity.records._copies import order_in_group
from omniltv.identity.records.columns import MISSING, RecordKey, Records

__all__ = ["CopiesApart"]

_KEPT = 2  # of a group of equal records


@checked
@dataclass(frozen=True)
class CopiesApart:
    """Leaves all but two of a group of equal records out of another engine.

    A person with more equal records than a block may hold would otherwise be in no block. The
    records left out get a pair with the first of their group, with the evidence of the two that
    were compared.

    Args:
        engine: The engine that compares and scores.
        unique_sources: Sources in which a person has at most one record; equal records of these
            are different people, and all of them are compared.
        decided: Records that a decision separates from another record; they are compared, too.

    Examples:
        >>> import pandas as pd
        >>> from omniltv.identity import stitch
        >>> copies = pd.DataFrame({"source": "ec", "record_id": range(200), "family_name": "Lee",
        ...     "given_name": "Ann", "phone": "03-1234-5678"})
        >>> stitch(copies).summary().customers
        1
    """

    engine: LinkEngine
    unique_sources: Sequence[str] = ()
    decided: frozenset[RecordKey] = frozenset()

    def link(
        self,
        records: Records,
        *,
        blockers: tuple[Blocker, ...],
        comparisons: tuple[Comparison, ...],
        max_block: Count,
        seed: Seed,
        model: LinkModel | None = None,
        new: Flags | None = None,
    ) -> ScoredPairs:
        """Return every candidate pair with its probability and evidence."""
        group = self._groups(records)
        place = order_in_group(group, np.zeros(len(group), np.bool_) if new is None else new)
        left_out = (group != MISSING) & (place >= _KEPT)
        kept = np.flatnonzero(~left_out)
        found = self.engine.link(
            records.without(left_out) if left_out.any() else records,
            blockers=blockers,
            comparisons=comparisons,
            max_block=max_block,
            seed=seed,
            model=model,
            new=None if new is None else new[kept],
        )
        if not left_out.any():
            return found
        wanted = left_out if new is None else left_out & new
        return _with_copies(found, kept, _stars(group, place, wanted))

    def _groups(self, records: Records) -> Codes:
        """Return the group of equal records that each record is in, `MISSING` if in none."""
        alone = np.isin(records.source, self.unique_sources)
        alone[[records.position[key] for key in self.decided if key in records.position]] = True
        return np.where(alone, MISSING, records.copies)


def _stars(group: Codes, place: Codes, wanted: Flags) -> tuple[Codes, Codes, Codes]:
    """Return the first and the second record of the group of each record left out, and these."""
    rows = np.flatnonzero(wanted)
    ends = np.full((_KEPT, int(group.max(initial=-1)) + 1), MISSING, dtype=np.int64)
    for k in range(_KEPT):
        held = np.flatnonzero((group != MISSING) & (place == k))
        ends[k, group[held]] = held
    return ends[0, group[rows]], ends[1, group[rows]], rows


def _with_copies(found: ScoredPairs, kept: Codes, stars: tuple[Codes, Codes, Codes]) -> ScoredPairs:
    """Return pairs by position among all records, and those of the records left out."""
    first, second, rows = stars
    pairs, n = found.candidates, int(max(kept.max(initial=0), rows.max(initial=0))) + 1
    left, right = kept[pairs.left], kept[pairs.right]
    order = np.argsort(left * n + right, kind="stable")
    key = (left * n + right)[order]
    wanted = np.minimum(first, second) * n + np.maximum(first, second)
    at = np.minimum(np.searchsorted(key, wanted), max(len(key) - 1, 0))
    had = key[at] == wanted if len(key) else np.zeros(len(rows), dtype=np.bool_)
    ends = np.sort([first[had], rows[had]], axis=0)
    left, right = np.concatenate([left, ends[0]]), np.concatenate([right, ends[1]])
    source = np.concatenate([np.arange(len(pairs)), order[at[had]]])
    return _chosen(found, source, left, right, kept)


def _chosen(
    found: ScoredPairs, source: Codes, left: Codes, right: Codes, kept: Codes
) -> ScoredPairs:
    """Return pairs with the evidence of others, in the order of their positions."""
    order = np.lexsort((right, left))
    source, pairs = source[order], found.candidates
    oversized = {
        rule: tuple(kept[block] for block in large) for rule, large in pairs.oversized.items()
    }
    return ScoredPairs(
        candidates=Candidates(
            left[order], right[order], pairs.rules, pairs.proposed[source], oversized
        ),
        probability=found.probability[source],
        bits={name: values[source] for name, values in found.bits.items()},
        grades={name: values[source] for name, values in found.grades.items()},
        levels=found.levels,
        model=found.model,
    )
