import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from omniltv import draws as module
from omniltv.draws import Draws, RowDraws
from omniltv.errors import ConfigError, DataError


def example(n_states: int = 6, n_rows: int = 20, n_draws: int = 9) -> tuple[Draws, np.ndarray]:
    rng = np.random.default_rng(3)
    values = rng.gamma(2.0, size=(n_states, n_draws))
    index = rng.integers(n_states, size=n_rows)
    return Draws.from_array(values, index=index), values[index]


@pytest.mark.parametrize("block_values", [1, 20, 10_000])
def test_summaries_do_not_depend_on_the_blocks(
    block_values: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BLOCK_VALUES", block_values)
    draws, full = example()
    np.testing.assert_allclose(draws.mean(), full.mean(axis=1))
    np.testing.assert_allclose(draws.sd(), full.std(axis=1))
    np.testing.assert_allclose(draws.interval(0.8), np.quantile(full, [0.1, 0.9], axis=1).T)
    np.testing.assert_allclose(draws.total().values[0], full.sum(axis=0))
    np.testing.assert_array_equal(draws.to_array(), full)


@given(st.lists(st.sampled_from("abc"), min_size=20, max_size=20))
def test_totals_of_groups_add_up_to_the_whole(groups: list[str]) -> None:
    draws, full = example()
    totals = draws.total(by=groups)
    np.testing.assert_allclose(totals.values.sum(axis=0), full.sum(axis=0))
    for label, row in zip(totals.labels, totals.values, strict=True):
        np.testing.assert_allclose(row, full[np.array(groups) == label].sum(axis=0))
    np.testing.assert_array_equal(totals.size, [groups.count(label) for label in totals.labels])


def test_weights_count_rows_as_told() -> None:
    draws, full = example()
    weights = np.arange(20.0)
    totals = draws.total(weights=weights)
    np.testing.assert_allclose(totals.values[0], weights @ full)
    np.testing.assert_allclose(totals.per_row().values[0], weights @ full / weights.sum())


def test_the_interval_of_a_sum_comes_from_the_joint_draws() -> None:
    shared = np.random.default_rng(4).normal(size=1_000)
    draws = Draws.from_array(np.tile(shared, (100, 1)))
    low, high = draws.total().interval(0.9)[0]
    assert high - low == pytest.approx(100 * np.ptp(np.quantile(shared, [0.05, 0.95])))


def test_take_keeps_rows_by_position_and_by_mask() -> None:
    draws, full = example()
    np.testing.assert_array_equal(draws.take([3, 1]).to_array(), full[[3, 1]])
    mask = np.arange(20) % 2 == 0
    np.testing.assert_array_equal(draws.take(mask).to_array(), full[mask])


def test_rows_far_apart_are_looked_up_and_what_lies_between_is_not() -> None:
    values = np.arange(2_000.0)[:, None] + np.zeros((1, 3))
    looked: list[int] = []

    def evaluate(states: slice, draws: slice) -> NDArray[np.float64]:
        looked.append(len(values[states]))
        return values[states, draws]

    draws = RowDraws(evaluate, np.arange(2_000)[::-1], 2_000, 3)
    np.testing.assert_array_equal(draws.of_rows([1_999, 0, 10, 0])[:, 0], [0, 1_999, 1_989, 1_999])
    assert sum(looked) < 20
    assert draws.of_rows([]).shape == (0, 3)


def test_no_rows_give_empty_summaries() -> None:
    draws = Draws.from_array(np.empty((0, 5)))
    assert draws.mean().shape == (0,)
    assert draws.interval().shape == (0, 2)
    assert draws.total().values.tolist() == [[0.0] * 5]


def test_bad_arguments_are_refused() -> None:
    draws, _ = example()
    with pytest.raises(ConfigError, match="between 0 and 1"):
        draws.interval(90)
    with pytest.raises(DataError, match="20 rows"):
        draws.total(by=["a"])
    with pytest.raises(DataError, match="20 rows"):
        draws.total(weights=[1.0])
    with pytest.raises(DataError, match="shape"):
        Draws.from_array([1.0, 2.0])


def test_only_amounts_can_be_added_up() -> None:
    assert not hasattr(RowDraws.from_array([[0.5]]), "total")


def test_totals_print_their_means_and_intervals() -> None:
    totals = Draws.from_array([[1000.0, 3000.0], [2.0, 4.0]]).total(["ec", "store"])
    said = "ec 2,000 [1,100, 2,900]; store 3 [2.1, 3.9]"
    assert repr(totals) == f"Totals(value, mean and 90 % interval: {said})"


def test_totals_of_very_many_groups_are_those_of_few() -> None:
    rng = np.random.default_rng(8)
    draws = Draws.from_array(rng.normal(size=(300, 40)), index=rng.integers(0, 300, 900))
    by, weights = np.arange(900) % 450, rng.uniform(size=900)
    many = draws.total(by=by, weights=weights)
    rows = draws.to_array() * weights[:, None]
    for label, values in zip(many.labels, many.values, strict=True):
        np.testing.assert_allclose(values, rows[by == int(label)].sum(axis=0), rtol=1e-12)
