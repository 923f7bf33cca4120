"""Rows of the channels made from purchases: tickets, refunds, behaviour, contacts."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv._arrays import Floats
from omniltv.data.simulate._config import RetailerConfig
from omniltv.data.simulate._purchases import Latent, PurchaseEvents

__all__ = [
    "DAY",
    "Premises",
    "RecordIndex",
    "channel_events",
    "net_value",
    "occasion_values",
    "refunded",
    "ring_up",
    "staff",
    "stamps",
]

TIMEZONE = "Asia/Tokyo"
DAY = 86_400
_REFUND_DAYS = 14.0
_STAFF = 20
# The use of each uniform mark of a purchase.
_CHANNEL, _SECOND, _REFUND, _GUEST, _RECORD, _HOUR, _LATER, _PART = range(8)


@dataclass(frozen=True, eq=False)
class RecordIndex:
    """Positions of the records of each person in each channel.

    Attributes:
        record_id: Ids of all records, ordered by channel and person, of shape (n_records,).
        first: Position of the first record, of shape (n_channels, n_people).
        count: Number of records, of shape (n_channels, n_people).
    """

    record_id: NDArray[np.object_]
    first: NDArray[np.int64]
    count: NDArray[np.int64]

    def pick(
        self, channel: NDArray[np.intp], person: NDArray[np.intp], dice: Floats
    ) -> NDArray[np.object_]:
        """Return one of each person's record ids, chosen by a uniform number."""
        offset = (dice * self.count[channel, person]).astype(np.int64)
        chosen: NDArray[np.object_] = self.record_id[self.first[channel, person] + offset]
        return chosen


@dataclass(frozen=True, eq=False)
class Premises:
    """The parts of a retailer that do not change over time.

    Attributes:
        config: The retailer.
        latent: The latent parameters of each person.
        acquisition: Position of the acquisition channel, of shape (n_people,).
        mix: Cumulative share of each channel in repeat purchases, (n_people, n_channels).
        records: Positions of the records.
        zero: First day of the window.
    """

    config: RetailerConfig
    latent: Latent
    acquisition: NDArray[np.intp]
    mix: Floats
    records: RecordIndex
    zero: np.datetime64

    @property
    def channels(self) -> NDArray[np.object_]:
        """Names of the channels, shape (n_channels,)."""
        return np.array([channel.name for channel in self.config.channels], dtype=object)


def stamps(zero: np.datetime64, seconds: NDArray[np.int64]) -> pd.DatetimeIndex:
    """Return local times of the shop, given seconds from midnight of the first day."""
    local = zero.astype("datetime64[ns]") + seconds.astype("timedelta64[s]")
    return pd.DatetimeIndex(local).tz_localize(TIMEZONE)


def occasion_values(world: Premises, occasions: PurchaseEvents) -> Floats:
    """Return the value of each purchase, in whole units of money and at least 1."""
    bought = occasions.candidates
    return np.maximum(np.rint(bought.amount / world.latent.scale[bought.person]), 1.0)


def refunded(world: Premises, occasions: PurchaseEvents) -> NDArray[np.bool_]:
    """Return which purchases are refunded."""
    return occasions.candidates.marks[:, _REFUND] < world.config.refund


def net_value(world: Premises, occasions: PurchaseEvents) -> Floats:
    """Return the value of each person's purchases without refunded ones."""
    value = np.where(refunded(world, occasions), 0.0, occasion_values(world, occasions))
    person = occasions.candidates.person
    return np.bincount(person, weights=value, minlength=len(world.latent.rate))


def ring_up(
    world: Premises, occasions: PurchaseEvents, *, first: NDArray[np.bool_], end: float, prefix: str
) -> pd.DataFrame:
    """Return tickets and refunds with the person of each, ordered by time.

    Args:
        world: The retailer.
        occasions: The purchases; times in days from the world's zero.
        first: Whether a purchase is a first one, made in the acquisition channel.
        end: Day on which the window ends; refunds come before it.
        prefix: Prefix of the transaction ids.

    Returns:
        The columns of a transactions table and `person`, a person's position.
    """
    tickets = _tickets(world, occasions, first)
    tickets["transaction_id"] = _ids(prefix, tickets)
    back = refunded(world, occasions)[tickets["occasion"].to_numpy()]
    rows = pd.concat([tickets, _refunds(tickets[back], end)], ignore_index=True)
    rows = rows.sort_values(["second", "transaction_id"], ignore_index=True)
    rows["time"] = stamps(world.zero, rows["second"].to_numpy())
    return rows[
        [
            "transaction_id",
            "source",
            "record_id",
            "channel",
            "time",
            "value",
            "refund_of",
            "person",
        ]
    ]


def _tickets(world: Premises, occasions: PurchaseEvents, first: NDArray[np.bool_]) -> pd.DataFrame:
    bought, marks = occasions.candidates, occasions.candidates.marks
    value = occasion_values(world, occasions)
    channel = _channel_of(world, bought.person, marks[:, _CHANNEL], first)
    record_id = world.records.pick(channel, bought.person, marks[:, _RECORD])
    record_id[marks[:, _GUEST] < world.config.guest] = None
    name = world.channels[channel]
    plain = pd.DataFrame(
        {
            "occasion": np.arange(len(value)),
            "number": bought.number,
            "part": 1,
            "person": bought.person,
            "code": channel,
            "source": name,
            "record_id": record_id,
            "channel": name,
            "second": _within_hours(world, channel, occasions.time, marks[:, _HOUR]),
            "value": value,
            "refund_of": None,
            "dice": marks[:, _LATER],
        }
    )
    return _split(plain, (marks[:, _SECOND] < world.config.second_ticket) & (value > 1), marks)


def _split(plain: pd.DataFrame, rows: NDArray[np.bool_], marks: Floats) -> pd.DataFrame:
    """Return the tickets, some split into two within an hour on the same day."""
    part = np.clip(np.rint(plain["value"] * (0.2 + 0.6 * marks[:, _PART])), 1, None)
    second = plain[rows].copy()
    second["value"] = second["value"] - part[rows]
    second["part"] = 2
    second["second"] = _same_day(second["second"].to_numpy(), 60 * (5 + 50 * second["dice"]))
    keep = plain["value"].where(~rows, part)
    return pd.concat([plain.assign(value=keep), second[second["value"] > 0]], ignore_index=True)


def _same_day(second: NDArray[np.int64], later: pd.Series) -> NDArray[np.int64]:
    midnight = (second // DAY + 1) * DAY - 1
    return np.minimum(second + later.to_numpy().astype(np.int64), midnight)


def _refunds(tickets: pd.DataFrame, end: float) -> pd.DataFrame:
    """Return one row per refunded ticket: within two weeks and before the window ends."""
    second = tickets["second"].to_numpy()
    left = np.minimum(end * DAY - 1 - second, _REFUND_DAYS * DAY)
    later = (second + np.maximum(left * tickets["dice"].to_numpy(), 0)).astype(np.int64)
    return tickets.assign(
        refund_of=tickets["transaction_id"],
        transaction_id=tickets["transaction_id"] + "R",
        value=-tickets["value"],
        second=np.maximum(later, second),
    )


def _ids(prefix: str, tickets: pd.DataFrame) -> list[str]:
    numbers = zip(tickets["number"].tolist(), tickets["part"].tolist(), strict=True)
    return [f"{prefix}{number:08d}-{part}" for number, part in numbers]


def _channel_of(
    world: Premises, person: NDArray[np.intp], dice: Floats, first: NDArray[np.bool_]
) -> NDArray[np.intp]:
    drawn = np.zeros(len(person), dtype=np.intp)
    for column in range(world.mix.shape[1] - 1):
        drawn += dice >= world.mix[person, column]
    return np.where(first, world.acquisition[person], drawn)


def _within_hours(
    world: Premises, channel: NDArray[np.intp], time: Floats, dice: Floats
) -> NDArray[np.int64]:
    """Return seconds from zero: the day of `time`, at an opening hour of the channel."""
    opening, closing = np.array([c.hours for c in world.config.channels]).T * 3600
    within = opening[channel] + dice * (closing - opening)[channel]
    seconds: NDArray[np.int64] = np.floor(time).astype(np.int64) * DAY + within.astype(np.int64)
    return seconds


def channel_events(
    world: Premises,
    code: int,
    kind: str,
    factor: float,
    *,
    alive_from: Floats,
    alive_to: Floats,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return events of one kind, of people with a record in a channel, while they are active.

    Args:
        world: The retailer.
        code: Position of the channel.
        kind: Name of the event.
        factor: Events per purchase.
        alive_from: Day of each person's first purchase, of shape (n_people,).
        alive_to: Day of each person's dropout, or the end of the window.
        rng: Random generator.
    """
    stay = alive_to - alive_from
    has_record = world.records.count[code] > 0
    count = rng.poisson(world.latent.rate * has_record * stay * factor)
    person = np.repeat(np.arange(len(count)), count)
    time = alive_from[person] + rng.random(len(person)) * stay[person]
    codes = np.full(len(person), code)
    second = _within_hours(world, codes, time, rng.random(len(person)))
    name = world.channels[codes]
    return pd.DataFrame(
        {
            "source": name,
            "record_id": world.records.pick(codes, person, rng.random(len(person))),
            "channel": name,
            "time": stamps(world.zero, second),
            "kind": np.full(len(person), kind, dtype=object),
        }
    )


def staff(n: int, rng: np.random.Generator) -> list[str]:
    """Return the staff member of each of ``n`` contacts."""
    return [f"S{number:02d}" for number in rng.integers(1, _STAFF + 1, n).tolist()]
