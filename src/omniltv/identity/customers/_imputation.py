"""Partitions of records into persons, drawn from their posterior by Gibbs sampling.

The probability of a partition is proportional to 2 to the power of the sum of the weights
(log2 odds) of all compared pairs within its clusters. Pairs that no rule proposed have weight
zero, and every cluster is connected by compared pairs. This is the posterior of a partition if
pairs are independent evidence (Steorts, Hall and Fienberg 2016, A Bayesian Approach to Graphical
Record Linkage and Deduplication, JASA 111(516), draw from a similar posterior).

The sampler moves one record at a time to another cluster or to a new one. It also moves groups
of records with strong links, while their records are in one cluster. A move that would
disconnect a cluster is not made, and neither is its reverse.
"""

# Numba compiles these functions; it has no types that a checker could read.
# mypy: disable-error-code="untyped-decorator"

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Codes
from omniltv._compiled import compiled
from omniltv.identity.linking._graph import UNSURE, components, neighbourhoods
from omniltv.identity.linking.values import DECIDED, ScoredPairs
from omniltv.identity.records.columns import MISSING

__all__ = ["draw_partitions"]

type Weights = NDArray[np.float64]
type Graph = tuple[Codes, Codes, Weights]
type Groups = tuple[Codes, Codes]
type Book = tuple[Codes, Codes, NDArray[np.int64], Codes, Codes]
type Desk = tuple[Weights, Codes, NDArray[np.int64], Codes]

_MOST = 40.0  # largest absolute weight of a pair, in bits
_TIED = (2.0, 6.0, 12.0)  # weights from which linked records are also moved together, in bits
_BURN_IN, _SWEEPS = 30, 10


def draw_partitions(
    pairs: ScoredPairs, start: Codes, unique: Codes, *, k: int, seed: int
) -> NDArray[np.int64]:
    """Return cluster labels of each record in each draw, of shape (k, n_records).

    Args:
        pairs: Scored candidate pairs.
        start: Cluster of each record, of shape (n_records,): the initial state, and the result
            for records without uncertain pairs.
        unique: Code of each record's source if a person has at most one record in it, else
            `MISSING`; of shape (n_records,).
        k: Number of partitions to draw.
        seed: Seed of the draws.
    """
    n = len(start)
    left, right = pairs.candidates.left, pairs.candidates.right
    weight = pairs.weight
    decided = weight > DECIDED / 2
    unique = _excused(unique, left[decided], right[decided])
    weight = np.where(abs(weight) < DECIDED / 2, np.clip(weight, -_MOST, _MOST), weight)
    component = neighbourhoods(pairs, n)
    inside = component[left] == component[right]
    open_ = np.zeros(n, dtype=np.bool_)  # by component
    open_[component[left[inside & (np.abs(weight) < UNSURE)]]] = True
    rows = np.flatnonzero(open_[component])
    labels = np.tile(start, (k, 1))
    if not len(rows):
        return labels
    place = np.full(n, MISSING, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    kept = inside & open_[component[left]]
    graph = _graph(place[left[kept]], place[right[kept]], weight[kept], len(rows))
    groups = _groups(place[left[kept]], place[right[kept]], weight[kept], len(rows))
    first = _connected(start[rows], place[left[kept]], place[right[kept]])
    codes = np.unique(unique[rows], return_inverse=True)[1] - int((unique[rows] < 0).any())
    rng = np.random.default_rng(seed)
    found = _walk(graph, groups, codes.astype(np.int64), first, k, _BURN_IN, _SWEEPS, rng)
    labels[:, rows] = n + np.asarray(found)
    return labels


def _excused(unique: Codes, left: Codes, right: Codes) -> Codes:
    """Return the unique sources; records that decisions link may share a source."""
    if not len(left):
        return unique
    person = components(left, right, len(unique))
    first = np.zeros(len(unique), dtype=np.bool_)
    first[np.unique(np.stack([person, unique]), axis=1, return_index=True)[1]] = True
    return np.where(first, unique, MISSING)


def _connected(start: Codes, left: Codes, right: Codes) -> Codes:
    """Return the initial clusters: the given ones, split into connected components."""
    together = start[left] == start[right]
    return components(left[together], right[together], len(start))


def _graph(left: Codes, right: Codes, weight: Weights, n: int) -> Graph:
    """Return the offsets of each record's neighbours, the neighbours, and the weights."""
    ends, others = np.concatenate([left, right]), np.concatenate([right, left])
    order = np.argsort(ends, kind="stable")
    bounds = np.concatenate([[0], np.cumsum(np.bincount(ends, minlength=n))])
    return bounds.astype(np.int64), others[order], np.tile(weight, 2)[order] * np.log(2.0)


def _groups(left: Codes, right: Codes, weight: Weights, n: int) -> Groups:
    """Return the offsets and members of the groups: single records and linked records."""
    sizes, members = [np.ones(n, dtype=np.int64)], [np.arange(n)]
    for tie in _TIED:
        group = components(left[weight >= tie], right[weight >= tie], n)
        size = np.bincount(group)
        order = np.argsort(group, kind="stable")
        sizes.append(size[size > 1])
        members.append(order[size[group[order]] > 1])
    return np.cumsum([0, *np.concatenate(sizes)]), np.concatenate(members)


@compiled()
def _walk(
    graph: Graph, groups: Groups, codes: Codes, first: Codes, k: int, burn_in: int, sweeps: int,
    rng: np.random.Generator,
) -> NDArray[np.int64]:  # fmt: skip
    """Return k partitions, ``sweeps`` apart, of shape (k, n)."""
    n, (bounds, members) = len(first), groups
    label, result = first.copy(), np.empty((k, n), dtype=np.int64)
    size = np.bincount(label, minlength=n + 1)
    n_codes = int(codes.max()) + 1
    held = np.zeros((n + 1, max(n_codes, 1)), dtype=np.int64)
    _hold(codes, held, np.arange(n), label, 1)
    empty = np.flatnonzero(size == 0)
    spare = np.concatenate((empty, np.empty(n + 1 - len(empty), dtype=np.int64)))
    counts = np.array([len(empty), 0])  # number of unused labels, and of moves tried
    book = (label, size, held, spare, counts)
    marks, stack = np.full((2, n + 1), -1), np.empty(n, dtype=np.int64)
    desk = (np.zeros(n + 1), np.empty(n + 2, dtype=np.int64), marks, stack)
    for sweep in range(burn_in + k * sweeps):
        for group in range(len(bounds) - 1):
            unit = members[bounds[group] : bounds[group + 1]]
            if np.all(label[unit] == label[unit[0]]):
                _step(graph, unit, codes, book, desk, rng)
        if sweep >= burn_in and (sweep - burn_in + 1) % sweeps == 0:
            result[(sweep - burn_in) // sweeps] = label
    return result


@compiled()
def _step(
    graph: Graph, unit: Codes, codes: Codes, book: Book, desk: Desk, rng: np.random.Generator
) -> None:
    """Draw the cluster of a unit: a neighbouring one, a new one, or the same."""
    label, size, held, spare, counts = book
    gained, choice, marks, stack = desk
    home = int(label[unit[0]])
    left = int(size[home]) - len(unit)
    counts[1] += 1
    label[unit] = -1
    found, beside = _look_around(graph, unit, home, label, gained, choice, marks[0], counts[1])
    if left and not _in_one_piece(graph, beside, left, label, marks[1], counts[1], stack):
        label[unit] = home
        return
    choice[0] = spare[counts[0] - 1] if left else home
    _hold(codes, held, unit, np.full(len(unit), home), -1)
    new = _pick(unit, codes, held, gained, choice[:found], rng)
    if new != home and size[new] == 0:
        counts[0] -= 1
    if new != home and not left:
        spare[counts[0]] = home
        counts[0] += 1
    label[unit] = new
    size[home] -= len(unit)
    size[new] += len(unit)
    _hold(codes, held, unit, label[unit], 1)


@compiled()
def _hold(codes: Codes, held: NDArray[np.int64], unit: Codes, where: Codes, by: int) -> None:
    """Add to the number of records per cluster and unique source."""
    for place, record in enumerate(unit):
        if codes[record] >= 0:
            held[where[place], codes[record]] += by


@compiled()
def _look_around(
    graph: Graph, unit: Codes, home: int, label: Codes, gained: Weights, choice: Codes,
    met: Codes, tick: int,
) -> tuple[int, int]:  # fmt: skip
    """Write the neighbouring clusters of a unit, from the second choice on, and their weights.

    Return the number of choices, and a neighbour in the unit's own cluster (or -1).
    """
    bounds, others, weights = graph
    beside, n = -1, 1
    for i in unit:
        for edge in range(bounds[i], bounds[i + 1]):
            where = label[others[edge]]
            if where < 0:
                continue
            if met[where] != tick:
                met[where] = tick
                gained[where] = 0.0
                choice[n] = where
                n += 1
            gained[where] += weights[edge]
            if where == home:
                beside = others[edge]
    return n, beside


@compiled()
def _in_one_piece(
    graph: Graph, begin: int, n: int, label: Codes, met: Codes, tick: int, stack: Codes
) -> bool:
    """Return whether the n records of a cluster are connected, searching from one of them."""
    if begin < 0:
        return False
    bounds, others, _ = graph
    stack[0], top, found = begin, 1, 1
    met[begin] = tick
    while top > 0:
        top -= 1
        here = stack[top]
        for edge in range(bounds[here], bounds[here + 1]):
            other = others[edge]
            if label[other] == label[begin] and met[other] != tick:
                met[other] = tick
                stack[top] = other
                top += 1
                found += 1
    return found == n


@compiled()
def _pick(
    unit: Codes, codes: Codes, held: NDArray[np.int64], gained: Weights, choice: Codes,
    rng: np.random.Generator,
) -> int:  # fmt: skip
    """Return a cluster: the first choice, of weight zero, or a neighbouring one."""
    weight = np.zeros(len(choice))
    for c in range(1, len(choice)):
        weight[c] = gained[choice[c]]
        for i in unit:
            if codes[i] >= 0 and held[choice[c], codes[i]] > 0:
                weight[c] = -np.inf
    share = np.cumsum(np.exp(weight - weight.max()))
    return int(choice[np.searchsorted(share, rng.random() * share[-1], side="right")])
