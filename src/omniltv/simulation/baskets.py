"""Values of purchases: how they differ between and within people."""

from math import log1p, sqrt
from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from scipy import special

from omniltv._arrays import Vector
from omniltv._config import Written
from omniltv._options import checked
from omniltv.simulation._limits import AboveZero
from omniltv.simulation._scales import normal, standardised
from omniltv.simulation.processes.protocol import Uniforms

__all__ = ["Baskets"]

type _Correlation = Annotated[float, Field(gt=-1, lt=1)]


@checked
class Baskets(Written):
    """Values of purchases, before treatments.

    Attributes:
        kind: ``"gamma"`` is the gamma-gamma model. ``"heavy"`` is log-normal between and within
            people: the largest purchases are far larger.
        mean: Mean value of a purchase over people, in money.
        between: Standard deviation of a person's mean, as a share of the mean.
        within: Standard deviation of a purchase given the person, as a share of its mean.
        with_rate: Correlation, on normal scales, of a person's mean and purchase rate; needs
            ``"heavy"``, as gamma-gamma assumes independence.

    Examples:
        >>> heavy = Baskets(kind="heavy", within=1.0)
        >>> heavy.noise(np.array([0.5, 0.999])).round(2).tolist()
        [0.71, 9.26]
    """

    kind: Literal["gamma", "heavy"] = "gamma"
    mean: AboveZero = 5000.0
    between: Annotated[float, Field(gt=0, lt=5)] = 0.6
    within: AboveZero = 0.5
    with_rate: _Correlation = 0.0

    def means(self, uniform: Uniforms, rate: Vector) -> Vector:
        """Return the mean value of each person's purchases, of shape (n_people,)."""
        own = uniform("basket")
        if self.kind == "gamma":
            q = 2 + 1 / self.between**2  # an inverse gamma with this coefficient of variation
            inverse: Vector = self.mean * (q - 1) / special.gammainccinv(q, own)
            return inverse
        z_rate = standardised(np.log(rate))
        mixed = self.with_rate * z_rate + sqrt(1 - self.with_rate**2) * normal(own)
        sd = sqrt(log1p(self.between**2))
        return self.mean * np.exp(sd * mixed - sd**2 / 2)

    def noise(self, uniform: Vector) -> Vector:
        """Return the value of purchases relative to the person's mean; the mean is 1."""
        if self.kind == "gamma":
            p = 1 / self.within**2
            drawn: Vector = special.gammaincinv(p, uniform) / p
            return drawn
        sd = sqrt(log1p(self.within**2))
        return np.exp(sd * normal(uniform) - sd**2 / 2)
