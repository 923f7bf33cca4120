"""A kind of trigger as a stranger would write it: one class, then used in playbooks."""

from datetime import date
from typing import ClassVar

import pandas as pd
import pytest
from pydantic import Field

from omniltv.errors import ConfigError
from omniltv.segmentation.planning import ActingData, plan_contacts
from omniltv.segmentation.playbook import Playbook
from omniltv.segmentation.triggers import CustomerEvents, TriggerKind, trigger_kind
from omniltv.segmentation.triggers.kind import fired
from omniltv.testing import check_trigger


@trigger_kind
class Reviewed(TriggerKind):
    """Fires when a customer has written a number of reviews."""

    key: ClassVar[str] = "reviews"

    reviews: int = Field(ge=1)

    def moments(self, events: CustomerEvents, now: pd.Timestamp) -> pd.DataFrame:
        del now
        found = events.of("review")
        number = found.groupby("customer_id").cumcount() + 1
        last = found[number == self.reviews]
        return fired(last["customer_id"], last["time"], f"review number {self.reviews}")


PLAYBOOK = """
tiers: [all]
treatments:
- {name: thanks, channel: ec, owner: marketing, trigger: {reviews: 2, within: 3}}
"""


def test_it_keeps_the_laws() -> None:
    check_trigger(Reviewed(reviews=2, within=9))


def test_it_starts_a_treatment() -> None:
    playbook = Playbook.from_yaml(PLAYBOOK)
    assert Playbook.from_yaml(playbook.to_yaml()) == playbook
    assert "Reviewed" in str(Playbook.json_schema())
    frame = pd.DataFrame({"customer_id": ["a", "a", "b"], "event": "review", "channel": "ec",
                          "time": ["2026-02-01", "2026-02-27", "2026-02-27"]})  # fmt: skip
    customers = pd.DataFrame({"customer_id": ["a", "b"], "tier": "all"})
    effects = pd.DataFrame({"treatment": ["thanks"], "tier": [None], "channel": "ec",
                            "effect": 5.0, "sd": 1.0})  # fmt: skip
    consents = customers[["customer_id"]].assign(channel="ec")
    plan = plan_contacts(
        playbook, customers, effects, {}, on=date(2026, 3, 1),
        data=ActingData(consents=consents, events=CustomerEvents.read(frame)),
    )  # fmt: skip
    assert plan.contacts[["customer_id", "cause"]].values.tolist() == [["a", "review number 2"]]


def test_the_laws_catch_a_trigger_that_breaks_them() -> None:
    class Broken(Reviewed):
        def fires(self, events: CustomerEvents, now: object) -> pd.DataFrame:
            del now
            found = events.of("review")
            return fired(found["customer_id"], found["time"], "any review")

    with pytest.raises(AssertionError, match="a customer twice"):
        check_trigger(Broken(reviews=1))


def test_a_key_is_of_one_kind() -> None:
    class Clash(TriggerKind):
        key: ClassVar[str] = "visited"

        visited: int

    with pytest.raises(ConfigError, match="Visited has the key 'visited', too"):
        trigger_kind(Clash)  # type: ignore[type-abstract]  # it is refused before that
