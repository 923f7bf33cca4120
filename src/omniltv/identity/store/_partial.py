"""Records that an update gives in part: kept fields, changed records, keys used again."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv._arrays import Codes, Flags, Objects
from omniltv.data.schemas import FIELDS
from omniltv.identity.linking.protocols import Comparison
from omniltv.identity.linking.values import LinkModel, Pairs
from omniltv.identity.records._names import full_sound, sounds_of
from omniltv.identity.records.columns import MISSING, Column, RecordKey, Records, columns_of
from omniltv.identity.records.masking import origin_of

__all__ = ["EmptyCells", "changed", "completed", "used_again"]

type EmptyCells = Literal["keep", "clear"]
"""What an empty cell of an update does to the stored value."""

_NAME_FIELDS = frozenset(name for name in FIELDS if "name" in name)
_NAMES = ("family", "given")
_KINDS = ("written", "reading", "sound")
_NAME_COLUMNS = frozenset(f"{name}_{kind}" for name in _NAMES for kind in _KINDS)
_FULL = "full_sound"
_ANOTHER = -np.log2(99.0)  # a source uses one of a hundred changed keys for another person


def completed(
    added: Records, old: Records, given: AbstractSet[str], *, empty: EmptyCells
) -> Records:
    """Return the records of an update with the stored values of the fields that it leaves out.

    Args:
        added: The normalised records of the update.
        old: The stored records.
        given: The columns of the update.
        empty: Whether an empty cell of a given column keeps or clears the stored value.
    """
    before = _positions(added, old)
    known = before != MISSING
    if not known.any():
        return added
    now = {name: _texts(added, name)[:-1] for name in {*added.columns, *old.columns}}
    past = {name: _texts(old, name)[before] for name in now}
    normalised = not _NAME_FIELDS & given and bool({*_NAME_COLUMNS, _FULL} & given)
    for names in _together(now, apart=normalised):
        if not normalised and names[0] in _NAME_COLUMNS:
            continue
        kept = known & _kept(now, names, given=origin_of(names[0]) in given, empty=empty)
        for name in names:
            now[name] = np.where(kept, past[name], now[name])
    if not normalised:
        _complete_names(now, past, known, given=bool(_NAME_FIELDS & given), empty=empty)
    return _records(added, now)


def changed(added: Records, old: Records) -> tuple[Records, Flags]:
    """Return the new and changed records, and which stored records they replace."""
    before = _positions(added, old)
    same = before != MISSING
    for name in added.columns.keys() | old.columns.keys():
        same &= _texts(added, name)[:-1] == _texts(old, name)[before]
    keep = np.flatnonzero(~same)
    replaced = np.zeros(len(old), dtype=np.bool_)
    replaced[before[keep][before[keep] != MISSING]] = True
    columns = {name: Column(c.codes[keep], c.values) for name, c in added.columns.items()}
    return Records(added.source[keep], added.record_id[keep], columns), replaced


def used_again(
    added: Records, old: Records, model: LinkModel, comparisons: Sequence[Comparison]
) -> frozenset[RecordKey]:
    """Return the keys that a source uses for another person now.

    The old and the new contents of a key are compared as two records. They are two people if
    the evidence against one person outweighs the prior that a key keeps its person.
    """
    before = _positions(added, old)
    rows = np.flatnonzero(before != MISSING)
    if not len(rows):
        return frozenset()
    both = _records_of_both(old, before[rows], added, rows)
    left = np.arange(len(rows))
    bits = _evidence(both, left, left + len(rows), model, comparisons)
    keys = added.ids()
    return frozenset(keys[row] for row in rows[bits < _ANOTHER].tolist())


def _evidence(
    records: Records,
    left: Codes,
    right: Codes,
    model: LinkModel,
    comparisons: Sequence[Comparison],
) -> NDArray[np.float64]:
    """Return the evidence for one person in bits, without a prior, of shape (n_pairs,)."""
    bits = np.zeros(len(left))
    for comparison in comparisons:
        names = [name for name in comparison.columns if name in records.columns]
        if not names or comparison.name not in model.m:
            continue
        columns = {name: records.columns[name] for name in names}
        sides = [{n: c.codes[rows] for n, c in columns.items()} for rows in (left, right)]
        levels = comparison.grade(Pairs(columns, *sides))
        table = np.log2(model.m[comparison.name]) - np.log2(model.u[comparison.name])
        bits += np.append(table, 0.0)[levels]  # the last entry is that of MISSING
    return bits


def _positions(added: Records, old: Records) -> Codes:
    """Return the position of each added record in the old ones, `MISSING` if it is new."""
    position = old.position
    return np.array([position.get(key, MISSING) for key in added.ids()], dtype=np.int64)


def _texts(records: Records, name: str) -> Objects:
    """Return the value of each record, "" if it has none, and "" as an additional last entry."""
    column = records.columns.get(name)
    if column is None:
        return np.full(len(records) + 1, "", dtype=object)
    values = np.append(column.values, "").astype(object)
    texts: Objects = values[np.append(column.codes, MISSING)]
    return texts


def _together(names: Iterable[str], *, apart: bool) -> list[list[str]]:
    """Return the columns in groups of one origin; a normalised list gives each column itself."""
    groups: dict[str, list[str]] = {}
    for name in sorted({*names} - (set() if apart else {_FULL})):
        groups.setdefault(origin_of(name), []).append(name)
    return list(groups.values())


def _kept(
    now: Mapping[str, Objects], names: Sequence[str], *, given: bool, empty: EmptyCells
) -> Flags:
    """Return which records keep the stored values of some columns, of shape (n_records,)."""
    if not given:
        return np.ones(len(now[names[0]]), dtype=np.bool_)
    filled = np.any([now[name] != "" for name in names], axis=0)
    return ~filled if empty == "keep" else np.zeros(len(filled), dtype=np.bool_)


def _complete_names(
    now: dict[str, Objects],
    past: Mapping[str, Objects],
    known: Flags,
    *,
    given: bool,
    empty: EmptyCells,
) -> None:
    """Complete names in place. A reading is kept only with the written name that it belongs to."""
    nothing = np.full(len(known), "", dtype=object)
    for name in _NAMES:
        written, reading = f"{name}_written", f"{name}_reading"
        new, was = now.get(written, nothing), past.get(written, nothing)
        keep = known & (np.True_ if not given else (new == "") & (empty == "keep"))
        now[written] = np.where(keep, was, new)
        sound = now.get(reading, nothing)
        silent = known & (sound == "") & (now[written] == was) & (empty == "keep" or not given)
        now[reading] = np.where(silent, past.get(reading, nothing), sound)
    sounds = [sounds_of(_or_none(now[f"{name}_reading"])) for name in _NAMES]
    for name, sound in zip((*_NAMES, "full"), (*sounds, full_sound(*sounds)), strict=True):
        now[f"{name}_sound"] = np.where(pd.isna(sound), "", sound)


def _or_none(texts: Objects) -> Objects:
    result = texts.copy()
    result[texts == ""] = None
    return result


def _records(keys: Records, texts: Mapping[str, Objects]) -> Records:
    """Return records with some keys and the texts of their columns."""
    nothing = np.full(len(keys), None, dtype=object)
    fields = dict.fromkeys(_NAME_COLUMNS, nothing)
    fields |= {name: _or_none(values) for name, values in texts.items()}
    return Records(keys.source, keys.record_id, columns_of(fields))


def _records_of_both(old: Records, before: Codes, added: Records, rows: Codes) -> Records:
    """Return the old and then the new contents of some records as one list."""
    names = {*old.columns, *added.columns}
    texts = {
        name: np.concatenate([_texts(old, name)[before], _texts(added, name)[rows]])
        for name in names
    }
    source = np.concatenate([old.source[before], added.source[rows]])
    record_id = np.concatenate([old.record_id[before], added.record_id[rows]])
    return _records(Records(source, record_id, {}), texts)
