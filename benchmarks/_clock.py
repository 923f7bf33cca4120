"""Time of the steps inside one call, without what inner steps take.

A step is a function of a package, named by the module that defines it. While a clock runs,
a function that counts the time stands in its place, in every module that has imported it.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import reduce, wraps
from importlib import import_module
from typing import Any

__all__ = ["Clock"]


@dataclass(frozen=True, eq=False)
class Clock:
    """Seconds by step: wall-clock time and processor time.

    Attributes:
        seconds: Wall-clock seconds by step.
        cpu: Seconds of all cores by step.
    """

    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    cpu: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    @contextmanager
    def running(self, steps: Mapping[str, str], *, rest: str = "rest") -> Iterator[None]:
        """Count the time of steps while the block runs.

        Args:
            steps: Name of the step by ``module:function`` or ``module:Class.method``; several
                may share a step. The modules that call them must be loaded.
            rest: Name of what is outside all steps.
        """
        timed = [(_get(place), self._timed(step, _get(place))) for place, step in steps.items()]
        for function, other in timed:
            _put(function, other)
        try:
            with self._counted(rest):
                yield
        finally:
            for function, other in timed:
                _put(other, function)

    def _timed(self, step: str, function: Callable[..., object]) -> Callable[..., object]:
        @wraps(function)
        def timed(*args: object, **named: object) -> object:
            with self._counted(step):
                return function(*args, **named)

        return timed

    @contextmanager
    def _counted(self, step: str) -> Iterator[None]:
        """Count the time of a block for a step, and take it from the step around it."""
        inner = sum(self.seconds.values()), sum(self.cpu.values())
        start = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            whole = time.perf_counter() - start[0], time.process_time() - start[1]
            self.seconds[step] += whole[0] - (sum(self.seconds.values()) - inner[0])
            self.cpu[step] += whole[1] - (sum(self.cpu.values()) - inner[1])


def _get(place: str) -> Callable[..., object]:
    module, _, name = place.partition(":")
    loaded: Any = import_module(module)
    found: Callable[..., object] = reduce(getattr, name.split("."), loaded)
    return found


def _put(function: Callable[..., object], other: Callable[..., object]) -> None:
    """Put another function in place of one, wherever its package has it."""
    package = function.__module__.partition(".")[0]
    for module in [*sys.modules.values()]:
        if module.__name__.partition(".")[0] == package:
            classes = [own for own in vars(module).values() if isinstance(own, type)]
            for holder in (module, *classes):
                for own in [own for own, value in vars(holder).items() if value is function]:
                    setattr(holder, own, other)
