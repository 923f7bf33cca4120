"""The deviations of each customer: by channel, and by hour; normal, with normal posteriors.

The posterior of a customer is approximated by the normal distribution that is closest in
Kullback-Leibler divergence (Gaussian variational approximation; Ormerod and Wand 2012,
Gaussian Variational Approximate Inference for Generalized Linear Mixed Models, JCGS 21).
Expectations of the logistic function are computed by Gauss-Hermite quadrature.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from omniltv._arrays import Codes, Floats, Matrix, Vector

__all__ = ["Directions", "Personal", "expected_logistic"]

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(7)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
_LONGEST = 2.0  # step of a log odds


@dataclass(frozen=True, eq=False)
class Directions:
    """To whom each contact belongs, and its direction; arrays of shape (n_contacts,).

    Attributes:
        customer: Position of the customer.
        channel: Position of the channel.
        waves: Cosine and sine of the hour, of shape (2, n_contacts).
        channels: Number of channels.
    """

    customer: Codes
    channel: Codes
    waves: Matrix
    channels: int

    @classmethod
    def of(cls, customer: Codes, channel: Codes, hour: Vector, channels: int) -> "Directions":
        """Return the rows of contacts at some hours."""
        angle = hour * (np.pi / 12)
        return cls(customer, channel, np.stack([np.cos(angle), np.sin(angle)]), channels)

    def score(self, values: Vector, customers: int) -> Matrix:
        """Return sums of values times directions, of shape (n_customers, n_channels + 2)."""
        cell = self.customer * self.channels + self.channel
        by_channel = np.bincount(cell, values, customers * self.channels)
        by_wave = [np.bincount(self.customer, values * wave, customers) for wave in self.waves]
        return np.column_stack([by_channel.reshape(customers, self.channels), *by_wave])

    def information(self, weights: Vector, customers: int) -> Floats:
        """Return sums of weighted products of directions, of shape (n_customers, q, q)."""
        c = self.channels
        found = np.zeros((customers, c + 2, c + 2))
        found[:, range(c), range(c)] = self.score(weights, customers)[:, :c]
        for k, wave in enumerate(self.waves):
            crossed = self.score(weights * wave, customers)
            found[:, :c, c + k] = found[:, c + k, :c] = crossed[:, :c]
            found[:, c:, c + k] = crossed[:, c:]
        return found


@dataclass(frozen=True, eq=False)
class Personal:
    """Normal posteriors of the deviations of customers.

    Attributes:
        mean: Of shape (n_customers, q), with q the number of channels and 2.
        covariance: Of shape (n_customers, q, q).
    """

    mean: Matrix
    covariance: Floats

    @classmethod
    def prior(cls, customers: int, covariance: Matrix) -> "Personal":
        """Return the deviations of customers who were never contacted."""
        q = len(covariance)
        shape = (customers, q, q)
        return cls(np.zeros((customers, q)), np.broadcast_to(covariance, shape))

    def moments(self, rows: Directions) -> tuple[Vector, Vector]:
        """Return mean and variance of the deviation of each contact, of shape (n_contacts,)."""
        who, at, c = rows.customer, rows.channel, rows.channels
        cos, sin = rows.waves
        mean = self.mean[who, at] + self.mean[who, c] * cos + self.mean[who, c + 1] * sin
        v = self.covariance
        own = v[who, at, at] + 2 * (v[who, at, c] * cos + v[who, at, c + 1] * sin)
        hour = v[who, c, c] * cos**2 + v[who, c + 1, c + 1] * sin**2
        return mean, own + hour + 2 * v[who, c, c + 1] * cos * sin

    def step(
        self, rows: Directions, shared: Vector, responded: Vector, precision: Matrix
    ) -> "Personal":
        """Return the posteriors after one step of Newton's method.

        Args:
            rows: The contacts.
            shared: Log odds of each contact without the deviation of the customer.
            responded: 1 if the customer responded, else 0.
            precision: Inverse of the covariance of deviations, of shape (q, q).
        """
        n = len(self.mean)
        mean, variance = self.moments(rows)
        chance, slope = expected_logistic(shared + mean, variance)
        covariance = np.linalg.inv(rows.information(slope, n) + precision)
        score = rows.score(responded - chance, n) - self.mean @ precision
        move = np.clip((covariance @ score[:, :, None])[:, :, 0], -_LONGEST, _LONGEST)
        return Personal(self.mean + move, covariance)


def expected_logistic(mean: Vector, variance: Vector) -> tuple[Vector, Vector]:
    """Return the expectations of the logistic function and of its slope, if log odds are normal.

    Examples:
        >>> chance, slope = expected_logistic(np.array([0.0, 2.0]), np.array([1.0, 0.0]))
        >>> chance.round(3).tolist(), slope.round(3).tolist()
        ([0.5, 0.881], [0.207, 0.105])
    """
    chance, slope = np.zeros(len(mean)), np.zeros(len(mean))
    sd = np.sqrt(np.maximum(variance, 0.0))
    for node, weight in zip(_NODES.tolist(), _WEIGHTS.tolist(), strict=True):
        one = special.expit(mean + node * sd)
        chance += weight * one
        slope += weight * one * (1 - one)
    return chance, slope
