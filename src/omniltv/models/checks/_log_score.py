"""The log score of the purchases in a holdout."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniltv._options import Many, Seed, checked
from omniltv.data.holdout import CalibrationHoldout
from omniltv.draws import RowDraws
from omniltv.models.checks._coverage import Futures, simulate_futures
from omniltv.models.checks._shared import Floats, Integers, check_unit, error_of_sum
from omniltv.models.posterior._ahead import AHEAD, with_ahead
from omniltv.models.posterior._interpolate import Cells, over_draws
from omniltv.models.posterior._later import LaterCounts
from omniltv.models.posterior.draws import evenly
from omniltv.models.posterior.fits import PurchaseFit
from omniltv.models.posterior.state_columns import purchase_state
from omniltv.models.processes.protocols import CountModel, Parameters, PurchaseState

__all__ = ["LogScore", "holdout_log_score", "is_exact", "score_of"]

type _Probability = Callable[[Parameters, PurchaseState, Floats, Integers], Floats]

_TRIED, _TRIED_DRAWS = 50, 4
_TINY = 1e-300


@checked
@dataclass(frozen=True, eq=False)
class LogScore:
    """The log predictive probability of a holdout; made by `holdout_log_score`.

    Attributes:
        values: Log predictive probability of each row's purchases, of shape (n_rows,).
        exact: Whether they are exact given the draws. If not, they are partly simulated and
            too low.

    Examples:
        >>> LogScore(np.array([-0.7, -1.1, -0.2]), exact=True)
        LogScore(-2.0 ± 0.6, 3 rows)
    """

    values: Floats
    exact: bool

    @property
    def total(self) -> float:
        """The sum over rows; the higher the better."""
        return float(self.values.sum())

    @property
    def error(self) -> float:
        """Standard error of the sum over customers."""
        return error_of_sum(self.values)

    def __repr__(self) -> str:
        how = "" if self.exact else ", simulated"
        return f"LogScore({self.total:,.1f} ± {self.error:,.1f}, {len(self.values):,} rows{how})"


@checked
def holdout_log_score(
    fit: PurchaseFit, holdout: CalibrationHoldout, *, seed: Seed, draws: Many = 2000
) -> LogScore:
    """Return the log predictive probability of each row's holdout purchases.

    The probability is averaged over all posterior draws. It is exact under each of them, up to an
    interpolation whose error is at most the Monte Carlo error of the average. The
    probability of no purchase is the likelihood of the same history observed until the end
    of the holdout, divided by that until its start. The probability of n > 0 purchases is
    the integral over the time s of the last one of the likelihood of x + n purchases until
    s, times (s - T)^(n - 1) / (n - 1)!, divided by the same; in discrete time it is a sum.
    This holds if the likelihood is the density of all purchase times, which is tested first
    by the probability of the next purchase.

    If it does not hold (regular purchases), the integral is replaced by the share of n among
    the simulated futures with a purchase. It is smoothed with one additional future, with
    probabilities m / ((m + n - 1)(m + n)) where m is the mean of the others, so no count has
    probability 0. Counts rarer than 1 in M futures are then estimated poorly, and the score
    is too low: for the BG/NBD on CDNOW, where both can be computed, by 2.0 % with 500 futures
    and by 1.2 % with 2,000. Compare such scores only with each other; `compare` does, and shows
    the CRPS beside them, for which simulated futures are enough.

    Args:
        fit: The posterior of a purchase model, fitted to the calibration.
        holdout: The result of `PurchaseLog.split`.
        seed: Seed of the simulated futures, if they are needed.
        draws: Number of futures of each row, under evenly spaced posterior draws.

    Raises:
        UnitError: If history and fit have different units of time.

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


def is_exact(fit: PurchaseFit, holdout: CalibrationHoldout) -> bool:
    """Return whether the log score of a fit is exact given the draws."""
    return _Nodes.of(fit, holdout).exact()


def score_of(
    fit: PurchaseFit,
    holdout: CalibrationHoldout,
    futures: Callable[[], Futures],
    *,
    exact: bool | None = None,
) -> LogScore:
    """Return the log score of each row; futures are simulated only if they are needed.

    ``exact`` chooses the estimator; if None, the score is exact if it can be.
    """
    later = holdout.holdout_frequency
    nodes = _Nodes.of(fit, holdout)
    some = later > 0
    score = np.empty(len(later))
    score[~some] = np.log(nodes.probability(np.flatnonzero(~some)))
    exact = nodes.exact() if exact is None else exact
    if some.any() and exact:
        score[some] = np.log(nodes.probability(np.flatnonzero(some)))
    elif some.any():
        none = nodes.probability(np.arange(len(later)), later=0 * later)
        score[some] = np.log1p(-np.minimum(none, 1 - 1e-15))[some]
        score[some] += np.log(_share(futures())[some])
    return LogScore(score, exact)


def _share(futures: Futures) -> Floats:
    """Return the smoothed share of the actual count among the futures with a purchase."""
    later = np.maximum(futures.actual["purchases"], 1)
    mean = (futures.bought + 1) / (futures.buying + 1)
    prior = mean / ((mean + later - 1) * (mean + later))
    return np.asarray((futures.equal["purchases"] + prior) / (futures.buying + 1))


@dataclass(frozen=True, eq=False)
class _Nodes:
    """Quadrature over the time of the last purchase of a holdout.

    Attributes:
        fit: The posterior.
        holdout: The calibration and the holdout.
        cells: The cell of each row.
        counts: The nodes.
    """

    fit: PurchaseFit
    holdout: CalibrationHoldout
    cells: Cells
    counts: LaterCounts

    @classmethod
    def of(cls, fit: PurchaseFit, holdout: CalibrationHoldout) -> "_Nodes":
        """Return the nodes of a holdout."""
        history, span = holdout.calibration, holdout.holdout_span
        cells = with_ahead(fit.cells(history), history, span, fit.unit)
        most = int(holdout.holdout_frequency.max(initial=0))
        return cls(fit, holdout, cells, LaterCounts.of(fit.model, span.to(fit.unit), most))

    def probability(self, rows: NDArray[np.intp], *, later: Integers | None = None) -> Floats:
        """Return the predictive probability of the purchases of each row, of shape (rows,).

        Args:
            rows: Rows, either all without or all with a purchase.
            later: Purchases of every row; the actual ones if None.
        """
        history, n_draws = self.holdout.calibration, self.fit.n_draws
        counts = self.holdout.holdout_frequency if later is None else later
        state = history.distinct().index[rows]
        code = state * (counts.max() + 1) + counts[rows]
        _, first, place = np.unique(code, return_index=True, return_inverse=True)
        kept, probability = rows[first], self._probability(counts[rows])

        def exact(parameters: Parameters, which: NDArray[np.intp]) -> Floats:
            given, span = purchase_state(history, kept[which]), parameters[AHEAD]
            found = probability(parameters, given, span, counts[kept[which]])
            return np.log(np.clip(found, _TINY, 1.0))

        close = 1 / np.sqrt(n_draws)
        log_values = over_draws(exact, self.cells.take(kept), n_draws, tolerance=close)
        every = np.arange(len(kept))

        def evaluate(some: slice, of_draws: slice) -> Floats:
            return np.exp(log_values(every[some], of_draws))

        return RowDraws(evaluate, place, len(kept), n_draws).mean()

    def _probability(self, later: Integers) -> _Probability:
        """Return the formula of the model if it has one that is exact, else the quadrature."""
        model = self.fit.model
        if not later.any() or not isinstance(model, CountModel) or not self.exact():
            return self.counts.probability

        def formula(
            parameters: Parameters, state: PurchaseState, span: Floats, later: Integers
        ) -> Floats:
            return model.prob_purchases(parameters, state, span, later[:, None])

        return formula

    def exact(self) -> bool:
        """Return whether the likelihood is the density of all purchase times."""
        history = self.holdout.calibration
        rows = np.unique(np.linspace(0, len(history) - 1, _TRIED).astype(np.intp))
        parameters = self.cells.take(rows).parameters(evenly(_TRIED_DRAWS, self.fit.n_draws))
        return self.counts.is_density(parameters, purchase_state(history, rows), parameters[AHEAD])
