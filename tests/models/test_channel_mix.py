"""The channel mix: over which channels the purchases of customers split."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests._statistics import sigmas

from omniltv.data.log import PurchaseLog
from omniltv.draws import Draws
from omniltv.errors import ConfigError, DataError, FitError, StoreError
from omniltv.models import (
    ChannelMixFit,
    PolyaUrn,
    Pooling,
    Sampling,
    fit,
    fit_channel_mix,
    load_fit,
    to_pymc,
)
from omniltv.models.posterior.priors import Normal
from omniltv.models.processes import NUMPY, ChannelModel, ChannelState, PurchaseModel, SpendModel
from omniltv.units import TimeUnit, days, weeks

CHANNELS = ("app", "ec", "store")
HABITS = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.05, 0.15, 0.8]])
KAPPA = np.array([2.0, 4.0, 6.0])
SIGMAS = 5.5  # of twelve normal quantities one is further off in fewer than 1e-6 of all runs

type Log = PurchaseLog[pd.DataFrame]


def bought(n: int, *, seed: int, purchases: int = 8, switch: bool = False) -> pd.DataFrame:
    """Customers whose shares are Dirichlet around those of their acquisition channel.

    With ``switch``, half of them reverse their habits half way.
    """
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 3, n)
    rows = []
    for customer in range(n):
        shares = rng.dirichlet(KAPPA[group[customer]] * HABITS[group[customer]])
        later = rng.choice(3, purchases, p=shares)
        if switch and customer % 2:
            half = purchases // 2
            later[half:] = rng.choice(3, purchases - half, p=shares[::-1])
        channel = [CHANNELS[group[customer]], *(CHANNELS[place] for place in later)]
        when = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(purchases + 1) * 30, unit="D")
        rows.append(pd.DataFrame({"customer_id": f"c{customer}", "channel": channel, "time": when}))
    return pd.concat(rows, ignore_index=True).assign(value=10.0)


def logged(frame: pd.DataFrame) -> Log:
    return PurchaseLog.from_frame(frame)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return bought(900, seed=3)


@pytest.fixture(scope="module")
def log(frame: pd.DataFrame) -> Log:
    return logged(frame)


@pytest.fixture(scope="module")
def mix(log: Log) -> ChannelMixFit:
    return fit_channel_mix(log, seed=1, half_life=None)


def amounts(n: int, draws: int) -> Draws:
    return Draws.from_array(np.random.default_rng(0).gamma(2.0, 1.0, (n, draws)))


def shares_of(mix: ChannelMixFit) -> np.ndarray:
    """Draws of m, of shape (n_draws, n_groups, n_channels)."""
    return np.stack([mix.parameters[f"share[{name}]"] for name in mix.channels], axis=2)


def later_purchases(frame: pd.DataFrame, customer: str) -> np.ndarray:
    own = frame[frame["customer_id"] == customer]["channel"].iloc[1:]
    return np.array([(own == name).sum() for name in CHANNELS], dtype=np.float64)


def test_habits_are_found(mix: ChannelMixFit) -> None:
    assert mix.groups == mix.channels == CHANNELS
    for truth, draws in ((HABITS, shares_of(mix)), (KAPPA, mix.parameters["kappa"])):
        assert (abs(draws.mean(axis=0) - truth) < sigmas(12) * draws.std(axis=0)).all()
        assert (draws.std(axis=0) < 0.3 * truth).all()
    np.testing.assert_allclose(shares_of(mix).sum(axis=2), 1)


def test_it_is_a_fit_like_the_others(mix: ChannelMixFit, log: Log) -> None:
    assert mix.diagnostics.method == "laplace"
    assert mix.pooling == Pooling.partial("acquisition_channel")
    table = mix.summary().set_index(["parameter", "group"])
    kappa = mix.parameters["kappa"][:, 2].mean()
    assert table.loc[("kappa", "store"), "mean"] == pytest.approx(kappa)
    assert set(mix.population) == {"kappa", *(f"share[{name}]" for name in CHANNELS)}
    assert mix.posterior["posterior"]["kappa"].shape == (1, 2000, 3)
    given = fit(PolyaUrn(CHANNELS), log, seed=1, pooling=mix.pooling, method="laplace")
    np.testing.assert_array_equal(given.draws.coordinates, mix.draws.coordinates)


def test_kinds_of_models_are_told_apart_by_their_members() -> None:
    urn = PolyaUrn(CHANNELS)
    kinds = PurchaseModel, SpendModel, ChannelModel
    assert [isinstance(urn, kind) for kind in kinds] == [False, False, True]


def test_without_a_half_life_it_is_the_dirichlet_multinomial() -> None:
    """The probability of a sequence of channels depends on their numbers only, and is known."""
    urn = PolyaUrn(("ec", "store"))
    parameters = {
        "kappa": np.array(2.0),
        "share[ec]": np.array(0.75),
        "share[store]": np.array(0.25),
    }
    for sequence in ([0, 0, 1], [1, 0, 0]):
        own = np.array([sequence[:k].count(name) for k, name in enumerate(sequence)], dtype=float)
        state = ChannelState(np.array(sequence, dtype=float), own, np.arange(3.0))
        total = np.asarray(urn.loglik(NUMPY, parameters, state)).sum()
        assert total == pytest.approx(np.log(1.5 * 2.5 * 0.5 / (2 * 3 * 4)))


def test_a_share_is_that_of_the_urn(mix: ChannelMixFit, log: Log, frame: pd.DataFrame) -> None:
    customer = frame["customer_id"].iloc[9 * 17]
    group = CHANNELS.index(frame["channel"].iloc[9 * 17])
    kappa, base = mix.parameters["kappa"][:, group], shares_of(mix)[:, group]
    urn = kappa[:, None] * base + later_purchases(frame, customer)
    expected = (urn / urn.sum(axis=1, keepdims=True)).mean(axis=0)
    np.testing.assert_allclose(mix.shares(log, [customer])[0], expected)


def test_shares_of_all_customers_are_in_the_order_of_the_log(mix: ChannelMixFit, log: Log) -> None:
    some = [3, 700, 41]
    ids = log.customer_id[some]
    np.testing.assert_array_equal(mix.shares(log)[some], mix.shares(log, ids))


def test_parts_add_up_draw_by_draw(mix: ChannelMixFit, log: Log) -> None:
    whole = amounts(50, 2000)
    parts = mix.split(whole, log, log.customer_id[:50])
    total = np.sum([part.to_array() for part in parts.values()], axis=0)
    np.testing.assert_allclose(total, whole.to_array())
    assert parts["ec"].total().values.shape == (1, 2000)
    by_row = parts["ec"].take([3]).to_array()
    np.testing.assert_array_equal(by_row[0], parts["ec"].to_array()[3])


def test_nothing_is_forgotten_if_habits_stay(log: Log) -> None:
    assert fit_channel_mix(log, seed=1).half_life is None


@pytest.mark.slow
def test_habits_that_drift_are_forgotten_and_better_forecast() -> None:
    data = bought(700, seed=5, purchases=14, switch=True)
    turn = data.groupby("customer_id").cumcount()
    past, future = logged(data[turn < 12]), data[turn >= 12]
    drifting, still = (fit_channel_mix(past, seed=1, half_life=how) for how in ("estimate", None))
    assert drifting.half_life is not None
    assert drifting.half_life.to(TimeUnit.DAY) <= 365
    scores = []
    for found in (drifting, still):
        shares = found.shares(past, future["customer_id"].to_numpy())
        chosen = [CHANNELS.index(name) for name in future["channel"]]
        scores.append(np.log(shares[np.arange(len(future)), chosen]).mean())
    assert scores[0] > scores[1] + 0.02


def test_a_channel_with_three_buyers_borrows_from_the_others(frame: pd.DataFrame) -> None:
    few = bought(3, seed=9).assign(customer_id=lambda rows: "x" + rows["customer_id"])
    few.loc[few.groupby("customer_id").cumcount() == 0, "channel"] = "call"
    log = logged(pd.concat([frame, few]))
    found = fit_channel_mix(log, seed=1, half_life=None)
    spread = found.parameters["kappa"].std(axis=0)
    assert spread[found.groups.index("call")] > spread.min()
    assert found.shares(log, ["xc0"])[0].sum() == pytest.approx(1)


def test_one_channel_takes_all(frame: pd.DataFrame) -> None:
    log = logged(frame.assign(channel="ec"))
    found = fit_channel_mix(log, seed=1)
    assert found.pooling == Pooling.complete()
    np.testing.assert_allclose(found.shares(log, ["c0", "c1"]), 1)


def once(channel: str) -> pd.DataFrame:
    when = pd.Timestamp("2024-02-01")
    row = {"customer_id": "new", "channel": channel, "time": when, "value": 5.0}
    return pd.DataFrame([row])


def test_a_customer_who_bought_once_has_the_habits_of_the_channel(
    frame: pd.DataFrame, mix: ChannelMixFit
) -> None:
    shares = mix.shares(logged(pd.concat([frame, once("store")])), ["new"])
    np.testing.assert_allclose(shares[0], shares_of(mix)[:, 2].mean(axis=0))


def test_an_acquisition_channel_without_repeat_purchases_has_the_habits_of_the_population(
    frame: pd.DataFrame,
) -> None:
    log = logged(pd.concat([frame, once("call")]))
    found = fit_channel_mix(log, seed=1, half_life=None, method="map")
    assert found.groups == CHANNELS
    population = [found.population[f"share[{name}]"].mean() for name in found.channels]
    np.testing.assert_allclose(found.shares(log, ["new"])[0], population)
    with pytest.raises(DataError, match="did not see: call"):
        found.shares(log, ["new"], unseen="error")


def test_the_same_seed_gives_the_same_draws(
    mix: ChannelMixFit, log: Log, frame: pd.DataFrame
) -> None:
    shuffled = logged(frame.sample(frac=1, random_state=1))
    again = fit_channel_mix(shuffled, seed=1, half_life=None)
    ids = log.customer_id[:9]
    np.testing.assert_allclose(again.shares(shuffled, ids), mix.shares(log, ids), atol=1e-4)
    same = fit_channel_mix(log, seed=1, half_life=None)
    np.testing.assert_array_equal(same.draws.coordinates, mix.draws.coordinates)


def test_a_saved_mix_comes_back_exactly(mix: ChannelMixFit, log: Log, tmp_path: Path) -> None:
    mix.save(tmp_path / "mix")
    found = load_fit(tmp_path / "mix")
    assert isinstance(found, ChannelMixFit)
    assert found.model == mix.model
    np.testing.assert_array_equal(found.shares(log, ["c0"]), mix.shares(log, ["c0"]))
    fading = fit(PolyaUrn(CHANNELS, weeks(26)), log, seed=1, method="map")
    fading.save(tmp_path / "fading")
    assert load_fit(tmp_path / "fading").model == PolyaUrn(CHANNELS, weeks(26))
    with pytest.raises(StoreError, match="half_life"):
        load_fit(tmp_path / "fading", model=PolyaUrn(CHANNELS))


def test_priors_and_sampling_are_those_of_every_fit(log: Log) -> None:
    strict = {
        "log_concentration": Normal(1.0, 0.001),
        "spread:log_concentration": Normal(0.1, 1e-4),
    }
    found = fit_channel_mix(
        log, seed=1, half_life=None, method=Sampling("laplace", draws=400), priors=strict
    )
    assert found.n_draws == 800
    assert np.log(found.population["kappa"]).mean() == pytest.approx(1.0, abs=0.06)
    with pytest.raises(DataError, match="no such group column; it has: acquisition_channel"):
        fit_channel_mix(log, seed=1, half_life=None, pooling=Pooling.partial("region"))


@pytest.mark.sampling
def test_it_has_a_pymc_model(log: Log) -> None:
    graph = to_pymc(PolyaUrn(CHANNELS), log, pooling=Pooling.partial("acquisition_channel"))
    assert "spread:log_odds[store]:acquisition_channel" in {v.name for v in graph.free_RVs}


def test_what_cannot_be_split_is_refused(mix: ChannelMixFit, log: Log, frame: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="not in the log") as caught:
        mix.shares(log, ["c1", "nobody"])
    assert caught.value.rows == ("nobody",)
    with pytest.raises(ConfigError, match="draws of the amount"):
        mix.split(amounts(2, 10), log, ["c0", "c1"])
    with pytest.raises(DataError, match="2 ids for 3 rows"):
        mix.split(amounts(3, 2000), log, ["c0", "c1"])
    with pytest.raises(DataError, match="does not have: call"):
        mix.shares(logged(pd.concat([frame, once("call")])))
    with pytest.raises(ConfigError, match="history is a PurchaseHistory or a PurchaseLog"):
        fit(PolyaUrn(CHANNELS), frame, seed=1)  # type: ignore[call-overload]


def test_habits_need_a_repeat_purchase(frame: pd.DataFrame) -> None:
    with pytest.raises(FitError, match="no customer bought twice"):
        fit_channel_mix(logged(frame.drop_duplicates("customer_id")), seed=1)


def test_a_half_life_that_is_absurd_is_refused(log: Log) -> None:
    with pytest.raises(ConfigError, match="too short"):
        fit_channel_mix(log, seed=1, half_life=days(0.01))


@pytest.mark.parametrize("channels", [(), ("ec", "ec")])
def test_an_urn_needs_channels_each_once(channels: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="needs channels, each once"):
        PolyaUrn(channels)
