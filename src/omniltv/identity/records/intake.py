"""Customer lists to normalised records: read, check, normalise, mask shared values."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from narwhals.typing import IntoFrameT
from numpy.typing import NDArray

from omniltv._arrays import Objects
from omniltv._frames import Eager, FrameKind, read_frame
from omniltv.data.checking import Checked, examine
from omniltv.data.report import IntakeReport, Tolerance, entry_of
from omniltv.data.schemas import FIELDS, NORMAL_COLUMNS
from omniltv.errors import DataError
from omniltv.identity.records import normalise
from omniltv.identity.records._codes import factorized, in_order, joint, objects
from omniltv.identity.records._copies import order_in_group
from omniltv.identity.records._reading import (
    ReadColumn,
    counted,
    read_fields,
    read_values,
    reader_of,
)
from omniltv.identity.records.columns import MISSING, Column, RecordKey, Records
from omniltv.identity.records.normalise import Spelling
from omniltv.identity.records.normalise._name import spoken_form, written_form
from omniltv.identity.records.normalise._organisation import is_organisation
from omniltv.identity.records.normalise._placeholders import is_name_or_placeholder
from omniltv.identity.records.normalise._text import PLACEHOLDER, read_plain
from omniltv.identity.records.own_columns import (
    OwnColumn,
    own_values,
    warn_of_columns,
    with_own_columns,
)

__all__ = [
    "FIELDS",
    "NORMAL_COLUMNS",
    "Intake",
    "Known",
    "Masked",
    "Rows",
    "columns_of",
    "full_sound",
    "mask_shared",
    "masked_values",
    "normal_values",
    "normalise_records",
    "origin_of",
    "read_records",
    "reader_of",
    "rows_of",
    "sounds_of",
    "without_values",
]

_PACKAGE = str(Path(__file__).parents[2])
_NOBODY = "no personal column, so every record is a customer of its own"
_PARTS = ("family", "given")
_MASKED = ("phone", "email", "card_number", "birth_date")
_ASIDE = "masked_"  # before the name of a column: the values that were taken from it
_FAMILIES = 5
_TOO_COMMON = 20  # times the mean: a birth date that is a default, not a birthday
_MODAL_SHARE = 0.6
_DERIVED: Mapping[str, tuple[str, Callable[[str], str | None]]] = {
    "house": ("address", normalise.house),
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

    Examples:
        >>> rows = Rows(np.array(["store", "ec"]), np.array(["1", "7"]), {})
        >>> rows.keys(), rows.order.tolist()
        ([('store', '1'), ('ec', '7')], [1, 0])
    """

    source: Objects
    record_id: Objects
    raw: Mapping[str, Objects]

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
        unread: Number of values that could not be read, by ``field: reason``.
        kind: Kind of frame that the list was.

    Examples:
        >>> table = pd.DataFrame({"source": "ec", "record_id": ["1", None], "phone": ["1", "2"]})
        >>> intake, _ = read_records(table, normalised=False, spelling=Spelling())
        >>> intake.n_rows, dict(intake.reasons)
        (2, {'record_id: missing': 1})
    """

    rows: Rows
    report: IntakeReport[FrameT]
    unread: Mapping[str, int]
    kind: FrameKind[FrameT]

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

    Examples:
        >>> Masked("phone", "0312345678", np.array([0, 4, 7]))  # the value is not shown
        Masked(column='phone')
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

    Examples:
        >>> written = Column.of(["花子", "花子"])
        >>> readings = {"given_written": written, "given_reading": Column.of(["hanako", None])}
        >>> families = {"family_written": written, "family_reading": written}
        >>> Known.of(readings | families).readings["given"]
        {'花子': 'hanako'}
    """

    names: Mapping[str, frozenset[str]] = field(default_factory=dict)
    readings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, columns: Mapping[str, Column]) -> "Known":
        """Return the names in the columns of records."""
        names: dict[str, frozenset[str]] = {}
        for kind in ("written", "reading"):
            if {f"family_{kind}", f"given_{kind}"} <= columns.keys():
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
    own: Sequence[OwnColumn] = (),
) -> tuple[Intake[IntoFrameT], Records]:
    """Return a customer list as checked rows, and its valid rows as normalised records.

    Args:
        records: The list, as any frame.
        normalised: Whether the list has `NORMAL_COLUMNS`, which stay as they are.
        spelling: How values are read if the list is not normalised.
        known: Names of other records; only those of the list are used if None.
        tolerance: How much may be rejected; ``Tolerance()`` if None.
        own: Columns of the caller's own; those that the list lacks are left out.

    Raises:
        IntakeError: If more is rejected than ``tolerance`` allows.
        DataError: As `omniltv.data.check`; also if the list is normalised and ``normalised``
            is false, or the reverse.

    Warns:
        ColumnWarning: If no column is personal, or an unknown one looks like a field.

    Examples:
        >>> table = pd.DataFrame({"source": ["ec"], "record_id": ["1"], "phone": ["090-1234-5678"]})
        >>> intake, records = read_records(table, normalised=False, spelling=Spelling())
        >>> records.columns["phone"].values.tolist()
        ['+819012345678']
    """
    table, kind = read_frame(records, "records")
    kind = replace(kind, whole=_numbered(table))
    names = _personal(table.columns, normalised=normalised)
    checked: Checked[Any] = examine(table.to_native(), "records")
    warn_of_columns(table.columns, [*names, *(column.name for column in own)])
    rejected, _ = read_frame(checked.rejected, "records")
    valid, _ = read_frame(checked.valid, "records")
    rows = rows_of(valid, names)
    report = replace(checked.report, rejected=kind.native(rejected))
    if not names and not own:
        report = replace(report, changes=(entry_of(_NOBODY, len(rows.source)),))
    report.judge(tolerance)
    found, unread = _as_given(rows) if normalised else normalise_records(rows, spelling, known)
    records_of_all = with_own_columns(found, own_values(valid, own), rows.order)
    return Intake(rows, report, unread, kind), records_of_all


def _numbered(table: Eager) -> frozenset[str]:
    """Return the key columns that are numbers."""
    keys = {"source", "record_id"} & {*table.columns}
    return frozenset(name for name in keys if table[name].dtype.is_numeric())


def rows_of(table: Eager, names: Iterable[str]) -> Rows:
    """Return the rows of a list with some of its personal columns.

    Examples:
        >>> table = pd.DataFrame({"source": ["ec"], "record_id": [1.0], "phone": ["090-1234-5678"]})
        >>> rows = rows_of(read_frame(table, "records")[0], ["phone"])
        >>> rows.keys(), rows.raw["phone"].tolist()
        ([('ec', '1')], ['090-1234-5678'])
    """
    source, record_id = (
        _each(normalise.key, objects(table[name].to_list()), "") for name in ("source", "record_id")
    )
    return Rows(source, record_id, {name: objects(table[name].to_list()) for name in names})


def _as_given(rows: Rows) -> tuple[Records, Mapping[str, int]]:
    """Return rows of normalised values as records."""
    fields = {name: _nothing(len(rows.order)) for name in NORMAL_COLUMNS}
    for name, values in rows.raw.items():
        fields[name] = _each(lambda value: normalise.written(value) or None, values[rows.order])
    return _records(rows, fields), {}


def normalise_records(
    rows: Rows, spelling: Spelling, known: Known | None = None
) -> tuple[Records, Mapping[str, int]]:
    """Return rows as normalised records, sorted by (source, record_id), and what was not read.

    The second value is the number of values that could not be read, by ``field: reason``.

    Args:
        rows: Valid rows.
        spelling: How values are read.
        known: Names of other records; only those of these rows are used if None.

    Examples:
        >>> email = {"email": np.array(["Ann@Example.JP", "n/a"], dtype=object)}
        >>> rows = Rows(np.array(["ec", "ec"]), np.array(["2", "1"]), email)
        >>> records, unread = normalise_records(rows, Spelling())
        >>> records.ids(), records.columns["email"].codes.tolist(), dict(unread)
        ([('ec', '1'), ('ec', '2')], [-1, 0], {'email: placeholder': 1})
    """
    n, raw = len(rows.order), {name: values[rows.order] for name, values in rows.raw.items()}
    cells = read_fields(raw, rows.source[rows.order], spelling)
    fields = {name: column.values for name, column in cells.items()}
    someone = np.any([np.zeros(n, np.bool_), *map(pd.notna, fields.values())], axis=0)
    names = _real_names({name: read_values(read_plain, raw[name]) for name in _named(raw)}, someone)
    unread = counted(cells | names)
    plain = {name: column.values for name, column in names.items()}
    return _records(rows, fields | _names(plain, n, known or Known())), unread


def mask_shared(records: Records, *, max_sharing: int) -> tuple[Records, tuple[Masked, ...]]:
    """Return records without the values that too many share, and with derived columns.

    Too many are more than ``max_sharing`` records and, where the values belong to a
    family, more than a few family names; for birth dates, many times the mean. Of equal
    records (`Records.copies`), two are counted.

    Examples:
        >>> phone = {"phone": Column.of(["0312345678"] * 3 + ["09012345678"])}
        >>> records = Records(np.array(["ec"] * 4), np.array(list("abcd")), phone)
        >>> clean, masked = mask_shared(records, max_sharing=2)
        >>> clean.columns["phone"].codes.tolist(), masked[0].rows.tolist()
        ([-1, -1, -1, 1], [0, 1, 2])
    """
    masked, values = [], {}
    group = records.copies
    counted = records.without(
        (group != MISSING) & (order_in_group(group, np.zeros(len(group), np.bool_)) > 1)
    ).columns
    for name in [name for name in _MASKED if name in records.columns]:
        column = records.columns[name]
        family = None if name == "birth_date" else counted.get("family_sound")
        date = name == "birth_date"
        shared = np.flatnonzero(_too_many(counted[name], family, date, max_sharing))
        for code, rows in zip(shared.tolist(), column.rows_of(shared), strict=True):
            masked.append(Masked(name, column.values[code], rows.astype(np.int64)))
        values[name] = frozenset(column.values[shared].tolist())
    return without_values(records, values), tuple(masked)


def without_values(records: Records, masked: Mapping[str, frozenset[str]]) -> Records:
    """Return records without some values by column, and with derived columns.

    The values are put aside in columns ``masked_…``, which nothing compares.

    Examples:
        >>> phone = {"phone": Column.of(["0312345678", "09012345678"])}
        >>> records = Records(np.array(["ec", "ec"]), np.array(["1", "2"]), phone)
        >>> clean = without_values(records, {"phone": frozenset(["0312345678"])})
        >>> sorted(clean.columns)
        ['masked_phone', 'phone', 'phone_tail']
    """
    columns = dict(records.columns)
    for name in masked.keys() & columns.keys():
        columns |= _put_aside(columns, name, masked[name])
    for name in [name for name, (origin, _) in _DERIVED.items() if origin in columns]:
        columns[name] = _derived(columns, name)
    filled = {name: column for name, column in columns.items() if _any(column.codes)}
    return Records(records.source, records.record_id, filled)


def masked_values(records: Records) -> dict[str, frozenset[str]]:
    """Return the values that were put aside, by column.

    Examples:
        >>> phone = {"phone": Column.of(["0312345678", "09012345678"])}
        >>> records = Records(np.array(["ec", "ec"]), np.array(["1", "2"]), phone)
        >>> masked_values(without_values(records, {"phone": frozenset(["0312345678"])}))
        {'phone': frozenset({'0312345678'})}
    """
    aside = {name: column for name, column in records.columns.items() if name.startswith(_ASIDE)}
    return {
        name.removeprefix(_ASIDE): frozenset(column.values[column.count > 0].tolist())
        for name, column in aside.items()
    }


def origin_of(column: str) -> str:
    """Return the field that a column is derived from, or the column itself.

    Examples:
        >>> origin_of("phone_tail"), origin_of("masked_email"), origin_of("gender")
        ('phone', 'email', 'gender')
    """
    name = column.removeprefix(_ASIDE)
    return _DERIVED[name][0] if name in _DERIVED else name


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
    return [name for name in (NORMAL_COLUMNS if normalised else FIELDS) if name in columns]


def _records(rows: Rows, fields: Mapping[str, Objects]) -> Records:
    source, record_id = rows.source[rows.order], rows.record_id[rows.order]
    return Records(source, record_id, columns_of(fields))


def _each(
    function: Callable[[object], str | None], values: Iterable[object], missing: str | None = None
) -> Objects:
    """Return the function of every value, worked out once per distinct value."""
    codes, distinct = factorized(values)
    found = objects([*(function(value) for value in distinct.tolist()), missing])
    return found[codes]


def normal_values(name: str, values: Iterable[object], spelling: Spelling) -> Objects:
    """Return values of a personal field in their one spelling, None for placeholders.

    Examples:
        >>> normal_values("phone", ["090-1234-5678", "n/a"], Spelling()).tolist()
        ['+819012345678', None]
    """
    return read_values(reader_of(name, spelling), values).values


def _named(raw: Mapping[str, Objects]) -> list[str]:
    """Return the columns of names that a list has."""
    columns = (f"{part}_name{kind}" for kind in ("", "_kana") for part in _PARTS)
    return [name for name in columns if name in raw]


def _real_names(
    names: Mapping[str, ReadColumn], someone: NDArray[np.bool_]
) -> dict[str, ReadColumn]:
    """Return names without those that are placeholders, as the rest of the record shows.

    Null, No and Test are names of people and placeholders. Such a word is kept next to another
    name, and if it is the only name of a record that has other personal data.

    Args:
        names: The columns of names.
        someone: Which records have other personal data.
    """
    doubtful = {name: _doubtful(column) for name, column in names.items()}
    if not any(rows.any() for rows in doubtful.values()):
        return dict(names)
    known = [pd.notna(c.values) & ~doubtful[name] for name, c in names.items()]
    named = np.any(known, axis=0)
    alone = np.sum([column.filled for column in names.values()], axis=0) == 1
    nobody = ~named & ~(alone & someone)
    return {name: _dropped(column, doubtful[name] & nobody) for name, column in names.items()}


def _doubtful(column: ReadColumn) -> NDArray[np.bool_]:
    flags = [value is not None and is_name_or_placeholder(value) for value in column.found.tolist()]
    return np.array([*flags, False])[column.codes]


def _dropped(column: ReadColumn, rows: NDArray[np.bool_]) -> ReadColumn:
    """Return a column of which some cells are placeholders."""
    n = len(column.found)
    found = np.append(column.found, np.array([None], dtype=object))
    reasons = {**column.reasons, n: PLACEHOLDER.reason}
    return ReadColumn(np.where(rows, n, column.codes), found, reasons)


def _nothing(n: int) -> Objects:
    return np.full(n, None, dtype=object)


def _names(plain: Mapping[str, Objects], n: int, known: Known) -> dict[str, Objects]:
    """Return the names as written, read and heard; a reading may be that of namesakes."""
    result: dict[str, Objects] = {}
    names, kana = (
        _split(*(plain.get(f"{name}_name{kind}", _nothing(n)) for name in _PARTS))
        for kind in ("", "_kana")
    )
    for part, name in enumerate(_PARTS):
        result[f"{name}_written"] = _each(_written, names[part])
        spoken, latin = (_each(_spoken, values[part]) for values in (kana, names))
        result[f"{name}_reading"] = np.where(pd.notna(spoken), spoken, latin)
    for kind in ("written", "reading"):
        _unjoin(result, f"family_{kind}", f"given_{kind}", known.names)
    for name in _PARTS:
        written, reading = result[f"{name}_written"], result[f"{name}_reading"]
        usual = {**_usual(Column.of(written), Column.of(reading)), **known.readings.get(name, {})}
        silent = np.flatnonzero(pd.isna(reading))
        reading[silent] = objects(map(usual.get, written[silent].tolist()))
        result[f"{name}_sound"] = sounds_of(reading)
    result["full_sound"] = full_sound(result["family_sound"], result["given_sound"])
    return result


def _written(folded: object) -> str | None:
    return written_form(str(folded))


def _spoken(folded: object) -> str | None:
    return spoken_form(str(folded))


def sounds_of(readings: Objects) -> Objects:
    """Return the sound of each reading, in which long vowels and like spellings are the same.

    Examples:
        >>> sounds_of(objects(["oono", None])).tolist()
        ['ono', None]
    """
    return _each(_sound, readings)


def _sound(reading: object) -> str | None:
    return normalise.sound(str(reading))


def _split(family: Objects, given: Objects) -> tuple[Objects, Objects]:
    """Return family and given names; a full name in one field is split at its space.

    The name of an organisation is not split. It stands for both names: like a full name, it
    says who somebody is.
    """
    first, second = family.copy(), given.copy()
    alone = np.flatnonzero(pd.notna(first) != pd.notna(second))
    whole = np.where(pd.notna(first[alone]), first[alone], second[alone])
    codes, distinct = factorized(whole)
    halves = [_halves(name) for name in distinct.tolist()]
    split = np.array([half is not None for half in halves], dtype=np.bool_)[codes]
    rows, codes = alone[split], codes[split]
    first[rows] = objects(half and half[0] for half in halves)[codes]
    second[rows] = objects(half and half[1] for half in halves)[codes]
    return first, second


def _halves(whole: str) -> tuple[str, str] | None:
    """Return the family and given name of one text, None if it has only one of them."""
    if is_organisation(whole):
        return whole, whole
    first, space, second = whole.partition(" ")
    return (first, second) if space else None


def _unjoin(
    names: dict[str, Objects], family: str, given: str, known: Mapping[str, frozenset[str]]
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


def full_sound(family: Objects, given: Objects) -> Objects:
    """Return both sounds as one text, in alphabetical order, None if one is missing.

    Examples:
        >>> full_sound(objects(["sato", "ito"]), objects(["ken", None])).tolist()
        ['ken sato', None]
    """
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


def columns_of(fields: Mapping[str, Objects]) -> dict[str, Column]:
    """Return the filled fields as columns; family and given names share their distinct values.

    Examples:
        >>> nothing = objects([None])
        >>> kinds = ("written", "reading", "sound")
        >>> names = {f"{part}_{kind}": nothing for part in ("family", "given") for kind in kinds}
        >>> list(columns_of(names | {"given_written": objects(["ken"]), "email": nothing}))
        ['given_written']
    """
    columns = {}
    for kind in ("written", "reading", "sound"):
        both = Column.of(np.concatenate([fields[f"family_{kind}"], fields[f"given_{kind}"]]))
        half = len(both.codes) // 2
        columns[f"family_{kind}"] = Column(both.codes[:half], both.values)
        columns[f"given_{kind}"] = Column(both.codes[half:], both.values)
    columns |= {name: Column.of(v) for name, v in fields.items() if name not in columns}
    return {name: column for name, column in columns.items() if _any(column.codes)}


def _any(codes: NDArray[np.int64]) -> bool:
    return bool((codes >= 0).any())
