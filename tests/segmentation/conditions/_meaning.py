"""What a condition means, in plain Python, one row at a time."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from operator import eq, ge, gt, le, lt, ne
from typing import Any
from zoneinfo import ZoneInfo

from omniltv.segmentation import (
    AllOf,
    AnyOf,
    Chance,
    ColumnComparison,
    Condition,
    Happened,
    InTier,
    Moved,
    Not,
    OnWeekday,
    RankLine,
    TextMatch,
    Within,
)

type Row = Mapping[str, Any]

COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": eq, "ne": ne, "lt": lt, "le": le, "gt": gt, "ge": ge,
}  # fmt: skip
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True)
class Meaning:
    """The rows, the events and draws by customer, the day, and the time zone."""

    rows: Sequence[Row]
    events: Sequence[Row]
    draws: Sequence[Row]
    today: date
    zone: ZoneInfo

    def holds(self, condition: Condition, row: Row) -> bool:
        kind: Any = condition.root
        return bool(_MEANINGS[type(kind)](self, kind, row))

    def local(self, value: Any) -> date:
        """Return the local day of a day or a moment."""
        if not isinstance(value, datetime):
            return value  # type: ignore[no-any-return]
        return (value.astimezone(self.zone) if value.tzinfo else value).date()


def absent(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def _ordered(meaning: Meaning, op: str, have: Any, wanted: Any) -> bool:
    """Compare with a value; a day means the whole day."""
    day = isinstance(wanted, date) and not isinstance(wanted, datetime)
    if day and isinstance(have, datetime):
        have = meaning.local(have)
    return COMPARE[op](_plain(have), _plain(wanted))


def _comparison(meaning: Meaning, kind: ColumnComparison, row: Row) -> bool:
    have, wanted = row[kind.column], kind.value
    if kind.op == "is_missing" or absent(have):
        return kind.op == "is_missing" and absent(have)
    if kind.other is not None:
        other = row[kind.other]
        if absent(other):
            return False
        if isinstance(have, datetime) != isinstance(other, datetime):
            have, other = meaning.local(have), meaning.local(other)
        return COMPARE[kind.op](_plain(have), _plain(other))
    if kind.op == "in":
        return any(_ordered(meaning, "eq", have, each) for each in wanted)  # type: ignore[union-attr]
    if kind.op == "between":
        low, high = wanted  # type: ignore[misc, str-unpack]
        return _ordered(meaning, "ge", have, low) and _ordered(meaning, "le", have, high)
    return _ordered(meaning, kind.op, have, wanted)


def _text(meaning: Meaning, kind: TextMatch, row: Row) -> bool:
    have = row[kind.column]
    if have is None:
        return False
    found = {"contains": kind.part in have, "starts": have.startswith(kind.part)}
    return bool({**found, "ends": have.endswith(kind.part)}[kind.text])


def _ranked(meaning: Meaning, kind: RankLine, row: Row) -> bool:
    have = row[kind.column]
    if absent(have):
        return False
    group = [
        _plain(each[kind.column])
        for each in meaning.rows
        if not absent(each[kind.column]) and all(each[name] == row[name] for name in kind.by)
    ]
    have = _plain(have)
    above = sum(v > have if kind.rank == "top" else v < have for v in group)
    place = above + (1 if kind.ties == "in" else group.count(have))
    most = kind.count if kind.count is not None else (kind.share or 0) * len(group) + 1e-9
    return bool(place <= most)


def _within(meaning: Meaning, kind: Within, row: Row) -> bool:
    have = row[kind.column]
    if have is None:
        return False
    first, last = kind.days(meaning.today)
    day = meaning.local(have)
    if not kind.anniversary:
        return first <= day <= last
    span = [first + timedelta(days=k) for k in range((last - first).days + 1)]
    return any(_celebrates(kind, day, each) for each in span)


def _celebrates(kind: Within, born: date, day: date) -> bool:
    try:
        return born.replace(year=day.year) == day
    except ValueError:  # no 29 February in this year
        return (day.month, day.day) == ((2, 28) if kind.leap_day == "feb_28" else (3, 1))


def _weekday(meaning: Meaning, kind: OnWeekday, row: Row) -> bool:
    have = row[kind.column]
    if have is None:
        return False
    day = meaning.local(have)
    names = [kind.weekday] if isinstance(kind.weekday, str) else kind.weekday
    if WEEKDAYS[day.weekday()] not in names:
        return False
    if kind.nth == -1:
        return (day + timedelta(days=7)).month != day.month
    return kind.nth is None or (day.day - 1) // 7 + 1 == kind.nth


def _in_tier(meaning: Meaning, kind: InTier, row: Row) -> bool:
    have = row[kind.tier_column]
    if not kind.or_better or kind.order is None:
        return have in kind.in_tier
    worst = max(map(kind.order.index, kind.in_tier))
    return have in kind.order[: worst + 1]


def _moved(meaning: Meaning, kind: Moved, row: Row) -> bool:
    now, before = row[kind.tier_column], row[kind.before_column]
    if now not in (kind.to_tier or kind.order) or before not in (kind.from_tier or kind.order):
        return False
    up = kind.order.index(before) - kind.order.index(now)
    return {"up": up > 0, "down": up < 0, "any": up != 0}[kind.moved]


def _happened(meaning: Meaning, kind: Happened, row: Row) -> bool:
    inner = Meaning(meaning.events, (), (), meaning.today, meaning.zone)
    number = sum(
        event["customer_id"] == row["customer_id"]
        and event["kind"] in kind.happened
        and (kind.where is None or inner.holds(kind.where, event))
        for event in meaning.events
    )
    least = 1 if kind.at_least is None and kind.at_most is None else kind.at_least or 0
    return number >= least and (kind.at_most is None or number <= kind.at_most)


def _chance(meaning: Meaning, kind: Chance, row: Row) -> bool:
    own = [d["value"] for d in meaning.draws if d["customer_id"] == row["customer_id"]]
    return bool(own) and sum(v >= kind.reaches for v in own) / len(own) >= kind.chance


_MEANINGS: Mapping[type, Callable[[Meaning, Any, Row], bool]] = {
    AllOf: lambda m, kind, row: all(m.holds(each, row) for each in kind.all_of),
    AnyOf: lambda m, kind, row: any(m.holds(each, row) for each in kind.any_of),
    Not: lambda m, kind, row: not m.holds(kind.not_, row),
    Chance: _chance,
    ColumnComparison: _comparison,
    Happened: _happened,
    InTier: _in_tier,
    Moved: _moved,
    OnWeekday: _weekday,
    RankLine: _ranked,
    TextMatch: _text,
    Within: _within,
}
