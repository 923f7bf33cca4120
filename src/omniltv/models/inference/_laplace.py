"""The nested Laplace approximation of a posterior.

A Gaussian at the joint mode of coefficients and spreads is inaccurate for a hierarchy: the
spreads are skewed and scale the effects. They are therefore treated separately, as in nested
Laplace approximations (Rue, Martino and Chopin 2009, JRSS B 71(2)). The log-likelihood of each
cell is approximated by a quadratic around the mode. The spreads then have a marginal density in
closed form, and the coefficients are Gaussian given the spreads. The log-likelihood of a few
customers may be far from quadratic: skewed, or flat on one side. Proposals from the
approximation follow it by two-piece scales (`_two_piece`), and are weighted in `_importance`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular

from omniltv._arrays import Matrix, Vector
from omniltv.draws import cores
from omniltv.models.inference._log_density import LogDensity
from omniltv.models.inference._mode import Sites, find_sites
from omniltv.models.inference._two_piece import NODES, Node, TwoPiece, probe

__all__ = [
    "Approximation",
    "approximate",
    "gaussians",
    "log_spread_prior",
    "log_t",
    "systematic",
]


_OUTER = 8
_DEGREES = 8.0  # degrees of freedom of the t distribution that proposes spreads
_BATCH = 2_000_000


@dataclass(frozen=True, eq=False)
class Approximation:
    """The nested approximation of a posterior.

    Attributes:
        posterior: The log density that is approximated.
        sites: The quadratic log-likelihoods.
        log_spread: Mode of the log spreads, of shape (terms x coordinates,).
        scale: Lower root of their covariance at the mode.
    """

    posterior: LogDensity
    sites: Sites
    log_spread: Vector
    scale: Matrix

    @property
    def factorises(self) -> bool:
        """Whether the groups share nothing, so that each has its own posterior."""
        design = self.posterior.design
        return not design.terms and not design.target

    @property
    def spread_sd(self) -> Vector:
        """Standard deviations of the log spreads, of shape (terms x coordinates,)."""
        return np.asarray(np.sqrt(np.square(self.scale).sum(axis=1)))

    def spreads(self, n: int, rng: np.random.Generator) -> Matrix:
        """Return draws of the log spreads from their marginal, by resampling candidates."""
        d = len(self.log_spread)
        if d == 0:
            return np.empty((n, 0))
        m = 4 * n
        z = rng.standard_normal((m, d)) / np.sqrt(rng.chisquare(_DEGREES, (m, 1)) / _DEGREES)
        candidates = self.log_spread + z @ self.scale.T
        target = _log_marginal(self.posterior, self.sites, candidates)
        excess = target - log_t(z, _DEGREES)
        return candidates[systematic(np.exp(excess - excess.max()), n, rng)]

    def coefficients(
        self, log_spreads: Matrix, rng: np.random.Generator, scales: TwoPiece | None = None
    ) -> tuple[Matrix, Matrix]:
        """Return draws of the coefficients given the spreads, and their log density.

        They are Gaussian with two modifications, because the likelihood of a few customers is
        not quadratic and weights must be bounded: each row of coefficients has heavier tails,
        depending on how few customers inform it, and with ``scales`` it is skewed. The density
        is per row (covariate effects last), of shape (n, rows + effects).
        """
        design, order = self.posterior.design, self.posterior.order
        n, k, size = len(log_spreads), design.n_coordinates, design.n_rows * design.n_coordinates
        z = rng.standard_normal((n, len(self.sites.mode)))
        rows = z[:, :size].reshape(n, -1, k)
        degrees = self.posterior.degrees
        rows /= np.sqrt(rng.chisquare(degrees, rows.shape[:2]) / degrees)[:, :, None]
        density = np.concatenate([log_t(rows, degrees), -0.5 * np.square(z[:, size:])], axis=1)
        if scales is not None:
            rows, wider = scales.stretch(rows, self._distance(log_spreads), rng)
            density[:, : design.n_rows] -= wider
        z[:, :size] = rows.reshape(n, size)
        draws = np.empty_like(z)
        for part, mean, root in _given(self.posterior, self.sites, log_spreads):
            turned = np.linalg.solve(root.transpose(0, 2, 1), z[part][:, order, None])
            draws[part, order] = mean + turned[:, :, 0]
        return draws, density

    @cached_property
    def scales(self) -> TwoPiece:
        """The two-piece scales of the rows of coefficients, from the log posterior."""
        return probe(self.posterior, self.nodes, workers=cores())

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """The approximation of the coefficients at the log spreads of `NODES`."""
        spreads = self.log_spread + np.outer(NODES, self.spread_sd)
        return tuple(self._node(at) for at in (spreads if len(self.log_spread) else spreads[:1]))

    def near_nodes(self, log_spreads: Matrix) -> NDArray[np.float64]:
        """Return the share of draws that are nearest to each node, (n_nodes, n_rows, k)."""
        distance = self._distance(log_spreads)
        middle = np.convolve(NODES, [0.5, 0.5], "valid")[: len(self.nodes) - 1]
        near = (distance[None] > middle[:, None, None, None]).sum(axis=0)
        return np.array([(near == at).mean(axis=0) for at in range(len(self.nodes))])

    def _node(self, log_spread: Vector) -> Node:
        """Return the Gaussian approximation of the coefficients at some log spreads."""
        posterior, order = self.posterior, self.posterior.order
        ((_, mean, root),) = _given(posterior, self.sites, log_spread[None])
        base = len(posterior.learned_at) + np.arange(posterior.design.n_coordinates)
        moved = np.linalg.solve(root[0].T, np.eye(len(order))[:, base])
        precision, directions = np.empty_like(root[0]), np.empty_like(moved.T)
        directions[:, order] = moved.T
        precision[np.ix_(order, order)] = root[0] @ root[0].T
        whole = np.empty(len(order))
        whole[order] = mean[0]
        return Node(log_spread, whole, precision, directions)

    def _distance(self, log_spreads: Matrix) -> NDArray[np.float64]:
        """Return the distance of each row's log spreads above the mode, (n, rows, k).

        It is in standard deviations. The mean has the distance of the spreads of the first term.
        """
        sizes, k = self.posterior.design.sizes, self.posterior.design.n_coordinates
        if len(sizes) == 1:
            return np.zeros((len(log_spreads), sizes[0], k))
        distance = ((log_spreads - self.log_spread) / self.spread_sd).reshape(
            len(log_spreads), -1, k
        )
        return distance[:, np.repeat([0, *range(len(sizes) - 1)], sizes)]


def approximate(posterior: LogDensity, start: Vector, *, workers: int) -> Approximation:
    """Return the nested approximation.

    Args:
        posterior: The log density to approximate.
        start: Coefficients at which the search for the mode starts.
        workers: Number of threads.

    Raises:
        FitError: If no mode is found.
    """
    log_spread = posterior.start_of_spreads
    sites = find_sites(posterior, start, log_spread, workers=workers)
    if not len(log_spread):
        return Approximation(posterior, sites, log_spread, np.empty((0, 0)))
    for _ in range(_OUTER):
        before = log_spread
        log_spread = _spread_mode(posterior, sites, before)
        sites = find_sites(posterior, sites.mode, log_spread, workers=workers)
        if np.abs(log_spread - before).max() < 0.02:
            break
    return Approximation(posterior, sites, log_spread, _spread_scale(posterior, sites, log_spread))


def _given(
    posterior: LogDensity, sites: Sites, log_spreads: Matrix
) -> Iterator[tuple[slice, Matrix, NDArray[np.float64]]]:
    """Yield means and lower roots of the precision given the spreads, in batches.

    Both are in the order of `LogDensity.order`. The last entries are drawn first, from their
    marginal: the mean of all groups, then the effects given the mean, which are then
    independent of each other.
    """
    order, learned = posterior.order, np.arange(len(posterior.learned_at))
    base, linear = sites.precision[np.ix_(order, order)], sites.linear[order]
    if not len(learned):
        root = cholesky(base, lower=True)
        mean = solve_triangular(root.T, solve_triangular(root, linear, lower=True))
        yield slice(None), mean[None], root[None]
        return
    step = max(1, _BATCH // len(order) ** 2)
    for start in range(0, len(log_spreads), step):
        part = slice(start, start + step)
        some = log_spreads[part]
        precision = np.repeat(base[None], len(some), axis=0)
        precision[:, learned, learned] += np.exp(-2 * some[:, posterior.spread_of])
        root = np.linalg.cholesky(precision)
        right = np.broadcast_to(linear[:, None], (len(some), len(order), 1))
        yield part, np.linalg.solve(precision, right)[:, :, 0], root


def _log_marginal(posterior: LogDensity, sites: Sites, log_spreads: Matrix) -> Vector:
    """Return the log density of the log spreads, with the coefficients integrated out."""
    exponent, log_root = gaussians(posterior, sites, log_spreads)
    return log_spread_prior(posterior, log_spreads) + exponent - log_root


def log_spread_prior(posterior: LogDensity, log_spreads: Matrix) -> Vector:
    """Return the log prior of log spreads, and of zero effects given them."""
    effects = -log_spreads[:, posterior.spread_of].sum(axis=1)
    return np.asarray(posterior.log_hyper(log_spreads) + effects)


def gaussians(posterior: LogDensity, sites: Sites, log_spreads: Matrix) -> tuple[Vector, Vector]:
    """Return the exponent at the mean and the log determinant of the precision's root."""
    exponent, log_root = np.empty((2, len(log_spreads)))
    for part, mean, root in _given(posterior, sites, log_spreads):
        exponent[part] = mean @ sites.linear[posterior.order] / 2
        log_root[part] = np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
    return exponent, log_root


def _spread_mode(posterior: LogDensity, sites: Sites, start: Vector) -> Vector:
    from scipy.optimize import minimize  # noqa: PLC0415 - takes time to import

    def minus(log_spread: Vector) -> float:
        return -float(_log_marginal(posterior, sites, log_spread[None])[0])

    bounds = [(value - 3, value + 3) for value in start]
    found: Vector = minimize(minus, start, method="L-BFGS-B", bounds=bounds).x
    return found


def _spread_scale(posterior: LogDensity, sites: Sites, mode: Vector) -> Matrix:
    """Return a lower root of the inverse curvature of the marginal at its mode."""
    d = len(mode)
    steps = 0.05 * np.eye(d)
    pairs = [(i, j) for i in range(d) for j in range(i + 1)]
    corners = [
        mode + a * steps[i] + b * steps[j]
        for i, j in pairs
        for a, b in ((1, 1), (1, -1), (-1, 1), (-1, -1))
    ]
    value = _log_marginal(posterior, sites, np.array(corners)).reshape(-1, 4)
    second = (value[:, 1] + value[:, 2] - value[:, 0] - value[:, 3]) / (4 * 0.05**2)
    hessian = np.empty((d, d))
    for (i, j), entry in zip(pairs, second, strict=True):
        hessian[i, j] = hessian[j, i] = entry
    values, vectors = np.linalg.eigh(hessian)
    covariance = (vectors / np.maximum(values, 0.25)) @ vectors.T
    return np.asarray(cholesky(covariance, lower=True))


def log_t(z: NDArray[np.float64], degrees: Vector | float) -> NDArray[np.float64]:
    """Return the log density of a multivariate t over the last axis, up to a constant."""
    square = np.square(z).sum(axis=-1)
    return np.asarray(-0.5 * (degrees + z.shape[-1]) * np.log1p(square / degrees))


def systematic(weight: Vector, n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return n positions, each as often as its weight implies, to within one."""
    steps = (np.arange(n) + rng.random()) / n
    return np.searchsorted(np.cumsum(weight) / weight.sum(), steps).clip(max=len(weight) - 1)
