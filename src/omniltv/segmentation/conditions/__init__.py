"""Conditions on customers, in Python or YAML, compiled to dataframe expressions."""

from omniltv.segmentation.conditions.kind import ConditionKind, Part, Scope, condition_kind, kinds

__all__ = ["ConditionKind", "Part", "Scope", "condition_kind", "kinds"]
