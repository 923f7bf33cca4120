"""Tiers as a column of any engine: those of `TierScheme.assign`."""

import warnings
from datetime import date
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from tests.segmentation.conditions._engines import ENGINES

from omniltv.errors import ConfigError, DataError, DataWarning
from omniltv.segmentation import Condition, Cut, ReachProbability, Tier, TierScheme
from omniltv.segmentation.scores import SchemeTier, scored
from omniltv.segmentation.scores import tier as tier_module

N = 400
RNG = np.random.default_rng(15)
CUSTOMERS = pd.DataFrame(
    {
        "customer_id": np.arange(N),
        "value": RNG.gamma(2.0, 50.0, N).round(),
        "realised_value": RNG.gamma(2.0, 80.0, N).round(),
        "upper": RNG.gamma(2.0, 90.0, N),
        "channel": RNG.choice(["store", "ec"], N),
    }
)
STORE = Condition.where("channel", "eq", "store")
SCHEMES = {
    "high, potential, general": TierScheme.high_potential_general(upper="upper"),
    "amounts": TierScheme(tiers=(Tier(name="a", value_at_least=Cut(amount=150.0)), Tier(name="b"))),
    "ties in, a condition": TierScheme(
        tiers=(
            Tier(name="a", value_at_least=Cut(share=0.1, ties="in"), when=STORE),
            Tier(name="b", value_at_least=Cut(share=0.3), realised_below=Cut(share=0.4)),
            Tier(name="c", when=~STORE),
            Tier(name="d"),
        )
    ),
    "a share among some": TierScheme(
        tiers=(
            Tier(name="a", value_at_least=Cut(share=0.2, among=STORE)),
            Tier(name="b", value_at_least=Cut(share=1.0)),
            Tier(name="c"),
        )
    ),
    "a share of nobody": TierScheme(
        tiers=(
            Tier(name="a", value_at_least=Cut(share=0.001)),
            Tier(name="b", value_at_least=Cut(share=0.5, among=Condition.where("value", "lt", 0))),
            Tier(name="c"),
        )
    ),
}


@pytest.mark.parametrize("name", SCHEMES)
def test_tiers_are_those_of_the_scheme_on_any_engine(name: str) -> None:
    scheme = SCHEMES[name]
    expected = scheme.assign(CUSTOMERS).tier.tolist()
    assert len(set(expected)) > 1 or name == "a share of nobody"
    for engine in ("pandas", "polars lazy", "duckdb"):
        frame = ENGINES[engine](pa.Table.from_pandas(CUSTOMERS, preserve_index=False))
        found = nw.from_native(scored(frame, SchemeTier(scheme=scheme))).sort("customer_id")
        rows = found.collect() if isinstance(found, nw.LazyFrame) else found
        assert rows["tier"].to_list() == expected, engine


def test_the_classes_of_the_whole_funnel_are_a_column() -> None:
    days = [date(2026, 5, 1), date(2026, 6, 1), date(2024, 1, 1), None, None, None]
    people = pa.table(
        {
            "customer_id": list("abcdef"),
            "realised_value": [90.0, 20.0, 50.0, 0.0, 0.0, 0.0],
            "purchases": [9, 1, 4, 0, 0, 0],
            "last_purchase": pa.array(days, pa.date32()),
            "known": [True, True, True, True, False, None],
            "interest": [2, 0, 0, 1, 3, 0],
        }
    )
    classes = TierScheme.customer_classes(active_since="2025-07-01", best=Cut(amount=60.0))
    for engine in ("pandas", "polars lazy", "pyarrow", "duckdb"):
        found = scored(ENGINES[engine](people), SchemeTier(scheme=classes, name="customer_class"))
        table = nw.from_native(found).sort("customer_id")
        rows = table.collect() if isinstance(table, nw.LazyFrame) else table
        assert rows["customer_class"].to_list() == list(classes.names), engine


def test_ties_at_the_line_are_said_on_any_engine() -> None:
    frame = pd.DataFrame({"customer_id": range(100), "value": [5.0] * 30 + [1.0] * 70})
    scheme = TierScheme(tiers=(Tier(name="a", value_at_least=Cut(share=0.2)), Tier(name="b")))
    said = []
    for give in (scheme.assign, lambda table: scored(table, SchemeTier(scheme=scheme))):
        with pytest.warns(DataWarning) as caught:
            give(frame)
        said.append(str(caught[0].message))
    assert said[0] == said[1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scored(frame.assign(value=range(100)), SchemeTier(scheme=scheme))


def test_columns_and_lines_that_several_tiers_have_are_counted_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted: list[int] = []

    def collected(table: Any) -> Any:
        counted[-1] += 1
        return table.collect()

    monkeypatch.setattr(tier_module, "collected", collected)
    one = Tier(name="a", value_at_least=Cut(share=0.1), realised_below=Cut(share=0.4))
    two = one.model_copy(update={"name": "b", "when": STORE})
    for tiers in ((one,), (one, two)):
        counted.append(0)
        scheme = TierScheme(tiers=(*tiers, Tier(name="c")))
        scored(pl.from_pandas(CUSTOMERS).lazy(), SchemeTier(scheme=scheme))
    assert counted[0] == counted[1] > 0


def test_what_needs_python_or_a_table_is_refused() -> None:
    class Big:
        name = "big"

        def holds(self, customers: Any) -> Any:
            return customers["value"].to_numpy() > 10

    ruled = TierScheme(tiers=(Tier(name="a", rules=(Big(),)), Tier(name="b")))
    with pytest.raises(ConfigError, match="rules written in Python"):
        scored(CUSTOMERS, SchemeTier(scheme=ruled))
    with pytest.raises(ConfigError, match="needs a probability"):
        scored(CUSTOMERS, SchemeTier(scheme=TierScheme.high_potential_general()))
    chance = ReachProbability(tier="a", at_least=0.1)
    assert chance.at_least == 0.1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_named(bad: float) -> None:
    value = CUSTOMERS["value"].to_numpy().copy()
    value[[7, 9]] = bad
    scheme = SCHEMES["ties in, a condition"]
    for engine in ("pandas", "polars lazy", "duckdb"):
        table = pa.Table.from_pandas(CUSTOMERS.assign(value=value), preserve_index=False)
        with pytest.raises(DataError, match="missing or infinite numbers in 2 rows") as caught:
            scored(ENGINES[engine](table), SchemeTier(scheme=scheme))
        assert caught.value.column == "value"
        assert set(caught.value.rows) == {7, 9}


def test_a_document_has_the_scheme_and_a_version() -> None:
    score = SchemeTier(scheme=SCHEMES["a share among some"])
    assert SchemeTier.from_yaml(score.to_yaml()) == score
    assert score.columns == {"value", "channel"}
    text = SCHEMES["amounts"].to_yaml()
    assert text.startswith("version: 1\n")
    with pytest.raises(ConfigError, match=r"version \(line 1\)"):
        TierScheme.from_yaml(text.replace("version: 1", "version: 2"))
