"""Kinds of models: the data and the fit of each kind.

This is the only module that distinguishes kinds of models.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from omniltv.data.history import PurchaseHistory
from omniltv.data.log import PurchaseLog
from omniltv.errors import ConfigError, FitError
from omniltv.models.posterior._choices import Choices
from omniltv.models.posterior._observations import (
    Observations,
    channels_observed,
    purchases_observed,
    spend_observed,
)
from omniltv.models.posterior.channel_mix import ChannelMixFit
from omniltv.models.posterior.diagnostics import Diagnostics
from omniltv.models.posterior.draws import PosteriorDraws
from omniltv.models.posterior.effects import Effect
from omniltv.models.posterior.findings import Finding
from omniltv.models.posterior.fit_checks import examine
from omniltv.models.posterior.fits import PurchaseFit, SpendFit
from omniltv.models.posterior.pooling import Pooling
from omniltv.models.processes._selection import selected
from omniltv.models.processes.fixed_price import FixedPrice
from omniltv.models.processes.protocols import ChannelModel, Model, PurchaseModel, SpendModel
from omniltv.units import TimeUnit

__all__ = ["AnyFit", "AnyModel", "Kind", "Parts", "kind_of"]

type AnyModel = PurchaseModel | SpendModel | ChannelModel
type AnyFit = PurchaseFit | SpendFit | ChannelMixFit

_SAME_PRICE = 1e-9  # relative difference of equal prices
_CUSTOMERS = 10  # so few have one price by chance
_HISTORY = 'PurchaseLog.from_frame(frame).history(unit="week")'


@dataclass(frozen=True, eq=False)
class Parts:
    """The parts of a fit of any kind, apart from its model.

    Attributes:
        pooling: How groups are pooled.
        draws: Draws of the coordinates.
        diagnostics: The diagnostics of the draws.
        effects: The covariate effects.
        unit: The unit of time; None if time does not matter to the model.
        clock: Name of the calendar time; empty if all days count alike.
    """

    pooling: Pooling
    draws: PosteriorDraws
    diagnostics: Diagnostics
    effects: tuple[Effect, ...]
    unit: TimeUnit | None
    clock: str = ""


@dataclass(frozen=True, eq=False)
class Kind:
    """The data, observations and fit of a kind of model.

    Attributes:
        data: The class of the data.
        hint: Code that makes such data.
        observe: Returns the observations of a model, as distinct states of the data.
        likelihood: Returns the model whose likelihood is that of the data.
        unit_of: Returns the unit of time of the data; None if time does not matter.
        clock_of: Returns the name of the calendar time of the data, given the model.
        fit: Returns the fit of a model from its parts.
        findings: Returns what the checks of a fit find, given its data and a seed.
    """

    data: type
    hint: str
    observe: Callable[[Any, Any], Observations]
    likelihood: Callable[[Any, Any], Model]
    unit_of: Callable[[Any], TimeUnit | None]
    clock_of: Callable[[Any, Any], str]
    fit: Callable[[Any, Parts], AnyFit]
    findings: Callable[[Any, Any, int], tuple[Finding, ...]]


def _purchase_fit(model: PurchaseModel, parts: Parts) -> PurchaseFit:
    if parts.unit is None:
        raise ConfigError("the fit of a purchase model needs a unit of time")
    return PurchaseFit(
        model,
        parts.pooling,
        parts.draws,
        parts.diagnostics,
        parts.unit,
        effects=parts.effects,
        clock=parts.clock,
    )


def _spend_fit(model: SpendModel, parts: Parts) -> SpendFit:
    return SpendFit(model, parts.pooling, parts.draws, parts.diagnostics, effects=parts.effects)


def _channel_fit(model: ChannelModel, parts: Parts) -> ChannelMixFit:
    return ChannelMixFit(
        model, parts.pooling, parts.draws, parts.diagnostics, effects=parts.effects
    )


def _clock(model: PurchaseModel, history: PurchaseHistory) -> str:
    """Return the name of the calendar time of a history; empty if all days count alike.

    Raises:
        ConfigError: If the model counts in opportunities, which have no calendar time.
    """
    if history.clock is None:
        return ""
    if model.discrete:
        problem = f"{model.name} counts in opportunities, the history is in calendar time"
        raise ConfigError(f"{problem}. Hint: log.history() without calendar=", parameter="history")
    return history.clock.calendar.name


def _spend_observed(model: SpendModel, history: PurchaseHistory) -> Observations:
    """Return the observations of a spend model.

    Raises:
        FitError: If all purchases cost the same, which only `FixedPrice` describes.
    """
    observed = spend_observed(history)
    values = observed.state.monetary_value
    alike = np.ptp(values) <= _SAME_PRICE * values.max()
    if alike and observed.count.sum() >= _CUSTOMERS and not isinstance(model, FixedPrice):
        problem = f"every purchase costs {values.max():,.6g}, so {model.name} cannot be fitted"
        raise FitError(f"{problem}. Hint: fit(FixedPrice(), history, seed=1)")
    return observed


def _channels_observed(model: ChannelModel, log: PurchaseLog[object]) -> Observations:
    return channels_observed(Choices.of(log, model.channels), model.half_life)


def _examined(
    found: PurchaseFit | SpendFit, history: PurchaseHistory, seed: int
) -> tuple[Finding, ...]:
    return examine(found, history, seed=seed).each


def _not_checked(found: AnyFit, data: object, seed: int) -> tuple[Finding, ...]:  # noqa: ARG001 - one signature for all kinds
    """Return nothing: channel models have no checks."""
    return ()


_KINDS: tuple[tuple[type, Kind], ...] = (
    (
        PurchaseModel,
        Kind(
            data=PurchaseHistory,
            hint=_HISTORY,
            observe=lambda _, history: purchases_observed(history),
            likelihood=lambda model, history: selected(model, history.at_least),
            unit_of=lambda history: TimeUnit(history.unit),
            clock_of=_clock,
            fit=_purchase_fit,
            findings=_examined,
        ),
    ),
    (
        SpendModel,
        Kind(
            data=PurchaseHistory,
            hint=_HISTORY,
            observe=_spend_observed,
            likelihood=lambda model, _: model,
            unit_of=lambda _: None,
            clock_of=lambda _model, _data: "",
            fit=_spend_fit,
            findings=_examined,
        ),
    ),
    (
        ChannelModel,
        Kind(
            data=PurchaseLog,
            hint="PurchaseLog.from_frame(frame)",
            observe=_channels_observed,
            likelihood=lambda model, _: model,
            unit_of=lambda _: None,
            clock_of=lambda _model, _data: "",
            fit=_channel_fit,
            findings=_not_checked,
        ),
    ),
)


def kind_of(model: object) -> Kind:
    """Return the kind of a model, determined by its members.

    Raises:
        ConfigError: If it is not a model.
    """
    for protocol, kind in _KINDS:
        if isinstance(model, protocol) and not isinstance(model, type):
            return kind
    raise ConfigError(f"not a model: {model!r}. Hint: fit(BgNbd(), history, seed=1)")
