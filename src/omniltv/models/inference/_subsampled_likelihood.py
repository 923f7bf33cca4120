"""The subsampled likelihood: the log-likelihood of many states, estimated from a subsample.

Near its mode a log-likelihood is nearly quadratic. The quadratic is computed exactly with
a few passes over all states. The remainder is small and is estimated from a weighted
subsample of the states with little error:

    l(theta) = q(theta) + sum over the subsample of (l_i(theta) - q_i(theta)) / p_i,

where theta are the coordinates, q and q_i are second-order Taylor expansions of the total
and of a state, and p_i is the inclusion probability of a state. This is the difference
estimator of Quiroz, Kohn, Villani and Tran (2019), Speeding up MCMC by efficient data
subsampling, JASA 114(526), section 3. The subsample is the same for all theta, so the
estimate is a smooth function with a gradient.

The error is measured on draws of the resulting posterior, see `error`. To first order, the
error of a posterior mean is its covariance with the difference of the log-likelihoods, so
it is at most that many posterior standard deviations.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Matrix, Vector
from omniltv.models.inference._likelihood import Likelihood
from omniltv.models.posterior._observations import Observations
from omniltv.models.processes.protocols import Model

__all__ = ["StateSample", "SubsampledLikelihood", "sample_states", "sampled"]


_PER_CELL = 1_000  # states; the error of a fit of 100,000 customers is then about 0.002 to 0.006
_WORTH_IT = 2.0  # a subsample is used if it has this many times fewer states


@dataclass(frozen=True, eq=False)
class StateSample:
    """The log-likelihoods of all states and of a subsample.

    Attributes:
        exact: The log-likelihood of all states.
        part: The log-likelihood of the subsample, weighted by inverse inclusion probability.
        cells: The cells whose states are not all in the subsample.
    """

    exact: Likelihood
    part: Likelihood
    cells: NDArray[np.intp]

    def around(self, centre: Matrix, workers: int) -> "SubsampledLikelihood":
        """Return the subsampled likelihood with the expansion around some coordinates.

        Args:
            centre: Coordinates of the cells, of shape (n_cells, k).
            workers: Number of threads.
        """
        whole, part = (one.gradient(centre, workers=workers) for one in (self.exact, self.part))
        bent, own = (one.curvature(centre, workers=workers) for one in (self.exact, self.part))
        found = centre, whole[0] - part[0], whole[1] - part[1], bent - own
        return SubsampledLikelihood(self, *(values[self.cells] for values in found))


@dataclass(frozen=True, eq=False)
class SubsampledLikelihood:
    """A log-likelihood estimated from a subsample, with the interface of `Likelihood`.

    Attributes:
        states: The log-likelihoods of all states and of the subsample.
        centre: Centre of the expansion in the m subsampled cells, of shape (m, k).
        level: Exact log-likelihood minus that of the subsample at the centre, of shape (m,).
        slope: The same difference of the gradients, of shape (m, k).
        bend: The same difference of minus the Hessians, of shape (m, k, k).
    """

    states: StateSample
    centre: Matrix
    level: Vector
    slope: Matrix
    bend: NDArray[np.float64]

    def gradient(self, coordinates: Matrix, *, workers: int = 1) -> tuple[Vector, Matrix]:
        """Return value, of shape (n_cells,), and gradient, of the shape of ``coordinates``."""
        value, gradient = self.states.part.gradient(coordinates, workers=workers)
        rest, slope = self._rest(coordinates)
        value[self.states.cells] += rest
        gradient[self.states.cells] += slope
        return value, gradient

    def values(self, points: NDArray[np.float64], *, workers: int = 1) -> Matrix:
        """Return the value of each cell at many points, of shape (n_points, n_cells)."""
        values = self.states.part.values(points, workers=workers)
        values[:, self.states.cells] += self._rest(points)[0]
        return values

    def curvature(self, coordinates: Matrix, *, workers: int = 1) -> NDArray[np.float64]:
        """Return minus the Hessian of each cell, of shape (n_cells, k, k)."""
        curvature = self.states.part.curvature(coordinates, workers=workers)
        curvature[self.states.cells] += self.bend
        return curvature

    def error(self, points: NDArray[np.float64], *, workers: int = 1) -> float:
        """Return the standard deviation of exact minus subsampled log-likelihood over draws.

        Args:
            points: Draws of the coordinates, of shape (n_draws, n_cells, k).
            workers: Number of threads.
        """
        exact = self.states.exact.values(points, workers=workers)
        off = (exact - self.values(points, workers=workers)).sum(axis=1)
        return float(off.std(ddof=1))

    def _rest(
        self, coordinates: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the difference of the expansions, and its gradient; points may be stacked."""
        far = coordinates[..., self.states.cells, :] - self.centre
        bent = np.einsum("cij,...cj->...ci", self.bend, far)
        value = self.level + ((self.slope - 0.5 * bent) * far).sum(axis=-1)
        return value, self.slope - bent


def sampled(
    exact: Likelihood, model: Model, observed: Observations, cell: NDArray[np.int64]
) -> StateSample | None:
    """Return a subsample of the states with its log-likelihood; None if it is not worth it.

    Args:
        exact: The log-likelihood of all states.
        model: The model.
        observed: The states.
        cell: Cell of each state, of shape (n_states,).
    """
    states = np.bincount(cell)
    if np.minimum(states, _PER_CELL).sum() * _WORTH_IT > len(cell):
        return None
    rng = np.random.default_rng(0)
    at, times = sample_states(cell, observed.purchases, observed.count, per_cell=_PER_CELL, rng=rng)
    some = type(observed.state)(*(np.asarray(values)[at] for values in observed.state))
    part = Likelihood(model, some, observed.count[at] * times, cell[at], exact.n_cells)
    return StateSample(exact, part, np.flatnonzero(states > _PER_CELL))


def sample_states(
    cell: NDArray[np.int64],
    frequency: NDArray[np.float64],
    count: Vector,
    *,
    per_cell: int,
    rng: np.random.Generator,
) -> tuple[NDArray[np.intp], Vector]:
    """Return a subsample of states and their inverse inclusion probabilities.

    A cell with at most ``per_cell`` states is kept entirely. In other cells, states are
    sampled with probability proportional to count times (1 + frequency), systematically in
    the order of frequency, so that every frequency is represented. A state whose
    probability would exceed 1 is always kept.

    Args:
        cell: Cell of each state, of shape (n_states,).
        frequency: Repeat purchases of each state, same shape.
        count: Number of rows with each state, same shape.
        per_cell: Number of states to keep in each cell.
        rng: Draws the starts of the systematic samples.

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
    """Return inclusion probabilities proportional to size, at most 1, that sum to n."""
    if len(size) <= n:
        return np.ones(len(size))
    certain = np.zeros(len(size), dtype=bool)
    while True:
        chance = np.where(certain, 1.0, size * (n - certain.sum()) / size[~certain].sum())
        more = chance > 1.0
        if not more.any():
            return chance
        certain |= more
