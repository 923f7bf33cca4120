"""Omni use: which channels a customer buys on, and whether the shares are moving."""

from collections.abc import Mapping
from statistics import NormalDist
from typing import Annotated, Literal, Self

import narwhals as nw
from pydantic import Field, model_validator

from omniltv._config import Written
from omniltv._options import checked
from omniltv.segmentation.conditions._values import Name, Names, known, number
from omniltv.segmentation.conditions.kind import Scope
from omniltv.segmentation.scores._age import age_in_days, faded, is_one_of

__all__ = ["OmniUse"]

type WindowDays = Annotated[int, Field(ge=1, le=36_500, strict=True)]
type ShareRise = Annotated[float, Field(gt=0, le=1, strict=True)]


@checked
class OmniUse(Written):
    """Class of a customer by the channels of the purchases in two windows, and their trend.

    The windows are the last ``window_days`` days up to ``Context.today``, and the same number
    of days before. The classes, in the order in which they are tried:

    - **unknown**: fewer than ``at_least`` purchases in the two windows together.
    - **moving from h to g**: at least ``at_least`` purchases in each window; the share of
      group g rose by at least ``shift``, and by more than the share of a steady customer does
      in about ``sure`` of all cases. g rose most, h fell most.
    - **g only**: at least ``only`` of the purchases of both windows are in group g.
    - **omni**: all others.

    A rise counts if its square is at least z squared times p (1 - p) (1 / n + 1 / m): p is the
    share in both windows, n and m are their purchases, and z is the normal quantile of ``sure``
    (two-sided test of two proportions).

    Attributes:
        version: Version of the form of this document.
        channels: Channels by the name of their group, such as
            ``{"store": "store", "ec": ["ec", "app"]}``. Other channels do not count.
        window_days: Length of each window.
        at_least: Purchases that are needed before a class is said.
        only: Share from which a group is the only one.
        shift: Smallest rise of a share that is a move.
        sure: Confidence of a move, in (0, 1).
        channel_column: Column of events with the channel.
        time_column: Column of events with the day or moment.
        kind_column: Column of events with the kind; None if every event is a purchase.
        purchase: The kind of event that is a purchase.
        value_column: Column of events with the value; only values above 0 count. If None,
            every purchase counts, refunds in a table of events included.

    Examples:
        >>> from datetime import date
        >>> import pandas as pd
        >>> from omniltv.segmentation import Context
        >>> from omniltv.segmentation.scores import scored
        >>> use = OmniUse(channels={"store": "store", "ec": ["ec", "app"]}, kind_column=None)
        >>> events = pd.DataFrame({
        ...     "customer_id": ["a"] * 5 + ["b"], "channel": ["ec", "app", "ec", "ec", "ec", "ec"],
        ...     "time": pd.to_datetime(["2026-03-01"] * 6)})
        >>> people = pd.DataFrame({"customer_id": ["a", "b"]})
        >>> context = Context(today=date(2026, 3, 31), events=events)
        >>> scored(people, use, context)["omni_use"].tolist()
        ['ec only', 'unknown']
    """

    version: Literal[1] = 1
    channels: Annotated[Mapping[Name, Names], Field(min_length=2, max_length=10)]
    window_days: WindowDays = 182
    at_least: Annotated[int, Field(ge=1, le=1_000, strict=True)] = 5
    only: Annotated[float, Field(gt=0.5, le=1, strict=True)] = 0.9
    shift: ShareRise = 0.3
    sure: Annotated[float, Field(gt=0, lt=1, strict=True)] = 0.95
    channel_column: Name = "channel"
    time_column: Name = "time"
    kind_column: Name | None = "kind"
    purchase: Name = "purchase"
    value_column: Name | None = None

    @model_validator(mode="after")
    def _channels_differ(self) -> Self:
        every = [name for names in self.channels.values() for name in _tuple(names)]
        twice = [name for name in every if every.count(name) > 1]
        if twice:
            raise ValueError(f"the channel {twice[0]!r} is in two groups")
        return self

    @property
    def columns(self) -> frozenset[str]:
        """No column of customers but the id."""
        return frozenset()

    @property
    def event_columns(self) -> frozenset[str]:
        """The channel and the time, and the kind and value if they are read."""
        optional = {self.kind_column, self.value_column} - {None}
        return frozenset({self.channel_column, self.time_column, *filter(None, optional)})

    def sums(self, scope: Scope) -> Mapping[str, nw.Expr]:
        """Return for each window and group 1 if the event is a purchase of it.

        Raises:
            DataError: If a column is of the wrong type.
            ConfigError: If the context has no day.

        Examples:
            >>> from omniltv.segmentation import Context
            >>> from datetime import date
            >>> types = {"channel": nw.String(), "time": nw.Date()}
            >>> use = OmniUse(channels={"store": "store", "ec": "ec"}, kind_column=None)
            >>> list(use.sums(Scope(types, Context(today=date(2026, 3, 31)))))
            ['_now_store', '_before_store', '_now_ec', '_before_ec']
        """
        age = age_in_days(scope, self.time_column)
        counts = faded(age, None) * self._purchases(scope)
        recent = (age < self.window_days).fill_null(value=False).cast(nw.Float64)
        either = (age < 2 * self.window_days).fill_null(value=False).cast(nw.Float64)
        found: dict[str, nw.Expr] = {}
        for group, names in self.channels.items():
            here = is_one_of(scope, self.channel_column, _tuple(names)).cast(nw.Float64) * counts
            found[f"_now_{group}"] = here * recent
            found[f"_before_{group}"] = here * (either - recent)
        return found

    def _purchases(self, scope: Scope) -> nw.Expr:
        """Return 1 for events that are purchases, 0 for others."""
        counts: nw.Expr = nw.lit(1.0)
        if self.kind_column is not None:
            counts = is_one_of(scope, self.kind_column, (self.purchase,)).cast(nw.Float64)
        if self.value_column is None:
            return counts
        dtype = known(scope, self.value_column, ("number",))
        if dtype == nw.Unknown:  # no event has a value
            return counts * 0.0
        positive = number(self.value_column, dtype) > 0
        return counts * positive.fill_null(value=False).cast(nw.Float64)

    def expressions(self, scope: Scope) -> Mapping[str, nw.Expr]:
        """Return ``omni_use``, ``omni_purchases``, and each group's share and trend.

        ``omni_share_g`` is the share of group g in both windows; missing without purchases.
        ``omni_trend_g`` is the share in the last window less the one before; missing if a
        window has no purchases.

        Examples:
            >>> use = OmniUse(channels={"store": "store", "ec": "ec"})
            >>> [name for name in use.expressions(Scope({})) if not name.startswith("_")][:3]
            ['omni_use', 'omni_purchases', 'omni_share_store']
        """
        del scope
        groups = tuple(self.channels)
        totals = {name: _total(name, groups) for name in ("_now", "_before")}
        shares = {f"_share_{group}": _share(group, groups) for group in groups}
        trends = {f"_trend_{group}": _trend(group, groups) for group in groups}
        purchases = (nw.col("_now") + nw.col("_before")).cast(nw.Int64)
        found = {"omni_use": self._use(groups), "omni_purchases": purchases}
        found |= {f"omni_share_{group}": nw.col(f"_share_{group}") for group in groups}
        found |= {f"omni_trend_{group}": nw.col(f"_trend_{group}") for group in groups}
        return {**totals, **shares, **trends, **found}

    def _use(self, groups: tuple[str, ...]) -> nw.Expr:
        use: nw.Expr = nw.lit("omni")
        for group in groups:
            only = (nw.col(f"_share_{group}") >= self.only).fill_null(value=False)
            use = nw.when(only).then(nw.lit(f"{group} only")).otherwise(use)
        for group in groups:
            rose = self._rose(groups, group)
            for other in (name for name in groups if name != group):
                moving = rose & _is_first(groups, other, -1)
                words = f"moving from {other} to {group}"
                use = nw.when(moving).then(nw.lit(words)).otherwise(use)
        few = nw.col("_now") + nw.col("_before") < self.at_least
        return nw.when(few).then(nw.lit("unknown")).otherwise(use)

    def _rose(self, groups: tuple[str, ...], group: str) -> nw.Expr:
        """Return whether a group rose most, far enough, and by more than chance."""
        z = NormalDist().inv_cdf((1 + self.sure) / 2)
        now, before = nw.col("_now"), nw.col("_before")
        share, trend = nw.col(f"_share_{group}"), nw.col(f"_trend_{group}")
        enough = (now >= self.at_least) & (before >= self.at_least)
        spread = share * (1 - share) * (1 / now + 1 / before)
        far = (trend >= self.shift) & (trend * trend >= z * z * spread)
        return enough & far.fill_null(value=False) & _is_first(groups, group, 1)


def _total(window: str, groups: tuple[str, ...]) -> nw.Expr:
    """Return the purchases of all groups in a window."""
    return nw.sum_horizontal(*(nw.col(f"{window}_{group}") for group in groups))


def _share(group: str, groups: tuple[str, ...]) -> nw.Expr:
    """Return the share of a group in both windows."""
    total = _total("_now", groups) + _total("_before", groups)
    return nw.when(total > 0).then((nw.col(f"_now_{group}") + nw.col(f"_before_{group}")) / total)


def _trend(group: str, groups: tuple[str, ...]) -> nw.Expr:
    """Return the share of a group in the last window less the one before."""
    now, before = _total("_now", groups), _total("_before", groups)
    rise = nw.col(f"_now_{group}") / now - nw.col(f"_before_{group}") / before
    return nw.when((now > 0) & (before > 0)).then(rise)


def _is_first(groups: tuple[str, ...], group: str, sign: int) -> nw.Expr:
    """Return whether a group has the highest trend, or the lowest; of equal ones, the first."""
    trend, place = nw.col(f"_trend_{group}"), groups.index(group)
    holds: nw.Expr = ~trend.is_null()
    for k, other in enumerate(groups):
        ahead = (trend - nw.col(f"_trend_{other}")) * sign
        if k != place:
            holds = holds & ((ahead > 0) if k < place else (ahead >= 0)).fill_null(value=False)
    return holds


def _tuple(names: str | tuple[str, ...]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)
