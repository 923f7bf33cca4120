"""The ledger: conservation, no negative balance, replays, late events, merges and splits."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniltv.errors import ConfigError, DataError
from omniltv.segmentation.loyalty import LedgerState, Settlement, settle

COLUMNS = (
    "event_id", "customer_id", "time", "kind", "points", "valid_from", "valid_until",
    "reference", "other_id",
)  # fmt: skip
DAY = "2026-01-01"
END = "2026-04-11"

type Event = dict[str, object]


def frame(events: list[Event]) -> pd.DataFrame:
    table = pd.DataFrame(events, columns=list(COLUMNS))
    for column in ("time", "valid_from", "valid_until"):
        table[column] = pd.to_datetime(table[column], format="ISO8601")
    return table.astype(dict.fromkeys(("reference", "other_id"), "object"))


def event(name: str, customer: str, day: str, kind: str, points: int | None, **more: Any) -> Event:
    return {"event_id": name, "customer_id": customer, "time": day, "kind": kind,
            "points": points, **more}  # fmt: skip


def ledger(*events: Event, at: str = END) -> Settlement[pd.DataFrame]:
    return settle(frame(list(events)), at=at)


def balance(result: Settlement[pd.DataFrame]) -> dict[str, int]:
    table = result.balances
    return dict(zip(table["customer_id"], table["balance"].tolist(), strict=True))


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Return up to 25 events of four customers within a hundred days, a few of them absurd."""
    events: list[Event] = []
    days = pd.Timestamp(DAY)
    kinds = ("earn", "earn", "spend", "spend", "reverse", "adjust", "merge", "split", "expire")
    for number in range(draw(st.integers(1, 25))):
        kind = draw(st.sampled_from(kinds))
        day = draw(st.integers(0, 99))
        start = draw(st.none() | st.integers(day, day + 20))
        points = draw(st.integers(1, 60)) * (-1 if kind == "adjust" and day % 2 else 1)
        end = (start or day) + draw(st.integers(0, 40))
        whole = kind in {"merge", "split"} or (
            kind in {"reverse", "expire"} and draw(st.booleans())
        )
        events.append({
            "event_id": f"e{number}",
            "customer_id": draw(st.sampled_from("abcd")),
            "time": days + np.timedelta64(day, "D"),
            "kind": kind,
            "points": None if whole else points,
            "valid_from": None if start is None else days + np.timedelta64(start, "D"),
            "valid_until": draw(st.sampled_from([None, days + np.timedelta64(end, "D")])),
            "reference": f"e{draw(st.integers(0, 24))}" if kind in {"reverse", "split"} else None,
            "other_id": draw(st.sampled_from("abcd")) if kind == "merge" else None,
        })  # fmt: skip
    return events


def same(one: Settlement[pd.DataFrame], other: Settlement[pd.DataFrame]) -> None:
    for name in ("balances", "lots", "movements"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name))
    first, second = (
        result.rejected.drop(columns="row").sort_values("event_id", ignore_index=True)
        for result in (one, other)
    )
    pd.testing.assert_frame_equal(first, second)


FEW = settings(max_examples=12)
"""A run of the ledger takes about 30 ms; a slow test below tries more."""


@FEW
@given(events=histories())
def test_points_are_conserved_and_no_lot_is_negative_or_used_outside_its_days(
    events: list[Event],
) -> None:
    result = settle(frame(events), at=END)
    lots, moves = result.lots, result.movements
    gone = ["left", "spent", "expired", "reversed", "adjusted"]
    assert (lots[gone] >= 0).all().all()
    assert (lots[gone].sum(axis=1) == lots["earned"]).all()
    assert moves["points"].sum() == lots["left"].sum()
    assert result.balances[["balance", "pending"]].sum().sum() == lots["left"].sum()
    assert (moves.groupby("lot")["points"].cumsum() >= 0).all()
    spent = moves[moves["kind"] == "spend"].merge(lots, on="lot", suffixes=("", "_lot"))
    assert (spent["time"] >= spent["valid_from"]).all()
    in_time = spent["time"] < spent["valid_until"] + np.timedelta64(1, "D")
    assert (in_time | spent["valid_until"].isna()).all()


@FEW
@given(events=histories(), seed=st.integers(0, 1000))
def test_the_order_of_arrival_and_replays_change_nothing(events: list[Event], seed: int) -> None:
    table = frame(events)
    late = table.sample(frac=1, random_state=seed)
    twice = late.iloc[[*range(len(late)), *range(len(late) // 2)]]
    first, again = settle(table, at=END), settle(twice, at=END)
    same(first, again)
    assert again.replays == len(twice) - len(table)
    told = set(first.movements["event_id"]) | set(first.rejected["event_id"])
    quiet = {"merge", "split", "reverse", "expire"}  # a reversed lot may have expired already
    assert {e["event_id"] for e in events} - told <= {
        e["event_id"] for e in events if e["kind"] in quiet
    }


def streamed(table: pd.DataFrame, cuts: list[int], seed: int) -> Settlement[pd.DataFrame]:
    """Return the ledger of a table that arrives in batches, every event up to six days late."""
    rng = np.random.default_rng(seed)
    start, late = pd.Timestamp(DAY), np.timedelta64(7, "D")
    day = (table["time"] - start).dt.days.to_numpy()
    arrives = np.minimum(day + rng.integers(0, 7, len(table)), 99)
    state, closed, before = None, start - late, -1
    for cut in [*sorted(set(cuts)), 100]:
        at = start + np.timedelta64(cut, "D")
        batch = table[(arrives >= before) & (arrives < cut)]
        result = settle(batch, at=at, state=state)
        closed, before = max(closed, at - late), cut
        state = result.close(closed, reversible_days=200)
    return result


@FEW
@given(events=histories(), cuts=st.lists(st.integers(1, 99), max_size=4), seed=st.integers(0, 99))
def test_batches_of_late_events_give_the_ledger_of_the_whole_history(
    events: list[Event], cuts: list[int], seed: int
) -> None:
    table = frame(events)
    whole, parts = settle(table, at=END), streamed(table, cuts, seed)
    first, second = (
        result.lots[result.lots["left"] > 0].reset_index(drop=True) for result in (whole, parts)
    )
    pd.testing.assert_frame_equal(first, second)
    first, second = (
        result.balances[result.balances[["balance", "pending"]].any(axis=1)].reset_index(drop=True)
        for result in (whole, parts)
    )
    pd.testing.assert_frame_equal(first, second)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60))
def test_random_histories_in_batches(seed: int) -> None:
    """Longer histories than those above, 60 of them; chance has no part in the assertion."""
    rng = np.random.default_rng(seed)
    table = frame([random_event(number, 60, rng) for number in range(60)])
    whole = settle(table, at=END)
    parts = streamed(table, rng.integers(1, 99, 3).tolist(), seed)
    known = whole.lots.set_index("lot").loc[parts.lots["lot"]].reset_index()
    pd.testing.assert_frame_equal(known, parts.lots[known.columns])
    assert set(whole.lots.loc[whole.lots["left"] > 0, "lot"]) <= set(parts.lots["lot"])


def random_event(number: int, size: int, rng: np.random.Generator) -> Event:
    kind = str(rng.choice(("earn", "earn", "earn", "spend", "reverse", "adjust", "merge", "split",
                           "expire")))  # fmt: skip
    day = int(rng.integers(0, 99))
    time = pd.Timestamp(DAY) + np.timedelta64(day, "D")
    end = time + np.timedelta64(int(rng.integers(0, 60)), "D")
    found = event(f"e{number}", str(rng.choice(list("abcd"))), str(time), kind, None)
    if kind not in {"merge", "split"} and (kind != "reverse" or day % 2):
        found["points"] = int(rng.integers(1, 60)) * (-1 if kind == "adjust" and day % 2 else 1)
    return {
        **found,
        "valid_until": end if day % 3 else None,
        "reference": f"e{rng.integers(0, size)}" if kind in {"reverse", "split"} else None,
        "other_id": str(rng.choice(list("abcd"))) if kind == "merge" else None,
    }


@FEW
@given(events=histories())
def test_a_merge_that_is_undone_at_once_changes_no_balance(events: list[Event]) -> None:
    plain = [e for e in events if e["kind"] not in {"merge", "split", "reverse"}]
    merge = event("m", "a", "2026-02-15 12:00", "merge", None, other_id="b")
    split = event("s", "a", "2026-02-15 13:00", "split", None, reference="m")
    without, with_both = ledger(*plain), ledger(*plain, merge, split)
    first, second = (
        result.lots.sort_values("lot", ignore_index=True) for result in (without, with_both)
    )
    pd.testing.assert_frame_equal(first, second)


def test_a_state_is_stored_without_pickles(tmp_path: Path) -> None:
    events = [
        event("e", "a", "2026-01-05", "earn", 10, valid_until="2026-12-31"),
        event("out", "a", "2026-02-01", "spend", 4),
    ]
    state = ledger(*events).close()
    state.save(tmp_path / "state.npz")
    again = LedgerState.load(tmp_path / "state.npz")
    back = frame([event("back", "a", "2026-04-12", "reverse", None, reference="out")])
    for each in (state, again):
        assert settle(back, at="2026-05-01", state=each).lots["left"].tolist() == [10]


@pytest.mark.parametrize(
    "change", [{"about": np.array(["0", DAY, "UTC", "0"])}, {"booked": np.full((2, 4), 9)}]
)
def test_a_state_of_another_version_or_content_is_refused(
    change: dict[str, Any], tmp_path: Path
) -> None:
    state = ledger(event("e", "a", "2026-01-05", "earn", 10)).close()
    state.save(tmp_path / "state.npz")
    with np.load(tmp_path / "state.npz") as file:
        arrays: dict[str, Any] = {**file, **change}
    np.savez_compressed(tmp_path / "state.npz", **arrays)
    with pytest.raises(ConfigError, match="a damaged state"):
        LedgerState.load(tmp_path / "state.npz")


def test_a_damaged_state_is_refused_or_as_it_was(tmp_path: Path) -> None:
    state = ledger(event("e", "a", "2026-01-05", "earn", 10)).close()
    state.save(tmp_path / "state.npz")
    whole = (tmp_path / "state.npz").read_bytes()
    refused = 0
    for place in range(0, len(whole), 61):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        (tmp_path / "damaged.npz").write_bytes(damaged)
        try:
            assert repr(LedgerState.load(tmp_path / "damaged.npz")) == repr(state)
        except ConfigError:
            refused += 1
    assert refused > 20


def test_events_before_the_close_are_set_aside_and_replays_are_known() -> None:
    first = [event("e", "a", "2026-01-05", "earn", 10)]
    state = ledger(*first).close()
    late = event("late", "a", "2026-01-06", "earn", 5)
    result = settle(frame([*first, late]), at="2026-05-01", state=state)
    assert result.replays == 1
    assert result.rejected["reason"].tolist() == ["before the ledger was closed"]
    assert balance(result) == {"a": 10}


def test_rejected_events_of_the_state_are_in_the_order_of_the_ledger() -> None:
    kept = [event(f"s{k:02}", "a", f"2026-03-{k:02}", "spend", 1) for k in range(1, 32)]
    state = ledger(*kept).close("2026-02-01")
    faulty = [event(f"f{k}", "a", "2026-03-01", "gift", 1) for k in range(5)]
    found = settle(frame(faulty), at="2026-05-01", state=state).rejected["event_id"].tolist()
    assert found == [each["event_id"] for each in (*kept, *faulty)]


def test_points_can_be_made_to_expire() -> None:
    earned = [event("1", "a", "2026-01-05", "earn", 10), event("2", "a", "2026-01-06", "earn", 5)]
    for points, left in ((None, 0), (12, 3)):
        result = ledger(*earned, event("x", "a", "2026-02-01", "expire", points))
        assert balance(result) == {"a": left}
        assert result.lots["expired"].sum() == 15 - left


@pytest.mark.parametrize("fault", ["earlier", "zone", "after", "file"])
def test_states_and_closes_that_do_not_fit_are_refused(fault: str, tmp_path: Path) -> None:
    table = frame([event("e", "a", "2026-01-05", "earn", 10)])
    state = settle(table, at=END).close()
    (tmp_path / "x").write_text("no state")
    calls: dict[str, Callable[[], object]] = {
        "earlier": lambda: settle(table, at="2026-02-01", state=state),
        "zone": lambda: settle(table, at=END, timezone="Asia/Tokyo", state=state),
        "after": lambda: settle(table, at=END).close("2026-06-01"),
        "file": lambda: LedgerState.load(tmp_path / "x"),
    }
    with pytest.raises(ConfigError, match="Hint: "):
        calls[fault]()


def test_the_lot_that_expires_first_is_spent_first() -> None:
    result = ledger(
        event("late", "a", "2026-01-01", "earn", 10, valid_until="2026-12-31"),
        event("never", "a", "2026-01-01", "earn", 10),
        event("soon", "a", "2026-01-05", "earn", 10, valid_until="2026-06-30"),
        event("out", "a", "2026-02-01", "spend", 15),
    )
    left = dict(zip(result.lots["lot"], result.lots["left"].tolist(), strict=True))
    assert left == {"late": 5, "never": 10, "soon": 0}


def test_points_are_usable_until_the_end_of_their_last_day_in_the_time_zone() -> None:
    rows = [event("e", "a", "2026-01-01", "earn", 10, valid_until="2026-03-31")]
    table = frame(rows)
    for moment, left in (("2026-03-31 23:59:59", 10), ("2026-04-01", 0)):
        assert settle(table, at=moment, timezone="Asia/Tokyo").lots["left"].tolist() == [left]


def test_times_in_utc_fall_on_days_of_the_time_zone() -> None:
    rows = [
        event("e", "a", "2026-01-01", "earn", 10, valid_until="2026-03-31"),
        event("s", "a", "2026-03-31 15:00", "spend", 10),  # 1 April in Tokyo
    ]
    table = frame(rows)
    table["time"] = table["time"].dt.tz_localize("UTC")
    result = settle(table, at=END, timezone="Asia/Tokyo")
    assert result.rejected["event_id"].tolist() == ["s"]
    assert result.lots["expired"].tolist() == [10]


def test_pending_points_cannot_be_spent() -> None:
    events = [
        event("e", "a", "2026-01-01", "earn", 10, valid_from="2026-01-15"),
        event("early", "a", "2026-01-14", "spend", 5),
        event("late", "a", "2026-01-15", "spend", 5),
    ]
    result = ledger(*events)
    assert result.rejected[["event_id", "short"]].to_numpy().tolist() == [["early", 5]]
    assert balance(result) == {"a": 5}
    assert ledger(*events, at="2026-01-10").balances["pending"].tolist() == [10]


def test_a_refunded_spend_goes_back_to_its_lots_and_may_expire_there() -> None:
    result = ledger(
        event("old", "a", "2026-01-01", "earn", 10, valid_until="2026-01-31"),
        event("new", "a", "2026-01-01", "earn", 10, valid_until="2026-12-31"),
        event("out", "a", "2026-01-20", "spend", 14),
        event("back", "a", "2026-02-10", "reverse", None, reference="out"),
    )
    lots = result.lots.set_index("lot")[["left", "spent", "expired"]].to_dict("index")
    assert lots["old"] == {"left": 0, "spent": 0, "expired": 10}
    assert lots["new"] == {"left": 10, "spent": 0, "expired": 0}


def test_a_return_takes_spent_points_from_other_lots_and_says_what_is_short() -> None:
    result = ledger(
        event("one", "a", "2026-01-01", "earn", 50),
        event("out", "a", "2026-01-02", "spend", 50),
        event("two", "a", "2026-01-03", "earn", 20),
        event("back", "a", "2026-01-04", "reverse", 40, reference="one"),
    )
    assert balance(result) == {"a": 0}
    assert result.rejected[["event_id", "short"]].to_numpy().tolist() == [["back", 20]]
    assert result.lots["reversed"].tolist() == [0, 20]


def test_merged_customers_share_points_until_the_split() -> None:
    events = [
        event("e1", "a", "2026-01-01", "earn", 10),
        event("e2", "b", "2026-01-01", "earn", 10),
        event("m", "a", "2026-01-10", "merge", None, other_id="b"),
        event("out", "b", "2026-01-11", "spend", 15),
        event("s", "a", "2026-01-20", "split", None, reference="m"),
        event("e3", "b", "2026-01-21", "earn", 7),
    ]
    assert balance(ledger(*events[:4])) == {"a": 5}
    assert balance(ledger(*events)) == {"a": 0, "b": 12}
    assert balance(ledger(*events[:2], *events[3:])) == {"a": 10, "b": 17}


@pytest.mark.parametrize("stranger", ["0", "z"])
def test_a_split_for_a_customer_outside_the_merge_is_refused_whatever_the_ids(
    stranger: str,
) -> None:
    result = ledger(
        event("e1", "a", "2026-01-01", "earn", 10),
        event("e2", "b", "2026-01-01", "earn", 10),
        event("e3", stranger, "2026-01-01", "earn", 1),
        event("m", "a", "2026-01-10", "merge", None, other_id="b"),
        event("s", stranger, "2026-01-20", "split", None, reference="m"),
    )
    assert balance(result) == {"a": 20, stranger: 1}
    assert result.rejected["event_id"].tolist() == ["s"]


REASONS: Mapping[str, tuple[str, Event]] = {
    "beyond": ("more points than", event("x", "a", "2026-02-01", "spend", 11)),
    "no event": ("not an event", event("x", "a", "2026-02-01", "reverse", 1, reference="?")),
    "foreign": ("of another", event("x", "b", "2026-02-01", "reverse", 1, reference="e")),
    "later": ("a later event", event("x", "a", "2026-01-02", "reverse", 1, reference="e")),
    "too much": ("left to reverse", event("x", "a", "2026-02-01", "reverse", 11, reference="e")),
    "itself": ("with itself", event("x", "a", "2026-02-01", "merge", None, other_id="a")),
    "no merge": ("in force", event("x", "a", "2026-02-01", "split", None, reference="e")),
    "fraction": ("whole number", event("x", "a", "2026-02-01", "earn", 1.5)),  # type: ignore[arg-type]  # wrong
    "zero": ("whole number", event("x", "a", "2026-02-01", "earn", 0)),
    "negative": ("whole number", event("x", "a", "2026-02-01", "spend", -1)),
    "huge": ("whole number", event("x", "a", "2026-02-01", "earn", 10**13)),
    "kind": ("unknown kind", event("x", "a", "2026-02-01", "gift", 1)),
    "time": ("not a time", event("x", "a", None, "earn", 1)),  # type: ignore[arg-type]  # wrong
    "customer": ("missing customer", event("x", None, "2026-02-01", "earn", 1)),  # type: ignore[arg-type]  # wrong
    "id": ("missing event_id", event(None, "a", "2026-02-01", "earn", 1)),  # type: ignore[arg-type]  # wrong
    "reference": ("missing reference", event("x", "a", "2026-02-01", "reverse", 1)),
    "other": ("missing other_id", event("x", "a", "2026-02-01", "merge", None)),
    "late": ("not before", event("x", "a", "2026-05-01", "earn", 1)),
    "ends": ("before valid_from", event("x", "a", "2026-02-01", "earn", 1,
                                        valid_from="2026-03-02", valid_until="2026-03-01")),
}  # fmt: skip


@pytest.mark.parametrize("name", REASONS)
def test_what_cannot_be_applied_is_set_aside_with_the_reason(name: str) -> None:
    reason, bad = REASONS[name]
    result = ledger(event("e", "a", "2026-01-05", "earn", 10), bad)
    assert len(result.rejected) == 1
    assert reason in result.rejected["reason"].iloc[0]
    assert balance(result)["a"] == 10


def test_another_content_under_a_known_id_is_an_error_that_names_it() -> None:
    with pytest.raises(DataError, match=r"several contents for one id.*first ids: e") as caught:
        ledger(event("e", "a", "2026-01-05", "earn", 10), event("e", "a", "2026-01-05", "earn", 11))
    assert caught.value.column == "event_id"
    assert caught.value.rows == ("e",)
    days = ("2026-12-31", "2027-12-31")
    with pytest.raises(DataError, match="Hint: with counted_from"):
        ledger(*[event("e", "a", "2026-01-05", "earn", 10, valid_until=day) for day in days])


@pytest.mark.parametrize("make", [pl.from_pandas, pa.Table.from_pandas])
def test_frames_come_back_in_the_kind_given(make: Any) -> None:
    table = frame([
        event("1", "7", "2026-01-01", "earn", 10),
        event("2", "7", "2026-01-02", "spend", 11),
    ]).drop(columns=["reference", "other_id"])  # fmt: skip
    table["event_id"], table["customer_id"] = [1, 2], [7, 7]
    given_frame = make(table)
    result = settle(given_frame, at=END)
    for found in (result.balances, result.lots, result.movements, result.rejected):
        assert type(found) is type(given_frame)
    assert list(result.balances["customer_id"].to_numpy()) == [7]
    assert balance(settle(table, at=END)) == {7: 10}  # type: ignore[comparison-overlap]  # ids of numbers


def test_a_duckdb_relation_comes_back_as_one() -> None:
    duckdb = pytest.importorskip("duckdb")
    table = frame([event("1", "7", "2026-01-01", "earn", 10)])
    result = settle(duckdb.from_df(table[list(COLUMNS[:7])]), at=END)
    assert type(result.balances).__name__ == "DuckDBPyRelation"
    assert result.balances.fetchall()[0][1] == 10


@pytest.mark.parametrize("options", [{"at": "soon"}, {"at": END, "timezone": "Mars/Base"}])
def test_options_that_cannot_be_read_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="Hint: "):
        settle(frame([event("e", "a", "2026-01-01", "earn", 1)]), **options)  # type: ignore[arg-type]  # wrong ones


def test_one_account_with_very_many_lots_is_settled() -> None:
    size = 200_000
    table = pd.DataFrame({
        "event_id": np.arange(size),
        "customer_id": 1,
        "time": pd.Timestamp(DAY) + pd.to_timedelta(np.arange(size), unit="s"),
        "kind": np.where(np.arange(size) % 2, "spend", "earn"),
        "points": np.where(np.arange(size) % 2, 2, 3),
        "valid_until": pd.Timestamp("2027-01-01"),
    })  # fmt: skip
    result = settle(table, at=END)
    assert result.balances["balance"].tolist() == [size // 2]
