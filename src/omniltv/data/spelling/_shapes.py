"""Text as shapes: a grammar reads each distinct shape once, NumPy reads the digits of all rows.

The shape of a text is the text in lower case and of one width, with ``0`` for every digit:
``"2025/1/5"`` and ``"1999/9/9"`` have the shape ``"0000/0/0"``. A column has many values and
few shapes, so a regular expression is matched once per shape.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv._arrays import Codes, Flags, Integers, Objects

__all__ = ["Shapes", "folded"]

type _Digits = NDArray[np.uint8]
type _Keys = NDArray[np.uint64]

_BLOCK = 4_096  # rows: what is worked on stays in the cache
_END = "\x1f"
_LAST = 0xFFFF
_BASE = 0x9E3779B97F4A7C15
_DASHES = dict.fromkeys("‐‑‒–—―−", "-") | dict.fromkeys("‘’′`´", "'")  # noqa: RUF001
_NO_DIGIT = 255


@dataclass(frozen=True, eq=False)
class Shapes:
    """The shape of each text of a column, and the digits of all texts.

    Attributes:
        texts: The distinct shapes.
        codes: Position of each row's shape in ``texts``, of shape (n_rows,).
        first: A row of each shape, of shape (n_shapes,).
        starts: Position of each row's first character in ``digits``, of shape (n_rows,).
        digits: The digit at each character of all texts; any larger number at other characters.

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
    digits: _Digits

    @classmethod
    def of(cls, texts: Objects) -> "Shapes":
        """Return the shapes of texts, of shape (n_rows,)."""
        blocks = [_block(texts[at : at + _BLOCK].tolist()) for at in range(0, len(texts), _BLOCK)]
        keys = np.concatenate([np.zeros(0, dtype=np.uint64), *(key for key, _, _ in blocks)])
        codes, distinct = pd.factorize(keys)
        first = np.zeros(len(distinct), dtype=np.int64)
        first[codes[::-1]] = np.arange(len(codes))[::-1]
        shift = np.cumsum([0, *(len(digits) for _, _, digits in blocks)])
        starts = [at + offset for (_, at, _), offset in zip(blocks, shift[:-1], strict=True)]
        return cls(
            texts=tuple(map(folded, texts[first].tolist())),
            codes=codes.astype(np.int64),
            first=first,
            starts=np.concatenate([np.zeros(0, dtype=np.int64), *starts]),
            digits=np.concatenate([np.zeros(0, dtype=np.uint8), *(part for _, _, part in blocks)]),
        )

    @cached_property
    def counts(self) -> Integers:
        """Number of rows of each shape, of shape (n_shapes,)."""
        return np.bincount(self.codes, minlength=len(self.texts)).astype(np.int64)

    @cached_property
    def _order(self) -> Codes:
        """Rows sorted by shape."""
        small = self.codes.astype(np.min_scalar_type(len(self.texts)))
        return np.argsort(small, kind="stable").astype(np.int64)

    def numbers(self, places: Sequence[Sequence[int]]) -> Integers:
        """Return the whole number that some digits of each row make, of shape (n_rows,).

        Args:
            places: For each shape, the positions of the digits; 0 is read if there are none.
        """
        result = np.zeros(len(self.codes), dtype=np.int64)
        ends = np.cumsum(self.counts)
        for shape, where in enumerate(places):
            stop = int(ends[shape]) if len(where) else 0
            for at in range(int(ends[shape] - self.counts[shape]), stop, _BLOCK):
                rows = self._order[at : min(at + _BLOCK, stop)]
                result[rows] = self._read(self.starts[rows], where)
        return result

    def _read(self, starts: Codes, where: Sequence[int]) -> Integers:
        number = np.zeros(len(starts), dtype=np.int64)
        for place in where:
            number *= 10
            number += self.digits[starts + place]
        return number

    def each(self, flags: Sequence[bool]) -> Flags:
        """Return which rows have a shape that is flagged, of shape (n_rows,)."""
        return np.array([*flags, False])[self.codes]


def folded(text: str) -> str:
    """Return the shape of a text.

    Examples:
        >>> folded("2025年1月5日"), folded("R7.1.5")
        ('0000年0月0日', 'r0.0.0')
    """
    return "".join(map(chr, _tables().fold[_letters(text.replace(_END, " "))]))


def _block(texts: list[str]) -> tuple[_Keys, Codes, _Digits]:
    """Return a key of each text's shape, where each text starts, and all digits."""
    joined = _END.join([*texts, ""])
    if joined.count(_END) != len(texts):
        joined = _END.join([*(text.replace(_END, " ") for text in texts), ""])
    letters = _letters(joined)
    ends = np.flatnonzero(letters == ord(_END))
    starts = np.append(0, ends[:-1] + 1).astype(np.int64)
    digits = letters - np.uint8(ord("0")) if joined.isascii() else _tables().digit[letters]
    return _keys(letters, starts), starts, digits


def _letters(text: str) -> NDArray[np.unsignedinteger]:
    if text.isascii():
        return np.frombuffer(text.encode("ascii"), dtype=np.uint8)
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    return np.minimum(points, _LAST)


def _keys(letters: NDArray[np.unsignedinteger], starts: Codes) -> _Keys:
    """Return a 64-bit polynomial hash of the shape of each stretch of characters."""
    power, inverse = _powers(1 << len(letters).bit_length())
    terms = _tables().key.take(letters)
    terms *= power[: len(terms)]
    return np.add.reduceat(terms, starts) * inverse[starts]


@cache
def _powers(size: int) -> tuple[_Keys, _Keys]:
    """Return the first powers of an odd base and of its inverse, modulo 2**64."""
    bases = (_BASE, pow(_BASE, -1, 2**64))
    power, inverse = (np.full(size, base, dtype=np.uint64) for base in bases)
    power[0] = inverse[0] = 1
    return np.cumprod(power), np.cumprod(inverse)


@dataclass(frozen=True, eq=False)
class _Tables:
    """What each character of the basic plane stands for, each of shape (65536,).

    Attributes:
        fold: The character in a shape.
        digit: The value as a digit, 255 if it is none.
        key: A random number per character of a shape, 0 for the end of a text.
    """

    fold: NDArray[np.uint16]
    digit: _Digits
    key: _Keys


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
    random = np.random.default_rng(_BASE).integers(1, 2**64, _LAST + 1, dtype=np.uint64)
    random[ord(_END)] = 0
    return _Tables(fold, digit, random[fold])


def _folded_letter(letter: str) -> str:
    plain = unicodedata.normalize("NFKC", _DASHES.get(letter, letter)).lower()
    plain = _DASHES.get(plain, plain)
    if len(plain) != 1 or ord(plain) > _LAST:
        return letter
    invisible = unicodedata.category(plain) in ("Cc", "Cf", "Zs", "Zl", "Zp") and letter != _END
    return " " if invisible else plain
