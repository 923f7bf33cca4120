"""Exact allocation of small problems by mixed-integer programming (HiGHS)."""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array, vstack

from omniltv._arrays import Flags, Vector
from omniltv._options import Few, Positive, checked
from omniltv.errors import ConfigError, FitError
from omniltv.segmentation.allocation.problem import AllocationProblem, Choice

__all__ = ["ExactAllocator"]


@checked
@dataclass(frozen=True)
class ExactAllocator:
    """The optimum, by the branch and bound of HiGHS; for small problems.

    Shadow prices are those of the linear relaxation. The bound is the one that HiGHS proves. If
    the time is up before the optimum is proven, the best choice so far is returned with its
    bound.

    Attributes:
        max_offers: Largest number of offers that is accepted.
        seconds: Time after which HiGHS stops.
        name: Name in errors.

    Examples:
        >>> problem = AllocationProblem(
        ...     net=np.array([5.0, 9.0, 6.0]), start=np.array([0, 1, 2, 3]),
        ...     use=csr_array(np.array([[2.0], [3.0], [2.0]])), capacity=np.array([4.0]))
        >>> found = ExactAllocator().solve(problem)
        >>> found.chosen.tolist(), round(found.bound, 6)
        ([True, False, True], 11.0)
    """

    max_offers: Few = 50_000
    seconds: Positive = 60.0
    name: str = "exact"

    def solve(self, problem: AllocationProblem) -> Choice:
        """Return the optimal offers, shadow prices and the bound that HiGHS proves.

        Args:
            problem: The problem.

        Raises:
            ConfigError: If there are more than ``max_offers`` offers.
            FitError: If HiGHS finds no choice in time.
        """
        if len(problem.net) > self.max_offers:
            raise ConfigError(
                f"{len(problem.net):,} offers are more than max_offers={self.max_offers:,}. "
                "Hint: allocator=DualAscent()",
                parameter="max_offers",
            )
        if not problem.possible.any():
            return Choice(problem.possible, np.zeros(len(problem.capacity)), 0.0)
        every = np.ones(len(problem.start) - 1, dtype=np.bool_)
        part = problem.selected(problem.possible, every, problem.limit)
        wanted = np.zeros(len(problem.net), dtype=np.bool_)
        wanted[problem.possible], bound = self._optimum(part)
        first = problem.fill(np.flatnonzero(wanted))
        chosen = problem.fill(problem.falling(problem.net, problem.possible), first)
        prices = _prices(part)
        value = float(problem.net[chosen].sum())
        return Choice(chosen, prices, max(value, min(bound, problem.bound(prices))))

    def _optimum(self, part: AllocationProblem) -> tuple[Flags, float]:
        matrix, most = _rows(part)
        found = milp(
            -part.net,
            constraints=LinearConstraint(matrix, ub=most),
            bounds=Bounds(0, 1),
            integrality=np.ones(len(part.net), dtype=np.int64),
            options={"mip_rel_gap": 0.0, "time_limit": float(self.seconds)},
        )
        if found.x is None:
            raise FitError(f"HiGHS found no choice: {found.message}. Hint: DualAscent()")
        return np.asarray(found.x > 0.5, dtype=np.bool_), -float(found.mip_dual_bound)


def _rows(part: AllocationProblem) -> tuple[csr_array, Vector]:
    """Return the constraints: one offer per group, and the shares of capacities used."""
    offers = np.arange(len(part.net))
    shape = (len(part.start) - 1, len(offers))
    once = csr_array((np.ones(len(offers)), (part.group, offers)), shape=shape)
    limited = np.flatnonzero(part.limit > 0)
    share = csr_array(part.use.T)[limited].multiply(1 / part.limit[limited][:, None])
    rows = csr_array(vstack([once, share]))
    return rows, np.ones(rows.shape[0])


def _prices(part: AllocationProblem) -> Vector:
    """Return the shadow prices of the linear relaxation, of shape (n_resources,)."""
    matrix, most = _rows(part)
    found = linprog(-part.net, A_ub=cast("Any", matrix), b_ub=most, method="highs")
    prices = np.zeros(len(part.capacity))
    limited = part.limit > 0
    shares = np.asarray(found.ineqlin.marginals)[len(part.start) - 1 :]
    prices[limited] = np.maximum(-shares, 0.0) / part.limit[limited]
    return prices
