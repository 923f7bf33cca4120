"""The one call that takes customer lists to customers."""

from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from warnings import warn

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame, IntoFrameT
from numpy.typing import NDArray

from omniltv._log import LOG, logged
from omniltv._options import checked
from omniltv.data.report import Tolerance
from omniltv.errors import ConfigError, EvidenceWarning
from omniltv.identity.customers._cohesion import cohesion
from omniltv.identity.customers._ids import customer_ids
from omniltv.identity.customers.attachment import customers_of
from omniltv.identity.linking._comparison_vectors import differing_from
from omniltv.identity.linking._copies import CopiesApart
from omniltv.identity.linking._refinement import refined
from omniltv.identity.linking.decisions import (
    Decisions,
    decide,
    decisions_about,
    read_decisions,
    separated,
)
from omniltv.identity.linking.protocols import LinkEngine
from omniltv.identity.linking.scoring import nameless
from omniltv.identity.linking.values import LinkModel, ScoredPairs
from omniltv.identity.records._codes import factorized, joint, objects
from omniltv.identity.records.columns import Column, RecordKey, Records
from omniltv.identity.records.intake import Intake, read_records
from omniltv.identity.records.masking import Masked, mask_shared
from omniltv.identity.records.own_columns import PACKAGE
from omniltv.identity.stitching.evidence import link_columns
from omniltv.identity.stitching.resolution import (
    Learnt,
    LinkageState,
    Resolution,
    ResolutionSummary,
    previous_of,
)
from omniltv.identity.stitching.spec import LinkSpec, unique_codes

__all__ = ["Before", "engine_of", "stitch", "stitched"]


_NUMBERS: dict[str, type[nw.dtypes.DType]] = {
    "probability": nw.Float64,
    "n_records": nw.Int64,
    "n_sources": nw.Int64,
    "agreeing": nw.Float64,
    "weakest_link": nw.Float64,
    "across": nw.Int64,
    "group": nw.Int64,
    "shared_by": nw.Int64,
    "kept": nw.Boolean,
}


@checked
def stitch(
    records: IntoFrameT,
    *,
    spec: LinkSpec | None = None,
    previous: IntoFrame | None = None,
    decisions: IntoFrame | None = None,
    tolerance: Tolerance | None = None,
) -> Resolution[IntoFrameT]:
    """Return which source records belong to one person.

    Rows are checked as by `omniltv.data.check`. If several rows have one id, one of them is
    used if their contents are equal, and none if the contents differ. The result does not
    depend on the order of the rows. A record without any identifying value becomes a
    customer of its own; in a list without any personal column, this is every record, and a
    `DataWarning` says so.

    Args:
        records: Customer lists, one row per source record: ``source``, ``record_id`` and
            any of ``family_name, given_name, family_name_kana, given_name_kana, email,
            phone, postcode, address, birth_date, gender, card_number``. Other columns are read
            if a comparison or blocker of ``spec`` names them.
        spec: How to link.
        previous: The crosswalk of the previous run, whose customer ids are kept.
        decisions: Pairs of records that are, or are not, one person, whatever the evidence:
            ``source_a``, ``record_id_a``, ``source_b``, ``record_id_b`` and ``same`` (true or
            false). Decisions about unknown records are in `Resolution.unused_decisions`.
        tolerance: How many rows may be rejected before there is a warning or an error;
            ``Tolerance()`` if None.

    Raises:
        IntakeError: If more is rejected than ``tolerance`` allows.
        DataError: If a key column is missing, no value of a column can be read, ``previous``
            has missing values or two rows for one record, or decisions contradict each other.
        ConfigError: If ``spec`` names a unique source that is not in the records, a model that
            lacks one of its comparisons, or two comparisons or blockers of one name.

    Warns:
        ColumnWarning: If no column is personal, an unknown column looks like a field, or an own
            column has no usable value.
        EvidenceWarning: If two comparisons read the same values, or records without a given name
            and birth date are linked by a shared contact alone.

    Examples:
        >>> import pandas as pd
        >>> lists = pd.DataFrame({
        ...     "source": ["store", "ec", "ec"],
        ...     "record_id": ["S1", "E1", "E2"],
        ...     "family_name": ["髙橋", "Takahashi", "高橋"],
        ...     "given_name": ["花子", "Hanako", "太郎"],
        ...     "given_name_kana": ["ハナコ", None, "タロウ"],
        ...     "phone": ["090-1234-5678", "+81 90 1234 5678", "09012345678"],
        ... })
        >>> found = stitch(lists)
        >>> found.crosswalk["customer_id"].nunique()
        2
        >>> found.why(("store", "S1"), ("ec", "E1")).same_customer
        True
    """
    known = {} if previous is None else customers_of(previous, "previous")
    before = Before(lambda _: known, {*known.values()})
    told = read_decisions(decisions)
    return stitched(records, spec or LinkSpec(), told, before, tolerance=tolerance)


@dataclass(frozen=True, eq=False)
class Before:
    """The customers of an earlier run.

    Attributes:
        customers: Returns the earlier customer id by record, given the normalised records.
        issued: Ids that new customers cannot get.

    Examples:
        >>> before = Before(lambda records: {("ec", "1"): "ca"}, {"ca"})
        >>> "ca" in before.issued
        True
    """

    customers: Callable[[Records], Mapping[RecordKey, str]]
    issued: Container[str]


def stitched(
    records: IntoFrameT,
    spec: LinkSpec,
    told: dict[str, list[object]],
    before: Before,
    *,
    tolerance: Tolerance | None = None,
) -> Resolution[IntoFrameT]:
    """Return the result of `stitch`, given decisions as columns and the earlier customers.

    Args:
        records: Customer lists, as for `stitch`.
        spec: How to link.
        told: The result of `read_decisions`.
        before: The customers of the earlier run.
        tolerance: How much may be rejected; ``Tolerance()`` if None.

    Raises:
        IntakeError: As `stitch`.
        DataError: As `stitch`.
        ConfigError: As `stitch`.

    Examples:
        >>> import pandas as pd
        >>> lists = pd.DataFrame({"source": ["ec"], "record_id": ["1"], "phone": ["03-1234-5678"]})
        >>> before = Before(lambda records: {("ec", "1"): "ca"}, {"ca"})
        >>> found = stitched(lists, LinkSpec(), read_decisions(None), before)
        >>> found.crosswalk["customer_id"].tolist()
        ['ca']
    """
    spec.check_names()
    intake, normal = read_records(
        records,
        normalised=spec.normalised,
        spelling=spec.spelling,
        tolerance=tolerance,
        own=spec.own_columns,
    )
    spec.check_columns(normal)
    normal, masked = mask_shared(normal, max_sharing=spec.max_sharing)
    _check_sources(spec.unique_sources, intake)
    _check_model(spec)
    unique = unique_codes(normal.source, spec.unique_sources)
    pairs, decided = _scored(normal, spec, told)
    judged = decide(pairs, decided, len(normal))
    _warn_of_names(spec, normal, judged)
    clusters = _clustered(normal, spec, judged, unique)
    state = LinkageState(spec, normal, masked, pairs, judged, told, unique)
    return _resolution(_Found(intake, state, clusters, decided), intake, before)


@logged("pairs compared and scored")
def _scored(
    records: Records, spec: LinkSpec, told: dict[str, list[object]]
) -> tuple[ScoredPairs, Decisions]:
    """Return the scored pairs, and the decisions about the records."""
    pairs = engine_of(spec, told).link(
        records,
        blockers=spec.blockers,
        comparisons=spec.comparisons,
        max_block=spec.max_block,
        seed=spec.seed,
        model=spec.model,
    )
    LOG.debug("candidate pairs by rule: %s", dict(zip(*_pairs_by_rule(pairs), strict=True)))
    decided = decisions_about(told, records)
    return (refined(pairs, decided) if spec.learn_from_decisions else pairs), decided


def _pairs_by_rule(pairs: ScoredPairs) -> tuple[Sequence[str], list[int]]:
    return pairs.candidates.rules, pairs.candidates.proposed.sum(axis=0).tolist()


@logged("pairs clustered")
def _clustered(
    records: Records, spec: LinkSpec, judged: ScoredPairs, unique: NDArray[np.int64]
) -> NDArray[np.int64]:
    return spec.clusterer.cluster(
        judged, n_records=len(records), links=spec.links(judged), unique=unique
    )


@dataclass(frozen=True, eq=False, repr=False)
class _Found:
    """The parts of a resolution."""

    intake: Intake[object]
    state: LinkageState
    clusters: NDArray[np.int64]
    decisions: Decisions

    @property
    def records(self) -> Records:
        """The normalised records."""
        return self.state.records

    @property
    def pairs(self) -> ScoredPairs:
        """The pairs, with decisions."""
        return self.state.judged

    @cached_property
    def together(self) -> NDArray[np.bool_]:
        """Which candidate pairs ended up as one customer."""
        candidates = self.pairs.candidates
        same: NDArray[np.bool_] = self.clusters[candidates.left] == self.clusters[candidates.right]
        return same

    @cached_property
    def shown(self) -> NDArray[np.intp]:
        """Positions of the records in the order in which they were given."""
        return np.argsort(self.intake.rows.order, kind="stable")


@logged("customers formed")
def _resolution[FrameT](
    found: _Found, intake: Intake[FrameT], before: Before
) -> Resolution[FrameT]:
    records, kind = found.records, intake.kind
    customer = customer_ids(
        (records.source, records.record_id),
        found.clusters,
        previous_of(records, before.customers(records)),
        before.issued,
    )
    probability = _belonging(found)
    links = np.flatnonzero(found.state.spec.links(found.pairs))
    kept = found.together[links]
    link = link_columns(records, found.pairs, links, kept)
    numbers = _NUMBERS | {name: nw.Float64 for name in link if name.startswith("bits_")}
    clusters = _clusters(found, customer, probability)
    return Resolution(
        crosswalk=kind.build(_crosswalk(found, customer, probability), numbers),
        links=kind.build(link, numbers),
        clusters=kind.build(clusters, numbers),
        report=intake.report,
        masked_values=kind.build(_masked(found.state.masked, records), numbers),
        oversized=kind.build(_oversized(found.pairs), numbers),
        unused_decisions=intake.kind.build(found.decisions.unused),
        _summary=_summary(found, links[kept], clusters),
        _state=found.state,
        _customer=customer,
        _order=found.shown,
        _kind=kind,
    )


def _belonging(found: _Found) -> NDArray[np.float64]:
    """Return the probability that each record belongs to its customer.

    For a record among others, this is the probability of its best link to one of them; for a
    record alone, the probability that its best link is wrong.
    """
    candidates, together = found.pairs.candidates, found.together
    inside, outside = np.zeros(len(found.records)), np.zeros(len(found.records))
    for ends in (candidates.left, candidates.right):
        p = found.pairs.probability
        np.maximum.at(inside, ends[together], p[together])
        np.maximum.at(outside, ends[~together], p[~together])
    return np.where(inside > 0, inside, 1 - outside)


def _crosswalk(
    found: _Found, customer: NDArray[np.object_], probability: NDArray[np.float64]
) -> dict[str, Sequence[object]]:
    records, order = found.records, found.shown
    return {
        "source": records.source[order].tolist(),
        "record_id": records.record_id[order].tolist(),
        "customer_id": customer[order].tolist(),
        "probability": probability[order].tolist(),
    }


def _clusters(
    found: _Found, customer: NDArray[np.object_], probability: NDArray[np.float64]
) -> dict[str, Sequence[object]]:
    who = Column.of(customer)
    weakest = np.ones(len(who.values))
    np.minimum.at(weakest, who.codes, probability)
    visits = joint(who.codes, factorized(found.records.source)[0])
    first = ~pd.Series(visits).duplicated().to_numpy()
    many = found.state.spec.many_records
    held = cohesion(found.pairs, who.codes, many=many, copies=found.records.copies)
    return {
        "customer_id": who.values.tolist(),
        "n_records": who.count.tolist(),
        "n_sources": np.bincount(who.codes[first], minlength=len(who.values)).tolist(),
        "probability": weakest.tolist(),
        "agreeing": held.agreeing.tolist(),
        "weakest_link": held.weakest.tolist(),
        "across": held.across.tolist(),
        "flag": list(held.flag),
    }


def _masked(masked: Sequence[Masked], records: Records) -> dict[str, Sequence[object]]:
    shared = [len(value.rows) for value in masked]
    group = np.repeat(np.arange(len(masked)), shared)
    rows = np.concatenate([np.empty(0, dtype=np.int64), *(value.rows for value in masked)])
    columns = objects(value.column for value in masked)
    return {
        "column": columns[group].tolist(),
        "group": group.tolist(),
        "shared_by": np.repeat(shared, shared).tolist() if masked else [],
        "source": records.source[rows].tolist(),
        "record_id": records.record_id[rows].tolist(),
    }


def _oversized(pairs: ScoredPairs) -> dict[str, Sequence[object]]:
    blocks = [(rule, len(b)) for rule, large in pairs.candidates.oversized.items() for b in large]
    return {"rule": [rule for rule, _ in blocks], "n_records": [size for _, size in blocks]}


def _summary(
    found: _Found, links: NDArray[np.intp], clusters: Mapping[str, Sequence[object]]
) -> ResolutionSummary:
    pairs = found.pairs
    probability = pairs.probability[links]
    right = float(probability.sum())
    by_rule = pairs.candidates.proposed[links].sum(axis=0).tolist()
    sizes, having = np.unique(np.array(clusters["n_records"], dtype=np.int64), return_counts=True)
    joined = found.together
    # Of the pairs of one customer, those are less sure that are no link themselves.
    inside = pairs.probability[joined]
    precision = float(inside.mean()) if len(inside) else 1.0
    right_pairs = precision * float(having @ (sizes * (sizes - 1) / 2))  # linked or not
    compared = right_pairs + float(pairs.probability[~joined].sum())
    matches = max(compared, pairs.model.matches(found.records.source))
    oversized = {rule: len(large) for rule, large in pairs.candidates.oversized.items() if large}
    agreement, defaults = _learnt(pairs.model, found)
    return ResolutionSummary(
        rows=found.intake.n_rows,
        records=len(found.records),
        rejected=found.intake.reasons,
        unread=found.intake.unread,
        customers=len(clusters["customer_id"]),
        sizes=dict(zip(sizes.tolist(), having.tolist(), strict=True)),
        flagged=Counter(sorted(str(flag) for flag in clusters["flag"] if flag)),
        candidates=len(pairs.candidates),
        links=len(links),
        links_by_rule=dict(zip(pairs.candidates.rules, by_rule, strict=True)),
        false_links=len(links) - right,
        precision=precision,
        recall=float(right_pairs / matches) if matches else 1.0,
        masked=Counter(value.column for value in found.state.masked),
        oversized=oversized,
        agreement=agreement,
        defaults=defaults,
    )


def _learnt(model: LinkModel, found: _Found) -> tuple[dict[str, Learnt], tuple[str, ...]]:
    """Return the agreement of one person by comparison, and the comparisons that show none."""
    have = {*found.records.columns}
    known = [c for c in found.state.spec.comparisons if model.seen and have & {*c.columns}]
    agreement = {}
    for c in known:
        first = differing_from(c)
        error = model.standard_error(c.name, differing=len(c.levels) - first)
        if not np.isnan(error):
            agreement[c.name] = Learnt(float(model.m[c.name][:first].sum()), error)
    return agreement, tuple(c.name for c in known if c.name not in agreement)


def _warn_of_names(spec: LinkSpec, records: Records, pairs: ScoredPairs) -> None:
    """Warn if records are linked although no field distinguishes the people of a household."""
    n = np.count_nonzero(spec.links(pairs)) if nameless(records, spec.comparisons) else 0
    if n:
        message = (
            f"{n:,} links rest on a shared contact alone: the records have no given name and no "
            "birth date, so one contact counts as one person, and families are merged"
        )
        hint = "add a given name or a birth date, or LinkSpec(threshold=0.8) to link no such pair"
        warn(f"{message}. Hint: {hint}", EvidenceWarning, skip_file_prefixes=(PACKAGE,))


def _check_sources(sources: Sequence[str], intake: Intake[object]) -> None:
    known = {*factorized(intake.rows.source)[1].tolist()}
    unseen = [source for source in sources if source not in known]
    if unseen:
        have = ", ".join(sorted(known)) or "none"
        message = f"no valid record has the source {', '.join(unseen)} of unique_sources"
        raise ConfigError(f"{message}. Hint: the sources are {have}")


def _check_model(spec: LinkSpec) -> None:
    """Raise ConfigError if the model to score with lacks a comparison."""
    names = [comparison.name for comparison in spec.comparisons]
    unknown = [name for name in names if spec.model and name not in spec.model.m]
    if unknown:
        message = f"the model lacks the comparisons {', '.join(unknown)}"
        raise ConfigError(f"{message}. Hint: train it by stitch with the same comparisons")


def engine_of(spec: LinkSpec, told: Mapping[str, Sequence[object]]) -> LinkEngine:
    """Return the engine of a spec, which compares two of many equal records.

    Args:
        spec: The settings.
        told: Decisions as columns; records that they separate are compared themselves.

    Examples:
        >>> isinstance(engine_of(LinkSpec(), read_decisions(None)), LinkEngine)
        True
    """
    return CopiesApart(spec.engine, spec.unique_sources, separated(told))
