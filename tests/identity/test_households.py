"""Customers who live together have one household id."""

from typing import Any

import pandas as pd
import polars as pl
import pytest

from omniltv.data import simulate_retailer
from omniltv.errors import ConfigError, DataError
from omniltv.identity import linkage_quality, stitch

HOME = "東京都千代田区霞が関1-2-3"
PEOPLE = pd.DataFrame(
    [
        ("store", "S1", "高橋", "花子", "03-1234-5678", HOME, "1980-01-02"),
        ("ec", "E1", "高橋", "花子", "03-1234-5678", HOME, "1980-01-02"),
        ("ec", "E2", "高橋", "太郎", "03-1234-5678", HOME, "2010-05-05"),
        ("app", "A1", "佐藤", "健", "06-1111-2222", "大阪市北区梅田4-5-6", "1990-05-05"),
    ],
    columns=["source", "record_id", "family_name", "given_name", "phone", "address", "birth_date"],
)


def homes(found: Any) -> dict[str, str]:
    """Return the household of each record."""
    both = found.crosswalk.merge(found.households(), on="customer_id")
    return dict(zip(both["record_id"], both["household_id"], strict=True))


def test_a_family_is_one_household_and_two_customers() -> None:
    found = stitch(PEOPLE)
    assert found.crosswalk["customer_id"].nunique() == 3
    assert homes(found)["S1"] == homes(found)["E1"] == homes(found)["E2"] != homes(found)["A1"]


def test_ids_do_not_depend_on_the_order_and_are_kept() -> None:
    found = stitch(PEOPLE)
    assert homes(stitch(PEOPLE.iloc[::-1])) == homes(found)
    without = stitch(PEOPLE.iloc[2:])
    kept = stitch(PEOPLE, previous=without.crosswalk).households(previous=without.households())
    assert set(without.households()["household_id"]) == set(kept["household_id"])
    assert found.households()["household_id"].str.startswith("h").all()


def test_every_customer_has_one_household() -> None:
    found = stitch(simulate_retailer(200, seed=5).records)
    assert found.households()["customer_id"].tolist() == found.clusters["customer_id"].tolist()
    sure = found.households(threshold=0.99)["household_id"].nunique()
    assert sure > found.households()["household_id"].nunique()


@pytest.mark.slow
def test_households_of_a_retailer_are_mostly_right() -> None:
    world = simulate_retailer(1_000, seed=2)
    found = stitch(world.records)
    truth = world.truth.records.merge(world.truth.people, on="person_id")
    told = found.crosswalk.merge(found.households(), on="customer_id")
    at_home = linkage_quality(
        told.drop(columns="customer_id").rename(columns={"household_id": "customer_id"}),
        truth,
        id_column="household_id",
    )
    assert at_home.precision > 0.85
    assert at_home.recall > 0.6


def test_frames_come_back_in_kind_and_nonsense_is_refused() -> None:
    found = stitch(pl.from_pandas(PEOPLE))
    assert found.households().columns == ["customer_id", "household_id"]
    with pytest.raises(ConfigError, match="between 0 and 1"):
        found.households(threshold=1.0)
    with pytest.raises(DataError, match="previous has no such column"):
        found.households(previous=found.crosswalk)
    assert len(stitch(PEOPLE.iloc[:0]).households()) == 0
