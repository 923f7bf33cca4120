"""Estimators of a treatment effect: one file each, under one Protocol."""

from omniltv.experiments.estimators.always_valid import AlwaysValid
from omniltv.experiments.estimators.compliers import Compliers
from omniltv.experiments.estimators.cuped import Cuped
from omniltv.experiments.estimators.difference import Difference
from omniltv.experiments.estimators.doubly_robust import DoublyRobust
from omniltv.experiments.estimators.protocol import (
    ArmMeans,
    ArmSample,
    LiftEstimator,
)
from omniltv.experiments.estimators.quantile import QuantileDifference
from omniltv.experiments.estimators.regression import Regression
from omniltv.experiments.estimators.stratified import Stratified

__all__ = [
    "AlwaysValid",
    "ArmMeans",
    "ArmSample",
    "Compliers",
    "Cuped",
    "Difference",
    "DoublyRobust",
    "LiftEstimator",
    "QuantileDifference",
    "Regression",
    "Stratified",
]
