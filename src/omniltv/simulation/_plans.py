"""Plans of contacts: from a table to positions of people, treatments and channels."""

import numpy as np
import pandas as pd

from omniltv._arrays import Flags, Objects, Places, Vector
from omniltv.errors import DataError
from omniltv.simulation._contacts import Planned
from omniltv.simulation._tables import Names

__all__ = ["read_plan"]

_HOUR = 10.0


def read_plan(plan: pd.DataFrame | None, names: Names) -> Planned:
    """Return the contacts of a plan, ordered by day.

    Raises:
        DataError: If a column is missing, or a customer, treatment, channel, day or hour is not
            one of the world's.
    """
    config = names.premise.config
    if plan is None or not len(plan):
        none = np.empty(0, dtype=np.intp)
        return Planned(none, none, none, none.astype(np.int64), np.empty(0))
    for column in ("treatment", "channel"):
        if column not in plan.columns:
            raise DataError(f"no column {column!r}", column=column, hint="plan.assign(...)")
    treatments = np.array([own.name for own in config.treatments], dtype=object)
    day = _numbers(plan, "day", 0.0, config.period - 1)
    planned = Planned(
        _people(plan, names),
        _places(plan, "treatment", treatments),
        _places(plan, "channel", names.channels),
        np.floor(day).astype(np.int64),
        _numbers(plan, "hour", _HOUR, 23.99),
    )
    order = np.argsort(planned.day, kind="stable")
    return planned.take(order)


def _people(plan: pd.DataFrame, names: Names) -> Places:
    if "customer_id" in plan.columns:
        found = names.index.get_indexer(pd.Index(plan["customer_id"]))
        return _known(found.astype(np.intp), plan, "customer_id")
    if not {"source", "record_id"} <= set(plan.columns):
        hint = "add customer_id, or source and record_id, from World.records"
        raise DataError("no column 'customer_id'", column="customer_id", hint=hint)
    channel = _places(plan, "source", names.channels)
    person = np.full(len(plan), -1, dtype=np.intp)
    ids = plan["record_id"].to_numpy(dtype=object)
    for c in np.unique(channel):
        rows = channel == c
        known = pd.Index(names.records[c])
        held = names.premise.people.holds[c]
        person[rows] = _find(known, held, ids[rows])
    return _known(person, plan, "record_id")


def _find(known: "pd.Index[str]", held: Flags, ids: Objects) -> Places:
    where = np.flatnonzero(held)
    found = known[where].get_indexer(pd.Index(ids))
    return np.where(found >= 0, where[found], -1)


def _places(plan: pd.DataFrame, column: str, known: Objects) -> Places:
    """Return the position of each label among the known ones."""
    codes, labels = pd.factorize(plan[column])
    place = {name: k for k, name in enumerate(known.tolist())}
    found = np.array([*(place.get(label, -1) for label in labels), -1], dtype=np.intp)
    return _known(found[codes], plan, column)


def _known(found: Places, plan: pd.DataFrame, column: str) -> Places:
    wrong = found < 0
    if wrong.any():
        raise DataError(
            f"unknown {column}",
            column=column,
            rows=plan.index.to_numpy()[wrong].tolist(),
            hint="World.records has the ids, World.config the treatments and channels",
        )
    return found


def _numbers(plan: pd.DataFrame, column: str, default: float, most: float) -> Vector:
    if column not in plan.columns:
        return np.full(len(plan), default)
    values = plan[column].to_numpy(dtype=np.float64)
    wrong = ~((values >= 0) & (values <= most))
    if wrong.any():
        raise DataError(
            f"{column} outside 0 to {most:g}",
            column=column,
            rows=plan.index.to_numpy()[wrong].tolist(),
        )
    return values
