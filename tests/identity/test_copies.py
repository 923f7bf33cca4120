"""Case B3: one person with more equal records than a block may hold."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniltv.identity import IdentityStore, InMemoryEngine, LinkSpec, stitch
from omniltv.identity.linking import CopiesApart
from omniltv.identity.records import MISSING, equal_groups, order_in_group
from omniltv.testing.identity_laws import (
    evidence_adds_up,
    example_records,
    the_same_seed_links_alike,
    what_was_learnt_scores_alike,
)

PERSON = {"family_name": "佐藤", "given_name": "花子", "phone": "090-1234-5678"}
TOWN = [
    ("鈴木", "一郎", "03-1111-2223"),
    ("田中", "次郎", "03-1111-2224"),
    ("林", "桃子", "03-1111-2225"),
]


def _copies(n: int, source: str = "ec", start: str = "r", **other: str) -> pd.DataFrame:
    """Return records of one person, in several spellings of the same values."""
    phones = ["090-1234-5678", "09012345678", "+81 90 1234 5678"]
    rows = [PERSON | {"phone": phones[k % 3]} | other for k in range(n)]
    return pd.DataFrame(rows).assign(source=source, record_id=[f"{start}{k:03d}" for k in range(n)])


def _town() -> pd.DataFrame:
    rows = pd.DataFrame(TOWN, columns=["family_name", "given_name", "phone"])
    return rows.assign(source="ec", record_id=[f"t{k}" for k in range(len(TOWN))])


@pytest.mark.parametrize("n", [2, 3, 50, 51, 60, 400])
def test_b3_one_person_with_many_equal_records_is_one_customer(n: int) -> None:
    found = stitch(pd.concat([_copies(n), _town()]))
    summary = found.summary()
    assert summary.customers == 1 + len(TOWN)
    assert summary.sizes == {1: len(TOWN), n: 1}
    assert not summary.masked
    assert not summary.oversized
    assert set(found.crosswalk["record_id"]) == {*_copies(n)["record_id"], *_town()["record_id"]}


def test_b3_copies_on_two_lists_and_a_record_that_is_like_them() -> None:
    like = _copies(1, "app", email="hanako@example.jp")
    found = stitch(pd.concat([_copies(80), _copies(70, "store"), like, _town()]))
    assert found.summary().customers == 1 + len(TOWN)
    cluster = found.clusters.sort_values("n_records").iloc[-1]
    assert (cluster["n_records"], cluster["n_sources"], cluster["agreeing"]) == (151, 3, 1.0)
    assert cluster["flag"] == "many records"


def test_b3_a_family_with_copies_of_every_member_stays_apart() -> None:
    husband = _copies(60, start="h", given_name="太郎")
    found = stitch(pd.concat([_copies(60), husband, _town()]))
    assert found.summary().customers == 2 + len(TOWN)
    assert found.summary().sizes == {1: len(TOWN), 60: 2}


def test_b3_equal_records_that_do_not_say_who_somebody_is_are_not_joined() -> None:
    nobody = pd.DataFrame({"source": "ec", "record_id": np.arange(60).astype(str), "gender": "f"})
    family = nobody.assign(family_name="佐藤")
    shop = family.assign(phone="03-1234-5678")
    for records in (nobody, family, shop):
        assert stitch(pd.concat([records, _town()])).summary().customers == 60 + len(TOWN)


def test_b3_a_source_in_which_everybody_is_once_keeps_its_copies_apart() -> None:
    spec = LinkSpec(unique_sources=("ec",))
    assert stitch(pd.concat([_copies(20), _town()]), spec=spec).summary().customers == 23


def test_b3_the_store_joins_copies_that_come_later(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    store = IdentityStore.create(tmp_path / "ids", stitch(pd.concat([_copies(60), _town()])))
    before = store.crosswalk.to_frame().set_index("record_id")["customer_id"]
    store.update(_copies(70, start="later"))
    store.update(_copies(1, "store", start="s"))
    after = store.crosswalk.to_frame().set_index("record_id")["customer_id"]
    assert len(after) == 134
    assert after.nunique() == 1 + len(TOWN)
    assert after[before.index].equals(before)
    again = IdentityStore(tmp_path / "ids")
    again.update(_copies(60, start="more"))
    assert again.crosswalk.to_frame()["customer_id"].nunique() == 1 + len(TOWN)
    everything = pd.concat(
        [_copies(60), _town(), _copies(70, start="later"), _copies(60, start="more")]
    )
    assert again.rebuild(everything).summary().customers == 1 + len(TOWN)


def test_b3_the_store_joins_copies_when_all_of_them_come_later(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    store = IdentityStore.create(tmp_path / "ids", stitch(_town()))
    store.update(_copies(120))
    assert store.crosswalk.to_frame()["customer_id"].nunique() == 1 + len(TOWN)
    store.forget(_copies(3)[["source", "record_id"]])
    store.update(_copies(1, start="new"))
    assert store.crosswalk.to_frame()["customer_id"].nunique() == 1 + len(TOWN)


def test_b3_copies_of_a_decided_pair_follow_the_decision() -> None:
    copies = pd.concat([_copies(60), _town()])
    decision = pd.DataFrame(
        {"source_a": "ec", "record_id_a": ["r000"], "source_b": "ec", "record_id_b": "t0",
         "same": True}
    )  # fmt: skip
    assert stitch(copies, decisions=decision).summary().customers == len(TOWN)


def test_the_result_does_not_depend_on_the_order_of_copies() -> None:
    lists = pd.concat([_copies(60), _copies(55, "store"), _town()])
    first, second = stitch(lists).crosswalk, stitch(lists.iloc[::-1]).crosswalk
    keys = ["source", "record_id"]
    assert (
        first.sort_values(keys)
        .reset_index(drop=True)
        .equals(second.sort_values(keys).reset_index(drop=True))
    )


@pytest.mark.parametrize(
    "law", [evidence_adds_up, the_same_seed_links_alike, what_was_learnt_scores_alike]
)
def test_the_engine_keeps_the_laws_of_engines(law: object) -> None:
    law(CopiesApart(InMemoryEngine()), example_records())  # type: ignore[operator]


_CODES = st.lists(st.tuples(st.integers(-1, 2), st.integers(-1, 1)), min_size=1, max_size=30)


@given(_CODES)
def test_groups_hold_the_records_that_are_equal(rows: list[tuple[int, int]]) -> None:
    columns = np.array(rows, dtype=np.int64).T
    found = equal_groups(columns, np.ones(len(rows), dtype=np.bool_))
    for k, row in enumerate(rows):
        copies = {j for j, other in enumerate(rows) if other == row}
        grouped = set(np.flatnonzero(found == found[k]).tolist())
        assert grouped == copies if len(copies) >= 3 else found[k] == MISSING


@given(_CODES)
def test_the_first_two_of_a_group_are_one_old_and_one_new_if_it_has_both(
    rows: list[tuple[int, int]],
) -> None:
    group = np.array([row[0] for row in rows])
    new = np.array([row[1] > 0 for row in rows])
    place = order_in_group(group, new)
    for number in set(group.tolist()):
        here = group == number
        assert sorted(place[here].tolist()) == list(range(here.sum()))
        first = new[here & (place < 2)]
        if here.sum() >= 2 and 0 < new[here].sum() < here.sum():
            assert sorted(first.tolist()) == [False, True]
