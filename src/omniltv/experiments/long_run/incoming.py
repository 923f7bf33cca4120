"""How the value of untreated customers comes in, week by week, and how well that was forecast."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from omniltv._arrays import Matrix, Vector
from omniltv.errors import ConfigError
from omniltv.experiments.long_run.protocol import CohortWeeks, LongRunSample

__all__ = ["Decline", "Incoming"]

_SCALES = np.geomspace(4.0, 3000.0, 40)  # weeks
_LOWEST = 1e-12
_FEWEST = 2  # weeks that show a decline
_STAYS = -1.0  # nobody leaves
_YEAR = 365.25 / 7  # weeks
_SEASONS = 2  # years that tell the season from leaving


class Decline(NamedTuple):
    """How a cohort's mean orders fall because customers leave: A (1 + t / scale)^-shape.

    Attributes:
        shape: Shape of the gamma distribution of the customers' hazards.
        scale: Its rate, in weeks.

    Examples:
        >>> Decline(0.8, 40.0).hazard(np.array([0.0, 40.0]))
        array([0.02, 0.01])
    """

    shape: float
    scale: float

    def hazard(self, week: Vector) -> Vector:
        """Return the mean hazard of those who are left, per week."""
        return self.shape / (self.scale + week)

    def kept(self, change: Vector, done: Vector, week: Vector) -> Matrix:
        """Return how a treatment changes the logarithm of mean orders by who leaves.

        If hazards are multiplied by 1 + change for ``done`` weeks, the cohort is at ``week``
        where it would be at week + change done.

        Args:
            change: Relative change of the hazards in each draw, of shape (n_draws,); below -1
                it counts as -1.
            done: Weeks for which it was changed, up to each week, of shape (n_weeks,).
            week: The weeks, same shape.

        Returns:
            The logarithm of the ratio of mean orders, of shape (n_weeks, n_draws).

        Examples:
            >>> Decline(1.0, 10.0).kept(np.ones(1), np.array([5.0]), np.array([5.0])).round(3)
            array([[-0.288]])
        """
        later = np.outer(done / (self.scale + week), np.maximum(change, _STAYS))
        answer: Matrix = -self.shape * np.log1p(later)
        return answer


@dataclass(frozen=True, eq=False)
class Incoming:
    """Mean orders and value per customer and week of cohorts that were never treated.

    Attributes:
        orders: Shape (horizon,).
        value: Shape (horizon,).
        decline: How orders fall because customers leave.
        log_factor: Logarithm of the factor that corrects a forecast beyond the window.
        log_sd: Standard deviation of the logarithm of its error.
        ratios: Realised over forecast value beyond the window, of each cohort but the first.

    Examples:
        >>> from omniltv.experiments import Persistence
        >>> from omniltv.experiments.long_run import ArmWeeks
        >>> arm = ArmWeeks("a", np.arange(3).astype(object), np.ones((3, 1)), np.ones((3, 1)),
        ...                np.empty((3, 0)), np.ones(3))
        >>> one, other = np.ones((3, 2)), np.array([[1.0, 2.0]])
        >>> earlier = tuple(CohortWeeks(str(k), v, v, np.empty((len(v), 0)))
        ...                 for k, v in enumerate((one, other)))
        >>> sample = LongRunSample(arm, arm, earlier, np.ones(2), np.ones(2), Persistence.none())
        >>> Incoming.of(sample, drift=0.1).ratios
        (2.0,)
    """

    orders: Vector
    value: Vector
    decline: Decline
    log_factor: float
    log_sd: float
    ratios: tuple[float, ...]

    @classmethod
    def of(cls, sample: LongRunSample, drift: float) -> "Incoming":
        """Return the baseline of a comparison.

        Each cohort is forecast from the cohorts before it as the control arm is from all: by
        their value beyond the window per value in the window. The logarithms of realised over
        forecast have an unknown mean and a standard deviation whose prior guess, worth one
        cohort, is ``drift``.

        Raises:
            ConfigError: If there is no cohort, or one has fewer weeks than the horizon.
        """
        _refuse(sample)
        orders, value = (
            _mean(sample.earlier, name, sample.horizon) for name in ("orders", "value")
        )
        errors = _errors(sample)
        bias = errors.sum() / (len(errors) + 1)
        variance = (drift**2 + ((errors - bias) ** 2).sum()) / (len(errors) + 1)
        spread = np.sqrt(variance * (1 + 1 / (len(errors) + 1)))
        ratios = tuple(np.exp(errors).tolist())
        return cls(orders, value, leaving(orders), float(bias), float(spread), ratios)

    @property
    def notes(self) -> tuple[str, ...]:
        """How well the same forecast did."""
        if not self.ratios:
            return ("no back-test of the baseline: it needs two earlier cohorts and a horizon",)
        shown = ", ".join(f"{ratio:.2f}" for ratio in self.ratios)
        return (f"back-test of the baseline in earlier cohorts: realised / forecast {shown}",)

    @property
    def corrected(self) -> tuple[str, ...]:
        """How well the same forecast did, and how it is corrected."""
        factor, error = f"{np.exp(self.log_factor):.2f}", f"{self.log_sd:.0%}"
        return tuple(
            f"{note}; corrected by {factor} with an error of {error}" if self.ratios else note
            for note in self.notes
        )


def leaving(orders: Vector) -> Decline:
    """Return how the mean orders of a cohort fall because customers leave.

    If a customer leaves at a constant hazard that is gamma-distributed over customers, the mean
    is A (1 + t / scale)^-shape (Schmittlein, Morrison and Colombo 1987, Management Science 33,
    1-24, eq. 4). Least squares on the logarithm, weighted by the mean; the scale on a grid. Two
    years or more also tell the season: a yearly cosine and sine are in the regression, so that
    a start in high season is not taken for customers who leave. One week shows no decline.
    """
    if len(orders) < _FEWEST:
        return Decline(0.0, float(_SCALES[-1]))
    week = np.arange(len(orders), dtype=np.float64) + 0.5
    root = np.sqrt(orders / orders.sum())
    basis = np.linalg.qr(root[:, None] * _season(week))[0]
    log = root * np.log(np.maximum(orders, _LOWEST))
    x = -root * np.log1p(week / _SCALES[:, None])  # a row per scale
    x, y = x - x @ basis @ basis.T, log - basis @ (basis.T @ log)
    shape = (x @ y) / (x**2).sum(axis=1)
    loss = ((y - shape[:, None] * x) ** 2).sum(axis=1)
    best = int(np.argmin(loss))
    return Decline(float(np.maximum(shape[best], 0.0)), float(_SCALES[best]))


def _season(week: Vector) -> Matrix:
    """Return a constant, and the yearly waves if there are enough weeks."""
    if len(week) < _SEASONS * _YEAR:
        return np.ones((len(week), 1))
    turn = 2 * np.pi * week / _YEAR
    return np.column_stack([np.ones(len(week)), np.cos(turn), np.sin(turn)])


def _mean(cohorts: Sequence[CohortWeeks], name: str, horizon: int) -> Vector:
    total = sum(getattr(cohort, name)[:, :horizon].sum(axis=0) for cohort in cohorts)
    return np.asarray(total / sum(len(cohort.orders) for cohort in cohorts), dtype=np.float64)


def _errors(sample: LongRunSample) -> Vector:
    """Return log(realised / forecast) beyond the window of each cohort but the first."""
    if sample.horizon == sample.window:
        return np.empty(0)
    parts = [_parts(cohort, sample) for cohort in sample.earlier]
    before = np.cumsum(parts, axis=0)[:-1]
    return np.array([
        np.log(own[1] / own[0]) - np.log(sums[1] / sums[0])
        for own, sums in zip(parts[1:], before, strict=True)
    ])  # fmt: skip


def _parts(cohort: CohortWeeks, sample: LongRunSample) -> Vector:
    """Return the discounted value of a cohort in the window and beyond it."""
    paid = cohort.value[:, : sample.horizon].sum(axis=0) * sample.discount
    return np.array([paid[: sample.window].sum(), paid[sample.window :].sum()])


def _refuse(sample: LongRunSample) -> None:
    if not sample.earlier:
        hint = 'earlier=[EarlierCohort("2022", WeeklyPurchases.of(log, ids, ...))]'
        raise ConfigError(f"the method needs an earlier cohort without treatment. Hint: {hint}")
    for cohort in sample.earlier:
        if cohort.orders.shape[1] < sample.horizon:
            has = f"the cohort {cohort.name!r} has {cohort.orders.shape[1]} weeks"
            problem = f"{has}, and the horizon is {sample.horizon}"
            raise ConfigError(f"{problem}. Hint: a shorter span of persistence=")
