"""Comparisons that depend on each other among unrelated people.

A given name tells the gender: unrelated people who share the one share the other as well. If
agreement in one comparison changes the levels of another one clearly, its u is conditional on
that agreement; otherwise the two are taken to be independent, as Fellegi and Sunter (1969) do.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Floats, Levels
from omniltv.identity.linking._comparison_vectors import ComparisonVectors, level_counts
from omniltv.identity.linking.protocols import Comparison

__all__ = ["Dependence", "dependence", "log_ratio"]

type Dependence = Mapping[tuple[int, int], Floats]
"""How much likelier each level of a comparison is among unrelated people who agree in another.

By the positions of both: the comparison, and the one that agrees. Shape (n_levels,) each.
"""

_COMMON = 0.1  # agreement by chance that says little about a person
_CLEAR = 6.0  # standard deviations of the difference
_SHRINK = 20.0  # pairs that independence weighs


def dependence(sampled: ComparisonVectors, unrelated: Floats, u: Sequence[Floats]) -> Dependence:
    """Return the clear dependences among sampled pairs.

    Args:
        sampled: Levels of the pairs.
        unrelated: Probability that each is of unrelated people.
        u: Level probabilities of unrelated people.
    """
    agree, comparisons = sampled.agree(), sampled.comparisons
    chance = [float(u[k][: c.agreement].sum()) for k, c in enumerate(comparisons)]
    result = {}
    for on in np.flatnonzero(agree.any(axis=0)).tolist():
        rows = np.flatnonzero(agree[:, on])
        for k, c in enumerate(comparisons):
            if chance[k] < _COMMON or chance[on] > _COMMON or not _personal(comparisons[on], c):
                continue
            seen = level_counts(sampled.levels[rows, k], unrelated[rows], len(c.levels))
            ratio = _ratio(seen, u[k])
            if ratio is not None:
                result[k, on] = ratio
    return result


def log_ratio(levels: Levels, comparisons: Sequence[Comparison], found: Dependence) -> Floats:
    """Return the log of how much likelier patterns are among unrelated people, shape (n,)."""
    result = np.zeros(len(levels))
    for (k, on), ratio in found.items():
        rows = (levels[:, on] >= 0) & (levels[:, on] < comparisons[on].agreement)
        result[rows] += np.append(np.log(ratio), 0.0)[levels[rows, k]]
    return result


def _personal(*comparisons: Comparison) -> bool:
    return all(not c.shared and c.coincidence > 0 for c in comparisons)


def _ratio(seen: Floats, u: NDArray[np.float64]) -> Floats | None:
    """Return the ratio of level probabilities, None unless it is clearly not 1."""
    expected = seen.sum() * u
    away = np.abs(seen - expected) / np.sqrt(np.maximum(expected * (1 - u), 1.0))
    if not len(away) or away.max() < _CLEAR:
        return None
    conditional = (seen + _SHRINK * u) / (seen.sum() + _SHRINK)
    return np.asarray(conditional / u, dtype=np.float64)
