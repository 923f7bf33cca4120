"""What is believed of the weekly effects of a treatment before anything is measured."""

from dataclasses import dataclass, replace
from typing import Annotated, Self

import numpy as np
from annotated_types import Interval

from omniltv._arrays import Vector
from omniltv._options import Positive, Share, checked
from omniltv.errors import ConfigError, DataError
from omniltv.experiments.learning.register import Register

__all__ = ["DecayPrior"]

type Scale = Annotated[float, Interval(gt=0, le=3)]
"""A standard deviation of relative effects."""

_ROUNDS = 200
_FLAT = (1 / 3, 1 / 3, 1 / 3)


@checked
@dataclass(frozen=True)
class DecayPrior:
    """Zero-mean Gaussian priors of effects on logarithms, and what their scales may be.

    The defaults are round numbers: an effect of a treatment is small (3 %), medium (10 %) or
    large (30 %), each with the same probability; it fades within a week to two months; and it
    changes the hazard of leaving by up to 60 % (twice 30 %). Two treatments that replace each
    other have an interaction of the size of an effect, so this is its size, give or take a factor
    of two. Groups differ by half of an effect, give or take a factor of two. `from_register`
    learns the probabilities of the scales from earlier measurements.

    Attributes:
        scales: Standard deviations that an effect on the logarithm of orders may have.
        level: Probability of each scale for the part that lasts as long as the treatment.
        novelty: Probability of each scale for the part that fades after the start, and for
            the part that fades after the end.
        fading: Weeks in which that part falls by a factor of e; each has the same probability.
        memory: Weeks after which its deviations from this decline are forgotten. They let it
            change sign, as it does when purchases are brought forward.
        dropout: Standard deviation of the relative effect on the hazard of leaving.
        spend: Standard deviation of the effect on the logarithm of value per order.
        interaction: Size of the interaction of two treatments relative to that of a treatment's
            effect; each has the same probability.
        group: Size of the difference between a group and the other customers, relative to the
            same. The first size goes with the first of ``interaction``, and so on.
        week: Standard deviation of deviations of single weeks.
        drift: Relative difference between the forecast and the realised value of a cohort, as
            far as earlier cohorts do not show it.

    Raises:
        ConfigError: If probabilities are not one for each scale, or do not add up to 1, or
            ``interaction`` and ``group`` have other lengths.

    Examples:
        >>> DecayPrior().scales
        (0.03, 0.1, 0.3)
    """

    scales: tuple[Scale, ...] = (0.03, 0.1, 0.3)
    level: tuple[Share, ...] = _FLAT
    novelty: tuple[Share, ...] = _FLAT
    fading: tuple[Positive, ...] = (1.0, 2.0, 4.0, 8.0)
    memory: Positive = 4.0
    dropout: Scale = 0.3
    spend: Scale = 0.1
    interaction: tuple[Scale, ...] = (0.5, 1.0, 2.0)
    group: tuple[Scale, ...] = (0.25, 0.5, 1.0)
    week: Scale = 0.02
    drift: Scale = 0.1

    def __post_init__(self) -> None:
        for name in ("level", "novelty"):
            given: tuple[float, ...] = getattr(self, name)
            if len(given) != len(self.scales) or not np.isclose(sum(given), 1.0):
                hint = f"{name}=(0.4, 0.4, 0.2) for three scales"
                raise ConfigError(f"{name} has a probability for each scale. Hint: {hint}")
        if not len(self.interaction) == len(self.group) > 0:
            hint = "interaction=(1.0,), group=(0.5,)"
            raise ConfigError(f"interaction and group have other lengths. Hint: {hint}")

    @classmethod
    def from_register(cls, register: Register) -> Self:
        """Return the prior with the probabilities of the scales learnt from measurements.

        A measured relative effect is Gaussian around zero with the variance of its scale plus
        that of its error. The probabilities are the mode under a Dirichlet(2, ..., 2) prior, by
        expectation-maximisation (Dempster, Laird and Rubin 1977). Measurements of a window
        contain level and novelty, so both get the same probabilities.

        Args:
            register: Earlier measurements.

        Raises:
            DataError: If the register is empty.

        Examples:
            >>> import pandas as pd
            >>> rows = pd.DataFrame({
            ...     "measurement": [f"m{k}" for k in range(20)], "treatment": "mail",
            ...     "tier": "all", "channel": "ec", "estimate": [2.0, -2.0] * 10,
            ...     "standard_error": 1.0, "control_mean": 100.0})
            >>> learnt = DecayPrior.from_register(Register.read(rows))
            >>> learnt.level[0] > 0.8  # effects of 2 % are small
            True
        """
        if register.rows.empty:
            raise DataError("an empty register", column="measurement", hint="register.add(lift)")
        base = register.rows["control_mean"].to_numpy(dtype=np.float64)
        effect = register.rows["estimate"].to_numpy(dtype=np.float64) / base
        error = register.rows["standard_error"].to_numpy(dtype=np.float64) / base
        plain = cls()
        shares = tuple(map(float, _shares(effect, error, np.array(plain.scales))))
        return replace(plain, level=shares, novelty=shares)


def _shares(effect: Vector, error: Vector, scales: Vector) -> Vector:
    """Return the probabilities of the scales of a mixture of Gaussians around zero."""
    variance = scales**2 + error[:, None] ** 2
    log_density = -0.5 * (effect[:, None] ** 2 / variance + np.log(variance))
    density = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    shares = np.full(len(scales), 1 / len(scales))
    for _ in range(_ROUNDS):
        belongs = density * shares
        counts = 1.0 + (belongs / belongs.sum(axis=1, keepdims=True)).sum(axis=0)
        shares = counts / counts.sum()
    return shares
