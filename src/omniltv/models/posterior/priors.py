"""Priors that replace the default priors of a model.

Names and arguments are those of PyMC. The prior of a coordinate is on the scale of the
coordinate, in the units of time and money of the history: ``Normal(mu=-3, sigma=1)`` for
``log_rate`` means that the log of the purchases per day (or week) is around -3.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from omniltv._arrays import Vector
from omniltv._options import Finite, Positive, checked_init
from omniltv.errors import ConfigError

__all__ = ["Exponential", "Flat", "HalfNormal", "LogNormal", "Normal", "Prior", "StudentT"]


@runtime_checkable
class Prior(Protocol):
    """The density of one number: its logarithm, its score and its draws.

    Examples:
        >>> isinstance(Normal(mu=0.0, sigma=1.0), Prior)
        True
    """

    def logp(self, value: Vector) -> Vector:
        """Return the log density of each value, up to a constant."""
        ...

    def score(self, value: Vector) -> Vector:
        """Return the derivative of the log density at each value."""
        ...

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Vector:
        """Return draws; an error if the prior is improper."""
        ...


@dataclass(frozen=True, slots=True)
class Flat:
    """A flat prior: the mode of the posterior is then the maximum of the likelihood.

    Examples:
        >>> Flat().score(np.array([3.0]))
        array([0.])
    """

    def logp(self, value: Vector) -> Vector:
        """Return 0."""
        return np.zeros_like(value)

    def score(self, value: Vector) -> Vector:
        """Return 0."""
        return np.zeros_like(value)

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Vector:  # noqa: ARG002 - as the other priors
        """Raise an error: a flat prior has no draws.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError("a flat prior has no draws. Hint: Normal(mu, sigma)")


@checked_init
@dataclass(frozen=True, slots=True)
class Normal:
    """A normal distribution.

    Examples:
        >>> Normal(mu=1.0, sigma=2.0).score(np.array([5.0]))
        array([-1.])
    """

    mu: Finite
    sigma: Positive

    def logp(self, value: Vector) -> Vector:
        """Return the log density up to a constant."""
        return -0.5 * ((value - self.mu) / self.sigma) ** 2

    def score(self, value: Vector) -> Vector:
        """Return the derivative of the log density."""
        return (self.mu - value) / self.sigma**2

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Vector:
        """Return draws."""
        return rng.normal(self.mu, self.sigma, size)


@checked_init
@dataclass(frozen=True, slots=True)
class StudentT:
    """Student's t distribution: like the normal distribution, with heavier tails.

    Examples:
        >>> StudentT(nu=4, mu=0.0, sigma=1.0).score(np.array([0.0, 2.0]))
        array([-0.  , -1.25])
    """

    nu: Positive
    mu: Finite
    sigma: Positive

    def logp(self, value: Vector) -> Vector:
        """Return the log density up to a constant."""
        z = (value - self.mu) / self.sigma
        return -0.5 * (self.nu + 1) * np.log1p(z**2 / self.nu)

    def score(self, value: Vector) -> Vector:
        """Return the derivative of the log density."""
        z = (value - self.mu) / self.sigma
        return -(self.nu + 1) * z / (self.nu + z**2) / self.sigma

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Vector:
        """Return draws."""
        return self.mu + self.sigma * rng.standard_t(self.nu, size)


@checked_init
@dataclass(frozen=True, slots=True)
class LogNormal:
    """A log-normal distribution, for standard deviations between groups.

    Examples:
        >>> LogNormal(mu=0.0, sigma=0.5).logp(np.array([1.0]))
        array([-0.])
    """

    mu: Finite
    sigma: Positive

    def logp(self, value: Vector) -> Vector:
        """Return the log density up to a constant; value > 0."""
        log_value = np.log(value)
        return -0.5 * ((log_value - self.mu) / self.sigma) ** 2 - log_value

    def score(self, value: Vector) -> Vector:
        """Return the derivative of the log density."""
        return -((np.log(value) - self.mu) / self.sigma**2 + 1) / value

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Vector:
        """Return draws."""
        return rng.lognormal(self.mu, self.sigma, size)


@checked_init
@dataclass(frozen=True, slots=True)
class HalfNormal:
    """A half-normal distribution, for standard deviations between groups.

    Examples:
        >>> HalfNormal(sigma=2.0).score(np.array([4.0]))
        array([-1.])
    """

    sigma: Positive

    def logp(self, value: Vector) -> Vector:
        """Return the log density up to a constant; value > 0."""
        return -0.5 * (value / self.sigma) ** 2

    def score(self, value: Vector) -> Vector:
        """Return the derivative of the log density."""
        return -value / self.sigma**2

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Vector:
        """Return draws."""
        return np.abs(rng.normal(0, self.sigma, size))


@checked_init
@dataclass(frozen=True, slots=True)
class Exponential:
    """An exponential distribution, for standard deviations between groups.

    Examples:
        >>> Exponential(lam=2.0).score(np.array([1.0]))
        array([-2.])
    """

    lam: Positive

    def logp(self, value: Vector) -> Vector:
        """Return the log density up to a constant; value > 0."""
        return -self.lam * value

    def score(self, value: Vector) -> Vector:
        """Return the derivative of the log density."""
        return np.full_like(value, -self.lam)

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Vector:
        """Return draws."""
        return rng.exponential(1 / self.lam, size)
