import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from omniltv.data.history import PurchaseHistory
from omniltv.errors import ConfigError, DataError, DataWarning, FitError, FitWarning
from omniltv.models import BgNbd, GammaGamma, Pooling, PoolingKind, PurchaseFit, fit, fitting
from omniltv.models._numpy import NUMPY
from omniltv.models.fits import group_labels
from omniltv.models.protocols import PurchaseState
from omniltv.units import TimeUnit, weeks

if TYPE_CHECKING:
    from omniltv.models._graph import Setting

type LogDensity = Callable[[PurchaseHistory, Pooling, dict[str, object]], float]

PARTIAL = Pooling.partial("channel")


def short(history: PurchaseHistory, *, pooling: Pooling = PARTIAL, seed: int = 1) -> PurchaseFit:
    """A run too short to be trusted, which it says."""
    with pytest.warns(FitWarning):
        return fit(BgNbd(), history, seed=seed, pooling=pooling, draws=50, tune=200, progress=False)


def rows(history: PurchaseHistory, **sizes: int) -> PurchaseHistory:
    """The first so many rows of each channel."""
    channel = history.groups["channel"]
    kept = [np.flatnonzero(channel == name)[:size] for name, size in sizes.items()]
    return history.take(np.concatenate(kept))


def setting(history: PurchaseHistory, pooling: Pooling) -> tuple["Setting", NDArray[np.int64]]:
    distinct = history.distinct()
    labels = group_labels(distinct.states, pooling)
    group = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    found = fitting._setting(BgNbd(), distinct, group, partial=pooling == PARTIAL)
    return found, group[distinct.index]


def log_normal(
    x: NDArray[np.float64], mean: NDArray[np.float64], sd: NDArray[np.float64]
) -> NDArray[np.float64]:
    standard = (x - mean) / sd
    return np.asarray(-0.5 * np.log(2 * np.pi) - np.log(sd) - 0.5 * standard**2)


def loglik(theta: NDArray[np.float64], history: PurchaseHistory, group: NDArray[np.int64]) -> float:
    """The log-likelihood row by row, in NumPy."""
    names = (coordinate.name for coordinate in BgNbd().coordinates)
    own = BgNbd().parameters(NUMPY, dict(zip(names, theta[group].T, strict=True)))
    state = PurchaseState(history.frequency, history.recency, history.T)
    return float(np.sum(BgNbd().loglik(NUMPY, own, state)))


@pytest.fixture(scope="module")
def log_density() -> LogDensity:
    """The density that the sampler sees, constants included."""

    def evaluate(history: PurchaseHistory, pooling: Pooling, point: dict[str, object]) -> float:
        from pytensor.compile.mode import Mode

        from omniltv.models import _graph

        found, _ = setting(history, pooling)
        partial = pooling.kind is PoolingKind.PARTIAL
        graph = _graph._build(BgNbd(), len(found.centring), partial=partial)
        data = found.data()
        with graph:
            for name in graph.named_vars.keys() & data.keys():
                graph.set_data(name, data[name])
        as_it_stands = Mode(linker="py", optimizer=None)
        return float(graph.compile_logp(mode=as_it_stands)(point))

    return evaluate


@pytest.mark.sampling
def test_the_graph_is_the_models_density_without_a_population(
    history: PurchaseHistory,
    log_density: LogDensity,
) -> None:
    offset = np.random.default_rng(0).normal(0, 0.3, (3, 4))
    found, group = setting(history, Pooling.none("channel"))
    theta = found.reference + offset
    sd = np.array([coordinate.sd for coordinate in BgNbd().coordinates])
    prior = log_normal(theta, found.location, sd).sum()
    density = log_density(history, Pooling.none("channel"), {"offset": offset})
    assert density == pytest.approx(prior + loglik(theta, history, group), abs=1e-6)


@pytest.mark.sampling
def test_partial_centring_leaves_the_hierarchy_as_it_is(
    history: PurchaseHistory,
    log_density: LogDensity,
) -> None:
    rng = np.random.default_rng(1)
    mu, log_tau, z = rng.normal(0, 0.3, 4), rng.normal(0, 0.3, 4), rng.normal(0, 0.3, (3, 4))
    found, group = setting(history, PARTIAL)
    from omniltv.models._graph import SPREAD_SD

    tau = np.array([coordinate.group_sd for coordinate in BgNbd().coordinates]) * np.exp(log_tau)
    w = found.centring
    assert w.min() < 0.5 < w.max()
    theta = found.reference + mu + tau ** (1 - w) * (z - w * mu)
    sd = np.array([coordinate.sd for coordinate in BgNbd().coordinates])
    expected = (
        log_normal(found.reference + mu, found.location, sd).sum()
        + log_normal(log_tau, np.zeros(4), np.full(4, SPREAD_SD)).sum()
        + log_normal(theta, found.reference + mu, tau).sum()
        + np.log(tau ** (1 - w)).sum()
        + loglik(theta, history, group)
    )
    point: dict[str, object] = {"mu": mu, "log_tau": log_tau, "z": z}
    assert log_density(history, PARTIAL, point) == pytest.approx(expected, abs=1e-6)


def test_centring_follows_what_a_groups_data_say(history: PurchaseHistory) -> None:
    found, _ = setting(history, PARTIAL)
    app, ec, _ = found.centring
    assert (app < ec).all()
    tiny, _ = setting(rows(history, app=3, store=300), PARTIAL)
    assert tiny.centring[0].max() < 0.1
    assert tiny.centring[1, 0] > 0.9


def test_priors_say_the_same_in_every_unit(history: PurchaseHistory) -> None:
    in_days = replace(history, recency=7 * history.recency, T=7 * history.T, unit=TimeUnit.DAY)
    (found, _), (other, _) = setting(history, PARTIAL), setting(in_days, PARTIAL)
    shift = np.array([-math.log(7), 0, 0, 0])
    np.testing.assert_allclose(other.location - found.location, shift, atol=1e-12)
    np.testing.assert_allclose(other.reference - found.reference, shift, atol=0.01)


@pytest.mark.sampling
def test_the_same_seed_gives_the_same_draws(history: PurchaseHistory) -> None:
    first, again, other = short(history), short(history), short(history, seed=2)
    for name in ("theta", "mean", "spread", "new"):
        np.testing.assert_array_equal(getattr(first.draws, name), getattr(again.draws, name))
    assert not np.array_equal(first.draws.theta, other.draws.theta)


@pytest.mark.sampling
def test_a_group_of_three_customers_leans_on_the_others(history: PurchaseHistory) -> None:
    few = rows(history, app=3, ec=200, store=300)
    found = fit(BgNbd(), few, seed=4, pooling=PARTIAL, draws=1000, tune=1000, progress=False)
    assert found.diagnostics.ok
    assert found.groups == ("app", "ec", "store")
    spread = np.log(found.parameters["r"] / found.parameters["alpha"]).std(axis=0)
    assert spread[0] > 2 * spread[1:].max()
    assert found.expected_purchases(few, weeks(26)).mean().shape == (503,)


@pytest.mark.sampling
def test_one_customer_is_warned_of_and_fitted(history: PurchaseHistory) -> None:
    one = history.take(np.flatnonzero(history.frequency > 1)[:1])
    with pytest.warns(DataWarning, match="mostly the prior"):
        found = short(one, pooling=Pooling.complete())
    assert np.isfinite(found.expected_purchases(one, weeks(52)).mean()).all()


@pytest.mark.sampling
def test_spend_is_learnt_from_repeat_purchases(history: PurchaseHistory) -> None:
    found = fit(GammaGamma(), history, seed=1, draws=1000, tune=1000, progress=False)
    assert found.diagnostics.ok
    repeat = history.frequency > 0
    values = found.expected_value(history).mean()
    own = history.monetary_value[repeat]
    assert len(np.unique(values[~repeat].round(9))) == 1
    assert values.min() > own.min()
    assert values.max() < own.max()
    assert np.corrcoef(values[repeat], own)[0, 1] > 0.9


def test_an_empty_history_cannot_be_fitted(history: PurchaseHistory) -> None:
    with pytest.raises(FitError, match="no rows"):
        fit(BgNbd(), history.take(np.zeros(len(history), dtype=bool)), seed=1)


def test_spend_needs_a_repeat_purchase(history: PurchaseHistory) -> None:
    with pytest.raises(FitError, match="no row has a repeat purchase that was paid for"):
        fit(GammaGamma(), history.take(history.frequency == 0), seed=1)


@pytest.mark.parametrize("value", [-3.0, math.nan])
def test_spend_is_not_below_nought(history: PurchaseHistory, value: float) -> None:
    row = int(np.flatnonzero(history.frequency > 0)[2])
    values = history.monetary_value.copy()
    values[row] = value
    with pytest.raises(DataError, match="below 0") as caught:
        fit(GammaGamma(), replace(history, monetary_value=values), seed=1)
    assert caught.value.column == "monetary_value"
    assert caught.value.rows == (row,)


def test_rows_with_free_repeat_purchases_only_are_left_out_aloud(
    history: PurchaseHistory,
) -> None:
    values = np.where(np.arange(len(history)) % 2, history.monetary_value, 0.0)
    values[history.frequency == 0] = math.nan
    free = int(((values == 0) & (history.frequency > 0)).sum())
    with pytest.warns(DataWarning, match=f"^{free} rows"):
        rows = fitting._spenders(replace(history, monetary_value=values))
    assert (rows.monetary_value > 0).all()
    nothing = np.where(history.frequency > 0, 0.0, math.nan)
    with pytest.raises(FitError, match="paid for"):
        fit(GammaGamma(), replace(history, monetary_value=nothing), seed=1)


def test_a_group_column_must_be_there(history: PurchaseHistory) -> None:
    with pytest.raises(DataError, match="it has: channel") as caught:
        fit(BgNbd(), history, seed=1, pooling=Pooling.none("region"))
    assert caught.value.column == "region"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"method": "advi"}, "no such method: 'advi'"),
        ({"draws": 0}, "draws is a whole number of at least 10, got 0"),
        ({"tune": 2.5}, "tune is a whole number of at least 10, got 2.5"),
        ({"chains": 0}, "chains is a whole number of at least 1, got 0"),
        ({"seed": -1}, "seed is a whole number of at least 0, got -1"),
        ({"seed": None}, "seed is a whole number of at least 0, got None"),
        ({"model": BgNbd}, "not a model"),
        ({"model": "bg_nbd"}, "not a model: 'bg_nbd'"),
    ],
)
def test_unknown_arguments_are_refused(
    history: PurchaseHistory, changes: dict[str, object], says: str
) -> None:
    arguments: dict[str, object] = {"model": BgNbd(), "history": history, "seed": 1} | changes
    with pytest.raises(ConfigError, match=says):
        fit(**arguments)  # type: ignore[call-overload]  # wrong on purpose
