"""Playbooks: treatments by tier and channel, with owners, costs, triggers and campaigns."""

from omniltv.segmentation.playbook.playbook import Playbook
from omniltv.segmentation.playbook.treatment import (
    Campaign,
    EffectPrior,
    ScarceResource,
    TreatmentRule,
)

__all__ = ["Campaign", "EffectPrior", "Playbook", "ScarceResource", "TreatmentRule"]
