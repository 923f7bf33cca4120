"""Stable customer ids over many runs: a folder of records that is updated run by run."""

from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import get_args

import narwhals as nw
import numpy as np
from narwhals.typing import IntoFrame, IntoFrameT
from numpy.typing import NDArray

from omniltv._frames import Table, read_frame
from omniltv._options import Few, Level, Share, checked
from omniltv.data.report import Tolerance
from omniltv.errors import ConfigError, StoreError
from omniltv.identity.customers.attachment import Attached, attached, ids_of, keys_of
from omniltv.identity.linking.decisions import (
    DECISION_COLUMNS,
    decide,
    decisions_about,
    pairs_of,
    read_decisions,
    read_pairs,
)
from omniltv.identity.records._names import Known
from omniltv.identity.records.columns import RecordKey, Records
from omniltv.identity.records.intake import read_records
from omniltv.identity.records.masking import masked_values, without_values
from omniltv.identity.stitching.evidence import Evidence, LinkedRecords, link_columns
from omniltv.identity.stitching.resolution import Resolution, previous_of
from omniltv.identity.stitching.spec import LinkSpec
from omniltv.identity.stitching.stitch import Before, engine_of, stitched
from omniltv.identity.store._audit import Reasons, audit_rows, link_reasons
from omniltv.identity.store._folder import newest, read, remains, write
from omniltv.identity.store._guards import MOST_GONE, refuse_both, refuse_loss, refuse_unknown
from omniltv.identity.store._incremental import LEAST_HOUSEHOLD, Step, advance, relevant
from omniltv.identity.store._ledger import (
    audit_without,
    customers_in_audit,
    decisions_not_about,
    decisions_with,
    decisions_without,
)
from omniltv.identity.store._partial import EmptyCells, changed, completed, used_again
from omniltv.identity.store._report import RejectedRows, StoreUpdate, rejected_rows
from omniltv.identity.store._state import AUDIT_COLUMNS, IdentityState, IssuedIds, dump, restore

__all__ = ["IdentityStore"]

_TYPES: Mapping[str, nw.dtypes.DType] = {"run": nw.Int64(), "time": nw.Datetime("us", "UTC")}


@checked
class IdentityStore:
    """Records, customers, evidence and decisions in a folder of Parquet and JSON files.

    Every change is written atomically as a new version: a reader finds the state before or
    after it, never one in between. `update` links only new records, with the model of the
    last full run. `rebuild` trains the model again and keeps the ids. Needs PyArrow
    (``pip install 'omniltv[store]'``).

    Args:
        folder: Folder in which `create` made the store.
        spec: How records are linked, if not by default.

    Raises:
        StoreError: If there is no store, or it is damaged or has another format.
        ConfigError: If ``spec`` is not the one that the store was made with.

    Examples:
        >>> import tempfile
        >>> import pandas as pd
        >>> from omniltv.identity import stitch
        >>> lists = pd.DataFrame({
        ...     "source": ["store", "ec"],
        ...     "record_id": ["S1", "E1"],
        ...     "family_name": ["高橋", "佐藤"],
        ...     "given_name": ["花子", "健"],
        ...     "birth_date": ["1980-01-02", "1990-05-05"],
        ... })
        >>> folder = tempfile.TemporaryDirectory()
        >>> store = IdentityStore.create(folder.name, stitch(lists))
        >>> late = lists.iloc[:1].assign(source="app", record_id="A1")
        >>> store.update(late).changes["reason"].tolist()
        ['linked by name, birth+given, birth date']
        >>> IdentityStore(folder.name).crosswalk.to_frame()["customer_id"].nunique()
        2
        >>> folder.cleanup()
    """

    def __init__(self, folder: str | Path, *, spec: LinkSpec | None = None) -> None:
        self._folder = Path(folder)
        self._spec = spec or LinkSpec()
        self._state = restore(read(self._folder), self._spec)

    @classmethod
    def create[FrameT](cls, folder: str | Path, found: Resolution[FrameT]) -> "IdentityStore":
        """Return a new store with the result of a full run.

        Args:
            folder: A folder without a store.
            found: The result of `stitch`.

        Raises:
            StoreError: If there is a store already, or it cannot be written.
            ConfigError: If PyArrow is not installed.
        """
        where, linkage = Path(folder), found._state  # noqa: SLF001 - of the same package
        if newest(where):
            hint = "IdentityStore(folder).rebuild(records) replaces its contents"
            raise StoreError(f"there is a store in {where} already. Hint: {hint}")
        nothing: dict[str, list[object]] = {name: [] for name in AUDIT_COLUMNS}
        state = _state_of(found, 1, nothing)
        write(where, dump(state, linkage.spec))
        return cls(where, spec=linkage.spec)

    @property
    def run(self) -> int:
        """Number of the last run; run 1 made the store."""
        return self._state.version

    @property
    def crosswalk(self) -> Table:
        """``source``, ``record_id`` and ``customer_id`` of every record."""
        records = self._state.records
        return Table(
            {
                "source": records.source,
                "record_id": records.record_id,
                "customer_id": self._state.customer,
            }
        )

    @property
    def decisions(self) -> Table:
        """Manual decisions, in the form that `stitch` reads."""
        return _table(self._state.decisions)

    @property
    def audit(self) -> Table:
        """One row per record and change of its customer, the oldest first.

        Columns ``run``, ``time`` (UTC), ``source``, ``record_id``, ``before``, ``after``,
        ``change`` (as in `crosswalk_changes`) and ``reason``.
        """
        return _table(self._state.audit)

    def __len__(self) -> int:
        return len(self._state.records)

    def __repr__(self) -> str:
        customers = len(set(self._state.customer.tolist()))
        return f"IdentityStore(run {self.run}: {len(self):,} records, {customers:,} customers)"

    def why(self, a: RecordKey, b: RecordKey) -> Evidence:
        """Return the evidence on two stored records, as `Resolution.why`.

        Args:
            a: (source, record_id) of a record.
            b: (source, record_id) of another record.

        Raises:
            DataError: If the store does not have a record.
        """
        return self._linked.why(a, b)

    @property
    def links(self) -> Table:
        """The linked pairs, with the columns of `Resolution.links`."""
        linked = self._linked
        rows = np.flatnonzero(self._spec.links(linked.judged))
        found = linked.judged.candidates
        kept = linked.customer[found.left[rows]] == linked.customer[found.right[rows]]
        return _table(link_columns(linked.records, linked.judged, rows, kept))

    def review(self, n: Few) -> Table:
        """Return the pairs that are most useful to review, as `Resolution.review`.

        Args:
            n: Maximum number of pairs.

        Raises:
            ConfigError: If ``n`` is below 1.
        """
        return _table(self._linked.review(n))

    def households(self, *, threshold: Level = 0.5, previous: IntoFrame | None = None) -> Table:
        """Return the household of each customer, as `Resolution.households`.

        Args:
            threshold: Minimum probability that two customers share a household, at least 0.1;
                weaker evidence is not stored.
            previous: Households of the previous run, whose ids are kept.

        Raises:
            ConfigError: If the threshold is below 0.1 or not below 1.
            DataError: If a column of ``previous`` is missing, ids in it are missing, or a
                customer is repeated.
        """
        if threshold < LEAST_HOUSEHOLD:
            hint = "Resolution.households takes any threshold between 0 and 1"
            message = f"threshold is at least {LEAST_HOUSEHOLD}, got {threshold}"
            raise ConfigError(f"{message}. Hint: {hint}")
        names = ("customer_id", "household_id")
        known = {} if previous is None else ids_of(previous, "previous", names)
        return _table(self._linked.households(threshold=threshold, previous=known))

    def attach(
        self, transactions: IntoFrameT, *, tolerance: Tolerance | None = None
    ) -> Attached[IntoFrameT]:
        """Return transactions with the stored customers, as `Resolution.attach`.

        Args:
            transactions: A frame with ``source`` and ``record_id`` of each row.
            tolerance: As in `omniltv.identity.attach`.

        Raises:
            DataError: If ``source`` or ``record_id`` is missing.
            IntakeError: If more is rejected than ``tolerance`` allows.
        """
        found = attached(transactions, self._linked.customer_of)
        found.report.judge(tolerance)
        return found

    def update(
        self,
        records: IntoFrameT,
        *,
        gone: IntoFrame | None = None,
        empty: EmptyCells = "keep",
        most_gone: Share = MOST_GONE,
        tolerance: Tolerance | None = None,
    ) -> StoreUpdate[IntoFrameT]:
        """Link new and changed records, remove deleted ones, and keep the others.

        Columns that are not given keep the stored values of known records. Unchanged records
        are left alone. If the new contents of a record contradict the old ones in nearly
        everything, its source uses the key for another person, who becomes a new customer.
        The model and the masked values stay those of the last full run, so call `rebuild`
        from time to time.

        Args:
            records: New and changed records, as `stitch` reads them.
            gone: ``source`` and ``record_id`` of records that their source has deleted.
            empty: Whether empty cells of known records ``"keep"`` or ``"clear"`` the stored
                values.
            most_gone: Largest share of the stored records that may be removed.
            tolerance: How many rows may be rejected before there is a warning or an error;
                ``Tolerance()`` if None.

        Raises:
            IntakeError: If more rows are rejected than ``tolerance`` allows; the store stays
                as it is.
            DataError: If a column is missing, no value of a column can be read, a deleted
                record is unknown or is also given in ``records``, or more records than
                ``most_gone`` would be removed.
            ConfigError: If ``empty`` is neither ``"keep"`` nor ``"clear"``, or ``most_gone`` is
                not from 0 to 1.
            StoreError: If the folder cannot be written, or another writer changed it.
        """
        if empty not in get_args(EmptyCells.__value__):
            message = f"empty is 'keep' or 'clear', got {empty!r}"
            raise ConfigError(f"{message}. Hint: 'clear' removes stored values")
        known = Known.of(self._state.records.columns)
        intake, added = read_records(
            records,
            normalised=self._spec.normalised,
            spelling=self._spec.spelling,
            known=known,
            tolerance=tolerance,
            own=self._spec.own_columns,
        )
        added = without_values(added, masked_values(self._state.records))
        old, drop = self._state.records, self._rows(gone)
        keys = zip(old.ids(), drop.tolist(), strict=True)
        refuse_loss([key for key, lost in keys if lost], len(self), most_gone)
        refuse_both(added, old, drop)
        added = completed(added, old, {*intake.rows.raw}, empty=empty)
        added, replaced = changed(added, old)
        another = used_again(added, old, self._state.pairs.model, self._spec.comparisons)
        step = Step(
            gone=drop | replaced,
            added=added,
            decisions=self._state.decisions,
            kind="update",
            again=self._nobody(),
            another=another,
        )
        counts, changes = self._advance(step)
        report = RejectedRows(intake.kind, intake.rejected, intake.reasons, intake.unread)
        return self._report(report, changes, counts, intake.rows.keys())

    def decide(self, decisions: IntoFrameT) -> StoreUpdate[IntoFrameT]:
        """Add manual decisions, which every later run keeps; a later one replaces an earlier one.

        If two records are decided to be two people, the first of them leaves the customer.

        Args:
            decisions: ``source_a``, ``record_id_a``, ``source_b``, ``record_id_b`` and
                ``same``, as `stitch` reads them.

        Raises:
            DataError: If a column is missing, or decisions contradict each other.
            StoreError: If the folder cannot be written, or another writer changed it.
        """
        table, kind = read_frame(decisions, "decisions")
        read = read_decisions(decisions)
        told = decisions_with(self._state.decisions, read)
        nobody = self._nobody()
        step = Step(nobody, _no_records(), told, "decision", again=nobody)
        counts, changes = self._advance(step)
        known = set(self._state.records.ids())
        ends = pairs_of(read)
        reasons = ["" if known.issuperset(pair) else "no such record" for pair in ends]
        given = list(dict.fromkeys(key for pair in ends for key in pair))
        return self._report(rejected_rows(kind, table, reasons), changes, counts, given)

    def withdraw(self, decisions: IntoFrameT) -> StoreUpdate[IntoFrameT]:
        """Withdraw manual decisions: the evidence alone decides about these pairs again.

        Args:
            decisions: ``source_a``, ``record_id_a``, ``source_b`` and ``record_id_b``, in any
                order of the two records.

        Raises:
            DataError: If a column is missing, or there is no such decision.
            StoreError: If the folder cannot be written, or another writer changed it.
        """
        table, kind = read_frame(decisions, "decisions")
        ends = pairs_of(read_pairs(table))
        pairs = {frozenset(pair) for pair in ends}
        kept = decisions_without(self._state.decisions, pairs)
        again = self._named(frozenset[RecordKey]().union(*pairs))
        step = Step(self._nobody(), _no_records(), kept, "withdrawal", again=again)
        counts, changes = self._advance(step)
        given = list(dict.fromkeys(key for pair in ends for key in pair))
        return self._report(rejected_rows(kind, table, [""] * len(table)), changes, counts, given)

    def forget(self, records: IntoFrameT) -> StoreUpdate[IntoFrameT]:
        """Remove records and all data about them: values, links, decisions and audit rows.

        For an erasure request, give all records of the customer. Records that left the store
        earlier are removed from its audit and decisions. The reported changes are not in the
        audit. Only a hash of the customer id stays, so the id is not used again.

        Args:
            records: ``source`` and ``record_id``.

        Raises:
            DataError: If a column is missing, or a record was never in the store and no
                decision is about it.
            StoreError: If the folder cannot be written, or another writer changed it, or an older
                version in it cannot be removed.
        """
        table, kind = read_frame(records, "records")
        keys = {*keys_of(table, "records")}
        past = customers_in_audit(self._state.audit, keys)
        about = {key for pair in pairs_of(self._state.decisions) for key in pair}
        refuse_unknown(keys - {*self._state.records.ids(), *past, *about})
        drop = self._named(keys)
        kept = decisions_not_about(self._state.decisions, keys)
        customers = set(self._state.customer[drop].tolist()).union(*past.values())
        customers -= set(self._state.customer[~drop].tolist())
        step = Step(drop, _no_records(), kept, "forgotten", again=self._nobody())
        counts, changes = self._advance(step, forget=(keys, customers))
        self._check_removed()
        return self._report(rejected_rows(kind, table, [""] * len(table)), changes, counts, [])

    def rebuild(
        self,
        records: IntoFrameT,
        *,
        most_gone: Share = MOST_GONE,
        tolerance: Tolerance | None = None,
    ) -> Resolution[IntoFrameT]:
        """Run `stitch` on all records again, keeping ids and decisions, and store the result.

        Args:
            records: All customer lists; records that are not in them are removed.
            most_gone: Largest share of the stored records that may be removed.
            tolerance: As in `update`.

        Raises:
            IntakeError: As `update`; the store stays as it is.
            DataError: As `stitch`; also if more records than ``most_gone`` would be removed.
            ConfigError: If ``most_gone`` is not from 0 to 1.
            StoreError: If the folder cannot be written, or another writer changed it.
        """
        past, before = self._state, self._linked.customer_of
        another: frozenset[RecordKey] = frozenset()

        def known(new: Records) -> Mapping[RecordKey, str]:
            nonlocal another
            another = used_again(new, past.records, past.pairs.model, self._spec.comparisons)
            return {key: name for key, name in before.items() if key not in another}

        told = {name: [*past.decisions[name]] for name in DECISION_COLUMNS}
        earlier = Before(known, past.issued)
        found = stitched(records, self._spec, told, earlier, tolerance=tolerance)
        state = _state_of(found, self.run + 1, past.audit)
        after = dict(zip(state.records.ids(), state.customer.tolist(), strict=True))
        refuse_loss([key for key in before if key not in after], len(self), most_gone)
        reasons = _full_run_reasons(found, before, self._spec)
        changes = audit_rows(before, after, state.version, reasons, another=another)
        audit = {name: [*past.audit[name], *changes[name]] for name in AUDIT_COLUMNS}
        self._save(replace(state, audit=audit, forgotten=past.forgotten))
        return found

    def _advance(
        self, step: Step, forget: tuple[set[RecordKey], set[str]] | None = None
    ) -> tuple[Mapping[str, int], Mapping[str, Sequence[object]]]:
        engine = engine_of(self._spec, step.decisions)
        following = advance(self._state, self._spec, engine, step)
        state = following.state
        if forget is not None:
            hashes = frozenset(map(IssuedIds.hashed, forget[1]))
            audit = audit_without(state.audit, *forget)
            state = replace(state, audit=audit, forgotten=state.forgotten | hashes)
        self._save(state)
        return Counter(map(str, following.changes["change"])), following.changes

    @cached_property
    def _linked(self) -> LinkedRecords:
        state = self._state
        decisions = decisions_about(state.decisions, state.records)
        judged = decide(state.pairs, decisions, len(state.records))
        return LinkedRecords(state.records, judged, state.customer, self._spec.clusterer)

    def _nobody(self) -> NDArray[np.bool_]:
        return np.zeros(len(self), dtype=np.bool_)

    def _named(self, keys: AbstractSet[RecordKey]) -> NDArray[np.bool_]:
        """Return which records of the store have one of some keys."""
        return np.array([key in keys for key in self._state.records.ids()], dtype=np.bool_)

    def _save(self, state: IdentityState) -> None:
        write(self._folder, dump(state, self._spec))
        self._state = state
        self.__dict__.pop("_linked", None)  # it is of the state before

    def _check_removed(self) -> None:
        left = ", ".join(sorted(entry.name for entry in remains(self._folder, self.run)))
        if left:
            message = f"forgotten, but {left} in {self._folder} cannot be removed"
            raise StoreError(f"{message}. Hint: close what reads it, and open the store again")

    def _rows(self, frame: IntoFrame | None) -> NDArray[np.bool_]:
        """Return which records of the store a frame names."""
        rows = np.zeros(len(self), dtype=np.bool_)
        if frame is None:
            return rows
        keys = keys_of(read_frame(frame, "records")[0], "records")
        position = {key: row for row, key in enumerate(self._state.records.ids())}
        refuse_unknown([key for key in keys if key not in position])
        rows[[position[key] for key in keys]] = True
        return rows

    def _report[FrameT](
        self,
        report: "RejectedRows[FrameT]",
        changes: Mapping[str, Sequence[object]],
        counts: Mapping[str, int],
        given: Sequence[RecordKey],
    ) -> StoreUpdate[FrameT]:
        customer = self._linked.customer_of
        shown = [key for key in given if key in customer]
        crosswalk = {
            "source": [key[0] for key in shown],
            "record_id": [key[1] for key in shown],
            "customer_id": [customer[key] for key in shown],
        }
        return StoreUpdate(
            run=self.run,
            crosswalk=report.kind.build(crosswalk),
            changes=report.kind.build(changes, _TYPES),
            rejected=report.rejected,
            _counts=counts,
            _rejected=report.reasons,
            unread=report.unread,
        )


def _state_of[FrameT](
    found: Resolution[FrameT], version: int, audit: Mapping[str, Sequence[object]]
) -> IdentityState:
    """Return the state after a full run."""
    state = found._state  # noqa: SLF001 - of the same package
    records = state.records
    return IdentityState(
        version=version,
        records=records,
        customer=found._customer,  # noqa: SLF001 - in the order of records
        pairs=relevant(state.compared, state.judged, state.spec, len(records)),
        decisions=state.decisions,
        audit=audit,
    )


def _table(columns: Mapping[str, Sequence[object]]) -> Table:
    arrays = {}
    for name, values in columns.items():
        arrays[name] = np.empty(len(values), dtype=object)
        arrays[name][:] = values
    return Table(arrays)


def _no_records() -> Records:
    nothing = np.empty(0, dtype=object)
    return Records(nothing, nothing, {})


def _full_run_reasons[FrameT](
    found: Resolution[FrameT], before: Mapping[RecordKey, str], spec: LinkSpec
) -> Reasons:
    """Return the reasons of the changes of a full run."""
    state = found._state  # noqa: SLF001 - of the same package
    past = previous_of(state.records, before)
    links = link_reasons(state.judged, past, found._customer, spec.links(state.judged))  # noqa: SLF001 - as above
    return Reasons(links, {}, gone="not in the lists", otherwise="model trained again")
