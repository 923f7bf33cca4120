"""Liability: how many of the outstanding points will be redeemed, by simulation."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from omniltv._arrays import Codes, Floats
from omniltv._columns import numbers, positions, require
from omniltv._frames import IntoTable, collect
from omniltv._options import Level, Margin, Seed, Share, checked
from omniltv.errors import DataError
from omniltv.segmentation.loyalty._events import texts, times
from omniltv.segmentation.loyalty.ledger import Settlement
from omniltv.segmentation.loyalty.programme import Programme
from omniltv.segmentation.loyalty.redemption import RedemptionModel

__all__ = ["BreakEven", "Liability", "break_even", "liability"]

_NEVER = np.datetime64("9999-01-01", "us")


@checked
@dataclass(frozen=True, eq=False, repr=False)
class Liability:
    """How many of the outstanding points will be redeemed.

    Attributes:
        outstanding: Points that are left on the day, pending ones included.
        redeemed: Draws of how many of them are redeemed, of shape (n_draws,).
        value: Money that one point is worth.

    Examples:
        >>> Liability(100, np.array([40.0, 60.0]), 1.0)
        Liability(100 points outstanding: 50 redeemed, 90 % interval 41 to 59)
    """

    outstanding: int
    redeemed: Floats
    value: float

    def __repr__(self) -> str:
        low, high = self.interval()
        told = f"{self.mean:,.0f} redeemed, 90 % interval {low:,.0f} to {high:,.0f}"
        return f"{type(self).__name__}({self.outstanding:,} points outstanding: {told})"

    @property
    def mean(self) -> float:
        """Expected number of points redeemed."""
        return float(self.redeemed.mean())

    @property
    def amount(self) -> Floats:
        """Draws of the money that the redemptions cost, of shape (n_draws,)."""
        return self.redeemed * self.value

    @property
    def share(self) -> Floats:
        """Draws of the share of the outstanding points that is redeemed, of shape (n_draws,)."""
        return self.redeemed / max(self.outstanding, 1)

    def interval(self, level: Level = 0.9) -> tuple[float, float]:
        """Return the interval of the points redeemed.

        Examples:
            >>> Liability(100, np.arange(101.0), 1.0).interval(0.5)
            (25.0, 75.0)
        """
        low, high = np.quantile(self.redeemed, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)


@checked
@dataclass(frozen=True, eq=False, repr=False)
class BreakEven:
    """How much more customers must buy for a change of rules to pay.

    Attributes:
        cost: Draws of what the change costs if nobody buys more, of shape (n_draws,).
        uplift: Draws of the relative rise in purchases that pays for it, of shape (n_draws,);
            infinite if the new rules cost more than the margin.

    Examples:
        >>> BreakEven(np.array([10.0, 20.0]), np.array([0.01, 0.03]))
        BreakEven(cost 15, purchases must rise by 2.0 %, 90 % interval 1.1 % to 2.9 %)
    """

    cost: Floats
    uplift: Floats

    def __repr__(self) -> str:
        low, high = np.quantile(100 * self.uplift, [0.05, 0.95])
        rise = f"purchases must rise by {100 * self.uplift.mean():.1f} %"
        interval = f"90 % interval {low:.1f} % to {high:.1f} %"
        return f"{type(self).__name__}(cost {self.cost.mean():,.0f}, {rise}, {interval})"


@dataclass(frozen=True, eq=False)
class _Futures:
    """Future purchases: codes of draws and customers, times, in order of time within each."""

    draw: Codes
    customer: Codes
    step: Codes
    time: np.ndarray[Any, Any]


@checked
def liability(
    ledger: Settlement[IntoTable], futures: IntoTable, model: RedemptionModel, *, seed: Seed
) -> Liability:
    """Return how many of the outstanding points will be redeemed, with its uncertainty.

    Each draw of future purchases is one future. At each purchase, the customer redeems with the
    probability of the model; the lots that expire first are used first. New points are earned,
    and count towards the balance, but not in the liability. The draws differ in the purchases,
    the parameters of the model, the effects of the customers and chance.

    Args:
        ledger: The ledger on the day.
        futures: Draws of future purchases: ``draw`` (from 0), ``customer_id``, ``time``. They
            end when the last points expire, or when purchases no longer matter. Customers
            without rows do not buy. Draws come from a fitted model of purchases. A time without
            an offset is in the time zone of the ledger.
        model: From `learn_redemption`.
        seed: Seed of the random numbers.

    Raises:
        DataError: If a column is missing, a time cannot be read, or the draws are not whole
            numbers from 0.

    Examples:
        >>> from omniltv.segmentation.loyalty import Redemption, settle
        >>> events = pd.DataFrame({
        ...     "event_id": ["e1"], "customer_id": ["ann"], "kind": ["earn"],
        ...     "time": ["2026-01-05"], "points": [100], "valid_until": ["2026-12-31"]})
        >>> futures = pd.DataFrame({
        ...     "draw": [0, 1], "customer_id": "ann", "time": ["2026-06-01", "2027-06-01"]})
        >>> always = RedemptionModel(
        ...     np.array([50.0, 0.0, 0.0, 0.0]), np.zeros((4, 4)), np.ones(1), Redemption(), 0.0, 0)
        >>> liability(settle(events, at="2026-02-01"), futures, always, seed=1).redeemed.tolist()
        [100.0, 0.0]
    """
    lots = collect(ledger.lots, "the lots").to_pandas()
    lots = lots[lots["left"] > 0]
    ids = np.array(sorted(lots["account"].astype(str).unique()), dtype=object)
    found, n_draws = _futures(futures, ids, ledger)
    left, start, until = _lot_arrays(lots, ids)
    rng = np.random.default_rng(seed)
    redeemed = np.zeros(n_draws)
    places = np.searchsorted(found.draw, np.arange(n_draws + 1))
    for draw in range(n_draws):
        rows = slice(places[draw], places[draw + 1])
        parameters = rng.multivariate_normal(model.parameters, model.covariance)
        effects = model.effects(ids, parameters, rng)
        part = _Futures(
            *[getattr(found, name)[rows] for name in ("draw", "customer", "step", "time")]
        )
        redeemed[draw] = _one_future(part, model, (parameters, effects), (left, start, until), rng)
    return Liability(int(left.sum()), redeemed, model.terms.value)


def _read_futures(futures: IntoTable, zone: str, extra: tuple[str, ...] = ()) -> pd.DataFrame:
    """Return draws, customers and times of future purchases, and extra columns of numbers."""
    what = "the table of future purchases"
    table = collect(futures, what)
    require(table.columns, ["draw", "customer_id", "time"], what)
    whole = table.schema["draw"].is_integer() and not table["draw"].is_null().any()
    if not whole or table["draw"].min() != 0:  # the minimum of no rows is missing
        hint = "number the draws from 0"
        raise DataError(f"{what} has no whole numbers from 0", column="draw", hint=hint)
    place = np.arange(len(table)).astype(object)
    columns = {name: numbers(table, name, what, ids=place) for name in extra}
    return pd.DataFrame({
        "draw": np.asarray(table["draw"].to_numpy(), dtype=np.int64),
        "customer_id": texts(table, "customer_id"),
        "time": times(table, "time", zone),
        **columns,
    })  # fmt: skip


def _futures(
    futures: IntoTable, ids: np.ndarray[Any, Any], ledger: Settlement[IntoTable]
) -> tuple[_Futures, int]:
    """Return the future purchases of some accounts, and the number of draws."""
    table = _read_futures(futures, ledger.timezone)
    draw, time = table["draw"].to_numpy(), table["time"].to_numpy()
    account = ledger._account_ids(table["customer_id"].to_numpy(dtype=object))  # noqa: SLF001 - no part of the tables
    customer = positions(account, ids)
    rows = np.flatnonzero((customer >= 0) & (time >= np.datetime64(ledger.at)))
    rows = rows[np.lexsort((time[rows], customer[rows], draw[rows]))]
    d, c = draw[rows], customer[rows]
    fresh = (
        np.append(True, (d[1:] != d[:-1]) | (c[1:] != c[:-1])) if len(rows) else np.array([], bool)
    )
    first = np.flatnonzero(fresh)
    step = np.arange(len(rows)) - np.repeat(first, np.diff(np.append(first, len(rows))))
    return _Futures(d, c, step, time[rows]), int(draw.max()) + 1


def _lot_arrays(lots: pd.DataFrame, ids: np.ndarray[Any, Any]) -> tuple[Floats, Any, Any]:
    """Return points, first and end of validity by customer and lot, those that expire first."""
    customer = positions(lots["account"].astype(str).to_numpy(dtype=object), ids)
    until = lots["valid_until"].to_numpy().astype("datetime64[us]") + np.timedelta64(1, "D")
    until = np.where(np.isnat(until), _NEVER, until)
    order = np.lexsort((until, customer))
    customer, until = customer[order], until[order]
    first = np.searchsorted(customer, np.arange(len(ids)))
    place = np.arange(len(customer)) - first[customer]
    shape = (len(ids), int(place.max(initial=-1)) + 1)
    left, start, end = np.zeros(shape), np.full(shape, _NEVER), np.full(shape, _NEVER)
    left[customer, place] = lots["left"].to_numpy(dtype=np.float64)[order]
    start[customer, place] = lots["valid_from"].to_numpy().astype("datetime64[us]")[order]
    end[customer, place] = until
    return left, start, end


def _one_future(
    future: _Futures,
    model: RedemptionModel,
    law: tuple[Floats, Floats],
    lots: tuple[Floats, Any, Any],
    rng: np.random.Generator,
) -> float:
    """Return how many of the outstanding points are redeemed in one future."""
    left, (parameters, effects) = lots[0].copy(), law
    fresh = np.zeros(len(left))
    total = 0.0
    order = np.argsort(future.step, kind="stable")
    ends = np.cumsum(np.bincount(future.step)) if len(order) else np.array([], dtype=np.int64)
    for rows in np.split(order, ends[:-1]) if len(order) else []:
        who, time = future.customer[rows], future.time[rows, None]
        usable = np.where((lots[1][who] <= time) & (time < lots[2][who]), left[who], 0.0)
        balance = usable.sum(axis=1) + fresh[who]
        horizon = time + model.soon_days * np.timedelta64(1, "D")
        soon = ((usable > 0) & (lots[2][who] <= horizon)).any(axis=1)
        odds = model.log_odds(balance, soon.astype(np.float64), parameters) + effects[who]
        redeems = (rng.random(len(who)) < expit(odds)) & (balance >= model.terms.minimum)
        wanted = np.where(redeems, rng.choice(model.shares, len(who)) * balance, 0.0)
        wanted = np.floor(wanted / model.terms.step + 0.5) * model.terms.step
        wanted = np.minimum(wanted, balance)
        before = np.cumsum(usable, axis=1) - usable
        taken = np.clip(wanted[:, None] - before, 0.0, usable)
        left[who] -= taken
        old = taken.sum(axis=1)
        total += float(old.sum())
        fresh[who] += model.points_per_purchase - (wanted - old)
    return total


@checked
def break_even(
    programme: Programme,
    changed: Programme,
    futures: IntoTable,
    *,
    margin: Margin,
    share: Floats | Share,
    customers: IntoTable | None = None,
) -> BreakEven:
    """Return how much more customers must buy for a change of rules to pay.

    Every draw of future purchases earns points by both programmes. Points cost their value times
    the share that is redeemed.

    Args:
        programme: The programme now.
        changed: The programme with other rules.
        futures: As in `liability`, with ``value``.
        margin: Margin on the value of purchases.
        share: Share of the points that is redeemed: a number, or `Liability.share`.
        customers: As in `Programme.events`, if conditions of the rules need them.

    Raises:
        DataError: If a column is missing, a time or a value cannot be read, or the draws are not
            whole numbers from 0.

    Examples:
        >>> now = Programme(name="Card", earning=[
        ...     {"name": "basic", "activity": "purchase", "per_amount": 100}])
        >>> double = now.model_copy(update={"earning": [
        ...     {"name": "basic", "activity": "purchase", "per_amount": 100, "points": 2}]})
        >>> futures = pd.DataFrame({
        ...     "draw": [0, 1], "customer_id": "ann", "time": "2026-06-01", "value": 1000.0})
        >>> break_even(now, double, futures, margin=0.3, share=0.5)
        BreakEven(cost 5, purchases must rise by 1.7 %, 90 % interval 1.7 % to 1.7 %)
    """
    rows = _read_futures(futures, programme.timezone, ("value",)).assign(kind="purchase")
    rows["activity_id"] = rows.index.astype(str)
    n_draws = int(rows["draw"].max()) + 1
    value = np.bincount(rows["draw"], weights=rows["value"], minlength=n_draws)
    old, new = (
        _points(plan, rows, customers, n_draws) * np.asarray(share) * plan.redemption.value
        for plan in (programme, changed)
    )
    room = margin * value - new
    uplift = np.where(room > 0, (new - old) / np.where(room > 0, room, 1.0), np.inf)
    return BreakEven(new - old, uplift)


def _points(
    programme: Programme, rows: pd.DataFrame, customers: IntoTable | None, n_draws: int
) -> Floats:
    """Return the points that each draw of purchases earns: customers of a draw are their own."""
    names = rows["draw"].astype(str) + "/" + rows["customer_id"].astype(str)
    people = None
    if customers is not None:
        table = collect(customers, "the table of customers")
        require(table.columns, ["customer_id"], "the table of customers")
        known = table.to_pandas().assign(customer_id=texts(table, "customer_id"))
        pairs = pd.DataFrame({"new": names, "customer_id": rows["customer_id"]}).drop_duplicates()
        people = pairs.merge(known, on="customer_id").drop(columns="customer_id")
        people = people.rename(columns={"new": "customer_id"})
    last = rows["time"].max() + np.timedelta64(1, "D")
    made = programme.events(rows.assign(customer_id=names), people, until=last).events
    earned = made[made["kind"] == "earn"]
    draw = earned["customer_id"].str.split("/", n=1).str[0].astype(np.int64)
    return np.bincount(draw, weights=earned["points"], minlength=n_draws).astype(np.float64)
