"""Weekly decay: level, fading novelty, dropout and value per order, carried on by a baseline."""

from dataclasses import dataclass
from itertools import product
from typing import ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Matrix, Vector
from omniltv._options import Seed, checked
from omniltv.experiments.learning.register import Register
from omniltv.experiments.long_run.decay_prior import DecayPrior
from omniltv.experiments.long_run.gaps import gaps
from omniltv.experiments.long_run.incoming import Incoming
from omniltv.experiments.long_run.protocol import ArmWeeks, LongRunDraws, LongRunSample

__all__ = ["WeeklyDecay"]

_DRAWS = 4_000
_FLOOR = 0.1  # of the mean week, as the scale of deviations in a week without orders
_PRIOR = DecayPrior()


@checked
@dataclass(frozen=True)
class WeeklyDecay:
    """The relative effect of each week as level, fading novelty and dropout, with priors.

    Mean orders of the treated in week t are those of the control times 1 + r(t), with

        r(t) = level p(t) + novelty(t) - dropout A(t) h(t).

    p is the strength of the treatment, A its sum up to t, and h the hazard of leaving. If each
    customer leaves at a constant hazard, treated ones at 1 + dropout times that of the others,
    then the treated cohort of week t is the other one at t + dropout A(t), whatever the
    hazards are; the last term is linear in dropout. After the end of a treatment A stays, and
    the term fades as customers who were kept leave, too. novelty(t) is a Gaussian process
    whose standard deviation fades exponentially, after the start and after the end. Value per
    order is multiplied by 1 + s while the treatment lasts.

    All priors are Gaussian around zero, so the posterior given the scales and the speed of
    fading is that of generalised least squares with the covariance of weekly means over
    customers. Scales and speed are averaged over a grid by their marginal likelihoods. The
    weekly value of the control is that of the earlier cohorts, scaled to the control arm in the
    window; beyond it, the error of the same forecast in earlier cohorts is corrected and added.

    Attributes:
        prior: What is believed beforehand.
        name: Name that results show.

    Examples:
        >>> WeeklyDecay().prior.dropout
        0.3
    """

    prior: DecayPrior = _PRIOR
    name: str = "weekly decay"
    handles: ClassVar[frozenset[str]] = frozenset({"cluster", "stratum"})

    @classmethod
    def from_register(cls, register: Register) -> Self:
        """Return the method with priors that are learnt from earlier measurements.

        Raises:
            DataError: If the register is empty.

        Examples:
            >>> import pandas as pd
            >>> rows = pd.DataFrame({"measurement": ["one"], "treatment": ["mail"],
            ...                      "tier": "all", "channel": "ec", "estimate": [2.0],
            ...                      "standard_error": [1.0], "control_mean": [100.0]})
            >>> WeeklyDecay.from_register(Register.read(rows)).prior.level[0] > 1 / 3
            True
        """
        return cls(DecayPrior.from_register(register))

    def estimate(self, sample: LongRunSample, *, seed: Seed) -> LongRunDraws:
        """Return draws of the lift.

        Raises:
            ConfigError: If there is no earlier cohort of the length of the horizon.

        Examples:
            >>> from omniltv.experiments.long_run import ArmWeeks, CohortWeeks
            >>> from omniltv.experiments import Persistence
            >>> rng = np.random.default_rng(1)
            >>> one, other, past = (rng.poisson(0.5, (100, n)) * 1.0 for n in (8, 8, 52))
            >>> arms = [ArmWeeks(name, np.arange(100).astype(object), own, 9 * own,
            ...                  np.empty((100, 0)), np.ones(100))
            ...         for name, own in (("mail", one), ("control", other))]
            >>> earlier = (CohortWeeks("2024", past, 9 * past, np.empty((100, 0))),)
            >>> sample = LongRunSample(*arms, earlier, np.ones(52), np.ones(52),
            ...                        Persistence.none())
            >>> WeeklyDecay().estimate(sample, seed=1).total.shape
            (4000,)
        """
        rng = np.random.default_rng(seed)
        incoming = Incoming.of(sample, self.prior.drift)
        seen = _Seen.of(sample, incoming)
        drawn = self._parts(sample, incoming, seen, rng)
        scale = np.maximum(1.0 + seen.value_error * rng.standard_normal(_DRAWS), 0.0)
        error = incoming.log_factor + incoming.log_sd * rng.standard_normal(_DRAWS)
        paid = seen.value * sample.discount
        held, window = paid * sample.strength, sample.window
        now, later, spend = drawn.T * [[1.0], [float(sample.horizon > window)], [1.0]]
        in_window = scale * (now * (1 + spend) + spend * held[:window].sum())
        beyond = scale * (later * (1 + spend) + spend * held[window:].sum())
        after = np.exp(error)
        control = scale * (paid[:window].sum() + after * paid[window:].sum())
        return LongRunDraws(in_window, after * beyond, control, incoming.corrected)

    def _parts(
        self, sample: LongRunSample, incoming: Incoming, seen: "_Seen", rng: np.random.Generator
    ) -> Matrix:
        """Return draws of additional value in the window and beyond, and of s, (n_draws, 3)."""
        kernels, log_prior = self._kernels(sample, incoming, seen)
        noise = seen.covariance.copy()
        noise[:-1, :-1] += np.diag((self.prior.week * seen.scale[:-1]) ** 2)
        found = _Posterior.of(kernels, seen.gap, noise, log_prior)
        weight = np.exp(found.log_evidence - found.log_evidence.max())
        chosen = rng.choice(len(weight), _DRAWS, p=weight / weight.sum())
        size, axes = np.linalg.eigh(found.covariance)
        roots = axes * np.sqrt(np.maximum(size, 0.0))[:, None, :]
        normal = rng.standard_normal((_DRAWS, 3))
        drawn: Matrix = found.mean[chosen] + np.einsum("ijk,ik->ij", roots[chosen], normal)
        return drawn

    def _kernels(
        self, sample: LongRunSample, incoming: Incoming, seen: "_Seen"
    ) -> tuple["_Kernel", Vector]:
        """Return the priors of each speed of fading and pair of scales, and log probabilities."""
        prior = self.prior
        strength = np.append(sample.strength, 0.0)
        always = _Kernel.of(self._lasting(sample, incoming), seen)
        level = _Kernel.of(np.outer(strength, strength), seen)
        novelty = [_Kernel.of(self._novelty(sample, fading), seen) for fading in prior.fading]
        variance, shares = np.square(prior.scales), (prior.level, prior.novelty)
        pairs = [(k, j) for k, j in product(range(len(variance)), repeat=2)
                 if shares[0][k] * shares[1][j] > 0]  # fmt: skip
        grid = [
            _Kernel(*(a + variance[k] * b + variance[j] * c
                      for a, b, c in zip(always, level, new, strict=True)))
            for new in novelty for k, j in pairs
        ]  # fmt: skip
        log_prior = [np.log(shares[0][k] * shares[1][j]) for k, j in pairs] * len(novelty)
        return _Kernel(*(np.stack(own) for own in zip(*grid, strict=True))), np.array(log_prior)

    def _lasting(self, sample: LongRunSample, incoming: Incoming) -> Matrix:
        """Return the prior covariance of dropout and of value per order, (horizon + 1,) twice."""
        done = np.cumsum(sample.strength) - sample.strength / 2
        lost = self.prior.dropout * done * incoming.hazard
        kernel = np.zeros((sample.horizon + 1, sample.horizon + 1))
        kernel[:-1, :-1] = np.outer(lost, lost)
        kernel[-1, -1] = self.prior.spend**2
        return kernel

    def _novelty(self, sample: LongRunSample, fading: float) -> Matrix:
        """Return the correlation of novelty, which starts again when the treatment ends."""
        week = np.arange(sample.horizon, dtype=np.float64)
        memory = np.exp(-np.abs(week[:, None] - week) / self.prior.memory)
        end = int(np.ceil(sample.strength.sum())) if not sample.strength[-1] else sample.horizon
        fades = np.exp(-np.where(week < end, week, week - end) / fading)
        same = (week < end)[:, None] == (week < end)
        return np.pad(np.outer(fades, fades) * memory * same, (0, 1))


class _Seen(NamedTuple):
    """What the window shows.

    Attributes:
        gap: Difference in mean orders of each week, then in the logarithm of value per order,
            of shape (window + 1,).
        covariance: Its sampling covariance.
        scale: What a relative effect adds to each difference, of shape (window + 1,): the orders
            of each week, and the share of the window's value that the treatment is on for.
        total: Value that relative effects are multiplied by, of shape (3, horizon + 1): in the
            window and beyond, and a row that picks value per order.
        value: Mean value of the control by week over the horizon, of shape (horizon,).
        value_error: Relative standard error of its scale.
    """

    gap: Vector
    covariance: Matrix
    scale: Vector
    total: Matrix
    value: Vector
    value_error: float

    @classmethod
    def of(cls, sample: LongRunSample, incoming: Incoming) -> Self:
        sides, window = (sample.treated, sample.control), sample.window
        found = gaps(sample, *(_outcomes(side) for side in sides))
        chosen = [*range(window), window + 1]
        gap = found.gap[chosen]
        gap[-1] += np.subtract(*(np.log(_per_order(side)) for side in sides))
        orders, paid = found.control[:window].sum(), found.control[window]
        weekly = orders / incoming.orders[:window].sum() * incoming.orders[:window]
        value = paid / incoming.value[:window].sum() * incoming.value
        total = np.zeros((3, sample.horizon + 1))
        total[0, :window] = (value * sample.discount)[:window]
        total[1, window:-1] = (value * sample.discount)[window:]
        total[2, -1] = 1.0
        error = float(np.sqrt(found.control_covariance[window, window]) / paid)
        on = float(value[:window] @ sample.strength[:window] / value[:window].sum())
        scale = np.append(np.maximum(weekly, _FLOOR * weekly.mean()), on)
        return cls(gap, found.covariance[np.ix_(chosen, chosen)], scale, total, value, error)


class _Kernel(NamedTuple):
    """A prior covariance as far as it is needed, or a stack of them along the first axis.

    Attributes:
        seen: Covariance of the observed differences, of shape (window + 1, window + 1).
        crossed: Covariance of the wanted sums with them, of shape (3, window + 1).
        wanted: Covariance of the wanted sums, of shape (3, 3).
    """

    seen: Matrix
    crossed: Matrix
    wanted: Matrix

    @classmethod
    def of(cls, kernel: Matrix, seen: _Seen) -> Self:
        """Reduce the covariance of the effects of all weeks, of shape (horizon + 1,) twice."""
        look = np.append(np.arange(len(seen.scale) - 1), len(kernel) - 1)
        crossed = seen.total @ kernel
        observed = kernel[np.ix_(look, look)] * np.outer(seen.scale, seen.scale)
        return cls(observed, crossed[:, look] * seen.scale, crossed @ seen.total.T)


class _Posterior(NamedTuple):
    """Gaussian posteriors of the wanted sums, and the marginal likelihoods of their priors.

    Attributes:
        mean: Shape (n_priors, 3).
        covariance: Shape (n_priors, 3, 3).
        log_evidence: Shape (n_priors,).
    """

    mean: Matrix
    covariance: NDArray[np.float64]
    log_evidence: Vector

    @classmethod
    def of(cls, kernel: _Kernel, gap: Vector, noise: Matrix, log_prior: Vector) -> Self:
        """Condition the wanted sums on the observed differences.

        Rasmussen and Williams 2006, Gaussian Processes for Machine Learning, eq. 2.25 to 2.30.
        """
        lower = np.linalg.cholesky(kernel.seen + noise)
        white = np.linalg.solve(lower, np.broadcast_to(gap[:, None], (len(lower), len(gap), 1)))
        crossed = np.linalg.solve(lower, kernel.crossed.swapaxes(1, 2)).swapaxes(1, 2)
        halved = np.log(np.diagonal(lower, axis1=1, axis2=2)).sum(axis=1)
        log_evidence = log_prior - halved - 0.5 * (white**2).sum(axis=(1, 2))
        covariance = kernel.wanted - crossed @ crossed.swapaxes(1, 2)
        return cls((crossed @ white)[..., 0], covariance, log_evidence)


def _outcomes(side: ArmWeeks) -> Matrix:
    """Return orders by week, value, and the influence on log value per order of each customer."""
    orders, value = side.orders.sum(axis=1), side.value.sum(axis=1)
    influence = value / _mean(side, value) - orders / _mean(side, orders)
    return np.column_stack([side.orders, value, influence])


def _per_order(side: ArmWeeks) -> float:
    return _mean(side, side.value.sum(axis=1)) / _mean(side, side.orders.sum(axis=1))


def _mean(side: ArmWeeks, outcome: Vector) -> float:
    return float(side.weight @ outcome / side.weight.sum())
