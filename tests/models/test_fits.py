import numpy as np
import pytest
from numpy.typing import NDArray

from omniltv.data.history import PurchaseHistory
from omniltv.draws import Draws
from omniltv.errors import ConfigError, DataError, UnitError
from omniltv.models import BgNbd, GammaGamma, Pooling, PurchaseFit, SpendFit, fit
from omniltv.models.processes.protocols import PurchaseState, SpendState
from omniltv.units import TimeUnit, days, weeks


def row_parameters(found: PurchaseFit | SpendFit, group: str) -> dict[str, NDArray[np.float64]]:
    column = found.groups.index(group)
    return {name: values[:, column] for name, values in found.parameters.items()}


def test_parameters_are_those_of_the_coordinates(purchase_fit: PurchaseFit) -> None:
    assert purchase_fit.n_draws == 40
    draws = purchase_fit.draws
    rate = draws.coordinates[..., draws.names.index("log_rate")].reshape(40, 3)
    parameters = purchase_fit.parameters
    assert {values.shape for values in parameters.values()} == {(40, 3)}
    np.testing.assert_allclose(np.log(parameters["r"] / parameters["alpha"]), rate)


def test_the_population_is_of_a_new_group(purchase_fit: PurchaseFit, spend_fit: SpendFit) -> None:
    draws = purchase_fit.draws
    assert draws.new is not None
    assert draws.mean is not None
    rate = (draws.mean + draws.new[:, :, 0])[..., draws.names.index("log_rate")].ravel()
    population = purchase_fit.population
    np.testing.assert_allclose(np.log(population["r"] / population["alpha"]), rate)
    assert spend_fit.population == {}


def test_forecasts_are_those_of_the_model_row_by_row(
    purchase_fit: PurchaseFit, history: PurchaseHistory
) -> None:
    expected = purchase_fit.expected_purchases(history, weeks(26))
    alive = purchase_fit.prob_alive(history)
    loglik = purchase_fit.log_likelihood(history)
    assert len(expected) == len(history)
    assert expected.n_states < len(history)
    for row in (0, 45, 500):
        state = PurchaseState(history.frequency[row], history.recency[row], history.T[row])
        own = row_parameters(purchase_fit, str(history.groups["channel"][row]))
        direct = BgNbd().expected_purchases(own, state, np.asarray(26.0))
        np.testing.assert_allclose(expected.to_array()[row], direct)
        np.testing.assert_allclose(alive.to_array()[row], BgNbd().prob_alive(own, state))
        assert np.isfinite(loglik.to_array()[row]).all()


def test_values_are_those_of_the_model_row_by_row(
    spend_fit: SpendFit, history: PurchaseHistory
) -> None:
    expected = spend_fit.expected_value(history).to_array()
    own = row_parameters(spend_fit, "")
    never = int(np.flatnonzero(history.frequency == 0)[0])
    often = int(np.flatnonzero(history.frequency > 2)[0])
    for row in (never, often):
        state = SpendState(history.frequency[row], history.monetary_value[row])
        np.testing.assert_allclose(expected[row], GammaGamma().expected_value(own, state))
    loglik = spend_fit.log_likelihood(history).to_array()
    assert (loglik[history.frequency == 0] == 0).all()
    assert np.isfinite(loglik).all()


def test_probabilities_of_customers_do_not_add_up(
    purchase_fit: PurchaseFit, history: PurchaseHistory
) -> None:
    assert isinstance(purchase_fit.expected_purchases(history, weeks(1)), Draws)
    assert not hasattr(purchase_fit.prob_alive(history), "total")


def test_a_horizon_may_be_in_any_unit(purchase_fit: PurchaseFit, history: PurchaseHistory) -> None:
    np.testing.assert_allclose(
        purchase_fit.expected_purchases(history, weeks(2)).mean(),
        purchase_fit.expected_purchases(history, days(14)).mean(),
    )


def test_a_history_in_another_unit_is_refused(
    purchase_fit: PurchaseFit, history: PurchaseHistory
) -> None:
    other = PurchaseHistory(
        customer_id=history.customer_id,
        frequency=history.frequency,
        recency=history.recency,
        T=history.T,
        monetary_value=history.monetary_value,
        unit=TimeUnit.DAY,
        groups=history.groups,
    )
    with pytest.raises(UnitError, match="counts in days, the fit in weeks"):
        purchase_fit.prob_alive(other)


def strange(history: PurchaseHistory) -> PurchaseHistory:
    channel = history.groups["channel"].astype(object)
    channel[:30] = "call"
    return history.with_group("channel", channel.astype(str))


def test_a_group_not_seen_is_refused_with_all_its_rows(
    purchase_fit: PurchaseFit, history: PurchaseHistory
) -> None:
    with pytest.raises(DataError, match="did not see: call") as caught:
        purchase_fit.expected_purchases(strange(history), weeks(26))
    assert caught.value.column == "channel"
    assert caught.value.rows == tuple(range(30))
    assert "unseen=" in caught.value.hint


def test_a_group_not_seen_is_forecast_from_the_population(
    purchase_fit: PurchaseFit, history: PurchaseHistory
) -> None:
    assert set(purchase_fit.cells(strange(history), unseen="population").group[:30]) == {3}
    draws = purchase_fit.expected_purchases(strange(history), weeks(26), unseen="population")
    state = PurchaseState(history.frequency[0], history.recency[0], history.T[0])
    direct = BgNbd().expected_purchases(purchase_fit.population, state, np.asarray(26.0))
    np.testing.assert_allclose(draws.to_array()[0], direct)


def test_without_a_population_there_is_nothing_to_forecast_from(
    purchase_fit: PurchaseFit, history: PurchaseHistory
) -> None:
    draws = purchase_fit.draws
    alone = PurchaseFit(
        BgNbd(),
        Pooling.none("channel"),
        type(draws)(names=draws.names, groups=draws.groups, coordinates=draws.coordinates),
        purchase_fit.diagnostics,
        TimeUnit.WEEK,
    )
    with pytest.raises(ConfigError, match="no population"):
        alone.prob_alive(strange(history), unseen="population")


def test_a_missing_group_column_names_those_there_are(history: PurchaseHistory) -> None:
    with pytest.raises(DataError, match="it has: channel") as caught:
        fit(BgNbd(), history, seed=1, pooling=Pooling.partial("region"), method="map")
    assert caught.value.column == "region"


def test_several_columns_are_combined(history: PurchaseHistory) -> None:
    both = history.with_group("arm", np.where(np.arange(len(history)) % 2, "a", "b"))
    found = fit(BgNbd(), both, seed=1, pooling=Pooling.none("channel", "arm"), method="map")
    assert found.groups == tuple(f"{a}|{b}" for a in ("app", "ec", "store") for b in "ab")


def test_the_posterior_is_what_arviz_reads(purchase_fit: PurchaseFit) -> None:
    posterior = purchase_fit.posterior["posterior"].to_dataset()
    assert dict(posterior.sizes) == {"chain": 2, "draw": 20, "group": 3}
    ec = posterior["r"].sel(group="ec").to_numpy().ravel()
    np.testing.assert_array_equal(ec, row_parameters(purchase_fit, "ec")["r"])


def test_the_summary_has_a_row_for_each_parameter_and_group(purchase_fit: PurchaseFit) -> None:
    summary = purchase_fit.summary(level=0.5)
    assert len(summary) == 12
    found = summary[(summary["parameter"] == "a") & (summary["group"] == "ec")]
    own = row_parameters(purchase_fit, "ec")["a"]
    lower, upper = np.quantile(own, [0.25, 0.75])
    np.testing.assert_allclose(
        found[["mean", "sd", "lower", "upper"]].to_numpy(),
        [[own.mean(), own.std(), lower, upper]],
    )
    with pytest.raises(ConfigError, match="between 0 and 1"):
        purchase_fit.summary(level=90)


def test_the_repr_says_what_was_fitted(purchase_fit: PurchaseFit, spend_fit: SpendFit) -> None:
    assert (
        repr(purchase_fit)
        == "PurchaseFit(bg_nbd, partial pooling by channel (3), 40 draws by NUTS)"
    )
    assert repr(spend_fit) == "SpendFit(gamma_gamma, complete pooling, 40 draws by NUTS)"
    coordinates = "log_mean, log_shape, log_tail"
    assert repr(spend_fit.draws) == f"PosteriorDraws({coordinates}; 1 group, 40 draws)"


def test_a_horizon_without_a_unit_is_refused(
    purchase_fit: PurchaseFit, history: PurchaseHistory
) -> None:
    with pytest.raises(ConfigError, match=r"horizon is a Span, got 26"):
        purchase_fit.expected_purchases(history, 26)  # type: ignore[arg-type]
