"""Does the interval of a lift on lifetime value miss the truth as rarely as it says?

Simulated worlds: BG/NBD customers with a past of 4 to 104 weeks; a treatment, or none
(A/A), that goes on from week 0; a window of 26 weeks; value beyond it over 52 weeks.
`window_history`'s restarted account is fitted per arm (BG/NBD, Gaussian at the mode) and
four intervals of the same forecast lift are compared:

    posterior    the posterior's own interval
    independent  posterior plus sampling of customers, as if independent
    bound        `ltv_lift` without log-likelihoods
    influence    `ltv_lift` with log-likelihoods
    adjusted     the last, for window and beyond together, adjusted by the past (CUPED)

    uv run --group bench python benchmarks/lift_coverage.py [--worlds N] [--check]
"""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize

from omniltv.draws import Draws, RowDraws
from omniltv.experiments import Assignment, Baseline, Forecast, Persistence, ltv_lift
from omniltv.models.processes.bg_nbd import BgNbd
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import PurchaseState
from omniltv.units import weeks

type Array = NDArray[np.float64]

MODEL = BgNbd()
TRUTH = {"r": 0.6, "alpha": 6.0, "a": 1.1, "b": 3.0}
WINDOW, BEYOND = 26.0, 52.0
N_DRAWS = 400
KINDS = ("posterior", "independent", "bound", "influence", "adjusted")
PRIOR_MEAN, PRIOR_SD = np.log([1.0, 10.0, 1.0, 3.0]), 1.5


class Effect(NamedTuple):
    """What the treatment multiplies."""

    rate: float = 1.0
    dropout: float = 1.0


EFFECTS = {"A/A": Effect(), "rate +25 %": Effect(rate=1.25), "dropout -40 %": Effect(dropout=0.6)}


@dataclass(frozen=True)
class World:
    """Customers in two arms: what they bought in the window and would buy beyond it."""

    treated: NDArray[np.bool_]
    expected: Array
    frequency: Array
    recency: Array
    later: Array


def buy(
    rate: Array, dropout: Array, alive: NDArray[np.bool_], horizon: Array, rng: np.random.Generator
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Return purchases, time of the last one, and who is alive at the horizon."""
    count, last, now = np.zeros(len(rate)), np.zeros(len(rate)), np.zeros(len(rate))
    alive, active = alive.copy(), alive.copy()
    while active.any():
        who = np.flatnonzero(active)
        now[who] += rng.exponential(1 / rate[who])
        bought = who[now[who] <= horizon[who]]
        active[who[now[who] > horizon[who]]] = False
        count[bought] += 1
        last[bought] = now[bought]
        gone = bought[rng.random(len(bought)) < dropout[bought]]
        alive[gone] = active[gone] = False
    return count, last, alive


def simulate(n: int, effect: Effect, rng: np.random.Generator) -> World:
    """Return a world of ``n`` customers, half of them treated."""
    rate = rng.gamma(TRUTH["r"], 1 / TRUTH["alpha"], n)
    dropout = rng.beta(TRUTH["a"], TRUTH["b"], n)
    past = rng.uniform(4, 104, n)
    x, last, alive = buy(rate, dropout, np.ones(n, dtype=np.bool_), past, rng)
    parameters = {name: np.asarray(value) for name, value in TRUTH.items()}
    state = PurchaseState(x, last, past)
    expected = MODEL.expected_purchases(parameters, state, np.asarray(WINDOW + BEYOND))
    treated = rng.permuted(np.arange(n) % 2 == 0)
    rate, dropout = (
        np.where(treated, value * factor, value)
        for value, factor in zip((rate, dropout), effect, strict=True)
    )
    bought, when, alive = buy(rate, dropout, alive, np.full(n, WINDOW), rng)
    later, _, _ = buy(rate, dropout, alive, np.full(n, BEYOND), rng)
    return World(treated, expected, bought, np.ceil(when * 7) / 7, later)


def parameters_of(theta: Array) -> dict[str, Array]:
    """Return the parameters whose logarithms are in the last axis of ``theta``."""
    return {name: np.exp(theta[..., k]) for k, name in enumerate(("r", "alpha", "a", "b"))}


def fit(state: PurchaseState, count: Array, rng: np.random.Generator) -> Array:
    """Return draws of the log parameters, of shape (N_DRAWS, 4): a Gaussian at the mode."""

    def loss(theta: Array) -> float:
        fits = MODEL.loglik(NUMPY, parameters_of(theta), state) @ count
        return float(-fits + 0.5 * (((theta - PRIOR_MEAN) / PRIOR_SD) ** 2).sum())

    mode = minimize(loss, PRIOR_MEAN, method="BFGS").x
    covariance = np.linalg.inv(hessian(loss, mode))
    return rng.multivariate_normal(mode, covariance, N_DRAWS)


def hessian(loss: Callable[[Array], float], at: Array) -> Array:
    """Return the second derivatives by central differences."""
    step = 2e-3 * np.eye(len(at))
    table = [
        [loss(at + i + j) - loss(at + i - j) - loss(at - i + j) + loss(at - i - j) for j in step]
        for i in step
    ]
    return np.array(table) / (4 * 2e-3**2)


def forecast(world: World, rng: np.random.Generator) -> Forecast:
    """Return the forecast beyond the window, each customer under the own arm's parameters."""
    table = np.stack([world.treated, world.frequency, world.recency], axis=1)
    states, index, count = np.unique(table, axis=0, return_inverse=True, return_counts=True)
    value = np.empty((len(states), N_DRAWS))
    logs = np.empty_like(value)
    for arm in (0.0, 1.0):
        own = states[:, 0] == arm
        x, last = states[own, 1], states[own, 2]
        theta = fit(PurchaseState(x, last, np.full(len(x), WINDOW)), count[own] * 1.0, rng)
        state = PurchaseState(x[:, None], last[:, None], np.full((len(x), 1), WINDOW))
        parameters = parameters_of(theta)
        value[own] = MODEL.expected_purchases(parameters, state, np.asarray(BEYOND))
        logs[own] = MODEL.loglik(NUMPY, parameters, state)
    rows = index.reshape(-1)
    return Forecast(
        customer_id=np.arange(len(rows)).astype(object),
        value=Draws.from_array(value, index=rows),
        span=weeks(BEYOND),
        arms=("control", "treated"),
        log_likelihood=(RowDraws.from_array(logs, index=rows),),
    )


def intervals(world: World, rng: np.random.Generator) -> dict[str, tuple[float, float]]:
    """Return estimate and standard error of each kind of interval."""
    ids = np.arange(len(world.treated))
    arm = np.where(world.treated, "treated", "control")
    arms = Assignment(ids.astype(object), arm)
    full = forecast(world, rng)
    bare = replace(full, log_likelihood=())
    lasting = Persistence.full(weeks(BEYOND))
    found = {
        "bound": ltv_lift(arms, control="control", persistence=lasting, forecast=bare),
        "influence": ltv_lift(arms, control="control", persistence=lasting, forecast=full),
        "adjusted": ltv_lift(
            arms,
            control="control",
            persistence=lasting,
            forecast=full,
            observed=pd.DataFrame({"customer_id": ids, "value": world.frequency}),
            baseline=Baseline(
                pd.DataFrame({"customer_id": ids, "expected": world.expected}),
                covariates="expected",
            ),
        ),
    }
    rows = {name: lift.overall() for name, lift in found.items()}
    answer = {name: (row.estimate, row.standard_error) for name, row in rows.items()}
    means = full.value.total(arm).per_row().values
    own = float((means[1] - means[0]).std())
    expected = full.value.mean()
    sampling = sum(expected[arm == name].var() / (arm == name).sum() for name in full.arms)
    estimate = rows["influence"].estimate
    answer["posterior"] = estimate, own
    answer["independent"] = estimate, float(np.hypot(own, np.sqrt(sampling)))
    return answer


def study(name: str, *, worlds: int, n: int, seed: int) -> dict[str, dict[str, float]]:
    """Return truth, mean estimate, its spread and misses of each kind of interval."""
    streams = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(worlds + 1)]
    big = simulate(1_000_000, EFFECTS[name], streams[0])
    later = float(big.later[big.treated].mean() - big.later[~big.treated].mean())
    now = float(big.frequency[big.treated].mean() - big.frequency[~big.treated].mean())
    found = []
    for rng in streams[1:]:
        found.append(intervals(simulate(n, EFFECTS[name], rng), rng))
        print(f"\r{name}: {len(found)} of {worlds} worlds", end="", file=sys.stderr)
    print(file=sys.stderr)
    answer = {}
    for kind in KINDS:
        truth = 0.0 if name == "A/A" else later + (now if kind == "adjusted" else 0.0)
        estimate, error = np.array([world[kind] for world in found]).T
        answer[kind] = {
            "truth": truth,
            "mean": float(estimate.mean()),
            "spread": float(estimate.std()),
            "standard_error": float(error.mean()),
            "misses": float((abs(estimate - truth) > 1.96 * error).mean()),
        }
    return answer


def failures(results: dict[str, dict[str, dict[str, float]]], worlds: int) -> list[str]:
    """Return the targets that were missed: misses beyond 5 % by more than chance explains."""
    limit = 0.05 + 3 * float(np.sqrt(0.05 * 0.95 / worlds))
    return [
        f"{name}, {kind}: {kinds[kind]['misses']:.1%} misses, at most {limit:.1%} allowed"
        for name, kinds in results.items()
        for kind in ("bound", "influence", "adjusted")
        if kinds[kind]["misses"] > limit
    ]


def main() -> int:
    """Run the worlds, print the table and the JSON line; 1 where --check finds a miss."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--worlds", type=int, default=200)
    parser.add_argument("--customers", type=int, default=4000)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    results = {
        name: study(name, worlds=args.worlds, n=args.customers, seed=20 + k)
        for k, name in enumerate(EFFECTS)
    }
    print(f"{'effect':<14}{'interval':<13}{'truth':>8}{'mean':>8}{'sd':>8}{'se':>8}{'misses':>9}")
    for name, kinds in results.items():
        for kind, row in kinds.items():
            print(
                f"{name:<14}{kind:<13}{row['truth']:8.3f}{row['mean']:8.3f}{row['spread']:8.3f}"
                f"{row['standard_error']:8.3f}{row['misses']:9.1%}"
            )
    missed = failures(results, args.worlds)
    for line in missed:
        print(f"MISSED {line}")
    print(json.dumps({"benchmark": "lift_coverage", "worlds": args.worlds, **results}))
    return int(args.check and bool(missed))


if __name__ == "__main__":
    sys.exit(main())
