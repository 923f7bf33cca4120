"""Settings that hold for every test."""

import os

import matplotlib as mpl
from hypothesis import settings

mpl.use("Agg")
# A machine with other work is slow now and then: time is measured by benchmarks, not here.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")
