"""Comparisons of names, addresses, and any single value; the default comparisons."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import JaroWinkler

from omniltv._arrays import Levels
from omniltv._options import Share, checked
from omniltv.identity.linking import _sql
from omniltv.identity.linking.comparisons._grading import Scores, first_level, pairwise, slips
from omniltv.identity.linking.comparisons.birth_dates import BirthDateComparison
from omniltv.identity.linking.comparisons.phones import PhoneComparison
from omniltv.identity.linking.comparisons.sharing import SharedUseComparison
from omniltv.identity.linking.protocols import Comparison
from omniltv.identity.linking.values import Pairs

__all__ = [
    "DEFAULT_COMPARISONS",
    "AddressComparison",
    "NameComparison",
    "ValueComparison",
]

_NUMBERING = re.compile("[0-9._-]")
_ALIKE = 0.92
_SAME_STREET = 0.9
_ROOM = " #"  # what stands before the room in a normalised address


@checked
@dataclass(frozen=True)
class ValueComparison:
    """Grades one field as same, one slip apart (optional), or different.

    Args:
        name: Name of the comparison.
        column: The field.
        shared: Whether people of one household share the value.
        coincidence: Probability that unrelated people agree; 0 for an identifier.
        slips: Whether one wrong, lost or swapped character is a separate level.

    Examples:
        >>> from omniltv.identity.records.columns import Column
        >>> phone = Column.of(["123", "124", "987", None])
        >>> pairs = Pairs.of({"phone": phone}, [0, 0, 0], [1, 2, 3])
        >>> ValueComparison("phone", "phone", slips=True).grade(pairs).tolist()
        [1, 2, -1]
    """

    name: str
    column: str
    shared: bool = False
    coincidence: Share = 0.0
    slips: bool = False
    agreement = 1

    @property
    def columns(self) -> tuple[str, ...]:
        """The column that is read."""
        return (self.column,)

    @property
    def levels(self) -> tuple[str, ...]:
        """Names of the levels."""
        return ("same", "one slip", "different") if self.slips else ("same", "different")

    @property
    def frequency(self) -> tuple[str | None, ...]:
        """No level is adjusted for the frequency of the value."""
        return (None,) * len(self.levels)

    def grade(self, pairs: Pairs) -> Levels:
        """Return the level of each pair, shape (n_pairs,)."""
        same = pairs.equal(self.column)
        known = pairs.known(self.column)
        if not self.slips:
            return first_level([same, known])
        near = pairs.near(self.column, ~same)
        return first_level([same, pairs.apply(self.column, _identifier_slips, near) <= 1, known])

    @property
    def sql(self) -> tuple[str, ...]:
        """The condition of each level on a database, see `SqlComparison`."""
        same, known = _sql.same(self.column), _sql.known(self.column)
        if not self.slips:
            return (same, known)
        return (same, f"{_sql.slip(self.column)} AND NOT {_numbered_sql(self.column)}", known)


@checked
@dataclass(frozen=True)
class NameComparison:
    """Grades a name by its characters, reading and sound, also if the name fields are swapped.

    ``similar sound`` means that the readings differ only in the length of vowels or the way to
    write them in Latin letters (オオノ and オノ, Lee and Le, Shoichi and Syoiti). ``other
    characters`` have the same reading: a misspelling, or another name.

    Args:
        name: ``family_name`` or ``given_name``.
        written: Column of the name in kanji or another script than kana and Latin.
        reading: Column of the reading.
        sound: Column of what the reading sounds like.
        swapped: The same columns of the other name, which may hold this name by mistake.
        shared: Whether people of one household share the value.

    Examples:
        >>> from omniltv.identity.records.columns import Column
        >>> names = {
        ...     "given_reading": Column.of(["hanako", "hanaka", "taro", "hanako", "hanakoo"]),
        ...     "given_sound": Column.of(["hanako", "hanaka", "taro", "hanako", "hanako"]),
        ... }
        >>> given = NameComparison("given_name", "given_written", "given_reading", "given_sound")
        >>> given.grade(Pairs.of(names, [0, 0, 0, 0], [3, 4, 1, 2])).tolist()
        [1, 2, 4, 5]
    """

    name: str
    written: str
    reading: str
    sound: str
    swapped: tuple[str, str, str] | None = None
    shared: bool = False
    coincidence = 0.004
    agreement = 2
    levels = (
        "same characters",
        "same sound",
        "similar sound",
        "other characters",
        "alike",
        "different",
    )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read."""
        return (self.written, self.reading, self.sound, *(self.swapped or ()))

    @property
    def frequency(self) -> tuple[str | None, ...]:
        """Common characters and readings are weaker evidence than rare ones."""
        return (self.written, self.reading, self.sound, self.reading, None, None)

    def grade(self, pairs: Pairs) -> Levels:
        """Return the level of each pair, shape (n_pairs,)."""
        same, read, heard = map(pairs.equal, (self.written, self.reading, self.sound))
        spelt, spoken = pairs.known(self.written), pairs.known(self.reading)
        crossed = self._crossed(pairs)
        surely, perhaps = crossed[0] | crossed[1] | (read & ~spelt), crossed[2] | (heard & ~spelt)
        open_ = ~(same | read | surely | perhaps)
        alike = heard | (pairs.apply(self.reading, _likeness, open_) >= _ALIKE)
        alike |= pairs.apply(self.written, _one_character_of_three, open_ & ~alike) > 0
        return first_level([same, surely, perhaps, read, alike, spelt | spoken])

    @property
    def sql(self) -> tuple[str, ...]:
        """The condition of each level on a database, see `SqlComparison`."""
        spelt, spoken = _sql.known(self.written), _sql.known(self.reading)
        read, heard = _sql.same(self.reading), _sql.same(self.sound)
        own, other = (self.written, self.reading, self.sound), self.swapped or ()
        crossed = [_sql.crossed(a, b) for a, b in zip(own, other, strict=False)]
        longest = f"greatest(length({_sql.left(self.written)}), length({_sql.right(self.written)}))"
        near = f"({longest} >= 3 AND {_sql.slip(self.written)})"
        return (
            _sql.same(self.written),
            " OR ".join([f"({read} AND NOT {spelt})", *crossed[:2]]),
            " OR ".join([f"({heard} AND NOT {spelt})", *crossed[2:]]),
            read,
            f"{heard} OR {_sql.alike(self.reading, _ALIKE)} OR {near}",
            f"{spelt} OR {spoken}",
        )

    def _crossed(self, pairs: Pairs) -> tuple[NDArray[np.bool_], ...]:
        """Return which pairs have the two names swapped, by characters, reading and sound."""
        if self.swapped is None:
            return (np.zeros(len(pairs), dtype=np.bool_),) * 3
        return tuple(
            pairs.crossed(a, b) & pairs.crossed(b, a) & ~pairs.equal(a)
            for a, b in zip((self.written, self.reading, self.sound), self.swapped, strict=True)
        )


@checked
@dataclass(frozen=True)
class AddressComparison:
    """Grades two addresses, from the same home to elsewhere.

    A room that only one of the addresses names does not count as another room. ``same house
    elsewhere`` and ``alike elsewhere`` have other postcodes: a slip, or the same street in
    another town.

    Examples:
        >>> from omniltv.identity.records.columns import Column
        >>> homes = Column.of(["a1-2 #101", "a1-2", "a1-2 #202", None, "a1-2"])
        >>> columns = {
        ...     "address": homes,
        ...     "house": Column.of(["a1-2", "a1-2", "a1-2", None, "a1-2"]),
        ...     "postcode": Column.of(["1", "1", "1", "1", "2"]),
        ... }
        >>> AddressComparison().grade(Pairs.of(columns, [0, 0, 0, 0], [1, 2, 3, 4])).tolist()
        [0, 1, 5, 2]
    """

    name: str = "address"
    address: str = "address"
    house: str = "house"
    postcode: str = "postcode"
    shared = True
    coincidence = 1e-4
    agreement = 1
    levels = (
        "same house",
        "other room",
        "same house elsewhere",
        "alike",
        "alike elsewhere",
        "same postcode",
        "elsewhere",
    )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read."""
        return (self.house, self.address, self.postcode)

    @property
    def frequency(self) -> tuple[str | None, ...]:
        """A house with many records, such as a block of flats, is weaker evidence."""
        return (self.house, self.house, self.house, None, None, None, None)

    def grade(self, pairs: Pairs) -> Levels:
        """Return the level of each pair, shape (n_pairs,)."""
        same = pairs.equal(self.house)
        apart = same & ~pairs.equal(self.address)
        other = apart & (pairs.apply(self.address, _other_rooms, apart) > 0)
        perhaps = pairs.alike(self.house, ~same, at_least=_SAME_STREET)
        alike = pairs.apply(self.house, _likeness, perhaps) >= _SAME_STREET
        here = pairs.equal(self.postcode)
        there = pairs.known(self.postcode) & ~here
        known = pairs.known(self.house) | pairs.known(self.postcode)
        home = same & ~there
        return first_level([home & ~other, home, same, alike & ~there, alike, here, known])

    @property
    def sql(self) -> tuple[str, ...]:
        """The condition of each level on a database, see `SqlComparison`."""
        rooms = [
            f"contains(coalesce({side(self.address)}, ''), '{_ROOM}')"
            for side in (_sql.left, _sql.right)
        ]
        other = f"({' AND '.join(rooms)} AND NOT {_sql.same(self.address)})"
        same, here = _sql.same(self.house), _sql.same(self.postcode)
        near = f"({here} OR NOT ({_sql.known(self.postcode)}))"
        alike = _sql.alike(self.house, _SAME_STREET)
        known = f"{_sql.known(self.house)} OR {_sql.known(self.postcode)}"
        return (
            f"({same} AND {near} AND NOT {other})",
            f"({same} AND {near})",
            same,
            f"({alike} AND {near})",
            alike,
            here,
            known,
        )


def _other_rooms(left: list[str], right: list[str]) -> Scores:
    """Return 1 if both addresses name a room, else 0; the addresses differ."""
    both = [_ROOM in a and _ROOM in b for a, b in zip(left, right, strict=True)]
    return np.array(both, dtype=np.float32)


def _likeness(left: list[str], right: list[str]) -> Scores:
    return pairwise(left, right, JaroWinkler.normalized_similarity)


def _identifier_slips(left: list[str], right: list[str]) -> Scores:
    """Return edits between two identifiers; taro1@ and taro2@ are different, not a slip."""
    found = slips(left, right)
    for row in np.flatnonzero(found <= 1).tolist():
        if "@" in left[row] and _unnumbered(left[row]) == _unnumbered(right[row]):
            found[row] = np.inf
    return found


def _numbered_sql(column: str) -> str:
    """Return the condition that only the numbers in two e-mail addresses differ."""
    letters = [
        f"regexp_replace({value}, '[0-9._-]', '', 'g')"
        for value in (_sql.left(column), _sql.right(column))
    ]
    return f"(contains({_sql.left(column)}, '@') AND {' = '.join(letters)})"


def _unnumbered(value: str) -> str:
    return _NUMBERING.sub("", value)


def _one_character_of_three(left: list[str], right: list[str]) -> Scores:
    """Return 1 if one kanji differs in a name of three or more, else 0."""
    longest = np.array([max(len(a), len(b)) for a, b in zip(left, right, strict=True)])
    return ((longest >= 3) & (slips(left, right) <= 1)).astype(np.float32)


_FAMILY = ("family_written", "family_reading", "family_sound")
_GIVEN = ("given_written", "given_reading", "given_sound")
DEFAULT_COMPARISONS: tuple[Comparison, ...] = (
    NameComparison("given_name", *_GIVEN, swapped=_FAMILY),
    NameComparison("family_name", *_FAMILY, swapped=_GIVEN, shared=True),
    BirthDateComparison(),
    PhoneComparison(),
    ValueComparison("email", "email", shared=True, slips=True),
    ValueComparison("card_number", "card_number", shared=True, slips=True),
    AddressComparison(),
    ValueComparison("gender", "gender", coincidence=0.5),
    SharedUseComparison(),
)
"""The default comparisons of `stitch`."""
