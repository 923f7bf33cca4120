"""Checks that every fit ends with: one file each, under one protocol."""

from collections.abc import Sequence
from typing import cast, overload

from omniltv._options import Seed, checked
from omniltv.data.history import PurchaseHistory
from omniltv.models.posterior.findings import FitFindings
from omniltv.models.posterior.fit_checks.calendar_quarters import CalendarQuarters
from omniltv.models.posterior.fit_checks.cohorts import Cohorts
from omniltv.models.posterior.fit_checks.equal_rows import EqualRows
from omniltv.models.posterior.fit_checks.few_purchases import FewPurchases
from omniltv.models.posterior.fit_checks.long_silence import LongSilence
from omniltv.models.posterior.fit_checks.one_time_buyers import OneTimeBuyers
from omniltv.models.posterior.fit_checks.protocol import (
    FitCheck,
    PurchaseEvidence,
    SpendEvidence,
)
from omniltv.models.posterior.fit_checks.repeat_purchases import RepeatPurchases
from omniltv.models.posterior.fit_checks.small_values import SmallValues
from omniltv.models.posterior.fit_checks.spend_and_frequency import SpendAndFrequency
from omniltv.models.posterior.fits import PurchaseFit, SpendFit

__all__ = [
    "PURCHASE_CHECKS",
    "SPEND_CHECKS",
    "FitCheck",
    "PurchaseEvidence",
    "SpendEvidence",
    "examine",
]

PURCHASE_CHECKS: tuple[FitCheck[PurchaseEvidence], ...] = (
    OneTimeBuyers(),
    RepeatPurchases(),
    CalendarQuarters(),
    Cohorts(),
    FewPurchases(),
    LongSilence(),
    EqualRows(),
)
"""The checks of a purchase fit."""

SPEND_CHECKS: tuple[FitCheck[SpendEvidence], ...] = (SpendAndFrequency(), SmallValues())
"""The checks of a spend fit."""


type _Checks[EvidenceT] = Sequence[FitCheck[EvidenceT]]


@overload
def examine(
    fit: PurchaseFit,
    history: PurchaseHistory,
    *,
    seed: Seed,
    checks: _Checks[PurchaseEvidence] | None = ...,
) -> FitFindings: ...
@overload
def examine(
    fit: SpendFit,
    history: PurchaseHistory,
    *,
    seed: Seed,
    checks: _Checks[SpendEvidence] | None = ...,
) -> FitFindings: ...
@checked
def examine(
    fit: PurchaseFit | SpendFit,
    history: PurchaseHistory,
    *,
    seed: Seed,
    checks: _Checks[PurchaseEvidence] | _Checks[SpendEvidence] | None = None,
) -> FitFindings:
    """Return what checks find in a fit.

    Args:
        fit: The posterior of a purchase or spend model.
        history: The history of the fit.
        seed: Seed of what the checks simulate.
        checks: The checks; if None, those that every fit ends with, `PURCHASE_CHECKS` or
            `SPEND_CHECKS`.

    Raises:
        DataError: If a group column or covariate of the fit is missing.

    Examples:
        >>> import numpy as np
        >>> from omniltv.models import MbgNbd, fit
        >>> truth = {"r": 0.8, "alpha": 6.0, "a": 0.7, "b": 2.5}
        >>> rng = np.random.default_rng(1)
        >>> x, recency, T = MbgNbd().simulate(truth, np.full(2_000, 40.0), rng)
        >>> every = PurchaseHistory(np.arange(2_000), x, recency, T, x * np.nan, "week")
        >>> found = fit(MbgNbd(), every, seed=1, method="map")
        >>> examine(found, every, seed=1).severe
        ()
    """
    if isinstance(fit, PurchaseFit):
        chosen = PURCHASE_CHECKS if checks is None else cast("_Checks[PurchaseEvidence]", checks)
        return _found(chosen, PurchaseEvidence(fit, history, seed))
    of_spend = SPEND_CHECKS if checks is None else cast("_Checks[SpendEvidence]", checks)
    return _found(of_spend, SpendEvidence(fit, history, seed))


def _found[EvidenceT](checks: _Checks[EvidenceT], evidence: EvidenceT) -> FitFindings:
    found = (check.find(evidence) for check in checks)
    return FitFindings(tuple(one for one in found if one is not None))
