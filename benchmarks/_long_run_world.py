"""The experiments of the town in worlds of the simulator, whose processes are none of our models.

A treatment acts on every customer who gets it, from the day after. The truth is what happens with
it less what happens without it in the same world, by common random numbers. One world holds several
experiments on different customers, as a day of few people takes as long as one of many.
"""

from collections.abc import Callable, Iterator, Mapping
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


def reacting(
    process: str, customers: int, discount: Array, seed: int, copies: int
) -> Iterator[tuple[str, Experiment]]:
    """Yield experiments of each kind, as many as copies, with this many customers each."""
    rng = np.random.default_rng([seed, len(process)])
    plans = {kind: [_named(KINDS[kind](rng), f"{k}{len(kind)}") for k in range(copies)]
             for kind in KINDS}  # fmt: skip
    every = [plan for own in plans.values() for plan in own]
    plain = _config(process)
    config = plain.model_copy(update={
        "treatments": tuple(one for plan in every for one in plan.treatments),
        "interactions": tuple(pair for plan in every for pair in plan.interactions),
    })  # fmt: skip
    here = _settled(config, customers * copies, rng)
    earlier = [_cohort(_settled(plain, customers * copies, rng)) for _ in range(2)]
    base = _path(here, [()] * copies)
    for kind, own in plans.items():
        alike = range(len(own[0].arms))
        paths = [base, *(_path(here, [plan.arms[k] for plan in own]) for k in alike)]
        for copy, plan in enumerate(own):
            yield kind, _experiment(here, paths, earlier, copy, copies, plan.ends, discount, rng)


def _named(plan: Plan, prefix: str) -> Plan:
    """Return a plan whose treatments have names of their own."""
    return Plan(
        tuple(one.model_copy(update={"name": prefix + one.name}) for one in plan.treatments),
        tuple(tuple(prefix + name for name in arm) for arm in plan.arms),
        tuple(pair.model_copy(update={"first": prefix + pair.first, "second": prefix + pair.second})
              for pair in plan.interactions),
        plan.ends,
    )  # fmt: skip


def _experiment(
    here: "_Settled",
    paths: list[tuple[Array, Array]],
    earlier: list[Cohort],
    copy: int,
    copies: int,
    ends: int | None,
    discount: Array,
    rng: np.random.Generator,
) -> Experiment:
    """Return the experiment on the customers of a copy."""
    inside = slice(copy, None, copies)
    found = _part(here.found, inside)
    rows = np.arange(len(found.tier))
    arm = rng.integers(0, len(paths), len(rows))
    orders, value = (
        np.stack([own[inside, :WINDOW] for own in tables])[arm, rows]
        for tables in zip(*paths, strict=True)
    )
    paid = np.array([own[inside] @ discount for _, own in paths])
    past = tuple(_part(one, inside) for one in earlier)
    seen = found._replace(orders=orders, value=value)
    return Experiment(seen, arm, past, paid[1:] - paid[0], paid[0], ends)


def _part(cohort: Cohort, inside: slice) -> Cohort:
    return cohort._replace(**{name: getattr(cohort, name)[inside] for name in cohort._fields})


def _config(process: str) -> WorldConfig:
    return WorldConfig(
        channels=tuple(_channel(name, share) for name, share in SHARES.items()),
        process=PROCESSES[process],
        baskets=Baskets(kind="heavy", mean=30.0, with_rate=0.3),
    )


def _channel(name: str, share: float) -> ChannelSettings:
    return ChannelSettings(
        name=name, kind="store" if name == "store" else "online", share=share, reach=1.0,
        consent=1.0, delivered=1.0, visits=0.0, carts=0.0, enquiries=0.0,
    )  # fmt: skip


class _Settled(NamedTuple):
    """A world, and its customers who bought in the last 52 weeks."""

    world: World
    found: Cohort
    ids: pd.Index


def _settled(config: WorldConfig, customers: int, rng: np.random.Generator) -> _Settled:
    """Return a world at the start of an experiment."""
    world = World(config, people=int(FAR * customers), seed=int(rng.integers(1 << 30)))
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
    return _Settled(world, found, sums.index)


def _cohort(past: _Settled) -> Cohort:
    orders, value = _path(past, [()])
    return past.found._replace(orders=orders, value=value)


def _path(here: _Settled, given: list[tuple[str, ...]]) -> tuple[Array, Array]:
    """Return orders and value by week if each copy gets its treatments on the first day."""
    fork = here.world.fork()
    start = pd.Timestamp(fork.today)
    tables = [
        pd.DataFrame({"customer_id": here.ids[k :: len(given)], "treatment": name, "channel": "ec"})
        for k, names in enumerate(given)
        for name in names
    ]
    plan = pd.concat(tables) if tables else None
    step = fork.step(plan).and_then(fork.run(weeks(HORIZON - 1)))
    return _by_week(step, here.ids, start)


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
