"""From a customer list to normalised records: read, check, normalise, mask."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniltv.errors import DataError
from omniltv.identity import normalise
from omniltv.identity.protocols import Column, Records

__all__ = ["FIELDS", "Intake", "Masked", "normalise_records", "take_in"]

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

type Values = list[str | None]

_MASKED = ("phone", "email", "card_number", "birth_date")
_FAMILIES = 5
_TOO_COMMON = 20  # times the mean: a birth date that is a default, not a birthday
_MODAL_SHARE = 0.6


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
        records: The (source, record_id) of the records that had it.
    """

    column: str
    records: tuple[tuple[str, str], ...]


def take_in(columns: Mapping[str, Sequence[object]]) -> Intake:
    """Return the rows of a list with the reason why some cannot be used.

    Raises:
        DataError: If the key columns, or all personal columns, are missing.
    """
    for name in ("source", "record_id"):
        if name not in columns:
            have = ", ".join(columns) or "none"
            hint = f"rename the column to {name!r}; the columns are: {have}"
            raise DataError("the column is missing", column=name, hint=hint)
    raw = {name: columns[name] for name in FIELDS if name in columns}
    if not raw:
        hint = f"give at least one of {', '.join(FIELDS)}"
        raise DataError("no column says who anybody is", hint=hint)
    source = [normalise.key(value) for value in columns["source"]]
    record_id = [normalise.key(value) for value in columns["record_id"]]
    return Intake(source, record_id, raw, _reasons(source, record_id, raw))


def normalise_records(intake: Intake, *, max_sharing: int) -> tuple[Records, tuple[Masked, ...]]:
    """Return the usable rows normalised, and the values that were masked."""
    rows = intake.usable()
    raw = {name: [values[row] for row in rows] for name, values in intake.raw.items()}
    source = np.array([intake.source[row] for row in rows], dtype=object)
    record_id = np.array([intake.record_id[row] for row in rows], dtype=object)
    fields = _fields(raw, len(rows)) | _names(raw, len(rows))
    keys = list(zip(source.tolist(), record_id.tolist(), strict=True))
    masked = []
    for name in _MASKED:
        family = None if name == "birth_date" else fields["family_reading"]
        fields[name], groups = _mask(fields[name], family, max_sharing)
        masked += [Masked(name, tuple(keys[row] for row in group)) for group in groups]
    fields["mailbox"] = _each(lambda v: str(v).partition("@")[0], fields["email"])
    fields["phone_tail"] = _each(lambda v: str(v)[-4:], fields["phone"])
    columns = _columns(fields)
    return Records(source, record_id, columns), tuple(masked)


def _reasons(
    source: Sequence[str], record_id: Sequence[str], raw: Mapping[str, Sequence[object]]
) -> list[str]:
    rows: dict[tuple[str, str], list[int]] = defaultdict(list)
    reasons = [""] * len(source)
    for row, key in enumerate(zip(source, record_id, strict=True)):
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


def _fields(raw: Mapping[str, Sequence[object]], n: int) -> dict[str, Values]:
    empty: Sequence[object] = [None] * n
    return {name: _each(f, raw.get(name, empty)) for name, f in _NORMALISERS.items()}


def _names(raw: Mapping[str, Sequence[object]], n: int) -> dict[str, Values]:
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
        _unjoin(result, f"family_{kind}", f"given_{kind}")
    for name in ("family", "given"):
        borrowed = _borrow(result[f"{name}_written"], result[f"{name}_reading"])
        result[f"{name}_reading"] = borrowed
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


def _unjoin(names: dict[str, Values], family: str, given: str) -> None:
    """Split full names without a space where one family and one given name of the list fit."""
    pairs = list(zip(names[family], names[given], strict=True))
    families = {first for first, second in pairs if first and second}
    givens = {second for first, second in pairs if first and second}
    for row, (whole, second) in enumerate(pairs):
        if whole is None or second is not None or whole in families:
            continue
        cuts = [k for k in range(1, len(whole)) if whole[:k] in families and whole[k:] in givens]
        if len(cuts) == 1:
            names[family][row], names[given][row] = whole[: cuts[0]], whole[cuts[0] :]


def _borrow(written: Values, spoken: Values) -> Values:
    """Return readings; a name without one gets that of most namesakes on the same list."""
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for kanji, sound in zip(written, spoken, strict=True):
        if kanji is not None and sound is not None:
            seen[kanji][sound] += 1
    usual: dict[str | None, str] = {}
    for kanji, sounds in seen.items():
        sound, count = min(sounds.items(), key=lambda item: (-item[1], item[0]))
        if count >= _MODAL_SHARE * sounds.total():
            usual[kanji] = sound
    return [s or usual.get(w) for w, s in zip(written, spoken, strict=True)]


def _mask(
    values: Values, family: Values | None, max_sharing: int
) -> tuple[Values, list[list[int]]]:
    """Return values without those that too many share, and the rows that lost each one.

    Too many are more than ``max_sharing`` records and, where the values belong to a
    family, more than a few family names; else, many times the mean.
    """
    rows: dict[str, list[int]] = defaultdict(list)
    for row, value in enumerate(values):
        if value is not None:
            rows[value].append(row)
    mean = sum(map(len, rows.values())) / max(len(rows), 1)
    masked = []
    for same in rows.values():
        if family is None:
            too_many = len(same) > max(max_sharing, _TOO_COMMON * mean)
        else:
            families = {family[row] for row in same if family[row] is not None}
            too_many = len(same) > max_sharing or len(families) > _FAMILIES
        if too_many:
            masked.append(same)
    lost = {row for same in masked for row in same}
    return [None if row in lost else value for row, value in enumerate(values)], masked


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
