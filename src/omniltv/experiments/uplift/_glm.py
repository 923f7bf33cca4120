"""Generalised linear models with Normal priors: the mode of the posterior and its curvature."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from scipy.special import expit, logit

from omniltv._arrays import Matrix, Vector

__all__ = ["FAMILIES", "FamilyName", "GlmFamily", "Mode", "mode_of"]

type FamilyName = Literal["logistic", "log", "linear"]

_STEPS = 60
_HALVINGS = 12
_CLOSE = 1e-8
_STEEPEST = 30.0
_LEAST = 1e-6


@dataclass(frozen=True)
class GlmFamily:
    """A family with its canonical link.

    Attributes:
        mean: Mean given the linear predictor.
        link: Linear predictor given the mean, kept away from infinity.
        variance: Variance given the mean, apart from the dispersion.
        log_likelihood: Log-likelihood given the linear predictor and the outcome, apart from
            the dispersion and a constant.
    """

    mean: Callable[[Vector], Vector]
    link: Callable[[Vector], Vector]
    variance: Callable[[Vector], Vector]
    log_likelihood: Callable[[Vector, Vector], Vector]


FAMILIES: Mapping[FamilyName, GlmFamily] = {
    "logistic": GlmFamily(
        expit,
        lambda m: logit(np.clip(m, _LEAST, 1.0 - _LEAST)),
        lambda m: m * (1.0 - m),
        lambda e, y: y * e - np.logaddexp(0.0, e),
    ),
    "log": GlmFamily(
        lambda e: np.exp(np.minimum(e, _STEEPEST)),
        lambda m: np.log(np.maximum(m, _LEAST)),
        lambda m: m,
        lambda e, y: y * e - np.exp(np.minimum(e, _STEEPEST)),
    ),
    "linear": GlmFamily(lambda e: e, lambda m: m, np.ones_like, lambda e, y: -0.5 * (y - e) ** 2),
}


class Mode(NamedTuple):
    """The posterior near its mode.

    Attributes:
        at: Coefficients, of shape (n_columns,).
        curvature: Negative second derivative of the log posterior, (n_columns, n_columns).
        log_posterior: Log-likelihood plus the exponent of the prior.
    """

    at: Vector
    curvature: Matrix
    log_posterior: float

    def log_evidence(self, precision: Vector) -> float:
        """Return the log marginal likelihood by Laplace's approximation, apart from a constant."""
        _, log_det = np.linalg.slogdet(self.curvature)
        return float(self.log_posterior + 0.5 * np.log(precision).sum() - 0.5 * log_det)


def mode_of(
    design: Matrix,
    outcome: Vector,
    family: GlmFamily,
    *,
    precision: Vector,
    dispersion: float,
    start: Vector,
) -> Mode:
    """Return the mode of the posterior by Newton steps that are halved until they climb.

    Args:
        design: Of shape (n, n_columns).
        outcome: Of shape (n,).
        family: The family.
        precision: Prior precision of the coefficients around 0, of shape (n_columns,).
        dispersion: Variance of an outcome over that of the family.
        start: Where to start, of shape (n_columns,).
    """

    def log_posterior(at: Vector) -> float:
        fit = family.log_likelihood(design @ at, outcome).sum() / dispersion
        return float(fit - 0.5 * (precision * at**2).sum())

    at, height = start, log_posterior(start)
    curvature = _curvature(design, family, at, precision, dispersion)
    for _ in range(_STEPS):
        residual = outcome - family.mean(design @ at)
        slope = design.T @ residual / dispersion - precision * at
        step = np.linalg.solve(curvature, slope)
        at, climbed = _climbed(log_posterior, at, step, height)
        done = climbed - height < _CLOSE
        height = max(climbed, height)
        curvature = _curvature(design, family, at, precision, dispersion)
        if done:
            break
    return Mode(at, curvature, height)


def _curvature(
    design: Matrix, family: GlmFamily, at: Vector, precision: Vector, dispersion: float
) -> Matrix:
    weight = family.variance(family.mean(design @ at)) / dispersion
    return (design * weight[:, None]).T @ design + np.diag(precision)


def _climbed(
    height_of: Callable[[Vector], float], at: Vector, step: Vector, height: float
) -> tuple[Vector, float]:
    """Return the first of halved steps that does not go down, and its height."""
    for k in range(_HALVINGS):
        tried = at + 0.5**k * step
        found = height_of(tried)
        if found >= height:
            return tried, found
    return at, height
