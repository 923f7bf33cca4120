"""Tables for acting in a world: customers, consents, events, and effects from a pilot."""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv.errors import DataWarning
from omniltv.segmentation import Cut, Tier, TierScheme
from omniltv.segmentation.planning import ActingData
from omniltv.segmentation.playbook import Playbook
from omniltv.segmentation.triggers import CustomerEvents
from omniltv.simulation import World, WorldStep, preset
from omniltv.units import weeks

type Flags = NDArray[np.bool_]

__all__ = ["ARMS", "MARGIN", "PLAYBOOK", "Shop", "effects_of", "pilot", "value_of"]

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

PILOT_CONTACTS, PILOT_EVERY, PILOT_AFTER = 6, 4, 13  # contacts, weeks between, weeks after


def value_of(step: WorldStep) -> float:
    """Return the margin of a step less the cost of its contacts."""
    people = step.per_person()
    return float(MARGIN * people["value"].sum() - people["cost"].sum())


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
        table = pd.DataFrame({"customer_id": ids, "value": worth.to_numpy()})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)  # many have the same value
            tier = pd.Series(TIERS.assign(table).tier, index=ids)
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
        since = ids.map(last)
        line = pd.Timestamp(self.world.today) - timedelta(weeks=26)
        group = np.where(since.isna(), "prospect", np.where(since >= line, "customer", "sleeping"))
        place = self.world.records.drop_duplicates("customer_id").set_index("customer_id")["store"]
        return pd.DataFrame({"customer_id": ids, "tier": self.tier.to_numpy(),
                             "customer_class": group, "place": ids.map(place)})  # fmt: skip

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
        moves = {"customer_id": [], "on": [], "from_tier": [], "to_tier": [], "direction": []}
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
        hour = plan["at"].str.slice(11, 13).astype(int) if len(plan) else []
        made = pd.DataFrame({"customer_id": plan["customer_id"], "treatment": plan["content"],
                             "channel": plan["channel"], "day": 0, "hour": hour})  # fmt: skip
        day = pd.Timestamp(self.world.today)
        step = self.world.step(made if len(made) else None)
        done = plan[["customer_id", "treatment", "channel", "contact_key"]].assign(time=day)
        self.contacts = pd.concat([self.contacts, done], ignore_index=True) if len(done) else (
            self.contacts)  # fmt: skip
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


def pilot(people: int, seed: int) -> pd.DataFrame:
    """Return the effect per contact of each content and channel, as a share of spending.

    Other customers of the same retailer are assigned to an arm at random. Those of an arm are
    contacted every four weeks, six times. The lift is that of the whole arm, and is shrunk by the
    spread between the arms (empirical Bayes).
    """
    world = World(preset("apparel"), people=people, seed=seed)
    past = world.run(HISTORY)
    ids = pd.Index(past.per_person()["customer_id"])
    rng = np.random.default_rng(seed)
    arm = rng.integers(0, len(ARMS) + 2, len(ids))  # the last two are the control
    before = past.per_person()
    steps = []
    for _ in range(PILOT_CONTACTS):
        steps += [world.step(_contacts_of(world, ids, arm)), world.run(weeks(PILOT_EVERY - 1))]
    steps.append(world.run(weeks(PILOT_AFTER)))
    found = steps[0].and_then(*steps[1:])
    after = found.per_person()
    may = {c: _consents(world, ids, c) for _, c in ARMS}
    rows = [
        _arm(may[channel] & (arm == number), may[channel] & (arm >= len(ARMS)), before, after)
        for number, (_, channel) in enumerate(ARMS)
    ]
    lift, error = np.array(rows).T / PILOT_CONTACTS
    spread = max(float(np.var(lift, ddof=1) - np.mean(error**2)), 1e-8)
    weight = spread / (spread + error**2)
    centre = float(np.average(lift, weights=1 / (spread + error**2)))
    names = {"content": [c for c, _ in ARMS], "channel": [c for _, c in ARMS]}
    shrunk = {"lift": centre + weight * (lift - centre), "error": np.sqrt(weight) * error}
    return pd.DataFrame({**names, "raw": lift, "raw_error": error, **shrunk})


def _consents(world: World, ids: pd.Index, channel: str) -> NDArray[np.bool_]:
    records = world.records
    return np.asarray(ids.isin(records[records["source"] == channel]["customer_id"]))


def _contacts_of(world: World, ids: pd.Index, arm: NDArray[np.int64]) -> pd.DataFrame:
    parts = []
    for number, (content, channel) in enumerate(ARMS):
        own = ids[(arm == number) & _consents(world, ids, channel)]
        days = np.arange(len(own)) % 7
        parts.append(pd.DataFrame({"customer_id": own, "treatment": content, "channel": channel,
                                   "day": days, "hour": 15}))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def _arm(
    arm: Flags, control: Flags, before: pd.DataFrame, after: pd.DataFrame
) -> tuple[float, float]:
    """Return the relative lift of an arm in spending, and its standard error.

    It is the lift in purchases, adjusted for past purchases, and that in the mean basket of
    those who bought: their product has less noise than the lift in spending.
    """
    both = arm | control
    past, bought = before["purchases"].to_numpy(float), after["purchases"].to_numpy(float)
    slope = np.cov(past[both], bought[both])[0, 1] / past[both].var()
    rest = bought - slope * (past - past[both].mean())
    basket = np.log(after["value"].where(after["value"] > 0) / bought)
    parts = [_difference(rest, arm, control) / rest[control].mean(),
             _difference(basket.to_numpy(), arm, control)]  # fmt: skip
    (lift, larger), errors = [part[0] for part in parts], [part[1] for part in parts]
    return (1 + lift) * np.exp(larger) - 1, float(np.hypot(*errors))


def _difference(values: NDArray[np.float64], arm: Flags, control: Flags) -> NDArray[np.float64]:
    """Return the difference of means of known values, and its standard error."""
    own, other = (values[flags & np.isfinite(values)] for flags in (arm, control))
    error = np.sqrt(own.var() / len(own) + other.var() / len(other))
    return np.array([own.mean() - other.mean(), error])


def effects_of(lifts: pd.DataFrame, spend: Mapping[str, float]) -> pd.DataFrame:
    """Return the border table: the lift times what a customer of the tier spends, by treatment.

    Args:
        lifts: As `pilot` returns them.
        spend: Spending of a customer by tier, in the weeks that the lift is a share of.
    """
    return pd.DataFrame(list(_effect_rows(lifts.set_index(["content", "channel"]), spend)))


def _effect_rows(lifts: pd.DataFrame, spend: Mapping[str, float]) -> Iterator[dict[str, object]]:
    for rule in PLAYBOOK.treatments:
        lift, error = lifts.loc[(rule.key, rule.channel), ["lift", "error"]]
        for tier in PLAYBOOK.tiers:
            yield {"treatment": rule.name, "tier": tier, "channel": rule.channel,
                   "effect": round(MARGIN * lift * spend[tier], 3),
                   "sd": round(MARGIN * error * spend[tier], 3)}  # fmt: skip
