"""A Bayesian regression in which every covariate interacts with the treatment."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from omniltv._arrays import Matrix, Vector
from omniltv._options import Positive, Seed, checked, checked_init
from omniltv.experiments.uplift._glm import FAMILIES, FamilyName, Mode, mode_of
from omniltv.experiments.uplift.protocol import EffectPrediction, UpliftSample

__all__ = ["FittedInteractions", "Interactions"]

_MAIN_SD = 3.0  # slopes of standardised covariates
_EFFECT_SD = 1.0  # mean effect
_INTERCEPT_SD = 1e3
_NODES = 9
_WIDEST, _NARROWEST = 5.0, 0.025  # of the prior scale
_LIGHT = 1e-3  # weight below which a node is left out
_BLOCK = 50_000

type FamilyOption = Literal["auto", "logistic", "log", "linear"]


@checked
@dataclass(frozen=True)
class Interactions:
    """One regression of the outcome on covariates, the treatment and their products.

    An S-learner (Künzel et al. 2019, PNAS 116(10), 4156-4165) with a posterior. The slopes of the
    products are Normal around 0 with a standard deviation that is common to all of them and has
    a half-Normal prior. It is integrated out over a grid, with Laplace's approximation of the
    posterior at each point. With little evidence for heterogeneity, effects shrink to what the
    mean effect implies for each customer.

    The family "auto" is logistic if outcomes are 0 or 1, else "log" if none is negative (a
    quasi-Poisson regression: effects multiply the outcome), else linear. The dispersion of the
    last two is estimated.

    Attributes:
        family: Distribution of the outcome.
        spread: Scale of the prior of the standard deviation of slopes, per standard deviation of
            a covariate: log odds, logarithm of the outcome, or standard deviations of the
            outcome.
        name: Name that results show.

    Examples:
        >>> rng = np.random.default_rng(1)
        >>> x, treated = rng.normal(size=(2000, 1)), rng.random(2000) < 0.5
        >>> sample = UpliftSample(x, treated, x[:, 0] * treated + rng.normal(size=2000),
        ...                       np.full(2000, 0.5))
        >>> found = Interactions().fit(sample).predict(np.array([[-1.0], [1.0]]))
        >>> bool(found.effect[0] < 0 < found.effect[1]), bool(found.sd.max() < 0.2)
        (True, True)
    """

    family: FamilyOption = "auto"
    spread: Positive = 0.2
    name: str = "interactions"

    def fit(self, sample: UpliftSample, *, seed: Seed = 0) -> "FittedInteractions":
        """Return the posterior; the seed changes nothing.

        Examples:
            >>> treated = np.arange(400) % 2 == 0
            >>> sample = UpliftSample(np.zeros((400, 1)), treated, 3.0 * treated,
            ...                       np.full(400, 0.5))
            >>> found = Interactions("linear").fit(sample).predict(np.zeros((1, 1)))
            >>> found.effect.round(2).tolist()
            [3.0]
        """
        del seed  # nothing is drawn
        family = _family(self.family, sample.outcome)
        unit = _unit(family, sample.outcome)
        space = _Space.of(sample, family)
        outcome = sample.outcome / unit
        widths = self.spread * np.geomspace(_NARROWEST, _WIDEST, _NODES)
        modes, weight = space.posterior(outcome, family, widths, self.spread)
        kept = np.flatnonzero(weight > _LIGHT)
        return FittedInteractions(
            family=family,
            unit=unit,
            centre=space.centre,
            scale=space.scale,
            share=space.share,
            coefficients=np.stack([modes[k].at for k in kept]),
            covariance=np.stack([np.linalg.inv(modes[k].curvature) for k in kept]),
            weight=weight[kept] / weight[kept].sum(),
        )


@checked_init
@dataclass(frozen=True, eq=False)
class FittedInteractions:
    """The posterior of `Interactions`: a mixture of Normals; created by its ``fit``.

    Attributes:
        family: Family of the outcome.
        unit: What the outcome was divided by.
        centre: Mean of the covariates, of shape (n_columns,).
        scale: Their standard deviation.
        share: Share of the treated.
        coefficients: Means of the mixture, of shape (n_parts, 2 + 2 n_columns): intercept,
            treatment, covariates, products.
        covariance: Covariances, of shape (n_parts, 2 + 2 n_columns, 2 + 2 n_columns).
        weight: Weights of the parts, adding up to 1.

    Examples:
        >>> treated = np.arange(400) % 2 == 0
        >>> sample = UpliftSample(np.zeros((400, 1)), treated, 3.0 * treated, np.full(400, 0.5))
        >>> Interactions().fit(sample).family
        'log'
    """

    family: FamilyName
    unit: float
    centre: Vector
    scale: Vector
    share: float
    coefficients: Matrix
    covariance: Matrix
    weight: Vector

    def predict(self, covariates: Matrix) -> EffectPrediction:
        """Return the posterior mean and standard deviation of effects (delta method).

        Args:
            covariates: Of shape (n_customers, n_columns).

        Examples:
            >>> treated = np.arange(400) % 2 == 0
            >>> sample = UpliftSample(np.zeros((400, 1)), treated, 3.0 + treated,
            ...                       np.full(400, 0.5))
            >>> Interactions().fit(sample).predict(np.zeros((1, 1))).effect.round(2).tolist()
            [1.0]
        """
        blocks = [
            self._block(covariates[first : first + _BLOCK])
            for first in range(0, max(len(covariates), 1), _BLOCK)
        ]
        mean, sd = (np.concatenate(part) for part in zip(*blocks, strict=True))
        return EffectPrediction(self.unit * mean, self.unit * sd)

    def _block(self, covariates: Matrix) -> tuple[Vector, Vector]:
        z = (covariates - self.centre) / self.scale
        one, other = (_design(z, np.full(len(z), c)) for c in (1.0 - self.share, -self.share))
        family = FAMILIES[self.family]
        mean, square = np.zeros(len(z)), np.zeros(len(z))
        for weight, at, covariance in zip(
            self.weight, self.coefficients, self.covariance, strict=True
        ):
            with_it, without = family.mean(one @ at), family.mean(other @ at)
            slope = family.variance(with_it)[:, None] * one
            slope -= family.variance(without)[:, None] * other
            effect = with_it - without
            mean += weight * effect
            square += weight * (effect**2 + ((slope @ covariance) * slope).sum(axis=1))
        return mean, np.sqrt(np.maximum(square - mean**2, 0.0))


@dataclass(frozen=True, eq=False)
class _Space:
    """The design matrix of a sample, and where to start.

    Attributes:
        design: Of shape (n, 2 + 2 n_columns).
        centre: Mean of the covariates.
        scale: Their standard deviation, 1 if they are constant.
        share: Share of the treated.
    """

    design: Matrix
    centre: Vector
    scale: Vector
    share: float

    @classmethod
    def of(cls, sample: UpliftSample, family: FamilyName) -> "_Space":
        x = sample.covariates
        centre, sd = x.mean(axis=0), x.std(axis=0)
        scale = np.where(sd > 0, sd, 1.0)
        share = float(sample.treated.mean())
        del family
        return cls(_design((x - centre) / scale, sample.treated - share), centre, scale, share)

    def posterior(
        self, outcome: Vector, family: FamilyName, widths: Vector, spread: float
    ) -> tuple[list[Mode], Vector]:
        """Return the mode for each standard deviation of the slopes, and its weight."""
        own, n = FAMILIES[family], len(self.centre)
        start = _start(outcome, family, self.design.shape[1])
        first = mode_of(self.design, outcome, own, precision=_precision(n, widths[-1]),
                        dispersion=1.0, start=start)  # fmt: skip
        mean = own.mean(self.design @ first.at)
        over = ((outcome - mean) ** 2 / np.maximum(own.variance(mean), 1e-12)).mean()
        dispersion = 1.0 if family == "logistic" else max(float(over), 1e-6)
        modes, at = [], first.at
        for width in widths:
            modes.append(
                mode_of(self.design, outcome, own, precision=_precision(n, width),
                        dispersion=dispersion, start=at)
            )  # fmt: skip
            at = modes[-1].at
        log_weight = np.array([
            mode.log_evidence(_precision(n, width)) - 0.5 * (width / spread) ** 2 + np.log(width)
            for mode, width in zip(modes, widths, strict=True)
        ])  # fmt: skip
        weight = np.exp(log_weight - log_weight.max())
        return modes, weight / weight.sum()


def _design(z: Matrix, side: Vector) -> Matrix:
    """Return intercept, treatment, covariates and their products with the treatment."""
    return np.column_stack([np.ones(len(z)), side, z, z * side[:, None]])


def _precision(n: int, width: float) -> Vector:
    sds = [[_INTERCEPT_SD, _EFFECT_SD], np.full(n, _MAIN_SD), np.full(n, width)]
    return np.concatenate(sds) ** -2.0


def _family(option: FamilyOption, outcome: Vector) -> FamilyName:
    if option != "auto":
        return option
    if np.isin(outcome, (0.0, 1.0)).all():
        return "logistic"
    return "log" if (outcome >= 0).all() else "linear"


def _unit(family: FamilyName, outcome: Vector) -> float:
    """Return what the outcome is divided by: its mean or its standard deviation."""
    if family == "logistic":
        return 1.0
    unit = float(outcome.mean() if family == "log" else outcome.std())
    return unit if unit > 0 else 1.0


def _start(outcome: Vector, family: FamilyName, size: int) -> Vector:
    at = np.zeros(size)
    mean = float(outcome.mean())
    if family == "logistic":
        inside = min(max(mean, 1e-6), 1.0 - 1e-6)
        at[0] = np.log(inside / (1.0 - inside))
    if family == "linear":
        at[0] = mean
    return at
