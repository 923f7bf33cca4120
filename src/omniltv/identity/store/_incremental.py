"""From one state to the next: records come, change and go, and only what they touch is redone."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv._arrays import Codes, Flags
from omniltv.identity.customers._ids import customer_ids
from omniltv.identity.customers.changes import changes_between
from omniltv.identity.linking._graph import components
from omniltv.identity.linking.decisions import Decisions, decide, decisions_about
from omniltv.identity.linking.protocols import Candidates, LinkEngine, ScoredPairs
from omniltv.identity.records._codes import factorized, in_order, objects
from omniltv.identity.records.columns import MISSING, Column, RecordKey, Records
from omniltv.identity.records.intake import Masked, mask_shared
from omniltv.identity.stitching.resolution import rules_of
from omniltv.identity.stitching.spec import LinkSpec, unique_codes
from omniltv.identity.store._state import AUDIT_COLUMNS, IdentityState, Plain

__all__ = ["Advance", "Step", "advance", "audit_rows", "relevant"]

type Customers = NDArray[np.object_]


@dataclass(frozen=True, eq=False, repr=False)
class Step:
    """What is to happen.

    Attributes:
        gone: Records of the state that go, of shape (n_records,).
        added: Records that come, sorted by key; none of them is among those that stay.
        decisions: All decisions from now on, as columns.
        reason: What the audit says where no link explains a change.
    """

    gone: Flags
    added: Records
    decisions: Plain
    reason: str


@dataclass(frozen=True, eq=False, repr=False)
class Advance:
    """The next state, and what is new in it.

    Attributes:
        state: The next state.
        changes: The rows that this step adds to the audit, as columns.
        masked: Values that too many share now.
        decisions: The decisions about records that are there, and the others.
    """

    state: IdentityState
    changes: Plain
    masked: tuple[Masked, ...]
    decisions: Decisions


@dataclass(frozen=True, eq=False, repr=False)
class _Scene:
    """Records and evidence once the step is done, before customers are made.

    Attributes:
        records: All records.
        place: Where each record of the state is now, `MISSING` if gone.
        new: Which records came.
        pairs: What was compared and kept, and what was compared now.
        decisions: The decisions.
        masked: Values that too many share.
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


def advance(state: IdentityState, spec: LinkSpec, engine: LinkEngine, step: Step) -> Advance:
    """Return the state after records went and came, with customers made anew where touched."""
    scene = _scene(state, spec, engine, step)
    before = np.full(len(scene.records), None, dtype=object)
    before[scene.place[~step.gone]] = state.customer[~step.gone]
    tied = _tied(scene.judged, spec, len(scene.records))
    touched = _touched(state, scene, step.gone, tied)
    together = _once_together(tied, before) if step.gone.any() else tied
    scene = replace(scene, pairs=_with_all_tied(scene, touched, together, spec, engine))
    part = _part(scene.judged, touched, len(scene.records))
    customer = before.copy()
    left = _by_key(state.records, state.customer, np.flatnonzero(step.gone))
    was = left | _by_key(scene.records, before, touched[pd.notna(before[touched])])
    customer[touched] = _customers(scene, spec, part, touched, was, {*state.customer.tolist()})
    reasons = _reasons(part, before[touched], customer[touched], spec.links(part))
    now = _by_key(scene.records, customer, touched)
    changes = audit_rows(was, now, state.version + 1, reasons, step.reason)
    following = IdentityState(
        version=state.version + 1,
        records=scene.records,
        customer=customer,
        pairs=relevant(scene.pairs, scene.judged, spec, len(scene.records)),
        decisions=step.decisions,
        audit={name: [*state.audit[name], *changes[name]] for name in AUDIT_COLUMNS},
    )
    return Advance(following, changes, scene.masked, scene.decisions)


def audit_rows(
    before: Mapping[RecordKey, str],
    after: Mapping[RecordKey, str],
    run: int,
    reasons: Mapping[str, str],
    otherwise: str,
) -> dict[str, list[object]]:
    """Return the rows of the audit for what changed between two crosswalks.

    Args:
        before: Customer id of each record that could have changed.
        after: The same afterwards.
        run: Number of the run.
        reasons: By customer id, which link brought records to it.
        otherwise: The reason where no link did.
    """
    changes = changes_between(before, after)
    time = datetime.now(UTC)
    joined = [
        change in {"new record", "merged", "split"} and str(new) in reasons
        for new, change in zip(changes["after"], changes["change"], strict=True)
    ]
    reason = [
        reasons[str(new)] if by_link else otherwise
        for new, by_link in zip(changes["after"], joined, strict=True)
    ]
    n = len(reason)
    return {"run": [run] * n, "time": [time] * n, **changes, "reason": list(reason)}


def relevant(pairs: ScoredPairs, judged: ScoredPairs, spec: LinkSpec, n: int) -> ScoredPairs:
    """Return the pairs of records that links tie together: no others say who is who.

    Those that speak against others are compared again once something new ties these together.

    Args:
        pairs: The pairs.
        judged: The same with the decisions by hand, which are links, too.
        spec: What is a link.
        n: How many records there are.
    """
    component = _tied(judged, spec, n)
    found = pairs.candidates
    inside = np.flatnonzero(component[found.left] == component[found.right])
    return _chosen(pairs, inside, found.left, found.right)


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
    """Return the pairs with all others among some records that links tie together now.

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

    Copies of a record that goes may have been compared with that record only.
    """
    customer = factorized(before)[0]
    known = np.flatnonzero(customer != MISSING)
    _, first, number = np.unique(customer[known], return_index=True, return_inverse=True)
    _, start, where = np.unique(tied, return_index=True, return_inverse=True)
    left = np.concatenate([known, np.arange(len(tied))])
    right = np.concatenate([known[first][number], start[where]])
    return components(left, right, len(tied))


def _merge(old: Records, gone: Flags, added: Records) -> tuple[Records, Codes, Flags]:
    """Return all records sorted, where each old one is now, and which are new."""
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
    """Return the columns in groups that share their distinct values: both names of a kind."""
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
    """Return the pairs of records that stay, by where these are now."""
    left, right = place[pairs.candidates.left], place[pairs.candidates.right]
    stay = np.flatnonzero((left != MISSING) & (right != MISSING))
    return _chosen(pairs, stay, left, right)


def _part(pairs: ScoredPairs, rows: NDArray[np.intp], n: int) -> ScoredPairs:
    """Return the pairs within some records, by position among these."""
    position = np.full(n, MISSING, dtype=np.int64)
    position[rows] = np.arange(len(rows))
    return _moved(pairs, position)


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
    )


def _together(old: ScoredPairs, fresh: ScoredPairs) -> ScoredPairs:
    """Return old and new pairs; no pair is both."""
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
        bits={name: np.concatenate([old.bits[name], fresh.bits[name]]) for name in fresh.bits},
        grades={
            name: np.concatenate([old.grades[name], fresh.grades[name]]) for name in fresh.grades
        },
        levels=fresh.levels,
        model=fresh.model,
    )


def _touched(
    state: IdentityState, scene: _Scene, gone: Flags, component: Codes
) -> NDArray[np.intp]:
    """Return the records whose customers are made anew: all that links tie to a change.

    A customer never reaches beyond what links tie together, so the others stay as they are.
    """
    seeds = scene.new.copy()
    ends = state.pairs.candidates.left, state.pairs.candidates.right
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
    was: Mapping[RecordKey, str],
    taken: AbstractSet[str],
) -> Customers:
    """Return the customer ids of the touched records."""
    source, record_id = scene.records.source[touched], scene.records.record_id[touched]
    clusters = spec.clusterer.cluster(
        part,
        n_records=len(touched),
        links=spec.links(part),
        unique=unique_codes(source, spec.unique_sources),
    )
    keys = zip(source.tolist(), record_id.tolist(), strict=True)
    previous = objects(map(was.get, keys))
    return customer_ids((source, record_id), clusters, previous, taken)


def _reasons(
    pairs: ScoredPairs, before: Customers, after: Customers, links: Flags
) -> dict[str, str]:
    """Return which link brought records of different customers together, by customer id."""
    left, right = pairs.candidates.left, pairs.candidates.right
    apart = (before[left] != before[right]) | pd.isna(before)[left]
    joined = (after[left] == after[right]) & apart & links
    rows = np.flatnonzero(joined)
    best = rows[np.argsort(pairs.weight[rows], kind="stable")]
    return {
        str(after[left[row]]): "linked by " + ", ".join(rules_of(pairs, row))
        for row in best.tolist()
    }
