"""The whole job: stitch, value, tier, learn.

On a simulated retailer, with the true values for comparison:

    uv run examples/quickstart.py

On your own tables, in a folder with records.csv and transactions.csv (and
assignment.csv if a campaign was tested on some customers and not on others):

    uv run examples/quickstart.py --data FOLDER [--timezone Asia/Tokyo]

records.csv      source, record_id and any of: family_name, given_name,
                 family_name_kana, given_name_kana, email, phone, postcode, address,
                 birth_date, gender, card_number
transactions.csv source, record_id, time, value and, if available, channel,
                 transaction_id, refund_of
assignment.csv   source, record_id, arm ("control" or another name), start
"""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

import omniltv as ltv
from omniltv.data import Retailer, simulate_retailer
from omniltv.data.simulate import FollowUp, TreatmentEffect
from omniltv.experiments import Baseline, Forecast, Lift, window_history
from omniltv.identity import Resolution, linkage_quality
from omniltv.models import LifetimeValue
from omniltv.reporting import plot_intervals, plot_totals
from omniltv.segmentation import Tiering
from omniltv.units import Span

MARGIN = 0.3
HORIZON, WINDOW, BEYOND = ltv.weeks(52), ltv.weeks(26), ltv.weeks(26)
DISCOUNT, UNDISCOUNTED = ltv.Discount(per_year=0.10), ltv.Discount(per_year=0.0)
ARMS = {"control": 0.5, "treated": 0.5}
EFFECT = TreatmentEffect(rate=1.4)
GROUPS = ("acquisition_channel", "tier")
SEED = 20260101
TIMEZONE = "Asia/Tokyo"

type Log = ltv.PurchaseLog[pd.DataFrame]
type Stitched = Resolution[pd.DataFrame]
type Moment = str | datetime
type Truth = Mapping[tuple[str, str], float]


@dataclass(frozen=True)
class Inputs:
    """The tables that the job starts from.

    Attributes:
        records: The customer lists of the channels.
        transactions: Their purchases.
        timezone: Time zone of the calendar; None if all times are local.
        arms: The arm of each record in a campaign; None without a campaign.
        world: The simulated retailer; None for your own tables.
    """

    records: pd.DataFrame
    transactions: pd.DataFrame
    timezone: str | None
    arms: pd.DataFrame | None = None
    world: Retailer | None = None


def main() -> None:
    """Run the job and print its results."""
    options = read_options()
    begin = time.perf_counter()
    try:
        run(read_inputs(options), Path(options.out))
    except ltv.OmniltvError as error:
        here = " With this script: --timezone Asia/Tokyo" if "time zone" in str(error) else ""
        sys.exit(f"\nThis stops here. {error}.{here}")
    print(f"\nDone in {time.perf_counter() - begin:.0f} s.")


# The job


def run(inputs: Inputs, folder: Path) -> None:
    """Stitch, value, tier and learn."""
    folder.mkdir(parents=True, exist_ok=True)
    heading("1. Stitch: how many people are behind the customer lists?")
    with progress("comparing records"):
        resolution = ltv.stitch(inputs.records)
    show_stitching(resolution, inputs.world)
    log = purchase_log(resolution, inputs.transactions, inputs.timezone)
    start = None if inputs.arms is None else start_of(inputs.arms)
    past = log if start is None else log.before(start)

    heading("2. Value: what margin will they bring in the next year?")
    value = lifetime_values(past)
    show_value(value, resolution, inputs.world, folder)

    heading("3. Tier: who is high, potential and general, and who comes first?")
    tiering = ltv.TierScheme.high_potential_general().assign(value, past)
    show_tiers(tiering)

    if inputs.world is not None:
        heading("4. Learn: what did the campaign do in half a year, and what will it have done?")
        arms = ltv.assign(tiering, arms=ARMS, salt="spring", strata="tier")
        after = campaign(inputs.world, arms, resolution)
        later = purchase_log(resolution, after.transactions, TIMEZONE)
        truth = true_lift(after, inputs.world, resolution, tiering)
        show_lift(lift(arms, later, tiering, after.start), truth, folder)
    elif inputs.arms is not None and start is not None:
        heading("4. Learn: what did the campaign do?")
        arms = read_arms(inputs.arms, resolution, tiering)
        show_lift(lift(arms, log, tiering, start), {}, folder)
    print(f"\nPictures: {folder}")


def purchase_log(resolution: Stitched, transactions: pd.DataFrame, timezone: str | None) -> Log:
    """Return the margin of purchases by known customers; print the rejected rows."""
    attached = resolution.attach(transactions)
    log = ltv.PurchaseLog.from_frame(attached.valid, timezone=timezone)
    print(f"\npurchases: {attached.report}")
    for reason, rows in log.rejected["reason"].value_counts().items():
        print(f"  rejected: {rows:,} {reason}")
    print(f"  {log}")
    return log.with_margin(MARGIN)


def lifetime_values(log: Log) -> LifetimeValue:
    """Return the value of every customer, with partial pooling over acquisition channels."""
    history = log.history(by="acquisition_channel", unit="week")
    return value_of(history, ltv.Pooling.partial("acquisition_channel"), HORIZON, DISCOUNT)


def lift(arms: ltv.Assignment, log: Log, tiering: Tiering, start: Moment) -> Lift:
    """Return the lift on margin: observed in the window, forecast beyond it."""
    window = window_history(log, arms, start=start, unit="week")
    beyond = value_of(window, ltv.Pooling.none("arm"), BEYOND, UNDISCOUNTED)
    return ltv.ltv_lift(
        arms,
        control="control",
        observed=window,
        forecast=Forecast.of(beyond),
        persistence=ltv.Persistence.full(BEYOND),
        baseline=Baseline(tiering, covariates="value", by=GROUPS),
        level=0.9,
    )


def value_of(
    history: ltv.PurchaseHistory, pooling: ltv.Pooling, horizon: Span, discount: ltv.Discount
) -> LifetimeValue:
    """Return the value of each row of a history, from a fit of purchases and one of spend."""
    live = sys.stderr.isatty()
    with progress("fitting purchases (BG/NBD)"):
        purchases = ltv.fit(ltv.BgNbd(), history, pooling=pooling, seed=SEED, progress=live)
    print(f"  {purchases.diagnostics}")
    with progress("fitting spend (Gamma-Gamma)"):
        spend = ltv.fit(ltv.GammaGamma(), history, pooling=pooling, seed=SEED, progress=live)
    print(f"  {spend.diagnostics}")
    return ltv.lifetime_value(
        purchases, spend, history, horizon=horizon, discount=discount, seed=SEED
    )


def read_arms(arms: pd.DataFrame, resolution: Stitched, tiering: Tiering) -> ltv.Assignment:
    """Return the arms of known customers; customers in two arms are left out."""
    attached = resolution.attach(arms)
    print(f"assignment: {attached.report}")
    try:
        assignment = ltv.Assignment.from_frame(attached.valid)
    except ltv.DataError as error:
        print(f"  {error}")
        print(f"  these {len(error.rows):,} customers are left out of the experiment")
        in_two_arms = attached.valid["customer_id"].isin(error.rows)
        assignment = ltv.Assignment.from_frame(attached.valid[~in_two_arms])
    known = assignment.among(tiering.customer_id)
    print(f"  left out: {len(assignment) - len(known):,} without a purchase before the campaign")
    return known


def start_of(arms: pd.DataFrame) -> str:
    """Return when the campaign began."""
    if arms["start"].isna().all():
        hint = "write when the campaign began, such as 2026-04-01"
        raise ltv.DataError("assignment.csv has no start", column="start", hint=hint)
    return str(arms["start"].min())


# The truth, for the simulated retailer


def realised_margin(
    value: LifetimeValue, resolution: Stitched, world: Retailer
) -> NDArray[np.float64]:
    """Return the discounted margin that each customer really brought."""
    after = world.follow_up(span=HORIZON, seed=SEED + 1)
    later = purchase_log(resolution, after.transactions, TIMEZONE)
    return later.realised_value(value.customer_id, discount=DISCOUNT, start=after.start)


def campaign(world: Retailer, arms: ltv.Assignment, resolution: Stitched) -> FollowUp:
    """Return the half year after a campaign for the treated customers."""
    print(f"the campaign makes people buy {EFFECT.rate - 1:.0%} more often; {arms}")
    chosen = resolution.crosswalk["customer_id"].isin(arms.customer_id[arms.arm == "treated"])
    return world.follow_up(resolution.crosswalk[chosen], span=WINDOW, seed=SEED, effect=EFFECT)


def true_lift(after: FollowUp, world: Retailer, resolution: Stitched, tiering: Tiering) -> Truth:
    """Return the true lift per person by group."""
    horizon = ltv.days((WINDOW.amount + BEYOND.amount) * 7)
    people = resolution.attach(world.truth.records).valid
    customer = dict(zip(people["person_id"], people["customer_id"], strict=True))
    truth: dict[tuple[str, str], float] = {}
    for column in ("", *GROUPS):
        labels = tiering.columns()[column] if column else [""] * len(tiering)
        group = dict(zip(tiering.customer_id.tolist(), labels, strict=True))
        by = {person: str(group[name]) for person, name in customer.items() if name in group}
        found = after.true_lift(horizon, by=by, margin=MARGIN)
        truth |= {(column, group): lift for group, lift in found[["group", "lift"]].values}
    return truth


# What is printed and drawn


def show_stitching(resolution: Stitched, world: Retailer | None) -> None:
    """Print how many records became how many customers."""
    print(resolution.summary())
    if world is not None:
        print(f"truth: {linkage_quality(resolution.crosswalk, world.truth.records)}")


def show_value(
    value: LifetimeValue, resolution: Stitched, world: Retailer | None, folder: Path
) -> None:
    """Print margin by channel with 90 % predictive intervals, and draw it."""
    with progress("simulating futures"):
        totals = value.predictive_total(by="acquisition_channel")
    realised = None if world is None else realised_margin(value, resolution, world)
    truth = None
    if realised is not None:
        channel = value.groups["acquisition_channel"]
        truth = [realised[channel == label].sum() for label in totals.labels]
    print(f"\nMargin in {HORIZON} by acquisition channel (90 % intervals):")
    rows = zip(totals.labels, totals.size, totals.mean(), totals.interval(0.9), strict=True)
    for row, (label, size, mean, (low, high)) in enumerate(rows):
        known = "" if truth is None else f"  truth {truth[row]:,.0f}"
        print(f"  {label:<8}{size:7,.0f} customers {mean:14,.0f}  [{low:,.0f}, {high:,.0f}]{known}")
    if realised is not None:
        show_coverage(value.predictive_interval(0.9), realised)
    ax = plot_totals(totals, truth=truth, title=f"Margin in {HORIZON} by acquisition channel")
    save(ax, folder / "value_by_channel.png")


def show_coverage(intervals: NDArray[np.float64], realised: NDArray[np.float64]) -> None:
    """Print how often the intervals of single customers included what they brought."""
    above, below = (realised > intervals[:, 1]).mean(), (realised < intervals[:, 0]).mean()
    from_zero = (intervals[:, 0] == 0).mean()
    print(f"  interval coverage: 90 % intervals of single customers held {1 - above - below:.1%};")
    print(f"  {above:.1%} brought more (5 % expected) and {below:.1%} less (below 5 %, because")
    print(f"  {from_zero:.0%} of the intervals begin at 0 and no one brings less)")


def show_tiers(tiering: Tiering) -> None:
    """Print the tiers, how certain they are, and whom to attend to first."""
    print(tiering.summary())
    print("\nCall first (90 % interval of what each will bring):")
    print(tiering.first(5))


def show_lift(found: Lift, truth: Truth, folder: Path) -> None:
    """Print the lift overall, per channel and per tier, and draw it."""
    print(f"\nLift on margin per customer ({found.level:.0%} intervals):")
    labels = [f"{row.by} {row.group}".strip() or "all customers" for row in found.rows]
    for label, row in zip(labels, found.rows, strict=True):
        line = f"  {label:<28}{row.estimate:+10,.0f}  [{row.low:,.0f}, {row.high:,.0f}]"
        known = f"  truth {truth[row.by, row.group]:+,.0f}" if truth else ""
        print(f"{line}{known}  ({row.n:,} against {row.control_n:,})")
    if found.srm is not None:
        print(f"  arms: {found.srm.verdict}")
    for note in found.notes:
        print(f"  note: {note}")
    ax = plot_intervals(
        labels,
        [row.estimate for row in found.rows],
        [(row.low, row.high) for row in found.rows],
        truth=[truth[row.by, row.group] for row in found.rows] if truth else None,
        title="Lift on margin per customer",
        xlabel="margin",
        zero=True,
    )
    save(ax, folder / "lift.png")


# Reading and writing


def read_options() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", metavar="FOLDER", help="a folder with your own tables")
    parser.add_argument("--timezone", help="time zone of the calendar, such as Asia/Tokyo")
    parser.add_argument("--people", type=int, default=4_000, help="people to simulate")
    parser.add_argument("--out", metavar="FOLDER", default="omniltv-quickstart")
    return parser.parse_args()


def read_inputs(options: argparse.Namespace) -> Inputs:
    """Return the tables of the simulated retailer, or of a folder."""
    if options.data is None:
        with progress(f"simulating a retailer of {options.people:,} people"):
            world = simulate_retailer(options.people, seed=SEED)
        return Inputs(world.records, world.transactions, TIMEZONE, world=world)
    folder = Path(options.data)
    transactions = read_table(folder, "transactions", ("source", "record_id", "time", "value"))
    records = read_table(folder, "records", ("source", "record_id"))
    if "channel" not in transactions.columns:
        transactions["channel"] = transactions["source"]
    return Inputs(records, transactions, options.timezone, read_campaign(folder))


def read_campaign(folder: Path) -> pd.DataFrame | None:
    """Return the arm of each record, if there was a campaign."""
    if not (folder / "assignment.csv").exists():
        return None
    arms = read_table(folder, "assignment", ("source", "record_id", "arm", "start"))
    if "control" not in set(arms["arm"]):
        hint = "name the arm without treatment 'control'"
        raise ltv.DataError("assignment.csv has no arm 'control'", column="arm", hint=hint)
    return arms


def read_table(folder: Path, name: str, needed: tuple[str, ...]) -> pd.DataFrame:
    """Return a CSV file as text, so that ids keep their leading zeros."""
    path = folder / f"{name}.csv"
    if not path.is_file():
        hint = f"put {name}.csv there, with the columns {', '.join(needed)}"
        raise ltv.DataError(f"no {name}.csv in {folder}", hint=hint)
    table = pd.read_csv(path, dtype="str", keep_default_na=True)
    missing = [column for column in needed if column not in table.columns]
    if missing:
        hint = f"it has {', '.join(table.columns)}; rename one of them"
        raise ltv.DataError(f"{name}.csv lacks this column", column=missing[0], hint=hint)
    return table


def save(ax: Axes, path: Path) -> None:
    """Save the figure of the axes."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.savefig(path, dpi=120)


def heading(text: str) -> None:
    """Print a heading."""
    print(f"\n{text}\n{'-' * len(text)}")


@contextmanager
def progress(what: str) -> Iterator[None]:
    """Print what is running, and how long it took."""
    print(f"… {what}", flush=True)
    begin = time.perf_counter()
    yield
    print(f"  {time.perf_counter() - begin:.1f} s", flush=True)


if __name__ == "__main__":
    main()
