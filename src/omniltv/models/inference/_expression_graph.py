"""The expression graph: a model's log-likelihood as operations, each at its coarsest level.

A model is called once with traced values instead of coordinates. The operations on them
are recorded in a graph, so one compiled kernel (`_kernel`) can evaluate and differentiate
any model without further compilation.

There are three levels. The rows of a *cell* share all coordinates (a group, or a group with
its covariates). A *pair* is a distinct (cell, frequency). A *state* is a distinct row. An
operation is placed at the coarsest level that its inputs allow: the log-gamma of a
frequency is computed per pair, not per state.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import Array

__all__ = ["CELL", "PAIR", "STATE", "ExpressionGraph", "GraphNamespace", "Op", "Program", "Traced"]

CELL, PAIR, STATE = 1, 2, 3
"""The levels, from coarse to fine; 0 is a constant."""

_FEWER = 0.8
"""Cells or pairs are a level of their own if there are fewer of them, relative to the states.

Otherwise operations on them are placed at the level of states, which is computed in blocks.
"""


class Op(IntEnum):
    """The operations of the kernel, with the numbers that encode them."""

    ADD = 0
    SUB = 1
    MUL = 2
    DIV = 3
    NEG = 4
    EXP = 5
    LOG = 6
    LOG1P = 7
    GAMMALN = 8
    SIGMOID = 9
    LOGADDEXP = 10
    WHERE = 11
    MAXIMUM = 12
    GREATER = 13


@dataclass(frozen=True, slots=True)
class _GraphNode:
    """A node of the graph: an operation with its inputs, or a leaf."""

    level: int
    op: Op | None
    inputs: tuple[int, ...] = ()
    constant: float = 0.0
    values: NDArray[np.float64] | None = None


class Program(NamedTuple):
    """The operations of one level, over a matrix of registers.

    Attributes:
        constants: Values of the first registers.
        leaves: Arrays of the next registers, of shape (n_leaves, size of the level).
        coarse: The registers of coarser levels that follow, as rows (level, register).
        code: Operations in order, of shape (n_ops, 5): op, up to three inputs, output.
        n_registers: Number of registers.
    """

    constants: NDArray[np.float64]
    leaves: NDArray[np.float64]
    coarse: NDArray[np.int64]
    code: NDArray[np.int64]
    n_registers: int


class ExpressionGraph:
    """The operations that a model performs on its coordinates.

    Args:
        pair: Pair of each state, of shape (n_states,), ascending.
        cell: Cell of each pair, of shape (n_pairs,), ascending.
        n_cells: Number of cells.
    """

    def __init__(self, pair: NDArray[np.int64], cell: NDArray[np.int64], n_cells: int) -> None:
        self.pair = pair
        self.cell = cell
        self.n_cells = n_cells
        self.nodes: list[_GraphNode] = []
        self._known: dict[tuple[object, ...], int] = {}
        self._arrays: dict[int, tuple[Array, int]] = {}
        self._first = np.searchsorted(pair, np.arange(len(cell)))
        sizes = zip((CELL, PAIR, STATE), (n_cells, len(cell), len(pair)), strict=True)
        self._placed = {level: level if n < _FEWER * len(pair) else STATE for level, n in sizes}

    def coordinate(self, values: NDArray[np.float64]) -> "Traced":
        """Return a leaf at the cell level whose values change from call to call."""
        return self._add(_GraphNode(CELL, None, values=values))

    def apply(self, op: Op, *inputs: Array) -> "Traced":
        """Record an operation; a repeated operation is recorded once."""
        numbers = tuple(self._number(value) for value in inputs)
        key = (op, *numbers)
        if key not in self._known:
            level = self._placed[max(self.nodes[number].level for number in numbers)]
            self._known[key] = self._add(_GraphNode(level, op, numbers)).number
        return Traced(self, self._known[key])

    def _add(self, node: _GraphNode) -> "Traced":
        self.nodes.append(node)
        return Traced(self, len(self.nodes) - 1)

    def _number(self, value: Array) -> int:
        if isinstance(value, Traced):
            return value.number
        array: NDArray[np.float64] = np.asarray(value, dtype=np.float64)
        if array.ndim == 0:
            key = ("constant", array.tobytes())
            if key not in self._known:
                self._known[key] = self._add(_GraphNode(0, None, constant=float(array))).number
            return self._known[key]
        if id(value) not in self._arrays:  # the array is kept, so its id is not used again
            self._arrays[id(value)] = (value, self._leaf(array))
        return self._arrays[id(value)][1]

    def _leaf(self, values: NDArray[np.float64]) -> int:
        per_pair = np.asarray(values[self._first], dtype=np.float64)
        if np.ptp(values) == 0:
            return self._number(values[0])
        if self._placed[PAIR] == PAIR and np.array_equal(per_pair[self.pair], values):
            return self._add(_GraphNode(PAIR, None, values=per_pair)).number
        return self._add(_GraphNode(STATE, None, values=values)).number

    def programs(self, output: "Traced") -> tuple[tuple[Program, Program, Program], int]:
        """Return the programs of cells, pairs and states, and the register of the output.

        The output is a register of the last program; constants and coarser values are
        copied there.
        """
        result = output.number
        if self.nodes[result].level != STATE:
            zero: NDArray[np.float64] = np.zeros(len(self.pair), dtype=np.float64)
            result = self._add(
                _GraphNode(
                    STATE, Op.ADD, (result, self._add(_GraphNode(STATE, None, values=zero)).number)
                )
            ).number
        used = self._used(result)
        place: dict[tuple[int, int], int] = {}
        made = [self._program(level, used, place) for level in (CELL, PAIR, STATE)]
        return (made[0], made[1], made[2]), place[STATE, result]

    def _used(self, result: int) -> list[int]:
        """Return the nodes that the result depends on, and all coordinates."""
        used = {k for k, node in enumerate(self.nodes) if node.level == CELL and node.op is None}
        todo = [result]
        while todo:
            number = todo.pop()
            if number not in used:
                used.add(number)
                todo.extend(self.nodes[number].inputs)
        return sorted(used)

    def _program(self, level: int, used: list[int], place: dict[tuple[int, int], int]) -> Program:
        own = [number for number in used if self.nodes[number].level == level]
        operations = [number for number in own if self.nodes[number].op is not None]
        leaves = [number for number in own if self.nodes[number].op is None]
        needed = sorted({k for number in operations for k in self.nodes[number].inputs})
        constants = [k for k in needed if self.nodes[k].level == 0]
        coarse = [k for k in needed if 0 < self.nodes[k].level < level]
        for register, number in enumerate([*constants, *leaves, *coarse, *operations]):
            place[level, number] = register
        return Program(
            constants=np.array([self.nodes[k].constant for k in constants], dtype=np.float64),
            leaves=self._stack(leaves, level),
            coarse=np.array(
                [(self.nodes[k].level, place[self.nodes[k].level, k]) for k in coarse],
                dtype=np.int64,
            ).reshape(-1, 2),
            code=self._code(operations, level, place),
            n_registers=len(constants) + len(leaves) + len(coarse) + len(operations),
        )

    def _stack(self, leaves: list[int], level: int) -> NDArray[np.float64]:
        size = {CELL: self.n_cells, PAIR: len(self.cell), STATE: len(self.pair)}[level]
        stacked = np.empty((len(leaves), size))
        for row, number in enumerate(leaves):
            stacked[row] = self.nodes[number].values
        return stacked

    def _code(
        self, operations: list[int], level: int, place: Mapping[tuple[int, int], int]
    ) -> NDArray[np.int64]:
        code = np.zeros((len(operations), 5), dtype=np.int64)
        for row, number in enumerate(operations):
            node = self.nodes[number]
            registers = [place[level, k] for k in node.inputs]
            code[row, 0] = -1 if node.op is None else node.op
            code[row, 1 : 1 + len(registers)] = registers
            code[row, 4] = place[level, number]
        return code


class Traced:
    """A traced value: arithmetic on it is recorded in the graph."""

    __array_ufunc__ = None  # NumPy leaves arithmetic with a traced value to this class
    __hash__ = None  # type: ignore[assignment]  # a value that changes from call to call

    def __init__(self, graph: ExpressionGraph, number: int) -> None:
        self._graph = graph
        self.number = number

    def __add__(self, other: Array) -> "Traced":
        return self._graph.apply(Op.ADD, self, other)

    def __radd__(self, other: Array) -> "Traced":
        return self._graph.apply(Op.ADD, other, self)

    def __sub__(self, other: Array) -> "Traced":
        return self._graph.apply(Op.SUB, self, other)

    def __rsub__(self, other: Array) -> "Traced":
        return self._graph.apply(Op.SUB, other, self)

    def __mul__(self, other: Array) -> "Traced":
        return self._graph.apply(Op.MUL, self, other)

    def __rmul__(self, other: Array) -> "Traced":
        return self._graph.apply(Op.MUL, other, self)

    def __truediv__(self, other: Array) -> "Traced":
        return self._graph.apply(Op.DIV, self, other)

    def __rtruediv__(self, other: Array) -> "Traced":
        return self._graph.apply(Op.DIV, other, self)

    def __neg__(self) -> "Traced":
        return self._graph.apply(Op.NEG, self)

    def __gt__(self, other: Array) -> "Traced":
        return self._graph.apply(Op.GREATER, self, other)

    def __lt__(self, other: Array) -> "Traced":
        return self._graph.apply(Op.GREATER, other, self)

    def __bool__(self) -> bool:
        raise TypeError("a model cannot branch on a parameter. Hint: xp.where(condition, x, y)")

    def __pow__(self, other: Array) -> "Traced":
        raise TypeError("powers of parameters are not supported. Hint: xp.exp(power * xp.log(x))")


class GraphNamespace:
    """The functions of `ArrayNamespace` on traced values; plain arrays are left to NumPy."""

    def __init__(self, graph: ExpressionGraph) -> None:
        self._graph = graph

    def exp(self, x: Array) -> Array:
        return self._either(Op.EXP, NUMPY.exp, x)

    def log(self, x: Array) -> Array:
        return self._either(Op.LOG, NUMPY.log, x)

    def log1p(self, x: Array) -> Array:
        return self._either(Op.LOG1P, NUMPY.log1p, x)

    def gammaln(self, x: Array) -> Array:
        return self._either(Op.GAMMALN, NUMPY.gammaln, x)

    def sigmoid(self, x: Array) -> Array:
        return self._either(Op.SIGMOID, NUMPY.sigmoid, x)

    def logaddexp(self, x: Array, y: Array) -> Array:
        return self._either(Op.LOGADDEXP, NUMPY.logaddexp, x, y)

    def where(self, condition: Array, x: Array, y: Array) -> Array:
        return self._either(Op.WHERE, NUMPY.where, condition, x, y)

    def maximum(self, x: Array, y: Array) -> Array:
        return self._either(Op.MAXIMUM, NUMPY.maximum, x, y)

    def _either(self, op: Op, plain: Callable[..., ArrayLike], *inputs: Array) -> Array:
        if any(isinstance(value, Traced) for value in inputs):
            return self._graph.apply(op, *inputs)
        return plain(*inputs)
