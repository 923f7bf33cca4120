"""How far an estimate may lie from the truth by chance.

A statistical test of a right program fails with a probability of at most `FALSE_ALARM` in one
run, a tenth of the 1e-5 that a test may have: the rest is for what is Normal only nearly. A test
that compares several numbers shares it among them (Bonferroni); `comparisons` is how many
numbers the whole test compares, all its parameters included.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri
from scipy.stats import binom

FALSE_ALARM = 1e-6


def sigmas(comparisons: int = 1) -> float:
    """Return how many standard errors an estimate may be off: 4.9 for one, 5.7 for a hundred."""
    return float(-ndtri(FALSE_ALARM / comparisons / 2))


def correlation_error(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the standard error of the correlation of two columns, whatever their law."""
    a, b = ((values - values.mean()) / values.std() for values in (one, other))
    influence = a * b - (a * b).mean() * (a**2 + b**2) / 2
    return float(influence.std() / np.sqrt(len(a)))


def assert_shares(seen: ArrayLike, p: ArrayLike, *, n: int, comparisons: int = 1) -> None:
    """Require that shares of n independent trials come from these probabilities (binomial)."""
    tail = FALSE_ALARM / comparisons / 2
    found, wanted = (np.asarray(values, dtype=np.float64) for values in (seen, p))
    low, high = (np.asarray(binom.ppf(at, n, wanted)) / n for at in (tail, 1 - tail))
    inside = (found >= low) & (found <= high)
    assert inside.all(), f"{found} for probabilities {wanted} of {n} trials"


def assert_share(hits: ArrayLike, p: float, *, comparisons: int = 1) -> None:
    """Require that independent trials, true where they succeed, do so with probability p."""
    found = np.asarray(hits, dtype=np.bool_)
    assert_shares(found.mean(), p, n=len(found), comparisons=comparisons)


def assert_mean(sample: ArrayLike, expected: ArrayLike, *, comparisons: int = 1) -> None:
    """Require that independent draws, one a row, have this mean in every column."""
    values = np.asarray(sample, dtype=np.float64)
    error = values.std(axis=0, ddof=1) / np.sqrt(len(values))
    off = np.abs(values.mean(axis=0) - np.asarray(expected, dtype=np.float64))
    assert (off <= sigmas(comparisons) * error).all(), f"off by {off}, standard error {error}"


def assert_same_law(
    one: ArrayLike, other: ArrayLike, *, sizes: tuple[float, float], comparisons: int = 1
) -> None:
    """Require that two samples of so many effective draws have equal means and spreads.

    Draws stand along the first axis. The standard error of a mean is sd / sqrt(n), that of the
    logarithm of an sd sqrt((kurtosis - 1) / 4 n).
    """
    a, b = (np.asarray(values, dtype=np.float64) for values in (one, other))
    reach = sigmas(2 * comparisons) * np.sqrt(sum(1 / size for size in sizes))
    sd = b.std(axis=0)
    assert (np.abs(a.mean(axis=0) - b.mean(axis=0)) <= reach * sd).all()
    kurtosis = (((b - b.mean(axis=0)) / sd) ** 4).mean(axis=0)
    assert (np.abs(np.log(a.std(axis=0) / sd)) <= reach * np.sqrt((kurtosis - 1) / 4)).all()


def assert_plausible(p_values: ArrayLike, *, comparisons: int | None = None) -> None:
    """Require that no p-value is so small that chance does not explain it."""
    found = np.atleast_1d(np.asarray(p_values, dtype=np.float64))
    assert found.min() > FALSE_ALARM / (comparisons or found.size), f"p = {found.min():.2g}"
