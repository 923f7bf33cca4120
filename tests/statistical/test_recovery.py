"""Fits find the parameters that histories were made with, a small channel's best when it leans.

Five worlds of three channels, whose coordinates are Normal around a common mean.
"""

import warnings
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from tests._statistics import FALSE_ALARM, sigmas

from omniltv.data.history import PurchaseHistory
from omniltv.errors import FitWarning
from omniltv.models import BgNbd, Pooling, Sampling, fit
from omniltv.models.processes.numpy_namespace import NUMPY
from omniltv.units import TimeUnit

pytestmark = [pytest.mark.slow, pytest.mark.sampling]

SIZES = {"app": 30, "ec": 800, "store": 2_000}
SMALL = 0
WORLDS = 5
COORDINATES = tuple(coordinate.name for coordinate in BgNbd.coordinates)


class Recovered(NamedTuple):
    """Truth, posterior mean and posterior sd, each (n_worlds, n_channels, n_coordinates)."""

    truth: NDArray[np.float64]
    mean: NDArray[np.float64]
    sd: NDArray[np.float64]


def world(seed: int) -> tuple[NDArray[np.float64], PurchaseHistory]:
    """The true coordinates of each channel, and what its customers did."""
    rng = np.random.default_rng(seed)
    truth = rng.normal([-2.4, -0.3, -1.3, 1.2], 0.3, (len(SIZES), len(COORDINATES)))
    channel = np.repeat(np.arange(len(SIZES)), list(SIZES.values()))
    own = BgNbd().parameters(NUMPY, dict(zip(COORDINATES, truth[channel].T, strict=True)))
    length = np.array([28.0, 40.0, 52.0])[rng.integers(3, size=len(channel))]
    x, recency, T = BgNbd().simulate(own, length, rng)
    history = PurchaseHistory(
        customer_id=np.arange(len(channel)).astype(object),
        frequency=x,
        recency=np.where(x > 0, np.floor(recency) + 0.5, 0.0),
        T=T,
        monetary_value=np.full(len(channel), np.nan),
        unit=TimeUnit.WEEK,
        groups={"channel": np.array(list(SIZES))[channel]},
    )
    return truth, history


def recovered(pooling: Pooling) -> Recovered:
    parts = []
    for seed in range(WORLDS):
        truth, history = world(seed)
        with warnings.catch_warnings():
            # Short chains: their means are judged here, not their tails.
            warnings.simplefilter("ignore", FitWarning)
            found = fit(
                BgNbd(),
                history,
                seed=seed,
                pooling=pooling,
                method=Sampling("nuts", draws=400, warmup=400),
                progress=False,
            )
        assert max(found.diagnostics.rhat.values()) < 1.1
        theta = found.draws.coordinates
        parts.append((truth, theta.mean(axis=(0, 1)), theta.std(axis=(0, 1))))
    return Recovered(*(np.array(column) for column in zip(*parts, strict=True)))


@pytest.fixture(scope="module")
def partial() -> Recovered:
    return recovered(Pooling.partial("channel"))


@pytest.fixture(scope="module")
def alone() -> Recovered:
    return recovered(Pooling.none("channel"))


def test_partial_pooling_finds_the_truth_as_closely_as_it_says(partial: Recovered) -> None:
    """Coordinates of a channel hang together: each of the 15 channels counts as one at worst."""
    off = (partial.mean - partial.truth) / partial.sd
    assert np.abs(off).max() < sigmas(off.size)
    law = stats.chi2(WORLDS * len(SIZES))
    low, high = (float(law.ppf(tail)) for tail in (FALSE_ALARM / 2, 1 - FALSE_ALARM / 2))
    assert low < (off**2).mean() * WORLDS * len(SIZES) < high


def test_fits_without_pooling_find_the_truth_of_large_channels(alone: Recovered) -> None:
    off = ((alone.mean - alone.truth) / alone.sd)[:, SMALL + 1 :]
    assert np.abs(off).max() < sigmas(off.size)


def test_a_small_channel_is_known_better_when_it_leans_on_the_others(
    partial: Recovered, alone: Recovered
) -> None:
    """Posterior variances are compared, which scatter less than errors from few worlds.

    That they are true is tested above. Over 24 other worlds, five at a time, the logarithm of
    the ratio has mean -1.07 and standard deviation .12: the bound is six of them away.
    """
    known, unknown = ((found.sd[:, SMALL] ** 2).mean() for found in (partial, alone))
    assert known < 0.8 * unknown


def test_a_large_channel_speaks_for_itself(partial: Recovered, alone: Recovered) -> None:
    """Over 24 other worlds, five at a time, the median has mean .16 and sd .04."""
    largest = len(SIZES) - 1
    shift = np.abs(partial.mean - alone.mean)[:, largest] / alone.sd[:, largest]
    assert np.median(shift) < 0.5


def test_least_is_known_of_the_smallest_channel(partial: Recovered) -> None:
    """Over 24 other worlds, five at a time, log(app/ec) has mean .92 and sd .07.

    The two large channels are not compared: log(ec/store) has mean .34 and sd .10.
    """
    app, ec, store = partial.sd.mean(axis=(0, 2))
    assert app > max(ec, store)
