"""Tables for acting in a world: customers, consents, events, and effects from a pilot."""

import warnings
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from _cells import averaged
from numpy.typing import NDArray

from omniltv.errors import DataWarning
from omniltv.experiments import Assignment, Baseline, cuped
from omniltv.experiments.learning import pool_effects
from omniltv.segmentation import Cut, Tier, TierScheme
from omniltv.segmentation.planning import ActingData
from omniltv.segmentation.playbook import Playbook
from omniltv.segmentation.triggers import CustomerEvents
from omniltv.simulation import World, WorldStep
from omniltv.units import weeks

__all__ = ["ARMS", "MARGIN", "PLAYBOOK", "Shop", "effects_of", "pilot", "pooled", "value_of"]

PLAYBOOK = Playbook.from_yaml(Path(__file__).parents[1] / "examples" / "playbook.yaml")
MARGIN = 0.4
HISTORY = weeks(52)
TIERS = TierScheme(
    tiers=(
        Tier(name="high", value_at_least=Cut(share=0.2)),
        Tier(name="potential", value_at_least=Cut(share=0.5)),
        Tier(name="general"),
    )
)
ARMS = tuple(sorted({(rule.key, rule.channel) for rule in PLAYBOOK.treatments}))
"""Content and channel of the arms of the pilot."""

CONTROL = "control"
PILOT_CONTACTS, PILOT_EVERY, PILOT_AFTER = 6, 4, 13  # contacts, weeks between, weeks after
PILOT_WEEKS = PILOT_CONTACTS * PILOT_EVERY + PILOT_AFTER
WEEKS = 52


def value_of(step: WorldStep) -> float:
    """Return the margin of a step less the cost of its contacts."""
    people = step.per_person()
    return float(MARGIN * people["value"].sum() - people["cost"].sum())


def tiers_of(value: "pd.Series[float]") -> "pd.Series[str]":
    """Return the tier of each customer by the expected value."""
    table = pd.DataFrame({"customer_id": value.index, "value": value.to_numpy()})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # many have the same value
        return pd.Series(TIERS.assign(table).tier, index=value.index)


@dataclass
class Shop:
    """A world with the tables that a job of every week sees.

    Attributes:
        world: The world.
        value: Expected value of each customer, for the tiers and for comparisons.
        spend: Past spend of each customer.
        tier: Tier of each customer.
        events: Events so far.
        contacts: Contacts so far.
        steps: Steps so far.
    """

    world: World
    value: "pd.Series[float]"
    spend: "pd.Series[float]"
    tier: "pd.Series[str]"
    events: pd.DataFrame
    contacts: pd.DataFrame
    steps: list[WorldStep]

    @classmethod
    def open(cls, world: World, past: WorldStep, value: "pd.Series[float]") -> "Shop":
        """Return a shop after a year of history."""
        ids = pd.Index(world.records["customer_id"].drop_duplicates().sort_values())
        spend = past.transactions.groupby("customer_id")["value"].sum().reindex(ids, fill_value=0)
        worth = value.reindex(ids, fill_value=0.0)
        tier = tiers_of(worth)
        none = pd.DataFrame({name: [] for name in ("customer_id", "treatment", "channel", "time",
                                                   "contact_key")})  # fmt: skip
        return cls(world, worth, spend, tier, events_of(past), none, [])

    def fork(self) -> "Shop":
        """Return an independent copy with the same future."""
        return Shop(self.world.fork(), self.value, self.spend, self.tier, self.events,
                    self.contacts, [])  # fmt: skip

    def customers(self) -> pd.DataFrame:
        """Return one row per customer."""
        ids = self.tier.index
        last = self.events[self.events["event"] == "purchase"].groupby("customer_id")["time"].max()
        since = last.reindex(ids)
        line = pd.Timestamp(self.world.today) - timedelta(weeks=26)
        group = np.where(since.isna(), "prospect", np.where(since >= line, "customer", "sleeping"))
        first = self.world.records.drop_duplicates("customer_id").set_index("customer_id")
        place = first["store"].reindex(ids).to_numpy()
        return pd.DataFrame({"customer_id": ids, "tier": self.tier.to_numpy(),
                             "customer_class": group, "place": place})  # fmt: skip

    def due(self) -> pd.DataFrame:
        """Return when each customer is expected to buy: the mean gap after the last purchase."""
        bought = self.events[self.events["event"] == "purchase"]
        groups = bought.groupby("customer_id")["time"].agg(["min", "max", "size"])
        several = groups[groups["size"] > 1]
        gap = (several["max"] - several["min"]) / (several["size"] - 1)
        return pd.DataFrame({"customer_id": several.index, "expected": several["max"] + gap,
                             "since": several["max"]})  # fmt: skip

    def data(self, factor: "pd.Series[float] | None" = None) -> ActingData:
        """Return what a plan reads; with a factor on the effects of each customer."""
        consents = self.world.records.query("consent").rename(columns={"source": "channel"})
        moves: dict[str, list[object]] = {
            "customer_id": [],
            "on": [],
            "from_tier": [],
            "to_tier": [],
            "direction": [],
        }
        events = CustomerEvents.read(
            self.events, tables={"next_purchases": self.due(), "moves": pd.DataFrame(moves)}
        )
        responses = None
        if factor is not None:
            hours = {"customer_id": factor.index, "hour": 15, "factor": factor.to_numpy()}
            parts = [pd.DataFrame(hours).assign(channel=name) for name in PLAYBOOK.channels]
            responses = pd.concat(parts, ignore_index=True)
        return ActingData(consents=consents, events=events, contacts=self.contacts,
                          responses=responses)  # fmt: skip

    def follow(self, plan: pd.DataFrame) -> None:
        """Carry out the contacts of a plan and simulate the week."""
        hour = plan["at"].astype("str").str.slice(11, 13).astype(int)
        made = pd.DataFrame({"customer_id": plan["customer_id"], "treatment": plan["content"],
                             "channel": plan["channel"], "day": 0, "hour": hour})  # fmt: skip
        day = pd.Timestamp(self.world.today)
        step = self.world.step(made if len(made) else None)
        done = plan[["customer_id", "treatment", "channel", "contact_key"]].assign(time=day)
        if len(done):
            known = [self.contacts] if len(self.contacts) else []
            self.contacts = pd.concat([*known, done], ignore_index=True)
        self.events = pd.concat([self.events, events_of(step)], ignore_index=True)
        self.steps.append(step)

    def result(self, after: int) -> float:
        """Return the margin less costs, with some weeks without contacts after the last one."""
        return value_of(self.steps[0].and_then(*self.steps[1:], self.world.run(weeks(after))))


def events_of(step: WorldStep) -> pd.DataFrame:
    """Return purchases, behaviour and answers of a step, in local time."""
    sold = step.transactions.query("value > 0").assign(event="purchase")
    answers = step.contacts.query("stage == 'answered'").assign(event="answered")
    names = ["customer_id", "time", "event", "channel"]
    kinds = ["visit", "cart_abandoned", "enquiry"]
    seen = step.behaviour[step.behaviour["event"].isin(kinds)]
    parts = [part[names] for part in (sold, seen, answers) if len(part)]
    frame = pd.concat(parts, ignore_index=True).dropna(subset=["customer_id"])
    return frame.assign(time=frame["time"].dt.tz_localize(None))


def pilot(world: World, past: WorldStep, value: "pd.Series[float]", *, seed: int) -> pd.DataFrame:
    """Return the lift of six contacts on the number of purchases by treatment and channel.

    Customers of the same retailer are assigned at random to one of the channels on which they
    gave consent, and there to a content or to the control. Contacts come every four weeks, and
    13 weeks without contacts follow. The lift of each channel is adjusted for past purchases and
    expected value (CUPED). The column ``true`` is the difference to the same world without
    contacts, which no retailer knows.

    Args:
        world: Other customers of the same retailer, after a year.
        past: That year.
        value: Expected value of those who bought.
        seed: Seed of the assignment.
    """
    before = past.per_person().set_index("customer_id")["purchases"]
    worth = value.reindex(before.index, fill_value=0.0)
    people = _assigned(world, before.index, np.random.default_rng(seed)).assign(
        before=before.to_numpy(), expected=worth.to_numpy()
    )
    without = _purchases(world.fork().run(weeks(PILOT_WEEKS)))
    steps = []
    for _ in range(PILOT_CONTACTS):
        steps += [world.step(_contacts_of(people)), world.run(weeks(PILOT_EVERY - 1))]
    steps.append(world.run(weeks(PILOT_AFTER)))
    bought = _purchases(steps[0].and_then(*steps[1:]))
    people = people.assign(value=bought.to_numpy(), true=(bought - without).to_numpy())
    parts = [_lift(own, str(name)) for name, own in people.groupby("channel")]
    return pd.concat(parts, ignore_index=True)


def _purchases(step: WorldStep) -> "pd.Series[float]":
    return step.per_person().set_index("customer_id")["purchases"]


def _assigned(world: World, ids: "pd.Index[str]", rng: np.random.Generator) -> pd.DataFrame:
    """Return channel and arm of each customer; there is no channel without any consent."""
    listed = world.records.query("consent")
    channels = sorted({channel for _, channel in ARMS})
    draw = np.column_stack([
        rng.random(len(ids)) * ids.isin(listed[listed["source"] == name]["customer_id"])
        for name in channels
    ])  # fmt: skip
    chosen = np.array(channels, dtype=object)[draw.argmax(axis=1)]
    channel = pd.Series(chosen).where(draw.max(axis=1) > 0).to_numpy(dtype=object)
    arm = np.full(len(ids), CONTROL, dtype=object)
    for name in channels:
        arms = [content for content, own in ARMS if own == name] + 2 * [CONTROL]
        of_channel = channel == name
        arm[of_channel] = rng.choice(np.array(arms, dtype=object), of_channel.sum())
    return pd.DataFrame({"customer_id": ids, "channel": channel, "arm": arm})


def _contacts_of(people: pd.DataFrame) -> pd.DataFrame:
    """Return one contact of each customer of an arm, spread over the days of a week."""
    own = people[people["channel"].notna() & (people["arm"] != CONTROL)]
    made = own[["customer_id", "channel"]].assign(treatment=own["arm"], hour=15)
    return made.assign(day=np.arange(len(own)) % 7).reset_index(drop=True)


def _lift(people: pd.DataFrame, channel: str) -> pd.DataFrame:
    """Return the lift of each arm of a channel, with the true one."""
    baseline = Baseline(people, covariates=["before", "expected"])
    arms = Assignment.from_frame(people[["customer_id", "arm"]])
    outcome = people[["customer_id", "value"]]
    found = cuped(outcome, arms, control=CONTROL, baseline=baseline).to_frame()
    names = ["arm", "estimate", "standard_error", "control_mean", "n", "control_n"]
    rows = found[names].assign(channel=channel)
    true = people.groupby("arm")["true"].mean()
    return rows.assign(true=true.reindex(rows["arm"]).to_numpy()).rename(
        columns={"arm": "treatment"}
    )


def pooled(cells: pd.DataFrame) -> pd.DataFrame:
    """Return what a contact brings, in weeks of purchases, after partial pooling.

    Args:
        cells: As `pilot` returns them, of one pilot or of several.
    """
    names = ["treatment", "channel"]
    true = cells.groupby(names)["true"].mean().reset_index()
    cells = averaged(cells, names).merge(true, on=names)
    found = pool_effects(cells, by=names, covariance=_covariance(cells), seed=1).to_frame()
    control = cells["control_mean"].to_numpy()
    weeks_per = PILOT_WEEKS / PILOT_CONTACTS / control
    columns = {"measured": cells["estimate"], "error": cells["standard_error"],
               "effect": found["effect"], "sd": found["sd"], "true": cells["true"]}  # fmt: skip
    scaled = {name: weeks_per * column.to_numpy() for name, column in columns.items()}
    return cells[names].assign(**scaled)


def _covariance(cells: pd.DataFrame) -> NDArray[np.float64]:
    """Return the covariance of the lifts: the arms of a channel share their control.

    The share of the control in a squared error is n / (n + control_n), as variances are similar.
    """
    error = cells["standard_error"].to_numpy(dtype=np.float64)
    share = (cells["n"] / (cells["n"] + cells["control_n"])).to_numpy(dtype=np.float64)
    code = cells["channel"].astype("category").cat.codes.to_numpy()
    shared = error * np.sqrt(share)
    covariance: NDArray[np.float64] = np.outer(shared, shared) * (code[:, None] == code)
    np.fill_diagonal(covariance, error**2)
    return covariance


def effects_of(found: pd.DataFrame) -> pd.DataFrame:
    """Return the effects by treatment of the playbook, on a customer worth 1 a year.

    Args:
        found: As `pooled` returns them.
    """
    rules = pd.DataFrame(
        {"name": rule.name, "treatment": rule.key, "channel": rule.channel}
        for rule in PLAYBOOK.treatments
    )
    rows = rules.merge(found, on=["treatment", "channel"], how="left")
    rows[["effect", "sd"]] *= MARGIN / WEEKS
    border = ["treatment", "tier", "channel", "effect", "sd"]
    return rows.assign(tier=None, treatment=rows["name"])[border]
