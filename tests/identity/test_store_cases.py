"""Cases B18 to B23: partial updates, reasons, damaged files, decisions, keys used again."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from omniltv.data import Tolerance, simulate_retailer
from omniltv.errors import ConfigError, DataError, IntakeError, StoreError
from omniltv.identity import IdentityStore, stitch

HANA = {"family_name": "高橋", "given_name": "花子", "birth_date": "1980-01-02"}
KEN = {"family_name": "佐藤", "given_name": "健", "birth_date": "1990-05-05"}
CONTACT = {"phone": "090-1234-5678", "email": "hana@example.jp"}


def people(*rows: dict[str, str | None]) -> pd.DataFrame:
    return pd.DataFrame(list(rows))


def record(source: str, record_id: str, **fields: str | None) -> dict[str, str | None]:
    return {"source": source, "record_id": record_id, **fields}


def told(*pairs: tuple[str, str], same: bool) -> pd.DataFrame:
    rows = [("ec", a, "ec", b, same) for a, b in pairs]
    names = ["source_a", "record_id_a", "source_b", "record_id_b", "same"]
    return pd.DataFrame(rows, columns=names)


def customers(store: IdentityStore) -> dict[str, str]:
    crosswalk = store.crosswalk.to_frame()
    return dict(zip(crosswalk["record_id"], crosswalk["customer_id"], strict=True))


def stored(store: IdentityStore, folder: Path, column: str) -> dict[str, object]:
    """Return the values of a column as another program reads them, by record id."""
    table = pd.read_parquet(folder / f"v{store.run:08d}" / "records.parquet")
    values = table[column].astype(object) if column in table else pd.Series([None] * len(table))
    return dict(zip(table["record_id"], values.where(values.notna(), None), strict=True))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "ids"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a store that every test copies."""
    lists = people(
        record("ec", "E1", **HANA, **CONTACT),
        record("store", "S1", **HANA, **CONTACT),
        record("ec", "E2", **KEN, phone="03-9999-1111"),
    )
    folder = tmp_path_factory.mktemp("made") / "ids"
    IdentityStore.create(folder, stitch(lists))
    return folder


@pytest.fixture
def store(folder: Path, made: Path) -> IdentityStore:
    return IdentityStore(shutil.copytree(made, folder))


def test_b18_columns_that_are_not_given_keep_their_values(
    store: IdentityStore, folder: Path
) -> None:
    before = customers(store)
    store.update(people(record("ec", "E1", phone="080-5555-6666")))
    assert customers(store) == before
    assert stored(store, folder, "phone")["E1"] == "+818055556666"
    assert stored(store, folder, "email")["E1"] == "hana@example.jp"
    assert stored(store, folder, "family_written")["E1"] == "高橋"
    assert stored(store, folder, "birth_date")["E1"] == "1980-01-02"
    assert stored(store, folder, "phone")["S1"] == "+819012345678"


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_b18_empty_cells_keep_values_unless_clearing_is_asked_for(
    blank: str | None, store: IdentityStore, folder: Path
) -> None:
    partly = people(record("ec", "E1", email=blank, phone="080-5555-6666"))
    store.update(partly)
    assert stored(store, folder, "email")["E1"] == "hana@example.jp"
    store.update(partly, empty="clear")
    assert stored(store, folder, "email")["E1"] is None
    assert stored(store, folder, "mailbox")["E1"] is None
    assert stored(store, folder, "birth_date")["E1"] == "1980-01-02"


def test_b18_a_new_name_does_not_keep_the_old_reading(folder: Path) -> None:
    lists = people(record("ec", "E1", **HANA, **CONTACT, family_name_kana="タカハシ"))
    store = IdentityStore.create(folder, stitch(lists))
    store.update(people(record("ec", "E1", given_name="花子", family_name="鈴木")))
    assert stored(store, folder, "family_written")["E1"] == "鈴木"
    assert stored(store, folder, "family_reading")["E1"] is None
    assert stored(store, folder, "full_sound")["E1"] is None
    store.update(people(record("ec", "E1", family_name_kana="スズキ")))
    assert stored(store, folder, "family_written")["E1"] == "鈴木"
    assert stored(store, folder, "family_reading")["E1"] == "suzuki"


def test_b18_a_masked_value_stays_masked(folder: Path) -> None:
    shop = people(
        *(
            record(
                "till", f"T{k}", family_name=f"Name{k}", given_name=f"G{k}", phone="03-1234-5678"
            )
            for k in range(40)
        )
    )
    store = IdentityStore.create(folder, stitch(shop))
    store.update(people(record("till", "T1", given_name="Other")))
    assert stored(store, folder, "masked_phone")["T1"] == "+81312345678"
    store.update(people(record("till", "T1", phone="03-7777-8888")))
    assert stored(store, folder, "phone")["T1"] == "+81377778888"
    assert stored(store, folder, "masked_phone")["T1"] is None


def test_b18_an_unknown_option_is_refused(store: IdentityStore) -> None:
    with pytest.raises(ConfigError, match="empty is 'keep' or 'clear'"):
        store.update(people(record("ec", "E1", phone="1")), empty="drop")  # type: ignore[arg-type]


def test_b19_every_change_has_a_reason(folder: Path) -> None:
    world = simulate_retailer(300, seed=3).records
    late = np.arange(len(world)) % 4 == 0
    store = IdentityStore.create(folder, stitch(world[~late]))
    gone = world[~late].iloc[::7]
    moved = world[~late].iloc[3::11].assign(phone="090-0000-1234", email=None)
    keys = [set(f["source"] + "/" + f["record_id"].astype(str)) for f in (gone, moved)]
    moved = moved[~(moved["source"] + "/" + moved["record_id"].astype(str)).isin(keys[0])]
    store.update(world[late])
    store.update(moved, gone=gone[["source", "record_id"]], empty="clear")
    reasons = store.audit.to_frame()["reason"]
    assert not reasons.isin(["", "update"]).any()
    assert reasons.str.startswith("linked by ").any()
    assert set(reasons[~reasons.str.startswith("linked by ")]) <= {
        "no link to another record",
        "deleted by its source",
        "a record of the customer changed",
        "a record of the customer left",
        "new evidence",
        "key used for another person",
    }


def test_b19_a_full_run_says_why_too(store: IdentityStore) -> None:
    lists = people(
        record("ec", "E1", **HANA, **CONTACT),
        record("ec", "E3", **HANA, **CONTACT),
        record("ec", "E4", family_name="林", given_name="剛"),
    )
    store.rebuild(lists)
    audit = store.audit.to_frame().set_index("record_id")["reason"]
    assert audit["E3"].startswith("linked by ")
    assert audit["E4"] == "no link to another record"
    assert audit["S1"] == "not in the lists"


def test_b19_the_store_answers_as_the_resolution_does(tmp_path: Path) -> None:
    world = simulate_retailer(300, seed=4)
    found = stitch(world.records)
    store = IdentityStore.create(tmp_path / "ids", found)
    store = IdentityStore(tmp_path / "ids")
    keys = [(str(s), str(r)) for s, r in found.links[["source_a", "record_id_a"]].head().values]
    others = [(str(s), str(r)) for s, r in found.links[["source_b", "record_id_b"]].head().values]
    for a, b in zip(keys, others, strict=True):
        assert str(store.why(a, b)) == str(found.why(a, b))
    order = ["source_a", "record_id_a", "source_b", "record_id_b"]
    columns = [*order, "probability", "kept", "rules"]
    pd.testing.assert_frame_equal(
        store.links.to_frame()[columns].sort_values(order, ignore_index=True),
        found.links[columns].sort_values(order, ignore_index=True),
        check_dtype=False,
    )
    homes = store.households().to_frame().sort_values("customer_id", ignore_index=True)
    expected = found.households().sort_values("customer_id", ignore_index=True)
    pd.testing.assert_frame_equal(homes, expected, check_dtype=False)
    bought = world.transactions
    assert repr(store.attach(bought).report) == repr(found.attach(bought).report)
    assert 0 < len(store.review(20)) <= 20
    with pytest.raises(ConfigError, match=r"at least 0\.1"):
        store.households(threshold=0.05)


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", ["records", "pairs", "decisions", "audit"])
@pytest.mark.parametrize("fault", ["missing", "cut", "shuffled", "flipped", "of another store"])
def test_b20_a_damaged_file_is_a_store_error(
    fault: str, name: str, store: IdentityStore, folder: Path, tmp_path: Path
) -> None:
    file = folder / f"v{store.run:08d}" / f"{name}.parquet"
    data = file.read_bytes()
    if fault == "missing":
        file.unlink()
    elif fault == "cut":
        file.write_bytes(data[: len(data) // 2])
    elif fault == "flipped":
        file.write_bytes(data[:40] + bytes([data[40] ^ 1]) + data[41:])
    elif fault == "shuffled":
        pd.read_parquet(file).iloc[::-1].to_parquet(file)
    else:
        lists = people(record("ec", "E9", **KEN), record("ec", "E8", **HANA))
        other = IdentityStore.create(tmp_path / "other", stitch(lists))
        other.decide(told(("E8", "E9"), same=False))
        other.update(people(record("ec", "E7", **KEN)))
        shutil.copy(tmp_path / "other" / "v00000003" / file.name, file)
    with pytest.raises(StoreError, match=r"damaged.*Hint"):
        IdentityStore(folder)


def test_b20_the_manifest_guards_the_model_and_itself(store: IdentityStore, folder: Path) -> None:
    version = folder / f"v{store.run:08d}"
    model, manifest = version / "model.json", version / "manifest.json"
    model.write_text(model.read_text() + " ")
    with pytest.raises(StoreError, match=r"model\.json has another checksum"):
        IdentityStore(folder)
    content = json.loads(manifest.read_text())
    content["files"].pop("pairs.parquet")
    manifest.write_text(json.dumps(content))
    with pytest.raises(StoreError, match=r"manifest\.json has another checksum"):
        IdentityStore(folder)
    manifest.write_text("[")
    with pytest.raises(StoreError, match="damaged"):
        IdentityStore(folder)


def test_b20_every_flipped_bit_is_noticed(store: IdentityStore, folder: Path) -> None:
    rng = np.random.default_rng(5)
    files = files_of(folder)
    for _ in range(60):
        file = files[rng.integers(len(files))]
        data = bytearray(file.read_bytes())
        place = rng.integers(len(data))
        data[place] ^= 1 << int(rng.integers(8))
        intact = file.read_bytes()
        file.write_bytes(data)
        if file.name == "manifest.json" and _same_manifest(intact, bytes(data)):
            continue  # a blank became another blank
        with pytest.raises(StoreError):
            IdentityStore(folder)
        file.write_bytes(intact)
    assert store.run == 1


def _same_manifest(first: bytes, second: bytes) -> bool:
    try:
        return bool(json.loads(first) == json.loads(second))
    except ValueError:
        return False


def test_b20_only_the_owner_reads_the_files(store: IdentityStore, folder: Path) -> None:
    version = folder / f"v{store.run:08d}"
    assert version.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in version.iterdir()} == {0o600}


FOUR = people(*(record("ec", f"P{k}", **HANA, **CONTACT) for k in range(1, 5)))


@pytest.mark.parametrize(("wrong", "from_"), [("P4", "P1"), ("P1", "P4"), ("P2", "P3")])
def test_b21_the_record_named_first_leaves(wrong: str, from_: str, folder: Path) -> None:
    store = IdentityStore.create(folder, stitch(FOUR))
    (name,) = set(customers(store).values())
    store.decide(told((wrong, from_), same=False))
    after = customers(store)
    assert after.pop(wrong) != name
    assert set(after.values()) == {name}
    at_once = stitch(FOUR, decisions=told((wrong, from_), same=False)).crosswalk
    alone = at_once.groupby("customer_id")["record_id"].transform("size") == 1
    assert at_once["record_id"][alone].tolist() == [wrong]


def test_b22_a_decision_can_be_withdrawn(folder: Path) -> None:
    store = IdentityStore.create(folder, stitch(FOUR))
    before = customers(store)
    store.decide(told(("P4", "P1"), ("P4", "P2"), ("P4", "P3"), same=False))
    assert len(set(customers(store).values())) == 2
    store.withdraw(told(("P1", "P4"), ("P2", "P4"), ("P3", "P4"), same=True).drop(columns="same"))
    assert customers(store) == before
    assert len(store.decisions) == 0
    assert len(IdentityStore(folder).decisions) == 0
    assert store.audit.to_frame()["reason"].iloc[-1].startswith("linked by ")


def test_b22_a_merge_by_hand_can_be_withdrawn(store: IdentityStore) -> None:
    before = customers(store)
    store.decide(told(("E1", "E2"), same=True))
    assert len(set(customers(store).values())) == 1
    store.withdraw(told(("E1", "E2"), same=True))
    assert customers(store) == before
    assert store.audit.to_frame()["reason"].iloc[-1] == "withdrawal"


def test_b22_only_a_known_decision_can_be_withdrawn(store: IdentityStore) -> None:
    with pytest.raises(DataError, match="no such decision"):
        store.withdraw(told(("E1", "E2"), same=True))


def test_b23_records_that_were_not_compared_say_so(store: IdentityStore) -> None:
    text = str(store.why(("ec", "E1"), ("ec", "E2")))
    assert text == "ec/E1 and ec/E2: two customers; not compared, because no rule proposed the pair"
    with pytest.raises(DataError, match="no such record"):
        store.why(("ec", "E1"), ("ec", "E7"))


def test_b_a_key_used_again_is_another_customer(store: IdentityStore) -> None:
    before = customers(store)
    other = {"family_name": "林", "given_name": "剛", "birth_date": "1955-12-31"}
    store.update(people(record("ec", "E1", **other, phone="06-1111-2222", email="h@example.com")))
    after = customers(store)
    assert after["S1"] == before["S1"]
    assert after["E1"] not in before.values()
    audit = store.audit.to_frame()
    assert audit["change"].tolist() == ["record gone", "new record"]
    assert audit["reason"].tolist() == ["key used for another person", "no link to another record"]


def test_b_a_full_run_notices_a_key_used_again(store: IdentityStore) -> None:
    before = customers(store)
    lists = people(
        record("ec", "E1", **HANA, **CONTACT),
        record("store", "S1", **HANA, **CONTACT),
        record(
            "ec", "E2", family_name="林", given_name="剛", birth_date="1955-12-31", phone="0612"
        ),
    )
    store.rebuild(lists)
    after = customers(store)
    assert after["E1"] == after["S1"] == before["E1"]
    assert after["E2"] not in before.values()


def test_b_moving_and_marrying_keeps_the_customer(store: IdentityStore) -> None:
    before = customers(store)
    wed = {**HANA, "family_name": "佐々木", "phone": "06-5555-4444", "email": "new@example.jp"}
    store.update(people(record("ec", "E1", **wed)))
    assert customers(store)["E1"] == before["E1"]


@pytest.mark.parametrize("how", ["gone", "forget"])
def test_b_an_id_is_never_given_to_somebody_else(how: str, store: IdentityStore) -> None:
    key = people(record("ec", "E2"))
    before = customers(store)["E2"]
    if how == "gone":
        store.update(people(record("ec", "E1", **HANA)), gone=key)
    else:
        store.forget(key)
    store.update(people(record("ec", "E5", phone="090-7777-7777")))
    store.update(people(record("ec", "E2", family_name="林", given_name="剛")))
    assert customers(store)["E2"] != before
    rebuilt = people(record("ec", "E2", family_name="林", given_name="剛"))
    store.rebuild(pd.concat([rebuilt, people(record("ec", "E1", **HANA))]))
    assert customers(store)["E2"] != before


def test_e11_an_empty_export_does_not_empty_the_store(store: IdentityStore) -> None:
    before = customers(store)
    lists = people(record("ec", "E1", **HANA, **CONTACT))
    with pytest.raises(DataError, match=r"3 of 3 records would be removed .*most_gone=1\.0"):
        store.rebuild(lists.iloc[:0])
    assert customers(store) == before
    store.rebuild(lists.iloc[:0], most_gone=1.0)
    assert len(store) == 0


def test_e11_a_run_that_would_remove_many_records_stops(folder: Path) -> None:
    world = simulate_retailer(60, seed=2).records
    store = IdentityStore.create(folder, stitch(world))
    with pytest.raises(DataError, match="would be removed"):
        store.rebuild(world.iloc[: len(world) // 2])
    half = world.iloc[len(world) // 2 :]
    added = people(record("ec", "new", **HANA))
    with pytest.raises(DataError, match="would be removed") as caught:
        store.update(added, gone=half[["source", "record_id"]])
    assert len(caught.value.rows) == len(half)
    store.update(added, gone=half[["source", "record_id"]], most_gone=0.6)
    assert len(store) == len(world) - len(half) + 1


def test_e11_rejected_rows_stop_a_rebuild_unless_they_are_tolerated(store: IdentityStore) -> None:
    before = customers(store)
    lists = people(*(record("ec", f"E{n}", **HANA, **CONTACT) for n in (1, 2, 3)))
    broken = pd.concat([lists.assign(record_id=None)] * 3 + [lists])
    with pytest.raises(IntakeError):
        store.rebuild(broken, most_gone=1.0)
    assert (store.run, customers(store)) == (1, before)
    store.rebuild(broken, most_gone=1.0, tolerance=Tolerance.anything())
    assert store.run == 2


@pytest.mark.parametrize("wrong", [-0.1, 1.5, float("nan")])
def test_e11_a_share_is_checked(wrong: float, store: IdentityStore) -> None:
    with pytest.raises(ConfigError, match="most_gone is a number from 0 to 1"):
        store.rebuild(people(record("ec", "E1", **HANA)), most_gone=wrong)


def test_e14_a_record_that_left_is_forgotten_everywhere(store: IdentityStore, folder: Path) -> None:
    left = customers(store)["E2"]
    store.decide(told(("E2", "E1"), same=False))
    store.update(people(record("ec", "E5", **HANA)), gone=people(record("ec", "E2")))
    assert "E2" in set(store.audit.to_frame()["record_id"])
    store.forget(people(record("ec", "E2")))
    assert "E2" not in set(store.audit.to_frame()["record_id"])
    assert len(store.decisions) == 0
    content = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert left.encode() not in content
    with pytest.raises(DataError, match="no such record"):
        store.forget(people(record("ec", "E9")))
