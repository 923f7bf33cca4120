"""Weights of the kinds of evidence, learned from labelled pairs; which pairs to label next.

The bits of a pair sum to its log odds. Labels give each kind of evidence k a factor: log odds =
sum of a_k bits_k. This is a logistic regression on the evidence, with prior a_k ~ N(1, s^2), so
scores do not change without labels and change little with few. Platt (1999, Probabilistic
Outputs for Support Vector Machines) recalibrates a score by one factor; here each kind of
evidence has its own. Labelled pairs may be chosen by their evidence, since the regression is
conditional on it.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from omniltv._arrays import Floats
from omniltv.identity.linking.decisions import Decisions
from omniltv.identity.linking.values import DECIDED, LinkModel, ScoredPairs

__all__ = ["informative", "refined", "reweighted"]


_SPREAD = 0.25  # prior standard deviation of a factor
_ROUNDS = 50
_CONVERGED = 1e-9
_FACTORS = (0.1, 3.0)


def refined(pairs: ScoredPairs, decisions: Decisions) -> ScoredPairs:
    """Return the pairs, scored with factors learned from the decisions."""
    names = tuple(pairs.bits)
    rows, same = _labelled(pairs, decisions)
    evidence = _evidence(pairs, rows)
    factor = np.ones(len(names))
    for _ in range(_ROUNDS):
        chance = 1 / (1 + np.exp(-np.clip(evidence @ factor, -500, 500)))
        slope = evidence.T @ (same - chance) - (factor - 1) / _SPREAD**2
        curve = (evidence.T * (chance * (1 - chance))) @ evidence
        step = np.linalg.solve(curve + np.eye(len(names)) / _SPREAD**2, slope)
        factor = np.clip(factor + step, *_FACTORS)
        if np.abs(step).max() < _CONVERGED:
            break
    factors = dict(zip(names, factor.tolist(), strict=True))
    return reweighted(pairs, replace(pairs.model, factors=factors))


def reweighted(pairs: ScoredPairs, model: LinkModel) -> ScoredPairs:
    """Return the pairs, with their evidence multiplied by a model's factors."""
    factors = {name: model.factors.get(name, 1.0) for name in pairs.bits}
    bits = {
        n: values * factors[n] if factors[n] != 1 else values for n, values in pairs.bits.items()
    }
    weight = sum(bits.values(), np.zeros(len(pairs.probability)))
    probability = 1 / (1 + np.exp2(-np.clip(weight, -500, 500)))
    return replace(pairs, bits=bits, probability=probability, model=model)


def informative(pairs: ScoredPairs, n: int) -> NDArray[np.intp]:
    """Return the n pairs whose labels are most informative, the least certain first.

    A systematic sample over the probability, with chances in proportion to p (1 - p), which
    is what a label tells about a factor. Pairs that were decided by hand are left out.
    """
    open_ = np.flatnonzero(np.abs(pairs.weight) < DECIDED / 2)
    order = open_[np.argsort(pairs.probability[open_], kind="stable")]
    doubt = pairs.probability[order] * (1 - pairs.probability[order])
    reached = np.cumsum(doubt)
    marks = (np.arange(n) + 0.5) / n * reached[-1:].sum()
    rows = np.unique(np.minimum(np.searchsorted(reached, marks), max(len(order) - 1, 0)))
    chosen = order[rows] if len(order) else order
    return chosen[np.argsort(np.abs(pairs.probability[chosen] - 0.5), kind="stable")]


def _evidence(pairs: ScoredPairs, rows: NDArray[np.intp]) -> Floats:
    """Return the evidence of some pairs in natural logarithms, shape (n_rows, n_kinds)."""
    bits = [values[rows] for values in pairs.bits.values()]
    return np.asarray(np.column_stack(bits) * np.log(2.0), dtype=np.float64)


def _labelled(
    pairs: ScoredPairs, decisions: Decisions
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the decided pairs and their decisions; decisions about other pairs are ignored."""
    size = 1 + max(int(ends.max(initial=0)) for ends in (pairs.candidates.right, decisions.right))
    key = pairs.candidates.left * size + pairs.candidates.right
    order = np.argsort(key, kind="stable")
    wanted = decisions.left * size + decisions.right
    place = np.minimum(np.searchsorted(key[order], wanted), max(len(key) - 1, 0))
    there = key[order][place] == wanted if len(key) else np.zeros(len(wanted), dtype=np.bool_)
    return order[place[there]], decisions.same[there]
