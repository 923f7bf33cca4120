"""The effect of a treatment: assignment, checks, and lift on outcomes and lifetime value."""

from omniltv.experiments.assignment import Assignment, assign
from omniltv.experiments.checks import (
    CHECKS,
    Balance,
    CheckFinding,
    ExperimentCheck,
    SampleRatio,
    SequentialRatio,
    StudyFacts,
)
from omniltv.experiments.estimators import (
    AlwaysValid,
    ArmMeans,
    ArmSample,
    Compliers,
    Cuped,
    Difference,
    DoublyRobust,
    LiftEstimator,
    QuantileDifference,
    Regression,
    Stratified,
)
from omniltv.experiments.forecast import (
    FittedModel,
    FittedValue,
    Forecast,
    PurchaseForecaster,
)
from omniltv.experiments.identities import follow_identities
from omniltv.experiments.lifetime import ltv_lift
from omniltv.experiments.lift import cuped, difference, lift
from omniltv.experiments.multiplicity import adjusted_p_values
from omniltv.experiments.persistence import Persistence
from omniltv.experiments.result import Lift, LiftRow
from omniltv.experiments.sensitivity import Robustness, robustness
from omniltv.experiments.tables import Baseline, Outcome
from omniltv.experiments.window import window_history

__all__ = [
    "CHECKS",
    "AlwaysValid",
    "ArmMeans",
    "ArmSample",
    "Assignment",
    "Balance",
    "Baseline",
    "CheckFinding",
    "Compliers",
    "Cuped",
    "Difference",
    "DoublyRobust",
    "ExperimentCheck",
    "FittedModel",
    "FittedValue",
    "Forecast",
    "Lift",
    "LiftEstimator",
    "LiftRow",
    "Outcome",
    "Persistence",
    "PurchaseForecaster",
    "QuantileDifference",
    "Regression",
    "Robustness",
    "SampleRatio",
    "SequentialRatio",
    "Stratified",
    "StudyFacts",
    "adjusted_p_values",
    "assign",
    "cuped",
    "difference",
    "follow_identities",
    "lift",
    "ltv_lift",
    "robustness",
    "window_history",
]
