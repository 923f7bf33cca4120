"""Scenarios: steps with delays, stop conditions and a state that is carried from day to day."""

from omniltv.segmentation.scenarios.scenario import Scenario, ScenarioStep
from omniltv.segmentation.scenarios.state import ScenarioState

__all__ = ["Scenario", "ScenarioState", "ScenarioStep"]
