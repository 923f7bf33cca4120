"""Laws that every purchase model and every spend model must satisfy.

To test your own model, call ``check_purchase_model(MyModel())``. It raises an
AssertionError that names the violated law, or does nothing. Laws that simulate use fixed
seeds and allow `SIGMAS` Monte Carlo standard errors. A law compares at most 200 numbers, so
a correct model fails it with a probability below 1e-5.

Parameters are tested at points around the centre of the model's prior, with times and
values around 1. A model of discrete time is tested on a few whole opportunities instead;
`laws_of` returns the laws that apply to it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import comb, gammaln, ndtr
from scipy.stats import binom

from omniltv.models.processes._selection import Selected, prob_fewer
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import (
    Array,
    ArrayNamespace,
    Coordinate,
    Future,
    Model,
    Parameters,
    PurchaseModel,
    PurchaseState,
    SpendModel,
    SpendState,
)

__all__ = [
    "PURCHASE_LAWS",
    "SIGMAS",
    "SPEND_LAWS",
    "check_elementwise",
    "check_expected_purchases",
    "check_fused",
    "check_future",
    "check_limits",
    "check_loglik_sums_to_one",
    "check_lone_states",
    "check_purchase_model",
    "check_pytensor",
    "check_selected",
    "check_simulation",
    "check_spend_elementwise",
    "check_spend_fused",
    "check_spend_future",
    "check_spend_limits",
    "check_spend_loglik_integrates_to_one",
    "check_spend_lone_states",
    "check_spend_model",
    "check_spend_pytensor",
    "check_spend_simulation",
    "check_spend_tower",
    "check_time_scale",
    "check_tower",
    "check_value_scale",
    "laws_of",
]

SIGMAS = 5.5
_TAIL = float(ndtr(-SIGMAS))
_POINTS = 4
_EXACT = 1e-9


@dataclass(frozen=True)
class _Tried:
    """The times at which a purchase model is tested.

    Attributes:
        T: Observation time of simulated histories.
        ahead: Horizon of simulated futures.
        horizons: Horizons from 0 to very long, ascending.
    """

    T: float
    ahead: float
    horizons: tuple[float, ...]


_CONTINUOUS = _Tried(0.7, 1.5, (0.0, 1e-6, 0.1, 0.5, 1.0, 2.0, 10.0, 100.0))
_DISCRETE = _Tried(6.0, 3.0, (0.0, 1.0, 2.0, 3.0, 10.0, 100.0))


def check_time_scale(model: PurchaseModel) -> None:
    """Another unit of time does not change the model.

    If every ``scale="time"`` coordinate is shifted by -log c and times are multiplied by c,
    the log-likelihood decreases by x log c (it is a density of x purchase times), and
    P(alive) and expected purchases do not change.
    """
    state, unit = _states(model), 7.0
    other = PurchaseState(state.frequency, unit * state.recency, unit * state.T)
    for point in _points(model):
        before = _parameters(model, point)
        after = _parameters(model, _shifted(model, point, "time", -np.log(unit)))
        fall = model.loglik(NUMPY, before, state) - model.loglik(NUMPY, after, other)
        _equal("time scale of loglik", fall, state.frequency * np.log(unit))
        alive = (model.prob_alive(p, s) for p, s in ((before, state), (after, other)))
        _equal("time scale of prob_alive", *alive)
        here = model.expected_purchases(before, state, np.asarray(2.0))
        _equal(
            "time scale of expected_purchases",
            here,
            model.expected_purchases(after, other, np.asarray(2.0 * unit)),
        )


def check_elementwise(model: PurchaseModel) -> None:
    """States are computed independently: order and broadcasting do not matter."""
    state, many = _states(model), _stacked(model)
    column = PurchaseState(*(np.asarray(values)[:, None] for values in state))
    horizon = np.array(_tried(model).horizons[1:4:2])
    grids = (
        np.asarray(model.loglik(NUMPY, many, column)),
        model.prob_alive(many, column),
        *model.expected_purchases(many, column, horizon[:, None, None]),
    )
    for k, point in enumerate(_points(model)):
        one = _parameters(model, point)
        alone = (
            model.loglik(NUMPY, one, state),
            model.prob_alive(one, state),
            *(model.expected_purchases(one, state, np.asarray(h)) for h in horizon),
        )
        for grid, values in zip(grids, alone, strict=True):
            _equal("broadcasting", grid[:, k], values)
        backwards = PurchaseState(*(np.asarray(values)[::-1] for values in state))
        _equal("order", np.asarray(model.loglik(NUMPY, one, backwards))[::-1], alone[0])


def check_lone_states(model: PurchaseModel) -> None:
    """A state's forecast is the same bytes alone, in reverse and among others.

    Work in blocks must not change how a state's sums are rounded: loops that go on until all
    states are done, or products of matrices, do.
    """
    many, horizon = _stacked(model), np.array(_tried(model).horizons[1:4:2])[:, None, None]
    for states in (_states(model), _busy(model)):

        def forecasts(
            rows: NDArray[np.intp], states: PurchaseState = states
        ) -> tuple[NDArray[np.float64], ...]:
            some = PurchaseState(*(np.asarray(values)[rows, None] for values in states))
            alive = model.prob_alive(many, some)
            return alive, *model.expected_purchases(many, some, horizon)

        _same_bytes("lone states", forecasts, len(states.frequency))


def check_limits(model: PurchaseModel) -> None:
    """The likelihood is 1 at T = 0; no state overflows; P(alive) is in [0, 1]."""
    unseen = PurchaseState(np.zeros(1), np.zeros(1), np.zeros(1))
    busy = _busy(model)
    for point in _points(model):
        parameters = _parameters(model, point)
        _equal("loglik at T = 0", model.loglik(NUMPY, parameters, unseen), 0.0)
        for state in (unseen, busy, _states(model)):
            _require("loglik is finite", np.isfinite(model.loglik(NUMPY, parameters, state)))
            alive = model.prob_alive(parameters, state)
            _require("prob_alive is in [0, 1]", (alive >= 0) & (alive <= 1))
            far = model.expected_purchases(parameters, state, np.asarray(100.0))
            _require("expected_purchases is finite", np.isfinite(far))


def check_loglik_sums_to_one(model: PurchaseModel) -> None:
    """The likelihood sums to 1 over all x and t_x.

    The x - 1 purchases before the last have a volume of t_x^(x - 1) / (x - 1)!; in discrete
    time there are comb(t_x - 1, x - 1) sequences.
    """
    for point in _points(model):
        total = _total_probability(model, _parameters(model, point))
        _require("loglik sums to one", abs(total - 1) < 1e-5)


def check_simulation(model: PurchaseModel) -> None:
    """Simulated histories have the distribution of the likelihood."""
    n, T = 40_000, _tried(model).T
    for seed, point in enumerate(_points(model)):
        parameters = _parameters(model, point)
        state = model.simulate(parameters, np.full(n, T), np.random.default_rng(seed))
        x, recency = np.asarray(state.frequency), np.asarray(state.recency)
        _require("simulated recency", (recency >= 0) & (recency <= T) & ((x > 0) | (recency == 0)))
        early, late = (_cells_discrete if model.discrete else _cells)(model, parameters)
        for k in range(5):
            for cell, share in ((recency <= T / 2, early[k]), (recency > T / 2, late[k])):
                p = min(max(float(share), 0.0), 1.0)
                low, high = (float(binom.ppf(tail, n, p)) for tail in (_TAIL, 1 - _TAIL))
                seen = np.sum((x == k) & cell)
                _require(f"simulated share of x = {k}", low <= seen <= high)


def check_expected_purchases(model: PurchaseModel) -> None:
    """Expected purchases are 0 at horizon 0 and do not decrease with the horizon."""
    horizon = np.array(_tried(model).horizons)
    state = _states(model)
    for point in _points(model):
        parameters = _parameters(model, point)
        known = model.expected_purchases(parameters, state, horizon[:, None])
        new = model.expected_purchases_new(parameters, horizon)
        for curve in (known, new[:, None]):
            _equal("expected purchases at horizon 0", curve[0], 0.0)
            _require("expected purchases grow", np.diff(curve, axis=0) >= -_EXACT * curve[1:])


def check_future(model: PurchaseModel) -> None:
    """Simulated futures are within the horizon, and their mean is the expected purchases."""
    n, horizon = 20_000, _tried(model).ahead
    for seed, point in enumerate(_points(model)):
        parameters = _parameters(model, point)
        for x, recency, T in _customers(model):
            one = PurchaseState(np.array([x]), np.array([recency]), np.array([T]))
            state = PurchaseState(*(np.repeat(values, n) for values in one))
            future = model.simulate_future(parameters, state, horizon, np.random.default_rng(seed))
            _require("future times", _happens_within(model, future, horizon))
            for part in (horizon / 3, horizon):
                count = np.bincount(future.row[future.time <= part], minlength=n)
                expected = model.expected_purchases(parameters, one, np.asarray(part))
                _close("mean of simulate_future", count - expected)


def check_tower(model: PurchaseModel) -> None:
    """Expected purchases given a history average to the unconditional expected purchases."""
    n, T, horizon = 40_000, _tried(model).T, _tried(model).ahead
    for seed, point in enumerate(_points(model)):
        parameters = _parameters(model, point)
        state = model.simulate(parameters, np.full(n, T), np.random.default_rng(seed))
        later = model.expected_purchases(parameters, state, np.asarray(horizon))
        first, both = model.expected_purchases_new(parameters, np.array([T, T + horizon]))
        _close("tower law of expected purchases", later - (both - first))
        _close("mean of simulate", np.asarray(state.frequency) - first)


def check_pytensor(model: PurchaseModel) -> None:
    """The log-likelihood is the same in PyTensor and in NumPy."""
    state = PurchaseState(*(np.tile(values, _POINTS) for values in _states(model)))
    _same_in_pytensor(model, state.frequency, lambda xp, p: model.loglik(xp, p, state))


def check_fused(model: PurchaseModel) -> None:
    """The fused kernel gives the same likelihood per group, and its exact gradient.

    The result is the same on distinct states with counts as on all rows.
    """
    _same_in_kernel(model, _states(model))


def check_selected(model: PurchaseModel) -> None:
    """P(X < k) follows from the likelihood, and so does the likelihood given X >= k.

    The shares are those of simulated histories. The likelihood given at least two purchases
    is the same in the kernel (with its exact gradient) and in NumPy; that given at least one
    is the same in PyTensor, which takes long to compile the integral.
    """
    n, T = 40_000, np.full(1, _tried(model).T)
    for seed, point in enumerate(_points(model)):
        parameters = _parameters(model, point)
        state = model.simulate(parameters, np.repeat(T, n), np.random.default_rng(seed))
        for k in (1, 2, 3):
            p = float(np.ravel(prob_fewer(NUMPY, model, parameters, T, k))[0])
            low, high = (float(binom.ppf(tail, n, min(p, 1.0))) for tail in (_TAIL, 1 - _TAIL))
            seen = np.sum(np.asarray(state.frequency) < k)
            _require(f"share of fewer than {k} purchases", low <= seen <= high)
    every, repeaters = _states(model), Selected(model, 1)
    if model.discrete:  # many, of more than two opportunities: two purchases are not certain
        every = _simulated(model, np.repeat([3.0, 5.0, 8.0], 40))
    kept = np.asarray(every.frequency) >= 2
    some = PurchaseState(*(np.asarray(values)[kept] for values in every))
    _same_in_kernel(Selected(model, 2), some)
    tiled = PurchaseState(*(np.tile(values, _POINTS) for values in some))
    _same_in_pytensor(repeaters, tiled.frequency, lambda xp, p: repeaters.loglik(xp, p, tiled))


def check_value_scale(model: SpendModel) -> None:
    """Another currency does not change the model."""
    state, rate = _spends(), 150.0
    other = SpendState(state.frequency, rate * state.monetary_value)
    for point in _points(model):
        before = _parameters(model, point)
        after = _parameters(model, _shifted(model, point, "value", np.log(rate)))
        fall = model.loglik(NUMPY, before, state) - model.loglik(NUMPY, after, other)
        _equal("value scale of loglik", fall, np.full(len(fall), np.log(rate)))
        _equal(
            "value scale of expected_value",
            rate * model.expected_value(before, state),
            model.expected_value(after, other),
        )


def check_spend_elementwise(model: SpendModel) -> None:
    """States are computed independently: broadcasting does not matter."""
    state, many = _spends(), _stacked(model)
    column = SpendState(*(np.asarray(values)[:, None] for values in state))
    likelihood = np.asarray(model.loglik(NUMPY, many, column))
    value = model.expected_value(many, column)
    for k, point in enumerate(_points(model)):
        one = _parameters(model, point)
        _equal("broadcasting of loglik", likelihood[:, k], model.loglik(NUMPY, one, state))
        _equal("broadcasting of expected_value", value[:, k], model.expected_value(one, state))


def check_spend_lone_states(model: SpendModel) -> None:
    """A state's expected value is the same bytes alone, in reverse and among others."""
    states, many = _spends(), _stacked(model)

    def forecasts(rows: NDArray[np.intp]) -> tuple[NDArray[np.float64], ...]:
        some = SpendState(*(np.asarray(values)[rows, None] for values in states))
        return (model.expected_value(many, some),)

    _same_bytes("lone states", forecasts, len(states.frequency))


def check_spend_limits(model: SpendModel) -> None:
    """The expected value is the population mean without purchases, and the own mean with many."""
    nobody = SpendState(np.zeros(1), np.full(1, np.nan))
    loyal = SpendState(np.full(2, 1e7), np.array([0.2, 5.0]))
    for point in _points(model):
        parameters = _parameters(model, point)
        population = model.expected_value(parameters, nobody)
        _require("expected value without purchases", np.isfinite(population) & (population > 0))
        own = model.expected_value(parameters, loyal) / loyal.monetary_value
        _require("expected value after many purchases", abs(own - 1) < 1e-3)
        _require("loglik is finite", np.isfinite(model.loglik(NUMPY, parameters, loyal)))


def check_spend_loglik_integrates_to_one(model: SpendModel) -> None:
    """The likelihood of the mean value is a density."""
    for point in _points(model):
        for x in (1.0, 3.0, 20.0):
            value, mass = _density(model, _parameters(model, point), x)
            _require("spend loglik integrates to one", abs(mass.sum() - 1) < 1e-5)
            _require("density of positive values", value > 0)


def check_spend_tower(model: SpendModel) -> None:
    """Expected values given a history average to the population mean."""
    for point in _points(model):
        parameters = _parameters(model, point)
        population = model.expected_value(parameters, SpendState(np.zeros(1), np.full(1, np.nan)))
        value, mass = _density(model, parameters, 3.0)
        given = model.expected_value(parameters, SpendState(np.full(value.shape, 3.0), value))
        _require("tower law of spend", abs(mass @ given / population[0] - 1) < 1e-2)


def check_spend_simulation(model: SpendModel) -> None:
    """Simulated mean values have the distribution of the likelihood."""
    n = 40_000
    for seed, point in enumerate(_points(model)):
        parameters = _parameters(model, point)
        x = np.where(np.arange(n + 1) < n, 3, 0)
        mean = model.simulate(parameters, x, np.random.default_rng(seed))
        _require("simulated mean is NaN without purchases", np.isnan(mean) == (x == 0))
        value, mass = _density(model, parameters, 3.0)
        for share in (0.1, 0.5, 0.9):
            edge = int(np.searchsorted(np.cumsum(mass), share))
            below = mass[:edge].sum() + mass[edge] / 2
            _close("simulated mean value", (mean[:n] < value[edge]) - below)


def check_spend_future(model: SpendModel) -> None:
    """The mean of simulated values of future purchases is the expected value."""
    n = 20_000
    for seed, point in enumerate(_points(model)):
        parameters = _parameters(model, point)
        state = SpendState(np.full(n, 5.0), np.full(n, 0.8))
        row = np.repeat(np.arange(n), 2)
        value = model.simulate_future(parameters, state, row, np.random.default_rng(seed))
        _require("future values are positive", value > 0)
        per_customer = value.reshape(n, 2).mean(axis=1)
        _close("mean of simulate_future", per_customer - model.expected_value(parameters, state))


def check_spend_pytensor(model: SpendModel) -> None:
    """The log-likelihood is the same in PyTensor and in NumPy."""
    state = SpendState(*(np.tile(values, _POINTS) for values in _spends()))
    _same_in_pytensor(model, state.frequency, lambda xp, p: model.loglik(xp, p, state))


def check_spend_fused(model: SpendModel) -> None:
    """The fused kernel gives the same likelihood per group, and its exact gradient."""
    _same_in_kernel(model, _spends())


PURCHASE_LAWS: tuple[Callable[[PurchaseModel], None], ...] = (
    check_time_scale,
    check_elementwise,
    check_lone_states,
    check_limits,
    check_loglik_sums_to_one,
    check_simulation,
    check_expected_purchases,
    check_future,
    check_tower,
    check_pytensor,
    check_fused,
    check_selected,
)
"""The laws of purchase models; `laws_of` omits those that do not apply to discrete time."""

SPEND_LAWS: tuple[Callable[[SpendModel], None], ...] = (
    check_value_scale,
    check_spend_elementwise,
    check_spend_lone_states,
    check_spend_limits,
    check_spend_loglik_integrates_to_one,
    check_spend_tower,
    check_spend_simulation,
    check_spend_future,
    check_spend_pytensor,
    check_spend_fused,
)
"""The laws of a spend model."""


def laws_of(model: PurchaseModel) -> tuple[Callable[[PurchaseModel], None], ...]:
    """Return the laws of a purchase model: whole opportunities have no unit to change.

    Examples:
        >>> from omniltv.models.processes.bg_bb import BgBb
        >>> check_time_scale in laws_of(BgBb())
        False
    """
    return tuple(law for law in PURCHASE_LAWS if not (model.discrete and law is check_time_scale))


def check_purchase_model(model: PurchaseModel) -> None:
    """Put a purchase model through every law that it is under.

    Raises:
        AssertionError: At the first law that is broken, by name.

    Examples:
        >>> from omniltv.models.processes.bg_nbd import BgNbd
        >>> check_purchase_model(BgNbd())
    """
    _require("is a PurchaseModel", isinstance(model, PurchaseModel))
    for law in laws_of(model):
        law(model)


def check_spend_model(model: SpendModel) -> None:
    """Put a spend model through every law.

    Raises:
        AssertionError: At the first law that is broken, by name.

    Examples:
        >>> from omniltv.models.processes.gamma_gamma import GammaGamma
        >>> check_spend_model(GammaGamma())
    """
    _require("is a SpendModel", isinstance(model, SpendModel))
    for law in SPEND_LAWS:
        law(model)


def _points(model: Model) -> list[dict[str, float]]:
    rng = np.random.default_rng(5)
    return [
        {c.name: c.mean + c.sd / 2 * rng.uniform(-1, 1) for c in model.coordinates}
        for _ in range(_POINTS)
    ]


def _parameters(model: PurchaseModel | SpendModel, point: Mapping[str, float]) -> Parameters:
    given = {name: np.asarray(value, dtype=np.float64) for name, value in point.items()}
    return model.parameters(NUMPY, given)


def _stacked(model: PurchaseModel | SpendModel) -> Parameters:
    points = _points(model)
    return model.parameters(
        NUMPY, {c.name: np.array([[point[c.name] for point in points]]) for c in model.coordinates}
    )


def _shifted(
    model: PurchaseModel | SpendModel, point: Mapping[str, float], scale: str, by: float
) -> dict[str, float]:
    def moved(coordinate: Coordinate) -> float:
        return point[coordinate.name] + (by if coordinate.scale == scale else 0.0)

    return {coordinate.name: moved(coordinate) for coordinate in model.coordinates}


def _tried(model: PurchaseModel) -> _Tried:
    return _DISCRETE if model.discrete else _CONTINUOUS


def _states(model: PurchaseModel) -> PurchaseState:
    """Return histories, short and long; in discrete time such as the model itself simulates."""
    if model.discrete:
        return _simulated(model, np.repeat([0.0, 1.0, 2.0, 5.0, 8.0], 10))
    x, part, T = np.meshgrid([0.0, 1.0, 2.0, 10.0, 200.0], [0.1, 0.6, 1.0], [0.3, 1.0, 2.0])
    recency = np.where(x > 0, part * T, 0.0)
    return PurchaseState(x.ravel(), recency.ravel(), T.ravel())


def _busy(model: PurchaseModel) -> PurchaseState:
    """Return histories of very many purchases, or of very many opportunities."""
    if model.discrete:
        return _simulated(model, np.full(5, 1_000.0))
    return PurchaseState(np.full(3, 10_000.0), np.array([0.1, 0.9, 1.0]), np.ones(3))


def _customers(model: PurchaseModel) -> list[tuple[float, float, float]]:
    """Return a few histories (x, t_x, T), in discrete time such as the model simulates."""
    if model.discrete:
        some = _simulated(model, np.full(8, _DISCRETE.T))
        return list(zip(*(np.asarray(values).tolist() for values in some), strict=True))
    return [(0.0, 0.0, 1.0), (1.0, 0.2, 1.0), (4.0, 0.8, 1.0), (4.0, 1.0, 1.0)]


def _simulated(model: PurchaseModel, T: NDArray[np.float64]) -> PurchaseState:
    """Return the distinct histories of a few simulated customers, at the first point."""
    parameters = _parameters(model, _points(model)[0])
    drawn = model.simulate(parameters, T, np.random.default_rng(7))
    rows = np.stack([np.asarray(values, dtype=np.float64) for values in drawn], axis=1)
    return PurchaseState(*np.unique(rows, axis=0).T)


def _happens_within(model: PurchaseModel, future: Future, horizon: float) -> Array:
    if model.discrete:
        return np.isin(future.time, np.arange(1.0, horizon + 1))
    return (future.time >= 0) & (future.time <= horizon)


def _spends() -> SpendState:
    x, value = np.meshgrid([1.0, 2.0, 10.0, 200.0], [0.2, 1.0, 3.0])
    return SpendState(x.ravel(), value.ravel())


def _log_density(
    model: PurchaseModel,
    parameters: Parameters,
    x: NDArray[np.float64],
    recency: NDArray[np.float64],
    T: float,
) -> NDArray[np.float64]:
    """Return the log density of (x, t_x): the x - 1 purchases before fill a volume."""
    state = PurchaseState(x + 0 * recency, recency, np.full(recency.shape, T))
    loglik = np.asarray(model.loglik(NUMPY, parameters, state), dtype=np.float64)
    return loglik + (x - 1) * np.log(recency) - gammaln(x)


def _prob_none(model: PurchaseModel, parameters: Parameters, T: float) -> float:
    state = PurchaseState(np.zeros(1), np.zeros(1), np.full(1, T))
    return float(np.exp(np.asarray(model.loglik(NUMPY, parameters, state)))[0])


def _total_probability(model: PurchaseModel, parameters: Parameters) -> float:
    """Return the sum over every x, in continuous time up to 3,000.

    The integral over t_x is by the trapezoidal rule in v, t_x = T exp(-exp(v)).
    """
    T = _tried(model).T
    if model.discrete:
        return float(_sequences(model, parameters, T)[1].sum())
    x = np.arange(1.0, 3_001.0)[:, None]
    v = np.arange(-30.0, 4.0, 0.2)
    recency = T * np.exp(-np.exp(v)) + 0 * x
    log_density = _log_density(model, parameters, x, recency, T) + np.log(recency) + v
    return _prob_none(model, parameters, T) + float(0.2 * np.exp(log_density).sum())


def _sequences(
    model: PurchaseModel, parameters: Parameters, T: float
) -> tuple[PurchaseState, NDArray[np.float64]]:
    """Return every (x, t_x) of ``T`` whole opportunities, and how probable it is."""
    x, recency = (grid.ravel() for grid in np.mgrid[: T + 1, : T + 1])
    held = ((x > 0) & (x <= recency)) | ((x == 0) & (recency == 0))
    x, recency = x[held], recency[held]
    state = PurchaseState(x, recency, np.full(x.shape, T))
    loglik = np.asarray(model.loglik(NUMPY, parameters, state), dtype=np.float64)
    ways = np.where(x > 0, comb(recency - 1, x - 1), 1.0)
    return state, ways * np.exp(loglik)


def _cells_discrete(
    model: PurchaseModel, parameters: Parameters
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return P(x, t_x <= T/2) and P(x, t_x > T/2) for x = 0, 1 … 4 in discrete time."""
    (x, recency, T), share = _sequences(model, parameters, _DISCRETE.T)
    early = recency <= T / 2
    per_x = [np.bincount(x.astype(int), weights=share * cell)[:5] for cell in (early, ~early)]
    return per_x[0], per_x[1]


def _cells(
    model: PurchaseModel, parameters: Parameters
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return P(x, t_x <= T/2) and P(x, t_x > T/2) for x = 0, 1 … 4 in continuous time."""
    x, T = np.arange(1.0, 5.0)[:, None], _CONTINUOUS.T
    nodes, weights = np.polynomial.legendre.leggauss(40)
    parts = []
    for low in (0.0, T / 2):
        recency = low + T / 4 * (nodes + 1) + 0 * x
        density = np.exp(_log_density(model, parameters, x, recency, T))
        parts.append(density @ weights * T / 4)
    none = _prob_none(model, parameters, T)
    return np.append(none, parts[0]), np.append(0.0, parts[1])


def _density(
    model: SpendModel, parameters: Parameters, x: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean values on a fine logarithmic grid and the probability around each."""
    log_value = np.linspace(-40, 40, 80_001)
    value = np.exp(log_value)
    state = SpendState(np.full(value.shape, x), value)
    density = np.exp(np.asarray(model.loglik(NUMPY, parameters, state)) + log_value)
    return value, density * (log_value[1] - log_value[0])


def _same_in_pytensor(
    model: Model,
    frequency: NDArray[np.float64],
    loglik: Callable[[ArrayNamespace, Mapping[str, Array]], Array],
) -> None:
    """Require the same values of both namespaces, at every point for every state."""
    from omniltv.models.inference._pymc import PytensorNamespace  # noqa: PLC0415 - imports PyMC: slow

    group = np.repeat(np.arange(_POINTS), len(frequency) // _POINTS)
    points = _points(model)
    given = {
        c.name: np.array([point[c.name] for point in points])[group] for c in model.coordinates
    }
    xp = PytensorNamespace()
    symbolic = loglik(xp, model.parameters(xp, given)).eval(mode="FAST_COMPILE")
    _equal("PyTensor equals NumPy", symbolic, loglik(NUMPY, model.parameters(NUMPY, given)))


def _same_in_kernel(model: Model, state: PurchaseState | SpendState) -> None:
    """Require value and gradient of the kernel, with counts and row by row."""
    from omniltv.models.inference._likelihood import Likelihood  # noqa: PLC0415 - compiled, slow to import

    n, k = len(state.frequency), len(model.coordinates)
    count = np.arange(1.0, n + 1)
    cell = np.arange(n) % _POINTS
    coordinates = np.array([list(point.values()) for point in _points(model)])
    value, gradient = Likelihood(model, state, count, cell).gradient(coordinates)
    rows = np.repeat(np.arange(n), count.astype(int))
    full = type(state)(*(np.asarray(values)[rows] for values in state))
    one_by_one = Likelihood(model, full, np.ones(len(rows)), cell[rows]).gradient(coordinates)
    _equal("distinct states are all rows (value)", value, one_by_one[0])
    _equal("distinct states are all rows (gradient)", gradient, one_by_one[1])

    def plain(at: NDArray[np.float64]) -> NDArray[np.float64]:
        named = dict(zip([item.name for item in model.coordinates], at[cell].T, strict=True))
        parameters = model.parameters(NUMPY, named)
        each = model.loglik(NUMPY, parameters, state)
        return np.bincount(cell, weights=count * each, minlength=_POINTS)

    _equal("the kernel equals NumPy", value / np.abs(value), plain(coordinates) / np.abs(value))
    for j in range(k):
        step = 1e-5 * np.eye(k)[j]
        slope = (plain(coordinates + step) - plain(coordinates - step)) / 2e-5
        allowed = 1e-6 * np.abs(value) + 1e-4 * np.abs(slope)
        _require("the kernel's gradient", np.abs(gradient[:, j] - slope) <= allowed)


def _require(law: str, holds: Array) -> None:
    if not np.all(holds):
        raise AssertionError(f"law broken: {law}")


def _equal(law: str, left: Array, right: Array) -> None:
    if not np.allclose(left, right, rtol=1e-7, atol=1e-7):
        worst = float(np.max(np.abs(np.asarray(left) - np.asarray(right))))
        raise AssertionError(f"law broken: {law} (largest difference {worst:.3g})")


def _same_bytes(
    law: str, forecasts: Callable[[NDArray[np.intp]], tuple[NDArray[np.float64], ...]], n: int
) -> None:
    """Require the same forecasts of n states whole, reversed, in thirds and one by one."""
    every = np.arange(n)
    whole = forecasts(every)
    for rows in (every[::-1], *(every[k::3] for k in range(min(n, 3))), *every[:, None]):
        for found, among in zip(forecasts(rows), whole, strict=True):
            _require(law, found.tobytes() == np.ascontiguousarray(among[rows]).tobytes())


def _close(law: str, differences: NDArray[np.float64]) -> None:
    """Require that simulated differences are zero on average, within their standard error."""
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    sigmas = float(abs(differences.mean()) / max(error, 1e-12))
    if sigmas > SIGMAS:
        raise AssertionError(f"law broken: {law} ({sigmas:.1f} standard errors off)")
