"""Effects in cells that borrow from each other."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from omniltv.errors import ConfigError, DataError, EvidenceWarning
from omniltv.experiments.learning import PoolingPrior, pool_effects

SCHOOLS = pd.DataFrame(
    {
        "school": list("ABCDEFGH"),
        "estimate": [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0],
        "standard_error": [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0],
        "control_mean": 1.0,
    }
)
MEDIANS = [10.0, 8.0, 7.0, 8.0, 5.0, 6.0, 10.0, 8.0]


def panel(**changed: Any) -> pd.DataFrame:
    cells = pd.DataFrame(
        {
            "tier": ["high", "high", "general", "general"],
            "channel": ["store", "ec", "store", "ec"],
            "estimate": [12.0, 9.0, 2.0, 1.0],
            "standard_error": [6.0, 3.0, 0.8, 2.0],
            "control_mean": [100.0, 80.0, 20.0, 15.0],
        }
    )
    return cells.assign(**changed)


def test_the_eight_schools_have_their_published_medians() -> None:
    """Gelman et al. (2013), Bayesian Data Analysis, 3rd edition, table 5.3, rounded there."""
    wide = PoolingPrior(mean=1_000.0, spread=100.0)
    found = pool_effects(SCHOOLS, by="school", prior=wide, seed=1)
    assert np.abs(np.median(found.draws, axis=1) - MEDIANS).max() <= 1.1


def test_precise_estimates_stay_as_they_are() -> None:
    exact = panel(standard_error=1e-3)
    found = pool_effects(exact, by=["tier", "channel"], seed=1)
    assert found.effect == pytest.approx(exact["estimate"].to_numpy(), rel=1e-4)
    assert found.sd == pytest.approx(1e-3, rel=0.02)


def test_without_spread_every_cell_has_the_weighted_mean_of_relative_effects() -> None:
    cells = panel()
    prior = PoolingPrior(mean=100.0, spread=1e-5)
    found = pool_effects(cells, by=["tier", "channel"], prior=prior, seed=1)
    weight = (cells["control_mean"] / cells["standard_error"]) ** 2
    mean = float(np.average(cells["estimate"] / cells["control_mean"], weights=weight))
    assert found.effect == pytest.approx(mean * cells["control_mean"].to_numpy(), rel=1e-3)
    assert found.sd[0] / 100.0 == pytest.approx(1 / np.sqrt(weight.sum()), rel=1e-2)


def test_a_cell_without_data_is_predicted_and_less_certain() -> None:
    blank = panel(estimate=[12.0, 9.0, 2.0, None], standard_error=[6.0, 3.0, 0.8, None])
    found = pool_effects(blank, by=["tier", "channel"], seed=1)
    relative_sd = found.sd / found.baseline
    assert 0.0 < found.effect[3] / 15.0 < 0.2
    assert relative_sd[3] > relative_sd[2]


def test_a_change_of_unit_changes_nothing_else() -> None:
    yen = panel()
    cents = yen.assign(**{name: 100 * yen[name] for name in yen.columns[2:]})
    one, other = (pool_effects(own, by=["tier", "channel"], seed=1) for own in (yen, cents))
    assert other.effect == pytest.approx(100 * one.effect)
    assert other.low == pytest.approx(100 * one.low)


def test_rows_in_another_order_have_the_same_effects() -> None:
    one = pool_effects(panel(), by=["tier", "channel"], seed=1)
    other = pool_effects(panel().iloc[::-1], by=["tier", "channel"], seed=1)
    assert other.effect[::-1] == pytest.approx(one.effect, rel=0.02)


def test_a_diagonal_covariance_is_the_standard_errors() -> None:
    cells = panel()
    square = np.diag(cells["standard_error"].to_numpy() ** 2)
    one = pool_effects(cells, by=["tier", "channel"], seed=1)
    other = pool_effects(cells, by=["tier", "channel"], covariance=square, seed=1)
    assert other.effect == pytest.approx(one.effect)


def test_common_noise_is_not_averaged_away() -> None:
    cells = panel(control_mean=10.0, standard_error=1.0, estimate=2.0)
    common = np.full((4, 4), 0.99) + 0.01 * np.eye(4)
    alone = pool_effects(cells, by=["tier", "channel"], seed=1)
    together = pool_effects(cells, by=["tier", "channel"], covariance=common, seed=1)
    assert together.sd[0] > 1.2 * alone.sd[0]


def test_one_cell_is_shrunk_towards_zero() -> None:
    found = pool_effects(panel().head(1), by="tier", seed=1)
    assert 0.0 < found.effect[0] < 12.0


def test_effects_are_the_table_that_plans_read() -> None:
    table = pool_effects(panel(), by=["tier", "channel"], seed=1).effects("mail")
    assert table.columns.tolist() == ["treatment", "tier", "channel", "effect", "sd"]
    with pytest.raises(ConfigError, match=r"effects\('mail'\)"):
        pool_effects(panel(), by=["tier", "channel"], seed=1).effects()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"standard_error": [1.0, 0.0, 1.0, 1.0]}, "standard errors that are not positive"),
        ({"control_mean": [1.0, -1.0, 1.0, 1.0]}, "control means that are not positive"),
        ({"estimate": [None, 1.0, 1.0, 1.0]}, "estimates or standard errors alone"),
        ({"tier": [None, "a", "b", "c"]}, "missing labels"),
        ({"channel": "store"}, "cells that occur twice"),
        ({"estimate": ["a", "b", "c", "d"]}, "not a column of numbers"),
    ],
)
def test_bad_tables_are_refused_with_the_rows(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        pool_effects(panel(**changed), by=["tier", "channel"])


@pytest.mark.parametrize(
    ("covariance", "said"),
    [(np.eye(3), "shape"), (-np.eye(4), "positive definite")],
)
def test_a_wrong_covariance_is_refused(covariance: np.ndarray, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        pool_effects(panel(), by=["tier", "channel"], covariance=covariance)


def test_nothing_measured_is_refused() -> None:
    blank = panel(estimate=np.nan, standard_error=np.nan)
    with pytest.raises(ConfigError, match="no cell was measured"):
        pool_effects(blank, by=["tier", "channel"])
    with pytest.raises(ConfigError, match="no column"):
        pool_effects(panel(), by=[])


@pytest.mark.slow
def test_intervals_hold_effects_that_come_from_the_model() -> None:
    """40 panels of 12 cells; panels are independent, so the test is on panels."""
    held = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        spread = np.abs(rng.normal(0, 0.2, 3))
        effect = (
            rng.normal(0, 0.5)
            + rng.normal(0, spread[0], (3, 1))
            + rng.normal(0, spread[1], (1, 4))
            + rng.normal(0, spread[2], (3, 4))
        ).ravel()
        error = rng.uniform(0.05, 0.4, 12)
        frame = pd.DataFrame(
            {
                "tier": np.repeat(list("abc"), 4),
                "channel": np.tile(list("wxyz"), 3),
                "estimate": effect + rng.normal(0, error),
                "standard_error": error,
                "control_mean": 1.0,
            }
        )
        found = pool_effects(frame, by=["tier", "channel"], level=0.8, seed=seed)
        held.append(((found.low <= effect) & (effect <= found.high)).mean())
    error = np.std(held, ddof=1) / np.sqrt(len(held))
    assert abs(np.mean(held) - 0.8) <= 5.5 * error  # false alarm 1e-5 for t with 39 degrees


def test_cells_of_a_channel_share_its_deviation() -> None:
    """Draws depend on each other as if the noise is given as a matrix (7 standard errors)."""
    table = pd.DataFrame({"tier": ["a", "b", "c"], "channel": ["ec", "store", "ec"],
                          "estimate": [1.0, -1.0, np.nan], "standard_error": [1.0, 1.0, np.nan],
                          "control_mean": 1.0})  # fmt: skip
    prior = PoolingPrior(mean=0.1, spread=1.0)
    one, other = (
        pool_effects(table, by=["tier", "channel"], covariance=noise, prior=prior, seed=1).draws
        for noise in (None, np.eye(3))
    )
    together, expected = (pd.DataFrame(own.T).corr().loc[0, 2] for own in (one, other))
    assert together == pytest.approx(expected, abs=0.14)


def test_an_integration_on_few_points_is_warned_of() -> None:
    by = {f"c{k}": (np.arange(9) // k % 3).astype(str) for k in (1, 2, 3, 4)}
    table = pd.DataFrame({**by, "estimate": np.arange(9.0) % 3, "standard_error": 1e-4,
                          "control_mean": 10.0})  # fmt: skip
    with pytest.warns(EvidenceWarning, match=r"rests on \d of 1,024 points"):
        pool_effects(table, by=list(by))
