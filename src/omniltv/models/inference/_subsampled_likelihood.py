"""The log-likelihood of very many states, told by a sample of them.

Close to the mode a log-likelihood is nearly quadratic, and its quadratic is known exactly
from a few passes over all states. What it is beyond that is small, and a weighted sample of the
states tells it nearly without error:

    l(theta) = q(theta) + sum over the sample of (l_i(theta) - q_i(theta)) / p_i,

where q and q_i are second-order Taylor expansions, of the whole and of a state, and p_i is
the chance of a state to be in the sample. It is the difference estimator of Quiroz, Kohn,
Villani and Tran (2019), Speeding up MCMC by efficient data subsampling, JASA 114(526),
section 3, with one sample for all theta, so that it is a smooth function with a gradient.

How far it is from the exact log-likelihood is measured on draws of the posterior that it
leads to, see `error`. To first order the mean of a quantity is off by its covariance with
the difference, so by no more than that many of its standard deviations.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Matrix, Vector
from omniltv.models.inference._likelihood import Likelihood
from omniltv.models.processes.protocols import Model, PurchaseState, SpendState

__all__ = ["StateSample", "SubsampledLikelihood", "sample_states", "sampled"]


_PER_CELL = 5_000  # states; of a million customers l is then off by less than 0.001
_WORTH_IT = 2.5  # times fewer states, from which on a sample is taken


@dataclass(frozen=True, eq=False)
class StateSample:
    """A log-likelihood of cells, and that of a sample of its states.

    Attributes:
        exact: The log-likelihood of all states.
        part: That of the sample, each state weighted by how many it stands for.
        cells: The cells that are not in the sample with all their states.
    """

    exact: Likelihood
    part: Likelihood
    cells: NDArray[np.intp]

    def around(self, centre: Matrix, workers: int) -> "SubsampledLikelihood":
        """Return what both tell together, expanded around coordinates of the cells.

        Args:
            centre: The coordinates, of shape (n_cells, k).
            workers: Threads to use.
        """
        whole, part = (one.gradient(centre, workers=workers) for one in (self.exact, self.part))
        bent, own = (one.curvature(centre, workers=workers) for one in (self.exact, self.part))
        found = centre, whole[0] - part[0], whole[1] - part[1], bent - own
        return SubsampledLikelihood(self, *(values[self.cells] for values in found))


@dataclass(frozen=True, eq=False)
class SubsampledLikelihood:
    """A log-likelihood of cells with the interface of `Likelihood`, on a sample of the states.

    Attributes:
        states: The log-likelihoods of all states and of the sample.
        centre: Coordinates that are expanded around, of the m cells that are sampled; (m, k).
        level: Exact value there less that of the sample, of shape (m,).
        slope: The same of the gradient, of shape (m, k).
        bend: The same of minus the Hessian, of shape (m, k, k).
    """

    states: StateSample
    centre: Matrix
    level: Vector
    slope: Matrix
    bend: NDArray[np.float64]

    def gradient(self, theta: Matrix, *, workers: int = 1) -> tuple[Vector, Matrix]:
        """Return value, of shape (n_cells,), and gradient, of the shape of ``theta``."""
        value, gradient = self.states.part.gradient(theta, workers=workers)
        rest, slope = self._rest(theta)
        value[self.states.cells] += rest
        gradient[self.states.cells] += slope
        return value, gradient

    def values(self, thetas: NDArray[np.float64], *, workers: int = 1) -> Matrix:
        """Return the value of each cell at many points, of shape (n_points, n_cells)."""
        values = self.states.part.values(thetas, workers=workers)
        values[:, self.states.cells] += self._rest(thetas)[0]
        return values

    def curvature(self, theta: Matrix, *, workers: int = 1) -> NDArray[np.float64]:
        """Return minus the Hessian of each cell, of shape (n_cells, k, k)."""
        curvature = self.states.part.curvature(theta, workers=workers)
        curvature[self.states.cells] += self.bend
        return curvature

    def error(self, thetas: NDArray[np.float64], *, workers: int = 1) -> float:
        """Return the standard deviation of exact less condensed over draws of a posterior.

        Args:
            thetas: Draws of the coordinates, of shape (n_draws, n_cells, k).
            workers: Threads to use.
        """
        exact = self.states.exact.values(thetas, workers=workers)
        off = (exact - self.values(thetas, workers=workers)).sum(axis=1)
        return float(off.std(ddof=1))

    def _rest(self, theta: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the quadratic that the sample lacks, and its gradient; points may lead."""
        far = theta[..., self.states.cells, :] - self.centre
        bent = np.einsum("cij,...cj->...ci", self.bend, far)
        value = self.level + ((self.slope - 0.5 * bent) * far).sum(axis=-1)
        return value, self.slope - bent


def sampled(
    exact: Likelihood,
    model: Model,
    state: PurchaseState | SpendState,
    count: Vector,
    cell: NDArray[np.int64],
) -> StateSample | None:
    """Return a log-likelihood with that of a sample of its states, if these are far fewer.

    Args:
        exact: The log-likelihood of all states.
        model: What it is of, as are the other arguments; see `Likelihood`.
        state: Statistics of the distinct states.
        count: How many rows have each.
        cell: Cell of each.
    """
    states = np.bincount(cell)
    if np.minimum(states, _PER_CELL).sum() * _WORTH_IT > len(cell):
        return None
    rng = np.random.default_rng(0)
    at, times = sample_states(cell, state.frequency, count, per_cell=_PER_CELL, rng=rng)
    some = type(state)(*(np.asarray(values)[at] for values in state))
    part = Likelihood(model, some, count[at] * times, cell[at], exact.n_cells)
    return StateSample(exact, part, np.flatnonzero(states > _PER_CELL))


def sample_states(
    cell: NDArray[np.int64],
    frequency: NDArray[np.float64],
    count: Vector,
    *,
    per_cell: int,
    rng: np.random.Generator,
) -> tuple[NDArray[np.intp], Vector]:
    """Return a sample of states, and how many times its own count each stands for.

    A cell with at most so many states is kept whole. Of the others states are drawn in
    proportion to count times (1 + frequency), systematically in the order of frequency, so
    that each frequency is there as often as it should be; a state whose turn comes more
    than once is kept for certain.

    Args:
        cell: Cell of each state, of shape (n_states,).
        frequency: Repeat purchases of each state, same.
        count: Rows that have each state, same.
        per_cell: States to keep of each cell.
        rng: Where the systematic samples begin.

    Examples:
        >>> cell = np.repeat([0, 1], [3, 1_000])
        >>> frequency, count = np.zeros(1_003), np.ones(1_003)
        >>> rng = np.random.default_rng(1)
        >>> at, times = sample_states(cell, frequency, count, per_cell=100, rng=rng)
        >>> np.bincount(cell[at]), np.bincount(cell[at], weights=times)
        (array([  3, 100]), array([   3., 1000.]))
    """
    order = np.lexsort([frequency, cell])
    ends = np.searchsorted(cell[order], np.arange(cell.max() + 2))
    chosen, times = [], []
    for start, end in pairwise(ends):
        own = order[start:end]
        chance = _chances(count[own] * (1 + frequency[own]), per_cell)
        turns = np.floor(np.cumsum(chance) + rng.random() * (1 - 1e-9))
        taken = np.diff(turns, prepend=0.0) > 0
        taken |= chance == 1.0
        chosen.append(own[taken])
        times.append(1 / chance[taken])
    return np.concatenate(chosen), np.concatenate(times)


def _chances(size: Vector, n: int) -> Vector:
    """Return the chance of each to be among n that are drawn in proportion to size, at most 1."""
    if len(size) <= n:
        return np.ones(len(size))
    certain = np.zeros(len(size), dtype=bool)
    while True:
        chance = np.where(certain, 1.0, size * (n - certain.sum()) / size[~certain].sum())
        more = chance > 1.0
        if not more.any():
            return chance
        certain |= more
