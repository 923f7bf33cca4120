"""Values that too many records share: masked, put aside, and what is derived from the others."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from omniltv._log import logged
from omniltv.identity.records import normalise
from omniltv.identity.records._copies import order_in_group
from omniltv.identity.records.columns import MISSING, Column, Records, with_values

__all__ = ["Masked", "mask_shared", "masked_values", "origin_of", "without_values"]

_MASKED = ("phone", "email", "card_number", "birth_date")
_ASIDE = "masked_"  # before the name of a column: the values that were taken from it
_FAMILIES = 5
_TOO_COMMON = 20  # times the mean: a birth date that is a default, not a birthday
_DERIVED: Mapping[str, tuple[str, Callable[[str], str | None]]] = {
    "house": ("address", normalise.house),
    "mailbox": ("email", lambda value: value.partition("@")[0]),
    "phone_tail": ("phone", lambda value: value[-4:]),
}


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


@logged("shared values masked")
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
        date = name == "birth_date"
        family = None if date else counted.get("family_sound")
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
    return Records(records.source, records.record_id, with_values(columns))


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


def _derived(columns: Mapping[str, Column], name: str) -> Column:
    """Return what is derived from another column, without values whose origin was put aside."""
    origin, function = _DERIVED[name]
    if name not in columns:
        return columns[origin].derive(function)
    codes = np.where(columns[origin].codes == MISSING, MISSING, columns[name].codes)
    return Column(codes, columns[name].values)


def _put_aside(
    columns: Mapping[str, Column], name: str, masked: frozenset[str]
) -> dict[str, Column]:
    """Return a column without some of its values, and the column of all values taken from it."""
    column, aside = columns[name], f"{_ASIDE}{name}"
    lost = np.array([value in masked for value in column.values.tolist()], dtype=np.bool_)
    before = columns.get(aside, Column(np.full(len(column.codes), MISSING), column.values[:0]))
    shown = np.append(np.where(lost, MISSING, np.arange(len(lost))), MISSING)
    moved = np.append(np.where(lost, np.cumsum(lost) - 1 + len(before.values), MISSING), MISSING)
    taken = np.where(moved[column.codes] == MISSING, before.codes, moved[column.codes])
    values = np.concatenate([before.values, column.values[lost]])
    return {name: Column(shown[column.codes], column.values), aside: Column(taken, values)}
