"""The experiments of the town in worlds of the simulator, whose processes are none of our models.

A treatment acts on every customer who gets it, from the day after. The truth is what happens with
it less what happens without it in the same world, by common random numbers.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from _long_run_town import HORIZON, WINDOW, Cohort, Experiment
from numpy.typing import NDArray

from omniltv.simulation import (
    Baskets,
    ChannelSettings,
    Interaction,
    PurchaseProcess,
    Treatment,
    World,
    WorldConfig,
    WorldStep,
)
from omniltv.simulation.processes import RegimeCustomers, WeibullCustomers
from omniltv.units import weeks

__all__ = ["PROCESSES", "reacting"]

type Array = NDArray[np.float64]

PROCESSES: Mapping[str, PurchaseProcess] = {
    "regimes": RegimeCustomers(),
    "weibull": WeibullCustomers(),
}
SHARES = {"store": 0.45, "ec": 0.35, "app": 0.2}
BEFORE = 78  # weeks until the experiment
KNOWN = 52  # weeks in which an assigned customer has bought
FAR = 1.6  # people per customer


class Plan(NamedTuple):
    """Treatments, what each arm gets, and the week in which the treatments end."""

    treatments: tuple[Treatment, ...]
    arms: tuple[tuple[str, ...], ...] = (("mail",),)
    interactions: tuple[Interaction, ...] = ()
    ends: int | None = None


def lasting(rng: np.random.Generator, name: str = "mail") -> Plan:
    """Return a lasting treatment of the size it has in the town."""
    return Plan((_treatment(
        rng, name, rate=1 + rng.uniform(0.02, 0.25), dropout=1 - rng.uniform(0, 0.3),
        spend=float(np.exp(rng.normal(0, 0.03))),
    ),))  # fmt: skip


def forward(rng: np.random.Generator) -> Plan:
    """Return a promotion that pulls forward, and the churn that it causes for good."""
    mail = _treatment(
        rng, "mail", rate=1 + rng.uniform(0.2, 0.6), spend=0.95, lasting=28,
        pull_forward=rng.uniform(0.5, 1.0),
    )  # fmt: skip
    churn = _treatment(rng, "churn", dropout=1 + rng.uniform(0.2, 0.6))
    return Plan((mail, churn), arms=(("mail", "churn"),))


def ended(rng: np.random.Generator) -> Plan:
    """Return a campaign of four weeks."""
    mail = _treatment(
        rng, "mail", rate=1 + rng.uniform(0.1, 0.4), dropout=1 - rng.uniform(0.2, 0.6),
        lasting=28, pull_forward=rng.uniform(0, 0.5),
    )  # fmt: skip
    return Plan((mail,), ends=4)


def interacting(rng: np.random.Generator) -> Plan:
    """Return two lasting treatments that reinforce or dull each other."""
    one, other = lasting(rng).treatments[0], lasting(rng, "coupon").treatments[0]
    pair = Interaction(first="mail", second="coupon", factor=rng.uniform(0.3, 1.7))
    return Plan((one, other), (("mail",), ("coupon",), ("mail", "coupon")), (pair,))


KINDS: Mapping[str, Callable[[np.random.Generator], Plan]] = {
    "lasting": lasting,
    "forward-pulling with churn": forward,
    "campaign that ended": ended,
    "A/A": lambda rng: Plan((_treatment(rng, "mail"),)),
    "two interacting": interacting,
}


def _treatment(rng: np.random.Generator, name: str, **effects: float) -> Treatment:
    strength = dict(zip(SHARES, rng.lognormal(-0.02, 0.2, 3).tolist(), strict=True))
    given = {"name": name, "acts_on": "delivered", "spread": 0.3, "by_channel": strength}
    return Treatment.model_validate(given | effects)


def reacting(process: str, kind: str, customers: int, discount: Array, seed: int) -> Experiment:
    """Return one experiment in a world."""
    rng = np.random.default_rng([seed, len(kind), len(process)])
    plan = KINDS[kind](rng)
    config = WorldConfig(
        channels=tuple(_channel(name, share) for name, share in SHARES.items()),
        process=PROCESSES[process],
        baskets=Baskets(kind="heavy", mean=30.0, with_rate=0.3),
        treatments=plan.treatments,
        interactions=plan.interactions,
    )  # fmt: skip
    here = World(config, people=int(FAR * customers), seed=int(rng.integers(1 << 30)))
    found, ids = _eligible(here, customers)
    paths = [_path(here, ids, names) for names in ((), *plan.arms)]
    arm = rng.integers(0, len(paths), len(ids))
    rows = np.arange(len(ids))
    orders, value = (np.stack(tables)[arm, rows, :WINDOW] for tables in zip(*paths, strict=True))
    paid = np.array([own @ discount for _, own in paths])
    earlier = tuple(_cohort(config, customers, rng) for _ in range(2))
    experiment = found._replace(orders=orders, value=value)
    return Experiment(experiment, arm, earlier, paid[1:] - paid[0], paid[0], plan.ends)


def _channel(name: str, share: float) -> ChannelSettings:
    return ChannelSettings(
        name=name, kind="store" if name == "store" else "online", share=share, reach=1.0,
        consent=1.0, delivered=1.0, visits=0.0, carts=0.0, enquiries=0.0,
    )  # fmt: skip


def _cohort(config: WorldConfig, customers: int, rng: np.random.Generator) -> Cohort:
    world = World(config, people=int(FAR * customers), seed=int(rng.integers(1 << 30)))
    found, ids = _eligible(world, customers)
    orders, value = _path(world, ids, ())
    return found._replace(orders=orders, value=value)


def _eligible(world: World, customers: int) -> tuple[Cohort, pd.Index]:
    """Return customers who bought in the last 52 weeks, with what is known of them."""
    world.run(weeks(BEFORE - KNOWN))
    bought = world.run(weeks(KNOWN)).transactions
    sums = bought.groupby("customer_id")["value"].agg(["size", "sum"]).iloc[:customers]
    people = world.truth.people.set_index("customer_id")
    channel = pd.Index(list(SHARES)).get_indexer(people.loc[sums.index, "main_channel"])
    value = sums["sum"].to_numpy(dtype=np.float64)
    tier = np.searchsorted(np.quantile(value, [0.5, 0.8]), value)
    hidden, none = np.zeros(len(sums)), np.zeros((len(sums), WINDOW))
    orders = sums["size"].to_numpy(dtype=np.float64)
    codes = np.asarray(channel, dtype=np.int64)
    found = Cohort(
        rate=hidden, value_mean=hidden, age=hidden, scale=hidden, alive=hidden > 0, left=hidden,
        channel=codes, tier=tier, past_orders=orders, past_value=value, orders=none, value=none,
    )  # fmt: skip
    return found, sums.index


def _path(world: World, ids: pd.Index, treatments: tuple[str, ...]) -> tuple[Array, Array]:
    """Return orders and value by week with these treatments given to all on the first day."""
    fork = world.fork()
    start = pd.Timestamp(fork.today)
    given = [
        pd.DataFrame({"customer_id": ids, "treatment": t, "channel": "ec"}) for t in treatments
    ]
    plan = pd.concat(given) if given else None
    step = fork.step(plan).and_then(fork.run(weeks(HORIZON - 1)))
    return _by_week(step, ids, start)


def _by_week(step: WorldStep, ids: pd.Index, start: pd.Timestamp) -> tuple[Array, Array]:
    rows = step.transactions
    place = ids.get_indexer(pd.Index(rows["customer_id"]))
    week = (pd.to_datetime(rows["time"]).dt.tz_localize(None) - start).dt.days.to_numpy() // 7
    kept = (place >= 0) & (week < HORIZON)
    cell, size = place[kept] * HORIZON + week[kept], len(ids) * HORIZON
    value = rows["value"].to_numpy(dtype=np.float64)[kept]
    counts, paid = np.bincount(cell, minlength=size), np.bincount(cell, value, minlength=size)
    shape = (len(ids), HORIZON)
    return counts.reshape(shape).astype(np.float64), paid.reshape(shape)
