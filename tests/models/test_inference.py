"""The density that is explored, the approximation of it, and what both methods find."""

import ctypes
import warnings
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import digamma, gammaln

from omniltv import _compiled
from omniltv.data.history import PurchaseHistory
from omniltv.errors import DataWarning, FitWarning
from omniltv.models import (
    BgNbd,
    CnbdK,
    GammaGamma,
    ParetoNbd,
    Pooling,
    Sampling,
    ShiftedBetaGeometric,
    fit,
    to_pymc,
)
from omniltv.models.inference import (
    _compiled_density,
    _importance,
    _laplace,
    _mode,
    _operations,
    _problem,
    _reach,
    _solve,
    _subsampled_likelihood,
    _whitened,
)
from omniltv.models.inference._expression_graph import Op
from omniltv.models.inference._subsampled_likelihood import SubsampledLikelihood
from omniltv.models.posterior._kinds import AnyModel, kind_of
from omniltv.models.posterior.priors import (
    Exponential,
    Flat,
    HalfNormal,
    Prior,
    StudentT,
)
from omniltv.models.processes._selection import Selected
from omniltv.models.processes.built_in import PURCHASE_MODELS, SPEND_MODELS
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.models.processes.protocols import PurchaseModel, SpendModel
from omniltv.units import TimeUnit

type Vector = NDArray[np.float64]

BGNBD = BgNbd()
PARTIAL = Pooling.partial("channel")
POOLINGS = (Pooling.complete(), Pooling.none("channel"), PARTIAL)
SUBSCRIBERS = 300
STEPS = np.arange(-12.0, 12.01, 0.1)  # standard deviations of the approximation
BUYERS = {"log_rate": ["age"], "logit_dropout": ["member", "age"]}


def problem(
    history: PurchaseHistory,
    pooling: Pooling,
    *,
    model: AnyModel = BGNBD,
    covariates: dict[str, list[str]] | None = None,
    priors: dict[str, Prior] | None = None,
) -> _problem.Problem:
    observed = kind_of(model).observe(model, history)
    return _problem.Problem.of(model, observed, pooling, covariates or {}, priors or {})


def some_point(found: _problem.Problem, seed: int) -> tuple[NDArray[np.float64], ...]:
    rng = np.random.default_rng(seed)
    posterior = found.posterior
    shift = rng.normal(0, 0.2, len(found.start))
    return found.start + shift, posterior.start_of_spreads + rng.normal(
        0, 0.3, len(posterior.start_of_spreads)
    )


def in_pymc(
    found: _problem.Problem,
    coefficients: Vector,
    log_spreads: Vector,
) -> dict[str, NDArray[np.float64]]:
    """The same point under the names that it has in the PyMC model."""
    names = [item.name for item in found.model.coordinates]
    design, k = found.posterior.design, len(names)
    rows = coefficients[: design.n_rows * k].reshape(-1, k)
    point = {}
    for column, name in enumerate(names):
        base = rows[: design.sizes[0], column]
        point[name] = base if len(base) > 1 else base[0]
        for term, label in enumerate(found.terms):
            point[f"{name}:{label}"] = rows[design.rows(term), column]
            point[f"spread:{name}:{label}_log__"] = log_spreads[term * k + column]
    for number, effect in enumerate(found.effects):
        point[f"{effect.coordinate}:{effect.covariate}"] = coefficients[design.n_rows * k + number]
    return {name: np.asarray(value) for name, value in point.items()}


@pytest.mark.sampling
@pytest.mark.parametrize(
    ("model", "pooling", "covariates"),
    [
        (BgNbd(), Pooling.complete(), {}),
        (BgNbd(), Pooling.none("channel"), BUYERS),
        (BgNbd(), Pooling.partial("channel", "region"), BUYERS),
        (GammaGamma(), Pooling.partial("region", "region|channel"), {"log_mean": ["age"]}),
    ],
    ids=["complete", "none", "crossed", "nested"],
)
def test_the_density_is_that_of_the_pymc_model(
    rich: PurchaseHistory,
    model: PurchaseModel | SpendModel,
    pooling: Pooling,
    covariates: dict[str, list[str]],
) -> None:
    from pytensor.compile.mode import Mode

    spends = isinstance(model, SpendModel)
    rows = rich.take(rich.frequency > 0) if spends else rich
    priors: dict[str, Prior] = {"log_shape": StudentT(nu=4.0, mu=0.3, sigma=0.7)}
    priors |= {
        "spread:log_shape": HalfNormal(0.4),
        f"spread:{model.coordinates[0].name}": Exponential(2.0),
    }
    found = problem(rows, pooling, model=model, covariates=covariates, priors=priors)
    graph = to_pymc(
        model,
        rows,
        pooling=pooling,
        covariates=covariates,
        priors=priors,
    )
    evaluate = graph.compile_logp(mode=Mode(linker="py", optimizer=None))
    differences = []
    for seed in range(3):
        coefficients, log_spreads = some_point(found, seed)
        posterior = found.posterior
        ours = float(
            posterior.likelihood.values(posterior.design.coordinates(coefficients)[None]).sum()
        )
        ours += float(posterior.log_prior(coefficients, log_spreads))
        differences.append(float(evaluate(in_pymc(found, coefficients, log_spreads))) - ours)
    np.testing.assert_allclose(differences, differences[0], atol=1e-6)


@pytest.mark.parametrize("pooling", [*POOLINGS, Pooling.partial("channel", "region")], ids=str)
def test_the_sampler_sees_the_same_density(rich: PurchaseHistory, pooling: Pooling) -> None:
    """The turned and scaled density differs by the same constant everywhere, gradient too."""
    heavy: dict[str, Prior] = {"log_shape": StudentT(4.0, 0.0, 1.0)}
    found = problem(rich, pooling, covariates=BUYERS, priors=heavy)
    posterior = found.posterior
    approximation = _laplace.approximate(posterior, found.start, workers=1)
    density = _whitened.whiten(approximation, 1, 1)
    rng = np.random.default_rng(0)
    differences = []
    for _ in range(4):
        point: Vector = rng.normal(0, 0.7, size=(density.root.shape[1],))
        value, slope = density(point)
        coefficients, log_spreads = density.split(point)
        jacobian = float(((1 - density.weight) * log_spreads[posterior.spread_of]).sum())
        jacobian += float(density.power @ log_spreads[: len(density.power)])
        raw = density.raw(coefficients[None], log_spreads[None])[0]
        np.testing.assert_allclose(raw, density.centre + density.root @ point, atol=1e-9)
        exact = float(
            posterior.likelihood.values(posterior.design.coordinates(coefficients)[None]).sum()
        )
        differences.append(
            value - exact - posterior.log_prior(coefficients, log_spreads) - jacobian
        )
        for axis in range(len(point)):
            step = 1e-5 * np.eye(len(point))[axis]
            by_hand = (density(point + step)[0] - density(point - step)[0]) / 2e-5
            assert slope[axis] == pytest.approx(by_hand, rel=1e-4, abs=1e-3)
    np.testing.assert_allclose(differences, differences[0], atol=1e-6)


CONTINUOUS = tuple(model for model in PURCHASE_MODELS if not model.discrete)
SAMPLED: dict[str, Prior] = {
    "log_shape": StudentT(4.0, 0.0, 1.0),
    "spread:log_rate": HalfNormal(0.4),
    "spread:log_shape": Exponential(2.0),
    "log_rate": Flat(),
}


@pytest.mark.parametrize("per_cell", [60, 10**9], ids=["subsampled", "all states"])
@pytest.mark.parametrize(
    ("model", "pooling", "covariates"),
    [
        *((model, Pooling.complete(), {}) for model in (*CONTINUOUS, *SPEND_MODELS)),
        (BgNbd(), Pooling.none("channel"), BUYERS),
        (ParetoNbd(), Pooling.complete(), {"log_rate": ["age"]}),
        (Selected(BgNbd(), 1), Pooling.partial("channel"), {}),
        (BgNbd(), Pooling.partial("channel", "region"), BUYERS),
        (GammaGamma(), Pooling.partial("region", "region|channel"), {"log_mean": ["age"]}),
    ],
    ids=str,
)
def test_the_c_function_is_the_density_in_python(
    rich: PurchaseHistory,
    model: PurchaseModel | SpendModel,
    pooling: Pooling,
    covariates: dict[str, list[str]],
    per_cell: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_subsampled_likelihood, "_PER_CELL", per_cell)
    rows = rich if not isinstance(model, Selected | SpendModel) else rich.take(rich.frequency > 0)
    names = [item.name for item in model.coordinates]
    priors = {name: prior for name, prior in SAMPLED.items() if name.split(":")[-1] in names}
    plain = model.model if isinstance(model, Selected) else model
    observed = kind_of(plain).observe(plain, rows)
    found = _problem.Problem.of(model, observed, pooling, covariates, priors)
    approximation = _solve._approximate(found)
    if per_cell < len(rows) / 4 and not covariates:
        assert isinstance(approximation.posterior.likelihood, SubsampledLikelihood)
    density = _whitened.whiten(approximation, 1, 1)
    packed = _compiled_density.pack(density)
    assert packed is not None
    rng = np.random.default_rng(0)
    for _ in range(3):
        point: Vector = rng.normal(0, 0.7, size=(density.root.shape[1],))
        (value, slope), (ours, ours_slope) = density(point), packed(point)
        assert ours == pytest.approx(value, rel=1e-12, abs=1e-10)
        np.testing.assert_allclose(ours_slope, slope, rtol=1e-10, atol=1e-10 * abs(value))


@pytest.mark.parametrize("pooling", POOLINGS, ids=str)
def test_the_mode_is_a_mode(history: PurchaseHistory, pooling: Pooling) -> None:
    found = problem(history, pooling)
    posterior = found.posterior
    sites = _mode.find_sites(posterior, found.start, posterior.start_of_spreads, workers=1)
    theta = posterior.design.coordinates(sites.mode)
    score = posterior.design.pull(posterior.likelihood.gradient(theta)[1])
    score += posterior.prior_score(sites.mode, posterior.start_of_spreads)
    scale = np.sqrt(np.diag(np.linalg.pinv(sites.precision)))
    assert np.abs(score * scale).max() < 0.01


@pytest.mark.parametrize(
    ("pooling", "covariates"),
    [
        (Pooling.complete(), {}),
        (Pooling.none("channel"), BUYERS),
        (PARTIAL, {}),
        (Pooling.partial("channel", "region"), BUYERS),
    ],
    ids=["complete", "none", "partial", "crossed"],
)
def test_proposals_have_the_density_that_they_say(
    rich: PurchaseHistory, pooling: Pooling, covariates: dict[str, list[str]]
) -> None:
    """With and without two-piece scales, the mean weight is the same normalising constant.

    Weights are capped for their mean to have a normal error: a cap of 20 is far above
    nearly all, and the same draws would fail at twice the density. A run fails by chance
    with a probability below 1e-6, of a normal error, besides the .1 allowed for the cap.
    """
    found = problem(rich, pooling, covariates=covariates)
    approximation = _laplace.approximate(found.posterior, found.start, workers=1)
    n, found_at = 3000, []
    scales = approximation.scales
    assert np.exp(scales.right).max() > 1.1
    for shape in (None, scales):
        rng = np.random.default_rng(5)
        spreads = approximation.spreads(n, rng)
        draws, density = approximation.coefficients(spreads, rng, shape)
        weights = _importance.log_weights(approximation, draws, spreads, density, 1).sum(axis=1)
        found_at.append(weights)
    typical = float(np.median(found_at[0]))
    capped = [np.minimum(np.exp(one - typical), 20.0) for one in found_at]
    mean = [float(one.mean()) for one in capped]
    error = np.hypot(*(one.std() / one.mean() / np.sqrt(n) for one in capped))
    assert abs(np.log(mean[1] / mean[0])) < 0.1 + 5 * error


def test_the_same_seed_gives_the_same_laplace_draws(history: PurchaseHistory) -> None:
    first, again, other = (
        fit(BgNbd(), history, seed=seed, pooling=PARTIAL, method=Sampling("laplace", draws=200))
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.draws.coordinates, again.draws.coordinates)
    assert not np.array_equal(first.draws.coordinates, other.draws.coordinates)


def test_the_map_is_where_laplace_is_centred(history: PurchaseHistory) -> None:
    mode = fit(BgNbd(), history, seed=1, method="map")
    assert mode.n_draws == 1
    draws = fit(BgNbd(), history, seed=1, method="laplace").draws.coordinates[0, :, 0]
    # Mean and mode of a posterior with one peak are sqrt(3) sd apart at most.
    assert (np.abs(mode.draws.coordinates[0, 0, 0] - draws.mean(axis=0)) < draws.std(axis=0)).all()


@pytest.mark.sampling
def test_laplace_hands_over_where_it_is_bad(history: PurchaseHistory) -> None:
    """Ten customers of three channels under wide Cauchy priors: the posterior has no variance."""
    few = history.take(np.flatnonzero(history.frequency > 0)[::40])
    wide = {item.name: StudentT(1.0, 0.0, 100.0) for item in BgNbd().coordinates}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = fit(
            BgNbd(),
            few,
            seed=1,
            method=Sampling("laplace", draws=20, warmup=20, chains=1),
            pooling=PARTIAL,
            priors=wide,
            progress=False,
        )
    assert any("k-hat" in str(item.message) for item in caught)
    assert all(issubclass(item.category, FitWarning | DataWarning) for item in caught)
    assert found.diagnostics.method == "nuts"


def test_priors_say_the_same_in_every_unit(history: PurchaseHistory) -> None:
    in_days = replace(history, recency=7 * history.recency, T=7 * history.T, unit=TimeUnit.DAY)
    here, there = problem(history, PARTIAL), problem(in_days, PARTIAL)
    np.testing.assert_allclose(there.start[:4] - here.start[:4], [-np.log(7), 0, 0, 0], atol=1e-3)


def test_flat_priors_give_the_maximum_of_the_likelihood(history: PurchaseHistory) -> None:
    flat = {item.name: Flat() for item in BgNbd().coordinates}
    found = fit(BgNbd(), history, seed=1, method="map", priors=flat)
    top = found.log_likelihood(history).to_array().sum()
    other = fit(BgNbd(), history, seed=1, method="map")
    assert top >= other.log_likelihood(history).to_array().sum()
    score = problem(history, Pooling.complete(), priors=dict(flat)).posterior.likelihood.gradient(
        found.draws.coordinates[0, 0]
    )[1]
    assert np.abs(score).max() < 0.05


_STEADY = np.concatenate([np.geomspace(1e-300, 1e300, 201), [1 - 1e-9, 1 + 1e-9]])


def by_kernel(op: Op, values: Vector) -> tuple[Vector, Vector]:
    """The result of an operation of the kernel, and its derivative."""
    registers, adjoint = np.zeros((2, 2 + _operations.SCRATCH, len(values)))
    registers[0], adjoint[1] = values, 1.0
    code = np.array([[op, 0, -1, -1, 1]], dtype=np.int64)
    sizes = *registers.shape, len(values)
    whole, pointer = ctypes.c_int64, ctypes.c_void_p
    forward = ctypes.CFUNCTYPE(whole, pointer, whole, pointer, *[whole] * 3)
    forward(_operations.FORWARD.address)(code.ctypes.data, 1, registers.ctypes.data, *sizes)
    result = registers[1].copy()
    backward = ctypes.CFUNCTYPE(whole, pointer, whole, pointer, pointer, *[whole] * 4)
    rows, columns, n = sizes
    backward(_operations.BACKWARD.address)(
        code.ctypes.data, 1, registers.ctypes.data, adjoint.ctypes.data, rows, columns, 0, n
    )
    return result, adjoint[0]


@pytest.mark.parametrize(
    ("op", "exact", "values"),
    [
        (Op.LOG, np.log, _STEADY),
        (Op.LOG, np.log, np.array([0.0, 1e-310, 1.0, np.inf])),
        (Op.EXP, np.exp, np.linspace(-690, 690, 256)),
        (Op.EXP, np.exp, np.array([-1e4, -745.0, 0.0, 709.0, 1e4])),
        (Op.LOG1P, np.log1p, np.concatenate([np.geomspace(1e-300, 1e300, 255), [-0.5]])),
    ],
)
def test_the_kernels_own_functions_are_exact_to_the_last_digits(
    op: Op, exact: np.ufunc, values: Vector
) -> None:
    with np.errstate(all="ignore"):
        found = by_kernel(op, values)[0]
        np.testing.assert_allclose(found, exact(values), rtol=4e-16, atol=1e-320)


def test_log_gamma_and_its_derivative_are_exact_to_the_last_digits() -> None:
    """The errors are relative to 1 + |value|: both functions have a zero."""
    values = np.concatenate([np.geomspace(1e-8, 1e8, 3_000), np.linspace(0.5, 12, 3_000)])
    for found, exact in zip(
        by_kernel(Op.GAMMALN, values), (gammaln(values), digamma(values)), strict=True
    ):
        assert (np.abs(found - exact) / (1 + np.abs(exact))).max() < 1e-14


@pytest.mark.parametrize("seed", [5, 15, 22, 39])
def test_modes_are_found_in_few_steps_where_hardly_anybody_came_back(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(seed)
    rare = {"r": np.array(0.095), "alpha": np.array(0.29), "a": np.array(0.5), "b": np.array(0.7)}
    model = CnbdK(2, modified=True)
    x, recency, T = model.simulate(rare, rng.uniform(0.5, 1.5, 600), rng)
    ids, frequency = np.arange(600).astype(object), np.asarray(x, dtype=np.int64)
    few = PurchaseHistory(ids, frequency, recency, T, np.full(600, np.nan), TimeUnit.WEEK)
    assert 0 < (few.frequency > 0).sum() < 60
    monkeypatch.setattr(_mode, "_NEWTON", 25)
    found = problem(few, Pooling.complete(), model=model)
    posterior = found.posterior
    sites = _mode.find_sites(posterior, found.start, posterior.start_of_spreads, workers=1)
    _, slopes = posterior.likelihood.gradient(posterior.design.coordinates(sites.mode))
    score = posterior.design.pull(slopes) + posterior.prior_score(sites.mode, np.empty(0))
    assert np.abs(score).max() < 1e-3


@pytest.mark.parametrize("model", [*PURCHASE_MODELS, *SPEND_MODELS], ids=lambda model: model.name)
def test_the_same_mode_is_found_from_far_away_in_every_direction(
    model: PurchaseModel | SpendModel,
) -> None:
    flat: dict[str, Prior] = {item.name: Flat() for item in model.coordinates}
    found = problem(typical(model), Pooling.complete(), model=model, priors=flat)
    mode = find_mode(found, found.start)
    for direction in product((-3.0, 3.0), repeat=len(mode)):
        np.testing.assert_allclose(find_mode(found, found.start + direction), mode, atol=1e-3)


def typical(model: PurchaseModel | SpendModel) -> PurchaseHistory:
    """2,000 customers in the middle of a model's prior."""
    rng = np.random.default_rng(11)
    middle = {item.name: np.full(2_000, item.mean) for item in model.coordinates}
    parameters, ids = model.parameters(NUMPY, middle), np.arange(2_000).astype(object)
    if isinstance(model, PurchaseModel):
        x, recency, T = model.simulate(
            parameters, rng.integers(6, 13, len(ids)).astype(np.float64), rng
        )
        return PurchaseHistory(ids, x, recency, T, np.full(len(ids), np.nan), TimeUnit.WEEK)
    x, T = rng.poisson(2.0, len(ids)) + 1, np.ones(len(ids))
    return PurchaseHistory(ids, x, T, T, model.simulate(parameters, x, rng), TimeUnit.WEEK)


def find_mode(found: _problem.Problem, start: Vector) -> Vector:
    with np.errstate(all="ignore"):
        return _mode.find_sites(found.posterior, start, np.empty(0), workers=1).mode


def subscribers() -> PurchaseHistory:
    """Subscribers whose probability of cancelling hardly differs: a long upper tail."""
    rng = np.random.default_rng(5)
    T = rng.integers(2, 6, SUBSCRIBERS).astype(np.float64)
    life = rng.geometric(rng.beta(4.0, 8.0, SUBSCRIBERS)).astype(np.float64)
    renewals = np.minimum(life - 1, T)
    ids = np.arange(SUBSCRIBERS).astype(object)
    return PurchaseHistory(ids, renewals, renewals, T, renewals * np.nan, TimeUnit.YEAR)


def few_approximated(history: PurchaseHistory) -> _laplace.Approximation:
    found = problem(history, Pooling.complete(), model=ShiftedBetaGeometric())
    return _laplace.approximate(found.posterior, found.start, workers=1)


def on_a_grid(found: _laplace.Approximation) -> tuple[Vector, Vector, Vector]:
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
    found = few_approximated(subscribers())
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


def test_a_line_says_once_for_each_purpose_that_code_is_compiled(
    caplog: pytest.LogCaptureFixture,
) -> None:
    _compiled._say_compiling.cache_clear()
    for purpose in ("fits", "NUTS", "fits"):
        _compiled._say_compiling(purpose)
    said = ["code for fits is compiled", "code for NUTS is compiled"]
    assert [record.getMessage().split(",")[0] for record in caplog.records] == said
    assert {record.levelname for record in caplog.records} == {"WARNING"}
