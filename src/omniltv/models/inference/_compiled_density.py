"""The sampler's log density as a C function: no Python runs between two draws.

The C function reads all arrays that the density needs through one pointer, so it is compiled
once for all models and data.
"""

# Numba compiles these functions; it has no types that a checker could read.
# mypy: disable-error-code="no-untyped-call, no-any-return, untyped-decorator"
# Numba takes arguments by position, and many.

import math
from collections.abc import Sequence
from ctypes import CFUNCTYPE, c_int64, c_uint64, c_void_p
from itertools import chain

import numpy as np
from numba import types
from numpy.typing import NDArray

from omniltv._arrays import Integers, Matrix, Vector
from omniltv._compiled import call_c, carray, compiled, compiled_c
from omniltv.models.inference._kernel import ARRAYS, LIKELIHOOD
from omniltv.models.inference._likelihood import Likelihood
from omniltv.models.inference._packed import (
    DATA,
    NUMBERS,
    PackedArrays,
    Pointers,
    matrix,
    places,
    shapes,
    table,
    vector,
)
from omniltv.models.inference._subsampled_likelihood import SubsampledLikelihood
from omniltv.models.inference._whitened import UnderflowsError, Whitened
from omniltv.models.posterior.priors import (
    Exponential,
    Flat,
    HalfNormal,
    LogNormal,
    Normal,
    Prior,
    StudentT,
)

__all__ = ["COPY", "DENSITY", "PackedDensity", "pack"]

_ARRAYS = (
    "sizes",  # coefficients, coordinates, rows, rows of the base, likelihoods
    "rows",  # rows of coefficients that each cell adds up, of shape (terms + 1, n_cells)
    "covariates",
    "target",
    "fixed",  # priors of the coefficients that are not random effects, see `_coded`
    "spreads",  # priors of the spreads
    "centre",
    "root",  # transposed: row by row what a coordinate of the sampler moves; one row if diagonal
    "weight",
    "anchor",
    "shift",
    "power",
    "spread_of",
    "mean_of",
    "expanded",  # cells with an expansion of the likelihood, see `SubsampledLikelihood`
    "expansion",  # centre, level, slope and bend of each of these cells
)
_SIZES, _ROWS, _COVARIATES, _TARGET, _FIXED, _SPREADS, _CENTRE, _ROOT = range(1, 9)
_WEIGHT, _ANCHOR, _SHIFT, _POWER, _SPREAD_OF, _MEAN_OF, _EXPANDED, _EXPANSION = range(9, 17)
_FIRST = 17  # number of the first array of the first likelihood
_REFUSED = 3  # the sampler turns back, and continues


class PackedDensity(PackedArrays):
    """The arrays of a density, see `_ARRAYS`, and of its likelihoods."""

    def __call__(self, point: Vector) -> tuple[float, Vector]:
        """Return log density and gradient at a point.

        Raises:
            UnderflowsError: If they are not finite.
        """
        here, slope, value = np.ascontiguousarray(point), np.empty(len(point)), np.empty(1)
        addresses = (item.ctypes.data for item in (here, slope, value, self.pointers))
        if _SIGNATURE(DENSITY.address)(len(point), *addresses):
            raise UnderflowsError
        return float(value[0]), slope


_SIGNATURE = CFUNCTYPE(c_int64, c_uint64, *[c_void_p] * 4)


def pack(density: Whitened) -> PackedDensity | None:
    """Return a density for the C function; None if a prior is not one of the library's."""
    posterior, design = density.posterior, density.posterior.design
    fixed, spreads = _coded(posterior.fixed.priors), _coded(posterior.spreads.priors)
    if fixed is None or spreads is None:
        return None
    likelihood = posterior.likelihood
    expanded, expansion = _expansion(likelihood, design.n_coordinates)
    one = likelihood if isinstance(likelihood, Likelihood) else likelihood.states.part
    parts = one.arrays
    starts = np.cumsum([0, *design.sizes[:-1]])
    levels = zip((design.base, *design.terms), starts, strict=True)
    diagonal = not np.count_nonzero(density.root - np.diag(density.root.diagonal()))
    shape = design.n_coefficients, design.n_coordinates, design.n_rows, design.sizes[0]
    sizes = (*shape, len(parts), LIKELIHOOD.address)
    arrays = {
        "sizes": np.array(sizes),
        "rows": np.array([level + start for level, start in levels]),
        "covariates": design.covariates,
        "target": np.array(design.target, dtype=np.int64),
        "fixed": fixed,
        "spreads": spreads,
        "centre": density.centre,
        "root": density.root.diagonal()[None] if diagonal else density.root.T,
        "weight": density.weight,
        "anchor": density.anchor,
        "shift": density.shift,
        "power": density.power,
        "spread_of": posterior.spread_of,
        "mean_of": density.mean_of,
        "expanded": expanded,
        "expansion": expansion,
    }
    return PackedDensity([*(arrays[name] for name in _ARRAYS), *chain(*parts)])


def _expansion(
    likelihood: Likelihood | SubsampledLikelihood, k: int
) -> tuple[NDArray[np.intp], Matrix]:
    """Return cells with an expansion, and its centre, level, slope and bend in one row each."""
    if isinstance(likelihood, Likelihood):
        return np.empty(0, dtype=np.intp), np.empty((0, 1 + 2 * k + k * k))
    n = len(likelihood.states.cells)
    bend = likelihood.bend.reshape(n, k * k)
    parts = [likelihood.centre, likelihood.level[:, None], likelihood.slope, bend]
    return likelihood.states.cells, np.column_stack(parts)


_CODES: dict[type, tuple[int, tuple[str, ...]]] = {
    Flat: (0, ()),
    Normal: (1, ("mu", "sigma")),
    StudentT: (2, ("mu", "sigma", "nu")),
    LogNormal: (3, ("mu", "sigma")),
    HalfNormal: (4, ("sigma",)),
    Exponential: (5, ("lam",)),
}


def _coded(priors: Sequence[Prior]) -> Matrix | None:
    """Return a row per prior: its code and its arguments; None if one is unknown."""
    rows = np.zeros((len(priors), 4))
    for row, prior in zip(rows, priors, strict=True):
        if type(prior) not in _CODES:
            return None
        row[0], names = _CODES[type(prior)]
        row[1 : 1 + len(names)] = [getattr(prior, name) for name in names]
    return rows


@compiled(inside=True)
def _log_prior(prior: Vector, x: float) -> tuple[float, float]:
    """Return log density and score of a coded prior."""
    code, mu, sigma = prior[0], prior[1], prior[2]
    if code == 0:
        return 0.0, 0.0
    if code == 1:
        z = (x - mu) / sigma
        return -0.5 * z * z, -z / sigma
    if code == 2:
        nu, z = prior[3], (x - mu) / sigma
        return -0.5 * (nu + 1) * math.log1p(z * z / nu), -(nu + 1) * z / (nu + z * z) / sigma
    if code == 3:
        log_x = math.log(x)
        z = (log_x - mu) / sigma
        return -0.5 * z * z - log_x, -(z / sigma + 1) / x
    if code == 4:
        z = x / mu  # its only argument is sigma
        return -0.5 * z * z, -z / mu
    return -mu * x, -mu  # its only argument is lam


@compiled(inside=True)
def _add_expansion(
    cells: Integers, expansion: Matrix, theta: Matrix, value: Vector, slopes: Matrix
) -> None:
    """Add what the subsample of states lacks, up to second order, and its gradient."""
    k = theta.shape[1]
    for m in range(len(cells)):
        cell, row = cells[m], expansion[m]
        value[cell] += row[k]
        for i in range(k):
            bent = 0.0
            for j in range(k):
                bent += row[2 * k + 1 + i * k + j] * (theta[cell, j] - row[j])
            slope = row[k + 1 + i]
            value[cell] += (slope - 0.5 * bent) * (theta[cell, i] - row[i])
            slopes[cell, i] += slope - bent


@compiled(inside=True)
def _coordinates(
    coefficients: Vector, rows: Integers, covariates: Matrix, target: Integers, k: int, size: int
) -> Matrix:
    """Return the coordinates of the cells."""
    theta = np.zeros((rows.shape[1], k))
    for c in range(rows.shape[1]):
        for term in range(rows.shape[0]):
            for j in range(k):
                theta[c, j] += coefficients[rows[term, c] * k + j]
        for e in range(len(target)):
            theta[c, target[e]] += covariates[c, e] * coefficients[size + e]
    return theta


@compiled(inside=True)
def _pull(
    slopes: Matrix,
    rows: Integers,
    covariates: Matrix,
    target: Integers,
    size: int,
    gradient: Vector,
) -> None:
    """Add the gradient of the coefficients from that of the coordinates."""
    k = slopes.shape[1]
    for c in range(rows.shape[1]):
        for term in range(rows.shape[0]):
            for j in range(k):
                gradient[rows[term, c] * k + j] += slopes[c, j]
        for e in range(len(target)):
            gradient[size + e] += covariates[c, e] * slopes[c, target[e]]


@compiled(inside=True)
def _turn(centre: Vector, root: Matrix, point: Vector) -> Vector:
    """Return the coordinates before whitening."""
    raw = np.empty(len(centre))
    for i in range(len(raw)):
        raw[i] = centre[i]
    if root.shape[0] == 1:
        for j in range(len(raw)):
            raw[j] += root[0, j] * point[j]
    else:
        for j in range(len(point)):
            for i in range(j, len(raw)):
                raw[i] += root[j, i] * point[j]
    return raw


@compiled(inside=True)
def _turn_back(root: Matrix, gradient: Vector, slope: Vector) -> None:
    """Write the gradient in the sampler's coordinates."""
    if root.shape[0] == 1:
        for j in range(len(slope)):
            slope[j] = root[0, j] * gradient[j]
    else:
        for j in range(len(slope)):
            slope[j] = 0.0
            for i in range(j, len(gradient)):
                slope[j] += root[j, i] * gradient[i]


@compiled(inside=True)
def _split(
    data: Pointers, sizes: Integers, raw: Vector, d: int, first: int
) -> tuple[Vector, Vector]:
    """Return coefficients and log spreads, see `Whitened.split`; effects begin at ``first``."""
    coefficients, log_spread = np.empty(d), np.empty(len(raw) - d)
    for j in range(d):
        coefficients[j] = raw[j]
    for j in range(len(log_spread)):
        log_spread[j] = raw[d + j]
    weight, shift = (vector(data, sizes, _WEIGHT), vector(data, sizes, _SHIFT))
    anchor, power = (vector(data, sizes, _ANCHOR), vector(data, sizes, _POWER))
    spread_of, mean_of = places(data, sizes, _SPREAD_OF), places(data, sizes, _MEAN_OF)
    for j in range(len(power)):
        coefficients[j] = anchor[j] + raw[j] * math.exp(power[j] * log_spread[j])
    for e in range(len(weight)):
        moved = shift[e] * (coefficients[mean_of[e]] - anchor[mean_of[e]])
        scale = math.exp((1 - weight[e]) * log_spread[spread_of[e]])
        coefficients[first + e] = raw[first + e] * scale - moved
    return coefficients, log_spread


@compiled(inside=True)
def _add_fixed(
    data: Pointers, sizes: Integers, coefficients: Vector, first: int, gradient: Vector
) -> float:
    """Return the log prior of what is not a random effect; add its score."""
    priors, effects = matrix(data, sizes, _FIXED), len(places(data, sizes, _SPREAD_OF))
    value = 0.0
    for p in range(len(priors)):
        at = p if p < first else p + effects
        log_prior, score = _log_prior(priors[p], coefficients[at])
        value += log_prior
        gradient[at] += score
    return value


@compiled(inside=True)
def _add_effects(
    data: Pointers,
    sizes: Integers,
    coefficients: Vector,
    log_spread: Vector,
    first: int,
    gradient: Vector,
) -> float:
    """Return the log prior of effects and spreads with the Jacobian; complete the gradient.

    The gradient becomes that of the raw coordinates, see `Whitened`.
    """
    weight, shift = (vector(data, sizes, _WEIGHT), vector(data, sizes, _SHIFT))
    anchor, power = (vector(data, sizes, _ANCHOR), vector(data, sizes, _POWER))
    spread_of, mean_of = places(data, sizes, _SPREAD_OF), places(data, sizes, _MEAN_OF)
    priors, d = matrix(data, sizes, _SPREADS), len(coefficients)
    value = 0.0
    for e in range(len(weight)):
        at, spread, mean, free = first + e, d + spread_of[e], mean_of[e], 1 - weight[e]
        log_tau = log_spread[spread_of[e]]
        scaled = coefficients[at] * math.exp(-log_tau)
        gradient[at] -= scaled * math.exp(-log_tau)
        value += free * log_tau - 0.5 * scaled * scaled - log_tau
        whole = coefficients[at] + shift[e] * (coefficients[mean] - anchor[mean])
        gradient[spread] += scaled * scaled - 1 + free + free * whole * gradient[at]
        gradient[mean] -= shift[e] * gradient[at]
        gradient[at] *= math.exp(free * log_tau)
    for s in range(len(log_spread)):
        tau = math.exp(log_spread[s])
        log_prior, score = _log_prior(priors[s], tau)
        value += log_prior + log_spread[s]
        gradient[d + s] += 1 + tau * score
    for j in range(len(power)):
        distance = coefficients[j] - anchor[j]
        gradient[d + j] += power[j] * (distance * gradient[j] + 1)
        gradient[j] *= math.exp(power[j] * log_spread[j])
        value += power[j] * log_spread[j]
    return value


@compiled(inside=True)
def _density(data: Pointers, point: Vector, slope: Vector) -> float:
    """Return the log density at a point, and write its gradient."""
    sizes = shapes(data)
    numbers = places(data, sizes, _SIZES)
    d, k, n_rows, base = numbers[0], numbers[1], numbers[2], numbers[3]
    size, first = n_rows * k, base * k
    rows, target = table(data, sizes, _ROWS), places(data, sizes, _TARGET)
    covariates, root = matrix(data, sizes, _COVARIATES), matrix(data, sizes, _ROOT)
    raw = _turn(vector(data, sizes, _CENTRE), root, point)
    coefficients, log_spread = _split(data, sizes, raw, d, first)
    theta = _coordinates(coefficients, rows, covariates, target, k, size)
    cells, slopes = np.zeros(len(theta)), np.zeros(theta.shape)
    pointers = np.int64(cells.ctypes.data), np.int64(slopes.ctypes.data)
    for part in range(numbers[4]):
        at = _FIRST + part * ARRAYS
        over = len(theta), k, 0, sizes[at + 15, 1], 1
        given = sizes[0, 0], at, np.int64(theta.ctypes.data), 1
        call_c(numbers[5], (*given, *over, *pointers))
    expansion = matrix(data, sizes, _EXPANSION)
    _add_expansion(places(data, sizes, _EXPANDED), expansion, theta, cells, slopes)
    gradient = np.zeros(len(raw))
    _pull(slopes, rows, covariates, target, size, gradient)
    value = _add_fixed(data, sizes, coefficients, first, gradient)
    for c in range(len(cells)):
        value += cells[c]
    value += _add_effects(data, sizes, coefficients, log_spread, first, gradient)
    _turn_back(root, gradient, slope)
    return value


@compiled_c(types.int64(types.uint64, NUMBERS, NUMBERS, NUMBERS, DATA), purpose="NUTS")
def DENSITY(d: int, point: Vector, slope: Vector, value: Vector, data: Pointers) -> int:  # noqa: N802 - named as a constant: it is an address
    """Write log density and gradient; return 0, or another number if they are not finite."""
    slopes = carray(slope, (d,))
    found = _density(data, carray(point, (d,)), slopes)
    value[0] = found
    for i in range(d):
        found += 0.0 * slopes[i]  # not finite if a slope is not
    return 0 if math.isfinite(found) else _REFUSED


@compiled_c(types.int64(types.uint64, types.uint64, NUMBERS, NUMBERS, DATA), purpose="NUTS")
def COPY(d: int, n: int, point: Vector, out: Vector, data: Pointers) -> int:  # noqa: ARG001, N802 - named as a constant: it is an address
    """Write a point as a draw; return 0. The sampler passes the data to every function."""
    for i in range(n):
        out[i] = point[i]
    return 0
