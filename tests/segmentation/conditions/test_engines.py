"""Random conditions on random tables: the same rows on every engine, and the right ones."""

from zoneinfo import ZoneInfo

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


@settings(suppress_health_check=_QUIET, phases=_PHASES)
@given(conditions=st.lists(CONDITIONS, min_size=1, max_size=3), given=tables(), today=DAY)
def test_every_engine_keeps_the_rows_that_are_meant(
    conditions: list[Condition], given: Tables, today: object
) -> None:
    context = Context(today=today, time_zone=ZONE)  # type: ignore[arg-type]  # a day
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
def spark() -> object:
    """A session of Spark; it needs Java."""
    sql = pytest.importorskip("pyspark.sql", reason="uv sync --group spark, and Java")
    builder = sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.sql.session.timeZone", ZONE)
    return builder.config("spark.sql.shuffle.partitions", "1").getOrCreate()
