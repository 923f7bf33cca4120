"""`fit`: from a model and a history to a posterior."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, overload
from warnings import warn

import numpy as np

from omniltv.data.history import PurchaseHistory
from omniltv.errors import ConfigError, DataError, DataWarning, FitError, FitWarning, expect
from omniltv.models.posterior.fits import PurchaseFit, SpendFit
from omniltv.models.posterior.pooling import Pooling
from omniltv.models.posterior.priors import Prior
from omniltv.models.processes.protocols import PurchaseModel, SpendModel

if TYPE_CHECKING:
    from pymc import Model as PymcModel

__all__ = ["METHODS", "Method", "fit", "to_pymc"]

type Method = Literal["nuts", "laplace", "map"]
"""How the posterior is found."""

METHODS: tuple[Method, ...] = ("nuts", "laplace", "map")
"""The methods of `fit`."""
_COMPLETE = Pooling.complete()
_FEW = 10


@overload
def fit(
    model: PurchaseModel,
    history: PurchaseHistory,
    *,
    seed: int,
    pooling: Pooling = ...,
    method: Method = ...,
    covariates: Mapping[str, Sequence[str]] | None = ...,
    priors: Mapping[str, Prior] | None = ...,
    spread_priors: Mapping[str, Prior] | None = ...,
    draws: int = ...,
    warmup: int = ...,
    chains: int = ...,
    progress: bool = ...,
) -> PurchaseFit: ...
@overload
def fit(
    model: SpendModel,
    history: PurchaseHistory,
    *,
    seed: int,
    pooling: Pooling = ...,
    method: Method = ...,
    covariates: Mapping[str, Sequence[str]] | None = ...,
    priors: Mapping[str, Prior] | None = ...,
    spread_priors: Mapping[str, Prior] | None = ...,
    draws: int = ...,
    warmup: int = ...,
    chains: int = ...,
    progress: bool = ...,
) -> SpendFit: ...
def fit(
    model: PurchaseModel | SpendModel,
    history: PurchaseHistory,
    *,
    seed: int,
    pooling: Pooling = _COMPLETE,
    method: Method = "nuts",
    covariates: Mapping[str, Sequence[str]] | None = None,
    priors: Mapping[str, Prior] | None = None,
    spread_priors: Mapping[str, Prior] | None = None,
    draws: int = 1000,
    warmup: int = 400,
    chains: int = 2,
    progress: bool = True,
) -> PurchaseFit | SpendFit:
    """Return the posterior of a model given a history.

    The posterior is sampled on the distinct states of the history, each weighted by
    how many rows have it: the same posterior as on the rows, at a fraction of the time.
    Where there are very many states a sample of them does, next to the exact quadratic
    around the mode; how far that is off is measured, see `Diagnostics.likelihood_error`, and
    where it is by more than 0.02 all states are used.

    Args:
        model: A purchase model such as `BgNbd`, or a spend model such as `GammaGamma`.
        history: One row per customer, or per customer and channel.
        seed: The same seed and data give the same draws.
        pooling: How the groups of a column of the history share strength.
        method: ``"nuts"``, the no-U-turn sampler (Hoffman and Gelman 2014); ``"laplace"``,
            the mode and curvature corrected by importance weights, which takes a fraction
            of the time and hands over to the sampler, saying so, where its k-hat is bad;
            ``"map"``, the mode alone, without uncertainty.
        covariates: Which covariates of the history move which coordinates of the model:
            ``{"log_rate": ["age", "member"]}``. They are standardised; their effects are
            per standard deviation.
        priors: Priors in the place of the model's own, by coordinate; for the effect of a
            covariate by ``"coordinate:covariate"``. See `omniltv.models.posterior.priors`.
        spread_priors: Priors of the spread between groups under partial pooling, by
            coordinate.
        draws: Draws per chain after warm-up; by Laplace as many times ``chains``.
        warmup: Warm-up draws per chain.
        chains: Chains, run in parallel where there are cores.
        progress: Whether to show a progress bar.

    Raises:
        FitError: If the history has no rows, or none with a repeat purchase (spend), or
            the posterior has no mode.
        DataError: If a group column is missing, or a mean value is not positive (spend).
        ConfigError: If an argument is not one that is known.

    Warns:
        DataWarning: If there are fewer than ten repeat purchases.
        FitWarning: If the diagnostics say not to trust the posterior, or Laplace hands
            over to the sampler.

    Examples:
        >>> from omniltv.models import BgNbd
        >>> of_customers = {"r": 0.8, "alpha": 6.0, "a": 0.7, "b": 2.5}
        >>> rng = np.random.default_rng(1)
        >>> x, recency, T = BgNbd().simulate(of_customers, np.full(300, 40.0), rng)
        >>> history = PurchaseHistory(np.arange(300), x, recency, T, x * np.nan, "week")
        >>> fit(BgNbd(), history, seed=1, progress=False)
        PurchaseFit(bg_nbd, complete pooling, 2,000 draws)
    """
    _check_arguments(model, method, seed=seed, draws=draws, warmup=warmup, chains=chains)
    _check_given(history, pooling)
    rows = history if isinstance(model, PurchaseModel) else _spenders(history)
    if not len(rows):
        raise FitError("the history has no rows. Hint: PurchaseLog.from_frame(...).history()")
    _warn_if_few(int(rows.frequency.sum()))
    from omniltv.models.inference import _problem  # noqa: PLC0415 - compiled code, slow to import

    problem = _problem.Problem.of(
        model, rows, pooling, covariates or {}, priors or {}, spread_priors or {}
    )
    found = _problem.solve(
        problem, method, seed=seed, draws=draws, warmup=warmup, chains=chains, progress=progress
    )
    if found.handed_over:
        warn(found.handed_over, FitWarning, stacklevel=2)
    found.diagnostics.warn()
    if isinstance(model, PurchaseModel):
        return PurchaseFit(
            model, pooling, found.draws, found.diagnostics, history.unit, effects=problem.effects
        )
    return SpendFit(model, pooling, found.draws, found.diagnostics, effects=problem.effects)


def to_pymc(
    model: PurchaseModel | SpendModel,
    history: PurchaseHistory,
    *,
    pooling: Pooling = _COMPLETE,
    covariates: Mapping[str, Sequence[str]] | None = None,
    priors: Mapping[str, Prior] | None = None,
    spread_priors: Mapping[str, Prior] | None = None,
) -> "PymcModel":
    """Return the posterior that `fit` finds as a PyMC model, to look at or to extend.

    Its variables are the coordinates, by name, the effects of the terms of the pooling
    (``"log_rate:channel"``), their spreads (``"spread:log_rate:channel"``) and the effects
    of covariates (``"log_rate:age"``).

    Raises:
        DataError: If a group column or covariate is missing.
        ConfigError: If a prior is of nothing, or has no counterpart in PyMC.

    Examples:
        >>> from omniltv.models import BgNbd
        >>> history = PurchaseHistory(["a", "b"], [2, 0], [30.4, 0.0], [38.9, 38.9],
        ...                           [11.5, float("nan")], "week")
        >>> [variable.name for variable in to_pymc(BgNbd(), history).free_RVs]
        ['log_rate', 'log_shape', 'logit_dropout', 'log_concentration']
    """
    from omniltv.models.inference import _pymc  # noqa: PLC0415 - brings in PyMC, seconds to import

    _check_given(history, pooling)
    rows = history if isinstance(model, PurchaseModel) else _spenders(history)
    return _pymc.pymc_model(
        model,
        rows,
        pooling=pooling,
        covariates=covariates or {},
        priors=priors or {},
        spread_priors=spread_priors or {},
    )


def _check_arguments(
    model: PurchaseModel | SpendModel,
    method: str,
    *,
    seed: int,
    draws: int,
    warmup: int,
    chains: int,
) -> None:
    if isinstance(model, type) or not isinstance(model, PurchaseModel | SpendModel):
        raise ConfigError(f"not a model: {model!r}. Hint: fit(BgNbd(), history, seed=1)")
    if method not in METHODS:
        raise ConfigError(f"no such method: {method!r}. Hint: one of {', '.join(METHODS)}")
    numbers: dict[str, tuple[object, int]] = {
        "seed": (seed, 0),
        "draws": (draws, 10),
        "warmup": (warmup, 10),
        "chains": (chains, 1),
    }
    for name, (value, least) in numbers.items():
        if not isinstance(value, int | np.integer) or value < least:
            raise ConfigError(f"{name} is a whole number of at least {least}, got {value!r}")


def _check_given(history: PurchaseHistory, pooling: Pooling) -> None:
    log = 'PurchaseLog.from_frame(frame).history(unit="week")'
    expect("history", history, PurchaseHistory, log)
    expect("pooling", pooling, Pooling, 'Pooling.partial("channel")')


def _warn_if_few(repeats: int) -> None:
    if repeats < _FEW:
        message = f"{repeats} repeat purchases in all: the posterior is mostly the prior"
        hint = "more customers, or a longer observation"
        warn(f"{message}. Hint: {hint}", DataWarning, stacklevel=3)


def _spenders(history: PurchaseHistory) -> PurchaseHistory:
    """Return the rows with paid repeat purchases: the only ones that tell of spend."""
    repeat = history.frequency > 0
    bad = repeat & ~(history.monetary_value >= 0)
    if bad.any():
        rows = history.customer_id[bad].tolist()
        hint = "net refunds against their purchases"
        problem = "mean value missing or below 0"
        raise DataError(problem, column="monetary_value", rows=rows, hint=hint)
    paid = repeat & (history.monetary_value > 0)
    if not paid.any():
        message = "no row has a repeat purchase that was paid for, so spend cannot be learnt"
        raise FitError(f"{message}. Hint: a longer observation, or a coarser grouping")
    free = int(repeat.sum() - paid.sum())
    if free:
        message = f"{free:,} rows whose repeat purchases were all free"
        warn(f"{message} are left out of the fit of spend", DataWarning, stacklevel=3)
    return history.take(paid)
