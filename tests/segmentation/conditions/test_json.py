"""Conditions as JSON and YAML: what is written comes back, and the JSON Schema accepts it."""

import json
from datetime import date, datetime
from typing import Any

from hypothesis import given
from jsonschema import Draft202012Validator
from pydantic import BaseModel
from tests.segmentation.conditions._random import CONDITIONS, LEAVES, LOGIC

from omniltv.segmentation import Condition

SCHEMA: Any = Condition.json_schema()


def without_dates(condition: Condition) -> Any:
    return json.loads(condition.model_dump_json(exclude_defaults=True))


@given(condition=CONDITIONS)
def test_a_condition_comes_back_and_the_schema_accepts_it(condition: Condition) -> None:
    assert Condition.from_yaml(condition.to_yaml()) == condition
    written = condition.model_dump_json()
    read = Condition.model_validate_json(written)
    assert read.model_dump_json() == written
    Draft202012Validator(SCHEMA).validate(json.loads(written))
    Draft202012Validator(SCHEMA).validate(without_dates(condition))


def test_the_schema_is_one_and_has_every_kind() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    keys = {key for part in SCHEMA["$defs"].values() for key in part.get("required", ())}
    assert {*LEAVES, *LOGIC} <= keys
    assert len(SCHEMA["$defs"]["Condition"]["oneOf"]) >= len(LEAVES) + len(LOGIC)


def test_days_and_moments_in_json_are_text() -> None:
    for value in (date(2026, 3, 1), datetime.fromisoformat("2026-03-01T10:00")):
        condition = Condition.where("t", "ge", value)
        read = Condition.model_validate_json(condition.model_dump_json())
        assert read.root.value == value.isoformat()  # type: ignore[attr-defined]  # a comparison


def test_a_model_that_has_a_condition_has_a_schema() -> None:
    class Offer(BaseModel):
        when: Condition

    assert Offer.model_json_schema()["properties"]["when"]
