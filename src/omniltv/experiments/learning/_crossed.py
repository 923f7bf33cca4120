"""A Normal model with crossed groups, whose standard deviations are integrated out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from warnings import warn

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import multivariate_t, qmc

from omniltv._arrays import Vector
from omniltv.errors import ConfigError, EvidenceWarning

__all__ = ["CrossedModel", "Factor", "Integrated", "factor"]

_POINTS = 1_024
_ROUNDS = 4
_ENOUGH = 0.3
_FEWEST = 30
_FROM_PRIOR = 0.2
_FREEDOM = 5
_LEAST_LOG = -12.0
_MOST_SPREAD = 8.0
_BLOCK = 4_000_000
_MOST = 2_000


class Factor(NamedTuple):
    """One grouping of the measurements.

    Attributes:
        name: Name of the grouping.
        code: Level of each measurement, of shape (n,).
        wanted: Level of each wanted cell, of shape (n_wanted,).
    """

    name: str
    code: NDArray[np.intp]
    wanted: NDArray[np.intp]


class Integrated(NamedTuple):
    """The posterior of the wanted cells.

    Attributes:
        mean: Posterior mean, of shape (n_wanted,).
        sd: Posterior standard deviation, of shape (n_wanted,).
        draws: Draws, of shape (n_wanted, n_draws).
        spread: Posterior mean of the standard deviation of each factor.
    """

    mean: Vector
    sd: Vector
    draws: Vector
    spread: dict[str, float]


class _Solved(NamedTuple):
    """The posterior of the standardised coefficients at a block of points.

    Attributes:
        block: The points.
        lower: Cholesky factor of the precision, of shape (n_points, n_coefficients,
            n_coefficients).
        centre: Mean, of shape (n_points, n_coefficients).
        turn: What one standardised unit is worth, same shape.
        log_likelihood: Log marginal likelihood, apart from a constant, of shape (n_points,).
    """

    block: slice
    lower: Vector
    centre: Vector
    turn: Vector
    log_likelihood: Vector


def factor(
    name: str, columns: Sequence[NDArray[np.str_]], wanted: Sequence[NDArray[np.str_]]
) -> Factor:
    """Return the grouping by one column of labels, or by the combinations of several.

    Args:
        name: Name of the grouping.
        columns: Labels of the measurements, each of shape (n,).
        wanted: Labels of the wanted cells, each of shape (n_wanted,).

    Examples:
        >>> factor("tier", [np.array(["a", "b", "a"])], [np.array(["b"])])
        Factor(name='tier', code=array([0, 1, 0]), wanted=array([1]))
    """
    both = [np.concatenate(pair) for pair in zip(columns, wanted, strict=True)]
    code = np.zeros(len(both[0]), dtype=np.intp)
    for labels in both:
        _, own = np.unique(labels, return_inverse=True)
        _, code = np.unique(code * (own.max(initial=0) + 1) + own, return_inverse=True)
    return Factor(name, code[: len(columns[0])], code[len(columns[0]) :])


@dataclass(frozen=True, eq=False)
class CrossedModel:
    """Estimates y = scale (mean + one deviation per factor) + Normal noise.

    The mean and the deviations are Normal, and the standard deviations of the deviations
    half-Normal (Gelman 2006, Bayesian Analysis 1(3), 515-534, on why not inverse gamma). Given
    these standard deviations, everything is Normal and exact. They are integrated out by
    importance sampling over quasi-random points: first from the prior, then from a multivariate
    t distribution fitted to the weighted points in the logarithm, mixed with the prior.

    If the noise is independent, a factor with a level of its own for each estimate and for each
    wanted cell is part of the noise, which leaves fewer coefficients to solve for: y / scale has
    the variance v = 1 / (precision scale**2) + spread**2, and the deviation of a measured level
    has, given the other coefficients, the mean k (y / scale - what they predict) with
    k = spread**2 / v, and the variance spread**2 (1 - k).

    Attributes:
        estimate: The estimates, of shape (n,).
        precision: Inverse covariance of their noise, of shape (n, n), or of shape (n,) if they
            are independent.
        scale: What one unit of the mean and of the deviations is worth, of shape (n,).
        factors: The groupings.
        mean_sd: Prior standard deviation of the mean.
        spread: Scale of the half-Normal prior of each factor.
        seed: Seed of the integration.
    """

    estimate: Vector
    precision: Vector
    scale: Vector
    factors: Sequence[Factor]
    mean_sd: float
    spread: float
    seed: int
    _own: int | None = field(init=False)
    _kept: tuple[int, ...] = field(init=False)
    _sizes: tuple[int, ...] = field(init=False)
    _rows: Vector = field(init=False)

    def __post_init__(self) -> None:
        single = [k for k, own in enumerate(self.factors) if self._is_single(own)]
        own = single[-1] if single else None
        kept = tuple(k for k in range(len(self.factors)) if k != own)
        sizes = tuple(_levels(self.factors[k]) for k in kept)
        if 1 + sum(sizes) > _MOST:
            raise ConfigError(
                f"{1 + sum(sizes):,} groups to pool, at most {_MOST:,}. Hint: fewer measurements"
            )
        object.__setattr__(self, "_own", own)
        object.__setattr__(self, "_kept", kept)
        object.__setattr__(self, "_sizes", sizes)
        object.__setattr__(self, "_rows", self._design([self.factors[k].code for k in kept]))

    def _is_single(self, own: Factor) -> bool:
        """Return whether a factor can be part of the noise: no level occurs twice."""
        apart = all(len(np.unique(codes)) == len(codes) for codes in (own.code, own.wanted))
        return self.precision.ndim == 1 and apart

    def integrate(self, *, n_draws: int) -> Integrated:
        """Return the posterior of the wanted cells.

        Warns:
            EvidenceWarning: If fewer than 30 effective points carry the integration.
        """
        log_spread, weight = self._points()
        rng = np.random.default_rng((self.seed, _ROUNDS))
        counts = _systematic(weight, n_draws, rng)
        ends = np.cumsum(counts)
        n_wanted = len(self.factors[0].wanted)
        mean, square = np.zeros(n_wanted), np.zeros(n_wanted)
        draws = np.empty((n_wanted, n_draws))
        for block, lower, centre, turn, _ in self._solved(log_spread):
            start, along, left = self._wanted(log_spread[block])
            along = along * turn[:, None, :]
            at = start + np.einsum("btp,bp->bt", along, centre)
            spread = np.linalg.solve(lower, np.swapaxes(along, 1, 2))
            mean += weight[block] @ at
            square += weight[block] @ (at**2 + (spread**2).sum(axis=1) + left)
            for k, n in enumerate(counts[block]):
                end = ends[block][k]
                noise = rng.standard_normal((spread.shape[1], n))
                apart = np.sqrt(left[k])[:, None] * rng.standard_normal((n_wanted, n))
                draws[:, end - n : end] = at[k][:, None] + spread[k].T @ noise + apart
        sd = np.sqrt(np.maximum(square - mean**2, 0.0))
        means = weight @ np.exp(log_spread)
        names = [own.name for own in self.factors]
        found = dict(zip(names, means.tolist(), strict=True))
        shuffled = draws[:, rng.permutation(n_draws)]
        return Integrated(mean, sd, shuffled, found)

    def _design(self, codes: Sequence[NDArray[np.intp]]) -> Vector:
        """Return the matrix of the mean and the deviations, of shape (n, 1 + n_levels)."""
        parts = [np.eye(size)[code] for code, size in zip(codes, self._sizes, strict=True)]
        n = len(self.factors[0].code) if not codes else len(codes[0])
        return np.hstack([np.ones((n, 1)), *parts])

    def _wanted(self, log_spread: Vector) -> tuple[Vector, Vector, Vector]:
        """Return the cells as linear functions of the coefficients, at each point.

        Returns:
            Constants, of shape (n_points, n_wanted), slopes, of shape (n_points, n_wanted,
            n_coefficients), and variances beside, of shape (n_points, n_wanted).
        """
        points = len(log_spread)
        n_wanted = len(self.factors[0].wanted)
        wanted = self._wanted_rows(n_wanted)
        if self._own is None:
            none = np.zeros((points, n_wanted))
            return none, np.broadcast_to(wanted, (points, *wanted.shape)), none
        own = self.factors[self._own]
        where = np.full(_levels(own), -1, dtype=np.intp)
        where[own.code] = np.arange(len(own.code))
        place = where[own.wanted]
        square = np.exp(2.0 * log_spread[:, self._own])[:, None]
        known = 1.0 / (self.precision * self.scale**2)
        pulled = np.where(place < 0, 0.0, square / (square + known[place]))
        start = pulled * (self.estimate / self.scale)[place]
        return start, wanted - pulled[:, :, None] * self._rows[place], square * (1.0 - pulled)

    def _wanted_rows(self, n_wanted: int) -> Vector:
        codes = [self.factors[k].wanted for k in self._kept]
        return self._design(codes) if codes else np.ones((n_wanted, 1))

    def _points(self) -> tuple[Vector, Vector]:
        """Return logarithms of standard deviations, and their weights."""
        uniform = qmc.Sobol(len(self.factors), rng=self.seed).random(_POINTS)
        log_spread = self._from_prior(uniform)
        log_weight = self._log_likelihood(log_spread)
        for k in range(_ROUNDS):
            weight = _normalised(log_weight)
            if _effective(weight) > _ENOUGH * _POINTS:
                break
            log_spread, proposal = self._proposed(log_spread, weight, k)
            log_weight = self._log_likelihood(log_spread) + self._log_prior(log_spread) - proposal
        weight = _normalised(log_weight)
        if _effective(weight) < _FEWEST:
            message = f"the integration rests on {_effective(weight):.0f} of {_POINTS:,} points"
            warn(f"{message}. Hint: pool fewer columns", EvidenceWarning, stacklevel=4)
        return log_spread, weight

    def _from_prior(self, uniform: Vector) -> Vector:
        inside = np.clip(uniform, 1e-6, 1.0 - 1e-6)
        return np.maximum(np.log(self.spread * ndtri((1.0 + inside) / 2.0)), _LEAST_LOG)

    def _log_prior(self, log_spread: Vector) -> Vector:
        """Return the log density of the half-Normal prior in the logarithms."""
        ratio = np.exp(log_spread) / self.spread
        each = 0.5 * np.log(2.0 / np.pi) - np.log(self.spread) - ratio**2 / 2.0 + log_spread
        return np.asarray(each.sum(axis=1))

    def _proposed(self, log_spread: Vector, weight: Vector, k: int) -> tuple[Vector, Vector]:
        """Return new points from a mixture, and the log density of the mixture."""
        centre = weight @ log_spread
        off = log_spread - centre
        shape = (weight[:, None] * off).T @ off + 1e-4 * np.eye(len(centre))
        heavy = multivariate_t(centre, 1.5 * shape, df=_FREEDOM, seed=self.seed + k + 1)
        few = int(_FROM_PRIOR * _POINTS)
        rng = np.random.default_rng((self.seed, k))
        new = np.vstack(
            [
                np.reshape(heavy.rvs(_POINTS - few), (_POINTS - few, -1)),
                self._from_prior(rng.random((few, len(centre)))),
            ]
        )
        new = np.clip(new, _LEAST_LOG, np.log(_MOST_SPREAD * self.spread))  # no prior mass beyond
        parts = [
            np.log1p(-_FROM_PRIOR) + np.reshape(heavy.logpdf(new), -1),
            np.log(_FROM_PRIOR) + self._log_prior(new),
        ]
        return new, np.logaddexp(*parts)

    def _log_likelihood(self, log_spread: Vector) -> Vector:
        """Return the log marginal likelihood at each point, apart from a constant."""
        return np.concatenate([solved.log_likelihood for solved in self._solved(log_spread)])

    def _normal(self, log_spread: Vector) -> tuple[Vector, Vector, Vector]:
        """Return the information, the score, and the log density of the noise at each point."""
        design = self._rows * self.scale[:, None]
        if self._own is None:
            own = self.precision[:, None]
            weighted = own * design if self.precision.ndim == 1 else self.precision @ design
            return design.T @ weighted, weighted.T @ self.estimate, np.zeros(len(log_spread))
        square = np.exp(2.0 * log_spread[:, self._own])[:, None]
        variance = 1.0 / self.precision + self.scale**2 * square
        weighted = design / variance[:, :, None]
        noise = -0.5 * (np.log(variance) + self.estimate**2 / variance).sum(axis=1)
        information = np.swapaxes(weighted, 1, 2) @ design
        return information, np.einsum("bnp,n->bp", weighted, self.estimate), noise

    def _solved(self, log_spread: Vector) -> Iterator["_Solved"]:
        """Yield the posterior of the coefficients in blocks of points."""
        repeats = (1, *self._sizes)
        p = sum(repeats)
        step = max(1, _BLOCK // (p * max(p, len(self.estimate))))
        for begin in range(0, len(log_spread), step):
            block = slice(begin, min(begin + step, len(log_spread)))
            own = np.exp(log_spread[block][:, list(self._kept)])
            sds = np.hstack([np.full((len(own), 1), self.mean_sd), own])
            turn = np.repeat(sds, repeats, axis=1)
            information, score, noise = self._normal(log_spread[block])
            matrix = np.eye(p) + turn[:, :, None] * information * turn[:, None, :]
            lower = np.linalg.cholesky(matrix)
            right = (turn * score)[:, :, None]
            centre = np.linalg.solve(np.swapaxes(lower, 1, 2), np.linalg.solve(lower, right))
            half_log_det = np.log(np.diagonal(lower, axis1=1, axis2=2)).sum(axis=1)
            fit = 0.5 * (centre * right).sum(axis=(1, 2)) - half_log_det + noise
            yield _Solved(block, lower, centre[:, :, 0], turn, fit)


def _normalised(log_weight: Vector) -> Vector:
    weight = np.exp(log_weight - log_weight.max())
    return np.asarray(weight / weight.sum())


def _effective(weight: Vector) -> float:
    return float(1.0 / (weight**2).sum())


def _systematic(weight: Vector, n: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return how often each point is drawn, of n times, by systematic resampling."""
    place = (np.arange(n) + rng.random()) / n
    chosen = np.minimum(np.searchsorted(np.cumsum(weight), place), len(weight) - 1)
    return np.bincount(chosen, minlength=len(weight))


def _levels(own: Factor) -> int:
    return int(max(own.code.max(initial=-1), own.wanted.max(initial=-1))) + 1
