"""Cases from nightly jobs, by their number in the list of cases."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pandas as pd
import polars as pl
import pytest

from omniltv.data import PurchaseHistory, PurchaseLog, Tolerance
from omniltv.draws import RowDraws
from omniltv.errors import ConfigError, DataError, OmniltvError
from omniltv.experiments import Assignment, Persistence, assign, window_history
from omniltv.identity import LinkSpec, ProfileRules, Spelling, attach, stitch
from omniltv.segmentation import Condition, Cut, Tier, TierScheme
from omniltv.units import Span, weeks

ARMS = {"a": 0.5, "b": 0.5}
HISTORY = {"customer_id": ["a", "b"], "frequency": [1, 2], "recency": [1.0, 2.0], "T": [9.0, 9.0]}


def holds(column: object, value: object) -> list[bool]:
    frame = pd.DataFrame({"x": column})
    return [bool(one) for one in Condition.where("x", "ge", cast("Any", value)).mask(frame)]


@pytest.mark.parametrize("zone", ["Etc/GMT-9", "America/Argentina/Buenos_Aires", "+09:00"])
def test_e1_times_in_every_zone_are_compared(zone: str) -> None:
    times = pd.Series(pd.to_datetime(["2026-01-05", "2026-02-05", "NaT"])).dt.tz_localize(zone)
    assert holds(times, "2026-02-01T00:00:00+00:00") == [False, True, False]


@pytest.mark.parametrize(
    "column",
    [
        pd.period_range("2026-01", periods=3, freq="M"),
        pd.interval_range(0, 3),
        np.array([1j, 2j, 3j]),
    ],
)
def test_e1_types_that_cannot_be_compared_are_refused(column: object) -> None:
    with pytest.raises(DataError, match="cannot be compared") as caught:
        holds(column, 1)
    assert (caught.value.column, caught.value.count) == ("x", 3)


def test_e1_sparse_columns_and_nulls_are_read() -> None:
    assert holds(pd.arrays.SparseArray([0, 0, 1.0]), 1) == [False, False, True]
    empty = pl.DataFrame({"x": [None, None]})
    assert Condition.where("x", "ge", 1).mask(empty).tolist() == [False, False]


def crosswalk(*customers: object) -> pd.DataFrame:
    ids = [str(number) for number in range(len(customers))]
    return pd.DataFrame({"source": "a", "record_id": ids, "customer_id": list(customers)})


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA])
def test_e4_customers_without_an_id_are_refused(missing: object) -> None:
    before = crosswalk("c", missing)
    records = before[["source", "record_id"]].assign(phone=["0312345678", "0312345679"])
    for call in (lambda: attach(records, before), lambda: stitch(records, previous=before)):
        with pytest.raises(DataError, match="missing ids"):
            call()
    history = PurchaseHistory.from_frame(pd.DataFrame(HISTORY), unit="week")
    with pytest.raises(DataError, match="missing labels") as caught:
        history.with_group("arm", ["x", cast("str", missing)])
    assert caught.value.rows == ("b",)


@pytest.mark.parametrize(
    ("call", "parameter"),
    [
        (lambda: Persistence.full(cast("Span", 52)), "span"),
        (lambda: weeks(cast("float", "52")), "amount"),
        (lambda: weeks(float("nan")), "amount"),
        (lambda: Cut(amount=float("nan")), "amount"),
        (lambda: Assignment.from_frame(cast("Any", HISTORY), arm=cast("str", None)), "arm"),
    ],
)
def test_e5_options_are_checked(call: Callable[[], object], parameter: str) -> None:
    with pytest.raises(ConfigError) as caught:
        call()
    assert caught.value.parameter == parameter


def test_e5_a_span_has_an_end() -> None:
    with pytest.raises(ConfigError, match="10,000 years"):
        weeks(1e9)


def test_e6_draws_and_values_are_numbers() -> None:
    with pytest.raises(DataError) as caught:
        RowDraws.from_array([[1.0, float("nan")], [2.0, 3.0]])
    assert caught.value.rows == (0,)
    frame = pd.DataFrame({**HISTORY, "monetary_value": [-50.0, 2.0]})
    with pytest.raises(DataError, match="negative mean values") as caught:
        PurchaseHistory.from_frame(frame, unit="week")
    assert caught.value.rows == ("a",)


def test_e7_a_dict_is_no_list_of_customers() -> None:
    with pytest.raises(DataError, match="got dict"):
        assign({"customer_id": ["a", "b"]}, arms=ARMS, salt="s")


@pytest.mark.parametrize("library", [pd.DataFrame, pl.DataFrame])
def test_e8_a_long_list_is_one_comparison(library: Callable[[object], Any]) -> None:
    many = cast("Any", [f"v{number}" for number in range(4000)])
    frame = library({"x": ["v1", "zz", "v3999"]})
    assert Condition.where("x", "in", many).mask(frame).tolist() == [True, False, True]


def test_e12_a_window_without_purchases_has_everybody() -> None:
    orders = pd.DataFrame({"customer_id": ["a", "a"], "channel": "ec", "value": 1.0,
                           "time": ["2026-01-01", None]})  # fmt: skip
    log = PurchaseLog.from_frame(orders, tolerance=Tolerance.anything())
    assert [entry.reason for entry in log.report.asides] == ["time: missing"]
    arms = Assignment.from_frame(pd.DataFrame({"customer_id": ["a", "b"], "arm": ["x", "y"]}))
    window = window_history(log, arms, start="2027-01-01", end="2027-02-01", by="channel")
    assert window.customer_id.tolist() == ["a", "b"]
    assert window.frequency.tolist() == [0, 0]


def test_e13_ids_that_differ_behind_a_nul_are_two() -> None:
    ids = ["a\0x", "a\0y"]
    orders = pd.DataFrame({"customer_id": ids, "channel": "ec", "value": 1.0, "time": "2026-01-01"})
    assert len(PurchaseLog.from_frame(orders).customer_id) == 2
    assert (
        len(PurchaseHistory.from_frame(pd.DataFrame(HISTORY | {"customer_id": ids}), unit="week"))
        == 2
    )
    assert len(assign(ids, arms=ARMS, salt="s")) == 2


@pytest.mark.parametrize(
    "call",
    [
        lambda: LinkSpec(threshold=2),
        lambda: LinkSpec().model_copy(update={"max_block": 0}),
        Cut,
        lambda: Tier(name=cast("str", 3)),
        lambda: TierScheme(tiers=()),
        lambda: ProfileRules(otherwise=cast("Any", "oldest")),
        lambda: Spelling(phone_region="Japan"),
        lambda: Condition(cast("Any", {"column": "x"})),
        lambda: TierScheme.model_validate({"tiers": 3}),
    ],
)
def test_e16_settings_built_wrongly_are_our_error(call: Callable[[], object]) -> None:
    with pytest.raises(ConfigError, match="not a valid"):
        call()


def test_e17_odd_columns_are_right_or_refused() -> None:
    orders = pd.DataFrame({
        "customer_id": np.array([1, 2], dtype=">i8"), "channel": "ec", "_row": 7, "tier": 8,
        "time": pd.to_datetime(["2026-01-01", "2026-01-02"]).tz_localize("+09:00"),
        "value": np.array([1, 2], dtype=">f8"),
    })  # fmt: skip
    log = PurchaseLog.from_frame(orders, timezone="Asia/Tokyo")
    assert log.value.tolist() == [1.0, 2.0]
    assert log.time.astype("M8[D]").astype(str).tolist() == ["2026-01-01", "2026-01-02"]
    with pytest.raises(DataError, match="two columns of the same name") as caught:
        PurchaseLog.from_frame(pd.concat([orders, orders[["tier"]]], axis=1))
    assert caught.value.column == "tier"


def test_e21_labels_are_short_and_strata_do_not_collide() -> None:
    frame = pd.DataFrame(HISTORY | {"group": ["x" * 10_000, "y"]})
    with pytest.raises(DataError, match="longer than 256"):
        PurchaseHistory.from_frame(frame, unit="week", groups=["group"])
    customers = pd.DataFrame({"customer_id": [1, 2], "p": ["x / y", "x"], "q": ["z", "y / z"]})
    strata = assign(customers, arms=ARMS, salt="s", strata=["p", "q"]).stratum
    assert strata is not None
    assert len(set(strata.tolist())) == 2


def test_every_error_carries_its_facts() -> None:
    with pytest.raises(OmniltvError) as caught:
        PurchaseHistory.from_frame(pd.DataFrame(HISTORY | {"T": [-1.0, 9.0]}), unit="week")
    error = caught.value
    assert (error.column, error.rows, error.count) == ("T", ("a",), 1)
    assert error.hint
