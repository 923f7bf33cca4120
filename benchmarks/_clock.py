"""Time of the steps inside one call, without what inner steps take.

A step is a function of a module, by name. While a clock runs, the name stands for a
function that counts its time; afterwards it stands for itself again.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from importlib import import_module

__all__ = ["Clock"]


@dataclass(frozen=True, eq=False)
class Clock:
    """Seconds by step: wall-clock time and processor time.

    Attributes:
        seconds: Wall-clock seconds by step.
        cpu: Seconds of all cores by step.
    """

    seconds: Counter[str] = field(default_factory=Counter)
    cpu: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def running(self, steps: Mapping[str, str], *, rest: str = "rest") -> Iterator[None]:
        """Count the time of steps while the block runs.

        Args:
            steps: Name of the step by ``module:function``; functions may share a name.
            rest: Name of what is outside all steps.
        """
        before = {place: _get(place) for place in steps}
        for place, step in steps.items():
            _put(place, self._timed(step, before[place]))
        try:
            with self._counted(rest):
                yield
        finally:
            for place, function in before.items():
                _put(place, function)

    def _timed(self, step: str, function: Callable[..., object]) -> Callable[..., object]:
        @wraps(function)
        def timed(*args: object, **named: object) -> object:
            with self._counted(step):
                return function(*args, **named)

        return timed

    @contextmanager
    def _counted(self, step: str) -> Iterator[None]:
        """Count the time of a block for a step, and take it from the step around it."""
        inner = self.seconds.total(), self.cpu.total()
        start = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            whole = time.perf_counter() - start[0], time.process_time() - start[1]
            self.seconds[step] += whole[0] - (self.seconds.total() - inner[0])
            self.cpu[step] += whole[1] - (self.cpu.total() - inner[1])


def _get(place: str) -> Callable[..., object]:
    module, _, name = place.partition(":")
    found: Callable[..., object] = getattr(import_module(module), name)
    return found


def _put(place: str, function: Callable[..., object]) -> None:
    module, _, name = place.partition(":")
    setattr(import_module(module), name, function)
