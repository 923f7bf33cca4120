"""Fits of channels and of covariates, each in a process of its own."""

import time
from importlib import import_module

import _fresh
import _worlds
import numpy as np

from omniltv.data import PurchaseHistory
from omniltv.models import BgNbd, ParetoNbd, Pooling, fit
from omniltv.models.inference.sampling import Method
from omniltv.units import TimeUnit

__all__ = ["CASES", "pooled", "pooled_step"]

CASES: dict[str, tuple[Method, float]] = {  # seconds of a second fit that are allowed
    "4 channels, partial pooling": ("nuts", 4.0),
    "Pareto/NBD, 2 covariates": ("nuts", 10.0),
    "Pareto/NBD, 2 covariates, Laplace": ("laplace", 0.5),
    "4 channels, partial pooling, default": ("auto", 4.0),
    "Pareto/NBD, 2 covariates, default": ("auto", 10.0),
}
CHANNEL_CUSTOMERS, COVARIATE_CUSTOMERS = 2_000, 600


def pooled(script: str, name: str, seed: int) -> dict[str, object]:
    """Return how long a fit with channels or covariates takes, in a fresh process.

    Args:
        script: The script whose step ``pooled`` is `pooled_step`.
        name: The case.
        seed: Of the data and the draws.
    """
    found = _fresh.run(script, "pooled", {"name": name, "seed": seed})
    return {
        "fit": name,
        "customers": round(found["customers"]),
        "method": CASES[name][0],
        "first s": round(found["first"], 2),
        "second s": round(found["second"], 2),
        "second CPU s": round(found["cpu"], 2),
        "least ESS": round(found["ess"]),
        "handed over": round(found["handed over"]),
    }


def pooled_step(name: str, seed: int) -> _fresh.Answer:
    """Fit channels or covariates twice, and say how long it took."""
    method, model = CASES[name][0], BgNbd() if "channels" in name else ParetoNbd()
    for module in ("omniltv.models.inference._solve", "omniltv.models.inference._nuts"):
        import_module(module)  # not timed
    history, pooling, covariates = case_of(name, seed)
    seconds, cpu = [], [0.0]
    for _ in range(2):
        start, used = time.perf_counter(), time.process_time()
        found = fit(
            model,
            history,
            seed=seed,
            method=method,
            pooling=pooling,
            covariates=covariates,
            progress=False,
        )
        seconds.append(time.perf_counter() - start)
        cpu.append(time.process_time() - used)
    return {
        "customers": len(history),
        "first": seconds[0],
        "second": seconds[1],
        "cpu": cpu[-1],
        "ess": min(found.diagnostics.ess_bulk.values()),
        "handed over": float(bool(found.diagnostics.handed_over)),
    }


def case_of(name: str, seed: int) -> tuple[PurchaseHistory, Pooling, dict[str, list[str]]]:
    """Return the data of a case with its pooling and covariates."""
    if "channels" in name:
        history = _worlds.simulate(CHANNEL_CUSTOMERS, _worlds.CHANNELS, seed=seed)
        return history, Pooling.partial("channel"), {}
    rng = np.random.default_rng(seed)
    T = rng.integers(30, 730, COVARIATE_CUSTOMERS).astype(np.float64)
    age, income = rng.normal(size=(2, len(T)))
    truth = {"r": 0.8, "alpha": 60 * np.exp(-0.3 * age), "s": 0.7, "beta": 100 * np.exp(income / 5)}
    x, recency, T = ParetoNbd().simulate(truth, T, rng)
    ids, last = np.arange(len(T)).astype(object), np.minimum(np.ceil(recency), T)
    history = PurchaseHistory(ids, x, last, T, x * np.nan, TimeUnit.DAY)
    known = history.with_covariate("age", age).with_covariate("income", income)
    return known, Pooling.complete(), {"log_rate": ["age"], "log_dropout": ["income"]}
