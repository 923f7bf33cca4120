"""Laws of a world, whatever its settings, and what a plan may say."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.simulation._worlds import config, started

from omniltv.errors import ConfigError, DataError
from omniltv.simulation import PROCESSES, Attrition, Treatment, World, WorldConfig, WorldStep
from omniltv.units import days, weeks

TABLES = ("transactions", "lines", "lost", "behaviour", "contacts", "responses", "stock", "staff")
SENT = ("sent", "delivered", "opened", "answered")


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Return a small world of any process, after a while."""
    treatment = Treatment(name="t", rate=3.0, dropout=0.5, lasting=20, pull_forward=0.3)
    base = config(treatment, process=draw(st.sampled_from(sorted(PROCESSES))))
    other = base.model_copy(
        update={
            "period": draw(st.integers(1, 9)),
            "prospects": draw(st.sampled_from([0.0, 0.5])),
            "attrition": Attrition(per_year=draw(st.sampled_from([0.0, 0.9]))),
        }
    )
    world = World(other, people=draw(st.integers(5, 60)), seed=draw(st.integers(0, 2**32)))
    world.run(days(draw(st.integers(1, 60))))
    return world


@settings(max_examples=6, deadline=None)
@given(world=worlds())
def test_laws(world: World) -> None:
    before, listed = world.truth.people.set_index("customer_id"), world.records
    agreed = listed.loc[listed["consent"], ["customer_id", "source"]]
    consent = set(agreed.itertuples(index=False, name=None))
    day = (pd.Timestamp(world.today) - pd.Timestamp(world.config.start)).days
    plan = pd.DataFrame({"customer_id": before.index, "treatment": "t", "channel": "store"})
    step = world.step(plan)
    bought = step.transactions[step.transactions["refund_of"].isna()]
    known = bought.dropna(subset="customer_id")
    assert before.loc[known["customer_id"], "active"].all()  # nobody buys after the end
    first = before["first_day"].loc[known["customer_id"]]
    assert (first < day + world.config.period).all()  # nor before the beginning
    assert (step.stock["stock"] >= 0).all()
    sent = step.contacts[step.contacts["stage"].isin(SENT)]
    asked = sent.dropna(subset="customer_id")[["customer_id", "channel"]]
    assert set(asked.itertuples(index=False, name=None)) <= consent
    money = step.lines.groupby("transaction_id")["value"].sum()
    assert money.to_dict() == bought.set_index("transaction_id")["value"].to_dict()
    assert bought["transaction_id"].is_unique
    assert (step.staff["used"] <= step.staff["capacity"]).all()
    resolve(world, step)


def resolve(world: World, step: WorldStep) -> None:
    """Require that every id in the tables is known."""
    held = set(world.records["record_id"])
    for table in (step.transactions, step.behaviour, step.contacts):
        hidden = table["record_id"].isna()
        assert (hidden == table["customer_id"].isna()).all()
        everybody = world.config.attrition.per_year == 0
        assert not everybody or table["record_id"].isin(held).all()
    own = step.responses[step.responses["response"] != "bought"]
    assert own["contact_id"].isin(step.contacts["contact_id"]).all()


def test_money_adds_up() -> None:
    world = World(config(), people=300, seed=4)
    year = world.run(weeks(30))
    table = year.transactions
    refunds = table[table["refund_of"].notna()]
    assert len(refunds) > 10
    whole = table.set_index("transaction_id")["value"]
    assert (whole.loc[refunds["refund_of"]].to_numpy() == -refunds["value"].to_numpy()).all()
    later = world.run(weeks(3)).transactions  # returns of the last days
    late = later[later["refund_of"].isin(set(whole.index))]
    net = table["value"].sum() + late["value"].sum()
    assert year.per_person()["value"].sum() == pytest.approx(net, rel=1e-12)
    assert len(year.lost) > 0
    elsewhere = table.set_index("transaction_id")["channel"]
    moved = elsewhere.loc[refunds["refund_of"]].to_numpy() != refunds["channel"].to_numpy()
    assert 0 < moved.mean() < 0.6


def test_tables_do_not_depend_on_periods_per_call() -> None:
    settings_ = config(Treatment(name="t"))
    one, other = (World(settings_, people=150, seed=2) for _ in range(2))
    whole = one.run(weeks(6))
    steps = [other.step() for _ in range(6)]
    joined = steps[0].and_then(*steps[1:])
    for name in TABLES:
        assert getattr(whole, name).equals(getattr(joined, name)), name


def test_a_copy_goes_on_alone() -> None:
    world = started(config(), 200)
    copy = world.fork()
    first = copy.step().transactions
    assert world.step().transactions.equals(first)
    assert not world.fork(seed=5).step().transactions.equals(world.fork().step().transactions)


def test_people_who_leave_the_data_have_no_ids() -> None:
    leaving = config().model_copy(update={"attrition": Attrition(per_year=0.6, with_rate=-1.0)})
    world = World(leaving, people=400, seed=1)
    world.run(weeks(26))
    table = world.run(weeks(26)).transactions
    assert 0.05 < table["customer_id"].isna().mean() < 0.9
    listed = set(world.records["customer_id"])
    stays = table.loc[table["customer_id"].isin(listed), "customer_id"]
    assert len(stays) > 0
    assert len(listed) < 300


def test_tired_people_open_less_and_some_withdraw_consent() -> None:
    base = config(Treatment(name="t"))
    rules = base.contacts.model_copy(update={"opt_out": 0.02})
    world = World(base.model_copy(update={"contacts": rules}), people=800, seed=1)
    plan = world.truth.people[["customer_id"]].assign(treatment="t", channel="ec")
    fresh = world.truth.responses("ec")
    for _ in range(8):
        step = world.step(plan)
    tired = world.truth.responses("ec")
    asked = fresh["delivered"] > 0
    assert (tired["opened"] <= fresh["opened"]).all()
    assert tired.loc[asked, "opened"].mean() < 0.8 * fresh.loc[asked, "opened"].mean()
    assert (step.contacts["stage"] == "no_consent").mean() > (~asked).mean()


def test_staff_is_scarce_and_the_order_of_the_plan_decides() -> None:
    world = started(config(Treatment(name="t")), 600)
    plan = world.truth.people[["customer_id"]].assign(treatment="t", channel="store")
    stage = world.step(plan).contacts["stage"].value_counts()
    assert stage["no_capacity"] > 300
    assert 0 < stage.drop(["no_capacity", "no_consent"]).sum() <= 3 * 6


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("customer_id", "nobody"),
        ("treatment", "unknown"),
        ("channel", "fax"),
        ("day", 7),
        ("hour", -1),
    ],
)
def test_a_plan_names_only_what_there_is(column: str, value: object) -> None:
    world = World(config(Treatment(name="t")), people=20, seed=1)
    plan = pd.DataFrame({"customer_id": world.truth.people["customer_id"], "treatment": "t"})
    plan = plan.assign(channel="ec", day=0, hour=9.5)
    world.step(plan)
    entries = [value if row == 3 else known for row, known in enumerate(plan[column])]
    plan[column] = pd.Series(entries, dtype=object)
    with pytest.raises(DataError) as error:
        world.step(plan)
    assert error.value.column == column
    assert error.value.rows == (3,)


def test_a_plan_by_record() -> None:
    world = started(config(Treatment(name="t")), 200)
    table = world.records.sample(frac=1.0, random_state=1)
    plan = table[["source", "record_id"]].assign(treatment="t", channel="ec")
    made = world.step(plan).contacts
    assert sorted(made["customer_id"]) == sorted(table["customer_id"])
    with pytest.raises(DataError, match="record_id"):
        world.step(plan.assign(record_id="none"))
    with pytest.raises(DataError, match="customer_id"):
        world.step(plan.drop(columns="source"))
    with pytest.raises(DataError, match="treatment"):
        world.step(plan.drop(columns="treatment"))


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="unknown names"):
        WorldConfig(treatments=(Treatment(name="t", channel={"fax": 2.0}),))
    with pytest.raises(ValueError, match="distinct"):
        WorldConfig(treatments=(Treatment(name="t"), Treatment(name="t")))
    with pytest.raises(ValueError, match="lasting"):
        Treatment(name="t", pull_forward=0.5)
    with pytest.raises(ValueError, match="no process"):
        WorldConfig.model_validate({"process": "magic"})
    with pytest.raises(ConfigError, match="people is a whole number"):
        World(people=0, seed=1)
    with pytest.raises(ConfigError, match="day or longer"):
        World(people=5, seed=1).run(days(0.5))
    with pytest.raises(ConfigError, match="shorter"):
        World(people=5, seed=1).counterfactual(None, None, days(3))
    with pytest.raises(ConfigError, match="no channel"):
        World(people=5, seed=1).truth.responses("fax")
