"""`fit`: from a model and a history to a posterior."""

from typing import TYPE_CHECKING, Literal, overload
from warnings import warn

import numpy as np
from numpy.typing import NDArray

from omniltv.data.history import DistinctStates, PurchaseHistory
from omniltv.errors import ConfigError, DataError, DataWarning, FitError
from omniltv.models import _reference
from omniltv.models.fits import Posterior, PurchaseFit, SpendFit, group_labels
from omniltv.models.pooling import Pooling, PoolingKind
from omniltv.models.protocols import (
    PurchaseModel,
    PurchaseState,
    SpendModel,
    SpendState,
)

if TYPE_CHECKING:
    from omniltv.models import _graph

__all__ = ["fit"]

type Method = Literal["nuts"]

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
    draws: int = ...,
    tune: int = ...,
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
    draws: int = ...,
    tune: int = ...,
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
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 2,
    progress: bool = True,
) -> PurchaseFit | SpendFit:
    """Return the posterior of a model given a history.

    The posterior is sampled on the distinct states of the history, each weighted by
    how many rows have it: the same posterior as on the rows, at a fraction of the time.

    Args:
        model: A purchase model such as `BgNbd`, or a spend model such as `GammaGamma`.
        history: One row per customer, or per customer and channel.
        seed: The same seed and data give the same draws.
        pooling: How the groups of a column of the history share strength.
        method: ``"nuts"``, the no-U-turn sampler (Hoffman and Gelman 2014).
        draws: Draws per chain after warm-up.
        tune: Warm-up draws per chain.
        chains: Chains, run in parallel where there are cores.
        progress: Whether to show a progress bar.

    Raises:
        FitError: If the history has no rows, or none with a repeat purchase (spend).
        DataError: If a group column is missing, or a mean value is not positive (spend).
        ConfigError: If an argument is not one that is known.

    Warns:
        DataWarning: If there are fewer than ten repeat purchases.
        FitWarning: If the diagnostics say not to trust the posterior.

    Examples:
        >>> from omniltv.models import BgNbd
        >>> of_customers = {"r": 0.8, "alpha": 6.0, "a": 0.7, "b": 2.5}
        >>> rng = np.random.default_rng(1)
        >>> x, recency, T = BgNbd().simulate(of_customers, np.full(300, 40.0), rng)
        >>> history = PurchaseHistory(np.arange(300), x, recency, T, x * np.nan, "week")
        >>> fit(BgNbd(), history, seed=1, progress=False)
        PurchaseFit(bg_nbd, complete pooling, 2,000 draws)
    """
    _check_arguments(model, method, seed=seed, draws=draws, tune=tune, chains=chains)
    rows = history if isinstance(model, PurchaseModel) else _spenders(history)
    if not len(rows):
        raise FitError("the history has no rows. Hint: PurchaseLog.from_frame(...).history()")
    _warn_if_few(int(rows.frequency.sum()))
    distinct = rows.distinct(spend=not isinstance(model, PurchaseModel))
    groups, group = np.unique(group_labels(distinct.states, pooling), return_inverse=True)
    partial = pooling.kind is PoolingKind.PARTIAL
    from omniltv.models import _graph  # noqa: PLC0415 - brings in PyMC, seconds to import

    sampled = _graph.sample(
        model,
        _setting(model, distinct, group.astype(np.int64), partial=partial),
        partial=partial,
        seed=seed,
        draws=draws,
        tune=tune,
        chains=chains,
        progress=progress,
    )
    posterior = Posterior(
        names=tuple(coordinate.name for coordinate in model.coordinates),
        groups=tuple(str(label) for label in groups),
        theta=sampled.theta,
        mean=sampled.mean,
        spread=sampled.spread,
        new=_new_group(sampled.mean, sampled.spread, seed),
    )
    sampled.diagnostics.warn()
    if isinstance(model, PurchaseModel):
        return PurchaseFit(model, pooling, posterior, sampled.diagnostics, history.unit)
    return SpendFit(model, pooling, posterior, sampled.diagnostics)


def _check_arguments(
    model: PurchaseModel | SpendModel,
    method: str,
    *,
    seed: int,
    draws: int,
    tune: int,
    chains: int,
) -> None:
    if isinstance(model, type) or not isinstance(model, PurchaseModel | SpendModel):
        raise ConfigError(f"not a model: {model!r}. Hint: fit(BgNbd(), history, seed=1)")
    if method != "nuts":
        raise ConfigError(f'no such method: {method!r}. Hint: method="nuts"')
    numbers: dict[str, tuple[object, int]] = {
        "seed": (seed, 0),
        "draws": (draws, 10),
        "tune": (tune, 10),
        "chains": (chains, 1),
    }
    for name, (value, least) in numbers.items():
        if not isinstance(value, int | np.integer) or value < least:
            raise ConfigError(f"{name} is a whole number of at least {least}, got {value!r}")


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


def _setting(
    model: PurchaseModel | SpendModel,
    distinct: DistinctStates,
    group: NDArray[np.int64],
    *,
    partial: bool,
) -> "_graph.Setting":
    from omniltv.models import _graph  # noqa: PLC0415 - brings in PyMC, seconds to import

    states, count = distinct.states, distinct.count.astype(np.float64)
    state = _state(model, states)
    location = _location(model, states, count)
    sd = np.array([item.sd for item in model.coordinates])
    reference = _reference.mode(_reference.loglik(model, state, count), location, sd)
    centring = np.zeros((group.max() + 1, len(sd)))
    if partial:
        centring = _centring(model, distinct, group, reference)
    pairs = np.stack([group, states.frequency.astype(np.int64)])
    _, first, pair = np.unique(pairs, axis=1, return_index=True, return_inverse=True)
    return _graph.Setting(
        states=state._asdict(),
        count=count,
        group=group,
        pair=pair.ravel().astype(np.int64),
        first=first.astype(np.int64),
        location=location,
        reference=reference,
        centring=centring,
    )


def _centring(
    model: PurchaseModel | SpendModel,
    distinct: DistinctStates,
    group: NDArray[np.int64],
    reference: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return w of each group and coordinate, of shape (n_groups, n_coordinates)."""
    spread = np.array([item.group_sd for item in model.coordinates])
    weights = []
    for number in range(group.max() + 1):
        own = group == number
        state = _state(model, distinct.states.take(own))
        target = _reference.loglik(model, state, distinct.count[own].astype(np.float64))
        weights.append(_reference.centring(target, reference, spread))
    return np.array(weights)


def _state(
    model: PurchaseModel | SpendModel, states: PurchaseHistory
) -> PurchaseState | SpendState:
    frequency = states.frequency.astype(np.float64)
    if isinstance(model, PurchaseModel):
        return PurchaseState(frequency, states.recency, states.T)
    return SpendState(frequency, states.monetary_value)


def _location(
    model: PurchaseModel | SpendModel, states: PurchaseHistory, count: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the prior means, moved to the scale of the data (see `Coordinate`)."""
    shift = {"none": 0.0}
    if isinstance(model, PurchaseModel):
        shift["time"] = -_log_mean(states.T, count)
    else:
        shift["value"] = _log_mean(states.monetary_value, count * states.frequency)
    return np.array([item.mean + shift[item.scale] for item in model.coordinates])


def _log_mean(values: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    total = float(values @ weight)
    return float(np.log(total / weight.sum())) if total > 0 else 0.0


def _new_group(
    mean: NDArray[np.float64] | None, spread: NDArray[np.float64] | None, seed: int
) -> NDArray[np.float64] | None:
    if mean is None or spread is None:
        return None
    return np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0]).normal(mean, spread)
