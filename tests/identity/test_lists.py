"""Cases B1 to B5: lists of few fields, shared contacts, small lists, twins and namesakes."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from omniltv.data import simulate_retailer
from omniltv.errors import EvidenceWarning
from omniltv.identity import KeyBlocker, LinkSpec, linkage_quality, stitch
from omniltv.identity.linking.comparisons import (
    AddressComparison,
    PhoneComparison,
    SharedUseComparison,
)
from omniltv.identity.linking.protocols import Pairs
from omniltv.identity.records.columns import Column, Records

HOME = {"postcode": "150-0001", "address": "東京都渋谷区神宮前1-2-3", "phone": "03-3456-7890"}
NAME = {"family_name": "佐久間", "family_name_kana": "サクマ"}
TARO = NAME | {"given_name": "太郎", "given_name_kana": "タロウ"} | HOME
SHO = NAME | {"given_name": "翔", "given_name_kana": "ショウ"} | HOME
MAI = NAME | {"given_name": "舞", "given_name_kana": "マイ"} | HOME


def mail(*addresses: str) -> pd.DataFrame:
    keys = {"source": "ec", "record_id": [str(row) for row in range(len(addresses))]}
    return pd.DataFrame(keys | {"email": addresses})


def world(people: int, fields: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return lists with some fields only, and the person and household of each record."""
    made = simulate_retailer(people, seed=2)
    homes = made.truth.people[["person_id", "household_id"]]
    truth = made.truth.records.merge(homes, on="person_id")
    return made.records[["source", "record_id", *fields]], truth


def test_b1_what_was_learnt_has_a_standard_error_and_what_was_not_is_named() -> None:
    large = stitch(world(400, ["family_name", "given_name", "phone", "card_number"])[0]).summary()
    learnt = large.agreement["given_name"]
    assert 0.8 < learnt.share < 1
    assert 0 < learnt.error < 0.1
    assert "given_name" not in large.defaults
    small = stitch(mail("ann@example.com", "bob@example.com").assign(given_name=["Ann", "Bob"]))
    assert small.summary().agreement == {}
    assert "not learnt, because too few pairs show it: given_name, family_name" in str(
        small.summary()
    )


def test_b1_a_threshold_below_one_half_links_more() -> None:
    lists, _ = world(200, ["family_name_kana", "given_name_kana", "phone"])
    customers = [
        stitch(lists, spec=LinkSpec(threshold=t, family_threshold=0.01)).summary().customers
        for t in (0.5, 0.1)
    ]
    assert customers == sorted(customers, reverse=True)
    assert customers[0] > customers[-1]


def test_b2_a_list_of_names_in_kana_and_phones_merges_no_families() -> None:
    lists, truth = world(1_000, ["family_name_kana", "given_name_kana", "phone"])
    found = stitch(lists)
    both = found.crosswalk.merge(truth, on=["source", "record_id"])
    members = both.drop_duplicates(["household_id", "person_id"])["household_id"].value_counts()
    home = both.drop_duplicates(["customer_id", "household_id", "person_id"])
    merged = home[home.duplicated(["customer_id", "household_id"])]["household_id"].nunique()
    assert merged / members.gt(1).sum() < 0.02
    quality = linkage_quality(found.crosswalk, truth)
    assert quality.precision > 0.93
    assert found.summary().precision == pytest.approx(quality.precision, abs=0.05)


def test_b2_a_phone_that_others_use_says_less_about_a_record_without_a_name() -> None:
    columns = {
        "phone": Column.of(["1", "1", "1", "2", "2", "3", "3", "3"]),
        "given_sound": Column.of(["ken", "emi", None, "ann", None, "joe", None, "joe"]),
    }
    pairs = Pairs.of(columns, [0, 2, 3, 5, 0, 0], [2, 0, 4, 6, 3, 1])
    levels = SharedUseComparison().grade(pairs).tolist()
    # The last pair is of two names: one of them is the pair's own.
    assert levels == [2, 2, 0, 1, -1, 1]


def test_b2_a_fixed_line_is_no_mobile_phone() -> None:
    numbers = ["+81312345678", "+819012345678", "+447911123456", "+442079460000", "hash"]
    pairs = Pairs.of({"phone": Column.of(numbers * 2)}, np.arange(5), np.arange(5, 10))
    assert PhoneComparison().grade(pairs).tolist() == [1, 0, 0, 1, 0]


def test_b1_one_street_in_two_towns_is_not_one_house() -> None:
    columns = {
        "house": Column.of(["10 church st", "10 church st", "10 church rd", "10 church st"]),
        "address": Column.of(["10 church st", "10 church st", "10 church rd", "10 church st"]),
        "postcode": Column.of(["2000", "3000", "2000", None]),
    }
    pairs = Pairs.of(columns, [0, 0, 1, 0], [1, 2, 2, 3])
    names = [AddressComparison.levels[level] for level in AddressComparison().grade(pairs)]
    assert names == ["same house elsewhere", "alike", "alike elsewhere", "same house"]


def test_b1_a_loose_rule_is_left_out_if_it_proposes_too_many_pairs() -> None:
    records = Records(
        np.full(5, "ec", dtype=object),
        np.arange(5).astype(str).astype(object),
        {"postcode": Column.of(["1", "1", "1", "2", "2"])},
    )
    for most, pairs in ((None, 4), (4, 4), (3, 0)):
        rule = KeyBlocker("postcode", ("postcode",), most_pairs=most)
        assert len(rule.propose(records, max_block=9)) == pairs


def test_b2_on_a_list_of_emails_one_address_is_one_person_with_a_warning() -> None:
    lists = mail("ann@example.com", "ann@example.com", "bob@example.com")
    with pytest.warns(EvidenceWarning, match="1 links rest on a shared contact alone"):
        found = stitch(lists)
    assert found.summary().customers == 2
    assert found.summary().precision == pytest.approx(0.74, abs=0.02)
    assert stitch(lists, spec=LinkSpec(threshold=0.8)).summary().customers == 3


def test_b2_people_of_one_house_without_names_are_not_linked() -> None:
    lists = pd.DataFrame({"source": "ec", "record_id": ["1", "2"], **HOME}).drop(columns="phone")
    assert stitch(lists).summary().customers == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(
            SHO | {"birth_date": "1990-05-06"}, MAI | {"birth_date": "1990-05-06"}, id="b4 twins"
        ),
        pytest.param(
            TARO | {"birth_date": "1950-03-04"},
            TARO | {"birth_date": "1980-11-23"},
            id="b5 father and son of one name",
        ),
    ],
)
def test_people_of_one_house_stay_apart(one: dict[str, str], other: dict[str, str]) -> None:
    pair = pd.DataFrame([one, other]).assign(source=["store", "ec"], record_id=["X1", "X2"])
    found = stitch(pd.concat([simulate_retailer(300, seed=1).records, pair]))
    assert not found.why(("store", "X1"), ("ec", "X2")).same_customer
