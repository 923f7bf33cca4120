"""What a treatment did: assignment, checks, and lift on outcomes and on lifetime value."""

from omniltv.experiments.assignment import Assignment, assign
from omniltv.experiments.checks import Balance, SampleRatio
from omniltv.experiments.estimators import (
    ArmMeans,
    ArmSample,
    Cuped,
    Difference,
    LiftEstimator,
    adjusted_means,
)
from omniltv.experiments.lifetime import Forecast, Persistence, ltv_lift
from omniltv.experiments.lift import cuped, difference, lift
from omniltv.experiments.result import Lift, LiftRow
from omniltv.experiments.window import window_history

__all__ = [
    "ArmMeans",
    "ArmSample",
    "Assignment",
    "Balance",
    "Cuped",
    "Difference",
    "Forecast",
    "Lift",
    "LiftEstimator",
    "LiftRow",
    "Persistence",
    "SampleRatio",
    "adjusted_means",
    "assign",
    "cuped",
    "difference",
    "lift",
    "ltv_lift",
    "window_history",
]
