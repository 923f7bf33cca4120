"""Laws of the memory of a tier programme, for random programmes, customers and nights."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from omniltv.segmentation import Hysteresis, TierMemory

TIERS = ("gold", "silver", "bronze", "member")
CUSTOMERS = 4

rules = st.builds(
    TierMemory,
    tiers=st.just(TIERS),
    review=st.sampled_from(["period_end", "anniversary", "purchase", "run"]),
    period_months=st.sampled_from([1, 3, 12]),
    first_month=st.sampled_from([1, 4]),
    up=st.sampled_from(["at_once", "next_period"]),
    down=st.sampled_from(["to_rule", "one_step", "never"]),
    min_stay_months=st.sampled_from([0, 1, 5]),
    grace_months=st.sampled_from([0, 2]),
    returns=st.sampled_from(["take_back", "keep"]),
    hysteresis=st.none() | st.just(Hysteresis(enter=0.6, leave=0.3)),
)


@dataclass(frozen=True)
class Night:
    """The judgements of one night, and a grant to the first customer."""

    on: date
    judged: pl.DataFrame
    grants: pl.DataFrame | None


@st.composite
def judgements(draw: st.DrawFn, on: date) -> pl.DataFrame:
    """Return judgements whose probabilities are independent of the tiers."""
    each = [
        {
            "customer_id": f"c{number}",
            "tier": draw(st.sampled_from(TIERS)),
            "last_purchase": draw(st.none() | st.dates(on - timedelta(days=40), on)),
            "returned": draw(st.sampled_from([False, False, True])),
            **chances(draw(st.lists(st.integers(0, 4), min_size=3, max_size=3))),
        }
        for number in range(CUSTOMERS)
    ]
    return pl.DataFrame(each, schema_overrides={"last_purchase": pl.Date})


def chances(weights: list[int]) -> dict[str, float]:
    parts = [*weights, 1]
    return {f"probability_{t}": w / sum(parts) for t, w in zip(TIERS, parts, strict=True)}


@st.composite
def stories(draw: st.DrawFn) -> list[Night]:
    """Return one to five nights, days to years apart."""
    on, nights = draw(st.dates(date(2024, 1, 1), date(2024, 3, 31))), []
    for _ in range(draw(st.integers(1, 5))):
        until = on + timedelta(days=draw(st.integers(0, 90)))
        granted = draw(st.none() | st.sampled_from(TIERS))
        grant = {"customer_id": ["c0"], "tier": [granted], "until": [until]}
        nights.append(
            Night(on, draw(judgements(on)), None if granted is None else pl.DataFrame(grant))
        )
        on += timedelta(days=draw(st.integers(1, 40) | st.integers(300, 800)))
    return nights


def run(rule: TierMemory, state: Any, night: Night) -> Any:
    return rule.move(state, night.judged, on=night.on.isoformat(), grants=night.grants)


def history(rule: TierMemory, nights: list[Night]) -> pl.DataFrame | None:
    """Return the state after all nights but the last; None if there was only one."""
    state = None
    for night in nights[:-1]:
        state = run(rule, state, night).state
    return state


def rank(state: pl.DataFrame, column: str = "tier") -> list[int]:
    return [TIERS.index(name) for name in state.sort("customer_id")[column]]


@settings(max_examples=20, deadline=None)
@given(rule=rules, nights=stories())
def test_a_second_run_on_a_date_changes_nothing(rule: TierMemory, nights: list[Night]) -> None:
    first = run(rule, history(rule, nights), nights[-1])
    again = run(rule, first.state, nights[-1])
    assert again.state.equals(first.state)
    assert again.moves.is_empty()
    assert again.held.equals(first.held)


@settings(max_examples=20, deadline=None)
@given(rule=rules, nights=stories(), order=st.permutations(range(CUSTOMERS)))
def test_a_customer_moves_alone_as_among_others(
    rule: TierMemory, nights: list[Night], order: list[int]
) -> None:
    state, night = history(rule, nights), nights[-1]
    whole = run(rule, state, night)
    turned = run(rule, state, Night(night.on, night.judged[order], night.grants))
    alone = run(rule, state, Night(night.on, night.judged[:2], night.grants))
    some = pl.col("customer_id").is_in(["c0", "c1"])
    for name in ("state", "moves", "held"):
        expected = getattr(whole, name).sort("customer_id")
        assert getattr(turned, name).sort("customer_id").equals(expected)
        assert getattr(alone, name).filter(some).sort("customer_id").equals(expected.filter(some))


@settings(max_examples=20, deadline=None)
@given(rule=rules, nights=stories())
def test_floors_and_minimum_stays_are_kept_and_moves_are_what_changed(
    rule: TierMemory, nights: list[Night]
) -> None:
    state = history(rule, nights)
    moves = run(rule, state, nights[-1])
    after, on = moves.state, nights[-1].on
    active = after.filter(pl.col("granted_until").cast(pl.Date) >= on)
    assert all(t <= f for t, f in zip(rank(active), rank(active, "granted"), strict=True))
    if state is None:
        assert set(moves.moves["direction"]) == {"new"}
        return
    both = state.join(after, on="customer_id", suffix="_after")
    changed = both.filter(pl.col("tier") != pl.col("tier_after"))
    assert sorted(changed["customer_id"]) == sorted(moves.moves["customer_id"])
    returned = nights[-1].judged.filter("returned")["customer_id"].implode()
    stays = pl.col("since").dt.offset_by(f"{rule.min_stay_months}mo")
    held = both.filter(
        (stays > pl.lit(on).cast(pl.Datetime("us"))) & ~pl.col("customer_id").is_in(returned)
    )
    assert all(
        a <= b for a, b in zip(rank(held, "earned_after"), rank(held, "earned"), strict=True)
    )
    if rule.down == "never" and rule.returns == "keep":
        pairs = zip(rank(both, "earned_after"), rank(both, "earned"), strict=True)
        assert all(a <= b for a, b in pairs)


@settings(max_examples=20, deadline=None)
@given(rule=rules, nights=stories(), better=st.lists(st.integers(0, 3), min_size=4, max_size=4))
def test_better_judgements_never_give_a_lower_tier(
    rule: TierMemory, nights: list[Night], better: list[int]
) -> None:
    state, night = history(rule, nights), nights[-1]
    tiers = [
        TIERS[max(0, TIERS.index(t) - b)] for t, b in zip(night.judged["tier"], better, strict=True)
    ]
    moved = pl.col("probability_member") / 2
    raised = night.judged.with_columns(
        pl.Series("tier", tiers),
        probability_gold=pl.col("probability_gold") + moved,
        probability_member=pl.col("probability_member") - moved,
    )
    low = rank(run(rule, state, night).state)
    high = rank(run(rule, state, Night(night.on, raised, night.grants)).state)
    assert all(h <= w for h, w in zip(high, low, strict=True))


@settings(max_examples=20, deadline=None)
@given(rule=rules, nights=stories(), gaps=st.lists(st.integers(1, 200), min_size=1, max_size=4))
def test_nights_without_news_may_be_missed(
    rule: TierMemory, nights: list[Night], gaps: list[int]
) -> None:
    if not rule.has_periods:
        return
    quiet = nights[-1].judged.with_columns(returned=pl.lit(value=False))
    state = run(rule, history(rule, nights), Night(nights[-1].on, quiet, None)).state
    every, on = state, nights[-1].on
    for gap in gaps:
        on += timedelta(days=gap)
        every = run(rule, every, Night(on, quiet, None)).state
    assert run(rule, state, Night(on, quiet, None)).state.equals(every)


@settings(max_examples=10, deadline=None)
@given(rule=rules, nights=stories())
def test_the_state_is_the_same_after_a_trip_through_another_kind(
    rule: TierMemory, nights: list[Night]
) -> None:
    state, night = history(rule, nights), nights[-1]
    expected = run(rule, state, night).state
    if state is not None:
        for other in (state.to_pandas(), state.to_arrow()):
            assert run(rule, other, night).state.equals(expected)
    in_pandas = Night(night.on, night.judged.to_pandas(), night.grants)  # type: ignore[arg-type]
    assert pl.from_pandas(run(rule, state, in_pandas).state).equals(expected)
