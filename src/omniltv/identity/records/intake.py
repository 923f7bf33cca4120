"""Customer lists to normalised records: read, check, normalise, mask shared values."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from warnings import warn

import numpy as np
import pandas as pd
from narwhals.typing import IntoFrameT
from numpy.typing import NDArray

from omniltv._frames import Eager, FrameKind, read_frame
from omniltv.data.checking import Checked, examine
from omniltv.data.report import IntakeReport, Tolerance, entry_of
from omniltv.data.schemas import FIELDS, NORMAL_COLUMNS
from omniltv.errors import DataError, DataWarning
from omniltv.identity.records import normalise
from omniltv.identity.records._codes import factorized, in_order, joint, objects
from omniltv.identity.records.columns import MISSING, Column, RecordKey, Records
from omniltv.identity.records.normalise import Spelling

__all__ = [
    "FIELDS",
    "NORMAL_COLUMNS",
    "Intake",
    "Known",
    "Masked",
    "Rows",
    "mask_shared",
    "masked_values",
    "normal_values",
    "normalise_records",
    "read_records",
    "rows_of",
    "without_values",
]

type Values = NDArray[np.object_]
"""A text per record, None where there is none."""

_PACKAGE = str(Path(__file__).parents[2])
_NOBODY = "no personal column, so every record is a customer of its own"
_MASKED = ("phone", "email", "card_number", "birth_date")
_ASIDE = "masked_"  # before the name of a column: the values that were taken from it
_FAMILIES = 5
_TOO_COMMON = 20  # times the mean: a birth date that is a default, not a birthday
_MODAL_SHARE = 0.6
_DERIVED: Mapping[str, tuple[str, Callable[[str], str | None]]] = {
    "mailbox": ("email", lambda value: value.partition("@")[0]),
    "phone_tail": ("phone", lambda value: value[-4:]),
}


@dataclass(frozen=True, eq=False, repr=False)
class Rows:
    """Rows of customer lists, in the given order.

    Attributes:
        source: Source of each row, of shape (n_rows,).
        record_id: Id of each row within its source.
        raw: The personal columns that the list has, as given.
    """

    source: Values
    record_id: Values
    raw: Mapping[str, Values]

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """Positions of the rows in the order of (source, record_id)."""
        return in_order(self.source, self.record_id)

    def keys(self) -> list[RecordKey]:
        """Return (source, record_id) of each row."""
        return list(zip(self.source.tolist(), self.record_id.tolist(), strict=True))


@dataclass(frozen=True, eq=False, repr=False)
class Intake[FrameT]:
    """A customer list: its valid rows, and the rejected rows with the reason.

    Attributes:
        rows: The valid rows.
        report: Rows kept and set aside, by reason.
        kind: Kind of frame that the list was.
        whole_ids: Whether its record ids are whole numbers.
    """

    rows: Rows
    report: IntakeReport[FrameT]
    kind: FrameKind[FrameT]
    whole_ids: bool

    @property
    def rejected(self) -> FrameT:
        """The rejected rows as given, with ``reason``."""
        return self.report.rejected

    @property
    def reasons(self) -> Mapping[str, int]:
        """Number of rejected rows by reason."""
        return {entry.reason: entry.rows for entry in self.report.asides}

    @property
    def n_rows(self) -> int:
        """Number of rows given."""
        return self.report.given.rows


@dataclass(frozen=True, eq=False)
class Masked:
    """A value that too many records share to identify a person.

    Attributes:
        column: Name of the field.
        value: The value.
        rows: Positions of the records that had it.
    """

    column: str
    value: str = field(repr=False)
    rows: NDArray[np.int64] = field(repr=False)


@dataclass(frozen=True, eq=False, repr=False)
class Known:
    """Names of known records, which help to read the names of new records.

    Attributes:
        names: Values of each name column, of records that have both names.
        readings: Most common reading of each written name, for ``family`` and ``given``.
    """

    names: Mapping[str, frozenset[str]] = field(default_factory=dict)
    readings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, columns: Mapping[str, Column]) -> "Known":
        """Return the names in the columns of records."""
        names: dict[str, frozenset[str]] = {}
        for kind in ("written", "reading"):
            if f"family_{kind}" in columns:
                family, given = columns[f"family_{kind}"], columns[f"given_{kind}"]
                both = (family.codes != MISSING) & (given.codes != MISSING)
                for name, column in (("family", family), ("given", given)):
                    found = column.values[np.unique(column.codes[both])]
                    names[f"{name}_{kind}"] = frozenset(found.tolist())
        pairs = {name: (f"{name}_written", f"{name}_reading") for name in ("family", "given")}
        readings = {
            name: _usual(columns[written], columns[spoken])
            for name, (written, spoken) in pairs.items()
            if written in columns and spoken in columns
        }
        return cls(names, readings)


def read_records(
    records: IntoFrameT,
    *,
    normalised: bool,
    spelling: Spelling,
    known: Known | None = None,
    tolerance: Tolerance | None = None,
) -> tuple[Intake[IntoFrameT], Records]:
    """Return a customer list as checked rows, and its valid rows as normalised records.

    Args:
        records: The list, as any frame.
        normalised: Whether the list has `NORMAL_COLUMNS`, which stay as they are.
        spelling: How values are read if the list is not normalised.
        known: Names of other records; only those of the list are used if None.
        tolerance: How much may be rejected; ``Tolerance()`` if None.

    Raises:
        IntakeError: If more is rejected than ``tolerance`` allows.
        DataError: As `omniltv.data.check`; also if the list is normalised and ``normalised``
            is false, or the reverse.

    Warns:
        DataWarning: If every personal column is missing.
    """
    table, kind = read_frame(records, "records")
    names = _personal(table.columns, normalised=normalised)
    checked: Checked[Any] = examine(table.to_native(), "records")
    rejected, _ = read_frame(checked.rejected, "records")
    valid, _ = read_frame(checked.valid, "records")
    rows = rows_of(valid, names)
    report = replace(checked.report, rejected=kind.native(rejected))
    if not names:
        report = replace(report, changes=(entry_of(_NOBODY, len(rows.source)),))
    report.judge(tolerance)
    intake = Intake(rows, report, kind, valid["record_id"].dtype.is_integer())
    if not normalised:
        return intake, normalise_records(rows, spelling, known)
    fields = {name: _nothing(len(rows.order)) for name in NORMAL_COLUMNS}
    for name, values in rows.raw.items():
        fields[name] = _each(lambda value: normalise.written(value) or None, values[rows.order])
    return intake, _records(rows, fields)


def rows_of(table: Eager, names: Iterable[str]) -> Rows:
    """Return the rows of a list with some of its personal columns."""
    source, record_id = (
        _each(normalise.key, objects(table[name].to_list()), "") for name in ("source", "record_id")
    )
    return Rows(source, record_id, {name: objects(table[name].to_list()) for name in names})


def normalise_records(rows: Rows, spelling: Spelling, known: Known | None = None) -> Records:
    """Return rows as normalised records, sorted by (source, record_id).

    Args:
        rows: Valid rows.
        spelling: How values are read.
        known: Names of other records; only those of these rows are used if None.
    """
    n, raw = len(rows.order), {name: values[rows.order] for name, values in rows.raw.items()}
    return _records(rows, _fields(raw, n, spelling) | _names(raw, n, known or Known()))


def mask_shared(records: Records, *, max_sharing: int) -> tuple[Records, tuple[Masked, ...]]:
    """Return records without the values that too many share, and with derived columns.

    Too many are more than ``max_sharing`` records and, where the values belong to a
    family, more than a few family names; for birth dates, many times the mean.
    """
    masked, values = [], {}
    for name in [name for name in _MASKED if name in records.columns]:
        column = records.columns[name]
        family = None if name == "birth_date" else records.columns.get("family_reading")
        shared = np.flatnonzero(_too_many(column, family, name == "birth_date", max_sharing))
        for code, rows in zip(shared.tolist(), column.rows_of(shared), strict=True):
            masked.append(Masked(name, column.values[code], rows.astype(np.int64)))
        values[name] = frozenset(column.values[shared].tolist())
    return without_values(records, values), tuple(masked)


def without_values(records: Records, masked: Mapping[str, frozenset[str]]) -> Records:
    """Return records without some values by column, and with derived columns.

    The values are put aside in columns ``masked_…``, which nothing compares.
    """
    columns = dict(records.columns)
    for name in masked.keys() & columns.keys():
        columns |= _put_aside(columns, name, masked[name])
    for name in [name for name, (origin, _) in _DERIVED.items() if origin in columns]:
        columns[name] = _derived(columns, name)
    filled = {name: column for name, column in columns.items() if _any(column.codes)}
    return Records(records.source, records.record_id, filled)


def masked_values(records: Records) -> dict[str, frozenset[str]]:
    """Return the values that were put aside, by column."""
    aside = {name: column for name, column in records.columns.items() if name.startswith(_ASIDE)}
    return {
        name.removeprefix(_ASIDE): frozenset(column.values[column.count > 0].tolist())
        for name, column in aside.items()
    }


def _derived(columns: Mapping[str, Column], name: str) -> Column:
    """Return what is derived of another column, or the part of it that still may be used."""
    origin, function = _DERIVED[name]
    if name not in columns:
        return columns[origin].derive(function)
    codes = np.where(columns[origin].codes == MISSING, MISSING, columns[name].codes)
    return Column(codes, columns[name].values)


def _put_aside(
    columns: Mapping[str, Column], name: str, masked: frozenset[str]
) -> dict[str, Column]:
    """Return a column without some of its values, and the one of all values taken from it."""
    column, aside = columns[name], f"{_ASIDE}{name}"
    lost = np.array([value in masked for value in column.values.tolist()], dtype=np.bool_)
    before = columns.get(aside, Column(np.full(len(column.codes), MISSING), column.values[:0]))
    shown = np.append(np.where(lost, MISSING, np.arange(len(lost))), MISSING)
    moved = np.append(np.where(lost, np.cumsum(lost) - 1 + len(before.values), MISSING), MISSING)
    taken = np.where(moved[column.codes] == MISSING, before.codes, moved[column.codes])
    values = np.concatenate([before.values, column.values[lost]])
    return {name: Column(shown[column.codes], column.values), aside: Column(taken, values)}


def _personal(columns: Sequence[str], *, normalised: bool) -> list[str]:
    """Return the personal columns of a list, or refuse to normalise it twice or not at all."""
    raw, normal = set(FIELDS), set(NORMAL_COLUMNS)
    wrong = sorted({*columns} & (raw - normal if normalised else normal - raw))
    if wrong:
        state = "not normalised" if normalised else "already normalised"
        hint = f"LinkSpec(normalised={not normalised})"
        raise DataError(f"the list is {state}", column=wrong[0], hint=hint)
    fields = NORMAL_COLUMNS if normalised else FIELDS
    found = [name for name in fields if name in columns]
    if not found and {"source", "record_id"} <= {*columns}:
        hint = f"add at least one of {', '.join(fields)}"
        warn(f"{_NOBODY}. Hint: {hint}", DataWarning, skip_file_prefixes=(_PACKAGE,))
    return found


def _records(rows: Rows, fields: Mapping[str, Values]) -> Records:
    source, record_id = rows.source[rows.order], rows.record_id[rows.order]
    return Records(source, record_id, _columns(fields))


def _each(
    function: Callable[[object], str | None], values: Iterable[object], missing: str | None = None
) -> Values:
    """Return the function of every value, worked out once per distinct value."""
    codes, distinct = factorized(values)
    found = objects([*(function(value) for value in distinct.tolist()), missing])
    return found[codes]


def normal_values(name: str, values: Iterable[object], spelling: Spelling) -> Values:
    """Return values of a personal field in their one spelling, None for placeholders."""
    return _each(_normalisers(spelling).get(name, normalise.plain), values)


def _normalisers(spelling: Spelling) -> dict[str, Callable[[object], str | None]]:
    return {
        "email": partial(normalise.email, spelling=spelling),
        "phone": partial(normalise.phone, spelling=spelling),
        "postcode": normalise.postcode,
        "address": normalise.address,
        "birth_date": normalise.birth_date,
        "gender": normalise.gender,
        "card_number": normalise.card_number,
    }


def _fields(raw: Mapping[str, Values], n: int, spelling: Spelling) -> dict[str, Values]:
    return {
        name: _each(function, raw.get(name, _nothing(n)))
        for name, function in _normalisers(spelling).items()
    }


def _nothing(n: int) -> Values:
    return np.full(n, None, dtype=object)


def _names(raw: Mapping[str, Values], n: int, known: Known) -> dict[str, Values]:
    """Return the names as written and as they sound; a sound may be that of namesakes."""
    result: dict[str, Values] = {}
    plain, kana = (
        _split(*(raw.get(f"{name}_name{kind}", _nothing(n)) for name in ("family", "given")))
        for kind in ("", "_kana")
    )
    for part, name in enumerate(("family", "given")):
        result[f"{name}_written"] = _each(normalise.written_name, plain[part])
        spoken, latin = (_each(normalise.reading, values[part]) for values in (kana, plain))
        result[f"{name}_reading"] = np.where(pd.notna(spoken), spoken, latin)
    for kind in ("written", "reading"):
        _unjoin(result, f"family_{kind}", f"given_{kind}", known.names)
    for name in ("family", "given"):
        written, sound = result[f"{name}_written"], result[f"{name}_reading"]
        usual = {**_usual(Column.of(written), Column.of(sound)), **known.readings.get(name, {})}
        silent = np.flatnonzero(pd.isna(sound))
        sound[silent] = objects(map(usual.get, written[silent].tolist()))
    result["full_reading"] = _full(result["family_reading"], result["given_reading"])
    return result


def _split(family: Values, given: Values) -> tuple[Values, Values]:
    """Return family and given names; a full name in one field is split at its space."""
    first, second = _each(normalise.plain, family), _each(normalise.plain, given)
    alone = np.flatnonzero(pd.notna(first) != pd.notna(second))
    whole = np.where(pd.notna(first[alone]), first[alone], second[alone])
    spaced = np.array([" " in name for name in whole.tolist()], dtype=np.bool_)
    rows, full = alone[spaced], whole[spaced]
    first[rows] = _each(lambda name: str(name).partition(" ")[0], full)
    second[rows] = _each(lambda name: str(name).partition(" ")[2], full)
    return first, second


def _unjoin(
    names: dict[str, Values], family: str, given: str, known: Mapping[str, frozenset[str]]
) -> None:
    """Split full names without a space where one family and one given name of the list fit."""
    first, second = names[family], names[given]
    both = pd.notna(first) & pd.notna(second)
    families = {*factorized(first[both])[1].tolist()} | known.get(family, frozenset())
    givens = {*factorized(second[both])[1].tolist()} | known.get(given, frozenset())
    alone = np.flatnonzero(pd.notna(first) & pd.isna(second))
    whole = first[alone]
    cuts = {name: _cut(name, families, givens) for name in factorized(whole)[1].tolist()}
    first[alone] = _each(lambda name: cuts[name][0], whole)
    second[alone] = _each(lambda name: cuts[name][1], whole)


def _cut(
    whole: str, families: AbstractSet[str], givens: AbstractSet[str]
) -> tuple[str, str | None]:
    """Return family and given name where there is one way to cut, else the whole."""
    if whole in families:
        return whole, None
    cuts = [k for k in range(1, len(whole)) if whole[:k] in families and whole[k:] in givens]
    return (whole[: cuts[0]], whole[cuts[0] :]) if len(cuts) == 1 else (whole, None)


def _full(family: Values, given: Values) -> Values:
    """Return both readings as one text, in the order of the alphabet, None where one lacks."""
    name = joint(factorized(family)[0], factorized(given)[0])
    rows = np.flatnonzero(name != MISSING)
    first = rows[~pd.Series(name[rows]).duplicated().to_numpy()]
    pairs = zip(family[first].tolist(), given[first].tolist(), strict=True)
    return objects([*(" ".join(sorted(pair)) for pair in pairs), None])[name]


def _usual(written: Column, spoken: Column) -> dict[str, str]:
    """Return the reading that most namesakes on the list have, by written name."""
    both = (written.codes != MISSING) & (spoken.codes != MISSING)
    width = max(len(spoken.values), 1)
    pair, count = np.unique(written.codes[both] * width + spoken.codes[both], return_counts=True)
    kanji, sound = np.divmod(pair, width)
    total = np.bincount(kanji, weights=count, minlength=len(written.values))
    most = count >= _MODAL_SHARE * total[kanji]
    return dict(
        zip(written.values[kanji[most]].tolist(), spoken.values[sound[most]].tolist(), strict=True)
    )


def _too_many(
    column: Column, family: Column | None, date: bool, max_sharing: int
) -> NDArray[np.bool_]:
    """Return which values too many records share, shape (n_values,)."""
    count = column.count
    if date:
        mean = count.sum() / max(int((count > 0).sum()), 1)
        return np.asarray(count > max(max_sharing, _TOO_COMMON * mean))
    too_many = np.asarray(count > max_sharing)
    if family is None:
        return too_many
    known = (column.codes != MISSING) & (family.codes != MISSING)
    width = max(len(family.values), 1)
    pairs = np.unique(column.codes[known] * width + family.codes[known])
    families = np.bincount(pairs // width, minlength=len(count))
    return too_many | (families > _FAMILIES)


def _columns(fields: Mapping[str, Values]) -> dict[str, Column]:
    """Return the filled fields as columns; both names share their distinct values."""
    columns = {}
    for kind in ("written", "reading"):
        both = Column.of(np.concatenate([fields[f"family_{kind}"], fields[f"given_{kind}"]]))
        half = len(both.codes) // 2
        columns[f"family_{kind}"] = Column(both.codes[:half], both.values)
        columns[f"given_{kind}"] = Column(both.codes[half:], both.values)
    columns |= {name: Column.of(v) for name, v in fields.items() if name not in columns}
    return {name: column for name, column in columns.items() if _any(column.codes)}


def _any(codes: NDArray[np.int64]) -> bool:
    return bool((codes >= 0).any())
