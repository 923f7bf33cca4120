"""Surrogate index: later value as an earlier cohort's purchases of the first weeks predict it."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from omniltv._arrays import Matrix, Vector
from omniltv._options import NotNegative, Seed, checked
from omniltv.errors import ConfigError
from omniltv.experiments.long_run.gaps import gaps
from omniltv.experiments.long_run.incoming import Incoming
from omniltv.experiments.long_run.protocol import (
    ArmWeeks,
    CohortWeeks,
    LongRunDraws,
    LongRunSample,
)

__all__ = ["SurrogateIndex"]

_DRAWS = 4_000
_DRIFT = 0.1
_NOTE = (
    "the surrogate index assumes that the treatment acts on later value only through what was "
    "bought in the window"
)


@checked
@dataclass(frozen=True)
class SurrogateIndex:
    """The effect on the value beyond the window that short-run summaries predict.

    The value beyond the window is regressed on summaries of the window in earlier cohorts, and
    the arms are compared in its prediction (Athey, Chetty, Imbens and Kang 2019, "The Surrogate
    Index", NBER 26463, section 3). Summaries: orders, value and their square roots, orders in
    the second half, weeks since the last order, and the covariates that the cohorts have. The
    regression is ridge with heteroscedasticity-consistent covariance (White 1980).

    The index is unbiased only if the treatment acts on later value through these summaries
    alone. A treatment that goes on does not, so ``persistence`` makes no difference.

    Attributes:
        ridge: Penalty per customer on the squared coefficients of standardised summaries.
        name: Name that results show.

    Examples:
        >>> SurrogateIndex().ridge
        0.0001
    """

    ridge: NotNegative = 1e-4
    name: str = "surrogate index"
    handles: ClassVar[frozenset[str]] = frozenset({"cluster", "stratum"})

    def estimate(self, sample: LongRunSample, *, seed: Seed) -> LongRunDraws:
        """Return draws of the lift: what was observed, and what the index expects beyond.

        Raises:
            ConfigError: If no earlier cohort is as long as the horizon.

        Examples:
            >>> from omniltv.experiments import Persistence
            >>> from omniltv.experiments.long_run import ArmWeeks, CohortWeeks
            >>> none, same = np.empty((50, 0)), np.ones(50)
            >>> weekly = np.random.default_rng(1).poisson(0.5, (3, 50, 52)).astype(float)
            >>> ids = np.arange(50).astype(object)
            >>> mail, control = (
            ...     ArmWeeks(name, ids, own[:, :8], 9 * own[:, :8], none, same)
            ...     for name, own in zip(("mail", "control"), weekly)
            ... )
            >>> earlier = CohortWeeks("2024", weekly[2], 9 * weekly[2], none)
            >>> sample = LongRunSample(
            ...     mail, control, (earlier,), np.ones(52), np.ones(52), Persistence.none()
            ... )
            >>> SurrogateIndex().estimate(sample, seed=1).total.shape
            (4000,)
        """
        incoming = Incoming.of(sample, _DRIFT)
        index = _Index.of(sample, self.ridge)
        sides = (sample.treated, sample.control)
        known = [index.summaries(side) for side in sides]
        outcomes = [
            np.column_stack([_paid(side.value, sample), own @ index.slopes, own])
            for side, own in zip(sides, known, strict=True)
        ]
        found = gaps(sample, *outcomes)
        covariance = found.covariance[:2, :2].copy()
        covariance[1, 1] += found.gap[2:] @ index.covariance @ found.gap[2:]
        rng = np.random.default_rng(seed)
        drawn = rng.multivariate_normal(found.gap[:2], covariance, _DRAWS, method="eigh")
        control = found.control[0] + found.control[1] + index.intercept
        error = np.sqrt(found.control_covariance[:2, :2].sum())
        without = rng.normal(control, error, _DRAWS)
        return LongRunDraws(drawn[:, 0], drawn[:, 1], without, (_NOTE, *incoming.notes))


@dataclass(frozen=True, eq=False)
class _Index:
    """The regression in the earlier cohorts.

    Attributes:
        slopes: Of shape (n_summaries,).
        covariance: Their sampling covariance.
        intercept: Value beyond the window if all summaries are zero.
        covariates: Positions of the covariates that every cohort has.
    """

    slopes: Vector
    covariance: Matrix
    intercept: float
    covariates: list[int]

    @classmethod
    def of(cls, sample: LongRunSample, ridge: float) -> "_Index":
        known = [~np.isnan(cohort.covariates).any(axis=0) for cohort in sample.earlier]
        covariates = np.flatnonzero(np.all(known, axis=0)).tolist()
        x = np.concatenate([
            _summaries(cohort, sample.window, covariates) for cohort in sample.earlier
        ])  # fmt: skip
        later = [_later(cohort, sample) for cohort in sample.earlier]
        y = np.concatenate(later)
        if len(y) <= 2 * x.shape[1]:
            hint = "a larger cohort, or fewer groups"
            raise ConfigError(f"{len(y)} customers of earlier cohorts are too few. Hint: {hint}")
        centred = x - x.mean(axis=0)
        spread = np.maximum(centred.std(axis=0), np.finfo(np.float64).tiny)
        unit = centred / spread
        gram = unit.T @ unit + ridge * len(y) * np.eye(x.shape[1])
        inverse = np.linalg.pinv(gram, hermitian=True)
        slopes = inverse @ (unit.T @ (y - y.mean()))
        score = unit * (y - y.mean() - unit @ slopes)[:, None]
        covariance = inverse @ (score.T @ score) @ inverse / np.outer(spread, spread)
        slopes = slopes / spread
        return cls(slopes, covariance, float(y.mean() - x.mean(axis=0) @ slopes), covariates)

    def summaries(self, side: ArmWeeks) -> Matrix:
        """Return the summaries of an arm, of shape (n_customers, n_summaries)."""
        return _summaries(side, side.orders.shape[1], self.covariates)


def _summaries(side: ArmWeeks | CohortWeeks, window: int, covariates: list[int]) -> Matrix:
    bought = side.orders[:, :window]
    orders, value = bought.sum(axis=1), side.value[:, :window].sum(axis=1)
    late = bought[:, window // 2 :].sum(axis=1)
    since = np.where(orders > 0, (bought[:, ::-1] > 0).argmax(axis=1), window)
    own = [orders, np.sqrt(orders), value, np.sqrt(value), late, since]
    return np.column_stack([*own, side.covariates[:, covariates]])


def _paid(value: Matrix, sample: LongRunSample) -> Vector:
    return value[:, : sample.window] @ sample.discount[: sample.window]


def _later(cohort: CohortWeeks, sample: LongRunSample) -> Vector:
    after = slice(sample.window, sample.horizon)
    return cohort.value[:, after] @ sample.discount[after]
