"""Tiers: every customer gets exactly one, at the border as well."""

from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from omniltv.draws import RowDraws
from omniltv.errors import ConfigError, DataError
from omniltv.segmentation import (
    Condition,
    Cut,
    ProbabilisticTiering,
    ReachProbability,
    Tier,
    TierScheme,
)

REST = Tier(name="rest")


def customers(value: list[float], realised: list[float] | None = None) -> pd.DataFrame:
    bought = [0.0] * len(value) if realised is None else realised
    ids = [f"c{k}" for k in range(len(value))]
    return pd.DataFrame({"customer_id": ids, "value": value, "realised_value": bought}).astype(
        {"value": "float64", "realised_value": "float64"}
    )


@pytest.fixture
def world() -> tuple[pd.DataFrame, RowDraws]:
    rng = np.random.default_rng(5)
    mean = rng.lognormal(3, 1, 400)
    draws = mean[:, None] * rng.gamma(1.5, 1 / 1.5, (400, 300))
    return customers(mean.tolist(), rng.lognormal(3, 1, 400).tolist()), RowDraws.from_array(draws)


def test_default_scheme_follows_its_definition(world: tuple[pd.DataFrame, RowDraws]) -> None:
    frame, draws = world
    tiering = TierScheme.high_potential_general(chance=0.25).assign(frame, draws=draws)
    value, realised = frame["value"].to_numpy(), frame["realised_value"].to_numpy()
    line = np.sort(value)[-80]
    high = value >= line
    upside = (draws.to_array() >= line).mean(axis=1) >= 0.25
    potential = ~high & (realised < np.sort(realised)[-200]) & upside
    expected = np.select([high, potential], ["high", "potential"], "general")
    assert tiering.tier.tolist() == expected.tolist()
    assert (expected == "potential").sum() > 20
    assert tiering.scheme.tiers[0].value_at_least == Cut(amount=line)


def test_probabilities_are_the_tier_rule_applied_draw_by_draw(
    world: tuple[pd.DataFrame, RowDraws],
) -> None:
    frame, draws = world
    scheme = TierScheme(
        tiers=(
            Tier(name="gold", value_at_least=Cut(share=0.1)),
            Tier(
                name="silver",
                value_at_least=Cut(amount=20.0),
                when=Condition.where("realised_value", "lt", 25),
            ),
            Tier(name="promise", chance=ReachProbability(tier="gold", at_least=0.1)),
            Tier(name="rest"),
        )
    )
    tiering = scheme.assign(frame, draws=draws)
    gold = tiering.scheme.tiers[0].value_at_least
    assert gold is not None
    values = draws.to_array()
    promised = (values >= gold.at(())).mean(axis=1) >= 0.1
    silver = (frame["realised_value"].to_numpy() < 25)[:, None] & (values >= 20)
    code = np.select(
        [values >= gold.at(()), silver, promised[:, None] & (values > -1)], [0, 1, 2], 3
    )
    by_hand = np.stack([(code == k).mean(axis=1) for k in range(4)], axis=1)
    assert np.allclose(tiering.probabilities, by_hand)


def test_upper_quantile_stands_in_for_draws(world: tuple[pd.DataFrame, RowDraws]) -> None:
    frame, draws = world
    upper = np.quantile(draws.to_array(), 0.75, axis=1, method="inverted_cdf")
    with_column = TierScheme.high_potential_general(chance=0.25, upper="upper")
    by_column = with_column.assign(frame.assign(upper=upper))
    by_draws = TierScheme.high_potential_general(chance=0.25).assign(frame, draws=draws)
    assert not isinstance(by_column, ProbabilisticTiering)
    assert np.mean(by_column.tier == by_draws.tier) > 0.99  # a draw at the very quantile aside


def test_chances_without_draws_or_quantile_are_refused() -> None:
    with pytest.raises(ConfigError, match="there are no draws"):
        TierScheme.high_potential_general().assign(customers([1.0, 2.0]))


amounts = st.lists(st.sampled_from([0.0, 1.0, 1.0, 2.5, 1e9]), max_size=25)


@pytest.mark.filterwarnings("ignore:.*tied at the line:omniltv.errors.DataWarning")
@given(value=amounts, share=st.floats(0.01, 1), seed=st.integers(0, 99))
def test_every_customer_has_exactly_one_tier_and_no_budget_is_exceeded(
    value: list[float], share: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    frame = customers(value, rng.choice([0.0, 3.0], len(value)).tolist())
    draws = RowDraws.from_array(rng.exponential(2, (len(value), 7)))
    scheme = TierScheme.high_potential_general(high=Cut(share=share))
    tiering = scheme.assign(frame, draws=draws)
    assert len(tiering.tier) == len(value)
    assert set(tiering.tier) <= set(tiering.names)
    assert (tiering.tier == "high").sum() <= share * len(value) + 1e-9
    assert np.allclose(tiering.probabilities.sum(axis=1), 1)
    assert (tiering.probabilities >= 0).all()
    high, rest = frame["value"][tiering.code == 0], frame["value"][tiering.code > 0]
    assert high.empty or rest.empty or high.min() > rest.max()
    assert tiering.summary().to_frame()["customers"].sum() == len(value)
    again = scheme.assign(frame.iloc[::-1], draws=draws.take(np.arange(len(value))[::-1]))
    assert again.tier[::-1].tolist() == tiering.tier.tolist()


@pytest.mark.filterwarnings("ignore:.*tied at the line:omniltv.errors.DataWarning")
@pytest.mark.parametrize(
    ("value", "high"),
    [
        ([], 0),
        ([5.0], 0),
        ([5.0] * 10, 0),
        ([1.0, 2.0, 3.0, 4.0, 5.0], 1),
        ([9.0, 9.0, 1, 1, 1], 0),
    ],
)
def test_small_and_tied_tables(value: list[float], high: int) -> None:
    draws = RowDraws.from_array(np.ones((len(value), 3)))
    tiering = TierScheme.high_potential_general().assign(customers(value), draws=draws)
    assert (tiering.tier == "high").sum() == high
    assert len(tiering.first(3)) == min(3, len(value))
    assert len(repr(tiering.summary())) > 10


def test_first_is_by_tier_then_value() -> None:
    frame = customers([5.0, 40.0, 7.0, 50.0, 1.0])
    scheme = TierScheme(
        tiers=(
            Tier(name="low first", when=Condition.where("value", "lt", 10)),
            Tier(name="others"),
        )
    )
    first = scheme.assign(frame).first(4).to_frame()
    assert first["customer_id"].tolist() == ["c2", "c0", "c4", "c3"]
    assert first["place"].tolist() == [1, 2, 3, 4]


def test_amounts_stay_where_they_were_fixed() -> None:
    scheme = TierScheme(tiers=(Tier(name="top", value_at_least=Cut(share=0.5)), Tier(name="rest")))
    fixed = scheme.with_amounts(customers([1.0, 2.0, 3.0, 4.0]))
    later = fixed.assign(customers([3.5, 9.0, 8.0]))
    assert later.tier.tolist() == ["top", "top", "top"]
    nobody = scheme.with_amounts(customers([1.0]))
    assert TierScheme.from_yaml(nobody.to_yaml()) == nobody
    assert nobody.assign(customers([1.0, 1.5])).tier.tolist() == ["rest", "top"]
    with pytest.raises(DataError, match="'top': no customers to take a share of"):
        scheme.with_amounts(customers([]))


def test_frames_of_other_kinds_and_ids_that_are_numbers() -> None:
    frame = pl.DataFrame({"id": [7, 8], "ltv": [1.0, 2.0]})
    top = Tier(name="top", value_at_least=Cut(amount=2))
    scheme = TierScheme(tiers=(top, Tier(name="rest")), customer_id="id", value="ltv")
    out = scheme.assign(frame.lazy()).to_frame("polars")
    assert out.columns == ["id", "tier", "ltv"]
    assert out["id"].to_list() == [7, 8]
    assert out.join(frame, on="id").height == 2


def test_a_scheme_written_in_yaml(tmp_path: Path) -> None:
    file = tmp_path / "tiers.yaml"
    file.write_text(
        """
tiers:
- name: high
  value_at_least: {share: 0.2}
- name: potential
  realised_below: {amount: 10000}
  chance: {tier: high, at_least: 0.1}
  when: {column: channel, op: ne, value: staff}
- name: general
""",
        encoding="utf-8",
    )
    scheme = TierScheme.from_yaml(file)
    assert scheme.tiers[1].when == Condition.where("channel", "ne", "staff")
    assert TierScheme.from_yaml(scheme.to_yaml()) == scheme


def test_names_in_any_script_are_readable_in_yaml(tmp_path: Path) -> None:
    scheme = TierScheme(tiers=(Tier(name="潜在LTV", value_at_least=Cut(amount=5)), Tier(name="他")))
    assert "- name: 潜在LTV\n  value_at_least:\n    amount: 5.0\n- name: 他" in scheme.to_yaml()
    file = tmp_path / "tiers.yaml"
    file.write_text(scheme.to_yaml(), encoding="utf-8")
    assert TierScheme.from_yaml(file) == scheme


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tiers: [{name: a}, {name: a}]", "same name"),
        ("tiers: [{name: a, value_at_least: {share: 0.2}}]", "has no requirements"),
        ("tiers: [{name: a}, {name: b}]", "has no requirements"),
        ("tiers: [{name: a, value_at_least: {share: 2}}, {name: b}]", r"tiers\[0\].value_at_least"),
        ("tiers: [{name: a, value_at_least: {}}, {name: b}]", "either share or amount"),
        ("tiers: [{name: a, chance: {tier: z, at_least: 0.1}}, {name: b}]", "chance needs a tier"),
        ("tiers: []", "tiers"),
        ("tier: []", r"tier \(line 1\):"),
        ("{tier: [], x: 1}", r"tiers .*: Field required; tier .*: Extra inputs.*; x .*: Extra"),
    ],
)
def test_schemes_that_make_no_sense(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TierScheme.from_yaml(text)


def test_bad_tables() -> None:
    scheme = TierScheme(tiers=(Tier(name="top", value_at_least=Cut(share=0.5)), Tier(name="rest")))
    with pytest.raises(DataError, match="missing or infinite") as caught:
        scheme.assign(customers([1.0, float("nan"), float("inf")]))
    assert caught.value.rows == ("c1", "c2")
    with pytest.raises(DataError, match="several rows") as caught:
        scheme.assign(pd.DataFrame({"customer_id": ["a", "a"], "value": [1.0, 2.0]}))
    assert caught.value.rows == ("a",)
    with pytest.raises(DataError, match="no such column"):
        scheme.assign(pd.DataFrame({"customer_id": ["a"]}))
    with pytest.raises(DataError, match="not a column of numbers"):
        scheme.assign(pd.DataFrame({"customer_id": ["a"], "value": ["12"]}))
    with pytest.raises(DataError, match="missing ids"):
        scheme.assign(pd.DataFrame({"customer_id": ["a", None], "value": [1.0, 2.0]}))
    with pytest.raises(DataError, match="ids are floats"):
        scheme.assign(pd.DataFrame({"customer_id": [1.0, 2.0], "value": [1.0, 2.0]}))
    with pytest.raises(DataError, match="draws of 3 rows for 2 customers"):
        scheme.assign(customers([1.0, 2.0]), draws=RowDraws.from_array(np.ones((3, 2))))
    with pytest.raises(ConfigError, match="chance is"):
        TierScheme.high_potential_general(chance=1.5)


def test_summaries_add_up_customers_value_and_probability() -> None:
    gold = Tier(name="gold", value_at_least=Cut(amount=5.0))
    scheme = TierScheme(tiers=(gold, Tier(name="none", realised_below=Cut(amount=0.0)), REST))
    draws = RowDraws.from_array([[6.0, 6.0, 6.0, 2.0], [9.0, 1.0, 1.0, 1.0], [2.0, 2.0, 8.0, 8.0]])
    tiering = scheme.assign(customers([5.0, 3.0, 4.0]), draws=draws)
    summary = {name: values.tolist() for name, values in tiering.summary().data.items()}
    assert summary == {
        "tier": ["gold", "none", "rest"],
        "customers": [1, 0, 2],
        "share": pytest.approx([1 / 3, 0, 2 / 3]),
        "value": [5.0, 0.0, 7.0],
        "value_share": pytest.approx([5 / 12, 0, 7 / 12]),
        "expected_customers": [1.5, 0.0, 1.5],
        "mean_probability": [0.75, 0.0, 0.625],
    }
    assert repr(tiering) == "ProbabilisticTiering(3 customers: gold 1, none 0, rest 2)"


def test_lines_belong_to_the_tier_above_them() -> None:
    high = Tier(name="high", value_at_least=Cut(amount=50.0))
    upside = Tier(name="upside", chance=ReachProbability(tier="high", at_least=0.25))
    young = Tier(name="young", realised_below=Cut(amount=10.0))
    scheme = TierScheme(tiers=(high, upside, young, REST), upper="upper")
    frame = customers([50.0, 49.0, 1.0, 1.0, 1.0], [0.0, 90.0, 90.0, 10.0, 9.0])
    tiering = scheme.assign(frame.assign(upper=[50.0, 50.0, 49.0, 49.0, 49.0]))
    assert tiering.tier.tolist() == ["high", "upside", "rest", "rest", "young"]
    by_draws = scheme.model_copy(update={"upper": None})
    draws = RowDraws.from_array(np.array([[0.0, 0.0, 0.0, 50.0], [0.0, 0.0, 0.0, 49.0]]))
    found = by_draws.assign(customers([1.0, 1.0], [90.0, 90.0]), draws=draws)
    assert found.tier.tolist() == ["upside", "rest"]


class Even:
    """A rule that looks at two columns of the table."""

    name = "even"

    def __init__(self, answer: object = None) -> None:
        self.answer = answer

    def holds(self, customers: nw.DataFrame[Any]) -> NDArray[np.bool_]:
        if self.answer is not None:
            return np.asarray(self.answer)
        same = customers["value"].to_numpy() == customers["realised_value"].to_numpy()
        return np.asarray(same, dtype=np.bool_)


def test_a_rule_in_python_is_one_requirement_among_others() -> None:
    both = Tier(name="both", rules=(Even(),), when=Condition.where("value", "ge", 2))
    scheme = TierScheme(tiers=(both, REST))
    tiering = scheme.assign(customers([1.0, 2.0, 3.0], [1.0, 2.0, 9.0]))
    assert tiering.tier.tolist() == ["rest", "both", "rest"]
    with pytest.raises(ConfigError, match=r"'both' has rules written in Python\. Hint: use when="):
        scheme.to_yaml()


@pytest.mark.parametrize(
    ("answer", "got"),
    [([1, 0, 1], "int64 of shape"), ([True, False], r"bool of shape \(2,\) for 3 customers")],
)
def test_a_rule_that_does_not_answer_for_each_row_is_named(answer: object, got: str) -> None:
    scheme = TierScheme(tiers=(Tier(name="even", rules=(Even(answer),)), REST))
    with pytest.raises(DataError, match=f"the rule 'even' returned {got}.*\n?.*one boolean"):
        scheme.assign(customers([1.0, 2.0, 3.0]))


def test_errors_of_tables_carry_the_column_and_what_to_do() -> None:
    scheme = TierScheme(tiers=(REST,), customer_id="id")
    with pytest.raises(DataError, match="one row per customer") as caught:
        scheme.assign(pd.DataFrame({"id": ["a", "a"], "value": [1.0, 2.0]}))
    assert (caught.value.column, caught.value.rows) == ("id", ("a",))
    with pytest.raises(DataError, match=r"draws.take\(rows\) in the order of the frame"):
        TierScheme(tiers=(REST,)).assign(
            customers([1.0]), draws=RowDraws.from_array(np.ones((2, 2)))
        )


@pytest.mark.slow
def test_a_million_customers_in_constant_memory() -> None:
    n = 1_000_000
    rng = np.random.default_rng(1)
    state = rng.integers(0, 5_000, n)
    values = rng.lognormal(3, 1, (5_000, 200))
    draws = RowDraws.from_array(values, index=state)
    frame = pl.DataFrame(
        {"customer_id": np.arange(n), "value": draws.mean(), "realised_value": rng.random(n)}
    )
    tiering = TierScheme.high_potential_general().assign(frame, draws=draws)
    assert 0.19 < (tiering.code == 0).mean() <= 0.2
