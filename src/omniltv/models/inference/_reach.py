"""How much of the posterior standard deviation proposals reach.

Weights cannot correct for a part of the posterior that is never proposed, and Pareto's k-hat
does not show it: a proposal that would have had a large weight is missing. The marginal density
of each coordinate of each row of coefficients is therefore followed outwards, with the other
coordinates of the row at their mode given it (the Laplace approximation of a marginal; Tierney
and Kadane 1986, JASA 81(393), section 4). Along this path the exact density and that of the
proposals are known, and so is the number of proposals that are expected beyond each point.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Matrix, Vector
from omniltv.models.inference._importance import Weighted
from omniltv.models.inference._laplace import Approximation, log_t
from omniltv.models.inference._log_density import LogDensity
from omniltv.models.inference._two_piece import Node

__all__ = ["reach_of"]


_STEPS = np.array([1.25, 2.5, 3.75, 5.0])  # standard deviations from the mode
_FINE = np.linspace(-6.0, 6.0, 241)
_NEARLY_EVEN = 0.9  # effective draws for each proposal that need no closer look
_FEWEST = 2.0  # proposals expected beyond a point that is reached, of as many as draws
_DRAWS = 2_000  # fewer are judged as this many: their own chance errors are larger
_FLATTEST = 1e-3  # smallest curvature of the other coordinates, relative to the largest
_SMALLEST = 1e-12
_FAR = 2.0  # largest step, in standard deviations
_BESIDE = 0.5  # standard deviations from the mode of the others at which a path ends


def reach_of(approximation: Approximation, weighted: Weighted, *, workers: int) -> float:
    """Return the share of the posterior standard deviation that draws by proposals reach.

    It is the smallest share of all coordinates of all rows of coefficients, under partial pooling
    of those of the groups; 1 if nearly every
    proposal counts, because the posterior then has the shape of its approximation.

    Args:
        approximation: The approximation that draws are proposed from.
        weighted: The draws.
        workers: Number of threads.
    """
    if weighted.ess > _NEARLY_EVEN * weighted.proposals:
        return 1.0
    design, n = approximation.posterior.design, max(len(weighted.coefficients), _DRAWS)
    learned = len(design.terms) > 0
    share = approximation.near_nodes(weighted.log_spreads)
    worst = 1.0
    for block in range(learned - 1, len(design.terms)):
        rows = design.rows(block)
        used = [at for at in range(len(share)) if share[at, rows].max() > 0]
        found = [_at_node(approximation, at, block, n, workers) for at in used]
        total, missing = (
            sum(share[at, rows] * one[which] for at, one in zip(used, found, strict=True))
            for which in range(2)
        )
        worst = float(np.minimum(worst, np.sqrt(1 - np.max(missing / total))))
    return worst


def _at_node(
    approximation: Approximation, at: int, block: int, n: int, workers: int
) -> tuple[Matrix, Matrix]:
    """Return the variance of each coordinate of each row, and the part that is not reached."""
    rows = _Rows.of(approximation.posterior, approximation.nodes[at], block, workers)
    own, scales = approximation.posterior.design.rows(block), approximation.scales
    proposal = _Proposal(
        np.linalg.cholesky(rows.precision),
        approximation.posterior.degrees[own],
        np.exp(scales.left[at, own]),
        np.exp(scales.right[at, own]),
    )
    columns = [_of_coordinate(rows, proposal, j, n) for j in range(rows.at.shape[1])]
    variance, missing = np.array(columns).transpose(1, 2, 0)
    return variance, missing


class _Proposal(NamedTuple):
    """The proposals of the rows of a block, given all other coefficients.

    Attributes:
        root: Lower root of the precision of each row, of shape (n_rows, k, k).
        degrees: Degrees of freedom of each row.
        left: Scale of each direction below the mean, of shape (n_rows, k).
        right: Scale above the mean, of the same shape.
    """

    root: NDArray[np.float64]
    degrees: Vector
    left: Matrix
    right: Matrix

    def log_density(self, shift: Matrix) -> Vector:
        """Return the log density of each row at some distance from the mean."""
        z = np.einsum("nij,ni->nj", self.root, shift)
        return log_t(z / np.where(z > 0, self.right, self.left), self.degrees)


@dataclass(frozen=True, eq=False)
class _Rows:
    """The log posterior of each row of a block, given all other coefficients.

    Attributes:
        posterior: The log density.
        node: The Gaussian approximation around which rows are moved.
        at: Positions of the coefficients of the rows, of shape (n_rows, k).
        level: Row of each cell.
        precision: Precision of each row, of shape (n_rows, k, k).
        workers: Number of threads.
    """

    posterior: LogDensity
    node: Node
    at: NDArray[np.intp]
    level: NDArray[np.int64]
    precision: NDArray[np.float64]
    workers: int

    @classmethod
    def of(cls, posterior: LogDensity, node: Node, block: int, workers: int) -> "_Rows":
        """Return the rows of a block."""
        design, k = posterior.design, posterior.design.n_coordinates
        rows = design.rows(block)
        at = np.arange(rows.start * k, rows.stop * k).reshape(-1, k)
        level = (design.base, *design.terms)[block + 1]
        precision = node.precision[at[:, :, None], at[:, None, :]]
        return cls(posterior, node, at, level, precision, workers)

    def density(self, shift: Matrix) -> tuple[Vector, Matrix]:
        """Return the log posterior of each row and its score, at a distance from the mean."""
        moved = self._moved(shift)
        design = self.posterior.design
        cells, slopes = self.posterior.likelihood.gradient(
            design.coordinates(moved), workers=self.workers
        )
        score = design.pull(slopes) + self.posterior.prior_score(moved, self.node.log_spread)
        prior = self.posterior.log_priors(moved[None], self.node.log_spread)[0]
        value = np.bincount(self.level, cells, minlength=len(self.at)) + prior[self.at].sum(axis=1)
        return value, score[self.at]

    def curvature(self, shift: Matrix) -> NDArray[np.float64]:
        """Return minus the Hessian of each row, of shape (n_rows, k, k)."""
        moved = self._moved(shift)
        cells = self.posterior.likelihood.curvature(
            self.posterior.design.coordinates(moved), workers=self.workers
        )
        result = np.zeros_like(self.precision)
        np.add.at(result, self.level, cells)
        own = self.posterior.prior_precision(moved, self.node.log_spread)[self.at]
        result[:, range(own.shape[1]), range(own.shape[1])] += own
        return result

    def _moved(self, shift: Matrix) -> Vector:
        moved = self.node.mean.copy()
        moved[self.at] += shift
        return moved


def _of_coordinate(rows: _Rows, proposal: _Proposal, j: int, n: int) -> tuple[Vector, Vector]:
    """Return the variance of a coordinate of each row, and the part that is not reached."""
    from scipy.interpolate import CubicSpline  # noqa: PLC0415 - takes time to import

    covariance = np.linalg.inv(rows.precision)
    sd = np.sqrt(covariance[:, j, j])
    middle = _settled(rows, proposal, np.zeros_like(rows.at, dtype=np.float64), j)
    below, above = (_path(rows, proposal, middle, sd, side * _STEPS, j) for side in (-1.0, 1.0))
    values = np.array([*below[::-1], middle.values, *above])  # (n_points, 2, n_rows)
    reach = np.concatenate([-_STEPS[::-1], [0.0], _STEPS])
    marginal, weight = CubicSpline(reach, values, bc_type="natural")(_FINE).transpose(1, 0, 2)
    share = _normal(marginal)
    proposed = _normal(marginal - weight)
    beyond = np.minimum(proposed[::-1].cumsum(axis=0)[::-1], proposed.cumsum(axis=0))
    square = np.square(_FINE[:, None] - (share * _FINE[:, None]).sum(axis=0))
    spread = np.square(sd) * share * square
    return spread.sum(axis=0), (spread * (beyond * n < _FEWEST)).sum(axis=0)


def _normal(log_density: Matrix) -> Matrix:
    """Return probabilities that add up to 1 in each column."""
    density = np.exp(log_density - log_density.max(axis=0))
    return np.asarray(density / density.sum(axis=0))


class _Settled(NamedTuple):
    """Points of a path, one per row.

    Attributes:
        shift: Distance from the mean, of shape (n_rows, k).
        tangent: Direction of the path, 1 in the coordinate that is followed, (n_rows, k).
        values: Log marginal density and log of posterior over proposal, of shape (2, n_rows).
        off: Distance from the mode of the other coordinates, in standard deviations.
    """

    shift: Matrix
    tangent: Matrix
    values: Matrix
    off: Vector


def _path(
    rows: _Rows, proposal: _Proposal, start: _Settled, sd: Vector, reach: Vector, j: int
) -> list[Matrix]:
    """Return the values along a path; where it is lost, those of a Gaussian tail."""
    found: list[Matrix] = []
    here, last = start, 0.0
    lost = np.zeros(len(sd), dtype=bool)
    for at in reach:
        step = (at - last) * sd[:, None] * here.tangent
        there = _settled(rows, proposal, here.shift + step, j)
        lost |= ~(there.off < _BESIDE)
        fall = np.array([0.5 * (last**2 - at**2), 0.0])[:, None]
        values = np.where(lost, (found[-1] if found else start.values) + fall, there.values)
        found.append(values)
        here, last = there._replace(shift=np.where(lost[:, None], 0.0, there.shift)), at
    return found


def _settled(rows: _Rows, proposal: _Proposal, shift: Matrix, j: int) -> _Settled:
    """Return the points at the mode of the other coordinates, by two Newton steps."""
    others = [i for i in range(shift.shape[1]) if i != j]
    curvature = np.nan_to_num(rows.curvature(shift))
    values, vectors = np.linalg.eigh(curvature[:, others][:, :, others])
    raised = np.maximum(values, np.maximum(_FLATTEST * values[:, -1:], _SMALLEST))
    inverse = (vectors / raised[:, None, :]) @ vectors.transpose(0, 2, 1)
    limit = _FAR * np.sqrt(np.diagonal(inverse, axis1=1, axis2=2))
    there = shift.copy()
    for _ in range(2):
        _, score = rows.density(there)
        step = np.nan_to_num(_times(inverse, score[:, others]))
        there[:, others] += np.clip(step, -limit, limit)
    log_density, score = rows.density(there)
    left = score[:, others]
    tangent = np.ones_like(shift)
    tangent[:, others] = -_times(inverse, curvature[:, others, j])
    marginal = log_density - 0.5 * np.log(raised).sum(axis=1)
    off = np.sqrt(np.maximum((left * _times(inverse, left)).sum(axis=1), 0.0))
    return _Settled(
        there, tangent, np.array([marginal, log_density - proposal.log_density(there)]), off
    )


def _times(matrices: NDArray[np.float64], vectors: Matrix) -> Matrix:
    return np.asarray(np.einsum("nij,nj->ni", matrices, vectors))
