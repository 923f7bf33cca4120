"""The counter: one customer in one call, while the nightly job writes."""

import logging
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from omniltv.errors import ConfigError, DataError, StoreError
from omniltv.segmentation.counter import CounterDesk, write_counter

PEOPLE = pd.DataFrame({"customer_id": ["a", "b"], "name": ["Ann", None], "value": [9.5, np.nan]})
CONTACTS = pd.DataFrame(
    {
        "customer_id": ["a", "b", "a"],
        "time": pd.to_datetime(["2026-01-01 00:00", "2026-01-02 00:00", "2026-01-03 10:00"]),
        "channel": ["ec", "ec", "call"],
    }
)
OFFERS = pd.DataFrame(
    {"customer_id": ["a", "a"], "treatment": ["mail", "tour"], "gain": [1.0, 7.0], "why": "x"}
)


def test_all_sections_of_a_customer(tmp_path: Path) -> None:
    tier = pd.DataFrame({"customer_id": ["b", "a"], "tier": ["general", "high"], "to_next": [3, 0]})
    cart = pd.DataFrame({"customer_id": ["a"], "item": ["tea"]})
    write_counter(
        tmp_path, as_of="2026-01-05", profile=PEOPLE, tier=tier, cart=cart, contacts=CONTACTS,
        offers=OFFERS,
    )  # fmt: skip
    with CounterDesk(tmp_path) as desk:
        view, other = desk.of("a"), desk.of("b")
        assert desk.of("c") is None
        assert desk.of(1) is None
    assert view is not None
    assert other is not None
    assert view.as_of == "2026-01-05"
    assert view.profile == {"name": "Ann", "value": 9.5}
    assert view.tier == {"tier": "high", "to_next": 0}
    assert [line["item"] for line in view.cart] == ["tea"]
    assert [row["time"] for row in view.contacts] == ["2026-01-03T10:00:00", "2026-01-01T00:00:00"]
    assert view.next_best["treatment"] == "tour"
    assert other.profile == {"name": None, "value": None}
    assert (other.cart, other.offers, other.next_best) == ((), (), {})


def test_whole_number_ids_and_polars(tmp_path: Path) -> None:
    write_counter(tmp_path, as_of="today", profile=pl.DataFrame({"customer_id": [7], "n": [1]}))
    with CounterDesk(tmp_path) as desk:
        assert desk.of(7) is not None
        assert desk.of("7") is None
        assert desk.of(10**30) is None
        found = desk.of(7)
        assert found is not None
        assert found.tier == {}


def test_readers_go_on_while_the_counter_is_written(tmp_path: Path) -> None:
    """Every view is whole: the profile and the tier are of the same night."""

    def night(number: int) -> None:
        table = pd.DataFrame({"customer_id": range(50), "night": number})
        write_counter(tmp_path, as_of=str(number), profile=table, tier=table)

    night(0)
    with CounterDesk(tmp_path) as desk, ThreadPoolExecutor(3) as pool:
        writing = pool.submit(lambda: list(map(night, range(1, 8))))
        seen = [desk.of(number % 50) for number in range(300)]
        writing.result()
        last = desk.of(1)
    assert all(view is not None for view in seen)
    assert all(
        str(view.profile["night"]) == str(view.tier["night"]) == view.as_of
        for view in seen
        if view is not None
    )
    assert last is not None
    assert last.as_of == "7"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_failed_night_leaves_the_last_one(tmp_path: Path) -> None:
    write_counter(tmp_path, as_of="first", profile=PEOPLE)
    bad = pd.DataFrame({"customer_id": ["a"], "what": [object()]})
    with pytest.raises(DataError, match="column 'what': values of a type that is not stored"):
        write_counter(tmp_path, as_of="second", profile=PEOPLE, cart=bad)
    assert len(list(tmp_path.iterdir())) == 1
    with CounterDesk(tmp_path) as desk:
        found = desk.of("a")
        assert found is not None
        assert found.as_of == "first"


def test_a_damaged_night_is_an_error_at_every_call(tmp_path: Path) -> None:
    write_counter(tmp_path, as_of="first", profile=PEOPLE)
    with CounterDesk(tmp_path) as desk:
        write_counter(tmp_path, as_of="second", profile=PEOPLE[["customer_id", "value", "name"]])
        with sqlite3.connect(max(tmp_path.iterdir())) as other:
            other.execute("DELETE FROM about")
        other.close()
        for _ in range(2):
            with pytest.raises(StoreError, match="the counter is damaged"):
                desk.of("a")


def test_only_the_owner_reads_and_nothing_personal_is_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    folder = tmp_path / "counter"
    write_counter(folder, as_of="today", profile=PEOPLE)
    with CounterDesk(folder) as desk:
        shown = repr(desk.of("a")) + repr(desk)
    (path,) = folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert "Ann" not in shown + caplog.text


def test_bad_tables_are_named(tmp_path: Path) -> None:
    twice = pd.concat([PEOPLE, PEOPLE], ignore_index=True)
    with pytest.raises(DataError, match="customers twice in the table 'profile'"):
        write_counter(tmp_path, as_of="today", profile=twice)
    with pytest.raises(DataError, match="column 'customer_id'"):
        write_counter(tmp_path, as_of="today", profile=PEOPLE, tier=PEOPLE[["name"]])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("frame", [pl.DataFrame, pd.DataFrame])
@pytest.mark.parametrize("value", [timedelta(1), Decimal("1.5"), 2**63, np.array([1, 2])])
def test_values_that_are_not_stored_are_named(tmp_path: Path, value: object, frame: Any) -> None:
    cart = frame({"customer_id": ["a"], "what": [value]})
    with pytest.raises(DataError, match="column 'what': values of a type that is not stored"):
        write_counter(tmp_path, as_of="today", profile=PEOPLE, cart=cart)


@pytest.mark.parametrize("value", [timedelta(1), time(10)])
def test_contacts_are_ordered_by_moments(tmp_path: Path, value: object) -> None:
    contacts = pl.DataFrame({"customer_id": ["a"], "time": [value]})
    with pytest.raises(DataError, match="column 'time'"):
        write_counter(tmp_path, as_of="today", profile=PEOPLE, contacts=contacts)


def test_missing_and_damaged_counters_are_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no counter in"):
        CounterDesk(tmp_path)
    (tmp_path / "counter-00000001.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(StoreError, match="cannot be read"):
        CounterDesk(tmp_path)
    with sqlite3.connect(tmp_path / "counter-00000002.sqlite") as other:
        other.execute("CREATE TABLE about (as_of TEXT)")
    other.close()
    with pytest.raises(StoreError, match="has format 0"):
        CounterDesk(tmp_path)
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(StoreError, match="cannot write"):
        write_counter(file, as_of="today", profile=PEOPLE)
    with pytest.raises(ConfigError, match="as_of"):
        write_counter(tmp_path, as_of=5, profile=PEOPLE)  # type: ignore[arg-type]  # refused
