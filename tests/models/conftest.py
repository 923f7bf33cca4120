import numpy as np
import pytest
from numpy.typing import NDArray

from omniltv.data.history import PurchaseHistory
from omniltv.models import (
    BgNbd,
    Diagnostics,
    GammaGamma,
    Pooling,
    PosteriorDraws,
    PurchaseFit,
    SpendFit,
)
from omniltv.models.processes.protocols import PurchaseModel, SpendModel
from omniltv.units import TimeUnit

CHANNELS = ("app", "ec", "store")


def simulated(sizes: dict[str, int], *, seed: int) -> PurchaseHistory:
    """A history of channels with their own BG/NBD and gamma-gamma parameters."""
    rng = np.random.default_rng(seed)
    channel = np.repeat(list(sizes), list(sizes.values()))
    place = np.repeat(np.arange(len(sizes)), list(sizes.values()))
    truth = {
        "r": 0.5 + 0.2 * place,
        "alpha": 5.0 + place,
        "a": np.full(len(place), 0.8),
        "b": np.full(len(place), 2.5),
    }
    x, recency, T = BgNbd().simulate(
        truth, rng.integers(5, 10, len(place)).astype(np.float64) * 4, rng
    )
    spend = {"p": np.full(len(place), 4.0), "q": np.full(len(place), 4.0), "v": 8.0 + 4.0 * place}
    return PurchaseHistory(
        customer_id=np.arange(len(place)).astype(object),
        frequency=x,
        recency=np.where(x > 0, np.floor(recency) + 0.5, 0.0),
        T=T,
        monetary_value=GammaGamma().simulate(spend, x, rng),
        unit=TimeUnit.WEEK,
        groups={"channel": channel},
    )


def posterior(model: PurchaseModel | SpendModel, groups: tuple[str, ...]) -> PosteriorDraws:
    """A made-up posterior of 2 chains of 20 draws, with a population where there are groups."""
    rng = np.random.default_rng(4)
    names = tuple(coordinate.name for coordinate in model.coordinates)
    k = len(names)

    def around(*shape: int) -> NDArray[np.float64]:
        return rng.normal(0.5, 0.1, (2, 20, *shape, k))

    theta = around(len(groups))
    if len(groups) == 1:
        return PosteriorDraws(names=names, groups=groups, coordinates=theta)
    mean = around()
    return PosteriorDraws(
        names=names,
        groups=groups,
        coordinates=theta,
        mean=mean,
        spread=around(1) ** 2,
        new=around(1),
        levels=(groups,),
        effects=theta - mean[:, :, None],
    )


def diagnostics() -> Diagnostics:
    """Diagnostics without a problem."""
    return Diagnostics(
        rhat={"x": 1.001},
        ess_bulk={"x": 900.0},
        ess_tail={"x": 800.0},
        divergences=0,
        draws=2000,
        bfmi=1.0,
        steps=7.0,
        seconds=1.5,
    )


@pytest.fixture(scope="session")
def history() -> PurchaseHistory:
    return simulated({"app": 40, "ec": 200, "store": 300}, seed=7)


@pytest.fixture(scope="session")
def purchase_fit() -> PurchaseFit:
    draws = posterior(BgNbd(), CHANNELS)
    return PurchaseFit(BgNbd(), Pooling.partial("channel"), draws, diagnostics(), TimeUnit.WEEK)


@pytest.fixture(scope="session")
def spend_fit() -> SpendFit:
    return SpendFit(GammaGamma(), Pooling.complete(), posterior(GammaGamma(), ("",)), diagnostics())


@pytest.fixture(scope="session")
def rich(history: PurchaseHistory) -> PurchaseHistory:
    """The history with a second group column, crossed with the first, and covariates."""
    rng = np.random.default_rng(3)
    n = len(history)
    wide = history.with_group("region", rng.choice(["north", "south"], n))
    aged = wide.with_covariate("age", rng.choice([20.0, 40.0, 60.0], n))
    return aged.with_covariate("member", rng.integers(0, 2, n))
