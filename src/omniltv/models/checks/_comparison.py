"""Leave-one-out predictive densities, and the comparison of fits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from omniltv._options import Level, Many, Seed, checked
from omniltv.data.history import PurchaseHistory
from omniltv.data.holdout import CalibrationHoldout
from omniltv.errors import ConfigError, DataError
from omniltv.models.checks._coverage import cover_of, simulate_futures
from omniltv.models.checks._log_score import is_exact, score_of
from omniltv.models.checks._ranking import ranking
from omniltv.models.checks._shared import LEVELS, Floats, Shown, check_unit, error_of_sum
from omniltv.models.checks.psis import leave_one_out
from omniltv.models.posterior._groups import group_labels
from omniltv.models.posterior.fits import PurchaseFit

__all__ = ["FitComparison", "Loo", "compare", "loo"]

_BAD_KHAT = 0.7
_SAME = 1e-9
_FEWEST = 100  # draws needed to fit the tail


@checked
@dataclass(frozen=True, eq=False)
class Loo:
    """Leave-one-out predictive densities of the rows of a fit; made by `loo`.

    Attributes:
        values: Expected log predictive density of each row, of shape (n_rows,).
        khat: Pareto k-hat of each row, same shape; above 0.7 the value is unreliable.
        effective: Effective number of parameters of each row, same shape.

    Examples:
        >>> Loo(np.array([-0.7, -1.1, -0.2]), np.full(3, 0.1), np.full(3, 0.2))
        Loo(elpd -2.0 ± 0.6, p_loo 0.6, 0.0% bad k-hat)
    """

    values: Floats = field(repr=False)
    khat: Floats = field(repr=False)
    effective: Floats = field(repr=False)

    @property
    def elpd(self) -> float:
        """Expected log predictive density of all rows; the higher the better."""
        return float(self.values.sum())

    @property
    def error(self) -> float:
        """Standard error of ``elpd``."""
        return error_of_sum(self.values)

    @property
    def parameters(self) -> float:
        """Effective number of parameters (p_loo)."""
        return float(self.effective.sum())

    @property
    def bad(self) -> float:
        """Share of rows with k-hat above 0.7."""
        return float(np.mean(self.khat > _BAD_KHAT))

    def __repr__(self) -> str:
        told = f"elpd {self.elpd:,.1f} ± {self.error:,.1f}, p_loo {self.parameters:.1f}"
        return f"Loo({told}, {self.bad:.1%} bad k-hat)"


@checked
def loo(fit: PurchaseFit, history: PurchaseHistory) -> Loo:
    """Return leave-one-out predictive densities by Pareto-smoothed importance sampling.

    Vehtari, Gelman and Gabry (2017), Practical Bayesian model evaluation using leave-one-out
    cross-validation and WAIC, Statistics and Computing 27(5). Rows with the same state have
    the same value, which is computed once.

    Args:
        fit: The posterior of a purchase model.
        history: The history of the fit.

    Raises:
        DataError: If the history cannot be that of the fit.
        UnitError: If history and fit have different units of time.
        ConfigError: If the fit has fewer than 100 draws.

    Examples:
        >>> from omniltv.models import BgNbd, fit
        >>> truth = {"r": 0.7, "alpha": 6.0, "a": 0.7, "b": 2.5}
        >>> x, t, T = BgNbd().simulate(truth, np.full(150, 40.0), np.random.default_rng(7))
        >>> history = PurchaseHistory(np.arange(150), x, t, T, x * np.nan, "week")
        >>> found = loo(fit(BgNbd(), history, seed=1, method="laplace"), history)
        >>> found.bad, 0 < found.parameters < 6
        (0.0, True)
    """
    _check_fitted(fit, history)
    if fit.n_draws < _FEWEST:
        message = f"loo needs {_FEWEST} posterior draws, got {fit.n_draws}"
        raise ConfigError(f'{message}. Hint: fit(..., method=Sampling("laplace", draws=1000))')
    effective = min(fit.diagnostics.ess_bulk.values(), default=float(fit.n_draws))
    relative = min(effective / fit.n_draws, 1.0)
    loglik = fit.log_likelihood(history)
    found = np.zeros((3, loglik.n_states))
    for states, block in loglik.blocks():
        found[0, states] = block[:, 0]
        moves = np.flatnonzero(np.ptp(block, axis=1) > _SAME)  # not customers of the last day
        if len(moves):
            place = np.arange(loglik.n_states)[states][moves]
            found[:, place] = leave_one_out(block[moves], relative)
    values, khat, moved = found[:, loglik.index]
    return Loo(values, khat, moved)


@checked
@dataclass(frozen=True, eq=False, repr=False)
class FitComparison(Shown):
    """A comparison of fits, the best first; made by `compare`.

    Attributes:
        names: Names of the fits, the best first.
        table: The other columns by name, each of shape (n_fits,).

    Examples:
        >>> compared = FitComparison(("mbg_nbd", "bg_nbd"), {"elpd_loo": np.array([-90.5, -94.0])})
        >>> compared.best, compared.columns()["fit"].tolist()
        ('mbg_nbd', ['mbg_nbd', 'bg_nbd'])
    """

    names: tuple[str, ...]
    table: Mapping[str, NDArray[np.generic]]

    @property
    def best(self) -> str:
        """The name of the fit with the highest elpd."""
        return self.names[0]

    def columns(self) -> Mapping[str, NDArray[np.generic]]:
        """Return one row per fit."""
        return {"fit": np.array(self.names), **self.table}


@checked
def compare(
    fits: Mapping[str, PurchaseFit],
    history: PurchaseHistory | CalibrationHoldout,
    *,
    seed: Seed,
    draws: Many = 500,
    levels: Sequence[Level] = LEVELS,
) -> FitComparison:
    """Return how well several fits of one history predict, the best first.

    Fits are ordered by ``elpd_loo`` (see `loo`), which uses the calibration period and needs no
    holdout. ``difference`` is the difference from the best fit, and ``difference_error`` its
    standard error over rows. A difference below two standard errors is weak evidence. With a
    holdout, the table also has ``log_score`` (see `holdout_log_score`; exact if it can be for all
    fits, else simulated for all, so that it is comparable), the mean continuous ranked probability
    score ``crps`` of the purchases (the lower the better), root mean square error and correlation
    of the expected purchases, their total and the actual total, the Gini coefficient (see
    `ranking`) and the share of rows in predictive intervals (see `coverage`).

    Args:
        fits: Fits of one history by name; models and poolings may differ.
        history: The history of the fits, or the split that it comes from.
        seed: Seed of the simulated futures in the holdout, the same for each fit.
        draws: Number of futures of each row.
        levels: Levels of the predictive intervals.

    Raises:
        DataError: If the history cannot be that of a fit.
        UnitError: If fits and history have different units of time.
        ConfigError: If there are no fits, or densities would be compared with probabilities.

    Examples:
        >>> from omniltv.models import BgNbd, MbgNbd, fit
        >>> truth = {"r": 1.5, "alpha": 6.0, "a": 1.2, "b": 2.5}
        >>> x, t, T = MbgNbd().simulate(truth, np.full(400, 40.0), np.random.default_rng(8))
        >>> history = PurchaseHistory(np.arange(400), x, t, T, x * np.nan, "week")
        >>> models = {"coin after repeat": BgNbd(), "coin at once": MbgNbd()}
        >>> fits = {name: fit(model, history, seed=1, method="laplace")
        ...         for name, model in models.items()}
        >>> compare(fits, history, seed=1).best
        'coin at once'
    """
    holdout = history if isinstance(history, CalibrationHoldout) else None
    rows = holdout.calibration if holdout is not None else history
    assert isinstance(rows, PurchaseHistory)
    _check_comparable(fits, rows)
    left_out = {name: loo(found, rows) for name, found in fits.items()}
    names = sorted(fits, key=lambda name: -left_out[name].elpd)
    best = left_out[names[0]].values
    lines: list[dict[str, float]] = [_standing(left_out[name], best) for name in names]
    if holdout is not None:
        exact = all(is_exact(found, holdout) for found in fits.values())
        how = _How(seed, draws, tuple(levels), exact)
        for name, line in zip(names, lines, strict=True):
            line.update(_of_holdout(fits[name], holdout, how))
    table: dict[str, NDArray[np.generic]] = {
        "model": np.array([fits[name].model.name for name in names]),
        "pooling": np.array([_pooled(fits[name]) for name in names]),
    }
    table |= {key: np.array([line[key] for line in lines]) for key in lines[0]}
    return FitComparison(tuple(names), table)


def _standing(own: Loo, best: Floats) -> dict[str, float]:
    difference = own.values - best
    return {
        "elpd_loo": own.elpd,
        "error": own.error,
        "difference": float(difference.sum()),
        "difference_error": error_of_sum(difference),
        "p_loo": own.parameters,
        "bad_khat": own.bad,
    }


class _How(NamedTuple):
    """How fits are compared in a holdout."""

    seed: Seed
    draws: int
    levels: tuple[float, ...]
    exact: bool


def _of_holdout(fit: PurchaseFit, holdout: CalibrationHoldout, how: _How) -> dict[str, float]:
    futures = simulate_futures(fit, holdout, seed=how.seed, draws=how.draws)
    covered = cover_of(futures, how.levels, how.seed)
    actual = futures.actual["purchases"]
    expected = fit.expected_purchases(holdout.calibration, holdout.holdout_span).mean()
    varies = actual.std() > 0 and expected.std() > 0
    score = score_of(fit, holdout, lambda: futures, exact=how.exact)
    return {
        "log_score": score.total,
        "log_score_exact": score.exact,
        "crps": float(futures.crps.mean()),
        "rmse": float(np.sqrt(np.square(expected - actual).mean())),
        "correlation": float(np.corrcoef(expected, actual)[0, 1]) if varies else np.nan,
        "expected_total": float(expected.sum()),
        "actual_total": float(actual.sum()),
        "gini": ranking(expected, actual).gini if varies else np.nan,
        **{f"coverage_{100 * level:g}": covered.share(level) for level in how.levels},
    }


def _pooled(fit: PurchaseFit) -> str:
    terms = ", ".join(fit.pooling.by)
    return f"{fit.pooling.kind} by {terms}" if terms else str(fit.pooling.kind)


def _check_comparable(fits: Mapping[str, PurchaseFit], history: PurchaseHistory) -> None:
    if not fits:
        raise ConfigError('nothing to compare. Hint: compare({"bg_nbd": found}, history, seed=1)')
    for found in fits.values():
        _check_fitted(found, history)
    if len({found.model.discrete for found in fits.values()}) > 1:
        message = "probabilities (discrete time) and densities (continuous time) are not comparable"
        raise ConfigError(f"{message}. Hint: compare each kind separately")


def _check_fitted(fit: PurchaseFit, history: PurchaseHistory) -> None:
    """Raise an error if a history cannot be that of the fit."""
    check_unit(fit, history)
    hint = "pass the history that was given to fit"
    if {str(label) for label in np.unique(group_labels(history, fit.pooling))} != set(fit.groups):
        column = " x ".join(fit.pooling.by)
        raise DataError("not the groups of the fit", column=column, hint=hint)
    for effect in fit.effects:
        values = effect.values(history)
        if not np.isclose(values.mean(), 0.0, atol=1e-6):
            problem = "not the values of the fit"
            raise DataError(problem, column=effect.covariate, hint=hint)
