"""Are the numbers that the literature has printed ours, to the printed digit?

Estimates are found by ``fit(method="map")`` under flat priors, which is the maximum of the
likelihood; log-likelihoods and what is said of customers are worked out at the printed
estimates. What was printed where: `omniltv.testing.reference`.

    uv run --group bench python benchmarks/clv_reference.py [--check] [--markdown PAGE]
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import _markdown
import numpy as np
import pandas as pd
from _report import report

from omniltv.data import PurchaseHistory, PurchaseLog, load_cdnow
from omniltv.models import (
    BgBb,
    BgNbd,
    CnbdK,
    GammaGamma,
    MbgNbd,
    ParetoNbd,
    PurchaseFit,
    ShiftedBetaGeometric,
    SpendFit,
    fit,
)
from omniltv.models.posterior.priors import Flat, Prior
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import Parameters, PurchaseModel, PurchaseState, SpendModel
from omniltv.testing import reference
from omniltv.testing.reference import Published, PublishedCustomer

CDNOW_END = "1997-09-30"
PROJECTED = "github.com/jdmaturen/shifted_beta_geometric_py"


@dataclass(frozen=True)
class Number:
    """A printed number and ours.

    Attributes:
        model: The model.
        what: What the number is.
        published: As it was printed.
        ours: As it comes out.
        decimals: Digits after the point that were printed.
        source: Where it was printed.
    """

    model: str
    what: str
    published: float
    ours: float
    decimals: int
    source: str

    @property
    def equal(self) -> bool:
        """Whether ours rounds to the printed one."""
        return round(self.ours, self.decimals) == round(self.published, self.decimals)

    def row(self) -> dict[str, object]:
        """Return what a person reads."""
        digits = self.decimals
        return {
            "model": self.model,
            "number": self.what,
            "published": f"{self.published:,.{digits}f}",
            "ours": f"{self.ours:,.{digits + 2}f}",
            "difference": f"{self.ours - self.published:+.{digits + 2}f}",
            "equal as printed": "yes" if self.equal else "no",
            "source": self.source,
        }


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description="Published numbers beside ours.")
    parser.add_argument("--markdown", type=Path, help="page whose tables are filled in")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    found = [*on_cdnow(), *on_donations(), *on_subscribers(), *on_groceries()]
    table = pd.DataFrame([number.row() for number in found])
    if options.markdown:
        _markdown.fill(options.markdown, {"numbers": _markdown.table(table)})
    return report(
        "clv_reference",
        table,
        figures={"numbers": len(found), "equal": sum(number.equal for number in found)},
        targets={f"{one.model}: {one.what} is {one.published}": one.equal for one in found},
        check=options.check,
    )


def on_cdnow() -> Iterator[Number]:
    """Yield the numbers of BG/NBD, MBG/NBD, Pareto/NBD and gamma-gamma on CDNOW."""
    history = PurchaseLog.from_frame(load_cdnow()).history(unit="week", end=CDNOW_END)
    yield from of_purchases("BG/NBD", BgNbd(), history, reference.BG_NBD_CDNOW)
    yield from of_purchases("MBG/NBD", MbgNbd(), history, reference.MBG_NBD_CDNOW)
    yield from of_purchases("MBG/CNBD-1", CnbdK(1), history, reference.MBG_NBD_CDNOW)
    yield from of_purchases("Pareto/NBD", ParetoNbd(), history, reference.PARETO_NBD_CDNOW)
    given = reference.GAMMA_GAMMA_CDNOW
    yield from estimates("gamma-gamma", GammaGamma(), history, given)
    bg_nbd, pareto = reference.BG_NBD_CDNOW, reference.PARETO_NBD_CDNOW
    yield from of_customers("BG/NBD", BgNbd(), bg_nbd, [reference.BG_NBD_CUSTOMER])
    yield from of_customers("Pareto/NBD", ParetoNbd(), pareto, [reference.PARETO_NBD_CUSTOMER])
    new, year = reference.PARETO_NBD_NEW_CUSTOMER, np.asarray(52.0)
    expected = ParetoNbd().expected_purchases_new(arrays(pareto.parameters), year)
    what, printed = "a new customer's purchases in 52", new.expected_purchases
    assert printed is not None
    yield Number("Pareto/NBD", what, printed, float(expected), new.decimals, new.source)


def on_donations() -> Iterator[Number]:
    """Yield the numbers of BG/BB on the donations."""
    published, history = reference.BG_BB_DONATIONS, reference.donations()
    yield from of_purchases("BG/BB", BgBb(), history, published)
    yield from of_customers("BG/BB", BgBb(), published, reference.BG_BB_DONORS)
    best = maximum(BgBb(), history)
    years = np.arange(1.0, len(reference.BG_BB_NEW_DONORS) + 1)
    expected = BgBb().expected_purchases_new(best, years)
    for year, printed, ours in zip(years, reference.BG_BB_NEW_DONORS, expected, strict=True):
        what = f"a new donor's donations in {year:.0f}"
        yield Number("BG/BB", what, printed, float(ours), 4, published.source)


def on_subscribers() -> Iterator[Number]:
    """Yield the numbers of the shifted beta-geometric model on two cohorts."""
    model = ShiftedBetaGeometric()
    for cohort, published in reference.SHIFTED_BETA_GEOMETRIC.items():
        name = f"shifted beta-geometric, {cohort}"
        yield from of_purchases(name, model, reference.subscribers(cohort), published)
    high_end = reference.SHIFTED_BETA_GEOMETRIC["high end"]
    years = np.arange(8.0, 13.0)
    survival = model.survival(arrays(high_end.parameters), years)
    printed = zip(years, reference.SURVIVAL_HIGH_END, survival, strict=True)
    for year, projected, ours in printed:
        what, name = f"survival in year {year:.0f}", "shifted beta-geometric, high end"
        yield Number(name, what, projected, float(ours), 3, PROJECTED)


def on_groceries() -> Iterator[Number]:
    """Yield P(alive) of MBG/CNBD-2; the purchases that are printed there are approximate."""
    published = reference.MBG_CNBD_2_GROCERIES
    customers = reference.MBG_CNBD_2_CUSTOMERS
    for number in of_customers("MBG/CNBD-2", CnbdK(2), published, customers):
        if number.what.startswith("P(alive)"):
            yield number


def of_purchases(
    name: str, model: PurchaseModel, history: PurchaseHistory, published: Published
) -> Iterator[Number]:
    """Yield the log-likelihood at the printed estimates, and the estimates."""
    if published.loglik is not None:
        values = model.loglik(NUMPY, arrays(published.parameters), state_of(history))
        ours = float(np.sum(np.asarray(values, dtype=np.float64)))
        digits, what = published.loglik_decimals, "log-likelihood at the printed estimates"
        yield Number(name, what, published.loglik, ours, digits, published.source)
    yield from estimates(name, model, history, published)


def estimates(
    name: str, model: PurchaseModel | SpendModel, history: PurchaseHistory, published: Published
) -> Iterator[Number]:
    """Yield the maximum-likelihood estimates."""
    found = maximum(model, history)
    for key, printed in published.parameters.items():
        yield Number(name, key, printed, float(found[key]), published.decimals, published.source)


def maximum(model: PurchaseModel | SpendModel, history: PurchaseHistory) -> Parameters:
    """Return the mode under flat priors."""
    flat: Mapping[str, Prior] = {item.name: Flat() for item in model.coordinates}
    found: PurchaseFit | SpendFit
    if isinstance(model, PurchaseModel):
        found = fit(model, history, seed=1, method="map", priors=flat, progress=False)
    else:
        found = fit(model, history, seed=1, method="map", priors=flat, progress=False)
    return {name: values[0, 0] for name, values in found.parameters.items()}


def of_customers(
    name: str,
    model: PurchaseModel,
    published: Published,
    customers: Sequence[PublishedCustomer],
) -> Iterator[Number]:
    """Yield P(alive) and expected purchases of customers at the printed estimates."""
    given = arrays(published.parameters)
    for case in customers:
        values = (np.array([value], float) for value in (case.frequency, case.recency, case.T))
        state = PurchaseState(*values)
        who = f"x = {case.frequency}, t_x = {case.recency:.4g}, T = {case.T:.4g}"
        if case.prob_alive is not None:
            ours = prob_alive(model, given, state)
            digits = case.alive_decimals
            yield Number(name, f"P(alive), {who}", case.prob_alive, ours, digits, case.source)
        if case.expected_purchases is not None:
            horizon = np.asarray(case.horizon)
            ours = float(model.expected_purchases(given, state, horizon)[0])
            what = f"purchases in {case.horizon:g}, {who}"
            yield Number(name, what, case.expected_purchases, ours, case.decimals, case.source)


def prob_alive(model: PurchaseModel, given: Parameters, state: PurchaseState) -> float:
    """Return P(alive) as it is printed: in discrete time at the next opportunity.

    There it is P(alive) at the end of observation times the probability to survive the
    coin that is tossed before the next opportunity: for BG/BB, given alive, the coin is
    Beta(gamma, delta + T).
    """
    alive = float(model.prob_alive(given, state)[0])
    if not model.discrete:
        return alive
    stays = given["delta"] + state.T
    return alive * float((stays / (stays + given["gamma"]))[0])


def arrays(values: Mapping[str, float]) -> Parameters:
    """Return reported parameters as a model takes them."""
    return {name: np.asarray(value) for name, value in values.items()}


def state_of(history: PurchaseHistory) -> PurchaseState:
    """Return what a purchase model knows of each row."""
    return PurchaseState(history.frequency.astype(np.float64), history.recency, history.T)


if __name__ == "__main__":
    sys.exit(main())
