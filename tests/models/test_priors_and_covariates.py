"""Priors that are replaced, and covariates: what they do, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from tests._statistics import sigmas

from omniltv.data.history import PurchaseHistory
from omniltv.errors import ConfigError, DataError, FitWarning
from omniltv.models import BgNbd, fit
from omniltv.models.posterior.priors import Exponential, HalfNormal, LogNormal, Normal, StudentT
from omniltv.models.processes.protocols import PurchaseState
from omniltv.units import TimeUnit, weeks


def test_a_prior_that_is_replaced_moves_the_posterior(history: PurchaseHistory) -> None:
    def rate(**priors: Normal) -> float:
        found = fit(BgNbd(), history, seed=1, method="map", priors=priors)
        return float(found.draws.coordinates[0, 0, 0, 0])

    with pytest.warns(FitWarning, match="bought once"):  # the prior is wrong, and it is said
        strict = rate(log_rate=Normal(mu=-8.0, sigma=0.01))
    assert strict == pytest.approx(-8.0, abs=0.2)
    assert rate() > -6


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"priors": {"rate": Normal(0, 1)}}, ConfigError, "nothing is called 'rate'"),
        ({"priors": {"log_rate": 3}}, ConfigError, "priors is a mapping from a text to a Prior"),
        ({"priors": {"spread:log_rate:age": HalfNormal(1)}}, ConfigError, "nothing is called"),
        ({"covariates": {"rate": ["age"]}}, ConfigError, "no coordinate 'rate'"),
        ({"covariates": {"log_rate": ["height"]}}, DataError, "it has: age, member"),
    ],
)
def test_priors_and_covariates_of_nothing_are_refused(
    rich: PurchaseHistory, arguments: dict[str, object], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        fit(BgNbd(), rich, seed=1, method="map", **arguments)  # type: ignore[call-overload]


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan"), float("inf")])
def test_a_prior_has_a_positive_scale(wrong: float) -> None:
    for make in (
        lambda: Normal(0, wrong),
        lambda: StudentT(3, 0, wrong),
        lambda: LogNormal(0, wrong),
        lambda: HalfNormal(wrong),
        lambda: Exponential(wrong),
    ):
        with pytest.raises(ConfigError, match="a number above 0"):
            make()


def test_a_covariate_that_never_varies_is_refused(history: PurchaseHistory) -> None:
    same = history.with_covariate("member", np.ones(len(history)))
    with pytest.raises(ConfigError, match="the same for every row"):
        fit(BgNbd(), same, seed=1, method="map", covariates={"log_rate": ["member"]})


def test_covariates_are_found_and_forecast_with() -> None:
    """Rates differ by a factor of e between members and others; so do the forecasts."""
    rng = np.random.default_rng(11)
    member = np.repeat([0.0, 1.0], 3000)
    alpha = np.where(member > 0, 6.0 / np.e, 6.0)
    truth = {
        "r": np.full(6000, 1.2),
        "alpha": alpha,
        "a": np.full(6000, 0.7),
        "b": np.full(6000, 3.0),
    }
    x, recency, T = BgNbd().simulate(truth, np.full(6000, 40.0), rng)
    history = PurchaseHistory(
        np.arange(6000).astype(object), x, recency, T, np.where(x > 0, 1.0, np.nan), TimeUnit.WEEK
    ).with_covariate("member", member)
    found = fit(BgNbd(), history, seed=1, method="laplace", covariates={"log_rate": ["member"]})
    assert found.draws.slopes is not None
    per_unit = found.draws.slopes[..., 0].ravel() / found.effects[0].scale
    assert abs(per_unit.mean() - 1) < sigmas(3) * per_unit.std()
    assert per_unit.std() < 0.1
    ours = found.expected_purchases(history, weeks(20)).total(member).mean()
    state = PurchaseState(x, recency, T)
    exact = BgNbd().expected_purchases(truth, state, np.asarray(20.0))
    theirs = [exact[member == value].sum() for value in (0.0, 1.0)]
    sd = found.expected_purchases(history, weeks(20)).total(member).values.std(axis=1)
    assert (abs(ours - np.array(theirs)) < sigmas(3) * sd).all()
    np.testing.assert_allclose(sd / theirs, 0, atol=0.1)
    with pytest.raises(DataError, match="no such covariate") as caught:
        found.expected_purchases(replace(history, covariates={}), weeks(20))
    assert caught.value.column == "member"
