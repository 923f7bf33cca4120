"""A hundred malformed or hostile documents: each is our error, with the path to the fault."""

import re
from functools import reduce
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from tests._work import calls_at_most

from omniltv.errors import ConfigError
from omniltv.segmentation import Condition

OK = "{column: a, op: eq, value: 1}"
# A document and the place of its fault. The JSON Schema refuses these, too.
FAULTS: list[tuple[str, str]] = [
    # Not a condition at all
    ("17", "top level"), ("text", "top level"), ("[]", "top level"), ("{}", "top level"),
    ("null", "top level"), ("true", "top level"), ("[{column: a, op: eq, value: 1}]", "top level"),
    ("{colum: a}", "top level"), ("{column: a}", "top level"), ("{value: 1}", "top level"),
    ("{1: 2}", "top level"), ("{all_of: [], any_of: []}", "top level"),
    ("{not_: {}, op: eq, column: a}", "top level"), ("{AND: []}", "top level"),
    ("{lambda: 'x: True'}", "top level"), ("{sql: '1=1; drop table customers'}", "top level"),
    # Logic
    ("{all_of: []}", "all_of"), ("{any_of: []}", "any_of"), ("{all_of: 1}", "all_of"),
    ("{all_of: x}", "all_of"), ("{all_of: {}}", "all_of"), ("{not_: null}", "not_"),
    ("{not_: []}", "not_"), ("{not_: [1]}", "not_"), ("{not_: 'true'}", "not_"),
    (f"{{not_: {OK}, more: 1}}", "more"), (f"{{all_of: [{OK}], column: a}}", "column"),
    (f"{{all_of: [{OK}, 1]}}", "all_of[1]"), (f"{{any_of: [{OK}, [{OK}]]}}", "any_of[1]"),
    (f"{{all_of: [{OK}, {{not_: {{any_of: [{OK}, {{}}]}}}}]}}", "all_of[1].not_.any_of[1]"),
    (f"{{all_of: [{OK}, {{not_: {{column: a, op: is, value: 1}}}}]}}", "all_of[1].not_.op"),
    # Comparisons
    ("{column: a, op: like, value: 1}", "op"), ("{column: a, op: 1, value: 1}", "op"),
    ("{column: a, op: [eq], value: 1}", "op"), ("{column: a, op: null, value: 1}", "op"),
    ("{column: a, op: EQ, value: 1}", "op"), ("{op: eq, value: 1}", "column"),
    ("{column: 1, op: eq, value: 1}", "column"), ("{column: '', op: eq, value: 1}", "column"),
    ("{column: [a], op: eq, value: 1}", "column"), ("{column: {a: 1}, op: eq, value: 1}", "column"),
    ("{column: null, op: eq, value: 1}", "column"), ("{column: a, op: eq}", "top level"),
    ("{column: a, op: eq, value: null}", "top level"),
    ("{column: a, op: eq, value: {}}", "value"), ("{column: a, op: eq, value: [1]}", "top level"),
    ("{column: a, op: eq, value: [[1]]}", "value"), ("{column: a, op: in, value: 3}", "top level"),
    ("{column: a, op: in, value: []}", "top level"), ("{column: a, op: in}", "top level"),
    ("{column: a, op: in, value: [{}]}", "value"), ("{column: a, op: in, value: [null]}", "value"),
    ("{column: a, op: between, value: [1]}", "top level"),
    ("{column: a, op: between, value: [1, 2, 3]}", "top level"),
    ("{column: a, op: between, value: 1}", "top level"),
    ("{column: a, op: is_missing, value: 3}", "top level"),
    ("{column: a, op: is_missing, other: b}", "top level"),
    ("{column: a, op: eq, value: 1, other: b}", "top level"),
    ("{column: a, op: in, value: [1], other: b}", "top level"),
    ("{column: a, op: eq, other: 1}", "other"),
    ("{column: a, op: ge, value: 1, vaule: 2}", "vaule"),
    ("{column: a, op: eq, value: 1, __class__: x}", "__class__"),
    # Text
    ("{column: a, text: like, part: x}", "text"), ("{column: a, text: contains}", "part"),
    ("{column: a, text: contains, part: ''}", "part"),
    ("{column: a, text: starts, part: 1}", "part"),
    ("{text: ends, part: x}", "column"), ("{column: a, text: ends, part: [x]}", "part"),
    ("{column: a, text: contains, part: x, regex: true}", "regex"),
    # Ranks
    ("{column: a, rank: best, count: 1}", "rank"), ("{column: a, rank: top}", "top level"),
    ("{column: a, rank: top, count: 1, share: 0.1}", "top level"),
    ("{column: a, rank: top, count: 0}", "count"), ("{column: a, rank: top, count: '3'}", "count"),
    ("{column: a, rank: top, count: 1.5}", "count"), ("{column: a, rank: top, share: 0}", "share"),
    ("{column: a, rank: top, share: 1.1}", "share"),
    ("{column: a, rank: top, share: '0.1'}", "share"),
    ("{column: a, rank: top, count: true}", "count"),
    ("{column: a, rank: top, count: 1, ties: maybe}", "ties"),
    ("{column: a, rank: top, count: 1, by: 1}", "by"), ("{rank: top, count: 1}", "column"),
    # Dates
    ("{column: a, within: past, count: 1}", "within"), ("{column: a, within: last}", "count"),
    ("{column: a, within: last, count: 0}", "count"),
    ("{column: a, within: last, count: -1}", "count"),
    ("{column: a, within: last, count: 1, unit: fortnights}", "unit"),
    ("{column: a, within: last, count: 999999999}", "count"),
    ("{column: a, within: next, count: 1, anniversary: 1}", "anniversary"),
    ("{column: a, within: next, count: 1, leap_day: skip}", "leap_day"),
    ("{column: a, weekday: funday}", "weekday"), ("{column: a, weekday: []}", "weekday"),
    ("{column: a, weekday: friday, nth: 6}", "nth"),
    ("{column: a, weekday: friday, nth: 0}", "nth"),
    # Tiers, events, chances
    ("{in_tier: []}", "in_tier"), ("{in_tier: 3}", "in_tier"),
    ("{in_tier: gold, or_better: true}", "top level"), ("{in_tier: [gold, gold]}", "in_tier"),
    ("{moved: sideways, order: [a, b]}", "moved"), ("{moved: up}", "order"),
    ("{moved: up, order: [a]}", "order"), ("{moved: up, order: [a, b], from_tier: 1}", "from_tier"),
    ("{happened: []}", "happened"), ("{happened: visit, at_least: 0}", "at_least"),
    ("{happened: visit, at_most: -1}", "at_most"), ("{happened: visit, where: 1}", "where"),
    ("{happened: visit, where: {column: a, op: x}}", "where.op"),
    ("{happened: visit, at_least: '2'}", "at_least"),
    ("{chance: 0, draws_of: v, reaches: 1}", "chance"), ("{chance: 0.5, reaches: 1}", "draws_of"),
    ("{chance: 1.5, draws_of: v, reaches: 1}", "chance"), ("{chance: 0.5, draws_of: v}", "reaches"),
    ("{chance: 0.5, draws_of: v, reaches: '1'}", "reaches"),
]  # fmt: skip
# JSON Schema cannot say these: an order between two fields, and members of another field.
BEYOND_SCHEMA: list[tuple[str, str]] = [
    ("{happened: visit, at_least: 3, at_most: 2}", "top level"),
    ("{in_tier: gold, order: [silver, bronze]}", "top level"),
    ("{moved: up, order: [a, a]}", "top level"),
    ("{moved: up, order: [a, b], to_tier: c}", "top level"),
]
SCHEMA = Draft202012Validator(Condition.json_schema())


def test_there_are_a_hundred() -> None:
    assert len(FAULTS) + len(BEYOND_SCHEMA) >= 100
    assert len({text for text, _ in FAULTS}) == len(FAULTS)


@pytest.mark.parametrize(("text", "path"), FAULTS + BEYOND_SCHEMA)
def test_a_fault_is_our_error_with_its_path(text: str, path: str) -> None:
    with pytest.raises(ConfigError, match=rf"(: |; ){re.escape(path)}\S* \(line 1\): ") as caught:
        Condition.from_yaml(text)
    assert "pydantic.dev" not in str(caught.value)


@pytest.mark.parametrize(("text", "path"), FAULTS)
def test_the_json_schema_refuses_what_the_library_refuses(text: str, path: str) -> None:
    assert not SCHEMA.is_valid(as_json(yaml.safe_load(text)))


def as_json(value: Any) -> Any:
    """Return data with lists in place of tuples, and keys of text, as JSON has them."""
    if isinstance(value, dict):
        return {str(key): as_json(item) for key, item in value.items()}
    return [as_json(item) for item in value] if isinstance(value, (list, tuple)) else value


HOSTILE = {
    "an alias to itself": "&a {not_: *a}",
    "a tag": "!!python/object/apply:os.system ['true']",
    "a tag inside": "{column: a, op: eq, value: !!python/name:os.system x}",
    "five thousand brackets": "[" * 5_000,
    "deep": "{not_: " * 39 + OK + "}" * 39,
    "laughs": f"a: &a [{OK}, {OK}]\n"
    + "".join(f"b{k}: &b{k} [{', '.join(['*a'] * 9)}]\n" for k in range(9)),
    "not a number": "{column: a, op: ge, value: .nan}",
    "infinite": "{column: a, op: ge, value: .inf}",
    "no text": "{column: a, op: eq, value: \ud800}",
    "two documents": f"{OK}\n---\n{OK}",
    "a repeated key": "{column: a, column: b, op: eq, value: 1}",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_are_refused_at_once(name: str) -> None:
    with calls_at_most(1_500_000), pytest.raises(ConfigError):
        Condition.from_yaml(HOSTILE[name])


def test_code_in_a_text_is_a_text() -> None:
    text = "__import__('os').system('true')"
    assert (
        Condition.where("a", "eq", text).root
        == Condition.from_yaml(f'{{column: a, op: eq, value: "{text}"}}').root
    )


def test_a_tower_of_negations_is_refused_with_the_limit() -> None:
    def tower() -> Condition:
        return reduce(lambda condition, _: ~condition, range(400), Condition.where("a", "eq", 1))

    with pytest.raises(ConfigError, match="more than 16 levels of conditions"):
        tower()


def test_documents_in_python_have_the_same_limits() -> None:
    deep: dict[str, Any] = {"column": "a", "op": "eq", "value": 1}
    for _ in range(5_000):
        deep = {"not_": deep}
    with pytest.raises(ConfigError, match="more than 16 levels"):
        Condition.model_validate(deep)
    cycle: dict[str, Any] = {}
    cycle["all_of"] = [cycle, cycle]
    with calls_at_most(3_000_000), pytest.raises(ConfigError, match="more than"):
        Condition.model_validate(cycle)
    one = Condition.where("a", "eq", 1)
    with pytest.raises(ConfigError, match="more than 1,000 conditions"):
        Condition.model_validate({"all_of": [one] * 1_000})


def test_the_deepest_allowed_condition_comes_back_from_yaml() -> None:
    condition = Condition.where("a", "in", [1, 2])
    for _ in range(15):
        condition = Condition.model_validate({"all_of": [condition]})
    assert Condition.from_yaml(condition.to_yaml()) == condition


def test_many_conditions_may_be_joined_by_operators() -> None:
    condition = Condition.where("a", "ne", 0)
    for value in range(1, 300):
        condition &= Condition.where("a", "ne", value)
    assert len(condition.root.parts()) == 300
