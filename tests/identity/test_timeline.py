"""All channels in one order, per person, and nothing lost on the way."""

import pandas as pd
import polars as pl
import pytest

from omniltv.data import Tolerance, simulate_retailer
from omniltv.errors import DataError, IntakeError, IntakeWarning
from omniltv.identity import stitch, timeline

CROSSWALK = pd.DataFrame(
    {
        "source": ["ec", "store", "ec"],
        "record_id": ["E1", "S1", "E2"],
        "customer_id": ["ann", "ann", "bob"],
    }
)
BOUGHT = pd.DataFrame(
    {
        "transaction_id": ["t1", "t2", "t3"],
        "source": ["ec", "store", "ec"],
        "record_id": ["E1", "S1", None],
        "channel": ["ec", "store", "ec"],
        "time": ["2024-05-02 10:00", "2024-05-01", "2024-05-03"],
        "value": [300.0, -80.0, 5.0],
    }
)
SEEN = pd.DataFrame(
    {
        "source": ["ec", "app"],
        "record_id": ["E1", "A7"],
        "channel": ["ec", "app"],
        "time": ["2024-05-01 12:00", "2024-05-01"],
        "event": ["cart", "visit"],
    }
)
ASKED = pd.DataFrame(
    {
        "source": ["ec"],
        "record_id": ["E2"],
        "channel": ["call"],
        "time": ["2024-04-30"],
        "kind": ["complaint"],
        "staff_id": ["k3"],
    }
)


def test_one_person_over_all_channels_in_the_order_of_time() -> None:
    told = timeline(CROSSWALK, transactions=BOUGHT, behaviour=SEEN, contacts=ASKED)
    ann = told.of("ann")
    assert ann["kind"].tolist() == ["purchase", "behaviour", "purchase"]
    assert ann["ref"].fillna("").tolist() == ["t2", "", "t1"]
    assert ann["value"].dropna().tolist() == [-80.0, 300.0]
    assert ann["time"].is_monotonic_increasing
    bob = told.of("bob").iloc[0]
    assert (bob["kind"], bob["what"], bob["ref"]) == ("contact", "complaint", "k3")
    assert len(told) == 4
    assert repr(told) == "Timeline(4 events of 2 customers; 2 rejected)"


def test_a6_events_of_unknown_records_are_said_in_rows_and_money_warned_of_and_stopped() -> None:
    known = BOUGHT.iloc[:1]
    lost = pd.concat([known.assign(transaction_id=f"x{row}", record_id="E9") for row in range(12)])
    with pytest.raises(IntakeError, match=r"12 of 13 rows set aside.*3,600 of 3,900") as caught:
        timeline(CROSSWALK, transactions=pd.concat([known, lost]))
    assert len(caught.value.report.rejected) == 12
    many = pd.concat([known.assign(transaction_id=f"k{row}") for row in range(20)])
    with pytest.warns(IntakeWarning, match="2 of 22 rows set aside"):
        told = timeline(CROSSWALK, transactions=pd.concat([many, lost.iloc[:2]]))
    report = told.reports["transactions"]
    assert (report.kept.value, report.set_aside.value) == (6_000.0, 600.0)
    told = timeline(CROSSWALK, transactions=lost, tolerance=Tolerance.anything())
    assert len(told) == 0


def test_guests_strangers_and_bad_rows_are_set_aside_with_the_reason() -> None:
    bad = pd.concat([BOUGHT, BOUGHT.iloc[:1].assign(transaction_id="t9", value="n.a.")])
    told = timeline(CROSSWALK, transactions=bad, behaviour=SEEN)
    reasons = told.rejected["transactions"]["reason"].tolist()
    assert reasons == ["record_id: missing", "value: not a number"]
    assert told.rejected["behaviour"]["reason"].tolist() == ["record_id: not in the crosswalk"]
    assert len(told) + 3 == len(bad) + len(SEEN)


def test_who_did_nothing_has_an_empty_timeline_and_a_stranger_none() -> None:
    told = timeline(CROSSWALK, behaviour=SEEN)
    assert len(told.of("bob")) == 0
    with pytest.raises(DataError, match="no such customer"):
        told.of("eve")


def test_zones_are_not_mixed() -> None:
    zoned = SEEN.assign(
        time=pd.to_datetime(SEEN["time"], format="ISO8601").dt.tz_localize("Asia/Tokyo")
    )
    with pytest.raises(DataError, match="transactions without a time zone") as caught:
        timeline(CROSSWALK, transactions=BOUGHT, behaviour=zoned)
    assert caught.value.column == "time"
    told = timeline(CROSSWALK, behaviour=zoned)
    assert str(told.of("ann")["time"].iloc[0].tz) in {"Asia/Tokyo", "UTC"}


def test_no_table_is_refused() -> None:
    with pytest.raises(DataError, match="no table is given"):
        timeline(CROSSWALK)


def test_frames_come_back_in_kind() -> None:
    told = timeline(CROSSWALK, transactions=pl.from_pandas(BOUGHT))
    assert isinstance(told.of("ann"), pl.DataFrame)
    assert isinstance(told.events, pl.DataFrame)
    assert isinstance(told.rejected["transactions"], pl.DataFrame)


def test_a_whole_retailer_loses_no_row() -> None:
    world = simulate_retailer(200, seed=3)
    found = stitch(world.records)
    told = timeline(
        found.crosswalk,
        transactions=world.transactions,
        behaviour=world.behaviour,
        contacts=world.contacts,
    )
    rows = len(world.transactions) + len(world.behaviour) + len(world.contacts)
    assert len(told) + sum(len(frame) for frame in told.rejected.values()) == rows
    by_customer = told.events.groupby("customer_id").size()
    for name in by_customer.index[:20]:
        assert len(told.of(name)) == by_customer[name]
        assert (told.of(name)["customer_id"] == name).all()
