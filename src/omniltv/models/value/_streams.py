"""Random streams of rows, keyed by the identity of a row and not by its position.

A counter-based generator (Salmon, Moraes, Dror and Shaw 2011, Parallel Random Numbers: As
Easy as 1, 2, 3, SC11) returns the n-th number of a stream as a function of a key and of n.
Philox4x64-10 has a key of 128 bits and a counter of 256 bits. The key is a hash of the seed
and of the purpose of the numbers. The upper half of the counter is a hash of the customer's
id and the group labels of the row; the lower half counts. The numbers of a row therefore
depend only on the seed and the row, and the streams of two rows do not overlap.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

__all__ = ["RowNames", "Streams"]

_BITS = np.dtype("<u8")
_BUFFERED = 4  # numbers per call of Philox


@dataclass(frozen=True, eq=False)
class RowNames:
    """Names of the streams of rows: the customer's id and the row's group labels.

    Ids are compared as text: the customer 17 is the customer "17".

    Attributes:
        customer_id: Customer of each row, of shape (n_rows,).
        groups: Group columns by name, each of shape (n_rows,).

    Examples:
        >>> ids = np.array([17, "17", 18], dtype=object)
        >>> first, same, other = RowNames(ids, {}).counters(np.arange(3)).tolist()
        >>> first == same, first == other
        (True, False)
    """

    customer_id: NDArray[np.object_]
    groups: Mapping[str, NDArray[np.str_]]

    def counters(self, rows: NDArray[np.intp]) -> NDArray[np.uint64]:
        """Return the upper half of the counter of each row's stream, of shape (len(rows), 2)."""
        columns = [(name, self.groups[name]) for name in sorted(self.groups)]
        digests = []
        for row in rows.tolist():
            parts = [str(self.customer_id[row])]
            for name, labels in columns:
                parts += [name, str(labels[row])]
            digests.append(_digest(*parts))
        return np.frombuffer(b"".join(digests), _BITS).reshape(-1, 2).astype(np.uint64)


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
        digest = _digest(self.purpose, str(int(self.seed)))
        object.__setattr__(self, "_key", np.frombuffer(digest, _BITS).astype(np.uint64))
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


def _digest(*parts: str) -> bytes:
    """Return a hash of texts with 128 bits; lengths distinguish ("ab", "c") from ("a", "bc")."""
    found = blake2b(digest_size=16)
    for part in parts:
        text = part.encode("utf-8", "surrogatepass")
        found.update(len(text).to_bytes(8, "little"))
        found.update(text)
    return found.digest()
