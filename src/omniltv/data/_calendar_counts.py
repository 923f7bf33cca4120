"""Purchases of a log by group and week, from which calendar time is learnt."""

from collections.abc import Mapping

import numpy as np

from omniltv._arrays import Floats, Integers
from omniltv.data._counting import (
    By,
    Occasions,
    Purchases,
    first_and_last,
    period_numbers,
    row_keys,
)
from omniltv.data._days import Intensity
from omniltv.data._intensity import Weeks, estimate
from omniltv.data.calendar_time import CalendarTime
from omniltv.errors import ConfigError, DataError
from omniltv.units import TimeUnit

__all__ = ["event_days", "learn"]

_USUAL = 50.0  # purchases that the usual weekday of all groups counts as
_LEAST_WEEKS = 8
_PARTS = 4_000  # of all customers, by group and week of the first purchase


def learn(
    log: Purchases, by: By | None, last: int, events: Mapping[str, Integers], seed: int
) -> CalendarTime:
    """Return the calendar time of a log that ends with a day.

    Raises:
        DataError: If the log is shorter than eight weeks, or nobody bought twice.
    """
    rows = np.arange(len(log))
    key = row_keys(log, rows, by)
    day = period_numbers(log.time, TimeUnit.DAY)
    occasions = Occasions.of(key, day, np.zeros(len(day)))
    begin = np.flatnonzero(np.diff(occasions.key, prepend=-1))
    labels, group = _groups(log, occasions.key[begin], by)
    size = np.diff(np.append(begin, len(occasions.key)))
    first, of = np.repeat(occasions.period[begin], size), np.repeat(group, size)
    start = int(day.min())
    n_weeks = (last - start) // 7 + 1
    _require(n_weeks, int((occasions.period > first).sum()))
    again = occasions.period > first
    weekday = _weekdays(occasions.period[again], of[again], len(labels))
    part = np.repeat(np.arange(len(begin)), size) % max(1, _PARTS // (n_weeks * len(labels)))
    weeks = _weeks(occasions.period, first, of, part, last, n_weeks)
    days = last - 6 - 7 * np.arange(n_weeks)[::-1]
    found = Weeks(start, days, *weeks, weekday, events)
    intensity = Intensity(start, last, estimate(found), weekday, events, seed)
    return CalendarTime(by, labels, intensity)


def _require(n_weeks: int, repeats: int) -> None:
    if n_weeks < _LEAST_WEEKS or not repeats:
        problem = f"{n_weeks} weeks with {repeats:,} repeat purchases have no calendar time"
        hint = f"at least {_LEAST_WEEKS} weeks, better two years; else log.history() as it is"
        raise DataError(problem, column="time", hint=hint)


def _groups(log: Purchases, keys: Integers, by: By | None) -> tuple[tuple[str, ...], Integers]:
    """Return the labels, sorted, and the group of each key."""
    if by is None:
        return ("all",), np.zeros(len(keys), dtype=np.int64)
    if by == "channel":
        code = keys % len(log.channels)
    else:
        first = first_and_last(log)[0]
        code = log.channel[first[keys]]
    used, group = np.unique(code, return_inverse=True)
    return tuple(log.channels[place] for place in used), group.astype(np.int64)


def _weekdays(day: Integers, group: Integers, n_groups: int) -> Floats:
    """Return the factor of each weekday, shrunk towards that of all groups."""
    cell = group * 7 + (day + 3) % 7
    count = np.bincount(cell, minlength=n_groups * 7).reshape(n_groups, 7).astype(np.float64)
    usual = (count.sum(axis=0) + 7) / (count.sum() + 49)
    share = (count + _USUAL * usual) / (count.sum(axis=1, keepdims=True) + _USUAL)
    return np.asarray(7 * share)


def _weeks(
    day: Integers, first: Integers, group: Integers, part: Integers, last: int, n_weeks: int
) -> tuple[Floats, Floats]:
    """Return first purchases and repeats, by week of the first one and part."""
    born, week = (n_weeks - 1 - (last - each) // 7 for each in (first, day))
    new = day == first
    shape = (int(group.max()) + 1, n_weeks, int(part.max()) + 1)
    place = (group * n_weeks + born) * shape[2] + part
    size = int(np.prod(shape))
    opened = np.bincount(place[new], minlength=size)
    bought = np.bincount((place * n_weeks + week)[week > born], minlength=size * n_weeks)
    whole, parts = opened.reshape(shape), bought.reshape(*shape, n_weeks)
    return whole.astype(np.float64), parts.astype(np.float64)


def event_days(events: Mapping[str, list[np.datetime64]]) -> dict[str, Integers]:
    """Return the days of each event, as days since 1970.

    Raises:
        ConfigError: If an event has no days.
    """
    for name, found in events.items():
        if not len(found):
            hint = 'events={"sale": ["2026-01-02", "2026-01-03"]}'
            raise ConfigError(f"event {name!r} has no days. Hint: {hint}", parameter="events")
    return {
        name: np.unique(np.array(found, dtype="datetime64[D]").astype(np.int64))
        for name, found in events.items()
    }
