"""A likelihood told by a sample of states, against the exact one."""

import numpy as np
import pytest
from numpy.typing import NDArray
from tests._statistics import assert_same_law, sigmas

from omniltv.data.history import PurchaseHistory
from omniltv.errors import FitError
from omniltv.models import (
    BgBb,
    BgNbd,
    GammaGamma,
    ParetoNbd,
    Pooling,
    PurchaseFit,
    Sampling,
    SpendFit,
    fit,
)
from omniltv.models.inference import _subsampled_likelihood
from omniltv.models.inference._likelihood import Likelihood
from omniltv.models.inference._subsampled_likelihood import (
    StateSample,
    SubsampledLikelihood,
    sample_states,
)
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import PurchaseModel, PurchaseState
from omniltv.units import TimeUnit

SHARES = (0.7, 0.3)
RATES = {"r": (0.6, 0.4), "alpha": (8.0, 6.0)}
TRUTH = {
    "bg_nbd": RATES | {"a": (0.8, 0.6), "b": (2.5, 2.0)},
    "pareto_nbd": RATES | {"s": (0.6, 0.8), "beta": (11.0, 9.0)},
}
AT = {"bg_nbd": (-2.6, -0.6, -1.2, 1.1), "pareto_nbd": (-2.6, -0.6, -2.9, -0.4)}


def states(model: PurchaseModel, n: int, seed: int = 1) -> tuple[PurchaseState, NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    cell = np.sort(rng.choice(len(SHARES), n, p=SHARES)).astype(np.int64)
    truth = {name: np.asarray(values)[cell] for name, values in TRUTH[model.name].items()}
    return model.simulate(truth, rng.integers(100, 365, n) / 7.0, rng), cell


def made(model: PurchaseModel, n: int, per_cell: int) -> StateSample:
    state, cell = states(model, n)
    count = np.random.default_rng(2).integers(1, 4, n).astype(float)
    rng = np.random.default_rng(3)
    at, times = sample_states(cell, state.frequency, count, per_cell=per_cell, rng=rng)
    some = PurchaseState(*(values[at] for values in state))
    return StateSample(
        Likelihood(model, state, count, cell),
        Likelihood(model, some, count[at] * times, cell[at], len(SHARES)),
        np.arange(len(SHARES)),
    )


def near(model: PurchaseModel, sd: float, n: int, seed: int = 4) -> NDArray[np.float64]:
    far = np.random.default_rng(seed).normal(0.0, sd, (n, len(SHARES), 4))
    return np.asarray(AT[model.name]) + far


@pytest.mark.parametrize("model", [BgNbd(), ParetoNbd()], ids=lambda model: model.name)
def test_it_is_exact_where_the_sample_is_everything(model: PurchaseModel) -> None:
    everything = made(model, 500, per_cell=1_000)
    condensed = everything.around(near(model, 0.0, 1)[0], 1)
    thetas = near(model, 0.5, 20)
    np.testing.assert_allclose(condensed.values(thetas), everything.exact.values(thetas), rtol=1e-9)
    assert condensed.error(thetas) < 1e-6


@pytest.mark.parametrize("model", [BgNbd(), ParetoNbd()], ids=lambda model: model.name)
def test_value_gradient_and_curvature_are_exact_at_the_centre(model: PurchaseModel) -> None:
    sample, centre = made(model, 3_000, per_cell=100), near(model, 0.2, 1)[0]
    condensed = sample.around(centre, 2)
    for found, wanted in zip(
        condensed.gradient(centre), sample.exact.gradient(centre), strict=True
    ):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-7)
    np.testing.assert_allclose(
        condensed.curvature(centre), sample.exact.curvature(centre), rtol=1e-8
    )


SEEN = {
    BgBb(): np.array([[0, 0, 6], [2, 5, 6], [4, 4, 9], [9, 9, 9.0]]),
    ParetoNbd(): np.array(
        [[0, 0, 0], [0, 0, 1.5], [1, 0.7, 0.7], [5, 1.3, 2], [40, 0.2, 1], [3_000, 1.999, 2]]
    ),
}
POINTS = {BgBb(): (0.3, 1.2, -0.8, 0.6), ParetoNbd(): (-0.3, -0.5, 0.4, -0.2)}


@pytest.mark.parametrize("model", SEEN, ids=lambda model: model.name)
def test_the_kernels_gradient_is_that_of_the_likelihood_at_the_edges(model: PurchaseModel) -> None:
    state, names = PurchaseState(*SEEN[model].T), [item.name for item in model.coordinates]
    count = np.arange(1.0, 1.0 + len(state.T))

    def total(point: NDArray[np.float64]) -> float:
        parameters = model.parameters(NUMPY, dict(zip(names, point, strict=True)))
        return float(count @ np.asarray(model.loglik(NUMPY, parameters, state)))

    point, nothing = np.array(POINTS[model]), np.zeros(len(count), dtype=np.int64)
    value, gradient = Likelihood(model, state, count, nothing).gradient(point[None])
    assert float(value[0]) == pytest.approx(total(point), rel=1e-9)
    steps = 1e-5 * np.eye(4)
    numeric = [(total(point + step) - total(point - step)) / 2e-5 for step in steps]
    assert gradient[0] == pytest.approx(np.array(numeric), rel=1e-6, abs=1e-5)


def test_the_gradient_is_that_of_the_value() -> None:
    condensed = made(BgNbd(), 3_000, per_cell=100).around(near(BgNbd(), 0.0, 1)[0], 1)
    theta = near(BgNbd(), 0.3, 1)[0]
    slope = condensed.gradient(theta)[1]
    for cell in range(len(SHARES)):
        for j in range(4):
            step = np.zeros_like(theta)
            step[cell, j] = 1e-5
            ahead, behind = condensed.values(np.stack([theta + step, theta - step]))[:, cell]
            assert slope[cell, j] == pytest.approx((ahead - behind) / 2e-5, rel=1e-6, abs=1e-4)


@pytest.mark.parametrize("model", [BgNbd(), ParetoNbd()], ids=lambda model: model.name)
def test_a_sample_tells_what_the_quadratic_misses(model: PurchaseModel) -> None:
    sample, centre = made(model, 10_000, per_cell=1_000), near(model, 0.0, 1)[0]
    thetas = near(model, 0.05, 100)
    far = thetas - centre
    value, slope = sample.exact.gradient(centre)
    bent = np.einsum("cij,ncj->nci", sample.exact.curvature(centre), far)
    quadratic = value + ((slope - bent / 2) * far).sum(axis=2)
    missed = (sample.exact.values(thetas) - quadratic).sum(axis=1).std()
    assert sample.around(centre, 1).error(thetas) < 0.1 * missed


def test_samples_stand_for_all_rows_on_average() -> None:
    rng = np.random.default_rng(5)
    cell = np.repeat([0, 1, 2], [40, 3_000, 5_000]).astype(np.int64)
    frequency = rng.negative_binomial(0.5, 0.1, len(cell)).astype(float)
    count = rng.geometric(0.4, len(cell)).astype(float)
    wanted = np.bincount(cell, weights=count * np.sqrt(frequency))
    found = []
    for seed in range(200):
        given = np.random.default_rng(seed)
        at, times = sample_states(cell, frequency, count, per_cell=200, rng=given)
        assert len(np.unique(at)) == len(at)
        assert times.min() >= 1
        assert (times[cell[at] == 0] == 1).all()
        assert (abs(np.bincount(cell[at]) - [40, 200, 200]) <= 1).all()
        found.append(np.bincount(cell[at], weights=times * count[at] * np.sqrt(frequency[at])))
    error = np.std(found, axis=0) / np.sqrt(len(found))
    assert (abs(np.mean(found, axis=0) - wanted) <= sigmas(3) * error + 1e-9 * wanted).all()


def test_states_that_outweigh_the_others_are_kept_for_certain() -> None:
    count = np.array([1e6, *np.ones(999)])
    zeros = np.zeros(1_000)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        at, times = sample_states(zeros.astype(np.int64), zeros, count, per_cell=50, rng=rng)
        assert times[at == 0] == [1.0]
        # 49 drawn systematically stand for 999 alike, each for 20.4: rounding is one of them.
        assert times.sum() == pytest.approx(1_000, abs=999 / 49 + 1)


def history(n: int) -> PurchaseHistory:
    (x, recency, T), cell = states(BgNbd(), n)
    x = x.astype(np.int64)
    spent = {"p": np.full(n, 6.0), "q": np.full(n, 4.0), "v": np.full(n, 15.0)}
    value = GammaGamma().simulate(spent, x, np.random.default_rng(6))
    return PurchaseHistory(
        np.arange(n).astype(object),
        x,
        recency,
        T,
        value,
        TimeUnit.WEEK,
        groups={"channel": np.array(["ec", "store"])[cell]},
    )


@pytest.fixture(scope="module")
def many() -> PurchaseHistory:
    return history(20_000)


@pytest.fixture(autouse=True)
def fewer_per_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take subsamples of a size that suits the histories of these tests."""
    monkeypatch.setattr(_subsampled_likelihood, "_PER_CELL", 1_500)


@pytest.mark.parametrize("pooling", [Pooling.complete(), Pooling.none("channel")])
@pytest.mark.parametrize("model", [BgNbd(), GammaGamma()], ids=lambda model: model.name)
def test_many_customers_have_the_posterior_that_all_states_give(
    model: BgNbd | GammaGamma,
    many: PurchaseHistory,
    pooling: Pooling,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = fit(model, many, seed=1, pooling=pooling, method="laplace", progress=False)
    monkeypatch.setattr(_subsampled_likelihood, "_PER_CELL", 10**9)
    exact = fit(model, many, seed=1, pooling=pooling, method="laplace", progress=False)
    assert exact.diagnostics.likelihood_error == 0.0
    assert 0.0 < found.diagnostics.likelihood_error < 0.02
    assert_alike(found, exact, comparisons=4 * 8)


def size(found: PurchaseFit | SpendFit) -> float:
    """Return how many independent draws a fit is worth."""
    told = found.diagnostics
    return min([*told.ess_bulk.values(), *told.ess_tail.values()])


def assert_alike(
    found: PurchaseFit | SpendFit, exact: PurchaseFit | SpendFit, *, comparisons: int
) -> None:
    """Require the same posterior of the coordinates, within the error of their draws.

    What the subsample of states adds is below the tenth of a standard error here.
    """
    draws = [one.draws.coordinates.reshape(one.n_draws, -1) for one in (found, exact)]
    assert_same_law(*draws, sizes=(size(found), size(exact)), comparisons=comparisons)


@pytest.fixture
def expanded(monkeypatch: pytest.MonkeyPatch) -> list[NDArray[np.float64]]:
    """What likelihoods were expanded around: something, where a sample was taken."""
    centres: list[NDArray[np.float64]] = []
    around = StateSample.around

    def noted(
        sample: StateSample, centre: NDArray[np.float64], workers: int
    ) -> SubsampledLikelihood:
        centres.append(centre)
        return around(sample, centre, workers)

    monkeypatch.setattr(StateSample, "around", noted)
    return centres


@pytest.mark.parametrize("off", [0.5, np.nan])
def test_where_a_sample_does_not_do_all_states_are_used(
    many: PurchaseHistory,
    off: float,
    expanded: list[NDArray[np.float64]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(SubsampledLikelihood, "error", lambda *_, **__: off)
    found = fit(BgNbd(), many, seed=1, method="laplace", progress=False)
    assert expanded
    monkeypatch.setattr(_subsampled_likelihood, "_PER_CELL", 10**9)
    exact = fit(BgNbd(), many, seed=1, method="laplace", progress=False)
    assert found.diagnostics.likelihood_error == 0.0
    np.testing.assert_array_equal(found.draws.coordinates, exact.draws.coordinates)


def test_the_mode_is_that_of_all_states(
    many: PurchaseHistory, expanded: list[NDArray[np.float64]], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = fit(BgNbd(), many, seed=1, method="map", progress=False)
    assert expanded
    monkeypatch.setattr(_subsampled_likelihood, "_PER_CELL", 10**9)
    exact = fit(BgNbd(), many, seed=1, method="map", progress=False)
    np.testing.assert_allclose(found.draws.coordinates, exact.draws.coordinates, atol=1e-5)


@pytest.mark.parametrize("seed", [5, 16, 33, 39])
def test_the_mode_of_all_is_found_where_that_of_the_sample_is_far_away(
    seed: int, expanded: list[NDArray[np.float64]], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(seed)
    r, a, b = np.exp(rng.normal([0, 0, 1], 2))
    truth = {"r": r, "alpha": r * rng.uniform(2, 50), "a": a, "b": b}
    rng = np.random.default_rng(seed)
    x, recency, T = BgNbd().simulate(truth, rng.uniform(100, 365, 8_000) / 7, rng)
    ids = np.arange(8_000).astype(object)
    weak = PurchaseHistory(ids, np.asarray(x), recency, T, x * np.nan, TimeUnit.WEEK)
    monkeypatch.setattr(_subsampled_likelihood, "_PER_CELL", 200)
    found = fit(BgNbd(), weak, seed=1, method="map", progress=False)
    assert expanded
    monkeypatch.setattr(_subsampled_likelihood, "_PER_CELL", 10**9)
    exact = fit(BgNbd(), weak, seed=1, method="map", progress=False)
    np.testing.assert_allclose(found.draws.coordinates, exact.draws.coordinates, atol=0.01)


def test_a_sample_without_a_mode_does_not_stop_a_fit(
    many: PurchaseHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> SubsampledLikelihood:
        raise FitError("no mode")

    monkeypatch.setattr(StateSample, "around", refuse)
    found = fit(BgNbd(), many, seed=1, method="map", progress=False)
    monkeypatch.setattr(_subsampled_likelihood, "_PER_CELL", 10**9)
    exact = fit(BgNbd(), many, seed=1, method="map", progress=False)
    np.testing.assert_array_equal(found.draws.coordinates, exact.draws.coordinates)


def test_partial_pooling_with_covariates_and_a_small_channel(
    expanded: list[NDArray[np.float64]], monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd = history(12_000)
    rng = np.random.default_rng(7)
    channel = np.where(rng.random(12_000) < 0.005, "call", crowd.groups["channel"])
    known = crowd.with_group("channel", channel).with_covariate(
        "member", rng.integers(0, 2, 12_000)
    )

    def fitted() -> PurchaseFit:
        return fit(
            BgNbd(),
            known,
            seed=1,
            pooling=Pooling.partial("channel"),
            method="laplace",
            covariates={"log_rate": ["member"]},
            progress=False,
        )

    monkeypatch.setattr(_subsampled_likelihood, "_PER_CELL", 500)
    found = fitted()
    assert expanded
    assert 0.0 < found.diagnostics.likelihood_error < 0.02
    monkeypatch.setattr(_subsampled_likelihood, "_PER_CELL", 10**9)
    exact = fitted()
    assert_alike(found, exact, comparisons=13)
    slopes = [np.asarray(one.draws.slopes).ravel() for one in (found, exact)]
    assert_same_law(*slopes, sizes=(size(found), size(exact)), comparisons=13)


@pytest.mark.slow
@pytest.mark.sampling
@pytest.mark.filterwarnings("ignore::omniltv.errors.FitWarning")  # short chains
def test_the_sampler_uses_the_sample_too(
    many: PurchaseHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = fit(BgNbd(), many, seed=1, method=Sampling("nuts", draws=500), progress=False)
    assert 0.0 < found.diagnostics.likelihood_error < 0.01
    monkeypatch.setattr(_subsampled_likelihood, "_PER_CELL", 10**9)
    exact = fit(BgNbd(), many, seed=1, method="laplace", progress=False)
    assert_alike(found, exact, comparisons=4)
