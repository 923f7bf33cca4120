"""Ids live on: records come, change and go, decisions stay made, and nothing is half done."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from omniltv.data import Tolerance, simulate_retailer
from omniltv.errors import ConfigError, DataError, IntakeError, StoreError
from omniltv.identity import IdentityStore, LinkSpec, OwnColumn, Spelling, stitch

PEOPLE = pd.DataFrame(
    [
        ("store", "S1", "高橋", "花子", "090-1234-5678", "1980-01-02", None),
        ("ec", "E1", "高橋", "花子", "090-1234-5678", "1980-01-02", "hana@example.jp"),
        ("app", "A1", "高橋", "花子", None, "1980-01-02", "hana@example.jp"),
        ("store", "S2", "佐藤", "健", "03-9999-1111", "1990-05-05", None),
        ("ec", "E2", "鈴木", "一郎", "06-1111-2222", "1971-07-07", "ichiro@example.jp"),
    ],
    columns=["source", "record_id", "family_name", "given_name", "phone", "birth_date", "email"],
)


def by_id(*ids: str) -> pd.DataFrame:
    return PEOPLE[PEOPLE["record_id"].isin(ids)]


def partition(crosswalk: pd.DataFrame) -> set[frozenset[str]]:
    return {frozenset(ids) for ids in crosswalk.groupby("customer_id")["record_id"].agg(list)}


def customer(store: IdentityStore, record_id: str) -> str:
    crosswalk = store.crosswalk.to_frame()
    return str(crosswalk.loc[crosswalk["record_id"] == record_id, "customer_id"].item())


def pair(a: tuple[str, str], b: tuple[str, str], *, same: bool) -> pd.DataFrame:
    names = ["source_a", "record_id_a", "source_b", "record_id_b", "same"]
    return pd.DataFrame([(*a, *b, same)], columns=names)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a store that every test copies."""
    folder = tmp_path_factory.mktemp("made") / "ids"
    IdentityStore.create(folder, stitch(by_id("S1", "E1", "S2")))
    return folder


@pytest.fixture
def store(made: Path, tmp_path: Path) -> IdentityStore:
    return IdentityStore(shutil.copytree(made, tmp_path / "ids"))


def test_a_store_opens_as_it_was_left(store: IdentityStore, tmp_path: Path) -> None:
    again = IdentityStore(tmp_path / "ids")
    pd.testing.assert_frame_equal(again.crosswalk.to_frame(), store.crosswalk.to_frame())
    assert again.run == 1
    assert len(again) == 3
    assert repr(again) == "IdentityStore(run 1: 3 records, 2 customers)"
    assert partition(again.crosswalk.to_frame()) == {frozenset({"S1", "E1"}), frozenset({"S2"})}


def test_anyone_can_read_the_folder(store: IdentityStore, tmp_path: Path) -> None:
    (version,) = (tmp_path / "ids").iterdir()
    records = pd.read_parquet(version / "records.parquet")
    assert records["record_id"].tolist() == ["E1", "S1", "S2"]
    assert records["phone"].astype(str).tolist()[2] == "+81399991111"
    assert records["customer_id"].nunique() == 2
    model = json.loads((version / "model.json").read_text())
    assert model["settings"]["threshold"] == 0.6
    pairs = pd.read_parquet(version / "pairs.parquet")
    assert {"left", "right", "rules", "bits_phone", "grade_phone"} <= set(pairs.columns)
    assert store.run == 1


def test_an_update_links_what_is_new_and_leaves_the_others(store: IdentityStore) -> None:
    before = store.crosswalk.to_frame()
    found = store.update(by_id("A1", "E2"))
    assert customer(store, "A1") == customer(store, "E1")
    after = store.crosswalk.to_frame()
    kept = after.merge(before, on=["source", "record_id"], suffixes=("", "_before"))
    assert (kept["customer_id"] == kept["customer_id_before"]).all()
    assert found.crosswalk["record_id"].tolist() == ["A1", "E2"]
    assert found.changes["change"].tolist() == ["new record", "new record"]
    assert found.changes["reason"].tolist()[0].startswith("linked by email")
    assert found.changes["reason"].tolist()[1] == "no link to another record"
    assert found.summary() == "run 2: changes: 2 new record; rejected rows: none"
    assert store.audit.to_frame()["record_id"].tolist() == ["A1", "E2"]


def test_an_update_equals_the_full_run_where_nothing_was_learnt_anew(tmp_path: Path) -> None:
    lists = simulate_retailer(400, seed=5).records
    late = np.arange(len(lists)) % 10 == 0
    store = IdentityStore.create(tmp_path / "ids", stitch(lists[~late]))
    store.update(lists[late])
    at_once = stitch(lists).crosswalk
    both = store.crosswalk.to_frame().merge(at_once, on=["source", "record_id"])
    assert len(both) == len(at_once)
    sides = ["customer_id_x", "customer_id_y"]
    same = set(both.groupby(sides[0])["record_id"].agg(frozenset))
    same &= set(both.groupby(sides[1])["record_id"].agg(frozenset))
    assert len(same) > 0.97 * both[sides[0]].nunique(), "the model of the full run differs"


def test_an_update_ties_no_old_records_that_nothing_new_ties(tmp_path: Path) -> None:
    namesakes = pd.DataFrame(
        {
            "source": ["ec"] * 4,
            "record_id": ["X1", "X2", "Y", "Z"],
            "family_name": ["夏目"] * 4,
            "given_name": ["漱石"] * 4,
            "phone": ["090-1111-2222", "090-3333-4444", None, None],
        }
    )
    first = pd.concat([simulate_retailer(300, seed=5).records, namesakes], ignore_index=True)
    lax = LinkSpec(max_block=3, threshold=0.01, family_threshold=0.01)
    late = namesakes.iloc[:2].drop(columns=["family_name", "given_name"])
    late = late.assign(source="app", record_id=["N1", "N2"])
    store = IdentityStore.create(tmp_path / "ids", stitch(first, spec=lax))
    store.update(late)
    ids = {name: customer(store, name) for name in ("X1", "N1", "X2", "N2")}
    assert ids["X1"] == ids["N1"]
    assert ids["X2"] == ids["N2"]
    assert ids["X1"] != ids["X2"], "their name is that of a block too large to pair"


def test_an_update_in_parts_is_an_update_at_once(tmp_path: Path) -> None:
    lists = simulate_retailer(200, seed=6).records
    base, first, second = (lists.iloc[k::3] for k in range(3))
    once = IdentityStore.create(tmp_path / "once", stitch(base))
    once.update(pd.concat([first, second]))
    parts = IdentityStore.create(tmp_path / "parts", stitch(base))
    parts.update(first)
    parts.update(second)
    same = partition(once.crosswalk.to_frame()) & partition(parts.crosswalk.to_frame())
    assert len(same) > 0.97 * len(partition(once.crosswalk.to_frame()))


def test_the_same_records_again_change_nothing(store: IdentityStore) -> None:
    found = store.update(by_id("S1", "E1", "S2"))
    assert len(found.changes) == 0
    assert len(store) == 3
    assert len(found.crosswalk) == 3


def test_a_changed_record_is_linked_anew(store: IdentityStore) -> None:
    moved = by_id("E1").assign(
        family_name="鈴木", phone="06-1111-2222", birth_date="1971-07-07", email=None
    )
    found = store.update(moved)
    assert customer(store, "E1") != customer(store, "S1")
    assert found.changes["change"].tolist() == ["split"]
    assert len(store) == 3


def test_a_record_goes_and_its_company_is_looked_at_again(tmp_path: Path) -> None:
    store = IdentityStore.create(tmp_path / "ids", stitch(PEOPLE))
    found = store.update(PEOPLE.iloc[:0], gone=by_id("E1"))
    assert found.changes["change"].tolist()[0] == "record gone"
    assert "E1" not in set(store.crosswalk.to_frame()["record_id"])
    assert customer(store, "A1") == customer(store, "S1")


def test_a_decision_undoes_a_merge_and_stays_made(store: IdentityStore, tmp_path: Path) -> None:
    told = store.decide(pair(("store", "S1"), ("ec", "E1"), same=False))
    assert customer(store, "S1") != customer(store, "E1")
    assert told.changes["change"].tolist() == ["split"]
    assert told.changes["reason"].tolist() == ["decision"]
    again = IdentityStore(tmp_path / "ids")
    again.update(by_id("A1"))
    assert customer(again, "S1") != customer(again, "E1")
    again.rebuild(PEOPLE)
    assert customer(again, "S1") != customer(again, "E1")
    assert again.decisions.to_frame()["same"].tolist() == [False]
    again.decide(pair(("ec", "E1"), ("store", "S1"), same=True))
    assert customer(again, "S1") == customer(again, "E1")
    assert len(again.decisions) == 1, "the newer decision replaces the older"


def test_a_decision_merges_and_says_so(store: IdentityStore) -> None:
    told = store.decide(pair(("store", "S1"), ("store", "S2"), same=True))
    assert customer(store, "S1") == customer(store, "S2")
    assert set(told.changes["change"]) == {"merged"}
    assert "decision" in told.changes["reason"].iloc[0]


def test_a_decision_about_nobody_waits_for_the_record(store: IdentityStore) -> None:
    told = store.decide(pair(("store", "S2"), ("ec", "E2"), same=True))
    assert told.rejected["reason"].tolist() == ["no such record"]
    store.update(by_id("E2"))
    assert customer(store, "S2") == customer(store, "E2")


def test_a_full_run_keeps_ids_and_is_audited(store: IdentityStore) -> None:
    names = {key: customer(store, key) for key in ("S1", "S2")}
    found = store.rebuild(PEOPLE)
    assert {key: customer(store, key) for key in names} == names
    assert len(found.crosswalk) == 5
    assert store.run == 2
    assert set(store.audit.to_frame()["change"]) == {"new record"}


def test_who_is_forgotten_leaves_no_trace(tmp_path: Path) -> None:
    folder = tmp_path / "ids"
    store = IdentityStore.create(folder, stitch(by_id("S1", "E1", "S2")))
    store.update(by_id("E2"))
    name = customer(store, "E2")
    store.decide(pair(("ec", "E2"), ("store", "S2"), same=False))
    traces = [b"E2", b"ichiro@example.jp", b"+81611112222", b"1971-07-07", name.encode()]
    traces += [text.encode() for text in ("鈴木", "一郎", "ichiro")]
    assert all(trace in _bytes(folder) for trace in traces), "they are there before"
    assert b"06-1111-2222" not in _bytes(folder), "raw values are never stored"
    store.forget(pd.DataFrame({"source": ["ec"], "record_id": ["E2"]}))
    content = _bytes(folder)
    assert [trace for trace in traces if trace in content] == []
    again = IdentityStore(folder)
    assert len(again) == 3
    assert len(again.decisions) == 0
    assert "E2" not in set(again.audit.to_frame()["record_id"])


def test_a_value_that_many_shared_goes_with_the_last_of_them(tmp_path: Path) -> None:
    shop = _shop(40)
    store = IdentityStore.create(tmp_path / "ids", stitch(pd.concat([shop, PEOPLE])))
    store.update(shop.iloc[:1].assign(record_id="S99", given_name="Other"))
    everybody = store.crosswalk.to_frame()
    having = everybody[everybody["record_id"].str.fullmatch(r"T\d+|S99")]
    store.forget(having.iloc[1:])
    assert b"+81312345678" in _bytes(tmp_path / "ids")
    store.forget(having.iloc[:1])
    assert b"+81312345678" not in _bytes(tmp_path / "ids")


def _shop(n: int) -> pd.DataFrame:
    """A till that fills in its own number."""
    people = {"family_name": [f"Name{k}" for k in range(n)], "phone": "03-1234-5678"}
    people |= {"given_name": [f"Given{k}" for k in range(n)]}
    return pd.DataFrame({"source": "store", "record_id": [f"T{k}" for k in range(n)]} | people)


def _bytes(folder: Path) -> bytes:
    """All that is on disk, decompressed, too."""
    content = b""
    for path in sorted(folder.rglob("*")):
        content += path.name.encode()
        if path.is_file():
            content += path.read_bytes()
            if path.suffix == ".parquet":
                content += pl.read_parquet(path).write_json().encode()
                content += str(pd.read_parquet(path).dtypes.map(_categories).tolist()).encode()
    return content


def _categories(kind: object) -> list[object]:
    return kind.categories.tolist() if isinstance(kind, pd.CategoricalDtype) else []


def test_shared_values_stay_masked(tmp_path: Path) -> None:
    shop = _shop(40)
    store = IdentityStore.create(tmp_path / "ids", stitch(shop))
    found = store.update(shop.iloc[:1].assign(record_id="T99", given_name="Other"))
    assert customer(store, "T99") != customer(store, "T0")
    assert found.changes["change"].tolist() == ["new record"]
    assert len(store.update(shop).changes) == 0, "put aside, they are still as they were"


def test_frames_come_back_in_kind(store: IdentityStore) -> None:
    found = store.update(pl.from_pandas(by_id("A1")))
    assert isinstance(found.crosswalk, pl.DataFrame)
    assert isinstance(found.changes, pl.DataFrame)
    assert found.changes.schema["run"] == pl.Int64
    assert isinstance(found.rejected, pl.DataFrame)
    assert isinstance(store.audit.to_frame("polars"), pl.DataFrame)


def test_bad_rows_of_an_update_come_back(store: IdentityStore) -> None:
    bad = pd.concat([by_id("A1"), by_id("A1").assign(record_id=None)])
    found = store.update(bad)
    assert found.rejected["reason"].tolist() == ["record_id: missing"]
    assert "1 record_id: missing" in found.summary()


def test_an_update_says_what_was_not_read_and_stops_above_the_tolerance(
    store: IdentityStore,
) -> None:
    rows = 20
    ids = [f"n{row}" for row in range(rows)]
    fresh = pd.DataFrame({"source": "app", "record_id": ids, "phone": "03-1111-2222"})
    fresh["birth_date"] = ["soon", *["1980-01-02"] * (rows - 1)]
    fresh.loc[:1, "record_id"] = None
    with pytest.raises(IntakeError, match="2 of 20 rows set aside"):
        store.update(fresh, tolerance=Tolerance(stop_above=0.08))
    run = store.run
    done = store.update(fresh, tolerance=Tolerance(warn_above=0.2))
    assert store.run == run + 1
    assert done.unread == {}
    assert "values not read" not in done.summary()
    last = fresh.iloc[2:3].assign(record_id="m1", birth_date="soon")
    done = store.update(last)
    assert done.unread == {"birth_date: not a date": 1}
    assert done.summary().endswith("values not read: 1 birth_date: not a date")


def test_a_store_knows_how_own_columns_were_normalised(tmp_path: Path) -> None:
    lists = PEOPLE.assign(line_id="U12 ")
    made = LinkSpec(columns=(OwnColumn("line_id", normalise=repr),))
    IdentityStore.create(tmp_path / "ids", stitch(lists, spec=made))
    assert IdentityStore(tmp_path / "ids", spec=made).run == 1
    other = LinkSpec(columns=(OwnColumn("line_id", normalise=ascii),))
    for spec in (other, LinkSpec()):
        with pytest.raises(ConfigError, match="other own_columns"):
            IdentityStore(tmp_path / "ids", spec=spec)


def test_errors_name_the_records(store: IdentityStore, tmp_path: Path) -> None:
    nobody = pd.DataFrame({"source": ["ec"], "record_id": ["E77"]})
    with pytest.raises(DataError, match="no such record") as caught:
        store.forget(nobody)
    assert caught.value.rows == (("ec", "E77"),)
    with pytest.raises(DataError, match="no such record"):
        store.update(by_id("A1"), gone=nobody)
    with pytest.raises(DataError, match="both given and gone") as both:
        store.update(by_id("S1"), gone=by_id("S1"))
    assert both.value.rows == (("store", "S1"),)
    with pytest.raises(DataError, match="no such column"):
        store.forget(nobody[["source"]])
    with pytest.raises(StoreError, match="already"):
        IdentityStore.create(tmp_path / "ids", stitch(PEOPLE))
    with pytest.raises(StoreError, match="no identity store"):
        IdentityStore(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="other threshold"):
        IdentityStore(tmp_path / "ids", spec=LinkSpec(threshold=0.9))
    assert store.run == 1


def test_later_records_are_read_in_the_same_spelling(tmp_path: Path) -> None:
    american = LinkSpec(spelling=Spelling(phone_region="US"))
    first = PEOPLE.iloc[[0, 3]].assign(phone=["(212) 736-5000", "+1 212 555 2368"])
    store = IdentityStore.create(tmp_path / "ids", stitch(first, spec=american))
    late = first.iloc[[0]].assign(source="ec", record_id="E9", phone="212 736 5000")
    (reason,) = store.update(late).changes["reason"]
    assert "phone" in reason
    with pytest.raises(ConfigError, match="other phone_region"):
        IdentityStore(tmp_path / "ids")
    IdentityStore(tmp_path / "ids", spec=american)


def test_a_damaged_folder_is_told(store: IdentityStore, tmp_path: Path) -> None:
    (version,) = (tmp_path / "ids").iterdir()
    (version / "records.parquet").write_bytes(b"nonsense")
    with pytest.raises(StoreError, match="damaged"):
        IdentityStore(tmp_path / "ids")
    (version / "model.json").write_text("{}")
    with pytest.raises(StoreError, match="damaged"):
        IdentityStore(tmp_path / "ids")
    assert store.run == 1


def test_two_writers_do_not_overwrite_each_other(store: IdentityStore, tmp_path: Path) -> None:
    other = IdentityStore(tmp_path / "ids")
    other.update(by_id("A1"))
    with pytest.raises(StoreError, match="another writer"):
        store.update(by_id("E2"))
    fresh = IdentityStore(tmp_path / "ids")
    fresh.update(by_id("E2"))
    assert {"A1", "E2"} <= set(fresh.crosswalk.to_frame()["record_id"])
