"""The default link engine: it blocks, compares and scores in memory."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniltv._options import Count, Seed, checked
from omniltv.identity.linking._chance import SampledComparisons, sampled
from omniltv.identity.linking._comparison_vectors import compared
from omniltv.identity.linking.blocking import candidates
from omniltv.identity.linking.protocols import Blocker, Comparison
from omniltv.identity.linking.scoring import learn, score
from omniltv.identity.linking.values import LinkModel, ScoredPairs
from omniltv.identity.records.columns import Records

__all__ = ["InMemoryEngine"]


@checked
@dataclass(frozen=True)
class InMemoryEngine:
    """Links records in memory, with unsupervised Fellegi-Sunter scores.

    Comparisons are evaluated with NumPy and RapidFuzz, once per distinct pair of values.

    Examples:
        >>> from omniltv.identity import LinkSpec
        >>> LinkSpec().engine
        InMemoryEngine()
    """

    def link(
        self,
        records: Records,
        *,
        blockers: tuple[Blocker, ...],
        comparisons: tuple[Comparison, ...],
        max_block: Count,
        seed: Seed,
        model: LinkModel | None = None,
        new: NDArray[np.bool_] | None = None,
    ) -> ScoredPairs:
        """Return every candidate pair with its probability and evidence."""
        found = candidates(records, blockers, max_block=max_block, new=new)
        vectors = compared(records, found.left, found.right, comparisons)
        if model is None:
            sample = sampled(records, comparisons, seed=seed)
            chance = compared(records, sample.left, sample.right, comparisons)
            model = learn(
                records, found, vectors, SampledComparisons(sample, chance), rules=blockers
            )
        return score(records, found, vectors, model)
