"""Uniform random numbers of a world, keyed by person, day and purpose."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Integers, Places, Vector
from omniltv._streams import Streams, digest

__all__ = ["Dice"]

_GOLDEN = 0x9E3779B97F4A7C15
_SHIFTS = tuple(np.uint64(bits) for bits in (30, 27, 31, 11))
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


@dataclass(frozen=True, eq=False)
class Dice:
    """Uniform numbers: the n-th of a stream belongs to the n-th person.

    A number depends on the seed, the purpose, the day, the turn and the person only. What a
    plan does to one person therefore changes no number of anybody else.

    `roll` is for numbers that everybody needs: one Philox stream per purpose and day. `pick`
    is for the few who buy or are contacted: a Philox number per person and day is the seed of
    a SplitMix64 stream (Steele, Lea and Flood 2014, OOPSLA), and the purpose is the place in it.

    Attributes:
        seed: Seed of all streams.
        people: Number of people.
    """

    seed: int
    people: int
    _streams: dict[str, Streams] = field(default_factory=dict, repr=False)
    _places: dict[str, int] = field(default_factory=dict, repr=False)
    _seeds: dict[int, NDArray[np.uint64]] = field(default_factory=dict, repr=False)

    def roll(self, purpose: str, day: int = 0, turn: int = 0) -> Vector:
        """Return a number in [0, 1) per person, of shape (people,).

        Args:
            purpose: Purpose of the numbers.
            day: Day of the world.
            turn: Number of the roll for this purpose on this day.
        """
        return self._at(purpose, day, turn).random(self.people)

    def pick(self, purpose: str, day: int, rows: Places, turn: int | Integers = 0) -> Vector:
        """Return a number in [0, 1) per row, of the shape of ``rows``.

        Args:
            purpose: Purpose of the numbers.
            day: Day of the world.
            rows: Position of the person of each row.
            turn: Number of the pick for this purpose on this day; one, or one per row.
        """
        if not len(rows):
            return np.empty(0)
        if purpose not in self._places:
            self._places[purpose] = int.from_bytes(digest(purpose)[:8], "little")
        if day not in self._seeds:
            self._seeds.clear()
            drawn = self._at("seed of a day", day, 0)
            self._seeds[day] = drawn.bit_generator.random_raw(self.people)
        first = np.uint64((self._places[purpose] + _GOLDEN) % 2**64)
        mixed = self._seeds[day][rows] + first
        if not isinstance(turn, int):
            mixed += turn.astype(np.uint64) * np.uint64(_GOLDEN)
        elif turn:
            mixed += np.uint64(turn * _GOLDEN % 2**64)
        mixed ^= mixed >> _SHIFTS[0]
        mixed *= _MIX[0]
        mixed ^= mixed >> _SHIFTS[1]
        mixed *= _MIX[1]
        mixed ^= mixed >> _SHIFTS[2]
        return (mixed >> _SHIFTS[3]).astype(np.float64) * 2.0**-53

    def _at(self, purpose: str, day: int, turn: int) -> np.random.Generator:
        if purpose not in self._streams:
            self._streams[purpose] = Streams(self.seed, purpose)
        return self._streams[purpose].at(np.array([day, turn], dtype=np.uint64))
