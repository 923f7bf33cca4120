"""The posterior by its mode and curvature, corrected by Pareto-smoothed importance weights.

A Gaussian at the joint mode of coefficients and spreads is a poor picture of a hierarchy:
the spreads are skewed and scale everything else. So they are treated apart, as in nested
Laplace approximations (Rue, Martino and Chopin 2009, JRSS B 71(2)): each cell's
log-likelihood is taken as quadratic around the mode; then the spreads have a marginal
density in closed form, and the coefficients are Gaussian given the spreads. Draws from
that are weighted by the likelihood itself over the quadratic one, and the weights are
smoothed (Vehtari, Simpson, Gelman, Yao and Gabry 2024, JMLR 25), which tells by k-hat
whether the result can be trusted. What a likelihood of few customers is beyond a quadratic,
skewed or level on one side, the proposals follow by two-piece scales (`_two_piece`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import minimize

from omniltv._arrays import Matrix, Vector
from omniltv.errors import FitError
from omniltv.models.inference._log_density import LogDensity
from omniltv.models.inference._two_piece import NODES, Node, TwoPiece, probe

__all__ = [
    "Approximation",
    "Sites",
    "Weighted",
    "approximate",
    "below_mode",
    "find_sites",
    "importance",
]


_NEWTON = 100
_CLOSE = 1e-9  # of the log posterior
_FLATTEST = 1e-8  # of the steepest direction, for a curvature to be stepped by
_FAR = 2.0  # longest step of a coordinate
_OUTER = 8
_DEGREES = 8.0  # of the t distribution that spreads are proposed from
_DEGREES_AGAIN = 5.0
_ROUNDS = 4
_GOOD = 0.6  # a k-hat at which proposing anew is not worth the while
_BATCH = 2_000_000


@dataclass(frozen=True, eq=False)
class Sites:
    """Quadratic log-likelihoods around the mode of the coefficients given the spreads.

    Attributes:
        mode: The coefficients at the mode, of shape (d,).
        precision: Curvature of data and fixed priors, of shape (d, d).
        linear: Their linear term: together they are linear c - c precision c / 2.
        theta: Coordinates of the cells at the mode, of shape (n_cells, k).
        value: Log-likelihood of each cell there, of shape (n_cells,).
        gradient: Its gradient, of shape (n_cells, k).
        curvature: Minus its Hessian, positive semi-definite, of shape (n_cells, k, k).
    """

    mode: Vector
    precision: Matrix
    linear: Vector
    theta: Matrix
    value: Vector
    gradient: Matrix
    curvature: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Approximation:
    """The nested approximation of a posterior.

    Attributes:
        posterior: What is approximated.
        sites: The quadratic log-likelihoods.
        log_spread: Mode of the log spreads, of shape (terms x coordinates,).
        scale: Lower root of their covariance there.
    """

    posterior: LogDensity
    sites: Sites
    log_spread: Vector
    scale: Matrix

    @property
    def factorises(self) -> bool:
        """Whether each group has a posterior of its own: nothing is shared."""
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
        excess = target - _log_t(z, _DEGREES)
        return candidates[_systematic(np.exp(excess - excess.max()), n, rng)]

    def coefficients(
        self, log_spreads: Matrix, rng: np.random.Generator, scales: TwoPiece | None = None
    ) -> tuple[Matrix, Matrix]:
        """Return a draw of the coefficients for each draw of the spreads, and its log density.

        Given the spreads they are Gaussian, but for two things, as the likelihood of a few
        customers is not quadratic and weights must not run away: each row of coefficients
        has heavier tails, the more so the fewer customers it rests on, and with ``scales``
        it reaches further on one side than on the other. The density is per row (covariate
        effects last), of shape (n, rows + effects).
        """
        design, order = self.posterior.design, self.posterior.order
        n, k, size = len(log_spreads), design.n_coordinates, design.n_rows * design.n_coordinates
        z = rng.standard_normal((n, len(self.sites.mode)))
        rows = z[:, :size].reshape(n, -1, k)
        degrees = self.posterior.degrees
        rows /= np.sqrt(rng.chisquare(degrees, rows.shape[:2]) / degrees)[:, :, None]
        density = np.concatenate([_log_t(rows, degrees), -0.5 * np.square(z[:, size:])], axis=1)
        if scales is not None:
            rows, wider = scales.stretch(rows, self._distance(log_spreads), rng)
            density[:, : design.n_rows] -= wider
        z[:, :size] = rows.reshape(n, size)
        draws = np.empty_like(z)
        for part, mean, root in _given(self.posterior, self.sites, log_spreads):
            turned = np.linalg.solve(root.transpose(0, 2, 1), z[part][:, order, None])
            draws[part, order] = mean + turned[:, :, 0]
        return draws, density

    def two_piece(self, workers: int) -> TwoPiece:
        """Return the scales of rows of coefficients that the log posterior asks for."""
        nodes = self.log_spread + np.outer(NODES, self.spread_sd)
        some = nodes if self.posterior.design.terms else nodes[:1]
        return probe(self.posterior, [self._node(at) for at in some], workers=workers)

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
        """Return how many sds each row's log spreads are above the mode, (n, rows, k).

        The mean goes by the spreads of the first term.
        """
        sizes, k = self.posterior.design.sizes, self.posterior.design.n_coordinates
        if len(sizes) == 1:
            return np.zeros((len(log_spreads), sizes[0], k))
        distance = ((log_spreads - self.log_spread) / self.spread_sd).reshape(
            len(log_spreads), -1, k
        )
        return distance[:, np.repeat([0, *range(len(sizes) - 1)], sizes)]


@dataclass(frozen=True, eq=False)
class Weighted:
    """Draws of a posterior by importance resampling.

    Attributes:
        coefficients: Of shape (n, d).
        log_spreads: Of shape (n, terms x coordinates).
        khat: Worst Pareto k-hat: above 0.7 the draws are not to be trusted.
        ess: Smallest effective number of draws.
    """

    coefficients: Matrix
    log_spreads: Matrix
    khat: float
    ess: float


def approximate(posterior: LogDensity, start: Vector, *, workers: int) -> Approximation:
    """Return the nested approximation.

    Args:
        posterior: What is approximated.
        start: Coefficients to start the search for the mode at.
        workers: Threads to use.

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


def importance(
    approximation: Approximation, n: int, *, seed: int, proposals: int, workers: int
) -> Weighted:
    """Return n draws of the posterior, weighted by the likelihood itself and resampled.

    Where groups share nothing each has weights of its own; a group whose weights are bad is
    proposed anew from the mean and covariance that they tell (adaptive importance sampling;
    Bugallo et al. 2017, IEEE Signal Processing Magazine 34(4)).
    """
    rng = np.random.default_rng(seed)
    spreads = approximation.spreads(proposals, rng)
    draws, density = approximation.coefficients(spreads, rng, approximation.two_piece(workers))
    log_weight = _log_weights(approximation, draws, spreads, density, workers)
    if not np.isfinite(log_weight).any(axis=0).all():
        return Weighted(draws[:n], spreads[:n], np.inf, 0.0)
    weight, khat = _smooth(log_weight)
    for _ in range(_ROUNDS if approximation.factorises else 0):
        bad = np.flatnonzero(khat > _GOOD)
        if not len(bad):
            break
        fresh, log_weight = _again(approximation, draws, weight, bad, rng, workers)
        again, own = _smooth(log_weight)
        for block in bad[own[bad] < khat[bad]]:
            at = _columns(approximation, block)
            draws[:, at], weight[:, block], khat[block] = fresh[:, at], again[:, block], own[block]
    return _resampled(approximation, n, draws, spreads, weight, khat, rng)


def _columns(approximation: Approximation, block: int) -> slice:
    """Return which coefficients weights are of: those of a group, or all."""
    d = len(approximation.sites.mode)
    k = approximation.posterior.design.n_coordinates if approximation.factorises else d
    return slice(block * k, (block + 1) * k)


def _smooth(log_weight: Matrix) -> tuple[Matrix, Vector]:
    """Return Pareto-smoothed weights that sum to one, and k-hat, of each column."""
    from arviz_stats.base.array import array_stats  # noqa: PLC0415 - takes a second to import

    lowest = np.where(np.isfinite(log_weight), log_weight, np.inf).min(axis=0)
    floored = np.maximum(log_weight, lowest - 100.0)  # it takes no infinities
    smooth, khat = array_stats.psislw(-floored.T)  # and negates
    weight = np.exp(np.asarray(smooth) - np.max(smooth, axis=1, keepdims=True)).T
    return weight / weight.sum(axis=0), np.atleast_1d(np.asarray(khat, dtype=np.float64))


def _again(
    approximation: Approximation,
    draws: Matrix,
    weight: Matrix,
    bad: NDArray[np.intp],
    rng: np.random.Generator,
    workers: int,
) -> tuple[Matrix, Matrix]:
    """Return fresh draws of some groups, from the moments of weighted ones, and log weights."""
    fresh, density = draws.copy(), np.zeros_like(weight)
    for block in bad:
        at = _columns(approximation, block)
        mean = weight[:, block] @ draws[:, at]
        centred = draws[:, at] - mean
        covariance = (centred * weight[:, block, None]).T @ centred
        covariance[np.diag_indices_from(covariance)] *= 1 + 1e-6
        z = rng.standard_normal(centred.shape)
        z /= np.sqrt(rng.chisquare(_DEGREES_AGAIN, (len(z), 1)) / _DEGREES_AGAIN)
        fresh[:, at] = mean + z @ np.linalg.cholesky(covariance).T
        density[:, block] = _log_t(z, _DEGREES_AGAIN)
    nothing = np.empty((len(fresh), 0))
    return fresh, _log_weights(approximation, fresh, nothing, density, workers)


def _resampled(
    approximation: Approximation,
    n: int,
    draws: Matrix,
    spreads: Matrix,
    weight: Matrix,
    khat: Vector,
    rng: np.random.Generator,
) -> Weighted:
    """Return n equally weighted draws; groups with weights of their own are picked apart."""
    picked = np.empty((n, draws.shape[1]))
    learned = spreads[:n]
    for block in range(weight.shape[1]):
        order = rng.permutation(_systematic(weight[:, block], n, rng))
        at = _columns(approximation, block)
        picked[:, at] = draws[order, at]
        learned = spreads[order]
    ess = float(1 / np.square(weight).sum(axis=0).max())
    return Weighted(picked, learned, float(khat.max()), min(ess, float(n)))


def find_sites(posterior: LogDensity, start: Vector, log_spread: Vector, *, workers: int) -> Sites:
    """Return the quadratics at the mode of the coefficients given the spreads (Newton).

    Raises:
        FitError: If no mode is found.
    """
    here = start
    value, slopes, score = _evaluate(posterior, here, log_spread, workers)
    for _ in range(_NEWTON):
        curvature, hessian = _curvatures(posterior, here, log_spread, workers)
        step = _step(hessian, score)
        if score @ step < _CLOSE:
            return _sites(posterior, here, value, slopes, curvature)
        for _ in range(30):
            there = _evaluate(posterior, here + step, log_spread, workers)
            if _total(posterior, there[0], here + step, log_spread) > _total(
                posterior, value, here, log_spread
            ):
                break
            step = step / 2
        else:  # no way up but by rounding: this is the mode as far as numbers tell
            return _sites(posterior, here, value, slopes, curvature)
        here = here + step
        value, slopes, score = there
    raise FitError(
        "the posterior has no mode that could be found. Hint: priors that are not flat, or "
        'method="nuts"'
    )


def below_mode(posterior: LogDensity, sites: Sites, log_spread: Vector, *, workers: int) -> float:
    """Return how far below its mode, about, a log posterior is at that of another (Newton)."""
    score = _evaluate(posterior, sites.mode, log_spread, workers)[2]
    precision, at = sites.precision.copy(), posterior.learned_at
    precision[at, at] += np.exp(-2 * log_spread[posterior.spread_of])
    return float(score @ np.linalg.solve(precision, score) / 2)


def _step(hessian: Matrix, score: Vector) -> Vector:
    """Return Newton's step, damped until no coordinate goes too far (Levenberg, Marquardt).

    Damping shortens what is nearly flat and leaves the steep directions theirs. To shorten
    the whole step would leave them next to nothing, and walk along a ridge that never ends.
    """
    step = np.linalg.solve(hessian, score)
    damping = _FLATTEST * float(hessian.diagonal().max()) * np.eye(len(score))
    while np.abs(step).max() > _FAR:
        damping *= 8.0
        step = np.linalg.solve(hessian + damping, score)
    return np.asarray(step)


def _evaluate(
    posterior: LogDensity, coefficients: Vector, log_spread: Vector, workers: int
) -> tuple[Vector, Matrix, Vector]:
    """Return log-likelihood and gradient of the cells, and the score of the coefficients."""
    theta = posterior.design.coordinates(coefficients)
    value, slopes = posterior.likelihood.gradient(theta, workers=workers)
    score = posterior.design.pull(slopes) + posterior.prior_score(coefficients, log_spread)
    return value, slopes, score


def _total(posterior: LogDensity, value: Vector, coefficients: Vector, log_spread: Vector) -> float:
    total = float(value.sum() + posterior.log_prior(coefficients, log_spread))
    return total if np.isfinite(total) else -np.inf


def _curvatures(
    posterior: LogDensity, coefficients: Vector, log_spread: Vector, workers: int
) -> tuple[NDArray[np.float64], Matrix]:
    """Return the curvature of the cells, and one of the log posterior in the coefficients.

    That of the cells has no directions in which it is negative. Together with the prior
    it may be positive with them, and then steps by what it really is converge far faster.
    """
    theta = posterior.design.coordinates(coefficients)
    real = posterior.likelihood.curvature(theta, workers=workers)
    raised = _semidefinite(real)
    precision = posterior.prior_precision(coefficients, log_spread)
    if not np.allclose(real, raised, rtol=1e-9, atol=1e-12):
        hessian = _added(posterior.design.pull_curvature(real), precision)
        if _is_positive(hessian):
            return raised, hessian
    return raised, _added(posterior.design.pull_curvature(raised), precision)


def _is_positive(hessian: Matrix) -> bool:
    floor = _FLATTEST * hessian.diagonal().max() * np.eye(len(hessian))
    try:
        np.linalg.cholesky(hessian - floor)
    except np.linalg.LinAlgError:
        return False
    return True


def _added(hessian: Matrix, precision: Vector) -> Matrix:
    diagonal = np.diag_indices_from(hessian)
    hessian[diagonal] += precision
    hessian[diagonal] += 1e-10 * (1 + hessian[diagonal])
    return hessian


def _semidefinite(curvature: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(curvature)
    raised = vectors * np.maximum(values, 0.0)[:, None, :]
    return np.asarray(raised @ vectors.transpose(0, 2, 1))


def _sites(
    posterior: LogDensity,
    mode: Vector,
    value: Vector,
    slopes: Matrix,
    curvature: NDArray[np.float64],
) -> Sites:
    design, at = posterior.design, posterior.fixed_at
    theta = design.coordinates(mode)
    precision = design.pull_curvature(curvature)
    linear = design.pull(slopes + np.einsum("cij,cj->ci", curvature, theta))
    own = posterior.fixed.precision(mode[at])
    precision[at, at] += own
    linear[at] += posterior.fixed.score(mode[at]) + own * mode[at]
    precision[np.diag_indices_from(precision)] += 1e-10
    return Sites(mode, precision, linear, theta, value, slopes, curvature)


def _given(
    posterior: LogDensity, sites: Sites, log_spreads: Matrix
) -> Iterator[tuple[slice, Matrix, NDArray[np.float64]]]:
    """Yield, batch by batch, means and lower roots of precision given the spreads.

    Both are in the order of `LogDensity.order`. What is last in it is drawn first, from its
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
    """Return the log density of the log spreads, the coefficients integrated out."""
    exponent, log_root = _gaussians(posterior, sites, log_spreads)
    return _log_prior(posterior, log_spreads) + exponent - log_root


def _log_prior(posterior: LogDensity, log_spreads: Matrix) -> Vector:
    """Return the log prior of log spreads, and of effects of 0 given them."""
    effects = -log_spreads[:, posterior.spread_of].sum(axis=1)
    return np.asarray(posterior.log_hyper(log_spreads) + effects)


def _gaussians(posterior: LogDensity, sites: Sites, log_spreads: Matrix) -> tuple[Vector, Vector]:
    """Return exponent at the mean, and log determinant of the root of precision, given spreads."""
    exponent, log_root = np.empty((2, len(log_spreads)))
    for part, mean, root in _given(posterior, sites, log_spreads):
        exponent[part] = mean @ sites.linear[posterior.order] / 2
        log_root[part] = np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
    return exponent, log_root


def _spread_mode(posterior: LogDensity, sites: Sites, start: Vector) -> Vector:
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


def _log_weights(
    approximation: Approximation,
    draws: Matrix,
    log_spreads: Matrix,
    density: Matrix,
    workers: int,
) -> Matrix:
    """Return the log of posterior over proposal, per group where groups share nothing."""
    posterior = approximation.posterior
    thetas = np.array([posterior.design.coordinates(draw) for draw in draws])
    exact = posterior.likelihood.values(thetas, workers=workers)
    if approximation.factorises:
        prior = posterior.fixed.entries(draws).reshape(*density.shape, -1).sum(axis=2)
        weight = exact + prior - density
    else:
        prior = posterior.log_prior(draws, log_spreads)
        sites = approximation.sites
        exponent, log_root = _gaussians(posterior, sites, log_spreads)
        proposed = density.sum(axis=1)
        if posterior.design.terms:  # the marginal of the spreads is divided by the root
            proposed += _log_prior(posterior, log_spreads) + exponent
        else:
            proposed += log_root
        weight = (exact.sum(axis=1) + prior - proposed)[:, None]
    return np.where(np.isfinite(weight), weight, -np.inf)


def _log_t(z: NDArray[np.float64], degrees: Vector | float) -> NDArray[np.float64]:
    """Return the log density of a multivariate t over the last axis, up to a constant."""
    square = np.square(z).sum(axis=-1)
    return np.asarray(-0.5 * (degrees + z.shape[-1]) * np.log1p(square / degrees))


def _systematic(weight: Vector, n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return n places, each as often as its weight says, to within one."""
    steps = (np.arange(n) + rng.random()) / n
    return np.searchsorted(np.cumsum(weight) / weight.sum(), steps).clip(max=len(weight) - 1)
