"""The log density of a pooled model: coefficients, spreads and their priors.

The rows of a cell share all coordinates. These are a population mean, plus a random effect
for each term of the pooling, plus the effects of covariates:
coordinates = mean + sum_f u_f[level] + x beta, with u_f ~ Normal(0, spread_f).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Matrix, Vector
from omniltv.models.inference._likelihood import Likelihood
from omniltv.models.inference._subsampled_likelihood import SubsampledLikelihood
from omniltv.models.posterior.priors import Normal, Prior

if TYPE_CHECKING:
    from scipy import sparse

__all__ = ["DesignMatrix", "IndependentPriors", "LogDensity"]

_SMALL = 20_000  # entries up to which a matrix is dense


@dataclass(frozen=True, eq=False)
class DesignMatrix:
    """The design: how the coordinates of cells depend on coefficients.

    Attributes:
        base: Row of the mean of each cell, one for all or one per group, of shape (n_cells,).
        terms: Level of each cell in each random-effect term, each of shape (n_cells,).
        covariates: Standardised covariates, of shape (n_cells, n_effects).
        target: Position of the coordinate of each covariate effect, of length n_effects.
        n_coordinates: Number of coordinates.
    """

    base: NDArray[np.int64]
    terms: tuple[NDArray[np.int64], ...]
    covariates: Matrix
    target: tuple[int, ...]
    n_coordinates: int

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        """Number of levels of the base and of each term."""
        return tuple(int(level.max()) + 1 for level in (self.base, *self.terms))

    @property
    def n_rows(self) -> int:
        """Number of rows of coefficients: levels of the base and of all terms."""
        return sum(self.sizes)

    @property
    def n_coefficients(self) -> int:
        """Number of coefficients: rows times coordinates, plus covariate effects."""
        return self.n_rows * self.n_coordinates + len(self.target)

    def rows(self, term: int) -> slice:
        """Return the rows of the base (-1) or of a term (0, 1 …)."""
        start = sum(self.sizes[: term + 1])
        return slice(start, start + self.sizes[term + 1])

    def start(self, coordinates: Vector) -> Vector:
        """Return the coefficients that give every cell the same coordinates."""
        start = np.zeros(self.n_coefficients)
        start[: self.sizes[0] * self.n_coordinates] = np.tile(coordinates, self.sizes[0])
        return start

    @cached_property
    def _matrix(self) -> "Matrix | sparse.csr_array[np.float64]":
        """The rows that each cell adds up, of shape (n_cells, n_rows); dense if small."""
        n = len(self.base)
        starts = np.cumsum([0, *self.sizes[:-1]])
        levels = zip((self.base, *self.terms), starts, strict=True)
        column = np.concatenate([level + start for level, start in levels])
        row = np.tile(np.arange(n), len(starts))
        if n * self.n_rows < _SMALL:
            matrix = np.zeros((n, self.n_rows))
            matrix[row, column] = 1.0
            return matrix
        from scipy import sparse  # noqa: PLC0415 - takes time to import

        return sparse.csr_array((np.ones(len(row)), (row, column)), shape=(n, self.n_rows))

    def coordinates(self, coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the coordinates of each cell, of shape (n_cells, n_coordinates).

        Coefficients of many points, of shape (n_points, d), give (n_points, n_cells, k).
        """
        k, size = self.n_coordinates, self.n_rows * self.n_coordinates
        rows = coefficients[..., :size].reshape(*coefficients.shape[:-1], -1, k)
        starts = np.cumsum([0, *self.sizes[:-1]])
        result = rows[..., self.base, :]
        for level, start in zip(self.terms, starts[1:], strict=True):
            result += rows[..., level + start, :]
        for effect, target in enumerate(self.target):
            slope = coefficients[..., size + effect, None]
            result[..., target] += slope * self.covariates[:, effect]
        return result

    def pull(self, gradient: Matrix) -> Vector:
        """Return the gradient of the coefficients from the gradient of the coordinates."""
        effects = [self.covariates[:, k] @ gradient[:, j] for k, j in enumerate(self.target)]
        rows: Matrix = np.asarray(self._matrix.T @ gradient, dtype=np.float64)
        return np.concatenate([rows.ravel(), effects])

    def pull_curvature(self, curvature: NDArray[np.float64]) -> Matrix:
        """Return A' H A: the curvature of the coefficients from that of each cell."""
        k, size = self.n_coordinates, self.n_rows * self.n_coordinates
        result = np.zeros((self.n_coefficients, self.n_coefficients))
        grid = result[:size, :size].reshape(self.n_rows, k, self.n_rows, k)
        for i in range(k):
            for j in range(i + 1):
                grid[:, i, :, j] = self._between_rows(curvature[:, i, j])
                grid[:, j, :, i] = grid[:, i, :, j]
        for m, target in enumerate(self.target):
            weighted = curvature[:, :, target] * self.covariates[:, m, None]
            cross = np.asarray(self._matrix.T @ weighted).ravel()
            result[size + m, :size] = result[:size, size + m] = cross
            for n, other in enumerate(self.target):
                result[size + m, size + n] = weighted[:, other] @ self.covariates[:, n]
        return result

    def _between_rows(self, weight: Vector) -> Matrix:
        if isinstance(self._matrix, np.ndarray):
            return np.asarray(self._matrix.T @ (self._matrix * weight[:, None]), dtype=np.float64)
        from scipy import sparse  # noqa: PLC0415 - takes time to import

        between = self._matrix.T @ sparse.diags_array(weight) @ self._matrix
        return np.asarray(between.toarray(), dtype=np.float64)


class IndependentPriors:
    """Independent priors of the entries of a vector."""

    def __init__(self, priors: Sequence[Prior]) -> None:
        self.priors = tuple(priors)
        self._groups: dict[Prior, list[int]] = {}
        for place, prior in enumerate(priors):
            self._groups.setdefault(prior, []).append(place)
        self.normal = all(isinstance(prior, Normal) for prior in priors)
        if self.normal:
            self._mu = np.array([prior.mu for prior in priors if isinstance(prior, Normal)])
            self._sigma = np.array([prior.sigma for prior in priors if isinstance(prior, Normal)])

    def entries(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log density of each entry; entries are the last axis."""
        if self.normal:
            return np.asarray(-0.5 * np.square((values - self._mu) / self._sigma))
        result = np.empty_like(values)
        for prior, at in self._groups.items():
            result[..., at] = prior.logp(values[..., at])
        return result

    def score(self, value: Vector) -> Vector:
        """Return the derivative with respect to each entry."""
        if self.normal:
            return np.asarray((self._mu - value) / self._sigma**2)
        result = np.empty_like(value)
        for prior, at in self._groups.items():
            result[at] = prior.score(value[at])
        return result

    def precision(self, value: Vector) -> Vector:
        """Return minus the second derivative of each entry, 0 where it is negative."""
        step = 1e-4 * (1 + np.abs(value))
        return np.maximum((self.score(value - step) - self.score(value + step)) / (2 * step), 0.0)


@dataclass(frozen=True, eq=False)
class LogDensity:
    """The log density of coefficients and log spreads.

    Attributes:
        likelihood: The log-likelihood of the cells.
        design: From coefficients to coordinates.
        fixed: Priors of the base, row by row, and of the covariate effects.
        spreads: Priors of the spreads, term by term and coordinate by coordinate.
        start_of_spreads: Starting values of the log spreads, in the same order.
        degrees: Degrees of freedom of the proposal of each row of coefficients, (n_rows,).
    """

    likelihood: Likelihood | SubsampledLikelihood
    design: DesignMatrix
    fixed: IndependentPriors
    spreads: IndependentPriors
    start_of_spreads: Vector
    degrees: Vector

    @property
    def shape_of_spreads(self) -> tuple[int, int]:
        """Numbers of random-effect terms and of coordinates."""
        return len(self.design.terms), self.design.n_coordinates

    @cached_property
    def fixed_at(self) -> NDArray[np.intp]:
        """Positions of the coefficients with fixed priors."""
        k, design = self.design.n_coordinates, self.design
        base = np.arange(design.sizes[0] * k)
        return np.concatenate([base, np.arange(design.n_rows * k, design.n_coefficients)])

    @cached_property
    def learned_at(self) -> NDArray[np.intp]:
        """Positions of the random effects, row by row."""
        k, design = self.design.n_coordinates, self.design
        return np.arange(design.sizes[0] * k, design.n_rows * k)

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """Places of the coefficients, learned effects first: they are drawn given the rest."""
        return np.concatenate([self.learned_at, self.fixed_at])

    @cached_property
    def spread_of(self) -> NDArray[np.intp]:
        """Position of the spread (term by term, coordinate by coordinate) of each random effect."""
        k = self.design.n_coordinates
        parts = [
            term * k + np.tile(np.arange(k), size)
            for term, size in enumerate(self.design.sizes[1:])
        ]
        return np.concatenate([*parts, np.empty(0, dtype=np.intp)]).astype(np.intp)

    def log_prior(self, coefficients: NDArray[np.float64], log_spread: Matrix) -> Vector:
        """Return the log prior of coefficients and log spreads, up to a constant.

        Both may have leading axes; the result has one value for each point.
        """
        effect, log_tau = coefficients[..., self.learned_at], log_spread[..., self.spread_of]
        effects = -(0.5 * np.square(effect * np.exp(-log_tau)) + log_tau).sum(axis=-1)
        fixed = self.fixed.entries(coefficients[..., self.fixed_at]).sum(axis=-1)
        return np.asarray(effects + fixed + self.log_hyper(log_spread))

    def log_priors(self, points: Matrix, log_spread: Vector) -> Matrix:
        """Return the log prior of each coefficient at some points, given the log spreads."""
        result = np.empty_like(points)
        result[:, self.fixed_at] = self.fixed.entries(points[:, self.fixed_at])
        effects = points[:, self.learned_at] * np.exp(-log_spread[self.spread_of])
        result[:, self.learned_at] = -0.5 * np.square(effects)
        return result

    def log_hyper(self, log_spread: Matrix) -> Vector:
        """Return the log prior of the log spreads, up to a constant, over the last axis."""
        own = self.spreads.entries(np.exp(log_spread)) + log_spread
        return np.asarray(own.sum(axis=-1))

    def prior_precision(self, coefficients: Vector, log_spread: Vector) -> Vector:
        """Return minus the second derivative of the log prior in each coefficient."""
        result = np.empty(len(coefficients))
        result[self.fixed_at] = self.fixed.precision(coefficients[self.fixed_at])
        result[self.learned_at] = np.exp(-2 * log_spread[self.spread_of])
        return result

    def prior_score(self, coefficients: Vector, log_spread: Vector) -> Vector:
        """Return the derivative of the log prior in each coefficient."""
        result = np.empty(len(coefficients))
        result[self.fixed_at] = self.fixed.score(coefficients[self.fixed_at])
        tau = np.exp(-2 * log_spread[self.spread_of])
        result[self.learned_at] = -coefficients[self.learned_at] * tau
        return result
