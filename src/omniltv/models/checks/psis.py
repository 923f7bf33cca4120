"""Pareto-smoothed leave-one-out predictive densities of many states at once.

Vehtari, Simpson, Gelman, Yao and Gabry (2024), Pareto Smoothed Importance Sampling, JMLR 25(72),
and Zhang and Stephens (2009), A New and Efficient Estimation Method for the Generalized Pareto
Distribution, Technometrics 51(3), with the constants of both papers. ArviZ computes the same
state by state, in far more time.
"""

import numpy as np

from omniltv._arrays import Floats

__all__ = ["leave_one_out"]

_PRIOR_DRAWS, _PRIOR_SHAPE = 10, 0.5  # of the shape of the tail
_SCALE = 3  # of the prior of the reciprocal scale, in first quartiles
_CANDIDATES = 30
_NEGLIGIBLE = 10 * np.finfo(float).eps
_MANY = 225  # effective draws from which the tail grows with their square root


def leave_one_out(loglik: Floats, relative: float) -> Floats:
    """Return elpd, k-hat and the effective number of parameters, of shape (3, n_states).

    The weight of a draw is the reciprocal of its likelihood, and the largest weights are replaced
    by quantiles of a generalised Pareto distribution.

    Args:
        loglik: Draws of the log-likelihood, of shape (n_states, n_draws); not constant.
        relative: Effective draws over draws.

    Examples:
        >>> draws = np.random.default_rng(1).normal(-1.0, 0.1, (3, 400))
        >>> elpd, khat, effective = leave_one_out(draws, 1.0)
        >>> elpd.round(1).tolist(), bool((khat < 0.7).all())
        ([-1.0, -1.0, -1.0], True)
    """
    ordered = np.sort(loglik, axis=1)  # the largest weights first
    n = ordered.shape[1]
    size = int(3 * np.sqrt(n / relative) if n * relative > _MANY else n / 5)
    lowest, highest = ordered[:, :1], ordered[:, -1:]
    tail = (lowest - ordered[:, :size])[:, ::-1]  # ascending log weights, the last one 0
    smooth, khat = _smoothed(tail, lowest[:, 0] - ordered[:, size])
    whole = np.exp(smooth).sum(axis=1) + np.exp(lowest - ordered[:, size:]).sum(axis=1)
    of_tail = np.exp(smooth + ordered[:, size - 1 :: -1] - lowest).sum(axis=1)
    elpd = lowest[:, 0] + np.log(n - size + of_tail) - np.log(whole)
    plain = highest[:, 0] + np.log(np.exp(ordered - highest).mean(axis=1))
    return np.stack([elpd, khat, plain - elpd])


def _smoothed(tail: Floats, cutoff: Floats) -> tuple[Floats, Floats]:
    """Return smoothed log weights of tails, of shape (n_states, size), and k-hat.

    Args:
        tail: Log weights of the tails, ascending, the last one 0, of shape (n_states, size).
        cutoff: Largest log weight below each tail, of shape (n_states,).
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
    """Return shape and scale of generalised Pareto distributions, of shape (n_states,) each.

    The posterior mean of the reciprocal scale is an average over candidates. The shape is drawn
    towards 0.5. NaN if the first quartile is not above the minimum.

    Args:
        excess: Ascending values above the cutoff, of shape (n_states, n).
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
    flat = first <= excess[:, 0]
    return np.where(flat, np.nan, khat), np.where(flat, np.nan, -found / mean)
