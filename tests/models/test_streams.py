"""Random streams of rows: their definition, apart from each other, and nothing left over."""

import numpy as np
import pytest
from scipy.stats import kstest
from tests._statistics import assert_plausible

from omniltv._streams import Streams
from omniltv.models.value._streams import RowNames
from omniltv.simulation._dice import Dice


def counter_of(customer_id: object, **groups: str) -> tuple[int, int]:
    ids = np.array([customer_id], dtype=object)
    columns = {name: np.array([label]) for name, label in groups.items()}
    first, second = RowNames(ids, columns).counters(np.arange(1))[0].tolist()
    return first, second


def test_a_stream_is_philox_at_a_counter_of_its_own() -> None:
    streams = Streams(5, "future")
    above = counter_of("c1", channel="ec")
    bits = np.random.Philox(counter=[0, 0, *above], key=streams._key)
    expected = np.random.Generator(bits).standard_normal(11)
    np.testing.assert_array_equal(
        streams.at(np.array(above, np.uint64)).standard_normal(11), expected
    )


def test_philox_is_that_of_salmon_and_others_2011() -> None:
    """Known answers of Random123 1.09, philox4x64-10: counter and key of zeros, and of ones."""
    for word, expected in (
        (0, [0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B]),
        (
            2**64 - 1,
            [0x87B092C3013FE90B, 0x438C3C67BE8D0224, 0x9CC7D7C69CD777B6, 0xA09CAEBF594F0BA0],
        ),
    ):
        before = (word * (1 + 2**64 + 2**128 + 2**192) - 1) % 2**256  # it counts first
        key = word * (1 + 2**64)
        assert np.random.Philox(counter=before, key=key).random_raw(4).tolist() == expected


def test_nothing_is_left_of_the_stream_before() -> None:
    streams, one, two = (
        Streams(5, "future"),
        np.array([1, 2], np.uint64),
        np.array([3, 4], np.uint64),
    )
    alone = streams.at(two).random(5)
    streams.at(one).integers(0, 9, 3, dtype=np.uint32)  # half a number is kept for later
    np.testing.assert_array_equal(streams.at(two).random(5), alone)


@pytest.mark.parametrize("n", [20_000])
def test_streams_of_rows_are_independent_and_uniform(n: int) -> None:
    """Correlations of n uniform pairs are Normal(0, 1/n): 5.5 sigma, false alarms below 1e-6."""
    streams = Streams(1, "future")
    names = RowNames(np.arange(n).astype(object), {})
    drawn = np.array([streams.at(counter).random(2) for counter in names.counters(np.arange(n))])
    bound = 5.5 / np.sqrt(n)
    assert abs(np.corrcoef(drawn[:, 0], drawn[:, 1])[0, 1]) < bound
    assert abs(np.corrcoef(drawn[1:, 0], drawn[:-1, 0])[0, 1]) < bound
    assert abs(drawn[:, 0].mean() - 0.5) < bound / np.sqrt(12)


def test_seed_purpose_customer_and_labels_tell_streams_apart() -> None:
    streams = [Streams(seed, what) for seed in (1, -1, 2**80) for what in ("future", "arm")]
    assert len({tuple(one._key.tolist()) for one in streams}) == 6
    names = [
        counter_of("a"), counter_of("a\x00"), counter_of("A"), counter_of("a", channel="ec"),
        counter_of("a", channel="store"), counter_of("achannel", ec=""), counter_of("\ud800"),
        counter_of("a", channel="ec", arm="x"),
    ]  # fmt: skip
    assert len(set(names)) == len(names)
    assert counter_of("a", arm="x", channel="ec") == names[-1]
    assert counter_of(7) == counter_of("7") == counter_of(np.int64(7))


def test_numbers_of_dice_are_uniform_and_apart() -> None:
    dice, rows = Dice(7, 20_000), np.arange(20_000)
    picks = [dice.pick(name, 3, rows, turn) for name in ("a", "b") for turn in (0, 1)]
    picks += [dice.pick("a", 4, rows), dice.roll("a", 3), dice.roll("b", 3)]
    pairs = np.triu(np.asarray(np.corrcoef(np.stack(picks))), 1)
    assert np.abs(pairs).max() < 6 / np.sqrt(20_000)
    assert_plausible([kstest(drawn, "uniform").pvalue for drawn in picks])
    turns = rows % 2
    both = dice.pick("a", 3, rows, turns)
    np.testing.assert_array_equal(both, np.where(turns == 0, picks[0], picks[1]))
