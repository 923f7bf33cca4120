"""The library's logger: steps with their rows and seconds, and decisions; never values."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from pathlib import PurePath
from threading import Event, Thread

__all__ = ["LOG", "logged"]

LOG = logging.getLogger("omniltv")

_SLOW = 1.0  # seconds; faster steps are logged at DEBUG
_EVERY = 30.0  # seconds between two lines of a step that is still running
_running: ContextVar[list[str] | None] = ContextVar("running", default=None)


def logged[**Arguments, Result](
    step: str,
) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """Return a decorator that logs each call of a function as a step.

    A step of at least a second is logged at INFO, others at DEBUG: its name, the length of its
    first argument that has rows, the length of its result, and its seconds. If it runs longer,
    a line appears every 30 seconds. Arguments and results are never logged.

    Args:
        step: What the function does, in a few words.

    Examples:
        >>> @logged("values doubled")
        ... def doubled(values):
        ...     return [2 * value for value in values]
        >>> doubled([1, 2])
        [2, 4]
    """

    def decorate(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        @wraps(function)
        def _call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            if not LOG.isEnabledFor(logging.INFO):
                return function(*args, **kwargs)
            start = time.perf_counter()
            with _watched(step):
                result = function(*args, **kwargs)
            seconds = time.perf_counter() - start
            level = logging.INFO if seconds >= _SLOW else logging.DEBUG
            given = _rows([*args, *kwargs.values()], "in")
            made = _rows(result if isinstance(result, tuple) else [result], "out")
            LOG.log(level, "%s: %s%s%.1f s", step, given, made, seconds)
            return result

        return _call

    return decorate


def _rows(values: Iterable[object], way: str) -> str:
    """Return the number of rows of the first value that has rows, in words."""
    for value in values:
        named = isinstance(value, (str, bytes, tuple, Mapping, PurePath))
        n = (
            len(value)
            if isinstance(value, Sized) and not named
            else getattr(value, "n_valid", None)
        )
        if n is not None:
            return f"{n:,} rows {way}, "
    return ""


@contextmanager
def _watched(step: str) -> Iterator[None]:
    """Log a line now and then while the outermost step is running."""
    outer = _running.get()
    if outer is not None:
        outer.append(step)
        try:
            yield
        finally:
            outer.pop()
        return
    steps, done = [step], Event()
    token = _running.set(steps)
    Thread(target=_say, args=(steps, done), daemon=True).start()
    try:
        yield
    finally:
        done.set()
        _running.reset(token)


def _say(steps: list[str], done: Event) -> None:
    start = time.perf_counter()
    while not done.wait(_EVERY):
        seconds = time.perf_counter() - start
        LOG.info("still running, %.0f s: %s", seconds, " > ".join(list(steps)))
