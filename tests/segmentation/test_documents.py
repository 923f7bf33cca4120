"""Documents in YAML: version 1.2, strict, within limits, and read back as they were written."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests._work import calls_at_most

from omniltv.data import ColumnMap
from omniltv.errors import ConfigError
from omniltv.segmentation import Condition, TierScheme


def value_of(text: str) -> object:
    """Return the value of a condition that is written with a text."""
    root = Condition.from_yaml(f"{{column: a, op: eq, value: {text}}}").root
    return getattr(root, "value")  # noqa: B009 - one of four classes


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("-7", -7),
        ("1:30", "1:30"),
        ("yes", "yes"),
        ("off", "off"),
        ("True", True),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1_000", "1_000"),
        ("'010'", "010"),
        ("!!str 10", "10"),
        ("2024-01-31", date(2024, 1, 31)),
        ("2024-01-31T10:00:00Z", datetime(2024, 1, 31, 10, tzinfo=UTC)),
        ("2024-01-31x", "2024-01-31x"),
    ],
)
def test_values_are_those_of_yaml_1_2(text: str, value: object) -> None:
    found = value_of(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tiers:\n- name: a\n  name: b", "line 3: the key 'name' is repeated"),
        ("tiers:\n- name: a\n  realised_below: {amount: true}\n", r"amount \(line 3\)"),
        ("tiers:\n- name: a\n  realised_below: {amount: '5'}\n", r"amount \(line 3\)"),
        ("tiers:\n- name: a\n  realised_below:\n    amount: 1:30\n", r"amount \(line 4\)"),
        ("tiers:\n- name: 2024-13-45", "line 2: '2024-13-45' is not a number or date"),
        ("tiers:\n- name: a\n  nme: b", r"nme \(line 3\): Extra"),
        ("tiers:\n- &a {name: a, when: *a}", "line 2: the alias"),
        ("tiers:\n- *b", "line 2: the alias"),
        ("tiers: []\n---\ntiers: []", "line 2: a second document"),
        ("? [1]\n: 2", "line 1: a key is a single value"),
        ("a: !!binary 12", "line 1: the tag"),
        ("a: !!set {b}", "line 1: the tag"),
        ("a: " + "9" * 5_000, "line 1: '999.*is not a number"),
        ("a: 1e999", "line 1: '1e999' is not a number"),
        ("a: \x00", "not YAML"),
        ("a: \ud800", "not YAML"),
        ("a:\n\t- b", "line 2: not YAML"),
        ("", "top level"),
        ("just text", "top level"),
    ],
)
def test_errors_name_the_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TierScheme.from_yaml(text)


BOMBS = {
    "deep": "[" * 5_000,
    "deep blocks": "".join("  " * k + "a:\n" for k in range(60)),
    "deep and closed": "a: " + "[" * 200 + "]" * 200,
    "laughs": "a0: &a0 [x, x]\n"
    + "".join(f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, 9)),
    "deep by aliases": "a0: &a0 [x]\n"
    + "".join(f"a{k}: &a{k} [*a{k - 1}]\n" for k in range(1, 90)),
    "large": "a: " + "x" * 10_000_000,
    "many": "[" + "1," * 120_000 + "1]",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_at_once(name: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb.yaml"
    path.write_text(BOMBS[name], encoding="utf-8")
    for source in (BOMBS[name], path):
        with calls_at_most(1_500_000), pytest.raises(ConfigError, match=r"Hint: "):
            TierScheme.from_yaml(source)


def test_an_endless_file_is_refused() -> None:
    with pytest.raises(ConfigError, match="not a file"):
        TierScheme.from_yaml(Path("/dev/zero"))


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbftiers: [{name: a}]")
    (tmp_path / "b.yaml").write_bytes(b"tiers: [{name: \x82\xa0}]")
    assert TierScheme.from_yaml(tmp_path / "a.yaml").tiers[0].name == "a"
    with pytest.raises(ConfigError, match="not UTF-8"):
        TierScheme.from_yaml(tmp_path / "b.yaml")


def test_a_value_may_be_repeated_by_an_alias() -> None:
    text = "any_of: [&a {column: x, op: eq, value: 1}, {not_: *a}]"
    one = Condition.where("x", "eq", 1)
    assert Condition.from_yaml(text) == one | ~one


SCALARS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["0o7", "1e5", "1:30", "010", "yes", "~", "null", "2024-13-45", ".5", "-"]),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.dates(min_value=date(1000, 1, 1)),
    st.datetimes(min_value=datetime(1000, 1, 1)).map(lambda t: t.replace(fold=0)),  # noqa: DTZ001 - without a zone
)


@given(value=SCALARS)
def test_any_value_comes_back(value: object) -> None:
    condition = Condition.where("a", "in", [value, value])  # type: ignore[list-item]
    found = Condition.from_yaml(condition.to_yaml())
    assert found == condition
    assert repr(found) == repr(condition)


@pytest.mark.parametrize(
    "read",
    [TierScheme.from_yaml, Condition.from_yaml, ColumnMap.from_yaml],
    ids=lambda f: f.__qualname__,
)
@given(text=st.text(st.sampled_from("ab:-[]{},&*!|>'\"#%?~01.\n\t \\é\x00\ud800"), max_size=40))
def test_any_text_is_read_or_refused(read: Callable[[str], object], text: str) -> None:
    try:
        read(text)
    except ConfigError:
        return
