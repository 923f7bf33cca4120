"""Metrics of an experiment: one file each, under one Protocol."""

from omniltv.experiments.metrics.kpis import KPIS
from omniltv.experiments.metrics.mean import Mean
from omniltv.experiments.metrics.protocol import Metric, Tables
from omniltv.experiments.metrics.quantile import Quantile
from omniltv.experiments.metrics.ratio import Ratio
from omniltv.experiments.metrics.reached import Reached
from omniltv.experiments.metrics.retention import Retention
from omniltv.experiments.metrics.scorecard import Scorecard, measure
from omniltv.experiments.metrics.weekly import Weekly

__all__ = [
    "KPIS",
    "Mean",
    "Metric",
    "Quantile",
    "Ratio",
    "Reached",
    "Retention",
    "Scorecard",
    "Tables",
    "Weekly",
    "measure",
]
