"""Allocation for millions of customers: prices by dual ascent, then a greedy fill."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from omniltv._arrays import Flags, Vector
from omniltv._options import Few, checked
from omniltv.segmentation.allocation._kernel import exchange, smooth_dual
from omniltv.segmentation.allocation.problem import AllocationProblem, Choice

__all__ = ["DualAscent"]

_SMALL = 20_000
_FINER = 8
_COOLING = (0.1, 0.03, 0.01, 0.003, 0.001)
_COLD = 0.001
_COLDER = (1e-4, 1e-5)
_ITERATIONS = 60
_PASSES = 20


@checked
@dataclass(frozen=True)
class DualAscent:
    """Prices that minimise the dual bound, and offers chosen in the order of priced net gain.

    Every resource gets a price. At these prices, each customer takes the offer with the largest
    net gain less the priced use. The prices minimise the Lagrangian dual function, which is an
    upper bound of the net gain for any prices. The function is smoothed by soft maxima, with
    falling temperatures, and minimised by L-BFGS-B, first on a sample of the customers with
    capacities in proportion, then on larger samples, then on all. The bound that is reported is
    the exact dual function.

    Offers are then chosen by priced net gain, from high to low, if there is room. What remains
    of the capacities goes to further offers in the same order. At last, offers are exchanged
    for better ones that fit. No capacity is ever exceeded. The gap between the bound and the
    net gain is reported; it is usually below .1 % for thousands of customers.

    Attributes:
        iterations: Largest number of steps of L-BFGS-B on each sample after the first, and on all
            customers if they are more than 20,000.
        name: Name in errors.

    Examples:
        >>> from scipy.sparse import csr_array
        >>> calls = AllocationProblem(
        ...     np.random.default_rng(1).random(1000), np.arange(1001),
        ...     csr_array(np.ones((1000, 1))), np.array([100.0]))
        >>> found = DualAscent().solve(calls)
        >>> int(found.chosen.sum())
        100
    """

    iterations: Few = 8
    name: str = "dual ascent"

    def solve(self, problem: AllocationProblem) -> Choice:
        """Return the chosen offers, shadow prices and an upper bound of the net gain.

        Args:
            problem: The problem.
        """
        prices = self._prices(problem)
        return Choice(_chosen(problem, prices), prices, problem.bound(prices))

    def _prices(self, problem: AllocationProblem) -> Vector:
        prices = np.zeros(len(problem.capacity))
        if not len(prices) or not problem.possible.any():
            return prices
        for level, part in enumerate(_levels(problem)):
            steps = self.iterations if level else _ITERATIONS
            for temperature in _cooling(problem, level):
                prices = _descend(part, prices, temperature, steps)
        return prices


def _cooling(problem: AllocationProblem, level: int) -> tuple[float, ...]:
    """Return the temperatures of a level, in units of the mean net gain."""
    if level:
        return (_COLD,)
    return _COOLING if len(problem.start) > _SMALL else (*_COOLING, *_COLDER)


def _levels(problem: AllocationProblem) -> Iterator[AllocationProblem]:
    """Yield the possible offers of growing samples of the groups, at last of all."""
    groups = len(problem.start) - 1
    rank = np.random.default_rng(0).permutation(groups)
    share = 1.0
    while groups * share > _SMALL:
        share /= _FINER
    while share <= 1.0:
        inside = rank < groups * share
        yield problem.selected(problem.possible, inside, problem.limit * inside.mean())
        share *= _FINER


def _descend(problem: AllocationProblem, prices: Vector, temperature: float, steps: int) -> Vector:
    """Return prices of a lower smoothed dual function, of shape (n_resources,)."""
    use = problem.use
    squares = np.bincount(use.indices, weights=use.data**2, minlength=len(prices))
    scale = np.sqrt(np.where(squares > 0, squares, 1.0))
    unit = float(problem.net.mean()) if len(problem.net) else 1.0

    def dual(scaled: Vector) -> tuple[float, Vector]:
        now = scaled / scale
        gradient = problem.capacity.copy()
        soft = smooth_dual(
            problem.reduced(now), problem.start, use.indptr, use.indices, use.data,
            temperature * unit, gradient,
        )  # fmt: skip
        return (soft + float(now @ problem.capacity)) / unit, gradient / scale / unit

    found = minimize(
        dual, prices * scale, jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(prices),
        options={"maxiter": steps, "maxcor": 20, "ftol": 1e-13, "gtol": 1e-9},
    )  # fmt: skip
    return np.asarray(found.x / scale, dtype=np.float64)


def _chosen(problem: AllocationProblem, prices: Vector) -> Flags:
    """Return offers chosen by priced net gain, of shape (n_offers,)."""
    reduced = problem.reduced(prices)
    chosen = problem.fill(problem.falling(reduced, problem.possible & (reduced > 0)))
    free = ~problem.reached(chosen)
    rest = problem.possible & free[problem.group] & problem.fits(problem.room(chosen))
    chosen = problem.fill(problem.falling(reduced, rest), chosen)
    _exchange(problem, chosen)
    return chosen


def _exchange(problem: AllocationProblem, chosen: Flags) -> None:
    """Exchange chosen offers in place, as long as that raises the net gain."""
    use = problem.use
    for _ in range(_PASSES):
        room = problem.room(chosen)
        if not exchange(
            problem.net, problem.start, problem.possible, use.indptr, use.indices, use.data,
            room, chosen,
        ):  # fmt: skip
            return
