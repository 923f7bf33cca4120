"""The cases of other people's data: each is a test by its number, and bad inputs have names."""

import re
from pathlib import Path

from tests.data.test_bad_input import LOGGED, REFUSED, SET_ASIDE
from tests.data.test_files import BAD
from tests.identity.test_bad_input import ODD
from tests.identity.test_bad_input import REFUSED as REFUSED_LISTS

TESTS = Path(__file__).parent
NUMBERED = re.compile(r"^def test_((?:[ab]\d+_)+)", re.MULTILINE)

# Twins and generations (b4, b5) are measured on whole lists, in benchmarks/linkage_shapes.py.
TABLES = {f"a{number}" for number in range(1, 17)}
PEOPLE = {f"b{number}" for number in range(1, 24)} - {"b4", "b5"}


def test_every_case_is_a_test_by_its_number() -> None:
    found: set[str] = set()
    for path in TESTS.rglob("test_*.py"):
        for names in NUMBERED.findall(path.read_text("utf-8")):
            found |= {*names.strip("_").split("_")}
    assert (TABLES | PEOPLE) - found == set()


def test_bad_inputs_are_named_and_at_least_130() -> None:
    tables = [f"table: {bad.name}" for bad in REFUSED]
    tables += [f"table: {bad.name}" for bad in (*SET_ASIDE, *LOGGED)]
    lists = [f"list: {name}" for name in (*(odd.name for odd in ODD), *REFUSED_LISTS)]
    names = [*tables, *lists, *(f"file: {name}" for name in BAD)]
    assert len(set(names)) == len(names) >= 130
