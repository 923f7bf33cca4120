"""Cases of records and crosswalks from practice, on every kind of frame."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import narwhals as nw
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from omniltv.data import check
from omniltv.errors import DataError
from omniltv.identity import (
    IdentityStore,
    attach,
    crosswalk_changes,
    linkage_quality,
    profiles,
    stitch,
    timeline,
)

type Make = Callable[[Mapping[str, Any]], Any]

MAKERS: dict[str, Make] = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}
RECORDS = {
    "source": ["ec", "ec", "ec", "ec", "pos"],
    "record_id": ["1", "1 ", "2", "2", "2"],
    "phone": ["090-1111-2222", "090-1111-2222", "090-3333-4444", "090-5555-6666", "090-7777-8888"],
    "note": ["a", "b", "c", "d", "e"],
}
CROSSWALK = {"source": ["ec", "ec"], "record_id": ["1", "2"], "customer_id": ["a", "b"]}
REPEATED = {"source": ["ec"] * 3, "record_id": ["1", "2", "1"], "customer_id": ["a", "b", "c"]}
WITHOUT = {"source": ["ec", "ec"], "record_id": ["1", "2"], "customer_id": ["a", None]}


@pytest.fixture(params=MAKERS)
def make(request: pytest.FixtureRequest) -> Make:
    return MAKERS[request.param]


def column(frame: Any, name: str) -> list[object]:
    return list(nw.from_native(frame, eager_only=True)[name].to_list())


def test_a14_stitch_uses_the_rows_that_check_finds_valid(make: Make) -> None:
    frame = make(RECORDS)
    checked, alone = check(frame, "records"), stitch(frame)
    after = stitch(checked.valid)
    assert column(checked.valid, "record_id") == ["1", "2"]
    for found in (alone, after):
        assert column(found.crosswalk, "source") == ["ec", "pos"]
        assert column(found.crosswalk, "record_id") == ["1", "2"]
    assert column(alone.rejected, "reason") == column(checked.rejected, "reason")
    assert column(alone.rejected, "note") == ["b", "c", "d"]
    assert column(alone.crosswalk, "customer_id") == column(after.crosswalk, "customer_id")


def test_a14_equal_rows_are_copies_and_differing_rows_are_all_rejected(make: Make) -> None:
    differ = "record_id: rows of one id differ"
    assert column(check(make(RECORDS), "records").rejected, "reason") == [
        "record_id: copy of an earlier row",
        differ,
        differ,
    ]


def test_a14_a_store_has_the_same_rule_and_reasons(make: Make, tmp_path: Path) -> None:
    first = stitch(pd.DataFrame({"source": ["app"], "record_id": ["9"], "phone": ["03-1111-2222"]}))
    update = IdentityStore.create(tmp_path / "ids", first).update(make(RECORDS))
    assert column(update.rejected, "reason") == column(stitch(make(RECORDS)).rejected, "reason")
    assert column(update.crosswalk, "source") == ["ec", "pos"]


def test_a14_the_rule_does_not_depend_on_the_order_of_the_rows() -> None:
    frame = pd.DataFrame(RECORDS)
    forth, back = stitch(frame).crosswalk, stitch(frame.iloc[::-1]).crosswalk
    assert forth["customer_id"].tolist() == back["customer_id"].tolist()[::-1]


def uses(crosswalk: Any, make: Make) -> dict[str, Callable[[], object]]:
    """Return everything that reads a crosswalk."""
    keys = {"source": ["ec"], "record_id": ["1"]}
    seen = make(keys | {"time": ["2024-05-01"], "event": ["visit"]})
    records = make(keys | {"phone": ["090-1111-2222"]})
    return {
        "attach": lambda: attach(make(keys), crosswalk),
        "changes from": lambda: crosswalk_changes(crosswalk, make(CROSSWALK)),
        "changes to": lambda: crosswalk_changes(make(CROSSWALK), crosswalk),
        "previous": lambda: stitch(records, previous=crosswalk),
        "timeline": lambda: timeline(crosswalk, behaviour=seen),
        "profiles": lambda: profiles(crosswalk, records),
        "quality": lambda: linkage_quality(crosswalk, make(CROSSWALK), id_column="customer_id"),
    }


USES = sorted(uses(pd.DataFrame(CROSSWALK), pd.DataFrame))


@pytest.mark.parametrize("use", USES)
def test_a15_two_rows_for_one_record_are_refused(use: str, make: Make) -> None:
    with pytest.raises(DataError, match="repeated rows") as caught:
        uses(make(REPEATED), make)[use]()
    assert (caught.value.column, caught.value.rows) == ("record_id", (("ec", "1"),))


@pytest.mark.parametrize("use", USES)
def test_a15_a_missing_customer_id_is_refused(use: str, make: Make) -> None:
    with pytest.raises(DataError, match="missing ids") as caught:
        uses(make(WITHOUT), make)[use]()
    assert (caught.value.column, caught.value.rows) == ("customer_id", (("ec", "2"),))


@pytest.mark.parametrize("nothing", [None, "", " ", "NaN"])
def test_a15_a_crosswalk_without_a_record_id_is_refused(nothing: str | None, make: Make) -> None:
    with pytest.raises(DataError, match="missing ids") as caught:
        attach(make(CROSSWALK), make(CROSSWALK | {"record_id": ["1", nothing]}))
    assert (caught.value.column, caught.value.rows) == ("record_id", (1,))


def test_a15_households_of_a_previous_run_are_checked_too(make: Make) -> None:
    found = stitch(make(RECORDS))
    twice = make({"customer_id": ["a", "a"], "household_id": ["h1", "h2"]})
    with pytest.raises(DataError, match="repeated rows") as caught:
        found.households(previous=twice)
    assert caught.value.rows == (("a",),)


def test_a_reason_of_the_users_is_kept(make: Make) -> None:
    frame = make({"source": ["ec", "ec"], "record_id": ["1", None], "phone": ["1", "2"],
                  "reason": ["gift", "moved"]})  # fmt: skip
    rejected = stitch(frame).rejected
    assert column(rejected, "reason") == ["moved"]
    assert column(rejected, "reason_1") == ["record_id: missing"]


NUMBERED = {
    "source": ["ec", "ec", "pos"],
    "record_id": [7, 12, 7],
    "phone": ["090-1111-2222", "090-3333-4444", "090-1111-2222"],
    "family_name": ["Tanaka", "Suzuki", "Tanaka"],
    "given_name": ["Ken", "Mai", "Ken"],
}


def test_a12_ids_that_were_numbers_stay_numbers(make: Make) -> None:
    found = stitch(make(NUMBERED))
    assert column(found.crosswalk, "record_id") == [7, 12, 7]
    assert column(found.links, "record_id_a") == [7]
    assert column(found.review(5), "record_id_b") == [7]
    assert nw.from_native(found.crosswalk, eager_only=True)["record_id"].dtype == nw.Int64
    again = stitch(make(NUMBERED), previous=found.crosswalk)
    assert column(again.crosswalk, "customer_id") == column(found.crosswalk, "customer_id")


def test_a12_a_crosswalk_can_be_merged_with_the_list_it_came_from() -> None:
    lists = pd.DataFrame(NUMBERED)
    assert len(lists.merge(stitch(lists).crosswalk, on=["source", "record_id"])) == 3
    with_a_gap = lists.assign(record_id=[7.0, float("nan"), 8.0])
    found = stitch(with_a_gap)
    assert column(found.crosswalk, "record_id") == [7, 8]
    assert len(with_a_gap.merge(found.crosswalk, on=["source", "record_id"])) == 2


def test_a12_ids_that_were_text_stay_text(make: Make) -> None:
    found = stitch(make(NUMBERED | {"record_id": ["007", "12", "7"]}))
    assert column(found.crosswalk, "record_id") == ["007", "12", "7"]


def test_a12_transactions_with_other_types_of_ids_find_their_customers(make: Make) -> None:
    found = stitch(make(NUMBERED))
    for ids in ([7, 12], ["7", "12"], [7.0, 12.0]):
        tickets = make({"source": ["ec", "ec"], "record_id": ids})
        assert len(column(attach(tickets, found.crosswalk).valid, "customer_id")) == 2


def test_a12_a_store_reports_numbers_while_all_ids_are(make: Make, tmp_path: Path) -> None:
    store = IdentityStore.create(tmp_path / "ids", stitch(make(NUMBERED)))
    update = store.update(make({"source": ["app"], "record_id": [3], "phone": ["090-1111-2222"]}))
    assert column(update.crosswalk, "record_id") == [3]
