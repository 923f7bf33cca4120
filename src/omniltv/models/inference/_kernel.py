"""The kernel that evaluates an expression graph: value and gradient in one pass over the states.

States are processed in blocks that fit in the processor's cache: all operations forwards,
then all backwards (reverse-mode differentiation, Griewank and Walther 2008, chapter 3). The
kernel is compiled once, cached on disk, and is the same for every model.
"""

# Numba compiles these functions; it has no types that a checker could read.
# mypy: disable-error-code="no-untyped-call, no-any-return, untyped-decorator"
# Numba takes arguments by position, and many.
# ruff: noqa: PLR0913, PLR0917 - C functions take arrays and sizes one by one

from itertools import chain
from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from omniltv._arrays import Floats, Integers, Matrix, Vector
from omniltv._compiled import carray, compiled, compiled_c
from omniltv.models.inference._expression_graph import Program
from omniltv.models.inference._operations import (
    BACKWARD,
    FORWARD,
    SCRATCH,
    backward,
    forward,
)
from omniltv.models.inference._packed import (
    DATA,
    NUMBERS,
    Pointers,
    matrix,
    places,
    shapes,
    table,
    vector,
)

__all__ = ["ARRAYS", "LIKELIHOOD", "arrays"]

ARRAYS = 16
"""Arrays of a likelihood."""

_BLOCK = 128  # the registers of a block of any built-in model fit in the second-level cache


type Programs = tuple[Program, Program, Program]


def arrays(
    programs: Programs, output: int, index: Integers, cell: Integers, count: Vector
) -> tuple[NDArray[Any], ...]:
    """Return the arrays of a likelihood: 4 of each program, numbers, index, cell and count.

    Args:
        programs: The programs of cells, pairs and states.
        output: Register of the log-likelihood of a state.
        index: Cell and pair of each state, both ascending, of shape (2, n_states).
        cell: Cell of each pair, of shape (n_pairs,).
        count: Rows of each state, of shape (n_states,).
    """
    registers = [program.n_registers for program in programs]
    numbers = np.array([output, *registers, FORWARD.address, BACKWARD.address])
    parts = [(item.constants, item.leaves, item.coarse, item.code) for item in programs]
    return *chain(*parts), numbers, index, cell, count


@compiled(inside=True)
def _constants(program: Program, n: int) -> Matrix:
    """Return registers of n columns with the constants filled in."""
    v = np.empty((program.n_registers + SCRATCH, n))
    for k in range(len(program.constants)):
        for i in range(n):
            v[k, i] = program.constants[k]
    return v


@compiled(inside=True)
def _zeros(program: Program, n: int) -> Matrix:
    """Return adjoints of n columns."""
    return np.zeros((program.n_registers + SCRATCH, n))


@compiled(inside=True)
def _fixed(program: Program) -> int:
    """Return the number of registers that do not depend on coordinates."""
    return len(program.constants) + program.leaves.shape[0]


@compiled(inside=True)
def _load_cells(cells: Program, coordinates: Floats, j: int, first: int, n: int) -> Matrix:
    """Return the registers of n cells with constants and the coordinates of a point."""
    v, register = _constants(cells, n), len(cells.constants)
    for k in range(coordinates.shape[2]):
        for c in range(n):
            v[register + k, c] = coordinates[j, first + c, k]
    return v


@compiled(inside=True)
def _load_pairs(
    pairs: Program, per_cell: Matrix, cell: Integers, first: int, n: int, first_cell: int
) -> Matrix:
    """Return the registers of n pairs with constants, leaves and results of cells."""
    v, register = _constants(pairs, n), len(pairs.constants)
    for k in range(pairs.leaves.shape[0]):
        for p in range(n):
            v[register + k, p] = pairs.leaves[k, first + p]
    register += pairs.leaves.shape[0]
    for k in range(pairs.coarse.shape[0]):
        for p in range(n):
            v[register + k, p] = per_cell[pairs.coarse[k, 1], cell[first + p] - first_cell]
    return v


@compiled(inside=True)
def _spread(
    source: Matrix, row: int, place: Integers, level: int, first: int, start: int, v: Matrix,
    out: int, n: int,
) -> None:  # fmt: skip
    """Write the value of a coarser level into each column of a register.

    The places of the states, which begin at ``start``, are in ``place[level]`` and ascend; the
    first column of the source is place ``first``.
    """
    if place[level, start] == place[level, start + n - 1]:
        value = source[row, place[level, start] - first]
        for i in range(n):
            v[out, i] = value
    else:
        for i in range(n):
            v[out, i] = source[row, place[level, start + i] - first]


@compiled(inside=True)
def _add_up(
    amount: Matrix, row: int, place: Integers, level: int, first: int, start: int,
    target: Matrix, out: int, n: int,
) -> None:  # fmt: skip
    """Add the entries of a row to their places, see `_spread`.

    Runs of the same place are summed first; a run of the whole block in eight parts, a form
    that compilers vectorise.
    """
    if place[level, start] == place[level, start + n - 1]:
        scratch, whole, total = amount.shape[0] - 1, n - n % 8, 0.0
        for j in range(8):
            amount[scratch, j] = 0.0
        for i in range(0, whole, 8):
            for j in range(8):
                amount[scratch, j] += amount[row, i + j]
        for j in range(8):
            total += amount[scratch, j]
        for i in range(whole, n):
            total += amount[row, i]
        target[out, place[level, start] - first] += total
        return
    total = 0.0
    for i in range(n):
        total += amount[row, i]
        if i == n - 1 or place[level, start + i + 1] != place[level, start + i]:
            target[out, place[level, start + i] - first] += total
            total = 0.0


@compiled(inside=True)
def _load_states(
    states: Program, per_cell: Matrix, per_pair: Matrix, index: Integers, first_cell: int,
    first_pair: int, start: int, v: Matrix, n: int,
) -> None:  # fmt: skip
    """Fill the registers of a block of states with leaves and with results of cells and pairs."""
    register = len(states.constants)
    for k in range(states.leaves.shape[0]):
        for i in range(n):
            v[register + k, i] = states.leaves[k, start + i]
    register += states.leaves.shape[0]
    for k in range(states.coarse.shape[0]):
        pairs, row = states.coarse[k, 0] > 1, states.coarse[k, 1]
        source, first = per_pair if pairs else per_cell, first_pair if pairs else first_cell
        _spread(source, row, index, 1 if pairs else 0, first, start, v, register + k, n)


@compiled(inside=True)
def _add_states(
    states: Program, adjoint: Matrix, index: Integers, first_cell: int, first_pair: int,
    start: int, of_cells: Matrix, of_pairs: Matrix, n: int,
) -> None:  # fmt: skip
    """Add the adjoints of a block of states to those of its cells and pairs."""
    register = _fixed(states)
    for k in range(states.coarse.shape[0]):
        pairs, row = states.coarse[k, 0] > 1, states.coarse[k, 1]
        target, first = of_pairs if pairs else of_cells, first_pair if pairs else first_cell
        _add_up(adjoint, register + k, index, 1 if pairs else 0, first, start, target, row, n)


@compiled(inside=True)
def _add_pairs(
    pairs: Program, of_pairs: Matrix, cell: Integers, first: int, n: int, of_cells: Matrix,
    first_cell: int,
) -> None:  # fmt: skip
    """Add the adjoints of pairs to those of their cells."""
    register = _fixed(pairs)
    for k in range(pairs.coarse.shape[0]):
        for p in range(n):
            of_cells[pairs.coarse[k, 1], cell[first + p] - first_cell] += of_pairs[register + k, p]


@compiled(inside=True)
def _begin(adjoint: Matrix, output: int, count: Vector, start: int, n: int) -> None:
    """Set the adjoints of a block of states: the count for the log-likelihood, 0 for others."""
    for k in range(adjoint.shape[0]):
        for i in range(n):
            adjoint[k, i] = 0.0
    for i in range(n):
        adjoint[output, i] = count[start + i]


@compiled(inside=True)
def _finish(
    operations: tuple[int, int], programs: Programs, per_cell: Matrix, per_pair: Matrix,
    of_cells: Matrix, of_pairs: Matrix, cell: Integers, first_cell: int, first_pair: int, j: int,
    slopes: Floats,
) -> None:  # fmt: skip
    """Add the gradient of the coordinates from the adjoints of cells and pairs."""
    cells, pairs, _ = programs
    n_cells, n_pairs = per_cell.shape[1], per_pair.shape[1]
    backward(operations[1], pairs.code, per_pair, of_pairs, _fixed(pairs), n_pairs)
    _add_pairs(pairs, of_pairs, cell, first_pair, n_pairs, of_cells, first_cell)
    first = len(cells.constants)
    backward(operations[1], cells.code, per_cell, of_cells, first, n_cells)
    for k in range(slopes.shape[2]):
        for c in range(n_cells):
            slopes[j, first_cell + c, k] += of_cells[first + k, c]


@compiled(inside=True)
def _run(
    operations: tuple[int, int], programs: Programs, output: int, coordinates: Floats, j: int,
    index: Integers, cell: Integers, count: Vector, low: int, high: int, gradient: bool,
    v: Matrix, adjoint: Matrix, value: Matrix, slopes: Floats,
) -> None:  # fmt: skip
    """Add the log-likelihood of states low to high, and its gradient, at point j.

    Args:
        operations: Addresses of the C functions `FORWARD` and `BACKWARD`.
        programs: The programs of cells, pairs and states.
        output: Register of the log-likelihood of a state.
        coordinates: Coordinates of the cells at all points, of shape (n_points, n_cells, k).
        j: The point.
        index: Cell and pair of each state, both ascending, of shape (2, n_states).
        cell: Cell of each pair, of shape (n_pairs,).
        count: Rows of each state, of shape (n_states,).
        low: The first state.
        high: The end of the states; above ``low``.
        gradient: Whether the gradient is wanted.
        v: Registers of a block of states, with the constants filled in.
        adjoint: Room for their adjoints; two rows suffice without the gradient.
        value: Log-likelihoods, of shape (n_points, n_cells), which are added to.
        slopes: Gradients, of the shape of the coordinates, which are added to.
    """
    cells, pairs, states = programs
    first_cell, n_cells = index[0, low], index[0, high - 1] + 1 - index[0, low]
    first_pair, n_pairs = index[1, low], index[1, high - 1] + 1 - index[1, low]
    per_cell = _load_cells(cells, coordinates, j, first_cell, n_cells)
    forward(operations[0], cells.code, per_cell, n_cells)
    per_pair = _load_pairs(pairs, per_cell, cell, first_pair, n_pairs, first_cell)
    forward(operations[0], pairs.code, per_pair, n_pairs)
    of_cells = _zeros(cells, n_cells if gradient else 1)
    of_pairs = _zeros(pairs, n_pairs if gradient else 1)
    for start in range(low, high, _BLOCK):
        n = min(_BLOCK, high - start)
        _load_states(states, per_cell, per_pair, index, first_cell, first_pair, start, v, n)
        forward(operations[0], states.code, v, n)
        for i in range(n):
            adjoint[0, i] = v[output, i] * count[start + i]
        _add_up(adjoint, 0, index, 0, 0, start, value, j, n)
        if gradient:
            _begin(adjoint, output, count, start, n)
            backward(operations[1], states.code, v, adjoint, _fixed(states), n)
            firsts = first_cell, first_pair, start
            _add_states(states, adjoint, index, *firsts, of_cells, of_pairs, n)
    if gradient:
        _finish(
            operations, programs, per_cell, per_pair, of_cells, of_pairs, cell, first_cell,
            first_pair, j, slopes,
        )  # fmt: skip


@compiled(inside=True)
def _program(data: Pointers, sizes: Integers, array: int, n_registers: int) -> Program:
    return Program(
        vector(data, sizes, array),
        matrix(data, sizes, array + 1),
        table(data, sizes, array + 2),
        table(data, sizes, array + 3),
        n_registers,
    )


@compiled_c(
    types.int64(DATA, types.int64, NUMBERS, *[types.int64] * 6, NUMBERS, NUMBERS), purpose="fits"
)
def LIKELIHOOD(  # noqa: N802 - named as a constant: it is an address
    data: Pointers,
    at: int,
    theta: Floats,
    n_points: int,
    n_cells: int,
    k: int,
    low: int,
    high: int,
    gradient: int,
    value: Matrix,
    slopes: Floats,
) -> int:
    """Add the log-likelihood of cells at some points, and its gradient, over states low to high.

    The arrays of the likelihood begin at number ``at``, see `arrays`. Points have shape
    (n_points, n_cells, k). Values, of shape (n_points, n_cells), and gradients, of the shape of
    the points, are added to; gradients only if ``gradient`` is not 0. Return 0.
    """
    sizes = shapes(data)
    numbers = places(data, sizes, at + 12)
    programs = (
        _program(data, sizes, at, numbers[1]),
        _program(data, sizes, at + 4, numbers[2]),
        _program(data, sizes, at + 8, numbers[3]),
    )
    index, cell = table(data, sizes, at + 13), places(data, sizes, at + 14)
    count, operations = vector(data, sizes, at + 15), (numbers[4], numbers[5])
    points, values = carray(theta, (n_points, n_cells, k)), carray(value, (n_points, n_cells))
    gradients = carray(slopes, (n_points, n_cells, k))
    v = _constants(programs[2], _BLOCK)
    adjoint = np.empty((len(v) if gradient != 0 else 2, _BLOCK))
    for j in range(n_points):
        _run(
            operations, programs, numbers[0], points, j, index, cell, count, low, high,
            gradient != 0, v, adjoint, values, gradients,
        )  # fmt: skip
    return 0
