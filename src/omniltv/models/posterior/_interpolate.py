"""Forecasts under all posterior draws, interpolated from a few of them.

The forecast of a state is a smooth function of the coordinates, and their draws lie close
together. The forecast is computed exactly at a few well-spread draws, and at the others by
polynomial interpolation. The degree is increased until the error, measured on held-out
states and draws, is a small part of the posterior standard deviation. If no degree is good
enough, the forecast is computed exactly at all draws.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr

from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import Model, Parameters

__all__ = ["ByRows", "Cells", "Exact", "over_draws"]

type Exact = Callable[[Parameters, NDArray[np.intp]], NDArray[np.float64]]
"""Returns values of shape (rows, draws) from parameters of that shape and the rows."""

type ByRows = Callable[[NDArray[np.intp], slice], NDArray[np.float64]]
"""Returns values of shape (rows, draws) of some rows under some draws."""

_FEW = 1_000_000  # values; fewer are computed exactly
_DEGREES = (2.0, 2.75, 3.0, 3.75, 4.0)  # a fraction: only in that share of the directions
_TOLERANCE = 0.01  # of the posterior standard deviation, root mean square
_TRIED = 64
_BLOCK_VALUES = 50_000


@dataclass(frozen=True, eq=False)
class Cells:
    """The draws of all groups, with the group and covariates of each row.

    Attributes:
        model: The model, which turns coordinates into parameters.
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
        """Return coordinates of shape (n_coordinates, n_rows, n_draws asked for)."""
        found = self.by_group[draws].transpose(2, 1, 0)[:, self.group]
        for k, target in enumerate(self.target):
            found[target] += np.multiply.outer(self.covariates[:, k], self.slopes[draws, k])
        return found

    def parameters(self, draws: slice | NDArray[np.intp] = slice(None)) -> Parameters:
        """Return the reported parameters, each of shape (n_rows, n_draws asked for)."""
        names = [item.name for item in self.model.coordinates]
        if self.target:
            moved = self.coordinates(draws)
            return self.model.parameters(NUMPY, dict(zip(names, moved, strict=True)))
        used, place = np.unique(self.group, return_inverse=True)
        each = self.by_group[draws][:, used].transpose(2, 1, 0)
        found = self.model.parameters(NUMPY, dict(zip(names, each, strict=True)))
        if len(used) > 1:
            return {name: values[place] for name, values in found.items()}
        shape = (len(place), each.shape[2])
        return {name: np.broadcast_to(values, shape) for name, values in found.items()}


def over_draws(exact: Exact, cells: Cells, n_draws: int) -> ByRows:
    """Return a forecast as a function of rows and draws.

    Args:
        exact: The forecast.
        cells: The cell of each row.
        n_draws: Number of posterior draws.
    """
    made: dict[int, _Polynomial | None] = {}
    making = Lock()  # threads that evaluate blocks wait for the first to fit
    few = len(cells.group) * n_draws < _FEW

    def group_values(group: int, rows: NDArray[np.intp], draws: slice) -> NDArray[np.float64]:
        with making:
            if group not in made:
                made[group] = None if few else _fit(exact, cells, group)
        polynomial = made[group]
        if polynomial is None:
            return _in_blocks(exact, cells, rows, draws, n_draws)
        some = _in_blocks(exact, cells, rows, polynomial.nodes, len(polynomial.nodes))
        return some @ polynomial.weights[:, draws]

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


def _in_blocks(
    exact: Exact,
    cells: Cells,
    rows: NDArray[np.intp],
    draws: slice | NDArray[np.intp],
    n_draws: int,
) -> NDArray[np.float64]:
    """Return the exact values, computed in blocks that fit in the processor's cache."""
    step = max(1, _BLOCK_VALUES // n_draws)
    parts = [rows[start : start + step] for start in range(0, len(rows), step)]
    values = [exact(cells.take(some).parameters(draws), some) for some in parts]
    return np.concatenate(values) if values else np.empty((0, n_draws))


@dataclass(frozen=True, eq=False)
class _Polynomial:
    """An interpolation: the exact draws, and their weights for every draw.

    Attributes:
        nodes: The exact draws, of shape (n_nodes,).
        weights: Their weights, of shape (n_nodes, n_draws).
    """

    nodes: NDArray[np.intp]
    weights: NDArray[np.float64]


def _fit(exact: Exact, cells: Cells, group: int) -> _Polynomial | None:
    """Return the polynomial of lowest degree that is accurate enough for a group, if any."""
    points = _standardised(np.concatenate([cells.by_group[:, group], cells.slopes], axis=1))
    rng = np.random.default_rng(0)
    members = np.flatnonzero(cells.group == group)
    rows = np.sort(rng.choice(members, min(_TRIED, len(members)), replace=False))
    draws = np.sort(rng.choice(len(points), min(_TRIED, len(points)), replace=False))
    own = cells.take(rows)
    truth = exact(own.parameters(draws), rows)
    allowed = _TOLERANCE * truth.std(axis=1)
    for degree in _DEGREES:
        polynomial = _polynomial(points, degree)
        if len(polynomial.nodes) > len(points) / 2:
            return None
        some = exact(own.parameters(polynomial.nodes), rows)
        error = some @ polynomial.weights[:, draws] - truth
        if (np.sqrt(np.square(error).mean(axis=1)) <= allowed + 1e-12).all():
            return polynomial
    return None


def _standardised(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return draws whitened to unit covariance, without directions that do not vary."""
    centred = points - points.mean(axis=0)
    _, scale, turn = np.linalg.svd(centred / np.sqrt(len(points)), full_matrices=False)
    used = scale > 1e-9 * max(scale[0], 1e-300)
    return np.asarray(centred @ turn[used].T / scale[used])


def _polynomial(points: NDArray[np.float64], degree: float) -> _Polynomial:
    """Return the interpolation of a degree at well-spread draws (approximate Fekete points).

    A degree of 2.75 is quadratic, and cubic in the three quarters of the directions with the
    largest variance. The draws are chosen by QR with column pivoting of the monomials
    (Sommariva and Vianello 2009, Computers and Mathematics with Applications 57(8)).
    """
    directions = points.shape[1]
    whole = int(degree)
    wide = int(np.ceil((degree - whole) * directions))
    powers = [(power, directions) for power in range(whole + 1)] + [(whole + 1, wide)]
    chosen = [
        axes
        for power, among in powers
        for axes in combinations_with_replacement(range(among), power)
    ]
    monomials = np.array([np.prod(points[:, axes], axis=1) for axes in chosen])
    _, _, order = qr(monomials, mode="economic", pivoting=True)
    nodes = np.sort(order[: len(chosen)]).astype(np.intp)
    return _Polynomial(nodes, np.linalg.solve(monomials[:, nodes], monomials))
