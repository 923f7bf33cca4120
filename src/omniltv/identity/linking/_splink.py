"""Link engine on Splink: a database finds and compares pairs; levels and scores are ours.

Splink's own scores have two classes, matches and non-matches, so they merge the families
in retail lists; `omniltv.identity.linking.scoring` describes the third class. Splink does the
blocking in SQL, on an embedded DuckDB or another of its backends. The database also compares
the pairs, by the conditions of each `SqlComparison`.

DuckDB's own string distances count bytes, so one wrong kanji counts as up to three edits.
Here they count characters, as in Splink's other backends: RapidFuzz computes the distance
of text that is not ASCII.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, cast

import duckdb
import numpy as np
import pyarrow as pa
import sqlglot
from duckdb.func import PythonUDFType
from duckdb.sqltypes import DOUBLE, VARCHAR
from numpy.typing import NDArray
from rapidfuzz.distance import OSA, JaroWinkler
from rapidfuzz.process import cpdist
from splink import DuckDBAPI, Linker, SettingsCreator, block_on
from splink.blocking_rule_library import And, CustomRule
from splink.internals.exceptions import SplinkException

from omniltv._arrays import Codes, Levels
from omniltv._options import Count, Seed, checked
from omniltv.errors import ConfigError, LinkError
from omniltv.identity.linking._chance import SampledComparisons, sampled
from omniltv.identity.linking._comparison_vectors import ComparisonVectors, compared
from omniltv.identity.linking.blocking import KeyBlocker, united
from omniltv.identity.linking.protocols import Blocker, Comparison, SqlComparison
from omniltv.identity.linking.scoring import learn, score
from omniltv.identity.linking.values import Candidates, LinkModel, Proposal, ScoredPairs
from omniltv.identity.records.columns import MISSING, Records

if TYPE_CHECKING:
    from splink.internals.database_api import DatabaseAPISubClass
    from splink.internals.dialects import SplinkDialect
    from splink.internals.splink_dataframe import SplinkDataFrame

__all__ = ["SplinkEngine"]

type ArrowColumns = Mapping[str, pa.Array]

_ROW, _NEW, _BLOCK = "omniltv_row", "omniltv_new", "omniltv_block"
_LIKENESS, _SLIPS, _LIKENESS_OF_TEXT = (
    "omniltv_likeness",
    "omniltv_slips",
    "omniltv_likeness_of_text",
)
_BY_CHARACTER = f"""
    CREATE TEMP MACRO {_LIKENESS}(a, b) AS CASE
        WHEN a IS NULL OR b IS NULL THEN NULL
        WHEN strlen(a) = length(a) AND strlen(b) = length(b)
            THEN jaro_winkler_similarity(least(a, b), greatest(a, b))
        ELSE {_LIKENESS_OF_TEXT}(least(a, b), greatest(a, b)) END
"""


@checked
@dataclass(frozen=True)
class SplinkEngine:
    """Links records with Splink 5 on an embedded DuckDB and unsupervised Fellegi-Sunter scores.

    It finds the pairs that `stitch` finds by itself and gives them the same levels and
    scores. A `SqlComparison` is evaluated in the database, any other comparison in Python.

    Args:
        memory_limit: Memory that DuckDB may use before it works on disk, such as ``"8GB"``;
            most of the memory of the machine if None.
        threads: Number of threads of DuckDB; one per core if None.
        temp_directory: Folder for data that does not fit into memory, until the link is done.
        database: Returns another database to work in: a new ``splink.DuckDBAPI`` or
            ``splink.SparkAPI`` at each call. What the engine puts into it is removed again.

    Raises:
        ConfigError: If the options do not go together.

    Examples:
        >>> from omniltv.identity import LinkSpec
        >>> LinkSpec(engine=SplinkEngine(memory_limit="2GB", threads=2)).engine
        SplinkEngine(memory_limit='2GB', threads=2, temp_directory=None, database=None)
    """

    memory_limit: str | None = None
    threads: int | None = None
    temp_directory: str | Path | None = None
    database: "Callable[[], DatabaseAPISubClass] | None" = None

    def __post_init__(self) -> None:
        own = (self.memory_limit, self.threads, self.temp_directory)
        if self.database is not None and own != (None, None, None):
            message = "memory_limit, threads and temp_directory are for the engine's own DuckDB"
            raise ConfigError(f"{message}. Hint: set them where `database` makes yours")
        if self.threads is not None and self.threads < 1:
            raise ConfigError(f"threads must be at least 1, got {self.threads}. Hint: threads=None")

    def link(
        self,
        records: Records,
        *,
        blockers: tuple[Blocker, ...],
        comparisons: tuple[Comparison, ...],
        max_block: Count,
        seed: Seed,
        model: LinkModel | None = None,
        new: NDArray[np.bool_] | None = None,
    ) -> ScoredPairs:
        """Return every candidate pair with its probability and evidence.

        Raises:
            ConfigError: If a comparison does not have one condition in SQL per level.
            LinkError: If the database cannot do it.
        """
        _check(comparisons)
        with self._opened() as database:
            found = _candidates(database, records, blockers, max_block=max_block, new=new)
            vectors = _vectors(database, records, found.left, found.right, comparisons)
            if model is None:
                sample = sampled(records, comparisons, seed=seed)
                levels = _vectors(database, records, sample.left, sample.right, comparisons)
                model = learn(
                    records, found, vectors, SampledComparisons(sample, levels), rules=blockers
                )
        return score(records, found, vectors, model)

    @contextmanager
    def _opened(self) -> "Iterator[DatabaseAPISubClass]":
        """Open the database; remove all tables at the end."""
        with _as_ours(), TemporaryDirectory(dir=self.temp_directory) as folder:
            if self.database is not None:
                with _borrowed(self.database()) as theirs:
                    yield theirs
                return
            options = {"memory_limit": self.memory_limit, "threads": self.threads}
            given = {name: value for name, value in options.items() if value is not None}
            with duckdb.connect(config={"temp_directory": folder, **given}) as connection:
                connection.execute("SET enable_progress_bar = false")
                with _borrowed(DuckDBAPI(connection)) as own:
                    yield own


def _check(comparisons: Sequence[Comparison]) -> None:
    for comparison in comparisons:
        if isinstance(comparison, SqlComparison) and len(comparison.sql) != len(comparison.levels):
            count = f"{len(comparison.levels)} levels and {len(comparison.sql)} conditions in SQL"
            hint = "one condition per level, the last for values that differ"
            raise ConfigError(f"comparison {comparison.name!r} has {count}. Hint: {hint}")


@contextmanager
def _as_ours() -> Iterator[None]:
    """Raise errors of the database as `LinkError`, without their text.

    It may quote values, and has the whole query in it.
    """
    try:
        yield
    except (SplinkException, duckdb.Error) as error:
        kind = type(error.__cause__ or error).__name__
        hint = "SplinkEngine(memory_limit=...) if it is OutOfMemory, else see the error above"
        raise LinkError(f"the database failed with {kind}. Hint: {hint}") from error


@contextmanager
def _borrowed(database: "DatabaseAPISubClass") -> "Iterator[DatabaseAPISubClass]":
    """Yield a database with string distances by character; restore it at the end."""
    try:
        with _by_character(database):
            yield database
    finally:
        database.delete_tables_created_by_splink_from_db()


@contextmanager
def _by_character(database: "DatabaseAPISubClass") -> Iterator[None]:
    if not isinstance(database, DuckDBAPI):  # the others have such functions
        yield
        return
    connection = database.duckdb_con
    distances: dict[str, Callable[..., float]] = {
        _LIKENESS_OF_TEXT: JaroWinkler.normalized_similarity,
        _SLIPS: OSA.distance,
    }
    for name, scorer in distances.items():
        function = _pairwise(scorer)
        connection.create_function(
            name, function, [VARCHAR, VARCHAR], DOUBLE, type=PythonUDFType.ARROW
        )
    connection.execute(_BY_CHARACTER)
    try:
        yield
    finally:
        connection.execute(f"DROP MACRO {_LIKENESS}")
        for name in distances:
            connection.remove_function(name)


def _pairwise(scorer: Callable[..., float]) -> Callable[[pa.Array, pa.Array], pa.Array]:
    def distances(left: pa.Array, right: pa.Array) -> pa.Array:
        one, other = (side.to_numpy(zero_copy_only=False) for side in (left, right))
        return pa.array(cpdist(one, other, scorer=scorer, dtype=np.float64))

    return distances


@contextmanager
def _registered(
    database: "DatabaseAPISubClass", columns: ArrowColumns
) -> "Iterator[SplinkDataFrame]":
    """Register a table in the database, and remove it at the end."""
    table = database.register(pa.table(dict(columns)))
    try:
        yield table
    finally:
        database._drop_temp_view_if_exists(table.physical_name)  # noqa: SLF001 - a DuckDB's is a view, too


def _candidates(
    database: "DatabaseAPISubClass",
    records: Records,
    blockers: Sequence[Blocker],
    *,
    max_block: Count,
    new: NDArray[np.bool_] | None,
) -> Candidates:
    """Return the pairs of all rules: key rules run in the database, others in Python."""
    blocks = {
        rule.name: rule.blocks(records, max_block=max_block, new=new)
        for rule in blockers
        if isinstance(rule, KeyBlocker)
    }
    left, right = _paired(database, [block for block, _ in blocks.values()], new)

    def proposal(rule: Blocker) -> Proposal:
        if rule.name not in blocks:
            return rule.propose(records, max_block=max_block, new=new)
        block, oversized = blocks[rule.name]
        here = (block[left] != MISSING) & (block[left] == block[right])
        return Proposal(left[here], right[here], oversized)

    return united({rule.name: proposal(rule) for rule in blockers}, n_records=len(records))


def _paired(
    database: "DatabaseAPISubClass", blocks: Sequence[Codes], new: NDArray[np.bool_] | None
) -> tuple[Codes, Codes]:
    """Return the pairs of records that share a block of some rule, left below right."""
    used = {f"{_BLOCK}_{k}": block for k, block in enumerate(blocks) if (block != MISSING).any()}
    if not used:  # without a rule, Splink pairs all records
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    rows = np.flatnonzero(np.any([block != MISSING for block in used.values()], axis=0))
    columns = {name: _known(block[rows]) for name, block in used.items()}
    columns[_ROW] = pa.array(rows)
    columns[_NEW] = pa.array(np.ones(len(rows), dtype=np.bool_) if new is None else new[rows])
    fresh = CustomRule(f"l.{_NEW} OR r.{_NEW}")
    settings = SettingsCreator(
        link_type="dedupe_only",
        blocking_rules_to_generate_predictions=[And(block_on(name), fresh) for name in used],
        unique_id_column_name=_ROW,
    )
    with _registered(database, columns) as table:
        linker = Linker(table, settings, log_level=None)
        found = linker.inference.compute_blocked_pairs_for_predict().as_pyarrow_table()
        linker.table_management.invalidate_cache()
    left, right = (found[f"join_key_{side}"].to_numpy() for side in "lr")
    return left, right


def _known(codes: Codes) -> pa.Array:
    return pa.array(codes, mask=codes == MISSING)


def _vectors(
    database: "DatabaseAPISubClass",
    records: Records,
    left: Codes,
    right: Codes,
    comparisons: tuple[Comparison, ...],
) -> ComparisonVectors:
    """Return the levels of pairs: from the database if a comparison has SQL, else from Python."""
    levels = np.full((len(left), len(comparisons)), MISSING, dtype=np.int8)
    in_sql = {k: c for k, c in enumerate(comparisons) if isinstance(c, SqlComparison)}
    in_python = [k for k in range(len(comparisons)) if k not in in_sql]
    others = tuple(comparisons[k] for k in in_python)
    levels[:, in_python] = compared(records, left, right, others).levels
    used = {k: c for k, c in in_sql.items() if set(c.columns) & set(records.columns)}
    if used and len(left):
        levels[:, list(used)] = _in_sql(database, records, left, right, list(used.values()))
    return ComparisonVectors(comparisons, levels)


def _in_sql(
    database: "DatabaseAPISubClass",
    records: Records,
    left: Codes,
    right: Codes,
    comparisons: Sequence[SqlComparison],
) -> Levels:
    """Return the levels of pairs by the SQL conditions, of shape (n_pairs, n_comparisons)."""
    names = sorted({name for comparison in comparisons for name in comparison.columns})
    rows = np.unique(np.concatenate([left, right]))
    texts = {_ROW: pa.array(rows), **{name: _texts(records, name, rows) for name in names}}
    ends = {"pair": np.arange(len(left)), "left_row": left, "right_row": right}
    numbers = {name: pa.array(values) for name, values in ends.items()}
    with _registered(database, texts) as table, _registered(database, numbers) as pairs:
        query = _query(comparisons, names, table.physical_name, pairs.physical_name)
        answer = database.query_sql(_translated(query, database.sql_dialect))
        found = cast("SplinkDataFrame", answer).as_pyarrow_table()
    result = np.empty((len(left), len(comparisons)), dtype=np.int8)
    order = found["pair"].to_numpy()
    for k in range(len(comparisons)):
        result[order, k] = found[f"level_{k}"].to_numpy()
    return result


def _texts(records: Records, name: str, rows: Codes) -> pa.Array:
    """Return the values of a column of some records, null where missing."""
    if name not in records.columns:
        return pa.nulls(len(rows), pa.string())
    column = records.columns[name]
    return pa.array(column.values.tolist(), pa.string()).take(_known(column.codes[rows]))


def _query(
    comparisons: Sequence[SqlComparison], names: Sequence[str], table: str, pairs: str
) -> str:
    """Return the query for the level of each pair in each comparison."""
    values = ", ".join(f'l."{name}" AS "{name}_l", r."{name}" AS "{name}_r"' for name in names)
    levels = ", ".join(f"{_case(c.sql)} AS level_{k}" for k, c in enumerate(comparisons))
    # Names and conditions come from code; data are in the tables only.
    return f"""
        SELECT pair, {levels} FROM (
            SELECT p.pair, {values} FROM {pairs} AS p
            JOIN {table} AS l ON l.{_ROW} = p.left_row
            JOIN {table} AS r ON r.{_ROW} = p.right_row
        ) AS compared
    """  # noqa: S608 - see above


def _case(conditions: Sequence[str]) -> str:
    cases = " ".join(f"WHEN {condition} THEN {level}" for level, condition in enumerate(conditions))
    return f"CAST(CASE {cases} ELSE {MISSING} END AS TINYINT)"


def _translated(query: str, dialect: "SplinkDialect") -> str:
    """Return a query in the dialect of a database, with string distances by character."""
    native = dialect.sqlglot_dialect == "duckdb"
    likeness = _LIKENESS if native else dialect.jaro_winkler_function_name
    slips = _SLIPS if native else dialect.damerau_levenshtein_function_name
    query = re.sub(r"\bjaro_winkler_similarity\b", likeness, query)
    query = re.sub(r"\bdamerau_levenshtein\b", slips, query)
    return query if native else sqlglot.transpile(query, "duckdb", dialect.sqlglot_dialect)[0]
