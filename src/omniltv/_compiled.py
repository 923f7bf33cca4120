"""Compiled functions, kept between processes if a folder can be written, else compiled again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache

from omniltv._log import LOG

__all__ = ["compiled"]


def compiled(*, nogil: bool = False) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator that compiles a function with Numba when it is first called.

    The machine code is kept beside the module, in the home folder, or in the folder that
    ``NUMBA_CACHE_DIR`` names. If none of them can be written, every process compiles again.

    Examples:
        >>> @compiled()
        ... def twice(x):
        ...     return 2 * x
        >>> twice(2)
        4
    """

    def decorate(function: Callable[..., Any]) -> Any:  # noqa: ANN401 - Numba has no types
        compiler = njit(nogil=nogil, error_model="numpy")(function)
        try:
            cache = _ForgivingCache(function)  # where its own enable_caching() has another one
            compiler._cache = cache  # noqa: SLF001 # pyright: ignore[reportAttributeAccessIssue]
        except RuntimeError:  # no folder can be written
            _say_no_cache()
        return compiler

    return decorate


class _ForgivingCache(FunctionCache):  # type: ignore[misc]  # Numba has no types
    """Machine code in files; if they cannot be read or written, the function is compiled."""

    @contextmanager
    def _guard_against_spurious_io_errors(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - a damaged file fails anywhere in unpickling
            LOG.info("compiled code cannot be read or written: %s", type(error).__name__)


@lru_cache(1)
def _say_no_cache() -> None:
    LOG.info(_NO_CACHE)


_NO_CACHE = (
    "no folder for compiled code can be written, so every process compiles again (about half a "
    "minute at the first fit); set NUMBA_CACHE_DIR to a folder that can be written"
)
