"""The operations of the kernel: forwards, and backwards for the gradient.

A value is a row of a matrix of registers, with one column per state. The last rows are
scratch. Operations address rows by number: a view of a row would be counted by Numba, which
takes longer than the operation on a block of states.
"""

# Numba compiles these functions; it has no types that a checker could read.
# mypy: disable-error-code="no-untyped-call, untyped-decorator"
# An interpreter has one branch per operation. Numba takes arguments by position, and many.
# ruff: noqa: C901, PLR0912 - one branch for each operation

import math

import numpy as np
from numba import types

from omniltv._arrays import Integers, Matrix, Vector
from omniltv._compiled import call_c, carray, compiled, compiled_c, integers
from omniltv.models.inference._packed import NUMBERS

__all__ = ["BACKWARD", "FORWARD", "SCRATCH", "backward", "forward"]

SCRATCH = 5
"""Rows of a matrix of registers after the registers."""


@compiled(inside=True)
def _log(v: Matrix, bits: Integers, a: int, o: int, n: int) -> None:
    """Write logarithms to within an ulp, in a form that compilers vectorise.

    The fraction is extracted from the bits of a number and scaled to [sqrt(1/2), sqrt(2));
    log(1 + f) is the polynomial of FreeBSD's libm (e_log.c) in f / (2 + f). The exponent
    becomes a number as the last bits of 2^52. Row ``o`` is not row ``a``.
    """
    plain, powers = True, v.shape[0] - 1
    for i in range(n):
        plain &= (v[a, i] >= 2.3e-308) & (v[a, i] < 1.7e308)
    if not plain:  # zero, subnormal, negative, infinite or NaN
        for i in range(n):
            v[o, i] = math.log(v[a, i])
        return
    for i in range(n):
        bits[powers, i] = (bits[a, i] >> 52) | 0x4330000000000000
        bits[o, i] = (bits[a, i] & 0x000FFFFFFFFFFFFF) | 0x3FF0000000000000
    for i in range(n):
        fraction = v[o, i]
        large = fraction > 1.4142135623730951
        power = v[powers, i] - (4503599627371518.0 if large else 4503599627371519.0)
        f = fraction * (0.5 if large else 1.0) - 1.0
        s = f / (2.0 + f)
        z = s * s
        w = z * z
        even = w * (0.3999999999940942 + w * (0.22222198432149784 + w * 0.15313837699209373))
        odd = 0.6666666666666735 + w * (
            0.2857142874366239 + w * (0.1818357216161805 + w * 0.14798198605116586)
        )
        half = 0.5 * f * f
        small = s * (half + even + z * odd) + power * 1.9082149292705877e-10
        v[o, i] = power * 0.6931471803691238 - ((half - small) - f)


@compiled(inside=True)
def _exp(v: Matrix, bits: Integers, a: int, o: int, n: int) -> None:
    """Write exponentials to within an ulp, in a form that compilers vectorise.

    The whole multiples of log 2 in the exponent are added to the bits; the remainder, at
    most log(2) / 2, is a Taylor series. Adding 1.5 x 2^52 rounds to a whole number, which is
    then in the last bits. Row ``o`` is not row ``a``.
    """
    plain, powers = True, v.shape[0] - 1
    for i in range(n):
        plain &= (v[a, i] > -700.0) & (v[a, i] < 700.0)
    if not plain:
        for i in range(n):
            v[o, i] = math.exp(v[a, i])
        return
    for i in range(n):
        rounded = v[a, i] * 1.4426950408889634 + 6755399441055744.0
        v[powers, i] = rounded
        k = rounded - 6755399441055744.0
        r = (v[a, i] - k * 0.6931471803691238) - k * 1.9082149292705877e-10
        q = r * r
        low = 1.0 + r + q * (0.5 + r * (1 / 6) + q * (1 / 24 + r * (1 / 120)))
        middle = 1 / 720 + r * (1 / 5040) + q * (1 / 40320 + r * (1 / 362880))
        high = 1 / 3628800 + r * (1 / 39916800) + q * (1 / 479001600 + r * (1 / 6227020800))
        v[o, i] = low + q * q * q * (middle + q * q * high)
    for i in range(n):
        bits[o, i] += bits[powers, i] << 52


@compiled(inside=True)
def _log1p(v: Matrix, bits: Integers, a: int, o: int, n: int) -> None:
    """Write log(1 + x): the logarithm of the rounded sum, corrected for the rounding error."""
    sums = v.shape[0] - 2
    for i in range(n):
        v[sums, i] = 1.0 + v[a, i]
    _log(v, bits, sums, o, n)
    for i in range(n):
        lost = ((v[sums, i] - 1.0) - v[a, i]) / v[sums, i]
        v[o, i] -= lost if v[sums, i] < 1.7e308 else 0.0


@compiled(inside=True)
def _logaddexp(v: Matrix, bits: Integers, a: int, b: int, o: int, n: int) -> None:
    """Write log(exp(a) + exp(b)) into a row that is neither of them."""
    less, more = o, v.shape[0] - 3
    for i in range(n):
        v[less, i] = -abs(v[a, i] - v[b, i])
    _exp(v, bits, less, more, n)
    _log1p(v, bits, more, o, n)
    for i in range(n):
        v[o, i] += max(v[a, i], v[b, i])


@compiled(inside=True)
def _raise(v: Matrix, bits: Integers, a: int, n: int) -> None:
    """Write x, raised to at least 8 by whole steps, and the product of the steps; x > 0.

    Scratch rows, from the last but one: the raised x, the product x (x + 1) ... (x + 7) or 1,
    its derivative, and the logarithm of the raised x.
    """
    last = v.shape[0]
    for i in range(n):
        x = v[a, i]
        small = x < 8.0
        y = x * (x + 7.0)  # the factors in pairs: x (x + 7) = y, (x + 1) (x + 6) = y + 6 ...
        first, second = y * (y + 6.0), (y + 10.0) * (y + 12.0)
        slope = (2.0 * y + 6.0) * second + first * (2.0 * y + 22.0)
        v[last - 2, i] = x + (8.0 if small else 0.0)
        v[last - 3, i] = first * second if small else 1.0
        v[last - 4, i] = slope * (2.0 * x + 7.0) if small else 0.0
    _log(v, bits, last - 2, last - 5, n)


@compiled(inside=True)
def _gammaln(v: Matrix, bits: Integers, a: int, o: int, n: int) -> None:
    """Write log-gamma, x > 0: Stirling's series of x + 8 or x (Abramowitz and Stegun 6.1.41)."""
    last = v.shape[0]
    _raise(v, bits, a, n)
    _log(v, bits, last - 3, o, n)
    for i in range(n):
        x = v[last - 2, i]
        inverse = 1.0 / x
        w = inverse * inverse
        low = 1 / 12 - w * (1 / 360 - w * (1 / 1260 - w * (1 / 1680 - w * (1 / 1188))))
        series = low - w * w * w * w * w * (691 / 360360 - w * (1 / 156))
        v[o, i] = (x - 0.5) * v[last - 5, i] - x + 0.9189385332046727 + inverse * series - v[o, i]


@compiled(inside=True)
def _gammaln_back(v: Matrix, bits: Integers, d: Matrix, a: int, o: int, n: int) -> None:
    """Add adjoints times digamma (Abramowitz and Stegun 6.3.18), x > 0."""
    last = v.shape[0]
    _raise(v, bits, a, n)
    for i in range(n):
        inverse = 1.0 / v[last - 2, i]
        w = inverse * inverse
        low = 1 / 12 - w * (1 / 120 - w * (1 / 252 - w * (1 / 240 - w * (1 / 132))))
        series = w * (low - w * w * w * w * w * (691 / 32760 - w * (1 / 12)))
        below = v[last - 4, i] / v[last - 3, i]
        d[a, i] += d[o, i] * (v[last - 5, i] - 0.5 * inverse - series - below)


@compiled(inside=True)
def _where(v: Matrix, condition: int, a: int, b: int, o: int, n: int) -> None:
    for i in range(n):
        yes, no = v[a, i], v[b, i]
        v[o, i] = yes if v[condition, i] != 0.0 else no


@compiled(inside=True)
def _plain(v: Matrix, op: int, a: int, b: int, o: int, n: int) -> None:
    """Write the result of an operation without a function of its own."""
    if op == 0:
        for i in range(n):
            v[o, i] = v[a, i] + v[b, i]
    elif op == 1:
        for i in range(n):
            v[o, i] = v[a, i] - v[b, i]
    elif op == 2:
        for i in range(n):
            v[o, i] = v[a, i] * v[b, i]
    elif op == 3:
        for i in range(n):
            v[o, i] = v[a, i] / v[b, i]
    elif op == 4:
        for i in range(n):
            v[o, i] = -v[a, i]
    elif op == 9:
        for i in range(n):
            v[o, i] = 1.0 / (1.0 + math.exp(-v[a, i]))
    elif op == 12:
        for i in range(n):
            v[o, i] = max(v[a, i], v[b, i])
    else:
        for i in range(n):
            v[o, i] = 1.0 if v[a, i] > v[b, i] else 0.0


_WHOLE = types.CPointer(types.int64)


@compiled_c(types.int64(_WHOLE, types.int64, NUMBERS, *[types.int64] * 3), purpose="fits")
def FORWARD(code_: Integers, n_ops: int, v_: Vector, rows: int, columns: int, n: int) -> int:  # noqa: N802 - named as a constant: it is an address
    """Run operations over the first n columns of the registers."""
    code, v = carray(code_, (n_ops, 5)), carray(v_, (rows, columns))
    bits = carray(integers(v_), (rows, columns))
    for k in range(code.shape[0]):
        op, a, b, o = code[k, 0], code[k, 1], code[k, 2], code[k, 4]
        if op == 5:
            _exp(v, bits, a, o, n)
        elif op == 6:
            _log(v, bits, a, o, n)
        elif op == 7:
            _log1p(v, bits, a, o, n)
        elif op == 8:
            _gammaln(v, bits, a, o, n)
        elif op == 10:
            _logaddexp(v, bits, a, b, o, n)
        elif op == 11:
            _where(v, a, b, code[k, 3], o, n)
        else:
            _plain(v, op, a, b, o, n)
    return 0


@compiled(inside=True)
def forward(address: int, code: Integers, v: Matrix, n: int) -> None:
    """Run operations over the first n columns of the registers, by the C function."""
    call_c(address, (np.int64(code.ctypes.data), len(code), np.int64(v.ctypes.data), *v.shape, n))


@compiled(inside=True)
def _first_back(v: Matrix, d: Matrix, op: int, a: int, b: int, o: int, n: int) -> None:
    """Add the adjoint of the result of an operation to that of its first input."""
    if op <= 1:
        for i in range(n):
            d[a, i] += d[o, i]
    elif op == 2:
        for i in range(n):
            d[a, i] += d[o, i] * v[b, i]
    elif op == 3:
        for i in range(n):
            d[a, i] += d[o, i] / v[b, i]
    elif op == 4:
        for i in range(n):
            d[a, i] -= d[o, i]
    elif op == 5:
        for i in range(n):
            d[a, i] += d[o, i] * v[o, i]
    elif op == 6:
        for i in range(n):
            d[a, i] += d[o, i] / v[a, i]
    elif op == 7:
        for i in range(n):
            d[a, i] += d[o, i] / (1.0 + v[a, i])
    elif op == 9:
        for i in range(n):
            d[a, i] += d[o, i] * v[o, i] * (1.0 - v[o, i])
    elif op == 12:
        for i in range(n):
            slope, first = d[o, i], v[a, i] >= v[b, i]
            d[a, i] += slope if first else 0.0


@compiled(inside=True)
def _second_back(v: Matrix, d: Matrix, op: int, a: int, b: int, o: int, n: int) -> None:
    """Add the adjoint of the result of an operation to that of its second input."""
    if op == 0:
        for i in range(n):
            d[b, i] += d[o, i]
    elif op == 1:
        for i in range(n):
            d[b, i] -= d[o, i]
    elif op == 2:
        for i in range(n):
            d[b, i] += d[o, i] * v[a, i]
    elif op == 3:
        for i in range(n):
            d[b, i] -= d[o, i] / v[b, i] * v[o, i]
    elif op == 12:
        for i in range(n):
            slope, first = d[o, i], v[a, i] >= v[b, i]
            d[b, i] += 0.0 if first else slope


@compiled(inside=True)
def _logaddexp_back(v: Matrix, bits: Integers, d: Matrix, a: int, b: int, o: int, n: int) -> None:
    less, weight = v.shape[0] - 2, v.shape[0] - 3
    for i in range(n):
        v[less, i] = v[a, i] - v[o, i]
    _exp(v, bits, less, weight, n)
    for i in range(n):
        d[a, i] += d[o, i] * v[weight, i]
        d[b, i] += d[o, i] * (1.0 - v[weight, i])


@compiled(inside=True)
def _where_back(v: Matrix, d: Matrix, condition: int, a: int, b: int, o: int, n: int) -> None:
    for i in range(n):
        slope, first = d[o, i], v[condition, i] != 0.0
        d[a, i] += slope if first else 0.0
        d[b, i] += 0.0 if first else slope


@compiled_c(types.int64(_WHOLE, types.int64, NUMBERS, NUMBERS, *[types.int64] * 4), purpose="fits")
def BACKWARD(  # noqa: N802 - named as a constant: it is an address
    code_: Integers, n_ops: int, v_: Vector, d_: Vector, rows: int, columns: int, first: int, n: int
) -> int:
    """Add the adjoints of results to those of their inputs, last operation first.

    The registers before ``first`` are constant; they get no adjoints from most operations.
    """
    code, v, d = carray(code_, (n_ops, 5)), carray(v_, (rows, columns)), carray(d_, (rows, columns))
    bits = carray(integers(v_), (rows, columns))
    for k in range(code.shape[0] - 1, -1, -1):
        op, a, b, o = code[k, 0], code[k, 1], code[k, 2], code[k, 4]
        if op == 8:
            _gammaln_back(v, bits, d, a, o, n)
        elif op == 10:
            _logaddexp_back(v, bits, d, a, b, o, n)
        elif op == 11:
            _where_back(v, d, a, b, code[k, 3], o, n)
        elif op != 13:
            if a >= first:
                _first_back(v, d, op, a, b, o, n)
            if b >= first:
                _second_back(v, d, op, a, b, o, n)
    return 0


@compiled(inside=True)
def backward(address: int, code: Integers, v: Matrix, adjoint: Matrix, first: int, n: int) -> None:
    """Add the adjoints of results to those of their inputs, by the C function.

    ``adjoint`` has the shape of ``v``; the registers before ``first`` are constant.
    """
    pointers = np.int64(v.ctypes.data), np.int64(adjoint.ctypes.data)
    call_c(address, (np.int64(code.ctypes.data), len(code), *pointers, *v.shape, first, n))
