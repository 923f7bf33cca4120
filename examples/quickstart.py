"""The whole job: stitch, value, tier, learn.

On a simulated retailer, with the truth beside every answer:

    uv run examples/quickstart.py

On your own tables, in a folder with records.csv and transactions.csv (and
assignment.csv where a measure was tried on some customers and not on others):

    uv run examples/quickstart.py --data FOLDER [--timezone Asia/Tokyo]

records.csv      source, record_id and what is known of the person: family_name,
                 given_name, family_name_kana, given_name_kana, email, phone, postcode,
                 address, birth_date, gender, card_number (any of them)
transactions.csv source, record_id, time, value, and if there are: channel,
                 transaction_id, refund_of
assignment.csv   source, record_id, arm ("control" or another name), start
"""

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

import omniltv as ltv
from omniltv.data import Retailer, simulate_retailer
from omniltv.data.simulate import FollowUp, TreatmentEffect
from omniltv.experiments import Forecast, Lift, window_history
from omniltv.identity import Resolution, linkage_quality
from omniltv.models import LifetimeValue
from omniltv.reporting import plot_intervals, plot_totals
from omniltv.segmentation import Tiering

MARGIN = 0.3
HORIZON = ltv.weeks(52)
BEYOND = ltv.weeks(26)
DISCOUNT = ltv.Discount(per_year=0.10)
UNDISCOUNTED = ltv.Discount(per_year=0.0)
SEED = 20260101
TIMEZONE = "Asia/Tokyo"
ARMS = {"control": 0.5, "treated": 0.5}


@dataclass(frozen=True)
class Inputs:
    """What the job starts from.

    Attributes:
        records: The channels' customer lists.
        transactions: Their purchases, until the treatment where there was one.
        trial: When a measure began (local time), who was in which arm, and the purchases
            since; None where no measure was tried.
        world: The simulated retailer; None for tables of your own.
    """

    records: pd.DataFrame
    transactions: pd.DataFrame
    trial: tuple[pd.Timestamp, pd.DataFrame, pd.DataFrame] | None = None
    world: Retailer | None = None


def main() -> None:
    """Run the job and print what a person wants to read."""
    options = read_options()
    begin = time.perf_counter()
    try:
        run(read_inputs(options), options)
    except ltv.OmniltvError as error:
        here = " With this script: --timezone Asia/Tokyo" if "time zone" in str(error) else ""
        sys.exit(f"\nThis stops here. {error}.{here}")
    print(f"\nDone in {time.perf_counter() - begin:.0f} s.")


def run(inputs: Inputs, options: argparse.Namespace) -> None:
    """Stitch, value, tier and learn."""
    folder = Path(options.out)
    folder.mkdir(parents=True, exist_ok=True)
    resolution = stitch(inputs)
    log = purchase_log(resolution, inputs.transactions, options.timezone)
    value = lifetime_values(log)
    future = None
    if inputs.world is not None:
        future = inputs.world.follow_up(span=HORIZON, seed=SEED + 1)
    show_value(value, realised_margin(value, resolution, future), folder)
    tiering = show_tiers(value, log)
    customers = tiering.to_frame().assign(acquisition_channel=value.groups["acquisition_channel"])
    if inputs.world is not None:
        learn_simulated(inputs.world, resolution, customers, folder)
    elif inputs.trial is not None:
        start, arms, purchases = inputs.trial
        assignment = read_assignment(arms, resolution, customers)
        later = purchase_log(resolution, purchases, options.timezone)
        show_lift(lift(assignment, later, customers, start, last_moment(later)), None, folder)
    print(f"\nPictures: {folder}")


def stitch(inputs: Inputs) -> Resolution[pd.DataFrame]:
    """Return which records are one person."""
    heading("1. Stitch: how many people are behind the customer lists?")
    with progress("comparing records"):
        resolution = ltv.stitch(inputs.records)
    print(resolution.summary())
    if inputs.world is not None:
        truth = inputs.world.truth.records
        print(f"truth: {linkage_quality(resolution.crosswalk, truth)}")
    return resolution


def purchase_log(
    resolution: Resolution[pd.DataFrame], transactions: pd.DataFrame, timezone: str | None
) -> ltv.PurchaseLog[pd.DataFrame]:
    """Return the purchases of known customers, refunds netted; print what is set aside."""
    attached = resolution.attach(transactions)
    log = ltv.PurchaseLog.from_frame(attached.valid, timezone=timezone)
    print(f"\npurchases: {attached.summary()}")
    for reason, rows in log.rejected["reason"].value_counts().items():
        print(f"  set aside: {rows:,} {reason}")
    print(f"  {log}")
    return log


def lifetime_values(log: ltv.PurchaseLog[pd.DataFrame]) -> LifetimeValue:
    """Return what every customer will bring, with channels sharing strength."""
    heading("2. Value: what will they bring in the next year?")
    history = log.history(by="acquisition_channel", unit="week")
    pooling = ltv.Pooling.partial("acquisition_channel")
    live = sys.stderr.isatty()
    with progress("fitting purchases (BG/NBD)"):
        purchases = ltv.fit(ltv.BgNbd(), history, seed=SEED, pooling=pooling, progress=live)
    print(f"  {purchases.diagnostics}")
    with progress("fitting spend (Gamma-Gamma)"):
        spend = ltv.fit(ltv.GammaGamma(), history, seed=SEED, pooling=pooling, progress=live)
    print(f"  {spend.diagnostics}")
    return ltv.lifetime_value(
        purchases, spend, history, horizon=HORIZON, discount=DISCOUNT, margin=MARGIN, seed=SEED
    )


def show_value(value: LifetimeValue, realised: NDArray[np.float64] | None, folder: Path) -> None:
    """Print margin by channel with 90 % predictive intervals, and draw it."""
    with progress("simulating futures"):
        intervals = value.predictive_interval(0.9)
    channel = value.groups["acquisition_channel"]
    totals = value.predictive.total(by=channel)
    truth = None
    if realised is not None:
        truth = [realised[channel == label].sum() for label in totals.labels]
    print(f"\nMargin in {HORIZON}, by the channel a customer came from (90 % intervals):")
    for row, (label, mean) in enumerate(zip(totals.labels, totals.mean(), strict=True)):
        low, high = totals.interval(0.9)[row]
        line = f"  {label:<8}{totals.size[row]:7,.0f} customers {mean:14,.0f}"
        known = "" if truth is None else f"  truth {truth[row]:,.0f}"
        print(f"{line}  [{low:,.0f}, {high:,.0f}]{known}")
    if realised is not None:
        show_coverage(intervals, realised)
    ax = plot_totals(totals, truth=truth, title=f"Margin in {HORIZON} by acquisition channel")
    save(ax, folder / "value_by_channel.png")


def show_coverage(intervals: NDArray[np.float64], realised: NDArray[np.float64]) -> None:
    """Print how often the intervals of single customers held what they really brought."""
    above, below = (realised > intervals[:, 1]).mean(), (realised < intervals[:, 0]).mean()
    from_zero = (intervals[:, 0] == 0).mean()
    print(f"  interval coverage: 90 % intervals of single customers held {1 - above - below:.1%};")
    print(f"  {above:.1%} brought more (5 % expected) and {below:.1%} less (fewer than 5 %, as")
    print(f"  {from_zero:.0%} of the intervals begin at 0 and nobody brings less)")


def realised_margin(
    value: LifetimeValue, resolution: Resolution[pd.DataFrame], future: FollowUp | None
) -> NDArray[np.float64] | None:
    """Return what each customer really brought, as the simulator knows; else None."""
    if future is None:
        return None
    valid = resolution.attach(future.transactions).valid
    log = ltv.PurchaseLog.from_frame(valid, timezone=TIMEZONE).to_frame()
    start = future.start.tz_localize(None)
    passed = (log["time"] - start).dt.total_seconds().to_numpy() / 86_400
    worth = MARGIN * log["value"] * DISCOUNT.factor(passed, ltv.days(1).unit)
    by_customer = worth.groupby(log["customer_id"]).sum()
    return by_customer.reindex(value.customer_id).fillna(0.0).to_numpy()


def show_tiers(value: LifetimeValue, log: ltv.PurchaseLog[pd.DataFrame]) -> Tiering:
    """Print the tiers, how sure they are, and whom to attend to first."""
    heading("3. Tier: who is high, potential and general, and who comes first?")
    past = log.to_frame().groupby("customer_id")["value"].sum() * MARGIN
    table = value.to_frame().assign(
        realised_value=past.reindex(value.customer_id).fillna(0.0).to_numpy()
    )
    tiering = ltv.TierScheme.high_potential_general().assign(table, draws=value.predictive)
    print(tiering.summary())
    first = tiering.first(5).to_frame().merge(table, on="customer_id", suffixes=("", "_"))
    shown = ["place", "customer_id", "tier", "acquisition_channel", "value", "predictive_lower"]
    shown += ["predictive_upper", "prob_alive"]
    print("\nCall first (90 % interval of what each will bring):")
    print(first[shown].to_string(index=False, float_format=lambda number: f"{number:,.2f}"))
    return tiering


def learn_simulated(
    world: Retailer,
    resolution: Resolution[pd.DataFrame],
    customers: pd.DataFrame,
    folder: Path,
) -> None:
    """Assign arms, let half a year pass, and measure the lift beside the truth."""
    assignment = ltv.assign(customers, arms=ARMS, salt="spring", strata="tier")
    chosen = assignment.customer_id[assignment.arm == "treated"]
    treated = resolution.crosswalk[resolution.crosswalk["customer_id"].isin(chosen)]
    effect = TreatmentEffect(rate=1.4)
    after = world.follow_up(
        treated[["source", "record_id"]], span=ltv.weeks(26), seed=SEED, effect=effect
    )
    heading("4. Learn: what did the measure do in half a year, and what will it have done?")
    print(f"the measure makes people buy {effect.rate - 1:.0%} more often; {assignment}")
    later = purchase_log(resolution, after.transactions, TIMEZONE)
    start, end = (moment.tz_localize(None) for moment in (after.start, after.end))
    found = lift(assignment, later, customers, start, end)
    truth = true_lift(world, after, resolution, customers)
    show_lift(found, truth, folder)


def read_assignment(
    arms: pd.DataFrame, resolution: Resolution[pd.DataFrame], customers: pd.DataFrame
) -> ltv.Assignment:
    """Return the arms of customers; who is in two arms or never bought is set aside, and said."""
    heading("4. Learn: what did the measure do?")
    attached = resolution.attach(arms)
    print(f"assignment: {attached.summary()}")
    table = attached.valid[["customer_id", "arm"]].drop_duplicates()
    bought = table["customer_id"].isin(set(customers["customer_id"]))
    print(f"  set aside: {(~bought).sum():,} who had bought nothing before the measure began")
    table = table[bought]
    try:
        return ltv.Assignment.from_frame(table)
    except ltv.DataError as error:
        print(f"  {error}")
        print(f"  these {len(error.rows):,} customers are left out of the experiment")
        return ltv.Assignment.from_frame(table[~table["customer_id"].isin(error.rows)])


def lift(
    assignment: ltv.Assignment,
    later: ltv.PurchaseLog[pd.DataFrame],
    customers: pd.DataFrame,
    start: pd.Timestamp,
    end: pd.Timestamp,
) -> Lift:
    """Return the lift on margin: the window observed, the time beyond it forecast."""
    bought = later.to_frame()
    bought["value"] *= MARGIN
    window = window_history(bought, assignment, start=start, end=end, unit="week")
    pooling = ltv.Pooling.none("arm")
    live = sys.stderr.isatty()
    with progress("fitting purchases and spend per arm"):
        purchases = ltv.fit(ltv.BgNbd(), window, seed=SEED, pooling=pooling, progress=live)
        spend = ltv.fit(ltv.GammaGamma(), window, seed=SEED, pooling=pooling, progress=live)
    beyond = ltv.lifetime_value(
        purchases, spend, window, horizon=BEYOND, discount=UNDISCOUNTED, seed=SEED
    )
    known = (purchases.log_likelihood(window), spend.log_likelihood(window))
    before = customers[customers["customer_id"].isin(set(assignment.customer_id))]
    return ltv.ltv_lift(
        assignment,
        control="control",
        persistence=ltv.Persistence.full(BEYOND),
        observed=bought[bought["customer_id"].isin(set(assignment.customer_id))],
        forecast=Forecast(window.customer_id, beyond.draws, purchases.groups, known),
        before=before,
        covariates="value",
        by=["acquisition_channel", "tier"],
        missing="zero",
        level=0.9,
    )


def true_lift(
    world: Retailer, after: FollowUp, resolution: Resolution[pd.DataFrame], customers: pd.DataFrame
) -> dict[tuple[str, str], float]:
    """Return the true lift per person by group, as the simulator knows it."""
    horizon = ltv.days(BEYOND.to(ltv.days(1).unit) + (after.end - after.start).days)
    person = resolution.crosswalk.merge(world.truth.records, on=["source", "record_id"])
    tier = person.merge(customers, on="customer_id").drop_duplicates("person_id")
    people = after.people[["person_id"]].merge(tier, on="person_id", how="left")
    truth: dict[tuple[str, str], float] = {}
    for column in ("acquisition_channel", "tier"):
        found = after.true_lift(horizon, by=people[column].to_numpy(), margin=MARGIN)
        lifts = dict(zip(found["group"], found["lift"].to_numpy(), strict=True))
        truth |= {(column, str(group)): float(value) for group, value in lifts.items()}
    everybody = after.true_lift(horizon, by=people["tier"].notna().to_numpy(), margin=MARGIN)
    truth[("", "")] = float(
        everybody["lift"].to_numpy()[everybody["group"].to_numpy(dtype=bool)][0]
    )
    return truth


def show_lift(found: Lift, truth: dict[tuple[str, str], float] | None, folder: Path) -> None:
    """Print the lift overall, per channel and per tier, and draw it."""
    print(f"\nLift on margin per customer ({found.level:.0%} intervals):")
    labels = [f"{row.by} {row.group}".strip() or "everybody" for row in found.rows]
    for label, row in zip(labels, found.rows, strict=True):
        line = f"  {label:<28}{row.estimate:+10,.0f}  [{row.low:,.0f}, {row.high:,.0f}]"
        known = "" if truth is None else f"  truth {truth[(row.by, row.group)]:+,.0f}"
        print(f"{line}{known}  ({row.n:,} against {row.control_n:,})")
    if found.srm is not None:
        print(f"  arms: {found.srm.verdict}")
    for note in found.notes:
        print(f"  note: {note}")
    ax = plot_intervals(
        labels,
        [row.estimate for row in found.rows],
        [(row.low, row.high) for row in found.rows],
        truth=None if truth is None else [truth[(row.by, row.group)] for row in found.rows],
        title="Lift on margin per customer",
        xlabel="margin",
        zero=True,
    )
    save(ax, folder / "lift.png")


def read_options() -> argparse.Namespace:
    """Return what was asked for on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", metavar="FOLDER", help="a folder with your own tables")
    parser.add_argument("--timezone", help="whose calendar counts, such as Asia/Tokyo")
    parser.add_argument("--people", type=int, default=4_000, help="people to simulate")
    parser.add_argument("--out", metavar="FOLDER", default="omniltv-quickstart")
    return parser.parse_args()


def read_inputs(options: argparse.Namespace) -> Inputs:
    """Return the simulated retailer's tables, or those of a folder."""
    if options.data is None:
        options.timezone = TIMEZONE
        with progress(f"simulating a retailer of {options.people:,} people"):
            world = simulate_retailer(options.people, seed=SEED)
        return Inputs(world.records, world.transactions, world=world)
    folder = Path(options.data)
    transactions = read_table(folder, "transactions", ("source", "record_id", "time", "value"))
    records = read_table(folder, "records", ("source", "record_id"))
    if "channel" not in transactions.columns:
        transactions["channel"] = transactions["source"]
    if not (folder / "assignment.csv").exists():
        return Inputs(records, transactions)
    return with_experiment(folder, records, transactions, options.timezone)


def with_experiment(
    folder: Path, records: pd.DataFrame, transactions: pd.DataFrame, timezone: str | None
) -> Inputs:
    """Return the tables with purchases divided at the start of the treatment."""
    arms = read_table(folder, "assignment", ("source", "record_id", "arm", "start"))
    if "control" not in set(arms["arm"]):
        hint = "call the arm that got nothing 'control'"
        raise ltv.DataError("assignment.csv has no arm 'control'", column="arm", hint=hint)
    start = local_times(arms["start"], timezone).min()
    if pd.isna(start):
        hint = "write when the measure began, such as 2026-04-01"
        raise ltv.DataError("assignment.csv names no time", column="start", hint=hint)
    when = local_times(transactions["time"], timezone)
    later = (when >= start).to_numpy()
    return Inputs(records, transactions[~later], (start, arms, transactions[later]))


def local_times(column: pd.Series, timezone: str | None) -> pd.Series:
    """Return times as local times; what cannot be read is left for the checks to name."""
    times = pd.to_datetime(column, errors="coerce", format="ISO8601", utc=timezone is not None)
    return times if timezone is None else times.dt.tz_convert(timezone).dt.tz_localize(None)


def last_moment(log: ltv.PurchaseLog[pd.DataFrame]) -> pd.Timestamp:
    """Return the first moment after the last day of the log."""
    return pd.Timestamp(log.time.max()).normalize() + pd.offsets.Day(1)


def read_table(folder: Path, name: str, needed: tuple[str, ...]) -> pd.DataFrame:
    """Return a CSV file as text, so that no id loses its zeros; say what is missing."""
    path = folder / f"{name}.csv"
    if not path.is_file():
        hint = f"put {name}.csv there; its columns: {', '.join(needed)}"
        raise ltv.DataError(f"no {name}.csv in {folder}", hint=hint)
    table = pd.read_csv(path, dtype="str", keep_default_na=True)
    missing = [column for column in needed if column not in table.columns]
    if missing:
        hint = f"it has {', '.join(table.columns)}; rename one of them"
        raise ltv.DataError(f"{name}.csv lacks this column", column=missing[0], hint=hint)
    return table


def save(ax: Axes, path: Path) -> None:
    """Save the picture that the axes are part of."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.savefig(path, dpi=120)


def heading(text: str) -> None:
    """Print a heading."""
    print(f"\n{text}\n{'-' * len(text)}")


@contextmanager
def progress(what: str) -> Iterator[None]:
    """Say what is going on, and how long it took."""
    print(f"… {what}", flush=True)
    begin = time.perf_counter()
    yield
    print(f"  {time.perf_counter() - begin:.1f} s", flush=True)


if __name__ == "__main__":
    main()
