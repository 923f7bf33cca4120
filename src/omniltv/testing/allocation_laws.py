"""Laws that every allocator must satisfy."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import product

import numpy as np
from scipy.sparse import csr_array

from omniltv._arrays import Flags
from omniltv._options import checked
from omniltv.segmentation.allocation import AllocationProblem, Allocator, Choice

__all__ = ["check_allocator", "random_problem"]

_ROUNDS = 12
_ENUMERATED = 5_000
_CENT = 1e-6


@checked
def check_allocator(
    allocator: Allocator, problems: Iterable[AllocationProblem] | None = None
) -> None:
    """Raise AssertionError if an allocator breaks a law.

    The laws: one boolean per offer; at most one offer per group; no capacity is exceeded; only
    offers with a positive net gain are chosen, and none that would fit is left out for no
    other; prices are finite and not negative; the bound is not below the optimum (enumerated on
    tiny problems) or the net gain; the same problem has the same answer. Without capacities
    nothing that needs them is chosen. With infinite capacities each group gets its best offer.

    Args:
        allocator: The allocator.
        problems: The problems to try it on; random ones if None.

    Examples:
        >>> from omniltv.segmentation.allocation import DualAscent
        >>> check_allocator(DualAscent())
    """
    for problem in _random_problems() if problems is None else problems:
        choice = _check(allocator, problem)
        again = allocator.solve(problem)
        same = np.array_equal(again.chosen, choice.chosen) and again.bound == choice.bound
        assert same, f"{allocator.name} gives another answer to the same problem"
        _check(allocator, replace(problem, capacity=0 * problem.capacity))
        _check_unlimited(allocator, problem)


def random_problem(seed: int, customers: int) -> AllocationProblem:
    """Return a random problem: 1 to 5 offers per customer, up to 6 resources, ties in places.

    Examples:
        >>> problem = random_problem(1, customers=8)
        >>> len(problem.start) - 1
        8
    """
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 6, customers)
    shape = (int(sizes.sum()), int(rng.integers(1, 7)))
    use = rng.integers(0, 10, shape) * (rng.random(shape) < rng.uniform(0.2, 1.0))
    net = rng.lognormal(2.0, rng.uniform(0.1, 1.5), shape[0]) - 2.0
    net = np.round(net) if rng.random() < 0.3 else net
    capacity = np.floor(use.sum(axis=0) * rng.uniform(0.0, 0.6, shape[1]))
    start = np.concatenate(([0], np.cumsum(sizes)))
    return AllocationProblem(net, start, csr_array(use.astype(np.float64)), capacity)


def _random_problems() -> Iterator[AllocationProblem]:
    for seed in range(_ROUNDS):
        yield random_problem(seed, seed % 7)


def _check(allocator: Allocator, problem: AllocationProblem) -> Choice:
    choice, name = allocator.solve(problem), allocator.name
    chosen = np.asarray(choice.chosen)
    assert chosen.dtype == np.bool_, f"{name} does not return one boolean per offer"
    assert chosen.shape == problem.net.shape, f"{name} does not return one boolean per offer"
    per_group = np.bincount(problem.group[chosen], minlength=1)
    assert (per_group <= 1).all(), f"{name} makes two offers to a group"
    assert (problem.used(chosen) <= problem.allowed).all(), f"{name} exceeds a capacity"
    assert (problem.net[chosen] > 0).all(), f"{name} chooses offers without a net gain"
    assert not _left_out(problem, chosen).any(), f"{name} leaves out offers that fit"
    prices = np.asarray(choice.prices)
    assert prices.shape == problem.capacity.shape, f"{name} does not return one price each"
    assert (np.isfinite(prices) & (prices >= 0)).all(), f"{name} has negative or infinite prices"
    least = max(_optimum(problem), float(problem.net[chosen].sum()))
    assert choice.bound >= least - _CENT, f"{name} has a bound below the optimum"
    return choice


def _left_out(problem: AllocationProblem, chosen: Flags) -> Flags:
    """Return which offers fit into the room left, of groups without an offer."""
    room = problem.capacity - problem.used(chosen)
    return (problem.net > _CENT) & ~problem.reached(chosen)[problem.group] & problem.fits(room)


def _check_unlimited(allocator: Allocator, problem: AllocationProblem) -> None:
    free = replace(problem, capacity=np.full(len(problem.capacity), np.inf))
    choice = _check(allocator, free)
    best = np.zeros(len(free.start) - 1)
    np.maximum.at(best, free.group, free.net)
    short = best.sum() - free.net[choice.chosen].sum()
    assert short <= _CENT, f"{allocator.name} misses the best offers without limits"


def _optimum(problem: AllocationProblem) -> float:
    """Return the optimum by enumeration; 0 if there are too many choices."""
    sizes = np.diff(problem.start)
    if np.prod(sizes + 1.0) > _ENUMERATED:
        return 0.0
    spans = zip(problem.start[:-1].tolist(), problem.start[1:].tolist(), strict=True)
    best, use = 0.0, problem.use.toarray()
    for picks in product(*[(None, *range(first, end)) for first, end in spans]):
        rows = [pick for pick in picks if pick is not None]
        if (use[rows].sum(axis=0) <= problem.capacity).all():
            best = max(best, float(problem.net[rows].sum()))
    return best
