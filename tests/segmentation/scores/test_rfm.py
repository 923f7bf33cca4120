"""RFM: the levels that are stated, on every engine."""

from collections.abc import Mapping
from typing import Any

import narwhals as nw
import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.segmentation.conditions._engines import ENGINES
from tests.segmentation.conditions._meaning import absent
from tests.segmentation.conditions._random import tables

from omniltv.errors import ConfigError, DataError
from omniltv.segmentation.scores import CustomerScore, Rfm, scored

NAMES = ("rfm_recency", "rfm_frequency", "rfm_monetary")


def levels_meant(values: list[Any], levels: int) -> list[int]:
    known = [value for value in values if not absent(value)]
    return [
        0 if absent(value) else 1 + sum(v < value for v in known) * levels // len(known)
        for value in values
    ]


def by_row(frame: Any) -> list[Mapping[str, int]]:
    given = nw.from_native(frame).select("row", *NAMES, "rfm")
    rows = (given.collect() if isinstance(given, nw.LazyFrame) else given).rows(named=True)
    return sorted(rows, key=lambda row: row["row"])


@settings(max_examples=3, phases=[Phase.generate])
@given(given=tables(), levels=st.integers(2, 5))
def test_levels_are_the_stated_quantiles_on_every_engine(given: Any, levels: int) -> None:
    columns = {"recency": "day", "frequency": "n", "monetary": "v"}
    score = Rfm(levels=levels, **columns)  # type: ignore[arg-type]  # names of columns
    rows = given.customers.to_pylist()
    meant = [levels_meant([row[column] for row in rows], levels) for column in columns.values()]
    for name, build in ENGINES.items():
        table = given.customers.select(["row", *columns.values()])
        found = by_row(scored(build(table), score))
        for column, expected in zip(NAMES, meant, strict=True):
            assert [row[column] for row in found] == expected, (name, column)
        assert [row["rfm"] for row in found] == [sum(each) for each in zip(*meant, strict=True)]


def test_fixed_cuts_do_not_depend_on_the_others() -> None:
    score = Rfm(recency="a", frequency="b", monetary="c", frequency_cuts=(2, 5))
    table = pa.table({"a": [1, 2], "b": [2, 9], "c": [1.0, 2.0]})
    both = scored(table, score)["rfm_frequency"].to_pylist()
    assert both == [2, 3]
    assert scored(table.slice(1), score)["rfm_frequency"].to_pylist() == both[1:]


def test_faults_are_named() -> None:
    table = pa.table({"last_purchase": ["x"], "purchases": [1], "realised_value": [1.0]})
    with pytest.raises(DataError, match="a column of type String") as caught:
        scored(table, Rfm())
    assert caught.value.column == "last_purchase"
    with pytest.raises(ConfigError, match="ascending"):
        Rfm(monetary_cuts=(3, 1))
    with pytest.raises(DataError, match="name of a score"):
        scored(scored(pa.table({"a": [1]}), _Doubled()), _Doubled())


class _Doubled:
    """A score as a stranger would write it."""

    columns = frozenset({"a"})

    def expressions(self, scope: object) -> Mapping[str, nw.Expr]:
        del scope
        return {"doubled": nw.col("a") * 2}


def test_a_score_of_ones_own_needs_two_members() -> None:
    assert isinstance(_Doubled(), CustomerScore)
    assert scored(pa.table({"a": [1, 2]}), _Doubled())["doubled"].to_pylist() == [2, 4]
