"""Lift on discounted value over the long run, by several methods side by side."""

from omniltv.experiments.long_run.decay_prior import DecayPrior
from omniltv.experiments.long_run.fit_per_arm import FitPerArm
from omniltv.experiments.long_run.lift import long_run_lift
from omniltv.experiments.long_run.protocol import (
    ArmWeeks,
    CohortWeeks,
    JointLongRunMethod,
    LongRunDraws,
    LongRunMethod,
    LongRunSample,
)
from omniltv.experiments.long_run.result import LongRunLift, LongRunRow
from omniltv.experiments.long_run.surrogate_index import SurrogateIndex
from omniltv.experiments.long_run.weekly_decay import WeeklyDecay
from omniltv.experiments.long_run.weekly_purchases import EarlierCohort, WeeklyPurchases

__all__ = [
    "ArmWeeks",
    "CohortWeeks",
    "DecayPrior",
    "EarlierCohort",
    "FitPerArm",
    "JointLongRunMethod",
    "LongRunDraws",
    "LongRunLift",
    "LongRunMethod",
    "LongRunRow",
    "LongRunSample",
    "SurrogateIndex",
    "WeeklyDecay",
    "WeeklyPurchases",
    "long_run_lift",
]
