"""The log score of what customers did in a holdout."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from omniltv.data.log import CalibrationHoldout
from omniltv.draws import RowDraws
from omniltv.models.checks._coverage import Futures, simulate_futures
from omniltv.models.checks._shared import Floats, Integers, check_unit, error_of_sum, evenly
from omniltv.models.posterior._interpolate import Cells, over_draws
from omniltv.models.posterior.fits import PurchaseFit, purchase_state
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import Parameters, PurchaseState

__all__ = ["LogScore", "holdout_log_score", "score_of"]

_NODES = 24  # of integrals over the holdout, and one more for every eighth purchase
_TRIED, _TRIED_DRAWS, _CLOSE = 50, 4, 1e-4
_TINY = 1e-300


@dataclass(frozen=True, eq=False)
class LogScore:
    """How probable the holdout was; made by `holdout_log_score`.

    Attributes:
        values: Log predictive probability of each row's purchases, of shape (n_rows,).
        exact: Whether they are exact given the draws, or partly simulated and then too low.
    """

    values: Floats
    exact: bool

    @property
    def total(self) -> float:
        """The sum over rows; the higher the better."""
        return float(self.values.sum())

    @property
    def error(self) -> float:
        """Standard error of the sum, over other customers of the same kind."""
        return error_of_sum(self.values)

    def __repr__(self) -> str:
        how = "" if self.exact else ", simulated"
        return f"LogScore({self.total:,.1f} ± {self.error:,.1f}, {len(self.values):,} rows{how})"


def holdout_log_score(
    fit: PurchaseFit, holdout: CalibrationHoldout, *, seed: int, draws: int = 2000
) -> LogScore:
    """Return the log predictive probability of each row's holdout purchases.

    It is exact under each posterior draw, and averaged over all draws. The probability of
    none is the likelihood of the same history observed until the end of the holdout, over
    that until its start. The probability of n > 0 is the integral over the time s of the last
    of the likelihood of x + n purchases until s, times (s - T)^(n - 1) / (n - 1)!, over the
    same; in discrete time it is a sum. That is so where the likelihood is the density of all
    purchase times, which is tested first, by the probability of the next purchase.

    Where it is not (purchases at regular intervals), the share of n among simulated futures
    with some purchase takes the place of the integral: smoothed with one more future, spread
    as m / ((m + n - 1)(m + n)), m being the mean of the others, so that no count has
    probability 0. Counts that are rarer than 1 in M futures are then poorly known, and the
    score is too low: for the BG/NBD on CDNOW, where both can be had, by 2.0 % with 500
    futures, by 1.2 % with 2,000. Compare such scores with each other only.

    Args:
        fit: The posterior of a purchase model, fitted to the calibration.
        holdout: As `PurchaseLog.split` gives it.
        seed: Of the simulated futures, where they are needed.
        draws: How many futures of each row, under posterior draws evenly spread.

    Raises:
        UnitError: If history and fit count time in different units.

    Examples:
        >>> from omniltv.data import PurchaseHistory
        >>> from omniltv.models import BgNbd, fit
        >>> from omniltv.units import Span, TimeUnit
        >>> truth, rng = {"r": 0.9, "alpha": 4.0, "a": 0.7, "b": 2.5}, np.random.default_rng(6)
        >>> state = BgNbd().simulate(truth, np.full(150, 40.0), rng)
        >>> later = np.bincount(BgNbd().simulate_future(truth, state, 20.0, rng).row, minlength=150)
        >>> history = PurchaseHistory(np.arange(150), *state, np.full(150, np.nan), "week")
        >>> split = CalibrationHoldout(history, later, later * 9.0, Span(20, TimeUnit.WEEK), 0)
        >>> found = fit(BgNbd(), history, seed=1, method="laplace")
        >>> holdout_log_score(found, split, seed=1).total < 0
        True
    """
    check_unit(fit, holdout.calibration)

    def futures() -> Futures:
        return simulate_futures(fit, holdout, seed=seed, draws=draws)

    return score_of(fit, holdout, futures)


def score_of(
    fit: PurchaseFit, holdout: CalibrationHoldout, futures: Callable[[], Futures]
) -> LogScore:
    """Return the log score of each row; what is simulated, is only where it has to be."""
    later = holdout.holdout_frequency
    nodes = _Nodes.of(fit, holdout)
    some = later > 0
    score = np.empty(len(later))
    score[~some] = np.log(nodes.probability(np.flatnonzero(~some)))
    exact = nodes.exact()
    if some.any() and exact:
        score[some] = np.log(nodes.probability(np.flatnonzero(some)))
    elif some.any():
        none = nodes.probability(np.arange(len(later)), later=0 * later)
        score[some] = np.log1p(-np.minimum(none, 1 - 1e-15))[some]
        score[some] += np.log(_share(futures())[some])
    return LogScore(score, exact)


def _share(futures: Futures) -> Floats:
    """Return the smoothed share of what happened among the futures with some purchase."""
    later = np.maximum(futures.actual["purchases"], 1)
    mean = (futures.bought + 1) / (futures.buying + 1)
    prior = mean / ((mean + later - 1) * (mean + later))
    return np.asarray((futures.equal["purchases"] + prior) / (futures.buying + 1))


@dataclass(frozen=True, eq=False)
class _Nodes:
    """Times of the last purchase of a holdout, to take integrals or sums over.

    Attributes:
        fit: The posterior.
        holdout: Whose calibration is the condition.
        cells: Where each row finds its parameters.
        span: Length of the holdout.
        offset: Times from its start, of shape (n_nodes,).
        log_weight: Log of what each counts, same shape.
    """

    fit: PurchaseFit
    holdout: CalibrationHoldout
    cells: Cells
    span: float
    offset: Floats
    log_weight: Floats

    @classmethod
    def of(cls, fit: PurchaseFit, holdout: CalibrationHoldout) -> "_Nodes":
        """Return every opportunity, or nodes that crowd against the start (Gauss-Legendre)."""
        span, cells = holdout.holdout_span.to(fit.unit), fit.cells(holdout.calibration)
        if fit.model.discrete:
            offset = np.arange(1.0, np.floor(span) + 1)
            return cls(fit, holdout, cells, span, offset, np.zeros(len(offset)))
        most = int(holdout.holdout_frequency.max(initial=0))
        points, weights = np.polynomial.legendre.leggauss(_NODES + most // 8)
        root = (points + 1) / 2
        return cls(fit, holdout, cells, span, span * root**2, np.log(weights * span * root))

    def probability(self, rows: NDArray[np.intp], *, later: Integers | None = None) -> Floats:
        """Return the predictive probability of what each row did, of shape (rows,).

        Args:
            rows: Rows, of which either none or all bought.
            later: Purchases of every row; what really happened where None.
        """
        history, n_draws = self.holdout.calibration, self.fit.n_draws
        counts = self.holdout.holdout_frequency if later is None else later
        state = history.distinct().index[rows]
        code = state * (counts.max() + 1) + counts[rows]
        _, first, place = np.unique(code, return_index=True, return_inverse=True)
        kept = rows[first]

        def exact(parameters: Parameters, which: NDArray[np.intp]) -> Floats:
            given = purchase_state(history, kept[which])
            return np.log(np.clip(self._given(parameters, given, counts[kept[which]]), _TINY, 1.0))

        log_values = over_draws(exact, self.cells.take(kept), n_draws)
        every = np.arange(len(kept))

        def evaluate(some: slice, of_draws: slice) -> Floats:
            return np.exp(log_values(every[some], of_draws))

        return RowDraws(evaluate, place, len(kept), n_draws).mean()

    def _given(self, parameters: Parameters, state: PurchaseState, later: Integers) -> Floats:
        """Return the probability of later purchases given parameters, (rows, draws)."""
        before = self._loglik(parameters, state)
        x, recency, T = state
        if not later.any():
            after = self._loglik(parameters, PurchaseState(x, recency, T + self.span))
            return np.exp(np.minimum(after - before, 0.0))
        n, total = later[:, None].astype(np.float64), np.zeros(before.shape)
        for offset, log_weight in zip(self.offset, self.log_weight, strict=True):
            possible = np.minimum(n, offset) if self._whole else n
            loglik = self._loglik(
                parameters, PurchaseState(x + possible, T + offset, T + self.span)
            )
            total += np.exp(loglik - before + self._log_ways(offset, n) + log_weight)
        return total

    def _log_ways(self, offset: float, n: Floats) -> Floats:
        """Return the log of the volume, or number, of times that n - 1 purchases can have."""
        if not self._whole:
            return np.asarray((n - 1) * np.log(offset) - special.gammaln(n))
        possible = np.minimum(n, offset)
        ways = special.gammaln(possible) + special.gammaln(offset - possible + 1)
        return np.asarray(np.where(n <= offset, special.gammaln(offset) - ways, -np.inf))

    def exact(self) -> bool:
        """Return whether the likelihood is the density of all purchase times.

        Then a history goes on in one of two ways: no purchase until the end of the holdout,
        or a next one at some time, after which nothing has yet been observed.
        """
        history = self.holdout.calibration
        rows = np.unique(np.linspace(0, len(history) - 1, _TRIED).astype(np.intp))
        parameters = self.cells.take(rows).parameters(evenly(_TRIED_DRAWS, self.fit.n_draws))
        x, _, T = state = purchase_state(history, rows)
        before = self._loglik(parameters, state)
        total = self._given(parameters, state, 0 * rows)
        for offset, log_weight in zip(self.offset, self.log_weight, strict=True):
            next_one = PurchaseState(x + 1, T + offset, T + offset)
            total = total + np.exp(self._loglik(parameters, next_one) - before + log_weight)
        return bool(np.abs(total - 1).max() < _CLOSE)

    @property
    def _whole(self) -> bool:
        return self.fit.model.discrete

    def _loglik(self, parameters: Parameters, state: PurchaseState) -> Floats:
        return np.asarray(self.fit.model.loglik(NUMPY, parameters, state), dtype=np.float64)
