"""Importance weights with a smoothed upper tail, and Pareto's k-hat.

The largest weights are replaced by quantiles of a generalised Pareto distribution fitted to
them (PSIS; Vehtari, Simpson, Gelman, Yao and Gabry 2024, JMLR 25(72)). Its shape, k-hat, shows
how many moments the weights have. The fit is the quasi-Bayesian one of Zhang and Stephens
(2009), Technometrics 51(3), and k-hat is pulled a little towards 0.5. ArviZ has the same method;
it takes a second to import, and computes one tail at a time.
"""

import numpy as np

from omniltv._arrays import Floats, Vector

__all__ = ["smooth_tails", "smoothed", "tail_size"]

_MANY = 225  # effective weights; with fewer, a fifth of them are the tail
_PRIOR_SHAPE, _PRIOR_DRAWS = 0.5, 10  # of k-hat: its mean, worth this many observations
_SCALE = 3  # of the prior of the reciprocal scale, in first quartiles
_CANDIDATES = 30
_NEGLIGIBLE = 10 * np.finfo(float).eps


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
    order = np.argsort(result)
    size = tail_size(n, 1.0)
    tail = order[n - size :]
    if np.ptp(np.exp(result[tail])) < np.finfo(np.float64).tiny:
        return result, -np.inf  # all the same: nothing to smooth
    smooth, khat = smooth_tails(result[None, tail], result[order[[n - size - 1]]])
    result[tail] = smooth[0]
    return result, float(khat[0])


def tail_size(n: int, relative: float) -> int:
    """Return how many of the largest of n weights are the tail.

    Args:
        n: Number of weights.
        relative: Effective draws over draws.

    Examples:
        >>> tail_size(100, 1.0), tail_size(10_000, 1.0)
        (20, 300)
    """
    return int(3 * np.sqrt(n / relative) if n * relative > _MANY else n / 5)


def smooth_tails(tail: Floats, cutoff: Floats) -> tuple[Floats, Floats]:
    """Return smoothed log weights of tails, of shape (n_tails, size), and k-hat.

    A tail that is far from a Pareto distribution is left as it is; its k-hat is infinite.

    Args:
        tail: Log weights of the tails, ascending, the last one 0, of shape (n_tails, size).
        cutoff: Largest log weight below each tail, of shape (n_tails,).

    Examples:
        >>> smooth_tails(np.log([[0.5, 0.5, 0.5, 0.5, 1.0]]), np.log([0.5]))[1]
        array([inf])
    """
    start = np.exp(cutoff)[:, None]
    with np.errstate(all="ignore"):  # a tail that is not Pareto is left as it is
        khat, scale = _generalised_pareto(np.exp(tail) - start)
        size = tail.shape[1]
        share = np.log1p(-np.arange(0.5, size) / size)
        shape = khat[:, None]
        rise = np.where(shape == 0, -share, np.expm1(-shape * share) / shape)
        values = np.log(start + scale[:, None] * rise)
    usable = np.isfinite(khat) & (scale > 0)
    return np.where(usable[:, None], np.minimum(values, 0.0), tail), khat


def _generalised_pareto(excess: Floats) -> tuple[Floats, Floats]:
    """Return shape and scale of generalised Pareto distributions, of shape (n_tails,) each.

    The posterior mean of the reciprocal scale is an average over candidates. The shape is drawn
    towards 0.5. It is infinite if the first quartile is not above the minimum.

    Args:
        excess: Ascending values above the cutoff, of shape (n_tails, n).
    """
    n = excess.shape[1]
    first, last = excess[:, int(n / 4 + 0.5) - 1], excess[:, -1]
    candidates = _CANDIDATES + int(np.sqrt(n))
    place = 1 - np.sqrt(candidates / (np.arange(1.0, candidates + 1) - 0.5))
    rate = place / (_SCALE * first[:, None]) + 1 / last[:, None]
    shape = np.log1p(-rate[:, :, None] * excess[:, None]).mean(axis=2)
    log_weight = n * (np.log(-rate / shape) - shape - 1)
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    weight = np.where(weight >= _NEGLIGIBLE, weight, 0.0)
    mean = (rate * weight).sum(axis=1) / weight.sum(axis=1)
    found = np.log1p(-mean[:, None] * excess).mean(axis=1)
    khat = (n * found + _PRIOR_DRAWS * _PRIOR_SHAPE) / (n + _PRIOR_DRAWS)
    bad = (first <= excess[:, 0]) | np.isnan(khat)
    return np.where(bad, np.inf, khat), np.where(bad, np.nan, -found / mean)
