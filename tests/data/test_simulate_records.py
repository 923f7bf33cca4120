# ruff: noqa: RUF001  # full-width characters are the dirt
"""The customer lists: what they hold, how untidy they are, how hard they are to link.

A share is over hundreds to thousands of records. With three other seeds, each is at least six
standard errors (by person) from the bound that it is compared with, so that a test fails by
chance with a probability below 1e-6.
"""

import unicodedata

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from tests._statistics import assert_shares

from omniltv.data.simulate import ChannelConfig, Dirt, Retailer, RetailerConfig, simulate_retailer
from omniltv.identity import FIELDS


@pytest.fixture(scope="module")
def usual() -> Retailer:
    return simulate_retailer(10_000, seed=5)


@pytest.fixture(scope="module")
def spotless() -> Retailer:
    return _with_dirt(0.0)


def _with_dirt(level: float) -> Retailer:
    return simulate_retailer(10_000, seed=5, config=RetailerConfig(dirt=Dirt(level=level)))


def _f1(retailer: Retailer, keys: list[pd.Series]) -> float:
    """Return the pairwise F1 of linking records that share any of the keys."""
    n = len(retailer.records)
    left, right = [], []
    for key in keys:
        known = key[key.notna()]
        codes, _ = pd.factorize(known)
        first = pd.Series(known.index).groupby(codes).transform("min")
        left.append(known.index.to_numpy())
        right.append(first.to_numpy())
    pair = (np.concatenate(left), np.concatenate(right))
    graph = coo_matrix((np.ones(len(pair[0])), pair), shape=(n, n))
    _, cluster = connected_components(graph, directed=False)
    person, _ = pd.factorize(retailer.truth.records["person_id"])
    table = pd.DataFrame({"person": person, "cluster": cluster})
    right_pairs = _pairs(table, ["person", "cluster"])
    return 2 * right_pairs / (_pairs(table, ["person"]) + _pairs(table, ["cluster"]))


def _pairs(table: pd.DataFrame, by: list[str]) -> float:
    count = table.groupby(by).size().to_numpy(dtype=np.float64)
    return float((count * (count - 1) / 2).sum())


def _raw_keys(retailer: Retailer) -> list[pd.Series]:
    return [retailer.records[name] for name in ("email", "phone", "card_number")]


def test_records_have_the_fields_of_a_customer_list(usual: Retailer) -> None:
    assert list(usual.records.columns) == ["source", "record_id", *FIELDS]
    filled = usual.records[list(FIELDS)]
    assert not (filled == "").any().any()
    assert {type(text) for name in FIELDS for text in filled[name].dropna()} == {str}


def test_lists_hold_what_their_system_asks_for(usual: Retailer) -> None:
    assert _filled(usual, "store", "email") < 0.2
    assert _filled(usual, "ec", "email") > 0.9
    assert _filled(usual, "ec", "card_number") < 0.3 < _filled(usual, "store", "card_number")
    assert _filled(usual, "call", "family_name_kana") > 0.85
    assert _filled(usual, "app", "family_name_kana") == 0


def _filled(retailer: Retailer, source: str, field: str) -> float:
    values = retailer.records.loc[retailer.records["source"] == source, field]
    return float(values.notna().mean())


def test_coverage_is_kept_when_spotless() -> None:
    coverage = {"phone": 1.0, "family_name": 0.5}
    channels = (ChannelConfig(name="market", share=1, coverage=coverage),)
    config = RetailerConfig(channels=channels, dirt=Dirt(level=0))
    filled = simulate_retailer(4_000, seed=1, config=config).records.notna().mean()
    assert filled["phone"] == 1
    assert_shares(filled["family_name"], 0.5, n=4_000)
    assert filled["email"] == 0


def test_spotless_lists_write_each_thing_one_way(spotless: Retailer) -> None:
    records = spotless.records
    assert records["phone"].dropna().str.fullmatch(r"0\d{9,10}").all()
    assert records["postcode"].dropna().str.fullmatch(r"\d{3}-\d{4}").all()
    assert records["birth_date"].dropna().str.fullmatch(r"\d{4}-\d{2}-\d{2}").all()
    assert records["family_name_kana"].dropna().str.fullmatch(r"[ァ-ヶー]+").all()
    assert set(records["gender"].dropna()) == {"M", "F"}
    per_person = records.groupby(spotless.truth.records["person_id"])
    for name in ("family_name", "given_name_kana", "email", "phone", "address", "birth_date"):
        assert per_person[name].nunique().max() == 1


def test_usual_lists_write_things_in_many_ways(usual: Retailer) -> None:
    records = usual.records
    phone = records["phone"].dropna()
    forms = (r"\+81\d+", r"[1-9]\d{8,9}", r"0\d+-\d+-\d+", "[０-９－]+", r"\(\d+\) \d+ \d+")
    for form in forms:
        assert phone.str.fullmatch(form).mean() > 0.01, form
    assert (phone == "0000000000").any()  # 13 are expected: none by chance once in 400,000 times
    assert phone.str.startswith("0120").any()
    kana = records["family_name_kana"].dropna()
    assert kana.str.contains("[ｱ-ﾝ]").mean() > 0.05
    assert kana.str.contains("[あ-ん]").mean() > 0.05
    family = records["family_name"].dropna()
    assert family.str.contains("[A-Z]{3}").mean() > 0.02
    assert family.str.contains("[ 　].").mean() > 0.005
    address = records["address"].dropna()
    assert address.str.contains("[一二三四五六]丁目").mean() > 0.03
    assert (~address.str.contains("^..?.?[都道府県]")).mean() > 0.1
    assert records["email"].dropna().str.contains("＠").mean() > 0.02


def test_one_person_keeps_one_reading_but_for_slips_and_marriage(usual: Retailer) -> None:
    kana = usual.records["given_name_kana"].dropna().map(_plain_kana)
    per_person = kana.groupby(usual.truth.records["person_id"].loc[kana.index])
    several = per_person.nunique()[per_person.size() > 1]
    assert 0.0 < (several > 1).mean() < 0.15


def _plain_kana(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text)
    return "".join(chr(ord(c) + 0x60) if "ぁ" <= c <= "ゖ" else c for c in folded)


def test_households_share_phone_address_and_family_name(spotless: Retailer) -> None:
    records, truth = spotless.records, spotless.truth
    household = truth.records.merge(truth.people)["household_id"]
    for name in ("family_name", "address"):
        assert records[name].groupby(household).nunique().max() == 1
    person = truth.records["person_id"]
    for name, share in (("phone", 0.02), ("email", 0.015)):
        sharers = person.groupby(records[name]).nunique()
        assert (sharers > 1).mean() > share
        homes = household.groupby(records[name]).nunique()
        assert homes.max() <= 2


def test_people_of_a_household_have_names_of_their_own(spotless: Retailer) -> None:
    records, truth = spotless.records, spotless.truth
    people = truth.records.merge(truth.people)
    known = people.assign(given=records["given_name"]).dropna(subset="given")
    known = known.drop_duplicates("person_id")
    assert known.duplicated(["household_id", "given"]).mean() < 0.001


def test_cards_connect_lists_and_belong_to_one_person(usual: Retailer) -> None:
    cards = usual.records["card_number"].dropna()
    person = usual.truth.records["person_id"].loc[cards.index]
    assert person.groupby(cards).nunique().max() == 1
    lists = usual.records["source"].loc[cards.index].groupby(cards).nunique()
    assert (lists > 1).mean() > 0.03


def test_names_are_as_unequal_as_in_life(spotless: Retailer) -> None:
    share = spotless.records["family_name"].value_counts(normalize=True)
    assert len(share) > 150
    assert spotless.records["given_name"].nunique() > 150
    assert share.iloc[0] > 2 * share.iloc[30]
    latin = spotless.records["family_name"].dropna().str.fullmatch("[A-Za-z]+").mean()
    assert 0.01 < latin < 0.1


@pytest.mark.slow
def test_more_dirt_makes_linking_harder(usual: Retailer, spotless: Retailer) -> None:
    found = [
        _f1(retailer, _raw_keys(retailer))
        for retailer in (spotless, _with_dirt(0.5), usual, _with_dirt(2.0))
    ]
    assert found == sorted(found, reverse=True)
    assert found[0] - found[-1] > 0.3


def test_raw_keys_link_the_usual_lists_poorly(usual: Retailer) -> None:
    assert 0.4 < _f1(usual, _raw_keys(usual)) < 0.6


def test_the_dirt_leaves_people_and_purchases_alone(usual: Retailer, spotless: Retailer) -> None:
    pd.testing.assert_frame_equal(usual.truth.people, spotless.truth.people)
