"""`fit`: from a model and its data to a posterior."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, overload
from warnings import warn

from omniltv._options import Seed, checked
from omniltv.data.history import PurchaseHistory
from omniltv.data.log import PurchaseLog
from omniltv.errors import ConfigError, FitWarning
from omniltv.models.inference.sampling import Method, Sampling
from omniltv.models.posterior._kinds import AnyFit, AnyModel, Kind, Parts, kind_of
from omniltv.models.posterior.channel_mix import ChannelMixFit
from omniltv.models.posterior.fits import PurchaseFit, SpendFit
from omniltv.models.posterior.pooling import Pooling
from omniltv.models.posterior.priors import Prior
from omniltv.models.processes.protocols import ChannelModel, PurchaseModel, SpendModel

if TYPE_CHECKING:
    from pymc import Model as PymcModel

__all__ = ["fit", "to_pymc"]

type Data = PurchaseHistory | PurchaseLog[object]

_COMPLETE = Pooling.complete()


@overload
def fit(
    model: PurchaseModel,
    history: PurchaseHistory,
    *,
    seed: Seed,
    pooling: Pooling = ...,
    method: Method | Sampling = ...,
    covariates: Mapping[str, Sequence[str]] | None = ...,
    priors: Mapping[str, Prior] | None = ...,
    progress: bool = ...,
) -> PurchaseFit: ...
@overload
def fit(
    model: SpendModel,
    history: PurchaseHistory,
    *,
    seed: Seed,
    pooling: Pooling = ...,
    method: Method | Sampling = ...,
    covariates: Mapping[str, Sequence[str]] | None = ...,
    priors: Mapping[str, Prior] | None = ...,
    progress: bool = ...,
) -> SpendFit: ...
@overload
def fit(
    model: ChannelModel,
    history: PurchaseLog[object],
    *,
    seed: Seed,
    pooling: Pooling = ...,
    method: Method | Sampling = ...,
    covariates: Mapping[str, Sequence[str]] | None = ...,
    priors: Mapping[str, Prior] | None = ...,
    progress: bool = ...,
) -> ChannelMixFit: ...
@checked
def fit(
    model: AnyModel,
    history: Data,
    *,
    seed: Seed,
    pooling: Pooling = _COMPLETE,
    method: Method | Sampling = "auto",
    covariates: Mapping[str, Sequence[str]] | None = None,
    priors: Mapping[str, Prior] | None = None,
    progress: bool = True,
) -> AnyFit:
    """Return the posterior of a model given its data.

    The likelihood is computed on the distinct states of the history, each weighted by its
    number of rows. The posterior is the same as on the rows, at a fraction of the time. If
    there are very many states, the likelihood is estimated from a subsample of them, around
    the exact quadratic approximation at the mode. The error is reported as
    `Diagnostics.likelihood_error`; if it exceeds 0.02, all states are used.

    If only customers with at least k repeat purchases are in the data, pass
    ``history.selected(at_least=k)``: the likelihood of any purchase model is then that given
    at least k purchases, and the posterior is that of all customers.

    Args:
        model: A purchase model such as `BgNbd`, a spend model such as `GammaGamma`, or a
            channel model such as `PolyaUrn`.
        history: For a purchase or spend model, one row per customer, or per customer and
            channel. For a channel model, the log.
        seed: The same seed and data give the same draws.
        pooling: How groups are pooled.
        method: ``"auto"``: draws of a Laplace approximation, corrected by importance weights,
            which takes a second or less; NUTS if the k-hat of the weights is 0.7 or more, if
            the draws would be more than 5 % too narrow, or if their effective sample size
            is below 200 (or a tenth of the draws, if that is less). `Diagnostics` says which of
            the two was used, and why.
            ``"nuts"``: the no-U-turn sampler (Hoffman and Gelman 2014). ``"laplace"``:
            Laplace; NUTS, with a warning, only if k-hat is 0.7 or more. ``"map"``: the mode
            alone, without uncertainty. `Sampling` sets the numbers of draws, warm-up draws
            and chains.
        covariates: Covariates of the history by the coordinate that they affect:
            ``{"log_rate": ["age", "member"]}``. Covariates are standardised; effects are
            per standard deviation.
        priors: Priors that replace the defaults, by name: ``"log_rate"`` for a coordinate,
            ``"log_rate:age"`` for the effect of a covariate, ``"spread:log_rate"`` for the
            standard deviation between groups under partial pooling. See
            `omniltv.models.posterior.priors`.
        progress: Whether to show a progress bar, in a terminal or a notebook.

    Raises:
        FitError: If the data have no rows, or no paid repeat purchase (spend), or no
            customer bought twice (channels), or the posterior has no mode.
        DataError: If a group column or covariate is missing, or a mean value is not
            positive (spend).
        ConfigError: If an argument is invalid.

    Warns:
        DataWarning: If there are fewer than ten repeat purchases.
        FitWarning: If the diagnostics show a problem, or a check of the fit is severe (see
            `Fit.findings`), or NUTS was used although ``"laplace"`` was asked for.

    Examples:
        >>> import numpy as np
        >>> from omniltv.models import BgNbd
        >>> truth = {"r": 0.8, "alpha": 6.0, "a": 0.7, "b": 2.5}
        >>> rng = np.random.default_rng(1)
        >>> x, recency, T = BgNbd().simulate(truth, np.full(300, 40.0), rng)
        >>> history = PurchaseHistory(np.arange(300), x, recency, T, x * np.nan, "week")
        >>> fit(BgNbd(), history, seed=1, progress=False)
        PurchaseFit(bg_nbd, complete pooling, 2,000 draws by Laplace)
        >>> fit(BgNbd(), history, seed=1, method=Sampling("laplace", draws=250))
        PurchaseFit(bg_nbd, complete pooling, 500 draws by Laplace)
    """
    sampling = method if isinstance(method, Sampling) else Sampling(method)
    kind = _kind(model, history)
    unit, clock = kind.unit_of(history), kind.clock_of(model, history)
    observed = kind.observe(model, history)
    from omniltv.models.inference import _problem, _solve  # noqa: PLC0415 - compiled, slow to import

    likelihood = kind.likelihood(model, history)
    problem = _problem.Problem.of(likelihood, observed, pooling, covariates or {}, priors or {})
    found = _solve.solve(problem, sampling, seed=seed, progress=progress)
    if found.diagnostics.handed_over and sampling.method == "laplace":
        why = found.diagnostics.handed_over
        warn(f"{why}: the posterior was sampled by NUTS instead", FitWarning, stacklevel=2)
    parts = Parts(pooling, found.draws, found.diagnostics, problem.effects, unit, clock)
    result = kind.fit(model, parts)
    diagnostics = replace(found.diagnostics, findings=kind.findings(result, history, seed))
    diagnostics.warn()
    return replace(result, diagnostics=diagnostics)


@checked
def to_pymc(
    model: AnyModel,
    history: Data,
    *,
    pooling: Pooling = _COMPLETE,
    covariates: Mapping[str, Sequence[str]] | None = None,
    priors: Mapping[str, Prior] | None = None,
) -> "PymcModel":
    """Return the posterior that `fit` computes as a PyMC model, to inspect or extend.

    Its variables are the coordinates, the random effects of the terms of the pooling
    (``"log_rate:channel"``), their standard deviations (``"spread:log_rate:channel"``) and
    the effects of covariates (``"log_rate:age"``).

    Args:
        model: As in `fit`.
        history: As in `fit`.
        pooling: As in `fit`.
        covariates: As in `fit`.
        priors: As in `fit`.

    Raises:
        DataError: If a group column or covariate is missing.
        ConfigError: If a prior belongs to no variable, or has no counterpart in PyMC.

    Examples:
        >>> from omniltv.models import BgNbd
        >>> history = PurchaseHistory(["a", "b"], [9, 2], [30.4, 8.0], [38.9, 38.9],
        ...                           [11.5, float("nan")], "week")
        >>> [variable.name for variable in to_pymc(BgNbd(), history).free_RVs]
        ['log_rate', 'log_shape', 'logit_dropout', 'log_concentration']
    """
    kind = _kind(model, history)
    observed = kind.observe(model, history)
    from omniltv.models.inference import _problem, _pymc  # noqa: PLC0415 - brings in PyMC, seconds to import

    likelihood = kind.likelihood(model, history)
    problem = _problem.Problem.of(likelihood, observed, pooling, covariates or {}, priors or {})
    return _pymc.pymc_model(problem, priors or {})


def _kind(model: AnyModel, history: Data) -> Kind:
    """Return the kind of a model.

    Raises:
        ConfigError: If it is not a model, or is fitted to something else.
    """
    kind = kind_of(model)
    if not isinstance(history, kind.data):
        got = type(history).__name__
        problem = f"history is a {kind.data.__name__}, got a {got}"
        raise ConfigError(f"{problem}. Hint: {kind.hint}", parameter="history")
    return kind
