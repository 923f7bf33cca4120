"""Stable customer ids over many runs: a folder of records that is updated run by run."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import narwhals as nw
import numpy as np
from narwhals.typing import IntoFrame, IntoFrameT
from numpy.typing import NDArray

from omniltv._frames import Eager, FrameKind, Table, read_frame, unused_name
from omniltv.errors import DataError, StoreError
from omniltv.identity.customers.attachment import keys_of
from omniltv.identity.linking.decisions import DECISION_COLUMNS, read_decisions
from omniltv.identity.records.columns import MISSING, Column, RecordKey, Records
from omniltv.identity.records.intake import Known, masked_values, read_records, without_values
from omniltv.identity.stitching.resolution import Resolution
from omniltv.identity.stitching.spec import LinkSpec
from omniltv.identity.stitching.stitch import engine_of, stitch
from omniltv.identity.store._folder import newest, read, remains, write
from omniltv.identity.store._incremental import Step, advance, audit_rows, relevant
from omniltv.identity.store._state import AUDIT_COLUMNS, IdentityState, dump, restore

__all__ = ["IdentityStore", "StoreUpdate"]


_TYPES: Mapping[str, nw.dtypes.DType] = {"run": nw.Int64(), "time": nw.Datetime("us", "UTC")}


@dataclass(frozen=True, eq=False, repr=False)
class StoreUpdate[FrameT]:
    """The changes made by an update of the store. All frames are of the kind given.

    Attributes:
        run: Number of the run.
        crosswalk: ``source``, ``record_id``, ``customer_id`` of the given records that are
            in the store now, in the order given.
        changes: The rows added to the audit.
        rejected: The rejected rows as given, with ``reason``.

    Examples:
        >>> import tempfile
        >>> import pandas as pd
        >>> from omniltv.identity import IdentityStore, stitch
        >>> records = pd.DataFrame(
        ...     {"source": "ec", "record_id": ["1", "2"], "phone": ["03-1234-5678", "03-8765-4321"]}
        ... )
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = IdentityStore.create(folder, stitch(records.iloc[:1]))
        ...     store.update(records.iloc[1:])
        StoreUpdate(run 2: changes: 1 new record; rejected rows: none)
    """

    run: int
    crosswalk: FrameT
    changes: FrameT
    rejected: FrameT
    _counts: Mapping[str, int]
    _rejected: Mapping[str, int]

    def summary(self) -> str:
        """Return the number of changes by kind, and of rejected rows by reason."""
        counts = "; ".join(f"{n:,} {change}" for change, n in self._counts.items()) or "none"
        aside = "; ".join(f"{n:,} {reason}" for reason, n in self._rejected.items()) or "none"
        return f"run {self.run}: changes: {counts}; rejected rows: {aside}"

    def __repr__(self) -> str:
        return f"StoreUpdate({self.summary()})"


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
        ['linked by name, birth+given']
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

    def update(
        self, records: IntoFrameT, *, gone: IntoFrame | None = None
    ) -> StoreUpdate[IntoFrameT]:
        """Link new and changed records, remove deleted ones, and keep the others.

        Unchanged records are left alone. The model and the masked values stay those of the
        last full run, so `rebuild` from time to time.

        Args:
            records: New and changed records, as `stitch` reads them.
            gone: ``source`` and ``record_id`` of records that their source has deleted.

        Raises:
            DataError: If a column is missing, no value of a column can be read, or a deleted
                record is unknown or is given in ``records``, too.
            StoreError: If the folder cannot be written, or was changed meanwhile.
        """
        known = Known.of(self._state.records.columns)
        intake, added = read_records(
            records,
            normalised=self._spec.normalised,
            spelling=self._spec.spelling,
            known=known,
        )
        added = without_values(added, masked_values(self._state.records))
        drop = self._rows(gone)
        _refuse_both(added, self._state.records, drop)
        added, replaced = _changed(added, self._state.records)
        step = Step(drop | replaced, added, self._state.decisions, "update")
        counts, changes = self._advance(step)
        report = _Report(intake.kind, intake.rejected, intake.reasons)
        return self._report(report, changes, counts, intake.rows.keys())

    def decide(self, decisions: IntoFrameT) -> StoreUpdate[IntoFrameT]:
        """Add manual decisions, which every later run keeps; a later one replaces an earlier one.

        Args:
            decisions: ``source_a``, ``record_id_a``, ``source_b``, ``record_id_b`` and
                ``same``, as `stitch` reads them.

        Raises:
            DataError: If a column is missing, or decisions contradict each other.
            StoreError: If the folder cannot be written, or was changed meanwhile.
        """
        table, kind = read_frame(decisions, "decisions")
        told = _replaced(self._state.decisions, read_decisions(decisions))
        nobody = np.zeros(len(self), dtype=np.bool_)
        step = Step(nobody, _no_records(), told, "decision")
        counts, changes = self._advance(step)
        known = set(self._state.records.ids())
        ends = [
            ((str(row[0]), str(row[1])), (str(row[2]), str(row[3])))
            for row in zip(*read_decisions(decisions).values(), strict=True)
        ]
        reasons = ["" if known.issuperset(pair) else "no such record" for pair in ends]
        given = list(dict.fromkeys(key for pair in ends for key in pair))
        return self._report(_rejected(kind, table, reasons), changes, counts, given)

    def forget(self, records: IntoFrameT) -> StoreUpdate[IntoFrameT]:
        """Remove records and all data about them: values, links, decisions and audit rows.

        For an erasure request, give all records of the customer. The reported changes are not
        in the audit.

        Args:
            records: ``source`` and ``record_id``.

        Raises:
            DataError: If a column is missing, or there is no such record.
            StoreError: If the folder cannot be written, or was changed meanwhile, or an older
                version in it cannot be removed.
        """
        table, kind = read_frame(records, "records")
        drop = self._rows(records)
        keys = {key for key, gone in zip(self._state.records.ids(), drop, strict=True) if gone}
        kept = _not_about(self._state.decisions, keys)
        customers = set(self._state.customer[drop].tolist())
        customers -= set(self._state.customer[~drop].tolist())
        step = Step(drop, _no_records(), kept, "forgotten")
        counts, changes = self._advance(step, forget=(keys, customers))
        self._check_removed()
        return self._report(_rejected(kind, table, [""] * len(table)), changes, counts, [])

    def rebuild(self, records: IntoFrameT) -> Resolution[IntoFrameT]:
        """Run `stitch` on all records again, keeping ids and decisions, and store the result.

        Args:
            records: All customer lists; records that are not in them are removed.

        Raises:
            DataError: As `stitch`.
            StoreError: If the folder cannot be written, or was changed meanwhile.
        """
        found = stitch(
            records,
            spec=self._spec,
            previous=self.crosswalk.to_frame(),
            decisions=self.decisions.to_frame(),
        )
        before = dict(zip(self._state.records.ids(), self._state.customer.tolist(), strict=True))
        state = _state_of(found, self.run + 1, self._state.audit)
        after = dict(zip(state.records.ids(), state.customer.tolist(), strict=True))
        changes = audit_rows(before, after, state.version, {}, "full run")
        audit = {name: [*self._state.audit[name], *changes[name]] for name in AUDIT_COLUMNS}
        self._save(replace(state, audit=audit))
        return found

    def _advance(
        self, step: Step, forget: tuple[set[RecordKey], set[str]] | None = None
    ) -> tuple[Mapping[str, int], Mapping[str, Sequence[object]]]:
        engine = engine_of(self._spec)
        following = advance(self._state, self._spec, engine, step)
        state = following.state
        if forget is not None:
            state = replace(state, audit=_forgotten(state.audit, *forget))
        self._save(state)
        return Counter(map(str, following.changes["change"])), following.changes

    def _save(self, state: IdentityState) -> None:
        write(self._folder, dump(state, self._spec))
        self._state = state

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
        unknown = [key for key in keys if key not in position]
        if unknown:
            hint = "store.crosswalk has all known records"
            raise DataError("no such record", column="record_id", rows=unknown, hint=hint)
        rows[[position[key] for key in keys]] = True
        return rows

    def _report[FrameT](
        self,
        report: "_Report[FrameT]",
        changes: Mapping[str, Sequence[object]],
        counts: Mapping[str, int],
        given: Sequence[RecordKey],
    ) -> StoreUpdate[FrameT]:
        customer = dict(zip(self._state.records.ids(), self._state.customer.tolist(), strict=True))
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
        )


@dataclass(frozen=True, eq=False, repr=False)
class _Report[FrameT]:
    """The rejected rows of an update, and the kind of frame to report in."""

    kind: FrameKind[FrameT]
    rejected: FrameT
    reasons: Mapping[str, int]


def _rejected[FrameT](
    kind: FrameKind[FrameT], table: Eager, reasons: Sequence[str]
) -> _Report[FrameT]:
    reason = np.array(reasons, dtype=object)
    frame = kind.extend(table, unused_name(table.columns, "reason"), reason, reason != "")
    return _Report(kind, frame, Counter(sorted(filter(None, reasons))))


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


def _refuse_both(added: Records, old: Records, drop: NDArray[np.bool_]) -> None:
    going = {key for key, gone in zip(old.ids(), drop.tolist(), strict=True) if gone}
    both = [key for key in added.ids() if key in going]
    if both:
        hint = "leave them out of records or of gone"
        raise DataError("records both given and gone", column="record_id", rows=both, hint=hint)


def _changed(added: Records, old: Records) -> tuple[Records, NDArray[np.bool_]]:
    """Return the new and changed records, and which old records they replace."""
    position = {key: row for row, key in enumerate(old.ids())}
    before = np.array([position.get(key, MISSING) for key in added.ids()], dtype=np.int64)
    same = before != MISSING
    for name in added.columns.keys() | old.columns.keys():
        now = _texts(added.columns.get(name), len(added))[:-1]
        same &= now == _texts(old.columns.get(name), len(old))[before]
    keep = np.flatnonzero(~same)
    replaced = np.zeros(len(old), dtype=np.bool_)
    replaced[before[keep][before[keep] != MISSING]] = True
    columns = {name: Column(c.codes[keep], c.values) for name, c in added.columns.items()}
    return Records(added.source[keep], added.record_id[keep], columns), replaced


def _texts(column: Column | None, n: int) -> NDArray[np.object_]:
    """Return the value of each record, "" if it has none, and "" as an additional last entry."""
    if column is None:
        return np.full(n + 1, "", dtype=object)
    values = np.append(column.values, "").astype(object)
    texts: NDArray[np.object_] = values[np.append(column.codes, MISSING)]
    return texts


def _replaced(
    old: Mapping[str, Sequence[object]], new: Mapping[str, Sequence[object]]
) -> dict[str, list[object]]:
    """Return all decisions; of two about the same pair, the newer one."""
    rows: dict[frozenset[RecordKey], tuple[object, ...]] = {}
    for columns in (old, new):
        for row in zip(*(columns[name] for name in DECISION_COLUMNS), strict=True):
            pair = frozenset(((str(row[0]), str(row[1])), (str(row[2]), str(row[3]))))
            rows.pop(pair, None)
            rows[pair] = row
    return {name: [row[k] for row in rows.values()] for k, name in enumerate(DECISION_COLUMNS)}


def _not_about(
    columns: Mapping[str, Sequence[object]], keys: set[RecordKey]
) -> dict[str, list[object]]:
    """Return the decisions about none of the records."""
    rows = [
        row
        for row in zip(*(columns[name] for name in DECISION_COLUMNS), strict=True)
        if keys.isdisjoint({(str(row[0]), str(row[1])), (str(row[2]), str(row[3]))})
    ]
    return {name: [row[k] for row in rows] for k, name in enumerate(DECISION_COLUMNS)}


def _forgotten(
    audit: Mapping[str, Sequence[object]], keys: set[RecordKey], customers: set[str]
) -> dict[str, list[object]]:
    """Return the audit without the records, and without customers that no longer exist."""
    rows = [
        row
        for row in zip(*(audit[name] for name in AUDIT_COLUMNS), strict=True)
        if (str(row[2]), str(row[3])) not in keys
    ]
    shown = [
        tuple(None if name in {"before", "after"} and value in customers else value
              for name, value in zip(AUDIT_COLUMNS, row, strict=True))
        for row in rows
    ]  # fmt: skip
    return {name: [row[k] for row in shown] for k, name in enumerate(AUDIT_COLUMNS)}
