"""Checks that every fit ends with: one file each, under one protocol."""

from collections.abc import Sequence

from omniltv._options import Seed, checked
from omniltv.data.history import PurchaseHistory
from omniltv.models.posterior.findings import Finding, Findings
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
    "examine_purchases",
    "examine_spend",
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


@checked
def examine_purchases(
    fit: PurchaseFit,
    history: PurchaseHistory,
    *,
    seed: Seed,
    checks: Sequence[FitCheck[PurchaseEvidence]] = PURCHASE_CHECKS,
) -> Findings:
    """Return what checks find in a purchase fit; `fit` runs `PURCHASE_CHECKS`.

    Args:
        fit: The posterior of a purchase model.
        history: The history of the fit.
        seed: Seed of what the checks simulate.
        checks: The checks.

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
        >>> examine_purchases(found, every, seed=1).severe
        ()
    """
    evidence = PurchaseEvidence(fit, history, seed)
    return Findings(_found([check.find(evidence) for check in checks]))


@checked
def examine_spend(
    fit: SpendFit,
    history: PurchaseHistory,
    *,
    seed: Seed,
    checks: Sequence[FitCheck[SpendEvidence]] = SPEND_CHECKS,
) -> Findings:
    """Return what checks find in a spend fit; `fit` runs `SPEND_CHECKS`.

    Args:
        fit: The posterior of a spend model.
        history: The history of the fit.
        seed: Seed of what the checks simulate.
        checks: The checks.

    Raises:
        DataError: If a group column or covariate of the fit is missing.

    Examples:
        >>> import numpy as np
        >>> from omniltv.models import GammaGamma, fit
        >>> x, rng = np.arange(300) % 5, np.random.default_rng(1)
        >>> value = GammaGamma().simulate({"p": 4.0, "q": 4.0, "v": 9.0}, x, rng)
        >>> history = PurchaseHistory(np.arange(300), x, x * 5.0, x * 0 + 30.0, value, "week")
        >>> examine_spend(fit(GammaGamma(), history, seed=1, method="map"), history, seed=1).severe
        ()
    """
    evidence = SpendEvidence(fit, history, seed)
    return Findings(_found([check.find(evidence) for check in checks]))


def _found(findings: Sequence[Finding | None]) -> tuple[Finding, ...]:
    return tuple(one for one in findings if one is not None)
