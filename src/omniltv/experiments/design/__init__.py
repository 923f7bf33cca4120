"""The design of an experiment: a document written before, and its power."""

from omniltv.experiments.design.document import Design, Layer
from omniltv.experiments.design.factorial import factorial_lift
from omniltv.experiments.design.power import Pilot, PowerFigure, minimal_lift, power

__all__ = [
    "Design",
    "Layer",
    "Pilot",
    "PowerFigure",
    "factorial_lift",
    "minimal_lift",
    "power",
]
