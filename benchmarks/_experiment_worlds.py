"""Worlds in which an experiment is right or goes wrong, and one trial in each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from omniltv.experiments import (
    CHECKS,
    Assignment,
    Baseline,
    Compliers,
    Cuped,
    Difference,
    DoublyRobust,
    LiftEstimator,
    Outcome,
    Regression,
    Stratified,
    lift,
)

__all__ = ["WORLDS", "Trial", "World", "trial"]

type Column = NDArray[np.generic]

N = 3000
ESTIMATORS: Mapping[str, LiftEstimator] = {
    "difference": Difference(),
    "cuped": Cuped(),
    "regression": Regression(),
    "stratified": Stratified(),
    "compliers": Compliers(),
    "doubly robust": DoublyRobust(),
}


@dataclass(frozen=True)
class Trial:
    """One experiment: its tables and the true effect."""

    outcome: Outcome
    assignment: Assignment
    baseline: Baseline | None
    truth: float


@dataclass(frozen=True)
class World:
    """A kind of experiment.

    Attributes:
        name: Name of the world.
        draw: Draws one experiment.
        estimators: Names of the estimators that are tried.
        right: Names of those that answer the question.
        visible: Whether the data show what is wrong, so that the others must be stopped.
    """

    name: str
    draw: Callable[[np.random.Generator], Trial]
    estimators: tuple[str, ...]
    right: tuple[str, ...]
    visible: bool = True


def trial(world: World, estimator: str, seed: int) -> dict[str, object]:
    """Return the estimate despite all stops, and what the checks said."""
    drawn = world.draw(np.random.default_rng([seed, len(world.name)]))
    found = lift(
        drawn.outcome,
        drawn.assignment,
        estimator=ESTIMATORS[estimator],
        control="a",
        baseline=drawn.baseline,
        despite=tuple(check.name for check in CHECKS),
    )
    row = found.overall()
    said = [finding for finding in found.findings if finding.severity != "note"]
    return {
        "estimate": row.estimate,
        "truth": drawn.truth,
        "covered": row.low <= drawn.truth <= row.high,
        "stopped": any(finding.severity == "stop" for finding in said),
        "warned": any(finding.severity == "warning" for finding in said),
        "by": tuple(finding.check for finding in said),
    }


def frame_of(arm: Column, **columns: Column) -> pd.DataFrame:
    """Return one row per customer."""
    return pd.DataFrame({"customer_id": np.arange(len(arm)), "arm": arm, **columns})


def arms(treated: Column) -> Column:
    """Return the names of the arms."""
    return np.where(treated, "b", "a")


def plain(rng: np.random.Generator) -> Trial:
    """Return a right experiment with skewed spend and a covariate."""
    x = rng.gamma(2.0, 10.0, N)
    treated = rng.random(N) < 0.5
    spend = rng.gamma(1.0, x) * (rng.random(N) < 0.6) + 2.0 * treated
    frame = frame_of(arms(treated), x=x, value=spend)
    given = Assignment.from_frame(frame, shares={"a": 0.5, "b": 0.5})
    return Trial(Outcome(frame), given, Baseline(frame, covariates="x"), 2.0)


def strata(rng: np.random.Generator) -> Trial:
    """Return shares of 80 % among valuable customers and 20 % among the others, no effect."""
    high = rng.random(N) < 0.3
    treated = rng.random(N) < np.where(high, 0.8, 0.2)
    frame = frame_of(arms(treated), tier=np.where(high, "high", "low"),
                     value=rng.gamma(2.0, np.where(high, 50.0, 5.0)))  # fmt: skip
    return Trial(Outcome(frame), Assignment.from_frame(frame, stratum="tier"), None, 0.0)


def stores(rng: np.random.Generator, *, declared: bool) -> Trial:
    """Return 60 stores that are assigned as a whole."""
    store = np.repeat(np.arange(60), N // 60)
    treated = np.repeat(rng.permuted(np.arange(60) % 2 == 0), N // 60)
    value = rng.normal(50, 10, N) + np.repeat(rng.normal(0, 4, 60), N // 60) + 1.0 * treated
    frame = frame_of(arms(treated), store=np.char.add("s", store.astype(str)), value=value)
    given = Assignment.from_frame(frame, cluster="store" if declared else None)
    return Trial(Outcome(frame), given, Baseline(frame), 1.0)


def declared_stores(rng: np.random.Generator) -> Trial:
    """Return stores that are declared as clusters."""
    return stores(rng, declared=True)


def undeclared_stores(rng: np.random.Generator) -> Trial:
    """Return stores that are not declared."""
    return stores(rng, declared=False)


def ratio(rng: np.random.Generator) -> Trial:
    """Return value per order, which rises by 2, with twice as many orders."""
    treated = rng.random(N) < 0.5
    rate = rng.gamma(1.0, 1.0, N)
    orders = rng.poisson(rate * np.where(treated, 2.0, 1.0))
    value = np.array([rng.gamma(2.0, 10.0, k).sum() for k in orders]) + 2.0 * orders * treated
    frame = frame_of(arms(treated), value=value, orders=orders)
    return Trial(Outcome(frame, per="orders"), Assignment.from_frame(frame), None, 2.0)


def compliance(rng: np.random.Generator) -> Trial:
    """Return customers of whom half open the mail, those who do spending more anyway."""
    opens = rng.random(N) < 0.5
    treated = rng.random(N) < 0.5
    got = opens & treated
    value = rng.gamma(2.0, 10.0, N) + 15.0 * opens + 4.0 * got
    frame = frame_of(arms(treated), value=value, opened=got.astype(float))
    return Trial(Outcome(frame, received="opened"), Assignment.from_frame(frame), None, 4.0)


def attrition(rng: np.random.Generator) -> Trial:
    """Return customers of whom the treatment drives the least valuable away; no effect."""
    treated = rng.random(N) < 0.5
    value = rng.gamma(2.0, 10.0, N)
    frame = frame_of(arms(treated), value=value)
    gone = treated & (value < 8.0) & (rng.random(N) < 0.7)
    given = Assignment.from_frame(frame).among(frame["customer_id"][~gone])
    return Trial(Outcome(frame), given, None, 0.0)


def targeted(rng: np.random.Generator, *, declared: bool, hidden: float = 0.0) -> Trial:
    """Return customers who were chosen by their past, and perhaps by an unseen cause."""
    x, u = rng.normal(size=(2, N))
    treated = rng.random(N) < 1 / (1 + np.exp(-x - hidden * u))
    value = 50 + 20 * x + 10 * hidden * u + 3.5 * treated + rng.normal(0, 10, N)
    frame = frame_of(arms(treated), x=x, value=value)
    given = Assignment.from_frame(frame, randomised=not declared)
    return Trial(Outcome(frame), given, Baseline(frame, covariates="x"), 3.5)


def declared_targeting(rng: np.random.Generator) -> Trial:
    """Return targeted customers, declared as such."""
    return targeted(rng, declared=True)


def undeclared_targeting(rng: np.random.Generator) -> Trial:
    """Return targeted customers, taken for random ones."""
    return targeted(rng, declared=False)


def hidden_cause(rng: np.random.Generator) -> Trial:
    """Return targeted customers, chosen by an unseen cause, too."""
    return targeted(rng, declared=True, hidden=1.0)


WORLDS = (
    World("right experiment", plain, ("difference", "cuped", "regression"),
          ("difference", "cuped", "regression")),
    World("unequal shares in strata", strata, ("difference", "stratified"), ("stratified",)),
    World("stores, declared", declared_stores, ("difference",), ("difference",)),
    World("stores, not declared", undeclared_stores, ("difference",), ()),
    World("value per order", ratio, ("difference",), ("difference",)),
    World("half do not open the mail", compliance, ("difference", "compliers"), ("compliers",),
          visible=False),
    World("attrition by the treatment", attrition, ("difference",), ()),
    World("targeted, declared", declared_targeting, ("difference", "cuped", "doubly robust"),
          ("doubly robust",)),
    World("targeted, not declared", undeclared_targeting, ("difference", "cuped"), ()),
    World("targeted by a hidden cause", hidden_cause, ("difference", "doubly robust"), (),
          visible=False),
)  # fmt: skip
