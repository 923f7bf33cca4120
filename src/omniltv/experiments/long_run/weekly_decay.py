"""Weekly decay: level, fading novelty, dropout and value per order, carried on by a baseline."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Matrix, Places, Vector
from omniltv._options import Seed, checked
from omniltv.experiments.learning.register import Register
from omniltv.experiments.long_run._weekly_prior import FIXED, Grid, end_of, fades
from omniltv.experiments.long_run.decay_prior import DecayPrior
from omniltv.experiments.long_run.protocol import LongRunDraws, LongRunSample
from omniltv.experiments.long_run.seen import Seen, SeenGroup

__all__ = ["WeeklyDecay"]

_DRAWS = 4_000
_ROUNDS = 3  # of linearisation
_GONE = 1e-3  # novelty that has faded to less is left out
_JITTER = 1e-9
_PRIOR = DecayPrior()


@checked
@dataclass(frozen=True)
class WeeklyDecay:
    """The effect on the logarithm of each week's orders as level, fading novelty and dropout.

    Mean orders of the treated in week t are those of the control times exp(r(t)), with

        r(t) = level p(t) + novelty(t) + kept(t).

    p is the strength of the treatment and A its sum up to t. If each customer leaves at a
    constant hazard, treated ones at 1 + dropout times that of the others, then the treated
    cohort of week t is the other one at t + dropout A(t), whatever the hazards are. kept(t) is
    the logarithm of the ratio of the two, and about - dropout A(t) h(t), where h is the hazard:
    the window is read by this approximation. After the end of a treatment A stays, and the term
    fades as customers who were kept leave, too. novelty(t) is a Gaussian process whose standard
    deviation fades exponentially, after the start and after the end. Value per order is
    multiplied by exp(s) while the treatment lasts.

    The effects of an arm with two treatments are the sums of those of the treatments and of
    their interaction, so that both arms inform each other. The effects in a group are those of
    all customers plus a deviation, so that a group borrows from the customers outside it.
    Interactions and deviations have the same priors as effects, with scales times
    `DecayPrior.interaction` and `DecayPrior.group`.

    All priors are Gaussian around zero, so the posterior given the scales and the speed of
    fading is that of generalised least squares with the covariance of weekly means over
    customers. Scales and speed are averaged over a grid by their marginal likelihoods: the
    marginal priors have heavy tails, and all arms and groups of a comparison share the scales.
    The weekly value of the control is that of the earlier cohorts, scaled to the control arm in
    the window; beyond it, the error of the same forecast in earlier cohorts is corrected and
    added.

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
        return self.estimate_jointly((sample,), seed=seed)[0]

    def estimate_jointly(
        self, samples: Sequence[LongRunSample], *, seed: Seed
    ) -> tuple[LongRunDraws, ...]:
        """Return draws of the lifts of several arms; row k of all arms is one joint draw.

        The arms have one control, window and strength, and are in one group.

        Raises:
            ConfigError: If an earlier cohort is shorter than the horizon, or there is none.

        Examples:
            >>> from omniltv.experiments import Persistence
            >>> from omniltv.experiments.long_run import ArmWeeks, CohortWeeks
            >>> rng = np.random.default_rng(2)
            >>> def arm(*treatments):
            ...     own = rng.poisson(0.5, (100, 8)) * 1.0
            ...     return ArmWeeks("+".join(treatments), np.arange(100).astype(object), own,
            ...                     9 * own, np.empty((100, 0)), np.ones(100),
            ...                     treatments=treatments)
            >>> past = rng.poisson(0.5, (100, 52)) * 1.0
            >>> earlier = (CohortWeeks("2024", past, 9 * past, np.empty((100, 0))),)
            >>> neither = arm()
            >>> samples = [
            ...     LongRunSample(one, neither, earlier, np.ones(52), np.ones(52),
            ...                   Persistence.none())
            ...     for one in (arm("mail"), arm("coupon"), arm("coupon", "mail"))]
            >>> mail, coupon, both = WeeklyDecay().estimate_jointly(samples, seed=1)
            >>> (both.total - mail.total - coupon.total).shape  # draws of the interaction
            (4000,)
        """
        rng = np.random.default_rng(seed)
        seen = Seen.of(samples, self.prior.drift)
        grid = Grid.of(self.prior, samples, seen)
        found = _posterior(grid, seen, len(samples), self.prior.week)
        chosen = np.sort(rng.choice(len(found.weight), _DRAWS, p=found.weight))
        parts = found.drawn(chosen, rng).reshape(_DRAWS, len(samples), -1)
        novelty = _novelty(parts[:, :, FIXED:], grid, chosen, samples[0], self.prior.memory, rng)
        money = _Money.of(seen.places[0], samples[0], rng)
        return tuple(
            money.lift(sample, parts[:, k], novelty[:, k]) for k, sample in enumerate(samples)
        )


class _Posterior(NamedTuple):
    """Gaussian posteriors of the parts of the effects, and the probabilities of their priors.

    Attributes:
        mean: Shape (n_priors, n_parts).
        covariance: Shape (n_priors, n_parts, n_parts).
        weight: Shape (n_priors,).
    """

    mean: Matrix
    covariance: NDArray[np.float64]
    weight: Vector

    def drawn(self, chosen: Places, rng: np.random.Generator) -> Matrix:
        """Return a draw from each of the chosen posteriors, which are sorted."""
        found = rng.standard_normal((len(chosen), self.mean.shape[1]))
        used, start = np.unique(chosen, return_index=True)
        jitter = _JITTER * np.eye(found.shape[1])
        size = np.diagonal(self.covariance[used], axis1=1, axis2=2).max(axis=1)
        roots = np.linalg.cholesky(self.covariance[used] + size[:, None, None] * jitter)
        for k, root, own in zip(used, roots, np.split(found, start[1:]), strict=True):
            own[:] = self.mean[k] + own @ root.T
        return found


def _posterior(grid: Grid, seen: Seen, n_arms: int, week: float) -> _Posterior:
    """Condition the parts of the group's arms on what the window shows.

    Rasmussen and Williams 2006, Gaussian Processes for Machine Learning, eq. 2.25 to 2.30. The
    ratios are linearised around their own posterior mean.
    """
    n_blocks, window = n_arms * len(seen.places), seen.places[0].window
    crossed = grid.covariance @ grid.shown.swapaxes(1, 2)
    prior = grid.shown @ crossed
    own = np.diag(np.tile(np.append(np.full(window, week**2), 0.0), n_blocks))
    found = _weighed(grid, prior, own, seen, np.zeros((n_blocks, window)))
    for _ in range(_ROUNDS - 1):
        found = _weighed(grid, prior, own, seen, found.shown)
    kept = crossed.shape[1] // len(seen.places)
    told = np.linalg.solve(found.lower, crossed[:, :kept].swapaxes(1, 2)).swapaxes(1, 2)
    covariance = grid.covariance[:, :kept, :kept] - told @ told.swapaxes(1, 2)
    return _Posterior((told @ found.white)[:, :, 0], covariance, found.weight)


class _Weighed(NamedTuple):
    """What the ratios say of each prior.

    Attributes:
        lower: Cholesky factor of the covariance of the ratios, of shape
            (n_priors, n_ratios, n_ratios).
        white: Ratios in units of it, of shape (n_priors, n_ratios, 1).
        weight: Probability of each prior, of shape (n_priors,).
        shown: Posterior mean of the logarithms of the ratios of orders, of shape
            (n_blocks, window).
    """

    lower: NDArray[np.float64]
    white: NDArray[np.float64]
    weight: Vector
    shown: Matrix


def _weighed(
    grid: Grid, prior: NDArray[np.float64], own: Matrix, seen: Seen, expected: Matrix
) -> _Weighed:
    """Return what the ratios say, linearised around an expectation."""
    ratio, error = seen.ratios(expected)
    lower = np.linalg.cholesky(prior + error + own)
    white = np.linalg.solve(lower, np.broadcast_to(ratio[:, None], (len(lower), len(ratio), 1)))
    log_weight = grid.log_probability - 0.5 * (white[:, :, 0] ** 2).sum(axis=1)
    log_weight -= np.log(np.diagonal(lower, axis1=1, axis2=2)).sum(axis=1)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    mean = (prior @ np.linalg.solve(lower.swapaxes(1, 2), white))[:, :, 0]
    shown = (weight @ mean).reshape(len(expected), -1)[:, : expected.shape[1]]
    return _Weighed(lower, white, weight, shown)


def _novelty(
    seen: NDArray[np.float64],
    grid: Grid,
    chosen: Places,
    sample: LongRunSample,
    memory: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Return draws of novelty in each week, of shape (horizon, n_arms, n_draws)."""
    fade = fades(sample, grid.fading)
    size = grid.novelty[:, None, None] * np.linalg.cholesky(grid.arms)
    root = np.ascontiguousarray(size[chosen].transpose(1, 2, 0))
    end, kept = end_of(sample), np.exp(-1 / memory)
    found = np.zeros((sample.horizon, *root.shape[1:]))
    found[: sample.window] = seen.transpose(2, 1, 0)
    for week in range(sample.window, sample.horizon):
        if fade[:, week].max() < _GONE:
            continue
        stays = 0.0 if week == end else kept
        new = np.einsum("ijn,jn->in", root, rng.standard_normal(root.shape[1:]))
        found[week] = stays * found[week - 1] + np.sqrt(1 - stays**2) * new
    found *= fade.T[:, None, chosen]
    return found


@dataclass(frozen=True, eq=False)
class _Money:
    """Discounted value without the treatment, and its errors.

    Attributes:
        place: The customers.
        paid: Discounted value by week, of shape (horizon,).
        scale: Factor of all weeks in each draw, of shape (n_draws,).
        after: Factor of the weeks beyond the window, same shape.
    """

    place: SeenGroup
    paid: Vector
    scale: Vector
    after: Vector

    @classmethod
    def of(cls, place: SeenGroup, sample: LongRunSample, rng: np.random.Generator) -> Self:
        normal = rng.standard_normal((2, _DRAWS))
        scale = np.maximum(1.0 + place.value_error * normal[0], 0.0)
        incoming = place.incoming
        after = np.exp(incoming.log_factor + incoming.log_sd * normal[1])
        return cls(place, place.value * sample.discount, scale, after)

    def lift(self, sample: LongRunSample, parts: Matrix, novelty: Matrix) -> LongRunDraws:
        """Return the lift of an arm: value times what the effects add to 1."""
        level, dropout, spend = parts[:, :FIXED].T
        window, strength, incoming = sample.window, sample.strength, self.place.incoming
        week = np.arange(sample.horizon, dtype=np.float64) + 0.5
        done = np.cumsum(strength) - strength / 2
        effect = np.outer(strength, level + spend) + incoming.decline.kept(dropout, done, week)
        added = self.paid[:, None] * np.expm1(effect + novelty)
        now, later = self.paid[:window].sum(), self.paid[window:].sum()
        return LongRunDraws(
            self.scale * added[:window].sum(axis=0),
            self.scale * self.after * added[window:].sum(axis=0),
            self.scale * (now + self.after * later),
            incoming.corrected,
        )
