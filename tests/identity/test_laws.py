from collections.abc import Callable

import pytest

from omniltv.identity import (
    BestFirstClusterer,
    Blocker,
    Clusterer,
    Comparison,
    InMemoryEngine,
    KeyBlocker,
    LinkEngine,
    Records,
    SplinkEngine,
    SqlComparison,
)
from omniltv.identity.linking.blocking import DEFAULT_BLOCKERS
from omniltv.identity.linking.comparisons import DEFAULT_COMPARISONS
from omniltv.testing.identity_laws import (
    BLOCKER_LAWS,
    CLUSTERER_LAWS,
    COMPARISON_LAWS,
    ENGINE_LAWS,
    SQL_LAWS,
    example_records,
)

IN_SQL = [c for c in DEFAULT_COMPARISONS if isinstance(c, SqlComparison)]


def _name(law: object) -> str:
    return str(getattr(law, "__name__", ""))


@pytest.mark.parametrize("law", COMPARISON_LAWS, ids=_name)
@pytest.mark.parametrize("comparison", DEFAULT_COMPARISONS, ids=lambda c: c.name)
def test_comparison(comparison: Comparison, law: Callable[[Comparison, Records], None]) -> None:
    law(comparison, example_records())


@pytest.mark.parametrize("law", SQL_LAWS, ids=_name)
@pytest.mark.parametrize("comparison", IN_SQL, ids=lambda c: c.name)
def test_sql_of_a_comparison(
    comparison: SqlComparison, law: Callable[[SqlComparison, Records], None]
) -> None:
    law(comparison, example_records())


@pytest.mark.parametrize("law", BLOCKER_LAWS, ids=_name)
@pytest.mark.parametrize("blocker", DEFAULT_BLOCKERS, ids=lambda b: b.name)
def test_blocker(blocker: Blocker, law: Callable[[Blocker, Records], None]) -> None:
    law(blocker, example_records())


@pytest.mark.parametrize("law", ENGINE_LAWS, ids=_name)
@pytest.mark.parametrize(
    "engine", [InMemoryEngine(), SplinkEngine()], ids=lambda e: type(e).__name__
)
def test_engine(engine: LinkEngine, law: Callable[[LinkEngine, Records], None]) -> None:
    law(engine, example_records())


@pytest.mark.parametrize("law", CLUSTERER_LAWS, ids=_name)
def test_clusterer(law: Callable[[Clusterer], None]) -> None:
    law(BestFirstClusterer())


def test_the_defaults_read_columns_that_exist_and_decide_comparisons_that_exist() -> None:
    columns = set(example_records().columns)
    names = {comparison.name for comparison in DEFAULT_COMPARISONS}
    for blocker in DEFAULT_BLOCKERS:
        assert isinstance(blocker, KeyBlocker)
        assert set(blocker.columns) <= columns
        assert set(blocker.decides) <= names
    for comparison in DEFAULT_COMPARISONS:
        assert set(comparison.columns) <= columns
