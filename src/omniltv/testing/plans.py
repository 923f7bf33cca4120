"""A small plan of contacts, for examples and tests."""

from datetime import date

import pandas as pd

from omniltv._options import checked
from omniltv.segmentation.planning import ActingData, ContactPlan, plan_contacts
from omniltv.segmentation.playbook import Playbook

__all__ = ["small_plan"]

_PLAYBOOK = """
tiers: [high, general]
resources: [{name: staff_minutes, amount: 60, label: hour of staff}]
treatments:
- {name: visit, channel: store, owner: sales, tiers: high, form: one_to_one, cost: 10,
   uses: {staff_minutes: 30}}
- {name: mail, channel: ec, owner: digital, cost: 1}
"""


@checked
def small_plan() -> ContactPlan[pd.DataFrame]:
    """Return a plan for three customers, one of whom gets nothing for lack of staff.

    Examples:
        >>> small_plan()
        ContactPlan(2026-03-01: 2 contacts, net gain 99; 1 unreached, 0 held out, 0 uncovered)
    """
    customers = pd.DataFrame(
        {
            "customer_id": ["ann", "ben", "cem"],
            "tier": ["high", "general", "high"],
            "place": "Ginza",
        }
    )
    effects = pd.DataFrame(
        {
            "treatment": ["visit", "mail"],
            "tier": ["high", None],
            "channel": ["store", "ec"],
            "effect": [90.0, 20.0],
            "sd": [20.0, 5.0],
        }
    )
    consents = pd.DataFrame(
        {
            "customer_id": ["ann", "ben", "cem"],
            "channel": ["store", "ec", "store"],
        }
    )
    return plan_contacts(
        Playbook.from_yaml(_PLAYBOOK),
        customers,
        effects,
        {"staff_minutes": {"Ginza": 45}},
        on=date(2026, 3, 1),
        data=ActingData(consents=consents),
    )
