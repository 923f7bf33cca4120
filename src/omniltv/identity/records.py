"""From a customer list to normalised records: read, check, normalise, mask."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from omniltv.errors import DataError
from omniltv.identity import normalise
from omniltv.identity.protocols import MISSING, Column, Records

__all__ = [
    "FIELDS",
    "NORMAL_COLUMNS",
    "NOT_ONE_VALUE",
    "Intake",
    "Known",
    "Masked",
    "mask_shared",
    "masked_values",
    "normal_value",
    "normalise_records",
    "read_records",
    "take_in",
    "without_values",
]

FIELDS = (
    "family_name",
    "given_name",
    "family_name_kana",
    "given_name_kana",
    "email",
    "phone",
    "postcode",
    "address",
    "birth_date",
    "gender",
    "card_number",
)
"""The personal columns that are read; any of them may be missing."""

NORMAL_COLUMNS = (
    "family_written",
    "given_written",
    "family_reading",
    "given_reading",
    "full_reading",
    "mailbox",
    "phone_tail",
    *FIELDS[4:],
)
"""What the personal columns become: columns that are compared as they are."""

NOT_ONE_VALUE = "not one value"
"""What the reason says where a field has a list, a table or the like."""

type Values = list[str | None]

_MASKED = ("phone", "email", "card_number", "birth_date")
_ASIDE = "masked_"  # before the name of a column: the values that were taken from it
_FAMILIES = 5
_TOO_COMMON = 20  # times the mean: a birth date that is a default, not a birthday
_MODAL_SHARE = 0.6
_DERIVED: Mapping[str, tuple[str, Callable[[str], str | None]]] = {
    "mailbox": ("email", lambda value: value.partition("@")[0]),
    "phone_tail": ("phone", lambda value: value[-4:]),
}


@dataclass(frozen=True, eq=False)
class Intake:
    """A list as it came in, with the rows that can be used.

    Attributes:
        source: Source of each row, shape (n_rows,), "" where missing.
        record_id: Id of each row within its source.
        raw: The personal columns that there are, as they came.
        reason: Why a row cannot be used, "" where it can; shape (n_rows,).
    """

    source: list[str]
    record_id: list[str]
    raw: Mapping[str, Sequence[object]]
    reason: list[str]

    def usable(self) -> list[int]:
        """Return the usable rows in the order of (source, record_id), not of the file."""
        rows = [row for row, reason in enumerate(self.reason) if not reason]
        return sorted(rows, key=lambda row: (self.source[row], self.record_id[row]))


@dataclass(frozen=True)
class Masked:
    """A value that too many records share to say who they are.

    Attributes:
        column: Of which field.
        value: The value.
        records: The (source, record_id) of the records that had it.
    """

    column: str
    value: str = field(repr=False)
    records: tuple[tuple[str, str], ...]


@dataclass(frozen=True, eq=False, repr=False)
class Known:
    """What records that are already there tell about the names of new ones.

    Attributes:
        names: Values of each name column, of records that have both names.
        readings: Usual reading of each written name, for ``family`` and ``given``.
    """

    names: Mapping[str, frozenset[str]] = field(default_factory=dict)
    readings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, columns: Mapping[str, Column]) -> "Known":
        """Return what the columns of records tell."""
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
    columns: Mapping[str, Sequence[object]], *, normalised: bool, known: Known | None = None
) -> tuple[Intake, Records]:
    """Return a list as it came in, and its usable rows as records.

    Args:
        columns: The list.
        normalised: Whether it has `NORMAL_COLUMNS`, that are to be left as they are.
        known: What is known of names from other records.

    Raises:
        DataError: As `take_in`, or if the list is normalised and should not be, or the reverse.
    """
    _check_kind(columns, normalised=normalised)
    if not normalised:
        intake = take_in(columns)
        return intake, normalise_records(intake, known)
    intake = take_in(columns, NORMAL_COLUMNS)
    rows = intake.usable()
    fields: dict[str, Values] = {name: [None] * len(rows) for name in NORMAL_COLUMNS}
    for name, values in intake.raw.items():
        fields[name] = [normalise.key(values[row]) or None for row in rows]
    return intake, _records(intake, rows, fields)


def take_in(columns: Mapping[str, Sequence[object]], fields: Sequence[str] = FIELDS) -> Intake:
    """Return the rows of a list with the reason why some cannot be used.

    Raises:
        DataError: If the key columns, or all personal columns, are missing.
    """
    for name in ("source", "record_id"):
        if name not in columns:
            have = ", ".join(columns) or "none"
            hint = f"rename the column to {name!r}; the columns are: {have}"
            raise DataError("the column is missing", column=name, hint=hint)
    raw = {name: columns[name] for name in fields if name in columns}
    if not raw:
        hint = f"give at least one of {', '.join(fields)}"
        raise DataError("no column says who anybody is", hint=hint)
    source = [normalise.key(value) for value in columns["source"]]
    record_id = [normalise.key(value) for value in columns["record_id"]]
    keys = {name: columns[name] for name in ("source", "record_id")}
    unreadable = _unreadable(keys | raw, len(source))
    return Intake(source, record_id, raw, _reasons(source, record_id, raw, unreadable))


def normalise_records(intake: Intake, known: Known | None = None) -> Records:
    """Return the usable rows normalised.

    Args:
        intake: The rows.
        known: What is known of names from other records; from these alone if None.
    """
    rows = intake.usable()
    raw = {name: [values[row] for row in rows] for name, values in intake.raw.items()}
    fields = _fields(raw, len(rows)) | _names(raw, len(rows), known or Known())
    return _records(intake, rows, fields)


def mask_shared(records: Records, *, max_sharing: int) -> tuple[Records, tuple[Masked, ...]]:
    """Return records without the values that too many share, and with derived columns.

    Too many are more than ``max_sharing`` records and, where the values belong to a
    family, more than a few family names; for birth dates, many times the mean.
    """
    keys = records.ids()
    masked, values = [], {}
    for name in [name for name in _MASKED if name in records.columns]:
        column = records.columns[name]
        family = None if name == "birth_date" else records.columns.get("family_reading")
        shared = np.flatnonzero(_too_many(column, family, name == "birth_date", max_sharing))
        for code, rows in zip(shared.tolist(), column.rows_of(shared), strict=True):
            having = tuple(keys[row] for row in rows.tolist())
            masked.append(Masked(name, column.values[code], having))
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


def _check_kind(columns: Mapping[str, Sequence[object]], *, normalised: bool) -> None:
    """Refuse to normalise twice, or not at all."""
    raw, normal = set(FIELDS), set(NORMAL_COLUMNS)
    wrong = sorted(columns.keys() & (raw - normal if normalised else normal - raw))
    if wrong:
        state = "not normalised" if normalised else "normalised already"
        hint = f"LinkSpec(normalised={not normalised})"
        raise DataError(f"the list is {state}", column=wrong[0], hint=hint)


def _records(intake: Intake, rows: Sequence[int], fields: Mapping[str, Values]) -> Records:
    source = np.array([intake.source[row] for row in rows], dtype=object)
    record_id = np.array([intake.record_id[row] for row in rows], dtype=object)
    return Records(source, record_id, _columns(fields))


def _unreadable(columns: Mapping[str, Sequence[object]], n: int) -> list[str]:
    """Return why no single value can be read of some field of a row, "" where all can be."""
    reasons = [""] * n
    for name, values in columns.items():
        kinds = {kind for kind in set(map(type, values)) if _is_nested(kind)}
        for row, value in enumerate(values if kinds else ()):
            if type(value) in kinds:
                reasons[row] = f"{name}: {NOT_ONE_VALUE}"
    return reasons


def _is_nested(kind: type) -> bool:
    return issubclass(kind, tuple) or not issubclass(kind, Hashable)


def _reasons(
    source: Sequence[str],
    record_id: Sequence[str],
    raw: Mapping[str, Sequence[object]],
    unreadable: Sequence[str],
) -> list[str]:
    rows: dict[tuple[str, str], list[int]] = defaultdict(list)
    reasons = list(unreadable)
    for row, key in enumerate(zip(source, record_id, strict=True)):
        if reasons[row]:
            continue
        if "" in key:
            reasons[row] = "no source" if not key[0] else "no record_id"
        else:
            rows[key].append(row)
    for same in rows.values():
        if len(same) > 1:
            contents = {
                tuple(normalise.text(values[row]) for values in raw.values()) for row in same
            }
            twice = "the same row again" if len(contents) == 1 else "two contents for one record_id"
            for row in same[1:] if len(contents) == 1 else same:
                reasons[row] = twice
    return reasons


def _each(function: Callable[[object], str | None], values: Sequence[object]) -> Values:
    """Return the function of every value, worked out once per distinct value."""
    known: dict[object, str | None] = {None: None}
    result: Values = []
    for value in values:
        if value not in known:
            known[value] = function(value)
        result.append(known[value])
    return result


_NORMALISERS: Mapping[str, Callable[[object], str | None]] = {
    "email": normalise.email,
    "phone": normalise.phone,
    "postcode": normalise.postcode,
    "address": normalise.address,
    "birth_date": normalise.birth_date,
    "gender": normalise.gender,
    "card_number": normalise.card_number,
}


def normal_value(name: str, value: object) -> str | None:
    """Return the value of a personal field in its one spelling, None for a placeholder."""
    return _NORMALISERS.get(name, normalise.plain)(value)


def _fields(raw: Mapping[str, Sequence[object]], n: int) -> dict[str, Values]:
    empty: Sequence[object] = [None] * n
    return {name: _each(f, raw.get(name, empty)) for name, f in _NORMALISERS.items()}


def _names(raw: Mapping[str, Sequence[object]], n: int, known: Known) -> dict[str, Values]:
    """Return the names as written and as they sound; a sound may be that of namesakes."""
    empty: Sequence[object] = [None] * n
    result: dict[str, Values] = {}
    plain = _split(raw.get("family_name", empty), raw.get("given_name", empty))
    kana = _split(raw.get("family_name_kana", empty), raw.get("given_name_kana", empty))
    for part, name in enumerate(("family", "given")):
        result[f"{name}_written"] = _each(normalise.written_name, plain[part])
        spoken = _each(normalise.reading, kana[part])
        latin = _each(normalise.reading, plain[part])
        result[f"{name}_reading"] = [a or b for a, b in zip(spoken, latin, strict=True)]
    for kind in ("written", "reading"):
        _unjoin(result, f"family_{kind}", f"given_{kind}", known.names)
    for name in ("family", "given"):
        columns = (Column.of(result[f"{name}_{kind}"]) for kind in ("written", "reading"))
        usual = {**_usual(*columns), **known.readings.get(name, {})}
        result[f"{name}_reading"] = [
            sound or usual.get(kanji or "")
            for kanji, sound in zip(
                result[f"{name}_written"], result[f"{name}_reading"], strict=True
            )
        ]
    result["full_reading"] = [
        None if family is None or given is None else " ".join(sorted((family, given)))
        for family, given in zip(result["family_reading"], result["given_reading"], strict=True)
    ]
    return result


def _split(family: Sequence[object], given: Sequence[object]) -> tuple[Values, Values]:
    """Return family and given names; a full name in one field is split at its space."""
    families: Values = []
    givens: Values = []
    for first, second in zip(
        _each(normalise.plain, family), _each(normalise.plain, given), strict=True
    ):
        parts = (first or second or "").split(" ")
        if len(parts) > 1 and (first is None or second is None):
            families.append(parts[0])
            givens.append(" ".join(parts[1:]))
        else:
            families.append(first)
            givens.append(second)
    return families, givens


def _unjoin(
    names: dict[str, Values], family: str, given: str, known: Mapping[str, frozenset[str]]
) -> None:
    """Split full names without a space where one family and one given name of the list fit."""
    pairs = list(zip(names[family], names[given], strict=True))
    families = {first for first, second in pairs if first and second} | known.get(family, set())
    givens = {second for first, second in pairs if first and second} | known.get(given, set())
    for row, (whole, second) in enumerate(pairs):
        if whole is None or second is not None or whole in families:
            continue
        cuts = [k for k in range(1, len(whole)) if whole[:k] in families and whole[k:] in givens]
        if len(cuts) == 1:
            names[family][row], names[given][row] = whole[: cuts[0]], whole[cuts[0] :]


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
        both = Column.of([*fields[f"family_{kind}"], *fields[f"given_{kind}"]])
        half = len(both.codes) // 2
        columns[f"family_{kind}"] = Column(both.codes[:half], both.values)
        columns[f"given_{kind}"] = Column(both.codes[half:], both.values)
    columns |= {name: Column.of(v) for name, v in fields.items() if name not in columns}
    return {name: column for name, column in columns.items() if _any(column.codes)}


def _any(codes: NDArray[np.int64]) -> bool:
    return bool((codes >= 0).any())
