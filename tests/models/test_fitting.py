import math
from dataclasses import replace

import numpy as np
import pytest

from omniltv.data.history import PurchaseHistory
from omniltv.errors import ConfigError, DataError, DataWarning, FitError, FitWarning
from omniltv.models import BgNbd, GammaGamma, Pooling, PurchaseFit, Sampling, fit
from omniltv.units import weeks

PARTIAL = Pooling.partial("channel")


def short(history: PurchaseHistory, *, pooling: Pooling = PARTIAL, seed: int = 1) -> PurchaseFit:
    """A run too short to be trusted, which it says."""
    with pytest.warns(FitWarning):
        return fit(
            BgNbd(),
            history,
            seed=seed,
            pooling=pooling,
            method=Sampling("nuts", draws=20, warmup=60, chains=2),
            progress=False,
        )


def rows(history: PurchaseHistory, **sizes: int) -> PurchaseHistory:
    """The first so many rows of each channel."""
    channel = history.groups["channel"]
    kept = [np.flatnonzero(channel == name)[:size] for name, size in sizes.items()]
    return history.take(np.concatenate(kept))


@pytest.mark.sampling
def test_the_same_seed_gives_the_same_draws(history: PurchaseHistory) -> None:
    few = rows(history, app=10, ec=20, store=20)
    first, again, other = short(few), short(few), short(few, seed=2)
    for name in ("coordinates", "mean", "spread", "new", "effects"):
        np.testing.assert_array_equal(getattr(first.draws, name), getattr(again.draws, name))
    assert not np.array_equal(first.draws.coordinates, other.draws.coordinates)


@pytest.mark.slow
@pytest.mark.sampling
def test_a_group_of_three_customers_leans_on_the_others(history: PurchaseHistory) -> None:
    few = rows(history, app=3, ec=200, store=300)
    found = fit(
        BgNbd(),
        few,
        seed=4,
        pooling=PARTIAL,
        method=Sampling("nuts", draws=1000, warmup=1000),
        progress=False,
    )
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


def test_spend_is_learnt_from_repeat_purchases(history: PurchaseHistory) -> None:
    found = fit(GammaGamma(), history, seed=1, method="laplace")
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
    with pytest.raises(FitError, match="no row has a paid repeat purchase"):
        fit(GammaGamma(), history.take(history.frequency == 0), seed=1)


@pytest.mark.parametrize("value", [-3.0, math.nan])
def test_spend_is_not_below_nought(history: PurchaseHistory, value: float) -> None:
    row = int(np.flatnonzero(history.frequency > 0)[2])
    values = history.monetary_value.copy()
    values[row] = value
    with pytest.raises(DataError, match=r"negative mean values|missing or below 0") as caught:
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
        found = fit(GammaGamma(), replace(history, monetary_value=values), seed=1, method="map")
    paid = history.take(values > 0)
    np.testing.assert_array_equal(
        found.draws.coordinates, fit(GammaGamma(), paid, seed=1, method="map").draws.coordinates
    )
    nothing = np.where(history.frequency > 0, 0.0, math.nan)
    with pytest.raises(FitError, match="paid repeat purchase"):
        fit(GammaGamma(), replace(history, monetary_value=nothing), seed=1)


def test_a_group_column_must_be_there(history: PurchaseHistory) -> None:
    with pytest.raises(DataError, match="it has: channel") as caught:
        fit(BgNbd(), history, seed=1, pooling=Pooling.none("region"))
    assert caught.value.column == "region"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"method": "advi"}, "method is 'auto', 'nuts', 'laplace' or 'map'"),
        ({"seed": -1}, "seed is a whole number of at least 0, got -1"),
        ({"seed": None}, "seed is a whole number of at least 0, got None"),
        ({"model": BgNbd}, "got the class BgNbd"),
        ({"model": "bg_nbd"}, "got a value of type str"),
        (
            {"history": {"a": 1}},
            "history is a PurchaseHistory or a PurchaseLog, got a value of type dict",
        ),
        (
            {"pooling": "channel"},
            "pooling is a Pooling, got a value of type str. Hint: pooling=Pooling.partial",
        ),
    ],
)
def test_unknown_arguments_are_refused(
    history: PurchaseHistory, changes: dict[str, object], says: str
) -> None:
    arguments: dict[str, object] = {"model": BgNbd(), "history": history, "seed": 1} | changes
    with pytest.raises(ConfigError, match=says):
        fit(**arguments)  # type: ignore[call-overload]  # wrong on purpose


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"method": "advi"}, "method is 'auto', 'nuts', 'laplace' or 'map'"),
        ({"draws": 0}, "draws is a whole number from 10 to 1,000,000, got 0"),
        ({"warmup": 2.5}, "warmup is a whole number from 10 to 1,000,000, got 2.5"),
        ({"chains": 0}, "chains is a whole number from 1 to 1,000, got 0"),
    ],
)
def test_sampling_refuses_unknown_methods_and_small_numbers(
    changes: dict[str, object], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        Sampling(**changes)  # type: ignore[arg-type]
