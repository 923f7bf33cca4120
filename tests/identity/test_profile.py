"""One row per person, each field from the record that the rule names."""

from typing import Any

import pandas as pd
import polars as pl
import pytest

from omniltv.errors import ConfigError, DataError
from omniltv.identity import ProfileRules, Spelling, profiles

LISTS = pd.DataFrame(
    [
        ("ec", "E1", "高橋", "hana@example.jp", "0000000000", "2024-01-01"),
        ("store", "S1", "髙橋", None, "03-1234-5678", "2022-01-01"),
        ("app", "A1", "Takahashi", "h.takahashi@example.jp", "09012345678", "2023-01-01"),
        ("app", "A2", "佐藤", None, "不明", None),
    ],
    columns=["source", "record_id", "family_name", "email", "phone", "updated_at"],
)
CROSSWALK = LISTS[["source", "record_id"]].assign(customer_id=["ann", "ann", "ann", "bob"])


def row(rules: ProfileRules, name: str = "ann") -> "pd.Series[Any]":
    found = profiles(CROSSWALK, LISTS, rules=rules)
    return found[found["customer_id"] == name].iloc[0]


def test_the_newest_the_trusted_the_longest_or_the_commonest_survives() -> None:
    newest = row(ProfileRules(otherwise="newest", updated="updated_at"))
    assert newest["email"] == "hana@example.jp"
    assert newest["phone"] == "09012345678", "the newest that says anything"
    trusted = row(ProfileRules(otherwise="trusted", trusted=("store", "app")))
    assert trusted[["phone", "email"]].tolist() == ["03-1234-5678", "h.takahashi@example.jp"]
    assert row(ProfileRules(otherwise="complete"))["email"] == "h.takahashi@example.jp"
    assert row(ProfileRules())["family_name"] in {"高橋", "髙橋"}, "two of three write it so"


def test_raw_values_come_back_with_their_record() -> None:
    found = row(ProfileRules(fields={"family_name": "trusted"}, trusted=("store",)))
    assert (found["family_name"], found["family_name_from"]) == ("髙橋", "store/S1")
    assert (found["n_records"], found["sources"]) == (3, "app, ec, store")


def test_placeholders_never_survive() -> None:
    found = row(ProfileRules(), "bob")
    assert pd.isna(found["phone"])
    assert pd.isna(found["phone_from"])
    assert found["family_name"] == "佐藤"


def test_numbers_of_another_region_survive() -> None:
    lists = LISTS.assign(phone=["(212) 736-5000", "212 736 5000", "000-000-0000", "?"])
    american = profiles(CROSSWALK, lists, rules=ProfileRules(spelling=Spelling(phone_region="US")))
    assert american["phone"].iloc[0] in {"(212) 736-5000", "212 736 5000"}
    assert pd.isna(profiles(CROSSWALK, lists)["phone"].iloc[0]), "no numbers in Japan"


def test_the_order_of_rows_does_not_matter_and_kinds_are_kept() -> None:
    rules = ProfileRules(otherwise="newest", updated="updated_at")
    turned = profiles(CROSSWALK, LISTS.iloc[::-1], rules=rules)
    pd.testing.assert_frame_equal(turned, profiles(CROSSWALK, LISTS, rules=rules))
    assert isinstance(profiles(CROSSWALK, pl.from_pandas(LISTS)), pl.DataFrame)


def test_empty_lists_give_an_empty_table() -> None:
    assert len(profiles(CROSSWALK, LISTS.iloc[:0])) == 0


def test_errors_say_what_to_do() -> None:
    with pytest.raises(DataError, match="a rule names") as caught:
        row(ProfileRules(fields={"gender": "newest"}))
    assert caught.value.column == "gender"
    with pytest.raises(ConfigError, match="'newest' needs the time"):
        row(ProfileRules(otherwise="newest"))
    with pytest.raises(DataError, match="no such column"):
        row(ProfileRules(updated="changed_on"))
    with pytest.raises(ConfigError):
        ProfileRules.model_validate({"otherwise": "random"})
