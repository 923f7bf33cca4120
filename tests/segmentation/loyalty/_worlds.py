"""Simulated programmes: customers who buy, earn, and redeem by rules of their own."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv.segmentation.loyalty import (
    Liability,
    Redemption,
    learn_redemption,
    liability,
    settle,
)

START = np.datetime64("2024-01-01", "us")
TODAY = np.datetime64("2026-01-01", "us")
DAY = np.timedelta64(1, "D")
HISTORY, FUTURE = 731, 400
POINTS, VALID, MINIMUM = 10, 365, 20
SHAPE, RATE = 1.5, 45.0
"""Purchases per day are gamma distributed: shape, and days."""

type Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Programme:
    """A simulated programme up to today, and what happened afterwards.

    Attributes:
        events: Events of the ledger before today.
        purchases: Purchases before today: ``customer_id`` and ``time``.
        counts: Number of purchases of each customer before today.
        redeemed: How many of the points that are outstanding today were redeemed later.
    """

    events: pd.DataFrame
    purchases: pd.DataFrame
    counts: NDArray[np.int64]
    redeemed: int


def programme(world: str, customers: int, rng: np.random.Generator) -> Programme:
    """Return a programme of one of three worlds.

    - ``model``: what the model of redemptions assumes.
    - ``savers``: everyone saves up to a number of points of their own, and then redeems all;
      purchases are more regular than chance.
    - ``reminded``: customers redeem on impulse, more often in December, and if a reminder tells
      them that points expire within 45 days; half or all of the balance.
    """
    days = _days(world, customers, rng)
    who = np.repeat(np.arange(customers), [len(some) for some in days])
    when = np.concatenate(days)
    spent = _redemptions(world, days, rng)
    rows = pd.DataFrame({"customer_id": who, "day": when, "spent": spent})
    rows["event"] = np.arange(len(rows))
    earned = pd.DataFrame({
        "event_id": "e" + rows["event"].astype(str), "customer_id": who, "kind": "earn",
        "points": POINTS, "day": when + 0.5, "until": when + VALID,
    })  # fmt: skip
    used = rows[rows["spent"] > 0]
    spends = pd.DataFrame({
        "event_id": "s" + used["event"].astype(str), "customer_id": used["customer_id"],
        "kind": "spend", "points": used["spent"], "day": used["day"] + 0.25, "until": np.nan,
    })  # fmt: skip
    events = pd.concat([earned, spends], ignore_index=True)
    hours = (events["day"].to_numpy() * 24).astype("timedelta64[h]")
    events["time"] = START + hours
    events["valid_until"] = START + np.nan_to_num(events["until"].to_numpy()).astype(
        "timedelta64[D]"
    )
    events.loc[events["until"].isna().to_numpy(), "valid_until"] = pd.NaT
    past = (events["day"] < HISTORY).to_numpy()
    bought = rows[rows["day"] < HISTORY]
    purchases = pd.DataFrame({
        "customer_id": bought["customer_id"],
        "time": START + bought["day"].to_numpy().astype("timedelta64[D]"),
    })  # fmt: skip
    ledger = events.drop(columns=["day", "until"])
    counts = np.bincount(bought["customer_id"], minlength=customers)
    return Programme(ledger[past], purchases, counts, _later(ledger, ledger[past]))


def _later(everything: pd.DataFrame, past: pd.DataFrame) -> int:
    """Return how many of the points that are outstanding today are spent afterwards."""
    now = settle(past, at=str(TODAY)).lots
    lots = now.loc[now["left"] > 0, "lot"]
    moves = settle(everything, at=str(TODAY + 2 * FUTURE * DAY)).movements
    later = moves[(moves["time"] >= pd.Timestamp(TODAY)) & (moves["kind"] == "spend")]
    return int(-later.loc[later["lot"].isin(lots), "points"].sum())


def _days(world: str, customers: int, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """Return the days with a purchase of each customer."""
    rates = rng.gamma(SHAPE, 1 / RATE, customers)
    regular = 3.0 if world == "savers" else 1.0
    found = []
    for rate in rates:
        size = int(rate * (HISTORY + FUTURE) * 2 + 30)
        gaps = rng.gamma(regular, 1 / (regular * rate), size)
        days = np.unique(np.cumsum(gaps).astype(np.int64))
        found.append(days[days < HISTORY + FUTURE])
    return found


def _redemptions(
    world: str, days: list[NDArray[np.int64]], rng: np.random.Generator
) -> NDArray[np.int64]:
    found = []
    for own in days:
        effect, target = rng.normal(0, 0.8), 10 * int(rng.integers(3, 20))
        lots: list[list[int]] = []
        for day in own:
            lots = [lot for lot in lots if lot[0] >= day and lot[1] > 0]
            balance = sum(lot[1] for lot in lots)
            chance, share = _impulse(world, int(day), lots, (balance, effect, target), rng)
            wanted = int(share * balance) if balance >= MINIMUM and rng.random() < chance else 0
            found.append(wanted)
            for lot in lots:
                taken = min(wanted, lot[1])
                lot[1], wanted = lot[1] - taken, wanted - taken
            lots.append([int(day) + VALID, POINTS])
    return np.array(found, dtype=np.int64)


def _impulse(
    world: str,
    day: int,
    lots: list[list[int]],
    own: tuple[int, float, int],
    rng: np.random.Generator,
) -> tuple[float, float]:
    """Return the probability of a redemption, and the share of the balance."""
    balance, effect, target = own
    if world == "savers":
        return float(balance >= target), 1.0
    if world == "reminded":
        soon = any(lot[0] < day + 45 for lot in lots)
        december = day % 365 > 334
        return 0.08 + 0.15 * december + 0.35 * soon, 0.5 if rng.random() < 0.5 else 1.0
    odds = -2.0 + 0.7 * np.log(max(balance, 1) / MINIMUM) + effect
    return float(1 / (1 + np.exp(-odds))), float(rng.choice([0.4, 1.0]))


def predicted(data: Programme, n_draws: int, seed: int) -> Liability:
    """Return the liability, from gamma-Poisson draws of future purchases."""
    rng = np.random.default_rng(seed)
    customers = len(data.counts)
    shape = SHAPE + data.counts
    rates = rng.gamma(shape, 1 / (RATE + HISTORY), (n_draws, customers))
    numbers = rng.poisson(rates * FUTURE)
    draw, customer = (
        np.repeat(index.ravel(), numbers.ravel()) for index in np.indices(numbers.shape)
    )
    days = rng.integers(0, FUTURE, len(draw)).astype("timedelta64[D]")
    futures = pd.DataFrame({"draw": draw, "customer_id": customer, "time": TODAY + days})
    ledger = settle(data.events, at=str(TODAY))
    model = learn_redemption(ledger, data.purchases, terms=Redemption(minimum=MINIMUM))
    return liability(ledger, futures, model, seed=seed)
