"""Over which channels customers' purchases split."""

import numpy as np
import pandas as pd
import pytest
from tests._statistics import sigmas

from omniltv.data.log import PurchaseLog
from omniltv.draws import Draws
from omniltv.errors import ConfigError, DataError, FitError
from omniltv.models.value.channel_mix import ChannelMix, fit_channel_mix
from omniltv.units import TimeUnit, days

CHANNELS = ("app", "ec", "store")
HABITS = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.05, 0.15, 0.8]])
KAPPA = np.array([2.0, 4.0, 6.0])


def bought(n: int, *, seed: int, purchases: int = 8, switch: bool = False) -> pd.DataFrame:
    """Customers whose shares are Dirichlet around their acquisition channel's.

    Where they switch, half of them take up the reverse of their habits half way.
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


def mixed(frame: pd.DataFrame, **options: object) -> ChannelMix:
    log = PurchaseLog.from_frame(frame)
    return fit_channel_mix(log, seed=1, progress=False, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return bought(900, seed=3)


@pytest.fixture(scope="module")
def mix(frame: pd.DataFrame) -> ChannelMix:
    return mixed(frame, half_life=None)


def amounts(n: int, draws: int) -> Draws:
    return Draws.from_array(np.random.default_rng(0).gamma(2.0, 1.0, (n, draws)))


def test_habits_are_found(mix: ChannelMix) -> None:
    assert mix.groups == mix.channels == CHANNELS
    for name, truth, draws in (("m", HABITS, mix.base), ("kappa", KAPPA, mix.concentration)):
        assert (abs(draws.mean(axis=0) - truth) < sigmas(12) * draws.std(axis=0)).all(), name
        assert (draws.std(axis=0) < 0.3 * truth).all(), name
    np.testing.assert_allclose(mix.base.sum(axis=2), 1)


def test_a_share_is_the_urns(mix: ChannelMix) -> None:
    place = 17
    kappa, base = mix.concentration[:, mix.group[place]], mix.base[:, mix.group[place]]
    urn = kappa[:, None] * base + mix.weight[place]
    expected = (urn / urn.sum(axis=1, keepdims=True)).mean(axis=0)
    np.testing.assert_allclose(mix.shares([mix.customer_id[place]])[0], expected)
    assert mix.weight[place].sum() == pytest.approx(8)


def test_parts_add_up_draw_by_draw(mix: ChannelMix) -> None:
    whole = amounts(50, 2000)
    parts = mix.split(whole, mix.customer_id[:50])
    total = np.sum([part.to_array() for part in parts.values()], axis=0)
    np.testing.assert_allclose(total, whole.to_array())
    assert parts["ec"].total().values.shape == (1, 2000)
    by_row = parts["ec"].take([3]).to_array()
    np.testing.assert_array_equal(by_row[0], parts["ec"].to_array()[3])


def test_nothing_is_forgotten_where_habits_stay(frame: pd.DataFrame) -> None:
    found = mixed(frame)
    assert found.half_life is None


def test_habits_that_drift_are_forgotten_and_better_forecast() -> None:
    data = bought(700, seed=5, purchases=14, switch=True)
    turn = data.groupby("customer_id").cumcount()
    past, future = data[turn < 12], data[turn >= 12]
    drifting, still = mixed(past), mixed(past, half_life=None)
    assert drifting.half_life is not None
    assert drifting.half_life.to(TimeUnit.DAY) <= 365
    scores = []
    for found in (drifting, still):
        shares = found.shares(future["customer_id"].to_numpy())
        chosen = [CHANNELS.index(name) for name in future["channel"]]
        scores.append(np.log(shares[np.arange(len(future)), chosen]).mean())
    assert scores[0] > scores[1] + 0.02


def test_a_channel_with_three_buyers_leans_on_the_others(frame: pd.DataFrame) -> None:
    few = bought(3, seed=9).assign(customer_id=lambda rows: "x" + rows["customer_id"])
    few.loc[few.groupby("customer_id").cumcount() == 0, "channel"] = "call"
    found = mixed(pd.concat([frame, few]), half_life=None)
    call = found.groups.index("call")
    assert found.concentration[:, call].std() > found.concentration.std(axis=0).min()
    assert np.isfinite(found.shares(["xc0"])).all()
    assert found.shares(["xc0"])[0].sum() == pytest.approx(1)


def test_one_channel_takes_all(frame: pd.DataFrame) -> None:
    found = mixed(frame.assign(channel="ec"))
    np.testing.assert_allclose(found.shares(["c0", "c1"]), 1)


def test_a_customer_who_bought_once_has_the_habits_of_the_channel(frame: pd.DataFrame) -> None:
    once = pd.DataFrame({"customer_id": ["new"], "channel": ["store"],
                         "time": [pd.Timestamp("2024-02-01")], "value": [5.0]})  # fmt: skip
    found = mixed(pd.concat([frame, once]), half_life=None)
    store = found.groups.index("store")
    np.testing.assert_allclose(found.shares(["new"])[0], found.base[:, store].mean(axis=0))


def test_the_same_seed_gives_the_same_draws(mix: ChannelMix, frame: pd.DataFrame) -> None:
    again = mixed(frame.sample(frac=1, random_state=1), half_life=None)
    # The same draws, but for where the search for the mode stops when sums run in another order.
    np.testing.assert_allclose(
        again.shares(mix.customer_id[:9]), mix.shares(mix.customer_id[:9]), atol=1e-4
    )
    np.testing.assert_array_equal(mixed(frame, half_life=None).base, mix.base)


def test_what_cannot_be_split_is_refused(mix: ChannelMix) -> None:
    with pytest.raises(DataError, match="without a mix") as caught:
        mix.shares(["c1", "nobody"])
    assert caught.value.rows == ("nobody",)
    with pytest.raises(ConfigError, match="draws of the amount"):
        mix.split(amounts(2, 10), ["c0", "c1"])
    with pytest.raises(DataError, match="2 ids for 3 rows"):
        mix.split(amounts(3, 2000), ["c0", "c1"])


def test_habits_need_somebody_who_came_back(frame: pd.DataFrame) -> None:
    with pytest.raises(FitError, match="nobody bought twice"):
        mixed(frame.drop_duplicates("customer_id"))


def test_a_half_life_that_is_absurd_is_refused(frame: pd.DataFrame) -> None:
    with pytest.raises(ConfigError, match="too short"):
        mixed(frame, half_life=days(0.01))
