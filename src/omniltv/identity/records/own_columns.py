"""Columns of a customer list that are not among the known fields, and names that look like one."""

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from warnings import warn

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import OSA

from omniltv._arrays import Codes
from omniltv._frames import Eager
from omniltv._options import checked
from omniltv.data.schemas import FIELDS, NORMAL_COLUMNS
from omniltv.errors import ColumnWarning, ConfigError
from omniltv.identity.records import normalise
from omniltv.identity.records._codes import factorized, objects
from omniltv.identity.records.columns import MISSING, Column, Records

__all__ = [
    "PACKAGE",
    "Normaliser",
    "OwnColumn",
    "nearest_field",
    "own_values",
    "warn_of_columns",
    "with_own_columns",
]

type Normaliser = Callable[[object], str | None]
"""Takes a value as given and returns its one spelling as text, or None if it is not usable."""

PACKAGE = str(Path(__file__).parents[2])
"""The folder of the package: warnings name the caller outside of it."""

_KEYS = ("source", "record_id")
_TAKEN = ("family_", "given_", "masked_")  # how names of normalised columns begin
_ALIASES = {
    "family_name": "last_name surname sei 姓 氏",
    "given_name": "first_name forename mei 名",
    "family_name_kana": "last_name_kana surname_kana sei_kana セイ",
    "given_name_kana": "first_name_kana mei_kana メイ",
    "email": "mail mail_address email_address メールアドレス",
    "phone": "tel telephone phone_number mobile cell 電話 電話番号",
    "postcode": "zip zip_code postal_code post_code 郵便番号",
    "address": "addr street_address 住所",
    "birth_date": "dob date_of_birth birthday birthdate 生年月日",
    "gender": "sex 性別",
    "card_number": "member_number membership_number card_no loyalty_number 会員番号",
}
_NEAR = 2  # edits between a misspelt name and the field
_SHORTEST = 5  # characters of a field whose misspellings are recognised


@checked
@dataclass(frozen=True)
class OwnColumn:
    """A column of your own, for comparisons and blockers that read it by its name.

    Args:
        name: Name of the column in the list.
        normalise: Takes a value as given and returns its one spelling as text, or None if there
            is no usable value. It is called once per distinct value. By default, text has one
            width and case, and placeholders become missing.

    Raises:
        ConfigError: If the name is that of a known field, or of a column made of one.

    Examples:
        >>> OwnColumn("line_id").normalise(" U12AB ")
        'u12ab'
        >>> OwnColumn("line_id", normalise=str.strip).name
        'line_id'
    """

    name: str
    normalise: Normaliser = normalise.plain

    def __post_init__(self) -> None:
        if self.name in (*_KEYS, *FIELDS, *NORMAL_COLUMNS) or self.name.startswith(_TAKEN):
            message = f"{self.name!r} is or begins like the name of a known column"
            raise ConfigError(f"{message}. Hint: give your column another name")

    @property
    def rule(self) -> str:
        """Name of the function that normalises, which a store compares; lambdas are all alike.

        Examples:
            >>> OwnColumn("line_id").rule, OwnColumn("line_id", normalise=str.strip).rule
            ('omniltv.identity.records.normalise._text.plain', 'str.strip')
        """
        function = self.normalise
        name = getattr(function, "__qualname__", type(function).__qualname__)
        module = getattr(function, "__module__", None)
        return f"{module}.{name}" if module else name


def own_values(
    table: Eager, columns: Sequence[OwnColumn]
) -> dict[str, tuple[NDArray[np.object_], Normaliser]]:
    """Return the values as given and the normaliser of each own column that a list has.

    Examples:
        >>> import pandas as pd
        >>> from omniltv._frames import read_frame
        >>> table, _ = read_frame(pd.DataFrame({"line_id": ["U12", None]}), "records")
        >>> values = own_values(table, [OwnColumn("line_id"), OwnColumn("shoe_size")])
        >>> {name: given.tolist() for name, (given, _) in values.items()}
        {'line_id': ['U12', None]}
    """
    return {
        column.name: (objects(table[column.name].to_list()), column.normalise)
        for column in columns
        if column.name in table.columns
    }


def with_own_columns(
    records: Records,
    values: Mapping[str, tuple[NDArray[np.object_], Normaliser]],
    order: Codes,
) -> Records:
    """Return records with own columns, normalised.

    Args:
        records: Normalised records.
        values: The result of `own_values`, in the order of the list.
        order: Position in the list of each record.

    Examples:
        >>> records = Records(np.array(["ec", "ec"]), np.array(["1", "2"]), {})
        >>> values = {"line_id": (np.array([None, " U12 "], dtype=object), normalise.plain)}
        >>> found = with_own_columns(records, values, np.array([1, 0]))
        >>> found.columns["line_id"].values.tolist(), found.columns["line_id"].codes.tolist()
        (['u12'], [0, -1])
    """
    columns = {
        name: _normalised(given[order], function) for name, (given, function) in values.items()
    }
    filled = {name: column for name, column in columns.items() if (column.codes != MISSING).any()}
    return Records(records.source, records.record_id, {**records.columns, **filled})


def nearest_field(name: str) -> str | None:
    """Return the field that an unknown column seems to be: by another name, or misspelt.

    Examples:
        >>> nearest_field("last_name"), nearest_field("given_nme"), nearest_field("line_id")
        ('family_name', 'given_name', None)
    """
    plain = _plain(name)
    for field, others in _ALIASES.items():
        if plain in map(_plain, others.split()):
            return field
    distance = {field: OSA.distance(plain, _plain(field)) for field in FIELDS}
    best = min(distance, key=distance.__getitem__)
    longest = max(len(plain), _SHORTEST)
    near = len(plain) >= _SHORTEST and distance[best] <= min(_NEAR, longest // 4)
    return best if near else None


def warn_of_columns(columns: Iterable[str], read: Iterable[str]) -> None:
    """Warn if no column is read, and of unknown columns that look like a field.

    A column that looks like a field that the list has is not reported.

    Args:
        columns: The columns of the list.
        read: The columns that are read besides the keys.

    Examples:
        >>> import warnings
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("always")
        ...     warn_of_columns(["source", "record_id", "phone", "mail"], ["phone"])
        >>> print(str(caught[0].message).partition(" Hint")[0])
        columns that are not read but look like a field: 'mail' (near 'email').
    """
    have, known = set(columns), {*read, *_KEYS}
    if not have & {*read}:
        hint = f"add at least one of {', '.join(FIELDS)}"
        message = f"no personal column: every record is a customer of its own. Hint: {hint}"
        warn(message, ColumnWarning, skip_file_prefixes=(PACKAGE,))
    near = {name: nearest_field(name) for name in sorted(have - known)}
    missed = {name: field for name, field in near.items() if field and field not in have}
    if missed:
        what = ", ".join(f"{name!r} (near {field!r})" for name, field in missed.items())
        rename = ", ".join(f'"{name}": "{field}"' for name, field in missed.items())
        message = f"columns that are not read but look like a field: {what}"
        hint = f"frame.rename(columns={{{rename}}})"
        warn(f"{message}. Hint: {hint}", ColumnWarning, skip_file_prefixes=(PACKAGE,))


def _plain(name: str) -> str:
    """Return a name in lower case and one width, without separators."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(character for character in folded if character.isalnum())


def _normalised(values: NDArray[np.object_], function: Normaliser) -> Column:
    codes, distinct = factorized([_hashable(value) for value in values.tolist()])
    found = objects([*(function(value) or None for value in distinct.tolist()), None])
    return Column.of(found[codes])


def _hashable(value: object) -> object:
    """Return a value that can be counted: lists of values become tuples."""
    if isinstance(value, list | np.ndarray):
        return tuple(value)
    return frozenset(value) if isinstance(value, set) else value
