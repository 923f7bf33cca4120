"""A kind of condition as a stranger would write it: one class, then used in documents."""

import sys
from typing import ClassVar

import narwhals as nw
import pandas as pd
import pytest
from pydantic import Field

from omniltv.errors import ConfigError
from omniltv.segmentation import Condition, ConditionKind, condition_kind
from omniltv.segmentation.conditions import Scope, kind, kinds


@condition_kind
class Multiple(ConditionKind):
    """True if a whole number is a multiple of another."""

    key: ClassVar[str] = "multiple_of"

    count_column: str
    multiple_of: int = Field(ge=1)

    @property
    def columns(self) -> frozenset[str]:
        return frozenset({self.count_column})

    def compiled(self, scope: Scope) -> nw.Expr:
        del scope
        return (nw.col(self.count_column) % self.multiple_of == 0).fill_null(value=False)


TEXT = "all_of: [{count_column: visits, multiple_of: 5}, {column: visits, op: gt, value: 0}]"


def test_it_is_read_run_and_written() -> None:
    condition = Condition.from_yaml(TEXT)
    assert condition.mask(pd.DataFrame({"visits": [0, 5, 7, 10]})).tolist() == [
        False, True, False, True,
    ]  # fmt: skip
    assert Condition.from_yaml(condition.to_yaml()) == condition
    assert condition.columns == {"visits"}
    assert "Multiple" in str(Condition.json_schema())


def test_its_faults_have_a_path() -> None:
    with pytest.raises(ConfigError, match=r"not_\.multiple_of"):
        Condition.model_validate({"not_": {"count_column": "a", "multiple_of": 0}})


def test_a_key_is_of_one_kind() -> None:
    class Clash(ConditionKind):
        key: ClassVar[str] = "op"

        op: str

    with pytest.raises(ConfigError, match="ColumnComparison has a field"):
        condition_kind(Clash)  # type: ignore[type-abstract]  # it is refused before that

    class NoField(ConditionKind):
        key: ClassVar[str] = "missing"

        name: str

    with pytest.raises(ConfigError, match="not a field"):
        condition_kind(NoField)  # type: ignore[type-abstract]  # it is refused before that


def test_kinds_of_installed_packages_are_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    class Point:
        def load(self) -> None:
            calls.append("loaded")

    registry = sys.modules[type(kind.KINDS).__module__]
    monkeypatch.setattr(registry, "entry_points", lambda *, group: [Point()] if group else [])
    monkeypatch.setattr(kind.KINDS, "_loaded", False)
    kinds()
    kinds()
    assert calls == ["loaded"]
