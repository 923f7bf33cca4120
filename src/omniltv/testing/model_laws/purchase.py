"""The laws of purchase models."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from omniltv._options import checked
from omniltv.models.processes._selection import Selected, prob_fewer
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import PurchaseModel, PurchaseState
from omniltv.testing.model_laws._histories import (
    busy_histories,
    cell_probabilities,
    happens_within,
    histories,
    simulated_histories,
    some_customers,
    times,
    total_probability,
)
from omniltv.testing.model_laws._shared import (
    POINTS,
    TAIL,
    parameters_at,
    prior_points,
    require,
    require_equal,
    require_same_bytes,
    require_same_in_kernel,
    require_same_in_pytensor,
    require_zero_mean,
    shifted,
    stacked_parameters,
)
from omniltv.testing.model_laws.later import LATER_LAWS

__all__ = [
    "PURCHASE_LAWS",
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
    "check_time_scale",
    "check_tower",
    "laws_of",
]

_EXACT = 1e-9


def check_time_scale(model: PurchaseModel) -> None:
    """Another unit of time does not change the model.

    If every ``scale="time"`` coordinate is shifted by -log c and times are multiplied by c,
    the log-likelihood decreases by x log c (it is a density of x purchase times), and
    P(alive) and expected purchases do not change.
    """
    state, unit = histories(model), 7.0
    other = PurchaseState(state.frequency, unit * state.recency, unit * state.T)
    for point in prior_points(model):
        before = parameters_at(model, point)
        after = parameters_at(model, shifted(model, point, "time", -np.log(unit)))
        fall = model.loglik(NUMPY, before, state) - model.loglik(NUMPY, after, other)
        require_equal("time scale of loglik", fall, state.frequency * np.log(unit))
        alive = (model.prob_alive(p, s) for p, s in ((before, state), (after, other)))
        require_equal("time scale of prob_alive", *alive)
        here = model.expected_purchases(before, state, np.asarray(2.0))
        require_equal(
            "time scale of expected_purchases",
            here,
            model.expected_purchases(after, other, np.asarray(2.0 * unit)),
        )


def check_elementwise(model: PurchaseModel) -> None:
    """States are computed independently: order and broadcasting do not matter."""
    state, many = histories(model), stacked_parameters(model)
    column = PurchaseState(*(np.asarray(values)[:, None] for values in state))
    horizon = np.array(times(model).horizons[1:4:2])
    grids = (
        np.asarray(model.loglik(NUMPY, many, column)),
        model.prob_alive(many, column),
        *model.expected_purchases(many, column, horizon[:, None, None]),
    )
    for k, point in enumerate(prior_points(model)):
        one = parameters_at(model, point)
        alone = (
            model.loglik(NUMPY, one, state),
            model.prob_alive(one, state),
            *(model.expected_purchases(one, state, np.asarray(h)) for h in horizon),
        )
        for grid, values in zip(grids, alone, strict=True):
            require_equal("broadcasting", grid[:, k], values)
        backwards = PurchaseState(*(np.asarray(values)[::-1] for values in state))
        require_equal("order", np.asarray(model.loglik(NUMPY, one, backwards))[::-1], alone[0])


def check_lone_states(model: PurchaseModel) -> None:
    """The forecast of a state is identical alone, in reverse order and among others.

    The rounding of a state's sums must not depend on other states. It does in matrix products,
    and in loops that run until all states have converged.
    """
    many, horizon = stacked_parameters(model), np.array(times(model).horizons[1:4:2])[:, None, None]
    for states in (histories(model), busy_histories(model)):

        def forecasts(
            rows: NDArray[np.intp], states: PurchaseState = states
        ) -> tuple[NDArray[np.float64], ...]:
            some = PurchaseState(*(np.asarray(values)[rows, None] for values in states))
            alive = model.prob_alive(many, some)
            return alive, *model.expected_purchases(many, some, horizon)

        require_same_bytes("lone states", forecasts, len(states.frequency))


def check_limits(model: PurchaseModel) -> None:
    """The likelihood is 1 at T = 0; no state overflows; P(alive) is in [0, 1]."""
    unseen = PurchaseState(np.zeros(1), np.zeros(1), np.zeros(1))
    busy = busy_histories(model)
    for point in prior_points(model):
        parameters = parameters_at(model, point)
        require_equal("loglik at T = 0", model.loglik(NUMPY, parameters, unseen), 0.0)
        for state in (unseen, busy, histories(model)):
            require("loglik is finite", np.isfinite(model.loglik(NUMPY, parameters, state)))
            alive = model.prob_alive(parameters, state)
            require("prob_alive is in [0, 1]", (alive >= 0) & (alive <= 1))
            far = model.expected_purchases(parameters, state, np.asarray(100.0))
            require("expected_purchases is finite", np.isfinite(far))


def check_loglik_sums_to_one(model: PurchaseModel) -> None:
    """The likelihood sums to 1 over all x and t_x.

    The times of the x - 1 purchases before the last have a volume of t_x^(x - 1) / (x - 1)!.
    In discrete time, there are comb(t_x - 1, x - 1) sequences.
    """
    for point in prior_points(model):
        total = total_probability(model, parameters_at(model, point))
        require("loglik sums to one", abs(total - 1) < 1e-5)


def check_simulation(model: PurchaseModel) -> None:
    """Simulated histories have the distribution of the likelihood."""
    n, T = 40_000, times(model).T
    for seed, point in enumerate(prior_points(model)):
        parameters = parameters_at(model, point)
        state = model.simulate(parameters, np.full(n, T), np.random.default_rng(seed))
        x, recency = np.asarray(state.frequency), np.asarray(state.recency)
        require("simulated recency", (recency >= 0) & (recency <= T) & ((x > 0) | (recency == 0)))
        early, late = cell_probabilities(model, parameters)
        for k in range(5):
            for cell, share in ((recency <= T / 2, early[k]), (recency > T / 2, late[k])):
                p = min(max(float(share), 0.0), 1.0)
                low, high = (float(binom.ppf(tail, n, p)) for tail in (TAIL, 1 - TAIL))
                seen = np.sum((x == k) & cell)
                require(f"simulated share of x = {k}", low <= seen <= high)


def check_expected_purchases(model: PurchaseModel) -> None:
    """Expected purchases are 0 at horizon 0 and do not decrease with the horizon."""
    horizon = np.array(times(model).horizons)
    state = histories(model)
    for point in prior_points(model):
        parameters = parameters_at(model, point)
        known = model.expected_purchases(parameters, state, horizon[:, None])
        new = model.expected_purchases_new(parameters, horizon)
        for curve in (known, new[:, None]):
            require_equal("expected purchases at horizon 0", curve[0], 0.0)
            require("expected purchases grow", np.diff(curve, axis=0) >= -_EXACT * curve[1:])


def check_future(model: PurchaseModel) -> None:
    """Simulated futures are within the horizon, and their mean is the expected purchases."""
    n, horizon = 20_000, times(model).ahead
    for seed, point in enumerate(prior_points(model)):
        parameters = parameters_at(model, point)
        for x, recency, T in some_customers(model):
            one = PurchaseState(np.array([x]), np.array([recency]), np.array([T]))
            state = PurchaseState(*(np.repeat(values, n) for values in one))
            future = model.simulate_future(parameters, state, horizon, np.random.default_rng(seed))
            require("future times", happens_within(model, future, horizon))
            for part in (horizon / 3, horizon):
                count = np.bincount(future.row[future.time <= part], minlength=n)
                expected = model.expected_purchases(parameters, one, np.asarray(part))
                require_zero_mean("mean of simulate_future", count - expected)


def check_tower(model: PurchaseModel) -> None:
    """Expected purchases given a history average to the unconditional expected purchases."""
    n, T, horizon = 40_000, times(model).T, times(model).ahead
    for seed, point in enumerate(prior_points(model)):
        parameters = parameters_at(model, point)
        state = model.simulate(parameters, np.full(n, T), np.random.default_rng(seed))
        later = model.expected_purchases(parameters, state, np.asarray(horizon))
        first, both = model.expected_purchases_new(parameters, np.array([T, T + horizon]))
        require_zero_mean("tower law of expected purchases", later - (both - first))
        require_zero_mean("mean of simulate", np.asarray(state.frequency) - first)


def check_pytensor(model: PurchaseModel) -> None:
    """The log-likelihood is the same in PyTensor and in NumPy."""
    state = PurchaseState(*(np.tile(values, POINTS) for values in histories(model)))
    require_same_in_pytensor(model, state.frequency, lambda xp, p: model.loglik(xp, p, state))


def check_fused(model: PurchaseModel) -> None:
    """The fused kernel gives the same likelihood per group, and its exact gradient.

    The result is the same on distinct states with counts as on all rows.
    """
    require_same_in_kernel(model, histories(model))


def check_selected(model: PurchaseModel) -> None:
    """P(X < k) follows from the likelihood, and so does the likelihood given X >= k.

    The shares are those of simulated histories. The likelihood given at least two purchases
    is the same in the kernel (with its exact gradient) and in NumPy; that given at least one
    is the same in PyTensor, which takes long to compile the integral.
    """
    n, T = 40_000, np.full(1, times(model).T)
    for seed, point in enumerate(prior_points(model)):
        parameters = parameters_at(model, point)
        state = model.simulate(parameters, np.repeat(T, n), np.random.default_rng(seed))
        for k in (1, 2, 3):
            p = float(np.ravel(prob_fewer(NUMPY, model, parameters, T, k))[0])
            low, high = (float(binom.ppf(tail, n, min(p, 1.0))) for tail in (TAIL, 1 - TAIL))
            seen = np.sum(np.asarray(state.frequency) < k)
            require(f"share of fewer than {k} purchases", low <= seen <= high)
    every, repeaters = histories(model), Selected(model, 1)
    if model.discrete:  # many, of more than two opportunities: two purchases are not certain
        every = simulated_histories(model, np.repeat([3.0, 5.0, 8.0], 40))
    kept = np.asarray(every.frequency) >= 2
    some = PurchaseState(*(np.asarray(values)[kept] for values in every))
    require_same_in_kernel(Selected(model, 2), some)
    tiled = PurchaseState(*(np.tile(values, POINTS) for values in some))
    require_same_in_pytensor(
        repeaters, tiled.frequency, lambda xp, p: repeaters.loglik(xp, p, tiled)
    )


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
    *LATER_LAWS,
    check_pytensor,
    check_fused,
    check_selected,
)
"""The laws of purchase models; `laws_of` omits those that do not apply to discrete time."""


@checked
def laws_of(model: PurchaseModel) -> tuple[Callable[[PurchaseModel], None], ...]:
    """Return the laws of a purchase model; that of the time unit needs continuous time.

    Examples:
        >>> from omniltv.models.processes.bg_bb import BgBb
        >>> check_time_scale in laws_of(BgBb())
        False
    """
    return tuple(law for law in PURCHASE_LAWS if not (model.discrete and law is check_time_scale))


@checked
def check_purchase_model(model: PurchaseModel) -> None:
    """Check a purchase model against all laws that apply to it.

    Raises:
        AssertionError: If a law is violated; names the first one.

    Examples:
        >>> from omniltv.models.processes.bg_nbd import BgNbd
        >>> check_purchase_model(BgNbd())
    """
    require("is a PurchaseModel", isinstance(model, PurchaseModel))
    for law in laws_of(model):
        law(model)
