"""Two-piece scales of importance proposals, for skewed posteriors.

The likelihood of a few customers is skewed, and it may be flat on one side: a large
concentration of the dropout probability is as likely as an infinite one. A Gaussian at the mode
never proposes such values, weights cannot correct this, and the posterior standard deviation is
too small. Each direction of a proposal therefore has its own scale on either side: the largest
scale that the log posterior implies at some distances (Geweke 1989, Econometrica 57(6), section
5). The two halves are joined continuously, and each has the probability of its scale. On the
flat side, the posterior is limited by the prior only, so scales are computed for several
standard deviations between groups.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Matrix, Vector
from omniltv.models.inference._log_density import LogDensity

__all__ = ["NODES", "Node", "TwoPiece", "probe"]


NODES = (0.0, 1.5, 3.0)
"""Log spreads at which scales are computed, in standard deviations above their mode."""

_GAP = NODES[1] - NODES[0]
_REACH = np.array([1.0, 2.0, 3.5, 5.0])  # standard deviations of the Gaussian approximation
_NARROWEST, _WIDEST = 0.85, 3.0


class Node(NamedTuple):
    """The Gaussian approximation of the coefficients at some log spreads.

    Attributes:
        log_spread: The log spreads, of shape (terms x coordinates,).
        mean: Mean of the coefficients, of shape (d,).
        precision: Their precision, of shape (d, d).
        directions: Direction of the mean of each coordinate if spreads are estimated, one
            standard deviation long, of shape (k, d); empty otherwise.
    """

    log_spread: Vector
    mean: Vector
    precision: Matrix
    directions: Matrix


@dataclass(frozen=True, eq=False)
class TwoPiece:
    """Scales of each direction of each row of coefficients at the nodes.

    Attributes:
        left: Log scales below the mean, of shape (n_nodes, n_rows, k).
        right: Log scales above the mean, of the same shape.

    Examples:
        >>> even, wide = np.zeros((1, 1, 1)), np.full((1, 1, 1), np.log(2.0))
        >>> scales = TwoPiece(left=even, right=wide)
        >>> z = np.random.default_rng(1).normal(size=(10_000, 1, 1))
        >>> stretched, _ = scales.stretch(z, np.zeros((10_000, 1, 1)), np.random.default_rng(2))
        >>> round(float((stretched > 0).mean()), 1)
        0.7
    """

    left: NDArray[np.float64]
    right: NDArray[np.float64]

    def stretch(
        self, z: NDArray[np.float64], distance: NDArray[np.float64], rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], Matrix]:
        """Return two-piece draws from symmetric ones, and the log of the mean scale of each row.

        Args:
            z: Draws, of shape (n, n_rows, k).
            distance: Standard deviations of the log spreads above their mode, same shape.
            rng: Random generator; draws the sides.
        """
        left, right = (np.exp(_between(scale, distance)) for scale in (self.left, self.right))
        width = left + right
        above = rng.random(z.shape) * width < right
        stretched = np.abs(z) * np.where(above, right, -left)
        return stretched, np.log(width / 2).sum(axis=2)


def probe(posterior: LogDensity, nodes: Sequence[Node], *, workers: int) -> TwoPiece:
    """Return the scales around some nodes, computed from the log posterior."""
    scales = np.array([_scales(posterior, node, workers) for node in nodes])
    return TwoPiece(left=scales[:, 0], right=scales[:, 1])


def _scales(posterior: LogDensity, node: Node, workers: int) -> NDArray[np.float64]:
    """Return log scales below and above the mean, of shape (2, n_rows, k)."""
    design = posterior.design
    learned = len(design.terms) > 0
    result = np.zeros((2, design.n_rows, design.n_coordinates))
    if learned:
        result[:, 0] = _of_mean(posterior, node, workers)
    for block in range(learned - 1, len(design.terms)):
        result[:, design.rows(block)] = _of_rows(posterior, node, block, workers)
    return result


def _of_mean(posterior: LogDensity, node: Node, workers: int) -> Matrix:
    """Return log scales of the mean of all groups; their effects move with it."""
    reach = np.concatenate([[0.0], -_REACH, _REACH])
    moved = node.mean + reach[:, None] * node.directions[:, None]
    points = moved.reshape(-1, moved.shape[2])
    spreads = np.broadcast_to(node.log_spread, (len(points), len(node.log_spread)))
    density = _cells(posterior, points, workers).sum(axis=1) + posterior.log_prior(points, spreads)
    return _sides(density.reshape(len(moved), -1).T)


def _of_rows(posterior: LogDensity, node: Node, block: int, workers: int) -> NDArray[np.float64]:
    """Return log scales of the rows of a block given all others, of shape (2, rows, k).

    The rows of a block share no cell, so one evaluation suffices for all of them.
    """
    design, k = posterior.design, posterior.design.n_coordinates
    rows, reach = design.rows(block), np.concatenate([[0.0], -_REACH, _REACH])
    at = np.arange(rows.start * k, rows.stop * k).reshape(-1, k)
    root = np.linalg.cholesky(node.precision[at[:, :, None], at[:, None, :]])
    direction = np.linalg.inv(root)  # rows of the inverse root: columns of its transpose
    level = (design.base, *design.terms)[block + 1]
    points = np.broadcast_to(node.mean, (k, len(reach), len(node.mean))).copy()
    for j in range(k):
        points[j][:, at.ravel()] += reach[:, None] * direction[:, j].ravel()
    flat = points.reshape(-1, len(node.mean))
    cells = _cells(posterior, flat, workers)
    density = np.array([np.bincount(level, some, minlength=len(at)) for some in cells])
    density += posterior.log_priors(flat, node.log_spread)[:, at].sum(axis=2)
    return _sides(density.reshape(k, len(reach), -1).transpose(1, 2, 0))


def _cells(posterior: LogDensity, points: Matrix, workers: int) -> Matrix:
    """Return the log-likelihood of each cell at some coefficients, of shape (n, n_cells)."""
    thetas = posterior.design.coordinates(points)
    return posterior.likelihood.values(thetas, workers=workers)


def _sides(density: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log scales below and above from log densities at 0, -reach and +reach, stacked."""
    n = len(_REACH)
    fall = np.nan_to_num(density[:1] - density[1:], nan=np.inf)
    reach = _REACH.reshape(-1, *[1] * (density.ndim - 1))
    below, above = (
        (reach / np.sqrt(np.maximum(2 * part, 1e-12))).max(axis=0) for part in (fall[:n], fall[n:])
    )
    return np.log(np.clip([below, above], _NARROWEST, _WIDEST))


def _between(scale: NDArray[np.float64], distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return scales interpolated to the distance of each draw."""
    if len(scale) == 1:
        return np.broadcast_to(scale[0], distance.shape)
    place = np.clip(distance / _GAP, 0.0, len(scale) - 1.0)
    low = np.minimum(place.astype(np.intp), len(scale) - 2)
    rows, columns = np.indices(scale.shape[1:])
    share = place - low
    below, above = scale[low, rows, columns], scale[low + 1, rows, columns]
    return np.asarray(below + share * (above - below))
