"""Sets of conditions: a document with a version, marked in one pass on every engine."""

import itertools
import json
from datetime import date
from typing import Any

import narwhals as nw
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from jsonschema import Draft202012Validator
from tests.segmentation.conditions._engines import ENGINES
from tests.segmentation.conditions._meaning import Meaning
from tests.segmentation.conditions._random import TIERS

from omniltv.errors import ConfigError, DataError
from omniltv.segmentation import Condition, ConditionSet, Context, Moved

TEXT = """
version: 1
conditions:
  regular: {column: purchases, op: ge, value: 3}
  best: {column: value, rank: top, share: 0.5}
  visitor: {happened: visit, at_least: 2}
  recent: {column: last, within: last, count: 30}
"""
RULES = ConditionSet.from_yaml(TEXT)
PEOPLE = pa.table(
    {
        "customer_id": ["a", "b", "c", "d"],
        "purchases": [5, None, 3, 1],
        "value": [10.0, 30.0, None, 20.0],
        "last": pa.array([date(2026, 3, 30), None, date(2025, 1, 1), date(2026, 4, 1)]),
    }
)
EVENTS = pa.table({"customer_id": ["a", "a", "b", "z"], "kind": ["visit"] * 4})
MARKS = {
    "regular": [True, False, True, False],
    "best": [False, True, False, False],
    "visitor": [True, False, False, False],
    "recent": [True, False, False, True],
}


@pytest.mark.parametrize("engine", ENGINES)
def test_all_conditions_are_marked_on_every_engine(engine: str) -> None:
    build = ENGINES[engine]
    context = Context(today=date(2026, 4, 1), events=build(EVENTS))
    marks = nw.from_native(RULES.marks(build(PEOPLE), context)).sort("customer_id")
    rows = marks.collect() if isinstance(marks, nw.LazyFrame) else marks
    assert rows.columns == [*PEOPLE.column_names, *MARKS]
    assert {name: rows[name].to_list() for name in MARKS} == MARKS


def test_a_set_comes_back_with_its_version() -> None:
    assert ConditionSet.from_yaml(RULES.to_yaml()) == RULES
    assert RULES.to_yaml().startswith("version: 1\n")
    assert ConditionSet.model_validate_json(RULES.model_dump_json()) == RULES
    with pytest.raises(ConfigError, match="version"):
        ConditionSet.from_yaml(TEXT.replace("version: 1", "version: 2"))


SCHEMA: Any = ConditionSet.json_schema()
FAULTS = [
    ("{}", "conditions"),
    ("{conditions: {}}", "conditions"),
    ("{conditions: [{column: a, op: eq, value: 1}]}", "conditions"),
    ("{conditions: {'': {column: a, op: eq, value: 1}}}", "conditions"),
    ("{conditions: {old: {column: a, op: is, value: 1}}}", "conditions.old.op"),
    ("{version: 2, conditions: {old: {column: a, op: eq, value: 1}}}", "version"),
    ("{version: '1', conditions: {old: {column: a, op: eq, value: 1}}}", "version"),
    ("{conditions: {old: {column: a, op: eq, value: 1}}, more: 1}", "more"),
]


def test_the_json_schema_accepts_what_is_written() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    Draft202012Validator(SCHEMA).validate(json.loads(RULES.model_dump_json()))
    Draft202012Validator(SCHEMA).validate(yaml.safe_load(TEXT))


@pytest.mark.parametrize(("text", "path"), FAULTS)
def test_the_library_and_the_schema_refuse_the_same(text: str, path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ConditionSet.from_yaml(text)
    assert path in str(caught.value)
    assert not Draft202012Validator(SCHEMA).is_valid(yaml.safe_load(text))


def test_faults_in_tables_are_our_errors() -> None:
    rules = ConditionSet(conditions={"old": Condition.where("age", "ge", 30)})
    for frame, column in (
        (pd.DataFrame({"a": [1]}), "age"),
        (pd.DataFrame({"age": [1], "old": [2]}), "old"),
        (pd.DataFrame({"age": ["x"]}), "age"),
    ):
        with pytest.raises(DataError) as caught:
            rules.marks(frame)
        assert caught.value.column == column


def test_every_kind_of_move_is_the_one_that_is_meant() -> None:
    names = (*TIERS, "other", None)
    rows = [{"tier": now, "tier_before": before} for now in names for before in names]
    frame = pd.DataFrame(rows)
    some = (None, "gold", ("silver", "bronze"))
    for moved, before, now in itertools.product(("up", "down", "any"), some, some):
        kind: Any = {"moved": moved, "order": TIERS, "from_tier": before, "to_tier": now}
        condition = Condition(Moved(**kind))
        meaning = Meaning(rows, [], [], date(2026, 1, 1), None)  # type: ignore[arg-type]  # no moments
        expected = [meaning.holds(condition, row) for row in rows]
        assert condition.mask(frame).tolist() == expected, condition
