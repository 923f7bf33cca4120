"""The state of a tier programme: one row per customer, as arrays and as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Self, cast

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from omniltv._columns import numbers, read_ids, repeated, require
from omniltv._frames import DataType, Eager
from omniltv.errors import DataError
from omniltv.segmentation.tiers._dates import NEVER, Days, moments

__all__ = ["NONE", "STATE_TYPES", "ProgrammeState", "id_type", "tier_codes", "unique_ids"]

NONE = -1
"""Code of no tier."""

_WHAT = "the state"

STATE_TYPES: Mapping[str, DataType] = {
    "since": nw.Datetime("us"),
    "below_since": nw.Datetime("us"),
    "joined": nw.Datetime("us"),
    "granted_until": nw.Datetime("us"),
    "last_purchase": nw.Datetime("us"),
    "carried_over": nw.Float64,
    "as_of": nw.Datetime("us"),
}
"""Types of the columns of the table that are not text."""


@dataclass(frozen=True, eq=False)
class ProgrammeState:
    """What the programme remembers of each customer; every array has shape (n_customers,).

    Attributes:
        id: The customers.
        tier: Tier in force after the last run, by position; 0 is the best.
        earned: Tier that the customer earned, without grants.
        since: Day on which the earned tier was entered.
        before: Tier that a returned order takes the customer back to.
        below: Day of the review that first found the tier not reached; NaT if none.
        pending: Tier reached that counts from the next review; NONE if none.
        joined: Day that anniversaries are counted from.
        floor: Tier granted by hand; NONE if none.
        until: Last day of the grant; NaT if none.
        last_purchase: Latest purchase seen; NaT if none.
        carried: Value carried over into the current period.
        as_of: Day of the last run with the customer.
    """

    id: NDArray[np.object_]
    tier: NDArray[np.int64]
    earned: NDArray[np.int64]
    since: Days
    before: NDArray[np.int64]
    below: Days
    pending: NDArray[np.int64]
    joined: Days
    floor: NDArray[np.int64]
    until: Days
    last_purchase: Days
    carried: NDArray[np.float64]
    as_of: Days

    @classmethod
    def new(cls, ids: NDArray[np.object_], tier: NDArray[np.int64], on: np.datetime64) -> Self:
        """Return the state of customers who are judged for the first time."""
        n = len(ids)
        today, never = np.full(n, on), np.full(n, NEVER)
        nothing = np.full(n, NONE, dtype=np.int64)
        return cls(
            id=ids,
            tier=tier,
            earned=tier,
            since=today,
            before=tier,
            below=never,
            pending=nothing,
            joined=today,
            floor=nothing,
            until=never,
            last_purchase=never.astype("datetime64[us]"),
            carried=np.zeros(n),
            as_of=today,
        )

    @classmethod
    def read(cls, table: Eager, tiers: Sequence[str]) -> Self:
        """Return the state that a table holds.

        Raises:
            DataError: If the table is not a state of a programme with these tiers.
        """
        ids = unique_ids(table, _WHAT)
        code = {
            name: tier_codes(table, name, tiers, _WHAT, ids, optional=optional)
            for name, optional in _CODES.items()
        }
        day = {name: moments(table, name, _WHAT, ids) for name in _DAYS}
        for name in ("since", "joined", "as_of"):
            bad = np.isnat(day[name])
            if bad.any():
                raise DataError("missing dates", column=name, rows=list(ids[bad]), hint=_HINT)
        return cls(
            id=ids,
            tier=code["tier"],
            earned=code["earned"],
            since=day["since"].astype("datetime64[D]"),
            before=code["before"],
            below=day["below_since"].astype("datetime64[D]"),
            pending=code["pending"],
            joined=day["joined"].astype("datetime64[D]"),
            floor=code["granted"],
            until=day["granted_until"].astype("datetime64[D]"),
            last_purchase=day["last_purchase"],
            carried=numbers(table, "carried_over", _WHAT, ids=ids),
            as_of=day["as_of"].astype("datetime64[D]"),
        )

    def __len__(self) -> int:
        return len(self.id)

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Self:
        """Return the state of some customers."""
        return replace(self, **{part.name: getattr(self, part.name)[rows] for part in fields(self)})

    def put(self, rows: NDArray[np.intp], part: Self) -> Self:
        """Return the state in which some customers have the state of a part."""
        changed = {name.name: getattr(self, name.name).copy() for name in fields(self)}
        for name, values in changed.items():
            values[rows] = getattr(part, name)
        return replace(self, **changed)

    def and_then(self, other: Self) -> Self:
        """Return the customers of this state, then those of another one."""
        names = [part.name for part in fields(self)]
        return replace(
            self, **{n: np.concatenate([getattr(self, n), getattr(other, n)]) for n in names}
        )

    def granted(self, on: Days | np.datetime64) -> NDArray[np.bool_]:
        """Return whether a grant holds on a day."""
        return np.asarray((self.floor != NONE) & (self.until >= on), dtype=np.bool_)

    def in_force(self, on: Days | np.datetime64) -> NDArray[np.int64]:
        """Return the tier on a day: the earned one, or the granted one if it is better."""
        return np.where(self.granted(on), np.minimum(self.earned, self.floor), self.earned)

    def columns(self, tiers: Sequence[str]) -> dict[str, list[object]]:
        """Return the columns of the table, as `read` takes them."""
        names = np.array([*tiers, None], dtype=object)
        return {
            "customer_id": self.id.tolist(),
            "tier": names[self.tier].tolist(),
            "earned": names[self.earned].tolist(),
            "since": _written(self.since),
            "before": names[self.before].tolist(),
            "below_since": _written(self.below),
            "pending": names[self.pending].tolist(),
            "joined": _written(self.joined),
            "granted": names[self.floor].tolist(),
            "granted_until": _written(self.until),
            "last_purchase": _written(self.last_purchase),
            "carried_over": self.carried.tolist(),
            "as_of": _written(self.as_of),
        }


_CODES = {"tier": False, "earned": False, "before": False, "pending": True, "granted": True}
_DAYS = ("since", "below_since", "joined", "granted_until", "last_purchase", "as_of")
_HINT = "pass the state of the last run unchanged"


def _written(days: Days) -> list[object]:
    return list(days.astype("datetime64[us]").tolist())


def id_type(ids: NDArray[np.object_]) -> DataType:
    """Return the type of a column of ids: whole numbers, text, or what the values are."""
    kinds = set(map(type, ids))
    if kinds <= {str}:
        return nw.String
    return nw.Int64 if kinds == {int} else cast("DataType", None)


def unique_ids(table: Eager, what: str) -> NDArray[np.object_]:
    """Return the ids of a table with one row per customer.

    Raises:
        DataError: If an id is missing or repeated.
    """
    ids = read_ids(table, "customer_id", what)
    twice = repeated(ids)
    if twice:
        problem = f"{what} has several rows of a customer"
        raise DataError(problem, column="customer_id", rows=twice, hint="one row per customer")
    return ids


def tier_codes(
    table: Eager,
    column: str,
    tiers: Sequence[str],
    what: str,
    ids: NDArray[np.object_],
    *,
    optional: bool = False,
) -> NDArray[np.int64]:
    """Return a column of names of tiers as positions; NONE where it is missing.

    Raises:
        DataError: If the column is absent, a name is unknown, or one is missing that may not be.
    """
    require(table.columns, [column], what)
    known = {name: code for code, name in enumerate(tiers)}
    values = table[column].to_list()
    codes = np.fromiter(
        (NONE if _is_missing(value) else known.get(value, len(tiers)) for value in values),
        dtype=np.int64,
        count=len(values),
    )
    bad = (codes == len(tiers)) | ((codes == NONE) & (not optional))
    if bad.any():
        problem = f"{what} has tiers that the programme does not have"
        hint = f"the tiers are {', '.join(tiers)}"
        raise DataError(problem, column=column, rows=list(ids[bad]), hint=hint)
    return codes


def _is_missing(value: object) -> bool:
    return not isinstance(value, str)
