"""The prior of weekly effects: a grid of scales, treatments, interactions and groups."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Self

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Codes, Matrix, Places, Vector
from omniltv.experiments.long_run.decay_prior import DecayPrior
from omniltv.experiments.long_run.protocol import LongRunSample
from omniltv.experiments.long_run.seen import Seen

__all__ = ["FIXED", "Grid", "end_of", "fades"]

FIXED = 3  # level, dropout and value per order come before the weeks of novelty


@dataclass(frozen=True, eq=False)
class Grid:
    """Gaussian priors of what the effects are made of, and what the window shows of each.

    The parts of each arm are level, dropout, value per order and novelty by week of the window,
    place by place and arm by arm.

    Attributes:
        log_probability: Of shape (n_priors,).
        covariance: Prior covariance of the parts, of shape (n_priors, n_parts, n_parts).
        shown: Derivatives of what `Seen.ratios` returns by the parts, of shape
            (n_priors, n_ratios, n_parts).
        fading: Weeks in which novelty fades by a factor of e, of shape (n_priors,).
        novelty: Standard deviation of novelty, same shape.
        arms: Covariance of the arms of the group relative to a treatment's variance, of shape
            (n_priors, n_arms, n_arms).
    """

    log_probability: Vector
    covariance: NDArray[np.float64]
    shown: NDArray[np.float64]
    fading: Vector
    novelty: Vector
    arms: NDArray[np.float64]

    @classmethod
    def of(cls, prior: DecayPrior, samples: Sequence[LongRunSample], seen: Seen) -> Self:
        """Return the grid of an experiment."""
        level, novelty, fading, which = _scales(prior, samples, seen)
        each = [_arms(samples, size) for size in prior.interaction]
        places = [_places(len(seen.places), size) for size in prior.group]
        blocks = np.stack([np.kron(*own) for own in zip(places, each, strict=True)])[which]
        parts = _parts(prior, samples[0], level, novelty)
        n_priors, n_blocks, n_parts = len(which), blocks.shape[1], parts.shape[1]
        covariance = blocks[:, :, None, :, None] * parts[:, None, :, None, :]
        return cls(
            np.log(_probability(prior, level, novelty)),
            covariance.reshape(n_priors, n_blocks * n_parts, n_blocks * n_parts),
            _shown(samples, seen, fading),
            fading,
            novelty,
            np.asarray(blocks[:, : len(samples), : len(samples)], dtype=np.float64),
        )


def end_of(sample: LongRunSample) -> int:
    """Return the week in which the treatment ends; the horizon if it goes on."""
    if sample.strength[-1]:
        return sample.horizon
    return int(np.ceil(sample.strength.sum()))


def fades(sample: LongRunSample, fading: Vector) -> Matrix:
    """Return how novelty fades, anew after the end, of shape (n_priors, horizon)."""
    week, end = np.arange(sample.horizon, dtype=np.float64), end_of(sample)
    answer: Matrix = np.exp(-np.where(week < end, week, week - end) / fading[:, None])
    return answer


def _scales(
    prior: DecayPrior, samples: Sequence[LongRunSample], seen: Seen
) -> tuple[Vector, Vector, Vector, Places]:
    """Return scale of level and novelty, fading, and which size of interactions of each prior."""
    alone = len(samples) == 1 and len(seen.places) == 1
    sizes = range(1 if alone else len(prior.interaction))
    known = [dict(zip(prior.scales, own, strict=True)) for own in (prior.level, prior.novelty)]
    used = [[scale for scale in prior.scales if own[scale] > 0] for own in known]
    level, novelty, fading, which = np.array(list(product(*used, prior.fading, sizes))).T
    return level, novelty, fading, which.astype(np.intp)


def _probability(prior: DecayPrior, level: Vector, novelty: Vector) -> Vector:
    found = [dict(zip(prior.scales, own, strict=True)) for own in (prior.level, prior.novelty)]
    pairs = zip(level, novelty, strict=True)
    return np.array([found[0][one] * found[1][other] for one, other in pairs])


def _arms(samples: Sequence[LongRunSample], interaction: float) -> Matrix:
    """Return the covariance of the arms' effects: treatments, and interactions of pairs."""
    given = [one.treated.treatments or (one.treated.name,) for one in samples]
    names = sorted({name for own in given for name in own})
    effects = [*((name,) for name in names), *combinations(names, 2)]
    gets = np.array([[set(effect) <= set(own) for effect in effects] for own in given], dtype=float)
    size = np.array([1.0 if len(effect) == 1 else interaction for effect in effects])
    answer: Matrix = (gets * size**2) @ gets.T
    return answer


def _places(n: int, size: float) -> Matrix:
    """Return the covariance of an effect in the group and outside it."""
    return np.ones((n, n)) + (size**2 * np.eye(n) if n > 1 else 0.0)


def _parts(
    prior: DecayPrior, sample: LongRunSample, level: Vector, novelty: Vector
) -> NDArray[np.float64]:
    """Return the prior covariance of the parts of one treatment."""
    week = np.arange(sample.window)
    on = week < end_of(sample)
    memory = np.exp(-np.abs(week[:, None] - week) / prior.memory) * (on[:, None] == on)
    found = np.zeros((len(level), FIXED + sample.window, FIXED + sample.window))
    found[:, 0, 0], found[:, 1, 1], found[:, 2, 2] = level**2, prior.dropout**2, prior.spend**2
    found[:, FIXED:, FIXED:] = novelty[:, None, None] ** 2 * memory
    return found


def _shown(samples: Sequence[LongRunSample], seen: Seen, fading: Vector) -> NDArray[np.float64]:
    """Return the derivatives of the ratios by the parts, all arms of a place being alike."""
    first, n_arms = samples[0], len(samples)
    window, strength = first.window, first.strength
    week, middle = np.arange(window), np.arange(window, dtype=np.float64) + 0.5
    done = np.cumsum(strength) - strength / 2
    rows, columns = window + 1, FIXED + window
    n_blocks = len(seen.places) * n_arms
    found = np.zeros((len(fading), n_blocks, rows, n_blocks, columns))
    fade: Codes | Matrix = fades(first, fading)[:, :window]
    for k in range(n_blocks):
        place = seen.places[k // n_arms]
        found[:, k, week, k, 0] = strength[:window]
        found[:, k, week, k, 1] = -(done[:window] * place.incoming.decline.hazard(middle))
        found[:, k, window, k, 2] = place.share(strength)
        found[:, k, week, k, FIXED + week] = fade
    return found.reshape(len(fading), n_blocks * rows, n_blocks * columns)
