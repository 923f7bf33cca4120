"""Power and the minimal detectable lift, by formula and by simulation, from earlier outcomes."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from omniltv._options import Count, Level, Positive, Seed, checked
from omniltv.errors import ConfigError, DataError
from omniltv.experiments._ratio import linearised
from omniltv.experiments.design.document import Design
from omniltv.experiments.estimators import ArmMeans, ArmSample

__all__ = ["Pilot", "PowerFigure", "minimal_lift", "power"]

_SPLITS = 20
_FEWEST = 4  # customers or clusters: two of each arm
_STEPS = 8
_WRONG = "a pilot has finite values, one per customer in every array"


@checked
@dataclass(frozen=True, eq=False)
class Pilot:
    """Outcomes of earlier customers, from which power is computed.

    Attributes:
        outcome: Shape (n_customers,), or draws of it of shape (n_customers, n_draws), such as
            simulated lifetime values.
        covariates: Known before, of shape (n_customers, n_covariates); None without any.
        per: What the outcome is divided by in a ratio metric, of shape (n_customers,).
        cluster: Cluster of each customer, of shape (n_customers,), if clusters are assigned.

    Raises:
        DataError: If a value is not finite, or lengths differ.

    Examples:
        >>> Pilot(np.array([0.0, 5.0, 2.0])).outcome.mean().round(3).item()
        2.333
    """

    outcome: NDArray[np.float64]
    covariates: NDArray[np.float64] | None = None
    per: NDArray[np.float64] | None = None
    cluster: NDArray[np.str_] | None = None

    def __post_init__(self) -> None:
        given = [self.outcome, self.covariates, self.per]
        known = [one for one in given if one is not None]
        lengths = {len(one) for one in [*known, *([] if self.cluster is None else [self.cluster])]}
        if len(lengths) > 1 or not all(np.isfinite(one).all() for one in known):
            raise DataError(_WRONG, column="outcome", hint="Pilot(outcome, covariates=...)")

    def __len__(self) -> int:
        return len(self.outcome)


class PowerFigure(NamedTuple):
    """The power of a design.

    Attributes:
        customers: Number of customers of the two arms.
        lift: Relative effect, as a share of the control's mean.
        effect: The effect in units of the outcome.
        standard_error: Expected standard error of the estimate.
        power: Probability that the interval excludes zero.
        monte_carlo_error: Standard error of ``power``; 0 by formula.

    Examples:
        >>> PowerFigure(1000, 0.1, 2.0, 0.7, 0.81, 0.0).power
        0.81
    """

    customers: int
    lift: float
    effect: float
    standard_error: float
    power: float
    monte_carlo_error: float


class _World(NamedTuple):
    """A pilot in the order in which customers are drawn, with codes of clusters."""

    pilot: Pilot
    design: Design
    share: float
    code: NDArray[np.intp]


@checked
def power(
    pilot: Pilot,
    design: Design,
    *,
    lift: Positive,
    customers: Count,
    arm: str | None = None,
    method: Literal["formula", "simulation"] = "formula",
    runs: Count = 1000,
    seed: Seed = 0,
) -> PowerFigure:
    """Return the probability that an effect is found.

    Both methods use the estimator, the level and the shares of the design. The treatment
    multiplies outcomes by ``1 + lift``. The formula splits the pilot into two arms 20 times
    and rescales the standard error to the number of customers. The simulation draws that many
    customers (or clusters) from the pilot with replacement in every run. It is preferable for
    heavy tails and few customers, for which the estimate is not Normal.

    Args:
        pilot: Outcomes of earlier customers over the planned time.
        design: The design.
        lift: Relative effect.
        customers: Number of customers in the arm and in the control together.
        arm: The arm to compare with the control; may be None if there is only one.
        method: ``"formula"`` or ``"simulation"``.
        runs: Number of simulated experiments.
        seed: Seed of the splits and of the simulation.

    Raises:
        ConfigError: If the arm is not known, the design has several and none is named, or its
            estimator is "stratified", since a pilot has no strata.
        DataError: If the pilot has fewer than four customers or clusters.

    Examples:
        >>> design = Design(name="s", arms={"a": 0.5, "b": 0.5}, control="a")
        >>> spend = Pilot(np.random.default_rng(1).gamma(1.0, 20.0, 2000))
        >>> found = power(spend, design, lift=0.1, customers=4000)
        >>> 0.85 < found.power < 0.91
        True
    """
    world = _world(pilot, design, arm)
    rng = np.random.default_rng(seed)
    if method == "formula":
        return _by_formula(world, lift, customers, rng)
    found = [_estimate(world, _drawn(world, customers, rng), lift, rng) for _ in range(runs)]
    effects = np.array([means.treated - means.control for means in found])
    errors = np.array([means.standard_error for means in found])
    reach = stats.t.ppf((1 + design.level) / 2, [means.df for means in found])
    share = float((np.abs(effects) > reach * errors).mean())
    spread = float(np.sqrt(share * (1 - share) / runs))
    return PowerFigure(customers, lift, float(effects.mean()), float(errors.mean()), share, spread)


@checked
def minimal_lift(
    pilot: Pilot,
    design: Design,
    *,
    customers: Count,
    power: Level = 0.8,
    arm: str | None = None,
    seed: Seed = 0,
) -> PowerFigure:
    """Return the smallest relative effect that is found with a probability, by formula.

    Args:
        pilot: Outcomes of earlier customers over the planned time.
        design: The design.
        customers: Number of customers in the arm and in the control together.
        power: Probability to find the effect.
        arm: The arm to compare with the control; may be None if there is only one.
        seed: Seed of the splits.

    Raises:
        ConfigError: As `power`, or if the mean of the pilot is not positive.

    Examples:
        >>> design = Design(name="s", arms={"a": 0.5, "b": 0.5}, control="a")
        >>> spend = Pilot(np.random.default_rng(1).gamma(1.0, 20.0, 2000))
        >>> round(minimal_lift(spend, design, customers=4000).lift, 2)
        0.09
    """
    world = _world(pilot, design, arm)
    reach = float(stats.norm.ppf((1 + design.level) / 2) + stats.norm.ppf(power))
    lift = 0.0
    for _ in range(_STEPS):
        found = _by_formula(world, lift, customers, np.random.default_rng(seed))
        lift = reach * found.standard_error / _mean(world.pilot)
    return _by_formula(world, lift, customers, np.random.default_rng(seed))


def _world(pilot: Pilot, design: Design, arm: str | None) -> _World:
    if design.estimator == "stratified":
        hint = "model_copy(update={'estimator': 'difference'}), which has no more power"
        raise ConfigError(f"a pilot has no strata, and the design is stratified. Hint: {hint}")
    treated = [name for name in design.shares if name != design.control]
    if (arm or treated[0]) not in treated or (arm is None and len(treated) > 1):
        raise ConfigError(f"name one of the arms: {', '.join(treated)}. Hint: arm=...")
    one, base = design.shares[arm or treated[0]], design.shares[design.control]
    code = np.arange(len(pilot))
    if pilot.cluster is not None:
        code = np.unique(pilot.cluster, return_inverse=True)[1]
    if len(np.unique(code)) < _FEWEST:
        hint = "two of each arm"
        raise DataError("too few customers or clusters", column="outcome", hint=hint)
    if _mean(pilot) <= 0:
        raise ConfigError("a relative lift needs a positive mean. Hint: Pilot(outcome=...)")
    return _World(pilot, design, one / (one + base), code)


def _mean(pilot: Pilot) -> float:
    total = float(pilot.outcome.mean())
    return total if pilot.per is None else total / float(pilot.per.mean())


def _by_formula(
    world: _World, lift: float, customers: int, rng: np.random.Generator
) -> PowerFigure:
    everybody = (np.arange(len(world.pilot)), world.code)
    found = [_estimate(world, everybody, lift, rng) for _ in range(_SPLITS)]
    scale = len(world.pilot) / customers
    error = float(np.sqrt(np.mean([means.standard_error**2 for means in found]) * scale))
    df = float(np.mean([means.df for means in found])) / scale
    effect = lift * _mean(world.pilot)
    reach = float(stats.t.ppf((1 + world.design.level) / 2, df))
    gap = effect / error
    chance = float(stats.norm.sf(reach - gap) + stats.norm.sf(reach + gap))
    return PowerFigure(customers, lift, effect, error, chance, 0.0)


def _drawn(
    world: _World, customers: int, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return rows drawn with replacement, whole clusters at a time, and codes of clusters."""
    if world.pilot.cluster is None:
        return rng.integers(0, len(world.pilot), customers), np.arange(customers)
    order = np.argsort(world.code, kind="stable")
    size = np.bincount(world.code)
    start = np.cumsum(size) - size
    wanted = max(_FEWEST, round(customers / size.mean()))
    taken = rng.integers(0, len(size), wanted)
    rows = np.concatenate([order[start[k] : start[k] + size[k]] for k in taken.tolist()])
    return rows, np.repeat(np.arange(wanted), size[taken])


def _estimate(
    world: _World,
    drawn: tuple[NDArray[np.intp], NDArray[np.intp]],
    lift: float,
    rng: np.random.Generator,
) -> ArmMeans:
    """Return the estimate after a random split of the customers (or clusters) drawn."""
    rows, code = drawn
    pilot, n = world.pilot, int(code.max()) + 1
    treated_units = rng.permutation(n) < round(world.share * n)
    treated = treated_units[code]
    outcome = pilot.outcome
    if outcome.ndim > 1:
        outcome = outcome[:, rng.integers(outcome.shape[1])]
    y = outcome[rows] * np.where(treated, 1 + lift, 1.0)
    if pilot.per is not None:
        y = linearised(y, pilot.per[rows], np.stack([treated, ~treated], axis=1))
    x = np.empty((len(rows), 0)) if pilot.covariates is None else pilot.covariates[rows]
    unit = None if pilot.cluster is None else code

    def side(inside: NDArray[np.bool_]) -> ArmSample:
        return ArmSample(y[inside], x[inside], None if unit is None else unit[inside])

    return world.design.declared_estimator.estimate(side(treated), side(~treated))
