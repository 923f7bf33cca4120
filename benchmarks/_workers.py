"""Fits on all cores at once: a process for each core, and a core for each process."""

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.queues import Queue

from omniltv.draws import cores

__all__ = ["workers"]


@contextmanager
def workers() -> Iterator[ProcessPoolExecutor]:
    """Yield a pool of processes, each on a core of its own: fits would otherwise use all."""
    context = get_context("spawn")
    places = context.Queue()
    for place in range(cores()):
        places.put(place)
    with ProcessPoolExecutor(
        cores(), mp_context=context, initializer=_alone, initargs=(places,)
    ) as pool:
        yield pool


def _alone(places: Queue[int]) -> None:
    if hasattr(os, "sched_setaffinity"):
        every = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {every[places.get() % len(every)]})
