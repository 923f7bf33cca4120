"""Whether a purchase model can be believed: what it says against what customers did.

Every check takes any fit, works from joint posterior draws, and in blocks: memory does not
grow with customers times draws. What the model says of the calibration period it has seen;
what it says of a holdout (`PurchaseLog.split`) it has not.
"""

from omniltv.models.checks._comparison import FitComparison, Loo, compare, loo
from omniltv.models.checks._coverage import Coverage, coverage
from omniltv.models.checks._frequencies import (
    ConditionalExpectation,
    FrequencyHistogram,
    Matrix,
    conditional_expectation,
    expected_purchases_matrix,
    frequency_histogram,
    prob_alive_matrix,
)
from omniltv.models.checks._log_score import LogScore, holdout_log_score
from omniltv.models.checks._ranking import Ranking, ranking
from omniltv.models.checks._tracking import Tracking, tracking

__all__ = [
    "ConditionalExpectation",
    "Coverage",
    "FitComparison",
    "FrequencyHistogram",
    "LogScore",
    "Loo",
    "Matrix",
    "Ranking",
    "Tracking",
    "compare",
    "conditional_expectation",
    "coverage",
    "expected_purchases_matrix",
    "frequency_histogram",
    "holdout_log_score",
    "loo",
    "prob_alive_matrix",
    "ranking",
    "tracking",
]
