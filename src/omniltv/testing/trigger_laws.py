"""Laws that every kind of trigger must satisfy."""

from datetime import timedelta

import numpy as np
import pandas as pd

from omniltv._options import Seed, checked
from omniltv.segmentation.triggers import CustomerEvents, TriggerKind, trigger_kinds

__all__ = ["check_trigger", "random_events"]

_NOW = pd.Timestamp("2026-03-02 06:00")
_EVENTS = (
    "purchase",
    "visit",
    "browse",
    "cart_abandoned",
    "enquiry",
    "review",
    "answered",
)


@checked
def check_trigger(trigger: TriggerKind, events: CustomerEvents | None = None) -> None:
    """Raise AssertionError if a trigger breaks a law.

    The laws: the columns are ``customer_id``, ``at`` and ``cause``; a customer has at most one
    row; the moment is within the days of the trigger and not after now; every row has a cause;
    events after now change nothing; neither does the order of events of different moments; the
    same arguments give the same answer; with more days, nobody is missing; the document reads back,
    and its kind is registered.

    Args:
        trigger: The trigger.
        events: Events with the tables that the trigger reads; random ones if None.

    Examples:
        >>> from omniltv.segmentation.triggers import CartLeft
        >>> check_trigger(CartLeft(cart_left=2))
    """
    given = random_events(1) if events is None else events
    found, name = trigger.fires(given, _NOW), type(trigger).__name__
    assert list(found.columns) == ["customer_id", "at", "cause"], f"{name} has other columns"
    assert not found["customer_id"].duplicated().any(), f"{name} has a customer twice"
    assert (found["at"] <= _NOW).all(), f"{name} fires after now"
    first = _NOW - timedelta(days=trigger.within)
    assert (found["at"] > first).all(), f"{name} fires before its days"
    assert all(isinstance(text, str) and text for text in found["cause"]), f"{name} has no cause"
    same = [trigger.fires(other, _NOW) for other in (given, _later(given), _shuffled(given))]
    for other, what in zip(same, ("again", "later events", "another order"), strict=True):
        assert _as_set(other) == _as_set(found), f"{name} differs: {what}"
    wider = trigger.model_copy(update={"within": trigger.within + 1}).fires(given, _NOW)
    fewer = set(found["customer_id"]) - set(wider["customer_id"])
    assert not fewer, f"{name} fires for fewer customers with more days"
    again = type(trigger).from_yaml(trigger.to_yaml())
    assert again == trigger, f"{name} does not read back from YAML"
    assert trigger_kinds().get(trigger.key) is type(trigger), f"{name} is not registered"


def _as_set(found: pd.DataFrame) -> set[tuple[object, ...]]:
    return set(found.itertuples(index=False, name=None))


def _later(events: CustomerEvents) -> CustomerEvents:
    """Return events with others after now."""
    after = events.events.tail(20).assign(time=np.datetime64("2026-03-20", "us"))
    both = pd.concat([events.events, after], ignore_index=True)
    return CustomerEvents(both, events.tables, events.anonymous, events.time_zone)


def _shuffled(events: CustomerEvents) -> CustomerEvents:
    """Return events that were read from another order of rows."""
    mixed = events.events.sample(frac=1, random_state=np.random.default_rng(1))
    return CustomerEvents.read(mixed, tables=events.tables, time_zone=events.time_zone)


def random_events(seed: Seed) -> CustomerEvents:
    """Return random events of 60 customers in the 60 days from 10 January 2026, with all tables.

    Args:
        seed: Seed of the random numbers.

    Examples:
        >>> sorted(random_events(1).tables)
        ['arrivals', 'customers', 'moves', 'next_purchases', 'wanted']
    """
    rng = np.random.default_rng(seed)
    size, people = 500, 60
    ids = np.array([f"c{number}" for number in range(people)], dtype=object)
    seconds = rng.permutation(60 * 86_400)[:size].astype("timedelta64[s]")
    frame = pd.DataFrame({
        "customer_id": rng.choice(ids, size), "time": np.datetime64("2026-01-10", "us") + seconds,
        "event": rng.choice(np.array(_EVENTS, dtype=object), size),
        "channel": rng.choice(np.array(["store", "ec", "call"], dtype=object), size),
    })  # fmt: skip
    near = (np.datetime64("2026-02-25", "us") + rng.integers(0, 864_000, people).astype(
        "timedelta64[s]")).astype("datetime64[us]")  # fmt: skip
    items = rng.choice(np.array(["coat", "hat"], dtype=object), people)
    ways = np.array([("low", "high", "up"), ("high", "low", "down")], dtype=object)
    way = ways[rng.integers(0, 2, people)]
    moves = {"from_tier": way[:, 0], "to_tier": way[:, 1], "direction": way[:, 2]}
    day = np.datetime64("1980-03-01", "us") + rng.integers(0, 9_999, people).astype(
        "timedelta64[D]"
    )
    return CustomerEvents.read(
        frame,
        tables={
            "customers": pd.DataFrame({"customer_id": ids, "born": day}),
            "next_purchases": pd.DataFrame({"customer_id": ids, "expected": near}),
            "moves": pd.DataFrame({"customer_id": ids, "on": near, **moves}),
            "wanted": pd.DataFrame({"customer_id": ids, "item": items, "time": near}),
            "arrivals": pd.DataFrame(
                {"item": ["coat", "hat"], "time": ["2026-03-01", "2026-03-02"]}
            ),
        },
    )
