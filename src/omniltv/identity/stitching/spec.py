"""The settings of `stitch`."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from omniltv.identity.customers.clustering import BestFirstClusterer
from omniltv.identity.linking.blocking import DEFAULT_BLOCKERS
from omniltv.identity.linking.comparisons import DEFAULT_COMPARISONS
from omniltv.identity.linking.protocols import (
    Blocker,
    Clusterer,
    Comparison,
    LinkEngine,
    LinkModel,
    ScoredPairs,
)
from omniltv.identity.records.columns import MISSING
from omniltv.identity.records.normalise import Spelling

__all__ = ["LinkSpec", "unique_codes"]


class LinkSpec(BaseModel):
    """Settings of `stitch`.

    Attributes:
        threshold: Minimum probability of a link. The default means that a wrong merge costs
            over twice as much as a missed link.
        family_threshold: Minimum probability of a link given that the records are one person
            or two people of one household. The default means that merging two people of a
            family costs over eleven times as much as a missed link.
        unique_sources: Sources in which a person has at most one record. Empty by default,
            since most lists have duplicates, and a wrong entry splits customers.
        max_block: Maximum number of records in a block; larger blocks are listed, not paired.
        max_sharing: Maximum number of records that share a phone, e-mail, card or birth date;
            a value shared by more does not identify a person and is masked.
        many_records: Number of records from which a customer is flagged as too large.
        seed: Seed of the random pairs that estimate agreement by chance.
        learn_from_decisions: Whether manual decisions also train the weight of each kind of
            evidence. For decisions about the pairs of `Resolution.review`.
        normalised: Whether the lists are already normalised, as by `pseudonymise`.
        spelling: How telephone numbers and e-mail addresses are read.
        blockers: Rules that propose pairs.
        comparisons: Comparisons of pairs.
        model: Model to score pairs with, from another run (`Resolution.model`), for lists too
            small to train on. Trained on the records themselves if None.
        engine: Scores the pairs; recordlinkage with Fellegi-Sunter scores if None.
        clusterer: Makes customers of the scored pairs.

    Examples:
        >>> LinkSpec(unique_sources=("app",)).threshold
        0.7
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.7
    family_threshold: Annotated[float, Field(gt=0, lt=1)] = 0.92
    unique_sources: tuple[str, ...] = ()
    max_block: Annotated[int, Field(ge=2)] = 50
    max_sharing: Annotated[int, Field(ge=2)] = 30
    many_records: Annotated[int, Field(ge=2)] = 20
    seed: Annotated[int, Field(ge=0)] = 0
    learn_from_decisions: bool = False
    normalised: bool = False
    spelling: Spelling = Spelling()
    blockers: tuple[Blocker, ...] = DEFAULT_BLOCKERS
    comparisons: tuple[Comparison, ...] = DEFAULT_COMPARISONS
    model: LinkModel | None = None
    engine: LinkEngine | None = None
    clusterer: Clusterer = BestFirstClusterer()

    def links(self, pairs: ScoredPairs) -> NDArray[np.bool_]:
        """Return which pairs link two records, of shape (n_pairs,)."""
        sure = pairs.probability >= self.threshold
        apart = self.family_threshold * (pairs.probability + pairs.family)
        return np.asarray(sure & (pairs.probability >= apart))


def unique_codes(source: NDArray[np.object_], sources: Sequence[str]) -> NDArray[np.int64]:
    """Return the code of each record's source if a person is in it at most once, else `MISSING`.

    Examples:
        >>> unique_codes(np.array(["app", "store", "app"], dtype=object), ["app"]).tolist()
        [0, -1, 0]
    """
    code = {name: number for number, name in enumerate(sources)}
    return np.array([code.get(name, MISSING) for name in source.tolist()], dtype=np.int64)
