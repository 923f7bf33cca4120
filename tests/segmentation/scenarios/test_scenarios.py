"""Scenarios: nobody gets a step twice, and nobody gets one after a stop, whatever happens."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniltv.errors import DataError, StoreError
from omniltv.segmentation.planning import ActingData
from omniltv.segmentation.scenarios import Scenario, ScenarioState
from omniltv.segmentation.triggers import CustomerEvents
from omniltv.testing.plans import ScenarioNight, scenario_night

START = date(2026, 3, 2)
WELCOME = Scenario.from_yaml("""
name: welcome
trigger: {first_purchase: 0, within: 4}
tiers: [high, low]
steps:
- {treatment: hello}
- {treatment: tips, after: hello, days: 3}
- {treatment: offer, after: tips, days: 4}
stop: [bought, answered, left_tier, withdrew_consent]
""")
CART = Scenario.from_yaml("""
name: cart
trigger: {cart_left: 1, within: 3}
steps:
- {treatment: offer}
- {treatment: hello, name: again, after: offer, days: 2}
re_enter_days: 5
late_days: 1
""")
CHANNELS = {"hello": ("ec",), "tips": ("ec", "app"), "offer": ("ec",)}
NIGHTS = 14

type Key = tuple[object, str, object, str]


@dataclass
class Shop:
    """A shop that runs the scenarios night by night, with crashes.

    Attributes:
        events: All events, also of days to come.
        leaves: Day on which each customer leaves the tiers.
        withdraws: Day from which each customer has no consent.
        log: Contacts that were made.
        state: The stored state.
    """

    events: pd.DataFrame
    leaves: dict[str, int] = field(default_factory=dict)
    withdraws: dict[str, int] = field(default_factory=dict)
    log: list[dict[str, object]] = field(default_factory=list)
    state: ScenarioState = field(default_factory=ScenarioState.empty)

    def night(self, number: int) -> ScenarioNight:
        on = START + timedelta(days=number)
        gone = [name for name, day in self.leaves.items() if day <= number]
        customers = pd.DataFrame({"customer_id": ["a", "b"]})
        tier = ["other" if name in gone else "high" for name in customers["customer_id"]]
        may = [name for name in ("a", "b") if self.withdraws.get(name, NIGHTS) > number]
        consents = pd.DataFrame({"customer_id": may, "channel": "ec"})
        log = pd.DataFrame(self.log) if self.log else None
        events = CustomerEvents.read(self.events)
        return scenario_night(
            (WELCOME, CART), self.state, on=on, customers=customers.assign(tier=tier),
            data=ActingData(consents=consents, events=events, contacts=log), channels=CHANNELS,
        )  # fmt: skip

    def run(self, number: int, crash: str) -> None:
        """Run a night: plan, hand the plan out, store the state; perhaps crash between."""
        found = self.night(number)
        if crash == "before the plan":
            return
        self.deliver(found.due, number)
        if crash == "before the state":
            return
        self.state = found.state.sent(frozenset(found.due["key"]))

    def deliver(self, due: pd.DataFrame, number: int) -> None:
        time = pd.Timestamp(START) + timedelta(days=number, hours=10)
        for row in due.itertuples():
            self.log.append({
                "customer_id": row.customer_id, "time": time, "treatment": row.treatment,
                "channel": "ec", "contact_key": row.key, "night": number,
                "scenario": row.scenario, "step": row.step, "entered": row.entered,
            })  # fmt: skip


MOMENTS = st.tuples(
    st.sampled_from(["a", "b"]),
    st.integers(0, NIGHTS * 24 - 1),
    st.sampled_from(["purchase", "cart", "answered", "visit"]),
)
CRASHES = st.lists(
    st.sampled_from(["", "before the plan", "before the state", "missed", "twice"]),
    min_size=NIGHTS, max_size=NIGHTS,
)  # fmt: skip


def shop_of(
    moments: Sequence[tuple[str, int, str]], leaves: dict[str, int], withdraws: dict[str, int]
) -> Shop:
    hours = [pd.Timestamp(START) + timedelta(days=-1, hours=hour) for _, hour, _ in moments]
    frame = pd.DataFrame({
        "customer_id": [name for name, _, _ in moments], "time": hours,
        "event": [event for _, _, event in moments], "channel": "ec",
    })  # fmt: skip
    return Shop(frame, leaves, withdraws)


@pytest.mark.slow
@settings(max_examples=12)
@given(
    st.lists(MOMENTS, min_size=1, max_size=12, unique_by=lambda moment: moment[:2]),
    CRASHES,
    st.dictionaries(st.sampled_from(["a", "b"]), st.integers(0, NIGHTS)),
    st.dictionaries(st.sampled_from(["a", "b"]), st.integers(0, NIGHTS)),
)
def test_nobody_twice_and_nobody_after_the_stop(
    moments: list[tuple[str, int, str]],
    crashes: list[str],
    leaves: dict[str, int],
    withdraws: dict[str, int],
) -> None:
    shop = shop_of(moments, leaves, withdraws)
    for number, crash in enumerate(crashes):
        if crash == "missed":
            continue
        shop.run(number, crash)
        if crash == "twice":
            shop.run(number, "")
    made: list[Key] = [
        (row["customer_id"], str(row["scenario"]), row["entered"], str(row["step"]))
        for row in shop.log
    ]
    assert len(set(made)) == len(made)
    for row in shop.log:
        check_no_stop(shop, row)


def check_no_stop(shop: Shop, row: dict[str, object]) -> None:
    """Check that nothing had stopped the scenario before the night of a contact."""
    name, number = str(row["customer_id"]), int(str(row["night"]))
    start = pd.Timestamp(START) + timedelta(days=number)
    own = shop.events[(shop.events["customer_id"] == name) & (shop.events["time"] < start)]
    since = own[own["time"] > row["entered"]]
    assert shop.withdraws.get(name, NIGHTS) > number
    if row["scenario"] == "welcome":
        assert not since["event"].isin(["purchase", "answered"]).any()
        assert shop.leaves.get(name, NIGHTS + 1) > number


def test_without_faults_everybody_gets_every_step_on_its_day() -> None:
    shop = shop_of([("a", 30, "purchase")], {}, {})
    for number in range(9):
        shop.run(number, "")
    steps = [(row["night"], row["step"]) for row in shop.log]
    assert steps == [(1, "hello"), (4, "tips"), (8, "offer")]


def test_a_missed_night_moves_the_steps_and_a_long_pause_skips_them() -> None:
    late, gone = shop_of([("a", 30, "purchase")], {}, {}), shop_of([("a", 30, "purchase")], {}, {})
    for number in range(10):
        if number != 1:
            late.run(number, "")
        if number not in range(3, 9):
            gone.run(number, "")
    assert [(r["night"], r["step"]) for r in late.log] == [(2, "hello"), (5, "tips"), (9, "offer")]
    assert [(r["night"], r["step"]) for r in gone.log] == [(1, "hello"), (9, "offer")]
    assert gone.state.of("a").set_index("step").loc["tips", "status"] == "skipped"


def test_a_second_run_of_a_day_gives_the_same_steps_with_the_same_keys() -> None:
    shop = shop_of([("a", 30, "purchase")], {}, {})
    first = shop.night(1)
    shop.state = first.state.sent(frozenset(first.due["key"]))
    again = shop.night(1)
    assert again.due["key"].tolist() == first.due["key"].tolist() != []
    assert not len(shop.night(2).due)


def test_a_customer_may_enter_again_after_the_days_of_the_scenario() -> None:
    carts = [("a", 24 * day, "cart") for day in (1, 4, 8)]
    shop = shop_of(carts, {}, {})
    for number in range(11):
        shop.run(number, "")
    entered = [row["entered"] for row in shop.log if row["step"] == "offer"]
    assert [str(moment)[:10] for moment in entered] == ["2026-03-03", "2026-03-10"]


def test_a_scenario_that_left_the_playbook_is_stopped() -> None:
    shop = shop_of([("a", 30, "purchase")], {}, {})
    shop.run(1, "")
    consents = pd.DataFrame({"customer_id": ["a"], "channel": "ec"})
    found = scenario_night(
        (CART,), shop.state, on=START + timedelta(days=2),
        customers=pd.DataFrame({"customer_id": ["a"], "tier": "high"}),
        data=ActingData(consents=consents, events=CustomerEvents.read(shop.events)),
        channels=CHANNELS,
    )  # fmt: skip
    assert set(found.state.of("a")["status"]) == {"sent", "stopped"}


def test_a_state_is_stored_and_read_back(tmp_path: Path) -> None:
    shop = shop_of([("a", 30, "purchase"), ("b", 40, "cart")], {}, {})
    for number in range(5):
        shop.run(number, "")
        shop.state.save(tmp_path / "state.jsonl")
        back = ScenarioState.load(tmp_path / "state.jsonl")
        pd.testing.assert_frame_equal(back.rows, shop.state.rows)
        assert back.as_of == shop.state.as_of
        shop.state = back
    assert len(shop.log) == 4


@pytest.mark.parametrize("keep", [0, 1, 3])
def test_a_state_that_is_cut_off_is_refused(tmp_path: Path, keep: int) -> None:
    shop = shop_of([("a", 30, "purchase")], {}, {})
    shop.run(1, "")
    path = tmp_path / "state.jsonl"
    shop.state.save(path)
    path.write_text("\n".join(path.read_text().splitlines()[:keep]))
    with pytest.raises(StoreError, match="not a complete state"):
        ScenarioState.load(path)


def test_a_state_of_tomorrow_is_refused() -> None:
    shop = shop_of([("a", 30, "purchase")], {}, {})
    shop.run(2, "")
    with pytest.raises(DataError, match="later than 2026-03-03"):
        shop.night(1)


def test_a_state_with_rare_line_ends_and_parts_of_a_second_is_read_back(tmp_path: Path) -> None:
    shop = shop_of([("a", 30, "purchase")], {}, {})
    shop.run(1, "")
    rows = shop.state.rows
    parts = np.array([0, 500_000, 0], dtype="timedelta64[us]")
    cause = pd.Series("a\u2028b\x85c", index=rows.index, dtype=object)
    rows = rows.assign(cause=cause, entered=rows["entered"] + parts)
    ScenarioState(rows, shop.state.as_of).save(tmp_path / "s.jsonl")
    pd.testing.assert_frame_equal(ScenarioState.load(tmp_path / "s.jsonl").rows, rows)


def test_ids_that_are_numbers_stay_numbers(tmp_path: Path) -> None:
    shop = shop_of([("a", 30, "purchase")], {}, {})
    shop.run(1, "")
    numbers = shop.state.rows.assign(customer_id=np.array([7] * len(shop.state.rows), dtype=object))
    ScenarioState(numbers, shop.state.as_of).save(tmp_path / "s.jsonl")
    assert ScenarioState.load(tmp_path / "s.jsonl").rows["customer_id"].tolist() == [7, 7, 7]


@pytest.mark.parametrize("crash", ["before the plan", "before the state", "missed", "twice"])
def test_one_fault_in_a_night_gives_nobody_a_step_twice(crash: str) -> None:
    shop = shop_of([("a", 30, "purchase"), ("b", 30, "cart"), ("b", 70, "answered")], {}, {"a": 6})
    for number in range(8):
        if number == 2 and crash == "missed":
            continue
        shop.run(number, crash if number == 2 else "")
        if number == 2 and crash == "twice":
            shop.run(number, "")
    made = [(row["customer_id"], row["scenario"], row["step"]) for row in shop.log]
    assert len(set(made)) == len(made) > 2
    assert ("a", "welcome", "offer") not in made
