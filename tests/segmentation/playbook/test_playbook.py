"""Playbooks as documents: the table, the schema, and faults with their paths."""

import json
from typing import Any

import jsonschema
import pytest

from omniltv.errors import ConfigError
from omniltv.segmentation.playbook import Playbook

GOOD: dict[str, Any] = {
    "version": 1,
    "tiers": ["high", "general"],
    "classes": ["customer", "prospect"],
    "resources": [{"name": "calls"}],
    "campaigns": [{"name": "spring", "first": "2026-03-01", "last": "2026-03-14"}],
    "treatments": [
        {"name": "call", "channel": "call", "owner": "sales", "tiers": "high",
         "uses": {"calls": 1}, "trigger": {"enquired": ["call"]},
         "when": {"column": "age", "op": "ge", "value": 30}},
        {"name": "news", "channel": "ec", "owner": "marketing", "cost": 2.0, "hold_out": 0.1},
        {"name": "card", "channel": "store", "owner": "sales", "campaign": "spring"},
    ],
    "scenarios": [
        {"name": "welcome", "trigger": {"first_purchase": 0}, "tiers": ["general"],
         "steps": [{"treatment": "news"},
                   {"treatment": "news", "name": "news again", "after": "news", "days": 3}]},
    ],
    "policy": {"caps": [{"contacts": 2, "days": 7}], "quiet": {"start": 21, "end": 8}},
}  # fmt: skip


def changed(*steps: tuple[Any, ...]) -> dict[str, Any]:
    """Return the document with values changed: the path, then the value; `...` removes it."""
    document: dict[str, Any] = json.loads(json.dumps(GOOD))
    for *path, key, value in steps:
        part: Any = document
        for step in path:
            part = part[step]
        if value is ...:
            del part[key]
        else:
            part[key] = value
    return document


def test_a_playbook_reads_back() -> None:
    playbook = Playbook.model_validate(GOOD)
    assert Playbook.from_yaml(playbook.to_yaml()) == playbook
    assert playbook.owners == ("sales", "marketing")
    assert playbook.channels_of == {"call": ("call",), "news": ("ec",), "card": ("store",)}


def test_the_table_of_tiers_and_channels() -> None:
    playbook = Playbook.model_validate(GOOD)
    table = playbook.table().to_frame().set_index("tier")
    assert table.loc["high", "call"] == "call (sales)"
    general = table.to_dict("index")["general"]
    assert list(general.values()) == ["", "news (marketing)", "card (sales)"]
    assert playbook.gaps() == (("general", "call"),)
    assert playbook.table(by="class").to_frame()["class"].tolist() == ["customer", "prospect"]


def test_the_schema_accepts_what_is_accepted() -> None:
    schema = Playbook.json_schema()
    jsonschema.validate(GOOD, schema)
    for wrong in (
        changed(("treatments", 1, "owner", ...)),
        changed(("treatments", 0, "trigger", {"enquired": []})),
        changed(("treatments", 0, "when", {"column": "age", "op": "nearly", "value": 3})),
        changed(("treatments", 1, "cost", -1)),
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)
        with pytest.raises(ConfigError):
            Playbook.model_validate(wrong)


@pytest.mark.parametrize(
    ("change", "path", "words"),
    [
        (("treatments", 1, "owner", ...), "treatments[1].owner", "Field required"),
        (("treatments", 1, "owner", ""), "treatments[1].owner", "empty"),
        (("treatments", 0, "tiers", ["hihg"]), "treatments[0].tiers", "no tier 'hihg'"),
        (("treatments", 0, "classes", "x"), "treatments[0].classes", "no class 'x'"),
        (("treatments", 0, "uses", {"cals": 1}), "treatments[0].uses", "no resource 'cals'"),
        (("treatments", 0, "uses", {"calls": -1}), "treatments[0].uses.calls", "greater than"),
        (("treatments", 1, "cost", -2), "treatments[1].cost", "greater than"),
        (("treatments", 2, "campaign", "fall"), "treatments[2].campaign", "no campaign"),
        (("treatments", 1, "hold_out", 1.0), "treatments[1].hold_out", "less than 1"),
        (("treatments", 2, GOOD["treatments"][1]), "treatments[2]", "news on ec stands twice"),
        (("campaigns", 0, "last", "2026-02-01"), "campaigns[0]", "before the first"),
        (("scenarios", 0, "steps", 1, "treatment", "x"), "scenarios[0].steps[1].treatment",
         "no treatment 'x'"),
        (("scenarios", 0, "steps", 1, "treatment", "call"), "scenarios[0].steps[1].treatment",
         "trigger of its own"),
        (("scenarios", 0, "steps", 0, "after", "news again"), "scenarios[0].steps[0].after",
         "news -> news again -> news"),
        (("scenarios", 0, "steps", 1, "after", "nes"), "scenarios[0].steps[1].after",
         "no step 'nes'"),
        (("scenarios", 0, "steps", 1, "name", "news"), "scenarios[0].steps[1].name", "two steps"),
        (("scenarios", 0, "tiers", ["gold"]), "scenarios[0].tiers", "no tier 'gold'"),
        (("policy", "caps", 0, "days", 0), "policy.caps[0].days", "greater than"),
        (("policy", "quiet", "end", 21), "policy.quiet", "leave no time"),
        (("tretments", []), "tretments", "not permitted"),
    ],
)  # fmt: skip
def test_faults_are_named_with_their_path(change: tuple[Any, ...], path: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Playbook.model_validate(changed(change))
    assert caught.value.parameter == path
    assert words in str(caught.value)


def test_the_line_of_a_fault_in_yaml() -> None:
    text = Playbook.model_validate(GOOD).to_yaml()
    lines = text.splitlines()
    at = next(number for number, line in enumerate(lines, 1) if "owner: marketing" in line)
    lines[at - 1] = lines[at - 1].replace("owner", "ovner")
    with pytest.raises(ConfigError, match=rf"treatments\[1\]\.ovner \(line {at}\)"):
        Playbook.from_yaml("\n".join(lines))
