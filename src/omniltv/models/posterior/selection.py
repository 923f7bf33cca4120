"""Signs that customers were selected or duplicated before they came into the history.

A fit describes all customers only if all customers are in the data. Exports often leave some
out: one-time buyers, or customers who have not bought for a year. `fit` compares the history
with the fitted model and says so in its diagnostics.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from omniltv._arrays import Matrix, Vector
from omniltv._frames import Table, Tabular
from omniltv._options import Seed, checked
from omniltv.data.history import PurchaseHistory
from omniltv.models.posterior.fits import PurchaseFit
from omniltv.models.processes._selection import prob_fewer
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import Parameters

__all__ = ["Finding", "Selection", "selection"]

_ALARM = 1e-7  # p-value of a finding; there are three
_DOUBT = 1e-8  # tail in which a simulated count is doubted
_DRAWS = 8
_COUNTED, _SIMULATED = 2_000, 20_000  # customers for whom the model is evaluated
_MOST_COUNTS = 10  # numbers of purchases whose probabilities are added up
_LARGEST_COLLISION = 0.01  # chance that two customers have one mean value, by fixed prices
_TIMES = 10  # as many equal rows as expected, or one in so many of the expected customers
_SHARE = 0.01


@checked
@dataclass(frozen=True, slots=True)
class Finding:
    """One comparison of the history with what is expected.

    Attributes:
        check: ``"few purchases"``, ``"long silence"`` or ``"equal rows"``.
        actual: Number of customers in the history.
        expected: Expected number.
        p_value: Probability of a number at least as far from the expected one.
        alarm: Whether it is a problem.
        sentence: What is found, and what to do.

    Examples:
        >>> Finding("few purchases", 0, 210.4, 1e-92, True, "no one-time buyers").alarm
        True
    """

    check: str
    actual: int
    expected: float
    p_value: float
    alarm: bool
    sentence: str


@checked
@dataclass(frozen=True, eq=False, repr=False)
class Selection(Tabular):
    """Whether customers look selected or duplicated; made by `selection`.

    Attributes:
        findings: One comparison per check.

    Examples:
        >>> found = Selection((Finding("few purchases", 0, 210.4, 1e-92, True, "selected"),))
        >>> found.problems
        ('selected',)
    """

    findings: tuple[Finding, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """The problems found, one sentence each; empty if there are none."""
        return tuple(finding.sentence for finding in self.findings if finding.alarm)

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return one row per check."""
        names = ("check", "actual", "expected", "p_value", "alarm")
        return {name: np.array([getattr(one, name) for one in self.findings]) for name in names}

    def __repr__(self) -> str:
        return repr(Table(self.columns()))


@checked
def selection(fit: PurchaseFit, history: PurchaseHistory, *, seed: Seed) -> Selection:
    """Return whether the customers of a fit look selected or duplicated.

    Three numbers of customers are compared with what is expected:

    - *few purchases*: customers with fewer repeat purchases than almost all others have. If
      there are customers without repeat purchases, it is these. The expected number is that
      of the fitted model.
    - *long silence*: customers who have been silent for longer than anybody in the history,
      so the actual number is 0. The expected number is simulated from the fitted model.
    - *equal rows*: customers who equal another customer in groups, covariates, frequency,
      recency, T and mean value. The expected number is that of independent mean values,
      given the frequency.

    If the fitted model is right and nobody was left out, the probability of any alarm is
    below 1e-6 (a posterior predictive p-value below 1e-7 for each check). So that a model
    that fits badly is not taken for a selected sample, an alarm also needs fewer than a tenth
    of the expected customers, or ten times as many equal rows as expected.

    Args:
        fit: The posterior of a purchase model.
        history: The history of the fit.
        seed: Seed of the simulation.

    Raises:
        DataError: If a group column or covariate of the fit is missing.

    Examples:
        >>> from omniltv.models import BgNbd, fit
        >>> truth = {"r": 0.8, "alpha": 6.0, "a": 0.7, "b": 2.5}
        >>> rng = np.random.default_rng(1)
        >>> x, recency, T = BgNbd().simulate(truth, np.full(2_000, 40.0), rng)
        >>> every = PurchaseHistory(np.arange(2_000), x, recency, T, x * np.nan, "week")
        >>> selection(fit(BgNbd(), every, seed=1, method="map"), every, seed=1).problems
        ()
    """
    rng = np.random.default_rng(seed)
    picked = np.unique(np.arange(_DRAWS) * fit.n_draws // _DRAWS)
    return Selection(
        (
            _few_purchases(fit, history, picked, rng),
            _long_silence(fit, history, picked, rng),
            _equal_rows(history),
        )
    )


def _few_purchases(
    fit: PurchaseFit, history: PurchaseHistory, picked: NDArray[np.intp], rng: np.random.Generator
) -> Finding:
    """Compare customers with few repeat purchases with those that the model expects."""
    low, x = history.at_least, history.frequency
    most = low + _MOST_COUNTS
    count = int(np.clip(x.min(initial=most), low + 1, most))
    rows, times = _some(np.arange(len(history)), _COUNTED, rng)
    some = history.take(rows)
    parameters = fit.cells(some).parameters(picked)
    below = _share_below(fit, parameters, some.T, low)
    share = (_share_below(fit, parameters, some.T, count) - below) / (1 - below)
    expected = times * share.sum(axis=0)
    actual, mean = int((x < count).sum()), float(expected.mean())
    p_value = float(np.mean(stats.poisson.cdf(actual, expected)))
    who = "no repeat purchase" if count == 1 else f"fewer than {count} repeat purchases"
    sentence = (
        f"{actual:,} of {len(x):,} customers have {who}, and the model expects {mean:,.0f}: the "
        "customers look selected by their purchases. Hint: add those who were left out, or "
        f"fit history.selected(at_least={count})"
    )
    alarm = p_value < _ALARM and actual < mean / _TIMES
    return Finding("few purchases", actual, mean, p_value, alarm, sentence)


def _long_silence(
    fit: PurchaseFit, history: PurchaseHistory, picked: NDArray[np.intp], rng: np.random.Generator
) -> Finding:
    """Compare the longest silence with those that the model expects."""
    longest = float((history.T - history.recency).max(initial=0.0))
    rows, times = _some(np.flatnonzero(longest < history.T), _SIMULATED, rng)
    some = history.take(rows)
    parameters = fit.cells(some).parameters(picked)
    kept = 1 - _share_below(fit, parameters, some.T, history.at_least)
    expected, sure = np.zeros((2, len(picked)))
    for draw in range(len(picked)):
        own = {name: values[:, draw] for name, values in parameters.items()}
        x, recency, _ = fit.model.simulate(own, some.T, rng)
        silent = (some.T - recency > longest) & (np.asarray(x) >= history.at_least)
        n = silent.sum()
        expected[draw] = times * (silent / kept[:, draw]).sum()
        sure[draw] = expected[draw] * stats.gamma.ppf(_DOUBT, n) / n if n else 0.0
    mean, p_value = float(expected.mean()), float(np.exp(-sure).mean())
    span = f"{longest:,.3g} {fit.unit}s"
    sentence = (
        f"no customer has been silent for longer than {span}, and the model expects {mean:,.0f}: "
        "the customers look selected by their last purchase. Hint: add those who were left out"
    )
    return Finding("long silence", 0, mean, p_value, p_value < _ALARM, sentence)


def _equal_rows(history: PurchaseHistory) -> Finding:
    """Compare customers who equal another one with those expected by chance."""
    rows = np.flatnonzero((history.frequency > 0) & ~np.isnan(history.monetary_value))
    some = history.take(rows)
    keys = pd.DataFrame(
        {"x": some.frequency, "value": some.monetary_value, "state": some.distinct().index}
    )
    in_state, in_value, alike, of_x = (
        keys.groupby(by)["x"].transform("size").to_numpy(dtype=np.float64)
        for by in (["state"], ["x", "value"], ["state", "value"], ["x"])
    )
    collision = (in_value - 1) / np.maximum(of_x - 1, 1)
    fixed = keys.assign(hit=collision).groupby("x")["hit"].transform("mean").to_numpy()
    told = fixed < _LARGEST_COLLISION
    elsewhere = (in_value - alike) / np.maximum(of_x - in_state, 1)
    expected = float(np.minimum((in_state - 1) * elsewhere, 1.0)[told].sum())
    actual = int((alike > 1)[told].sum())
    p_value = float(stats.poisson.sf((actual + 1) // 2 - 1, expected / 2)) if actual else 1.0
    sentence = (
        f"{actual:,} customers equal another in frequency, recency, T and mean value, and "
        f"{expected:,.0f} are expected by chance: they may be duplicates. Hint: stitch(records) "
        "finds the records of one customer"
    )
    many = actual > max(_TIMES * expected, _SHARE * len(rows))
    return Finding("equal rows", actual, expected, p_value, p_value < _ALARM and many, sentence)


def _share_below(fit: PurchaseFit, parameters: Parameters, T: Vector, count: int) -> Matrix:
    """Return the probability of fewer than so many purchases, of shape (n_rows, n_draws)."""
    if not count:
        return np.zeros(next(iter(parameters.values())).shape)
    return np.asarray(prob_fewer(NUMPY, fit.model, parameters, T[:, None], count))


def _some(
    rows: NDArray[np.intp], most: int, rng: np.random.Generator
) -> tuple[NDArray[np.intp], float]:
    """Return at most so many rows, drawn at random, and how many each stands for."""
    if len(rows) <= most:
        return rows, 1.0
    return rng.choice(rows, most, replace=False), len(rows) / most
