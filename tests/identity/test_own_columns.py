"""Columns of one's own, columns with names near a field, and evidence that counts twice."""

import warnings
from dataclasses import replace
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from omniltv.data import simulate_retailer
from omniltv.errors import ColumnWarning, ConfigError, EvidenceWarning
from omniltv.identity import (
    BirthDateComparison,
    DateComparison,
    IdentityStore,
    KeyBlocker,
    LinkSpec,
    NumberComparison,
    OwnColumn,
    SetComparison,
    StringComparison,
    ValueComparison,
    stitch,
)
from omniltv.identity.linking.blocking import DEFAULT_BLOCKERS
from omniltv.identity.linking.comparisons import DEFAULT_COMPARISONS
from omniltv.identity.records.own_columns import nearest_field

LINE = ValueComparison("line", "line_id")
BY_LINE = KeyBlocker("line", ("line_id",), decides=("line",))
SPEC = LinkSpec(blockers=(*DEFAULT_BLOCKERS, BY_LINE), comparisons=(*DEFAULT_COMPARISONS, LINE))
MEMBERS = pd.DataFrame(
    [
        ("app", "1", "Yamada", "Taro", "U4AF49806"),
        ("app", "2", "Suzuki", "Ken", "U0fb31ec2"),
        ("web", "1", None, "taro", "u4af49806"),
        ("web", "2", None, None, None),
    ],
    columns=["source", "record_id", "family_name", "given_name", "line_id"],
)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.from_pandas, pa.Table.from_pandas])
def test_b17_a_column_of_ones_own_is_compared_and_blocked_on(make: type) -> None:
    found = stitch(make(MEMBERS), spec=SPEC)
    why = found.why(("app", "1"), ("web", "1"))
    assert why.levels["line"] == "same"
    assert "line" in why.rules
    assert why.bits["line"] > 3
    assert found.summary().links_by_rule["line"] == 1


def test_b17_without_the_comparison_the_column_is_not_read() -> None:
    blocked = stitch(MEMBERS, spec=replace_blockers(BY_LINE))
    assert blocked.compared.candidates.left.tolist() == [0]
    assert "line" not in blocked.compared.bits
    assert stitch(MEMBERS).compared.candidates.left.tolist() == []


def replace_blockers(*rules: KeyBlocker) -> LinkSpec:
    return LinkSpec(blockers=(*DEFAULT_BLOCKERS, *rules))


def test_b17_an_own_column_improves_a_list_that_it_identifies() -> None:
    world = simulate_retailer(400, seed=3)
    truth = world.truth.records
    lists = world.records.merge(truth[["source", "record_id", "person_id"]])
    lists["line_id"] = "U" + lists["person_id"].astype(str)
    found = stitch(lists.drop(columns="person_id"), spec=SPEC)
    both = found.crosswalk.merge(truth[["source", "record_id", "person_id"]])
    assert found.summary().customers == pytest.approx(truth["person_id"].nunique(), rel=0.01)
    assert both.groupby("person_id")["customer_id"].nunique().mean() < 1.02


def test_b17_the_normaliser_is_declared_or_that_of_the_comparison() -> None:
    plain = stitch(MEMBERS, spec=SPEC)._state.records.columns["line_id"].values.tolist()
    assert plain == ["u0fb31ec2", "u4af49806"]
    exact = SPEC.model_copy(update={"columns": (OwnColumn("line_id", str),)})
    kept = stitch(MEMBERS.dropna(subset="line_id"), spec=exact)._state.records.columns["line_id"]
    assert kept.values.tolist() == ["U0fb31ec2", "U4AF49806", "u4af49806"]
    points = NumberComparison("points", "points", within=(5.0,))
    spec = LinkSpec(comparisons=(*DEFAULT_COMPARISONS, points))
    lists = MEMBERS.assign(points=pd.Series(["1,200", 1201, "12 hundred", None], dtype=object))
    read = stitch(lists, spec=spec)._state.records.columns["points"]
    assert read.values.tolist() == ["1200.0", "1201.0"]


def test_b17_lists_of_values_are_read_as_sets() -> None:
    shops = SetComparison("shops", "shops")
    spec = LinkSpec(comparisons=(*DEFAULT_COMPARISONS, shops))
    lists = pl.from_pandas(MEMBERS).with_columns(
        pl.Series("shops", [["Ginza", "Ueno"], None, ["ueno", "GINZA"], []])
    )
    read = stitch(lists, spec=spec)._state.records.columns["shops"]
    assert read.codes.tolist() == [0, -1, 0, -1]


def test_b17_a_store_keeps_own_columns_and_uses_them_in_updates(tmp_path: Path) -> None:
    store = IdentityStore.create(tmp_path / "ids", stitch(MEMBERS.iloc[:2], spec=SPEC))
    update = IdentityStore(tmp_path / "ids", spec=SPEC).update(MEMBERS.iloc[2:])
    assert update.changes["reason"].tolist()[0].startswith("linked by line")
    assert len(store) == 2


def test_b17_lists_of_hashes_have_own_columns_too() -> None:
    hashed = pd.DataFrame(
        {"source": ["a", "b"], "record_id": ["1", "1"], "phone": ["x", "y"], "line_id": ["h", "h"]}
    )
    found = stitch(hashed, spec=SPEC.model_copy(update={"normalised": True}))
    assert found.why(("a", "1"), ("b", "1")).levels["line"] == "same"


def test_b17_an_own_column_without_values_is_said() -> None:
    with pytest.warns(ColumnWarning, match="own columns without a usable value: line_id") as caught:
        stitch(MEMBERS.rename(columns={"line_id": "lineid"}), spec=SPEC)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("name", ["phone", "mailbox", "source", "family_size", "masked_x"])
def test_b17_an_own_column_has_a_name_of_its_own(name: str) -> None:
    with pytest.raises(ConfigError, match=r"known column. Hint"):
        OwnColumn(name)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("last_name", "family_name"),
        ("Last Name", "family_name"),
        ("first_name", "given_name"),
        ("given_nme", "given_name"),
        ("familyname", "family_name"),
        ("e-mail", "email"),
        ("phone_number", "phone"),
        ("adress", "address"),
        ("postal code", "postcode"),
        ("birthdate", "birth_date"),
        ("生年月日", "birth_date"),
        ("電話番号", "phone"),
    ],
)
def test_b16_a_column_with_a_name_near_a_field_is_named(name: str, field: str) -> None:
    lists = pd.DataFrame(
        {
            "source": ["ec"],
            "record_id": ["1"],
            name: ["x"],
            "gender": ["f"],
            "card_number": ["1234"],
        }
    )
    with pytest.warns(ColumnWarning) as caught:
        stitch(lists)
    (warning,) = caught
    assert f"{name!r} (near {field!r})" in str(warning.message)
    assert f'frame.rename(columns={{"{name}": "{field}"}})' in str(warning.message)
    assert warning.filename == __file__


@pytest.mark.parametrize(
    "name", ["note", "line_id", "person_id", "state", "suburb", "store", "age"]
)
def test_b16_other_columns_are_not_named(name: str) -> None:
    assert nearest_field(name) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stitch(MEMBERS.assign(**{name: "x"}))


def test_b16_a_second_column_of_a_field_is_not_named() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stitch(MEMBERS.assign(last_name="x", given_nme="y"))


def test_b16_a_column_that_is_read_is_not_named() -> None:
    tel = ValueComparison("tel", "tel")
    lists = MEMBERS.assign(tel=["1", "2", "3", "4"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stitch(lists, spec=LinkSpec(comparisons=(*DEFAULT_COMPARISONS, tel)))


def test_a8_customers_with_an_id_only_are_customers_of_their_own() -> None:
    ids = pd.DataFrame({"source": ["ec", "ec", "pos"], "record_id": ["1", "2", "1"]})
    with pytest.warns(ColumnWarning, match="every record is a customer of its own") as caught:
        found = stitch(ids)
    assert found.crosswalk["customer_id"].nunique() == 3
    assert found.crosswalk["probability"].tolist() == [1.0, 1.0, 1.0]
    assert caught[0].filename == __file__


def test_the_same_comparison_twice_is_refused() -> None:
    twice = (*DEFAULT_COMPARISONS, BirthDateComparison())
    with pytest.raises(ConfigError, match="comparisons with the same name: birth_date"):
        stitch(MEMBERS, spec=LinkSpec(comparisons=twice))
    with pytest.raises(ConfigError, match="blockers with the same name: email"):
        stitch(MEMBERS, spec=LinkSpec(blockers=(*DEFAULT_BLOCKERS, DEFAULT_BLOCKERS[1])))
    listed = (OwnColumn("a"), OwnColumn("a"))
    with pytest.raises(ConfigError, match="columns with the same name: a"):
        stitch(MEMBERS, spec=LinkSpec(columns=listed))


@pytest.mark.parametrize(
    ("comparison", "other"),
    [
        (BirthDateComparison(name="born"), "birth_date"),
        (DateComparison("born", "birth_date"), "birth_date"),
        (ValueComparison("tail", "phone_tail"), "phone"),
        (ValueComparison("mailbox", "mailbox"), "email"),
        (NumberComparison("zip", "postcode", within=(1.0,)), "address"),
        (StringComparison("sound", "given_reading"), "given_name"),
    ],
)
def test_dependent_comparisons_are_noticed(
    comparison: BirthDateComparison | ValueComparison, other: str
) -> None:
    spec = LinkSpec(comparisons=(*DEFAULT_COMPARISONS, comparison))
    with pytest.warns(EvidenceWarning, match=f"{other!r} and {comparison.name!r}") as caught:
        stitch(MEMBERS, spec=spec)
    assert caught[0].filename == __file__


def test_the_default_comparisons_are_independent() -> None:
    line_twice = (*DEFAULT_COMPARISONS, LINE, replace(LINE, name="other", column="other_id"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stitch(MEMBERS)
        stitch(MEMBERS.assign(other_id="abc"), spec=LinkSpec(comparisons=line_twice))
