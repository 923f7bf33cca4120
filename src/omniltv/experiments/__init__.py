"""The effect of a treatment: assignment, checks, and lift on outcomes and lifetime value."""

from omniltv.experiments.assignment import Assignment, assign
from omniltv.experiments.checks import Balance, SampleRatio
from omniltv.experiments.estimators import (
    ArmMeans,
    ArmSample,
    Cuped,
    Difference,
    LiftEstimator,
)
from omniltv.experiments.forecast import (
    FittedModel,
    FittedValue,
    Forecast,
    PurchaseForecaster,
)
from omniltv.experiments.lifetime import ltv_lift
from omniltv.experiments.lift import cuped, difference, lift
from omniltv.experiments.persistence import Persistence
from omniltv.experiments.result import Lift, LiftRow
from omniltv.experiments.tables import Baseline, Outcome
from omniltv.experiments.window import window_history

__all__ = [
    "ArmMeans",
    "ArmSample",
    "Assignment",
    "Balance",
    "Baseline",
    "Cuped",
    "Difference",
    "FittedModel",
    "FittedValue",
    "Forecast",
    "Lift",
    "LiftEstimator",
    "LiftRow",
    "Outcome",
    "Persistence",
    "PurchaseForecaster",
    "SampleRatio",
    "assign",
    "cuped",
    "difference",
    "lift",
    "ltv_lift",
    "window_history",
]
