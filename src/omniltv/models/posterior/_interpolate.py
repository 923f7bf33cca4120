"""Forecasts under all posterior draws, interpolated from a few of them.

A forecast of a state is a smooth function of the population's coordinates, and their draws are
close together. It is therefore computed exactly at a few well spread draws, the nodes, and
elsewhere by a polynomial through them. The nodes depend only on the draws. The degree is raised
for each state until the error at a few other draws is a small part of the posterior standard
deviation. If no degree suffices, the state is computed exactly at all draws.

The values of a state are identical to the last bit whatever other states are computed with it:
no operation involves two states, and the only matrix product, whose rounding could depend on
its shape, is exact (see `_product`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import combinations_with_replacement
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import Model, Parameters

__all__ = ["ByRows", "Cells", "Exact", "over_draws"]

type Exact = Callable[[Parameters, NDArray[np.intp]], NDArray[np.float64]]
"""Returns values of shape (rows, draws) from parameters that broadcast to it and the rows."""

type ByRows = Callable[[NDArray[np.intp], slice], NDArray[np.float64]]
"""Returns the values of rows under draws, of shape (rows, draws)."""

_DEGREES = (2.0, 2.75, 3.0, 3.75, 4.0)  # the fraction: share of directions, widest first
_TOLERANCE = 0.01  # root mean square error of draws, in posterior standard deviations
_MOST_NODES = 1 / 8  # share of draws; if more are needed, all draws are exact
_CHECKED = 8  # draws at which the polynomial is compared with the exact value
_BLOCK_VALUES = 50_000
_LADDERS = 32  # kept for fits that score customers one at a time
_VALUE_BITS = 24  # bits of a value minus that of the first node
_LEAST_EXPONENT = -500  # smaller values are zero in the polynomial
_SAME = 1e-9  # largest remainder of a linearly dependent monomial


@dataclass(frozen=True, eq=False)
class Cells:
    """The groups and covariates of rows, which determine their parameters.

    Attributes:
        model: Maps coordinates to parameters.
        by_group: Draws of the coordinates of each group, (n_draws, n_groups, n_coordinates).
        group: Group of each row, of shape (n_rows,).
        slopes: Draws of the covariate effects, of shape (n_draws, n_effects).
        target: Position of the coordinate of each effect.
        covariates: Standardised covariates of each row, of shape (n_rows, n_effects).
    """

    model: Model
    by_group: NDArray[np.float64]
    group: NDArray[np.intp]
    slopes: NDArray[np.float64]
    target: tuple[int, ...]
    covariates: NDArray[np.float64]

    def take(self, rows: NDArray[np.intp] | slice) -> "Cells":
        """Return the cells of some rows."""
        return replace(self, group=self.group[rows], covariates=self.covariates[rows])

    def coordinates(self, draws: slice | NDArray[np.intp]) -> NDArray[np.float64]:
        """Return coordinates, of shape (n_coordinates, n_rows, number of requested draws)."""
        found = self.by_group[draws].transpose(2, 1, 0)[:, self.group]
        for k, target in enumerate(self.target):
            found[target] += np.multiply.outer(self.covariates[:, k], self.slopes[draws, k])
        return np.ascontiguousarray(found)

    def parameters(self, draws: slice | NDArray[np.intp] = slice(None)) -> Parameters:
        """Return the reported parameters, of shape (n_rows, number of requested draws) each."""
        found = self.shared_parameters(draws)
        shape = (len(self.group), len(self.by_group[draws]))
        return {name: np.broadcast_to(values, shape) for name, values in found.items()}

    def flat_parameters(self, draws: NDArray[np.intp]) -> dict[str, NDArray[np.float64]]:
        """Return parameters of rows under draws, one after the other, (n_rows * n_draws,) each."""
        found = self.parameters(draws)
        return {name: np.ascontiguousarray(values).ravel() for name, values in found.items()}

    def shared_parameters(self, draws: slice | NDArray[np.intp] = slice(None)) -> Parameters:
        """Return the reported parameters; of one row if all rows share them."""
        names = [item.name for item in self.model.coordinates]
        if self.target:
            moved = self.coordinates(draws)
            return self.model.parameters(NUMPY, dict(zip(names, moved, strict=True)))
        used, place = np.unique(self.group, return_inverse=True)
        each = np.ascontiguousarray(self.by_group[draws][:, used].transpose(2, 1, 0))
        found = self.model.parameters(NUMPY, dict(zip(names, each, strict=True)))
        if len(used) > 1:
            return {name: values[place] for name, values in found.items()}
        return found


def over_draws(
    exact: Exact,
    cells: Cells,
    n_draws: int,
    *,
    within: tuple[float, float] = (-np.inf, np.inf),
    tolerance: float = _TOLERANCE,
) -> ByRows:
    """Return a forecast as a function of rows and draws.

    Args:
        exact: The forecast.
        cells: The groups and covariates of the rows.
        n_draws: Number of posterior draws.
        within: Bounds of the values; interpolated values are clipped to them.
        tolerance: Largest root mean square error, in posterior standard deviations. The mean of
            n draws needs no smaller one than its own standard error, 1 / sqrt(n).
    """
    made: dict[int, _Ladder] = {}

    def group_values(group: int, rows: NDArray[np.intp], draws: slice) -> NDArray[np.float64]:
        if group not in made:
            points = np.concatenate([cells.by_group[:, group], cells.slopes], axis=1)
            made[group] = _ladder(points.tobytes(), points.shape)
        values = _Climb(exact, cells, made[group], draws, tolerance).start(rows)
        return np.clip(values, *within, out=values) if np.isfinite(within).any() else values

    def evaluate(rows: NDArray[np.intp], draws: slice) -> NDArray[np.float64]:
        group = cells.group[rows]
        labels = np.unique(group)
        if len(labels) == 1:
            return group_values(int(labels[0]), rows, draws)
        result = np.empty((len(rows), len(range(*draws.indices(n_draws)))))
        for label in labels:
            at = np.flatnonzero(group == label)
            result[at] = group_values(int(label), rows[at], draws)
        return result

    return evaluate


@dataclass(frozen=True, eq=False)
class _Level:
    """The interpolation of one degree.

    Attributes:
        n_nodes: Number of nodes: the first ones of the ladder.
        weights: Weight of each node for each draw, of shape (n_nodes, n_draws), rounded.
    """

    n_nodes: int
    weights: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Ladder:
    """Interpolations of increasing degree over the draws of a group, with nested nodes.

    Monomials are added one by one. The part of a monomial that earlier ones cannot express is
    scaled to 1 at the draw where it is largest, and this draw is the next node (Maday, Nguyen,
    Patera and Pau 2009, A General Multipurpose Interpolation Procedure: the Magic Points,
    Communications on Pure and Applied Analysis 8(1)). A higher degree therefore only adds nodes,
    and no value is computed twice.

    Attributes:
        points: The draws, rotated and scaled to unit covariance, (n_draws, n_directions).
        checked: The draws at which errors are measured; they are never nodes.
        nodes: The draws that are nodes, in order.
        basis: Remainder of each monomial that has a node, each of shape (n_draws,).
    """

    points: NDArray[np.float64]
    checked: NDArray[np.intp]
    nodes: list[int] = field(default_factory=list)
    basis: list[NDArray[np.float64]] = field(default_factory=list)
    _levels: list[_Level] = field(default_factory=list)
    _growing: Lock = field(default_factory=Lock)

    def level(self, number: int) -> _Level | None:
        """Return the interpolation of a degree; None if it needs too many draws."""
        with self._growing:  # only one thread extends the ladder
            while len(self._levels) <= number and len(self._levels) < len(_DEGREES):
                if not self._grow(_monomials(len(self._levels), self.points.shape[1])):
                    return None
                n = len(self.nodes)
                self._levels.append(_Level(n, self._weights(n)))
        return self._levels[number] if number < len(self._levels) else None

    def _grow(self, monomials: list[tuple[int, ...]]) -> bool:
        """Add the nodes of some monomials; return whether there are enough draws."""
        if len(self.nodes) + len(monomials) > len(self.points) * _MOST_NODES:
            return False
        for axes in monomials:
            left = np.prod(self.points[:, axes], axis=1)
            for node, known in zip(self.nodes, self.basis, strict=True):
                left = left - left[node] * known
            size = np.abs(left)
            size[self.checked] = 0.0
            node = int(size.argmax())
            if size[node] > _SAME:
                self.nodes.append(node)
                self.basis.append(left / left[node])
        return True

    def _weights(self, n: int) -> NDArray[np.float64]:
        """Return the weights of the first n nodes, rounded so that sums of products are exact."""
        weights = np.array(self.basis[:n])
        at_nodes = weights[:, self.nodes[:n]].T
        for k in reversed(range(1, n)):
            weights[:k] -= at_nodes[k, :k, None] * weights[k]
        bits = 53 - _VALUE_BITS - int(np.ceil(np.log2(n + 1)))
        return _rounded(weights, np.abs(weights).max(), bits)


@lru_cache(_LADDERS)
def _ladder(points: bytes, shape: tuple[int, int]) -> _Ladder:
    """Return the ladder of draws, cached by their content."""
    standardised = _standardised(np.frombuffer(points).reshape(shape))
    spread = np.argsort(np.square(standardised).sum(axis=1), kind="stable")
    places = (np.arange(_CHECKED) + 0.5) * len(spread) / _CHECKED
    return _Ladder(standardised, np.unique(spread[places.astype(np.intp)]))


@dataclass(frozen=True, eq=False)
class _Climb:
    """The computation of rows of one group, each at the lowest degree that suffices.

    Attributes:
        exact: The forecast.
        cells: The groups and covariates of the rows.
        ladder: Interpolations of increasing degree.
        draws: The requested draws.
        tolerance: Largest root mean square error, in posterior standard deviations.
    """

    exact: Exact
    cells: Cells
    ladder: _Ladder
    draws: slice
    tolerance: float

    def start(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the values of rows, of shape (rows, number of requested draws)."""
        level = self.ladder.level(0)
        if level is None:
            return self._at(rows, np.arange(len(self.ladder.points))[self.draws])
        n = level.n_nodes
        worked = self._at(rows, np.concatenate([self.ladder.nodes[:n], self.ladder.checked]))
        return self._settle(rows, worked[:, :n], worked[:, n:], 0)

    def _settle(
        self,
        rows: NDArray[np.intp],
        values: NDArray[np.float64],
        truth: NDArray[np.float64],
        number: int,
    ) -> NDArray[np.float64]:
        """Return the values of rows, given their values at the first nodes."""
        level = self.ladder.level(number)
        if level is None:
            return self._at(rows, np.arange(len(self.ladder.points))[self.draws])
        new = np.array(self.ladder.nodes[values.shape[1] : level.n_nodes], dtype=np.intp)
        if len(new):
            values = np.concatenate([values, self._at(rows, new)], axis=1)
        found = _product(values, level.weights[:, self.ladder.checked])
        good = _good(found, truth, self.tolerance)
        if good.all():
            return _product(values, level.weights[:, self.draws])
        found = np.empty((len(rows), level.weights[:, self.draws].shape[1]))
        found[good] = _product(values[good], level.weights[:, self.draws])
        found[~good] = self._settle(rows[~good], values[~good], truth[~good], number + 1)
        return found

    def _at(self, rows: NDArray[np.intp], draws: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return exact values, computed in blocks that fit in the processor's cache."""
        step = max(1, _BLOCK_VALUES // max(1, len(draws)))
        found = np.empty((len(rows), len(draws)))
        for start in range(0, len(rows), step):
            some = rows[start : start + step]
            parameters = self.cells.take(some).shared_parameters(draws)
            found[start : start + step] = self.exact(parameters, some)
        return found


def _good(
    values: NDArray[np.float64], truth: NDArray[np.float64], tolerance: float
) -> NDArray[np.bool_]:
    """Return which rows are accurate enough; both arguments have shape (rows, draws)."""
    error = np.sqrt(np.square(values - truth).mean(axis=1))
    return np.asarray(error <= tolerance * truth.std(axis=1) + 1e-12)


def _product(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values at draws from values at nodes, of shape (rows, draws).

    The rounding of a matrix product depends on the shapes, the processor and the number of
    threads. To avoid rounding, values and weights are first rounded to about 24 bits, so
    products and their sums fit into 53 bits. The error is about 1e-7 of the range of a row.

    Args:
        values: Values at the nodes, of shape (rows, n_nodes).
        weights: Weights of shape (n_nodes, draws), rounded; they sum to 1 over the nodes.
    """
    base = values[:, :1]
    rise = values - base
    found = _rounded(rise, np.abs(rise).max(axis=1, keepdims=True), _VALUE_BITS) @ weights
    found += base
    return np.asarray(found)


def _rounded(
    values: NDArray[np.float64], largest: NDArray[np.float64], bits: int
) -> NDArray[np.float64]:
    """Return values as multiples of a power of two, at most 2^bits of them.

    Examples:
        >>> _rounded(np.array([0.3, 1.0]), np.asarray(1.0), 3).tolist()
        [0.25, 1.0]
    """
    exponent = np.maximum(np.frexp(largest)[1], _LEAST_EXPONENT)
    return np.asarray(np.ldexp(np.rint(np.ldexp(values, bits - exponent)), exponent - bits))


def _standardised(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return draws rotated and scaled to unit covariance, the widest direction first.

    Constant directions are left out. Sums are computed without matrix products, so they do
    not depend on the number of threads.
    """
    centred = points - points.mean(axis=0)
    covariance = (centred[:, :, None] * centred[:, None, :]).mean(axis=0)
    variance, turn = np.linalg.eigh(covariance)
    used = np.flatnonzero(variance > 1e-18 * max(variance[-1], 1e-300))[::-1]
    columns = [(centred * turn[:, k]).sum(axis=1) / np.sqrt(variance[k]) for k in used]
    return np.stack(columns, axis=1) if columns else np.empty((len(points), 0))


def _monomials(number: int, directions: int) -> list[tuple[int, ...]]:
    """Return the monomials that a degree adds to the previous one, by the axes they multiply.

    Degree 2.75 is quadratic in all directions, and cubic in the three quarters of directions
    with the largest variance.

    Examples:
        >>> _monomials(0, 2)
        [(), (0,), (1,), (0, 0), (0, 1), (1, 1)]
        >>> len(_monomials(1, 2)), len(_monomials(2, 2))
        (4, 0)
    """
    known = set(_axes(_DEGREES[number - 1], directions)) if number else set()
    return [axes for axes in _axes(_DEGREES[number], directions) if axes not in known]


def _axes(degree: float, directions: int) -> list[tuple[int, ...]]:
    whole = int(degree)
    wide = int(np.ceil((degree - whole) * directions))
    powers = [(power, directions) for power in range(whole + 1)] + [(whole + 1, wide)]
    return [
        axes
        for power, among in powers
        for axes in combinations_with_replacement(range(among), power)
    ]
