"""The log-likelihood and its gradient on distinct states, computed by the fused kernel."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ctypes import CFUNCTYPE, c_int64, c_void_p
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
from omniltv.models.inference._packed import PackedArrays
from omniltv.models.posterior._observations import State
from omniltv.models.processes._selection import Selected
from omniltv.models.processes.protocols import Model, PurchaseState

__all__ = ["Likelihood"]

_CALL = CFUNCTYPE(c_int64, c_void_p, c_int64, c_void_p, *[c_int64] * 6, c_void_p, c_void_p)
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
        index = np.stack([self._cell, self._pair])
        self._own = _kernel.arrays(*self._given, index, self._cell_of_pair, self._count)
        self._packed = PackedArrays(self._own)
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
        value, gradient = self._evaluate(coordinates[None], workers)
        return value[0], gradient[0]

    def values(self, points: NDArray[np.float64], *, workers: int = 1) -> NDArray[np.float64]:
        """Return the log-likelihood of each cell at many points, of shape (n_points, n_cells).

        Args:
            points: Points, of shape (n_points, n_cells, n_coordinates).
            workers: Number of threads.
        """
        parts = np.array_split(points, max(1, min(workers, len(points))))
        whole = 0, len(self._count)
        with ThreadPoolExecutor(len(parts)) as pool:
            found = list(pool.map(lambda part: self._over(part, whole, gradient=False)[0], parts))
        values = np.concatenate(found)
        if self._truncation is None:
            return values
        return values + self._truncation.values(points, workers=workers)

    @property
    def arrays(self) -> list[tuple[NDArray[np.generic], ...]]:
        """The arrays that the kernel needs, and those of the truncation if there is one."""
        return [self._own, *([] if self._truncation is None else self._truncation.arrays)]

    def curvature(
        self, coordinates: NDArray[np.float64], *, workers: int = 1
    ) -> NDArray[np.float64]:
        """Return minus the Hessian of each cell, of shape (n_cells, k, k).

        It is computed by central differences of the gradient, for all cells at once.
        """
        k = coordinates.shape[1]
        steps = 1e-4 * np.concatenate([np.eye(k), -np.eye(k)])
        slopes = self._evaluate(coordinates + steps[:, None], workers)[1]
        hessian = ((slopes[k:] - slopes[:k]) / 2e-4).transpose(1, 2, 0)
        return np.asarray(hessian + hessian.transpose(0, 2, 1)) / 2

    def _over(
        self, points: NDArray[np.float64], states: tuple[int, int], *, gradient: bool
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return values and gradients at some points, summed over some of the states.

        Other Python threads run meanwhile. Without gradient, the second array is empty.
        """
        block = np.ascontiguousarray(points, dtype=np.float64)
        value = np.zeros(block.shape[:2])
        slopes = np.zeros(block.shape if gradient else 0)
        _CALL(_kernel.LIKELIHOOD.address)(
            self._packed.address, 1, block.ctypes.data, *block.shape, *states, gradient,
            value.ctypes.data, slopes.ctypes.data,
        )  # fmt: skip
        return value, slopes

    def _evaluate(
        self, points: NDArray[np.float64], workers: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return values and gradients at some points, of shape (n_points, n_cells, k)."""
        if len(self._chunks) == 1:
            value, gradient = self._over(points, self._chunks[0], gradient=True)
        else:
            with ThreadPoolExecutor(workers) as pool:
                chunks = pool.map(
                    lambda part: self._over(points, part, gradient=True), self._chunks
                )
                value, gradient = _sum(chunks)
        if self._truncation is None:
            return value, gradient
        own, slope = self._truncation._evaluate(points, workers)  # noqa: SLF001 - a likelihood too
        return value + own, gradient + slope


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
