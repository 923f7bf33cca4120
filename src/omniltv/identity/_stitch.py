"""The one call that takes customer lists to customers."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import narwhals as nw
import numpy as np
from narwhals.typing import IntoFrame, IntoFrameT
from numpy.typing import NDArray

from omniltv.errors import ConfigError
from omniltv.identity._cohesion import cohesion
from omniltv.identity._frames import Kind, Table, columns_of, read
from omniltv.identity._ids import customer_ids
from omniltv.identity._refinement import refined
from omniltv.identity.decisions import Decisions, decide, decisions_about, read_decisions
from omniltv.identity.protocols import LinkEngine, ScoredPairs
from omniltv.identity.records import Intake, Masked, mask_shared, read_records
from omniltv.identity.resolution import Resolution, Summary, Workings, customers_of, link_columns
from omniltv.identity.spec import LinkSpec, unique_codes

__all__ = ["default_engine", "stitch"]

type Key = tuple[str, str]

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


def stitch(
    records: IntoFrameT,
    *,
    spec: LinkSpec | None = None,
    previous: IntoFrame | None = None,
    decisions: IntoFrame | None = None,
) -> Resolution[IntoFrameT]:
    """Return which source records are one person.

    The result depends on the records only, not on their order. A record that nobody
    can be recognised by is a customer of its own.

    Args:
        records: Customer lists, one row per source record: ``source``, ``record_id`` and
            any of ``family_name, given_name, family_name_kana, given_name_kana, email,
            phone, postcode, address, birth_date, gender, card_number``.
        spec: How to link.
        previous: The crosswalk of the run before, whose customer ids are kept.
        decisions: Pairs of records that are one person, or two, whatever the evidence:
            ``source_a``, ``record_id_a``, ``source_b``, ``record_id_b`` and ``same`` (true or
            false). Those about records that are not there are in `Resolution.unused_decisions`.

    Raises:
        DataError: If a key column, or every personal column, is missing, or decisions
            contradict each other.
        ConfigError: If ``spec`` names a unique source that is not in the records, or a model
            that does not know its comparisons.

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
    spec = spec or LinkSpec()
    table, kind = read(records, "records")
    intake, normal = read_records(columns_of(table), normalised=spec.normalised)
    normal, masked = mask_shared(normal, max_sharing=spec.max_sharing)
    _check_sources(spec.unique_sources, intake)
    _check_model(spec)
    unique = unique_codes(normal.source, spec.unique_sources)
    pairs = (spec.engine or default_engine()).link(
        normal,
        blockers=spec.blockers,
        comparisons=spec.comparisons,
        max_block=spec.max_block,
        seed=spec.seed,
        model=spec.model,
    )
    told = read_decisions(decisions)
    decided = decisions_about(told, {key: row for row, key in enumerate(normal.ids())})
    if spec.learn_from_decisions:
        pairs = refined(pairs, decided)
    judged = decide(pairs, decided, len(normal))
    clusters = spec.clusterer.cluster(
        judged, n_records=len(normal), links=spec.links(judged), unique=unique
    )
    workings = Workings(spec, normal, masked, pairs, judged, told, unique)
    known = {} if previous is None else customers_of(previous, "previous")
    return _resolution(_Found(table, intake, workings, clusters, decided), kind, known)


@dataclass(frozen=True, eq=False, repr=False)
class _Found:
    """All that the resolution is made of."""

    table: Table
    intake: Intake
    workings: Workings
    clusters: NDArray[np.int64]
    decisions: Decisions

    @property
    def pairs(self) -> ScoredPairs:
        """The pairs, with decisions."""
        return self.workings.judged

    def together(self) -> NDArray[np.bool_]:
        """Return which candidate pairs ended up as one customer."""
        candidates = self.pairs.candidates
        same: NDArray[np.bool_] = self.clusters[candidates.left] == self.clusters[candidates.right]
        return same

    def shown(self) -> list[int]:
        """Return the records in the order in which they were given."""
        order: list[int] = np.argsort(self.intake.usable(), kind="stable").tolist()
        return order

    def keys(self) -> list[Key]:
        """Return (source, record_id) of each record."""
        return self.workings.records.ids()


def _resolution[FrameT](
    found: _Found, kind: Kind[FrameT], previous: Mapping[Key, str]
) -> Resolution[FrameT]:
    keys = found.keys()
    customer = customer_ids(keys, found.clusters.tolist(), previous)
    probability = _belonging(found)
    links = np.flatnonzero(found.workings.spec.links(found.pairs))
    kept = found.together()[links]
    reason = found.intake.reason
    clusters = _clusters(found, customer, probability)
    link = link_columns(found.workings.records, found.pairs, links, kept)
    numbers = _NUMBERS | {name: nw.Float64 for name in link if name.startswith("bits_")}
    return Resolution(
        crosswalk=kind.build(_crosswalk(found, customer, probability), numbers),
        links=kind.build(link, numbers),
        clusters=kind.build(clusters, numbers),
        rejected=kind.extend(found.table, "reason", reason, [bool(r) for r in reason]),
        masked_values=kind.build(_masked(found.workings.masked), numbers),
        oversized=kind.build(_oversized(found.pairs), numbers),
        unused_decisions=kind.build(found.decisions.unused, {}),
        _summary=_summary(found, links[kept], clusters),
        _workings=found.workings,
        _customer=dict(zip(keys, customer, strict=True)),
        _position={key: row for row, key in enumerate(keys)},
        _order=found.shown(),
        _kind=kind,
    )


def _belonging(found: _Found) -> NDArray[np.float64]:
    """Return the probability that each record belongs with its customer.

    With company: that of its best link inside. Alone: that its best link is none.
    """
    candidates, together = found.pairs.candidates, found.together()
    inside = np.zeros(len(found.workings.records))
    outside = np.zeros(len(found.workings.records))
    for ends in (candidates.left, candidates.right):
        p = found.pairs.probability
        np.maximum.at(inside, ends[together], p[together])
        np.maximum.at(outside, ends[~together], p[~together])
    return np.where(inside > 0, inside, 1 - outside)


def _crosswalk(
    found: _Found, customer: Sequence[str], probability: NDArray[np.float64]
) -> dict[str, Sequence[object]]:
    keys, order = found.keys(), found.shown()
    return {
        "source": [keys[row][0] for row in order],
        "record_id": [keys[row][1] for row in order],
        "customer_id": [customer[row] for row in order],
        "probability": probability[order].tolist(),
    }


def _clusters(
    found: _Found, customer: Sequence[str], probability: NDArray[np.float64]
) -> dict[str, Sequence[object]]:
    names, back, size = np.unique(
        np.array(customer, dtype=str), return_inverse=True, return_counts=True
    )
    weakest = np.ones(len(names))
    np.minimum.at(weakest, back, probability)
    sources = Counter(
        c for c, _ in {(c, key[0]) for c, key in zip(customer, found.keys(), strict=True)}
    )
    held = cohesion(found.pairs, back.astype(np.int64), many=found.workings.spec.many_records)
    return {
        "customer_id": names.tolist(),
        "n_records": size.tolist(),
        "n_sources": [sources[name] for name in names.tolist()],
        "probability": weakest.tolist(),
        "agreeing": held.agreeing.tolist(),
        "weakest_link": held.weakest.tolist(),
        "across": held.across.tolist(),
        "flag": list(held.flag),
    }


def _masked(masked: Sequence[Masked]) -> dict[str, Sequence[object]]:
    rows = [
        (value.column, group, len(value.records), *key)
        for group, value in enumerate(masked)
        for key in value.records
    ]
    names = ("column", "group", "shared_by", "source", "record_id")
    return {name: [row[k] for row in rows] for k, name in enumerate(names)}


def _oversized(pairs: ScoredPairs) -> dict[str, Sequence[object]]:
    blocks = [(rule, len(b)) for rule, large in pairs.candidates.oversized.items() for b in large]
    return {"rule": [rule for rule, _ in blocks], "n_records": [size for _, size in blocks]}


def _summary(
    found: _Found, links: NDArray[np.intp], clusters: Mapping[str, Sequence[object]]
) -> Summary:
    pairs = found.pairs
    probability = pairs.probability[links]
    right = float(probability.sum())
    precision = right / len(links) if len(links) else 1.0
    by_rule = pairs.candidates.proposed[links].sum(axis=0).tolist()
    sizes, having = np.unique(np.array(clusters["n_records"], dtype=np.int64), return_counts=True)
    joined = found.together()
    right_pairs = precision * joined.sum()  # of one customer, linked or not
    matches = right_pairs + float(pairs.probability[~joined].sum())
    oversized = {rule: len(large) for rule, large in pairs.candidates.oversized.items() if large}
    return Summary(
        rows=len(found.intake.reason),
        records=len(found.workings.records),
        rejected=Counter(sorted(reason for reason in found.intake.reason if reason)),
        customers=len(clusters["customer_id"]),
        sizes=dict(zip(sizes.tolist(), having.tolist(), strict=True)),
        flagged=Counter(sorted(str(flag) for flag in clusters["flag"] if flag)),
        candidates=len(pairs.candidates),
        links=len(links),
        links_by_rule=dict(zip(pairs.candidates.rules, by_rule, strict=True)),
        false_links=len(links) - right,
        precision=precision,
        recall=float(right_pairs / matches) if matches else 1.0,
        masked=Counter(value.column for value in found.workings.masked),
        oversized=oversized,
    )


def _check_sources(sources: Sequence[str], intake: Intake) -> None:
    known = set(intake.source)
    unseen = [source for source in sources if source not in known]
    if unseen:
        have = ", ".join(sorted(known - {""})) or "none"
        message = f"unique_sources names {', '.join(unseen)}, which no record has"
        raise ConfigError(f"{message}. Hint: the sources are {have}")


def _check_model(spec: LinkSpec) -> None:
    """Raise ConfigError where the model to score by does not know what is compared."""
    names = [comparison.name for comparison in spec.comparisons]
    unknown = [name for name in names if spec.model and name not in spec.model.m]
    if unknown:
        message = f"the model was learnt without the comparisons {', '.join(unknown)}"
        raise ConfigError(f"{message}. Hint: learn it by stitch with the same comparisons")


def default_engine() -> LinkEngine:
    from omniltv.identity._recordlinkage import (  # noqa: PLC0415 - takes seconds to load
        RecordLinkageEngine,
    )

    return RecordLinkageEngine()
