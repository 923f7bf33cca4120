"""Effects by customer from an experiment: out of sample, honest, and in the table of plans."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from tests._statistics import assert_share, sigmas

from omniltv.errors import ConfigError, DataError, DataWarning
from omniltv.experiments import Assignment, Baseline, Outcome
from omniltv.experiments.uplift import (
    CustomerEffects,
    EffectPrediction,
    Interactions,
    Ridge,
    TLearner,
    UpliftSample,
    customer_effects,
)
from omniltv.segmentation.planning import ActingData, plan_contacts
from omniltv.segmentation.playbook import Playbook

N = 2_000
LEARNER = TLearner(Ridge())


def trial(seed: int = 1, n: int = N, **changed: Any) -> pd.DataFrame:
    """Return an experiment whose effect is 1 in the tier general and 5 in the tier high."""
    rng = np.random.default_rng(seed)
    tier = rng.choice(["high", "general"], n)
    arm = rng.choice(["control", "mail"], n)
    true = np.where(tier == "high", 5.0, 1.0)
    table = pd.DataFrame({
        "customer_id": np.arange(n), "arm": arm, "tier": tier,
        "channel": rng.choice(["ec", "store"], n),
        "age": rng.normal(40, 10, n), "value": rng.gamma(5, 4, n) + true * (arm == "mail"),
    })  # fmt: skip
    return table.assign(**changed)


def scored(table: pd.DataFrame, **options: Any) -> CustomerEffects:
    given: dict[str, Any] = {
        "control": "control", "learner": LEARNER,
        "baseline": Baseline(table, covariates=["age", "tier"], by=["tier", "channel"]),
    }  # fmt: skip
    return customer_effects(table, Assignment.from_frame(table), **given | options)


TABLE = trial()


def test_no_customer_is_seen_by_the_fit_that_scores_it() -> None:
    seen: list[frozenset[float]] = []

    class Spy:
        name = "spy"

        def fit(self, sample: UpliftSample, *, seed: int) -> "Spy":
            assert seed == 0
            seen.append(frozenset(sample.covariates[:, 0].tolist()))
            return self

        def predict(self, covariates: np.ndarray) -> EffectPrediction:
            if len(covariates) < N:
                assert not seen[-1] & set(covariates[:, 0].tolist())
            return EffectPrediction(covariates[:, 0], np.ones(len(covariates)))

    found = scored(TABLE, learner=Spy())
    sizes = [len(own) for own in seen]
    assert len(sizes) == 6
    assert max(sizes[:5]) - min(sizes[:5]) <= 2
    assert sum(N - size for size in sizes[:5]) == N == sizes[5]
    assert found.sd.tolist() == [1.0] * N


def test_the_order_of_rows_and_the_kind_of_frame_change_nothing() -> None:
    one = scored(TABLE).to_frame().set_index("customer_id").sort_index()
    shuffled = TABLE.sample(frac=1, random_state=3)
    other = scored(shuffled).to_frame().set_index("customer_id").sort_index()
    assert one["effect"].to_numpy() == pytest.approx(other["effect"].to_numpy())
    polars = pl.from_pandas(TABLE)
    arms = Assignment.from_frame(polars)
    third = customer_effects(polars, arms, control="control", learner=LEARNER,
                             baseline=Baseline(polars, covariates=["age", "tier"]))  # fmt: skip
    assert third.effect.tolist() == scored(TABLE).effect.tolist()


def test_scores_average_to_the_difference_in_each_cell() -> None:
    cells = scored(TABLE).cells(["tier", "channel"])
    assert cells[["tier", "channel"]].to_numpy().tolist() == [
        ["general", "ec"], ["general", "store"], ["high", "ec"], ["high", "store"],
    ]  # fmt: skip
    true = np.array([1.0, 1.0, 5.0, 5.0])
    assert (np.abs(cells["estimate"] - true) < sigmas(4) * cells["standard_error"]).all()
    means = TABLE.groupby(["tier", "channel", "arm"])["value"].mean().to_numpy().reshape(4, 2)
    gap = means[:, 1] - means[:, 0]
    assert (np.abs(gap - cells["estimate"]) < cells["standard_error"]).all()
    with pytest.raises(ConfigError, match="no groups of store"):
        scored(TABLE).cells("store")


def test_a_cell_without_both_arms_has_no_estimate_and_is_pooled() -> None:
    table = TABLE.assign(channel=np.where(TABLE["customer_id"] < 3, "app", TABLE["channel"]))
    table.loc[:2, "arm"] = "mail"
    found = scored(table)
    cells = found.cells("channel").set_index("channel")
    assert np.isnan(cells["estimate"]["app"])
    pooled = found.pooled("channel").effects("mail").set_index("channel")
    assert np.isfinite(pooled["effect"]["app"])


def test_effects_go_out_as_the_table_that_plans_read() -> None:
    """A plan writes to the tier whose effect, about 5 and not 1, is above the cost of 3."""
    effects = scored(TABLE).pooled(["tier", "channel"], seed=1).effects("letter")
    own = effects[effects["channel"] == "store"].set_index("tier")
    true = pd.Series({"high": 5.0, "general": 1.0})[own.index]
    assert (np.abs(own["effect"] - true) < sigmas(2) * own["sd"]).all()
    playbook = Playbook.from_yaml("""
tiers: [high, general]
treatments:
  - {name: letter, channel: store, owner: sales, cost: 3}
""")
    people = TABLE[["customer_id", "tier"]].head(50)
    data = ActingData(consents=people[["customer_id"]].assign(channel="store"))
    plan = plan_contacts(playbook, people, effects, {}, on=date(2026, 4, 1), data=data)
    written = set(plan.contacts["customer_id"])
    assert written == set(people[people["tier"] == "high"]["customer_id"])


def test_the_value_of_a_policy_is_that_of_the_customers_it_treats() -> None:
    found = scored(TABLE)
    policy = found.policy_value(cost=3.0, against="nobody")
    truth = np.where((found.effect > 3.0) & (TABLE["tier"] == "high"), 2.0, 0.0)
    truth[(found.effect > 3.0) & (TABLE["tier"] == "general").to_numpy()] = -2.0
    assert abs(policy.estimate - truth.mean()) < sigmas() * policy.standard_error
    nobody = found.policy_value(cost=1e9)
    control = TABLE[TABLE["arm"] == "control"]["value"]
    assert nobody.estimate == pytest.approx(control.mean(), abs=control.std() / 20)
    everybody = found.policy_value(cost=-1e9, against="everybody")
    assert (everybody.estimate, everybody.standard_error) == (0, 0)
    assert 900 < nobody.effective < 1100


def test_other_customers_are_scored_by_the_fit_to_all() -> None:
    new = pd.DataFrame({"customer_id": ["x", "y", "z"], "age": [40.0, None, 40.0],
                        "tier": ["high", "high", "never seen"]})  # fmt: skip
    effect = scored(TABLE).predict(new)["effect"]
    assert effect[0] == pytest.approx(5, abs=2.5)
    assert np.isfinite(effect).all()
    with pytest.raises(DataError, match="age"):
        scored(TABLE).predict(new.drop(columns="age"))
    with pytest.raises(DataError, match=r"'age'.*numbers, as in the experiment"):
        scored(TABLE).predict(new.assign(age="forty"))
    with pytest.raises(DataError, match=r"'tier'.*labels, as in the experiment"):
        scored(TABLE).predict(new.assign(tier=1))


def test_missing_covariates_are_counted_and_have_a_column() -> None:
    gaps = TABLE["age"].where(TABLE["customer_id"] % 4 > 0)
    tier = TABLE["tier"].where(TABLE["customer_id"] % 5 > 0)
    found = scored(TABLE.assign(age=gaps), baseline=Baseline(
        TABLE.assign(age=gaps, level=tier), covariates=["age", "level"]))  # fmt: skip
    assert found.notes == ("500 customers without age count as its mean",)
    assert found.sample.covariates.shape == (N, 4)  # age, its gaps, two levels or missing
    assert np.isfinite(found.effect).all()


def test_three_arms_need_a_treatment_and_others_are_left_out() -> None:
    table = TABLE.assign(arm=np.resize(["control", "mail", "tour"], N))
    with pytest.raises(ConfigError, match="which arm is the treatment"):
        scored(table)
    found = scored(table, treatment="tour")
    assert len(found.effect) == (table["arm"] != "mail").sum()
    assert found.sample.propensity == pytest.approx(0.5, abs=0.01)


def test_what_was_not_drawn_at_random_needs_propensities() -> None:
    rng = np.random.default_rng(3)
    chance = 1 / (1 + np.exp((TABLE["age"] - 40) / 10))
    arm = np.where(rng.random(N) < chance, "mail", "control")
    value = TABLE["age"] + (arm == "mail") * 3.0 + rng.normal(size=N)
    table = TABLE.assign(arm=arm, value=value, chance=chance)
    arms = Assignment.from_frame(table, randomised=False)
    options: dict[str, Any] = {"control": "control", "learner": LEARNER}
    with pytest.raises(DataError, match="not drawn at random"):
        customer_effects(table, arms, baseline=Baseline(table, covariates="age"), **options)
    before = Baseline(table, covariates="age", propensity="chance", by="tier")
    found = customer_effects(table, arms, baseline=before, **options)
    cells = found.cells("tier")
    assert (np.abs(cells["estimate"] - 3.0) < sigmas(2) * cells["standard_error"]).all()
    bad = Baseline(table.assign(chance=1.0), covariates="age", propensity="chance")
    with pytest.raises(DataError, match=r"inside \(0, 1\)"):
        customer_effects(table, arms, baseline=bad, **options)


def test_a_stopped_experiment_has_no_effects_unless_asked_for() -> None:
    table = TABLE[(TABLE["arm"] == "mail") | (TABLE["customer_id"] % 3 > 0)]
    arms = Assignment.from_frame(table, shares={"control": 0.5, "mail": 0.5})
    before = Baseline(table, covariates="age")
    with pytest.raises(DataError, match=r"sample ratio mismatch.*despite=\('srm',\)"):
        customer_effects(table, arms, control="control", baseline=before, learner=LEARNER)
    with pytest.warns(DataWarning, match="sample ratio"):
        shown = customer_effects(table, arms, control="control", baseline=before, learner=LEARNER,
                                 despite=("srm",))  # fmt: skip
    assert [one.check for one in shown.findings] == ["srm", "covariate_time"]


@pytest.mark.parametrize(
    ("table", "options", "said"),
    [
        (TABLE, {"baseline": Baseline(TABLE)}, "no covariates"),
        (TABLE, {"control": "nobody"}, "no arm 'nobody'"),
        (TABLE.assign(arm="control"), {}, "customers of two arms"),
        (TABLE.head(30), {}, "fewer than 20"),
        (TABLE.assign(age=pd.Timestamp("2026-01-01")), {}, "covariate of type"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(
    table: pd.DataFrame, options: dict[str, Any], said: str
) -> None:
    with pytest.raises((ConfigError, DataError), match=said):
        scored(table, **options)


def test_a_ratio_is_refused() -> None:
    arms = Assignment.from_frame(TABLE)
    with pytest.raises(ConfigError, match="a ratio"):
        customer_effects(Outcome(TABLE, per="age"), arms, control="control", learner=LEARNER,
                         baseline=Baseline(TABLE, covariates="age"))  # fmt: skip


@pytest.mark.slow
def test_values_of_policies_hold_as_often_as_stated() -> None:
    """95 % intervals of 40 experiments, at a false-alarm probability of 1e-6 (binomial)."""
    held = []
    for seed in range(40):
        table = trial(seed, 600)
        found = scored(table, learner=Interactions("linear"), seed=seed)
        value = found.policy_value(cost=2.0, against="nobody")
        true = np.where(table["tier"] == "high", 3.0, -1.0)
        held.append(value.low <= np.where(found.effect > 2.0, true, 0.0).mean() <= value.high)
    assert_share(held, 0.95)
