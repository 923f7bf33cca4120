"""Tables of the truth, of behaviour and of contacts."""

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv._arrays import Floats
from omniltv.data.simulate._build import Life
from omniltv.data.simulate._persons import Population
from omniltv.data.simulate._tickets import DAY, Premises, channel_events, net_value, staff, stamps
from omniltv.data.simulate._truth import Truth

__all__ = ["happenings", "truth_of"]


def _person_ids(person: NDArray[np.intp]) -> NDArray[np.object_]:
    return np.array([f"P{number:07d}" for number in person.tolist()], dtype=object)


def truth_of(
    world: Premises,
    life: Life,
    days: int,
    rows: pd.DataFrame,
    keys: pd.DataFrame,
    owner: NDArray[np.intp],
    people: Population,
) -> Truth:
    """Return the truth.

    Args:
        world: The retailer.
        life: The purchases.
        days: Length of the window.
        rows: Tickets and refunds, with their `person`.
        keys: `source` and `record_id` of the records.
        owner: The person of each record.
        people: The people.
    """
    ids = _person_ids(np.arange(len(people)))
    return Truth(
        people=_people(world, life, ids, people),
        records=keys.assign(person_id=ids[owner]),
        transactions=pd.DataFrame(
            {"transaction_id": rows["transaction_id"], "person_id": ids[rows["person"].to_numpy()]}
        ),
        channels=_channel_parameters(world),
        config=world.config,
        _latent=world.latent,
        _end=float(days),
    )


def _people(
    world: Premises, life: Life, ids: NDArray[np.object_], people: Population
) -> pd.DataFrame:
    latent, occasions = world.latent, life.occasions
    gone = np.isfinite(occasions.ended)
    left = pd.Series(_moments(world, np.where(gone, occasions.ended, 0.0)))
    bought = np.bincount(occasions.candidates.person, minlength=len(ids))
    return pd.DataFrame(
        {
            "person_id": ids,
            "household_id": np.array([f"H{k:07d}" for k in people.household.tolist()]),
            "acquisition_channel": world.channels[world.acquisition],
            "first_purchase": _moments(world, life.start),
            "rate": latent.rate * world.config.unit.in_days,
            "dropout": latent.dropout,
            "mean_value": latent.shape / latent.scale,
            "purchases": bought,
            "value": net_value(world, occasions),
            "alive": ~gone,
            "dropped_out": left.where(gone),
        }
    )


def _moments(world: Premises, day: Floats) -> pd.DatetimeIndex:
    return stamps(world.zero, (day * DAY).astype(np.int64))


def _channel_parameters(world: Premises) -> pd.DataFrame:
    names = ("r", "alpha", "a", "b", "p", "q", "v")
    channels = world.config.channels
    table = {name: [getattr(channel, name) for channel in channels] for name in names}
    size = np.bincount(world.acquisition, minlength=len(channels))
    return pd.DataFrame({"channel": world.channels, "people": size, **table})


def happenings(
    world: Premises,
    life: Life,
    days: int,
    column: Literal["event", "kind"],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return behaviour (column `event`) or contacts (column `kind`), ordered by time."""
    leaving = np.minimum(life.occasions.ended, days)
    kinds = [
        (code, kind, factor)
        for code, channel in enumerate(world.config.channels)
        for kind, factor in (channel.events if column == "event" else channel.contacts).items()
    ]
    parts = [
        channel_events(world, *kind, alive_from=life.start, alive_to=leaving, rng=rng)
        for kind in kinds or [(0, "", 0.0)]
    ]
    rows = pd.concat(parts, ignore_index=True).sort_values(["time", "record_id"], ignore_index=True)
    if column == "event":
        return rows.rename(columns={"kind": "event"})
    return rows.assign(staff_id=staff(len(rows), rng))
