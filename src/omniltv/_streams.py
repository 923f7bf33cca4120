"""Counter-based random streams: the numbers of a row depend on its key, not on its position.

A counter-based generator (Salmon, Moraes, Dror and Shaw 2011, Parallel Random Numbers: As
Easy as 1, 2, 3, SC11) returns the n-th number of a stream as a function of a key and of n.
Philox4x64-10 has a key of 128 bits and a counter of 256 bits. The key is a hash of the seed
and of the purpose of the numbers. The upper half of the counter names a stream; the lower
half counts, so two streams do not overlap.
"""

from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

__all__ = ["BITS", "Streams", "digest"]

BITS = np.dtype("<u8")
"""Byte order of the numbers read from a hash."""

_BUFFERED = 4  # numbers per call of Philox


@dataclass(frozen=True, eq=False)
class Streams:
    """The streams of a seed and a purpose: one generator, which is set to each stream in turn.

    Not thread-safe. Make one per thread; this takes microseconds.

    Attributes:
        seed: Any integer.
        purpose: Purpose of the numbers; different purposes have different streams.

    Examples:
        >>> streams, counter = Streams(1, "future"), np.array([5, 6], dtype=np.uint64)
        >>> once = streams.at(counter).random(3)
        >>> bool((streams.at(counter).random(3) == once).all())
        True
    """

    seed: int
    purpose: str
    _bits: np.random.Philox = field(init=False)
    _generator: np.random.Generator = field(init=False)
    _key: NDArray[np.uint64] = field(init=False)

    def __post_init__(self) -> None:
        hashed = digest(self.purpose, str(int(self.seed)))
        object.__setattr__(self, "_key", np.frombuffer(hashed, BITS).astype(np.uint64))
        object.__setattr__(self, "_bits", np.random.Philox(0))
        object.__setattr__(self, "_generator", np.random.Generator(self._bits))

    def at(self, counter: NDArray[np.uint64]) -> np.random.Generator:
        """Return the generator at the start of the stream of a row.

        Args:
            counter: The upper half of the stream's counter, of shape (2,).
        """
        start = np.array([0, 0, *counter], dtype=np.uint64)
        self._bits.state = {
            "bit_generator": "Philox",
            "state": {"counter": start, "key": self._key},
            "buffer": np.zeros(_BUFFERED, dtype=np.uint64),
            "buffer_pos": _BUFFERED,  # discard numbers of the previous stream
            "has_uint32": 0,
            "uinteger": 0,
        }
        return self._generator


def digest(*parts: str) -> bytes:
    """Return a hash of texts with 128 bits; lengths distinguish ("ab", "c") from ("a", "bc")."""
    found = blake2b(digest_size=16)
    for part in parts:
        text = part.encode("utf-8", "surrogatepass")
        found.update(len(text).to_bytes(8, "little"))
        found.update(text)
    return found.digest()
