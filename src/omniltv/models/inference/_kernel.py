"""The kernel that evaluates an expression graph: value and gradient in one pass over the states.

States are processed in blocks that fit in the processor's cache: all operations forwards,
then all backwards (reverse-mode differentiation, Griewank and Walther 2008, chapter 3). The
kernel is compiled once, cached on disk, and is the same for every model.
"""

# Numba compiles these functions; it has no types that a checker could read.
# mypy: disable-error-code="no-untyped-call, untyped-decorator"
# An interpreter has one branch per operation. Numba takes arguments by position, and many.
# ruff: noqa: C901, PLR0912, PLR0913, PLR0917, FBT003

import math

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Integers, Matrix, Vector
from omniltv._compiled import compiled
from omniltv.models.inference._expression_graph import Program

__all__ = ["evaluate", "evaluate_many", "finish", "prepare", "run_states"]

_BLOCK = 256


@compiled(nogil=True)
def _digamma(x: float) -> float:
    """Return the derivative of log-gamma, x > 0 (Abramowitz and Stegun 6.3.5, 6.3.18)."""
    below = 0.0
    while x < 8.0:
        below += 1.0 / x
        x += 1.0
    inverse = 1.0 / (x * x)
    series = inverse * (
        1 / 12
        - inverse
        * (
            1 / 120
            - inverse
            * (1 / 252 - inverse * (1 / 240 - inverse * (1 / 132 - inverse * 691 / 32760)))
        )
    )
    return math.log(x) - 0.5 / x - series - below


@compiled(nogil=True)
def _log(a: Vector, out: Vector, n: int) -> None:
    """Write logarithms to within an ulp, in a form that compilers vectorise.

    The fraction is extracted from the bits of a number and scaled to [sqrt(1/2), sqrt(2));
    log(1 + f) is the polynomial of FreeBSD's libm (e_log.c) in f / (2 + f).
    """
    plain = True
    for i in range(n):
        plain &= (a[i] >= 2.3e-308) & (a[i] < 1.7e308)
    if not plain:  # zero, subnormal, negative, infinite or NaN
        for i in range(n):
            out[i] = math.log(a[i])
        return
    bits, fraction = a.view(np.int64), out.view(np.int64)
    for i in range(n):
        fraction[i] = (bits[i] & 0x000FFFFFFFFFFFFF) | 0x3FF0000000000000
    for i in range(n):
        large = out[i] > 1.4142135623730951
        power = float((bits[i] >> 52) - (1022 if large else 1023))
        f = (0.5 * out[i] if large else out[i]) - 1.0
        s = f / (2.0 + f)
        z = s * s
        w = z * z
        even = w * (0.3999999999940942 + w * (0.22222198432149784 + w * 0.15313837699209373))
        odd = 0.6666666666666735 + w * (
            0.2857142874366239 + w * (0.1818357216161805 + w * 0.14798198605116586)
        )
        half = 0.5 * f * f
        small = s * (half + even + z * odd) + power * 1.9082149292705877e-10
        out[i] = power * 0.6931471803691238 - ((half - small) - f)


@compiled(nogil=True)
def _exp(a: Vector, out: Vector, n: int) -> None:
    """Write exponentials to within an ulp, in a form that compilers vectorise.

    The whole multiples of log 2 in the exponent are added to the bits; the remainder, at
    most log(2) / 2, is a Taylor series.
    """
    plain = True
    for i in range(n):
        plain &= (a[i] > -700.0) & (a[i] < 700.0)
    if not plain:
        for i in range(n):
            out[i] = math.exp(a[i])
        return
    for i in range(n):
        k = math.floor(a[i] * 1.4426950408889634 + 0.5)
        r = (a[i] - k * 0.6931471803691238) - k * 1.9082149292705877e-10
        q = r * r
        low = 1.0 + r + q * (0.5 + r * (1 / 6) + q * (1 / 24 + r * (1 / 120)))
        middle = 1 / 720 + r * (1 / 5040) + q * (1 / 40320 + r * (1 / 362880))
        high = 1 / 3628800 + r * (1 / 39916800) + q * (1 / 479001600 + r * (1 / 6227020800))
        out[i] = low + q * q * q * (middle + q * q * high)
    bits = out.view(np.int64)
    for i in range(n):
        bits[i] += np.int64(math.floor(a[i] * 1.4426950408889634 + 0.5)) << 52


@compiled(nogil=True)
def _log1p(a: Vector, out: Vector, n: int) -> None:
    """Write log(1 + x): the logarithm of the rounded sum, corrected for the rounding error."""
    sums = np.empty(n)
    for i in range(n):
        sums[i] = 1.0 + a[i]
    _log(sums, out, n)
    for i in range(n):
        if sums[i] < 1.7e308:
            out[i] -= ((sums[i] - 1.0) - a[i]) / sums[i]


@compiled(nogil=True)
def _binary(op: int, a: Vector, b: Vector, out: Vector, n: int) -> None:
    if op == 0:
        for i in range(n):
            out[i] = a[i] + b[i]
    elif op == 1:
        for i in range(n):
            out[i] = a[i] - b[i]
    elif op == 2:
        for i in range(n):
            out[i] = a[i] * b[i]
    elif op == 3:
        for i in range(n):
            out[i] = a[i] / b[i]
    elif op == 10:
        less, more = np.empty(n), np.empty(n)
        for i in range(n):
            less[i] = -abs(a[i] - b[i])
        _exp(less, more, n)
        _log1p(more, less, n)
        for i in range(n):
            out[i] = max(a[i], b[i]) + less[i]
    elif op == 12:
        for i in range(n):
            out[i] = max(a[i], b[i])
    else:
        for i in range(n):
            out[i] = 1.0 if a[i] > b[i] else 0.0


@compiled(nogil=True)
def _unary(op: int, a: Vector, out: Vector, n: int) -> None:
    if op == 4:
        for i in range(n):
            out[i] = -a[i]
    elif op == 5:
        _exp(a, out, n)
    elif op == 6:
        _log(a, out, n)
    elif op == 7:
        _log1p(a, out, n)
    elif op == 8:
        for i in range(n):
            out[i] = math.lgamma(a[i])
    else:
        for i in range(n):
            out[i] = 1.0 / (1.0 + math.exp(-a[i]))


@compiled(nogil=True)
def forward(code: Integers, v: Matrix, n: int) -> None:
    """Run operations over the first n columns of the registers."""
    for k in range(code.shape[0]):
        op, out = code[k, 0], v[code[k, 4]]
        if 4 <= op <= 9:
            _unary(op, v[code[k, 1]], out, n)
        elif op == 11:
            condition, a, b = v[code[k, 1]], v[code[k, 2]], v[code[k, 3]]
            for i in range(n):
                out[i] = a[i] if condition[i] != 0.0 else b[i]
        else:
            _binary(op, v[code[k, 1]], v[code[k, 2]], out, n)


@compiled(nogil=True)
def _binary_back(
    op: int, a: Vector, b: Vector, out: Vector, da: Vector, db: Vector, d: Vector, n: int
) -> None:
    if op == 0:
        for i in range(n):
            da[i] += d[i]
            db[i] += d[i]
    elif op == 1:
        for i in range(n):
            da[i] += d[i]
            db[i] -= d[i]
    elif op == 2:
        for i in range(n):
            da[i] += d[i] * b[i]
            db[i] += d[i] * a[i]
    elif op == 3:
        for i in range(n):
            share = d[i] / b[i]
            da[i] += share
            db[i] -= share * out[i]
    elif op == 10:
        less, weight = np.empty(n), np.empty(n)
        for i in range(n):
            less[i] = a[i] - out[i]
        _exp(less, weight, n)
        for i in range(n):
            da[i] += d[i] * weight[i]
            db[i] += d[i] * (1.0 - weight[i])
    elif op == 12:
        for i in range(n):
            if a[i] >= b[i]:
                da[i] += d[i]
            else:
                db[i] += d[i]


@compiled(nogil=True)
def _unary_back(op: int, a: Vector, out: Vector, da: Vector, d: Vector, n: int) -> None:
    if op == 4:
        for i in range(n):
            da[i] -= d[i]
    elif op == 5:
        for i in range(n):
            da[i] += d[i] * out[i]
    elif op == 6:
        for i in range(n):
            da[i] += d[i] / a[i]
    elif op == 7:
        for i in range(n):
            da[i] += d[i] / (1.0 + a[i])
    elif op == 8:
        for i in range(n):
            da[i] += d[i] * _digamma(a[i])
    else:
        for i in range(n):
            da[i] += d[i] * out[i] * (1.0 - out[i])


@compiled(nogil=True)
def _where_back(condition: Vector, da: Vector, db: Vector, d: Vector, n: int) -> None:
    for i in range(n):
        if condition[i] != 0.0:
            da[i] += d[i]
        else:
            db[i] += d[i]


@compiled(nogil=True)
def backward(code: Integers, v: Matrix, adjoint: Matrix, n: int) -> None:
    """Run operations backwards: the adjoint of each register, column by column."""
    for k in range(code.shape[0] - 1, -1, -1):
        op, d = code[k, 0], adjoint[code[k, 4]]
        if 4 <= op <= 9:
            _unary_back(op, v[code[k, 1]], v[code[k, 4]], adjoint[code[k, 1]], d, n)
        elif op == 11:
            _where_back(v[code[k, 1]], adjoint[code[k, 2]], adjoint[code[k, 3]], d, n)
        elif op != 13:
            a, b = code[k, 1], code[k, 2]
            _binary_back(op, v[a], v[b], v[code[k, 4]], adjoint[a], adjoint[b], d, n)


@compiled(nogil=True)
def _load(program: Program, per_cell: Matrix, cell: Integers, v: Matrix) -> None:
    """Fill the registers of pairs with constants, leaves and results of cells."""
    first = len(program.constants)
    for k in range(first):
        v[k, :] = program.constants[k]
    for k in range(program.leaves.shape[0]):
        v[first + k, :] = program.leaves[k]
    first += program.leaves.shape[0]
    for k in range(program.coarse.shape[0]):
        for i in range(v.shape[1]):
            v[first + k, i] = per_cell[program.coarse[k, 1], cell[i]]


@compiled(nogil=True)
def prepare(
    cells: Program, pairs: Program, coordinates: Matrix, cell: Integers
) -> tuple[Matrix, Matrix]:
    """Return the registers of cells and of pairs at some coordinates, (n_coordinates, n_cells)."""
    per_cell = np.empty((cells.n_registers, coordinates.shape[1]))
    for k in range(len(cells.constants)):
        per_cell[k, :] = cells.constants[k]
    for k in range(coordinates.shape[0]):
        per_cell[len(cells.constants) + k, :] = coordinates[k]
    forward(cells.code, per_cell, coordinates.shape[1])
    per_pair = np.empty((pairs.n_registers, len(cell)))
    _load(pairs, per_cell, cell, per_pair)
    forward(pairs.code, per_pair, len(cell))
    return per_cell, per_pair


@compiled(nogil=True)
def _gather(
    states: Program,
    per_cell: Matrix,
    per_pair: Matrix,
    index: Integers,
    v: Matrix,
    start: int,
    n: int,
) -> None:
    """Fill a block's registers with leaves and with results of cells and pairs."""
    first = len(states.constants)
    for k in range(states.leaves.shape[0]):
        v[first + k, :n] = states.leaves[k, start : start + n]
    first += states.leaves.shape[0]
    for k in range(states.coarse.shape[0]):
        source = (per_cell if states.coarse[k, 0] == 1 else per_pair)[states.coarse[k, 1]]
        place = index[states.coarse[k, 0] - 1]
        if place[start] == place[start + n - 1]:  # ascending, so all the same
            v[first + k, :n] = source[place[start]]
        else:
            for i in range(n):
                v[first + k, i] = source[place[start + i]]


@compiled(nogil=True)
def _add_up(amount: Vector, place: Integers, target: Vector, start: int, n: int) -> None:
    """Add amounts to their places; runs of the same place are summed first."""
    if place[start] == place[start + n - 1]:
        total = np.zeros(8)
        whole = n - n % 8
        for i in range(0, whole, 8):
            for j in range(8):
                total[j] += amount[i + j]
        target[place[start]] += total.sum() + amount[whole:n].sum()
        return
    run = 0.0
    for i in range(n):
        run += amount[i]
        if i == n - 1 or place[start + i + 1] != place[start + i]:
            target[place[start + i]] += run
            run = 0.0


@compiled(nogil=True)
def _scatter(
    states: Program,
    adjoint: Matrix,
    index: Integers,
    cell_adjoint: Matrix,
    pair_adjoint: Matrix,
    start: int,
    n: int,
) -> None:
    """Add a block's adjoints to those of its cells and pairs."""
    first = len(states.constants) + states.leaves.shape[0]
    for k in range(states.coarse.shape[0]):
        target = (cell_adjoint if states.coarse[k, 0] == 1 else pair_adjoint)[states.coarse[k, 1]]
        _add_up(adjoint[first + k], index[states.coarse[k, 0] - 1], target, start, n)


@compiled(nogil=True)
def run_states(
    states: Program,
    output: int,
    per_cell: Matrix,
    per_pair: Matrix,
    index: Integers,
    count: Vector,
    low: int,
    high: int,
    gradient: bool,
) -> tuple[Vector, Matrix, Matrix]:
    """Return value of each cell, and adjoints of cells and pairs, over states low to high.

    ``index`` has the cell and the pair of each state, of shape (2, n_states).
    """
    value = np.zeros(per_cell.shape[1])
    cell_adjoint = np.zeros(per_cell.shape if gradient else (1, 1))
    pair_adjoint = np.zeros(per_pair.shape if gradient else (1, 1))
    v = np.empty((states.n_registers, _BLOCK))
    adjoint, weighted = np.empty((states.n_registers, _BLOCK)), np.empty(_BLOCK)
    for k in range(len(states.constants)):
        v[k, :] = states.constants[k]
    for start in range(low, high, _BLOCK):
        n = min(_BLOCK, high - start)
        _gather(states, per_cell, per_pair, index, v, start, n)
        forward(states.code, v, n)
        weighted[:n] = v[output, :n] * count[start : start + n]
        _add_up(weighted, index[0], value, start, n)
        if gradient:
            adjoint[:, :] = 0.0
            adjoint[output, :n] = count[start : start + n]
            backward(states.code, v, adjoint, n)
            _scatter(states, adjoint, index, cell_adjoint, pair_adjoint, start, n)
    return value, cell_adjoint, pair_adjoint


@compiled(nogil=True)
def finish(
    cells: Program,
    pairs: Program,
    per_cell: Matrix,
    per_pair: Matrix,
    cell: Integers,
    cell_adjoint: Matrix,
    pair_adjoint: Matrix,
    n_coordinates: int,
) -> Matrix:
    """Return the gradient in the coordinates, of shape (n_cells, n_coordinates)."""
    backward(pairs.code, per_pair, pair_adjoint, per_pair.shape[1])
    first = len(pairs.constants) + pairs.leaves.shape[0]
    for k in range(pairs.coarse.shape[0]):
        for i in range(len(cell)):
            cell_adjoint[pairs.coarse[k, 1], cell[i]] += pair_adjoint[first + k, i]
    backward(cells.code, per_cell, cell_adjoint, per_cell.shape[1])
    first = len(cells.constants)
    return cell_adjoint[first : first + n_coordinates].T.copy()


@compiled(nogil=True)
def evaluate(
    programs: tuple[Program, Program, Program],
    output: int,
    coordinates: Matrix,
    index: Integers,
    cell: Integers,
    count: Vector,
) -> tuple[Vector, Matrix]:
    """Return value and gradient of each cell, in one call, for few states."""
    cells, pairs, states = programs
    per_cell, per_pair = prepare(cells, pairs, coordinates, cell)
    value, cell_adjoint, pair_adjoint = run_states(
        states, output, per_cell, per_pair, index, count, 0, len(count), True
    )
    return value, finish(
        cells, pairs, per_cell, per_pair, cell, cell_adjoint, pair_adjoint, coordinates.shape[0]
    )


@compiled(nogil=True)
def evaluate_many(
    programs: tuple[Program, Program, Program],
    output: int,
    points: NDArray[np.float64],
    index: Integers,
    cell: Integers,
    count: Vector,
) -> Matrix:
    """Return the value of each cell at many points, of shape (n_points, n_cells)."""
    cells, pairs, states = programs
    result = np.empty((points.shape[0], points.shape[2]))
    for k in range(points.shape[0]):
        per_cell, per_pair = prepare(cells, pairs, points[k], cell)
        result[k] = run_states(
            states, output, per_cell, per_pair, index, count, 0, len(count), False
        )[0]
    return result
