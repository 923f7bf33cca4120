"""Checks of an experiment: one file each, under one Protocol."""

from omniltv.experiments.checks.arm_labels import ArmLabelCheck
from omniltv.experiments.checks.attrition import AttritionCheck
from omniltv.experiments.checks.balance import Balance, BalanceCheck
from omniltv.experiments.checks.clusters import ClusterCheck
from omniltv.experiments.checks.compliance import ComplianceCheck
from omniltv.experiments.checks.contamination import ContaminationCheck
from omniltv.experiments.checks.covariate_time import CovariateTimeCheck
from omniltv.experiments.checks.early_outcomes import EarlyOutcomeCheck
from omniltv.experiments.checks.protocol import (
    CheckFinding,
    ExperimentCheck,
    Severity,
    StudyFacts,
)
from omniltv.experiments.checks.randomisation import RandomisationCheck
from omniltv.experiments.checks.sample_ratio import SampleRatio, SampleRatioCheck
from omniltv.experiments.checks.sequential_ratio import SequentialRatio, SequentialRatioCheck
from omniltv.experiments.checks.strata import StrataCheck
from omniltv.experiments.checks.two_arms import TwoArmsCheck
from omniltv.experiments.checks.windows import WindowCheck

__all__ = [
    "CHECKS",
    "ArmLabelCheck",
    "AttritionCheck",
    "Balance",
    "BalanceCheck",
    "CheckFinding",
    "ClusterCheck",
    "ComplianceCheck",
    "ContaminationCheck",
    "CovariateTimeCheck",
    "EarlyOutcomeCheck",
    "ExperimentCheck",
    "RandomisationCheck",
    "SampleRatio",
    "SampleRatioCheck",
    "SequentialRatio",
    "SequentialRatioCheck",
    "Severity",
    "StrataCheck",
    "StudyFacts",
    "TwoArmsCheck",
    "WindowCheck",
]

CHECKS: tuple[ExperimentCheck, ...] = (
    RandomisationCheck(),
    SampleRatioCheck(),
    SequentialRatioCheck(),
    TwoArmsCheck(),
    AttritionCheck(),
    StrataCheck(),
    ClusterCheck(),
    WindowCheck(),
    CovariateTimeCheck(),
    BalanceCheck(),
    ComplianceCheck(),
    ContaminationCheck(),
    ArmLabelCheck(),
    EarlyOutcomeCheck(),
)
"""The checks that every estimate runs, in this order."""
