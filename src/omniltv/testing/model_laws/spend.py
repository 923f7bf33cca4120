"""The laws of spend models."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from omniltv._options import checked
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import Parameters, SpendModel, SpendState
from omniltv.testing.model_laws._shared import (
    POINTS,
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

__all__ = [
    "SPEND_LAWS",
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
    "check_value_scale",
]


def check_value_scale(model: SpendModel) -> None:
    """Another currency does not change the model."""
    state, rate = _spends(), 150.0
    other = SpendState(state.frequency, rate * state.monetary_value)
    for point in prior_points(model):
        before = parameters_at(model, point)
        after = parameters_at(model, shifted(model, point, "value", np.log(rate)))
        fall = model.loglik(NUMPY, before, state) - model.loglik(NUMPY, after, other)
        require_equal("value scale of loglik", fall, np.full(len(fall), np.log(rate)))
        require_equal(
            "value scale of expected_value",
            rate * model.expected_value(before, state),
            model.expected_value(after, other),
        )


def check_spend_elementwise(model: SpendModel) -> None:
    """States are computed independently: broadcasting does not matter."""
    state, many = _spends(), stacked_parameters(model)
    column = SpendState(*(np.asarray(values)[:, None] for values in state))
    likelihood = np.asarray(model.loglik(NUMPY, many, column))
    value = model.expected_value(many, column)
    for k, point in enumerate(prior_points(model)):
        one = parameters_at(model, point)
        require_equal("broadcasting of loglik", likelihood[:, k], model.loglik(NUMPY, one, state))
        require_equal(
            "broadcasting of expected_value", value[:, k], model.expected_value(one, state)
        )


def check_spend_lone_states(model: SpendModel) -> None:
    """The expected value of a state is identical alone, in reverse order and among others."""
    states, many = _spends(), stacked_parameters(model)

    def forecasts(rows: NDArray[np.intp]) -> tuple[NDArray[np.float64], ...]:
        some = SpendState(*(np.asarray(values)[rows, None] for values in states))
        return (model.expected_value(many, some),)

    require_same_bytes("lone states", forecasts, len(states.frequency))


def check_spend_limits(model: SpendModel) -> None:
    """The expected value tends from the population mean to the customer's own mean."""
    nobody = SpendState(np.zeros(1), np.full(1, np.nan))
    loyal = SpendState(np.full(2, 1e7), np.array([0.2, 5.0]))
    for point in prior_points(model):
        parameters = parameters_at(model, point)
        population = model.expected_value(parameters, nobody)
        require("expected value without purchases", np.isfinite(population) & (population > 0))
        own = model.expected_value(parameters, loyal) / loyal.monetary_value
        require("expected value after many purchases", abs(own - 1) < 1e-3)
        require("loglik is finite", np.isfinite(model.loglik(NUMPY, parameters, loyal)))


def check_spend_loglik_integrates_to_one(model: SpendModel) -> None:
    """The likelihood of the mean value is a density."""
    for point in prior_points(model):
        for x in (1.0, 3.0, 20.0):
            value, mass = _density(model, parameters_at(model, point), x)
            require("spend loglik integrates to one", abs(mass.sum() - 1) < 1e-5)
            require("density of positive values", value > 0)


def check_spend_tower(model: SpendModel) -> None:
    """Expected values given a history average to the population mean."""
    for point in prior_points(model):
        parameters = parameters_at(model, point)
        population = model.expected_value(parameters, SpendState(np.zeros(1), np.full(1, np.nan)))
        value, mass = _density(model, parameters, 3.0)
        given = model.expected_value(parameters, SpendState(np.full(value.shape, 3.0), value))
        require("tower law of spend", abs(mass @ given / population[0] - 1) < 1e-2)


def check_spend_simulation(model: SpendModel) -> None:
    """Simulated mean values have the distribution of the likelihood."""
    n = 40_000
    for seed, point in enumerate(prior_points(model)):
        parameters = parameters_at(model, point)
        x = np.where(np.arange(n + 1) < n, 3, 0)
        mean = model.simulate(parameters, x, np.random.default_rng(seed))
        require("simulated mean is NaN without purchases", np.isnan(mean) == (x == 0))
        value, mass = _density(model, parameters, 3.0)
        for share in (0.1, 0.5, 0.9):
            edge = int(np.searchsorted(np.cumsum(mass), share))
            below = mass[:edge].sum() + mass[edge] / 2
            require_zero_mean("simulated mean value", (mean[:n] < value[edge]) - below)


def check_spend_future(model: SpendModel) -> None:
    """The mean of simulated values of future purchases is the expected value."""
    n = 20_000
    for seed, point in enumerate(prior_points(model)):
        parameters = parameters_at(model, point)
        state = SpendState(np.full(n, 5.0), np.full(n, 0.8))
        row = np.repeat(np.arange(n), 2)
        value = model.simulate_future(parameters, state, row, np.random.default_rng(seed))
        require("future values are positive", value > 0)
        per_customer = value.reshape(n, 2).mean(axis=1)
        require_zero_mean(
            "mean of simulate_future", per_customer - model.expected_value(parameters, state)
        )


def check_spend_pytensor(model: SpendModel) -> None:
    """The log-likelihood is the same in PyTensor and in NumPy."""
    state = SpendState(*(np.tile(values, POINTS) for values in _spends()))
    require_same_in_pytensor(model, state.frequency, lambda xp, p: model.loglik(xp, p, state))


def check_spend_fused(model: SpendModel) -> None:
    """The fused kernel gives the same likelihood per group, and its exact gradient."""
    require_same_in_kernel(model, _spends())


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


@checked
def check_spend_model(model: SpendModel) -> None:
    """Check a spend model against all laws.

    Raises:
        AssertionError: If a law is violated; names the first one.

    Examples:
        >>> from omniltv.models.processes.gamma_gamma import GammaGamma
        >>> check_spend_model(GammaGamma())
    """
    require("is a SpendModel", isinstance(model, SpendModel))
    for law in SPEND_LAWS:
        law(model)


def _spends() -> SpendState:
    x, value = np.meshgrid([1.0, 2.0, 10.0, 200.0], [0.2, 1.0, 3.0])
    return SpendState(x.ravel(), value.ravel())


def _density(
    model: SpendModel, parameters: Parameters, x: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean values on a fine logarithmic grid, and their probabilities."""
    log_value = np.linspace(-40, 40, 80_001)
    value = np.exp(log_value)
    state = SpendState(np.full(value.shape, x), value)
    density = np.exp(np.asarray(model.loglik(NUMPY, parameters, state)) + log_value)
    return value, density * (log_value[1] - log_value[0])
