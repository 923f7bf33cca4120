"""Cases B1 to B5: lists of few fields, shared contacts, small lists, twins and namesakes."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from jaconv import h2z, kana2alphabet, kata2hira

from omniltv.data import simulate_retailer
from omniltv.errors import EvidenceWarning
from omniltv.identity import KeyBlocker, LinkSpec, linkage_quality, stitch
from omniltv.identity.linking.comparisons import (
    AddressComparison,
    BirthDateComparison,
    PhoneComparison,
    SharedUseComparison,
)
from omniltv.identity.linking.values import Pairs
from omniltv.identity.records.columns import Column, Records

HOME = {"postcode": "150-0001", "address": "東京都渋谷区神宮前1-2-3", "phone": "03-3456-7890"}


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


SCRIPTS = {
    "kanji": ("佐久間", {"taro": "太郎", "sho": "翔", "mai": "舞"}, "鈴木"),
    "kana": ("サクマ", {"taro": "タロウ", "sho": "ショウ", "mai": "マイ"}, "スズキ"),
    "Latin": ("Sakuma", {"taro": "Taro", "sho": "Sho", "mai": "Mai"}, "Suzuki"),
}
TWINS = ("sho", "1990-05-06"), ("mai", "1990-05-06")
ONE_NAME = ("taro", "1950-03-04"), ("taro", "1980-11-23")
ONE_PERSON = ("taro", "1950-03-04"), ("taro", "1950-03-04")


def written(script: str, family: str, given: str) -> dict[str, str]:
    end = "_kana" if script == "kana" else ""
    return {f"family_name{end}": family, f"given_name{end}": given}


def home_of(script: str, people: Sequence[tuple[str, str]], phone: str) -> pd.DataFrame:
    """Return records of one home, with the same family name, address and phone."""
    family, given, _ = SCRIPTS[script]
    rows = [
        HOME | written(script, family, given[name]) | {"phone": phone, "birth_date": born}
        for name, born in people
    ]
    return pd.DataFrame(rows).assign(source=["store", "ec"], record_id=["X1", "X2"])


def others(script: str, people: int) -> pd.DataFrame:
    """Return the lists of other people in a script; of one person if there are three records."""
    if people <= 3:
        one = written(script, SCRIPTS[script][2], SCRIPTS[script][1]["sho"])
        row = one | {"birth_date": "1970-01-02", "source": "ec", "record_id": "Z"}
        return pd.DataFrame([row])
    lists = simulate_retailer(people, seed=1).records
    kana = ["family_name_kana", "given_name_kana"]
    if script == "kana":
        return lists.drop(columns=["family_name", "given_name"])
    if script == "Latin":
        for name in kana:
            spoken = lists[name].map(lambda t: kana2alphabet(kata2hira(h2z(t))), na_action="ignore")
            lists = lists.assign(**{name.removesuffix("_kana"): spoken})
    return lists.drop(columns=kana)


SIZES = (3, 30, *(pytest.param(n, marks=pytest.mark.slow) for n in (100, 250)))


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("people", SIZES)
@pytest.mark.parametrize(
    ("pair", "phone"),
    [
        pytest.param(TWINS, "090-3456-7890", id="b4-twins"),
        pytest.param(ONE_NAME, "090-3456-7890", id="b5-parent-and-child-of-one-name"),
    ],
)
def test_b4_b5_people_of_one_house_stay_apart_on_lists_of_any_size(
    script: str, people: int, pair: tuple[tuple[str, str], ...], phone: str
) -> None:
    found = stitch(pd.concat([others(script, people), home_of(script, pair, phone)]))
    assert not found.why(("store", "X1"), ("ec", "X2")).same_customer


@pytest.mark.parametrize("script", SCRIPTS)
def test_b4_b5_one_person_of_one_house_is_one_customer_on_a_small_list(script: str) -> None:
    found = stitch(pd.concat([others(script, 3), home_of(script, ONE_PERSON, "03-3456-7890")]))
    assert found.why(("store", "X1"), ("ec", "X2")).same_customer


def test_b5_birth_dates_a_generation_apart_are_evidence_for_another_person() -> None:
    lists = pd.concat([others("kanji", 30), home_of("kanji", ONE_NAME, "03-3456-7890")])
    model = stitch(lists).model
    level = BirthDateComparison().levels.index("a generation apart")
    m, h = model.m["birth_date"][level], model.household["birth_date"][level]
    assert h / m > 50
    assert h > 0.3  # of the pairs of a household
