"""Text as shapes: a grammar reads each distinct shape once, NumPy reads the digits of all rows.

The shape of a text is the text in lower case and of one width, with ``0`` for every digit:
``"2025/1/5"`` and ``"1999/9/9"`` have the shape ``"0000/0/0"``. A column has many values and
few shapes, so a regular expression is matched once per shape.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv._arrays import Codes, Flags, Integers, Objects
from omniltv._options import checked

__all__ = ["Block", "Shapes", "distinct_texts", "folded"]

type Digits = NDArray[np.uint8]
"""The digit at each character that is one, any number at the others."""

type _Keys = NDArray[np.uint64]
type _Letters = NDArray[np.unsignedinteger]

_BLOCK = 4_096  # rows: what is worked on stays in the cache
_STRETCH = 1 << 17  # rows: their digits fit into the second cache
_SAMPLE, _REPEATED = 10_000, 4  # rows, and how often a text has to be there
_END = "\x1f"
_LAST = 0xFFFF
_BASE = 0x9E3779B97F4A7C15
_DASHES = dict.fromkeys("‐‑‒–—―−", "-") | dict.fromkeys("‘’′`´", "'")  # noqa: RUF001 - the signs that are replaced
_NO_DIGIT = 255
_ZERO, _ASCII = ord("0"), 128
_HAN = (0x3000, 0xA000)  # kana and kanji: none of these is a digit
_USUAL = 256  # shapes that are looked up by bisection, the others by hash


@checked
@dataclass(frozen=True, eq=False)
class Shapes:
    """The shape of each text of a column, and the digits of all texts.

    Attributes:
        texts: The distinct shapes.
        codes: Position of each row's shape in ``texts``, of shape (n_rows,).
        first: A row of each shape, of shape (n_shapes,).
        starts: Position of each row's first character in ``digits``, of shape (n_rows,).
        digits: The digit at each character of all texts that is one; any number at the others.

    Examples:
        >>> import numpy as np
        >>> shapes = Shapes.of(np.array(["2025/1/5", "1999/9/9", "n/a"], dtype=object))
        >>> shapes.texts, shapes.codes.tolist()
        (('0000/0/0', 'n/a'), [0, 0, 1])
        >>> shapes.numbers([range(4), ()]).tolist()
        [2025, 1999, 0]
    """

    texts: tuple[str, ...]
    codes: Codes
    first: Codes
    starts: Codes
    digits: Digits

    @classmethod
    def of(cls, texts: Objects) -> "Shapes":
        """Return the shapes of texts, of shape (n_rows,)."""
        codes, starts = (np.empty(len(texts), dtype=np.int64) for _ in range(2))
        known = _Numbers()
        parts, end = [np.zeros(0, dtype=np.uint8)], 0
        for at in range(0, len(texts), _BLOCK):
            rows = slice(at, at + _BLOCK)
            block = texts[rows].tolist()
            keys, offsets, digits = _block(block)
            codes[rows] = known.of(keys, block, at)
            starts[rows] = offsets + end
            parts.append(digits)
            end += len(digits)
        return cls(
            texts=tuple(known.shapes),
            codes=codes,
            first=np.array(known.first, dtype=np.int64),
            starts=starts,
            digits=np.concatenate(parts),
        )

    def grouped(self, groups: Sequence[int]) -> "Shapes":
        """Return shapes in groups, as if those of one group were one shape.

        Args:
            groups: For each shape, the number of its group, without gaps from 0.
        """
        lead = dict(zip(reversed(groups), reversed(range(len(groups))), strict=True))
        shapes = [lead[group] for group in range(len(lead))]
        return replace(
            self,
            texts=tuple(self.texts[shape] for shape in shapes),
            codes=np.array([*groups, 0], dtype=np.int64)[self.codes],
            first=self.first[shapes],
        )

    @cached_property
    def counts(self) -> Integers:
        """Number of rows of each shape, of shape (n_shapes,)."""
        return np.bincount(self.codes, minlength=len(self.texts)).astype(np.int64)

    @cached_property
    def _order(self) -> tuple[Codes, Integers]:
        """Rows sorted by stretch and shape, and where the rows of each stretch and shape end.

        The rows of a stretch are near each other in memory, so that it is read once.
        """
        small = self.codes.astype(np.min_scalar_type(len(self.texts)))
        orders, counts = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
        for at in range(0, len(small), _STRETCH):
            part = small[at : at + _STRETCH]
            alike = len(self.texts) == 1
            orders.append((np.arange(len(part)) if alike else np.argsort(part, kind="stable")) + at)
            counts.append(np.bincount(part, minlength=len(self.texts)))
        ends = np.cumsum(np.concatenate(counts)).reshape(-1, max(len(self.texts), 1))
        return np.concatenate(orders), ends

    def numbers(self, places: Sequence[Sequence[int]]) -> Integers:
        """Return the whole number that some digits of each row make, of shape (n_rows,).

        Args:
            places: For each shape, the positions of the digits; 0 is read if there are none.
        """
        result = np.zeros(len(self.codes), dtype=np.int64)
        for shape, where in enumerate(places):
            for rows, block in self.blocks(shape) if len(where) else ():
                result[rows] = block.number(where)
        return result

    def blocks(self, shape: int) -> Iterator[tuple[Codes, "Block"]]:
        """Yield rows of a shape and their digits, some thousand at a time, to stay in the cache.

        Args:
            shape: Position of the shape.
        """
        order, ends = self._order
        counts = np.diff(ends.ravel(), prepend=0).reshape(ends.shape)
        for stop, count in zip(ends[:, shape].tolist(), counts[:, shape].tolist(), strict=True):
            for at in range(stop - count, stop, _BLOCK):
                rows = order[at : min(at + _BLOCK, stop)]
                yield rows, Block(self.digits, self.starts[rows])

    def each(self, flags: Sequence[bool]) -> Flags:
        """Return which rows have a shape that is flagged, of shape (n_rows,)."""
        if not any(flags):
            return np.zeros(len(self.codes), dtype=bool)
        if all(flags):
            return np.ones(len(self.codes), dtype=bool)
        return np.array(flags)[self.codes]


@dataclass(frozen=True, eq=False, slots=True)
class Block:
    """Some texts of one shape.

    Attributes:
        digits: The digits of all texts of the column.
        starts: Where each of these texts starts, of shape (n_rows,).
    """

    digits: Digits
    starts: Codes

    def number(self, where: Sequence[int]) -> Integers:
        """Return the whole number that digits of each text make, of shape (n_rows,); 0 for none.

        Examples:
            >>> Block(np.array([1, 255, 2, 3, 255, 4], dtype=np.uint8), np.array([0, 3])).number(
            ...     [0, 2]).tolist()
            [12, 34]
        """
        if not len(where):
            return np.zeros(len(self.starts), dtype=np.int64)
        number = self.digits[where[0] :][self.starts].astype(_fitting(len(where)))
        for place in where[1:]:
            number *= 10
            number += self.digits[place:][self.starts]
        return number.astype(np.int64)


def distinct_texts(texts: Objects) -> tuple[Codes, Objects] | None:
    """Return codes of texts and the distinct ones; None if too many differ to be worth it.

    The number of distinct texts is estimated from the pairs of equal ones in a sample.

    Examples:
        >>> codes, texts = distinct_texts(np.array(["1/5", "1/6"] * 10_000, dtype=object))
        >>> len(codes), texts.tolist()
        (20000, ['1/5', '1/6'])
    """
    sample = texts[:: max(len(texts) // _SAMPLE, 1)].tolist()
    seen = len({*sample})
    equal = len(sample) - seen
    estimate = seen if equal > seen else len(sample) ** 2 / (2 * max(equal, 1))
    if len(texts) < _SAMPLE or estimate * _REPEATED > len(texts):
        return None
    parts = (texts[at : at + _STRETCH].tolist() for at in range(0, len(texts), _STRETCH))
    if any("\0" in "".join(part) for part in parts):  # pandas compares up to the first NUL
        return None
    codes, distinct = pd.factorize(texts)
    return codes.astype(np.int64, copy=False), distinct


@checked
def folded(text: str) -> str:
    """Return the shape of a text.

    Examples:
        >>> folded("2025年1月5日"), folded("R7.1.5")
        ('0000年0月0日', 'r0.0.0')
    """
    return "".join(map(chr, _tables().fold[_letters(text.replace(_END, " "))]))


def _fitting(n_digits: int) -> type[np.integer]:
    """Return the smallest type that has all numbers of so many digits."""
    kinds = ((2, np.uint8), (4, np.uint16), (9, np.uint32))
    return next((kind for most, kind in kinds if n_digits <= most), np.int64)


@dataclass(eq=False)
class _Numbers:
    """The numbers of shapes, in the order in which they are found.

    Several keys may have one shape, such as those of ``AM`` and ``am``.

    Attributes:
        shapes: The number of each shape.
        first: A row of each of them.
    """

    shapes: dict[str, int] = field(default_factory=dict)
    first: list[int] = field(default_factory=list)
    _number: dict[int, int] = field(default_factory=dict)  # by key
    _usual: _Keys = field(default_factory=lambda: np.zeros(1, dtype=np.uint64))  # sorted
    _of_usual: Codes = field(default_factory=lambda: np.full(1, -1, dtype=np.int64))

    def of(self, keys: _Keys, texts: Sequence[str], at: int) -> Codes:
        """Return the number of each key of a block, or of the one key of all its texts.

        Args:
            keys: The keys.
            texts: The texts of the block.
            at: Row of the first text.
        """
        place = np.searchsorted(self._usual, keys)
        numbers = self._of_usual.take(place, mode="clip")
        rest = np.flatnonzero((self._usual.take(place, mode="clip") != keys) | (numbers < 0))
        if len(rest):
            numbers[rest] = self._looked_up(keys[rest], rest, texts, at)
        return numbers

    def _looked_up(self, keys: _Keys, rows: Codes, texts: Sequence[str], at: int) -> Codes:
        known = len(self._number)
        local, distinct = pd.factorize(keys)
        numbers = np.empty(len(distinct), dtype=np.int64)
        for place, key in enumerate(distinct.tolist()):
            if key not in self._number:
                self._add(key, int(rows[np.argmax(local == place)]), texts, at)
            numbers[place] = self._number[key]
        if known < len(self._number) <= _USUAL:
            self._usual = np.array(sorted(self._number), dtype=np.uint64)
            self._of_usual = np.array([self._number[key] for key in self._usual.tolist()])
        return numbers[local]

    def _add(self, key: int, row: int, texts: Sequence[str], at: int) -> None:
        number = self._number[key] = self.shapes.setdefault(folded(texts[row]), len(self.shapes))
        if number == len(self.first):
            self.first.append(at + row)


def _block(texts: Sequence[str]) -> tuple[_Keys, Codes, Digits]:
    """Return a key of each text's shape, or the one of all, the starts of texts, and the digits."""
    letters = _letters(_END.join([*texts, ""]))
    zeroed, digits = _zeroed(letters)
    if len(alike := _starts_if_alike(zeroed, len(texts))):
        return _keys(zeroed[: len(letters) // len(texts)], alike[:1]), alike, digits
    starts = np.append(0, np.flatnonzero(letters == ord(_END)) + 1).astype(np.int64)
    if len(starts) != len(texts) + 1:
        return _block([text.replace(_END, " ") for text in texts])
    return _keys(zeroed, starts[:-1]), starts[:-1], digits


def _starts_if_alike(zeroed: _Letters, n_texts: int) -> Codes:
    """Return where texts of one shape start, of shape (n_texts,); (0,) if they have several."""
    width, rest = divmod(len(zeroed), n_texts)
    if not rest:
        rows = zeroed.reshape(-1, width)
        ends = np.flatnonzero(rows[0] == ord(_END))
        if ends.tolist() == [width - 1] and (rows == rows[0]).all():
            return np.arange(0, len(zeroed), width, dtype=np.int64)
    return np.zeros(0, dtype=np.int64)


def _zeroed(letters: _Letters) -> tuple[_Letters, Digits]:
    """Return letters with 0 for every digit, and the digits."""
    kind = letters.dtype.type
    digits = letters - kind(_ZERO)
    if kind is np.uint16:
        usual = (letters < _ASCII) | (letters - kind(_HAN[0]) < _HAN[1] - _HAN[0])
        if not usual.all():
            return _tables().fold.take(letters), _tables().digit.take(letters)
    decimal = -(digits < 10).astype(kind)  # all bits, or none
    return letters - (digits & decimal), digits.astype(np.uint8, copy=False)


def _letters(text: str) -> _Letters:
    if text.isascii():
        return np.frombuffer(text.encode("ascii"), dtype=np.uint8)
    return np.frombuffer(text.encode("utf-16-le", "surrogatepass"), dtype=np.uint16)


def _keys(letters: _Letters, starts: Codes) -> _Keys:
    """Return a 64-bit polynomial hash of each stretch of characters."""
    power, inverse = _powers(1 << len(letters).bit_length())
    terms = np.multiply(letters, power[: len(letters)], dtype=np.uint64)
    return np.add.reduceat(terms, starts) * inverse[starts]


@cache
def _powers(size: int) -> tuple[_Keys, _Keys]:
    """Return the first powers of an odd base and of its inverse, modulo 2**64."""
    bases = (_BASE, pow(_BASE, -1, 2**64))
    power, inverse = (np.full(size, base, dtype=np.uint64) for base in bases)
    power[0] = inverse[0] = 1
    return np.cumprod(power, dtype=np.uint64), np.cumprod(inverse, dtype=np.uint64)


@dataclass(frozen=True, eq=False)
class _Tables:
    """What each character of the basic plane stands for, each of shape (65536,).

    Attributes:
        fold: The character in a shape.
        digit: The value as a digit, 255 if it is none.
    """

    fold: NDArray[np.uint16]
    digit: Digits


@cache
def _tables() -> _Tables:
    fold = np.arange(_LAST + 1, dtype=np.uint16)
    digit = np.full(_LAST + 1, _NO_DIGIT, dtype=np.uint8)
    for point in range(_LAST + 1):
        letter = _folded_letter(chr(point))
        if letter.isdecimal():
            digit[point] = unicodedata.decimal(letter)
            letter = "0"
        fold[point] = ord(letter)
    return _Tables(fold, digit)


def _folded_letter(letter: str) -> str:
    plain = unicodedata.normalize("NFKC", _DASHES.get(letter, letter)).lower()
    plain = _DASHES.get(plain, plain)
    if len(plain) != 1 or ord(plain) > _LAST:
        return letter
    invisible = unicodedata.category(plain) in ("Cc", "Cf", "Zs", "Zl", "Zp") and letter != _END
    return " " if invisible else plain
