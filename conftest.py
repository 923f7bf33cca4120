"""Settings that hold for every test and every example in a docstring."""

import os
import sys

# Set before NumPy is imported. One thread for each worker: two workers with two threads each
# take longer than two with one, and sums of floats do not depend on the number of processors.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ["MPLBACKEND"] = "Agg"
# Every worker, and every interpreter that a test starts, imports thousands of modules: compiled
# once, they load in a third of the time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

from collections.abc import Generator  # noqa: E402 - after the settings
from pathlib import Path  # noqa: E402 - after the settings

import pytest  # noqa: E402 - after the settings
from _pytest.doctest import DoctestModule  # noqa: E402 - after the settings
from hypothesis import settings  # noqa: E402 - after the settings

# Other processes may share the machine: time is measured by benchmarks, not here.
# A property is tried on 25 inputs, other ones each time; --hypothesis-profile=thorough tries more.
settings.register_profile("here", deadline=None, max_examples=25)
settings.register_profile("ci", deadline=None, max_examples=25, derandomize=True)
settings.register_profile("thorough", deadline=None, max_examples=1_000)
settings.load_profile("ci" if os.environ.get("CI") else "here")


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(
    file_path: Path,
) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Leave out the docstrings of a file without an example: it need not be imported."""
    found = yield
    if file_path.suffix != ".py" or ">>> " in file_path.read_text("utf-8"):
        return found
    return [part for part in found if not isinstance(part, DoctestModule)]
