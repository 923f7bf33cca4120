"""The settings of `stitch`."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated
from warnings import warn

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field

from omniltv._config import Config
from omniltv._options import checked
from omniltv.errors import ColumnWarning, ConfigError, EvidenceWarning
from omniltv.identity.customers.clustering import BestFirstClusterer
from omniltv.identity.linking._columns_read import dependent, own_columns
from omniltv.identity.linking.blocking import DEFAULT_BLOCKERS
from omniltv.identity.linking.comparisons import DEFAULT_COMPARISONS
from omniltv.identity.linking.in_memory import InMemoryEngine
from omniltv.identity.linking.protocols import Blocker, Clusterer, Comparison, LinkEngine
from omniltv.identity.linking.values import LinkModel, ScoredPairs
from omniltv.identity.records.columns import MISSING, Records
from omniltv.identity.records.normalise import Spelling
from omniltv.identity.records.own_columns import PACKAGE, OwnColumn

__all__ = ["LinkSpec", "unique_codes"]


@checked
class LinkSpec(Config):
    """Settings of `stitch`.

    Attributes:
        threshold: Minimum probability of a link. The default means that a wrong merge costs
            one and a half times as much as a missed link.
        family_threshold: Minimum probability of a link given that the records are one person
            or two people of one household. The default means that merging two people of a
            family costs nineteen times as much as a missed link. Not used for lists without a
            given name and birth date, which cannot tell the two.
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
        columns: How columns of your own are normalised. A column that a comparison or a blocker
            reads does not need to be listed: the comparison normalises it, or it is read as
            text.
        blockers: Rules that propose pairs.
        comparisons: Comparisons of pairs.
        model: Model to score pairs with, from another run (`Resolution.model`), for lists too
            small to train on. Trained on the records themselves if None.
        engine: Finds, compares and scores the pairs.
        clusterer: Makes customers of the scored pairs.

    Examples:
        >>> LinkSpec(unique_sources=("app",)).threshold
        0.6
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.6
    family_threshold: Annotated[float, Field(gt=0, lt=1)] = 0.95
    unique_sources: tuple[str, ...] = ()
    max_block: Annotated[int, Field(ge=2)] = 50
    max_sharing: Annotated[int, Field(ge=2)] = 30
    many_records: Annotated[int, Field(ge=2)] = 20
    seed: Annotated[int, Field(ge=0)] = 0
    learn_from_decisions: bool = False
    normalised: bool = False
    spelling: Spelling = Spelling()
    columns: tuple[OwnColumn, ...] = ()
    blockers: tuple[Blocker, ...] = DEFAULT_BLOCKERS
    comparisons: tuple[Comparison, ...] = DEFAULT_COMPARISONS
    model: LinkModel | None = None
    engine: LinkEngine = InMemoryEngine()
    clusterer: Clusterer = BestFirstClusterer()

    @property
    def own_columns(self) -> tuple[OwnColumn, ...]:
        """The columns that are not known fields: listed, or read by a comparison or blocker."""
        return own_columns(self.comparisons, self.blockers, listed=self.columns)

    def check_names(self) -> None:
        """Check that names are unique, and warn of comparisons that read the same values.

        Raises:
            ConfigError: If two comparisons, blockers or columns have one name.

        Warns:
            EvidenceWarning: If two comparisons are dependent.
        """
        for kind in ("comparisons", "blockers", "columns"):
            count = Counter(part.name for part in getattr(self, kind))
            twice = [name for name, n in count.items() if n > 1]
            if twice:
                message = f"{kind} with the same name: {', '.join(twice)}"
                raise ConfigError(f"{message}. Hint: give each its own name, or remove one")
        for a, b in dependent(self.comparisons):
            message = f"comparisons {a!r} and {b!r} read the same values: the evidence counts twice"
            hint = f"remove one: [c for c in LinkSpec().comparisons if c.name != {a!r}]"
            warn(f"{message}. Hint: {hint}", EvidenceWarning, skip_file_prefixes=(PACKAGE,))

    def check_columns(self, records: Records) -> None:
        """Warn of own columns without any usable value in the records.

        Warns:
            ColumnWarning: If there is one.
        """
        names = [column.name for column in self.own_columns if column.name not in records.columns]
        if names:
            message = f"own columns without a usable value: {', '.join(names)}"
            hint = "check the name of the column and how OwnColumn normalises it"
            warn(f"{message}. Hint: {hint}", ColumnWarning, skip_file_prefixes=(PACKAGE,))

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
