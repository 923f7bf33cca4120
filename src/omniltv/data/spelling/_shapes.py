"""Text as shapes: a grammar reads each distinct shape once, NumPy reads the digits of all rows.

The shape of a text is the text in lower case and of one width, with ``0`` for every digit:
``"2025/1/5"`` and ``"1999/9/9"`` have the shape ``"0000/0/0"``. A column has many values and
few shapes, so a regular expression is matched once per shape.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv._arrays import Codes, Flags, Integers, Objects
from omniltv._options import checked

__all__ = ["Block", "Shapes", "distinct_texts", "folded"]

type Digits = NDArray[np.uint8]
"""The digit at each character, a larger number at other characters."""

type _Keys = NDArray[np.uint64]

_BLOCK = 4_096  # rows: what is worked on stays in the cache
_STRETCH = 1 << 17  # rows: their digits fit into the second cache
_SAMPLE, _REPEATED = 10_000, 4  # rows, and how often a text has to be there
_END = "\x1f"
_LAST = 0xFFFF
_BASE = 0x9E3779B97F4A7C15
_DASHES = dict.fromkeys("‐‑‒–—―−", "-") | dict.fromkeys("‘’′`´", "'")  # noqa: RUF001 - the signs that are replaced
_NO_DIGIT = 255


@checked
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
    digits: Digits

    @classmethod
    def of(cls, texts: Objects) -> "Shapes":
        """Return the shapes of texts, of shape (n_rows,)."""
        codes, starts = (np.empty(len(texts), dtype=np.int64) for _ in range(2))
        known: dict[int, int] = {}
        first: list[int] = []
        parts, end = [np.zeros(0, dtype=np.uint8)], 0
        for at in range(0, len(texts), _BLOCK):
            rows = slice(at, at + _BLOCK)
            keys, offsets, digits = _block(texts[rows].tolist())
            codes[rows] = _numbered(keys, at, known, first)
            starts[rows] = offsets + end
            parts.append(digits)
            end += len(digits)
        return cls(
            texts=tuple(map(folded, texts[first].tolist())),
            codes=codes,
            first=np.array(first, dtype=np.int64),
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
        number = np.zeros(len(self.starts), dtype=np.int64)
        for place in where:
            number *= 10
            number += self.digits[self.starts + place]
        return number


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


def _numbered(keys: _Keys, at: int, known: dict[int, int], first: list[int]) -> Codes:
    """Return the number of each key; add those that are new, and the row of each of them.

    Args:
        keys: The keys of a block, or the one key of all its texts.
        at: Row of the first key.
        known: Numbers of the keys so far.
        first: A row of each of them.
    """
    local, distinct = pd.factorize(keys) if len(keys) > 1 else (np.zeros(1, np.int64), keys)
    numbers = np.empty(len(distinct), dtype=np.int64)
    for place, key in enumerate(distinct.tolist()):
        if key not in known:
            known[key] = len(known)
            first.append(at + int(np.argmax(local == place)))
        numbers[place] = known[key]
    return numbers[local]


def _block(texts: list[str]) -> tuple[_Keys, Codes, Digits]:
    """Return a key of each text's shape, or the one of all, the starts of texts, and the digits."""
    joined = _END.join([*texts, ""])
    if joined.count(_END) != len(texts):
        joined = _END.join([*(text.replace(_END, " ") for text in texts), ""])
    if joined.isascii() and (alike := _block_of_one_shape(joined, len(texts))):
        return alike
    letters = _letters(joined)
    starts = np.append(0, np.flatnonzero(letters == ord(_END))[:-1] + 1).astype(np.int64)
    if not joined.isascii():
        return _keys(_tables().key.take(letters), starts), starts, _tables().digit.take(letters)
    plain = np.frombuffer(joined.encode("ascii").translate(_tables().ascii), dtype=np.uint8)
    return _keys(plain, starts), starts, letters.astype(np.uint8) - np.uint8(ord("0"))


def _block_of_one_shape(joined: str, n_texts: int) -> tuple[_Keys, Codes, Digits] | None:
    """Return what `_block` does if all texts have the shape of the first; None otherwise."""
    width, rest = divmod(len(joined), n_texts)
    if rest:
        return None
    letters = joined.encode("ascii")
    plain = np.frombuffer(letters.translate(_tables().ascii), dtype=np.uint8).reshape(-1, width)
    if plain[0, -1] or not (plain == plain[0]).all():
        return None
    key = _keys(plain[0], np.zeros(1, dtype=np.int64))
    starts = np.arange(0, len(letters), width, dtype=np.int64)
    digits = np.frombuffer(letters, dtype=np.uint8) - np.uint8(ord("0"))
    return key, starts, digits


def _letters(text: str) -> NDArray[np.unsignedinteger]:
    if text.isascii():
        return np.frombuffer(text.encode("ascii"), dtype=np.uint8)
    return np.frombuffer(text.encode("utf-16-le", "surrogatepass"), dtype=np.uint16)


def _keys(letters: NDArray[np.unsignedinteger], starts: Codes) -> _Keys:
    """Return a 64-bit polynomial hash of the shape of each stretch of characters."""
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
        key: The same as a number from 1, 0 for the end of a text.
        ascii: The same for ASCII, as `bytes.translate` takes it.
    """

    fold: NDArray[np.uint16]
    digit: Digits
    key: NDArray[np.uint16]
    ascii: bytes


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
    key = np.maximum(fold, 1)
    key[ord(_END)] = 0
    return _Tables(fold, digit, key, bytes(key[:256].clip(0, 255).astype(np.uint8)))


def _folded_letter(letter: str) -> str:
    plain = unicodedata.normalize("NFKC", _DASHES.get(letter, letter)).lower()
    plain = _DASHES.get(plain, plain)
    if len(plain) != 1 or ord(plain) > _LAST:
        return letter
    invisible = unicodedata.category(plain) in ("Cc", "Cf", "Zs", "Zl", "Zp") and letter != _END
    return " " if invisible else plain
