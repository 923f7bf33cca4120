"""The simulated retailer, and its follow-up with a treatment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from omniltv._arrays import Floats
from omniltv._options import Many, Seed, checked
from omniltv.data.simulate._build import (
    draw_acquisition,
    draw_latent,
    draw_mix,
    draw_records,
    live,
    whole_days,
)
from omniltv.data.simulate._config import RetailerConfig, TreatmentEffect
from omniltv.data.simulate._purchases import PurchaseEvents, draw_candidates, merge, play
from omniltv.data.simulate._tables import happenings, truth_of
from omniltv.data.simulate._tickets import DAY, Premises, net_value, ring_up, stamps
from omniltv.data.simulate._truth import Truth, schedule_of
from omniltv.errors import ConfigError, DataError
from omniltv.units import Discount, Span, TimeUnit, weeks

__all__ = ["FollowUp", "Retailer", "simulate_retailer"]

_HALF_A_YEAR = weeks(26)
_KEY = ["source", "record_id"]


@checked
@dataclass(frozen=True, eq=False)
class Retailer:
    """A simulated omnichannel retailer: the data of its systems, and the truth.

    Attributes:
        records: Customer lists, one row per source record.
        transactions: Tickets and refunds, ordered by time; guests have no `record_id`.
        behaviour: `source`, `record_id`, `channel`, `time`, `event`.
        contacts: `source`, `record_id`, `channel`, `time`, `kind`, `staff_id`.
        truth: The truth behind the data.
        start: First moment of observation, Asia/Tokyo.
        end: First moment after observation.

    Examples:
        >>> retailer = simulate_retailer(200, seed=1)
        >>> sorted(retailer.records["source"].unique())
        ['app', 'call', 'ec', 'store']
    """

    records: pd.DataFrame
    transactions: pd.DataFrame
    behaviour: pd.DataFrame
    contacts: pd.DataFrame
    truth: Truth
    start: pd.Timestamp
    end: pd.Timestamp
    _world: Premises
    _end_day: int

    def __repr__(self) -> str:
        return (
            f"Retailer({len(self.truth.people):,} people, {len(self.records):,} records, "
            f"{len(self.transactions):,} transactions, "
            f"{self.start:%Y-%m-%d} to {self.end:%Y-%m-%d})"
        )

    def follow_up(
        self,
        treated: pd.DataFrame | None = None,
        *,
        span: Span = _HALF_A_YEAR,
        seed: Seed,
        effect: TreatmentEffect | None = None,
    ) -> "FollowUp":
        """Return what happens after the end, given the treated records.

        Every person has two potential futures, treated and untreated, with common random
        numbers. The future of an untreated person therefore does not depend on who is treated.

        Args:
            treated: `source` and `record_id` of the treated records. The effect applies to the
                person of any of them. Nobody is treated if None.
            span: Length of the follow-up, rounded down to whole days.
            seed: Seed of the futures.
            effect: The effect of the treatment; 25 % more purchases by default.

        Raises:
            DataError: If `treated` lacks a column or contains an unknown record.
            ConfigError: If `span` is shorter than a day.

        Examples:
            >>> retailer = simulate_retailer(200, seed=1)
            >>> ec = retailer.records[retailer.records["source"] == "ec"]
            >>> later = retailer.follow_up(ec, span=weeks(13), seed=2)
            >>> len(later.contacts) == len(ec)
            True
        """
        effect = TreatmentEffect() if effect is None else effect
        days = whole_days(span)
        if days < 1:
            raise ConfigError(f"a follow-up lasts a day or longer, got {span}. Hint: weeks(26)")
        is_treated = _treated_people(self.truth, treated)
        alive = self.truth.people["alive"].to_numpy(dtype=bool)
        without, given = _futures(self._world, alive, self._end_day, days, effect, seed)
        return FollowUp(
            transactions=_lived(without.rows, given.rows, is_treated),
            contacts=_treatment_contacts(treated, self.end),
            people=self.truth.people[["person_id", "acquisition_channel"]].assign(
                treated=is_treated,
                value=np.where(is_treated, given.value, without.value),
                value_untreated=without.value,
                value_treated=given.value,
            ),
            effect=effect,
            start=self.end,
            end=_midnight(self._world, self._end_day + days),
            _truth=self.truth,
        )


@checked
@dataclass(frozen=True, eq=False)
class FollowUp:
    """The data after the end of observation, and the true effect of a treatment.

    Attributes:
        transactions: Tickets and refunds, as in `Retailer.transactions`.
        contacts: One row per treated record: the time of its treatment.
        people: `person_id`, `acquisition_channel`, `treated`, and net values realised in the
            span: `value`, and the potential `value_treated` and `value_untreated`.
        effect: The effect of the treatment.
        start: Start of the treatment.
        end: First moment after the span.

    Examples:
        >>> from omniltv.data.simulate import TreatmentEffect
        >>> effect = TreatmentEffect(rate=1.5)
        >>> later = simulate_retailer(200, seed=1).follow_up(seed=2, effect=effect)
        >>> lift = later.true_lift(weeks(26))
        >>> lift.columns.tolist()
        ['group', 'people', 'untreated', 'treated', 'lift']
        >>> bool((lift["lift"] > 0).all())
        True
    """

    transactions: pd.DataFrame
    contacts: pd.DataFrame
    people: pd.DataFrame
    effect: TreatmentEffect
    start: pd.Timestamp
    end: pd.Timestamp
    _truth: Truth

    def __repr__(self) -> str:
        return (
            f"FollowUp({len(self.transactions):,} transactions, "
            f"{int(self.people['treated'].sum()):,} people treated, "
            f"{self.start:%Y-%m-%d} to {self.end:%Y-%m-%d})"
        )

    def expected_value(
        self,
        horizon: Span,
        *,
        treated: bool,
        discount: Discount | None = None,
        margin: float = 1.0,
    ) -> Floats:
        """Return each person's expected net value if treated or untreated, of shape (n_people,)."""
        effect = self.effect if treated else None
        return self._truth.true_value(horizon, effect=effect, discount=discount, margin=margin)

    def true_lift(
        self,
        horizon: Span,
        *,
        by: ArrayLike | Mapping[str, str] | Literal["channel"] | None = None,
        discount: Discount | None = None,
        margin: float = 1.0,
    ) -> pd.DataFrame:
        """Return the true effect of the treatment on a person's expected value, per group.

        It is the mean over all people of the group, treated or not, which is the quantity that a
        randomised experiment estimates.

        Args:
            horizon: Length of the forecast from the start of the treatment.
            by: The group of each person, in the order of `people`, or by `person_id`. If
                ``"channel"``, the acquisition channel. If None, all people are one group,
                ``"all"``. People with a missing group are left out.
            discount: Discount rate; no discount if None.
            margin: Margin as a share of value.

        Returns:
            `group`, `people`, `untreated`, `treated` (mean expected value) and `lift`.

        Raises:
            DataError: If `by` does not have one entry per person.
        """
        values = {
            name: self.expected_value(horizon, treated=arm, discount=discount, margin=margin)
            for name, arm in (("untreated", False), ("treated", True))
        }
        frame = pd.DataFrame({"group": self._groups(by), **values})
        grouped = frame.groupby("group", sort=True)
        table = grouped.mean()
        table.insert(0, "people", grouped.size())
        return table.assign(lift=table["treated"] - table["untreated"]).reset_index()

    def _groups(
        self, by: ArrayLike | Mapping[str, str] | Literal["channel"] | None
    ) -> NDArray[np.object_]:
        n = len(self.people)
        if by is None:
            return np.full(n, "all", dtype=object)
        if isinstance(by, str) and by == "channel":
            return self.people["acquisition_channel"].to_numpy(dtype=object)
        known = self.people["person_id"].map(by) if isinstance(by, Mapping) else by
        groups = np.asarray(known, dtype=object)
        if groups.shape != (n,):
            raise DataError(
                f"groups of shape {groups.shape} for {n:,} people",
                column="by",
                hint="one group per row of FollowUp.people",
            )
        return groups


@checked
def simulate_retailer(
    n_people: Many = 5_000, *, seed: Seed, config: RetailerConfig | None = None
) -> Retailer:
    """Return a simulated omnichannel retailer and the truth behind its data.

    Every person buys first in the acquisition channel. Purchases and dropout follow the BG/NBD
    model and values the gamma-gamma model, with the parameters of the acquisition channel.

    Args:
        n_people: Number of people.
        seed: The same seed and configuration give the same retailer.
        config: The retailer; four channels of very different size by default.

    Raises:
        ConfigError: If ``n_people`` is below 1.

    Examples:
        >>> retailer = simulate_retailer(200, seed=1)
        >>> retailer.truth.people["acquisition_channel"].value_counts().to_dict()
        {'store': 148, 'ec': 40, 'app': 10, 'call': 2}
    """
    config = RetailerConfig() if config is None else config
    lists, how, when, what = np.random.default_rng(seed).spawn(4)
    acquisition = draw_acquisition(config, n_people, how)
    records, owner, index, people = draw_records(config, acquisition, lists)
    world = Premises(
        config=config,
        latent=draw_latent(config, acquisition, how),
        acquisition=acquisition,
        mix=draw_mix(config, acquisition, index.count.T > 0, how),
        records=index,
        zero=np.datetime64(config.start, "D"),
    )
    days = whole_days(config.observed)
    life = live(world, days, when)
    rows = ring_up(world, life.occasions, first=life.first, end=days, prefix="T")
    order = what.permutation(len(records))
    records = records.iloc[order].reset_index(drop=True)
    return Retailer(
        records=records,
        transactions=rows.drop(columns="person"),
        behaviour=happenings(world, life, days, "event", what),
        contacts=happenings(world, life, days, "kind", what),
        truth=truth_of(world, life, days, rows, records[_KEY], owner[order], people),
        start=_midnight(world, 0),
        end=_midnight(world, days),
        _world=world,
        _end_day=days,
    )


def _midnight(world: Premises, day: int) -> pd.Timestamp:
    return stamps(world.zero, np.array([day * DAY], dtype=np.int64))[0]


class _Outcome(NamedTuple):
    """One potential future of all people: its rows with the person of each, and values."""

    rows: pd.DataFrame
    value: Floats


def _futures(
    world: Premises,
    alive: NDArray[np.bool_],
    begin: int,
    days: int,
    effect: TreatmentEffect,
    seed: Seed,
) -> tuple[_Outcome, _Outcome]:
    """Return the future in which nobody is treated, and that in which everybody is.

    Both use the same candidates. If the treatment makes the clock run beyond that of the
    untreated, the candidates of the additional time come from a separate random stream.
    """
    latent = world.latent._replace(rate=np.where(alive, world.latent.rate, 0.0))
    span = Span(days, TimeUnit.DAY)
    plain = schedule_of(world.config, begin, span)
    treated = schedule_of(world.config, begin, span, effect)
    usual, beyond = np.random.default_rng(seed).spawn(2)
    until, later = float(plain.clock[-1]), float(treated.clock[-1])
    zero = np.zeros(len(alive))
    base = draw_candidates(latent, zero, until, usual)
    extra = draw_candidates(latent, zero + until, later, beyond, number=len(base.person))
    return (
        _outcome(world, play(latent, base, plain), begin, days),
        _outcome(world, play(latent, merge(base, extra), treated), begin, days),
    )


def _outcome(world: Premises, occasions: PurchaseEvents, begin: int, days: int) -> _Outcome:
    later = occasions._replace(time=occasions.time + begin)
    first = np.zeros(len(later.time), dtype=bool)
    rows = ring_up(world, later, first=first, end=begin + days, prefix="F")
    return _Outcome(rows, net_value(world, later))


def _lived(
    without: pd.DataFrame, given: pd.DataFrame, is_treated: NDArray[np.bool_]
) -> pd.DataFrame:
    """Return the rows of each person's actual future, ordered by time."""
    kept = [
        without[~is_treated[without["person"].to_numpy()]],
        given[is_treated[given["person"].to_numpy()]],
    ]
    rows: pd.DataFrame = pd.concat(kept).drop(columns="person")
    return rows.sort_values(["time", "transaction_id"], ignore_index=True)


def _treated_people(truth: Truth, treated: pd.DataFrame | None) -> NDArray[np.bool_]:
    people = truth.people
    if treated is None:
        return np.zeros(len(people), dtype=bool)
    missing = [column for column in _KEY if column not in treated.columns]
    if missing:
        raise DataError(f"no column {missing[0]!r}", column=missing[0], hint=f"columns {_KEY}")
    found = treated[_KEY].merge(truth.records, on=_KEY, how="left")
    unknown = found["person_id"].isna().to_numpy()
    if unknown.any():
        raise DataError(
            "no such record",
            column="record_id",
            rows=treated["record_id"].to_numpy()[unknown].tolist(),
            hint="take source and record_id from Retailer.records",
        )
    return people["person_id"].isin(found["person_id"]).to_numpy(dtype=bool)


def _treatment_contacts(treated: pd.DataFrame | None, end: pd.Timestamp) -> pd.DataFrame:
    """Return one contact per treated record, at 10:00 on the first day."""
    keys = pd.DataFrame(columns=_KEY, dtype=object) if treated is None else treated[_KEY]
    keys = keys.drop_duplicates(ignore_index=True)
    opening = end + pd.offsets.Hour(10)
    return keys.assign(
        channel=keys["source"],
        time=opening.as_unit("ns"),
        kind="treatment",
        staff_id=None,
    )
