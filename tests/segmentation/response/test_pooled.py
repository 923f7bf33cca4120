"""The default response model: pooling, time, pressure and propensity."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import special

from omniltv.errors import DataError
from omniltv.segmentation.response import contact_propensity, fit_response

START = pd.Timestamp("2026-01-05")


def history(
    customers: int = 300, contacts: int = 8, *, seed: int = 1, sd: float = 1.0
) -> tuple[pd.DataFrame, np.ndarray]:
    """Return contacts of customers who deviate from 20 %, and their log odds."""
    rng = np.random.default_rng(seed)
    liking = special.logit(0.2) + sd * rng.standard_normal(customers)
    who = np.repeat(np.arange(customers), contacts)
    n = len(who)
    frame = pd.DataFrame(
        {
            "customer_id": who,
            "channel": "ec",
            "time": START + pd.to_timedelta(rng.integers(0, 52 * 7 * 24, n), unit="h"),
            "responded": rng.random(n) < special.expit(liking[who]),
        }
    )
    return frame, liking


def asked(ids: list[int], **columns: object) -> pd.DataFrame:
    table = {"customer_id": ids, "channel": "ec", "hour": 12, "weekday": 0}
    return pd.DataFrame(table | columns)


def test_customers_with_little_history_are_shrunk_more() -> None:
    frame, _ = history()
    often = pd.DataFrame({"customer_id": 1000, "channel": "ec", "responded": True,
                          "time": START + pd.to_timedelta(range(30), unit="D")})  # fmt: skip
    once = often.head(1).assign(customer_id=1001)
    found = fit_response(pd.concat([frame, often, once]))
    # Long after the last contact, so that recent contacts do not count.
    late = asked([1000, 1001, 9999], time=START + pd.DateOffset(days=900))
    many, few, stranger = found.predict(late.drop(columns=["hour", "weekday"]))["p_response"]
    assert many > few > stranger
    assert abs(stranger - frame["responded"].mean()) < 0.1


@pytest.mark.slow
def test_deviations_are_recovered() -> None:
    """The spread between customers, and the mean; five standard errors: p < 1e-6 each."""
    customers = 2_500
    frame, liking = history(customers, contacts=12)
    found = fit_response(frame)
    covariance = found.fitted.covariance  # type: ignore[attr-defined]  # the default model has one
    assert abs(covariance[0, 0] - 1.0) < 0.2  # about 0.035 is one standard error
    late = asked(list(range(customers)), time=START + pd.DateOffset(days=900))
    chance = found.predict(late.drop(columns=["hour", "weekday"]))["p_response"].to_numpy()
    truth = special.expit(liking)
    assert abs(chance.mean() - truth.mean()) < 0.02
    pooled_error = np.sqrt(np.mean((truth - truth.mean()) ** 2))
    assert np.sqrt(np.mean((chance - truth) ** 2)) < 0.75 * pooled_error


def test_the_best_time_is_personal_and_within_what_is_allowed() -> None:
    days = pd.to_timedelta(np.arange(120), unit="D")
    parts = [
        pd.DataFrame(
            {
                "customer_id": name,
                "channel": "ec",
                "time": START + days + pd.DateOffset(hours=hour),
                "responded": (np.arange(120) % 10 < (8 if hour == liked else 2)),
            }
        )
        for name, liked in (("lark", 8), ("owl", 21))
        for hour in (8, 21)
    ]
    found = fit_response(pd.concat(parts))
    people = pd.DataFrame({"customer_id": ["lark", "owl"], "channel": "ec"})
    best = found.best_time(people)
    early, evening = best["hour"]
    assert early < 12
    assert evening > 17
    assert (best["p_response"] >= best["p_mean"]).all()
    late = found.best_time(people, hours=(14, 20), weekdays=(3,))
    assert set(late["hour"]) <= {14, 20}
    assert set(late["weekday"]) == {3}
    same = found.predict(late.drop(columns=["p_response", "p_mean"]))["p_response"]
    np.testing.assert_allclose(same, late["p_response"])


def test_columns_of_the_caller_stay() -> None:
    own = {"p_response": 7, "p_mean": 7, "propensity": 0.5}
    people = pd.DataFrame({"customer_id": [1, 2], "channel": "ec", "chosen": [0, 1]} | own)
    best = fit_response(history(20, 3)[0]).best_time(people)
    scored = contact_propensity(people, contacted="chosen", columns=["customer_id"])
    for found, name in ((best, "p_response"), (best, "p_mean"), (scored, "propensity")):
        assert (found[name] == own[name]).all()
        assert found[f"{name}_1"].between(0, 1).all()


def test_recent_contacts_count_and_fade() -> None:
    rng = np.random.default_rng(4)
    gaps = rng.choice([1, 40], (60, 40))
    frame = pd.DataFrame(
        {
            "customer_id": np.repeat(np.arange(60), 40),
            "channel": "ec",
            "time": START + pd.to_timedelta(np.cumsum(gaps, axis=1).ravel(), unit="D"),
            "responded": rng.random(2_400) < np.where(gaps == 1, 0.1, 0.5).ravel(),
        }
    )
    found = fit_response(frame)
    late = frame["time"].iloc[39] + pd.to_timedelta([1, 60], unit="D")
    after = pd.DataFrame({"customer_id": 0, "channel": "ec", "time": late})
    soon, later = found.predict(after)["p_response"]
    assert soon < 0.3 < later


def test_a_propensity_mends_the_mean_of_those_not_contacted() -> None:
    """The bias without it is 30 standard errors of its difference: p < 1e-9."""
    rng = np.random.default_rng(2)
    n = 4_000
    engagement = rng.standard_normal(n)
    truth = special.expit(-1.4 + engagement)
    chosen = rng.random(n) < special.expit(-1 + 1.5 * engagement)
    people = pd.DataFrame({"customer_id": np.arange(n), "engagement": engagement,
                           "chosen": chosen, "channel": "ec"})  # fmt: skip
    people = contact_propensity(people, contacted="chosen", columns=["engagement"])
    made = people[chosen].assign(
        time=START, responded=rng.random(int(chosen.sum())) < truth[chosen]
    )
    without = fit_response(made.drop(columns="propensity"))
    with_it = fit_response(made)
    late = people[~chosen].assign(time=START + pd.DateOffset(days=365))
    bias = without.predict(late)["p_response"].mean() - truth[~chosen].mean()
    mended = with_it.predict(late)["p_response"].mean() - truth[~chosen].mean()
    assert bias > 0.1
    assert abs(mended) < 0.05
    with pytest.raises(DataError, match="the history has propensities"):
        with_it.predict(late.drop(columns="propensity"))


def test_polars_and_pandas_agree_and_rows_may_come_in_any_order() -> None:
    frame, _ = history(40, 5)
    one = fit_response(frame).predict(asked([1, 2, 3]))["p_response"]
    other = fit_response(pl.from_pandas(frame.sample(frac=1, random_state=1)))
    again = other.predict(pl.from_pandas(asked([1, 2, 3])))["p_response"]
    np.testing.assert_allclose(one, again.to_numpy(), atol=1e-9)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"responded": 2}, "column 'responded': not true or false"),
        ({"time": "noon"}, "column 'time': not a column of times"),
        ({"time": pd.NaT}, "column 'time': missing times"),
        ({"propensity": 1.5}, "column 'propensity': not probabilities"),
        ({"channel": None}, "column 'channel': missing labels"),
    ],
)
def test_bad_histories_are_named(change: dict[str, Any], words: str) -> None:
    frame = history(5, 2)[0].assign(**change)
    if change.get("time") is pd.NaT:
        frame["time"] = pd.to_datetime(frame["time"])
    with pytest.raises(DataError, match=words):
        fit_response(frame)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hour": 24}, "column 'hour': out of range"),
        ({"weekday": -1}, "column 'weekday': out of range"),
        ({"channel": "fax"}, "column 'channel': channels without contacts"),
    ],
)
def test_bad_plans_are_named(change: dict[str, Any], words: str) -> None:
    found = fit_response(history(20, 3)[0])
    with pytest.raises(DataError, match=words):
        found.predict(asked([1, 2]).assign(**change))
    with pytest.raises(DataError, match="a time is given already"):
        found.best_time(asked([1]))
    with pytest.raises(DataError, match="no time is allowed"):
        found.best_time(asked([1]).drop(columns=["hour", "weekday"]), hours=())


def test_an_empty_history_is_refused() -> None:
    with pytest.raises(DataError, match="has no rows"):
        fit_response(history(5, 2)[0].head(0))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"chosen": True}, "all or none of the customers were contacted"),
        ({"chosen": 3}, "not true or false"),
        ({"spend": None}, "column 'spend'"),
    ],
)
def test_bad_tables_of_customers_are_named(change: dict[str, Any], words: str) -> None:
    table = pd.DataFrame({"customer_id": range(6), "spend": 1.0, "chosen": [True, False] * 3})
    with pytest.raises(DataError, match=words):
        contact_propensity(table.assign(**change), contacted="chosen", columns=["spend"])


def test_texts_enter_a_propensity_as_indicators() -> None:
    table = pd.DataFrame({"customer_id": range(400), "tier": ["high", "general"] * 200})
    table["chosen"] = (table["tier"] == "high") & (table["customer_id"] % 3 > 0)
    found = contact_propensity(table, contacted="chosen", columns=["tier"])
    high, general = found["propensity"].iloc[:2]
    assert abs(high - 2 / 3) < 0.05
    assert general < 0.05
