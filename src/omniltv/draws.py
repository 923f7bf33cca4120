"""Posterior draws of one quantity per row, computed block by block.

Ten million customers times a thousand draws do not fit in memory, but customers with the same
state share their draws. A quantity is therefore a function of states and draws, with the state
of each row. Every summary iterates over blocks of states.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from types import FunctionType
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from omniltv._log import logged
from omniltv._options import Count, Level, Line, Natural, Share, checked
from omniltv.errors import DataError

if TYPE_CHECKING:
    from scipy.sparse import csc_array

__all__ = ["Draws", "DrawsSummary", "Evaluate", "RowDraws", "Totals", "cores"]

type Evaluate = Callable[[slice, slice], NDArray[np.float64]]
"""Returns the draws of shape (states in the first slice, draws in the second)."""

_BLOCK_VALUES = 160_000  # values of a block; it fits in the cache, and its memory is used again
_FEWEST = 64  # states of a block
_MANY_GROUPS = 100  # from here on, most weights of states in groups are zero
_NEAR = 8  # largest gap between states that are computed together


def cores() -> int:
    """Return the number of cores that this process may use.

    Examples:
        >>> cores() >= 1
        True
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _in_threads[Item, Result](
    task: Callable[[Item], Result], items: Sequence[Item]
) -> list[Result]:
    """Return the results of a task for each item, in order, computed in threads."""
    workers = min(cores(), len(items))
    if workers < 2:
        return [task(item) for item in items]
    # Additional threads of linear algebra would compete with these.
    with ThreadPoolExecutor(workers) as pool, threadpool_limits(1, user_api="blas"):
        return list(pool.map(task, items))


class DrawsSummary(NamedTuple):
    """The mean of each row and its interval, each of shape (n_rows,).

    Examples:
        >>> Draws.from_array([[1.0, 2.0, 3.0]]).summary(level=0.5).upper.tolist()
        [2.5]
    """

    mean: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]


@checked
@dataclass(frozen=True, eq=False)
class RowDraws:
    """Posterior draws of a quantity for each row; rows are summarised one by one.

    Args:
        evaluate: Function of a slice of states and a slice of draws that returns
            an array of shape (states, draws).
        index: State of each row, of shape (n_rows,).
        n_states: Number of states.
        n_draws: Number of posterior draws.
        name: Name of the quantity, for messages and column names.

    Examples:
        >>> draws = RowDraws.from_array([[1.0, 3.0], [2.0, 2.0]], index=[0, 1, 0])
        >>> draws.mean().tolist()
        [2.0, 2.0, 2.0]
    """

    evaluate: Evaluate
    index: NDArray[np.intp]
    n_states: Natural
    n_draws: Count
    name: str = "value"

    @classmethod
    def from_array(
        cls, values: ArrayLike, *, index: ArrayLike | None = None, name: str = "value"
    ) -> Self:
        """Return draws that are held in memory.

        Args:
            values: Draws of shape (n_states, n_draws).
            index: State of each row; one state per row if None.
            name: Name of the quantity.

        Raises:
            DataError: If ``values`` are not numbers, are missing, or are not two-dimensional.
        """
        array = _numbers(values, name)
        if array.ndim != 2:
            raise DataError(f"draws have shape (rows, draws), got {array.shape}", column=name)
        lacking = np.flatnonzero(np.isnan(array).any(axis=1))
        if len(lacking):
            hint = "leave out these rows (row positions shown)"
            raise DataError("missing draws", column=name, rows=lacking.tolist(), hint=hint)
        rows = np.arange(len(array)) if index is None else np.asarray(index)

        return cls(_InMemory(array), rows.astype(np.intp), len(array), array.shape[1], name)

    def __len__(self) -> int:
        return len(self.index)

    def __reduce__(self) -> tuple[object, ...]:
        """Return what another process needs: draws that a closure computes are computed here."""
        return type(self), tuple(self._sent(getattr(self, each.name)) for each in fields(self))

    def _sent(self, value: object) -> object:
        if not isinstance(value, FunctionType):
            return value
        return _InMemory(value(slice(0, self.n_states), slice(0, self.n_draws)))

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.name}: {len(self):,} rows, "
            f"{self.n_states:,} states, {self.n_draws:,} draws)"
        )

    def take(self, rows: ArrayLike) -> Self:
        """Return the draws of some rows, by position or by boolean mask."""
        return replace(self, index=self.index[np.asarray(rows)])

    def mean(self) -> NDArray[np.float64]:
        """Return the posterior mean of each row, of shape (n_rows,)."""
        return self._reduce(lambda block: block.mean(axis=1))

    def sd(self) -> NDArray[np.float64]:
        """Return the posterior standard deviation of each row, of shape (n_rows,)."""
        return self._reduce(lambda block: block.std(axis=1))

    def quantile(self, probabilities: Sequence[Share]) -> NDArray[np.float64]:
        """Return posterior quantiles, of shape (n_rows, len(probabilities))."""
        return self._reduce(lambda block: np.quantile(block, probabilities, axis=1).T)

    def interval(self, level: Level = 0.9) -> NDArray[np.float64]:
        """Return the equal-tailed interval of each row, of shape (n_rows, 2).

        Raises:
            ConfigError: If the level is not between 0 and 1.
        """
        return self.quantile(_tails(level))

    def summary(self, level: Level = 0.9) -> DrawsSummary:
        """Return the mean and the equal-tailed interval of each row, in one pass.

        Draws are computed again at each call, so this takes hardly longer than `interval`
        alone.

        Raises:
            ConfigError: If the level is not between 0 and 1.

        Examples:
            >>> draws = RowDraws.from_array([[1.0, 2.0, 6.0]])
            >>> mean, lower, upper = draws.summary(level=0.5)
            >>> mean.tolist(), lower.tolist(), upper.tolist()
            ([3.0], [1.5], [4.0])
        """
        tails = _tails(level)

        def both(block: NDArray[np.float64]) -> NDArray[np.float64]:
            mean = block.mean(axis=1)
            return np.column_stack([mean, *_quantiles(block, tails)])

        return DrawsSummary(*self._reduce(both).T)

    def prob_at_least(self, threshold: Line) -> NDArray[np.float64]:
        """Return the share of draws at or above a threshold, of shape (n_rows,)."""
        return self._reduce(lambda block: (block >= threshold).mean(axis=1))

    def to_array(self) -> NDArray[np.float64]:
        """Return all draws, of shape (n_rows, n_draws), with 8 bytes per draw."""
        return self._reduce(lambda block: block)

    def of_rows(self, rows: ArrayLike) -> NDArray[np.float64]:
        """Return all draws of some rows, by position, of shape (len(rows), n_draws).

        States far from the requested ones are not computed.

        Examples:
            >>> draws = RowDraws.from_array([[1.0, 3.0], [2.0, 2.0], [5.0, 6.0]])
            >>> draws.of_rows([2, 0, 2])
            array([[5., 6.],
                   [1., 3.],
                   [5., 6.]])
        """
        states, back = np.unique(self.index[np.asarray(rows, dtype=np.intp)], return_inverse=True)
        if not len(states):
            return np.empty((0, self.n_draws))
        apart = np.flatnonzero(np.diff(states) > _NEAR) + 1
        every = slice(0, self.n_draws)
        near = [
            self.evaluate(slice(int(run[0]), int(run[-1]) + 1), every)[run - run[0]]
            for run in np.split(states, apart)
        ]
        return np.concatenate(near)[back]

    def blocks(self) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """Yield (slice of states, draws of shape (states, n_draws)) in constant memory."""
        for states in self._slices():
            yield states, self._block(states)

    def _block(self, states: slice) -> NDArray[np.float64]:
        """Return all draws of some states, in C order.

        The rounding of sums in NumPy depends on the memory layout.
        """
        return np.ascontiguousarray(self.evaluate(states, slice(0, self.n_draws)))

    def _slices(self) -> list[slice]:
        step = max(_FEWEST, _BLOCK_VALUES // max(1, self.n_draws))
        starts = range(0, self.n_states, step)
        return [slice(start, min(start + step, self.n_states)) for start in starts]

    @logged("draws computed")
    def _reduce(
        self, summary: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        def part(states: slice) -> NDArray[np.float64]:
            return summary(self._block(states))

        parts = _in_threads(part, self._slices())
        if not parts:
            return summary(np.empty((0, self.n_draws)))
        return np.concatenate(parts)[self.index]


@dataclass(frozen=True, eq=False)
class _InMemory:
    """Draws of all states, of shape (n_states, n_draws), as a function that can be sent."""

    values: NDArray[np.float64]

    def __call__(self, states: slice, draws: slice) -> NDArray[np.float64]:
        return self.values[states, draws]


def _numbers(values: ArrayLike, name: str) -> NDArray[np.float64]:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        hint = "draws.astype(float) shows the value at fault"
        raise DataError("draws are not numbers", column=name, hint=hint) from error


def _tails(level: Level) -> tuple[float, float]:
    return (1 - level) / 2, (1 + level) / 2


def _quantiles(block: NDArray[np.float64], levels: Sequence[Level]) -> list[NDArray[np.float64]]:
    """Return the same as `numpy.quantile` over axis 1, faster.

    Partitioning at one position is vectorised, at several positions it is not. The values above
    one position are therefore partitioned at the next.
    """
    n = block.shape[1]
    if not n:
        return list(np.quantile(block, levels, axis=1))
    place = [level * (n - 1) for level in levels]
    own, start = block if block.flags.owndata else block.copy(), 0
    found: dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
    for low in sorted({int(at) for at in place}):
        own[:, start:].partition(low - start, axis=1)
        above = own[:, low + 1 :] if low + 1 < n else own[:, low:]
        found[low] = own[:, low].copy(), above.min(axis=1)
        start = low + 1
    values = [(at - int(at), *found[int(at)]) for at in place]
    return [lower + part * (upper - lower) for part, lower, upper in values]


@checked
@dataclass(frozen=True, eq=False, repr=False)
class Draws(RowDraws):
    """Posterior draws of an amount; rows can be summed, draw by draw.

    The interval of a sum is computed from the sums of draws, not from the intervals of rows. Rows
    share the population's parameters, so their errors are correlated.

    Attributes:
        in_total: Function like ``evaluate`` that `total` adds up instead of it. It adds an error
            that all rows of a channel share and that is small for a single row. None if there
            is none.

    Examples:
        >>> draws = Draws.from_array([[1.0, 3.0], [2.0, 4.0]])
        >>> draws.total().values.tolist()
        [[3.0, 7.0]]
    """

    in_total: Evaluate | None = None

    def total(self, by: ArrayLike | None = None, *, weights: ArrayLike | None = None) -> "Totals":
        """Return the sum over rows in each draw, overall or per group.

        Args:
            by: Group of each row, of shape (n_rows,); one group, ``"all"``, if None.
            weights: Weight of each row, of shape (n_rows,); 1 if None.

        Raises:
            DataError: If ``by`` or ``weights`` do not have one entry per row.
        """
        codes, labels = self._groups(by)
        weight = self._weights(weights)
        values = np.zeros((len(labels), self.n_draws))
        shares = self._shares(codes, weight, len(labels))
        added = self if self.in_total is None else replace(self, evaluate=self.in_total)
        for states, block in added.blocks():
            values += shares(states) @ block
        size = np.bincount(codes, weights=weight, minlength=len(labels))
        return Totals(labels=labels, values=values, size=size, name=self.name)

    def _shares(
        self, codes: NDArray[np.intp], weight: NDArray[np.float64], n: int
    ) -> "Callable[[slice], NDArray[np.float64] | csc_array]":
        """Return the weight of some states in each group, as a matrix (groups, states)."""
        if n > _MANY_GROUPS:
            from scipy.sparse import csc_array  # noqa: PLC0415 - takes time to import

            sparse = csc_array((weight, (codes, self.index)), shape=(n, self.n_states))
            return lambda states: sparse[:, states]
        cells = np.zeros((self.n_states, n))
        np.add.at(cells, (self.index, codes), weight)
        return lambda states: cells[states].T

    def _groups(self, by: ArrayLike | None) -> tuple[NDArray[np.intp], tuple[str, ...]]:
        if by is None:
            return np.zeros(len(self), dtype=np.intp), ("all",)
        groups = np.asarray(by).astype(str)
        if groups.shape != (len(self),):
            raise DataError(f"{groups.shape} groups for {len(self):,} rows", column="by")
        labels, codes = np.unique(groups, return_inverse=True)
        return codes.astype(np.intp), tuple(str(label) for label in labels)

    def _weights(self, weights: ArrayLike | None) -> NDArray[np.float64]:
        if weights is None:
            return np.ones(len(self))
        weight = np.asarray(weights, dtype=np.float64)
        if weight.shape != (len(self),):
            raise DataError(f"{weight.shape} weights for {len(self):,} rows", column="weights")
        return weight


@checked
@dataclass(frozen=True, eq=False)
class Totals:
    """Sums of draws per group.

    Attributes:
        labels: The groups, sorted.
        values: Sum in each draw, of shape (n_groups, n_draws).
        size: Weight of the rows in each group, of shape (n_groups,).
        name: Name of the quantity.

    Examples:
        >>> totals = Draws.from_array([[1.0, 3.0], [2.0, 4.0]]).total(by=["ec", "ec"])
        >>> totals.labels, totals.mean().tolist(), totals.per_row().mean().tolist()
        (('ec',), [5.0], [2.5])
    """

    labels: tuple[str, ...]
    values: NDArray[np.float64]
    size: NDArray[np.float64]
    name: str = "value"

    def __repr__(self) -> str:
        ends = zip(self.labels, self.mean(), self.interval(), strict=True)
        shown = [
            f"{label} {mean:,.6g} [{low:,.6g}, {high:,.6g}]" for label, mean, (low, high) in ends
        ]
        return f"Totals({self.name}, mean and 90 % interval: {'; '.join(shown)})"

    def mean(self) -> NDArray[np.float64]:
        """Return the posterior mean of each group's total, of shape (n_groups,)."""
        return self.values.mean(axis=1)

    def interval(self, level: Level = 0.9) -> NDArray[np.float64]:
        """Return the equal-tailed interval of each group's total, of shape (n_groups, 2)."""
        tails = [(1 - level) / 2, (1 + level) / 2]
        return np.quantile(self.values, tails, axis=1).T

    def per_row(self) -> "Totals":
        """Return the mean per row of each group, draw by draw."""
        return replace(self, values=self.values / self.size[:, None])
