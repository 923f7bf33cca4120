"""Customer ids that depend only on the records and are stable over runs."""

from collections.abc import Container, Iterator, Sequence
from hashlib import blake2b
from itertools import count

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv._arrays import Codes
from omniltv.identity.records._codes import factorized, objects
from omniltv.identity.records.columns import Column

__all__ = ["customer_ids"]

type Texts = NDArray[np.object_]

_BYTES = 8
_LETTERS = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz234567", dtype=np.uint8)
_SHIFTS = np.arange(59, 0, -5, dtype=np.uint64)  # base 32: twelve times five bits, then four


def customer_ids(
    keys: Sequence[Texts],
    clusters: Codes,
    previous: Texts,
    taken: Container[str],
    *,
    prefix: str = "c",
) -> Texts:
    """Return the customer id of each record, of shape (n_records,).

    A cluster keeps the previous id of most of its records. If two clusters claim one id,
    the larger overlap gets it, then the smaller first key. The id of a new customer is
    derived from its first record.

    Args:
        keys: Source and id within it of each record, of shape (n_records,) each, sorted.
        clusters: Cluster of each record.
        previous: Customer id of each record in the previous run, None if it had none.
        taken: Ids that new customers cannot get: all that were given out before.
        prefix: Prefix of new ids.
    """
    number = pd.factorize(clusters)[0].astype(np.int64)
    first = np.flatnonzero(~pd.Series(number).duplicated().to_numpy())
    names = _kept(number, first, previous)
    new = np.flatnonzero(pd.isna(names))
    wanted = _names([key[first[new]] for key in keys], prefix)
    free = np.array([name not in taken for name in wanted.tolist()], dtype=np.bool_)
    free &= ~pd.Series(wanted).duplicated().to_numpy()
    names[new[free]] = wanted[free]
    others = new[~free]
    if len(others):
        gone = {*names[pd.notna(names)].tolist()}
        for cluster, rows in zip(others, Column(number, names).rows_of(others), strict=True):
            more = _more([key[rows] for key in keys], prefix)
            names[cluster] = next(name for name in more if name not in gone and name not in taken)
            gone.add(names[cluster])
    return names[number]


def _kept(number: Codes, first: NDArray[np.intp], previous: Texts) -> Texts:
    """Return the previous id that each cluster keeps, None if it keeps none."""
    names = np.full(len(first), None, dtype=object)
    code, known = factorized(previous)
    had = code >= 0
    width = max(len(known), 1)
    pair, having = np.unique(number[had] * width + code[had], return_counts=True)
    cluster, name = np.divmod(pair, width)
    rank = np.argsort(np.argsort(known, kind="stable"), kind="stable")
    order = np.lexsort((rank[name], first[cluster], -having))
    given = np.zeros(width, dtype=np.bool_)
    for own, claimed in zip(cluster[order].tolist(), name[order].tolist(), strict=True):
        if names[own] is None and not given[claimed]:
            names[own] = known[claimed]
            given[claimed] = True
    return names


def _more(keys: Sequence[Texts], prefix: str) -> Iterator[str]:
    """Yield names from the records of a customer in turn, without end."""
    for number in count():
        yield from _names(keys, prefix, number).tolist()


def _names(keys: Sequence[Texts], prefix: str, number: int = 0) -> Texts:
    """Return a name for each of some records: a hash of its key in base 32."""
    end = str(number) if number else ""
    written = ("\x1f".join((*key, end)) for key in zip(*keys, strict=True))
    digests = b"".join(map(_digest, written))
    bits = np.frombuffer(digests, dtype=">u8").astype(np.uint64)
    fives = [(bits >> shift) & np.uint64(31) for shift in _SHIFTS]
    last = (bits & np.uint64(15)) << np.uint64(1)
    letters = np.stack([_LETTERS[five] for five in (*fives, last)], axis=1)
    texts = np.ascontiguousarray(letters).view(f"S{letters.shape[1]}").ravel().astype(str)
    return objects(prefix + text for text in texts.tolist())


def _digest(written: str) -> bytes:
    return blake2b(written.encode("utf-8", "surrogatepass"), digest_size=_BYTES).digest()
