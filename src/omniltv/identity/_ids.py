"""Customer ids that depend on the records alone and survive the next run."""

from base64 import b32encode
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from hashlib import blake2b

__all__ = ["customer_ids"]

type Key = tuple[str, ...]

_BYTES = 8


def customer_ids[K: Key](
    keys: Sequence[K], clusters: Sequence[int], previous: Mapping[K, str], *, prefix: str = "c"
) -> list[str]:
    """Return the customer id of each record.

    A cluster keeps the previous id that most of its records had; where two clusters
    claim one id the larger overlap has it, then the smaller first key. A new customer
    is named after its first record.

    Args:
        keys: (source, record_id) of each record, sorted.
        clusters: Cluster of each record.
        previous: Customer id by (source, record_id) of the run before.
        prefix: What a new id begins with.
    """
    members: dict[int, list[K]] = defaultdict(list)
    for key, cluster in zip(keys, clusters, strict=True):
        members[cluster].append(key)
    names = _kept(members, previous)
    taken = set(previous.values())
    for cluster, own in members.items():
        if cluster not in names:
            names[cluster] = _fresh(own, taken, prefix)
            taken.add(names[cluster])
    return [names[cluster] for cluster in clusters]


def _kept[K: Key](members: Mapping[int, list[K]], previous: Mapping[K, str]) -> dict[int, str]:
    claims = []
    for cluster, own in members.items():
        overlap = Counter(previous[key] for key in own if key in previous)
        claims += [(-count, own[0], name, cluster) for name, count in overlap.items()]
    names: dict[int, str] = {}
    given = set()
    for _, _, name, cluster in sorted(claims):
        if cluster not in names and name not in given:
            names[cluster] = name
            given.add(name)
    return names


def _fresh(own: Sequence[Key], taken: set[str], prefix: str) -> str:
    """Return the first record's name that is free; an id is never given to somebody else."""
    numbers = range(len(taken) + 1)
    candidates = (f"{prefix}{_name(key, number)}" for number in numbers for key in own)
    return next(name for name in candidates if name not in taken)


def _name(key: Key, number: int) -> str:
    written = "\x1f".join((*key, str(number) if number else ""))
    digest = blake2b(written.encode("utf-8", "surrogatepass"), digest_size=_BYTES).digest()
    return b32encode(digest).decode().rstrip("=").lower()
