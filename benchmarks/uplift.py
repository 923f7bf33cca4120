"""Who to treat: Qini on Hillstrom beside other libraries, and values of policies that hold.

womens, mens  visits after Hillstrom's e-mails: 20 splits into halves, learnt on one, Qini
          coefficient on the other, by the learners of omniltv, causalml, scikit-uplift and econml
others    conversion and spend, regressions only
policies  simulated experiments with known effects: how often intervals of the value of "treat if
          the effect is above the cost" and of cells hold, and how often posterior intervals of
          single customers hold

    uv run --group bench python benchmarks/uplift.py [--only PART] [--quick]
    [--no-trees] [--no-peers] [--check] [--fill]
"""

import argparse
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from _parts import Part, Rows, Targets, concluded
from _peers import run as peer
from numpy.typing import NDArray

from omniltv.experiments import Assignment, Baseline
from omniltv.experiments.uplift import (
    DrLearner,
    EffectLearner,
    Interactions,
    Ridge,
    RLearner,
    TLearner,
    UpliftSample,
    XLearner,
    customer_effects,
    qini_curve,
)

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks" / "uplift.md"
EMAILS = ("Womens E-Mail", "Mens E-Mail")
NUMBERS = ["recency", "history", "mens", "womens", "newbie"]
LABELS = ["zip_code", "channel"]
OURS: Mapping[str, EffectLearner] = {"interactions": Interactions()}
SLOW: Mapping[str, EffectLearner] = {
    "T, trees": TLearner(), "X, trees": XLearner(), "R, trees": RLearner(),
    "DR, trees": DrLearner(),
}  # fmt: skip
DEFAULT = "omniltv: interactions"

type Array = NDArray[np.float64]
type Places = NDArray[np.intp]


class Splits(NamedTuple):
    """One e-mail and one outcome, with splits into halves.

    Attributes:
        x: Covariates, of shape (n, n_columns).
        treated: Whether each customer got the e-mail.
        outcome: Outcomes.
        train: Customers that are learnt from, of shape (n_splits, n / 2).
        test: The others.
    """

    x: Array
    treated: NDArray[np.bool_]
    outcome: Array
    train: Places
    test: Places


def main() -> int:
    """Run the benchmark and return its exit code."""
    parser = argparse.ArgumentParser(description="Who to treat: Qini and values of policies.")
    parser.add_argument("--only", choices=list(PARTS), nargs="+", default=list(PARTS))
    parser.add_argument("--quick", action="store_true", help="three splits, regressions only")
    parser.add_argument("--no-trees", action="store_true", help="regressions only")
    parser.add_argument("--no-peers", action="store_true", help="without other libraries")
    parser.add_argument("--fill", action="store_true", help="write the tables into the page")
    parser.add_argument("--check", action="store_true", help="exit 1 where a target is missed")
    options = parser.parse_args()
    found = {name: PARTS[name](options) for name in options.only}
    if {"womens", "mens"} <= set(found):
        found["both"] = both(found["womens"].frame, found["mens"].frame)
    page = PAGE if options.fill else None
    return concluded("uplift", found, page=page, check=options.check)


def womens(options: argparse.Namespace) -> Part:
    """Return the learners of the visits after the e-mail of women's clothes."""
    return visits("Womens E-Mail", options)


def mens(options: argparse.Namespace) -> Part:
    """Return the learners of the visits after the e-mail of men's clothes."""
    return visits("Mens E-Mail", options)


def visits(email: str, options: argparse.Namespace) -> Part:
    """Return the learners of visits, and whether omniltv's reaches each library's best."""
    splits = halves(hillstrom(), email, "visit", 3 if options.quick else 20)
    rows = compared(
        splits, slow=not (options.quick or options.no_trees), peers=not options.no_peers
    )
    return Part(pd.DataFrame(rows), beside(rows, email))


def both(one: pd.DataFrame, other: pd.DataFrame) -> Part:
    """Return the mean coefficient over both e-mails: one learner is chosen for both."""
    mean = (one.set_index("learner")["Qini"] + other.set_index("learner")["Qini"]) / 2
    ours = float(mean[DEFAULT])
    targets = {}
    for library in ("causalml", "econml", "scikit-uplift"):
        theirs = mean[mean.index.str.startswith(library)]
        if len(theirs):
            name, most = str(theirs.idxmax()), float(theirs.max())
            said = f"both e-mails, visit: Qini {ours:.4f} at least {name}'s {most:.4f}"
            targets[said] = ours >= most
    ranked = mean.sort_values(ascending=False).round(4).reset_index()
    return Part(ranked, targets)


def others(options: argparse.Namespace) -> Part:
    """Return the regressions of conversion and spend, without targets: both are mostly chance."""
    frame = hillstrom()
    rows: Rows = []
    for outcome in ("conversion", "spend"):
        for email in EMAILS:
            splits = halves(frame, email, outcome, 3 if options.quick else 20)
            found = compared(splits, slow=False, peers=not options.no_peers)
            rows += [{"e-mail": email.split()[0], "outcome": outcome, **row} for row in found]
    return Part(pd.DataFrame(rows), {})


def hillstrom() -> pd.DataFrame:
    """Return Hillstrom's experiment."""
    return pd.read_csv(os.environ.get("OMNILTV_DATA", "data") + "/hillstrom.csv")


def halves(frame: pd.DataFrame, email: str, outcome: str, n: int) -> Splits:
    """Return one e-mail against no e-mail, with n random splits into halves."""
    own = frame[frame["segment"].isin([email, "No E-Mail"])]
    coded = pd.get_dummies(own[NUMBERS + LABELS], columns=LABELS, drop_first=True)
    x = coded.to_numpy(dtype=np.float64)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    orders = [np.random.default_rng(seed).permutation(len(own)) for seed in range(n)]
    half = len(own) // 2
    return Splits(
        x, (own["segment"] == email).to_numpy(), own[outcome].to_numpy(dtype=np.float64),
        np.stack([order[:half] for order in orders]), np.stack([order[half:] for order in orders]),
    )  # fmt: skip


def compared(splits: Splits, *, slow: bool, peers: bool) -> Rows:
    """Return the Qini coefficient of each learner, and its gap to the default of omniltv."""
    scores, seconds = of_omniltv(splits, {**OURS, **(SLOW if slow else {})})
    if peers:
        theirs, their_seconds = of_peers(splits, slow=slow)
        scores, seconds = scores | theirs, seconds | their_seconds
    found = {name: coefficients(splits, own) for name, own in scores.items()}
    return [
        {
            "learner": name,
            "Qini": round(float(own.mean()), 4),
            "standard error": round(error(own), 4),
            "less than omniltv's": round(float((found[DEFAULT] - own).mean()), 4),
            "standard error of that": round(error(found[DEFAULT] - own), 4),
            "CPU s per fit": round(seconds[name] / len(splits.train), 2),
        }
        for name, own in found.items()
    ]


def error(values: Array) -> float:
    """Return the standard error of a mean over splits."""
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def coefficients(splits: Splits, scores: Array) -> Array:
    """Return the Qini coefficient on the other half of each split."""
    return np.array([
        qini_curve(splits.outcome[rows], splits.treated[rows], own).coefficient
        for rows, own in zip(splits.test, scores, strict=True)
    ])  # fmt: skip


def of_omniltv(
    splits: Splits, learners: Mapping[str, EffectLearner]
) -> tuple[dict[str, Array], dict[str, float]]:
    """Return effects by learner, of shape (n_splits, n / 2), and seconds."""
    scores, seconds = {}, {}
    for name, learner in learners.items():
        start = time.process_time()
        own = [
            learner.fit(sample(splits, train), seed=0).predict(splits.x[test]).effect
            for train, test in zip(splits.train, splits.test, strict=True)
        ]
        scores[f"omniltv: {name}"] = np.stack(own)
        seconds[f"omniltv: {name}"] = time.process_time() - start
    return scores, seconds


def sample(splits: Splits, rows: Places) -> UpliftSample:
    """Return the customers that are learnt from."""
    treated = splits.treated[rows]
    chance = np.full(len(rows), treated.mean())
    return UpliftSample(splits.x[rows], treated, splits.outcome[rows], chance)


def of_peers(splits: Splits, *, slow: bool) -> tuple[dict[str, Array], dict[str, float]]:
    """Return the effects by the learners of other libraries, and seconds."""
    with tempfile.TemporaryDirectory() as folder:
        arrays, scores = str(Path(folder, "arrays.npz")), str(Path(folder, "scores.npz"))
        given = splits._asdict() | {"treated": splits.treated.astype(np.float64)}
        np.savez(arrays, **given)
        told = peer("uplift", "uplift.py", {"arrays": arrays, "scores": scores, "slow": slow})
        with np.load(scores) as found:
            theirs = {name: np.asarray(found[name]) for name in found.files}
    seconds = told["seconds"]
    assert isinstance(seconds, dict)
    return theirs, {name: float(seconds[name]) for name in theirs}


def beside(rows: Rows, email: str) -> Targets:
    """Return whether omniltv's default reaches each library's best learner."""
    targets = {}
    (ours,) = [float(str(row["Qini"])) for row in rows if row["learner"] == DEFAULT]
    for library in ("causalml", "econml", "scikit-uplift"):
        own = [row for row in rows if str(row["learner"]).startswith(library)]
        if not own:
            continue
        best = max(own, key=lambda row: float(str(row["Qini"])))
        theirs = float(str(best["Qini"]))
        targets[f"{email}, visit: Qini {ours:.4f} at least {best['learner']}'s {theirs:.4f}"] = (
            ours >= theirs
        )
    return targets


SIZE, COST = 4_000, 1.0


def policies(options: argparse.Namespace) -> Part:
    """Return coverage of 95 % intervals in simulated experiments, by learner."""
    rows: Rows = []
    targets: Targets = {}
    runs = 10 if options.quick else 100
    for name, learner, n in (
        ("interactions", Interactions(), runs),
        ("X, ridge", XLearner(Ridge()), runs),
    ):
        found = pd.DataFrame([trial(learner, seed) for seed in range(n)])
        held, total = found.mean(), found.sum()
        rows.append({
            "learner": name, "runs": n,
            "policy held %": round(100 * float(held["policy"]), 1),
            "cells held %": round(100 * float(held["cells"]), 1),
            "customers held %": round(100 * float(held["customers"]), 1),
            "gain, % of best": round(100 * float(total["gain"] / total["best"]), 1),
            "treating all, % of best": round(100 * float(total["all"] / total["best"]), 1),
        })  # fmt: skip
        slack = 3 * np.sqrt(0.05 * 0.95 / n)
        for what in ("policy", "cells"):
            share = float(held[what])
            targets[f"{name}, {what}: 95 % intervals hold {share:.1%}"] = share >= 0.95 - slack
    return Part(pd.DataFrame(rows), targets)


def trial(learner: EffectLearner, seed: int) -> dict[str, float]:
    """Return one experiment: spend with effects that depend on age, tier and past spend."""
    rng = np.random.default_rng((seed, 31))
    tier = rng.choice(["high", "potential", "general"], SIZE, p=[0.2, 0.3, 0.5])
    frame = pd.DataFrame({
        "customer_id": np.arange(SIZE), "tier": tier, "age": rng.normal(45, 12, SIZE),
        "past": rng.gamma(1.0, 1.0, SIZE), "arm": rng.choice(["control", "mail"], SIZE),
    })  # fmt: skip
    level = pd.Series(tier).map({"high": 20.0, "potential": 10.0, "general": 5.0}).to_numpy()
    base = level * np.exp(0.3 * (frame["past"].to_numpy() - 1.0))
    effect = 0.1 * base + 1.5 * np.tanh((frame["age"].to_numpy() - 45) / 10)
    mean = base + effect * (frame["arm"] == "mail")
    frame["value"] = rng.gamma(1.0, np.maximum(mean, 0.1))
    found = customer_effects(
        frame, Assignment.from_frame(frame), control="control", learner=learner, seed=seed,
        baseline=Baseline(frame, covariates=["age", "past", "tier"], by="tier"),
    )  # fmt: skip
    true = np.maximum(base + effect, 0.1) - np.maximum(base, 0.1)
    gain = np.where(found.effect > COST, true - COST, 0.0).mean()
    value = found.policy_value(cost=COST, against="nobody")
    cells = found.cells("tier")
    truth = pd.Series(true).groupby(tier).mean().to_numpy()
    off = np.abs(cells["estimate"].to_numpy() - truth) / cells["standard_error"].to_numpy()
    return {
        "policy": float(value.low <= gain <= value.high), "cells": float((off <= 1.96).mean()),
        "customers": float((np.abs(found.effect - true) <= 1.96 * found.sd).mean())
        if np.isfinite(found.sd).all() else np.nan,
        "gain": float(gain), "all": float(true.mean() - COST),
        "best": float(np.maximum(true - COST, 0.0).mean()),
    }  # fmt: skip


PARTS: Mapping[str, Callable[[argparse.Namespace], Part]] = {
    "womens": womens,
    "mens": mens,
    "others": others,
    "policies": policies,
}

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    raise SystemExit(main())
