"""What was decided by hand stays so, and what changed between runs is told."""

from typing import Any

import pandas as pd
import polars as pl
import pytest

from omniltv.errors import DataError
from omniltv.identity import LinkSpec, crosswalk_changes, stitch

PEOPLE = pd.DataFrame(
    [
        ("store", "S1", "高橋", "花子", "090-1234-5678", "1980-01-02"),
        ("ec", "E1", "高橋", "花子", "090-1234-5678", "1980-01-02"),
        ("app", "A1", "高橋", "花子", "090-1234-5678", "1980-01-02"),
        ("store", "S2", "佐藤", "健", "03-9999-1111", "1990-05-05"),
        ("ec", "E2", "鈴木", "一郎", "06-1111-2222", "1971-07-07"),
    ],
    columns=["source", "record_id", "family_name", "given_name", "phone", "birth_date"],
)


def decisions(*rows: tuple[str, str, bool]) -> pd.DataFrame:
    """Decisions about records of `PEOPLE`, by record id."""
    source = dict(zip(PEOPLE["record_id"], PEOPLE["source"], strict=True))
    return pd.DataFrame(
        [(source.get(a, "ec"), a, source.get(b, "ec"), b, same) for a, b, same in rows],
        columns=["source_a", "record_id_a", "source_b", "record_id_b", "same"],
    )


def customers(crosswalk: pd.DataFrame) -> set[frozenset[str]]:
    return {frozenset(ids) for ids in crosswalk.groupby("customer_id")["record_id"].agg(list)}


WITHOUT = {frozenset({"S1", "E1", "A1"}), frozenset({"S2"}), frozenset({"E2"})}


def test_without_decisions_the_evidence_decides() -> None:
    found = stitch(PEOPLE)
    assert customers(found.crosswalk) == WITHOUT
    assert list(found.unused_decisions.columns)[-1] == "reason"
    assert len(found.unused_decisions) == 0


def test_two_people_stay_two_whatever_the_evidence() -> None:
    found = stitch(PEOPLE, decisions=decisions(("S1", "E1", False)))
    together = customers(found.crosswalk)
    assert not any({"S1", "E1"} <= ids for ids in together)
    assert any("A1" in ids and len(ids) == 2 for ids in together), "who is left goes with one"
    evidence = found.why(("store", "S1"), ("ec", "E1"))
    assert evidence.probability == 0
    assert "decision" in evidence.rules
    assert evidence.bits["decision"] < 0 < evidence.bits["phone"]


def test_one_person_is_one_without_any_evidence() -> None:
    found = stitch(PEOPLE, decisions=decisions(("S2", "E2", True)))
    assert customers(found.crosswalk) == {frozenset({"S1", "E1", "A1"}), frozenset({"S2", "E2"})}
    assert found.why(("store", "S2"), ("ec", "E2")).probability == 1
    assert found.summary().links_by_rule["decision"] == 1


def test_a_decision_outranks_a_unique_source() -> None:
    twice = pd.concat([PEOPLE, PEOPLE.iloc[[0]].assign(record_id="S9")])
    spec = LinkSpec(unique_sources=("store",))
    assert not any({"S1", "S9"} <= ids for ids in customers(stitch(twice, spec=spec).crosswalk))
    told = decisions(("S1", "S9", True)).assign(source_b="store")
    found = stitch(twice, spec=spec, decisions=told)
    assert any({"S1", "S9"} <= ids for ids in customers(found.crosswalk))


def test_drawn_crosswalks_keep_decisions() -> None:
    told = decisions(("S1", "E1", False), ("S2", "E2", True))
    for drawn in stitch(PEOPLE, decisions=told).draws(100, seed=1):
        together = customers(drawn)
        assert not any({"S1", "E1"} <= ids for ids in together)
        assert any({"S2", "E2"} <= ids for ids in together)


def test_drawn_crosswalks_keep_decisions_against_unique_sources() -> None:
    twice = pd.concat([PEOPLE, PEOPLE.iloc[[0]].assign(record_id="S9")])
    told = decisions(("S1", "S9", True)).assign(source_b="store")
    spec = LinkSpec(unique_sources=("store",))
    for drawn in stitch(twice, spec=spec, decisions=told).draws(50, seed=1):
        assert any({"S1", "S9"} <= ids for ids in customers(drawn))


def test_decisions_follow_from_each_other() -> None:
    told = decisions(("S1", "S2", True), ("S2", "E2", True), ("E1", "E2", False))
    together = customers(stitch(PEOPLE, decisions=told).crosswalk)
    assert any({"S1", "S2", "E2"} <= ids for ids in together)
    assert not any({"E1", "S1"} <= ids for ids in together)


def test_contradictions_are_refused_with_the_records() -> None:
    told = decisions(("S1", "S2", True), ("S2", "E2", True), ("S1", "E2", False))
    with pytest.raises(DataError, match=r"two people by one, one person by others") as caught:
        stitch(PEOPLE, decisions=told)
    assert caught.value.column == "same"
    assert set(caught.value.rows) == {("store", "S1"), ("ec", "E2")}


def test_what_cannot_be_used_comes_back_with_its_reason() -> None:
    told = decisions(("S1", "E1", False), ("S1", "gone", True), ("S2", "S2", True))
    unused = stitch(PEOPLE, decisions=told).unused_decisions
    assert unused["reason"].tolist() == ["no such record", "a record with itself"]
    assert unused["record_id_b"].tolist() == ["gone", "S2"]


@pytest.mark.parametrize("wrong", ["yes", 1, None])
def test_anything_but_true_and_false_is_refused(wrong: Any) -> None:
    told = decisions(("S1", "E1", False)).astype(object).assign(same=[wrong])
    with pytest.raises(DataError, match="not true or false"):
        stitch(PEOPLE, decisions=told)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(DataError, match="decisions has no such column") as caught:
        stitch(PEOPLE, decisions=decisions(("S1", "E1", False)).drop(columns="record_id_b"))
    assert caught.value.column == "record_id_b"


def test_the_order_of_decisions_does_not_matter_nor_do_repeats() -> None:
    told = decisions(("S1", "E1", False), ("S2", "E2", True))
    swapped = told.rename(
        columns={"source_a": "source_b", "source_b": "source_a",
                 "record_id_a": "record_id_b", "record_id_b": "record_id_a"}
    )  # fmt: skip
    both = pd.concat([swapped, told.iloc[::-1]])
    pd.testing.assert_frame_equal(
        stitch(PEOPLE, decisions=told).crosswalk, stitch(PEOPLE, decisions=both).crosswalk
    )


def test_changes_between_runs_are_told() -> None:
    before = stitch(PEOPLE)
    more = pd.concat(
        [
            PEOPLE[PEOPLE["record_id"] != "E2"],
            PEOPLE.iloc[[0]].assign(source="call", record_id="C1"),
        ]
    )
    told = decisions(("S1", "E1", False), ("S2", "A1", True))
    after = stitch(more, previous=before.crosswalk, decisions=told)
    changes = crosswalk_changes(before.crosswalk, pl.from_pandas(after.crosswalk))
    assert isinstance(changes, pl.DataFrame)
    rows = {row["record_id"]: row for row in changes.to_dicts()}
    assert rows["E2"]["change"] == "record gone"
    assert rows["E2"]["after"] is None
    assert rows["C1"]["change"] == "new record"
    moved = {key: row["change"] for key, row in rows.items() if key in {"S1", "E1", "A1", "S2"}}
    assert "split" in moved.values()
    assert set(moved.values()) <= {"split", "merged"}
    same = crosswalk_changes(after.crosswalk, after.crosswalk)
    assert len(same) == 0


def test_what_is_missing_is_missing_in_pandas_too() -> None:
    before = stitch(PEOPLE).crosswalk
    changes = crosswalk_changes(before.iloc[1:], before.iloc[:-1])
    assert changes["before"].isna().sum() == 1
    assert changes["after"].isna().sum() == 1
