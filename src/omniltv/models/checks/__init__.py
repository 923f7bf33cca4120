"""Model checks: predictions of a purchase model compared with actual purchases.

Every check takes any fit and uses joint posterior draws, in blocks, so memory does not grow
with customers times draws. Checks on the calibration period use data that the model has
seen; checks on a holdout (`PurchaseLog.split`) use data that it has not seen.
"""

from omniltv.models.checks._backtest import Backtest, BacktestWindow, backtest
from omniltv.models.checks._comparison import FitComparison, Loo, compare, loo
from omniltv.models.checks._coverage import Coverage, coverage
from omniltv.models.checks._frequencies import (
    ConditionalExpectation,
    FrequencyHistogram,
    FrequencyRecencyMatrix,
    conditional_expectation,
    expected_purchases_matrix,
    frequency_histogram,
    prob_alive_matrix,
)
from omniltv.models.checks._log_score import LogScore, holdout_log_score
from omniltv.models.checks._ranking import Ranking, ranking
from omniltv.models.checks._tracking import Tracking, tracking
from omniltv.models.posterior.findings import Finding, FitFindings
from omniltv.models.posterior.fit_checks import (
    PURCHASE_CHECKS,
    SPEND_CHECKS,
    FitCheck,
    PurchaseEvidence,
    SpendEvidence,
    examine,
)

__all__ = [
    "PURCHASE_CHECKS",
    "SPEND_CHECKS",
    "Backtest",
    "BacktestWindow",
    "ConditionalExpectation",
    "Coverage",
    "Finding",
    "FitCheck",
    "FitComparison",
    "FitFindings",
    "FrequencyHistogram",
    "FrequencyRecencyMatrix",
    "LogScore",
    "Loo",
    "PurchaseEvidence",
    "Ranking",
    "SpendEvidence",
    "Tracking",
    "backtest",
    "compare",
    "conditional_expectation",
    "coverage",
    "examine",
    "expected_purchases_matrix",
    "frequency_histogram",
    "holdout_log_score",
    "loo",
    "prob_alive_matrix",
    "ranking",
    "tracking",
]
