"""A small plan of contacts, for examples and tests."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

import pandas as pd

from omniltv._options import checked
from omniltv.segmentation.planning import ActingData, ContactPlan, plan_contacts
from omniltv.segmentation.planning._candidates import required_events
from omniltv.segmentation.playbook import Playbook
from omniltv.segmentation.policy._tables import AddressedCustomers, ConsentTable, ContactLog
from omniltv.segmentation.scenarios import Scenario, ScenarioState
from omniltv.segmentation.scenarios._advancing import ScenarioNight, Tonight, advance

__all__ = ["ScenarioNight", "scenario_night", "small_plan"]

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


@checked
def scenario_night(
    scenarios: Sequence[Scenario],
    state: ScenarioState,
    *,
    on: date,
    customers: pd.DataFrame,
    data: ActingData,
    channels: Mapping[str, Sequence[str]],
) -> ScenarioNight:
    """Return the state of scenarios after a night, and the steps that are due.

    Args:
        scenarios: The scenarios.
        state: The state after the last night.
        on: The day that is planned; events of the day and later do not count.
        customers: ``customer_id`` and ``tier``.
        data: Consents, events and contacts.
        channels: Channels of each treatment.

    Raises:
        DataError: If the state is later than the day.

    Examples:
        >>> from omniltv.segmentation.triggers import CustomerEvents
        >>> events = CustomerEvents.read(pd.DataFrame({"customer_id": ["ann"], "event": "visit",
        ...     "time": ["2026-03-01 10:00"], "channel": "store"}))
        >>> consents = pd.DataFrame({"customer_id": ["ann"], "channel": "ec"})
        >>> thanks = Scenario.from_yaml(
        ...     "{name: thanks, trigger: {visited: store}, steps: [{treatment: thanks}]}")
        >>> night = scenario_night([thanks], ScenarioState.empty(), on=date(2026, 3, 2),
        ...     customers=pd.DataFrame({"customer_id": ["ann"], "tier": "high"}),
        ...     data=ActingData(consents=consents, events=events), channels={"thanks": ["ec"]})
        >>> night.due[["customer_id", "treatment"]].values.tolist()
        [['ann', 'thanks']]
        >>> night.state
        ScenarioState(2026-03-02: 1 entry; steps: 1 waiting)
    """
    people = AddressedCustomers.read(
        customers, tiers=list(customers["tier"].unique()), classes=(),
        context=replace(data.context, today=on),
    )  # fmt: skip
    tonight = Tonight(
        on=on,
        people=people,
        events=required_events(data).before(on.isoformat()),
        consents=ConsentTable.read(data.consents, people.id),
        log=ContactLog.read(data.contacts, None),
        channels=channels,
    )
    return advance(scenarios, state, tonight)
