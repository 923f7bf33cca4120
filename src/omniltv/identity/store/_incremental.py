"""The next state of a store: only the customers that a change can affect are made again."""

from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv._arrays import Codes, Flags
from omniltv._log import logged
from omniltv.identity.customers._ids import customer_ids
from omniltv.identity.linking._graph import components
from omniltv.identity.linking.decisions import Decisions, decide, decisions_about
from omniltv.identity.linking.protocols import LinkEngine
from omniltv.identity.linking.values import Candidates, ScoredPairs
from omniltv.identity.records._codes import factorized, in_order, objects
from omniltv.identity.records.columns import MISSING, Column, RecordKey, Records
from omniltv.identity.records.masking import Masked, mask_shared
from omniltv.identity.stitching.spec import LinkSpec, unique_codes
from omniltv.identity.store._audit import Reasons, audit_rows, link_reasons
from omniltv.identity.store._state import AUDIT_COLUMNS, IdentityState, Plain

__all__ = [
    "LEAST_HOUSEHOLD",
    "Advance",
    "Step",
    "advance",
    "at_home",
    "relevant",
]

LEAST_HOUSEHOLD = 0.1
"""Minimum probability of one household for which a store keeps the evidence."""

type Customers = NDArray[np.object_]

type StepKind = Literal["update", "decision", "withdrawal", "forgotten"]
"""What changes the state of a store."""

_UNCERTAIN = 0.02  # pairs below this probability, and of no household, are not kept
_GONE: Mapping[StepKind, str] = {"update": "deleted by its source", "forgotten": "forgotten"}


@dataclass(frozen=True, eq=False, repr=False)
class Step:
    """A change of the state.

    Attributes:
        gone: Records of the state that are removed, of shape (n_records,).
        added: New records, sorted by key; none of them has the key of a remaining record.
        decisions: All decisions from now on, as columns.
        kind: Kind of the change.
        again: Other records of the state whose customers are made again, of shape
            (n_records,).
        another: Keys of added records that had belonged to another person.
    """

    gone: Flags
    added: Records
    decisions: Plain
    kind: StepKind
    again: Flags
    another: frozenset[RecordKey] = frozenset()


@dataclass(frozen=True, eq=False, repr=False)
class Advance:
    """The next state, and its differences from the one before.

    Attributes:
        state: The next state.
        changes: The rows that this step adds to the audit, as columns.
        masked: Values that too many records share now.
        decisions: The decisions about known records, and the others.
    """

    state: IdentityState
    changes: Plain
    masked: tuple[Masked, ...]
    decisions: Decisions


@dataclass(frozen=True, eq=False, repr=False)
class _Scene:
    """Records and evidence after the step, before customers are made.

    Attributes:
        records: All records.
        place: The new position of each record of the state, `MISSING` if gone.
        new: Which records are new.
        pairs: The kept pairs and the pairs compared now.
        decisions: The decisions.
        masked: Values that too many records share.
    """

    records: Records
    place: Codes
    new: Flags
    pairs: ScoredPairs
    decisions: Decisions
    masked: tuple[Masked, ...]

    @cached_property
    def judged(self) -> ScoredPairs:
        """The pairs with the decisions among them."""
        return decide(self.pairs, self.decisions, len(self.records))


@logged("store advanced")
def advance(state: IdentityState, spec: LinkSpec, engine: LinkEngine, step: Step) -> Advance:
    """Return the state after the step; only affected customers are made again."""
    scene = _scene(state, spec, engine, step)
    before = np.full(len(scene.records), None, dtype=object)
    before[scene.place[~step.gone]] = state.customer[~step.gone]
    tied = _tied(scene.judged, spec, len(scene.records))
    touched = _touched(state, scene, step, tied)
    parted = step.gone.any() or step.kind == "decision"
    together = _once_together(tied, before) if parted else tied
    scene = replace(scene, pairs=_with_all_tied(scene, touched, together, spec, engine))
    part = _part(scene.judged, touched, len(scene.records))
    customer = before.copy()
    left = _by_key(state.records, state.customer, np.flatnonzero(step.gone))
    was = left | _by_key(scene.records, before, touched[pd.notna(before[touched])])
    past = {key: name for key, name in was.items() if key not in step.another}
    former = _former_ids(state, step.another)
    customer[touched] = _customers(scene, spec, part, touched, (past, former), state.issued)
    reasons = Reasons(
        links=link_reasons(part, before[touched], customer[touched], spec.links(part)),
        causes=_causes(state, step),
        gone=_GONE.get(step.kind, step.kind),
        otherwise="new evidence" if step.kind == "update" else step.kind,
    )
    now = _by_key(scene.records, customer, touched)
    changes = audit_rows(was, now, state.version + 1, reasons, another=step.another)
    following = IdentityState(
        version=state.version + 1,
        records=scene.records,
        customer=customer,
        pairs=relevant(scene.pairs, scene.judged, spec, len(scene.records)),
        decisions=step.decisions,
        audit={name: [*state.audit[name], *changes[name]] for name in AUDIT_COLUMNS},
        forgotten=state.forgotten,
    )
    return Advance(following, changes, scene.masked, scene.decisions)


def _causes(state: IdentityState, step: Step) -> dict[str, str]:
    """Return what happened to the customers of removed and replaced records."""
    if step.kind != "update":
        return {}
    comes = set(step.added.ids())
    causes = dict.fromkeys(state.customer[step.again].tolist(), "a record of the customer changed")
    for row in np.flatnonzero(step.gone).tolist():
        key = (state.records.source[row], state.records.record_id[row])
        event = "changed" if key in comes else "left"
        causes[str(state.customer[row])] = f"a record of the customer {event}"
    return causes


def relevant(pairs: ScoredPairs, judged: ScoredPairs, spec: LinkSpec, n: int) -> ScoredPairs:
    """Return the pairs that later runs can need.

    These are all pairs of records that links or a household connect, with or without the
    decisions, and other uncertain pairs. Other pairs are evidence against, and are compared
    again if new records connect their customers.

    Args:
        pairs: The pairs.
        judged: The same with manual decisions, which are links, too.
        spec: Settings that say which pairs are links.
        n: Number of records.
    """
    found, decided = pairs.candidates, judged.candidates
    linked, home = spec.links(judged), spec.links(pairs) | at_home(pairs)
    left, right = (
        np.concatenate([a[home], b[linked]])
        for a, b in ((found.left, decided.left), (found.right, decided.right))
    )
    component = components(left, right, n)
    inside = component[found.left] == component[found.right]
    kept = np.flatnonzero(inside | (pairs.probability >= _UNCERTAIN))
    return _chosen(pairs, kept, found.left, found.right)


def at_home(pairs: ScoredPairs) -> Flags:
    """Return which pairs may be of one household, of shape (n_pairs,)."""
    return np.asarray(pairs.probability + pairs.family >= LEAST_HOUSEHOLD)


def _tied(pairs: ScoredPairs, spec: LinkSpec, n: int) -> Codes:
    """Return the number of the component of each record, joined by links."""
    found, links = pairs.candidates, spec.links(pairs)
    return components(found.left[links], found.right[links], n)


def _scene(state: IdentityState, spec: LinkSpec, engine: LinkEngine, step: Step) -> _Scene:
    merged, place, new = _merge(state.records, step.gone, step.added)
    records, masked = mask_shared(merged, max_sharing=spec.max_sharing)
    fresh = engine.link(
        records,
        blockers=spec.blockers,
        comparisons=spec.comparisons,
        max_block=spec.max_block,
        seed=spec.seed,
        model=state.pairs.model,
        new=new,
    )
    pairs = _together(_moved(state.pairs, place), fresh)
    decisions = decisions_about(step.decisions, records)
    return _Scene(records, place, new, pairs, decisions, masked)


def _with_all_tied(
    scene: _Scene, rows: NDArray[np.intp], tied: Codes, spec: LinkSpec, engine: LinkEngine
) -> ScoredPairs:
    """Return the pairs, and the other pairs of affected records that links now connect.

    A block that is too large in the whole list may be small enough among them.
    """
    again = engine.link(
        scene.records.taken(rows),
        blockers=spec.blockers,
        comparisons=spec.comparisons,
        max_block=spec.max_block,
        seed=spec.seed,
        model=scene.pairs.model,
    )
    size, known = len(scene.records), scene.pairs.candidates
    left, right = rows[again.candidates.left], rows[again.candidates.right]
    had = np.isin(left * size + right, known.left * size + known.right)
    more = _chosen(again, np.flatnonzero(~had & (tied[left] == tied[right])), left, right)
    return _together(more, scene.pairs)


def _once_together(tied: Codes, before: Customers) -> Codes:
    """Return the number of the component of each record, joined by links or one customer before.

    Copies of a record that goes, or leaves its customer, may have been compared with it only.
    """
    customer = factorized(before)[0]
    known = np.flatnonzero(customer != MISSING)
    _, first, number = np.unique(customer[known], return_index=True, return_inverse=True)
    _, start, where = np.unique(tied, return_index=True, return_inverse=True)
    left = np.concatenate([known, np.arange(len(tied))])
    right = np.concatenate([known[first][number], start[where]])
    return components(left, right, len(tied))


def _merge(old: Records, gone: Flags, added: Records) -> tuple[Records, Codes, Flags]:
    """Return all records sorted, the new position of each old one, and which are new."""
    keep = np.flatnonzero(~gone)
    source = np.concatenate([old.source[keep], added.source])
    record_id = np.concatenate([old.record_id[keep], added.record_id])
    order = in_order(source, record_id)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    place = np.full(len(old), MISSING, dtype=np.int64)
    place[keep] = rank[: len(keep)]
    columns: dict[str, Column] = {}
    for names in _vocabularies(old.columns.keys() | added.columns.keys()):
        columns |= _merged_columns(old.columns, keep, added, names, order)
    new = np.asarray(order >= len(keep))
    return Records(source[order], record_id[order], columns), place, new


def _vocabularies(names: set[str]) -> list[list[str]]:
    """Return the columns in groups that share distinct values: family and given names."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        groups[name.removeprefix("family_").removeprefix("given_")].append(name)
    return list(groups.values())


def _merged_columns(
    old: Mapping[str, Column],
    keep: NDArray[np.intp],
    added: Records,
    names: Sequence[str],
    order: Codes,
) -> dict[str, Column]:
    nothing = np.empty(0, dtype=object)
    first = next((old[name].values for name in names if name in old), nothing)
    more = next((added.columns[n].values for n in names if n in added.columns), nothing)
    place = {value: code for code, value in enumerate(first.tolist())}
    for value in more.tolist():
        place.setdefault(value, len(place))
    values = np.array([*place], dtype=object)
    move = np.array([*(place[value] for value in more.tolist()), MISSING], dtype=np.int64)
    result = {}
    for name in names:
        before = old[name].codes[keep] if name in old else np.full(len(keep), MISSING)
        codes = (
            move[added.columns[name].codes]
            if name in added.columns
            else np.full(len(added), MISSING)
        )
        result[name] = Column(np.concatenate([before, codes])[order].astype(np.int64), values)
    return result


def _moved(pairs: ScoredPairs, place: Codes) -> ScoredPairs:
    """Return the pairs of remaining records, by the new positions."""
    left, right = place[pairs.candidates.left], place[pairs.candidates.right]
    stay = np.flatnonzero((left != MISSING) & (right != MISSING))
    return _chosen(pairs, stay, left, right)


def _part(pairs: ScoredPairs, rows: NDArray[np.intp], n: int) -> ScoredPairs:
    """Return the pairs within some records, by position among them."""
    position = np.full(n, MISSING, dtype=np.int64)
    position[rows] = np.arange(len(rows))
    leaving = position[pairs.leaving]
    return replace(_moved(pairs, position), leaving=leaving[leaving != MISSING])


def _chosen(pairs: ScoredPairs, rows: NDArray[np.intp], left: Codes, right: Codes) -> ScoredPairs:
    """Return some of the pairs, with other positions."""
    found = pairs.candidates
    candidates = Candidates(
        left[rows], right[rows], found.rules, found.proposed[rows], found.oversized
    )
    return ScoredPairs(
        candidates=candidates,
        probability=pairs.probability[rows],
        bits={name: values[rows] for name, values in pairs.bits.items()},
        grades={name: values[rows] for name, values in pairs.grades.items()},
        levels=pairs.levels,
        model=pairs.model,
        leaving=pairs.leaving,
    )


def _together(old: ScoredPairs, fresh: ScoredPairs) -> ScoredPairs:
    """Return old and new pairs together; no pair is in both."""
    both = (old.candidates, fresh.candidates)
    candidates = Candidates(
        np.concatenate([found.left for found in both]),
        np.concatenate([found.right for found in both]),
        fresh.candidates.rules,
        np.concatenate([found.proposed for found in both]),
        fresh.candidates.oversized,
    )
    return ScoredPairs(
        candidates=candidates,
        probability=np.concatenate([old.probability, fresh.probability]),
        bits={
            name: np.concatenate(
                [part.bits.get(name, np.zeros(len(part.probability))) for part in (old, fresh)]
            )
            for name in dict.fromkeys((*old.bits, *fresh.bits))
        },
        grades={
            name: np.concatenate([old.grades[name], fresh.grades[name]]) for name in fresh.grades
        },
        levels=fresh.levels,
        model=fresh.model,
    )


def _touched(state: IdentityState, scene: _Scene, step: Step, component: Codes) -> NDArray[np.intp]:
    """Return the records whose customers are made again: all that links connect to a change.

    A customer contains only records that links connect, so the others stay the same.
    """
    gone, ends = step.gone, (state.pairs.candidates.left, state.pairs.candidates.right)
    seeds = scene.new.copy()
    seeds[scene.place[step.again & ~gone]] = True
    lost = gone[ends[0]] | gone[ends[1]]
    beside = np.isin(np.arange(len(gone)), np.concatenate([ends[0][lost], ends[1][lost]]))
    without = set(state.customer[gone].tolist())
    beside |= np.array([name in without for name in state.customer.tolist()], dtype=np.bool_)
    seeds[scene.place[beside & ~gone]] = True
    seeds[np.concatenate([scene.decisions.left, scene.decisions.right])] = True
    return np.flatnonzero(np.isin(component, component[seeds]))


def _by_key(records: Records, customer: Customers, rows: NDArray[np.intp]) -> dict[RecordKey, str]:
    """Return the customer ids of some records by (source, record_id)."""
    keys = zip(records.source[rows].tolist(), records.record_id[rows].tolist(), strict=True)
    return dict(zip(keys, customer[rows].tolist(), strict=True))


def _customers(
    scene: _Scene,
    spec: LinkSpec,
    part: ScoredPairs,
    touched: NDArray[np.intp],
    past: tuple[Mapping[RecordKey, str], Mapping[RecordKey, str]],
    taken: Container[str],
) -> Customers:
    """Return the customer ids of the touched records.

    A customer keeps the id of its records, or else takes back an id that one of them had.
    """
    source, record_id = scene.records.source[touched], scene.records.record_id[touched]
    clusters = spec.clusterer.cluster(
        part,
        n_records=len(touched),
        links=spec.links(part),
        unique=unique_codes(source, spec.unique_sources),
    )
    keys = list(zip(source.tolist(), record_id.tolist(), strict=True))
    was, former = (objects(map(names.get, keys)) for names in past)
    names = customer_ids((source, record_id), clusters, was, taken)
    fresh = ~np.isin(names, was[pd.notna(was)]) & pd.notna(former)
    if not fresh.any():
        return names
    return customer_ids((source, record_id), clusters, np.where(fresh, former, was), taken)


def _former_ids(state: IdentityState, another: AbstractSet[RecordKey]) -> dict[RecordKey, str]:
    """Return the last id that each record had before a merge, if nobody has it now."""
    used = {*state.customer.tolist()}
    former: dict[RecordKey, str] = {}
    names = ("source", "record_id", "before", "change")
    for source, record_id, before, change in zip(*(state.audit[n] for n in names), strict=True):
        key = (str(source), str(record_id))
        if change == "record gone" or key in another:
            former.pop(key, None)
        elif before is not None and before not in used:
            former[key] = str(before)
    return former
