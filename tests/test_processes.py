"""Results cross to worker processes and back, to the last bit."""

import multiprocessing
import pickle
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from omniltv.data import check
from omniltv.draws import Draws
from omniltv.errors import DataError, IntakeError, OmniltvError
from omniltv.identity import IdentityStore, stitch
from omniltv.models import BgNbd, LifetimeValue, Pooling, imputed_value
from omniltv.segmentation import Cut, Tier, TierScheme
from omniltv.testing.value_laws import invented


@pytest.fixture(scope="module")
def value() -> LifetimeValue:
    case = invented(BgNbd(), Pooling.partial("channel"), customers=15, draws=40)
    return case.score(case.history)


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as processes:
        yield processes


def test_e20_a_worker_computes_the_same_values(
    value: LifetimeValue, pool: ProcessPoolExecutor
) -> None:
    asked: dict[str, Future[Any]] = {
        "interval": pool.submit(LifetimeValue.interval, value),
        "futures": pool.submit(LifetimeValue.predictive_interval, value),
        "customers": pool.submit(LifetimeValue.per_customer, value),
        "draws": pool.submit(Draws.total, value.draws),
        "array": pool.submit(Draws.to_array, Draws.from_array([[1.0, 2.0]], index=[0, 0])),
    }
    found = {name: future.result() for name, future in asked.items()}
    np.testing.assert_array_equal(found["interval"], value.interval())
    np.testing.assert_array_equal(found["futures"], value.predictive_interval())
    frame = found["customers"].to_frame()
    pd.testing.assert_frame_equal(frame, value.per_customer().to_frame())
    np.testing.assert_array_equal(found["draws"].values, value.draws.total().values)
    assert found["array"].tolist() == [[1.0, 2.0], [1.0, 2.0]]


def test_e20_errors_cross_with_their_rows(pool: ProcessPoolExecutor) -> None:
    bad = pd.DataFrame({"source": "ec", "record_id": [1, *[None] * 19]})
    with pytest.raises(IntakeError) as caught:
        pool.submit(check, bad, "records").result()
    assert caught.value.column == "record_id"
    assert len(caught.value.rows) == 19
    assert caught.value.report.set_aside.rows == 19
    assert isinstance(caught.value, DataError | OmniltvError)


def test_e20_results_of_every_room_can_be_sent(value: LifetimeValue, tmp_path: Path) -> None:
    lists = pd.DataFrame(
        {"source": ["a", "b"], "record_id": ["1", "2"], "given_name": "Ann", "email": "a@b.example"}
    )
    found = stitch(lists)
    customers = value.per_customer()
    scheme = TierScheme(tiers=(Tier(name="a", value_at_least=Cut(share=0.5)), Tier(name="b")))
    ids = customers.customer_id
    crosswalk = pd.DataFrame({"source": "ec", "record_id": ids, "customer_id": ids})
    mixed = imputed_value([customers, customers], [crosswalk, crosswalk], of=crosswalk)
    for thing in (found, IdentityStore.create(tmp_path, found), scheme, scheme.assign(customers)):
        assert repr(pickle.loads(pickle.dumps(thing))) == repr(thing)  # noqa: S301 - our own
    sent = pickle.loads(pickle.dumps(mixed))  # noqa: S301 - our own
    pd.testing.assert_frame_equal(sent.to_frame(), mixed.to_frame())
    for quantity in (value.prob_alive, value.expected_purchases, value.fits[0].draws):
        assert repr(pickle.loads(pickle.dumps(quantity))) == repr(quantity)  # noqa: S301 - made a line before
