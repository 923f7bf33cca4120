"""Random conditions on random tables: the same rows on every engine, and the right ones."""

import shutil
from collections.abc import Iterator
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.segmentation.conditions._engines import ENGINES, SQL, ZONE, Tables, needs, rows_kept
from tests.segmentation.conditions._meaning import Meaning
from tests.segmentation.conditions._random import CONDITIONS, DAY, LEAVES, LOGIC, tables

from omniltv.segmentation import Condition, Context
from omniltv.segmentation.conditions import kinds

_QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def rows_meant(condition: Condition, given: Tables, context: Context) -> list[int]:
    rows = given.customers.to_pylist()
    meaning = Meaning(
        rows, given.events.to_pylist(), given.draws.to_pylist(), context.day(), ZoneInfo(ZONE)
    )
    return [row["row"] for row in rows if meaning.holds(condition, row)]


# Shrinking takes minutes: databases are asked again and again.
_PHASES = [Phase.explicit, Phase.reuse, Phase.generate]
# Each example runs its conditions on seven engines.
_EXAMPLES = settings().max_examples // 5


@settings(suppress_health_check=_QUIET, phases=_PHASES, max_examples=_EXAMPLES)
@given(conditions=st.lists(CONDITIONS, min_size=1, max_size=3), given=tables(), today=DAY)
def test_every_engine_keeps_the_rows_that_are_meant(
    conditions: list[Condition], given: Tables, today: date
) -> None:
    context = Context(today=today, time_zone=ZONE)
    for name, build in ENGINES.items():
        for condition in conditions:
            if name in SQL and needs(condition):
                continue
            found = rows_kept(condition, given, build, context)
            assert found == rows_meant(condition, given, context), name


def test_the_random_conditions_are_of_every_kind() -> None:
    built_in = {key for key, kind in kinds().items() if kind.__module__.startswith("omniltv")}
    assert built_in == {*LEAVES, *LOGIC}


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """A session of Spark in the retailer's time zone; it needs Java."""
    sql = pytest.importorskip("pyspark.sql", reason="uv sync --group spark")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    builder = sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.sql.session.timeZone", ZONE)
    session = builder.config("spark.sql.shuffle.partitions", "1").getOrCreate()
    yield session
    session.stop()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Spark and py4j
def test_spark_keeps_the_rows_that_are_meant(spark: Any) -> None:
    def build(table: pa.Table) -> Any:
        names = [(field.name, in_spark(field.type)) for field in table.schema]
        rows = [tuple(row.values()) for row in table.to_pylist()]
        schema = ", ".join(f"{name} {kind}" for name, kind in names)
        return spark.createDataFrame(rows, schema)

    @settings(suppress_health_check=_QUIET, phases=_PHASES, max_examples=max(4, _EXAMPLES // 4))
    @given(conditions=st.lists(CONDITIONS, min_size=2, max_size=4), given=tables(), today=DAY)
    def same(conditions: list[Condition], given: Tables, today: date) -> None:
        context = Context(today=today, time_zone=ZONE)
        for condition in conditions:
            assert rows_kept(condition, given, build, context) == rows_meant(
                condition, given, context
            )

    same()


def in_spark(kind: pa.DataType) -> str:
    """Return the type of a column in the words of Spark."""
    if pa.types.is_timestamp(kind):
        return "timestamp_ntz" if kind.tz is None else "timestamp"
    if pa.types.is_decimal(kind):
        return "decimal(10,2)"
    plain = {
        pa.int64(): "bigint",
        pa.float64(): "double",
        pa.date32(): "date",
        pa.bool_(): "boolean",
    }
    return plain.get(kind, "string")
