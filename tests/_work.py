"""Bounds on the work that a hostile input causes, which hold on a busy machine too."""

import cProfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

HANGS = 30.0
"""CPU seconds; what is not refused at once takes minutes, or never ends."""


@contextmanager
def calls_at_most(number: int) -> Iterator[None]:
    """Assert that the block makes at most this many calls of functions."""
    with cProfile.Profile() as profile:
        yield
    made = sum(entry.callcount for entry in profile.getstats())
    assert made <= number, f"{made:,} calls"


@contextmanager
def no_hang() -> Iterator[None]:
    """Assert that the block ends long before a hang would."""
    start = time.process_time()
    yield
    assert time.process_time() - start < HANGS
