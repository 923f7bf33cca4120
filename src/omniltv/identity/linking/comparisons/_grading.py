"""Values of pairs as numbers and tokens, and levels from conditions and similarities."""

from collections.abc import Callable, Sequence
from itertools import pairwise as adjacent

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rapidfuzz.distance import OSA
from rapidfuzz.process import cpdist
from scipy.sparse import csr_array

from omniltv._arrays import Flags, Floats, Levels
from omniltv.errors import ConfigError
from omniltv.identity.linking.values import Pairs
from omniltv.identity.records.columns import MISSING

__all__ = [
    "ROUNDING",
    "Scores",
    "check_order",
    "cosine",
    "first_level",
    "graded",
    "numbers",
    "pairwise",
    "shared_tokens",
    "slips",
    "steps",
]

type Scores = NDArray[np.float32]
"""A similarity or distance per pair."""

ROUNDING = 1e-9
"""Relative tolerance of thresholds, for values such as 0.3 that are not exact in binary."""

_NOTHING = np.array([None], dtype=object)  # the last value is that of MISSING, which is -1


def first_level(conditions: Sequence[Flags]) -> Levels:
    """Return the first condition that holds, `MISSING` if none holds."""
    levels = np.full(len(conditions[0]), MISSING, dtype=np.int8)
    for level, holds in reversed([*enumerate(conditions)]):
        levels[holds] = level
    return levels


def steps(similarity: Scores | Floats, at: Sequence[float]) -> list[Flags]:
    """Return for each threshold which pairs reach it; NaN reaches none."""
    return [np.asarray(similarity >= least - ROUNDING) for least in at]


def graded(
    pairs: Pairs,
    column: str,
    similarity: Callable[[list[str], list[str]], Scores],
    at: Sequence[float],
) -> Levels:
    """Return the levels same, one per threshold of a similarity, and different."""
    same = pairs.equal(column)
    reached = steps(pairs.apply(column, similarity, ~same), at)
    return first_level([same, *reached, pairs.known(column)])


def pairwise(
    left: list[str], right: list[str], scorer: Callable[..., float], cutoff: float | None = None
) -> Scores:
    """Return the score of each pair of texts."""
    scores = cpdist(left, right, scorer=scorer, score_cutoff=cutoff, dtype=np.float32, workers=-1)
    return np.asarray(scores, dtype=np.float32)


def slips(left: list[str], right: list[str]) -> Scores:
    """Return the number of edits between two texts, 2 if it is more than one."""
    return pairwise(left, right, OSA.distance, cutoff=1)


def numbers(
    pairs: Pairs, column: str, read: Callable[["pd.Series[str]"], "pd.Series[float]"]
) -> tuple[Floats, Floats]:
    """Return the values of both records as numbers, NaN if missing or not a number."""
    if not pairs.has(column):
        nothing = np.full(len(pairs), np.nan)
        return nothing, nothing
    both = np.concatenate([pairs.left[column], pairs.right[column]])
    used, place = np.unique(both, return_inverse=True)
    texts = np.concatenate([pairs.columns[column].values, _NOTHING])[used]
    values = np.asarray(read(pd.Series(texts, dtype=object)), dtype=np.float64)[place]
    left, right = values.reshape(2, -1)
    return left, right


def shared_tokens(
    left: list[str], right: list[str], tokens: Callable[[str], Sequence[str]]
) -> tuple[Floats, Floats, Floats]:
    """Return the inner product of token counts of each pair, and the squared norm of each side."""
    codes, texts = pd.factorize(np.array([*left, *right], dtype=object))
    words = [tokens(text) for text in texts.tolist()]
    number, _ = pd.factorize(np.array([w for part in words for w in part], dtype=object))
    start = np.concatenate([[0], np.cumsum([len(part) for part in words])])
    width = max(int(number.max(initial=0)) + 1, 1)
    table = csr_array((np.ones(len(number)), number, start), shape=(len(words), width))
    table.sum_duplicates()
    every = np.ones(width)
    norm = np.asarray(table.multiply(table) @ every, dtype=np.float64)
    one, other = codes.reshape(2, -1)
    inner = np.asarray(table[one].multiply(table[other]) @ every, dtype=np.float64)
    return inner, norm[one], norm[other]


def cosine(left: list[str], right: list[str], tokens: Callable[[str], Sequence[str]]) -> Scores:
    """Return the cosine of the token counts of each pair of texts."""
    inner, one, other = shared_tokens(left, right, tokens)
    return np.asarray(inner / np.sqrt(np.maximum(one * other, 1.0)), dtype=np.float32)


def check_order(name: str, thresholds: Sequence[float], *, increasing: bool) -> None:
    """Raise ConfigError if thresholds are not positive and strictly ordered."""
    order = [*thresholds] if increasing else [*reversed(thresholds)]
    if not order or order[0] <= 0 or any(b <= a for a, b in adjacent(order)):
        way = "increase" if increasing else "decrease"
        hint = "within=(1, 30)" if increasing else "at=(0.9, 0.7)"
        message = f"thresholds of {name!r} must be positive and {way}, got {tuple(thresholds)}"
        raise ConfigError(f"{message}. Hint: {hint}")
