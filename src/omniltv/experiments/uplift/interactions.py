"""A Bayesian regression in which every covariate interacts with the treatment."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from omniltv._arrays import Matrix, Vector
from omniltv._options import Positive, Seed, checked
from omniltv.experiments.uplift._glm import FAMILIES, FamilyName, GlmFamily, Mode, mode_of
from omniltv.experiments.uplift.protocol import EffectPrediction, UpliftSample

__all__ = ["FittedInteractions", "Interactions"]

_MAIN_SD = 3.0  # slopes of standardised covariates
_EFFECT_SD = 1.0  # mean effect
_RISK_SD = 1.0  # product with the standardised risk
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

    An S-learner (Künzel et al. 2019, PNAS 116(10), 4156-4165) with a posterior. The treatment
    multiplies each covariate, and the expected outcome without products (the risk; Kent et al.
    2020, Annals of Internal Medicine 172(1), 35-45, on why effects depend on it). The slopes of
    the products with covariates are Normal around 0 with a standard deviation that is common to
    all of them and has a half-Normal prior. It is integrated out over a grid, with Laplace's
    approximation of the posterior at each point. With little evidence for heterogeneity, effects
    shrink to a function of the risk.

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
        problem = _Problem(FAMILIES[family], sample.outcome / unit)
        side = sample.treated - sample.treated.mean()
        known = _Coordinates.of(sample.covariates)
        main = _main_design(known.standard(sample.covariates), side)
        risk = problem.mode(main, _precision(known.size), start=problem.start(main.shape[1]))
        known = known.along(risk.at[2:], sample.covariates)
        problem = problem.dispersed(main @ risk.at, fixed=family == "logistic")
        design = known.design(sample.covariates, side)
        widths = self.spread * np.geomspace(_NARROWEST, _WIDEST, _NODES)
        modes = problem.modes(design, [_precision(known.size, width) for width in widths], risk.at)
        weight = _weights(modes, widths, self.spread, known.size)
        kept = np.flatnonzero(weight > _LIGHT)
        return FittedInteractions(
            family=family,
            unit=unit,
            coordinates=known,
            share=float(sample.treated.mean()),
            coefficients=np.stack([modes[k].at for k in kept]),
            covariance=np.stack([np.linalg.inv(modes[k].curvature) for k in kept]),
            weight=weight[kept] / weight[kept].sum(),
        )


@dataclass(frozen=True, eq=False)
class _Coordinates:
    """Standardised covariates, and the risk as a function of them.

    Attributes:
        centre: Mean of the covariates, of shape (n_columns,).
        scale: Their standard deviation, 1 if they are constant.
        slope: Slopes of the risk, of shape (n_columns,), scaled to a standard deviation of 1.
    """

    centre: Vector
    scale: Vector
    slope: Vector

    @classmethod
    def of(cls, covariates: Matrix) -> "_Coordinates":
        sd = covariates.std(axis=0)
        return cls(covariates.mean(axis=0), np.where(sd > 0, sd, 1.0), np.zeros(len(sd)))

    def along(self, slope: Vector, covariates: Matrix) -> "_Coordinates":
        """Return the coordinates with the slopes of the risk."""
        sd = float((self.standard(covariates) @ slope).std())
        return replace(self, slope=slope / sd if sd > 0 else np.zeros(len(slope)))

    @property
    def size(self) -> int:
        """Number of covariates."""
        return len(self.centre)

    def standard(self, covariates: Matrix) -> Matrix:
        """Return standardised covariates."""
        return (covariates - self.centre) / self.scale

    def design(self, covariates: Matrix, side: Vector) -> Matrix:
        """Return intercept, treatment, covariates, and the products with risk and covariates."""
        z = self.standard(covariates)
        products = np.column_stack([z @ self.slope, z]) * side[:, None]
        return np.column_stack([_main_design(z, side), products])


@checked
@dataclass(frozen=True, eq=False)
class FittedInteractions:
    """The posterior of `Interactions`: a mixture of Normals; created by its ``fit``.

    Attributes:
        family: Family of the outcome.
        unit: What the outcome was divided by.
        coordinates: How covariates are standardised.
        share: Share of the treated.
        coefficients: Means of the mixture, of shape (n_parts, 3 + 2 n_columns): intercept,
            treatment, covariates, product with the risk, products with covariates.
        covariance: Covariances, of shape (n_parts, 3 + 2 n_columns, 3 + 2 n_columns).
        weight: Weights of the parts, adding up to 1.

    Examples:
        >>> treated = np.arange(400) % 2 == 0
        >>> sample = UpliftSample(np.zeros((400, 1)), treated, 3.0 * treated, np.full(400, 0.5))
        >>> Interactions().fit(sample).family
        'log'
    """

    family: FamilyName
    unit: float
    coordinates: _Coordinates
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
        n = len(covariates)
        one, other = (
            self.coordinates.design(covariates, np.full(n, side))
            for side in (1.0 - self.share, -self.share)
        )
        family = FAMILIES[self.family]
        mean, square = np.zeros(n), np.zeros(n)
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
class _Problem:
    """An outcome and its family.

    Attributes:
        family: The family.
        outcome: Outcomes in their unit, of shape (n,).
        dispersion: Variance of an outcome over that of the family.
    """

    family: GlmFamily
    outcome: Vector
    dispersion: float = 1.0

    def start(self, size: int) -> Vector:
        """Return coefficients that give everybody the mean outcome."""
        mean, at = self.outcome.mean(), np.zeros(size)
        at[0] = self.family.link(np.asarray(mean))
        return at

    def dispersed(self, predictor: Vector, *, fixed: bool) -> "_Problem":
        """Return the problem with the dispersion of Pearson's residuals."""
        if fixed:
            return self
        mean = self.family.mean(predictor)
        over = (self.outcome - mean) ** 2 / np.maximum(self.family.variance(mean), 1e-12)
        return replace(self, dispersion=max(float(over.mean()), 1e-6))

    def mode(self, design: Matrix, precision: Vector, *, start: Vector) -> Mode:
        """Return the posterior for a prior."""
        return mode_of(design, self.outcome, self.family, precision=precision,
                       dispersion=self.dispersion, start=start)  # fmt: skip

    def modes(self, design: Matrix, precisions: Sequence[Vector], start: Vector) -> list[Mode]:
        """Return the posterior for each prior, each started from the one before."""
        at = np.append(start, np.zeros(design.shape[1] - len(start)))
        found = []
        for precision in precisions:
            found.append(self.mode(design, precision, start=at))
            at = found[-1].at
        return found


def _main_design(z: Matrix, side: Vector) -> Matrix:
    return np.column_stack([np.ones(len(z)), side, z])


def _precision(n: int, width: float | None = None) -> Vector:
    """Return the prior precision without products, or with products of a standard deviation."""
    main = [[_INTERCEPT_SD, _EFFECT_SD], np.full(n, _MAIN_SD)]
    products = [] if width is None else [[_RISK_SD], np.full(n, width)]
    return np.concatenate([*main, *products]) ** -2.0


def _weights(modes: Sequence[Mode], widths: Vector, spread: float, n: int) -> Vector:
    """Return the posterior weight of each standard deviation of the slopes."""
    log_weight = np.array([
        mode.log_evidence(_precision(n, width)) - 0.5 * (width / spread) ** 2 + np.log(width)
        for mode, width in zip(modes, widths, strict=True)
    ])  # fmt: skip
    weight = np.exp(log_weight - log_weight.max())
    return np.asarray(weight / weight.sum())


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
