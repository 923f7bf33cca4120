"""Salted hashes of ids as numbers in [0, 1), and places that are dealt out within strata."""

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

__all__ = ["dealt", "uniform"]


def uniform(keys: Iterable[object], salt: str) -> NDArray[np.float64]:
    """Return the salted hash of each key as a number in [0, 1).

    Examples:
        >>> uniform([7, "7"], "spring").round(6).tolist()
        [0.703591, 0.703591]
    """
    start = blake2b(salt.encode() + b"\x00", digest_size=8)

    def number(key: object) -> int:
        state = start.copy()
        state.update(str(key).encode())
        return int.from_bytes(state.digest()) >> 11  # the 53 bits that a float holds

    return np.fromiter(map(number, keys), dtype=np.float64) / 2**53


def dealt(place: NDArray[np.float64], stratum: NDArray[np.str_], salt: str) -> NDArray[np.float64]:
    """Return evenly spaced places in [0, 1) within each stratum, in the order of the hashes.

    Places are (rank + offset) / size, with a hashed offset per stratum (systematic
    sampling), so the probability of an arm is its share, even in a stratum of one customer.

    Examples:
        >>> dealt(np.array([0.9, 0.2]), np.array(["x", "x"]), "spring").round(3).tolist()
        [0.738, 0.238]
    """
    names, code, size = np.unique(stratum, return_inverse=True, return_counts=True)
    offset = uniform(names.tolist(), f"{salt}/offset")
    order = np.lexsort((place, code))
    first = np.cumsum(size) - size
    rank = np.empty(len(place))
    rank[order] = np.arange(len(place)) - first[code[order]]
    return (rank + offset[code]) / size[code]
