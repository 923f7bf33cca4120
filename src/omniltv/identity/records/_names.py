"""Names of records: split, read, completed by their namesakes, and told from placeholders."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv._arrays import Objects
from omniltv.identity.records import normalise
from omniltv.identity.records._codes import factorized, joint, mapped, objects
from omniltv.identity.records.columns import MISSING, Column
from omniltv.identity.records.normalise._name import spoken_form, written_form
from omniltv.identity.records.normalise._organisation import is_organisation
from omniltv.identity.records.normalise._placeholders import is_name_or_placeholder
from omniltv.identity.records.normalise._text import PLACEHOLDER, read_plain
from omniltv.identity.records.reading import ReadColumn, read_values

__all__ = ["Known", "full_sound", "names_of", "read_names", "sounds_of"]

_PARTS = ("family", "given")
_FIELDS = tuple(f"{part}_name{kind}" for kind in ("", "_kana") for part in _PARTS)
_MODAL_SHARE = 0.6


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
                for name, column in zip(_PARTS, (family, given), strict=True):
                    found = column.values[np.unique(column.codes[both])]
                    names[f"{name}_{kind}"] = frozenset(found.tolist())
        pairs = {name: (f"{name}_written", f"{name}_reading") for name in _PARTS}
        readings = {
            name: _usual(columns[written], columns[spoken])
            for name, (written, spoken) in pairs.items()
            if written in columns and spoken in columns
        }
        return cls(names, readings)


def read_names(raw: Mapping[str, Objects], someone: NDArray[np.bool_]) -> dict[str, ReadColumn]:
    """Return the folded names, without those that are placeholders by the rest of the record.

    Null, No and Test are names of people and placeholders. Such a word is kept next to another
    name, and if it is the only name of a record that has other personal data.

    Args:
        raw: The raw columns; those that are not names are left out.
        someone: Which records have other personal data.

    Examples:
        >>> raw = {"family_name": objects(["Null", "Null"])}
        >>> read_names(raw, np.array([True, False]))["family_name"].values.tolist()
        ['null', None]
    """
    names = {name: read_values(read_plain, raw[name]) for name in _FIELDS if name in raw}
    doubtful = {name: _doubtful(column) for name, column in names.items()}
    if not any(rows.any() for rows in doubtful.values()):
        return names
    known = [pd.notna(c.values) & ~doubtful[name] for name, c in names.items()]
    named = np.any(known, axis=0)
    alone = np.sum([column.filled for column in names.values()], axis=0) == 1
    nobody = ~named & ~(alone & someone)
    return {name: _dropped(column, doubtful[name] & nobody) for name, column in names.items()}


def names_of(names: Mapping[str, ReadColumn], n: int, known: Known) -> dict[str, Objects]:
    """Return names as written, as read and as they sound.

    A written name without a reading has the reading that most of its namesakes have.

    Args:
        names: The columns of `read_names`.
        n: Number of records.
        known: Names of other records.

    Examples:
        >>> names = read_names({"family_name": objects(["Sato Ken"])}, np.array([True]))
        >>> found = names_of(names, 1, Known())
        >>> found["family_reading"].tolist(), found["full_sound"].tolist()
        (['sato'], ['ken sato'])
    """
    nothing = np.full(n, None, dtype=object)
    result: dict[str, Objects] = {}
    plain = {name: column.values for name, column in names.items()}
    folded, kana = (
        _split(*(plain.get(f"{name}_name{kind}", nothing) for name in _PARTS))
        for kind in ("", "_kana")
    )
    for part, name in enumerate(_PARTS):
        result[f"{name}_written"] = mapped(_written, folded[part])
        spoken, latin = (mapped(_spoken, values[part]) for values in (kana, folded))
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


def sounds_of(readings: Objects) -> Objects:
    """Return the sound of each reading, in which long vowels and like spellings are the same.

    Examples:
        >>> sounds_of(objects(["oono", None])).tolist()
        ['ono', None]
    """
    return mapped(_sound, readings)


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


def _doubtful(column: ReadColumn) -> NDArray[np.bool_]:
    flags = [value is not None and is_name_or_placeholder(value) for value in column.found.tolist()]
    return np.array([*flags, False])[column.codes]


def _dropped(column: ReadColumn, rows: NDArray[np.bool_]) -> ReadColumn:
    """Return a column of which some cells are placeholders."""
    n = len(column.found)
    found = np.append(column.found, np.array([None], dtype=object))
    reasons = {**column.reasons, n: PLACEHOLDER.reason}
    return ReadColumn(np.where(rows, n, column.codes), found, reasons)


def _written(folded: object) -> str | None:
    return written_form(str(folded))


def _spoken(folded: object) -> str | None:
    return spoken_form(str(folded))


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
    first[alone] = mapped(lambda name: cuts[name][0], whole)
    second[alone] = mapped(lambda name: cuts[name][1], whole)


def _cut(
    whole: str, families: AbstractSet[str], givens: AbstractSet[str]
) -> tuple[str, str | None]:
    """Return family and given name where there is one way to cut, else the whole."""
    if whole in families:
        return whole, None
    cuts = [k for k in range(1, len(whole)) if whole[:k] in families and whole[k:] in givens]
    return (whole[: cuts[0]], whole[cuts[0] :]) if len(cuts) == 1 else (whole, None)


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
