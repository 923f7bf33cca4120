"""The frame of offers, read into an allocation problem."""

import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from omniltv._arrays import Codes, Flags, Objects, Vector
from omniltv._columns import as_labels, labels, numbers, read_ids, require
from omniltv._frames import Eager
from omniltv.errors import DataError, DataWarning
from omniltv.segmentation.allocation._capacities import Capacities
from omniltv.segmentation.allocation.problem import AllocationProblem

__all__ = ["OfferTable"]

_WHAT = "the table of offers"
_SD = "sd"
_KNOWN = ("customer_id", "treatment", "channel", "gain", "cost")


@dataclass(frozen=True, eq=False)
class OfferTable:
    """Offers as rows, and as the problem that an allocator solves.

    Attributes:
        rows: The frame, in the caller's order.
        order: Row of each offer of the problem, of shape (n_offers,).
        problem: The problem.
        explored: Whether gains were drawn, for each group of the problem; None if for none.
    """

    rows: Eager
    order: Codes
    problem: AllocationProblem
    explored: Flags | None = None

    @classmethod
    def read(
        cls,
        rows: Eager,
        capacities: Capacities,
        *,
        place: str,
        exclusion_group: str | None,
        keep: Collection[str],
    ) -> "OfferTable":
        """Return the offers of a frame.

        Raises:
            DataError: If a column is absent, a number is missing or negative, an offer is given
                twice, a resource has no capacity, or a capacity has no column.
        """
        require(rows.columns, _KNOWN, _WHAT, "gain: expected effect in value; cost: in value")
        ids = read_ids(rows, "customer_id", _WHAT)
        net = numbers(rows, "gain", _WHAT, ids=ids) - _not_negative(rows, "cost", ids)
        ignored = {*_KNOWN, _SD, place, exclusion_group, *keep} - {*capacities.resource}
        _require_capacities(rows, capacities, ignored, ids)
        places = _codes(rows, place, ids, missing=True) if place in rows.columns else None
        use = _use(rows, capacities, places, place=place, ids=ids)
        groups = [_ranks(ids)]
        groups += [_codes(rows, exclusion_group, ids).code] if exclusion_group is not None else []
        keys = [*groups, *(_codes(rows, name, ids).code for name in _KNOWN[1:3])]
        keys += [places.code] if places is not None else []
        order = np.lexsort(keys[::-1])
        _refuse_repeated([key[order] for key in keys], ids[order])
        start = _starts([key[order] for key in groups])
        problem = AllocationProblem(net[order], start, use[order], capacities.amount)
        return cls(rows, order, problem)

    def drawn(self, share: float, seed: int) -> "OfferTable":
        """Return the offers with drawn gains for a share of the groups (Thompson sampling).

        Raises:
            DataError: If there is no column ``sd``, or it has missing or negative values.
        """
        ids = read_ids(self.rows, "customer_id", _WHAT)
        hint = "the posterior standard deviation of the gain"
        require(self.rows.columns, [_SD], _WHAT, hint)
        sd = _not_negative(self.rows, _SD, ids)[self.order]
        rng = np.random.default_rng(seed)
        explored = rng.random(len(self.problem.start) - 1) < share
        noise = explored[self.problem.group] * sd * rng.standard_normal(len(sd))
        return replace(
            self, problem=replace(self.problem, net=self.problem.net + noise), explored=explored
        )


@dataclass(frozen=True, eq=False)
class _Labels:
    """Labels of rows as codes in the order of the texts; -1 if missing."""

    code: Codes
    text: Sequence[str]


def _not_negative(rows: Eager, column: str, ids: Objects) -> Vector:
    values = numbers(rows, column, _WHAT, ids=ids)
    if (values < 0).any():
        hint = "amounts are at least 0"
        raise DataError("negative amounts", column=column, rows=list(ids[values < 0]), hint=hint)
    return values


def _require_capacities(
    rows: Eager, capacities: Capacities, ignored: Collection[str | None], ids: Objects
) -> None:
    """Raise DataError if a capacity has no column, or a column of numbers no capacity."""
    require(rows.columns, capacities.resource, _WHAT, "name the column as the resource")
    for name in rows.columns:
        known = name in capacities.resource or name in ignored
        if not known and rows.schema[name].is_numeric():
            used = list(ids[_not_negative(rows, name, ids) > 0])
            hint = f"a capacity (math.inf is no limit), or keep=[{name!r}] if it is no resource"
            raise DataError("resource without capacity", column=name, rows=used, hint=hint)


def _use(
    rows: Eager, capacities: Capacities, places: _Labels | None, *, place: str, ids: Objects
) -> csr_array:
    """Return what each row uses of each resource, of shape (n_rows, n_resources)."""
    names = list(dict.fromkeys(capacities.resource))
    amount = np.zeros((len(ids), len(names)))
    number = np.zeros((len(ids), len(names)), dtype=np.int32)
    for column, name in enumerate(names):
        amount[:, column] = _not_negative(rows, name, ids)
        own = _numbered(capacities, name, places, place, len(ids))
        _refuse_unlimited(amount[:, column], own, name, place, ids)
        number[:, column] = own
    used = amount > 0
    indptr = np.concatenate(([0], np.cumsum(used.sum(axis=1)))).astype(np.int32)
    shape = (len(ids), len(capacities.resource))
    use = csr_array((amount[used], number[used], indptr), shape=shape)
    _warn_unused(use, capacities)
    return use


def _numbered(
    capacities: Capacities, name: str, places: _Labels | None, place: str, size: int
) -> Codes:
    """Return the number of the capacity of each row, -1 if there is none; of shape (n_rows,)."""
    own = [n for n, resource in enumerate(capacities.resource) if resource == name]
    if not capacities.place[own[0]]:
        return np.full(size, own[0])
    if places is None:
        hint = f"a column {place!r}, or place= its name"
        raise DataError(f"the capacity of {name!r} is by place", column=place, hint=hint)
    known = {capacities.place[n]: n for n in own}
    return np.array([*(known.get(text, -1) for text in places.text), -1])[places.code]


def _refuse_unlimited(amount: Vector, number: Codes, name: str, place: str, ids: Objects) -> None:
    bad = (amount > 0) & (number < 0)
    if bad.any():
        problem = f"places without a capacity of {name!r}"
        hint = "a capacity for each place, 0 if there is none"
        raise DataError(problem, column=place, rows=list(ids[bad]), hint=hint)


def _warn_unused(use: csr_array, capacities: Capacities) -> None:
    """Warn of capacities that no offer uses."""
    touched = np.bincount(use.indices, minlength=use.shape[1]) > 0
    unused = [capacities.label(number) for number in np.flatnonzero(~touched).tolist()]
    if unused:
        shown = ", ".join(unused[:5])
        message = f"{len(unused):,} capacities are used by no offer: {shown}"
        warnings.warn(f"{message}. Hint: check the spelling", DataWarning, stacklevel=5)


def _codes(rows: Eager, column: str, ids: Objects, *, missing: bool = False) -> _Labels:
    """Return a column of labels as codes.

    Raises:
        DataError: If the column is absent, or a label is missing and must not be.
    """
    require(rows.columns, [column], _WHAT)
    values = np.asarray(rows[column].to_numpy(), dtype=object)
    try:
        raw, found = pd.factorize(values)
    except TypeError:
        labels(rows, column, _WHAT, ids=ids)  # refuses lists by name
        raise
    lacking: Flags = raw < 0
    if lacking.any() and not missing:
        hint = "fill in a label, such as 'unknown'"
        raise DataError("missing labels", column=column, rows=list(ids[lacking]), hint=hint)
    first = [ids[row] for row in np.flatnonzero(~pd.Series(raw).duplicated()) if raw[row] >= 0]
    unique, place = np.unique(as_labels(found, column, ids=first), return_inverse=True)
    return _Labels(np.append(place, -1)[raw], unique.tolist())


def _ranks(ids: Objects) -> Codes:
    """Return the rank of each id: numbers by size, other ids as texts; of shape (n_rows,)."""
    code, found = pd.factorize(ids)
    unique = found.tolist()
    whole = set(map(type, unique)) <= {int}
    keys = unique if whole else [(str(value), type(value).__name__) for value in unique]
    rank = np.empty(len(unique), dtype=np.int64)
    rank[sorted(range(len(unique)), key=keys.__getitem__)] = np.arange(len(unique))
    return rank[code]


def _refuse_repeated(keys: Sequence[Codes], ids: Objects) -> None:
    same = np.ones(max(len(ids) - 1, 0), dtype=np.bool_)
    for key in keys:
        same &= key[1:] == key[:-1]
    if same.any():
        problem = "offers given twice (same customer, treatment, channel and place)"
        hint = "one row per offer"
        raise DataError(problem, column="treatment", rows=list(ids[1:][same]), hint=hint)


def _starts(keys: Sequence[Codes]) -> Codes:
    """Return where groups of equal keys start, and the number of rows."""
    size = len(keys[0])
    new = np.zeros(max(size - 1, 0), dtype=np.bool_)
    for key in keys:
        new |= key[1:] != key[:-1]
    return np.concatenate(([0], np.flatnonzero(new) + 1, [size])) if size else np.zeros(1, np.int64)
