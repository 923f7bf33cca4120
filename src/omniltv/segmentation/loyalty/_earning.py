"""From activities to events of the ledger: rules, caps, validity, returns and redemptions."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from omniltv._arrays import Flags, Floats, Integers
from omniltv.segmentation.conditions.context import Context
from omniltv.segmentation.loyalty.rules import BENEFITS, Cap, EarningRule, Redemption, Validity
from omniltv.segmentation.tiers._dates import add_months

if TYPE_CHECKING:
    from omniltv.segmentation.loyalty.programme import Programme

__all__ = ["COLUMNS", "activity_events", "stacked"]

COLUMNS = (
    "event_id", "customer_id", "time", "kind", "points", "valid_from", "valid_until", "reference",
)  # fmt: skip
_DAY = np.timedelta64(1, "D")
_MONTH = np.timedelta64(1, "M")
_ROUNDING = 1e-9
_PERIOD = {"day": "datetime64[D]", "month": "datetime64[M]", "year": "datetime64[Y]"}

type Frame = "pd.DataFrame"


def activity_events(
    programme: "Programme", activities: Frame, customers: Frame, ranks: Frame, until: pd.Timestamp
) -> tuple[Frame, Frame]:
    """Return events of the ledger, and the activities that make none, with the reason."""
    more = [name for name in customers if name == "customer_id" or name not in activities]
    rows = _with_rank(activities.merge(customers[more], on="customer_id", how="left"), ranks)
    rows = rows.sort_values(["time", "activity_id"], kind="stable", ignore_index=True)
    taken, left = _returns(rows)
    parts, unpriced = [], set()
    for rule in programme.earning:
        chosen = _chosen(programme, rule, rows, customers, until, ranks)
        if rule.per_amount is not None:
            unpriced |= set(chosen.loc[chosen["value"].isna(), "activity_id"])
            chosen = chosen[chosen["value"].notna()]
        earned = _earned(programme, rule, chosen)
        parts += [earned, _reversed(programme, rule, earned, taken)]
    spends, refused = _spends(programme.redemption, rows)
    lacking = pd.DataFrame({"activity_id": sorted(unpriced), "reason": "missing value"})
    kept = [part[[*COLUMNS, "rolling"]] for part in [*parts, spends] if len(part)]
    events = stacked(kept or [spends[[*COLUMNS, "rolling"]]])
    return _extended(events)[list(COLUMNS)], stacked([left, refused, lacking])


def stacked(tables: list[Frame]) -> Frame:
    """Return tables of the same columns as one; pandas fails on some columns without values."""
    names = list(tables[0])
    columns = {name: [table[name].to_numpy() for table in tables] for name in names}
    return pd.DataFrame({name: np.concatenate(parts) for name, parts in columns.items()})


def _with_rank(rows: Frame, ranks: Frame) -> Frame:
    """Return rows with the rank in force at their time; a row before all ranks has none."""
    if not len(ranks):
        return rows.assign(rank=None)
    history = ranks.rename(columns={"from": "time"})[["customer_id", "time", "rank"]]
    rows = rows.drop(columns="rank", errors="ignore").sort_values("time", kind="stable")
    history = history.sort_values("time", kind="stable")
    return pd.merge_asof(rows, history, on="time", by="customer_id")


def _chosen(
    programme: "Programme",
    rule: EarningRule,
    rows: Frame,
    customers: Frame,
    until: pd.Timestamp,
    ranks: Frame,
) -> Frame:
    """Return the activities or occasions that a rule gives points for."""
    if rule.activity in BENEFITS:
        rows = _with_rank(_occasions(rule.activity, customers, until), ranks)
    found = rows[rows["kind"] == rule.activity].reset_index(drop=True)
    if rule.when is not None and len(found):
        context = Context(today=until.date(), time_zone=programme.timezone)
        found = found[rule.when.mask(found, context)].reset_index(drop=True)
    return found


def _occasions(kind: str, customers: Frame, until: pd.Timestamp) -> Frame:
    """Return the occasions of customers before a moment, with an id of their own."""
    joined = customers["joined"].to_numpy().astype("datetime64[D]")
    source = joined if kind != "birthday" else customers["birthday"].to_numpy()
    first = source.astype("datetime64[D]")
    last = int(until.year)
    years = [0] if kind == "joined" else range(min(_first_year(joined), last), last + 1)
    parts = []
    for year in years:
        on = first
        if kind != "joined":
            born = np.where(np.isnat(first), np.datetime64("2000", "Y"), first.astype("M8[Y]"))
            on = add_months(first, 12 * (year - 1970 - born.astype(np.int64)))
        good = ~np.isnat(on) & ~np.isnat(joined) & (on < np.datetime64(until))
        good &= (on >= joined) if kind == "birthday" else (on > joined) | (kind == "joined")
        part = customers[good].assign(time=on[good].astype("datetime64[us]"), kind=kind)
        suffix = kind if kind == "joined" else f"{kind} {year}"
        parts.append(part.assign(activity_id=part["customer_id"].astype(str) + f"/{suffix}"))
    return stacked(parts).assign(value=0.0)


def _first_year(joined: np.ndarray[Any, Any]) -> int:
    known = joined[~np.isnat(joined)]
    return int(known.min().astype("M8[Y]").astype(np.int64)) + 1970 if len(known) else 1970


def _earned(programme: "Programme", rule: EarningRule, rows: Frame) -> Frame:
    """Return the earning events of a rule."""
    points = _points(programme, rule, rows, rows["value"].to_numpy(dtype=np.float64))
    if rule.cap is not None:
        points = _capped(rule.cap, rows, points)
    day = rows["time"].to_numpy().astype("datetime64[D]")
    validity = programme.validity_of(rule)
    start = day + rule.pending_days * _DAY if rule.pending_days else np.full_like(day, "NaT")
    table = pd.DataFrame({
        "event_id": rows["activity_id"] + f"/{rule.name}",
        "customer_id": rows["customer_id"],
        "time": rows["time"],
        "kind": "earn",
        "points": points,
        "valid_from": start.astype("datetime64[us]"),
        "valid_until": _last_day(validity, day).astype("datetime64[us]"),
        "reference": None,
        "activity_id": rows["activity_id"],
        "rank": rows["rank"],
        "value": rows["value"],
        "rolling": validity.counted_from == "last_earning",
    })  # fmt: skip
    return table[table["points"] > 0]


def _points(programme: "Programme", rule: EarningRule, rows: Frame, value: Floats) -> Integers:
    """Return the points of a rule before its cap, for the values given."""
    steps = np.ones(len(rows))
    if rule.per_amount is not None:
        steps = _rounded(np.maximum(value, 0.0) / rule.per_amount, rule)
    points = rule.points * steps
    if rule.times_rank and programme.ranks is not None:
        factor = rows["rank"].map(programme.ranks.multiplier, na_action="ignore").fillna(1.0)
        points = _rounded(points * factor.to_numpy(dtype=np.float64), rule)
    return points.astype(np.int64)


def _rounded(values: Floats, rule: EarningRule) -> Floats:
    if rule.rounding == "down":
        return np.floor(values + _ROUNDING)
    if rule.rounding == "up":
        return np.ceil(values - _ROUNDING)
    return np.floor(values + 0.5 + _ROUNDING)


def _capped(cap: Cap, rows: Frame, points: Integers) -> Integers:
    """Return points within a cap; rows are in order of time."""
    time = rows["time"].to_numpy()
    period = time.astype(_PERIOD[cap.per]).astype(np.int64) if cap.per in _PERIOD else 0
    table = pd.DataFrame({"c": rows["customer_id"], "p": period, "points": points})
    if cap.times is not None:
        earns = table["points"] > 0
        number = earns.groupby([table["c"], table["p"]]).cumsum()
        table["points"] = table["points"].where(number <= cap.times, 0)
    if cap.points is not None:
        so_far = table.groupby(["c", "p"])["points"].cumsum() - table["points"]
        room = (cap.points - so_far).clip(lower=0)
        table["points"] = np.minimum(table["points"], room)
    return table["points"].to_numpy(dtype=np.int64)


def _last_day(validity: Validity, day: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if not validity.expires:
        return np.full_like(day, "NaT")
    last = add_months(day, validity.months) + validity.days * _DAY
    if validity.until == "day":
        return last
    return (last.astype("datetime64[M]") + _MONTH).astype("datetime64[D]") - _DAY


def _extended(events: Frame) -> Frame:
    """Return events with the days of points that later earnings keep valid."""
    chosen = events["rolling"].to_numpy(dtype=np.bool_)
    if not chosen.any():
        return events
    part = events[chosen].sort_values(["customer_id", "time"], kind="stable")
    until, time = part["valid_until"].to_numpy(), part["time"].to_numpy()
    who = part["customer_id"].to_numpy()
    so_far = part.groupby("customer_id")["valid_until"].cummax().to_numpy()
    ends = np.append((who[1:] != who[:-1]) | (time[1:] >= so_far[:-1] + _DAY), True)
    run = np.append(0, np.cumsum(ends)[:-1])
    latest = pd.Series(until).groupby(run).transform("max").to_numpy()
    return stacked([events[~chosen], part.assign(valid_until=latest)])


def _returns(rows: Frame) -> tuple[Frame, Frame]:
    """Return the returns with what was bought before and after each, and those of nothing."""
    bought = rows[~rows["kind"].isin(["return", "redeem"])].set_index("activity_id")
    found = rows[rows["kind"] == "return"]
    known = found["reference"].isin(bought.index).to_numpy() if len(found) else np.array([], bool)
    aside = found[~known].assign(reason="the reference is not an activity")
    found = found[known]
    total = bought["value"].reindex(found["reference"]).to_numpy(dtype=np.float64)
    back = found["value"].to_numpy(dtype=np.float64)
    back = np.where(np.isnan(back), total, back)
    so_far = pd.Series(back).groupby(found["reference"].to_numpy()).cumsum().to_numpy()
    after = np.maximum(total - so_far, 0.0)
    before = np.maximum(total - (so_far - back), 0.0)
    return found.assign(before=before, after=after), aside[["activity_id", "reason"]]


def _reversed(programme: "Programme", rule: EarningRule, earned: Frame, taken: Frame) -> Frame:
    """Return the events that take points of returned activities back."""
    if not len(taken) or not len(earned):
        return pd.DataFrame(columns=list(COLUMNS))
    own = earned.set_index("activity_id")
    found = taken[taken["reference"].isin(own.index)]
    of = own.loc[found["reference"]]
    granted = of["points"].to_numpy()
    kept = [
        np.minimum(_points(programme, rule, of, found[when].to_numpy(dtype=np.float64)), granted)
        for when in ("before", "after")
    ]
    if rule.per_amount is None:  # the points of an activity go with the last part of it
        kept = [np.where(found[when].to_numpy() > 0, granted, 0) for when in ("before", "after")]
        kept[0] = granted
    table = pd.DataFrame({
        "event_id": (found["activity_id"] + f"/{rule.name}").to_numpy(),
        "customer_id": found["customer_id"].to_numpy(),
        "time": found["time"].to_numpy(),
        "kind": "reverse",
        "points": kept[0] - kept[1],
        "valid_from": np.datetime64("NaT", "us"),
        "valid_until": np.datetime64("NaT", "us"),
        "reference": of["event_id"].to_numpy(),
        "rolling": False,
    })  # fmt: skip
    return table[table["points"] > 0]


def _spends(terms: Redemption, rows: Frame) -> tuple[Frame, Frame]:
    """Return redemptions as events, and those against the terms."""
    found = rows[rows["kind"] == "redeem"]
    points = found["points"].to_numpy(dtype=np.float64)
    low = ~(points >= terms.minimum)
    odd = ~low & (np.mod(points, terms.step) != 0)
    reasons = np.where(low, f"fewer than {terms.minimum:,} points", "")
    reasons = np.where(odd, f"not a multiple of {terms.step:,} points", reasons)
    good = _all_false(low, odd)
    table = pd.DataFrame({
        "event_id": found["activity_id"],
        "customer_id": found["customer_id"],
        "time": found["time"],
        "kind": "spend",
        "points": np.where(good, np.nan_to_num(points), 0).astype(np.int64),
        "valid_from": np.datetime64("NaT", "us"),
        "valid_until": np.datetime64("NaT", "us"),
        "reference": None,
        "rolling": False,
    })  # fmt: skip
    aside = pd.DataFrame({"activity_id": found["activity_id"], "reason": reasons})
    return table[good], aside[~good]


def _all_false(*flags: Flags) -> Flags:
    return ~np.any(np.stack(flags), axis=0)
