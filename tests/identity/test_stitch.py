from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from tests._statistics import assert_shares

from omniltv.data import Tolerance, simulate_retailer
from omniltv.errors import ConfigError, DataError, DataWarning, IntakeError
from omniltv.identity import FIELDS, LinkSpec, attach, linkage_quality, stitch

FAMILY = pd.DataFrame(
    [
        ("store", "S1", "髙橋", "花子", "ハナコ", "090-1234-5678", "h@a.jp", "1980-01-02"),
        ("ec", "E1", "Takahashi", "Hanako", None, "+81 90 1234 5678", "H@A.JP", None),
        ("app", "A1", "高橋", None, None, "09012345678", "h@a.jp", "S55.1.2"),
        ("ec", "E2", "高橋", "太郎", "タロウ", "09012345678", "h@a.jp", "2010/5/5"),
        ("app", "A2", "タカハシ", "タロウ", None, "9012345678", None, "20100505"),
        ("call", "C1", "佐藤", "健", "ケン", "03-9999-1111", None, None),
        ("call", "C2", None, None, None, None, None, None),
    ],
    columns=[
        "source", "record_id", "family_name", "given_name", "given_name_kana",
        "phone", "email", "birth_date",
    ],
)  # fmt: skip


def _partition(crosswalk: pd.DataFrame) -> set[frozenset[tuple[str, ...]]]:
    frame = pd.DataFrame(
        {name: list(crosswalk[name]) for name in ("source", "record_id", "customer_id")}
    )
    keys = [tuple(key) for key in frame[["source", "record_id"]].to_numpy()]
    groups = frame.groupby("customer_id").indices.values()
    return {frozenset(keys[row] for row in rows) for rows in groups}


EXPECTED = {
    frozenset({("store", "S1"), ("ec", "E1"), ("app", "A1")}),
    frozenset({("ec", "E2"), ("app", "A2")}),
    frozenset({("call", "C1")}),
    frozenset({("call", "C2")}),
}


def test_a_family_is_as_many_customers_as_people() -> None:
    found = stitch(FAMILY)
    assert _partition(found.crosswalk) == EXPECTED
    assert len(found.rejected) == 0
    summary = found.summary()
    assert (summary.records, summary.customers, summary.rows) == (7, 4, 7)
    assert "7 records -> 4 customers" in str(summary)
    assert found.clusters["n_records"].sum() == 7
    assert found.crosswalk["record_id"].tolist() == FAMILY["record_id"].tolist()
    assert found.crosswalk["probability"].between(0, 1).all()


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda frame: frame, pd.DataFrame),
        (pl.from_pandas, pl.DataFrame),
        (lambda frame: pl.from_pandas(frame).lazy(), pl.LazyFrame),
        (pa.Table.from_pandas, pa.Table),
        (duckdb.from_df, duckdb.DuckDBPyRelation),
    ],
    ids=["pandas", "polars", "polars lazy", "pyarrow", "duckdb"],
)
def test_any_frame_in_the_same_kind_out(
    make: Callable[[pd.DataFrame], Any], kind: type[object]
) -> None:
    found = stitch(make(FAMILY))
    frames = (found.crosswalk, found.links, found.clusters, found.rejected, found.masked_values,
              found.oversized)  # fmt: skip
    assert all(isinstance(frame, kind) for frame in frames)
    assert linkage_quality(found.crosswalk, _truth()).f1 == 1
    assert isinstance(found.attach(make(FAMILY[["source", "record_id"]])).valid, kind)


def _truth() -> pd.DataFrame:
    return FAMILY[["source", "record_id"]].assign(person_id=[1, 1, 1, 2, 2, 3, 4])


@pytest.mark.parametrize("seed", range(3))
def test_order_changes_neither_partition_nor_ids(seed: int) -> None:
    shuffled = FAMILY.sample(frac=1, random_state=seed)
    key = ["source", "record_id"]
    once = stitch(FAMILY).crosswalk.sort_values(key, ignore_index=True)
    again = stitch(shuffled).crosswalk.sort_values(key, ignore_index=True)
    pd.testing.assert_frame_equal(once, again)


def test_ids_survive_new_records_and_a_new_anchor() -> None:
    first = stitch(FAMILY)
    newcomer = FAMILY.iloc[[0]].assign(source="aaa", record_id="0")
    more = pd.concat([newcomer, FAMILY], ignore_index=True)
    later = stitch(more, previous=first.crosswalk)
    old = dict(zip(first.crosswalk["record_id"], first.crosswalk["customer_id"], strict=True))
    new = dict(zip(later.crosswalk["record_id"], later.crosswalk["customer_id"], strict=True))
    assert {key: new[key] for key in old} == old
    assert new["0"] == old["S1"]
    assert stitch(more).crosswalk["customer_id"].iloc[1] != old["S1"]


def test_the_larger_part_keeps_the_id_and_nobody_else_gets_it() -> None:
    previous = _truth().assign(customer_id="one")
    found = stitch(FAMILY, previous=previous)
    ids = dict(zip(found.crosswalk["record_id"], found.crosswalk["customer_id"], strict=True))
    assert ids["S1"] == "one"
    assert len({ids["S1"], ids["E2"], ids["C1"], ids["C2"]}) == 4


def test_why_adds_up_and_names_no_one() -> None:
    found = stitch(FAMILY)
    evidence = found.why(("store", "S1"), ("ec", "E1"))
    assert evidence.same_customer
    odds = 2 ** sum(evidence.bits.values())
    assert evidence.probability == pytest.approx(odds / (1 + odds))
    assert {"phone", "email"} <= set(evidence.rules)
    assert evidence.levels["given_name"] == "same sound"
    assert evidence.levels["card_number"] == "missing"
    apart = found.why(("store", "S1"), ("ec", "E2"))
    assert not apart.same_customer
    assert apart.bits["household"] < -5
    text = str(evidence) + str(apart) + repr(found) + str(found.summary())
    assert not any(value in text for value in ("高橋", "hanako", "Hanako", "1234", "h@a.jp"))


def test_why_of_strangers_and_of_nobody() -> None:
    found = stitch(FAMILY)
    assert "no rule proposed" in str(found.why(("call", "C1"), ("call", "C2")))
    with pytest.raises(DataError, match="no such record"):
        found.why(("call", "C1"), ("call", "C9"))


def test_links_carry_rules_and_bits() -> None:
    links = stitch(FAMILY).links
    bits = links[[name for name in links if str(name).startswith("bits_")]].sum(axis=1)
    assert np.allclose(1 / (1 + np.exp2(-bits)), links["probability"])
    assert links["rules"].str.len().min() > 0
    assert links["kept"].dtype == bool


def test_attach_gives_customers_and_sets_guests_aside() -> None:
    found = stitch(FAMILY)
    tickets = pd.DataFrame(
        {
            "transaction_id": ["t1", "t2", "t3", "t4"],
            "source": ["ec", "store", "ec", "shop"],
            "record_id": ["E1", None, "E9", "S1"],
            "value": [100.0, 200.0, 300.0, 400.0],
        }
    )
    attached = found.attach(tickets)
    assert attached.valid["transaction_id"].tolist() == ["t1"]
    assert attached.valid["customer_id"].iloc[0] == found.crosswalk["customer_id"].iloc[1]
    reasons = dict(
        zip(attached.rejected["transaction_id"], attached.rejected["reason"], strict=True)
    )
    unknown = "record_id: not in the crosswalk"
    assert reasons == {"t2": "record_id: missing", "t3": unknown, "t4": unknown}
    assert "1 of" in repr(attached)
    with pytest.raises(DataError, match="record_id"):
        found.attach(tickets.drop(columns="record_id"))


def test_a_stored_crosswalk_attaches_as_its_resolution_does() -> None:
    found = stitch(FAMILY)
    ids = ["S1", "E1", "A9", "", "A2", "C1", "C2"]
    tickets = FAMILY[["source", "record_id"]].assign(record_id=ids)
    ours, stored = found.attach(tickets), attach(tickets, found.crosswalk)
    pd.testing.assert_frame_equal(ours.valid, stored.valid)
    pd.testing.assert_frame_equal(ours.rejected, stored.rejected)
    assert len(stored.valid) + len(stored.rejected) == len(tickets)
    with pytest.raises(DataError, match="customer_id"):
        attach(tickets, FAMILY)


@pytest.fixture(scope="module")
def retailer() -> pd.DataFrame:
    return simulate_retailer(600, seed=3).records


@pytest.mark.slow
def test_drawn_crosswalks_link_as_often_as_is_probable(retailer: pd.DataFrame) -> None:
    """Two records that compare with no third are drawn anew for each crosswalk."""
    found = stitch(retailer)
    drawn = found.draws(150, seed=1)
    keys = _keys(found.crosswalk)
    order = sorted(range(len(keys)), key=keys.__getitem__)  # that of the pairs
    ids = np.array([frame["customer_id"] for frame in drawn])[:, order]
    pairs = found.compared
    a, b = pairs.candidates.left, pairs.candidates.right
    count = np.bincount([*a, *b], minlength=ids.shape[1])
    alone = (count[a] == 1) & (count[b] == 1) & (np.abs(pairs.probability - 0.5) < 0.49)
    assert alone.sum() > 10
    together = (ids[:, a] == ids[:, b]).mean(axis=0)[alone]
    assert_shares(together, pairs.probability[alone], n=len(drawn), comparisons=int(alone.sum()))
    assert all(_keys(frame) == _keys(found.crosswalk) for frame in drawn[:3])


def _keys(frame: pd.DataFrame) -> list[tuple[str, str]]:
    return list(frame[["source", "record_id"]].itertuples(index=False, name=None))


def test_drawn_crosswalks_are_frames_of_the_kind_given_and_repeat(retailer: pd.DataFrame) -> None:
    found = stitch(pl.from_pandas(retailer))
    one, same, other = (found.draws(5, seed=seed) for seed in (1, 1, 2))
    assert all(isinstance(frame, pl.DataFrame) for frame in one)
    assert all(a.equals(b) for a, b in zip(one, same, strict=True))
    assert not any(a.equals(b) for a, b in zip(one, other, strict=True))
    with pytest.raises(ConfigError, match="k is a whole number from 1"):
        found.draws(0, seed=1)


def test_drawn_crosswalks_keep_unique_sources() -> None:
    twins = pd.concat([FAMILY, FAMILY.iloc[[0]].assign(record_id="S2", birth_date=None)])
    for frame in stitch(twins, spec=LinkSpec(unique_sources=("store",))).draws(200, seed=1):
        stores = frame[frame["source"] == "store"]
        assert stores["customer_id"].is_unique


def test_unique_sources_hold_one_record_of_a_person() -> None:
    twins = pd.concat([FAMILY.iloc[[0]], FAMILY.iloc[[0]].assign(record_id="S2")])
    assert stitch(twins).summary().customers == 1
    assert stitch(twins, spec=LinkSpec(unique_sources=("store",))).summary().customers == 2
    assert not stitch(twins, spec=LinkSpec(unique_sources=("store",))).links["kept"].any()


def test_an_unseen_unique_source_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"source web of unique_sources.*Hint"):
        stitch(FAMILY, spec=LinkSpec(unique_sources=("web",)))


@pytest.mark.parametrize("wrong", [{"treshold": 0.5}, {"threshold": 1.5}, {"blockers": ("phone",)}])
def test_a_wrong_setting_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        LinkSpec(**wrong)


def test_a_large_block_is_listed() -> None:
    many = pd.DataFrame(
        {"source": "ec", "record_id": [str(k) for k in range(12)], "birth_date": "1980-01-02",
         "family_name": "Tanaka"}
    )  # fmt: skip
    found = stitch(many, spec=LinkSpec(max_block=5))
    assert ("birth+family", 12) in list(found.oversized.itertuples(index=False, name=None))
    assert found.summary().candidates == 0


@pytest.mark.parametrize("n", [0, 1, 2])
@pytest.mark.parametrize("make", [lambda frame: frame, pl.from_pandas])
def test_tiny_lists(n: int, make: Callable[[pd.DataFrame], Any]) -> None:
    found = stitch(make(FAMILY.iloc[:n]))
    assert len(found.crosswalk) == n
    assert found.summary().customers == min(n, 1)


def test_nobody_can_be_recognised() -> None:
    blank = FAMILY.assign(**dict.fromkeys(FAMILY.columns[2:], None))
    assert stitch(blank).summary().customers == len(FAMILY)


@pytest.mark.parametrize("column", FAMILY.columns[2:])
def test_any_column_may_be_missing(column: str) -> None:
    found = stitch(FAMILY.drop(columns=column))
    assert len(found.crosswalk) == len(FAMILY)
    split = found.why(("store", "S1"), ("ec", "E2"))
    assert not split.same_customer or column == "given_name"


def test_numbers_and_dates_as_values() -> None:
    typed = pd.DataFrame(
        {
            "source": [1, 2],
            "record_id": [10.0, 10.0],
            "given_name": pd.Series(["Ann", "Ann"], dtype="string"),
            "phone": [9012345678.0, 9012345678.0],
            "birth_date": pd.to_datetime(["1980-01-02", "1980-01-02"]),
        }
    )
    found = stitch(typed)
    assert found.summary().customers == 1
    assert found.crosswalk["record_id"].tolist() == [10, 10]


def test_rejected_rows_are_kept_as_they_came() -> None:
    untidy = pd.concat([FAMILY, FAMILY.iloc[[0]], FAMILY.iloc[[5]].assign(source=None)])
    found = stitch(untidy)
    copy, missing = "record_id: copy of an earlier row", "source: missing"
    assert found.rejected["reason"].tolist() == [copy, missing]
    assert len(found.crosswalk) + len(found.rejected) == len(untidy)
    assert found.summary().rejected == {missing: 1, copy: 1}


def test_a8_a_list_of_ids_only_makes_every_id_a_customer_and_says_so() -> None:
    with pytest.warns(DataWarning, match="every record is a customer of its own"):
        found = stitch(FAMILY[["source", "record_id"]])
    assert found.crosswalk["customer_id"].nunique() == len(FAMILY)
    assert found.report.changes[0].rows == len(FAMILY)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_a12_ids_that_are_whole_numbers_come_back_as_whole_numbers(frame: Any) -> None:
    both = {"given_name": ["Ann"] * 2, "phone": ["09012345678"] * 2}
    lists = frame({"source": ["ec", "pos"], "record_id": [7, 8]} | both)
    bought = frame({"source": ["ec", "pos", "pos"], "record_id": ["7", "8", "9"]})
    found = stitch(lists)
    assert found.crosswalk["record_id"].to_list() == [7, 8]
    assert found.draws(1, seed=1)[0]["record_id"].to_list() == [7, 8]
    mine = frame({"source": ["ec", "pos"], "record_id": [7, 8], "customer_id": [70, 80]})
    attached = attach(bought, mine)
    assert attached.valid["customer_id"].to_list() == [70, 80]
    assert attached.report.set_aside.rows == 1


def test_a12_a_join_that_loses_most_rows_is_an_error_unless_it_is_tolerated() -> None:
    known = pd.DataFrame({"source": "ec", "record_id": ["1"], "customer_id": ["a"]})
    bought = pd.DataFrame(
        {"source": "ec", "record_id": [str(n) for n in range(1, 1001)], "value": 2.0}
    )
    with pytest.raises(IntakeError, match=r"999 of 1,000 rows.*1,998 of 2,000") as caught:
        attach(bought, known)
    assert len(caught.value.report.rejected) == 999
    anything = attach(bought, known, tolerance=Tolerance.anything())
    assert len(anything.valid) == 1


def test_guests_are_not_a_loss_that_counts() -> None:
    known = pd.DataFrame({"source": "ec", "record_id": ["1"], "customer_id": ["a"]})
    bought = pd.DataFrame({"source": "ec", "record_id": ["1"] + [None] * 19, "value": 2.0})
    attached = attach(bought, known)
    assert (attached.report.set_aside.rows, attached.report.share_of_rows) == (19, 0.0)


def test_what_is_no_frame_or_no_customer_list_is_refused() -> None:
    with pytest.raises(DataError, match="must be a dataframe"):
        stitch([1, 2])  # type: ignore[type-var]  # on purpose
    with pytest.raises(DataError, match="source"):
        stitch(FAMILY.drop(columns="source"))
    with pytest.raises(DataError, match="customer_id"):
        stitch(FAMILY, previous=FAMILY)


def test_fields_are_the_contract() -> None:
    assert set(FAMILY.columns) - {"source", "record_id"} <= set(FIELDS)
