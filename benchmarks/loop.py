"""The loop of a CRM: ten rounds of plan, assign, observe and learn in a world that answers back.

Every rule has the same people, capacities and random numbers. The contents of the contacts have
effects that are drawn anew for every seed, and nobody knows them but the oracle.

    uv run python benchmarks/loop.py [--seeds N] [--quick] [--markdown PAGE] [--check]
"""

import argparse
import sys
import warnings
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path

import _markdown
import numpy as np
import pandas as pd
from _report import report
from numpy.typing import NDArray
from scipy.special import stdtrit

from omniltv.experiments.learning import Thompson
from omniltv.segmentation.allocation import allocate
from omniltv.simulation import Baskets, ChannelSettings, Treatment, World, WorldConfig
from omniltv.simulation.processes import WeibullCustomers
from omniltv.units import weeks

CONTENTS = ("coupon", "event", "news", "sample", "story")
CHANNELS = ("store", "ec", "app")
TIERS = ("high", "potential", "general")
ROUNDS, PERIOD = 10, 28  # rounds of so many days; an effect lasts 21 days
MARGIN = 0.4
NONE = "none"
BELIEF = 0.05  # relative effect of every content before anything is measured
BANDIT = Thompson(treatments=(NONE, *CONTENTS), by=("tier", "channel"), floor=0.02)
FIRST_SEED = 401  # others were seen with earlier forms of the loop

RULES = ("random", "first plan for ever", "loop", "oracle")

type Vector = NDArray[np.float64]
type Policy = Callable[["Desk"], pd.DataFrame]


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description="Ten rounds of plan, assign, observe and learn.")
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--quick", action="store_true", help="3 seeds")
    parser.add_argument("--markdown", type=Path, help="page whose tables are filled in")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    seeds = 3 if options.quick else options.seeds
    warnings.simplefilter("ignore")
    gains = pd.concat([one_seed(seed, options.people) for seed in FIRST_SEED + np.arange(seeds)])
    table = summary(gains)
    if options.markdown:
        parts = {"gains": f"{seeds} seeds, {options.people:,} people.\n\n{_markdown.table(table)}",
                 "rounds": _markdown.table(by_round(gains))}  # fmt: skip
        _markdown.fill(options.markdown, parts)
    print(by_round(gains).to_string(index=False))
    return report("loop", table, figures={"seeds": seeds}, targets=targets(gains),
                  check=options.check)  # fmt: skip


def one_seed(seed: int, people: int) -> pd.DataFrame:
    """Return the gain of each rule over doing nothing, per customer, by round."""
    rng = np.random.default_rng(seed)
    world = World(retailer(rng), people=people, seed=seed)
    past = world.run(weeks(52)).per_person().set_index("customer_id")["value"]
    start = Desk(world, tiers_of(past), past)
    rules: Mapping[str, Policy] = {
        "random": by_chance, "first plan for ever": first_plan, "loop": Loop(),
        "oracle": oracle,
    }  # fmt: skip
    base = followed(start, nothing)
    found = {name: followed(start, rule) - base for name, rule in rules.items()}
    rounds = {"seed": seed, "round": np.arange(1, ROUNDS + 1)}
    print(seed, {name: round(float(own.sum()), 1) for name, own in found.items()}, file=sys.stderr)
    return pd.DataFrame(rounds | found)


def retailer(rng: np.random.Generator) -> WorldConfig:
    """Return a world whose contents have effects that are drawn."""
    rates = np.exp(rng.normal(0.1, 0.3, len(CONTENTS)))
    strength = rng.gamma(4.0, 0.25, (len(CONTENTS), len(TIERS)))
    treatments = tuple(
        Treatment(
            name=name,
            rate=rate,
            lasting=21,
            by_tier={"high": own[0], "potential": own[1], "general": own[2]},
        )
        for name, rate, own in zip(CONTENTS, rates, strength, strict=True)
    )
    channels = (
        ChannelSettings(name="store", kind="store", share=0.6, minutes=5.0, opened=0.6, cost=20.0),
        ChannelSettings(name="ec", share=0.3, opened=0.35, cost=2.0),
        ChannelSettings(name="app", share=0.1, opened=0.25, cost=0.5),
    )
    return WorldConfig(channels=channels, process=WeibullCustomers(rate=0.7), treatments=treatments,
                       baskets=Baskets(mean=3_000), period=PERIOD)  # fmt: skip


def tiers_of(value: "pd.Series[float]") -> "pd.Series[str]":
    """Return the tier of each customer by past value."""
    rank = value.rank(pct=True, method="first")
    names = np.select([rank > 0.8, rank > 0.5], TIERS[:2], TIERS[2])
    return pd.Series(names, index=value.index)


@dataclass
class Desk:
    """What those who plan know.

    Attributes:
        world: The world.
        tier: Tier of each customer.
        past: Value of each customer in the year before.
        offers: What can be offered to whom.
        believed: The best contacts if every content has the effect that is believed at first.
        round: Number of rounds so far.
        seen: Contacts, held-out customers and margins of the last round; None before the first.
    """

    world: World
    tier: "pd.Series[str]"
    past: "pd.Series[float]"
    round: int = 0
    seen: pd.DataFrame | None = None
    offers: pd.DataFrame = field(init=False)
    believed: pd.DataFrame = field(init=False)

    def __post_init__(self) -> None:
        """List what can be offered: every content on every channel with consent."""
        listed = self.world.records.query("consent").rename(columns={"source": "channel"})
        listed = listed[["customer_id", "channel"]].drop_duplicates()
        cost = {own.name: own.cost for own in self.world.config.channels}
        rows = listed.merge(pd.DataFrame({"treatment": CONTENTS}), how="cross")
        rows = rows.assign(tier=rows["customer_id"].map(self.tier), cost=rows["channel"].map(cost))
        uses = {f"{name} contacts": (rows["channel"] == name).astype(float) for name in CHANNELS}
        self.offers = rows.assign(**uses)
        mean = self.offers["tier"].map(self.past.groupby(self.tier).mean())
        gain = BELIEF * PERIOD / 364 * MARGIN * mean.to_numpy(dtype=np.float64)
        self.believed = self.best(np.asarray(gain, dtype=np.float64)).assign(arm="")

    def capacities(self) -> Mapping[str, float]:
        """Return how many contacts there are for a round."""
        n = len(self.tier)
        return {"store contacts": 0.1 * n, "ec contacts": 0.25 * n, "app contacts": 0.1 * n}

    def best(self, gain: Vector) -> pd.DataFrame:
        """Return the offers with the largest gain in sum."""
        return allocate(self.offers.assign(gain=gain), self.capacities()).chosen


def followed(start: Desk, policy: Policy) -> Vector:
    """Return the margin less costs per customer by round if a policy is followed."""
    desk, found = copy(start), []
    desk.world = start.world.fork()
    for number in range(ROUNDS):
        desk.round = number
        chosen = policy(desk)
        made = chosen[chosen["arm"] != "control"][["customer_id", "treatment", "channel"]]
        step = desk.world.step(made.assign(day=np.arange(len(made)) % 5) if len(made) else None)
        people = step.per_person().set_index("customer_id")
        margin = MARGIN * people["value"]
        desk.seen = chosen.assign(value=chosen["customer_id"].map(margin))
        found.append(float(margin.sum() - people["cost"].sum()) / len(desk.tier))
    return np.array(found)


def nothing(desk: Desk) -> pd.DataFrame:
    """Contact nobody."""
    return desk.offers.head(0).assign(arm="")


def oracle(desk: Desk) -> pd.DataFrame:
    """Return the contacts of who knows the expected effect of each content on each person."""
    outcome = desk.world.truth.outcomes(weeks(4)).set_index("customer_id")
    lift = pd.concat({name: outcome[name] - outcome["none"] for name in CONTENTS})
    opened = pd.concat({
        name: desk.world.truth.responses(name).set_index("customer_id")["opened"]
        for name in CHANNELS
    })  # fmt: skip
    rows = desk.offers
    effect = lift.reindex(pd.MultiIndex.from_frame(rows[["treatment", "customer_id"]]))
    chance = opened.reindex(pd.MultiIndex.from_frame(rows[["channel", "customer_id"]]))
    return desk.best(MARGIN * effect.to_numpy() * chance.to_numpy()).assign(arm="")


def by_chance(desk: Desk) -> pd.DataFrame:
    """Return contacts at random, as many as the capacities allow."""
    mixed = desk.offers.sample(frac=1.0, random_state=desk.round).drop_duplicates("customer_id")
    room = mixed["channel"].map(lambda name: desk.capacities()[f"{name} contacts"])
    return mixed[mixed.groupby("channel").cumcount() < room].assign(arm="")


def first_plan(desk: Desk) -> pd.DataFrame:
    """Return the best contacts if every content has the effect that is believed at first."""
    return desk.believed.copy()


@dataclass
class Loop:
    """Plans as at first, and chooses contents by what has been seen so far (Thompson sampling).

    Attributes:
        history: Outcomes of the rounds so far.
    """

    history: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame({"treatment": [], "tier": [], "channel": [],
                                              "value": []})
    )  # fmt: skip

    def __call__(self, desk: Desk) -> pd.DataFrame:
        """Return the contacts of a round, with customers who get none."""
        if desk.seen is not None:
            self.history = pd.concat([self.history, outcomes(desk, desk.seen)], ignore_index=True)
        chosen = first_plan(desk)
        shares = BANDIT.shares(scaled(self.history), cells=chosen, seed=desk.round)
        drawn = shares.assign(chosen[["customer_id", "tier", "channel"]], salt=f"{desk.round}")
        content = drawn["treatment"].to_numpy()
        arm = np.where(content == NONE, "control", "")
        return chosen.assign(arm=arm, treatment=content)


def outcomes(desk: Desk, seen: pd.DataFrame) -> pd.DataFrame:
    """Return margins less costs of a round, adjusted for the value of the year before (CUPED)."""
    cost = np.where(seen["arm"] == "control", 0.0, seen["cost"])
    past = seen["customer_id"].map(desk.past)
    cells = [seen["tier"], seen["treatment"]]
    off = past - past.groupby(cells).transform("mean")
    slope = float((off * seen["value"]).sum() / (off**2).sum())
    level = past - past.groupby(seen["tier"]).transform("mean")
    value = seen["value"] - cost - slope * level
    return seen[["treatment", "tier", "channel"]].assign(value=value, round=desk.round)


def scaled(history: pd.DataFrame) -> pd.DataFrame:
    """Return the history with rounds of equal mean, as seasons and leavers change the level."""
    if history.empty:
        return history
    ratio = history["value"].mean() / history.groupby("round")["value"].transform("mean")
    return history.assign(value=ratio * history["value"])


def by_round(gains: pd.DataFrame) -> pd.DataFrame:
    """Return the mean gain of each rule by round."""
    return gains.groupby("round")[list(RULES)].mean().round(1).reset_index()


def summary(gains: pd.DataFrame) -> pd.DataFrame:
    """Return the mean gain over all rounds by rule, with intervals over the seeds."""
    total = gains.groupby("seed")[list(RULES)].sum()
    best = total["oracle"].mean()
    rows = [
        {"rule": name, **in_yen(own), "% of the oracle": round(100 * own.mean() / best)}
        for name, own in total.items()
    ]
    for other in ("random", "first plan for ever"):
        less = total["loop"] - total[other]
        rows.append({"rule": f"loop, less {other}", **in_yen(less), "% of the oracle": ""})
    return pd.DataFrame(rows)


def in_yen(values: "pd.Series[float]") -> Mapping[str, float]:
    """Return the mean of gains with its 95 % interval over the seeds (Student's t)."""
    n = len(values)
    half = float(stdtrit(max(n - 1, 1), 0.975) * values.std() / np.sqrt(n))
    mean = float(values.mean())
    numbers = {"gain per customer, yen": mean, "from": mean - half, "to": mean + half}
    return {name: round(value, 1) for name, value in numbers.items()}


def targets(gains: pd.DataFrame) -> Mapping[str, bool]:
    """Return what was to be shown."""
    total = gains.groupby("seed")[list(RULES)].sum()
    return {
        f"the loop gains more than {other}": in_yen(total["loop"] - total[other])["from"] > 0
        for other in ("random", "first plan for ever")
    }


if __name__ == "__main__":
    raise SystemExit(main())
