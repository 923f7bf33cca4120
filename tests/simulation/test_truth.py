"""Potential outcomes by formula against brute force: other futures of the same people."""

import numpy as np
import pytest
from tests._statistics import assert_mean
from tests.simulation._worlds import config, started

from omniltv.simulation import (
    PROCESSES,
    Calendar,
    Interaction,
    SingleEvent,
    Treatment,
    World,
    WorldConfig,
)
from omniltv.simulation.truth import Measure
from omniltv.units import Span, weeks

EFFECTS = {
    "rate": Treatment(name="t", rate=1.8),
    "dropout": Treatment(name="t", dropout=0.2),
    "spend": Treatment(name="t", spend=1.3),
    "channel": Treatment(name="t", channel={"ec": 6.0}),
    "onset, fading and end": Treatment(name="t", rate=3.0, onset=7, half_life=10, lasting=28),
    "pull forward": Treatment(name="t", rate=3.0, lasting=14, pull_forward=0.8, payback=10),
    "people differ": Treatment(
        name="t", rate=2.0, spread=0.8, with_value=0.7, by_tier={"high": 2.0},
        by_channel={"call": 0.0},
    ),
    "weaker": Treatment(name="t", rate=0.5, dropout=1.5, spend=0.8, lasting=20),
}  # fmt: skip
COMPARISONS = 2 * (len(EFFECTS) + len(PROCESSES) + 3)


def compare(world: World, span: Span, *, futures: int = 3, of: Measure = "value") -> None:
    """Require that outcomes realised in other futures have the expected means.

    Two numbers are compared: the outcome without the treatment, and the difference that the
    treatment makes. People are independent of each other.
    """
    expected = world.truth.outcomes(span, of=of).drop(columns="customer_id")
    truths = [world.fork(seed=100 + k).truth for k in range(futures)]
    found = [truth.outcomes(span, kind="realised", of=of) for truth in truths]
    realised = np.mean([table[expected.columns].to_numpy() for table in found], axis=0)
    off = realised - expected.to_numpy()
    assert_mean(off[:, 0], 0.0, comparisons=COMPARISONS)
    assert_mean(off[:, -1] - off[:, 0], 0.0, comparisons=COMPARISONS)


@pytest.mark.parametrize("effect", EFFECTS)
def test_every_kind_of_effect(effect: str) -> None:
    compare(started(config(EFFECTS[effect]), 600), weeks(6))


@pytest.mark.parametrize("process", sorted(PROCESSES))
def test_every_process(process: str) -> None:
    treatment = Treatment(name="t", rate=1.6, dropout=0.4, half_life=30)
    compare(started(config(treatment, process=process), 500), weeks(8), of="purchases")


@pytest.mark.parametrize("factor", [0.0, 2.0])
def test_two_treatments_dull_or_reinforce_each_other(factor: float) -> None:
    both = (Treatment(name="u", rate=1.5, acts_on="delivered"), Treatment(name="t", rate=1.5))
    pair = Interaction(first="u", second="t", factor=factor)
    world = started(config(*both).model_copy(update={"interactions": (pair,)}), 600)
    people = world.records[world.records["source"] == "ec"]
    world.step(people[["customer_id"]].assign(treatment="u", channel="ec"))
    table = world.truth.outcomes(weeks(6), of="purchases").set_index("customer_id")
    reached = table.loc[people.loc[people["consent"], "customer_id"]]
    gains = (reached["t"] - reached["none"]).sum()
    assert gains < 0 if factor == 0 else gains > 0
    compare(world, weeks(6))


@pytest.mark.slow
@pytest.mark.parametrize("process", sorted(PROCESSES))
def test_long_horizons_with_seasons_and_a_closed_week(process: str) -> None:
    closed = SingleEvent(name="stocktaking", first="2024-03-04", days=7, factor=0.0)  # type: ignore[arg-type]
    calendar = Calendar(months=(0.7, 0.8, 1, 1, 1, 1, 1.2, 0.9, 1, 1, 1.1, 1.6), events=(closed,))
    treatment = Treatment(name="t", rate=1.6, dropout=0.4, half_life=60, lasting=120)
    settings = config(treatment, process=process).model_copy(update={"calendar": calendar})
    compare(started(settings, 800), weeks(39))


def test_a_treatment_without_effect_changes_no_byte() -> None:
    world = started(config(Treatment(name="null", after_event={"browse": 2.0})), 300)
    customers = world.records["customer_id"].drop_duplicates()
    plan = customers.to_frame().assign(treatment="null", channel="store")
    treated, left = world.fork(), world.fork()
    for _ in range(4):
        one, other = treated.step(plan), left.step()
        assert len(one.contacts) == len(plan)
        assert (one.contacts["stage"] == "answered").any()
        for name in ("transactions", "lines", "lost", "behaviour", "stock"):
            assert getattr(one, name).to_csv().encode() == getattr(other, name).to_csv().encode()


def test_the_untreated_do_not_depend_on_who_is_treated() -> None:
    settings = config(Treatment(name="t", rate=5.0, acts_on="delivered"))
    world = started(settings.model_copy(update={"goods": None}), 400)
    table = world.records[world.records["source"] == "ec"]
    chosen = set(table["customer_id"].head(60))
    plan = table[table["customer_id"].isin(chosen)][["customer_id"]]
    both = world.counterfactual(plan.assign(treatment="t", channel="ec"), None, weeks(8)).people
    differs = both["value_a"] != both["value_b"]
    assert differs.any()
    assert set(both.loc[differs, "customer_id"]) <= chosen
    assert (both.loc[both["cost_a"] > 0, "customer_id"].isin(chosen)).all()


def test_the_effect_begins_the_day_after_the_exposure() -> None:
    always = Treatment(name="t", rate=50.0, acts_on="delivered")
    plain = WorldConfig(treatments=(always,), acquired_within=1, period=1)
    world = World(plain, people=400, seed=3)
    world.run(weeks(1))
    plan = world.records[world.records["source"] == "ec"][["customer_id"]]
    plan = plan.assign(treatment="t", channel="ec")
    treated, left = world.fork(), world.fork()
    assert treated.step(plan).transactions.equals(left.step().transactions)
    assert len(treated.step().transactions) > 2 * len(left.step().transactions)


def test_responses_are_as_likely_as_the_truth_says() -> None:
    world = started(config(Treatment(name="t")), 2_000)
    world.step(world.truth.people[["customer_id"]].assign(treatment="t", channel="ec"))  # tires
    chance = world.truth.responses("ec", hour=20)
    plan = chance[["customer_id"]].assign(treatment="t", channel="ec", hour=20)
    made = world.step(plan).contacts.set_index("customer_id").loc[chance["customer_id"]]
    for k, stage in enumerate(("delivered", "opened", "answered")):
        later = ("delivered", "opened", "answered")[k:]
        reached = made["stage"].isin(later).to_numpy().astype(np.float64)
        assert_mean(reached - chance[stage].to_numpy(), 0.0, comparisons=3)
