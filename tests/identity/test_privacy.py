"""Lists linked without plain values."""

import base64
import hashlib
import hmac
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from omniltv.data import simulate_retailer
from omniltv.data.schemas import NORMAL_COLUMNS
from omniltv.errors import ConfigError, DataError
from omniltv.identity import (
    IdentityStore,
    LinkSpec,
    OwnColumn,
    Spelling,
    linkage_quality,
    pseudonymise,
    stitch,
)

KEY = bytes(range(32))
HASHED = LinkSpec(normalised=True)
PEOPLE = pd.DataFrame(
    [
        ("store", "S1", "髙橋", "花子", "ハナコ", "090-1234-5678", "Hana@Example.jp", "S55.1.2"),
        ("ec", "E1", "高橋", "花子", None, "+81 90 1234 5678", "hana@example.jp", "1980-01-02"),
        ("ec", "E2", "高橋", "太郎", "タロウ", "09012345678", None, "2010/5/5"),
        ("ec", None, "佐藤", "健", None, None, None, None),
        ("app", "A1", "不明", None, None, "0000000000", None, None),
    ],
    columns=["source", "record_id", "family_name", "given_name", "given_name_kana",
             "phone", "email", "birth_date"],
)  # fmt: skip


def test_however_a_value_is_written_it_has_one_pseudonym() -> None:
    hashed = pseudonymise(PEOPLE, key=KEY)
    same = ["family_written", "given_written", "phone", "phone_tail", "email", "mailbox"]
    for name in [*same, "birth_date"]:
        assert hashed[name].iloc[0] == hashed[name].iloc[1] is not None
    assert hashed["given_written"].iloc[0] != hashed["given_written"].iloc[2]
    assert hashed[["family_written", "phone"]].iloc[4].isna().all(), "placeholders are missing"


def test_parties_agree_on_the_region_of_numbers() -> None:
    lists = PEOPLE.iloc[:2].assign(phone=["(212) 736-5000", "+1 212 736 5000"])
    american = pseudonymise(lists, key=KEY, spelling=Spelling(phone_region="US"))["phone"]
    assert american.iloc[0] == american.iloc[1] is not None
    assert pseudonymise(lists, key=KEY)["phone"].notna().tolist() == [False, True]


def test_two_parties_need_one_key_only() -> None:
    ours, theirs = (pseudonymise(PEOPLE.iloc[[row]], key=KEY) for row in (0, 1))
    assert ours["phone"].item() == theirs["phone"].item()
    other = pseudonymise(PEOPLE.iloc[[1]], key=bytes(32))
    assert ours["phone"].item() != other["phone"].item()


def test_fields_are_domains_of_their_own_but_for_the_two_names() -> None:
    row = {"source": ["a"], "record_id": ["1"], "family_name": ["真央"], "given_name": ["真央"]}
    row |= {"card_number": ["12345678"], "postcode": ["1234567"], "birth_date": ["1980-01-02"]}
    hashed = pseudonymise(pd.DataFrame(row | {"address": ["12345678"]}), key=KEY)
    assert hashed["family_written"].item() == hashed["given_written"].item(), "they may be swapped"
    assert hashed["card_number"].item() != hashed["address"].item()


def test_the_hash_is_the_one_that_is_documented() -> None:
    hashed = pseudonymise(PEOPLE.iloc[:1], key=KEY)["phone"].item()
    digest = hmac.new(KEY, b"phone\0+819012345678", hashlib.sha256).digest()
    assert base64.urlsafe_b64decode(hashed + "==") == digest[:16]


@pytest.mark.parametrize("make", [lambda frame: frame, pl.from_pandas, pa.Table.from_pandas])
def test_every_row_comes_back_in_order_and_in_kind(make: Any) -> None:
    hashed = pseudonymise(make(PEOPLE), key=KEY)
    assert type(hashed) is type(make(PEOPLE))
    frame = pl.from_arrow(hashed) if isinstance(hashed, pa.Table) else pl.DataFrame(hashed)
    assert isinstance(frame, pl.DataFrame)
    assert frame.columns == ["source", "record_id", *NORMAL_COLUMNS]
    assert frame["record_id"].to_list() == ["S1", "E1", "E2", "", "A1"]


def test_no_plain_value_is_left() -> None:
    hashed = pseudonymise(PEOPLE.assign(note="call 花子", gender="女"), key=KEY)
    content = hashed.drop(columns=["source", "record_id"]).to_csv().split(",")
    plain = {"高橋", "花子", "hanako", "takahashi", "hana", "5678", "1980-01-02", "f", "note"}
    assert plain.isdisjoint(content)
    values = hashed[[*NORMAL_COLUMNS]].to_numpy().ravel()
    assert {len(value) for value in values if isinstance(value, str)} == {22}


def test_own_columns_are_pseudonyms_of_their_normal_form() -> None:
    own = [OwnColumn("line_id"), OwnColumn("shoe")]
    ours = pd.DataFrame({"source": "ec", "record_id": ["1", "2"], "line_id": [" U12 ", None]})
    theirs = pd.DataFrame({"source": ["pos"], "record_id": ["9"], "line_id": ["u12"]})
    found, other = (pseudonymise(side, key=KEY, own=own) for side in (ours, theirs))
    assert found["line_id"].iloc[0] == other["line_id"].iloc[0]
    assert "u12" not in found["line_id"].iloc[0].lower()
    assert found["line_id"].isna().tolist() == [False, True]
    assert found["shoe"].isna().all()
    mails = ours.assign(email="a@b.jp", line_id="a@b.jp")
    both = pseudonymise(mails, key=KEY, own=own).iloc[0]
    assert isinstance(both["email"], str)
    assert both["line_id"] != both["email"], "each column is a domain of its own"


def test_only_the_fields_asked_for_are_kept() -> None:
    hashed = pseudonymise(PEOPLE, key=KEY, fields=["email"])
    filled = [name for name in NORMAL_COLUMNS if hashed[name].notna().any()]
    assert filled == ["mailbox", "email"]


@pytest.mark.parametrize("key", [b"short", "a text of more than sixteen characters", None])
def test_a_key_that_is_none_is_refused_and_not_shown(key: Any) -> None:
    with pytest.raises(ConfigError, match=r"key is bytes|at least 16 bytes") as caught:
        pseudonymise(PEOPLE, key=key)
    assert key is None or str(key) not in str(caught.value)


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(ConfigError, match="no such field: shoe_size"):
        pseudonymise(PEOPLE, key=KEY, fields=["shoe_size"])


def test_nothing_is_normalised_twice_or_not_at_all() -> None:
    with pytest.raises(DataError, match=r"already normalised.*LinkSpec\(normalised=True\)"):
        stitch(pseudonymise(PEOPLE, key=KEY))
    with pytest.raises(DataError, match=r"not normalised.*LinkSpec\(normalised=False\)"):
        stitch(PEOPLE, spec=HASHED)


def test_exact_links_are_those_of_the_plain_lists() -> None:
    found = stitch(pseudonymise(PEOPLE, key=KEY), spec=HASHED)
    same = found.crosswalk.groupby("customer_id")["record_id"].agg(set).tolist()
    assert sorted(map(sorted, same)) == [["A1"], ["E1", "S1"], ["E2"]]
    assert found.rejected["reason"].tolist() == ["record_id: missing"]
    assert found.why(("store", "S1"), ("ec", "E1")).levels["phone"] == "same"


def test_on_a_retailer_it_costs_what_is_only_alike() -> None:
    world = simulate_retailer(400, seed=4)
    plain = linkage_quality(stitch(world.records).crosswalk, world.truth.records)
    hashed = stitch(pseudonymise(world.records, key=KEY), spec=HASHED)
    quality = linkage_quality(hashed.crosswalk, world.truth.records)
    # Links near the threshold differ: a few customers of 500 are worth 0.02.
    assert plain.f1 - 0.12 < quality.f1 < plain.f1 + 0.03
    assert quality.precision > 0.95
    levels = {name: {hashed.why(*pair).levels.get(name) for pair in _pairs(hashed.links)}
              for name in ("phone", "birth_date", "given_name", "address")}  # fmt: skip
    alike = {"one slip", "alike", "a generation apart"}
    assert all(alike.isdisjoint(seen) for seen in levels.values())


def test_shared_values_are_masked_without_being_read() -> None:
    names = [f"{a}{b}" for a in "佐鈴高田伊渡" for b in "藤木橋中"]
    shop = pd.DataFrame(
        {
            "source": "pos",
            "record_id": [f"{k:02}" for k in range(24)],
            "family_name": names,
            "family_name_kana": [f"ア{k}" for k in "カキクケコサ" * 4],
            "given_name": "花子",
            "phone": "03-1234-5678",
        }
    )
    hashed = stitch(pseudonymise(shop, key=KEY), spec=HASHED)
    assert set(hashed.masked_values["column"]) == set(stitch(shop).masked_values["column"])


def test_a_store_of_pseudonyms(tmp_path: Path) -> None:
    hashed = pseudonymise(PEOPLE, key=KEY)
    store = IdentityStore.create(tmp_path / "ids", stitch(hashed.iloc[[0, 2]], spec=HASHED))
    assert store.update(hashed.iloc[[1]]).changes["reason"].item().startswith("linked by")
    with pytest.raises(ConfigError, match="other normalised"):
        IdentityStore(tmp_path / "ids")


def _pairs(links: pd.DataFrame) -> list[tuple[tuple[str, str], tuple[str, str]]]:
    ends = links[["source_a", "record_id_a", "source_b", "record_id_b"]].head(300)
    return [((a, b), (c, d)) for a, b, c, d in ends.itertuples(index=False)]
