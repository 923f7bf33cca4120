"""The log-likelihood and its gradient on distinct states, computed by the fused kernel."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from omniltv.models.inference import _kernel
from omniltv.models.inference._expression_graph import (
    ExpressionGraph,
    GraphNamespace,
    Program,
    Traced,
)
from omniltv.models.posterior._observations import State
from omniltv.models.processes._selection import Selected
from omniltv.models.processes.protocols import Model, PurchaseState

__all__ = ["Likelihood"]

_WITH_GRADIENT = True
_CHUNK = 32_768  # states per task; it is fixed, so the sums do not depend on the number of cores


class Likelihood:
    """The log-likelihood of every cell as a function of the cells' coordinates.

    Args:
        model: The model.
        state: Statistics of the distinct states, each of shape (n_states,).
        count: Number of rows with each state, of shape (n_states,).
        cell: Cell of each state, of shape (n_states,). The rows of a cell share all
            coordinates.
        n_cells: Number of cells; some may have no state.

    The truncation of a selected sample depends on cell and T only, so it is computed on their
    distinct pairs.

    Examples:
        >>> from omniltv.models.processes.bg_nbd import BgNbd
        >>> from omniltv.models.processes.protocols import PurchaseState
        >>> state = PurchaseState(np.array([0.0, 2.0]), np.array([0.0, 0.5]), np.ones(2))
        >>> likelihood = Likelihood(BgNbd(), state, np.array([3.0, 1.0]), np.zeros(2, int))
        >>> value, gradient = likelihood.gradient(np.zeros((1, 4)))
        >>> value.shape, gradient.shape
        ((1,), (1, 4))
    """

    def __init__(
        self,
        model: Model,
        state: State,
        count: NDArray[np.float64],
        cell: NDArray[np.int64],
        n_cells: int | None = None,
    ) -> None:
        discrete = np.asarray(state[0])
        order = np.lexsort([discrete, cell])
        cells = cell[order]
        new = np.ones(len(order), dtype=bool)
        new[1:] = (np.diff(cells) != 0) | (np.diff(discrete[order]) != 0)
        self.n_cells = int(cell.max()) + 1 if n_cells is None else n_cells
        self._cell = cells.astype(np.int64)
        self._pair = (np.cumsum(new) - 1).astype(np.int64)
        self._cell_of_pair = self._cell[new]
        self._count = np.asarray(count, dtype=np.float64)[order]
        sorted_state = type(state)(*(np.asarray(values)[order] for values in state))
        self._truncation: Likelihood | None = None
        if isinstance(model, Selected):
            self._truncation = _truncation(model, state, count, cell, self.n_cells)
            model = model.model
        self._given = self._trace(model, sorted_state)
        self._states = (np.stack([self._cell, self._pair]), self._cell_of_pair, self._count)
        self._chunks = list(pairwise([*range(0, len(order), _CHUNK), len(order)]))

    def _trace(self, model: Model, state: State) -> tuple[tuple[Program, Program, Program], int]:
        graph = ExpressionGraph(self._pair, self._cell_of_pair, self.n_cells)
        xp = GraphNamespace(graph)
        named = {item.name: graph.coordinate(np.zeros(self.n_cells)) for item in model.coordinates}
        result = model.loglik(xp, model.parameters(xp, named), state)
        if not isinstance(result, Traced):
            raise TypeError(f"the log-likelihood of {model.name} depends on no coordinate")
        return graph.programs(result)

    def value(self, coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log-likelihood of each cell, of shape (n_cells,).

        Args:
            coordinates: The coordinates of each cell, of shape (n_cells, n_coordinates).
        """
        return np.asarray(self.values(coordinates[None])[0], dtype=np.float64)

    def gradient(
        self, coordinates: NDArray[np.float64], *, workers: int = 1
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return value, of shape (n_cells,), and gradient, of the shape of ``coordinates``.

        Args:
            coordinates: The coordinates of each cell, of shape (n_cells, n_coordinates).
            workers: Number of threads; the result does not depend on it.
        """
        columns = np.ascontiguousarray(coordinates.T)
        if len(self._chunks) > 1:
            value, gradient = self._in_chunks(columns, workers)
        else:
            value, gradient = _kernel.evaluate(*self._given, columns, *self._states)
        if self._truncation is None:
            return value, gradient
        own, slope = self._truncation.gradient(coordinates, workers=workers)
        return value + own, gradient + slope

    def values(self, points: NDArray[np.float64], *, workers: int = 1) -> NDArray[np.float64]:
        """Return the log-likelihood of each cell at many points, of shape (n_points, n_cells).

        Args:
            points: Points, of shape (n_points, n_cells, n_coordinates).
            workers: Number of threads.
        """
        parts = np.array_split(points.transpose(0, 2, 1), max(1, min(workers, len(points))))

        def part(some: NDArray[np.float64]) -> NDArray[np.float64]:
            block = np.ascontiguousarray(some)
            return np.asarray(_kernel.evaluate_many(*self._given, block, *self._states))

        with ThreadPoolExecutor(len(parts)) as pool:
            values = np.concatenate(list(pool.map(part, parts)))
        if self._truncation is None:
            return values
        return values + self._truncation.values(points, workers=workers)

    def curvature(
        self, coordinates: NDArray[np.float64], *, workers: int = 1
    ) -> NDArray[np.float64]:
        """Return minus the Hessian of each cell, of shape (n_cells, k, k).

        It is computed by central differences of the gradient, for all cells at once.
        """
        k = coordinates.shape[1]
        hessian = np.empty((len(coordinates), k, k))
        for j in range(k):
            step = np.zeros(k)
            step[j] = 1e-4
            ahead = self.gradient(coordinates + step, workers=workers)[1]
            behind = self.gradient(coordinates - step, workers=workers)[1]
            hessian[:, :, j] = (behind - ahead) / 2e-4
        return (hessian + hessian.transpose(0, 2, 1)) / 2

    def _in_chunks(
        self, coordinates: NDArray[np.float64], workers: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        (cells, pairs, states), output = self._given
        index, cell, count = self._states
        per_cell, per_pair = _kernel.prepare(cells, pairs, coordinates, cell)

        def chunk(bounds: tuple[int, int]) -> tuple[NDArray[np.float64], ...]:
            found: tuple[NDArray[np.float64], ...] = _kernel.run_states(
                states, output, per_cell, per_pair, index, count, *bounds, _WITH_GRADIENT
            )
            return found

        with ThreadPoolExecutor(workers) as pool:
            value, of_cells, of_pairs = _sum(pool.map(chunk, self._chunks))
        gradient = _kernel.finish(
            cells, pairs, per_cell, per_pair, cell, of_cells, of_pairs, len(coordinates)
        )
        return value, gradient


def _truncation(
    model: Selected,
    state: PurchaseState,
    count: NDArray[np.float64],
    cell: NDArray[np.int64],
    n_cells: int,
) -> Likelihood:
    """Return the truncation of a selected sample on distinct pairs of cell and T."""
    pairs = np.stack([cell, state.T], axis=1)
    distinct, place = np.unique(pairs, axis=0, return_inverse=True)
    nothing = np.zeros(len(distinct))
    own = PurchaseState(nothing, nothing, distinct[:, 1])
    total = np.bincount(place.ravel(), weights=count)
    return Likelihood(model.truncation, own, total, distinct[:, 0].astype(np.int64), n_cells)


def _sum(parts: Iterator[tuple[NDArray[np.float64], ...]]) -> tuple[NDArray[np.float64], ...]:
    total = next(parts)
    for values in parts:
        for sums, more in zip(total, values, strict=True):
            np.add(sums, more, out=sums)
    return total
