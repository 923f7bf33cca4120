"""The whole job: stitch, value, tier, learn.

On a simulated retailer, with the true values for comparison:

    uv run examples/quickstart.py

On your own tables:

    uv run examples/quickstart.py --data FILE_OR_FOLDER [--timezone Asia/Tokyo] [--dates dmy]

A file has transactions; a folder also has customer lists, and the arms of a campaign that was
tested on some customers and not on others. All of them are CSV, Excel or Parquet files:

transactions.*   source, record_id, time, value (or quantity and unit_price) and, if available,
                 channel, transaction_id, refund_of
records.*        source, record_id and any personal columns (see docs/guides/identity.md);
                 without this file, each id of the transactions is a customer
assignment.*     source, record_id, arm ("control" or another name), start

Common headers in Japanese and English are known; for others, transactions.yaml and records.yaml
have a ColumnMap. Rows of one transaction_id may be articles: they are summed to orders. The job
writes these tables, with your own ids, to the folder of --out:

customers.csv    source, record_id, customer_id, tier and value of every record
value.csv        value, intervals and probability of being alive of every customer
tiers.csv        tier of every customer, and how probable each tier is
call_list.csv    customers in the order to attend to them, with channel, interval and ids
intake.csv       rows and money in, kept, changed and set aside, by table and reason
rejected_*.csv   the rows set aside, with their reason

The exit code is 0 if all is well, 3 if more than --warn-above of a table was set aside, 4 if
the job stopped because it was more than --stop-above, and 1 after any other error.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from textwrap import indent
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

import omniltv as ltv
from omniltv.data import (
    ColumnMap,
    Formats,
    IntakeReport,
    Retailer,
    Tolerance,
    profile,
    read_table,
    simulate_retailer,
)
from omniltv.data.simulate import FollowUp, TreatmentEffect
from omniltv.errors import IntakeError
from omniltv.experiments import Baseline, Forecast, Lift, window_history
from omniltv.identity import Resolution, linkage_quality
from omniltv.models import LifetimeValue, PurchaseFit, SpendFit
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
SOURCE = "export"  # source of tables that do not name one
WARNED, STOPPED = 3, 4  # exit codes

type Log = ltv.PurchaseLog[pd.DataFrame]
type Stitched = Resolution[pd.DataFrame]
type Moment = str | datetime
type Name = Literal["transactions", "records"]
type Truth = Mapping[tuple[str, str], float]


@dataclass(frozen=True)
class Inputs:
    """The tables that the job starts from."""

    records: pd.DataFrame  # the customer lists of the channels
    transactions: pd.DataFrame
    timezone: str | None  # of the calendar; None if all times are local
    formats: Formats | None = None
    arms: pd.DataFrame | None = None  # the arm of each record in a campaign
    world: Retailer | None = None  # the simulated retailer


@dataclass(frozen=True)
class Ledger:
    """The folder that tables are written to, and the reports on what was read, by step."""

    folder: Path
    tolerance: Tolerance
    reports: dict[str, IntakeReport[pd.DataFrame]] = field(default_factory=dict)

    def enter(self, name: str, report: IntakeReport[pd.DataFrame]) -> None:
        """Print a report, keep it, and write the rows that were set aside."""
        print(report)
        self.reports[name] = report
        self.write(f"rejected_{name}", report.rejected)
        every = [known.to_frame().assign(step=step) for step, known in self.reports.items()]
        self.write("intake", pd.concat(every))

    def write(self, name: str, table: pd.DataFrame) -> None:
        """Write a table as a CSV file that Excel reads, too."""
        self.folder.mkdir(parents=True, exist_ok=True)
        table.to_csv(self.folder / f"{name}.csv", index=False, encoding="utf-8-sig")

    @property
    def exit_code(self) -> int:
        """Whether a threshold was passed."""
        verdicts = {report.verdict(self.tolerance) for report in self.reports.values()}
        return WARNED if verdicts - {"ok"} else 0


def main() -> None:
    """Run the job and print its results."""
    options = read_options()
    begin = time.perf_counter()
    try:
        ledger = Ledger(Path(options.out), Tolerance(options.warn_above, options.stop_above))
        run(read_inputs(options), ledger)
    except IntakeError as error:
        ledger.enter("stopped", error.report)
        print(f"\nThis stops here. {error}.", file=sys.stderr)
        sys.exit(STOPPED)
    except ltv.OmniltvError as error:
        here = {"time zone": "--timezone Asia/Tokyo", "Formats": "--dates dmy, --decimal ,"}
        said = [f" With this script: {here[word]}." for word in here if word in str(error)]
        sys.exit(f"\nThis stops here. {error}.{''.join(said)}")
    print(f"\nDone in {time.perf_counter() - begin:.0f} s.")
    sys.exit(ledger.exit_code)


# The job


def run(inputs: Inputs, ledger: Ledger) -> None:
    """Stitch, value, tier and learn."""
    folder = ledger.folder
    folder.mkdir(parents=True, exist_ok=True)
    heading("1. Stitch: how many people are behind the customer lists?")
    with progress("comparing records"):
        resolution = ltv.stitch(inputs.records, tolerance=ledger.tolerance)
    ledger.enter("records", resolution.report)
    show_stitching(resolution, inputs.world)
    log = purchase_log(resolution, inputs, ledger)
    start = None if inputs.arms is None else start_of(inputs.arms)
    past = log if start is None else log.before(start)

    heading("2. Value: what margin will they bring in the next year?")
    value = lifetime_values(past)
    show_value(value, resolution, inputs.world, folder)

    heading("3. Tier: who is high, potential and general, and who comes first?")
    tiering = ltv.TierScheme.high_potential_general().assign(value, past)
    show_tiers(tiering)
    write_tables(resolution, value, tiering, ledger)

    if inputs.world is not None:
        heading("4. Learn: what did the campaign do in half a year, and what will it have done?")
        arms = ltv.assign(tiering, arms=ARMS, salt="spring", strata="tier")
        after = campaign(inputs.world, arms, resolution)
        later = later_log(resolution, after.transactions)
        truth = true_lift(after, inputs.world, resolution, tiering)
        show_lift(lift(arms, later, tiering, after.start), truth, folder)
    elif inputs.arms is not None and start is not None:
        heading("4. Learn: what did the campaign do?")
        arms = read_arms(inputs.arms, resolution, tiering, ledger)
        show_lift(lift(arms, log, tiering, start), {}, folder)
    print(f"\nTables and pictures: {folder}")


def purchase_log(resolution: Stitched, inputs: Inputs, ledger: Ledger) -> Log:
    """Return the margin of purchases by known customers."""
    attached = resolution.attach(inputs.transactions, tolerance=ledger.tolerance)
    ledger.enter("transactions", attached.report)
    log = ltv.PurchaseLog.from_frame(
        attached.valid,
        timezone=inputs.timezone,
        formats=inputs.formats,
        tolerance=ledger.tolerance,
    )
    ledger.enter("purchases", log.report)
    return log.with_margin(MARGIN)


def later_log(resolution: Stitched, transactions: pd.DataFrame) -> Log:
    """Return the margin of simulated purchases after the job, also by those who are new."""
    attached = resolution.attach(transactions, tolerance=Tolerance.anything())
    log = ltv.PurchaseLog.from_frame(attached.valid, timezone=TIMEZONE)
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
    with progress("fitting purchases (MBG/NBD); the first fit on a machine also compiles"):
        purchases = ltv.fit(ltv.MbgNbd(), history, pooling=pooling, seed=SEED, progress=live)
    print(told(purchases))
    with progress("fitting spend (Gamma-Gamma)"):
        spend = ltv.fit(ltv.GammaGamma(), history, pooling=pooling, seed=SEED, progress=live)
    print(told(spend))
    return ltv.lifetime_value(
        purchases, spend, history, horizon=horizon, discount=discount, seed=SEED
    )


def told(fit: PurchaseFit | SpendFit) -> str:
    """Return the diagnostics of a fit, and the findings that need attention."""
    notable = [one for one in fit.findings.each if one.verdict != "fine"]
    fine = f"{len(fit.findings) - len(notable)} checks of the fit are fine"
    lines = [str(fit.diagnostics), *(f"{one.verdict}: {one.sentence}" for one in notable), fine]
    return indent("\n".join(lines), "  ")


def read_arms(
    arms: pd.DataFrame, resolution: Stitched, tiering: Tiering, ledger: Ledger
) -> ltv.Assignment:
    """Return the arms of customers with a purchase; customers in two arms are set aside."""
    attached = resolution.attach(arms, tolerance=ledger.tolerance)
    ledger.enter("assignment", attached.report)
    checked = ltv.check(attached.valid, "assignment", tolerance=Tolerance.anything())
    ledger.enter("arms", checked.report)
    known = ltv.Assignment.from_frame(checked.valid).among(tiering.customer_id)
    print(f"  left out: {checked.n_valid - len(known):,} without a purchase before the campaign")
    return known


def start_of(arms: pd.DataFrame) -> str:
    """Return when the campaign began."""
    if "start" not in arms.columns or arms["start"].isna().all():
        hint = "write when the campaign began, such as 2026-04-01"
        raise ltv.DataError("the assignment has no start", column="start", hint=hint)
    return str(arms["start"].min())


# The truth, for the simulated retailer


def realised_margin(
    value: LifetimeValue, resolution: Stitched, world: Retailer
) -> NDArray[np.float64]:
    """Return the discounted margin that each customer really brought."""
    after = world.follow_up(span=HORIZON, seed=SEED + 1)
    later = later_log(resolution, after.transactions)
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
    print(f"  the intervals include the error of the model itself: {value.model_error}")
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


def write_tables(
    resolution: Stitched, value: LifetimeValue, tiering: Tiering, ledger: Ledger
) -> None:
    """Write the value and tier of every customer, and the call list, with the ids of the lists."""
    ids = resolution.crosswalk[["source", "record_id", "customer_id"]]
    tiers, called = tiering.to_frame(), tiering.first(len(tiering)).to_frame()
    ledger.write("customers", ids.merge(tiers[["customer_id", "tier", "value"]], how="left"))
    ledger.write("value", value.to_frame())
    ledger.write("tiers", tiers)
    ledger.write("call_list", called.merge(ids, on="customer_id"))


def read_options() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="your own transactions, or a folder of tables")
    parser.add_argument("--timezone", help="time zone of the calendar, such as Asia/Tokyo")
    parser.add_argument("--dates", help="order of dates such as 01/02/2025: dmy, mdy or ymd")
    parser.add_argument("--decimal", help="decimal mark of amounts such as 1.200")
    parser.add_argument("--people", type=int, default=4_000, help="people to simulate")
    parser.add_argument("--out", metavar="FOLDER", default="omniltv-quickstart")
    default = Tolerance()
    for name, share in (("warn", default.warn_above), ("stop", default.stop_above)):
        said = f"share of rows or value set aside above which to {name}"
        parser.add_argument(f"--{name}-above", type=float, default=share, help=said)
    return parser.parse_args()


def read_inputs(options: argparse.Namespace) -> Inputs:
    """Return the tables of the simulated retailer, or of a folder."""
    if options.data is None:
        with progress(f"simulating a retailer of {options.people:,} people"):
            world = simulate_retailer(options.people, seed=SEED)
        return Inputs(world.records, world.transactions, TIMEZONE, world=world)
    data = options.data
    transactions = own_table(data, "transactions")
    if transactions is None:
        hint = "put transactions.csv, .xlsx or .parquet there, or name a file"
        raise ltv.DataError(f"no transactions in {data}", hint=hint)
    records = own_table(data, "records")
    if records is None:
        records = transactions[["source", "record_id"]].dropna().drop_duplicates()
    if "channel" not in transactions.columns:
        transactions = transactions.assign(channel=transactions["source"])
    formats = Formats(dates=options.dates, decimal=options.decimal)
    campaign_file = file_of(data, "assignment")
    arms = None if campaign_file is None else read_table(campaign_file)
    return Inputs(records, transactions, options.timezone, formats, arms)


def own_table(data: Path, name: Name) -> pd.DataFrame | None:
    """Return a table of the folder, or the transactions of the file, in our columns."""
    file = file_of(data, name)
    if file is None:
        return None
    frame, written = read_table(file), file.with_suffix(".yaml")
    if written.is_file():
        known = ColumnMap.from_yaml(written.read_text("utf-8"))
    else:
        known = ColumnMap.recognise(frame, name)
        if "source" not in known.columns:
            known = ColumnMap.recognise(frame, name, constants={"source": SOURCE})
    print(f"{file}\n{profile(frame, name, columns=known)}\n")
    return known.apply(frame)


def file_of(data: Path, name: str) -> Path | None:
    """Return the file of a table; None if there is none."""
    if not data.is_dir():
        return data if name == "transactions" else None
    return next((f for f in sorted(data.glob(f"{name}.*")) if f.suffix != ".yaml"), None)


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
