"""Importance weights with a smoothed upper tail, and Pareto's k-hat.

The largest weights are replaced by quantiles of a generalised Pareto distribution fitted to
them (PSIS; Vehtari, Simpson, Gelman, Yao and Gabry 2024, JMLR 25). Its shape, k-hat, shows how
many moments the weights have. The fit is the quasi-Bayesian one of Zhang and Stephens (2009),
Technometrics 51(3), and k-hat is pulled a little towards 0.5. ArviZ has the same method; it is
not used here because it takes a second to import.
"""

import numpy as np

from omniltv._arrays import Vector

__all__ = ["smoothed"]

_FEW = 225  # weights; with fewer, a fifth of them are the tail
_PRIOR_SHAPE, _PRIOR_SIZE = 0.5, 10.0  # of k-hat: its mean, worth this many observations
_QUARTILE = 3.0  # the prior scale of the fit is this many times the lower quartile of the tail


def smoothed(log_weight: Vector) -> tuple[Vector, float]:
    """Return log weights with a smoothed tail, the largest at most 0, and k-hat.

    Args:
        log_weight: Finite log weights, at least 25, of shape (n,).

    Examples:
        >>> log_weight = np.random.default_rng(1).exponential(0.4, 2000)
        >>> smooth, khat = smoothed(log_weight)  # weights with a Pareto tail of shape 0.4
        >>> bool(0.2 < khat < 0.6), bool(smooth.max() <= 0)
        (True, True)
    """
    result, n = log_weight - log_weight.max(), len(log_weight)
    size = int(3 * np.sqrt(n)) if n > _FEW else n // 5
    order = np.argsort(result)
    tail, threshold = order[n - size :], float(np.exp(result[order[n - size - 1]]))
    excess = np.exp(result[tail]) - threshold
    if excess[-1] - excess[0] < np.finfo(np.float64).tiny:
        return result, -np.inf  # all the same: nothing to smooth
    shape, scale = _generalised_pareto(excess)
    if np.isfinite(shape) and scale > 0:
        log_survival = np.log1p(-(np.arange(size) + 0.5) / size)
        far = -scale * log_survival
        if shape:
            far = scale * np.expm1(-shape * log_survival) / shape
        result[tail] = np.minimum(np.log(threshold + far), 0.0)
    return result, shape


def _generalised_pareto(excess: Vector) -> tuple[float, float]:
    """Return shape and scale of the distribution of ascending positive values.

    The shape is infinite if they are far from such a distribution.
    """
    n = len(excess)
    quartile = excess[int(n / 4 + 0.5) - 1]
    if quartile <= excess[0]:
        return np.inf, np.nan
    m = 30 + int(np.sqrt(n))
    ratio = 1 / excess[-1] + (1 - np.sqrt(m / (np.arange(m) + 0.5))) / (_QUARTILE * quartile)
    shapes = np.log1p(-ratio[:, None] * excess).mean(axis=1)
    fit = n * (np.log(-ratio / shapes) - shapes - 1)
    weight = np.exp(fit - fit.max())
    mean = float(ratio @ weight / weight.sum())
    shape = float(np.log1p(-mean * excess).mean())
    pulled = (n * shape + _PRIOR_SIZE * _PRIOR_SHAPE) / (n + _PRIOR_SIZE)
    return (np.inf, np.nan) if np.isnan(pulled) else (pulled, -shape / mean)
