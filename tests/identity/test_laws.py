from collections.abc import Callable

import pytest

from omniltv.identity import Blocker, Comparison, KeyBlocker, Records
from omniltv.identity.blocking import DEFAULT_BLOCKERS
from omniltv.identity.comparisons import DEFAULT_COMPARISONS
from omniltv.testing.identity_laws import BLOCKER_LAWS, COMPARISON_LAWS, example_records


def _name(law: object) -> str:
    return str(getattr(law, "__name__", ""))


@pytest.mark.parametrize("law", COMPARISON_LAWS, ids=_name)
@pytest.mark.parametrize("comparison", DEFAULT_COMPARISONS, ids=lambda c: c.name)
def test_comparison(comparison: Comparison, law: Callable[[Comparison, Records], None]) -> None:
    law(comparison, example_records())


@pytest.mark.parametrize("law", BLOCKER_LAWS, ids=_name)
@pytest.mark.parametrize("blocker", DEFAULT_BLOCKERS, ids=lambda b: b.name)
def test_blocker(blocker: Blocker, law: Callable[[Blocker, Records], None]) -> None:
    law(blocker, example_records())


def test_the_defaults_read_columns_that_exist_and_decide_comparisons_that_exist() -> None:
    columns = set(example_records().columns)
    names = {comparison.name for comparison in DEFAULT_COMPARISONS}
    for blocker in DEFAULT_BLOCKERS:
        assert isinstance(blocker, KeyBlocker)
        assert set(blocker.columns) <= columns
        assert set(blocker.decides) <= names
    for comparison in DEFAULT_COMPARISONS:
        assert set(comparison.columns) <= columns
