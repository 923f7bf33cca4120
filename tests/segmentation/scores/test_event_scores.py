"""Scores from events: what they mean in plain Python, on every engine."""

import itertools
import math
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import narwhals as nw
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from tests.segmentation.conditions._engines import ENGINES

from omniltv.errors import ConfigError, DataError
from omniltv.segmentation import Condition, Context
from omniltv.segmentation.scores import (
    BroadValue,
    CombinedValue,
    CustomerScore,
    Engagement,
    OmniUse,
    ValuedAction,
    scored,
)
from omniltv.testing import check_score

TODAY = date(2024, 3, 1)
CHANNELS = {"store": ("store",), "ec": ("ec", "app")}
USE = OmniUse(channels=CHANNELS, window_days=30, at_least=2, value_column="value")
MATRIX = BroadValue.from_yaml("""
version: 1
classes: [best customer, customer, prospect]
half_life_days: 30
actions:
- category: word of mouth
  action: review
  owner: marketing
  weights: {best customer: 8, customer: 5, prospect: 2}
- category: word of mouth
  action: post
  owner: digital
  weights: {best customer: 4, customer: 4}
  half_life_days: 7
- category: interest
  action: visit
  owner: sales
  weights: {prospect: 3, customer: -1}
  where: {column: channel, op: eq, value: store}
priority:
  customer: [interest/visit]
""")
SCORES: Mapping[str, CustomerScore] = {
    "engagement": Engagement(weights={"visit": 2.0, "review": 5.0}, half_life_days=10.0),
    "no decay": Engagement(half_life_days=None),
    "omni use": USE,
    "broad value": MATRIX,
}
KINDS = ("purchase", "visit", "review", "post", "other", None)
EVENT = st.tuples(
    st.sampled_from(["a", "b", "c", "z", None]),
    st.sampled_from(KINDS) | st.just("purchase"),
    st.sampled_from(["store", "ec", "app", "call", None]),
    st.none() | st.integers(-70, 2).map(lambda days: TODAY + timedelta(days=days)),
    st.sampled_from([None, -5.0, 3.0, 4.0]),
)
CLASSES = ("best customer", "customer", "prospect", "stranger", None)
NAMES = ("customer_id", "kind", "channel", "time", "value")
TYPES = (pa.string(), pa.string(), pa.string(), pa.date32(), pa.float64())


@st.composite
def tables(draw: st.DrawFn) -> tuple[pa.Table, pa.Table]:
    """Draw people with a class, and events."""
    n = draw(st.integers(1, 4))
    classes = draw(st.lists(st.sampled_from(CLASSES), min_size=n, max_size=n))
    people = pa.table(
        {"customer_id": list("abcd")[:n], "customer_class": pa.array(classes, "string")}
    )
    rows = draw(st.lists(EVENT, min_size=8, max_size=25))
    columns = zip(NAMES, TYPES, zip(*rows, strict=True), strict=True)
    return people, pa.table({name: pa.array(values, kind) for name, kind, values in columns})


def weight(event: Mapping[str, Any], half_life: float | None) -> float:
    if event["time"] is None or event["time"] > TODAY:
        return 0.0
    days = (TODAY - event["time"]).days
    return float(0.5 ** (days / half_life)) if half_life else 1.0


def engagement_meant(score: Engagement, person: Any, events: list[Any]) -> dict[str, Any]:
    del person
    known = [e for e in events if e["kind"] in score.weights and weight(e, None)]
    total = sum(score.weights[e["kind"]] * weight(e, score.half_life_days) for e in known)
    return {"engagement": total, "engagement_events": len(known)}


def use_meant(score: OmniUse, person: Any, events: list[Any]) -> dict[str, Any]:
    del person
    counts = {(group, w): 0 for group in CHANNELS for w in (0, 1)}
    for e in events:
        bought = e["kind"] == "purchase" and (e["value"] or 0) > 0 and weight(e, None)
        group = next((g for g, names in CHANNELS.items() if e["channel"] in names), None)
        if bought and group is not None:
            window = (TODAY - e["time"]).days // score.window_days
            if window < 2:
                counts[group, window] += 1
    now, before = (sum(counts[g, w] for g in CHANNELS) for w in (0, 1))
    n = now + before
    share = {g: (counts[g, 0] + counts[g, 1]) / n if n else None for g in CHANNELS}
    trend = {
        g: counts[g, 0] / now - counts[g, 1] / before if now and before else None for g in CHANNELS
    }
    return {
        "omni_use": use_of(score, now, before, share, trend),
        "omni_purchases": n,
        **{f"omni_share_{g}": share[g] for g in CHANNELS},
        **{f"omni_trend_{g}": trend[g] for g in CHANNELS},
    }


def use_of(score: OmniUse, now: int, before: int, share: Any, trend: Any) -> str:
    if now + before < score.at_least:
        return "unknown"
    if min(now, before) >= score.at_least:
        to, other = ("store", "ec") if trend["store"] >= trend["ec"] else ("ec", "store")
        spread = 1.959964**2 * share[to] * (1 - share[to]) * (1 / now + 1 / before)
        if trend[to] >= score.shift and trend[to] ** 2 >= spread:
            return f"moving from {other} to {to}"
    only = [g for g in CHANNELS if share[g] >= score.only]
    return f"{only[0]} only" if only else "omni"


def value_meant(score: BroadValue, person: Any, events: list[Any]) -> dict[str, Any]:
    which = person["customer_class"]
    if which not in score.classes:
        return dict.fromkeys(
            ("broad_value", "broad_value_word of mouth", "broad_value_interest",
             "broad_action", "broad_owner")
        )  # fmt: skip
    done: dict[str, float] = {}
    for action in score.actions:
        rows = [e for e in events if e["kind"] == action.action]
        rows = [e for e in rows if action.where is None or e["channel"] == "store"]
        half_life = action.half_life_days or score.half_life_days
        done[action.label] = sum(weight(e, half_life) for e in rows)
    points = {a.label: a.weights.get(which, 0.0) * done[a.label] for a in score.actions}
    first = [a for a in score.order_of(which) if done[a.label]]
    return {
        "broad_value": sum(points.values()),
        "broad_value_word of mouth": points["word of mouth/review"] + points["word of mouth/post"],
        "broad_value_interest": points["interest/visit"],
        "broad_action": first[0].label if first else None,
        "broad_owner": first[0].owner if first else None,
    }


MEANINGS: Mapping[type, Any] = {
    Engagement: engagement_meant,
    OmniUse: use_meant,
    BroadValue: value_meant,
}


@settings(max_examples=1, phases=[Phase.explicit, Phase.generate])
@given(given=tables())
def test_every_engine_gives_the_scores_that_are_meant(given: tuple[pa.Table, pa.Table]) -> None:
    for score in SCORES.values():
        for engine in ENGINES:
            if engine != "sqlframe":
                assert_meant(score, engine, given)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["engagement", "broad value"])
def test_the_api_of_spark_gives_the_scores_that_are_meant(name: str) -> None:
    people = pa.table(
        {"customer_id": list("abc"), "customer_class": ["customer", None, "prospect"]}
    )
    days = pa.array([TODAY - timedelta(days=k) for k in (0, 1, 9, 40)], pa.date32())
    columns = {
        "kind": ["review", "visit", "post", "visit"],
        "channel": ["store", "store", "ec", None],
    }
    values = {"customer_id": list("aacc"), "time": days, "value": [1.0, 2.0, None, 4.0]}
    assert_meant(SCORES[name], "sqlframe", (people, pa.table({**columns, **values})))


def assert_meant(score: CustomerScore, engine: str, given: tuple[pa.Table, pa.Table]) -> None:
    """Compare a score on an engine with what it means."""
    people, events = given
    rows, build = events.to_pylist(), ENGINES[engine]
    meant = [
        MEANINGS[type(score)](
            score, one, [e for e in rows if e["customer_id"] == one["customer_id"]]
        )
        for one in people.to_pylist()
    ]
    found = by_person(scored(build(people), score, Context(today=TODAY, events=build(events))))
    assert found == [pytest.approx(each, nan_ok=True) for each in meant], engine


def by_person(frame: Any) -> list[dict[str, Any]]:
    """Return the columns of a score by person, missing values as None."""
    table = nw.from_native(frame).sort("customer_id")
    rows = (table.collect() if isinstance(table, nw.LazyFrame) else table).rows(named=True)
    own = {"customer_id", "customer_class"}
    return [{k: None if pd.isna(v) else v for k, v in row.items() if k not in own} for row in rows]


def test_ages_are_days_of_the_calendar() -> None:
    days = [date(1899, 12, 31) + timedelta(days=15 * k) for k in range(3_000)]
    events = pl.DataFrame({"customer_id": range(3_000), "kind": ["visit"] * 3_000, "time": days})
    score = Engagement(weights={"visit": 1.0}, half_life_days=10_000.0)
    found = scored(events.select("customer_id"), score, Context(today=TODAY, events=events))
    ages = [-10_000 * math.log2(value) for value in found["engagement"]]
    assert ages == [pytest.approx((TODAY - day).days, abs=1e-6) for day in days]


def test_a_moment_counts_on_its_local_day() -> None:
    people = pd.DataFrame({"customer_id": ["a"]})
    events = pd.DataFrame(
        {
            "customer_id": ["a", "a"],
            "kind": ["visit", "visit"],
            "time": pd.to_datetime(["2024-02-29T14:59Z", "2024-02-29T15:00Z"]),
        }
    )
    score = Engagement(weights={"visit": 1.0}, half_life_days=1.0)
    context = Context(today=TODAY, time_zone="Asia/Tokyo", events=events)
    assert scored(people, score, context)["engagement"].tolist() == [1.5]


def purchases(*channels: str, ago: int) -> list[tuple[str, str, date]]:
    return [("a", channel, TODAY - timedelta(days=ago)) for channel in channels]


@pytest.mark.parametrize(
    ("rows", "use"),
    [
        (purchases(*["store"] * 4, ago=1), "unknown"),
        (purchases(*["store"] * 5, ago=1), "store only"),
        (purchases(*["ec"] * 5, "app", "app", ago=1), "ec only"),
        (purchases("store", "store", "ec", "ec", "ec", ago=1), "omni"),
        (purchases(*["store"] * 6, ago=40) + purchases(*["app"] * 6, ago=1),
         "moving from store to ec"),
        (purchases(*["ec"] * 6, ago=40) + purchases(*["store"] * 6, ago=1),
         "moving from ec to store"),
        # A third of the share, but six purchases in each window do not show it.
        (purchases(*["store"] * 5, "ec", ago=40) + purchases(*["store"] * 3, *["ec"] * 3, ago=1),
         "omni"),
        (purchases(*["call"] * 9, ago=1), "unknown"),
        (purchases(*["store"] * 9, ago=61), "unknown"),
    ],
)  # fmt: skip
def test_the_classes_of_omni_use(rows: list[Any], use: str) -> None:
    events = pd.DataFrame(rows, columns=["customer_id", "channel", "time"])
    score = OmniUse(channels=CHANNELS, window_days=30, kind_column=None)
    found = scored(pd.DataFrame({"customer_id": ["a"]}), score, Context(today=TODAY, events=events))
    assert found["omni_use"].tolist() == [use]


def test_three_groups_name_where_a_customer_comes_from_and_goes() -> None:
    score = OmniUse(
        channels={"store": ("store",), "ec": ("ec",), "app": ("app",)},
        window_days=30,
        kind_column=None,
    )
    rows = purchases(*["store"] * 4, *["ec"] * 4, ago=40)
    rows += purchases("store", *["ec"] * 4, *["app"] * 5, ago=1)
    events = pd.DataFrame(rows, columns=["customer_id", "channel", "time"])
    found = scored(pd.DataFrame({"customer_id": ["a"]}), score, Context(today=TODAY, events=events))
    assert found["omni_use"].tolist() == ["moving from store to app"]


@pytest.mark.parametrize(("n", "steady", "found"), [(5, 0.06, 0.51), (10, 0.04, 0.81)])
def test_how_often_a_move_is_said_by_mistake_and_found(n: int, steady: float, found: float) -> None:
    """Every pair of counts is one customer; their binomial probabilities are added."""
    pairs = list(itertools.product(range(n + 1), repeat=2))
    rows = [
        (f"{before}-{now}", "ec" if k < count else "store", TODAY - timedelta(days=ago))
        for before, now in pairs
        for count, ago in ((before, 40), (now, 1))
        for k in range(n)
    ]
    events = pl.DataFrame(rows, schema=["customer_id", "channel", "time"], orient="row")
    people = pl.DataFrame({"customer_id": [f"{before}-{now}" for before, now in pairs]})
    score = OmniUse(channels=CHANNELS, window_days=30, kind_column=None)
    use = scored(people, score, Context(today=TODAY, events=events))["omni_use"].to_list()

    def chance(share_before: float, share_now: float, words: str) -> float:
        odds = [binom.pmf(k, n, p) for p in (share_before, share_now) for k in range(n + 1)]
        return sum(
            float(odds[before] * odds[n + 1 + now])
            for (before, now), said in zip(pairs, use, strict=True)
            if said.startswith(words)
        )

    assert chance(0.5, 0.5, "moving") == pytest.approx(steady, abs=0.005)
    assert chance(0.2, 0.8, "moving from store to ec") == pytest.approx(found, abs=0.005)


def test_points_become_money_only_by_a_stated_rate() -> None:
    frame = pl.LazyFrame({"value": [500.0, None, 10.0], "broad_value": [2.0, 1.0, None]})
    found = scored(frame, CombinedValue(money_per_point=120.0)).collect()
    assert found["combined_value"].to_list() == [740.0, None, None]
    with pytest.raises(ConfigError, match="money_per_point"):
        CombinedValue()  # type: ignore[call-arg]  # the rate has no default


@pytest.mark.parametrize(
    "name",
    [
        "engagement",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("omni use", "broad value")),
    ],
)
def test_the_scores_keep_the_public_laws(name: str) -> None:
    people = pd.DataFrame(
        {"customer_id": list("abc"), "customer_class": ["customer", "prospect", None]}
    )
    kinds = (*KINDS[:4], "purchase", "purchase") * 3
    rows = [
        (who, kind, "store", TODAY - timedelta(days=k), 3.0)
        for k, (who, kind) in enumerate(zip("aabbbc" * 3, kinds, strict=True))
    ]
    context = Context(today=TODAY, events=pd.DataFrame(rows, columns=list(NAMES)))
    check_score(SCORES[name], people, context)


@pytest.mark.parametrize("score", [*SCORES.values(), CombinedValue(money_per_point=2.0)])
def test_documents_come_back_with_their_version(score: Any) -> None:
    written = score.to_yaml()
    assert written.startswith("version: 1\n")
    assert type(score).from_yaml(written) == score
    with pytest.raises(ConfigError, match=r"version \(line 1\): "):
        type(score).from_yaml(written.replace("version: 1", "version: 2"))


ROW = "{category: c, action: x, owner: o, weights: {a: 1}}"
FAULTS: list[tuple[Any, str, str]] = [
    (Engagement, "{weights: {}}", "weights"),
    (Engagement, "{weights: {visit: 0}}", "weights.visit"),
    (Engagement, "{weights: {visit: '2'}}", "weights.visit"),
    (Engagement, "{half_life_days: 0}", "half_life_days"),
    (Engagement, "{half_life: 3}", "half_life"),
    (OmniUse, "{}", "channels"),
    (OmniUse, "{channels: {store: store}}", "channels"),
    (OmniUse, "{channels: {store: [ec], ec: [ec]}}", "top level"),
    (OmniUse, "{channels: {store: s, ec: e}, only: 0.5}", "only"),
    (OmniUse, "{channels: {store: s, ec: e}, at_least: 0}", "at_least"),
    (OmniUse, "{channels: {store: s, ec: e}, sure: 1}", "sure"),
    (BroadValue, "{classes: [], actions: []}", "classes"),
    (BroadValue, "{classes: [a], actions: []}", "actions"),
    (BroadValue, f"{{classes: [a, a], actions: [{ROW}]}}", "top level"),
    (BroadValue, f"{{classes: [a], actions: [{ROW}, {ROW}]}}", "top level"),
    (BroadValue, f"{{classes: [b], actions: [{ROW}]}}", "top level"),
    (
        BroadValue,
        f"{{classes: [a], actions: [{ROW.replace('owner: o, ', '')}]}}",
        "actions[0].owner",
    ),
    (
        BroadValue,
        f"{{classes: [a], actions: [{ROW.replace('a: 1', 'a: .inf')}]}}",
        "actions[0].weights.a",
    ),
    (
        BroadValue,
        f"{{classes: [a], actions: [{ROW[:-1]}, where: {{column: k, op: is, value: 1}}}}]}}",
        "actions[0].where.op",
    ),
    (BroadValue, f"{{classes: [a], priority: {{a: [c/y]}}, actions: [{ROW}]}}", "top level"),
    (CombinedValue, "{money_per_point: -1}", "money_per_point"),
]


@pytest.mark.parametrize(("kind", "text", "path"), FAULTS)
def test_faults_in_documents_are_our_errors_with_their_path(
    kind: Any, text: str, path: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        kind.from_yaml(text)
    assert f"{path} (line 1): " in str(caught.value)


def test_faults_in_tables_are_our_errors() -> None:
    people = pd.DataFrame({"customer_id": ["a"], "customer_class": ["customer"]})
    events = pd.DataFrame({"customer_id": ["a"], "kind": ["visit"], "time": [TODAY]})
    score = Engagement()
    with pytest.raises(ConfigError, match="needs a table of events"):
        scored(people, score, Context(today=TODAY))
    with pytest.raises(ConfigError, match="needs today"):
        scored(people, score, Context(events=events))
    cases: list[tuple[Any, Any, str]] = [
        (people, events.drop(columns="kind"), "kind"),
        (people, events.drop(columns="customer_id"), "customer_id"),
        (people, events.assign(time="2024"), "time"),
        (people, events.assign(kind=3), "kind"),
        (people, events.assign(customer_id=7), "customer_id"),
        (people.assign(customer_id=[None]), events, "customer_id"),
        (people.assign(engagement=1.0), events, "engagement"),
        (people.assign(_engagement=1.0), events, "_engagement"),
    ]
    for customers, given_events, column in cases:
        with pytest.raises(DataError) as caught:
            scored(customers, score, Context(today=TODAY, events=given_events))
        assert caught.value.column == column
        assert caught.value.hint
    with pytest.raises(DataError, match="another table in"):
        scored(pl.from_pandas(people).lazy(), score, Context(today=TODAY, events=events))


def test_a_matrix_without_priority_follows_the_weights() -> None:
    rows = (("post", 1.0), ("review", 5.0), ("visit", 5.0))
    actions = tuple(
        ValuedAction(category="c", action=action, owner="o", weights={"a": points})
        for action, points in rows
    )
    matrix = BroadValue(classes=("a", "b"), actions=actions, priority={"a": ("c/visit",)})
    assert [each.action for each in matrix.order_of("a")] == ["visit", "review", "post"]
    assert matrix.order_of("b") == ()


def test_a_condition_on_events_may_not_need_another_table() -> None:
    inner = Condition.from_yaml("{happened: visit}")
    action = ValuedAction(category="c", action="x", owner="o", weights={"a": 1.0}, where=inner)
    people = pd.DataFrame({"customer_id": ["a"], "customer_class": ["a"]})
    events = pd.DataFrame({"customer_id": ["a"], "kind": ["x"], "time": [TODAY]})
    with pytest.raises(ConfigError, match="needs a table of events"):
        scored(
            people,
            BroadValue(classes=("a",), actions=(action,)),
            Context(today=TODAY, events=events),
        )
