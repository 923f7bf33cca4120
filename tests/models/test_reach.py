"""Whether a fit by Laplace knows that its draws are too narrow."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from omniltv.data.history import PurchaseHistory
from omniltv.models import BgNbd, ParetoNbd, Pooling, Sampling, ShiftedBetaGeometric, fit
from omniltv.models.inference import _importance, _laplace, _problem, _reach
from omniltv.models.posterior._kinds import kind_of
from omniltv.units import TimeUnit

type Grid = NDArray[np.float64]

SUBSCRIBERS = 300
STEPS = np.arange(-12.0, 12.01, 0.1)  # standard deviations of the approximation


def subscribers() -> PurchaseHistory:
    """Subscribers whose probability of cancelling hardly differs: a long upper tail."""
    rng = np.random.default_rng(5)
    T = rng.integers(2, 6, SUBSCRIBERS).astype(np.float64)
    life = rng.geometric(rng.beta(4.0, 8.0, SUBSCRIBERS)).astype(np.float64)
    renewals = np.minimum(life - 1, T)
    ids = np.arange(SUBSCRIBERS).astype(object)
    return PurchaseHistory(ids, renewals, renewals, T, renewals * np.nan, TimeUnit.YEAR)


def approximation(history: PurchaseHistory) -> _laplace.Approximation:
    model = ShiftedBetaGeometric()
    observed = kind_of(model).observe(model, history)
    found = _problem.Problem.of(model, observed, Pooling.complete(), {}, {})
    return _laplace.approximate(found.posterior, found.start, workers=1)


def on_a_grid(found: _laplace.Approximation) -> tuple[Grid, Grid, Grid]:
    """Points of two coordinates, and the probabilities of posterior and proposals there."""
    posterior, (node,) = found.posterior, found.nodes
    sd = np.sqrt(np.diagonal(np.linalg.inv(node.precision)))
    axes = [node.mean[j] + sd[j] * STEPS for j in range(2)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    exact = posterior.likelihood.values(points[:, None])[:, 0]
    exact += posterior.log_priors(points, np.empty(0)).sum(axis=1)
    z = (points - node.mean) @ np.linalg.cholesky(node.precision)
    sides = np.where(z > 0, found.scales.right[0, 0], found.scales.left[0, 0])
    proposed = _laplace.log_t(z / np.exp(sides), posterior.degrees[0])
    shape = len(STEPS), len(STEPS)
    weights = [np.exp(part - np.nanmax(part)).reshape(shape) for part in (exact, proposed)]
    return np.array(axes), *(np.nan_to_num(part) / np.nansum(part) for part in weights)


def test_the_path_gives_the_marginals_that_integration_gives() -> None:
    """Variances of both coordinates within 3 %, and what 2,000 proposals miss within 3 points."""
    found = approximation(subscribers())
    axes, exact, proposed = on_a_grid(found)
    weighted = _importance.importance(found, 2_000, seed=1, proposals=2_000, workers=1)
    variance, missing = _reach._at_node(found, 0, -1, 2_000, 1)
    shares = []
    for j in range(2):
        own, other = exact.sum(axis=1 - j), proposed.sum(axis=1 - j)
        square = np.square(axes[j] - axes[j] @ own) * own
        beyond = np.minimum(other.cumsum(), other[::-1].cumsum()[::-1]) * 2_000
        shares.append(square[beyond < 2].sum() / square.sum())
        assert variance[0, j] == pytest.approx(square.sum(), rel=0.03)
        assert missing[0, j] / variance[0, j] == pytest.approx(shares[-1], abs=0.03)
    assert _reach.reach_of(found, weighted, workers=1) == pytest.approx(
        np.sqrt(1 - max(shares)), abs=0.02
    )


def test_the_default_is_laplace_where_its_draws_reach_far_enough(history: PurchaseHistory) -> None:
    found = fit(BgNbd(), history, seed=1)
    assert found.diagnostics.method == "laplace"
    assert found.diagnostics.reach >= 0.95
    assert not found.diagnostics.handed_over
    by_name = fit(BgNbd(), history, seed=1, method="laplace")
    np.testing.assert_array_equal(found.draws.coordinates, by_name.draws.coordinates)
    assert np.isnan(by_name.diagnostics.reach)


@pytest.mark.sampling
@pytest.mark.filterwarnings("error:.*sampled by NUTS")
@pytest.mark.filterwarnings("ignore::omniltv.errors.FitWarning")  # a short chain
def test_the_default_is_nuts_where_draws_would_be_too_narrow(history: PurchaseHistory) -> None:
    """The shape of the dropout rates of Pareto/NBD has a long tail with few customers."""
    few = history.take(np.arange(0, len(history), 10))
    short = Sampling(draws=20, warmup=40, chains=1)
    found = fit(ParetoNbd(), few, seed=1, method=short, progress=False)
    assert found.diagnostics.method == "nuts"
    assert "too narrow" in found.diagnostics.handed_over
    assert repr(found).endswith(f"20 draws by NUTS ({found.diagnostics.handed_over}))")
    by_name = fit(ParetoNbd(), few, seed=1, method=replace(short, method="laplace"))
    assert by_name.diagnostics.method == "laplace"
