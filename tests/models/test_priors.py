"""What the default priors say before any data: much is possible, nonsense is not."""

from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests._statistics import sigmas

from omniltv.errors import ConfigError
from omniltv.models.posterior.priors import (
    Exponential,
    Flat,
    HalfNormal,
    LogNormal,
    Normal,
    Prior,
    StudentT,
)
from omniltv.models.processes.built_in import PURCHASE_MODELS, SPEND_MODELS
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import Parameters, PurchaseModel, SpendModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

# So many draws that what is asked of them has six standard errors to spare, or a Poisson count of
# 5 is not to pass 20: a right prior fails with a probability below 1e-6.
DRAWS, CUSTOMERS = 1_000, 100
PRIORS: tuple[Prior, ...] = (
    Normal(0.5, 2.0),
    StudentT(4.0, 1.0, 0.7),
    LogNormal(-0.5, 0.8),
    HalfNormal(1.5),
    Exponential(0.7),
)


def prior_draws(model: PurchaseModel | SpendModel) -> Parameters:
    """Parameters of shape (draws, 1) from the default priors, in the data's own scale."""
    rng = np.random.default_rng(1)
    named = {c.name: rng.normal(c.mean, c.sd, (DRAWS, 1)) for c in model.coordinates}
    return {
        name: np.broadcast_to(values, (DRAWS, CUSTOMERS))
        for name, values in model.parameters(NUMPY, named).items()
    }


@pytest.mark.parametrize("model", PURCHASE_MODELS, ids=lambda model: model.name)
def test_default_priors_of_purchases_are_weak_and_sane(model: PurchaseModel) -> None:
    """Almost any share of one-time buyers is possible; thousands of purchases each are not."""
    length = 12.0 if model.discrete else 1.0
    T = np.full((DRAWS, CUSTOMERS), length)
    x = np.asarray(model.simulate(prior_draws(model), T, np.random.default_rng(2)).frequency)
    once = (x == 0).mean(axis=1)
    low, high = np.quantile(once, [0.05, 0.95])
    assert low < 0.45
    assert high > 0.7
    mean: NDArray[np.float64] = x.mean(axis=1)
    assert (mean > 100).mean() < 0.02
    assert (mean < 0.002).mean() < 0.1
    assert (x.max(axis=1) == 0).mean() < 0.1


@pytest.mark.parametrize("model", SPEND_MODELS, ids=lambda model: model.name)
def test_default_priors_of_spend_are_weak_and_sane(model: SpendModel) -> None:
    """Means differ within an order of magnitude or two, and customers by some factor."""
    x = np.full((DRAWS, CUSTOMERS), 3)
    mean = model.simulate(prior_draws(model), x, np.random.default_rng(3))
    typical = np.median(mean, axis=1)
    low, high = np.quantile(typical, [0.05, 0.95])
    assert 0.02 < low < 0.5
    assert 1.5 < high < 50
    factor = np.exp(np.std(np.log(mean), axis=1))
    assert np.quantile(factor, 0.1) < 1.8
    assert np.quantile(factor, 0.9) > 2
    assert np.quantile(factor, 0.98) < 20


@pytest.mark.parametrize("prior", PRIORS, ids=lambda prior: type(prior).__name__)
def test_a_prior_hangs_together(prior: Prior) -> None:
    """Its score is the slope of its density, and its draws have that density."""
    draws = prior.sample(np.random.default_rng(0), (200_000,))
    at = np.quantile(draws, [0.1, 0.3, 0.5, 0.7, 0.9])
    slope = (prior.logp(at + 1e-5) - prior.logp(at - 1e-5)) / 2e-5
    np.testing.assert_allclose(prior.score(at), slope, rtol=1e-5, atol=1e-6)
    edges = np.quantile(draws, np.linspace(0.1, 0.9, 21))
    share = np.histogram(draws, edges)[0] / np.diff(edges)
    middle = (edges[1:] + edges[:-1]) / 2
    density = np.exp(prior.logp(middle))
    # Between quantiles lie 8,000 draws each: the density's relative error is 1 / sqrt(8,000).
    allowed = sigmas(20 * len(PRIORS)) / np.sqrt(8_000)
    np.testing.assert_allclose(share / share.sum(), density / density.sum(), rtol=allowed)


def test_nothing_is_drawn_from_a_flat_prior() -> None:
    with pytest.raises(ConfigError, match="Hint: Normal"):
        Flat().sample(np.random.default_rng(0), (1,))
